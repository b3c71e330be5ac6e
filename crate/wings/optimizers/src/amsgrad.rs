//! Adam divides each step by the root of a *running* mean of squared gradients, and a running mean forgets. Reddi, Kale
//! and Kumar found that this can be fatal. Let the cost be $f_t(x)=Cx$ once in three steps and $f_t(x)=-x$ otherwise,
//! on $[-1,1]$ with $C>2$. The costs add up to a rising line, so the best point is $x=-1$. But the one large gradient
//! inflates $v_t$ at the very moment when it is used, and is forgotten when the two small ones come: they push to the
//! right with nearly full steps, and Adam ends at $x=+1$, the worst point there is. Its regret grows in proportion to
//! time.
//!
//! The repair is one line. AMSGrad keeps the greatest mean so far,
//! $$\hat v_t=\max(\hat v_{t-1},v_t),\qquad x_{t+1}=\Pi\Bigl(x_t-\frac{\alpha}{\sqrt t}\frac{m_t}{\sqrt{\hat v_t}}\Bigr),$$
//! so that a step per gradient can never grow again. The third picture shows it: Adam's step dips at each rare gradient,
//! AMSGrad's does not move.
//!
//! **Try** dragging $\beta_2$ across the edge in the last picture. That map is made by running Adam in every cell; the
//! line on it is arithmetic: where the three steps of one period, at the steady state of $v$, cancel. With
//! $\beta_2=0.999$ Adam remembers some hundreds of periods and is right. Momentum shrinks the region too.
//!
//! RMSProp is Adam with $\beta_1=0$, so at the defaults it is Adam, to rounding. AdamNC forgets ever less,
//! $\beta_{2,t}=1-1/t$; for $\beta_1=0$ it is AdaGrad.
//!
//! The paper's larger versions are here as well: a gradient of 1010 among hundreds of $-10$, at regular times or by
//! chance (there the regret is that of the expected cost). They show the price of the repair: with $\hat v$ fixed at
//! its worst, AMSGrad needs a hundred thousand steps and more to cross the interval, and by chance, with $\alpha=0.5$, two
//! million do not suffice.
//!
//! **Where it stops:** nothing here says that AMSGrad is faster on real data, though the paper hopes so. On the
//! handwritten digits (softmax regression, one image a step, no projection, average loss in place of regret) the
//! gradients shrink as the model learns, $\hat v$ holds on to the early ones, and AMSGrad gains little or loses. The
//! clause on digits asks for a gain of a tenth, and fails.
//!
//! None of the rules corrects its means for their start, as in the paper's analysis. All begin at $x=0$.

use orrery_core::prelude::*;
use orrery_kernels::data::{Table as Examples, digits};
use orrery_kernels::math::{exp, log, log_spaced, log_sum_exp};
use orrery_kernels::optim::{Adagrad, Adam, AmsGrad, Optimizer, RmsProp, Sgd};
use std::collections::VecDeque;
use std::rc::Rc;

const CARD: Card = Card {
    slug: "amsgrad",
    title: "On the Convergence of Adam and Beyond",
    year: 2018,
    lists: &[1],
    claim: "Adam can converge to the worst point of a convex problem; never letting its steps grow repairs it.",
    algorithms: &[
        "AMSGrad",
        "Adam",
        "AdamNC",
        "RMSProp",
        "AdaGrad",
        "stochastic gradient descent",
        "online convex optimization",
        "regret",
    ],
    contenders: &[
        Contender::paper("amsgrad", "AMSGrad"),
        Contender::baseline("adam", "Adam"),
        Contender::baseline("rmsprop", "RMSProp"),
        Contender::baseline("adagrad", "AdaGrad"),
        Contender::baseline("sgd", "SGD"),
        Contender::paper("adamnc", "AdamNC"),
    ],
};

/// Where the gradients come from.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Stream {
    /// The paper's counterexample.
    #[choice("C, −1, −1, C, …")]
    Periodic3,
    /// Its larger version.
    #[choice("1010, then 100 times −10")]
    Periodic101,
    /// The same by chance.
    #[choice("1010 with probability 0.01")]
    Stochastic,
    /// Real data.
    #[choice("handwritten digits")]
    Digits,
}

