//! The best guess of the history from a state.

use super::BlockScan;
use crate::linalg::{Cholesky, DMatrix, DVector, Dyn, product};
use crate::math::exp;

/// The read-out of minimal weighted norm.
///
/// A state is `x = Σ_j K_j u_j`, where `u_j` is the sample `j` steps ago. Of all histories that lead to `x`, the one
/// with the least `Σ_j w_j u_j²` is `û_j = K_jᵀ c / w_j` with `G c = x`, `G = Σ_j K_j K_jᵀ / w_j`. It is the orthogonal
/// projection of the history onto what a linear read-out of the state can form at all, so that none is better. The
/// weight is `w_j = e^{−s_j}` at the middle `s_j = (j + ½) Δ` of a sample.
#[derive(Clone, Debug)]
pub struct MinNorm {
    gram: DMatrix<f64>,
    factor: Cholesky<f64, Dyn>,
    step: f64,
    blocks: usize,
}

impl MinNorm {
    /// The states are taken as known to this relative precision: directions that a history moves less are not read.
    /// Without it the coefficients would amplify rounding errors.
    pub const PRECISION: f64 = 1e-6;

    /// For the newest `blocks` blocks of samples, each `step` long. None where the system is unstable beyond the weight.
    pub fn new(scan: &BlockScan, step: f64, blocks: usize) -> Option<Self> {
        let gram = gram(scan, step, blocks);
        let n = gram.nrows();
        let ridge = Self::PRECISION * Self::PRECISION * gram.trace();
        if !(ridge > 0.0 && ridge.is_finite()) {
            return None;
        }
        let factor = Cholesky::new(&gram + DMatrix::identity(n, n) * ridge)?;
        Some(Self { gram, factor, step, blocks })
    }

    /// `c`.
    pub fn coefficients(&self, x: &DVector<f64>) -> DVector<f64> {
        self.factor.solve(x)
    }

    /// `Σ_j w_j (u_j − û_j)²` of a history of weighted energy `Σ_j w_j u_j²` that led to `x`, without forming `û`.
    pub fn squared_error(&self, x: &DVector<f64>, energy: f64) -> f64 {
        let c = self.coefficients(x);
        (energy - 2.0 * c.dot(x) + c.dot(&(&self.gram * &c))).max(0.0)
    }

    /// `û`, the newest sample first.
    pub fn history(&self, scan: &BlockScan, x: &DVector<f64>) -> Vec<f64> {
        let mut c = self.coefficients(x);
        let mut history = Vec::with_capacity(self.blocks * scan.length());
        for _ in 0..self.blocks {
            for column in scan.kernel.column_iter() {
                let s = (history.len() as f64 + 0.5) * self.step;
                history.push(exp(s) * column.dot(&c));
            }
            c = scan.jump.tr_mul(&c);
        }
        history
    }
}

/// `Σ_j K_j K_jᵀ / w_j` over `blocks` blocks, by doubling: with `M` the jump over `a` blocks, made heavier by the weight,
/// `G_{a+b} = G_a + M G_b Mᵀ`.
fn gram(scan: &BlockScan, step: f64, blocks: usize) -> DMatrix<f64> {
    let n = scan.jump.nrows();
    let mut weighted = scan.kernel.clone();
    for (j, mut column) in weighted.column_iter_mut().enumerate() {
        column *= exp(0.5 * (j as f64 + 0.5) * step);
    }
    // `power` and `piece` are M and G of 2^i blocks; `total` is G of the blocks counted so far, `shift` their M.
    let mut power = &scan.jump * exp(0.5 * scan.length() as f64 * step);
    let mut piece = product(&weighted, &weighted.transpose());
    let (mut total, mut shift) = (DMatrix::zeros(n, n), DMatrix::identity(n, n));
    let mut left = blocks;
    while left > 0 {
        if left & 1 == 1 {
            total += product(&product(&shift, &piece), &shift.transpose());
            shift = product(&shift, &power);
        }
        left >>= 1;
        if left > 0 {
            piece += product(&product(&power, &piece), &power.transpose());
            power = product(&power, &power);
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::super::{Rule, discretise, legs};
    use super::*;

    #[test]
    fn it_is_the_projection_onto_what_the_state_can_show() {
        let (step, blocks) = (0.02, 37);
        let scan = BlockScan::new(&discretise(&legs(6), step, Rule::Bilinear).unwrap(), 10);
        let readout = MinNorm::new(&scan, step, blocks).unwrap();
        let input: Vec<f64> = (0..10 * blocks).map(|k| f64::from((k * k % 17) as u8) - 8.0).collect();
        let state = |input: &[f64]| input.chunks(10).fold(DVector::zeros(6), |x, block| scan.advance(&x, block));
        let x = state(&input);
        let guess = readout.history(&scan, &x);
        // Among the histories of the same state …
        let again: Vec<f64> = guess.iter().rev().copied().collect();
        assert!((state(&again) - &x).amax() < 1e-9 * x.amax());
        // … it leaves an error at right angles to itself in the weighted product, of the size foretold.
        let weight = |j: usize| exp(-(j as f64 + 0.5) * step);
        let history: Vec<f64> = input.iter().rev().copied().collect();
        let sum = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
            history.iter().zip(&guess).enumerate().map(|(j, (u, v))| weight(j) * f(*u, *v)).sum()
        };
        let energy = sum(&|u, _| u * u);
        assert!(sum(&|u, v| (u - v) * v).abs() < 1e-9 * energy);
        let error = sum(&|u, v| (u - v) * (u - v));
        assert!((error - readout.squared_error(&x, energy)).abs() < 1e-9 * energy);
    }
}
