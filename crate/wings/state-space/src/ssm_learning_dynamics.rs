//! A linear state-space model $x_t=ax_{t-1}+bu_t,\;y_t=cx_t$ learns from a teacher by gradient descent. In time every step
//! feeds the next and the loss looks tangled. In frequency it falls apart:
//! $$L=\tfrac12\sum_k\Bigl|Y_k-\sum_i\frac{c_ib_i}{1-a_ie^{-i\omega_k}}U_k\Bigr|^2 .$$
//! Hold the pole $a$ fixed, write $X_k=U_k/(1-ae^{-i\omega_k})$, and only two numbers of the data are left,
//! $\sigma_{xx}=\sum|X_k|^2$ and $\sigma_{yx}=\mathrm{Re}\sum\overline{X_k}Y_k$:
//! $$\dot b=c\,(\sigma_{yx}-w\sigma_{xx}),\quad\dot c=b\,(\sigma_{yx}-w\sigma_{xx}),$$
//! $$w=\textstyle\sum_ic_ib_i .$$
//! That is a two-layer linear network. Begun with $b=c$ it is solved: $w$ follows a logistic curve to
//! $w_\infty=\sigma_{yx}/\sigma_{xx}$, with half of it reached at $\frac1{2\sigma_{yx}}\log(\frac{w_\infty}{Nw_0}-1)$.
//!
//! **What you see.** The curve is that formula, the rings are gradient descent, the other lines are a linear network on the
//! filtered samples and backpropagation through time. The latter starts in silence, where the Fourier picture has
//! the input go round in a circle; that edge changes both numbers by about a percent, and a plateau remembers it.
//! Extra latents raise only the start $Nw_0$ and so shorten the plateau by a logarithm; the rise itself keeps its shape.
//!
//! **Try** another spectrum. All frequencies are learnt on *one* clock, set by their total cross-power: the map
//! fades everywhere at once. (One might expect the loudest to be learnt first; that needs latents with different poles.)
//! Move the student's pole away from the teacher's, or give the teacher more poles: the formula holds as well, for it never
//! asks what the teacher is, but the map then keeps what one pole cannot say.
//!
//! **Where it stops.** An unbalanced start: $b^2-c^2$ never changes, and a large $b$ means no plateau. A learnt
//! pole: the numbers $\sigma$ now move along. A large step: descent lags behind its flow by $\eta\sigma_{yx}/2$ of the time, which the
//! plateau turns into a large ratio.
//!
//! **Made definite.** One input of 256 samples with random phases and mean power 1, full batch. The $N$-law is worked out here, for
//! a start of $w_0$ each; the latents' shares of $Nw_0$ are random, which changes nothing. If the teacher's answer has the opposite sign,
//! $c$ starts negative.

use orrery_core::figure::{Ink, Symbol};
use orrery_core::prelude::*;
use orrery_kernels::fft::{RealFft, Roots, Spectrum};
use orrery_kernels::linalg::Complex;
use orrery_kernels::math::{PI, TAU, cos, exp, log, sin};
use std::rc::Rc;

const CARD: Card = Card {
    slug: "ssm-learning-dynamics",
    title: "Towards a theory of learning dynamics in deep state space models",
    year: 2024,
    lists: &[2],
    claim: "With its pole fixed, a linear SSM learns along the logistic curve of a two-layer linear network.",
    algorithms: &[
        "linear state space model",
        "gradient descent",
        "frequency domain",
        "deep linear network",
        "backpropagation through time",
        "learning dynamics",
        "over-parameterisation",
    ],
    contenders: &[
        Contender::paper("closed", "closed form"),
        Contender::baseline("frequency", "descent, by frequency"),
        Contender::baseline("bptt", "backpropagation through time"),
        Contender::baseline("network", "two-layer linear network"),
    ],
};

/// How the input's power lies over the frequencies.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Input {
    /// The same everywhere.
    #[choice("white")]
    White,
    /// Inversely proportional to the frequency.
    #[choice("1/f")]
    Pink,
    /// A low and a high tone of equal power.
    #[choice("two tones")]
    TwoTone,
    /// The visitor's.
    #[choice("drawn")]
    Drawn,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Settings {
    /// Which frequencies the input has.
    #[control(label = "input spectrum", default = Input::White)]
    pub spectrum: Input,
    /// Draw the amplitude over the frequency, in cycles per sample.
    #[control(label = "amplitude", samples = 64, domain = 0.0..=0.5, range = 0.0..=1.0, when = ("spectrum", "drawn"), default = a_bump())]
    pub amplitude: Curve,
    /// The teacher's pole: how much of its state it keeps from one sample to the next.
    #[control(label = "teacher pole", range = -0.99..=0.99, default = 0.8)]
    pub teacher_pole: f64,
    /// How many poles the teacher has. The further ones are −0.5, 0.6 and −0.9 times the first, all with equal weight.
    #[control(label = "teacher order", range = 1..=4, default = 1)]
    pub teacher_order: usize,
    /// The pole of every latent of the student.
    #[control(label = "student pole a", range = -0.99..=0.99, default = 0.8)]
    pub student_pole: f64,
    /// The product cb of each latent at the start.
    #[control(label = "initial weight w₀", range = 1e-6..=0.1, log, default = 1e-4)]
    pub initial_weight: f64,
    /// The ratio b/c at the start, with their product kept. The closed form is for 1.
    #[control(label = "imbalance b/c", range = 1.0..=1e6, log, default = 1.0)]
    pub imbalance: f64,
    /// How many latents the student has.
    #[control(label = "latents N", range = 1..=64, log, default = 4)]
    pub latents: usize,
    /// Whether the poles are learnt as well, kept within 0.99 in size.
    #[control(label = "learn a", default = false)]
    pub learn_pole: bool,
    /// The step of gradient descent; time is steps times this.
    #[control(label = "learning rate", range = 1e-5..=0.1, log, default = 1e-3)]
    pub learning_rate: f64,
}

