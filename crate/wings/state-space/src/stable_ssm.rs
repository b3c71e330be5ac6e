//! A linear recurrence $\dot h=\Lambda h+Ux$, $y=c^\top h$ answers an impulse with a sum of exponentials,
//! $\hat\rho(t)=\sum_j c_j e^{\lambda_j t}$. To remember for 400 steps some $\lambda_j$ must lie near $-1/400$, a hair from
//! the boundary beyond which the response grows without end. If $\lambda_j$ itself is the trained weight, a nudge
//! $\beta=0.01$ steps over. That is the curse of memory: what can be learned stably must then forget exponentially. The cure is a
//! change of coordinates, $\lambda=f(w)$ with $f<0$ everywhere.
//!
//! **What you see.** Sums of $m$ exponentials are fitted to one memory, then each weight $w_j$ is shaken by up to $\beta$: first
//! all of them towards slower decay, then 39 times at random. The worst of these 40 estimates $E_m(\beta)=\sup\lVert\rho-\hat\rho\rVert_1$.
//! *Amplification* is $E_m(\beta)-E_m(0)$ over $\beta\lVert\rho\rVert_1$. The paper asks that the error return to $E_m(0)$ with
//! $\beta$, at a pace that does not depend on $m$; amplification bounded over $m$ is that.
//!
//! **Why this $f$.** Memory $1/|\lambda|$ scales the gradient like $|f'(w)|/f(w)^2$. For $f=w$ it is $1/\lambda^2$, for $-e^w$ it is
//! $1/|\lambda|$, and for $f=-1/(w^2+b)$ it is $2|w|$: never more than twice the weight. The two last figures train all four from the
//! same start, by plain descent on the error that white noise would show, $\frac12\lVert\rho-\hat\rho\rVert^2$.
//!
//! **Try.** Raise $\beta$ by a decade: one band blurs, the other leaves the page. Shorten the longest timescale to 10.
//!
//! **Where it stops.** Fast memory needs no cure: rates far from zero are safe in any coordinates. No coordinates save a bad
//! fit: 32 rates too fast for the memory, with no regularisation, cancel one another with $|c_j|$ in the hundreds, and the least nudge is
//! amplified. And a training step above about $2/\lVert V\rVert^2$, $V$ being the exponentials, makes the read-out $c$ itself diverge; then this
//! $f$ may fare worst.
//!
//! **Made definite.** The rates are real and log-spaced up to $1/b$, the fastest that $-1/(w^2+b)$ reaches, and equal for all four. The
//! bound of a hundredfold gap is ours.

use orrery_core::prelude::*;
use orrery_kernels::linalg::{DMatrix, DVector};
use orrery_kernels::math::{exp, expm1, log, log_spaced, pow, sigmoid, softplus};
use std::rc::Rc;

const CARD: Card = Card {
    slug: "stable-ssm",
    title: "StableSSM: Alleviating the Curse of Memory in State-space Models through Stable Reparameterization",
    year: 2023,
    lists: &[1],
    claim: "Long memory can be learned stably, whatever the number of modes, once the eigenvalues are -1/(w² + b).",
    algorithms: &[
        "StableSSM",
        "stable reparameterization",
        "curse of memory",
        "state space model",
        "diagonal recurrence",
        "exponential sums",
        "gradient descent",
    ],
    contenders: &[
        Contender::paper("best", "-1/(w² + b)"),
        Contender::baseline("direct", "direct, w"),
        Contender::baseline("exp", "-exp(w)"),
        Contender::baseline("softplus", "-log(1 + exp(w))"),
    ],
};

/// What is to be remembered: how much an input still weighs after `t` steps.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Memory {
    /// (1 + t)^-p
    #[choice("polynomial decay")]
    Polynomial,
    /// e^-0.2t
    #[choice("exponential decay")]
    Exponential,
    /// A bump at t = 40.
    #[choice("a delay")]
    Delay,
    /// The visitor's.
    #[choice("drawn")]
    Drawn,
}

