//! Entropic barycentres of measures, on given points.

use super::error::check_masses;
use super::scalar::usable;
use super::{Entropic, Error, Scaling, Sinkhorn};
use crate::math::{exp, log};

/// The measure $p$ on given points that minimises $\sum_sw_s\,\mathrm{OT}_\varepsilon(p,b_s)$, by iterated Bregman
/// projections in the log domain: each plan is given its $b_s$, then all plans are given one common $p$, the weighted
/// geometric mean of their own. (Benamou, Carlier, Cuturi, Nenna and Peyré, "Iterative Bregman Projections for Regularized
/// Transportation Problems", 2015, §3.2.)
#[derive(Clone, Debug)]
pub struct Barycentre {
    /// From the barycentre's points to each measure's.
    problems: Vec<Entropic>,
    weights: Vec<f64>,
    u: Vec<Vec<f64>>,
    v: Vec<Vec<f64>>,
    /// $\log P_s1$ of each plan.
    log_rows: Vec<Vec<f64>>,
    masses: Vec<f64>,
    /// The measure whose turn it is.
    turn: usize,
    iterations: usize,
}

impl Barycentre {
    /// Of `measures` with the weights `weights` (scaled to sum to one), at strength `eta` $=1/\varepsilon$. Each measure is its
    /// costs, by rows, from the `points` points of the barycentre to its own, and its masses.
    ///
    /// # Errors
    /// If there are no points or measures, a number is not finite, a mass or weight negative, masses or weights all zero,
    /// `eta` not positive, or two measures have different masses.
    ///
    /// # Panics
    /// If there are not as many costs as pairs, or weights as measures.
    pub fn new(measures: &[(&[f64], &[f64])], weights: &[f64], points: usize, eta: f64) -> Result<Self, Error> {
        let (problems, weights) = problems(measures, weights, points, eta)?;
        let (u, v) = problems.iter().map(Sinkhorn::new).map(|start| (start.u, start.v)).unzip();
        let log_rows = vec![vec![0.0; points]; problems.len()];
        let masses = problems[0].r().to_vec();
        Ok(Self { problems, weights, u, v, log_rows, masses, turn: 0, iterations: 0 })
    }

    /// The masses of the barycentre so far.
    pub fn masses(&self) -> &[f64] {
        &self.masses
    }

    /// The potentials $u_s$, at the barycentre's points, and $v_s$ of measure `s`.
    pub fn potentials(&self, s: usize) -> (&[f64], &[f64]) {
        (&self.u[s], &self.v[s])
    }

    /// Iterations run.
    pub fn iterations(&self) -> usize {
        self.iterations
    }

    /// Goes on by one measure, at two exponentials for each entry of its plan. After the last one it says how far, before
    /// this iteration's update, the plans were from a common barycentre, $\sum_sw_s\|P_s1-p\|_1$.
    pub fn advance(&mut self) -> Option<f64> {
        let s = self.turn;
        let (problem, u, v) = (&self.problems[s], &self.u[s], &mut self.v[s]);
        let mut line = vec![0.0; v.len()];
        let mut columns = vec![0.0; v.len()];
        for (i, &u) in u.iter().enumerate() {
            problem.plan_row(i, u, v, &mut line);
            columns.iter_mut().zip(&line).for_each(|(column, p)| *column += p);
        }
        for (j, (&mass, &sum)) in problem.c().iter().zip(&columns).enumerate() {
            if mass > 0.0 {
                v[j] = if usable(sum) { v[j] + log(mass / sum) } else { problem.balance_column(j, u) };
            }
        }
        for (i, (&u, log_sum)) in u.iter().zip(&mut self.log_rows[s]).enumerate() {
            let sum = problem.plan_row(i, u, v, &mut line);
            *log_sum = if usable(sum) { log(sum) } else { problem.log_row_sum(i, u, v) };
        }
        self.turn += 1;
        if self.turn < self.problems.len() {
            return None;
        }
        self.turn = 0;
        self.iterations += 1;
        let mut violation = 0.0;
        for (i, mass) in self.masses.iter_mut().enumerate() {
            let log_mass: f64 = self.weights.iter().zip(&self.log_rows).map(|(weight, rows)| weight * rows[i]).sum();
            *mass = exp(log_mass);
            for ((weight, rows), u) in self.weights.iter().zip(&self.log_rows).zip(&mut self.u) {
                violation += weight * (exp(rows[i]) - *mass).abs();
                u[i] += log_mass - rows[i];
            }
        }
        Some(violation)
    }
}

