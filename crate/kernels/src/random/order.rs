//! Random orders, and the batches of an epoch.

use rand::{Rng, RngExt};

/// Brings the entries into a random order, each as likely (Fisher and Yates).
pub fn shuffle<T>(entries: &mut [T], rng: &mut impl Rng) {
    for i in (1..entries.len()).rev() {
        // In 32 bits: the same draws where a usize is smaller.
        entries.swap(i, rng.random_range(0..=i as u32) as usize);
    }
}

/// 0, 1, …, `count - 1` in a random order.
pub fn permutation(count: usize, rng: &mut impl Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    shuffle(&mut order, rng);
    order
}

/// Batches without replacement: each epoch goes through all examples in a new order.
#[derive(Clone, Debug)]
pub struct Batches {
    order: Vec<usize>,
    next: usize,
    size: usize,
}

impl Batches {
    /// Batches of `size` of `count` examples, at least one of each; not more than there are.
    pub fn new(count: usize, size: usize) -> Self {
        assert!(count > 0, "examples to draw from");
        Self { order: (0..count).collect(), next: count, size: size.clamp(1, count) }
    }

    /// The examples of the next batch. What is left of an epoch and too small for a batch is passed over.
    pub fn next(&mut self, rng: &mut impl Rng) -> &[usize] {
        if self.next + self.size > self.order.len() {
            shuffle(&mut self.order, rng);
            self.next = 0;
        }
        self.next += self.size;
        &self.order[self.next - self.size..self.next]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn every_order_of_four_is_as_likely() {
        let rng = &mut ChaCha8Rng::seed_from_u64(1);
        let mut found = std::collections::BTreeMap::new();
        let count = 48_000;
        (0..count).for_each(|_| *found.entry(permutation(4, rng)).or_insert(0.0) += 1.0);
        assert_eq!(found.len(), 24);
        let chi_squared: f64 = found.values().map(|n: &f64| (n - 2000.0) * (n - 2000.0) / 2000.0).sum();
        // 23 degrees of freedom: beyond 49.7 once in a thousand.
        assert!(chi_squared < 49.7, "{chi_squared}");
    }

    #[test]
    fn an_epoch_holds_every_example_once() {
        let rng = &mut ChaCha8Rng::seed_from_u64(2);
        let mut batches = Batches::new(12, 4);
        for _ in 0..5 {
            let mut epoch: Vec<usize> = (0..3).flat_map(|_| batches.next(rng).to_vec()).collect();
            epoch.sort_unstable();
            assert_eq!(epoch, (0..12).collect::<Vec<_>>());
        }
        let mut batches = Batches::new(10, 4);
        (0..9).for_each(|_| assert_eq!(batches.next(rng).len(), 4));
        assert_eq!(Batches::new(3, 100).next(rng).len(), 3);
    }
}
