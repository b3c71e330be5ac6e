//! Optimisers that see nothing but numbers: each is told the score at the point it proposed, and proposes another.

use orrery_core::prelude::*;
use orrery_kernels::random::normals;

/// The simplex method (Nelder and Mead, "A simplex method for function minimization", 1965), one evaluation at a time.
#[derive(Clone, Debug)]
pub struct NelderMead {
    /// The corners with their scores, the best first.
    corners: Vec<(Vec<f64>, f64)>,
    stage: Stage,
}

#[derive(Clone, Debug)]
enum Stage {
    Begin,
    Reflected,
    Expanded(Vec<f64>, f64),
    /// The score that a contraction must not exceed, and whether it must be beaten.
    Contracted(f64, bool),
    Shrunk(usize),
}

/// $a+t(b-a)$.
fn between(a: &[f64], b: &[f64], t: f64) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + t * (b - a)).collect()
}

impl NelderMead {
    /// Its first proposal is to be where it starts.
    pub fn new() -> Self {
        Self { corners: Vec::new(), stage: Stage::Begin }
    }

    /// The mean of all corners but the worst.
    fn centre(&self) -> Vec<f64> {
        let n = self.corners.len() - 1;
        (0..n).map(|i| self.corners[..n].iter().map(|(x, _)| x[i]).sum::<f64>() / n as f64).collect()
    }

    fn reflect(&mut self) -> Vec<f64> {
        self.corners.sort_by(|a, b| a.1.total_cmp(&b.1));
        self.stage = Stage::Reflected;
        between(&self.worst().0, &self.centre(), 2.0)
    }

    fn worst(&self) -> (Vec<f64>, f64) {
        self.corners[self.corners.len() - 1].clone()
    }

    fn replace(&mut self, x: Vec<f64>, score: f64) -> Vec<f64> {
        let last = self.corners.len() - 1;
        self.corners[last] = (x, score);
        self.reflect()
    }

    fn shrink(&mut self, k: usize) -> Vec<f64> {
        self.stage = Stage::Shrunk(k);
        between(&self.corners[0].0, &self.corners[k].0, 0.5)
    }

    /// The next point, after the last one, `x`, scored so.
    pub fn next(&mut self, x: &[f64], score: f64) -> Vec<f64> {
        let n = x.len();
        match std::mem::replace(&mut self.stage, Stage::Begin) {
            Stage::Begin => {
                self.corners.push((x.to_vec(), score));
                if self.corners.len() > n {
                    return self.reflect();
                }
                let mut corner = self.corners[0].0.clone();
                corner[self.corners.len() - 1] += 0.5;
                corner
            }
            Stage::Reflected => {
                let (best, second) = (self.corners[0].1, self.corners[n - 1].1);
                let (corner, worst) = self.worst();
                let centre = self.centre();
                if score < best {
                    self.stage = Stage::Expanded(x.to_vec(), score);
                    between(&corner, &centre, 3.0)
                } else if score < second {
                    self.replace(x.to_vec(), score)
                } else if score < worst {
                    self.stage = Stage::Contracted(score, false);
                    between(&corner, &centre, 1.5)
                } else {
                    self.stage = Stage::Contracted(worst, true);
                    between(&corner, &centre, 0.5)
                }
            }
            Stage::Expanded(reflected, before) => {
                if score < before {
                    self.replace(x.to_vec(), score)
                } else {
                    self.replace(reflected, before)
                }
            }
            Stage::Contracted(limit, strict) => {
                if score < limit || !strict && score <= limit {
                    self.replace(x.to_vec(), score)
                } else {
                    self.shrink(1)
                }
            }
            Stage::Shrunk(k) => {
                self.corners[k] = (x.to_vec(), score);
                if k < n { self.shrink(k + 1) } else { self.reflect() }
            }
        }
    }
}

/// Coordinate pattern search (Hooke and Jeeves, "Direct search", 1961, without its pattern moves): up and down each
/// coordinate in turn; twice the step after a success, half of it after a round without one.
#[derive(Clone, Debug)]
pub struct Pattern {
    best: Option<(Vec<f64>, f64)>,
    step: f64,
    /// Which of the two directions of each coordinate is being tried.
    trial: usize,
    found: bool,
}

impl Pattern {
    /// Its first proposal is to be where it starts.
    pub fn new() -> Self {
        Self { best: None, step: 0.5, trial: 0, found: false }
    }

    /// The next point, after the last one, `x`, scored so.
    pub fn next(&mut self, x: &[f64], score: f64) -> Vec<f64> {
        let n = x.len();
        let best = match self.best.take() {
            None => (x.to_vec(), score),
            Some(best) if score < best.1 => {
                (self.step, self.found) = (2.0 * self.step, true);
                (x.to_vec(), score)
            }
            Some(best) => {
                self.trial += 1;
                if self.trial == 2 * n {
                    if !self.found {
                        self.step *= 0.5;
                    }
                    (self.trial, self.found) = (0, false);
                }
                best
            }
        };
        let mut next = best.0.clone();
        next[self.trial / 2] += if self.trial.is_multiple_of(2) { self.step } else { -self.step };
        self.best = Some(best);
        next
    }
}

/// A root by the secant through two values; of several variables, by Broyden's rule ("A class of methods for solving
/// nonlinear simultaneous equations", 1965) for one equation, which is the secant where there is one variable.
#[derive(Clone, Debug)]
pub struct Secant {
    slope: Vec<f64>,
    last: Option<(Vec<f64>, f64)>,
    probes: Vec<usize>,
}

impl Secant {
    /// For `n` variables.
    pub fn new(n: usize) -> Self {
        Self { slope: vec![0.0; n], last: None, probes: Vec::new() }
    }

