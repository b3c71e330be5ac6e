//! Sums over rows, several entries side by side: one chain of additions would be the slowest part. The order of summation
//! is fixed, so that the bits are the same on every machine.

use super::Scalar;

/// Entries that are summed side by side.
const LANES: usize = 4;

/// The sum of all entries, in four vectors of running sums.
#[inline(never)]
pub(super) fn sum<T: Scalar>(x: &[T]) -> T {
    let (xs, left) = x.as_chunks::<{ 4 * LANES }>();
    let mut sums = [[T::default(); LANES]; 4];
    for x in xs {
        for (g, sum) in sums.iter_mut().enumerate() {
            for k in 0..LANES {
                sum[k] += x[g * LANES + k];
            }
        }
    }
    total(sums, left.iter().copied())
}

/// The dot product, likewise.
#[inline(never)]
pub(super) fn dot<T: Scalar>(x: &[T], y: &[T]) -> T {
    let ((xs, x_left), (ys, y_left)) = (x.as_chunks::<{ 4 * LANES }>(), y.as_chunks::<{ 4 * LANES }>());
    let mut sums = [[T::default(); LANES]; 4];
    for (x, y) in xs.iter().zip(ys) {
        for (g, sum) in sums.iter_mut().enumerate() {
            for k in 0..LANES {
                sum[k] += x[g * LANES + k] * y[g * LANES + k];
            }
        }
    }
    total(sums, x_left.iter().zip(y_left).map(|(&x, &y)| x * y))
}

/// The sum of the running sums and of the terms left over.
#[inline(always)]
fn total<T: Scalar>(sums: [[T; LANES]; 4], left: impl Iterator<Item = T>) -> T {
    let mut last = T::default();
    left.for_each(|x| last += x);
    across(&std::array::from_fn(|k| (sums[0][k] + sums[1][k]) + (sums[2][k] + sums[3][k]))) + last
}

/// The sum of the lanes. Never inlined: seeing it, the compiler would shuffle every entry into the order of these sums.
#[inline(never)]
fn across<T: Scalar>(lanes: &[T; LANES]) -> T {
    (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
}

/// `out += Σ_r factors[r] rows[r]`, in the order of `r`; the rows one after the other.
#[inline(always)]
pub(super) fn add<T: Scalar, const R: usize>(rows: &[T], factors: &[T; R], out: &mut [T]) {
    let n = out.len();
    let rows: [&[T]; R] = std::array::from_fn(|r| &rows[r * n..(r + 1) * n]);
    for (j, out) in out.iter_mut().enumerate() {
        let mut sum = factors[0] * rows[0][j];
        for r in 1..R {
            sum += factors[r] * rows[r][j];
        }
        *out += sum;
    }
}
