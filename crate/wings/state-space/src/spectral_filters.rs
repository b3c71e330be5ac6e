//! Fixed filters over the past, what they see of a signal, and regression on that.

use orrery_kernels::fft::{RealFft, Spectrum};
use orrery_kernels::linalg::{DMatrix, View, gram, matvec, ridge};
use orrery_kernels::math::{exp, expm1, log};
use orrery_kernels::ssm::SpectralFilters;
use std::ops::Range;
use std::rc::Rc;

/// The `count` first filters of the Hankel matrix `Z_ij = 2 / ((i + j)³ − (i + j))`, as [`SpectralFilters::hankel`] has them but
/// from a quadrature of a third of its nodes: eigenvalues are right to 1e-11, in a tenth of the time.
pub fn hankel(length: usize, count: usize) -> SpectralFilters {
    // Z_ij = ∫ (1 − α)² α^{i+j−2} dα with α = e^{−s}, s = e^x, by the trapezoidal rule in x.
    const STEP: f64 = 0.35;
    let (first, last) = (log(1e-4 / length.max(1) as f64), 4.0);
    let nodes = ((last - first) / STEP) as usize + 1;
    let mut factor = DMatrix::zeros(length, nodes);
    for (node, mut column) in factor.column_iter_mut().enumerate() {
        let s = exp(last - STEP * node as f64);
        let alpha = exp(-s);
        let mut entry = (STEP * s * alpha).sqrt() * -expm1(-s);
        for value in column.iter_mut() {
            *value = entry;
            entry *= alpha;
        }
    }
    SpectralFilters::principal(&factor, count)
}

/// A signal that filters of one length look at.
#[derive(Clone)]
pub struct Seen {
    fft: RealFft<f64>,
    spectrum: Rc<Spectrum<f64>>,
    length: usize,
}

impl Seen {
    /// For filters of at most `taps` taps.
    pub fn new(u: &[f64], taps: usize) -> Self {
        let mut fft = RealFft::at_least(u.len() + taps);
        let spectrum = Rc::new(fft.spectrum(u));
        Self { fft, spectrum, length: u.len() }
    }

    /// `Σ_i φ(i) u_{t−i}` or, alternating, `Σ_i (−1)^i φ(i) u_{t−i}`, for every `t`, `i` from zero.
    pub fn through(&mut self, filter: &[f64], alternating: bool) -> Vec<f64> {
        let sign = |i: usize| if alternating && i % 2 == 1 { -1.0 } else { 1.0 };
        let taps: Vec<f64> = filter.iter().enumerate().map(|(i, tap)| sign(i) * tap).collect();
        let product = self.fft.spectrum(&taps).times(&self.spectrum);
        let mut seen = self.fft.samples(&product);
        seen.truncate(self.length);
        seen
    }
}

/// The signal as it was `by` samples ago, zero before it begins.
pub fn delayed(x: &[f64], by: usize) -> Vec<f64> {
    let by = by.min(x.len());
    let mut late = vec![0.0; by];
    late.extend_from_slice(&x[..x.len() - by]);
    late
}

/// A mean square.
pub fn power(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>() / x.len().max(1) as f64
}

/// Features of unit size by rows, their products over a stretch of time, and how each was scaled.
#[derive(Clone, Debug)]
pub struct Design {
    rows: Vec<f64>,
    samples: usize,
    /// What each feature was multiplied by.
    pub scales: Vec<f64>,
    /// Mean products of the scaled features.
    pub gram: Vec<f64>,
    range: Range<usize>,
}

impl Design {
    /// Of some features (each a value for every sample), over a range of samples. One that is zero there stays zero.
    pub fn new(features: &[Rc<Vec<f64>>], range: Range<usize>) -> Self {
        let samples = range.len();
        let mut rows = Vec::with_capacity(features.len() * samples);
        let mut scales = Vec::with_capacity(features.len());
        for feature in features {
            let feature = &feature[range.clone()];
            let size = power(feature).sqrt();
            let scale = if size > 1e-150 { 1.0 / size } else { 0.0 };
            rows.extend(feature.iter().map(|x| scale * x));
            scales.push(scale);
        }
        let mut products = gram(View::by_rows(&rows, features.len(), samples));
        products.iter_mut().for_each(|entry| *entry /= samples as f64);
        Self { rows, samples, scales, gram: products, range }
    }

    /// Mean products of the scaled features with a signal, over the range.
    pub fn moments(&self, target: &[f64]) -> Vec<f64> {
        let rows = View::by_rows(&self.rows, self.scales.len(), self.samples);
        let moments = matvec(rows, &target[self.range.clone()]);
        moments.iter().map(|moment| moment / self.samples as f64).collect()
    }

