//! A linear system $x'(t)=Ax(t)+Bu(t)$ with 32 states watches a signal go by. What does its state remember? For one famous
//! matrix, LegS, the answer is a theorem. Its impulse response is
//! $$[e^{tA}B]_n=\sqrt{2n+1}\;e^{-t}\,P_n(2e^{-t}-1),$$
//! so the state is a list of coefficients of the past $u(t-s)$ in Legendre polynomials, on a time axis warped by $e^{-s}$.
//! Reading the past needs no fitting: $u(t-s)\approx\sum_n x_n\sqrt{2n+1}\,P_n(2e^{-s}-1)$, best in the weight $e^{-s}$.
//!
//! **What you see.** The signal and the past as the state tells it, with the weight shaded. The step $\Delta$ turns samples
//! into time: the memory is $1/\Delta$ samples long. Move it and watch how far back the reading follows; the map shows the
//! same for twenty values of $\Delta$. The lines of the second figure are the system's own $e^{tA}B$; the rings are the formula.
//!
//! **Against what.** The best read-out of any state is a projection. LegS read straight off is within 2 % of that; a
//! Gaussian system of the same size, shifted to be stable, loses more than twice as much even with its best read-out. Reading LegS
//! as if its weight were uniform over $[0,t]$, as in the time-varying system from which the matrix came, gives nonsense.
//!
//! **Where it stops.** Euler's rule with a large step blows up the fast modes $-(n+1)$. Good memory is not unique: a random
//! *skew* matrix minus $I/2$ with a fitted read-out ties or wins when its frequencies cover the signal's band; what is unique is
//! the reading in closed form. And an event ten timescales ago is gone: choose *FouT*, whose window delays with an error of
//! order $1/N$, and a $\Delta$ that keeps the event inside.
//!
//! **Made definite.** Gaussian entries have variance $1/N$; with unit variance (faster modes) and unlimited precision, a
//! fitted read-out comes close to LegS and for narrow bands beats it, on coefficients near $10^{8}$. Fitted read-outs here know the state to
//! six digits. The relative errors are root mean squares over forty moments of the run, since a single moment says little. One step is
//! ten samples.

use orrery_core::figure::{Ink, Symbol};
use orrery_core::prelude::*;
use orrery_kernels::data::steps;
use orrery_kernels::legendre::orthonormal_legendre;
use orrery_kernels::linalg::{DMatrix, DVector, expm, inner};
use orrery_kernels::math::{PI, TAU, cos, exp, log10, pow};
use orrery_kernels::random::{normal_matrix, normals};
use orrery_kernels::ssm::{BlockScan, MinNorm, Rule, System, discretise, fourier, fout, legs, legt};
use std::rc::Rc;

const CARD: Card = Card {
    slug: "hippo-warped-legendre",
    title: "How to Train Your HiPPO: State Space Models with Generalized Orthogonal Basis Projections",
    year: 2022,
    lists: &[0, 2],
    claim: "The state of S4's LegS matrix is a list of Legendre coefficients of an exponentially warped past.",
    algorithms: &[
        "HiPPO",
        "LegS",
        "LegT",
        "FouT",
        "S4",
        "state space model",
        "matrix exponential",
        "bilinear discretisation",
    ],
    contenders: &[
        Contender::paper("hippo", "the state read in closed form"),
        Contender::baseline("best", "the same state, best read-out"),
        Contender::baseline("rival", "random system, best read-out"),
        Contender::baseline("uniform", "LegS read as if over [0, t]"),
    ],
};

/// The system that remembers.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Family {
    /// Warped Legendre polynomials.
    #[choice("LegS")]
    LegS,
    /// Legendre polynomials of a window.
    #[choice("LegT")]
    LegT,
    /// Fourier series of a window.
    #[choice("FouT")]
    FouT,
    /// No basis at all: it is read by its best read-out.
    #[choice("random stable")]
    RandomStable,
}

/// What is to be remembered.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Signal {
    /// The visitor's.
    #[choice("drawn")]
    Drawn,
    /// Rising frequency.
    #[choice("chirp")]
    Chirp,
    /// Harmonics of the run's length with random amplitudes and phases.
    #[choice("band-limited noise")]
    Noise,
    /// Random plateaus.
    #[choice("steps")]
    Steps,
    /// One bump at the start, then silence.
    #[choice("one event")]
    Event,
}

/// How the differential equation becomes a recurrence.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Discretisation {
    /// The trapezoidal rule.
    #[choice("bilinear")]
    Bilinear,
    /// Zero-order hold.
    #[choice("ZOH")]
    Zoh,
    /// The explicit rule.
    #[choice("Euler")]
    Euler,
}

