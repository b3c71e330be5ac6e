//! What should a learning rate do over time? Defazio, Cutkosky, Mehta and Mishchenko bound the gap of the *last*
//! iterate of SGD for any schedule, and then look for the schedule with the least bound. If nothing is known of the
//! gradients except that they are at most $G$ long, it is linear decay,
//!
//! $$\eta_t=\frac D{G\sqrt T}\Bigl(1-\frac tT\Bigr),$$
//! $$\mathbb E\,f(x_T)-f_*\le\frac{DG}{\sqrt T},$$
//!
//! $D$ being the distance to the solution. If the lengths $\hat G_t$ of a pilot run's gradients are known (smoothed by
//! a running median), the bound asks for
//!
//! $$w_t=\hat G_t^{-2},$$
//! $$\eta_t=w_t\sum_{p=t+1}^T w_p:$$
//!
//! long steps where gradients are short, over a decay to zero. Gradients that shrink at first give a warm-up that
//! nobody put in.
//!
//! Every schedule runs at twelve rates, each twice the last, on the same batches. The first picture shows the final
//! gap of all of them. Then the linear run at its best rate serves as the pilot, and the refined schedule runs.
//!
//! **Try** painting a schedule: what matters is that it comes down at the end. Lift the end off zero
//! and the gain is lost.
//!
//! **Where it stops.** That last points of schedules ending at zero beat those of others, by a factor of 1.2 to 2.2,
//! holds where the noise of the batches matters. The average at a constant rate beats them all on the synthetic data,
//! two to three times, and loses on the digits. The finer ranking does not hold. On our synthetic data linear decay
//! is level with cosine or up to 1.2 times behind, on the digits level, and with batches of 128 well ahead.
//! Refinement gains nothing on these logistic problems and costs up to a half: their gradients are mostly the noise
//! of the batch and hardly change in length. So we ask only that it be no worse by more than a half. With batches of
//! 128 it is: the pilot's gradients shrink long before the work is done, and the refined schedule keeps its longest
//! steps for the middle of the run. On nearly separable data, with a few very long rows, it mostly is too. An
//! exponent of 1, which the paper uses for Adam, is milder.
//!
//! On the hinge and on $|x|$ the solution and $G$ are known; there the theorem itself is tested, at its own rate.
//! Batches are drawn with replacement, gaps are means over three orders (one where it would take long). On the network
//! (2-16-2, $T/10$ steps) nothing is convex and the gap is the loss.

use crate::curves::Curves;
use crate::lanes::{Objective, Pool};
use crate::linear_model::{LinearModel, Loss};
use crate::problems::Classifier;
use crate::schedule::{Schedule, drawn, median_filter, refined};
use crate::sweep::Sweep;
use orrery_core::prelude::*;
use orrery_kernels::data::{digits, half_spaces, spirals};
use orrery_kernels::linalg::{View, matvec};
use orrery_kernels::math::{exp, powi};
use orrery_kernels::random::{direction, normals};
use std::rc::Rc;

const CARD: Card = Card {
    slug: "schedule-by-refinement",
    title: "When, Why and How Much? Adaptive Learning Rate Scheduling by Refinement",
    year: 2023,
    lists: &[1, 4],
    claim: "A last iterate wants a rate that falls linearly to zero, bent by the lengths of the gradients.",
    algorithms: &[
        "learning-rate schedule",
        "linear decay",
        "schedule refinement",
        "last iterate",
        "cosine schedule",
        "step-wise schedule",
        "Polyak-Ruppert averaging",
        "median filter",
    ],
    contenders: &[
        Contender::paper("refined", "refined"),
        Contender::paper("linear", "linear decay"),
        Contender::baseline("cosine", "cosine"),
        Contender::baseline("steps", "step-wise"),
        Contender::baseline("root", "1/√t"),
        Contender::baseline("constant", "constant"),
        Contender::baseline("average", "constant, averaged"),
        Contender::baseline("painted", "painted"),
    ],
};

