//! The adaptive rule of Gauss and Kronrod with 7 and 15 nodes (Piessens et al. 1983, QUADPACK).

/// Nodes on [0, 1], those of Gauss at the odd places, and their mirror images.
const NODES: [f64; 8] = [
    0.991_455_371_120_812_6,
    0.949_107_912_342_758_5,
    0.864_864_423_359_769_1,
    0.741_531_185_599_394_4,
    0.586_087_235_467_691_1,
    0.405_845_151_377_397_2,
    0.207_784_955_007_898_47,
    0.0,
];
const KRONROD: [f64; 8] = [
    0.022_935_322_010_529_224,
    0.063_092_092_629_978_55,
    0.104_790_010_322_250_18,
    0.140_653_259_715_525_92,
    0.169_004_726_639_267_9,
    0.190_350_578_064_785_4,
    0.204_432_940_075_298_9,
    0.209_482_141_084_727_82,
];
const GAUSS: [f64; 4] =
    [0.129_484_966_168_869_7, 0.279_705_391_489_276_64, 0.381_830_050_505_118_9, 0.417_959_183_673_469_4];

/// How many parts are made at most, and how small a part of the whole may be: an integrable singularity at an end does
/// not matter there, and another does not go away.
const PARTS: usize = 2000;
const LEAST: f64 = 1e-50;

/// The tolerance was not met: the integrand is not finite somewhere, too rough, or the tolerance below rounding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unresolved {
    /// The best value there is.
    pub value: f64,
    /// Its estimated error.
    pub error: f64,
}

struct Part {
    a: f64,
    b: f64,
    value: f64,
    error: f64,
}

impl Part {
    fn new(f: &mut impl FnMut(f64) -> f64, a: f64, b: f64) -> Self {
        let (middle, half) = (0.5 * (a + b), 0.5 * (b - a));
        let centre = f(middle);
        let (mut kronrod, mut gauss) = (KRONROD[7] * centre, GAUSS[3] * centre);
        for (i, node) in NODES[..7].iter().enumerate() {
            let pair = f(middle - half * node) + f(middle + half * node);
            kronrod += KRONROD[i] * pair;
            if i % 2 == 1 {
                gauss += GAUSS[i / 2] * pair;
            }
        }
        Self { a, b, value: half * kronrod, error: (half * (kronrod - gauss)).abs() }
    }
}

/// The integral of `f` over the finite interval [a, b], with an estimated error of at most
/// `absolute + relative |integral|`: the part with the greatest error is halved until that holds.
///
/// # Errors
/// [`Unresolved`] after 2,000 parts, or when a part of 1e-50 of the interval is not small enough.
pub fn integrate(
    mut f: impl FnMut(f64) -> f64,
    a: f64,
    b: f64,
    absolute: f64,
    relative: f64,
) -> Result<f64, Unresolved> {
    let mut parts = vec![Part::new(&mut f, a, b)];
    loop {
        let value: f64 = parts.iter().map(|part| part.value).sum();
        let error: f64 = parts.iter().map(|part| part.error).sum();
        if error <= absolute + relative * value.abs() {
            return Ok(value);
        }
        let worst = (0..parts.len()).max_by(|&i, &j| parts[i].error.total_cmp(&parts[j].error)).unwrap_or(0);
        let Part { a: left, b: right, .. } = parts[worst];
        let too_small = (right - left).abs() < LEAST * (b - a).abs();
        if parts.len() == PARTS || too_small || !error.is_finite() {
            return Err(Unresolved { value, error });
        }
        let middle = 0.5 * (left + right);
        parts[worst] = Part::new(&mut f, left, middle);
        parts.push(Part::new(&mut f, middle, right));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::{E, PI, cos, exp, log, powi};
    use crate::quadrature::gauss_legendre;

    #[test]
    fn the_nodes_are_those_of_gauss_with_seven_and_kronrods_between() {
        let seven = gauss_legendre(7);
        for (i, weight) in GAUSS.iter().enumerate() {
            assert!((seven.nodes[i] + NODES[2 * i + 1]).abs() < 2e-16);
            assert!((seven.weights[i] - weight).abs() < 5e-16);
        }
        // Kronrod's rule is exact up to degree 22.
        for degree in [0, 2, 8, 14, 22] {
            let part = Part::new(&mut |x| powi(x, degree), -1.0, 1.0);
            assert!((part.value - 2.0 / f64::from(degree + 1)).abs() < 4e-16, "{degree}");
        }
        assert!(Part::new(&mut |x| powi(x, 24), -1.0, 1.0).value - 2.0 / 25.0 != 0.0);
    }

    #[test]
    fn integrals_known_in_closed_form() {
        for (value, exact, tolerance) in [
            (integrate(exp, 0.0, 1.0, 0.0, 1e-13), E - 1.0, 1e-13),
            (integrate(|x: f64| x.sqrt(), 0.0, 1.0, 0.0, 1e-12), 2.0 / 3.0, 1e-12),
            (integrate(|x| -log(x), 0.0, 1.0, 1e-12, 0.0), 1.0, 1e-12),
            (integrate(|x| 1.0 / (1e-6 + x * x), -1.0, 1.0, 0.0, 1e-12), 2e3 * crate::math::atan(1e3), 1e-8),
            (integrate(|x| cos(100.0 * x), 0.0, PI / 8.0, 1e-13, 0.0), 0.01, 1e-13),
            (integrate(|x: f64| (x - 0.3).abs(), 1.0, 0.0, 1e-13, 0.0), -0.29, 1e-13),
        ] {
            let value = value.unwrap();
            assert!((value - exact).abs() <= tolerance, "{value} {exact}");
        }
    }

    #[test]
    fn what_cannot_be_resolved_is_an_error() {
        assert!(integrate(|x| 1.0 / x, 0.0, 1.0, 1e-6, 1e-6).is_err());
        assert!(integrate(|_| f64::NAN, 0.0, 1.0, 1e-6, 1e-6).is_err());
    }
}
