//! Give one pile of sand the shape of another, at the least cost: $\min_P\langle c,P\rangle$ over plans with row sums $r$
//! and column sums $c$. This table takes your own measures, as points, tables, curves, images or palettes, and
//! lets eight ways of solving it race.
//!
//! The **network simplex** finds the optimum: its potentials prove it. **Sinkhorn** adds $\varepsilon$ times the
//! entropy and balances rows and columns in turn, by scaling $K=e^{-c/\varepsilon}$ or on logarithms; **Newton** solves the
//! same smoothed problem, keeping the large entries of its Hessian. **Unbalanced** transport may leave mass behind, at
//! price $\rho$. **Sliced** transport looks at shadows on lines, and **Gaussian** transport at means and covariances.
//! For a thousand points and more there is scaling in **single precision**: products that a GPU takes over where it is the
//! faster. The page then names it, as last digits may differ from machine to machine.
//!
//! **The claim** is one bound for each, in units of the largest cost:
//!
//! - a plan of entropic form costs at most $\varepsilon\min(H(r),H(c))$ more than the optimum, plus its marginal error
//!   $\delta$, since the optimal plan's mutual information is at most either entropy;
//! - unbalanced, cost and penalties together obey the same, plus the gap to the dual;
//! - a shadow is never longer than the way: sliced costs lie *below* the optimum;
//! - so does Gelbrich's bound, which only means and covariances enter.
//!
//! A solver that breaks down, or has not brought $\delta$ to the tolerance when time is over, fails. So does the
//! claim.
//!
//! **Try** dragging the rings. Slide the time: every grain travels straight. Set $\varepsilon$ to $10^{-4}$: the
//! scaling form has lost its kernel, and only logarithms go on. Repaint one picture in another's colours. Set the
//! power to 1, where many plans tie, then below 1, where grains rather stay: sorting solves no shadow there, and
//! sliced transport stands aside.
//!
//! **Where it stops.** Bounds are not accuracy: at large $\varepsilon$ every bound holds and the map is a blur.
//! Gelbrich's needs a power of at least 2; ask for less and it stands aside. Rounding leaves marginals in single
//! precision off by some $10^{-7}$. Images are merged into blocks until at most 1,024 carry ink; a palette is a
//! sample. With 2,000 points a side a logarithmic iteration takes several steps of the run, and thousands of them
//! more time than this run has: raise $\varepsilon$, or let the simplex answer. Seconds are modelled from counted
//! work, as no clock may enter a result.

use crate::newton::{Newton, Work};
use crate::single::Single;
use orrery_core::numerals::numeral;
use orrery_core::prelude::*;
use orrery_kernels::linalg::{DMatrix, DVector};
use orrery_kernels::math::{exp, log, pow};
use orrery_kernels::transport::{Entropic, Exact, Gaussian, Scaling, Sinkhorn, project, quantile_coupling};
use std::rc::Rc;

const CARD: Card = Card {
    slug: "transport-table",
    title: "The transport table",
    year: Card::ARENA,
    lists: &[],
    claim: "Every solver's cost is within its own bound of the exact optimum",
    algorithms: &[
        "optimal transport",
        "network simplex",
        "Sinkhorn",
        "Sinkhorn in the log domain",
        "Newton's method",
        "unbalanced optimal transport",
        "sliced Wasserstein distance",
        "Bures-Wasserstein distance",
        "displacement interpolation",
        "colour transfer",
    ],
    contenders: &[
        Contender::paper("exact", "Network simplex"),
        Contender::paper("scaling", "Sinkhorn, scaling"),
        Contender::paper("log", "Sinkhorn, log domain"),
        Contender::paper("newton", "Newton, sparse"),
        Contender::baseline("unbalanced", "Unbalanced"),
        Contender::baseline("sliced", "Sliced"),
        Contender::baseline("gaussian", "Gaussian"),
        Contender::paper("single", "Sinkhorn, single precision"),
    ],
};

/// What the two measures are.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Measures {
    /// Points scattered round centres.
    #[choice("clouds of points")]
    Clouds,
    /// Points with weights, from a file.
    #[choice("tables of points")]
    Tables,
    /// Densities on a line.
    #[choice("two curves")]
    Curves,
    /// Grey images.
    #[choice("two images")]
    Images,
    /// The colours of images.
    #[choice("two palettes")]
    Palettes,
}

/// How long a way is.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Norm {
    /// As the crow flies.
    #[choice("Euclidean")]
    Euclidean,
    /// Along the axes.
    #[choice("sum of sides")]
    Manhattan,
    /// The longest side.
    #[choice("largest side")]
    Largest,
}

/// A way of solving.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Solver {
    /// Exact.
    #[choice("network simplex")]
    Exact,
    /// Entropic, scalings.
    #[choice("Sinkhorn, scaling")]
    Scaling,
    /// Entropic, potentials.
    #[choice("Sinkhorn, log domain")]
    Log,
    /// Entropic, second order.
    #[choice("Newton, sparse")]
    Newton,
    /// Marginals at a price.
    #[choice("unbalanced")]
    Unbalanced,
    /// On lines.
    #[choice("sliced")]
    Sliced,
    /// By moments.
    #[choice("Gaussian")]
    Gaussian,
    /// Entropic, scalings of 32 bits, on a GPU where it pays.
    #[choice("Sinkhorn, single precision")]
    Single,
}

/// All but single precision, which small problems do not need.
const SEVEN: [Solver; 7] =
    [Solver::Exact, Solver::Scaling, Solver::Log, Solver::Newton, Solver::Unbalanced, Solver::Sliced, Solver::Gaussian];

/// What the work is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Measure {
    /// Iterations, pivots or directions.
    #[choice("iterations")]
    Iterations,
    /// Time.
    #[choice("seconds (modelled)")]
    Seconds,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// How far along its way each grain is drawn.
    #[control(label = "time t", range = 0.0..=1.0, default = 0.5, live)]
    pub time: f64,
    /// Whose plan and map are drawn; the network simplex's where that solver does not run.
    #[control(label = "plan shown", default = Solver::Log, live)]
    pub show: Solver,
    /// What the two measures are.
    #[control(label = "measures", default = Measures::Clouds)]
    pub measures: Measures,
    /// Centres of what is to be moved. Drag them.
    #[control(
        label = "to move", count = 1..=100, domain = [[0.0, 1.0], [0.0, 1.0]], when = ("measures", "clouds"),
        default = [[0.15, 0.75], [0.2, 0.25]].into()
    )]
    pub from: Points,
    /// Centres of what is to be filled. Drag them.
    #[control(
        label = "to fill", count = 1..=100, domain = [[0.0, 1.0], [0.0, 1.0]], when = ("measures", "clouds"),
        default = [[0.8, 0.85], [0.9, 0.5], [0.75, 0.15]].into()
    )]
    pub to: Points,
    /// How many points (of a palette: colours) each side has, dealt to its centres in turn.
    #[control(label = "points a side", range = 1..=2000, log, default = 150, when = ("measures", ["clouds", "palettes"]))]
    pub points: usize,
    /// How far points lie from their centre at most. At zero they lie on it.
    #[control(label = "spread", range = 0.0..=0.3, default = 0.12, when = ("measures", "clouds"))]
    pub spread: f64,
    /// Columns x, y and, if there is a third, weight. Weights below 10⁻¹² of the largest count as zero.
    #[control(
        label = "table to move", columns = 2..=3, rows = 2000, default = small_table(0.0), when = ("measures", "tables")
    )]
    pub table: Table,
    /// Columns x, y and, if there is a third, weight.
    #[control(
        label = "table to fill", columns = 2..=3, rows = 2000, default = small_table(1.0), when = ("measures", "tables")
    )]
    pub target_table: Table,
    /// The density to move.
    #[control(
        label = "curve to move", samples = CURVE, range = 0.0..=1.0, default = bumps(&[(0.2, 0.06), (0.4, 0.04)]),
        when = ("measures", "curves")
    )]
    pub curve: Curve,
    /// The density to fill.
    #[control(
        label = "curve to fill", samples = CURVE, range = 0.0..=1.0, default = bumps(&[(0.7, 0.13)]),
        when = ("measures", "curves")
    )]
    pub target_curve: Curve,
    /// The image to move: its brightness is its mass.
    #[control(label = "image to move", size = (64, 64), when = ("measures", "images"), default = ring())]
    pub image: Image,
    /// The image to fill.
    #[control(label = "image to fill", size = (64, 64), when = ("measures", "images"), default = cross())]
    pub target_image: Image,
    /// The picture to repaint.
    #[control(label = "picture", size = (64, 64), color, when = ("measures", "palettes"), default = day())]
    pub picture: Image,
    /// The picture whose colours it takes.
    #[control(label = "colours from", size = (64, 64), color, when = ("measures", "palettes"), default = dusk())]
    pub colors: Image,
    /// Scale both measures to the same mass. Without it only unbalanced transport can answer to different ones.
    #[control(label = "same mass", default = true, when = ("measures", ["tables", "curves", "images"]))]
    pub same_mass: bool,
    /// How the length of a way is measured.
    #[control(label = "distance", default = Norm::Euclidean)]
    pub norm: Norm,
    /// The cost is the distance to this power.
    #[control(label = "power p", range = 0.5..=4.0, step = 0.05, default = 2.0)]
    pub power: f64,
    /// What runs beside the network simplex, which all are measured against.
    #[control(label = "solvers", default = Set::of(&SEVEN))]
    pub solvers: Set<Solver>,
    /// The entropic regularisation, as a share of the largest cost.
    #[control(label = "ε", range = 1e-4..=1.0, log, default = 0.01)]
    pub epsilon: f64,
    /// The price of mass left behind or made up (unbalanced only), as a share of the largest cost.
    #[control(label = "price ρ", range = 0.01..=100.0, log, default = 0.5)]
    pub rho: f64,
    /// How many lines sliced transport looks at.
    #[control(label = "directions", range = 1..=500, log, default = 60)]
    pub directions: usize,
    /// The error of the marginals at which a solver has arrived.
    #[control(label = "tolerance", range = 1e-10..=1e-3, log, default = 1e-6)]
    pub tolerance: f64,
    /// What the work is counted in.
    #[control(label = "count by", default = Measure::Iterations, live)]
    pub count_by: Measure,
}

