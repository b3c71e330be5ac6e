//! A diagonal state matrix is what makes a state-space model fast. The matrix that remembers well, LegS, has no usable
//! eigenvectors: their condition number passes $10^{16}$ at $N=23$ and is $10^{23}$ at $N=32$. S4D therefore drops a rank-one part, $A=A_N-PP^\top$, and
//! keeps the normal $A_N$ with $B/2$. The paper keeps everything and adds a little: draw $E$ with
//! $\|E\|=\varepsilon\|A\|$ and diagonalise
//! $$A+E=V\Lambda V^{-1},\qquad (\Lambda,\;V^{-1}B,\;CV).$$
//! This is backward stable: what is computed is exact for a neighbour of LegS, so the transfer function
//! $G(i\omega)=C(i\omega-A)^{-1}B$ moves by $O(\varepsilon)$ at *every* frequency. S4D's tends to it at each fixed frequency as $N$
//! grows, and yet has a narrow peak at every one of its eigenfrequencies.
//!
//! **What you see.** $|G|$ of LegS and of both diagonal models; how far each is from LegS; what a slow signal with a tone at S4D's worst peak
//! becomes; the spectra over the pseudospectrum, that is, where a perturbation of a given size can push an eigenvalue; and
//! error and condition for eleven $\varepsilon$. The error falls like $\varepsilon$ while $\kappa(V)$ rises.
//!
//! **Try** $\varepsilon$: at $3\cdot10^{-2}$ the model has eigenvalues in the right half-plane and is unstable; at $10^{-10}$ the
//! condition is back. Move the tone off the peak: S4D is then almost right. *Optimised* descends
//! $\kappa_F(V)=\|V\|_F\|V^{-1}\|_F$ by its gradient in $E$, at fixed $\|E\|$, from the same draw.
//!
//! **Where it stops.** The bound is relative to $\|A\|$, which grows like $N^2$, so that large $N$ wants a smaller $\varepsilon$.
//! Eigenvalues move far more than the transfer function does: they are not what is preserved. *Direct* diagonalises LegS as
//! it is: rounding acts as a perturbation that nobody chose, and what is computed errs by rounding times $\kappa(V)$. In double
//! precision even $\varepsilon=10^{-10}$ does well; but networks compute in single precision, where $\kappa(V)>10^6$ leaves no digit, and
//! that is the bound.
//!
//! **Made definite.** Norms are spectral. The supremum is taken over 1,500 frequencies and S4D's own, from a tenth to ten times the
//! highest of these. The paper trains afterwards; here nothing is trained. That the model be stable is a clause of ours.

use orrery_core::figure::{Ink, Symbol};
use orrery_core::numerals::numeral;
use orrery_core::prelude::*;
use orrery_kernels::linalg::{Complex, ComplexEigen, DMatrix, DVector, LineFit};
use orrery_kernels::math::{PI, cos, exp, log, log_spaced, log10};
use orrery_kernels::random::{normal_matrix, normals};
use orrery_kernels::ssm::{Diagonal, Dplr, Rule, cauchy, discretise};
use std::rc::Rc;

const CARD: Card = Card {
    slug: "perturb-then-diagonalize",
    title: "Robustifying State-space Models for Long Sequences via Approximate Diagonalization",
    year: 2023,
    lists: &[0, 2],
    claim: "A tiny random kick makes the HiPPO matrix safely diagonalisable, with no frequency lost.",
    algorithms: &[
        "perturb-then-diagonalise",
        "PTD",
        "HiPPO",
        "LegS",
        "S4D",
        "pseudospectrum",
        "eigenvalue condition number",
        "transfer function",
    ],
    contenders: &[
        Contender::paper("ptd", "perturbed, then diagonal"),
        Contender::baseline("s4d", "S4D: the normal part"),
        Contender::baseline("direct", "LegS diagonalised directly"),
    ],
};

/// How `E` is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Perturbation {
    /// Gaussian entries.
    #[choice("random")]
    Random,
    /// The same, then descending the condition of the eigenvectors.
    #[choice("optimised")]
    Optimised,
}

/// How the state is read.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum ReadOut {
    /// All states alike.
    #[choice("flat")]
    Flat,
    /// Only the first.
    #[choice("first state")]
    First,
    /// Gaussian.
    #[choice("random")]
    Random,
}

/// The tone that is added to the slow signal.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Tone {
    /// At the eigenfrequency of S4D where it errs most.
    #[choice("at S4D's worst peak")]
    Peak,
    /// Anywhere.
    #[choice("at a frequency")]
    Chosen,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// The size of E, relative to that of A.
    #[control(label = "perturbation ε", range = 1e-14..=1e-1, log, default = 1e-3)]
    pub epsilon: f64,
    /// The size of LegS.
    #[control(label = "state size N", range = 4..=128, log, default = 32)]
    pub state_size: usize,
    /// How E is chosen.
    #[control(label = "E is", default = Perturbation::Random)]
    pub perturbation: Perturbation,
    /// How the state is read.
    #[control(label = "read-out C", default = ReadOut::Flat)]
    pub read_out: ReadOut,
    /// Where the tone lies.
    #[control(label = "tone", default = Tone::Peak)]
    pub tone: Tone,
    /// In radians per timescale.
    #[control(label = "frequency ω", range = 0.1..=1e4, log, default = 40.0, unit = "rad", when = ("tone", "chosen"))]
    pub frequency: f64,
    /// Of the tone; that of the slow signal is 1.
    #[control(label = "tone amplitude", range = 0.0..=1.0, default = 0.3)]
    pub amplitude: f64,
}

