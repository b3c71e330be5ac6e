//! Predict $y_t$ of a linear system with unknown, asymmetric $A$ from its inputs and its past. Real modes are easy: a few fixed filters
//! span them all. Modes $re^{i\theta}$ that rotate, and hardly decay, are not. The idea is to make them small first. With the monic
//! Chebyshev polynomial $p_n(x)=2^{1-n}T_n(x)=\sum_i c_ix^{n-i}$,
//! $$\sum_{i=0}^nc_iy_{t-i}\quad\text{has the modes}\quad p_n(\lambda)\lambda^t,$$
//! and near $[-1,1]$ the polynomial is about $2^{1-n}$ small. What is left is predicted from the inputs, through the top eigenvectors of
//! $$Z=\int_{|\arg\alpha|\le\beta}|p_n(\alpha)|^2\,\mu(\alpha)\mu(\alpha)^*\,d\alpha,\qquad\mu(\alpha)=(1,\alpha,\alpha^2,\dots),$$
//! and their alternating twins. Neither $A$ nor its size is learned.
//!
//! **What you see.** Five predictors meet 4,096 samples one by one and pay squared errors. Three have fixed filters: this one, and classical
//! Hankel filters with and without the term $y_{t-2}$. A learned autoregression has as many weights; a diagonal recurrence is
//! trained by Adam on the first half. The plane shows the hidden modes in their wedge, on the size of $p_n$.
//!
//! **Try.** Open the wedge. Then change the learner: by *least squares* the autoregression is better by orders of magnitude, because it
//! may pick any polynomial, with weights as large as it likes. By *online gradient*, the paper's learner, whose regret grows with the size
//! of weights and features, it is the other way round. The theorem is about regret in that sense, not about a best fit.
//!
//! **Where it stops.** Beyond $\beta\approx0.4$ $p_n$ is no longer small on the wedge. In a wedge of 0.01, $y_{t-2}$ alone mostly does better. The
//! coefficients $c_i$ amplify observation noise.
//!
//! **Made definite.** The integral over the wedge has a closed form, so no quadrature is needed. Filters have 512
//! taps; moduli are log-uniform in $1-|\lambda|$, so that each decade is present. Features are scaled to unit size
//! over the run; the gradient step is divided by the squared size of the current ones, which the paper's is not, and
//! projected to a ball of 100. "Dimension-free" holds within a factor of three or so, since each hidden size is
//! another draw; twofold, as one might hope, is too strict.

use crate::diagonal_layer::DiagonalLayer;
use crate::spectral_filters::{Design, Seen, combine, delayed, hankel, power};
use orrery_core::prelude::*;
use orrery_kernels::linalg::{Complex, Lanczos, View, matmul_add, matvec, ridge};
use orrery_kernels::math::{log10, pow, sin, sincos};
use orrery_kernels::random::normals;
use orrery_kernels::ssm::{Diagonal, SpectralFilters};
use std::rc::Rc;

const CARD: Card = Card {
    slug: "chebyshev-spectral-filter",
    title: "Dimension-free Regret for Learning Asymmetric Linear Dynamical Systems",
    year: 2025,
    lists: &[2],
    claim: "A fixed Chebyshev polynomial and fixed filters predict slowly rotating systems of any hidden size.",
    algorithms: &[
        "spectral filtering",
        "Chebyshev polynomials",
        "preconditioning",
        "linear dynamical system",
        "online gradient descent",
        "autoregression",
        "regret",
        "Lanczos iteration",
    ],
    contenders: &[
        Contender::paper("chebyshev", "Chebyshev filters"),
        Contender::baseline("shift", "Hankel filters and y(t-2)"),
        Contender::baseline("hankel", "Hankel filters"),
        Contender::baseline("arx", "learned autoregression"),
        Contender::baseline("ssm", "trained recurrence"),
    ],
};

/// How the weights are learned.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Learner {
    /// A step down the newest sample's error.
    #[choice("online gradient")]
    Gradient,
    /// The best weights for all samples so far, every 64 samples.
    #[choice("least squares")]
    Ridge,
}

/// What drives the system.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Drive {
    /// Independent normal numbers.
    #[choice("white noise")]
    White,
    /// Twenty sines of random frequency.
    #[choice("sines")]
    Sines,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Settings {
    /// By how much a mode rotates at most in one sample, from the real axis.
    #[control(label = "wedge β", range = 0.001..=0.8, log, default = 0.1, unit = "rad")]
    pub beta: f64,
    /// Eigenvalues of the system, in conjugate pairs.
    #[control(label = "hidden dimension", range = 2..=256, log, default = 32)]
    pub hidden: usize,
    /// The modulus of the slowest mode.
    #[control(label = "spectral radius", range = 0.9..=0.9999, default = 0.999)]
    pub radius: f64,
    /// The degree of the polynomial. Zero does nothing to the outputs.
    #[control(label = "Chebyshev degree n", range = 0..=16, default = 6)]
    pub degree: usize,
    /// How many filters of each sign.
    #[control(label = "filters k", range = 1..=40, default = 12)]
    pub filters: usize,
    /// How the weights are learned.
    #[control(label = "learner", default = Learner::Gradient)]
    pub learner: Learner,
    /// What drives the system.
    #[control(label = "input", default = Drive::White)]
    pub drive: Drive,
    /// Deviation of the noise on each observed output, whose size is one.
    #[control(label = "observation noise", range = 0.0..=0.5, default = 0.0)]
    pub noise: f64,
}

