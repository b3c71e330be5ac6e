//! A small network learns to add on a clock: from $a$ and $b$ to $a+b \bmod M$. It may memorise its examples long
//! before it *groks* the rest. The paper takes this apart into three stages for
//! $\hat Y=\sigma(XW)V$ with $\sigma(x)=x^2$.
//!
//! **I, lazy.** The top layer $V$ fits what random features offer; nothing has been learned of the group. **II,
//! independent.** Weight decay leaves an error, and what flows back of it moves each hidden node $w_j$, by itself, up
//! its own energy $\mathcal E(w)=\tfrac12\lVert\tilde Y^\top\sigma(Xw)\rVert^2$ on the sphere ($\tilde Y$: the
//! centred one-hot targets). The peaks of that landscape *are* the features. **III, interactive.** Nodes with the
//! same feature push each other off, towards features still missing; there Muon, which makes all directions of an
//! update equally long, is said to outrun Adam.
//!
//! You see 64 nodes climb. With all $M^2$ pairs every one ends as a single Fourier wave, at the height $M/4$ to the
//! last digit; for other groups, as one irreducible representation of real dimension $d$, at $|G|/2d$. (So an even
//! clock has one special peak, the alternating wave at $M/2$.) Two more flocks climb the landscapes that 80% and 40% of
//! the pairs make. At 80% the waves survive, slightly bent, and a ridge regression on them knows most unseen pairs; at
//! 40% the peaks are mixtures tied to the pairs shown, and it knows none.
//!
//! **Try** the training fraction: near two thirds the rows of the first picture smear. Other activations bend the
//! waves: ReLU leaves some six percent in harmonics. Then choose joint training, where both layers move, with Adam
//! against Muon, beside a network whose hidden layer never does. With $K=128$, 60% of the pairs and $\eta=1$ the
//! unseen pairs are learned long after the seen ones. Muon needs 0.4 of Adam's iterations there, but that is
//! the doing of the rates, 0.05 and 0.005 for $W$, and of the decay, their multiple: Adam at 0.02 is as fast as Muon
//! at 0.2. With hardly any decay, $\eta=10^{-5}$, the top layer has memorised before the hidden
//! one could learn, no error flows back, and the net stays lazy. With $K=64$ it does not: too few nodes to memorise
//! with leave an error of their own, which moves $W$ just as well.
//!
//! Scaled down: tables of at most $47\times47$, so the dihedral group is that of the $\lfloor M/2\rfloor$-gon. The marks
//! between the stages are ours: II begins once the shown pairs are known, III when half of the nodes have most of their
//! power in one feature.

use orrery_core::figure::Ink;
use orrery_core::prelude::*;
use orrery_kernels::fft::Roots;
use orrery_kernels::linalg::{newton_schulz_step, normalize, ridge};
use orrery_kernels::optim::{AdamW, Optimizer};
use orrery_kernels::random::{normals, shuffle};
use std::rc::Rc;

/// Iterations of the decoupled ascent, and the length of its step against the unit sphere.
const CLIMB: usize = 400;
const STRIDE: f64 = 0.03;

/// Full-batch iterations of joint training, and its rates. Muon's steps are orthogonal matrices: larger.
const TRAINING: usize = 600;
const ADAM_RATE: f64 = 0.005;
const MUON_RATE: f64 = 0.05;
const TOP_RATE: f64 = 0.01;
const MOMENTUM: f64 = 0.95;

/// What counts as known: this share of the unseen pairs.
const KNOWN: f64 = 0.95;

/// Pairs visited, and multiplications done, in one step at most: about two milliseconds each.
const VISITS: usize = 300_000;
const WORK: usize = 1_500_000;

/// Cells along each side of the landscape; one row a step.
const CELLS: usize = 36;

/// Whether w is recorded as one wave, with all pairs and with some of them.
const PURE: f64 = 0.99;
const MOSTLY: f64 = 0.9;

/// Which group is learned.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum GroupKind {
    /// Addition modulo M.
    #[choice("cyclic: addition mod M")]
    Cyclic,
    /// Symmetries of a polygon with M/2 corners.
    #[choice("dihedral: a polygon with M/2 corners")]
    Dihedral,
    /// All six permutations of three things.
    #[choice("S₃: permutations of three")]
    S3,
}

/// What runs.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Stage {
    /// Stage II alone.
    #[choice("decoupled energy")]
    DecoupledEnergy,
    /// Both layers trained; Adam in the pictures.
    #[choice("joint Adam")]
    JointAdam,
    /// Both layers trained; Muon in the pictures.
    #[choice("joint Muon")]
    JointMuon,
}

/// σ.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Activation {
    /// The paper's.
    #[choice("square x²")]
    Square,
    /// Bent at zero.
    #[choice("ReLU")]
    Relu,
    /// A sum.
    #[choice("quadratic + linear x²+x")]
    QuadraticPlusLinear,
}

impl Activation {
    fn value(self, x: f64) -> f64 {
        match self {
            Self::Square => x * x,
            Self::Relu => x.max(0.0),
            Self::QuadraticPlusLinear => x * x + x,
        }
    }

    fn slope(self, x: f64) -> f64 {
        match self {
            Self::Square => 2.0 * x,
            Self::Relu => f64::from(x > 0.0),
            Self::QuadraticPlusLinear => 2.0 * x + 1.0,
        }
    }
}

/// What the visitor sets.
#[derive(Clone, Debug, Controls)]
pub struct Settings {
    /// The clock's hours: answers are sums modulo M. A dihedral group is that of the polygon with M/2 corners.
    #[control(label = "modulus M", range = 5..=47, default = 23)]
    pub modulus: usize,
    /// Which table is learned.
    #[control(label = "group", default = GroupKind::Cyclic)]
    pub group: GroupKind,
    /// The share of all pairs that the network is shown.
    #[control(label = "training fraction", range = 0.05..=1.0, step = 0.05, default = 1.0)]
    pub training_fraction: f64,
    /// The penalty on large weights: ridge η of the top layer, and the decay of both layers in joint training.
    #[control(label = "weight decay η", range = 1e-5..=1.0, log, default = 0.01)]
    pub weight_decay: f64,
    /// Nodes in the hidden layer.
    #[control(label = "hidden nodes K", range = 4..=256, default = 64)]
    pub hidden_nodes: usize,
    /// The paper's second stage alone, each node by itself, or both layers trained together.
    #[control(label = "stage", default = Stage::DecoupledEnergy)]
    pub stage: Stage,
    /// What a hidden node does to its input.
    #[control(label = "activation", default = Activation::Square)]
    pub activation: Activation,
}

/// A finite group: its table, and functions by which to tell its irreducible representations.
struct Group {
    order: usize,
    /// `a·b`, by rows.
    table: Vec<u32>,
    irreps: Vec<Irrep>,
}

/// A real irreducible representation: an orthonormal basis of the functions on the group that its matrix entries span.
struct Irrep {
    label: String,
    basis: Vec<Vec<f64>>,
    dimension: usize,
}

