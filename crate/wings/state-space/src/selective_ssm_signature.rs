//! A path $\omega$ in space drives a linear equation with random matrices that nothing trains,
//! $$dh_t=\sum_{i=1}^{3}A_i\,h_t\,d\omega^i_t+B\,d\omega_t .$$
//! Solve it by repeated substitution, and the state is a sum over words $w=i_1\dots i_m$ of products $A_{i_m}\cdots A_{i_1}$ times
//! the iterated integrals $S^w=\int_{t_1<\dots<t_m}d\omega^{i_1}_{t_1}\cdots d\omega^{i_m}_{t_m}$: a random projection of the
//! path's *signature*. Then a linear read-out of $N$ numbers should find any integral of few letters, and the order of events with it.
//!
//! **What you see.** Brownian paths go through four recurrences; ridge regression on the final states reads a target
//! on paths it has not seen. The signed volume $\sum_\pi\mathrm{sgn}(\pi)S^{\pi(1)\pi(2)\pi(3)}$ needs three letters
//! in their order. Matrices with all entries give it. Diagonal ones, as in Mamba, commute: such a state holds no more
//! than $\int\phi(\omega_T-\omega_s)\,d\omega_s$, symmetric in all letters but the first. An S4 filter does not
//! multiply by the input at all.
//!
//! **Try** the targets in turn: the increment is linear, and all find it; for the area one multiplication is enough, and the filter
//! drops out; the volume is left to the dense one. Shape your own path, and follow the reading along it: it
//! was fitted on ends alone, yet a read-out that is a functional of the signature is right all the way.
//!
//! **Where it stops.** Large matrices give long words as much weight as short ones, and the volume drowns. Sixteen numbers
//! cannot hold 39 integrals. Two diagonal layers, the second driven by mixtures of the first's state, do carry the volume, but here untrained mixtures
//! of three numbers give only part of it.
//!
//! **Made definite.** The states start at random, the entries of $B$ are standard normal, and the exponential of each
//! straight piece is summed until a term is a thousandth of the state. Each size in the third figure is a recurrence
//! of its own.

use orrery_core::prelude::*;
use orrery_kernels::linalg::{Complex, View, matmul, matmul_add, ridge};
use orrery_kernels::math::exp_wide;
use orrery_kernels::random::normals;
use orrery_kernels::ssm::{Diagonal as Modes, Rule};
use std::rc::Rc;

const CARD: Card = Card {
    slug: "selective-ssm-signature",
    title: "Theoretical Foundations of Deep Selective State-Space Models",
    year: 2024,
    lists: &[2],
    claim: "A random recurrence that multiplies its state by the input carries the input's signature; a diagonal one carries less.",
    algorithms: &[
        "selective state space model",
        "Mamba",
        "S4",
        "linear controlled differential equation",
        "path signature",
        "Chen's identity",
        "Lévy area",
        "reservoir computing",
        "ridge regression",
    ],
    contenders: &[
        Contender::paper("dense", "dense selective"),
        Contender::baseline("diagonal", "diagonal selective"),
        Contender::baseline("stacked", "two diagonal layers"),
        Contender::baseline("filter", "S4 filter"),
    ],
};

/// What is to be read from the state.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Target {
    /// ½ (S¹² − S²¹).
    #[choice("area")]
    Area,
    /// The alternating sum over the orders of 1, 2, 3.
    #[choice("volume")]
    Volume,
    /// S¹: where the path ends.
    #[choice("increment")]
    Increment,
    /// One iterated integral of the visitor's choice.
    #[choice("own word")]
    Word,
}

/// A kind of recurrence.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Kind {
    /// Matrices with all entries.
    #[choice("dense selective")]
    Dense,
    /// Diagonal matrices: Mamba's.
    #[choice("diagonal selective")]
    Diagonal,
    /// A diagonal one on top of another.
    #[choice("two diagonal layers")]
    Stacked,
    /// A matrix that does not look at the input: S4's.
    #[choice("S4 filter")]
    Filter,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Settings {
    /// Numbers in the state of each recurrence (two layers have twice as many).
    #[control(label = "hidden size N", default = Size::N128)]
    pub hidden_size: Size,
    /// How strongly a unit of the input turns the state: the entries of its matrices have deviation s/√N, of diagonal ones s.
    #[control(label = "matrix scale s", range = 0.05..=1.5, log, default = 0.3)]
    pub scale: f64,
    /// What a linear read-out of the final state is to give.
    #[control(label = "target", default = Target::Volume)]
    pub target: Target,
    /// The word of the iterated integral: up to five of the letters 1, 2, 3.
    #[control(label = "word", longest = 20, when = ("target", "word"), default = "1232".into())]
    pub word: Text,
    /// The recurrence that is drawn in full; the others stand behind it.
    #[control(label = "recurrence", default = Kind::Dense, live)]
    pub recurrence: Kind,
    /// Straight pieces of each random path.
    #[control(label = "path length", range = 8..=256, log, default = 32, unit = "segments")]
    pub path_length: usize,
    /// Random paths that the read-out is fitted on. It is tested on 250 others.
    #[control(label = "training paths", range = 100..=4000, log, default = 1000)]
    pub training_paths: usize,
    /// Your path, corner by corner, in its first two coordinates.
    #[control(label = "your path", count = 2..=24, domain = [[-1.5, 1.5], [-1.5, 1.5]], default = loop_of_twelve())]
    pub path: Points,
    /// The third coordinate of your path, from its start to its end.
    #[control(label = "its height", samples = 40, domain = 0.0..=1.0, range = -1.5..=1.5, default = rising())]
    pub height: Curve,
}

/// How large the state may be.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Size {
    /// 16 numbers.
    #[choice("16")]
    N16,
    /// 32 numbers.
    #[choice("32")]
    N32,
    /// 64 numbers.
    #[choice("64")]
    N64,
    /// 128 numbers.
    #[choice("128")]
    N128,
    /// 256 numbers.
    #[choice("256")]
    N256,
}

/// All sizes, the smallest first.
const SIZES: [usize; 5] = [16, 32, 64, 128, 256];

impl Size {
    fn number(self) -> usize {
        SIZES[self as usize]
    }
}

