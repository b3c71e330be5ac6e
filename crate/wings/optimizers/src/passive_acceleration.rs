//! Most explanations of Nesterov's method take the limit of the algorithm. This paper goes the other way: it asks for a
//! motion and derives the equation. *Passivity and Immersion* wants the velocity $y=\dot x$ to fall onto the manifold
//! $\psi=y+\alpha\nabla f(x)=0$, where the motion is gradient flow, at a rate of its own choice, $\dot\psi=-\beta\psi$:
//!
//! $$\dot y=-\alpha\nabla^2f(x)\,y-\beta y-\alpha\beta\nabla f(x).$$
//!
//! The first term is Hessian damping, and no other second-order term appears. Without it the equation is the rolling
//! heavy ball.
//!
//! The first picture has position across and velocity up. The flow falls onto the dashed manifold. The methods are drawn
//! there too, each in its own unit of time, so that they share this manifold: $x^+=x+b(x-x')-a\nabla f$ drifts slowly as
//! $x-x'=-\tfrac a{1-b}\nabla f$. Heavy ball never gets down to it. On this function of three parabolas (Lessard, Recht and
//! Packard) with curvatures 1 and 25 it jumps for ever between 2.116, 0.647 and −1.802. Nesterov's method and triple
//! momentum see gradients ahead, which is the damping term in discrete form, and arrive.
//!
//! **Try** the start 2.5: the cycle has a basin, and from there the ball arrives, as it does when $\kappa=10$. Switch the
//! damping off: $\psi$ falls no longer as $e^{-\beta t}$ but swings. Take the quadratic: the ball is the fastest of all.
//!
//! **Where it stops.** The gains are reconstructed from the abstract. With constant gains the equation factors into
//! $(\tfrac{d}{dt}+\beta)(\dot x+\alpha\nabla f)=0$, so that $\psi=e^{-\beta t}\psi_0$ for every $f$: the clause about
//! $\psi$ tests the integrator and the damping term, and cannot tell a good $f$ from a bad one. It also means that the flow
//! is no faster than gradient flow. Discretised with $b=\theta$ and a gradient difference in the place of $\nabla^2f\,y$ it
//! is gradient descent of step $s$ plus a transient $\theta^k$. Nesterov's method is this *with the force
//! $1/(1-\theta)$ times as great*: its manifold is a gradient descent of step $s/(1-\theta)$, too long to be stable
//! alone, which momentum and damping hold. Acceleration is this, and the equation does not contain it.
//!
//! Typed formulas are taken with the greatest and least curvature on their window, the least held above the greatest over
//! $\kappa$.

use crate::curves::Curves;
use crate::plane::{Field, Plane, Window, path, start};
use orrery_core::prelude::*;
use orrery_kernels::linalg::{LineFit, inner};
use orrery_kernels::math::{exp, log, pow};
use orrery_kernels::ode::DormandPrince;
use orrery_kernels::optim::{Method, TripleMomentum};
use std::rc::Rc;

const CARD: Card = Card {
    slug: "passive-acceleration",
    title: "On the Dynamics of Acceleration in First order Gradient Methods",
    year: 2024,
    lists: &[0, 2],
    claim: "Hessian damping pulls the motion onto a manifold of gradient flow; a ball without it can orbit for ever.",
    algorithms: &[
        "passivity and immersion",
        "Nesterov's accelerated gradient",
        "triple momentum",
        "heavy ball",
        "Hessian damping",
        "singular perturbation",
        "gradient flow",
    ],
    contenders: &[
        Contender::paper("flow", "P&I flow"),
        Contender::paper("nesterov", "Nesterov"),
        Contender::paper("triple", "triple momentum"),
        Contender::baseline("heavy-ball", "heavy ball"),
        Contender::baseline("descent", "gradient descent"),
    ],
};

/// What is minimised.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Problem {
    /// One variable; curvatures κ, 1 and κ again.
    #[choice("three parabolas")]
    Pieces,
    /// Two variables, curvatures κ and 1.
    #[choice("quadratic")]
    Quadratic,
    /// Eight examples, two weights, and a ridge that makes the condition number κ.
    #[choice("logistic")]
    Logistic,
    /// The visitor's own.
    #[choice("typed formula")]
    Formula,
}

/// Who is drawn, in the order of the contenders.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Who {
    /// The differential equation.
    #[choice("P&I flow")]
    Flow,
    /// $a=1/L$, $b=g=(\sqrt\kappa-1)/(\sqrt\kappa+1)$.
    #[choice("Nesterov")]
    Nesterov,
    /// Van Scoy, Freeman and Lynch's.
    #[choice("triple momentum")]
    Triple,
    /// Polyak's optimal pair for quadratics.
    #[choice("heavy ball")]
    Ball,
    /// Step $1/L$.
    #[choice("gradient descent")]
    Descent,
}

/// The four that iterate.
const METHODS: [Who; 4] = [Who::Nesterov, Who::Triple, Who::Ball, Who::Descent];

