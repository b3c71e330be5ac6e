//! A permutation matrix has one 1 in every row and column. Put projections of $\mathbb C^N$ in the place of the
//! numbers, let each row and each column add up to the identity, and you have a *magic unitary*: a quantum
//! permutation of $N$ points. For $N\ge4$ there are some whose entries do not commute; they live on the free quantum
//! group $S_N^+$.
//!
//! Banica and Nechita ask for *flat* models, where every entry projects onto a single vector:
//! $u_{ij}=\mathrm{Proj}(\xi_{ij})$, each row and each column of vectors an orthonormal basis. One way: from a group
//! with a 2-cocycle (the Weyl matrices; Pauli's at $N=4$) set $\xi_{gh}=W_g\,x\,W_h^*$ with a unitary $x$. The other
//! is Sinkhorn's idea: start anywhere, replace each row by the nearest orthonormal basis,
//! $X_i=U\Sigma V^*\mapsto UV^*$, then each column, and so on.
//!
//! **How much of $S_N^+$ does a model see?** Form
//! $$T_p[i,j]=\tfrac1N\mathrm{Tr}(u_{i_1j_1}\cdots u_{i_pj_p}),$$
//! a cyclic product of inner products. How often 1 is an eigenvalue of $T_p$ is the $p$-th moment of the main
//! character of the quantum group behind the model. The free $S_N^+$ gives Catalan numbers, the classical $S_N$
//! counts partitions into at most $N$ blocks. At $N=4$ they part at $p=4$: 14 against 15. Fewer symmetries, larger
//! numbers.
//!
//! **What you see.** Start vectors of noise become a magic basis at a linear rate (after some hundred sweeps or over
//! a thousand: it depends on the start), and *one* such grid has the moments 1, 2, 5, 14. Three Latin squares, all
//! vectors from one basis, nearly always have 1, 2, 5, 15: the ordinary $S_4$. Arrows are the entries of $\xi_{ij}$
//! as complex numbers, the first made real.
//!
//! **Try** little noise around a Latin square ($c\le0.3$): the iteration ends in a special grid with moments 1, 3,
//! 10, 35, a proper quantum subgroup. One integer tells. Average more samples, or choose $N=5$.
//!
//! **Where it stops.** Around the square of $V_4$ with little noise the iteration crawls: 1500 sweeps leave a defect
//! of some $10^{-4}$, mostly. At $N=3$ nothing quantum exists, which shows first at $p=5$, 41 against 42. Moments up
//! to $p$ are evidence for inner faithfulness and no proof; that the universal model is faithful, or the iteration
//! always converges, is not proved by any run. $T_p$ commutes with turning its indices in a circle, and is taken
//! apart accordingly before its eigenvalues are computed.

use orrery_core::prelude::*;
use orrery_kernels::linalg::{Complex, ComplexEigen, DMatrix, LineFit, polar};
use orrery_kernels::math::{PI, TAU, cos, log10, pow, sin};
use orrery_kernels::random::permutation;
use std::collections::VecDeque;
use std::rc::Rc;

const CARD: Card = Card {
    slug: "magic-unitary-sinkhorn",
    title: "Flat matrix models for quantum permutation groups",
    year: 2016,
    lists: &[2],
    claim: "Alternating polar projections turn noise into a quantum permutation; one integer tells it from ordinary ones.",
    algorithms: &[
        "quantum Sinkhorn",
        "magic unitary",
        "quantum permutation group",
        "polar decomposition",
        "Sinkhorn scaling",
        "Weyl matrices",
        "Latin squares",
        "Catalan numbers",
    ],
    contenders: &[
        Contender::paper("sinkhorn", "quantum Sinkhorn"),
        Contender::baseline("latin", "three Latin squares"),
        Contender::baseline("weyl", "Pauli/Weyl"),
        Contender::baseline("scalar", "scalar Sinkhorn"),
    ],
};

/// Where the grid of vectors comes from.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Construction {
    /// Alternating polar projections.
    #[choice("quantum Sinkhorn")]
    Sinkhorn,
    /// The cocycle construction with a random unitary.
    #[choice("Pauli/Weyl")]
    Weyl,
    /// All vectors from one basis.
    #[choice("Latin squares")]
    Latin,
}

/// A Latin square.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Square {
    /// The addition table of the cyclic group.
    #[choice("cyclic (Z₄)")]
    Cyclic,
    /// The addition table of Klein's four-group.
    #[choice("V₄")]
    Klein,
    /// The cyclic square with rows, columns and symbols shuffled.
    #[choice("random isotope")]
    Isotope,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// How many points are permuted.
    #[control(label = "N", range = 2..=6, default = 4)]
    pub n: usize,
    /// Where the grid of vectors comes from.
    #[control(label = "construction", default = Construction::Sinkhorn)]
    pub construction: Construction,
    /// How much complex Gaussian noise is added to the Latin square's vectors at the start.
    #[control(label = "noise c", range = 0.01..=100.0, log, default = 10.0, when = ("construction", "sinkhorn"))]
    pub noise: f64,
    /// The square to start from.
    #[control(label = "Latin square", default = Square::Cyclic, when = ("construction", ["sinkhorn", "latin"]))]
    pub square: Square,
    /// Sweeps over rows and columns at most.
    #[control(label = "sweeps", range = 1..=20_000, log, default = 5000, when = ("construction", "sinkhorn"))]
    pub sweeps: usize,
    /// How many independent grids T_p is averaged over.
    #[control(label = "samples in Tₚ", range = 1..=8, default = 1)]
    pub samples: usize,
    /// The highest moment that is computed.
    #[control(label = "moment p", range = 1..=5, default = 4)]
    pub moment: usize,
}