/// How a weight becomes an eigenvalue.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Map {
    /// λ = −1/(w² + b)
    #[choice("-1/(w² + b)")]
    Best,
    /// λ = w
    #[choice("direct, w")]
    Direct,
    /// λ = −e^w
    #[choice("-exp(w)")]
    Exp,
    /// λ = −log(1 + e^w)
    #[choice("-log(1 + exp(w))")]
    Softplus,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Settings {
    /// The impulse response to be learned, over 400 steps.
    #[control(label = "memory", default = Memory::Polynomial)]
    pub memory: Memory,
    /// Draw how much an input still weighs after t steps.
    #[control(label = "memory kernel", samples = 101, domain = 0.0..=400.0, range = -1.0..=1.0, when = ("memory", "drawn"), default = slow_swing())]
    pub kernel: Curve,
    /// The exponent p of (1 + t)^-p.
    #[control(label = "decay exponent p", range = 0.5..=3.0, when = ("memory", "polynomial"), default = 1.1)]
    pub exponent: f64,
    /// How many exponentials.
    #[control(label = "modes m", range = 1..=32, log, default = 8)]
    pub modes: usize,
    /// The slowest rate is one over this. The fastest is 1/b.
    #[control(label = "longest timescale", range = 4.0..=2000.0, log, default = 400.0, unit = "steps")]
    pub longest: f64,
    /// How far each weight w is shaken.
    #[control(label = "perturbation β", range = 1e-4..=0.3, log, default = 0.01)]
    pub beta: f64,
    /// The parametrisation that is put to the test, against the direct one.
    #[control(label = "reparametrisation", default = Map::Best)]
    pub map: Map,
    /// The constant in -1/(w² + b).
    #[control(label = "b", range = 0.1..=3.0, log, default = 0.5)]
    pub b: f64,
    /// The step of gradient descent.
    #[control(label = "training step", range = 1e-4..=1.0, log, default = 0.003)]
    pub rate: f64,
    /// What the fit pays for the squares of its weights, beside its mean squared error.
    #[control(label = "fit regularisation", range = 1e-12..=1e-2, log, default = 1e-8)]
    pub regularisation: f64,
}

fn slow_swing() -> Curve {
    let value = |i: u32| {
        let t = f64::from(i) * 4.0;
        0.9 * exp(-t / 120.0) * orrery_kernels::math::cos(t / 40.0)
    };
    Curve((0..101).map(value).collect())
}

/// t = 0 ..= 400.
const SAMPLES: usize = 401;
const STEPS: usize = 200;
/// Shaken every so many steps.
const SHAKE: usize = 5;
/// Steps of gradient descent in one step.
const DESCENTS: usize = 5;
/// The sweep over β.
const BETAS: usize = 11;
/// The sweep over m.
const SIZES: [usize; 5] = [2, 4, 8, 16, 32];
/// Beyond this the training has diverged.
const HUGE: f64 = 1e6;
/// The most dots of a cloud.
const CLOUD: usize = 640;

impl Map {
    const ALL: [Self; 4] = [Self::Best, Self::Direct, Self::Exp, Self::Softplus];

    fn contender(self) -> &'static str {
        ["best", "direct", "exp", "softplus"][self as usize]
    }

    /// λ = f(w).
    pub fn eigenvalue(self, w: f64, b: f64) -> f64 {
        match self {
            Self::Best => -1.0 / (w * w + b),
            Self::Direct => w,
            Self::Exp => -exp(w),
            Self::Softplus => -softplus(w),
        }
    }

    /// f′(w).
    pub fn slope(self, w: f64, b: f64) -> f64 {
        match self {
            Self::Best => 2.0 * w / ((w * w + b) * (w * w + b)),
            Self::Direct => 1.0,
            Self::Exp => -exp(w),
            Self::Softplus => -sigmoid(w),
        }
    }

    /// The w ≥ 0 of −1/(w² + b), and the only w of the others, at which f(w) = λ.
    pub fn weight(self, lambda: f64, b: f64) -> f64 {
        match self {
            Self::Best => (-1.0 / lambda - b).max(0.0).sqrt(),
            Self::Direct => lambda,
            Self::Exp => log(-lambda),
            Self::Softplus => log(expm1(-lambda)),
        }
    }

    /// The direction of w in which memory grows longer.
    fn slower(self) -> f64 {
        if matches!(self, Self::Best | Self::Direct) { 1.0 } else { -1.0 }
    }
}

