//! The exhibits' update rules against reference implementations; `tests/reference` has the scripts that made the vectors.

use orrery_optimizers::lion_lyapunov::{Rates, lion_step};
use orrery_optimizers::normalized_lr_perceptron::rosenblatt_pass;
use orrery_optimizers::sam_flat_minima::{Ball, sam_step};
use orrery_optimizers::schedule::median_filter;
use orrery_optimizers::schedule_theory_agreement::rank_correlation;
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|number| number.as_f64().expect("a number")).collect()
}

#[test]
fn lion_steps_as_optax_does() {
    let file = include_str!("../../../../tests/reference/lion.json");
    let vectors: Value = serde_json::from_str(file).expect("stored vectors");
    let cases = vectors["cases"].as_array().expect("cases");
    assert_eq!(cases.len(), 3);
    for case in cases {
        let number = |name: &str| case[name].as_f64().expect(name);
        let (lambda, beta1, beta2, step) = (number("lambda"), number("beta1"), number("beta2"), number("step"));
        let rates = Rates { lambda, beta1, beta2, step };
        let mut x = numbers(&case["start"]);
        let mut m = vec![0.0; x.len()];
        let gradients = case["gradients"].as_array().expect("gradients");
        let path = case["path"].as_array().expect("path");
        assert!(path.len() >= 200);
        let sign = |m: &[f64], u: &mut [f64]| u.iter_mut().zip(m).for_each(|(u, m)| *u = m.signum());
        let mut worst: f64 = 0.0;
        for (gradient, expected) in gradients.iter().zip(path) {
            lion_step(&mut x, &mut m, &numbers(gradient), rates, sign);
            let errors = x.iter().zip(numbers(expected)).map(|(x, expected)| (x - expected).abs());
            worst = worst.max(errors.fold(0.0, f64::max));
        }
        println!("λ = {lambda}: largest difference from optax {worst:e}");
        assert!(worst < 1e-13, "λ = {lambda}: {worst:e}");
    }
}

#[test]
fn rosenblatt_passes_as_scikit_learns_perceptron_does() {
    let file = include_str!("../../../../tests/reference/perceptron.json");
    let vectors: Value = serde_json::from_str(file).expect("stored vectors");
    let cases = vectors["cases"].as_array().expect("cases");
    assert_eq!(cases.len(), 2);
    for case in cases {
        let (z, passes) = (numbers(&case["z"]), case["passes"].as_array().expect("passes"));
        let mut theta = vec![0.0; case["columns"].as_u64().expect("columns") as usize];
        assert!(passes.len() >= 8);
        for (pass, expected) in passes.iter().enumerate() {
            rosenblatt_pass(&mut theta, &z);
            let errors = theta.iter().zip(numbers(expected)).map(|(theta, expected)| (theta - expected).abs());
            let worst = errors.fold(0.0, f64::max);
            assert!(worst < 1e-12, "pass {pass}: {worst:e}");
        }
    }
}

#[test]
fn running_medians_and_rank_correlations_are_scipys() {
    let file = include_str!("../../../../tests/reference/schedules.json");
    let vectors: Value = serde_json::from_str(file).expect("stored vectors");
    let medians = vectors["medians"].as_array().expect("medians");
    assert_eq!(medians.len(), 4);
    for case in medians {
        let width = case["width"].as_u64().expect("width") as usize;
        assert_eq!(median_filter(&numbers(&case["x"]), width), numbers(&case["median"]), "width {width}");
    }
    let ranks = vectors["ranks"].as_array().expect("ranks");
    assert_eq!(ranks.len(), 3);
    for case in ranks {
        let points: Vec<[f64; 2]> =
            numbers(&case["x"]).into_iter().zip(numbers(&case["y"])).map(|(x, y)| [x, y]).collect();
        let found = rank_correlation(&points).expect("numbers that differ");
        assert!((found - case["correlation"].as_f64().expect("a number")).abs() < 1e-14, "{found}");
    }
}

/// The function of `tests/reference/sam.py`, with its gradient.
fn rippled_valley(x: &[f64], g: &mut [f64]) {
    g.iter_mut().zip(x).for_each(|(g, &x)| *g = 3.0 * orrery_kernels::math::cos(3.0 * x));
    for k in 0..x.len() - 1 {
        let off = x[k + 1] - x[k] * x[k];
        g[k + 1] += 10.0 * off;
        g[k] -= 20.0 * x[k] * off + 2.0 * (1.0 - x[k]);
    }
}

#[test]
fn sam_steps_as_optax_does() {
    let file = include_str!("../../../../tests/reference/sam.json");
    let vectors: Value = serde_json::from_str(file).expect("stored vectors");
    let cases = vectors["cases"].as_array().expect("cases");
    assert_eq!(cases.len(), 3);
    for case in cases {
        let number = |name: &str| case[name].as_f64().expect(name);
        let (rate, rho) = (number("rate"), number("rho"));
        let mut x = numbers(&case["start"]);
        let path = case["path"].as_array().expect("path");
        assert_eq!(path.len(), 22, "of 220 steps every tenth");
        let mut worst: f64 = 0.0;
        for expected in path {
            for _ in 0..10 {
                sam_step(&mut x, rate, rho, Ball::Two, 1, |_, x, g| rippled_valley(x, g));
            }
            let errors = x.iter().zip(numbers(expected)).map(|(x, expected)| (x - expected).abs());
            worst = worst.max(errors.fold(0.0, f64::max));
        }
        println!("rho = {rho}: largest difference from optax {worst:e}");
        assert!(worst < 1e-10, "rho = {rho}: {worst:e}");
    }
}