/// What is learnt.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Data {
    /// 2000 rows, 60 columns, 2% of the labels wrong.
    #[choice("synthetic")]
    Synthetic,
    /// Odd or even, 64 pixels.
    #[choice("digits odd/even")]
    Digits,
    /// Rows of very unequal length, no label wrong.
    #[choice("near-separable")]
    Separable,
    /// Not smooth; a minimum is known.
    #[choice("hinge")]
    Hinge,
    /// Not smooth, one dimension, no noise.
    #[choice("|x|")]
    Absolute,
    /// A small network.
    #[choice("MLP on spirals")]
    Spirals,
}

/// Which schedules are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Shown {
    /// Each of them.
    #[choice("all")]
    All,
    /// Beside linear decay.
    #[choice("constant")]
    Constant,
    /// Beside linear decay.
    #[choice("1/√t")]
    Root,
    /// Beside linear decay.
    #[choice("cosine")]
    Cosine,
    /// Alone.
    #[choice("linear")]
    Linear,
    /// Beside linear decay.
    #[choice("refined")]
    Refined,
    /// Beside linear decay.
    #[choice("painted")]
    Painted,
}

/// The power of the gradients' lengths.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Power {
    /// Milder.
    #[choice("1")]
    One,
    /// The bound's.
    #[choice("2")]
    Two,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// What is learnt: logistic regression, a hinge loss, an absolute value or a small network.
    #[control(label = "dataset", default = Data::Synthetic)]
    pub data: Data,
    /// How many steps are planned and taken; on the spirals a tenth of them.
    #[control(label = "steps T", range = 200..=10_000, log, default = 3000)]
    pub steps: usize,
    /// Whose curves are drawn; all of them run. The painted one is drawn with all once it is not a straight line any more.
    #[control(label = "schedule shown", live, default = Shown::All)]
    pub shown: Shown,
    /// A schedule of your own, against t/T.
    #[control(label = "painted schedule", samples = 60, domain = 0.0..=1.0, range = 0.0..=1.0, default = straight())]
    pub painted: Curve,
    /// The share of the run over which the running median of the gradients' lengths is taken.
    #[control(label = "smoothing τ", range = 0.02..=0.5, default = 0.1)]
    pub tau: f64,
    /// w is the length of the gradient to minus this power.
    #[control(label = "norm exponent", default = Power::Two)]
    pub power: Power,
    /// Rows in a batch.
    #[control(label = "batch", range = 1..=128, log, default = 16)]
    pub batch: usize,
}

fn straight() -> Curve {
    Curve((0..60).map(|k| 1.0 - k as f64 / 59.0).collect())
}

/// What runs first, in this order; then the average of the first, then the refined schedule.
const BASE: [&str; 6] = ["constant", "root", "steps", "cosine", "linear", "painted"];
const LINEAR: usize = 4;
const ALL: [&str; 8] = ["constant", "root", "steps", "cosine", "linear", "painted", "average", "refined"];
/// How often the gaps are looked at.
const CHECKS: usize = 24;
const FLOOR: f64 = 1e-9;
/// Multiplications in a step of the exhibit, and in the gradients of a run with three orders.
const WORK: usize = 2_500_000;
const MOST: usize = 1_500_000_000;

struct Fixed {
    setting: Setting,
    objective: Objective,
    start: Vec<f64>,
    least: f64,
    /// $D$ and $G$, where they are known.
    scale: Option<[f64; 2]>,
    rates: Vec<f64>,
    horizon: usize,
    orders: usize,
    /// The factors of each schedule of [`BASE`] at each step.
    schedules: Vec<Vec<f64>>,
}