/// ρ(t), t = 0 ..= 400.
fn target(settings: &Settings) -> Vec<f64> {
    let value = |t: usize| {
        let time = t as f64;
        match settings.memory {
            Memory::Polynomial => pow(1.0 + time, -settings.exponent),
            Memory::Exponential => exp(-0.2 * time),
            Memory::Delay => exp(-0.5 * (time - 40.0) * (time - 40.0) / 64.0),
            Memory::Drawn => {
                let drawn = &settings.kernel.0;
                let (left, share) = (t / 4, (t % 4) as f64 / 4.0);
                drawn[left] * (1.0 - share) + drawn[(left + 1).min(drawn.len() - 1)] * share
            }
        }
    };
    (0..SAMPLES).map(value).collect()
}

/// ρ̂(t) = Σ_j c_j e^{λ_j t}.
pub fn response(lambda: &[f64], c: &[f64]) -> Vec<f64> {
    let mut rho = vec![0.0; SAMPLES];
    for (lambda, c) in lambda.iter().zip(c) {
        let (ratio, mut term) = (exp(*lambda), *c);
        for rho in &mut rho {
            *rho += term;
            term *= ratio;
        }
    }
    rho
}

/// ‖ρ − ρ̂‖₁.
fn distance(rho: &[f64], learned: &[f64]) -> f64 {
    rho.iter().zip(learned).map(|(a, b)| (a - b).abs()).sum()
}

/// A sum of exponentials fitted to ρ.
#[derive(Clone, Debug)]
pub struct Fit {
    /// The eigenvalues λ_j.
    pub lambda: Vec<f64>,
    /// Their weights c_j.
    pub c: Vec<f64>,
    /// E_m(0).
    pub error: f64,
}

impl Fit {
    /// Minimises mean (ρ − ρ̂)² + η |c|² over c, the rates being log-spaced from 1/longest to 1/b.
    pub fn new(rho: &[f64], modes: usize, settings: &Settings) -> Option<Self> {
        let rates = log_spaced(1.0 / settings.longest, 1.0 / settings.b, modes);
        let lambda: Vec<f64> = rates.iter().map(|rate| -rate).collect();
        // The penalty as rows below: least squares by QR, which keeps the digits that normal equations lose.
        let mut rows = DMatrix::zeros(SAMPLES + modes, modes);
        for (j, lambda) in lambda.iter().enumerate() {
            let column = response(&[*lambda], &[1.0]);
            rows.view_mut((0, j), (SAMPLES, 1)).copy_from_slice(&column);
            rows[(SAMPLES + j, j)] = (settings.regularisation * SAMPLES as f64).sqrt();
        }
        let mut right = DVector::zeros(SAMPLES + modes);
        right.rows_mut(0, SAMPLES).copy_from_slice(rho);
        let qr = rows.qr();
        qr.q_tr_mul(&mut right);
        let c = qr.r().solve_upper_triangular(&right.rows(0, modes).into_owned())?;
        let c = c.as_slice().to_vec();
        let error = distance(rho, &response(&lambda, &c));
        Some(Self { lambda, c, error })
    }

    /// The eigenvalues after every weight has moved by β ξ_j, ξ > 0 being slower.
    fn shaken(&self, map: Map, b: f64, beta: f64, xi: &[f64]) -> Vec<f64> {
        let moved = |(lambda, xi): (&f64, &f64)| map.eigenvalue(map.weight(*lambda, b) + map.slower() * beta * xi, b);
        self.lambda.iter().zip(xi).map(moved).collect()
    }
}

/// One parametrisation being shaken, and being trained.
#[derive(Clone)]
struct Tested {
    map: Map,
    /// The greatest ‖ρ − ρ̂‖₁ so far: at the chosen m for each β of the sweep, and for each m of the sweep at the chosen β.
    by_beta: [f64; BETAS],
    by_size: [f64; SIZES.len()],
    /// The same at the chosen m and β.
    chosen: f64,
    /// The least and the greatest ρ̂(t) so far.
    low: Vec<f64>,
    high: Vec<f64>,
    /// Where the eigenvalues went: λ̃/|λ| and 1/|λ|.
    cloud: Vec<[f64; 2]>,
    w: Vec<f64>,
    c: Vec<f64>,
    loss: Series,
    ratio: Series,
    greatest: f64,
    diverged: Option<usize>,
}

