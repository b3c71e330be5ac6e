//! The Fourier transform of any length.

use super::Roots;
use super::stockham::{Stockham, fast_length, radices, space};
use crate::math::Float;

/// A plan for the discrete Fourier transform of `n` complex numbers, and the space to work in.
///
/// Real and imaginary parts lie in arrays of their own. Lengths with no prime factor above 5 take about `5 n log₂ n`
/// operations, any other about five times as many.
#[derive(Clone, Debug)]
pub struct Fft<T> {
    length: usize,
    algorithm: Algorithm<T>,
    space: Vec<T>,
}

#[derive(Clone, Debug)]
enum Algorithm<T> {
    Stockham(Stockham<T>),
    Bluestein(Bluestein<T>),
}

impl<T: Float> Fft<T> {
    /// For `n` numbers.
    pub fn new(n: usize) -> Self {
        let (algorithm, space) = match radices(n) {
            Some(radices) => (Algorithm::Stockham(Stockham::new(&radices)), space(n)),
            None => {
                let bluestein = Bluestein::new(n);
                let space = space(bluestein.length) + 2 * bluestein.length;
                (Algorithm::Bluestein(bluestein), space)
            }
        };
        Self { length: n, algorithm, space: vec![T::default(); space] }
    }

    /// `n`.
    pub fn length(&self) -> usize {
        self.length
    }

    /// `X_k = Σ_j x_j e^{−2πijk/n}`, in place.
    ///
    /// # Panics
    /// If there are not `n` real and `n` imaginary parts.
    pub fn forward(&mut self, re: &mut [T], im: &mut [T]) {
        assert_eq!((re.len(), im.len()), (self.length, self.length), "numbers to transform");
        match &self.algorithm {
            Algorithm::Stockham(plan) => plan.forward(re, im, &mut self.space),
            Algorithm::Bluestein(plan) => plan.forward(re, im, &mut self.space),
        }
    }

    /// `x_j = 1/n Σ_k X_k e^{2πijk/n}`, in place.
    ///
    /// # Panics
    /// If there are not `n` real and `n` imaginary parts.
    pub fn inverse(&mut self, re: &mut [T], im: &mut [T]) {
        // Exchanging the parts is conjugation and a quarter turn: the inverse is the transform between two of them.
        self.forward(im, re);
        let share = T::of(1.0 / self.length.max(1) as f64);
        re.iter_mut().chain(im).for_each(|x| *x = *x * share);
    }
}

/// L. I. Bluestein's transform (1970): with `jk = (j² + k² − (k − j)²) / 2` a transform of any length is a convolution
/// with the chirp `e^{πij²/n}`, done at a convenient length.
#[derive(Clone, Debug)]
struct Bluestein<T> {
    length: usize,
    plan: Stockham<T>,
    /// `e^{−πij²/n}`.
    chirp: (Vec<T>, Vec<T>),
    /// The transform of the conjugate chirp laid around the circle, divided by the length.
    filter: (Vec<T>, Vec<T>),
}

impl<T: Float> Bluestein<T> {
    fn new(n: usize) -> Self {
        let length = fast_length(2 * n);
        let plan = Stockham::new(&radices(length).unwrap_or_default());
        let roots = Roots::new(2 * n);
        // j² modulo 2n, so that the angle is exact.
        let chirp: Vec<_> = (0..n).map(|j| roots.at(-((j * j % (2 * n)) as i64))).collect();
        let part = |f: &dyn Fn(usize) -> f64| -> Vec<T> { (0..n).map(|j| T::of(f(j))).collect() };
        let (mut re, mut im) = (vec![0.0; length], vec![0.0; length]);
        for (j, chirp) in chirp.iter().enumerate() {
            for j in [j, (length - j) % length] {
                (re[j], im[j]) = (chirp.re / length as f64, -chirp.im / length as f64);
            }
        }
        // In double precision whatever T is, so that its error does not add to that of the two transforms to come.
        let exact = Stockham::<f64>::new(&radices(length).unwrap_or_default());
        exact.forward(&mut re, &mut im, &mut vec![0.0; space(length)]);
        let filter = [re, im].map(|part| part.into_iter().map(T::of).collect());
        let [re, im] = filter;
        Self { length, plan, chirp: (part(&|j| chirp[j].re), part(&|j| chirp[j].im)), filter: (re, im) }
    }

