//! Operations that repeat, sum up and move entries.

use super::operation::Operation;
use super::{Graph, Node};
use crate::math::Float;
use std::rc::Rc;

impl<T: Float> Graph<T> {
    /// Repeats a single row, a single column or a single entry to `rows` x `columns`.
    pub fn spread(&mut self, a: Node, rows: usize, columns: usize) -> Node {
        let (height, width) = self.shape(a);
        if (height, width) == (rows, columns) {
            return a;
        }
        assert!((height == rows || height == 1) && (width == columns || width == 1), "a shape to spread from");
        let entries = self.value(a);
        let mut value = Vec::with_capacity(rows * columns);
        for i in 0..rows {
            let row = &entries[i.min(height - 1) * width..][..width];
            if width == columns {
                value.extend_from_slice(row);
            } else {
                value.resize(value.len() + columns, row[0]);
            }
        }
        self.push(Operation::Spread(a), rows, columns, value)
    }

    /// Sums over rows, columns or both, down to `rows` x `columns`, where each is as before or one: what undoes
    /// [`spread`](Self::spread) in a gradient.
    pub fn collect(&mut self, a: Node, rows: usize, columns: usize) -> Node {
        let (height, width) = self.shape(a);
        if (height, width) == (rows, columns) {
            return a;
        }
        assert!((rows == height || rows == 1) && (columns == width || columns == 1), "a shape to collect into");
        let mut value = vec![T::default(); rows * columns];
        for (i, row) in self.value(a).chunks_exact(width.max(1)).enumerate() {
            let sums = &mut value[i.min(rows - 1) * columns..][..columns];
            if columns == width {
                sums.iter_mut().zip(row).for_each(|(sum, &entry)| *sum += entry);
            } else {
                sums[0] += total(row);
            }
        }
        self.push(Operation::Collect(a), rows, columns, value)
    }

    /// The sum of all entries, 1 x 1.
    pub fn sum(&mut self, a: Node) -> Node {
        self.collect(a, 1, 1)
    }

    /// A `rows` x `columns` matrix whose entry `i` (by rows) is entry `index[i]` of `a`, or zero where that is
    /// [`None`]: transposing, slicing, padding, unfolding patches, looking up rows.
    ///
    /// An index shorter than the result serves again for each of its parts: `a` is cut into as many parts of equal
    /// length, and part `i` of the result comes from part `i` of `a`.
    pub fn pick(&mut self, a: Node, rows: usize, columns: usize, index: Rc<[Option<u32>]>) -> Node {
        let entries = self.value(a);
        let part = part(entries.len(), rows * columns, index.len());
        let mut value = Vec::with_capacity(rows * columns);
        for part in entries.chunks_exact(part) {
            value.extend(index.iter().map(|index| index.map_or_else(T::default, |i| part[i as usize])));
        }
        self.push(Operation::Pick(a, index), rows, columns, value)
    }

    /// A `rows` x `columns` matrix to whose entry `index[i]` entry `i` of `a` is added, part by part if the index is
    /// shorter than `a`: the adjoint of [`pick`](Self::pick).
    pub fn put(&mut self, a: Node, rows: usize, columns: usize, index: Rc<[Option<u32>]>) -> Node {
        let entries = self.value(a);
        let part = part(rows * columns, entries.len(), index.len());
        let mut value = vec![T::default(); rows * columns];
        for (value, entries) in value.chunks_exact_mut(part).zip(entries.chunks_exact(index.len())) {
            for (&entry, index) in entries.iter().zip(index.iter()) {
                if let Some(index) = index {
                    value[*index as usize] += entry;
                }
            }
        }
        self.push(Operation::Put(a, index), rows, columns, value)
    }

    /// The same entries by rows, in another shape.
    pub fn reshape(&mut self, a: Node, rows: usize, columns: usize) -> Node {
        let value = self.value(a).to_vec();
        assert_eq!(value.len(), rows * columns, "entries of a {rows} x {columns} matrix");
        self.push(Operation::Reshape(a), rows, columns, value)
    }

    /// Columns `from..from + width`.
    pub fn columns(&mut self, x: Node, from: usize, width: usize) -> Node {
        let rows = self.shape(x).0;
        self.pick(x, rows, width, (from..from + width).map(|i| Some(i as u32)).collect())
    }

    /// The rows with these numbers, in this order.
    pub fn rows(&mut self, x: Node, numbers: &[usize]) -> Node {
        let columns = self.shape(x).1;
        let index = numbers.iter().flat_map(|row| (0..columns).map(move |j| Some((row * columns + j) as u32)));
        self.pick(x, numbers.len(), columns, index.collect())
    }
}

/// The length of the parts of the one side, of `whole` entries, if the other side's `picked` entries are cut into parts as
/// long as the index.
fn part(whole: usize, picked: usize, index: usize) -> usize {
    assert!(index > 0 && picked.is_multiple_of(index), "{picked} entries and an index of {index}");
    assert!(whole.is_multiple_of(picked / index), "{whole} entries in {} parts", picked / index);
    whole / (picked / index)
}

/// `Σ x_i` in eight running sums, so that none waits for another.
pub(super) fn total<T: Float>(x: &[T]) -> T {
    let (parts, rest) = x.as_chunks::<8>();
    let mut sums = [T::default(); 8];
    for part in parts {
        sums.iter_mut().zip(part).for_each(|(sum, &x)| *sum += x);
    }
    let mut sum = T::default();
    sums.iter().chain(rest).for_each(|&x| sum += x);
    sum
}
