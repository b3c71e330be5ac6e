//! Adam divides by the root of the mean square of the gradient. AdaBelief divides by that of its *surprise*: how far the
//! gradient lies from its own running mean,
//!
//! $$s_t=\beta_2s_{t-1}+(1-\beta_2)(g_t-m_t)^2+\epsilon,$$
//! $$\theta_{t+1}=\theta_t-\alpha\,\hat m_t/(\sqrt{\hat s_t}+\epsilon).$$
//!
//! Everything else is Adam. Where the gradient does what was foreseen, $s$ is small and the step is long.
//!
//! The third picture shows the change at work: at the same rate $\alpha$ AdaBelief's step for a unit of gradient grows to
//! many times Adam's while both walk down the side of the bowl, where the gradient hardly turns. So it needs a fifth of
//! Adam's steps here, and it is ahead on all five of the paper's functions from one start. Under a perfectly steady
//! gradient one can say by how much: the deviation is $\beta_1^tg$, and after $t$ steps the ratio squared is
//! $(1-\beta_2^t)(1-\beta_1^2)/((1-\beta_2)\beta_2^t\beta_1^2)$, about 400 at $t=1000$.
//!
//! **Try** the gradient noise, which is measured in units of the first gradient. At a tenth little changes on the
//! bowl. At one, $g-m$ is mostly noise, $s$ comes near $v$, and the advantage is gone. Try the tilted pyramid: along
//! its crease the gradient jumps at every step, and a jumping gradient cannot be foreseen.
//!
//! **Where it stops.** The comparison is at equal $\alpha=0.001$, as in the paper's figure, and at that rate Adam crawls.
//! Give Adam five times the rate and the claim fails; at the best of a few rates it is ahead of AdaBelief. Gradient
//! descent with momentum at the same $\alpha$ beats both on the bowl and flies off Rosenbrock's walls. So the pictures
//! show a longer step, chosen where it is safe, rather than a better direction.
//!
//! With $\beta_1=0$ the mean is the gradient, $s$ is $\epsilon$ alone, and the steps explode. A large $\epsilon$
//! matters only where squared surprises $(g-m)^2$ are below $\epsilon/(1-\beta_2)$: on the bowl $10^{-4}$ changes
//! nothing, on $|x|+|y|$ it makes 1632 steps of 580 (Adam: 4931). On the network (200 digits, to a tenth of the first
//! loss) AdaBelief needs two thirds of Adam's steps; in the GAN, whose generator learns a normal law's mean and width
//! (to a twentieth), a sixth. Rectification and weight decay are left out.

use crate::curves::Curves;
use crate::plane::{Classic, Field, Plane, Window, minima, path, start};
use crate::problems::Classifier;
use orrery_core::prelude::*;
use orrery_kernels::math::{powi, sigmoid};
use orrery_kernels::optim::{AdaBelief, Adam, Optimizer, Sgd};
use orrery_kernels::random::normals;
use std::rc::Rc;

const CARD: Card = Card {
    slug: "adabelief",
    title: "AdaBelief Optimizer: Adapting Stepsizes by the Belief in Observed Gradients",
    year: 2020,
    lists: &[4],
    claim: "Dividing by how far the gradient was from what was expected takes long steps where it can be foreseen.",
    algorithms: &["AdaBelief", "Adam", "SGD with momentum", "adaptive step size", "generative adversarial network"],
    contenders: &[
        Contender::paper("adabelief", "AdaBelief"),
        Contender::baseline("adam", "Adam"),
        Contender::baseline("sgd", "SGD with momentum"),
        Contender::baseline("best", "Adam at its best rate"),
    ],
};

/// What is minimised.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Problem {
    /// $(x+y)^2+(x-y)^2/10$.
    #[choice("tilted bowl")]
    TiltedBowl,
    /// $|x|+|y|$.
    #[choice("|x| + |y|")]
    Absolute,
    /// $|x+y|+|x-y|/10$.
    #[choice("|x + y| + |x − y|/10")]
    TiltedAbsolute,
    /// Beale's function.
    #[choice("Beale")]
    Beale,
    /// Rosenbrock's function.
    #[choice("Rosenbrock")]
    Rosenbrock,
    /// 64-8-10, tanh, 32 examples a step.
    #[choice("small network on digits")]
    Network,
    /// A generator of two parameters against a discriminator of three.
    #[choice("GAN in one dimension")]
    Gan,
}

