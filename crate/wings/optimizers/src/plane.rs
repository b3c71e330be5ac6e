//! The plane that exhibits walk in: classical functions of two variables and the visitor's own, with gradient and
//! Hessian; their contours; and the picture of the paths, the same in every exhibit.
//!
//! ```
//! use orrery_optimizers::plane::{Classic, Plane};
//!
//! let valley = Plane::classic(Classic::Rosenbrock);
//! let mut gradient = [0.0; 2];
//! assert_eq!(valley.value_and_gradient(&[1.0, 1.0], &mut gradient), 0.0);
//! assert_eq!(gradient, [0.0, 0.0]);
//! assert_eq!(valley.hessian(&[1.0, 1.0]), [[802.0, -400.0], [-400.0, 200.0]]);
//! ```

use orrery_core::figure::Figure;
use orrery_core::prelude::*;
use orrery_kernels::expression::Expression;
use orrery_kernels::math::{PI, cos, log2, pow, sin};
use std::rc::Rc;

/// Functions that first-order methods are tried on.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Classic {
    /// A banana-shaped valley (Rosenbrock 1960).
    #[choice("Rosenbrock")]
    Rosenbrock,
    /// Flat, with steep walls at the corners (Beale 1958).
    #[choice("Beale")]
    Beale,
    /// Four equal minima (Himmelblau 1972).
    #[choice("Himmelblau")]
    Himmelblau,
    /// A mild bowl.
    #[choice("Booth")]
    Booth,
    /// A bowl ten times as long as it is wide, at 45 degrees.
    #[choice("tilted bowl")]
    TiltedBowl,
    /// A pyramid: kinks along the axes.
    #[choice("|x| + |y|")]
    Absolute,
    /// A long pyramid at 45 degrees.
    #[choice("|x + y| + |x − y|/10")]
    TiltedAbsolute,
    /// A bowl full of dents (Rastrigin 1974).
    #[choice("Rastrigin")]
    Rastrigin,
    /// A funnel in an egg box (Ackley 1987).
    #[choice("Ackley")]
    Ackley,
}

impl Classic {
    /// As a visitor would type it.
    pub fn formula(self) -> &'static str {
        match self {
            Self::Rosenbrock => "(1 - x)^2 + 100 (y - x^2)^2",
            Self::Beale => "(1.5 - x + x y)^2 + (2.25 - x + x y^2)^2 + (2.625 - x + x y^3)^2",
            Self::Himmelblau => "(x^2 + y - 11)^2 + (x + y^2 - 7)^2",
            Self::Booth => "(x + 2y - 7)^2 + (2x + y - 5)^2",
            Self::TiltedBowl => "(x + y)^2 + (x - y)^2 / 10",
            Self::Absolute => "abs(x) + abs(y)",
            Self::TiltedAbsolute => "abs(x + y) + abs(x - y) / 10",
            Self::Rastrigin => "20 + x^2 + y^2 - 10 (cos(2pi x) + cos(2pi y))",
            Self::Ackley => "20 - 20 exp(-0.2 sqrt((x^2 + y^2) / 2)) + e - exp((cos(2pi x) + cos(2pi y)) / 2)",
        }
    }

    /// Where it is usually looked at.
    pub fn window(self) -> Window {
        match self {
            Self::Rosenbrock => Window { x: [-2.0, 2.0], y: [-1.0, 3.0] },
            Self::Beale => Window::square(4.5),
            Self::Himmelblau | Self::TiltedBowl | Self::Absolute | Self::TiltedAbsolute => Window::square(6.0),
            Self::Booth => Window::square(10.0),
            Self::Rastrigin | Self::Ackley => Window::square(5.0),
        }
    }

    /// Its global minima; the value there is zero.
    pub fn minima(self) -> &'static [[f64; 2]] {
        match self {
            Self::Rosenbrock => &[[1.0, 1.0]],
            Self::Beale => &[[3.0, 0.5]],
            Self::Himmelblau => &[
                [3.0, 2.0],
                [-2.805_118_086_952_745, 3.131_312_518_250_573],
                [-3.779_310_253_377_747, -3.283_185_991_286_169],
                [3.584_428_340_330_492, -1.848_126_526_964_404],
            ],
            Self::Booth => &[[1.0, 3.0]],
            _ => &[[0.0, 0.0]],
        }
    }
}