impl Tested {
    fn new(map: Map, fit: &Fit, settings: &Settings) -> Self {
        let modes = fit.lambda.len();
        Self {
            map,
            by_beta: [0.0; BETAS],
            by_size: [0.0; SIZES.len()],
            chosen: 0.0,
            low: vec![f64::INFINITY; SAMPLES],
            high: vec![f64::NEG_INFINITY; SAMPLES],
            cloud: Vec::new(),
            w: fit.lambda.iter().map(|lambda| map.weight(*lambda, settings.b)).collect(),
            c: vec![1.0 / modes as f64; modes],
            loss: Series::new(),
            ratio: Series::new(),
            greatest: 0.0,
            diverged: None,
        }
    }

    /// One draw of ξ, for the chosen setting and for both sweeps.
    fn shake(&mut self, problem: &Problem, xi: &[f64]) {
        let Problem { settings, rho, fit, fits, betas, .. } = problem;
        let error =
            |fit: &Fit, beta: f64| distance(rho, &response(&fit.shaken(self.map, settings.b, beta, xi), &fit.c));
        for (worst, beta) in self.by_beta.iter_mut().zip(betas) {
            *worst = worst.max(error(fit, *beta));
        }
        for (worst, fit) in self.by_size.iter_mut().zip(fits) {
            *worst = worst.max(error(fit, settings.beta));
        }
        let lambda = fit.shaken(self.map, settings.b, settings.beta, xi);
        let learned = response(&lambda, &fit.c);
        self.chosen = self.chosen.max(distance(rho, &learned));
        for ((low, high), rho) in self.low.iter_mut().zip(&mut self.high).zip(learned) {
            (*low, *high) = (low.min(rho), high.max(rho));
        }
        let places = lambda.iter().zip(&fit.lambda).map(|(moved, at)| [moved / -at, -1.0 / at]);
        self.cloud.extend(places.take(CLOUD - self.cloud.len()));
    }

    /// One step of gradient descent on L = ½ Σ_t (ρ̂(t) − ρ(t))², the expected squared error for white noise.
    fn descend(&mut self, step: usize, rho: &[f64], b: f64, rate: f64) {
        if self.diverged.is_some() {
            return;
        }
        let lambda: Vec<f64> = self.w.iter().map(|w| self.map.eigenvalue(*w, b)).collect();
        let e: Vec<f64> = response(&lambda, &self.c).iter().zip(rho).map(|(a, b)| a - b).collect();
        let loss = 0.5 * e.iter().map(|e| e * e).sum::<f64>();
        if loss.is_nan() || loss > HUGE {
            self.diverged = Some(step);
            return;
        }
        let (by_w, by_c) = gradient(&lambda, &self.c, &self.w, &e, |w| self.map.slope(w, b));
        let norm = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
        let ratio = norm(&by_w) / norm(&self.w).max(1e-12);
        self.greatest = self.greatest.max(ratio);
        self.loss.push(step as f64, loss.max(1e-12));
        self.ratio.push(step as f64, ratio.max(1e-12));
        // w ← w − η ∂L/∂w,  c ← c − η ∂L/∂c
        self.w.iter_mut().zip(by_w).for_each(|(w, g)| *w -= rate * g);
        self.c.iter_mut().zip(by_c).for_each(|(c, g)| *c -= rate * g);
    }
}

/// ∂L/∂w_j = f′(w_j) c_j Σ_t e_t t e^{λ_j t} and ∂L/∂c_j = Σ_t e_t e^{λ_j t}.
fn gradient(lambda: &[f64], c: &[f64], w: &[f64], e: &[f64], slope: impl Fn(f64) -> f64) -> (Vec<f64>, Vec<f64>) {
    let pair = |j: usize| {
        let (ratio, mut power, mut plain, mut timed) = (exp(lambda[j]), 1.0, 0.0, 0.0);
        for (t, e) in e.iter().enumerate() {
            plain += e * power;
            timed += e * power * t as f64;
            power *= ratio;
        }
        (slope(w[j]) * c[j] * timed, plain)
    };
    (0..lambda.len()).map(pair).unzip()
}

