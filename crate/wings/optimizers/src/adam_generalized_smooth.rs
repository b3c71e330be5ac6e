//! Analyses of gradient descent like curvature bounded and noise bounded. Here neither is. Curvature may grow with
//! the slope, $L_0+L_1|\partial_if|$ per coordinate, as it does for exponentials; the noise may grow with it too,
//! $\mathbb E(g_i-\partial_if)^2\le D_0+D_1|\partial_if|^2$. For RMSProp,
//!
//! $$v\leftarrow\beta_2v+(1-\beta_2)g^2,$$
//! $$x\leftarrow x-\eta\,\frac g{\sqrt{v+\zeta}},$$
//!
//! and for Adam (a running mean $m$ in the place of $g$, nothing corrected) the paper proves that the mean gradient norm over
//! $T$ steps falls as $T^{-1/4}$, the best possible, if $\eta$ *and* $1-\beta_2$ shrink as $T^{-1/2}$. A horizon ten times
//! as long asks for a longer memory.
//!
//! The function is $\sum_i(\cosh ax_i-1)/a^2+\tfrac32(1-\cos3x_i)$ in ten dimensions, weakly coupled: dents in a bowl with
//! exponential walls. Noise comes in *kicks*: rarely (3 times in 100) large one way, otherwise small the other. The first
//! picture has one dot for each horizon. The second is a race from $|x_i|=4$, where the slope is 27 000: descent leaves
//! at once.
//!
//! **Try** a fixed $\beta_2=0.5$. RMSProp's line bends into a floor: a memory of two steps has forgotten the kick by the
//! time the small opposite noise comes, so that both count alike and the mean step points the wrong way. At $D_1=10$ and one
//! kick in ten even the true gradient mostly arrives with its sign turned, and RMSProp runs uphill; with the growing
//! memory it converges.
//!
//! **Where it stops.** The floor is the noise's doing. With symmetric noise (share 0.5) a fixed 0.9 shows none. Nor is it
//! Adam's: the running mean of ten steps hides most of it. Measured slopes are a little steeper than −1/4, since the way
//! from the start, which fades as $T^{-1/2}$, is part of the mean; the rate runs therefore start at 0.5, near the middle.
//! Where descent survives, it is as good as either; for $a=0.5$ it survives everywhere. In the race the *short* memory is
//! the fastest: it forgets the steep walls soonest.
//!
//! Constants in $\eta$ and $\beta_2$ are reconstructed: $1-\beta_2=T^{-1/2}$, $\zeta=10^{-8}$. Long horizons have fewer seeds.

use crate::curves::Curves;
use orrery_core::prelude::*;
use orrery_kernels::linalg::{LineFit, inner};
use orrery_kernels::math::{E, cos, cosh, log, log10, pow, sin, sinh};
use orrery_kernels::optim::{Adam, Optimizer, RmsProp, Sgd};
use std::rc::Rc;

const CARD: Card = Card {
    slug: "adam-generalized-smooth",
    title: "Convergence Guarantees for RMSProp and Adam in Generalized-smooth Non-convex Optimization with Affine Noise \
            Variance",
    year: 2024,
    lists: &[1],
    claim: "Adam and RMSProp converge where curvature grows with the slope, if their memory grows with the horizon.",
    algorithms: &[
        "RMSProp",
        "Adam",
        "SGD",
        "gradient clipping",
        "generalized smoothness",
        "affine noise variance",
        "second-moment memory",
    ],
    contenders: &[
        Contender::paper("rmsprop", "RMSProp"),
        Contender::paper("adam", "Adam"),
        Contender::baseline("fixed", "Adam, fixed β₂"),
        Contender::baseline("sgd", "SGD"),
        Contender::baseline("clipped", "clipped SGD"),
    ],
};

/// Who is drawn, in the order of the contenders.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Who {
    /// Without momentum.
    #[choice("RMSProp")]
    RmsProp,
    /// Nothing corrected.
    #[choice("Adam")]
    Adam,
    /// With the fixed β₂ whatever the rule.
    #[choice("Adam, fixed β₂")]
    Fixed,
    /// The same step.
    #[choice("SGD")]
    Sgd,
    /// No gradient longer than 1.
    #[choice("clipped SGD")]
    Clipped,
}