/// Complex multiplications in a step.
const WORK: usize = 1_000_000;
/// Frequencies, beside the eigenfrequencies of S4D.
const FREQUENCIES: usize = 1500;
/// Perturbations of the sweep: so many, from the first to the last.
const SWEEP: usize = 11;
const SWEEP_ENDS: [f64; 2] = [1e-6, 1e-1];
/// Where the slope of the error is measured.
const SLOPE_ENDS: [f64; 2] = [0.9e-5, 1.1e-3];
/// Steps of the descent.
const DESCENT: usize = 24;
/// The pseudospectrum: cells across, and rows above the real axis.
const ACROSS: usize = 56;
const ABOVE: usize = 24;
/// The signal lasts so long, in timescales and at most in samples; each line is drawn in so many stretches.
const SPAN: f64 = 10.0;
const SAMPLES: usize = 4000;
const STRETCHES: usize = 200;
/// The condition that is still safe.
const SAFE: f64 = 1e6;
/// Outputs beyond are drawn here.
const CLIP: f64 = 6.0;

type C = Complex<f64>;

const ZERO: C = Complex { re: 0.0, im: 0.0 };

fn size(z: C) -> f64 {
    z.norm_sqr().sqrt()
}

/// `√(2n+1)`.
fn root(n: usize) -> f64 {
    ((2 * n + 1) as f64).sqrt()
}

/// `(zI − A)⁻¹ v` for LegS in O(N): the matrix is `diag(z + n + 1)` and, below, `√(2n+1)√(2k+1)`.
fn resolve(z: C, v: &[C]) -> Vec<C> {
    let mut sum = ZERO;
    let solve = |(n, v): (usize, &C)| {
        let x = (v - sum * root(n)) / (z + (n as f64 + 1.0));
        sum += x * root(n);
        x
    };
    v.iter().enumerate().map(solve).collect()
}

/// `(zI − A)⁻* v`: the same from the other end.
fn resolve_adjoint(z: C, v: &[C]) -> Vec<C> {
    let (mut sum, mut x) = (ZERO, v.to_vec());
    for (n, x) in x.iter_mut().enumerate().rev() {
        *x = (*x - sum * root(n)) / (z.conj() + (n as f64 + 1.0));
        sum += *x * root(n);
    }
    x
}

/// `σ_min(zI − A)`: the size of the smallest perturbation that has `z` for an eigenvalue, by power iteration for the
/// resolvent's norm.
fn smallest_singular_value(z: C, n: usize) -> f64 {
    let mut v: Vec<C> = (0..n).map(|i| Complex::new(1.0 / (i as f64 + 1.0), 0.0)).collect();
    let mut norm = 0.0;
    for _ in 0..30 {
        let length = v.iter().map(|v| v.norm_sqr()).sum::<f64>().sqrt();
        v.iter_mut().for_each(|v| *v /= length);
        let image = resolve(z, &v);
        norm = image.iter().map(|x| x.norm_sqr()).sum::<f64>().sqrt();
        v = resolve_adjoint(z, &image);
    }
    1.0 / norm
}

/// The spectral norm, by power iteration on `M* M`.
fn norm(m: &DMatrix<C>) -> f64 {
    let adjoint = m.adjoint();
    let mut v = DVector::from_fn(m.ncols(), |i, _| Complex::new(1.0, 1.0 / (i as f64 + 2.0)));
    let mut found = 0.0;
    for _ in 0..60 {
        let length = v.norm();
        if !(length > 0.0 && length.is_finite()) {
            break;
        }
        let image = m * (v / Complex::new(length, 0.0));
        found = image.norm();
        v = &adjoint * image;
    }
    found
}

fn complex(m: &DMatrix<f64>) -> DMatrix<C> {
    m.map(|x| Complex::new(x, 0.0))
}

/// An eigenproblem to be solved over some steps.
fn problem(m: &DMatrix<f64>) -> ComplexEigen {
    ComplexEigen::new(m.transpose().iter().map(|x| Complex::new(*x, 0.0)).collect(), m.nrows())
}

/// A diagonal model: `G(s) = Σ_n w_n / (s − λ_n)` with `w_n = (CV)_n (V⁻¹B)_n`.
#[derive(Clone, Debug)]
struct Modes {
    lambda: Vec<C>,
    weights: Vec<C>,
    v: DMatrix<C>,
    inverse: DMatrix<C>,
    /// `κ(V) = ‖V‖ ‖V⁻¹‖`.
    condition: f64,
}

impl Modes {
    /// None where `V` is singular to the last bit.
    fn new(pairs: Vec<(C, Vec<C>)>, b: &DVector<f64>, c: &[f64]) -> Option<Self> {
        let n = b.len();
        let (lambda, vectors): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        let v = DMatrix::from_fn(n, n, |i, j| vectors[j][i]);
        let inverse = v.clone().lu().try_inverse()?;
        let input = &inverse * b.map(|b| Complex::new(b, 0.0));
        let read = v.tr_mul(&DVector::from_iterator(n, c.iter().map(|c| Complex::new(*c, 0.0))));
        let weights: Vec<C> = read.iter().zip(&input).map(|(c, b)| c * b).collect();
        let condition = norm(&v) * norm(&inverse);
        let sane = condition.is_finite() && weights.iter().all(|w| w.norm_sqr().is_finite());
        sane.then_some(Self { lambda, weights, v, inverse, condition })
    }

    fn transfer(&self, at: &[C]) -> Vec<C> {
        cauchy(&self.weights, &self.lambda, at)
    }

