//! A measurement $f$ of a system that moves by $x \mapsto F(x)$ moves by the linear Koopman operator
//! $\mathcal K f = f \circ F$, so one hopes to understand $F$ by the eigenvalues of a matrix made from snapshots
//! $(x_j, F(x_j))$. *Extended dynamic mode decomposition* (EDMD) does that, and it lies: the matrix of a finite
//! dictionary always has as many eigenvalues as it has rows, whether $\mathcal K$ has any or not.
//!
//! The maps here are invertible and preserve area on the torus, so $\mathcal K$ is unitary and everything inside the
//! unit circle is false. *Residual DMD* adds one more matrix and asks every pair how wrong it is:
//! $$\mathrm{res}(\lambda,g)^2=\frac{g^*(L-\lambda A^*-\bar\lambda A+|\lambda|^2G)\,g}{g^*Gg}.$$
//! Pairs with a residual above $\varepsilon$ are rejected. The background is the verified pseudospectrum
//! $\tau_N(z)=\min_g \mathrm{res}(z,g)$, computed point by point: dark regions are near the spectrum.
//!
//! **Try** the skew shift: EDMD fills the disc's middle with 110 eigenvalues, and 11 pairs on the circle survive. Then
//! lower $M$ under the standard map. Residuals are integrals; once the grid cannot resolve them, the detector itself
//! is deceived, and pairs turn up with a residual *below* their distance from the circle, which is impossible. That is
//! why the limits must be taken in order, the quadrature $M$ first, then the dictionary, then $\varepsilon$; how many
//! such limits a question needs classifies how hard it is.
//!
//! Some questions no finite table settles. Switch on the **adversary**: it samples a system of its own on your grid,
//! $(x+\alpha,\,y+h(x))$, with an eigenfunction $e^{iy}u(x)$. A second world winds $h$ once more round the fibre inside every
//! gap between sampled columns. It is as smooth and agrees on every sample; but the winding makes its degree $M$
//! instead of $0$, and a skew product over a rotation with a degree other than zero has no eigenfunction in the
//! fibre. Changing $h$ without winding would not do: for the golden $\alpha$ every smooth $h$ of degree zero can be
//! straightened.
//!
//! Scaled down: at most 289 waves and 10,000 snapshots. The dictionary is kept linearly independent on the grid
//! ($M > 2D$), which makes $G$ the identity; where the map leaves parts of it unmixed, each part is solved alone. The
//! picture is coarser for large dictionaries.

use orrery_core::figure::{Ink, Symbol};
use orrery_core::prelude::*;
use orrery_kernels::expression::Expression;
use orrery_kernels::fft::Roots;
use orrery_kernels::linalg::{Complex, ComplexEigen, SmallestEigenvalue};
use orrery_kernels::math::{PI, TAU, atan2, cos, exp, sin, sincos};
use std::collections::VecDeque;
use std::rc::Rc;

type C = Complex<f64>;

const ZERO: C = C { re: 0.0, im: 0.0 };
const ONE: C = C { re: 1.0, im: 0.0 };

/// The golden rotation, $2\pi(\sqrt5-1)/2$: as far from every rational as an angle can be.
const GOLDEN: f64 = TAU * 0.618_033_988_749_894_9;

/// An EDMD eigenvalue this far inside the circle cannot belong to an isometry.
const DEEP: f64 = 0.8;

/// Rounding allowed in the inequality `res ≥ ||λ| - 1|`.
const SLACK: f64 = 1e-6;

/// Entries smaller than this are rounding: the waves they join do not mix.
const UNMIXED: f64 = 1e-13;

/// Complex multiplications in one step: about two milliseconds.
const WORK: u32 = 1_000_000;

/// Points of the pseudospectrum in one step at most, so that one can watch it come.
const POINTS_PER_STEP: u32 = 12;

/// The pseudospectrum's window is [-WINDOW, WINDOW] on both axes.
const WINDOW: f64 = 1.5;

/// Pixels along each side of the eigenfunction's picture.
const PIXELS: usize = 48;

/// A map of the torus.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum System {
    /// Eigenvalues e^{2πikα} and Lebesgue spectrum.
    #[choice("skew shift (x+α, y+x)")]
    SkewShift,
    /// Eigenfunctions in every fibre mode.
    #[choice("cocycle (x+α, y+0.9 cos x+0.5)")]
    Cocycle,
    /// Order and chaos side by side.
    #[choice("Chirikov standard map")]
    StandardMap,
    /// Chaos throughout.
    #[choice("cat map (2x+y, x+y)")]
    CatMap,
    /// The visitor's.
    #[choice("custom")]
    Custom,
}

