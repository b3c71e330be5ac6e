//! The continuous Lyapunov equation.

use super::DMatrix;

/// The `X` with `A X + X Aᵀ = Q`, by its `n²` linear equations: for `n` up to a dozen. None if two eigenvalues of `A`
/// add up to zero.
///
/// # Panics
/// If the sizes differ.
pub fn lyapunov(a: &DMatrix<f64>, q: &DMatrix<f64>) -> Option<DMatrix<f64>> {
    let n = a.nrows();
    assert_eq!((a.ncols(), q.nrows(), q.ncols()), (n, n, n), "square matrices of one size");
    let identity = DMatrix::identity(n, n);
    // By columns, A X is (I ⊗ A) x and X Aᵀ is (A ⊗ I) x.
    let equations = identity.kronecker(a) + a.kronecker(&identity);
    let x = equations.lu().solve(&DMatrix::from_column_slice(n * n, 1, q.as_slice()))?;
    let x = DMatrix::from_column_slice(n, n, x.as_slice());
    x.iter().all(|entry| entry.is_finite()).then_some(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_the_covariance_of_a_stable_system(entries in prop::collection::vec(-1.0_f64..1.0, 32)) {
            let noise = DMatrix::from_column_slice(4, 4, &entries[16..]);
            let q = &noise * noise.transpose();
            // Diagonally dominant: all eigenvalues have a real part of at least one.
            let a = DMatrix::from_column_slice(4, 4, &entries[..16]) + DMatrix::identity(4, 4) * 5.0;
            let x = lyapunov(&a, &q).unwrap();
            prop_assert!((&a * &x + &x * a.transpose() - &q).amax() < 1e-13);
            prop_assert!(x.symmetric_eigenvalues().min() > -1e-13);
        }
    }

    #[test]
    fn opposite_eigenvalues_have_no_solution() {
        let a = DMatrix::from_row_slice(2, 2, &[0.0, 1.0, -1.0, 0.0]);
        assert!(lyapunov(&a, &DMatrix::identity(2, 2)).is_none());
    }
}
