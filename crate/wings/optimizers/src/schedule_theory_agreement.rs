//! The loss of a large language model falls suddenly when its learning rate is cooled down at the end. That looks like
//! deep learning's own business. Schaipp, Hägele, Taylor, Simsekli and Bach put the schedule into a bound for
//! non-smooth *convex* functions and get the same curve. The method is $x_{t+1}=x_t-\gamma\eta_tg_t$, and
//!
//! $$\mathbb E[f(x_T)-f_*]\le\Omega_T(\gamma)=\frac{T_1}\gamma+\gamma T_2,$$
//! $$T_1=\frac{D^2}{2S_1},$$
//! $$T_2=\frac{Q_1}{2S_1}+\frac12\sum_{k<T}\frac{\eta_k}{S_{k+1}}\frac{Q_k}{S_k},$$
//!
//! where $S_k=\sum_{t\ge k}\eta_t$ and $Q_k=\sum_{t\ge k}\eta_t^2G_t^2$ run to $T$, $D$ is the distance to the solution and
//! $G_t$ the length of the gradients. It is least at $\gamma^*=\sqrt{T_1/T_2}$.
//!
//! The first picture has the measured gaps of five schedules and, dashed, the bound of each at every $t$. The numbers
//! differ by a factor of several, as a bound's may; the shapes are what to compare. "WSD" stays constant and then
//! falls linearly to zero.
//!
//! **Try** dragging the cooldown fraction: the drop moves in both families of curves at once. The fourth picture has the
//! reason. The term of $T_2$ that step $k$ contributes is large where what is left, $S_{k+1}$, is small
//! compared to $\eta_k$. A constant schedule has such steps at its end and pays $\log T$ for them; a cooldown has not.
//! Draw a schedule that jumps up at its end.
//!
//! The bound also predicts the best base rate of each schedule and horizon, which is in the table, next to what it
//! costs to reuse the constant schedule's rate or to keep the rate when the run is extended.
//!
//! **Where it stops.** Only the convex problem has a theorem behind it. For the language model (40-16-40, next
//! character from the last one, $T/4$ steps) there is no $D$; we take the one that puts the constant schedule's best
//! rate where it was measured, and then compare. Without noise in the data and with a large batch the best gaps fall
//! far below the bound: they are about as small as the last step, and their ranking is no longer the bound's. A
//! cooldown over one percent is too short: the bound does not fall at all, the runs by little or by a third, by
//! chance. Measured lengths are averaged over fiftieths of a run, and gaps over four orders of the rows.

use crate::lanes::{Objective, Pool};
use crate::linear_model::LinearModel;
use crate::problems::Classifier;
use crate::schedule::{Schedule, drawn};
use crate::sweep::rates;
use orrery_core::prelude::*;
use orrery_kernels::data::{Table as Examples, alice};
use orrery_kernels::math::log;
use orrery_kernels::random::direction;
use std::rc::Rc;

const CARD: Card = Card {
    slug: "schedule-theory-agreement",
    title: "The Surprising Agreement Between Convex Optimization Theory and Learning-Rate Scheduling for Large Model \
            Training",
    year: 2025,
    lists: &[1],
    claim: "A bound from non-smooth convex optimisation draws the loss curve of every schedule, cooldown included.",
    algorithms: &[
        "learning-rate schedule",
        "warmup-stable-decay",
        "cooldown",
        "cosine schedule",
        "linear decay",
        "last-iterate bound",
        "stochastic subgradient method",
        "learning-rate transfer",
    ],
    contenders: &[
        Contender::paper("wsd", "WSD"),
        Contender::baseline("linear", "linear decay"),
        Contender::baseline("cosine", "cosine"),
        Contender::baseline("root", "1/√t"),
        Contender::baseline("constant", "constant"),
        Contender::baseline("drawn", "drawn"),
    ],
};

/// The schedule that is looked at closely.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Chosen {
    /// Constant, then linear to zero.
    #[choice("WSD")]
    Wsd,
    /// Always one.
    #[choice("constant")]
    Constant,
    /// To zero from the start.
    #[choice("linear")]
    Linear,
    /// Half a wave.
    #[choice("cosine")]
    Cosine,
    /// Good at any time.
    #[choice("1/√t")]
    Root,
    /// The curve below.
    #[choice("drawn")]
    Drawn,
}

/// What stands for $G_t$ in the bound that is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Lengths {
    /// The longest row; one for the language model.
    #[choice("constant")]
    Constant,
    /// The root of the mean square of the lengths that were met.
    #[choice("measured")]
    Measured,
}

