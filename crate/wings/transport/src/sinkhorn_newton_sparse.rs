//! Entropic optimal transport moves masses $r$ onto masses $c$ at costs $c_{ij}$ by maximising the concave
//! $$f(x,y)=-\tfrac1\eta\sum_{ij}e^{\eta(-c_{ij}+x_i+y_j)-1}+\langle r,x\rangle+\langle c,y\rangle .$$
//! Sinkhorn's method does so one side at a time. At large $\eta$ the plan is sharp, close to true transport, and Sinkhorn
//! crawls. Tang and six co-authors see that the same sharpness is the cure: minus the Hessian,
//! $$\eta\begin{pmatrix}\mathrm{diag}(P1)&P\\P^\top&\mathrm{diag}(P^\top1)\end{pmatrix},$$
//! is the plan itself, and a sharp plan has few entries that matter. So: $N_1$ Sinkhorn iterations to come near, then
//! Newton's method with only the $\lambda n^2$ largest entries of $P$ (the diagonals stay exact), solved by conjugate
//! gradients, with a line search on $f$.
//!
//! **What you see.** Both Newton methods leave the crawl at the hand-over and plunge, at first upwards: the line search
//! asks for a larger $f$, and the marginals may get worse for a while. That the dashed line of the full Hessian covers
//! the sparse one is the paper's point.
//!
//! **Try** raising $\eta$: Sinkhorn slows, and the kept entries carry still more of the plan. Lower the warm-up to 1.
//! Drag the clouds apart. Count by operations: every conjugate gradient step is in them.
//!
//! **Where it stops.** At small $\eta$ there is nothing to accelerate. (At $\eta=200$ a random assignment still takes
//! Sinkhorn about a hundred to some thousand iterations, against 22 to 25: the gain is gone below about 100.) It is
//! the *share* kept that counts: 15 entries a point are plenty for 200 points and too few for 800. And on a line,
//! where $|x-y|$ makes every monotone way cost the same, the plan spreads over the ties, the truncated Hessian is a
//! poor model, and Newton limps or stalls. $W_2$ of the same densities stalls at 15 entries a point too, and goes
//! with 25. A Newton method is given up after 150 steps.
//!
//! Here $\eta$, and the 1, are folded into $u=\eta x-1$ and $v=\eta y$. An iteration of Sinkhorn takes each entry's exponential once.
//! Seconds are modelled from counted operations, as no clock may enter a result. The full Newton system is solved by
//! conjugate gradients too.

use crate::newton::{Newton, Trial, Work};
use orrery_core::prelude::*;
use orrery_kernels::linalg::Sparse;
use orrery_kernels::math::exp;
use orrery_kernels::transport::{Entropic, Sinkhorn};
use std::rc::Rc;

const CARD: Card = Card {
    slug: "sinkhorn-newton-sparse",
    title: "Accelerating Sinkhorn Algorithm with Sparse Newton Iterations",
    year: 2024,
    lists: &[0, 2, 3, 4],
    claim: "What makes Sinkhorn slow makes the Hessian sparse: a few sparse Newton steps replace thousands of iterations.",
    algorithms: &[
        "Sinkhorn-Newton-Sparse",
        "SNS",
        "Sinkhorn in the log domain",
        "Newton's method",
        "conjugate gradients",
        "entropic optimal transport",
        "Wasserstein distance",
    ],
    contenders: &[
        Contender::paper("sns", "Sinkhorn-Newton-Sparse"),
        Contender::baseline("sinkhorn", "Sinkhorn"),
        Contender::baseline("newton", "Newton, full Hessian"),
    ],
};

/// What is moved, and at which cost.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Task {
    /// Points in the plane.
    #[choice("two clouds")]
    TwoClouds,
    /// Costs without geometry.
    #[choice("random assignment")]
    Assignment,
    /// Densities on a line, at the distance.
    #[choice("W₁ of densities")]
    W1Densities,
    /// Densities on a line, at the squared distance.
    #[choice("W₂ of densities")]
    W2Densities,
    /// Grey images.
    #[choice("two images")]
    TwoImages,
}

