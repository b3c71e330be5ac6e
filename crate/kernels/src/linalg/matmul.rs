//! Products of matrices: a register-tiled kernel over packed panels, after Goto and van de Geijn, "Anatomy of
//! High-Performance Matrix Multiplication" (2008).
//!
//! Every entry is summed in the order of `k`, by one rounded product and one rounded sum at a time, starting from what
//! is there: whatever the blocking, the result is that of the three plain loops, on every platform.

use super::{Real, View};

/// Rows of a tile, and registers in a row of it: eight sums, two entries of `a`, four registers of `b` and a product
/// take fifteen of the sixteen vector registers of x86-64, all that browsers leave to a program.
const HEIGHT: usize = 2;
const REGISTERS: usize = 4;

/// Entries in a row of a tile of `f32`, the widest.
const MOST: usize = 16;

/// Depth of a packed block: a panel of `b` and the strip of `a` it meets stay in the first-level cache.
const DEPTH: usize = 256;

/// Columns of a packed block, which stays in the second-level cache.
const WIDTH: usize = 512;

/// Rows of `b` that are packed together, so that a line of the cache is read once.
const TOGETHER: usize = 8;

/// Registers side by side.
type Line<T> = [<T as Real>::Lanes; REGISTERS];

/// A tile of `c`.
type Tile<T> = [Line<T>; HEIGHT];

/// `a b`, by rows: `a` is `m` x `k`, `b` is `k` x `n`, either of them transposed or not.
///
/// # Panics
/// If the inner sizes differ.
pub fn matmul<T: Real>(a: View<'_, T>, b: View<'_, T>) -> Vec<T> {
    let mut c = vec![T::default(); a.rows * b.columns];
    matmul_add(a, b, &mut c);
    c
}

/// `c += a b`, with `c` by rows. With few columns in `a` it is an update of low rank.
///
/// # Panics
/// If the sizes do not fit together.
pub fn matmul_add<T: Real>(a: View<'_, T>, b: View<'_, T>, c: &mut [T]) {
    accumulate(a, b, c, false);
}

/// `a aᵀ`, by rows: symmetric to the bit, in half the work of the product.
pub fn gram<T: Real>(a: View<'_, T>) -> Vec<T> {
    let n = a.rows;
    let mut c = vec![T::default(); n * n];
    accumulate(a, a.t(), &mut c, true);
    for i in 0..n {
        let (above, row) = c.split_at_mut(i * n);
        for (above, entry) in above.chunks_exact_mut(n).zip(&row[..i]) {
            above[i] = *entry;
        }
    }
    c
}

/// `c += a b`; of a symmetric `c` only the tiles that touch its lower triangle.
fn accumulate<T: Real>(a: View<'_, T>, b: View<'_, T>, c: &mut [T], symmetric: bool) {
    assert_eq!(a.columns, b.rows, "the inner sizes of a product");
    assert_eq!(c.len(), a.rows * b.columns, "the size of a product");
    let (m, k, n) = (a.rows, a.columns, b.columns);
    let (mut panels, mut strip) = (Vec::new(), Vec::new());
    for column in (0..n).step_by(WIDTH) {
        let columns = WIDTH.min(n - column);
        for inner in (0..k).step_by(DEPTH) {
            let depth = DEPTH.min(k - inner);
            pack(b, inner, depth, column, columns, &mut panels);
            let first = if symmetric { column } else { 0 };
            for i in (first..m).step_by(HEIGHT) {
                let rows = two_rows(a, i, inner, depth, &mut strip);
                for (panel, j) in panels.chunks_exact(depth).zip((column..).step_by(REGISTERS * T::LANES)) {
                    if symmetric && j >= i + HEIGHT {
                        break;
                    }
                    on_tile(c, (m, n), (i, j), |tile| kernel::<T>(rows, panel, tile));
                }
            }
        }
    }
}