    /// The greatest real part of an eigenvalue.
    fn abscissa(&self) -> f64 {
        self.lambda.iter().map(|lambda| lambda.re).fold(f64::NEG_INFINITY, f64::max)
    }

    /// The output to `u`, held between samples `step` apart.
    fn output(&self, step: f64, u: &[f64]) -> Vec<f64> {
        // Every mode stands for itself, where `Diagonal` counts it with its conjugate.
        let half = vec![Complex::new(0.5, 0.0); self.lambda.len()];
        Diagonal { a: self.lambda.clone(), b: half }.discretise(step, Rule::ZeroOrderHold).scan(&self.weights, u)
    }
}

/// `log κ_F(V)` for unit columns, up to a constant: `½ log ‖V⁻¹‖_F²`; and its gradient in `E`, up to the factor
/// `‖V⁻¹‖_F²`.
///
/// With `W = V⁻¹` and `M = W dE V` the vectors move by `dV = V (F ∘ M + D)`, `F_ij = 1/(λ_j − λ_i)`, where the diagonal `D`
/// keeps their lengths. Hence `d(½‖W‖²) = −Re Σ_ij Q_ij M_ij` with `Q_ij = F_ij (H_ji − H_jj G_ji)`, `H = W W*`, `G = V* V`, and
/// the gradient is `−Re (V Qᵀ W)ᵀ`.
fn condition_and_gradient(modes: &Modes) -> (f64, DMatrix<f64>) {
    let Modes { lambda, v, inverse: w, .. } = modes;
    let n = lambda.len();
    let (h, g) = (w * w.adjoint(), v.adjoint() * v);
    let q = DMatrix::from_fn(n, n, |i, j| {
        let gap = lambda[j] - lambda[i];
        if i == j || gap.norm_sqr() == 0.0 { ZERO } else { (h[(j, i)] - h[(j, j)] * g[(j, i)]) / gap }
    });
    let square = w.norm_squared();
    let gradient = (v * q.transpose() * w).transpose().map(|z| -z.re / square);
    (0.5 * log(square), gradient)
}

/// What does not change during a run.
struct Fixed {
    setting: Setting,
    s4: Dplr,
    c: Vec<f64>,
    /// `‖A‖`.
    norm: f64,
    frequencies: Vec<f64>,
    nodes: Vec<C>,
    hippo: Vec<C>,
    s4d: Vec<C>,
    /// The greatest error of S4D and where it is.
    worst: (f64, f64),
    tone: f64,
    sample: f64,
    input: Vec<f64>,
    hippo_output: Vec<f64>,
    s4d_output: Vec<f64>,
}

/// The greatest distance of two transfer functions.
fn apart(a: &[C], b: &[C]) -> f64 {
    a.iter().zip(b).map(|(a, b)| size(a - b)).fold(0.0, f64::max)
}

/// What is being diagonalised.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Job {
    /// `A + E`, at the visitor's ε.
    Main,
    /// The same after so many steps of the descent.
    Descent(usize),
    /// `A`.
    Direct,
    /// `A + E` at another ε.
    Sweep(usize),
    Done,
}

/// One perturbation of the sweep.
#[derive(Clone, Copy)]
struct Swept {
    epsilon: f64,
    error: f64,
    condition: f64,
}

/// The exhibit.
#[derive(Clone)]
pub struct PerturbThenDiagonalize {
    fixed: Rc<Fixed>,
    job: Job,
    problem: ComplexEigen,
    /// Steps that went into the problem.
    spent: usize,
    /// `E`, of norm `ε‖A‖`; the one that the descent tries next, and how long its steps are.
    e: Rc<DMatrix<f64>>,
    trial: Rc<DMatrix<f64>>,
    stride: f64,
    /// `log κ_F` and its gradient at `E`.
    slope: Option<Rc<(f64, DMatrix<f64>)>>,
    ptd: Option<Rc<Modes>>,
    ptd_transfer: Rc<Vec<C>>,
    ptd_output: Rc<Vec<f64>>,
    direct: Option<Rc<Modes>>,
    direct_transfer: Rc<Vec<C>>,
    swept: Vec<Swept>,
    /// `log₁₀ (σ_min(zI − A)/‖A‖)` by rows from the real axis upwards.
    pseudospectrum: Vec<f64>,
}

impl PerturbThenDiagonalize {
    fn n(&self) -> usize {
        self.fixed.c.len()
    }

    /// `E` at another size.
    fn scaled(&self, epsilon: f64) -> DMatrix<f64> {
        &*self.e * (epsilon / self.fixed.setting.epsilon)
    }

    fn perturbed(&self, e: &DMatrix<f64>) -> DMatrix<f64> {
        &self.fixed.s4.system.a + e
    }

    /// Steps that an eigenproblem of this size may take.
    fn slices(n: usize) -> usize {
        (40 * n * n * n).div_ceil(WORK)
    }

    fn begin(&mut self, job: Job) {
        self.job = job;
        self.spent = 0;
        match job {
            Job::Main => self.problem = problem(&self.perturbed(&self.e)),
            Job::Descent(_) => self.problem = problem(&self.perturbed(&self.trial)),
            Job::Direct => self.problem = problem(&self.fixed.s4.system.a),
            Job::Sweep(index) => self.problem = problem(&self.perturbed(&self.scaled(sweep(index)))),
            Job::Done => {}
        }
    }

