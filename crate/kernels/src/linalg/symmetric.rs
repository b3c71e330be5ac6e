//! Functions of a symmetric matrix, and the unitary factor of any matrix.

use super::{DMatrix, product};
use nalgebra::ComplexField;

/// `f(A) = V f(Λ) Vᵀ` for a symmetric `A = V Λ Vᵀ`, of which the lower triangle is read: the square root with
/// `|x| x.max(0.0).sqrt()`, the logarithm with `math::log`, an inverse root on the range with a function that takes what
/// is zero to rounding to zero. None if an entry is not finite.
pub fn symmetric_function(a: &DMatrix<f64>, mut f: impl FnMut(f64) -> f64) -> Option<DMatrix<f64>> {
    if !a.iter().all(|entry| entry.is_finite()) {
        return None;
    }
    let eigen = a.clone().symmetric_eigen();
    let mut scaled = eigen.eigenvectors.clone();
    for (mut vector, value) in scaled.column_iter_mut().zip(&eigen.eigenvalues) {
        vector *= f(*value);
    }
    let mut result = product(&scaled, &eigen.eigenvectors.transpose());
    result.fill_upper_triangle_with_lower_triangle();
    Some(result)
}

/// `U V*` of a real or complex `A = U Σ V*`: the nearest matrix with orthonormal rows or columns, the first factor of
/// the polar decomposition `A = (U V*) (V Σ V*)`. None if an entry is not finite.
pub fn polar<T: ComplexField<RealField = f64>>(a: &DMatrix<T>) -> Option<DMatrix<T>> {
    if !a.iter().all(|entry| entry.is_finite()) {
        return None;
    }
    let svd = a.clone().svd(true, true);
    Some(svd.u? * svd.v_t?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::{Complex, expm};
    use crate::math;
    use proptest::prelude::*;

    fn matrix(n: usize) -> impl Strategy<Value = DMatrix<f64>> {
        prop::collection::vec(-1.0_f64..1.0, n * n).prop_map(move |entries| DMatrix::from_vec(n, n, entries))
    }

    proptest! {
        #[test]
        fn the_root_squares_to_the_matrix_and_the_logarithm_undoes_the_exponential(a in matrix(5)) {
            let gram = product(&a, &a.transpose());
            let root = symmetric_function(&gram, |x| x.max(0.0).sqrt()).unwrap();
            prop_assert!((product(&root, &root) - &gram).amax() < 1e-13);
            prop_assert_eq!(&root, &root.transpose());

            let symmetric = &a + a.transpose();
            let exponential = expm(&symmetric).unwrap();
            prop_assert!((symmetric_function(&exponential, math::log).unwrap() - &symmetric).amax() < 1e-10);
        }

        #[test]
        fn the_polar_factor_is_unitary_and_leaves_a_positive_one(re in matrix(4), im in matrix(4)) {
            let a = re.zip_map(&im, Complex::new);
            let unitary = polar(&a).unwrap();
            prop_assert!((&unitary * unitary.adjoint() - DMatrix::identity(4, 4)).map(|z| z.norm_sqr()).sum() < 1e-26);
            let positive = unitary.adjoint() * &a;
            // What the SVD leaves of A, E = A - U Σ V*, is all that may keep (U V*)* A from V Σ V*.
            let left = (&a - a.clone().svd(true, true).recompose().unwrap()).norm();
            prop_assert!((&positive - positive.adjoint()).norm() < 2.0 * left + 1e-13);
            prop_assert!(positive.symmetric_eigenvalues().iter().all(|value| *value > -left - 1e-13));
        }
    }

    #[test]
    fn what_is_not_finite_has_no_function() {
        let a = DMatrix::from_element(2, 2, f64::NAN);
        assert!(symmetric_function(&a, f64::sqrt).is_none());
        assert!(polar(&a).is_none());
    }
}
