//! How many examples should one gradient be averaged over? Far from a solution all examples pull the same way and a
//! handful is enough. Near it they cancel, and a small batch is mostly noise. AdAdaGrad lets the gradients decide. At
//! each update it takes AdaGrad's step with the batch gradient $g_B$,
//!
//! $$x\leftarrow x-\alpha\,\frac{g_B}{\sqrt{\sum g_B^2}},$$
//!
//! and then asks, with the gradients of the single examples, whether their mean can be trusted:
//!
//! $$\widehat{\mathrm{Var}}=\frac1{b-1}\sum_{i\in B}\|\nabla f_i-g_B\|^2,$$
//! $$\frac{\widehat{\mathrm{Var}}}{b}\le\eta^2\|g_B\|^2\,?$$
//!
//! If not, the next batch has $\lceil\widehat{\mathrm{Var}}/(\eta^2\|g_B\|^2)\rceil$ examples, all of them at most. A
//! batch never shrinks.
//!
//! Everybody gets the same number of gradients of single examples. The first picture counts updates instead, which is
//! what costs time where a batch is computed in parallel: AdAdaGrad needs about two hundred where a constant batch of
//! eight needs thirty thousand. The test picture shows why: under a constant batch the noise comes to exceed the
//! signal; under the growing one it is held at the threshold.
//!
//! **Try** the tolerance $\eta$. At 0.2 the batch is full after a handful of updates; from 2 on the test never fails and
//! the run is that of a constant batch of eight. Try the coordinate-wise test, which asks the same of every parameter and
//! obeys the most demanding one: some component of the gradient always happens to be near zero, and the batch is full
//! after an update or two.
//!
//! **Where it stops.** Fewer updates is what always holds. Which of the three has the smallest full gradient at the
//! end depends on the data. Where classes overlap (separation 2) the full batch converges quickly and wins; where they
//! are far apart (separation 4) the noise vanishes at the solution, so small batches are better; between them lies the
//! default. In final loss for equal work constant batches of 64 and 512 are about level with it, and ahead where
//! classes lie farther apart. SGD with the same test
//! and the same $\alpha$ is slower here, as its steps are not rescaled.
//!
//! Softmax regression has 4096 examples, 31 features and five classes. The paper trains image networks on several
//! processors; ours, 64-16-10, learns 1024 of the small digits.

use crate::curves::Curves;
use orrery_core::prelude::*;
use orrery_kernels::data::{Table as Examples, blobs, digits};
use orrery_kernels::linalg::{View, matmul, matmul_add};
use orrery_kernels::math::{exp_wide, log, tanh_wide};
use orrery_kernels::networks::{Activation, Initialization, Mlp};
use orrery_kernels::optim::{Adagrad, Optimizer, Sgd};
use orrery_kernels::random::orthonormal;
use std::rc::Rc;

const CARD: Card = Card {
    slug: "adadagrad",
    title: "AdAdaGrad: Adaptive Batch Size Schemes for Adaptive Gradient Methods",
    year: 2024,
    lists: &[4],
    claim: "A batch that grows when the gradients' noise exceeds their mean saves nearly all updates.",
    algorithms: &[
        "AdAdaGrad",
        "AdAdaGradNorm",
        "AdaGrad",
        "adaptive batch size",
        "norm test",
        "per-sample gradients",
        "stochastic gradient descent",
    ],
    contenders: &[
        Contender::paper("adaptive", "AdAdaGrad"),
        Contender::baseline("small", "AdaGrad, batch b₀"),
        Contender::baseline("middle", "AdaGrad, batch 64"),
        Contender::baseline("large", "AdaGrad, batch 512"),
        Contender::baseline("full", "AdaGrad, full batch"),
        Contender::baseline("sgd", "SGD with the test"),
    ],
};

/// What is learnt.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Problem {
    /// Convex: 31 features, five normal classes.
    #[choice("softmax regression")]
    Softmax,
    /// Not convex: 64-16-10 on 1024 digits.
    #[choice("small network on digits")]
    Network,
}

