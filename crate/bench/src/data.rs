//! Numbers that look random and are the same here, in the page's peers and in the native ones.

use orrery_kernels::math::exp;

/// The `i`-th number of stream `seed`, in [0, 1), with 24 bits: exact in single precision too.
pub fn uniform(seed: u32, i: usize) -> f64 {
    let mut z = (i as u32).wrapping_add(seed.wrapping_mul(1_000_003)).wrapping_mul(0x9e37_79b1);
    z ^= z >> 15;
    z = z.wrapping_mul(0x85eb_ca77);
    z ^= z >> 13;
    f64::from(z >> 8) / f64::from(1 << 24)
}

/// `count` numbers of stream `seed`, evenly spread over [-1, 1).
pub fn centred(seed: u32, count: usize) -> Vec<f64> {
    (0..count).map(|i| 2.0 * uniform(seed, i) - 1.0).collect()
}

/// The same in single precision, times `scale`.
pub fn centred_f32(seed: u32, count: usize, scale: f32) -> Vec<f32> {
    centred(seed, count).into_iter().map(|x| x as f32 * scale).collect()
}

/// Points of each side of the transport problem.
pub const POINTS: usize = 1024;
/// The strength of its entropy, as the factor of the cost in the exponent.
pub const ETA: f64 = 20.0;

/// Squared distances between two sets of [`POINTS`] points of the unit square, by rows.
pub fn cost() -> Vec<f64> {
    let point = |seed: u32, i: usize| (uniform(seed, 2 * i), uniform(seed, 2 * i + 1));
    let pair = |k: usize| {
        let ((x, y), (z, w)) = (point(1, k / POINTS), point(2, k % POINTS));
        (x - z) * (x - z) + (y - w) * (y - w)
    };
    (0..POINTS * POINTS).map(pair).collect()
}

/// What the potentials' plan `e^{u_i + v_j - η c_ij}` costs: a check that needs no more than the potentials.
pub fn price(cost: &[f64], u: impl Fn(usize) -> f64, v: impl Fn(usize) -> f64) -> f64 {
    let entry = |(k, cost): (usize, &f64)| cost * exp(u(k / POINTS) + v(k % POINTS) - ETA * cost);
    cost.iter().enumerate().map(entry).sum()
}
