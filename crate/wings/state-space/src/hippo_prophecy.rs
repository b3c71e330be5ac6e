//! A state-space layer is shown a signal it has never seen and must say what comes next. Usually it would be trained. Here
//! its weights are written down. The state $\dot c=Ac+Bu$ with HiPPO's LegT matrices holds the last $\theta$ of the signal as
//! Legendre coefficients, and $u(t)\approx C_0c$ reads the present back. Differentiate that reading:
//! $$\dot u\approx C_0(Ac+Bu),$$
//! $$\hat u_{k+1}=u_k+\Delta\,[\,C_0Ac_k+C_0B\,u_k\,].$$
//! That is again a linear read-out of the state with a skip from the input: one layer, no training, any smooth signal.
//!
//! **What you see.** The layer on Lorenz's chaos; its error and that of a straight line through the last two samples, magnified,
//! below. An Euler step with the exact derivative errs by $\frac12\Delta^2\ddot u$, a straight line by $\Delta^2\ddot u$,
//! repeating the last value by $\Delta\dot u$. So ½ of the line is the best this form can do, and the layer reaches it; against
//! repetition it gains in proportion to $\Delta$.
//!
//! **Against what.** The same state with a read-out fitted to the first half, and a diagonal S4 layer trained there by Adam. Both
//! may use curvature, and the fitted one passes the Euler limit; both have to see the signal first.
//!
//! **Try.** Draw a curve. Then lower $N$ or lengthen $\theta$ until the memory is too coarse to differentiate.
//!
//! **Where it stops.** Differentiation amplifies noise: one percent, and repeating the last value wins, the more so
//! the larger $N$ is. And *FouT*, which the paper also offers, differentiates what a Fourier series shows at the jump
//! between the window's ends, their mean: it gives $\frac12(\dot u(t)+\dot u(t-\theta))$, right only where the signal
//! repeats after $\theta$.
//!
//! **Made definite.** The bilinear rule must be taken whole, with the mean of two samples as its input. With the input held, as is common, the state is half a
//! step late, and $C_0B\sim N^2/\theta$ makes of that an error ten times that of repetition. Errors are root mean squares over
//! the second half of 2,000 samples.

use crate::diagonal_layer::DiagonalLayer;
use orrery_core::prelude::*;
use orrery_kernels::data::{lorenz, trajectory, van_der_pol};
use orrery_kernels::legendre::orthonormal_legendre;
use orrery_kernels::linalg::{Complex, DVector, View, matmul_add, ridge};
use orrery_kernels::math::{PI, TAU, cos, log_spaced, sin, sincos};
use orrery_kernels::random::normals;
use orrery_kernels::ssm::{Rule, System, discretise, fourier, fout, legt};
use std::rc::Rc;

const CARD: Card = Card {
    slug: "hippo-prophecy",
    title: "HiPPO-Prophecy: State-Space Models can Provably Learn Dynamical Systems in Context",
    year: 2024,
    lists: &[1, 2],
    claim: "One state-space layer with weights written down, not trained, predicts the next value of any smooth signal.",
    algorithms: &[
        "HiPPO-Prophecy",
        "in-context learning",
        "HiPPO",
        "LegT",
        "FouT",
        "state space model",
        "S4",
        "numerical differentiation",
        "Lorenz attractor",
    ],
    contenders: &[
        Contender::paper("prophecy", "written-down weights"),
        Contender::baseline("repeat", "repeat the last value"),
        Contender::baseline("line", "straight line"),
        Contender::baseline("fitted", "same state, fitted read-out"),
        Contender::baseline("s4", "trained S4 layer"),
    ],
};

/// What is to be predicted.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Signal {
    /// The first component of Lorenz's system.
    #[choice("Lorenz")]
    Lorenz,
    /// Van der Pol's oscillator.
    #[choice("Van der Pol")]
    VanDerPol,
    /// Three sines.
    #[choice("sines")]
    Sines,
    /// Noise through a low-pass filter.
    #[choice("filtered noise")]
    FilteredNoise,
    /// The visitor's.
    #[choice("drawn")]
    Drawn,
}