/// Those drawn in the picture of velocities, from back to front.
const JUMPING: [Who; 3] = [Who::Ball, Who::Triple, Who::Nesterov];

impl Who {
    fn id(self) -> &'static str {
        CARD.contenders[self as usize].id
    }

    /// `a`, `b` and `g` in $x^+=x+b(x-x')-a\nabla f(x+g(x-x'))$ for curvatures from `m` to `l`.
    fn constants(self, m: f64, l: f64) -> TripleMomentum {
        let (low, high) = (m.sqrt(), l.sqrt());
        let theta = (high - low) / (high + low);
        match self {
            Self::Nesterov => TripleMomentum::new(1.0 / l, theta, theta),
            Self::Triple => TripleMomentum::fastest(m, l),
            Self::Ball => TripleMomentum::new(4.0 / ((high + low) * (high + low)), theta * theta, 0.0),
            Self::Flow | Self::Descent => TripleMomentum::new(1.0 / l, 0.0, 0.0),
        }
    }
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// What is minimised.
    #[control(label = "objective", default = Problem::Pieces)]
    pub objective: Problem,
    /// Who is drawn. All of them run.
    #[control(label = "methods", default = Set::all(), live)]
    pub methods: Set<Who>,
    /// How fast the gradient flow on the manifold is.
    #[control(label = "manifold gain α", range = 0.01..=2.0, log, default = 0.2)]
    pub alpha: f64,
    /// How fast the flow falls onto the manifold.
    #[control(label = "attraction β", range = 0.1..=20.0, log, default = 2.0)]
    pub beta: f64,
    /// The greatest curvature over the least.
    #[control(label = "condition number κ", range = 2.0..=1e4, log, default = 25.0)]
    pub condition: f64,
    /// Where all start, at rest.
    #[control(label = "start x₀", range = -5.0..=5.0, default = 3.3, when = ("objective", "pieces"))]
    pub x0: f64,
    /// Where all start, at rest. Drag it.
    #[control(
        label = "start", count = 1..=1, domain = [[-4.0, 4.0], [-4.0, 4.0]], default = [[-3.0, 2.5]].into(),
        when = ("objective", ["quadratic", "logistic", "formula"])
    )]
    pub start: Points,
    /// A function of x and y.
    #[control(
        label = "f(x, y)", variables = ["x", "y"], when = ("objective", "formula"),
        default = "x^2 + x y + y^2 + sin(3x)".into(),
        examples = [
            ("dented bowl", "x^2 + x y + y^2 + sin(3x)"),
            ("valley", "(1 - x)^2 + 2 (y - x^2/2)^2"),
            ("rounded pyramid", "sqrt(1 + 9x^2) + sqrt(1 + y^2)"),
        ]
    )]
    pub formula: Formula,
    /// Takes the term with the Hessian out of the flow; what remains is the rolling heavy ball.
    #[control(label = "remove Hessian damping", default = false)]
    pub undamped: bool,
}

/// $f$, with curvatures from `m` to `l`.
enum Objective {
    /// $f'=Lx$ below 1, $mx+L-m$ up to 2, $Lx-L+m$ beyond.
    Pieces {
        m: f64,
        l: f64,
    },
    Plane(Plane),
}

impl Objective {
    fn value_and_gradient(&self, x: &[f64], g: &mut [f64]) -> f64 {
        match self {
            Self::Plane(f) => f.value_and_gradient(x, g),
            Self::Pieces { m, l } => {
                let (x, rise) = (x[0], l - m);
                // Each piece is a parabola c + sx + kx²/2.
                let (c, s, k) = match x {
                    x if x < 1.0 => (0.0, 0.0, *l),
                    x if x < 2.0 => (-0.5 * rise, rise, *m),
                    _ => (1.5 * rise, -rise, *l),
                };
                g[0] = s + k * x;
                c + x * (s + 0.5 * k * x)
            }
        }
    }

    /// $\nabla^2f(x)\,v$, into `out`.
    fn hessian_vector(&self, x: &[f64], v: &[f64], out: &mut [f64]) {
        match self {
            Self::Plane(f) => out.copy_from_slice(&f.hessian_vector(x, [v[0], v[1]])),
            Self::Pieces { m, l } => out[0] = v[0] * if (1.0..2.0).contains(&x[0]) { *m } else { *l },
        }
    }
}

/// The eigenvalues of a symmetric 2 x 2 matrix, the smaller first.
fn curvatures([[a, b], [_, d]]: [[f64; 2]; 2]) -> [f64; 2] {
    let (mean, half) = (0.5 * (a + d), 0.5 * (a - d));
    let spread = (half * half + b * b).sqrt();
    [mean - spread, mean + spread]
}

/// Eight examples times their labels, which no line through the origin separates.
const EXAMPLES: [[f64; 2]; 8] =
    [[2.0, 1.0], [1.5, -0.5], [-0.7, 0.4], [1.0, 0.9], [0.3, -0.8], [2.2, 0.2], [-1.0, -0.3], [0.6, 0.7]];