const PLANES: [(Problem, Classic); 5] = [
    (Problem::TiltedBowl, Classic::TiltedBowl),
    (Problem::Absolute, Classic::Absolute),
    (Problem::TiltedAbsolute, Classic::TiltedAbsolute),
    (Problem::Beale, Classic::Beale),
    (Problem::Rosenbrock, Classic::Rosenbrock),
];

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// What is minimised.
    #[control(label = "function", default = Problem::TiltedBowl)]
    pub function: Problem,
    /// α, the same for all three.
    #[control(label = "learning rate α", range = 1e-4..=0.1, log, default = 1e-3)]
    pub rate: f64,
    /// Adam's rate in units of α.
    #[control(label = "Adam's rate, in α", range = 0.1..=100.0, log, default = 1.0)]
    pub factor: f64,
    /// How long the mean of gradients remembers; also the momentum of SGD.
    #[control(label = "β₁", range = 0.0..=0.99, default = 0.9)]
    pub beta1: f64,
    /// How long the mean of squares remembers.
    #[control(label = "β₂", range = 0.9..=0.9999, default = 0.999)]
    pub beta2: f64,
    /// What AdaBelief adds to its squares at every step. Adam's own ε stays at 10⁻⁸.
    #[control(label = "ε", range = 1e-16..=1e-4, log, default = 1e-16)]
    pub epsilon: f64,
    /// Normal noise on every gradient; 1 is as long as the first gradient.
    #[control(label = "gradient noise", range = 0.0..=3.0, default = 0.0)]
    pub noise: f64,
    /// Where all begin, on every function of two variables. Drag it.
    #[control(label = "start", count = 1..=1, domain = [[-6.0, 6.0], [-6.0, 6.0]], default = [[-5.0, -2.0]].into(), when = ("function", ["tilted-bowl", "absolute", "tilted-absolute", "beale", "rosenbrock"]))]
    pub start: Points,
}

/// The law to be learnt by the GAN.
const TRUTH: [f64; 2] = [2.0, 0.5];

/// The generator $G(z)=a+sz$ against the discriminator $D(x)=\sigma(wx+ux^2+c)$, with $\theta=(a,s,w,u,c)$: writes the
/// gradient of each player's own loss, $-\log D(G)$ for the generator, $-\log D(x)-\log(1-D(G))$ for the discriminator.
fn gan(theta: &[f64], noise: &[f64], data: &[f64], g: &mut [f64]) {
    let [a, s, w, u, c] = [theta[0], theta[1], theta[2], theta[3], theta[4]];
    g.fill(0.0);
    let share = 1.0 / noise.len() as f64;
    for (&z, &x) in noise.iter().zip(data) {
        let y = a + s * z;
        let real = sigmoid(w * x + u * x * x + c);
        let fake = sigmoid(w * y + u * y * y + c);
        let by_y = -(1.0 - fake) * (w + 2.0 * u * y);
        let (e, f) = (real - 1.0, fake);
        let terms = [by_y, by_y * z, e * x + f * y, e * x * x + f * y * y, e + f];
        g.iter_mut().zip(terms).for_each(|(g, term)| *g += share * term);
    }
}

enum Objective {
    Plane(Plane),
    Network(Classifier),
    Gan,
}

/// One problem with what is known of it.
struct Track {
    objective: Objective,
    begin: Vec<f64>,
    /// The value at the start.
    first: f64,
    /// What is added to each part of a gradient is this, times a normal number.
    noise: f64,
    /// The share of the first value that is to be reached.
    target: f64,
}

impl Track {
    fn new(objective: Objective, begin: Vec<f64>, target: f64, noise: f64, rng: &Rng) -> Self {
        let mut track = Self { objective, begin, first: 1.0, noise: 0.0, target };
        track.first = track.value(&track.begin);
        let mut g = vec![0.0; track.begin.len()];
        track.gradient(&track.begin, &mut rng.clone(), &mut g);
        let square: f64 = g.iter().map(|g| g * g).sum();
        track.noise = noise * (square / g.len() as f64).sqrt();
        track
    }

