//! An evolution strategy needs no derivative: kick the weights $M$ at random, see which kicks do well, step along their
//! average. With $N$ members, each kick of an $m\times n$ layer costs $mn$ random numbers, and a matrix that no other
//! member shares. EGGROLL kicks with a product of thin factors instead,
//!
//! $$E_i=\tfrac1{\sqrt r}A_iB_i^{\top},\qquad M\leftarrow M+\frac{\alpha}{N\sigma}\sum_i\tilde f_iE_i,$$
//!
//! $A_i$ of $m\times r$ and $B_i$ of $n\times r$ normal numbers. A forward pass is then the shared $xM^\top$ plus
//! $\frac{\sigma}{\sqrt r}(xB_i)A_i^\top$. The sum of many kicks of rank one has full rank all the same: the second figure
//! shows its singular values.
//!
//! Is it still the right step? Averages of products are: $E$ has the covariance of full noise at every $r$, so a linear
//! fitness cannot tell them apart. Beyond that it can: entries of $E$ have excess kurtosis $6/r$, and the mean update of a
//! curved fitness errs by $O(1/r)$. The third figure measures both by drawing such kicks for a $4\times4$ layer, beside a
//! quadrature that uses no draws.
//!
//! **Try** $r$ from 1 to 32: the curve hardly moves, the cost does. From $r=10$ on more is drawn than by full kicks.
//! Digits are learnt from whether answers are right, which has no gradient; Adam, which sees the cross-entropy, is
//! ahead. The integer task echoes the last symbol through a state of whole numbers from -127 to 127; at rank one it
//! stays some percent behind: 0.88 to 0.98 of full kicks on ten seeds, below the claim's 0.95 on six.
//!
//! **Where it stops.** On the quadratic at $\sigma=0.1$ rank one removes a good half of what full kicks do. Products of
//! normal numbers differ much in length; a long kick loses fitness in both its directions, and the ranking of the
//! population mistakes that for news. At $\sigma=0.03$, or with raw fitness, where the two members of a pair $\pm E$ cancel
//! what they share, the gap is gone. Digits lose a tenth to it at $\sigma=0.1$; at $0.03$ rank one is even ahead.
//!
//! As members come in pairs, the update has rank at most $rN/2$: with $N=8$ at most 4 of 32, and that clause fails. It does
//! *not* follow that this learns worse: eight full kicks span no more directions, and a step's variance is
//! $(m+2)(n+2)/(mn+2)$ times theirs, 1.13 here.
//!
//! **Scaled down:** networks of some thousand weights without biases, three repetitions of twenty or forty generations
//! (after twelve the ratio still scatters by a fifth), episodes of at most 200 steps. Figures count operations, not time.
//! Int8 is a grid of multiples of 1/64; updates are rounded to it at random.

use crate::curves::Curves;
use orrery_core::prelude::*;
use orrery_kernels::autodiff::Graph;
use orrery_kernels::data::digits;
use orrery_kernels::linalg::{DMatrix, LineFit, Real, View, matmul};
use orrery_kernels::math::{PI, cos, exp, lgamma, log, sin, tanh_wide};
use orrery_kernels::optim::{Adam, Optimizer};
use orrery_kernels::quadrature::gauss_legendre;
use orrery_kernels::random::{normals, permutation};
use std::rc::Rc;

const CARD: Card = Card {
    slug: "eggroll-lowrank-es",
    title: "Evolution Strategies at the Hyperscale",
    year: 2025,
    lists: &[0, 2],
    claim: "Evolution with kicks of rank one learns as full-rank kicks do, from a ninth of the random numbers.",
    algorithms: &[
        "EGGROLL",
        "evolution strategies",
        "low-rank perturbation",
        "antithetic sampling",
        "OpenAI-ES",
        "CartPole",
    ],
    contenders: &[
        Contender::paper("eggroll", "EGGROLL"),
        Contender::baseline("es", "full-rank ES"),
        Contender::baseline("adam", "Adam, by gradients"),
    ],
};

/// What is learnt.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Job {
    /// A pole on a cart, to be kept upright by pushing left or right; a network 4-32-32-2.
    #[choice("CartPole")]
    CartPole,
    /// Handwritten digits by the share of right answers; a network 64-32-10.
    #[choice("digits, 0/1 accuracy")]
    Digits,
    /// Say again the symbol before; a recurrent network of 16 whole numbers.
    #[choice("integer RNN")]
    Rnn,
    /// Find a 32 x 32 matrix by its squared error.
    #[choice("matrix quadratic")]
    Quadratic,
}

/// What becomes of the fitness of a population.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Shaping {
    /// Ranks, from -1/2 to 1/2.
    #[choice("rank")]
    Rank,
    /// Less the mean, over the deviation.
    #[choice("z-score")]
    ZScore,
    /// As it is.
    #[choice("raw")]
    Raw,
}

/// How weights are kept.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Precision {
    /// In single precision.
    #[choice("float32")]
    Float32,
    /// As multiples of 1/64 from -127 to 127, rounded at random.
    #[choice("int8")]
    Int8,
}

/// The greatest rank of a kick.
const MOST: usize = 32;

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// Columns of the factors of each kick.
    #[control(label = "rank r", range = 1..=MOST, default = 1)]
    pub rank: usize,
    /// Members of the population, in pairs. Above 512 there is one repetition instead of three.
    #[control(label = "population N", range = 8..=4096, log, default = 256)]
    pub population: usize,
    /// How far a kick goes.
    #[control(label = "σ", range = 1e-3..=1.0, log, default = 0.1)]
    pub sigma: f64,
    /// How far an update goes.
    #[control(label = "step α", range = 1e-3..=1.0, log, default = 0.05)]
    pub alpha: f64,
    /// What is learnt.
    #[control(label = "task", default = Job::CartPole)]
    pub task: Job,
    /// What becomes of the fitness before it weighs the kicks.
    #[control(label = "fitness shaping", default = Shaping::Rank)]
    pub shaping: Shaping,
    /// How weights are kept. The integer network's are always int8.
    #[control(label = "weights", default = Precision::Float32, when = ("task", ["cart-pole", "digits", "quadratic"]))]
    pub weights: Precision,
}

/// The kick of one layer. Matrices lie input by input, so that a forward pass adds up columns of $M$.
enum Kick {
    Full(Vec<f32>),
    /// $A$ and $B$, column by column.
    LowRank(Vec<f32>, Vec<f32>),
}

/// The grid of int8 weights.
const GRID: f32 = 64.0;

fn draw(count: usize, rng: &mut Rng) -> Vec<f32> {
    normals(count, rng).into_iter().map(|x| x as f32).collect()
}

/// The kicks of all layers, of a rank or full.
fn kicks(shapes: &[(usize, usize)], rank: Option<usize>, rng: &mut Rng) -> Vec<Kick> {
    let one = |&(m, n): &(usize, usize)| match rank {
        Some(r) => Kick::LowRank(draw(m * r, rng), draw(n * r, rng)),
        None => Kick::Full(draw(m * n, rng)),
    };
    shapes.iter().map(one).collect()
}

/// A member: the shared $M$, with its kick of the signed length $\pm\sigma$. Full kicks are added up beforehand.
struct Member<'a> {
    shapes: &'a [(usize, usize)],
    weights: &'a [Vec<f32>],
    kick: Option<(&'a [Kick], f32)>,
}

