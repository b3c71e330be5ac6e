//! The outer eigenvalues of a large symmetric matrix that is known by its products with vectors.

use super::{DMatrix, inner};

/// The Lanczos iteration with full reorthogonalisation: after `m` steps `Qᵀ A Q = T`, with `Q` an orthonormal basis of
/// the Krylov space of the start and `T` tridiagonal (Golub and Van Loan, *Matrix Computations*, 10.1 and 10.3). It
/// advances by as many steps as one has time for.
#[derive(Clone, Debug)]
pub struct Lanczos {
    /// The columns of `Q`, and the next one unless the space is exhausted.
    basis: Vec<Vec<f64>>,
    /// `T`'s diagonal, and what stands beside it: the last is the length of what is left over.
    alpha: Vec<f64>,
    beta: Vec<f64>,
    image: Vec<f64>,
}

/// An approximate eigenpair.
#[derive(Clone, Debug)]
pub struct RitzPair {
    /// The eigenvalue.
    pub value: f64,
    /// The eigenvector, of length one.
    pub vector: Vec<f64>,
    /// `‖A v - θ v‖`: an eigenvalue of `A` is at most this far from the value.
    pub residual: f64,
}

/// `y += s x`.
fn axpy(y: &mut [f64], s: f64, x: &[f64]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += s * x);
}

impl Lanczos {
    /// Begins with `start`, a random vector as a rule; from zero nothing can be found.
    pub fn new(start: Vec<f64>) -> Self {
        let image = vec![0.0; start.len()];
        let mut lanczos = Self { basis: Vec::new(), alpha: Vec::new(), beta: Vec::new(), image };
        let length = inner(&start, &start).sqrt();
        if length > 0.0 && length.is_finite() {
            lanczos.basis.push(start.iter().map(|entry| entry / length).collect());
        }
        lanczos
    }

    /// Steps done.
    pub fn steps(&self) -> usize {
        self.alpha.len()
    }

    /// At most `steps` more; says whether the Krylov space is exhausted: its eigenvalues are then exact. `multiply`
    /// writes `A v` into its second argument.
    pub fn advance(&mut self, mut multiply: impl FnMut(&[f64], &mut [f64]), steps: usize) -> bool {
        for _ in 0..steps {
            let m = self.steps();
            if m == self.basis.len() {
                return true;
            }
            multiply(&self.basis[m], &mut self.image);
            let alpha = inner(&self.basis[m], &self.image);
            // Twice is enough to be orthogonal to rounding (Parlett, *The Symmetric Eigenvalue Problem*, 6.9).
            for _ in 0..2 {
                for q in &self.basis {
                    let along = inner(q, &self.image);
                    axpy(&mut self.image, -along, q);
                }
            }
            let beta = inner(&self.image, &self.image).sqrt();
            self.alpha.push(alpha);
            self.beta.push(beta);
            let scale = self.alpha.iter().chain(&self.beta).fold(0.0, |most, x| f64::max(most, x.abs()));
            let room = self.basis.len() < self.image.len();
            if room && beta.is_finite() && beta > 100.0 * f64::EPSILON * scale {
                self.basis.push(self.image.iter().map(|entry| entry / beta).collect());
            }
        }
        self.steps() == self.basis.len()
    }

    /// The `count` largest Ritz pairs, the largest first; fewer after fewer steps, none if a product was not finite.
    pub fn largest(&self, count: usize) -> Vec<RitzPair> {
        let m = self.steps();
        if !self.alpha.iter().chain(&self.beta).all(|entry| entry.is_finite()) {
            return Vec::new();
        }
        let t = DMatrix::from_fn(m, m, |i, j| match i.abs_diff(j) {
            0 => self.alpha[i],
            1 => self.beta[i.min(j)],
            _ => 0.0,
        });
        if m == 0 {
            return Vec::new();
        }
        let eigen = t.symmetric_eigen();
        let mut order: Vec<usize> = (0..m).collect();
        order.sort_by(|&i, &j| eigen.eigenvalues[j].total_cmp(&eigen.eigenvalues[i]));
        let pair = |&k: &usize| {
            let weights = eigen.eigenvectors.column(k);
            let mut vector = vec![0.0; self.image.len()];
            for (q, weight) in self.basis.iter().zip(weights.iter()) {
                axpy(&mut vector, *weight, q);
            }
            RitzPair { value: eigen.eigenvalues[k], vector, residual: (self.beta[m - 1] * weights[m - 1]).abs() }
        };
        order.iter().take(count).map(pair).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::{View, matvec};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn in_as_many_steps_as_rows_the_spectrum_is_exact(
            n in 1_usize..12, entries in prop::collection::vec(-1.0_f64..1.0, 144), start in prop::collection::vec(0.1_f64..1.0, 12),
        ) {
            let a = DMatrix::from_fn(n, n, |i, j| entries[i * n + j] + entries[j * n + i]);
            let multiply = |v: &[f64], out: &mut [f64]| out.copy_from_slice(&matvec(View::by_rows(a.as_slice(), n, n), v));
            let mut lanczos = Lanczos::new(start[..n].to_vec());
            prop_assert!(lanczos.advance(multiply, n + 1));
            let pairs = lanczos.largest(n);
            let mut known: Vec<f64> = a.symmetric_eigenvalues().iter().copied().collect();
            known.sort_by(|a, b| b.total_cmp(a));
            prop_assert_eq!(pairs.len(), n);
            for (pair, known) in pairs.iter().zip(known) {
                prop_assert!((pair.value - known).abs() < 1e-12);
            }
        }

        #[test]
        fn the_residual_is_what_it_says(n in 5_usize..30, steps in 1_usize..5, seed in 0_u32..100) {
            let diagonal: Vec<f64> = (0..n as u32).map(|i| f64::from((i + seed).wrapping_mul(2_654_435_761) >> 16)).collect();
            let largest = diagonal.iter().copied().fold(1.0, f64::max);
            let multiply = |v: &[f64], out: &mut [f64]| {
                out.iter_mut().zip(v.iter().zip(&diagonal)).for_each(|(out, (v, d))| *out = v * d);
            };
            let mut lanczos = Lanczos::new(vec![1.0; n]);
            lanczos.advance(multiply, steps);
            for pair in lanczos.largest(steps) {
                let apart = pair.vector.iter().zip(&diagonal).map(|(v, d)| (d - pair.value) * v).map(|r| r * r).sum::<f64>();
                prop_assert!((apart.sqrt() - pair.residual).abs() < 1e-9 * largest);
                prop_assert!(diagonal.iter().any(|d| (d - pair.value).abs() <= pair.residual + 1e-9 * largest));
            }
        }
    }

    #[test]
    fn of_an_invariant_start_it_finds_its_own_eigenvalue_and_of_nothing_nothing() {
        let mut lanczos = Lanczos::new(vec![2.0, 0.0]);
        assert!(lanczos.advance(|v, out| out.copy_from_slice(&[3.0 * v[0], 5.0 * v[1]]), 9));
        let pairs = lanczos.largest(9);
        assert_eq!((pairs.len(), pairs[0].value, pairs[0].residual), (1, 3.0, 0.0));
        let mut nothing = Lanczos::new(vec![0.0; 2]);
        assert!(nothing.advance(|v, out| out.copy_from_slice(v), 1));
        assert!(nothing.largest(1).is_empty());
    }
}
