//! Sparse matrices by compressed rows.

/// A sparse matrix: of each row, the columns of its entries and their values.
#[derive(Clone, Debug)]
pub struct Sparse {
    columns: usize,
    /// Where each row begins in `at` and `values`, and where the last ends.
    starts: Vec<u32>,
    at: Vec<u32>,
    values: Vec<f64>,
}

impl Sparse {
    /// A matrix that has no rows yet.
    pub fn without_rows(columns: usize) -> Self {
        Self { columns, starts: vec![0], at: Vec::new(), values: Vec::new() }
    }

    /// Adds a row: of a dense one, the entries that are at least `threshold` and positive, until `most` are stored in all.
    pub fn push_large(&mut self, row: &[f64], threshold: f64, most: usize) {
        for (column, &value) in row.iter().enumerate() {
            if value >= threshold && value > 0.0 && self.values.len() < most {
                self.at.push(column as u32);
                self.values.push(value);
            }
        }
        self.starts.push(self.values.len() as u32);
    }

    /// The entries of a row-major dense matrix that are at least `threshold` and positive, the first `most` of them.
    pub fn of_large(dense: &[f64], columns: usize, threshold: f64, most: usize) -> Self {
        let mut sparse = Self::without_rows(columns);
        dense.chunks_exact(columns.max(1)).for_each(|row| sparse.push_large(row, threshold, most));
        sparse
    }

    /// The matrix with these entries as row, column, value, in any order; several at one place are added up.
    ///
    /// # Panics
    /// If an entry lies outside.
    pub fn of_entries(rows: usize, columns: usize, mut entries: Vec<(usize, usize, f64)>) -> Self {
        assert!(entries.iter().all(|(i, j, _)| *i < rows && *j < columns), "entries of a {rows} x {columns} matrix");
        entries.sort_by_key(|(i, j, _)| (*i, *j));
        let mut sparse = Self::without_rows(columns);
        let mut entries = entries.into_iter().peekable();
        for row in 0..rows {
            let start = sparse.values.len();
            while let Some((_, column, value)) = entries.next_if(|(i, _, _)| *i == row) {
                let same = sparse.at[start..].last() == Some(&(column as u32));
                match sparse.values.last_mut() {
                    Some(last) if same => *last += value,
                    _ => {
                        sparse.at.push(column as u32);
                        sparse.values.push(value);
                    }
                }
            }
            sparse.starts.push(sparse.values.len() as u32);
        }
        sparse
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// Stored entries.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether nothing is stored.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Every entry as row, column, value, by rows.
    pub fn entries(&self) -> impl Iterator<Item = (usize, usize, f64)> + '_ {
        let row = |i: usize| self.starts[i] as usize..self.starts[i + 1] as usize;
        (0..self.rows()).flat_map(move |i| row(i).map(move |k| (i, self.at[k] as usize, self.values[k])))
    }

    /// `A x`, into `out`.
    pub fn multiply(&self, x: &[f64], out: &mut [f64]) {
        debug_assert_eq!((x.len(), out.len()), (self.columns, self.rows()));
        for (out, ends) in out.iter_mut().zip(self.starts.windows(2)) {
            let row = ends[0] as usize..ends[1] as usize;
            *out = self.at[row.clone()].iter().zip(&self.values[row]).map(|(&j, &value)| value * x[j as usize]).sum();
        }
    }

    /// Adds `A y` to `out` and `Aᵀ x` to `transposed`, in one pass.
    pub fn add_both(&self, x: &[f64], y: &[f64], out: &mut [f64], transposed: &mut [f64]) {
        debug_assert_eq!(y.len(), self.columns);
        for (i, ends) in self.starts.windows(2).enumerate() {
            let row = ends[0] as usize..ends[1] as usize;
            let mut sum = 0.0;
            for (&j, &value) in self.at[row.clone()].iter().zip(&self.values[row]) {
                sum += value * y[j as usize];
                transposed[j as usize] += value * x[i];
            }
            out[i] += sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_multiplies_as_the_dense_matrix_does(
            (rows, columns) in (1_usize..8, 1_usize..8), numbers in prop::collection::vec(0_u8..9, 64), threshold in 0_u8..9,
        ) {
            let dense: Vec<f64> = numbers[..rows * columns].iter().map(|n| f64::from(*n)).collect();
            let threshold = f64::from(threshold);
            let sparse = Sparse::of_large(&dense, columns, threshold, usize::MAX);
            let x: Vec<f64> = (0..rows).map(|i| f64::from(i as u32) - 2.0).collect();
            let y: Vec<f64> = (0..columns).map(|j| 3.0 - f64::from(j as u32)).collect();
            let (mut out, mut transposed) = (vec![0.0; rows], vec![0.0; columns]);
            sparse.add_both(&x, &y, &mut out, &mut transposed);
            let kept = |i: usize, j: usize| { let v = dense[i * columns + j]; if v >= threshold { v } else { 0.0 } };
            for (i, out) in out.iter().enumerate() {
                prop_assert_eq!(*out, (0..columns).map(|j| kept(i, j) * y[j]).sum::<f64>());
            }
            for (j, transposed) in transposed.iter().enumerate() {
                prop_assert_eq!(*transposed, (0..rows).map(|i| kept(i, j) * x[i]).sum::<f64>());
            }
            prop_assert!(sparse.entries().all(|(i, j, v)| v == kept(i, j)));
            let mut product = vec![f64::NAN; rows];
            sparse.multiply(&y, &mut product);
            prop_assert_eq!(product, out);
        }

        #[test]
        fn entries_at_one_place_are_added_up(
            (rows, columns) in (1_usize..6, 1_usize..6), list in prop::collection::vec((0_usize..36, -9_i32..9), 0..60),
        ) {
            let mut dense = vec![0.0; rows * columns];
            let place = |(at, value): &(usize, i32)| (at % rows, at / rows % columns, f64::from(*value));
            list.iter().map(place).for_each(|(i, j, value)| dense[i * columns + j] += value);
            let sparse = Sparse::of_entries(rows, columns, list.iter().map(place).collect());
            prop_assert_eq!(sparse.rows(), rows);
            let places: Vec<_> = sparse.entries().map(|(i, j, _)| (i, j)).collect();
            prop_assert!(places.is_sorted_by(|a, b| a < b));
            sparse.entries().for_each(|(i, j, value)| dense[i * columns + j] -= value);
            prop_assert!(dense.iter().all(|left| *left == 0.0));
        }
    }
}
