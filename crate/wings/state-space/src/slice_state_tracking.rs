//! A recurrence reads tokens and multiplies its state by a matrix that depends on the token,
//! $$h_{k}=\exp\!\big(A^{x_k}\big)\,h_{k-1},$$
//! one step of a linear differential equation that the tokens control. Products of matrices can be taken in any grouping, so a parallel
//! scan computes all states. The question is what $A$ must look like. Diagonal matrices are cheap, but they commute: the state cannot
//! tell in which order two tokens came. Full ones cost $d^2$. The paper proves that blocks, sparse masks and Walsh-Hadamard products
//! are as expressive as full matrices, given enough states.
//!
//! **What you see.** Tokens are the elements of a group; after each one the product of all so far is asked for. Three recurrences of
//! one width are trained by Adam on words that grow from 3 to 20 tokens, and tested on longer words. For the
//! permutations of three things, blocks of four keep on answering at twice the length of training; the diagonal one loses the order.
//! The dashed line is a recurrence with permutation matrices, set by hand: right for ever.
//!
//! **Try** the commutative group Z6: complex phases suffice, and the diagonal one learns it too. (Beyond the training length its phases,
//! only nearly right, drift.) Set the block size to one, a real diagonal.
//!
//! **Where it stops.** An exponential of a real matrix has a positive determinant, and a swap turns the plane over: blocks of *two* fail
//! with the exponential, and mostly learn with $I+A$. Expressive is not trainable: in these 400 steps A4 is learnt in part and A5 is not,
//! Walsh-Hadamard with its $d$ numbers a token stays at guessing, and two diagonal layers, which could do S3 (a parity, then a
//! rotation whose sense depends on it), do not find it.
//!
//! **Made definite.** The low rank and a row of the sparse mask have about $b$ numbers. Costs are counted, not timed, since clocks differ. A
//! second layer mixes two matrices a token by a soft bit read from the first.

use orrery_core::prelude::*;
use orrery_kernels::autodiff::{Graph, Node};
use orrery_kernels::data::Group;
use orrery_kernels::linalg::{View, matmul};
use orrery_kernels::math::{PI, TAU, cos, log2, sincos};
use orrery_kernels::networks::Parameters;
use orrery_kernels::optim::{Adam, Optimizer};
use orrery_kernels::ssm::associative_scan;
use std::rc::Rc;

const CARD: Card = Card {
    slug: "slice-state-tracking",
    title: "Structured Linear CDEs: Maximally Expressive and Parallel-in-Time Sequence Models",
    year: 2025,
    lists: &[2],
    claim: "Small blocks in the transition matrix keep track of a group that no diagonal recurrence can follow.",
    algorithms: &[
        "SLiCE",
        "linear controlled differential equation",
        "block-diagonal recurrence",
        "DeltaNet",
        "Walsh-Hadamard transform",
        "Mamba",
        "state tracking",
        "word problem",
        "parallel scan",
        "Adam",
    ],
    contenders: &[
        Contender::paper("chosen", "chosen structure"),
        Contender::baseline("diagonal", "diagonal"),
        Contender::baseline("dense", "dense"),
        Contender::baseline("hand", "set by hand"),
    ],
};

/// The group whose products are to be followed.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum GroupName {
    /// Adding modulo six: commutative.
    #[choice("Z6")]
    Z6,
    /// The six permutations of three things.
    #[choice("S3")]
    S3,
    /// The twelve even permutations of four things.
    #[choice("A4")]
    A4,
    /// The sixty even permutations of five things.
    #[choice("A5")]
    A5,
}

/// What the matrices `A^i` look like.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Structure {
    /// Complex numbers on the diagonal, two places of the state each.
    #[choice("diagonal")]
    Diagonal,
    /// Blocks on the diagonal.
    #[choice("block-diagonal")]
    Block,
    /// A diagonal and a product of thin matrices.
    #[choice("DPLR")]
    Dplr,
    /// A random mask.
    #[choice("sparse")]
    Sparse,
    /// A diagonal behind a Walsh-Hadamard transform.
    #[choice("Walsh-Hadamard")]
    WalshHadamard,
    /// All entries.
    #[choice("dense")]
    Dense,
}

/// Numbers in the state.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Size {
    /// 16.
    #[choice("16")]
    N16,
    /// 32.
    #[choice("32")]
    N32,
    /// 64.
    #[choice("64")]
    N64,
}

/// How `A` becomes a transition.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Update {
    /// `exp(A)`.
    #[choice("exponential")]
    Exponential,
    /// `I + A`.
    #[choice("first order")]
    FirstOrder,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Settings {
    /// Each token is an element of the group; after each the product of all so far is asked for.
    #[control(label = "group", default = GroupName::S3)]
    pub group: GroupName,
    /// Which entries a transition matrix may have.
    #[control(label = "structure", default = Structure::Block)]
    pub structure: Structure,
    /// Side of the blocks; the rank of DPLR, and the entries a row of the sparse mask keeps.
    #[control(label = "block size b", range = 1..=8, default = 4, when = ("structure", ["block", "dplr", "sparse"]))]
    pub block_size: usize,
    /// Numbers in the state, rounded up to whole blocks.
    #[control(label = "hidden size d", default = Size::N32)]
    pub hidden_size: Size,
    /// Test words are this many times as long as the longest of training.
    #[control(label = "test length", range = 1.0..=8.0, step = 0.5, default = 2.0, unit = "× 20")]
    pub test_length: f64,
    /// The second layer's transitions depend on the token and on a soft bit that it reads from the first.
    #[control(label = "layers", range = 1..=2, default = 1)]
    pub layers: usize,
    /// How the matrix of a token becomes a transition.
    #[control(label = "update", default = Update::Exponential)]
    pub update: Update,
}

/// Words are at most this long in training, and at least [`SHORTEST`].
const LONGEST: usize = 20;
const SHORTEST: usize = 3;
/// The longest words of training grow by one token in so many steps.
const GROWTH: usize = 10;
/// Words in a batch, and tokens in the test.
const BATCH: usize = 64;
const TEST: usize = 8000;
/// Adam's steps, its greatest rate, and the greatest length of a gradient.
const STEPS: usize = 400;
const RATE: f64 = 3e-2;
const CLIP: f64 = 1.0;
/// The test is taken every so many steps.
const EVERY: usize = 20;
/// Entries of `A` are drawn so that it has about this size.
const START: f64 = 0.5;
/// The accuracy at the end of a word is the mean over so many places.
const END: usize = 10;
/// Soft states that the second layer reads from the first.
const LIFTS: usize = 2;

