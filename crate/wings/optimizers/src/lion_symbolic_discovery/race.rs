//! Training runs at every learning rate and weight decay of a grid.

use super::program::{Machine, Program};
use crate::problems::Classifier;
use crate::schedule::Schedule;
use crate::sweep::{Sweep, rates};
use orrery_core::prelude::*;
use orrery_kernels::data;
use orrery_kernels::networks::{Activation, Input, Positions, Transformer, TransformerShape};
use orrery_kernels::optim::{AdamW, Lion, Optimizer, Sgd};
use std::rc::Rc;

/// Who runs over the grid, in this order.
pub const GRID: [&str; 4] = ["lion", "adamw", "sgd", "signsgd"];

/// The ends of the grid's learning rates, and how many there are: each a root of ten above the last.
const RATES: ([f64; 2], usize) = ([3e-4, 0.949], 8);

/// A run whose loss is beyond has diverged.
const FAR: f64 = 1e3;

/// Characters that the transformer reads at once.
const LENGTH: usize = 16;

/// What is learnt.
pub enum Task {
    Classes(Classifier),
    /// The next character of a text, of which the last fifth is held out.
    Characters {
        network: Box<Transformer>,
        text: Vec<usize>,
    },
}

impl Task {
    /// The real digits: logistic regression, or with hidden units.
    pub fn digits(hidden: &[usize], rng: &mut Rng) -> Self {
        Self::Classes(Classifier::digits(1200, hidden, rng))
    }

    /// A transformer of one layer.
    pub fn characters() -> Self {
        let letters: Vec<char> = data::alice().chars().collect();
        let mut kinds = letters.clone();
        kinds.sort_unstable();
        kinds.dedup();
        let text = letters.iter().map(|letter| kinds.binary_search(letter).unwrap_or(0)).collect();
        let shape = TransformerShape {
            input: Input::Tokens(kinds.len()),
            length: LENGTH,
            width: 16,
            heads: 2,
            layers: 1,
            hidden: 32,
            outputs: kinds.len(),
            causal: true,
            positions: Positions::Learned,
        };
        Self::Characters { network: Box::new(Transformer::new(shape, Activation::Relu)), text }
    }

    /// How many weights.
    pub fn count(&self) -> usize {
        match self {
            Self::Classes(problem) => problem.count(),
            Self::Characters { network, .. } => network.parameters.count(),
        }
    }

    fn initial(&self, rng: &mut Rng) -> Vec<f64> {
        match self {
            Self::Classes(problem) => problem.initial(rng),
            Self::Characters { network, .. } => network.parameters.initial(rng),
        }
    }

    /// The loss of a batch, with its gradient; a batch of sequences holds an eighth as many as one of examples.
    fn value_and_gradient(&self, x: &[f64], size: usize, rng: &mut Rng, g: &mut [f64]) -> f64 {
        match self {
            Self::Classes(problem) => {
                let rows = problem.batch(size, rng);
                problem.value_and_gradient(x, &rows, g)
            }
            Self::Characters { network, text } => {
                let room = (text.len() * 4 / 5 - LENGTH) as u32;
                let starts: Vec<usize> = (0..size.div_ceil(8)).map(|_| rng.random_range(0..room) as usize).collect();
                let (inputs, targets) = sequences(text, &starts);
                network.parameters.gradient(x, g, |graph, p| {
                    let logits = network.apply_tokens(graph, p, &inputs);
                    graph.cross_entropy(logits, &targets)
                })
            }
        }
    }

    fn held_out(&self, x: &[f64]) -> f64 {
        match self {
            Self::Classes(problem) => problem.held_out(x),
            Self::Characters { network, text } => {
                // Every fifth of the held-out sequences that lie end to end.
                let first = text.len() * 4 / 5;
                let starts: Vec<usize> = (first..text.len() - LENGTH).step_by(5 * LENGTH).collect();
                let (inputs, targets) = sequences(text, &starts);
                network.parameters.value(x, |graph, p| {
                    let logits = network.apply_tokens(graph, p, &inputs);
                    graph.cross_entropy(logits, &targets)
                })
            }
        }
    }
}

/// The characters from each start, and those that follow them.
fn sequences(text: &[usize], starts: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let from = |shift: usize| starts.iter().flat_map(|s| &text[s + shift..][..LENGTH]).copied().collect();
    (from(0), from(1))
}

#[derive(Clone)]
enum Rule {
    Lion(Lion),
    AdamW(AdamW),
    Sgd(Sgd),
    Program(Machine),
}

