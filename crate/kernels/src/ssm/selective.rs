//! Recurrences whose coefficients depend on the input: selective state spaces.

use crate::math::exp_wide;

/// The selective scan S6 of D channels with N states each over L samples,
///
/// `h_t = e^{Δ_t A} h_{t−1} + Δ_t B_t x_t`, `y_t = C_t h_t + D x_t`, from `h_0 = 0`,
///
/// where each channel has its own `Δ`, `A`, `D` and `h`, and all share `B` and `C`: A. Gu, T. Dao, "Mamba: Linear-Time
/// Sequence Modeling with Selective State Spaces", 2023, algorithm 2. All by rows.
#[derive(Clone, Copy, Debug)]
pub struct Selective<'a> {
    /// `A`, D x N: rates, negative where the state is to fade.
    pub a: &'a [f64],
    /// `D`, D: what passes straight through.
    pub skip: &'a [f64],
    /// `x`, L x D: the input.
    pub x: &'a [f64],
    /// `Δ`, L x D: step lengths, positive.
    pub delta: &'a [f64],
    /// `B`, L x N: how the input enters.
    pub b: &'a [f64],
    /// `C`, L x N: how the state is read.
    pub c: &'a [f64],
}

/// The gradient of a function of the output in each part of [`Selective`], in the same shapes.
#[derive(Clone, Debug, PartialEq)]
pub struct SelectiveGradient {
    /// By `A`.
    pub a: Vec<f64>,
    /// By `D`.
    pub skip: Vec<f64>,
    /// By `x`.
    pub x: Vec<f64>,
    /// By `Δ`.
    pub delta: Vec<f64>,
    /// By `B`.
    pub b: Vec<f64>,
    /// By `C`.
    pub c: Vec<f64>,
}

/// States side by side in registers.
const LANES: usize = 4;
/// Samples between the states that the gradient keeps.
const BLOCK: usize = 64;

