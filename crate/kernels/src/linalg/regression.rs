//! The straight line through points.

/// `y ≈ intercept + slope x`, by least squares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LineFit {
    /// Growth of y per unit of x.
    pub slope: f64,
    /// y at x = 0.
    pub intercept: f64,
    /// R²: the share of the variance of y that the line explains.
    pub explained: f64,
}

impl LineFit {
    /// The least-squares line through `points`; none for fewer than three points or if all x agree.
    pub fn through(points: impl IntoIterator<Item = [f64; 2]> + Clone) -> Option<Self> {
        let (mut count, mut mean_x, mut mean_y) = (0.0, 0.0, 0.0);
        for [x, y] in points.clone() {
            count += 1.0;
            mean_x += (x - mean_x) / count;
            mean_y += (y - mean_y) / count;
        }
        let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
        for [x, y] in points {
            xx += (x - mean_x) * (x - mean_x);
            xy += (x - mean_x) * (y - mean_y);
            yy += (y - mean_y) * (y - mean_y);
        }
        if count < 3.0 || xx <= 0.0 {
            return None;
        }
        let slope = xy / xx;
        // A level line explains all there is of a constant.
        let explained = if yy > 0.0 { xy * slope / yy } else { 1.0 };
        Some(Self { slope, intercept: mean_y - slope * mean_x, explained })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_line_is_found_and_a_symmetric_disturbance_does_not_tilt_it(
            slope in -5.0_f64..5.0, intercept in -5.0_f64..5.0, bump in 0.0_f64..1.0,
        ) {
            let bumps = [bump, -bump, -bump, bump];
            let points: Vec<[f64; 2]> = bumps.iter().zip([-3.0, -1.0, 1.0, 3.0]).map(|(b, x)| [x, intercept + slope * x + b]).collect();
            let fit = LineFit::through(points.iter().copied()).unwrap();
            prop_assert!((fit.slope - slope).abs() < 1e-12 && (fit.intercept - intercept).abs() < 1e-12);
            let variance = 20.0 * slope * slope;
            let explained = variance / (variance + 4.0 * bump * bump);
            prop_assert!(variance < 1e-6 || (fit.explained - explained).abs() < 1e-9);
        }
    }

    #[test]
    fn no_line_goes_through_too_little() {
        assert_eq!(LineFit::through([[0.0, 1.0], [1.0, 2.0]]), None);
        assert_eq!(LineFit::through([[1.0, 1.0], [1.0, 2.0], [1.0, 3.0]]), None);
    }
}
