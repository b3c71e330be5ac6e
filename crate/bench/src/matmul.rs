//! Products of two square matrices.

use crate::Workload;
use crate::data::{centred, centred_f32};
use orrery_kernels::linalg::{Real, View, matmul_add};

/// Rows and columns.
pub const SIZE: usize = 512;

/// A unit of work is one product.
pub struct Product<T> {
    a: Vec<T>,
    b: Vec<T>,
    c: Vec<T>,
}

/// In single precision.
pub fn single() -> impl Workload {
    let [a, b] = [1, 2].map(|seed| centred_f32(seed, SIZE * SIZE, 1.0));
    Product { a, b, c: Vec::new() }
}

/// In double precision.
pub fn double() -> impl Workload {
    let [a, b] = [1, 2].map(|seed| centred(seed, SIZE * SIZE));
    Product { a, b, c: Vec::new() }
}

impl<T: Real + Into<f64>> Workload for Product<T> {
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