/// What does not change during the run.
struct Problem {
    settings: Settings,
    rho: Vec<f64>,
    /// ‖ρ‖₁.
    size: f64,
    fit: Fit,
    fits: Vec<Fit>,
    betas: Vec<f64>,
}

/// The exhibit.
#[derive(Clone)]
pub struct StableSsm {
    problem: Rc<Problem>,
    rng: Rng,
    step: usize,
    tested: [Tested; 4],
}

impl StableSsm {
    fn of(&self, map: Map) -> &Tested {
        &self.tested[map as usize]
    }

    /// (E_m(β) − E_m(0)) / (β ‖ρ‖₁), the greatest over the chosen m and the sweep.
    fn amplification(&self, map: Map) -> f64 {
        let (tested, problem) = (self.of(map), &self.problem);
        let sweep = tested.by_size.iter().zip(&problem.fits).map(|(worst, fit)| worst - fit.error);
        let greatest = sweep.fold(tested.chosen - problem.fit.error, f64::max);
        greatest / (problem.settings.beta * problem.size)
    }
}

impl Exhibit for StableSsm {
    const CARD: Card = CARD;
    type Controls = Settings;

    fn new(settings: &Settings, rng: &mut Rng) -> Result<Self> {
        let rho = target(settings);
        let size: f64 = rho.iter().map(|rho| rho.abs()).sum();
        if size < 1e-3 {
            return Err(Error::of("kernel", "there is nothing to remember: draw a kernel that is not zero"));
        }
        let singular = || Error::of("regularisation", "the fit is singular: choose a larger regularisation");
        let fit = Fit::new(&rho, settings.modes, settings).ok_or_else(singular)?;
        let fits: Option<Vec<Fit>> = SIZES.iter().map(|modes| Fit::new(&rho, *modes, settings)).collect();
        let tested = Map::ALL.map(|map| Tested::new(map, &fit, settings));
        let betas = log_spaced(1e-4, 0.3, BETAS);
        let fits = fits.ok_or_else(singular)?;
        let problem = Rc::new(Problem { settings: settings.clone(), rho, size, fit, fits, betas });
        Ok(Self { problem, rng: rng.clone(), step: 0, tested })
    }

    fn length(&self) -> usize {
        STEPS
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        let problem = &self.problem;
        if self.step.is_multiple_of(SHAKE) {
            // Most errors are greatest in a corner of the box |w̃ − w| ≤ β: the one towards slower decay comes first.
            let first = self.step == 0;
            let xi: Vec<f64> = (0..32).map(|_| 2.0 * self.rng.random::<f64>() - 1.0).collect();
            let xi = if first { vec![1.0; 32] } else { xi };
            self.tested.iter_mut().for_each(|tested| tested.shake(problem, &xi));
        }
        for k in 0..DESCENTS {
            let at = self.step * DESCENTS + k;
            let Settings { b, rate, .. } = problem.settings;
            self.tested.iter_mut().for_each(|tested| tested.descend(at, &problem.rho, b, rate));
        }
        self.step += 1;
        if self.step < STEPS { Progress::Running } else { Progress::Done }
    }

    fn figures(&self, figures: &mut Figures) {
        self.draw_kernel(figures);
        self.draw_errors(figures);
        self.draw_eigenvalues(figures);
        self.draw_training(figures);
    }

    fn claim(&self) -> Claim {
        let open = self.step < STEPS;
        let begun = |value: f64| (self.step > 0).then_some(value);
        let map = self.problem.settings.map;
        let (own, direct) = (self.amplification(map), self.amplification(Map::Direct));
        let others = self.tested.iter().filter(|tested| tested.map != map).map(|tested| tested.greatest);
        let least = others.fold(f64::INFINITY, f64::min);
        Claim::new(vec![
            Clause::at_most(
                "Shaken by β, no fit of up to 32 modes gains more error than {value} × β × the kernel's norm (bound {high}).",
                begun(own),
                1.0,
            )
            .holds_only_after(open),
            Clause::at_least(
                "With the eigenvalues themselves as weights the gain is {value} times as large (bound {low}).",
                begun(direct / own),
                100.0,
            )
            .pending_while(open),
            Clause::at_most(
                "In training its largest |gradient|/|weight| is {value} times the least of the other three (bound {high}).",
                begun(self.of(map).greatest / least),
                1.0,
            )
            .pending_while(open),
        ])
    }