/// What the visitor sets.
#[derive(Clone, Debug, Controls)]
pub struct Settings {
    /// The map of the torus that the snapshots come from. All but your own preserve area.
    #[control(label = "system", default = System::SkewShift)]
    pub system: System,
    /// Where x goes, modulo 2π; a is the golden angle 2π(√5-1)/2.
    #[control(
        label = "x ↦", variables = ["x", "y", "a"], when = ("system", "custom"), default = "x + a".into(),
        examples = [("rotation", "x + a"), ("twist", "x + y"), ("not area preserving", "x + a + 0.3 sin(x)")]
    )]
    pub map_x: Formula,
    /// Where y goes, modulo 2π.
    #[control(
        label = "y ↦", variables = ["x", "y", "a"], when = ("system", "custom"), default = "y + x".into(),
        examples = [("skew shift", "y + x"), ("double winding", "y + 2 x"), ("cocycle", "y + 0.9 cos(x) + 0.5")]
    )]
    pub map_y: Formula,
    /// The dictionary holds the (2D+1)² waves with wave numbers up to D in x and in y.
    #[control(label = "dictionary order D", range = 1..=8, default = 5)]
    pub dictionary_order: usize,
    /// Snapshots are taken on an M × M grid; the waves need M above 2D.
    #[control(label = "quadrature points per axis M", range = 8..=100, default = 60)]
    pub quadrature_points: usize,
    /// The largest residual a pair may have and be believed.
    #[control(label = "acceptance ε", range = 1e-3..=1.0, log, default = 0.1, live)]
    pub acceptance: f64,
    /// How hard the standard map kicks.
    #[control(label = "kick strength K", range = 0.0..=3.0, default = 0.8, when = ("system", "standard-map"))]
    pub kick: f64,
    /// Confronts the detector with two smooth worlds that agree on every sample of a cocycle.
    #[control(label = "adversary", default = false)]
    pub adversary: bool,
    /// Which pair's eigenfunction is pictured, in the order of the table.
    #[control(label = "eigenfunction shown", range = 1..=289, default = 4, live)]
    pub shown: usize,
}

/// The run: snapshots, then G, A and L, then EDMD's pairs, then their residuals, then the pseudospectrum.
#[derive(Clone)]
pub struct KoopmanLiarDetector {
    /// D.
    order: usize,
    /// M.
    points: usize,
    /// ε.
    acceptance: f64,
    shown: usize,
    /// Whether the waves may all mix, for the estimate of the run's length.
    dense: bool,
    steps: usize,
    phase: Phase,
    roots: Rc<Roots>,
    /// `(e^{ix}, e^{iy})` at F of each grid point.
    images: Rc<Vec<[C; 2]>>,
    /// The mean of `e^{id·F}` over the grid, for |d| ≤ 2D in both directions: `L_kl` is its value at `d = l - k`.
    lags: Vec<C>,
    /// `A`, by columns while it is assembled.
    columns: Vec<C>,
    blocks: Rc<Vec<Block>>,
    solver: Option<ComplexEigen>,
    /// Pairs found, and not yet judged.
    candidates: VecDeque<(usize, C, Vec<C>)>,
    pairs: Rc<Vec<Pair>>,
    /// The phase of the eigenfunction that is shown.
    portrait: Rc<Vec<f64>>,
    field: Field,
    adversary: Option<Adversary>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Lags(usize),
    Columns(usize),
    Eigen(usize),
    Judge,
    Field,
    Adversary,
    Over,
}

/// Waves that the map mixes with each other and with no others: a diagonal block of A and of L.
#[derive(Clone)]
struct Block {
    waves: Vec<usize>,
    a: Vec<C>,
    l: Vec<C>,
}

/// One of EDMD's eigenpairs, judged.
#[derive(Clone)]
struct Pair {
    value: C,
    residual: f64,
    block: usize,
    g: Vec<C>,
}

impl Pair {
    fn radius(&self) -> f64 {
        self.value.norm_sqr().sqrt()
    }

    /// `||λ| - 1|`: what an isometry's spectrum has none of.
    fn distance(&self) -> f64 {
        (self.radius() - 1.0).abs()
    }

    fn turn(&self) -> f64 {
        atan2(self.value.im, self.value.re)
    }

    /// Best residual first; those that only rounding tells apart, by the angle.
    fn before(&self, other: &Self) -> std::cmp::Ordering {
        let key = |pair: &Self| (pair.residual.max(SLACK), pair.turn().abs(), pair.turn());
        let ((a, b, c), (d, e, f)) = (key(self), key(other));
        a.total_cmp(&d).then(if (b - e).abs() < 1e-9 { c.total_cmp(&f) } else { b.total_cmp(&e) })
    }
}

impl KoopmanLiarDetector {
    /// Waves along one axis, 2D+1.
    fn side(&self) -> usize {
        2 * self.order + 1
    }

    /// The wave numbers of dictionary function `index`.
    fn wave(&self, index: usize) -> [i64; 2] {
        let (side, order) = (self.side(), self.order as i64);
        [(index / side) as i64 - order, (index % side) as i64 - order]
    }

    /// One row of `lags`: `(1/M²) Σ_j e^{i d·F(x_j)}` for one `d_x`.
    fn measure_lags(&mut self, row: usize) -> i64 {
        let reach = 2 * self.order as i64;
        let width = 2 * reach as usize + 1;
        let mut sums = vec![ZERO; width];
        for [x, y] in self.images.iter() {
            let mut term = power(*x, row as i64 - reach) * power(*y, -reach);
            for sum in &mut sums {
                *sum += term;
                term *= y;
            }
        }
        let weight = 1.0 / self.images.len() as f64;
        self.lags.extend(sums.into_iter().map(|sum| sum * weight));
        (2 * width * self.images.len()) as i64
    }

