//! Adafactor (Shazeer and Stern, "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost", 2018, algorithms 4 and 5).

use super::Optimizer;
use crate::math::{self, Float};

/// How fast the second moments forget.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Forgetting {
    /// `β̂₂ₜ = 1 - t^-c`; the paper's `c` is 0.8.
    Power(f64),
    /// A constant `β₂`, corrected for having begun at zero: `β̂₂ₜ = β₂ (1 - β₂^(t-1)) / (1 - β₂^t)`.
    Constant(f64),
}

impl Forgetting {
    fn factor(self, t: f64) -> f64 {
        match self {
            Self::Power(c) => 1.0 - math::pow(t, -c),
            Self::Constant(beta) => beta * (1.0 - math::pow(beta, t - 1.0)) / (1.0 - math::pow(beta, t)),
        }
    }
}

/// The state of Adafactor for several matrices that lie one after the other.
#[derive(Clone, Debug)]
pub struct Adafactor<T = f64> {
    /// The greatest relative step: `ρ_t = min(rate, 1/√t)`; or, if [`relative`](Self::relative) is off, the step `α`.
    pub rate: f64,
    /// Whether steps are in proportion to the parameters, and fall as `1/√t`, as the paper has it.
    pub relative: bool,
    /// How fast the second moments forget: [`Forgetting::Power`] of 0.8.
    pub forgetting: Forgetting,
    /// `d`, the greatest root mean square of an update before the step: 1.
    pub clip: f64,
    /// `ε₁`, added to the squares of the gradient: 1e-30.
    pub epsilon: f64,
    /// `ε₂`, the least root mean square that parameters count as having: 1e-3.
    pub least: f64,
    matrices: Vec<Matrix<T>>,
    update: Vec<T>,
    t: f64,
}

#[derive(Clone, Debug)]
struct Matrix<T> {
    columns: usize,
    length: usize,
    moments: Moments<T>,
}

#[derive(Clone, Debug)]
enum Moments<T> {
    /// Means over each row and each column: `V̂ = R Cᵀ / mean(R)`.
    Factored { rows: Vec<T>, columns: Vec<T> },
    /// A single row or column keeps all.
    Whole(Vec<T>),
}

impl<T: Float> Adafactor<T> {
    /// For matrices of these rows and columns, one after the other.
    pub fn new(shapes: &[(usize, usize)], rate: f64) -> Self {
        let zeros = |n: usize| vec![T::default(); n];
        let matrix = |&(rows, columns): &(usize, usize)| {
            let moments = match rows.min(columns) {
                0 | 1 => Moments::Whole(zeros(rows * columns)),
                _ => Moments::Factored { rows: zeros(rows), columns: zeros(columns) },
            };
            Matrix { columns, length: rows * columns, moments }
        };
        Self {
            rate,
            relative: true,
            forgetting: Forgetting::Power(0.8),
            clip: 1.0,
            epsilon: 1e-30,
            least: 1e-3,
            matrices: shapes.iter().map(matrix).collect(),
            update: Vec::new(),
            t: 0.0,
        }
    }

    /// How many numbers are kept for second moments.
    pub fn memory(&self) -> usize {
        let count = |matrix: &Matrix<T>| match &matrix.moments {
            Moments::Factored { rows, columns } => rows.len() + columns.len(),
            Moments::Whole(square) => square.len(),
        };
        self.matrices.iter().map(count).sum()
    }
}