/// A loop and a third, seen from above.
fn loop_of_twelve() -> Points {
    let corners = [
        [0.9, 0.0],
        [0.64, 0.64],
        [0.0, 0.9],
        [-0.64, 0.64],
        [-0.9, 0.0],
        [-0.64, -0.64],
        [0.0, -0.9],
        [0.64, -0.64],
        [0.9, 0.0],
        [0.64, 0.64],
        [0.0, 0.9],
        [-0.64, 0.64],
    ];
    Points(corners.to_vec())
}

fn rising() -> Curve {
    Curve((0..40).map(|i| -0.8 + 1.6 * f64::from(i) / 39.0).collect())
}

/// Channels of a path.
const CHANNELS: usize = 3;
/// One straight piece of a path.
pub type Segment = [f64; CHANNELS];
/// Paths of the test, and paths that go through the recurrences together.
const TEST_PATHS: usize = 250;
const BLOCK: usize = 50;
/// The exponential's series ends with the first term this much smaller than the state.
const PRECISION: f64 = 1e-3;
/// The greatest exponent of one piece, and the greatest state, of a diagonal recurrence.
const STEEPEST: f64 = 40.0;
const HUGE: f64 = 1e12;
/// Penalty of the read-out, per path, on features of unit variance.
const PENALTY: f64 = 1e-7;
/// Numbers that the second of two layers sees of the first.
const PASSED: usize = 3;
/// Their size, small enough that exponentials of them have moments.
const MIXED: f64 = 0.3;
/// Parts into which a piece of the visitor's path is cut, to follow the reading along it.
const PARTS: usize = 6;
/// The read-out is fitted anew at most so many times on the way.
const FITS: usize = 20;

/// All words of one to three letters.
fn short_words() -> Vec<Vec<usize>> {
    let longer = |words: &[Vec<usize>]| -> Vec<Vec<usize>> {
        words.iter().flat_map(|word| (0..CHANNELS).map(|i| word.iter().copied().chain([i]).collect())).collect()
    };
    let one = longer(&[vec![]]);
    let two = longer(&one);
    let three = longer(&two);
    [one, two, three].concat()
}

/// The iterated integrals `S^w = ∫…∫ dω^{w_1} … dω^{w_m}` of a path of straight pieces, one for each word.
pub fn iterated_integrals(path: &[Segment], words: &[Vec<usize>]) -> Vec<f64> {
    let integral = |word: &Vec<usize>| {
        // The integrals of all beginnings of the word.
        let mut s = vec![0.0; word.len() + 1];
        s[0] = 1.0;
        for piece in path {
            // Chen's identity, S^{w_1…w_m} ← Σ_j S^{w_1…w_j} Δ^{w_{j+1}} … Δ^{w_m} / (m − j)!
            for m in (1..=word.len()).rev() {
                let mut factor = 1.0;
                for j in (0..m).rev() {
                    factor *= piece[word[j]] / (m - j) as f64;
                    s[m] += s[j] * factor;
                }
            }
        }
        s[word.len()]
    };
    words.iter().map(integral).collect()
}

/// A linear combination of iterated integrals.
type Combination = Vec<(f64, Vec<usize>)>;

fn area() -> Combination {
    vec![(0.5, vec![0, 1]), (-0.5, vec![1, 0])]
}

/// `Σ_π sgn(π) S^{π(1)π(2)π(3)}`.
fn volume() -> Combination {
    let orders =
        [([0, 1, 2], 1.0), ([1, 2, 0], 1.0), ([2, 0, 1], 1.0), ([0, 2, 1], -1.0), ([2, 1, 0], -1.0), ([1, 0, 2], -1.0)];
    orders.into_iter().map(|(word, sign)| (sign, word.to_vec())).collect()
}

/// What the settings ask for.
fn wanted(settings: &Settings) -> Result<Combination> {
    Ok(match settings.target {
        Target::Area => area(),
        Target::Volume => volume(),
        Target::Increment => vec![(1.0, vec![0])],
        Target::Word => {
            let letter = |(at, letter): (usize, char)| match letter {
                '1'..='3' => Ok(letter as usize - '1' as usize),
                _ => Err(Error::of("word", "a word is made of the letters 1, 2 and 3").at(at)),
            };
            let word: Vec<usize> = settings.word.0.chars().enumerate().map(letter).collect::<Result<_>>()?;
            if word.is_empty() || word.len() > 5 {
                return Err(Error::of("word", "a word has one to five letters"));
            }
            vec![(1.0, word)]
        }
    })
}

fn combined(path: &[Segment], combination: &Combination) -> f64 {
    combination.iter().map(|(factor, word)| factor * iterated_integrals(path, std::slice::from_ref(word))[0]).sum()
}

/// `dh = Σ_i A_i h dω^i + B dω` with matrices of all entries.
#[derive(Clone, Debug)]
pub struct Dense {
    /// The three `A_i` side by side and transposed: entry `(c, i N + r)` is `A_i[r, c]`, by rows of `3N`.
    pub a: Vec<f64>,
    /// `B`, by rows: row `i` is what a unit of `ω^i` adds to the state.
    pub b: Vec<f64>,
}

impl Dense {
    fn random(n: usize, s: f64, rng: &mut Rng) -> Self {
        let deviation = s / (n as f64).sqrt();
        let a = normals(n * CHANNELS * n, rng).into_iter().map(|a| deviation * a).collect();
        Self { a, b: normals(CHANNELS * n, rng) }
    }

    /// One straight piece for each path, whose state is a row of `h`:
    /// `h ← e^M h + (∫_0^1 e^{τM} dτ) B Δω` with `M = Σ_i A_i Δω^i`, by the series `t_1 = M h + B Δω`, `t_k = M t_{k−1} / k`.
    pub fn advance(&self, h: &mut [f64], pieces: &[Segment], precision: f64) {
        let n = self.b.len() / CHANNELS;
        let size = |x: &[f64]| x.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
        let mut term = h.to_vec();
        for k in 1..=60 {
            let products = matmul(View::by_rows(&term, pieces.len(), n), View::by_rows(&self.a, n, CHANNELS * n));
            for ((term, products), piece) in
                term.chunks_exact_mut(n).zip(products.chunks_exact(CHANNELS * n)).zip(pieces)
            {
                let [x, y, z] = piece.map(|delta| delta / f64::from(k));
                let (first, rest) = products.split_at(n);
                let (second, third) = rest.split_at(n);
                for (((term, a), b), c) in term.iter_mut().zip(first).zip(second).zip(third) {
                    *term = x * a + y * b + z * c;
                }
                if k == 1 {
                    add_inputs(term, &self.b, piece);
                }
            }
            h.iter_mut().zip(&term).for_each(|(h, term)| *h += term);
            if size(&term) <= precision * size(h) {
                break;
            }
        }
    }
}

