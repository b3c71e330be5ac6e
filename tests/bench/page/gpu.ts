/** The page of products on the GPU: chains of them, of matrices that stay there, by whoever writes WGSL. */
import * as jax from '@jax-js/jax';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-webgpu';
import { type Contender, open } from './contest.ts';
import { centred } from './numbers.ts';

/** The site's module of the compute page (`crate/measure/src/lib.rs`), as its glue script leaves it. */
declare const wasm_bindgen: {
  (options: { module_or_path: string }): Promise<unknown>;
  Machine: {
    open(): Promise<{ gpu?: string; chain(a: Float32Array, b: Float32Array, size: number): Chain }>;
  };
};
interface Chain {
  run(times: number): Promise<boolean>;
  check(): Promise<number | undefined>;
}

const size = Number(new URLSearchParams(location.search).get('size'));
const entries = (seed: number, scale = 1) => centred(seed, size * size, scale);
/** By which the second matrix is scaled: so the products of a chain neither overflow nor vanish. */
const scale = Math.fround(Math.sqrt(3 / size));
const sumOfSquares = (entries: ArrayLike<number>) =>
  Array.from(entries).reduce((sum, entry) => sum + entry ** 2, 0);

async function orrery(): Promise<Contender> {
  const glue = document.createElement('script');
  glue.src = 'compute.js';
  document.head.append(glue);
  await new Promise((resolve, reject) => {
    glue.onload = resolve;
    glue.onerror = reject;
  });
  await wasm_bindgen({ module_or_path: 'compute_bg.wasm' });
  const machine = await wasm_bindgen.Machine.open();
  if (!machine.gpu) throw new Error('the browser has no GPU');
  console.info(machine.gpu);
  const chain = machine.chain(entries(1), entries(2), size);
  return {
    run: async (times) => {
      if (!(await chain.run(times))) throw new Error('the GPU fails');
    },
    check: async () => (await chain.check()) ?? Number.NaN,
  };
}

/** That the last product is there, the sums of its rows tell: it is the least that can be read of it. */
async function tfjs(): Promise<Contender> {
  if (!(await tf.setBackend('webgpu'))) throw new Error('tfjs has no WebGPU here');
  const [a, b] = [entries(1), entries(2, scale)].map((matrix) => tf.tensor2d(matrix, [size, size]));
  const ones = tf.ones([size, 1]) as tf.Tensor2D;
  return {
    run: async (times) => {
      const sums = tf.tidy(() => {
        let product = a;
        for (; times > 0; times -= 1) {
          const before = product;
          product = tf.matMul(before, b);
          if (before !== a) before.dispose();
        }
        return tf.matMul(product, ones);
      });
      await sums.data();
      sums.dispose();
    },
    check: async () => {
      const product = tf.matMul(a, b);
      const squares = sumOfSquares(await product.data());
      product.dispose();
      return squares;
    },
  };
}

async function jaxJs(): Promise<Contender> {
  const { jit, numpy } = jax;
  if (!(await jax.init('webgpu')).includes('webgpu')) throw new Error('jax-js has no WebGPU here');
  jax.defaultDevice('webgpu');
  const [a, b] = [entries(1), entries(2, scale)].map((matrix) => numpy.array(matrix).reshape([size, size]));
  const ones = numpy.ones([size, 1]);
  const multiply = jit((a: jax.Array, b: jax.Array) => numpy.matmul(a, b));
  return {
    run: async (times) => {
      let product = a.ref;
      for (; times > 0; times -= 1) product = multiply(product, b.ref) as jax.Array;
      await multiply(product, ones.ref).data();
    },
    check: async () => sumOfSquares(await multiply(a.ref, b.ref).data()),
  };
}

/** Milliseconds of a sample: many times what asking the device takes. */
const SAMPLE = 100;

open(
  {
    matmul_webgpu: async () => ({
      orrery: await orrery(),
      'tfjs-webgpu': await tfjs(),
      'jax-js': await jaxJs(),
    }),
  },
  SAMPLE,
);
