//! Digits written by a pen: images of any size, with as much variation as wanted.

use super::Table;
use crate::math::{hypot, sincos};
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

/// The pen's path for each digit, a chain of points in the unit square with y downwards.
#[rustfmt::skip]
const DIGITS: [&[[f64; 2]]; 10] = [
    &[
        [0.5, 0.1], [0.66, 0.17], [0.74, 0.35], [0.75, 0.5], [0.74, 0.65], [0.66, 0.83], [0.5, 0.9], [0.34, 0.83],
        [0.26, 0.65], [0.25, 0.5], [0.26, 0.35], [0.34, 0.17], [0.5, 0.1],
    ],
    &[[0.34, 0.27], [0.54, 0.1], [0.54, 0.9]],
    &[
        [0.27, 0.3], [0.31, 0.17], [0.45, 0.1], [0.58, 0.1], [0.7, 0.18], [0.73, 0.3], [0.68, 0.43], [0.5, 0.62],
        [0.25, 0.9], [0.76, 0.9],
    ],
    &[
        [0.27, 0.2], [0.38, 0.11], [0.53, 0.1], [0.66, 0.17], [0.69, 0.29], [0.62, 0.41], [0.46, 0.47], [0.64, 0.52],
        [0.74, 0.64], [0.71, 0.79], [0.58, 0.89], [0.42, 0.9], [0.26, 0.8],
    ],
    &[[0.62, 0.9], [0.62, 0.1], [0.22, 0.66], [0.8, 0.66]],
    &[
        [0.7, 0.1], [0.33, 0.1], [0.29, 0.46], [0.42, 0.4], [0.57, 0.41], [0.7, 0.5], [0.74, 0.65], [0.69, 0.8],
        [0.56, 0.89], [0.41, 0.9], [0.26, 0.82],
    ],
    &[
        [0.68, 0.15], [0.53, 0.1], [0.39, 0.2], [0.29, 0.42], [0.26, 0.63], [0.31, 0.8], [0.43, 0.89], [0.57, 0.89],
        [0.69, 0.8], [0.73, 0.67], [0.68, 0.54], [0.57, 0.47], [0.43, 0.48], [0.31, 0.57], [0.26, 0.67],
    ],
    &[[0.25, 0.1], [0.75, 0.1], [0.58, 0.45], [0.44, 0.9]],
    &[
        [0.5, 0.47], [0.36, 0.4], [0.31, 0.28], [0.37, 0.15], [0.5, 0.1], [0.63, 0.15], [0.69, 0.28], [0.64, 0.4],
        [0.5, 0.47], [0.34, 0.55], [0.27, 0.69], [0.33, 0.83], [0.5, 0.9], [0.67, 0.83], [0.73, 0.69], [0.66, 0.55],
        [0.5, 0.47],
    ],
    &[
        [0.74, 0.33], [0.69, 0.46], [0.57, 0.53], [0.43, 0.53], [0.32, 0.46], [0.27, 0.33], [0.31, 0.2], [0.43, 0.11],
        [0.57, 0.11], [0.69, 0.2], [0.74, 0.37], [0.71, 0.58], [0.61, 0.8], [0.47, 0.9],
    ],
];

/// How a digit is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stroke {
    /// Half of the pen's width, as a share of the image's side.
    pub pen: f64,
    /// The matrix that turns, scales and slants the digit around the image's centre, by rows.
    pub transform: [f64; 4],
    /// By how much it is moved, as shares of the side.
    pub shift: [f64; 2],
}

impl Stroke {
    /// Upright and in the middle.
    pub const UPRIGHT: Self = Self { pen: 0.055, transform: [1.0, 0.0, 0.0, 1.0], shift: [0.0; 2] };

    /// A hand that varies: for `variation` 1, normal deviations of 9° in turn, 0.15 in slant, 8 % in each size, 4 % of
    /// the side in place, and 15 % in the pen's width; for 0 none.
    pub fn random(variation: f64, rng: &mut impl Rng) -> Self {
        // Beyond three deviations a digit would leave its image.
        let mut normal = |deviation: f64| variation * deviation * rng.sample::<f64, _>(StandardNormal).clamp(-3.0, 3.0);
        let ((sin, cos), slant) = (sincos(normal(0.16)), normal(0.15));
        let (wide, high) = (1.0 + normal(0.08), 1.0 + normal(0.08));
        // Turn · slant · scale.
        let transform = [cos * wide, (cos * slant - sin) * high, sin * wide, (sin * slant + cos) * high];
        let shift = [normal(0.04), normal(0.04)];
        Self { pen: Self::UPRIGHT.pen * (1.0 + normal(0.15)).max(0.3), transform, shift }
    }
}