/// `h ← h + B Δ`, `B` by rows of one channel each.
fn add_inputs(h: &mut [f64], b: &[f64], piece: &[f64]) {
    for (row, delta) in b.chunks_exact(h.len()).zip(piece) {
        h.iter_mut().zip(row).for_each(|(h, b)| *h += b * delta);
    }
}

/// The same with diagonal matrices: every number of the state by itself.
#[derive(Clone, Debug)]
pub struct Diagonal {
    /// The diagonals, by rows: row `i` is the diagonal of `A_i`.
    pub a: Vec<f64>,
    /// `B` in the same way.
    pub b: Vec<f64>,
}

impl Diagonal {
    fn random(n: usize, channels: usize, s: f64, rng: &mut Rng) -> Self {
        let a = normals(channels * n, rng).into_iter().map(|a| s * a).collect();
        Self { a, b: normals(channels * n, rng) }
    }

    /// `h ← e^z h + (e^z − 1)/z · (B Δω)` with `z = Σ_i a_i Δω^i`, entry by entry.
    pub fn advance(&self, h: &mut [f64], piece: &[f64]) {
        let (mut z, mut input) = (vec![0.0; h.len()], vec![0.0; h.len()]);
        add_inputs(&mut z, &self.a, piece);
        add_inputs(&mut input, &self.b, piece);
        for ((h, z), input) in h.iter_mut().zip(z).zip(input) {
            // Nothing overflows, however large the matrices.
            let z = z.clamp(-STEEPEST, STEEPEST);
            let growth = exp_wide(z);
            *h = (growth * *h + mean_growth(z, growth) * input).clamp(-HUGE, HUGE);
        }
    }
}

/// `(e^z − 1) / z`, by its series near zero. Both are computed and one is taken: a loop without a branch runs in SIMD registers.
fn mean_growth(z: f64, growth: f64) -> f64 {
    let near = 1.0 + z / 2.0 * (1.0 + z / 3.0 * (1.0 + z / 4.0 * (1.0 + z / 5.0 * (1.0 + z / 6.0 * (1.0 + z / 7.0)))));
    let far = (growth - 1.0) / z;
    if z.abs() < 0.05 { near } else { far }
}

/// A recurrence with random matrices, which nothing trains.
#[derive(Clone)]
enum Recurrence {
    Dense(Dense),
    Diagonal(Diagonal),
    /// The second layer is driven by the path and by a few random mixtures of the first layer's state.
    Stacked {
        first: Diagonal,
        mixture: Vec<f64>,
        second: Diagonal,
    },
    /// `x' = a x + b ω'`, S4D's complex modes: the real parts stand first in the state, then the imaginary ones.
    Filter {
        modes: Modes,
        b: Vec<f64>,
    },
}

/// A recurrence and where its states begin.
#[derive(Clone)]
struct Model {
    recurrence: Recurrence,
    start: Vec<f64>,
}

impl Model {
    fn random(kind: Kind, n: usize, s: f64, rng: &mut Rng) -> Self {
        let recurrence = match kind {
            Kind::Dense => Recurrence::Dense(Dense::random(n, s, rng)),
            Kind::Diagonal => Recurrence::Diagonal(Diagonal::random(n, CHANNELS, s, rng)),
            Kind::Stacked => Recurrence::Stacked {
                first: Diagonal::random(n, CHANNELS, s, rng),
                mixture: normals(n * PASSED, rng).into_iter().map(|p| MIXED * p / (n as f64).sqrt()).collect(),
                second: Diagonal::random(n, CHANNELS + PASSED, s, rng),
            },
            Kind::Filter => Recurrence::Filter { modes: Modes::lin(n / 2), b: normals(CHANNELS * n, rng) },
        };
        let width = if kind == Kind::Stacked { 2 * n } else { n };
        let start = if kind == Kind::Filter { vec![0.0; width] } else { normals(width, rng) };
        Self { recurrence, start }
    }

    /// Takes the states, a row for each path, over one straight piece of each, which lasts `time`.
    fn advance(&self, h: &mut [f64], pieces: &[Segment], time: f64) {
        let rows = h.chunks_exact_mut(self.start.len()).zip(pieces);
        match &self.recurrence {
            Recurrence::Dense(dense) => dense.advance(h, pieces, PRECISION),
            Recurrence::Diagonal(diagonal) => rows.for_each(|(h, piece)| diagonal.advance(h, piece)),
            Recurrence::Stacked { first, mixture, second } => rows.for_each(|(h, piece)| {
                let (lower, upper) = h.split_at_mut(self.start.len() / 2);
                let mut input = [piece[0], piece[1], piece[2], 0.0, 0.0, 0.0];
                for sign in [-1.0, 1.0] {
                    if sign > 0.0 {
                        first.advance(lower, piece);
                    }
                    for (input, p) in input[CHANNELS..].iter_mut().zip(mixture.chunks_exact(lower.len())) {
                        *input += sign * lower.iter().zip(p).map(|(h, p)| h * p).sum::<f64>();
                    }
                }
                second.advance(upper, &input);
            }),
            Recurrence::Filter { modes, b } => {
                // With the input held at Δω / time, zero-order hold is exact.
                let Modes { a, b: gain } = modes.discretise(time, Rule::ZeroOrderHold);
                rows.for_each(|(h, piece)| {
                    let mut input = vec![0.0; h.len()];
                    add_inputs(&mut input, b, piece);
                    let (re, im) = h.split_at_mut(a.len());
                    let (input_re, input_im) = input.split_at(a.len());
                    for (n, (a, gain)) in a.iter().zip(&gain).enumerate() {
                        let u = Complex::new(input_re[n], input_im[n]) / time;
                        let x = a * Complex::new(re[n], im[n]) + gain * u;
                        (re[n], im[n]) = (x.re, x.im);
                    }
                });
            }
        }
    }
}

