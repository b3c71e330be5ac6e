//! Products of matrices: packed panels and a register-tiled kernel, after Goto and van de Geijn, "Anatomy of
//! High-Performance Matrix Multiplication" (2008).
//!
//! The kernel is plain arithmetic on arrays of fixed size, which the compiler keeps in 128-bit registers on x86-64 and
//! in WebAssembly alike. Each entry is summed in the order of `k`, in blocks of [`KC`] whose sums are added up: the same
//! on every platform.

use std::ops::{Add, AddAssign, Mul};

/// The reals that products are made of: `f32` and `f64`.
pub trait Real: Copy + Default + Add<Output = Self> + Mul<Output = Self> + AddAssign {
    /// `c += a b` on views that fit together.
    fn accumulate(a: View<'_, Self>, b: View<'_, Self>, c: &mut [Self]);
}

// Twelve of the sixteen vector registers hold the tile of `c`; the rest hold a row of `b`, an entry of `a` and their product.
impl Real for f32 {
    fn accumulate(a: View<'_, f32>, b: View<'_, f32>, c: &mut [f32]) {
        accumulate::<f32, 6, 8>(a, b, c);
    }
}

impl Real for f64 {
    fn accumulate(a: View<'_, f64>, b: View<'_, f64>, c: &mut [f64]) {
        accumulate::<f64, 6, 4>(a, b, c);
    }
}

/// A matrix as it lies in memory: entry `(i, j)` is `entries[i * row_stride + j * column_stride]`.
#[derive(Clone, Copy)]
pub struct View<'a, T> {
    entries: &'a [T],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a, T> View<'a, T> {
    /// `rows * columns` entries by rows.
    pub fn by_rows(entries: &'a [T], rows: usize, columns: usize) -> Self {
        assert_eq!(entries.len(), rows * columns, "a {rows} x {columns} matrix");
        Self { entries, rows, columns, row_stride: columns, column_stride: 1 }
    }

    /// `rows * columns` entries by columns, as nalgebra keeps them.
    pub fn by_columns(entries: &'a [T], rows: usize, columns: usize) -> Self {
        View::by_rows(entries, columns, rows).t()
    }

    /// Rows of the matrix.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns of the matrix.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The transpose; nothing moves.
    pub fn t(self) -> Self {
        let Self { entries, rows, columns, row_stride, column_stride } = self;
        Self { entries, rows: columns, columns: rows, row_stride: column_stride, column_stride: row_stride }
    }
}

/// Depth of a packed block: a panel of `b` of this depth stays in the first-level cache.
const KC: usize = 256;
/// Rows of a packed block of `a`, which stays in the second-level cache; a multiple of the kernel's rows.
const MC: usize = 96;
/// Columns of a packed block of `b`; a multiple of the kernel's columns.
const NC: usize = 1024;

/// `a b`, by rows: `a` is `m` x `k`, `b` is `k` x `n`, either of them transposed or not.
///
/// # Panics
/// If the inner sizes differ.
pub fn matmul<T: Real>(a: View<'_, T>, b: View<'_, T>) -> Vec<T> {
    let mut c = vec![T::default(); a.rows * b.columns];
    matmul_add(a, b, &mut c);
    c
}

/// `c += a b`, with `c` by rows.
///
/// # Panics
/// If the sizes do not fit together.
pub fn matmul_add<T: Real>(a: View<'_, T>, b: View<'_, T>, c: &mut [T]) {
    assert_eq!(a.columns, b.rows, "the inner sizes of a product");
    assert_eq!(c.len(), a.rows * b.columns, "the size of a product");
    T::accumulate(a, b, c);
}

fn accumulate<T: Real, const MR: usize, const NR: usize>(a: View<'_, T>, b: View<'_, T>, c: &mut [T]) {
    let (m, k, n) = (a.rows, a.columns, b.columns);
    let (mut packed_a, mut packed_b) = (Vec::new(), Vec::new());
    for column in (0..n).step_by(NC) {
        let columns = NC.min(n - column);
        for inner in (0..k).step_by(KC) {
            let depth = KC.min(k - inner);
            pack::<T, NR>(b.t(), column, columns, inner, depth, &mut packed_b);
            for row in (0..m).step_by(MC) {
                let rows = MC.min(m - row);
                pack::<T, MR>(a, row, rows, inner, depth, &mut packed_a);
                for (panel_b, j) in packed_b.chunks_exact(NR * depth).zip((column..).step_by(NR)) {
                    for (panel_a, i) in packed_a.chunks_exact(MR * depth).zip((row..).step_by(MR)) {
                        let tile = kernel::<T, MR, NR>(panel_a, panel_b);
                        let (height, width) = (MR.min(m - i), NR.min(n - j));
                        for (tile, i) in tile.iter().zip(i..i + height) {
                            let c = &mut c[i * n + j..i * n + j + width];
                            c.iter_mut().zip(tile).for_each(|(c, tile)| *c += *tile);
                        }
                    }
                }
            }
        }
    }
}