/// What is minimised.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Problem {
    /// Mean absolute residual: 200 rows, 20 columns.
    #[choice("L1 regression")]
    L1,
    /// The next character of *Alice's Adventures in Wonderland*.
    #[choice("small language model")]
    Language,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// What is minimised.
    #[control(label = "problem", default = Problem::L1)]
    pub problem: Problem,
    /// The schedule whose steps are looked at one by one. All run.
    #[control(label = "schedule", default = Chosen::Wsd)]
    pub schedule: Chosen,
    /// A schedule of your own, against t/T. Below 0.001 it counts as that.
    #[control(label = "drawn schedule", samples = 60, domain = 0.0..=1.0, range = 0.0..=1.0, when = ("schedule", "drawn"), default = jump())]
    pub drawn: Curve,
    /// The share of the run over which WSD falls to zero.
    #[control(label = "cooldown fraction c", range = 0.01..=1.0, default = 0.2)]
    pub cooldown: f64,
    /// The horizon; a quarter of it is tried as well. The language model takes a quarter of all steps.
    #[control(label = "horizon T", range = 50..=3200, log, default = 400)]
    pub horizon: usize,
    /// The base rate of the curves.
    #[control(label = "base rate γ", range = 1e-3..=10.0, log, default = 0.3)]
    pub rate: f64,
    /// The longer horizon that rates are carried to; longer than T in any case.
    #[control(label = "extend the run to", range = 400..=6400, log, default = 1600)]
    pub extended: usize,
    /// What stands for the gradients' length in the bound that is drawn. The claim's first clause always uses what was measured.
    #[control(label = "gradient-norm model", default = Lengths::Constant)]
    pub lengths: Lengths,
    /// Rows in a batch.
    #[control(label = "batch size", range = 1..=64, log, default = 4)]
    pub batch: usize,
    /// The deviation of the errors in the regression's targets.
    #[control(label = "noise in b", range = 0.0..=2.0, default = 0.5, when = ("problem", "l1"))]
    pub noise: f64,
}

/// Down to a tenth, and up again at the end.
fn jump() -> Curve {
    Curve((0..60).map(|k| if k < 54 { 1.0 - 0.9 * k as f64 / 53.0 } else { 1.0 }).collect())
}

const IDS: [&str; 6] = ["wsd", "linear", "cosine", "root", "constant", "drawn"];
const CONSTANT: usize = 4;
/// Looks at the gaps, and stretches over which lengths are averaged, of a run.
const PARTS: usize = 50;
/// Rates of the grid; one more is the visitor's.
const RATES: usize = 16;
const FLOOR: f64 = 1e-6;
const WORK: usize = 1_500_000;

/// The two terms of the bound after `eta.len()` steps, $T_1/D^2$ and $T_2$, and what each step adds to $T_2$; `g2` are
/// the squares of the gradients' lengths.
pub fn bound_terms(eta: &[f64], g2: &[f64]) -> (f64, f64, Vec<f64>) {
    let mut parts = vec![0.0; eta.len()];
    // S_{k+1}, and at last S_1; Q_k.
    let (mut later, mut squares) = (0.0, 0.0);
    for (k, (eta, g2)) in eta.iter().zip(g2).enumerate().rev() {
        squares += eta * eta * g2;
        let all = later + eta;
        if later > 0.0 {
            // η_k/S_{k+1} · Q_k/S_k
            parts[k] = 0.5 * eta / later * squares / all;
        }
        later = all;
    }
    let whole = 0.5 * squares / later;
    (0.5 / later, whole + parts.iter().sum::<f64>(), parts)
}

/// Spearman's rank correlation.
pub fn rank_correlation(points: &[[f64; 2]]) -> Option<f64> {
    let ranks = |axis: usize| -> Vec<f64> {
        let below = |p: &[f64; 2], q: &&[f64; 2]| q[axis] < p[axis];
        let level = |p: &[f64; 2], q: &&[f64; 2]| q[axis] == p[axis];
        let count = |p: &[f64; 2], which: &dyn Fn(&[f64; 2], &&[f64; 2]) -> bool| {
            points.iter().filter(|q| which(p, q)).count() as f64
        };
        // Equals share the mean of their ranks.
        points.iter().map(|p| count(p, &below) + 0.5 * (count(p, &level) - 1.0)).collect()
    };
    let (x, y) = (ranks(0), ranks(1));
    let middle = (points.len() as f64 - 1.0) / 2.0;
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - middle) * (b - middle)).sum::<f64>();
    let spread = (product(&x, &x) * product(&y, &y)).sqrt();
    (spread > 0.0).then(|| product(&x, &y) / spread)
}

struct Fixed {
    setting: Setting,
    objective: Objective,
    start: Vec<f64>,
    least: f64,
    /// $D$ and $G$; for the language model one and one.
    scale: [f64; 2],
    /// $T/4$, $T$ and the longer one, in steps.
    horizons: [usize; 3],
    /// How many of [`IDS`] run.
    schedules: usize,
    orders: usize,
    rates: Vec<f64>,
}