    /// One column of A: `A_kl = (1/M²) Σ_j ψ_k(x_j)* ψ_l(F(x_j))`, a Fourier transform of `ψ_l ∘ F` over the grid, taken along y
    /// and then along x.
    fn assemble_column(&mut self, l: usize) -> i64 {
        let (m, order, side) = (self.points, self.order as i64, self.side());
        let [p, q] = self.wave(l);
        let values: Vec<C> = self.images.iter().map(|[x, y]| power(*x, p) * power(*y, q)).collect();
        let mut along_y = vec![ZERO; side * m];
        for (jx, line) in values.chunks_exact(m).enumerate() {
            for (k, ky) in (-order..=order).enumerate() {
                along_y[k * m + jx] = self.roots.coefficient(line.iter().copied(), ky);
            }
        }
        let weight = 1.0 / (m * m) as f64;
        for kx in -order..=order {
            for k in 0..side {
                let line = &along_y[k * m..(k + 1) * m];
                self.columns.push(self.roots.coefficient(line.iter().copied(), kx) * weight);
            }
        }
        2 * (m * (m + side) * side) as i64
    }

    /// Splits the dictionary into the parts that A and L do not mix.
    fn split(&mut self) {
        let n = self.side() * self.side();
        let reach = 2 * self.order as i64;
        let width = 2 * reach + 1;
        let a = |k: usize, l: usize| self.columns[l * n + k];
        let l = |i: usize, j: usize| {
            let ([p, q], [r, s]) = (self.wave(i), self.wave(j));
            self.lags[((r - p + reach) * width + s - q + reach) as usize]
        };
        let mut taken = vec![false; n];
        let mut parts: Vec<Vec<usize>> = Vec::new();
        for start in 0..n {
            if std::mem::replace(&mut taken[start], true) {
                continue;
            }
            let mut waves = vec![start];
            let mut next = 0;
            while next < waves.len() {
                let i = waves[next];
                next += 1;
                for (j, taken) in taken.iter_mut().enumerate() {
                    let mixed = |entry: C| entry.norm_sqr() > UNMIXED * UNMIXED;
                    if !*taken && (mixed(a(i, j)) || mixed(a(j, i)) || mixed(l(i, j))) {
                        *taken = true;
                        waves.push(j);
                    }
                }
            }
            waves.sort_unstable();
            parts.push(waves);
        }
        let block = |waves: Vec<usize>| {
            let pairs = || waves.iter().flat_map(|i| waves.iter().map(move |j| (*i, *j)));
            Block { a: pairs().map(|(i, j)| a(i, j)).collect(), l: pairs().map(|(i, j)| l(i, j)).collect(), waves }
        };
        let blocks: Vec<Block> = parts.into_iter().map(block).collect();
        self.field = Field::new(blocks.iter().map(|block| block.waves.len()));
        self.blocks = Rc::new(blocks);
        self.columns = Vec::new();
    }

    /// EDMD: the eigenpairs of `G⁻¹A`; on this grid `G = I`.
    fn solve(&mut self, index: usize, work: i64) -> i64 {
        let block = &self.blocks[index];
        let n = block.waves.len();
        let mut solver = self.solver.take().unwrap_or_else(|| ComplexEigen::new(block.a.clone(), n));
        if solver.advance(work.max(1) as u32) {
            self.candidates.extend(solver.pairs().into_iter().map(|(value, g)| (index, value, g)));
            self.phase = if index + 1 < self.blocks.len() { Phase::Eigen(index + 1) } else { Phase::Judge };
            // A small block took far less than it was given; a large one took it all but for its last slice.
            work.min(12 * (n * n * n) as i64)
        } else {
            self.solver = Some(solver);
            work
        }
    }

    /// The residual of the next candidate.
    fn judge(&mut self) -> i64 {
        let Some((block, value, g)) = self.candidates.pop_front() else {
            Rc::make_mut(&mut self.pairs).sort_by(Pair::before);
            self.phase = Phase::Adversary;
            self.draw_portrait();
            return 1;
        };
        let residual = residual(&self.blocks[block], value, &g);
        Rc::make_mut(&mut self.pairs).push(Pair { value, residual, block, g });
        let n = self.blocks[block].waves.len();
        2 * (n * n) as i64
    }

    /// The pair that is shown; the last, if there are fewer.
    fn selected(&self) -> Option<&Pair> {
        self.pairs.get(self.shown.clamp(1, self.pairs.len().max(1)) - 1)
    }

    /// `g(x) = Σ_k g_k e^{ik·x}` over the torus; its phase is the picture.
    fn draw_portrait(&mut self) {
        let Some(pair) = self.selected() else { return };
        let roots = Roots::new(PIXELS);
        let mut phases = Vec::with_capacity(PIXELS * PIXELS);
        let side = self.side();
        let mut along_x = vec![ZERO; side * PIXELS];
        for (wave, g) in self.blocks[pair.block].waves.iter().zip(&pair.g) {
            let [p, q] = self.wave(*wave);
            let line = (q + self.order as i64) as usize * PIXELS;
            for (i, sum) in along_x[line..line + PIXELS].iter_mut().enumerate() {
                *sum += g * roots.at(p * i as i64);
            }
        }
        for j in 0..PIXELS {
            for i in 0..PIXELS {
                let mut sum = ZERO;
                for (row, q) in (-(self.order as i64)..=self.order as i64).enumerate() {
                    sum += along_x[row * PIXELS + i] * roots.at(q * j as i64);
                }
                phases.push(if sum.norm_sqr() > 0.0 { atan2(sum.im, sum.re) } else { 0.0 });
            }
        }
        self.portrait = Rc::new(phases);
    }

    fn accepted(&self) -> impl Iterator<Item = &Pair> {
        self.pairs.iter().filter(|pair| pair.residual <= self.acceptance)
    }

