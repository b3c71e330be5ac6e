//! Data of linear models: rows of a design matrix, and what a true weight vector says about them.
//!
//! A Gaussian design is [`random::normals`](crate::random::normals); one with chosen singular values is
//! [`random::with_singular_values`](crate::random::with_singular_values), whose transpose has its entries by rows.

use super::Table;
use crate::random::permutation;
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

/// `b = A w + noise`, with a normal deviation: A is given by rows, as many columns as w has entries.
pub fn measurements(design: &[f64], truth: &[f64], noise: f64, rng: &mut impl Rng) -> Vec<f64> {
    products(design, truth).map(|value| value + noise * rng.sample::<f64, _>(StandardNormal)).collect()
}

/// The rows of A in the two half spaces of the weight vector: class 1 where `A w > 0`. Rows nearer to the boundary than
/// `margin |w|` are left out. [`Table::mislabel`] makes some of the labels wrong.
pub fn half_spaces(design: &[f64], truth: &[f64], margin: f64) -> Table {
    let columns = truth.len();
    let norm = truth.iter().map(|w| w * w).sum::<f64>().sqrt();
    let mut table = Table { columns, features: Vec::new(), labels: Vec::new(), classes: 2 };
    for (row, value) in design.chunks_exact(columns).zip(products(design, truth)) {
        if value.abs() >= margin * norm {
            table.features.extend(row);
            table.labels.push(usize::from(value > 0.0));
        }
    }
    table
}

/// A vector of `size` entries, `filled` of which, at random places, are standard normal, and the others zero.
pub fn sparse(size: usize, filled: usize, rng: &mut impl Rng) -> Vec<f64> {
    let mut vector = vec![0.0; size];
    for place in permutation(size, rng).into_iter().take(filled) {
        vector[place] = rng.sample(StandardNormal);
    }
    vector
}

fn products(design: &[f64], weights: &[f64]) -> impl Iterator<Item = f64> {
    design.chunks_exact(weights.len()).map(move |row| row.iter().zip(weights).map(|(a, w)| a * w).sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::normals;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn what_was_measured_is_found_again() {
        // Without noise the normal equations have the truth as their solution.
        let rng = &mut ChaCha8Rng::seed_from_u64(1);
        let (design, truth) = (normals(50 * 4, rng), normals(4, rng));
        let b = measurements(&design, &truth, 0.0, rng);
        let a = crate::linalg::DMatrix::from_row_slice(50, 4, &design);
        let found = (a.transpose() * &a).lu().solve(&(a.transpose() * crate::linalg::DVector::from_vec(b))).unwrap();
        assert!(found.iter().zip(&truth).all(|(a, b)| (a - b).abs() < 1e-12));
        let noisy = measurements(&vec![0.0; 40_000], &truth, 0.3, rng);
        let square = noisy.iter().map(|x| x * x).sum::<f64>() / 10_000.0;
        assert!((square / 0.09 - 1.0).abs() < 4.0 * (2.0_f64 / 1e4).sqrt(), "{square}");
    }

    #[test]
    fn half_spaces_are_apart_by_their_margin() {
        let rng = &mut ChaCha8Rng::seed_from_u64(2);
        let table = half_spaces(&normals(3000, rng), &[3.0, 0.0, -4.0], 0.2);
        // Two thirds of a standard normal number's draws and more lie beyond 0.2.
        assert!((700..1000).contains(&table.rows()), "{}", table.rows());
        for row in 0..table.rows() {
            let x = table.row(row);
            let side = (3.0 * x[0] - 4.0 * x[2]) / 5.0;
            assert!(if table.labels[row] == 1 { side >= 0.2 } else { side <= -0.2 }, "{side}");
        }
    }

    #[test]
    fn sparse_vectors_have_as_many_entries_as_asked() {
        let rng = &mut ChaCha8Rng::seed_from_u64(3);
        let filled = |size, filled, rng: &mut _| sparse(size, filled, rng).iter().filter(|x| **x != 0.0).count();
        assert_eq!((filled(40, 4, rng), filled(5, 0, rng), filled(5, 9, rng)), (4, 0, 5));
    }
}