/// Lays rows `row..row + rows`, columns `column..column + depth` of `from` in panels of `R` rows, each by columns, the
/// last one filled up with zeros: the order in which the kernel reads them.
fn pack<T: Real, const R: usize>(
    from: View<'_, T>,
    row: usize,
    rows: usize,
    column: usize,
    depth: usize,
    packed: &mut Vec<T>,
) {
    packed.clear();
    packed.resize(rows.div_ceil(R) * R * depth, T::default());
    for (panel, top) in packed.chunks_exact_mut(R * depth).zip((row..row + rows).step_by(R)) {
        let height = R.min(row + rows - top);
        for i in 0..height {
            let start = (top + i) * from.row_stride + column * from.column_stride;
            let entries = from.entries[start..].iter().step_by(from.column_stride);
            panel.chunks_exact_mut(R).zip(entries).for_each(|(line, entry)| line[i] = *entry);
        }
    }
}

/// The product of a panel of `MR` rows with a panel of `NR` columns, in registers.
#[inline(always)]
fn kernel<T: Real, const MR: usize, const NR: usize>(a: &[T], b: &[T]) -> [[T; NR]; MR] {
    let mut tile = [[T::default(); NR]; MR];
    for (a, b) in a.as_chunks::<MR>().0.iter().zip(b.as_chunks::<NR>().0) {
        for i in 0..MR {
            for j in 0..NR {
                tile[i][j] += a[i] * b[j];
            }
        }
    }
    tile
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition: `c_ij = Σ_k a_ik b_kj`.
    fn by_definition(a: View<'_, f64>, b: View<'_, f64>) -> Vec<f64> {
        let at = |m: &View<'_, f64>, i: usize, j: usize| m.entries[i * m.row_stride + j * m.column_stride];
        let entry = |i: usize, j: usize| (0..a.columns).map(|k| at(&a, i, k) * at(&b, k, j)).sum();
        (0..a.rows).flat_map(|i| (0..b.columns).map(move |j| (i, j))).map(|(i, j)| entry(i, j)).collect()
    }

    fn whole_numbers(count: usize, seed: u32) -> Vec<f64> {
        (0..count as u32).map(|i| f64::from((i + seed).wrapping_mul(2_654_435_761) >> 28) - 8.0).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        // Products of small whole numbers are exact in any order, so that a fast product equals the definition.
        #[test]
        fn every_shape_and_transpose_equals_the_definition(
            m in 1_usize..120, k in prop_oneof![1_usize..40, 250_usize..270], n in 1_usize..40, seed in 0_u32..1000,
            flip_a: bool, flip_b: bool,
        ) {
            let (a, b) = (whole_numbers(m * k, seed), whole_numbers(k * n, seed + 1));
            let expected = by_definition(laid(&a, m, k, flip_a), laid(&b, k, n, flip_b));
            prop_assert_eq!(&matmul(laid(&a, m, k, flip_a), laid(&b, k, n, flip_b)), &expected);

            let [a, b, expected] = [a, b, expected].map(|entries| entries.iter().map(|&x| x as f32).collect::<Vec<_>>());
            prop_assert_eq!(matmul(laid(&a, m, k, flip_a), laid(&b, k, n, flip_b)), expected);
        }
    }

    /// A `rows` x `columns` view of entries laid out by rows or by columns.
    fn laid<T>(entries: &[T], rows: usize, columns: usize, flip: bool) -> View<'_, T> {
        if flip { View::by_columns(entries, rows, columns) } else { View::by_rows(entries, rows, columns) }
    }

    #[test]
    fn nothing_times_nothing_is_nothing() {
        assert_eq!(matmul::<f64>(View::by_rows(&[], 0, 3), View::by_rows(&[0.0; 6], 3, 2)), []);
        assert_eq!(matmul::<f64>(View::by_rows(&[], 2, 0), View::by_rows(&[], 0, 2)), [0.0; 4]);
    }
}