    fn forward(&self, re: &mut [T], im: &mut [T], space: &mut [T]) {
        let (work, space) = space.split_at_mut(2 * self.length);
        let (work_re, work_im) = work.split_at_mut(self.length);
        let n = re.len();
        work_re[n..].fill(T::default());
        work_im[n..].fill(T::default());
        times((work_re, work_im), (&*re, &*im), (&self.chirp.0, &self.chirp.1));
        self.plan.forward(work_re, work_im, space);
        // The inverse transform is the transform with real and imaginary parts exchanged.
        let (spectrum_re, spectrum_im) = space.split_at_mut(self.length);
        let spectrum_im = &mut spectrum_im[..self.length];
        times((spectrum_re, spectrum_im), (&*work_re, &*work_im), (&self.filter.0, &self.filter.1));
        work_re.copy_from_slice(spectrum_re);
        work_im.copy_from_slice(spectrum_im);
        self.plan.forward(work_im, work_re, space);
        times((re, im), (&*work_re, &*work_im), (&self.chirp.0, &self.chirp.1));
    }
}

/// `c = a b`, entry by entry, as far as `b` goes.
fn times<T: Float>(c: (&mut [T], &mut [T]), a: (&[T], &[T]), b: (&[T], &[T])) {
    let n = b.0.len();
    let (c_re, c_im) = (&mut c.0[..n], &mut c.1[..n]);
    let (a_re, a_im, b_re, b_im) = (&a.0[..n], &a.1[..n], &b.0[..n], &b.1[..n]);
    for k in 0..n {
        c_re[k] = a_re[k] * b_re[k] - a_im[k] * b_im[k];
        c_im[k] = a_re[k] * b_im[k] + a_im[k] * b_re[k];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Signal = (Vec<f64>, Vec<f64>);

    fn forward(mut x: Signal) -> Signal {
        Fft::new(x.0.len()).forward(&mut x.0, &mut x.1);
        x
    }

    fn apart(a: &Signal, b: &Signal) -> f64 {
        let far = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        far(&a.0, &b.0).max(far(&a.1, &b.1))
    }

    /// Two signals of one length, any up to 300.
    fn signals() -> impl Strategy<Value = (Signal, Signal)> {
        (1_usize..300).prop_flat_map(|n| {
            let part = || prop::collection::vec(-1.0_f64..1.0, n);
            ((part(), part()), (part(), part()))
        })
    }

    proptest! {
        #[test]
        fn each_coefficient_is_its_sum((x, _) in signals(), k in 0_i64..300) {
            use crate::linalg::Complex;
            let n = x.0.len();
            let points = x.0.iter().zip(&x.1).map(|(re, im)| Complex::new(*re, *im));
            let expected = Roots::new(n).coefficient(points, k);
            let k = k as usize % n;
            let found = forward(x);
            prop_assert!((found.0[k] - expected.re).abs() + (found.1[k] - expected.im).abs() < 1e-12);
        }

        #[test]
        fn the_inverse_undoes_it((x, _) in signals()) {
            let mut y = forward(x.clone());
            Fft::new(x.0.len()).inverse(&mut y.0, &mut y.1);
            prop_assert!(apart(&x, &y) < 1e-14);
        }

        #[test]
        fn energy_is_kept((x, _) in signals()) {
            let energy = |x: &Signal| x.0.iter().chain(&x.1).map(|x| x * x).sum::<f64>();
            let n = x.0.len() as f64;
            prop_assert!((energy(&forward(x.clone())) - n * energy(&x)).abs() < 1e-12 * n * n);
        }

        #[test]
        fn it_is_linear((x, y) in signals(), factor in -2.0_f64..2.0) {
            let combine = |x: &Signal, y: &Signal| {
                let part = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x + factor * y).collect();
                (part(&x.0, &y.0), part(&x.1, &y.1))
            };
            let together = forward(combine(&x, &y));
            prop_assert!(apart(&together, &combine(&forward(x), &forward(y))) < 2e-12);
        }

        #[test]
        fn a_delay_turns_the_spectrum((x, _) in signals(), delay in 0_usize..300) {
            let n = x.0.len();
            let (mut late, spectrum) = (x.clone(), forward(x));
            late.0.rotate_right(delay % n);
            late.1.rotate_right(delay % n);
            let roots = Roots::new(n);
            let turned: Signal = (0..n).map(|k| {
                let z = crate::linalg::Complex::new(spectrum.0[k], spectrum.1[k]) * roots.at(-((k * delay) as i64));
                (z.re, z.im)
            }).unzip();
            prop_assert!(apart(&forward(late), &turned) < 1e-12);
        }

        #[test]
        fn single_precision_is_the_same_to_its_rounding((x, _) in signals()) {
            let single = |part: &[f64]| part.iter().map(|&x| x as f32).collect::<Vec<_>>();
            let (mut re, mut im) = (single(&x.0), single(&x.1));
            Fft::new(re.len()).forward(&mut re, &mut im);
            let wide = |part: Vec<f32>| part.into_iter().map(f64::from).collect();
            let tolerance = 4.0 * f64::from(f32::EPSILON) * (x.0.len() as f64).sqrt();
            prop_assert!(apart(&(wide(re), wide(im)), &forward(x)) < 2.0 * tolerance);
        }
    }
}