/// A few weighted points on an arc.
fn small_table(side: f64) -> Table {
    let row = |k: u32| {
        let t = f64::from(k) / 11.0 - 0.5;
        vec![0.3 * side + 1.6 * t * t, t + 0.5, 1.0 + side * f64::from(k % 3)]
    };
    Table { columns: ["x", "y", "weight"].map(str::to_owned).to_vec(), rows: (0..12).map(row).collect() }
}

/// A sum of Gaussians, each a centre and a width.
fn bumps(bumps: &[(f64, f64)]) -> Curve {
    let at = |x: f64| {
        let heights = bumps.iter().map(|(centre, width)| exp(-0.5 * ((x - centre) / width) * ((x - centre) / width)));
        heights.sum::<f64>().min(1.0)
    };
    Curve((0..CURVE).map(|k| at(k as f64 / (CURVE - 1) as f64)).collect())
}

/// An image of `side` pixels a side, from what stands at each point of $[-1,1]^2$, y upwards.
fn drawn<const N: usize>(side: usize, at: impl Fn(f64, f64) -> [f64; N]) -> Image {
    let place = |k: usize| (2 * k + 1) as f64 / side as f64 - 1.0;
    let pixels = (0..side * side).flat_map(|k| at(place(k % side), -place(k / side))).collect();
    Image { width: side, height: side, pixels }
}

fn ring() -> Image {
    drawn(24, |x, y| [if (0.25..0.85).contains(&(x * x + y * y)) { 1.0 } else { 0.0 }])
}

fn cross() -> Image {
    drawn(24, |x, y| {
        let inked = (x - y).abs().min((x + y).abs()) < 0.35 && x.abs().max(y.abs()) < 0.9;
        [if inked { 1.0 } else { 0.0 }]
    })
}

/// Green hills under a blue sky.
fn day() -> Image {
    drawn(40, |x, y| {
        let hill = 0.25 - 0.5 * (x - 0.3) * (x - 0.3);
        let sun = (x + 0.5) * (x + 0.5) + (y - 0.55) * (y - 0.55) < 0.06;
        if y < hill - 0.2 {
            [0.2 + 0.15 * (y + 1.0), 0.45 + 0.2 * (y + 1.0), 0.15]
        } else if sun {
            [1.0, 0.95, 0.6]
        } else {
            [0.35 + 0.2 * (1.0 - y), 0.6 + 0.15 * (1.0 - y), 0.95]
        }
    })
}

/// A red evening over dark water.
fn dusk() -> Image {
    drawn(40, |x, y| {
        if y < -0.15 {
            [0.15 + 0.1 * (y + 1.0), 0.1, 0.25 + 0.15 * (1.0 - x * x)]
        } else {
            [0.95 - 0.2 * y, 0.55 - 0.45 * y, 0.2 + 0.3 * y]
        }
    })
}

/// Values of a curve.
const CURVE: usize = 128;

/// Cells of an image, or samples of a palette, at most.
const CELLS: usize = 1024;

/// A measure: places in up to three dimensions, and a mass for each.
struct Side {
    at: Vec<[f64; 3]>,
    mass: Vec<f64>,
}

/// Two measures, and what it takes to draw them.
struct Instance {
    measures: Measures,
    dimension: usize,
    from: Side,
    to: Side,
    /// Of images: the cells along a side into which what travels is drawn.
    grid: usize,
    /// Of pictures: what is repainted, by which sample each of its pixels, and what gives the colours.
    picture: Image,
    nearest: Vec<usize>,
    colors: Image,
    centres: [Vec<[f64; 2]>; 2],
}

/// Coordinates up to here have a fourth power.
const LARGEST: f64 = 1e50;

/// Weights below this share of the largest count as zero.
const NOTHING: f64 = 1e-12;

impl Side {
    /// Of places and masses that may not be: positive somewhere, negative nowhere.
    fn of(name: &str, at: Vec<[f64; 3]>, mass: Vec<f64>) -> Result<Self> {
        if at.is_empty() {
            return Err(Error::of(name, "there are no points: give at least one"));
        }
        if at.iter().flatten().any(|x| x.abs() > LARGEST) || mass.iter().any(|mass| *mass > LARGEST) {
            return Err(Error::of(name, "numbers beyond 1e50 are too large for costs"));
        }
        if let Some(k) = mass.iter().position(|mass| *mass < 0.0) {
            return Err(Error::of(name, format!("weight {} is {}: a weight cannot be negative", k + 1, mass[k])));
        }
        if mass.iter().sum::<f64>() < 1e-100 {
            return Err(Error::of(name, "there is no mass: something must be above zero"));
        }
        // A point without mass takes no part; its potential would be infinite.
        let least = NOTHING * mass.iter().copied().fold(0.0, f64::max);
        let (at, mass) = at.into_iter().zip(mass).filter(|(_, mass)| *mass > least).unzip();
        Ok(Self { at, mass })
    }

    fn table(name: &str, table: &Table) -> Result<Self> {
        let at = table.rows.iter().map(|row| [row[0], row[1], 0.0]).collect();
        Self::of(name, at, table.rows.iter().map(|row| row.get(2).copied().unwrap_or(1.0)).collect())
    }

    fn curve(name: &str, curve: &Curve) -> Result<Self> {
        let n = curve.0.len();
        Self::of(name, (0..n).map(|k| [(k as f64 + 0.5) / n as f64, 0.0, 0.0]).collect(), curve.0.clone())
    }

    /// Of blocks of `block` by `block` pixels.
    fn image(name: &str, image: &Image, block: usize) -> Result<Self> {
        let [columns, rows] = [image.width, image.height].map(|side| side.div_ceil(block));
        let mut ink = vec![0.0; columns * rows];
        for (k, pixel) in image.pixels.iter().enumerate() {
            ink[(k / image.width / block) * columns + k % image.width / block] += pixel;
        }
        let size = image.width.max(image.height).max(1) as f64;
        let place = |k: usize| {
            let middle = |cell: usize, side: usize| {
                let (low, high) = (cell * block, ((cell + 1) * block).min(side));
                0.5 * (low + high) as f64 / size
            };
            [middle(k % columns, image.width), 1.0 - middle(k / columns, image.height), 0.0]
        };
        let inked: Vec<usize> = (0..ink.len()).filter(|&k| ink[k] > 0.0).collect();
        if inked.is_empty() {
            return Err(Error::of(name, "the image is black: something in it must be brighter"));
        }
        Self::of(name, inked.iter().map(|&k| place(k)).collect(), inked.iter().map(|&k| ink[k]).collect())
    }

    /// At most `most` pixels, evenly through the picture.
    fn palette(name: &str, image: &Image, most: usize) -> Result<Self> {
        let pixels: Vec<[f64; 3]> = image.pixels.as_chunks::<3>().0.to_vec();
        let count = pixels.len().min(most);
        let at: Vec<[f64; 3]> = (0..count).map(|k| pixels[(2 * k + 1) * pixels.len() / (2 * count)]).collect();
        let mass = vec![1.0; count];
        Self::of(name, at, mass)
    }
}

impl Instance {
    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let measures = setting.measures;
        let mut instance = Self {
            measures,
            dimension: 2,
            from: Side { at: Vec::new(), mass: Vec::new() },
            to: Side { at: Vec::new(), mass: Vec::new() },
            grid: 1,
            picture: Image::default(),
            nearest: Vec::new(),
            colors: Image::default(),
            centres: [Vec::new(), Vec::new()],
        };
        match measures {
            Measures::Clouds => {
                let Setting { points: n, spread, .. } = *setting;
                let mut cloud = |centres: &[[f64; 2]]| -> Vec<[f64; 3]> {
                    let mut point = |k: usize| {
                        let [x, y] = centres[k % centres.len()];
                        let mut off = || spread * (2.0 * rng.random::<f64>() - 1.0);
                        [x + off(), y + off(), 0.0]
                    };
                    let mut points: Vec<[f64; 3]> = (0..n).map(&mut point).collect();
                    // From left to right, so that the matrix shows the geometry.
                    points.sort_by(|p, q| p[0].total_cmp(&q[0]));
                    points
                };
                let (from, to) = (cloud(&setting.from.0), cloud(&setting.to.0));
                instance.from = Side::of("from", from, vec![1.0; n])?;
                instance.to = Side::of("to", to, vec![1.0; n])?;
                instance.centres = [setting.from.0.clone(), setting.to.0.clone()];
            }
            Measures::Tables => {
                instance.from = Side::table("table", &setting.table)?;
                instance.to = Side::table("target-table", &setting.target_table)?;
            }
            Measures::Curves => {
                instance.dimension = 1;
                instance.from = Side::curve("curve", &setting.curve)?;
                instance.to = Side::curve("target-curve", &setting.target_curve)?;
            }
            Measures::Images => {
                let fits = |image: &Image, block: usize| {
                    !Side::image("image", image, block).is_ok_and(|side| side.at.len() > CELLS)
                };
                let (image, target) = (&setting.image, &setting.target_image);
                let block = (1..64).find(|&block| fits(image, block) && fits(target, block)).unwrap_or(64);
                instance.from = Side::image("image", image, block)?;
                instance.to = Side::image("target-image", target, block)?;
                let side = |image: &Image| image.width.max(image.height).div_ceil(block);
                instance.grid = side(image).max(side(target));
            }
            Measures::Palettes => {
                instance.dimension = 3;
                instance.from = Side::palette("picture", &setting.picture, setting.points)?;
                instance.to = Side::palette("colors", &setting.colors, setting.points)?;
                let nearest = |pixel: &[f64; 3]| {
                    let away = |k: &usize| square(pixel, &instance.from.at[*k]);
                    (0..instance.from.at.len()).min_by(|a, b| away(a).total_cmp(&away(b))).unwrap_or(0)
                };
                instance.nearest = setting.picture.pixels.as_chunks::<3>().0.iter().map(nearest).collect();
                (instance.picture, instance.colors) = (setting.picture.clone(), setting.colors.clone());
            }
        }
        let (from, to): (f64, f64) = (instance.from.mass.iter().sum(), instance.to.mass.iter().sum());
        let own = !setting.same_mass && !matches!(measures, Measures::Clouds | Measures::Palettes);
        let ratio = if own { to / from } else { 1.0 };
        instance.from.mass.iter_mut().for_each(|mass| *mass /= from);
        instance.to.mass.iter_mut().for_each(|mass| *mass *= ratio / to);
        Ok(instance)
    }
}

