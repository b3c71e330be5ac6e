//! Take a separable set, with each point multiplied by its label: $z_i=y_ia_i$, so that a good $\theta$ has
//! $z_i^\top\theta>0$ for all $i$. Gradient descent on the logistic loss,
//! $$\theta_{t+1}=\theta_t+\frac\gamma n\sum_iz_i\,s(-z_i^\top\theta_t),\qquad s(u)=\frac1{1+e^{-u}},$$
//! finds one at *any* step size $\gamma$. Tyurin's explanation is short. Divide by $\gamma$ and let $\gamma$ grow: the
//! sigmoid becomes a switch, and what is left is the batch perceptron, which adds the misclassified points. (A point
//! exactly on the line counts half, since $s(0)=\tfrac12$. At the start that is every point.)
//!
//! Two things follow. The loss is a bad guide: a larger step makes it higher and separates sooner. And the factor $1/n$
//! hurts: when one hard point is left among $n$, each step moves by $1/n$ of it. Normalised LR+GD,
//! $$\theta_{t+1}=\theta_t+\gamma\,\frac{\sum_iz_i\,s(-z_i^\top\theta_t)}{\sum_is(-z_i^\top\theta_t)},$$
//! moves along the *mean* of the misclassified points in that limit, and its bound no longer contains $n$. An iteration
//! ends the count as soon as every point is on its right side.
//!
//! **Try** $\gamma$: slide it to a million, and the line of LR+GD falls onto the batch perceptron's. Turn the hard
//! point: near 180 degrees the margin vanishes, and everyone slows down. Draw points of your own; each is shown
//! multiplied by its label, so the task is to get all of them onto one side of a line through the origin. Flip one
//! label: no line exists, and nobody ever stops.
//!
//! **Where it stops:** the promise without $n$ belongs to the limit. At $\gamma=10^4$ the normalised method needs five
//! iterations for every $n$; at $\gamma=1$ some 26, 45 and 62 for $n=10,100,1000$, as the many easy points keep a
//! weight until their margins have grown to $\log n$. On random data (200 points in 20 dimensions, where the picture
//! shows sorted margins) the reverse is best: at $\gamma=1$ it needs a handful of steps, and at $10^4$, where it is a
//! perceptron that moves by means, some dozens, while plain LR+GD with the same huge step needs a handful: without a
//! hard point $1/n$ does no harm. Rosenblatt's rule, which corrects point by point, is counted in passes through the
//! set.
//!
//! The normaliser is reconstructed from the paper's bound and its limit. The comparison over $n$ always runs LR+GD at
//! $\gamma=10^4$, and the normalised method there and at your $\gamma$.

use orrery_core::prelude::*;
use orrery_kernels::data::half_spaces;
use orrery_kernels::linalg::inner;
use orrery_kernels::math::{PI, atan2, cos, log_spaced, sigmoid_wide, sin, softplus};
use orrery_kernels::random::{direction, normals};
use std::rc::Rc;

const CARD: Card = Card {
    slug: "normalized-lr-perceptron",
    title: "From Logistic Regression to the Perceptron Algorithm: Exploring Gradient Descent with Large Step Sizes",
    year: 2024,
    lists: &[3, 4],
    claim: "With huge steps logistic regression is the perceptron; dividing by the mean sigmoid frees it of the factor n.",
    algorithms: &[
        "logistic regression",
        "normalized gradient descent",
        "large step sizes",
        "perceptron",
        "batch perceptron",
        "Rosenblatt's perceptron",
        "linear separability",
    ],
    contenders: &[
        Contender::paper("normalised", "normalised LR+GD"),
        Contender::baseline("lr", "LR+GD"),
        Contender::baseline("batch", "batch perceptron, 1/n"),
        Contender::baseline("mean", "batch perceptron, 1/|S|"),
        Contender::baseline("cyclic", "Rosenblatt, by passes"),
    ],
};

/// Which points.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Source {
    /// All but one near (1, 0.2).
    #[choice("one hard point")]
    Built,
    /// Gaussian points at a distance from a random plane.
    #[choice("random, 200 × 20")]
    Random,
    /// The visitor's.
    #[choice("your own")]
    Own,
}

