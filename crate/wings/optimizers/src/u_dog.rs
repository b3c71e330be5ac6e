//! Accelerated methods need to know the smoothness, or at least the distance to the solution. UniXGrad needs only the
//! latter: it looks at two gradients a step, $m_t$ at a point where it expects to come and $g_t$ where it has come, and
//! what lengthens its denominator is their *difference*. U-DoG of Kreisler, Ivgi, Hinder and Carmon puts in the place of
//! the distance how far it has already been, as DoG does:
//!
//! $$\bar r_t=\max_{s\le t}(r_\epsilon,\|x_s-x_0\|,\|y_s-x_0\|),$$
//! $$\eta_t=\frac{\bar r_t}{\sqrt{\sum_i\alpha_i^2\|g_i-m_i\|^2}},\qquad\alpha_t=\sum_{i\le t}\frac{\bar r_i}{\bar r_t}.$$
//!
//! With $x_t=y_{t-1}-\alpha_t\eta m_t$ and $y_t=y_{t-1}-\alpha_t\eta g_t$, the result is the mean of the $x_t$ weighted by
//! $\alpha_t\bar r_t$. Nothing is tuned. On smooth problems the two gradients grow alike and the denominator stops
//! growing: that is the acceleration.
//!
//! **Try** lowering $r_\epsilon$ by four decades: the second figure shows $\bar r$ catching up within some thirty
//! steps, and the gap hardly moves. Then raise the noise. The third figure compares the end with SGD at the best of
//! twelve rates in hindsight: accelerated where it is blue, beaten where it is red.
//!
//! **Where it stops.** Noise is what $g-m$ consists of once $\sigma$ is large, and there is no averaging that tames it: at
//! $\sigma=1$ U-DoG stalls above DoG and well above tuned SGD. UniXGrad, told the true distance, stalls there as well.
//! The estimate overshoots the true distance with noise, which the damped version of the theorem prevents. The
//! stabiliser here divides every step by $1+\log(1+t)$, the simplest such damping (the paper's factors are larger), and it
//! helps. A first-step safeguard, $\alpha_1^2\|m_1\|^2$ in the sum, is ours. Logistic regression reaches its floor of noise
//! early, and U-DoG's lies higher than the others'.
//!
//! For losses that are not smooth no acceleration is proved. On the absolute loss, which can be solved exactly here and
//! has a sharp minimum, the slope is about $-1.5$ all the same.
//!
//! All methods have seen equally many gradients. Without noise the gap of the quadratic falls faster than $1/T^2$ between
//! 100 and 1600 pairs, as it is strongly convex in the end. The single-gradient A-DoG is left out.

use crate::linear_model::{LinearModel, Loss};
use crate::plane::{Field, Plane, Window, minima};
use crate::sweep::rates;
use orrery_core::prelude::*;
use orrery_kernels::linalg::LineFit;
use orrery_kernels::math::{log, log_spaced, log10};
use orrery_kernels::optim::{Dog, Method, Optimizer, Sgd, UDog};
use orrery_kernels::random::{direction, normals};
use std::rc::Rc;

const CARD: Card = Card {
    slug: "u-dog",
    title: "Accelerated Parameter-Free Stochastic Optimization",
    year: 2024,
    lists: &[1],
    claim: "Acceleration with nothing tuned: the distance it has been takes the place of the distance it must go.",
    algorithms: &["U-DoG", "DoG", "UniXGrad", "Nesterov acceleration", "SGD", "parameter-free optimization"],
    contenders: &[
        Contender::paper("u-dog", "U-DoG"),
        Contender::baseline("dog", "DoG"),
        Contender::baseline("sgd", "SGD, best of 12 rates"),
        Contender::baseline("own", "SGD at your rate"),
        Contender::baseline("unixgrad", "UniXGrad, told the distance"),
        Contender::baseline("nesterov", "Nesterov, best of 12 rates"),
    ],
};