fn logistic(condition: f64) -> Result<(Plane, f64, f64)> {
    let terms: Vec<String> = EXAMPLES.iter().map(|[a, b]| format!("log(1 + exp(-({a}) x - ({b}) y))")).collect();
    let loss = format!("({}) / 8", terms.join(" + "));
    let plane = |text: String| Plane::formula("objective", &Formula(text));
    // The loss is bent most at zero; the ridge r makes (L + r) / r = κ there.
    let [_, l] = curvatures(plane(loss.clone())?.hessian(&[0.0, 0.0]));
    let ridge = l / (condition - 1.0);
    Ok((plane(format!("{loss} + {} (x^2 + y^2)", 0.5 * ridge))?, ridge, l + ridge))
}

/// The window of pictures in the plane.
const WINDOW: Window = Window::square(4.0);

/// A minimum of `f`, by Newton's method with halved steps, and by descent where $f$ is not convex.
fn minimum(f: &Plane, from: [f64; 2]) -> [f64; 2] {
    let (mut x, mut g) = (from, [0.0; 2]);
    for _ in 0..200 {
        let value = f.value_and_gradient(&x, &mut g);
        let h = f.hessian(&x);
        let [low, high] = curvatures(h);
        let det = h[0][0] * h[1][1] - h[0][1] * h[1][0];
        let step = if low > 1e-9 * high {
            [(h[1][1] * g[0] - h[0][1] * g[1]) / det, (h[0][0] * g[1] - h[1][0] * g[0]) / det]
        } else {
            g
        };
        let at = |t: f64| [x[0] - t * step[0], x[1] - t * step[1]];
        match (0..50).map(|k| at(pow(0.5, f64::from(k)))).find(|y| f.value(y) < value) {
            Some(lower) => x = lower,
            None => break,
        }
    }
    x
}

/// What does not change during a run.
struct Fixed {
    setting: Setting,
    objective: Objective,
    m: f64,
    l: f64,
    begin: Vec<f64>,
    least: f64,
    minimum: Vec<f64>,
    first: f64,
    field: Option<Field>,
    /// How long the flow runs.
    end: f64,
    /// The half width and the half height of the picture of velocities.
    places: f64,
    speeds: f64,
}

/// The unit of time in which the slow motion $x-x'=-\tfrac a{1-b}\nabla f$ of a method has the velocity $-\alpha\nabla f$.
fn unit(rule: &TripleMomentum, alpha: f64) -> f64 {
    rule.rate / ((1.0 - rule.momentum) * alpha)
}

impl Fixed {
    fn new(setting: &Setting) -> Result<Self> {
        let at = setting.start.0.first().copied().unwrap_or([0.0; 2]);
        let kappa = setting.condition;
        let (objective, m, l) = match setting.objective {
            Problem::Pieces => (Objective::Pieces { m: 1.0, l: kappa }, 1.0, kappa),
            Problem::Quadratic => (Objective::Plane(Plane::bowl([kappa, 1.0], 25.0, [0.0, 0.0])), 1.0, kappa),
            Problem::Logistic => {
                let (f, m, l) = logistic(kappa)?;
                (Objective::Plane(f), m, l)
            }
            Problem::Formula => {
                let f = Plane::formula("formula", &setting.formula)?;
                let place = |k: usize| [-4.0 + 8.0 * (k % 25) as f64 / 24.0, -4.0 + 8.0 * (k / 25) as f64 / 24.0];
                let bends = (0..625).map(|k| curvatures(f.hessian(&place(k)))).filter(|c| c[0].is_finite());
                let [low, l] = bends
                    .fold([f64::INFINITY, 0.0], |[low, high], [a, b]| [low.min(a), if b > high { b } else { high }]);
                if !(1e-6..1e6).contains(&l) {
                    return Err(Error::of("formula", "is to bend upwards somewhere in the window, by 10⁻⁶ to 10⁶"));
                }
                (Objective::Plane(f), low.max(l / kappa), l)
            }
        };
        let field = match &objective {
            Objective::Plane(f) => Some(Field::new(WINDOW, |x| f.value(&x))),
            Objective::Pieces { .. } => None,
        };
        let (begin, minimum) = match &objective {
            Objective::Pieces { .. } => (vec![setting.x0], vec![0.0]),
            Objective::Plane(Plane::Quadratic { centre, .. }) => (at.to_vec(), centre.to_vec()),
            Objective::Plane(f) => {
                let lowest = field.as_ref().map_or(at, |field| field.lowest().0);
                (at.to_vec(), minimum(f, lowest).to_vec())
            }
        };
        let mut g = vec![0.0; begin.len()];
        let least = objective.value_and_gradient(&minimum, &mut g);
        let first = objective.value_and_gradient(&begin, &mut g) - least;
        let control = if begin.len() == 1 { "x0" } else { "start" };
        if !(first.is_finite() && least.is_finite() && g.iter().all(|g| g.is_finite())) {
            return Err(Error::of(control, "f or its slope has no value there or at its lowest"));
        }
        if inner(&g, &g) <= 1e-24 * (1.0 + l * l) {
            return Err(Error::of(control, "f is level there: nothing would move"));
        }
        let Setting { alpha, beta, .. } = *setting;
        // Until the slower of the two motions has come to e^-20, but no more than an explicit method carries.
        let end = (20.0 / (alpha * m).min(beta)).min(3000.0 / (alpha * l + beta));
        // From rest on a parabola of curvature c the flow gets as fast as αf'r^(-r/(r-1)), where r = αc/β.
        let r = alpha * l / beta;
        let share = if (r - 1.0).abs() < 1e-6 { exp(-1.0) } else { exp(-r * log(r) / (r - 1.0)) };
        // The methods may jump farther than the start, and faster than the flow. A tenth of αL shows the manifold's bends.
        let (mut far, mut fast) = (begin[0].abs().max(2.2), (alpha * share * g[0].abs()).max(0.1 * alpha * l));
        if field.is_none() {
            for who in JUMPING {
                let (mut rule, mut x) = (who.constants(m, l), begin.clone());
                for _ in 0..STEPS {
                    let before = x[0];
                    rule.advance(&mut x, &mut |x, g| objective.value_and_gradient(x, g));
                    if x[0].abs() >= 1e6 {
                        break;
                    }
                    far = far.max(x[0].abs());
                    fast = fast.max((x[0] - before).abs() / unit(&rule, alpha));
                }
            }
        }
        let (places, speeds) = (1.15 * far, 1.1 * fast);
        let setting = setting.clone();
        Ok(Self { setting, objective, m, l, begin, least, minimum, first, field, end, places, speeds })
    }

