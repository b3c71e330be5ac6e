//! Not a paper but a bench: the memories of this wing watch one signal, each with the same number of states, and are
//! asked what they remember. Draw the signal, upload it, or have one made.
//!
//! A state alone answers nothing. So a linear read-out is trained for every lag: least squares on the last part of
//! the signal, with a ridge as if states were known to one percent, examined on the first part, which it never saw.
//! The first figure is the result: error against age. *LegT* and *FouT* keep a window of $1/\Delta$ samples and lose
//! what leaves it; *LegS* fades like $e^{-s}$; the diagonal S4D systems and real modes with memory lengths
//! $w^2+\tfrac12$ (stable reparameterisation) come close or not, depending on the signal. Spectral filters look at
//! the last $1/\Delta$ samples, 16 to 256, and are no more than these. For a signal that is nearly white (shortest
//! period 2) nobody remembers more than $N$ numbers.
//!
//! The other tasks are drills. *Copy* shows a few signs, then silence, and asks for them from the last state; in *selective
//! copy* they lie anywhere among silence; *parity* asks for their product. The selective model here is an S6 recurrence with rates
//! $1,\dots,N$ whose step depends on the input, $\Delta_t=\mathrm{softplus}(\beta+s(2|u_t|-1))$, $\mathrm{softplus}(\beta)=\Delta$: it
//! sleeps through silence. Its gate is not trained.
//!
//! **Try** a larger $\Delta$; compare Lin with Inv at $N=8$; set the selectivity to zero, which makes it one more fading
//! memory.
//!
//! **What is checked:** a linear model is a recurrence, a convolution and a scan at once. With one random read-out
//! they must agree to $10^{-8}$ of the greatest output. They do to $10^{-14}$, except where kernels of LegS and LegT
//! come from eigenvectors, whose condition number grows exponentially with $N$. The selective model has no
//! convolution; a prefix scan takes its place. Second, the best read-out may miss a tenth: no linear read-out of a
//! linear memory manages that on the parity of two signs or more, since a product of signs is uncorrelated with each
//! of them.
//!
//! **Where it stops:** one input, one layer, no training of the state matrices. The signal fades in. By the bilinear
//! rule LegT echoes what left its window, and from about $N=34$ on (sooner for a larger $\Delta$) its read-outs trip
//! over that: scores far below zero. A step is a 128th of the signal for every model that is shown: a pass takes 128
//! times what stands beside the step counter.

mod model;

use model::Model;
use orrery_core::figure::{Ink, Symbol};
use orrery_core::numerals::numeral;
use orrery_core::prelude::*;
use orrery_kernels::data::{copying, lorenz, steps, trajectory};
use orrery_kernels::fft::{RealFft, Spectrum};
use orrery_kernels::linalg::{View, matmul, matmul_add, ridge};
use orrery_kernels::math::{PI, TAU, cos, exp, sin};
use orrery_kernels::random::normals;
use orrery_kernels::ssm::Rule;
use std::rc::Rc;

const CARD: Card = Card {
    slug: "memory-bench",
    title: "State spaces, side by side",
    year: Card::ARENA,
    lists: &[],
    claim: "Recurrence, convolution and scan of a linear state-space model are one thing, to rounding.",
    algorithms: &[
        "HiPPO",
        "LegS",
        "LegT",
        "FouT",
        "S4D-Lin",
        "S4D-Inv",
        "stable reparameterisation",
        "spectral filtering",
        "Mamba",
        "S6",
        "selective state space",
        "parallel scan",
        "ridge regression",
    ],
    contenders: &CONTENDERS,
};

const CONTENDERS: [Contender; Family::OPTIONS.len()] = {
    let mut all = [Contender::paper("", ""); Family::OPTIONS.len()];
    let mut place = 0;
    while place < all.len() {
        all[place] = Contender::paper(Family::OPTIONS[place].1, Family::OPTIONS[place].2);
        place += 1;
    }
    all
};

/// A state-space model.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Family {
    /// Warped Legendre polynomials of all the past.
    #[choice("LegS")]
    LegS,
    /// Legendre polynomials of a window.
    #[choice("LegT")]
    LegT,
    /// Fourier series of a window.
    #[choice("FouT")]
    FouT,
    /// Modes at the frequencies of a Fourier series.
    #[choice("S4D-Lin")]
    S4dLin,
    /// Modes at the frequencies of LegS's normal part, nearly.
    #[choice("S4D-Inv")]
    S4dInv,
    /// Real modes with memories of w² + ½ samples.
    #[choice("stable real modes")]
    Stable,
    /// Fixed filters of the last samples.
    #[choice("spectral filters")]
    Spectral,
    /// S6: a step that depends on the input.
    #[choice("selective")]
    Selective,
}

/// What the memories watch.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Signal {
    /// Random harmonics up to a frequency.
    #[choice("band-limited noise")]
    Noise,
    /// Rising frequency.
    #[choice("chirp")]
    Chirp,
    /// Random plateaus.
    #[choice("steps")]
    Steps,
    /// The first coordinate of Lorenz's system.
    #[choice("Lorenz")]
    Lorenz,
    /// The visitor's hand, or a sound.
    #[choice("drawn or uploaded curve")]
    Drawn,
    /// The visitor's numbers.
    #[choice("column of a table")]
    Table,
}

/// What the read-out is to answer.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Task {
    /// The input of some samples ago.
    #[choice("delay")]
    Delay,
    /// The next input.
    #[choice("one-step forecast")]
    Forecast,
    /// Signs, then silence: which were they?
    #[choice("copy")]
    Copy,
    /// Signs anywhere in silence: which were they?
    #[choice("selective copy")]
    SelectiveCopy,
    /// Signs without silence: what is their product?
    #[choice("parity")]
    Parity,
}

/// How the differential equation becomes a recurrence.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Discretisation {
    /// Zero-order hold.
    #[choice("ZOH")]
    Zoh,
    /// The trapezoidal rule.
    #[choice("bilinear")]
    Bilinear,
    /// The explicit rule.
    #[choice("Euler")]
    Euler,
}

