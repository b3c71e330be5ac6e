/** A product of two 512 x 512 matrices. */
import type { Contender } from './contest.ts';
import { jax, ort, tf } from './libraries.ts';
import { centred } from './numbers.ts';
import { product } from './onnx.ts';
import { orrery } from './orrery.ts';

const SIZE = 512;
const entries = () => [1, 2].map((seed) => centred(seed, SIZE * SIZE));
const sumOfSquares = (entries: ArrayLike<number>) =>
  Array.from(entries).reduce((sum, entry) => sum + entry ** 2, 0);

function tfjs(): Contender {
  const [a, b] = entries().map((matrix) => tf.tensor2d(matrix, [SIZE, SIZE]));
  return {
    run: (times) => {
      for (; times > 0; times -= 1) tf.matMul(a, b).dispose();
    },
    check: () => sumOfSquares(tf.tidy(() => tf.matMul(a, b).dataSync())),
  };
}

async function onnxruntime(): Promise<Contender> {
  const session = await ort.InferenceSession.create(product(SIZE), { executionProviders: ['wasm'] });
  const [a, b] = entries().map((matrix) => new ort.Tensor(matrix, [SIZE, SIZE]));
  return {
    run: async (times) => {
      for (; times > 0; times -= 1) await session.run({ a, b });
    },
    check: async () => sumOfSquares((await session.run({ a, b })).c.data as Float32Array),
  };
}

function jaxJs(precision: 'float32' | 'float64'): Contender {
  const { jit, numpy } = jax;
  const array = (matrix: Float32Array<ArrayBuffer>) =>
    numpy.array(matrix).reshape([SIZE, SIZE]).astype(numpy[precision]);
  const [a, b] = entries().map(array);
  const multiply = jit((a: jax.Array, b: jax.Array) => numpy.matmul(a, b));
  return {
    run: async (times) => {
      for (; times > 0; times -= 1) (await jax.blockUntilReady(multiply(a.ref, b.ref))).dispose();
    },
    check: async () => sumOfSquares(await multiply(a.ref, b.ref).data()),
  };
}

export async function matmul(precision: 'float32' | 'float64'): Promise<Record<string, Contender>> {
  if (precision === 'float64') return { orrery: orrery('matmul_f64'), 'jax-js': jaxJs(precision) };
  return {
    orrery: orrery('matmul_f32'),
    // As many operations as a product takes, in registers; it has no product to check.
    'SIMD peak': { ...orrery('peak'), check: () => Number.NaN },
    'tfjs-wasm': tfjs(),
    'onnxruntime-web': await onnxruntime(),
    'jax-js': jaxJs(precision),
  };
}
