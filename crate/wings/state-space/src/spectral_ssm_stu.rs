//! A linear system with a symmetric state matrix answers an impulse with a sum of real powers $\lambda^t$. To learn the
//! $\lambda$ is a hard problem, the harder the closer they are to one. Spectral filtering does not learn them. All sequences
//! $(1-\lambda)(1,\lambda,\lambda^2,\dots)$ lie almost in the span of a few fixed ones: the top eigenvectors $\phi_j$ of the Hankel matrix
//! $Z_{ij}=2/((i+j)^3-(i+j))$, whose eigenvalues $\sigma_j$ fall exponentially. So filter the input with
//! $\phi_j$, and with $(-1)^i\phi_j(i)$ for negative $\lambda$, and learn only the weights, which is least squares:
//! $$\hat y_t=y_{t-2}+\sum_{i=1}^{3}M^u_iu_{t+1-i}$$
//! $$+\sum_{j=1}^{k}\sigma_j^{1/4}\left(M^+_jU^+_{t-2,j}+M^-_jU^-_{t-2,j}\right).$$
//!
//! **What you see.** One such unit on a random system, driven by white noise, fitted on $T$ samples and tested on the next $T$. Errors are mean
//! squares over that of $y$. The sweep moves the slowest eigenvalue from 0.9 to 0.9999: the unit does not care. All contenders
//! are given $y_{t-2}$; in the second figure all are trained by Adam at one rate: the unit, a finite response with as many weights,
//! a diagonal recurrence that must find its eigenvalues, and a transformer over 32 samples.
//!
//! **Try.** Remove filters; at about twenty the error has gone down to what $T$ samples allow. Switch $y_{t-2}$ off.
//!
//! **Where it stops.** Rotating modes are outside the theorem: an asymmetry of 0.1 costs five orders of magnitude at radius 0.999.
//! And the small error is that of one step with the true $y_{t-2}$ at hand. Run on its own outputs (the table), as the layer is in a
//! deep network, the sum of errors never decays, and some $10^{-3}$ is left.
//!
//! **Made definite.** Without $y_{t-2}$ the finite response fails almost wholly beyond 0.99; with it, which is fairer, it is hundreds of times worse than
//! the unit or more at 0.999, and sometimes less at 0.9999, where the change of $y$ is small beside it. Features have unit size for Adam. The paper's deep stack and its tasks are left out.

use crate::diagonal_layer::DiagonalLayer;
use crate::spectral_filters::{Design, Seen, combine, delayed, hankel, power};
use orrery_core::prelude::*;
use orrery_kernels::linalg::Complex;
use orrery_kernels::math::sincos;
use orrery_kernels::networks::{Activation, Input, Positions, Transformer, TransformerShape};
use orrery_kernels::optim::{Adam, Optimizer};
use orrery_kernels::random::normals;
use orrery_kernels::ssm::{Diagonal, SpectralFilters};
use std::rc::Rc;

const CARD: Card = Card {
    slug: "spectral-ssm-stu",
    title: "Spectral State Space Models",
    year: 2023,
    lists: &[2],
    claim: "Fixed spectral filters predict a symmetric linear system equally well however long its memory.",
    algorithms: &[
        "spectral transform unit",
        "STU",
        "spectral filtering",
        "Hankel matrix",
        "linear dynamical system",
        "LRU",
        "ridge regression",
        "Adam",
    ],
    contenders: &[
        Contender::paper("stu", "spectral unit"),
        Contender::baseline("fir", "finite response"),
        Contender::baseline("ssm", "trained recurrence"),
        Contender::baseline("attention", "transformer"),
    ],
};

/// The modulus of the slowest eigenvalue.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Radius {
    /// Ten samples of memory.
    #[choice("0.9")]
    R9,
    /// A hundred.
    #[choice("0.99")]
    R99,
    /// A thousand.
    #[choice("0.999")]
    R999,
    /// Ten thousand.
    #[choice("0.9999")]
    R9999,
}

