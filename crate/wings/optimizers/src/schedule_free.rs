//! A learning rate that decays to zero gives better results than a constant one, but one has to say beforehand when it
//! will be zero. Defazio and his co-authors keep the rate constant and average instead, and take their gradients
//! between the average $x$ and the moving point $z$:
//!
//! $$y_t=(1-\beta)z_t+\beta x_t,\qquad z_{t+1}=z_t-\gamma\,\nabla f(y_t),$$
//! $$x_{t+1}=\Bigl(1-\tfrac1{t+1}\Bigr)x_t+\tfrac1{t+1}z_{t+1}.$$
//!
//! What one uses is $x$. With $\beta=0$ it is Polyak's and Ruppert's average, with $\beta=1$ primal averaging. With
//! $\gamma=D/(G\sqrt T)$ the expected gap is at most $DG/\sqrt T$ for *every* $\beta$ ($D$ the distance to the solution, $G$
//! the longest row).
//!
//! The first picture is the point. Under the one curve of a schedule-free run hang the cosine and linear schedules that
//! were planned for an eighth, a quarter, a half and the whole of the time, each at the best of its own seven rates.
//! They are good at the end they were promised and nowhere else. All are means over four orders of the rows.
//!
//! **Try** stopping at a quarter, and then moving $\beta$. Between 0.5 and 0.75 the third figure has a wide valley.
//!
//! **Where it stops.** "As good as the tuned schedule" is not exactly what we measure. With one row a step the best
//! schedule-free run is worse than each separately tuned schedule by a factor of one to three in the gap, rather than the
//! catalogued 1.15, and with $\beta=0.9$, which is the practice in deep learning, by three to six: with such noise $y$ follows
//! too slowly. The rate still has to be found: at thirty times $D/(G\sqrt T)$ the bound is broken. And it was chosen
//! for $T$: stopped early, the run at $\gamma=1$ need not meet $DG/\sqrt t$.
//!
//! The solution of the absolute regression is known because each row comes twice, with errors of opposite signs. Logistic
//! regression has 500 rows, 30 columns and ridge 0.001. On the network (64-8-10, 200 digits, 16 a step, $T/20$ steps, three rates, one order)
//! nothing is convex; gaps are losses, and $DG$ is replaced by the first loss.

use crate::linear_model::LinearModel;
use crate::plane::{Field, Window, minima};
use crate::problems::Classifier;
use crate::schedule::Schedule;
use crate::sweep::rates;
use orrery_core::prelude::*;
use orrery_kernels::optim::{AdamW, Method, Optimizer, ScheduleFree, Sgd};
use orrery_kernels::random::direction;
use std::rc::Rc;

const CARD: Card = Card {
    slug: "schedule-free",
    title: "The Road Less Scheduled",
    year: 2024,
    lists: &[1],
    claim: "One averaged run is good wherever you stop it; a decayed one only where it was promised to end.",
    algorithms: &[
        "schedule-free SGD",
        "schedule-free AdamW",
        "Polyak-Ruppert averaging",
        "primal averaging",
        "cosine schedule",
        "linear decay",
    ],
    contenders: &[
        Contender::paper("schedule-free", "schedule-free"),
        Contender::baseline("cosine", "cosine decay"),
        Contender::baseline("linear", "linear decay"),
        Contender::baseline("constant", "constant rate"),
    ],
};

/// What is minimised.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Problem {
    /// 200 rows, 20 columns.
    #[choice("L1 regression")]
    L1,
    /// 500 rows, 30 columns.
    #[choice("logistic regression")]
    Logistic,
    /// 64-8-10, tanh.
    #[choice("small network on digits")]
    Network,
}

/// What takes the steps.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Base {
    /// By the gradient.
    #[choice("SGD")]
    Sgd,
    /// By the gradient over the root of its mean square.
    #[choice("AdamW")]
    AdamW,
}

