//! The deep Markov model and the latent ODE: two motions of one variational autoencoder.

use super::Settings;
use super::data::{DELTA, FORECAST, HALF_LOG_TAU, Sequence, TIMES, bounded};
use super::lanes::{
    LANES, Lane, Layer, RATE, UNITS, Windows, ZERO, add_to, both, descend, each, sigmoid, tanh, through_tanh, total,
    whole,
};
use orrery_core::prelude::{Rng, RngExt, Series, StandardNormal};
use orrery_kernels::math::{Float, log};
use orrery_kernels::networks::Parameters;
use orrery_kernels::optim::Adam;

/// Times in a window of training. The latent ODE fills gaps by windows that begin [`SHIFT`] steps apart.
pub const WINDOW: usize = 40;
const SHIFT: usize = 10;
/// The share of the steps in which the weight of the divergence grows.
const WARM_UP: f64 = 0.3;
/// The logarithm of the least noise of observations.
const LEAST_NOISE: f32 = -4.0;

/// How the latent state moves.
#[derive(Clone, Copy, PartialEq)]
pub enum Motion {
    /// `z_{t+1} ~ N(μ(z_t), σ²)`.
    Markov,
    /// `dz = f(z) dt + σ dw`.
    Flow { sigma: f32 },
}

impl Motion {
    /// For each stage its weight and how far along the slope before it the next one is taken: Euler's step or Kutta's.
    fn stages(self) -> &'static [(f32, f32)] {
        match self {
            Self::Markov => &[(1.0, 0.0)],
            Self::Flow { .. } => &[(1.0 / 6.0, 0.0), (1.0 / 3.0, 0.5), (1.0 / 3.0, 0.5), (1.0 / 6.0, 1.0)],
        }
    }

    fn is_guided(self) -> bool {
        self != Self::Flow { sigma: 0.0 }
    }
}

/// A variational autoencoder of sequences: the deep Markov model or the latent ODE.
#[derive(Clone)]
pub struct Autoencoder {
    motion: Motion,
    latent: usize,
    theta: Vec<f32>,
    adam: Adam<f32>,
    /// The encoder: a gated recurrent unit.
    gates: Layer,
    candidate: Layer,
    memory: Layer,
    /// Of the guide `q(z_t | z_{t−1}, y_{t:T})`.
    look: Layer,
    place: Layer,
    guide: Layer,
    /// The motion and the decoder.
    field: [Layer; 2],
    decoder: Layer,
    /// Where the logarithms of the noises of the observations and of the transitions stand.
    noise: usize,
    spread: usize,
    steps: usize,
    pub elbo: Series,
    running: f64,
}

/// One step of the encoder.
pub struct Cell {
    joined: Vec<Lane>,
    gates: Vec<Lane>,
    recalled: Vec<Lane>,
    candidate: Vec<Lane>,
    h: Vec<Lane>,
}

/// One time of the latent path: the stages that led there, each with its hidden units; the prior's mean; the guide's units and
/// outcome; the noise; the state and what is decoded from it.
#[derive(Default)]
pub struct Moment {
    stages: Vec<[Vec<Lane>; 2]>,
    mean: Vec<Lane>,
    units: Vec<Lane>,
    guide: Vec<Lane>,
    epsilon: Vec<Lane>,
    pub z: Vec<Lane>,
    y: Vec<Lane>,
}

/// A pass forwards.
pub struct Tape {
    cells: Vec<Cell>,
    pub path: Vec<Moment>,
}