/// How the kernels of LegS, LegT and FouT are computed.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum By {
    /// From powers of the matrix.
    #[choice("powers")]
    Powers,
    /// From its eigenvalues and eigenvectors.
    #[choice("eigenvectors")]
    Eigenvectors,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// Which memories watch.
    #[control(label = "models", default = Set::of(&[Family::LegS, Family::LegT, Family::FouT, Family::S4dLin, Family::Stable]))]
    pub models: Set<Family>,
    /// How many numbers each keeps. S4D keeps one fewer where it is odd.
    #[control(label = "state size N", range = 4..=64, log, default = 32)]
    pub state_size: usize,
    /// Time from one sample to the next: memories reach back about 1/Δ samples.
    #[control(label = "timescale Δ", range = 0.002..=0.1, log, default = 0.01)]
    pub timescale: f64,
    /// How the differential equation becomes a recurrence.
    #[control(label = "discretisation", default = Discretisation::Zoh)]
    pub discretisation: Discretisation,
    /// How much the step of the selective model depends on the input; without that model among those chosen it changes nothing.
    #[control(label = "selectivity s", range = 0.0..=8.0, default = 4.0)]
    pub selectivity: f64,
    /// What they watch.
    #[control(label = "signal", default = Signal::Noise)]
    pub signal: Signal,
    /// How many samples of it.
    #[control(label = "length", range = 1024..=16384, log, default = 4096, unit = "samples")]
    pub length: usize,
    /// Period of the fastest part of the noise and of the chirp, and a quarter of the mean length of the steps.
    #[control(label = "shortest period", range = 2.0..=200.0, log, default = 25.0, unit = "samples", when = ("signal", ["noise", "chirp", "steps"]))]
    pub period: f64,
    /// Draw the signal, or upload a CSV file or a sound: the whole of it becomes this curve.
    #[control(label = "curve", samples = 1024, domain = 0.0..=1.0, range = -1.0..=1.0, when = ("signal", "drawn"), default = drawn())]
    pub curve: Curve,
    /// The last column is the signal, sample by sample.
    #[control(label = "table", columns = 1..=32, rows = 16384, when = ("signal", "table"), default = Table { columns: vec!["u".to_owned()], rows: Vec::new() })]
    pub table: Table,
    /// What the read-out is trained for.
    #[control(label = "task", default = Task::Delay)]
    pub task: Task,
    /// How long ago the input that is asked for came.
    #[control(label = "delay", range = 1..=250, log, default = 50, unit = "samples", when = ("task", "delay"))]
    pub delay: usize,
    /// How many signs are shown.
    #[control(label = "signs", range = 1..=8, default = 4, when = ("task", ["copy", "selective-copy", "parity"]))]
    pub signs: usize,
    /// Samples in which they are shown, silence included.
    #[control(label = "places", range = 8..=128, log, default = 48, when = ("task", ["copy", "selective-copy"]))]
    pub places: usize,
    /// Ridge of the read-outs, as if each number of the state were known to the root of it, relatively.
    #[control(label = "ridge", range = 1e-12..=1e-2, log, default = 1e-4)]
    pub ridge: f64,
    /// How the convolution kernels of LegS, LegT and FouT are computed.
    #[control(label = "dense kernels by", default = By::Powers)]
    pub kernels_by: By,
    /// Whose basis functions are drawn.
    #[control(label = "basis of", default = Family::LegT, live)]
    pub basis_of: Family,
}

fn drawn() -> Curve {
    let value = |i: u32| {
        let t = f64::from(i) / 1024.0;
        (100.0 * (0.6 * sin(40.0 * PI * t * t) + 0.3 * cos(46.0 * t))).round() / 100.0
    };
    Curve((0..1024).map(value).collect())
}

impl Discretisation {
    fn rule(self) -> Rule {
        match self {
            Self::Zoh => Rule::ZeroOrderHold,
            Self::Bilinear => Rule::Bilinear,
            Self::Euler => Rule::Euler,
        }
    }
}

impl Task {
    /// Whether it is asked of the signal, and not of signs.
    fn of_the_signal(self) -> bool {
        matches!(self, Self::Delay | Self::Forecast)
    }
}

/// A pass over the signal takes so many steps, and so many of them are the examination.
const SLICES: usize = 128;
const EXAMINED: usize = 48;
/// Read-outs are fitted anew every so many steps.
const FIT: usize = 4;
/// Lags that a read-out is trained for, evenly over two windows.
const LAGS: usize = 48;
/// Signs are drilled in so many steps, with so many sequences each, and examined with others.
const DRILLS: usize = 40;
const BATCH: usize = 32;
const EXAMINATION: usize = 400;
/// Outputs may differ by this much of the greatest.
const BOUND: f64 = 1e-8;
/// What the best read-out may miss.
const MISSED: f64 = 0.1;
/// A state beyond this has blown up.
const HUGE: f64 = 1e9;
/// Relative errors below are drawn there.
const FLOOR: f64 = 1e-4;