/// An affine read-out of a state: for each target a weight for each feature.
#[derive(Clone)]
struct Readout {
    means: Vec<f64>,
    /// By rows, a row for each feature.
    weights: Vec<f64>,
    intercepts: Vec<f64>,
}

impl Readout {
    fn read(&self, states: &[f64]) -> Vec<f64> {
        let (k, m) = (self.means.len(), self.intercepts.len());
        let centred: Vec<f64> =
            states.chunks_exact(k).flat_map(|h| h.iter().zip(&self.means).map(|(h, mean)| h - mean)).collect();
        let rows = centred.len() / k;
        let mut read: Vec<f64> = (0..rows).flat_map(|_| self.intercepts.iter().copied()).collect();
        matmul_add(View::by_rows(&centred, rows, k), View::by_rows(&self.weights, k, m), &mut read);
        read
    }
}

/// Sums over the training paths: all that ridge regression needs of them.
#[derive(Clone)]
struct Sums {
    paths: f64,
    gram: Vec<f64>,
    cross: Vec<f64>,
    states: Vec<f64>,
    targets: Vec<f64>,
}

impl Sums {
    fn new(k: usize, m: usize) -> Self {
        Self {
            paths: 0.0,
            gram: vec![0.0; k * k],
            cross: vec![0.0; k * m],
            states: vec![0.0; k],
            targets: vec![0.0; m],
        }
    }

    fn absorb(&mut self, states: &[f64], targets: &[f64]) {
        let (k, m) = (self.states.len(), self.targets.len());
        let rows = states.len() / k;
        let (h, y) = (View::by_rows(states, rows, k), View::by_rows(targets, rows, m));
        matmul_add(h.t(), h, &mut self.gram);
        matmul_add(h.t(), y, &mut self.cross);
        self.paths += rows as f64;
        for (sums, all) in [(&mut self.states, states), (&mut self.targets, targets)] {
            for row in all.chunks_exact(sums.len()) {
                sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
            }
        }
    }

    /// Ridge regression of the targets on the states, both centred, the states scaled to unit variance.
    fn fit(&self) -> Readout {
        let (k, m, paths) = (self.states.len(), self.targets.len(), self.paths);
        let [means, intercepts] =
            [&self.states, &self.targets].map(|sums| sums.iter().map(|sum| sum / paths).collect::<Vec<f64>>());
        let covariance = |i: usize, j: usize| self.gram[i * k + j] / paths - means[i] * means[j];
        let scales: Vec<f64> = (0..k).map(|i| 1.0 / covariance(i, i).max(1e-20).sqrt()).collect();
        let mut gram = vec![0.0; k * k];
        let mut cross = vec![0.0; k * m];
        for i in 0..k {
            (0..k).for_each(|j| gram[i * k + j] = covariance(i, j) * scales[i] * scales[j]);
            (0..m).for_each(|c| {
                cross[i * m + c] = (self.cross[i * m + c] / paths - means[i] * intercepts[c]) * scales[i]
            });
        }
        let mut weights = ridge(&gram, PENALTY, &cross, k, m);
        for (row, scale) in weights.chunks_exact_mut(m).zip(&scales) {
            row.iter_mut().for_each(|weight| *weight *= scale);
        }
        Readout { means, weights, intercepts }
    }
}

/// One recurrence of one size, on its way through the paths.
#[derive(Clone)]
struct Run {
    kind: Kind,
    size: usize,
    model: Rc<Model>,
    /// The states of the paths of this block, a row each.
    h: Vec<f64>,
    /// The final states of the test paths.
    test: Vec<Rc<Vec<f64>>>,
    sums: Rc<Sums>,
    readout: Option<Rc<Readout>>,
    /// Test R² of each target, and what was read of the wanted one.
    scores: Rc<Vec<f64>>,
    predictions: Rc<Vec<f64>>,
    /// The state on the visitor's path, and what was read of it so far.
    own: Vec<f64>,
    readings: Vec<f64>,
}

/// The exhibit.
#[derive(Clone)]
pub struct SelectiveSsmSignature {
    settings: Settings,
    rng: Rng,
    step: usize,
    words: Rc<Vec<Vec<usize>>>,
    wanted: Rc<Combination>,
    runs: Vec<Run>,
    /// The paths of this block, one after the other, and what is true of them, a row each.
    paths: Rc<Vec<Vec<Segment>>>,
    truths: Rc<Vec<f64>>,
    /// The same of the test paths.
    test: Vec<Rc<Vec<f64>>>,
    /// The visitor's path in fine pieces, and what is true of the wanted target after each.
    own: Rc<Vec<Segment>>,
    own_truths: Rc<Vec<f64>>,
}

/// Straight pieces of the visitor's path, each cut into parts.
fn own_path(settings: &Settings) -> Vec<[f64; CHANNELS]> {
    let (corners, height) = (&settings.path.0, &settings.height.0);
    let corner = |at: f64| {
        let index = (at as usize).min(corners.len() - 2);
        let share = at - index as f64;
        let between = |from: f64, to: f64| from + share * (to - from);
        let along = at / (corners.len() - 1) as f64 * (height.len() - 1) as f64;
        let low = (along as usize).min(height.len() - 2);
        let z = height[low] + (along - low as f64) * (height[low + 1] - height[low]);
        let [from, to] = [corners[index], corners[index + 1]];
        [between(from[0], to[0]), between(from[1], to[1]), z]
    };
    let pieces = (corners.len() - 1) * PARTS;
    (0..=pieces).map(|part| corner(part as f64 / PARTS as f64)).collect()
}

impl SelectiveSsmSignature {
    /// Segments that a step takes a block over: about as much work at every size.
    fn stride(&self) -> usize {
        let n = self.settings.hidden_size.number();
        (3 * 128 * 128 / (n * n)).clamp(1, 8)
    }

    fn blocks(&self) -> usize {
        TEST_PATHS / BLOCK + self.training_blocks()
    }