    fn judged(&self) -> bool {
        matches!(self.phase, Phase::Field | Phase::Adversary | Phase::Over)
    }

    /// Complex multiplications still to do before the pseudospectrum, roughly.
    fn work_ahead(&self) -> usize {
        let (m, side) = (self.points, self.side());
        let lag = 2 * (4 * self.order + 1) * m * m;
        let column = 2 * m * (m + side) * side;
        let cube = |n: usize| 14 * n * n * n;
        let unknown = if self.dense { cube(side * side) } else { side * cube(side) };
        let (lags, columns) = (4 * self.order + 1, side * side);
        match self.phase {
            Phase::Lags(done) => (lags - done) * lag + columns * column + unknown,
            Phase::Columns(done) => (columns - done) * column + unknown,
            Phase::Eigen(done) => self.blocks[done..].iter().map(|block| cube(block.waves.len())).sum(),
            _ => 0,
        }
    }
}

/// `res(λ, g)² = g*(L - λA* - λ̄A + |λ|²G)g / g*Gg` with `G = I`; rounding below zero counts as zero.
fn residual(block: &Block, value: C, g: &[C]) -> f64 {
    let n = g.len();
    let (mut gag, mut glg, mut gg) = (ZERO, ZERO, 0.0);
    for i in 0..n {
        let image = |matrix: &[C]| -> C { matrix[i * n..(i + 1) * n].iter().zip(g).map(|(m, g)| m * g).sum() };
        gag += g[i].conj() * image(&block.a);
        glg += g[i].conj() * image(&block.l);
        gg += g[i].norm_sqr();
    }
    let square = glg.re - 2.0 * (value.conj() * gag).re + value.norm_sqr() * gg;
    (square / gg).max(0.0).sqrt()
}

/// `z` of modulus one to a whole power.
fn power(z: C, exponent: i64) -> C {
    let (mut base, mut left) = (if exponent < 0 { z.conj() } else { z }, exponent.unsigned_abs());
    let mut power = ONE;
    while left > 0 {
        if left & 1 == 1 {
            power *= base;
        }
        base *= base;
        left >>= 1;
    }
    power
}

/// τ_N on a square grid that refines as it fills. The operator is real, so τ_N(z̄) = τ_N(z): half the points do.
#[derive(Clone, Default)]
struct Field {
    side: usize,
    values: Rc<Vec<f64>>,
    /// Cells of the upper half in the order of the coarse-to-fine sweep, each with the size of the square it stands for.
    order: Rc<Vec<(u32, u32, u32)>>,
    next: usize,
    /// The block being worked on, its solver, and the least eigenvalue so far.
    block: usize,
    solver: Option<SmallestEigenvalue>,
    least: f64,
    cost: usize,
}

impl Field {
    /// As fine as some thousand million multiplications allow.
    fn new(sizes: impl Iterator<Item = usize>) -> Self {
        let cost: usize = sizes.map(|n| n * n + SmallestEigenvalue::cost(n)).sum();
        let affordable = |side: usize| side * side / 2 * cost <= 3_000_000_000;
        let side = if affordable(64) {
            64
        } else if affordable(32) {
            32
        } else {
            16
        };
        let mut order = Vec::new();
        let coarsest = side / 4;
        let mut stride = coarsest;
        while stride >= 1 {
            for row in (side / 2..side).step_by(stride) {
                for column in (0..side).step_by(stride) {
                    // What a coarser sweep has computed stands.
                    let known = stride < coarsest && row % (2 * stride) == 0 && column % (2 * stride) == 0;
                    if !known {
                        order.push((row as u32, column as u32, stride as u32));
                    }
                }
            }
            stride /= 2;
        }
        Self { side, order: Rc::new(order), least: f64::INFINITY, cost, ..Self::default() }
    }

    fn steps_left(&self) -> usize {
        let points = self.order.len() - self.next;
        let watched = (points as u32).div_ceil(POINTS_PER_STEP) as usize;
        watched.max(points * self.cost / WORK as usize)
    }

    fn at(&self, index: u32) -> f64 {
        WINDOW * ((2 * index + 1) as f64 / self.side as f64 - 1.0)
    }

    /// Works on the next point; says what is left of `work`, or nothing once there is no next point.
    fn advance(&mut self, blocks: &[Block], work: i64) -> Option<i64> {
        let &(row, column, stride) = self.order.get(self.next)?;
        let z = C::new(self.at(column), self.at(row));
        let mut left = work;
        while let Some(block) = blocks.get(self.block) {
            let n = block.waves.len();
            let mut solver = self.solver.take().unwrap_or_else(|| {
                left -= 2 * (n * n) as i64;
                SmallestEigenvalue::new(deviation(block, z), n)
            });
            let Some(value) = solver.advance(left.max(1) as u32) else {
                self.solver = Some(solver);
                return Some(0);
            };
            left -= SmallestEigenvalue::cost(n) as i64;
            self.least = self.least.min(value);
            self.block += 1;
        }
        self.fill(row as usize, column as usize, stride as usize);
        self.next += 1;
        self.block = 0;
        self.least = f64::INFINITY;
        Some(left)
    }

    /// Gives the value to the square whose first cell the point is, and to its mirror image.
    fn fill(&mut self, row: usize, column: usize, stride: usize) {
        let side = self.side;
        let value = self.least.sqrt().max(1e-6);
        let values = Rc::make_mut(&mut self.values);
        if values.is_empty() {
            *values = vec![1.0; side * side];
        }
        for row in row..row + stride {
            for column in column..column + stride {
                values[row * side + column] = value;
                values[(side - 1 - row) * side + column] = value;
            }
        }
    }
}