/// `tile += a b` for two rows of `a` and a panel of `b`, in registers.
#[inline(always)]
fn kernel<T: Real>([a0, a1]: [&[T]; HEIGHT], b: &[Line<T>], mut tile: Tile<T>) -> Tile<T> {
    for ((b, a0), a1) in b.iter().zip(a0).zip(a1) {
        for (row, a) in tile.iter_mut().zip([a0, a1]) {
            let a = a.splat();
            for (sum, b) in row.iter_mut().zip(b) {
                *sum = *sum + a * *b;
            }
        }
    }
    tile
}

/// Lays rows `inner..inner + depth`, columns `column..column + columns` of `b` in panels as wide as a tile, each by
/// rows: the order in which the kernel reads them. Past the last column stands the last one again: what it gives is
/// thrown away.
fn pack<T: Real>(b: View<'_, T>, inner: usize, depth: usize, column: usize, columns: usize, panels: &mut Vec<Line<T>>) {
    let width = REGISTERS * T::LANES;
    panels.resize(columns.div_ceil(width) * depth, [T::default().splat(); REGISTERS]);
    for top in (0..depth).step_by(TOGETHER) {
        let end = depth.min(top + TOGETHER);
        for (panel, j) in panels.chunks_exact_mut(depth).zip((column..).step_by(width)) {
            let panel = &mut panel[top..end];
            let last = width.min(b.columns - j) - 1;
            for (line, p) in panel.iter_mut().zip(inner + top..) {
                let row = &b.entries[p * b.row_stride + j * b.column_stride..];
                *line = if b.column_stride == 1 && last + 1 == width {
                    load(row)
                } else {
                    load(&std::array::from_fn::<T, MOST, _>(|column| row[column.min(last) * b.column_stride]))
                };
            }
        }
    }
}

/// Rows `i` and `i + 1`, columns `inner..inner + depth` of `a`: where they lie, or else copied to `strip`. Past the last
/// row stands the last one again: what it gives is thrown away.
fn two_rows<'a, T: Real>(
    a: View<'a, T>,
    i: usize,
    inner: usize,
    depth: usize,
    strip: &'a mut Vec<T>,
) -> [&'a [T]; HEIGHT] {
    let start = |i: usize| i.min(a.rows - 1) * a.row_stride + inner * a.column_stride;
    let starts = [start(i), start(i + 1)];
    if a.column_stride == 1 {
        return starts.map(|start| &a.entries[start..start + depth]);
    }
    strip.resize(HEIGHT * depth, T::default());
    let (r0, r1) = strip.split_at_mut(depth);
    for (p, (r0, r1)) in r0.iter_mut().zip(r1.iter_mut()).enumerate() {
        *r0 = a.entries[starts[0] + p * a.column_stride];
        *r1 = a.entries[starts[1] + p * a.column_stride];
    }
    [r0, r1]
}

/// Applies `f` to the tile of `c`, `m` x `n`, whose first entry is `(i, j)`.
#[inline(always)]
fn on_tile<T: Real>(c: &mut [T], (m, n): (usize, usize), (i, j): (usize, usize), f: impl Fn(Tile<T>) -> Tile<T>) {
    let width = REGISTERS * T::LANES;
    if i + HEIGHT > m || j + width > n {
        return on_edge(c, (m, n), (i, j), f);
    }
    let (r0, r1) = c[i * n + j..].split_at_mut(n);
    let [r0, r1] = [&mut r0[..width], &mut r1[..width]];
    let tile = f([load(r0), load(r1)]);
    store(tile[0], r0);
    store(tile[1], r1);
}

/// [`on_tile`] where the tile reaches over the edge of `c`.
#[cold]
#[inline(never)]
fn on_edge<T: Real>(c: &mut [T], (m, n): (usize, usize), (i, j): (usize, usize), f: impl Fn(Tile<T>) -> Tile<T>) {
    let (height, width) = (HEIGHT.min(m - i), (REGISTERS * T::LANES).min(n - j));
    let mut whole = [[T::default(); MOST]; HEIGHT];
    for (whole, row) in whole.iter_mut().zip(i..i + height) {
        whole[..width].copy_from_slice(&c[row * n + j..row * n + j + width]);
    }
    for ((lanes, mut whole), row) in f(whole.map(|row| load(&row))).into_iter().zip(whole).zip(i..i + height) {
        store(lanes, &mut whole);
        c[row * n + j..row * n + j + width].copy_from_slice(&whole[..width]);
    }
}

