//! A line search for the strong Wolfe conditions (Nocedal and Wright, "Numerical Optimization", 2006, algorithms 3.5 and
//! 3.6).

/// The constants of the conditions `φ(t) ≤ φ(0) + c₁ t φ'(0)` and `|φ'(t)| ≤ c₂ |φ'(0)|`, `0 < c₁ < c₂ < 1`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wolfe {
    /// The sufficient decrease `c₁`.
    pub decrease: f64,
    /// The curvature `c₂`.
    pub curvature: f64,
}

/// No step that meets the conditions was found: the direction leads uphill, the function falls without end, or what is left
/// to gain drowns in rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stalled;

impl std::fmt::Display for Stalled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            "the line search found no better point: the minimum is reached to rounding, or there is none this way",
        )
    }
}

impl std::error::Error for Stalled {}

impl Default for Wolfe {
    /// What suits quasi-Newton directions: `c₁` = 1e-4, `c₂` = 0.9.
    fn default() -> Self {
        Self { decrease: 1e-4, curvature: 0.9 }
    }
}

/// A step, `φ` and `φ'` there.
#[derive(Clone, Copy)]
struct Point {
    t: f64,
    value: f64,
    slope: f64,
}

/// Attempts at widening the bracket, and at narrowing it.
const ATTEMPTS: usize = 30;

impl Wolfe {
    /// A step that meets the conditions, tried from `start` on. `phi(t)` gives `φ` and `φ'`; the accepted step is the
    /// last at which it was called. `value` and `slope` are `φ(0)` and `φ'(0)`.
    pub fn search(
        &self,
        mut phi: impl FnMut(f64) -> (f64, f64),
        value: f64,
        slope: f64,
        start: f64,
    ) -> Result<f64, Stalled> {
        if slope >= 0.0 {
            return Err(Stalled);
        }
        let mut at = |t: f64| {
            let (value, slope) = phi(t);
            Point { t, value, slope }
        };
        let falls_enough = |p: &Point| p.value <= value + self.decrease * p.t * slope;
        let is_flat = |p: &Point| p.slope.abs() <= -self.curvature * slope;

        // Algorithm 3.5: walk on until the interval behind must hold a step that does.
        let mut low = Point { t: 0.0, value, slope };
        let mut here = at(start);
        let mut high = None;
        for _ in 0..ATTEMPTS {
            if !falls_enough(&here) || low.t > 0.0 && here.value >= low.value {
                high = Some(here);
                break;
            }
            if is_flat(&here) {
                return Ok(here.t);
            }
            if here.slope >= 0.0 {
                high = Some(std::mem::replace(&mut low, here));
                break;
            }
            low = here;
            here = at(2.0 * here.t);
        }

        // Algorithm 3.6: `low` is the best point so far that decreases enough, and its slope points to `high`.
        let mut high = high.ok_or(Stalled)?;
        for _ in 0..ATTEMPTS {
            let here = at(between(&low, &high));
            if !falls_enough(&here) || here.value >= low.value {
                high = here;
                continue;
            }
            if is_flat(&here) {
                return Ok(here.t);
            }
            if here.slope * (high.t - low.t) >= 0.0 {
                high = low;
            }
            low = here;
        }
        Err(Stalled)
    }
}

/// Where the cubic with the values and slopes of both ends is least (equation 3.59), if that is well inside; the middle
/// otherwise.
fn between(a: &Point, b: &Point) -> f64 {
    let width = b.t - a.t;
    let d1 = a.slope + b.slope - 3.0 * (b.value - a.value) / width;
    let d2 = (d1 * d1 - a.slope * b.slope).sqrt() * width.signum();
    let share = 1.0 - (b.slope + d2 - d1) / (b.slope - a.slope + 2.0 * d2);
    a.t + width * if (0.1..=0.9).contains(&share) { share } else { 0.5 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::{cos, sin};
    use proptest::prelude::*;

    proptest! {
        // A wave on a bowl: many minima, from any start and with loose or tight conditions.
        #[test]
        fn what_it_accepts_meets_both_conditions(
            start in 1e-3_f64..50.0, height in 0.0_f64..3.0, frequency in 0.5_f64..8.0, curvature in 0.1_f64..0.95,
        ) {
            let phi = |t: f64| {
                let bowl = 0.05 * (t - 10.0) * (t - 10.0);
                (bowl - height * sin(frequency * t), 0.1 * (t - 10.0) - height * frequency * cos(frequency * t))
            };
            let wolfe = Wolfe { decrease: 1e-4, curvature };
            let (value, slope) = phi(0.0);
            let mut last = f64::NAN;
            let t = wolfe.search(|t| { last = t; phi(t) }, value, slope, start);
            let t = t.unwrap();
            prop_assert_eq!(t, last);
            prop_assert!(phi(t).0 <= value + 1e-4 * t * slope);
            prop_assert!(phi(t).1.abs() <= curvature * slope.abs());
        }

        #[test]
        fn between_the_ends_of_a_cubic_it_finds_its_bottom(bottom in 0.15_f64..0.85, scale in 0.1_f64..10.0) {
            // (t - bottom)² (t + 2): a minimum at `bottom`, another extremum at negative t.
            let phi = |t: f64| (t - bottom) * (t - bottom) * (t + 2.0) * scale;
            let slope = |t: f64| scale * (2.0 * (t - bottom) * (t + 2.0) + (t - bottom) * (t - bottom));
            let ends = [0.0, 1.0].map(|t| Point { t, value: phi(t), slope: slope(t) });
            prop_assert!((between(&ends[0], &ends[1]) - bottom).abs() < 1e-12);
            prop_assert!((between(&ends[1], &ends[0]) - bottom).abs() < 1e-12);
        }
    }

    #[test]
    fn a_line_without_end_and_a_climb_are_refused() {
        assert_eq!(Wolfe::default().search(|t| (-t, -1.0), 0.0, -1.0, 1.0), Err(Stalled));
        assert_eq!(Wolfe::default().search(|t| (t, 1.0), 0.0, 1.0, 1.0), Err(Stalled));
        assert_eq!(Wolfe::default().search(|_| (f64::NAN, f64::NAN), 0.0, -1.0, 1.0), Err(Stalled));
    }
}