/// The functions in which the window is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Basis {
    /// Legendre polynomials.
    #[choice("LegT")]
    LegT,
    /// Sines and cosines.
    #[choice("FouT")]
    FouT,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Settings {
    /// What is to be predicted: 2,000 samples.
    #[control(label = "signal", default = Signal::Lorenz)]
    pub signal: Signal,
    /// Draw the signal, from the first sample to the last.
    #[control(label = "drawn signal", samples = 100, domain = 0.0..=2000.0, range = -1.0..=1.0, when = ("signal", "drawn"), default = chirp())]
    pub curve: Curve,
    /// How many coefficients the state holds.
    #[control(label = "state size N", range = 2..=128, log, default = 32)]
    pub state_size: usize,
    /// How far back the state remembers.
    #[control(label = "window θ", range = 0.05..=4.0, log, default = 0.5, unit = "time")]
    pub window: f64,
    /// Time from one sample to the next.
    #[control(label = "step Δ", range = 0.002..=0.05, log, default = 0.01, unit = "time")]
    pub step: f64,
    /// The functions in which the window is remembered.
    #[control(label = "basis", default = Basis::LegT)]
    pub basis: Basis,
    /// Deviation of the noise on each sample, as a share of the signal's.
    #[control(label = "observation noise", range = 0.0..=0.1, default = 0.0)]
    pub noise: f64,
}

fn chirp() -> Curve {
    Curve((0..100).map(|i| 0.8 * cos(PI * f64::from(i * i) / 1400.0)).collect())
}

const SAMPLES: usize = 2000;
/// Errors count from here on; what is fitted is fitted before.
const PREFIX: usize = SAMPLES / 2;
const BLOCK: usize = 10;
const STEPS: usize = SAMPLES / BLOCK;
/// The sweeps.
const DELTAS: usize = 7;
const SIZES: [usize; 7] = [2, 4, 8, 16, 32, 64, 128];
/// The picture of the window: a column every so many steps, and so many ages.
const COLUMN: usize = 2;
const AGES: usize = 40;
/// Modes of the trained layer, and its steps of Adam in one step.
const MODES: usize = 12;
const TRAININGS: usize = 2;

impl Basis {
    fn system(self, n: usize) -> System {
        match self {
            Self::LegT => legt(n),
            Self::FouT => fout(n),
        }
    }

    /// `p_n(s)`, `s` windows ago.
    fn at(self, s: f64, values: &mut [f64]) {
        match self {
            Self::LegT => orthonormal_legendre(1.0 - 2.0 * s, values),
            Self::FouT => fourier(s, values),
        }
    }
}

/// A signal in continuous time, so that it can be sampled at any step.
#[derive(Clone)]
enum Source {
    Lorenz([f64; 3]),
    VanDerPol([f64; 2]),
    /// Amplitudes, angular frequencies and phases.
    Waves(Vec<[f64; 3]>),
    /// Values at even times over so long.
    Drawn(Vec<f64>, f64),
}

impl Source {
    fn new(settings: &Settings, rng: &mut Rng) -> Self {
        match settings.signal {
            Signal::Lorenz => {
                let start: Vec<f64> = normals(3, rng).iter().map(|z| 1.0 + z).collect();
                // Twenty units of time bring it to the attractor.
                let states = trajectory(lorenz, &start, 0.02, 1001);
                Self::Lorenz([states[3000], states[3001], states[3002]])
            }
            Signal::VanDerPol => {
                let start: Vec<f64> = normals(2, rng);
                let states = trajectory(van_der_pol(1.0), &[2.0 + 0.3 * start[0], start[1]], 0.02, 1001);
                Self::VanDerPol([states[2000], states[2001]])
            }
            Signal::Sines => {
                let wave = |(a, period): (f64, f64)| [a, TAU / period, TAU * rng.random::<f64>()];
                Self::Waves([(1.0, 2.0), (0.7, 1.1), (0.5, 0.63)].map(wave).to_vec())
            }
            Signal::FilteredNoise => {
                // White noise through a filter of second order that lets about one cycle per unit of time pass.
                let mut wave = || {
                    let cycles = 4.0 * rng.random::<f64>();
                    let a: f64 = rng.sample(StandardNormal);
                    [a / (1.0 + cycles * cycles * cycles * cycles), TAU * cycles, TAU * rng.random::<f64>()]
                };
                Self::Waves((0..40).map(|_| wave()).collect())
            }
            Signal::Drawn => Self::Drawn(settings.curve.0.clone(), SAMPLES as f64 * settings.step),
        }
    }

    /// How many samples of it the sweep takes at a step: a drawn curve ends.
    fn lasts(&self, step: f64) -> usize {
        match self {
            Self::Drawn(_, duration) => ((duration / step).round() as usize).clamp(16, SAMPLES),
            _ => SAMPLES,
        }
    }

