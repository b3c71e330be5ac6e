//! The scalar functions against exact values, and a stiff solution against SciPy: `tests/reference/functions.py` made them.

use orrery_kernels::math;
use orrery_kernels::ode::{Rodas, jacobian_by_differences};
use orrery_reference::{Value, list, number, vectors, word};

fn reference() -> Value {
    vectors(include_str!("../../../tests/reference/functions.json"))
}

/// Numbers stored as words, to the last digit.
fn numbers(value: &Value) -> Vec<f64> {
    list(value).iter().map(|number| word(number).parse().unwrap()).collect()
}

/// The greatest distance from the exact values, in units in the last place.
fn units(name: &str, f: impl Fn(f64) -> f64) -> u64 {
    let case = &reference()["functions"][name];
    let pairs = numbers(&case["x"]).into_iter().zip(numbers(&case["y"]));
    // Below the least normal number there are no full places to count in.
    let pairs = pairs.filter(|(_, y)| y.abs() >= f64::MIN_POSITIVE);
    let units = pairs.map(|(x, y)| f(x).to_bits().abs_diff(y.to_bits())).max().unwrap();
    println!("{name}: {units}");
    units
}

#[test]
fn functions_are_exact_to_a_few_units() {
    assert!(units("exp", math::exp) <= 1);
    assert!(units("exp", math::exp_wide) <= 2);
    assert!(units("log", math::log) <= 1);
    assert!(units("log", math::log_wide) <= 1);
    assert!(units("tanh", math::tanh) <= 2);
    assert!(units("tanh", math::tanh_wide) <= 2);
    assert!(units("sigmoid", math::sigmoid) <= 2);
    assert!(units("sigmoid", math::sigmoid_wide) <= 2);
    assert!(units("softplus", math::softplus) <= 2);
    assert!(units("erf", math::erf) <= 1);
    assert!(units("erfc", math::erfc) <= 2);
    assert!(units("lgamma", math::lgamma) <= 4);
    // The rounding of x/√2 counts 2x² times in Φ(x), up to x = 16.
    assert!(units("normal_cdf", math::normal_cdf) <= 512);
    // Wichura promises sixteen digits.
    assert!(units("normal_quantile", math::normal_quantile) <= 8);
}

#[test]
fn a_stiff_oscillation_is_that_of_scipy() {
    // Van der Pol's equation with ε = 1e-3; the fast fall at t = 0.8 magnifies what went before.
    let f = |_: f64, y: &[f64], s: &mut [f64]| {
        s[0] = y[1];
        s[1] = ((1.0 - y[0] * y[0]) * y[1] - y[0]) / 1e-3;
    };
    let case = &reference()["van_der_pol"];
    let (end, expected) = (number(&case["end"]), numbers(&case["solution"]));
    let apart = |tolerance: f64| {
        let mut solution = Rodas::new(0.0, numbers(&case["y"]), 1e-4, tolerance, tolerance);
        let mut steps = 0;
        while solution.t() < end {
            solution.step(f, |t, y| jacobian_by_differences(f, t, y), end).unwrap();
            steps += 1;
        }
        let apart = solution.y().iter().zip(&expected).map(|(a, b)| ((a - b) / b).abs()).fold(0.0, f64::max);
        println!("van der Pol at {tolerance:e}: {apart:.1e} after {steps} steps");
        apart
    };
    assert!(apart(1e-6) < 1e-4 && apart(1e-8) < 1e-6);
}