/// When the run is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Stop {
    /// Early.
    #[choice("T/8")]
    Eighth,
    /// Early.
    #[choice("T/4")]
    Quarter,
    /// Early.
    #[choice("T/2")]
    Half,
    /// As planned.
    #[choice("T")]
    Whole,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// What is minimised.
    #[control(label = "problem", default = Problem::L1)]
    pub problem: Problem,
    /// Where the gradient is taken: at z for 0, at the average x for 1.
    #[control(label = "β", range = 0.0..=1.0, default = 0.75)]
    pub beta: f64,
    /// The rate of the claim's first clause, in units of D/(G√T).
    #[control(label = "γ, in D/(G√T)", range = 0.03..=30.0, log, default = 1.0)]
    pub rate: f64,
    /// What takes the steps, for all.
    #[control(label = "base optimiser", default = Base::Sgd)]
    pub optimiser: Base,
    /// Steps over which every rate rises from zero.
    #[control(label = "warm-up", unit = "steps", range = 0..=500, default = 0)]
    pub warm_up: usize,
    /// The horizon: one row a step. On the network T/20 steps.
    #[control(label = "horizon T", range = 500..=20_000, log, default = 8000)]
    pub horizon: usize,
    /// When the run is stopped.
    #[control(label = "stop now", default = Stop::Whole)]
    pub stop: Stop,
}

/// The four horizons, as divisors of $T$.
const PARTS: [usize; 4] = [8, 4, 2, 1];

/// The momenta of the claim.
const BETAS: [f64; 6] = [0.0, 0.25, 0.5, 0.75, 0.9, 1.0];

enum Objective {
    Linear(LinearModel),
    Network(Classifier),
}

/// What does not change during a run.
struct Fixed {
    setting: Setting,
    objective: Objective,
    begin: Vec<f64>,
    least: f64,
    /// $D$ and $G$.
    scale: [f64; 2],
    /// $D/(G\sqrt T)$, or what takes its place.
    unit: f64,
    /// Steps.
    horizon: usize,
    plane: LinearModel,
    field: Field,
}

/// The solution of the two-dimensional problem, and where it is begun.
const TARGET: [f64; 2] = [1.5, 1.0];
const START: [f64; 2] = [-3.0, 2.0];

impl Fixed {
    fn new(setting: &Setting, rng: &mut Rng) -> Self {
        let longest = |model: &LinearModel| {
            let square = |i: usize| model.row(i).iter().map(|a| a * a).sum::<f64>();
            (0..model.rows()).map(square).fold(0.0, f64::max).sqrt()
        };
        let length = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
        let mut horizon = setting.horizon;
        let (objective, begin, least, scale) = match setting.problem {
            Problem::L1 => {
                let truth: Vec<f64> = direction(20, rng).iter().map(|part| 4.5 * part).collect();
                let model = LinearModel::absolute(200, &truth, 0.3, rng);
                let (least, g) = (model.value(&truth), longest(&model));
                (Objective::Linear(model), vec![0.0; 20], least, [4.5, g])
            }
            Problem::Logistic => {
                let mut model = LinearModel::logistic(500, &[1.0; 30], 3.0, rng);
                model.ridge = 1e-3;
                let ((solution, least), g) = (model.solution(), longest(&model));
                (Objective::Linear(model), vec![0.0; 30], least, [length(&solution), g])
            }
            Problem::Network => {
                horizon = (horizon / 20).max(PARTS[0]);
                let network = Classifier::digits(200, &[8], rng);
                let theta = network.initial(rng);
                let first = network.value(&theta);
                // There is no D: what makes the unit of the rate 0.3 at the default horizon.
                (Objective::Network(network), theta, 0.0, [first, 1.0])
            }
        };
        let root = (horizon as f64).sqrt();
        let [d, g] = scale;
        let n = begin.len() as f64;
        let unit = match (setting.problem, setting.optimiser) {
            (Problem::Network, Base::Sgd) => 6.0 / root,
            (Problem::Network, Base::AdamW) => 0.06 / root,
            (_, Base::Sgd) => d / (g * root),
            // Every part of the gradient is about one.
            (_, Base::AdamW) => d / (n.sqrt() * root),
        };
        let plane = LinearModel::absolute(40, &TARGET, 0.3, rng);
        let field = Field::new(Window { x: [-3.6, 3.2], y: [-1.2, 3.2] }, |x| plane.value(&x));
        Self { setting: setting.clone(), objective, begin, least, scale, unit, horizon, plane, field }
    }

    fn gap(&self, x: &[f64]) -> f64 {
        let value = match &self.objective {
            Objective::Linear(model) => model.value(x),
            Objective::Network(network) => network.value(x),
        };
        let gap = value - self.least;
        if gap.is_finite() { gap.clamp(1e-9, 1e9) } else { 1e9 }
    }