    fn sample(&self, step: f64, count: usize) -> Vec<f64> {
        match self {
            Self::Lorenz(start) => trajectory(lorenz, start, step, count).chunks(3).map(|y| y[0]).collect(),
            Self::VanDerPol(start) => {
                trajectory(van_der_pol(1.0), start, step, count).chunks(2).map(|y| y[0]).collect()
            }
            Self::Waves(waves) => {
                let value = |t: f64| waves.iter().map(|[a, omega, phase]| a * sin(omega * t + phase)).sum();
                (0..count).map(|k| value(k as f64 * step)).collect()
            }
            Self::Drawn(curve, duration) => (0..count).map(|k| smooth(curve, k as f64 * step / duration)).collect(),
        }
    }
}

/// The curve through the points by Catmull and Rom's cubics, at a share of its length.
fn smooth(curve: &[f64], share: f64) -> f64 {
    let last = curve.len() - 1;
    let at = (share * last as f64).min(last as f64);
    let (left, t) = (at.floor() as usize, at - at.floor());
    let y = |offset: usize| curve[(left + offset).saturating_sub(1).min(last)];
    let (before, a, b, after) = (y(0), y(1), y(2), y(3));
    let (slope_a, slope_b) = (0.5 * (b - before), 0.5 * (after - a));
    let (t2, t3) = (t * t, t * t * t);
    a * (2.0 * t3 - 3.0 * t2 + 1.0) + slope_a * (t3 - 2.0 * t2 + t) + b * (3.0 * t2 - 2.0 * t3) + slope_b * (t3 - t2)
}

/// The root of a mean square.
fn rms(x: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = x.fold((0.0, 0.0), |(sum, count), x| (sum + x * x, count + 1.0));
    (sum / f64::max(count, 1.0)).sqrt()
}

fn deviation(u: &[f64]) -> f64 {
    let mean = u.iter().sum::<f64>() / u.len() as f64;
    rms(u.iter().map(|u| u - mean))
}

/// The weights that the paper writes down.
#[derive(Clone, Debug)]
pub struct Prophecy {
    /// The recurrence, made by the bilinear rule with steps of Δ/θ windows.
    pub recurrence: System,
    /// The read-out Δ C₀A.
    pub read: DVector<f64>,
    /// The skip Δ C₀B.
    pub skip: f64,
}

impl Prophecy {
    /// `ratio` is Δ/θ.
    pub fn new(basis: Basis, n: usize, ratio: f64) -> Option<Self> {
        let system = basis.system(n);
        let mut present = DVector::zeros(n);
        basis.at(0.0, present.as_mut_slice());
        // û_{k+1} = u_k + Δ [C₀ A c_k + C₀ B u_k]
        let read = system.a.tr_mul(&present) * ratio;
        let skip = present.dot(&system.b) * ratio;
        Some(Self { recurrence: discretise(&system, ratio, Rule::Bilinear)?, read, skip })
    }

    /// `û_{k+1}` for every `k`.
    pub fn predict(&self, u: &[f64]) -> Vec<f64> {
        let slopes = self.recurrence.scan(&self.read, &halfway(u));
        u.iter().zip(slopes).map(|(u, slope)| u + slope + self.skip * u).collect()
    }
}

/// The bilinear rule's input: the mean of each sample and the one before.
fn halfway(u: &[f64]) -> Vec<f64> {
    let before = u.iter().take(1).chain(u);
    u.iter().zip(before).map(|(u, before)| 0.5 * (u + before)).collect()
}

/// What two guesses and the written-down weights miss of the second half, root mean square.
#[derive(Clone, Copy)]
struct Errors {
    prophecy: f64,
    repeat: f64,
    line: f64,
}

impl Errors {
    fn of(prophecy: &Prophecy, u: &[f64]) -> Self {
        let predicted = prophecy.predict(u);
        let half = u.len() / 2..u.len() - 1;
        let miss = |guess: &dyn Fn(usize) -> f64| rms(half.clone().map(|k| guess(k) - u[k + 1]));
        Self { prophecy: miss(&|k| predicted[k]), repeat: miss(&|k| u[k]), line: miss(&|k| 2.0 * u[k] - u[k - 1]) }
    }

    fn over_repeat(&self) -> f64 {
        self.prophecy / self.repeat
    }
}