impl GroupName {
    fn group(self) -> Group {
        match self {
            Self::Z6 => Group::cyclic(6),
            Self::S3 => Group::symmetric(3),
            Self::A4 => Group::alternating(4),
            Self::A5 => Group::alternating(5),
        }
    }
}

/// Words of one length, one after the other, each place with its token and the product so far.
#[derive(Clone, Default)]
struct Words {
    length: usize,
    tokens: Vec<usize>,
    products: Vec<usize>,
}

impl Words {
    fn draw(group: &Group, count: usize, length: usize, rng: &mut Rng) -> Self {
        let (mut tokens, mut products) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let word = group.words(length, rng);
            tokens.extend(word.inputs);
            products.extend(word.targets.into_iter().flatten());
        }
        Self { length, tokens, products }
    }
}

/// The transition matrices of all tokens: blocks along the diagonal, all of one side.
struct Transitions {
    side: usize,
    blocks: usize,
    /// Matrices of each token: one, or one for each soft state of the layer below.
    lifts: usize,
    /// By token, soft state, block and row.
    rows: Vec<f32>,
    /// The same blocks transposed.
    columns: Vec<f32>,
}

impl Transitions {
    fn new(rows: Vec<f32>, side: usize, blocks: usize, lifts: usize) -> Self {
        let mut columns = vec![0.0; rows.len()];
        for (to, from) in columns.chunks_exact_mut(side * side).zip(rows.chunks_exact(side * side)) {
            (0..side * side).for_each(|at| to[at] = from[at % side * side + at / side]);
        }
        Self { side, blocks, lifts, rows, columns }
    }

    fn width(&self) -> usize {
        self.side * self.blocks
    }

    /// Where the matrix of a token and a soft state lies.
    fn range(&self, token: usize, lift: usize) -> std::ops::Range<usize> {
        let size = self.blocks * self.side * self.side;
        let start = (token * self.lifts + lift) * size;
        start..start + size
    }

    /// `h_t = Σ_z p_t(z) M_{x_t, z} h_{t−1}` at every place of every word, from `start`. Without soft states `h_t = M_{x_t} h_{t−1}`.
    fn recur(&self, start: &[f32], words: &Words, soft: Option<&[f32]>) -> Vec<f32> {
        let (d, k) = (self.width(), self.side);
        let mut all = vec![0.0; words.tokens.len() * d];
        for (row, &token) in words.tokens.iter().enumerate() {
            let (past, rest) = all.split_at_mut(row * d);
            let before = if row % words.length == 0 { start } else { &past[(row - 1) * d..] };
            for z in 0..self.lifts {
                let p = soft.map_or(1.0, |soft| soft[row * self.lifts + z]);
                let columns = self.columns[self.range(token, z)].chunks_exact(k * k);
                for ((h, before), columns) in rest[..d].chunks_exact_mut(k).zip(before.chunks_exact(k)).zip(columns) {
                    for (column, before) in columns.chunks_exact(k).zip(before) {
                        let factor = p * before;
                        h.iter_mut().zip(column).for_each(|(h, m)| *h += factor * m);
                    }
                }
            }
        }
        all
    }

    /// What the adjoint `d_h` of all states gives for the matrices, the start and the soft states:
    /// `δ_{t−1} = d_{t−1} + M_tᵀ δ_t`, `dM_{x_t} += δ_t h_{t−1}ᵀ`.
    fn pull_back(&self, start: &[f32], words: &Words, soft: Option<&[f32]>, h: &[f32], d_h: &[f32]) -> Adjoint {
        let (d, k) = (self.width(), self.side);
        let mut adjoint = Adjoint {
            matrices: vec![0.0; self.rows.len()],
            start: vec![0.0; d],
            soft: vec![0.0; soft.map_or(0, <[f32]>::len)],
        };
        for word in 0..words.tokens.len() / words.length {
            let mut carried = vec![0.0; d];
            for row in (word * words.length..(word + 1) * words.length).rev() {
                let delta: Vec<f32> = carried.iter().zip(&d_h[row * d..]).map(|(carried, own)| carried + own).collect();
                carried.fill(0.0);
                let before = if row == word * words.length { start } else { &h[(row - 1) * d..row * d] };
                for z in 0..self.lifts {
                    let p = soft.map_or(1.0, |soft| soft[row * self.lifts + z]);
                    let range = self.range(words.tokens[row], z);
                    let blocks = self.rows[range.clone()].chunks_exact(k * k);
                    let d_blocks = adjoint.matrices[range].chunks_exact_mut(k * k);
                    let states = before.chunks_exact(k).zip(carried.chunks_exact_mut(k)).zip(delta.chunks_exact(k));
                    let mut gain = 0.0;
                    for ((block, d_block), ((before, carried), delta)) in blocks.zip(d_blocks).zip(states) {
                        for ((row, d_row), delta) in block.chunks_exact(k).zip(d_block.chunks_exact_mut(k)).zip(delta) {
                            let factor = p * delta;
                            carried.iter_mut().zip(row).for_each(|(carried, m)| *carried += factor * m);
                            d_row.iter_mut().zip(before).for_each(|(d, before)| *d += factor * before);
                            if soft.is_some() {
                                gain += delta * row.iter().zip(before).map(|(m, before)| m * before).sum::<f32>();
                            }
                        }
                    }
                    if soft.is_some() {
                        adjoint.soft[row * self.lifts + z] = gain;
                    }
                }
            }
            adjoint.start.iter_mut().zip(&carried).for_each(|(sum, carried)| *sum += carried);
        }
        adjoint
    }