type C = Complex<f64>;

const ZERO: C = Complex { re: 0.0, im: 0.0 };
const ONE: C = Complex { re: 1.0, im: 0.0 };

/// $e^{2\pi ik/n}$.
fn root_of_unity(k: usize, n: usize) -> C {
    let angle = TAU * (k % n) as f64 / n as f64;
    Complex::new(cos(angle), sin(angle))
}

fn complex_normal(rng: &mut Rng) -> C {
    let [re, im] = [(); 2].map(|()| rng.sample::<f64, _>(StandardNormal));
    Complex::new(re, im) * 0.5_f64.sqrt()
}

/// $\langle x,y\rangle$, conjugate-linear in the first.
fn inner(x: &[C], y: &[C]) -> C {
    x.iter().zip(y).map(|(x, y)| x.conj() * y).sum()
}

/// $N^2$ vectors of $\mathbb C^N$.
#[derive(Clone, Debug)]
struct Vectors {
    n: usize,
    /// By rows of the grid, then columns, then entries.
    entries: Vec<C>,
}

impl Vectors {
    fn at(&self, i: usize, j: usize) -> &[C] {
        let from = (i * self.n + j) * self.n;
        &self.entries[from..from + self.n]
    }

    /// All vectors from the standard basis, the one of cell $(i,j)$ by the square.
    fn of_square(n: usize, symbol: impl Fn(usize, usize) -> usize) -> Self {
        let mut entries = vec![ZERO; n * n * n];
        for i in 0..n {
            for j in 0..n {
                entries[(i * n + j) * n + symbol(i, j)] = ONE;
            }
        }
        Self { n, entries }
    }

    fn latin(n: usize, square: Square, rng: &mut Rng) -> Self {
        match square {
            Square::Cyclic => Self::of_square(n, |i, j| (i + j) % n),
            Square::Klein => Self::of_square(n, |i, j| i ^ j),
            Square::Isotope => {
                let [rows, columns, symbols] = [(); 3].map(|()| permutation(n, rng));
                Self::of_square(n, |i, j| symbols[(rows[i] + columns[j]) % n])
            }
        }
    }

    /// $\xi_{gh}=W_g\,x\,W_h^*$ for the four Weyl matrices $W_{ia}:e_b\mapsto(-1)^{ib}e_{a+b}$ and a random unitary
    /// $x$, as vectors of length 1.
    fn weyl(rng: &mut Rng) -> Self {
        let weyl = |g: usize| {
            let (i, a) = (g / 2, g % 2);
            DMatrix::from_fn(2, 2, |row, b| if row == (a + b) % 2 { root_of_unity(i * b, 2) } else { ZERO })
        };
        let noise = DMatrix::from_fn(2, 2, |_, _| complex_normal(rng));
        let x = polar(&noise).unwrap_or_else(|| DMatrix::identity(2, 2)) * Complex::new(0.5_f64.sqrt(), 0.0);
        let product = |g: usize, h: usize| weyl(g) * &x * weyl(h).adjoint();
        let entries = (0..16).flat_map(|k| product(k / 4, k % 4).iter().copied().collect::<Vec<C>>());
        Self { n: 4, entries: entries.collect() }
    }

    fn add_noise(&mut self, c: f64, rng: &mut Rng) {
        self.entries.iter_mut().for_each(|entry| *entry += complex_normal(rng) * c);
    }

    /// The cells of one line of the grid: row `line`, or column `line`.
    fn cells(&self, line: usize, rows: bool) -> impl Iterator<Item = usize> + use<> {
        let n = self.n;
        (0..n).map(move |k| if rows { line * n + k } else { k * n + line })
    }

    /// How far the lines are from orthonormal bases: the greatest $\|X_iX_i^*-1\|$.
    fn defect(&self, rows: bool) -> f64 {
        let n = self.n;
        let of = |line: usize| {
            let cells: Vec<usize> = self.cells(line, rows).collect();
            let entry = |k: usize| {
                let [x, y] = [cells[k / n], cells[k % n]].map(|cell| &self.entries[cell * n..(cell + 1) * n]);
                (inner(x, y) - if k / n == k % n { ONE } else { ZERO }).norm_sqr()
            };
            (0..n * n).map(entry).sum::<f64>().sqrt()
        };
        (0..n).map(of).fold(0.0, f64::max)
    }

