//! Directions: uniform on the sphere, and concentrated around one.

use super::normals;
use crate::linalg::inner;
use crate::math::log;
use rand::{Rng, RngExt};

/// A point on the unit sphere in `dimension` dimensions, uniformly distributed.
pub fn direction(dimension: usize, rng: &mut impl Rng) -> Vec<f64> {
    loop {
        let x = normals(dimension, rng);
        let norm = inner(&x, &x).sqrt();
        if norm > 0.0 {
            return x.iter().map(|x| x / norm).collect();
        }
    }
}

/// A draw from the von Mises-Fisher law around the first axis, density proportional to `exp(κ x_0)` on the unit sphere
/// in `dimension >= 2` dimensions, `concentration` κ >= 0. [`reflect`] carries it to another mean direction, and is how
/// a gradient reaches that direction.
///
/// Wood (1994), "Simulation of the von Mises Fisher distribution": `x_0` by rejection from a transformed beta law, the
/// rest uniform on its sphere.
pub fn von_mises_fisher(dimension: usize, concentration: f64, rng: &mut impl Rng) -> Vec<f64> {
    assert!(dimension >= 2, "a direction in the plane at least");
    let m = (dimension - 1) as f64;
    let kappa = concentration;
    let b = m / (2.0 * kappa + (4.0 * kappa * kappa + m * m).sqrt());
    let x = (1.0 - b) / (1.0 + b);
    // log(1 - x²) without the cancellation where κ is large and x close to 1.
    let c = kappa * x + m * log(4.0 * b / ((1.0 + b) * (1.0 + b)));
    let rest = direction(dimension - 1, rng);
    let along = loop {
        let z = symmetric_beta(dimension - 1, rng);
        let w = (1.0 - (1.0 + b) * z) / (1.0 - (1.0 - b) * z);
        let u: f64 = rng.random();
        if kappa * w + m * log(1.0 - x * w) - c >= log(u) {
            break w;
        }
    };
    let across = (1.0 - along * along).max(0.0).sqrt();
    std::iter::once(along).chain(rest.iter().map(|rest| across * rest)).collect()
}

/// A draw from the law Beta(k/2, k/2): with `s` the first coordinate of a direction in `k + 1` dimensions,
/// `(1 + s) / 2`.
fn symmetric_beta(k: usize, rng: &mut impl Rng) -> f64 {
    (1.0 + direction(k + 1, rng)[0]) / 2.0
}

/// Reflects `x` by the Householder matrix that carries the first axis to the unit vector `mean`:
/// `x - 2 u (u·x) / (u·u)` with `u = e_0 - mean`. Near the axis, `1 - m_0` would cancel: it is
/// `(m_1² + m_2² + …) / (1 + m_0)` (Parlett, 1971).
pub fn reflect(x: &mut [f64], mean: &[f64]) {
    let mut u: Vec<f64> = mean.iter().map(|m| -m).collect();
    u[0] = if mean[0] > 0.0 { inner(&u[1..], &u[1..]) / (1.0 + mean[0]) } else { 1.0 - mean[0] };
    let square = inner(&u, &u);
    if square > 0.0 {
        let factor = 2.0 * inner(&u, x) / square;
        x.iter_mut().zip(&u).for_each(|(x, u)| *x -= factor * u);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::tanh;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn directions_have_the_moments_of_the_uniform_law() {
        let rng = &mut ChaCha8Rng::seed_from_u64(1);
        let count = 40_000;
        let (mut mean, mut square) = ([0.0; 4], [0.0; 4]);
        for _ in 0..count {
            let x = direction(4, rng);
            assert!((inner(&x, &x) - 1.0).abs() < 1e-15 * 4.0);
            for (i, x) in x.iter().enumerate() {
                mean[i] += x / f64::from(count);
                square[i] += x * x / f64::from(count);
            }
        }
        // E x = 0, E x² = 1/4, E x⁴ = 3 / (4 · 6).
        let error = |variance: f64| 4.0 * (variance / f64::from(count)).sqrt();
        assert!(mean.iter().all(|mean| mean.abs() < error(0.25)), "{mean:?}");
        assert!(square.iter().all(|x| (x - 0.25).abs() < error(0.125 - 0.0625)), "{square:?}");
    }

    #[test]
    fn the_mean_resultant_length_is_the_known_one() {
        // In three dimensions E x_0 = coth κ - 1/κ; uniform at κ = 0. In the plane it is a ratio of Bessel functions,
        // I_1(2) / I_0(2) = 0.697775.
        let rng = &mut ChaCha8Rng::seed_from_u64(2);
        let count = 40_000;
        for (dimension, kappa, expected) in [
            (3, 0.0, 0.0),
            (3, 1.0, 1.0 / tanh(1.0) - 1.0),
            (3, 10.0, 1.0 / tanh(10.0) - 0.1),
            (3, 1e6, 1.0 - 1e-6),
            (2, 2.0, 0.697_774_657_964_008),
        ] {
            let draws: Vec<f64> = (0..count)
                .map(|_| {
                    let x = von_mises_fisher(dimension, kappa, rng);
                    assert!((inner(&x, &x) - 1.0).abs() < 1e-14);
                    x[0]
                })
                .collect();
            let mean = draws.iter().sum::<f64>() / f64::from(count);
            let variance = draws.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / f64::from(count);
            let error = 4.0 * (variance / f64::from(count)).sqrt();
            assert!((mean - expected).abs() < error + 1e-15, "{dimension} {kappa}: {mean}, not {expected}");
        }
    }

    proptest! {
        #[test]
        fn the_reflection_carries_the_axis_to_the_mean(seed in 0_u64..500, dimension in 1_usize..12) {
            let rng = &mut ChaCha8Rng::seed_from_u64(seed);
            let mean = direction(dimension, rng);
            let mut axis = vec![0.0; dimension];
            axis[0] = 1.0;
            reflect(&mut axis, &mean);
            for (a, b) in axis.iter().zip(&mean) {
                prop_assert!((a - b).abs() < 1e-14);
            }
            let x = normals(dimension, rng);
            let mut y = x.clone();
            reflect(&mut y, &mean);
            prop_assert!((inner(&x, &x) - inner(&y, &y)).abs() < 1e-12 * inner(&x, &x));
        }
    }
}
