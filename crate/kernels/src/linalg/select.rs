//! The largest entries of an array.

/// Bits that one pass tells apart.
const WIDTH: u32 = 14;

/// Looks for a threshold that the `k` largest of some positive numbers reach and no other does, but for such as equal the
/// last of them. The bits of a positive number order it: each pass over all numbers counts, by their next bits, those that
/// agree with the threshold in the bits before. A pass may be taken in pieces.
#[derive(Clone, Debug)]
pub struct Largest {
    k: usize,
    /// How many are known to lie above.
    above: usize,
    /// The bits of the threshold that are known, the lowest of them at `shift + width`.
    known: u64,
    shift: u32,
    width: u32,
    counts: Vec<u32>,
}

impl Largest {
    /// Looks for the `k` largest, `k` from 1.
    pub fn new(k: usize) -> Self {
        Self { k, above: 0, known: 0, shift: 63 - WIDTH, width: WIDTH, counts: vec![0; 1 << WIDTH] }
    }

    /// Takes in the next piece of the pass. Numbers that are not positive count for nothing.
    pub fn look(&mut self, values: &[f64]) {
        let (shift, above, mask) = (self.shift, self.shift + self.width, (1 << self.width) - 1);
        for &value in values {
            let bits = value.to_bits();
            if value > 0.0 && bits >> above == self.known {
                self.counts[(bits >> shift) as usize & mask] += 1;
            }
        }
    }

    /// Ends a pass over all numbers: gives the threshold, or asks for another pass. Zero where there are fewer than `k`.
    pub fn narrow(&mut self) -> Option<f64> {
        let (mut chosen, mut through) = (self.counts.len(), self.above);
        while through < self.k {
            if chosen == 0 {
                return Some(0.0);
            }
            chosen -= 1;
            (self.above, through) = (through, through + self.counts[chosen] as usize);
        }
        self.known = self.known << self.width | chosen as u64;
        if through == self.k || self.shift == 0 {
            return Some(f64::from_bits(self.known << self.shift));
        }
        self.width = WIDTH.min(self.shift);
        self.shift -= self.width;
        self.counts.fill(0);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_what_sorting_finds(
            exponents in prop::collection::vec(-320_i32..5, 1..300), k in 1_usize..310, piece in 1_usize..50,
        ) {
            let values: Vec<f64> = exponents.iter().enumerate()
                .map(|(i, e)| if *e == 0 { 0.0 } else { crate::math::powi(10.0, *e) * f64::from(1 + (i % 7) as u32) }).collect();
            let mut sorted: Vec<f64> = values.iter().copied().filter(|value| *value > 0.0).collect();
            sorted.sort_by(|a, b| b.total_cmp(a));
            let mut largest = Largest::new(k);
            let threshold = loop {
                values.chunks(piece).for_each(|values| largest.look(values));
                if let Some(threshold) = largest.narrow() {
                    break threshold;
                }
            };
            let last = sorted.get(k - 1).copied().unwrap_or(0.0);
            let kept = |threshold: f64| values.iter().filter(|value| **value >= threshold && **value > 0.0).count();
            prop_assert!(threshold <= last, "{threshold:e} {last:e}");
            prop_assert_eq!(kept(threshold), kept(last));
        }

        #[test]
        fn equal_numbers_are_all_kept(value in 1e-300_f64..1e300, count in 1_usize..40, k in 1_usize..40) {
            let values = vec![value; count];
            let mut largest = Largest::new(k);
            let threshold = loop {
                largest.look(&values);
                if let Some(threshold) = largest.narrow() {
                    break threshold;
                }
            };
            let right = if k > count { threshold == 0.0 } else { threshold <= value && threshold > 0.0 };
            prop_assert!(right, "{threshold:e}");
        }
    }
}