impl Autoencoder {
    pub fn new(motion: Motion, latent: usize, channels: usize, rng: &mut Rng) -> Self {
        let p = &mut Parameters::new();
        let inputs = 2 * channels;
        let gates = Layer::new(p, "gates", [inputs + UNITS, 2 * UNITS], 1.0);
        let candidate = Layer::new(p, "candidate", [inputs, UNITS], 1.0);
        let memory = Layer::new(p, "memory", [UNITS, UNITS], 1.0);
        let look = Layer::new(p, "look", [UNITS, UNITS], 1.0);
        let place = Layer::new(p, "place", [latent, UNITS], 1.0);
        let guide = Layer::new(p, "guide", [UNITS, 2 * latent], 0.3);
        let field = [Layer::new(p, "field.1", [latent, UNITS], 1.0), Layer::new(p, "field.2", [UNITS, latent], 0.3)];
        let decoder = Layer::new(p, "decoder", [latent, channels], 0.0);
        let noise = p.count();
        p.row("noise", channels, log(0.3));
        let spread = p.count();
        p.row("spread", latent, -1.5);
        let mut theta: Vec<f32> = p.initial(rng);
        // At first the observations are the first coordinates.
        (0..channels.min(latent)).for_each(|c| theta[decoder.start + c * channels + c] = 1.0);
        for d in latent..2 * latent {
            theta[guide.start + guide.inputs * guide.outputs + d] = -2.0;
        }
        Self {
            motion,
            latent,
            adam: Adam::new(theta.len(), RATE, [0.9, 0.99]),
            theta,
            gates,
            candidate,
            memory,
            look,
            place,
            guide,
            field,
            decoder,
            noise,
            spread,
            steps: 0,
            elbo: Series::new(),
            running: 0.0,
        }
    }

    /// The recurrent unit from the last time to the first: `h_t` knows `y_{t:T}`.
    fn encode(&self, inputs: &[Vec<Lane>]) -> Vec<Cell> {
        let theta = &self.theta;
        let mut cells: Vec<Cell> = Vec::with_capacity(inputs.len());
        for x in inputs.iter().rev() {
            let before = cells.last().map_or_else(|| vec![ZERO; UNITS], |cell| cell.h.clone());
            let joined = [x.as_slice(), &before].concat();
            // r, u = σ(W [x, h] + b), n = tanh(W x + b + r ∘ (V h + c)), h ← u ∘ h + (1 − u) ∘ n
            let gates = each(self.gates.apply(theta, &joined), sigmoid);
            let recalled = self.memory.apply(theta, &before);
            let mut candidate = self.candidate.apply(theta, x);
            add_to(&mut candidate, 1.0, &both(&gates[..UNITS], &recalled, |r, m| r * m));
            let candidate = each(candidate, tanh);
            let apart = both(&before, &candidate, |h, n| h - n);
            let mut h = both(&gates[UNITS..], &apart, |u, apart| u * apart);
            add_to(&mut h, 1.0, &candidate);
            cells.push(Cell { joined, gates, recalled, candidate, h });
        }
        cells.reverse();
        cells
    }

    pub fn slope(&self, z: &[Lane]) -> [Vec<Lane>; 2] {
        let units = each(self.field[0].apply(&self.theta, z), tanh);
        let slope = self.field[1].apply(&self.theta, &units);
        [units, slope]
    }