    /// The next point, after `value` at `x`, from which `residual` is to be taken away. Only the variables `active` are
    /// probed at first.
    pub fn next(&mut self, x: &[f64], value: f64, residual: f64, active: &[usize], rng: &mut Rng) -> Vec<f64> {
        match self.last.take() {
            None => self.probes = active.iter().rev().copied().collect(),
            Some((before, value_before)) => {
                let d: Vec<f64> = x.iter().zip(&before).map(|(x, b)| x - b).collect();
                let dd: f64 = d.iter().map(|d| d * d).sum();
                let known: f64 = d.iter().zip(&self.slope).map(|(d, g)| d * g).sum();
                // g ← g + (Δy - gᵀΔθ) Δθ / ‖Δθ‖²
                let error = (value - value_before - known) / dd;
                if dd > 0.0 && error.is_finite() {
                    self.slope.iter_mut().zip(&d).for_each(|(g, d)| *g += error * d);
                }
            }
        }
        self.last = Some((x.to_vec(), value));
        if let Some(k) = self.probes.pop() {
            let mut probe = x.to_vec();
            probe[k] += 0.1;
            return probe;
        }
        downhill(x, residual, &self.slope, rng)
    }
}

/// $\theta-r\,g/\|g\|^2$: where a linear function with this residual and slope is zero, nearest to here. A step at random
/// where there is no slope.
pub fn downhill(x: &[f64], residual: f64, slope: &[f64], rng: &mut Rng) -> Vec<f64> {
    let squared: f64 = slope.iter().map(|g| g * g).sum();
    let factor = residual / squared;
    let size = x.iter().map(|x| x * x).sum::<f64>().sqrt();
    let length = (factor * factor * squared).sqrt();
    if !(squared > 0.0 && length.is_finite()) {
        return x.iter().zip(normals(x.len(), rng)).map(|(x, z)| x + z).collect();
    }
    let cap = (10.0 * (1.0 + size) / length).min(1.0);
    x.iter().zip(slope).map(|(x, g)| x - cap * factor * g).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_reference::{list, numbers, vectors, word};

    fn run(
        mut next: impl FnMut(&[f64], f64) -> Vec<f64>,
        f: impl Fn(&[f64]) -> f64,
        start: &[f64],
        count: usize,
    ) -> f64 {
        let (mut x, mut best) = (start.to_vec(), f64::INFINITY);
        for _ in 0..count {
            let score = f(&x);
            best = best.min(score);
            x = next(&x, score);
        }
        best
    }

    fn valley(x: &[f64]) -> f64 {
        (1.0 - x[0]) * (1.0 - x[0]) + 100.0 * (x[1] - x[0] * x[0]) * (x[1] - x[0] * x[0])
    }

    #[test]
    fn the_simplex_comes_down_rosenbrocks_valley_and_closes_in_on_a_kink() {
        let mut simplex = NelderMead::new();
        assert!(run(|x, s| simplex.next(x, s), valley, &[-1.2, 1.0], 300) < 1e-10);
        let mut simplex = NelderMead::new();
        let kink = |x: &[f64]| (3.0 * x[0] - 5.0).abs();
        assert!(run(|x, s| simplex.next(x, s), kink, &[-2.0], 80) < 1e-6);
    }

    // SciPy's, which evaluates the same points in the same order; `tests/reference/nelder_mead.py` made them.
    #[test]
    fn the_simplex_goes_as_scipys_does() {
        let vectors = vectors(include_str!("../../../../../tests/reference/nelder_mead.json"));
        let kink = |x: &[f64]| (3.0 * x[0] - 5.0).abs();
        let bowl = |x: &[f64]| -> f64 {
            let term = |k: usize| (k + 1) as f64 * (x[k] - k as f64) * (x[k] - k as f64) + x[k] * x[(k + 1) % 5] / 4.0;
            (0..5).map(term).sum()
        };
        for case in list(&vectors["cases"]) {
            let (mut x, mut simplex) = (numbers(&case["start"]), NelderMead::new());
            let (points, mut worst) = (list(&case["points"]), 0.0_f64);
            assert!(points.len() >= 35);
            for point in points {
                worst = x.iter().zip(numbers(point)).map(|(x, p)| (x - p).abs()).fold(worst, f64::max);
                let score = match word(&case["function"]) {
                    "valley" => valley(&x),
                    "kink" => kink(&x),
                    _ => bowl(&x),
                };
                x = simplex.next(&x, score);
            }
            println!("{}: largest difference from SciPy {worst:e}", case["function"]);
            assert!(worst < 1e-10, "{}: {worst:e}", case["function"]);
        }
    }

    #[test]
    fn the_pattern_halves_its_way_to_a_kink() {
        let mut pattern = Pattern::new();
        let kink = |x: &[f64]| (3.0 * x[0] - 5.0).abs() + (x[1] + 1.0).abs();
        assert!(run(|x, s| pattern.next(x, s), kink, &[-2.0, 4.0], 300) < 1e-6);
    }

    #[test]
    fn one_equation_that_is_linear_is_solved_after_a_probe_of_each_variable() {
        let mut secant = Secant::new(3);
        let linear = |x: &[f64]| 2.0 * x[0] - 3.0 * x[1] + 0.5 * x[2] - 7.0;
        let rng = &mut Rng::seed_from_u64(0);
        let mut x = vec![1.0, 1.0, 1.0];
        for _ in 0..4 {
            let y = linear(&x);
            x = secant.next(&x, y, y, &[0, 1, 2], rng);
        }
        assert!(linear(&x).abs() < 1e-10, "{}", linear(&x));
    }
}
