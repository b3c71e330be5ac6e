//! The arena's models: each linear one as a recurrence, as a convolution and as a parallel scan.

use super::{By, Family, Setting};
use orrery_core::prelude::{Error, Result};
use orrery_kernels::fft::convolve;
use orrery_kernels::linalg::{Complex, ComplexEigen, DMatrix, DVector, View, matmul, matvec_add};
use orrery_kernels::math::{exp_wide, expm1, log, log_spaced, softplus};
use orrery_kernels::ssm::{
    Diagonal, Rule, Selective, SpectralFilters, System, associative_scan, discretise, fout, legs, legt,
};

/// Spectral filters reach back so many samples at most.
pub(super) const TAPS: usize = 256;

/// A recurrence of N numbers that watches one input.
#[derive(Clone, Debug)]
pub(super) enum Model {
    /// `x_k = Ā x_{k−1} + B̄ u_k`, from `x' = A x + B u`; with the eigenvalues of `ΔA`.
    Dense {
        discrete: System,
        continuous: System,
        step: f64,
        rule: Rule,
        poles: Vec<Complex<f64>>,
        mapped: Vec<Complex<f64>>,
    },
    /// Modes that do not know of each other, complex (two numbers each) or real (one).
    Modes { discrete: Diagonal, poles: Vec<Complex<f64>>, numbers: usize },
    /// The inner products of the last samples with fixed filters, a column each, the newest sample first.
    Filters(DMatrix<f64>),
    /// `h_t = e^{−Δ_t r} h_{t−1} + Δ_t u_t` with `Δ_t = softplus(β + s (2|u_t| − 1))`.
    Selective { rates: Vec<f64>, beta: f64, s: f64 },
}

impl Model {
    pub fn new(family: Family, setting: &Setting) -> Result<Self> {
        let (n, step, rule) = (setting.state_size, setting.timescale, setting.discretisation.rule());
        let dense = |continuous: System| {
            let singular = || Error::of("timescale", "a matrix to be inverted is singular here; choose another Δ");
            let discrete = discretise(&continuous, step, rule).ok_or_else(singular)?;
            // LegS is triangular: its eigenvalues stand on its diagonal, where rounding cannot move them.
            let poles: Vec<_> = match family {
                Family::LegS => continuous.a.diagonal().iter().map(|a| Complex::new(*a, 0.0)).collect(),
                _ => continuous.a.complex_eigenvalues().iter().copied().collect(),
            };
            let unit = Diagonal { a: poles.clone(), b: vec![Complex::new(1.0, 0.0); n] };
            let mapped = unit.discretise(step, rule).a;
            let poles = poles.into_iter().map(|pole| pole * step).collect();
            Ok(Self::Dense { discrete, continuous, step, rule, poles, mapped })
        };
        let modes = |continuous: Diagonal| {
            let poles = continuous.a.iter().map(|pole| pole * step).collect();
            Ok(Self::Modes { discrete: continuous.discretise(step, rule), poles, numbers: 2 })
        };
        match family {
            Family::LegS => dense(legs(n)),
            Family::LegT => dense(legt(n)),
            Family::FouT => dense(fout(n)),
            Family::S4dLin => modes(Diagonal::lin(n / 2)),
            Family::S4dInv => modes(Diagonal::inv(n / 2)),
            Family::Stable => {
                // λ̄ = 1 − 1/(w² + ½): a memory of w² + ½ samples, whatever w is; b̄ = 1 − λ̄, and half of it for a real mode.
                let lengths = log_spaced(1.0, 2.0 / step, n);
                let weights = lengths.iter().map(|length| (length - 0.5).sqrt());
                let a: Vec<_> = weights.map(|w| Complex::new(1.0 - 1.0 / (w * w + 0.5), 0.0)).collect();
                let b = a.iter().map(|a| 0.5 * (1.0 - a)).collect();
                Ok(Self::Modes { discrete: Diagonal { a, b }, poles: Vec::new(), numbers: 1 })
            }
            Family::Spectral => {
                let taps = (1.0 / step).round().clamp(16.0, TAPS as f64) as usize;
                let SpectralFilters { values, mut filters } = SpectralFilters::hankel(taps, n);
                for (mut filter, value) in filters.column_iter_mut().zip(values) {
                    filter *= value.sqrt().sqrt();
                }
                Ok(Self::Filters(filters))
            }
            Family::Selective => {
                // The rates −1, −2, … of Mamba; β is such that softplus(β) = Δ.
                let rates = (0..n).map(|n| n as f64 + 1.0).collect();
                Ok(Self::Selective { rates, beta: inverse_softplus(step), s: setting.selectivity })
            }
        }
    }