const ALL: [Who; 5] = [Who::RmsProp, Who::Adam, Who::Fixed, Who::Sgd, Who::Clipped];

impl Who {
    fn id(self) -> &'static str {
        CARD.contenders[self as usize].id
    }
}

/// How the memory of squares is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Memory {
    /// $1-\beta_2=1/\sqrt T$.
    #[choice("grows: 1 − 1/√T")]
    Grows,
    /// The same for every horizon.
    #[choice("fixed")]
    Fixed,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// How fast curvature grows with the slope: the walls are exponentials of a|x|.
    #[control(label = "curvature growth a", range = 0.5..=6.0, default = 3.0)]
    pub growth: f64,
    /// Noise in proportion to the gradient.
    #[control(label = "affine noise D₁", range = 0.01..=10.0, log, default = 1.0)]
    pub d1: f64,
    /// Noise whatever the gradient.
    #[control(label = "additive noise D₀", range = 0.001..=1.0, log, default = 1.0)]
    pub d0: f64,
    /// How often noise is a large kick; otherwise it is small and opposite. At 0.5 it is symmetric.
    #[control(label = "share of kicks", range = 0.01..=0.5, log, default = 0.03)]
    pub share: f64,
    /// Who is drawn. All of them run.
    #[control(label = "algorithms", default = Set::all(), live)]
    pub methods: Set<Who>,
    /// Adam's momentum.
    #[control(label = "β₁", range = 0.0..=0.99, default = 0.9)]
    pub beta1: f64,
    /// How RMSProp and Adam choose their memory of squares.
    #[control(label = "β₂ rule", default = Memory::Grows)]
    pub memory: Memory,
    /// β₂ of "Adam, fixed β₂" and, with the rule "fixed", of all.
    #[control(label = "fixed β₂", range = 0.5..=0.9999, default = 0.9)]
    pub beta2: f64,
    /// The step is this over √T.
    #[control(label = "step constant", range = 0.01..=10.0, log, default = 0.5)]
    pub step: f64,
    /// Where the race begins, in every coordinate.
    #[control(label = "start |x| of the race", range = 0.5..=5.0, default = 4.0)]
    pub start: f64,
}

/// Dimensions, depth of the dents, and strength of the coupling.
const N: usize = 10;
const DENTS: f64 = 1.5;
const COUPLING: f64 = 0.1;

/// $f(x)=\sum_i(\cosh ax_i-1)/a^2+c(1-\cos3x_i)+\kappa(\sqrt{1+(x_i-x_{i+1})^2}-1)$; its minimum is 0, at 0.
#[derive(Clone, Copy)]
struct Landscape {
    a: f64,
}

impl Landscape {
    fn value(self, x: &[f64]) -> f64 {
        let apart = |i: usize| x[i] - x[(i + 1) % N];
        let term = |i: usize| {
            let coupled = COUPLING * ((1.0 + apart(i) * apart(i)).sqrt() - 1.0);
            (cosh(self.a * x[i]) - 1.0) / (self.a * self.a) + DENTS * (1.0 - cos(3.0 * x[i])) + coupled
        };
        (0..N).map(term).sum()
    }

    fn gradient(self, x: &[f64]) -> [f64; N] {
        let pulls: [f64; N] = std::array::from_fn(|i| {
            let d = x[i] - x[(i + 1) % N];
            COUPLING * d / (1.0 + d * d).sqrt()
        });
        std::array::from_fn(|i| {
            sinh(self.a * x[i]) / self.a + 3.0 * DENTS * sin(3.0 * x[i]) + pulls[i] - pulls[(i + N - 1) % N]
        })
    }

