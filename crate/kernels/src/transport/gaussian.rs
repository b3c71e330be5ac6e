//! Transport between Gaussians: the Bures-Wasserstein geometry.

use super::Error;
use super::error::{check_finite, check_masses};
use crate::linalg::{DMatrix, DVector, polar, symmetric_function};

/// A Gaussian measure. Its covariance may be singular.
#[derive(Clone, Debug, PartialEq)]
pub struct Gaussian {
    mean: DVector<f64>,
    covariance: DMatrix<f64>,
    /// Of the covariance.
    root: DMatrix<f64>,
}

/// Eigenvalues below this share of the greatest entry count as zero.
const RANK: f64 = 1e-12;

impl Gaussian {
    /// Of the given mean and covariance.
    ///
    /// # Errors
    /// If a number is not finite, the sizes do not fit, or the covariance is not symmetric and positive semi-definite.
    pub fn new(mean: DVector<f64>, covariance: DMatrix<f64>) -> Result<Self, Error> {
        check_finite(mean.as_slice(), "means")?;
        let root = square_root(&covariance)?;
        if mean.len() != covariance.nrows() {
            return Err(Error::NotCovariance);
        }
        Ok(Self { mean, covariance, root })
    }

    /// The mean.
    pub fn mean(&self) -> &DVector<f64> {
        &self.mean
    }

    /// The covariance.
    pub fn covariance(&self) -> &DMatrix<f64> {
        &self.covariance
    }

    /// $W_2^2=\|m_1-m_2\|^2+\mathrm{tr}(\Sigma_1+\Sigma_2-2(\Sigma_1^{1/2}\Sigma_2\Sigma_1^{1/2})^{1/2})$; the second part alone
    /// is the squared Bures distance. (Dowson and Landau, 1982; Gelbrich, 1990.)
    ///
    /// # Panics
    /// If the dimensions differ.
    pub fn distance_squared(&self, other: &Self) -> f64 {
        (&self.mean - &other.mean).norm_squared()
            + bures(self.covariance.trace() + other.covariance.trace(), &self.root, &other.root)
    }

    /// The matrix $T$ of the optimal map $x\mapsto m_2+T(x-m_1)$ onto `other`,
    /// $$T=\Sigma_1^{-1/2}(\Sigma_1^{1/2}\Sigma_2\Sigma_1^{1/2})^{1/2}\Sigma_1^{-1/2},$$
    /// the inverse taken on the range of $\Sigma_1$. $T\Sigma_1T=\Sigma_2$ if $\Sigma_1$ is regular. (Where $\Sigma_1$ is singular,
    /// $\Sigma_2$ may not be reached by any map.)
    ///
    /// # Panics
    /// If the dimensions differ.
    pub fn map(&self, other: &Self) -> DMatrix<f64> {
        let least = RANK * self.covariance.amax();
        let range = function(&self.covariance, |x| if x > least { 1.0 } else { 0.0 });
        let inverse = function(&self.covariance, |x| if x > least { 1.0 / x.sqrt() } else { 0.0 });
        // T = C Σ₁^{-1/2}: one inverse, not two.
        symmetric(&(range * coupled(&self.root, &other.root) * inverse))
    }

    /// The measure a share `t` of the way along the geodesic to `other` (McCann's displacement interpolation): the law of
    /// $(1-t)x+ty$ with $x$ and $y$ coupled best, which is the image under $(1-t)\,\mathrm{id}+t\,T$ where there is a map.
    ///
    /// # Errors
    /// If rounding leaves no covariance.
    ///
    /// # Panics
    /// If the dimensions differ.
    pub fn towards(&self, other: &Self, t: f64) -> Result<Self, Error> {
        let factor = &self.root * (1.0 - t) + coupled(&self.root, &other.root) * t;
        Self::new(&self.mean * (1.0 - t) + &other.mean * t, symmetric(&(&factor * factor.transpose())))
    }

