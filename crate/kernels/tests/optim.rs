//! The optimizers against optax and SciPy: `tests/reference/optimizers.py` made the vectors and defines the functions.

use orrery_kernels::math::Float;
use orrery_kernels::math::{cos, sin};
use orrery_kernels::optim::{
    AdaBelief, Adafactor, Adagrad, Adam, AdamW, AmsGrad, Carried, DAdaptAdam, DAdaptSgd, DAdaptation, DiffGrad, Dog,
    Forgetting, Lbfgs, Lion, Method, Normalized, Optimizer, Polyak, Prodigy, RmsProp, Sam, ScheduleFree, Sgd,
    TripleMomentum, UDog,
};
use orrery_reference::{Value, difference, list, numbers, vectors, whole};

const N: usize = 12;

fn start() -> [f64; N] {
    std::array::from_fn(|i| -1.5 + 3.0 * i as f64 / (N - 1) as f64)
}

fn reference() -> Value {
    vectors(include_str!("../../../tests/reference/optimizers.json"))
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

/// The function itself, with its gradient.
fn look(x: &[f64], t: f64, g: &mut [f64]) -> f64 {
    let x: &[f64; N] = x.try_into().unwrap();
    g.copy_from_slice(&gradient(x, t));
    let ripples = (0..N).map(|i| sin(3.0 * x[i]) + sin(0.7 * t + i as f64) * x[i]);
    let valley = x.windows(2).map(|x| {
        let off = x[1] - x[0] * x[0];
        5.0 * off * off + (1.0 - x[0]) * (1.0 - x[0])
    });
    ripples.sum::<f64>() + valley.sum::<f64>()
}

/// How far a path strays from the stored one, whose points stand evenly apart.
fn strays(name: &str, mut step: impl FnMut(&mut [f64; N], f64)) -> f64 {
    let points = list(&reference()["paths"][name]).to_vec();
    assert!([4, 16].contains(&points.len()), "{name}");
    let every = 240 / points.len();
    let mut x = start();
    let mut worst: f64 = 0.0;
    for t in 0..240 {
        step(&mut x, t as f64);
        if (t + 1) % every == 0 {
            worst = worst.max(difference(&x, &numbers(&points[t / every])));
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
    let mut diff = DiffGrad::new(N, 0.03, [0.9, 0.99]);
    diff.epsilon = 1e-30;
    let mut half = DAdaptSgd::new(0.5, 1e-6);
    half.rate = 0.2;
    let mut dual = DAdaptation::new(0.01);
    dual.rate = 0.7;
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
        ("adabelief", Box::new(AdaBelief::new(N, 0.03, [0.9, 0.99]))),
        ("normalized", Box::new(Normalized { rate: 0.03 })),
        ("adagrad-norm", Box::new(Adagrad::norm(1.0, 0.1))),
        ("diffgrad", Box::new(diff)),
        ("dog", Box::new(Dog::new())),
        ("d-adaptation", Box::new(dual)),
        ("d-adapt sgd", Box::new(half)),
        ("d-adapt adam", Box::new(DAdaptAdam::new(N, [0.9, 0.999], 1e-6))),
        ("prodigy", Box::new(Prodigy::new(N, [0.9, 0.999], 1e-6))),
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
fn every_rule_that_looks_for_itself_walks_as_its_reference_does() {
    let mut polyak = Polyak::new(N, -40.0, Carried::Displacement(0.0));
    polyak.greatest = 0.01;
    let mut displaced = Polyak::new(N, -40.0, Carried::Displacement(0.6));
    (displaced.rate, displaced.greatest, displaced.growth) = (0.1, 0.02, 2.0);
    let mut averaged = Polyak::new(N, -40.0, Carried::Gradient(0.6));
    (averaged.rate, averaged.greatest) = (0.1, 0.01);
    let mut u_dog = UDog::new();
    u_dog.rate = 0.5;
    let methods: Vec<(&str, Box<dyn Method>)> = vec![
        ("schedule-free sgd", Box::new(ScheduleFree::sgd(0.003, 0.8))),
        ("schedule-free adamw", Box::new(ScheduleFree::adamw(0.03, [0.9, 0.99], 0.3))),
        ("sam", Box::new(Sam { base: Sgd::new(N, 0.002, 0.5), radius: 0.1 })),
        ("polyak", Box::new(polyak)),
        ("polyak, displacement", Box::new(displaced)),
        ("polyak, gradient", Box::new(averaged)),
        ("u-dog", Box::new(u_dog)),
        ("triple momentum", Box::new(TripleMomentum::new(0.003, 0.6, 0.3))),
    ];
    for (name, mut method) in methods {
        let worst = strays(name, |x, t| method.advance(x, &mut |x, g| look(x, t, g)));
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
        // While their estimate grows from a millionth, these two magnify rounding.
        let bound = if ["d-adapt adam", "prodigy"].contains(&name) { 0.1 } else { 1e-3 };
        assert!(worst < bound, "{name}: {worst:e}");
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
    let points = list(&reference()["paths"]["l-bfgs"]).to_vec();
    assert_eq!(points.len(), 240);
    let mut worst: f64 = 0.0;
    for (t, point) in points.iter().enumerate() {
        let (g, there) = (bowl(&x), numbers(point));
        // Optax takes a tenth of the step, and a first step of length one.
        let norm = g.iter().map(|g| g * g).sum::<f64>().sqrt();
        let rate = if t == 0 { 0.1 / norm } else { 0.1 };
        let mine: Vec<f64> = x.iter().zip(lbfgs.direction(&g)).map(|(x, d)| x + rate * d).collect();
        worst = worst.max(difference(&mine, &there));
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
    let (theirs, expected) = (whole(&known["evaluations"]), numbers(&known["x"]));
    println!("{evaluations} evaluations, SciPy {theirs}; {:.1e} apart", difference(&x, &expected));
    assert!(difference(&x, &expected) < 1e-9);
    assert!(evaluations as f64 <= 1.2 * theirs as f64, "{evaluations} {theirs}");
}
