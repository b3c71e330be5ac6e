//! A learning-rate sweep: every contender runs at every rate of one grid, and is known by its best.

use orrery_core::figure::Figure;
use orrery_core::prelude::*;
use orrery_kernels::math::pow;

/// `count` rates from `low` to `high`, each the same factor above the last.
pub fn rates(low: f64, high: f64, count: usize) -> Vec<f64> {
    let factor = |k: usize| pow(high / low, k as f64 / (count.max(2) - 1) as f64);
    (0..count).map(|k| low * factor(k)).collect()
}

/// The losses so far. Runs come one after the other: contender by contender, rate by rate.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// The grid of rates.
    pub rates: Vec<f64>,
    contenders: Vec<&'static str>,
    /// By contender, then by rate; nothing for a run that diverged.
    losses: Vec<Option<f64>>,
}

impl Sweep {
    /// To be run.
    pub fn new(contenders: &[&'static str], rates: Vec<f64>) -> Self {
        Self { rates, contenders: contenders.to_vec(), losses: Vec::new() }
    }

    /// The contender (by its place) and the rate of the next run; nothing when all is done.
    pub fn next(&self) -> Option<(usize, f64)> {
        let done = self.losses.len();
        let rate = self.rates.get(done % self.rates.len().max(1))?;
        (done < self.runs()).then(|| (done / self.rates.len(), *rate))
    }

    /// Takes in the loss at which that run ended; nothing, or a number that is not finite, says that it diverged.
    pub fn put(&mut self, loss: Option<f64>) {
        if self.losses.len() < self.runs() {
            self.losses.push(loss.filter(|loss| loss.is_finite()));
        }
    }

    /// How many runs there are in all.
    pub fn runs(&self) -> usize {
        self.contenders.len() * self.rates.len()
    }

    /// How many are done.
    pub fn done(&self) -> usize {
        self.losses.len()
    }

    /// The rate and the loss of each run of a contender that is done and did not diverge.
    pub fn of(&self, contender: usize) -> impl Iterator<Item = [f64; 2]> + '_ {
        let runs = self.losses.iter().skip(contender * self.rates.len()).zip(&self.rates);
        runs.filter_map(|(loss, rate)| loss.map(|loss| [*rate, loss]))
    }

    /// A contender's best rate so far, and its loss there; the smaller rate where two are equal.
    pub fn best(&self, contender: usize) -> Option<[f64; 2]> {
        let better = |best: [f64; 2], run: [f64; 2]| if run[1] < best[1] { run } else { best };
        self.of(contender).reduce(better)
    }

    /// Draws each contender's loss against the rate, held above `floor`, with a dot at the best.
    pub fn draw(&self, figure: &mut Figure<'_>, floor: f64) {
        for (index, contender) in self.contenders.iter().enumerate() {
            let runs: Vec<[f64; 2]> = self.of(index).collect();
            if let Some([rate, loss]) = self.best(index) {
                let ys = runs.iter().map(|run| run[1].max(floor));
                figure.line(runs.iter().map(|run| run[0]), ys).of(contender);
                figure.dot([rate], [loss.max(floor)]).of(contender).radius(4.0);
            }
        }
    }

    /// The whole figure: rates across and losses up, on log axes.
    pub fn figure<'a>(
        &self,
        figures: &'a mut Figures,
        id: &'static str,
        title: &str,
        caption: impl Into<String>,
        [rate, loss]: [&str; 2],
        floor: f64,
    ) -> Figure<'a> {
        let mut figure = figures.figure(id, title, caption);
        let across = Axis::log(rate);
        let ends = self.rates.first().zip(self.rates.last()).filter(|(low, high)| low < high);
        figure.x(match ends {
            Some((low, high)) => across.domain(*low, *high),
            None => across,
        });
        figure.y(Axis::log(loss));
        self.draw(&mut figure, floor);
        figure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradient_descent_on_a_parabola_is_best_at_one_over_the_curvature_and_diverges_beyond_two() {
        let curvature = [4.0, 0.5];
        let mut sweep = Sweep::new(&["steep", "flat"], rates(1.0 / 64.0, 4.0, 9));
        while let Some((contender, rate)) = sweep.next() {
            let mut x: f64 = 1.0;
            (0..200).for_each(|_| x -= rate * curvature[contender] * x);
            sweep.put((x.abs() <= 1.0).then_some(x * x));
        }
        assert_eq!((sweep.done(), sweep.runs()), (18, 18));
        let best = |contender| sweep.best(contender).unwrap_or_default()[0];
        assert!((best(0) - 0.25).abs() < 1e-15 && (best(1) - 2.0).abs() < 1e-14, "{} {}", best(0), best(1));
        assert!(sweep.of(0).all(|[rate, _]| rate <= 0.5 + 1e-12), "beyond 2/L it diverges");
        assert_eq!(sweep.of(1).count(), 9);
    }
}
