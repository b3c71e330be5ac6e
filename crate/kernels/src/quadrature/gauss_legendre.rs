//! Gauss and Legendre's rule.

use crate::legendre::legendre;
use crate::math::{PI, cos};

/// Nodes on [-1, 1], in ascending order, and the weight of each.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Where the integrand is evaluated.
    pub nodes: Vec<f64>,
    /// How much each value counts; they sum to 2.
    pub weights: Vec<f64>,
}

impl Rule {
    /// The nodes on [a, b], each with its weight there.
    pub fn on(&self, a: f64, b: f64) -> impl Iterator<Item = (f64, f64)> {
        let (middle, half) = (0.5 * (a + b), 0.5 * (b - a));
        self.nodes.iter().zip(&self.weights).map(move |(node, weight)| (middle + half * node, half * weight))
    }

    /// The integral of `f` over [a, b].
    pub fn integrate(&self, a: f64, b: f64, mut f: impl FnMut(f64) -> f64) -> f64 {
        self.on(a, b).map(|(x, weight)| weight * f(x)).sum()
    }
}

/// The rule with `count` nodes, exact for polynomials of degree `2 count - 1`: the zeros of `P_n` by Newton's iteration
/// from `cos(π (i + 3/4) / (n + 1/2))`, with the weights `2 / ((1 - x²) P_n'(x)²)`. At most 2,000 or so nodes are of use;
/// the effort is their square.
pub fn gauss_legendre(count: usize) -> Rule {
    let n = count as f64;
    let mut values = vec![0.0; count + 1];
    let (mut nodes, mut weights) = (vec![0.0; count], vec![0.0; count]);
    for i in 0..count.div_ceil(2) {
        let mut x = if 2 * i + 1 == count { 0.0 } else { cos(PI * (i as f64 + 0.75) / (n + 0.5)) };
        let mut slope = 0.0;
        // Quadratic convergence from an error of 7e-3 at most: the last two steps change nothing any more.
        for _ in 0..6 {
            legendre(x, &mut values);
            slope = n * (x * values[count] - values[count - 1]) / (x * x - 1.0);
            x -= values[count] / slope;
        }
        let weight = 2.0 / ((1.0 - x * x) * slope * slope);
        (nodes[i], weights[i]) = (-x, weight);
        (nodes[count - 1 - i], weights[count - 1 - i]) = (x, weight);
    }
    Rule { nodes, weights }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::{exp, powi};
    use proptest::prelude::*;

    #[test]
    fn small_rules_are_known() {
        assert_eq!(gauss_legendre(0).nodes, []);
        assert_eq!(gauss_legendre(1), Rule { nodes: vec![0.0], weights: vec![2.0] });
        let three = gauss_legendre(3);
        for (mine, known) in three.nodes.iter().zip([-0.6_f64.sqrt(), 0.0, 0.6_f64.sqrt()]) {
            assert!((mine - known).abs() < 1e-16, "{mine}");
        }
        for (mine, known) in three.weights.iter().zip([5.0 / 9.0, 8.0 / 9.0, 5.0 / 9.0]) {
            assert!((mine - known).abs() < 4e-16, "{mine}");
        }
    }

    #[test]
    fn a_smooth_function_on_any_interval() {
        let rule = gauss_legendre(20);
        assert!((rule.integrate(-1.0, 3.0, exp) - (exp(3.0) - exp(-1.0))).abs() < 1e-13);
        assert!((rule.integrate(3.0, -1.0, exp) + (exp(3.0) - exp(-1.0))).abs() < 1e-13);
    }

    proptest! {
        #[test]
        fn polynomials_up_to_twice_the_count_are_exact(count in 1_usize..200, share in 0.0_f64..1.0) {
            let rule = gauss_legendre(count);
            prop_assert!(rule.nodes.is_sorted() && rule.weights.iter().all(|weight| *weight > 0.0));
            let degree = (share * (2 * count - 1) as f64).round() as i32;
            let integral = rule.integrate(-1.0, 1.0, |x| powi(x, degree));
            let exact = if degree % 2 == 0 { 2.0 / f64::from(degree + 1) } else { 0.0 };
            prop_assert!((integral - exact).abs() < 1e-13, "{} nodes, degree {}: {}", count, degree, integral - exact);
        }
    }

    #[test]
    fn one_degree_more_is_not_exact() {
        let rule = gauss_legendre(4);
        assert!((rule.integrate(-1.0, 1.0, |x| powi(x, 8)) - 2.0 / 9.0).abs() > 1e-3);
    }
}
