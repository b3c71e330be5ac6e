//! Orthogonalisation by Newton–Schulz iteration, as the Muon optimiser does it.

/// The quintic's coefficients: chosen to lift small singular values fast, so that all end near one rather than at it
/// (Jordan and others, "Muon: an optimizer for hidden layers in neural networks", 2024).
const COEFFICIENTS: [f64; 3] = [3.4445, -4.7750, 2.0315];

/// Divides the `rows` x `columns` matrix `x` by its Frobenius norm: its singular values are then at most one.
pub fn normalize(x: &mut [f64]) {
    let norm = x.iter().map(|x| x * x).sum::<f64>().sqrt();
    if norm > 0.0 {
        x.iter_mut().for_each(|x| *x /= norm);
    }
}

/// One iteration, `X ← aX + (bA + cA²)X` with `A = XXᵀ`: every singular value σ becomes `aσ + bσ³ + cσ⁵`, and the
/// singular vectors stay. `x` has no more `rows` than `columns` (transpose it otherwise: A is the smaller product).
/// Five take normalised singular values above a few hundredths to between 0.65 and 1.25.
pub fn newton_schulz_step(x: &[f64], rows: usize, columns: usize) -> Vec<f64> {
    let [a, b, c] = COEFFICIENTS;
    let mut transposed = vec![0.0; x.len()];
    for (i, row) in x.chunks_exact(columns).enumerate() {
        for (j, entry) in row.iter().enumerate() {
            transposed[j * rows + i] = *entry;
        }
    }
    let gram = product(x, &transposed, rows, columns, rows);
    let mut polynomial = product(&gram, &gram, rows, rows, rows);
    for (square, gram) in polynomial.iter_mut().zip(&gram) {
        *square = b * gram + c * *square;
    }
    let mut next = product(&polynomial, x, rows, rows, columns);
    for (next, x) in next.iter_mut().zip(x) {
        *next += a * x;
    }
    next
}

/// `a b` for row-major `a` (`m` x `k`) and `b` (`k` x `n`).
fn product(a: &[f64], b: &[f64], m: usize, k: usize, n: usize) -> Vec<f64> {
    let mut c = vec![0.0; m * n];
    for (a, c) in a.chunks_exact(k).zip(c.chunks_exact_mut(n)) {
        for (a, b) in a.iter().zip(b.chunks_exact(n)) {
            for (c, b) in c.iter_mut().zip(b) {
                *c += a * b;
            }
        }
    }
    c
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
}