fn square(p: &[f64; 3], q: &[f64; 3]) -> f64 {
    p.iter().zip(q).map(|(p, q)| (p - q) * (p - q)).sum()
}

fn power(x: f64, p: f64) -> f64 {
    match p {
        1.0 => x,
        2.0 => x * x,
        _ => pow(x, p),
    }
}

/// $\|x-y\|^p$.
fn price(x: &[f64; 3], y: &[f64; 3], norm: Norm, p: f64) -> f64 {
    let sides = || x.iter().zip(y).map(|(x, y)| (x - y).abs());
    match norm {
        Norm::Euclidean if p == 2.0 => square(x, y),
        Norm::Euclidean => power(square(x, y).sqrt(), p),
        Norm::Manhattan => power(sides().sum(), p),
        Norm::Largest => power(sides().fold(0.0, f64::max), p),
    }
}

/// $-\sum m\log m$ of masses as parts of their sum, times the sum.
fn entropy(masses: &[f64]) -> f64 {
    let sum: f64 = masses.iter().sum();
    masses.iter().filter(|mass| **mass > 0.0).map(|mass| -mass * log(mass / sum)).sum()
}

/// $\sum a\log(a/b)-a+b$.
fn divergence(a: &[f64], b: &[f64]) -> f64 {
    let term = |(a, b): (&f64, &f64)| if *a > 0.0 && *b > 0.0 { a * log(a / b) - a + b } else { *b };
    a.iter().zip(b).map(term).sum()
}

/// The costs in units of the largest, being taken row by row.
#[derive(Clone)]
struct Pricing {
    costs: Rc<Vec<f64>>,
    row: usize,
}

/// A plan as it is drawn.
#[derive(Clone, Default)]
struct View {
    blocks: Vec<f64>,
    across: usize,
    /// From which source, to which place, how much.
    moves: Vec<(usize, [f64; 3], f64)>,
}

impl View {
    /// Cells along a side at most.
    const SIDE: usize = 100;

    fn new(m: usize, n: usize) -> Self {
        let (down, across) = (m.min(Self::SIDE), n.min(Self::SIDE));
        Self { blocks: vec![0.0; down * across], across, moves: Vec::new() }
    }

    fn cell(&mut self, (i, m): (usize, usize), (j, n): (usize, usize)) -> &mut f64 {
        let (down, across) = (m.min(Self::SIDE), self.across);
        &mut self.blocks[(i * down / m) * across + j * across / n]
    }

    fn of_entries(entries: &[(usize, usize, f64)], instance: &Instance) -> Self {
        let (m, n) = (instance.from.at.len(), instance.to.at.len());
        let mut view = Self::new(m, n);
        for &(i, j, mass) in entries {
            *view.cell((i, m), (j, n)) += mass;
            view.moves.push((i, instance.to.at[j], mass));
        }
        view
    }

    /// Where each source is a share `t` of the way, in the mean; where it stays if it sends nothing.
    fn means(&self, instance: &Instance, t: f64) -> Vec<[f64; 3]> {
        let mut sums = vec![([0.0; 3], 0.0); instance.from.at.len()];
        for (i, to, mass) in &self.moves {
            let (sum, all) = &mut sums[*i];
            sum.iter_mut().zip(to).for_each(|(sum, x)| *sum += mass * x);
            *all += mass;
        }
        let mean = |(from, (sum, all)): (&[f64; 3], &([f64; 3], f64))| {
            if *all > 0.0 { along(from, &sum.map(|x| x / all), t) } else { *from }
        };
        instance.from.at.iter().zip(&sums).map(mean).collect()
    }
}

/// $(1-t)x+ty$.
fn along(x: &[f64; 3], y: &[f64; 3], t: f64) -> [f64; 3] {
    [0, 1, 2].map(|k| (1.0 - t) * x[k] + t * y[k])
}

/// A plan $e^{u_i+v_j-\eta c_{ij}}$ gone through row by row: what it costs, its marginals, and its picture.
#[derive(Clone)]
struct Survey {
    u: Vec<f64>,
    v: Vec<f64>,
    row: usize,
    line: Vec<f64>,
    cost: f64,
    rows: Vec<f64>,
    columns: Vec<f64>,
    view: Rc<View>,
}

/// Entries below this share of their row travel together.
const FAINT: f64 = 0.04;

impl Survey {
    fn new(u: Vec<f64>, v: Vec<f64>) -> Self {
        let (m, n) = (u.len(), v.len());
        let zeros = vec![0.0; n];
        let view = Rc::new(View::new(m, n));
        Self { u, v, row: 0, line: zeros.clone(), cost: 0.0, rows: Vec::with_capacity(m), columns: zeros, view }
    }

    /// Whether all rows are done.
    fn advance(&mut self, problem: &Entropic, table: &Priced, rows: usize) -> bool {
        let (m, n) = (self.u.len(), self.v.len());
        // Shared only between frames that are kept.
        let mut view = std::mem::take(Rc::make_mut(&mut self.view));
        for i in self.row..(self.row + rows).min(m) {
            let sum = problem.plan_row(i, self.u[i], &self.v, &mut self.line);
            let costs = &table.costs[i * n..(i + 1) * n];
            let (mut faint, mut rest) = ([0.0; 3], 0.0);
            let least = FAINT * sum;
            for (j, (&p, &cost)) in self.line.iter().zip(costs).enumerate() {
                self.cost += p * cost;
                self.columns[j] += p;
                if p > least {
                    view.moves.push((i, table.instance.to.at[j], p));
                } else {
                    faint.iter_mut().zip(&table.instance.to.at[j]).for_each(|(sum, x)| *sum += p * x);
                    rest += p;
                }
            }
            if rest > 0.0 {
                view.moves.push((i, faint.map(|x| x / rest), rest));
            }
            for (j, p) in self.line.iter().enumerate() {
                *view.cell((i, m), (j, n)) += p;
            }
            self.rows.push(sum);
        }
        self.view = Rc::new(view);
        self.row = (self.row + rows).min(m);
        self.row == m
    }

    /// $\|P1-r\|_1+\|P^\top1-c\|_1$.
    fn violation(&self, problem: &Entropic) -> f64 {
        let away = |sums: &[f64], masses: &[f64]| sums.iter().zip(masses).map(|(a, b)| (a - b).abs()).sum::<f64>();
        away(&self.rows, problem.r()) + away(&self.columns, problem.c())
    }
}

/// The problem with its costs known.
struct Priced {
    instance: Rc<Instance>,
    costs: Rc<Vec<f64>>,
    /// The largest cost, in units of which the others are.
    unit: f64,
    m: usize,
    n: usize,
}

/// What a solver has come to: its cost, how much that may differ from the optimum, and in which direction.
#[derive(Clone, Copy)]
struct Found {
    cost: f64,
    /// The cost less the optimum is at least the first and at most the second.
    low: f64,
    high: f64,
    /// How far the marginals are off; of the network simplex and unbalanced, how far the dual is below.
    off: f64,
}

/// Rounding that no bound counts.
const ROUNDING: f64 = 1e-9;

/// Sliced transport, direction by direction.
#[derive(Clone)]
struct Slices {
    directions: Rc<Vec<f64>>,
    done: usize,
    sum: f64,
    /// The cheapest of the plans found on lines.
    least: f64,
}

/// A solver at work.
#[derive(Clone)]
enum Engine {
    Exact(Box<Exact>),
    Scaling(Rc<Entropic>, Box<Scaling>),
    Log(Rc<Entropic>, Box<Sinkhorn>),
    Newton(Rc<Entropic>, Box<Newton>),
    /// With the seconds worked towards its next plan.
    Single(Rc<Entropic>, Box<Single>, f64),
    Slices(Slices),
    Gaussian,
}

/// The smoothed problem, once a solver has asked for it: three share it.
type Smoothed = Option<Result<Rc<Entropic>, orrery_kernels::transport::Error>>;

/// How far a solver has come.
#[derive(Clone)]
enum State {
    Waiting,
    Running(Engine),
    /// Its plan is being gone through; this was its last word if the flag says so.
    Surveyed(Engine, Box<Survey>, bool),
    Arrived,
    Failed(String),
    /// It has nothing to say here.
    Aside(String),
}

/// A solver in the race.
#[derive(Clone)]
struct Entrant {
    solver: Solver,
    state: State,
    iterations: usize,
    seconds: f64,
    /// By iterations and by seconds: how far the marginals are off, and the cost.
    off: [Series; 2],
    costs: [Series; 2],
    found: Option<Found>,
    view: Option<Rc<View>>,
    /// The violation at which it next looks whether it has arrived.
    goal: f64,
}

/// The least that is drawn on a logarithmic axis.
const FLOOR: f64 = 1e-13;

/// Modelled seconds that all solvers together work in a step.
const SLICE: f64 = 3e-3;

/// Modelled seconds to look at one entry: as an exponential, as a factor (of 64 bits once, of 32 twice an iteration), as a
/// reduced cost, in a survey.
const EXPONENTIAL: f64 = 4e-9;
const FACTOR: f64 = 4.5e-10;
const SINGLE: f64 = 1.1e-10;
const PAIR: f64 = 5e-10;
const SURVEY: f64 = 1e-8;

/// Steps of a run at most.
const LENGTH: usize = 1500;

impl Entrant {
    fn new(solver: Solver, tolerance: f64) -> Self {
        Self {
            solver,
            state: State::Waiting,
            iterations: 0,
            seconds: 0.0,
            off: Default::default(),
            costs: Default::default(),
            found: None,
            view: None,
            goal: tolerance,
        }
    }

