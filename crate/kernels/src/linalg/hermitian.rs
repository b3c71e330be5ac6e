//! The smallest eigenvalue of a Hermitian matrix that is positive semidefinite, in slices.

use super::{Complex, dot};

/// Cholesky factorisation `H + δI = R R*`, row by row, and inverse iteration with it.
///
/// `δ` is a rounding's worth of the diagonal, so that a singular matrix factors too; the eigenvalue returned is the
/// Rayleigh quotient with `H` itself.
#[derive(Clone, Debug)]
pub struct SmallestEigenvalue {
    n: usize,
    h: Vec<Complex<f64>>,
    r: Vec<Complex<f64>>,
    row: usize,
    shift: f64,
}

/// Inverse iterations at most, and the relative change below which they stop.
const ITERATIONS: usize = 40;
const SETTLED: f64 = 1e-5;

impl SmallestEigenvalue {
    /// The problem for the `n` x `n` Hermitian matrix `h`, by rows; its lower triangle is read.
    pub fn new(h: Vec<Complex<f64>>, n: usize) -> Self {
        let largest = (0..n).map(|i| h[i * n + i].re).fold(0.0, f64::max);
        let shift = 1e-14 * n as f64 * if largest > 0.0 { largest } else { 1.0 };
        Self { n, r: h.clone(), h, row: 0, shift }
    }

    /// What the whole problem takes, in complex multiplications.
    pub fn cost(n: usize) -> usize {
        n * n * n / 6 + 20 * n * n
    }

    /// Works for about `work` complex multiplications; gives the eigenvalue once it is found.
    pub fn advance(&mut self, work: u32) -> Option<f64> {
        let (n, mut left) = (self.n, i64::from(work));
        while self.row < n {
            let i = self.row;
            // r_ij = (h_ij - Σ_k<j r_ik r_jk*) / r_jj
            for j in 0..=i {
                let (before, row) = self.r.split_at_mut(i * n);
                let other = if j < i { &before[j * n..j * n + j] } else { &[] };
                if j < i {
                    let sum = dot(other, &row[..j]);
                    row[j] = (row[j] - sum) / before[j * n + j].re;
                } else {
                    let sum: f64 = row[..i].iter().map(|entry| entry.norm_sqr()).sum();
                    let pivot = (row[i].re + self.shift - sum).max(self.shift);
                    row[i] = Complex::new(pivot.sqrt(), 0.0);
                }
            }
            self.row += 1;
            left -= (i * i / 2 + n) as i64;
            if left <= 0 && self.row < n {
                return None;
            }
        }
        Some(self.iterate())
    }

    /// The smaller of what two starts come to: one that happens to be nearly orthogonal to the eigenvector sought settles on
    /// the next one.
    fn iterate(&self) -> f64 {
        // Golden phases, and those of the square root of two.
        [0.618_033_988_749_894_9, 0.414_213_562_373_095_05]
            .map(|ratio| self.iterate_from(ratio))
            .into_iter()
            .fold(f64::INFINITY, f64::min)
    }

    fn iterate_from(&self, ratio: f64) -> f64 {
        let n = self.n;
        let turn = |i: usize| (i as f64 * ratio).fract() - 0.5;
        let mut g: Vec<_> = (0..n).map(|i| Complex::new(1.0 + turn(i), turn(3 * i + 1))).collect();
        let mut value = f64::INFINITY;
        for _ in 0..ITERATIONS {
            self.solve(&mut g);
            let norm = g.iter().map(|entry| entry.norm_sqr()).sum::<f64>().sqrt();
            g.iter_mut().for_each(|entry| *entry /= norm);
            let quotient = self.rayleigh(&g);
            let settled = (value - quotient).abs() <= SETTLED * quotient.abs() + self.shift;
            value = quotient;
            if settled {
                break;
            }
        }
        value.max(0.0)
    }

    /// `g ← (R R*)^-1 g`.
    fn solve(&self, g: &mut [Complex<f64>]) {
        let n = self.n;
        for i in 0..n {
            let row = &self.r[i * n..i * n + i];
            let sum: Complex<f64> = row.iter().zip(&*g).map(|(r, g)| r * g).sum();
            g[i] = (g[i] - sum) / self.r[i * n + i].re;
        }
        for i in (0..n).rev() {
            g[i] /= self.r[i * n + i].re;
            let head = g[i];
            for (g, r) in g[..i].iter_mut().zip(&self.r[i * n..i * n + i]) {
                *g -= r.conj() * head;
            }
        }
    }

    /// `g* H g` from the lower triangle.
    fn rayleigh(&self, g: &[Complex<f64>]) -> f64 {
        let n = self.n;
        let row = |i: usize| {
            let below: Complex<f64> = self.h[i * n..i * n + i].iter().zip(g).map(|(h, g)| h * g).sum();
            2.0 * (g[i].conj() * below).re + self.h[i * n + i].re * g[i].norm_sqr()
        };
        (0..n).map(row).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::DMatrix;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_agrees_with_the_full_spectrum(
            n in 1_usize..16,
            entries in prop::collection::vec((-1.0_f64..1.0, -1.0_f64..1.0), 16 * 20),
            work in 1_u32..3000,
        ) {
            let c = DMatrix::from_fn(n + 4, n, |i, j| Complex::new(entries[i * n + j].0, entries[i * n + j].1));
            let h = c.adjoint() * &c;
            let expected = h.clone().symmetric_eigenvalues().min();
            let mut problem = SmallestEigenvalue::new(h.transpose().as_slice().to_vec(), n);
            let found = loop {
                if let Some(value) = problem.advance(work) {
                    break value;
                }
            };
            prop_assert!(found >= expected - 1e-12 && found <= expected * 1.01 + 1e-12, "{} for {}", found, expected);
        }
    }

    #[test]
    fn a_singular_matrix_has_zero() {
        let one = Complex::new(1.0, 0.0);
        let found = SmallestEigenvalue::new(vec![one; 9], 3).advance(u32::MAX);
        assert!(found.is_some_and(|value| value < 1e-12), "{found:?}");
    }
}