/// What the work is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Measure {
    /// Sinkhorn or Newton iterations.
    #[choice("iterations")]
    Iterations,
    /// Floating-point operations, those of the conjugate gradients included.
    #[choice("flops, CG included")]
    Flops,
    /// Time.
    #[choice("seconds (modelled)")]
    Seconds,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// How sharp the plan is: the inverse of the entropic regularisation, for costs scaled to [0, 1].
    #[control(label = "η", range = 20.0..=5000.0, log, default = 1200.0)]
    pub eta: f64,
    /// How many points each side has. (An image has as many as it has inked pixels.)
    #[control(
        label = "points n", range = 50..=800, log, default = 200,
        when = ("problem", ["two-clouds", "assignment", "w1-densities", "w2-densities"])
    )]
    pub points: usize,
    /// How many entries of the plan the Hessian keeps, for each point: the share λ of n².
    #[control(label = "kept entries λn", range = 1.0..=60.0, default = 15.0)]
    pub kept: f64,
    /// Sinkhorn iterations before the first Newton step.
    #[control(label = "warm-up N₁", range = 1..=500, log, default = 20)]
    pub warm_up: usize,
    /// What is moved, and at which cost.
    #[control(label = "problem", default = Task::TwoClouds)]
    pub problem: Task,
    /// Centres of the clouds: in turn one to move, one to fill. Drag them.
    #[control(
        label = "clouds", count = 2..=8, domain = [[0.0, 1.0], [0.0, 1.0]], when = ("problem", "two-clouds"),
        default = [[0.4, 0.5], [0.6, 0.5]].into()
    )]
    pub clouds: Points,
    /// The density to move. Where it is less than a hundredth of its mean, it is taken as that.
    #[control(
        label = "density to move", samples = 64, range = 0.0..=1.0, default = bumps(&[(0.3, 0.1), (0.55, 0.05)]),
        when = ("problem", ["w1-densities", "w2-densities"])
    )]
    pub density: Curve,
    /// The density to fill.
    #[control(
        label = "density to fill", samples = 64, range = 0.0..=1.0, default = bumps(&[(0.6, 0.15)]),
        when = ("problem", ["w1-densities", "w2-densities"])
    )]
    pub target_density: Curve,
    /// The image to move.
    #[control(label = "image to move", size = (24, 24), when = ("problem", "two-images"), default = ring(20))]
    pub image: Image,
    /// The image to fill.
    #[control(label = "image to fill", size = (24, 24), when = ("problem", "two-images"), default = cross(20))]
    pub target_image: Image,
    /// What the horizontal axis counts. Seconds are modelled from the operations, at rates measured natively.
    #[control(label = "count by", default = Measure::Iterations, live)]
    pub count_by: Measure,
}

/// A sum of Gaussians, each a centre and a width.
fn bumps(bumps: &[(f64, f64)]) -> Curve {
    let at = |x: f64| {
        let heights = bumps.iter().map(|(centre, width)| exp(-0.5 * ((x - centre) / width) * ((x - centre) / width)));
        heights.sum::<f64>().min(1.0)
    };
    Curve((0..64).map(|k| at(f64::from(k) / 63.0)).collect())
}

/// A glyph, from whether a point of $[-1,1]^2$ is inked.
fn glyph(side: usize, inked: impl Fn(f64, f64) -> bool) -> Image {
    let at = |k: usize| (2 * k + 1) as f64 / side as f64 - 1.0;
    let pixel = |k: usize| if inked(at(k % side), at(k / side)) { 1.0 } else { 0.0 };
    Image { width: side, height: side, pixels: (0..side * side).map(pixel).collect() }
}

fn ring(side: usize) -> Image {
    glyph(side, |x, y| (0.25..0.85).contains(&(x * x + y * y)))
}

fn cross(side: usize) -> Image {
    glyph(side, |x, y| (x - y).abs().min((x + y).abs()) < 0.35 && x.abs().max(y.abs()) < 0.9)
}

/// Where a run ends: $\|P1-r\|_1+\|P^\top1-c\|_1$.
const GOAL: f64 = 1e-10;

/// The least violation that is drawn.
const FLOOR: f64 = 1e-16;

/// The least a density may be, against its mean: potentials of points without mass are infinite.
const FAINT: f64 = 1e-2;

/// A problem with the places of its points.
struct Instance {
    problem: Entropic,
    from: Vec<[f64; 2]>,
    to: Vec<[f64; 2]>,
    anchors: Vec<[f64; 2]>,
    task: Task,
}