/// Whose lines are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Shown {
    /// Every rule.
    #[choice("all")]
    All,
    /// The two of the claim.
    #[choice("Adam and AMSGrad")]
    Both,
    /// One rule.
    #[choice("Adam")]
    Adam,
    /// One rule.
    #[choice("AMSGrad")]
    Amsgrad,
    /// One rule.
    #[choice("RMSProp")]
    Rmsprop,
    /// One rule.
    #[choice("SGD")]
    Sgd,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// The costs that arrive one by one.
    #[control(label = "stream", default = Stream::Periodic3)]
    pub stream: Stream,
    /// The rare, large gradient. Above 2 the best point is −1.
    #[control(label = "C", range = 2.1..=1010.0, log, default = 3.0, when = ("stream", "periodic3"))]
    pub c: f64,
    /// How long the momentum remembers.
    #[control(label = "β₁", range = 0.0..=0.99, default = 0.0)]
    pub beta1: f64,
    /// How long the mean of squares remembers. The paper's counterexample has 1/(1 + C²).
    #[control(label = "β₂", range = 0.0..=0.9999, default = 0.1)]
    pub beta2: f64,
    /// The length of the steps, which fall as α/√t.
    #[control(label = "α", range = 0.01..=2.0, log, default = 0.5)]
    pub alpha: f64,
    /// How many costs arrive; of the digits, where a step moves 650 weights, a tenth of that.
    #[control(label = "steps T", range = 1000..=2_000_000, log, default = 200_000)]
    pub horizon: usize,
    /// Whose lines are drawn. All of them run.
    #[control(label = "show", default = Shown::All, live)]
    pub show: Shown,
}

impl Setting {
    /// The steps that are taken.
    fn steps(&self) -> usize {
        if self.stream == Stream::Digits { self.horizon / 10 } else { self.horizon }
    }
}

/// The rules, in the order of the contenders.
#[derive(Clone)]
enum Rule {
    Amsgrad(AmsGrad),
    Adam(Adam),
    Rmsprop(RmsProp),
    Adagrad(Adagrad),
    Sgd(Sgd),
    /// Adam with $\beta_{2,t}=1-1/t$.
    AdamNc(Adam),
}

const IDS: [&str; 6] = ["amsgrad", "adam", "rmsprop", "adagrad", "sgd", "adamnc"];

impl Rule {
    /// All of them for `n` parameters. The paper divides by √v alone; `epsilon` is for features that are always zero.
    fn all(n: usize, setting: &Setting, epsilon: f64) -> [Self; 6] {
        let Setting { beta1, beta2, alpha, .. } = *setting;
        let mut amsgrad = AmsGrad::new(n, alpha, [beta1, beta2]);
        (amsgrad.corrected, amsgrad.epsilon) = (false, epsilon);
        let mut adam = Adam::new(n, alpha, [beta1, beta2]);
        (adam.corrected, adam.epsilon) = (false, epsilon);
        let (mut rmsprop, mut adagrad) = (RmsProp::new(n, alpha, beta2), Adagrad::new(n, alpha, 0.0));
        (rmsprop.epsilon_root, adagrad.epsilon_root) = (epsilon * epsilon, epsilon * epsilon);
        [
            Self::Amsgrad(amsgrad),
            Self::Adam(adam.clone()),
            Self::Rmsprop(rmsprop),
            Self::Adagrad(adagrad),
            Self::Sgd(Sgd::new(n, alpha, 0.0)),
            Self::AdamNc(adam),
        ]
    }