    /// $L_0$ and $L_1$, for moves up to $1/L_1$. Within $1/2a$ the hyperbolic cosine grows by less than √e, and
    /// $\cosh ax\le1+|\sinh ax|\le1+a(|\partial_if|+3c+2\kappa)$; dents and coupling add at most $9c+4\kappa$.
    fn constants(self) -> [f64; 2] {
        let root = E.sqrt();
        [root * (1.0 + self.a * (3.0 * DENTS + 2.0 * COUPLING)) + 9.0 * DENTS + 4.0 * COUPLING, 2.0 * self.a]
    }
}

/// Noise of mean 0 and variance 1 that is large with probability `share`.
#[derive(Clone, Copy)]
struct Kicks {
    share: f64,
    large: f64,
    small: f64,
}

impl Kicks {
    fn new(share: f64) -> Self {
        let deviation = (share * (1.0 - share)).sqrt();
        Self { share, large: (1.0 - share) / deviation, small: -share / deviation }
    }

    fn draw(self, rng: &mut Rng) -> f64 {
        if rng.random::<f64>() < self.share { self.large } else { self.small }
    }
}

#[derive(Clone)]
enum Rule {
    RmsProp(RmsProp),
    Adam(Adam),
    Sgd(Sgd),
    Clipped(Sgd),
}

const ZETA: f64 = 1e-8;

impl Rule {
    fn new(who: Who, setting: &Setting, horizon: usize) -> Self {
        let root = (horizon as f64).sqrt();
        // η ∝ T^(-1/2),  1 - β₂ = T^(-1/2)
        let (eta, grown) = (setting.step / root, 1.0 - 1.0 / root);
        let beta2 = if setting.memory == Memory::Grows && who != Who::Fixed { grown } else { setting.beta2 };
        match who {
            Who::RmsProp => {
                let mut rule = RmsProp::new(N, eta, beta2);
                rule.epsilon_root = ZETA;
                Self::RmsProp(rule)
            }
            Who::Adam | Who::Fixed => {
                let mut rule = Adam::new(N, eta, [setting.beta1, beta2]);
                (rule.corrected, rule.epsilon, rule.epsilon_root) = (false, 0.0, ZETA);
                Self::Adam(rule)
            }
            Who::Sgd => Self::Sgd(Sgd::new(N, eta, 0.0)),
            Who::Clipped => Self::Clipped(Sgd::new(N, eta, 0.0)),
        }
    }

    fn step(&mut self, x: &mut [f64], g: &mut [f64]) {
        match self {
            Self::RmsProp(rule) => rule.step(x, g),
            Self::Adam(rule) => rule.step(x, g),
            Self::Sgd(rule) => rule.step(x, g),
            Self::Clipped(rule) => {
                // g ← g min(1, 1/‖g‖)
                let norm = inner(g, g).sqrt();
                if norm > 1.0 {
                    g.iter_mut().for_each(|g| *g /= norm);
                }
                rule.step(x, g);
            }
        }
    }
}

/// Beyond this a run has diverged, and counts with this mean gradient norm.
const FAR: f64 = 50.0;
const LOST: f64 = 1e6;

/// One run.
#[derive(Clone)]
struct Run {
    rule: Rule,
    x: Vec<f64>,
    rng: Rng,
    t: usize,
    sum: f64,
    lost: bool,
}

impl Run {
    /// All coordinates at this distance, with random signs.
    fn new(who: Who, setting: &Setting, horizon: usize, start: f64, rng: &Rng, seed: u64) -> Self {
        let mut rng = rng.clone();
        rng.set_stream(seed + 1);
        let x = (0..N).map(|_| if rng.random::<f64>() < 0.5 { -start } else { start }).collect();
        Self { rule: Rule::new(who, setting, horizon), x, rng, t: 0, sum: 0.0, lost: false }
    }

    fn advance(&mut self, landscape: Landscape, noise: (Kicks, f64, f64)) {
        if self.lost {
            return;
        }
        let (kicks, affine, additive) = noise;
        let kicked = std::array::from_fn(|_| [affine, additive].map(|size| size * kicks.draw(&mut self.rng)));
        self.take(landscape, kicked);
    }

