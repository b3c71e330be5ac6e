//! A layer of diagonal linear recurrences.

use super::Settings;
use super::data::{DELTA, FORECAST, Sequence, TIMES, bounded};
use super::lanes::{
    LANES, Lane, Layer, RATE, UNITS, Windows, ZERO, add_to, both, descend, each, inner, tanh, through_tanh, whole,
};
use orrery_core::Rng;
use orrery_kernels::linalg::Complex;
use orrery_kernels::math::{PI, exp, log, sincos};
use orrery_kernels::networks::Parameters;
use orrery_kernels::optim::Adam;

/// Complex modes in each direction, how far apart their frequencies are, the times in a window of training, and the share of the
/// observations that is at least hidden at most.
const MODES: usize = 12;
const FREQUENCY: f64 = PI / 4.0;
const WINDOW: usize = 50;
const LEAST_HIDDEN: f64 = 0.3;

/// A layer of diagonal linear recurrences in both directions, and a small network that reads their states.
#[derive(Clone)]
pub struct Recurrent {
    theta: Vec<f32>,
    adam: Adam<f32>,
    ways: [Way; 2],
    direct: Layer,
    output: Layer,
    steps: usize,
}

/// The recurrences in one direction: where the logarithms of their decays stand, what drives them, and what reads them.
#[derive(Clone, Copy)]
pub struct Way {
    decay: usize,
    drive: Layer,
    read: Layer,
}

/// What the layer did, by time: for each direction what drives the modes and their states, real parts before imaginary ones;
/// the units that read them, and the output.
pub struct Reading {
    driven: [Vec<Vec<Lane>>; 2],
    states: [Vec<Vec<Lane>>; 2],
    units: Vec<Vec<Lane>>,
    y: Vec<Vec<Lane>>,
}

/// The zero-order hold of mode `n` over a step `Δ` and the slopes by the logarithm of its decay:
/// `Ā = e^{λΔ}`, `B̄ = (Ā − 1)/λ` with `λ = −e^a + iω`.
fn hold(a: f32, n: usize) -> [Complex<f64>; 4] {
    let decay = exp(f64::from(a));
    let lambda = Complex::new(-decay, FREQUENCY * n as f64);
    let (sin, cos) = sincos(lambda.im * DELTA);
    let size = exp(lambda.re * DELTA);
    let keep = Complex::new(size * cos, size * sin);
    let gain = (keep - 1.0) / lambda;
    let slope = keep * DELTA;
    [keep, gain, slope * -decay, (slope - gain) / lambda * -decay]
}

impl Recurrent {
    pub fn new(channels: usize, rng: &mut Rng) -> Self {
        let p = &mut Parameters::new();
        let inputs = 2 * channels;
        let ways = ["forwards", "backwards"].map(|way| {
            let decay = p.count();
            p.row(format!("{way}.decay"), MODES, log(0.5));
            let drive = Layer::new(p, &format!("{way}.drive"), [inputs, 2 * MODES], 1.5);
            let read = Layer::new(p, &format!("{way}.read"), [2 * MODES, UNITS], 1.0);
            Way { decay, drive, read }
        });
        let direct = Layer::new(p, "direct", [inputs, UNITS], 0.5);
        let output = Layer::new(p, "output", [UNITS, channels], 0.5);
        let theta: Vec<f32> = p.initial(rng);
        Self { adam: Adam::new(theta.len(), RATE, [0.9, 0.99]), theta, ways, direct, output, steps: 0 }
    }

    /// The holds of all modes of one direction.
    fn modes(&self, way: Way) -> Vec<[Complex<f64>; 4]> {
        self.theta[way.decay..][..MODES].iter().enumerate().map(|(n, a)| hold(*a, n)).collect()
    }