    /// $(\dot x,\dot y)$ at the state $(x,y)$, one after the other.
    fn slope(&self, state: &[f64], out: &mut [f64]) {
        let Setting { alpha, beta, undamped, .. } = self.setting;
        let n = self.begin.len();
        let (x, y) = state.split_at(n);
        let (by_x, by_y) = out.split_at_mut(n);
        let (mut g, mut hy) = ([0.0; 2], [0.0; 2]);
        self.objective.value_and_gradient(x, &mut g[..n]);
        if !undamped {
            self.objective.hessian_vector(x, y, &mut hy[..n]);
        }
        by_x.copy_from_slice(y);
        for (i, by_y) in by_y.iter_mut().enumerate() {
            // ẏ = -α∇²f y - βy - αβ∇f
            *by_y = -alpha * hy[i] - beta * y[i] - alpha * beta * g[i];
        }
    }

    /// $\|\psi\|$ with $\psi=y+\alpha\nabla f(x)$.
    fn psi(&self, state: &[f64]) -> f64 {
        let n = self.begin.len();
        let mut g = [0.0; 2];
        self.objective.value_and_gradient(&state[..n], &mut g[..n]);
        let square = |i: usize| {
            let psi = state[n + i] + self.setting.alpha * g[i];
            psi * psi
        };
        (0..n).map(square).sum::<f64>().sqrt()
    }

    fn distance(&self, x: &[f64]) -> f64 {
        let square: f64 = x.iter().zip(&self.minimum).map(|(x, m)| (x - m) * (x - m)).sum();
        square.sqrt().min(1e6)
    }
}

/// A method on its way.
#[derive(Clone)]
struct Run {
    rule: TripleMomentum,
    x: Vec<f64>,
    /// Where it was in the plane; on the line, position and velocity in the flow's unit of time.
    path: Series,
    /// Position by position.
    places: Series,
    /// The distance from the minimum after [`SOON`] iterations.
    soon: Option<f64>,
}

/// Iterations in all, and those after which the accelerated methods must have arrived.
const STEPS: usize = 500;
const SOON: usize = 200;

/// Iterations a step.
const TOGETHER: usize = 5;

/// Iterations whose positions are drawn one by one.
const PLACES: usize = 40;

/// The line is fitted to $\|\psi\|$ down to this share of its beginning.
const FITTED: f64 = 1e-6;

/// The exhibit.
#[derive(Clone)]
pub struct PassiveAcceleration {
    fixed: Rc<Fixed>,
    methods: Set<Who>,
    k: usize,
    runs: Vec<Run>,
    gaps: Curves,
    flow: DormandPrince,
    lost: bool,
    flow_path: Series,
    psi: Vec<[f64; 2]>,
}