/// Squared length of the way between two points.
fn square(p: &[f64; 2], q: &[f64; 2]) -> f64 {
    (p[0] - q[0]) * (p[0] - q[0]) + (p[1] - q[1]) * (p[1] - q[1])
}

/// Costs scaled to [0, 1].
fn scaled(mut cost: Vec<f64>) -> Vec<f64> {
    let most = cost.iter().copied().fold(0.0, f64::max);
    if most > 0.0 {
        cost.iter_mut().for_each(|cost| *cost /= most);
    }
    cost
}

fn shares(masses: Vec<f64>) -> Vec<f64> {
    let sum: f64 = masses.iter().sum();
    masses.into_iter().map(|mass| mass / sum).collect()
}

impl Instance {
    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let (n, task) = (setting.points, setting.problem);
        let uniform = || vec![1.0 / n as f64; n];
        let even = |k: usize| (k as f64 + 0.5) / n as f64;
        let side_by_side = |y: f64| (0..n).map(|k| [even(k), y]).collect::<Vec<_>>();
        let entropic = |cost: Vec<f64>, r: Vec<f64>, c: Vec<f64>| {
            Entropic::new(&scaled(cost), setting.eta, r, c).map_err(|e| Error::of("problem", e.to_string()))
        };
        let squares = |from: &[[f64; 2]], to: &[[f64; 2]]| -> Vec<f64> {
            from.iter().flat_map(|p| to.iter().map(|q| square(p, q))).collect()
        };
        Ok(match task {
            Task::TwoClouds => {
                let anchors = &setting.clouds.0;
                let mut cloud = |part: usize| {
                    let centres: Vec<[f64; 2]> = anchors.iter().skip(part).step_by(2).copied().collect();
                    let half = 0.5 / (centres.len() as f64).sqrt();
                    let mut points: Vec<[f64; 2]> =
                        (0..n).map(|k| centres[k % centres.len()].map(|x| x + rng.random_range(-half..half))).collect();
                    // From left to right, so that the matrix shows the geometry.
                    points.sort_by(|p, q| p[0].total_cmp(&q[0]));
                    points
                };
                let (from, to) = (cloud(0), cloud(1));
                let problem = entropic(squares(&from, &to), uniform(), uniform())?;
                Self { problem, from, to, anchors: anchors.clone(), task }
            }
            Task::Assignment => {
                let cost = (0..n * n).map(|_| rng.random::<f64>()).collect();
                let problem = entropic(cost, uniform(), uniform())?;
                Self { problem, from: side_by_side(0.0), to: side_by_side(1.0), anchors: Vec::new(), task }
            }
            Task::W1Densities | Task::W2Densities => {
                let first = task == Task::W1Densities;
                let masses = |curve: &Curve, name: &str| {
                    let mean = curve.0.iter().sum::<f64>() / curve.0.len() as f64;
                    if mean <= 0.0 {
                        return Err(Error::of(name, "the density is zero everywhere; draw something above zero"));
                    }
                    let value = |k: usize| {
                        let at = even(k) * (curve.0.len() - 1) as f64;
                        let (left, share) = (at.floor(), at - at.floor());
                        let right = curve.0.get(left as usize + 1).copied().unwrap_or(0.0);
                        (curve.0[left as usize] * (1.0 - share) + right * share).max(FAINT * mean)
                    };
                    Ok(shares((0..n).map(value).collect()))
                };
                let r = masses(&setting.density, "density")?;
                let c = masses(&setting.target_density, "target-density")?;
                let way = |k: usize| (even(k / n) - even(k % n)).abs();
                let cost = (0..n * n).map(|k| if first { way(k) } else { way(k) * way(k) }).collect();
                Self {
                    problem: entropic(cost, r, c)?,
                    from: side_by_side(0.0),
                    to: side_by_side(1.0),
                    anchors: Vec::new(),
                    task,
                }
            }
            Task::TwoImages => {
                let inked = |image: &Image, name: &str| {
                    let pixels = image.pixels.iter().enumerate().filter(|(_, ink)| **ink > 0.02);
                    let (width, height) = (image.width as f64, image.height as f64);
                    let place = |k: usize| {
                        [((k % image.width) as f64 + 0.5) / width, 1.0 - ((k / image.width) as f64 + 0.5) / height]
                    };
                    let (places, masses): (Vec<_>, Vec<_>) = pixels.map(|(k, ink)| (place(k), *ink)).unzip();
                    if places.len() < 2 {
                        return Err(Error::of(name, "the image needs at least two pixels with ink in them"));
                    }
                    Ok((places, shares(masses)))
                };
                let (from, r) = inked(&setting.image, "image")?;
                let (mut to, c) = inked(&setting.target_image, "target-image")?;
                let problem = entropic(squares(&from, &to), r, c)?;
                // Side by side in the picture.
                to.iter_mut().for_each(|p| p[0] += 1.2);
                Self { problem, from, to, anchors: Vec::new(), task }
            }
        })
    }
}

