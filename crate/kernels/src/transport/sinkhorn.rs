//! Sinkhorn's iteration in the log domain.

use super::scalar::usable;
use super::{Entropic, Scalar};

/// Alternating updates of the potentials, at one exponential for each entry and iteration: a row of $P$ is taken at the
/// old $u_i$, its sum gives the new one, and the same row, scaled, gives the column sums. Rows are independent of each
/// other, so an iteration can be cut anywhere between them.
///
/// In `f32`, $u_i+v_j-\eta c_{ij}$ is a difference of numbers as large as the costs over $\varepsilon$: where these are
/// about $10^3$, four digits of the plan are left.
#[derive(Clone, Debug)]
pub struct Sinkhorn<T = f64> {
    /// $u=f/\varepsilon$.
    pub u: Vec<T>,
    /// $v=g/\varepsilon$.
    pub v: Vec<T>,
    row: usize,
    columns: Vec<T>,
    line: Vec<T>,
    violation: T,
    iterations: usize,
}

impl<T: Scalar> Sinkhorn<T> {
    /// Begins at zero potentials; those of zero masses are minus infinity.
    pub fn new(problem: &Entropic<T>) -> Self {
        let start = |masses: &[T]| -> Vec<T> {
            masses.iter().map(|&mass| if mass > T::default() { T::default() } else { T::default().log() }).collect()
        };
        let (u, v) = (start(problem.r()), start(problem.c()));
        let zeros = vec![T::default(); v.len()];
        Self { u, v, row: 0, columns: zeros.clone(), line: zeros, violation: T::default(), iterations: 0 }
    }

    /// Iterations run.
    pub fn iterations(&self) -> usize {
        self.iterations
    }

    /// Rows left in the iteration under way.
    pub fn rows_left(&self) -> usize {
        self.u.len() - self.row
    }