/// How AdaGrad sums squares.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Variant {
    /// For each parameter.
    #[choice("AdaGrad")]
    AdaGrad,
    /// Of the whole gradient's norm.
    #[choice("AdaGrad-Norm")]
    Norm,
}

/// What the batch has to meet.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Test {
    /// One for the whole gradient.
    #[choice("norm")]
    Norm,
    /// One for each parameter.
    #[choice("coordinate-wise")]
    Coordinates,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// What is learnt.
    #[control(label = "problem", default = Problem::Softmax)]
    pub problem: Problem,
    /// The tolerance of the test: the largest noise, as a multiple of the gradient, that is put up with.
    #[control(label = "tolerance η", range = 0.1..=3.0, default = 1.0)]
    pub eta: f64,
    /// Examples in the first batch. One example has no variance to test, so after one update with it there are two.
    #[control(label = "initial batch b₀", range = 1..=256, log, default = 8)]
    pub batch: usize,
    /// The factor on every step.
    #[control(label = "step α", range = 0.01..=2.0, log, default = 0.3)]
    pub alpha: f64,
    /// Whether AdaGrad rescales each parameter by itself or all alike.
    #[control(label = "variant", default = Variant::AdaGrad)]
    pub variant: Variant,
    /// Whether the test is one for the gradient's norm or one for each of its components.
    #[control(label = "test", default = Test::Norm)]
    pub test: Test,
    /// Gradients of single examples that each contender may use, as multiples of the data set.
    #[control(label = "budget", unit = "passes", range = 5..=200, log, default = 60)]
    pub passes: usize,
    /// The share of examples whose label is wrong.
    #[control(label = "label noise", range = 0.0..=0.4, default = 0.0)]
    pub noise: f64,
    /// The distance of every class's centre from the middle, in standard deviations of a class.
    #[control(label = "class separation", range = 1.0..=5.0, default = 3.0, when = ("problem", "softmax"))]
    pub separation: f64,
}

/// A network of linear layers and tanh that tells what each single example wants; without hidden layer, softmax
/// regression.
struct Model {
    sizes: Vec<usize>,
    examples: Examples,
    initial: Vec<f64>,
}

/// What a batch said.
struct Look {
    /// The mean loss.
    loss: f64,
    /// $g_B$
    gradient: Vec<f64>,
    /// $\sum_i\|\nabla f_i\|^2$; or, if asked for, $\sum_i(\nabla f_i)_j^2$ for every $j$.
    squares: Vec<f64>,
}

fn square(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum()
}

impl Model {
    fn new(setting: &Setting, rng: &mut Rng) -> Self {
        let (mut examples, sizes) = match setting.problem {
            Problem::Softmax => {
                let (columns, classes) = (31, 5);
                let centres = orthonormal(columns, classes, rng) * setting.separation;
                (blobs(4096, centres.as_slice(), columns, 1.0, rng), vec![columns, classes])
            }
            Problem::Network => {
                let mut all = digits();
                all.features.iter_mut().for_each(|grey| *grey /= 16.0);
                (all.split(1024, rng).0, vec![64, 16, 10])
            }
        };
        examples.mislabel(setting.noise, rng);
        let network = Mlp::new(&sizes, Activation::Tanh, Initialization::Glorot);
        let initial = match setting.problem {
            Problem::Softmax => vec![0.0; network.parameters.count()],
            Problem::Network => network.parameters.initial(rng),
        };
        Self { sizes, examples, initial }
    }

    fn rows(&self) -> usize {
        self.examples.rows()
    }

    /// `size` examples drawn with replacement, fewer than all.
    fn batch(&self, size: usize, rng: &mut Rng) -> Examples {
        let rows: Vec<usize> = (0..size).map(|_| rng.random_range(0..self.rows() as u32) as usize).collect();
        self.examples.pick(&rows)
    }

