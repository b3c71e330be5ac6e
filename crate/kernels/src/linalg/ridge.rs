//! Ridge regression.

/// Solves `(G + ηI) V = B` by Cholesky factorisation: for `G = FᵀF` and `B = FᵀY` that is the ridge regression of `Y` on
/// the features `F`. `gram` is `k` x `k` by rows (its lower triangle is read), `b` is `k` x `m` by rows; `η ≥ 0`.
pub fn ridge(gram: &[f64], eta: f64, b: &[f64], k: usize, m: usize) -> Vec<f64> {
    let largest = (0..k).map(|i| gram[i * k + i]).fold(0.0, f64::max);
    // Rounding's worth, so that features that depend on each other do not divide by zero.
    let least = 1e-14 * if largest > 0.0 { largest } else { 1.0 };
    let mut r = gram.to_vec();
    for i in 0..k {
        let (before, row) = r.split_at_mut(i * k);
        for j in 0..i {
            let other = &before[j * k..j * k + j];
            let sum: f64 = row[..j].iter().zip(other).map(|(a, b)| a * b).sum();
            row[j] = (row[j] - sum) / before[j * k + j];
        }
        let sum: f64 = row[..i].iter().map(|entry| entry * entry).sum();
        row[i] = (row[i] + eta - sum).max(least).sqrt();
    }
    let mut v = b.to_vec();
    for i in 0..k {
        let (before, row) = v.split_at_mut(i * m);
        for (j, solved) in before.chunks_exact(m).enumerate() {
            axpy(&mut row[..m], -r[i * k + j], solved);
        }
        row[..m].iter_mut().for_each(|entry| *entry /= r[i * k + i]);
    }
    for i in (0..k).rev() {
        let (before, row) = v.split_at_mut(i * m);
        row[..m].iter_mut().for_each(|entry| *entry /= r[i * k + i]);
        for (j, open) in before.chunks_exact_mut(m).enumerate() {
            axpy(open, -r[i * k + j], &row[..m]);
        }
    }
    v
}

/// `y ← y + a x`.
fn axpy(y: &mut [f64], a: f64, x: &[f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += a * x;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_residual_is_orthogonal_to_the_features_but_for_the_penalty(
            (n, k, m) in (1_usize..12, 1_usize..8, 1_usize..4), eta in 0.01_f64..2.0,
            entries in prop::collection::vec(-1.0_f64..1.0, 12 * 12),
        ) {
            let (f, y) = (|i: usize, j: usize| entries[i * 12 + j], |i: usize, c: usize| entries[i * 12 + 8 + c]);
            let sum = |of: &dyn Fn(usize) -> f64| (0..n).map(of).sum::<f64>();
            let gram: Vec<f64> = (0..k * k).map(|at| sum(&|i| f(i, at / k) * f(i, at % k))).collect();
            let b: Vec<f64> = (0..k * m).map(|at| sum(&|i| f(i, at / m) * y(i, at % m))).collect();
            let v = ridge(&gram, eta, &b, k, m);
            for j in 0..k {
                for c in 0..m {
                    let left = sum(&|i| f(i, j) * (y(i, c) - (0..k).map(|l| f(i, l) * v[l * m + c]).sum::<f64>()));
                    prop_assert!((left - eta * v[j * m + c]).abs() < 1e-9);
                }
            }
        }
    }
}