    /// Step `t` (from 1) by the gradient `g` at `x`.
    fn step(&mut self, t: usize, alpha: f64, x: &mut [f64], g: &[f64]) {
        // α_t = α/√t
        let rate = alpha / (t as f64).sqrt();
        match self {
            // m ← β₁m + (1-β₁)g,  v ← β₂v + (1-β₂)g²,  v̂ ← max(v̂, v),  x ← x - α_t m/√v̂
            Self::Amsgrad(rule) => {
                rule.rate = rate;
                rule.step(x, g);
            }
            // x ← x - α_t m/√v
            Self::Adam(rule) => {
                rule.rate = rate;
                rule.step(x, g);
            }
            // x ← x - α_t g/√v
            Self::Rmsprop(rule) => {
                rule.rate = rate;
                rule.step(x, g);
            }
            // x ← x - α g/√(Σg²)
            Self::Adagrad(rule) => rule.step(x, g),
            // x ← x - α_t g
            Self::Sgd(rule) => {
                rule.rate = rate;
                rule.step(x, g);
            }
            // v ← (1-1/t)v + g²/t
            Self::AdamNc(rule) => {
                rule.rate = rate;
                rule.beta[1] = 1.0 - 1.0 / t as f64;
                rule.step(x, g);
            }
        }
    }

    /// $v$ or $\hat v$ of one parameter.
    fn square(&self, parameter: usize) -> Option<f64> {
        match self {
            Self::Amsgrad(rule) => rule.greatest().get(parameter).copied(),
            Self::Adam(rule) => rule.square().get(parameter).copied(),
            _ => None,
        }
    }
}

/// One contender's run.
#[derive(Clone)]
struct Runner {
    rule: Rule,
    x: Vec<f64>,
    /// $\sum_s f_s(x_s)$, of the expected cost where that is known.
    cost: f64,
    /// The cost since the last record, on the digits.
    recent: f64,
    position: Series,
    average: Series,
}

/// Softmax regression, one image a step.
struct Softmax {
    data: Examples,
    /// The parameter whose steps are drawn: a pixel that is seldom inked, and the class it speaks for.
    rare: usize,
}

impl Softmax {
    fn new() -> Self {
        let mut data = digits();
        data.features.iter_mut().for_each(|ink| *ink /= 16.0);
        let inked = |pixel: usize, class: Option<usize>| {
            let rows = (0..data.rows()).filter(|&row| class.is_none_or(|class| data.labels[row] == class));
            rows.filter(|&row| data.row(row)[pixel] > 0.0).count()
        };
        // Inked in one image of fifty, or as near to that as a pixel comes.
        let wanted = data.rows() / 50;
        let pixel = (0..data.columns).min_by_key(|&pixel| inked(pixel, None).abs_diff(wanted)).unwrap_or(0);
        let class = (0..data.classes).max_by_key(|&class| inked(pixel, Some(class))).unwrap_or(0);
        let rare = pixel * data.classes + class;
        Self { data, rare }
    }

    fn parameters(&self) -> usize {
        (self.data.columns + 1) * self.data.classes
    }

    /// $-\log p(\text{label})$ of an example, and its gradient. The last row of weights are the biases.
    fn loss(&self, row: usize, weights: &[f64], gradient: &mut [f64]) -> f64 {
        let (classes, label) = (self.data.classes, self.data.labels[row]);
        let inputs = || self.data.row(row).iter().chain(&[1.0]);
        let mut scores = vec![0.0; classes];
        for (&input, weights) in inputs().zip(weights.chunks_exact(classes)) {
            if input > 0.0 {
                scores.iter_mut().zip(weights).for_each(|(score, w)| *score += input * w);
            }
        }
        let total = log_sum_exp(&scores);
        let loss = total - scores[label];
        // ∂/∂score = p - [label]
        scores.iter_mut().for_each(|score| *score = exp(*score - total));
        scores[label] -= 1.0;
        for (&input, gradient) in inputs().zip(gradient.chunks_exact_mut(classes)) {
            gradient.iter_mut().zip(&scores).for_each(|(g, s)| *g = input * s);
        }
        loss
    }
}

/// Adam's displacement over one period of the counterexample at the steady state of its means, in units of $-\alpha_t$:
/// positive where it goes the right way.
fn drift(c: f64, beta1: f64, beta2: f64) -> f64 {
    let [b, rest] = [beta1, (1.0 - beta1) / (1.0 - beta1 * beta1 * beta1)];
    let [s, share] = [beta2, (1.0 - beta2) / (1.0 - beta2 * beta2 * beta2)];
    // m and v right after the large gradient, then after each of the small ones.
    let first = [rest * (c - b - b * b), share * (c * c + s + s * s)];
    let second = [b * first[0] - (1.0 - b), s * first[1] + (1.0 - s)];
    let third = [b * second[0] - (1.0 - b), s * second[1] + (1.0 - s)];
    [first, second, third].iter().map(|[m, v]| m / v.sqrt()).sum()
}