const SAMPLES: usize = 4096;
const TAPS: usize = 512;
/// Samples in one step, and steps of Adam meanwhile.
const BLOCK: usize = 64;
const BLOCKS: usize = SAMPLES / BLOCK;
const TRAININGS: usize = 2;
const MODES: usize = 16;
/// Steps of Lanczos in one step.
const LANCZOS: usize = 20;
const RIDGE: f64 = 1e-11;
/// The step of gradient descent, over the size of the features, and the ball to which weights are projected.
const RATE: f64 = 0.5;
const BALL: f64 = 100.0;
/// The sweep over hidden sizes.
const SIZES: [usize; 5] = [16, 32, 64, 128, 256];
/// The map: wedges and degrees, with shorter filters on fewer samples.
const WEDGES: [f64; 5] = [0.01, 0.03, 0.1, 0.3, 0.8];
const DEGREES: [usize; 5] = [0, 2, 4, 8, 12];
const MAP_SAMPLES: usize = 2048;
const MAP_TAPS: usize = 256;
const MAP_FILTERS: usize = 12;

/// The coefficients `c_0 = 1, …, c_n` of `2^{1−n} T_n(x) = Σ_i c_i x^{n−i}`.
pub fn monic_chebyshev(n: usize) -> Vec<f64> {
    // p_{m+1} = x p_m − p_{m−1} / 4, but p_2 = x p_1 − 1/2, from T_{m+1} = 2x T_m − T_{m−1}.
    let (mut before, mut p) = (vec![1.0], vec![1.0, 0.0]);
    if n == 0 {
        return before;
    }
    for m in 1..n {
        let mut next = p.clone();
        next.push(0.0);
        let share = if m == 1 { 0.5 } else { 0.25 };
        next[2..].iter_mut().zip(&before).for_each(|(entry, b)| *entry -= share * b);
        before = std::mem::replace(&mut p, next);
    }
    p
}

/// `Z_ij = ∫ |p(α)|² α^i ᾱ^j dα` over the unit disc's wedge |arg α| ≤ β, by rows, for a polynomial `Σ c_a α^{n−a}`.
pub fn moments(taps: usize, beta: f64, c: &[f64]) -> Vec<f64> {
    let (n, size) = (c.len() - 1, taps + c.len() - 1);
    // ∫ α^p ᾱ^q dα = 2 sin(β(p − q)) / ((p − q)(p + q + 2))
    let plain = |p: usize, q: usize| {
        let d = p as f64 - q as f64;
        let angle = if p == q { 2.0 * beta } else { 2.0 * sin(beta * d) / d };
        angle / (p + q + 2) as f64
    };
    let w: Vec<f64> = (0..size * size).map(|at| plain(at / size, at % size)).collect();
    let mut rows = vec![0.0; taps * size];
    for (i, row) in rows.chunks_exact_mut(size).enumerate() {
        for (a, c) in c.iter().enumerate() {
            let from = &w[(i + n - a) * size..][..size];
            row.iter_mut().zip(from).for_each(|(entry, w)| *entry += c * w);
        }
    }
    let mut z = vec![0.0; taps * taps];
    for (z, row) in z.chunks_exact_mut(taps).zip(rows.chunks_exact(size)) {
        for (b, c) in c.iter().enumerate() {
            z.iter_mut().zip(&row[n - b..]).for_each(|(entry, r)| *entry += c * r);
        }
    }
    z
}

/// The search for the top eigenvectors of `Z`.
#[derive(Clone)]
struct Search {
    z: Rc<Vec<f64>>,
    taps: usize,
    lanczos: Lanczos,
    count: usize,
}

impl Search {
    fn new(taps: usize, beta: f64, c: &[f64], count: usize) -> Self {
        // Any start that is orthogonal to no eigenvector: noise of a seed of its own, so that filters depend on β and n alone.
        let start = normals(taps, &mut Rng::seed_from_u64(17));
        Self { z: Rc::new(moments(taps, beta, c)), taps, lanczos: Lanczos::new(start), count }
    }

    /// How many steps of Lanczos it takes: twice as many as filters, and what a slow decay needs.
    fn needed(count: usize) -> usize {
        80 + 4 * count
    }

