/** What the measured rates say, in words and as a figure. */
import type { Contender, Layout, Mark } from '../figures/types.ts';
import type { Finding, Rates } from '../runtime/machine.ts';

type Machine = Extract<Finding, { type: 'machine' }>;

/** A rate with so many digits as it has. */
export const shownRate = (rate: number | undefined): string =>
  rate === undefined ? '–' : rate >= 100 ? Math.round(rate).toLocaleString('en') : rate.toPrecision(2);

/** From which size the GPU is the faster in one product there and back, and by how much at the largest. */
export function verdict({ gpu, deviation }: Machine, found: readonly Rates[]): string {
  if (!gpu) return 'This browser gives pages no GPU: every product runs on the CPU.';
  if (deviation === undefined) return 'The GPU is there but computes nothing: every product runs on the CPU.';
  const both = found.flatMap(({ size, cpu, gpu }) => (cpu && gpu ? [{ size, gain: gpu / cpu }] : []));
  const last = both.at(-1);
  if (!last) return 'Nothing was measured on both.';
  const behind = both.findLastIndex(({ gain }) => gain <= 1);
  const first = both[behind + 1];
  if (!first)
    return `The GPU is behind the CPU at every size up to ${last.size}, so the CPU computes everything.`;
  const from = behind < 0 ? `At every size from ${first.size} on` : `From ${first.size} × ${first.size} on`;
  const times = last.gain >= 10 ? last.gain.toFixed(0) : last.gain.toFixed(1);
  return `${from}, the GPU is the faster, there and back: at ${last.size} by ${times} times.`;
}

/** Whether the GPU's products are right. */
export function agreement({ gpu, deviation }: Machine): string {
  if (!gpu || deviation === undefined) return '';
  return deviation < 1e-5
    ? `Its products, of odd sizes, transposes, batches and chains too, agree with the CPU’s to ${deviation.toExponential(0)} of the largest entry.`
    : `Its products do not agree with the CPU’s: they differ by ${deviation.toExponential(0)} of the largest entry.`;
}

export const CONTENDERS: Contender[] = [
  { id: 'gpu', label: 'GPU, there and back', baseline: false },
  { id: 'chain', label: 'GPU, within a chain', baseline: false },
  { id: 'cpu', label: 'CPU', baseline: true },
];

/** The rates as lines over the size. */
export function figure(found: readonly Rates[]): { layout: Layout; data: number[] } {
  const data: number[] = [];
  const channel = (numbers: number[]) => {
    data.push(...numbers);
    return { from: data.length - numbers.length, len: numbers.length };
  };
  const marks = (['cpu', 'chain', 'gpu'] as const).flatMap((of): Mark[] => {
    const measured = found.flatMap((rates) => (rates[of] ? [[rates.size, rates[of]]] : []));
    const [x, y] = [0, 1].map((column) => channel(measured.map((point) => point[column])));
    const looks = { of, ink: 'strong' } as const;
    return [
      { mark: 'line', x, y, ...looks, dashed: of === 'chain' },
      { mark: 'dot', x, y, symbol: of === 'cpu' ? 'square' : 'disc', radius: 3, ...looks },
    ];
  });
  const layout: Layout = {
    id: 'rates',
    title: 'Products of n × n matrices',
    caption:
      'Billions of operations (2n³ a product) in a second, single precision. There and back: both matrices go to the GPU and the product returns. Within a chain: all stays on the GPU.',
    x: { label: 'n', scale: 'log', domain: [56, 4700] },
    y: { label: 'rate', unit: 'GFLOP/s', scale: 'log' },
    aspect: 'free',
    marks,
  };
  return { layout, data };
}