/// `L - zA* - z̄A + |z|²G`: what ties a function to the value z.
fn deviation(block: &Block, z: C) -> Vec<C> {
    let n = block.waves.len();
    let entry = |index: usize| {
        let (i, j) = (index / n, index % n);
        let square = if i == j { z.norm_sqr() } else { 0.0 };
        block.l[index] - z * block.a[j * n + i].conj() - z.conj() * block.a[index] + square
    };
    (0..n * n).map(entry).collect()
}

/// Two worlds with the same samples, for ever more samples.
#[derive(Clone)]
struct Adversary {
    order: usize,
    /// The grids to try; the visitor's own is the first.
    grids: Rc<Vec<usize>>,
    duels: Vec<Duel>,
}

/// What one grid's data say of the best pair in the fibre, and what is true.
#[derive(Clone, Copy)]
struct Duel {
    points: usize,
    /// The residual that ResDMD computes from the samples, in either world.
    measured: f64,
    /// The residual in the world with an eigenfunction in the fibre.
    straight: f64,
    /// The residual in the world that winds between the samples.
    wound: f64,
    /// The farthest that the two worlds are apart on a sample.
    apart: f64,
}

impl Adversary {
    fn new(order: usize, points: usize) -> Self {
        let least = (2 * order + 2).max(8);
        let others = (0..24).map(|i| least + (100 - least) * i / 23);
        Self { order, grids: Rc::new(std::iter::once(points).chain(others).collect()), duels: Vec::new() }
    }

    /// `h(x) = 0.9 cos x + 0.5`: of degree zero, so the golden rotation lets it be straightened.
    fn height(x: f64) -> f64 {
        0.9 * cos(x) + 0.5
    }

    /// How far, from 0 to 1, the second world has wound inside the gap between two samples: smooth, and flat at both.
    fn winding(part: f64) -> f64 {
        let t = (part - 0.1) / 0.8;
        if t <= 0.0 {
            return 0.0;
        }
        if t >= 1.0 {
            return 1.0;
        }
        let (rise, fall) = (exp(-1.0 / t), exp(-1.0 / (1.0 - t)));
        rise / (rise + fall)
    }

    /// ResDMD on the functions `e^{iy} e^{ikx}`, which both worlds keep among themselves, from `m` columns of samples.
    fn duel(&self, m: usize) -> Option<Duel> {
        let (order, n) = (self.order as i64, 2 * self.order + 1);
        let roots = Roots::new(m);
        let rotation = |k: i64| unit(k as f64 * GOLDEN);
        let turns: Vec<C> = (0..m).map(|j| unit(Self::height(TAU * j as f64 / m as f64))).collect();
        // e^{iy} e^{ilx} ∘ F = e^{iy} e^{ilα} e^{ilx} e^{ih(x)}
        let mut a = Vec::with_capacity(n * n);
        for k in -order..=order {
            for l in -order..=order {
                a.push(rotation(l) * roots.coefficient(turns.iter().copied(), k - l) / m as f64);
            }
        }
        let mut l = vec![ZERO; n * n];
        for i in 0..n {
            l[i * n + i] = ONE;
        }
        let block = Block { waves: (0..n).collect(), a: a.clone(), l };
        let mut solver = ComplexEigen::new(a, n);
        while !solver.advance(u32::MAX) {}
        let judged = solver.pairs().into_iter().map(|(value, g)| (residual(&block, value, &g), value, g));
        let (measured, value, g) = judged.min_by(|a, b| a.0.total_cmp(&b.0))?;

        // The true residuals, by quadrature that resolves every gap.
        const FINE: usize = 40;
        let function = |x: f64| -> C {
            let (step, mut wave) = (unit(x), unit(-(order as f64) * x));
            g.iter()
                .map(|g| {
                    let term = g * wave;
                    wave *= step;
                    term
                })
                .sum()
        };
        let (mut straight, mut wound, mut size) = (0.0, 0.0, 0.0);
        for i in 0..m * FINE {
            let part = ((i % FINE) as f64 + 0.5) / FINE as f64;
            let x = TAU * ((i / FINE) as f64 + part) / m as f64;
            let (here, moved) = (function(x), function(x + GOLDEN) * unit(Self::height(x)));
            straight += (moved - value * here).norm_sqr();
            wound += (moved * unit(TAU * Self::winding(part)) - value * here).norm_sqr();
            size += here.norm_sqr();
        }
        // At a sample the second world has wound by none of the gap ahead, or by all of the gap behind.
        let apart = [0.0, 1.0].map(|part| (unit(TAU * Self::winding(part)) - ONE).norm_sqr().sqrt());
        let apart = apart[0].max(apart[1]);
        Some(Duel { points: m, measured, straight: (straight / size).sqrt(), wound: (wound / size).sqrt(), apart })
    }

    /// The next grid; says whether there was one.
    fn advance(&mut self) -> bool {
        let Some(points) = self.grids.get(self.duels.len()) else { return false };
        let duel = self.duel(*points);
        self.duels.extend(duel);
        duel.is_some()
    }

    /// The verdict at the visitor's own grid.
    fn own(&self) -> Option<&Duel> {
        self.duels.first()
    }
}

