//! The reference: every step of a plan on the CPU, with the same bits on every machine.

use orrery_core::compute::{Answer, CPU, Engine, Local, Map, Operand, Pair, Plan, Shape, Step};
use orrery_kernels::linalg::{View, matmul_add, matvec_add};
use orrery_kernels::math::exp_wide;
use std::borrow::Cow;
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
            Step::Map(map, a) => Rc::new(mapped(map, &on(a).in_order(shape))),
            Step::Softmax(a) => Rc::new(softmax(on(a).in_order(shape).into_owned(), shape)),
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
    /// What is stored of one matrix of a batch, of the only one for all if it is one.
    fn stored(&self, batch: usize) -> &[f32] {
        let Shape { batch: batches, rows, columns } = self.shape;
        let from = if batches == 1 { 0 } else { batch * rows * columns };
        &self.entries[from..from + rows * columns]
    }

    /// The matrix of a batch, likewise.
    fn matrix(&self, batch: usize) -> View<'_, f32> {
        let stored = View::by_rows(self.stored(batch), self.shape.rows, self.shape.columns);
        if self.operand.transposed { stored.t() } else { stored }
    }

    /// The entries in the order of a result of this `shape`, repeated along sides of length 1.
    fn in_order(&self, shape: Shape) -> Cow<'_, [f32]> {
        let (stored, transposed) = (self.shape, self.operand.transposed);
        if stored == shape && !transposed {
            return Cow::Borrowed(self.entries);
        }
        let (used, row, column) =
            if transposed { (stored.t(), 1, stored.columns) } else { (stored, stored.columns, 1) };
        let stride = |side: usize, stride: usize| if side == 1 { 0 } else { stride };
        let (row, column) = (stride(used.rows, row), stride(used.columns, column));
        let batch = stride(used.batch, stored.rows * stored.columns);
        let mut entries = Vec::with_capacity(shape.entries());
        for start in (0..shape.batch).flat_map(|b| (0..shape.rows).map(move |i| b * batch + i * row)) {
            entries.extend((0..shape.columns).map(|j| self.entries[start + j * column]));
        }
        Cow::Owned(entries)
    }
}

fn products(a: &On<'_>, b: &On<'_>, shape: Shape) -> Vec<f32> {
    let mut entries = vec![0.0; shape.entries()];
    for (batch, product) in entries.chunks_exact_mut((shape.rows * shape.columns).max(1)).enumerate() {
        match shape {
            // A vector's entries lie one after the other, whether it stands or lies.
            Shape { columns: 1, .. } => matvec_add(a.matrix(batch), b.stored(batch), product),
            Shape { rows: 1, .. } => matvec_add(b.matrix(batch).t(), a.stored(batch), product),
            _ => matmul_add(a.matrix(batch), b.matrix(batch), product),
        }
    }
    entries
}

fn pairs(pair: Pair, a: &On<'_>, b: &On<'_>, shape: Shape) -> Vec<f32> {
    let (a, b) = (a.in_order(shape), b.in_order(shape));
    let both = a.iter().zip(&*b);
    match pair {
        Pair::Combine(alpha, beta) => both.map(|(a, b)| alpha * a + beta * b).collect(),
        Pair::Times => both.map(|(a, b)| a * b).collect(),
        Pair::Over => both.map(|(a, b)| a / b).collect(),
    }
}

fn mapped(map: Map, x: &[f32]) -> Vec<f32> {
    match map {
        Map::Scale(alpha) => x.iter().map(|x| alpha * x).collect(),
        Map::Exp => x.iter().map(|&x| exp(x)).collect(),
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

#[cfg(test)]
mod tests {
    use crate::cpu;
    use orrery_core::compute::{Compute, Tensor};
    use pollster::block_on;

    fn read(compute: &Compute, tensor: &Tensor) -> Vec<f32> {
        let [entries] = block_on(compute.read([tensor]));
        entries.to_vec()
    }

    /// Whole numbers, whose products are exact.
    fn whole(rows: usize, columns: usize) -> Tensor {
        Tensor::new((0..rows * columns).map(|i| (i * i % 11) as f32 - 5.0).collect(), rows, columns)
    }

    #[test]
    fn the_transpose_of_a_product_is_the_product_of_the_transposes() {
        let (a, b) = (whole(2, 3), whole(3, 4));
        let product = a.matmul(&b);
        assert_eq!(read(&cpu(), &product.t()), read(&cpu(), &b.t().matmul(&a.t())));
        // Whether or not the product was known when it was turned.
        assert_eq!(read(&cpu(), &a.matmul(&b).t()), read(&cpu(), &product.t()));
    }

    #[test]
    fn products_of_a_batch_are_the_products_of_its_matrices() {
        let (a, b) = (whole(6, 3), whole(3, 5));
        let parts = read(&cpu(), &a.matmul(&b));
        let [entries] = block_on(cpu().read([&a.scale(1.0)]));
        let batch = Tensor::batch(entries.to_vec(), 3, 2, 3);
        assert_eq!(read(&cpu(), &batch.matmul(&b)), parts);
    }

    #[test]
    fn a_product_with_a_vector_is_a_column_of_one_with_a_matrix() {
        let (a, x) = (whole(5, 6), whole(6, 1));
        let [entries] = block_on(cpu().read([&x.scale(1.0)]));
        let twice = Tensor::new(entries.iter().flat_map(|x| [*x, 2.0 * x]).collect(), 6, 2);
        let first: Vec<f32> = read(&cpu(), &a.matmul(&twice)).into_iter().step_by(2).collect();
        assert_eq!(read(&cpu(), &a.matmul(&x)), first);
        assert_eq!(read(&cpu(), &x.t().matmul(&a.t())), first);
        let turned = Tensor::new(read(&cpu(), &a.t()), 6, 5).t();
        assert_eq!(read(&cpu(), &turned.matmul(&x)), first);
    }

    #[test]
    fn entries_repeat_along_sides_of_length_one() {
        let (a, row, column) = (whole(3, 2), whole(1, 2), whole(3, 1));
        let outer = column.matmul(&Tensor::new(vec![1.0; 2], 1, 2));
        assert_eq!(read(&cpu(), &a.times(&column)), read(&cpu(), &a.times(&outer)));
        let outer = Tensor::new(vec![1.0; 3], 3, 1).matmul(&row);
        assert_eq!(read(&cpu(), &a.combine(2.0, &row, -1.0)), read(&cpu(), &a.combine(2.0, &outer, -1.0)));
        assert_eq!(read(&cpu(), &a.times(&row.t().t())), read(&cpu(), &a.t().times(&row.t()).t()));
    }

    #[test]
    fn softmax_adds_up_to_one_and_ignores_a_shift() {
        let x = whole(4, 7).scale(30.0);
        let weights = read(&cpu(), &x.softmax());
        assert!(weights.chunks_exact(7).all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-6));
        let shifted = x.combine(1.0, &Tensor::new(vec![512.0], 1, 1), 1.0);
        assert_eq!(read(&cpu(), &shifted.softmax()), weights);
    }

    #[test]
    #[should_panic = "the inner sizes of a product"]
    fn sizes_that_do_not_fit_are_refused() {
        let _ = whole(2, 3).matmul(&whole(2, 3));
    }
}