    /// Takes over what was diagonalised, and says what comes next.
    fn take(&mut self, modes: Option<Modes>) -> Job {
        let refining = self.fixed.setting.perturbation == Perturbation::Optimised;
        match self.job {
            Job::Main => {
                self.adopt(modes.map(Rc::new));
                if refining && self.descend() { Job::Descent(1) } else { Job::Direct }
            }
            Job::Descent(tried) => {
                let better = modes.filter(|modes| {
                    self.slope.as_ref().is_some_and(|slope| 0.5 * log(modes.inverse.norm_squared()) < slope.0)
                });
                match better {
                    Some(modes) => {
                        self.e = Rc::clone(&self.trial);
                        self.stride *= 1.5;
                        self.adopt(Some(Rc::new(modes)));
                    }
                    None => self.stride *= 0.4,
                }
                if tried < DESCENT && self.descend() { Job::Descent(tried + 1) } else { Job::Direct }
            }
            Job::Direct => {
                self.direct_transfer = Rc::new(modes.iter().flat_map(|m| m.transfer(&self.fixed.nodes)).collect());
                self.direct = modes.map(Rc::new);
                Job::Sweep(0)
            }
            Job::Sweep(index) => {
                if let Some(modes) = modes {
                    let error = apart(&modes.transfer(&self.fixed.nodes), &self.fixed.hippo);
                    self.swept.push(Swept { epsilon: sweep(index), error, condition: modes.condition });
                }
                if index + 1 < SWEEP { Job::Sweep(index + 1) } else { Job::Done }
            }
            Job::Done => Job::Done,
        }
    }

    /// The model of the visitor's ε.
    fn adopt(&mut self, modes: Option<Rc<Modes>>) {
        let fixed = Rc::clone(&self.fixed);
        self.ptd_transfer = Rc::new(modes.iter().flat_map(|m| m.transfer(&fixed.nodes)).collect());
        self.ptd_output = Rc::new(modes.iter().flat_map(|m| m.output(fixed.sample, &fixed.input)).collect());
        self.slope = modes.as_ref().map(|modes| Rc::new(condition_and_gradient(modes)));
        self.ptd = modes;
    }

    /// The next trial of the descent: against the gradient, back to the size `ε‖A‖`.
    fn descend(&mut self) -> bool {
        let Some(slope) = &self.slope else { return false };
        let (target, steep) = (self.fixed.setting.epsilon * self.fixed.norm, slope.1.norm());
        if !(steep > 0.0 && steep.is_finite()) {
            return false;
        }
        let moved = &*self.e - &slope.1 * (self.stride * self.e.norm() / steep);
        let scale = target / norm(&complex(&moved));
        self.trial = Rc::new(moved * scale);
        true
    }

    fn view(&self) -> [f64; 2] {
        let n = self.n() as f64;
        [-1.3 * n, 0.5 * n]
    }

    fn height(&self) -> f64 {
        0.9 * self.n() as f64
    }

    /// Two rows of the pseudospectrum, from the real axis upwards.
    fn spread(&mut self) {
        let ([left, right], top) = (self.view(), self.height());
        for _ in 0..2 {
            let row = self.pseudospectrum.len() / ACROSS;
            if row >= ABOVE {
                return;
            }
            let im = (row as f64 + 0.5) * top / ABOVE as f64;
            for column in 0..ACROSS {
                let re = left + (column as f64 + 0.5) * (right - left) / ACROSS as f64;
                let distance = smallest_singular_value(Complex::new(re, im), self.n());
                self.pseudospectrum.push(log10((distance / self.fixed.norm).max(1e-30)));
            }
        }
    }

    fn advance(&mut self) -> Progress {
        self.spread();
        if self.job != Job::Done {
            self.spent += 1;
            let last = self.spent >= Self::slices(self.n());
            if self.problem.advance(if last { u32::MAX } else { WORK as u32 }) {
                let pairs = std::mem::replace(&mut self.problem, ComplexEigen::new(Vec::new(), 0)).pairs();
                let modes = Modes::new(pairs, &self.fixed.s4.system.b, &self.fixed.c);
                let next = self.take(modes);
                self.begin(next);
            }
        }
        let over = self.job == Job::Done && self.pseudospectrum.len() >= ACROSS * ABOVE;
        if over { Progress::Done } else { Progress::Running }
    }

    fn ptd_error(&self) -> Option<f64> {
        self.ptd.as_ref().map(|_| apart(&self.ptd_transfer, &self.fixed.hippo))
    }
}

/// `ε` of the sweep.
fn sweep(index: usize) -> f64 {
    log_spaced(SWEEP_ENDS[0], SWEEP_ENDS[1], SWEEP)[index]
}

/// Two slow bumps.
fn slow(t: f64) -> f64 {
    let bump = |at: f64, width: f64| exp(-(t - at) * (t - at) / (width * width));
    bump(0.25 * SPAN, 0.1 * SPAN) - 0.7 * bump(0.65 * SPAN, 0.08 * SPAN)
}

impl Exhibit for PerturbThenDiagonalize {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let n = setting.state_size;
        let s4 = Dplr::legs(n);
        let draw = normal_matrix(n, n, rng);
        let c = match setting.read_out {
            ReadOut::Flat => vec![1.0 / (n as f64).sqrt(); n],
            ReadOut::First => (0..n).map(|i| f64::from(u8::from(i == 0))).collect(),
            ReadOut::Random => normals(n, rng).into_iter().map(|c| c / (n as f64).sqrt()).collect(),
        };
        let norm_a = norm(&complex(&s4.system.a));
        let e = &draw * (setting.epsilon * norm_a / norm(&complex(&draw)));

