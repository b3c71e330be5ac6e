//! The boundary of a classifier in the plane against an adversary of reach $\epsilon$: how the optimal one moves as $\epsilon$
//! grows, and what its risk is, with a certificate by transport along its normals.

use orrery_kernels::math::{TAU, exp_wide, log, sincos};

/// A Gaussian in the plane, with a class's weight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blob {
    centre: [f64; 2],
    /// $\Sigma^{-1}$: two diagonal entries, and the other.
    precision: [f64; 3],
    /// $\log$ of the density at the centre.
    top: f64,
}

impl Blob {
    /// Deviations along the axes turned by `angle`.
    pub fn new(weight: f64, centre: [f64; 2], deviations: [f64; 2], angle: f64) -> Self {
        let (s, c) = sincos(angle);
        let [p, q] = deviations.map(|deviation| 1.0 / (deviation * deviation));
        let precision = [c * c * p + s * s * q, s * s * p + c * c * q, s * c * (p - q)];
        Self { centre, precision, top: log(weight / (TAU * deviations[0] * deviations[1])) }
    }

    /// $\log r(x)$ and its gradient.
    fn log_density(&self, x: [f64; 2]) -> (f64, [f64; 2]) {
        let [a, b, c] = self.precision;
        let [dx, dy] = [x[0] - self.centre[0], x[1] - self.centre[1]];
        let slope = [-(a * dx + c * dy), -(c * dx + b * dy)];
        (self.top + 0.5 * (slope[0] * dx + slope[1] * dy), slope)
    }

    pub fn centre(&self) -> [f64; 2] {
        self.centre
    }

    pub fn density(&self, x: [f64; 2]) -> f64 {
        exp_wide(self.log_density(x).0)
    }
}

/// $r_0$ and $r_1$.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blobs {
    pub zero: Blob,
    pub one: Blob,
}

/// Where a curve passes, and how: a point, its outward normal, the length of curve to an angle, and the curvature.
#[derive(Clone, Copy)]
struct Place {
    x: [f64; 2],
    normal: [f64; 2],
    /// $L=|\partial x/\partial\varphi|$, and its derivative.
    speed: [f64; 2],
    curvature: f64,
}

impl Place {
    /// The point at `t` along the normal.
    fn at(&self, t: f64) -> [f64; 2] {
        [self.x[0] + t * self.normal[0], self.x[1] + t * self.normal[1]]
    }

    /// The unit tangent, anticlockwise.
    fn tangent(&self) -> [f64; 2] {
        [-self.normal[1], self.normal[0]]
    }
}

fn dot(a: [f64; 2], b: [f64; 2]) -> f64 {
    a[0] * b[0] + a[1] * b[1]
}

/// A closed curve around the set of class 1: radii about a centre, at equal angles.
#[derive(Clone, Debug)]
pub(crate) struct Curve {
    centre: [f64; 2],
    pub radii: Vec<f64>,
}

/// Angles of a curve.
pub(crate) const ANGLES: usize = 96;
const TURN: f64 = TAU / ANGLES as f64;

/// The least radius that a shrinking curve comes to.
const POINT: f64 = 0.1;

