//! A diagonal state-space layer that learns its recurrence: the baseline that several exhibits train.

use orrery_core::Rng;
use orrery_core::prelude::RngExt;
use orrery_kernels::fft::{convolve, correlate};
use orrery_kernels::linalg::Complex;
use orrery_kernels::math::{PI, exp, log, sincos};
use orrery_kernels::optim::{Adam, Optimizer};
use orrery_kernels::random::normals;
use orrery_kernels::ssm::{vandermonde, vandermonde_gradient};

/// `y = K * u + D u` with `K_l = Re Σ_n w_n z_n^l` and `z_n = exp(−e^{a_n} + i ω_n)`, which cannot become unstable. Trained by
/// Adam on a mean squared error.
#[derive(Clone, Debug)]
pub struct DiagonalLayer {
    modes: usize,
    /// a, ω, Re w, Im w, and D.
    theta: Vec<f64>,
    adam: Adam<f64>,
}

impl DiagonalLayer {
    /// The modes of S4D-Lin, `exp(ratio (−½ + iπn))`: `ratio` is the length of a sample in timescales.
    pub fn lin(modes: usize, ratio: f64, rng: &mut Rng) -> Self {
        let decay = vec![log(0.5 * ratio); modes];
        let frequency = (0..modes).map(|n| PI * n as f64 * ratio).collect();
        Self::new(decay, frequency, |_| 0.03, 0.01, rng)
    }

    /// The modes of the LRU: uniform over the ring of moduli `low` to `high`.
    pub fn ring(modes: usize, [low, high]: [f64; 2], rate: f64, rng: &mut Rng) -> Self {
        let modulus = |share: f64| (low * low + share * (high * high - low * low)).sqrt();
        let decay: Vec<f64> = (0..modes).map(|_| log(-log(modulus(rng.random::<f64>())))).collect();
        let frequency = (0..modes).map(|_| PI * rng.random::<f64>()).collect();
        // So that each mode's response to white noise is of unit size, whatever its modulus.
        let size = |a: f64| ((1.0 - exp(-2.0 * exp(a))) / modes as f64).sqrt();
        Self::new(decay, frequency, size, rate, rng)
    }

    fn new(decay: Vec<f64>, frequency: Vec<f64>, size: impl Fn(f64) -> f64, rate: f64, rng: &mut Rng) -> Self {
        let modes = decay.len();
        let sizes: Vec<f64> = decay.iter().map(|a| size(*a)).collect();
        let mut theta = decay;
        theta.extend(frequency);
        theta.extend(normals(2 * modes, rng).iter().zip(sizes.iter().cycle()).map(|(z, size)| size * z));
        theta.push(0.0);
        Self { modes, adam: Adam::new(theta.len(), rate, [0.9, 0.99]), theta }
    }

    /// `w` and `z`.
    fn modes(&self) -> (Vec<Complex<f64>>, Vec<Complex<f64>>) {
        let (m, theta) = (self.modes, &self.theta);
        let mode = |n: usize| {
            let (size, (sin, cos)) = (exp(-exp(theta[n])), sincos(theta[m + n]));
            (Complex::new(theta[2 * m + n], theta[3 * m + n]), Complex::new(size * cos, size * sin))
        };
        (0..m).map(mode).unzip()
    }

    /// The output for each sample of the input.
    pub fn respond(&self, u: &[f64]) -> Vec<f64> {
        let (weights, nodes) = self.modes();
        let skip = self.theta[4 * self.modes];
        let response = convolve(&vandermonde(&weights, &nodes, u.len()), u);
        response.iter().zip(u).map(|(y, u)| y + skip * u).collect()
    }

    /// One step of Adam on the mean of `(y − target)²`; gives that mean as it was before.
    pub fn train(&mut self, u: &[f64], target: &[f64]) -> f64 {
        let count = u.len() as f64;
        let e: Vec<f64> = self.respond(u).iter().zip(target).map(|(y, target)| y - target).collect();
        let gradient = self.gradient(u, &e);
        self.adam.step(&mut self.theta, &gradient);
        e.iter().map(|e| e * e).sum::<f64>() / count
    }

    /// The gradient of the mean of the squares of `e`.
    fn gradient(&self, u: &[f64], e: &[f64]) -> Vec<f64> {
        let (m, (weights, nodes)) = (self.modes, self.modes());
        let by_y: Vec<f64> = e.iter().map(|e| 2.0 * e / u.len() as f64).collect();
        let (by_weights, by_nodes) = vandermonde_gradient(&weights, &nodes, &correlate(&by_y, u));
        let mut g = vec![0.0; self.theta.len()];
        for (n, (z, d)) in nodes.iter().zip(&by_nodes).enumerate() {
            // ∂z/∂a = −e^a z and ∂z/∂ω = i z.
            g[n] = -exp(self.theta[n]) * (d.re * z.re + d.im * z.im);
            g[m + n] = d.im * z.re - d.re * z.im;
            (g[2 * m + n], g[3 * m + n]) = (by_weights[n].re, by_weights[n].im);
        }
        g[4 * m] = by_y.iter().zip(u).map(|(g, u)| g * u).sum();
        g
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_core::prelude::SeedableRng;

    #[test]
    fn the_gradient_is_the_slope() {
        let rng = &mut Rng::seed_from_u64(4);
        let (u, target) = (normals(300, rng), normals(300, rng));
        for layer in [DiagonalLayer::lin(3, 0.1, rng), DiagonalLayer::ring(3, [0.5, 0.99], 0.01, rng)] {
            let errors = |layer: &DiagonalLayer| -> Vec<f64> {
                layer.respond(&u).iter().zip(&target).map(|(y, target)| y - target).collect()
            };
            let loss = |layer: &DiagonalLayer| errors(layer).iter().map(|e| e * e).sum::<f64>() / 300.0;
            let gradient = layer.gradient(&u, &errors(&layer));
            for (i, g) in gradient.iter().enumerate() {
                let moved = |by: f64| {
                    let mut layer = layer.clone();
                    layer.theta[i] += by;
                    loss(&layer)
                };
                let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                assert!((slope - g).abs() < 1e-6 * (1.0 + slope.abs()), "{i}: {slope} {g}");
            }
        }
    }

    #[test]
    fn it_learns_a_decaying_mode() {
        let rng = &mut Rng::seed_from_u64(5);
        let u = normals(1000, rng);
        let mut y = 0.0;
        let target: Vec<f64> = u
            .iter()
            .map(|u| {
                y = 0.9 * y + 0.4 * u;
                y
            })
            .collect();
        let mut layer = DiagonalLayer::ring(8, [0.5, 0.99], 0.01, rng);
        let first = layer.train(&u, &target);
        let last = (0..300).map(|_| layer.train(&u, &target)).last();
        assert!(last.is_some_and(|last| last < 0.03 * first), "{first} {last:?}");
    }
}