    /// How many numbers it gives to a read-out.
    pub fn size(&self) -> usize {
        match self {
            Self::Dense { discrete, .. } => discrete.b.len(),
            Self::Modes { discrete, numbers, .. } => discrete.a.len() * numbers,
            Self::Filters(filters) => filters.ncols(),
            Self::Selective { rates, .. } => rates.len(),
        }
    }

    /// Whether it answers a sum of inputs by the sum of its answers.
    pub fn is_linear(&self) -> bool {
        !matches!(self, Self::Selective { s, .. } if *s > 0.0)
    }

    /// The recurrence, from the state in `memory` (empty at rest): what it holds after each input, a row each.
    pub fn states(&self, memory: &mut Vec<f64>, u: &[f64]) -> Vec<f64> {
        let size = self.size();
        let mut rows = Vec::with_capacity(u.len() * size);
        match self {
            Self::Dense { discrete, .. } => {
                memory.resize(size, 0.0);
                let a = View::by_columns(discrete.a.as_slice(), size, size);
                for u in u {
                    let mut next: Vec<f64> = discrete.b.iter().map(|b| b * u).collect();
                    matvec_add(a, memory, &mut next);
                    *memory = next;
                    rows.extend_from_slice(memory);
                }
            }
            Self::Modes { discrete, numbers, .. } => {
                memory.resize(2 * discrete.a.len(), 0.0);
                for u in u {
                    for ((x, a), b) in memory.as_chunks_mut::<2>().0.iter_mut().zip(&discrete.a).zip(&discrete.b) {
                        let next = a * Complex::new(x[0], x[1]) + b * *u;
                        *x = [next.re, next.im];
                        // y = 2 Re (c x) = Re c · 2 Re x + Im c · (−2 Im x)
                        rows.push(2.0 * next.re);
                        if *numbers == 2 {
                            rows.push(-2.0 * next.im);
                        }
                    }
                }
            }
            Self::Filters(filters) => {
                let taps = filters.nrows();
                memory.resize(taps - 1, 0.0);
                memory.extend_from_slice(u);
                let windows: Vec<f64> = memory.windows(taps).flat_map(|window| window.iter().rev().copied()).collect();
                let filters = View::by_columns(filters.as_slice(), taps, size);
                rows = matmul(View::by_rows(&windows, u.len(), taps), filters);
                memory.drain(..u.len());
            }
            Self::Selective { rates, .. } => {
                memory.resize(size, 0.0);
                for u in u {
                    let delta = self.delta(*u);
                    for (h, rate) in memory.iter_mut().zip(rates) {
                        *h = exp_wide(-delta * rate) * *h + delta * u;
                    }
                    rows.extend_from_slice(memory);
                }
            }
        }
        rows
    }

    /// What one unit input leaves in the state, `length` samples long: a row for each lag.
    pub fn impulse(&self, length: usize) -> Vec<f64> {
        let mut u = vec![0.0; length];
        u[0] = 1.0;
        match self {
            Self::Filters(filters) => {
                let tap = |lag: usize| (0..filters.ncols()).map(move |n| (lag, n));
                (0..length).flat_map(tap).map(|at| filters.get(at).copied().unwrap_or(0.0)).collect()
            }
            _ => self.states(&mut Vec::new(), &u),
        }
    }

    /// The output `wᵀ x_k` by a parallel scan; for the selective model, which nothing else is, by its own.
    pub fn scan(&self, w: &[f64], u: &[f64]) -> Vec<f64> {
        match self {
            Self::Dense { discrete, .. } => discrete.scan(&DVector::from_column_slice(w), u),
            Self::Modes { discrete, numbers, .. } => discrete.scan(&weights(w, *numbers), u),
            Self::Filters(filters) => {
                // Blocks each from rest, and what each leaves to the next added to it.
                let kernel = taps(filters, w);
                let mut y = vec![0.0; u.len() + TAPS];
                for (block, samples) in u.chunks(TAPS).enumerate() {
                    let part = convolve(&kernel, samples);
                    y[block * TAPS..].iter_mut().zip(part).for_each(|(y, part)| *y += part);
                }
                y.truncate(u.len());
                y
            }
            Self::Selective { rates, .. } => {
                let (a, delta): (Vec<f64>, Vec<f64>) =
                    (rates.iter().map(|rate| -rate).collect(), u.iter().map(|u| self.delta(*u)).collect());
                let (b, c) = (vec![1.0; u.len() * w.len()], w.repeat(u.len()));
                Selective { a: &a, skip: &[0.0], x: u, delta: &delta, b: &b, c: &c }.scan()
            }
        }
    }