impl Group {
    /// Rotations by `i/m` of a turn, and if `flips`, each with a reflection after it as element `m + i`.
    fn new(m: usize, flips: bool) -> Self {
        let order = if flips { 2 * m } else { m };
        let product = |a: usize, b: usize| {
            let (turn_a, flip_a, turn_b, flip_b) = (a % m, a / m, b % m, b / m);
            let turn = if flip_a == 0 { turn_a + turn_b } else { turn_a + m - turn_b } % m;
            (turn + m * (flip_a ^ flip_b)) as u32
        };
        let table = (0..order * order).map(|index| product(index / order, index % order)).collect();
        let roots = Roots::new(m);
        let unit = |f: Vec<f64>| {
            let norm = f.iter().map(|f| f * f).sum::<f64>().sqrt();
            f.into_iter().map(|f| f / norm).collect::<Vec<f64>>()
        };
        let mut irreps = Vec::new();
        for k in 0..=m / 2 {
            // A wave that is its own mirror image is all cosine.
            let own_mirror = k == 0 || 2 * k == m;
            let cosine = |i: usize| roots.at((k * i) as i64).re;
            let sine = |i: usize| roots.at((k * i) as i64).im;
            let waves: Vec<&dyn Fn(usize) -> f64> = if own_mirror { vec![&cosine] } else { vec![&cosine, &sine] };
            let on = |wave: &dyn Fn(usize) -> f64, signs: [f64; 2]| {
                unit((0..order).map(|g| signs[g / m] * wave(g % m)).collect())
            };
            if flips && own_mirror {
                for (sign, mark) in [(1.0, ""), (-1.0, "±")] {
                    let basis = vec![on(&cosine, [1.0, sign])];
                    irreps.push(Irrep { label: format!("{k}{mark}"), basis, dimension: 1 });
                }
            } else {
                let halves: &[[f64; 2]] = if flips { &[[1.0, 0.0], [0.0, 1.0]] } else { &[[1.0, 0.0]] };
                let basis = waves.iter().flat_map(|wave| halves.iter().map(|half| on(wave, *half))).collect();
                irreps.push(Irrep { label: k.to_string(), basis, dimension: waves.len() });
            }
        }
        Self { order, table, irreps }
    }

    /// The share of the power of `w = (u, v)` in each irreducible representation.
    fn shares(&self, w: &[f64]) -> Vec<f64> {
        let (u, v) = w.split_at(self.order);
        let along = |f: &[f64], x: &[f64]| f.iter().zip(x).map(|(f, x)| f * x).sum::<f64>();
        let square = |x: f64| x * x;
        let total = along(w, w).max(f64::MIN_POSITIVE);
        let power =
            |irrep: &Irrep| -> f64 { irrep.basis.iter().map(|f| square(along(f, u)) + square(along(f, v))).sum() };
        self.irreps.iter().map(|irrep| power(irrep) / total).collect()
    }

    /// The height of a peak of the energy at `irrep`, with all pairs and σ(x) = x²: `|G| / 2d`.
    fn peak(&self, irrep: usize) -> f64 {
        self.order as f64 / (2.0 * self.irreps[irrep].dimension as f64)
    }
}

/// A pair and its product: `a`, `b`, `a·b`.
type Example = [u32; 3];

/// The pairs that are shown, and those that are not.
#[derive(Clone)]
struct Sample {
    shown: Rc<Vec<Example>>,
    unseen: Rc<Vec<Example>>,
    /// The share of each answer among the pairs shown.
    prior: Rc<Vec<f64>>,
}

impl Sample {
    /// A random `fraction` of all pairs.
    fn draw(group: &Group, fraction: f64, rng: &mut Rng) -> Self {
        let n = group.order;
        let mut pairs: Vec<Example> =
            (0..n * n).map(|index| [(index / n) as u32, (index % n) as u32, group.table[index]]).collect();
        shuffle(&mut pairs, rng);
        let count = ((fraction * (n * n) as f64).round() as usize).clamp(1, n * n);
        let unseen = pairs.split_off(count);
        let mut prior = vec![0.0; n];
        for [_, _, c] in &pairs {
            prior[*c as usize] += 1.0 / count as f64;
        }
        Self { shown: Rc::new(pairs), unseen: Rc::new(unseen), prior: Rc::new(prior) }
    }
}

/// Stage II: nodes that each climb their own energy.
#[derive(Clone)]
struct Ascent {
    sample: Sample,
    /// The nodes' weights `w = (u, v)`, one after the other.
    w: Vec<f64>,
    shares: Vec<Vec<f64>>,
    energy: Vec<f64>,
    /// The share of the shown and of the unseen pairs that a ridge readout of these nodes answers, over the iterations.
    seen: Series,
    unseen: Series,
}

impl Ascent {
    fn new(group: &Group, sample: Sample, nodes: usize, rng: &mut Rng) -> Self {
        let size = 2 * group.order;
        let mut w = normals(nodes * size, rng);
        w.chunks_exact_mut(size).for_each(normalize);
        Self { sample, w, shares: Vec::new(), energy: Vec::new(), seen: Series::new(), unseen: Series::new() }
    }

    /// `w ← (w + γ∇𝓔/|∇𝓔|) / |·|` for one node.
    fn climb(&mut self, node: usize, size: usize, activation: Activation) {
        let w = &mut self.w[node * size..(node + 1) * size];
        let (u, v) = w.split_at(size / 2);
        let signal = signal(&self.sample, u, v, activation);
        // ∂𝓔/∂s_i = (Ỹ r)_i = r_c(i) - Σ_c p_c r_c
        let mean: f64 = signal.iter().zip(self.sample.prior.iter()).map(|(r, p)| r * p).sum();
        let mut gradient = vec![0.0; size];
        let (gu, gv) = gradient.split_at_mut(size / 2);
        for &[a, b, c] in self.sample.shown.iter() {
            let (a, b) = (a as usize, b as usize);
            let g = (signal[c as usize] - mean) * activation.slope(u[a] + v[b]);
            gu[a] += g;
            gv[b] += g;
        }
        normalize(&mut gradient);
        for (w, g) in w.iter_mut().zip(&gradient) {
            *w += STRIDE * g;
        }
        normalize(w);
    }

    /// Takes stock: powers and energies.
    fn measure(&mut self, group: &Group, activation: Activation) {
        let nodes = || self.w.chunks_exact(2 * group.order);
        self.shares = nodes().map(|w| group.shares(w)).collect();
        self.energy = nodes().map(|w| energy(&self.sample, w, activation)).collect();
    }

    fn purity(&self) -> impl Iterator<Item = f64> + '_ {
        self.shares.iter().map(|shares| shares[strongest(shares)])
    }

    /// The share of nodes with more than `bound` of their power in one feature.
    fn pure(&self, bound: f64) -> f64 {
        self.purity().filter(|purity| *purity > bound).count() as f64 / self.shares.len().max(1) as f64
    }
}

/// `r = Ỹᵀσ(Xw)`: for each answer, what the node says on its pairs, less its share of all.
fn signal(sample: &Sample, u: &[f64], v: &[f64], activation: Activation) -> Vec<f64> {
    let (mut r, mut total) = (vec![0.0; u.len()], 0.0);
    for &[a, b, c] in sample.shown.iter() {
        let s = activation.value(u[a as usize] + v[b as usize]);
        r[c as usize] += s;
        total += s;
    }
    for (r, p) in r.iter_mut().zip(sample.prior.iter()) {
        *r -= p * total;
    }
    r
}