/// What is kept of a contender's run, by every measure.
#[derive(Clone, Default)]
struct Record {
    by_iterations: Series,
    by_flops: Series,
    by_seconds: Series,
    iterations: usize,
    work: Work,
    violation: Option<f64>,
    converged: bool,
}

impl Record {
    fn push(&mut self, iterations: usize, work: Work, violation: f64) {
        let y = violation.max(FLOOR);
        // A logarithmic axis begins at 1.
        if iterations > 0 {
            self.by_iterations.push(iterations as f64, y);
            self.by_flops.push(work.flops(), y);
            self.by_seconds.push(work.seconds(), y);
        }
        (self.iterations, self.work, self.violation) = (iterations, work, Some(violation));
        self.converged = violation <= GOAL;
    }

    fn series(&self, measure: Measure) -> &Series {
        match measure {
            Measure::Iterations => &self.by_iterations,
            Measure::Flops => &self.by_flops,
            Measure::Seconds => &self.by_seconds,
        }
    }

    fn count(&self, measure: Measure) -> f64 {
        match measure {
            Measure::Iterations => self.iterations as f64,
            Measure::Flops => self.work.flops(),
            Measure::Seconds => self.work.seconds(),
        }
    }
}

/// Modelled seconds that one method may work in a step.
const SLICE: f64 = 1e-3;

/// Modelled seconds that Sinkhorn may work in a step once the others have ended, over many of its iterations.
const ALONE: f64 = 2.5e-3;

/// Steps of a run at most.
const LENGTH: usize = 1000;

/// A Newton method and what is kept of its run.
#[derive(Clone)]
struct Watched {
    newton: Newton,
    record: Record,
    /// By iterations, the share of the mass of P that the kept entries do not carry.
    left_out: Series,
    /// Drawn, where not all entries are kept.
    view: Option<Rc<View>>,
}

impl Watched {
    fn new(problem: &Entropic, keep: Option<usize>, warm_up: usize) -> Self {
        let newton = Newton::new(problem, keep, warm_up, GOAL);
        let view = keep.map(|_| Rc::new(View::default()));
        Self { newton, record: Record::default(), left_out: Series::new(), view }
    }

    /// One iteration, or as much of it as a step has time for.
    fn advance(&mut self, instance: &Instance) {
        let problem = &instance.problem;
        let (m, n) = (problem.r().len(), problem.c().len());
        let before = self.newton.sinkhorn.iterations();
        if let Some(reached) = self.newton.advance(problem, SLICE) {
            self.record.push(reached.iterations, reached.work, reached.violation);
        }
        self.record.work = self.newton.work;
        let sinkhorn = &self.newton.sinkhorn;
        let done = sinkhorn.iterations();
        if done > before && done.is_power_of_two() && self.newton.w.is_empty() && self.view.is_some() {
            let mut trial = Trial::new([&sinkhorn.u[..], &sinkhorn.v[..]].concat(), 0.0, m * n);
            trial.advance(problem, m);
            self.view = Some(Rc::new(View::of(&trial.plan, instance, None)));
        }
        let Some(accepted) = self.newton.take_accepted() else { return };
        let Some(kept) = &accepted.kept else { return };
        let total: f64 = accepted.plan.iter().sum();
        let share = kept.entries().map(|(_, _, p)| p).sum::<f64>() / total;
        self.left_out.push(self.record.iterations as f64, (1.0 - share).max(FLOOR));
        self.view = Some(Rc::new(View::of(&accepted.plan, instance, Some(kept))));
    }
}

/// A plan as it is drawn.
#[derive(Default)]
struct View {
    blocks: Vec<f64>,
    across: usize,
    kept: Vec<[f64; 2]>,
    links: Vec<([f64; 2], [f64; 2])>,
    weights: Vec<f64>,
}

