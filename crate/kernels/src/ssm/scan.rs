//! A linear recurrence, several samples at a time.

use super::System;
use crate::linalg::{DMatrix, DVector, product};

/// The recurrence `x_k = A x_{k−1} + B u_k` taken `L` samples at once:
/// `x_{k+L} = A^L x_k + Σ_j A^{L−1−j} B u_{k+1+j}`, which costs one product with a matrix for `L` samples instead of `L`.
#[derive(Clone, Debug)]
pub struct BlockScan {
    /// `A^L`.
    pub jump: DMatrix<f64>,
    /// What a sample leaves in the state: column `j` is `A^j B`, for the sample `j` steps ago.
    pub kernel: DMatrix<f64>,
}

impl BlockScan {
    /// Of blocks of `length` samples.
    pub fn new(system: &System, length: usize) -> Self {
        let n = system.b.len();
        let mut kernel = DMatrix::zeros(n, length);
        let mut column = system.b.clone();
        for j in 0..length {
            kernel.set_column(j, &column);
            column = &system.a * column;
        }
        let jump = matrix_power(&system.a, length);
        Self { jump, kernel }
    }

    /// Samples in a block.
    pub fn length(&self) -> usize {
        self.kernel.ncols()
    }

    /// The state after the samples of one block, the newest last.
    pub fn advance(&self, x: &DVector<f64>, samples: &[f64]) -> DVector<f64> {
        let mut next = &self.jump * x;
        for (column, u) in self.kernel.column_iter().zip(samples.iter().rev()) {
            next.axpy(*u, &column, 1.0);
        }
        next
    }
}

/// `A^n` by repeated squaring.
pub(super) fn matrix_power(a: &DMatrix<f64>, n: usize) -> DMatrix<f64> {
    let (mut square, mut power, mut left) = (a.clone(), DMatrix::identity(a.nrows(), a.nrows()), n);
    while left > 0 {
        if left & 1 == 1 {
            power = product(&power, &square);
        }
        left >>= 1;
        if left > 0 {
            square = product(&square, &square);
        }
    }
    power
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_block_is_its_samples(
            entries in prop::collection::vec(-0.5_f64..0.5, 9), samples in prop::collection::vec(-1.0_f64..1.0, 1..9),
        ) {
            let system = System { a: DMatrix::from_vec(3, 3, entries), b: DVector::from_vec(vec![1.0, -2.0, 0.5]) };
            let scan = BlockScan::new(&system, samples.len());
            let start = DVector::from_vec(vec![0.3, 0.2, -0.1]);
            let mut x = start.clone();
            for u in &samples {
                x = &system.a * x + &system.b * *u;
            }
            prop_assert!((scan.advance(&start, &samples) - x).amax() < 1e-12);
        }
    }
}