    /// One step with this noise in each coordinate: in proportion to the slope, and whatever the slope.
    fn take(&mut self, landscape: Landscape, kicked: [[f64; 2]; N]) {
        let mut g = landscape.gradient(&self.x);
        self.sum += inner(&g, &g).sqrt();
        for (g, [affine, additive]) in g.iter_mut().zip(kicked) {
            // g_i = ∂_i f (1 + √D₁ ξ) + √D₀ ξ'
            *g = *g * (1.0 + affine) + additive;
        }
        self.rule.step(&mut self.x, &mut g);
        self.t += 1;
        self.lost = !self.x.iter().all(|x| x.abs() < FAR);
    }

    fn mean(&self) -> f64 {
        if self.lost { LOST } else { (self.sum / self.t.max(1) as f64).min(LOST) }
    }
}

const HORIZONS: [usize; 5] = [1000, 3162, 10_000, 31_623, 100_000];
const SEEDS: [usize; 5] = [8, 8, 4, 2, 1];

/// Where the runs for the rate begin.
const NEAR: f64 = 0.5;

/// The race.
const RACE: usize = 10_000;
const DIVERGERS: u64 = 8;

/// Steps of ten coordinates in a frame, of the rate and of the race.
const TOGETHER: usize = 5000;
const RACED: usize = 100;

/// Bins of the steps' lengths over η, in tenths of a decade, from 10⁻³ to 10².
const BINS: usize = 50;

struct Fixed {
    setting: Setting,
    landscape: Landscape,
    noise: (Kicks, f64, f64),
    /// Slopes and the curvatures measured there.
    bends: Vec<[f64; 2]>,
}

/// The exhibit.
#[derive(Clone)]
pub struct AdamGeneralized {
    fixed: Rc<Fixed>,
    methods: Set<Who>,
    rng: Rng,
    /// Mean gradient norms, horizon by horizon, method by method, seed by seed.
    done: Vec<f64>,
    running: Option<Run>,
    race: Vec<Run>,
    divergers: Vec<Run>,
    losses: Curves,
    lengths: Vec<[u32; BINS]>,
}

impl AdamGeneralized {
    fn shown(&self) -> impl Iterator<Item = Who> + '_ {
        ALL.into_iter().filter(|who| self.methods.contains(*who))
    }

    /// Horizon, method and seed of a run by its number.
    fn which(mut number: usize) -> Option<(usize, Who, u64)> {
        for (horizon, seeds) in HORIZONS.into_iter().zip(SEEDS) {
            if number < seeds * ALL.len() {
                return Some((horizon, ALL[number / seeds], (number % seeds) as u64));
            }
            number -= seeds * ALL.len();
        }
        None
    }

    /// The mean gradient norm of a method at each horizon that is done.
    fn norms(&self, who: Who) -> Vec<[f64; 2]> {
        let (mut from, mut norms) = (0, Vec::new());
        for (horizon, seeds) in HORIZONS.into_iter().zip(SEEDS) {
            let first = from + who as usize * seeds;
            if let Some(runs) = self.done.get(first..first + seeds) {
                norms.push([horizon as f64, (runs.iter().sum::<f64>() / seeds as f64).clamp(1e-9, LOST)]);
            }
            from += seeds * ALL.len();
        }
        norms
    }

    /// The slope of the mean gradient norm on logarithmic axes, once all horizons are done.
    fn slope(&self, who: Who) -> Option<f64> {
        let norms = self.norms(who);
        let points = norms.iter().map(|[t, norm]| [log(*t), log(*norm)]).collect::<Vec<_>>();
        LineFit::through(points).filter(|_| norms.len() == HORIZONS.len()).map(|fit| fit.slope)
    }

    fn total() -> usize {
        HORIZONS.into_iter().zip(SEEDS).map(|(horizon, seeds)| horizon * seeds * ALL.len()).sum()
    }

    /// Carries on with the runs for the rate.
    fn rate(&mut self) {
        let fixed = Rc::clone(&self.fixed);
        let mut left = TOGETHER;
        while left > 0 {
            let Some((horizon, who, seed)) = Self::which(self.done.len()) else { return };
            let begin = || Run::new(who, &fixed.setting, horizon, NEAR, &self.rng, seed);
            let mut run = self.running.take().unwrap_or_else(begin);
            while left > 0 && run.t < horizon && !run.lost {
                run.advance(fixed.landscape, fixed.noise);
                left -= 1;
            }
            if run.t >= horizon || run.lost {
                self.done.push(run.mean());
                // A run that is lost at once must not be free, or a frame could hold any number of them.
                left = left.saturating_sub(1);
            } else {
                self.running = Some(run);
            }
        }
    }

    fn compete(&mut self) {
        let fixed = Rc::clone(&self.fixed);
        let eta = fixed.setting.step / (RACE as f64).sqrt();
        for _ in 0..RACED {
            for (k, run) in self.race.iter_mut().enumerate().filter(|(_, run)| run.t < RACE && !run.lost) {
                let before = run.x.clone();
                run.advance(fixed.landscape, fixed.noise);
                for (x, before) in run.x.iter().zip(&before) {
                    let bin = 10.0 * (log10(((x - before).abs() / eta).max(1e-9)) + 3.0);
                    if (0.0..BINS as f64).contains(&bin) {
                        self.lengths[k][bin as usize] += 1;
                    }
                }
                // Evenly on a logarithmic axis, once there are many.
                if run.t.is_multiple_of((run.t / 40).max(1)) || run.lost {
                    let value = fixed.landscape.value(&run.x).clamp(1e-6, 1e12);
                    self.losses.push(ALL[k].id(), run.t as f64, value);
                }
            }
            for run in self.divergers.iter_mut().filter(|run| run.t < RACE) {
                run.advance(fixed.landscape, fixed.noise);
            }
        }
    }
}