/// Samples to learn from, and again to be tested on.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Length {
    /// 512
    #[choice("512")]
    T512,
    /// 1024
    #[choice("1024")]
    T1024,
    /// 2048
    #[choice("2048")]
    T2048,
    /// 4096
    #[choice("4096")]
    T4096,
    /// 8192
    #[choice("8192")]
    T8192,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Settings {
    /// The modulus of the slowest eigenvalue of the system that is to be learned.
    #[control(label = "spectral radius", default = Radius::R999)]
    pub radius: Radius,
    /// How many filters of each sign.
    #[control(label = "filters k", range = 1..=48, default = 12)]
    pub filters: usize,
    /// Samples to learn from. As many follow for the test, and the filters are as long.
    #[control(label = "sequence length T", default = Length::T4096)]
    pub length: Length,
    /// Eigenvalues of the system.
    #[control(label = "hidden size", range = 1..=256, log, default = 32)]
    pub hidden: usize,
    /// Whether the sample before the last is given and only the change from it is learned.
    #[control(label = "autoregressive term", default = true)]
    pub autoregressive: bool,
    /// By how much the eigenvalues are turned at most out of the real axis. Zero is a symmetric system.
    #[control(label = "asymmetry", range = 0.0..=0.5, default = 0.0, unit = "rad")]
    pub asymmetry: f64,
    /// How many steps of Adam each trained contender takes.
    #[control(label = "optimiser steps", range = 0..=2000, default = 300)]
    pub steps: usize,
}

/// Ridge, beside features of unit size.
const RIDGE: f64 = 1e-11;
/// Steps of Adam in one step, and their rate.
const TRAININGS: usize = 4;
const RATE: f64 = 0.01;
/// Modes of the trained recurrence.
const MODES: usize = 16;
/// The transformer's context, sequences in a batch, and in the test.
const CONTEXT: usize = 32;
const BATCH: usize = 8;
const TESTED: usize = 24;

impl Radius {
    const ALL: [Self; 4] = [Self::R9, Self::R99, Self::R999, Self::R9999];

    fn modulus(self) -> f64 {
        [0.9, 0.99, 0.999, 0.9999][self as usize]
    }

    /// Samples of memory, 1 / (1 − ρ).
    fn memory(self) -> f64 {
        [10.0, 100.0, 1000.0, 10_000.0][self as usize]
    }
}

impl Length {
    fn samples(self) -> usize {
        512 << self as usize
    }
}

/// A system but for its radius: eigenvalues over the radius, and weights.
struct System {
    eigenvalues: Vec<Complex<f64>>,
    weights: Vec<Complex<f64>>,
}

impl System {
    fn new(hidden: usize, asymmetry: f64, rng: &mut Rng) -> Self {
        let mut eigenvalue = |n: usize| {
            let at = if n == 0 { 1.0 } else { 2.0 * rng.random::<f64>() - 1.0 };
            let (sin, cos) = sincos(asymmetry * (2.0 * rng.random::<f64>() - 1.0));
            Complex::new(at * cos, at * sin)
        };
        let eigenvalues = (0..hidden).map(&mut eigenvalue).collect();
        let (b, c) = (normals(hidden, rng), normals(hidden, rng));
        // The slowest mode always has its share.
        let weight = |(n, (b, c)): (usize, (&f64, f64))| Complex::new(if n == 0 { 1.0 } else { b * c }, 0.0);
        let weights = b.iter().zip(c).enumerate().map(weight).collect();
        Self { eigenvalues, weights }
    }

    /// `y_t = Re Σ_n w_n Σ_i λ_n^i u_{t−i}`, at unit size.
    fn respond(&self, radius: f64, u: &[f64]) -> Vec<f64> {
        let a: Vec<Complex<f64>> = self.eigenvalues.iter().map(|at| at * radius).collect();
        let b = vec![Complex::new(0.5, 0.0); a.len()];
        let mut y = Diagonal { a, b }.recur(&self.weights, u);
        let size = power(&y).sqrt().max(1e-12);
        y.iter_mut().for_each(|y| *y /= size);
        y
    }
}

