//! Fourier transforms.

use crate::Workload;
use crate::data::centred;
use orrery_kernels::fft::Fft;
use orrery_kernels::math::Float;

const LENGTH: usize = 65_536;

/// A unit of work is one complex transform, out of place.
struct Transform<T> {
    plan: Fft<T>,
    x: [Vec<T>; 2],
    y: [Vec<T>; 2],
}

/// Of [`LENGTH`] numbers.
pub fn transform<T: Float + Into<f64>>() -> impl Workload {
    let x = [1, 2].map(|seed| centred(seed, LENGTH));
    Transform::<T> { plan: Fft::new(LENGTH), y: x.clone(), x }
}

impl<T: Float + Into<f64>> Workload for Transform<T> {
    fn unit(&mut self) {
        let [re, im] = &mut self.y;
        re.copy_from_slice(&self.x[0]);
        im.copy_from_slice(&self.x[1]);
        self.plan.forward(re, im);
    }

    /// The sum of the products of real and imaginary parts.
    fn check(&self) -> f64 {
        self.y[0].iter().zip(&self.y[1]).map(|(&re, &im)| re.into() * im.into()).sum()
    }
}