    fn training_blocks(&self) -> usize {
        self.settings.training_paths.div_ceil(BLOCK)
    }

    fn steps_a_block(&self) -> usize {
        self.settings.path_length.div_ceil(self.stride())
    }

    /// Steps until all read-outs are fitted.
    fn fitted_at(&self) -> usize {
        self.blocks() * self.steps_a_block() + self.runs.len()
    }

    /// Draws the next block of paths, with what is true of them.
    fn draw_block(&mut self, count: usize) {
        let length = self.settings.path_length;
        let deviation = 1.0 / (length as f64).sqrt();
        let mut piece = || std::array::from_fn(|_| deviation * self.rng.sample::<f64, _>(StandardNormal));
        let paths: Vec<Vec<Segment>> = (0..count).map(|_| (0..length).map(|_| piece()).collect()).collect();
        let truths = paths.iter().flat_map(|path| {
            let mut row = iterated_integrals(path, &self.words);
            row.extend([combined(path, &area()), combined(path, &volume()), combined(path, &self.wanted)]);
            row
        });
        self.truths = Rc::new(truths.collect());
        self.paths = Rc::new(paths);
        for run in &mut self.runs {
            run.h = (0..count).flat_map(|_| run.model.start.iter().copied()).collect();
        }
    }

    fn targets(&self) -> usize {
        self.words.len() + 3
    }

    fn truth_of_test(&self, target: usize) -> impl Iterator<Item = f64> + Clone + '_ {
        let m = self.targets();
        self.test.iter().flat_map(move |block| block.chunks_exact(m).map(move |row| row[target]))
    }

    /// Fits one run's read-out on the paths so far and tests it.
    fn fit(&mut self, index: usize) {
        let m = self.targets();
        let readout = self.runs[index].sums.fit();
        let read: Vec<f64> = self.runs[index].test.iter().flat_map(|states| readout.read(states)).collect();
        let score = |target: usize| {
            let truth = self.truth_of_test(target);
            let mean = truth.clone().sum::<f64>() / TEST_PATHS as f64;
            let (mut missed, mut spread) = (0.0, 0.0);
            for (truth, read) in truth.zip(read.chunks_exact(m)) {
                missed += (truth - read[target]) * (truth - read[target]);
                spread += (truth - mean) * (truth - mean);
            }
            1.0 - missed / spread
        };
        let scores: Vec<f64> = (0..m).map(score).collect();
        let run = &mut self.runs[index];
        run.scores = Rc::new(scores);
        run.predictions = Rc::new(read.chunks_exact(m).map(|row| row[m - 1]).collect());
        run.readout = Some(Rc::new(readout));
    }

    /// A part of the way of one block.
    fn advance_block(&mut self, within: usize) {
        let (length, stride) = (self.settings.path_length, self.stride());
        let time = 1.0 / length as f64;
        for t in (within * stride..(within + 1) * stride).take_while(|&t| t < length) {
            let pieces: Vec<Segment> = self.paths.iter().map(|path| path[t]).collect();
            for run in &mut self.runs {
                run.model.advance(&mut run.h, &pieces, time);
            }
        }
    }

    /// Takes in the final states of a block.
    fn absorb_block(&mut self, block: usize) {
        let tested = TEST_PATHS / BLOCK;
        let size = self.settings.hidden_size.number();
        if block < tested {
            self.test.push(Rc::clone(&self.truths));
        }
        for run in &mut self.runs {
            if block < tested {
                run.test.push(Rc::new(std::mem::take(&mut run.h)));
            } else {
                Rc::make_mut(&mut run.sums).absorb(&run.h, &self.truths);
            }
        }
        let every = self.training_blocks().div_ceil(FITS);
        if block >= tested && (block + 1 - tested).is_multiple_of(every) {
            for index in 0..self.runs.len() {
                if self.runs[index].size == size {
                    self.fit(index);
                }
            }
        }
    }

    /// One more piece of the visitor's path.
    fn follow_own(&mut self, at: usize) {
        let (piece, time) = (self.own[at], 1.0 / self.own.len() as f64);
        let (size, m) = (self.settings.hidden_size.number(), self.targets());
        for run in self.runs.iter_mut().filter(|run| run.size == size) {
            run.model.advance(&mut run.own, &[piece], time);
            run.readings.extend(run.readout.as_ref().map(|readout| readout.read(&run.own)[m - 1]));
        }
    }

    fn in_full(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter(|run| run.size == self.settings.hidden_size.number())
    }

    fn score(&self, kind: Kind, target: usize) -> Option<f64> {
        self.in_full().find(|run| run.kind == kind)?.scores.get(target).copied()
    }

    fn name_of_target(&self) -> String {
        match self.settings.target {
            Target::Area => "area ½(S¹² − S²¹)".to_owned(),
            Target::Volume => "signed volume".to_owned(),
            Target::Increment => "increment S¹".to_owned(),
            Target::Word => format!("integral of the word {}", self.settings.word.0),
        }
    }
}

const KINDS: [(Kind, &str); 4] =
    [(Kind::Dense, "dense"), (Kind::Diagonal, "diagonal"), (Kind::Stacked, "stacked"), (Kind::Filter, "filter")];

fn contender(kind: Kind) -> &'static str {
    KINDS[kind as usize].1
}

impl Exhibit for SelectiveSsmSignature {
    const CARD: Card = CARD;
    type Controls = Settings;

    fn new(settings: &Settings, rng: &mut Rng) -> Result<Self> {
        let wanted = wanted(settings)?;
        let words = short_words();
        let sizes = SIZES.into_iter().filter(|&size| size <= settings.hidden_size.number());
        let m = words.len() + 3;
        let mut run = |kind: Kind, size: usize| {
            let model = Rc::new(Model::random(kind, size, settings.scale, rng));
            let width = model.start.len();
            Run {
                kind,
                size,
                own: model.start.clone(),
                model,
                h: Vec::new(),
                test: Vec::new(),
                sums: Rc::new(Sums::new(width, m)),
                readout: None,
                scores: Rc::default(),
                predictions: Rc::default(),
                readings: Vec::new(),
            }
        };
        let runs = sizes.flat_map(|size| KINDS.map(|(kind, _)| run(kind, size))).collect();
        let corners = own_path(settings);
        let own: Vec<Segment> =
            corners.windows(2).map(|pair| std::array::from_fn(|i| pair[1][i] - pair[0][i])).collect();
        let own_truths = (0..=own.len()).map(|count| combined(&own[..count], &wanted)).collect();
        Ok(Self {
            settings: settings.clone(),
            rng: rng.clone(),
            step: 0,
            words: Rc::new(words),
            wanted: Rc::new(wanted),
            runs,
            paths: Rc::default(),
            truths: Rc::default(),
            test: Vec::new(),
            own: Rc::new(own),
            own_truths: Rc::new(own_truths),
        })
    }