impl Fixed {
    fn new(setting: &Setting, rng: &mut Rng) -> Self {
        let longer = setting.extended.max(setting.horizon + 1);
        let convex = setting.problem == Problem::L1;
        let [horizon, longer] = [setting.horizon, longer].map(|steps| if convex { steps } else { steps.div_ceil(4) });
        let (objective, start, least, scale) = if convex {
            let d = 4.5;
            let truth: Vec<f64> = direction(20, rng).iter().map(|part| d * part).collect();
            let model = LinearModel::absolute(200, &truth, setting.noise, rng);
            let square = |i: usize| model.row(i).iter().map(|a| a * a).sum::<f64>();
            let g = (0..200).map(square).fold(0.0, f64::max).sqrt();
            let least = model.value(&truth);
            (Objective::Linear(model), vec![0.0; 20], least, [d, g])
        } else {
            let (pairs, least) = bigrams(600);
            let network = Classifier::new(pairs, 600, &[16], rng);
            let theta = network.initial(rng);
            (Objective::Network(network), theta, least, [1.0, 1.0])
        };
        // For the grid: the bound's best constant rate, about.
        let middle = if convex { scale[0] / (scale[1] * (horizon as f64).sqrt()) } else { 1.0 };
        let grid = if convex { rates(0.25 * middle, 45.0 * middle, RATES) } else { rates(0.1, 12.8, 8) };
        Self {
            horizons: [(horizon / 4).max(2), horizon.max(3), longer.max(4)],
            schedules: if setting.schedule == Chosen::Drawn { 6 } else { 5 },
            orders: if convex { 4 } else { 1 },
            rates: [&grid[..], &[setting.rate]].concat(),
            setting: setting.clone(),
            objective,
            start,
            least,
            scale,
        }
    }

    /// $\eta_1,\dots,\eta_T$.
    fn eta(&self, schedule: usize, horizon: usize) -> Vec<f64> {
        let plain = match IDS[schedule] {
            "wsd" => Schedule::Cooldown(self.setting.cooldown),
            "linear" => Schedule::Linear,
            "cosine" => Schedule::Cosine,
            "root" => Schedule::Root,
            "constant" => Schedule::Constant,
            _ => return drawn(&self.setting.drawn.0, horizon).iter().map(|eta| eta.max(1e-3)).collect(),
        };
        plain.until(horizon)
    }

    fn lanes(&self) -> usize {
        self.schedules * self.rates.len()
    }

    /// How many iterations make a step of the exhibit.
    fn share(&self) -> usize {
        let cost = 2 * self.lanes() * self.start.len() * self.setting.batch * self.orders;
        let cost = if self.is_convex() { cost } else { 2 * cost };
        (WORK / cost.max(1)).clamp(1, 64)
    }

    fn is_convex(&self) -> bool {
        matches!(self.objective, Objective::Linear(_))
    }

    fn gap(&self, value: f64) -> f64 {
        let gap = value - self.least;
        if gap.is_finite() { gap.clamp(FLOOR, 1e9) } else { 1e9 }
    }
}

/// Pairs of neighbouring characters of the text, the first as an indicator, and the least mean loss of any guess that
/// knows only it.
fn bigrams(count: usize) -> (Examples, f64) {
    let text: Vec<char> = alice().chars().take(count + 1).collect();
    let mut kinds: Vec<char> = alice().chars().collect();
    kinds.sort_unstable();
    kinds.dedup();
    let columns = kinds.len();
    let codes: Vec<usize> = text.iter().map(|c| kinds.partition_point(|kind| kind < c)).collect();
    let mut features = vec![0.0; count * columns];
    let mut counts = vec![0.0; columns * columns];
    for (row, pair) in codes.windows(2).enumerate() {
        features[row * columns + pair[0]] = 1.0;
        counts[pair[0] * columns + pair[1]] += 1.0;
    }
    let mut least = 0.0;
    for counts in counts.chunks_exact(columns) {
        let all: f64 = counts.iter().sum();
        least -= counts.iter().filter(|n| **n > 0.0).map(|n| n * log(n / all)).sum::<f64>() / count as f64;
    }
    (Examples { columns, features, labels: codes[1..].to_vec(), classes: columns }, least)
}

/// What one horizon's runs came to.
#[derive(Clone)]
struct Run {
    horizon: usize,
    /// Every schedule's factors.
    eta: Rc<Vec<Vec<f64>>>,
    /// The times of the looks, and the mean gap of every lane at each.
    times: Vec<f64>,
    gaps: Vec<Vec<f64>>,
    /// The mean square of every lane's gradients in each part of the run, and how many there were.
    squares: Vec<Vec<f64>>,
    counts: Vec<f64>,
}

