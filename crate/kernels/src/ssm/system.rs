//! Dense systems.

use super::BlockScan;
use super::blocked::blocked;
use crate::linalg::{DMatrix, DVector, View, matmul};

/// `A` and `B`: of a differential equation, or of a recurrence `x_k = A x_{k−1} + B u_k`.
#[derive(Clone, Debug, PartialEq)]
pub struct System {
    /// The state matrix, N x N.
    pub a: DMatrix<f64>,
    /// The input vector, N.
    pub b: DVector<f64>,
}

/// Samples in a block.
const BLOCK: usize = 64;

impl System {
    /// The kernel `K_l = cᵀ A^l B` of a recurrence, `l = 0 .. length`: the output is its convolution with the input.
    ///
    /// # Panics
    /// If `c` has not N entries.
    pub fn kernel(&self, c: &DVector<f64>, length: usize) -> Vec<f64> {
        assert_eq!(c.len(), self.b.len(), "a read-out weight for each state");
        // With l = B i + j: the rows cᵀ A^{Bi} times the columns A^j B.
        let BlockScan { jump, kernel } = BlockScan::new(self, BLOCK);
        let (n, count) = (c.len(), length.div_ceil(BLOCK));
        let (mut rows, mut row) = (Vec::with_capacity(count * n), c.clone());
        for _ in 0..count {
            rows.extend_from_slice(row.as_slice());
            row = jump.tr_mul(&row);
        }
        let mut kernel = matmul(View::by_rows(&rows, count, n), View::by_columns(kernel.as_slice(), n, BLOCK));
        kernel.truncate(length);
        kernel
    }

    /// The output `cᵀ x_k` of a recurrence after each input in turn, from rest.
    ///
    /// # Panics
    /// If `c` has not N entries.
    pub fn recur(&self, c: &DVector<f64>, u: &[f64]) -> Vec<f64> {
        assert_eq!(c.len(), self.b.len(), "a read-out weight for each state");
        let (mut x, mut next) = (DVector::zeros(c.len()), DVector::zeros(c.len()));
        let output = |u: &f64| {
            next.gemv(1.0, &self.a, &x, 0.0);
            next.axpy(*u, &self.b, 1.0);
            std::mem::swap(&mut x, &mut next);
            c.dot(&x)
        };
        u.iter().map(output).collect()
    }

    /// The same output by a parallel scan: blocks of the input each from rest, the states at their ends carried on from
    /// block to block, and what each carried state adds; all but the carrying in products of matrices.
    ///
    /// # Panics
    /// If `c` has not N entries.
    pub fn scan(&self, c: &DVector<f64>, u: &[f64]) -> Vec<f64> {
        let n = c.len();
        let within = self.kernel(c, BLOCK);
        let BlockScan { jump, kernel } = BlockScan::new(self, BLOCK);
        let ends: Vec<f64> =
            kernel.column_iter().rev().flat_map(|column| column.iter().copied().collect::<Vec<_>>()).collect();
        let (mut reads, mut row) = (vec![0.0; n * BLOCK], c.clone());
        for j in 0..BLOCK {
            row = self.a.tr_mul(&row);
            row.iter().enumerate().for_each(|(i, entry)| reads[i * BLOCK + j] = *entry);
        }
        let mut state = DVector::zeros(n);
        blocked(u, &within, &ends, &reads, |x, end| {
            state.copy_from_slice(end);
            state.gemv(1.0, &jump, &DVector::from_column_slice(x), 1.0);
            x.copy_from_slice(state.as_slice());
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fft::convolve;
    use crate::ssm::{Rule, discretise, fout, legs, legt};

    fn apart(a: &[f64], b: &[f64]) -> f64 {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn recurrence_scan_and_convolution_agree() {
        let u: Vec<f64> = (0..1000_u32).map(|k| f64::from(k.wrapping_mul(2_654_435_761) >> 8) / 1e7 - 0.8).collect();
        for n in [1, 2, 17, 64] {
            let c = DVector::from_fn(n, |i, _| if i % 3 == 0 { 1.0 } else { -0.5 });
            for (system, rule) in
                [legs(n), legt(n), fout(n)].iter().zip([Rule::Bilinear, Rule::ZeroOrderHold].iter().cycle())
            {
                let system = discretise(system, 0.01, *rule).unwrap();
                for length in [0, 1, 63, 64, 65, 1000] {
                    let (u, y) = (&u[..length], system.recur(&c, &u[..length]));
                    assert!(apart(&y, &system.scan(&c, u)) < 1e-10);
                    let mut by_kernel = convolve(&system.kernel(&c, length), u);
                    by_kernel.truncate(length);
                    assert!(apart(&y, &by_kernel) < 1e-10);
                }
            }
        }
    }
}