/// `e^{iθ}`.
fn unit(angle: f64) -> C {
    let (sin, cos) = sincos(angle);
    C::new(cos, sin)
}

/// Where the map takes a point, or which formula has no value there.
fn image(settings: &Settings, formulas: Option<&[Expression; 2]>, x: f64, y: f64) -> Result<[f64; 2]> {
    Ok(match (settings.system, formulas) {
        (System::Cocycle, _) => [x + GOLDEN, y + Adversary::height(x)],
        (System::StandardMap, _) => {
            let kicked = y + settings.kick * sin(x);
            [x + kicked, kicked]
        }
        (System::CatMap, _) => [2.0 * x + y, x + y],
        (System::Custom, Some([map_x, map_y])) => {
            let named = [("map-x", map_x), ("map-y", map_y)];
            let mut found = [0.0; 2];
            for (found, (name, map)) in found.iter_mut().zip(named) {
                *found = map.eval(&[x, y, GOLDEN]);
                // Beyond this, an angle has lost its place on the circle.
                let usable = found.is_finite() && found.abs() < 1e9;
                if !usable {
                    let message = format!("has no usable value at x = {x:.3}, y = {y:.3}; every point needs an image");
                    return Err(Error::of(name, message));
                }
            }
            found
        }
        _ => [x + GOLDEN, y + x],
    })
}

impl Exhibit for KoopmanLiarDetector {
    const CARD: Card = Card {
        slug: "koopman-liar-detector",
        title: "Limits and Powers of Koopman Learning",
        year: 2024,
        lists: &[0, 2],
        claim: "EDMD prints eigenvalues an isometry cannot have; every pair that ResDMD accepts lies by the unit circle",
        algorithms: &[
            "ResDMD",
            "EDMD",
            "Koopman operator",
            "pseudospectrum",
            "residual",
            "solvability complexity index",
        ],
        contenders: &[Contender::paper("resdmd", "ResDMD: accepted"), Contender::baseline("edmd", "EDMD: unchecked")],
    };
    type Controls = Settings;

    fn new(settings: &Settings, _: &mut Rng) -> Result<Self> {
        let (order, points) = (settings.dictionary_order, settings.quadrature_points);
        if points <= 2 * order {
            let message = format!(
                "{points} points per axis cannot tell the {} waves of each axis apart; take M of at least {}, or D of at most {}",
                2 * order + 1,
                2 * order + 1,
                (points - 1) / 2
            );
            return Err(Error::of("quadrature-points", message));
        }
        let parse = |name: &str, formula: &Formula| {
            Expression::parse(&formula.0, &["x", "y", "a"]).map_err(|error| Error::of(name, error.message).at(error.at))
        };
        let formulas = match settings.system {
            System::Custom => Some([parse("map-x", &settings.map_x)?, parse("map-y", &settings.map_y)?]),
            _ => None,
        };
        let mut images = Vec::with_capacity(points * points);
        for i in 0..points {
            for j in 0..points {
                let at = |index: usize| TAU * index as f64 / points as f64;
                images.push(image(settings, formulas.as_ref(), at(i), at(j))?.map(unit));
            }
        }
        Ok(Self {
            order,
            points,
            acceptance: settings.acceptance,
            shown: settings.shown,
            dense: matches!(settings.system, System::StandardMap | System::Custom),
            steps: 0,
            phase: Phase::Lags(0),
            roots: Rc::new(Roots::new(points)),
            images: Rc::new(images),
            lags: Vec::new(),
            columns: Vec::new(),
            blocks: Rc::default(),
            solver: None,
            candidates: VecDeque::new(),
            pairs: Rc::default(),
            portrait: Rc::default(),
            field: Field::default(),
            adversary: settings.adversary.then(|| Adversary::new(order, points)),
        })
    }

    fn length(&self) -> usize {
        let duels = self.adversary.as_ref().map_or(0, |adversary| adversary.grids.len() + 1 - adversary.duels.len());
        let field = match self.phase {
            Phase::Over => return self.steps,
            Phase::Lags(_) | Phase::Columns(_) => {
                let side = self.side();
                let sizes = if self.dense { vec![side * side] } else { vec![side; side] };
                Field::new(sizes.into_iter()).steps_left()
            }
            _ => self.field.steps_left(),
        };
        self.steps + self.work_ahead() / WORK as usize + field + duels + 8
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        self.steps += 1;
        let mut left = i64::from(WORK);
        let mut points = POINTS_PER_STEP;
        while left > 0 {
            match self.phase {
                Phase::Lags(row) if row <= 4 * self.order => {
                    left -= self.measure_lags(row);
                    self.phase = Phase::Lags(row + 1);
                }
                Phase::Lags(_) => self.phase = Phase::Columns(0),
                Phase::Columns(l) if l < self.side() * self.side() => {
                    left -= self.assemble_column(l);
                    self.phase = Phase::Columns(l + 1);
                }
                Phase::Columns(_) => {
                    self.split();
                    self.phase = Phase::Eigen(0);
                    break;
                }
                Phase::Eigen(index) => left -= self.solve(index, left),
                Phase::Judge => left -= self.judge(),
                Phase::Field => {
                    let finished = self.field.next;
                    match self.field.advance(&self.blocks, left) {
                        Some(rest) => left = rest,
                        None => self.phase = Phase::Over,
                    }
                    points -= u32::from(self.field.next > finished);
                    if points == 0 {
                        break;
                    }
                }
                Phase::Adversary => {
                    if !self.adversary.as_mut().is_some_and(Adversary::advance) {
                        self.phase = Phase::Field;
                    }
                    break;
                }
                Phase::Over => break,
            }
        }
        if self.phase == Phase::Over { Progress::Done } else { Progress::Running }
    }

