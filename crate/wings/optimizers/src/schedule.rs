//! Learning-rate schedules: what the rate is multiplied by on the way to a horizon.
//!
//! ```
//! use orrery_optimizers::schedule::{Schedule, refined};
//!
//! assert_eq!(Schedule::Linear.at(50, 200), 0.75);
//! assert_eq!(Schedule::Cooldown(0.2).at(100, 200), 1.0);
//! // Under gradients that are equally long all along, refinement finds linear decay.
//! let eta = refined(&vec![3.0; 100], 2.0);
//! assert!((eta[25] - 74.0 / 99.0).abs() < 1e-12);
//! ```

use orrery_kernels::math::{PI, cos, powi};

/// A schedule of which only the horizon has to be known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Schedule {
    /// Always one.
    Constant,
    /// $1/\sqrt{t+1}$.
    Root,
    /// A tenth after a third of the time, and a hundredth after two thirds.
    Steps,
    /// $\frac12(1+\cos(\pi t/T))$.
    Cosine,
    /// $1-t/T$.
    Linear,
    /// One, and then linearly to zero over this share of the time.
    Cooldown(f64),
}

impl Schedule {
    /// The factor at step `t`, from 0, of `horizon`.
    pub fn at(self, t: usize, horizon: usize) -> f64 {
        let share = t as f64 / horizon as f64;
        match self {
            Self::Constant => 1.0,
            Self::Root => 1.0 / (t as f64 + 1.0).sqrt(),
            Self::Steps => powi(0.1, (3 * t / horizon.max(1)) as i32),
            Self::Cosine => 0.5 * (1.0 + cos(PI * share)),
            Self::Linear => 1.0 - share,
            Self::Cooldown(part) => ((1.0 - share) / part).min(1.0),
        }
    }

    /// All factors up to a horizon.
    pub fn until(self, horizon: usize) -> Vec<f64> {
        (0..horizon).map(|t| self.at(t, horizon)).collect()
    }
}

/// A drawn curve, read at `horizon` evenly spaced places with straight lines between its samples.
pub fn drawn(samples: &[f64], horizon: usize) -> Vec<f64> {
    let last = samples.len().saturating_sub(1);
    let at = |t: usize| {
        let place = t as f64 / horizon.max(1) as f64 * last as f64;
        let k = (place as usize).min(last);
        let rest = place - k as f64;
        let [here, next] = [k, (k + 1).min(last)].map(|k| samples.get(k).copied().unwrap_or(1.0));
        here + rest * (next - here)
    };
    (0..horizon).map(at).collect()
}

/// The median of the `width` neighbours of each entry, of which it is the middle one, so an even width counts as the
/// odd one above it. Beyond its ends the sequence is reflected, the end itself twice.
pub fn median_filter(x: &[f64], width: usize) -> Vec<f64> {
    let n = x.len() as isize;
    let half = (width / 2) as isize;
    let reflected = |k: isize| {
        let k = k.rem_euclid(2 * n);
        x[k.min(2 * n - 1 - k) as usize]
    };
    if n == 0 {
        return Vec::new();
    }
    // The window, sorted: each move takes one entry out and puts one in.
    let mut window: Vec<f64> = (-half..=half).map(reflected).collect();
    window.sort_by(f64::total_cmp);
    let place = |window: &[f64], value: f64| window.partition_point(|w| w.total_cmp(&value).is_lt());
    (0..n)
        .map(|t| {
            let median = window[half as usize];
            window.remove(place(&window, reflected(t - half)));
            let next = reflected(t + half + 1);
            window.insert(place(&window, next), next);
            median
        })
        .collect()
}