/// A function of two variables.
#[derive(Clone, Debug)]
pub enum Plane {
    /// $\tfrac12(x-c)^\top A(x-c)$.
    Quadratic {
        /// $A$, symmetric.
        matrix: [[f64; 2]; 2],
        /// $c$.
        centre: [f64; 2],
    },
    /// Written out; its derivatives are exact.
    Formula(Rc<Expression>),
}

impl Plane {
    /// A bowl with these curvatures along two axes, turned by so many degrees.
    pub fn bowl(curvatures: [f64; 2], degrees: f64, centre: [f64; 2]) -> Self {
        let (c, s) = (cos(PI * degrees / 180.0), sin(PI * degrees / 180.0));
        let [a, b] = curvatures;
        let off = (a - b) * c * s;
        Self::Quadratic { matrix: [[a * c * c + b * s * s, off], [off, a * s * s + b * c * c]], centre }
    }

    /// A classical function.
    pub fn classic(classic: Classic) -> Self {
        // The formulas are ours, and a test parses them all; a zero stands in for one that is wrong.
        let formula = Expression::parse(classic.formula(), &["x", "y"]);
        formula.map_or(Self::Quadratic { matrix: [[0.0; 2]; 2], centre: [0.0; 2] }, |f| Self::Formula(Rc::new(f)))
    }

    /// What the visitor typed, in x and y.
    ///
    /// # Errors
    /// Names `control` and the place where the text is no formula.
    pub fn formula(control: &str, formula: &Formula) -> Result<Self> {
        let f = Expression::parse(&formula.0, &["x", "y"]);
        Ok(Self::Formula(Rc::new(f.map_err(|wrong| Error::of(control, wrong.message).at(wrong.at))?)))
    }

    /// $f(x)$.
    pub fn value(&self, x: &[f64]) -> f64 {
        match self {
            Self::Formula(f) => f.eval(x),
            Self::Quadratic { .. } => self.value_and_gradient(x, &mut [0.0; 2]),
        }
    }

    /// $f(x)$, with $\nabla f(x)$ written into `gradient`.
    pub fn value_and_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        match self {
            Self::Quadratic { matrix: a, centre } => {
                let d = [x[0] - centre[0], x[1] - centre[1]];
                gradient[0] = a[0][0] * d[0] + a[0][1] * d[1];
                gradient[1] = a[1][0] * d[0] + a[1][1] * d[1];
                0.5 * (d[0] * gradient[0] + d[1] * gradient[1])
            }
            Self::Formula(f) => {
                let (value, by_x) = f.derivative(x, 0);
                gradient[0] = by_x;
                gradient[1] = f.derivative(x, 1).1;
                value
            }
        }
    }

    /// $\nabla^2 f(x)$.
    pub fn hessian(&self, x: &[f64]) -> [[f64; 2]; 2] {
        match self {
            Self::Quadratic { matrix, .. } => *matrix,
            Self::Formula(f) => {
                let h = f.hessian(x);
                [[h[0], h[1]], [h[2], h[3]]]
            }
        }
    }

    /// $\nabla^2 f(x)\,v$.
    pub fn hessian_vector(&self, x: &[f64], v: [f64; 2]) -> [f64; 2] {
        self.hessian(x).map(|row| row[0] * v[0] + row[1] * v[1])
    }
}

/// A rectangle of the plane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Left and right end.
    pub x: [f64; 2],
    /// Low and high end.
    pub y: [f64; 2],
}