/// What is minimised.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Problem {
    /// Diagonal, 50 dimensions, curvatures from 1/κ to 1.
    #[choice("quadratic, 50-D")]
    Quadratic,
    /// 200 rows, 20 columns, ridge 0.001.
    #[choice("logistic regression")]
    Logistic,
    /// 200 rows, 20 columns.
    #[choice("absolute loss")]
    Absolute,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// The length, in the mean square, of normal noise on every gradient.
    #[control(label = "noise σ", range = 1e-3..=3.0, log, default = 0.01)]
    pub noise: f64,
    /// The first movement of U-DoG and DoG.
    #[control(label = "r_ε", range = 1e-8..=1.0, log, default = 1e-4)]
    pub first: f64,
    /// Pairs of gradients. The others take two steps for one of U-DoG's.
    #[control(label = "pairs of gradients T", range = 50..=5000, log, default = 400)]
    pub pairs: usize,
    /// The greatest curvature over the least.
    #[control(label = "condition number κ", range = 10.0..=1e5, log, default = 1000.0, when = ("problem", "quadratic"))]
    pub condition: f64,
    /// How far from the solution the start is.
    #[control(label = "distance of the start", range = 0.1..=1000.0, log, default = 14.0, when = ("problem", ["quadratic", "absolute"]))]
    pub distance: f64,
    /// What is minimised.
    #[control(label = "problem", default = Problem::Quadratic)]
    pub problem: Problem,
    /// Damps every step of U-DoG by 1 + log(1 + t).
    #[control(label = "stabiliser", default = false)]
    pub stabiliser: bool,
    /// The rate of an SGD of your own, averaged as the tuned one is.
    #[control(label = "your SGD rate", range = 1e-4..=2.0, log, default = 0.5)]
    pub rate: f64,
}

/// UniXGrad (Kavis, Levy, Bach and Cevher, "UniXGrad: A Universal, Adaptive Algorithm with Optimal Guarantees for
/// Constrained Optimization", 2019), unconstrained, with the distance $D$ for the diameter.
#[derive(Clone)]
struct UniXGrad {
    distance: f64,
    y: Vec<f64>,
    /// $\sum\alpha_ix_i$ and $\sum\alpha_i$.
    sum: Vec<f64>,
    weights: f64,
    squares: f64,
    t: f64,
}

impl UniXGrad {
    fn new(begin: &[f64], distance: f64) -> Self {
        Self { distance, y: begin.to_vec(), sum: vec![0.0; begin.len()], weights: 0.0, squares: 0.0, t: 0.0 }
    }

    fn advance(&mut self, z: &mut [f64], look: &mut dyn FnMut(&[f64], &mut [f64]) -> f64) {
        // α_t = t,  z = (αy + Σα_i x_i) / Σα,  m = ∇f(z)
        self.t += 1.0;
        let alpha = self.t;
        self.weights += alpha;
        for ((z, y), sum) in z.iter_mut().zip(&self.y).zip(&self.sum) {
            *z = (alpha * y + sum) / self.weights;
        }
        let mut m = vec![0.0; z.len()];
        look(z, &mut m);
        if self.squares == 0.0 {
            self.squares = m.iter().map(|m| m * m).sum();
        }
        // x = y - αD/√G m
        let stretch = |squares: f64| if squares > 0.0 { alpha * self.distance / squares.sqrt() } else { 0.0 };
        let step = stretch(self.squares);
        for ((sum, y), m) in self.sum.iter_mut().zip(&self.y).zip(&m) {
            *sum += alpha * (y - step * m);
        }
        // z' = Σα_i x_i / Σα,  g = ∇f(z'),  G ← G + α²‖g - m‖²,  y ← y - αD/√G g
        z.iter_mut().zip(&self.sum).for_each(|(z, sum)| *z = sum / self.weights);
        let mut g = vec![0.0; z.len()];
        look(z, &mut g);
        self.squares += alpha * alpha * g.iter().zip(&m).map(|(g, m)| (g - m) * (g - m)).sum::<f64>();
        let step = stretch(self.squares);
        self.y.iter_mut().zip(&g).for_each(|(y, g)| *y -= step * g);
    }
}

#[derive(Clone)]
enum Rule {
    UDog(UDog),
    Dog(Dog),
    /// With the mean of its points.
    Sgd(Sgd, Vec<f64>),
    UniXGrad(UniXGrad),
    /// A rate, and the point before.
    Nesterov(f64, Vec<f64>),
}

