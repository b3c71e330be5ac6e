//! Distributions with heavy tails.

use crate::math::pow;
use rand::{Rng, RngExt};
use rand_distr::weighted::WeightedIndex;

/// A draw from Student's t distribution with `freedom > 0` degrees of freedom. Moments of order `freedom` and above are
/// infinite.
///
/// Bailey (1994), "Polar generation of random variates with the t-distribution": with `(u, v)` uniform in the unit
/// disc and `w = u² + v²`, `u √(ν (w^{-2/ν} - 1) / w)`.
pub fn student_t(freedom: f64, rng: &mut impl Rng) -> f64 {
    loop {
        let (u, v) = (rng.random_range(-1.0..1.0), rng.random_range(-1.0..1.0));
        let w: f64 = u * u + v * v;
        if w > 0.0 && w <= 1.0 {
            return u * (freedom * (pow(w, -2.0 / freedom) - 1.0) / w).sqrt();
        }
    }
}

/// Zipf's law on 0, 1, …, `count - 1`: number `k` has probability proportional to `(k + 1)^-exponent`. [`None`] when
/// `count` is zero or the exponent is not finite.
pub fn zipf(count: usize, exponent: f64) -> Option<WeightedIndex<f64>> {
    WeightedIndex::new((1..=count).map(|rank| pow(rank as f64, -exponent))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::{PI, atan};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::Distribution;

    /// The share of draws up to each of some points differs from the probability by at most four standard errors.
    fn follows(draw: impl Fn(&mut ChaCha8Rng) -> f64, distribution: impl Fn(f64) -> f64) {
        let rng = &mut ChaCha8Rng::seed_from_u64(3);
        let count = 100_000;
        let draws: Vec<f64> = (0..count).map(|_| draw(rng)).collect();
        for x in [-30.0, -4.0, -1.0, -0.2, 0.0, 0.5, 2.0, 8.0, 50.0] {
            let share = draws.iter().filter(|&&draw| draw <= x).count() as f64 / f64::from(count);
            let p = distribution(x);
            assert!((share - p).abs() <= 4.0 * (p * (1.0 - p) / f64::from(count)).sqrt(), "{x}: {share}, not {p}");
        }
    }

    #[test]
    fn student_t_has_its_closed_distribution_functions() {
        // One degree of freedom is Cauchy's law; two and four have distribution functions in roots.
        follows(|rng| student_t(1.0, rng), |x| 0.5 + atan(x) / PI);
        follows(|rng| student_t(2.0, rng), |x| 0.5 + x / (2.0 * (2.0 + x * x).sqrt()));
        follows(
            |rng| student_t(4.0, rng),
            |x| {
                let s = x / (4.0 + x * x).sqrt();
                0.5 + 0.75 * (s - s * s * s / 3.0)
            },
        );
    }

    #[test]
    fn student_t_has_the_variance_that_its_freedom_says() {
        let rng = &mut ChaCha8Rng::seed_from_u64(4);
        let count = 200_000;
        let mean = (0..count).map(|_| student_t(10.0, rng)).map(|t| t * t).sum::<f64>() / f64::from(count);
        // E t² = ν / (ν - 2) = 1.25, E t⁴ = 3 ν² / ((ν - 2)(ν - 4)) = 6.25.
        assert!((mean - 1.25).abs() < 4.0 * ((6.25 - 1.25 * 1.25) / f64::from(count)).sqrt(), "{mean}");
    }

    #[test]
    fn ranks_follow_their_power() {
        let rng = &mut ChaCha8Rng::seed_from_u64(5);
        let (law, count) = (zipf(50, 1.2).unwrap(), 100_000);
        let mut found = [0.0; 50];
        (0..count).for_each(|_| found[law.sample(rng)] += 1.0);
        let total: f64 = (1..=50).map(|rank| pow(f64::from(rank), -1.2)).sum();
        for (k, found) in found.iter().enumerate() {
            let expected = f64::from(count) * pow(k as f64 + 1.0, -1.2) / total;
            assert!((found - expected).abs() < 4.5 * expected.sqrt(), "{k}: {found}, not {expected}");
        }
        assert!(zipf(0, 1.0).is_none() && zipf(3, f64::NAN).is_none());
    }
}