    fn forward(&self, inputs: &[Vec<Lane>]) -> Reading {
        let (theta, length) = (&self.theta, inputs.len());
        let mut units: Vec<Vec<Lane>> = inputs.iter().map(|u| self.direct.apply(theta, u)).collect();
        let (mut driven, mut states) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
        for (index, &way) in self.ways.iter().enumerate() {
            let modes = self.modes(way);
            driven[index] = inputs.iter().map(|u| way.drive.apply(theta, u)).collect();
            states[index] = vec![Vec::new(); length];
            let mut h = vec![ZERO; 2 * MODES];
            for t in along(index, length) {
                // h_t = Ā h_{t∓1} + B̄ (B u_t)
                let (h_re, h_im) = h.split_at_mut(MODES);
                for (n, [keep, gain, ..]) in modes.iter().enumerate() {
                    let [a, b, c, d] = [keep.re, keep.im, gain.re, gain.im].map(|x| x as f32);
                    let (x, y) = (&driven[index][t][n], &driven[index][t][MODES + n]);
                    for lane in 0..LANES {
                        let (re, im) = (h_re[n][lane], h_im[n][lane]);
                        h_re[n][lane] = a * re - b * im + c * x[lane] - d * y[lane];
                        h_im[n][lane] = b * re + a * im + d * x[lane] + c * y[lane];
                    }
                }
                add_to(&mut units[t], 1.0, &way.read.apply(theta, &h));
                states[index][t].clone_from(&h);
            }
        }
        let units: Vec<Vec<Lane>> = units.into_iter().map(|units| each(units, tanh)).collect();
        let y = units.iter().map(|units| self.output.apply(theta, units)).collect();
        Reading { driven, states, units, y }
    }

    /// The mean square of what it misses at what is seen, and its gradient.
    fn gradient(&self, windows: &Windows, reading: &Reading) -> (f32, Vec<f32>) {
        let (theta, length) = (&self.theta, reading.y.len());
        let mut g = vec![[0.0; 4]; theta.len()];
        let share = 1.0 / windows.observations().max(1.0);
        let mut loss = 0.0;
        let mut dunits: Vec<Vec<Lane>> = Vec::with_capacity(length);
        for (t, y) in reading.y.iter().enumerate() {
            let rest = both(y, &windows.y[t], |y, truth| y - truth);
            let rest = both(&rest, &windows.seen[t], |rest, seen| rest * seen);
            loss += share * rest.iter().map(|rest| inner(rest, rest)).sum::<f32>();
            let dy = each(rest, |rest| 2.0 * share * rest);
            let d = self.output.pull_back(theta, &mut g, &reading.units[t], &dy);
            let d = through_tanh(&reading.units[t], d);
            self.direct.pull_back(theta, &mut g, &windows.inputs[t], &d);
            dunits.push(d);
        }
        for (index, &way) in self.ways.iter().enumerate() {
            let modes = self.modes(way);
            let mut by_modes = vec![[[0.0_f32; 2]; 2]; MODES];
            let mut delta = vec![ZERO; 2 * MODES];
            let order: Vec<usize> = along(index, length).collect();
            for (place, &t) in order.iter().enumerate().rev() {
                add_to(&mut delta, 1.0, &way.read.pull_back(theta, &mut g, &reading.states[index][t], &dunits[t]));
                let silent = vec![ZERO; 2 * MODES];
                let before = if place > 0 { &reading.states[index][order[place - 1]] } else { &silent };
                let driven = &reading.driven[index][t];
                let mut dx = vec![ZERO; 2 * MODES];
                for (n, [keep, gain, ..]) in modes.iter().enumerate() {
                    let [a, b, c, d] = [keep.re, keep.im, gain.re, gain.im].map(|x| x as f32);
                    let (p, q) = (delta[n], delta[MODES + n]);
                    // The adjoint of Ā is δ times the conjugate of the state before, that of B̄ δ times that of the drive.
                    for (by, other) in by_modes[n].iter_mut().zip([before, driven]) {
                        let (re, im) = (&other[n], &other[MODES + n]);
                        by[0] += inner(&p, re) + inner(&q, im);
                        by[1] += inner(&q, re) - inner(&p, im);
                    }
                    dx[n] = std::array::from_fn(|lane| c * p[lane] + d * q[lane]);
                    dx[MODES + n] = std::array::from_fn(|lane| c * q[lane] - d * p[lane]);
                    delta[n] = std::array::from_fn(|lane| a * p[lane] + b * q[lane]);
                    delta[MODES + n] = std::array::from_fn(|lane| a * q[lane] - b * p[lane]);
                }
                way.drive.pull_back(theta, &mut g, &windows.inputs[t], &dx);
            }
            for (n, ([_, _, by_keep, by_gain], [keep, gain])) in modes.iter().zip(by_modes).enumerate() {
                let part = |slope: &Complex<f64>, d: [f32; 2]| slope.re as f32 * d[0] + slope.im as f32 * d[1];
                g[way.decay + n][0] = part(by_keep, keep) + part(by_gain, gain);
            }
        }
        (loss, g.into_iter().map(whole).collect())
    }