    /// The weights of the features, as they were before scaling, that minimise the mean squared error over the range plus `η`
    /// times the squares of the scaled weights.
    pub fn fit(&self, target: &[f64], eta: f64) -> Vec<f64> {
        let weights = ridge(&self.gram, eta, &self.moments(target), self.scales.len(), 1);
        weights.iter().zip(&self.scales).map(|(weight, scale)| weight * scale).collect()
    }
}

/// `Σ_j w_j x_j` for every sample.
pub fn combine(features: &[Rc<Vec<f64>>], weights: &[f64]) -> Vec<f64> {
    let mut sum = vec![0.0; features.first().map_or(0, |feature| feature.len())];
    for (feature, weight) in features.iter().zip(weights) {
        sum.iter_mut().zip(feature.iter()).for_each(|(sum, x)| *sum += weight * x);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_core::Rng;
    use orrery_core::prelude::SeedableRng;
    use orrery_kernels::random::normals;
    use orrery_reference::{apart, number, numbers, vectors, whole};

    #[test]
    fn the_coarser_quadrature_gives_the_same_filters() {
        for length in [64, 512] {
            let (coarse, fine) = (hankel(length, 12), SpectralFilters::hankel(length, 12));
            for j in 0..12 {
                assert!((coarse.values[j] - fine.values[j]).abs() < 1e-11);
                let apart = (coarse.filters.column(j) - fine.filters.column(j)).amax();
                assert!(apart < 1e-11 / fine.values[j].max(1e-11) + 1e-9, "{length}, {j}: {apart:e}");
            }
        }
    }

    #[test]
    fn filters_see_the_past() {
        let u = normals(50, &mut Rng::seed_from_u64(1));
        let filter = [0.5, -1.0, 2.0, 0.25];
        for alternating in [false, true] {
            let seen = Seen::new(&u, 4).through(&filter, alternating);
            for (t, seen) in seen.iter().enumerate() {
                let tap = |i: usize| if alternating && i % 2 == 1 { -filter[i] } else { filter[i] };
                let sum: f64 = (0..4.min(t + 1)).map(|i| tap(i) * u[t - i]).sum();
                assert!((sum - seen).abs() < 1e-13);
            }
        }
    }

    #[test]
    fn weights_that_made_a_signal_are_found() {
        let rng = &mut Rng::seed_from_u64(2);
        let features: Vec<Rc<Vec<f64>>> = (0..4).map(|_| Rc::new(normals(100, rng))).collect();
        let weights = [1.0, -2.0, 0.0, 30.0];
        let found = Design::new(&features, 10..90).fit(&combine(&features, &weights), 0.0);
        assert!(found.iter().zip(weights).all(|(a, b)| (a - b).abs() < 1e-10), "{found:?}");
    }

    #[test]
    fn filters_what_they_see_and_what_is_fitted_are_the_references() {
        let file = include_str!("../../../../tests/reference/spectral_filters.json");
        let stored = vectors(file);
        let taps = whole(&stored["hankel"]["taps"]);
        let (values, filters) = (numbers(&stored["hankel"]["values"]), numbers(&stored["hankel"]["filters"]));
        let found = hankel(taps, values.len());
        let fine = SpectralFilters::hankel(taps, values.len());
        assert!(apart(&fine.values, &values) < 1e-13);
        assert!(apart(fine.filters.as_slice(), &filters) < 1e-9, "{:e}", apart(fine.filters.as_slice(), &filters));
        assert!(apart(&found.values, &values) < 1e-11);
        // What moves the eigenvalues by up to 1e-11 turns the filter of a small one more.
        for (j, value) in values.iter().enumerate() {
            let error = apart(found.filters.column(j).as_slice(), &filters[j * taps..][..taps]);
            assert!(error < 1e-11 / value, "filter {j}: {error:e}");
        }
        let (u, y, views) = (numbers(&stored["u"]), numbers(&stored["y"]), numbers(&stored["views"]));
        let mut seen = Seen::new(&u, taps);
        let kept = views.len() / (2 * u.len());
        let features: Vec<Rc<Vec<f64>>> = (0..2 * kept)
            .map(|at| Rc::new(seen.through(fine.filters.column(at / 2).as_slice(), at % 2 == 1)))
            .collect();
        assert!(apart(&features.iter().flat_map(|f| f.to_vec()).collect::<Vec<f64>>(), &views) < 1e-9);
        let learned = whole(&stored["learned"]);
        let weights = Design::new(&features, 0..learned).fit(&y, number(&stored["eta"]));
        assert!(apart(&weights, &numbers(&stored["weights"])) < 1e-9, "{weights:?}");
        assert!(apart(&combine(&features, &weights), &numbers(&stored["output"])) < 1e-9);
    }
}