impl Run {
    fn new(fixed: &Fixed, horizon: usize) -> Self {
        let eta = (0..fixed.schedules).map(|schedule| fixed.eta(schedule, horizon)).collect();
        let (squares, counts) = (vec![vec![0.0; fixed.lanes()]; PARTS], vec![0.0; PARTS]);
        Self { horizon, eta: Rc::new(eta), times: Vec::new(), gaps: vec![Vec::new(); fixed.lanes()], squares, counts }
    }

    fn is_done(&self) -> bool {
        self.times.last() == Some(&(self.horizon as f64))
    }

    fn part(&self, t: usize) -> usize {
        t * PARTS / self.horizon
    }

    /// The squares of the gradients' lengths at each step, as they were measured in a lane. No step is taken from the last
    /// iterate: the one before it stands for it.
    fn measured(&self, lane: usize) -> Vec<f64> {
        (0..self.horizon).map(|t| self.squares[self.part(t.min(self.horizon - 2))][lane]).collect()
    }
}

/// The exhibit.
#[derive(Clone)]
pub struct ScheduleTheory {
    fixed: Rc<Fixed>,
    begin: Rng,
    /// Which horizon runs, and the iterate that is there: $x_t$, from 1.
    stage: usize,
    t: usize,
    orders: Vec<(Rng, Pool)>,
    runs: Vec<Run>,
    /// The greatest ratio of a gap to its bound in the runs that are done.
    worst: Option<f64>,
}

impl ScheduleTheory {
    fn restart(&mut self) {
        let fixed = &self.fixed;
        let order = |k: usize| {
            let mut rng = self.begin.clone();
            rng.set_stream(k as u64 + 1);
            (rng, Pool::new(&fixed.objective, &fixed.start, fixed.lanes()))
        };
        self.t = 1;
        self.orders = (0..fixed.orders).map(order).collect();
    }

    /// From $x_t$ to $x_{t+1}$.
    fn advance(&mut self) {
        let fixed = Rc::clone(&self.fixed);
        let run = &mut self.runs[self.stage];
        let (k, rows) = (self.t - 1, fixed.objective.rows() as u32);
        let rates: Vec<f64> =
            run.eta.iter().flat_map(|eta| fixed.rates.iter().map(move |gamma| gamma * eta[k])).collect();
        let part = run.part(k);
        for (rng, pool) in &mut self.orders {
            let batch: Vec<usize> = (0..fixed.setting.batch).map(|_| rng.random_range(0..rows) as usize).collect();
            pool.step(&fixed.objective, &batch, &rates);
            run.counts[part] += 1.0;
            for (mean, norm) in run.squares[part].iter_mut().zip(pool.norms()) {
                *mean += (norm * norm - *mean) / run.counts[part];
            }
        }
        self.t += 1;
    }

    fn look(&mut self) {
        let fixed = &self.fixed;
        let run = &mut self.runs[self.stage];
        run.times.push(self.t as f64);
        let mut means = vec![0.0; fixed.lanes()];
        for (_, pool) in &self.orders {
            for (mean, value) in means.iter_mut().zip(pool.values(&fixed.objective)) {
                *mean += fixed.gap(value) / fixed.orders as f64;
            }
        }
        run.gaps.iter_mut().zip(means).for_each(|(gaps, mean)| gaps.push(mean));
    }

    fn is_over(&self) -> bool {
        self.runs.last().is_some_and(Run::is_done)
    }

    /// The last gap of a schedule's run at each rate of the grid.
    fn finals(&self, run: &Run, schedule: usize) -> Vec<[f64; 2]> {
        let count = self.fixed.rates.len();
        let lanes = run.gaps[schedule * count..].iter().take(count - 1).zip(&self.fixed.rates);
        lanes.filter_map(|(gaps, rate)| Some([*rate, *gaps.last()?])).collect()
    }

    /// The best rate of the grid and the gap there.
    fn best(&self, run: &Run, schedule: usize) -> Option<[f64; 2]> {
        self.finals(run, schedule).into_iter().reduce(|best, next| if next[1] < best[1] { next } else { best })
    }

    /// The squares of the lengths that the drawn bound takes: of every step, for a schedule at the visitor's rate.
    fn lengths(&self, run: &Run, schedule: usize) -> Vec<f64> {
        let count = self.fixed.rates.len();
        let constant = self.fixed.scale[1] * self.fixed.scale[1];
        if self.fixed.setting.lengths == Lengths::Constant || !run.is_done() {
            return vec![constant; run.horizon];
        }
        run.measured(schedule * count + count - 1)
    }

