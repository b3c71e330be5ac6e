//! To minimise a convex function by subgradients one would like to know how far the solution is: with the distance
//! $D=\|x_0-x^*\|$, steps $D/\sqrt{\sum\|g_i\|^2}$ are as good as any. Defazio and Mishchenko find $D$ while they go. Whatever
//! dual averaging has gained so far says something about $D$:
//!
//! $$\hat d_{k+1}=\frac{\gamma_{k+1}\|s_{k+1}\|^2-\sum_{i\le k}\gamma_id_i^2\|g_i\|^2}{2\|s_{k+1}\|}\le D,\qquad
//! s_{k+1}=s_k+d_kg_k,\quad\gamma_{k+1}=\Bigl(\sum_{i\le k}\|g_i\|^2\Bigr)^{-1/2}.$$
//!
//! The estimate $d$ is the greatest of these so far and takes the place of $D$: $x_{k+1}=x_0-\gamma_{k+1}s_{k+1}$. Started at
//! one millionth it doubles and doubles, and stops below the ceiling. Here it always stops just under $D/2$. The result
//! is the mean of the $x_k$, weighted by $d_k$.
//!
//! **Try** starting the guess at $10^{-8}$, or the solution at a distance of 100: both cost a few more doublings, while
//! the rival who was told a wrong distance pays in proportion, as the third figure shows. From $10^{-12}$ the doublings
//! eat two thousand steps; give it ten times as many.
//!
//! **Where it stops.** Doublings are not free. At $K=2000$ the gap is two to four times that of the method that knows $D$,
//! and grows with every decade of $d_0$; the catalogued factor of two is reached for $d_0\ge0.01$, or with four times the
//! steps. What holds is the guarantee $DG/\sqrt K$ ($G$ the longest subgradient met), for all $d_0$ from $10^{-8}$ on.
//! The rival told $D/10$ is about level with it, and where gradients vanish at the solution (least squares, logistic
//! regression) one told $10D$ is far ahead.
//!
//! The proof that $d_k\le D$ is for exact subgradients. With noise one expects it to overshoot; what happens is
//! worse: noise lengthens $\|g_i\|$ more than $\|s\|$, the numerator is seldom positive, and $d$ climbs three decades
//! in two thousand steps, where seven are needed. Nor are sixty steps enough.
//!
//! The SGD and Adam variants keep their last point, and need a schedule that decays; so do their rivals. SGD's
//! estimate, as in the authors' package, is twice the one proven, and its step $d/\|g_0\|$ lacks the $1/\sqrt K$ of
//! the theory: with the same decay one told $D/100$ ends far ahead on
//! $L_1$ regression. On the network (64-8-10, 200 digits, at most 300
//! steps, batches of 32) $D$ means nothing. There the rival is Adam, its guess 1 a rate of 0.001, and the bar is the
//! best of thirteen rates.

use crate::curves::Curves;
use crate::linear_model::{LinearModel, Loss};
use crate::plane::{Field, Window, minima, path};
use crate::problems::Classifier;
use crate::sweep::rates;
use orrery_core::prelude::*;
use orrery_kernels::data::breast_cancer;
use orrery_kernels::math::{PI, cos, pow, sin};
use orrery_kernels::optim::{Adam, DAdaptAdam, DAdaptSgd, DAdaptation, Dog, Optimizer};
use orrery_kernels::random::{direction, normals};
use std::rc::Rc;

const CARD: Card = Card {
    slug: "d-adaptation",
    title: "Learning-Rate-Free Learning by D-Adaptation",
    year: 2023,
    lists: &[1],
    claim: "A lower bound on the distance to the solution grows by doublings until it can stand in for it.",
    algorithms: &["D-Adaptation", "dual averaging", "DoG", "AdaGrad-norm", "learning-rate-free", "subgradient method"],
    contenders: &[
        Contender::paper("d-adaptation", "D-Adaptation"),
        Contender::baseline("oracle", "told the distance"),
        Contender::baseline("rival", "told a wrong distance"),
        Contender::baseline("dog", "DoG"),
    ],
};

