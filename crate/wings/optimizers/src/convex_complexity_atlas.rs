//! How fast a convex function can be minimised is decided before any method is chosen: by what is known of the function
//! and by what a question about it costs. Bubeck's monograph goes through the classes one after the other, and gives for
//! each a method, a proved bound on its gap $f(x_t)-f^*$, and for some a proof that nobody does better.
//!
//! You see the gaps against the number of iterations, each under its dashed bound. The grey **zone** is forbidden: on
//! Nesterov's worst quadratic a gradient tells one new coordinate at a time, so that after $t$ steps from zero only the
//! first $t$ of $k$ coordinates have moved, and even the best such point has a gap of
//! $$\tfrac\beta8\Bigl(\tfrac1{t+1}-\tfrac1{k+1}\Bigr).$$
//! The profile below shows this wave front. (The class bound $\tfrac{3\beta}{32}\|x_1-x^*\|^2/(t+1)^2$ takes another
//! $k=2t+1$ for every $t$; for one $k$ the formula above is the true edge.) Gradient descent spreads like heat, Nesterov's
//! method like a wave.
//!
//! **Try** changing only the class. Strong convexity turns powers of $t$ into exponentials, of $t/\kappa$ or of $t/\sqrt\kappa$.
//! With kinks, $1/\sqrt t$ is all there is in high dimension: the zone is flat. But if the planes whose maximum is taken
//! may be read, instead of asked one by one, an interior point method leaves every oracle behind. In the plane, a cut
//! through the centre of gravity removes at least 37 per cent of what is left; drag the start of the two others.
//!
//! **Break a hypothesis.** Understate $\beta$ more than twofold and gradient descent leaves its bound. Type a function that
//! is not convex: the first cut throws its minimum away. And a better bound is no promise on one function: on a
//! well-conditioned quadratic plain gradient descent wins.
//!
//! **Where it stops.** The bounds of SGD, SVRG and random coordinates hold in the mean; here one run is held against
//! them, and they are so loose that it passes. SVRG's counts epochs of $20\kappa$ inner steps, hundreds of passes each:
//! for the first two of them SGD is not behind. A step tuned for a horizon $T$ has its $1/\sqrt T$ bound at $T$ only;
//! drawn is the bound $R^2/2\eta t+\eta L^2/2$ that it has at every $t$. Frank-Wolfe's zone binds methods that take one
//! vertex a step, not the others; the worst case of the simplex is made for it alone. Below $10^{-12}$ of the first
//! gap nothing is compared. Random logistic regression, games and sums are limited to 50 unknowns, planes to 10, the
//! ellipsoid to 100.

use crate::plane::{self, Field, Window};
use orrery_core::prelude::*;
use std::rc::Rc;

mod instance;
mod methods;
#[cfg(test)]
mod tests;

use instance::{HALF, Instance};
use methods::{Mover, ROUNDING, Run, methods, outline};

const CARD: Card = Card {
    slug: "convex-complexity-atlas",
    title: "Convex Optimization: Algorithms and Complexity",
    year: 2014,
    lists: &[1],
    claim: "The class of functions fixes the rate: methods stay under their bounds, and nobody enters the zone below.",
    algorithms: &[
        "gradient descent",
        "Nesterov's accelerated gradient",
        "projected subgradient method",
        "Frank-Wolfe",
        "mirror descent",
        "mirror prox",
        "ISTA",
        "FISTA",
        "centre of gravity method",
        "ellipsoid method",
        "interior point method",
        "SVRG",
        "random coordinate descent",
        "oracle complexity",
        "lower bound",
    ],
    contenders: &[
        Contender::paper("accelerated", "Nesterov / FISTA"),
        Contender::paper("mirror", "mirror descent"),
        Contender::paper("frank-wolfe", "Frank-Wolfe"),
        Contender::paper("gravity", "centre of gravity"),
        Contender::paper("ellipsoid", "ellipsoid"),
        Contender::paper("mirror-prox", "mirror prox"),
        Contender::paper("interior", "interior point"),
        Contender::paper("svrg", "SVRG"),
        Contender::paper("coordinate", "random coordinates"),
        Contender::baseline("gd", "gradient descent / ISTA"),
        Contender::baseline("subgradient", "projected subgradient"),
        Contender::baseline("sgd", "SGD"),
    ],
};