    fn advance(&mut self, steps: usize) {
        let (z, taps) = (self.z.clone(), self.taps);
        let multiply = |v: &[f64], out: &mut [f64]| out.copy_from_slice(&matvec(View::by_rows(&z, taps, taps), v));
        self.lanczos.advance(multiply, steps);
    }

    fn filters(&self) -> Vec<Rc<Vec<f64>>> {
        let upright = |mut v: Vec<f64>| {
            let sign = if v[0] < 0.0 { -1.0 } else { 1.0 };
            v.iter_mut().for_each(|entry| *entry *= sign);
            Rc::new(v)
        };
        self.lanczos.largest(self.count).into_iter().map(|pair| upright(pair.vector)).collect()
    }
}

/// A system but for its wedge and radius.
struct System {
    /// Shares of the way: of the decades of 1 − |λ|, and of β; and the sign.
    modes: Vec<[f64; 3]>,
    weights: Vec<Complex<f64>>,
    noise: Vec<f64>,
}

impl System {
    fn new(hidden: usize, rng: &mut Rng) -> Self {
        let count = hidden.div_ceil(2);
        let mut mode = |n: usize| {
            let (decades, angle) = (rng.random::<f64>(), rng.random::<f64>());
            let sign = if rng.random::<f64>() < 0.5 { 1.0 } else { -1.0 };
            [if n == 0 { 1.0 } else { decades }, angle, sign]
        };
        let modes = (0..count).map(&mut mode).collect();
        let z = normals(2 * count, rng);
        let weights = z.chunks(2).map(|pair| Complex::new(pair[0], pair[1])).collect();
        Self { modes, weights, noise: normals(SAMPLES, rng) }
    }

    /// `λ = ±(1 − (1 − ρ)^v) e^{iθ}`.
    fn eigenvalues(&self, beta: f64, radius: f64) -> Vec<Complex<f64>> {
        let eigenvalue = |[decades, angle, sign]: &[f64; 3]| {
            let size = sign * (1.0 - pow(1.0 - radius, *decades));
            let (sin, cos) = sincos(beta * angle);
            Complex::new(size * cos, size * sin)
        };
        self.modes.iter().map(eigenvalue).collect()
    }

    /// The observed output, of unit size but for the noise. Each mode has equal energy on average.
    fn respond(&self, u: &[f64], settings: &Settings, beta: f64) -> Vec<f64> {
        let a = self.eigenvalues(beta, settings.radius);
        let c: Vec<Complex<f64>> =
            a.iter().zip(&self.weights).map(|(a, w)| w * (1.0 - a.norm_sqr()).max(0.0).sqrt()).collect();
        let b = vec![Complex::new(1.0, 0.0); a.len()];
        let y = Diagonal { a, b }.recur(&c, u);
        let size = power(&y).sqrt().max(1e-12);
        y.iter().zip(&self.noise).map(|(y, z)| y / size + settings.noise * z).collect()
    }
}

/// The input.
fn drive(drive: Drive, rng: &mut Rng) -> Vec<f64> {
    match drive {
        Drive::White => normals(SAMPLES, rng),
        Drive::Sines => {
            let waves: Vec<[f64; 2]> =
                (0..20).map(|_| [3.1 * rng.random::<f64>(), 6.3 * rng.random::<f64>()]).collect();
            let value = |t: usize| waves.iter().map(|[omega, phase]| sin(omega * t as f64 + phase)).sum::<f64>();
            (0..SAMPLES).map(|t| value(t) / 10.0_f64.sqrt()).collect()
        }
    }
}

/// `Σ_i c_i y_{t−i}`.
fn preconditioned(y: &[f64], c: &[f64]) -> Vec<f64> {
    let mut sum = vec![0.0; y.len()];
    for (i, c) in c.iter().enumerate() {
        sum.iter_mut().skip(i).zip(y).for_each(|(sum, y)| *sum += c * y);
    }
    sum
}

/// What a filter and its alternating twin see, so many samples ago.
fn both(seen: &mut Seen, filter: &[f64], by: usize) -> [Rc<Vec<f64>>; 2] {
    [false, true].map(|alternating| Rc::new(delayed(&seen.through(filter, alternating), by)))
}

/// A predictor that is linear in fixed features, learning as it goes.
#[derive(Clone)]
struct Online {
    /// The scaled features of each sample, by rows.
    rows: Rc<Vec<f64>>,
    target: Rc<Vec<f64>>,
    weights: Vec<f64>,
    gram: Vec<f64>,
    moments: Vec<f64>,
    /// Squared errors: all so far, and those of the second half.
    total: f64,
    late: f64,
    path: Series,
}