    /// $D$: known, or such that the constant schedule's best rate is the one measured.
    fn distance(&self) -> f64 {
        let run = &self.runs[1];
        if self.fixed.is_convex() || !run.is_done() {
            return self.fixed.scale[0];
        }
        let (unit, second, _) = bound_terms(&run.eta[CONSTANT], &self.lengths(run, CONSTANT));
        self.best(run, CONSTANT).map_or(1.0, |[rate, _]| rate * (second / unit).sqrt())
    }

    /// $T_1$ and $T_2$ of a whole run.
    fn terms(&self, run: &Run, schedule: usize) -> [f64; 2] {
        let d = self.distance();
        let (unit, second, _) = bound_terms(&run.eta[schedule], &self.lengths(run, schedule));
        [d * d * unit, second]
    }

    /// The bound after each of the looks, at the visitor's rate.
    fn bound_curve(&self, run: &Run, schedule: usize) -> Vec<[f64; 2]> {
        let (d, gamma) = (self.distance(), self.fixed.setting.rate);
        let g2 = self.lengths(run, schedule);
        let mut marks: Vec<usize> = (1..=PARTS).map(|k| (k * run.horizon / PARTS).max(1)).collect();
        marks.dedup();
        let at = |t: usize| {
            let (unit, second, _) = bound_terms(&run.eta[schedule][..t], &g2[..t]);
            [t as f64, (d * d * unit / gamma + gamma * second).clamp(FLOOR, 1e9)]
        };
        marks.into_iter().map(at).collect()
    }

    /// The greatest ratio of a measured gap to its bound, over a run's schedules and rates, with measured lengths.
    fn greatest_ratio(&self, run: &Run) -> f64 {
        let d = self.fixed.scale[0];
        let count = self.fixed.rates.len();
        let ratio = |lane: usize| {
            let gamma = self.fixed.rates[lane % count];
            let (unit, second, _) = bound_terms(&run.eta[lane / count], &run.measured(lane));
            run.gaps[lane].last().map_or(0.0, |gap| gap / (d * d * unit / gamma + gamma * second))
        };
        (0..self.fixed.lanes()).map(ratio).fold(0.0, f64::max)
    }

    /// Best bound and best measured gap of each schedule and horizon.
    fn pairs(&self) -> Vec<(usize, [f64; 2])> {
        let done = || self.runs.iter().filter(|run| run.is_done());
        let pair = |run: &Run, schedule: usize| {
            let [first, second] = self.terms(run, schedule);
            // Ω(γ*) = 2√(T₁T₂)
            Some((schedule, [2.0 * (first * second).sqrt(), self.best(run, schedule)?[1]]))
        };
        (0..self.fixed.schedules).flat_map(|schedule| done().filter_map(move |run| pair(run, schedule))).collect()
    }

    /// By how much a curve falls over the cooldown, as a share.
    fn drop(&self, curve: &[[f64; 2]]) -> Option<f64> {
        let run = &self.runs[1];
        let begin = (1.0 - self.fixed.setting.cooldown) * run.horizon as f64;
        let before = curve.iter().rev().find(|[t, _]| *t <= begin).or(curve.first())?;
        Some(1.0 - curve.last()?[1] / before[1])
    }

    fn measured_curve(&self, run: &Run, schedule: usize) -> Vec<[f64; 2]> {
        let lane = (schedule + 1) * self.fixed.rates.len() - 1;
        run.times.iter().zip(&run.gaps[lane]).map(|(t, gap)| [*t, *gap]).collect()
    }
}

fn xs(points: &[[f64; 2]]) -> impl Iterator<Item = f64> + '_ {
    points.iter().map(|p| p[0])
}

fn ys(points: &[[f64; 2]]) -> impl Iterator<Item = f64> + '_ {
    points.iter().map(|p| p[1])
}