impl Fixed {
    fn new(setting: &Setting, rng: &mut Rng) -> Self {
        let mut horizon = setting.steps;
        let longest = |model: &LinearModel| {
            let square = |i: usize| model.row(i).iter().map(|a| a * a).sum::<f64>();
            (0..model.rows()).map(square).fold(0.0, f64::max).sqrt()
        };
        // The first rate as a power of two, in units of 1/L or, where the loss has a kink, of D/(G√T).
        let (objective, start, scale, first, unit) = match setting.data {
            Data::Synthetic | Data::Separable => {
                let (rows, columns) = (2000, 60);
                let mut design = normals(rows * columns, rng);
                if setting.data == Data::Separable {
                    for row in design.chunks_exact_mut(columns) {
                        // Log-normal lengths, of mean square one.
                        let stretch = exp(rng.sample::<f64, _>(StandardNormal) - 1.0);
                        row.iter_mut().for_each(|a| *a *= stretch);
                    }
                }
                let scores = matvec(View::by_rows(&design, rows, columns), &direction(columns, rng));
                let wrong = if setting.data == Data::Synthetic { 0.02 } else { 0.0 };
                let label = |u: &f64| if (rng.random::<f64>() < wrong) == (*u > 0.0) { -1.0 } else { 1.0 };
                let targets = scores.iter().map(label).collect();
                // The weight keeps the minimum from running away to infinity.
                let ridge = if setting.data == Data::Separable { 1e-5 } else { 0.0 };
                let model = LinearModel { loss: Loss::Logistic, design, targets, ridge };
                let unit = 1.0 / model.smoothness();
                let first = if setting.data == Data::Separable { -2 } else { -7 };
                (Objective::Linear(model), vec![0.0; columns], None, first, unit)
            }
            Data::Digits => {
                let table = digits();
                // A grey level of 16 is 1, and one more pixel is always lit.
                let lit = table.features.chunks_exact(64).flat_map(|row| row.iter().map(|g| g / 16.0).chain([1.0]));
                let targets = table.labels.iter().map(|label| if label % 2 == 1 { 1.0 } else { -1.0 }).collect();
                let model = LinearModel { loss: Loss::Logistic, design: lit.collect(), targets, ridge: 1e-4 };
                let unit = 1.0 / model.smoothness();
                (Objective::Linear(model), vec![0.0; 65], None, -2, unit)
            }
            Data::Hinge => {
                // Where every row is at least a margin away, x = w/margin costs nothing.
                let (columns, margin) = (20, 0.25);
                let truth = direction(columns, rng);
                let table = half_spaces(&normals(1000 * columns, rng), &truth, margin);
                let targets = table.labels.iter().map(|&label| 2.0 * label as f64 - 1.0).collect();
                let model = LinearModel { loss: Loss::Hinge, design: table.features, targets, ridge: 0.0 };
                let [d, g] = [1.0 / margin, longest(&model)];
                let unit = d / (g * (horizon as f64).sqrt());
                (Objective::Linear(model), vec![0.0; columns], Some([d, g]), -4, unit)
            }
            Data::Absolute => {
                let model = LinearModel { loss: Loss::Absolute, design: vec![1.0], targets: vec![0.0], ridge: 0.0 };
                let unit = 1.0 / (horizon as f64).sqrt();
                (Objective::Linear(model), vec![1.0], Some([1.0, 1.0]), -4, unit)
            }
            Data::Spirals => {
                horizon = (horizon / 10).max(CHECKS);
                let network = Classifier::new(spirals(240, 2, 0.75, 0.02, rng), 240, &[16], rng);
                let theta = network.initial(rng);
                (Objective::Network(network), theta, None, -4, 1.0)
            }
        };
        let least = match &objective {
            Objective::Linear(model) if model.loss == Loss::Logistic => model.solution().1,
            _ => 0.0,
        };
        let network = matches!(objective, Objective::Network(_));
        let count = if network { 7 } else { 12 };
        let step = BASE.len() * count * start.len() * setting.batch * 2;
        let plain = [Schedule::Constant, Schedule::Root, Schedule::Steps, Schedule::Cosine, Schedule::Linear];
        let painted = drawn(&setting.painted.0, horizon);
        Self {
            setting: setting.clone(),
            orders: if network || setting.data == Data::Absolute || step * horizon > MOST { 1 } else { 3 },
            rates: (0..count as i32).map(|k| unit * powi(2.0, first + k)).collect(),
            schedules: plain.iter().map(|schedule| schedule.until(horizon)).chain([painted]).collect(),
            objective,
            start,
            least,
            scale,
            horizon,
        }
    }

