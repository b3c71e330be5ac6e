//! Regularised evolution of update rules, and random search beside it.

use super::program::{ADAMW, Machine, Program};
use crate::problems::Classifier;
use crate::schedule::Schedule;
use crate::sweep;
use orrery_core::prelude::*;
use orrery_kernels::data;
use orrery_kernels::optim::Optimizer;
use std::collections::{BTreeMap, VecDeque};

/// What a run that diverged counts as.
pub const WORST: f64 = 10.0;

/// A training run that scores programs: its start and its batches are the same for all of them.
pub struct Task {
    problem: Classifier,
    start: Vec<f64>,
    batches: Vec<Vec<usize>>,
}

impl Task {
    /// The proxy: the digits 0 to 3 on 4 x 4 pixels, a network 16-16-4, forty steps.
    pub fn proxy(rng: &mut Rng) -> Self {
        let fine = data::digits();
        let few: Vec<usize> = (0..fine.rows()).filter(|&row| fine.labels[row] < 4).collect();
        let fine = fine.pick(&few);
        let mut coarse = data::Table { columns: 16, features: Vec::new(), labels: fine.labels.clone(), classes: 4 };
        for row in 0..fine.rows() {
            let image = fine.row(row);
            // The mean of two by two pixels, from 0 to 1.
            let pixel = |k: usize| {
                let corner = 16 * (k / 4) + 2 * (k % 4);
                (image[corner] + image[corner + 1] + image[corner + 8] + image[corner + 9]) / 64.0
            };
            coarse.features.extend((0..16).map(pixel));
        }
        Self::new(Classifier::new(coarse, 400, &[16], rng), 16, 40, rng)
    }

    /// The meta-validation: all ten digits, a network 64-16-10, four times as many steps.
    pub fn larger(rng: &mut Rng) -> Self {
        Self::new(Classifier::digits(1200, &[16], rng), 32, 160, rng)
    }

    fn new(problem: Classifier, size: usize, steps: usize, rng: &mut Rng) -> Self {
        let start = problem.initial(rng);
        let batches = (0..steps).map(|_| problem.batch(size, rng)).collect();
        Self { problem, start, batches }
    }

    /// The held-out loss that a program ends with under a cosine schedule; [`WORST`] at most.
    pub fn score(&self, program: &Program, rate: f64) -> f64 {
        let mut x = self.start.clone();
        let mut g = vec![0.0; x.len()];
        let mut machine = Machine::new(program, x.len(), rate);
        for (t, batch) in self.batches.iter().enumerate() {
            *machine.rate() = rate * Schedule::Cosine.at(t, self.batches.len());
            let loss = self.problem.value_and_gradient(&x, batch, &mut g);
            machine.step(&mut x, &g);
            // NaN is no number below.
            if !(loss < 1e3 && x.iter().all(|x| x.abs() < 1e6)) {
                return WORST;
            }
        }
        let loss = self.problem.held_out(&x);
        if loss < WORST { loss } else { WORST }
    }

    /// The best of these rates, and the score there.
    pub fn tuned(&self, program: &Program, rates: &[f64]) -> [f64; 2] {
        let better = |best: [f64; 2], rate: &f64| {
            let score = self.score(program, *rate);
            if score < best[1] { [*rate, score] } else { best }
        };
        rates.iter().fold([rates.first().copied().unwrap_or(0.01), f64::INFINITY], better)
    }
}

/// The rates that AdamW is tuned over before it becomes the first parent.
pub fn rates() -> Vec<f64> {
    sweep::rates(0.003, 0.3, 9)
}

/// The population, and how many take part in a tournament.
const POPULATION: usize = 40;
const TOURNAMENT: usize = 8;

/// How many equivalents of known programs may be drawn until one is scored again.
const PATIENCE: usize = 50;

/// Programs whose scores are known are the same to the search if they do the same.
#[derive(Clone, Default)]
struct Known {
    scores: BTreeMap<Option<u64>, f64>,
}

/// One search. Both kinds pay for every program that does something new, and nothing for one that they know.
#[derive(Clone)]
pub struct Search {
    rng: Rng,
    /// Whether children come from the fittest; otherwise all descend from the first program by chance alone.
    evolves: bool,
    known: Known,
    /// From the oldest to the youngest; of a random search, the first alone.
    population: VecDeque<(f64, Program)>,
    /// The best of different behaviour, best first.
    pub best: Vec<(f64, Program)>,
    /// Best score against evaluations.
    pub record: Series,
    pub evaluations: usize,
    /// How often it was asked to score one more.
    pub turns: usize,
    /// Proposals whose score was known already.
    pub repeats: usize,
}

/// How many of the best are kept for the funnel.
pub const FINALISTS: usize = 3;

impl Search {
    /// Begins with AdamW.
    pub fn new(task: &Task, rate: f64, evolves: bool, rng: Rng) -> Result<Self> {
        let first = Program::parse(ADAMW)?;
        let score = task.score(&first, rate);
        let mut search = Self {
            rng,
            evolves,
            known: Known::default(),
            population: [(score, first.clone())].into(),
            best: vec![(score, first.clone())],
            record: Series::new(),
            evaluations: 1,
            turns: 0,
            repeats: 0,
        };
        search.known.scores.insert(first.fingerprint(), score);
        search.record.push(1.0, score);
        Ok(search)
    }

    /// A number below `count`.
    fn below(&mut self, count: usize) -> usize {
        self.rng.random_range(0..count.max(1) as u32) as usize
    }

    fn propose(&mut self) -> Program {
        if !self.evolves {
            // From one to eight mutations of the first program.
            let count = 1 + self.below(8);
            let first = self.population[0].1.clone();
            return (0..count).fold(first, |program, _| program.mutated(&mut self.rng));
        }
        // The fittest of a few becomes the parent.
        let mut parent = self.below(self.population.len());
        for _ in 1..TOURNAMENT {
            let other = self.below(self.population.len());
            if self.population[other].0 < self.population[parent].0 {
                parent = other;
            }
        }
        self.population[parent].1.mutated(&mut self.rng)
    }

    /// Draws programs until one has to be scored.
    pub fn evaluate(&mut self, task: &Task, rate: f64) {
        self.turns += 1;
        for _ in 0..PATIENCE {
            let child = self.propose();
            let print = child.fingerprint();
            let known = self.known.scores.get(&print).copied();
            let score = match (print, known) {
                (_, Some(score)) => score,
                (None, _) => WORST,
                _ => task.score(&child, rate),
            };
            self.known.scores.insert(print, score);
            if self.evolves {
                // The child joins, and the oldest dies, however fit.
                self.population.push_back((score, child.clone()));
                if self.population.len() > POPULATION {
                    self.population.pop_front();
                }
            }
            if known.is_some() || print.is_none() {
                self.repeats += 1;
                continue;
            }
            self.evaluations += 1;
            let place = self.best.partition_point(|best| best.0 <= score);
            if place < FINALISTS {
                self.best.insert(place, (score, child));
                self.best.truncate(FINALISTS);
            }
            break;
        }
        self.record.push(self.evaluations as f64, self.best[0].0);
    }

    /// Starts again from the best program found.
    pub fn restart(&mut self) {
        if self.evolves {
            self.population = [self.best[0].clone()].into();
        }
    }
}
