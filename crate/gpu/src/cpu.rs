//! The reference: every step of a plan on the CPU, with the same bits on every machine.

use orrery_core::compute::{Answer, CPU, Engine, Local, Map, Operand, Pair, Plan, Shape, Step};
use orrery_kernels::linalg::{View, matmul};
use orrery_kernels::math::exp_wide;
use std::rc::Rc;

/// Carries out plans on the CPU.
pub(crate) struct Cpu;

impl Engine for Cpu {
    fn run<'a>(&'a self, plan: &'a Plan) -> Local<'a, Answer> {
        Box::pin(async move { Answer { entries: carry_out(plan), by: CPU.into() } })
    }
}

/// The entries of what `plan` wants.
fn carry_out(plan: &Plan) -> Vec<Vec<f32>> {
    let last_uses = plan.last_uses();
    let mut done: Vec<Rc<Vec<f32>>> = Vec::new();
    for (step, made) in plan.steps().iter().enumerate() {
        let on = |operand: Operand| On { entries: &done[operand.step], shape: plan.shape(operand.step), operand };
        let shape = plan.shape(step);
        let entries = match *made {
            Step::Known => plan.node(step).known().unwrap_or_default(),
            Step::Matmul(a, b) => Rc::new(products(&on(a), &on(b), shape)),
            Step::Pair(pair, a, b) => Rc::new(pairs(pair, &on(a), &on(b), shape)),
            Step::Map(map, a) => Rc::new(on(a).in_order(shape).map(|x| mapped(map, x)).collect()),
            Step::Softmax(a) => Rc::new(softmax(on(a).in_order(shape).collect(), shape)),
        };
        done.push(entries);
        for operand in made.operands().filter(|operand| last_uses[operand.step] == step) {
            done[operand.step] = Rc::default();
        }
    }
    plan.wanted().iter().map(|&step| Rc::unwrap_or_clone(std::mem::take(&mut done[step]))).collect()
}

/// An operand: what is stored, and how it is used.
struct On<'a> {
    entries: &'a [f32],
    shape: Shape,
    operand: Operand,
}

impl On<'_> {
    /// The matrix of a batch, the only one for all if it is one.
    fn matrix(&self, batch: usize) -> View<'_, f32> {
        let Shape { batch: batches, rows, columns } = self.shape;
        let from = if batches == 1 { 0 } else { batch * rows * columns };
        let stored = View::by_rows(&self.entries[from..from + rows * columns], rows, columns);
        if self.operand.transposed { stored.t() } else { stored }
    }

    /// The entries in the order of a result of this `shape`, repeated along sides of length 1.
    fn in_order(&self, shape: Shape) -> impl Iterator<Item = f32> {
        let stored = self.shape;
        let (row, column) = if self.operand.transposed { (1, stored.columns) } else { (stored.columns, 1) };
        let used = if self.operand.transposed { stored.t() } else { stored };
        let stride = |side: usize, stride: usize| if side == 1 { 0 } else { stride };
        let (row, column) = (stride(used.rows, row), stride(used.columns, column));
        let batch = stride(used.batch, stored.rows * stored.columns);
        let rows = (0..shape.batch).flat_map(move |b| (0..shape.rows).map(move |i| b * batch + i * row));
        rows.flat_map(move |start| (0..shape.columns).map(move |j| self.entries[start + j * column]))
    }
}

fn products(a: &On<'_>, b: &On<'_>, shape: Shape) -> Vec<f32> {
    if shape.batch == 1 {
        return matmul(a.matrix(0), b.matrix(0));
    }
    (0..shape.batch).flat_map(|batch| matmul(a.matrix(batch), b.matrix(batch))).collect()
}

fn pairs(pair: Pair, a: &On<'_>, b: &On<'_>, shape: Shape) -> Vec<f32> {
    let both = a.in_order(shape).zip(b.in_order(shape));
    match pair {
        Pair::Combine(alpha, beta) => both.map(|(a, b)| alpha * a + beta * b).collect(),
        Pair::Times => both.map(|(a, b)| a * b).collect(),
        Pair::Over => both.map(|(a, b)| a / b).collect(),
    }
}

fn mapped(map: Map, x: f32) -> f32 {
    match map {
        Map::Scale(alpha) => alpha * x,
        Map::Exp => exp(x),
    }
}

fn exp(x: f32) -> f32 {
    exp_wide(f64::from(x)) as f32
}

/// Softmax of every row, shifted by its greatest entry so that nothing overflows.
fn softmax(mut entries: Vec<f32>, shape: Shape) -> Vec<f32> {
    for row in entries.chunks_exact_mut(shape.columns.max(1)) {
        let greatest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        row.iter_mut().for_each(|x| *x = exp(*x - greatest));
        let sum: f32 = row.iter().sum();
        row.iter_mut().for_each(|x| *x /= sum);
    }
    entries
}