fn a_bump() -> Curve {
    Curve((0..64).map(|i| 0.5 + 0.45 * cos(PI * f64::from(i - 16) / 24.0)).collect())
}

/// Samples, and the frequencies 0 to 1/2.
const SAMPLES: usize = 256;
const FREQUENCIES: usize = SAMPLES / 2 + 1;
/// Steps of the run; each is as many descent steps as it takes.
const STEPS: usize = 200;
/// The longest run, in nanoseconds as estimated.
const PATIENCE: f64 = 2.5e9;
/// The students whose half-times are measured.
const SIZES: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];
/// Those of the claim.
const CLAIMED: [usize; 4] = [1, 4, 16, 64];
/// A learnt pole stays within this.
const POLE_LIMIT: f64 = 0.99;
/// Rows of the map, each of so many frequencies.
const BAND: usize = 2;
const BANDS: usize = SAMPLES / 2 / BAND;
/// Cells of the loss surface, each way.
const CELLS: usize = 40;
/// Further starts on the loss surface, in units of √w∞.
const STARTS: [[f64; 2]; 5] = [[1.25, -0.35], [0.55, -0.45], [-0.2, 0.9], [1.25, 1.2], [0.08, 0.7]];

type C64 = Complex<f64>;

/// One input, and what the teacher makes of it.
struct Data {
    /// `e^{−iω_k}`.
    z: Vec<C64>,
    /// How often a coefficient counts: the negative frequencies are not stored.
    count: Vec<f64>,
    /// Fourier coefficients over the number of samples, so that sums over k are means over time: of the input, of the
    /// teacher's answer, and of the input as the student's first pole filters it.
    u: Vec<C64>,
    y: Vec<C64>,
    x: Vec<C64>,
    /// The same three in time, going round in a circle.
    input: Vec<f64>,
    circular: [Vec<f64>; 2],
    /// The teacher's answer when it starts in silence.
    target: Vec<f64>,
    /// `σ_xx`, `σ_yx`.
    sigma_xx: f64,
    sigma_yx: f64,
}

/// The poles of the teacher, all of equal weight.
fn teacher(settings: &Settings) -> Vec<f64> {
    [1.0, -0.5, 0.6, -0.9].iter().take(settings.teacher_order).map(|share| share * settings.teacher_pole).collect()
}

impl Data {
    fn new(settings: &Settings, rng: &mut Rng) -> Result<Self> {
        let amplitudes = (0..FREQUENCIES).map(|k| match settings.spectrum {
            Input::White => 1.0,
            Input::Pink if k == 0 => 0.0,
            Input::Pink => 1.0 / (k as f64).sqrt(),
            Input::TwoTone => f64::from(u8::from(k == 6 || k == 64)),
            Input::Drawn => {
                let drawn = &settings.amplitude.0;
                let at = k as f64 / (FREQUENCIES - 1) as f64 * (drawn.len() - 1) as f64;
                let (left, share) = (at.floor() as usize, at - at.floor());
                drawn[left] * (1.0 - share) + drawn[(left + 1).min(drawn.len() - 1)] * share
            }
        });
        let count: Vec<f64> = (0..FREQUENCIES).map(|k| if k == 0 || k == SAMPLES / 2 { 1.0 } else { 2.0 }).collect();
        // Random phases; the first and the last coefficient of a real signal are real.
        let mut u: Vec<C64> = amplitudes
            .enumerate()
            .map(|(k, amplitude)| {
                let turn: f64 = rng.random();
                let phase = if k == 0 || k == SAMPLES / 2 { PI * (2.0 * turn).floor() } else { TAU * turn };
                C64::new(amplitude * cos(phase), amplitude * sin(phase))
            })
            .collect();
        let power: f64 = u.iter().zip(&count).map(|(u, count)| count * u.norm_sqr()).sum();
        if power < 1e-6 {
            return Err(Error::of("amplitude", "this input is silent: draw it above zero somewhere"));
        }
        u.iter_mut().for_each(|u| *u /= power.sqrt());

        let roots = Roots::new(SAMPLES);
        let z: Vec<C64> = (0..FREQUENCIES as i64).map(|k| roots.at(-k)).collect();
        let poles = teacher(settings);
        let gain = 1.0 / poles.len() as f64;
        let answer = |(u, z): (&C64, &C64)| poles.iter().map(|p| u * gain / (1.0 - z * *p)).sum();
        let y: Vec<C64> = u.iter().zip(&z).map(answer).collect();
        let x: Vec<C64> = u.iter().zip(&z).map(|(u, z)| u / (1.0 - z * settings.student_pole)).collect();
        let sum = |a: &[C64], b: &[C64]| -> f64 {
            a.iter().zip(b).zip(&count).map(|((a, b), count)| count * (a.conj() * b).re).sum()
        };
        let (sigma_xx, sigma_yx) = (sum(&x, &x), sum(&x, &y));

        let mut plan = RealFft::new(SAMPLES);
        let mut in_time = |spectrum: &[C64]| {
            let scale = SAMPLES as f64;
            let (re, im) = spectrum.iter().map(|c| (c.re * scale, c.im * scale)).unzip();
            plan.samples(&Spectrum { re, im })
        };
        let (input, circular) = (in_time(&u), [in_time(&x), in_time(&y)]);
        let mut states = vec![0.0; poles.len()];
        let target = input.iter().map(|u| {
            states.iter_mut().zip(&poles).for_each(|(state, pole)| *state = pole * *state + u);
            gain * states.iter().sum::<f64>()
        });
        let target = target.collect();
        Ok(Self { z, count, u, y, x, input, circular, target, sigma_xx, sigma_yx })
    }
}