    fn scenarios() -> Vec<Scenario<Settings>> {
        let default = Settings::default;
        vec![
            Scenario::holds(
                "long-memory",
                "Polynomial memory",
                "Eight modes up to 400 steps slow: shaken by 0.01, one parametrisation blurs and the direct one explodes.",
                default(),
            ),
            Scenario::holds(
                "thirty-two",
                "32 modes",
                "Four times the modes, a smaller training step: the gain from shaking is what it was.",
                Settings { modes: 32, rate: 5e-4, ..default() },
            ),
            Scenario::fails(
                "direct",
                "The eigenvalue itself",
                "With λ as the weight, 0.01 is four times the distance from the slowest eigenvalue to the boundary.",
                Settings { map: Map::Direct, ..default() },
            ),
            Scenario::fails(
                "exponential",
                "-exp(w) is stable, not best",
                "Shaking does little harm, but while it trains its gradient is ten times as large for its weight.",
                Settings { map: Map::Exp, ..default() },
            ),
            Scenario::fails(
                "fast",
                "Fast memory",
                "Rates from 0.1 up, for a memory of five steps: direct weights lose little, so there is no hundredfold gap.",
                Settings { memory: Memory::Exponential, longest: 10.0, ..default() },
            ),
            Scenario::fails(
                "fragile",
                "A fragile fit",
                "32 rates that are all too fast, unregularised: weights in the hundreds cancel, and no coordinates help.",
                Settings { modes: 32, longest: 10.0, regularisation: 1e-12, rate: 5e-4, ..default() },
            ),
        ]
    }
}

impl StableSsm {
    fn draw_kernel(&self, figures: &mut Figures) {
        let Problem { settings, rho, fit, .. } = &*self.problem;
        let mut figure = figures.figure(
            "kernel",
            "The memory, learned and shaken",
            "Dashed: the fit. Bands: all that shaking its weights by up to β makes of it, in the chosen parametrisation and in the direct one. What leaves the figure is drawn at its edge.",
        );
        let logarithmic = settings.memory == Memory::Polynomial;
        let (low, high) = if logarithmic { (1e-4, 10.0) } else { (-1.0, 2.0) };
        let (x, y) = ("time since the input, t + 1", "weight of that input");
        // Both decays happen in the first steps; a delay and a drawing take all of them.
        let early = matches!(settings.memory, Memory::Polynomial | Memory::Exponential);
        let x = if early { Axis::log(x) } else { Axis::linear(x) };
        let y = if logarithmic { Axis::log(y) } else { Axis::linear(y) };
        figure.x(x.unit("steps").domain(1.0, SAMPLES as f64)).y(y.domain(low, high));
        let times: Vec<f64> = (1..=SAMPLES).map(|t| t as f64).collect();
        let clipped = |values: &[f64]| -> Vec<f64> { values.iter().map(|v| v.clamp(low, high)).collect() };
        let bands = if settings.map == Map::Direct { vec![Map::Direct] } else { vec![Map::Direct, settings.map] };
        if self.step > 0 {
            for map in bands {
                let tested = self.of(map);
                figure.band(&times, clipped(&tested.low), clipped(&tested.high)).of(map.contender());
            }
        }
        figure.line(&times, clipped(rho)).label("memory wanted");
        figure.line(&times, clipped(&response(&fit.lambda, &fit.c))).of(settings.map.contender()).label("fit").dashed();
    }