    /// The matrix of a token with all its zeros, by rows.
    fn whole(&self, token: usize) -> Vec<f32> {
        let (d, k) = (self.width(), self.side);
        let mut whole = vec![0.0; d * d];
        for (block, entries) in self.rows[self.range(token, 0)].chunks_exact(k * k).enumerate() {
            for (i, row) in entries.chunks_exact(k).enumerate() {
                let at = (block * k + i) * d + block * k;
                whole[at..at + k].copy_from_slice(row);
            }
        }
        whole
    }

    /// The states of one word by the parallel scan of its matrices, `(M', M) ↦ M M'`, each block by itself.
    fn scan(&self, start: &[f32], word: &[usize]) -> Vec<f32> {
        let k = self.side;
        let mut prefixes: Vec<Vec<f32>> = word.iter().map(|&token| self.rows[self.range(token, 0)].to_vec()).collect();
        associative_scan(&mut prefixes, |earlier, later| {
            let pairs = later.chunks_exact(k * k).zip(earlier.chunks_exact(k * k));
            pairs.flat_map(|(m, n)| matmul(View::by_rows(m, k, k), View::by_rows(n, k, k))).collect()
        });
        let state = |prefix: &Vec<f32>| -> Vec<f32> {
            let blocks = prefix.chunks_exact(k * k).zip(start.chunks_exact(k));
            blocks
                .flat_map(|(block, start)| block.chunks_exact(k).map(|row| inner(row, start)).collect::<Vec<f32>>())
                .collect()
        };
        prefixes.iter().flat_map(state).collect()
    }
}