/// Whose lines are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Shown {
    /// Everyone.
    #[choice("all")]
    All,
    /// One method.
    #[choice("LR+GD")]
    Lr,
    /// One method.
    #[choice("normalised")]
    Normalised,
    /// The three perceptrons.
    #[choice("perceptron")]
    Perceptron,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// The step size of LR+GD and of its normalised form.
    #[control(label = "step γ", range = 0.01..=1e6, log, default = 1.0)]
    pub gamma: f64,
    /// The points.
    #[control(label = "points", default = Source::Built)]
    pub source: Source,
    /// How many points; all but one are easy.
    #[control(label = "number of points n", range = 5..=2000, log, default = 100, when = ("source", "built"))]
    pub n: usize,
    /// The angle between the easy points and the hard one.
    #[control(label = "angle", unit = "°", range = 90.0..=178.0, default = 147.0, when = ("source", "built"))]
    pub angle: f64,
    /// Points multiplied by their labels: all must come to lie on one side of a line through the origin. Drag them.
    #[control(
        label = "your points", count = 2..=200, domain = [[-2.0, 2.0], [-2.0, 2.0]], when = ("source", "own"),
        default = [[1.0, 0.2], [0.9, 0.5], [1.2, -0.1], [0.8, 0.1], [-0.6, 0.5]].into()
    )]
    pub mine: Points,
    /// Gives the first point the wrong label. With the built points, no line is left.
    #[control(label = "flip one label", default = false)]
    pub flip: bool,
    /// Whose lines are drawn. All of them run.
    #[control(label = "show", default = Shown::All, live)]
    pub show: Shown,
    /// The most iterations.
    #[control(label = "iterations", range = 10..=100_000, log, default = 5000)]
    pub iterations: usize,
}

/// The points $z_i=y_ia_i$, by rows.
struct Data {
    z: Vec<f64>,
    dimension: usize,
}

impl Data {
    fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.z.chunks_exact(self.dimension)
    }

    fn len(&self) -> usize {
        self.z.len() / self.dimension
    }

    fn flipped(mut self, flip: bool) -> Self {
        if flip {
            self.z.iter_mut().take(self.dimension).for_each(|z| *z = -*z);
        }
        self
    }

    /// `n - 1` points near (1, 0.2), and one at an angle to them.
    fn built(n: usize, angle: f64, rng: &mut Rng) -> Self {
        let mut z: Vec<f64> = Vec::with_capacity(2 * n);
        for k in 1..n {
            let near = normals(2, rng);
            // The first lies in the middle of the others: with its label flipped, no line is left.
            let spread = if k == 1 { 0.0 } else { 0.02 };
            z.extend([1.0 + spread * near[0], 0.2 + spread * near[1]]);
        }
        let (length, turned) = ((0.36_f64 + 0.0576).sqrt(), atan2(0.2, 1.0) + angle * PI / 180.0);
        z.extend([length * cos(turned), length * sin(turned)]);
        Self { z, dimension: 2 }
    }

    /// 200 Gaussian points in 20 dimensions, at least 0.1 from a random plane.
    fn random(rng: &mut Rng) -> Self {
        let (count, dimension) = (200, 20);
        let truth = direction(dimension, rng);
        // One in twelve is too near the plane: 260 leave two hundred.
        let design = normals(260 * dimension, rng);
        let table = half_spaces(&design, &truth, 0.1);
        let sign = |row: usize| if table.labels[row] == 1 { 1.0 } else { -1.0 };
        let rows = 0..count.min(table.rows());
        let z = rows.flat_map(|row| table.row(row).iter().map(move |x| sign(row) * x)).collect();
        Self { z, dimension }
    }
}

