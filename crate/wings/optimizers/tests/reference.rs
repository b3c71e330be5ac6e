//! The exhibits' update rules against reference implementations; `tests/reference` has the scripts that made the vectors.

use orrery_optimizers::lion_lyapunov::{Rates, lion_step};
use orrery_optimizers::normalized_lr_perceptron::rosenblatt_pass;
use orrery_optimizers::sam_flat_minima::{Ball, sam_step};
use orrery_optimizers::schedule::median_filter;
use orrery_optimizers::schedule_theory_agreement::rank_correlation;
use orrery_reference::{apart, list, number, numbers, vectors, whole};

#[test]
fn lion_steps_as_optax_does() {
    let file = include_str!("../../../../tests/reference/lion.json");
    let stored = vectors(file);
    let cases = list(&stored["cases"]);
    assert_eq!(cases.len(), 3);
    for case in cases {
        let number = |name: &str| number(&case[name]);
        let (lambda, beta1, beta2, step) = (number("lambda"), number("beta1"), number("beta2"), number("step"));
        let rates = Rates { lambda, beta1, beta2, step };
        let mut x = numbers(&case["start"]);
        let mut m = vec![0.0; x.len()];
        let gradients = list(&case["gradients"]);
        let path = list(&case["path"]);
        assert!(path.len() >= 200);
        let sign = |m: &[f64], u: &mut [f64]| u.iter_mut().zip(m).for_each(|(u, m)| *u = m.signum());
        let mut worst: f64 = 0.0;
        for (gradient, expected) in gradients.iter().zip(path) {
            lion_step(&mut x, &mut m, &numbers(gradient), rates, sign);
            worst = worst.max(apart(&x, &numbers(expected)));
        }
        println!("λ = {lambda}: largest difference from optax {worst:e}");
        assert!(worst < 1e-13, "λ = {lambda}: {worst:e}");
    }
}

#[test]
fn rosenblatt_passes_as_scikit_learns_perceptron_does() {
    let file = include_str!("../../../../tests/reference/perceptron.json");
    let stored = vectors(file);
    let cases = list(&stored["cases"]);
    assert_eq!(cases.len(), 2);
    for case in cases {
        let (z, passes) = (numbers(&case["z"]), list(&case["passes"]));
        let mut theta = vec![0.0; whole(&case["columns"])];
        assert!(passes.len() >= 8);
        for (pass, expected) in passes.iter().enumerate() {
            rosenblatt_pass(&mut theta, &z);
            let worst = apart(&theta, &numbers(expected));
            assert!(worst < 1e-12, "pass {pass}: {worst:e}");
        }
    }
}

#[test]
fn running_medians_and_rank_correlations_are_scipys() {
    let file = include_str!("../../../../tests/reference/schedules.json");
    let stored = vectors(file);
    let medians = list(&stored["medians"]);
    assert_eq!(medians.len(), 4);
    for case in medians {
        let width = whole(&case["width"]);
        assert_eq!(median_filter(&numbers(&case["x"]), width), numbers(&case["median"]), "width {width}");
    }
    let ranks = list(&stored["ranks"]);
    assert_eq!(ranks.len(), 3);
    for case in ranks {
        let points: Vec<[f64; 2]> =
            numbers(&case["x"]).into_iter().zip(numbers(&case["y"])).map(|(x, y)| [x, y]).collect();
        let found = rank_correlation(&points).expect("numbers that differ");
        assert!((found - number(&case["correlation"])).abs() < 1e-14, "{found}");
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
    let stored = vectors(file);
    let cases = list(&stored["cases"]);
    assert_eq!(cases.len(), 3);
    for case in cases {
        let number = |name: &str| number(&case[name]);
        let (rate, rho) = (number("rate"), number("rho"));
        let mut x = numbers(&case["start"]);
        let path = list(&case["path"]);
        assert_eq!(path.len(), 22, "of 220 steps every tenth");
        let mut worst: f64 = 0.0;
        for expected in path {
            for _ in 0..10 {
                sam_step(&mut x, rate, rho, Ball::Two, 1, |_, x, g| rippled_valley(x, g));
            }
            worst = worst.max(apart(&x, &numbers(expected)));
        }
        println!("rho = {rho}: largest difference from optax {worst:e}");
        assert!(worst < 1e-10, "rho = {rho}: {worst:e}");
    }
}