    fn length(&self) -> usize {
        self.fitted_at() + self.own.len()
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        let steps = self.steps_a_block();
        let (block, within) = (self.step / steps, self.step % steps);
        let read = self.blocks() * steps;
        if block < self.blocks() {
            if within == 0 {
                let trained = block.saturating_sub(TEST_PATHS / BLOCK) * BLOCK;
                self.draw_block((self.settings.training_paths - trained).min(BLOCK));
            }
            self.advance_block(within);
            if within + 1 == steps {
                self.absorb_block(block);
            }
        } else if self.step < self.fitted_at() {
            self.fit(self.step - read);
        } else {
            self.follow_own(self.step - self.fitted_at());
        }
        self.step += 1;
        Progress::Running
    }

    fn figures(&self, figures: &mut Figures) {
        self.draw_scatter(figures);
        self.draw_words(figures);
        self.draw_sizes(figures);
        self.draw_path(figures);
        self.draw_reading(figures);
    }

    fn claim(&self) -> Claim {
        let open = self.step < self.fitted_at();
        let target = self.targets() - 1;
        let area = self.words.len();
        let name = self.name_of_target();
        let level = if self.settings.target == Target::Volume { ", one level lower," } else { "" };
        let clause = |text: String, value: Option<f64>, low: Option<f64>, high: f64| {
            let clause = match low {
                Some(low) => Clause::at_least(text, value, low),
                None => Clause::at_most(text, value, high),
            };
            clause.pending_while(open)
        };
        Claim::new(vec![
            clause(
                format!(
                    "From the dense selective state the {name} is read with a test R² of {{value}} (at least {{low}})."
                ),
                self.score(Kind::Dense, target),
                Some(0.95),
                1.0,
            ),
            clause(
                format!("From the diagonal selective state the {name} is read with {{value}} (at most {{high}})."),
                self.score(Kind::Diagonal, target),
                None,
                0.2,
            ),
            clause(
                format!("From the S4 filter's state the {name} is read with {{value}} (at most {{high}})."),
                self.score(Kind::Filter, target),
                None,
                0.05,
            ),
            clause(
                format!("The area{level} is read from the diagonal state with {{value}} (at least {{low}})."),
                self.score(Kind::Diagonal, area),
                Some(0.95),
                1.0,
            ),
            clause(
                "The S4 filter gives the area with {value} (at most {high}).".to_owned(),
                self.score(Kind::Filter, area),
                None,
                0.05,
            ),
        ])
    }

    fn retune(&mut self, settings: &Settings) {
        self.settings.recurrence = settings.recurrence;
    }

    fn scenarios() -> Vec<Scenario<Settings>> {
        let default = Settings::default;
        vec![
            Scenario::holds(
                "volume",
                "Signed volume",
                "Third level, fully alternating: what no diagonal recurrence of one layer can hold.",
                default(),
            ),
            Scenario::holds(
                "sixteen-pieces",
                "Paths of sixteen pieces",
                "Coarser paths have a signature as well, and are read as well.",
                Settings { path_length: 16, ..default() },
            ),
            Scenario::fails(
                "area",
                "Lévy area",
                "One level down the diagonal recurrence reads as well as the dense one: multiplying by the input once is enough.",
                Settings { target: Target::Area, hidden_size: Size::N64, path_length: 16, ..default() },
            ),
            Scenario::fails(
                "increment",
                "Increment",
                "Where the path ends is linear in the path: every recurrence knows it.",
                Settings { target: Target::Increment, hidden_size: Size::N64, path_length: 16, ..default() },
            ),
            Scenario::fails(
                "large-matrices",
                "Large matrices",
                "At s = 1 long words have weights as large as short ones: the projection is swamped by what nobody asked for.",
                Settings { scale: 1.0, hidden_size: Size::N64, path_length: 16, ..default() },
            ),
            Scenario::fails(
                "sixteen",
                "Sixteen units",
                "Sixteen numbers cannot hold the 39 integrals up to level three.",
                Settings { hidden_size: Size::N16, ..default() },
            ),
        ]
    }
}

/// R² is drawn no lower than this.
const WORST: f64 = -0.25;

impl SelectiveSsmSignature {
    fn draw_scatter(&self, figures: &mut Figures) {
        let trained = self.runs.last().map_or(0.0, |run| run.sums.paths);
        let caption = format!(
            "Each dot is a path the read-out has not seen; it was fitted on {trained} others. On the line, truth is read. \
             Readings beyond the axes are drawn at their edge."
        );
        let title = format!("Reading the {}", self.name_of_target());
        let mut figure = figures.figure("scatter", title, caption);
        let target = self.targets() - 1;
        let truth: Vec<f64> = self.truth_of_test(target).collect();
        let most = truth.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
        let most = if most > 0.0 { 1.05 * most } else { 1.0 };
        figure
            .x(Axis::linear("truth").domain(-most, most))
            .y(Axis::linear("read from the state").domain(-most, most))
            .equal();
        figure.line([-most, most], [-most, most]).ink(Ink::Muted).label("truth");
        let mut runs: Vec<&Run> = self.in_full().collect();
        runs.sort_by_key(|run| run.kind == self.settings.recurrence);
        for run in runs {
            let read = run.predictions.iter().map(|read| read.clamp(-most, most));
            let dots = figure.dot(&truth, read.collect::<Vec<f64>>());
            dots.of(contender(run.kind)).radius(2.0);
            if run.kind != self.settings.recurrence {
                dots.faint();
            }
        }
    }