enum Objective {
    Quadratic { curvature: Vec<f64>, solution: Vec<f64> },
    Linear(LinearModel),
}

/// What does not change during a run.
struct Fixed {
    setting: Setting,
    objective: Objective,
    n: usize,
    least: f64,
    distance: f64,
    rates: Vec<f64>,
    field: Field,
    plane: Plane,
}

/// The first movements that are compared; the first seven belong to the claim.
const FIRST: [f64; 8] = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1];

/// Pairs of the run without noise, and from where its slope is read.
const QUIET: usize = 1600;
const FROM: f64 = 100.0;

/// The map: noises up, first movements across; runs are cut to so many pairs.
const NOISES: usize = 9;
const MAP_PAIRS: usize = 400;

impl Fixed {
    fn new(setting: &Setting, rng: &mut Rng) -> Self {
        let Setting { distance, condition, .. } = *setting;
        let towards =
            |n: usize, rng: &mut Rng| -> Vec<f64> { direction(n, rng).iter().map(|part| distance * part).collect() };
        let (objective, n, least, distance) = match setting.problem {
            Problem::Quadratic => {
                let curvature = log_spaced(1.0 / condition, 1.0, 50);
                (Objective::Quadratic { curvature, solution: towards(50, rng) }, 50, 0.0, distance)
            }
            Problem::Logistic => {
                let mut model = LinearModel::logistic(200, &[1.0; 20], 3.0, rng);
                model.ridge = 1e-3;
                let (solution, least) = model.solution();
                let distance = solution.iter().map(|x| x * x).sum::<f64>().sqrt();
                (Objective::Linear(model), 20, least, distance)
            }
            Problem::Absolute => {
                let truth = towards(20, rng);
                let model = LinearModel::absolute(200, &truth, 0.0, rng);
                let least = model.value(&truth);
                (Objective::Linear(LinearModel { loss: Loss::Absolute, ..model }), 20, least, distance)
            }
        };
        let plane = Plane::bowl([1.0, 0.04], 30.0, [0.0, 0.0]);
        let field = Field::new(Window { x: [-4.0, 3.0], y: [-2.5, 3.5] }, |x| plane.value(&x));
        Self { setting: setting.clone(), objective, n, least, distance, rates: rates(1e-4, 2.0, 12), field, plane }
    }

    fn look(&self, x: &[f64], g: &mut [f64]) -> f64 {
        match &self.objective {
            Objective::Quadratic { curvature, solution } => {
                let mut sum = 0.0;
                for (((g, x), c), s) in g.iter_mut().zip(x).zip(curvature).zip(solution) {
                    *g = c * (x - s);
                    sum += 0.5 * *g * (x - s);
                }
                sum
            }
            Objective::Linear(model) => model.value_and_gradient(x, g),
        }
    }

    fn gap(&self, x: &[f64]) -> f64 {
        let value = match &self.objective {
            Objective::Linear(model) => model.value(x),
            Objective::Quadratic { .. } => self.look(x, &mut vec![0.0; x.len()]),
        };
        let gap = value - self.least;
        if gap.is_finite() { gap.clamp(1e-16, 1e12) } else { 1e12 }
    }

    fn udog(&self, first: f64) -> Rule {
        // The start is zero, so that r_ε says nothing of the distance.
        let mut rule = UDog::new();
        rule.first = first;
        Rule::UDog(rule)
    }

    fn sgd(&self, rate: f64) -> Rule {
        Rule::Sgd(Sgd::new(self.n, rate, 0.0), vec![0.0; self.n])
    }
}

/// One method on its way.
#[derive(Clone)]
struct Lane {
    rule: Rule,
    x: Vec<f64>,
    rng: Rng,
    noise: f64,
    t: usize,
    lost: bool,
}

impl Lane {
    fn new(rule: Rule, noise: f64, n: usize, rng: &Rng) -> Self {
        Self { rule, x: vec![0.0; n], rng: rng.clone(), noise, t: 0, lost: false }
    }