/// A cyclic tridiagonal system: of each row, the entries before, on and after the diagonal.
fn solve_cyclic(rows: &[[f64; 3]], right: &[f64]) -> Vec<f64> {
    let n = rows.len();
    // The corners are a product of two vectors, taken off and put back (Sherman and Morrison).
    let (first, last) = (rows[0][0], rows[n - 1][2]);
    let pivot = -rows[0][1];
    let diagonal = |k: usize| match k {
        0 => rows[0][1] - pivot,
        k if k == n - 1 => rows[k][1] - first * last / pivot,
        k => rows[k][1],
    };
    let (mut after, mut x) = (vec![0.0; n], vec![[0.0; 2]; n]);
    let (mut up, mut before) = (0.0, [0.0; 2]);
    for k in 0..n {
        let under = if k == 0 { 0.0 } else { rows[k][0] };
        let corner = if k == 0 {
            pivot
        } else if k == n - 1 {
            last
        } else {
            0.0
        };
        let scale = 1.0 / (diagonal(k) - under * up);
        up = rows[k][2] * scale;
        before = [(right[k] - under * before[0]) * scale, (corner - under * before[1]) * scale];
        (after[k], x[k]) = (up, before);
    }
    for k in (0..n - 1).rev() {
        let next = x[k + 1];
        x[k] = [x[k][0] - after[k] * next[0], x[k][1] - after[k] * next[1]];
    }
    let share = first / pivot;
    let along = |column: usize| x[0][column] + share * x[n - 1][column];
    let factor = along(0) / (1.0 + along(1));
    x.iter().map(|x| x[0] - factor * x[1]).collect()
}

impl Curve {
    /// Where $r_1=r_0$: an ellipse when $r_1$ is the narrower in every direction, or nothing.
    pub fn bayes(blobs: &Blobs) -> Option<Self> {
        let (one, zero) = (&blobs.one, &blobs.zero);
        let [a, b, c] = [0, 1, 2].map(|k| one.precision[k] - zero.precision[k]);
        // The difference of the logarithms is level - (x - centre)ᵀ P (x - centre) / 2; its slope is linear.
        let slope = {
            let (one, zero) = (one.log_density([0.0; 2]).1, zero.log_density([0.0; 2]).1);
            [one[0] - zero[0], one[1] - zero[1]]
        };
        let determinant = a * b - c * c;
        let centre = [(b * slope[0] - c * slope[1]) / determinant, (a * slope[1] - c * slope[0]) / determinant];
        let level = one.log_density(centre).0 - zero.log_density(centre).0;
        let radius = |k: usize| {
            let (sin, cos) = sincos(k as f64 * TURN);
            (2.0 * level / (a * cos * cos + b * sin * sin + 2.0 * c * sin * cos)).sqrt()
        };
        let radii: Vec<f64> = (0..ANGLES).map(radius).collect();
        radii.iter().all(|radius| *radius > POINT).then_some(Self { centre, radii })
    }

    fn places(&self) -> Vec<Place> {
        let r = |k: usize, by: usize| self.radii[(k + ANGLES + by - 2) % ANGLES];
        let place = |k: usize| {
            // Differences of order four, by the angle.
            let radius = self.radii[k];
            let first = (r(k, 0) - 8.0 * r(k, 1) + 8.0 * r(k, 3) - r(k, 4)) / (12.0 * TURN);
            let second = (-r(k, 0) + 16.0 * r(k, 1) - 30.0 * radius + 16.0 * r(k, 3) - r(k, 4)) / (12.0 * TURN * TURN);
            let (sin, cos) = sincos(k as f64 * TURN);
            let speed = (radius * radius + first * first).sqrt();
            let tangent = [(first * cos - radius * sin) / speed, (first * sin + radius * cos) / speed];
            Place {
                x: [self.centre[0] + radius * cos, self.centre[1] + radius * sin],
                normal: [tangent[1], -tangent[0]],
                speed: [speed, first * (second + radius) / speed],
                curvature: (radius * radius + 2.0 * first * first - radius * second) / (speed * speed * speed),
            }
        };
        (0..ANGLES).map(place).collect()
    }

    /// The curve at a distance along its normals, closed.
    pub fn parallel(&self, distance: f64) -> Vec<[f64; 2]> {
        let places = self.places();
        places.iter().chain(places.first()).map(|place| place.at(distance)).collect()
    }

    /// Moves every point by `v` along its normal; says whether a set is left, and else stays where it is.
    fn travel(&mut self, places: &[Place], v: &[f64]) -> bool {
        let moved = self.radii.iter().zip(places).zip(v).map(|((r, place), v)| r + v * place.speed[0] / r);
        let moved: Vec<f64> = moved.collect();
        let left = moved.iter().all(|radius| *radius > POINT);
        if left {
            self.radii = moved;
        }
        left
    }