impl Online {
    fn new(features: &[Rc<Vec<f64>>], target: Vec<f64>) -> Self {
        let n = features.len();
        let mut rows = vec![0.0; n * SAMPLES];
        for (j, feature) in features.iter().enumerate() {
            let scale = 1.0 / power(feature).sqrt().max(1e-150);
            for (row, x) in rows.chunks_exact_mut(n).zip(feature.iter()) {
                row[j] = scale * x;
            }
        }
        Self::of(Rc::new(rows), n, target)
    }

    fn of(rows: Rc<Vec<f64>>, n: usize, target: Vec<f64>) -> Self {
        Self {
            rows,
            target: Rc::new(target),
            weights: vec![0.0; n],
            gram: vec![0.0; n * n],
            moments: vec![0.0; n],
            total: 0.0,
            late: 0.0,
            path: Series::new(),
        }
    }

    /// Predicts, pays and learns, sample by sample.
    fn advance(&mut self, block: usize, learner: Learner) {
        let n = self.weights.len();
        let range = block * BLOCK..(block + 1) * BLOCK;
        for t in range.clone() {
            let x = &self.rows[t * n..(t + 1) * n];
            let e = x.iter().zip(&self.weights).map(|(x, w)| x * w).sum::<f64>() - self.target[t];
            self.total += e * e;
            self.late += if t >= SAMPLES / 2 { e * e } else { 0.0 };
            if learner == Learner::Gradient {
                // w ← w − η_t e x / |x|², then back to the ball
                let size: f64 = x.iter().map(|x| x * x).sum();
                let step = RATE * e / (size.max(1e-8) * (1.0 + t as f64 / 1000.0).sqrt());
                self.weights.iter_mut().zip(x).for_each(|(w, x)| *w -= step * x);
                let norm = power(&self.weights).sqrt() * (n as f64).sqrt();
                if norm > BALL {
                    self.weights.iter_mut().for_each(|w| *w *= BALL / norm);
                }
            }
            if t % 8 == 7 {
                self.path.push((t + 1) as f64, self.total.max(1e-12));
            }
        }
        if learner == Learner::Ridge {
            let rows = View::by_rows(&self.rows[range.start * n..range.end * n], BLOCK, n);
            matmul_add(rows.t(), rows, &mut self.gram);
            matmul_add(rows.t(), View::by_rows(&self.target[range], BLOCK, 1), &mut self.moments);
            self.weights = ridge(&self.gram, RIDGE * SAMPLES as f64, &self.moments, n, 1);
        }
    }

    /// The mean squared error of the second half so far, whose outputs are of unit size.
    fn error(&self) -> f64 {
        self.late / (SAMPLES / 2) as f64
    }
}

/// What does not change during the run.
struct Problem {
    settings: Settings,
    c: Vec<f64>,
    hankel: SpectralFilters,
    system: System,
    sizes: Vec<System>,
    u: Vec<f64>,
    y: Vec<f64>,
}

/// The exhibit.
#[derive(Clone)]
pub struct ChebyshevSpectralFilter {
    problem: Rc<Problem>,
    step: usize,
    search: Search,
    filters: Rc<Vec<Rc<Vec<f64>>>>,
    seen: Seen,
    /// What the filters see: those of the wedge, then those of the Hankel matrix.
    views: [Vec<Rc<Vec<f64>>>; 2],
    /// The four that learn online, in the order of the card, and this paper's at each size of the sweep.
    online: Vec<Online>,
    sizes: Vec<Online>,
    layer: DiagonalLayer,
    layer_path: Series,
    layer_error: Option<f64>,
    map: Vec<f64>,
}

impl ChebyshevSpectralFilter {
    fn searching(&self) -> usize {
        Search::needed(self.problem.settings.filters).div_ceil(LANCZOS)
    }

    /// Steps before the first sample.
    fn prepared(&self) -> usize {
        self.searching() + self.problem.settings.filters + 1
    }

    fn online(&self) -> (Vec<Online>, Vec<Online>) {
        let Problem { settings, c, sizes, u, y, .. } = &*self.problem;
        let (n, k) = (settings.degree, settings.filters);
        let late = |x: &[f64], by: std::ops::RangeInclusive<usize>| -> Vec<Rc<Vec<f64>>> {
            by.map(|by| Rc::new(delayed(x, by))).collect()
        };
        let behind = |views: &[Rc<Vec<f64>>], by: usize| -> Vec<Rc<Vec<f64>>> {
            views.iter().map(|view| Rc::new(delayed(view, by))).collect()
        };
        let own = Online::new(&[late(u, 0..=n), behind(&self.views[0], n)].concat(), preconditioned(y, c));
        let shifted = preconditioned(y, &[1.0, 0.0, -1.0]);
        let shift = Online::new(&[late(u, 0..=2), behind(&self.views[1], 2)].concat(), shifted);
        let plain = Online::new(&[late(u, 0..=2), self.views[1].clone()].concat(), y.clone());
        // As many weights as this paper's: half of them on the past of y.
        let lags = (2 * k + n + 1).div_ceil(2);
        let arx = Online::new(&[late(u, 0..=lags), late(y, 1..=lags)].concat(), y.clone());
        let width = own.weights.len();
        let sweep = sizes.iter().map(|system| {
            Online::of(own.rows.clone(), width, preconditioned(&system.respond(u, settings, settings.beta), c))
        });
        let sweep = sweep.collect();
        (vec![own, shift, plain, arx], sweep)
    }

