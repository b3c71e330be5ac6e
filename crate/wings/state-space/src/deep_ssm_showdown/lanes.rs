//! Networks that pass several sequences through side by side, and their way back.

use super::data::{Sequence, TIMES};
use orrery_core::Rng;
use orrery_core::prelude::RngExt;
use orrery_kernels::math::{Float, PI, cos};
use orrery_kernels::networks::{Initialization, Parameters};
use orrery_kernels::optim::{Adam, Optimizer};

/// Sequences side by side in one pass of a network, and units of its layers.
pub const LANES: usize = 16;
pub const UNITS: usize = 24;
/// Adam's greatest rate, and the greatest length of a gradient.
pub const RATE: f64 = 0.02;
const CLIP: f64 = 1.0;

/// One number for each of the sequences that are passed through side by side.
pub type Lane = [f32; LANES];
pub const ZERO: Lane = [0.0; LANES];

pub fn each(mut x: Vec<Lane>, f: impl Fn(f32) -> f32 + Copy) -> Vec<Lane> {
    x.as_flattened_mut().iter_mut().for_each(|x| *x = f(*x));
    x
}

pub fn both(x: &[Lane], y: &[Lane], f: impl Fn(f32, f32) -> f32 + Copy) -> Vec<Lane> {
    x.iter().zip(y).map(|(x, y)| std::array::from_fn(|lane| f(x[lane], y[lane]))).collect()
}

/// `sum ← sum + factor x`.
pub fn add_to(sum: &mut [Lane], factor: f32, x: &[Lane]) {
    sum.as_flattened_mut().iter_mut().zip(x.as_flattened()).for_each(|(sum, x)| *sum += factor * x);
}

/// `y = W x + b`, its entries at one place of the parameters: `W` by inputs, then `b`.
#[derive(Clone, Copy)]
pub struct Layer {
    pub start: usize,
    pub inputs: usize,
    pub outputs: usize,
}

impl Layer {
    pub fn new(parameters: &mut Parameters, name: &str, [inputs, outputs]: [usize; 2], scale: f64) -> Self {
        let start = parameters.count();
        let deviation = scale * Initialization::LeCun.deviation(inputs, outputs);
        parameters.weights(format!("{name}.weight"), inputs, outputs, deviation);
        parameters.row(format!("{name}.bias"), outputs, 0.0);
        Self { start, inputs, outputs }
    }

    /// Where its parameters stand.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.start..self.start + (self.inputs + 1) * self.outputs
    }

    pub fn apply(&self, theta: &[f32], x: &[Lane]) -> Vec<Lane> {
        let (weights, bias) = theta[self.range()].split_at(self.inputs * self.outputs);
        let mut y: Vec<Lane> = bias.iter().map(|bias| [*bias; LANES]).collect();
        // Two outputs at once share what is loaded of `x`.
        for (o, y) in y.chunks_mut(2).enumerate() {
            let rows = x.iter().zip(weights.chunks_exact(self.outputs));
            if let [first, second] = y {
                let (mut a, mut b) = (*first, *second);
                for (x, row) in rows {
                    let (v, w) = (row[2 * o], row[2 * o + 1]);
                    for lane in 0..LANES {
                        a[lane] += v * x[lane];
                        b[lane] += w * x[lane];
                    }
                }
                (*first, *second) = (a, b);
            } else {
                rows.for_each(|(x, row)| y[0].iter_mut().zip(x).for_each(|(y, x)| *y += row[2 * o] * x));
            }
        }
        y
    }

    /// Adds to the gradient what the adjoint `dy` says of `W` and `b`; gives the adjoint of `x`.
    pub fn pull_back(&self, theta: &[f32], gradient: &mut [Quarter], x: &[Lane], dy: &[Lane]) -> Vec<Lane> {
        let weights = &theta[self.start..][..self.inputs * self.outputs];
        let (by_weights, by_bias) = gradient[self.range()].split_at_mut(self.inputs * self.outputs);
        by_bias.iter_mut().zip(dy).for_each(|(g, dy)| gather(g, dy, &[1.0; LANES]));
        let rows = weights.chunks_exact(self.outputs).zip(by_weights.chunks_exact_mut(self.outputs));
        let input = |(x, (row, by_row)): (&Lane, (&[f32], &mut [Quarter]))| {
            let (x, mut dx) = (*x, ZERO);
            for ((w, g), dy) in row.iter().zip(by_row).zip(dy) {
                for lane in 0..LANES {
                    dx[lane] += w * dy[lane];
                }
                gather(g, &x, dy);
            }
            dx
        };
        x.iter().zip(rows).map(input).collect()
    }
}

