//! Products of square double-precision matrices.

use super::DMatrix;

/// `a b`. Four columns of `a` are added up at a time, so that each pass over a column of the product does four times the
/// work per load and store. The order of the additions is fixed, whatever the machine.
pub fn product(a: &DMatrix<f64>, b: &DMatrix<f64>) -> DMatrix<f64> {
    let rows = a.nrows();
    let mut c = DMatrix::zeros(rows, b.ncols());
    if rows == 0 || a.ncols() == 0 {
        return c;
    }
    let columns = a.as_slice();
    for (c, b) in c.as_mut_slice().chunks_exact_mut(rows).zip(b.as_slice().chunks_exact(b.nrows())) {
        for (four, b) in columns.chunks(4 * rows).zip(b.chunks(4)) {
            let Some((a, [p, q, r, s])) = four.chunks_exact(4 * rows).next().zip(b.first_chunk::<4>()) else {
                for (a, b) in four.chunks_exact(rows).zip(b) {
                    c.iter_mut().zip(a).for_each(|(c, a)| *c += a * b);
                }
                continue;
            };
            let (first, rest) = a.split_at(rows);
            let (second, rest) = rest.split_at(rows);
            let (third, fourth) = rest.split_at(rows);
            for ((((c, x), y), z), w) in c.iter_mut().zip(first).zip(second).zip(third).zip(fourth) {
                *c += (x * p + y * q) + (z * r + w * s);
            }
        }
    }
    c
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_the_product_of_whole_numbers((m, k, n) in (1_usize..11, 1_usize..11, 1_usize..11), seed in 0_usize..100) {
            let entry = |i: usize, j: usize| ((7 * i + 13 * j + 5 * i * j + seed) % 19) as f64 - 9.0;
            let (a, b) = (DMatrix::from_fn(m, k, entry), DMatrix::from_fn(k, n, |i, j| entry(j, i + 3)));
            prop_assert_eq!(product(&a, &b), &a * &b);
        }
    }
}
