//! Numbers that look random and are the same here, in the page's peers and in the native ones.

use orrery_kernels::math::Float;
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
pub fn centred<T: Float>(seed: u32, count: usize) -> Vec<T> {
    (0..count).map(|i| T::of(2.0 * uniform(seed, i) - 1.0)).collect()
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

/// What the plan `e^{u_i + v_j - η c_ij}` of two potentials costs.
pub fn price<T: Copy + Into<f64>>(u: &[T], v: &[T]) -> f64 {
    let entry = |(k, cost): (usize, f64)| cost * exp(u[k / POINTS].into() + v[k % POINTS].into() - ETA * cost);
    cost().into_iter().enumerate().map(entry).sum()
}