/// The system it is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Rival {
    /// Gaussian entries of variance 1/N, shifted to spectral abscissa −1/2.
    #[choice("Gaussian, shifted")]
    Gaussian,
    /// Random skew-symmetric minus half the identity.
    #[choice("skew minus I/2")]
    Skew,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Settings {
    /// How many numbers the memory holds.
    #[control(label = "state size N", range = 2..=128, log, default = 32)]
    pub state_size: usize,
    /// The matrices A and B.
    #[control(label = "family", default = Family::LegS)]
    pub family: Family,
    /// Time from one sample to the next. The memory reaches back about 1/Δ samples.
    #[control(label = "timescale Δ", range = 1e-4..=0.3, log, default = 0.005)]
    pub timescale: f64,
    /// What the system is shown: 2,000 samples.
    #[control(label = "signal", default = Signal::Noise)]
    pub signal: Signal,
    /// Draw the signal.
    #[control(label = "curve", samples = 100, domain = 0.0..=2000.0, range = -1.0..=1.0, when = ("signal", "drawn"), default = two_bumps())]
    pub curve: Curve,
    /// Highest frequency of the noise and of the chirp, in cycles over the 2,000 samples.
    #[control(label = "bandwidth", range = 2..=100, log, default = 20, unit = "cycles", when = ("signal", ["noise", "chirp"]))]
    pub bandwidth: usize,
    /// How the differential equation becomes a recurrence.
    #[control(label = "discretisation", default = Discretisation::Bilinear)]
    pub discretisation: Discretisation,
    /// The random system of the comparison. It always has its best read-out.
    #[control(label = "rival", default = Rival::Gaussian)]
    pub rival: Rival,
    /// The moment whose state is read, as a share of the run.
    #[control(label = "query time", range = 0.0..=1.0, default = 1.0, live)]
    pub query_time: f64,
}

fn two_bumps() -> Curve {
    Curve((0..100).map(|i| 0.8 * cos(PI * f64::from(i) / 16.0) * (1.0 - f64::from(i) / 140.0)).collect())
}

/// Samples of the signal, and how many of them are one step.
const SAMPLES: usize = 2000;
const BLOCK: usize = 10;
const STEPS: usize = SAMPLES / BLOCK;
/// The basis functions are followed over this long, one time a step.
const SPAN: f64 = 5.0;
/// The errors are added up every so many steps.
const MOMENT: usize = 5;
/// Beyond this many timescales nothing weighs anything.
const HORIZON: f64 = 30.0;
/// A state beyond this has blown up.
const HUGE: f64 = 1e6;
/// The map: this many timescales, one every so many steps, and as many lags.
const MAP_ROWS: usize = 20;
const MAP_STEPS: usize = STEPS / MAP_ROWS;
const MAP_LAGS: usize = 36;

impl Discretisation {
    fn rule(self) -> Rule {
        match self {
            Self::Bilinear => Rule::Bilinear,
            Self::Zoh => Rule::ZeroOrderHold,
            Self::Euler => Rule::Euler,
        }
    }
}

impl Family {
    /// `p_n(s)`, in which the state has its coefficients. Random systems have none; LegS stands in to be compared with.
    fn basis(self, s: f64, values: &mut [f64]) {
        match self {
            Self::LegS | Self::RandomStable => orthonormal_legendre(2.0 * exp(-s) - 1.0, values),
            _ if s > 1.0 => values.fill(0.0),
            Self::LegT => orthonormal_legendre(1.0 - 2.0 * s, values),
            Self::FouT => fourier(s, values),
        }
    }

    /// The weight in which `p_n` are orthonormal: `e^{−s}`, or a window of length one.
    fn weight(self, s: f64) -> f64 {
        match self {
            Self::LegS | Self::RandomStable => exp(-s),
            Self::LegT | Self::FouT => f64::from(u8::from(s <= 1.0)),
        }
    }

    fn has_reading(self) -> bool {
        self != Self::RandomStable
    }
}

/// Gaussian entries of variance 1/N, shifted along the diagonal so that the slowest mode decays like `e^{−t/2}`.
fn random_stable(n: usize, rng: &mut Rng) -> System {
    let a = normal_matrix(n, n, rng) / (n as f64).sqrt();
    let abscissa = a.complex_eigenvalues().iter().map(|eigenvalue| eigenvalue.re).fold(f64::NEG_INFINITY, f64::max);
    System { a: a - DMatrix::identity(n, n) * (abscissa + 0.5), b: DVector::from_vec(normals(n, rng)) }
}

/// `S − I/2` with `S` skew: every mode decays like `e^{−t/2}`, at frequencies up to about `1.5 √N`.
fn random_skew(n: usize, rng: &mut Rng) -> System {
    let g = normal_matrix(n, n, rng);
    let skew = (&g - g.transpose()) * (0.75 / 2.0_f64.sqrt());
    System { a: skew - DMatrix::identity(n, n) * 0.5, b: DVector::from_vec(normals(n, rng)) }
}