/// One pass of Rosenblatt's rule through the points $z_i=y_ia_i$, given by rows.
pub fn rosenblatt_pass(theta: &mut [f64], z: &[f64]) {
    for z in z.chunks_exact(theta.len()) {
        if inner(z, theta) <= 0.0 {
            // θ ← θ + z_i
            theta.iter_mut().zip(z).for_each(|(theta, z)| *theta += z);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Method {
    Normalised,
    Lr,
    Batch,
    Mean,
    Cyclic,
}

const METHODS: [Method; 5] = [Method::Normalised, Method::Lr, Method::Batch, Method::Mean, Method::Cyclic];

impl Method {
    fn id(self) -> &'static str {
        match self {
            Self::Normalised => "normalised",
            Self::Lr => "lr",
            Self::Batch => "batch",
            Self::Mean => "mean",
            Self::Cyclic => "cyclic",
        }
    }
}

/// One method on its way.
#[derive(Clone)]
struct Run {
    method: Method,
    gamma: f64,
    theta: Vec<f64>,
    t: usize,
    /// Points not on their right side, and the logistic loss, at the present $\theta$.
    wrong: usize,
    loss: f64,
}

impl Run {
    fn new(method: Method, gamma: f64, data: &Data) -> Self {
        Self { method, gamma, theta: vec![0.0; data.dimension], t: 0, wrong: data.len(), loss: softplus(0.0) }
    }

    fn is_done(&self) -> bool {
        self.wrong == 0
    }

    fn iterate(&mut self, data: &Data) {
        let n = data.len() as f64;
        if self.method == Method::Cyclic {
            rosenblatt_pass(&mut self.theta, &data.z);
        } else {
            let (mut direction, mut total) = (vec![0.0; data.dimension], 0.0);
            for z in data.rows() {
                let margin = inner(z, &self.theta);
                let weight = match self.method {
                    // s(-z_iᵀθ)
                    Method::Normalised | Method::Lr => sigmoid_wide((-margin).clamp(-700.0, 700.0)),
                    // its limit
                    _ => {
                        if margin < 0.0 {
                            1.0
                        } else if margin == 0.0 {
                            0.5
                        } else {
                            0.0
                        }
                    }
                };
                total += weight;
                if weight > 0.0 {
                    direction.iter_mut().zip(z).for_each(|(d, z)| *d += weight * z);
                }
            }
            let scale = match self.method {
                // θ ← θ + γ (1/n) Σ z_i s
                Method::Lr => self.gamma / n,
                // θ ← θ + γ Σ z_i s / Σ s
                Method::Normalised => self.gamma / total.max(1e-300),
                // w ← w + (1/n) Σ_{wrong} z_i
                Method::Batch => 1.0 / n,
                // w ← w + mean of the wrong z_i
                _ => 1.0 / total.max(1e-300),
            };
            self.theta.iter_mut().zip(&direction).for_each(|(theta, d)| *theta += scale * d);
        }
        self.t += 1;
        self.wrong = data.rows().filter(|z| inner(z, &self.theta) <= 0.0).count();
    }

    fn measure_loss(&mut self, data: &Data) {
        self.loss = data.rows().map(|z| softplus(-inner(z, &self.theta))).sum::<f64>() / data.len() as f64;
    }
}

/// A run of which only the count matters.
#[derive(Clone, Copy, Debug)]
struct Job {
    /// A place in the family of sizes; none for the points of the main run.
    size: Option<usize>,
    method: Method,
    gamma: f64,
}

/// Sizes of the built set at which all methods are counted.
const SIZES: [usize; 7] = [10, 20, 50, 100, 200, 500, 1000];
/// The large step of the comparison.
const LARGE: f64 = 1e4;
/// The most iterations of a counted run.
const MOST: usize = 5000;
/// Operations in one step of the exhibit.
const WORK: usize = 400_000;

struct Fixed {
    setting: Setting,
    data: Data,
    family: Vec<Data>,
    random: Data,
    records: Vec<usize>,
    jobs: Vec<Job>,
    length: usize,
}

/// LR+GD on the random points, with a small step and a large one.
const STEPS: [f64; 2] = [1.0, LARGE];

/// The exhibit.
#[derive(Clone)]
pub struct NormalizedLr {
    fixed: Rc<Fixed>,
    show: Shown,
    step: usize,
    runs: Vec<Run>,
    wrong: Vec<Series>,
    losses: Vec<Series>,
    job: Option<Run>,
    /// Iterations to separation; none where it was not reached.
    counts: Vec<Option<usize>>,
    /// The pair on the random points, with their losses.
    pair: [Run; 2],
    pair_losses: [Vec<f64>; 2],
}

impl Fixed {
    fn set(&self, job: &Job) -> &Data {
        job.size.map_or(&self.data, |size| &self.family[size])
    }

    /// The most iterations of a job, so that none takes too long.
    fn most(&self, job: &Job) -> usize {
        let data = self.set(job);
        MOST.min(2_000_000 / data.z.len()).max(10)
    }
}

fn cost(data: &Data) -> usize {
    // A sigmoid is worth some ten products.
    3 * data.z.len() + 10 * data.len()
}

impl NormalizedLr {
    fn record(&mut self) {
        for (k, run) in self.runs.iter_mut().enumerate() {
            let at = (run.t + 1) as f64;
            if self.wrong[k].last().is_none_or(|[x, _]| x < at) {
                self.wrong[k].push(at, run.wrong as f64);
                if matches!(run.method, Method::Lr | Method::Normalised) {
                    run.measure_loss(&self.fixed.data);
                    self.losses[k].push(at, run.loss.max(1e-12));
                }
            }
        }
    }

    fn is_main_over(&self) -> bool {
        self.runs.iter().all(|run| run.is_done() || run.t >= self.fixed.setting.iterations)
    }

    fn is_over(&self) -> bool {
        self.is_main_over() && self.counts.len() == self.fixed.jobs.len() && self.is_pair_over()
    }

    fn is_pair_over(&self) -> bool {
        self.pair.iter().all(|run| run.is_done() || run.t >= MOST)
    }

    fn count(&mut self, mut budget: usize) {
        let fixed = Rc::clone(&self.fixed);
        while budget > 0 {
            let Some(job) = fixed.jobs.get(self.counts.len()) else { return };
            let data = fixed.set(job);
            let mut run = self.job.take().unwrap_or_else(|| Run::new(job.method, job.gamma, data));
            while budget > 0 && !run.is_done() && run.t < fixed.most(job) {
                run.iterate(data);
                budget = budget.saturating_sub(cost(data));
            }
            if run.is_done() || run.t >= fixed.most(job) {
                self.counts.push(run.is_done().then_some(run.t));
            } else {
                self.job = Some(run);
            }
        }
    }

    fn compare(&mut self, mut budget: usize) {
        let data = &self.fixed.random;
        for (run, losses) in self.pair.iter_mut().zip(&mut self.pair_losses) {
            while budget > 0 && !run.is_done() && run.t < MOST {
                run.iterate(data);
                run.measure_loss(data);
                losses.push(run.loss);
                budget = budget.saturating_sub(2 * cost(data));
            }
        }
    }

    /// The counts of a method at a step size: abscissa (γ, or n) and iterations.
    fn counted(&self, family: bool, method: Method, gamma: Option<f64>) -> Vec<[f64; 2]> {
        let jobs = self.fixed.jobs.iter().zip(&self.counts);
        let jobs = jobs.filter(|(job, _)| job.method == method && job.size.is_some() == family);
        let jobs = jobs.filter(|(job, _)| gamma.is_none_or(|gamma| job.gamma == gamma));
        jobs.filter_map(|(job, count)| Some([job.size.map_or(job.gamma, |size| SIZES[size] as f64), (*count)? as f64]))
            .collect()
    }

    fn is_shown(&self, method: Method) -> bool {
        match self.show {
            Shown::All => true,
            Shown::Lr => method == Method::Lr,
            Shown::Normalised => method == Method::Normalised,
            Shown::Perceptron => matches!(method, Method::Batch | Method::Mean | Method::Cyclic),
        }
    }

    fn shown(&self) -> impl Iterator<Item = (usize, Method)> + '_ {
        METHODS.into_iter().enumerate().rev().filter(|(_, method)| self.is_shown(*method))
    }
}

fn xs(points: &[[f64; 2]]) -> impl Iterator<Item = f64> + '_ {
    points.iter().map(|[x, _]| *x)
}