/// `𝓔(w) = ½ |Ỹᵀσ(Xw)|²`.
fn energy(sample: &Sample, w: &[f64], activation: Activation) -> f64 {
    let (u, v) = w.split_at(w.len() / 2);
    0.5 * signal(sample, u, v, activation).iter().map(|r| r * r).sum::<f64>()
}

/// The index of the largest share.
fn strongest(shares: &[f64]) -> usize {
    (0..shares.len()).fold(0, |best, k| if shares[k] > shares[best] { k } else { best })
}

/// The hidden layer's output on one pair; `w` by inputs, each with its `K` weights.
fn features(w: &[f64], [a, b, _]: Example, n: usize, activation: Activation, f: &mut [f64]) {
    let k = f.len();
    let (from_a, from_b) = (&w[a as usize * k..], &w[(n + b as usize) * k..]);
    for ((f, u), v) in f.iter_mut().zip(from_a).zip(from_b) {
        *f = activation.value(u + v);
    }
}

/// The nodes' weights by inputs rather than by nodes, or back.
fn transposed(w: &[f64], columns: usize) -> Vec<f64> {
    let rows = w.len() / columns;
    (0..w.len()).map(|index| w[index % rows * columns + index / rows]).collect()
}

/// Σ_k f_k V_k on centred features, into `logits`.
fn answer(f: &[f64], mean: &[f64], v: &[f64], logits: &mut [f64]) {
    for ((f, mean), v) in f.iter().zip(mean).zip(v.chunks_exact(logits.len())) {
        let f = f - mean;
        for (logit, v) in logits.iter_mut().zip(v) {
            *logit += f * v;
        }
    }
}

/// Stage I on frozen features: the ridge solution `V = (F̃ᵀF̃ + ηI)⁻¹F̃ᵀỸ`, and how many pairs it answers.
#[derive(Clone)]
struct Readout {
    /// Whose features, and of which iteration.
    run: usize,
    at: usize,
    w: Vec<f64>,
    mean: Vec<f64>,
    gram: Vec<f64>,
    v: Vec<f64>,
    phase: Read,
    right: [usize; 2],
}

#[derive(Clone, Copy, PartialEq)]
enum Read {
    Gram(usize),
    Solve,
    Predict(usize),
    Done,
}

impl Readout {
    fn new(run: usize, at: usize, w: Vec<f64>, nodes: usize) -> Self {
        let zeros = |len| vec![0.0; len];
        Self {
            run,
            at,
            w,
            mean: zeros(nodes),
            gram: zeros(nodes * nodes),
            v: Vec::new(),
            phase: Read::Gram(0),
            right: [0; 2],
        }
    }

    /// Steps that a readout of `sample` takes.
    fn steps(sample: &Sample, nodes: usize, n: usize) -> usize {
        let [gram, predict] = Self::rows(nodes, n);
        sample.shown.len().div_ceil(gram) + 1 + (sample.shown.len() + sample.unseen.len()).div_ceil(predict)
    }

    /// Pairs in one step while the products are summed, and while answers are read.
    fn rows(nodes: usize, n: usize) -> [usize; 2] {
        [(WORK / (nodes * nodes)).max(1), (WORK / (2 * nodes * n)).max(1)]
    }

    /// One slice of the work.
    fn step(&mut self, sample: &Sample, n: usize, eta: f64, activation: Activation) {
        let k = self.mean.len();
        let mut f = vec![0.0; k];
        let [gram_rows, predict_rows] = Self::rows(k, n);
        match self.phase {
            Read::Gram(from) => {
                if from == 0 {
                    self.v = vec![0.0; k * n];
                    for example in sample.shown.iter() {
                        features(&self.w, *example, n, activation, &mut f);
                        self.mean.iter_mut().zip(&f).for_each(|(mean, f)| *mean += f / sample.shown.len() as f64);
                    }
                }
                let until = (from + gram_rows).min(sample.shown.len());
                for example in &sample.shown[from..until] {
                    features(&self.w, *example, n, activation, &mut f);
                    f.iter_mut().zip(&self.mean).for_each(|(f, mean)| *f -= mean);
                    for (i, left) in f.iter().enumerate() {
                        for (entry, right) in self.gram[i * k..=i * k + i].iter_mut().zip(&f) {
                            *entry += left * right;
                        }
                        // F̃ᵀỸ = F̃ᵀY, for F̃ is centred.
                        self.v[i * n + example[2] as usize] += left;
                    }
                }
                self.phase = if until < sample.shown.len() { Read::Gram(until) } else { Read::Solve };
            }
            Read::Solve => {
                self.v = ridge(&self.gram, eta, &self.v, k, n);
                self.phase = Read::Predict(0);
            }
            Read::Predict(from) => {
                let all = sample.shown.len() + sample.unseen.len();
                let until = (from + predict_rows).min(all);
                for index in from..until {
                    let shown = sample.shown.get(index);
                    let example = shown.unwrap_or_else(|| &sample.unseen[index - sample.shown.len()]);
                    features(&self.w, *example, n, activation, &mut f);
                    let mut logits = sample.prior.to_vec();
                    answer(&f, &self.mean, &self.v, &mut logits);
                    let right = strongest(&logits) == example[2] as usize;
                    self.right[usize::from(shown.is_none())] += usize::from(right);
                }
                self.phase = if until < all { Read::Predict(until) } else { Read::Done };
            }
            Read::Done => {}
        }
    }
}

/// Both layers, trained on all shown pairs at once: `min (M/2N) |Ỹ - F̃V|²` with decoupled decay η on both.
#[derive(Clone)]
struct Trainer {
    sample: Sample,
    /// The hidden layer, by inputs.
    w: Vec<f64>,
    /// The top layer, by nodes.
    v: Vec<f64>,
    bottom: Bottom,
    top: AdamW,
    iteration: usize,
    phase: Train,
    mean: Vec<f64>,
    v_transposed: Vec<f64>,
    gradient_w: Vec<f64>,
    gradient_v: Vec<f64>,
    right: usize,
    seen: Series,
    unseen: Series,
    /// The iterations at which the shown and the unseen pairs were first known.
    fitted: Option<usize>,
    known: Option<usize>,
}

/// How W moves.
#[derive(Clone)]
enum Bottom {
    Adam(AdamW),
    Muon { momentum: Vec<f64>, update: Vec<f64> },
}

#[derive(Clone, Copy)]
enum Train {
    Rows(usize),
    Orthogonalize(usize),
}

/// Newton–Schulz iterations of one Muon step.
const ORTHOGONALIZATIONS: usize = 5;

/// The unseen pairs are asked every this many iterations.
const EXAMINATION: usize = 5;