impl Exhibit for AdamGeneralized {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let landscape = Landscape { a: setting.growth };
        let noise = (Kicks::new(setting.share), setting.d1.sqrt(), setting.d0.sqrt());
        let [_, l1] = landscape.constants();
        let mut bends = Vec::new();
        let mut uniform = rng.clone();
        let mut draw = |half: f64| half * (2.0 * uniform.random::<f64>() - 1.0);
        for _ in 0..40 {
            // Up to the start of the race, and moved by at most 1/L₁ in all.
            let x: [f64; N] = std::array::from_fn(|_| draw(setting.start));
            let y: [f64; N] = std::array::from_fn(|i| x[i] + draw(1.0 / (l1 * (N as f64).sqrt())));
            let moved = x.iter().zip(&y).map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt().max(1e-12);
            let (there, here) = (landscape.gradient(&y), landscape.gradient(&x));
            bends.extend(here.iter().zip(&there).map(|(here, there)| [here.abs(), (here - there).abs() / moved]));
        }
        let racer = |who| Run::new(who, setting, RACE, setting.start, rng, 0);
        let mut losses = Curves::new(&ALL.map(Who::id), 1e-6);
        let race: Vec<Run> = ALL.into_iter().map(racer).collect();
        race.iter().zip(ALL).for_each(|(run, who)| losses.push(who.id(), 0.5, landscape.value(&run.x)));
        Ok(Self {
            fixed: Rc::new(Fixed { setting: setting.clone(), landscape, noise, bends }),
            methods: setting.methods.clone(),
            rng: rng.clone(),
            done: Vec::new(),
            running: None,
            race,
            divergers: (0..DIVERGERS).map(|seed| Run::new(Who::Sgd, setting, RACE, setting.start, rng, seed)).collect(),
            losses,
            lengths: vec![[0; BINS]; ALL.len()],
        })
    }

    fn length(&self) -> usize {
        Self::total().div_ceil(TOGETHER).max(RACE / RACED) + 2
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        self.compete();
        self.rate();
        let raced = self.race.iter().chain(&self.divergers).all(|run| run.t >= RACE || run.lost);
        if raced && Self::which(self.done.len()).is_none() { Progress::Done } else { Progress::Running }
    }

    fn retune(&mut self, setting: &Setting) {
        self.methods = setting.methods.clone();
    }

    fn figures(&self, figures: &mut Figures) {
        let setting = &self.fixed.setting;
        // A mean that holds a diverged run, which counts as LOST, has no place among the others.
        let bound = LOST / SEEDS[0] as f64;
        let gone = self.shown().any(|who| self.norms(who).iter().any(|p| p[1] >= bound));
        let caption = format!(
            "Each dot: runs of that length, with their own step and memory. The dashed line has the slope −1/4.{}",
            if gone { " Where a run has diverged there is no dot." } else { "" }
        );
        let mut rate = figures.figure("rate", "The mean gradient norm against the horizon", caption);
        rate.x(Axis::log("horizon T").domain(800.0, 125_000.0)).y(Axis::log("mean of ‖∇f‖"));
        let guide = HORIZONS.map(|horizon| 1.2 * pow(horizon as f64 / 1000.0, -0.25));
        rate.line(HORIZONS.map(|horizon| horizon as f64), guide).ink(Ink::Muted).dashed().label("T^(−1/4)");
        for who in self.shown() {
            let norms: Vec<[f64; 2]> = self.norms(who).into_iter().filter(|p| p[1] < bound).collect();
            if !norms.is_empty() {
                rate.line(norms.iter().map(|p| p[0]), norms.iter().map(|p| p[1])).of(who.id());
                rate.dot(norms.iter().map(|p| p[0]), norms.iter().map(|p| p[1])).of(who.id());
            }
        }

        let caption =
            format!("All coordinates start at ±{}. A line that leaves the picture has diverged.", setting.start);
        let mut race = figures.figure("race", "A race over 10 000 steps", caption);
        let start = self.losses.of(ALL[0].id()).and_then(|curve| curve.iter().next()).map_or(1.0, |p| p[1]);
        let top = (100.0 * start).max(1e8);
        race.x(Axis::log("step").domain(0.5, RACE as f64)).y(Axis::log("f(x)").domain(1e-2, top));
        for who in self.shown() {
            if let Some(curve) = self.losses.of(who.id()) {
                let curve = || curve.iter().map(|p| [p[0], p[1].clamp(1e-2, top)]);
                race.line(curve().map(|p| p[0]), curve().map(|p| p[1])).of(who.id());
            }
        }

        let [l0, l1] = self.fixed.landscape.constants();
        let caption = format!(
            "Change of the gradient over the length of the move, coordinate by coordinate, below {l0:.0} + {l1:.1} |∂f|."
        );
        let mut bends = figures.figure("smoothness", "Curvature grows with the slope", caption);
        bends.x(Axis::log("|∂f|")).y(Axis::log("|change of ∂f| / length"));
        let seen = || self.fixed.bends.iter().filter(|p| p[0] > 1e-2 && p[1] > 1e-3);
        bends.dot(seen().map(|p| p[0]), seen().map(|p| p[1])).ink(Ink::Strong).radius(1.5).faint();
        let steepest = seen().fold(1.0, |most: f64, p| most.max(p[0]));
        let xs: Vec<f64> = (0..=60).map(|k| 1e-2 * pow(steepest / 1e-2, f64::from(k) / 60.0)).collect();
        bends.line(&xs, xs.iter().map(|x| l0 + l1 * x)).ink(Ink::Accent).label("L₀ + L₁ |∂f|");

        let caption = "Of each coordinate at each step of the race, in units of η, for those that have not diverged.";
        let mut steps = figures.figure("steps", "Effective steps", caption);
        steps.x(Axis::log("|Δx| / η").domain(1e-3, 1e2)).y(Axis::linear("share of steps"));
        for who in self.shown().filter(|who| !self.race[*who as usize].lost) {
            let bins = &self.lengths[who as usize];
            let count = bins.iter().sum::<u32>().max(1);
            let across = (0..BINS).map(|k| pow(10.0, (k as f64 + 0.5) / 10.0 - 3.0));
            steps.line(across, bins.iter().map(|bin| f64::from(*bin) / f64::from(count))).of(who.id());
        }
    }

    fn claim(&self) -> Claim {
        let settled = self.divergers.iter().all(|run| run.lost || run.t >= RACE);
        let lost = self.divergers.iter().filter(|run| run.lost).count() as f64 / DIVERGERS as f64;
        let falls = |name: &str, who| {
            let text = format!(
                "{name}: the mean gradient norm falls with the horizon to the power {{value}}, at most {{high}}."
            );
            Clause::at_most(text, self.slope(who), -0.2)
        };
        Claim::new(vec![
            falls("RMSProp", Who::RmsProp),
            falls("Adam", Who::Adam),
            Clause::at_least(
                "In the race SGD diverges for a share {value} of eight seeds, at least {low}.",
                settled.then_some(lost),
                0.5,
            ),
        ])
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        let fixed = Setting { memory: Memory::Fixed, ..default.clone() };
        let turned = Setting { share: 0.1, d1: 10.0, beta2: 0.5, ..default.clone() };
        vec![
            Scenario::holds("default", "A growing memory", "Both fall about as T^(−1/4).", default.clone()),
            Scenario::fails(
                "short",
                "β₂ = 0.5",
                "A memory of two steps: RMSProp's line bends into a floor.",
                Setting { beta2: 0.5, ..fixed.clone() },
            ),
            Scenario::fails(
                "uphill",
                "Turned signs",
                "Most gradients arrive with the wrong sign, and a short memory believes the many: RMSProp diverges.",
                Setting { memory: Memory::Fixed, ..turned.clone() },
            ),
            Scenario::holds(
                "turned",
                "Turned signs, long memory",
                "The same noise: whoever remembers the rare kicks goes down.",
                turned,
            ),
            Scenario::holds(
                "symmetric",
                "Symmetric noise",
                "Without skew a fixed β₂ = 0.9 does no harm at these horizons.",
                Setting { share: 0.5, ..fixed },
            ),
            Scenario::fails(
                "tame",
                "a = 0.5",
                "Gentle walls: plain descent is stable, and as good as any.",
                Setting { growth: 0.5, ..default },
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_kernels::math::powi;
    use orrery_reference::{difference, list, number, numbers, vectors, whole};
    use proptest::prelude::{prop, prop_assert, proptest};

    proptest! {
        #[test]
        fn the_gradient_is_a_limit_of_differences_and_zero_the_minimum(
            x in prop::collection::vec(-1.5_f64..1.5, N), a in 0.5_f64..6.0,
        ) {
            let (landscape, h) = (Landscape { a }, 1e-5);
            let g = landscape.gradient(&x);
            for i in 0..N {
                let at = |by: f64| {
                    let mut y = x.clone();
                    y[i] += by;
                    landscape.value(&y)
                };
                let slope = (at(h) - at(-h)) / (2.0 * h);
                prop_assert!((slope - g[i]).abs() < 1e-5 * (1.0 + g[i].abs()), "{slope} {}", g[i]);
            }
            prop_assert!(landscape.value(&x) >= landscape.value(&[0.0; N]));
        }

        // The paper's assumption holds with the constants that are drawn.
        #[test]
        fn it_is_generalised_smooth(
            x in prop::collection::vec(-5.0_f64..5.0, N), d in prop::collection::vec(-1.0_f64..1.0, N),
            length in 0.01_f64..1.0, a in 0.5_f64..6.0,
        ) {
            let landscape = Landscape { a };
            let [l0, l1] = landscape.constants();
            let scale = length / l1 / inner(&d, &d).sqrt();
            let y: Vec<f64> = x.iter().zip(&d).map(|(x, d)| x + scale * d).collect();
            let (here, there) = (landscape.gradient(&x), landscape.gradient(&y));
            for (here, there) in here.iter().zip(&there) {
                prop_assert!((here - there).abs() <= (l0 + l1 * here.abs()) * length / l1 * (1.0 + 1e-9));
            }
        }
    }

    #[test]
    fn kicks_have_mean_zero_and_variance_one() {
        for share in [0.01, 0.03, 0.5] {
            let k = Kicks::new(share);
            let moment = |power: i32| share * powi(k.large, power) + (1.0 - share) * powi(k.small, power);
            assert!(moment(1).abs() < 1e-15 && (moment(2) - 1.0).abs() < 1e-14);
            let mut rng = Rng::seed_from_u64(1);
            let often = (0..100_000).filter(|_| k.draw(&mut rng) > 0.0).count() as f64 / 1e5;
            assert!((often - share).abs() < 5.0 * (share / 1e5).sqrt());
        }
    }

    // The walls are steep and the rule is not: without noise a step is η √(g²/v), whatever the slope. The slope falls by
    // e^(-aδ) in a step of δ, so that v = (1-β) Σ βᵏ g² e^(2aδk) = g² (1-β) / (1 - β e^(2aδ)).
    #[test]
    fn far_out_rmsprop_walks_by_eta() {
        let setting = Setting { memory: Memory::Fixed, ..Setting::default() };
        let mut run = Run::new(Who::RmsProp, &setting, 10_000, 4.0, &Rng::seed_from_u64(0), 0);
        let landscape = Landscape { a: 3.0 };
        let quiet = (Kicks::new(0.5), 0.0, 0.0);
        (0..150).for_each(|_| run.advance(landscape, quiet));
        let before = run.x.clone();
        run.advance(landscape, quiet);
        let (eta, beta) = (0.5 / 100.0, 0.9);
        for (x, before) in run.x.iter().zip(&before) {
            let taken = (x - before).abs();
            let expected = eta * ((1.0 - beta * orrery_kernels::math::exp(6.0 * taken)) / (1.0 - beta)).sqrt();
            assert!((taken / expected - 1.0).abs() < 0.02, "{taken} {expected}");
        }
    }

    #[test]
    fn every_run_has_its_number() {
        let runs: Vec<_> = (0..).map_while(AdamGeneralized::which).collect();
        assert_eq!(runs.len(), SEEDS.iter().sum::<usize>() * ALL.len());
        assert_eq!(runs.iter().map(|run| run.0).sum::<usize>(), AdamGeneralized::total());
    }

    // `tests/reference/generalized_smooth.py`: JAX differentiates the landscape, the rules are optax's.
    #[test]
    fn runs_are_those_of_optax() {
        let vectors = vectors(include_str!("../../../../tests/reference/generalized_smooth.json"));
        let of = |name: &str| number(&vectors[name]);
        let (kicks, sizes) = (Kicks::new(of("share")), [of("d1").sqrt(), of("d0").sqrt()]);
        let setting = Setting { step: of("step"), beta2: of("beta2"), ..Setting::default() };
        let paths = vectors["paths"].as_object().expect("paths");
        assert_eq!(paths.len(), 10);
        for (name, path) in paths {
            let (who, a) = name.split_once(", ").expect("a rule and a growth");
            let who = ALL.into_iter().find(|of| of.id() == who).expect("a rule");
            let landscape = Landscape { a: a.parse().expect("a number") };
            let mut run = Run::new(who, &setting, whole(&vectors["horizon"]), 1.0, &Rng::seed_from_u64(0), 0);
            run.x = numbers(&vectors["start"]);
            let mut worst: f64 = 0.0;
            for expected in list(path) {
                for _ in 0..30 {
                    let t = run.t;
                    let kick = |i: usize, j: usize| {
                        if (7 * t + 3 * i + 16 * j).is_multiple_of(33) { kicks.large } else { kicks.small }
                    };
                    run.take(landscape, std::array::from_fn(|i| [sizes[0] * kick(i, 0), sizes[1] * kick(i, 1)]));
                }
                worst = worst.max(difference(&run.x, &numbers(expected)));
            }
            println!("{name}: {worst:e} after {} steps", run.t);
            assert!(run.t == 240 && worst < 1e-10, "{name}: {worst:e}");
        }
    }
}