/// The transport problems from even masses on the barycentre's points to each measure, and the weights as shares.
fn problems(
    measures: &[(&[f64], &[f64])],
    weights: &[f64],
    points: usize,
    eta: f64,
) -> Result<(Vec<Entropic>, Vec<f64>), Error> {
    assert_eq!(measures.len(), weights.len(), "one weight for each measure");
    let sum = check_masses(weights)?;
    if points == 0 {
        return Err(Error::Empty);
    }
    let mass = check_masses(measures[0].1)?;
    let even = vec![mass / points as f64; points];
    let problem = |(cost, masses): &(&[f64], &[f64])| Entropic::new(cost, eta, even.clone(), masses.to_vec());
    let problems = measures.iter().map(problem).collect::<Result<_, _>>()?;
    Ok((problems, weights.iter().map(|weight| weight / sum).collect()))
}

/// The same projections by scalings of $K_s=e^{-\eta c_s}$: $b_s=\text{masses}_s/(K_s^\top a_s)$, then
/// $p=\prod_s(a_sK_sb_s)^{w_s}$ and $a_s=p/(K_sb_s)$. No exponential is taken for an entry, but the kernels must not
/// underflow where mass has to go: then the answer is an error, and [`Barycentre`] the way.
#[derive(Clone, Debug)]
pub struct ScalingBarycentre {
    problems: Vec<Entropic>,
    weights: Vec<f64>,
    forms: Vec<Scaling>,
    /// $K_sb_s$.
    rows: Vec<Vec<f64>>,
    masses: Vec<f64>,
    iterations: usize,
}

impl ScalingBarycentre {
    /// As [`Barycentre::new`].
    ///
    /// # Errors
    /// As there.
    ///
    /// # Panics
    /// As there.
    pub fn new(measures: &[(&[f64], &[f64])], weights: &[f64], points: usize, eta: f64) -> Result<Self, Error> {
        let (problems, weights) = problems(measures, weights, points, eta)?;
        let forms = problems.iter().map(Scaling::new).collect();
        let masses = problems[0].r().to_vec();
        Ok(Self { problems, weights, forms, rows: Vec::new(), masses, iterations: 0 })
    }

    /// The masses of the barycentre so far.
    pub fn masses(&self) -> &[f64] {
        &self.masses
    }

    /// Iterations run.
    pub fn iterations(&self) -> usize {
        self.iterations
    }