/// Entries `from` to `from + 4 K` of $Mx$, with $M$ column by column: sums that stay in registers.
fn add_columns<const K: usize>(columns: &[f32], x: &[f32], from: usize, y: &mut [f32]) {
    let mut sums = [0.0_f32.splat(); K];
    for (x, column) in x.iter().zip(columns.chunks_exact(y.len())) {
        // Behind a rectifier many are zero.
        if *x != 0.0 {
            let (x, column) = (x.splat(), column[from..from + 4 * K].chunks_exact(4));
            sums.iter_mut().zip(column).for_each(|(sum, w)| *sum += x * f32::load(w));
        }
    }
    sums.iter().zip(y[from..from + 4 * K].chunks_exact_mut(4)).for_each(|(sum, y)| f32::store(*sum, y));
}

impl Member<'_> {
    /// $y=Mx+\frac{\sigma}{\sqrt r}A(B^\top x)$.
    fn apply(&self, layer: usize, x: &[f32], y: &mut [f32]) {
        let (m, n) = self.shapes[layer];
        let columns = &self.weights[layer];
        let thin = self.kick.and_then(|(kicks, length)| match &kicks[layer] {
            Kick::LowRank(a, b) => Some((a, b, length / ((a.len() / m) as f32).sqrt())),
            Kick::Full(_) => None,
        });
        // σ/√r Bᵀx comes first: these sums of one number each are slow, and the product with M need not wait for them.
        let mut along = [0.0_f32; MOST];
        if let Some((_, b, length)) = thin {
            for (along, b) in along.iter_mut().zip(b.chunks_exact(n)) {
                *along = length * x.iter().zip(b).map(|(x, b)| x * b).sum::<f32>();
            }
        }
        let mut from = 0;
        while m - from >= 32 {
            add_columns::<8>(columns, x, from, y);
            from += 32;
        }
        while m - from >= 8 {
            add_columns::<2>(columns, x, from, y);
            from += 8;
        }
        for (i, y) in y.iter_mut().enumerate().skip(from) {
            let terms = x.iter().zip(columns.chunks_exact(m)).filter(|(x, _)| **x != 0.0);
            *y = terms.map(|(x, column)| x * column[i]).sum();
        }
        if let Some((a, ..)) = thin {
            for (a, along) in a.chunks_exact(m).zip(along) {
                y.iter_mut().zip(a).for_each(|(y, a)| *y += along * a);
            }
        }
    }

    /// Layers with rectifiers between them, from `x` to a choice: the greatest output.
    fn choose(&self, x: &[f32]) -> usize {
        let mut h = [[0.0_f32; 64]; 2];
        h[0][..x.len()].copy_from_slice(x);
        let mut size = x.len();
        for (layer, &(m, _)) in self.shapes.iter().enumerate() {
            let [x, y] = &mut h;
            if layer > 0 {
                x[..size].iter_mut().for_each(|x| *x = x.max(0.0));
            }
            self.apply(layer, &x[..size], &mut y[..m]);
            h.swap(0, 1);
            size = m;
        }
        greatest(&h[0][..size])
    }
}

fn greatest(x: &[f32]) -> usize {
    (1..x.len()).fold(0, |best, k| if x[k] > x[best] { k } else { best })
}

/// $M+\sigma E$ where the kick is full.
fn kicked(weights: &[Vec<f32>], kicks: &[Kick], length: f32) -> Option<Vec<Vec<f32>>> {
    let layer = |(w, kick): (&Vec<f32>, &Kick)| match kick {
        Kick::Full(e) => Some(w.iter().zip(e).map(|(w, e)| w + length * e).collect()),
        Kick::LowRank(..) => None,
    };
    weights.iter().zip(kicks).map(layer).collect()
}

/// Place and speed of the cart, angle and speed of the pole (Barto, Sutton and Anderson, "Neuronlike adaptive elements
/// that can solve difficult learning control problems", 1983), by Euler steps of 20 ms.
type CartPole = [f64; 4];

/// One step of it, pushed with 10 N to the right or to the left.
fn push(state: &mut CartPole, right: bool) {
    let [x, speed, angle, turning] = *state;
    let force = if right { 10.0 } else { -10.0 };
    let (s, c) = (sin(angle), cos(angle));
    // Cart 1 kg, pole 0.1 kg with its centre 0.5 m from the joint.
    let share = (force + 0.05 * turning * turning * s) / 1.1;
    let twist = (9.8 * s - c * share) / (0.5 * (4.0 / 3.0 - 0.1 * c * c / 1.1));
    let acceleration = share - 0.05 * twist * c / 1.1;
    *state = [x + 0.02 * speed, speed + 0.02 * acceleration, angle + 0.02 * turning, turning + 0.02 * twist];
}

/// Whether the cart is on its rail and the pole within twelve degrees.
fn upright(state: &CartPole) -> bool {
    state[0].abs() <= 2.4 && state[2].abs() <= 12.0 * PI / 180.0
}

/// The longest episode.
const LONGEST: usize = 200;
/// Symbols of the echo task, and their number in a sequence.
const SYMBOLS: usize = 4;
const WORD: usize = 9;
/// Its whole numbers.
const STATE: usize = 16;
/// Side of the matrix that is sought.
const SIDE: usize = 32;

/// What fitness is measured on, the same for all members of a generation.
enum Exam {
    Starts(Vec<CartPole>),
    Examples(Vec<usize>),
    Words(Vec<[usize; WORD]>),
    Whole,
}

struct Task {
    job: Job,
    /// Outputs and inputs of each layer.
    shapes: Vec<(usize, usize)>,
    pixels: Vec<f32>,
    labels: Vec<usize>,
    order: Vec<usize>,
    /// Inputs, and what the matrix that is sought makes of them.
    probes: Vec<f32>,
    aims: Vec<f32>,
}

/// Digits to learn from; the others are for the test.
const TRAIN: usize = 1400;
/// Digits in a generation's exam.
const BATCH: usize = 48;
/// Inputs on which the matrix is compared.
const PROBES: usize = 40;

impl Task {
    fn new(job: Job, rng: &mut Rng) -> Self {
        let shapes = match job {
            Job::CartPole => vec![(32, 4), (32, 32), (2, 32)],
            Job::Digits => vec![(32, 64), (10, 32)],
            Job::Rnn => vec![(STATE, SYMBOLS), (STATE, STATE), (SYMBOLS, STATE)],
            Job::Quadratic => vec![(SIDE, SIDE)],
        };
        let data = (job == Job::Digits).then(digits);
        let pixels = data.iter().flat_map(|data| data.features.iter().map(|x| (x / 16.0) as f32)).collect();
        let labels: Vec<usize> = data.map(|data| data.labels).unwrap_or_default();
        let order = permutation(labels.len(), rng);
        let (target, probes) = (draw(SIDE * SIDE, rng), draw(PROBES * SIDE, rng));
        let target: Vec<f32> = target.iter().map(|x| x / (SIDE as f32).sqrt()).collect();
        let aims = matmul(View::by_rows(&probes, PROBES, SIDE), View::by_rows(&target, SIDE, SIDE));
        Self { job, shapes, pixels, labels, order, probes, aims }
    }

    fn generations(&self) -> usize {
        match self.job {
            Job::CartPole | Job::Digits | Job::Rnn => 20,
            Job::Quadratic => 40,
        }
    }

