//! What is learned from: four motions, seen now and then.

use super::{Settings, Source};
use orrery_core::Rng;
use orrery_core::prelude::{RngExt, StandardNormal};
use orrery_kernels::math::{sin, sincos};
use orrery_kernels::ode::RungeKutta4;

/// Times of a sequence, further times to forecast, and the time between two.
pub const TIMES: usize = 100;
pub const FORECAST: usize = 20;
pub const DELTA: f64 = 0.2;
/// Van der Pol's `μ`, the pendulum's `g/l`, and the damping and turning of the linear motion in one step.
const STIFFNESS: f64 = 2.0;
const GRAVITY: f64 = 1.5;
pub const DAMPING: f64 = 0.98;
pub const TURN: f64 = 0.25;
/// Every so many steps the slow channel is seen.
const SLOW: usize = 10;
/// No prediction lies further out.
pub const FAR: f64 = 20.0;
/// `½ log 2π`.
pub const HALF_LOG_TAU: f64 = 0.918_938_533_204_672_7;

/// One sequence: by time, for each channel.
#[derive(Clone, Default)]
pub struct Sequence {
    pub truth: Vec<Vec<f64>>,
    pub y: Vec<Vec<f64>>,
    pub seen: Vec<Vec<bool>>,
}

impl Source {
    /// Numbers that are seen at a time.
    pub fn channels(self) -> usize {
        if self == Self::MixedFrequency { 2 } else { 1 }
    }

    /// So many sequences.
    pub fn draws(self, settings: &Settings, count: usize, rng: &mut Rng) -> Vec<Sequence> {
        (0..count).map(|_| self.draw(settings, rng)).collect()
    }

    /// One sequence from a start of chance.
    fn draw(self, settings: &Settings, rng: &mut Rng) -> Sequence {
        let uniform = |size: f64, rng: &mut Rng| size * (2.0 * rng.random::<f64>() - 1.0);
        let mut x = match self {
            Self::VanDerPol | Self::MixedFrequency => [uniform(2.0, rng), uniform(2.0, rng)],
            Self::Pendulum => [uniform(2.0, rng), uniform(1.0, rng)],
            Self::LinearGaussian => [rng.sample(StandardNormal), rng.sample(StandardNormal)],
        };
        let mut method = RungeKutta4::new(2);
        let mut sequence = Sequence::default();
        let spread = (1.0 - DAMPING * DAMPING).sqrt();
        for t in 0..TIMES + FORECAST {
            let truth: Vec<f64> = if self == Self::MixedFrequency { vec![x[0], 0.5 * x[1]] } else { vec![x[0]] };
            sequence.y.push(truth.iter().map(|x| x + settings.noise * rng.sample::<f64, _>(StandardNormal)).collect());
            let seldom = rng.random::<f64>() < settings.observed;
            let seen = (0..truth.len()).map(|c| t < TIMES && if c == 0 { seldom } else { t.is_multiple_of(SLOW) });
            sequence.seen.push(seen.collect());
            sequence.truth.push(truth);
            if self == Self::LinearGaussian {
                // z ← ρ R(φ) z + √(1 − ρ²) w, which keeps a variance of one.
                let (s, c) = sincos(TURN);
                let w: [f64; 2] = [rng.sample(StandardNormal), rng.sample(StandardNormal)];
                x = [DAMPING * (c * x[0] - s * x[1]) + spread * w[0], DAMPING * (s * x[0] + c * x[1]) + spread * w[1]];
                continue;
            }
            let slope = |_: f64, x: &[f64], slope: &mut [f64]| {
                slope[0] = x[1];
                slope[1] = match self {
                    // x″ = −(g/l) sin x, or x″ = μ (1 − x²) x′ − x.
                    Self::Pendulum => -GRAVITY * sin(x[0]),
                    _ => STIFFNESS * (1.0 - x[0] * x[0]) * x[1] - x[0],
                };
            };
            (0..4).for_each(|_| method.step(slope, 0.0, DELTA / 4.0, &mut x));
        }
        sequence
    }
}

/// The sum of squares of what `found` misses at the times that are not seen, with their number; at all times where all are seen.
pub fn misses(s: &Sequence, found: &[Vec<f64>]) -> [f64; 2] {
    let mut sums = [0.0; 2];
    let all = s.seen[..TIMES].iter().flatten().all(|seen| *seen);
    for (t, found) in found.iter().enumerate().take(TIMES) {
        for (c, y) in found.iter().enumerate().filter(|(c, _)| all || !s.seen[t][*c]) {
            sums[0] += (y - s.truth[t][c]) * (y - s.truth[t][c]);
            sums[1] += 1.0;
        }
    }
    sums
}

pub fn bounded(y: f64) -> f64 {
    if y.is_finite() { y.clamp(-FAR, FAR) } else { FAR }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_core::prelude::SeedableRng;

    #[test]
    fn the_motions_keep_what_they_must_keep() {
        let rng = &mut Rng::seed_from_u64(1);
        let mut draw = |data: Source| {
            let settings = Settings { data, ..Settings::default() };
            data.draws(&settings, 200, rng)
        };
        // The pendulum its energy: no turning point is higher than the first one found.
        for s in draw(Source::Pendulum) {
            let x: Vec<f64> = s.truth.iter().map(|x| x[0]).collect();
            let turns = x.windows(3).filter(|x| x[1] > x[0] && x[1] > x[2]).map(|x| x[1]).collect::<Vec<_>>();
            let (low, high) = turns.iter().fold((f64::MAX, f64::MIN), |(l, h), x| (l.min(*x), h.max(*x)));
            assert!(turns.len() < 2 || high - low < 0.1, "{low} {high}");
        }
        // The linear motion its variance of one, at the end as at the start.
        let linear = draw(Source::LinearGaussian);
        for t in [0, TIMES - 1] {
            let variance = linear.iter().map(|s| s.truth[t][0] * s.truth[t][0]).sum::<f64>() / 200.0;
            assert!((variance - 1.0).abs() < 0.35, "{variance}");
        }
        // Van der Pol's oscillator its cycle, whose height is 2.02 for μ = 2.
        for s in draw(Source::VanDerPol) {
            let height = s.truth[TIMES / 2..].iter().map(|x| x[0]).fold(f64::MIN, f64::max);
            assert!((height - 2.0).abs() < 0.05, "{height}");
        }
    }
}