impl Rule {
    fn optimizer(&mut self) -> &mut dyn Optimizer<f64> {
        match self {
            Self::Lion(rule) => rule,
            Self::AdamW(rule) => rule,
            Self::Sgd(rule) => rule,
            Self::Program(rule) => rule,
        }
    }
}

/// One run.
#[derive(Clone)]
pub struct Run {
    rule: Rule,
    pub rate: f64,
    pub decay: f64,
    x: Vec<f64>,
    rng: Rng,
    t: usize,
    /// Held-out loss against step.
    pub curve: Series,
    /// Nothing once it has diverged.
    pub loss: Option<f64>,
}

/// What does not change during a race.
pub struct Fixed {
    task: Task,
    start: Vec<f64>,
    rng: Rng,
    batch: usize,
    beta: [f64; 2],
    /// The visitor's.
    pub program: Program,
    pub decays: [f64; 3],
    /// Steps of a run, and how many of them to a step of the exhibit.
    pub steps: usize,
    chunk: usize,
    /// The held-out loss before the first step.
    pub first: f64,
}

/// What the visitor chose.
pub struct Choices {
    pub batch: usize,
    pub beta: [f64; 2],
    pub decay: f64,
    pub rate: f64,
    pub program: Program,
}

/// All runs of the grid, one after the other.
#[derive(Clone)]
pub struct Race {
    pub fixed: Rc<Fixed>,
    now: Run,
    /// The visitor's program, once it has run.
    pub own: Option<Run>,
    /// One sweep of the rates for each decay.
    pub grids: Vec<Sweep>,
    /// The best run of each so far.
    pub best: [Option<Run>; 4],
}

impl Race {
    pub fn new(task: Task, choices: Choices, rng: &mut Rng) -> Self {
        let Choices { batch, beta, decay, rate, program } = choices;
        let start = task.initial(rng);
        let (steps, chunk) = match &task {
            Task::Classes(_) => (200, (2048 / batch).clamp(2, 50)),
            Task::Characters { .. } => (100, 1 + 32 / batch),
        };
        let first = task.held_out(&start);
        let decays = [0.1 * decay, decay, 10.0 * decay];
        let fixed = Fixed { task, start, rng: rng.clone(), batch, beta, program, decays, steps, chunk, first };
        let rates = rates(RATES.0[0], RATES.0[1], RATES.1);
        // The last two, at the middle decay only.
        let grids = [2, 4, 2].map(|count| Sweep::new(&GRID[..count], rates.clone())).to_vec();
        let rule = Rule::Program(Machine::new(&fixed.program, fixed.task.count(), rate));
        let now = Run::new(rule, rate, 0.0, &fixed);
        Self { now, fixed: Rc::new(fixed), own: None, grids, best: Default::default() }
    }

    /// Steps of the exhibit.
    pub fn length(&self) -> usize {
        let runs = 1 + self.grids.iter().map(Sweep::runs).sum::<usize>();
        runs * self.fixed.steps.div_ceil(self.fixed.chunk)
    }

    /// The grid that is being filled, of which the next run is due.
    fn next(&self) -> Option<(usize, usize, f64)> {
        let open = self.grids.iter().enumerate();
        open.filter_map(|(place, grid)| grid.next().map(|(who, rate)| (place, who, rate))).next()
    }

    /// Whether every run has ended.
    pub fn is_over(&self) -> bool {
        self.own.is_some() && self.next().is_none()
    }

    /// A few training steps of the present run.
    pub fn advance(&mut self) {
        let fixed = Rc::clone(&self.fixed);
        for _ in 0..fixed.chunk {
            self.now.advance(&fixed);
        }
        if self.now.t < fixed.steps && self.now.loss.is_some() {
            return;
        }
        match self.next() {
            _ if self.own.is_none() => self.own = Some(self.now.clone()),
            Some((place, who, _)) => {
                self.grids[place].put(self.now.loss);
                let better = match (&self.best[who], self.now.loss) {
                    (Some(best), Some(loss)) => best.loss.is_none_or(|best| loss < best),
                    (best, loss) => best.is_none() && loss.is_some(),
                };
                if better {
                    self.best[who] = Some(self.now.clone());
                }
            }
            None => return,
        }
        if let Some((place, who, rate)) = self.next() {
            let (n, decay, beta) = (fixed.task.count(), fixed.decays[place], fixed.beta);
            let rule = match who {
                0 => Rule::Lion(Lion::new(n, rate, beta, decay)),
                1 => Rule::AdamW(AdamW::new(n, rate, [0.9, 0.999], decay)),
                2 => {
                    let mut sgd = Sgd::new(n, rate, 0.9);
                    sgd.decay = decay;
                    Rule::Sgd(sgd)
                }
                // Lion that remembers nothing.
                _ => Rule::Lion(Lion::new(n, rate, [0.0, 0.0], decay)),
            };
            self.now = Run::new(rule, rate, decay, &fixed);
        }
    }