    /// One wedge and one degree, by least squares on half of a shorter run.
    fn cell(&self, cell: usize) -> f64 {
        let Problem { settings, system, u, .. } = &*self.problem;
        let (beta, n) = (WEDGES[cell / DEGREES.len()], DEGREES[cell % DEGREES.len()]);
        let c = monic_chebyshev(n);
        let mut search = Search::new(MAP_TAPS, beta, &c, MAP_FILTERS);
        search.advance(60);
        let u = &u[..MAP_SAMPLES];
        let y = system.respond(u, settings, beta);
        let mut seen = Seen::new(u, MAP_TAPS);
        let mut features: Vec<Rc<Vec<f64>>> = (0..=n).map(|by| Rc::new(delayed(u, by))).collect();
        features.extend(search.filters().iter().flat_map(|filter| both(&mut seen, filter, n)));
        let (target, half) = (preconditioned(&y, &c), MAP_SAMPLES / 2);
        let guess = combine(&features, &Design::new(&features, 0..half).fit(&target, RIDGE));
        let e: Vec<f64> = guess[half..].iter().zip(&target[half..]).map(|(a, b)| a - b).collect();
        power(&e) / power(&y[half..]).max(1e-12)
    }

    /// The recurrence learns the first half, and answers for the second at the end.
    fn train(&mut self, block: usize) {
        let problem = self.problem.clone();
        let half = SAMPLES / 2;
        for _ in 0..TRAININGS {
            self.layer.train(&problem.u[..half], &problem.y[..half]);
        }
        if block + 1 == BLOCKS {
            let response = self.layer.respond(&problem.u);
            let mut total = 0.0;
            for (t, (guess, y)) in response.iter().zip(&problem.y).enumerate().skip(half) {
                let e = guess - y;
                total += e * e;
                if t % 8 == 7 {
                    self.layer_path.push((t + 1) as f64, total.max(1e-12));
                }
            }
            self.layer_error = Some(total / half as f64);
        }
    }

    /// The geometric mean of the errors of the two largest sizes over that of the two smallest.
    fn growth(&self) -> Option<f64> {
        let [a, b, .., d, e] = self.sizes.as_slice() else { return None };
        Some((d.error() * e.error() / (a.error() * b.error())).sqrt())
    }
}

impl Exhibit for ChebyshevSpectralFilter {
    const CARD: Card = CARD;
    type Controls = Settings;

    fn new(settings: &Settings, rng: &mut Rng) -> Result<Self> {
        let c = monic_chebyshev(settings.degree);
        let u = drive(settings.drive, rng);
        let system = System::new(settings.hidden, rng);
        let sizes = SIZES.iter().map(|size| System::new(*size, rng)).collect();
        let y = system.respond(&u, settings, settings.beta);
        let layer = DiagonalLayer::ring(MODES, [0.9, 0.999], 0.01, rng);
        Ok(Self {
            step: 0,
            search: Search::new(TAPS, settings.beta, &c, settings.filters),
            filters: Rc::new(Vec::new()),
            seen: Seen::new(&u, TAPS),
            views: [Vec::new(), Vec::new()],
            online: Vec::new(),
            sizes: Vec::new(),
            layer,
            layer_path: Series::new(),
            layer_error: None,
            map: Vec::new(),
            problem: Rc::new(Problem {
                hankel: hankel(TAPS, settings.filters),
                settings: settings.clone(),
                c,
                system,
                sizes,
                u,
                y,
            }),
        })
    }

    fn length(&self) -> usize {
        self.prepared() + BLOCKS
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        let (searching, prepared) = (self.searching(), self.prepared());
        if self.step < searching {
            self.search.advance(LANCZOS);
            if self.step + 1 == searching {
                self.filters = Rc::new(self.search.filters());
            }
        } else if self.step + 1 < prepared {
            let j = self.step - searching;
            if let Some(filter) = self.filters.get(j) {
                self.views[0].extend(both(&mut self.seen, filter, 0));
            }
            if let Some(filter) = self.problem.hankel.filters.column_iter().nth(j) {
                self.views[1].extend(both(&mut self.seen, filter.into_owned().as_slice(), 0));
            }
        } else if self.step + 1 == prepared {
            (self.online, self.sizes) = self.online();
        } else {
            let block = self.step - prepared;
            let learner = self.problem.settings.learner;
            self.online.iter_mut().chain(&mut self.sizes).for_each(|online| online.advance(block, learner));
            self.train(block);
            if block.is_multiple_of(2) && self.map.len() < WEDGES.len() * DEGREES.len() {
                self.map.push(self.cell(self.map.len()));
            }
        }
        self.step += 1;
        if self.step < self.length() { Progress::Running } else { Progress::Done }
    }