/// The 2,000 samples, at most 1 in size.
fn samples(settings: &Settings, rng: &mut Rng) -> Vec<f64> {
    let times = (0..SAMPLES).map(|k| k as f64 / SAMPLES as f64);
    let signal: Vec<f64> = match settings.signal {
        Signal::Noise => {
            let mut amplitude = || rng.sample::<f64, _>(StandardNormal).abs();
            let amplitudes: Vec<f64> = (0..settings.bandwidth).map(|_| amplitude()).collect();
            let harmonics: Vec<(f64, f64)> = amplitudes.into_iter().map(|a| (a, TAU * rng.random::<f64>())).collect();
            let value = |t: f64| {
                let term = |(m, (a, phase)): (usize, &(f64, f64))| a * cos(TAU * (m + 1) as f64 * t + phase);
                harmonics.iter().enumerate().map(term).sum()
            };
            times.map(value).collect()
        }
        Signal::Chirp => times.map(|t| cos(PI * settings.bandwidth as f64 * t * t)).collect(),
        Signal::Steps => steps(SAMPLES, 120.0, rng),
        Signal::Event => {
            let bump = |k: usize| {
                let z = (k as f64 - 60.0) / 20.0;
                if z.abs() > 3.0 { 0.0 } else { exp(-0.5 * z * z) }
            };
            (0..SAMPLES).map(bump).collect()
        }
        Signal::Drawn => {
            let drawn = &settings.curve.0;
            let value = |t: f64| {
                let at = t * (drawn.len() - 1) as f64;
                let (left, share) = (at.floor() as usize, at - at.floor());
                drawn[left] * (1.0 - share) + drawn[(left + 1).min(drawn.len() - 1)] * share
            };
            times.map(value).collect()
        }
    };
    let peak = signal.iter().map(|u| u.abs()).fold(0.0, f64::max);
    if settings.signal == Signal::Noise && peak > 0.0 { signal.iter().map(|u| u / peak).collect() } else { signal }
}

/// A system on its way along the signal.
#[derive(Clone)]
struct Memory {
    scan: Rc<BlockScan>,
    best: Option<Rc<MinNorm>>,
    /// The state after each block, as long as it is of reasonable size.
    states: Vec<Rc<DVector<f64>>>,
    /// The sample at which it blew up.
    blown: Option<usize>,
}

impl Memory {
    fn new(system: &System, settings: &Settings) -> Result<Self> {
        let discrete = discretise(system, settings.timescale, settings.discretisation.rule());
        let discrete = discrete.ok_or_else(|| {
            Error::of("timescale", "this step cannot be taken: the matrix to be inverted is singular; choose another Δ")
        })?;
        let scan = BlockScan::new(&discrete, BLOCK);
        let blocks = horizon(settings.timescale) / BLOCK;
        let best = MinNorm::new(&scan, settings.timescale, blocks).map(Rc::new);
        let states = vec![Rc::new(DVector::zeros(system.b.len()))];
        Ok(Self { scan: Rc::new(scan), best, states, blown: None })
    }

    fn advance(&mut self, block: &[f64]) {
        let Some(x) = self.states.last().filter(|_| self.blown.is_none()) else { return };
        let next = self.scan.advance(x, block);
        if next.iter().all(|entry| entry.abs() <= HUGE) {
            self.states.push(Rc::new(next));
        } else {
            self.blown = Some(self.states.len() * BLOCK);
        }
    }

    /// The squared weighted error of the best read-out at a moment.
    fn best_error(&self, block: usize, energy: f64) -> Option<f64> {
        let (best, x) = (self.best.as_ref()?, self.states.get(block)?);
        Some(best.squared_error(x, energy))
    }

    /// What the best read-out says of the past at a moment, the newest sample first.
    fn best_history(&self, block: usize) -> Option<Vec<f64>> {
        Some(self.best.as_ref()?.history(&self.scan, self.states.get(block)?))
    }
}

/// Samples that weigh anything at a timescale, in whole blocks.
fn horizon(timescale: f64) -> usize {
    let samples = (HORIZON / timescale).min(SAMPLES as f64) as usize;
    samples.div_ceil(BLOCK) * BLOCK
}

/// `s` at the middle of the sample that came in `lag` samples ago.
fn age(lag: usize, timescale: f64) -> f64 {
    (lag as f64 + 0.5) * timescale
}

/// `p_n(s)` of every lag, by rows.
fn readings(family: Family, n: usize, lags: impl Iterator<Item = usize>, timescale: f64) -> Vec<f64> {
    let mut all = Vec::new();
    for lag in lags {
        let start = all.len();
        all.resize(start + n, 0.0);
        family.basis(age(lag, timescale), &mut all[start..]);
    }
    all
}

/// Squared relative errors, each `Σ_j w_j (u_j − û_j)² / Σ_j w_j u_j²` of one moment, added up over the moments of the run.
/// None as soon as one of them has none.
#[derive(Clone, Copy)]
struct Errors {
    moments: f64,
    hippo: Option<f64>,
    best: Option<f64>,
    rival: Option<f64>,
    uniform: Option<f64>,
}

