//! The entropic transport problem and its plans.

use crate::math::{exp_wide, log, log_sum_exp};

/// Move the masses `r` onto the masses `c`. Its plans are $P_{ij}=e^{u_i+v_j-\eta c_{ij}-1}$ with the potentials $u=\eta x$
/// and $v=\eta y$, and the right ones maximise the concave
/// $$\eta f=-\sum_{ij}P_{ij}+\langle r,u\rangle+\langle c,v\rangle,$$
/// whose gradient is how far the marginals of $P$ fall short of $r$ and $c$.
#[derive(Clone, Debug)]
pub struct Entropic {
    /// $\eta c_{ij}$, by rows.
    cost: Vec<f64>,
    r: Vec<f64>,
    c: Vec<f64>,
}

impl Entropic {
    /// The problem of costs `cost` (by rows, one row a mass of `r`, one column a mass of `c`) at strength `eta`. The masses
    /// are positive.
    pub fn new(cost: &[f64], eta: f64, r: Vec<f64>, c: Vec<f64>) -> Self {
        debug_assert_eq!(cost.len(), r.len() * c.len());
        Self { cost: cost.iter().map(|cost| eta * cost).collect(), r, c }
    }

    /// The masses to move.
    pub fn r(&self) -> &[f64] {
        &self.r
    }

    /// The masses to fill.
    pub fn c(&self) -> &[f64] {
        &self.c
    }

    /// $\eta c_{i\cdot}$.
    pub fn cost(&self, i: usize) -> &[f64] {
        let n = self.c.len();
        &self.cost[i * n..(i + 1) * n]
    }

    /// Writes row `i` of the plan and returns its sum. Overflow is infinite, underflow zero.
    pub fn plan_row(&self, i: usize, u: f64, v: &[f64], row: &mut [f64]) -> f64 {
        // Four sums side by side: one chain of additions would be the slowest part.
        let shift = u - 1.0;
        for ((p, cost), v) in row.iter_mut().zip(self.cost(i)).zip(v) {
            *p = exp_wide(shift + (v - cost));
        }
        let mut sums = [0.0; 4];
        let mut quads = row.chunks_exact(4);
        for quad in &mut quads {
            for (sum, p) in sums.iter_mut().zip(quad) {
                *sum += p;
            }
        }
        (sums[0] + sums[1]) + (sums[2] + sums[3]) + quads.remainder().iter().sum::<f64>()
    }

    /// The $u_i$ for which row `i` has mass $r_i$: $1+\log r_i-\log\sum_je^{v_j-\eta c_{ij}}$, whatever the size of the terms.
    pub fn balance_row(&self, i: usize, v: &[f64]) -> f64 {
        let terms: Vec<f64> = v.iter().zip(self.cost(i)).map(|(v, cost)| v - cost).collect();
        1.0 + log(self.r[i]) - log_sum_exp(&terms)
    }

    /// The $v_j$ for which column `j` has mass $c_j$.
    pub fn balance_column(&self, j: usize, u: &[f64]) -> f64 {
        let n = self.c.len();
        let terms: Vec<f64> = u.iter().enumerate().map(|(i, u)| u - self.cost[i * n + j]).collect();
        1.0 + log(self.c[j]) - log_sum_exp(&terms)
    }
}
