/** A step of gradient descent of a network of layers 64, 256, 256 and 10 on 128 examples. */
import type { Contender } from './contest.ts';
import { jax, tf } from './libraries.ts';
import { centred } from './numbers.ts';
import { orrery } from './orrery.ts';

const LAYERS = [64, 256, 256, 10];
const EXAMPLES = 128;
const RATE = 0.1;

const classes = Array.from({ length: EXAMPLES }, (_, i) => i % LAYERS[3]);
const oneHot = () =>
  Float32Array.from({ length: EXAMPLES * LAYERS[3] }, (_, k) =>
    Number(classes[Math.floor(k / LAYERS[3])] === k % LAYERS[3]),
  );
/** Weights and biases of each layer, and their shapes. */
const parameters = () =>
  [0, 1, 2].flatMap((layer): [Float32Array<ArrayBuffer>, [number, number]][] => {
    const [inputs, outputs] = LAYERS.slice(layer);
    const scale = Math.fround(1 / Math.sqrt(inputs));
    return [
      [centred(2 + 2 * layer, inputs * outputs, scale), [inputs, outputs]],
      [new Float32Array(outputs), [1, outputs]],
    ];
  });

function tfjs(): Contender {
  const x = tf.tensor2d(centred(1, EXAMPLES * LAYERS[0]), [EXAMPLES, LAYERS[0]]);
  const y = tf.tensor2d(oneHot(), [EXAMPLES, LAYERS[3]]);
  const variables = parameters().map(([entries, shape]) => tf.variable(tf.tensor2d(entries, shape)));
  const optimizer = tf.train.sgd(RATE);
  const loss = () => {
    const [w1, b1, w2, b2, w3, b3] = variables as tf.Variable<tf.Rank.R2>[];
    const first = tf.relu(tf.add(tf.matMul(x, w1), b1)) as tf.Tensor2D;
    const second = tf.relu(tf.add(tf.matMul(first, w2), b2)) as tf.Tensor2D;
    return tf.losses.softmaxCrossEntropy(y, tf.add(tf.matMul(second, w3), b3)) as tf.Scalar;
  };
  return {
    run: (times) => {
      for (; times > 0; times -= 1) optimizer.minimize(loss);
    },
    check: () => tf.tidy(() => loss().dataSync()[0]),
  };
}

function jaxJs(): Contender {
  const { grad, jit, nn, numpy } = jax;
  const x = numpy.array(centred(1, EXAMPLES * LAYERS[0])).reshape([EXAMPLES, LAYERS[0]]);
  const y = numpy.array(oneHot()).reshape([EXAMPLES, LAYERS[3]]);
  let weights = parameters().map(([entries, shape]) => numpy.array(entries).reshape(shape));
  const loss = (weights: jax.Array[], x: jax.Array, y: jax.Array) => {
    const [w1, b1, w2, b2, w3, b3] = weights;
    const first = nn.relu(numpy.matmul(x, w1).add(b1));
    const second = nn.relu(numpy.matmul(first, w2).add(b2));
    const log = nn.logSoftmax(numpy.matmul(second, w3).add(b3), 1);
    return log
      .mul(y)
      .sum()
      .mul(-1 / EXAMPLES);
  };
  const step = jit((weights: jax.Array[], x: jax.Array, y: jax.Array) => {
    const by = grad(loss)(
      weights.map((w) => w.ref),
      x,
      y,
    ) as jax.Array[];
    return weights.map((w, k) => w.sub(by[k].mul(RATE)));
  });
  const now = jit(loss);
  return {
    run: async (times) => {
      for (; times > 0; times -= 1) {
        weights = step(weights, x.ref, y.ref) as jax.Array[];
        await jax.blockUntilReady(weights);
      }
    },
    check: async () => {
      const shown = now(
        weights.map((w) => w.ref),
        x.ref,
        y.ref,
      ) as jax.Array;
      return (await shown.data())[0];
    },
  };
}

export const training = async (): Promise<Record<string, Contender>> => ({
  orrery: orrery('training_step'),
  'tfjs-wasm': tfjs(),
  'jax-js': jaxJs(),
});