/// The S4 layer in training: `û_{k+1} = u_k + y_k`, in units of the typical change from sample to sample.
#[derive(Clone)]
struct Trained {
    layer: DiagonalLayer,
    /// Root mean square error before and after the prefix's end, over the signal's deviation.
    fitted: Series,
    held_out: Series,
    steps: usize,
}

impl Trained {
    fn new(layer: DiagonalLayer) -> Self {
        Self { layer, fitted: Series::new(), held_out: Series::new(), steps: 0 }
    }

    fn train(&mut self, u: &[f64], deviation: f64, change: f64) {
        let input: Vec<f64> = u.iter().map(|u| u / deviation).collect();
        let target: Vec<f64> = u.windows(2).map(|pair| (pair[1] - pair[0]) / change).collect();
        let scale = change / deviation;
        let response = self.layer.respond(&input);
        self.held_out.push(self.steps as f64, scale * rms((PREFIX..target.len()).map(|k| response[k] - target[k])));
        let loss = self.layer.train(&input[..PREFIX - 1], &target[..PREFIX - 1]);
        self.fitted.push(self.steps as f64, scale * loss.sqrt());
        self.steps += 1;
    }
}

/// The state with a read-out fitted to the prefix by ridge regression of `u_{k+1} − u_k` on `(c_k, u_k)`.
#[derive(Clone)]
struct Fitted {
    gram: Vec<f64>,
    moment: Vec<f64>,
    read: Option<Rc<Vec<f64>>>,
}

impl Fitted {
    fn learn(&mut self, features: &[f64], targets: &[f64]) {
        let n = self.moment.len();
        let rows = View::by_rows(features, targets.len(), n);
        matmul_add(rows.t(), rows, &mut self.gram);
        matmul_add(rows.t(), View::by_rows(targets, targets.len(), 1), &mut self.moment);
    }

    fn solve(&mut self) {
        let n = self.moment.len();
        let trace: f64 = (0..n).map(|i| self.gram[i * n + i]).sum();
        self.read = Some(Rc::new(ridge(&self.gram, 1e-11 * trace, &self.moment, n, 1)));
    }
}

/// What does not change during the run.
struct Problem {
    settings: Settings,
    source: Source,
    /// Samples at half the step, twice as many; every second one is the signal.
    fine: Vec<f64>,
    u: Vec<f64>,
    deviation: f64,
    /// Root mean square change from sample to sample.
    change: f64,
    prophecy: Prophecy,
    eigenvalues: Vec<Complex<f64>>,
    /// `p_n(s)` at each age, by rows.
    ages: Vec<f64>,
    /// How much the errors are magnified in the first figure.
    magnified: f64,
}

/// The exhibit.
#[derive(Clone)]
pub struct HippoProphecy {
    problem: Rc<Problem>,
    rng: Rng,
    step: usize,
    c: DVector<f64>,
    predicted: Vec<f64>,
    fitted: Fitted,
    /// Sum of squared errors of the fitted read-out after the prefix, and their number.
    fitted_miss: (f64, f64),
    trained: Trained,
    by_delta: Vec<(f64, Errors)>,
    by_size: Vec<(f64, Errors)>,
    /// At the chosen setting, and with half the step.
    whole: Option<Errors>,
    halved: Option<Errors>,
    columns: Vec<Rc<Vec<f64>>>,
}

/// Clean samples with the chosen noise.
fn observe(mut u: Vec<f64>, noise: f64, rng: &mut Rng) -> Vec<f64> {
    if noise > 0.0 {
        let size = noise * deviation(&u);
        u.iter_mut().for_each(|u| *u += size * rng.sample::<f64, _>(StandardNormal));
    }
    u
}

fn weights(basis: Basis, n: usize, ratio: f64) -> Result<Prophecy> {
    Prophecy::new(basis, n, ratio).ok_or_else(|| {
        Error::of("step", "this step cannot be taken: the matrix to be inverted is singular; choose another Δ")
    })
}

impl Exhibit for HippoProphecy {
    const CARD: Card = CARD;
    type Controls = Settings;

