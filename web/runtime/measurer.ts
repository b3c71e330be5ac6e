/** The worker of the compute page: times products of every size, on the CPU and on the GPU. */
import { openMachine } from './engine';
import { type Finding, type Machine, type Rates, SIZES } from './machine';

/** Every size is measured at least for so long. */
const LEAST_MS = 120;

/** A product that will take longer than this is not begun, nor any larger one. */
const MOST_MS = 15_000;

/** Products that the longer of two chains has more. */
const MORE = 4;

const post = (finding: Finding) =>
  (self as unknown as { postMessage(f: Finding): void }).postMessage(finding);

/** Billions of operations a second, from the milliseconds of `products` products. */
const rate = (size: number, milliseconds: number, products = 1) =>
  (2 * size ** 3 * products) / milliseconds / 1e6;

/** Measures one thing at growing sizes, until it would take too long. */
class Series {
  private last = 0;

  constructor(private readonly measure: (size: number) => Promise<number | undefined>) {}

  /** The milliseconds at twice the size of last time; nothing if it would take too long, or fails. */
  async at(size: number): Promise<number | undefined> {
    if (8 * this.last > MOST_MS) return undefined;
    const time = await this.measure(size);
    this.last = time ?? Number.POSITIVE_INFINITY;
    return time;
  }
}

async function measure(machine: Machine): Promise<void> {
  const { gpu } = machine;
  const deviation = gpu ? await machine.deviation() : undefined;
  post({ type: 'machine', gpu, deviation });
  const cpu = new Series((size) => machine.cpu_product(size, LEAST_MS));
  const once = new Series((size) => machine.gpu_products(size, 1, LEAST_MS));
  const often = new Series((size) => machine.gpu_products(size, 1 + MORE, LEAST_MS));
  for (const [index, size] of SIZES.entries()) {
    post({ type: 'at', size, share: index / SIZES.length });
    const rates: Rates = { size };
    const onCpu = await cpu.at(size);
    if (onCpu) rates.cpu = rate(size, onCpu);
    post({ type: 'rates', rates });
    if (deviation === undefined) continue;
    const onGpu = await once.at(size);
    if (onGpu) rates.gpu = rate(size, onGpu);
    post({ type: 'rates', rates });
    const chained = onGpu && (await often.at(size));
    // Where the way takes nearly all of the time, the clock cannot tell how long the products take.
    if (onGpu && chained && chained > 1.2 * onGpu) rates.chain = rate(size, chained - onGpu, MORE);
    post({ type: 'rates', rates });
  }
  machine.give_back();
  post({ type: 'done' });
}

self.addEventListener('message', async ({ data }: MessageEvent<{ base: string }>) => {
  try {
    await measure(await openMachine(data.base));
  } catch (thrown) {
    post({ type: 'failed', message: thrown instanceof Error ? thrown.message : String(thrown) });
  }
});
