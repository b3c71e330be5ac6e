//! Backtracking until the decrease is sufficient (Armijo, "Minimization of functions having Lipschitz continuous first
//! partial derivatives", 1966; Nocedal and Wright, "Numerical Optimization", 2006, algorithm 3.1).

/// The first of `start, start·shrink, start·shrink², …` at which `φ(t) ≤ φ(0) + c t φ'(0)`, and `φ` there. `value` and
/// `slope` are `φ(0)` and `φ'(0) < 0`; `shrink` lies between 0 and 1; `c`, often 1e-4, between 0 and 1.
///
/// [`None`] if sixty attempts do not do: the direction is no descent, or the decrease drowns in rounding.
pub fn armijo(
    mut phi: impl FnMut(f64) -> f64,
    value: f64,
    slope: f64,
    start: f64,
    shrink: f64,
    c: f64,
) -> Option<(f64, f64)> {
    let mut t = start;
    for _ in 0..60 {
        let there = phi(t);
        if there <= value + c * t * slope {
            return Some((t, there));
        }
        t *= shrink;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        // φ(t) = L t²/2 - t: the condition is t ≤ 2(1 - c)/L.
        #[test]
        fn on_a_parabola_it_stops_at_the_first_step_below_the_known_limit(curvature in 0.01_f64..1e6, c in 0.01_f64..0.9) {
            let phi = |t: f64| curvature * t * t / 2.0 - t;
            let (t, value) = armijo(phi, 0.0, -1.0, 10.0, 0.5, c).unwrap();
            let limit = 2.0 * (1.0 - c) / curvature;
            prop_assert!(t <= limit * (1.0 + 1e-9) && (t == 10.0 || 2.0 * t > limit * (1.0 - 1e-9)));
            prop_assert_eq!(value, phi(t));
        }
    }

    #[test]
    fn uphill_and_undefined_give_none() {
        assert_eq!(armijo(|t| t, 0.0, -1.0, 1.0, 0.5, 1e-4), None);
        assert_eq!(armijo(|_| f64::NAN, 0.0, -1.0, 1.0, 0.5, 1e-4), None);
    }
}