    fn draw_words(&self, figures: &mut Figures) {
        let caption = "Test R² for words of each pattern (the mean over the words that have it), and for area and volume. \
                       Below zero is drawn as zero.";
        let mut figure = figures.figure("words", "Which words each state holds", caption);
        const PATTERNS: [&str; 8] = ["i", "ij", "ii", "ijk", "iij", "iji", "ijj", "iii"];
        let names = PATTERNS.into_iter().chain(["area", "vol."]);
        figure.x(Axis::categories("word", names)).y(Axis::linear("test R²").domain(0.0, 1.05));
        for run in self.in_full().filter(|run| !run.scores.is_empty()) {
            let place = 0.16 * (run.kind as usize as f64 - 1.5);
            let mean = |shape: &str| {
                let of_shape = self.words.iter().zip(run.scores.iter()).filter(|(word, _)| pattern(word) == shape);
                let (count, sum) = of_shape.fold((0.0, 0.0), |(count, sum), (_, score)| (count + 1.0, sum + score));
                sum / count
            };
            let mut heights: Vec<f64> = PATTERNS.iter().map(|shape| mean(shape)).collect();
            heights.extend(&run.scores[self.words.len()..self.words.len() + 2]);
            let heights = heights.iter().map(|score| score.clamp(0.0, 1.0));
            let xs = (0..PATTERNS.len() + 2).map(|category| category as f64 + place);
            figure.dot(xs.collect::<Vec<f64>>(), heights.collect::<Vec<f64>>()).of(contender(run.kind)).radius(4.0);
        }
    }

    fn draw_sizes(&self, figures: &mut Figures) {
        let caption = "Test R² for the target against the size of the state; each size is a recurrence of its own. Dashed: 0.95. Below −0.25 is drawn there.";
        let mut figure = figures.figure("sizes", "How many numbers it takes", caption);
        figure.x(Axis::log("hidden size N").domain(14.0, 300.0)).y(Axis::linear("test R²").domain(WORST, 1.05));
        let target = self.targets() - 1;
        for (kind, id) in KINDS {
            let fitted = self.runs.iter().filter(|run| run.kind == kind);
            let points = fitted.filter_map(|run| Some((run.size as f64, run.scores.get(target)?.max(WORST))));
            let (sizes, scores): (Vec<f64>, Vec<f64>) = points.unzip();
            figure.line(&sizes, &scores).of(id);
            figure.dot(&sizes, &scores).of(id);
        }
        figure.rule_y([0.95]).ink(Ink::Muted).dashed();
    }

    fn draw_path(&self, figures: &mut Figures) {
        let corners = own_path(&self.settings);
        let areas: Vec<f64> = SHADOWS
            .iter()
            .map(|&(i, j, _)| {
                0.5 * (combined(&self.own, &vec![(1.0, vec![i, j])]) - combined(&self.own, &vec![(1.0, vec![j, i])]))
            })
            // As shown, and without a zero below zero.
            .map(|area| (100.0 * area).round() / 100.0 + 0.0)
            .collect();
        let caption = format!(
            "Your path in space, and its shadows on three walls, closed by their chords. Their signed areas: {:.2}, {:.2}, {:.2}.",
            areas[0], areas[1], areas[2]
        )
        .replace('-', "−");
        let mut figure = figures.figure("path", "Your path and its areas", caption);
        figure.equal();
        let r = ROOM;
        let edges = [[[-r, -r, -r], [r, -r, -r]], [[-r, -r, -r], [-r, r, -r]], [[-r, -r, -r], [-r, -r, r]]];
        figure.link(&edges.map(|edge| seen(edge[0])), &edges.map(|edge| seen(edge[1])), None).ink(Ink::Muted);
        let names = [[1.15 * r, -r, -r], [-r, 1.15 * r, -r], [-r, -r, 1.1 * r]];
        figure.text(&names.map(seen), ["ω¹", "ω²", "ω³"]).ink(Ink::Muted);
        for (place, (_, _, wall)) in SHADOWS.iter().enumerate() {
            let shadow: Vec<[f64; 2]> = corners
                .iter()
                .map(|corner| {
                    let mut flat = *corner;
                    flat[*wall] = -r;
                    seen(flat)
                })
                .collect();
            let label = ["area 12", "area 23", "area 31"][place];
            let tone = Ink::Tone(0.2 + 0.3 * place as f64);
            figure.polygon(shadow.iter().map(|p| p[0]), shadow.iter().map(|p| p[1])).ink(tone).faint().label(label);
        }
        let path: Vec<[f64; 2]> = corners.iter().map(|corner| seen(*corner)).collect();
        figure.line(path.iter().map(|p| p[0]), path.iter().map(|p| p[1])).ink(Ink::Strong).label("path");
        figure.dot([path[0][0]], [path[0][1]]).ink(Ink::Strong).radius(4.0);
    }

    fn draw_reading(&self, figures: &mut Figures) {
        let caption = "The read-out, fitted on final states only, applied on the way along your path: where the state is a \
                       projection of the signature, it is right at every moment.";
        let mut figure = figures.figure("reading", "Read along your path", caption);
        let most = self.own_truths.iter().fold(0.1_f64, |most, x| most.max(x.abs()));
        figure
            .x(Axis::linear("share of the path").domain(0.0, 1.0))
            .y(Axis::linear(self.name_of_target()).domain(-2.0 * most, 2.0 * most));
        let along = |k: usize| k as f64 / self.own.len() as f64;
        for run in self.in_full() {
            let line = figure.line(
                (1..=run.readings.len()).map(along),
                run.readings.iter().map(|read| read.clamp(-2.0 * most, 2.0 * most)),
            );
            line.of(contender(run.kind));
            if run.kind != self.settings.recurrence {
                line.faint();
            }
        }
        figure.line((0..=self.own.len()).map(along), self.own_truths.iter()).ink(Ink::Strong).dashed().label("truth");
    }
}

/// The walls: the two coordinates that a shadow keeps, and the one that it loses.
const SHADOWS: [(usize, usize, usize); 3] = [(0, 1, 2), (1, 2, 0), (2, 0, 1)];
/// Half the width of the room in which the path is drawn.
const ROOM: f64 = 1.6;

