//! Generalised eigenproblems.

use super::{Cholesky, Complex, ComplexEigen, DMatrix, DVector};

/// A value with its vector.
pub type Eigenpair = (Complex<f64>, DVector<Complex<f64>>);

/// Every `λ` with its `x` of `A x = λ B x`, for a general `A` and a symmetric positive definite `B`, of which the lower
/// triangle is read; `x* B x = 1`. With `B = L Lᵀ` they are the eigenpairs of `L⁻¹ A L⁻ᵀ`, whose vectors are `Lᵀ x` (Golub
/// and Van Loan, *Matrix Computations*, 8.7.2). Values are as exact as `B` is well conditioned. None if `B` is not positive
/// definite, or an entry is not finite.
///
/// # Panics
/// If the matrices are not square and of one size.
pub fn pencil_eigen(a: &DMatrix<f64>, b: &DMatrix<f64>) -> Option<Vec<Eigenpair>> {
    assert!(a.is_square() && a.shape() == b.shape(), "two square matrices of one size");
    if !a.iter().chain(b).all(|entry| entry.is_finite()) {
        return None;
    }
    let n = a.nrows();
    let l = Cholesky::new(b.clone())?.unpack();
    let half = l.solve_lower_triangular(a)?;
    // (L⁻¹ A) L⁻ᵀ by columns is its transpose by rows: L⁻¹ (L⁻¹ A)ᵀ.
    let transposed = l.solve_lower_triangular(&half.transpose())?;
    let mut problem = ComplexEigen::new(transposed.iter().map(|&entry| Complex::from(entry)).collect(), n);
    while !problem.advance(u32::MAX) {}
    let upper = l.map(Complex::from).transpose();
    let pair = |(value, y)| Some((value, upper.solve_upper_triangular(&DVector::from_vec(y))?));
    problem.pairs().into_iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_equation_holds(a in prop::collection::vec(-1.0_f64..1.0, 25), b in prop::collection::vec(-1.0_f64..1.0, 25)) {
            let [a, root] = [a, b].map(|entries| DMatrix::from_vec(5, 5, entries));
            let b = &root * root.transpose() + DMatrix::identity(5, 5) * 0.1;
            let pairs = pencil_eigen(&a, &b).unwrap();
            prop_assert_eq!(pairs.len(), 5);
            let [a, b] = [a, b].map(|m| m.map(Complex::from));
            for (value, x) in pairs {
                let gap = &a * &x - (&b * &x) * value;
                prop_assert!(gap.norm() < 1e-10, "{value}: {}", gap.norm());
                prop_assert!(((&b * &x).dotc(&x) - Complex::from(1.0)).norm_sqr() < 1e-20);
            }
        }
    }

    #[test]
    fn a_semidefinite_mass_is_none() {
        let a = DMatrix::identity(2, 2);
        assert!(pencil_eigen(&a, &DMatrix::from_diagonal(&DVector::from_vec(vec![1.0, 0.0]))).is_none());
        assert!(pencil_eigen(&(&a * f64::NAN), &a).is_none());
    }
}
