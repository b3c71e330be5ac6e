import { expect, test } from 'vitest';
import { GentleDomain, nice } from './gentle';
import type { ScaleKind } from './types';

function moves(ranges: [number, number][], kind: ScaleKind): number {
  const gentle = new GentleDomain();
  let last = '';
  let count = -1;
  for (const [low, high] of ranges) {
    const domain = gentle.follow(low, high, kind);
    expect(domain[0]).toBeLessThanOrEqual(low);
    expect(domain[1]).toBeGreaterThanOrEqual(high);
    if (String(domain) !== last) count++;
    last = String(domain);
  }
  return count;
}

test('a run that fills an axis moves it a few times, not at every step', () => {
  const steps = Array.from({ length: 2000 }, (_, i): [number, number] => [0, i + 1]);
  expect(moves(steps, 'linear')).toBeLessThan(35);
  const falling = Array.from({ length: 2000 }, (_, i): [number, number] => [10 ** (-i / 150), 1]);
  expect(moves(falling, 'log')).toBeLessThan(15);
});

test('data that tremble within the axis do not move it', () => {
  const trembling = Array.from({ length: 500 }, (_, i): [number, number] => [
    0.05 * Math.sin(i) ** 2,
    0.93 + 0.06 * Math.cos(3 * i),
  ]);
  expect(moves(trembling, 'linear')).toBe(0);
});

test('it shrinks only when little of it is used', () => {
  const gentle = new GentleDomain();
  expect(gentle.follow(0, 100, 'linear')).toEqual([0, 100]);
  expect(gentle.follow(0, 61, 'linear')).toEqual([0, 100]);
  expect(gentle.follow(0, 30, 'linear')).toEqual([0, 30]);
});

test('room to grow does not make an axis of amounts negative', () => {
  const gentle = new GentleDomain();
  gentle.follow(5, 10, 'linear');
  expect(gentle.follow(0.1, 10, 'linear')[0]).toBeGreaterThanOrEqual(0);
});

test('a new run begins anew, and so does another scale', () => {
  const gentle = new GentleDomain();
  gentle.follow(0, 100, 'linear');
  gentle.reset();
  expect(gentle.follow(0, 70, 'linear')).toEqual([0, 70]);
  expect(gentle.follow(1e-5, 1, 'log')).toEqual([1e-5, 1]);
});

test('round ends hold the data, even a single number', () => {
  for (const kind of ['linear', 'log', 'symlog'] as ScaleKind[]) {
    for (const [low, high] of [
      [3, 3],
      [1e-200, 1e200],
      [0.123, 0.124],
      [1e15, 1e15 + 1],
    ] as [number, number][]) {
      const [a, b] = nice(low, high, kind);
      expect(a, `${kind} ${low}`).toBeLessThanOrEqual(low);
      expect(b, `${kind} ${high}`).toBeGreaterThanOrEqual(high);
      expect(b).toBeGreaterThan(a);
    }
  }
  expect(nice(0, 0, 'linear')).toEqual([0, 1]);
  expect(nice(-3, 700, 'symlog')).toEqual([-5, 1000]);
});
