//! The linear Gaussian model: its filter, its smoother, and expectation maximisation.

use super::data::{DAMPING, FAR, HALF_LOG_TAU, Sequence, TIMES, TURN, bounded};
use orrery_kernels::linalg::{DMatrix, DVector};
use orrery_kernels::math::{log, pow, sincos};

/// The least variance, and the greatest growth of a mode in one step.
const LEAST: f64 = 1e-5;
const MOST_RADIUS: f64 = 0.999;

/// `z_{t+1} = A z_t + w`, `y_t = C z_t + v`, with variances `Q` and `R`, from `z_0 ~ N(m, P)`.
#[derive(Clone)]
pub struct LinearModel {
    pub a: DMatrix<f64>,
    pub c: DMatrix<f64>,
    pub q: DMatrix<f64>,
    pub r: Vec<f64>,
    pub m: DVector<f64>,
    pub p: DMatrix<f64>,
}

/// What a linear model makes of a sequence: `E z_t`, `Var z_t`, `Cov(z_t, z_{t−1})`, and `log p(y)`.
pub struct Smoothed {
    pub mean: Vec<DVector<f64>>,
    pub variance: Vec<DMatrix<f64>>,
    pub lag: Vec<DMatrix<f64>>,
    pub score: f64,
}

/// What the M-step needs of all sequences.
#[derive(Clone)]
pub struct Sums {
    now_now: DMatrix<f64>,
    now_past: DMatrix<f64>,
    past_past: DMatrix<f64>,
    steps: f64,
    seen: Vec<Channel>,
    start: DVector<f64>,
    start_start: DMatrix<f64>,
    sequences: f64,
    score: f64,
}

/// What is seen of a channel: `Σ z zᵀ`, `Σ y z`, `Σ y²` and the number of observations.
#[derive(Clone)]
struct Channel {
    square: DMatrix<f64>,
    product: DVector<f64>,
    y2: f64,
    count: f64,
}

impl Sums {
    pub fn new(k: usize, channels: usize) -> Self {
        let (square, column) = (DMatrix::zeros(k, k), DVector::zeros(k));
        let channel = Channel { square: square.clone(), product: column.clone(), y2: 0.0, count: 0.0 };
        Self {
            now_now: square.clone(),
            now_past: square.clone(),
            past_past: square.clone(),
            steps: 0.0,
            seen: vec![channel; channels],
            start: column,
            start_start: square,
            sequences: 0.0,
            score: 0.0,
        }
    }

    /// `log p(y)` per observation.
    pub fn likelihood(&self) -> f64 {
        bounded(self.score / self.seen.iter().map(|seen| seen.count).sum::<f64>().max(1.0))
    }

    /// Adds `E z zᵀ` and the rest of one sequence.
    pub fn add(&mut self, s: &Sequence, smoothed: &Smoothed) {
        let Smoothed { mean, variance, lag, score } = smoothed;
        let second = |t: usize| {
            let mut second = variance[t].clone();
            second.ger(1.0, &mean[t], &mean[t], 1.0);
            second
        };
        let mut past = second(0);
        self.start += &mean[0];
        self.start_start += &past;
        for t in 0..TIMES {
            let now = second(t);
            if t > 0 {
                self.now_past += &lag[t];
                self.now_past.ger(1.0, &mean[t], &mean[t - 1], 1.0);
                self.past_past += &past;
                self.now_now += &now;
                self.steps += 1.0;
            }
            for (c, sums) in self.seen.iter_mut().enumerate().filter(|(c, _)| s.seen[t][*c]) {
                let y = s.y[t][c];
                sums.square += &now;
                sums.product.axpy(y, &mean[t], 1.0);
                sums.y2 += y * y;
                sums.count += 1.0;
            }
            past = now;
        }
        self.sequences += 1.0;
        self.score += score;
    }
}