    /// $v$ along the curve with $p\,v_{ss}+q\,v_s+c\,v=d$.
    fn along(places: &[Place], coefficients: &[[f64; 3]], d: &[f64]) -> Vec<f64> {
        let row = |(place, [p, q, c]): (&Place, &[f64; 3])| {
            // v_s = v_φ / L, v_ss = v_φφ / L² - L_φ v_φ / L³.
            let [speed, change] = place.speed;
            let second = p / (speed * speed * TURN * TURN);
            let first = (q / speed - p * change / (speed * speed * speed)) / (2.0 * TURN);
            [second - first, c - 2.0 * second, second + first]
        };
        let rows: Vec<[f64; 3]> = places.iter().zip(coefficients).map(row).collect();
        solve_cyclic(&rows, d)
    }

    /// The paper's flow from `before` to `epsilon`, one step; whether it could be taken.
    ///
    /// In logarithms the necessary condition reads
    /// $$G=\log r_1(x-\epsilon n)+\log(1-\epsilon\kappa)-\log r_0(x+\epsilon n)-\log(1+\epsilon\kappa)=0.$$
    /// A curve that moves by $v$ along its normal turns it by $n_\epsilon=-v_s\tau$ and bends by
    /// $\kappa_\epsilon=-v_{ss}-\kappa^2v$, so that $\frac{d}{d\epsilon}G=0$ is an elliptic equation for $v$,
    /// $$p\,v_{ss}+\epsilon\,\tau\cdot(\nabla\log r_1+\nabla\log r_0)\,v_s
    ///   +\big(n\cdot(\nabla\log r_1-\nabla\log r_0)+p\kappa^2\big)v=-\partial_\epsilon G,\qquad
    ///   p=\frac{2\epsilon}{1-\epsilon^2\kappa^2}.$$
    /// Taken implicitly: the coefficients are those at the step's end, and for $h\,\partial_\epsilon G$ stands $G$ there
    /// itself, so that what a step leaves over the next one takes back.
    pub fn flow(&mut self, blobs: &Blobs, epsilon: f64) -> bool {
        let places = self.places();
        let condition = places.iter().map(|place| condition(blobs, place, epsilon));
        let Some(rows) = condition.collect::<Option<Vec<([f64; 3], f64)>>>() else { return false };
        let (coefficients, g): (Vec<[f64; 3]>, Vec<f64>) = rows.into_iter().map(|(row, g)| (row, -g)).unzip();
        let v = Self::along(&places, &coefficients, &g);
        if v.iter().any(|v| !v.is_finite() || v.abs() > FARTHEST) {
            return false;
        }
        self.travel(&places, &v)
    }

    /// One step down the slope of the risk at `epsilon`, smoothed along the curve: by $\mu=\tau p/2$, so that no wave grows.
    pub fn descend(&mut self, blobs: &Blobs, epsilon: f64) {
        const RATE: f64 = 0.2;
        let places = self.places();
        let downhill = |place: &Place| {
            // (A - B) / (A + B) with A = (1 - εκ) r₁(x - εn) and B = (1 + εκ) r₀(x + εn).
            let bend = epsilon * place.curvature;
            let a = (1.0 - bend).max(0.0) * blobs.one.density(place.at(-epsilon));
            let b = (1.0 + bend).max(0.0) * blobs.zero.density(place.at(epsilon));
            RATE * if a + b > 0.0 { (a - b) / (a + b) } else { 0.0 }
        };
        let smooth = |place: &Place| {
            let bend = epsilon * place.curvature;
            [-RATE * epsilon / (1.0 - bend * bend).max(0.1), 0.0, 1.0]
        };
        let coefficients: Vec<[f64; 3]> = places.iter().map(smooth).collect();
        let v = Self::along(&places, &coefficients, &places.iter().map(downhill).collect::<Vec<f64>>());
        self.travel(&places, &v);
    }