/// The signal: at most 1 in size, its mean 0.
/// It fades in over two windows: a sudden start holds frequencies that no read-out has been trained for.
fn samples(setting: &Setting, rng: &mut Rng) -> Result<Vec<f64>> {
    let (length, period) = (setting.length, setting.period);
    let mut u: Vec<f64> = match setting.signal {
        Signal::Noise => {
            let harmonics = (length as f64 / period) as usize;
            let mut part = |m: usize| if (1..=harmonics).contains(&m) { rng.sample(StandardNormal) } else { 0.0 };
            let (re, im): (Vec<f64>, Vec<f64>) = (0..=length / 2).map(|m| (part(m), part(m))).unzip();
            RealFft::new(length).samples(&Spectrum { re, im })
        }
        Signal::Chirp => {
            // The frequency rises evenly to 1/period.
            let phase = |k: usize| PI * k as f64 * k as f64 / (period * length as f64);
            (0..length).map(|k| sin(phase(k) % TAU)).collect()
        }
        Signal::Steps => steps(length, 4.0 * period, rng),
        Signal::Lorenz => {
            let mut start = || 2.0 + rng.random::<f64>();
            let start = [start(), start(), 20.0 + start()];
            trajectory(lorenz, &start, 0.02, length).chunks_exact(3).map(|y| y[0]).collect()
        }
        Signal::Drawn => {
            let drawn = &setting.curve.0;
            let value = |k: usize| {
                let at = k as f64 * (drawn.len() - 1) as f64 / (length - 1) as f64;
                let (left, share) = (at.floor() as usize, at - at.floor());
                drawn[left] * (1.0 - share) + drawn[(left + 1).min(drawn.len() - 1)] * share
            };
            (0..length).map(value).collect()
        }
        Signal::Table => {
            let column = |row: &Vec<f64>| row.last().copied().unwrap_or(0.0);
            let rows: Vec<f64> = setting.table.rows.iter().take(length).map(column).collect();
            if rows.len() < 1024 {
                let message = format!("needs at least 1024 rows, a sample each; it has {}", rows.len());
                return Err(Error::of("table", message));
            }
            if rows.iter().any(|u| u.abs() > 1e12) {
                return Err(Error::of("table", "holds a number beyond 10¹²"));
            }
            rows
        }
    };
    let mean = u.iter().sum::<f64>() / u.len() as f64;
    u.iter_mut().for_each(|u| *u -= mean);
    let peak = u.iter().map(|u| u.abs()).fold(0.0, f64::max);
    if peak > 0.0 {
        u.iter_mut().for_each(|u| *u /= peak);
    }
    // A rise with all its derivatives: a kink would be another sudden start.
    let fade = horizon(setting, u.len());
    let ease = |x: f64| if x > 0.0 { exp(-1.0 / x) } else { 0.0 };
    for (k, u) in u.iter_mut().take(fade).enumerate() {
        let x = k as f64 / fade as f64;
        *u *= ease(x) / (ease(x) + ease(1.0 - x));
    }
    Ok(u)
}

/// Two windows, in samples, or as much of them as the signal allows.
fn horizon(setting: &Setting, length: usize) -> usize {
    ((2.0 / setting.timescale) as usize).min(length / 8)
}

/// The second moments of states and targets, which is all that least squares need.
#[derive(Clone)]
struct Moments {
    rows: usize,
    /// `Σ x xᵀ`, N x N.
    gram: Vec<f64>,
    /// `Σ x yᵀ`, N x M.
    cross: Vec<f64>,
    /// `Σ y²` of each target.
    squares: Vec<f64>,
}

impl Moments {
    fn new(n: usize, targets: usize) -> Self {
        Self { rows: 0, gram: vec![0.0; n * n], cross: vec![0.0; n * targets], squares: vec![0.0; targets] }
    }

    /// Takes in rows of states and of targets.
    fn add(&mut self, x: &[f64], y: &[f64], rows: usize) {
        if rows == 0 {
            return;
        }
        let (n, m) = (x.len() / rows, self.squares.len());
        let (x, targets) = (View::by_rows(x, rows, n), View::by_rows(y, rows, m));
        matmul_add(x.t(), x, &mut self.gram);
        matmul_add(x.t(), targets, &mut self.cross);
        for row in y.chunks_exact(m) {
            self.squares.iter_mut().zip(row).for_each(|(sum, y)| *sum += y * y);
        }
        self.rows += rows;
    }

    /// The read-outs `W = (G + η diag G)⁻¹ C`, N x M: ridge regression in units of each state's own size.
    fn fit(&self, eta: f64) -> Vec<f64> {
        let m = self.squares.len();
        let n = self.cross.len() / m;
        // A state that is always zero has no size; it is not read.
        let size = |i: usize| self.gram[i * n + i].sqrt();
        let inverse: Vec<f64> = (0..n).map(|i| if size(i) > 0.0 { 1.0 / size(i) } else { 0.0 }).collect();
        let gram: Vec<f64> = (0..n * n).map(|at| self.gram[at] * inverse[at / n] * inverse[at % n]).collect();
        let cross: Vec<f64> = (0..n * m).map(|at| self.cross[at] * inverse[at / m]).collect();
        let w = ridge(&gram, eta, &cross, n, m);
        w.into_iter().enumerate().map(|(at, w)| w * inverse[at / m]).collect()
    }

    /// `Σ (y − Wᵀx)² / Σ y²` of each target, on these moments: those of an examination.
    fn errors(&self, w: &[f64]) -> Vec<f64> {
        let m = self.squares.len();
        let n = self.cross.len() / m;
        let image = matmul(View::by_rows(&self.gram, n, n), View::by_rows(w, n, m));
        let error = |j: usize| {
            let sum: f64 = (0..n).map(|i| w[i * m + j] * (image[i * m + j] - 2.0 * self.cross[i * m + j])).sum();
            if self.squares[j] > 0.0 { ((self.squares[j] + sum) / self.squares[j]).max(0.0) } else { 0.0 }
        };
        (0..m).map(error).collect()
    }
}

/// Sequences of signs: the inputs by rows, and the right answers, as many in each row as are asked for.
struct Drill {
    places: usize,
    inputs: Vec<f64>,
    answers: Vec<f64>,
}

impl Drill {
    fn new(rows: usize, setting: &Setting, rng: &mut Rng) -> Self {
        let places = if setting.task == Task::Parity { setting.signs } else { setting.places };
        let sign = |token: usize| [-1.0, 1.0, 0.0][token];
        let (mut inputs, mut answers) = (Vec::with_capacity(rows * places), Vec::new());
        for _ in 0..rows {
            let sequence = copying(setting.signs, 2, places, setting.task == Task::SelectiveCopy, rng);
            inputs.extend(sequence.inputs[..places].iter().map(|&token| sign(token)));
            let shown = sequence.targets.iter().flatten().map(|&token| sign(token));
            if setting.task == Task::Parity { answers.push(shown.product()) } else { answers.extend(shown) }
        }
        Self { places, inputs, answers }
    }