impl Trainer {
    fn new(group: &Group, sample: Sample, w: Vec<f64>, nodes: usize, eta: f64, muon: bool) -> Self {
        let n = group.order;
        let bottom = if muon {
            Bottom::Muon { momentum: vec![0.0; w.len()], update: Vec::new() }
        } else {
            Bottom::Adam(AdamW::new(w.len(), ADAM_RATE, [0.9, 0.98], eta))
        };
        Self {
            sample,
            gradient_w: vec![0.0; w.len()],
            gradient_v: vec![0.0; nodes * n],
            v: vec![0.0; nodes * n],
            w,
            bottom,
            top: AdamW::new(nodes * n, TOP_RATE, [0.9, 0.98], eta),
            iteration: 0,
            phase: Train::Rows(0),
            mean: vec![0.0; nodes],
            v_transposed: Vec::new(),
            right: 0,
            seen: Series::new(),
            unseen: Series::new(),
            fitted: None,
            known: None,
        }
    }

    /// Pairs in one step.
    fn rows(nodes: usize, n: usize) -> usize {
        (WORK / (4 * nodes * n)).max(1)
    }

    /// Steps that an iteration takes.
    fn steps(sample: &Sample, nodes: usize, n: usize, muon: bool) -> usize {
        let per_step = Self::orthogonalizations(nodes, n);
        sample.shown.len().div_ceil(Self::rows(nodes, n)) + if muon { ORTHOGONALIZATIONS.div_ceil(per_step) } else { 0 }
    }

    /// Newton–Schulz iterations in one step.
    fn orthogonalizations(nodes: usize, n: usize) -> usize {
        let side = nodes.min(2 * n);
        (WORK / (side * side * (side + 2 * nodes.max(2 * n)))).max(1)
    }

    /// One slice; says whether it finished an iteration.
    fn step(&mut self, n: usize, activation: Activation) -> bool {
        let k = self.mean.len();
        match self.phase {
            Train::Rows(from) => {
                if from == 0 {
                    self.begin(n, activation);
                }
                let until = (from + Self::rows(k, n)).min(self.sample.shown.len());
                self.accumulate(from, until, n, activation);
                if until < self.sample.shown.len() {
                    self.phase = Train::Rows(until);
                    return false;
                }
                self.finish_batch(n, activation)
            }
            Train::Orthogonalize(done) => {
                let until = (done + Self::orthogonalizations(k, n)).min(ORTHOGONALIZATIONS);
                let (rows, columns) = if 2 * n <= k { (2 * n, k) } else { (k, 2 * n) };
                if let Bottom::Muon { update, .. } = &mut self.bottom {
                    for _ in done..until {
                        *update = newton_schulz_step(update, rows, columns);
                    }
                }
                self.phase = Train::Orthogonalize(until);
                if until == ORTHOGONALIZATIONS { self.descend_muon(n) } else { false }
            }
        }
    }

    fn begin(&mut self, n: usize, activation: Activation) {
        let k = self.mean.len();
        let mut f = vec![0.0; k];
        self.mean.fill(0.0);
        for example in self.sample.shown.iter() {
            features(&self.w, *example, n, activation, &mut f);
            self.mean.iter_mut().zip(&f).for_each(|(mean, f)| *mean += f);
        }
        let weight = 1.0 / self.sample.shown.len() as f64;
        self.mean.iter_mut().for_each(|mean| *mean *= weight);
        self.v_transposed = transposed(&self.v, n);
        self.gradient_w.fill(0.0);
        self.gradient_v.fill(0.0);
        self.right = 0;
    }

    /// Adds the gradients of some pairs: `G_V = -F̃ᵀR`, `G_F = -RVᵀ`, `G_W = Xᵀ(G_F ∘ σ'(XW))` with `R = Ỹ - F̃V`.
    fn accumulate(&mut self, from: usize, until: usize, n: usize, activation: Activation) {
        let k = self.mean.len();
        let (mut f, mut logits, mut back) = (vec![0.0; k], vec![0.0; n], vec![0.0; k]);
        let scale = n as f64 / self.sample.shown.len() as f64;
        for example in &self.sample.shown[from..until] {
            let [a, b, c] = example.map(|index| index as usize);
            features(&self.w, *example, n, activation, &mut f);
            logits.copy_from_slice(&self.sample.prior);
            answer(&f, &self.mean, &self.v, &mut logits);
            self.right += usize::from(strongest(&logits) == c);
            // -R
            logits[c] -= 1.0;
            logits.iter_mut().for_each(|error| *error *= scale);
            for ((f, mean), g) in f.iter().zip(&self.mean).zip(self.gradient_v.chunks_exact_mut(n)) {
                let f = f - mean;
                g.iter_mut().zip(&logits).for_each(|(g, error)| *g += f * error);
            }
            back.fill(0.0);
            for (error, v) in logits.iter().zip(self.v_transposed.chunks_exact(k)) {
                back.iter_mut().zip(v).for_each(|(back, v)| *back += error * v);
            }
            let (from_a, from_b) = (a * k, (n + b) * k);
            for (node, back) in back.iter().enumerate() {
                let g = back * activation.slope(self.w[from_a + node] + self.w[from_b + node]);
                self.gradient_w[from_a + node] += g;
                self.gradient_w[from_b + node] += g;
            }
        }
    }

    /// All pairs are in: records, and moves the layers.
    fn finish_batch(&mut self, n: usize, activation: Activation) -> bool {
        let (k, at) = (self.mean.len(), self.iteration as f64);
        let seen = self.right as f64 / self.sample.shown.len() as f64;
        self.seen.push(at, seen);
        if seen >= KNOWN && self.fitted.is_none() {
            self.fitted = Some(self.iteration);
        }
        if self.iteration.is_multiple_of(EXAMINATION) && !self.sample.unseen.is_empty() {
            let mut f = vec![0.0; k];
            let right = |example: &&Example| {
                features(&self.w, **example, n, activation, &mut f);
                let mut logits = self.sample.prior.to_vec();
                answer(&f, &self.mean, &self.v, &mut logits);
                strongest(&logits) == example[2] as usize
            };
            let unseen = self.sample.unseen.iter().filter(right).count() as f64 / self.sample.unseen.len() as f64;
            self.unseen.push(at, unseen);
            if unseen >= KNOWN && self.known.is_none() {
                self.known = Some(self.iteration);
            }
        }
        self.top.step(&mut self.v, &self.gradient_v);
        match &mut self.bottom {
            Bottom::Adam(adam) => {
                adam.step(&mut self.w, &self.gradient_w);
                self.next()
            }
            Bottom::Muon { momentum, update } => {
                // B ← μB + G, and Nesterov's G + μB is made orthogonal.
                for (b, g) in momentum.iter_mut().zip(&self.gradient_w) {
                    *b = MOMENTUM * *b + g;
                }
                *update = momentum.iter().zip(&self.gradient_w).map(|(b, g)| g + MOMENTUM * b).collect();
                normalize(update);
                if 2 * n > k {
                    *update = transposed(update, k);
                }
                self.phase = Train::Orthogonalize(0);
                false
            }
        }
    }

    /// `W ← W - γ(UVᵀ + ηW)`, with `UVᵀ` the orthogonalised update.
    fn descend_muon(&mut self, n: usize) -> bool {
        let k = self.mean.len();
        if let Bottom::Muon { update, .. } = &mut self.bottom {
            if 2 * n > k {
                *update = transposed(update, 2 * n);
            }
            for (w, u) in self.w.iter_mut().zip(update.iter()) {
                *w -= MUON_RATE * (u + self.top.decay * *w);
            }
        }
        self.next()
    }