/// What is minimised.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Problem {
    /// $\frac1{200}\sum|\langle a_i,x\rangle-b_i|$ in 20 dimensions, solvable exactly.
    #[choice("L1 regression")]
    L1,
    /// Breast cancer, standardised, ridge 0.001.
    #[choice("logistic, breast cancer")]
    Logistic,
    /// The same rows, squared.
    #[choice("least squares")]
    Quadratic,
    /// 64-8-10, tanh.
    #[choice("small network on digits")]
    Network,
}

/// Which form of the method.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Variant {
    /// Algorithm 1 of the paper.
    #[choice("dual averaging")]
    Dual,
    /// With $\|g_0\|$ for the norm.
    #[choice("SGD")]
    Sgd,
    /// In Adam's metric.
    #[choice("Adam")]
    Adam,
}

/// What multiplies the steps over the run.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Schedule {
    /// 1.
    #[choice("flat")]
    Flat,
    /// From 1 to 0.
    #[choice("linear decay")]
    Linear,
    /// Half a cosine.
    #[choice("cosine")]
    Cosine,
}

impl Schedule {
    fn at(self, k: usize, of: usize) -> f64 {
        let share = k as f64 / of as f64;
        match self {
            Self::Flat => 1.0,
            Self::Linear => 1.0 - share,
            Self::Cosine => 0.5 * (1.0 + cos(PI * share)),
        }
    }
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// The first guess of the distance: 10 to this power.
    #[control(label = "log₁₀ d₀", range = -12.0..=1.0, default = -6.0)]
    pub first: f64,
    /// How far from the solution the start is.
    #[control(label = "distance D", range = 0.01..=1e4, log, default = 13.0, when = ("problem", ["l1", "quadratic"]))]
    pub distance: f64,
    /// What is minimised.
    #[control(label = "problem", default = Problem::L1)]
    pub problem: Problem,
    /// Which form of the method.
    #[control(label = "variant", default = Variant::Dual)]
    pub variant: Variant,
    /// How many subgradients each method sees. The network takes 300 at most.
    #[control(label = "steps K", range = 50..=20_000, log, default = 2000)]
    pub steps: usize,
    /// What multiplies the steps of all but DoG over the run.
    #[control(label = "base schedule", default = Schedule::Flat)]
    pub schedule: Schedule,
    /// What the rival believes, in units of the true distance.
    #[control(label = "rival's guess", unit = "D", range = 0.01..=100.0, log, default = 10.0)]
    pub guess: f64,
    /// The length, in the mean square, of normal noise on every gradient.
    #[control(label = "gradient noise", range = 1e-4..=10.0, log, default = 1e-4)]
    pub noise: f64,
}

/// Dual averaging for someone who was told the distance.
#[derive(Clone)]
struct DualAveraging {
    distance: f64,
    start: Vec<f64>,
    sum: Vec<f64>,
    squares: f64,
    mean: Vec<f64>,
    weights: f64,
}

impl DualAveraging {
    fn new(start: &[f64], distance: f64) -> Self {
        let sum = vec![0.0; start.len()];
        Self { distance, start: start.to_vec(), sum, squares: 0.0, mean: start.to_vec(), weights: 0.0 }
    }

    fn step(&mut self, x: &mut [f64], g: &[f64], schedule: f64) {
        self.weights += schedule;
        let share = if self.weights > 0.0 { schedule / self.weights } else { 0.0 };
        self.mean.iter_mut().zip(x.iter()).for_each(|(mean, x)| *mean += share * (x - *mean));
        // x = x₀ - D Σηg / √Σ‖g‖²
        self.squares += g.iter().map(|g| g * g).sum::<f64>();
        self.sum.iter_mut().zip(g).for_each(|(s, g)| *s += schedule * g);
        let length = if self.squares > 0.0 { self.distance / self.squares.sqrt() } else { 0.0 };
        x.iter_mut().zip(&self.start).zip(&self.sum).for_each(|((x, start), s)| *x = start - length * s);
    }
}

#[derive(Clone)]
enum Rule {
    Dual(DAdaptation),
    Sgd(DAdaptSgd),
    Adapt(DAdaptAdam),
    Told(DualAveraging),
    /// SGD told a distance, and ‖g₀‖ once it is known.
    ToldSgd(f64, Option<f64>),
    Dog(Dog),
    /// Adam told a rate.
    ToldAdam(f64, Adam),
}