    /// The state that each sequence leaves, by rows.
    fn states(&self, model: &Model, impulse: &[f64]) -> Vec<f64> {
        let (n, rows) = (model.size(), self.inputs.len() / self.places);
        if model.is_linear() {
            // Σ_j K_j u_{T−1−j}
            let reversed: Vec<f64> =
                impulse[..self.places * n].chunks_exact(n).rev().flat_map(|row| row.iter().copied()).collect();
            return matmul(View::by_rows(&self.inputs, rows, self.places), View::by_rows(&reversed, self.places, n));
        }
        let last = |u: &[f64]| model.states(&mut Vec::new(), u)[(self.places - 1) * n..].to_vec();
        self.inputs.chunks_exact(self.places).flat_map(last).collect()
    }
}

/// What does not change during a run.
struct Fixed {
    setting: Setting,
    signal: Vec<f64>,
    /// In samples, from 0 on.
    lags: Vec<usize>,
    /// Samples before which no state is full, and as many between examination and training.
    warm: usize,
    /// Weights of the read-out whose output all forms must agree in.
    probe: Vec<f64>,
    examination: Option<Drill>,
}

impl Fixed {
    /// Targets of a state at sample `k`: the inputs at all lags, and the task's.
    fn targets(&self, k: usize, into: &mut Vec<f64>) {
        into.extend(self.lags.iter().map(|lag| self.signal[k - lag]));
        match self.setting.task {
            Task::Delay => into.push(self.signal[k - self.setting.delay]),
            Task::Forecast => into.push(self.signal.get(k + 1).copied().unwrap_or(0.0)),
            _ => {}
        }
    }
}

/// A memory on its way.
#[derive(Clone)]
struct Lane {
    family: Family,
    model: Rc<Model>,
    /// What a unit input leaves, a row for each lag.
    impulse: Rc<Vec<f64>>,
    scan: Rc<Vec<f64>>,
    convolution: Rc<Vec<f64>>,
    memory: Vec<f64>,
    newest: Vec<f64>,
    /// The greatest output, and the greatest difference of the other two forms from the recurrence.
    greatest: f64,
    apart: f64,
    blown: bool,
    examination: Moments,
    training: Moments,
    /// Read-outs of the signal, and the squared relative error of each in the examination.
    readouts: Rc<Vec<f64>>,
    errors: Vec<f64>,
    /// Of signs: states of the examination, moments, read-outs.
    examined: Rc<Vec<f64>>,
    drilled: Moments,
    answers: Rc<Vec<f64>>,
    curve: Series,
}

impl Lane {
    fn score(&self) -> Option<f64> {
        self.curve.last().map(|[_, score]| score)
    }

    /// The recurrence over one slice of the signal, compared with the other forms, and used to train or to examine.
    fn pass(&mut self, slice: usize, fixed: &Fixed) {
        let (from, to) = (border(slice, fixed), border(slice + 1, fixed));
        let n = self.model.size();
        let states = self.model.states(&mut self.memory, &fixed.signal[from..to]);
        if !states.iter().all(|x| x.abs() < HUGE) {
            self.blown = true;
            return;
        }
        for (row, k) in states.chunks_exact(n).zip(from..) {
            let y: f64 = row.iter().zip(&fixed.probe).map(|(x, w)| x * w).sum();
            self.greatest = self.greatest.max(y.abs());
            let apart = (y - self.scan[k]).abs().max((y - self.convolution[k]).abs());
            self.apart = if apart.is_nan() { f64::INFINITY } else { self.apart.max(apart) };
        }
        self.newest = states[states.len() - n..].to_vec();
        // The first part examines; training begins when nothing of it is left in the memories.
        let examines = slice < EXAMINED;
        let first = if examines { fixed.warm } else { border(EXAMINED, fixed) + fixed.warm };
        let (first, end) = (first.max(from), to.min(fixed.signal.len() - 1));
        if first >= end {
            return;
        }
        let mut targets = Vec::new();
        (first..end).for_each(|k| fixed.targets(k, &mut targets));
        let moments = if examines { &mut self.examination } else { &mut self.training };
        moments.add(&states[(first - from) * n..(end - from) * n], &targets, end - first);
        if !examines && ((slice + 1).is_multiple_of(FIT) || slice + 1 == SLICES) {
            let w = self.training.fit(fixed.setting.ridge);
            self.errors = self.examination.errors(&w);
            self.readouts = Rc::new(w);
            if let Some(error) = self.errors.last().filter(|_| fixed.setting.task.of_the_signal()) {
                self.curve.push(self.training.rows as f64, 1.0 - error);
            }
        }
    }

    /// One batch of signs.
    fn drill(&mut self, batch: &Drill, examination: &Drill, eta: f64) {
        let n = self.model.size();
        if self.examined.is_empty() {
            self.examined = Rc::new(examination.states(&self.model, &self.impulse));
        }
        let states = batch.states(&self.model, &self.impulse);
        if !states.iter().chain(self.examined.iter()).all(|x| x.abs() < HUGE) {
            self.blown = true;
            return;
        }
        self.drilled.add(&states, &batch.answers, BATCH);
        let (w, m) = (self.drilled.fit(eta), self.drilled.squares.len());
        let guesses = matmul(View::by_rows(&self.examined, EXAMINATION, n), View::by_rows(&w, n, m));
        let right = guesses.iter().zip(&examination.answers).filter(|(guess, answer)| *guess * *answer > 0.0).count();
        self.curve.push(self.drilled.rows as f64, right as f64 / guesses.len() as f64);
        self.answers = Rc::new(w);
    }

    /// What the read-out of the task answers to a unit input, lag by lag; of signs, that for the first.
    fn kernel(&self, fixed: &Fixed) -> Option<Vec<f64>> {
        let of_the_signal = fixed.setting.task.of_the_signal();
        let w = if of_the_signal { &self.readouts } else { &self.answers };
        if w.is_empty() || !self.model.is_linear() {
            return None;
        }
        let n = self.model.size();
        let m = w.len() / n;
        let column: Vec<f64> = w.iter().skip(if of_the_signal { m - 1 } else { 0 }).step_by(m).copied().collect();
        Some(self.impulse.chunks_exact(n).map(|row| row.iter().zip(&column).map(|(x, w)| x * w).sum()).collect())
    }
}