    fn next(&mut self) -> bool {
        self.iteration += 1;
        self.phase = Train::Rows(0);
        true
    }

    /// The share known of the unseen pairs; of all, where none are unseen.
    fn score(&self) -> f64 {
        let series = if self.sample.unseen.is_empty() { &self.seen } else { &self.unseen };
        series.last().map_or(0.0, |[_, share]| share)
    }
}

/// The energy on the sphere of three features, seen from above the third.
#[derive(Clone)]
struct Landscape {
    axes: [Vec<f64>; 3],
    names: [String; 3],
    rows: Rc<Vec<f64>>,
}

/// Half the side of the landscape: the unit circle fits.
const REACH: f64 = 1.15;

impl Landscape {
    /// Three representations, waves before signs; the trivial one comes last, and none is left out if there are fewer.
    fn new(group: &Group) -> Self {
        let mut order: Vec<usize> = (0..group.irreps.len()).collect();
        order.sort_by_key(|index| (*index == 0, std::cmp::Reverse(group.irreps[*index].dimension), *index));
        let chosen = [0, 1, 2].map(|place| order[place.min(order.len() - 1)]);
        let axis = |index: usize| {
            let irrep = &group.irreps[index];
            // The representation's entry at the top left: a cosine, over both cosets if there are two.
            let mut f = irrep.basis[0].clone();
            if irrep.basis.len() > 2 {
                f.iter_mut().zip(&irrep.basis[1]).for_each(|(f, other)| *f += other);
            }
            let mut w = [f.clone(), f].concat();
            normalize(&mut w);
            w
        };
        let names = chosen.map(|index| group.irreps[index].label.clone());
        Self { axes: chosen.map(axis), names, rows: Rc::default() }
    }

    fn is_done(&self) -> bool {
        self.rows.len() == CELLS * CELLS
    }

    /// One row more: `w = (x, y, √(1 - x² - y²))` in the three features, and beyond the rim the rim's value.
    fn step(&mut self, sample: &Sample, activation: Activation) {
        let at = |index: usize| REACH * ((2 * index + 1) as f64 / CELLS as f64 - 1.0);
        let y = at(self.rows.len() / CELLS);
        let [e1, e2, e3] = &self.axes;
        let value = |column: usize| {
            let x = at(column);
            let up = (1.0 - x * x - y * y).max(0.0).sqrt();
            let mut w: Vec<f64> = e1.iter().zip(e2).zip(e3).map(|((e1, e2), e3)| x * e1 + y * e2 + up * e3).collect();
            normalize(&mut w);
            energy(sample, &w, activation)
        };
        let row: Vec<f64> = (0..CELLS).map(value).collect();
        Rc::make_mut(&mut self.rows).extend(row);
    }
}

/// The run.
#[derive(Clone)]
pub struct GrokkingEnergyPeaks {
    settings: Rc<Settings>,
    group: Rc<Group>,
    landscape: Landscape,
    /// The visitor's pairs, then 80% and 40% of all: empty in joint training.
    ascents: Vec<Ascent>,
    readout: Option<Readout>,
    /// Iterations and nodes done.
    iteration: usize,
    node: usize,
    /// Readouts done after the last iteration.
    closing: usize,
    /// Adam and Muon: empty but in joint training.
    trainers: Vec<Trainer>,
    /// What a ridge readout of the frozen hidden layer knows of the shown and of the unseen pairs.
    lazy: Option<[f64; 2]>,
    /// The shares of each node of the run that is pictured, and how pure each was over the iterations.
    shares: Rc<Vec<Vec<f64>>>,
    history: Rc<Vec<(usize, Vec<f64>)>>,
    /// When half of the nodes had most of their power in one feature.
    featured: Option<usize>,
}

/// Columns of the picture of purity over time.
const COLUMNS: usize = 100;

impl GrokkingEnergyPeaks {
    fn joint(&self) -> bool {
        self.settings.stage != Stage::DecoupledEnergy
    }

    fn iterations(&self) -> usize {
        if self.joint() { TRAINING } else { CLIMB }
    }

    /// The trainer whose nodes are pictured.
    fn pictured(&self) -> Option<&Trainer> {
        self.trainers.get(usize::from(self.settings.stage == Stage::JointMuon))
    }

    /// The nodes of the run that is pictured, one after the other.
    fn nodes(&self) -> Vec<f64> {
        match self.pictured() {
            Some(trainer) => transposed(&trainer.w, self.settings.hidden_nodes),
            None => self.ascents.first().map_or(Vec::new(), |ascent| ascent.w.clone()),
        }
    }

    /// Nodes of each flock in one step.
    fn slice(&self) -> usize {
        let pairs: usize = self.ascents.iter().map(|ascent| ascent.sample.shown.len()).sum();
        (VISITS / pairs.max(1)).clamp(1, self.settings.hidden_nodes)
    }

    /// Steps that an iteration of training takes: both optimisers move a slice each.
    fn training_steps(&self) -> usize {
        let (k, n) = (self.settings.hidden_nodes, self.group.order);
        let steps = |muon| self.trainers.first().map_or(0, |trainer| Trainer::steps(&trainer.sample, k, n, muon));
        steps(true)
    }

    fn readout_steps(&self, run: usize) -> usize {
        let (k, n) = (self.settings.hidden_nodes, self.group.order);
        self.sample(run).map_or(0, |sample| Readout::steps(sample, k, n))
    }

    fn sample(&self, run: usize) -> Option<&Sample> {
        match self.trainers.first() {
            Some(trainer) => Some(&trainer.sample),
            None => self.ascents.get(run).map(|ascent| &ascent.sample),
        }
    }

    /// Takes stock of the pictured nodes.
    fn record(&mut self) {
        let every = (self.iterations() / COLUMNS).max(1);
        if !self.iteration.is_multiple_of(every) {
            return;
        }
        let (group, activation) = (self.group.clone(), self.settings.activation);
        // The flocks that no picture shows are measured now and then, and at the end.
        let seldom = self.iteration.is_multiple_of(10 * every);
        for (_, ascent) in self.ascents.iter_mut().enumerate().filter(|(run, _)| *run == 0 || seldom) {
            ascent.measure(&group, activation);
        }
        self.shares = Rc::new(match self.ascents.first() {
            Some(ascent) => ascent.shares.clone(),
            None => self.nodes().chunks_exact(2 * group.order).map(|w| group.shares(w)).collect(),
        });
        let purity: Vec<f64> = self.shares.iter().map(|shares| shares[strongest(shares)]).collect();
        let featured = purity.iter().filter(|purity| **purity > 0.5).count();
        if 2 * featured >= purity.len() && self.featured.is_none() {
            self.featured = Some(self.iteration);
        }
        Rc::make_mut(&mut self.history).push((self.iteration, purity));
    }

