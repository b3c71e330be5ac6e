/** A Fourier transform of 65,536 complex numbers. */
import type { Contender } from './contest.ts';
import { jax } from './libraries.ts';
import { centred } from './numbers.ts';
import { orrery } from './orrery.ts';

const LENGTH = 65_536;

function jaxJs(precision: 'float32' | 'float64'): Contender {
  const { numpy } = jax;
  const [re, im] = [1, 2].map((seed) => numpy.array(centred(seed, LENGTH)).astype(numpy[precision]));
  const transform = jax.jit((real: jax.Array, imag: jax.Array) => {
    const transformed = numpy.fft.fft({ real, imag });
    return [transformed.real, transformed.imag];
  });
  return {
    run: async (times) => {
      for (; times > 0; times -= 1) {
        const parts = transform(re.ref, im.ref) as jax.Array[];
        for (const part of await jax.blockUntilReady(parts)) part.dispose();
      }
    },
    check: async () => {
      const parts = transform(re.ref, im.ref) as jax.Array[];
      const [real, imaginary] = await Promise.all(parts.map((part) => part.data()));
      return Array.from(real).reduce((sum, x, k) => sum + x * imaginary[k], 0);
    },
  };
}

export const fourier = async (precision: 'float32' | 'float64'): Promise<Record<string, Contender>> => ({
  orrery: orrery(precision === 'float32' ? 'fft_f32' : 'fft_f64'),
  'jax-js': jaxJs(precision),
});