impl View {
    /// Cells along a side at most.
    const SIDE: usize = 100;
    /// Kept entries drawn at most.
    const DOTS: usize = 4000;

    fn of(plan: &[f64], instance: &Instance, kept: Option<&Sparse>) -> Self {
        let (m, n) = (instance.from.len(), instance.to.len());
        let (down, across) = (m.min(Self::SIDE), n.min(Self::SIDE));
        let mut blocks = vec![0.0; down * across];
        let (mut links, mut weights) = (Vec::with_capacity(m), Vec::with_capacity(m));
        for (i, row) in plan.chunks_exact(n).enumerate() {
            let cells = &mut blocks[(i * down / m) * across..][..across];
            let (mut largest, mut at, mut sum) = (0.0, 0, 0.0);
            for (j, &p) in row.iter().enumerate() {
                cells[j * across / n] += p;
                sum += p;
                if p > largest {
                    (largest, at) = (p, j);
                }
            }
            if largest > 0.0 {
                links.push((instance.from[i], instance.to[at]));
                weights.push((largest / sum).min(1.0));
            }
        }
        blocks.iter_mut().for_each(|p| *p = if p.is_finite() { *p } else { 0.0 });
        let stride = kept.map_or(1, |kept| kept.len().div_ceil(Self::DOTS).max(1));
        let kept = kept.into_iter().flat_map(Sparse::entries).step_by(stride);
        let kept = kept.map(|(i, j, _)| [j as f64 + 0.5, i as f64 + 0.5]).collect();
        Self { blocks, across, kept, links, weights }
    }
}

/// The exhibit.
#[derive(Clone)]
pub struct SinkhornNewtonSparse {
    instance: Rc<Instance>,
    sinkhorn: Sinkhorn,
    sinkhorn_record: Record,
    sns: Watched,
    newton: Watched,
    warm_up: usize,
    measure: Measure,
    steps: usize,
}

impl SinkhornNewtonSparse {
    fn ended(&self) -> bool {
        self.steps == LENGTH
            || (self.sinkhorn_record.converged && self.sns.newton.ended() && self.newton.newton.ended())
    }

    /// One Sinkhorn iteration, or as much of it as a step has time for; many when the others have ended.
    fn balance(&mut self) {
        let alone = self.sns.newton.ended() && self.newton.newton.ended();
        let problem = &self.instance.problem;
        let (m, n) = (problem.r().len(), problem.c().len());
        let row = Work { exponentials: n as f64, ..Work::default() };
        let mut rows = ((if alone { ALONE } else { SLICE }) / row.seconds()).ceil() as usize;
        while rows > 0 && !self.sinkhorn_record.converged {
            let some = rows.min(self.sinkhorn.rows_left());
            rows -= some;
            if let Some(violation) = self.sinkhorn.advance(problem, some) {
                let before = self.sinkhorn.iterations() - 1;
                let work = Work { exponentials: before as f64 * (m * n) as f64, ..Work::default() };
                self.sinkhorn_record.push(before, work, violation);
                if !alone {
                    return;
                }
            }
        }
    }
}