    /// The gradient at `y` by what is drawn.
    fn look(&self, rng: &mut Rng, y: &[f64], g: &mut [f64]) {
        match &self.objective {
            Objective::Linear(model) => {
                let row = rng.random_range(0..model.rows() as u32) as usize;
                model.value_and_gradient_of(&[row], y, g);
            }
            Objective::Network(network) => {
                let rows = network.batch(16, rng);
                network.value_and_gradient(y, &rows, g);
            }
        }
    }

    fn orders(&self) -> usize {
        if self.setting.problem == Problem::Network { 1 } else { 4 }
    }

    /// The rates that are tuned over, in units.
    fn grid(&self) -> Vec<f64> {
        rates(0.3, 10.0, if self.setting.problem == Problem::Network { 3 } else { 7 })
    }

    fn free(&self, beta: f64, factor: f64) -> Rule {
        let rate = factor * self.unit;
        Rule::Free(match self.setting.optimiser {
            Base::Sgd => ScheduleFree::sgd(rate, beta),
            Base::AdamW => ScheduleFree::adamw(rate, [beta, 0.999], 0.0),
        })
    }

    fn scheduled(&self) -> Rule {
        let n = self.begin.len();
        match self.setting.optimiser {
            Base::Sgd => Rule::Sgd(Sgd::new(n, 0.0, 0.0)),
            Base::AdamW => Rule::AdamW(AdamW::new(n, 0.0, [0.9, 0.999], 0.0)),
        }
    }

    /// The step after which the run is stopped.
    fn end(&self) -> usize {
        self.horizon / PARTS[self.setting.stop as usize]
    }
}

#[derive(Clone)]
enum Rule {
    Free(ScheduleFree),
    Sgd(Sgd),
    AdamW(AdamW),
}

/// One method at one rate, once for every order of the rows.
#[derive(Clone)]
struct Lane {
    runs: Vec<(Rule, Vec<f64>, Rng)>,
    rate: f64,
    schedule: Schedule,
    horizon: usize,
    /// The mean gap at each of the four horizons.
    marks: [Option<f64>; 4],
    curve: Series,
}

impl Lane {
    fn new(rule: &Rule, factor: f64, schedule: Schedule, horizon: usize, fixed: &Fixed, rng: &Rng) -> Self {
        let run = |order: usize| {
            let mut rng = rng.clone();
            rng.set_stream(1 + order as u64);
            (rule.clone(), fixed.begin.clone(), rng)
        };
        let runs = (0..fixed.orders()).map(run).collect();
        Self { runs, rate: factor * fixed.unit, schedule, horizon, marks: [None; 4], curve: Series::new() }
    }

    /// Step `t`, from 0.
    fn advance(&mut self, fixed: &Fixed, t: usize) {
        if t >= self.horizon {
            return;
        }
        let warm = fixed.setting.warm_up;
        let rising = if t < warm { (t + 1) as f64 / warm as f64 } else { 1.0 };
        let rate = self.rate * rising * self.schedule.at(t, self.horizon);
        let mut g = vec![0.0; fixed.begin.len()];
        for (rule, x, rng) in &mut self.runs {
            match rule {
                // y = (1-β)z + βx,  z ← z - γ∇f(y),  x ← (1-c)x + cz
                Rule::Free(rule) => {
                    *rule.learning_rate() = rate;
                    rule.advance(x, &mut |y, g| {
                        fixed.look(rng, y, g);
                        0.0
                    });
                }
                // x ← x - γ_t ∇f(x)
                Rule::Sgd(rule) => {
                    fixed.look(rng, x, &mut g);
                    *rule.rate() = rate;
                    rule.step(x, &g);
                }
                Rule::AdamW(rule) => {
                    fixed.look(rng, x, &mut g);
                    *rule.rate() = rate;
                    rule.step(x, &g);
                }
            }
        }
        if let Some(mark) = PARTS.iter().position(|part| fixed.horizon / part == t + 1) {
            self.marks[mark] = Some(self.gap(fixed));
        }
    }

    fn gap(&self, fixed: &Fixed) -> f64 {
        self.runs.iter().map(|(_, x, _)| fixed.gap(x)).sum::<f64>() / self.runs.len().max(1) as f64
    }
}