/// Where a point of space is drawn: seen along the diagonal.
fn seen(point: [f64; CHANNELS]) -> [f64; 2] {
    [0.866 * (point[1] - point[0]), point[2] - 0.5 * (point[0] + point[1])]
}

/// The pattern of a word: i, j, k in the order in which its letters first come.
fn pattern(word: &[usize]) -> String {
    let mut met: Vec<usize> = Vec::new();
    let mut name = String::new();
    for letter in word {
        let place = met.iter().position(|known| known == letter).unwrap_or_else(|| {
            met.push(*letter);
            met.len() - 1
        });
        name.push(['i', 'j', 'k'][place]);
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_reference::{apart, list, numbers, vectors, wholes};
    use proptest::prelude::{ProptestConfig, prop, prop_assert, proptest};

    fn segments() -> impl proptest::strategy::Strategy<Value = Vec<Segment>> {
        prop::collection::vec(prop::array::uniform3(-1.0_f64..1.0), 1..12)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        // Any two integrals multiply to the sum over the shuffles of their words.
        #[test]
        fn products_are_sums_over_shuffles(path in segments(), i in 0_usize..3, j in 0_usize..3, k in 0_usize..3) {
            let s = iterated_integrals(&path, &[vec![i], vec![j, k], vec![i, j, k], vec![j, i, k], vec![j, k, i]]);
            prop_assert!((s[0] * s[1] - s[2] - s[3] - s[4]).abs() < 1e-11);
        }

        // Chen: going there and back is going nowhere, in every integral and in every state that the path alone moves.
        #[test]
        fn a_path_and_its_return_undo_each_other(path in segments(), seed in 0_u64..1000) {
            let back = path.iter().rev().map(|piece| piece.map(|x| -x));
            let whole: Vec<Segment> = path.iter().copied().chain(back).collect();
            prop_assert!(iterated_integrals(&whole, &short_words()).iter().all(|s| s.abs() < 1e-11));
            let rng = &mut Rng::seed_from_u64(seed);
            let (dense, diagonal, start) =
                (Dense::random(16, 0.3, rng), Diagonal::random(16, CHANNELS, 0.3, rng), normals(16, rng));
            let (mut x, mut y) = (start.clone(), start.clone());
            for piece in &whole {
                dense.advance(&mut x, &[*piece], 1e-14);
                diagonal.advance(&mut y, piece);
            }
            prop_assert!(apart(&x, &start) < 1e-9 && apart(&y, &start) < 1e-9, "{x:?} {y:?} {start:?}");
        }

        // Diagonal matrices commute: without an input the order of the pieces does not matter at all.
        #[test]
        fn a_diagonal_gate_forgets_the_order_of_the_past(path in segments(), seed in 0_u64..1000) {
            let rng = &mut Rng::seed_from_u64(seed);
            let mut diagonal = Diagonal::random(8, CHANNELS, 0.4, rng);
            diagonal.b.fill(0.0);
            let start = normals(8, rng);
            let ends = [path.clone(), path.iter().rev().copied().collect::<Vec<_>>()].map(|path| {
                let mut h = start.clone();
                path.iter().for_each(|piece| diagonal.advance(&mut h, piece));
                h
            });
            prop_assert!(ends[0].iter().zip(&ends[1]).all(|(a, b)| (a - b).abs() < 1e-11 * (1.0 + a.abs())));
        }
    }

    #[test]
    fn a_square_walked_round_has_its_area_and_a_flat_path_no_volume() {
        let square = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]];
        assert!((combined(&square, &area()) - 1.0).abs() < 1e-15);
        assert!(combined(&square, &volume()).abs() < 1e-15);
        // Along three edges of a cube the corners span it.
        let edges = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        assert!((combined(&edges, &volume()) - 1.0).abs() < 1e-15);
    }

    #[test]
    fn a_read_out_finds_what_is_linear() {
        let rng = &mut Rng::seed_from_u64(1);
        let states = normals(60 * 4, rng);
        let targets: Vec<f64> = states.chunks(4).flat_map(|h| [3.0 + 2.0 * h[0] - h[3], h[1]]).collect();
        let mut sums = Sums::new(4, 2);
        sums.absorb(&states[..30 * 4], &targets[..30 * 2]);
        sums.absorb(&states[30 * 4..], &targets[30 * 2..]);
        let read = sums.fit().read(&states);
        assert!(read.iter().zip(&targets).all(|(a, b)| (a - b).abs() < 1e-6));
    }

    // NumPy integrates polynomials piece by piece, and SciPy's matrix exponential takes the states on.
    #[test]
    fn integrals_and_states_are_those_of_numpy() {
        let stored = vectors(include_str!("../../../../tests/reference/selective_signature.json"));
        let path: Vec<Segment> =
            numbers(&stored["path"]).chunks(3).map(|piece| [piece[0], piece[1], piece[2]]).collect();
        let words: Vec<Vec<usize>> = list(&stored["words"]).iter().map(wholes).collect();
        let integrals = apart(&iterated_integrals(&path, &words), &numbers(&stored["integrals"]));
        let state = |name: &str, part: &str| numbers(&stored[name][part]);
        let dense = Dense { a: state("dense", "a"), b: state("dense", "b") };
        let diagonal = Diagonal { a: state("diagonal", "a"), b: state("diagonal", "b") };
        let n = state("filter", "end").len();
        let filter = Recurrence::Filter { modes: Modes::lin(n / 2), b: state("filter", "b") };
        let filter = Model { recurrence: filter, start: vec![0.0; n] };
        let (mut x, mut y, mut z) = (state("dense", "start"), state("diagonal", "start"), filter.start.clone());
        for piece in &path {
            dense.advance(&mut x, &[*piece], 1e-15);
            diagonal.advance(&mut y, piece);
            filter.advance(&mut z, &[*piece], 1.0 / path.len() as f64);
        }
        let errors = [
            apart(&x, &state("dense", "end")),
            apart(&y, &state("diagonal", "end")),
            apart(&z, &state("filter", "end")),
        ];
        let [x, y, z] = errors;
        println!("largest differences: integrals {integrals:.1e}, states {x:.1e} {y:.1e} {z:.1e}");
        assert!(integrals < 1e-12 && errors.iter().all(|&error| error < 1e-11), "{integrals:e} {errors:?}");
    }
}
