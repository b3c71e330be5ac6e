//! Products of a matrix with a vector, and updates of rank one.

use super::{Real, View};

/// Rows, or columns, that are worked on together, so that the vector is read once for all of them.
const TOGETHER: usize = 4;

/// `A x`, for `a` by rows or by columns.
///
/// # Panics
/// If the sizes differ.
pub fn matvec<T: Real>(a: View<'_, T>, x: &[T]) -> Vec<T> {
    let mut y = vec![T::default(); a.rows];
    matvec_add(a, x, &mut y);
    y
}

/// `y += A x`. By columns an entry is summed in their order; by rows in two registers' worth of running sums, which are
/// then added up: in either case the same on every platform.
///
/// # Panics
/// If the sizes differ.
pub fn matvec_add<T: Real>(a: View<'_, T>, x: &[T], y: &mut [T]) {
    assert_eq!((a.rows, a.columns), (y.len(), x.len()), "a matrix and its vectors");
    if a.column_stride == 1 {
        // Past the last row stands the last one again: what it gives is thrown away.
        let row = |i: usize| &a.entries[i.min(a.rows - 1) * a.row_stride..][..a.columns];
        for (y, i) in y.chunks_mut(TOGETHER).zip((0..).step_by(TOGETHER)) {
            let sums = dots([row(i), row(i + 1), row(i + 2), row(i + 3)], x);
            y.iter_mut().zip(sums).for_each(|(y, sum)| *y += sum);
        }
    } else {
        let column = |p: usize| &a.entries[p * a.column_stride..][..a.rows];
        let whole = a.columns / TOGETHER * TOGETHER;
        for (x, p) in x.chunks_exact(TOGETHER).zip((0..).step_by(TOGETHER)) {
            let columns = column(p).iter().zip(column(p + 1)).zip(column(p + 2)).zip(column(p + 3));
            for (y, (((a0, a1), a2), a3)) in y.iter_mut().zip(columns) {
                *y = *y + *a0 * x[0] + *a1 * x[1] + *a2 * x[2] + *a3 * x[3];
            }
        }
        for (x, p) in x[whole..].iter().zip(whole..) {
            y.iter_mut().zip(column(p)).for_each(|(y, a)| *y += *a * *x);
        }
    }
}

/// The inner products of four rows with `x`.
#[inline(always)]
fn dots<T: Real>(rows: [&[T]; TOGETHER], x: &[T]) -> [T; TOGETHER] {
    let width = 2 * T::LANES;
    let whole = x.len() / width * width;
    let mut sums = [[T::default().splat(); 2]; TOGETHER];
    let [a0, a1, a2, a3] = rows.map(|row| row.chunks_exact(width));
    for ((((x, a0), a1), a2), a3) in x.chunks_exact(width).zip(a0).zip(a1).zip(a2).zip(a3) {
        let (x0, x1) = (T::load(x), T::load(&x[T::LANES..]));
        for (sums, a) in sums.iter_mut().zip([a0, a1, a2, a3]) {
            sums[0] = sums[0] + T::load(a) * x0;
            sums[1] = sums[1] + T::load(&a[T::LANES..]) * x1;
        }
    }
    std::array::from_fn(|row| {
        let mut lanes = [T::default(); 4];
        T::store(sums[row][0] + sums[row][1], &mut lanes);
        let mut sum = T::default();
        lanes[..T::LANES].iter().for_each(|lane| sum += *lane);
        rows[row][whole..].iter().zip(&x[whole..]).for_each(|(a, x)| sum += *a * *x);
        sum
    })
}

/// `A += s x yᵀ`, with `a` by rows.
///
/// # Panics
/// If the sizes do not fit together.
pub fn outer_add<T: Real>(s: T, x: &[T], y: &[T], a: &mut [T]) {
    assert_eq!(a.len(), x.len() * y.len(), "the size of an outer product");
    for (row, x) in a.chunks_exact_mut(y.len().max(1)).zip(x) {
        let scale = s * *x;
        row.iter_mut().zip(y).for_each(|(a, y)| *a += scale * *y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::matmul;
    use proptest::prelude::*;

    /// Small whole numbers: their sums are exact in any order.
    fn whole_numbers<T: Real>(count: usize, seed: u32) -> Vec<T> {
        (0..count as u32).map(|i| T::nearest(f64::from((i + seed).wrapping_mul(2_654_435_761) >> 28) - 8.0)).collect()
    }

    fn agrees<T: Real + PartialEq + std::fmt::Debug>(m: usize, n: usize, seed: u32) -> Result<(), TestCaseError> {
        let (a, x, y) = (whole_numbers::<T>(m * n, seed), whole_numbers(n, seed + 1), whole_numbers(m, seed + 2));
        let column = View::by_rows(&x, n, 1);
        for a in [View::by_rows(&a, m, n), View::by_columns(&a, m, n)] {
            prop_assert_eq!(matvec(a, &x), matmul(a, column));
        }
        let scale = T::nearest(3.0);
        let mut updated = a.clone();
        outer_add(scale, &y, &x, &mut updated);
        for (i, y) in y.iter().enumerate() {
            for (j, x) in x.iter().enumerate() {
                prop_assert_eq!(updated[i * n + j], a[i * n + j] + scale * *y * *x);
            }
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn a_vector_is_a_matrix_of_one_column(m in 0_usize..30, n in 0_usize..50, seed in 0_u32..1000) {
            agrees::<f32>(m, n, seed)?;
            agrees::<f64>(m, n, seed)?;
        }
    }
}