impl Rule {
    fn step(&mut self, x: &mut [f64], g: &[f64], schedule: f64) {
        match self {
            // s ← s + d g,  d ← max(d, d̂),  x = x₀ - γs
            Self::Dual(rule) => {
                rule.rate = schedule;
                rule.step(x, g);
            }
            // λ = d/‖g₀‖,  s ← s + λg,  x = x₀ - s
            Self::Sgd(rule) => {
                rule.rate = schedule;
                rule.step(x, g);
            }
            // Adam with the rate d
            Self::Adapt(rule) => {
                rule.rate = schedule;
                rule.step(x, g);
            }
            Self::Told(rule) => rule.step(x, g, schedule),
            // λ = D/‖g₀‖,  x ← x - λg
            Self::ToldSgd(distance, first) => {
                let norm = *first.get_or_insert_with(|| g.iter().map(|g| g * g).sum::<f64>().sqrt());
                let lambda = if norm > 0.0 { *distance * schedule / norm } else { 0.0 };
                x.iter_mut().zip(g).for_each(|(x, g)| *x -= lambda * g);
            }
            // r̄ = max(r̄, ‖x - x₀‖),  x ← x - r̄/√Σ‖g‖² g
            Self::Dog(rule) => rule.step(x, g),
            Self::ToldAdam(rate, rule) => {
                rule.rate = *rate * schedule;
                rule.step(x, g);
            }
        }
    }

    /// What the method gives back.
    fn result<'a>(&'a self, x: &'a [f64]) -> &'a [f64] {
        let mean = match self {
            Self::Dual(rule) => rule.mean(),
            Self::Told(rule) => &rule.mean,
            Self::Dog(rule) => rule.mean(),
            _ => x,
        };
        // Before its first step there is no mean.
        if mean.len() == x.len() { mean } else { x }
    }

    /// $d$, or DoG's $\bar r$.
    fn distance(&self) -> Option<f64> {
        match self {
            Self::Dual(rule) => Some(rule.d()),
            Self::Sgd(rule) => Some(rule.d()),
            Self::Adapt(rule) => Some(rule.d()),
            Self::Dog(rule) => Some(rule.reach()),
            _ => None,
        }
    }
}

enum Objective {
    Linear(LinearModel),
    Network(Classifier),
}

/// What does not change during a run.
struct Fixed {
    setting: Setting,
    objective: Objective,
    begin: Vec<f64>,
    /// $f^*$, or a bound below it.
    least: f64,
    /// $D$; of the network, 1.
    distance: f64,
    /// The longest part of the way to the solution: $\|x_0-x^*\|_\infty$.
    longest_part: f64,
    steps: usize,
    guesses: Vec<f64>,
    plane: LinearModel,
    field: Field,
}

/// The first guesses of the claim.
const FIRST: [f64; 4] = [1e-8, 1e-6, 1e-4, 1e-2];

/// Where the solution of the two-dimensional problem is.
const TARGET: [f64; 2] = [2.4, 1.6];

impl Fixed {
    fn new(setting: &Setting, rng: &mut Rng) -> Self {
        let linear = |loss: Loss, rng: &mut Rng| {
            let truth: Vec<f64> = direction(20, rng).iter().map(|part| setting.distance * part).collect();
            let model = LinearModel { loss, ..LinearModel::absolute(400, &truth, 0.0, rng) };
            // Half of it is a copy of the other half.
            let half =
                LinearModel { design: model.design[..4000].to_vec(), targets: model.targets[..200].to_vec(), ..model };
            (Objective::Linear(half), 0.0, truth)
        };
        let (objective, least, solution) = match setting.problem {
            Problem::L1 => linear(Loss::Absolute, rng),
            Problem::Quadratic => linear(Loss::Square, rng),
            Problem::Logistic => {
                let mut table = breast_cancer();
                table.standardise();
                let targets = table.labels.iter().map(|&label| if label == 0 { -1.0 } else { 1.0 }).collect();
                let model = LinearModel { loss: Loss::Logistic, design: table.features, targets, ridge: 1e-3 };
                let (solution, least) = model.solution();
                (Objective::Linear(model), least, solution)
            }
            Problem::Network => {
                let network = Classifier::digits(200, &[8], rng);
                let theta = network.initial(rng);
                (Objective::Network(network), 0.0, theta)
            }
        };
        let (begin, distance, longest_part) = if setting.problem == Problem::Network {
            (solution, 1.0, 1.0)
        } else {
            let distance = solution.iter().map(|x| x * x).sum::<f64>().sqrt();
            (vec![0.0; solution.len()], distance, solution.iter().fold(0.0, |most, x| x.abs().max(most)))
        };
        let steps = if setting.problem == Problem::Network { setting.steps.min(300) } else { setting.steps };
        let plane = LinearModel::absolute(40, &TARGET, 0.2, rng);
        let field = Field::new(Window { x: [-2.2, 3.6], y: [-2.0, 3.0] }, |x| plane.value(&x));
        let guesses = rates(0.01, 100.0, 13);
        let setting = setting.clone();
        Self { setting, objective, begin, least, distance, longest_part, steps, guesses, plane, field }
    }