    /// Goes on by at most `rows` rows. At the end of an iteration (rows, then columns, balanced) it says by how much the
    /// marginals were violated, $\|P1-r\|_1+\|P^\top1-c\|_1$, *before* it: the row sums come for free at the next one,
    /// and after the column update the columns are exact up to rounding. Unbalanced, it is by how much, in the same norm,
    /// the update changed the row sums: zero where the potentials are right.
    pub fn advance(&mut self, problem: &Entropic<T>, rows: usize) -> Option<T> {
        let [power, column_power] = problem.power();
        for _ in 0..rows.min(self.rows_left()) {
            let i = self.row;
            self.row += 1;
            let mass = problem.r()[i];
            if mass == T::default() {
                continue;
            }
            let sum = problem.plan_row(i, self.u[i], &self.v, &mut self.line);
            let mut factor = T::of(1.0);
            if usable(sum) {
                // e^u ← (r / Σ_j e^{v - ηc})^power, of which e^u Σ_j e^{v - ηc} is the sum at hand.
                if power == factor {
                    factor = mass / sum;
                    self.u[i] += factor.log();
                } else {
                    let u = power * (mass.log() - (sum.log() - self.u[i]));
                    factor = (u - self.u[i]).exp();
                    self.u[i] = u;
                }
                self.violation += (sum * factor - sum).abs();
            } else {
                self.u[i] = problem.balance_row(i, &self.v);
                let new = problem.plan_row(i, self.u[i], &self.v, &mut self.line);
                self.violation += (new - sum).abs();
            }
            self.columns.iter_mut().zip(&self.line).for_each(|(column, p)| *column += factor * *p);
        }
        if self.row < self.u.len() {
            return None;
        }
        for (j, &mass) in problem.c().iter().enumerate() {
            let sum = self.columns[j];
            if mass == T::default() {
                continue;
            }
            if !usable(sum) {
                self.v[j] = problem.balance_column(j, &self.u);
            } else if column_power == T::of(1.0) {
                // v_j ← v_j + log(c_j / Σ_i P_ij)
                self.v[j] += (mass / sum).log();
            } else {
                self.v[j] = column_power * (mass.log() - (sum.log() - self.v[j]));
            }
        }
        self.columns.fill(T::default());
        self.row = 0;
        self.iterations += 1;
        // At the start the columns are not balanced either; what is measured there is the rows' part.
        Some(std::mem::take(&mut self.violation))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::{exp, log};
    use crate::transport::Error;
    use crate::transport::share;
    use proptest::prelude::*;

    fn marginals(problem: &Entropic, s: &Sinkhorn) -> (Vec<f64>, Vec<f64>) {
        let mut row = vec![0.0; s.v.len()];
        let mut columns = vec![0.0; s.v.len()];
        let rows = (0..s.u.len()).map(|i| {
            let sum = problem.plan_row(i, s.u[i], &s.v, &mut row);
            columns.iter_mut().zip(&row).for_each(|(column, p)| *column += p);
            sum
        });
        (rows.collect(), columns)
    }

    proptest! {
        #[test]
        fn it_converges_to_the_marginals_however_it_is_cut(
            (m, n) in (1_usize..8, 1_usize..8), cost in prop::collection::vec(0.0_f64..1.0, 64),
            masses in prop::collection::vec(0.05_f64..1.0, 16), eta in 1.0_f64..20.0, cut in 1_usize..5,
        ) {
            let problem = Entropic::new(&cost[..m * n], eta, share(&masses[..m]), share(&masses[8..8 + n])).expect("a problem");
            let (mut whole, mut pieces) = (Sinkhorn::new(&problem), Sinkhorn::new(&problem));
            while whole.iterations() < 3000 {
                whole.advance(&problem, m);
            }
            while pieces.iterations() < 3000 {
                pieces.advance(&problem, cut);
            }
            prop_assert_eq!(&whole.u, &pieces.u);
            // An iteration contracts Hilbert's metric by tanh²(η/2) (Birkhoff): up to η = 6, 3,000 of them leave 1e-12.
            // A sharper problem may be near a tie, where it crawls.
            if eta <= 6.0 {
                let (rows, columns) = marginals(&problem, &whole);
                for (sum, mass) in rows.iter().zip(problem.r()).chain(columns.iter().zip(problem.c())) {
                    prop_assert!((sum - mass).abs() < 1e-9, "{} and {}", sum, mass);
                }
            }
        }
    }

    #[test]
    fn costs_far_beyond_the_range_of_exp_are_balanced() {
        let cost = [0.0, 1.0, 0.4, 0.9, 0.6, 0.2];
        let problem = Entropic::new(&cost, 5e4, vec![0.5, 0.5], vec![0.25, 0.25, 0.5]).expect("a problem");
        let mut s = Sinkhorn::new(&problem);
        for _ in 0..50 {
            s.advance(&problem, 2);
        }
        assert!(s.u.iter().chain(&s.v).all(|x| x.is_finite()));
        let (_, columns) = marginals(&problem, &s);
        assert!(columns.iter().zip(problem.c()).all(|(sum, mass)| (sum - mass).abs() < 1e-12), "{columns:?}");
    }

    #[test]
    fn two_by_two_is_known() {
        // Equal masses and costs 0 and 1: the plan is (1/2) / (1 + e^-η) on the diagonal.
        let eta = 3.0;
        let problem = Entropic::new(&[0.0, 1.0, 1.0, 0.0], eta, vec![0.5, 0.5], vec![0.5, 0.5]).expect("a problem");
        let mut s = Sinkhorn::new(&problem);
        for _ in 0..100 {
            s.advance(&problem, 2);
        }
        let diagonal = exp(s.u[0] + s.v[0]);
        assert!((diagonal - 0.5 / (1.0 + exp(-eta))).abs() < 1e-15);
    }

    proptest! {
        #[test]
        fn a_mass_of_zero_takes_no_part(
            (m, n) in (2_usize..8, 2_usize..8), cost in prop::collection::vec(0.0_f64..1.0, 64),
            masses in prop::collection::vec(0.05_f64..1.0, 16), (i, j) in (0_usize..8, 0_usize..8),
        ) {
            let (i, j) = (i % m, j % n);
            let (mut r, mut c) = (masses[..m].to_vec(), masses[8..8 + n].to_vec());
            (r[i], c[j]) = (0.0, 0.0);
            let problem = Entropic::new(&cost[..m * n], 10.0, share(&r), share(&c)).expect("a problem");
            let mut with = Sinkhorn::new(&problem);
            let kept: Vec<f64> = (0..m * n).filter(|k| k / n != i && k % n != j).map(|k| cost[k]).collect();
            r.remove(i);
            c.remove(j);
            let smaller = Entropic::new(&kept, 10.0, share(&r), share(&c)).expect("a problem");
            let mut without = Sinkhorn::new(&smaller);
            for _ in 0..300 {
                prop_assert!(with.advance(&problem, m).is_some_and(f64::is_finite));
                without.advance(&smaller, m);
            }
            prop_assert_eq!((with.u.remove(i), with.v.remove(j)), (f64::NEG_INFINITY, f64::NEG_INFINITY));
            for (a, b) in with.u.iter().chain(&with.v).zip(without.u.iter().chain(&without.v)) {
                prop_assert!((a - b).abs() < 1e-11);
            }
        }

        // The optimality conditions u = -ρ/ε log(P1 / r), v = -ρ/ε log(Pᵀ1 / c).
        #[test]
        fn unbalanced_marginals_give_way_by_the_potentials(
            (m, n) in (1_usize..8, 1_usize..8), cost in prop::collection::vec(0.0_f64..1.0, 64),
            masses in prop::collection::vec(0.05_f64..1.0, 16), eta in 1.0_f64..20.0, rho in 0.05_f64..1.0,
            sigma in prop_oneof![0.05_f64..1.0, Just(f64::INFINITY)],
        ) {
            let problem =
                Entropic::unbalanced(&cost[..m * n], eta, masses[..m].to_vec(), masses[8..8 + n].to_vec(), [rho, sigma])
                    .expect("a problem");
            let mut s = Sinkhorn::new(&problem);
            while s.iterations() < 2000 {
                s.advance(&problem, 3);
            }
            let (rows, columns) = marginals(&problem, &s);
            for ((sum, mass), u) in rows.iter().zip(problem.r()).zip(&s.u) {
                prop_assert!((u + rho * eta * log(sum / mass)).abs() < 1e-9);
            }
            for ((sum, mass), v) in columns.iter().zip(problem.c()).zip(&s.v) {
                let held = if sigma.is_finite() { v / (sigma * eta) } else { 0.0 };
                prop_assert!((held + log(sum / mass)).abs() < 1e-9);
            }
        }

        #[test]
        fn single_precision_is_the_twin_of_double(
            (m, n) in (1_usize..20, 1_usize..20), cost in prop::collection::vec(0.0_f32..1.0, 400),
            masses in prop::collection::vec(0.05_f64..1.0, 40), eta in 1.0_f64..50.0,
        ) {
            let (r, c) = (share(&masses[..m]), share(&masses[20..20 + n]));
            let single = |x: &[f64]| x.iter().map(|&x| x as f32).collect::<Vec<_>>();
            let doubled: Vec<f64> = cost[..m * n].iter().map(|&x| f64::from(x)).collect();
            let problem = Entropic::new(&doubled, eta, r.clone(), c.clone()).expect("a problem");
            let small = Entropic::new(&cost[..m * n], eta as f32, single(&r), single(&c)).expect("a problem");
            let (mut double, mut twin) = (Sinkhorn::new(&problem), Sinkhorn::new(&small));
            let (mut row, mut twin_row) = (vec![0.0; n], vec![0.0; n]);
            for _ in 0..20 {
                double.advance(&problem, m);
                twin.advance(&small, m);
            }
            for i in 0..m {
                problem.plan_row(i, double.u[i], &double.v, &mut row);
                small.plan_row(i, twin.u[i], &twin.v, &mut twin_row);
                // Exponents up to 50 and more, at 24 bits.
                prop_assert!(row.iter().zip(&twin_row).all(|(p, q)| (p - f64::from(*q)).abs() <= 1e-4 * (p + 1e-6)));
            }
        }
    }

    #[test]
    fn what_cannot_be_solved_says_why() {
        let fault =
            |cost: &[f64], eta: f64, r: &[f64], c: &[f64]| Entropic::new(cost, eta, r.to_vec(), c.to_vec()).err();
        assert_eq!(fault(&[], 1.0, &[], &[]), Some(Error::Empty));
        assert_eq!(fault(&[1.0], 1.0, &[1.0], &[2.0]), Some(Error::Unequal { from: 1.0, to: 2.0 }));
        assert_eq!(fault(&[1.0], 1.0, &[f64::NAN], &[1.0]), Some(Error::NotFinite("masses")));
        assert_eq!(fault(&[1.0], 1.0, &[0.0], &[0.0]), Some(Error::NoMass));
        assert!(matches!(fault(&[f64::NAN], 1.0, &[1.0], &[1.0]), Some(Error::NotFinite(_))));
        assert!(matches!(fault(&[1e300], 1e300, &[1.0], &[1.0]), Some(Error::NotFinite(_))));
        for eta in [0.0, -1.0, f64::NAN] {
            assert!(matches!(fault(&[1.0], eta, &[1.0], &[1.0]), Some(Error::NotPositive(_))));
        }
        let weak = Entropic::unbalanced(&[1.0], 1.0, vec![1.0], vec![3.0], [0.0, 1.0]);
        assert!(matches!(weak.err(), Some(Error::NotPositive(_))));
        // One point, any scale.
        let one = Entropic::new(&[7.0], 1e5, vec![2.0], vec![2.0]).expect("a problem");
        let mut s = Sinkhorn::new(&one);
        s.advance(&one, 1);
        assert!((s.u[0] + s.v[0] - 7e5 - log(2.0)).abs() < 1e-9);
    }
}
