//! Random matrices: Gaussian ones, orthonormal ones, and ones with a chosen spectrum.

use crate::linalg::DMatrix;
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

/// Independent standard normal entries, drawn column by column.
pub fn normal_matrix(rows: usize, columns: usize, rng: &mut impl Rng) -> DMatrix<f64> {
    DMatrix::from_fn(rows, columns, |_, _| rng.sample(StandardNormal))
}

/// Orthonormal columns, `rows` x `columns` with `columns <= rows`, distributed uniformly (by Haar's measure when
/// square): the Q of a Gaussian matrix whose R has a positive diagonal, as nalgebra's has. With other signs Q would
/// depend on how a factorisation chooses them (Mezzadri 2007, "How to generate random matrices from the classical
/// compact groups").
pub fn orthonormal(rows: usize, columns: usize, rng: &mut impl Rng) -> DMatrix<f64> {
    assert!(columns <= rows, "{columns} orthonormal columns of length {rows}");
    normal_matrix(rows, columns, rng).qr().q()
}

/// `U diag(σ) Vᵀ`, `rows` x `columns`, with U and V uniformly random and these singular values, as many as the smaller
/// side.
pub fn with_singular_values(rows: usize, columns: usize, values: &[f64], rng: &mut impl Rng) -> DMatrix<f64> {
    let count = rows.min(columns);
    assert_eq!(values.len(), count, "singular values of a {rows} x {columns} matrix");
    let (mut left, right) = (orthonormal(rows, count, rng), orthonormal(columns, count, rng));
    left.column_iter_mut().zip(values).for_each(|(mut column, value)| column *= *value);
    crate::linalg::product(&left, &right.transpose())
}

/// `Q diag(λ) Qᵀ` with Q uniformly random and these eigenvalues; symmetric to the bit. Positive eigenvalues make it
/// positive definite.
pub fn symmetric(eigenvalues: &[f64], rng: &mut impl Rng) -> DMatrix<f64> {
    let n = eigenvalues.len();
    let q = orthonormal(n, n, rng);
    let mut scaled = q.clone();
    scaled.column_iter_mut().zip(eigenvalues).for_each(|(mut column, value)| column *= *value);
    let mut matrix = crate::linalg::product(&scaled, &q.transpose());
    matrix.fill_lower_triangle_with_upper_triangle();
    matrix
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    proptest! {
        #[test]
        fn columns_are_orthonormal(rows in 1_usize..40, share in 0.0_f64..1.0, seed in 0_u64..1000) {
            let columns = 1 + (share * rows as f64) as usize;
            let columns = columns.min(rows);
            let q = orthonormal(rows, columns, &mut ChaCha8Rng::seed_from_u64(seed));
            let apart = (q.transpose() * &q - DMatrix::identity(columns, columns)).amax();
            prop_assert!(apart < 1e-13, "{}", apart);
            let r = q.transpose() * normal_matrix(rows, columns, &mut ChaCha8Rng::seed_from_u64(seed));
            prop_assert!(r.diagonal().iter().all(|entry| *entry > 0.0), "{}", r);
        }

        #[test]
        fn spectra_are_the_chosen_ones(mut values in prop::collection::vec(0.01_f64..100.0, 1..12), seed in 0_u64..1000) {
            let rng = &mut ChaCha8Rng::seed_from_u64(seed);
            values.sort_by(f64::total_cmp);
            let matrix = symmetric(&values, rng);
            prop_assert_eq!(&matrix, &matrix.transpose());
            let mut found: Vec<f64> = matrix.symmetric_eigenvalues().iter().copied().collect();
            found.sort_by(f64::total_cmp);
            for (a, b) in found.iter().zip(&values) {
                prop_assert!((a - b).abs() < 1e-12 * values[values.len() - 1], "{} {}", a, b);
            }
            let tall = with_singular_values(values.len() + 3, values.len(), &values, rng);
            let mut found: Vec<f64> = tall.singular_values().iter().copied().collect();
            found.sort_by(f64::total_cmp);
            for (a, b) in found.iter().zip(&values) {
                prop_assert!((a - b).abs() < 1e-12 * values[values.len() - 1], "{} {}", a, b);
            }
        }
    }

    #[test]
    fn square_ones_are_uniform() {
        // Under Haar's measure tr Q has mean 0 and variance 1 (n >= 2), and half of the determinants are negative.
        let rng = &mut ChaCha8Rng::seed_from_u64(9);
        let (count, mut sum, mut square, mut negative) = (4000.0, 0.0, 0.0, 0.0);
        for _ in 0..4000 {
            let q = orthonormal(5, 5, rng);
            sum += q.trace();
            square += q.trace() * q.trace();
            negative += f64::from(u8::from(q.determinant() < 0.0));
        }
        assert!((sum / count).abs() < 4.0 / f64::sqrt(count), "{sum}");
        // E (tr Q)⁴ = 3 for n >= 4.
        assert!((square / count - 1.0).abs() < 4.0 * f64::sqrt(2.0 / count), "{square}");
        assert!((negative / count - 0.5).abs() < 2.0 / f64::sqrt(count), "{negative}");
    }
}