impl Exhibit for ScheduleTheory {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let fixed = Fixed::new(setting, rng);
        let runs = fixed.horizons.iter().map(|&horizon| Run::new(&fixed, horizon)).collect();
        // T first: its curves are what is watched.
        let mut exhibit =
            Self { fixed: Rc::new(fixed), begin: rng.clone(), stage: 1, t: 1, orders: Vec::new(), runs, worst: None };
        exhibit.restart();
        Ok(exhibit)
    }

    fn length(&self) -> usize {
        let share = self.fixed.share();
        self.fixed.horizons.iter().map(|horizon| horizon.div_ceil(share) + PARTS + 2).sum()
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        let horizon = self.fixed.horizons[self.stage];
        let next = |t: usize| (1..=PARTS).map(|k| (k * horizon / PARTS).max(1)).find(|mark| *mark > t);
        let mark = next(self.t).unwrap_or(horizon);
        let until = (self.t + self.fixed.share()).min(mark);
        while self.t < until {
            self.advance();
        }
        if self.t == mark {
            self.look();
        }
        if self.t >= horizon {
            let ratio = self.greatest_ratio(&self.runs[self.stage]);
            self.worst = Some(self.worst.map_or(ratio, |worst| worst.max(ratio)));
            // T, then T/4, then the longer one.
            self.stage = match self.stage {
                1 => 0,
                0 => 2,
                _ => return Progress::Done,
            };
            self.restart();
        }
        Progress::Running
    }

    fn figures(&self, figures: &mut Figures) {
        let fixed = &self.fixed;
        let run = &self.runs[1];
        let gap = if fixed.is_convex() { "f − f*" } else { "loss over the least" };
        let caption =
            "Solid: the measured gap of each schedule. Dashed: what the convex bound says of it, at the same γ.";
        let mut curves = figures.figure("curves", "The loss and the bound", caption);
        curves.x(Axis::linear("step t").domain(0.0, run.horizon as f64).or(Scale::Log)).y(Axis::log(gap));
        for schedule in (0..fixed.schedules).rev() {
            let measured = self.measured_curve(run, schedule);
            curves.line(xs(&measured), ys(&measured)).of(IDS[schedule]);
            let bound = self.bound_curve(run, schedule);
            curves.line(xs(&bound), ys(&bound)).of(IDS[schedule]).dashed();
        }
        if fixed.setting.cooldown < 1.0 {
            curves.rule_x([(1.0 - fixed.setting.cooldown) * run.horizon as f64]).label("cooldown");
        }

        let caption = "At T, for each schedule: measured (solid) and bounded (dashed). Dots and rings mark the best base \
                       rates.";
        let mut sweep = figures.figure("rates", "Against the base rate", caption);
        let grid = &fixed.rates[..fixed.rates.len() - 1];
        let ends = [grid[0], grid[grid.len() - 1]];
        sweep.x(Axis::log("base rate γ").domain(ends[0], ends[1])).y(Axis::log(gap));
        for schedule in (0..fixed.schedules).rev() {
            let finals = self.finals(run, schedule);
            sweep.line(xs(&finals), ys(&finals)).of(IDS[schedule]);
            let [first, second] = self.terms(run, schedule);
            let bound = |gamma: f64| (first / gamma + gamma * second).clamp(FLOOR, 1e9);
            let fine = rates(ends[0], ends[1], 40);
            sweep.line(&fine, fine.iter().map(|gamma| bound(*gamma))).of(IDS[schedule]).dashed();
            let best = (first / second).sqrt();
            if best > ends[0] && best < ends[1] {
                sweep.dot([best], [bound(best)]).of(IDS[schedule]).symbol(Symbol::Ring).radius(5.0);
            }
            if let Some([rate, gap]) = self.best(run, schedule) {
                sweep.dot([rate], [gap]).of(IDS[schedule]).radius(5.0);
            }
        }

        let pairs = self.pairs();
        let points: Vec<[f64; 2]> = pairs.iter().map(|pair| pair.1).collect();
        let caption = rank_correlation(&points).map_or("A dot for each schedule and horizon.".into(), |rank| {
            format!("A dot for each schedule and horizon. Rank correlation {rank:.2}.")
        });
        let mut scatter = figures.figure("agreement", "Best bound and best gap", caption);
        scatter.x(Axis::log("least bound over γ")).y(Axis::log("least gap over γ"));
        for (schedule, point) in &pairs {
            scatter.dot([point[0]], [point[1]]).of(IDS[*schedule]).radius(5.0);
        }

        let chosen = fixed.setting.schedule as usize;
        let chosen = [0, 4, 1, 2, 3, 5][chosen];
        let (_, _, parts) = bound_terms(&run.eta[chosen], &self.lengths(run, chosen));
        let most = parts.iter().copied().fold(1e-300, f64::max);
        let caption = "The chosen schedule, and what each of its steps adds to T₂, the greatest as 1.";
        let mut detail = figures.figure("terms", "Which steps cost", caption);
        detail.x(Axis::linear("step t").domain(0.0, run.horizon as f64));
        detail.y(Axis::linear("relative to the maximum").domain(0.0, 1.05));
        let stride = run.horizon.div_ceil(400);
        let thin = |values: &[f64], scale: f64| -> Vec<[f64; 2]> {
            let all = values.iter().enumerate();
            all.filter(|(t, _)| t % stride == 0 || t + 3 > values.len())
                .map(|(t, y)| [t as f64 + 1.0, y / scale])
                .collect()
        };
        let [eta, parts] = [thin(&run.eta[chosen], 1.0), thin(&parts, most)];
        detail.line(xs(&eta), ys(&eta)).of(IDS[chosen]).label("schedule η");
        detail.line(xs(&parts), ys(&parts)).ink(Ink::Accent).label("share of T₂");

        let label = |schedule: usize| CARD.contenders[schedule].label;
        let rows: Vec<usize> = (0..fixed.schedules).filter(|&s| run.is_done() && self.best(run, s).is_some()).collect();
        let longer = &self.runs[2];
        let predicted = |run: &Run, s: usize| {
            let [first, second] = self.terms(run, s);
            (first / second).sqrt()
        };
        let measured = |run: &Run, s: usize| self.best(run, s).map_or(0.0, |best| best[0]);
        // The gap at another's best rate, over the gap at one's own.
        let reused = |run: &Run, s: usize, rate: f64| {
            let at = self.finals(run, s).into_iter().find(|point| point[0] == rate);
            at.zip(self.best(run, s)).map_or(0.0, |(at, best)| at[1] / best[1])
        };
        let caption = "Best base rates as the bound and as the runs have them, and how much worse the gap is with the rate of \
                       the constant schedule.";
        let mut transfer = figures.figure("transfer", "Carrying a rate over", caption);
        transfer
            .table()
            .words("schedule", rows.iter().map(|&s| label(s)))
            .numbers("γ*, bound", rows.iter().map(|&s| predicted(run, s)))
            .numbers("γ*, runs", rows.iter().map(|&s| measured(run, s)))
            .numbers("constant's γ", rows.iter().map(|&s| reused(run, s, measured(run, CONSTANT))));

        let rows: Vec<usize> = rows.into_iter().filter(|_| longer.is_done()).collect();
        let caption = format!(
            "The best base rates after {} steps, and how much worse the gap is with the rate that was best at T.",
            longer.horizon
        );
        let mut extended = figures.figure("extended", "At the extended horizon", caption);
        extended
            .table()
            .words("schedule", rows.iter().map(|&s| label(s)))
            .numbers("γ*, bound", rows.iter().map(|&s| predicted(longer, s)))
            .numbers("γ*, runs", rows.iter().map(|&s| measured(longer, s)))
            .numbers("T's γ", rows.iter().map(|&s| reused(longer, s, measured(run, s))));
    }

    fn claim(&self) -> Claim {
        let open = !self.is_over();
        let run = &self.runs[1];
        let mut clauses = Vec::new();
        if self.fixed.is_convex() {
            let text =
                "Over all schedules, horizons and rates the gap is at most {value} of its bound, at most {high}.";
            clauses.push(Clause::at_most(text, self.worst, 1.0).holds_only_after(open));
        }
        let points: Vec<[f64; 2]> = self.pairs().iter().map(|pair| pair.1).collect();
        let text = "Best bounds and best gaps have a rank correlation of {value}, at least {low}.";
        clauses.push(Clause::at_least(text, rank_correlation(&points), 0.8).pending_while(open));
        let measured = self.best(run, 1).zip(self.best(run, CONSTANT)).map(|(a, b)| a[0] / b[0]);
        let ratio = |s: usize| {
            let [first, second] = self.terms(run, s);
            (first / second).sqrt()
        };
        let off = measured.map(|measured| {
            let off = ratio(1) / ratio(CONSTANT) / measured;
            off.max(1.0 / off)
        });
        let text =
            "Linear decay's best rate over the constant one's is foretold to within a factor {value}, at most {high}.";
        clauses.push(Clause::at_most(text, off, 2.0).pending_while(!run.is_done()));
        let drops = [self.drop(&self.bound_curve(run, 0)), self.drop(&self.measured_curve(run, 0))];
        for (who, drop) in ["the bound", "the measured gap"].into_iter().zip(drops) {
            let text = format!("Over the cooldown {who} of WSD falls by a share of {{value}}, at least {{low}}.");
            clauses.push(Clause::at_least(text, drop, 0.15).pending_while(!run.is_done()));
        }
        Claim::new(clauses)
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        vec![
            Scenario::holds(
                "default",
                "Theory draws the curve",
                "Each solid curve has its dashed one above it, of the same shape.",
                default.clone(),
            ),
            Scenario::fails(
                "short-cooldown",
                "c = 0.01",
                "Four steps of cooldown are too few: the bound does not fall at all, the runs by little or by a third, by chance.",
                Setting { cooldown: 0.01, ..default.clone() },
            ),
            Scenario::fails(
                "interpolation",
                "No noise, large batch",
                "Now the gap is about as small as the last step, and its ranking of the schedules is no more the bound's.",
                Setting { noise: 0.0, batch: 64, ..default },
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop, prop_assert, proptest};

    // The sums as they are written, without running totals.
    fn directly(eta: &[f64], g2: &[f64]) -> [f64; 2] {
        let n = eta.len();
        let sum = |from: usize| eta[from..].iter().sum::<f64>();
        let squares = |from: usize| (from..n).map(|t| eta[t] * eta[t] * g2[t]).sum::<f64>();
        let later: f64 = (0..n - 1).map(|k| eta[k] / sum(k + 1) * squares(k) / sum(k)).sum();
        [0.5 / sum(0), 0.5 * (squares(0) / sum(0) + later)]
    }

    proptest! {
        #[test]
        fn running_totals_give_the_bound_as_it_is_written(
            pairs in prop::collection::vec((0.01_f64..2.0, 0.1_f64..9.0), 1..60),
        ) {
            let (eta, g2): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
            let (first, second, parts) = bound_terms(&eta, &g2);
            let [one, two] = directly(&eta, &g2);
            prop_assert!((first / one - 1.0).abs() < 1e-12 && (second / two - 1.0).abs() < 1e-12);
            prop_assert!(parts.last() == Some(&0.0) && parts.iter().all(|part| *part >= 0.0));
        }

        // The bound is a law of nature's units: a schedule twice as high is a base rate half as large.
        #[test]
        fn only_the_product_of_base_rate_and_schedule_counts(
            eta in prop::collection::vec(0.01_f64..2.0, 2..40), factor in 0.1_f64..10.0,
        ) {
            let g2 = vec![1.0; eta.len()];
            let taller: Vec<f64> = eta.iter().map(|eta| factor * eta).collect();
            let ((a, b, _), (c, d, _)) = (bound_terms(&eta, &g2), bound_terms(&taller, &g2));
            prop_assert!((a / c / factor - 1.0).abs() < 1e-12 && (d / b / factor - 1.0).abs() < 1e-12);
        }

        #[test]
        fn ranks_do_not_change_under_rising_functions(
            points in prop::collection::vec((0.1_f64..9.0, 0.1_f64..9.0), 3..20),
        ) {
            let plain: Vec<[f64; 2]> = points.iter().map(|(x, y)| [*x, *y]).collect();
            let bent: Vec<[f64; 2]> = points.iter().map(|(x, y)| [x * x * x, -1.0 / y]).collect();
            let (a, b) = (rank_correlation(&plain), rank_correlation(&bent));
            prop_assert!(a.zip(b).is_none_or(|(a, b)| (a - b).abs() < 1e-12 && a.abs() <= 1.0 + 1e-12));
            let same: Vec<[f64; 2]> = points.iter().map(|(x, _)| [*x, 2.0 * x]).collect();
            prop_assert!(rank_correlation(&same).is_none_or(|rank| (rank - 1.0).abs() < 1e-12));
        }
    }

    // For the constant schedule T₂ = G²/2 (1 + H_{T-1}), the harmonic number: the log T. A cooldown, or linear decay, is
    // free of it: its T₂ falls to a limit, which for linear decay is G².
    #[test]
    fn the_constant_schedule_pays_the_logarithm_and_a_cooldown_does_not() {
        let second = |schedule: Schedule, t: usize| bound_terms(&schedule.until(t), &vec![1.0; t]).1;
        for t in [10, 100, 1000] {
            let harmonic: f64 = (1..t).map(|k| 1.0 / k as f64).sum();
            assert!((second(Schedule::Constant, t) - 0.5 * (1.0 + harmonic)).abs() < 1e-12);
        }
        let growth = |schedule| second(schedule, 6400) - second(schedule, 400);
        assert!(growth(Schedule::Constant) > 1.3);
        assert!(growth(Schedule::Cooldown(0.2)) < 0.0 && growth(Schedule::Linear) < 0.0);
        assert!((second(Schedule::Linear, 6400) - 1.0).abs() < 2e-3);
    }

    #[test]
    fn no_guess_from_the_last_character_has_less_than_the_least_loss() {
        let (pairs, least) = bigrams(400);
        let classes = pairs.classes;
        // The shares of each pair, which attain it.
        let first: Vec<usize> = (0..400).map(|i| pairs.row(i).iter().position(|x| *x == 1.0).unwrap()).collect();
        let count = |a: usize, b: Option<usize>| {
            (0..400).filter(|&i| first[i] == a && b.is_none_or(|b| pairs.labels[i] == b)).count() as f64
        };
        let loss = |i: usize| -log(count(first[i], Some(pairs.labels[i])) / count(first[i], None));
        let attained = (0..400).map(loss).sum::<f64>() / 400.0;
        assert!((attained - least).abs() < 1e-12 && least > 0.0 && classes == 40, "{attained} {least}");
    }
}