/// A contender that is linear in fixed features, in training by Adam on its mean squared error.
#[derive(Clone)]
struct Linear {
    design: Rc<Design>,
    moments: Rc<Vec<f64>>,
    /// Products over the test, with the scales of the training.
    test_gram: Rc<Vec<f64>>,
    test_moments: Rc<Vec<f64>>,
    test_power: f64,
    weights: Vec<f64>,
    adam: Adam<f64>,
    error: Series,
}

impl Linear {
    fn new(features: &[Rc<Vec<f64>>], change: &[f64], t: usize) -> Self {
        let design = Design::new(features, 0..t);
        let test = Design::new(features, t..2 * t);
        let n = features.len();
        // The test's own scales are undone.
        let ratio = |i: usize| if test.scales[i] > 0.0 { design.scales[i] / test.scales[i] } else { 0.0 };
        let ratios: Vec<f64> = (0..n).map(ratio).collect();
        let test_gram = (0..n * n).map(|at| test.gram[at] * ratios[at / n] * ratios[at % n]).collect();
        let test_moments = test.moments(change).iter().zip(&ratios).map(|(m, ratio)| m * ratio).collect();
        Self {
            moments: Rc::new(design.moments(change)),
            design: Rc::new(design),
            test_gram: Rc::new(test_gram),
            test_moments: Rc::new(test_moments),
            test_power: power(&change[t..]),
            weights: vec![0.0; n],
            adam: Adam::new(n, RATE, [0.9, 0.99]),
            error: Series::new(),
        }
    }

    fn train(&mut self) {
        let n = self.weights.len();
        // ½ ∂/∂w of the mean of (w x − d)² is G w − m.
        let slope = |i: usize| {
            let row = &self.design.gram[i * n..(i + 1) * n];
            2.0 * (row.iter().zip(&self.weights).map(|(g, w)| g * w).sum::<f64>() - self.moments[i])
        };
        let gradient: Vec<f64> = (0..n).map(slope).collect();
        self.adam.step(&mut self.weights, &gradient);
    }

    /// The mean squared error of the test, over the mean square of y there.
    fn test(&self, size: f64) -> f64 {
        let n = self.weights.len();
        let quadratic = |i: usize| {
            let row = &self.test_gram[i * n..(i + 1) * n];
            self.weights[i]
                * (row.iter().zip(&self.weights).map(|(g, w)| g * w).sum::<f64>() - 2.0 * self.test_moments[i])
        };
        ((0..n).map(quadratic).sum::<f64>() + self.test_power).max(1e-16) / size
    }
}

/// The transformer in training on stretches of the input.
#[derive(Clone)]
struct Attention {
    model: Rc<Transformer>,
    theta: Vec<f32>,
    adam: Adam<f32>,
    gradient: Vec<f32>,
    error: Series,
}

impl Attention {
    fn new(rng: &mut Rng) -> Self {
        let shape = TransformerShape {
            input: Input::Vectors(1),
            length: CONTEXT,
            width: 16,
            heads: 2,
            layers: 1,
            hidden: 32,
            outputs: 1,
            causal: true,
            positions: Positions::Learned,
        };
        let model = Transformer::new(shape, Activation::Gelu);
        let theta: Vec<f32> = model.parameters.initial(rng);
        let n = theta.len();
        Self {
            model: Rc::new(model),
            theta,
            adam: Adam::new(n, RATE, [0.9, 0.99]),
            gradient: vec![0.0; n],
            error: Series::new(),
        }
    }

    /// The stretches that begin at `starts`, one below the other.
    fn stretch(x: &[f64], starts: &[usize]) -> Vec<f32> {
        starts.iter().flat_map(|start| x[*start..start + CONTEXT].iter().map(|x| *x as f32)).collect()
    }