    fn figures(&self, figures: &mut Figures) {
        let shades = || Colors::sequential("residual").log().domain(1e-3, 2.0);
        let caption = "Colour is the least residual any function of the dictionary has at z; dots are EDMD's eigenvalues, \
                       coloured by their own. An invertible map that preserves area has its spectrum on the circle alone.";
        let mut plane = figures.figure("plane", "Eigenvalues, and which to believe", caption);
        plane.equal();
        plane.x(Axis::linear("Re z").domain(-WINDOW, WINDOW)).y(Axis::linear("Im z").domain(-WINDOW, WINDOW));
        if !self.field.values.is_empty() {
            let ends = [-WINDOW, WINDOW];
            let grid = Grid { values: &self.field.values, columns: self.field.side, x: ends, y: ends };
            plane.raster(grid, shades());
            plane.contour(grid, &[0.1, 0.3, 1.0], None).faint().label("residual 0.1, 0.3, 1");
        }
        let circle = (0..=120).map(|i| unit(TAU * f64::from(i) / 120.0));
        plane.line(circle.clone().map(|z| z.re), circle.map(|z| z.im)).dashed().label("unit circle");
        let parts = |pairs: &[&Pair]| -> [Vec<f64>; 2] {
            [pairs.iter().map(|pair| pair.value.re).collect(), pairs.iter().map(|pair| pair.value.im).collect()]
        };
        let (accepted, rejected): (Vec<&Pair>, Vec<&Pair>) =
            self.pairs.iter().partition(|pair| pair.residual <= self.acceptance);
        let values = self.pairs.iter().map(|pair| pair.residual.max(1e-6));
        let (re, im) = (self.pairs.iter().map(|pair| pair.value.re), self.pairs.iter().map(|pair| pair.value.im));
        plane.colored_dot(re, im, values, shades()).radius(3.5).label("EDMD's eigenvalues");
        let [x, y] = parts(&rejected);
        plane.dot(x, y).of("edmd").symbol(Symbol::Ring).radius(4.5).label("rejected");
        let [x, y] = parts(&accepted);
        plane.dot(x, y).of("resdmd").symbol(Symbol::Ring).radius(6.0).label("accepted");

        let name = self.selected().map_or(String::new(), |pair| {
            format!(
                " of λ = {:.3} {} {:.3}i",
                pair.value.re,
                if pair.value.im < 0.0 { '−' } else { '+' },
                pair.value.im.abs()
            )
        });
        let caption = "Once round the colours is one turn of the complex value. A true eigenfunction is carried over \
                       itself by the map, turned by the angle of λ.";
        let mut torus = figures.figure("eigenfunction", format!("Eigenfunction {}{name}", self.shown), caption);
        torus.equal().x(Axis::linear("x").domain(0.0, TAU)).y(Axis::linear("y").domain(0.0, TAU));
        if !self.portrait.is_empty() {
            let half = PI / PIXELS as f64;
            let ends = [-half, TAU - half];
            let grid = Grid { values: &self.portrait, columns: PIXELS, x: ends, y: ends };
            torus.raster(grid, Colors::cyclic("phase").domain(-PI, PI));
        }

        let caption = "The pairs in the order of their residuals. On an isometry no residual can be smaller than the \
                       distance from the circle.";
        let listed = || self.pairs.iter().take(40);
        figures
            .figure("pairs", "Accepted and rejected", caption)
            .table()
            .numbers("pair", (1..=listed().count()).map(|index| index as f64))
            .numbers("|λ|", listed().map(Pair::radius))
            .numbers("angle / 2π", listed().map(|pair| pair.turn() / TAU))
            .numbers("residual", listed().map(|pair| pair.residual))
            .numbers("||λ| − 1|", listed().map(Pair::distance))
            .words(
                "verdict",
                listed().map(|pair| if pair.residual <= self.acceptance { "accepted" } else { "rejected" }),
            );

        if let Some(adversary) = &self.adversary {
            let caption = "The same samples, the same residual from them, and two smooth worlds: in one the best \
                           function of the fibre is an eigenfunction, in the other nothing is.";
            let mut lines = figures.figure("adversary", "Two worlds behind one table", caption);
            lines.x(Axis::log("samples M²")).y(Axis::log("residual in the fibre"));
            let shown = adversary.duels.get(1..).unwrap_or_default();
            let samples: Vec<f64> = shown.iter().map(|duel| (duel.points * duel.points) as f64).collect();
            let column = |of: fn(&Duel) -> f64| shown.iter().map(move |duel| of(duel).max(1e-9));
            lines.line(&samples, column(|duel| duel.wound)).ink(Ink::Accent).label("true, world that winds");
            lines.line(&samples, column(|duel| duel.straight)).label("true, world that does not");
            lines.line(&samples, column(|duel| duel.measured)).of("resdmd").dashed().label("computed from the samples");
            lines.rule_y([self.acceptance]).dashed().label("ε");
            lines.rule_x([(self.points * self.points) as f64]).dashed().label("your samples");
        }
    }