/// The exhibit.
#[derive(Clone)]
pub struct ScheduleFreeRun {
    fixed: Rc<Fixed>,
    t: usize,
    /// Schedule-free at every rate of the grid, with the visitor's β.
    grid: Vec<Lane>,
    /// Schedule-free at the visitor's rate, for every β of the claim.
    betas: Vec<Lane>,
    /// By schedule (cosine, linear), then by horizon, then by rate.
    planned: [[Vec<Lane>; 4]; 2],
    constant: Lane,
    planar: ScheduleFree,
    planar_at: Vec<f64>,
    planar_rng: Rng,
    paths: [Series; 3],
}

impl ScheduleFreeRun {
    /// Iterations of one step: fewer where they are dear.
    fn share(&self) -> usize {
        let frames = if self.fixed.setting.problem == Problem::Network { 500 } else { 100 };
        self.fixed.horizon.div_ceil(frames)
    }

    fn best(lanes: &[Lane], mark: usize) -> Option<&Lane> {
        let better = |best, lane: &&Lane| matches!((best, lane.marks[mark]), (Some(best), Some(gap)) if gap < best);
        let mut lanes = lanes.iter().filter(|lane| lane.marks[mark].is_some());
        let first = lanes.next()?;
        Some(lanes.fold(first, |best, lane| if better(best.marks[mark], &lane) { lane } else { best }))
    }

    /// The least gap of any schedule planned for a horizon.
    fn tuned(&self, mark: usize) -> Option<f64> {
        let gaps = self.planned.iter().filter_map(|horizons| Self::best(&horizons[mark], mark)?.marks[mark]);
        gaps.reduce(f64::min)
    }

    /// How much worse one schedule-free run is than each tuned schedule, at the worst horizon that was reached.
    fn worst(&self, lane: &Lane) -> Option<f64> {
        let ratios = (0..4).filter_map(|mark| Some(lane.marks[mark]? / self.tuned(mark)?));
        ratios.reduce(f64::max)
    }

    /// The schedule-free run whose rate serves all horizons best; before the first, one in the middle.
    fn chosen(&self) -> &Lane {
        let middle = &self.grid[self.grid.len() / 2];
        let better = |best: &Lane, lane: &Lane| self.worst(lane) < self.worst(best);
        self.grid.iter().fold(middle, |best, lane| if better(best, lane) { lane } else { best })
    }

    /// $DG/\sqrt t$; of the network, the first loss.
    fn bound(&self, t: f64) -> f64 {
        let [d, g] = self.fixed.scale;
        if self.fixed.setting.problem == Problem::Network { d } else { d * g / t.sqrt() }
    }
}

