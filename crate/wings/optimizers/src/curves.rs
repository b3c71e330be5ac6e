//! Loss against step, one curve a contender, the same picture in every exhibit.

use orrery_core::figure::Figure;
use orrery_core::prelude::*;

/// What each contender has come to, step by step. Values are held above `floor`, so that they fit a log axis.
#[derive(Clone, Debug)]
pub struct Curves {
    floor: f64,
    curves: Vec<(&'static str, Series)>,
}

impl Curves {
    /// Empty curves of these contenders, drawn in this order.
    pub fn new(contenders: &[&'static str], floor: f64) -> Self {
        Self { floor, curves: contenders.iter().map(|&contender| (contender, Series::new())).collect() }
    }

    /// Records a contender's value at a step (or at so many gradients, or seconds).
    pub fn push(&mut self, contender: &str, step: f64, value: f64) {
        if let Some((_, curve)) = self.curves.iter_mut().find(|(name, _)| *name == contender) {
            curve.push(step, value.max(self.floor));
        }
    }

    /// What was recorded of a contender.
    pub fn of(&self, contender: &str) -> Option<&Series> {
        self.curves.iter().find(|(name, _)| *name == contender).map(|(_, curve)| curve)
    }

    /// The first recorded step at which a contender is at or below `level`.
    pub fn first_at_most(&self, contender: &str, level: f64) -> Option<f64> {
        self.of(contender)?.iter().find(|[_, value]| *value <= level).map(|[step, _]| step)
    }

    /// Draws every curve that has begun.
    pub fn draw(&self, figure: &mut Figure<'_>) {
        for (contender, curve) in &self.curves {
            if curve.last().is_some() {
                figure.line(curve.xs(), curve.ys()).of(contender);
            }
        }
    }

    /// The whole figure: steps across, which may be switched to a log axis, the value up, on a log axis.
    pub fn figure<'a>(
        &self,
        figures: &'a mut Figures,
        id: &'static str,
        title: &str,
        caption: impl Into<String>,
        [step, value]: [&str; 2],
    ) -> Figure<'a> {
        let mut figure = figures.figure(id, title, caption);
        figure.x(Axis::linear(step).or(Scale::Log)).y(Axis::log(value));
        self.draw(&mut figure);
        figure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_never_leaves_a_log_axis_and_says_when_it_crossed_a_level() {
        let mut curves = Curves::new(&["a", "b"], 1e-9);
        for t in 0..20 {
            curves.push("a", f64::from(t), orrery_kernels::math::powi(0.1, t));
        }
        curves.push("nobody", 0.0, 1.0);
        assert!(curves.of("a").is_some_and(|curve| curve.ys().all(|y| y >= 1e-9)));
        assert_eq!(curves.first_at_most("a", 2e-3), Some(3.0));
        assert_eq!(curves.first_at_most("b", 2e-3), None);
        let mut figures = Figures::new();
        curves.figure(&mut figures, "loss", "Loss", "", ["step", "loss"]);
        assert_eq!(figures.layouts()[0].marks.len(), 1);
    }
}