    /// Replaces every line by the nearest orthonormal basis: $X_i=U\Sigma V^*\mapsto UV^*$.
    fn project(&mut self, rows: bool) {
        let n = self.n;
        for line in 0..n {
            let cells: Vec<usize> = self.cells(line, rows).collect();
            let stacked = DMatrix::from_fn(n, n, |r, k| self.entries[cells[r] * n + k]);
            if let Some(basis) = polar(&stacked) {
                for (r, cell) in cells.iter().enumerate() {
                    (0..n).for_each(|k| self.entries[cell * n + k] = basis[(r, k)]);
                }
            }
        }
    }

    /// $\langle\xi_a,\xi_b\rangle$ of all cells.
    fn gram(&self) -> Vec<C> {
        let cells = self.n * self.n;
        let vector = |cell: usize| self.at(cell / self.n, cell % self.n);
        (0..cells * cells).map(|k| inner(vector(k / cells), vector(k % cells))).collect()
    }
}

/// $T_p$ of the mean over several grids, on its way to its spectrum. It commutes with the rotation
/// $(i_1,\dots,i_p)\mapsto(i_2,\dots,i_p,i_1)$, because a trace does: in the $s$-th eigenspace of the rotation it is
/// a matrix over the orbits $o$, of $d_o$ indices, for which $p$ divides $sd_o$.
#[derive(Clone)]
struct Transfer {
    n: usize,
    p: usize,
    grams: Rc<Vec<Vec<C>>>,
    /// A representative of each orbit, as digits, with its rotations.
    orbits: Rc<Vec<Vec<Vec<usize>>>>,
    /// The next row to be filled in.
    row: usize,
    sectors: VecDeque<Vec<C>>,
    eigen: Option<ComplexEigen>,
    spectrum: Vec<C>,
}

/// The greatest $N^p$: beyond it a page would wait too long.
const LARGEST: usize = 1296;
/// Complex multiplications in a step.
const WORK: u32 = 400_000;
/// An eigenvalue this near to 1 counts as 1.
const NEAR: f64 = 1e-6;

impl Transfer {
    fn new(grams: Rc<Vec<Vec<C>>>, n: usize, p: usize) -> Self {
        let count = n.pow(p as u32);
        let mut seen = vec![false; count];
        let mut orbits = Vec::new();
        for code in 0..count {
            if seen[code] {
                continue;
            }
            let mut digits: Vec<usize> = (0..p).map(|k| code / n.pow(k as u32) % n).collect();
            let mut orbit = Vec::with_capacity(p);
            loop {
                let code = digits.iter().rev().fold(0, |code, digit| code * n + digit);
                if seen[code] {
                    break;
                }
                seen[code] = true;
                orbit.push(digits.clone());
                digits.rotate_left(1);
            }
            orbits.push(orbit);
        }
        let sectors = vec![Vec::new(); p].into();
        Self { n, p, grams, orbits: Rc::new(orbits), row: 0, sectors, eigen: None, spectrum: Vec::with_capacity(count) }
    }

    /// Whether the orbit has a vector in sector `s`.
    fn belongs(orbit: &[Vec<usize>], s: usize, p: usize) -> bool {
        (s * orbit.len()).is_multiple_of(p)
    }

    /// $\frac1N\mathrm{Tr}(u_{i_1j_1}\cdots
    /// u_{i_pj_p})=\frac1N\langle\xi_1,\xi_2\rangle\cdots\langle\xi_p,\xi_1\rangle$, the mean over the grids.
    fn entry(&self, i: &[usize], j: &[usize]) -> C {
        let (n, p) = (self.n, self.p);
        let cell = |k: usize| i[k % p] * n + j[k % p];
        let product = |gram: &Vec<C>| (0..p).fold(ONE, |product, k| product * gram[cell(k) * n * n + cell(k + 1)]);
        self.grams.iter().map(product).sum::<C>() / (n * self.grams.len()) as f64
    }

    /// Fills in the row of one orbit, in all sectors: with basis vectors
    /// $\frac1{\sqrt{d}}\sum_r\omega^{-sr}e_{R^ro}$ the entry of $a$, $b$ is
    /// $\sqrt{d_a/d_b}\sum_m\omega^{-sm}\,T[a,R^mb]$.
    fn fill(&mut self) {
        let orbits = Rc::clone(&self.orbits);
        let a = &orbits[self.row];
        for b in orbits.iter() {
            let turned: Vec<C> = b.iter().map(|b| self.entry(&a[0], b)).collect();
            let scale = (a.len() as f64 / b.len() as f64).sqrt();
            for s in (0..self.p).filter(|&s| Self::belongs(a, s, self.p) && Self::belongs(b, s, self.p)) {
                let term = |(m, t): (usize, &C)| t * root_of_unity(s * m, self.p).conj();
                self.sectors[s].push(turned.iter().enumerate().map(term).sum::<C>() * scale);
            }
        }
        self.row += 1;
    }