impl Selective<'_> {
    /// `y`, L x D.
    ///
    /// # Panics
    /// If the shapes do not fit together.
    pub fn scan(&self) -> Vec<f64> {
        let (channels, n) = self.shape();
        let (mut h, mut decay) = (vec![0.0; channels * n], vec![0.0; n]);
        let mut y = Vec::with_capacity(self.x.len());
        for (t, (x, delta)) in
            self.x.chunks_exact(channels.max(1)).zip(self.delta.chunks_exact(channels.max(1))).enumerate()
        {
            let (b, c) = (&self.b[t * n..(t + 1) * n], &self.c[t * n..(t + 1) * n]);
            for d in 0..channels {
                let states = d * n..(d + 1) * n;
                decays(&mut decay, &self.a[states.clone()], delta[d]);
                let h = &mut h[states];
                advance(h, &decay, delta[d] * x[d], b);
                y.push(inner(c, h) + self.skip[d] * x[d]);
            }
        }
        y
    }

    /// The gradient, from that by the output, `dy` (L x D).
    ///
    /// # Panics
    /// If the shapes do not fit together.
    pub fn gradient(&self, dy: &[f64]) -> SelectiveGradient {
        assert_eq!(dy.len(), self.x.len(), "a gradient for each output");
        let (channels, n) = self.shape();
        let zeros = |like: &[f64]| vec![0.0; like.len()];
        let mut gradient = SelectiveGradient {
            a: zeros(self.a),
            skip: zeros(self.skip),
            x: zeros(self.x),
            delta: zeros(self.x),
            b: zeros(self.b),
            c: zeros(self.c),
        };
        // States are kept where a block starts, and made again inside it: row i + 1 of `h` is the state after its sample i.
        let (mut starts, mut h, mut decay) = (Vec::new(), vec![0.0; (BLOCK + 1) * n], vec![0.0; BLOCK * n]);
        let (mut g, mut by_exponent) = (vec![0.0; n], vec![0.0; n]);
        let length = dy.len() / channels.max(1);
        for d in 0..channels {
            let a = &self.a[d * n..(d + 1) * n];
            let at = |t: usize| t * channels + d;
            let forward = |block: usize, h: &mut [f64], decay: &mut [f64]| {
                let samples = block * BLOCK..length.min((block + 1) * BLOCK);
                for (i, t) in samples.clone().enumerate() {
                    let (before, after) = h[i * n..(i + 2) * n].split_at_mut(n);
                    let decay = &mut decay[i * n..(i + 1) * n];
                    decays(decay, a, self.delta[at(t)]);
                    after.copy_from_slice(before);
                    advance(after, decay, self.delta[at(t)] * self.x[at(t)], &self.b[t * n..(t + 1) * n]);
                }
                samples
            };
            starts.clear();
            h[..n].fill(0.0);
            for block in 0..length.div_ceil(BLOCK) {
                starts.extend_from_slice(&h[..n]);
                let count = forward(block, &mut h, &mut decay).len();
                h.copy_within(count * n..(count + 1) * n, 0);
            }
            g.fill(0.0);
            for block in (0..length.div_ceil(BLOCK)).rev() {
                h[..n].copy_from_slice(&starts[block * n..(block + 1) * n]);
                let samples = forward(block, &mut h, &mut decay);
                for (i, t) in samples.enumerate().rev() {
                    let (x, delta, dy) = (self.x[at(t)], self.delta[at(t)], dy[at(t)]);
                    let (before, after) = h[i * n..(i + 2) * n].split_at(n);
                    let (decay, row) = (&decay[i * n..(i + 1) * n], t * n..(t + 1) * n);
                    add(&mut gradient.c[row.clone()], dy, after);
                    add(&mut g, dy, &self.c[row.clone()]);
                    let through_input = inner(&g, &self.b[row.clone()]);
                    add(&mut gradient.b[row], delta * x, &g);
                    // By h_{t−1} on the way to the sample before, and times h_{t−1} by the exponent Δ A.
                    g.iter_mut().zip(decay).for_each(|(g, decay)| *g *= decay);
                    by_exponent.iter_mut().zip(&g).zip(before).for_each(|((by, g), h)| *by = g * h);
                    add(&mut gradient.a[d * n..(d + 1) * n], delta, &by_exponent);
                    gradient.skip[d] += dy * x;
                    gradient.x[at(t)] = dy * self.skip[d] + through_input * delta;
                    gradient.delta[at(t)] = inner(&by_exponent, a) + through_input * x;
                }
            }
        }
        gradient
    }

    /// D and N.
    fn shape(&self) -> (usize, usize) {
        let channels = self.skip.len();
        let each = |all: &[f64]| all.len().checked_div(channels).unwrap_or(0);
        let (n, length) = (each(self.a), each(self.x));
        assert_eq!(self.a.len(), channels * n, "rates of a state");
        assert_eq!((self.x.len(), self.delta.len()), (length * channels, length * channels), "samples of a channel");
        assert_eq!((self.b.len(), self.c.len()), (length * n, length * n), "input and read-out weights of a state");
        (channels, n)
    }
}

/// `e^{Δ a}`: in a loop of its own, which runs in SIMD registers.
fn decays(decay: &mut [f64], a: &[f64], delta: f64) {
    for (decay, a) in decay.iter_mut().zip(a) {
        *decay = exp_wide(delta * a);
    }
}

/// `h ← decay ∘ h + input b`.
fn advance(h: &mut [f64], decay: &[f64], input: f64, b: &[f64]) {
    for ((h, decay), b) in h.iter_mut().zip(decay).zip(b) {
        *h = decay * *h + input * b;
    }
}

/// `y ← y + factor x`.
fn add(y: &mut [f64], factor: f64, x: &[f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += factor * x;
    }
}