    /// A slice of the readout; where one ends, the next run's begins.
    fn read(&mut self) {
        let n = self.group.order;
        let Some(readout) = &mut self.readout else { return };
        let sample = match self.trainers.first() {
            Some(trainer) => &trainer.sample,
            None => &self.ascents[readout.run].sample,
        };
        readout.step(sample, n, self.settings.weight_decay, self.settings.activation);
        if readout.phase != Read::Done {
            return;
        }
        let share = |right: usize, of: usize| if of > 0 { right as f64 / of as f64 } else { 0.0 };
        let shares = [share(readout.right[0], sample.shown.len()), share(readout.right[1], sample.unseen.len())];
        let (run, at, unseen) = (readout.run, readout.at, !sample.unseen.is_empty());
        self.readout = None;
        if self.lazy.is_none() {
            self.lazy = Some(shares);
        }
        if let Some(ascent) = self.ascents.get_mut(run) {
            ascent.seen.push(at as f64, shares[0]);
            if unseen {
                ascent.unseen.push(at as f64, shares[1]);
            }
            if self.iteration == CLIMB {
                self.closing += usize::from(at == CLIMB);
                self.open_readout(self.closing);
            } else {
                // The first readouts of all flocks come before they move; afterwards the newest nodes are read in turn.
                self.open_readout((run + 1) % self.ascents.len());
            }
        }
    }

    fn open_readout(&mut self, run: usize) {
        let n = self.group.order;
        self.readout = self
            .ascents
            .get(run)
            .map(|ascent| Readout::new(run, self.iteration, transposed(&ascent.w, 2 * n), self.settings.hidden_nodes));
    }

    /// One slice of every flock's iteration.
    fn climb(&mut self) {
        let (size, activation) = (2 * self.group.order, self.settings.activation);
        let until = (self.node + self.slice()).min(self.settings.hidden_nodes);
        for ascent in &mut self.ascents {
            for node in self.node..until {
                ascent.climb(node, size, activation);
            }
        }
        self.node = until;
        if until == self.settings.hidden_nodes {
            self.node = 0;
            self.iteration += 1;
            self.record();
            if self.iteration == CLIMB {
                self.open_readout(0);
            }
        }
    }

    /// One slice of every optimiser's iteration; the first to finish waits for the other.
    fn train(&mut self) {
        let (n, activation) = (self.group.order, self.settings.activation);
        let iteration = self.iteration;
        for trainer in self.trainers.iter_mut().filter(|trainer| trainer.iteration == iteration) {
            trainer.step(n, activation);
        }
        if self.trainers.iter().all(|trainer| trainer.iteration > iteration) {
            self.iteration += 1;
            self.record();
        }
    }

    fn is_over(&self) -> bool {
        let read = self.joint() || self.closing >= self.ascents.len();
        self.iteration == self.iterations() && read && self.landscape.is_done() && self.lazy.is_some()
    }

    /// The nodes in the order of their strongest feature, the purest first.
    fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.shares.len()).collect();
        order.sort_by(|a, b| {
            let key = |node: usize| (strongest(&self.shares[node]), self.shares[node][strongest(&self.shares[node])]);
            let ((ka, pa), (kb, pb)) = (key(*a), key(*b));
            ka.cmp(&kb).then(pb.total_cmp(&pa))
        });
        order
    }

    fn accuracy(&self, figures: &mut Figures) {
        let caption = if self.joint() {
            "Share of pairs answered. I: the top layer fits random features. II: from when the shown pairs are known. III: from \
             when half of the nodes have most of their power in one feature."
        } else {
            "Share of pairs answered by a ridge regression on the nodes as they are. The frozen layer is stage I. II: the nodes \
             climb. III: from when half of them have most of their power in one feature; here they never interact."
        };
        let mut lines = figures.figure("accuracy", "What the network knows", caption);
        lines.x(Axis::linear("iteration").domain(0.0, self.iterations() as f64));
        lines.y(Axis::linear("share of pairs known").domain(0.0, 1.05));
        let stages = match self.pictured() {
            Some(trainer) => vec![("I", Some(0)), ("II", trainer.fitted), ("III", self.featured)],
            None => vec![("II", Some(0)), ("III", self.featured)],
        };
        let marks: Vec<(f64, &str)> =
            stages.into_iter().filter_map(|(name, start)| start.map(|at| (at as f64, name))).collect();
        lines.rule_x(marks.iter().map(|(at, _)| *at)).dashed();
        let places: Vec<[f64; 2]> =
            marks.iter().enumerate().map(|(i, (at, _))| [*at, 1.03 - 0.04 * i as f64]).collect();
        lines.text(&places, marks.iter().map(|(_, name)| *name)).ink(Ink::Muted);
        let flocks = [("ascent", "your pairs"), ("more", "80% of the pairs"), ("fewer", "40% of the pairs")];
        for (ascent, (id, name)) in self.ascents.iter().zip(flocks) {
            lines.line(ascent.seen.xs(), ascent.seen.ys()).of(id).dashed().faint().label(format!("{name}, shown"));
            if !ascent.sample.unseen.is_empty() {
                lines.line(ascent.unseen.xs(), ascent.unseen.ys()).of(id).label(format!("{name}, unseen"));
            }
        }
        for (trainer, (id, name)) in self.trainers.iter().zip([("adam", "Adam"), ("muon", "Muon")]) {
            lines.line(trainer.seen.xs(), trainer.seen.ys()).of(id).dashed().faint().label(format!("{name}, shown"));
            if !trainer.sample.unseen.is_empty() {
                lines.line(trainer.unseen.xs(), trainer.unseen.ys()).of(id).label(format!("{name}, unseen"));
            }
        }
        if let Some([shown, unseen]) = self.lazy {
            let ends = [0.0, self.iteration as f64];
            lines.line(ends, [shown; 2]).of("lazy").dashed().label("hidden layer frozen, shown");
            if self.sample(0).is_some_and(|sample| !sample.unseen.is_empty()) {
                lines.line(ends, [unseen; 2]).of("lazy").label("hidden layer frozen, unseen");
            }
        }
    }
}

impl Exhibit for GrokkingEnergyPeaks {
    const CARD: Card = Card {
        slug: "grokking-energy-peaks",
        title: "Provable Scaling Laws of Feature Emergence from Learning Dynamics of Grokking",
        year: 2025,
        lists: &[0, 2, 3, 4],
        claim: "Each hidden node climbs its own energy, and every peak is one pure Fourier wave, until too few pairs are shown",
        algorithms: &[
            "grokking",
            "Muon",
            "Adam",
            "Newton-Schulz",
            "ridge regression",
            "modular addition",
            "irreducible representations",
        ],
        contenders: &[
            Contender::paper("ascent", "energy ascent"),
            Contender::paper("muon", "joint training, Muon"),
            Contender::paper("more", "energy ascent, 80% of the pairs"),
            Contender::paper("fewer", "energy ascent, 40% of the pairs"),
            Contender::baseline("adam", "joint training, Adam"),
            Contender::baseline("lazy", "hidden layer frozen"),
        ],
    };
    type Controls = Settings;

