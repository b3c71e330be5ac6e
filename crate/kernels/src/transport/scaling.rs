//! Sinkhorn's iteration in scaling form.

use super::lanes::{add, dot};
use super::{Entropic, Error, Scalar};

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
    kernel: Vec<T>,
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
            kernel,
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
        let [power, column_power] = problem.power();
        let end = self.row.saturating_add(rows.next_multiple_of(ROWS)).min(self.a.len());
        while self.row < end {
            let rows = self.row..(self.row + ROWS).min(end);
            let lines = &self.kernel[rows.start * n..rows.end * n];
            for (line, i) in lines.chunks_exact(n).zip(rows.clone()) {
                let sum = dot(line, &self.b);
                let new = scaling(problem.r()[i], sum, power)?;
                self.violation += ((new - self.a[i]) * sum).abs();
                self.a[i] = new;
            }
            let scalings = &self.a[rows.clone()];
            if let Some(scalings) = scalings.as_array::<ROWS>() {
                add(lines, scalings, &mut self.columns);
            } else {
                lines
                    .chunks_exact(n)
                    .zip(scalings)
                    .for_each(|(line, &scaling)| add(line, &[scaling], &mut self.columns));
            }
            self.row = rows.end;
        }
        if self.row < self.a.len() {
            return Ok(None);
        }
        for ((b, sum), &mass) in self.b.iter_mut().zip(&mut self.columns).zip(problem.c()) {
            *b = scaling(mass, *sum, column_power)?;
            *sum = T::default();
        }
        self.check_truncation(problem)?;
        self.row = 0;
        self.iterations += 1;
        Ok(Some(std::mem::take(&mut self.violation)))
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