/// The first sample of a slice.
fn border(slice: usize, fixed: &Fixed) -> usize {
    slice * fixed.signal.len() / SLICES
}

/// The exhibit.
#[derive(Clone)]
pub struct MemoryBench {
    fixed: Rc<Fixed>,
    basis_of: Family,
    lanes: Vec<Lane>,
    step: usize,
    rng: Rng,
}

impl MemoryBench {
    /// Steps for scans and convolutions, two a model; then the pass; then the drills.
    fn forms(&self) -> usize {
        2 * self.lanes.len()
    }

    fn drills(&self) -> usize {
        if self.fixed.setting.task.of_the_signal() { 0 } else { DRILLS }
    }

    /// The sample that the recurrences have reached.
    fn reached(&self) -> usize {
        border(self.step.saturating_sub(self.forms()).min(SLICES), &self.fixed)
    }

    fn advance(&mut self) {
        let fixed = Rc::clone(&self.fixed);
        let forms = self.forms();
        if self.step < forms {
            let lane = &mut self.lanes[self.step / 2];
            let w = &fixed.probe[..lane.model.size()];
            if self.step.is_multiple_of(2) {
                lane.scan = Rc::new(lane.model.scan(w, &fixed.signal));
            } else {
                lane.convolution = Rc::new(lane.model.convolution(w, &fixed.signal, fixed.setting.kernels_by));
            }
        } else if self.step < forms + SLICES {
            let slice = self.step - forms;
            self.lanes.iter_mut().filter(|lane| !lane.blown).for_each(|lane| lane.pass(slice, &fixed));
        } else if let Some(examination) = &fixed.examination {
            let batch = Drill::new(BATCH, &fixed.setting, &mut self.rng);
            let lanes = self.lanes.iter_mut().filter(|lane| !lane.blown);
            lanes.for_each(|lane| lane.drill(&batch, examination, fixed.setting.ridge));
        }
        self.step += 1;
    }
}

impl Exhibit for MemoryBench {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        if setting.models.is_empty() {
            return Err(Error::of("models", "choose at least one model"));
        }
        let of_signs = !setting.task.of_the_signal();
        if of_signs && setting.task != Task::Parity && setting.signs > setting.places {
            return Err(Error::of("signs", "there are more signs than places for them"));
        }
        let signal = samples(setting, rng)?;
        let probe = normals(setting.state_size, rng);
        let horizon = horizon(setting, signal.len());
        let count = LAGS.min(horizon);
        let lags: Vec<usize> = (0..count).map(|i| i * (horizon - 1) / (count - 1)).collect();
        // The end of the fade holds frequencies of its own: a window later it is forgotten, too.
        let forgotten = 3 * horizon / 2;
        let warm = if setting.task == Task::Delay { forgotten.max(setting.delay) } else { forgotten };
        let examination = of_signs.then(|| Drill::new(EXAMINATION, setting, rng));
        let targets = lags.len() + usize::from(!of_signs);
        let asked = if setting.task == Task::Parity { 1 } else { setting.signs };
        let lane = |family| {
            let model = Model::new(family, setting)?;
            let n = model.size();
            let impulse = model.impulse(horizon.max(setting.places));
            let nothing = || Rc::new(Vec::new());
            Ok(Lane {
                family,
                blown: !impulse.iter().all(|x| x.abs() < HUGE),
                model: Rc::new(model),
                impulse: Rc::new(impulse),
                scan: nothing(),
                convolution: nothing(),
                memory: Vec::new(),
                newest: Vec::new(),
                greatest: 0.0,
                apart: 0.0,
                examination: Moments::new(n, targets),
                training: Moments::new(n, targets),
                readouts: nothing(),
                errors: Vec::new(),
                examined: nothing(),
                drilled: Moments::new(n, asked),
                answers: nothing(),
                curve: Series::new(),
            })
        };
        let lanes = setting.models.iter().map(lane).collect::<Result<_>>()?;
        let fixed = Fixed { setting: setting.clone(), signal, lags, warm, probe, examination };
        Ok(Self { basis_of: setting.basis_of, lanes, step: 0, rng: rng.clone(), fixed: Rc::new(fixed) })
    }

    fn length(&self) -> usize {
        self.forms() + SLICES + self.drills()
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        self.advance();
        Progress::Running
    }

    fn figures(&self, figures: &mut Figures) {
        self.draw_memory(figures);
        self.draw_past(figures);
        self.draw_learning(figures);
        self.draw_kernel(figures);
        self.draw_basis(figures);
        self.draw_eigenvalues(figures);
        self.draw_table(figures);
    }

    fn claim(&self) -> Claim {
        let blown = self.lanes.iter().find(|lane| lane.blown);
        let begun = self.reached() > 0;
        let relative = |lane: &Lane| if lane.greatest > 0.0 { lane.apart / lane.greatest } else { lane.apart };
        let (worst, who) = self.lanes.iter().map(|lane| (relative(lane), lane.family)).fold(
            (0.0, self.lanes[0].family),
            |(worst, who), (apart, family)| if apart > worst { (apart, family) } else { (worst, who) },
        );
        let forms = match blown {
            Some(lane) => Clause::at_most(
                format!("The recurrence of {} blows up: its three forms have no output to agree in.", lane.family.label()),
                Some(f64::NAN),
                BOUND,
            ),
            None => Clause::at_most(
                format!(
                    "Recurrence, convolution and scan differ by at most {{value}} of the greatest output, in {}; {{high}} is allowed.",
                    who.label()
                ),
                begun.then_some(worst.min(f64::MAX)),
                BOUND,
            )
            .holds_only_after(self.reached() < self.fixed.signal.len()),
        };
        let best = self.lanes.iter().filter(|lane| !lane.blown).filter_map(|lane| Some((lane.score()?, lane.family)));
        let best = best.reduce(|best, next| if next.0 > best.0 { next } else { best });
        let name = best.map_or("the best", |(_, family)| family.label());
        let over = self.step >= self.length();
        let missed = best.map(|(score, _)| 1.0 - score).or_else(|| over.then_some(1.0));
        let what = if self.fixed.setting.task.of_the_signal() {
            "leaves {value} of the variance of a part of the signal that it never saw unexplained"
        } else {
            "gives the share {value} of wrong signs in sequences that it never saw"
        };
        let text = format!("The best read-out, that of {name}, {what}; {{high}} is allowed.");
        Claim::new(vec![forms, Clause::at_most(text, missed, MISSED).pending_while(!over)])
    }

    fn retune(&mut self, setting: &Setting) {
        self.basis_of = setting.basis_of;
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default;
        let linear = Set::of(&[Family::LegS, Family::LegT, Family::FouT, Family::S4dLin, Family::Stable]);
        vec![
            Scenario::holds(
                "default",
                "Noise, five memories",
                "Windows remember a window, and nothing beyond; fading memories fade.",
                default(),
            ),
            Scenario::holds(
                "long",
                "16,384 samples, 64 states",
                "All eight at full size: a step is still far below a tenth of a second.",
                Setting { models: Set::all(), state_size: 64, length: 16_384, ..default() },
            ),
            Scenario::holds(
                "selective-copy",
                "Sleeping through silence",
                "Signs lie anywhere in silence: the model whose step depends on the input counts signs and not samples.",
                Setting {
                    models: Set::of(&[Family::Selective, Family::LegT, Family::S4dLin]),
                    task: Task::SelectiveCopy,
                    length: 1024,
                    ..default()
                },
            ),
            Scenario::fails(
                "linear-selective-copy",
                "Nobody sleeps",
                "The same without the selective model: what a linear memory holds depends on when the signs came.",
                Setting { models: linear.clone(), task: Task::SelectiveCopy, length: 1024, ..default() },
            ),
            Scenario::fails(
                "parity",
                "A product of signs",
                "No linear read-out of a linear memory can tell it better than a coin.",
                Setting { models: linear, task: Task::Parity, length: 1024, ..default() },
            ),
            Scenario::fails(
                "eigenvectors",
                "LegS, diagonalised",
                "In exact arithmetic the same kernel; the eigenvectors of LegS and LegT are so nearly parallel that rounding \
                 spoils its leading digits.",
                Setting { kernels_by: By::Eigenvectors, ..default() },
            ),
            Scenario::fails(
                "euler",
                "Euler's rule",
                "The fast modes times Δ leave the circle in which the explicit rule is stable.",
                Setting { discretisation: Discretisation::Euler, timescale: 0.08, ..default() },
            ),
        ]
    }
}

