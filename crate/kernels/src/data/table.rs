//! Examples with features and labels.

use crate::random::permutation;
use rand::Rng;

/// Examples, one a row, and the class of each.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// How many features an example has.
    pub columns: usize,
    /// The features, `rows` x `columns`, by rows.
    pub features: Vec<f64>,
    /// The class of each row, from 0.
    pub labels: Vec<usize>,
    /// How many classes there are.
    pub classes: usize,
}

impl Table {
    /// How many examples.
    pub fn rows(&self) -> usize {
        self.labels.len()
    }

    /// The features of one example.
    pub fn row(&self, row: usize) -> &[f64] {
        &self.features[row * self.columns..][..self.columns]
    }

    /// The examples of these rows, in this order.
    pub fn pick(&self, rows: &[usize]) -> Self {
        let features = rows.iter().flat_map(|&row| self.row(row)).copied().collect();
        let labels = rows.iter().map(|&row| self.labels[row]).collect();
        Self { features, labels, ..*self }
    }

    /// A random choice of `first` examples, and the others; all of them and none where there are not so many.
    pub fn split(&self, first: usize, rng: &mut impl Rng) -> (Self, Self) {
        let order = permutation(self.rows(), rng);
        let (a, b) = order.split_at(first.min(order.len()));
        (self.pick(a), self.pick(b))
    }

    /// Shifts and scales each feature to mean zero and variance one; a constant feature becomes zero.
    pub fn standardise(&mut self) {
        let rows = self.rows().max(1) as f64;
        for column in 0..self.columns {
            let entries = || self.features.iter().skip(column).step_by(self.columns);
            let mean = entries().sum::<f64>() / rows;
            let variance = entries().map(|x| (x - mean) * (x - mean)).sum::<f64>() / rows;
            let scale = if variance > 0.0 { 1.0 / variance.sqrt() } else { 0.0 };
            self.features.iter_mut().skip(column).step_by(self.columns).for_each(|x| *x = (*x - mean) * scale);
        }
    }

    /// Gives a share of the examples, drawn one by one, another class than their own, each other class as likely.
    /// There must be two classes at least.
    pub fn mislabel(&mut self, share: f64, rng: &mut impl Rng) {
        use rand::RngExt;
        for label in &mut self.labels {
            if rng.random::<f64>() < share {
                let other = rng.random_range(1..self.classes as u32) as usize;
                *label = (*label + other) % self.classes;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::iris;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn standardised_features_have_mean_zero_and_variance_one() {
        let mut iris = iris();
        iris.features.extend([1.0; 4]);
        iris.labels.push(0);
        iris.standardise();
        for column in 0..4 {
            let of = |row: usize| iris.row(row)[column];
            let mean: f64 = (0..iris.rows()).map(of).sum::<f64>() / 151.0;
            let square: f64 = (0..iris.rows()).map(|row| of(row) * of(row)).sum::<f64>() / 151.0;
            assert!(mean.abs() < 1e-14 && (square - 1.0).abs() < 1e-13, "{mean} {square}");
        }
    }

    #[test]
    fn a_split_loses_and_repeats_nothing() {
        let iris = iris();
        let (train, test) = iris.split(100, &mut ChaCha8Rng::seed_from_u64(1));
        assert_eq!((train.rows(), test.rows()), (100, 50));
        let sorted = |tables: &[&Table]| {
            let mut rows: Vec<String> =
                tables.iter().flat_map(|t| (0..t.rows()).map(|i| format!("{:?} {}", t.row(i), t.labels[i]))).collect();
            rows.sort();
            rows
        };
        assert_eq!(sorted(&[&train, &test]), sorted(&[&iris]));
        assert_eq!(iris.split(1000, &mut ChaCha8Rng::seed_from_u64(1)).1.rows(), 0);
    }

    #[test]
    fn the_share_of_wrong_labels_is_the_one_asked_for() {
        let clean = crate::data::digits();
        let mut noisy = clean.clone();
        noisy.mislabel(0.3, &mut ChaCha8Rng::seed_from_u64(1));
        let wrong = noisy.labels.iter().zip(&clean.labels).filter(|(a, b)| a != b).count() as f64 / 1797.0;
        // Four standard errors.
        assert!((wrong - 0.3).abs() < 4.0 * (0.3_f64 * 0.7 / 1797.0).sqrt(), "{wrong}");
        assert!(noisy.labels.iter().all(|&label| label < 10));
    }
}