    /// How far the normal of a place is the shortest way back to the curve, inwards and outwards: to the centre of the
    /// smallest circle that touches the curve there and meets it once more.
    fn reach(places: &[Place], k: usize) -> [f64; 2] {
        let bend = places[k].curvature;
        let mut reach = [1.0 / bend.max(1e-9), 1.0 / (-bend).max(1e-9)];
        for other in places {
            let d = [other.x[0] - places[k].x[0], other.x[1] - places[k].x[1]];
            let (along, square) = (dot(d, places[k].normal), dot(d, d));
            let side = usize::from(along > 0.0);
            if square > 0.0 && along != 0.0 {
                reach[side] = reach[side].min(0.5 * square / along.abs());
            }
        }
        reach
    }

    /// The adversarial risk of the set inside, and a lower bound for that of all sets.
    ///
    /// The normals fill the plane, each as far as it is the shortest way back to the curve: $x+tn$ stands for an area of
    /// $(1+t\kappa)\,ds\,dt$. Along each the classes' masses are matched as on a line, leftmost first, when they are at most
    /// $2\epsilon$ apart; far from the curve each place is matched with itself. That is a coupling in the plane, and its mass
    /// the bound. (Cells exactly $2\epsilon$ apart are matched part for part, as their order is kept.)
    pub fn risk_and_bound(&self, blobs: &Blobs, epsilon: f64) -> [f64; 2] {
        let places = self.places();
        // A whole number of cells makes ε.
        let half = (epsilon / COARSEST).ceil().max(1.0);
        let h = if epsilon > 0.0 { epsilon / half } else { COARSEST };
        let apart = if epsilon > 0.0 { 2 * half as usize } else { 0 };
        let tube = (TUBE * epsilon.sqrt() / h).ceil().clamp(1.0, 400.0).max(apart as f64 + 1.0) as usize;
        let (mut risk, mut bound) = (0.0, 0.0);
        let mut masses = [vec![0.0; 2 * tube], vec![0.0; 2 * tube]];
        for (k, place) in places.iter().enumerate() {
            let [inner, outer] = Self::reach(&places, k);
            let (inner, outer) = (inner.min(RIM), outer.min(RIM));
            // Of class 0 and class 1 between two distances.
            let between = |low: f64, high: f64| {
                let (low, high) = (low.max(-inner), high.min(outer));
                if low >= high {
                    return [0.0; 2];
                }
                let t = 0.5 * (low + high);
                let area = (high - low) * (1.0 + t * place.curvature) * place.speed[0] * TURN;
                [&blobs.zero, &blobs.one].map(|blob| area * blob.density(place.at(t)))
            };
            let [zeros, ones] = &mut masses;
            for (i, (zero, one)) in zeros.iter_mut().zip(ones).enumerate() {
                let t = (i as f64 - tube as f64) * h;
                [*zero, *one] = between(t, t + h);
            }
            // Class 0 is lost up to ε outside, class 1 down from ε inside.
            risk += masses[0][..tube + apart / 2].iter().chain(&masses[1][tube - apart / 2..]).sum::<f64>();
            bound += matched(&mut masses, apart);
            let edge = tube as f64 * h;
            for (side, from, to) in [(0, -inner, -edge), (1, edge, outer)] {
                let count = ((to - from) / (2.0 * COARSEST)).ceil().max(0.0);
                let step = if count > 0.0 { (to - from) / count } else { 0.0 };
                for i in 0..count as usize {
                    let both = between(from + i as f64 * step, from + (i + 1) as f64 * step);
                    risk += both[side];
                    bound += both[0].min(both[1]);
                }
            }
        }
        [risk, bound]
    }
}

/// How far one step of the flow may go.
const FARTHEST: f64 = 0.2;

/// The widest cell of the matching, and how far along a normal it goes, in $\sqrt\epsilon$.
const COARSEST: f64 = 0.03;
const TUBE: f64 = 3.0;