impl Errors {
    /// The relative error of one reading: the root of the mean.
    fn relative(&self, squared: Option<f64>) -> Option<f64> {
        let relative = (squared? / self.moments).sqrt();
        relative.is_finite().then_some(relative)
    }
}

/// The exhibit.
#[derive(Clone)]
pub struct HippoWarpedLegendre {
    settings: Settings,
    step: usize,
    signal: Rc<Vec<f64>>,
    system: Rc<System>,
    memory: Memory,
    rival: Memory,
    /// `p_n(s)` at every lag up to the horizon, by rows.
    readings: Rc<Vec<f64>>,
    errors: Errors,
    /// `e^{hA}`, the basis `e^{tA}B` at the times so far, and its greatest distance from the formula.
    flow: Option<Rc<DMatrix<f64>>>,
    basis: Vec<Rc<DVector<f64>>>,
    deviation: f64,
    /// The rows of the map so far, each the error at every lag; and how many of them blew up.
    map: Vec<Rc<Vec<f64>>>,
    map_blown: usize,
    /// sign(A) log10(1 + |A|), by rows.
    signs: Rc<Vec<f64>>,
}

/// `t` at a step of the basis functions.
fn basis_time(step: usize) -> f64 {
    SPAN * step as f64 / (STEPS - 1) as f64
}

/// `log10 Δ` of a row of the map.
fn map_timescale(row: usize) -> f64 {
    -4.0 + (row as f64 + 0.5) * (log10(0.3) + 4.0) / MAP_ROWS as f64
}

/// `log10` of the lag of a column of the map, from 3 to 1,000 samples.
const MAP_LAG_RANGE: [f64; 2] = [0.5, 3.0];

fn map_lag(column: usize) -> usize {
    let [low, high] = MAP_LAG_RANGE;
    pow(10.0, low + (column as f64 + 0.5) * (high - low) / MAP_LAGS as f64) as usize
}

impl HippoWarpedLegendre {
    /// The moment that is looked at: the query, or the newest before it.
    fn moment(&self) -> usize {
        let query = ((self.settings.query_time * STEPS as f64) as usize).max(1);
        query.min(self.step)
    }

