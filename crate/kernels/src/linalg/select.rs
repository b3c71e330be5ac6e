//! The largest entries of an array.

/// The `k`-th largest of numbers that are not negative (`k` from 1), in one pass over all and one over few: the upper
/// bits of such a number order it, so a histogram of them finds the bucket. Zero when there are fewer than `k`.
pub fn kth_largest(values: &[f64], k: usize) -> f64 {
    const SHIFT: u32 = 49;
    if k == 0 || k > values.len() {
        return 0.0;
    }
    let bucket = |value: f64| (value.max(0.0).to_bits() >> SHIFT) as usize;
    let mut counts = vec![0_u32; 1 << (63 - SHIFT)];
    for &value in values {
        counts[bucket(value)] += 1;
    }
    let (mut above, mut chosen) = (0, counts.len() - 1);
    while above + (counts[chosen] as usize) < k {
        above += counts[chosen] as usize;
        chosen -= 1;
    }
    let mut few: Vec<f64> = values.iter().copied().filter(|value| bucket(*value) == chosen).collect();
    let rank = k - above - 1;
    let (_, value, _) = few.select_nth_unstable_by(rank, |a, b| b.total_cmp(a));
    value.max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_what_sorting_finds(exponents in prop::collection::vec(-40_i32..5, 1..300), k in 1_usize..310) {
            let values: Vec<f64> = exponents.iter().enumerate()
                .map(|(i, e)| if *e == 0 { 0.0 } else { crate::math::powi(10.0, *e) * f64::from(1 + (i % 7) as u32) }).collect();
            let mut sorted = values.clone();
            sorted.sort_by(|a, b| b.total_cmp(a));
            prop_assert_eq!(kth_largest(&values, k), sorted.get(k - 1).copied().unwrap_or(0.0));
        }
    }
}