impl MemoryBench {
    fn horizon(&self) -> f64 {
        self.fixed.lags.last().map_or(1.0, |lag| *lag as f64)
    }

    fn running(&self) -> impl Iterator<Item = &Lane> {
        self.lanes.iter().filter(|lane| !lane.blown)
    }

    fn window(&self) -> f64 {
        1.0 / self.fixed.setting.timescale
    }

    fn draw_memory(&self, figures: &mut Figures) {
        let caption = "Each lag has its own trained read-out, examined on a part of the signal that it never saw. 1 is \
                       knowing nothing; what errs more than 2 is drawn at 2.";
        let mut figure = figures.figure("memory", "What each memory knows of the past", caption);
        figure.x(Axis::linear("lag").unit("samples").domain(0.0, self.horizon()));
        figure.y(Axis::log("relative error").domain(FLOOR, 2.0));
        figure.rule_x([self.window()]).dashed().label("1/Δ");
        for lane in self.running() {
            let lags = self.fixed.lags.iter().map(|lag| *lag as f64);
            let errors = lane.errors.iter().map(|error| error.sqrt().clamp(FLOOR, 2.0));
            figure.line(lags, errors).of(lane.family.name());
        }
    }

    fn draw_past(&self, figures: &mut Figures) {
        let caption =
            "Ink: the signal, backwards from the moment reached. Colour: the same as each newest state tells it.";
        let mut figure = figures.figure("past", "The past, told from one state", caption);
        figure.x(Axis::linear("lag").unit("samples").domain(0.0, self.horizon()));
        figure.y(Axis::linear("signal").domain(-1.2, 1.2));
        let Some(now) = self.reached().checked_sub(1) else { return };
        let lags = 0..=(self.horizon() as usize).min(now);
        figure.line(lags.clone().map(|lag| lag as f64), lags.map(|lag| self.fixed.signal[now - lag])).label("signal");
        for lane in self.running().filter(|lane| !lane.readouts.is_empty()) {
            let (n, m) = (lane.newest.len(), lane.readouts.len() / lane.newest.len());
            let told = matmul(View::by_rows(&lane.newest, 1, n), View::by_rows(&lane.readouts, n, m));
            let lags = self.fixed.lags.iter().map(|lag| *lag as f64);
            figure.line(lags, told.iter().map(|u| u.clamp(-2.0, 2.0))).of(lane.family.name());
        }
    }

    fn draw_learning(&self, figures: &mut Figures) {
        let (caption, label, rows) = if self.fixed.setting.task.of_the_signal() {
            (
                "Variance explained in the examination, as the read-out sees more of the signal. Below zero is drawn as zero.",
                "variance explained",
                "samples",
            )
        } else {
            (
                "Right signs in the examination, as the read-out sees more sequences. Half is chance.",
                "right signs",
                "sequences",
            )
        };
        let mut figure = figures.figure("learning", "What the read-out learns", caption);
        figure.x(Axis::linear("trained on").unit(rows));
        figure.y(Axis::linear(label).domain(0.0, 1.05));
        figure.rule_y([1.0 - MISSED]).dashed().label("asked for");
        for lane in self.running() {
            figure.line(lane.curve.xs(), lane.curve.ys().map(|score| score.max(0.0))).of(lane.family.name());
        }
    }