    fn value(&self, x: &[f64]) -> f64 {
        match &self.objective {
            Objective::Plane(f) => f.value(x),
            Objective::Network(network) => network.value(x),
            Objective::Gan => {
                let (mean, width) = (x[0] - TRUTH[0], x[1].abs() - TRUTH[1]);
                mean * mean + width * width
            }
        }
    }

    fn gradient(&self, x: &[f64], rng: &mut Rng, g: &mut [f64]) {
        match &self.objective {
            Objective::Plane(f) => {
                f.value_and_gradient(x, g);
            }
            Objective::Network(network) => {
                let rows = network.batch(32, rng);
                network.value_and_gradient(x, &rows, g);
            }
            Objective::Gan => {
                let noise = normals(32, rng);
                let data: Vec<f64> = normals(32, rng).iter().map(|n| TRUTH[0] + TRUTH[1] * n).collect();
                gan(x, &noise, &data, g);
            }
        }
        if self.noise > 0.0 {
            g.iter_mut().for_each(|g| *g += self.noise * rng.sample::<f64, _>(StandardNormal));
        }
    }

    /// How often the value is looked at: it costs most where it is over all examples.
    fn every(&self) -> usize {
        if matches!(self.objective, Objective::Network(_)) { 10 } else { 1 }
    }
}

#[derive(Clone)]
enum Rule {
    AdaBelief(AdaBelief),
    Adam(Adam),
    Sgd(Sgd),
}

/// One method on one problem.
#[derive(Clone)]
struct Lane {
    track: usize,
    contender: usize,
    rule: Rule,
    x: Vec<f64>,
    g: Vec<f64>,
    rng: Rng,
    k: usize,
    arrived: Option<usize>,
    lost: bool,
}

const IDS: [&str; 4] = ["adabelief", "adam", "sgd", "best"];

/// The rates, in α, of which the best one is Adam's best.
const RATES: [f64; 5] = [2.0, 5.0, 10.0, 20.0, 50.0];

impl Lane {
    fn new(track: usize, contender: usize, factor: f64, fixed: &Fixed, rng: &Rng) -> Self {
        let begin = &fixed.tracks[track].begin;
        let n = begin.len();
        let Setting { rate, beta1, beta2, epsilon, .. } = fixed.setting;
        let rule = match contender {
            // s ← β₂s + (1-β₂)(g - m)² + ε,  θ ← θ - α m̂ / (√ŝ + ε)
            0 => {
                let mut rule = AdaBelief::new(n, rate, [beta1, beta2]);
                rule.epsilon = epsilon;
                Rule::AdaBelief(rule)
            }
            // m ← μm + g,  θ ← θ - αm
            2 => Rule::Sgd(Sgd::new(n, rate, beta1)),
            // v ← β₂v + (1-β₂)g²,  θ ← θ - α m̂ / (√v̂ + 10⁻⁸)
            _ => Rule::Adam(Adam::new(n, factor * rate, [beta1, beta2])),
        };
        let (x, g) = (begin.clone(), vec![0.0; n]);
        Self { track, contender, rule, x, g, rng: rng.clone(), k: 0, arrived: None, lost: false }
    }

    /// One step; gives the value before it, where it was looked at.
    fn advance(&mut self, track: &Track) -> Option<f64> {
        let value = self.k.is_multiple_of(track.every()).then(|| track.value(&self.x));
        if let Some(value) = value {
            if !(value.abs() < 1e12 && self.x.iter().all(|x| x.abs() < 1e8)) {
                self.lost = true;
                return None;
            }
            if value <= track.target * track.first && self.arrived.is_none() {
                self.arrived = Some(self.k);
            }
        }
        track.gradient(&self.x, &mut self.rng, &mut self.g);
        match &mut self.rule {
            Rule::AdaBelief(rule) => rule.step(&mut self.x, &self.g),
            Rule::Adam(rule) => rule.step(&mut self.x, &self.g),
            Rule::Sgd(rule) => rule.step(&mut self.x, &self.g),
        }
        self.k += 1;
        value
    }

