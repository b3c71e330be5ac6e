//! Points in the plane (and Gaussian classes in any dimension).

use super::Table;
use crate::math::{PI, TAU, sincos};
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

/// `count` points whose classes take turns: `place` gives one of that class, and each coordinate gets normal noise.
fn scatter<R: Rng, const D: usize>(
    count: usize,
    classes: usize,
    noise: f64,
    rng: &mut R,
    mut place: impl FnMut(usize, &mut R) -> [f64; D],
) -> Table {
    let mut table = Table { columns: D, features: Vec::with_capacity(count * D), labels: Vec::new(), classes };
    for row in 0..count {
        let class = row % classes;
        let point = place(class, rng);
        table.features.extend(point.map(|x| x + noise * rng.sample::<f64, _>(StandardNormal)));
        table.labels.push(class);
    }
    table
}

/// Two interleaved half circles of radius 1, around the origin and around (1, ½), as in scikit-learn's `make_moons`.
pub fn moons(count: usize, noise: f64, rng: &mut impl Rng) -> Table {
    scatter(count, 2, noise, rng, |class, rng| {
        let (sin, cos) = sincos(PI * rng.random::<f64>());
        if class == 0 { [cos, sin] } else { [1.0 - cos, 0.5 - sin] }
    })
}

/// Concentric circles around the origin, one a class.
pub fn rings(count: usize, radii: &[f64], noise: f64, rng: &mut impl Rng) -> Table {
    scatter(count, radii.len(), noise, rng, |class, rng| {
        let (sin, cos) = sincos(TAU * rng.random::<f64>());
        [radii[class] * cos, radii[class] * sin]
    })
}

/// Archimedean spirals from the origin to radius 1, one a class, evenly turned against each other, points evenly
/// distributed over the turn.
pub fn spirals(count: usize, arms: usize, turns: f64, noise: f64, rng: &mut impl Rng) -> Table {
    scatter(count, arms, noise, rng, |class, rng| {
        let radius: f64 = rng.random();
        let (sin, cos) = sincos(TAU * (turns * radius + class as f64 / arms as f64));
        [radius * cos, radius * sin]
    })
}

/// A spiral without classes, the Swiss roll seen from its end: one and a half turns that grow from a third of the outer
/// radius, 1, to it.
pub fn swiss_roll(count: usize, noise: f64, rng: &mut impl Rng) -> Table {
    scatter(count, 1, noise, rng, |_, rng| {
        let t = (1.0 + 2.0 * rng.random::<f64>()) / 3.0;
        let (sin, cos) = sincos(4.5 * PI * t);
        [t * cos, t * sin]
    })
}

/// Gaussian classes of deviation `spread` around centres, which lie one after the other, `dimension` numbers each.
pub fn blobs(count: usize, centres: &[f64], dimension: usize, spread: f64, rng: &mut impl Rng) -> Table {
    let classes = centres.len() / dimension;
    assert_eq!(centres.len(), classes * dimension, "centres of {dimension} coordinates");
    let mut table = Table { columns: dimension, features: Vec::new(), labels: Vec::new(), classes };
    for row in 0..count {
        let class = row % classes;
        let centre = &centres[class * dimension..][..dimension];
        table.features.extend(centre.iter().map(|x| x + spread * rng.sample::<f64, _>(StandardNormal)));
        table.labels.push(class);
    }
    table
}

/// The corners of a regular polygon, for [`blobs`]: eight of them are the usual ring of Gaussians.
pub fn ring_of_centres(count: usize, radius: f64) -> Vec<f64> {
    let corner = |k: usize| {
        let (sin, cos) = sincos(TAU * k as f64 / count as f64);
        [radius * cos, radius * sin]
    };
    (0..count).flat_map(corner).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::{atan2, hypot};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    fn rng() -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(8)
    }

    fn points(table: &Table) -> impl Iterator<Item = ([f64; 2], usize)> {
        table.features.as_chunks::<2>().0.iter().copied().zip(table.labels.iter().copied())
    }

    #[test]
    fn without_noise_points_lie_on_their_curves() {
        for ([x, y], class) in points(&moons(500, 0.0, &mut rng())) {
            let (dx, dy) = if class == 0 { (x, y) } else { (1.0 - x, 0.5 - y) };
            assert!((hypot(dx, dy) - 1.0).abs() < 1e-15 && dy >= 0.0);
        }
        for ([x, y], class) in points(&rings(500, &[0.5, 1.0, 2.0], 0.0, &mut rng())) {
            assert!((hypot(x, y) - [0.5, 1.0, 2.0][class]).abs() < 1e-15);
        }
        for ([x, y], class) in points(&spirals(500, 3, 1.75, 0.0, &mut rng())) {
            let turn = atan2(y, x) / TAU - 1.75 * hypot(x, y) - class as f64 / 3.0;
            assert!((turn - turn.round()).abs() < 1e-12, "{turn}");
        }
        for ([x, y], _) in points(&swiss_roll(500, 0.0, &mut rng())) {
            let (radius, turn) = (hypot(x, y), atan2(y, x) / TAU);
            assert!((1.0 / 3.0 - 1e-15..1.0 + 1e-15).contains(&radius));
            assert!((2.25 * radius - turn - (2.25 * radius - turn).round()).abs() < 1e-12);
        }
    }

    #[test]
    fn noise_and_spread_are_deviations() {
        let (count, centres) = (40_000, [1.0, -2.0, 0.5, 3.0, 3.0, 3.0]);
        let table = blobs(count, &centres, 3, 0.7, &mut rng());
        assert_eq!((table.classes, table.rows()), (2, count));
        let noisy = rings(count, &[0.0], 0.7, &mut rng());
        let blob = (0..count).flat_map(|row| {
            let centre = &centres[3 * table.labels[row]..];
            table.row(row).iter().zip(centre).map(|(x, c)| x - c).collect::<Vec<f64>>()
        });
        for square in [blob.map(|x| x * x).sum::<f64>() / 3.0, noisy.features.iter().map(|x| x * x).sum::<f64>() / 2.0]
        {
            // Four standard errors of a mean of 80,000 squares at least.
            assert!((square / 40_000.0 / 0.49 - 1.0).abs() < 4.0 * (2.0 / 80_000.0_f64).sqrt(), "{square}");
        }
    }

    #[test]
    fn eight_centres_stand_on_a_circle() {
        let centres = ring_of_centres(8, 2.0);
        assert_eq!(centres[..2], [2.0, 0.0]);
        assert!((centres[4]).abs() < 1e-15 && centres[5] == 2.0);
        assert_eq!(blobs(16, &centres, 2, 0.1, &mut rng()).labels[..9], [0, 1, 2, 3, 4, 5, 6, 7, 0]);
    }
}
