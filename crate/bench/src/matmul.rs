//! Products of two square matrices.

use crate::Workload;
use crate::data::centred;
use orrery_kernels::linalg::{View, matmul_add};
use orrery_kernels::math::Float;

/// Rows and columns.
pub const SIZE: usize = 512;

/// A unit of work is one product.
struct Product<T> {
    a: Vec<T>,
    b: Vec<T>,
    c: Vec<T>,
}

/// Of two [`SIZE`] x [`SIZE`] matrices.
pub fn product<T: Float + Into<f64>>() -> impl Workload {
    let [a, b] = [1, 2].map(|seed| centred(seed, SIZE * SIZE));
    Product::<T> { a, b, c: Vec::new() }
}

impl<T: Float + Into<f64>> Workload for Product<T> {
    fn unit(&mut self) {
        self.c.clear();
        self.c.resize(SIZE * SIZE, T::default());
        matmul_add(View::by_rows(&self.a, SIZE, SIZE), View::by_rows(&self.b, SIZE, SIZE), &mut self.c);
    }

    /// The sum of the squares of the product's entries.
    fn check(&self) -> f64 {
        self.c.iter().map(|&entry| entry.into()).map(|entry: f64| entry * entry).sum()
    }
}
