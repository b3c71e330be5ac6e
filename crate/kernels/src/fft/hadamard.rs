//! The fast Walsh-Hadamard transform.

use crate::linalg::Real;
use std::ops::Sub;

/// `x ← H x` in place, with Sylvester's `H = [[1, 1], [1, −1]]^{⊗ log₂ n}`, in `n log₂ n` additions. `H H = n I`.
///
/// # Panics
/// If the length is not a power of two.
pub fn walsh_hadamard<T: Real + Sub<Output = T>>(x: &mut [T]) {
    assert!(x.len().is_power_of_two(), "a power of two, not {}", x.len());
    let mut half = 1;
    while half < x.len() {
        for block in x.chunks_exact_mut(2 * half) {
            let (a, b) = block.split_at_mut(half);
            for (a, b) in a.iter_mut().zip(b) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_entry_is_the_sum_with_the_signs_of_common_bits(bits in 0_u32..7, seed in 0_u32..100) {
            let x: Vec<f64> = (0..1 << bits).map(|i: u32| f64::from((i + seed) * (i + 3) % 17) - 8.0).collect();
            let mut found = x.clone();
            walsh_hadamard(&mut found);
            for (k, found) in found.iter().enumerate() {
                let sign = |j: usize| if (j & k).count_ones().is_multiple_of(2) { 1.0 } else { -1.0 };
                prop_assert_eq!(*found, x.iter().enumerate().map(|(j, x)| sign(j) * x).sum::<f64>());
            }
        }
    }
}