    fn id(&self) -> &'static str {
        CARD.contenders[self.solver as usize].id
    }

    fn label(&self) -> &'static str {
        CARD.contenders[self.solver as usize].label
    }

    fn over(&self) -> bool {
        matches!(self.state, State::Arrived | State::Failed(_) | State::Aside(_))
    }

    fn note_off(&mut self, off: f64) {
        self.off[0].push(self.iterations.max(1) as f64, off.max(FLOOR));
        self.off[1].push(self.seconds.max(1e-9), off.max(FLOOR));
    }

    fn note(&mut self, found: Found, view: View) {
        self.costs[0].push(self.iterations.max(1) as f64, found.cost);
        self.costs[1].push(self.seconds.max(1e-9), found.cost);
        (self.found, self.view) = (Some(found), Some(Rc::new(view)));
    }

    /// Sets the solver up, or says why it cannot be. Where the smoothed problem is missing it sets up that, and waits for
    /// the next step.
    fn begin(&mut self, table: &Priced, smoothed: &mut Smoothed, setting: &Setting, rng: &mut Rng) {
        let (r, c) = (&table.instance.from.mass, &table.instance.to.mass);
        let eta = 1.0 / setting.epsilon;
        let (p, d) = (setting.power, table.instance.dimension);
        let made = match self.solver {
            Solver::Exact => Exact::new(&table.costs, r, c).map(|exact| Engine::Exact(Box::new(exact))),
            Solver::Scaling | Solver::Log | Solver::Newton | Solver::Single => {
                let Some(problem) = smoothed else {
                    *smoothed = Some(Entropic::new(&table.costs, eta, r.clone(), c.clone()).map(Rc::new));
                    return;
                };
                problem.clone().map(|problem| match self.solver {
                    Solver::Scaling => {
                        let scaling = Scaling::new(&problem);
                        Engine::Scaling(problem, Box::new(scaling))
                    }
                    Solver::Newton => {
                        // Fifteen entries a point, and where the plan is a blur a fifth of all.
                        let keep = (15 * table.m.max(table.n)).max(table.m * table.n / 5).clamp(1, table.m * table.n);
                        let newton = Newton::new(&problem, Some(keep), 20, setting.tolerance);
                        Engine::Newton(problem, Box::new(newton))
                    }
                    Solver::Single => {
                        let single = Single::new(&problem);
                        Engine::Single(problem, Box::new(single), 0.0)
                    }
                    _ => {
                        let sinkhorn = Sinkhorn::new(&problem);
                        Engine::Log(problem, Box::new(sinkhorn))
                    }
                })
            }
            Solver::Unbalanced => {
                Entropic::unbalanced(&table.costs, eta, r.clone(), c.clone(), [setting.rho; 2]).map(|problem| {
                    let sinkhorn = Sinkhorn::new(&problem);
                    Engine::Log(Rc::new(problem), Box::new(sinkhorn))
                })
            }
            Solver::Sliced if p < 1.0 => {
                self.state = State::Aside("needs a power of at least 1".to_owned());
                return;
            }
            Solver::Sliced => {
                let count = if d == 1 { 1 } else { setting.directions };
                let mut direction = || -> Vec<f64> {
                    let theta: Vec<f64> = (0..d).map(|_| rng.sample::<f64, _>(StandardNormal)).collect();
                    // ⟨θ, x − y⟩ ≤ ‖x − y‖ where the dual norm of θ is 1.
                    let dual = match setting.norm {
                        Norm::Euclidean => theta.iter().map(|x| x * x).sum::<f64>().sqrt(),
                        Norm::Manhattan => theta.iter().fold(0.0, |a: f64, x| a.max(x.abs())),
                        Norm::Largest => theta.iter().map(|x| x.abs()).sum(),
                    };
                    theta.iter().map(|x| x / dual).collect()
                };
                let directions: Vec<f64> = (0..count).flat_map(|_| direction()).collect();
                let directions = Rc::new(directions);
                Ok(Engine::Slices(Slices { directions, done: 0, sum: 0.0, least: f64::INFINITY }))
            }
            Solver::Gaussian if p < 2.0 => {
                self.state = State::Aside("needs a power of at least 2".to_owned());
                return;
            }
            Solver::Gaussian => Ok(Engine::Gaussian),
        };
        self.state = match made {
            Ok(engine) => State::Running(engine),
            Err(error) => State::Failed(error.to_string()),
        };
    }

    /// Works for about `slice` modelled seconds.
    async fn advance(&mut self, compute: &Compute, table: &Priced, setting: &Setting, slice: f64) {
        let until = self.seconds + slice;
        while self.seconds < until && !self.over() {
            let left = until - self.seconds;
            self.state = match std::mem::replace(&mut self.state, State::Waiting) {
                State::Running(engine) => self.run(compute, engine, table, setting, left).await,
                State::Surveyed(engine, survey, last) => self.survey(engine, survey, last, table, setting, left),
                other => {
                    self.state = other;
                    return;
                }
            };
        }
    }

    async fn run(
        &mut self,
        compute: &Compute,
        mut engine: Engine,
        table: &Priced,
        setting: &Setting,
        left: f64,
    ) -> State {
        let (m, n) = (table.m, table.n);
        let rows = |entry: f64| ((left / (entry * n as f64)).ceil() as usize).clamp(1, m);
        match &mut engine {
            Engine::Exact(exact) => {
                let optimal = exact.advance_pairs((left / PAIR).ceil() as usize);
                self.seconds += left;
                self.iterations = exact.pivots();
                let (u, v) = exact.potentials();
                let masses = table.instance.from.mass.iter().chain(&table.instance.to.mass);
                let dual: f64 = masses.zip(u.iter().chain(&v)).map(|(mass, x)| mass * x).sum();
                let entries = exact.plan();
                let cost = entries.iter().map(|&(i, j, mass)| mass * table.costs[i * n + j]).sum::<f64>();
                let found = Found { cost, low: -ROUNDING, high: ROUNDING, off: cost - dual };
                self.note(found, View::of_entries(&entries, &table.instance));
                if optimal { State::Arrived } else { State::Running(engine) }
            }
            Engine::Scaling(problem, scaling) => {
                let rows = rows(FACTOR).min(scaling.rows_left());
                self.seconds += FACTOR * (rows * n) as f64;
                match scaling.advance(problem, rows) {
                    Err(error) => State::Failed(error.to_string()),
                    Ok(None) => State::Running(engine),
                    Ok(Some(violation)) => match self.look(scaling.iterations(), violation) {
                        Some(last) => {
                            let (u, v) = scaling.potentials();
                            State::Surveyed(engine, Box::new(Survey::new(u, v)), last)
                        }
                        None => State::Running(engine),
                    },
                }
            }
            Engine::Log(problem, sinkhorn) => {
                let rows = rows(EXPONENTIAL).min(sinkhorn.rows_left());
                self.seconds += EXPONENTIAL * (rows * n) as f64;
                let Some(violation) = sinkhorn.advance(problem, rows) else { return State::Running(engine) };
                match self.look(sinkhorn.iterations(), violation) {
                    Some(last) => {
                        let survey = Survey::new(sinkhorn.u.clone(), sinkhorn.v.clone());
                        State::Surveyed(engine, Box::new(survey), last)
                    }
                    None => State::Running(engine),
                }
            }
            Engine::Newton(problem, newton) => {
                let before: Work = newton.work;
                let reached = newton.advance(problem, left);
                self.seconds += (newton.work.seconds() - before.seconds()).max(1e-9);
                if let Some(reached) = reached {
                    self.iterations = reached.iterations;
                    self.note_off(reached.violation);
                }
                let accepted = newton.take_accepted().is_some();
                if !accepted && newton.ended() && newton.violation > setting.tolerance {
                    let off = newton.violation;
                    return State::Failed(format!(
                        "its line search found no better point, with marginals off by {off:.1e}"
                    ));
                }
                if accepted {
                    let (u, v) = newton.w.split_at(m);
                    let survey = Box::new(Survey::new(u.to_vec(), v.to_vec()));
                    let last = newton.ended();
                    return State::Surveyed(engine, survey, last);
                }
                if newton.ended() { State::Arrived } else { State::Running(engine) }
            }
            Engine::Single(_, single, worked) => {
                let count = Single::at_once(m, n);
                let price = SINGLE * (2 * count * m * n) as f64;
                let paid = left.min(price - *worked);
                (self.seconds, *worked) = (self.seconds + paid, *worked + paid);
                if *worked < price {
                    return State::Running(engine);
                }
                *worked = 0.0;
                match single.advance(compute, count).await {
                    Err(error) => State::Failed(error.to_string()),
                    Ok(violation) => {
                        let look = self.look(single.iterations, violation);
                        let Some(last) = (if single.rests() { Some(true) } else { look }) else {
                            return State::Running(engine);
                        };
                        let [u, v] = single.potentials(compute).await;
                        State::Surveyed(engine, Box::new(Survey::new(u, v)), last)
                    }
                }
            }
            Engine::Slices(slices) => self.slice(slices.clone(), table, setting),
            Engine::Gaussian => self.gaussian(table, setting),
        }
    }

    /// Notes iterations of Sinkhorn. Says whether its plan is to be gone through, and whether it may be the last.
    fn look(&mut self, iterations: usize, violation: f64) -> Option<bool> {
        let doubled = iterations.checked_ilog2() != self.iterations.checked_ilog2();
        self.iterations = iterations;
        self.note_off(violation);
        if violation <= self.goal {
            return Some(true);
        }
        doubled.then_some(false)
    }

    fn survey(
        &mut self,
        engine: Engine,
        mut survey: Box<Survey>,
        last: bool,
        table: &Priced,
        setting: &Setting,
        left: f64,
    ) -> State {
        let rows = ((left / (SURVEY * table.n as f64)).ceil() as usize).clamp(1, table.m);
        self.seconds += SURVEY * (rows * table.n) as f64;
        let (Engine::Scaling(problem, _)
        | Engine::Log(problem, _)
        | Engine::Newton(problem, _)
        | Engine::Single(problem, ..)) = &engine
        else {
            return State::Running(engine);
        };
        if !survey.advance(problem, table, rows) {
            return State::Surveyed(engine, survey, last);
        }
        let epsilon = setting.epsilon;
        let information = epsilon * entropy(&survey.rows).min(entropy(&survey.columns));
        let found = if self.solver == Solver::Unbalanced {
            let (primal, dual) = unbalanced_values(&survey, problem, setting);
            let off = (primal - dual).max(0.0);
            let masses = epsilon * entropy(problem.r()).min(entropy(problem.c()));
            Found { cost: primal, low: f64::NEG_INFINITY, high: masses + off + ROUNDING, off }
        } else {
            let off = survey.violation(problem);
            Found { cost: survey.cost, low: -off - ROUNDING, high: information + off + ROUNDING, off }
        };
        let newton = matches!(engine, Engine::Newton(..));
        let rests = matches!(&engine, Engine::Single(_, single, _) if single.rests());
        let view = std::mem::take(Rc::make_mut(&mut survey.view));
        self.note(found, view);
        let arrived = found.off <= setting.tolerance;
        if last && !arrived {
            if newton {
                return State::Failed(format!("it gave up with marginals off by {:.1e}", found.off));
            }
            if rests {
                return State::Failed(format!(
                    "32 bits keep its marginals off by {:.1e}; take a greater tolerance, or double precision",
                    found.off
                ));
            }
            self.goal *= 0.3;
        }
        if last && arrived { State::Arrived } else { State::Running(engine) }
    }

    /// One direction.
    fn slice(&mut self, mut slices: Slices, table: &Priced, setting: &Setting) -> State {
        let (d, n, p) = (table.instance.dimension, table.n, setting.power);
        let (from, to) = (&table.instance.from, &table.instance.to);
        let theta = &slices.directions[slices.done * d..(slices.done + 1) * d];
        let flat = |side: &Side| -> Vec<f64> { side.at.iter().flat_map(|x| x[..d].to_vec()).collect() };
        let (x, y) = (project(&flat(from), theta), project(&flat(to), theta));
        let coupling = match quantile_coupling(&x, &from.mass, &y, &to.mass) {
            Ok(coupling) => coupling,
            Err(error) => return State::Failed(error.to_string()),
        };
        // W_p^p of the shadows, and what their coupling costs in full.
        let unit = if table.unit > 0.0 { table.unit } else { 1.0 };
        slices.sum += coupling.iter().map(|&(i, j, mass)| mass * power((x[i] - y[j]).abs(), p)).sum::<f64>() / unit;
        let full = coupling.iter().map(|&(i, j, mass)| mass * table.costs[i * n + j]).sum::<f64>();
        slices.done += 1;
        self.iterations = slices.done;
        self.seconds += 2e-7 * (table.m + n) as f64;
        let cost = slices.sum / slices.done as f64;
        let found = Found { cost, low: f64::NEG_INFINITY, high: ROUNDING, off: 0.0 };
        if full < slices.least {
            slices.least = full;
            self.note(found, View::of_entries(&coupling, &table.instance));
        } else {
            let view = self.view.take();
            self.note(found, View::default());
            self.view = view;
        }
        let over = slices.done * d == slices.directions.len();
        if over { State::Arrived } else { State::Running(Engine::Slices(slices)) }
    }

    /// Gelbrich's bound and the map of the Gaussians.
    fn gaussian(&mut self, table: &Priced, setting: &Setting) -> State {
        let d = table.instance.dimension;
        let moments = |side: &Side| {
            let mut mean = DVector::<f64>::zeros(d);
            let points: Vec<DVector<f64>> = side.at.iter().map(|x| DVector::from_column_slice(&x[..d])).collect();
            let total: f64 = side.mass.iter().sum();
            points.iter().zip(&side.mass).for_each(|(x, mass)| mean += x * (mass / total));
            let mut covariance = DMatrix::<f64>::zeros(d, d);
            for (x, mass) in points.iter().zip(&side.mass) {
                let off = x - &mean;
                covariance += &off * off.transpose() * (mass / total);
            }
            Gaussian::new(mean, covariance)
        };
        let (from, to) = match (moments(&table.instance.from), moments(&table.instance.to)) {
            (Ok(from), Ok(to)) => (from, to),
            (Err(error), _) | (_, Err(error)) => return State::Failed(error.to_string()),
        };
        if (table.instance.to.mass.iter().sum::<f64>() - 1.0).abs() > 1e-9 {
            return State::Failed("the two sides have different masses".to_owned());
        }
        // W_p ≥ W_2 for p ≥ 2; the largest side is at least 1/√d of the distance, the sum of sides no less than it.
        let shrink = if setting.norm == Norm::Largest { (d as f64).sqrt() } else { 1.0 };
        let distance = from.distance_squared(&to).max(0.0).sqrt() / shrink;
        let unit = if table.unit > 0.0 { table.unit } else { 1.0 };
        let map = from.map(&to);
        let send = |x: &[f64; 3]| {
            let image = to.mean() + &map * (DVector::from_column_slice(&x[..d]) - from.mean());
            let mut place = [0.0; 3];
            place[..d].copy_from_slice(image.as_slice());
            place
        };
        let (m, n) = (table.m, table.n);
        let mut view = View::new(m, n);
        for (i, (x, &mass)) in table.instance.from.at.iter().zip(&table.instance.from.mass).enumerate() {
            let place = send(x);
            view.moves.push((i, place, mass));
            // The matrix shows it at the target that is nearest.
            let away = |j: &usize| square(&place, &table.instance.to.at[*j]);
            if let Some(j) = (0..n).min_by(|a, b| away(a).total_cmp(&away(b))) {
                *view.cell((i, m), (j, n)) += mass;
            }
        }
        (self.iterations, self.seconds) = (1, self.seconds + 2e-9 * (m * n) as f64);
        let cost = power(distance, setting.power) / unit;
        self.note(Found { cost, low: f64::NEG_INFINITY, high: ROUNDING, off: 0.0 }, view);
        State::Arrived
    }
}