    /// A contender's loss at each rate, at the best decay for that rate.
    pub fn profile(&self, who: usize) -> Vec<[f64; 2]> {
        let rates = self.grids[0].rates.iter();
        let at = |rate: &f64| {
            let found = self.grids.iter().flat_map(|grid| grid.of(who)).filter(|run| run[0] == *rate);
            found.map(|run| run[1]).reduce(f64::min).map(|loss| [*rate, loss])
        };
        rates.filter_map(at).collect()
    }

    /// A contender's losses by decay and rate; where a run diverged or has not been, the loss at the start.
    pub fn cells(&self, who: usize) -> Vec<f64> {
        let mut cells = Vec::new();
        for grid in &self.grids {
            for rate in &grid.rates {
                let found = grid.of(who).find(|run| run[0] == *rate);
                cells.push(found.map_or(self.fixed.first, |run| run[1].min(self.fixed.first)));
            }
        }
        cells
    }
}

impl Run {
    fn new(rule: Rule, rate: f64, decay: f64, fixed: &Fixed) -> Self {
        let mut curve = Series::new();
        curve.push(0.0, fixed.first);
        let (x, rng) = (fixed.start.clone(), fixed.rng.clone());
        Self { rule, rate, decay, x, rng, t: 0, curve, loss: Some(fixed.first) }
    }

    /// One training step under a cosine schedule; all runs see the same batches.
    fn advance(&mut self, fixed: &Fixed) {
        if self.t == fixed.steps || self.loss.is_none() {
            return;
        }
        let mut g = vec![0.0; self.x.len()];
        let value = fixed.task.value_and_gradient(&self.x, fixed.batch, &mut self.rng, &mut g);
        let rule = self.rule.optimizer();
        *rule.rate() = self.rate * Schedule::Cosine.at(self.t, fixed.steps);
        rule.step(&mut self.x, &g);
        self.t += 1;
        if !(value < FAR && self.x.iter().all(|x| x.abs() < 1e6)) {
            self.loss = None;
        } else if self.t.is_multiple_of(20) || self.t == fixed.steps {
            self.loss = Some(fixed.task.held_out(&self.x)).filter(|loss| *loss < FAR);
            if let Some(loss) = self.loss {
                self.curve.push(self.t as f64, loss);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_of_the_characters_is_a_limit_of_differences() {
        let mut rng = Rng::seed_from_u64(2);
        let task = Task::characters();
        let mut x = task.initial(&mut rng);
        let mut g = vec![0.0; task.count()];
        let at = |x: &[f64], g: &mut [f64]| task.value_and_gradient(x, 16, &mut Rng::seed_from_u64(9), g);
        at(&x, &mut g);
        let (h, slopes) = (1e-5, g.clone());
        for k in [3, 700, 1500, 2000, x.len() - 1] {
            let here = x[k];
            x[k] = here + h;
            let up = at(&x, &mut g);
            x[k] = here - h;
            let slope = (up - at(&x, &mut g)) / (2.0 * h);
            x[k] = here;
            assert!((slope - slopes[k]).abs() < 1e-7, "{k}: {slope} {}", slopes[k]);
        }
    }

    // The same weights, batches and schedule: the program of Lion ends where Lion does at that rate and decay.
    #[test]
    fn the_visitors_lion_runs_as_the_grids_does() {
        let mut rng = Rng::seed_from_u64(5);
        let program = Program::parse(super::super::program::LION).unwrap();
        let rate = rates(RATES.0[0], RATES.0[1], RATES.1)[2];
        let choices = Choices { batch: 16, beta: [0.9, 0.99], decay: 0.3, rate, program };
        let mut race = Race::new(Task::digits(&[], &mut rng), choices, &mut rng);
        (0..race.length()).for_each(|_| race.advance());
        assert!(race.is_over());
        let same = race.grids[1].of(0).find(|run| run[0] == rate).unwrap()[1];
        let own = race.own.unwrap().loss.unwrap();
        assert!((own - same).abs() < 1e-9, "{own} {same}");
    }
}
