//! Sinkhorn's iteration in scaling form.

use super::lanes::{add, dot};
use super::{Entropic, Error, Scalar};
use std::ops::Range;
use std::sync::Arc;

/// $P_{ij}=a_iK_{ij}b_j$ with $K=e^{-\eta c}$ and the scalings $a=e^u$, $b=e^v$, updated in turn by $a=r/(Kb)$ and
/// $b=c/(K^\top a)$ (unbalanced, to the power $\rho/(\rho+\varepsilon)$).
///
/// An iteration passes over $K$ once: when the sums of four rows are known, so are their scalings, and the rows, still
/// in the cache, are added to the column sums at once. No exponential is taken, but $K$ must not underflow where mass has
/// to go: then the answer is an error, and [`super::Sinkhorn`] the way.
#[derive(Clone, Debug)]
pub struct Scaling<T = f64> {
    /// $a=e^u$.
    pub a: Vec<T>,
    /// $b=e^v$.
    pub b: Vec<T>,
    /// Shared by clones.
    kernel: Arc<[T]>,
    /// Whether an entry of the kernel underflowed.
    truncated: bool,
    row: usize,
    columns: Vec<T>,
    violation: T,
    iterations: usize,
}

/// Rows that are taken together.
const ROWS: usize = 4;

impl<T: Scalar> Scaling<T> {
    /// Takes the exponentials and begins at unit scalings.
    pub fn new(problem: &Entropic<T>) -> Self {
        let (m, n) = (problem.r().len(), problem.c().len());
        let mut kernel = vec![T::default(); m * n];
        let zeros = vec![T::default(); n];
        let mut truncated = false;
        for (i, row) in kernel.chunks_exact_mut(n).enumerate() {
            problem.plan_row(i, T::default(), &zeros, row);
            truncated |= row.contains(&T::default());
        }
        let one = |masses: &[T]| -> Vec<T> {
            masses.iter().map(|&mass| if mass > T::default() { T::of(1.0) } else { T::default() }).collect()
        };
        Self {
            a: one(problem.r()),
            b: one(problem.c()),
            kernel: kernel.into(),
            truncated,
            row: 0,
            columns: zeros,
            violation: T::default(),
            iterations: 0,
        }
    }

    /// Iterations run.
    pub fn iterations(&self) -> usize {
        self.iterations
    }

    /// Rows left in the iteration under way.
    pub fn rows_left(&self) -> usize {
        self.a.len() - self.row
    }

    /// The potentials $u=\log a$ and $v=\log b$.
    pub fn potentials(&self) -> (Vec<T>, Vec<T>) {
        let log = |scalings: &[T]| scalings.iter().map(|x| x.log()).collect();
        (log(&self.a), log(&self.b))
    }

    /// Goes on by `rows` rows, rounded up to a multiple of four, or to the end of the iteration; there it says by how much
    /// the marginals were violated before it, as [`super::Sinkhorn::advance`] does.
    ///
    /// # Errors
    /// [`Error::Underflow`] if a sum over $K$ vanishes, a scaling is too large for a number, or mass might belong where
    /// $K$ has underflowed. It is final.
    pub fn advance(&mut self, problem: &Entropic<T>, rows: usize) -> Result<Option<T>, Error> {
        let n = self.b.len();
        let [power, _] = problem.power();
        let end = self.row.saturating_add(rows.div_ceil(ROWS).saturating_mul(ROWS)).min(self.a.len());
        while self.row < end {
            let rows = self.row..(self.row + ROWS).min(end);
            let lines = &self.kernel[rows.start * n..rows.end * n];
            for (line, i) in lines.chunks_exact(n).zip(rows.clone()) {
                let sum = dot(line, &self.b);
                let new = scaling(problem.r()[i], sum, power)?;
                self.violation += ((new - self.a[i]) * sum).abs();
                self.a[i] = new;
            }
            self.row = rows.end;
            self.add_rows(rows);
        }
        if self.row < self.a.len() {
            return Ok(None);
        }
        self.balance_columns(problem)?;
        self.row = 0;
        self.iterations += 1;
        Ok(Some(std::mem::take(&mut self.violation)))
    }