/// A student: the poles, input and output weights of its latents.
#[derive(Clone)]
struct Student {
    a: Vec<f64>,
    b: Vec<f64>,
    c: Vec<f64>,
    /// When its weights left all bounds.
    blown: bool,
}

/// The derivatives of the loss by the poles (if they are learnt) and weights, with the sign of descent.
struct Descent {
    a: Vec<f64>,
    b: Vec<f64>,
    c: Vec<f64>,
}

impl Student {
    /// `w = Σ c_i b_i`
    fn weight(&self) -> f64 {
        self.b.iter().zip(&self.c).map(|(b, c)| b * c).sum()
    }

    /// Where all latents have one pole they share one error signal `s`: `ḃ_i = c_i s`, `ċ_i = b_i s`.
    fn shared(&self, s: f64) -> Descent {
        let times = |weights: &[f64]| weights.iter().map(|weight| weight * s).collect();
        Descent { a: Vec::new(), b: times(&self.c), c: times(&self.b) }
    }

    /// The loss by frequency, the pole fixed.
    fn by_frequency(&self, data: &Data) -> Descent {
        let w = self.weight();
        // s = Re Σ_k X_k* (Y_k − w X_k)
        let terms = data.x.iter().zip(&data.y).zip(&data.count);
        let s = terms.map(|((x, y), count)| {
            let [re, im] = [y.re - w * x.re, y.im - w * x.im];
            count * (x.re * re + x.im * im)
        });
        self.shared(s.sum())
    }

    /// The loss by frequency, every latent with its own pole.
    fn by_frequency_and_pole(&self, data: &Data) -> Descent {
        let n = self.b.len();
        let (mut a, mut s) = (vec![0.0; n], vec![0.0; n]);
        let mut responses = vec![C64::new(0.0, 0.0); n];
        for (((z, u), y), count) in data.z.iter().zip(&data.u).zip(&data.y).zip(&data.count) {
            let mut rest = *y;
            for (i, response) in responses.iter_mut().enumerate() {
                // g_ik = 1 / (1 − a_i e^{−iω_k})
                let (re, im) = (1.0 - self.a[i] * z.re, -self.a[i] * z.im);
                let size = 1.0 / (re * re + im * im);
                *response = C64::new(re * size, -im * size);
                rest -= *response * u * (self.c[i] * self.b[i]);
            }
            for (i, response) in responses.iter().enumerate() {
                // ∂Ŷ_k/∂(c_i b_i) = g_ik U_k, ∂Ŷ_k/∂a_i = c_i b_i e^{−iω_k} g_ik² U_k
                let x = response * u;
                s[i] += count * (x.re * rest.re + x.im * rest.im);
                let x = x * response * z;
                a[i] += count * self.c[i] * self.b[i] * (x.re * rest.re + x.im * rest.im);
            }
        }
        let times = |weights: &[f64]| weights.iter().zip(&s).map(|(weight, s)| weight * s).collect();
        Descent { a, b: times(&self.c), c: times(&self.b) }
    }

    /// Backpropagation through time from a silent start, the loss `(1/2T) Σ_t (y_t − ŷ_t)²`.
    fn through_time(&self, data: &Data) -> Descent {
        let n = self.b.len();
        let mut states = vec![0.0; (SAMPLES + 1) * n];
        let mut errors = Vec::with_capacity(SAMPLES);
        for (t, (u, y)) in data.input.iter().zip(&data.target).enumerate() {
            let (before, now) = states[t * n..(t + 2) * n].split_at_mut(n);
            let mut guess = 0.0;
            for i in 0..n {
                // x_t = a x_{t−1} + b u_t, ŷ_t = c x_t
                now[i] = self.a[i] * before[i] + self.b[i] * u;
                guess += self.c[i] * now[i];
            }
            errors.push((y - guess) / SAMPLES as f64);
        }
        let zeros = || vec![0.0; n];
        let (mut descent, mut adjoint) = (Descent { a: zeros(), b: zeros(), c: zeros() }, zeros());
        for t in (0..SAMPLES).rev() {
            let (before, now) = states[t * n..(t + 2) * n].split_at(n);
            for i in 0..n {
                // λ_t = a λ_{t+1} + c e_t
                adjoint[i] = self.a[i] * adjoint[i] + self.c[i] * errors[t];
                descent.a[i] += adjoint[i] * before[i];
                descent.b[i] += adjoint[i] * data.input[t];
                descent.c[i] += errors[t] * now[i];
            }
        }
        descent
    }

    /// A two-layer linear network on pairs of numbers, the filtered input and the answer: `ŷ = Σ c_i b_i x`.
    fn of_pairs(&self, data: &Data) -> Descent {
        let w = self.weight();
        let [xs, ys] = &data.circular;
        let s: f64 = xs.iter().zip(ys).map(|(x, y)| x * (y - w * x)).sum();
        self.shared(s / SAMPLES as f64)
    }