    /// Works for about `WORK` multiplications; says whether the spectrum is complete.
    fn advance(&mut self) -> bool {
        let row = self.n.pow(self.p as u32) * (self.p * (self.grams.len() + 4));
        let mut left = WORK as usize;
        while self.row < self.orbits.len() && left > 0 {
            self.fill();
            left = left.saturating_sub(row);
        }
        if self.row < self.orbits.len() {
            return false;
        }
        if self.eigen.is_none() {
            let Some(sector) = self.sectors.pop_front() else { return true };
            let size = (sector.len() as f64).sqrt().round() as usize;
            self.eigen = Some(ComplexEigen::new(sector, size));
        }
        if self.eigen.as_mut().is_some_and(|eigen| eigen.advance(WORK)) {
            let pairs = self.eigen.take().map(ComplexEigen::pairs).unwrap_or_default();
            self.spectrum.extend(pairs.into_iter().map(|(value, _)| value));
        }
        self.eigen.is_none() && self.sectors.is_empty()
    }

    /// Steps that the whole takes at most, taking a size's QR iteration for twice what it needs as a rule.
    fn most_steps(n: usize, p: usize, samples: usize) -> usize {
        let size = n.pow(p as u32);
        let sector = size / p + n * n;
        let work = 30 * p * sector * sector * sector + size * size * (samples + 4);
        work / WORK as usize + 2 * p + 2
    }
}

/// How many eigenvalues are 1.
fn multiplicity(spectrum: &[C]) -> usize {
    spectrum.iter().filter(|value| (**value - ONE).norm_sqr() < NEAR * NEAR).count()
}

/// The $p$-th Catalan number, and the number of partitions of $p$ points into at most $n$ blocks: the moments of the
/// main characters of $S_n^+$ (for $n\ge4$) and of $S_n$.
fn catalan(p: usize) -> usize {
    (0..p).fold(1, |c, k| c * 2 * (2 * k + 1) / (k + 2))
}

fn partitions(p: usize, n: usize) -> usize {
    // Stirling's numbers: S(p, k) = k S(p - 1, k) + S(p - 1, k - 1).
    let mut row = vec![1];
    for q in 1..=p {
        let before = |k: usize| row.get(k).copied().unwrap_or(0);
        row = (0..=q).map(|k| k * before(k) + if k > 0 { before(k - 1) } else { 0 }).collect();
    }
    row.iter().take(n + 1).sum()
}

fn subscript(n: usize) -> char {
    ['₀', '₁', '₂', '₃', '₄', '₅', '₆'].get(n).copied().unwrap_or('ₙ')
}

/// A model of which the moments are computed.
#[derive(Clone)]
struct Model {
    id: &'static str,
    grams: Rc<Vec<Vec<C>>>,
    /// The moments found so far.
    moments: Vec<usize>,
    /// The spectrum of the last $T_p$.
    spectrum: Rc<Vec<C>>,
}

/// Sweeps of one step.
const SWEEPS: usize = 5;
/// Where the iteration counts as converged, and where it stops.
const GOAL: f64 = 1e-12;
const FLOOR: f64 = 1e-13;

/// A run.
#[derive(Clone)]
pub struct MagicSinkhorn {
    setting: Setting,
    grids: Vec<Vectors>,
    sweeps: usize,
    settled: bool,
    rows: Series,
    columns: Series,
    defect: f64,
    /// Squared norms, and what scaled them.
    masses: Vec<f64>,
    scalar: Series,
    models: Vec<Model>,
    transfer: Option<Transfer>,
    length: usize,
    done: bool,
}

impl MagicSinkhorn {
    /// One sweep of every grid, and of the scalar iteration.
    fn sweep(&mut self) {
        let (mut rows, mut columns) = (0.0_f64, 0.0_f64);
        for grid in &mut self.grids {
            rows = rows.max(grid.defect(true));
            grid.project(true);
            columns = columns.max(grid.defect(false));
            grid.project(false);
        }
        self.rows.push(self.sweeps as f64, rows.max(1e-17));
        self.columns.push(self.sweeps as f64, columns.max(1e-17));
        let n = self.setting.n;
        // Sinkhorn's own iteration: every row of squared norms to the sum N, then every column.
        let mut off = 0.0_f64;
        for (line, along) in [(n, 1), (1, n)] {
            for k in 0..n {
                let sum: f64 = (0..n).map(|l| self.masses[k * line + l * along]).sum();
                off = off.max((sum / n as f64 - 1.0).abs());
                (0..n).for_each(|l| self.masses[k * line + l * along] *= n as f64 / sum);
            }
        }
        if self.scalar.last().is_none_or(|[_, last]| last > FLOOR) {
            self.scalar.push(self.sweeps as f64, off.max(1e-17));
        }
        self.sweeps += 1;
        self.measure();
        self.settled = self.defect <= FLOOR || self.sweeps == self.setting.sweeps;
    }

    fn measure(&mut self) {
        self.defect = self.grids.iter().map(|grid| grid.defect(true).max(grid.defect(false))).fold(0.0, f64::max);
    }

    /// The rate at which the rows' defect falls, from a line through the second half of its logarithms.
    fn rate(&self) -> Option<LineFit> {
        let half = self.sweeps as f64 / 2.0;
        let points = self.rows.iter().filter(|[x, y]| *x >= half && *y > FLOOR).map(|[x, y]| [x, log10(y)]);
        LineFit::through(points.collect::<Vec<_>>()).filter(|fit| fit.slope < 0.0)
    }