fn inner(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The gradient of a loss by what a recurrence is made of.
struct Adjoint {
    matrices: Vec<f32>,
    start: Vec<f32>,
    soft: Vec<f32>,
}

/// `exp` of a stack of `count` square matrices: `exp(A) = (exp(A / 2^s))^(2^s)`, with Taylor's series for the small one.
fn exponential(g: &mut Graph<f32>, a: Node, count: usize) -> Node {
    const SQUARINGS: i32 = 5;
    const ORDER: usize = 5;
    let (rows, side) = g.shape(a);
    let identity = (0..rows * side).map(|at| f32::from(u8::from(at / side % side == at % side))).collect();
    let identity = g.leaf(rows, side, identity);
    let small = g.scale(a, 1.0 / f32::from(1_u8 << SQUARINGS));
    // Horner: I + A (I + A/2 (I + A/3 (…))).
    let mut sum = identity;
    for order in (1..=ORDER).rev() {
        let product = g.products((small, false), (sum, false), count);
        let product = g.scale(product, 1.0 / order as f32);
        sum = g.add(identity, product);
    }
    for _ in 0..SQUARINGS {
        sum = g.products((sum, false), (sum, false), count);
    }
    sum
}

/// The matrices of one layer as functions of parameters.
#[derive(Clone)]
struct Layer {
    structure: Structure,
    update: Update,
    side: usize,
    blocks: usize,
    lifts: usize,
    tokens: usize,
    rank: usize,
    /// Which parameter stands in which entry of `A`, and what it is multiplied by.
    index: Rc<[Option<u32>]>,
    factors: Rc<Vec<f32>>,
    /// How many parameters those are, and how far they scatter at first.
    entries: usize,
    deviation: f64,
}

impl Layer {
    fn new(structure: Structure, settings: &Settings, d: usize, tokens: usize, lifts: usize, rng: &mut Rng) -> Self {
        let b = settings.block_size;
        let (side, blocks) = match structure {
            Structure::Block => (b, d.div_ceil(b)),
            Structure::Diagonal => (2, d / 2),
            _ => (d, 1),
        };
        let matrices = tokens * lifts;
        let size = blocks * side * side;
        let mut index: Vec<Option<u32>> = Vec::new();
        let mut factors = Vec::new();
        // The parameters of one matrix.
        let own = match structure {
            Structure::Diagonal | Structure::Dplr | Structure::WalshHadamard => d,
            Structure::Block | Structure::Sparse | Structure::Dense => size,
        };
        let mask: Vec<bool> = (0..size).map(|_| rng.random::<f64>() < b as f64 / d as f64).collect();
        for matrix in 0..matrices {
            for at in 0..size {
                let (block, i, j) = (at / (side * side), at / side % side, at % side);
                let (entry, factor) = match structure {
                    Structure::Block | Structure::Dense => (Some(at), 1.0),
                    // [x, −y, y, x] of x + iy.
                    Structure::Diagonal => (Some(2 * block + usize::from(i != j)), if i < j { -1.0 } else { 1.0 }),
                    Structure::Dplr => (Some(i).filter(|_| i == j), 1.0),
                    Structure::Sparse => (Some(at).filter(|&at| mask[at] || i == j), 1.0),
                    // H D, the columns of H scaled.
                    Structure::WalshHadamard => {
                        let sign = if (i & j).count_ones().is_multiple_of(2) { 1.0 } else { -1.0 };
                        (Some(j), sign / (d as f64).sqrt())
                    }
                };
                index.push(entry.map(|entry| (matrix * own + entry) as u32));
                factors.push(factor as f32);
            }
        }
        let deviation = match structure {
            Structure::Diagonal | Structure::WalshHadamard | Structure::Dplr => START,
            Structure::Block | Structure::Sparse => START / (b as f64).sqrt(),
            Structure::Dense => START / (d as f64).sqrt(),
        };
        Self {
            structure,
            update: settings.update,
            side,
            blocks,
            lifts,
            tokens,
            rank: b,
            index: index.into(),
            factors: Rc::new(factors),
            entries: matrices * own,
            deviation,
        }
    }

    fn width(&self) -> usize {
        self.side * self.blocks
    }

    fn declare(&self, name: &str, parameters: &mut Parameters) {
        parameters.weights(format!("{name}.A"), 1, self.entries, self.deviation);
        let thin = if self.structure == Structure::Dplr { self.rank } else { 0 };
        let deviation = (START / (self.width() as f64).sqrt()).sqrt();
        let rows = self.tokens * self.lifts * self.width();
        parameters.weights(format!("{name}.U"), rows, thin, deviation);
        parameters.weights(format!("{name}.V"), rows, thin, deviation);
        parameters.weights(format!("{name}.start"), 1, self.width(), 1.0);
    }

    /// The stack of transition matrices: `exp(A)` or `I + A`.
    fn transitions(&self, g: &mut Graph<f32>, [entries, u, v]: [Node; 3]) -> Node {
        let count = self.tokens * self.lifts * self.blocks;
        let (rows, side) = (count * self.side, self.side);
        let picked = g.pick(entries, rows, side, Rc::clone(&self.index));
        let factors = g.leaf(rows, side, self.factors.to_vec());
        let mut a = g.mul(picked, factors);
        if self.structure == Structure::Dplr {
            let low = g.products((u, false), (v, true), count);
            a = g.add(a, low);
        }
        match self.update {
            Update::Exponential => exponential(g, a, count),
            Update::FirstOrder => {
                let identity = (0..rows * side).map(|at| f32::from(u8::from(at / side % side == at % side))).collect();
                let identity = g.leaf(rows, side, identity);
                g.add(identity, a)
            }
        }
    }

    fn read(&self, g: &Graph<f32>, matrices: Node) -> Transitions {
        Transitions::new(g.value(matrices).to_vec(), self.side, self.blocks, self.lifts)
    }

    /// Parameters of the transitions, and multiplications that one token costs in the recurrence.
    fn counts(&self) -> [f64; 2] {
        let d = self.width() as f64;
        let dense = d * d;
        let (own, multiplications) = match (self.structure, self.update) {
            (Structure::Diagonal, _) => (d, 2.0 * d),
            (Structure::Block, _) => (d * self.side as f64, d * self.side as f64),
            (Structure::Dplr, Update::FirstOrder) => {
                (d * (1.0 + 2.0 * self.rank as f64), d * (1.0 + 2.0 * self.rank as f64))
            }
            (Structure::Dplr, _) => (d * (1.0 + 2.0 * self.rank as f64), dense),
            (Structure::WalshHadamard, Update::FirstOrder) => (d, d * (1.0 + log2(d))),
            (Structure::WalshHadamard, _) => (d, dense),
            (Structure::Sparse, update) => {
                let kept = self.index.iter().take(self.width() * self.width()).flatten().count() as f64;
                (kept, if update == Update::FirstOrder { kept } else { dense })
            }
            (Structure::Dense, _) => (dense, dense),
        };
        [own * (self.tokens * self.lifts) as f64, multiplications * self.lifts as f64]
    }
}

/// A recurrence that is trained: one or two layers and a linear read-out.
#[derive(Clone)]
struct Model {
    layers: Rc<Vec<Layer>>,
    parameters: Rc<Parameters>,
    classes: usize,
    theta: Vec<f32>,
    adam: Adam<f32>,
    /// The mean loss of the last batch, and the accuracy of the test at each place.
    losses: Series,
    accuracy: Rc<Vec<f64>>,
    /// The elements it takes the first test word's products for.
    walk: Rc<Vec<usize>>,
}

impl Model {
    fn new(structure: Structure, settings: &Settings, classes: usize, rng: &mut Rng) -> Self {
        let d = [16, 32, 64][settings.hidden_size as usize];
        let lifts = |layer: usize| if layer == 0 { 1 } else { LIFTS };
        let layers: Vec<Layer> =
            (0..settings.layers).map(|layer| Layer::new(structure, settings, d, classes, lifts(layer), rng)).collect();
        let mut parameters = Parameters::new();
        for (number, layer) in layers.iter().enumerate() {
            layer.declare(&number.to_string(), &mut parameters);
            let outputs = if number + 1 == layers.len() { classes } else { LIFTS };
            parameters.weights(format!("{number}.weight"), layer.width(), outputs, 1.0 / (layer.width() as f64).sqrt());
            parameters.row(format!("{number}.bias"), outputs, 0.0);
        }
        let theta: Vec<f32> = parameters.initial(rng);
        Self {
            layers: Rc::new(layers),
            adam: Adam::new(theta.len(), RATE, [0.9, 0.99]),
            parameters: Rc::new(parameters),
            classes,
            theta,
            losses: Series::new(),
            accuracy: Rc::default(),
            walk: Rc::default(),
        }
    }

    /// The transitions of each layer.
    fn transitions(&self) -> Vec<Transitions> {
        let mut g = Graph::new();
        let p = self.parameters.leaves(&mut g, &self.theta);
        let read = |(layer, p): (&Layer, &[Node])| {
            let matrices = layer.transitions(&mut g, [p[0], p[1], p[2]]);
            layer.read(&g, matrices)
        };
        self.layers.iter().zip(p.chunks_exact(PER_LAYER)).map(read).collect()
    }

    /// The mean cross-entropy of the products of a batch, and its gradient.
    fn gradient(&self, words: &Words, gradient: &mut [f32]) -> f64 {
        let g = &mut Graph::new();
        let p = self.parameters.leaves(g, &self.theta);
        let rows = words.tokens.len();
        let mut passes: Vec<Pass> = Vec::new();
        for (layer, p) in self.layers.iter().zip(p.chunks_exact(PER_LAYER)) {
            let matrices = layer.transitions(g, [p[0], p[1], p[2]]);
            let transitions = layer.read(g, matrices);
            let soft = passes.last().map(|pass| g.value(pass.output).to_vec());
            let h = transitions.recur(g.value(p[3]), words, soft.as_deref());
            let states = g.leaf(rows, layer.width(), h);
            let logits = g.linear(states, p[4], p[5]);
            let last = passes.len() + 1 == self.layers.len();
            let output = if last { g.cross_entropy(logits, &words.products) } else { g.softmax(logits) };
            passes.push(Pass { matrices, transitions, soft, states, output });
        }
        let loss = passes.last().map_or(0.0, |pass| f64::from(g.scalar(pass.output)));
        // Backwards: what the loss is in terms of each layer's output, linear there.
        let mut found: Vec<Vec<Node>> = Vec::new();
        let mut scalar = passes.last().map(|pass| pass.output);
        for (pass, p) in passes.iter().zip(p.chunks_exact(PER_LAYER)).rev() {
            let Some(f) = scalar.take() else { continue };
            let [d_states, d_weight, d_bias] = g.gradient(f, [pass.states, p[4], p[5]]);
            let start = g.value(p[3]).to_vec();
            let (h, d_h) = (g.value(pass.states), g.value(d_states));
            let adjoint = pass.transitions.pull_back(&start, words, pass.soft.as_deref(), h, d_h);
            let through_matrices = linear_form(g, pass.matrices, adjoint.matrices);
            let [d_a, d_u, d_v] = g.gradient(through_matrices, [p[0], p[1], p[2]]);
            let d_start = g.leaf(1, start.len(), adjoint.start);
            found.push(vec![d_a, d_u, d_v, d_start, d_weight, d_bias]);
            let below = passes.len().checked_sub(found.len() + 1).and_then(|below| passes.get(below));
            scalar = below.map(|below| linear_form(g, below.output, adjoint.soft));
        }
        for (matrix, node) in self.parameters.matrices().iter().zip(found.iter().rev().flatten()) {
            gradient[matrix.range()].copy_from_slice(g.value(*node));
        }
        loss
    }

    fn train(&mut self, words: &Words, step: usize) {
        let mut gradient = vec![0.0; self.theta.len()];
        let loss = self.gradient(words, &mut gradient);
        let length = gradient.iter().map(|g| f64::from(g * g)).sum::<f64>().sqrt();
        if length.is_finite() {
            let shorten = (CLIP / length.max(CLIP)) as f32;
            gradient.iter_mut().for_each(|g| *g *= shorten);
            *self.adam.rate() = RATE * (0.02 + 0.49 * (1.0 + cos(PI * step as f64 / STEPS as f64)));
            self.adam.step(&mut self.theta, &gradient);
        }
        self.losses.push(step as f64, loss);
    }

    /// The states of the last layer, and the element that each is taken for.
    fn answers(&self, words: &Words) -> (Vec<f32>, Vec<usize>) {
        let g = &mut Graph::new();
        let p = self.parameters.leaves(g, &self.theta);
        let mut soft: Option<Vec<f32>> = None;
        let (mut states, mut logits) = (Vec::new(), Vec::new());
        for ((layer, p), transitions) in self.layers.iter().zip(p.chunks_exact(PER_LAYER)).zip(self.transitions()) {
            states = transitions.recur(g.value(p[3]), words, soft.as_deref());
            let h = g.leaf(words.tokens.len(), layer.width(), states.clone());
            let output = g.linear(h, p[4], p[5]);
            logits = g.value(output).to_vec();
            let bits = g.softmax(output);
            soft = Some(g.value(bits).to_vec());
        }
        let answer = |row: &[f32]| {
            let better = |best: usize, at: usize| if row[at] > row[best] { at } else { best };
            (1..row.len()).fold(0, better)
        };
        (states, logits.chunks_exact(self.classes).map(answer).collect())
    }

    fn test(&mut self, words: &Words) {
        let (_, answers) = self.answers(words);
        self.walk = Rc::new(answers[..words.length].to_vec());
        self.accuracy = Rc::new(accuracy(words, &answers));
    }

    /// The largest difference in a state of the last places between the recurrence and the parallel scan of the first layer,
    /// relative to the largest state.
    fn scan_error(&self, words: &Words) -> f64 {
        let Some(transitions) = self.transitions().into_iter().next() else { return 0.0 };
        let Some(range) = self.parameters.matrix("0.start").map(|matrix| matrix.range()) else { return 0.0 };
        let start = &self.theta[range];
        let word = Words {
            length: words.length,
            tokens: words.tokens[..words.length].to_vec(),
            products: words.products[..words.length].to_vec(),
        };
        let recurrent = transitions.recur(start, &word, None);
        let scanned = transitions.scan(start, &word.tokens);
        let apart = recurrent.iter().zip(&scanned).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max);
        let size = recurrent.iter().map(|h| f64::from(h.abs())).fold(1e-30, f64::max);
        apart / size
    }

    /// The accuracy at the end of the test words.
    fn at_the_end(&self) -> Option<f64> {
        let places = self.accuracy.len().min(END);
        (places > 0).then(|| self.accuracy[self.accuracy.len() - places..].iter().sum::<f64>() / places as f64)
    }
}