    fn step(&mut self, descent: &Descent, rate: f64, learn_pole: bool) {
        if learn_pole {
            for (a, slope) in self.a.iter_mut().zip(&descent.a) {
                *a = (*a + rate * slope).clamp(-POLE_LIMIT, POLE_LIMIT);
            }
        }
        self.b.iter_mut().zip(&descent.b).for_each(|(b, slope)| *b += rate * slope);
        self.c.iter_mut().zip(&descent.c).for_each(|(c, slope)| *c += rate * slope);
    }
}

/// A student on its way, and when it had learnt half.
#[derive(Clone)]
struct Run {
    student: Student,
    half_time: Option<f64>,
    path: Series,
}

/// The closed form.
#[derive(Clone, Copy)]
struct Logistic {
    /// `|σ_yx|`
    rate: f64,
    /// `w_∞ = σ_yx / σ_xx`
    end: f64,
    /// `w_0`, of one latent, with the sign of `σ_yx`.
    start: f64,
}

impl Logistic {
    /// `w(t) = w_∞ / (1 + (w_∞/(N w_0) − 1) e^{−2 σ_yx t})`
    fn at(&self, t: f64, n: usize) -> f64 {
        self.end / (1.0 + (self.end / (self.start * n as f64) - 1.0) * exp(-2.0 * self.rate * t))
    }

    /// `t = log(w_∞/(N w_0) − 1) / (2 σ_yx)`, unless it starts beyond half.
    fn half_time(&self, n: usize) -> Option<f64> {
        let ratio = self.end / (self.start * n as f64) - 1.0;
        (ratio > 1.0).then(|| log(ratio) / (2.0 * self.rate))
    }
}

/// The exhibit.
#[derive(Clone)]
pub struct SsmLearningDynamics {
    settings: Settings,
    data: Rc<Data>,
    logistic: Logistic,
    /// Descent steps of one step of the run, and in all.
    stride: usize,
    total: usize,
    done: usize,
    /// By frequency, through time, and the linear network.
    runs: [Run; 3],
    /// By frequency, for each of `SIZES`.
    sweep: Vec<Run>,
    /// The greatest distances from the closed form, and of the linear network from the student, both relative.
    deviation: f64,
    gap: f64,
    /// Power of the error in each band over that of the answer, a column for each second step.
    map: Vec<Rc<Vec<f64>>>,
    /// The paths from `STARTS`, and of the student itself, on the loss surface.
    paths: Vec<Vec<[f64; 2]>>,
}

impl SsmLearningDynamics {
    fn time(&self, steps: usize) -> f64 {
        self.settings.learning_rate * steps as f64
    }

    /// One descent step of every contender.
    fn descend(&mut self) {
        let (data, rate, learn) = (&self.data, self.settings.learning_rate, self.settings.learn_pole);
        let by_frequency = |student: &Student| {
            if learn { student.by_frequency_and_pole(data) } else { student.by_frequency(data) }
        };
        let half = 0.5 * self.logistic.end.abs();
        let (before, now) = (rate * self.done as f64, rate * (self.done + 1) as f64);
        let advance = |run: &mut Run, slope: &dyn Fn(&Student) -> Descent, learn: bool| {
            if run.student.blown {
                return;
            }
            let old = run.student.weight().abs();
            let descent = slope(&run.student);
            run.student.step(&descent, rate, learn);
            let new = run.student.weight().abs();
            run.student.blown = new.is_nan() || new > 1e6 * half.max(1.0);
            if run.half_time.is_none() && old < half && new >= half {
                run.half_time = Some(before + (now - before) * (half - old) / (new - old));
            }
        };
        let [frequency, bptt, network] = &mut self.runs;
        advance(frequency, &by_frequency, learn);
        advance(bptt, &|student| student.through_time(data), learn);
        advance(network, &|student| student.of_pairs(data), false);
        self.sweep.iter_mut().for_each(|run| advance(run, &by_frequency, learn));
        for path in &mut self.paths {
            // The same descent for one latent, from elsewhere.
            let Some([b, c]) = path.last_mut() else { continue };
            let s = data.sigma_yx - *b * *c * data.sigma_xx;
            [*b, *c] = [*b + rate * *c * s, *c + rate * *b * s];
        }
        self.done += 1;

        let [frequency, _, network] = &self.runs;
        let w = frequency.student.weight();
        let formula = self.logistic.at(now, self.settings.latents);
        let lost = frequency.student.blown || network.student.blown;
        let worst = |so_far: f64, value: f64| if lost || so_far.is_nan() { f64::NAN } else { so_far.max(value.abs()) };
        self.deviation = worst(self.deviation, w / formula - 1.0);
        self.gap = worst(self.gap, network.student.weight() / w - 1.0);
    }

    /// The map's next column: `Σ |Y_k − Ŷ_k|² / Σ |Y_k|²` over the frequencies of each band, the sum below over all.
    fn errors_by_band(&self) -> Vec<f64> {
        let (data, student) = (&self.data, &self.runs[0].student);
        let all: f64 = data.y.iter().zip(&data.count).map(|(y, count)| count * y.norm_sqr()).sum();
        let error = |k: usize| {
            let latents = student.a.iter().zip(&student.b).zip(&student.c);
            let guess: C64 = latents.map(|((a, b), c)| data.u[k] * (b * c) / (1.0 - data.z[k] * *a)).sum();
            data.count[k] * (data.y[k] - guess).norm_sqr() / all
        };
        let share = |band: usize| (0..BAND).map(|i| error(1 + band * BAND + i)).sum::<f64>();
        (0..BANDS).map(share).map(|share| if share.is_finite() { share } else { 0.0 }).collect()
    }

