/** The numbers of `crate/bench/src/data.rs`, to the bit. */

/** The `i`-th number of stream `seed`, in [0, 1), with 24 bits. */
export function uniform(seed: number, i: number): number {
  let z = Math.imul(i + Math.imul(seed, 1_000_003), 0x9e3779b1);
  z ^= z >>> 15;
  z = Math.imul(z, 0x85ebca77);
  z ^= z >>> 13;
  return (z >>> 8) / (1 << 24);
}

/** `count` numbers of stream `seed`, evenly spread over [-1, 1), times `scale`. */
export const centred = (seed: number, count: number, scale = 1) =>
  Float32Array.from({ length: count }, (_, i) => Math.fround(2 * uniform(seed, i) - 1) * scale);

/** Points of each side of the transport problem. */
export const POINTS = 1024;
/** The strength of its entropy, as the factor of the cost in the exponent. */
export const ETA = 20;

/** Squared distances between two sets of points of the unit square, by rows. */
export function cost(): Float64Array {
  const point = (seed: number, i: number) => [uniform(seed, 2 * i), uniform(seed, 2 * i + 1)];
  return Float64Array.from({ length: POINTS * POINTS }, (_, k) => {
    const [x, y] = point(1, Math.floor(k / POINTS));
    const [z, w] = point(2, k % POINTS);
    return (x - z) ** 2 + (y - w) ** 2;
  });
}

/** What the plan `e^{u_i + v_j - η c_ij}` of two potentials costs. */
export const price = (cost: Float64Array, u: ArrayLike<number>, v: ArrayLike<number>) =>
  cost.reduce((sum, c, k) => sum + c * Math.exp(u[Math.floor(k / POINTS)] + v[k % POINTS] - ETA * c), 0);

/** What the plan `u_i e^{-η c_ij} v_j` of two scalings costs. */
export const scaledPrice = (cost: Float64Array, u: ArrayLike<number>, v: ArrayLike<number>) =>
  cost.reduce((sum, c, k) => sum + c * u[Math.floor(k / POINTS)] * Math.exp(-ETA * c) * v[k % POINTS], 0);