impl PassiveAcceleration {
    fn shown(&self) -> impl Iterator<Item = Who> + '_ {
        METHODS.into_iter().filter(|who| self.methods.contains(*who))
    }

    fn run(&self, who: Who) -> Option<&Run> {
        METHODS.iter().position(|method| *method == who).and_then(|at| self.runs.get(at))
    }

    /// Takes down where the methods are.
    fn record(&mut self) {
        let fixed = Rc::clone(&self.fixed);
        let mut g = vec![0.0; fixed.begin.len()];
        for (run, who) in self.runs.iter_mut().zip(METHODS) {
            let gap = fixed.objective.value_and_gradient(&run.x, &mut g) - fixed.least;
            self.gaps.push(who.id(), self.k as f64, (gap / fixed.first).min(1e6));
            if self.k <= PLACES {
                run.places.push(self.k as f64, run.x[0]);
            }
            if run.x.len() == 2 {
                run.path.push(run.x[0], run.x[1]);
            }
            if self.k == SOON {
                run.soon = Some(fixed.distance(&run.x));
            }
        }
    }

    fn iterate(&mut self) {
        let fixed = Rc::clone(&self.fixed);
        for run in &mut self.runs {
            if fixed.distance(&run.x) >= 1e6 {
                continue;
            }
            let before = run.x[0];
            run.rule.advance(&mut run.x, &mut |x, g| fixed.objective.value_and_gradient(x, g));
            if run.x.len() == 1 {
                run.path.push(run.x[0], (run.x[0] - before) / unit(&run.rule, fixed.setting.alpha));
            }
        }
        self.k += 1;
        self.record();
    }

    /// Takes the flow on to the time that belongs to this step.
    fn drift(&mut self) {
        let fixed = Rc::clone(&self.fixed);
        let share = self.k as f64 / STEPS as f64;
        let until = fixed.end * share * share;
        while !self.lost && self.flow.t() < until {
            self.lost = self.flow.step(|_, state, out| fixed.slope(state, out), until).is_err();
            let state = self.flow.y();
            self.lost |= state.iter().any(|s| s.abs() > 1e6);
            self.flow_path.push(state[0], state[1]);
            self.psi.push([self.flow.t(), fixed.psi(state)]);
        }
    }

    /// The part of $\|\psi\|$ that is fitted: up to where it has first come down.
    fn fitted(&self) -> &[[f64; 2]] {
        let first = self.psi.first().map_or(0.0, |p| p[1]);
        let end = self.psi.iter().position(|p| p[1] <= FITTED * first);
        &self.psi[..end.unwrap_or(self.psi.len())]
    }

    /// The slope of $\log\|\psi\|$.
    fn decay(&self) -> Option<f64> {
        let fitted = self.fitted().iter().filter(|p| p[1] > 0.0).map(|p| [p[0], log(p[1])]);
        LineFit::through(fitted.collect::<Vec<_>>()).map(|fit| fit.slope)
    }

    fn phase(&self, figures: &mut Figures) {
        let fixed = &self.fixed;
        let alpha = fixed.setting.alpha;
        // Without its damping the flow may be faster than was foreseen.
        let seen = self.flow_path.ys().fold(0.0_f64, |most, y| most.max(y.abs()));
        let (wide, high) = (fixed.places, fixed.speeds.max(1.05 * seen));
        let caption = "Arrows: the flow. On the dashed manifold ψ = 0 the motion is gradient flow; an orbit that never \
                       comes down to it never arrives.";
        let mut phase = figures.figure("phase", "Position and velocity", caption);
        phase.x(Axis::linear("x").domain(-wide, wide)).y(Axis::linear("velocity y").domain(-high, high));
        let mut arrows = [const { Vec::new() }; 4];
        for k in 0..15 * 9 {
            let at = [wide * ((k % 15) as f64 / 7.0 - 1.0) * 0.95, high * ((k / 15) as f64 / 4.0 - 1.0) * 0.92];
            let mut slope = [0.0; 2];
            fixed.slope(&at, &mut slope);
            let [dx, dy] = [slope[0] / wide, slope[1] / high];
            let length = (dx * dx + dy * dy).sqrt().max(1e-12) / 0.09;
            let parts = [at[0], at[1], wide * dx / length, high * dy / length];
            arrows.iter_mut().zip(parts).for_each(|(arrow, part)| arrow.push(part));
        }
        let [x, y, dx, dy] = arrows;
        phase.arrow(x, y, dx, dy).ink(Ink::Muted).faint();
        let xs: Vec<f64> = (0..=200).map(|k| wide * (f64::from(k) / 100.0 - 1.0)).collect();
        let manifold = xs.iter().map(|&x| {
            let mut g = [0.0];
            fixed.objective.value_and_gradient(&[x], &mut g);
            (-alpha * g[0]).clamp(-1.1 * high, 1.1 * high)
        });
        phase.line(&xs, manifold).ink(Ink::Strong).dashed().label("ψ = 0");
        for who in JUMPING {
            if let Some(run) = self.run(who).filter(|_| self.methods.contains(who)) {
                path(&mut phase, who.id(), &run.path);
            }
        }
        if self.methods.contains(Who::Flow) {
            path(&mut phase, "flow", &self.flow_path);
        }
    }
}

