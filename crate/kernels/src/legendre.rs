//! Legendre polynomials.

/// Writes `P_0(z), P_1(z), …` into `values`, by `n P_n = (2n − 1) z P_{n−1} − (n − 1) P_{n−2}`, which is stable on [-1, 1].
pub fn legendre(z: f64, values: &mut [f64]) {
    let (mut before, mut last) = (0.0, 1.0);
    for (n, value) in values.iter_mut().enumerate() {
        if n > 0 {
            let n = n as f64;
            (before, last) = (last, ((2.0 * n - 1.0) * z * last - (n - 1.0) * before) / n);
        }
        *value = last;
    }
}

/// The same, each times `√(2n + 1)`: with `z = 2x − 1` these are orthonormal for x in [0, 1].
pub fn orthonormal_legendre(z: f64, values: &mut [f64]) {
    legendre(z, values);
    for (n, value) in values.iter_mut().enumerate() {
        *value *= ((2 * n + 1) as f64).sqrt();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_few_are_known_and_one_is_reached_at_one() {
        let mut p = [0.0; 40];
        legendre(0.3, &mut p);
        assert_eq!(p[..3], [1.0, 0.3, (3.0 * 0.3 * 0.3 - 1.0) / 2.0]);
        assert!((p[4] - (35.0 * 0.0081 - 30.0 * 0.09 + 3.0) / 8.0).abs() < 1e-15);
        legendre(1.0, &mut p);
        assert_eq!(p, [1.0; 40]);
    }

    #[test]
    fn they_are_orthonormal_under_a_fine_midpoint_sum() {
        let count = 20_000;
        let mut gram = [[0.0; 6]; 6];
        for i in 0..count {
            let mut p = [0.0; 6];
            orthonormal_legendre((2 * i + 1) as f64 / f64::from(count) - 1.0, &mut p);
            for (row, a) in gram.iter_mut().zip(p) {
                row.iter_mut().zip(p).for_each(|(sum, b)| *sum += a * b / f64::from(count));
            }
        }
        for (i, row) in gram.iter().enumerate() {
            for (j, entry) in row.iter().enumerate() {
                assert!((entry - f64::from(u8::from(i == j))).abs() < 1e-6, "{i} {j} {entry}");
            }
        }
    }
}