    fn new(settings: &Settings, rng: &mut Rng) -> Result<Self> {
        let group = match settings.group {
            GroupKind::Cyclic => Group::new(settings.modulus, false),
            GroupKind::Dihedral => Group::new(settings.modulus / 2, true),
            GroupKind::S3 => Group::new(3, true),
        };
        let nodes = settings.hidden_nodes;
        let own = Sample::draw(&group, settings.training_fraction, rng);
        let (mut ascents, mut trainers, mut readout) = (Vec::new(), Vec::new(), None);
        if settings.stage == Stage::DecoupledEnergy {
            let samples = [own, Sample::draw(&group, 0.8, rng), Sample::draw(&group, 0.4, rng)];
            ascents.extend(samples.map(|sample| Ascent::new(&group, sample, nodes, rng)));
        } else {
            // Inputs have two ones: the hidden sums begin of the order of 1/√M.
            let size = 2 * group.order;
            let scale = 1.0 / (size as f64).sqrt();
            let w: Vec<f64> = (0..size * nodes).map(|_| scale * rng.sample::<f64, _>(StandardNormal)).collect();
            let eta = settings.weight_decay;
            trainers.extend([false, true].map(|muon| Trainer::new(&group, own.clone(), w.clone(), nodes, eta, muon)));
            readout = Some(Readout::new(0, 0, w, nodes));
        }
        let mut exhibit = Self {
            settings: Rc::new(settings.clone()),
            landscape: Landscape::new(&group),
            group: Rc::new(group),
            ascents,
            readout,
            iteration: 0,
            node: 0,
            closing: 0,
            trainers,
            lazy: None,
            shares: Rc::default(),
            history: Rc::default(),
            featured: None,
        };
        if !exhibit.joint() {
            exhibit.open_readout(0);
        }
        exhibit.record();
        Ok(exhibit)
    }

    fn length(&self) -> usize {
        let readouts: usize = (0..self.ascents.len().max(1)).map(|run| self.readout_steps(run)).sum();
        if self.joint() {
            return (TRAINING * self.training_steps()).max(readouts).max(CELLS);
        }
        // Before the flocks move, each is read once; after they have stopped, once more.
        let slices = self.settings.hidden_nodes.div_ceil(self.slice());
        (CLIMB * slices + 2 * readouts).max(CELLS)
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        if !self.landscape.is_done() {
            let sample = self.sample(0).cloned();
            if let Some(sample) = sample {
                self.landscape.step(&sample, self.settings.activation);
            }
        }
        self.read();
        if self.joint() && self.iteration < TRAINING {
            self.train();
        }
        let first_read = self.ascents.iter().all(|ascent| ascent.seen.last().is_some());
        if !self.joint() && first_read && self.iteration < CLIMB {
            self.climb();
        }
        if self.is_over() { Progress::Done } else { Progress::Running }
    }

    fn figures(&self, figures: &mut Figures) {
        let order = self.order();
        let (nodes, features) = (order.len(), self.group.irreps.len());
        let labels = || self.group.irreps.iter().map(|irrep| irrep.label.clone());
        let cyclic = self.settings.group == GroupKind::Cyclic;
        let name = if cyclic { "frequency" } else { "irreducible representation" };

        let caption = "One row a hidden node: how its power spreads over the waves of the group. Peaks of the energy are single \
                       bright cells.";
        let mut spectrum = figures.figure("spectrum", "Fourier power of the nodes", caption);
        spectrum.x(Axis::categories(name, labels())).y(Axis::linear("node").reversed());
        let values: Vec<f64> = order.iter().flat_map(|node| self.shares[*node].iter().copied()).collect();
        let ends = ([-0.5, features as f64 - 0.5], [0.5, nodes as f64 + 0.5]);
        let shades = || Colors::sequential("share of power").domain(0.0, 1.0);
        spectrum.raster(Grid { values: &values, columns: features, x: ends.0, y: ends.1 }, shades());

        let caption = "The same rows over the iterations: the share of the wave that is strongest.";
        let mut purity = figures.figure("purity", "Waves emerging", caption);
        purity.x(Axis::linear("iteration")).y(Axis::linear("node").reversed());
        let columns = self.history.len();
        let values: Vec<f64> =
            order.iter().flat_map(|node| self.history.iter().map(|(_, purity)| purity[*node])).collect();
        let until = self.history.last().map_or(0, |(at, _)| *at) as f64;
        let half = 0.5 * (self.iterations() / COLUMNS).max(1) as f64;
        purity.raster(Grid { values: &values, columns, x: [-half, until + half], y: ends.1 }, shades());

        let [first, second, third] = &self.landscape.names;
        let caption = format!(
            "The energy 𝓔 of the pairs shown, on the half sphere of three waves seen from above: {first} to the right, \
             {second} upwards, {third} in the middle. With all pairs its peaks are the pure waves."
        );
        let mut plane = figures.figure("landscape", "The landscape a node climbs", caption);
        let ends = [-REACH, REACH];
        plane.equal();
        plane.x(Axis::linear(format!("along wave {first}")).domain(-REACH, REACH));
        plane.y(Axis::linear(format!("along wave {second}")).domain(-REACH, REACH));
        let mut values = self.landscape.rows.to_vec();
        if !values.is_empty() {
            values.resize(CELLS * CELLS, 0.0);
            let grid = Grid { values: &values, columns: CELLS, x: ends, y: ends };
            let highest = values.iter().copied().fold(0.0, f64::max).max(1e-9);
            plane.raster(grid, Colors::sequential("energy").domain(0.0, highest));
            let levels: Vec<f64> = (1..10).map(|i| highest * f64::from(i) / 10.0).collect();
            plane.contour(grid, &levels, None);
        }
        let circle = Roots::new(90);
        let turn = || (0..=90).map(|i| circle.at(i));
        plane.line(turn().map(|z| z.re), turn().map(|z| z.im)).dashed().label("rim");

        self.accuracy(figures);

        let count = |bound: f64| {
            let mut counts = vec![0.0; features];
            for shares in self.shares.iter().filter(|shares| shares[strongest(shares)] > bound) {
                counts[strongest(shares)] += 1.0;
            }
            counts
        };
        let caption = "How many nodes have each wave as their strongest. A gap is a feature that no node has found.";
        let mut bars = figures.figure("count", "Nodes per wave", caption);
        bars.x(Axis::categories(name, labels())).y(Axis::linear("nodes"));
        let positions = || (0..features).map(|k| k as f64);
        bars.bar(positions(), count(0.0)).ink(Ink::Muted).faint().label("strongest");
        let id = match self.settings.stage {
            Stage::DecoupledEnergy => "ascent",
            Stage::JointAdam => "adam",
            Stage::JointMuon => "muon",
        };
        bars.bar(positions(), count(MOSTLY)).of(id).label("with more than 90% of the power");
    }

