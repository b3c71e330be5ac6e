//! Sinkhorn's scaling in single precision: products of a matrix with vectors, many in one plan, which a GPU may carry out.

use orrery_core::compute::{Compute, Tensor};
use orrery_kernels::math::log;
use orrery_kernels::transport::{Entropic, Error};
use std::rc::Rc;

/// $P_{ij}=a_iK_{ij}b_j$ by $a=r/(Kb)$ and $b=c/(K^\top a)$ in turn. (Cuturi, "Sinkhorn Distances", 2013, Algorithm 1.)
///
/// Numbers of 32 bits begin at $e^{-87}$, so that $K=e^{-\eta c}$ would vanish soon. Here
/// $K_{ij}=e^{\bar u_i+\bar v_j-\eta c_{ij}}$, with $\bar u$ and $\bar v$ so large that the greatest entry of each row and of
/// each column is one.
#[derive(Clone)]
pub struct Single {
    kernel: Tensor,
    /// $\bar u$ and $\bar v$.
    shift: Rc<[Vec<f64>; 2]>,
    r: Tensor,
    c: Tensor,
    a: Tensor,
    b: Tensor,
    /// $Kb$.
    sums: Tensor,
    /// Iterations run.
    pub iterations: usize,
    /// By how much the rows' sums, in 32 bits, were off after them.
    violation: f64,
}

/// Operations in a plan of a problem that is large: a GPU is asked from 10⁸ on.
const OPERATIONS: usize = 120_000_000;
/// A violation that is no more than rounding: each sum may err by a unit or two in its last place.
const REST: f64 = 4.0 * f32::EPSILON as f64;
/// Pairs from which a problem is large.
const LARGE: usize = 500_000;

impl Single {
    /// Takes the exponentials and begins at unit scalings. What is below the least normal number of 32 bits counts as zero,
    /// as some devices have no others.
    pub fn new(problem: &Entropic) -> Self {
        let (m, n) = (problem.r().len(), problem.c().len());
        let least = |row: &[f64]| row.iter().copied().fold(f64::INFINITY, f64::min);
        let u: Vec<f64> = (0..m).map(|i| least(problem.cost(i))).collect();
        let mut v = vec![f64::INFINITY; n];
        for (i, u) in u.iter().enumerate() {
            v.iter_mut().zip(problem.cost(i)).for_each(|(v, cost)| *v = v.min(cost - u));
        }
        let mut row = vec![0.0; n];
        let mut entries = Vec::with_capacity(m * n);
        for (i, u) in u.iter().enumerate() {
            problem.plan_row(i, *u, &v, &mut row);
            entries.extend(row.iter().map(|&x| if x < f64::from(f32::MIN_POSITIVE) { 0.0 } else { x as f32 }));
        }
        let column = |x: &[f64]| Tensor::new(x.iter().map(|&x| x as f32).collect(), x.len(), 1);
        let kernel = Tensor::new(entries, m, n);
        let (a, b) = (column(&vec![1.0; m]), column(&vec![1.0; n]));
        let sums = kernel.matmul(&b);
        let (r, c) = (column(problem.r()), column(problem.c()));
        Self { kernel, shift: Rc::new([u, v]), r, c, a, b, sums, iterations: 0, violation: f64::INFINITY }
    }

    /// Iterations in a plan: few where they are quick, so that one sees them; of a large problem as many as are worth
    /// a way to a GPU and back.
    pub fn at_once(m: usize, n: usize) -> usize {
        if m * n < LARGE { 1 } else { OPERATIONS.div_ceil(4 * m * n) }
    }

    /// Runs `count` iterations; says by how much the rows' sums are off after them. Those of the columns are right up to
    /// rounding.
    ///
    /// # Errors
    /// [`Error::Underflow`] if a sum over $K$ vanishes or a scaling is too large for a number of 32 bits. It is final.
    pub async fn advance(&mut self, compute: &Compute, count: usize) -> Result<f64, Error> {
        for _ in 0..count {
            self.a = self.r.over(&self.sums);
            self.b = self.c.over(&self.kernel.t().matmul(&self.a));
            self.sums = self.kernel.matmul(&self.b);
        }
        let read = [&self.a, &self.b, &self.sums, &self.r];
        let [a, b, sums, r] = compute.read(read).await;
        self.iterations += count;
        if a.iter().chain(&*b).any(|x| !x.is_normal() || *x <= 0.0) {
            return Err(Error::Underflow);
        }
        let off = a.iter().zip(&*sums).zip(&*r).map(|((a, sum), r)| (f64::from(a * sum) - f64::from(*r)).abs());
        self.violation = off.sum();
        Ok(self.violation)
    }