    /// One step of Adam on windows, part of whose observations are hidden: what it sees it need not fill in.
    pub fn train(&mut self, sequences: &[Sequence], settings: &Settings, rng: &mut Rng) {
        let hidden = settings.hidden.max(LEAST_HIDDEN);
        let windows = Windows::draw(sequences, WINDOW, hidden, rng);
        let (_, gradient) = self.gradient(&windows, &self.forward(&windows.inputs));
        let share = self.steps as f64 / settings.steps as f64;
        descend(&mut self.adam, &mut self.theta, gradient, share);
        self.steps += 1;
    }

    pub fn interpolate(&self, sequences: &[&Sequence]) -> Vec<Vec<Vec<f64>>> {
        let parts: Vec<(&Sequence, usize)> = sequences.iter().map(|s| (*s, 0)).collect();
        let y = self.forward(&Windows::new(&parts, TIMES + FORECAST, |_| true).inputs).y;
        let row = |y: &[Lane], lane: usize| y.iter().map(|y| bounded(f64::from(y[lane]))).collect();
        (0..sequences.len()).map(|lane| y.iter().map(|y| row(y, lane)).collect()).collect()
    }
}

/// The times in the order in which a direction comes by.
fn along(way: usize, length: usize) -> impl Iterator<Item = usize> {
    (0..length).map(move |t| if way == 0 { t } else { length - 1 - t })
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_core::prelude::SeedableRng;

    #[test]
    fn the_gradient_of_the_layer_is_its_slope_and_sequences_do_not_mix() {
        let settings = Settings { observed: 0.5, ..Settings::default() };
        let training = settings.data.draws(&settings, LANES, &mut Rng::seed_from_u64(6));
        let rng = &mut Rng::seed_from_u64(7);
        let mut layer = Recurrent::new(1, rng);
        let parts: Vec<(&Sequence, usize)> = training.iter().map(|s| (s, 0)).collect();
        let windows = Windows::new(&parts, 20, |_| true);
        let theta = layer.theta.clone();
        let (_, gradient) = layer.gradient(&windows, &layer.forward(&windows.inputs));
        let mut ranges: Vec<_> = layer.ways.iter().map(|way| way.decay..way.decay + MODES).collect();
        let layers = layer.ways.iter().flat_map(|way| [way.drive, way.read]).chain([layer.direct, layer.output]);
        ranges.extend(layers.map(|l| l.range()));
        for range in ranges {
            let size = gradient[range.clone()].iter().map(|g| g * g).sum::<f32>().sqrt();
            let mut loss = |h: f32| {
                layer.theta.clone_from(&theta);
                for i in range.clone() {
                    layer.theta[i] += h * gradient[i] / size;
                }
                f64::from(layer.gradient(&windows, &layer.forward(&windows.inputs)).0)
            };
            let slope = (loss(1e-2) - loss(-1e-2)) / 2e-2;
            assert!((slope - f64::from(size)).abs() < 1e-3 + 0.02 * slope, "{range:?}: {size} {slope}");
        }
        layer.theta = theta;
        let pair = layer.interpolate(&[&training[0], &training[1]]);
        assert_eq!(pair[1], layer.interpolate(&[&training[1]])[0]);
    }

    #[test]
    fn a_held_input_carries_a_mode_as_the_exponential_does() {
        // h′ = λ h + 1 from 0 over a step is (e^{λΔ} − 1)/λ; the slopes by a are those of differences.
        for n in [0, 3] {
            let a = 0.3_f32;
            let [keep, gain, by_keep, by_gain] = hold(a, n);
            let steps = 1000;
            let lambda = Complex::new(-exp(f64::from(a)), FREQUENCY * n as f64);
            let h = DELTA / f64::from(steps);
            let mut state = Complex::new(0.0, 0.0);
            for _ in 0..steps {
                let middle = state + (lambda * state + 1.0) * (h / 2.0);
                state += (lambda * middle + 1.0) * h;
            }
            assert!((state - gain).norm_sqr().sqrt() < 1e-7);
            let (above, below) = (hold(a + 1e-2, n), hold(a - 1e-2, n));
            for (at, by) in [(0, by_keep), (1, by_gain)] {
                assert!(((above[at] - below[at]) / 2e-2 - by).norm_sqr().sqrt() < 1e-4);
            }
            assert!(keep.norm_sqr() < 1.0);
        }
    }
}