    /// How far a unit of the mean gradient moves a parameter: α/√v̂ or α/√ŝ.
    fn stretch(&self, parameter: usize) -> Option<f64> {
        let (rate, beta2, square) = match &self.rule {
            Rule::AdaBelief(rule) => (rule.rate, rule.beta[1], rule.belief()[parameter]),
            Rule::Adam(rule) => (rule.rate, rule.beta[1], rule.square()[parameter]),
            Rule::Sgd(_) => return None,
        };
        let corrected = square / (1.0 - powi(beta2, self.k as i32));
        (corrected > 0.0).then(|| rate / corrected.sqrt())
    }
}

/// What does not change during a run.
struct Fixed {
    setting: Setting,
    /// The chosen problem first, then the functions of two variables that were not chosen.
    tracks: Vec<Track>,
    /// Their places among [`PLANES`].
    places: Vec<Option<usize>>,
    field: Option<Field>,
    minima: Vec<[f64; 2]>,
    /// The parameters whose steps are drawn.
    shown: [usize; 2],
    steps: usize,
}

/// The exhibit.
#[derive(Clone)]
pub struct AdaBeliefRace {
    fixed: Rc<Fixed>,
    lanes: Vec<Lane>,
    curves: Curves,
    paths: [Series; 3],
    /// Of AdaBelief and of Adam, for both shown parameters.
    stretches: [[Series; 2]; 2],
    t: usize,
}

impl AdaBeliefRace {
    /// The steps a contender took on the chosen problem, if it arrived.
    fn arrived(&self, track: usize, contender: usize) -> Option<usize> {
        let lanes = self.lanes.iter().filter(|lane| lane.track == track && lane.contender == contender);
        lanes.filter_map(|lane| lane.arrived).min()
    }

    /// Whether nothing is left to come of a contender on a problem.
    fn settled(&self, track: usize, contender: usize) -> bool {
        let mut lanes = self.lanes.iter().filter(|lane| lane.track == track && lane.contender == contender);
        self.t >= self.fixed.steps || lanes.all(|lane| lane.arrived.is_some() || lane.lost)
    }

    /// AdaBelief's steps over Adam's. One that does not arrive took at least all steps there are.
    fn ratio(&self, track: usize) -> Option<f64> {
        let [ours, adams] = [0, 1].map(|contender| self.arrived(track, contender));
        if ours.is_none() && self.settled(track, 0) {
            // Not arrived: nothing was saved.
            return Some(self.fixed.steps as f64 / adams.unwrap_or(self.fixed.steps) as f64);
        }
        let settled = adams.is_some() || self.settled(track, 1);
        settled.then_some(ours? as f64 / adams.unwrap_or(self.fixed.steps).max(1) as f64)
    }
}