        let own = s4.lambda.iter().map(|lambda| lambda.im).filter(|im| *im > 0.0);
        let highest = own.clone().fold(1.0, f64::max);
        let mut frequencies: Vec<f64> =
            log_spaced(0.1, 10.0 * highest, FREQUENCIES).into_iter().chain(own.clone()).collect();
        frequencies.sort_by(f64::total_cmp);
        let nodes: Vec<C> = frequencies.iter().map(|w| Complex::new(0.0, *w)).collect();
        let b: Vec<C> = s4.system.b.iter().map(|b| Complex::new(*b, 0.0)).collect();
        let read = |x: Vec<C>| x.iter().zip(&c).map(|(x, c)| x * *c).sum::<C>();
        let hippo: Vec<C> = nodes.iter().map(|s| read(resolve(*s, &b))).collect();
        // The normal part with half the input: (C V)_n b_n / 2.
        let turned = s4.v.tr_mul(&DVector::from_iterator(n, c.iter().map(|c| Complex::new(*c, 0.0))));
        let weights: Vec<C> = turned.iter().zip(&s4.b).map(|(c, b)| c * b * 0.5).collect();
        let s4d = cauchy(&weights, &s4.lambda, &nodes);
        let errors = s4d.iter().zip(&hippo).zip(&frequencies).map(|((a, b), w)| (size(a - b), *w));
        let worst = errors.fold((0.0, 1.0), |worst, next| if next.0 > worst.0 { next } else { worst });

        let tone = if setting.tone == Tone::Peak { worst.1 } else { setting.frequency };
        // Sixteen samples to a period, if the signal's length allows.
        let sample = (2.0 * PI / (16.0 * tone)).min(SPAN / 1000.0).max(SPAN / SAMPLES as f64);
        let times = (0..(SPAN / sample) as usize).map(|k| k as f64 * sample);
        let input: Vec<f64> = times.map(|t| slow(t) + setting.amplitude * cos(tone * t)).collect();
        let dense = discretise(&s4.system, sample, Rule::ZeroOrderHold).ok_or_else(|| {
            Error::of("state-size", "the matrix exponential overflows at this size; choose a smaller one")
        })?;
        let hippo_output = dense.scan(&DVector::from_column_slice(&c), &input);
        let (diagonal, reads) = s4.diagonal();
        let read_out = reads.tr_mul(&DVector::from_iterator(n, c.iter().map(|c| Complex::new(*c, 0.0))));
        let s4d_output = diagonal.discretise(sample, Rule::ZeroOrderHold).scan(read_out.as_slice(), &input);

        let problem = problem(&(&s4.system.a + &e));
        let setting = setting.clone();
        let fixed = Fixed {
            setting,
            s4,
            c,
            norm: norm_a,
            frequencies,
            nodes,
            hippo,
            s4d,
            worst,
            tone,
            sample,
            input,
            hippo_output,
            s4d_output,
        };
        let e = Rc::new(e);
        Ok(Self {
            fixed: Rc::new(fixed),
            job: Job::Main,
            problem,
            spent: 0,
            trial: Rc::clone(&e),
            e,
            stride: 0.1,
            slope: None,
            ptd: None,
            ptd_transfer: Rc::new(Vec::new()),
            ptd_output: Rc::new(Vec::new()),
            direct: None,
            direct_transfer: Rc::new(Vec::new()),
            swept: Vec::new(),
            pseudospectrum: Vec::new(),
        })
    }

    fn length(&self) -> usize {
        let descent = if self.fixed.setting.perturbation == Perturbation::Optimised { DESCENT } else { 0 };
        ((2 + SWEEP + descent) * Self::slices(self.n())).max(ABOVE / 2)
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        self.advance()
    }

    fn figures(&self, figures: &mut Figures) {
        self.draw_transfer(figures);
        self.draw_errors(figures);
        self.draw_output(figures);
        self.draw_plane(figures);
        self.draw_sweep(figures);
        self.draw_table(figures);
    }

    fn claim(&self) -> Claim {
        let over = self.job == Job::Done;
        let settled = !matches!(self.job, Job::Main | Job::Descent(_));
        let ratio = self.ptd_error().map(|error| error / self.fixed.worst.0);
        let lost = (settled && self.ptd.is_none()).then_some(f64::NAN);
        let points =
            self.swept.iter().filter(|s| s.epsilon > SLOPE_ENDS[0] && s.epsilon < SLOPE_ENDS[1] && s.error > 0.0);
        let points: Vec<[f64; 2]> = points.map(|s| [log(s.epsilon), log(s.error)]).collect();
        let slope = LineFit::through(points.iter().copied()).map(|fit| fit.slope).or(over.then_some(f64::NAN));
        let condition = self.ptd.as_ref().map(|modes| modes.condition).or(lost);
        let abscissa = self.ptd.as_ref().map(|modes| modes.abscissa()).or(lost);
        Claim::new(vec![
            Clause::at_most(
                "At no frequency is the perturbed model further from LegS than {value} of S4D's greatest error; {high} is allowed.",
                ratio.or(lost),
                0.05,
            )
            .pending_while(!settled),
            Clause::within(
                "Its greatest error grows like ε to the power {value} from 10⁻⁵ to 10⁻³, between {low} and {high}.",
                slope,
                0.7,
                1.3,
            )
            .pending_while(!over),
            Clause::at_most("Its eigenvectors have condition number {value}; {high} is allowed.", condition, SAFE)
                .pending_while(!settled),
            Clause::at_most("Its rightmost eigenvalue has real part {value}: stable up to {high}.", abscissa, 0.0)
                .pending_while(!settled),
        ])
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default;
        vec![
            Scenario::holds(
                "default",
                "A thousandth",
                "The kicked model follows LegS at every frequency; S4D has a peak at each of its own.",
                default(),
            ),
            Scenario::holds(
                "optimised",
                "A chosen kick",
                "The same size of E, its direction improved by descent: better conditioned eigenvectors.",
                Setting { perturbation: Perturbation::Optimised, ..default() },
            ),
            Scenario::holds(
                "sixty-four",
                "N = 64, a smaller kick",
                "The norm of A grows like N², and a kick of ε‖A‖ with it: at twice the states a quarter of ε keeps its size.",
                Setting { state_size: 64, epsilon: 2.5e-4, ..default() },
            ),
            Scenario::fails(
                "too-much",
                "Three hundredths",
                "Closer than S4D still, yet eigenvalues lie in the right half-plane: the model is unstable.",
                Setting { epsilon: 3e-2, ..default() },
            ),
            Scenario::fails(
                "too-little",
                "Next to nothing",
                "With ε = 10⁻¹⁰ the eigenvectors are almost as useless as those of LegS itself.",
                Setting { epsilon: 1e-10, ..default() },
            ),
        ]
    }
}