    fn draw_errors(&self, figures: &mut Figures) {
        let Problem { settings, size, fit, fits, betas, .. } = &*self.problem;
        let (low, high) = (1e-4, 1e3);
        let axis = || Axis::log("error over the kernel's norm").domain(low, high);
        let share = |error: &f64| (error / size).clamp(low, high);
        let mut figure = figures.figure(
            "beta",
            "Error against the size of the shaking",
            "The greatest so far of 40 shakings, drawn up to 1,000. Stable means: it comes down to the unshaken fit's error as β shrinks.",
        );
        figure.x(Axis::log("perturbation β").domain(1e-4, 0.3)).y(axis());
        figure.rule_y([share(&fit.error)]).dashed().label("not shaken");
        figure.rule_x([settings.beta]).label("the chosen β");
        if self.step > 0 {
            for tested in self.tested.iter().rev() {
                figure.line(betas, tested.by_beta.iter().map(share)).of(tested.map.contender());
            }
        }
        let mut figure = figures.figure(
            "modes",
            "Error against the number of modes",
            "At the chosen β. Dashed: the fits before they are shaken. More modes fit better; shaking must not undo it.",
        );
        figure.x(Axis::log("modes m").domain(2.0, 32.0)).y(axis());
        let sizes = SIZES.map(|size| size as f64);
        figure.line(sizes, fits.iter().map(|fit| share(&fit.error))).ink(Ink::Muted).dashed().label("not shaken");
        if self.step > 0 {
            for tested in self.tested.iter().rev() {
                figure.line(sizes, tested.by_size.iter().map(share)).of(tested.map.contender());
            }
        }
    }

    fn draw_eigenvalues(&self, figures: &mut Figures) {
        let settings = &self.problem.settings;
        let mut figure = figures.figure(
            "eigenvalues",
            "Where the eigenvalues go",
            "Each over the size it had before: -1 is unmoved, and what lies right of 0 grows for ever. Moves beyond ±3 are drawn there.",
        );
        let slowest = settings.longest.max(40.0) * 1.5;
        figure
            .x(Axis::linear("shaken eigenvalue over |λ|").domain(-3.1, 3.1))
            .y(Axis::log("timescale 1/|λ| before").unit("steps").domain(0.5 * settings.b, slowest));
        figure.rule_x([0.0]).ink(Ink::Accent).label("stability boundary");
        let shown = if settings.map == Map::Direct { vec![Map::Direct] } else { vec![Map::Direct, settings.map] };
        for map in shown {
            let cloud = &self.of(map).cloud;
            let dots = figure.dot(cloud.iter().map(|at| at[0].clamp(-3.0, 3.0)), cloud.iter().map(|at| at[1]));
            dots.radius(2.0).of(map.contender());
        }
    }