/// What is known of the function.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Class {
    /// Gradients change by at most β times the distance.
    #[choice("smooth")]
    Smooth,
    /// And by at least α times.
    #[choice("smooth, strongly convex")]
    StronglyConvex,
    /// Kinks; slopes of at most L, on a ball.
    #[choice("Lipschitz")]
    Lipschitz,
    /// Least squares over probabilities.
    #[choice("simplex")]
    Simplex,
    /// Smooth plus something simple.
    #[choice("composite")]
    Composite,
    /// A matrix game.
    #[choice("saddle")]
    Saddle,
    /// A mean over rows.
    #[choice("finite sum")]
    FiniteSum,
    /// Two unknowns.
    #[choice("2-D cutting plane")]
    CuttingPlane,
}

/// Which methods run.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Methods {
    /// All.
    #[choice("all of the class")]
    All,
    /// The simplest.
    #[choice("simplest only")]
    Simplest,
    /// The one with the best bound.
    #[choice("fastest only")]
    Fastest,
}

/// Which function of the class.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Kind {
    /// Made to be hard.
    #[choice("worst case")]
    Worst,
    /// Made by chance.
    #[choice("random")]
    Random,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// What is known of the function, and what may be asked.
    #[control(label = "class", default = Class::Smooth)]
    pub functions: Class,
    /// κ = β/α, the greatest curvature over the least.
    #[control(label = "condition number κ", range = 1.0..=1e6, log, default = 1e3, when = ("functions", ["strongly-convex", "finite-sum"]))]
    pub condition: f64,
    /// Unknowns. The worst quadratic has one less; random logistic regression, games and sums have at most 50, random
    /// planes at most 10.
    #[control(label = "dimension n", range = 2..=1000, log, default = 200, when = ("functions", ["smooth", "strongly-convex", "lipschitz", "simplex", "composite", "saddle", "finite-sum"]))]
    pub dimension: usize,
    /// Which methods run.
    #[control(label = "methods", default = Methods::All)]
    pub methods: Methods,
    /// A function made to be hard, with its forbidden zone, or one made by chance.
    #[control(label = "instance", default = Kind::Worst, when = ("functions", ["smooth", "strongly-convex", "lipschitz", "simplex", "composite"]))]
    pub instance: Kind,
    /// A convex function of x and y, on the square from −4 to 4. If it is not convex, a hypothesis is broken.
    #[control(
        label = "f(x, y)", variables = ["x", "y"], when = ("functions", "cutting-plane"),
        default = "(x - 1)^2 / 4 + abs(y + x/2 - 1)".into(),
        examples = [
            ("valley with a kink", "(x - 1)^2 / 4 + abs(y + x/2 - 1)"),
            ("pyramid", "abs(x + y - 1) + abs(x - y) / 10"),
            ("exponentials", "exp(x + y/2) + exp(-x) + exp(-y)"),
            ("not convex: a hole", "(x - 2)^2 / 8 + y^2 / 4 - 4 exp(-4 (x + 3)^2 - y^2)"),
        ]
    )]
    pub formula: Formula,
    /// Where the subgradient method and the ellipsoid begin. Drag it.
    #[control(label = "2-D start", count = 1..=1, domain = [[-4.0, 4.0], [-4.0, 4.0]], default = [[3.5, 3.5]].into(), when = ("functions", "cutting-plane"))]
    pub start: Points,
    /// How many iterations. A pass over the rows counts as one in a finite sum; in the plane there are at most 200.
    #[control(label = "iterations T", range = 10..=10_000, log, default = 1000)]
    pub iterations: usize,
    /// The methods are told β and L divided by this, and so are their bounds. More than 1 breaks a hypothesis.
    #[control(label = "β, L understated by", range = 0.25..=8.0, log, default = 1.0)]
    pub understated: f64,
}

/// What stays.
struct Fixed {
    setting: Setting,
    problem: Instance,
    horizon: usize,
    batch: usize,
    field: Option<Field>,
}