    /// The latent path, guided by what is seen as long as there is something of the encoder's, then by the prior alone.
    /// Without `rng` it is the path of the means.
    pub fn forward(&self, windows: &Windows, length: usize, mut rng: Option<&mut Rng>) -> Tape {
        let (d, theta) = (self.latent, &self.theta);
        let cells = self.encode(&windows.inputs);
        let mut path: Vec<Moment> = Vec::with_capacity(length);
        let (delta, root) = (DELTA as f32, DELTA.sqrt() as f32);
        for t in 0..length {
            let mut moment = Moment::default();
            if let Some(before) = path.last() {
                moment.mean = before.z.clone();
                let mut from = before.z.clone();
                for (index, &(weight, _)) in self.motion.stages().iter().enumerate() {
                    let [units, slope] = self.slope(&from);
                    add_to(&mut moment.mean, delta * weight, &slope);
                    let reach = delta * self.motion.stages().get(index + 1).map_or(0.0, |stage| stage.1);
                    let next = both(&before.z, &slope, |z, k| z + reach * k);
                    moment.stages.push([std::mem::replace(&mut from, next), units]);
                }
            }
            let noisy = t == 0 || self.motion.is_guided();
            moment.epsilon = match rng.as_mut() {
                Some(rng) if noisy => {
                    let mut number = || rng.sample::<f64, _>(StandardNormal) as f32;
                    (0..d).map(|_| std::array::from_fn(|_| number())).collect()
                }
                _ => vec![ZERO; d],
            };
            moment.z = match (t, self.motion) {
                (1.., Motion::Flow { sigma: 0.0 }) => moment.mean.clone(),
                _ if t < cells.len() => {
                    let mut units = self.look.apply(theta, &cells[t].h);
                    if t > 0 {
                        add_to(&mut units, 1.0, &self.place.apply(theta, &moment.mean));
                    }
                    moment.units = each(units, tanh);
                    moment.guide = self.guide.apply(theta, &moment.units);
                    let (shift, logs) = moment.guide.split_at(d);
                    let mut z = match self.motion {
                        // z = f(z) … + σ (u Δ + √Δ ε)
                        Motion::Flow { sigma } if t > 0 => {
                            both(shift, &moment.epsilon, |u, e| sigma * (delta * u + root * e))
                        }
                        // z = μ + shift + s ε
                        _ => {
                            let mut z = both(logs, &moment.epsilon, |l, e| Float::exp(l) * e);
                            add_to(&mut z, 1.0, shift);
                            z
                        }
                    };
                    add_to(&mut z, 1.0, &moment.mean);
                    z
                }
                (_, Motion::Flow { sigma }) => both(&moment.mean, &moment.epsilon, |m, e| m + sigma * root * e),
                (_, Motion::Markov) => {
                    let spreads = theta[self.spread..][..d].iter().map(|l| Float::exp(*l));
                    let rows = moment.mean.iter().zip(&moment.epsilon).zip(spreads);
                    rows.map(|((m, e), s)| std::array::from_fn(|lane| m[lane] + s * e[lane])).collect()
                }
            };
            moment.y = self.decoder.apply(theta, &moment.z);
            path.push(moment);
        }
        Tape { cells, path }
    }

    /// `Σ KL(q ‖ p)` at one time for each lane.
    fn divergence(&self, t: usize, moment: &Moment) -> Lane {
        let mut sum = ZERO;
        if moment.guide.is_empty() {
            return sum;
        }
        let (shift, logs) = moment.guide.split_at(self.latent);
        for (d, (shift, logs)) in shift.iter().zip(logs).enumerate() {
            for (lane, sum) in sum.iter_mut().enumerate() {
                let (m, l) = (shift[lane], logs[lane]);
                *sum += match self.motion {
                    Motion::Flow { .. } if t > 0 => 0.5 * DELTA as f32 * m * m,
                    _ => {
                        let prior = if t == 0 { 0.0 } else { self.theta[self.spread + d] };
                        let precision = Float::exp(-2.0 * prior);
                        prior - l + 0.5 * ((m * m + Float::exp(2.0 * l)) * precision - 1.0)
                    }
                };
            }
        }
        sum
    }

    /// The bound on `log p(y)` of each lane, the divergence weighted by `beta`.
    fn bound(&self, windows: &Windows, tape: &Tape, beta: f32) -> Lane {
        let mut sum = ZERO;
        for (t, moment) in tape.path.iter().enumerate().take(windows.y.len()) {
            let divergence = self.divergence(t, moment);
            sum.iter_mut().zip(&divergence).for_each(|(sum, kl)| *sum -= beta * kl);
            for (c, y) in moment.y.iter().enumerate() {
                let noise = self.theta[self.noise + c];
                let precision = Float::exp(-2.0 * noise);
                for (lane, sum) in sum.iter_mut().enumerate() {
                    let rest = windows.y[t][c][lane] - y[lane];
                    let log_p = -0.5 * rest * rest * precision - noise - HALF_LOG_TAU as f32;
                    *sum += windows.seen[t][c][lane] * log_p;
                }
            }
        }
        sum
    }