/// Cost, entropy and penalties of an unbalanced plan, and what its potentials prove:
/// $$F(P)=\langle c,P\rangle+\varepsilon\mathrm{KL}(P|r\otimes c)+\rho\,\mathrm{KL}(P1|r)+\rho\,\mathrm{KL}(P^\top1|c),$$
/// $$D(f,g)=\rho\langle r,1-e^{-f/\rho}\rangle+\rho\langle c,1-e^{-g/\rho}\rangle+\varepsilon(|r||c|-|P|).$$
fn unbalanced_values(survey: &Survey, problem: &Entropic, setting: &Setting) -> (f64, f64) {
    let Setting { epsilon, rho, .. } = *setting;
    let total = |masses: &[f64]| masses.iter().sum::<f64>();
    let mass = total(&survey.rows);
    let product = total(problem.r()) * total(problem.c());
    let weighed = |sums: &[f64], x: &[f64]| {
        sums.iter().zip(x).filter(|(sum, _)| **sum > 0.0).map(|(sum, x)| sum * x).sum::<f64>()
    };
    // log P / (r ⊗ c) = u + v − c / ε.
    let information = weighed(&survey.rows, &survey.u) + weighed(&survey.columns, &survey.v) - survey.cost / epsilon;
    let kept = divergence(&survey.rows, problem.r()) + divergence(&survey.columns, problem.c());
    let primal = survey.cost + epsilon * (information - mass + product) + rho * kept;
    let paid = |masses: &[f64], x: &[f64]| {
        let terms = masses.iter().zip(x).filter(|(mass, _)| **mass > 0.0);
        terms.map(|(mass, x)| mass * (1.0 - exp(-epsilon * x / rho))).sum::<f64>()
    };
    let dual = rho * (paid(problem.r(), &survey.u) + paid(problem.c(), &survey.v)) + epsilon * (product - mass);
    (primal, dual)
}

/// The exhibit.
#[derive(Clone)]
pub struct TransportTable {
    setting: Setting,
    instance: Rc<Instance>,
    pricing: Pricing,
    table: Option<Rc<Priced>>,
    smoothed: Smoothed,
    entrants: Vec<Entrant>,
    rng: Rng,
    steps: usize,
}

impl TransportTable {
    fn ended(&self) -> bool {
        self.steps >= LENGTH || self.entrants.iter().all(Entrant::over)
    }

    /// The optimum, once it is known.
    fn optimum(&self) -> Option<f64> {
        let exact = self.entrants.first().filter(|entrant| matches!(entrant.state, State::Arrived));
        exact.and_then(|entrant| entrant.found).map(|found| found.cost)
    }

    /// Whether there is no optimum, since no plan has these marginals.
    fn unequal(&self) -> bool {
        matches!(self.entrants.first().map(|entrant| &entrant.state), Some(State::Failed(_)))
    }

    /// Prices some more rows; with the last the table stands.
    fn price_rows(&mut self) {
        let (from, to) = (&self.instance.from.at, &self.instance.to.at);
        let (m, n) = (from.len(), to.len());
        let Setting { norm, power: p, .. } = self.setting;
        let entry = if p == 1.0 || p == 2.0 { 8e-9 } else { 8e-8 };
        let rows = ((SLICE / (entry * n as f64)).ceil() as usize).clamp(1, m);
        let costs = Rc::make_mut(&mut self.pricing.costs);
        for x in &from[self.pricing.row..(self.pricing.row + rows).min(m)] {
            costs.extend(to.iter().map(|y| price(x, y, norm, p)));
        }
        self.pricing.row = (self.pricing.row + rows).min(m);
        if self.pricing.row < m {
            return;
        }
        let unit = costs.iter().copied().fold(0.0, f64::max);
        if unit > 0.0 {
            costs.iter_mut().for_each(|cost| *cost /= unit);
        }
        let costs = std::mem::take(&mut self.pricing.costs);
        self.table = Some(Rc::new(Priced { instance: Rc::clone(&self.instance), costs, unit, m, n }));
    }