/// $\eta_t=w_t\sum_{p>t}w_p$ with $w_t=\hat G_t^{-q}$, scaled to a maximum of one: the schedule that gradients of these
/// lengths ask for. A length below a thousandth of the greatest counts as that.
pub fn refined(norms: &[f64], power: f64) -> Vec<f64> {
    let least = 1e-3 * norms.iter().copied().fold(1e-300, f64::max);
    let weights: Vec<f64> = norms.iter().map(|g| orrery_kernels::math::pow(least / g.max(least), power)).collect();
    let mut rest = 0.0;
    let mut eta: Vec<f64> = weights
        .iter()
        .rev()
        .map(|w| {
            let eta = w * rest;
            rest += w;
            eta
        })
        .collect();
    eta.reverse();
    let most = eta.iter().copied().fold(0.0, f64::max);
    if most > 0.0 {
        eta.iter_mut().for_each(|eta| *eta /= most);
    }
    eta
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop, prop_assert, proptest};

    const ALL: [Schedule; 6] = [
        Schedule::Constant,
        Schedule::Root,
        Schedule::Steps,
        Schedule::Cosine,
        Schedule::Linear,
        Schedule::Cooldown(0.3),
    ];

    #[test]
    fn every_schedule_begins_at_one_never_rises_and_those_that_decay_end_at_nothing() {
        for schedule in ALL {
            let eta = schedule.until(50);
            assert_eq!(eta[0], 1.0);
            assert!(eta.windows(2).all(|pair| pair[1] <= pair[0]), "{schedule:?}");
        }
        assert!(Schedule::Cosine.at(50, 50).abs() < 1e-15 && Schedule::Linear.at(50, 50) == 0.0);
        assert!((Schedule::Cosine.at(25, 50) - 0.5).abs() < 1e-15);
        assert!((Schedule::Steps.at(49, 50) - 0.01).abs() < 1e-17);
    }

    #[test]
    fn a_cooldown_over_all_the_time_is_linear_decay_and_a_drawn_line_is_too() {
        assert_eq!(Schedule::Cooldown(1.0).until(64), Schedule::Linear.until(64));
        let line = drawn(&[1.0, 0.75, 0.5, 0.25, 0.0], 40);
        assert!(line.iter().zip(Schedule::Linear.until(40)).all(|(a, b)| (a - b).abs() < 1e-14));
        assert_eq!(drawn(&[], 3), [1.0; 3]);
    }

    proptest! {
        #[test]
        fn a_median_filter_is_the_middle_of_every_window(
            x in prop::collection::vec(-5.0_f64..5.0, 1..40), half in 0_usize..50,
        ) {
            let found = median_filter(&x, 2 * half + 1);
            let mirror: Vec<f64> = x.iter().chain(x.iter().rev()).copied().collect();
            for (t, found) in found.iter().enumerate() {
                let at = |k: usize| mirror[(t + k + mirror.len() * (half + 1) - half) % mirror.len()];
                let mut window: Vec<f64> = (0..=2 * half).map(at).collect();
                window.sort_by(f64::total_cmp);
                prop_assert!(*found == window[half]);
            }
        }

        // Of η_t = w_t Σ_{p>t} w_p, the sum over all t is the sum over all pairs: half the square less half the squares.
        #[test]
        fn the_refined_schedule_pairs_every_weight_with_all_later_ones(
            norms in prop::collection::vec(0.5_f64..5.0, 2..60), power in 0.5_f64..2.0,
        ) {
            let eta = refined(&norms, power);
            prop_assert!(eta.iter().all(|eta| (0.0..=1.0).contains(eta)) && eta.last() == Some(&0.0));
            let w: Vec<f64> = norms.iter().map(|g| orrery_kernels::math::pow(*g, -power)).collect();
            let (sum, squares): (f64, f64) = (w.iter().sum(), w.iter().map(|w| w * w).sum());
            let first = w[0] * w[1..].iter().sum::<f64>();
            let total: f64 = eta.iter().sum();
            prop_assert!((total * first / eta[0] - 0.5 * (sum * sum - squares)).abs() < 1e-9 * sum * sum);
        }
    }

    // A jump in the gradients' length by a factor g lifts the rate by g².
    #[test]
    fn shorter_gradients_are_given_longer_steps() {
        let norms: Vec<f64> = (0..100).map(|t| if t < 50 { 2.0 } else { 1.0 }).collect();
        let eta = refined(&norms, 2.0);
        let jump = eta[50] / eta[49];
        let line = 49.0 / 50.0;
        assert!((jump / line - 4.0).abs() < 1e-12, "{jump}");
    }
}