impl LinearModel {
    /// A slow rotation, to begin with.
    pub fn guess(k: usize, channels: usize) -> Self {
        let (sin, cos) = sincos(TURN);
        let mut a = DMatrix::identity(k, k) * 0.98;
        if k > 1 {
            (a[(0, 0)], a[(0, 1)], a[(1, 0)], a[(1, 1)]) = (0.98 * cos, 0.98 * sin, -0.98 * sin, 0.98 * cos);
        }
        let c = DMatrix::from_fn(channels, k, |row, column| match column {
            0 | 1 => f64::from(u8::from(row == column)),
            _ => 0.3,
        });
        let (q, p) = (DMatrix::identity(k, k) * 0.1, DMatrix::identity(k, k) * 2.0);
        Self { a, c, q, r: vec![0.1; channels], m: DVector::zeros(k), p }
    }

    /// What makes the linear Gaussian data.
    pub fn truth(noise: f64) -> Self {
        let (sin, cos) = sincos(TURN);
        let a = DMatrix::from_row_slice(2, 2, &[cos, -sin, sin, cos]) * DAMPING;
        let q = DMatrix::identity(2, 2) * (1.0 - DAMPING * DAMPING);
        let c = DMatrix::from_row_slice(1, 2, &[1.0, 0.0]);
        Self { a, c, q, r: vec![(noise * noise).max(LEAST)], m: DVector::zeros(2), p: DMatrix::identity(2, 2) }
    }

    /// The first times of a sequence: the Kalman filter forwards, the smoother of Rauch, Tung and Striebel backwards. What is not
    /// seen is skipped.
    pub fn smooth(&self, s: &Sequence, times: usize) -> Smoothed {
        let turned = self.a.transpose();
        let rows: Vec<DVector<f64>> = self.c.row_iter().map(|row| row.transpose()).collect();
        let (mut m, mut p) = (self.m.clone(), self.p.clone());
        let (mut predicted, mut filtered) = (Vec::with_capacity(times), Vec::with_capacity(times));
        let mut score = 0.0;
        for t in 0..times {
            if t > 0 {
                // m ← A m, P ← A P Aᵀ + Q
                m = &self.a * m;
                p = &self.a * (p * &turned) + &self.q;
            }
            predicted.push((m.clone(), p.clone()));
            for (c, row) in rows.iter().enumerate().filter(|(c, _)| s.seen[t][*c]) {
                // S = c P cᵀ + R, K = P cᵀ / S, m ← m + K (y − c m), P ← P − K S Kᵀ
                let column = &p * row;
                let variance = row.dot(&column) + self.r[c];
                let rest = s.y[t][c] - row.dot(&m);
                score -= 0.5 * (log(variance) + rest * rest / variance) + HALF_LOG_TAU;
                m.axpy(rest / variance, &column, 1.0);
                p.ger(-1.0 / variance, &column, &column, 1.0);
            }
            filtered.push((m.clone(), p.clone()));
        }
        let mut lag = vec![DMatrix::zeros(self.a.nrows(), self.a.nrows()); times];
        let (mut mean, mut variance): (Vec<_>, Vec<_>) = filtered.into_iter().unzip();
        for t in (0..times - 1).rev() {
            let (ahead, spread) = &predicted[t + 1];
            // Jᵀ = P_{t+1|t}⁻¹ A P_t
            let mut gain = &self.a * &variance[t];
            match spread.clone().cholesky() {
                Some(root) => root.solve_mut(&mut gain),
                None => gain.fill(0.0),
            }
            // m_t ← m_t + J (m_{t+1} − m_{t+1|t}), P_t ← P_t + J (P_{t+1} − P_{t+1|t}) Jᵀ, Cov(z_{t+1}, z_t) = P_{t+1} Jᵀ
            let (apart, change) = (&mean[t + 1] - ahead, &variance[t + 1] - spread);
            mean[t].gemv_tr(1.0, &gain, &apart, 1.0);
            variance[t] += gain.tr_mul(&(change * &gain));
            lag[t + 1] = &variance[t + 1] * gain;
        }
        Smoothed { mean, variance, lag, score }
    }