    /// The gradient of minus the bound per observation.
    fn gradient(&self, windows: &Windows, tape: &Tape, beta: f32) -> Vec<f32> {
        let (d, theta) = (self.latent, &self.theta);
        let mut g = vec![[0.0; 4]; theta.len()];
        let share = 1.0 / windows.observations().max(1.0);
        let weight = beta * share;
        let delta = DELTA as f32;
        let length = tape.path.len();
        let mut dh = vec![vec![ZERO; UNITS]; length];
        let mut dz = vec![ZERO; d];
        for (t, moment) in tape.path.iter().enumerate().rev() {
            let mut dy = vec![ZERO; moment.y.len()];
            for (c, dy) in dy.iter_mut().enumerate() {
                let precision = Float::exp(-2.0 * theta[self.noise + c]);
                for (lane, dy) in dy.iter_mut().enumerate() {
                    let seen = share * windows.seen[t][c][lane];
                    let rest = moment.y[c][lane] - windows.y[t][c][lane];
                    *dy = seen * precision * rest;
                    g[self.noise + c][0] += seen * (1.0 - precision * rest * rest);
                }
            }
            add_to(&mut dz, 1.0, &self.decoder.pull_back(theta, &mut g, &moment.z, &dy));
            let mut dmean = dz.clone();
            if !moment.guide.is_empty() {
                let mut dguide = vec![ZERO; 2 * d];
                let (shift, logs) = moment.guide.split_at(d);
                for i in 0..d {
                    let prior = if t == 0 { 0.0 } else { theta[self.spread + i] };
                    let precision = Float::exp(-2.0 * prior);
                    for lane in 0..LANES {
                        let (m, l, dz) = (shift[i][lane], logs[i][lane], dz[i][lane]);
                        match self.motion {
                            Motion::Flow { sigma } if t > 0 => {
                                dguide[i][lane] = sigma * delta * dz + weight * delta * m;
                            }
                            _ => {
                                let s = Float::exp(l);
                                dguide[i][lane] = dz + weight * m * precision;
                                dguide[d + i][lane] =
                                    dz * s * moment.epsilon[i][lane] + weight * (s * s * precision - 1.0);
                                if t > 0 {
                                    g[self.spread + i][0] += weight * (1.0 - (m * m + s * s) * precision);
                                }
                            }
                        }
                    }
                }
                let dunits = self.guide.pull_back(theta, &mut g, &moment.units, &dguide);
                let dunits = through_tanh(&moment.units, dunits);
                dh[t] = self.look.pull_back(theta, &mut g, &tape.cells[t].h, &dunits);
                if t > 0 {
                    add_to(&mut dmean, 1.0, &self.place.pull_back(theta, &mut g, &moment.mean, &dunits));
                }
            }
            // Back through the stages.
            dz = dmean.clone();
            let mut carried = vec![ZERO; d];
            for ([from, units], &(weight, reach)) in moment.stages.iter().zip(self.motion.stages()).rev() {
                let step = delta * weight;
                let dslope = both(&carried, &dmean, |c, m| c + step * m);
                let dunits = self.field[1].pull_back(theta, &mut g, units, &dslope);
                let dunits = through_tanh(units, dunits);
                let dfrom = self.field[0].pull_back(theta, &mut g, from, &dunits);
                add_to(&mut dz, 1.0, &dfrom);
                let reach = delta * reach;
                carried = each(dfrom, |d| reach * d);
            }
        }
        // Back through the encoder, from the first time, which it reached last.
        let mut carried = vec![ZERO; UNITS];
        for (cell, dh) in tape.cells.iter().zip(&dh) {
            add_to(&mut carried, 1.0, dh);
            let inputs = cell.joined.len() - UNITS;
            let (x, before) = cell.joined.split_at(inputs);
            let (reset, update) = cell.gates.split_at(UNITS);
            let dcandidate = both(&carried, update, |dh, u| dh * (1.0 - u));
            let dcandidate = through_tanh(&cell.candidate, dcandidate);
            let apart = both(before, &cell.candidate, |h, n| h - n);
            let slopes = |gate: &[Lane], d: &[Lane]| both(gate, d, |y, d| y * (1.0 - y) * d);
            let dreset = slopes(reset, &both(&dcandidate, &cell.recalled, |d, m| d * m));
            let dupdate = slopes(update, &both(&carried, &apart, |d, apart| d * apart));
            self.candidate.pull_back(theta, &mut g, x, &dcandidate);
            let drecalled = both(&dcandidate, reset, |d, r| d * r);
            let mut next = both(&carried, update, |d, u| d * u);
            add_to(&mut next, 1.0, &self.memory.pull_back(theta, &mut g, before, &drecalled));
            let djoined = self.gates.pull_back(theta, &mut g, &cell.joined, &[dreset, dupdate].concat());
            add_to(&mut next, 1.0, &djoined[inputs..]);
            carried = next;
        }
        g.into_iter().map(whole).collect()
    }