/// Matrices of parameters in a layer: A, U, V, start, weight, bias.
const PER_LAYER: usize = 6;

/// One layer of a forward pass.
struct Pass {
    matrices: Node,
    transitions: Transitions,
    soft: Option<Vec<f32>>,
    states: Node,
    output: Node,
}

/// `⟨x, d⟩`, whose gradient by `x` is `d`.
fn linear_form(g: &mut Graph<f32>, x: Node, d: Vec<f32>) -> Node {
    let (rows, columns) = g.shape(x);
    let d = g.leaf(rows, columns, d);
    let product = g.mul(x, d);
    g.sum(product)
}

/// The share of right answers at each place.
fn accuracy(words: &Words, answers: &[usize]) -> Vec<f64> {
    let mut right = vec![0.0; words.length];
    for (row, (answer, product)) in answers.iter().zip(&words.products).enumerate() {
        right[row % words.length] += f64::from(u8::from(answer == product));
    }
    let count = (words.tokens.len() / words.length) as f64;
    right.iter().map(|right| right / count).collect()
}

/// Nothing trained: the state is a list of things, each token permutes it, and the answer is the permutation that leads there.
fn by_hand(group: &Group, words: &Words) -> Vec<usize> {
    let things = group.permutation(0).len();
    let mut rows = Vec::new();
    for element in 0..group.order() {
        let mut matrix = vec![0.0; things * things];
        group.permutation(element).iter().enumerate().for_each(|(i, &to)| matrix[usize::from(to) * things + i] = 1.0);
        rows.extend(matrix);
    }
    let transitions = Transitions::new(rows, things, 1, 1);
    let start: Vec<f32> = (0..things).map(|i| i as f32).collect();
    let states = transitions.recur(&start, words, None);
    let answer = |state: &[f32]| {
        let leads = |element: &usize| {
            group.permutation(*element).iter().enumerate().all(|(i, &to)| state[usize::from(to)] == i as f32)
        };
        (0..group.order()).find(leads).unwrap_or_default()
    };
    states.chunks_exact(things).map(answer).collect()
}