    /// The M-step: each of `A`, `C`, `Q`, `R` in closed form. Growing modes are held back, or a sparse sample breeds them.
    pub fn maximise(&mut self, sums: &Sums) {
        let k = self.a.nrows();
        let small = DMatrix::identity(k, k) * LEAST;
        let solve = |square: &DMatrix<f64>, right: &DMatrix<f64>| Some((square + &small).cholesky()?.solve(right));
        if let Some(a) = solve(&sums.past_past, &sums.now_past.transpose()) {
            // A = (Σ z_t z_{t−1}ᵀ) (Σ z_{t−1} z_{t−1}ᵀ)⁻¹
            self.a = a.transpose();
            let radius = spectral_radius(&self.a);
            if radius > MOST_RADIUS {
                self.a *= MOST_RADIUS / radius;
            }
        }
        // Q = mean of (z_t − A z_{t−1}) (z_t − A z_{t−1})ᵀ
        let cross = &self.a * sums.now_past.transpose();
        let q = &sums.now_now - &cross - cross.transpose() + &self.a * &sums.past_past * self.a.transpose();
        self.q = (&q + q.transpose()) * (0.5 / sums.steps) + &small;
        for (c, seen) in sums.seen.iter().enumerate().filter(|(_, seen)| seen.count > 0.0) {
            // c = (Σ y z)ᵀ (Σ z zᵀ)⁻¹
            let right = DMatrix::from_column_slice(k, 1, seen.product.as_slice());
            if let Some(row) = solve(&seen.square, &right) {
                self.c.set_row(c, &row.column(0).transpose());
                // R = mean of (y − c z)²
                let row = self.c.row(c);
                let explained = 2.0 * (row * &seen.product)[0] - (row * &seen.square * row.transpose())[0];
                self.r[c] = ((seen.y2 - explained) / seen.count).max(LEAST);
            }
        }
        self.m = &sums.start / sums.sequences;
        self.p = &sums.start_start / sums.sequences - &self.m * self.m.transpose() + &small;
    }

    /// `E y_t` and the standard deviation of what is seen without noise, by time and channel.
    pub fn interpolate(&self, s: &Sequence) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
        let smoothed = self.smooth(s, s.y.len());
        let at = |t: usize| {
            let mean = &self.c * &smoothed.mean[t];
            let variance = &self.c * &smoothed.variance[t] * self.c.transpose();
            let deviation = variance.diagonal().iter().map(|v| v.max(0.0).sqrt().min(FAR)).collect();
            (mean.iter().map(|y| bounded(*y)).collect(), deviation)
        };
        (0..s.y.len()).map(at).unzip()
    }
}

/// `‖A^64‖^(1/64)`.
fn spectral_radius(a: &DMatrix<f64>) -> f64 {
    let mut power = a.clone();
    (0..6).for_each(|_| power = &power * &power);
    pow(power.norm(), 1.0 / 64.0)
}

#[cfg(test)]
mod tests {
    use super::super::{Settings, Source};
    use super::*;
    use orrery_core::Rng;
    use orrery_core::prelude::SeedableRng;
    use orrery_kernels::math::TAU;