    /// The signal before a moment, the newest sample first.
    fn history(&self, block: usize) -> impl Iterator<Item = f64> + '_ {
        self.signal[..block * BLOCK].iter().rev().copied()
    }

    /// What the state says of the past at a moment, read straight off: `Σ_n x_n p_n(s)`, the newest sample first.
    fn straight(&self, block: usize) -> Option<Vec<f64>> {
        if !self.settings.family.has_reading() {
            return self.memory.best_history(block);
        }
        let x = self.memory.states.get(block)?;
        Some(self.readings.chunks_exact(x.len()).map(|p| inner(p, x.as_slice())).collect())
    }

    /// The state of LegS read as if it were that of the time-varying system, whose weight is uniform over [0, t]:
    /// `Σ_n x_n √(2n+1) P_n(2τ/t − 1)` at `τ = t − s`.
    fn uniform(&self, block: usize) -> Option<Vec<f64>> {
        let x = self.memory.states.get(block).filter(|_| self.settings.family == Family::LegS)?;
        let lags = block * BLOCK;
        let mut p = vec![0.0; x.len()];
        let value = |lag: usize| {
            orthonormal_legendre(1.0 - 2.0 * (lag as f64 + 0.5) / lags as f64, &mut p);
            inner(&p, x.as_slice())
        };
        Some((0..lags).map(value).collect())
    }

    /// Adds the errors of this moment. Before its start the signal was silent.
    fn add_errors(&mut self) {
        let (block, timescale) = (self.step, self.settings.timescale);
        let lags = horizon(timescale);
        let past: Vec<f64> = self.history(block).chain(std::iter::repeat(0.0)).take(lags).collect();
        let weights: Vec<f64> = (0..lags).map(|lag| exp(-age(lag, timescale))).collect();
        let energy: f64 = past.iter().zip(&weights).map(|(u, w)| w * u * u).sum();
        let squared = |guess: Option<Vec<f64>>| {
            let guess = guess?;
            let guess = guess.iter().copied().chain(std::iter::repeat(0.0));
            Some(past.iter().zip(guess).zip(&weights).map(|((u, v), w)| w * (u - v) * (u - v)).sum::<f64>())
        };
        if energy <= 0.0 {
            return;
        }
        let best = self.memory.best_error(block, energy);
        let hippo = if self.settings.family.has_reading() { squared(self.straight(block)) } else { best };
        let uniform = squared(self.uniform(block));
        let rival = self.rival.best_error(block, energy);
        let errors = &mut self.errors;
        errors.moments += 1.0;
        let sum = |total: &mut Option<f64>, next: Option<f64>| {
            *total = total.zip(next).map(|(total, next)| total + next / energy);
        };
        sum(&mut errors.hippo, hippo);
        sum(&mut errors.best, best);
        sum(&mut errors.rival, rival);
        sum(&mut errors.uniform, uniform);
    }

    /// One more time of the basis functions: `K(t + h) = e^{hA} K(t)`.
    fn follow_basis(&mut self) {
        let next = match (self.basis.last(), &self.flow) {
            (None, _) => self.system.b.clone(),
            (Some(last), Some(flow)) => &**flow * &**last,
            (Some(_), None) => return,
        };
        let t = basis_time(self.basis.len());
        let formula = self.formula(t);
        let apart = next.iter().zip(&formula).map(|(k, p)| (k - p).abs()).fold(0.0, f64::max);
        self.deviation = self.deviation.max(apart);
        self.basis.push(Rc::new(next));
    }

    /// `K_n(t) = ω(t) p_n(t)`.
    fn formula(&self, t: f64) -> Vec<f64> {
        let family = self.settings.family;
        let mut p = vec![0.0; self.system.b.len()];
        family.basis(t, &mut p);
        let weight = family.weight(t);
        p.iter().map(|p| weight * p).collect()
    }

    /// One row of the map: the same system at another timescale, over the whole signal. At every lag the root mean square
    /// of the error over the run, relative to that of the signal.
    fn map_row(&self, row: usize) -> (Vec<f64>, bool) {
        let timescale = pow(10.0, map_timescale(row));
        let blown = || (vec![MAP_LOST; MAP_LAGS], true);
        let n = self.system.b.len();
        let Some(discrete) = discretise(&self.system, timescale, self.settings.discretisation.rule()) else {
            return blown();
        };
        let scan = BlockScan::new(&discrete, BLOCK);
        let lags: Vec<usize> = (0..MAP_LAGS).map(map_lag).collect();
        let readings = if self.settings.family.has_reading() {
            readings(self.settings.family, n, lags.iter().copied(), timescale)
        } else {
            let Some(best) = MinNorm::new(&scan, timescale, horizon(timescale) / BLOCK) else { return blown() };
            best_readings(&discrete, &best, &lags, timescale)
        };
        let (mut errors, mut energies) = (vec![0.0; MAP_LAGS], vec![0.0; MAP_LAGS]);
        let mut x = DVector::zeros(n);
        for (index, block) in self.signal.chunks_exact(BLOCK).enumerate() {
            x = scan.advance(&x, block);
            if !x.iter().all(|entry| entry.abs() <= HUGE) {
                return blown();
            }
            let now = (index + 1) * BLOCK;
            for (column, (&lag, p)) in lags.iter().zip(readings.chunks_exact(n)).enumerate() {
                if lag < now {
                    let u = self.signal[now - 1 - lag];
                    let error = u - inner(p, x.as_slice());
                    errors[column] += error * error;
                    energies[column] += u * u;
                }
            }
        }
        let relative = |(error, energy): (f64, &f64)| {
            if *energy > 0.0 { (error / energy).sqrt().min(MAP_LOST) } else { f64::from(u8::from(error > 0.0)) }
        };
        (errors.into_iter().zip(&energies).map(relative).collect(), false)
    }
}

/// In the map an error larger than this is shown as this.
const MAP_LOST: f64 = 1.5;

/// The rows that read `û_j` at each of `lags` off the state by the best read-out: `K_jᵀ G⁻¹ / w_j`.
fn best_readings(discrete: &System, best: &MinNorm, lags: &[usize], timescale: f64) -> Vec<f64> {
    let mut rows = Vec::new();
    let (mut kernel, mut reached) = (discrete.b.clone(), 0);
    for &lag in lags {
        while reached < lag {
            kernel = &discrete.a * kernel;
            reached += 1;
        }
        let s = age(lag, timescale);
        let row = if s <= HORIZON { best.coefficients(&kernel) * exp(s) } else { DVector::zeros(kernel.len()) };
        rows.extend(row.iter());
    }
    rows
}

impl Exhibit for HippoWarpedLegendre {
    const CARD: Card = CARD;
    type Controls = Settings;

    fn new(settings: &Settings, rng: &mut Rng) -> Result<Self> {
        let n = settings.state_size;
        let rival = match settings.rival {
            Rival::Gaussian => random_stable(n, rng),
            Rival::Skew => random_skew(n, rng),
        };
        let signal = samples(settings, rng);
        let system = match settings.family {
            Family::LegS => legs(n),
            Family::LegT => legt(n),
            Family::FouT => fout(n),
            Family::RandomStable => random_stable(n, rng),
        };
        let flow = expm(&(&system.a * basis_time(1))).map(Rc::new);
        let lags = horizon(settings.timescale);
        let rows = (0..n).flat_map(|row| (0..n).map(move |column| (row, column)));
        let signs = rows.map(|at| {
            let entry = system.a[at];
            entry.signum() * log10(1.0 + entry.abs())
        });
        let zero = Some(0.0);
        Ok(Self {
            step: 0,
            memory: Memory::new(&system, settings)?,
            rival: Memory::new(&rival, settings)?,
            readings: Rc::new(readings(settings.family, n, 0..lags, settings.timescale)),
            errors: Errors { moments: 0.0, hippo: zero, best: zero, rival: zero, uniform: zero },
            flow,
            basis: Vec::new(),
            deviation: 0.0,
            map: Vec::new(),
            map_blown: 0,
            signs: Rc::new(signs.collect()),
            signal: Rc::new(signal),
            system: Rc::new(system),
            settings: settings.clone(),
        })
    }