    fn train(&mut self, u: &[f64], target: &[f64], starts: &[usize]) {
        let rows = starts.len() * CONTEXT;
        let (x, y) = (Self::stretch(u, starts), Self::stretch(target, starts));
        self.model.parameters.gradient(&self.theta, &mut self.gradient, |graph, p| {
            let (x, y) = (graph.leaf(rows, 1, x), graph.leaf(rows, 1, y));
            let guess = self.model.apply(graph, p, x);
            graph.mean_squared_error(guess, y)
        });
        self.adam.step(&mut self.theta, &self.gradient);
    }

    fn test(&self, u: &[f64], target: &[f64], starts: &[usize]) -> f64 {
        let rows = starts.len() * CONTEXT;
        let (x, y) = (Self::stretch(u, starts), Self::stretch(target, starts));
        let loss = self.model.parameters.value(&self.theta, |graph, p| {
            let (x, y) = (graph.leaf(rows, 1, x), graph.leaf(rows, 1, y));
            let guess = self.model.apply(graph, p, x);
            graph.mean_squared_error(guess, y)
        });
        f64::from(loss)
    }
}

/// Errors of the fits at one radius.
#[derive(Clone, Copy)]
struct Fitted {
    radius: Radius,
    stu: f64,
    fir: f64,
    /// The unit on its own outputs instead of the true `y_{t−2}`.
    alone: f64,
    /// The finite response without `y_{t−2}`.
    bare: f64,
}

/// What does not change during the run.
struct Problem {
    settings: Settings,
    filters: SpectralFilters,
    system: System,
    u: Vec<f64>,
    /// What is to be learned of the output at the chosen radius: its change over two samples, or all of it.
    change: Vec<f64>,
    /// Root mean square of `change` while learning, and mean square of y in the test.
    unit: f64,
    size: f64,
}

/// The exhibit.
#[derive(Clone)]
pub struct SpectralSsmStu {
    problem: Rc<Problem>,
    rng: Rng,
    step: usize,
    seen: Seen,
    /// The unit's features: three samples of the input, then the filters' views of it two samples ago.
    features: Vec<Rc<Vec<f64>>>,
    /// As many samples of the input.
    taps: Vec<Rc<Vec<f64>>>,
    fits: Vec<Fitted>,
    stu: Option<Linear>,
    fir: Option<Linear>,
    layer: DiagonalLayer,
    layer_error: Series,
    attention: Attention,
    trained: usize,
}

/// What is to be learned of an output.
fn change(y: &[f64], autoregressive: bool) -> Vec<f64> {
    if !autoregressive {
        return y.to_vec();
    }
    y.iter().zip(delayed(y, 2)).map(|(y, before)| y - before).collect()
}

impl SpectralSsmStu {
    fn half(&self) -> usize {
        self.problem.u.len() / 2
    }

    /// Steps until all features are there, then one to fit at each radius, then the training.
    fn prepared(&self) -> usize {
        self.problem.settings.filters
    }

    fn fit(&self, radius: Radius) -> Fitted {
        let Problem { system, u, settings, .. } = &*self.problem;
        let t = self.half();
        let y = system.respond(radius.modulus(), u);
        let change = change(&y, settings.autoregressive);
        let size = power(&y[t..]);
        let miss = |guess: &[f64], truth: &[f64]| {
            let e: Vec<f64> = guess[t..].iter().zip(&truth[t..]).map(|(a, b)| a - b).collect();
            (power(&e) / size).clamp(1e-16, 1e6)
        };
        let fitted = |features: &[Rc<Vec<f64>>], target: &[f64]| {
            combine(features, &Design::new(features, 0..t).fit(target, RIDGE))
        };
        let guess = fitted(&self.features, &change);
        // ŷ_t = ŷ_{t−2} + …
        let mut alone = guess.clone();
        if settings.autoregressive {
            for k in 2..alone.len() {
                alone[k] += alone[k - 2];
            }
        }
        Fitted {
            radius,
            stu: miss(&guess, &change),
            fir: miss(&fitted(&self.taps, &change), &change),
            alone: miss(&alone, &y),
            bare: miss(&fitted(&self.taps, &y), &y),
        }
    }

