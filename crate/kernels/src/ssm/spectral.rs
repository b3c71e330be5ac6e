//! Fixed filters that answer for every symmetric system at once.

use crate::linalg::{DMatrix, product};
use crate::math::{exp, log};

/// The principal eigenvectors of a moment matrix `Z = ∫ μ(α) μ(α)ᵀ dν(α)`, `μ(α) = (1, α, …, α^{T−1})`.
///
/// E. Hazan, K. Singh, C. Zhang, "Learning Linear Dynamical Systems via Spectral Filtering", 2017; N. Agarwal, D. Suo,
/// X. Chen, E. Hazan, "Spectral State Space Models", 2023.
#[derive(Clone, Debug)]
pub struct SpectralFilters {
    /// The eigenvalues, the largest first.
    pub values: Vec<f64>,
    /// The unit eigenvectors, T x k, a filter a column; the first entry of each is positive.
    pub filters: DMatrix<f64>,
}

impl SpectralFilters {
    /// The `count` first (at most T) of the T x T Hankel matrix `Z_ij = 2 / ((i + j)³ − (i + j))`, `i, j = 1 ..= T`, where T
    /// is `length`.
    ///
    /// `Z_ij = ∫_0^1 (1 − α)² α^{i+j−2} dα`; with `α = e^{−s}`, `s = e^x` the trapezoidal rule in `x` gives a factor of `Z`,
    /// whose singular values are the roots of the eigenvalues: eigenvalues down to 1e-15 have their filters to nine digits
    /// and more, where `Z` itself would lose them all.
    pub fn hankel(length: usize, count: usize) -> Self {
        // The rule's error falls like e^{−π²/h}, what is left out at the left end like (s T)³: both are below 1e-23.
        const STEP: f64 = 0.17;
        let (first, last) = (log(1e-8 / length.max(1) as f64), 4.0);
        let nodes = ((last - first) / STEP) as usize + 1;
        let mut factor = DMatrix::zeros(length, nodes);
        for (node, mut column) in factor.column_iter_mut().enumerate() {
            let s = exp(last - STEP * node as f64);
            let alpha = exp(-s);
            let mut entry = (STEP * s * alpha).sqrt() * -libm::expm1(-s);
            for value in column.iter_mut() {
                *value = entry;
                entry *= alpha;
            }
        }
        Self::principal(&factor, count)
    }

    /// The `count` first of `Z = M Mᵀ`, from a factor `M` (T x Q): a column for each node of a quadrature of the measure ν,
    /// `√w μ(α)`, or two for a complex node, its real and its imaginary part.
    pub fn principal(factor: &DMatrix<f64>, count: usize) -> Self {
        let (rows, columns) = factor.shape();
        let (basis, small) = if rows > columns {
            let (basis, triangle) = factor.clone().qr().unpack();
            (Some(basis), triangle)
        } else {
            (None, factor.transpose().qr().r().transpose())
        };
        let svd = small.svd(true, false);
        let Some(vectors) = svd.u else {
            return Self { values: Vec::new(), filters: DMatrix::zeros(rows, 0) };
        };
        let kept = count.min(svd.singular_values.len());
        let values: Vec<f64> = svd.singular_values.iter().take(kept).map(|value| value * value).collect();
        let vectors = vectors.columns(0, kept).into_owned();
        let mut filters = basis.map_or(vectors.clone(), |basis| product(&basis, &vectors));
        for mut filter in filters.column_iter_mut() {
            if filter[0] < 0.0 {
                filter.neg_mut();
            }
        }
        Self { values, filters }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hankel(length: usize) -> DMatrix<f64> {
        DMatrix::from_fn(length, length, |i, j| {
            let k = (i + j + 2) as f64;
            2.0 / (k * k * k - k)
        })
    }

    #[test]
    fn filters_are_orthonormal_and_their_moments_those_of_the_matrix() {
        for length in [1, 2, 10, 100, 300] {
            let found = SpectralFilters::hankel(length, 24);
            let kept = found.values.len();
            assert_eq!(kept, 24.min(length));
            let z = hankel(length);
            let gram = found.filters.transpose() * &found.filters;
            assert!((gram - DMatrix::identity(kept, kept)).amax() < 1e-13);
            let image = z * &found.filters;
            for (j, value) in found.values.iter().enumerate() {
                let apart = (image.column(j) - found.filters.column(j) * *value).amax();
                assert!(apart < 1e-15, "T = {length}, filter {j}: {apart:e}");
            }
        }
    }

    /// The bound that makes a few filters enough: the eigenvalues fall at least like `e^{−π² j / log …}`.
    #[test]
    fn eigenvalues_fall_geometrically() {
        let values = SpectralFilters::hankel(1000, 40).values;
        assert!(values.windows(2).all(|pair| pair[1] < 0.5 * pair[0]), "{values:?}");
    }
}