    /// One step of Adam on windows of the sequences.
    pub fn train(&mut self, sequences: &[Sequence], settings: &Settings, rng: &mut Rng) {
        let share = self.steps as f64 / settings.steps as f64;
        let windows = Windows::draw(sequences, WINDOW, settings.hidden, rng);
        let tape = self.forward(&windows, WINDOW, Some(rng));
        let bound = total(&self.bound(&windows, &tape, 1.0)) / windows.observations().max(1.0);
        let gradient = self.gradient(&windows, &tape, (share / WARM_UP).min(1.0) as f32);
        descend(&mut self.adam, &mut self.theta, gradient, share);
        self.theta[self.noise..self.spread].iter_mut().for_each(|noise| *noise = noise.max(LEAST_NOISE));
        self.steps += 1;
        let bound = bounded(f64::from(bound));
        self.running = if self.steps == 1 { bound } else { 0.97 * self.running + 0.03 * bound };
        self.elbo.push(self.steps as f64, self.running);
    }

    /// What is decoded for each of the sequences, by lane, time and channel, the forecast with it. The deep Markov model goes
    /// through the whole; the latent ODE through windows, whose middles count more than their ends.
    pub fn interpolate(&self, sequences: &[&Sequence], mut rng: Option<&mut Rng>) -> Vec<Vec<Vec<f64>>> {
        let channels = self.decoder.outputs;
        let all = TIMES + FORECAST;
        let window = if self.motion == Motion::Markov { TIMES } else { WINDOW };
        let mut sums = vec![vec![vec![0.0; channels]; all]; sequences.len()];
        let mut weights = vec![0.0; all];
        for from in (0..=TIMES - window).step_by(SHIFT) {
            let parts: Vec<(&Sequence, usize)> = sequences.iter().map(|s| (*s, from)).collect();
            let length = if from + window == TIMES { window + FORECAST } else { window };
            let tape = self.forward(&Windows::new(&parts, window, |_| true), length, rng.as_deref_mut());
            for (t, moment) in tape.path.iter().enumerate() {
                let weight = if t < window { 1.0 + t.min(window - 1 - t) as f64 } else { 1.0 };
                weights[from + t] += weight;
                for (lane, sums) in sums.iter_mut().enumerate() {
                    let sums = sums[from + t].iter_mut().zip(&moment.y);
                    sums.for_each(|(sum, y)| *sum += weight * bounded(f64::from(y[lane])));
                }
            }
        }
        for s in &mut sums {
            s.iter_mut().zip(&weights).for_each(|(y, weight)| y.iter_mut().for_each(|y| *y /= weight));
        }
        sums
    }