    /// Goes on by one measure; after the last one it says what [`Barycentre::advance`] does.
    ///
    /// # Errors
    /// [`Error::Underflow`], as [`Scaling::advance`]. It is final.
    pub fn advance(&mut self) -> Result<Option<f64>, Error> {
        let turn = self.rows.len();
        self.rows.push(self.forms[turn].fill(&self.problems[turn])?);
        if self.rows.len() < self.forms.len() {
            return Ok(None);
        }
        self.iterations += 1;
        let mut violation = 0.0;
        for (i, mass) in self.masses.iter_mut().enumerate() {
            let plans = || self.weights.iter().zip(&self.rows).zip(&self.forms);
            *mass = exp(plans().map(|((weight, rows), form)| weight * log(form.a[i] * rows[i])).sum());
            violation +=
                plans().map(|((weight, rows), form)| weight * (form.a[i] * rows[i] - *mass).abs()).sum::<f64>();
            for (form, rows) in self.forms.iter_mut().zip(&self.rows) {
                form.a[i] = *mass / rows[i];
                if !(form.a[i].is_finite() && form.a[i] > 0.0) {
                    return Err(Error::Underflow);
                }
            }
        }
        self.rows.clear();
        Ok(Some(violation))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::share;
    use proptest::prelude::*;

    fn grid_cost(n: usize) -> Vec<f64> {
        (0..n * n)
            .map(|k| {
                let d = ((k / n) as f64 - (k % n) as f64) / n as f64;
                d * d
            })
            .collect()
    }

    fn solved(barycentre: &mut Barycentre) {
        while barycentre.advance().is_none_or(|violation| violation > 1e-13) {
            assert!(barycentre.iterations() < 100_000);
        }
    }

    #[test]
    fn the_mean_place_of_the_barycentre_is_the_mean_of_the_mean_places() {
        // For squared distances the barycentre's mean is the weighted mean of means, if no mass comes near the ends.
        let n = 80;
        let cost = grid_cost(n);
        let bump = |centre: f64| -> Vec<f64> {
            let mass: Vec<f64> = (0..n).map(|k| exp(-0.1 * (k as f64 - centre) * (k as f64 - centre))).collect();
            let sum: f64 = mass.iter().sum();
            mass.iter().map(|mass| mass / sum).collect()
        };
        let (b, c) = (bump(25.0), bump(50.0));
        let mut barycentre = Barycentre::new(&[(&cost, &b), (&cost, &c)], &[3.0, 1.0], n, 1000.0).expect("a problem");
        solved(&mut barycentre);
        let mean: f64 = barycentre.masses().iter().enumerate().map(|(k, mass)| k as f64 * mass).sum();
        assert!((mean - 31.25).abs() < 1e-6, "{mean}");
        assert!((barycentre.masses().iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn scalings_make_the_steps_of_the_log_form(
            (n, k) in (1_usize..=8, 1_usize..4), cost in prop::collection::vec(0.0_f64..1.0, 192), eta in 1.0_f64..50.0,
            masses in prop::collection::vec(prop_oneof![4 => 0.05_f64..1.0, 1 => Just(0.0)], 24),
            weights in prop::collection::vec(0.1_f64..1.0, 3),
        ) {
            prop_assume!((0..k).all(|s| masses[8 * s..8 * s + n].iter().sum::<f64>() > 0.0));
            let shares: Vec<Vec<f64>> = (0..k).map(|s| share(&masses[8 * s..8 * s + n])).collect();
            let measures: Vec<(&[f64], &[f64])> =
                shares.iter().enumerate().map(|(s, shares)| (&cost[64 * s..64 * s + n * n], &shares[..])).collect();
            let mut logs = Barycentre::new(&measures, &weights[..k], n, eta).expect("a problem");
            let mut scalings = ScalingBarycentre::new(&measures, &weights[..k], n, eta).expect("a problem");
            for _ in 0..30 * k {
                let (a, b) = (logs.advance(), scalings.advance().expect("no underflow"));
                prop_assert_eq!(a.is_some(), b.is_some());
                prop_assert!((a.unwrap_or(0.0) - b.unwrap_or(0.0)).abs() < 1e-9);
            }
            prop_assert!(logs.masses().iter().zip(scalings.masses()).all(|(a, b)| (a - b).abs() < 1e-11));
        }
    }

    #[test]
    fn one_point_is_its_own_barycentre_and_faults_are_told() {
        let (a, b) = ([1.0], [0.5, 0.5]);
        let mut one = Barycentre::new(&[(&[0.3], &a), (&[0.1, 0.2], &b)], &[1.0, 1.0], 1, 10.0).expect("a problem");
        solved(&mut one);
        assert!((one.masses()[0] - 1.0).abs() < 1e-15);
        let unequal = Barycentre::new(&[(&[0.3], &[1.0]), (&[0.1], &[2.0])], &[1.0, 1.0], 1, 10.0);
        assert_eq!(unequal.err(), Some(Error::Unequal { from: 1.0, to: 2.0 }));
        assert_eq!(Barycentre::new(&[], &[], 1, 1.0).err(), Some(Error::Empty));
        assert_eq!(
            Barycentre::new(&[(&[f64::NAN], &[1.0])], &[1.0], 1, 1.0).err().map(|e| matches!(e, Error::NotFinite(_))),
            Some(true)
        );
    }
}