    #[test]
    fn smoothing_is_conditioning_of_one_normal_law() {
        let settings = Settings { data: Source::LinearGaussian, observed: 0.4, noise: 0.3, ..Settings::default() };
        let s = settings.data.draws(&settings, 1, &mut Rng::seed_from_u64(1)).remove(0);
        let times = 12;
        let model = LinearModel::truth(0.3);
        let smoothed = model.smooth(&s, times);
        // Cov(z_s, z_t) = A^{s−t} P_t with P stationary (here the identity), all 24 numbers at once.
        let power = |n: usize| (0..n).fold(DMatrix::<f64>::identity(2, 2), |power, _| &model.a * power);
        let block = |i: usize, j: usize| if i >= j { power(i - j) } else { power(j - i).transpose() };
        let joint = DMatrix::from_fn(2 * times, 2 * times, |i, j| block(i / 2, j / 2)[(i % 2, j % 2)]);
        let seen: Vec<usize> = (0..times).filter(|&t| s.seen[t][0]).collect();
        assert!(seen.len() > 2 && seen.len() < times);
        let cross = DMatrix::from_fn(2 * times, seen.len(), |i, j| joint[(i, 2 * seen[j])]);
        let inner = DMatrix::from_fn(seen.len(), seen.len(), |i, j| {
            joint[(2 * seen[i], 2 * seen[j])] + if i == j { model.r[0] } else { 0.0 }
        });
        let y = DVector::from_fn(seen.len(), |i, _| s.y[seen[i]][0]);
        let root = inner.clone().cholesky().unwrap();
        let mean = &cross * root.solve(&y);
        let variance = &joint - &cross * root.solve(&cross.transpose());
        for t in 0..times {
            for i in 0..2 {
                assert!((mean[2 * t + i] - smoothed.mean[t][i]).abs() < 1e-10);
                for j in 0..2 {
                    assert!((variance[(2 * t + i, 2 * t + j)] - smoothed.variance[t][(i, j)]).abs() < 1e-10);
                    if t > 0 {
                        assert!((variance[(2 * t + i, 2 * t - 2 + j)] - smoothed.lag[t][(i, j)]).abs() < 1e-10);
                    }
                }
            }
        }
        let log_p = -0.5 * (y.dot(&root.solve(&y)) + log(inner.determinant()) + seen.len() as f64 * log(TAU));
        assert!((log_p - smoothed.score).abs() < 1e-10);
    }

    #[test]
    fn expectation_maximisation_never_lowers_the_likelihood() {
        // Of damped data `A` need not be scaled back, and both channels take part.
        for (settings, k, strict) in [
            (Settings { data: Source::LinearGaussian, noise: 0.3, ..Settings::default() }, 2, true),
            (Settings { data: Source::MixedFrequency, ..Settings::default() }, 3, false),
            (Settings::default(), 3, false),
        ] {
            let channels = settings.data.channels();
            let training = settings.data.draws(&settings, 20, &mut Rng::seed_from_u64(2));
            let mut model = LinearModel::guess(k, channels);
            let (mut first, mut last) = (None, f64::NEG_INFINITY);
            for _ in 0..20 {
                let mut sums = Sums::new(k, channels);
                training.iter().for_each(|s| sums.add(s, &model.smooth(s, TIMES)));
                // Where growing modes are scaled back that much of the step is not the maximum.
                let slack = if strict { 1e-6 } else { 1e-3 };
                assert!(sums.likelihood() > last - slack, "{last} {}", sums.likelihood());
                last = sums.likelihood();
                first.get_or_insert(last);
                model.maximise(&sums);
            }
            assert!(first.is_some_and(|first| last > first + 0.1));
            assert!(spectral_radius(&model.a) < MOST_RADIUS + 1e-9);
        }
    }

    #[test]
    fn the_maximum_of_the_likelihood_is_near_what_made_the_data() {
        let settings = Settings { data: Source::LinearGaussian, noise: 0.3, observed: 0.5, ..Settings::default() };
        let training = settings.data.draws(&settings, 200, &mut Rng::seed_from_u64(3));
        let mut model = LinearModel::guess(2, 1);
        for _ in 0..60 {
            let mut sums = Sums::new(2, 1);
            training.iter().for_each(|s| sums.add(s, &model.smooth(s, TIMES)));
            model.maximise(&sums);
        }
        // What no change of the state's coordinates alters: det A = ρ², tr A = 2ρ cos φ, and R.
        let truth = LinearModel::truth(0.3);
        assert!((model.a.determinant() - truth.a.determinant()).abs() < 0.02, "{}", model.a);
        assert!((model.a.trace() - truth.a.trace()).abs() < 0.02, "{}", model.a);
        assert!((model.r[0] - truth.r[0]).abs() < 0.01, "{:?}", model.r);
    }
}
