//! The stand-in for the language model: it takes the desired output back through the trace.

use super::Feedback;
use super::search::{Secant, downhill};
use super::trace::{Trace, cotangents, minimal_subgraph};
use super::workflow::Seen;
use orrery_core::prelude::*;
use std::collections::BTreeSet;

/// The score's derivatives: those of the worst output, towards larger errors.
pub(super) fn slope(seen: &Seen) -> Vec<f64> {
    let worst = seen.worst();
    let sign = if seen.residuals[worst] < 0.0 { -1.0 } else { 1.0 };
    cotangents(&seen.traces[worst], seen.theta.len()).iter().map(|g| sign * g).collect()
}

/// What stands in for the language model.
#[derive(Clone)]
pub(super) struct Reader {
    /// Whether it is shown the trace.
    sees: bool,
    feedback: Feedback,
    /// Outputs and scores so far, where the trace shows the output.
    past: Vec<[f64; 2]>,
    pushes: usize,
    secant: Secant,
}

/// How often the reader takes a desired output back before it doubts that this leads anywhere: a branch may turn with it.
const PUSHES: usize = 4;

impl Reader {
    pub(super) fn new(sees: bool, feedback: Feedback, parameters: usize) -> Self {
        Self { sees, feedback, past: Vec::new(), pushes: 0, secant: Secant::new(parameters) }
    }

    /// The target that agrees with all scores so far: of $y_1\pm s_1$, the larger until it is refuted.
    fn deduced(&self) -> Option<f64> {
        let &[y, s] = self.past.first()?;
        let agrees = |target: f64| {
            let off = |[y, s]: &[f64; 2]| ((target - y).abs() - s).abs() <= 1e-9 * (1.0 + s.abs() + target.abs());
            self.past.iter().all(off)
        };
        Some(if agrees(y + s) { y + s } else { y - s })
    }

    pub(super) fn next(&mut self, seen: &Seen, rng: &mut Rng) -> Vec<f64> {
        let outputs: Vec<f64> = seen.traces.iter().map(Trace::output).collect();
        let single = outputs.len() == 1;
        let signed = self.feedback != Feedback::Score;
        let wanted: Option<Vec<f64>> = if !self.sees {
            None
        } else if signed {
            Some(outputs.iter().zip(&seen.residuals).map(|(y, r)| y - r).collect())
        } else if single {
            self.past.push([outputs[0], seen.score]);
            self.deduced().map(|target| vec![target])
        } else {
            None
        };
        if let Some(wanted) = wanted.as_ref().filter(|_| self.pushes < PUSHES)
            && let Some(theta) = repair(seen, wanted)
        {
            self.pushes += 1;
            return theta;
        }
        if self.feedback == Feedback::Gradient {
            return downhill(&seen.theta, seen.score, &slope(seen), rng);
        }
        let [value, residual] = match wanted {
            _ if signed && single => [seen.residuals[0]; 2],
            Some(wanted) if single => [outputs[0], outputs[0] - wanted[0]],
            _ => [seen.score; 2],
        };
        let all = 0..seen.theta.len();
        let active: Vec<usize> = if self.sees {
            let kept: BTreeSet<usize> =
                seen.traces.iter().flat_map(|trace| minimal_subgraph(trace, seen.theta.len())).collect();
            all.filter(|i| kept.contains(i)).collect()
        } else {
            all.collect()
        };
        self.secant.next(&seen.theta, value, residual, &active, rng)
    }
}

/// Asks every parameter what it would have to be for each output, and changes the one whose answers differ least.
fn repair(seen: &Seen, wanted: &[f64]) -> Option<Vec<f64>> {
    let mut best: Option<(f64, usize, f64)> = None;
    'parameters: for i in 0..seen.theta.len() {
        let mut answers = Vec::new();
        for (trace, &want) in seen.traces.iter().zip(wanted) {
            match trace.push_back(i, want).and_then(|wants| wants.last().map(|last| last.1)) {
                Some(answer) => answers.push(answer),
                // 0 = 0 c is right for every c: this output does not say.
                None if trace.output() == want => (),
                None => continue 'parameters,
            }
        }
        if answers.is_empty() {
            continue;
        }
        let mean = answers.iter().sum::<f64>() / answers.len() as f64;
        let spread = answers.iter().map(|a| (a - mean).abs()).fold(0.0, f64::max) / (1.0 + mean.abs());
        if spread.is_finite() && best.is_none_or(|(least, ..)| spread < least) {
            best = Some((spread, i, mean));
        }
    }
    let (_, i, value) = best?;
    let mut theta = seen.theta.clone();
    theta[i] = value;
    Some(theta)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_scores_tell_on_which_side_the_target_lies() {
        let mut reader = Reader::new(true, Feedback::Score, 1);
        reader.past.push([1.0, 3.0]);
        assert_eq!(reader.deduced(), Some(4.0));
        reader.past.push([4.0, 6.0]);
        assert_eq!(reader.deduced(), Some(-2.0));
    }
}