    fn length(&self) -> usize {
        STEPS
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        let block = self.signal[self.step * BLOCK..(self.step + 1) * BLOCK].to_vec();
        self.memory.advance(&block);
        self.rival.advance(&block);
        self.follow_basis();
        if self.step.is_multiple_of(MAP_STEPS) {
            let (row, blown) = self.map_row(self.map.len());
            self.map.push(Rc::new(row));
            self.map_blown += usize::from(blown);
        }
        self.step += 1;
        if self.step.is_multiple_of(MOMENT) {
            self.add_errors();
        }
        Progress::Running
    }

    fn figures(&self, figures: &mut Figures) {
        self.draw_history(figures);
        self.draw_basis(figures);
        self.draw_map(figures);
        self.draw_matrix(figures);
        self.draw_errors(figures);
    }

    fn claim(&self) -> Claim {
        let open = self.step < STEPS;
        let formula = match self.settings.family {
            Family::LegS => {
                "Over t in [0, 5] no basis function leaves its closed form by more than {value} (bound {high})."
            }
            Family::LegT | Family::FouT => {
                "LegS follows its closed form; this family only nears its window: it leaves it by up to {value} (bound {high})."
            }
            Family::RandomStable => {
                "A random system has no closed form: it leaves that of LegS by up to {value} (bound {high})."
            }
        };
        let begun = (!self.basis.is_empty()).then_some(self.deviation);
        let errors = &self.errors;
        // Without a number there is a reason, and NaN, which no bound admits.
        let lack = match self.memory.blown.or(self.rival.blown) {
            Some(sample) => format!("There is no history to compare: the recurrence blew up at sample {sample}."),
            None if errors.moments == 0.0 => "There is nothing to remember: the signal is silent.".to_owned(),
            None => "There is no comparison: one of the read-outs overflows or is exact.".to_owned(),
        };
        let compare = |text: &str, to: Option<f64>, high: f64| {
            let ratio = errors.relative(errors.hippo).zip(errors.relative(to)).map(|(own, to)| own / to);
            let ratio = ratio.filter(|ratio| ratio.is_finite());
            let told = if ratio.is_none() && self.step >= MOMENT { &lack } else { text };
            let measured = (self.step >= MOMENT).then_some(ratio.unwrap_or(f64::NAN));
            Clause::at_most(told, measured, high).pending_while(open)
        };
        Claim::new(vec![
            Clause::at_most(formula, begun, 1e-10).holds_only_after(open),
            compare(
                if self.settings.family.has_reading() {
                    "The history read straight off the state has {value} times the weighted error of the best possible read-out \
                     (bound {high})."
                } else {
                    "With no closed form to read by it takes its best read-out, of {value} times the least error (bound {high})."
                },
                errors.best,
                1.02,
            ),
            compare(
                "It has {value} times the error of the random system with its best read-out (bound {high}).",
                errors.rival,
                0.5,
            ),
        ])
    }

    fn retune(&mut self, settings: &Settings) {
        self.settings.query_time = settings.query_time;
    }

    fn scenarios() -> Vec<Scenario<Settings>> {
        let default = Settings::default;
        vec![
            Scenario::holds(
                "warped-legendre",
                "A warped past",
                "LegS with 32 states: the formula holds to rounding, and the past is read off without fitting.",
                default(),
            ),
            Scenario::holds(
                "sixty-four",
                "N = 64, zero-order hold",
                "Twice the states: the reading is sharper, the formula as exact.",
                Settings { state_size: 64, discretisation: Discretisation::Zoh, ..default() },
            ),
            Scenario::fails(
                "euler",
                "Euler, large step",
                "The fast modes -(n+1) times Δ = 0.1 leave the circle in which Euler's rule is stable: the state blows up.",
                Settings { discretisation: Discretisation::Euler, timescale: 0.1, ..default() },
            ),
            Scenario::fails(
                "skew",
                "A rival that remembers",
                "A skew matrix minus I/2 whose frequencies cover the signal's band remembers as well, once its read-out is fitted.",
                Settings { rival: Rival::Skew, bandwidth: 12, ..default() },
            ),
            Scenario::fails(
                "ten-timescales",
                "Ten timescales ago",
                "One bump, then silence: at the end it is ten timescales old, and the weight has forgotten it, whatever the system.",
                Settings { signal: Signal::Event, ..default() },
            ),
            Scenario::fails(
                "fourier-delay",
                "FouT still has it",
                "The same bump in a Fourier window of 2,500 samples comes out delayed and almost intact; but only LegS has an exact formula.",
                Settings {
                    signal: Signal::Event,
                    family: Family::FouT,
                    timescale: 0.0004,
                    state_size: 128,
                    ..default()
                },
            ),
        ]
    }
}