    fn gap(&self, value: f64) -> f64 {
        let gap = value - self.least;
        if gap.is_finite() { gap.clamp(FLOOR, 1e9) } else { 1e9 }
    }

    /// Steps between two looks at the gaps, and steps that are taken at once.
    fn pace(&self) -> [usize; 2] {
        let every = self.horizon.div_ceil(CHECKS);
        let cost = BASE.len() * self.rates.len() * self.start.len() * self.setting.batch * 2 * self.orders;
        // The network's operations are small and dear.
        let cost = if matches!(self.objective, Objective::Network(_)) { 4 * cost } else { cost };
        [every, (WORK / cost.max(1)).clamp(1, every)]
    }

    /// $DG/\sqrt T$
    fn bound(&self) -> Option<f64> {
        self.scale.map(|[d, g]| d * g / (self.horizon as f64).sqrt())
    }

    fn power(&self) -> f64 {
        if self.setting.power == Power::One { 1.0 } else { 2.0 }
    }
}

/// One order of the batches.
#[derive(Clone)]
struct Order {
    rng: Rng,
    pool: Pool,
    average: Pool,
}

/// The exhibit.
#[derive(Clone)]
pub struct ScheduleRefinement {
    fixed: Rc<Fixed>,
    shown: Shown,
    begin: Rng,
    /// Whether the pilot has run, and the refined schedule is running.
    second: bool,
    t: usize,
    orders: Vec<Order>,
    /// Gradient lengths of the linear runs, by rate, in the first order.
    pilots: Vec<Vec<f64>>,
    /// The pilot's smoothed lengths, and the schedule made of them.
    smooth: Rc<Vec<f64>>,
    eta: Rc<Vec<f64>>,
    checked: Vec<f64>,
    /// Mean gaps at each look: by contender of [`ALL`], by rate.
    gaps: Vec<Vec<Vec<f64>>>,
}

impl ScheduleRefinement {
    fn begin(&mut self, lanes: usize) {
        let fixed = Rc::clone(&self.fixed);
        self.t = 0;
        self.orders = (0..fixed.orders)
            .map(|k| {
                let mut rng = self.begin.clone();
                // Each order is a stream of its own, the same for all schedules.
                rng.set_stream(k as u64 + 1);
                Order {
                    rng,
                    pool: Pool::new(&fixed.objective, &fixed.start, lanes),
                    average: Pool::new(&fixed.objective, &fixed.start, fixed.rates.len()),
                }
            })
            .collect();
    }

    fn advance(&mut self) {
        let fixed = Rc::clone(&self.fixed);
        let (t, rows) = (self.t, fixed.objective.rows() as u32);
        let rates: Vec<f64> = if self.second {
            fixed.rates.iter().map(|rate| rate * self.eta[t]).collect()
        } else {
            fixed.schedules.iter().flat_map(|eta| fixed.rates.iter().map(move |rate| rate * eta[t])).collect()
        };
        for order in &mut self.orders {
            let batch: Vec<usize> =
                (0..fixed.setting.batch).map(|_| order.rng.random_range(0..rows) as usize).collect();
            order.pool.step(&fixed.objective, &batch, &rates);
            if !self.second {
                // x̄ ← x̄ + (x - x̄)/(t + 1), of the constant rate
                order.average.follow(&order.pool, 1.0 / (t + 1) as f64);
            }
        }
        if !self.second {
            let norms = self.orders[0].pool.norms();
            for (pilot, norm) in self.pilots.iter_mut().zip(&norms[LINEAR * fixed.rates.len()..]) {
                pilot.push(*norm);
            }
        }
        self.t += 1;
    }

