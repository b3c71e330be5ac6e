//! Newton's method on the dual of entropic transport, with all of the Hessian or its largest entries
//! (Tang et al., "Accelerating Sinkhorn Algorithm with Sparse Newton Iterations", 2024), and a count of its work.

use orrery_kernels::linalg::{ConjugateGradient, Largest, Sparse};
use orrery_kernels::transport::{Entropic, Sinkhorn};
use std::rc::Rc;

/// Work done, by kind, in entries of a matrix.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Work {
    /// Entries of $P$ taken, each an exponential.
    pub exponentials: f64,
    /// Entries looked at to find the largest, in every pass over them.
    pub compared: f64,
    /// Entries of a dense matrix used in a conjugate gradient iteration.
    pub dense: f64,
    /// The same of a sparse one.
    pub sparse: f64,
    /// Entries of vectors used there.
    pub vector: f64,
}

impl Work {
    /// The exponential of `exp_wide` is 29 operations; a plan's entry takes two more to get at, a sum, and at its use a
    /// product and a sum.
    pub fn flops(&self) -> f64 {
        34.0 * self.exponentials + 2.0 * self.compared + 4.0 * (self.dense + self.sparse) + 14.0 * self.vector
    }

    /// At the rates of one native core, nanoseconds an entry. No clock is read: the same run gives the same picture.
    pub fn seconds(&self) -> f64 {
        let nanoseconds =
            4.0 * self.exponentials + 0.8 * self.compared + 1.2 * self.dense + 2.5 * self.sparse + 5.0 * self.vector;
        1e-9 * nanoseconds
    }
}

/// What stands in the corners of the Hessian.
#[derive(Clone)]
pub(crate) enum Corner {
    /// All of it.
    Full(Rc<Vec<f64>>),
    /// Its largest entries.
    Largest(Rc<Sparse>),
}

/// Minus the Hessian of $\eta f$ by $(u,v)$,
/// $$M=\begin{pmatrix}\mathrm{diag}(P1)&P\\P^\top&\mathrm{diag}(P^\top1)\end{pmatrix},$$
/// with all of $P$ or only its largest entries in the corners. The diagonals are exact.
pub(crate) struct Hessian {
    /// $P1$ and $P^\top1$.
    pub diagonal: Vec<f64>,
    /// $P$, or what of it is kept.
    pub corner: Corner,
}

impl Hessian {
    /// `out = M w`, `w` the rows' part and then the columns'.
    pub fn multiply(&self, w: &[f64], m: usize, out: &mut [f64]) {
        out.iter_mut().zip(w.iter().zip(&self.diagonal)).for_each(|(out, (w, d))| *out = w * d);
        let (x, y) = w.split_at(m);
        let (rows, columns) = out.split_at_mut(m);
        match &self.corner {
            Corner::Largest(p) => p.add_both(x, y, rows, columns),
            Corner::Full(p) => {
                for ((p, x), out) in p.chunks_exact(y.len()).zip(x).zip(rows) {
                    let mut sums = [0.0; 4];
                    for ((p, y), out) in p.chunks_exact(4).zip(y.chunks_exact(4)).zip(columns.chunks_exact_mut(4)) {
                        for k in 0..4 {
                            sums[k] += p[k] * y[k];
                            out[k] += x * p[k];
                        }
                    }
                    let rest = y.len() - y.len() % 4;
                    for j in rest..y.len() {
                        sums[0] += p[j] * y[j];
                        columns[j] += x * p[j];
                    }
                    *out += (sums[0] + sums[1]) + (sums[2] + sums[3]);
                }
            }
        }
    }

    fn work(&self) -> Work {
        let vector = self.diagonal.len() as f64;
        match &self.corner {
            Corner::Full(p) => Work { dense: p.len() as f64, vector, ..Work::default() },
            Corner::Largest(p) => Work { sparse: p.len() as f64, vector, ..Work::default() },
        }
    }
}

/// Takes off the direction $(1,-1)$, along which no plan changes.
fn without_shift(w: &mut [f64], m: usize) {
    let (x, y) = w.split_at_mut(m);
    let shift = (x.iter().sum::<f64>() - y.iter().sum::<f64>()) / (x.len() + y.len()) as f64;
    x.iter_mut().for_each(|x| *x -= shift);
    y.iter_mut().for_each(|y| *y += shift);
}

