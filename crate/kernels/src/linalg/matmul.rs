//! Products of matrices.

/// `c = a b` for row-major `a` (`m` x `k`) and `b` (`k` x `n`): rows of `b` are added up, so that the inner loop runs
/// over neighbouring numbers and vectorises.
pub fn matmul_f32(a: &[f32], b: &[f32], m: usize, k: usize, n: usize) -> Vec<f32> {
    let mut c = vec![0.0; m * n];
    if n == 0 || k == 0 {
        return c;
    }
    for (row, c) in a.chunks_exact(k).zip(c.chunks_exact_mut(n)) {
        for (&a, b) in row.iter().zip(b.chunks_exact(n)) {
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
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_product_is_associative_with_a_vector((m, k, n) in (1_usize..9, 1_usize..9, 1_usize..9), seed in 0_u32..1000) {
            let entry = |i: usize, s: u32| (((i as u32).wrapping_mul(2_654_435_761) ^ (s * 40_503)) % 17) as f32 - 8.0;
            let a: Vec<f32> = (0..m * k).map(|i| entry(i, seed)).collect();
            let b: Vec<f32> = (0..k * n).map(|i| entry(i, seed + 1)).collect();
            let x: Vec<f32> = (0..n).map(|i| entry(i, seed + 2)).collect();
            let left = matmul_f32(&matmul_f32(&a, &b, m, k, n), &x, m, n, 1);
            let right = matmul_f32(&a, &matmul_f32(&b, &x, k, n, 1), m, k, 1);
            prop_assert_eq!(left, right);
        }
    }
}