    fn exam(&self, rng: &mut Rng, test: bool) -> Exam {
        match self.job {
            Job::CartPole => {
                let mut start = || [0; 4].map(|_| rng.random_range(-0.05..0.05));
                Exam::Starts((0..if test { 16 } else { 1 }).map(|_| start()).collect())
            }
            Job::Digits if test => Exam::Examples(self.order[TRAIN..].to_vec()),
            Job::Digits => {
                let any = |_| self.order[rng.random_range(0..TRAIN as u32) as usize];
                Exam::Examples((0..BATCH).map(any).collect())
            }
            Job::Rnn => {
                let mut word = || [0; WORD].map(|_| rng.random_range(0..SYMBOLS as u32) as usize);
                Exam::Words((0..if test { 64 } else { 10 }).map(|_| word()).collect())
            }
            Job::Quadratic => Exam::Whole,
        }
    }

    /// The fitness of a member, and how many forward passes it took.
    fn fitness(&self, member: &Member<'_>, exam: &Exam) -> (f64, f64) {
        match exam {
            Exam::Starts(starts) => {
                let steps: usize = starts.iter().map(|start| self.episode(member, *start, |_| ())).sum();
                (steps as f64 / starts.len() as f64, steps as f64)
            }
            Exam::Examples(examples) => {
                let right = |k: &&usize| member.choose(&self.pixels[64 * **k..64 * **k + 64]) == self.labels[**k];
                let count = examples.len() as f64;
                (examples.iter().filter(right).count() as f64 / count, count)
            }
            Exam::Words(words) => {
                let right: usize = words.iter().map(|word| echoes(member, word)).sum();
                let count = (words.len() * (WORD - 1)) as f64;
                (right as f64 / count, (words.len() * WORD) as f64)
            }
            Exam::Whole => {
                // -½ mean ‖(M - M*)x‖²
                let (mut sum, mut y) = (0.0, [0.0; SIDE]);
                for (x, aim) in self.probes.chunks_exact(SIDE).zip(self.aims.chunks_exact(SIDE)) {
                    member.apply(0, x, &mut y);
                    sum += y.iter().zip(aim).map(|(y, z)| f64::from((y - z) * (y - z))).sum::<f64>();
                }
                (-0.5 * sum / PROBES as f64, PROBES as f64)
            }
        }
    }

    /// Steps until the pole falls.
    fn episode(&self, member: &Member<'_>, mut state: CartPole, mut see: impl FnMut(&CartPole)) -> usize {
        for step in 0..LONGEST {
            see(&state);
            let right = member.choose(&state.map(|x| x as f32)) == 1;
            push(&mut state, right);
            if !upright(&state) {
                return step + 1;
            }
        }
        LONGEST
    }
}

/// How many symbols an integer network says again one step later.
fn echoes(member: &Member<'_>, word: &[usize; WORD]) -> usize {
    let (mut state, mut fed, mut kept) = ([0.0_f32; STATE], [0.0_f32; STATE], [0.0_f32; STATE]);
    let (mut right, mut said) = (0, [0.0_f32; SYMBOLS]);
    for (t, &symbol) in word.iter().enumerate() {
        // h ← clip(round(W h + U x)), whole numbers of eight bits
        let mut x = [0.0; SYMBOLS];
        x[symbol] = 64.0;
        member.apply(0, &x, &mut fed);
        member.apply(1, &state, &mut kept);
        for ((h, fed), kept) in state.iter_mut().zip(&fed).zip(&kept) {
            *h = (fed + kept).round().clamp(-127.0, 127.0);
        }
        member.apply(2, &state, &mut said);
        right += usize::from(t > 0 && greatest(&said) == word[t - 1]);
    }
    right
}

/// $\tilde f$: the shaped fitness.
fn shape(fitness: &[f64], shaping: Shaping) -> Vec<f64> {
    let count = fitness.len() as f64;
    match shaping {
        Shaping::Raw => fitness.to_vec(),
        Shaping::ZScore => {
            let mean = fitness.iter().sum::<f64>() / count;
            let deviation = (fitness.iter().map(|f| (f - mean) * (f - mean)).sum::<f64>() / count).sqrt();
            let over = if deviation > 1e-12 * (1.0 + mean.abs()) { 1.0 / deviation } else { 0.0 };
            fitness.iter().map(|f| (f - mean) * over).collect()
        }
        Shaping::Rank => {
            let mut sorted = fitness.to_vec();
            sorted.sort_by(f64::total_cmp);
            // Who is level shares the mean of the ranks.
            let rank = |f: &f64| {
                let below = sorted.partition_point(|other| other < f);
                let up_to = sorted.partition_point(|other| other <= f);
                0.5 * (below + up_to - 1) as f64 / (count - 1.0) - 0.5
            };
            fitness.iter().map(rank).collect()
        }
    }
}

/// $\sum_p c_pE_p$ of one layer, input by input: for low rank the one product of the stacked factors.
fn weighted_sum(kicks: &[Vec<Kick>], layer: usize, (m, n): (usize, usize), c: &[f32]) -> Vec<f32> {
    let (mut stacked_a, mut stacked_b, mut sum) = (Vec::new(), Vec::new(), vec![0.0; m * n]);
    for (kicks, c) in kicks.iter().zip(c) {
        match &kicks[layer] {
            Kick::Full(e) => sum.iter_mut().zip(e).for_each(|(sum, e)| *sum += c * e),
            Kick::LowRank(a, b) => {
                let c = c / ((a.len() / m) as f32).sqrt();
                stacked_a.extend(a.iter().map(|a| c * a));
                stacked_b.extend_from_slice(b);
            }
        }
    }
    if stacked_a.is_empty() {
        return sum;
    }
    let depth = stacked_a.len() / m;
    matmul(View::by_rows(&stacked_b, depth, n).t(), View::by_rows(&stacked_a, depth, m))
}

/// One strategy in one repetition.
#[derive(Clone)]
struct Lane {
    rank: Option<usize>,
    weights: Vec<Vec<f32>>,
    /// Its generator: a stream for each pair of each generation, so that no kick is stored.
    noise: Rng,
    fitness: Vec<f64>,
    forwards: f64,
    /// The score of the centre after each generation.
    scores: Vec<f64>,
    /// Singular values of the first update of the largest layer, over the greatest; none if it was zero.
    spectrum: Option<Vec<f64>>,
}

impl Lane {
    fn kicks(&self, fixed: &Fixed, generation: usize, pair: usize) -> Vec<Kick> {
        let mut rng = self.noise.clone();
        rng.set_stream((generation * 4096 + pair) as u64);
        rng.set_word_pos(0);
        kicks(&fixed.task.shapes, self.rank, &mut rng)
    }

    fn member(&self, fixed: &Fixed, kicks: &[Kick], sigma: f32, exam: &Exam) -> (f64, f64) {
        let shapes = &fixed.task.shapes;
        let result = match kicked(&self.weights, kicks, sigma) {
            Some(weights) => fixed.task.fitness(&Member { shapes, weights: &weights, kick: None }, exam),
            None => {
                let kick = Some((kicks, sigma));
                fixed.task.fitness(&Member { shapes, weights: &self.weights, kick }, exam)
            }
        };
        // What overflows is no better than the worst.
        if result.0.is_finite() { result } else { (-1e30, result.1) }
    }