    /// `√Σ b_i²` and `±√Σ c_i²`: for a start in proportion, their product is `w`.
    fn place(&self) -> [f64; 2] {
        let student = &self.runs[0].student;
        let length = |weights: &[f64]| weights.iter().map(|weight| weight * weight).sum::<f64>().sqrt();
        [length(&student.b), self.logistic.end.signum() * length(&student.c)]
    }

    fn record(&mut self) {
        let t = self.time(self.done);
        for run in &mut self.runs {
            if !run.student.blown {
                run.path.push(t, run.student.weight());
            }
        }
        if self.map.len() * 2 * self.stride <= self.done {
            self.map.push(Rc::new(self.errors_by_band()));
        }
        // Where the path stands now, and a copy of it to go on from.
        let place = self.place();
        if let [student, others @ ..] = self.paths.as_mut_slice() {
            if !self.runs[0].student.blown {
                student.pop();
                student.extend([place, place]);
            }
            for path in others {
                path.extend(path.last().copied());
            }
        }
    }

    /// The worst relative error of the predicted half-times. A student that never got there has none.
    fn half_time_error(&self) -> Option<f64> {
        let open = self.done < self.total;
        let mut worst = None;
        for (run, n) in self.sweep.iter().zip(SIZES).filter(|(_, n)| CLAIMED.contains(n)) {
            let Some(predicted) = self.logistic.half_time(n) else { continue };
            let error = match run.half_time {
                Some(measured) => (measured / predicted - 1.0).abs(),
                None if open && !run.student.blown => continue,
                None => return Some(f64::NAN),
            };
            worst = Some(error.max(worst.unwrap_or(0.0)));
        }
        worst
    }
}

impl Exhibit for SsmLearningDynamics {
    const CARD: Card = CARD;
    type Controls = Settings;

    fn new(settings: &Settings, rng: &mut Rng) -> Result<Self> {
        let data = Data::new(settings, rng)?;
        let sign = data.sigma_yx.signum();
        let logistic = Logistic {
            rate: data.sigma_yx.abs(),
            end: data.sigma_yx / data.sigma_xx,
            start: sign * settings.initial_weight,
        };
        // Long enough for one latent to learn half, and to come within two percent of the end.
        let span = 1.15 * logistic.half_time(1).unwrap_or(0.0) + 2.0 / logistic.rate;
        let total = span / settings.learning_rate;
        let cost = if settings.learn_pole { 3e5 } else { 5e3 } + 1500.0 * settings.latents as f64;
        if !total.is_finite() || total * cost > PATIENCE {
            let message = format!(
                "learning would take {total:.0} steps of descent, more than a visitor waits for (here {:.0}): take a larger \
                 rate, or a student pole nearer the teacher's",
                PATIENCE / cost
            );
            return Err(Error::of("learning-rate", message));
        }
        let total = (total.ceil() as usize).max(1);

        // b_i = √(w_i r), c_i = ±√(w_i / r) with random shares w_i that sum to N w_0.
        let mut student = |n: usize| {
            let shares: Vec<f64> = (0..n).map(|_| 0.5 + rng.random::<f64>()).collect();
            let unit = settings.initial_weight * n as f64 / shares.iter().sum::<f64>();
            let scaled = |ratio: f64| shares.iter().map(move |share| (share * unit * ratio).sqrt());
            let (b, c) = (scaled(settings.imbalance), scaled(1.0 / settings.imbalance).map(|c| sign * c));
            Student { a: vec![settings.student_pole; n], b: b.collect(), c: c.collect(), blown: false }
        };
        let run = |student| Run { student, half_time: None, path: Series::new() };
        let main = student(settings.latents);
        let sweep = SIZES.iter().map(|&n| run(student(n))).collect();
        let unit = logistic.end.abs().sqrt();
        let starts = STARTS.iter().map(|[b, c]| vec![[b * unit, sign * c * unit]; 2]);
        let mut exhibit = Self {
            stride: total.div_ceil(STEPS),
            total,
            done: 0,
            runs: std::array::from_fn(|_| run(main.clone())),
            sweep,
            deviation: 0.0,
            gap: 0.0,
            map: Vec::new(),
            paths: std::iter::once(Vec::new()).chain(starts).collect(),
            data: Rc::new(data),
            logistic,
            settings: settings.clone(),
        };
        exhibit.record();
        Ok(exhibit)
    }

    fn length(&self) -> usize {
        self.total.div_ceil(self.stride)
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        for _ in 0..self.stride.min(self.total - self.done) {
            self.descend();
        }
        self.record();
        if self.done < self.total { Progress::Running } else { Progress::Done }
    }

    fn figures(&self, figures: &mut Figures) {
        self.draw_learning(figures);
        self.draw_map(figures);
        self.draw_half_times(figures);
        self.draw_surface(figures);
        self.draw_numbers(figures);
    }