    fn draw_kernel(&self, figures: &mut Figures) {
        let caption = match self.fixed.setting.task {
            Task::Delay => {
                "What comes out after one unit input. A white signal would make it a spike at the delay; a slow one leaves the rest free."
            }
            Task::Forecast => "What comes out after one unit input: the weights of the past in the forecast.",
            Task::Parity => "How the answer weighs an input by its age, in units of the greatest weight.",
            _ => {
                "How the answer for the first sign weighs an input by its age, in units of the greatest weight where signs may lie. What is beyond 1.5 is drawn there."
            }
        };
        let selective = if self.lanes.iter().any(|lane| !lane.model.is_linear()) {
            " The selective model has none: what an input does there depends on those after it."
        } else {
            ""
        };
        let caption = format!("{caption}{selective}");
        let mut figure = figures.figure("kernel", "The kernel that was learned", caption);
        let setting = &self.fixed.setting;
        // The ages of the inputs that may be asked for. Memories of few samples have enormous weights where there is silence.
        let asked = match setting.task {
            Task::Copy => setting.places - setting.signs..setting.places,
            Task::SelectiveCopy => 0..setting.places,
            Task::Parity => 0..setting.signs,
            Task::Delay | Task::Forecast => 0..self.horizon() as usize + 1,
        };
        let (of_signs, shown) = (!setting.task.of_the_signal(), asked.end);
        let y =
            if of_signs { Axis::linear("kernel over its greatest").domain(-1.6, 1.6) } else { Axis::linear("kernel") };
        figure.x(Axis::linear("lag").unit("samples").domain(0.0, shown as f64)).y(y);
        let every = shown.div_ceil(300);
        for lane in self.running() {
            let Some(kernel) = lane.kernel(&self.fixed) else { continue };
            let shown = || (0..shown.min(kernel.len())).step_by(every);
            let greatest = asked.clone().filter_map(|lag| kernel.get(lag)).fold(0.0, |most: f64, w| most.max(w.abs()));
            let drawn = |w: f64| if of_signs && greatest > 0.0 { (w / greatest).clamp(-1.5, 1.5) } else { w };
            figure.line(shown().map(|lag| lag as f64), shown().map(|lag| drawn(kernel[lag]))).of(lane.family.name());
        }
    }

    fn draw_basis(&self, figures: &mut Figures) {
        let lane = self.lanes.iter().find(|lane| lane.family == self.basis_of).unwrap_or(&self.lanes[0]);
        let n = lane.model.size();
        let title = format!("The basis of {}", lane.family.label());
        let mut caption = format!(
            "What one unit input leaves in the first {} numbers of the state, by its age, each in units of its peak.",
            n.min(6)
        );
        if lane.family != self.basis_of {
            caption += &format!(" {} is not among the models chosen.", self.basis_of.label());
        }
        if lane.blown {
            caption += " There is none: the recurrence blows up.";
        }
        let mut figure = figures.figure("basis", title, caption);
        figure.x(Axis::linear("lag").unit("samples").domain(0.0, self.horizon()));
        figure.y(Axis::linear("state").domain(-1.1, 1.1));
        let every = (self.horizon() as usize + 1).div_ceil(250);
        let shown = || (0..=self.horizon() as usize).step_by(every);
        for i in 0..n.min(6) {
            let at = |lag: usize| lane.impulse[lag * n + i];
            let peak = shown().map(|lag| at(lag).abs()).fold(0.0, f64::max);
            let unit = if lane.blown || peak <= 0.0 { 0.0 } else { 1.0 / peak };
            if unit > 0.0 {
                let line = figure.line(shown().map(|lag| lag as f64), shown().map(|lag| at(lag) * unit));
                line.ink(Ink::Tone(i as f64 / 6.0));
            }
        }
    }

    fn draw_eigenvalues(&self, figures: &mut Figures) {
        let caption = "Dots: eigenvalues of the recurrences; in the unit circle they fade. Crosses: ΔA before it was \
                       discretised, as far as 2.5 from zero. Spectral filters and the selective model have none of their own.";
        let mut figure = figures.figure("eigenvalues", "Eigenvalues", caption);
        figure.x(Axis::linear("real part")).y(Axis::linear("imaginary part")).equal();
        let angles = || (0..=120).map(|i| TAU * f64::from(i) / 120.0);
        figure.line(angles().map(cos), angles().map(sin)).ink(Ink::Muted).label("unit circle");
        for lane in &self.lanes {
            let mapped = lane.model.eigenvalues().1;
            figure.dot(mapped.iter().map(|z| z.re), mapped.iter().map(|z| z.im)).of(lane.family.name());
        }
        for lane in &self.lanes {
            // Larger ones would shrink the circle to a dot.
            let poles: Vec<_> = lane.model.eigenvalues().0.iter().filter(|z| z.norm_sqr() <= 2.5 * 2.5).collect();
            let crosses = figure.dot(poles.iter().map(|z| z.re), poles.iter().map(|z| z.im));
            crosses.of(lane.family.name()).symbol(Symbol::Cross).radius(2.5).faint();
        }
    }