    /// Whether its scalings have come to rest: more iterations, in 32 bits, bring nothing.
    pub fn rests(&self) -> bool {
        self.violation <= REST
    }

    /// The potentials $u=\bar u+\log a$ and $v=\bar v+\log b$.
    pub async fn potentials(&self, compute: &Compute) -> [Vec<f64>; 2] {
        let scalings = compute.read([&self.a, &self.b]).await;
        [0, 1].map(|side| {
            let shifted = scalings[side].iter().zip(&self.shift[side]);
            shifted.map(|(&scaling, shift)| shift + log(f64::from(scaling))).collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_gpu::{Gpu, always, cpu};
    use orrery_kernels::transport::Scaling;
    use pollster::block_on;

    /// Costs between 0 and 1 of the pairs, without a pattern.
    fn problem(m: usize, n: usize, epsilon: f64) -> Entropic {
        let cost: Vec<f64> = (0..m * n).map(|k| (k * k % 101) as f64 / 101.0).collect();
        let share = |k: usize| -> Vec<f64> {
            let total = (k * (k + 1) / 2) as f64;
            (1..=k).map(|i| i as f64 / total).collect()
        };
        Entropic::new(&cost, 1.0 / epsilon, share(m), share(n)).expect("a problem")
    }

    fn after(compute: &Compute, problem: &Entropic, count: usize) -> (f64, [Vec<f64>; 2]) {
        let mut single = Single::new(problem);
        let violation = block_on(single.advance(compute, count)).expect("no underflow");
        (violation, block_on(single.potentials(compute)))
    }

    fn apart(p: &[Vec<f64>; 2], q: &[Vec<f64>; 2]) -> f64 {
        // Only u + v matters.
        let shift = p[0][0] - q[0][0];
        let rows = p[0].iter().zip(&q[0]).map(|(p, q)| p - q - shift);
        let columns = p[1].iter().zip(&q[1]).map(|(p, q)| p - q + shift);
        rows.chain(columns).fold(0.0, |most, off| most.max(off.abs()))
    }

    #[test]
    fn it_arrives_where_double_precision_does_and_a_plan_of_many_iterations_is_as_many_of_one() {
        let problem = problem(30, 43, 0.1);
        let mut double = Scaling::new(&problem);
        while double.advance(&problem, 30).expect("no underflow").is_none_or(|violation| violation > 1e-12) {}
        let (u, v) = double.potentials();
        let (violation, potentials) = after(&cpu(), &problem, 100);
        assert!(violation < 1e-6, "{violation}");
        let apart = apart(&potentials, &[u, v]);
        assert!(apart < 1e-5, "{apart}");
        let mut ones = Single::new(&problem);
        for _ in 0..100 {
            block_on(ones.advance(&cpu(), 1)).expect("no underflow");
        }
        assert_eq!(block_on(ones.potentials(&cpu())), potentials);
    }

    #[test]
    fn a_gpu_agrees_with_the_cpu() {
        let gpu = Rc::new(block_on(Gpu::open()).expect("a Vulkan device, such as Mesa's lavapipe"));
        let compute = always(gpu.clone());
        let problem = problem(150, 131, 0.03);
        let (on_gpu, on_cpu) = (after(&compute, &problem, 40), after(&cpu(), &problem, 40));
        assert_eq!(&*compute.name(), gpu.name());
        let apart = apart(&on_gpu.1, &on_cpu.1);
        assert!(apart < 1e-5 && (on_gpu.0 - on_cpu.0).abs() < 1e-6, "{apart} {} {}", on_gpu.0, on_cpu.0);
    }

    #[test]
    fn a_row_whose_mass_has_to_go_where_the_kernel_vanishes_is_an_error() {
        // A quarter has to go from the first place to the second, where 32 bits see no way.
        let costs = [0.0, 1.0, 0.0, 0.9];
        let problem = Entropic::new(&costs, 1e4, vec![0.5, 0.5], vec![0.25, 0.75]).expect("a problem");
        let mut single = Single::new(&problem);
        let mut outcome = Ok(0.0);
        for _ in 0..1000 {
            outcome = outcome.and(block_on(single.advance(&cpu(), 1)));
        }
        assert_eq!(outcome, Err(Error::Underflow));
    }

    #[test]
    fn plans_of_large_problems_are_large_enough_for_a_gpu_to_be_asked() {
        assert_eq!(Single::at_once(700, 700), 1);
        for n in [710, 1000, 2000] {
            let operations = 4 * n * n * Single::at_once(n, n);
            assert!((100_000_000..200_000_000).contains(&operations), "{n}: {operations}");
        }
    }
}