    fn chosen(&self) -> Option<&Fitted> {
        self.fits.iter().find(|fit| fit.radius == self.problem.settings.radius)
    }

    /// Some steps of Adam for all.
    fn train(&mut self) {
        let problem = self.problem.clone();
        let Problem { u, change, unit, size, settings, .. } = &*problem;
        let t = self.half();
        let target: Vec<f64> = change.iter().map(|d| d / unit).collect();
        let last = (t - CONTEXT) as u32;
        for _ in 0..TRAININGS.min(settings.steps - self.trained) {
            self.stu.iter_mut().chain(&mut self.fir).for_each(Linear::train);
            self.layer.train(&u[..t], &target[..t]);
            let starts: Vec<usize> = (0..BATCH).map(|_| self.rng.random_range(0..last) as usize).collect();
            self.attention.train(u, &target, &starts);
            self.trained += 1;
        }
        let at = self.trained as f64;
        // In units of `unit`, so that Adam's rate means the same to all.
        let share = unit * unit / size;
        for linear in self.stu.iter_mut().chain(&mut self.fir) {
            linear.error.push(at, linear.test(size / (unit * unit)));
        }
        let response = self.layer.respond(u);
        let e: Vec<f64> = response[t..].iter().zip(&target[t..]).map(|(a, b)| a - b).collect();
        self.layer_error.push(at, (share * power(&e)).max(1e-16));
        let starts: Vec<usize> = (0..TESTED).map(|i| t + i * (t - CONTEXT) / TESTED).collect();
        self.attention.error.push(at, (share * self.attention.test(u, &target, &starts)).max(1e-16));
    }
}

impl Exhibit for SpectralSsmStu {
    const CARD: Card = CARD;
    type Controls = Settings;

    fn new(settings: &Settings, rng: &mut Rng) -> Result<Self> {
        let t = settings.length.samples();
        let filters = hankel(t, settings.filters);
        let system = System::new(settings.hidden, settings.asymmetry, rng);
        let u = normals(2 * t, rng);
        let y = system.respond(settings.radius.modulus(), &u);
        let change = change(&y, settings.autoregressive);
        let layer = DiagonalLayer::ring(MODES, [0.9, 0.999], RATE, rng);
        let attention = Attention::new(rng);
        let count = 3 + 2 * settings.filters;
        let unit = power(&change[..t]).sqrt().max(1e-12);
        let size = power(&y[t..]).max(1e-12);
        Ok(Self {
            rng: rng.clone(),
            step: 0,
            seen: Seen::new(&u, t),
            features: (0..3).map(|by| Rc::new(delayed(&u, by))).collect(),
            taps: (0..count).map(|by| Rc::new(delayed(&u, by))).collect(),
            fits: Vec::new(),
            stu: None,
            fir: None,
            layer,
            layer_error: Series::new(),
            attention,
            trained: 0,
            problem: Rc::new(Problem { settings: settings.clone(), filters, system, u, change, unit, size }),
        })
    }

    fn length(&self) -> usize {
        self.prepared() + Radius::ALL.len() + 1 + self.problem.settings.steps.div_ceil(TRAININGS)
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        let problem = self.problem.clone();
        let prepared = self.prepared();
        if self.step < prepared {
            if let Some(filter) = problem.filters.filters.column_iter().nth(self.step) {
                // σ_j^{1/4} U_{t−2,j}
                let scale = problem.filters.values[self.step].max(0.0).sqrt().sqrt();
                let taps: Vec<f64> = filter.iter().map(|tap| scale * tap).collect();
                for alternating in [false, true] {
                    let seen = self.seen.through(&taps, alternating);
                    self.features.push(Rc::new(delayed(&seen, 2)));
                }
            }
        } else if let Some(radius) = Radius::ALL.get(self.step - prepared) {
            self.fits.push(self.fit(*radius));
        } else if self.stu.is_none() {
            let target: Vec<f64> = problem.change.iter().map(|d| d / problem.unit).collect();
            self.stu = Some(Linear::new(&self.features, &target, self.half()));
            self.fir = Some(Linear::new(&self.taps, &target, self.half()));
        } else {
            self.train();
        }
        self.step += 1;
        if self.step < self.length() { Progress::Running } else { Progress::Done }
    }