    fn look(&self, theta: &[f64], batch: &Examples, each: bool) -> Look {
        let b = batch.rows();
        let mut gradient = vec![0.0; theta.len()];
        let mut squares = vec![0.0; if each { theta.len() } else { 1 }];
        // Where each layer's weights begin, its inputs and its outputs.
        let layers: Vec<(usize, usize, usize)> = (self.sizes.windows(2))
            .scan(0, |next, size| {
                let start = *next;
                *next += (size[0] + 1) * size[1];
                Some((start, size[0], size[1]))
            })
            .collect();
        // The inputs of each layer, example by example, and at last the scores.
        let mut h = vec![batch.features.clone()];
        for &(start, n, m) in &layers {
            let (weights, bias) = theta[start..].split_at(n * m);
            let mut z = bias[..m].repeat(b);
            matmul_add(View::by_rows(&h[h.len() - 1], b, n), View::by_rows(weights, n, m), &mut z);
            if h.len() < layers.len() {
                z.iter_mut().for_each(|z| *z = tanh_wide(*z));
            }
            h.push(z);
        }
        // δ = softmax(z) - e_y
        let mut delta = h.pop().unwrap_or_default();
        let mut loss = 0.0;
        for (z, &label) in delta.chunks_exact_mut(batch.classes).zip(&batch.labels) {
            let most = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let score = z[label] - most;
            z.iter_mut().for_each(|z| *z = exp_wide(*z - most));
            let sum: f64 = z.iter().sum();
            loss += log(sum) - score;
            z.iter_mut().for_each(|z| *z /= sum);
            z[label] -= 1.0;
        }
        for (&(start, n, m), input) in layers.iter().zip(&h).rev() {
            let rows = View::by_rows(&delta, b, m);
            // ∇_W f_i = h_i δ_iᵀ and ∇_b f_i = δ_i: their sums, HᵀΔ and 1ᵀΔ.
            let (g, bias) = gradient[start..].split_at_mut(n * m);
            matmul_add(View::by_rows(input, b, n).t(), rows, g);
            delta.chunks_exact(m).for_each(|d| bias.iter_mut().zip(d).for_each(|(g, d)| *g += d));
            if each {
                // The sums of their squares, entry by entry: (H∘H)ᵀ(Δ∘Δ).
                let [h2, d2] = [input, &delta].map(|x| x.iter().map(|x| x * x).collect::<Vec<f64>>());
                let (s, bias) = squares[start..].split_at_mut(n * m);
                matmul_add(View::by_rows(&h2, b, n).t(), View::by_rows(&d2, b, m), s);
                d2.chunks_exact(m).for_each(|d| bias.iter_mut().zip(d).for_each(|(s, d)| *s += d));
            } else {
                // ‖h δᵀ‖² + ‖δ‖² = ‖δ‖² (‖h‖² + 1)
                let pairs = delta.chunks_exact(m).zip(input.chunks_exact(n));
                squares[0] += pairs.map(|(d, h)| square(d) * (square(h) + 1.0)).sum::<f64>();
            }
            if start > 0 {
                let mut before = matmul(rows, View::by_rows(&theta[start..start + n * m], n, m).t());
                before.iter_mut().zip(input).for_each(|(d, h)| *d *= 1.0 - h * h);
                delta = before;
            }
        }
        gradient.iter_mut().for_each(|g| *g /= b as f64);
        Look { loss: loss / b as f64, gradient, squares }
    }
}

impl Look {
    /// $\widehat{\mathrm{Var}}/(b\,\eta^2\|g_B\|^2)$, the largest over the coordinates if they are tested one by one.
    /// Nothing if there is only one example.
    fn ratio(&self, b: usize, eta: f64) -> Option<f64> {
        let size = b as f64;
        let test = |squares: f64, g2: f64| {
            let variance = (squares - size * g2).max(0.0) / (size - 1.0);
            // A component that is zero for everyone asks for nothing.
            if variance > 0.0 { (variance / (size * eta * eta * g2)).min(CEILING) } else { 0.0 }
        };
        let ratio = match self.squares.as_slice() {
            [total] => test(*total, square(&self.gradient)),
            each => each.iter().zip(&self.gradient).map(|(s, g)| test(*s, g * g)).fold(0.0, f64::max),
        };
        (b > 1).then_some(ratio)
    }
}