    /// Takes down the mean gap of every run.
    fn check(&mut self) {
        let fixed = Rc::clone(&self.fixed);
        let count = fixed.rates.len();
        let mut sums: Vec<f64> = Vec::new();
        for order in &self.orders {
            let mut values = order.pool.values(&fixed.objective);
            if !self.second {
                values.extend(order.average.values(&fixed.objective));
            }
            sums.resize(values.len(), 0.0);
            let share = 1.0 / fixed.orders as f64;
            sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += share * fixed.gap(value));
        }
        let first = if self.second { ALL.len() - 1 } else { 0 };
        for (kept, gaps) in self.gaps[first..].iter_mut().zip(sums.chunks_exact(count)) {
            kept.iter_mut().zip(gaps).for_each(|(kept, gap)| kept.push(*gap));
        }
        if !self.second {
            self.checked.push(self.t as f64);
            self.refine();
        }
    }

    /// The schedule that the pilot's gradients ask for; what is not known yet is taken to stay as it is.
    fn refine(&mut self) {
        let fixed = &self.fixed;
        let Some(pilot) = self.pilots.get(self.best(LINEAR).map_or(0, |(rate, _)| rate)) else { return };
        let width = (fixed.setting.tau * fixed.horizon as f64) as usize;
        let mut smooth = median_filter(pilot, width);
        smooth.resize(fixed.horizon, smooth.last().copied().unwrap_or(1.0));
        self.eta = Rc::new(refined(&smooth, fixed.power()));
        self.smooth = Rc::new(smooth);
    }

    /// The place of a contender's best rate, and the gap there at the last look.
    fn best(&self, contender: usize) -> Option<(usize, f64)> {
        let gaps = self.gaps[contender].iter().enumerate().filter_map(|(rate, gaps)| Some((rate, *gaps.last()?)));
        gaps.reduce(|best, other| if other.1 < best.1 { other } else { best })
    }

    fn is_over(&self) -> bool {
        self.second && self.t >= self.fixed.horizon
    }

    fn is_shown(&self, id: &str) -> bool {
        let beside = match self.shown {
            Shown::All => return id != "painted" || self.fixed.setting.painted != straight(),
            Shown::Constant => "constant",
            Shown::Root => "root",
            Shown::Cosine => "cosine",
            Shown::Linear => "linear",
            Shown::Refined => "refined",
            Shown::Painted => "painted",
        };
        id == "linear" || id == beside
    }
}

/// At most 300 points of a long list, against `t/T`.
fn thinned(values: &[f64], length: usize) -> (Vec<f64>, Vec<f64>) {
    let stride = values.len().div_ceil(300).max(1);
    values.iter().enumerate().step_by(stride).map(|(t, value)| (t as f64 / length as f64, *value)).unzip()
}