    fn figures(&self, figures: &mut Figures) {
        self.draw_errors(figures);
        self.draw_plane(figures);
        self.draw_filters(figures);
        self.draw_map(figures);
        self.draw_sizes(figures);
    }

    fn claim(&self) -> Claim {
        let open = self.step < self.length();
        let begun = self.step > self.prepared() + BLOCKS / 2;
        let over = |other: usize| match self.online.as_slice() {
            [own, ..] if begun => self.online.get(other).map(|rival| own.error() / rival.error()),
            _ => None,
        };
        let clause = |text: &str, value, high| Clause::at_most(text, value, high).pending_while(open);
        Claim::new(vec![
            clause(
                "Over the second half it errs {value} times as much as Hankel filters with y(t-2) (bound {high}).",
                over(1),
                0.5,
            ),
            clause("It errs {value} times as much as Hankel filters alone (bound {high}).", over(2), 0.05),
            clause(
                "It errs {value} times as much as an autoregression with as many weights, learned likewise (bound {high}).",
                over(3),
                0.5,
            ),
            clause(
                "From 16 and 32 to 128 and 256 hidden dimensions its error grows by a factor of {value} (bound {high}).",
                self.growth().filter(|_| begun),
                4.0,
            ),
        ])
    }

    fn scenarios() -> Vec<Scenario<Settings>> {
        let default = Settings::default;
        vec![
            Scenario::holds(
                "slow-rotation",
                "Slow rotation",
                "Modes that turn by up to 0.1 a sample: fixed filters behind a fixed polynomial, learned by online gradient.",
                default(),
            ),
            Scenario::holds(
                "degree-ten",
                "Degree ten",
                "A higher polynomial leaves less to predict.",
                Settings { degree: 10, ..default() },
            ),
            Scenario::fails(
                "least-squares",
                "Least squares",
                "A learner that may use any weights, however large, finds a better polynomial than Chebyshev's: without noise the autoregression wins.",
                Settings { learner: Learner::Ridge, ..default() },
            ),
            Scenario::fails(
                "fast-rotation",
                "Fast rotation",
                "On a wedge of 0.8 the polynomial is not small any more, and most of the gain is gone.",
                Settings { beta: 0.8, ..default() },
            ),
            Scenario::fails(
                "noise",
                "Noisy outputs",
                "The coefficients of the polynomial amplify noise on the outputs more than y(t-2) does.",
                Settings { noise: 0.1, ..default() },
            ),
        ]
    }
}

impl ChebyshevSpectralFilter {
    fn draw_errors(&self, figures: &mut Figures) {
        let mut figure = figures.figure(
            "errors",
            "Squared error paid so far",
            "Each predictor learns as it goes. The trained recurrence learns the first half and pays for the second.",
        );
        figure
            .x(Axis::linear("samples seen").domain(0.0, SAMPLES as f64))
            .y(Axis::log("cumulative squared error").or(Scale::Linear));
        if !self.layer_path.xs().next().is_none_or(f64::is_nan) {
            figure.line(self.layer_path.xs(), self.layer_path.ys()).of("ssm");
        }
        for (online, contender) in self.online.iter().zip(CARD.contenders).rev() {
            figure.line(online.path.xs(), online.path.ys()).of(contender.id);
        }
    }

    fn draw_plane(&self, figures: &mut Figures) {
        let Problem { settings, c, system, .. } = &*self.problem;
        let mut figure = figures.figure(
            "plane",
            "The hidden modes and the polynomial",
            "Shaded: the polynomial's size. Between the lines lie the wedges for which the filters are made.",
        );
        figure
            .x(Axis::linear("real part").domain(-1.1, 1.1))
            .y(Axis::linear("imaginary part").domain(-1.1, 1.1))
            .equal();
        const SIDE: usize = 44;
        let place = |i: usize| -1.1 + 2.2 * (i as f64 + 0.5) / SIDE as f64;
        let size = |at: usize| {
            let x = Complex::new(place(at % SIDE), place(at / SIDE));
            let p = c.iter().fold(Complex::new(0.0, 0.0), |sum, c| sum * x + c);
            log10(p.norm_sqr().sqrt().max(1e-12)).clamp(-5.0, 1.0)
        };
        let values: Vec<f64> = (0..SIDE * SIDE).map(size).collect();
        let grid = Grid { values: &values, columns: SIDE, x: [-1.1, 1.1], y: [-1.1, 1.1] };
        figure.raster(grid, Colors::sequential("log₁₀ |p(x)|").domain(-5.0, 1.0));
        let (sin, cos) = sincos(settings.beta);
        for slope in [sin, -sin] {
            figure.line([-cos, cos], [-slope, slope]).ink(Ink::Accent);
        }
        let circle: Vec<(f64, f64)> =
            (0..=120_u32).map(|i| sincos(std::f64::consts::TAU * f64::from(i) / 120.0)).collect();
        figure.line(circle.iter().map(|p| p.1), circle.iter().map(|p| p.0)).ink(Ink::Muted).label("unit circle");
        let modes = system.eigenvalues(settings.beta, settings.radius);
        let pairs = || modes.iter().flat_map(|z| [*z, z.conj()]);
        figure.dot(pairs().map(|z| z.re), pairs().map(|z| z.im)).radius(2.5).ink(Ink::Strong).label("hidden modes");
    }