    /// The models whose moments are wanted: the visitor's, and the baselines that there are.
    fn begin_moments(&mut self) {
        let model = |id, grams| Model { id, grams: Rc::new(grams), moments: Vec::new(), spectrum: Rc::default() };
        let id = match self.setting.construction {
            Construction::Sinkhorn => "sinkhorn",
            Construction::Weyl => "weyl",
            Construction::Latin => "latin",
        };
        self.models.insert(0, model(id, self.grids.iter().map(Vectors::gram).collect()));
    }

    fn of(&self, id: &str) -> Option<&Model> {
        self.models.iter().skip(1).find(|model| model.id == id)
    }
}

impl Exhibit for MagicSinkhorn {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let &Setting { n, construction, noise, square, sweeps, samples, moment } = setting;
        let size = n.pow(moment as u32);
        if size > LARGEST {
            let most = (1..=5).take_while(|p| n.pow(*p) <= LARGEST).count();
            return Err(Error::of(
                "moment",
                format!("T_{moment} would be {size} x {size}; at N = {n} take p up to {most}"),
            ));
        }
        if construction == Construction::Weyl && n != 4 {
            return Err(Error::of("construction", "the Weyl matrices of Z₂ × Z₂ need N = 4 (the next would be 9)"));
        }
        if square == Square::Klein && n != 4 && construction != Construction::Weyl {
            return Err(Error::of("square", "the four-group has N = 4 elements"));
        }
        let one = |k: usize, rng: &mut Rng| match construction {
            Construction::Weyl => Vectors::weyl(rng),
            // After the chosen square, shuffled ones: the same again would add nothing.
            Construction::Latin => Vectors::latin(n, if k == 0 { square } else { Square::Isotope }, rng),
            Construction::Sinkhorn => {
                let mut grid = Vectors::latin(n, square, rng);
                grid.add_noise(noise, rng);
                grid
            }
        };
        let grids: Vec<Vectors> = (0..samples).map(|k| one(k, rng)).collect();
        let model = |id, grids: Vec<Vectors>| {
            let grams = Rc::new(grids.iter().map(Vectors::gram).collect());
            Model { id, grams, moments: Vec::new(), spectrum: Rc::default() }
        };
        let mut models = vec![model("latin", (0..3).map(|_| Vectors::latin(n, Square::Isotope, rng)).collect())];
        if n == 4 {
            models.push(model("weyl", (0..samples).map(|_| Vectors::weyl(rng)).collect()));
        }
        let masses = grids[0].entries.chunks_exact(n).map(|vector| inner(vector, vector).re).collect();
        let moments: usize = (1..=moment).map(|p| 3 * Transfer::most_steps(n, p, samples.max(3))).sum();
        let iterates = construction == Construction::Sinkhorn;
        let mut run = Self {
            setting: setting.clone(),
            grids,
            sweeps: 0,
            settled: !iterates,
            rows: Series::new(),
            columns: Series::new(),
            defect: f64::INFINITY,
            masses,
            scalar: Series::new(),
            models,
            transfer: None,
            length: if iterates { (sweeps * samples).div_ceil(SWEEPS) + 1 } else { 1 } + moments,
            done: false,
        };
        run.measure();
        if run.settled {
            run.begin_moments();
        }
        Ok(run)
    }

    fn length(&self) -> usize {
        self.length
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        if !self.settled {
            for _ in 0..(SWEEPS / self.grids.len()).max(1) {
                self.sweep();
                if self.settled {
                    self.begin_moments();
                    break;
                }
            }
            return Progress::Running;
        }
        let (n, most) = (self.setting.n, self.setting.moment);
        let mut transfer = match self.transfer.take() {
            Some(transfer) => transfer,
            None => {
                // The lowest moment that a model still lacks.
                let next = self.models.iter().min_by_key(|model| model.moments.len());
                let Some(model) = next.filter(|model| model.moments.len() < most) else {
                    self.done = true;
                    return Progress::Done;
                };
                Transfer::new(Rc::clone(&model.grams), n, model.moments.len() + 1)
            }
        };
        if !transfer.advance() {
            self.transfer = Some(transfer);
            return Progress::Running;
        }
        let lacks = |model: &&mut Model| Rc::ptr_eq(&model.grams, &transfer.grams);
        if let Some(model) = self.models.iter_mut().find(lacks) {
            model.moments.push(multiplicity(&transfer.spectrum));
            model.spectrum = Rc::new(transfer.spectrum);
        }
        self.done = self.models.iter().all(|model| model.moments.len() == most);
        if self.done { Progress::Done } else { Progress::Running }
    }

    fn figures(&self, figures: &mut Figures) {
        let n = self.setting.n;
        let id = match self.setting.construction {
            Construction::Sinkhorn => "sinkhorn",
            Construction::Weyl => "weyl",
            Construction::Latin => "latin",
        };
        let caption = "Every cell is a vector: an arrow for each of its entries, from the cell's middle. Rows and \
                       columns become orthonormal bases.";
        let mut picture = figures.figure("grid", "A grid of vectors", caption);
        let numbers = || (1..=n).map(|k| k.to_string());
        picture.x(Axis::categories("column j", numbers()).domain(-0.5, n as f64 - 0.5));
        picture.y(Axis::categories("row i", numbers()).domain(-0.5, n as f64 - 0.5).reversed()).equal();
        let lines: Vec<f64> = (0..=n).map(|k| k as f64 - 0.5).collect();
        picture.rule_x(&lines).faint();
        picture.rule_y(&lines).faint();
        let grid = &self.grids[0];
        // Start vectors may be long; a vector's length is drawn up to 1.
        for k in 0..n {
            let mut arrows: [Vec<f64>; 4] = Default::default();
            for cell in 0..n * n {
                let vector = grid.at(cell / n, cell % n);
                let length = inner(vector, vector).re.sqrt().max(1.0);
                // The phase of a vector means nothing: its first entry is made real.
                let first = vector[0].norm_sqr().sqrt();
                let phase = if first > 1e-9 { vector[0].conj() / first } else { ONE };
                let entry = vector[k] * phase * (0.46 / length);
                if entry.norm_sqr() > 1e-4 {
                    let numbers = [(cell % n) as f64, (cell / n) as f64, entry.re, -entry.im];
                    arrows.iter_mut().zip(numbers).for_each(|(all, number)| all.push(number));
                }
            }
            let [x, y, dx, dy] = &arrows;
            let tone = Ink::Tone(0.15 + 0.7 * k as f64 / (n - 1) as f64);
            picture.arrow(x, y, dx, dy).ink(tone).label(format!("entry {}", k + 1));
        }

        if self.setting.construction == Construction::Sinkhorn {
            let caption = match self.rate() {
                Some(fit) => format!(
                    "How far the rows are from orthonormal before each sweep. Fitted: a factor {:.3} a sweep. The \
                     scalar iteration looks at the squared norms alone.",
                    pow(10.0, fit.slope)
                ),
                None => "How far the rows are from orthonormal before each sweep. The scalar iteration looks at the \
                         squared norms alone."
                    .to_owned(),
            };
            let mut defect = figures.figure("defect", "Towards a magic basis", caption);
            defect.x(Axis::linear("sweep").or(Scale::Log)).y(Axis::log("defect"));
            defect.line(self.scalar.xs(), self.scalar.ys()).of("scalar");
            defect.line(self.columns.xs(), self.columns.ys()).of("sinkhorn").faint().label("columns");
            defect.line(self.rows.xs(), self.rows.ys()).of("sinkhorn").label("rows");
            // A run of one sweep has no line yet.
            let last = self.rows.last();
            defect.dot(last.map(|at| at[0]), last.map(|at| at[1])).of("sinkhorn").label("rows");
            if let Some(fit) = self.rate() {
                let ends = [self.sweeps as f64 / 2.0, self.sweeps as f64];
                let line = ends.map(|x| pow(10.0, fit.intercept + fit.slope * x));
                defect.line(ends, line).ink(Ink::Accent).dashed().label("fit");
            }
            defect.rule_y([GOAL]).dashed().label("goal");
        }

        let p = self.models.first().map_or(0, |model| model.moments.len());
        let counted = self.models.first().and_then(|model| model.moments.last());
        let caption = match counted {
            Some(count) if self.models[0].id == id => {
                let p = subscript(p);
                format!("The eigenvalues of T{p}: 1 has multiplicity {count}. Rings: those of three Latin squares.")
            }
            _ => "The eigenvalues of Tₚ, once there is a grid. Rings: those of three Latin squares.".to_owned(),
        };
        let mut spectrum = figures.figure("spectrum", "The spectrum of Tₚ", caption);
        spectrum
            .x(Axis::linear("real part").domain(-1.15, 1.15))
            .y(Axis::linear("imaginary part").domain(-1.15, 1.15))
            .equal();
        let circle: Vec<C> =
            (0..=128).map(|k| Complex::new(cos(PI * f64::from(k) / 64.0), sin(PI * f64::from(k) / 64.0))).collect();
        spectrum.line(circle.iter().map(|z| z.re), circle.iter().map(|z| z.im)).ink(Ink::Muted).label("unit circle");
        if let Some(latin) = self.of("latin") {
            let values = &latin.spectrum;
            let rings = spectrum.dot(values.iter().map(|z| z.re), values.iter().map(|z| z.im));
            rings.of("latin").symbol(Symbol::Ring).radius(6.0);
        }
        if let Some(model) = self.models.first().filter(|model| model.id == id && model.moments.len() == p) {
            spectrum.dot(model.spectrum.iter().map(|z| z.re), model.spectrum.iter().map(|z| z.im)).of(id).radius(2.5);
        }

        let shown = |model: Option<&Model>| -> Vec<String> {
            let moment =
                |p: usize| model.and_then(|model| model.moments.get(p)).map_or("–".to_owned(), usize::to_string);
            (0..self.setting.moment).map(moment).collect()
        };
        let caption =
            "How often 1 is an eigenvalue of Tₚ, beside what the free quantum group and the ordinary group have.";
        let moments = || 1..=self.setting.moment;
        let mine = self.models.first().filter(|_| self.settled);
        let mut figure = figures.figure("moments", "Moments of the main character", caption);
        let mut table = figure
            .table()
            .words("p", moments().map(|p| p.to_string()))
            .words(self.setting.construction.label(), shown(mine))
            .words("3 Latin squares", shown(self.of("latin")));
        if n == 4 && self.setting.construction != Construction::Weyl {
            table = table.words("Pauli/Weyl", shown(self.of("weyl")));
        }
        table
            .words("Catalan (free, N ≥ 4)", moments().map(|p| catalan(p).to_string()))
            .words(format!("S{}", subscript(n)), moments().map(|p| partitions(p, n).to_string()));
    }

    fn claim(&self) -> Claim {
        let most = self.setting.moment;
        let agree = |model: Option<&Model>, expected: &dyn Fn(usize) -> usize| {
            let moments = &model?.moments;
            let right = (1..).zip(moments).filter(|(p, moment)| **moment == expected(*p)).count();
            (moments.len() == most).then_some(right as f64)
        };
        let mine = self.models.first().filter(|_| self.settled);
        let n = self.setting.n;
        Claim::new(vec![
            Clause::at_most(
                "Rows and columns are orthonormal to {value}, at most {high}.",
                self.defect.is_finite().then_some(self.defect),
                GOAL,
            )
            .fails_only_after(!self.settled),
            Clause::at_least(
                format!(
                    "Of the moments p ≤ {most}, {{value}} are Catalan numbers, as for the free quantum group from N = 4 on."
                ),
                agree(mine, &catalan),
                most as f64,
            ),
            Clause::at_least(
                format!(
                    "Of those of three Latin squares {{value}} are the moments of the ordinary group S{}.",
                    subscript(n)
                ),
                agree(self.of("latin"), &|p| partitions(p, n)),
                most as f64,
            ),
        ])
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        vec![
            Scenario::holds(
                "default",
                "From noise",
                "A single grid of vectors has the moments of the free quantum group: 14 where the ordinary S₄ has 15.",
                default.clone(),
            ),
            Scenario::fails(
                "subgroup",
                "Near Z₄",
                "Little noise around the cyclic square ends in a special grid with moments 1, 3, 10, 35: a proper \
                 subgroup.",
                Setting { noise: 0.3, ..default.clone() },
            ),
            Scenario::fails(
                "crawl",
                "Near V₄",
                "Around the square of the four-group the iteration crawls, and is not there after 1500 sweeps.",
                Setting { noise: 0.1, square: Square::Klein, sweeps: 1500, ..default.clone() },
            ),
            Scenario::fails(
                "three",
                "Three points",
                "Every quantum permutation of three points is an ordinary one: four grids together have 41 at p = 5, not 42.",
                Setting { n: 3, moment: 5, samples: 4, ..default },
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_reference::{numbers, vectors};

    fn rng(seed: u64) -> Rng {
        Rng::seed_from_u64(seed)
    }

    fn solve(grids: &[Vectors], p: usize) -> Vec<C> {
        let mut transfer = Transfer::new(Rc::new(grids.iter().map(Vectors::gram).collect()), grids[0].n, p);
        while !transfer.advance() {}
        transfer.spectrum
    }

    fn random(n: usize, seed: u64) -> Vectors {
        let mut rng = rng(seed);
        let mut grid = Vectors::latin(n, Square::Cyclic, &mut rng);
        grid.add_noise(10.0, &mut rng);
        grid
    }

    #[test]
    fn the_weyl_grid_is_magic_and_so_is_every_latin_square() {
        for seed in 0..5 {
            let grid = Vectors::weyl(&mut rng(seed));
            assert!(grid.defect(true) < 1e-14 && grid.defect(false) < 1e-14);
            for square in [Square::Cyclic, Square::Klein, Square::Isotope] {
                let grid = Vectors::latin(4, square, &mut rng(seed));
                assert_eq!((grid.defect(true), grid.defect(false)), (0.0, 0.0));
            }
        }
    }

    #[test]
    fn the_sectors_hold_the_whole_spectrum() {
        for (n, p) in [(2, 4), (3, 2), (3, 3), (4, 2), (2, 5)] {
            let grids = [random(n, 1), random(n, 2)].map(|mut grid| {
                (0..100).for_each(|_| [true, false].into_iter().for_each(|rows| grid.project(rows)));
                grid
            });
            let spectrum = solve(&grids, p);
            let transfer = Transfer::new(Rc::new(grids.iter().map(Vectors::gram).collect()), n, p);
            let size = n.pow(p as u32);
            assert_eq!(spectrum.len(), size);
            let digits = |code: usize| (0..p).map(|k| code / n.pow(k as u32) % n).collect::<Vec<_>>();
            let t = DMatrix::from_fn(size, size, |i, j| transfer.entry(&digits(i), &digits(j)));
            // The sums of the powers of all eigenvalues are the traces of the powers.
            let mut power = DMatrix::identity(size, size);
            for k in 1..5 {
                power *= &t;
                let sum: C = spectrum.iter().map(|value| (0..k).fold(ONE, |product, _| product * value)).sum();
                assert!((power.trace() - sum).norm_sqr() < 1e-18, "N = {n}, p = {p}: {} {sum}", power.trace());
            }
        }
    }

    #[test]
    fn latin_squares_have_the_moments_of_the_group_that_their_permutations_generate() {
        for (n, count, seed) in [(3, 1, 0), (3, 2, 1), (4, 1, 2), (4, 2, 3), (4, 3, 4)] {
            let mut rng = rng(seed);
            let grids: Vec<Vectors> = (0..count).map(|_| Vectors::latin(n, Square::Isotope, &mut rng)).collect();
            // σ_v takes i to the j whose cell holds v.
            let holds = |grid: &Vectors, i: usize, j: usize, v: usize| grid.at(i, j)[v] == ONE;
            let image = |grid: &Vectors, v: usize, i: usize| (0..n).find(|&j| holds(grid, i, j, v)).expect("a column");
            let generators: Vec<Vec<usize>> = grids
                .iter()
                .flat_map(|grid| (0..n).map(|v| (0..n).map(|i| image(grid, v, i)).collect()).collect::<Vec<_>>())
                .collect();
            let mut group: Vec<Vec<usize>> = vec![(0..n).collect()];
            let mut next = 0;
            while next < group.len() {
                for g in &generators {
                    let product: Vec<usize> = group[next].iter().map(|i| g[*i]).collect();
                    if !group.contains(&product) {
                        group.push(product);
                    }
                }
                next += 1;
            }
            for p in 1..=3 {
                // Burnside: orbits of p-tuples = mean of fix(g)^p.
                let fixed = |g: &Vec<usize>| (0..n).filter(|&i| g[i] == i).count().pow(p as u32);
                let orbits = group.iter().map(fixed).sum::<usize>() / group.len();
                assert_eq!(multiplicity(&solve(&grids, p)), orbits, "{count} squares of {n}, p = {p}");
            }
        }
    }

    #[test]
    fn numbers_of_partitions_are_catalans_and_bells() {
        assert_eq!([1, 2, 3, 4, 5].map(catalan), [1, 2, 5, 14, 42]);
        assert_eq!([1, 2, 3, 4, 5].map(|p| partitions(p, 5)), [1, 2, 5, 15, 52]);
        assert_eq!([1, 2, 3, 4, 5].map(|p| partitions(p, 3)), [1, 2, 5, 14, 41]);
        assert_eq!([1, 2, 3, 4].map(|p| partitions(p, 2)), [1, 2, 4, 8]);
    }

    #[test]
    fn a_projection_leaves_the_nearest_basis() {
        let start = random(4, 7);
        let mut grid = start.clone();
        grid.project(true);
        assert!(grid.defect(true) < 1e-13);
        let distance = |x: &Vectors| x.entries.iter().zip(&start.entries).map(|(x, y)| (x - y).norm_sqr()).sum::<f64>();
        for seed in 0..20 {
            let mut other = grid.clone();
            other.add_noise(0.05, &mut rng(seed));
            other.project(true);
            assert!(distance(&other) > distance(&grid));
        }
    }

    #[test]
    fn sweeps_and_moments_agree_with_scipy() {
        let stored = vectors(include_str!("../../../../tests/reference/magic.json"));
        let entry = |k: usize| Complex::new((37 * k % 101) as f64 / 50.0 - 1.0, (53 * k % 97) as f64 / 48.0 - 1.0);
        let mut grid = Vectors { n: 4, entries: (0..64).map(entry).collect() };
        for _ in 0..20 {
            grid.project(true);
            grid.project(false);
        }
        let (re, im) = (numbers(&stored["re"]), numbers(&stored["im"]));
        let apart = |(k, z): (usize, &C)| (z - Complex::new(re[k], im[k])).norm_sqr().sqrt();
        let worst = grid.entries.iter().enumerate().map(apart).fold(0.0, f64::max);
        println!("after 20 sweeps: {worst:e}");
        assert!(worst < 1e-9, "{worst:e}");
        (0..2000).for_each(|_| [true, false].into_iter().for_each(|rows| grid.project(rows)));
        for (p, expected) in (1..=3).zip(numbers(&stored["moments"])) {
            assert_eq!(multiplicity(&solve(&[grid.clone()], p)) as f64, expected, "p = {p}");
        }
    }

    #[test]
    fn what_cannot_be_built_is_told() {
        let error = |setting: Setting| MagicSinkhorn::new(&setting, &mut rng(0)).err().and_then(|error| error.control);
        let default = Setting::default();
        assert_eq!(error(Setting { n: 5, moment: 5, ..default.clone() }).as_deref(), Some("moment"));
        assert_eq!(
            error(Setting { n: 3, construction: Construction::Weyl, ..default.clone() }).as_deref(),
            Some("construction")
        );
        assert_eq!(error(Setting { n: 5, square: Square::Klein, ..default.clone() }).as_deref(), Some("square"));
        assert_eq!(error(default), None);
    }
}