/// The exhibit.
#[derive(Clone)]
pub struct SliceStateTracking {
    settings: Settings,
    rng: Rng,
    step: usize,
    group: Rc<Group>,
    batch: Rc<Words>,
    test: Rc<Words>,
    hand: Rc<Vec<f64>>,
    /// The chosen structure, diagonal, dense.
    models: [Model; 3],
    scan_error: Option<f64>,
}

const IDS: [&str; 3] = ["chosen", "diagonal", "dense"];

impl Exhibit for SliceStateTracking {
    const CARD: Card = CARD;
    type Controls = Settings;

    fn new(settings: &Settings, rng: &mut Rng) -> Result<Self> {
        let group = settings.group.group();
        if settings.group == GroupName::A5 && settings.hidden_size == Size::N64 {
            let message =
                "sixty matrices of 64 rows take too long to exponentiate at every step; choose 16 or 32 for A5";
            return Err(Error::of("hidden-size", message));
        }
        let length = (settings.test_length * LONGEST as f64).round() as usize;
        let test = Words::draw(&group, TEST / length, length, rng);
        let hand = accuracy(&test, &by_hand(&group, &test));
        let model = |structure| Model::new(structure, settings, group.order(), rng);
        Ok(Self {
            models: [settings.structure, Structure::Diagonal, Structure::Dense].map(model),
            settings: settings.clone(),
            rng: rng.clone(),
            step: 0,
            group: Rc::new(group),
            batch: Rc::default(),
            test: Rc::new(test),
            hand: Rc::new(hand),
            scan_error: None,
        })
    }

    fn length(&self) -> usize {
        STEPS * IDS.len()
    }

    // The models take turns, each on the same words.
    async fn step(&mut self, _: &Compute) -> Progress {
        let (round, turn) = (self.step / IDS.len(), self.step % IDS.len());
        if turn == 0 {
            let longest = LONGEST.min(SHORTEST + round / GROWTH);
            let length = self.rng.random_range(SHORTEST as u32..=longest as u32) as usize;
            self.batch = Rc::new(Words::draw(&self.group, BATCH, length, &mut self.rng));
        }
        let model = &mut self.models[turn];
        model.train(&self.batch, round);
        if (round + 1).is_multiple_of(EVERY) {
            model.test(&self.test);
            if turn == 0 {
                self.scan_error = Some(model.scan_error(&self.test));
            }
        }
        self.step += 1;
        Progress::Running
    }

    fn figures(&self, figures: &mut Figures) {
        self.draw_accuracy(figures);
        self.draw_matrices(figures);
        self.draw_graph(figures);
        self.draw_losses(figures);
        self.draw_costs(figures);
    }

    fn claim(&self) -> Claim {
        let open = self.step < self.length();
        let name = self.name();
        let length = self.test.length;
        let [chosen, diagonal, _] = &self.models;
        let scanned = if chosen.layers.len() > 1 { "first layer's recurrence" } else { "recurrence" };
        Claim::new(vec![
            Clause::at_least(
                format!("At the end of words of {length} tokens the {name} recurrence is right in {{value}} of the answers (at least {{low}})."),
                chosen.at_the_end(),
                0.95,
            )
            .pending_while(open),
            Clause::at_most(
                "The diagonal one is right in {value} (at most {high}).",
                diagonal.at_the_end(),
                0.6,
            )
            .pending_while(open),
            Clause::at_most(
                format!("The parallel scan gives the states of the {scanned} to {{value}} of their size (at most {{high}})."),
                self.scan_error,
                1e-4,
            )
            .pending_while(open),
        ])
    }

    fn scenarios() -> Vec<Scenario<Settings>> {
        let default = Settings::default;
        vec![
            Scenario::holds(
                "s3",
                "Three things, blocks of four",
                "Swaps and turns do not commute: blocks of four follow them far beyond the training length, the diagonal does not.",
                default(),
            ),
            Scenario::holds(
                "low-rank",
                "Diagonal plus rank four",
                "A thin product beside the diagonal is enough as well.",
                Settings { structure: Structure::Dplr, ..default() },
            ),
            Scenario::fails(
                "z6",
                "A commutative group",
                "Adding modulo six is turning by sixths, which complex numbers on the diagonal do: nothing is left to gain.",
                Settings { group: GroupName::Z6, test_length: 1.0, ..default() },
            ),
            Scenario::fails(
                "one-by-one",
                "Blocks of one",
                "A block of one is a real diagonal. It commutes, and cannot even turn.",
                Settings { block_size: 1, ..default() },
            ),
            Scenario::fails(
                "two-by-two",
                "Blocks of two",
                "Exponentials have positive determinants: no block of two can turn the plane over, as a swap must.",
                Settings { block_size: 2, ..default() },
            ),
        ]
    }
}