    /// Whose plan is drawn.
    fn shown(&self) -> Option<&Entrant> {
        let chosen = self.entrants.iter().find(|entrant| entrant.solver == self.setting.show && entrant.view.is_some());
        chosen.or_else(|| self.entrants.iter().find(|entrant| entrant.view.is_some()))
    }
}

impl Exhibit for TransportTable {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let instance = Rc::new(Instance::new(setting, rng)?);
        let runs = |solver: Solver| solver == Solver::Exact || setting.solvers.contains(solver);
        let solvers = Solver::OPTIONS.iter().map(|option| option.0).filter(|solver| runs(*solver));
        Ok(Self {
            entrants: solvers.map(|solver| Entrant::new(solver, setting.tolerance)).collect(),
            setting: setting.clone(),
            pricing: Pricing { costs: Rc::default(), row: 0 },
            table: None,
            smoothed: None,
            rng: rng.clone(),
            steps: 0,
            instance,
        })
    }

    fn length(&self) -> usize {
        LENGTH
    }

    async fn step(&mut self, compute: &Compute) -> Progress {
        self.steps += 1;
        let Some(table) = self.table.clone() else {
            self.price_rows();
            return Progress::Running;
        };
        let waiting = self.entrants.iter_mut().find(|entrant| matches!(entrant.state, State::Waiting));
        // Setting up goes through all pairs: one solver a step.
        if let Some(entrant) = waiting {
            entrant.begin(&table, &mut self.smoothed, &self.setting, &mut self.rng);
        } else {
            let running = self.entrants.iter().filter(|entrant| !entrant.over()).count();
            let slice = SLICE / running.max(1) as f64;
            for entrant in &mut self.entrants {
                entrant.advance(compute, &table, &self.setting, slice).await;
            }
        }
        if self.ended() { Progress::Done } else { Progress::Running }
    }

    fn retune(&mut self, setting: &Setting) {
        let Setting { time, show, count_by, .. } = *setting;
        (self.setting.time, self.setting.show, self.setting.count_by) = (time, show, count_by);
    }

    fn figures(&self, figures: &mut Figures) {
        self.draw_table(figures);
        self.draw_plan(figures);
        self.draw_race(figures);
    }

    fn claim(&self) -> Claim {
        let (ended, optimum) = (self.ended(), self.optimum());
        Claim::new(self.entrants.iter().filter_map(|entrant| self.clause(entrant, optimum, ended)).collect())
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        let sharp = Set::of(&[Solver::Exact, Solver::Scaling, Solver::Log, Solver::Newton]);
        vec![
            Scenario::holds(
                "default",
                "Seven ways",
                "Two clouds onto three: all seven solvers end within their bounds.",
                default.clone(),
            ),
            Scenario::holds(
                "curves",
                "Two curves, p = 1",
                "On a line there is one shadow, the measures themselves: sliced transport is exact. Gelbrich stands aside.",
                Setting { measures: Measures::Curves, power: 1.0, ..default.clone() },
            ),
            Scenario::holds(
                "images",
                "A ring into a cross",
                "Slide the time: the ring breaks up and travels, where a fade would only show both at once.",
                Setting { measures: Measures::Images, epsilon: 0.005, ..default.clone() },
            ),
            Scenario::holds(
                "palettes",
                "Repaint a picture",
                "Colours are points in a cube; the map of the palette repaints the picture.",
                Setting { measures: Measures::Palettes, epsilon: 0.005, ..default.clone() },
            ),
            Scenario::holds(
                "single-precision",
                "A thousand points in 32 bits",
                "Scaling in single precision arrives after fewer modelled seconds than in double, to the same cost.",
                Setting { points: 1000, solvers: Set::of(&[Solver::Scaling, Solver::Single]), ..default.clone() },
            ),
            Scenario::fails(
                "sharp",
                "ε = 10⁻⁴: K is lost",
                "exp(−c/ε) underflows wherever c exceeds 0.07 of the largest cost: the scaling form breaks down. The \
                 logarithmic form arrives, at a tolerance of 10⁻⁴; for 10⁻⁶ the run is too short.",
                Setting { points: 40, epsilon: 1e-4, tolerance: 1e-4, solvers: sharp, ..default.clone() },
            ),
            Scenario::fails(
                "different-masses",
                "Different masses",
                "No plan has these two marginals: all who need one say so, and unbalanced transport answers alone.",
                Setting { measures: Measures::Curves, same_mass: false, ..default },
            ),
        ]
    }
}

impl TransportTable {
    /// What the claim says of one solver; nothing of one that stands aside.
    fn clause(&self, entrant: &Entrant, optimum: Option<f64>, ended: bool) -> Option<Clause> {
        let (label, found) = (entrant.label(), entrant.found);
        let exact = entrant.solver == Solver::Exact;
        Some(match &entrant.state {
            State::Aside(_) => return None,
            State::Failed(why) => {
                let text = format!("{label} broke down after {{value}} iterations: {why}.");
                let value = Some(entrant.iterations as f64);
                Clause { text, value, low: None, high: None, verdict: Verdict::Fails }
            }
            State::Arrived if exact => {
                let text = format!("{label}: its plan costs {{value}} more than its dual proves, at most {{high}}.");
                Clause::at_most(text, found.map(|found| found.off.abs()), ROUNDING)
            }
            State::Arrived => {
                let Found { cost, low, high, off } = found?;
                let gap = optimum.map(|optimum| cost - optimum);
                if low.is_finite() {
                    let text = format!("{label} is {{value}} above the optimum, at most {{high}}.");
                    Clause::within(text, gap, low, high)
                } else if entrant.solver == Solver::Unbalanced && self.unequal() {
                    let text =
                        format!("{label}: no optimum to compare with; {{value}} above its dual, at most {{high}}.");
                    Clause::at_most(text, Some(off), self.setting.tolerance)
                } else if entrant.solver == Solver::Unbalanced {
                    let text =
                        format!("{label}, penalties included, is {{value}} above the optimum, at most {{high}}.");
                    Clause::at_most(text, gap, high)
                } else {
                    let text = format!("{label} lies {{value}} below the optimum, never above.");
                    Clause::at_least(text, gap.map(|gap| -gap), -high)
                }
            }
            // Before it has arrived: at the end of the run that is a failure.
            _ => {
                let open = Clause {
                    text: if exact {
                        format!("{label}: {{value}} pivots so far, and the plan is not yet known to be optimal.")
                    } else {
                        format!("{label} has not converged after {{value}} iterations.")
                    },
                    value: Some(entrant.iterations as f64),
                    low: None,
                    high: None,
                    verdict: Verdict::Fails,
                };
                open.pending_while(!ended)
            }
        })
    }

    fn draw_table(&self, figures: &mut Figures) {
        let (instance, t) = (&self.instance, self.setting.time);
        let bare = View::default();
        let shown = self.shown();
        let view = shown.and_then(|entrant| entrant.view.as_deref()).unwrap_or(&bare);
        let (id, name) = shown.map_or(("exact", ""), |entrant| (entrant.id(), entrant.label()));
        let by = if name.is_empty() { String::new() } else { format!(" Its way is by: {name}.") };
        match instance.measures {
            Measures::Clouds | Measures::Tables => {
                let caption = format!("What is to be moved, what is to be filled, and the grains at time t.{by}");
                let mut figure = figures.figure("table", "The table", caption);
                figure.x(Axis::linear("x")).y(Axis::linear("y")).equal();
                if instance.measures == Measures::Clouds {
                    figure.x(Axis::linear("x").domain(-0.1, 1.1)).y(Axis::linear("y").domain(-0.1, 1.1));
                }
                let flat = |x: &[f64; 3]| [x[0], x[1]];
                let most = view.moves.iter().map(|(.., mass)| *mass).fold(0.0, f64::max);
                let stride = view.moves.len().div_ceil(MOVES).max(1);
                let moves = || view.moves.iter().step_by(stride).filter(|(.., mass)| *mass > 0.02 * most);
                let from: Vec<[f64; 2]> = moves().map(|(i, ..)| flat(&instance.from.at[*i])).collect();
                let to: Vec<[f64; 2]> = moves().map(|(_, to, _)| flat(to)).collect();
                let weights: Vec<f64> = moves().map(|(.., mass)| 0.6 * mass / most).collect();
                figure.link(&from, &to, Some(&weights)).ink(Ink::Muted).label("plan");
                let dots = |side: &Side, k: usize| side.at.iter().map(|x| x[k]).collect::<Vec<_>>();
                let (sources, targets) = (&instance.from, &instance.to);
                figure.dot(dots(sources, 0), dots(sources, 1)).ink(Ink::Muted).radius(2.0).label("to move");
                figure
                    .dot(dots(targets, 0), dots(targets, 1))
                    .ink(Ink::Strong)
                    .symbol(Symbol::Ring)
                    .radius(2.5)
                    .label("to fill");
                let on_way: Vec<[f64; 3]> = moves().map(|(i, to, _)| along(&instance.from.at[*i], to, t)).collect();
                figure
                    .dot(on_way.iter().map(|x| x[0]), on_way.iter().map(|x| x[1]))
                    .of(id)
                    .radius(2.0)
                    .label("at time t");
                for (centres, control) in instance.centres.iter().zip(["from", "to"]) {
                    if !centres.is_empty() {
                        let (x, y) = (centres.iter().map(|c| c[0]), centres.iter().map(|c| c[1]));
                        figure.dot(x, y).ink(Ink::Accent).symbol(Symbol::Ring).radius(9.0).drags(control);
                    }
                }
            }
            Measures::Curves => {
                let caption = format!("Both densities, and the mass at time t.{by}");
                let mut figure = figures.figure("table", "The table", caption);
                let bins = CURVE;
                figure.x(Axis::linear("x").domain(0.0, 1.0)).y(Axis::linear("density"));
                let x = || (0..bins).map(|k| (k as f64 + 0.5) / bins as f64);
                let density = |side: &Side| {
                    let mut masses = vec![0.0; bins];
                    side.at.iter().zip(&side.mass).for_each(|(x, mass)| splat(x[0], *mass, &mut masses));
                    masses.into_iter().map(|mass| mass * bins as f64).collect::<Vec<_>>()
                };
                let mut there = vec![0.0; bins];
                for (i, to, mass) in &view.moves {
                    splat(along(&instance.from.at[*i], to, t)[0], *mass, &mut there);
                }
                figure.line(x(), density(&instance.from)).ink(Ink::Muted).label("to move");
                figure.line(x(), density(&instance.to)).ink(Ink::Strong).label("to fill");
                figure.line(x(), there.iter().map(|mass| mass * bins as f64)).of(id).label("at time t");
            }
            Measures::Images => {
                let caption = format!("The image at time t.{by}");
                let mut figure = figures.figure("table", "The table", caption);
                let (columns, rows) = (instance.grid, instance.grid);
                let mut there = vec![0.0; columns * rows];
                for (i, to, mass) in &view.moves {
                    let at = along(&instance.from.at[*i], to, t);
                    let mut across = vec![0.0; columns];
                    splat(at[0], *mass, &mut across);
                    let mut up = vec![0.0; rows];
                    splat(at[1], 1.0, &mut up);
                    for (row, share) in there.chunks_exact_mut(columns).zip(&up).filter(|(_, share)| **share > 0.0) {
                        row.iter_mut().zip(&across).for_each(|(cell, mass)| *cell += share * mass);
                    }
                }
                let ends = instance.from.mass.iter().chain(&instance.to.mass);
                let most = ends.copied().fold(0.0, f64::max);
                let grid = Grid { values: &there, columns, x: [0.0, 1.0], y: [0.0, 1.0] };
                figure.x(Axis::linear("x").domain(0.0, 1.0)).y(Axis::linear("y").domain(0.0, 1.0)).equal();
                figure.raster(grid, Colors::sequential("mass").domain(0.0, most));
            }
            Measures::Palettes => {
                let caption = format!(
                    "The picture, the same repainted a share t of the way, and the one that lends its colours.{by}"
                );
                let mut figure = figures.figure("table", "The table", caption);
                figure.equal();
                let means = view.means(instance, t);
                let pixels = instance.picture.pixels.as_chunks::<3>().0;
                let repainted: Vec<f64> = pixels
                    .iter()
                    .zip(&instance.nearest)
                    .map(|(pixel, &k)| {
                        let sample = &instance.from.at[k];
                        true_color([0, 1, 2].map(|part| pixel[part] + means[k][part] - sample[part]))
                    })
                    .collect();
                let own = |image: &Image| -> Vec<f64> {
                    image.pixels.as_chunks::<3>().0.iter().map(|rgb| true_color(*rgb)).collect()
                };
                let pictures = [
                    (own(&instance.picture), &instance.picture),
                    (repainted, &instance.picture),
                    (own(&instance.colors), &instance.colors),
                ];
                for (k, (values, image)) in pictures.iter().enumerate() {
                    let size = image.width.max(image.height) as f64;
                    let left = 1.08 * k as f64;
                    let (x, y) = ([left, left + image.width as f64 / size], [0.0, image.height as f64 / size]);
                    // A picture begins at its top.
                    let values: Vec<f64> = values.chunks_exact(image.width).rev().flatten().copied().collect();
                    figure.raster(Grid { values: &values, columns: image.width, x, y }, Colors::real("colour"));
                }
            }
        }
    }

