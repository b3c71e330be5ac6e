/** Iterations of Sinkhorn between 1024 points and 1024 points of equal masses. */
import type { Contender } from './contest.ts';
import { jax, tf } from './libraries.ts';
import { cost, ETA, POINTS, price, scaledPrice } from './numbers.ts';
import { orrery } from './orrery.ts';

type Precision = 'float32' | 'float64';

const MASS = 1 / POINTS;
const distances = cost();
/** Numbers made of the distances, in a precision. */
const single = (of: (distance: number) => number) => Float32Array.from(distances, of);
const made = (of: (distance: number) => number, precision: Precision) =>
  precision === 'float32' ? single(of) : Float64Array.from(distances, of);

/** Potentials `f`, `g` of the plan `a e^{f_i + g_j - η c_ij}`: the columns first, as POT and OTT do. */
function jaxLog(precision: Precision): Contender {
  const { jit, nn, numpy } = jax;
  const dtype = numpy[precision];
  const exponents = numpy.array(made((c) => -ETA * c, precision)).reshape([POINTS, POINTS]);
  const iterate = jit((m: jax.Array, f: jax.Array) => {
    const g = nn
      .logsumexp(m.ref.add(f.reshape([POINTS, 1])), 0)
      .neg()
      .add(Math.log(MASS));
    const next = nn
      .logsumexp(m.add(g.ref.reshape([1, POINTS])), 1)
      .neg()
      .add(Math.log(MASS));
    return [next, g];
  });
  let f = numpy.zeros([POINTS], { dtype });
  let g = numpy.zeros([POINTS], { dtype });
  return {
    run: async (times) => {
      for (; times > 0; times -= 1) {
        g.dispose();
        [f, g] = iterate(exponents.ref, f) as jax.Array[];
        await jax.blockUntilReady([f, g]);
      }
    },
    check: async () => price(distances, await f.ref.data(), await g.ref.data()),
  };
}

function tfjsLog(): Contender {
  const exponents = tf.tensor2d(
    single((c) => -ETA * c),
    [POINTS, POINTS],
  );
  const logMass = tf.scalar(Math.log(MASS));
  let f: tf.Tensor = tf.zeros([POINTS]);
  let g: tf.Tensor = tf.zeros([POINTS]);
  return {
    run: (times) => {
      for (; times > 0; times -= 1) {
        const before = [f, g];
        [f, g] = tf.tidy(() => {
          const g = tf.sub(logMass, tf.logSumExp(tf.add(exponents, tf.reshape(f, [POINTS, 1])), 0));
          return [tf.sub(logMass, tf.logSumExp(tf.add(exponents, g), 1)), g];
        });
        tf.dispose(before);
      }
    },
    check: () => price(distances, f.dataSync(), g.dataSync()),
  };
}

/** In the log domain. */
export async function logDomain(precision: Precision): Promise<Record<string, Contender>> {
  if (precision === 'float64') return { orrery: orrery('sinkhorn_log_f64'), 'jax-js': jaxLog(precision) };
  return { orrery: orrery('sinkhorn_log_f32'), 'jax-js': jaxLog(precision), 'tfjs-wasm': tfjsLog() };
}

/** Scalings `u`, `v` of the kernel `e^{-η c_ij}`. */
function jaxScaling(precision: Precision): Contender {
  const { jit, numpy } = jax;
  const dtype = numpy[precision];
  const kernel = numpy.array(made((c) => Math.exp(-ETA * c), precision)).reshape([POINTS, POINTS]);
  const iterate = jit((k: jax.Array, u: jax.Array) => {
    const v = numpy.reciprocal(numpy.vecmat(u, k.ref)).mul(MASS);
    const next = numpy.reciprocal(numpy.matvec(k, v.ref)).mul(MASS);
    return [next, v];
  });
  let u = numpy.ones([POINTS], { dtype });
  let v = numpy.ones([POINTS], { dtype });
  return {
    run: async (times) => {
      for (; times > 0; times -= 1) {
        v.dispose();
        [u, v] = iterate(kernel.ref, u) as jax.Array[];
        await jax.blockUntilReady([u, v]);
      }
    },
    check: async () => scaledPrice(distances, await u.ref.data(), await v.ref.data()),
  };
}

function tfjsScaling(): Contender {
  const kernel = tf.tensor2d(
    single((c) => Math.exp(-ETA * c)),
    [POINTS, POINTS],
  );
  let u: tf.Tensor2D = tf.ones([POINTS, 1]);
  let v: tf.Tensor2D = tf.ones([POINTS, 1]);
  return {
    run: (times) => {
      for (; times > 0; times -= 1) {
        const before = [u, v];
        [u, v] = tf.tidy(() => {
          const v = tf.div(MASS, tf.matMul(kernel, u, true)) as tf.Tensor2D;
          return [tf.div(MASS, tf.matMul(kernel, v)) as tf.Tensor2D, v];
        });
        tf.dispose(before);
      }
    },
    check: () => scaledPrice(distances, u.dataSync(), v.dataSync()),
  };
}

/** What one writes by hand: two passes over the kernel, one by columns. */
function plain(precision: Precision): Contender {
  const Numbers = precision === 'float32' ? Float32Array : Float64Array;
  const kernel = made((c) => Math.exp(-ETA * c), precision);
  const u = new Numbers(POINTS).fill(1);
  const v = new Numbers(POINTS).fill(1);
  const iterate = () => {
    v.fill(0);
    for (let i = 0; i < POINTS; i += 1)
      for (let j = 0; j < POINTS; j += 1) v[j] += u[i] * kernel[i * POINTS + j];
    for (let j = 0; j < POINTS; j += 1) v[j] = MASS / v[j];
    for (let i = 0; i < POINTS; i += 1) {
      let sum = 0;
      for (let j = 0; j < POINTS; j += 1) sum += kernel[i * POINTS + j] * v[j];
      u[i] = MASS / sum;
    }
  };
  return {
    run: (times) => {
      for (; times > 0; times -= 1) iterate();
    },
    check: () => scaledPrice(distances, u, v),
  };
}

/** In the scaling form. */
export async function scaling(precision: Precision): Promise<Record<string, Contender>> {
  const both = { 'jax-js': jaxScaling(precision), 'plain JS': plain(precision) };
  if (precision === 'float64') return { orrery: orrery('sinkhorn_scaling_f64'), ...both };
  return { orrery: orrery('sinkhorn_scaling_f32'), ...both, 'tfjs-wasm': tfjsScaling() };
}