    /// The barycentre $\arg\min\sum_iw_iW_2^2(\cdot,\mu_i)$, weights scaled to sum to one, by the fixed point
    /// $$S\leftarrow S^{-1/2}\Big(\sum_iw_i(S^{1/2}\Sigma_iS^{1/2})^{1/2}\Big)^2S^{-1/2}$$
    /// from the mean of the covariances, until it moves by at most `tolerance` of its size or `most` times. (Álvarez-Esteban,
    /// del Barrio, Cuesta-Albertos and Matrán, "A fixed-point approach to barycenters in Wasserstein space", 2016.) It is run
    /// on a factor $S=GG^\top$, which the maps $T_i$ onto the measures carry to $\sum_iw_iT_iG$: with
    /// $T_iG=\Sigma_i^{1/2}U_i$, $U_i$ the orthogonal factor of $\Sigma_i^{1/2}G$, it needs no inverse.
    ///
    /// # Errors
    /// If there are no measures, or weights are negative, not finite or all zero.
    ///
    /// # Panics
    /// If the dimensions differ, or there is not one weight for each measure.
    pub fn barycentre(measures: &[Self], weights: &[f64], tolerance: f64, most: usize) -> Result<Self, Error> {
        assert_eq!(measures.len(), weights.len(), "one weight for each measure");
        let sum = check_masses(weights)?;
        let d = measures[0].mean.len();
        let shares = || measures.iter().zip(weights.iter().map(|weight| weight / sum));
        let mean = shares().fold(DVector::zeros(d), |mean, (measure, share)| mean + &measure.mean * share);
        let mut s = shares().fold(DMatrix::zeros(d, d), |s, (measure, share)| s + &measure.covariance * share);
        let mut factor = root(&s);
        for _ in 0..most {
            // G ← Σᵢ wᵢ Tᵢ G
            factor = shares()
                .fold(DMatrix::zeros(d, d), |next, (measure, share)| next + coupled(&factor, &measure.root) * share);
            let next = symmetric(&(&factor * factor.transpose()));
            let moved = (&next - &s).norm();
            s = next;
            if moved <= tolerance * s.norm() {
                break;
            }
        }
        Self::new(mean, s)
    }
}

/// The squared Bures-Wasserstein distance of two covariances,
/// $\mathrm{tr}(\Sigma_1+\Sigma_2-2(\Sigma_1^{1/2}\Sigma_2\Sigma_1^{1/2})^{1/2})$.
///
/// # Errors
/// If one of them is not symmetric and positive semi-definite, or they differ in size.
pub fn bures_wasserstein_squared(a: &DMatrix<f64>, b: &DMatrix<f64>) -> Result<f64, Error> {
    let roots = [square_root(a)?, square_root(b)?];
    if a.shape() != b.shape() {
        Err(Error::NotCovariance)
    } else {
        Ok(bures(a.trace() + b.trace(), &roots[0], &roots[1]))
    }
}

/// The trace of $(A^{1/2}BA^{1/2})^{1/2}$ is the sum of the singular values of $B^{1/2}A^{1/2}$, which nothing squared spoils
/// where the covariances are nearly singular.
fn bures(traces: f64, root_of_a: &DMatrix<f64>, root_of_b: &DMatrix<f64>) -> f64 {
    (traces - 2.0 * (root_of_b * root_of_a).singular_values().sum()).max(0.0)
}

/// The $C$ for which $Gz$ and $Cz$, of one standard normal $z$, are coupled best, $C$ with the covariance of which `root` is
/// the root $R$: $C=RU$ with $U$ the orthogonal factor of $RG$. If $GG^\top$ is regular, $C=TG$ with the map $T$. Nothing is
/// squared or inverted, so that nearly singular covariances keep their digits. Zero of entries that are not finite.
fn coupled(factor: &DMatrix<f64>, root: &DMatrix<f64>) -> DMatrix<f64> {
    polar(&(root * factor)).map_or_else(|| DMatrix::zeros(root.nrows(), root.ncols()), |u| root * u)
}

/// The positive semi-definite square root of a covariance.
///
/// # Errors
/// If the matrix is not square, finite, symmetric to $10^{-9}$ of its greatest entry and positive semi-definite to the same.
pub fn square_root(matrix: &DMatrix<f64>) -> Result<DMatrix<f64>, Error> {
    if !matrix.is_square() || matrix.is_empty() {
        return Err(Error::NotCovariance);
    }
    check_finite(matrix.as_slice(), "covariances")?;
    let tolerance = 1e-9 * matrix.amax();
    if (matrix - matrix.transpose()).amax() > tolerance {
        return Err(Error::NotCovariance);
    }
    let mut least = f64::INFINITY;
    let root = function(matrix, |x| {
        least = least.min(x);
        x.max(0.0).sqrt()
    });
    if least < -tolerance { Err(Error::NotCovariance) } else { Ok(root) }
}

/// The square root of a matrix that is symmetric and positive semi-definite but for rounding.
fn root(matrix: &DMatrix<f64>) -> DMatrix<f64> {
    function(matrix, |x| x.max(0.0).sqrt())
}

/// A function of the symmetric part; zero of entries that are not finite.
fn function(matrix: &DMatrix<f64>, f: impl FnMut(f64) -> f64) -> DMatrix<f64> {
    symmetric_function(&symmetric(matrix), f).unwrap_or_else(|| DMatrix::zeros(matrix.nrows(), matrix.ncols()))
}

