/** State-space models over 16,384 samples. */
import type { Contender } from './contest.ts';
import { jax } from './libraries.ts';
import { centred, uniform } from './numbers.ts';
import { orrery } from './orrery.ts';

const LENGTH = 16_384;
const STATE = 64;

type Precision = 'float32' | 'float64';

/** Runs a function of constant arrays, again and again; the check is the sum of the squares of what it gives. */
function repeated(f: (...constants: jax.Array[]) => jax.Array, constants: jax.Array[]): Contender {
  const fresh = () => f(...constants.map((constant) => constant.ref));
  return {
    run: async (times) => {
      for (; times > 0; times -= 1) (await jax.blockUntilReady(fresh())).dispose();
    },
    check: async () => Array.from(await fresh().data()).reduce((sum, y) => sum + y ** 2, 0),
  };
}

/**
 * `h_t = e^{Δ_t a} h_{t−1} + Δ_t x_t b_t`, `y_t = c_t h_t`. There is no loop to compile, so the scan doubles its reach
 * from pass to pass, as `jax.lax.associative_scan` does (Hillis and Steele, 1986).
 */
function jaxScan(precision: Precision): Contender {
  const { jit, numpy } = jax;
  const array = (numbers: Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>, ...shape: number[]) =>
    numpy.array(numbers).reshape(shape).astype(numpy[precision]);
  const samples = (of: (t: number) => number) => Float64Array.from({ length: LENGTH }, (_, t) => of(t));
  const constants = [
    array(
      Float64Array.from({ length: STATE }, (_, n) => -(n + 1)),
      1,
      STATE,
    ),
    array(centred(1, LENGTH), LENGTH, 1),
    array(
      samples((t) => 0.001 + 0.02 * uniform(2, t)),
      LENGTH,
      1,
    ),
    array(centred(3, LENGTH * STATE), LENGTH, STATE),
    array(centred(4, LENGTH * STATE), LENGTH, STATE),
  ];
  const prepare = jit((a: jax.Array, x: jax.Array, delta: jax.Array, b: jax.Array) => [
    numpy.exp(delta.ref.mul(a)),
    delta.mul(x).mul(b),
  ]);
  const reaches = Array.from({ length: Math.log2(LENGTH) }, (_, pass) => 2 ** pass);
  const passes = reaches.map((reach) =>
    jit((decay: jax.Array, state: jax.Array) => {
      const before = (x: jax.Array) =>
        numpy.pad(x.slice([0, LENGTH - reach]), [
          [reach, 0],
          [0, 0],
        ]);
      // Before the beginning the state is zero, so that the decay there does not matter.
      const next = state.ref.add(decay.ref.mul(before(state)));
      return [decay.ref.mul(before(decay)), next];
    }),
  );
  const read = jit((c: jax.Array, state: jax.Array) => c.mul(state).sum(1));
  return repeated((a, x, delta, b, c) => {
    let [decay, state] = prepare(a, x, delta, b) as jax.Array[];
    for (const pass of passes) [decay, state] = pass(decay, state) as jax.Array[];
    decay.dispose();
    return read(c, state) as jax.Array;
  }, constants);
}

/** `K_l = 2 Re Σ_n c_n (e^{Δa_n} − 1) / a_n e^{Δa_n l}`, as S4D's authors write it, in real numbers. */
function jaxKernel(precision: Precision): Contender {
  const { jit, numpy } = jax;
  const step = 0.001;
  const modes = Array.from({ length: STATE / 2 }, (_, n) => n);
  const column = (of: (n: number) => number) =>
    numpy
      .array(Float64Array.from(modes, of))
      .reshape([STATE / 2, 1])
      .astype(numpy[precision]);
  const kernel = jit((decay: jax.Array, turn: jax.Array, re: jax.Array, im: jax.Array) => {
    const l = numpy.arange(LENGTH, undefined, undefined, { dtype: numpy[precision] }).reshape([1, LENGTH]);
    // w = c (e^{Δa} − 1) / a, with a = decay + i turn.
    const grown = numpy.exp(decay.ref.mul(step));
    const lessOne = grown.ref.mul(numpy.cos(turn.ref.mul(step))).sub(1);
    const sine = grown.mul(numpy.sin(turn.ref.mul(step)));
    const size = decay.ref.mul(decay.ref).add(turn.ref.mul(turn.ref));
    const meanRe = lessOne.ref.mul(decay.ref).add(sine.ref.mul(turn.ref)).div(size.ref);
    const meanIm = sine.mul(decay.ref).sub(lessOne.mul(turn.ref)).div(size);
    const weightRe = re.ref.mul(meanRe.ref).sub(im.ref.mul(meanIm.ref));
    const weightIm = re.mul(meanIm).add(im.mul(meanRe));
    const phase = turn.mul(step).mul(l.ref);
    const wave = weightRe.mul(numpy.cos(phase.ref)).sub(weightIm.mul(numpy.sin(phase)));
    return numpy.exp(decay.mul(step).mul(l)).mul(wave).sum(0).mul(2);
  });
  const constants = [
    column(() => -0.5),
    column((n) => Math.PI * n),
    column((n) => uniform(1, n)),
    column((n) => uniform(2, n)),
  ];
  return repeated((a, b, re, im) => kernel(a, b, re, im) as jax.Array, constants);
}

export const selectiveScan = async (): Promise<Record<string, Contender>> => ({
  orrery: orrery('selective_scan'),
  'jax-js f32': jaxScan('float32'),
  'jax-js f64': jaxScan('float64'),
});

export const s4dKernel = async (): Promise<Record<string, Contender>> => ({
  orrery: orrery('s4d_kernel'),
  'jax-js f32': jaxKernel('float32'),
  'jax-js f64': jaxKernel('float64'),
});