/// Where a gradient is zero among noise, no batch is large enough.
const CEILING: f64 = 1e9;

/// The next batch: $\lceil\widehat{\mathrm{Var}}/(\eta^2\|g_B\|^2)\rceil$ if the test fails, all examples at most.
fn next_batch(b: usize, ratio: Option<f64>, rows: usize) -> usize {
    match ratio {
        None => 2,
        Some(ratio) if ratio > 1.0 => ((ratio * b as f64).ceil() as usize).clamp(b, rows.max(b)),
        Some(_) => b,
    }
}

#[derive(Clone)]
enum Rule {
    AdaGrad(Adagrad),
    Sgd(Sgd),
}

/// A contender under way.
#[derive(Clone)]
struct Run {
    id: &'static str,
    grows: bool,
    batch: usize,
    rule: Rule,
    theta: Vec<f64>,
    rng: Rng,
    /// Gradients of single examples so far, and updates.
    used: usize,
    updates: usize,
    /// How many of the checkpoints are behind it.
    checked: usize,
    /// The updates made when it was last looked at.
    seen: usize,
    /// The loss and the norm of the full gradient, when last looked at.
    now: [f64; 2],
    batches: Series,
    ratios: Series,
}

struct Fixed {
    setting: Setting,
    model: Model,
    /// Numbers of gradients at which the full gradient is looked at.
    checkpoints: Vec<usize>,
}

/// The exhibit.
#[derive(Clone)]
pub struct AdAdaGrad {
    fixed: Rc<Fixed>,
    steps: usize,
    runs: Vec<Run>,
    by_updates: Curves,
    by_gradients: Curves,
}

impl Run {
    /// Goes on until it has used so many gradients, or would use more.
    fn advance(&mut self, fixed: &Fixed, until: usize, mut check: impl FnMut(&mut Self)) {
        let Fixed { setting, model, checkpoints } = fixed;
        while self.used + self.batch <= until {
            if self.batch < model.rows() {
                let batch = model.batch(self.batch, &mut self.rng);
                self.update(setting, model, &batch);
            } else {
                self.update(setting, model, &model.examples);
            }
            if checkpoints.get(self.checked).is_some_and(|&mark| self.used >= mark) {
                self.checked = checkpoints.partition_point(|&mark| mark <= self.used);
                check(self);
            }
        }
    }
}

impl Run {
    /// One update with this batch, and the size of the next.
    fn update(&mut self, setting: &Setting, model: &Model, batch: &Examples) {
        let b = batch.rows();
        // A full batch is not tested.
        let each = setting.test == Test::Coordinates && b < model.rows();
        let look = model.look(&self.theta, batch, each);
        // x ← x - α g_B / √Σg_B²
        match &mut self.rule {
            Rule::AdaGrad(rule) => rule.step(&mut self.theta, &look.gradient),
            Rule::Sgd(rule) => rule.step(&mut self.theta, &look.gradient),
        }
        self.used += b;
        self.updates += 1;
        let at = self.used as f64;
        self.batches.push(at, b as f64);
        let ratio = look.ratio(b, setting.eta);
        if let Some(ratio) = ratio.filter(|_| b < model.rows()) {
            self.ratios.push(at, ratio.max(1e-3));
        }
        if self.grows {
            self.batch = next_batch(b, ratio, model.rows());
        }
    }
}

impl AdAdaGrad {
    fn run(&self, id: &str) -> Option<&Run> {
        self.runs.iter().find(|run| run.id == id)
    }

    fn is_over(&self) -> bool {
        self.steps >= self.length()
    }
}

