import { describe, expect, it } from 'vitest';
import { agreement, figure, shownRate, verdict } from './verdict';

const machine = { type: 'machine', gpu: 'WebGPU: some card', deviation: 2e-7 } as const;
const rates = (...gains: number[]) =>
  gains.map((gain, index) => ({ size: 64 * 2 ** index, cpu: 20, gpu: 20 * gain }));

describe('the verdict', () => {
  it('names the size from which the GPU stays ahead', () => {
    expect(verdict(machine, rates(0.1, 0.5, 1.5, 12))).toContain('From 256 × 256 on');
    expect(verdict(machine, rates(0.1, 0.5, 1.5, 12))).toContain('at 512 by 12 times');
    // A lead that is lost again does not count.
    expect(verdict(machine, rates(1.2, 0.5, 0.9, 2.25))).toContain('From 512 × 512 on');
    expect(verdict(machine, rates(2, 3))).toContain('At every size from 64 on');
  });

  it('says when the GPU never wins, and when there is none', () => {
    expect(verdict(machine, rates(0.1, 2, 0.9))).toContain('behind the CPU at every size up to 256');
    expect(verdict({ type: 'machine' }, rates())).toContain('no GPU');
    expect(verdict({ type: 'machine', gpu: 'broken' }, rates())).toContain('computes nothing');
  });

  it('compares only sizes that both were measured at', () => {
    expect(verdict(machine, [...rates(0.5, 3), { size: 256, cpu: 20 }])).toContain('From 128 × 128 on');
  });

  it('does not call wrong products right', () => {
    expect(agreement(machine)).toContain('agree');
    expect(agreement({ ...machine, deviation: 0.01 })).toContain('do not agree');
    expect(agreement({ ...machine, deviation: Number.POSITIVE_INFINITY })).toContain('do not agree');
  });
});

it('a figure holds every measured rate and nothing else', () => {
  const { layout, data } = figure([
    { size: 64, cpu: 20 },
    { size: 128, cpu: 30, gpu: 5 },
  ]);
  const numbers = (of: string) =>
    layout.marks.flatMap((mark) =>
      mark.mark === 'line' && mark.of === of ? [...data.slice(mark.y.from, mark.y.from + mark.y.len)] : [],
    );
  expect([numbers('cpu'), numbers('gpu'), numbers('chain')]).toEqual([[20, 30], [5], []]);
});

it('a rate is shown with the digits that it has', () => {
  expect([undefined, 0.123, 23.4, 12345].map(shownRate)).toEqual(['–', '0.12', '23', '12,345']);
});