    fn draw_table(&self, figures: &mut Figures) {
        let caption = "Horizon: the first lag at which the error exceeds one half. Forms: their greatest difference, in units of \
                       the greatest output.";
        let mut figure = figures.figure("table", "At equal state size", caption);
        let horizon = |lane: &Lane| {
            let lost = lane.errors.iter().zip(&self.fixed.lags).find(|(error, _)| error.sqrt() > 0.5);
            match (lane.errors.is_empty(), lost) {
                (true, _) if lane.blown => "none".to_owned(),
                (true, _) => "not yet".to_owned(),
                (_, Some((_, lag))) => format!("{lag}"),
                _ => format!("over {}", self.horizon()),
            }
        };
        let score = |lane: &Lane| match (lane.blown, lane.score()) {
            (true, _) => "blown up".to_owned(),
            (_, Some(score)) => format!("{score:.3}").replace("-0.000", "0.000").replace('-', "−"),
            _ => "not yet".to_owned(),
        };
        let forms = |lane: &Lane| match lane.greatest > 0.0 && !lane.blown {
            true if lane.apart.is_finite() => numeral(lane.apart / lane.greatest, 0),
            _ => "none".to_owned(),
        };
        figure
            .table()
            .words("model", self.lanes.iter().map(|lane| lane.family.label()))
            .words("states", self.lanes.iter().map(|lane| lane.model.size().to_string()))
            .words("score", self.lanes.iter().map(score))
            .words("horizon", self.lanes.iter().map(horizon))
            .words("forms", self.lanes.iter().map(forms));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_reference::{apart, number, numbers, vectors, whole};

    fn run(setting: &Setting) -> MemoryBench {
        let mut bench = MemoryBench::new(setting, &mut Rng::seed_from_u64(1)).expect("a setting that runs");
        (0..bench.length()).for_each(|_| bench.advance());
        bench
    }

    fn short() -> Setting {
        Setting { length: 1024, ..Setting::default() }
    }

    #[test]
    fn all_forms_of_every_model_agree_whatever_the_size_and_the_rule() {
        for state_size in [4, 17, 64] {
            for discretisation in [Discretisation::Zoh, Discretisation::Bilinear] {
                let setting = Setting { models: Set::all(), state_size, discretisation, ..short() };
                for lane in run(&setting).lanes {
                    let apart = lane.apart / lane.greatest;
                    assert!(lane.greatest > 0.0 && apart < 1e-10, "{:?} {state_size}: {apart:e}", lane.family);
                }
            }
        }
    }

    /// Jaeger's bound: for white input the squared correlations over all lags sum to N at most, and a window without loss
    /// has all of it. The examination is a sample, so that they may sum to a little more.
    #[test]
    fn the_memory_of_white_noise_is_the_number_of_states() {
        let setting =
            Setting { period: 2.0, state_size: 16, timescale: 0.1, length: 16_384, models: Set::all(), ..short() };
        for lane in run(&setting).lanes.iter().filter(|lane| lane.model.is_linear()) {
            let capacity: f64 = lane.errors[..20].iter().map(|error| 1.0 - error).sum();
            assert!(capacity < lane.model.size() as f64 + 0.2, "{:?}: {capacity}", lane.family);
        }
    }

    #[test]
    fn the_moments_give_the_least_squares_and_their_error() {
        // y = 2 x₁ − x₂ is found from states of very different sizes, and examined without error.
        let mut moments = Moments::new(3, 1);
        let x: Vec<f64> = (0..60).map(|i| [1e-3, 50.0, 0.0][i % 3] * f64::from((i * i % 11) as u8)).collect();
        let y: Vec<f64> = x.chunks_exact(3).map(|x| 2.0 * x[0] - x[1]).collect();
        moments.add(&x, &y, 20);
        let w = moments.fit(1e-13);
        assert!((w[0] - 2.0).abs() < 1e-4 && (w[1] + 1.0).abs() < 1e-9 && w[2] == 0.0, "{w:?}");
        assert!(moments.errors(&w)[0] < 1e-12 && (moments.errors(&[0.0; 3])[0] - 1.0).abs() < 1e-15);
    }

    #[test]
    fn silence_and_a_gate_that_is_shut_leave_the_selective_state_alone() {
        let setting = Setting { selectivity: 8.0, ..short() };
        let model = Model::new(Family::Selective, &setting).expect("a model");
        let (mut memory, n) = (Vec::new(), model.size());
        let states = model.states(&mut memory, &[1.0, 0.0, 0.0, 0.0]);
        let kept = states[3 * n] / states[0];
        assert!(kept > 0.999_9 && kept < 1.0, "{kept}");
        // Without selectivity it is linear: twice the input is twice the state.
        let model = Model::new(Family::Selective, &Setting { selectivity: 0.0, ..short() }).expect("a model");
        let [once, twice] = [1.0, 2.0].map(|u| model.states(&mut Vec::new(), &[u, 0.3 * u, -u]));
        assert!(once.iter().zip(&twice).all(|(a, b)| (2.0 * a - b).abs() < 1e-12));
    }

    /// `tests/reference/diagonal.py` made them, by SciPy's `dlsim` and by the recurrence in NumPy.
    #[test]
    fn outputs_are_those_of_scipy_and_numpy() {
        let file = include_str!("../../../../tests/reference/diagonal.json");
        let stored = vectors(file);
        for (family, name) in [(Family::Stable, "stable"), (Family::Selective, "selective")] {
            let case = &stored[name];
            let setting = Setting {
                state_size: whole(&case["n"]),
                timescale: number(&case["step"]),
                selectivity: case["s"].as_f64().unwrap_or(0.0),
                ..short()
            };
            let model = Model::new(family, &setting).expect("a model");
            let w: Vec<f64> = (0..model.size()).map(|i| 1.0 / (i as f64 + 1.0)).collect();
            let (u, expected) = (numbers(&case["u"]), numbers(&case["y"]));
            let states = model.states(&mut Vec::new(), &u);
            let recurrence: Vec<f64> =
                states.chunks_exact(w.len()).map(|x| x.iter().zip(&w).map(|(x, w)| x * w).sum()).collect();
            for y in [recurrence, model.scan(&w, &u), model.convolution(&w, &u, By::Powers)] {
                let error = apart(&y, &expected);
                println!("{name} {error:.1e}");
                assert!(error < 1e-12, "{name}: {error:e}");
            }
        }
    }

    #[test]
    fn what_cannot_be_run_names_its_control() {
        let blame = |setting: Setting| {
            MemoryBench::new(&setting, &mut Rng::seed_from_u64(1)).err().and_then(|error| error.control)
        };
        assert_eq!(blame(Setting { models: Set::of(&[]), ..short() }).as_deref(), Some("models"));
        assert_eq!(blame(Setting { signal: Signal::Table, ..short() }).as_deref(), Some("table"));
    }
}