impl Exhibit for AdaBeliefRace {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let at = setting.start.0[0];
        let noise = setting.noise;
        let plane = |classic: Classic| {
            let objective = Objective::Plane(Plane::classic(classic));
            Track::new(objective, at.to_vec(), 0.01, noise, rng)
        };
        let chosen = PLANES.iter().position(|(problem, _)| *problem == setting.function);
        let (mut tracks, mut places) = (Vec::new(), Vec::new());
        let (mut field, mut known, mut shown) = (None, Vec::new(), [0, 1]);
        let steps = match (setting.function, chosen) {
            (_, Some(place)) => {
                let classic = PLANES[place].1;
                let others = (0..PLANES.len()).filter(|other| *other != place);
                for place in std::iter::once(place).chain(others) {
                    tracks.push(plane(PLANES[place].1));
                    places.push(Some(place));
                }
                if tracks[0].first <= 1e-9 {
                    return Err(Error::of("start", "is the minimum itself: there is nothing to reach"));
                }
                let Window { x: [left, right], y: [low, high] } = classic.window();
                // Down Rosenbrock's wall the paths overshoot.
                let high = if classic == Classic::Rosenbrock { high + 1.0 } else { high };
                let reach = |low: f64, high: f64, at: f64| [low.min(at - 0.5), high.max(at + 0.5)];
                let window = Window { x: reach(left, right, at[0]), y: reach(low, high, at[1]) };
                let f = Plane::classic(classic);
                field = Some(Field::new(window, |x| f.value(&x)));
                known = classic.minima().to_vec();
                20_000
            }
            (Problem::Network, _) => {
                let network = Classifier::digits(200, &[8], rng);
                let theta = network.initial(rng);
                shown = [theta.len() - 2, theta.len() - 1];
                tracks.push(Track::new(Objective::Network(network), theta, 0.1, noise, rng));
                places.push(None);
                2000
            }
            _ => {
                let track = Track::new(Objective::Gan, vec![-2.0, 1.0, 0.0, 0.0, 0.0], 0.05, noise, rng);
                field = Some(Field::new(Window { x: [-3.0, 4.0], y: [-2.5, 2.5] }, |x| track.value(&x)));
                known = vec![TRUTH];
                tracks.push(track);
                places.push(None);
                8000
            }
        };
        let fixed = Fixed { setting: setting.clone(), tracks, places, field, minima: known, shown, steps };
        let mut lanes = Vec::new();
        for track in 0..fixed.tracks.len() {
            lanes.extend((0..3).map(|contender| {
                let factor = if contender == 1 { setting.factor } else { 1.0 };
                Lane::new(track, contender, factor, &fixed, rng)
            }));
            // The network is too slow for more than two of them.
            let few = if setting.function == Problem::Network { 1..3 } else { 0..RATES.len() };
            lanes.extend(RATES[few].iter().map(|&factor| Lane::new(track, 3, factor, &fixed, rng)));
        }
        Ok(Self {
            fixed: Rc::new(fixed),
            lanes,
            curves: Curves::new(&IDS[..3], 1e-12),
            paths: Default::default(),
            stretches: Default::default(),
            t: 0,
        })
    }

    fn length(&self) -> usize {
        200
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        let fixed = Rc::clone(&self.fixed);
        let share = fixed.steps / 200;
        for lane in &mut self.lanes {
            let track = &fixed.tracks[lane.track];
            let drawn = lane.track == 0 && lane.contender < 3;
            for _ in 0..share {
                // Who is not drawn has nothing more to say once it arrived.
                if lane.lost || (!drawn && lane.arrived.is_some()) {
                    break;
                }
                let (k, here) = (lane.k, [lane.x[0], lane.x[1]]);
                let value = lane.advance(track);
                if !drawn || lane.lost {
                    continue;
                }
                // From 1, as the axis is logarithmic.
                if let Some(value) = value {
                    self.curves.push(IDS[lane.contender], (k + 1) as f64, value);
                }
                self.paths[lane.contender].push(here[0], here[1]);
                if lane.contender < 2 {
                    for (series, &parameter) in self.stretches[lane.contender].iter_mut().zip(&fixed.shown) {
                        if let Some(stretch) = lane.stretch(parameter) {
                            series.push((k + 1) as f64, stretch.clamp(1e-12, 1e12));
                        }
                    }
                }
            }
        }
        self.t += share;
        if self.t >= fixed.steps { Progress::Done } else { Progress::Running }
    }

    fn figures(&self, figures: &mut Figures) {
        let fixed = &self.fixed;
        let gan = fixed.setting.function == Problem::Gan;
        if let Some(field) = &fixed.field {
            let (caption, labels) = if gan {
                (
                    "The generator's mean and width on their way to those of the data. The width's sign does not matter.",
                    ["mean a", "width s", "distance²"],
                )
            } else if fixed.setting.factor == 1.0 {
                ("The same start, the same rate. Drag the start.", ["x", "y", "f"])
            } else {
                ("The same start; Adam has a rate of its own. Drag the start.", ["x", "y", "f"])
            };
            let mut figure = field.figure(figures, "path", "Where they go", caption, labels);
            for (id, series) in IDS.iter().zip(&self.paths) {
                path(&mut figure, id, series);
            }
            minima(&mut figure, &fixed.minima, if gan { "the data" } else { "minimum" });
            if !gan {
                start(&mut figure, fixed.setting.start.0[0], "start");
            }
        }

        let track = &fixed.tracks[0];
        let share = track.target;
        let value = if gan { "distance²" } else { "loss" };
        let caption = format!("The rule is {share} of the first value: who is there first?");
        let labels = ["step", value];
        let mut loss = figures.figure("loss", "The way down", caption);
        loss.x(Axis::log(labels[0]).domain(1.0, fixed.steps as f64)).y(Axis::log(labels[1]));
        loss.rule_y([share * track.first]).ink(Ink::Muted).dashed();
        self.curves.draw(&mut loss);

        let caption =
            "How far a unit of the mean gradient moves a parameter: α/√v̂ and α/√ŝ. Solid and dashed: two parameters.";
        let mut stretch = figures.figure("stretch", "The effective step", caption);
        stretch.x(Axis::log("step").domain(1.0, fixed.steps as f64)).y(Axis::log("α/√v̂, α/√ŝ"));
        for (id, pair) in IDS.iter().zip(&self.stretches) {
            // The solid one first: the legend shows it.
            stretch.line(pair[0].xs(), pair[0].ys()).of(id);
            stretch.line(pair[1].xs(), pair[1].ys()).of(id).dashed();
        }

        if fixed.places.len() == PLANES.len() {
            let caption = "Steps to a hundredth of the first value, on all five functions. Missing: not within 20 000.";
            let mut all = figures.figure("all", "On all functions", caption);
            let names = ["bowl", "|x|+|y|", "tilted", "Beale", "Rosen."];
            let arrived = self.lanes.iter().filter_map(|lane| lane.arrived);
            let least = arrived.min().unwrap_or(20).max(1) as f64;
            all.x(Axis::categories("function", names));
            all.y(Axis::log("steps").domain((0.8 * least).min(20.0), 20_000.0));
            for (contender, id) in IDS.iter().enumerate() {
                let found = fixed.places.iter().enumerate().filter_map(|(track, place)| {
                    let steps = self.arrived(track, contender)?;
                    (contender < 3 || self.settled(track, 3)).then_some([(*place)? as f64, steps.max(1) as f64])
                });
                let found: Vec<[f64; 2]> = found.collect();
                let symbol = if contender == 0 { Symbol::Disc } else { Symbol::Ring };
                let (xs, ys) = (found.iter().map(|p| p[0]), found.iter().map(|p| p[1]));
                all.dot(xs, ys).of(id).symbol(symbol).radius(6.0);
            }
        }
    }

    fn claim(&self) -> Claim {
        let target = self.fixed.tracks[0].target;
        let steps = self.fixed.steps;
        let missed = [0, 1].map(|contender| self.arrived(0, contender).is_none() && self.settled(0, contender));
        let text = match missed {
            [false, false] => {
                format!("To {target} of the first value AdaBelief takes {{value}} of Adam's steps, at most {{high}}.")
            }
            [false, true] => format!(
                "To {target} of the first value, where Adam does not come in {steps} steps, AdaBelief takes {{value}} of \
                 these, at most {{high}}."
            ),
            [true, false] => format!(
                "In {steps} steps, {{value}} of Adam's, AdaBelief does not come to {target} of the first value; at most \
                 {{high}}."
            ),
            [true, true] => format!(
                "In {steps} steps neither AdaBelief nor Adam comes to {target} of the first value: nothing is saved, \
                 {{value}}, at most {{high}}."
            ),
        };
        let mut clauses = vec![Clause::at_most(text, self.ratio(0), 1.0 / 3.0)];
        if self.fixed.places.len() == PLANES.len() {
            let ratios: Option<Vec<f64>> = (0..PLANES.len()).map(|track| self.ratio(track)).collect();
            let ahead = ratios.map(|ratios| ratios.iter().filter(|ratio| **ratio < 1.0).count() as f64);
            clauses.push(Clause::at_least(
                "It is ahead of Adam on {value} of the five functions, at least {low}.",
                ahead,
                5.0,
            ));
        }
        Claim::new(clauses)
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        vec![
            Scenario::holds(
                "default",
                "A tilted bowl",
                "The gradient hardly turns on the way down: AdaBelief's steps grow, Adam's do not.",
                default.clone(),
            ),
            Scenario::holds(
                "rosenbrock",
                "Rosenbrock",
                "Down the steep wall in a fifth of Adam's steps; SGD at this rate flies off.",
                Setting { function: Problem::Rosenbrock, ..default.clone() },
            ),
            Scenario::holds(
                "gan",
                "A GAN in one dimension",
                "The generator's mean has a long, steady way to go; the width is learnt by none of them at this rate.",
                Setting { function: Problem::Gan, ..default.clone() },
            ),
            Scenario::fails(
                "crease",
                "Along a crease",
                "The gradient jumps across the crease at every step: what jumps cannot be foreseen.",
                Setting { function: Problem::TiltedAbsolute, ..default.clone() },
            ),
            Scenario::fails(
                "noise",
                "Noise",
                "With noise as large as the first gradient g − m is mostly noise, and s is nearly v.",
                Setting { noise: 1.0, ..default.clone() },
            ),
            Scenario::fails(
                "tuned",
                "Adam at five times the rate",
                "Most of the advantage is a longer step, and Adam can be given one.",
                Setting { factor: 5.0, ..default },
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_core::compute::{Answer, CPU, Engine, Local, Plan};

    // The essay's formula: under a steady gradient, how much longer AdaBelief's step is than Adam's.
    #[test]
    fn under_a_steady_gradient_the_ratio_of_steps_is_the_essays() {
        let [b1, b2] = [0.9, 0.999];
        let mut belief = AdaBelief::new(1, 1e-3, [b1, b2]);
        belief.epsilon = 0.0;
        let mut adam = Adam::new(1, 1e-3, [b1, b2]);
        adam.epsilon = 0.0;
        let (mut x, mut y) = ([0.0], [0.0]);
        for t in 1..=1500 {
            let before = [x[0], y[0]];
            belief.step(&mut x, &[5.0]);
            adam.step(&mut y, &[5.0]);
            let ratio = (x[0] - before[0]) / (y[0] - before[1]);
            // Σ β₂^(t-τ) β₁^(2τ) is a geometric series; the essay gives its limit for long runs, with β₂ ≈ 1 in it.
            let q = b1 * b1 / b2;
            let series = powi(b2, t) * q * (1.0 - powi(q, t)) / (1.0 - q);
            let expected = (1.0 - powi(b2, t)) / ((1.0 - b2) * series);
            assert!((ratio * ratio / expected - 1.0).abs() < 1e-9, "{t}: {} {expected}", ratio * ratio);
        }
    }

    #[test]
    fn each_player_of_the_gan_descends_its_own_loss() {
        let theta = [0.3, 0.8, 0.4, -0.2, 0.1];
        let (z, data) = ([0.5, -1.2, 0.3], [2.1, 1.7, 2.4]);
        let loss = |theta: &[f64], player: usize| -> f64 {
            let d = |x: f64| sigmoid(theta[2] * x + theta[3] * x * x + theta[4]);
            let fakes: Vec<f64> = z.iter().map(|z| d(theta[0] + theta[1] * z)).collect();
            let log = orrery_kernels::math::log;
            let sum: f64 = if player == 0 {
                fakes.iter().map(|fake| -log(*fake)).sum()
            } else {
                data.iter().map(|x| -log(d(*x))).sum::<f64>() + fakes.iter().map(|fake| -log(1.0 - fake)).sum::<f64>()
            };
            sum / 3.0
        };
        let mut g = [0.0; 5];
        gan(&theta, &z, &data, &mut g);
        for k in 0..5 {
            let moved = |by: f64| {
                let mut theta = theta;
                theta[k] += by;
                loss(&theta, usize::from(k > 1))
            };
            assert!(((moved(1e-6) - moved(-1e-6)) / 2e-6 - g[k]).abs() < 1e-8, "{k}");
        }
    }

    struct NoProducts;

    impl Engine for NoProducts {
        fn run<'a>(&'a self, _: &'a Plan) -> Local<'a, Answer> {
            Box::pin(async { Answer { entries: Vec::new(), by: CPU.into() } })
        }
    }

    // With ε alone left in s, at β₁ = 0, the step is enormous: the run is called lost, and nothing is drawn of it.
    #[test]
    fn without_memory_it_is_lost_and_the_claim_fails() {
        let setting = Setting { beta1: 0.0, ..Setting::default() };
        let mut run = AdaBeliefRace::new(&setting, &mut Rng::seed_from_u64(0)).unwrap();
        let compute = Compute::new(Rc::new(NoProducts));
        while pollster::block_on(run.step(&compute)) == Progress::Running {}
        assert!(run.lanes[0].lost);
        assert_eq!(run.claim().verdict, Verdict::Fails);
    }
}
