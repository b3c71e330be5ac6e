//! The exhibits' update rules against reference implementations; `tests/reference` has the scripts that made the vectors.

use orrery_optimizers::lion_lyapunov::{Rates, lion_step};
use orrery_optimizers::normalized_lr_perceptron::rosenblatt_pass;
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