/// The $\beta_2$ at which the drift changes sign, if it does.
fn edge(c: f64, beta1: f64) -> Option<f64> {
    let (mut low, mut high) = (0.0, 0.9999);
    if drift(c, beta1, low) >= 0.0 || drift(c, beta1, high) <= 0.0 {
        return None;
    }
    for _ in 0..40 {
        let middle = 0.5 * (low + high);
        if drift(c, beta1, middle) < 0.0 { low = middle } else { high = middle }
    }
    Some(0.5 * (low + high))
}

/// Where Adam ends after [`Region::STEPS`] steps of the counterexample, for every $C$ and $\beta_2$.
struct Region {
    ends: Vec<f64>,
    edge: Vec<[f64; 2]>,
}

impl Region {
    const COLUMNS: usize = 30;
    const ROWS: usize = 20;
    const STEPS: usize = 3000;
    const C: [f64; 2] = [2.1, 1010.0];

    fn new(setting: &Setting) -> Self {
        let [low, high] = Self::C.map(log);
        let c = |column: usize| exp(low + (high - low) * (column as f64 + 0.5) / Self::COLUMNS as f64);
        let mut ends = Vec::with_capacity(Self::COLUMNS * Self::ROWS);
        for row in 0..Self::ROWS {
            let beta2 = (row as f64 + 0.5) / Self::ROWS as f64;
            ends.extend((0..Self::COLUMNS).map(|column| {
                let [_, mut adam, ..] = Rule::all(1, &Setting { beta2, ..setting.clone() }, 0.0);
                let mut x = [0.0];
                for t in 1..=Self::STEPS {
                    adam.step(t, setting.alpha, &mut x, &[if t % 3 == 1 { c(column) } else { -1.0 }]);
                    x[0] = x[0].clamp(-1.0, 1.0);
                }
                x[0]
            }));
        }
        let edges = log_spaced(Self::C[0], Self::C[1], 120).into_iter();
        Self { ends, edge: edges.filter_map(|c| Some([c, edge(c, setting.beta1)?])).collect() }
    }
}

/// What does not change during a run.
struct Fixed {
    setting: Setting,
    /// The steps at which a record is made.
    records: Vec<usize>,
    region: Region,
    softmax: Option<Softmax>,
}

/// The exhibit.
#[derive(Clone)]
pub struct Amsgrad {
    fixed: Rc<Fixed>,
    show: Shown,
    rng: Rng,
    t: usize,
    record: usize,
    runners: Vec<Runner>,
    /// $\sum_s g_s$ of the stream.
    total: f64,
    /// $\sum_s g_s^2$.
    squares: f64,
    /// The last gradients, with $\alpha/\sqrt v$ of Adam and $\alpha/\sqrt{\hat v}$ of AMSGrad.
    window: VecDeque<[f64; 3]>,
    /// AMSGrad's average regret by theorem 4 of the paper.
    bound: Series,
}

impl Stream {
    /// Steps between rare gradients, in the mean.
    fn period(self) -> usize {
        match self {
            Self::Periodic3 => 3,
            Self::Periodic101 => 101,
            Self::Stochastic | Self::Digits => 100,
        }
    }

    /// Steps that the picture of the steps shows.
    fn window(self) -> usize {
        if self == Self::Periodic3 { 12 } else { 3 * self.period() }
    }
}

impl Amsgrad {
    /// The gradient of the next cost, but for the digits.
    fn gradient(&mut self) -> f64 {
        match self.fixed.setting.stream {
            Stream::Periodic3 => {
                if self.t % 3 == 1 {
                    self.fixed.setting.c
                } else {
                    -1.0
                }
            }
            Stream::Periodic101 => {
                if self.t % 101 == 1 {
                    1010.0
                } else {
                    -10.0
                }
            }
            _ => {
                if self.rng.random::<f64>() < 0.01 {
                    1010.0
                } else {
                    -10.0
                }
            }
        }
    }