/// The plan at potentials $(u,v)$ and its marginals, taken row by row.
#[derive(Clone)]
pub(crate) struct Trial {
    pub w: Vec<f64>,
    step: f64,
    row: usize,
    /// $P$, by rows.
    pub plan: Rc<Vec<f64>>,
    /// $P1$ and $P^\top1$.
    pub marginals: Vec<f64>,
}

impl Trial {
    pub fn new(w: Vec<f64>, step: f64, entries: usize) -> Self {
        Self { step, row: 0, plan: Rc::new(vec![0.0; entries]), marginals: vec![0.0; w.len()], w }
    }

    pub fn advance(&mut self, problem: &Entropic, rows: usize) -> bool {
        let (m, n) = (problem.r().len(), problem.c().len());
        let plan = Rc::make_mut(&mut self.plan);
        for i in self.row..(self.row + rows).min(m) {
            let row = &mut plan[i * n..(i + 1) * n];
            self.marginals[i] = problem.plan_row(i, self.w[i], &self.w[m..], row);
            self.marginals[m..].iter_mut().zip(row).for_each(|(sum, p)| *sum += *p);
        }
        self.row = (self.row + rows).min(m);
        self.row == m
    }

    /// $\eta f=-\sum P+\langle r,u\rangle+\langle c,v\rangle$ and its gradient $(r-P1,c-P^\top1)$.
    pub fn value_and_gradient(&self, problem: &Entropic) -> (f64, Vec<f64>) {
        let masses = || problem.r().iter().chain(problem.c());
        let gradient: Vec<f64> = masses().zip(&self.marginals).map(|(mass, sum)| mass - sum).collect();
        let total: f64 = self.marginals[..problem.r().len()].iter().sum();
        let value = masses().zip(&self.w).map(|(mass, w)| mass * w).sum::<f64>() - total;
        (value, gradient)
    }
}

/// A point that was accepted: the plan there, and what the Hessian keeps of it.
pub(crate) struct Accepted {
    /// $P$, by rows.
    pub plan: Rc<Vec<f64>>,
    /// The entries kept, unless all are.
    pub kept: Option<Rc<Sparse>>,
}

/// An iteration done: of Sinkhorn, with the violation before it, or of Newton, with that after it.
pub(crate) struct Reached {
    /// How many iterations the violation stands after.
    pub iterations: usize,
    /// The work up to there.
    pub work: Work,
    /// $\|P1-r\|_1+\|P^\top1-c\|_1$.
    pub violation: f64,
}

/// Sinkhorn first, then Newton's method on the concave $f$, with a Hessian of all of $P$ or of its largest entries.
#[derive(Clone)]
pub(crate) struct Newton {
    /// Entries kept; all where there is no number.
    keep: Option<usize>,
    warm_up: usize,
    phase: Phase,
    /// The violation at which it has arrived.
    goal: f64,
    /// The warm-up.
    pub sinkhorn: Sinkhorn,
    iterations: usize,
    /// Work so far.
    pub work: Work,
    /// Conjugate gradient iterations so far.
    pub inner: usize,
    /// The accepted point, $u$ and then $v$; empty before the first.
    pub w: Vec<f64>,
    value: f64,
    /// The violation at the accepted point.
    pub violation: f64,
    /// $\langle\nabla\eta f,d\rangle$ of the direction searched.
    slope: f64,
    direction: Vec<f64>,
    hessian: Option<Rc<Hessian>>,
    accepted: Option<Rc<Accepted>>,
}

#[derive(Clone)]
enum Phase {
    /// Sinkhorn iterations.
    WarmUp,
    /// The plan at a trial point is being taken.
    Search(Trial),
    /// A trial was accepted: which entries of its plan the Hessian keeps is being found.
    Choose(Trial, Choice),
    /// That is known.
    Accepted(Trial, Corner),
    /// The Newton system is being solved.
    Solve(ConjugateGradient),
    /// There is nothing more to do.
    Ended,
}