    /// A pair of gradients.
    fn advance(&mut self, fixed: &Fixed) {
        if self.lost {
            return;
        }
        let (rng, noise) = (&mut self.rng, self.noise / (fixed.n as f64).sqrt());
        let mut look = |x: &[f64], g: &mut [f64]| {
            let value = fixed.look(x, g);
            if noise > 0.0 {
                g.iter_mut().zip(normals(fixed.n, rng)).for_each(|(g, xi)| *g += noise * xi);
            }
            value
        };
        let mut g = vec![0.0; fixed.n];
        match &mut self.rule {
            Rule::UDog(rule) => {
                let damping = if fixed.setting.stabiliser { 1.0 / (1.0 + log(1.0 + self.t as f64)) } else { 1.0 };
                *rule.learning_rate() = damping;
                rule.advance(&mut self.x, &mut look);
            }
            Rule::UniXGrad(rule) => rule.advance(&mut self.x, &mut look),
            Rule::Dog(rule) => {
                for _ in 0..2 {
                    look(&self.x, &mut g);
                    rule.step(&mut self.x, &g);
                }
            }
            Rule::Sgd(rule, mean) => {
                for k in 0..2 {
                    let share = 1.0 / (2 * self.t + k + 1) as f64;
                    mean.iter_mut().zip(&self.x).for_each(|(mean, x)| *mean += share * (x - *mean));
                    look(&self.x, &mut g);
                    rule.step(&mut self.x, &g);
                }
            }
            Rule::Nesterov(rate, before) => {
                for k in 0..2 {
                    // y = x + t/(t+3) (x - x'),  x ← y - η∇f(y)
                    let t = (2 * self.t + k) as f64;
                    let y: Vec<f64> = self.x.iter().zip(&*before).map(|(x, b)| x + t / (t + 3.0) * (x - b)).collect();
                    look(&y, &mut g);
                    before.clone_from(&self.x);
                    self.x.iter_mut().zip(&y).zip(&g).for_each(|((x, y), g)| *x = y - *rate * g);
                }
            }
        }
        self.t += 1;
        self.lost = !self.x.iter().all(|x| x.abs() < 1e12);
    }

    fn gap(&self, fixed: &Fixed) -> f64 {
        if self.lost {
            return 1e12;
        }
        let result = match &self.rule {
            Rule::Dog(rule) => rule.mean(),
            Rule::Sgd(_, mean) => mean,
            _ => &self.x,
        };
        fixed.gap(if result.len() == fixed.n { result } else { &self.x })
    }
}

const IDS: [&str; 6] = ["u-dog", "dog", "sgd", "own", "unixgrad", "nesterov"];

/// The exhibit.
#[derive(Clone)]
pub struct UDogRun {
    fixed: Rc<Fixed>,
    rng: Rng,
    frame: usize,
    t: usize,
    /// U-DoG, DoG, SGD at the visitor's rate, UniXGrad.
    lanes: Vec<Lane>,
    /// SGD and Nesterov at every rate of the grid.
    grids: [Vec<Lane>; 2],
    gaps: Vec<Series>,
    firsts: Vec<(Lane, Series)>,
    reach: Series,
    quiet: Lane,
    quiet_gaps: Vec<[f64; 2]>,
    /// The gaps of the map's runs, noise by noise.
    map: Vec<f64>,
    planar: UDog,
    planar_at: Vec<f64>,
    paths: [Series; 3],
}

impl UDogRun {
    const FRAMES: usize = 200;
    const START: [f64; 2] = [-3.2, 1.5];

    fn best(&self, grid: usize) -> f64 {
        self.grids[grid].iter().map(|lane| lane.gap(&self.fixed)).fold(1e12, f64::min)
    }

    /// One more run of the map: for each noise SGD at every rate, then U-DoG from every first movement.
    fn cell(&mut self) {
        let fixed = &*self.fixed;
        let in_row = fixed.rates.len() + FIRST.len();
        let (row, place) = (self.map.len() / in_row, self.map.len() % in_row);
        let Some(&noise) = log_spaced(1e-3, 3.0, NOISES).get(row) else { return };
        let rule = match fixed.rates.get(place) {
            Some(&rate) => fixed.sgd(rate),
            None => fixed.udog(FIRST[place - fixed.rates.len()]),
        };
        let mut lane = Lane::new(rule, noise, fixed.n, &self.rng);
        (0..fixed.setting.pairs.min(MAP_PAIRS)).for_each(|_| lane.advance(fixed));
        self.map.push(lane.gap(fixed));
    }