    fn draw_filters(&self, figures: &mut Figures) {
        let mut figure = figures.figure(
            "filters",
            "The first filters",
            "Lines: those of the wedge, which oscillate as its modes do. Dashed: the first of the Hankel matrix.",
        );
        figure.x(Axis::linear("lag").unit("samples").domain(0.0, 160.0)).y(Axis::linear("filter").domain(-1.0, 1.0));
        let lags = || (0..160).map(f64::from);
        for (j, filter) in self.filters.iter().take(4).enumerate() {
            let line = figure.line(lags(), &filter[..160]);
            line.ink(Ink::Tone(j as f64 / 4.0));
            if j == 0 {
                line.label("filters of the wedge");
            }
        }
        for (j, filter) in self.problem.hankel.filters.column_iter().take(2).enumerate() {
            let line = figure.line(lags(), filter.iter().take(160));
            line.of("hankel").dashed();
            if j > 0 {
                line.faint();
            }
        }
    }

    fn draw_map(&self, figures: &mut Figures) {
        let mut figure = figures.figure(
            "map",
            "Which degree for which wedge",
            "Test error by least squares, on shorter runs with shorter filters, drawn from 10⁻⁸ to 1. Without noise, degrees pay while the wedge is narrow.",
        );
        let names = WEDGES.map(|beta| format!("{beta}"));
        figure.x(Axis::categories("degree n", DEGREES.map(|n| n.to_string()))).y(Axis::categories("wedge β", names));
        let rows = self.map.len().div_ceil(DEGREES.len());
        if rows == 0 {
            return;
        }
        // Cells still to come show the top of the scale.
        let error = |at: usize| log10(self.map.get(at).copied().unwrap_or(1.0).max(1e-12)).clamp(-8.0, 0.0);
        let values: Vec<f64> = (0..rows * DEGREES.len()).map(error).collect();
        let grid = Grid {
            values: &values,
            columns: DEGREES.len(),
            x: [-0.5, DEGREES.len() as f64 - 0.5],
            y: [-0.5, rows as f64 - 0.5],
        };
        figure.raster(grid, Colors::sequential("log₁₀ of the test error").domain(-8.0, 0.0));
    }