    fn claim(&self) -> Claim {
        let open = self.done < self.total;
        let begun = (self.done > 0).then_some(());
        // Without a number there is a reason, and NaN, which no bound admits.
        let told = |text: &'static str, lack: &'static str, value: Option<f64>| {
            if value.is_some_and(f64::is_nan) { lack } else { text }
        };
        let (deviation, gap) = (begun.map(|()| self.deviation), begun.map(|()| self.gap));
        let whole = told(
            "Over the whole run w(t) leaves the closed form by at most {value} of itself (bound {high}).",
            "The steps are too large: descent blew up, and leaves every formula.",
            deviation,
        );
        let network = told(
            "A two-layer linear network with the same two numbers walks the same path: they differ by {value} (bound {high}).",
            "The linear network's path cannot be compared: descent blew up.",
            gap,
        );
        let half = told(
            "Half is learnt with 1, 4, 16 and 64 latents when the logarithmic law says, up to a share of {value} (bound {high}).",
            "With some number of latents half is never learnt.",
            self.half_time_error(),
        );
        let whole = Clause::at_most(whole, deviation, 0.02);
        let network = Clause::at_most(network, gap, 1e-9);
        let half = Clause::at_most(half, self.half_time_error(), 0.02);
        let mut clauses = vec![whole.holds_only_after(open), network.holds_only_after(open)];
        // Some starts lie beyond half for any number of latents.
        if self.logistic.half_time(1).is_some() {
            clauses.push(half.holds_only_after(open));
        }
        Claim::new(clauses)
    }

    fn scenarios() -> Vec<Scenario<Settings>> {
        let default = Settings::default;
        vec![
            Scenario::holds(
                "logistic",
                "A sigmoid, predicted",
                "White input, four latents with the teacher's pole: descent stays on the formula through plateau, rise and end.",
                default(),
            ),
            Scenario::holds(
                "other-teacher",
                "A teacher out of reach",
                "Four poles in the teacher and another one in the student: the loss stays high and the formula still holds.",
                Settings { teacher_order: 4, student_pole: 0.5, ..default() },
            ),
            Scenario::holds(
                "pink",
                "1/f input",
                "Low frequencies carry the power and a low-pass pole hears them: all is learnt sooner, on one clock.",
                Settings { spectrum: Input::Pink, learning_rate: 3e-4, ..default() },
            ),
            Scenario::fails(
                "unbalanced",
                "Unbalanced start",
                "b starts ten thousand times as large as c: no plateau, and the formula, which knows only their product, is late.",
                Settings { imbalance: 1e4, ..default() },
            ),
            Scenario::fails(
                "learnt-pole",
                "The pole is learnt",
                "Once the pole moves, the two numbers of the data move with it: the run overtakes the formula.",
                Settings { learn_pole: true, ..default() },
            ),
            Scenario::fails(
                "large-step",
                "A large step",
                "A step of 0.1 is no flow: on the plateau descent grows by (1 + ησ)² where the formula has e^{2ησ}.",
                Settings { learning_rate: 0.1, ..default() },
            ),
        ]
    }
}

impl SsmLearningDynamics {
    fn draw_learning(&self, figures: &mut Figures) {
        let blown = self.runs.iter().any(|run| run.student.blown);
        let mut caption =
            "What the student has learnt, w = Σ cᵢbᵢ: the formula, and gradient descent three ways. What leaves the figure lies on its edge.".to_owned();
        if blown {
            caption += " The steps are too large: descent blew up where a line ends.";
        }
        let mut figure = figures.figure("learning", "Plateau, rise, end", caption);
        let end = self.time(self.total);
        let top = 1.5 * self.logistic.end.abs().max(self.settings.initial_weight * self.settings.latents as f64);
        let (low, high) = if self.logistic.end > 0.0 { (0.0, top) } else { (-top, 0.0) };
        figure
            .x(Axis::linear("time, steps × learning rate").domain(0.0, end))
            .y(Axis::linear("weight w").domain(low, high));
        let times = || (0..=160).map(|i| end * f64::from(i) / 160.0);
        figure.line(times(), times().map(|t| self.logistic.at(t, self.settings.latents))).of("closed");
        let within = |w: f64| w.clamp(low, high);
        let [frequency, bptt, network] = &self.runs;
        figure.line(bptt.path.xs(), bptt.path.ys().map(within)).of("bptt");
        figure.line(network.path.xs(), network.path.ys().map(within)).of("network").dashed();
        let every = 5;
        figure
            .dot(frequency.path.xs().step_by(every), frequency.path.ys().map(within).step_by(every))
            .of("frequency")
            .symbol(Symbol::Ring);
        figure.rule_y([self.logistic.end]).dashed().label("w∞ = σyx / σxx");
    }

    fn draw_map(&self, figures: &mut Figures) {
        let caption = "Power of the error in each band of frequencies, over the power of the whole answer. With one pole, all fade on one clock. Blank: no power.";
        let mut figure = figures.figure("map", "The error by frequency", caption);
        let end = self.time(self.total);
        figure
            .x(Axis::linear("time, steps × learning rate").domain(0.0, end))
            .y(Axis::linear("frequency").unit("cycles per sample").domain(0.0, 0.5));
        let columns = self.map.len();
        let value = |i: usize| self.map[i % columns][i / columns];
        let values: Vec<f64> = (0..columns * BANDS).map(value).collect();
        let right = (self.time(self.stride) * 2.0 * columns as f64).min(end);
        let half = 0.5 / SAMPLES as f64;
        let grid = Grid { values: &values, columns, x: [0.0, right], y: [half, 0.5 + half] };
        figure.raster(grid, Colors::sequential("share of power").log().domain(1e-7, 1.0));
    }