/// Where the plane ends, from a curve.
const RIM: f64 = 8.0;

/// The coefficients $p,q,c$ and the value of $G$ at a place; nothing where the parallel curve has a cusp.
fn condition(blobs: &Blobs, place: &Place, epsilon: f64) -> Option<([f64; 3], f64)> {
    let bend = epsilon * place.curvature;
    if bend.abs() > 0.98 {
        return None;
    }
    let (one, at_one) = blobs.one.log_density(place.at(-epsilon));
    let (zero, at_zero) = blobs.zero.log_density(place.at(epsilon));
    let (n, tangent) = (place.normal, place.tangent());
    let p = 2.0 * epsilon / (1.0 - bend * bend);
    let q = epsilon * (dot(tangent, at_one) + dot(tangent, at_zero));
    let c = dot(n, at_one) - dot(n, at_zero) + p * place.curvature * place.curvature;
    Some(([p, q, c], one + log(1.0 - bend) - zero - log(1.0 + bend)))
}

/// The mass matched when cells are served in order with the first mass in reach. Uses up the room of class 0.
fn matched([room, ones]: &mut [Vec<f64>; 2], apart: usize) -> f64 {
    let (mut first, mut matched) = (0, 0.0);
    for (i, mass) in ones.iter().enumerate() {
        let mut mass = *mass;
        first = first.max(i.saturating_sub(apart));
        while mass > 0.0 && first <= (i + apart).min(room.len() - 1) {
            let moved = mass.min(room[first]);
            (mass, matched) = (mass - moved, matched + moved);
            room[first] -= moved;
            if room[first] <= 0.0 {
                first += 1;
            }
        }
    }
    matched
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_kernels::math::exp;
    use proptest::prelude::{ProptestConfig, prop, prop_assert, proptest};

    fn blobs(shift: [f64; 2]) -> Blobs {
        let one = Blob::new(0.5, [-shift[0], -shift[1]], [1.0, 0.75], 0.6);
        Blobs { one, zero: Blob::new(0.5, shift, [2.0, 2.0], 0.0) }
    }

    fn flow_to(blobs: &Blobs, epsilon: f64, steps: u32) -> Curve {
        let mut curve = Curve::bayes(blobs).expect("a boundary");
        for k in 1..=steps {
            assert!(curve.flow(blobs, epsilon * f64::from(k) / f64::from(steps)), "step {k}");
        }
        curve
    }

    #[test]
    fn round_blobs_are_a_problem_on_the_line() {
        // (R - ε) r₁(R - ε) = (R + ε) r₀(R + ε), by bisection; and both masses in closed form.
        let (s1, s0, epsilon) = (1.0, 2.0, 0.3);
        let blob = |s: f64| Blob::new(0.5, [0.3, -0.2], [s, s], 0.0);
        let blobs = Blobs { one: blob(s1), zero: blob(s0) };
        let weight = |r: f64, s: f64| r / (s * s) * exp(-0.5 * r * r / (s * s));
        let (mut low, mut high) = (1.0, 4.0);
        for _ in 0..60 {
            let middle: f64 = 0.5 * (low + high);
            if weight(middle - epsilon, s1) > weight(middle + epsilon, s0) { low = middle } else { high = middle }
        }
        let curve = flow_to(&blobs, epsilon, 400);
        let off = curve.radii.iter().fold(0.0, |off: f64, r| off.max((r - low).abs()));
        println!("radius {off:e}");
        assert!(off < 1e-6, "{off:e}");
        let mass = |r: f64, s: f64| 0.5 * (1.0 - exp(-0.5 * r * r / (s * s)));
        let exact = 0.5 - mass(low - epsilon, s1) + mass(low + epsilon, s0);
        let [risk, bound] = curve.risk_and_bound(&blobs, epsilon);
        println!("risk {:e}, bound {:e}", risk - exact, risk - bound);
        assert!((risk - exact).abs() < 2e-4 && (risk - bound).abs() < 1e-4);
    }

    #[test]
    fn a_step_is_as_long_as_the_derivative_says() {
        // -∂G/∂ε by the formula: n·∇log r₁ + n·∇log r₀ + κ/(1-εκ) + κ/(1+εκ).
        let (blobs, epsilon, h) = (blobs([0.8, 0.5]), 0.2, 1e-4);
        let curve = flow_to(&blobs, epsilon, 200);
        let (mut before, mut after) = (curve.clone(), curve.clone());
        // Back and forth from a curve that the condition holds on to rounding.
        for _ in 0..20 {
            assert!(before.flow(&blobs, epsilon - h) && after.flow(&blobs, epsilon + h));
        }
        let places = curve.places();
        let (mut coefficients, mut right) = (Vec::new(), Vec::new());
        for place in &places {
            coefficients.push(condition(&blobs, place, epsilon).expect("a smooth curve").0);
            let kappa = place.curvature;
            let [one, zero] = [(&blobs.one, -epsilon), (&blobs.zero, epsilon)]
                .map(|(blob, t)| dot(place.normal, blob.log_density(place.at(t)).1));
            right.push(one + zero + kappa / (1.0 - epsilon * kappa) + kappa / (1.0 + epsilon * kappa));
        }
        let v = Curve::along(&places, &coefficients, &right);
        let mut worst = 0.0_f64;
        for k in 0..ANGLES {
            let moved = (after.radii[k] - before.radii[k]) / (2.0 * h);
            worst = worst.max((moved - v[k] * places[k].speed[0] / curve.radii[k]).abs());
        }
        let fastest = v.iter().fold(0.0, |fast: f64, v| fast.max(v.abs()));
        println!("off by {worst:e} of {fastest:e}");
        assert!(worst < 0.02 * fastest, "{worst:e} {fastest:e}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn a_cyclic_system_is_solved(
            entries in prop::collection::vec(-1.0_f64..1.0, 24), right in prop::collection::vec(-1.0_f64..1.0, 8),
        ) {
            let rows: Vec<[f64; 3]> = entries.chunks_exact(3).map(|e| [e[0], 3.0 + e[1], e[2]]).collect();
            let x = solve_cyclic(&rows, &right);
            for k in 0..8 {
                let sum = rows[k][0] * x[(k + 7) % 8] + rows[k][1] * x[k] + rows[k][2] * x[(k + 1) % 8];
                prop_assert!((sum - right[k]).abs() < 1e-12);
            }
        }

        #[test]
        fn no_set_beats_the_matching_along_any_curve_and_the_flow_s_curve_beats_its_neighbours(
            shift in (-1.0_f64..1.0, -1.0_f64..1.0), epsilon in 0.02_f64..0.3,
            bends in prop::collection::vec(-0.03_f64..0.03, 6), other in prop::collection::vec(-0.03_f64..0.03, 6),
        ) {
            let blobs = blobs([shift.0, shift.1]);
            let curve = flow_to(&blobs, epsilon, 60);
            let bent = |bends: &[f64]| {
                let mut bent = curve.clone();
                for (k, radius) in bent.radii.iter_mut().enumerate() {
                    for (wave, bend) in bends.iter().enumerate() {
                        *radius += bend * sincos((wave / 2) as f64 * k as f64 * TURN + (wave % 2) as f64 * TAU / 4.0).0;
                    }
                }
                bent.risk_and_bound(&blobs, epsilon)
            };
            let [risk, bound] = curve.risk_and_bound(&blobs, epsilon);
            prop_assert!((risk - bound).abs() < 5e-4, "{} {}", risk, bound);
            let [first, second] = [bent(&bends), bent(&other)];
            prop_assert!(second[1] <= first[0] + 2e-4, "{:?} {:?}", first, second);
            prop_assert!(risk <= first[0] + 2e-4, "{} {:?}", risk, first);
        }
    }
}