    fn iterate(&mut self, end: usize) {
        let fixed = Rc::clone(&self.fixed);
        let alpha = fixed.setting.alpha;
        self.t += 1;
        let seen = match &fixed.softmax {
            None => {
                let g = self.gradient();
                // The expected gradient where chance decides.
                let known = if fixed.setting.stream == Stream::Stochastic { 0.01 * 1010.0 - 0.99 * 10.0 } else { g };
                self.total += known;
                self.squares += g * g;
                for runner in &mut self.runners {
                    runner.cost += known * runner.x[0];
                    runner.rule.step(self.t, alpha, &mut runner.x, &[g]);
                    // Π: in one dimension the nearest point is the same in every norm.
                    runner.x[0] = runner.x[0].clamp(-1.0, 1.0);
                }
                g
            }
            Some(softmax) => {
                let row = self.rng.random_range(0..softmax.data.rows() as u32) as usize;
                let mut g = vec![0.0; softmax.parameters()];
                let mut seen = 0.0;
                for (index, runner) in self.runners.iter_mut().enumerate() {
                    let loss = softmax.loss(row, &runner.x, &mut g);
                    runner.cost += loss;
                    runner.recent += loss;
                    if index == 0 {
                        seen = g[softmax.rare];
                    }
                    runner.rule.step(self.t, alpha, &mut runner.x, &g);
                }
                seen
            }
        };
        let window = fixed.setting.stream.window() + fixed.setting.stream.period();
        if self.t + window > end {
            let parameter = fixed.softmax.as_ref().map_or(0, |softmax| softmax.rare);
            let mut steps = self.runners.iter().filter_map(|runner| runner.rule.square(parameter));
            // A weight that has seen no gradient has no step yet: what it would be with the least mean that matters.
            let mut step = || alpha / steps.next().unwrap_or(1.0).max(1e-12).sqrt();
            let [amsgrad, adam] = [step(), step()];
            self.window.push_back([seen, adam, amsgrad]);
            while self.window.len() > window {
                self.window.pop_front();
            }
        }
    }

    /// The average regret: against the best point for linear costs, against zero for losses.
    fn regret(&self, runner: &Runner) -> f64 {
        let best = if self.fixed.softmax.is_some() { 0.0 } else { -self.total.abs() };
        ((runner.cost - best) / self.t as f64).max(0.0)
    }

    /// The average regret of the worst point.
    fn worst(&self) -> f64 {
        2.0 * self.total.abs() / self.t.max(1) as f64
    }

    fn keep(&mut self, since: usize) {
        let t = self.t as f64;
        let regrets: Vec<f64> = self.runners.iter().map(|runner| self.regret(runner)).collect();
        let digits = self.fixed.softmax.is_some();
        for (runner, regret) in self.runners.iter_mut().zip(regrets) {
            let position = if digits { (runner.recent / since as f64).max(1e-6) } else { runner.x[0] };
            runner.position.push(t, position);
            runner.recent = 0.0;
            // With a regret of exactly zero there is nothing to draw on a log axis.
            if regret > 0.0 {
                runner.average.push(t, regret.max(1e-8));
            }
        }
        let Setting { alpha, beta1, beta2, .. } = self.fixed.setting;
        if let (Rule::Amsgrad(rule), 0.0, false) = (&self.runners[0].rule, beta1, digits) {
            // R ≤ D² √T √v̂ / α + α √(1 + log T) ‖g‖ / √(1 - β₂), with β₁ = 0 and the width D = 2
            let first = 4.0 * t.sqrt() * rule.greatest()[0].sqrt() / alpha;
            let second = alpha * (1.0 + log(t)).sqrt() * self.squares.sqrt() / (1.0 - beta2).sqrt();
            self.bound.push(t, (first + second) / t);
        }
    }

    fn is_shown(&self, id: &str) -> bool {
        match self.show {
            Shown::All => true,
            Shown::Both => id == "adam" || id == "amsgrad",
            one => one.name() == id,
        }
    }
}

