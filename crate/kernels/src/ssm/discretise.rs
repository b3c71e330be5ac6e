//! From a differential equation to a recurrence.

use super::System;
use crate::linalg::{DMatrix, DVector, expm};

/// How a step of length Δ is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The trapezoidal rule with the input held: `(I − ΔA/2)⁻¹ (I + ΔA/2)` and `(I − ΔA/2)⁻¹ ΔB`.
    Bilinear,
    /// The exact solution with the input held: `e^{ΔA}` and `∫₀^Δ e^{sA} B ds`.
    ZeroOrderHold,
    /// The explicit step: `I + ΔA` and `ΔB`.
    Euler,
}

/// The recurrence `x_k = Ā x_{k−1} + B̄ u_k`. None where a matrix that has to be inverted is singular or the exponential
/// overflows.
pub fn discretise(system: &System, step: f64, rule: Rule) -> Option<System> {
    let n = system.b.len();
    let identity = DMatrix::<f64>::identity(n, n);
    Some(match rule {
        Rule::Bilinear => {
            let half = &system.a * (0.5 * step);
            let solve = (&identity - &half).lu();
            System { a: solve.solve(&(&identity + &half))?, b: solve.solve(&(&system.b * step))? }
        }
        Rule::ZeroOrderHold => {
            // exp of [[A, B], [0, 0]] Δ holds both.
            let mut both = DMatrix::zeros(n + 1, n + 1);
            both.view_mut((0, 0), (n, n)).copy_from(&(&system.a * step));
            both.view_mut((0, n), (n, 1)).copy_from(&(&system.b * step));
            let both = expm(&both)?;
            System {
                a: both.view((0, 0), (n, n)).into_owned(),
                b: DVector::from_iterator(n, both.view((0, n), (n, 1)).iter().copied()),
            }
        }
        Rule::Euler => System { a: identity + &system.a * step, b: &system.b * step },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::exp;
    use proptest::prelude::*;

    fn scalar(a: f64, b: f64) -> System {
        System { a: DMatrix::from_element(1, 1, a), b: DVector::from_element(1, b) }
    }

    proptest! {
        #[test]
        fn one_state_is_known(a in -5.0_f64..-0.1, b in -2.0_f64..2.0, step in 0.01_f64..1.0) {
            let held = discretise(&scalar(a, b), step, Rule::ZeroOrderHold).unwrap();
            prop_assert!((held.a[0] - exp(a * step)).abs() < 1e-14);
            prop_assert!((held.b[0] - b * (exp(a * step) - 1.0) / a).abs() < 1e-13);
            let bilinear = discretise(&scalar(a, b), step, Rule::Bilinear).unwrap();
            prop_assert!((bilinear.a[0] - (1.0 + 0.5 * step * a) / (1.0 - 0.5 * step * a)).abs() < 1e-14);
        }

        #[test]
        fn all_three_rest_where_the_differential_equation_does(a in -3.0_f64..-0.5, b in -2.0_f64..2.0, step in 0.01_f64..0.3) {
            for rule in [Rule::Bilinear, Rule::ZeroOrderHold, Rule::Euler] {
                let System { a: next, b: input } = discretise(&scalar(a, b), step, rule).unwrap();
                prop_assert!((input[0] / (1.0 - next[0]) + b / a).abs() < 1e-10);
            }
        }
    }
}
