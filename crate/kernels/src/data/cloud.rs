//! Clouds of points on surfaces in space.

use crate::math::{TAU, sincos};
use crate::random::direction;
use rand::{Rng, RngExt};

/// What the points lie on. Each fits into the cube [-1, 1]³.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The unit sphere.
    Sphere,
    /// A ring of radius 0.7 around the third axis, 0.3 thick.
    Torus,
    /// Three turns of radius 0.6 around the third axis: a curve.
    Helix,
    /// The surface of the cube [-0.7, 0.7]³.
    Cube,
    /// A seat, a back and four legs: the surfaces of six boxes.
    Chair,
}

/// Boxes by their lower and upper corners.
type Boxes = &'static [[[f64; 3]; 2]];

const CUBE: Boxes = &[[[-0.7; 3], [0.7; 3]]];
const CHAIR: Boxes = &[
    [[-0.5, -0.5, -0.1], [0.5, 0.5, 0.0]],
    [[-0.5, 0.4, 0.0], [0.5, 0.5, 0.9]],
    [[-0.5, -0.5, -0.9], [-0.4, -0.4, -0.1]],
    [[0.4, -0.5, -0.9], [0.5, -0.4, -0.1]],
    [[-0.5, 0.4, -0.9], [-0.4, 0.5, -0.1]],
    [[0.4, 0.4, -0.9], [0.5, 0.5, -0.1]],
];

/// `count` points, uniformly distributed over the surface (over the length, for the helix).
pub fn cloud(shape: Shape, count: usize, rng: &mut impl Rng) -> Vec<[f64; 3]> {
    (0..count).map(|_| point(shape, rng)).collect()
}

fn point(shape: Shape, rng: &mut impl Rng) -> [f64; 3] {
    match shape {
        Shape::Sphere => {
            let x = direction(3, rng);
            [x[0], x[1], x[2]]
        }
        Shape::Torus => loop {
            let (sin, cos) = sincos(TAU * rng.random::<f64>());
            let radius = 0.7 + 0.3 * cos;
            // The outer half has more area.
            if rng.random::<f64>() < radius {
                let (around_sin, around_cos) = sincos(TAU * rng.random::<f64>());
                return [radius * around_cos, radius * around_sin, 0.3 * sin];
            }
        },
        Shape::Helix => {
            let share: f64 = rng.random();
            let (sin, cos) = sincos(3.0 * TAU * share);
            [0.6 * cos, 0.6 * sin, 1.8 * share - 0.9]
        }
        Shape::Cube => on_boxes(CUBE, rng),
        Shape::Chair => on_boxes(CHAIR, rng),
    }
}

/// A point on one of the faces, each as likely as it is large.
fn on_boxes(boxes: Boxes, rng: &mut impl Rng) -> [f64; 3] {
    let area = |[low, high]: [[f64; 3]; 2], axis: usize| {
        let side = |axis: usize| high[axis % 3] - low[axis % 3];
        side(axis + 1) * side(axis + 2)
    };
    let pairs = || boxes.iter().flat_map(|corners| (0..3).map(move |axis| (*corners, axis)));
    let mut left = rng.random::<f64>() * pairs().map(|(corners, axis)| area(corners, axis)).sum::<f64>();
    let mut chosen = (boxes[0], 0);
    for (corners, axis) in pairs() {
        chosen = (corners, axis);
        left -= area(corners, axis);
        if left < 0.0 {
            break;
        }
    }
    let ([low, high], axis) = chosen;
    let mut point: [f64; 3] = std::array::from_fn(|i| low[i] + (high[i] - low[i]) * rng.random::<f64>());
    point[axis] = if rng.random() { low[axis] } else { high[axis] };
    point
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::hypot;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn points_lie_on_their_surface() {
        let rng = &mut ChaCha8Rng::seed_from_u64(3);
        let on = |boxes: Boxes, p: &[f64; 3]| {
            boxes.iter().any(|[low, high]| {
                let inside = (0..3).all(|i| (low[i]..=high[i]).contains(&p[i]));
                inside && (0..3).any(|i| p[i] == low[i] || p[i] == high[i])
            })
        };
        for _ in 0..2000 {
            let [x, y, z] = point(Shape::Sphere, rng);
            assert!((x * x + y * y + z * z - 1.0).abs() < 1e-14);
            let [x, y, z] = point(Shape::Torus, rng);
            assert!((hypot(hypot(x, y) - 0.7, z) - 0.3).abs() < 1e-14);
            let [x, y, z] = point(Shape::Helix, rng);
            let (sin, cos) = sincos(3.0 * TAU * (z + 0.9) / 1.8);
            assert!(hypot(x - 0.6 * cos, y - 0.6 * sin) < 1e-13);
            assert!(on(CUBE, &point(Shape::Cube, rng)));
            let chair = point(Shape::Chair, rng);
            assert!(on(CHAIR, &chair), "{chair:?}");
        }
    }

    #[test]
    fn they_are_uniform_over_the_area() {
        // Of the torus, the part outside of radius 0.7 has the share 1/2 + 0.3 / (0.7 π); of the chair, the back with
        // its two large and four narrow sides has 2.18 of 2.18 + 2.4 + 4 · 0.34.
        let (rng, count) = (&mut ChaCha8Rng::seed_from_u64(4), 20_000);
        let outer = cloud(Shape::Torus, count, rng).iter().filter(|p| hypot(p[0], p[1]) > 0.7).count();
        let back = cloud(Shape::Chair, count, rng).iter().filter(|p| p[2] > 0.0).count();
        for (found, share) in [(outer, 0.5 + 0.3 / (0.7 * crate::math::PI)), (back, (2.18 - 0.1) / 5.94)] {
            let error = 4.0 * (share * (1.0 - share) / count as f64).sqrt();
            assert!((found as f64 / count as f64 - share).abs() < error, "{found} {share}");
        }
    }
}