    fn figures(&self, figures: &mut Figures) {
        self.draw_radii(figures);
        self.draw_training(figures);
        self.draw_filters(figures);
        self.draw_decay(figures);
        self.draw_table(figures);
    }

    fn claim(&self) -> Claim {
        let open = self.step < self.length();
        let swept = self.fits.len() == Radius::ALL.len();
        let worst = self.fits.iter().map(|fit| fit.stu).fold(0.0, f64::max);
        let growth = swept.then(|| self.fits[3].stu / self.fits[1].stu);
        let last = |error: &Series| error.last().map(|[_, error]| error);
        let trained = last(&self.layer_error).zip(self.stu.as_ref().and_then(|stu| last(&stu.error)));
        let untrained = self.problem.settings.steps == 0 && !open;
        let trained = if untrained { Some(f64::NAN) } else { trained.map(|(layer, stu)| layer / stu) };
        Claim::new(vec![
            Clause::at_most(
                "At every radius from 0.9 to 0.9999 the fitted unit's test error is at most {value} (bound {high}).",
                (!self.fits.is_empty()).then_some(worst),
                1e-4,
            )
            .holds_only_after(!swept),
            Clause::at_most(
                "From a memory of 100 samples to one of 10,000 its error grows by a factor of {value} (bound {high}).",
                growth,
                10.0,
            ),
            Clause::at_least(
                "A finite response with as many weights errs {value} times as much (bound {low}).",
                self.chosen().map(|fit| fit.fir / fit.stu),
                100.0,
            ),
            Clause::at_least(
                if untrained {
                    "With no steps of Adam there is nothing trained to compare."
                } else {
                    "Both trained by Adam, the recurrence errs {value} times as much as the unit (bound {low})."
                },
                trained,
                10.0,
            )
            .pending_while(open),
        ])
    }

    fn scenarios() -> Vec<Scenario<Settings>> {
        let default = Settings::default;
        vec![
            Scenario::holds(
                "thousand",
                "A memory of 1,000",
                "Twelve filters of each sign, whatever the radius; the trained recurrence lags behind.",
                default(),
            ),
            Scenario::fails(
                "no-shift",
                "Without the last but one",
                "All of y from the input alone: at radius 0.9999 the filters of length T cannot reach back far enough.",
                Settings { autoregressive: false, ..default() },
            ),
            Scenario::fails(
                "asymmetric",
                "Turned out of the real axis",
                "Modes that rotate by up to 0.4 a sample are not in the span of filters made for real ones.",
                Settings { asymmetry: 0.4, ..default() },
            ),
            Scenario::fails(
                "few",
                "Three filters",
                "Three filters of each sign span too little of what symmetric systems do.",
                Settings { filters: 3, ..default() },
            ),
        ]
    }
}

