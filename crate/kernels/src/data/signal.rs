//! Signals over time.

use crate::math::{TAU, sin, sincos};
use crate::ode::RungeKutta4;
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

/// Gaussian noise with a chosen spectrum, `count` samples of one period: harmonic `m >= 1` has a normal amplitude in its
/// cosine and one in its sine, each of deviation `deviation(m)`, and those above `count / 2` do not exist. `|_| 1.0` is
/// white, `|m| m^-½` has the power spectrum 1/f, and a step is band-limited noise.
pub fn noise(count: usize, deviation: impl Fn(usize) -> f64, rng: &mut impl Rng) -> Vec<f64> {
    let mut signal = vec![0.0; count];
    for m in 1..=count / 2 {
        let deviation = deviation(m);
        if deviation == 0.0 {
            continue;
        }
        let mut amplitude = || deviation * rng.sample::<f64, _>(StandardNormal);
        let (a, b) = (amplitude(), amplitude());
        for (k, u) in signal.iter_mut().enumerate() {
            // The angle is reduced in whole numbers, so that late samples are as exact as early ones.
            let (sin, cos) = sincos(TAU * (m * k % count) as f64 / count as f64);
            *u += a * cos + b * sin;
        }
    }
    signal
}

/// A level that is uniform on [-1, 1] and changes, on average, every `length` samples (at each with probability
/// `1 / length`).
pub fn steps(count: usize, length: f64, rng: &mut impl Rng) -> Vec<f64> {
    let mut level = 0.0;
    let mut next = |k: usize| {
        if k == 0 || rng.random::<f64>() < 1.0 / length {
            level = 2.0 * rng.random::<f64>() - 1.0;
        }
        level
    };
    (0..count).map(&mut next).collect()
}

/// `count` states of `y' = f(y)` at times 0, `step`, 2 `step`, …, the first being `start`, one after the other. Each
/// step is taken in four by the Runge-Kutta method of order 4.
pub fn trajectory(f: impl Fn(&[f64], &mut [f64]), start: &[f64], step: f64, count: usize) -> Vec<f64> {
    let (mut y, mut method) = (start.to_vec(), RungeKutta4::new(start.len()));
    let mut states = Vec::with_capacity(count * start.len());
    for _ in 0..count {
        states.extend_from_slice(&y);
        for _ in 0..4 {
            method.step(|_, y, slope| f(y, slope), 0.0, step / 4.0, &mut y);
        }
    }
    states
}

/// Lorenz's system of 1963 with σ = 10, ρ = 28, β = 8/3: chaotic, three components.
pub fn lorenz(y: &[f64], slope: &mut [f64]) {
    slope[0] = 10.0 * (y[1] - y[0]);
    slope[1] = y[0] * (28.0 - y[2]) - y[1];
    slope[2] = y[0] * y[1] - 8.0 / 3.0 * y[2];
}

/// Van der Pol's oscillator with damping `mu`: position and speed. From `mu` = 10 or so it is stiff.
pub fn van_der_pol(mu: f64) -> impl Fn(&[f64], &mut [f64]) {
    move |y, slope| {
        slope[0] = y[1];
        slope[1] = mu * (1.0 - y[0] * y[0]) * y[1] - y[0];
    }
}

/// A pendulum with friction, `θ'' = -sin θ - friction θ'`: angle and angular speed.
pub fn pendulum(friction: f64) -> impl Fn(&[f64], &mut [f64]) {
    move |y, slope| {
        slope[0] = y[1];
        slope[1] = -sin(y[0]) - friction * y[1];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::cos;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn noise_has_its_spectrum_and_no_other() {
        let rng = &mut ChaCha8Rng::seed_from_u64(1);
        let (count, mut power) = (64, [0.0; 33]);
        for _ in 0..400 {
            let u = noise(count, |m| if (3..9).contains(&m) { 2.0 / m as f64 } else { 0.0 }, rng);
            for (m, power) in power.iter_mut().enumerate() {
                let part = |wave: fn(f64) -> f64| {
                    let at = |k: usize| wave(TAU * (k * m) as f64 / count as f64);
                    u.iter().enumerate().map(|(k, u)| u * at(k)).sum::<f64>() * 2.0 / count as f64
                };
                let (a, b) = (part(cos), part(sin));
                *power += (a * a + b * b) / 800.0;
            }
        }
        for (m, power) in power.iter().enumerate() {
            if (3..9).contains(&m) {
                let expected = 4.0 / (m * m) as f64;
                // 800 squares of normal numbers.
                assert!((power / expected - 1.0).abs() < 4.0 * (2.0_f64 / 800.0).sqrt(), "{m}: {power}");
            } else {
                assert!(*power < 1e-24, "{m}: {power}");
            }
        }
    }

    #[test]
    fn steps_last_as_long_as_asked() {
        let u = steps(50_000, 100.0, &mut ChaCha8Rng::seed_from_u64(2));
        let changes = u.windows(2).filter(|pair| pair[0] != pair[1]).count();
        // 500 expected, Poisson.
        assert!((changes as f64 - 500.0).abs() < 4.0 * 500.0_f64.sqrt(), "{changes}");
        assert!(u.iter().all(|u| (-1.0..1.0).contains(u)));
    }

    #[test]
    fn a_pendulum_without_friction_keeps_its_energy() {
        let states = trajectory(pendulum(0.0), &[2.0, 0.0], 0.05, 1000);
        let energy = |y: &[f64]| 0.5 * y[1] * y[1] - cos(y[0]);
        assert_eq!(states[..2], [2.0, 0.0]);
        for y in states.chunks(2) {
            assert!((energy(y) - energy(&states)).abs() < 1e-8, "{y:?}");
        }
    }

    #[test]
    fn lorenz_stays_on_its_attractor_and_van_der_pol_on_its_cycle() {
        let states = trajectory(lorenz, &[1.0, 1.0, 1.0], 0.01, 5000);
        // The trapping ellipsoid lets z reach 2ρ at most.
        assert!(states.chunks(3).all(|y| y[0].abs() < 25.0 && y[1].abs() < 35.0 && (0.0..56.0).contains(&y[2])));
        assert!(states.chunks(3).any(|y| y[0] > 10.0) && states.chunks(3).any(|y| y[0] < -10.0));
        // For small µ the cycle has amplitude 2.
        let states = trajectory(van_der_pol(0.05), &[0.1, 0.0], 0.05, 6000);
        let greatest = states.chunks(2).skip(5000).map(|y| y[0]).fold(0.0, f64::max);
        assert!((greatest - 2.0).abs() < 5e-3, "{greatest}");
    }
}