    fn draw_training(&self, figures: &mut Figures) {
        let told = self.tested.iter().filter_map(|tested| {
            let step = tested.diverged?;
            Some(format!(" {} diverged at step {step}.", CARD.contenders[tested.map as usize].label))
        });
        let told: String = told.collect();
        let mut figure = figures.figure(
            "ratio",
            "Gradient over weight in training",
            format!("|∂L/∂w| / |w| at each step of gradient descent, from the same eigenvalues.{told}"),
        );
        // Where all have diverged, the axis ends with the last of them.
        let ends: Option<Vec<usize>> = self.tested.iter().map(|tested| tested.diverged).collect();
        let end = ends.and_then(|ends| ends.into_iter().max()).unwrap_or(STEPS * DESCENTS);
        let steps = end.max(1) as f64;
        figure.x(Axis::linear("training step").domain(0.0, steps)).y(Axis::log("|gradient| / |weight|"));
        for tested in self.tested.iter().rev() {
            figure.line(tested.ratio.xs(), tested.ratio.ys()).of(tested.map.contender());
        }
        let mut figure = figures.figure("loss", "Training loss", format!("½‖ρ − ρ̂‖² from the same start.{told}"));
        figure.x(Axis::linear("training step").domain(0.0, steps)).y(Axis::log("loss"));
        for tested in self.tested.iter().rev() {
            figure.line(tested.loss.xs(), tested.loss.ys()).of(tested.map.contender());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert, proptest};

    proptest! {
        #[test]
        fn each_map_has_its_inverse_and_its_slope(rate in 1e-3_f64..1.9, b in 0.1_f64..0.5) {
            for map in Map::ALL {
                let w = map.weight(-rate, b);
                prop_assert!((map.eigenvalue(w, b) + rate).abs() < 1e-12);
                let h = 1e-6;
                let slope = (map.eigenvalue(w + h, b) - map.eigenvalue(w - h, b)) / (2.0 * h);
                prop_assert!((slope - map.slope(w, b)).abs() < 1e-7 * (1.0 + slope.abs()));
                // "Slower" is away from −∞.
                prop_assert!(map.slope(w, b) * map.slower() > 0.0);
            }
        }

        /// The equation from which −1/(w² + b) comes: |f′(w)| / f(w)² = 2 |w|.
        #[test]
        fn the_gradient_scale_is_twice_the_weight(w in -30.0_f64..30.0, b in 0.1_f64..3.0) {
            let f = Map::Best.eigenvalue(w, b);
            prop_assert!((Map::Best.slope(w, b).abs() / (f * f) - 2.0 * w.abs()).abs() < 1e-9 * (1.0 + w.abs()));
        }

        #[test]
        fn only_the_direct_map_can_leave_the_stable_half(w in -20.0_f64..20.0, b in 0.1_f64..3.0) {
            for map in [Map::Best, Map::Exp, Map::Softplus] {
                prop_assert!(map.eigenvalue(w, b) < 0.0);
            }
        }
    }

    #[test]
    fn the_gradient_is_the_slope_of_the_loss() {
        let settings = Settings::default();
        let rho = target(&settings);
        let lambda = [-0.01, -0.2, -1.5];
        let c = vec![0.3, -0.1, 0.6];
        for map in Map::ALL {
            let w: Vec<f64> = lambda.iter().map(|lambda| map.weight(*lambda, 0.5)).collect();
            let loss = |w: &[f64], c: &[f64]| {
                let lambda: Vec<f64> = w.iter().map(|w| map.eigenvalue(*w, 0.5)).collect();
                0.5 * response(&lambda, c).iter().zip(&rho).map(|(a, b)| (a - b) * (a - b)).sum::<f64>()
            };
            let e: Vec<f64> = response(&lambda, &c).iter().zip(&rho).map(|(a, b)| a - b).collect();
            let (by_w, by_c) = gradient(&lambda, &c, &w, &e, |w| map.slope(w, 0.5));
            let h = 1e-6;
            for j in 0..3 {
                let moved = |of: &[f64], by: f64| {
                    let mut of = of.to_vec();
                    of[j] += by;
                    of
                };
                let slope = (loss(&moved(&w, h), &c) - loss(&moved(&w, -h), &c)) / (2.0 * h);
                assert!((slope - by_w[j]).abs() < 1e-5 * (1.0 + slope.abs()), "{map:?}: {slope} {}", by_w[j]);
                let slope = (loss(&w, &moved(&c, h)) - loss(&w, &moved(&c, -h))) / (2.0 * h);
                assert!((slope - by_c[j]).abs() < 1e-5 * (1.0 + slope.abs()));
            }
        }
    }

    #[test]
    fn a_kernel_that_is_a_sum_of_its_exponentials_is_found() {
        let settings = Settings { regularisation: 1e-12, ..Settings::default() };
        let rates = log_spaced(1.0 / settings.longest, 1.0 / settings.b, 3);
        let lambda: Vec<f64> = rates.iter().map(|rate| -rate).collect();
        let fit = Fit::new(&response(&lambda, &[0.5, -0.2, 1.0]), 3, &settings).unwrap();
        let expected = [0.5, -0.2, 1.0];
        assert!(fit.c.iter().zip(expected).all(|(c, e)| (c - e).abs() < 1e-6), "{:?}", fit.c);
        assert!(fit.error < 1e-5);
    }

    /// To first order a shift of w changes the kernel by f′(w) Σ c t e^{λt}: amplification has a limit as β vanishes.
    #[test]
    fn the_gain_is_proportional_to_a_small_perturbation() {
        let settings = Settings::default();
        let rho = target(&settings);
        let fit = Fit::new(&rho, 8, &settings).unwrap();
        let moved = |beta: f64| {
            let lambda = fit.shaken(Map::Best, settings.b, beta, &[1.0; 32]);
            distance(&response(&lambda, &fit.c), &response(&fit.lambda, &fit.c)) / beta
        };
        // The fastest mode sits at w = 0, where f is a parabola: it alone is of second order.
        assert!((moved(1e-4) / moved(1e-5) - 1.0).abs() < 0.02);
    }
}
