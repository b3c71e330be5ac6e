//! The matrix exponential.

use super::{DMatrix, product};
use crate::math::powi;

/// Coefficients of the numerator of the [13/13] Padé approximant of exp.
const PADE: [f64; 14] = [
    64_764_752_532_480_000.0,
    32_382_376_266_240_000.0,
    7_771_770_303_897_600.0,
    1_187_353_796_428_800.0,
    129_060_195_264_000.0,
    10_559_470_521_600.0,
    670_442_572_800.0,
    33_522_128_640.0,
    1_323_241_920.0,
    40_840_800.0,
    960_960.0,
    16_380.0,
    182.0,
    1.0,
];

/// Up to this 1-norm the approximant is exact to double precision.
const NEAR: f64 = 5.371_920_351_148_152;

/// `exp(A)` by scaling and squaring: with `s` such that `A / 2^s` is small, `exp(A) = (r(A / 2^s))^(2^s)`, where `r` is the
/// [13/13] Padé approximant, evaluated in six products and one solve (N. J. Higham, "The scaling and squaring method for
/// the matrix exponential revisited", SIAM J. Matrix Anal. Appl. 26, 2005). None if an entry is not finite, or if the
/// exponential overflows.
pub fn expm(a: &DMatrix<f64>) -> Option<DMatrix<f64>> {
    let n = a.nrows();
    let norm = a.column_iter().map(|column| column.iter().map(|entry| entry.abs()).sum()).fold(0.0, f64::max);
    if !a.iter().all(|entry| entry.is_finite()) || norm > 1e15 {
        return None;
    }
    let mut squarings = 0;
    while norm > NEAR * powi(2.0, squarings) {
        squarings += 1;
    }
    let a = a * powi(0.5, squarings);
    let a2 = product(&a, &a);
    let a4 = product(&a2, &a2);
    let a6 = product(&a4, &a2);
    let b = PADE;
    let identity = DMatrix::identity(n, n);
    let high = product(&a6, &(&a6 * b[13] + &a4 * b[11] + &a2 * b[9]));
    let odd = product(&a, &(high + &a6 * b[7] + &a4 * b[5] + &a2 * b[3] + &identity * b[1]));
    let high = product(&a6, &(&a6 * b[12] + &a4 * b[10] + &a2 * b[8]));
    let even = high + &a6 * b[6] + &a4 * b[4] + &a2 * b[2] + &identity * b[0];
    // r = (V − U)⁻¹ (V + U), with U the odd part and V the even one.
    let mut exponential = (&even - &odd).lu().solve(&(even + odd))?;
    for _ in 0..squarings {
        exponential = product(&exponential, &exponential);
    }
    exponential.iter().all(|entry| entry.is_finite()).then_some(exponential)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::{cos, exp, sin};
    use proptest::prelude::*;

    fn far(a: &DMatrix<f64>, b: &DMatrix<f64>) -> f64 {
        (a - b).amax() / b.amax()
    }

    fn matrix(n: usize, size: f64) -> impl Strategy<Value = DMatrix<f64>> {
        prop::collection::vec(-size..size, n * n).prop_map(move |entries| DMatrix::from_vec(n, n, entries))
    }

    proptest! {
        #[test]
        fn a_rotation_and_a_shear_are_known(angle in -30.0_f64..30.0, shear in -50.0_f64..50.0) {
            let turn = expm(&DMatrix::from_row_slice(2, 2, &[0.0, -angle, angle, 0.0])).unwrap();
            let known = DMatrix::from_row_slice(2, 2, &[cos(angle), -sin(angle), sin(angle), cos(angle)]);
            prop_assert!(far(&turn, &known) < 1e-13);
            let slant = expm(&DMatrix::from_row_slice(2, 2, &[0.0, shear, 0.0, 0.0])).unwrap();
            prop_assert!(far(&slant, &DMatrix::from_row_slice(2, 2, &[1.0, shear, 0.0, 1.0])) < 1e-14);
        }

        #[test]
        fn exponentials_of_multiples_multiply(a in matrix(5, 3.0), s in 0.0_f64..1.0, t in 0.0_f64..1.0) {
            let both = product(&expm(&(&a * s)).unwrap(), &expm(&(&a * t)).unwrap());
            prop_assert!(far(&both, &expm(&(&a * (s + t))).unwrap()) < 1e-12);
        }

        #[test]
        fn a_symmetric_matrix_is_exponentiated_by_its_eigenvalues(a in matrix(6, 2.0)) {
            let a = &a + a.transpose();
            let eigen = a.clone().symmetric_eigen();
            let v = &eigen.eigenvectors;
            let known = v * DMatrix::from_diagonal(&eigen.eigenvalues.map(exp)) * v.transpose();
            prop_assert!(far(&expm(&a).unwrap(), &known) < 1e-12);
        }
    }

    #[test]
    fn what_has_no_exponential_in_double_precision_is_none() {
        assert!(expm(&DMatrix::from_element(2, 2, f64::NAN)).is_none());
        assert!(expm(&DMatrix::from_element(2, 2, 1e4)).is_none());
    }
}
