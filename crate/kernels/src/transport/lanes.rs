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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        // Sums of small whole numbers are exact in any order.
        #[test]
        fn every_length_equals_the_definition(
            x in prop::collection::vec(-50_i32..50, 0..90), y in prop::collection::vec(-50_i32..50, 90), a in -9_i32..9, b in -9_i32..9,
        ) {
            let n = x.len();
            let products = x.iter().zip(&y).map(|(x, y)| x * y);
            let (expected_sum, expected_dot): (i32, i32) = (x.iter().sum(), products.sum());
            let double = |x: &[i32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
            let single = |x: &[i32]| x.iter().map(|&x| x as f32).collect::<Vec<_>>();
            prop_assert_eq!(sum(&double(&x)), f64::from(expected_sum));
            prop_assert_eq!(sum(&single(&x)), expected_sum as f32);
            prop_assert_eq!(dot(&double(&x), &double(&y[..n])), f64::from(expected_dot));
            prop_assert_eq!(dot(&single(&x), &single(&y[..n])), expected_dot as f32);
            let mut out = vec![1.0_f32; n];
            add(&single(&[&x[..], &y[..n]].concat()), &[a as f32, b as f32], &mut out);
            let expected: Vec<i32> = x.iter().zip(&y).map(|(x, y)| 1 + a * x + b * y).collect();
            prop_assert_eq!(out, single(&expected));
        }
    }
}
