//! The entropic transport problem and its plans.

use super::error::{check_balance, check_finite, check_masses};
use super::lanes::sum;
use super::{Error, Scalar};

/// Move the masses `r` onto the masses `c`: minimise $\langle c,P\rangle+\frac1\eta\sum_{ij}P_{ij}(\log P_{ij}-1)$ over
/// plans with these marginals. With $\varepsilon=1/\eta$ the regularisation, its plans are
/// $P_{ij}=e^{u_i+v_j-\eta c_{ij}}$, the potentials $u=f/\varepsilon$ and $v=g/\varepsilon$, and the right ones maximise the
/// concave
/// $$-\sum_{ij}P_{ij}+\langle r,u\rangle+\langle c,v\rangle,$$
/// whose gradient is how far the marginals of $P$ fall short of $r$ and $c$. (Cuturi, "Sinkhorn Distances", 2013.)
///
/// *Unbalanced*, the marginals are only drawn to $r$ and $c$, by $\rho_r\mathrm{KL}(P1|r)+\rho_c\mathrm{KL}(P^\top1|c)$, and
/// the entropy is taken against $r\otimes c$. (Chizat, Peyré, Schmitzer and Vialard, "Scaling algorithms for unbalanced
/// optimal transport problems", 2018.)
///
/// A mass of zero is right: its potential is $-\infty$, its row or column of the plan empty.
#[derive(Clone, Debug)]
pub struct Entropic<T = f64> {
    /// $\eta c_{ij}$, by rows; unbalanced, less $\log r_i+\log c_j$.
    cost: Vec<T>,
    r: Vec<T>,
    c: Vec<T>,
    /// $\rho/(\rho+\varepsilon)$ of rows and of columns: the power to which an update is taken.
    power: [T; 2],
}

impl<T: Scalar> Entropic<T> {
    /// The problem of costs `cost` (by rows, one row a mass of `r`, one column a mass of `c`) at strength $\eta$ = `eta`.
    ///
    /// # Errors
    /// If a number is not finite, a mass negative, a side empty or without mass, `eta` not positive, or the masses of the
    /// two sides differ.
    ///
    /// # Panics
    /// If `cost` does not have one entry for each pair.
    pub fn new(cost: &[T], eta: T, r: Vec<T>, c: Vec<T>) -> Result<Self, Error> {
        check_balance(&r, &c)?;
        let cost = scaled(cost, eta, r.len() * c.len())?;
        let power = [T::of(1.0); 2];
        Ok(Self { cost, r, c, power })
    }

    /// The unbalanced problem, with the strengths $\rho_r$ and $\rho_c$ at which the marginals are held, in units of the
    /// cost; an infinite one holds its marginal exactly.
    ///
    /// # Errors
    /// As for [`Entropic::new`], except that masses may differ unless both strengths are infinite.
    pub fn unbalanced(cost: &[T], eta: T, r: Vec<T>, c: Vec<T>, strength: [T; 2]) -> Result<Self, Error> {
        let held = |rho: T| rho.into() == f64::INFINITY;
        if strength.iter().all(|&rho| held(rho)) {
            check_balance(&r, &c)?;
        } else {
            check_masses(&r)?;
            check_masses(&c)?;
        }
        if !strength.iter().all(|&rho| rho > T::default()) {
            return Err(Error::NotPositive("the strength that holds a marginal"));
        }
        let mut cost = scaled(cost, eta, r.len() * c.len())?;
        // A mass of zero needs no entropy against it, as its potential is minus infinity.
        let log = |mass: T| if mass > T::default() { mass.log() } else { T::default() };
        let columns: Vec<T> = c.iter().map(|&mass| log(mass)).collect();
        for (row, &mass) in cost.chunks_exact_mut(c.len()).zip(&r) {
            let mass = log(mass);
            row.iter_mut().zip(&columns).for_each(|(cost, column)| *cost = *cost - (mass + *column));
        }
        let one = T::of(1.0);
        let power = strength.map(|rho| if held(rho) { one } else { rho * eta / (rho * eta + one) });
        Ok(Self { cost, r, c, power })
    }

    /// The masses to move.
    pub fn r(&self) -> &[T] {
        &self.r
    }

    /// The masses to fill.
    pub fn c(&self) -> &[T] {
        &self.c
    }

    /// $\eta c_{i\cdot}$; unbalanced, less $\log r_i+\log c_j$.
    pub fn cost(&self, i: usize) -> &[T] {
        let n = self.c.len();
        &self.cost[i * n..(i + 1) * n]
    }

    /// The power to which an update of rows, and of columns, is taken: $\rho/(\rho+\varepsilon)$, 1 if balanced.
    pub(super) fn power(&self) -> [T; 2] {
        self.power
    }

    /// Writes row `i` of the plan and returns its sum. Overflow is infinite, underflow zero.
    pub fn plan_row(&self, i: usize, u: T, v: &[T], row: &mut [T]) -> T {
        for ((p, &cost), &v) in row.iter_mut().zip(self.cost(i)).zip(v) {
            *p = (u + (v - cost)).exp_wide();
        }
        sum(row)
    }

    /// The logarithm of what row `i` of the plan sums to, $u_i+\log\sum_je^{v_j-\eta c_{ij}}$, whatever the size of the terms.
    pub(super) fn log_row_sum(&self, i: usize, u: T, v: &[T]) -> T {
        let terms: Vec<T> = v.iter().zip(self.cost(i)).map(|(&v, &cost)| v - cost).collect();
        u + log_sum_exp(&terms)
    }

    /// The $u_i$ for which row `i` has mass $r_i$: $\log r_i-\log\sum_je^{v_j-\eta c_{ij}}$, whatever the size of the
    /// terms; unbalanced, that times $\rho/(\rho+\varepsilon)$.
    pub fn balance_row(&self, i: usize, v: &[T]) -> T {
        let terms: Vec<T> = v.iter().zip(self.cost(i)).map(|(&v, &cost)| v - cost).collect();
        self.power[0] * balance(self.r[i], &terms)
    }

    /// The $v_j$ for which column `j` has mass $c_j$, likewise.
    pub fn balance_column(&self, j: usize, u: &[T]) -> T {
        let n = self.c.len();
        let terms: Vec<T> = u.iter().enumerate().map(|(i, &u)| u - self.cost[i * n + j]).collect();
        self.power[1] * balance(self.c[j], &terms)
    }
}

/// $\eta c$.
fn scaled<T: Scalar>(cost: &[T], eta: T, pairs: usize) -> Result<Vec<T>, Error> {
    assert_eq!(cost.len(), pairs, "one cost for each pair");
    let positive = eta > T::default();
    if !positive {
        return Err(Error::NotPositive("the strength η = 1/ε"));
    }
    let cost: Vec<T> = cost.iter().map(|&cost| eta * cost).collect();
    check_finite(&cost, "costs, and costs divided by ε,")?;
    Ok(cost)
}

/// $\log m-\log\sum_ke^{x_k}$.
fn balance<T: Scalar>(mass: T, terms: &[T]) -> T {
    if mass == T::default() { mass.log() } else { mass.log() - log_sum_exp(terms) }
}

/// $\log\sum_ke^{x_k}$, shifted by the greatest term so that it neither overflows nor vanishes.
fn log_sum_exp<T: Scalar>(terms: &[T]) -> T {
    let greatest = terms.iter().copied().fold(terms[0], |a, b| if b > a { b } else { a });
    let mut sum = T::default();
    for &x in terms {
        sum += (x - greatest).exp_wide();
    }
    greatest + sum.log()
}
