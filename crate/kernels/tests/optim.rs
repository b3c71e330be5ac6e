//! The optimizers against optax and SciPy: `tests/reference/optimizers.py` made the vectors and defines the functions.

use orrery_kernels::math::Float;
use orrery_kernels::math::{cos, sin};
use orrery_kernels::optim::{
    Adafactor, Adagrad, Adam, AdamW, AmsGrad, Forgetting, Lbfgs, Lion, Optimizer, RmsProp, Sgd,
};
use serde_json::Value;

const N: usize = 12;

fn start() -> [f64; N] {
    std::array::from_fn(|i| -1.5 + 3.0 * i as f64 / (N - 1) as f64)
}

fn reference() -> Value {
    serde_json::from_str(include_str!("../../../tests/reference/optimizers.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

/// The gradient of a curved valley with ripples, on a slope that turns with time.
fn gradient(x: &[f64; N], t: f64) -> [f64; N] {
    let mut g = std::array::from_fn(|i| 3.0 * cos(3.0 * x[i]) + sin(0.7 * t + i as f64));
    for i in 0..N - 1 {
        let off = x[i + 1] - x[i] * x[i];
        g[i + 1] += 10.0 * off;
        g[i] -= 20.0 * x[i] * off + 2.0 * (1.0 - x[i]);
    }
    g
}

/// The greatest distance of two points in units of the second's greatest entry.
fn apart(mine: &[f64], expected: &[f64]) -> f64 {
    let size = expected.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
    mine.iter().zip(expected).fold(0.0, |most: f64, (x, y)| most.max((x - y).abs())) / size
}

/// How far a path strays from the stored one, whose points stand fifteen steps apart.
fn strays(name: &str, mut step: impl FnMut(&mut [f64; N], f64)) -> f64 {
    let points = reference()["paths"][name].as_array().unwrap().clone();
    assert_eq!(points.len(), 16, "{name}");
    let mut x = start();
    let mut worst: f64 = 0.0;
    for t in 0..240 {
        step(&mut x, f64::from(t));
        if (t + 1) % 15 == 0 {
            worst = worst.max(apart(&x, &numbers(&points[(t / 15) as usize])));
        }
    }
    worst
}

fn rules<T: Float + 'static>() -> Vec<(&'static str, Box<dyn Optimizer<T>>)> {
    let mut decayed = Sgd::new(N, 0.003, 0.5);
    decayed.decay = 0.3;
    let mut root = Adam::new(N, 0.05, [0.5, 0.9]);
    (root.epsilon, root.epsilon_root) = (1e-3, 1e-2);
    let mut papers = AmsGrad::new(N, 0.05, [0.9, 0.9]);
    papers.corrected = false;
    let shapes = [(2, 4), (1, 4)];
    let mut plain = Adafactor::new(&shapes, 0.03);
    (plain.relative, plain.clip, plain.forgetting) = (false, 0.7, Forgetting::Power(0.5));
    vec![
        ("sgd", Box::new(Sgd::new(N, 0.003, 0.0))),
        ("momentum", Box::new(Sgd::new(N, 0.002, 0.9))),
        ("nesterov", Box::new(Sgd::nesterov(N, 0.002, 0.9))),
        ("sgd with decay", Box::new(decayed)),
        ("adam", Box::new(Adam::new(N, 0.03, [0.9, 0.999]))),
        ("adam, root", Box::new(root)),
        ("adamw", Box::new(AdamW::new(N, 0.03, [0.9, 0.99], 0.5))),
        ("amsgrad", Box::new(AmsGrad::new(N, 0.05, [0.9, 0.9]))),
        ("amsgrad of the paper", Box::new(papers)),
        ("rmsprop", Box::new(RmsProp::new(N, 0.01, 0.95))),
        ("adagrad", Box::new(Adagrad::new(N, 0.3, 0.1))),
        ("lion", Box::new(Lion::new(N, 0.003, [0.9, 0.98], 0.2))),
        ("adafactor", Box::new(Adafactor::new(&shapes, 0.1))),
        ("adafactor, plain", Box::new(plain)),
    ]
}

#[test]
fn every_rule_walks_as_optaxs_does() {
    for (name, mut rule) in rules() {
        let worst = strays(name, |x, t| {
            let g = gradient(x, t);
            rule.step(x, &g);
        });
        println!("{name}: {worst:.1e}");
        assert!(worst < 1e-10, "{name}: {worst:e}");
    }
}

#[test]
fn in_single_precision_every_rule_walks_nearly_so() {
    for (name, mut rule) in rules::<f32>() {
        let mut single = start().map(|x| x as f32);
        let worst = strays(name, |x, t| {
            let g = gradient(&single.map(f64::from), t).map(|g| g as f32);
            rule.step(&mut single, &g);
            *x = single.map(f64::from);
        });
        println!("{name}: {worst:.1e}");
        assert!(worst < 1e-3, "{name}: {worst:e}");
    }
}

#[test]
fn from_where_optaxs_l_bfgs_stood_ours_goes_the_same_way() {
    let bowl = |x: &[f64]| {
        let mut g: Vec<f64> = x.iter().enumerate().map(|(i, x)| ((i + 1) * (i + 1)) as f64 * x).collect();
        for i in 0..5 {
            let off = x[i + 1] - x[i];
            g[i + 1] += 4.0 * off * off * off;
            g[i] -= 4.0 * off * off * off;
        }
        g
    };
    let minus = |a: &[f64], b: &[f64]| -> Vec<f64> { a.iter().zip(b).map(|(a, b)| a - b).collect() };
    let (mut x, mut lbfgs) = ((0..6).map(|i| -1.5 + 0.6 * f64::from(i)).collect::<Vec<_>>(), Lbfgs::new(5));
    let points = reference()["paths"]["l-bfgs"].as_array().unwrap().clone();
    assert_eq!(points.len(), 240);
    let mut worst: f64 = 0.0;
    for (t, point) in points.iter().enumerate() {
        let (g, there) = (bowl(&x), numbers(point));
        // Optax takes a tenth of the step, and a first step of length one.
        let norm = g.iter().map(|g| g * g).sum::<f64>().sqrt();
        let rate = if t == 0 { 0.1 / norm } else { 0.1 };
        let mine: Vec<f64> = x.iter().zip(lbfgs.direction(&g)).map(|(x, d)| x + rate * d).collect();
        worst = worst.max(apart(&mine, &there));
        lbfgs.learn(minus(&there, &x), minus(&bowl(&there), &g));
        x = there;
    }
    println!("l-bfgs: {worst:.1e}");
    assert!(worst < 1e-10, "{worst:e}");
}

#[test]
fn l_bfgs_finds_the_bottom_of_rosenbrocks_valley_in_as_many_looks_as_scipy() {
    let known = &reference()["rosenbrock"];
    let mut evaluations = 0;
    let mut rosenbrock = |x: &[f64], g: &mut [f64]| {
        evaluations += 1;
        g.fill(0.0);
        let mut value = 0.0;
        for i in 0..N - 1 {
            let off = x[i + 1] - x[i] * x[i];
            value += 100.0 * off * off + (1.0 - x[i]) * (1.0 - x[i]);
            g[i + 1] += 200.0 * off;
            g[i] -= 400.0 * x[i] * off + 2.0 * (1.0 - x[i]);
        }
        value
    };
    let (mut x, mut lbfgs) = (start(), Lbfgs::new(10));
    let mut slope = f64::INFINITY;
    while slope > 1e-9 {
        slope = lbfgs.step(&mut x, &mut rosenbrock).unwrap().slope;
    }
    let (theirs, expected) = (known["evaluations"].as_u64().unwrap(), numbers(&known["x"]));
    println!("{evaluations} evaluations, SciPy {theirs}; {:.1e} apart", apart(&x, &expected));
    assert!(apart(&x, &expected) < 1e-9);
    assert!(evaluations as f64 <= 1.2 * theirs as f64, "{evaluations} {theirs}");
}