impl SpectralSsmStu {
    fn draw_radii(&self, figures: &mut Figures) {
        let caption = if self.problem.settings.autoregressive {
            "Fits at four radii. Dashed: without the true sample before the last (the unit on its own outputs, the response on all of y). Dots alone: trained by Adam."
        } else {
            "Fits at four radii, without the true sample before the last. Dots alone: trained by Adam."
        };
        let mut figure = figures.figure("radii", "Test error against memory", caption);
        figure
            .x(Axis::log("memory of the system, 1/(1 − radius)").unit("samples").domain(8.0, 12_500.0))
            .y(Axis::log("test error over the size of y").domain(1e-11, 10.0));
        let memory = || self.fits.iter().map(|fit| fit.radius.memory());
        let shown = |of: fn(&Fitted) -> f64| self.fits.iter().map(move |fit| of(fit).clamp(1e-11, 10.0));
        if self.problem.settings.autoregressive {
            figure.line(memory(), shown(|fit| fit.bare)).of("fir").dashed();
            figure.line(memory(), shown(|fit| fit.alone)).of("stu").dashed();
        }
        for (id, of) in [("fir", (|fit| fit.fir) as fn(&Fitted) -> f64), ("stu", |fit| fit.stu)] {
            figure.line(memory(), shown(of)).of(id);
            figure.dot(memory(), shown(of)).of(id);
        }
        figure.rule_y([1e-4]).dashed().label("bound");
        if let Some([_, error]) = self.layer_error.last() {
            figure.dot([self.problem.settings.radius.memory()], [error.clamp(1e-11, 10.0)]).of("ssm");
        }
        if let Some([_, error]) = self.attention.error.last() {
            figure.dot([self.problem.settings.radius.memory()], [error.clamp(1e-11, 10.0)]).of("attention");
        }
    }

    fn draw_training(&self, figures: &mut Figures) {
        let mut figure = figures.figure(
            "training",
            "Trained by Adam",
            "Test error at the chosen radius. Level: the unit's least-squares fit, which is where its training leads.",
        );
        figure
            .x(Axis::linear("steps of Adam").domain(0.0, self.problem.settings.steps.max(1) as f64))
            .y(Axis::log("test error over the size of y"));
        if let Some(fit) = self.chosen() {
            figure.rule_y([fit.stu]).of("stu").dashed();
        }
        let fir = self.fir.as_ref().map(|linear| &linear.error);
        let stu = self.stu.as_ref().map(|linear| &linear.error);
        let all =
            [("attention", Some(&self.attention.error)), ("ssm", Some(&self.layer_error)), ("fir", fir), ("stu", stu)];
        for (id, error) in all {
            if let Some(error) = error {
                figure.line(error.xs(), error.ys()).of(id);
            }
        }
    }

    fn draw_filters(&self, figures: &mut Figures) {
        let Problem { filters, .. } = &*self.problem;
        let t = filters.filters.nrows();
        let twin = if filters.filters.ncols() > 1 { " Dots: the alternating twin of the second." } else { "" };
        let caption = format!("Scaled by the root of the lag, so that equal lengths of the axis weigh the same.{twin}");
        let mut figure = figures.figure("filters", "The first filters", caption);
        figure
            .x(Axis::log("lag i + 1").unit("samples").domain(1.0, t as f64))
            .y(Axis::linear("√(i + 1) φ(i)").domain(-1.2, 1.2));
        let lags: Vec<usize> = (0..180).map(|k| lag(k, 180, t)).collect();
        let shown = filters.filters.ncols().min(6);
        let value = |j: usize, i: usize| ((i + 1) as f64).sqrt() * filters.filters[(i, j)];
        for j in 0..shown {
            let line = figure.line(lags.iter().map(|i| (i + 1) as f64), lags.iter().map(|i| value(j, *i)));
            line.ink(Ink::Tone(j as f64 / 6.0));
            if j == 0 || j + 1 == shown {
                line.label(format!("φ{}", j + 1));
            }
        }
        if shown > 1 {
            let early = 0..t.min(40);
            let sign = |i: usize| if i % 2 == 1 { -1.0 } else { 1.0 };
            figure
                .dot(early.clone().map(|i| (i + 1) as f64), early.map(|i| sign(i) * value(1, i)))
                .radius(2.0)
                .ink(Ink::Accent)
                .label("alternating φ2");
        }
    }

    fn draw_decay(&self, figures: &mut Figures) {
        let values = &self.problem.filters.values;
        let mut figure = figures.figure(
            "decay",
            "Eigenvalues of the Hankel matrix",
            "They fall geometrically, the more slowly the longer the filters: a number of filters of order log T is enough.",
        );
        figure.x(Axis::linear("filter j").domain(0.0, 49.0)).y(Axis::log("eigenvalue σ").domain(1e-14, 1.0));
        let kept = || values.iter().enumerate().filter(|(_, value)| **value > 1e-14);
        let at = || kept().map(|(j, _)| (j + 1) as f64);
        figure.line(at(), kept().map(|(_, value)| *value)).of("stu").label("eigenvalue");
        figure.dot(at(), kept().map(|(_, value)| *value)).of("stu").label("eigenvalue");
        figure.rule_x([self.problem.settings.filters as f64]).dashed().label("filters used");
    }

