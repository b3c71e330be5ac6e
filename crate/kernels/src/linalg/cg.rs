//! Conjugate gradients for a symmetric positive (semi)definite system.

use super::inner;

/// Solves `M x = b` by conjugate gradients, preconditioned by the diagonal of `M` (Jacobi); Hestenes and Stiefel, 1952.
/// It advances by as many iterations as one has time for.
#[derive(Clone, Debug)]
pub struct ConjugateGradient {
    x: Vec<f64>,
    residual: Vec<f64>,
    direction: Vec<f64>,
    product: Vec<f64>,
    inverse_diagonal: Vec<f64>,
    /// `r M⁻¹ r` with the preconditioner.
    norm: f64,
    first: f64,
    iterations: usize,
    broken: bool,
}

impl ConjugateGradient {
    /// Begins at zero. A diagonal entry that is not positive is not preconditioned.
    pub fn new(b: Vec<f64>, diagonal: &[f64]) -> Self {
        let inverse_diagonal: Vec<f64> = diagonal.iter().map(|d| if *d > 0.0 { 1.0 / d } else { 1.0 }).collect();
        let direction: Vec<f64> = b.iter().zip(&inverse_diagonal).map(|(b, inverse)| b * inverse).collect();
        let norm = inner(&b, &direction);
        let zeros = vec![0.0; b.len()];
        Self {
            x: zeros.clone(),
            residual: b,
            direction,
            product: zeros,
            inverse_diagonal,
            norm,
            first: norm,
            iterations: 0,
            broken: false,
        }
    }

    /// The solution so far.
    pub fn solution(&self) -> &[f64] {
        &self.x
    }

    /// Iterations run.
    pub fn iterations(&self) -> usize {
        self.iterations
    }

    /// The residual in the preconditioner's norm, relative to the first.
    pub fn residual(&self) -> f64 {
        if self.first > 0.0 { (self.norm / self.first).sqrt() } else { 0.0 }
    }

    /// Whether the matrix turned out not to be positive along a direction: the solution so far is the best there is.
    pub fn broken(&self) -> bool {
        self.broken
    }

    /// At most `iterations` more, until the relative residual is at most `tolerance`; says whether it is done.
    /// `multiply` writes `M v` into its second argument.
    pub fn advance(&mut self, mut multiply: impl FnMut(&[f64], &mut [f64]), iterations: usize, tolerance: f64) -> bool {
        for _ in 0..iterations {
            if self.broken || self.residual() <= tolerance {
                return true;
            }
            multiply(&self.direction, &mut self.product);
            let curvature = inner(&self.direction, &self.product);
            if curvature.is_nan() || curvature <= 0.0 {
                self.broken = true;
                return true;
            }
            let step = self.norm / curvature;
            let mut norm = 0.0;
            for i in 0..self.x.len() {
                self.x[i] += step * self.direction[i];
                self.residual[i] -= step * self.product[i];
                norm += self.residual[i] * self.inverse_diagonal[i] * self.residual[i];
            }
            let turn = norm / self.norm;
            self.norm = norm;
            for i in 0..self.x.len() {
                self.direction[i] = self.residual[i] * self.inverse_diagonal[i] + turn * self.direction[i];
            }
            self.iterations += 1;
        }
        self.broken || self.residual() <= tolerance
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_solves_in_as_many_iterations_as_unknowns(
            n in 1_usize..9, entries in prop::collection::vec(-1.0_f64..1.0, 81), b in prop::collection::vec(-1.0_f64..1.0, 9),
        ) {
            // M = BᵀB + I
            let row = |i: usize| &entries[i * n..(i + 1) * n];
            let m = |i: usize, j: usize| inner(row(i), row(j)) + if i == j { 1.0 } else { 0.0 };
            let diagonal: Vec<f64> = (0..n).map(|i| m(i, i)).collect();
            let mut cg = ConjugateGradient::new(b[..n].to_vec(), &diagonal);
            let multiply = |v: &[f64], out: &mut [f64]| {
                for (i, out) in out.iter_mut().enumerate() {
                    *out = (0..n).map(|j| m(i, j) * v[j]).sum();
                }
            };
            cg.advance(multiply, n + 2, 1e-13);
            let mut product = vec![0.0; n];
            multiply(cg.solution(), &mut product);
            for (product, b) in product.iter().zip(&b) {
                prop_assert!((product - b).abs() < 1e-10);
            }
        }
    }

    #[test]
    fn a_matrix_that_is_not_positive_breaks_it_off() {
        let mut cg = ConjugateGradient::new(vec![1.0, 1.0], &[1.0, 1.0]);
        assert!(cg.advance(|v, out| out.copy_from_slice(&[v[0], -2.0 * v[1]]), 10, 1e-10));
        assert!(cg.broken());
    }
}