fn symmetric(matrix: &DMatrix<f64>) -> DMatrix<f64> {
    (matrix + matrix.transpose()) * 0.5
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn gaussian(numbers: &[f64], d: usize) -> Gaussian {
        let a = DMatrix::from_row_slice(d, d, &numbers[..d * d]);
        let mean = DVector::from_column_slice(&numbers[16..16 + d]);
        Gaussian::new(mean, &a * a.transpose() + DMatrix::identity(d, d) * 0.05).expect("a covariance")
    }

    fn numbers() -> impl Strategy<Value = Vec<f64>> {
        prop::collection::vec(-1.0_f64..1.0, 20)
    }

    proptest! {
        #[test]
        fn the_map_carries_one_onto_the_other_at_the_distance(d in 1_usize..5, a in numbers(), b in numbers()) {
            let (a, b) = (gaussian(&a, d), gaussian(&b, d));
            let map = a.map(&b);
            prop_assert!((&map * a.covariance() * &map - b.covariance()).amax() < 1e-10);
            // E|x - T x|² with x of covariance Σ₁.
            let away = DMatrix::identity(d, d) - &map;
            let cost = (&away * a.covariance() * &away).trace() + (a.mean() - b.mean()).norm_squared();
            prop_assert!((a.distance_squared(&b) - cost).abs() < 1e-10);
            prop_assert!((a.distance_squared(&b) - b.distance_squared(&a)).abs() < 1e-10);
            let half = a.towards(&b, 0.5).expect("a measure");
            prop_assert!((4.0 * a.distance_squared(&half) - cost).abs() < 1e-9);
        }

        // At the barycentre the maps to the measures average to the identity (Agueh and Carlier, 2011).
        #[test]
        fn at_the_barycentre_the_maps_average_to_the_identity(
            d in 1_usize..5, a in numbers(), b in numbers(), c in numbers(), weights in prop::collection::vec(0.1_f64..1.0, 3),
        ) {
            let measures = [gaussian(&a, d), gaussian(&b, d), gaussian(&c, d)];
            let barycentre = Gaussian::barycentre(&measures, &weights, 1e-14, 1000).expect("a barycentre");
            let sum: f64 = weights.iter().sum();
            let maps = measures.iter().zip(&weights).map(|(measure, weight)| barycentre.map(measure) * (weight / sum));
            let average = maps.fold(DMatrix::zeros(d, d), |average, map| average + map);
            prop_assert!((average - DMatrix::identity(d, d)).amax() < 1e-8);
        }
    }

    #[test]
    fn commuting_and_singular_covariances_are_known() {
        let diagonal = |values: &[f64]| DMatrix::from_diagonal(&DVector::from_column_slice(values));
        // Σ (√a - √b)² where covariances commute.
        let distance = bures_wasserstein_squared(&diagonal(&[4.0, 9.0, 0.0]), &diagonal(&[1.0, 0.0, 0.0]));
        assert!((distance.expect("covariances") - 10.0).abs() < 1e-12);
        let flat = Gaussian::new(DVector::zeros(2), diagonal(&[4.0, 0.0])).expect("a covariance");
        let other = Gaussian::new(DVector::zeros(2), diagonal(&[1.0, 0.0])).expect("a covariance");
        assert!((flat.map(&other) - diagonal(&[0.5, 0.0])).amax() < 1e-15);
        let point = Gaussian::new(DVector::zeros(2), diagonal(&[0.0, 0.0])).expect("a covariance");
        assert!((point.distance_squared(&flat) - 4.0).abs() < 1e-14);
        // From a point or a line the mean of two is known, though no map leads there: a quarter of the other.
        let half = point.towards(&Gaussian::new(DVector::zeros(2), diagonal(&[4.0, 9.0])).expect("a covariance"), 0.5);
        assert!((half.expect("a measure").covariance() - diagonal(&[1.0, 2.25])).amax() < 1e-15);
        let both = [flat.clone(), point.clone()];
        let mean = Gaussian::barycentre(&both, &[1.0, 1.0], 1e-15, 100).expect("a barycentre");
        assert!((mean.covariance() - diagonal(&[1.0, 0.0])).amax() < 1e-15);
    }

    #[test]
    fn what_is_no_covariance_is_told() {
        let matrix = |entries: &[f64]| DMatrix::from_row_slice(2, 2, entries);
        for entries in [[1.0, 2.0, 2.0, 1.0], [1.0, 0.5, 0.0, 1.0]] {
            assert_eq!(square_root(&matrix(&entries)), Err(Error::NotCovariance));
        }
        assert_eq!(square_root(&matrix(&[1.0, 0.0, 0.0, f64::NAN])), Err(Error::NotFinite("covariances")));
        assert_eq!(square_root(&DMatrix::zeros(1, 2)), Err(Error::NotCovariance));
        assert_eq!(Gaussian::barycentre(&[], &[], 1e-9, 10), Err(Error::Empty));
    }
}