    fn claim(&self) -> Claim {
        let open = !self.is_over();
        if let Some(trainer) = self.pictured() {
            let subject = if trainer.sample.unseen.is_empty() { "all pairs" } else { "the pairs it never saw" };
            let which = if self.settings.stage == Stage::JointMuon { "Muon" } else { "Adam" };
            return Claim::new(vec![
                Clause::at_least(
                    format!("Trained jointly with {which}, the network answers a share of {{value}} of {subject} (at least {{low}})."),
                    Some(trainer.score()),
                    KNOWN,
                )
                .fails_only_after(open),
            ]);
        }
        let [own, more, fewer] = self.ascents.as_slice() else { return Claim::new(Vec::new()) };
        let mut clauses = Vec::new();
        if own.sample.unseen.is_empty() {
            let at_peak = own
                .shares
                .iter()
                .zip(&own.energy)
                .filter(|(shares, energy)| (*energy - self.group.peak(strongest(shares))).abs() <= 1e-6);
            let at_peak = at_peak.count() as f64 / own.shares.len().max(1) as f64;
            clauses.push(Clause::at_least(
                "With all pairs, a share of {value} of the nodes has more than 99% of its power in one feature (at least {low}).",
                Some(own.pure(PURE)),
                0.95,
            ));
            clauses.push(Clause::at_least(
                "A share of {value} has the energy |G|/2d of its feature, which is M/4 for a wave, within 1e-6 (at least {low}).",
                Some(at_peak),
                0.95,
            ));
        } else {
            clauses.push(Clause::at_least(
                "With the pairs shown, a share of {value} of the nodes has more than 90% of its power in one feature (at least {low}).",
                Some(own.pure(MOSTLY)),
                0.95,
            ));
        }
        clauses.push(Clause::at_least(
            "With 80% of the pairs, a share of {value} still has more than 90% of its power in one feature (at least {low}).",
            Some(more.pure(MOSTLY)),
            0.95,
        ));
        clauses.push(Clause::at_most(
            "With 40% of the pairs, a share of {value} has (at most {high}).",
            Some(fewer.pure(MOSTLY)),
            0.05,
        ));
        Claim::new(clauses.into_iter().map(|clause| clause.pending_while(open)).collect())
    }

    fn scenarios() -> Vec<Scenario<Settings>> {
        let grokking = Settings {
            training_fraction: 0.6,
            weight_decay: 1.0,
            hidden_nodes: 128,
            stage: Stage::JointMuon,
            ..Settings::default()
        };
        vec![
            Scenario::holds(
                "pure-waves",
                "All pairs",
                "Every node becomes one Fourier wave, with an energy of M/4; 80% of the pairs keep the waves, 40% do not.",
                Settings::default(),
            ),
            Scenario::holds(
                "grokking",
                "Grokking",
                "Both layers are trained: unseen pairs are learned long after the seen ones.",
                grokking.clone(),
            ),
            Scenario::fails(
                "few-pairs",
                "Too few pairs",
                "With 60% of the pairs few peaks are pure: most nodes end as mixtures tied to those pairs.",
                Settings { training_fraction: 0.6, ..Settings::default() },
            ),
            Scenario::fails(
                "lazy",
                "Hardly any weight decay",
                "Once the pairs are memorised no error flows back, and the hidden layer stays where it began.",
                Settings { weight_decay: 1e-5, stage: Stage::JointAdam, ..grokking },
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups() -> Vec<Group> {
        [(5, false), (8, false), (23, false), (2, true), (3, true), (4, true), (11, true)]
            .map(|(m, flips)| Group::new(m, flips))
            .into()
    }

    #[test]
    fn every_table_is_a_group_and_its_representations_hold_all_power() {
        let mut rng = Rng::seed_from_u64(1);
        for group in groups() {
            let n = group.order;
            let product = |a: usize, b: usize| group.table[a * n + b] as usize;
            for a in 0..n {
                let mut row: Vec<usize> = (0..n).map(|b| product(a, b)).collect();
                row.sort_unstable();
                assert!(row.into_iter().eq(0..n));
                for (b, c) in (0..n * n).map(|index| (index / n, index % n)) {
                    assert_eq!(product(product(a, b), c), product(a, product(b, c)));
                }
            }
            let w = normals(2 * n, &mut rng);
            assert!((group.shares(&w).iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }

    /// On the plane of the first two features the energy of all pairs at each axis is `|G|/2d`, and lower between.
    #[test]
    fn a_pure_feature_has_the_energy_of_its_peak() {
        for group in groups() {
            let all = Sample::draw(&group, 1.0, &mut Rng::seed_from_u64(0));
            let landscape = Landscape::new(&group);
            for axis in &landscape.axes {
                let irrep = strongest(&group.shares(axis));
                if irrep > 0 {
                    let found = energy(&all, axis, Activation::Square);
                    assert!((found - group.peak(irrep)).abs() < 1e-10, "{found} in a group of {}", group.order);
                }
            }
        }
    }

    #[test]
    fn a_climb_never_loses_height() {
        let (group, mut rng) = (Group::new(11, false), Rng::seed_from_u64(2));
        for fraction in [1.0, 0.5] {
            let sample = Sample::draw(&group, fraction, &mut rng);
            let mut ascent = Ascent::new(&group, sample, 4, &mut rng);
            for _ in 0..100 {
                ascent.measure(&group, Activation::Square);
                let before = ascent.energy.clone();
                (0..4).for_each(|node| ascent.climb(node, 22, Activation::Square));
                ascent.measure(&group, Activation::Square);
                assert!(ascent.energy.iter().zip(&before).all(|(now, before)| *now >= before - 1e-12));
            }
        }
    }

    /// `(M/2N) |Ỹ - F̃V|²`, straight from its definition.
    fn loss(trainer: &Trainer, n: usize, activation: Activation) -> f64 {
        let (k, shown) = (trainer.mean.len(), &trainer.sample.shown);
        let rows: Vec<Vec<f64>> = shown
            .iter()
            .map(|example| {
                let mut f = vec![0.0; k];
                features(&trainer.w, *example, n, activation, &mut f);
                f
            })
            .collect();
        let mean = |node: usize| rows.iter().map(|f| f[node]).sum::<f64>() / rows.len() as f64;
        let mean: Vec<f64> = (0..k).map(mean).collect();
        let mut sum = 0.0;
        for (f, [_, _, c]) in rows.iter().zip(shown.iter()) {
            let mut logits = trainer.sample.prior.to_vec();
            answer(f, &mean, &trainer.v, &mut logits);
            logits[*c as usize] -= 1.0;
            sum += logits.iter().map(|error| error * error).sum::<f64>();
        }
        0.5 * n as f64 / rows.len() as f64 * sum
    }

    #[test]
    fn the_gradients_are_those_of_the_loss() {
        let (group, mut rng) = (Group::new(3, true), Rng::seed_from_u64(3));
        let (n, k) = (group.order, 5);
        for activation in [Activation::Square, Activation::Relu, Activation::QuadraticPlusLinear] {
            let sample = Sample::draw(&group, 0.7, &mut rng);
            let w = normals(2 * n * k, &mut rng);
            let mut trainer = Trainer::new(&group, sample, w, k, 0.0, false);
            trainer.v = normals(k * n, &mut rng);
            trainer.begin(n, activation);
            trainer.accumulate(0, trainer.sample.shown.len(), n, activation);
            let h = 1e-6;
            let slope = |change: &dyn Fn(&mut Trainer, f64)| {
                let at = |h: f64| {
                    let mut moved = trainer.clone();
                    change(&mut moved, h);
                    loss(&moved, n, activation)
                };
                (at(h) - at(-h)) / (2.0 * h)
            };
            for index in 0..trainer.w.len() {
                let expected = slope(&|trainer, h| trainer.w[index] += h);
                assert!((trainer.gradient_w[index] - expected).abs() < 1e-5 * (1.0 + expected.abs()));
            }
            for index in 0..trainer.v.len() {
                let expected = slope(&|trainer, h| trainer.v[index] += h);
                assert!((trainer.gradient_v[index] - expected).abs() < 1e-5 * (1.0 + expected.abs()));
            }
        }
    }
}