    fn new(settings: &Settings, rng: &mut Rng) -> Result<Self> {
        let (n, ratio) = (settings.state_size, settings.step / settings.window);
        let source = Source::new(settings, rng);
        let fine = observe(source.sample(0.5 * settings.step, 2 * SAMPLES), settings.noise, rng);
        let u: Vec<f64> = fine.iter().step_by(2).copied().collect();
        let deviation = deviation(&u);
        if deviation < 1e-9 {
            return Err(Error::of("curve", "a constant signal needs no prediction: draw one that moves"));
        }
        let prophecy = weights(settings.basis, n, ratio)?;
        let mut ages = vec![0.0; AGES * n];
        for (i, p) in ages.chunks_exact_mut(n).enumerate() {
            settings.basis.at((i as f64 + 0.5) / AGES as f64, p);
        }
        let curved = rms((1..SAMPLES - 1).map(|k| u[k + 1] - 2.0 * u[k] + u[k - 1]));
        let eigenvalues = prophecy.recurrence.a.complex_eigenvalues().iter().copied().collect();
        let trained = Trained::new(DiagonalLayer::lin(MODES, ratio, rng));
        let problem = Problem {
            settings: settings.clone(),
            source,
            change: rms((1..PREFIX).map(|k| u[k] - u[k - 1])).max(1e-9 * deviation),
            magnified: magnification(0.5 * deviation / curved.max(1e-12 * deviation)),
            fine,
            u,
            deviation,
            prophecy,
            eigenvalues,
            ages,
        };
        Ok(Self {
            problem: Rc::new(problem),
            rng: rng.clone(),
            step: 0,
            c: DVector::zeros(n),
            predicted: Vec::new(),
            fitted: Fitted { gram: vec![0.0; (n + 1) * (n + 1)], moment: vec![0.0; n + 1], read: None },
            fitted_miss: (0.0, 0.0),
            trained,
            by_delta: Vec::new(),
            by_size: Vec::new(),
            whole: None,
            halved: None,
            columns: Vec::new(),
        })
    }

    fn length(&self) -> usize {
        STEPS
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        self.advance();
        self.sweep();
        for _ in 0..TRAININGS {
            self.trained.train(&self.problem.u, self.problem.deviation, self.problem.change);
        }
        self.step += 1;
        if self.step < STEPS { Progress::Running } else { Progress::Done }
    }

    fn figures(&self, figures: &mut Figures) {
        self.draw_signal(figures);
        self.draw_sweeps(figures);
        self.draw_window(figures);
        self.draw_eigenvalues(figures);
        self.draw_rivals(figures);
    }

    fn claim(&self) -> Claim {
        let open = self.step < STEPS;
        let halving = self.whole.zip(self.halved).map(|(whole, halved)| whole.over_repeat() / halved.over_repeat());
        Claim::new(vec![
            Clause::at_most(
                "Untrained, the layer misses the next sample by {value} times what repeating the last one does (bound {high}).",
                self.whole.map(|whole| whole.over_repeat()),
                0.1,
            )
            .pending_while(open),
            Clause::at_most(
                "It misses it by {value} times what a straight line through the last two does (bound {high}).",
                self.whole.map(|whole| whole.prophecy / whole.line),
                0.6,
            )
            .pending_while(open),
            Clause::within(
                "Halving the step divides its error over that of repetition by {value} (bounds {low} to {high}).",
                halving,
                1.8,
                2.2,
            )
            .pending_while(open),
        ])
    }

    fn scenarios() -> Vec<Scenario<Settings>> {
        let default = Settings::default;
        vec![
            Scenario::holds(
                "lorenz",
                "Lorenz's chaos",
                "Weights that were never trained predict a chaotic signal as well as one Euler step can.",
                default(),
            ),
            Scenario::holds(
                "van-der-pol",
                "Van der Pol's oscillator",
                "The same weights on another system, at twice the step.",
                Settings { signal: Signal::VanDerPol, step: 0.02, ..default() },
            ),
            Scenario::fails(
                "noise",
                "One percent of noise",
                "To differentiate is to amplify what is rough: repeating the last value is better.",
                Settings { noise: 0.01, window: 0.2, ..default() },
            ),
            Scenario::fails(
                "coarse",
                "Eight states, a long window",
                "Eight polynomials cannot follow Lorenz through a whole unit of time, so their derivative is not the signal's.",
                Settings { state_size: 8, window: 1.0, ..default() },
            ),
            Scenario::fails(
                "fourier",
                "Sines and cosines",
                "FouT differentiates the mean of the window's two ends, which is not the present.",
                Settings { basis: Basis::FouT, ..default() },
            ),
        ]
    }
}