impl PerturbThenDiagonalize {
    fn axes(&self) -> Axis {
        let ends = &self.fixed.frequencies;
        Axis::log("frequency ω").unit("rad per timescale").domain(ends[0], ends[ends.len() - 1])
    }

    fn draw_transfer(&self, figures: &mut Figures) {
        let caption = "Ink: LegS. S4D, its normal part, has a resonance at each of its eigenfrequencies; the perturbed model has none.";
        let mut figure = figures.figure("transfer", "How loud each frequency comes out", caption);
        figure.x(self.axes()).y(Axis::log("|G(iω)|"));
        let w = &self.fixed.frequencies;
        figure.line(w, self.fixed.s4d.iter().map(|g| size(*g).max(1e-12))).of("s4d");
        figure.line(w, self.fixed.hippo.iter().map(|g| size(*g).max(1e-12))).label("LegS");
        figure.line(w, self.ptd_transfer.iter().map(|g| size(*g).max(1e-12))).of("ptd").dashed();
    }

    fn draw_errors(&self, figures: &mut Figures) {
        let caption = "Distance of the transfer functions from that of LegS. What counts is the highest point.";
        let mut figure = figures.figure("errors", "How far from LegS", caption);
        figure.x(self.axes()).y(Axis::log("|G − G of LegS|").domain(1e-10, 1e3));
        let w = &self.fixed.frequencies;
        let rows = [("direct", &*self.direct_transfer), ("s4d", &self.fixed.s4d), ("ptd", &*self.ptd_transfer)];
        for (contender, transfer) in rows {
            let apart = transfer.iter().zip(&self.fixed.hippo).map(|(a, b)| size(a - b).clamp(1e-10, 1e3));
            figure.line(w, apart).of(contender);
        }
    }

    fn draw_output(&self, figures: &mut Figures) {
        let Fixed { tone, sample, .. } = *self.fixed;
        let caption = format!(
            "Outputs for two slow bumps and a tone at ω = {tone:.1}: each band spans what an output does within a two-hundredth \
             of the time. Beyond ±{CLIP} it is cut."
        );
        let mut figure = figures.figure("output", "A slow signal and a tone", caption);
        figure.x(Axis::linear("time").unit("timescales").domain(0.0, SPAN)).y(Axis::linear("output"));
        let band = |output: &[f64]| {
            let stretch = output.len().div_ceil(STRETCHES).max(1);
            let ends = output.chunks(stretch).map(|part| {
                let clip = |x: f64| x.clamp(-CLIP, CLIP);
                let low = part.iter().copied().fold(f64::INFINITY, f64::min);
                let high = part.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                (clip(low), clip(high))
            });
            let (low, high): (Vec<f64>, Vec<f64>) = ends.unzip();
            let times: Vec<f64> = (0..low.len()).map(|k| (k as f64 + 0.5) * stretch as f64 * sample).collect();
            (times, low, high)
        };
        let [s4d, hippo, ptd] = [&self.fixed.s4d_output, &self.fixed.hippo_output, &*self.ptd_output].map(|y| band(y));
        figure.band(&s4d.0, &s4d.1, &s4d.2).of("s4d").faint();
        figure.band(&ptd.0, &ptd.1, &ptd.2).of("ptd").faint();
        figure.line(&hippo.0, &hippo.1).label("LegS");
        figure.line(&hippo.0, &hippo.2);
    }