/// Draws `digit`, 0 to 9, into an image of `side` x `side` pixels, by rows: 0 is paper, 1 is ink, and a pixel that the
/// pen's edge crosses lies between.
pub fn glyph(digit: usize, side: usize, stroke: &Stroke) -> Vec<f64> {
    let [a, b, c, d] = stroke.transform;
    let place = |[x, y]: [f64; 2]| {
        let (x, y) = (x - 0.5, y - 0.5);
        [0.5 + a * x + b * y + stroke.shift[0], 0.5 + c * x + d * y + stroke.shift[1]]
    };
    let path: Vec<[f64; 2]> = DIGITS[digit].iter().copied().map(place).collect();
    let pixel = 1.0 / side as f64;
    let ink = |index: usize| {
        let centre = [(index % side) as f64 + 0.5, (index / side) as f64 + 0.5].map(|x| x * pixel);
        let distances = path.windows(2).map(|ends| distance(centre, ends[0], ends[1]));
        let distance = distances.fold(f64::INFINITY, f64::min);
        (0.5 + (stroke.pen - distance) / pixel).clamp(0.0, 1.0)
    };
    (0..side * side).map(ink).collect()
}

/// From a point to the segment between two others.
fn distance([x, y]: [f64; 2], [ax, ay]: [f64; 2], [bx, by]: [f64; 2]) -> f64 {
    let (dx, dy) = (bx - ax, by - ay);
    let square = dx * dx + dy * dy;
    let along = if square > 0.0 { (((x - ax) * dx + (y - ay) * dy) / square).clamp(0.0, 1.0) } else { 0.0 };
    hypot(x - ax - along * dx, y - ay - along * dy)
}

/// `count` images of digits, which take turns, each written by another [`Stroke::random`]: the features are the
/// `side`² pixels.
pub fn glyphs(count: usize, side: usize, variation: f64, rng: &mut impl Rng) -> Table {
    let mut table = Table { columns: side * side, features: Vec::new(), labels: Vec::new(), classes: 10 };
    for row in 0..count {
        table.features.extend(glyph(row % 10, side, &Stroke::random(variation, rng)));
        table.labels.push(row % 10);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn a_finer_image_shows_the_same_ink() {
        for digit in 0..10 {
            let amount = |side: usize| {
                let image = glyph(digit, side, &Stroke::UPRIGHT);
                assert!(image.iter().all(|ink| (0.0..=1.0).contains(ink)));
                image.iter().sum::<f64>() / (side * side) as f64
            };
            // The pen's path is covered about its width, whatever the pixels.
            let (coarse, fine) = (amount(16), amount(96));
            assert!((coarse / fine - 1.0).abs() < 0.06, "{digit}: {coarse} {fine}");
            assert!((0.08..0.3).contains(&fine), "{digit}: {fine}");
        }
    }

    #[test]
    fn the_transform_turns_and_moves() {
        // Half a turn of a 6 is nearly a 9; a shift by a pixel moves every pixel.
        let turned = Stroke { transform: [-1.0, 0.0, 0.0, -1.0], ..Stroke::UPRIGHT };
        let six = glyph(6, 12, &Stroke::UPRIGHT);
        assert!(glyph(6, 12, &turned).iter().zip(six.iter().rev()).all(|(a, b)| (a - b).abs() < 1e-12));
        let moved = glyph(6, 12, &Stroke { shift: [1.0 / 12.0, 0.0], ..Stroke::UPRIGHT });
        for (row, before) in moved.chunks(12).zip(six.chunks(12)) {
            assert!(row[1..].iter().zip(&before[..11]).all(|(a, b)| (a - b).abs() < 1e-12));
        }
    }

    #[test]
    fn the_classes_can_be_told_apart_by_their_means() {
        let rng = &mut ChaCha8Rng::seed_from_u64(5);
        let (train, test) = (glyphs(1000, 12, 1.0, rng), glyphs(500, 12, 1.0, rng));
        let mut means = vec![0.0; 10 * 144];
        for row in 0..1000 {
            let mean = &mut means[144 * train.labels[row]..][..144];
            mean.iter_mut().zip(train.row(row)).for_each(|(mean, x)| *mean += x / 100.0);
        }
        let apart = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
        let right = (0..500).filter(|&row| {
            let to = |class: usize| apart(test.row(row), &means[144 * class..][..144]);
            (0..10).all(|class| to(test.labels[row]) <= to(class))
        });
        // Not all of them: variation is what a network is for.
        let right = right.count();
        assert!((400..500).contains(&right), "{right} of 500");
    }
}
