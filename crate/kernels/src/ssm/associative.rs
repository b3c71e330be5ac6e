//! The parallel prefix scan.

/// `x_i ← x_0 ∘ x_1 ∘ … ∘ x_i` for an associative operation, in place: `combine(earlier, later)`.
///
/// R. P. Brent and H. T. Kung's circuit (1982): a tree upwards and a tree downwards, fewer than `2n` combinations in
/// `2 log₂ n` rounds, each of which a parallel machine does at once. A linear recurrence `x_k = A_k x_{k−1} + b_k` is the
/// scan of its pairs with `(A, b) ∘ (A', b') = (A' A, A' b + b')`.
pub fn associative_scan<T>(x: &mut [T], combine: impl Fn(&T, &T) -> T) {
    let mut distance = 1;
    while distance < x.len() {
        for i in (2 * distance - 1..x.len()).step_by(2 * distance) {
            x[i] = combine(&x[i - distance], &x[i]);
        }
        distance *= 2;
    }
    while distance > 1 {
        distance /= 2;
        for i in (3 * distance - 1..x.len()).step_by(2 * distance) {
            x[i] = combine(&x[i - distance], &x[i]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        // Words under concatenation do not commute: only the right order gives them.
        #[test]
        fn a_scan_of_letters_spells_every_prefix(n in 0_usize..70) {
            let letters: Vec<String> = (0..n).map(|i| format!("{i} ")).collect();
            let mut scanned = letters.clone();
            associative_scan(&mut scanned, |a, b| format!("{a}{b}"));
            for (i, prefix) in scanned.iter().enumerate() {
                prop_assert_eq!(prefix, &letters[..=i].concat());
            }
        }

        #[test]
        fn a_scan_of_affine_maps_is_the_recurrence(steps in prop::collection::vec((-1.0_f64..1.0, -1.0_f64..1.0), 0..200)) {
            let mut scanned = steps.clone();
            associative_scan(&mut scanned, |(a, b), (c, d)| (c * a, c * b + d));
            let mut x = 0.0;
            for ((a, b), (_, found)) in steps.iter().zip(scanned) {
                x = a * x + b;
                prop_assert!((x - found).abs() < 1e-13);
            }
        }
    }
}