/// The largest of 1, 2, 5, 10, 20, … that is at most `x`.
fn magnification(x: f64) -> f64 {
    let (mut unit, mut digit) = (1.0, 1.0);
    while unit < 1e9 {
        let (next_unit, next_digit) =
            if digit == 5.0 { (10.0 * unit, 1.0) } else { (unit, if digit == 1.0 { 2.0 } else { 5.0 }) };
        if x < next_unit * next_digit {
            break;
        }
        (unit, digit) = (next_unit, next_digit);
    }
    digit * unit
}

impl HippoProphecy {
    /// Ten samples.
    fn advance(&mut self) {
        let Problem { u, prophecy, ages, .. } = &*self.problem;
        let n = self.c.len();
        let (mut features, mut targets) = (Vec::with_capacity(BLOCK * (n + 1)), Vec::with_capacity(BLOCK));
        for k in self.step * BLOCK..(self.step + 1) * BLOCK {
            // c_k = Ā c_{k−1} + B̄ (u_{k−1} + u_k) / 2
            let mut next = &prophecy.recurrence.b * (0.5 * (u[k.saturating_sub(1)] + u[k]));
            next.gemv(1.0, &prophecy.recurrence.a, &self.c, 1.0);
            self.c = next;
            // û_{k+1} = u_k + Δ [C₀ A c_k + C₀ B u_k]
            self.predicted.push(u[k] + prophecy.read.dot(&self.c) + prophecy.skip * u[k]);
            let Some(after) = u.get(k + 1) else { continue };
            let target = after - u[k];
            if k + 1 < PREFIX {
                features.extend_from_slice(self.c.as_slice());
                features.push(u[k]);
                targets.push(target);
            } else if let Some(read) = &self.fitted.read {
                let guess: f64 = self.c.iter().chain([&u[k]]).zip(read.iter()).map(|(x, w)| x * w).sum();
                self.fitted_miss.0 += (guess - target) * (guess - target);
                self.fitted_miss.1 += 1.0;
            }
        }
        if !targets.is_empty() {
            self.fitted.learn(&features, &targets);
        }
        if (self.step + 1) * BLOCK == PREFIX {
            self.fitted.solve();
        }
        if self.step % COLUMN == COLUMN - 1 {
            let dot = |p: &[f64]| p.iter().zip(self.c.iter()).map(|(p, c)| p * c).sum();
            self.columns.push(Rc::new(ages.chunks_exact(n).map(dot).collect()));
        }
    }

    /// One run of the sweeps a step, while there are any to do.
    fn sweep(&mut self) {
        let problem = self.problem.clone();
        let Settings { step, window, basis, noise, state_size, .. } = problem.settings;
        if let Some(delta) = log_spaced(0.002, 0.05, DELTAS).get(self.by_delta.len()) {
            let count = problem.source.lasts(*delta);
            let u = observe(problem.source.sample(*delta, count), noise, &mut self.rng);
            if let Some(prophecy) = Prophecy::new(basis, state_size, delta / window) {
                self.by_delta.push((*delta, Errors::of(&prophecy, &u)));
            }
        } else if let Some(n) = SIZES.get(self.by_size.len()) {
            if let Some(prophecy) = Prophecy::new(basis, *n, step / window) {
                self.by_size.push((*n as f64, Errors::of(&prophecy, &problem.u)));
            }
        } else if self.whole.is_none() {
            self.whole = Some(Errors::of(&problem.prophecy, &problem.u));
        } else if self.halved.is_none() {
            let prophecy = Prophecy::new(basis, state_size, 0.5 * step / window);
            self.halved = prophecy.map(|prophecy| Errors::of(&prophecy, &problem.fine));
        }
    }

    fn time(&self, k: usize) -> f64 {
        k as f64 * self.problem.settings.step
    }

    fn draw_signal(&self, figures: &mut Figures) {
        let Problem { u, deviation, magnified, .. } = &*self.problem;
        let mut figure = figures.figure(
            "signal",
            "The signal and its prophecy",
            format!(
                "Each sample as foretold from those before it. Below: what was missed, {magnified} times magnified, about its zero. \
                 What would leave its strip is drawn at the edge."
            ),
        );
        figure
            .x(Axis::linear("time").domain(0.0, self.time(SAMPLES)))
            .y(Axis::linear("signal over its deviation").domain(-6.0, 3.2));
        let mean = u.iter().sum::<f64>() / SAMPLES as f64;
        let scaled = |value: f64| ((value - mean) / deviation).clamp(-3.0, 3.0);
        let error = |value: f64| -4.5 + (value / deviation * magnified).clamp(-1.4, 1.4);
        let shown = self.predicted.len();
        let times: Vec<f64> = (2..shown).step_by(4).map(|k| self.time(k)).collect();
        let every = || (2..shown).step_by(4);
        figure.rule_y([-4.5]).dashed();
        figure.line(&times, every().map(|k| error(2.0 * u[k - 1] - u[k - 2] - u[k]))).of("line").faint();
        figure.line(&times, every().map(|k| error(self.predicted[k - 1] - u[k]))).of("prophecy");
        figure.line(&times, every().map(|k| scaled(u[k]))).label("signal");
        figure.dot(&times, every().map(|k| scaled(self.predicted[k - 1]))).of("prophecy").radius(1.2);
        figure.rule_x([self.time(PREFIX)]).label("errors count from here");
    }