impl Exhibit for ScheduleRefinement {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let fixed = Fixed::new(setting, rng);
        let count = fixed.rates.len();
        if setting.painted.0.iter().all(|eta| *eta == 0.0) {
            return Err(Error::of("painted", "is zero everywhere: nothing would move"));
        }
        let mut exhibit = Self {
            shown: setting.shown,
            begin: rng.clone(),
            second: false,
            t: 0,
            orders: Vec::new(),
            pilots: vec![Vec::new(); count],
            smooth: Rc::new(Vec::new()),
            eta: Rc::new(Vec::new()),
            checked: Vec::new(),
            gaps: vec![vec![Vec::new(); count]; ALL.len()],
            fixed: Rc::new(fixed),
        };
        exhibit.begin(BASE.len() * count);
        Ok(exhibit)
    }

    fn length(&self) -> usize {
        let [every, share] = self.fixed.pace();
        2 * self.fixed.horizon.div_ceil(every) * every.div_ceil(share)
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        let [every, share] = self.fixed.pace();
        let mark = ((self.t / every + 1) * every).min(self.fixed.horizon);
        let until = (self.t + share).min(mark);
        while self.t < until {
            self.advance();
        }
        if self.t == mark {
            self.check();
        }
        if self.is_over() {
            return Progress::Done;
        }
        if self.t >= self.fixed.horizon {
            self.second = true;
            self.begin(self.fixed.rates.len());
        }
        Progress::Running
    }

    fn retune(&mut self, setting: &Setting) {
        self.shown = setting.shown;
    }

    fn figures(&self, figures: &mut Figures) {
        let fixed = &self.fixed;
        let what = if matches!(fixed.objective, Objective::Network(_)) { "loss" } else { "f − f*" };
        let drawn: Vec<usize> = (0..ALL.len()).filter(|&k| self.is_shown(ALL[k])).collect();
        let ids: Vec<&'static str> = drawn.iter().map(|&k| ALL[k]).collect();
        let mut sweep = Sweep::new(&ids, fixed.rates.clone());
        for gaps in drawn.iter().flat_map(|&k| &self.gaps[k]) {
            sweep.put(gaps.last().copied());
        }
        let caption = format!(
            "The gap at the last step so far, for each schedule at {} rates. A dot marks the best.",
            fixed.rates.len()
        );
        sweep.figure(figures, "sweep", "What the end is worth", caption, ["rate γ", what], FLOOR);

        let more = if self.is_shown("refined") {
            " The refined schedule is made of the pilot's gradients as they come in."
        } else if self.is_shown("painted") && fixed.setting.painted == straight() {
            " Not painted yet, yours is linear decay."
        } else {
            ""
        };
        let caption = format!("What the rate is multiplied by.{more}");
        let mut schedules = figures.figure("schedules", "The schedules", caption);
        schedules.x(Axis::linear("t / T").domain(0.0, 1.0)).y(Axis::linear("η / max η").domain(0.0, 1.05));
        for (id, eta) in BASE.iter().zip(&fixed.schedules) {
            if self.is_shown(id) {
                let (x, y) = thinned(eta, fixed.horizon);
                schedules.line(x, y).of(id);
            }
        }
        if self.is_shown("refined") {
            let (x, y) = thinned(&self.eta, fixed.horizon);
            schedules.line(x, y).of("refined");
        }

        let mut curves = Curves::new(&ids, FLOOR);
        for (&k, id) in drawn.iter().zip(&ids) {
            if let Some((rate, _)) = self.best(k) {
                let gaps = self.checked.iter().zip(&self.gaps[k][rate]);
                gaps.for_each(|(t, gap)| curves.push(id, *t, *gap));
            }
        }
        let caption = "Each schedule at the rate that is the best so far.";
        let mut gaps = curves.figure(figures, "gap", "On the way", caption, ["step t", what]);
        if let Some(bound) = fixed.bound() {
            gaps.rule_y([bound]).ink(Ink::Strong).dashed().label("DG/√T");
        }

        let caption = "The lengths of the pilot's gradients (faint), and their running median.";
        let mut norms = figures.figure("norms", "What the pilot saw", caption);
        norms.x(Axis::linear("t / T").domain(0.0, 1.0)).y(Axis::linear("‖g‖"));
        if let Some((rate, _)) = self.best(LINEAR) {
            let (x, y) = thinned(&self.pilots[rate], fixed.horizon);
            norms.line(x, y).of("linear").faint();
            let seen = self.pilots[rate].len().min(self.smooth.len());
            let (x, y) = thinned(&self.smooth[..seen], fixed.horizon);
            norms.line(x, y).of("refined").label("median");
        }
    }

    fn claim(&self) -> Claim {
        let fixed = &self.fixed;
        let open = !self.is_over();
        if let Some(bound) = fixed.bound() {
            // The rate D/(G√T) itself is in the grid.
            let unit = fixed.rates.iter().position(|rate| *rate >= 0.999 * fixed.rates[0] * 16.0).unwrap_or(0);
            let gap = self.gaps[LINEAR][unit].last().map(|gap| gap / bound);
            let text = "At γ = D/(G√T), linear decay's last iterate is at {value} of DG/√T, at most {high}.";
            let met = Clause::at_most(text, gap, 1.0).pending_while(!self.second);
            return Claim::new(vec![met]);
        }
        let gap = |id: &str| Some(self.best(ALL.iter().position(|other| *other == id)?)?.1);
        let linear = gap("linear");
        let over = |a: Option<f64>, b: Option<f64>| a.zip(b).map(|(a, b)| a / b);
        let plain = gap("constant").zip(gap("root")).map(|(a, b)| a.min(b));
        Claim::new(vec![
            Clause::at_most(
                "Linear decay's gap is {value} times the smaller of the constant rate's and 1/√t's, at most {high}.",
                over(linear, plain),
                0.9,
            )
            .pending_while(!self.second),
            Clause::at_most("It is {value} times cosine's, at most {high}.", over(linear, gap("cosine")), 1.5)
                .pending_while(!self.second),
            Clause::at_most(
                "The refined schedule's is {value} times linear decay's, at most {high}.",
                over(gap("refined"), linear),
                1.5,
            )
            .pending_while(open),
        ])
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        vec![
            Scenario::holds(
                "default",
                "Down to zero",
                "Last points of schedules that end at zero gain about a factor of two; the average at a constant rate gains more still.",
                default.clone(),
            ),
            Scenario::fails(
                "large-batch",
                "Gradients that fade",
                "Short gradients are taken as leave to wait: the refined schedule keeps its longest steps for too late.",
                Setting { data: Data::Digits, batch: 128, steps: 1000, ..default.clone() },
            ),
            Scenario::holds(
                "hinge",
                "The bound itself",
                "A hinge loss whose minimum is known: linear decay at the theorem's own rate.",
                Setting { data: Data::Hinge, ..default.clone() },
            ),
            Scenario::holds(
                "absolute",
                "|x|",
                "One dimension and no noise: the constant rate jumps to and fro about the minimum, linear decay comes to rest.",
                Setting { data: Data::Absolute, ..default },
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hinge_costs_nothing_at_the_distance_that_the_bound_takes() {
        let setting = Setting { data: Data::Hinge, ..Setting::default() };
        let mut rng = Rng::seed_from_u64(4);
        let truth = direction(20, &mut rng.clone());
        let fixed = Fixed::new(&setting, &mut rng);
        let [d, g] = fixed.scale.unwrap();
        let Objective::Linear(model) = &fixed.objective else { panic!("a linear model") };
        let solution: Vec<f64> = truth.iter().map(|w| d * w).collect();
        assert!(model.value(&solution) < 1e-12, "{}", model.value(&solution));
        let mut slope = vec![0.0; 20];
        for i in 0..model.rows() {
            model.value_and_gradient_of(&[i], &[0.0; 20], &mut slope);
            assert!(slope.iter().map(|x| x * x).sum::<f64>().sqrt() <= g + 1e-12);
        }
    }

    // On |x| under linear decay from 1 at rate γ: after passing the kink the gap is below the step, and ends near zero.
    #[test]
    fn on_the_absolute_value_the_last_steps_are_what_remains() {
        let setting = Setting { data: Data::Absolute, steps: 400, ..Setting::default() };
        let mut exhibit = ScheduleRefinement::new(&setting, &mut Rng::seed_from_u64(1)).unwrap();
        while !exhibit.second {
            let mark = exhibit.t + 1;
            exhibit.advance();
            assert_eq!(exhibit.t, mark);
            if exhibit.t == 400 {
                exhibit.check();
                exhibit.second = true;
            }
        }
        let count = exhibit.fixed.rates.len();
        for k in 4..count {
            let rate = exhibit.fixed.rates[k];
            assert!(exhibit.gaps[LINEAR][k][0] <= rate / 400.0 + FLOOR, "{k}");
        }
        // Every gradient is one long, so that the refined schedule is the straight line.
        let line = Schedule::Linear.until(400);
        assert!(exhibit.eta.iter().zip(&line).all(|(a, b)| (a - b).abs() <= 1.0 / 399.0));
    }

    #[test]
    fn a_painted_straight_line_runs_as_linear_decay_does() {
        let setting = Setting { steps: 200, ..Setting::default() };
        let mut exhibit = ScheduleRefinement::new(&setting, &mut Rng::seed_from_u64(2)).unwrap();
        (0..200).for_each(|_| exhibit.advance());
        exhibit.check();
        for (linear, painted) in exhibit.gaps[LINEAR].iter().zip(&exhibit.gaps[LINEAR + 1]) {
            assert!((linear[0] / painted[0] - 1.0).abs() < 1e-6);
        }
    }
}