    /// Adds rows of $aK$, at most four, to the column sums.
    fn add_rows(&mut self, rows: Range<usize>) {
        let n = self.b.len();
        let (lines, scalings) = (&self.kernel[rows.start * n..rows.end * n], &self.a[rows]);
        if let Some(scalings) = scalings.as_array::<ROWS>() {
            add(lines, scalings, &mut self.columns);
        } else {
            lines.chunks_exact(n).zip(scalings).for_each(|(line, &scaling)| add(line, &[scaling], &mut self.columns));
        }
    }

    /// $b=c/(K^\top a)$, of column sums that are complete.
    fn balance_columns(&mut self, problem: &Entropic<T>) -> Result<(), Error> {
        let [_, power] = problem.power();
        for ((b, sum), &mass) in self.b.iter_mut().zip(&mut self.columns).zip(problem.c()) {
            *b = scaling(mass, *sum, power)?;
            *sum = T::default();
        }
        self.check_truncation(problem)
    }

    /// $b=c/(K^\top a)$, then $Kb$.
    pub(super) fn fill(&mut self, problem: &Entropic<T>) -> Result<Vec<T>, Error> {
        let (m, n) = (self.a.len(), self.b.len());
        for start in (0..m).step_by(ROWS) {
            self.add_rows(start..(start + ROWS).min(m));
        }
        self.balance_columns(problem)?;
        Ok(self.kernel.chunks_exact(n).map(|line| dot(line, &self.b)).collect())
    }

    /// Entries that underflowed are below $e^{-708}$ (in `f32` $e^{-87}$): together they may not carry more of the plan
    /// than rounding does.
    fn check_truncation(&self, problem: &Entropic<T>) -> Result<(), Error> {
        if !self.truncated {
            return Ok(());
        }
        let log_greatest = |scalings: &[T]| -> f64 {
            scalings.iter().fold(T::default(), |a, &b| if b > a { b } else { a }).log().into()
        };
        let total: f64 = problem.c().iter().map(|&mass| -> f64 { mass.into() }).sum();
        let entries = crate::math::log(self.kernel.len() as f64);
        let lost = log_greatest(&self.a) + log_greatest(&self.b) + T::LEAST_EXPONENT + entries;
        if lost > crate::math::log(T::EPSILON * total) { Err(Error::Underflow) } else { Ok(()) }
    }
}