    /// U-DoG's gap over tuned SGD's, in decades, for every noise that is done.
    fn ratios(&self) -> Vec<f64> {
        let rates = self.fixed.rates.len();
        let rows = self.map.chunks_exact(rates + FIRST.len());
        rows.flat_map(|row| {
            let best = row[..rates].iter().copied().fold(1e12, f64::min);
            row[rates..].iter().map(move |gap| log10(gap / best))
        })
        .collect()
    }

    /// The slope of the run without noise, on logarithmic axes.
    fn slope(&self) -> Option<f64> {
        let points = self.quiet_gaps.iter().filter(|p| p[0] >= FROM).map(|p| [log(p[0]), log(p[1])]);
        LineFit::through(points).map(|fit| fit.slope)
    }
}

impl Exhibit for UDogRun {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let fixed = Fixed::new(setting, rng);
        let lane = |rule| Lane::new(rule, setting.noise, fixed.n, rng);
        let begin = vec![0.0; fixed.n];
        let mut planar = UDog::new();
        planar.first = 0.01;
        let mut dog = Dog::new();
        dog.first = setting.first;
        let rules = [
            fixed.udog(setting.first),
            Rule::Dog(dog),
            fixed.sgd(setting.rate),
            Rule::UniXGrad(UniXGrad::new(&begin, fixed.distance)),
        ];
        let sgd = fixed.rates.iter().map(|&rate| lane(fixed.sgd(rate))).collect();
        let nesterov = fixed.rates.iter().map(|&rate| lane(Rule::Nesterov(rate, begin.clone()))).collect();
        Ok(Self {
            rng: rng.clone(),
            frame: 0,
            t: 0,
            lanes: rules.into_iter().map(lane).collect(),
            grids: [sgd, nesterov],
            gaps: vec![Series::new(); IDS.len()],
            firsts: FIRST.iter().map(|&first| (lane(fixed.udog(first)), Series::new())).collect(),
            reach: Series::new(),
            quiet: Lane::new(fixed.udog(setting.first), 0.0, fixed.n, rng),
            quiet_gaps: Vec::new(),
            map: Vec::new(),
            planar,
            planar_at: Self::START.to_vec(),
            paths: Default::default(),
            fixed: Rc::new(fixed),
        })
    }

    fn length(&self) -> usize {
        Self::FRAMES
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        let fixed = Rc::clone(&self.fixed);
        self.frame += 1;
        let until = (fixed.setting.pairs * self.frame).div_ceil(Self::FRAMES);
        while self.t < until {
            self.lanes.iter_mut().chain(self.grids.iter_mut().flatten()).for_each(|lane| lane.advance(&fixed));
            self.t += 1;
            for (lane, series) in &mut self.firsts {
                lane.advance(&fixed);
                if let Rule::UDog(rule) = &lane.rule {
                    series.push(self.t as f64, rule.reach().clamp(1e-12, 1e12));
                }
            }
            if let Rule::UDog(rule) = &self.lanes[0].rule {
                self.reach.push(self.t as f64, rule.reach().clamp(1e-12, 1e12));
            }
            // Evenly on a logarithmic axis, once there are many.
            if self.t < 20 || self.t.is_multiple_of(1 + self.t / 20) || self.t == until {
                let gap = |k: usize| self.lanes[k].gap(&fixed);
                let found = [gap(0), gap(1), self.best(0), gap(2), gap(3), self.best(1)];
                self.gaps.iter_mut().zip(found).for_each(|(series, gap)| series.push(2.0 * self.t as f64, gap));
            }
        }
        for _ in 0..QUIET / Self::FRAMES {
            self.quiet.advance(&fixed);
            if self.quiet.t.is_multiple_of(1 + self.quiet.t / 20) {
                self.quiet_gaps.push([self.quiet.t as f64, self.quiet.gap(&fixed)]);
            }
        }
        self.planar.advance(&mut self.planar_at, &mut |x, g| fixed.plane.value_and_gradient(x, g));
        let [x, y] = self.planar.inner();
        for (series, point) in self.paths.iter_mut().zip([x, y, &self.planar_at]) {
            series.push(point[0], point[1]);
        }
        self.cell();
        if self.frame == Self::FRAMES { Progress::Done } else { Progress::Running }
    }

    fn figures(&self, figures: &mut Figures) {
        let setting = &self.fixed.setting;
        let most = 2.0 * setting.pairs as f64;
        let caption = "Against gradients seen, two to a step of U-DoG. Dashed: falling as 1/T and as 1/T².";
        let mut gap = figures.figure("gap", "The gap", caption);
        gap.x(Axis::log("gradients").domain(2.0, most)).y(Axis::log("f − f*"));
        let top = self.gaps[0].iter().next().map_or(1.0, |p| p[1]);
        for power in [1.0, 2.0] {
            let low = top * if power == 1.0 { 20.0 / most } else { (20.0 / most) * (20.0 / most) };
            gap.line([20.0, most], [top, low]).ink(Ink::Muted).dashed();
        }
        for (id, series) in IDS.iter().zip(&self.gaps).rev() {
            // What diverges leaves the picture.
            let inside = || series.iter().filter(|p| p[1] < 1e4 * top);
            gap.line(inside().map(|p| p[0]), inside().map(|p| p[1])).of(id);
        }

        let caption = "From any first movement the distance it has been reaches the distance it must go. Faint: r_ε from 10⁻⁸ to 0.1.";
        let mut reach = figures.figure("reach", "The distance, found on the way", caption);
        reach.x(Axis::log("step t").domain(1.0, setting.pairs as f64)).y(Axis::log("r̄"));
        reach.rule_y([self.fixed.distance]).ink(Ink::Strong).dashed().label("true distance");
        for (k, (_, series)) in self.firsts.iter().enumerate() {
            reach.line(series.xs(), series.ys()).ink(Ink::Tone(k as f64 / 7.0)).faint();
        }
        reach.line(self.reach.xs(), self.reach.ys()).of("u-dog");

        let pairs = setting.pairs.min(MAP_PAIRS);
        let caption = format!(
            "After {pairs} pairs: U-DoG's gap over that of SGD at its best rate for that noise, in decades. Below zero it wins."
        );
        let mut map = figures.figure("map", "Where it beats tuned SGD", caption);
        // Cells are centred on the first movements and the noises.
        let (half, up) = (10.0_f64.sqrt(), orrery_kernels::math::pow(3000.0, 0.5 / (NOISES - 1) as f64));
        let (x, y) = ([1e-8 / half, 0.1 * half], [1e-3 / up, 3.0 * up]);
        // The ring may stand beside the cells.
        map.x(Axis::log("r_ε").domain(x[0], x[1].max(1.8 * setting.first))).y(Axis::log("noise σ").domain(y[0], y[1]));
        let ratios = self.ratios();
        let rows = ratios.len() / FIRST.len();
        if rows > 0 {
            let top = y[0] * orrery_kernels::math::pow(up, 2.0 * rows as f64);
            let grid = Grid { values: &ratios, columns: FIRST.len(), x, y: [y[0], top] };
            map.raster(grid, Colors::diverging("log₁₀ of the ratio of gaps").domain(-2.0, 2.0));
        }
        map.dot([setting.first], [setting.noise]).symbol(Symbol::Ring).radius(6.0).ink(Ink::Accent).label("this run");

        let caption = "U-DoG on a bowl in the plane: the points x and y run ahead, the mean z follows.";
        let mut plane = self.fixed.field.figure(figures, "plane", "In two dimensions", caption, ["x₁", "x₂", "f"]);
        for ((series, tone), name) in self.paths.iter().zip([0.1, 0.5]).zip(["x", "y"]) {
            plane.line(series.xs(), series.ys()).ink(Ink::Tone(tone)).label(name).faint();
        }
        plane.line(self.paths[2].xs(), self.paths[2].ys()).of("u-dog").label("z, the result");
        minima(&mut plane, &[[0.0, 0.0]], "minimum");
    }

    fn claim(&self) -> Claim {
        let open = self.frame < Self::FRAMES;
        let some = self.t > 0;
        let ours = self.lanes[0].gap(&self.fixed);
        let over = |other: f64| some.then_some(ours / other);
        let claimed: Vec<f64> = self.firsts.iter().take(7).map(|(lane, _)| lane.gap(&self.fixed)).collect();
        let spread = claimed.iter().copied().fold(0.0, f64::max) / claimed.iter().copied().fold(1e12, f64::min);
        let clauses = vec![
            Clause::at_most(
                "U-DoG's gap is {value} of DoG's, at most {high}.",
                over(self.lanes[1].gap(&self.fixed)),
                0.2,
            ),
            Clause::at_most("It is {value} of that of SGD at its best rate, at most {high}.", over(self.best(0)), 1.0),
            Clause::at_most(
                "Over six decades of r_ε it changes {value}-fold, at most {high}.",
                some.then_some(spread),
                3.0,
            ),
            Clause::at_most(
                "Without noise its slope from 100 to 1600 pairs is {value}, at most {high}.",
                self.slope(),
                -1.5,
            ),
        ];
        Claim::new(clauses.into_iter().map(|clause| clause.pending_while(open)).collect())
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        vec![
            Scenario::holds("default", "Little noise", "Accelerated, and nothing was tuned.", default.clone()),
            Scenario::holds(
                "far",
                "Ten times as far",
                "From a hundred and forty away, by the same r_ε.",
                Setting { distance: 140.0, ..default.clone() },
            ),
            Scenario::fails(
                "noise",
                "Much noise",
                "The difference of two gradients is now noise: nothing is accelerated, and tuned SGD is ahead.",
                Setting { noise: 1.0, ..default.clone() },
            ),
            Scenario::fails(
                "some-noise",
                "A tenth of that",
                "Still far below DoG's, but SGD at the best rate in hindsight is ahead.",
                Setting { noise: 0.1, ..default },
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
        // Gradients twice as large change nothing: the step has no unit of f.
        #[test]
        fn the_unit_of_the_function_does_not_matter(seed in 0_u64..100, unit in -3.0_f64..3.0) {
            let fixed = Fixed::new(&Setting::default(), &mut Rng::seed_from_u64(seed));
            let unit = orrery_kernels::math::pow(10.0, unit);
            let end = |unit: f64| {
                let (mut x, mut rule) = (vec![0.0; 50], UDog::new());
                for _ in 0..60 {
                    rule.advance(&mut x, &mut |x, g| {
                        fixed.look(x, g);
                        g.iter_mut().for_each(|g| *g *= unit);
                        0.0
                    });
                }
                x
            };
            prop_assert!(end(1.0).iter().zip(end(unit)).all(|(a, b)| (a - b).abs() < 1e-6 * (1.0 + a.abs())));
        }
    }

    // UniXGrad told the distance is accelerated: its gap over a decade falls at least thirtyfold.
    #[test]
    fn unixgrad_is_accelerated() {
        let fixed = Fixed::new(&Setting::default(), &mut Rng::seed_from_u64(1));
        let mut lane = Lane::new(Rule::UniXGrad(UniXGrad::new(&[0.0; 50], 14.0)), 0.0, 50, &Rng::seed_from_u64(0));
        let mut at = |t: usize| {
            (lane.t..t).for_each(|_| lane.advance(&fixed));
            lane.gap(&fixed)
        };
        let (early, late) = (at(50), at(500));
        assert!(late < early / 30.0, "{early} {late}");
    }

    #[test]
    fn nesterov_keeps_its_bound() {
        let fixed = Fixed::new(&Setting::default(), &mut Rng::seed_from_u64(1));
        let mut lane = Lane::new(Rule::Nesterov(1.0, vec![0.0; 50]), 0.0, 50, &Rng::seed_from_u64(0));
        for t in 1..=200 {
            lane.advance(&fixed);
            // 2 L D² / (k + 1)² after k = 2t gradients
            let k = 2.0 * f64::from(t);
            assert!(lane.gap(&fixed) <= 2.0 * 14.0 * 14.0 / ((k + 1.0) * (k + 1.0)));
        }
    }
}