impl SliceStateTracking {
    fn name(&self) -> &'static str {
        match self.settings.structure {
            Structure::Diagonal => "diagonal",
            Structure::Block => "block-diagonal",
            Structure::Dplr => "diagonal-plus-low-rank",
            Structure::Sparse => "sparse",
            Structure::WalshHadamard => "Walsh-Hadamard",
            Structure::Dense => "dense",
        }
    }

    /// Two tokens that do not commute, where the group has such; two that undo each other would share their links.
    fn two_tokens(&self) -> [usize; 2] {
        let apart = |&token: &usize| self.group.product(1, token) != self.group.product(token, 1);
        [1, (2..self.group.order()).find(apart).unwrap_or(2)]
    }

    fn draw_accuracy(&self, figures: &mut Figures) {
        let caption =
            "Share of test words whose product is right after each token. Training saw words up to the rule only.";
        let mut figure = figures.figure("accuracy", "Right answers along the word", caption);
        let length = self.test.length as f64;
        figure
            .x(Axis::linear("place in the word").unit("tokens").domain(1.0, length))
            .y(Axis::linear("accuracy").domain(0.0, 1.05));
        let places = || (1..=self.test.length).map(|place| place as f64);
        figure.rule_x([LONGEST as f64]).ink(Ink::Muted).label("longest in training");
        figure.line([1.0, length], [1.0 / self.group.order() as f64; 2]).ink(Ink::Muted).dashed().label("guessing");
        figure.line(places(), self.hand.iter()).of("hand").dashed();
        for (model, id) in self.models.iter().zip(IDS).rev() {
            figure.line(places(), model.accuracy.iter()).of(id);
        }
    }

    fn draw_matrices(&self, figures: &mut Figures) {
        let transitions = self.models[0].transitions();
        let Some(first) = transitions.first() else { return };
        let d = first.width();
        let [one, two] = self.two_tokens().map(|token| first.whole(token));
        let product = |a: &[f32], b: &[f32]| matmul(View::by_rows(a, d, d), View::by_rows(b, d, d));
        let norm = |m: &[f32]| m.iter().map(|m| f64::from(m * m)).sum::<f64>().sqrt();
        let difference: Vec<f32> = product(&one, &two).iter().zip(product(&two, &one)).map(|(a, b)| a - b).collect();
        let commutator = norm(&difference) / norm(&product(&one, &two)).max(1e-30);
        let shown = d.min(32);
        let part = if shown < d { format!(" Drawn: the first {shown} rows and columns.") } else { String::new() };
        let caption = format!(
            "Left and right: what the {} recurrence multiplies its state by at two tokens. Their commutator is {commutator:.2} of their product.{part}",
            self.name()
        );
        let mut figure = figures.figure("matrices", "Two transitions", caption);
        let gap = 2;
        let columns = 2 * shown + gap;
        let mut values = Vec::new();
        for i in 0..shown {
            values.extend((0..shown).map(|j| f64::from(one[i * d + j])));
            values.extend([0.0; 2]);
            values.extend((0..shown).map(|j| f64::from(two[i * d + j])));
        }
        let (width, height) = (columns as f64, shown as f64);
        figure
            .x(Axis::linear("column").domain(0.0, width))
            .y(Axis::linear("row").domain(0.0, height).reversed())
            .equal();
        figure.raster(Grid { values: &values, columns, x: [0.0, width], y: [0.0, height] }, Colors::diverging("entry"));
    }

    fn draw_graph(&self, figures: &mut Figures) {
        let order = self.group.order();
        let place = |element: usize| {
            let (sin, cos) = sincos(TAU * element as f64 / order as f64);
            [sin, cos]
        };
        let at = if self.step == 0 { 0 } else { ((self.step - 1) / IDS.len()) % self.test.length };
        let caption = format!(
            "Elements on a circle, joined by two tokens. Cross: where token {} of a test word really leads. Discs: where the models think it is.",
            at + 1
        );
        let mut figure = figures.figure("graph", "Walking on the group", caption);
        figure.equal();
        for (token, tone) in self.two_tokens().into_iter().zip([0.35, 0.75]) {
            let from: Vec<[f64; 2]> = (0..order).map(place).collect();
            let to: Vec<[f64; 2]> = (0..order).map(|element| place(self.group.product(token, element))).collect();
            figure.link(&from, &to, None).ink(Ink::Tone(tone)).label(format!("token {token}"));
        }
        let all: Vec<[f64; 2]> = (0..order).map(place).collect();
        figure.dot(all.iter().map(|p| p[0]), all.iter().map(|p| p[1])).ink(Ink::Muted).symbol(Symbol::Ring).radius(3.0);
        for ((model, id), radius) in self.models.iter().zip(IDS).zip([8.0, 6.0, 4.0]) {
            let believed = model.walk.get(at).map(|&element| place(element));
            figure.dot(believed.map(|p| p[0]), believed.map(|p| p[1])).of(id).radius(radius);
        }
        let truth = place(self.test.products[at]);
        figure.dot([truth[0]], [truth[1]]).ink(Ink::Strong).symbol(Symbol::Cross).radius(6.0).label("truth");
    }

    fn draw_losses(&self, figures: &mut Figures) {
        let caption = "Mean cross-entropy over the places of each batch of 64 words of 3 to 20 tokens. Less than 10⁻³ is drawn there.";
        let mut figure = figures.figure("losses", "Training", caption);
        figure
            .x(Axis::linear("Adam step").domain(0.0, STEPS as f64))
            .y(Axis::log("cross-entropy").unit("nats").domain(1e-3, 5.0));
        for (model, id) in self.models.iter().zip(IDS).rev() {
            figure.line(model.losses.xs(), model.losses.ys().map(|loss| loss.max(1e-3)).collect::<Vec<f64>>()).of(id);
        }
    }

    fn draw_costs(&self, figures: &mut Figures) {
        let length = self.test.length;
        let caption = format!(
            "Counted, not timed. {length} tokens take {length} rounds in sequence and {} in the scan, which multiplies matrices \
             instead of a vector.",
            2.0 * log2(length as f64).ceil()
        );
        let mut figure = figures.figure("costs", "What a token costs", caption);
        let total =
            |count: fn(&Layer) -> f64| self.models.iter().map(|model| model.layers.iter().map(count).sum()).collect();
        let parameters: Vec<f64> = total(|layer| layer.counts()[0]);
        let products: Vec<f64> = total(|layer| layer.counts()[1]);
        let scan: Vec<f64> = total(|layer| 2.0 * layer.width() as f64 * (layer.side * layer.side) as f64);
        figure
            .table()
            .words("recurrence", [self.name(), "diagonal", "dense"])
            .numbers("parameters", parameters)
            .numbers("products in sequence", products)
            .numbers("in the scan", scan);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_kernels::fft::walsh_hadamard;
    use orrery_kernels::linalg::{DMatrix, expm};
    use orrery_kernels::random::normals;
    use orrery_reference::{list, numbers, vectors, wholes, word};

    const STRUCTURES: [Structure; 6] = [
        Structure::Diagonal,
        Structure::Block,
        Structure::Dplr,
        Structure::Sparse,
        Structure::WalshHadamard,
        Structure::Dense,
    ];

    fn small(structure: Structure, layers: usize, update: Update) -> Model {
        let settings = Settings { hidden_size: Size::N16, layers, update, ..Settings::default() };
        Model::new(structure, &settings, 6, &mut Rng::seed_from_u64(3))
    }

    fn largest(a: &[f32], b: &[f32]) -> f32 {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn the_gradient_is_the_slope_of_the_loss_for_every_structure_and_both_depths() {
        let rng = &mut Rng::seed_from_u64(1);
        let words = Words::draw(&Group::symmetric(3), 6, 5, rng);
        for structure in STRUCTURES {
            for (layers, update) in [(1, Update::Exponential), (2, Update::Exponential), (2, Update::FirstOrder)] {
                let model = small(structure, layers, update);
                let mut gradient = vec![0.0; model.theta.len()];
                model.gradient(&words, &mut gradient);
                let size = gradient.iter().map(|g| g * g).sum::<f32>().sqrt();
                // Along the gradient and along a random direction.
                for direction in
                    [gradient.clone(), normals(gradient.len(), rng).into_iter().map(|x| 0.1 * x as f32).collect()]
                {
                    let at = |t: f32| {
                        let mut moved = model.clone();
                        moved.theta.iter_mut().zip(&direction).for_each(|(theta, v)| *theta += t * v);
                        moved.gradient(&words, &mut vec![0.0; gradient.len()])
                    };
                    let h = 2e-2 / direction.iter().map(|v| v * v).sum::<f32>().sqrt();
                    let slope = (at(h) - at(-h)) / f64::from(2.0 * h);
                    let found = f64::from(inner(&gradient, &direction));
                    let scale = f64::from(size) / f64::from(h) * 2e-2;
                    assert!(
                        (slope - found).abs() < 0.02 * scale,
                        "{structure:?} {layers} {update:?}: {slope} {found} {scale}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_exponential_is_the_matrix_exponential() {
        let entries = normals(3 * 16, &mut Rng::seed_from_u64(2));
        let mut g = Graph::new();
        let a = g.leaf(12, 4, entries.iter().map(|&x| x as f32).collect());
        let found = exponential(&mut g, a, 3);
        for (found, a) in g.value(found).chunks(16).zip(entries.chunks(16)) {
            let known = expm(&DMatrix::from_row_slice(4, 4, a)).unwrap().transpose();
            let known: Vec<f32> = known.iter().map(|&x| x as f32).collect();
            let size = known.iter().fold(1.0_f32, |most, x| most.max(x.abs()));
            assert!(largest(found, &known) < 1e-5 * size);
        }
    }

    #[test]
    fn diagonal_transitions_commute_and_all_others_do_not() {
        for structure in STRUCTURES {
            let transitions = small(structure, 1, Update::Exponential).transitions();
            let d = transitions[0].width();
            let (one, two) = (transitions[0].whole(1), transitions[0].whole(2));
            let product = |a: &[f32], b: &[f32]| matmul(View::by_rows(a, d, d), View::by_rows(b, d, d));
            let apart = largest(&product(&one, &two), &product(&two, &one));
            assert_eq!(apart < 1e-5, structure == Structure::Diagonal, "{structure:?}: {apart}");
        }
    }

    #[test]
    fn a_walsh_hadamard_matrix_is_the_transform_of_a_scaled_vector() {
        let model = small(Structure::WalshHadamard, 1, Update::FirstOrder);
        let transitions = &model.transitions()[0];
        let x: Vec<f32> = (0..16).map(|i| 0.5 - 0.1 * i as f32).collect();
        let mut transformed: Vec<f32> = x.iter().zip(&model.theta[16..32]).map(|(x, d)| x * d / 4.0).collect();
        walsh_hadamard(&mut transformed);
        let expected: Vec<f32> = transformed.iter().zip(&x).map(|(h, x)| h + x).collect();
        let found: Vec<f32> = transitions.whole(1).chunks(16).map(|row| inner(row, &x)).collect();
        assert!(largest(&found, &expected) < 1e-5);
    }

    #[test]
    fn the_scan_is_the_recurrence() {
        let words = Words::draw(&Group::symmetric(3), 1, 37, &mut Rng::seed_from_u64(5));
        for structure in STRUCTURES {
            let error = small(structure, 1, Update::Exponential).scan_error(&words);
            assert!(error < 1e-4, "{structure:?}: {error}");
        }
    }

    #[test]
    fn permutation_matrices_follow_every_group_for_ever() {
        let rng = &mut Rng::seed_from_u64(4);
        for name in [GroupName::Z6, GroupName::S3, GroupName::A4, GroupName::A5] {
            let group = name.group();
            let words = Words::draw(&group, 3, 500, rng);
            assert_eq!(by_hand(&group, &words), words.products, "{name:?}");
        }
    }

    #[test]
    fn every_structure_runs_as_its_recurrence_in_double_precision() {
        let file = include_str!("../../../../tests/reference/slice.json");
        let stored = vectors(file);
        let tokens = wholes(&stored["word"]);
        let words = Words { length: tokens.len(), products: vec![0; tokens.len()], tokens };
        let cases = list(&stored["cases"]);
        assert_eq!(cases.len(), 10);
        for case in cases {
            let structure = match word(&case["structure"]) {
                "diagonal" => Structure::Diagonal,
                "blocks" => Structure::Block,
                "low_rank" => Structure::Dplr,
                "walsh_hadamard" => Structure::WalshHadamard,
                _ => Structure::Dense,
            };
            let exponential = case["update"] == "exponential";
            let update = if exponential { Update::Exponential } else { Update::FirstOrder };
            let settings = Settings { hidden_size: Size::N16, update, ..Settings::default() };
            let mut model = Model::new(structure, &settings, 3, &mut Rng::seed_from_u64(1));
            // The matrices' parameters come first, in the order of the stored ones.
            let (parameters, start) = (numbers(&case["parameters"]), numbers(&case["start"]));
            let given = parameters.iter().chain(&start).map(|&x| x as f32);
            model.theta.iter_mut().zip(given).for_each(|(theta, x)| *theta = x);
            let start: Vec<f32> = start.iter().map(|&x| x as f32).collect();
            let states = model.transitions()[0].recur(&start, &words, None);
            for (place, expected) in numbers(&case["states"]).chunks_exact(16).enumerate() {
                let found = &states[(5 * place + 4) * 16..][..16];
                let size = expected.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
                let apart = found.iter().zip(expected).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
                // Single precision over 5, 10, … products; an exponential's squarings double its rounding five times.
                let allowed = if exponential { 5e-5 } else { 5e-6 };
                assert!(apart < allowed * size, "{structure:?} {update:?} {place}: {:e}", apart / size);
            }
        }
    }
}