    fn value(&self, x: &[f64]) -> f64 {
        match &self.objective {
            Objective::Linear(model) => model.value(x),
            Objective::Network(network) => network.value(x),
        }
    }

    /// The paper's method with this first guess.
    fn ours(&self, first: f64) -> Rule {
        match self.setting.variant {
            Variant::Dual => Rule::Dual(DAdaptation::new(first)),
            Variant::Sgd => Rule::Sgd(DAdaptSgd::new(0.0, first)),
            Variant::Adam => Rule::Adapt(DAdaptAdam::new(self.begin.len(), [0.9, 0.999], first)),
        }
    }

    /// A rival who believes this, in units of the truth: the same form of method, under the same schedule. In Adam's metric
    /// the distance is that of the longest part.
    fn told(&self, guess: f64) -> Rule {
        let adam = |rate: f64| Rule::ToldAdam(rate, Adam::new(self.begin.len(), rate, [0.9, 0.999]));
        match self.setting.variant {
            _ if self.setting.problem == Problem::Network => adam(1e-3 * guess),
            Variant::Dual => Rule::Told(DualAveraging::new(&self.begin, guess * self.distance)),
            Variant::Sgd => Rule::ToldSgd(guess * self.distance, None),
            Variant::Adam => adam(guess * self.longest_part),
        }
    }
}

/// One method on its way.
#[derive(Clone)]
struct Lane {
    rule: Rule,
    x: Vec<f64>,
    rng: Rng,
    /// The longest subgradient met.
    longest: f64,
    /// $f-f^*$ of what it would give back now.
    gap: f64,
    lost: bool,
}

impl Lane {
    fn new(rule: Rule, fixed: &Fixed, rng: &Rng) -> Self {
        let gap = fixed.value(&fixed.begin) - fixed.least;
        Self { rule, x: fixed.begin.clone(), rng: rng.clone(), longest: 0.0, gap, lost: false }
    }

    fn advance(&mut self, fixed: &Fixed, k: usize) {
        if self.lost {
            return;
        }
        let mut g = vec![0.0; self.x.len()];
        match &fixed.objective {
            Objective::Linear(model) => {
                model.value_and_gradient(&self.x, &mut g);
            }
            Objective::Network(network) => {
                let rows = network.batch(32, &mut self.rng);
                network.value_and_gradient(&self.x, &rows, &mut g);
            }
        }
        self.longest = self.longest.max(g.iter().map(|g| g * g).sum::<f64>().sqrt());
        let noise = fixed.setting.noise / (g.len() as f64).sqrt();
        g.iter_mut().zip(normals(self.x.len(), &mut self.rng)).for_each(|(g, xi)| *g += noise * xi);
        self.rule.step(&mut self.x, &g, fixed.setting.schedule.at(k, fixed.steps));
        self.lost = !self.x.iter().all(|x| x.abs() < 1e12);
    }

    fn look(&mut self, fixed: &Fixed) {
        if !self.lost {
            let gap = fixed.value(self.rule.result(&self.x)) - fixed.least;
            self.gap = if gap.is_finite() { gap } else { 1e12 };
        }
    }
}

const IDS: [&str; 4] = ["d-adaptation", "oracle", "rival", "dog"];

/// The exhibit.
#[derive(Clone)]
pub struct DAdaptationRun {
    fixed: Rc<Fixed>,
    k: usize,
    shown: Vec<Lane>,
    gaps: Curves,
    distances: [Series; 2],
    /// From the first guesses of the claim.
    firsts: Vec<(Lane, Series)>,
    /// Told multiples of the distance.
    told: Vec<Lane>,
    /// $\max d_k/D$ over all runs of the paper's method.
    highest: f64,
    planar: (DAdaptation, Vec<f64>, Series),
    /// The radii at which the ball is drawn.
    radii: Vec<f64>,
}