    /// Evaluates a block of pairs.
    fn evaluate(&mut self, fixed: &Fixed, generation: usize, pairs: std::ops::Range<usize>, exam: &Exam) {
        let sigma = fixed.setting.sigma as f32;
        for pair in pairs {
            let kicks = self.kicks(fixed, generation, pair);
            for sign in [1.0, -1.0] {
                let (fitness, forwards) = self.member(fixed, &kicks, sign * sigma, exam);
                self.fitness.push(fitness);
                self.forwards += forwards;
            }
        }
    }

    /// $M\leftarrow M+\frac{\alpha}{N\sigma}\sum_i\tilde f_iE_i$.
    fn update(&mut self, fixed: &Fixed, generation: usize, rng: &mut Rng, watch: bool) {
        let Setting { alpha, sigma, shaping, .. } = fixed.setting;
        let shaped = shape(&self.fitness, shaping);
        let c: Vec<f32> = shaped.chunks_exact(2).map(|pair| (pair[0] - pair[1]) as f32).collect();
        let kicks: Vec<_> = (0..c.len()).map(|pair| self.kicks(fixed, generation, pair)).collect();
        let length = (alpha / (self.fitness.len() as f64 * sigma)) as f32;
        for (layer, &shape) in fixed.task.shapes.iter().enumerate() {
            let sum = weighted_sum(&kicks, layer, shape, &c);
            if watch && generation == 0 && layer == fixed.largest {
                self.spectrum = Some(spectrum(&sum, shape));
            }
            // Far from anything useful, but finite, whatever α.
            let moved = self.weights[layer].iter_mut().zip(&sum);
            moved.for_each(|(w, sum)| *w = (*w + length * sum).clamp(-1e4, 1e4));
            if fixed.int8 {
                to_grid(&mut self.weights[layer], rng);
            }
        }
        self.fitness.clear();
    }
}

/// To one of the two nearest multiples of 1/64, so that the mean stays.
fn to_grid(weights: &mut [f32], rng: &mut Rng) {
    weights.iter_mut().for_each(|w| *w = (*w * GRID + rng.random::<f32>()).floor().clamp(-127.0, 127.0) / GRID);
}

/// Singular values over the greatest, held above 1e-7; none where nothing moved.
fn spectrum(update: &[f32], (m, n): (usize, usize)) -> Vec<f64> {
    let matrix = DMatrix::from_iterator(m, n, update.iter().map(|x| f64::from(*x)));
    let mut values: Vec<f64> = matrix.singular_values().iter().copied().collect();
    values.sort_by(|a, b| b.total_cmp(a));
    let top = values.first().copied().unwrap_or(0.0);
    if top > 0.0 { values.iter().map(|value| (value / top).max(1e-7)).collect() } else { Vec::new() }
}

/// Singular values below this share of the greatest are rounding.
const NOTHING: f64 = 1e-5;

/// Ranks whose mean update is measured.
const RANKS: [usize; 5] = [1, 2, 4, 8, 16];
/// Side of the layer it is measured on, and inputs.
const SMALL: usize = 4;
/// Pairs of kicks of each rank that are drawn in all.
const DRAWS: usize = 60_000;

/// The mean update $U_r=\mathbb E[f(M+E)E]$ of $f(M)=\frac1K\sum_kv_k^\top\tanh(Mx_k)$ at $\sigma=1$, for noise of
/// several ranks, against $U_\infty$ of full noise.
#[derive(Clone)]
struct Theory {
    shared: Rc<Curved>,
    rng: Rng,
    drawn: usize,
    /// For each rank the sums of $(f(M+E)-\langle U_\infty,E\rangle)E$ over every other draw, and over the rest. As
    /// $\mathbb E\langle U_\infty,E\rangle E=U_\infty$ at every rank, their means are $U_r-U_\infty$.
    sums: Vec<[[f64; SMALL * SMALL]; 2]>,
    /// Sums of the second and fourth powers of the entries.
    powers: Vec<[f64; 2]>,
}

struct Curved {
    /// $Mx_k$, $v_k$ and $x_k$.
    at: Vec<[[f64; SMALL]; 3]>,
    /// $U_\infty$, by quadrature.
    full: [f64; SMALL * SMALL],
    /// $\|U_r-U_\infty\|/\|U_\infty\|$ by quadrature.
    exact: Vec<f64>,
}

impl Curved {
    fn new(rng: &mut Rng) -> Self {
        let part = |rng: &mut Rng| -> [f64; SMALL] { std::array::from_fn(|_| normals(1, rng)[0]) };
        let at = (0..SMALL).map(|_| {
            let x = part(rng);
            let length = norm(&x).max(1e-6);
            [part(rng), part(rng), x.map(|x| x / length)]
        });
        let mut curved = Self { at: at.collect(), full: [0.0; SMALL * SMALL], exact: Vec::new() };
        curved.full = curved.mean_update(None);
        let error = |r: &usize| distance(&curved.mean_update(Some(*r)), &curved.full) / norm(&curved.full);
        curved.exact = RANKS.iter().map(error).collect();
        curved
    }

    /// The part of $f$ that is odd in $E$, less $\langle U_\infty,E\rangle$.
    fn bend(&self, e: &[f64; SMALL * SMALL]) -> f64 {
        let mut sum = 0.0;
        for [c, v, x] in &self.at {
            for ((row, c), v) in e.chunks_exact(SMALL).zip(c).zip(v) {
                let along: f64 = row.iter().zip(x).map(|(e, x)| e * x).sum();
                sum += v * (tanh_wide(c + along) - tanh_wide(c - along));
            }
        }
        0.5 * sum / SMALL as f64 - self.full.iter().zip(e).map(|(u, e)| u * e).sum::<f64>()
    }

    /// By quadrature: $Ex=|x|\,t\,z$ with $z$ normal and $t$ the root of $\chi^2_r/r$, or 1, and
    /// $\mathbb E[E\mid Ex=u]=ux^\top/|x|^2$.
    fn mean_update(&self, rank: Option<usize>) -> [f64; SMALL * SMALL] {
        let rule = gauss_legendre(48);
        let stretches: Vec<(f64, f64)> = match rank {
            None => vec![(1.0, 1.0)],
            Some(r) => {
                // The density of t is proportional to t^(r-1) exp(-r t²/2).
                let r = r as f64;
                let height = log(2.0) + 0.5 * r * log(0.5 * r) - lgamma(0.5 * r);
                let density = |t: f64| exp(height + (r - 1.0) * log(t) - 0.5 * r * t * t);
                rule.on(0.0, 7.0).map(|(t, weight)| (t, weight * density(t))).collect()
            }
        };
        let normal = |z: f64| exp(-0.5 * z * z) / (2.0 * PI).sqrt();
        let mut update = [0.0; SMALL * SMALL];
        for [c, v, x] in &self.at {
            let length = x.iter().map(|x| x * x).sum::<f64>().sqrt();
            for i in 0..SMALL {
                let mut moment = 0.0;
                for (t, weight) in &stretches {
                    let inner: f64 =
                        rule.on(-8.0, 8.0).map(|(z, w)| w * normal(z) * tanh_wide(c[i] + length * t * z) * z).sum();
                    moment += weight * t * inner;
                }
                for j in 0..SMALL {
                    update[i * SMALL + j] += v[i] * moment * x[j] / (length * SMALL as f64);
                }
            }
        }
        update
    }
}