impl HippoWarpedLegendre {
    fn draw_history(&self, figures: &mut Figures) {
        let block = self.moment();
        let now = (block * BLOCK) as f64;
        let timescale = self.settings.timescale;
        let mut caption =
            "Ink: the signal. Colour: its past as the state at the query time tells it. Shaded: the weight of \
                           the past in that state."
                .to_owned();
        for (name, memory) in [("recurrence", &self.memory), ("rival", &self.rival)] {
            if let Some(sample) = memory.blown {
                caption += &format!(" The {name} blew up at sample {sample}.");
            }
        }
        let readable = self.settings.family.has_reading();
        if !readable {
            caption += " A random system has no closed form: it is read by its best read-out.";
        }
        let mut figure = figures.figure("history", "The past, read off the state", caption);
        figure
            .x(Axis::linear("time").unit("samples").domain(0.0, SAMPLES as f64))
            .y(Axis::linear("signal").domain(-1.5, 1.5));
        let every = 2;
        let times: Vec<f64> = (0..block * BLOCK).step_by(every).map(|lag| now - 1.0 - lag as f64).collect();
        let weights: Vec<f64> = (0..block * BLOCK)
            .step_by(every)
            .map(|lag| 1.5 * self.settings.family.weight(age(lag, timescale)))
            .collect();
        figure.band(&times, weights.iter().map(|w| -w), &weights).ink(Ink::Accent).faint().label("weight");
        let shown = self.step * BLOCK;
        let thinned = |range: std::ops::Range<usize>| range.step_by(every);
        figure.line(thinned(0..shown).map(|k| k as f64), thinned(0..shown).map(|k| self.signal[k])).label("signal");
        let readings = [
            ("uniform", self.uniform(block)),
            ("rival", self.rival.best_history(block)),
            ("best", self.memory.best_history(block)),
            ("hippo", self.straight(block).filter(|_| readable)),
        ];
        for (contender, guess) in readings {
            // Not every state can be read in every way.
            let Some(guess) = guess else { continue };
            let line = figure.line(&times, guess.iter().step_by(every).map(|u| u.clamp(-3.0, 3.0)));
            line.of(contender);
            if contender == "uniform" {
                line.faint();
            }
        }
        if block > 0 {
            figure.rule_x([now]).label("query time");
        }
    }

    fn draw_basis(&self, figures: &mut Figures) {
        let n = self.system.b.len();
        let shown: Vec<usize> = (0..n).filter(|i| i % n.div_ceil(32) == 0).collect();
        let lines = if shown.len() < n {
            "Lines: rows of the matrix exponential, evenly picked."
        } else {
            "Lines: all N basis functions from the matrix exponential."
        };
        let form = if self.settings.family.has_reading() { "closed form" } else { "closed form of LegS" };
        let caption = format!("{lines} Rings: the {form}, of the first six drawn.");
        let mut figure = figures.figure("basis", "The basis in which it remembers", caption);
        figure
            .x(Axis::linear("t").unit("timescales").domain(0.0, SPAN))
            .y(Axis::linear("[exp(tA) B]ₙ").domain(-2.5, 4.0));
        let times: Vec<f64> = (0..self.basis.len()).map(basis_time).collect();
        for &i in &shown {
            let tone = i as f64 / n.max(2) as f64;
            let line = figure.line(&times, self.basis.iter().map(|k| k[i]));
            line.ink(Ink::Tone(tone));
            if i == shown[0] {
                line.label("matrix exponential");
            }
        }
        // A ring in every eighth time, on the first few functions.
        let ringed: Vec<Vec<f64>> = times.iter().step_by(8).map(|t| self.formula(*t)).collect();
        for &i in shown.iter().take(6) {
            let rings = figure.dot(times.iter().step_by(8), ringed.iter().map(|p| p[i]));
            rings.symbol(Symbol::Ring).radius(3.0).ink(Ink::Strong);
            if i == shown[0] {
                rings.label(form);
            }
        }
    }