    fn draw_plane(&self, figures: &mut Figures) {
        let caption = "Shading: how large a perturbation must be, relative to A, to put an eigenvalue there (log₁₀). The eigenvalues of LegS \
                       are the integers −1 to −N.";
        let mut figure = figures.figure("plane", "Spectra and pseudospectrum", caption);
        let ([left, right], top) = (self.view(), self.height());
        figure.x(Axis::linear("real part").domain(left, right)).y(Axis::linear("imaginary part").domain(-top, top));
        let rows = self.pseudospectrum.len() / ACROSS;
        if rows > 0 {
            let reach = rows as f64 * top / ABOVE as f64;
            // The spectrum is symmetric about the real axis.
            let below = self.pseudospectrum.chunks_exact(ACROSS).rev().flatten();
            let values: Vec<f64> = below.chain(&self.pseudospectrum).map(|x| x.max(-12.0)).collect();
            let grid = Grid { values: &values, columns: ACROSS, x: [left, right], y: [-reach, reach] };
            figure.raster(grid, Colors::sequential("log₁₀ of relative size").domain(-12.0, 0.0));
            let level = log10(self.fixed.setting.epsilon);
            if level > -12.0 {
                figure.contour(grid, &[level], None).ink(Ink::Strong).label("ε");
            }
        }
        figure.rule_x([0.0]).dashed();
        let inside = |z: &&C| z.re > left && z.re < right && z.im.abs() < top;
        let s4d: Vec<&C> = self.fixed.s4.lambda.iter().filter(inside).collect();
        figure.dot(s4d.iter().map(|z| z.re), s4d.iter().map(|z| z.im)).of("s4d").symbol(Symbol::Square);
        let own: Vec<f64> = (1..=self.n()).map(|n| -(n as f64)).collect();
        figure.dot(&own, vec![0.0; own.len()]).symbol(Symbol::Cross).label("LegS").radius(2.5);
        for (contender, modes) in [("direct", &self.direct), ("ptd", &self.ptd)] {
            let shown: Vec<C> = modes.iter().flat_map(|modes| modes.lambda.iter().filter(inside).copied()).collect();
            figure.dot(shown.iter().map(|z| z.re), shown.iter().map(|z| z.im)).of(contender);
        }
    }

    fn draw_sweep(&self, figures: &mut Figures) {
        let epsilon = self.fixed.setting.epsilon;
        let shown = epsilon >= 5e-7;
        let left = if shown { "" } else { " Your ε lies further left." };
        let caption = format!(
            "The same direction of E at eleven sizes: less kick is a smaller error and a larger condition number.{left}"
        );
        let mut figure = figures.figure("sweep", "Faithful or well conditioned", caption);
        figure.x(Axis::log("ε").domain(5e-7, 2e-1)).y(Axis::log("greatest error; κ(V)").domain(1e-6, 1e8));
        let epsilons = || self.swept.iter().map(|s| s.epsilon);
        let kept = |x: f64| x.clamp(1e-6, 1e8);
        figure.line(epsilons(), self.swept.iter().map(|s| kept(s.error))).of("ptd");
        figure.dot(epsilons(), self.swept.iter().map(|s| kept(s.error))).of("ptd").label("greatest error");
        let conditions = self.swept.iter().map(|s| kept(s.condition));
        figure.dot(epsilons(), conditions).symbol(Symbol::Ring).radius(4.0).label("κ(V)");
        figure.rule_y([self.fixed.worst.0]).ink(Ink::Muted).dashed().label("greatest error of S4D");
        if shown {
            figure.rule_x([epsilon]).ink(Ink::Accent).label("ε of the run");
        }
    }