impl Exhibit for ScheduleFreeRun {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let fixed = Fixed::new(setting, rng);
        let all = fixed.horizon;
        let free =
            |beta: f64, factor: f64| Lane::new(&fixed.free(beta, factor), factor, Schedule::Constant, all, &fixed, rng);
        let planned = |schedule: Schedule| {
            PARTS.map(|part| {
                let lane = |&factor: &f64| Lane::new(&fixed.scheduled(), factor, schedule, all / part, &fixed, rng);
                fixed.grid().iter().map(lane).collect()
            })
        };
        let constant = Lane::new(&fixed.scheduled(), setting.rate, Schedule::Constant, all, &fixed, rng);
        Ok(Self {
            t: 0,
            grid: fixed.grid().iter().map(|&factor| free(setting.beta, factor)).collect(),
            betas: BETAS.iter().map(|&beta| free(beta, setting.rate)).collect(),
            planned: [planned(Schedule::Cosine), planned(Schedule::Linear)],
            constant,
            planar: ScheduleFree::sgd(0.12, setting.beta),
            planar_at: START.to_vec(),
            planar_rng: rng.clone(),
            paths: Default::default(),
            fixed: Rc::new(fixed),
        })
    }

    fn length(&self) -> usize {
        self.fixed.end().div_ceil(self.share())
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        let fixed = Rc::clone(&self.fixed);
        let until = (self.t + self.share()).min(fixed.end());
        while self.t < until {
            let t = self.t;
            let planned = self.planned.iter_mut().flatten().flatten();
            let free = self.grid.iter_mut().chain(&mut self.betas).chain([&mut self.constant]);
            free.chain(planned).for_each(|lane| lane.advance(&fixed, t));
            self.t += 1;
        }
        let at = self.t as f64;
        let drawn = self.grid.iter_mut().chain(&mut self.betas).chain([&mut self.constant]);
        for lane in drawn.chain(self.planned.iter_mut().flatten().flatten()) {
            // A planned run is recorded up to its end.
            if lane.curve.last().is_none_or(|last| last[0] < lane.horizon as f64) {
                let gap = lane.gap(&fixed);
                lane.curve.push(at.min(lane.horizon as f64), gap);
            }
        }
        for _ in 0..3 {
            let rng = &mut self.planar_rng;
            self.planar.advance(&mut self.planar_at, &mut |y, g| {
                let row = rng.random_range(0..fixed.plane.rows() as u32) as usize;
                fixed.plane.value_and_gradient_of(&[row], y, g)
            });
            let points = [self.planar_at.as_slice(), self.planar.y(), self.planar.z()];
            self.paths.iter_mut().zip(points).for_each(|(series, point)| series.push(point[0], point[1]));
        }
        if self.t >= fixed.end() { Progress::Done } else { Progress::Running }
    }

    fn figures(&self, figures: &mut Figures) {
        let fixed = &self.fixed;
        let network = fixed.setting.problem == Problem::Network;
        let what = if network { "loss" } else { "f − f*" };
        let steps = || Axis::linear("step t").domain(0.0, fixed.horizon as f64).or(Scale::Log);

        let caption = "One schedule-free run, above schedules planned for T/8, T/4, T/2 and T, each at its best rate. Dots: \
                       the end that was promised.";
        let mut gap = figures.figure("gap", "Good wherever you stop", caption);
        gap.x(steps()).y(Axis::log(what));
        gap.line(self.constant.curve.xs(), self.constant.curve.ys()).of("constant").faint();
        for (id, horizons) in ["cosine", "linear"].into_iter().zip(&self.planned) {
            for (mark, lanes) in horizons.iter().enumerate() {
                // While it is under way nobody knows which rate will be the best.
                let lane = Self::best(lanes, mark).unwrap_or(&lanes[lanes.len() / 2]);
                gap.line(lane.curve.xs(), lane.curve.ys()).of(id);
                if let Some(end) = lane.marks[mark] {
                    gap.dot([lane.horizon as f64], [end]).of(id).radius(5.0);
                }
            }
        }
        let chosen = self.chosen();
        gap.line(chosen.curve.xs(), chosen.curve.ys()).of("schedule-free");

        let caption =
            format!("At γ = {} D/(G√T), for six β from 0 (dark) to 1 (light), and the bound.", fixed.setting.rate);
        let caption = if network {
            "For six β, from 0 (dark) to 1 (light); the line is the first loss.".into()
        } else {
            caption
        };
        let mut bound = figures.figure("bound", "The bound, for every β", caption);
        bound.x(steps()).y(Axis::log(what));
        let times: Vec<f64> = (1..=100).map(|k| fixed.horizon as f64 * f64::from(k) / 100.0).collect();
        let name = if network { "first loss" } else { "D G / √t" };
        bound.line(&times, times.iter().map(|t| self.bound(*t))).ink(Ink::Strong).dashed().label(name);
        for (lane, beta) in self.betas.iter().zip(BETAS) {
            bound.line(lane.curve.xs(), lane.curve.ys()).ink(Ink::Tone(beta));
        }

        let caption =
            "Where the gap stands now against β, at your γ; level: the schedules planned for the latest horizon.";
        let mut sweep = figures.figure("beta", "The gap against β", caption);
        sweep.x(Axis::linear("β").domain(-0.02, 1.02)).y(Axis::log(what));
        let now: Vec<f64> = self.betas.iter().filter_map(|lane| lane.curve.last().map(|last| last[1])).collect();
        sweep.line(BETAS, &now).of("schedule-free");
        sweep.dot(BETAS, &now).of("schedule-free");
        for (id, horizons) in ["cosine", "linear"].into_iter().zip(&self.planned) {
            let latest = (0..4).rev().find_map(|mark| Self::best(&horizons[mark], mark)?.marks[mark]);
            if let Some(latest) = latest {
                sweep.line([0.0, 1.0], [latest, latest]).of(id);
            }
        }

        let caption = "In the plane, one row a step: z jumps about, gradients are taken at y, and x is what one uses.";
        let mut plane = fixed.field.figure(figures, "plane", "The three sequences", caption, ["first", "second", "f"]);
        for ((series, tone), name) in self.paths.iter().zip([0.0, 0.75, 0.4]).zip(["x", "y", "z"]).rev() {
            let line = plane.line(series.xs(), series.ys());
            if name == "x" {
                line.of("schedule-free").label("x");
            } else {
                line.ink(Ink::Tone(tone)).label(name).faint();
            }
        }
        plane.dot([START[0]], [START[1]]).symbol(Symbol::Ring).radius(7.0);
        minima(&mut plane, &[TARGET], "solution");
    }

    fn claim(&self) -> Claim {
        let open = self.t < self.fixed.end();
        let at = self.t as f64;
        let highest = self.betas.iter().filter_map(|lane| lane.curve.last()).map(|last| last[1]).reduce(f64::max);
        let bound = highest.map(|gap| gap / self.bound(at));
        let text = if self.fixed.setting.problem == Problem::Network {
            "For every β the loss is at most {value} of the first, at most {high}."
        } else {
            "At your γ and for every β the gap is at most {value} of DG/√t, at most {high}."
        };
        let chosen = self.chosen();
        let tuned =
            "One run is at every horizon within {value} times the gap of the schedule tuned for it, at most {high}.";
        let mut clauses = vec![
            Clause::at_most(text, bound, 1.0).pending_while(open),
            Clause::at_most(tuned, self.worst(chosen), 3.0).pending_while(open),
        ];
        // Only a run that goes on to T has a schedule to interrupt.
        if self.fixed.setting.stop == Stop::Whole {
            let linear = Self::best(&self.planned[1][3], 3);
            let early = linear.and_then(|lane| Some(lane.marks[1]? / chosen.marks[1]?));
            let text = "Stopped at T/4, the linear decay planned for T has {value} times its gap, at least {low}.";
            clauses.push(Clause::at_least(text, early, 1.5).pending_while(open));
        }
        Claim::new(clauses)
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        vec![
            Scenario::holds(
                "default",
                "No schedule",
                "One averaged run beside eight that had to be told when to end.",
                default.clone(),
            ),
            Scenario::fails(
                "too-large",
                "γ thirty times too large",
                "The schedule is gone, the step size is not: with primal averaging the bound is broken.",
                Setting { rate: 30.0, ..default.clone() },
            ),
            Scenario::fails(
                "primal",
                "β = 1",
                "Gradients at the average itself: correct in the limit, and far behind every schedule.",
                Setting { beta: 1.0, ..default },
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert, proptest};

    proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(16))]
        // x is the mean of z₁ … z_t for every β.
        #[test]
        fn the_average_is_the_mean_of_the_moving_points(seed in 0_u64..1000, beta in 0.0_f64..=1.0) {
            let fixed = Fixed::new(&Setting::default(), &mut Rng::seed_from_u64(seed));
            let (mut x, mut rule) = (fixed.begin.clone(), ScheduleFree::sgd(0.05, beta));
            let (mut rng, mut sum) = (Rng::seed_from_u64(seed), vec![0.0; 20]);
            for t in 1..=60 {
                rule.advance(&mut x, &mut |y, g| {
                    fixed.look(&mut rng, y, g);
                    0.0
                });
                sum.iter_mut().zip(rule.z()).for_each(|(sum, z)| *sum += z);
                prop_assert!(x.iter().zip(&sum).all(|(x, sum)| (x - sum / f64::from(t)).abs() < 1e-12));
            }
        }
    }

    // Theorem 1 of the paper, which is about the expectation: here the mean of four orders.
    #[test]
    fn the_bound_holds_for_every_beta() {
        let setting = Setting { horizon: 1000, ..Setting::default() };
        let fixed = Fixed::new(&setting, &mut Rng::seed_from_u64(7));
        let [d, g] = fixed.scale;
        for beta in BETAS {
            let mut lane =
                Lane::new(&fixed.free(beta, 1.0), 1.0, Schedule::Constant, 1000, &fixed, &Rng::seed_from_u64(3));
            (0..1000).for_each(|t| lane.advance(&fixed, t));
            assert!(lane.gap(&fixed) <= d * g / 1000.0_f64.sqrt(), "{beta}");
        }
    }
}