impl Exhibit for PassiveAcceleration {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, _: &mut Rng) -> Result<Self> {
        let fixed = Rc::new(Fixed::new(setting)?);
        let n = fixed.begin.len();
        let state = [fixed.begin.as_slice(), &vec![0.0; n]].concat();
        let mut flow_path = Series::new();
        flow_path.push(state[0], state[1]);
        let psi = vec![[0.0, fixed.psi(&state)]];
        let scale = fixed.setting.alpha * fixed.l + fixed.setting.beta;
        let run = |who: Who| Run {
            rule: who.constants(fixed.m, fixed.l),
            x: fixed.begin.clone(),
            path: Series::new(),
            places: Series::new(),
            soon: None,
        };
        let mut exhibit = Self {
            methods: setting.methods.clone(),
            k: 0,
            runs: METHODS.into_iter().map(run).collect(),
            gaps: Curves::new(&METHODS.map(Who::id), 1e-24),
            flow: DormandPrince::new(0.0, state, 0.01 / scale, 1e-9, 1e-11),
            lost: false,
            flow_path,
            psi,
            fixed,
        };
        exhibit.record();
        Ok(exhibit)
    }

    fn length(&self) -> usize {
        STEPS / TOGETHER
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        for _ in 0..TOGETHER {
            self.iterate();
        }
        self.drift();
        if self.k >= STEPS { Progress::Done } else { Progress::Running }
    }

    fn retune(&mut self, setting: &Setting) {
        self.methods = setting.methods.clone();
    }

    fn figures(&self, figures: &mut Figures) {
        let fixed = &self.fixed;
        let Setting { beta, .. } = fixed.setting;
        match &fixed.field {
            None => self.phase(figures),
            Some(field) => {
                let caption = "All start at rest from the ring. Drag it.";
                let labels = ["x", "y", "f"];
                let mut paths = field.figure(figures, "paths", "Their paths", caption, labels);
                for who in self.shown() {
                    if let Some(run) = self.run(who) {
                        path(&mut paths, who.id(), &run.path);
                    }
                }
                if self.methods.contains(Who::Flow) {
                    path(&mut paths, "flow", &self.flow_path);
                }
                start(&mut paths, [fixed.begin[0], fixed.begin[1]], "start");
            }
        }

        if fixed.field.is_none() {
            let caption = match self.shown().next() {
                Some(_) => "Iterate by iterate, at the beginning.",
                None => "The flow moves without jumps; choose a method that iterates.",
            };
            let mut places = figures.figure("places", "Where they jump", caption);
            places.x(Axis::linear("iteration k").domain(0.0, PLACES as f64)).y(Axis::linear("x"));
            places.rule_y([0.0]).dashed();
            for who in self.shown() {
                if let Some(run) = self.run(who) {
                    places.line(run.places.xs(), run.places.ys()).of(who.id());
                    places.dot(run.places.xs(), run.places.ys()).of(who.id()).radius(2.0);
                }
            }
        }

        let caption = "The dashed line falls at triple momentum's rate, by (1 − √(1/κ))² an iteration.";
        let mut gap = figures.figure("gap", "The height above the minimum", caption);
        gap.x(Axis::linear("iteration k").domain(0.0, SOON as f64)).y(Axis::log("(f − f*) / (f₀ − f*)"));
        let rate = 2.0 * log(1.0 - (fixed.m / fixed.l).sqrt());
        let far = (SOON as f64).min(-55.0 / rate);
        gap.line([0.0, far], [1.0, exp(rate * far)]).ink(Ink::Muted).dashed().label("rate of triple momentum");
        for who in self.shown() {
            if let Some(curve) = self.gaps.of(who.id()) {
                let soon = || curve.iter().take_while(|[k, _]| *k <= SOON as f64);
                gap.line(soon().map(|p| p[0]), soon().map(|p| p[1])).of(who.id());
            }
        }

        let caption = match self.decay() {
            Some(slope) => {
                format!("The fitted slope of log ‖ψ‖ is {:.3} times that of the dashed line, −β.", -slope / beta)
            }
            None => "How the flow falls onto the manifold; the dashed line is e^(−βt).".to_owned(),
        };
        let mut psi = figures.figure("psi", "The distance to the manifold", caption);
        let last = (16.0 / beta).min(fixed.end);
        psi.x(Axis::linear("time t").domain(0.0, last)).y(Axis::log("‖ψ‖"));
        let first = self.psi[0][1];
        psi.line([0.0, last], [first, first * exp(-beta * last)]).ink(Ink::Muted).dashed().label("e^(−βt)");
        let curve = || self.psi.iter().filter(|p| p[0] <= last && p[1] > 1e-9 * first);
        psi.line(curve().map(|p| p[0]), curve().map(|p| p[1])).of("flow");
        psi.dot(curve().map(|p| p[0]), curve().map(|p| p[1])).of("flow").radius(2.0);
    }

    fn claim(&self) -> Claim {
        let open = self.k < STEPS;
        let ball = self.run(Who::Ball).filter(|_| !open).map(|run| self.fixed.distance(&run.x));
        let soon = |who| self.run(who).and_then(|run| run.soon);
        let arrived = soon(Who::Nesterov).zip(soon(Who::Triple)).map(|(a, b)| a.max(b));
        let decay = (!open).then(|| self.decay().map_or(0.0, |slope| -slope / self.fixed.setting.beta));
        Claim::new(vec![
            Clause::at_least(
                "After 500 iterations the heavy ball is {value} from the minimum, at least {low}.",
                ball,
                0.5,
            ),
            Clause::at_most(
                "After 200 Nesterov and triple momentum are within {value} of it, at most {high}.",
                arrived,
                1e-10,
            ),
            Clause::within("log ‖ψ‖ falls at {value} times the rate β, from {low} to {high}.", decay, 0.99, 1.01),
        ])
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        vec![
            Scenario::holds(
                "default",
                "The orbit",
                "The ball jumps between three places for ever; whoever looks ahead arrives.",
                default.clone(),
            ),
            Scenario::holds(
                "stiff",
                "α = 1, β = 10",
                "A steeper manifold and a faster fall onto it; ψ still falls exactly as told.",
                Setting { alpha: 1.0, beta: 10.0, x0: -3.0, ..default.clone() },
            ),
            Scenario::fails(
                "undamped",
                "No damping",
                "Without the Hessian term the flow swings about the manifold, and ψ no longer falls at the rate β.",
                Setting { undamped: true, ..default.clone() },
            ),
            Scenario::fails(
                "basin",
                "From 2.5",
                "The orbit has a basin, and this start lies outside it: the ball arrives.",
                Setting { x0: 2.5, ..default.clone() },
            ),
            Scenario::fails(
                "quadratic",
                "A quadratic",
                "What the ball's constants were made for: it is the fastest of all.",
                Setting { objective: Problem::Quadratic, ..default },
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_reference::{difference, list, number, numbers, vectors, wholes, word};
    use proptest::prelude::{prop_assert, proptest};

    fn fixed(setting: Setting) -> Fixed {
        Fixed::new(&setting).unwrap()
    }

    proptest! {
        #[test]
        fn gradients_and_curvatures_are_limits_of_differences(x in -3.0_f64..3.0, y in -3.0_f64..3.0) {
            for objective in [Problem::Pieces, Problem::Quadratic, Problem::Logistic, Problem::Formula] {
                let f = fixed(Setting { objective, ..Setting::default() });
                let (at, v, h) = ([x, y], [0.6, -0.8], 1e-5);
                proptest::prop_assume!((x - 1.0).abs() > 1e-3 && (x - 2.0).abs() > 1e-3);
                let n = f.begin.len();
                let (mut up, mut down, mut g, mut hv) = ([0.0; 2], [0.0; 2], [0.0; 2], [0.0; 2]);
                let moved = |by: f64| [at[0] + by * v[0], at[1] + by * v[1]];
                let higher = f.objective.value_and_gradient(&moved(h)[..n], &mut up[..n]);
                let lower = f.objective.value_and_gradient(&moved(-h)[..n], &mut down[..n]);
                f.objective.value_and_gradient(&at[..n], &mut g[..n]);
                f.objective.hessian_vector(&at[..n], &v[..n], &mut hv[..n]);
                prop_assert!(((higher - lower) / (2.0 * h) - inner(&g[..n], &v[..n])).abs() < 1e-6);
                for i in 0..n {
                    prop_assert!(((up[i] - down[i]) / (2.0 * h) - hv[i]).abs() < 1e-6, "{objective:?}");
                }
            }
        }
    }

    // (d/dt + β)(ẋ + α∇f) = 0: on a parabola of curvature c, x is a sum of e^{-αct} and e^{-βt}.
    #[test]
    fn the_flow_on_a_parabola_is_two_exponentials() {
        let f = fixed(Setting { x0: -2.0, ..Setting::default() });
        let (alpha, beta, c) = (0.2, 2.0, 25.0);
        let mut flow = DormandPrince::new(0.0, vec![-2.0, 0.0], 1e-3, 1e-10, 1e-12);
        while flow.t() < 3.0 {
            flow.step(|_, state, out| f.slope(state, out), 3.0).unwrap();
            let t = flow.t();
            let x = -2.0 * (alpha * c * exp(-beta * t) - beta * exp(-alpha * c * t)) / (alpha * c - beta);
            assert!((flow.y()[0] - x).abs() < 1e-8, "{t}: {} {x}", flow.y()[0]);
        }
    }

    // d⁺ = θd - sθ(g - g') - s(1-θ)g is the flow, discretised: ψ = d + s g' then falls by θ exactly, whatever f is. With
    // the force s in the place of s(1-θ) it is Nesterov's method, written in the points where it looks.
    #[test]
    fn nesterov_is_the_discrete_flow_with_a_stronger_force() {
        let f = fixed(Setting::default());
        let slope = |x: f64| {
            let mut g = [0.0];
            f.objective.value_and_gradient(&[x], &mut g);
            g[0]
        };
        let (s, theta) = (1.0 / 25.0, 2.0 / 3.0);
        let (mut x, mut d, mut before) = (3.3, 0.0, slope(3.3));
        for _ in 0..30 {
            let (psi, g) = (d + s * before, slope(x));
            d = theta * d - s * theta * (g - before) - s * (1.0 - theta) * g;
            assert!((d + s * g - theta * psi).abs() < 1e-12);
            (x, before) = (x + d, g);
        }
        let (mut v, mut d, mut before) = (3.3, 0.0, None);
        let (mut rule, mut y) = (Who::Nesterov.constants(1.0, 25.0), [3.3]);
        for _ in 0..30 {
            rule.advance(&mut y, &mut |seen, g| {
                assert!((seen[0] - v).abs() < 1e-12, "{} {v}", seen[0]);
                f.objective.value_and_gradient(seen, g)
            });
            let g = slope(v);
            // Before the first step it stood still: x' = x.
            d = theta * d - s * theta * (g - before.unwrap_or(0.0)) - s * g;
            (v, before) = (v + d, Some(g));
        }
    }

    #[test]
    fn the_ball_has_an_orbit_of_three() {
        let f = fixed(Setting::default());
        let mut ball = Who::Ball.constants(1.0, 25.0);
        let mut x = [3.3];
        let mut jump = |x: &mut [f64; 1]| {
            ball.advance(x, &mut |x, g| f.objective.value_and_gradient(x, g));
            x[0]
        };
        (0..500).for_each(|_| _ = jump(&mut x));
        let orbit: Vec<f64> = (0..6).map(|_| jump(&mut x)).collect();
        assert!((0..3).all(|k| (orbit[k] - orbit[k + 3]).abs() < 1e-12), "{orbit:?}");
        let mut sorted = orbit[..3].to_vec();
        sorted.sort_by(f64::total_cmp);
        let known = [-1.802, 0.647, 2.116];
        assert!(sorted.iter().zip(known).all(|(x, known)| (x - known).abs() < 1e-3), "{sorted:?}");
    }

    #[test]
    fn newton_finds_where_the_slope_is_zero() {
        for objective in [Problem::Logistic, Problem::Formula] {
            let f = fixed(Setting { objective, ..Setting::default() });
            let mut g = [0.0; 2];
            f.objective.value_and_gradient(&f.minimum, &mut g);
            assert!(g.iter().all(|g| g.abs() < 1e-7), "{objective:?} {g:?}");
        }
    }

    // `tests/reference/passive_acceleration.py`: the methods in their papers' forms, the flow integrated once and solved by
    // SciPy.
    #[test]
    fn methods_and_flow_are_scipys() {
        let vectors = vectors(include_str!("../../../../tests/reference/passive_acceleration.json"));
        let cases = list(&vectors["cases"]);
        assert_eq!(cases.len(), 3);
        for case in cases {
            let (name, start) = (word(&case["problem"]), numbers(&case["start"]));
            let objective = match name {
                "pieces" => Problem::Pieces,
                "quadratic" => Problem::Quadratic,
                _ => Problem::Logistic,
            };
            let mut f = fixed(Setting { objective, ..Setting::default() });
            if objective == Problem::Quadratic {
                f.objective = Objective::Plane(Plane::bowl([25.0, 1.0], 25.0, [0.7, -0.4]));
            }
            let (m, l) = (number(&case["m"]), number(&case["l"]));
            if objective == Problem::Logistic {
                assert!((f.m / m - 1.0).abs() < 1e-12 && (f.l / l - 1.0).abs() < 1e-12);
            }
            for (method, who) in
                [("nesterov", Who::Nesterov), ("triple", Who::Triple), ("ball", Who::Ball), ("descent", Who::Descent)]
            {
                let (mut rule, mut x, mut k) = (who.constants(m, l), start.clone(), 0);
                let mut worst: f64 = 0.0;
                for (kept, expected) in wholes(&case["kept"]).into_iter().zip(list(&case["paths"][method])) {
                    while k < kept {
                        rule.advance(&mut x, &mut |x, g| f.objective.value_and_gradient(x, g));
                        k += 1;
                    }
                    worst = worst.max(difference(&x, &numbers(expected)));
                }
                println!("{name}, {method}: {worst:e} after {k} steps");
                assert!(k == 200 && worst < 1e-10, "{name}, {method}: {worst:e}");
            }
            if case["flow"].is_null() {
                continue;
            }
            (f.setting.alpha, f.setting.beta) = (number(&case["alpha"]), number(&case["beta"]));
            let state = [start, numbers(&case["velocity"])].concat();
            let mut flow = DormandPrince::new(0.0, state, 1e-3, 1e-13, 1e-14);
            let (mut worst, mut steps) = (0.0_f64, 0);
            for (t, expected) in numbers(&case["times"]).into_iter().zip(list(&case["flow"])) {
                while flow.t() < t {
                    flow.step(|_, state, out| f.slope(state, out), t).unwrap();
                    steps += 1;
                }
                worst = worst.max(difference(&flow.y()[..2], &numbers(expected)));
            }
            println!("{name}, flow: {worst:e} after {steps} steps");
            assert!(steps >= 200 && worst < 1e-10, "{name}, flow: {worst:e} after {steps}");
        }
    }
}