impl Window {
    /// The square about the origin with sides `2 half`.
    pub const fn square(half: f64) -> Self {
        Self { x: [-half, half], y: [-half, half] }
    }

    /// The point at shares `s` and `t` of its sides.
    fn at(self, s: f64, t: f64) -> [f64; 2] {
        [self.x[0] + (self.x[1] - self.x[0]) * s, self.y[0] + (self.y[1] - self.y[0]) * t]
    }
}

/// Values on a grid, made once, and the levels of their contours.
#[derive(Clone, Debug)]
pub struct Field {
    /// What they cover.
    pub window: Window,
    /// Where contours are drawn: closer together in the valley, where paths end.
    pub levels: Vec<f64>,
    values: Vec<f64>,
    skewed: bool,
}

impl Field {
    /// Cells along a side.
    pub const SIDE: usize = 48;

    /// The values of `f` at the centres of the cells. What is not finite is drawn as the greatest finite value.
    pub fn new(window: Window, f: impl Fn([f64; 2]) -> f64) -> Self {
        let side = Self::SIDE;
        let share = |k: usize| (2 * k + 1) as f64 / (2 * side) as f64;
        let mut values: Vec<f64> = (0..side * side).map(|k| f(window.at(share(k % side), share(k / side)))).collect();
        let mut finite: Vec<f64> = values.iter().copied().filter(|value| value.abs() < 1e12).collect();
        finite.sort_by(f64::total_cmp);
        let (low, high) = (finite.first().copied().unwrap_or(0.0), finite.last().copied().unwrap_or(0.0));
        let median = finite.get(finite.len() / 2).copied().unwrap_or(0.0);
        values.iter_mut().for_each(|value| *value = if value.is_nan() { high } else { value.clamp(low, high) });
        // Levels at low + (high - low) (k/14)^p, with p such that half of them lie below the median.
        let power = log2((high - low) / (median - low));
        let power = if power.is_finite() { power.clamp(1.5, 8.0) } else { 3.0 };
        let level = |k: usize| low + (high - low) * pow(k as f64 / 14.0, power);
        Self { window, levels: (0..14).map(level).collect(), values, skewed: power > 4.0 }
    }

    /// The grid, for a raster.
    pub fn grid(&self) -> Grid<'_> {
        Grid { values: &self.values, columns: Self::SIDE, x: self.window.x, y: self.window.y }
    }

    /// The centre of the lowest cell, and the value there.
    pub fn lowest(&self) -> ([f64; 2], f64) {
        let side = Self::SIDE;
        let k = (0..side * side).fold(0, |best, k| if self.values[k] < self.values[best] { k } else { best });
        let share = |k: usize| (2 * k + 1) as f64 / (2 * side) as f64;
        (self.window.at(share(k % side), share(k / side)), self.values[k])
    }

    /// The contours, faint, to be drawn upon; `label` says what their colour shows.
    pub fn contours(&self, figure: &mut Figure<'_>, label: &str) {
        let colors = Colors::sequential(label);
        let colors = if self.skewed { Colors { scale: Scale::Symlog, ..colors } } else { colors };
        figure.contour(self.grid(), &self.levels, Some(colors)).faint();
    }

    /// Begins the path figure: the window, as long as wide, over the contours of f.
    pub fn figure<'a>(
        &self,
        figures: &'a mut Figures,
        id: &'static str,
        title: &str,
        caption: impl Into<String>,
        [x, y, f]: [&str; 3],
    ) -> Figure<'a> {
        let mut figure = figures.figure(id, title, caption);
        let Window { x: [left, right], y: [low, high] } = self.window;
        figure.x(Axis::linear(x).domain(left, right)).y(Axis::linear(y).domain(low, high)).equal();
        self.contours(&mut figure, f);
        figure
    }
}