    fn draw_plan(&self, figures: &mut Figures) {
        let shown = self.shown();
        let name = shown.map_or("No plan yet", Entrant::label);
        let caption = match shown.map(|entrant| entrant.solver) {
            Some(Solver::Sliced) => format!("{name}: the cheapest of the plans that single lines suggest."),
            Some(Solver::Gaussian) => {
                format!("{name}: it sends points off the targets; each is counted at the nearest.")
            }
            _ => format!("{name}: how much of each source goes to each target."),
        };
        let (m, n) = (self.instance.from.at.len() as f64, self.instance.to.at.len() as f64);
        let mut plan = figures.figure("plan", "The transport plan", caption);
        plan.x(Axis::linear("target j").domain(0.0, n)).y(Axis::linear("source i").domain(0.0, m).reversed());
        if let Some(view) = shown.and_then(|entrant| entrant.view.as_deref()).filter(|view| view.across > 0) {
            let top = 1.0 / m.min(n).min(View::SIDE as f64);
            let grid = Grid { values: &view.blocks, columns: view.across, x: [0.0, n], y: [0.0, m] };
            plan.raster(grid, Colors::sequential("mass").log().domain(1e-6 * top, top));
        }
    }

    fn draw_race(&self, figures: &mut Figures) {
        let by = self.setting.count_by as usize;
        let unit = ["iterations", "modelled seconds"][by];
        let iterates = |entrant: &Entrant| !matches!(entrant.solver, Solver::Exact | Solver::Sliced | Solver::Gaussian);
        if self.entrants.iter().any(iterates) {
            let caption = "How far each plan's marginals are from what they should be; unbalanced, how far an iteration still \
                           moves them.";
            let mut off = figures.figure("marginals", "Marginal error", caption);
            off.x(Axis::log(unit).or(Scale::Linear)).y(Axis::log("‖P1 − r‖₁ + ‖Pᵀ1 − c‖₁"));
            for entrant in self.entrants.iter().filter(|entrant| entrant.off[by].last().is_some()) {
                off.line(entrant.off[by].xs(), entrant.off[by].ys()).of(entrant.id());
                let last = entrant.off[by].last();
                off.dot(last.iter().map(|at| at[0]), last.iter().map(|at| at[1])).of(entrant.id());
            }
            off.rule_y([self.setting.tolerance]).label("tolerance").dashed();
        }

        // A cost on its way, far from the marginals, may be many times what any has in the end.
        let last = self.entrants.iter().filter_map(|entrant| entrant.costs[by].last()).map(|at| at[1]);
        let top = 1.5 * last.chain(self.optimum()).fold(0.0, f64::max);
        let cut = self.entrants.iter().flat_map(|entrant| entrant.costs[by].ys()).any(|cost| cost > 2.0 * top);
        let caption = format!(
            "What each plan costs (unbalanced: with its penalties) or proves to be needed, as a share of the largest cost. \
             At the rule, the optimum.{}",
            if cut { " What costs far more on its way is cut." } else { "" }
        );
        let mut costs = figures.figure("cost", "Cost", caption);
        let y = Axis::linear("cost");
        costs.x(Axis::log(["iterations, pivots or directions", unit][by]).or(Scale::Linear));
        costs.y(if cut && top > 0.0 { y.domain(0.0, top) } else { y });
        for entrant in &self.entrants {
            costs.line(entrant.costs[by].xs(), entrant.costs[by].ys()).of(entrant.id());
            let last = entrant.costs[by].last();
            costs.dot(last.iter().map(|at| at[0]), last.iter().map(|at| at[1])).of(entrant.id());
        }
        costs.rule_y(self.optimum()).dashed();

        let optimum = self.optimum();
        let gap = |entrant: &Entrant| Some(entrant.found?.cost - optimum?);
        let others = || self.entrants.iter().skip(1);
        if others().next().is_some() {
            let caption = "How far each cost is from the optimum, above or below, and (crosses) how far its bound lets it be \
                           above. Below, no bound is claimed but the sign.";
            let mut gaps = figures.figure("gap", "Gap to the optimum", caption);
            gaps.x(Axis::categories("solver", others().map(short))).y(Axis::log("|cost − optimum|"));
            for (k, entrant) in others().enumerate() {
                let (Some(gap), Some(found)) = (gap(entrant), entrant.found) else { continue };
                gaps.dot([k as f64], [gap.abs().max(FLOOR)]).of(entrant.id()).radius(5.0);
                if found.low.is_finite() || entrant.solver == Solver::Unbalanced {
                    gaps.dot([k as f64], [found.high.max(FLOOR)]).ink(Ink::Muted).symbol(Symbol::Cross).radius(5.0);
                }
            }
        }

        // Who gave up without a cost comes last, where a column of numbers may end.
        let (barren, fruitful): (Vec<&Entrant>, Vec<&Entrant>) = self.entrants.iter().partition(|entrant| {
            entrant.found.is_none() && matches!(entrant.state, State::Failed(_) | State::Aside(_))
        });
        let all = || fruitful.iter().chain(&barren).copied();
        let number = |of: &dyn Fn(&Entrant) -> Option<f64>| -> Vec<f64> {
            fruitful.iter().map(|entrant| of(entrant).unwrap_or(0.0)).collect()
        };
        let ended = self.ended();
        let unit = self.table.as_ref().map_or(1.0, |table| table.unit);
        let caption = format!("Costs are in units of the largest, {}.", numeral(unit, 4));
        let mut numbers = figures.figure("numbers", "The solvers", caption);
        numbers
            .table()
            .words("solver", all().map(Entrant::label))
            .words("state", all().map(|entrant| standing(&entrant.state, ended)))
            .numbers("iterations", all().map(|entrant| entrant.iterations as f64))
            .numbers("modelled seconds", all().map(|entrant| entrant.seconds))
            .numbers("cost", number(&|entrant| entrant.found.map(|found| found.cost)))
            .numbers("cost − optimum", number(&|entrant| gap(entrant)))
            .numbers("bound", number(&|entrant| entrant.found.map(|found| found.high)));
    }
}

/// Moves drawn at most.
const MOVES: usize = 1500;

/// Puts mass at a place of [0, 1] into bins, shared between the two whose middles are nearest.
fn splat(at: f64, mass: f64, bins: &mut [f64]) {
    let last = bins.len() - 1;
    let place = (at * bins.len() as f64 - 0.5).clamp(0.0, last as f64);
    let (left, share) = (place.floor(), place - place.floor());
    bins[left as usize] += mass * (1.0 - share);
    bins[(left as usize + 1).min(last)] += mass * share;
}

fn short(entrant: &Entrant) -> &'static str {
    ["exact", "scaling", "log", "Newton", "unbal.", "sliced", "Gauss", "single"][entrant.solver as usize]
}