impl Exhibit for AdAdaGrad {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let model = Model::new(setting, rng);
        let (rows, passes) = (model.rows(), setting.passes);
        let early = (1..=6).map(|k| rows >> (7 - k));
        let checkpoints = early.chain((1..=passes).filter(|pass| pass % passes.div_ceil(30) == 0).map(|k| k * rows));
        let count = model.initial.len();
        let adagrad = || match setting.variant {
            Variant::AdaGrad => Rule::AdaGrad(Adagrad::new(count, setting.alpha, 0.0)),
            Variant::Norm => Rule::AdaGrad(Adagrad::norm(setting.alpha, 0.0)),
        };
        let sgd = Rule::Sgd(Sgd::new(count, setting.alpha, 0.0));
        let lanes = [
            ("adaptive", true, setting.batch, adagrad()),
            ("small", false, setting.batch, adagrad()),
            ("middle", false, 64, adagrad()),
            ("large", false, 512, adagrad()),
            ("full", false, rows, adagrad()),
            ("sgd", true, setting.batch, sgd),
        ];
        let runs = lanes.into_iter().map(|(id, grows, batch, rule)| Run {
            id,
            grows,
            batch,
            rule,
            theta: model.initial.clone(),
            // Everybody draws from the same stream.
            rng: rng.clone(),
            used: 0,
            updates: 0,
            checked: 0,
            seen: 0,
            now: [0.0; 2],
            batches: Series::new(),
            ratios: Series::new(),
        });
        let drawn = ["sgd", "full", "large", "middle", "small", "adaptive"];
        let curves = Curves::new(&drawn, 1e-9);
        Ok(Self {
            steps: 0,
            runs: runs.collect(),
            by_updates: curves.clone(),
            by_gradients: curves,
            fixed: Rc::new(Fixed { setting: setting.clone(), checkpoints: checkpoints.collect(), model }),
        })
    }

    fn length(&self) -> usize {
        CARD.contenders.len() * self.fixed.setting.passes
    }

    /// One pass of one contender.
    async fn step(&mut self, _: &Compute) -> Progress {
        if self.is_over() {
            return Progress::Done;
        }
        let fixed = Rc::clone(&self.fixed);
        let (turn, round) = (self.steps % self.runs.len(), self.steps / self.runs.len());
        let last = round + 1 == fixed.setting.passes;
        let (updates, gradients) = (&mut self.by_updates, &mut self.by_gradients);
        let mut check = |run: &mut Run| {
            let look = fixed.model.look(&run.theta, &fixed.model.examples, false);
            run.seen = run.updates;
            run.now = [look.loss, square(&look.gradient).sqrt()];
            updates.push(run.id, run.updates as f64, run.now[1]);
            gradients.push(run.id, run.used as f64, run.now[1]);
        };
        let run = &mut self.runs[turn];
        run.advance(&fixed, (round + 1) * fixed.model.rows(), &mut check);
        // A growing batch may leave a rest of the budget, and its last updates since a checkpoint.
        if last && run.seen < run.updates {
            check(run);
        }
        self.steps += 1;
        if self.is_over() { Progress::Done } else { Progress::Running }
    }

    fn figures(&self, figures: &mut Figures) {
        let Fixed { setting, model, .. } = &*self.fixed;
        let budget = (setting.passes * model.rows()) as f64;
        let caption = "The norm of the gradient over all examples. Every curve ends when the same number of single \
                       gradients is used up; what differs is the updates it took.";
        let mut figure = figures.figure("updates", "What an update buys", caption);
        figure.x(Axis::log("updates")).y(Axis::log("‖∇f‖ over all examples"));
        self.by_updates.draw(&mut figure);

        let caption = "The same against the gradients of single examples, the work that is done.";
        let axes = ["gradients of single examples", "‖∇f‖ over all examples"];
        self.by_gradients.figure(figures, "gradients", "What a gradient buys", caption, axes);

        // One coordinate or another asks for everything after an update or two, which only a log axis shows.
        let work = || match setting.test {
            Test::Norm => Axis::linear("gradients of single examples").domain(0.0, budget).or(Scale::Log),
            Test::Coordinates => Axis::log("gradients of single examples").domain(1.0, budget).or(Scale::Linear),
        };
        let caption = format!("A growing batch is full with {} examples.", model.rows());
        let mut batches = figures.figure("batch", "The batch", caption);
        batches.x(work()).y(Axis::log("examples in a batch").domain(1.0, 2.0 * model.rows() as f64));
        for run in self.runs.iter().rev() {
            batches.line(run.batches.xs(), run.batches.ys()).of(run.id);
        }

        let (caption, ratio) = match setting.test {
            Test::Norm => (
                "Above 1 a batch's noise exceeds what is tolerated. It is drawn until a batch is full.",
                "Var / (b η²‖g‖²)",
            ),
            Test::Coordinates => (
                "Of all parameters, the one whose noise is largest beside its mean gradient. Above 1 it exceeds what is \
                 tolerated. It is drawn until a batch is full.",
                "largest Var / (b η²g²)",
            ),
        };
        let mut test = figures.figure("test", "The test", caption);
        test.x(work()).y(Axis::log(ratio));
        for (id, faint) in [("small", true), ("middle", true), ("sgd", false), ("adaptive", false)] {
            // A constant batch of one is never tested.
            if let Some(run) = self.run(id).filter(|run| run.grows || run.batch > 1) {
                let mark = test.line(run.ratios.xs(), run.ratios.ys()).of(id);
                if faint {
                    mark.faint();
                }
            }
        }
        test.rule_y([1.0]).ink(Ink::Strong).dashed().label("threshold");

        let names = ["AdAdaGrad", "b₀", "64", "512", "full", "SGD"];
        let caption = "How many updates the budget has made so far.";
        let mut bars = figures.figure("count", "Updates for the same work", caption);
        bars.x(Axis::categories("batch", names)).y(Axis::log("updates").domain(1.0, budget));
        for (place, run) in self.runs.iter().enumerate() {
            if run.updates > 0 {
                bars.bar([place as f64], [run.updates as f64]).of(run.id);
            }
        }

        let seen: Vec<&Run> = self.runs.iter().filter(|run| run.now[0] > 0.0).collect();
        let name = |run: &&Run| CARD.contenders.iter().find(|c| c.id == run.id).map_or("", |c| c.label);
        let mut table = figures.figure("loss", "Where they stand", "Loss and gradient over all examples.");
        table
            .table()
            .words("contender", seen.iter().map(name))
            .numbers("loss", seen.iter().map(|run| run.now[0]))
            .numbers("‖∇f‖", seen.iter().map(|run| run.now[1]))
            .numbers("batch", seen.iter().map(|run| run.batch as f64));
    }

    fn claim(&self) -> Claim {
        let open = !self.is_over();
        let ratio = |part: &dyn Fn(&Run) -> f64, other: &str| {
            let (adaptive, other) = (part(self.run("adaptive")?), part(self.run(other)?));
            (other > 0.0).then_some(adaptive / other)
        };
        let updates = ratio(&|run| run.updates as f64, "small");
        let norm = |other| ratio(&|run| run.now[1], other);
        let norm = norm("small").zip(norm("full")).map(|(small, full)| small.max(full));
        let loss = ratio(&|run| run.now[0], "full");
        Claim::new(vec![
            Clause::at_most("It takes {value} of the updates of the constant batch b₀, at most {high}.", updates, 0.02)
                .pending_while(open),
            Clause::at_most(
                "Its full gradient is {value} times the smaller of the batch b₀'s and the full batch's, at most {high}.",
                norm,
                1.0,
            )
            .pending_while(open),
            Clause::at_most("Its loss is {value} times the full batch's, at most {high}.", loss, 1.0)
                .pending_while(open),
        ])
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        vec![
            Scenario::holds(
                "default",
                "A batch that grows",
                "From 8 examples to nearly all of them, as the gradient sinks into the noise.",
                default.clone(),
            ),
            Scenario::fails(
                "tolerant",
                "η = 3",
                "Noise three times the gradient is put up with: the test never fails, and the batch stays at eight.",
                Setting { eta: 3.0, ..default.clone() },
            ),
            Scenario::fails(
                "overlapping",
                "Classes that overlap",
                "Strongly curved at the solution: the full batch gets there first, and its gradient is the smallest.",
                Setting { separation: 1.5, ..default.clone() },
            ),
            Scenario::fails(
                "separable",
                "Classes far apart",
                "The noise vanishes at the solution, so the small batch was never wrong.",
                Setting { separation: 4.5, ..default.clone() },
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_kernels::random::normals;
    use orrery_reference::{difference, list, number, numbers, vectors, wholes, word};
    use proptest::prelude::{prop_assert, proptest};

    fn model(problem: Problem) -> Model {
        Model::new(&Setting { problem, ..Setting::default() }, &mut Rng::seed_from_u64(3))
    }

    // The kernel's automatic derivative is another way to the same gradient.
    #[test]
    fn the_mean_of_single_gradients_is_the_gradient_of_the_mean() {
        for problem in [Problem::Softmax, Problem::Network] {
            let model = model(problem);
            let network = Mlp::new(&model.sizes, Activation::Tanh, Initialization::Glorot);
            let theta = network.parameters.initial(&mut Rng::seed_from_u64(5));
            let batch: Vec<usize> = (0..20).collect();
            let picked = model.examples.pick(&batch);
            let look = model.look(&theta, &picked, false);
            let mut expected = vec![0.0; theta.len()];
            let loss: f64 = network.parameters.gradient(&theta, &mut expected, |graph, p| {
                let x = graph.leaf(picked.rows(), picked.columns, picked.features.clone());
                let logits = network.apply(graph, p, x);
                graph.cross_entropy(logits, &picked.labels)
            });
            assert!((loss - look.loss).abs() < 1e-12, "{loss} {}", look.loss);
            assert!(look.gradient.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-13));
        }
    }

    #[test]
    fn the_squares_are_those_of_each_examples_own_gradient() {
        for problem in [Problem::Softmax, Problem::Network] {
            let model = model(problem);
            let theta: Vec<f64> = normals(model.initial.len(), &mut Rng::seed_from_u64(1));
            let batch = [3, 14, 15, 92, 65];
            let mut each = vec![0.0; theta.len()];
            for i in batch {
                let alone = model.look(&theta, &model.examples.pick(&[i]), false);
                each.iter_mut().zip(&alone.gradient).for_each(|(sum, g)| *sum += g * g);
            }
            let (total, batch) = (each.iter().sum::<f64>(), model.examples.pick(&batch));
            assert!((model.look(&theta, &batch, false).squares[0] / total - 1.0).abs() < 1e-12);
            let found = model.look(&theta, &batch, true).squares;
            assert!(found.iter().zip(&each).all(|(a, b)| (a - b).abs() <= 1e-12 * (1.0 + b)));
        }
    }

    proptest! {
        // Had the batch had the size it asks for, it would have passed; with one example fewer it would not.
        #[test]
        fn a_batch_asks_for_the_size_at_which_it_would_pass(b in 2_usize..500, ratio in 0.0_f64..40.0) {
            let next = next_batch(b, Some(ratio), 4096);
            prop_assert!(next >= b && next <= 4096);
            let rescaled = ratio * b as f64 / next as f64;
            prop_assert!(rescaled <= 1.0 || next == 4096);
            prop_assert!(next == b || ratio * b as f64 / (next as f64 - 1.0) > 1.0);
        }
    }

    #[test]
    fn examples_that_agree_pass_and_examples_that_cancel_ask_for_everything() {
        let agree = Look { loss: 0.0, gradient: vec![3.0, 4.0], squares: vec![4.0 * 25.0] };
        assert_eq!(agree.ratio(4, 1.0), Some(0.0));
        let cancel = Look { loss: 0.0, gradient: vec![0.0, 0.0], squares: vec![4.0 * 25.0] };
        assert_eq!(next_batch(4, cancel.ratio(4, 1.0), 777), 777);
        // Two examples, 1 and 3: mean 2, variance 2.
        let two = Look { loss: 0.0, gradient: vec![2.0], squares: vec![10.0] };
        assert_eq!(two.ratio(2, 0.5), Some(2.0 / (2.0 * 0.25 * 4.0)));
        assert_eq!(two.ratio(1, 0.5), None);
    }

    #[test]
    fn with_a_full_batch_the_growing_run_is_plain_adagrad() {
        let setting = Setting { eta: 0.1, passes: 5, ..Setting::default() };
        let exhibit = AdAdaGrad::new(&setting, &mut Rng::seed_from_u64(1)).unwrap();
        let (mut adaptive, mut full) = (exhibit.runs[0].clone(), exhibit.runs[4].clone());
        let rows = exhibit.fixed.model.rows();
        adaptive.batch = rows;
        for run in [&mut adaptive, &mut full] {
            run.advance(&exhibit.fixed, 5 * rows, |_| ());
        }
        assert_eq!((adaptive.updates, adaptive.theta), (5, full.theta));
    }

    // `tests/reference/adaptive_batch.py`: JAX has every example's gradient, AdaGrad is optax's.
    #[test]
    fn updates_and_batches_are_those_of_jax_and_optax() {
        let vectors = vectors(include_str!("../../../../tests/reference/adaptive_batch.json"));
        let (features, labels) = (numbers(&vectors["features"]), wholes(&vectors["labels"]));
        let rows = labels.len();
        let examples = Examples { columns: features.len() / rows, features, labels, classes: 3 };
        let cases = list(&vectors["cases"]);
        assert_eq!(cases.len(), 6);
        for case in cases {
            let (start, alpha) = (numbers(&case["start"]), number(&case["alpha"]));
            let (variant, test) = (word(&case["variant"]), word(&case["test"]));
            let rule = match variant {
                "adagrad" => Rule::AdaGrad(Adagrad::new(start.len(), alpha, 0.0)),
                "norm" => Rule::AdaGrad(Adagrad::norm(alpha, 0.0)),
                _ => Rule::Sgd(Sgd::new(start.len(), alpha, 0.0)),
            };
            let test_of = if test == "norm" { Test::Norm } else { Test::Coordinates };
            let setting = Setting { eta: number(&case["eta"]), test: test_of, ..Setting::default() };
            let model = Model { sizes: wholes(&case["sizes"]), examples: examples.clone(), initial: start.clone() };
            let batches = wholes(&case["batches"]);
            let mut run = Run {
                id: "adaptive",
                grows: true,
                batch: batches[0],
                rule,
                theta: start,
                rng: Rng::seed_from_u64(0),
                used: 0,
                updates: 0,
                checked: 0,
                seen: 0,
                now: [0.0; 2],
                batches: Series::new(),
                ratios: Series::new(),
            };
            let mut worst: f64 = 0.0;
            for expected in list(&case["path"]) {
                for _ in 0..50 {
                    let (t, b) = (run.updates, run.batch);
                    assert_eq!(b, batches[t], "{variant}, {test}: update {t}");
                    let picked: Vec<usize> = if b < rows {
                        (0..b).map(|j| (17 * t + 29 * j + j * (j + t)) % rows).collect()
                    } else {
                        (0..rows).collect()
                    };
                    run.update(&setting, &model, &examples.pick(&picked));
                }
                worst = worst.max(difference(&run.theta, &numbers(expected)));
            }
            println!("{variant}, {test}, {:?}: {worst:e} after {} updates", model.sizes, run.updates);
            assert!(run.updates == 200 && worst < 1e-10, "{variant}, {test}: {worst:e}");
        }
    }
}