impl DAdaptationRun {
    /// Subgradients of each method in one step: fewer where they are dear.
    fn share(&self) -> usize {
        let most = match self.fixed.setting.problem {
            Problem::L1 | Problem::Quadratic => 60,
            Problem::Logistic => 15,
            Problem::Network => 1,
        };
        (self.fixed.steps / 100).clamp(1, most)
    }

    /// $DG/\sqrt K$ after the steps so far.
    fn guarantee(&self) -> f64 {
        let longest = self.shown.iter().take(2).map(|lane| lane.longest).fold(0.0, f64::max);
        self.fixed.distance * longest / (self.k.max(1) as f64).sqrt()
    }
}

impl Exhibit for DAdaptationRun {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let fixed = Fixed::new(setting, rng);
        let lane = |rule| Lane::new(rule, &fixed, rng);
        let mut dog = Dog::new();
        dog.first = pow(10.0, setting.first);
        let rules = [fixed.ours(pow(10.0, setting.first)), fixed.told(1.0), fixed.told(setting.guess), Rule::Dog(dog)];
        Ok(Self {
            k: 0,
            shown: rules.into_iter().map(lane).collect(),
            gaps: Curves::new(&IDS, 1e-9),
            distances: Default::default(),
            firsts: FIRST.iter().map(|&first| (lane(fixed.ours(first)), Series::new())).collect(),
            told: fixed.guesses.iter().map(|&guess| lane(fixed.told(guess))).collect(),
            highest: 0.0,
            planar: (DAdaptation::new(0.01), vec![0.0, 0.0], Series::new()),
            radii: vec![0.01],
            fixed: Rc::new(fixed),
        })
    }

    fn length(&self) -> usize {
        self.fixed.steps.div_ceil(self.share())
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        let fixed = Rc::clone(&self.fixed);
        let until = self.k + self.share();
        while self.k < until.min(fixed.steps) {
            let k = self.k;
            self.shown.iter_mut().chain(&mut self.told).for_each(|lane| lane.advance(&fixed, k));
            self.firsts.iter_mut().for_each(|(lane, _)| lane.advance(&fixed, k));
            self.k += 1;
            let at = self.k as f64;
            for (series, lane) in self.distances.iter_mut().zip([&self.shown[0], &self.shown[3]]) {
                if let Some(distance) = lane.rule.distance() {
                    series.push(at, distance.clamp(1e-15, 1e12));
                }
            }
            for (lane, series) in &mut self.firsts {
                if let Some(distance) = lane.rule.distance() {
                    series.push(at, distance.clamp(1e-15, 1e12));
                    self.highest = self.highest.max(distance / fixed.distance);
                }
            }
            self.highest = self.highest.max(self.shown[0].rule.distance().unwrap_or(0.0) / fixed.distance);
        }
        self.shown.iter_mut().chain(&mut self.told).for_each(|lane| lane.look(&fixed));
        self.firsts.iter_mut().for_each(|(lane, _)| lane.look(&fixed));
        for (id, lane) in IDS.iter().zip(&self.shown) {
            self.gaps.push(id, self.k as f64, lane.gap.min(1e12));
        }
        let (rule, x, series) = &mut self.planar;
        for _ in 0..2 {
            let mut g = [0.0; 2];
            series.push(x[0], x[1]);
            fixed.plane.value_and_gradient(x, &mut g);
            rule.step(x, &g);
        }
        // A circle at each doubling, and the newest.
        if let Some(before) = self.radii.iter().rev().nth(1)
            && rule.d() < 2.0 * before
        {
            self.radii.pop();
        }
        self.radii.push(rule.d());
        if self.k >= fixed.steps { Progress::Done } else { Progress::Running }
    }

    fn figures(&self, figures: &mut Figures) {
        let fixed = &self.fixed;
        let network = fixed.setting.problem == Problem::Network;
        let steps = || Axis::log("step k").domain(1.0, fixed.steps as f64);
        let caption = if network {
            "The estimate grows from any first guess; how far the solution is, nobody knows here. Faint: first guesses 10⁻⁸ \
             to 10⁻²."
        } else {
            "With exact gradients, and steps enough, the estimate doubles from any first guess until it is just below D. \
             Faint: first guesses 10⁻⁸ to 10⁻²."
        };
        let mut distance = figures.figure("distance", "The distance, found on the way", caption);
        distance.x(steps()).y(Axis::log("estimate d"));
        if !network {
            distance.rule_y([fixed.distance]).ink(Ink::Strong).dashed().label("the distance D");
        }
        for (k, (_, series)) in self.firsts.iter().enumerate() {
            distance.line(series.xs(), series.ys()).ink(Ink::Tone(k as f64 / 3.0)).faint();
        }
        for (id, series) in ["d-adaptation", "dog"].into_iter().zip(&self.distances) {
            distance.line(series.xs(), series.ys()).of(id);
        }

        let what = if network { "loss" } else { "f − f*" };
        let caption = if network {
            "The loss over all examples. The rival and the one “told” are Adam with the guess times 0.001.".into()
        } else {
            format!("The gap of what each would give back. The rival was told {} D.", fixed.setting.guess)
        };
        let mut gap = self.gaps.figure(figures, "gap", "The gap", caption, ["step k", what]);
        // The first record is made after the first share of the steps.
        gap.x(Axis::log("step k").domain(self.share() as f64, fixed.steps as f64));

        let caption = if network {
            "Adam, which is told a rate, pays for a wrong one; who finds it out himself is a level line."
        } else if fixed.setting.variant == Variant::Dual {
            "Everyone who is told a distance pays for being wrong; who finds it out himself is a level line."
        } else {
            "What is reached by those who are told a distance; who finds it out himself is a level line."
        };
        let mut curve = figures.figure("guess", "What a wrong guess costs", caption);
        let across = if network { "rate over 0.001" } else { "guess over D" };
        curve.x(Axis::log(across).domain(0.01, 100.0)).y(Axis::log(what));
        let ys = self.told.iter().map(|lane| lane.gap.clamp(1e-9, 1e12));
        curve.line(&fixed.guesses, ys.clone()).of("rival");
        curve.dot(&fixed.guesses, ys).of("rival");
        let ours = self.shown[0].gap.clamp(1e-9, 1e12);
        curve.line([0.01, 100.0], [ours, ours]).of("d-adaptation");
        if !network && self.k > 0 {
            let bound = self.guarantee().max(1e-9);
            curve.line([0.01, 100.0], [bound, bound]).ink(Ink::Muted).dashed().label("D G / √k");
        }

        let caption = "Absolute regression in the plane. Each circle is a ball of radius d; it grows and never reaches the solution.";
        let mut ball = fixed.field.figure(figures, "ball", "The ball that grows", caption, ["x₁", "x₂", "f"]);
        let angles = || (0..=60).map(|k| PI * f64::from(k) / 30.0);
        for (k, &radius) in self.radii.iter().enumerate() {
            let circle = ball.line(angles().map(|t| radius * cos(t)), angles().map(|t| radius * sin(t)));
            circle.of("d-adaptation");
            if k + 1 < self.radii.len() {
                circle.faint();
            }
        }
        path(&mut ball, "d-adaptation", &self.planar.2);
        minima(&mut ball, &[TARGET], "solution");
    }

    fn claim(&self) -> Claim {
        let fixed = &self.fixed;
        let open = self.k < fixed.steps;
        let some = self.k > 0;
        let ours = &self.shown[0];
        if fixed.setting.problem == Problem::Network {
            let best = self.told.iter().map(|lane| lane.gap).fold(f64::INFINITY, f64::min);
            let text = "The loss is {value} times that of Adam at the best of thirteen rates, at most {high}.";
            return Claim::new(vec![
                Clause::at_most(text, some.then(|| ours.gap / best.max(1e-12)), 2.0).pending_while(open),
            ]);
        }
        let reached = ours.rule.distance().unwrap_or(0.0) / fixed.distance;
        let worst = self.firsts.iter().map(|(lane, _)| lane.gap).fold(0.0, f64::max) / self.guarantee().max(1e-300);
        let rival = |place: usize| some.then(|| ours.gap / self.told[place].gap.max(1e-12));
        Claim::new(vec![
            Clause::at_most(
                "No estimate rose above {value} of the distance, at most {high}.",
                some.then_some(self.highest),
                1.0 + 1e-9,
            )
            .holds_only_after(open),
            Clause::at_least("It came to {value} D, at least {low}.", some.then_some(reached), 0.25)
                .fails_only_after(open),
            Clause::at_most(
                "From any first guess between 10⁻⁸ and 10⁻² the gap is at most {value} of DG/√K, at most {high}.",
                some.then_some(worst),
                1.0,
            )
            .pending_while(open),
            Clause::at_most("It is {value} of the gap of a rival told 10 D, at most {high}.", rival(9), 1.0)
                .pending_while(open),
            Clause::at_most("And {value} of that of one told D/100, at most {high}.", rival(0), 1.0)
                .pending_while(open),
        ])
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        vec![
            Scenario::holds(
                "default",
                "Seven decades too small",
                "The first guess doubles until it stands just under half the distance.",
                default.clone(),
            ),
            Scenario::holds(
                "far",
                "A hundred away",
                "Eight decades from the first guess to the distance: a few doublings more.",
                Setting { distance: 100.0, ..default.clone() },
            ),
            Scenario::fails(
                "sgd",
                "SGD with linear decay",
                "The last point under a schedule is far better than any mean. But the step lacks 1/√K: the rival told D/100 wins.",
                Setting { variant: Variant::Sgd, schedule: Schedule::Linear, ..default.clone() },
            ),
            Scenario::fails(
                "noise",
                "Noisy gradients",
                "Noise lengthens the gradients more than their sum; the estimate climbs too slowly to arrive.",
                Setting { noise: 3.0, ..default.clone() },
            ),
            Scenario::fails(
                "smooth",
                "Least squares",
                "Where gradients vanish at the solution too large a distance does no harm: the rival told 10 D wins.",
                Setting { problem: Problem::Quadratic, ..default.clone() },
            ),
            Scenario::fails(
                "short",
                "Sixty steps",
                "There is no time to grow by seven decades and then to converge.",
                Setting { steps: 60, ..default },
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_kernels::math::log_spaced;
    use proptest::prelude::{prop_assert, proptest};

    proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(24))]
        // The theorem: on a convex function without noise no estimate exceeds the distance.
        #[test]
        fn the_estimate_is_a_lower_bound(seed in 0_u64..1000, first in -10.0_f64..0.0, reach in 0.0_f64..3.0) {
            let setting = Setting { distance: pow(10.0, reach), ..Setting::default() };
            let fixed = Fixed::new(&setting, &mut Rng::seed_from_u64(seed));
            let (mut rule, mut x, mut g) = (DAdaptation::new(pow(10.0, first)), fixed.begin.clone(), vec![0.0; 20]);
            let Objective::Linear(model) = &fixed.objective else { panic!("rows") };
            for _ in 0..400 {
                model.value_and_gradient(&x, &mut g);
                rule.step(&mut x, &g);
                prop_assert!(rule.d() <= setting.distance * (1.0 + 1e-12));
            }
        }

        // Its own guarantee: dual averaging told D is within D G (3/2) / √k, whatever the rows.
        #[test]
        fn who_is_told_the_distance_keeps_the_classical_bound(seed in 0_u64..1000) {
            let fixed = Fixed::new(&Setting::default(), &mut Rng::seed_from_u64(seed));
            let mut lane = Lane::new(fixed.told(1.0), &fixed, &Rng::seed_from_u64(0));
            (0..500).for_each(|k| lane.advance(&fixed, k));
            lane.look(&fixed);
            prop_assert!(lane.gap <= 1.5 * fixed.distance * lane.longest / 500.0_f64.sqrt());
        }
    }

    #[test]
    fn the_first_guesses_of_the_claim_span_the_decades_it_names() {
        let spaced = log_spaced(1e-8, 1e-2, 4);
        assert!(FIRST.iter().zip(spaced).all(|(first, spaced)| (first / spaced - 1.0).abs() < 1e-12));
        let fixed = Fixed::new(&Setting::default(), &mut Rng::seed_from_u64(0));
        assert!((fixed.guesses[9] - 10.0).abs() < 1e-12 && (fixed.guesses[0] - 0.01).abs() < 1e-15);
    }
}