/// $(\text{mass}/\text{sum})^{\text{power}}$.
fn scaling<T: Scalar>(mass: T, sum: T, power: T) -> Result<T, Error> {
    if mass == T::default() {
        return Ok(mass);
    }
    let mut scaling = mass / sum;
    if power != T::of(1.0) {
        scaling = (power * scaling.log()).exp();
    }
    if scaling.is_finite() && scaling > T::default() { Ok(scaling) } else { Err(Error::Underflow) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::Sinkhorn;
    use crate::transport::share;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_makes_the_steps_of_the_log_form_however_it_is_cut(
            (m, n) in (1_usize..23, 1_usize..23), cost in prop::collection::vec(0.0_f64..1.0, 484),
            masses in prop::collection::vec(prop_oneof![4 => 0.05_f64..1.0, 1 => Just(0.0)], 46), eta in 1.0_f64..50.0,
            cut in 1_usize..9, strength in prop_oneof![Just(f64::INFINITY), 0.1_f64..2.0],
        ) {
            let (r, c) = (&masses[..m], &masses[23..23 + n]);
            prop_assume!(r.iter().sum::<f64>() > 0.0 && c.iter().sum::<f64>() > 0.0);
            let problem = Entropic::unbalanced(&cost[..m * n], eta, share(r), share(c), [strength; 2]).expect("a problem");
            let (mut whole, mut pieces, mut logs) = (Scaling::new(&problem), Scaling::new(&problem), Sinkhorn::new(&problem));
            for _ in 0..30 {
                let violation = whole.advance(&problem, m).expect("no underflow").expect("a whole iteration");
                while pieces.advance(&problem, cut).expect("no underflow").is_none() {}
                let log_violation = logs.advance(&problem, m).expect("a whole iteration");
                prop_assert!((violation - log_violation).abs() < 1e-9 * (1.0 + violation));
            }
            prop_assert_eq!((&whole.a, &whole.b), (&pieces.a, &pieces.b));
            let (u, v) = whole.potentials();
            for (a, b) in u.iter().chain(&v).zip(logs.u.iter().chain(&logs.v)) {
                prop_assert!(a == b || (a - b).abs() < 1e-9, "{} {}", a, b);
            }
        }

        #[test]
        fn single_precision_is_the_twin_of_double(
            (m, n) in (1_usize..23, 1_usize..23), cost in prop::collection::vec(0.0_f32..1.0, 484),
            masses in prop::collection::vec(0.05_f64..1.0, 46), eta in 1.0_f64..30.0,
        ) {
            let (r, c) = (share(&masses[..m]), share(&masses[23..23 + n]));
            let single = |x: &[f64]| x.iter().map(|&x| x as f32).collect::<Vec<_>>();
            let doubled: Vec<f64> = cost[..m * n].iter().map(|&x| f64::from(x)).collect();
            let problem = Entropic::new(&doubled, eta, r.clone(), c.clone()).expect("a problem");
            let small = Entropic::new(&cost[..m * n], eta as f32, single(&r), single(&c)).expect("a problem");
            let (mut double, mut twin) = (Scaling::new(&problem), Scaling::new(&small));
            for _ in 0..20 {
                double.advance(&problem, m).expect("no underflow");
                twin.advance(&small, m).expect("no underflow");
            }
            for (x, y) in double.a.iter().zip(&twin.a).chain(double.b.iter().zip(&twin.b)) {
                prop_assert!((x - f64::from(*y)).abs() <= 1e-4 * x, "{} {}", x, y);
            }
        }

        // Mass that has to go where the kernel is lost is never lost silently: the marginals are right, or it is an error.
        #[test]
        fn underflow_is_an_error_and_never_a_wrong_answer(
            n in 1_usize..12, cost in prop::collection::vec(0.0_f64..1.0, 144), eta in 500.0_f64..1e5,
        ) {
            let problem = Entropic::new(&cost[..n * n], eta, vec![1.0; n], vec![1.0; n]).expect("a problem");
            let (mut scaling, mut logs) = (Scaling::new(&problem), Sinkhorn::new(&problem));
            for _ in 0..50 {
                logs.advance(&problem, n);
                match scaling.advance(&problem, n) {
                    Err(error) => {
                        prop_assert_eq!(error, Error::Underflow);
                        return Ok(());
                    }
                    Ok(violation) => prop_assert!(violation.is_some_and(f64::is_finite)),
                }
            }
            let (u, v) = scaling.potentials();
            for (a, b) in u.iter().chain(&v).zip(logs.u.iter().chain(&logs.v)) {
                prop_assert!((a - b).abs() < 1e-6, "{} {}", a, b);
            }
        }
    }

    #[test]
    fn a_small_regularisation_underflows_sooner_in_single_precision() {
        let cost = [0.5_f64, 1.0, 1.0, 0.5];
        let double = Entropic::new(&cost, 200.0, vec![0.5; 2], vec![0.5; 2]).expect("a problem");
        assert!(Scaling::new(&double).advance(&double, 2).is_ok());
        let single = Entropic::new(&cost.map(|c| c as f32), 200.0, vec![0.5; 2], vec![0.5; 2]).expect("a problem");
        assert_eq!(Scaling::new(&single).advance(&single, 2), Err(Error::Underflow));
    }
}