    /// The bound per observation on whole sequences, from one path of each.
    pub fn held_out(&self, sequences: &[Sequence], rng: &mut Rng) -> f64 {
        let (mut bound, mut observations) = (0.0, 0.0);
        for part in sequences.chunks_exact(LANES) {
            let parts: Vec<(&Sequence, usize)> = part.iter().map(|s| (s, 0)).collect();
            let windows = Windows::new(&parts, TIMES, |_| true);
            let tape = self.forward(&windows, TIMES, Some(rng));
            bound += f64::from(total(&self.bound(&windows, &tape, 1.0)));
            observations += f64::from(windows.observations());
        }
        bound / observations.max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Source;
    use super::super::kalman::LinearModel;
    use super::*;
    use orrery_core::prelude::SeedableRng;
    use orrery_kernels::linalg::{DMatrix, DVector};
    use orrery_kernels::math::exp;
    use orrery_kernels::ode::RungeKutta4;

    #[test]
    fn the_gradients_of_both_motions_are_slopes() {
        for (data, motion) in [
            (Source::VanDerPol, Motion::Markov),
            (Source::MixedFrequency, Motion::Flow { sigma: 0.0 }),
            (Source::VanDerPol, Motion::Flow { sigma: 0.4 }),
        ] {
            let settings = Settings { data, observed: 0.5, ..Settings::default() };
            let training = settings.data.draws(&settings, LANES, &mut Rng::seed_from_u64(3));
            let rng = &mut Rng::seed_from_u64(4);
            let mut model = Autoencoder::new(motion, 3, data.channels(), rng);
            let parts: Vec<(&Sequence, usize)> = training.iter().map(|s| (s, 5)).collect();
            let windows = Windows::new(&parts, 8, |_| true);
            let theta = model.theta.clone();
            let tape = |model: &Autoencoder| model.forward(&windows, 8, Some(&mut Rng::seed_from_u64(5)));
            let gradient = model.gradient(&windows, &tape(&model), 0.7);
            // Matrix by matrix, along the gradient and along chance.
            let layers = [&model.gates, &model.candidate, &model.memory, &model.look, &model.place, &model.guide]
                .into_iter()
                .chain(&model.field)
                .chain([&model.decoder]);
            let mut ranges: Vec<_> = layers.map(Layer::range).collect();
            ranges.push(model.noise..model.theta.len());
            for (name, range) in ranges.into_iter().enumerate() {
                let chance: Vec<f32> = range.clone().map(|_| rng.sample::<f64, _>(StandardNormal) as f32).collect();
                let size = gradient[range.clone()].iter().map(|g| g * g).sum::<f32>().sqrt().max(1e-6);
                let along: Vec<f32> = gradient[range.clone()].iter().map(|g| g / size).collect();
                for direction in [along, chance] {
                    // Zero where a motion has no use for the layer.
                    let norm = direction.iter().map(|d| d * d).sum::<f32>().sqrt().max(1e-6);
                    let mut loss = |h: f32| {
                        model.theta.clone_from(&theta);
                        let place = model.theta[range.clone()].iter_mut().zip(&direction);
                        place.for_each(|(theta, d)| *theta += h * d / norm);
                        let bound = model.bound(&windows, &tape(&model), 0.7);
                        -f64::from(total(&bound)) / f64::from(windows.observations())
                    };
                    let slope = (loss(5e-3) - loss(-5e-3)) / 1e-2;
                    let mine: f32 = gradient[range.clone()].iter().zip(&direction).map(|(g, d)| g * d / norm).sum();
                    let apart = (slope - f64::from(mine)).abs();
                    assert!(apart < 2e-3 + 0.01 * slope.abs(), "{name}: {mine} {slope}");
                }
            }
        }
    }

    #[test]
    fn of_a_linear_model_the_bound_nears_the_exact_likelihood_from_below() {
        // Without its field each motion is a random walk of known variance, and the Kalman filter has the exact likelihood. What is
        // seen is one coordinate, so that the guide, whose coordinates are independent, can be as good as exact.
        let sigma = 0.4_f64;
        for (motion, variance) in [
            (Motion::Markov, exp(-3.0)),
            (Motion::Flow { sigma: 0.0 }, 0.0),
            (Motion::Flow { sigma: sigma as f32 }, sigma * sigma * DELTA),
        ] {
            let settings = Settings { data: Source::LinearGaussian, observed: 0.5, noise: 0.3, ..Settings::default() };
            let (training, length) = (settings.data.draws(&settings, LANES, &mut Rng::seed_from_u64(8)), 8);
            let parts: Vec<(&Sequence, usize)> = training.iter().map(|s| (s, 0)).collect();
            let windows = Windows::new(&parts, length, |_| true);
            let observations = f64::from(windows.observations());
            let rng = &mut Rng::seed_from_u64(9);
            let mut model = Autoencoder::new(motion, 2, 1, rng);
            let field = model.field[1].range();
            model.theta[field].fill(0.0);
            model.theta[model.decoder.start..][..2].copy_from_slice(&[0.9, 0.0]);
            let linear = LinearModel {
                a: DMatrix::identity(2, 2),
                c: DMatrix::from_row_slice(1, 2, &[0.9, 0.0]),
                q: DMatrix::identity(2, 2) * variance,
                r: vec![0.09],
                m: DVector::zeros(2),
                p: DMatrix::identity(2, 2),
            };
            let exact = training.iter().map(|s| linear.smooth(s, length).score).sum::<f64>() / observations;
            // From 200 draws, with its standard error.
            let bound = |model: &Autoencoder, rng: &mut Rng| {
                let mut draw = || {
                    let tape = model.forward(&windows, length, Some(rng));
                    f64::from(total(&model.bound(&windows, &tape, 1.0))) / observations
                };
                let draws: Vec<f64> = (0..200).map(|_| draw()).collect();
                let mean = draws.iter().sum::<f64>() / 200.0;
                let variance = draws.iter().map(|bound| (bound - mean) * (bound - mean)).sum::<f64>() / 199.0;
                (mean, (variance / 200.0).sqrt())
            };
            let (before, _) = bound(&model, rng);
            // Only the encoder and the guide learn.
            for step in 0..800 {
                let tape = model.forward(&windows, length, Some(rng));
                let mut gradient = model.gradient(&windows, &tape, 1.0);
                gradient[model.field[0].start..].fill(0.0);
                descend(&mut model.adam, &mut model.theta, gradient, f64::from(step) / 800.0);
            }
            let (after, error) = bound(&model, rng);
            assert!(before < exact && after < exact + 3.0 * error, "{before} {after} {exact} {error}");
            assert!(after > exact - 0.1, "{after} {exact}");
        }
    }

    #[test]
    fn the_flow_takes_steps_of_runge_and_kutta() {
        let training = Source::VanDerPol.draws(&Settings::default(), 1, &mut Rng::seed_from_u64(10));
        let rng = &mut Rng::seed_from_u64(11);
        let model = Autoencoder::new(Motion::Flow { sigma: 0.0 }, 3, 1, rng);
        let path = model.forward(&Windows::new(&[(&training[0], 0)], 5, |_| true), 10, None).path;
        let slope = |_: f64, z: &[f64], slope: &mut [f64]| {
            let lanes: Vec<Lane> = z.iter().map(|z| [*z as f32; LANES]).collect();
            let [_, found] = model.slope(&lanes);
            slope.iter_mut().zip(found).for_each(|(slope, found)| *slope = f64::from(found[0]));
        };
        let mut z: Vec<f64> = path[0].z.iter().map(|z| f64::from(z[0])).collect();
        let start = z.clone();
        for moment in &path[1..] {
            RungeKutta4::new(3).step(slope, 0.0, DELTA, &mut z);
            assert!(z.iter().zip(&moment.z).all(|(z, found)| (z - f64::from(found[0])).abs() < 1e-5));
        }
        assert!(z.iter().zip(&start).any(|(z, start)| (z - start).abs() > 0.01));
    }
}