#[inline(always)]
fn load<T: Real>(row: &[T]) -> Line<T> {
    // Not by `array::from_fn`, whose calls the compiler may leave standing in the innermost loops.
    let mut line = [T::default().splat(); REGISTERS];
    for (lanes, part) in line.iter_mut().zip(row[..REGISTERS * T::LANES].chunks_exact(T::LANES)) {
        *lanes = T::load(part);
    }
    line
}

#[inline(always)]
fn store<T: Real>(line: Line<T>, row: &mut [T]) {
    let row = &mut row[..REGISTERS * T::LANES];
    for (lanes, part) in line.into_iter().zip(row.chunks_exact_mut(T::LANES)) {
        T::store(lanes, part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, `c_ij += Σ_k a_ik b_kj`, summed in the order of `k`.
    fn by_definition<T: Real>(a: View<'_, T>, b: View<'_, T>, c: &mut [T]) {
        let at = |m: &View<'_, T>, i: usize, j: usize| m.entries[i * m.row_stride + j * m.column_stride];
        for i in 0..a.rows {
            for j in 0..b.columns {
                for k in 0..a.columns {
                    c[i * b.columns + j] += at(&a, i, k) * at(&b, k, j);
                }
            }
        }
    }

    fn numbers<T: Real>(count: usize, seed: u32) -> Vec<T> {
        let number = |i: u32| f64::from((i + seed).wrapping_mul(2_654_435_761)) / 4e9 - 0.5;
        (0..count as u32).map(|i| T::nearest(number(i))).collect()
    }

    /// A `rows` x `columns` view of entries laid out by rows or by columns.
    fn laid<T>(entries: &[T], rows: usize, columns: usize, flip: bool) -> View<'_, T> {
        if flip { View::by_columns(entries, rows, columns) } else { View::by_rows(entries, rows, columns) }
    }

    fn agrees<T: Real + PartialEq + std::fmt::Debug>(
        (m, k, n): (usize, usize, usize),
        seed: u32,
        flip: (bool, bool),
    ) -> Result<(), TestCaseError> {
        let (a, b) = (numbers::<T>(m * k, seed), numbers::<T>(k * n, seed + 1));
        let (a, b) = (laid(&a, m, k, flip.0), laid(&b, k, n, flip.1));
        let mut expected = numbers::<T>(m * n, seed + 2);
        let mut found = expected.clone();
        by_definition(a, b, &mut expected);
        matmul_add(a, b, &mut found);
        prop_assert_eq!(found, expected);

        let found = gram(a);
        prop_assert_eq!(&found, &matmul(a, a.t()));
        prop_assert!((0..m * m).all(|at| found[at] == found[at % m * m + at / m]));
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_shape_and_transpose_equals_the_definition_to_the_bit(
            m in 1_usize..60, k in prop_oneof![0_usize..40, 250_usize..270],
            n in prop_oneof![1_usize..40, 505_usize..520], seed in 0_u32..1000, flip: (bool, bool),
        ) {
            agrees::<f32>((m, k, n), seed, flip)?;
            agrees::<f64>((m, k, n), seed, flip)?;
        }
    }

    #[test]
    fn a_gram_matrix_wider_than_a_block_is_the_product() {
        agrees::<f32>((1100, 3, 1), 1, (false, false)).unwrap();
    }

    #[test]
    fn nothing_times_nothing_is_nothing() {
        assert_eq!(matmul::<f64>(View::by_rows(&[], 0, 3), View::by_rows(&[0.0; 6], 3, 2)), []);
        assert_eq!(matmul::<f64>(View::by_rows(&[], 2, 0), View::by_rows(&[], 0, 2)), [0.0; 4]);
    }
}