    fn draw_sweeps(&self, figures: &mut Figures) {
        let settings = &self.problem.settings;
        let (low, high) = (1e-6, 10.0);
        let deviation = self.problem.deviation;
        let axis = || Axis::log("error over the signal's deviation");
        let share = |error: f64| (error / deviation).clamp(low, high);
        let drawn = if settings.signal == Signal::Drawn {
            " Short steps see the beginning of your curve, long ones all of it in fewer samples."
        } else {
            ""
        };
        let caption = format!(
            "On a smooth signal twice the step doubles the error of repetition and quadruples that of the line; and that of the layer, \
             while it follows the window.{drawn}"
        );
        let mut figure = figures.figure("steps", "Error against the step", caption);
        figure.x(Axis::log("step Δ").unit("time").domain(0.002, 0.05)).y(axis());
        let deltas = || self.by_delta.iter().map(|(delta, _)| *delta);
        for (id, of) in LINES {
            figure.line(deltas(), self.by_delta.iter().map(|(_, errors)| share(of(errors)))).of(id);
        }
        figure.rule_x([settings.step]).label("yours");
        let mut figure = figures.figure(
            "sizes",
            "Error against the state's size",
            "Too few basis functions cannot follow the window. Beyond enough, more only amplify what is rough.",
        );
        figure.x(Axis::log("state size N").domain(2.0, 128.0)).y(axis());
        let sizes = || self.by_size.iter().map(|(size, _)| *size);
        for (id, of) in LINES {
            figure.line(sizes(), self.by_size.iter().map(|(_, errors)| share(of(errors)))).of(id);
        }
        figure.rule_x([settings.state_size as f64]).label("yours");
    }

    fn draw_window(&self, figures: &mut Figures) {
        let mut figure = figures.figure(
            "window",
            "The window as the state tells it",
            "Each column is a moment: the present at the bottom, one window ago at the top. What came in drifts upwards.",
        );
        figure
            .x(Axis::linear("time").domain(0.0, self.time(SAMPLES)))
            .y(Axis::linear("age").unit("windows").domain(0.0, 1.0));
        if self.columns.is_empty() {
            return;
        }
        let greatest = self.problem.u.iter().map(|u| u.abs()).fold(0.0, f64::max);
        let rows = (0..AGES).flat_map(|age| self.columns.iter().map(move |column| column[age]));
        let values: Vec<f64> = rows.map(|v| v.clamp(-greatest, greatest)).collect();
        let columns = self.columns.len();
        let grid = Grid { values: &values, columns, x: [0.0, self.time(columns * COLUMN * BLOCK)], y: [0.0, 1.0] };
        figure.raster(grid, Colors::diverging("reconstructed signal").domain(-greatest, greatest));
    }

    fn draw_eigenvalues(&self, figures: &mut Figures) {
        let mut figure = figures.figure(
            "eigenvalues",
            "Eigenvalues of the recurrence",
            "The bilinear rule keeps them inside the circle whatever the step; the fast ones of a large N crowd towards −1.",
        );
        figure
            .x(Axis::linear("real part").domain(-1.1, 1.1))
            .y(Axis::linear("imaginary part").domain(-1.1, 1.1))
            .equal();
        let circle: Vec<(f64, f64)> = (0..=120_u32).map(|i| sincos(TAU * f64::from(i) / 120.0)).collect();
        figure.line(circle.iter().map(|p| p.1), circle.iter().map(|p| p.0)).ink(Ink::Muted).label("unit circle");
        let at = &self.problem.eigenvalues;
        figure.dot(at.iter().map(|z| z.re), at.iter().map(|z| z.im)).of("prophecy");
    }

