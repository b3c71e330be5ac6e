import { expect, it } from 'vitest';
import type { Layout, StoredFrame } from '../figures/types.ts';
import { poster } from './poster.ts';

function frame(marks: unknown[], numbers: number[]): StoredFrame {
  const layout = { id: 'f', title: '', caption: '', aspect: 'free', marks } as unknown as Layout;
  const data = Buffer.from(Float32Array.from(numbers).buffer).toString('base64');
  return { step: 1, length: 1, done: true, layout: [layout], claim: { clauses: [], verdict: 'holds' }, data };
}

it('a long line keeps its ends, its extremes and its order', () => {
  const n = 5000;
  const y = Array.from({ length: n }, (_, i) => Math.sin(i / 300));
  y[1234] = 9;
  y[4321] = -9;
  const stored = frame(
    [{ mark: 'line', x: { from: 0, len: n }, y: { from: n, len: n }, ink: 'strong' }],
    [...Array(n).keys(), ...y],
  );
  const { layout, data } = poster(stored, []);
  const line = layout.marks[0];
  if (line.mark !== 'line') throw new Error('the line became something else');
  const xs = data.slice(line.x.from, line.x.from + line.x.len);
  const ys = data.slice(line.y.from, line.y.from + line.y.len);
  expect(xs.length).toBe(ys.length);
  expect(xs.length).toBeLessThan(400);
  expect(xs[0]).toBe(0);
  expect(xs.at(-1)).toBe(n - 1);
  expect(Math.max(...ys)).toBe(9);
  expect(Math.min(...ys)).toBe(-9);
  expect(xs).toEqual([...xs].sort((a, b) => a - b));
});

it('a fine grid becomes a coarse one that means the same', () => {
  const [columns, rows] = [100, 80];
  const values = Array.from({ length: columns * rows }, (_, k) => 1 + (k % columns) / columns);
  const grid = {
    mark: 'raster',
    values: { from: 0, len: values.length },
    columns,
    x: [0, 1],
    y: [0, 1],
    ink: 'strong',
  };
  const { layout, data } = poster(frame([grid], values), []);
  const raster = layout.marks[0];
  if (raster.mark !== 'raster') throw new Error('the raster became something else');
  expect(raster.columns).toBe(64);
  expect(raster.values.len).toBe(64 * 64);
  const mean = (numbers: number[]) => numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
  expect(mean(data)).toBeCloseTo(mean(values), 3);
  const row = data.slice(0, 64);
  expect(row).toEqual([...row].sort((a, b) => a - b));
});

it('digits are dropped where no eye sees them, and kept where a small change is the picture', () => {
  const near = Array.from({ length: 10 }, (_, i) => 1000 + i / 1000);
  const tiny = Array.from({ length: 10 }, (_, i) => 1.23456789 * 10 ** -i);
  const stored = frame(
    [{ mark: 'line', x: { from: 0, len: 10 }, y: { from: 10, len: 10 }, ink: 'strong' }],
    [...near, ...tiny],
  );
  const { data } = poster(stored, []);
  expect(new Set(data.slice(0, 10)).size).toBe(10);
  tiny.forEach((value, i) => {
    expect(Math.abs(data[10 + i] / value - 1)).toBeLessThan(1e-3);
    expect(String(data[10 + i]).length).toBeLessThan(12);
  });
});