    fn draw_sizes(&self, figures: &mut Figures) {
        let mut figure = figures.figure(
            "sizes",
            "Error against hidden dimension",
            "Over the second half so far, at the chosen wedge, drawn from 10⁻⁹ on. Each dimension is another random system. Rings: the others at the chosen dimension.",
        );
        let hidden = self.problem.settings.hidden as f64;
        figure
            .x(Axis::log("hidden dimension").domain((0.9 * hidden).min(14.0), 290.0))
            .y(Axis::log("mean squared error").domain(1e-9, 10.0));
        let errors: Vec<f64> = self.sizes.iter().map(|online| online.error().clamp(1e-9, 10.0)).collect();
        let sizes = SIZES.map(|size| size as f64);
        if self.step > self.prepared() + BLOCKS / 2 {
            figure.line(sizes, &errors).of("chebyshev");
            figure.dot(sizes, &errors).of("chebyshev");
            let hidden = [hidden];
            for (online, contender) in self.online.iter().zip(CARD.contenders).skip(1) {
                figure.dot(hidden, [online.error().clamp(1e-9, 10.0)]).of(contender.id).symbol(Symbol::Ring);
            }
            if let Some(error) = self.layer_error {
                figure.dot(hidden, [error.clamp(1e-9, 10.0)]).of("ssm").symbol(Symbol::Ring);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_kernels::math::cos;
    use orrery_reference::{apart, number, numbers, vectors, whole};

    #[test]
    fn the_polynomial_is_chebyshevs() {
        for n in 1..=16 {
            let c = monic_chebyshev(n);
            assert_eq!((c.len(), c[0]), (n + 1, 1.0));
            for i in 0..30 {
                let angle = f64::from(i) * 0.1;
                let value = c.iter().fold(0.0, |sum, c| sum * cos(angle) + c);
                assert!((value - pow(2.0, 1.0 - n as f64) * cos(n as f64 * angle)).abs() < 1e-13);
            }
        }
        assert_eq!(monic_chebyshev(0), [1.0]);
    }

    /// Against the integral itself, by the midpoint rule in polar coordinates.
    #[test]
    fn the_moments_have_their_closed_form() {
        let (beta, c) = (0.3, monic_chebyshev(3));
        let z = moments(6, beta, &c);
        let (rings, rays) = (400, 200);
        for (i, j) in [(0, 0), (1, 4), (5, 5), (3, 2)] {
            let mut sum = 0.0;
            for ring in 0..rings {
                let r = (f64::from(ring) + 0.5) / f64::from(rings);
                for ray in 0..rays {
                    let angle = beta * (2.0 * (f64::from(ray) + 0.5) / f64::from(rays) - 1.0);
                    let (sin, cos) = sincos(angle);
                    let alpha = Complex::new(r * cos, r * sin);
                    let p = c.iter().fold(Complex::new(0.0, 0.0), |sum, c| sum * alpha + c);
                    let power = |n: usize| (0..n).fold(Complex::new(1.0, 0.0), |product, _| product * alpha);
                    let entry = (power(i) * power(j).conj()).re * p.norm_sqr();
                    sum += entry * r * (1.0 / f64::from(rings)) * (2.0 * beta / f64::from(rays));
                }
            }
            assert!((z[i * 6 + j] - sum).abs() < 1e-4 * z[0], "{i} {j}: {} {sum}", z[i * 6 + j]);
        }
    }

    /// The identity on which all rests: applied to the outputs, the polynomial multiplies each mode by `p(λ)`.
    #[test]
    fn outputs_are_preconditioned_mode_by_mode() {
        let (c, lambda) = (monic_chebyshev(5), 0.93);
        let y: Vec<f64> = (0..40).map(|t| pow(lambda, f64::from(t))).collect();
        let p = c.iter().fold(0.0, |sum, c| sum * lambda + c);
        for (t, value) in preconditioned(&y, &c).iter().enumerate().skip(5) {
            assert!((value - p * pow(lambda, t as f64 - 5.0)).abs() < 1e-14);
        }
    }

    #[test]
    fn the_search_finds_eigenvectors() {
        let c = monic_chebyshev(4);
        let mut search = Search::new(128, 0.2, &c, 8);
        search.advance(Search::needed(8));
        let filters = search.filters();
        assert_eq!(filters.len(), 8);
        let z = moments(128, 0.2, &c);
        for (a, filter) in filters.iter().enumerate() {
            let image = matvec(View::by_rows(&z, 128, 128), filter);
            let value: f64 = image.iter().zip(filter.iter()).map(|(a, b)| a * b).sum();
            let apart = image.iter().zip(filter.iter()).map(|(z, v)| (z - value * v).abs()).fold(0.0, f64::max);
            assert!(apart < 1e-10 * z[0], "{a}: {apart:e}");
        }
    }

    #[test]
    fn both_learners_find_the_weights_of_a_small_problem() {
        let rng = &mut Rng::seed_from_u64(2);
        let features: Vec<Rc<Vec<f64>>> = (0..3).map(|_| Rc::new(normals(SAMPLES, rng))).collect();
        let target = combine(&features, &[1.0, -0.5, 2.0]);
        for learner in [Learner::Gradient, Learner::Ridge] {
            let mut online = Online::new(&features, target.clone());
            (0..BLOCKS).for_each(|block| online.advance(block, learner));
            assert!(online.error() < 1e-10, "{learner:?}: {:e}", online.error());
        }
    }

    #[test]
    fn the_wedges_moments_and_filters_are_those_of_a_quadrature() {
        let file = include_str!("../../../../tests/reference/spectral_filters.json");
        let stored = vectors(file);
        let wedge = &stored["wedge"];
        let (taps, beta) = (whole(&wedge["taps"]), number(&wedge["beta"]));
        let c = numbers(&wedge["coefficients"]);
        assert!(apart(&monic_chebyshev(c.len() - 1), &c) < 1e-15);
        let rows = numbers(&wedge["moments"]);
        assert!(apart(&moments(taps, beta, &c)[..rows.len()], &rows) < 1e-13);
        let values = numbers(&wedge["values"]);
        let mut search = Search::new(taps, beta, &c, values.len());
        search.advance(taps);
        let found: Vec<f64> = search.filters().iter().flat_map(|filter| filter.to_vec()).collect();
        let error = apart(&found, &numbers(&wedge["filters"]));
        assert!(error < 1e-9, "{error:e}");
        assert!(apart(&preconditioned(&numbers(&stored["y"]), &c), &numbers(&wedge["preconditioned"])) < 1e-12);
    }
}