    fn draw_rivals(&self, figures: &mut Figures) {
        let deviation = self.problem.deviation;
        let mut figure = figures.figure(
            "rivals",
            "Against what is trained",
            "The S4 layer's error after its samples, and dashed on those it is trained on. Levels: the others, which take no steps.",
        );
        figure
            .x(Axis::linear("steps of Adam").domain(0.0, (STEPS * TRAININGS) as f64))
            .y(Axis::log("error over the signal's deviation"));
        figure.line(self.trained.fitted.xs(), self.trained.fitted.ys().map(|e| e.max(1e-9))).of("s4").dashed().faint();
        figure.line(self.trained.held_out.xs(), self.trained.held_out.ys().map(|e| e.max(1e-9))).of("s4");
        let mut level = |id: &'static str, error: f64| {
            figure.rule_y([(error / deviation).max(1e-9)]).of(id);
        };
        if let Some(errors) = &self.whole {
            for (id, of) in LINES {
                level(id, of(errors));
            }
        }
        let (sum, count) = self.fitted_miss;
        if count > 0.0 {
            level("fitted", (sum / count).sqrt());
        }
    }
}

/// An error of a contender that takes no training.
type Read = fn(&Errors) -> f64;

const LINES: [(&str, Read); 3] =
    [("repeat", |errors| errors.repeat), ("line", |errors| errors.line), ("prophecy", |errors| errors.prophecy)];

#[cfg(test)]
mod tests {
    use super::*;

    /// A polynomial of lower degree than the window holds is differentiated exactly, once the start is forgotten: the
    /// layer then errs by the rest of the Taylor series, ½ Δ² ü.
    #[test]
    fn a_parabola_is_foretold_up_to_its_curvature() {
        let delta = 0.01;
        let u: Vec<f64> = (0..2000)
            .map(|k| {
                let t = f64::from(k) * delta;
                1.0 + 2.0 * t - 0.3 * t * t
            })
            .collect();
        let prophecy = Prophecy::new(Basis::LegT, 8, delta / 0.5).unwrap();
        let predicted = prophecy.predict(&u);
        for k in 1500..1999 {
            let miss = u[k + 1] - predicted[k];
            assert!((miss + 0.3 * delta * delta).abs() < 1e-8, "{k}: {miss:e}");
        }
    }

    /// What FouT gives: the mean of the slopes at the window's two ends.
    #[test]
    fn fout_gives_the_mean_slope_of_both_ends() {
        let (delta, window, omega) = (0.002, 0.5, 3.0);
        let u: Vec<f64> = (0..6000).map(|k| sin(omega * f64::from(k) * delta)).collect();
        let predicted = Prophecy::new(Basis::FouT, 65, delta / window).unwrap().predict(&u);
        for k in (4000..6000).step_by(50) {
            let t = k as f64 * delta;
            let mean = 0.5 * omega * (cos(omega * t) + cos(omega * (t - window)));
            assert!(((predicted[k] - u[k]) / delta - mean).abs() < 0.05, "{k}");
        }
    }

    #[test]
    fn the_scan_foretells_as_the_run_does() {
        let mut exhibit = HippoProphecy::new(&Settings::default(), &mut Rng::seed_from_u64(3)).unwrap();
        for _ in 0..STEPS {
            exhibit.advance();
            exhibit.step += 1;
        }
        let predicted = exhibit.problem.prophecy.predict(&exhibit.problem.u);
        let apart = exhibit.predicted.iter().zip(predicted).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(apart < 1e-8, "{apart:e}");
    }

    #[test]
    fn a_drawn_curve_goes_through_its_points_without_kinks() {
        let curve = chirp().0;
        for (i, y) in curve.iter().enumerate() {
            assert!((smooth(&curve, i as f64 / 99.0) - y).abs() < 1e-12);
        }
        let slope = |at: f64| (smooth(&curve, at + 1e-7) - smooth(&curve, at)) / 1e-7;
        let at = 20.0 / 99.0;
        assert!((slope(at) - slope(at - 2e-7)).abs() < 1e-3 * slope(at).abs().max(1.0));
    }

    #[test]
    fn magnifications_are_round() {
        let found: Vec<f64> = [0.3, 1.0, 1.9, 2.0, 4.9, 5.0, 9.9, 10.0, 49.0, 73.0].map(magnification).to_vec();
        assert_eq!(found, [1.0, 1.0, 1.0, 2.0, 2.0, 5.0, 5.0, 10.0, 20.0, 50.0]);
    }
}