/// The run.
#[derive(Clone)]
pub struct Atlas {
    fixed: Rc<Fixed>,
    runs: Vec<Run>,
    t: usize,
    /// When the simplest and the fastest were compared, and by how much the gap of the first was larger.
    compared: Option<(usize, f64)>,
}

/// Nesterov's gap and gradient descent's are compared at this step on the worst quadratic.
const AT: usize = 90;

impl Atlas {
    fn over(&self) -> bool {
        self.t == self.fixed.horizon || self.runs.iter().all(|run| run.stopped)
    }

    /// The worst quadratic, for which a factor is claimed.
    fn quadratic(&self) -> bool {
        let Setting { functions, instance, .. } = self.fixed.setting;
        functions == Class::Smooth && instance == Kind::Worst
    }

    /// Whether there are a simple and a fast method to compare. On the simplex neither is meant to win in general.
    fn comparable(&self) -> bool {
        self.runs.len() > 1 && self.fixed.setting.functions != Class::Simplex
    }

    fn iterate(&mut self) {
        self.t += 1;
        for run in &mut self.runs {
            run.advance(&self.fixed.problem);
        }
        if self.compared.is_some() || !self.comparable() {
            return;
        }
        let (simple, fast) = (self.runs[0].gap, self.runs[1].gap);
        let first = self.fixed.problem.first;
        let due = if self.quadratic() { self.t == AT } else { simple.min(fast) < 1e-6 * first };
        if due || self.over() {
            let floor = ROUNDING * first;
            self.compared = Some((self.t, simple.max(floor) / fast.max(floor)));
        }
    }

    fn plane_figure(&self, figures: &mut Figures, field: &Field) {
        let caption = "The subgradient method walks. The centre of gravity cuts what is left in two, and that is shaded. \
                       While f is convex, the ellipsoid keeps the minimum inside. Drag the start.";
        let title = "Cutting the plane";
        let mut figure = field.figure(figures, "plane", title, caption, ["x", "y", "f(x, y)"]);
        for run in &self.runs {
            match &run.mover {
                Mover::Gravity { polygon, .. } => {
                    let corners = &polygon.corners;
                    figure.polygon(corners.iter().map(|p| p[0]), corners.iter().map(|p| p[1])).of(run.id).faint();
                    let cuts: Vec<[[f64; 2]; 2]> = polygon.cuts.iter().take(12).copied().collect();
                    let ends = [0, 1].map(|k| cuts.iter().map(|cut| cut[k]).collect::<Vec<_>>());
                    figure.link(&ends[0], &ends[1], None).of(run.id);
                }
                Mover::Ellipsoid { centre, shape, .. } => {
                    let edge: Vec<[f64; 2]> = outline(centre, shape);
                    figure.line(edge.iter().map(|p| p[0]), edge.iter().map(|p| p[1])).of(run.id).dashed();
                }
                _ => (),
            }
            plane::path(&mut figure, run.id, &run.path);
        }
        let solution = &self.fixed.problem.solution;
        plane::minima(&mut figure, &[[solution[0], solution[1]]], "minimum");
        plane::start(&mut figure, self.fixed.setting.start.0[0], "start");
    }

    fn profile_figure(&self, figures: &mut Figures) {
        let problem = &self.fixed.problem;
        let caption = match self.fixed.setting.functions {
            Class::Saddle => "The first player's mean strategy.",
            Class::Smooth | Class::StronglyConvex | Class::Composite if !problem.zone.is_empty() => {
                "Where each method is. On the worst quadratic a step reaches one coordinate further."
            }
            _ => "Where each method is, coordinate by coordinate.",
        };
        let mut figure = figures.figure("profile", "Coordinates", caption);
        figure.x(Axis::linear("coordinate i")).y(Axis::linear("xᵢ"));
        figure.rule_y([0.0]).ink(Ink::Muted);
        let players = if problem.solution.is_empty() { 2 } else { 1 };
        let shown = (problem.start.len() / players).min(200);
        let places = || (1..=shown).map(|i| i as f64);
        if !problem.solution.is_empty() {
            figure.line(places(), &problem.solution[..shown]).label("minimum").dashed();
        }
        for run in &self.runs {
            figure.line(places(), &run.x[..shown]).of(run.id).label(run.name);
        }
    }
}