    fn draw_table(&self, figures: &mut Figures) {
        let caption = "Errors are the greatest over all frequencies. S4D's condition is 1: a normal matrix has orthogonal eigenvectors.";
        let mut figure = figures.figure("table", "In numbers", caption);
        let number = |x: Option<f64>| x.map_or_else(|| "none".to_owned(), |x| numeral(x, 1));
        let abscissa = |x: Option<f64>| x.map_or_else(|| "none".to_owned(), |x| format!("{x:.2}").replace('-', "−"));
        let direct = self.direct.as_ref().map(|_| apart(&self.direct_transfer, &self.fixed.hippo));
        let modes = [&self.ptd, &self.direct];
        let [ptd, of_direct] = modes.map(|m| m.as_ref().map(|m| m.condition));
        let [ptd_re, direct_re] = modes.map(|m| m.as_ref().map(|m| m.abscissa()));
        figure
            .table()
            .words("model", CARD.contenders.iter().map(|c| c.label))
            .words("error", [self.ptd_error(), Some(self.fixed.worst.0), direct].map(number))
            .words("κ(V)", [ptd, Some(1.0), of_direct].map(number))
            .words("rightmost", [ptd_re, Some(-0.5), direct_re].map(abscissa));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_kernels::math::sin;
    use orrery_reference::{list, number, numbers, vectors};
    use proptest::prelude::{prop, prop_assert, proptest};

    fn solved(m: &DMatrix<f64>) -> Modes {
        let mut eigen = problem(m);
        while !eigen.advance(u32::MAX) {}
        let n = m.nrows();
        Modes::new(eigen.pairs(), &DVector::from_element(n, 1.0), &vec![1.0; n]).expect("independent eigenvectors")
    }

    #[test]
    fn the_resolvent_undoes_the_matrix_and_its_adjoint_is_its_adjoint() {
        let (n, z) = (9, Complex::new(0.3, -2.0));
        let v: Vec<C> = (0..n).map(|i| Complex::new(sin(i as f64), cos(3.0 * i as f64))).collect();
        let u: Vec<C> = (0..n).map(|i| Complex::new(1.0, i as f64)).collect();
        let x = DVector::from_vec(resolve(z, &v));
        let a = complex(&Dplr::legs(n).system.a);
        let back = &x * z - a * &x;
        assert!(back.iter().zip(&v).all(|(a, b)| size(a - b) < 1e-12));
        // ⟨u, R v⟩ = ⟨R* u, v⟩
        let inner = |a: &[C], b: &[C]| a.iter().zip(b).map(|(a, b)| a.conj() * b).sum::<C>();
        let gap = inner(&u, &resolve(z, &v)) - inner(&resolve_adjoint(z, &u), &v);
        assert!(size(gap) < 1e-11);
    }

    #[test]
    fn the_smallest_singular_value_is_that_of_a_decomposition() {
        for z in [Complex::new(1.0, 3.0), Complex::new(-4.0, 0.5), Complex::new(0.0, 20.0)] {
            let n = 12;
            let m = DMatrix::from_diagonal_element(n, n, z) - complex(&Dplr::legs(n).system.a);
            let expected = m.singular_values().min();
            assert!((smallest_singular_value(z, n) / expected - 1.0).abs() < 1e-3);
        }
    }

    proptest! {
        #[test]
        fn the_gradient_of_the_condition_is_its_slope(entries in prop::collection::vec(-1.0_f64..1.0, 50)) {
            let (a, along) = entries.split_at(25);
            // Well separated eigenvalues, so that differences are exact enough.
            let a = DMatrix::from_column_slice(5, 5, a) + DMatrix::from_fn(5, 5, |i, j| if i == j { 4.0 * i as f64 } else { 0.0 });
            let along = DMatrix::from_column_slice(5, 5, along);
            let at = |t: f64| condition_and_gradient(&solved(&(&a + &along * t)));
            let h = 1e-5;
            let expected = (at(h).0 - at(-h).0) / (2.0 * h);
            let found = at(0.0).1.dot(&along);
            prop_assert!((found - expected).abs() < 1e-6 * (1.0 + expected.abs()), "{found} {expected}");
        }
    }

    /// `tests/reference/diagonal.py` made them: dense solves, decompositions and `dlsim` on the same `A + E`.
    #[test]
    fn transfer_function_spectrum_and_output_are_those_of_numpy_and_scipy() {
        let file = include_str!("../../../../tests/reference/diagonal.json");
        for case in list(&vectors(file)["perturbed"]) {
            let (number, numbers) = (|name: &str| number(&case[name]), |name: &str| numbers(&case[name]));
            let n = number("n") as usize;
            let system = Dplr::legs(n).system;
            let a = &system.a + DMatrix::from_row_slice(n, n, &numbers("e"));
            assert!((norm(&complex(&system.a)) / number("norm") - 1.0).abs() < 1e-9);
            let mut eigen = problem(&a);
            while !eigen.advance(u32::MAX) {}
            let c = vec![1.0 / (n as f64).sqrt(); n];
            let modes = Modes::new(eigen.pairs(), &system.b, &c).expect("independent eigenvectors");
            let at: Vec<C> = numbers("at").into_iter().map(|w| Complex::new(0.0, w)).collect();
            let expected = numbers("re").into_iter().zip(numbers("im")).map(|(re, im)| Complex::new(re, im));
            let error = modes.transfer(&at).into_iter().zip(expected).map(|(a, b)| size(a - b)).fold(0.0, f64::max);
            println!("N = {n}: transfer function {error:.1e}");
            // Rounding is magnified by the condition of the eigenvectors.
            assert!(error < 1e-15 * number("condition") * n as f64, "{error:e}");
            assert!((modes.condition / number("condition") - 1.0).abs() < 1e-2);
            assert!((modes.abscissa() - number("abscissa")).abs() < 1e-9);
            for (s, expected) in at.iter().zip(numbers("smallest")) {
                assert!((smallest_singular_value(*s, n) / expected - 1.0).abs() < 1e-3);
            }
            let y = modes.output(number("step"), &numbers("u"));
            let error = y.iter().step_by(20).zip(numbers("y")).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            println!("N = {n}: output {error:.1e}");
            assert!(error < 1e-9, "{error:e}");
        }
    }

    /// Backward stability: G moves by at most ‖C R‖ ‖E‖ ‖R' B‖ with the two resolvents.
    #[test]
    fn the_error_is_bounded_by_the_resolvents() {
        let mut exhibit = PerturbThenDiagonalize::new(&Setting::default(), &mut Rng::seed_from_u64(3)).expect("a run");
        while exhibit.job == Job::Main {
            exhibit.advance();
        }
        let fixed = &exhibit.fixed;
        let b: Vec<C> = fixed.s4.system.b.iter().map(|b| Complex::new(*b, 0.0)).collect();
        let c: Vec<C> = fixed.c.iter().map(|c| Complex::new(*c, 0.0)).collect();
        let perturbed = complex(&exhibit.perturbed(&exhibit.e));
        let length = |v: &[C]| v.iter().map(|v| v.norm_sqr()).sum::<f64>().sqrt();
        let budget = fixed.setting.epsilon * fixed.norm;
        for k in (0..fixed.nodes.len()).step_by(300) {
            let s = fixed.nodes[k];
            let left = length(&resolve_adjoint(s, &c));
            let m = DMatrix::from_diagonal_element(32, 32, s) - &perturbed;
            let right = m.lu().solve(&DVector::from_vec(b.clone())).expect("no eigenvalue on the axis").norm();
            let error = size(exhibit.ptd_transfer[k] - fixed.hippo[k]);
            assert!(error <= 1.01 * left * budget * right + 1e-9, "{k}: {error:e}");
        }
    }

    #[test]
    fn descent_keeps_the_size_of_the_kick_and_lowers_the_condition() {
        let setting = Setting { perturbation: Perturbation::Optimised, state_size: 16, ..Setting::default() };
        let mut exhibit = PerturbThenDiagonalize::new(&setting, &mut Rng::seed_from_u64(5)).expect("a run");
        while exhibit.job == Job::Main {
            exhibit.advance();
        }
        let before = exhibit.slope.clone().expect("a start").0;
        while exhibit.advance() == Progress::Running {}
        assert!(exhibit.slope.clone().expect("an end").0 < before - 0.1);
        let size = norm(&complex(&exhibit.e)) / exhibit.fixed.norm;
        assert!((size / 1e-3 - 1.0).abs() < 1e-2, "{size}");
    }
}