fn norm(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

fn distance(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt()
}

impl Theory {
    fn new(rng: &mut Rng) -> Self {
        let shared = Rc::new(Curved::new(rng));
        let sums = vec![[[0.0; SMALL * SMALL]; 2]; RANKS.len()];
        Self { shared, rng: rng.clone(), drawn: 0, sums, powers: vec![[0.0; 2]; RANKS.len()] }
    }

    fn advance(&mut self, pairs: usize) {
        for _ in 0..pairs {
            for ((r, sums), [square, fourth]) in RANKS.iter().zip(&mut self.sums).zip(&mut self.powers) {
                let factors = normals(2 * SMALL * r, &mut self.rng);
                let (a, b) = factors.split_at(SMALL * r);
                let mut e = [0.0; SMALL * SMALL];
                for (a, b) in a.chunks_exact(SMALL).zip(b.chunks_exact(SMALL)) {
                    e.iter_mut().enumerate().for_each(|(k, e)| *e += a[k / SMALL] * b[k % SMALL]);
                }
                let e = e.map(|e| e / (*r as f64).sqrt());
                let bend = self.shared.bend(&e);
                sums[self.drawn % 2].iter_mut().zip(&e).for_each(|(sum, e)| *sum += bend * e);
                *square += e.iter().map(|e| e * e).sum::<f64>();
                *fourth += e.iter().map(|e| e * e * e * e).sum::<f64>();
            }
            self.drawn += 1;
        }
    }

    /// The relative error of the mean update at each rank, as drawn: the square is the product of the two halves'
    /// means, in which chance does not add up.
    fn errors(&self) -> Vec<[f64; 2]> {
        let drawn = if self.drawn < 100 { 0 } else { RANKS.len() };
        let half = 0.5 * self.drawn as f64;
        let error = |(r, [one, other]): (&usize, &[[f64; SMALL * SMALL]; 2])| {
            let square: f64 = one.iter().zip(other).map(|(x, y)| x / half * (y / half)).sum();
            [*r as f64, square.max(0.0).sqrt() / norm(&self.shared.full)]
        };
        RANKS.iter().zip(&self.sums).take(drawn).map(error).collect()
    }

    /// The excess kurtosis of an entry at each rank, as drawn.
    fn kurtosis(&self) -> Vec<[f64; 2]> {
        let count = (self.drawn * SMALL * SMALL) as f64;
        let excess = |[square, fourth]: &[f64; 2]| (fourth / count) / (square / count * (square / count)) - 3.0;
        let drawn = if self.drawn < 100 { 0 } else { RANKS.len() };
        RANKS.iter().zip(&self.powers).take(drawn).map(|(r, powers)| [*r as f64, excess(powers)]).collect()
    }

    fn slope(&self) -> Option<f64> {
        LineFit::through(self.errors().iter().map(|p| [log(p[0]), log(p[1].max(1e-6))]).collect::<Vec<_>>())
            .map(|fit| fit.slope)
    }
}

struct Fixed {
    setting: Setting,
    task: Task,
    int8: bool,
    pairs: usize,
    repetitions: usize,
    /// The layer whose update is looked at.
    largest: usize,
    /// The loss of the first weights, where the score is a share of it.
    first: Vec<f64>,
}

/// Adam on the same network, batches and number of steps, with the gradient that evolution does without.
#[derive(Clone)]
struct Backprop {
    theta: Vec<f64>,
    adam: Adam,
}

impl Backprop {
    fn step(&mut self, fixed: &Fixed, exam: &Exam) {
        let task = &fixed.task;
        let mut graph = Graph::<f64>::new();
        let (mut layers, mut from) = (Vec::new(), 0);
        for &(m, n) in &task.shapes {
            layers.push(graph.leaf(n, m, self.theta[from..from + m * n].to_vec()));
            from += m * n;
        }
        let wide = |x: &[f32]| -> Vec<f64> { x.iter().map(|x| f64::from(*x)).collect() };
        let loss = match exam {
            Exam::Examples(examples) => {
                let pixels: Vec<f64> = examples.iter().flat_map(|k| wide(&task.pixels[64 * k..64 * k + 64])).collect();
                let classes: Vec<usize> = examples.iter().map(|k| task.labels[*k]).collect();
                let mut h = graph.leaf(examples.len(), 64, pixels);
                for (layer, w) in layers.iter().enumerate() {
                    h = if layer > 0 { graph.relu(h) } else { h };
                    h = graph.matmul(h, *w);
                }
                graph.cross_entropy(h, &classes)
            }
            Exam::Whole => {
                let x = graph.leaf(PROBES, SIDE, wide(&task.probes));
                let (y, z) = (graph.matmul(x, layers[0]), graph.leaf(PROBES, SIDE, wide(&task.aims)));
                graph.mean_squared_error(y, z)
            }
            Exam::Starts(_) | Exam::Words(_) => return,
        };
        let gradients = graph.gradients(loss, &layers);
        let gradient: Vec<f64> = gradients.iter().flat_map(|g| graph.value(*g).to_vec()).collect();
        self.adam.step(&mut self.theta, &gradient);
    }

    fn weights(&self, shapes: &[(usize, usize)]) -> Vec<Vec<f32>> {
        let mut from = 0;
        let layer = |&(m, n): &(usize, usize)| {
            from += m * n;
            self.theta[from - m * n..from].iter().map(|x| *x as f32).collect()
        };
        shapes.iter().map(layer).collect()
    }
}

/// Pairs evaluated in a step.
const BLOCK: usize = 16;

/// The exhibit.
#[derive(Clone)]
pub struct Eggroll {
    fixed: Rc<Fixed>,
    rng: Rng,
    generation: usize,
    repetition: usize,
    pair: usize,
    exam: Rc<Exam>,
    /// EGGROLL and full ES, repetition by repetition.
    lanes: Vec<[Lane; 2]>,
    backprop: Option<Backprop>,
    test: Rc<Exam>,
    curves: Curves,
    bands: [Vec<[f64; 3]>; 2],
    theory: Theory,
    ride: Rc<Vec<CartPole>>,
    shown: usize,
}

impl Eggroll {
    fn score(&self, weights: &[Vec<f32>], repetition: usize) -> f64 {
        let fixed = &*self.fixed;
        let member = Member { shapes: &fixed.task.shapes, weights, kick: None };
        let (fitness, _) = fixed.task.fitness(&member, &self.test);
        match fixed.task.job {
            // The share of the first loss that is gone.
            Job::Quadratic => (1.0 - fitness / fixed.first[repetition]).max(-10.0),
            Job::CartPole => fitness,
            Job::Digits | Job::Rnn => 100.0 * fitness,
        }
    }

    /// Takes in the scores of a generation, once every repetition has come through it.
    fn record(&mut self) {
        let generation = self.lanes[0][0].scores.len() - 1;
        for (place, id) in ["eggroll", "es"].into_iter().enumerate() {
            let scores: Vec<f64> = self.lanes.iter().map(|lanes| lanes[place].scores[generation]).collect();
            let mean = scores.iter().sum::<f64>() / scores.len() as f64;
            self.curves.push(id, generation as f64, mean);
            let low = scores.iter().copied().fold(f64::INFINITY, f64::min);
            let high = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            self.bands[place].push([generation as f64, low, high]);
        }
        if let Some(backprop) = &self.backprop {
            let score = self.score(&backprop.weights(&self.fixed.task.shapes), 0);
            self.curves.push("adam", generation as f64, score);
        }
    }

    fn remember_ride(&mut self) {
        if let Exam::Starts(starts) = &*self.test {
            let member = Member { shapes: &self.fixed.task.shapes, weights: &self.lanes[0][0].weights, kick: None };
            let mut ride = Vec::new();
            self.fixed.task.episode(&member, starts[0], |state| ride.push(*state));
            (self.ride, self.shown) = (Rc::new(ride), 0);
        }
    }

    fn done(&self) -> bool {
        self.generation >= self.fixed.task.generations()
    }

    /// Random numbers of a member, EGGROLL's and full.
    fn draws(&self) -> [f64; 2] {
        let count = |f: &dyn Fn(usize, usize) -> usize| -> f64 {
            self.fixed.task.shapes.iter().map(|&(m, n)| f(m, n) as f64).sum()
        };
        let r = self.fixed.setting.rank;
        [count(&|m, n| r * (m + n)), count(&|m, n| m * n)]
    }

    /// The mean score over the last five generations.
    fn last(&self, id: &str) -> Option<f64> {
        let scores: Vec<f64> = self.curves.of(id)?.ys().collect();
        let end = &scores[scores.len().saturating_sub(5)..];
        Some(end.iter().sum::<f64>() / end.len().max(1) as f64)
    }
}

impl Exhibit for Eggroll {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let task = Task::new(setting.task, rng);
        let int8 = setting.task == Job::Rnn || setting.weights == Precision::Int8;
        let repetitions = if setting.population > 512 { 1 } else { 3 };
        let (test, exam) = (task.exam(rng, true), task.exam(rng, false));
        let mut lanes = Vec::new();
        for _ in 0..repetitions {
            let mut weights: Vec<Vec<f32>> = Vec::new();
            for &(m, n) in &task.shapes {
                let mut layer: Vec<f32> = draw(m * n, rng).iter().map(|x| x / (n as f32).sqrt()).collect();
                if int8 {
                    to_grid(&mut layer, rng);
                }
                weights.push(layer);
            }
            let lane = |rank, rng: &mut Rng| Lane {
                rank,
                weights: weights.clone(),
                noise: Rng::seed_from_u64(rng.random()),
                fitness: Vec::new(),
                forwards: 0.0,
                scores: Vec::new(),
                spectrum: None,
            };
            lanes.push([lane(Some(setting.rank), rng), lane(None, rng)]);
        }
        let loss = |lanes: &[Lane; 2]| {
            let member = Member { shapes: &task.shapes, weights: &lanes[0].weights, kick: None };
            task.fitness(&member, &test).0
        };
        let first = lanes.iter().map(loss).collect();
        let differentiable = matches!(setting.task, Job::Digits | Job::Quadratic);
        let theta: Vec<f64> = lanes[0][0].weights.iter().flatten().map(|x| f64::from(*x)).collect();
        let adam = Adam::new(theta.len(), 0.01, [0.9, 0.999]);
        let weights = |(_, (m, n)): &(usize, &(usize, usize))| m * n;
        let largest = task.shapes.iter().enumerate().max_by_key(weights).map_or(0, |(layer, _)| layer);
        let floor = if setting.task == Job::Quadratic { -10.0 } else { 0.0 };
        let fixed =
            Fixed { setting: setting.clone(), pairs: setting.population / 2, int8, repetitions, largest, first, task };
        let mut exhibit = Self {
            fixed: Rc::new(fixed),
            generation: 0,
            repetition: 0,
            pair: 0,
            exam: Rc::new(exam),
            lanes,
            backprop: differentiable.then_some(Backprop { theta, adam }),
            test: Rc::new(test),
            curves: Curves::new(&["adam", "es", "eggroll"], floor),
            bands: Default::default(),
            theory: Theory::new(rng),
            ride: Rc::new(Vec::new()),
            shown: 0,
            rng: rng.clone(),
        };
        for repetition in 0..repetitions {
            let score = exhibit.score(&exhibit.lanes[repetition][0].weights, repetition);
            exhibit.lanes[repetition].iter_mut().for_each(|lane| lane.scores.push(score));
        }
        exhibit.record();
        exhibit.remember_ride();
        Ok(exhibit)
    }

    fn length(&self) -> usize {
        let fixed = &*self.fixed;
        fixed.task.generations() * fixed.repetitions * fixed.pairs.div_ceil(BLOCK)
    }

    // A block of pairs of both strategies; at the end of a population the update.
    async fn step(&mut self, _: &Compute) -> Progress {
        if self.done() {
            return Progress::Done;
        }
        let (fixed, exam) = (Rc::clone(&self.fixed), Rc::clone(&self.exam));
        let block = self.pair..(self.pair + BLOCK).min(fixed.pairs);
        self.pair = block.end;
        for lane in &mut self.lanes[self.repetition] {
            lane.evaluate(&fixed, self.generation, block.clone(), &exam);
        }
        self.theory.advance(DRAWS.div_ceil(self.length()).min(DRAWS - self.theory.drawn));
        self.shown = (self.shown + 1).min(self.ride.len().saturating_sub(1));
        if self.pair == fixed.pairs {
            for place in 0..2 {
                let lane = &mut self.lanes[self.repetition][place];
                lane.update(&fixed, self.generation, &mut self.rng, self.repetition == 0);
                let score = self.score(&self.lanes[self.repetition][place].weights, self.repetition);
                self.lanes[self.repetition][place].scores.push(score);
            }
            if self.repetition == 0 {
                if let Some(backprop) = &mut self.backprop {
                    backprop.step(&fixed, &exam);
                }
                self.remember_ride();
            }
            (self.pair, self.repetition) = (0, self.repetition + 1);
            if self.repetition == fixed.repetitions {
                (self.repetition, self.generation) = (0, self.generation + 1);
                self.record();
            }
            self.exam = Rc::new(fixed.task.exam(&mut self.rng, false));
        }
        if self.done() { Progress::Done } else { Progress::Running }
    }

    fn figures(&self, figures: &mut Figures) {
        let fixed = &*self.fixed;
        let generations = fixed.task.generations() as f64;
        let (name, top, what) = match fixed.task.job {
            Job::CartPole => ("steps balanced", 200.0, "Steps the mean weights keep the pole up, of 200 at most."),
            Job::Digits => ("right answers (%)", 100.0, "Right answers of the mean weights on digits kept apart."),
            Job::Rnn => ("right symbols (%)", 100.0, "Symbols said again rightly by the mean weights."),
            Job::Quadratic => {
                ("share of the loss removed", 1.0, "How much of the first loss the mean weights removed.")
            }
        };
        let caption = match fixed.repetitions {
            1 => format!("{what} One run."),
            many => format!("{what} Means over {many} repetitions, and their range."),
        };
        let mut fitness = figures.figure("fitness", "Learning by kicks", caption);
        fitness.x(Axis::linear("generation").domain(0.0, generations)).y(Axis::linear(name).domain(0.0, top * 1.03));
        for (id, band) in ["es", "eggroll"].into_iter().zip(self.bands.iter().rev()) {
            let bounded = |x: f64| x.clamp(0.0, top);
            let (low, high) = (band.iter().map(|p| bounded(p[1])), band.iter().map(|p| bounded(p[2])));
            fitness.band(band.iter().map(|p| p[0]), low, high).of(id).faint();
        }
        self.curves.draw(&mut fitness);

        let (m, n) = fixed.task.shapes[fixed.largest];
        let why = match self.lanes[0].each_ref().map(|lane| lane.spectrum.as_ref().is_some_and(Vec::is_empty)) {
            [true, true] => " Both are zero: no kick did better than its opposite.",
            [true, false] => " EGGROLL's is zero: no kick did better than its opposite.",
            [false, true] => " That of full-rank ES is zero: no kick did better than its opposite.",
            [false, false] => "",
        };
        let caption = format!(
            "Singular values of the first update of the {m} × {n} layer, over the greatest. Kicks of rank {} can add up to \
             rank {}.{why}",
            fixed.setting.rank,
            (fixed.setting.rank * fixed.pairs).min(m.min(n))
        );
        let mut spectrum = figures.figure("spectrum", "The rank of the sum", caption);
        spectrum.x(Axis::linear("index").domain(0.0, m.min(n) as f64 + 1.0));
        spectrum.y(Axis::log("singular value over the greatest").domain(1e-7, 1.5));
        for (lane, id) in self.lanes[0].iter().zip(["eggroll", "es"]).rev() {
            let kept = || lane.spectrum.iter().flatten().enumerate();
            spectrum.line(kept().map(|(k, _)| (k + 1) as f64), kept().map(|(_, value)| *value)).of(id);
        }

        let caption = "Of 4 × 4 kicks at σ = 1: how far the mean update is from that of full noise, and the excess \
                       kurtosis of an entry. Dots are drawn, lines computed.";
        let mut theory = figures.figure("theory", "What the rank costs in truth", caption);
        theory.x(Axis::log("rank r").domain(0.8, 20.0)).y(Axis::log("error, kurtosis").domain(0.003, 10.0));
        let r = || RANKS.iter().map(|r| *r as f64);
        theory.line(r(), r().map(|r| 6.0 / r)).ink(Ink::Muted).label("6/r");
        theory.line(r(), &self.theory.shared.exact).ink(Ink::Muted).dashed().label("error, by quadrature");
        let positive = |points: Vec<[f64; 2]>| points.into_iter().filter(|p| p[1] > 0.0).collect::<Vec<_>>();
        let (kurtosis, errors) = (positive(self.theory.kurtosis()), positive(self.theory.errors()));
        let dots = theory.dot(kurtosis.iter().map(|p| p[0]), kurtosis.iter().map(|p| p[1]));
        dots.ink(Ink::Strong).symbol(Symbol::Ring).radius(5.0).label("excess kurtosis");
        theory.dot(errors.iter().map(|p| p[0]), errors.iter().map(|p| p[1])).of("eggroll").radius(5.0).label("error");

        let caption = "What a generation of EGGROLL takes, where full-rank ES takes 1. Passes through the shared weights \
                       are one product of matrices for the whole population.";
        let mut cost = figures.figure("cost", "What a kick costs", caption);
        let (names, shares) = (["random numbers", "unshared mult.-adds", "all mult.-adds"], self.costs());
        cost.x(Axis::categories("of one generation", names)).y(Axis::linear("share of full-rank ES"));
        cost.bar([0.0, 1.0, 2.0], shares).of("eggroll");
        cost.rule_y([1.0]).of("es").dashed();

        if let Some(state) = self.ride.get(self.shown) {
            let caption = "A ride of EGGROLL's present mean weights, and the way the tip of the pole has come.";
            let mut cart = figures.figure("cart", "The mean weights at the cart", caption);
            cart.x(Axis::linear("place").unit("m").domain(-2.4, 2.4));
            cart.y(Axis::linear("height").unit("m").domain(-0.4, 1.4)).equal();
            cart.rule_y([0.0]);
            let tip = |s: &CartPole| [s[0] + sin(s[2]), 0.1 + cos(s[2])];
            let way: Vec<[f64; 2]> = self.ride[..=self.shown].iter().map(tip).collect();
            cart.line(way.iter().map(|p| p[0]), way.iter().map(|p| p[1])).of("eggroll").faint();
            let (x, end) = (state[0], tip(state));
            cart.polygon([x - 0.25, x + 0.25, x + 0.25, x - 0.25], [0.0, 0.0, 0.2, 0.2]);
            cart.line([x, end[0]], [0.1, end[1]]).ink(Ink::Strong);
            cart.dot([end[0]], [end[1]]).of("eggroll").radius(5.0);
        }
    }

    fn claim(&self) -> Claim {
        let open = !self.done();
        let [ours, full] = self.draws();
        let ratio = self.last("eggroll").zip(self.last("es")).filter(|(_, es)| *es > 0.0).map(|(ours, es)| ours / es);
        // On the quadratic full-rank ES may end worse than it began.
        let level = match ratio {
            None if !open => Clause::at_least(
                "Over the last five generations full-rank ES's mean fitness is {value}: EGGROLL's is no share of that.",
                self.last("es"),
                f64::MIN_POSITIVE,
            ),
            ratio => Clause::at_least(
                "Over the last five generations EGGROLL's mean fitness is {value} of full-rank ES's, at least {low}.",
                ratio,
                0.95,
            ),
        };
        let (m, n) = self.fixed.task.shapes[self.fixed.largest];
        let rank = |values: &Vec<f64>| values.iter().filter(|value| **value > NOTHING).count() as f64;
        Claim::new(vec![
            level.pending_while(open),
            Clause::at_most("It draws {value} of the random numbers, at most {high}.", Some(ours / full), 0.2),
            Clause::at_least(
                "Its first update of the largest layer has rank {value}, at least {low}.",
                self.lanes[0][0].spectrum.as_ref().map(rank),
                m.min(n) as f64,
            )
            .pending_while(open),
            Clause::within(
                "The error of the mean update falls with the rank by the power {value}, between {low} and {high}.",
                self.theory.slope(),
                -1.15,
                -0.75,
            )
            .pending_while(open),
        ])
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        vec![
            Scenario::holds(
                "default",
                "A pole on a cart",
                "Kicks of rank one learn to balance as full ones do.",
                default.clone(),
            ),
            Scenario::holds(
                "digits",
                "Digits, right or wrong",
                "The fitness is a count of right answers: there is no gradient to follow.",
                Setting { task: Job::Digits, sigma: 0.03, ..default.clone() },
            ),
            Scenario::fails(
                "long-kicks",
                "Kicks too long for ranks",
                "On a curved fitness the lengths of rank-one kicks differ much, and the ranking takes that for news.",
                Setting { task: Job::Quadratic, ..default.clone() },
            ),
            Scenario::holds(
                "raw",
                "The same, unranked",
                "With raw fitness the two of a pair cancel what their length did, and rank one is as good.",
                Setting { task: Job::Quadratic, shaping: Shaping::Raw, ..default.clone() },
            ),
            Scenario::fails(
                "few",
                "Eight members",
                "Four pairs of rank one: the update has rank 4 of 32, or less.",
                Setting { population: 8, ..default.clone() },
            ),
            Scenario::fails(
                "rank-8",
                "Rank 8",
                "Thicker factors draw nearly as many random numbers as the matrix has entries, and learn no better.",
                Setting { rank: 8, ..default },
            ),
        ]
    }
}