    fn draw_table(&self, figures: &mut Figures) {
        let mut figure = figures.figure(
            "errors",
            "Test errors at the chosen radius",
            "Mean squares over that of y. The first three are fitted by least squares, the others trained by Adam.",
        );
        let (mut names, mut errors) = (Vec::new(), Vec::new());
        let mut row = |name: &str, error: Option<f64>| {
            if let Some(error) = error {
                names.push(name.to_owned());
                errors.push(error);
            }
        };
        let last = |error: &Series| error.last().map(|[_, error]| error);
        row("spectral unit", self.chosen().map(|fit| fit.stu));
        row("spectral unit on its own outputs", self.chosen().map(|fit| fit.alone));
        row("finite response", self.chosen().map(|fit| fit.fir));
        row("spectral unit, Adam", self.stu.as_ref().and_then(|stu| last(&stu.error)));
        row("finite response, Adam", self.fir.as_ref().and_then(|fir| last(&fir.error)));
        row("trained recurrence, Adam", last(&self.layer_error));
        row("transformer, Adam", last(&self.attention.error));
        figure.table().words("contender", names).numbers("test error", errors);
    }
}

/// The `k`th of `count` lags from 0 to `t − 1`, evenly on a logarithmic axis of `i + 1`.
fn lag(k: usize, count: usize, t: usize) -> usize {
    let share = k as f64 / (count - 1) as f64;
    (orrery_kernels::math::pow(t as f64, share).round() as usize).clamp(1, t) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reason for the filters: `(1 − λ) λ^i` is almost in their span, for every λ in [0, 1].
    #[test]
    fn twenty_filters_hold_every_real_mode() {
        let filters = hankel(1024, 20);
        for lambda in [0.1, 0.5, 0.9, 0.99, 0.999, 0.9999] {
            let mut mode: Vec<f64> = Vec::new();
            let mut term = 1.0 - lambda;
            for _ in 0..1024 {
                mode.push(term);
                term *= lambda;
            }
            let mut left = power(&mode) * 1024.0;
            for filter in filters.filters.column_iter() {
                let along: f64 = filter.iter().zip(&mode).map(|(a, b)| a * b).sum();
                left -= along * along;
            }
            assert!(left.abs() < 1e-9, "λ = {lambda}: {left:e}");
        }
    }

    #[test]
    fn a_system_of_one_mode_is_a_power() {
        let mut u = vec![0.0; 40];
        u[0] = 1.0;
        let y = System::new(1, 0.0, &mut Rng::seed_from_u64(0)).respond(0.9, &u);
        assert!(y.windows(2).all(|pair| (pair[1] / pair[0] - 0.9).abs() < 1e-12));
    }

    /// The quadratic form that stands for the test is the test.
    #[test]
    fn the_errors_foretold_by_products_are_those_of_the_guesses() {
        let rng = &mut Rng::seed_from_u64(1);
        let features: Vec<Rc<Vec<f64>>> = (0..3).map(|_| Rc::new(normals(80, rng))).collect();
        let target = normals(80, rng);
        let mut linear = Linear::new(&features, &target, 40);
        (0..50).for_each(|_| linear.train());
        let weights: Vec<f64> = linear.weights.iter().zip(&linear.design.scales).map(|(w, scale)| w * scale).collect();
        let guess = combine(&features, &weights);
        let e: Vec<f64> = guess[40..].iter().zip(&target[40..]).map(|(a, b)| a - b).collect();
        assert!((linear.test(2.0) - power(&e) / 2.0).abs() < 1e-12);
    }
}
