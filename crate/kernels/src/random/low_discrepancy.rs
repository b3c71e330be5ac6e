//! Points that fill the unit cube more evenly than random ones.

/// The first primes: the bases of Halton's sequence.
const PRIMES: [u32; 16] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53];

/// Point `index` of Halton's sequence, `point.len() <= 16` numbers in [0, 1): coordinate j is the index with its digits
/// in the j-th prime base mirrored at the point (Halton 1960).
pub fn halton(index: u32, point: &mut [f64]) {
    assert!(point.len() <= PRIMES.len(), "Halton's sequence in {} dimensions", point.len());
    for (coordinate, base) in point.iter_mut().zip(PRIMES) {
        // Whole numbers first, one division at the end: the value is rounded once.
        let (mut mirrored, mut scale, mut left) = (0_u64, 1_u64, index);
        while left > 0 {
            mirrored = mirrored * u64::from(base) + u64::from(left % base);
            scale *= u64::from(base);
            left /= base;
        }
        *coordinate = mirrored as f64 / scale as f64;
    }
}

/// Point `index` of the additive recurrence on the generalised golden ratio, in `point.len()` dimensions d:
/// `x_j = frac(1/2 + index · φ^{-(j+1)})` with `φ^{d+1} = φ + 1` (Roberts 2018). In one dimension it is the golden
/// ratio's sequence; the first points are evenly spread for every count.
pub fn additive_recurrence(index: u32, point: &mut [f64]) {
    let d = point.len() as i32;
    // Newton's iteration for φ^{d+1} = φ + 1, from above: convex, so that it falls to the root.
    let mut phi = 2.0_f64;
    for _ in 0..40 {
        let power = crate::math::powi(phi, d);
        phi -= (power * phi - phi - 1.0) / (f64::from(d + 1) * power - 1.0);
    }
    let mut step = 1.0;
    for coordinate in point {
        step /= phi;
        let x = 0.5 + f64::from(index) * step;
        *coordinate = x - x.floor();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::sin;

    #[test]
    fn halton_mirrors_digits() {
        let mut x = [0.0; 3];
        halton(6, &mut x);
        // 6 is 110 in base 2, 20 in base 3, 11 in base 5.
        assert_eq!(x, [0.375, 2.0 / 9.0, 6.0 / 25.0]);
        halton(0, &mut x);
        assert_eq!(x, [0.0; 3]);
        let mut x = [0.0; 16];
        halton(u32::MAX, &mut x);
        assert!(x.iter().all(|x| (0.0..1.0).contains(x)), "{x:?}");
    }

    #[test]
    fn the_recurrence_steps_by_the_golden_ratio() {
        let (mut one, mut two) = ([0.0], [0.0; 2]);
        additive_recurrence(1, &mut one);
        assert!((one[0] - (0.5 + 0.618_033_988_749_894_9 - 1.0)).abs() < 1e-15);
        // The plastic number 1.3247…
        additive_recurrence(1, &mut two);
        assert!((two[0] - 0.254_877_666_246_692_7).abs() < 1e-15, "{two:?}");
        assert!((two[1] - 0.069_840_290_998_053_3).abs() < 1e-15, "{two:?}");
    }

    #[test]
    fn integrals_converge_faster_than_the_square_root_law() {
        // ∫∫ sin(πx) sin(πy) = (2/π)², with 1,024 and with 16,384 points. Random points would gain a factor of 4, and
        // err by about 0.01 and 0.002.
        let exact = 4.0 / (crate::math::PI * crate::math::PI);
        for sequence in [halton as fn(u32, &mut [f64]), additive_recurrence] {
            let error = |count: u32| {
                let mut x = [0.0; 2];
                let value = |i| {
                    sequence(i, &mut x);
                    sin(crate::math::PI * x[0]) * sin(crate::math::PI * x[1])
                };
                ((0..count).map(value).sum::<f64>() / f64::from(count) - exact).abs()
            };
            assert!(error(1024) < 2e-3, "{}", error(1024));
            assert!(error(16_384) < 2e-4, "{}", error(16_384));
        }
    }
}