impl<T: Float> Optimizer<T> for Adafactor<T> {
    fn step(&mut self, x: &mut [T], g: &[T]) {
        self.t += 1.0;
        let beta = T::of(self.forgetting.factor(self.t));
        let (one, epsilon) = (T::of(1.0), T::of(self.epsilon));
        let rho = if self.relative { self.rate.min(1.0 / self.t.sqrt()) } else { self.rate };
        let (mut x, mut g) = (x, g);
        for matrix in &mut self.matrices {
            let (own, rest) = x.split_at_mut(matrix.length);
            let (gradient, others) = g.split_at(matrix.length);
            (x, g) = (rest, others);

            // U = G / √V̂
            let u = &mut self.update;
            u.clear();
            match &mut matrix.moments {
                Moments::Whole(square) => {
                    for (v, &g) in square.iter_mut().zip(gradient) {
                        *v = beta * *v + (one - beta) * (g * g + epsilon);
                        u.push(g / v.sqrt());
                    }
                }
                Moments::Factored { rows, columns } => {
                    // R ← β̂₂R + (1-β̂₂) mean over columns of (G² + ε₁); C likewise over rows.
                    let square = |g: T| g * g + epsilon;
                    let (height, width) = (T::of(rows.len() as f64), T::of(columns.len() as f64));
                    let mut sums = vec![T::default(); columns.len()];
                    for (r, g) in rows.iter_mut().zip(gradient.chunks_exact(matrix.columns)) {
                        let mut sum = T::default();
                        for (total, &g) in sums.iter_mut().zip(g) {
                            sum += square(g);
                            *total += square(g);
                        }
                        *r = beta * *r + (one - beta) * (sum / width);
                    }
                    for (c, &sum) in columns.iter_mut().zip(&sums) {
                        *c = beta * *c + (one - beta) * (sum / height);
                    }
                    let mean = mean(rows.iter().copied());
                    for (&r, g) in rows.iter().zip(gradient.chunks_exact(matrix.columns)) {
                        let row = (r / mean).sqrt();
                        u.extend(g.iter().zip(columns.iter()).map(|(&g, c)| g / (row * c.sqrt())));
                    }
                }
            }
            // X ← X - max(ε₂, RMS(X)) ρ U / max(1, RMS(U)/d)
            let excess = root_mean_square(u) / T::of(self.clip);
            let size = greater(T::of(self.least), root_mean_square(own));
            let scale = if self.relative { size } else { one };
            let step = T::of(rho) * scale / greater(one, excess);
            own.iter_mut().zip(u.iter()).for_each(|(x, &u)| *x = *x - step * u);
        }
    }

    fn rate(&mut self) -> &mut f64 {
        &mut self.rate
    }
}

fn greater<T: Float>(a: T, b: T) -> T {
    if b > a { b } else { a }
}

fn mean<T: Float>(x: impl ExactSizeIterator<Item = T>) -> T {
    let (count, mut sum) = (x.len(), T::default());
    x.for_each(|x| sum += x);
    sum / T::of(count as f64)
}

fn root_mean_square<T: Float>(x: &[T]) -> T {
    mean(x.iter().map(|&x| x * x)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    // If G² = r cᵀ, the factored moments hold all of it, and every entry of G/√V̂ is ±1.
    #[test]
    fn where_squares_have_rank_one_nothing_is_lost() {
        let (r, c) = ([1.0, 4.0, 0.25], [9.0, 1e-4]);
        let g: Vec<f64> = r.iter().flat_map(|r: &f64| c.iter().map(move |c| -(r * c).sqrt())).collect();
        let mut rule = Adafactor::new(&[(3, 2)], 0.01);
        rule.relative = false;
        let mut x = vec![0.0; 6];
        rule.step(&mut x, &g);
        assert!(x.iter().all(|x| (x - 0.01).abs() < 1e-15), "{x:?}");
    }

    #[test]
    fn a_matrix_needs_its_sides_and_a_vector_all() {
        assert_eq!(Adafactor::<f64>::new(&[(64, 64), (1, 64)], 0.01).memory(), 192);
    }

    #[test]
    fn a_constant_memory_corrected_is_the_weighted_mean_of_what_was_seen() {
        // v_t = Σ β^(t-i) g_i² / Σ β^(t-i)
        let (beta, g) = (0.9, [1.0, 2.0, 3.0]);
        let mut v = 0.0;
        for (i, g) in g.iter().enumerate() {
            let factor = Forgetting::Constant(beta).factor(i as f64 + 1.0);
            v = factor * v + (1.0 - factor) * g * g;
        }
        let expected = (beta * beta + beta * 4.0 + 9.0) / (beta * beta + beta + 1.0);
        assert!((v - expected).abs() < 1e-14);
    }
}