    fn claim(&self) -> Claim {
        let known = |value: f64| self.judged().then_some(value);
        let deep = self.pairs.iter().filter(|pair| pair.radius() < DEEP).count();
        let farthest = self.accepted().map(Pair::distance).fold(0.0, f64::max);
        let liars = self.pairs.iter().filter(|pair| pair.residual < pair.distance() - SLACK).count();
        let mut clauses = vec![
            Clause::at_least(
                "EDMD prints {value} eigenvalues with |λ| < 0.8, which no isometry has (at least {low}).",
                known(deep as f64),
                50.0,
            ),
            Clause::at_most(
                "The pairs that ResDMD accepts lie within {value} of the unit circle, no farther than ε = {high}.",
                known(farthest),
                self.acceptance,
            ),
            Clause::at_most(
                "{value} of all pairs have a residual smaller than their distance from the circle (at most {high}).",
                known(liars as f64),
                0.0,
            ),
        ];
        if let Some(adversary) = &self.adversary {
            let own = adversary.own();
            clauses.push(Clause::at_most(
                "The two worlds differ by {value} on the samples (at most {high}).",
                own.map(|duel| duel.apart),
                1e-12,
            ));
            clauses.push(Clause::at_most(
                "The fibre's best pair, as the samples have it, has a residual of {value} in the world that winds (at most ε = {high}).",
                own.map(|duel| duel.wound),
                self.acceptance,
            ));
        }
        Claim::new(clauses)
    }

    fn retune(&mut self, settings: &Settings) {
        self.acceptance = settings.acceptance;
        self.shown = settings.shown;
        if self.judged() {
            self.draw_portrait();
        }
    }

    fn scenarios() -> Vec<Scenario<Settings>> {
        let standard = Settings { system: System::StandardMap, ..Settings::default() };
        vec![
            Scenario::holds(
                "skew-shift",
                "Skew shift",
                "Eleven pairs are eigenpairs; the other 110 eigenvalues are made up, and their residuals say so.",
                Settings::default(),
            ),
            Scenario::holds(
                "standard-map",
                "Standard map",
                "With 60 points per axis the residuals can be trusted, though few eigenvalues survive.",
                standard.clone(),
            ),
            Scenario::fails(
                "coarse-quadrature",
                "Too few points",
                "Twenty points per axis no longer resolve the waves after the kick, and residuals fall below the distance.",
                Settings { quadrature_points: 20, ..standard },
            ),
            Scenario::fails(
                "adversary",
                "Adversary",
                "Two smooth worlds share every sample, and only one has what ResDMD certifies.",
                Settings { adversary: true, ..Settings::default() },
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_core::compute::{Answer, CPU, Engine, Local, Plan};
    use std::rc::Rc;

    struct NoProducts;

    impl Engine for NoProducts {
        fn run<'a>(&'a self, _: &'a Plan) -> Local<'a, Answer> {
            Box::pin(async { Answer { entries: Vec::new(), by: CPU.into() } })
        }
    }

    fn run(settings: &Settings) -> KoopmanLiarDetector {
        let mut exhibit = KoopmanLiarDetector::new(settings, &mut Rng::seed_from_u64(0)).unwrap();
        let compute = Compute::new(Rc::new(NoProducts));
        while pollster::block_on(exhibit.step(&compute)) == Progress::Running {}
        exhibit
    }

    /// On the waves `e^{i(px+qy)}` of fixed `q` the skew shift is a rotation if `q = 0` and otherwise shifts `p` by
    /// `q`: chains of `n` waves, whose numerical range is the disc of radius `cos(π/(n+1))`. Hence
    /// `τ(z)² = min(min_k |z - e^{ikα}|², min_n 1 + |z|² - 2|z| cos(π/(n+1)))`.
    #[test]
    fn the_skew_shift_has_the_pseudospectrum_that_can_be_written_down() {
        let exhibit = run(&Settings { dictionary_order: 3, quadrature_points: 13, ..Settings::default() });
        let field = &exhibit.field;
        for row in 0..field.side {
            for column in 0..field.side {
                let z = C::new(field.at(column as u32), field.at(row as u32));
                let rotation =
                    (-3..=3).map(|k| (z - unit(f64::from(k) * GOLDEN)).norm_sqr()).fold(f64::INFINITY, f64::min);
                let radius = z.norm_sqr().sqrt();
                let chain = 1.0 + radius * radius - 2.0 * radius * cos(PI / 8.0);
                let expected = rotation.min(chain).sqrt();
                let found = field.values[row * field.side + column];
                assert!((found - expected).abs() < 1e-2 * expected, "{found} at {z}, not {expected}");
            }
        }
    }

    #[test]
    fn a_typed_skew_shift_is_the_skew_shift() {
        let typed = run(&Settings { system: System::Custom, dictionary_order: 2, ..Settings::default() });
        let built_in = run(&Settings { dictionary_order: 2, ..Settings::default() });
        let residuals =
            |exhibit: &KoopmanLiarDetector| exhibit.pairs.iter().map(|pair| pair.residual).collect::<Vec<_>>();
        assert_eq!(residuals(&typed), residuals(&built_in));
    }

    #[test]
    fn the_worlds_of_the_adversary_differ_between_the_samples_alone() {
        let duel = Adversary::new(5, 60).duel(60).unwrap();
        assert!(
            duel.apart < 1e-15 && (duel.measured - duel.straight).abs() < 1e-9 && duel.wound > 0.5,
            "{:?}",
            duel.wound
        );
    }
}
