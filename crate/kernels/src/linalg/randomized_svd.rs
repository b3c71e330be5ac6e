//! The largest singular values of a matrix that is known by its products.

use super::{DMatrix, DVector, product};
use crate::random::normal_matrix;
use rand::Rng;

/// Singular values, the largest first, and their vectors, in columns: `A ≈ U Σ Vᵀ`.
#[derive(Clone, Debug)]
pub struct TruncatedSvd {
    /// Left vectors.
    pub u: DMatrix<f64>,
    /// Singular values.
    pub values: DVector<f64>,
    /// Right vectors.
    pub v: DMatrix<f64>,
}

/// The `rank` largest singular values of a matrix of `columns` columns, of which `times` gives products `A X` and
/// `transposed` products `Aᵀ Y` with a few columns. A random `X` of `rank + more` columns and `powers` turns of `A Aᵀ`, each
/// followed by QR, give a basis `Q` of the range; the rest is the small SVD of `Qᵀ A` (Halko, Martinsson and Tropp,
/// "Finding structure with randomness", 2011, algorithms 4.4 and 5.1). The error of a value shrinks as
/// `(σ_(rank+more+1) / σ)^(2 powers + 1)`: exact for a matrix of at most `rank + more`; 2 powers and 8 more are usual. None if
/// an entry is not finite.
pub fn randomized_svd(
    times: impl Fn(&DMatrix<f64>) -> DMatrix<f64>,
    transposed: impl Fn(&DMatrix<f64>) -> DMatrix<f64>,
    (columns, rank): (usize, usize),
    (more, powers): (usize, usize),
    rng: &mut impl Rng,
) -> Option<TruncatedSvd> {
    let sample = times(&normal_matrix(columns, (rank + more).min(columns), rng));
    let finite = |m: &DMatrix<f64>| m.iter().all(|entry| entry.is_finite());
    if !finite(&sample) {
        return None;
    }
    let mut q = sample.qr().q();
    for _ in 0..powers {
        q = times(&transposed(&q).qr().q()).qr().q();
    }
    // Of (Qᵀ A)ᵀ = W Σ Zᵀ: then A ≈ Q Qᵀ A = (Q Z) Σ Wᵀ.
    let small = transposed(&q);
    if !finite(&small) {
        return None;
    }
    let svd = small.svd(true, true);
    let (w, z, values) = (svd.u?, svd.v_t?.transpose(), svd.singular_values);
    let rank = rank.min(values.len());
    Some(TruncatedSvd {
        u: product(&q, &z.columns(0, rank).into_owned()),
        values: values.rows(0, rank).into_owned(),
        v: w.columns(0, rank).into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::with_singular_values;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    proptest! {
        #[test]
        fn a_matrix_of_low_rank_is_found_whole(
            (m, n) in (6_usize..40, 6_usize..40), rank in 1_usize..6, powers in 0_usize..3, seed in 0_u64..1000,
        ) {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let value = |k: usize| if k < rank { 3.0 / (1.0 + k as f64) } else { 0.0 };
            let spectrum: Vec<f64> = (0..m.min(n)).map(value).collect();
            let a = with_singular_values(m, n, &spectrum, &mut rng);
            let (times, transposed) = (|x: &DMatrix<f64>| &a * x, |y: &DMatrix<f64>| a.transpose() * y);
            let svd = randomized_svd(times, transposed, (n, rank), (2, powers), &mut rng).unwrap();
            let gap = (&svd.values - DVector::from_row_slice(&spectrum[..rank])).amax();
            prop_assert!(gap < 1e-12, "{gap}");
            let rebuilt = &svd.u * DMatrix::from_diagonal(&svd.values) * svd.v.transpose();
            prop_assert!((rebuilt - &a).amax() < 1e-12);
            for vectors in [&svd.u, &svd.v] {
                prop_assert!((vectors.transpose() * vectors - DMatrix::identity(rank, rank)).amax() < 1e-12);
            }
        }
    }

    #[test]
    fn what_is_not_finite_has_no_values() {
        let nothing = |x: &DMatrix<f64>| DMatrix::from_element(4, x.ncols(), f64::NAN);
        assert!(randomized_svd(nothing, nothing, (4, 2), (1, 1), &mut ChaCha8Rng::seed_from_u64(1)).is_none());
    }
}