/// `⟨x, y⟩`, in sums that do not wait for each other.
fn inner(x: &[f64], y: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let [(x4, x_rest), (y4, y_rest)] = [x, y].map(|row| row.as_chunks::<LANES>());
    for (x, y) in x4.iter().zip(y4) {
        for i in 0..LANES {
            sums[i] += x[i] * y[i];
        }
    }
    for (sum, (x, y)) in sums.iter_mut().zip(x_rest.iter().zip(y_rest)) {
        *sum += x * y;
    }
    (sums[0] + sums[2]) + (sums[1] + sums[3])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::exp;
    use crate::ssm::associative_scan;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    struct Parts([Vec<f64>; 6]);

    impl Parts {
        fn problem(&self) -> Selective<'_> {
            let [a, skip, x, delta, b, c] = &self.0;
            Selective { a, skip, x, delta, b, c }
        }
    }

    fn parts() -> impl Strategy<Value = Parts> {
        (1_usize..4, 1_usize..11, 0_usize..150).prop_flat_map(|(channels, n, length)| {
            let some = |range: std::ops::Range<f64>, count| prop::collection::vec(range, count);
            let each = [some(-1.0..1.0, channels), some(-1.0..1.0, length * channels)];
            let [b, c] = [some(-1.0..1.0, length * n), some(-1.0..1.0, length * n)];
            let (a, delta, [skip, x]) = (some(-3.0..0.0, channels * n), some(0.01..1.0, length * channels), each);
            (a, skip, x, delta, b, c).prop_map(|(a, skip, x, delta, b, c)| Parts([a, skip, x, delta, b, c]))
        })
    }

    proptest! {
        #[test]
        fn it_is_the_parallel_scan_of_its_affine_maps(parts in parts()) {
            let Selective { a, skip, x, delta, b, c } = parts.problem();
            let (channels, n) = parts.problem().shape();
            let mut expected: Vec<f64> = x.iter().enumerate().map(|(at, x)| skip[at % channels] * x).collect();
            for (d, i) in (0..channels).flat_map(|d| (0..n).map(move |i| (d, i))) {
                let map = |t: usize| {
                    let at = t * channels + d;
                    (exp(delta[at] * a[d * n + i]), delta[at] * b[t * n + i] * x[at])
                };
                let mut maps: Vec<_> = (0..x.len() / channels).map(map).collect();
                associative_scan(&mut maps, |(a, b), (c, d)| (c * a, c * b + d));
                maps.iter().enumerate().for_each(|(t, (_, h))| expected[t * channels + d] += c[t * n + i] * h);
            }
            let found = parts.problem().scan();
            prop_assert_eq!(found.len(), expected.len());
            prop_assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12));
        }

        #[test]
        fn the_gradient_is_the_slope_in_every_direction(parts in parts()) {
            let y = parts.problem().scan();
            let weight = |k: usize| ((k * k % 13) as f64 - 6.0) / 6.0;
            let dy: Vec<f64> = (0..y.len()).map(weight).collect();
            let gradient = parts.problem().gradient(&dy);
            let f = |parts: &Parts| parts.problem().scan().iter().zip(&dy).map(|(y, dy)| y * dy).sum::<f64>();
            let SelectiveGradient { a, skip, x, delta, b, c } = gradient;
            for (part, gradient) in [a, skip, x, delta, b, c].into_iter().enumerate() {
                let direction: Vec<f64> = (0..gradient.len()).map(|k| weight(k + 3)).collect();
                let moved = |h: f64| {
                    let mut parts = parts.clone();
                    parts.0[part].iter_mut().zip(&direction).for_each(|(value, along)| *value += h * along);
                    parts
                };
                // Four points: long memories have steep third derivatives.
                let h = 1e-4;
                let across = |h: f64| f(&moved(h)) - f(&moved(-h));
                let slope = (8.0 * across(h) - across(2.0 * h)) / (12.0 * h);
                let found: f64 = gradient.iter().zip(&direction).map(|(g, along)| g * along).sum();
                prop_assert!((slope - found).abs() < 1e-6 * (1.0 + slope.abs()), "part {}: {} {}", part, slope, found);
            }
        }
    }

    #[test]
    fn with_constant_coefficients_it_is_a_low_pass() {
        let length = 40;
        let (ones, steps) = (vec![1.0; length], vec![0.25; length]);
        let problem = Selective { a: &[-2.0], skip: &[0.5], x: &ones, delta: &steps, b: &ones, c: &ones };
        let decay = exp(-0.5);
        let mut power = 1.0;
        for y in problem.scan() {
            power *= decay;
            assert!((y - 0.5 - 0.25 * (1.0 - power) / (1.0 - decay)).abs() < 1e-15);
        }
    }
}