    /// The output as the convolution of the input with a kernel. The selective model has none: a parallel prefix scan
    /// stands in for it.
    pub fn convolution(&self, w: &[f64], u: &[f64], by: By) -> Vec<f64> {
        let kernel = match self {
            Self::Dense { discrete, .. } if by == By::Powers => {
                discrete.kernel(&DVector::from_column_slice(w), u.len())
            }
            Self::Dense { continuous, step, rule, .. } => through_eigenvectors(continuous, *step, *rule, w, u.len()),
            Self::Modes { discrete, numbers, .. } => discrete.kernel(&weights(w, *numbers), u.len()),
            Self::Filters(filters) => taps(filters, w),
            Self::Selective { rates, .. } => {
                let mut y = vec![0.0; u.len()];
                let deltas: Vec<f64> = u.iter().map(|&u| self.delta(u)).collect();
                for (rate, w) in rates.iter().zip(w) {
                    let step = |(u, delta): (&f64, &f64)| (exp_wide(-delta * rate), delta * u);
                    let mut steps: Vec<(f64, f64)> = u.iter().zip(&deltas).map(step).collect();
                    associative_scan(&mut steps, |(a, b), (c, d)| (c * a, c * b + d));
                    y.iter_mut().zip(steps).for_each(|(y, (_, h))| *y += w * h);
                }
                return y;
            }
        };
        let mut y = convolve(&kernel, u);
        y.truncate(u.len());
        y
    }

    /// The eigenvalues times Δ, of the differential equation where there is one, and those of the recurrence.
    pub fn eigenvalues(&self) -> (&[Complex<f64>], &[Complex<f64>]) {
        match self {
            Self::Dense { poles, mapped, .. } => (poles, mapped),
            Self::Modes { discrete, poles, .. } => (poles, &discrete.a),
            Self::Filters(_) | Self::Selective { .. } => (&[], &[]),
        }
    }

    fn delta(&self, u: f64) -> f64 {
        match self {
            Self::Selective { beta, s, .. } => softplus(beta + s * (2.0 * u.abs() - 1.0)),
            _ => 1.0,
        }
    }
}

/// `β` with `log(1 + e^β) = Δ`.
fn inverse_softplus(delta: f64) -> f64 {
    log(expm1(delta))
}

/// The complex read-out whose `2 Re Σ c x` is that of real weights.
fn weights(w: &[f64], numbers: usize) -> Vec<Complex<f64>> {
    w.chunks_exact(numbers).map(|w| Complex::new(w[0], w.get(1).copied().unwrap_or(0.0))).collect()
}

fn taps(filters: &DMatrix<f64>, w: &[f64]) -> Vec<f64> {
    (filters * DVector::from_column_slice(w)).as_slice().to_vec()
}

/// The kernel as it would be if the matrix were diagonalised: `A = V Λ V⁻¹`, `K_l = Re Σ_n (wᵀV)_n (V⁻¹B)_n` times
/// powers of what the rule makes of `λ_n`. Exact in exact arithmetic, and as good as `V` is well conditioned.
fn through_eigenvectors(continuous: &System, step: f64, rule: Rule, w: &[f64], length: usize) -> Vec<f64> {
    let n = w.len();
    let by_rows = continuous.a.transpose().iter().map(|a| Complex::new(*a, 0.0)).collect();
    let mut problem = ComplexEigen::new(by_rows, n);
    while !problem.advance(u32::MAX) {}
    let (a, vectors): (Vec<_>, Vec<_>) = problem.pairs().into_iter().unzip();
    let v = DMatrix::from_fn(n, n, |i, j| vectors[j][i]);
    let Some(b) = v.clone().lu().solve(&continuous.b.map(|b| Complex::new(b, 0.0))) else {
        return vec![f64::NAN; length];
    };
    let c = v.tr_mul(&DVector::from_column_slice(w).map(|w| Complex::new(w, 0.0)));
    // Every eigenvalue stands for itself here, where `Diagonal` counts it with its conjugate.
    let b = b.iter().map(|b| b * 0.5).collect();
    Diagonal { a, b }.discretise(step, rule).kernel(c.as_slice(), length)
}