/// How far the largest entries of a plan are found, row by row.
#[derive(Clone)]
struct Choice {
    row: usize,
    largest: Box<Largest>,
    /// What the last pass over the plan stores, once the threshold is known.
    kept: Option<(f64, Rc<Sparse>)>,
}

/// Newton steps after which a method that has not arrived is given up.
const MOST_NEWTON: usize = 150;

impl Newton {
    /// Keeps `keep` entries, or all, after `warm_up` iterations of Sinkhorn; ends when the violation is at most `goal`.
    pub fn new(problem: &Entropic, keep: Option<usize>, warm_up: usize, goal: f64) -> Self {
        Self {
            keep,
            warm_up,
            phase: Phase::WarmUp,
            sinkhorn: Sinkhorn::new(problem),
            goal,
            iterations: 0,
            work: Work::default(),
            inner: 0,
            w: Vec::new(),
            value: f64::NEG_INFINITY,
            violation: f64::INFINITY,
            slope: 0.0,
            direction: Vec::new(),
            hessian: None,
            accepted: None,
        }
    }

    /// Whether it has arrived or been given up.
    pub fn ended(&self) -> bool {
        matches!(self.phase, Phase::Ended)
    }

    /// The point accepted since this was last asked.
    pub fn take_accepted(&mut self) -> Option<Rc<Accepted>> {
        self.accepted.take()
    }