impl Exhibit for Amsgrad {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let softmax = (setting.stream == Stream::Digits).then(Softmax::new);
        let n = softmax.as_ref().map_or(1, Softmax::parameters);
        let rules = Rule::all(n, setting, if softmax.is_some() { 1e-8 } else { 0.0 });
        let runner = |rule| Runner {
            rule,
            x: vec![0.0; n],
            cost: 0.0,
            recent: 0.0,
            position: Series::new(),
            average: Series::new(),
        };
        // Even in log t, as the pictures are, and no more between two than a frame can take.
        let most = if softmax.is_some() { 50 } else { 20_000 };
        let mut records = vec![0];
        for wanted in log_spaced(1.0, setting.steps() as f64, 240) {
            let wanted = wanted.round() as usize;
            let mut last = records.last().copied().unwrap_or(0);
            while wanted > last {
                last = wanted.min(last + most);
                records.push(last);
            }
        }
        let fixed = Fixed { setting: setting.clone(), records, region: Region::new(setting), softmax };
        Ok(Self {
            fixed: Rc::new(fixed),
            show: setting.show,
            rng: rng.clone(),
            t: 0,
            record: 0,
            runners: rules.into_iter().map(runner).collect(),
            total: 0.0,
            squares: 0.0,
            window: VecDeque::new(),
            bound: Series::new(),
        })
    }

    fn length(&self) -> usize {
        self.fixed.records.len() - 1
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        let end = self.fixed.records[self.record + 1];
        let since = end - self.t;
        while self.t < end {
            self.iterate(end);
        }
        self.record += 1;
        self.keep(since);
        if self.record == self.length() { Progress::Done } else { Progress::Running }
    }

    fn retune(&mut self, setting: &Setting) {
        self.show = setting.show;
    }

    fn figures(&self, figures: &mut Figures) {
        let setting = &self.fixed.setting;
        let digits = self.fixed.softmax.is_some();
        let times = || Axis::log("step t").domain(1.0, setting.steps() as f64);
        let shown = || IDS.iter().zip(&self.runners).rev().filter(|(id, _)| self.is_shown(id));

        let (title, caption) = if digits {
            (
                "The loss on the digits",
                "The loss on each new image before it is learned from, averaged between records.",
            )
        } else {
            (
                "Where they go",
                "The costs add up to a rising line: −1 is the best point, +1 the worst. The gradients are the same for \
                 all of them.",
            )
        };
        let mut path = figures.figure("path", title, caption);
        path.x(times());
        if digits {
            path.y(Axis::log("loss"));
        } else {
            path.y(Axis::linear("x").domain(-1.08, 1.08));
            path.rule_y([-1.0]).ink(Ink::Muted).dashed();
        }
        for (id, runner) in shown() {
            let line = path.line(runner.position.xs(), runner.position.ys()).of(id);
            // What coincides with another rule at β₁ = 0 is dashed, so that both show.
            if *id == "adamnc" {
                line.dashed();
            }
        }

        let (title, caption, label) = if digits {
            ("Average loss", "All losses so far, averaged: an upper bound on the average regret.", "average loss")
        } else {
            (
                "Average regret",
                "What was paid beyond the best fixed point, per step. A method that learns falls without end; one that is \
                 led astray stays at the price of the worst point.",
                "R(t)/t",
            )
        };
        let mut regret = figures.figure("regret", title, caption);
        regret.x(times()).y(Axis::log(label));
        if self.is_shown("amsgrad") && setting.beta1 == 0.0 && !digits {
            regret.line(self.bound.xs(), self.bound.ys()).ink(Ink::Muted).dashed().label("AMSGrad's bound (theorem 4)");
        }
        for (id, runner) in shown() {
            let line = regret.line(runner.average.xs(), runner.average.ys()).of(id);
            if *id == "adamnc" {
                line.dashed();
            }
        }

        let caption = if digits {
            "What one unit of gradient moves the weight of a pixel that is seldom inked, times √t. Dots: images where it is."
        } else {
            "How far one unit of gradient moves x, times √t, in the last steps. Dots: the rare large gradients, at which \
             Adam's step is shortest."
        };
        let mut step = figures.figure("step", "The steps, close up", caption);
        let (window, period) = (setting.stream.window(), setting.stream.period());
        step.x(Axis::linear("step, counted in this window").domain(0.0, window as f64))
            .y(Axis::log("√t · step per gradient"));
        // Whole periods, so that the picture stands still.
        let regular = matches!(setting.stream, Stream::Periodic3 | Stream::Periodic101);
        let held = self.window.len() - if regular { (self.t % period).min(self.window.len()) } else { 0 };
        let from = held.saturating_sub(window);
        let values = || self.window.iter().skip(from).take(held - from).enumerate().map(|(k, v)| (k as f64, *v));
        let rare = |g: f64| if digits { g.abs() > 1e-3 } else { g > 0.0 };
        for (id, column) in [("adam", 1), ("amsgrad", 2)] {
            let ys: Vec<f64> = values().map(|(_, v)| v[column]).collect();
            step.line(values().map(|(k, _)| k), &ys).of(id);
            let dots: Vec<(f64, f64)> = values().filter(|(_, v)| rare(v[0])).map(|(k, v)| (k, v[column])).collect();
            step.dot(dots.iter().map(|dot| dot.0), dots.iter().map(|dot| dot.1)).of(id);
        }

        let edge = &self.fixed.region.edge;
        let line = if edge.is_empty() { "" } else { " Line: the steps of one period cancel." };
        let caption = format!(
            "Where Adam ends after {} steps of C, −1, −1, … with this β₁ and α: −1 is right.{line}",
            Region::STEPS
        );
        let mut region = figures.figure("region", "Adam's failure region", caption);
        let [low, high] = Region::C;
        region.x(Axis::log("C").domain(low, high)).y(Axis::linear("β₂").domain(0.0, 1.0));
        let grid = Grid { values: &self.fixed.region.ends, columns: Region::COLUMNS, x: Region::C, y: [0.0, 1.0] };
        region.raster(grid, Colors::diverging("where Adam ends").domain(-1.0, 1.0));
        if !edge.is_empty() {
            region.line(edge.iter().map(|p| p[0]), edge.iter().map(|p| p[1])).ink(Ink::Strong).label("drift is zero");
        }
        if setting.stream == Stream::Periodic3 {
            region
                .dot([setting.c], [setting.beta2])
                .ink(Ink::Accent)
                .symbol(Symbol::Ring)
                .radius(6.0)
                .label("this run");
        }
    }

    fn claim(&self) -> Claim {
        let open = self.record < self.length();
        let [amsgrad, adam] = [&self.runners[0], &self.runners[1]];
        let started = self.t > 0;
        if self.fixed.softmax.is_some() {
            let ratio = started.then(|| self.regret(amsgrad) / self.regret(adam).max(1e-12));
            let text = "AMSGrad's average loss on the digits is at most {high} of Adam's: {value}.";
            return Claim::new(vec![Clause::at_most(text, ratio, 0.9).pending_while(open)]);
        }
        let share = |runner| started.then(|| self.regret(runner) / self.worst().max(1e-12));
        // The average regret a factor of ten in time ago.
        let earlier = amsgrad.average.iter().filter(|[t, _]| *t <= 0.1 * self.t as f64).last();
        let fell = earlier.map(|[_, regret]| regret / self.regret(amsgrad).max(1e-12));
        let mut clauses = vec![
            Clause::at_least("Adam ends at x = {value}, at least {low}.", started.then(|| adam.x[0]), 0.9),
            Clause::at_least(
                "It pays {value} of the regret of the worst fixed point, at least {low}.",
                share(adam),
                0.45,
            ),
            Clause::at_most("AMSGrad ends at x = {value}, at most {high}.", started.then(|| amsgrad.x[0]), -0.9),
            Clause::at_least(
                "Over the last tenfold of time its average regret fell {value}-fold, at least {low} (√10 by theorem 4).",
                fell,
                2.0,
            ),
        ];
        if self.fixed.setting.stream == Stream::Periodic3 {
            let regret = started.then(|| self.regret(amsgrad));
            clauses.push(Clause::at_most("AMSGrad's average regret is {value}, at most {high}.", regret, 0.01));
        }
        Claim::new(clauses.into_iter().map(|clause| clause.pending_while(open)).collect())
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        vec![
            Scenario::holds(
                "default",
                "The counterexample",
                "The large gradient is forgotten before the small ones come: Adam ends at the worst point, AMSGrad at the \
                 best.",
                default.clone(),
            ),
            Scenario::holds(
                "period-101",
                "1010 among −10",
                "The paper's larger version, with momentum. AMSGrad crosses slowly, as its steps are fixed at their \
                 shortest.",
                Setting { stream: Stream::Periodic101, beta1: 0.9, beta2: 0.99, horizon: 1_000_000, ..default.clone() },
            ),
            Scenario::fails(
                "long-memory",
                "β₂ = 0.999",
                "A mean that remembers hundreds of periods is nearly constant: Adam itself goes to −1.",
                Setting { beta2: 0.999, ..default.clone() },
            ),
            Scenario::fails(
                "digits",
                "Handwritten digits",
                "On real data the repair does not pay: AMSGrad keeps the early, large gradients in mind.",
                Setting { stream: Stream::Digits, beta1: 0.9, beta2: 0.999, alpha: 0.1, ..default },
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert, proptest};

    #[test]
    fn the_papers_memory_is_within_the_failure_region() {
        // Theorem 1: β₁ = 0 and β₂ = 1/(1 + C²) fail for every C > 2.
        for c in log_spaced(2.1, 1010.0, 20) {
            assert!(drift(c, 0.0, 1.0 / (1.0 + c * c)) < 0.0, "{c}");
            let edge = edge(c, 0.0).unwrap();
            assert!(drift(c, 0.0, edge - 1e-6) < 0.0 && drift(c, 0.0, edge + 1e-6) > 0.0, "{c}: {edge}");
        }
    }

    fn stepped(rules: [Rule; 6], gradients: &[f64]) -> [f64; 6] {
        rules.map(|mut rule| {
            let mut x = [0.0];
            gradients.iter().enumerate().for_each(|(k, g)| rule.step(k + 1, 0.5, &mut x, &[*g]));
            x[0]
        })
    }

    proptest! {
        #[test]
        fn without_momentum_adam_is_rmsprop_and_adamnc_is_adagrad(
            gradients in proptest::collection::vec(0.1_f64..10.0, 1..60), beta2 in 0.0_f64..0.99,
        ) {
            let setting = Setting { beta2, ..Setting::default() };
            let [_, adam, rmsprop, adagrad, _, adamnc] = stepped(Rule::all(1, &setting, 0.0), &gradients);
            prop_assert!((adam - rmsprop).abs() < 1e-11 && (adagrad - adamnc).abs() < 1e-11);
        }

        #[test]
        fn the_steady_drift_is_adams(c in 2.1_f64..100.0, beta1 in 0.0_f64..0.9, beta2 in 0.0_f64..0.9) {
            let setting = Setting { beta1, beta2, ..Setting::default() };
            let [_, mut adam, ..] = Rule::all(1, &setting, 0.0);
            let (mut x, mut before) = ([0.0], 0.0);
            for t in 1..=903 {
                // The time of the schedule stands still, so that the last three steps are of one length.
                if t == 901 {
                    before = x[0];
                }
                adam.step(1, 0.5, &mut x, &[if t % 3 == 1 { c } else { -1.0 }]);
            }
            let expected = -0.5 * drift(c, beta1, beta2);
            prop_assert!((x[0] - before - expected).abs() < 1e-9, "{} {}", x[0] - before, expected);
        }
    }

    #[test]
    fn the_softmax_gradient_is_the_limit_of_differences() {
        let softmax = Softmax::new();
        let n = softmax.parameters();
        let mut rng = Rng::seed_from_u64(1);
        let mut weights: Vec<f64> = (0..n).map(|_| rng.random_range(-0.3..0.3)).collect();
        let (mut g, mut unused) = (vec![0.0; n], vec![0.0; n]);
        softmax.loss(17, &weights, &mut g);
        for k in (0..n).step_by(37) {
            let (at, h) = (weights[k], 1e-5);
            weights[k] = at + h;
            let up = softmax.loss(17, &weights, &mut unused);
            weights[k] = at - h;
            let down = softmax.loss(17, &weights, &mut unused);
            weights[k] = at;
            assert!(((up - down) / (2.0 * h) - g[k]).abs() < 1e-8, "{k}");
        }
    }
}
