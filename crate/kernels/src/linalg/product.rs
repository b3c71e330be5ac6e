//! Products of nalgebra's double-precision matrices.

use super::{DMatrix, View, matmul};

/// `a b`, through the packed kernel.
///
/// # Panics
/// If the inner sizes differ.
pub fn product(a: &DMatrix<f64>, b: &DMatrix<f64>) -> DMatrix<f64> {
    // nalgebra keeps columns together: by rows, its entries are those of the transpose, and (a b)ᵀ = bᵀ aᵀ.
    let transposed = |m| -> View<'_, f64> { View::by_rows(DMatrix::as_slice(m), m.ncols(), m.nrows()) };
    DMatrix::from_vec(a.nrows(), b.ncols(), matmul(transposed(b), transposed(a)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_maps_as_its_factors_do_one_after_the_other() {
        let a = DMatrix::from_fn(3, 4, |i, j| (5 * i + j * j) as f64);
        let b = DMatrix::from_fn(4, 2, |i, j| (i * i + 7 * j) as f64);
        let x = DMatrix::from_fn(2, 1, |i, _| (1 + i) as f64);
        assert_eq!(product(&product(&a, &b), &x), product(&a, &product(&b, &x)));
        assert_eq!(product(&a, &b), &a * &b);
    }
}