    fn draw_half_times(&self, figures: &mut Figures) {
        let caption =
            "Time until half of w∞ is learnt, by the number of latents, each starting at w₀: measured, and by the law.";
        let mut figure = figures.figure("half-times", "Extra latents shorten the plateau", caption);
        let top = 1.2 * self.logistic.half_time(1).unwrap_or(0.0).max(0.5 / self.logistic.rate);
        figure.x(Axis::log("latents N").domain(0.9, 71.0)).y(Axis::linear("half-time").domain(0.0, top));
        let predicted = (0..=48).map(|i| exp(f64::from(i) / 48.0 * log(64.0)));
        let law = predicted.filter_map(|n| {
            let ratio = self.logistic.end / (self.logistic.start * n) - 1.0;
            (ratio > 1.0).then(|| (n, log(ratio) / (2.0 * self.logistic.rate)))
        });
        let (ns, ts): (Vec<f64>, Vec<f64>) = law.unzip();
        figure.line(ns, ts).of("closed");
        let measured = self.sweep.iter().zip(SIZES).filter_map(|(run, n)| Some((n as f64, run.half_time?)));
        let (ns, ts): (Vec<f64>, Vec<f64>) = measured.map(|(n, t)| (n, t.min(top))).unzip();
        figure.dot(ns, ts).of("frequency").symbol(Symbol::Ring).radius(4.0);
        if let Some(t) = self.runs[1].half_time {
            figure.dot([self.settings.latents as f64], [t.min(top)]).of("bptt");
        }
    }

    fn draw_surface(&self, figures: &mut Figures) {
        let caption = if self.settings.learn_pole {
            "The loss over b and c at the first pole, and the run's way. The pole moves, so the valley the run looks for is another one."
        } else {
            "The loss over b and c (their lengths, over all latents). Along each path b² − c² stays: the start decides where it ends."
        };
        let mut figure = figures.figure("surface", "Two weights, one valley", caption);
        let unit = self.logistic.end.abs().sqrt();
        let first = self.paths[0].first().map_or([0.0, 0.0], |place| *place);
        let size = 1.1 * (1.35 * unit).max(first[0].abs()).max(first[1].abs());
        let (low, high) = (-0.45 * size, size);
        let sign = self.logistic.end.signum();
        let [bottom, top] = if sign > 0.0 { [low, high] } else { [-high, -low] };
        figure.x(Axis::linear("b").domain(low, high)).y(Axis::linear("c").domain(bottom, top)).equal();
        let cell = |i: usize, from: f64, to: f64| from + (to - from) * (i as f64 + 0.5) / CELLS as f64;
        let value = |i: usize| {
            let w = cell(i % CELLS, low, high) * cell(i / CELLS, bottom, top);
            let share = w / self.logistic.end - 1.0;
            share * share
        };
        // The loss above its least, 1 at b = c = 0.
        let values: Vec<f64> = (0..CELLS * CELLS).map(value).collect();
        let grid = Grid { values: &values, columns: CELLS, x: [low, high], y: [bottom, top] };
        figure.contour(grid, &[0.02, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.5, 4.0, 8.0], None);
        let thin = |path: &[[f64; 2]]| path.iter().step_by(4).chain(path.last()).copied().collect::<Vec<_>>();
        let inside = |p: &[f64; 2]| p[0] >= low && p[0] <= high && p[1] >= bottom && p[1] <= top;
        for (i, path) in self.paths[1..].iter().enumerate() {
            let path: Vec<[f64; 2]> = thin(path).into_iter().filter(inside).collect();
            let line = figure.line(path.iter().map(|p| p[0]), path.iter().map(|p| p[1]));
            line.ink(Ink::Strong).faint();
            if i == 0 {
                line.label("from other starts");
            }
            let ends = path.last().copied().into_iter().collect::<Vec<_>>();
            figure.dot(ends.iter().map(|p| p[0]), ends.iter().map(|p| p[1])).ink(Ink::Strong).faint().radius(2.0);
        }
        let path: Vec<[f64; 2]> = thin(&self.paths[0]).into_iter().filter(inside).collect();
        figure.line(path.iter().map(|p| p[0]), path.iter().map(|p| p[1])).of("frequency");
        let ends = path.last().copied().into_iter().collect::<Vec<_>>();
        figure.dot(ends.iter().map(|p| p[0]), ends.iter().map(|p| p[1])).of("frequency");
    }

