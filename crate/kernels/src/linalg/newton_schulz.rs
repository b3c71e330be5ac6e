//! Orthogonalisation by Newton–Schulz iteration, as the Muon optimiser does it.

use super::{Real, View, gram, matmul_add};

/// The quintic's coefficients: chosen to lift small singular values fast, so that all end near one rather than at it
/// (Jordan and others, "Muon: an optimizer for hidden layers in neural networks", 2024).
const COEFFICIENTS: [f64; 3] = [3.4445, -4.7750, 2.0315];

/// Divides the matrix `x` by its Frobenius norm: its singular values are then at most one. Zero stays zero.
pub fn normalize<T: Real>(x: &mut [T]) {
    let squares = x.iter().map(|&x| -> f64 { x.into() }).map(|x| x * x);
    let norm = squares.sum::<f64>().sqrt();
    if norm > 0.0 {
        x.iter_mut().for_each(|x| *x = T::nearest((*x).into() / norm));
    }
}

/// One iteration, `X ← aX + (bA + cA²)X` with `A = XXᵀ`: every singular value σ becomes `aσ + bσ³ + cσ⁵`, and the
/// singular vectors stay. `x` has no more `rows` than `columns` (transpose it otherwise: A is the smaller product).
/// Five take normalised singular values above a few hundredths to between 0.65 and 1.25.
pub fn newton_schulz_step<T: Real>(x: &[T], rows: usize, columns: usize) -> Vec<T> {
    let [a, b, c] = COEFFICIENTS.map(T::nearest);
    let view = View::by_rows(x, rows, columns);
    let first = gram(view);
    // A is symmetric: its square is its Gram matrix.
    let mut polynomial = gram(View::by_rows(&first, rows, rows));
    for (square, first) in polynomial.iter_mut().zip(&first) {
        *square = b * *first + c * *square;
    }
    let mut next: Vec<T> = x.iter().map(|x| a * *x).collect();
    matmul_add(View::by_rows(&polynomial, rows, rows), view, &mut next);
    next
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::DMatrix;
    use proptest::prelude::*;

    fn singular_values(x: &[f64], rows: usize, columns: usize) -> Vec<f64> {
        DMatrix::from_row_slice(rows, columns, x).singular_values().iter().copied().collect()
    }

    proptest! {
        #[test]
        fn singular_values_follow_the_quintic_and_end_near_one(
            rows in 1_usize..7, more in 0_usize..7, entries in prop::collection::vec(-1.0_f64..1.0, 7 * 14),
        ) {
            let columns = rows + more;
            let mut x = entries[..rows * columns].to_vec();
            normalize(&mut x);
            let smallest = singular_values(&x, rows, columns).into_iter().fold(1.0, f64::min);
            prop_assume!(smallest > 0.03);
            let [a, b, c] = COEFFICIENTS;
            let mut expected = singular_values(&x, rows, columns);
            for _ in 0..5 {
                x = newton_schulz_step(&x, rows, columns);
                expected.iter_mut().for_each(|s| *s *= a + *s * *s * (b + c * *s * *s));
            }
            let mut found = singular_values(&x, rows, columns);
            found.sort_by(f64::total_cmp);
            expected.sort_by(f64::total_cmp);
            for (found, expected) in found.iter().zip(&expected) {
                prop_assert!((found - expected).abs() < 1e-8, "{} for {}", found, expected);
                prop_assert!(*found > 0.65 && *found < 1.25, "{}", found);
            }
        }
    }

    #[test]
    fn single_precision_follows_double() {
        let mut x: Vec<f64> = (0..6 * 9).map(|i| f64::from(i * i % 17) - 8.0).collect();
        normalize(&mut x);
        let mut single: Vec<f32> = x.iter().map(|&x| x as f32).collect();
        for _ in 0..5 {
            x = newton_schulz_step(&x, 6, 9);
            single = newton_schulz_step(&single, 6, 9);
        }
        assert!(x.iter().zip(&single).all(|(x, single)| (x - f64::from(*single)).abs() < 1e-4));
    }
}