    fn draw_map(&self, figures: &mut Figures) {
        let mut caption =
            "How wrong the state is about one moment of the past. Below and left of the line that moment is \
                           younger than one timescale. Each row is a run of its own."
                .to_owned();
        if self.map_blown > 0 {
            caption += " The recurrence blew up in some rows: there all is lost.";
        }
        let mut figure = figures.figure("map", "What is remembered, at which timescale", caption);
        let [low, high] = [-4.0, log10(0.3)];
        figure.x(Axis::linear("lag, log₁₀ of samples").domain(MAP_LAG_RANGE[0], MAP_LAG_RANGE[1]));
        figure.y(Axis::linear("log₁₀ Δ").domain(low, high));
        let values: Vec<f64> = self.map.iter().flat_map(|row| row.iter().copied()).collect();
        if !values.is_empty() {
            let top = low + (high - low) * self.map.len() as f64 / MAP_ROWS as f64;
            let grid = Grid { values: &values, columns: MAP_LAGS, x: MAP_LAG_RANGE, y: [low, top] };
            figure.raster(grid, Colors::sequential("relative error").domain(0.0, 1.0));
        }
        figure.line([0.5, 3.0], [-0.5, -3.0]).ink(Ink::Accent).label("lag = 1/Δ");
        figure.rule_y([log10(self.settings.timescale)]).dashed().label("Δ of the run");
    }

    fn draw_matrix(&self, figures: &mut Figures) {
        let n = self.system.b.len();
        let caption =
            "Entries by sign and size. LegS is lower triangular: each coefficient is driven by the coarser ones alone.";
        let mut figure = figures.figure("matrix", "The state matrix A", caption);
        let size = n as f64;
        figure
            .x(Axis::linear("column k").domain(0.0, size))
            .y(Axis::linear("row n").domain(0.0, size).reversed())
            .equal();
        let grid = Grid { values: &self.signs, columns: n, x: [0.0, size], y: [0.0, size] };
        figure.raster(grid, Colors::diverging("sign(A) log₁₀(1 + |A|)"));
    }

    fn draw_errors(&self, figures: &mut Figures) {
        let caption = "Relative error of the past, the weight being exp(−s): root mean square over the run so far.";
        let mut figure = figures.figure("errors", "How well each reading does", caption);
        let errors = &self.errors;
        let hippo = errors.hippo.filter(|_| self.settings.family.has_reading());
        let rows = [("hippo", hippo), ("best", errors.best), ("rival", errors.rival), ("uniform", errors.uniform)];
        let known = rows.into_iter().filter_map(|(id, squared)| Some((id, errors.relative(squared)?)));
        let (ids, values): (Vec<&str>, Vec<f64>) = known.unzip();
        let labels = ids.iter().map(|id| CARD.contenders.iter().find(|c| c.id == *id).map_or("", |c| c.label));
        figure.table().words("reading", labels).numbers("relative error", values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The run's end, without the figures' side of it.
    fn at_the_end(settings: &Settings) -> HippoWarpedLegendre {
        let mut exhibit = HippoWarpedLegendre::new(settings, &mut Rng::seed_from_u64(0)).unwrap();
        for block in exhibit.signal.clone().chunks_exact(BLOCK) {
            exhibit.memory.advance(block);
            exhibit.step += 1;
        }
        exhibit
    }

    /// Relative error of the reading over the lags at which the event lies.
    fn event_lost(settings: &Settings) -> f64 {
        let exhibit = at_the_end(settings);
        let past: Vec<f64> = exhibit.history(STEPS).collect();
        let guess = exhibit.straight(STEPS).unwrap();
        let event = SAMPLES - 120..SAMPLES;
        let error: f64 = event.clone().map(|lag| (past[lag] - guess[lag]) * (past[lag] - guess[lag])).sum();
        (error / event.map(|lag| past[lag] * past[lag]).sum::<f64>()).sqrt()
    }

    #[test]
    fn an_event_ten_timescales_ago_is_lost_to_legs_and_delayed_by_fout() {
        let event = Settings { signal: Signal::Event, ..Settings::default() };
        let lost = event_lost(&event);
        let window = Settings { family: Family::FouT, timescale: 0.0004, state_size: 128, ..event };
        let delayed = event_lost(&window);
        assert!(lost > 0.95 && delayed < 0.15, "{lost} {delayed}");
    }

    #[test]
    fn the_error_foretold_is_that_of_the_history_formed() {
        let exhibit = at_the_end(&Settings::default());
        let weigh = |lag: usize, e: f64| exp(-age(lag, 0.005)) * e * e;
        let past: Vec<f64> = exhibit.history(STEPS).collect();
        let energy: f64 = past.iter().enumerate().map(|(lag, u)| weigh(lag, *u)).sum();
        let guess = exhibit.memory.best_history(STEPS).unwrap();
        let error: f64 = past.iter().zip(guess).enumerate().map(|(lag, (u, v))| weigh(lag, u - v)).sum();
        assert!((error - exhibit.memory.best_error(STEPS, energy).unwrap()).abs() < 1e-9 * energy);
    }

    #[test]
    fn the_random_systems_have_their_slowest_mode_at_one_half() {
        let rng = &mut Rng::seed_from_u64(1);
        for system in [random_stable(12, rng), random_skew(12, rng)] {
            let slowest = system.a.complex_eigenvalues().iter().map(|e| e.re).fold(f64::NEG_INFINITY, f64::max);
            assert!((slowest + 0.5).abs() < 1e-12);
        }
    }
}