impl Eggroll {
    /// Shares of full ES's: random numbers, multiply-adds that members do not share, and all multiply-adds, of the
    /// forward passes so far and the updates.
    fn costs(&self) -> [f64; 3] {
        let [ours, full] = self.draws();
        let lanes = self.lanes.iter();
        let mut forwards = [0.0; 2];
        lanes.for_each(|lanes| forwards.iter_mut().zip(lanes).for_each(|(sum, lane)| *sum += lane.forwards));
        if forwards[0] == 0.0 {
            return [ours / full, 0.0, 0.0];
        }
        let evaluated = (self.generation * self.fixed.repetitions + self.repetition) as f64;
        let (population, r) = (2.0 * self.fixed.pairs as f64, self.fixed.setting.rank as f64);
        let passes = forwards.map(|count| count / (evaluated + self.pair as f64 / self.fixed.pairs as f64));
        // A full kick is first added to the weights; an update sums N/2 kicks.
        let own = [passes[0] * ours, passes[1] * full];
        let all = [own[0] + passes[0] * full + 0.5 * population * r * full, own[1] + 1.5 * population * full];
        // To the same number of passes: who balances longer has more of them.
        let fair = passes[1] / passes[0];
        [ours / full, own[0] / own[1] * fair, all[0] / all[1] * fair]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_reference::{list, numbers, vectors};
    use proptest::prelude::{prop_assert, proptest};

    fn dense(kick: &Kick, m: usize) -> Vec<f32> {
        match kick {
            Kick::Full(e) => e.clone(),
            Kick::LowRank(a, b) => {
                let r = a.len() / m;
                let n = b.len() / r;
                let entry = |k: usize| (0..r).map(|c| a[c * m + k % m] * b[c * n + k / m]).sum::<f32>();
                (0..m * n).map(|k| entry(k) / (r as f32).sqrt()).collect()
            }
        }
    }

    proptest! {
        // The forward pass through thin factors is that through M + σE written out.
        #[test]
        fn thin_factors_act_as_their_product(seed in 0_u64..1000, r in 1_usize..9) {
            let mut rng = Rng::seed_from_u64(seed);
            let shapes = [(7, 5)];
            let (weights, x) = (vec![draw(35, &mut rng)], draw(5, &mut rng));
            let kicks = kicks(&shapes, Some(r), &mut rng);
            let e = dense(&kicks[0], 7);
            let written = vec![weights[0].iter().zip(&e).map(|(w, e)| w - 0.3 * e).collect::<Vec<f32>>()];
            let (mut y, mut z) = ([0.0; 7], [0.0; 7]);
            Member { shapes: &shapes, weights: &weights, kick: Some((&kicks, -0.3)) }.apply(0, &x, &mut y);
            Member { shapes: &shapes, weights: &written, kick: None }.apply(0, &x, &mut z);
            prop_assert!(y.iter().zip(&z).all(|(y, z)| (y - z).abs() < 1e-4));
            // And the one product of stacked factors is the sum of the matrices.
            let sum = weighted_sum(&[kicks], 0, (7, 5), &[2.0]);
            prop_assert!(sum.iter().zip(&e).all(|(sum, e)| (sum - 2.0 * e).abs() < 1e-4));
        }

        #[test]
        fn ranks_do_not_see_monotone_changes_and_sum_to_zero(fitness in proptest::collection::vec(0_i32..9, 2..40)) {
            let f: Vec<f64> = fitness.iter().map(|f| f64::from(*f)).collect();
            let bent: Vec<f64> = f.iter().map(|f| exp(*f)).collect();
            let shaped = shape(&f, Shaping::Rank);
            prop_assert!(shaped == shape(&bent, Shaping::Rank));
            prop_assert!(shaped.iter().sum::<f64>().abs() < 1e-12);
        }
    }

    // For a linear fitness ⟨G, M⟩ the mean of f E over pairs is G, at rank one as at full rank.
    #[test]
    fn a_linear_fitness_gives_its_gradient_at_any_rank() {
        let g: Vec<f32> = (0..20).map(|k| k as f32 / 10.0 - 1.0).collect();
        for rank in [Some(1), Some(4), None] {
            let mut rng = Rng::seed_from_u64(3);
            let all: Vec<Vec<Kick>> = (0..40_000).map(|_| kicks(&[(4, 5)], rank, &mut rng)).collect();
            let value =
                |kick: &Vec<Kick>| dense(&kick[0], 4).iter().zip(&g).map(|(e, g)| e * g).sum::<f32>() / 40_000.0;
            let c: Vec<f32> = all.iter().map(value).collect();
            let mean = weighted_sum(&all, 0, (4, 5), &c);
            // Entries deviate by at most √3‖G‖/√40000 = 0.023.
            assert!(mean.iter().zip(&g).all(|(mean, g)| (mean - g).abs() < 0.1), "{rank:?}: {mean:?}");
        }
    }

    // What is drawn agrees with the quadrature, and an entry's kurtosis with 6/r.
    #[test]
    fn draws_agree_with_theory() {
        let mut theory = Theory::new(&mut Rng::seed_from_u64(5));
        theory.advance(DRAWS);
        for ((p, exact), k) in theory.errors().iter().zip(&theory.shared.exact).zip(theory.kurtosis()) {
            assert!((p[1] - exact).abs() < 0.1 * exact + 0.005, "{p:?} {exact}");
            assert!((k[1] - 6.0 / p[0]).abs() < 0.12 * 6.0 / p[0], "{k:?}");
        }
    }

    // In the linear regime f(M) = ⟨…⟩ every rank is exact: the error vanishes as the inputs do.
    #[test]
    fn the_error_vanishes_with_the_curvature() {
        let mut curved = Curved::new(&mut Rng::seed_from_u64(1));
        curved.at.iter_mut().for_each(|[_, _, x]| *x = x.map(|x| 1e-3 * x));
        let (one, full) = (curved.mean_update(Some(1)), curved.mean_update(None));
        assert!(distance(&one, &full) < 1e-5 * norm(&full), "{}", distance(&one, &full) / norm(&full));
    }

    // Rides of gymnasium's CartPole under the same pushes; `tests/reference/cart_pole.py` made them.
    #[test]
    fn carts_and_poles_move_as_gymnasiums_do() {
        let vectors = vectors(include_str!("../../../../tests/reference/cart_pole.json"));
        let cases = list(&vectors["cases"]);
        assert_eq!(cases.len(), 3);
        for case in cases {
            let mut state: CartPole = numbers(&case["start"]).try_into().expect("four numbers");
            let (pushes, ride) = (numbers(&case["pushes"]), list(&case["ride"]));
            assert_eq!((pushes.len(), ride.len()), (60, 60));
            for (right, expected) in pushes.iter().zip(ride) {
                push(&mut state, *right == 1.0);
                let worst = distance(&state, &numbers(expected));
                assert!(worst < 1e-10, "{worst:e}");
            }
        }
    }

    #[test]
    fn a_sum_of_kicks_has_the_rank_of_its_factors() {
        let mut rng = Rng::seed_from_u64(2);
        for (pairs, rank) in [(3, 1), (2, 4), (40, 1)] {
            let all: Vec<Vec<Kick>> = (0..pairs).map(|_| kicks(&[(16, 16)], Some(rank), &mut rng)).collect();
            let values = spectrum(&weighted_sum(&all, 0, (16, 16), &vec![1.0; pairs]), (16, 16));
            assert_eq!(values.iter().filter(|value| **value > NOTHING).count(), (pairs * rank).min(16));
        }
    }
}