impl Exhibit for SinkhornNewtonSparse {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let instance = Instance::new(setting, rng)?;
        let problem = &instance.problem;
        let (m, n) = (problem.r().len(), problem.c().len());
        // λn² entries: for each point λn of them.
        let keep = ((setting.kept * m.max(n) as f64).round() as usize).clamp(1, m * n);
        Ok(Self {
            sinkhorn: Sinkhorn::new(problem),
            sinkhorn_record: Record::default(),
            sns: Watched::new(problem, Some(keep), setting.warm_up),
            newton: Watched::new(problem, None, setting.warm_up),
            warm_up: setting.warm_up,
            measure: setting.count_by,
            steps: 0,
            instance: Rc::new(instance),
        })
    }

    fn length(&self) -> usize {
        LENGTH
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        let instance = Rc::clone(&self.instance);
        self.balance();
        self.sns.advance(&instance);
        self.newton.advance(&instance);
        self.steps += 1;
        if self.ended() { Progress::Done } else { Progress::Running }
    }

    fn retune(&mut self, setting: &Setting) {
        self.measure = setting.count_by;
    }

    fn figures(&self, figures: &mut Figures) {
        let unit = match self.measure {
            Measure::Iterations => "iterations",
            Measure::Flops => "floating-point operations",
            Measure::Seconds => "modelled seconds",
        };
        let caption = "How far the marginals are from what they should be. At the upright rule the warm-up hands over to \
                       Newton; Sinkhorn goes on.";
        let mut violation = figures.figure("violation", "A crawl and a plunge", caption);
        violation.x(Axis::log(unit).or(Scale::Linear)).y(Axis::log("‖P1 − r‖₁ + ‖Pᵀ1 − c‖₁"));
        // The full Hessian last: dashed, where it hides the sparse one.
        let records = [("sinkhorn", &self.sinkhorn_record), ("sns", &self.sns.record), ("newton", &self.newton.record)];
        for (id, record) in records {
            let series = record.series(self.measure);
            let line = violation.line(series.xs(), series.ys()).of(id);
            if id == "newton" {
                line.dashed();
            }
        }
        violation.rule_y([GOAL]).label("goal").dashed();
        let handed = self.sns.record.series(self.measure).xs().nth(self.warm_up.saturating_sub(1));
        if let Some(at) = handed.filter(|_| self.sns.record.iterations >= self.warm_up) {
            violation.rule_x([at]).label("hand-over").dashed();
        }
        for (id, record) in records {
            if let Some([x, y]) = record.series(self.measure).last() {
                violation.dot([x], [y]).of(id).radius(4.0);
            }
        }

        let bare = Rc::default();
        let view = self.sns.view.as_ref().unwrap_or(&bare);
        let (m, n) = (self.instance.from.len() as f64, self.instance.to.len() as f64);
        let caption = "The plan, and on it the entries that the sparse Hessian keeps.";
        let mut plan = figures.figure("plan", "The transport plan", caption);
        plan.x(Axis::linear("column j").domain(0.0, n)).y(Axis::linear("row i").domain(0.0, m).reversed());
        if view.across > 0 {
            let grid = Grid { values: &view.blocks, columns: view.across, x: [0.0, n], y: [0.0, m] };
            let top = 1.0 / m.min(n).min(View::SIDE as f64);
            plan.raster(grid, Colors::sequential("mass of P").log().domain(1e-8 * top, top));
            let (x, y) = (view.kept.iter().map(|p| p[0]), view.kept.iter().map(|p| p[1]));
            plan.dot(x, y).ink(Ink::Accent).symbol(Symbol::Square).radius(1.0).faint().label("kept");
        }

        let caption = "Each point to move, linked with the point that receives most of it.";
        let mut clouds = figures.figure("clouds", "Who goes where", caption);
        let task = self.instance.task;
        match task {
            Task::TwoClouds => {
                clouds.x(Axis::linear("x").domain(-0.2, 1.2)).y(Axis::linear("y").domain(-0.2, 1.2)).equal()
            }
            Task::TwoImages => clouds.x(Axis::linear("x")).y(Axis::linear("y")).equal(),
            _ => clouds.x(Axis::linear("x")).y(Axis::categories("measure", ["to move", "to fill"])),
        };
        let (from, to): (Vec<_>, Vec<_>) = view.links.iter().copied().unzip();
        clouds.link(&from, &to, Some(&view.weights)).ink(Ink::Muted).label("plan");
        let (from, to) = (&self.instance.from, &self.instance.to);
        if matches!(task, Task::W1Densities | Task::W2Densities) {
            // The densities, on the outer side of their points.
            let heights = |masses: &[f64], base: f64, up: f64| {
                let most = masses.iter().copied().fold(0.0, f64::max);
                masses.iter().map(|mass| base + 0.5 * up * mass / most).collect::<Vec<_>>()
            };
            let (r, c) = (self.instance.problem.r(), self.instance.problem.c());
            clouds.line(from.iter().map(|p| p[0]), heights(r, 0.0, -1.0)).of("sns").label("density to move");
            clouds.line(to.iter().map(|p| p[0]), heights(c, 1.0, 1.0)).label("density to fill");
        }
        clouds.dot(from.iter().map(|p| p[0]), from.iter().map(|p| p[1])).of("sns").label("to move").radius(2.5);
        clouds.dot(to.iter().map(|p| p[0]), to.iter().map(|p| p[1])).label("to fill").radius(2.5);
        if !self.instance.anchors.is_empty() {
            let anchors = &self.instance.anchors;
            clouds
                .dot(anchors.iter().map(|p| p[0]), anchors.iter().map(|p| p[1]))
                .ink(Ink::Accent)
                .symbol(Symbol::Ring)
                .radius(9.0)
                .label("centres")
                .drags("clouds");
        }

        let caption = "The share of the plan's mass that the kept entries do not carry. The smaller, the better a model \
                       of the Hessian they are.";
        let mut fraction = figures.figure("fraction", "What the kept entries leave out", caption);
        fraction.x(Axis::linear("iterations")).y(Axis::log("1 − share of P kept"));
        fraction.line(self.sns.left_out.xs(), self.sns.left_out.ys()).of("sns");
        fraction.dot(self.sns.left_out.xs(), self.sns.left_out.ys()).of("sns");

        let caption = "The work so far.";
        let records = [&self.sns.record, &self.sinkhorn_record, &self.newton.record];
        let inner = [self.sns.newton.inner as f64, 0.0, self.newton.newton.inner as f64];
        figures
            .figure("work", "Work", caption)
            .table()
            .words("method", CARD.contenders.iter().map(|contender| contender.label))
            .numbers("iterations", records.map(|record| record.iterations as f64))
            .numbers("inner CG steps", inner)
            .numbers("flops", records.map(|record| record.work.flops()))
            .numbers("modelled seconds", records.map(|record| record.work.seconds()))
            .numbers("violation", records.map(|record| record.violation.unwrap_or(1.0)));
    }

    fn claim(&self) -> Claim {
        let (sns, sinkhorn) = (&self.sns.record, &self.sinkhorn_record);
        let ratio = |measure| {
            let (mine, theirs) = (sns.count(measure), sinkhorn.count(measure));
            (sns.converged && theirs > 0.0).then(|| mine / theirs)
        };
        // Sinkhorn's count only grows: a share once small enough stays so.
        let going = !(sinkhorn.converged || self.ended());
        let arrives = Clause::at_most("SNS brings the violation to {high}: it stands at {value}.", sns.violation, GOAL)
            .fails_only_after(!(self.sns.newton.ended() || self.ended()));
        if self.ended() && !sns.converged {
            // There is nothing to set against Sinkhorn's count.
            return Claim::new(vec![arrives]);
        }
        Claim::new(vec![
            arrives,
            Clause::at_most(
                "It takes {value} of Sinkhorn's iterations, at most {high}.",
                ratio(Measure::Iterations),
                0.2,
            )
            .fails_only_after(going),
            Clause::at_most(
                "Counted in operations, conjugate gradients included, it takes {value} of Sinkhorn's.",
                ratio(Measure::Flops),
                1.0,
            )
            .fails_only_after(going),
        ])
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        vec![
            Scenario::holds(
                "default",
                "Two clouds",
                "After 20 warm-up iterations a dozen sparse Newton steps arrive; Sinkhorn needs thousands of iterations.",
                default.clone(),
            ),
            Scenario::holds(
                "large",
                "800 points",
                "Sixteen times the entries, of which the same share is kept: no more iterations than before.",
                Setting { points: 800, kept: 60.0, ..default.clone() },
            ),
            Scenario::fails(
                "assignment",
                "Blunt: η = 60",
                "At small η Sinkhorn converges almost by itself: there is nothing to accelerate.",
                Setting { eta: 60.0, problem: Task::Assignment, ..default.clone() },
            ),
            Scenario::fails(
                "w1-ties",
                "W₁: ties",
                "On a line every monotone way costs the same |x − y|: the plan spreads over the ties, the kept entries \
                 are a poor model of the Hessian, and Newton limps.",
                Setting { problem: Task::W1Densities, ..default.clone() },
            ),
            Scenario::fails(
                "starved",
                "W₁ with 5 kept",
                "With fewer entries kept the Newton stage stalls far from the goal; raise the kept entries and it goes.",
                Setting { problem: Task::W1Densities, kept: 5.0, ..default },
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::newton::{Corner, Hessian};
    use orrery_reference::{Value, list, number, numbers, vectors};
    use proptest::prelude::{prop, prop_assert, proptest};

    fn bare(problem: Entropic) -> Instance {
        let (from, to) = (vec![[0.0; 2]; problem.r().len()], vec![[0.0; 2]; problem.c().len()]);
        Instance { problem, from, to, anchors: Vec::new(), task: Task::Assignment }
    }

    /// The largest difference of plans, and of the potentials as $(u_i+v_j)/\eta$.
    fn differences(problem: &Entropic, w: &[f64], case: &Value) -> (f64, f64) {
        let eta = number(&case["eta"]);
        let (m, n) = (problem.r().len(), problem.c().len());
        let (plan, u, v) = (numbers(&case["plan"]), numbers(&case["u"]), numbers(&case["v"]));
        let (mut plans, mut potentials) = (0.0_f64, 0.0_f64);
        let mut row = vec![0.0; n];
        for i in 0..m {
            problem.plan_row(i, w[i], &w[m..], &mut row);
            for j in 0..n {
                plans = plans.max((row[j] - plan[i * n + j]).abs());
                potentials = potentials.max((w[i] + w[m + j] - u[i] - v[j]).abs() / eta);
            }
        }
        (plans, potentials)
    }

    #[test]
    fn all_three_find_the_plans_of_pot() {
        let file = include_str!("../../../../tests/reference/sinkhorn.json");
        let stored = vectors(file);
        let cases = list(&stored["cases"]);
        assert_eq!(cases.len(), 4);
        for case in cases {
            let eta = number(&case["eta"]);
            let problem = Entropic::new(&numbers(&case["cost"]), eta, numbers(&case["r"]), numbers(&case["c"]))
                .expect("a problem");
            let m = problem.r().len();
            let mut sinkhorn = Sinkhorn::new(&problem);
            while sinkhorn.advance(&problem, m).is_none_or(|violation| violation > 1e-13) {
                assert!(sinkhorn.iterations() < 2_000_000);
            }
            let w = [&sinkhorn.u[..], &sinkhorn.v[..]].concat();
            let (plans, potentials) = differences(&problem, &w, case);
            println!("{}: Sinkhorn {plans:e} {potentials:e}", case["name"]);
            assert!(plans < 1e-9 && potentials < 1e-9, "{}: {plans:e} {potentials:e}", case["name"]);

            let instance = bare(problem);
            for keep in [Some(10 * m), None] {
                let mut newton = Watched::new(&instance.problem, keep, 20);
                while !newton.newton.ended() {
                    newton.advance(&instance);
                }
                assert!(newton.record.converged, "{}, keeping {keep:?}: {}", case["name"], newton.newton.violation);
                let (plans, potentials) = differences(&instance.problem, &newton.newton.w, case);
                println!("{}: Newton, keeping {keep:?} {plans:e} {potentials:e}", case["name"]);
                assert!(plans < 1e-9 && potentials < 1e-9, "{}: {plans:e} {potentials:e}", case["name"]);
            }
        }
    }

    proptest! {
        #[test]
        fn the_hessian_is_the_derivative_of_the_gradient(
            cost in prop::collection::vec(0.0_f64..1.0, 30), w in prop::collection::vec(-0.5_f64..0.5, 11),
            d in prop::collection::vec(-1.0_f64..1.0, 11),
        ) {
            let problem = Entropic::new(&cost, 3.0, vec![1.0 / 6.0; 6], vec![0.2; 5]).expect("a problem");
            let at = |t: f64| {
                let w = w.iter().zip(&d).map(|(w, d)| w + t * d).collect();
                let mut trial = Trial::new(w, 0.0, 30);
                trial.advance(&problem, 6);
                trial
            };
            let h = 1e-5;
            let (up, down) = (at(h).value_and_gradient(&problem), at(-h).value_and_gradient(&problem));
            let here = at(0.0);
            let (_, gradient) = here.value_and_gradient(&problem);
            let slope: f64 = gradient.iter().zip(&d).map(|(g, d)| g * d).sum();
            prop_assert!(((up.0 - down.0) / (2.0 * h) - slope).abs() < 1e-8 * (1.0 + slope.abs()));
            let mut product = vec![0.0; 11];
            let all = Sparse::of_large(&here.plan, 5, 0.0, 30);
            for corner in [Corner::Full(Rc::clone(&here.plan)), Corner::Largest(Rc::new(all))] {
                Hessian { diagonal: here.marginals.clone(), corner }.multiply(&d, 6, &mut product);
                for ((up, down), product) in up.1.iter().zip(&down.1).zip(&product) {
                    prop_assert!(((up - down) / (2.0 * h) + product).abs() < 1e-7);
                }
            }
        }
    }
}