fn ys(points: &[[f64; 2]]) -> impl Iterator<Item = f64> + '_ {
    points.iter().map(|[_, y]| *y)
}

impl Exhibit for NormalizedLr {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let random = Data::random(rng);
        let family = SIZES.map(|n| Data::built(n, setting.angle, &mut rng.clone()).flipped(setting.flip));
        let data = match setting.source {
            Source::Built => Data::built(setting.n, setting.angle, rng),
            Source::Random => Data { z: random.z.clone(), dimension: random.dimension },
            Source::Own => Data { z: setting.mine.0.iter().flatten().copied().collect(), dimension: 2 },
        };
        let data = data.flipped(setting.flip);
        let most = (WORK / (METHODS.len() * cost(&data))).max(1);
        let mut records = vec![0];
        for wanted in log_spaced(1.0, setting.iterations as f64, 160) {
            let wanted = wanted.round() as usize;
            let mut last = records.last().copied().unwrap_or(0);
            while wanted > last {
                last = wanted.min(last + most);
                records.push(last);
            }
        }
        let mut jobs = Vec::new();
        for size in 0..SIZES.len() {
            let job = |method, gamma| Job { size: Some(size), method, gamma };
            jobs.extend([LARGE, 1e6].map(|gamma| job(Method::Lr, gamma)));
            let rest = [Method::Normalised, Method::Batch, Method::Mean, Method::Cyclic];
            jobs.extend(rest.map(|method| job(method, setting.gamma)));
            if setting.gamma != LARGE {
                jobs.push(job(Method::Normalised, LARGE));
            }
        }
        for gamma in log_spaced(0.01, 1e6, 25) {
            jobs.extend([Method::Lr, Method::Normalised].map(|method| Job { size: None, method, gamma }));
        }
        let mut fixed =
            Fixed { setting: setting.clone(), data, family: family.into(), random, records, jobs, length: 0 };
        let counted: usize = fixed.jobs.iter().map(|job| fixed.most(job) * cost(fixed.set(job)).min(2 * WORK)).sum();
        let pair = 2 * MOST * 2 * cost(&fixed.random);
        fixed.length =
            (fixed.records.len() - 1).max(counted.div_ceil(WORK) + fixed.jobs.len()).max(pair.div_ceil(WORK) + 2);
        let runs: Vec<Run> = METHODS.map(|method| Run::new(method, setting.gamma, &fixed.data)).into();
        let pair = STEPS.map(|gamma| Run::new(Method::Lr, gamma, &fixed.random));
        let empty = vec![Series::new(); METHODS.len()];
        let mut exhibit = Self {
            fixed: Rc::new(fixed),
            show: setting.show,
            step: 0,
            runs,
            wrong: empty.clone(),
            losses: empty,
            job: None,
            counts: Vec::new(),
            pair,
            pair_losses: [Vec::new(), Vec::new()],
        };
        exhibit.record();
        Ok(exhibit)
    }

    fn length(&self) -> usize {
        self.fixed.length
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        let fixed = Rc::clone(&self.fixed);
        self.step += 1;
        if let Some(&end) = fixed.records.get(self.step) {
            for run in &mut self.runs {
                while run.t < end && !run.is_done() {
                    run.iterate(&fixed.data);
                }
            }
            self.record();
        }
        self.count(WORK);
        self.compare(WORK);
        if self.is_over() { Progress::Done } else { Progress::Running }
    }

    fn retune(&mut self, setting: &Setting) {
        self.show = setting.show;
    }

    fn figures(&self, figures: &mut Figures) {
        let fixed = &*self.fixed;
        let setting = &fixed.setting;
        let iterations = || Axis::log("iteration t + 1").domain(1.0, setting.iterations as f64 + 1.0);
        if fixed.data.dimension == 2 {
            let caption = "Each point is multiplied by its label: all must lie on one side of the line. Lines are where the \
                           methods stand now.";
            let mut plane = figures.figure("data", "The separating lines", caption);
            let far = if setting.source == Source::Own { 2.0 } else { 1.4 };
            plane.x(Axis::linear("z₁").domain(-far, far)).y(Axis::linear("z₂").domain(-far, far)).equal();
            for (k, method) in self.shown() {
                let theta = &self.runs[k].theta;
                let length = inner(theta, theta).sqrt();
                if length > 0.0 {
                    // At right angles to θ, out to the edge of the picture.
                    let [x, y] = [-theta[1] / length, theta[0] / length];
                    let reach = far / x.abs().max(y.abs());
                    let line = plane.line([-reach * x, reach * x], [-reach * y, reach * y]).of(method.id());
                    if matches!(method, Method::Batch | Method::Mean | Method::Cyclic) {
                        line.dashed();
                    }
                }
            }
            let column = |axis: usize| fixed.data.z.iter().skip(axis).step_by(2);
            let dots = plane.dot(column(0), column(1)).ink(Ink::Strong).label("points yᵢaᵢ");
            if setting.source == Source::Own && !setting.flip {
                dots.radius(5.0).drags("mine");
            }
            plane.dot([0.0], [0.0]).symbol(Symbol::Cross).radius(4.0).ink(Ink::Muted);
        } else {
            let caption =
                "Margins of all points, from the smallest, over the length of θ. Above zero all are on their side.";
            let mut plane = figures.figure("data", "Sorted margins", caption);
            plane
                .x(Axis::linear("points, by margin").domain(0.0, fixed.data.len() as f64))
                .y(Axis::linear("zᵢᵀθ / |θ|"));
            plane.rule_y([0.0]).ink(Ink::Muted);
            for (k, method) in self.shown() {
                let theta = &self.runs[k].theta;
                let length = inner(theta, theta).sqrt().max(1e-300);
                let mut margins: Vec<f64> = fixed.data.rows().map(|z| inner(z, theta) / length).collect();
                margins.sort_by(f64::total_cmp);
                plane.line((1..=margins.len()).map(|k| k as f64), &margins).of(method.id());
            }
        }

        let caption = "Points on the wrong side, the boundary included. A line that reaches zero has ended.";
        let mut wrong = figures.figure("wrong", "Misclassified points", caption);
        wrong.x(iterations()).y(Axis::symlog("misclassified points").domain(0.0, fixed.data.len() as f64));
        for (k, method) in self.shown() {
            let line = wrong.line(self.wrong[k].xs(), self.wrong[k].ys()).of(method.id());
            if matches!(method, Method::Batch | Method::Mean | Method::Cyclic) {
                line.dashed();
            }
        }

        let perceptrons = self.show == Shown::Perceptron;
        let caption = if perceptrons {
            "Perceptrons descend no logistic loss; show LR+GD to see one."
        } else {
            "With a large γ the loss rises, and is no sign of failure: it may mean that the end is nearer."
        };
        let mut loss = figures.figure("loss", "Logistic loss", caption);
        loss.x(iterations()).y(Axis::log("logistic loss"));
        for (k, method) in self.shown().filter(|(_, method)| matches!(method, Method::Lr | Method::Normalised)) {
            loss.line(self.losses[k].xs(), self.losses[k].ys()).of(method.id());
        }

        let counted = self.counts.len() == fixed.jobs.len();
        let none = |method| self.counted(false, method, None).is_empty();
        let caption = if perceptrons {
            "Perceptrons have no step size; show LR+GD to see what it does."
        } else if counted && none(Method::Lr) && none(Method::Normalised) {
            "On the points above. At no step were they separated within the count's limit."
        } else {
            "On the points above. A gap: not within the count's limit."
        };
        let mut by_step = figures.figure("by-step", "Iterations to separation, by step", caption);
        by_step.x(Axis::log("step γ").domain(0.01, 1e6)).y(Axis::log("iterations"));
        by_step.rule_x([setting.gamma]).ink(Ink::Muted).dashed();
        for (_, method) in self.shown().filter(|(_, method)| matches!(method, Method::Lr | Method::Normalised)) {
            let points = self.counted(false, method, None);
            by_step.line(xs(&points), ys(&points)).of(method.id());
            by_step.dot(xs(&points), ys(&points)).of(method.id());
        }

        let caption = if setting.flip {
            "One point among n has the wrong label: no line separates them, and no count comes to an end."
        } else {
            "One hard point among n, at your angle. If it takes more than a step, LR+GD and the batch perceptron pay in \
             proportion to n, the means do not. A gap: not within the count's limit."
        };
        let mut by_size = figures.figure("by-size", "Iterations to separation, by n", caption);
        by_size.x(Axis::log("number of points n").domain(8.0, 1250.0)).y(Axis::log("iterations"));
        for (_, method) in self.shown() {
            let gamma = if method == Method::Lr { LARGE } else { setting.gamma };
            let points = self.counted(true, method, Some(gamma));
            let name = match method {
                Method::Lr => Some("LR+GD, γ = 10⁴"),
                Method::Normalised => Some("normalised, your γ"),
                _ => None,
            };
            let line = by_size.line(xs(&points), ys(&points)).of(method.id());
            match name {
                Some(name) => line.label(name),
                None => line.dashed(),
            };
            let dots = by_size.dot(xs(&points), ys(&points)).of(method.id());
            if let Some(name) = name {
                dots.label(name);
            }
        }
        if self.is_shown(Method::Normalised) {
            let points = self.counted(true, Method::Normalised, Some(LARGE));
            by_size.line(xs(&points), ys(&points)).of("normalised").dashed().label("normalised, γ = 10⁴");
            by_size.dot(xs(&points), ys(&points)).of("normalised").label("normalised, γ = 10⁴");
        }
    }

    fn claim(&self) -> Claim {
        let open = !self.is_over();
        let setting = &self.fixed.setting;
        if setting.source != Source::Built {
            let counts = |method: Method| {
                let run = &self.runs[METHODS.iter().position(|&m| m == method).unwrap_or(0)];
                run.is_done().then_some(run.t as f64)
            };
            let normalised = counts(Method::Normalised);
            let text = match normalised {
                Some(_) => "Normalised LR+GD separates these points in {value} iterations, at most {high}.",
                None => "Normalised LR+GD does not separate these points: {high} iterations were to be enough.",
            };
            let value = normalised.unwrap_or(f64::INFINITY);
            return Claim::new(vec![Clause::at_most(text, Some(value), 10.0).pending_while(open)]);
        }
        let counts = |method, gamma| self.counted(true, method, Some(gamma));
        let at = |points: &[[f64; 2]], n: f64| points.iter().find(|[x, _]| *x == n).map(|[_, count]| *count);
        let decades = [10.0, 100.0, 1000.0];
        let (plain, limit) = (counts(Method::Lr, 1e4), counts(Method::Lr, 1e6));
        let (batch, normalised) = (counts(Method::Batch, setting.gamma), counts(Method::Normalised, LARGE));
        let yours = counts(Method::Normalised, setting.gamma);
        let growth = Some((at(&yours, 10.0), at(&yours, 1000.0))).and_then(|(few, many)| Some(many? / few?));
        let ratio = |low, high| Some(at(&plain, high)? / at(&plain, low)?);
        let apart = decades.map(|n| Some((at(&limit, n)? - at(&batch, n)?).abs()));
        let largest = |values: [Option<f64>; 3]| values.into_iter().try_fold(0.0, |most: f64, v| Some(most.max(v?)));
        let most = largest(decades.map(|n| at(&normalised, n)));
        let [small, large] = &self.pair;
        let higher = self.pair_losses[0].iter().zip(&self.pair_losses[1]).map(|(small, large)| large / small);
        let higher = higher.fold(0.0, f64::max);
        let sooner = (small.is_done() && large.is_done()).then(|| large.t as f64 / small.t as f64);
        // What was not reached by the end has failed.
        let reached = |value: Option<f64>| if open { value } else { Some(value.unwrap_or(f64::INFINITY)) };
        let never = |value: Option<f64>, who: &str, text: &str| match value {
            None if !open => format!("{who} did not separate the built points within the count's limit."),
            _ => text.to_owned(),
        };
        let clauses = vec![
            Clause::within(
                never(
                    ratio(10.0, 100.0),
                    "At n = 10 or 100, LR+GD at γ = 10⁴",
                    "From n = 10 to 100, LR+GD at γ = 10⁴ needs {value} times the iterations ({low} to {high}).",
                ),
                reached(ratio(10.0, 100.0)),
                5.0,
                15.0,
            ),
            Clause::within(
                never(
                    ratio(100.0, 1000.0),
                    "At n = 100 or 1000, it",
                    "From n = 100 to 1000, {value} times ({low} to {high}).",
                ),
                reached(ratio(100.0, 1000.0)),
                5.0,
                15.0,
            ),
            Clause::at_most(
                never(
                    largest(apart),
                    "LR+GD at γ = 10⁶, or the batch perceptron,",
                    "At γ = 10⁶ its counts differ from the batch perceptron's by {value}, at most {high}.",
                ),
                reached(largest(apart)),
                0.0,
            ),
            Clause::at_most(
                never(
                    most,
                    "Normalised LR+GD at γ = 10⁴",
                    "Normalised LR+GD at γ = 10⁴ needs {value} iterations at the most for n = 10, 100, 1000; at most {high}.",
                ),
                reached(most),
                10.0,
            ),
            Clause::at_most(
                never(
                    growth,
                    "At your γ, it",
                    "At your γ it needs {value} times the iterations at n = 1000 as at 10, at most {high}.",
                ),
                reached(growth),
                10.0,
            ),
            Clause::at_least(
                "On random points the loss of LR+GD at γ = 10⁴ is at some step {value} times that at γ = 1, at least {low};",
                Some(higher),
                1.0,
            ),
            Clause::at_most(
                "and it separates them in {value} of the iterations, fewer than {high}.",
                reached(sooner),
                0.99,
            ),
        ];
        Claim::new(clauses.into_iter().map(|clause| clause.pending_while(open)).collect())
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        vec![
            Scenario::holds(
                "default",
                "One hard point",
                "LR+GD with huge steps is the batch perceptron and pays for every easy point; the normalised method does not.",
                default.clone(),
            ),
            Scenario::holds(
                "million",
                "γ = 10⁶ on your own points",
                "LR+GD and the batch perceptron draw the same line; the normalised method needs a few means.",
                Setting { source: Source::Own, gamma: 1e6, ..default.clone() },
            ),
            Scenario::fails(
                "random",
                "Huge steps, random points",
                "No point is much harder than the others, so 1/n does no harm: plain LR+GD is done in a handful of steps, the \
                 normalised method with γ = 10⁴ is not.",
                Setting { source: Source::Random, gamma: 1e4, ..default.clone() },
            ),
            Scenario::fails(
                "nearly-opposite",
                "175 degrees",
                "The margin nearly vanishes: the number of means grows as one over its square.",
                Setting { angle: 175.0, ..default.clone() },
            ),
            Scenario::fails(
                "flipped",
                "One wrong label",
                "No line separates these points, and no method ever stops.",
                Setting { flip: true, n: 20, iterations: 1000, ..default },
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop, prop_assert, proptest};

    fn after(method: Method, gamma: f64, data: &Data, steps: usize) -> Run {
        let mut run = Run::new(method, gamma, data);
        (0..steps).for_each(|_| run.iterate(data));
        run
    }

    #[test]
    fn with_huge_steps_logistic_regression_is_the_batch_perceptron() {
        let data = Data::random(&mut Rng::seed_from_u64(2));
        for steps in 1..8 {
            let lr = after(Method::Lr, 1e9, &data, steps).theta;
            let batch = after(Method::Batch, 1.0, &data, steps).theta;
            assert!(lr.iter().zip(&batch).all(|(theta, w)| (theta / 1e9 - w).abs() < 1e-6), "{steps}");
        }
    }

    #[test]
    fn the_perceptron_is_within_novikoffs_bound() {
        // Every update of Rosenblatt's rule counts against (R/μ)²; so does every step along a mean.
        let data = Data::random(&mut Rng::seed_from_u64(4));
        let radius = data.rows().map(|z| inner(z, z)).fold(0.0, f64::max);
        let bound = radius / (0.1 * 0.1);
        let mut run = Run::new(Method::Mean, 1.0, &data);
        while !run.is_done() {
            run.iterate(&data);
            assert!((run.t as f64) <= bound);
        }
        let mut run = Run::new(Method::Cyclic, 1.0, &data);
        while !run.is_done() {
            run.iterate(&data);
            assert!((run.t as f64) <= bound);
        }
    }

    #[test]
    fn random_points_keep_their_distance() {
        let data = Data::random(&mut Rng::seed_from_u64(1));
        assert_eq!((data.len(), data.dimension), (200, 20));
    }

    proptest! {
        #[test]
        fn a_small_step_of_gradient_descent_lowers_the_loss_at_the_gradients_rate(
            z in prop::collection::vec(-2.0_f64..2.0, 12), theta in prop::collection::vec(-1.0_f64..1.0, 2),
        ) {
            let data = Data { z, dimension: 2 };
            let mut run = Run { theta, ..Run::new(Method::Lr, 1e-6, &data) };
            run.measure_loss(&data);
            let before = run.loss;
            let start = run.theta.clone();
            run.iterate(&data);
            run.measure_loss(&data);
            // The step is -γ times the gradient, so the loss falls by |step|²/γ.
            let square: f64 = run.theta.iter().zip(&start).map(|(a, b)| (a - b) * (a - b)).sum();
            prop_assert!((before - run.loss - square / 1e-6).abs() < 1e-10);
        }

        #[test]
        fn one_normalised_step_is_a_weighted_mean_of_the_points(z in prop::collection::vec(0.5_f64..1.0, 20)) {
            let data = Data { z, dimension: 2 };
            let run = after(Method::Normalised, 1.0, &data, 1);
            prop_assert!(run.theta.iter().all(|theta| (0.5..=1.0).contains(theta)));
        }
    }
}