impl Exhibit for Atlas {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let problem = Instance::asked(setting, rng)?;
        let plane = setting.functions == Class::CuttingPlane;
        let horizon = if plane { setting.iterations.min(200) } else { setting.iterations };
        let field = plane.then(|| Field::new(Window::square(HALF), |x| problem.value(&x)));
        let runs = methods(setting, &problem, horizon, rng);
        let batch = horizon.div_ceil(1000);
        let fixed = Fixed { setting: setting.clone(), problem, horizon, batch, field };
        Ok(Self { fixed: Rc::new(fixed), runs, t: 0, compared: None })
    }

    fn length(&self) -> usize {
        self.fixed.horizon.div_ceil(self.fixed.batch)
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        for _ in 0..self.fixed.batch {
            if !self.over() {
                self.iterate();
            }
        }
        if self.over() { Progress::Done } else { Progress::Running }
    }

    fn figures(&self, figures: &mut Figures) {
        let fixed = &*self.fixed;
        let floor = ROUNDING * fixed.problem.first;
        let time = || Axis::log("iteration t").domain(1.0, fixed.horizon as f64);

        let zone: Vec<[f64; 2]> = (1..=fixed.horizon)
            .zip(fixed.problem.zone.iter().skip(1))
            .filter(|(t, height)| methods::recorded(*t) && **height > floor)
            .map(|(t, height)| [t as f64, *height])
            .collect();
        let caption = match fixed.problem.zone_of {
            Some(_) => "Each gap and, dashed, its bound. Shaded: what one vertex a step cannot reach.",
            None if zone.is_empty() => "Each gap and, dashed, the bound that is proved of it.",
            None => "Each gap and, dashed, its bound. Shaded: what no method that follows gradients can reach.",
        };
        let title = if zone.is_empty() { "Gaps and bounds" } else { "Gaps, bounds and the forbidden zone" };
        let mut gap = figures.figure("gap", title, caption);
        let label = if fixed.setting.functions == Class::Saddle { "duality gap" } else { "f − f*" };
        gap.x(time()).y(Axis::log(label));
        if let Some(low) = zone.iter().map(|p| p[1]).reduce(f64::min) {
            let xs = || zone.iter().map(|p| p[0]);
            gap.band(xs(), zone.iter().map(|_| 0.5 * low), zone.iter().map(|p| p[1])).label("forbidden zone");
        }
        for run in &self.runs {
            gap.line(run.bounds.xs(), run.bounds.ys()).of(run.id).label(format!("bound of {}", run.name)).dashed();
            gap.line(run.gaps.xs(), run.gaps.ys()).of(run.id).label(run.name);
        }

        match &fixed.field {
            Some(field) => self.plane_figure(figures, field),
            None => self.profile_figure(figures),
        }

        let caption = "The measured gap as a share of what is proved. Above the rule the theorem would be refuted.";
        let mut ratio = figures.figure("ratio", "Gap / bound", caption);
        ratio.x(time()).y(Axis::log("gap / bound"));
        ratio.rule_y([1.0]).label("the bound");
        for run in &self.runs {
            ratio.line(run.ratios.xs(), run.ratios.ys()).of(run.id).label(run.name);
        }

        let caption = "What each asks for in an iteration, what is proved, and the greatest share of it that was met.";
        let verdict = |run: &Run| if run.worst > 1.0 { "exceeded" } else { "kept" };
        let known = |x: f64| if x.is_finite() { x } else { 0.0 };
        figures
            .figure("table", "Methods", caption)
            .table()
            .words("method", self.runs.iter().map(|run| run.name))
            .words("oracle", self.runs.iter().map(|run| run.oracle))
            .words("bound", self.runs.iter().map(|run| run.law))
            .numbers("gap", self.runs.iter().map(|run| known(run.gap)))
            .numbers("its bound", self.runs.iter().map(|run| known(run.limit)))
            .numbers("greatest gap/bound", self.runs.iter().map(|run| run.worst))
            .words("the bound is", self.runs.iter().map(verdict));
    }

    fn claim(&self) -> Claim {
        let open = !self.over();
        let worst = self.runs.iter().map(|run| run.worst).fold(0.0, f64::max);
        let text = if self.runs.len() > 1 {
            "No gap exceeds its bound at any iteration: the greatest share is {value}, at most {high}."
        } else {
            "The gap exceeds its bound at no iteration: the greatest share is {value}, at most {high}."
        };
        let mut clauses = vec![Clause::at_most(text, Some(worst), 1.0).holds_only_after(open)];
        let intrusion = self.runs.iter().filter_map(|run| run.intrusion).reduce(f64::max);
        if !self.fixed.problem.zone.is_empty() {
            clauses.push(
                Clause::at_most(
                    "Nobody enters the forbidden zone: the deepest point lies {value} of its height below the edge \
                     (negative is above; rounding may take {high}).",
                    intrusion.or((!open).then_some(0.0)),
                    1e-9,
                )
                .holds_only_after(open),
            );
        }
        if self.comparable() {
            let at = self.compared.map_or_else(|| "the comparison".to_owned(), |(t, _)| format!("t = {t}"));
            let (simple, fast) = (self.runs[0].name, self.runs[1].name);
            let text = format!("At {at} the gap of {simple} is {{value}} times that of {fast}, at least {{low}}.");
            let low = if self.quadratic() { 4.0 } else { 1.0 };
            clauses.push(Clause::at_least(text, self.compared.map(|(_, factor)| factor), low));
        }
        Claim::new(clauses)
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        let class = |functions: Class| Setting { functions, ..Setting::default() };
        let random = |setting: Setting| Setting { instance: Kind::Random, ..setting };
        vec![
            Scenario::holds(
                "default",
                "The worst quadratic",
                "Gradient descent and Nesterov's method under their bounds, and the zone that no gradient method enters.",
                default.clone(),
            ),
            Scenario::holds(
                "strongly-convex",
                "Strongly convex",
                "Now the rates are exponential, of t/κ and of t/√κ, and so is the zone.",
                class(Class::StronglyConvex),
            ),
            Scenario::holds(
                "planes",
                "A hundred planes",
                "Asked for subgradients, the planes give themselves away slowly; an interior point method that sees them all is faster.",
                random(class(Class::Lipschitz)),
            ),
            Scenario::holds(
                "kinks",
                "The worst kink",
                "In 200 dimensions nobody gets below the flat zone in 200 steps; here 1/√t is the truth.",
                class(Class::Lipschitz),
            ),
            Scenario::holds(
                "vertices",
                "One vertex a step",
                "Frank-Wolfe needs no projection and pays for it: after t steps its point is a mean of t vertices.",
                class(Class::Simplex),
            ),
            Scenario::holds(
                "lasso",
                "LASSO",
                "FISTA against ISTA, with a known solution.",
                random(class(Class::Composite)),
            ),
            Scenario::holds("game", "A matrix game", "Looking ahead turns 1/√t into 1/t.", class(Class::Saddle)),
            Scenario::holds(
                "sum",
                "A finite sum",
                "SVRG recalls a full gradient now and then, and keeps the exponential rate that SGD loses.",
                class(Class::FiniteSum),
            ),
            Scenario::holds(
                "cutting-plane",
                "Cuts in the plane",
                "A cut through the centre of gravity leaves at most 63 per cent.",
                class(Class::CuttingPlane),
            ),
            Scenario::fails(
                "understated",
                "β understated",
                "With steps of 2.5/β gradient descent blows up, and leaves any bound.",
                Setting { understated: 2.5, ..default.clone() },
            ),
            Scenario::fails(
                "not-convex",
                "Not convex",
                "The first cut throws away the hole that holds the minimum; from then on the bound is about another function.",
                Setting {
                    formula: "(x - 2)^2 / 8 + y^2 / 4 - 4 exp(-4 (x + 3)^2 - y^2)".into(),
                    ..class(Class::CuttingPlane)
                },
            ),
            Scenario::fails(
                "well-conditioned",
                "Well conditioned",
                "With κ = 1.5 gradient descent is ahead of Nesterov's method: bounds order classes, not runs.",
                random(Setting { condition: 1.5, ..class(Class::StronglyConvex) }),
            ),
        ]
    }
}