    /// One iteration, or as much of it as `slice` modelled seconds allow. Says when one was done.
    pub fn advance(&mut self, problem: &Entropic, slice: f64) -> Option<Reached> {
        let (m, n) = (problem.r().len(), problem.c().len());
        let entries = m * n;
        let until = self.work.seconds() + slice;
        let mut work = self.work;
        let mut reached = None;
        loop {
            let left = until - work.seconds();
            if left <= 0.0 {
                self.work = work;
                return reached;
            }
            let row = Work { exponentials: n as f64, ..Work::default() };
            let rows = (left / row.seconds()).ceil() as usize;
            match &mut self.phase {
                Phase::Ended => return reached,
                Phase::WarmUp => {
                    let rows = rows.min(self.sinkhorn.rows_left());
                    let violation = self.sinkhorn.advance(problem, rows);
                    work.exponentials += (rows * n) as f64;
                    let Some(violation) = violation else { continue };
                    // What an iteration reports is the violation before it.
                    let done = self.sinkhorn.iterations();
                    self.iterations = done - 1;
                    self.work = work;
                    if done == self.warm_up {
                        let w = [&self.sinkhorn.u[..], &self.sinkhorn.v[..]].concat();
                        self.phase = Phase::Search(Trial::new(w, 0.0, entries));
                    }
                    return Some(Reached { iterations: done - 1, work, violation });
                }
                Phase::Search(trial) => {
                    let rows = rows.min(m - trial.row);
                    work.exponentials += (rows * n) as f64;
                    if !trial.advance(problem, rows) {
                        continue;
                    }
                    let (value, gradient) = trial.value_and_gradient(problem);
                    let violation: f64 = gradient.iter().map(|g| g.abs()).sum();
                    // Armijo's condition; where the gain drowns in rounding, a smaller gradient will do.
                    let gain = trial.step * self.slope;
                    let rounding = 1e-11 * (1.0 + self.value.abs());
                    let better = value >= self.value + 1e-4 * gain && violation.is_finite();
                    let accepted =
                        if gain > rounding || trial.step == 0.0 { better } else { violation < self.violation };
                    if !accepted {
                        let step = 0.5 * trial.step;
                        if step < 1e-15 {
                            self.end(work);
                            return reached;
                        }
                        let w = self.w.iter().zip(&self.direction).map(|(w, d)| w + step * d).collect();
                        self.phase = Phase::Search(Trial::new(w, step, entries));
                        continue;
                    }
                    (self.value, self.violation) = (value, violation);
                    self.w.clone_from(&trial.w);
                    self.iterations += 1;
                    reached = Some(Reached { iterations: self.iterations, work, violation });
                    let accepted = trial.clone();
                    self.phase = match self.keep {
                        None => {
                            let corner = Corner::Full(Rc::clone(&accepted.plan));
                            Phase::Accepted(accepted, corner)
                        }
                        Some(keep) => Phase::Choose(accepted, Choice::new(keep)),
                    };
                }
                Phase::Choose(trial, choice) => {
                    let row = Work { compared: n as f64, ..Work::default() };
                    let rows = ((left / row.seconds()).ceil() as usize).min(m - choice.row);
                    work.compared += (rows * n) as f64;
                    if let Some(kept) = choice.advance(&trial.plan, n, rows, self.keep.unwrap_or(entries)) {
                        self.phase = Phase::Accepted(trial.clone(), Corner::Largest(kept));
                    }
                }
                Phase::Accepted(trial, corner) => {
                    let trial = trial.clone();
                    let hessian = Hessian { diagonal: trial.marginals.clone(), corner: corner.clone() };
                    let kept = match &hessian.corner {
                        Corner::Largest(kept) => Some(Rc::clone(kept)),
                        Corner::Full(_) => None,
                    };
                    self.accepted = Some(Rc::new(Accepted { plan: Rc::clone(&trial.plan), kept }));
                    if self.violation <= self.goal || self.iterations >= self.warm_up + MOST_NEWTON {
                        self.end(work);
                        return reached;
                    }
                    let (_, mut b) = trial.value_and_gradient(problem);
                    without_shift(&mut b, m);
                    self.phase = Phase::Solve(ConjugateGradient::new(b, &hessian.diagonal));
                    self.hessian = Some(Rc::new(hessian));
                    self.work = work;
                    return reached;
                }
                Phase::Solve(cg) => {
                    let Some(hessian) = self.hessian.clone() else { return reached };
                    let once = hessian.work();
                    let before = cg.iterations();
                    let most = ((left / once.seconds()).ceil() as usize).min(2 * (m + n) - before.min(2 * (m + n)));
                    let tolerance = TOLERANCE.min(self.violation);
                    let done = cg.advance(|w, out| hessian.multiply(w, m, out), most, tolerance);
                    let ran = (cg.iterations() - before) as f64;
                    work.dense += ran * once.dense;
                    work.sparse += ran * once.sparse;
                    work.vector += ran * once.vector;
                    self.inner += cg.iterations() - before;
                    if done || cg.iterations() >= 2 * (m + n) {
                        let mut d = cg.solution().to_vec();
                        without_shift(&mut d, m);
                        let masses = problem.r().iter().chain(problem.c());
                        let gradient = masses.zip(&hessian.diagonal).map(|(mass, sum)| mass - sum);
                        self.slope = gradient.zip(&d).map(|(g, d)| g * d).sum();
                        let w = self.w.iter().zip(&d).map(|(w, d)| w + d).collect();
                        self.direction = d;
                        self.hessian = None;
                        self.phase = Phase::Search(Trial::new(w, 1.0, entries));
                    }
                }
            }
        }
    }

    fn end(&mut self, work: Work) {
        self.work = work;
        self.hessian = None;
        self.phase = Phase::Ended;
    }
}

impl Choice {
    fn new(keep: usize) -> Self {
        Self { row: 0, largest: Box::new(Largest::new(keep)), kept: None }
    }

    /// Looks through the next rows of the plan; at the end of its last pass gives the `keep` largest entries.
    fn advance(&mut self, plan: &[f64], n: usize, rows: usize, keep: usize) -> Option<Rc<Sparse>> {
        let piece = &plan[self.row * n..(self.row + rows) * n];
        self.row += rows;
        let passed = self.row * n == plan.len();
        if let Some((threshold, kept)) = &mut self.kept {
            let kept = Rc::make_mut(kept);
            piece.chunks_exact(n).for_each(|row| kept.push_large(row, *threshold, keep));
            return if passed { self.kept.take().map(|(_, kept)| kept) } else { None };
        }
        self.largest.look(piece);
        if passed {
            self.row = 0;
            self.kept = self.largest.narrow().map(|threshold| (threshold, Rc::new(Sparse::without_rows(n))));
        }
        None
    }
}

/// The loosest residual, relative to the first, at which a Newton system counts as solved.
const TOLERANCE: f64 = 1e-2;