/// A contender's path, with a dot where it is now.
pub fn path(figure: &mut Figure<'_>, contender: &'static str, path: &Series) {
    figure.line(path.xs(), path.ys()).of(contender);
    let end: Vec<[f64; 2]> = path.last().into_iter().collect();
    figure.dot(end.iter().map(|p| p[0]), end.iter().map(|p| p[1])).of(contender).radius(5.0);
}

/// The start, a ring that is dragged; `control` is the points control that it moves.
pub fn start(figure: &mut Figure<'_>, at: [f64; 2], control: &'static str) {
    figure.dot([at[0]], [at[1]]).symbol(Symbol::Ring).radius(7.0).label("start").drags(control);
}

/// The places to be found, as crosses.
pub fn minima(figure: &mut Figure<'_>, at: &[[f64; 2]], label: &str) {
    let (xs, ys) = (at.iter().map(|p| p[0]), at.iter().map(|p| p[1]));
    figure.dot(xs, ys).symbol(Symbol::Cross).radius(6.0).label(label);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert, proptest};

    fn every_plane() -> Vec<Plane> {
        let classics = Classic::OPTIONS.iter().map(|option| Plane::classic(option.0));
        classics.chain([Plane::bowl([30.0, 0.5], 20.0, [1.0, -2.0])]).collect()
    }

    #[test]
    fn every_formula_parses_and_is_zero_and_least_at_its_minima() {
        for &(classic, ..) in Classic::OPTIONS {
            let f = Plane::classic(classic);
            assert!(matches!(f, Plane::Formula(_)), "{classic:?}");
            for at in classic.minima() {
                assert!(f.value(at).abs() < 1e-13, "{classic:?}: {}", f.value(at));
                let field = Field::new(classic.window(), |x| f.value(&x));
                assert!(field.values.iter().all(|value| *value >= -1e-12), "{classic:?}");
            }
        }
    }

    #[test]
    fn a_bowl_is_curved_as_told_along_its_axes() {
        let f = Plane::bowl([9.0, 2.0], 30.0, [0.0, 0.0]);
        let along = [3.0_f64.sqrt() / 2.0, 0.5];
        let [a, b] = f.hessian_vector(&[5.0, 5.0], along);
        assert!((a - 9.0 * along[0]).abs() < 1e-14 && (b - 9.0 * along[1]).abs() < 1e-14);
    }

    proptest! {
        #[test]
        fn gradients_and_hessians_are_limits_of_differences(x in -2.0_f64..2.0, y in -2.0_f64..2.0) {
            // Off the kinks.
            let (x, y) = (x + 0.003, y - 0.001);
            proptest::prop_assume!(x.abs() > 0.01 && y.abs() > 0.01 && (x + y).abs() > 0.01 && (x - y).abs() > 0.01);
            for f in every_plane() {
                let mut g = [0.0; 2];
                let value = f.value_and_gradient(&[x, y], &mut g);
                prop_assert!((value - f.value(&[x, y])).abs() <= 1e-12 * value.abs());
                let h = 1e-5;
                for axis in 0..2 {
                    let moved = |by: f64| if axis == 0 { [x + by, y] } else { [x, y + by] };
                    let slope = (f.value(&moved(h)) - f.value(&moved(-h))) / (2.0 * h);
                    prop_assert!((slope - g[axis]).abs() < 1e-5 * (1.0 + value.abs() + g[axis].abs()), "{f:?}");
                    let (mut up, mut down) = ([0.0; 2], [0.0; 2]);
                    f.value_and_gradient(&moved(h), &mut up);
                    f.value_and_gradient(&moved(-h), &mut down);
                    let hessian = f.hessian(&[x, y]);
                    for other in 0..2 {
                        let curvature = (up[other] - down[other]) / (2.0 * h);
                        let size = 1.0 + up[other].abs() + hessian[axis][other].abs();
                        prop_assert!((curvature - hessian[axis][other]).abs() < 1e-4 * size, "{f:?}");
                    }
                }
            }
        }
    }
}