    fn draw_numbers(&self, figures: &mut Figures) {
        let caption = "The two numbers of the data, what follows from them, and where each descent stands. A half-time of 0: not reached yet.";
        let mut figure = figures.figure("numbers", "In numbers", caption);
        let mean = |student: &Student| student.a.iter().sum::<f64>() / student.a.len() as f64;
        let mut rows = vec![
            ("σxx".to_owned(), self.data.sigma_xx),
            ("σyx".to_owned(), self.data.sigma_yx),
            ("w∞".to_owned(), self.logistic.end),
            ("half-time, closed form".to_owned(), self.logistic.half_time(self.settings.latents).unwrap_or(0.0)),
        ];
        for (run, contender) in self.runs.iter().zip(&CARD.contenders[1..]) {
            rows.push((format!("half-time, {}", contender.label), run.half_time.unwrap_or(0.0)));
        }
        for (run, name) in self.runs.iter().zip(["by frequency", "through time"]) {
            rows.push((format!("mean pole, {name}"), mean(&run.student)));
        }
        let (names, values): (Vec<String>, Vec<f64>) = rows.into_iter().unzip();
        figure.table().words("quantity", names).numbers("value", values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_reference::{numbers, vectors};
    use proptest::prelude::{prop_assert, proptest};

    fn data(settings: &Settings) -> Data {
        Data::new(settings, &mut Rng::seed_from_u64(3)).unwrap()
    }

    fn student(n: usize, seed: u64) -> Student {
        let mut rng = Rng::seed_from_u64(seed);
        let mut weights = || (0..n).map(|_| rng.sample::<f64, _>(StandardNormal)).collect::<Vec<f64>>();
        let a = weights().iter().map(|a| a / (1.0 + a.abs())).collect();
        Student { a, b: weights(), c: weights(), blown: false }
    }

    fn worst(a: &[f64], b: &[f64]) -> f64 {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).map(|(a, b)| (a - b).abs() / (1.0 + b.abs())).fold(0.0, f64::max)
    }

    #[test]
    fn both_gradients_are_those_of_automatic_differentiation() {
        let stored = vectors(include_str!("../../../../tests/reference/linear_ssm.json"));
        let settings = Settings { teacher_order: 3, spectrum: Input::Pink, ..Settings::default() };
        let given = Data { input: numbers(&stored["input"]), target: numbers(&stored["target"]), ..data(&settings) };
        let mut plan = RealFft::new(SAMPLES);
        let coefficients = |x: &Spectrum<f64>| -> Vec<C64> {
            x.re.iter().zip(&x.im).map(|(re, im)| C64::new(*re, *im) / SAMPLES as f64).collect()
        };
        let given = Data {
            u: coefficients(&plan.spectrum(&given.input)),
            y: coefficients(&plan.spectrum(&given.target)),
            ..given
        };
        let [a, b, c] = ["a", "b", "c"].map(|name| numbers(&stored[name]));
        let student = Student { a, b, c, blown: false };
        let kinds = [("time", student.through_time(&given)), ("frequency", student.by_frequency_and_pole(&given))];
        for (kind, descent) in kinds {
            for (name, mine) in [("a", &descent.a), ("b", &descent.b), ("c", &descent.c)] {
                let theirs: Vec<f64> = numbers(&stored[kind][name]).iter().map(|slope| -slope).collect();
                let error = worst(mine, &theirs);
                println!("{kind}, {name}: {error:e}");
                assert!(error < 1e-12, "{kind}, {name}: {error:e}");
            }
        }
    }

    #[test]
    fn the_sum_over_frequencies_is_the_mean_over_time() {
        let settings = Settings { teacher_order: 4, student_pole: -0.3, ..Settings::default() };
        let data = data(&settings);
        let [x, y] = &data.circular;
        let mean = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / SAMPLES as f64;
        assert!((mean(&data.input, &data.input) - 1.0).abs() < 1e-12);
        assert!((mean(x, x) - data.sigma_xx).abs() < 1e-12 && (mean(x, y) - data.sigma_yx).abs() < 1e-12);
        // White power 1 through a pole p: σ_xx = 1 / (1 − p²), but for the circle's p^256.
        assert!((data.sigma_xx - 1.0 / (1.0 - 0.09)).abs() < 1e-12);
    }

    #[test]
    fn the_logistic_solves_its_equation_and_is_half_way_at_its_half_time() {
        let logistic = Logistic { rate: 2.5, end: 0.7, start: 1e-3 };
        let (t, h, n) = (0.9, 1e-5, 5);
        let slope = (logistic.at(t + h, n) - logistic.at(t - h, n)) / (2.0 * h);
        let w = logistic.at(t, n);
        // ẇ = 2 w (σ_yx − w σ_xx), σ_xx = σ_yx / w_∞
        assert!((slope - 2.0 * w * (2.5 - w * 2.5 / 0.7)).abs() < 1e-8);
        assert!((logistic.at(0.0, n) - 5e-3).abs() < 1e-15);
        assert!((logistic.at(logistic.half_time(n).unwrap(), n) - 0.35).abs() < 1e-14);
        assert!(logistic.half_time(400).is_none());
    }

    proptest! {
        #[test]
        fn descent_by_frequency_with_one_pole_is_the_general_one(seed in 0_u64..1000, pole in -0.9..0.9) {
            let settings = Settings { student_pole: pole, teacher_order: 2, ..Settings::default() };
            let data = data(&settings);
            let one = Student { a: vec![pole; 3], ..student(3, seed) };
            let (shared, own) = (one.by_frequency(&data), one.by_frequency_and_pole(&data));
            prop_assert!(worst(&shared.b, &own.b) < 1e-10 && worst(&shared.c, &own.c) < 1e-10);
            let network = one.of_pairs(&data);
            prop_assert!(worst(&shared.b, &network.b) < 1e-10 && worst(&shared.c, &network.c) < 1e-10);
        }

        #[test]
        fn a_small_step_keeps_the_imbalance(seed in 0_u64..1000) {
            // b² − c² changes only to second order in the step.
            let data = data(&Settings::default());
            let mut one = Student { a: vec![0.8], ..student(1, seed) };
            let imbalance = |s: &Student| s.b[0] * s.b[0] - s.c[0] * s.c[0];
            let (before, descent) = (imbalance(&one), one.by_frequency(&data));
            let size = descent.b[0] * descent.b[0] + descent.c[0] * descent.c[0];
            one.step(&descent, 1e-4, false);
            prop_assert!((imbalance(&one) - before).abs() <= 1.01e-8 * size + 1e-14);
        }
    }
}