/// A sum over lanes in four parts, so that none waits for another; they are added up once at the end.
pub type Quarter = [f32; 4];

#[inline(always)]
fn gather(sum: &mut Quarter, x: &Lane, y: &Lane) {
    for (i, sum) in sum.iter_mut().enumerate() {
        *sum += (x[i] * y[i] + x[i + 4] * y[i + 4]) + (x[i + 8] * y[i + 8] + x[i + 12] * y[i + 12]);
    }
}

pub fn whole([a, b, c, d]: Quarter) -> f32 {
    (a + b) + (c + d)
}

pub fn inner(x: &Lane, y: &Lane) -> f32 {
    let mut sum = [0.0; 4];
    gather(&mut sum, x, y);
    whole(sum)
}

pub fn total(x: &Lane) -> f32 {
    inner(x, &[1.0; LANES])
}

pub fn tanh(x: f32) -> f32 {
    Float::tanh(x)
}

pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + Float::exp(-x))
}

/// The adjoint of `x` from that of `y = tanh x`.
pub fn through_tanh(y: &[Lane], mut dy: Vec<Lane>) -> Vec<Lane> {
    dy.as_flattened_mut().iter_mut().zip(y.as_flattened()).for_each(|(dy, y)| *dy *= 1.0 - y * y);
    dy
}

/// Windows of [`LANES`] sequences side by side: by time what is seen of each channel, and what the encoder sees.
pub struct Windows {
    pub y: Vec<Vec<Lane>>,
    pub seen: Vec<Vec<Lane>>,
    /// For each channel what the encoder sees of it, and whether it does.
    pub inputs: Vec<Vec<Lane>>,
}

impl Windows {
    /// `parts` has a sequence and a first time for each lane; `keep` says whether the encoder may see an observation.
    pub fn new(parts: &[(&Sequence, usize)], length: usize, mut keep: impl FnMut(usize) -> bool) -> Self {
        let channels = parts.first().map_or(1, |part| part.0.y[0].len());
        let (mut y, mut seen) = (vec![vec![ZERO; channels]; length], vec![vec![ZERO; channels]; length]);
        let mut inputs = vec![vec![ZERO; 2 * channels]; length];
        for (lane, (s, from)) in parts.iter().enumerate() {
            for t in 0..length {
                for c in (0..channels).filter(|&c| s.seen[from + t][c]) {
                    y[t][c][lane] = s.y[from + t][c] as f32;
                    seen[t][c][lane] = 1.0;
                    if keep(lane) {
                        inputs[t][2 * c][lane] = y[t][c][lane];
                        inputs[t][2 * c + 1][lane] = 1.0;
                    }
                }
            }
        }
        Self { y, seen, inputs }
    }

    /// Windows of chance, of which up to a share `most` is hidden from the encoder, another share for each.
    pub fn draw(sequences: &[Sequence], length: usize, most: f64, rng: &mut Rng) -> Self {
        let mut part = || {
            let s = &sequences[rng.random_range(0..sequences.len() as u32) as usize];
            (s, rng.random_range(0..=(TIMES - length) as u32) as usize)
        };
        let parts: Vec<(&Sequence, usize)> = (0..LANES).map(|_| part()).collect();
        let hidden: [f64; LANES] = std::array::from_fn(|_| most * rng.random::<f64>());
        Self::new(&parts, length, |lane| rng.random::<f64>() >= hidden[lane])
    }

    pub fn observations(&self) -> f32 {
        self.seen.iter().flatten().map(total).sum()
    }
}

/// One step of Adam along a gradient that is no longer than [`CLIP`], at a rate that falls as half a cosine.
pub fn descend(adam: &mut Adam<f32>, theta: &mut [f32], mut gradient: Vec<f32>, share: f64) {
    let size = gradient.iter().map(|g| f64::from(g * g)).sum::<f64>().sqrt();
    if !size.is_finite() {
        return;
    }
    let factor = (CLIP / size.max(CLIP)) as f32;
    gradient.iter_mut().for_each(|g| *g *= factor);
    *adam.rate() = RATE * 0.5 * (1.0 + cos(PI * share));
    adam.step(theta, &gradient);
}