/// Where a solver stands, in a few words: why one failed is the claim's to say.
fn standing(state: &State, ended: bool) -> String {
    match state {
        State::Waiting | State::Running(_) | State::Surveyed(..) if ended => "out of time".to_owned(),
        State::Waiting => "waits".to_owned(),
        State::Running(_) | State::Surveyed(..) => "runs".to_owned(),
        State::Arrived => "has arrived".to_owned(),
        State::Failed(_) => "has failed".to_owned(),
        State::Aside(why) => format!("aside: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_core::control::{Settings, read};
    use orrery_core::serde_json::{Value, json};
    use proptest::prelude::{prop, prop_assert, proptest};

    fn setting(changed: Value) -> Result<Setting> {
        let settings: Settings = changed.as_object().expect("settings").clone();
        read(&settings)
    }

    fn run(changed: Value) -> TransportTable {
        let compute = orrery_gpu::cpu();
        let setting = setting(changed).expect("what the controls take");
        let mut table = TransportTable::new(&setting, &mut Rng::seed_from_u64(1)).expect("a setting that runs");
        while pollster::block_on(table.step(&compute)) == Progress::Running {}
        let mut figures = Figures::new();
        table.figures(&mut figures);
        assert!(figures.data().iter().all(|number| number.is_finite()));
        table
    }

    fn refused(changed: Value) -> String {
        let setting = setting(changed).map(|setting| TransportTable::new(&setting, &mut Rng::seed_from_u64(1)));
        match setting {
            Err(error) | Ok(Err(error)) => error.to_string(),
            Ok(Ok(_)) => panic!("this runs"),
        }
    }

    fn cost(table: &TransportTable, solver: Solver) -> f64 {
        let entrant = table.entrants.iter().find(|entrant| entrant.solver == solver).expect("a solver that runs");
        entrant.found.expect("a cost").cost
    }

    #[test]
    fn two_points_travel_the_distance_between_them() {
        let table =
            run(json!({ "from": [[0.1, 0.1]], "to": [[0.4, 0.5]], "points": 1, "spread": 0.0, "epsilon": 0.1 }));
        assert_eq!(table.claim().verdict, Verdict::Holds);
        assert!((table.table.as_ref().expect("a table").unit - 0.25).abs() < 1e-15);
        for solver in [Solver::Exact, Solver::Scaling, Solver::Log, Solver::Newton, Solver::Gaussian] {
            assert!((cost(&table, solver) - 1.0).abs() < 1e-12, "{solver:?}");
        }
    }

    #[test]
    fn on_a_line_the_shadow_is_exact_and_the_plan_is_that_of_quantiles() {
        for p in [1.0, 1.5, 2.0] {
            let table = run(json!({ "measures": "curves", "power": p, "solvers": ["sliced"] }));
            assert!((cost(&table, Solver::Sliced) - cost(&table, Solver::Exact)).abs() < 1e-9);
            assert_eq!(table.claim().verdict, Verdict::Holds);
        }
    }

    // Moved by a constant, a cloud is Gaussian transport's own case: the bound of Gelbrich is the distance.
    #[test]
    fn a_translation_is_solved_by_its_moments() {
        let rows = |by: f64| -> Vec<[f64; 2]> {
            (0..30_u32).map(|k| [f64::from(k * k % 17) / 17.0 + by, f64::from(k * 7 % 11) / 11.0 - by]).collect()
        };
        let of = |by| json!({ "columns": ["x", "y"], "rows": rows(by) });
        let table = run(json!({ "measures": "tables", "table": of(0.0), "target-table": of(0.7), "epsilon": 0.1 }));
        assert!((cost(&table, Solver::Gaussian) - cost(&table, Solver::Exact)).abs() < 1e-9);
        assert_eq!(table.claim().verdict, Verdict::Holds);
    }

    #[test]
    fn without_a_kernel_the_scaling_form_says_so_and_the_log_form_goes_on() {
        let table = run(json!({ "points": 30, "epsilon": 1e-4, "solvers": ["scaling", "log"], "tolerance": 1e-3 }));
        let State::Failed(why) = &table.entrants[1].state else { panic!("the scaling form went on") };
        assert!(why.contains("underflows") && why.contains("use the log domain"), "{why}");
        assert!(matches!(table.entrants[2].state, State::Arrived));
        assert_eq!(table.claim().verdict, Verdict::Fails);
    }

    #[test]
    fn single_precision_says_what_32_bits_do_not_hold() {
        let single = |changed: Value| run(changed).entrants[1].state.clone();
        let settings = |epsilon: f64, tolerance: f64| json!({ "points": 40, "solvers": ["single"], "epsilon": epsilon, "tolerance": tolerance });
        assert!(matches!(single(settings(0.004, 1e-6)), State::Arrived));
        // Rounding, and entries of the kernel below the least number.
        for beyond in [settings(0.004, 1e-9), settings(0.001, 1e-6)] {
            let State::Failed(why) = single(beyond) else { panic!("32 bits do not hold this") };
            assert!(why.contains("32 bits keep"), "{why}");
        }
    }

    #[test]
    fn different_masses_are_refused_by_all_but_unbalanced() {
        let table = run(json!({ "measures": "curves", "same-mass": false }));
        for entrant in &table.entrants {
            match &entrant.state {
                State::Arrived => assert_eq!(entrant.solver, Solver::Unbalanced),
                State::Failed(why) => assert!(why.contains("mass"), "{why}"),
                _ => panic!("{:?} is still running", entrant.solver),
            }
        }
    }

    #[test]
    fn zero_weights_take_no_part_and_coincident_points_are_one() {
        let rows = |rows: Value| json!({ "columns": ["x", "y", "weight"], "rows": rows });
        let target = rows(json!([[1.0, 0.0, 1.0], [1.0, 1.0, 1.0]]));
        let settings = |from: Value| json!({ "measures": "tables", "table": rows(from), "target-table": target });
        let plain = run(settings(json!([[0.0, 0.0, 2.0], [0.0, 1.0, 1.0]])));
        let other = run(settings(json!([[0.0, 0.0, 1.0], [9.0, 9.0, 0.0], [0.0, 1.0, 1.0], [0.0, 0.0, 1.0]])));
        for solver in [Solver::Exact, Solver::Log, Solver::Newton, Solver::Unbalanced, Solver::Gaussian] {
            assert!((cost(&plain, solver) - cost(&other, solver)).abs() < 1e-6, "{solver:?}");
        }
        assert_eq!(other.claim().verdict, Verdict::Holds);
        let all_at_once = run(json!({ "from": [[0.5, 0.5]], "to": [[0.5, 0.5]], "points": 40, "spread": 0.0 }));
        assert_eq!(cost(&all_at_once, Solver::Exact), 0.0);
        assert_eq!(all_at_once.claim().verdict, Verdict::Holds);
    }

    #[test]
    fn images_of_one_colour_are_a_black_nothing_or_an_even_measure() {
        let flat = |grey: f64| json!({ "width": 64, "height": 64, "pixels": vec![grey; 64 * 64] });
        assert!(refused(json!({ "measures": "images", "image": flat(0.0) })).contains("black"));
        let even =
            run(json!({ "measures": "images", "image": flat(1.0), "target-image": flat(0.3), "solvers": ["sliced"] }));
        assert_eq!(even.instance.from.at.len(), CELLS);
        assert!(cost(&even, Solver::Exact).abs() < 1e-12);
        let red = json!({ "width": 2, "height": 2, "pixels": [1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0] });
        let one = run(json!({ "measures": "palettes", "picture": red, "colors": red }));
        assert_eq!(one.claim().verdict, Verdict::Holds);
    }

    #[test]
    fn data_that_cannot_be_a_measure_is_refused_in_words() {
        let table =
            |rows: Value| json!({ "measures": "tables", "table": { "columns": ["x", "y", "w"], "rows": rows } });
        for (rows, words) in [
            (json!([]), "no points"),
            (json!([[0.0, 0.0, 0.0]]), "no mass"),
            (json!([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]]), "negative"),
            (json!([[1e200, 0.0, 1.0]]), "too large"),
            (json!([[null, 0.0, 1.0]]), "numbers"),
            (json!(vec![[0.0, 0.0, 1.0]; 1_000_000]), "at most 2000 rows"),
        ] {
            let why = refused(table(rows));
            assert!(why.contains(words), "{why}");
        }
        assert!(refused(json!({ "measures": "curves", "curve": vec![0.0; CURVE] })).contains("no mass"));
        assert!(refused(json!({ "from": [] })).contains("points"));
    }

    proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(12))]
        #[test]
        fn every_solver_keeps_its_bound(
            rows in prop::collection::vec(([0.0_f64..1.0, 0.0_f64..1.0], 0.01_f64..1.0), 2..12), p in 1.0_f64..3.0,
            epsilon in 0.05_f64..1.0, norm in prop::sample::select(vec!["euclidean", "manhattan", "largest"]),
        ) {
            let table = |shift: f64| {
                let rows: Vec<[f64; 3]> = rows.iter().map(|([x, y], w)| [x + shift * y, y - shift * x * x, *w]).collect();
                json!({ "columns": ["x", "y", "w"], "rows": rows })
            };
            let table = run(json!({
                "measures": "tables", "table": table(0.0), "target-table": table(0.8), "power": p, "epsilon": epsilon,
                "norm": norm, "directions": 10,
            }));
            for clause in table.claim().clauses {
                prop_assert!(clause.verdict == Verdict::Holds, "{clause:?}");
            }
        }
    }

    // At no regularisation the unbalanced primal and dual meet only where both are right.
    #[test]
    fn unbalanced_transport_between_points_has_the_mass_that_calculus_gives() {
        let table = run(json!({
            "from": [[0.0, 0.0]], "to": [[1.0, 0.0]], "points": 1, "spread": 0.0, "epsilon": 1e-4, "rho": 2.0,
            "solvers": ["unbalanced"], "tolerance": 1e-9,
        }));
        // min x + 2ρ (x log x − x + 1), plus ε times as much: x = e^{−1/(2ρ + ε)}.
        let x = exp(-1.0 / (4.0 + 1e-4));
        let value = x + (4.0 + 1e-4) * (x * log(x) - x + 1.0);
        assert!((cost(&table, Solver::Unbalanced) - value).abs() < 1e-8);
    }
}
