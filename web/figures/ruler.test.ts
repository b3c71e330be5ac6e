import { expect, test } from 'vitest';
import { Plane } from './plane';
import { Ruler } from './ruler';
import type { ScaleKind } from './types';

test('a ruler reads back what it placed, on every scale and either way round', () => {
  const domains: [ScaleKind, [number, number]][] = [
    ['linear', [-3, 7]],
    ['log', [1e-9, 1e4]],
    ['symlog', [-4000, 30]],
  ];
  for (const [kind, domain] of domains) {
    for (const range of [
      [40, 640],
      [640, 40],
    ] as [number, number][]) {
      const ruler = new Ruler(kind, domain, range);
      expect(ruler.at(domain[0])).toBeCloseTo(range[0], 9);
      expect(ruler.at(domain[1])).toBeCloseTo(range[1], 9);
      for (let i = 0; i <= 20; i++) {
        const pixel = range[0] + ((range[1] - range[0]) * i) / 20;
        expect(ruler.at(ruler.invert(pixel))).toBeCloseTo(pixel, 6);
      }
    }
  }
});

test('a log scale has no place for what is not positive', () => {
  const ruler = new Ruler('log', [1e-3, 1], [0, 100]);
  expect(ruler.at(0)).toBeNaN();
  expect(ruler.at(-1)).toBeNaN();
});

test('symlog is odd, and linear near zero', () => {
  const ruler = new Ruler('symlog', [-1000, 1000], [0, 200]);
  expect(ruler.at(0)).toBeCloseTo(100, 12);
  expect(ruler.at(50) - 100).toBeCloseTo(100 - ruler.at(-50), 12);
  const [a, b] = [ruler.at(0.01) - 100, ruler.at(0.02) - 100];
  expect(b / a).toBeGreaterThan(1.98);
});

test('ticks lie within, both ends included, and are few', () => {
  for (const [kind, domain] of [
    ['linear', [0, 1000]],
    ['linear', [-1e-9, 3e-9]],
    ['log', [1e-300, 1]],
    ['log', [2, 300]],
    ['log', [50, 60]],
    ['symlog', [-5000, 5000]],
    ['symlog', [0, 1e-6]],
  ] as [ScaleKind, [number, number]][]) {
    const ticks = new Ruler(kind, domain, [0, 500]).ticks(6);
    expect(ticks.length, `${kind} ${domain}`).toBeGreaterThanOrEqual(2);
    expect(ticks.length, `${kind} ${domain}`).toBeLessThanOrEqual(13);
    expect(new Set(ticks.map((tick) => tick.label)).size).toBe(ticks.length);
    for (const { value } of ticks) {
      expect(value).toBeGreaterThanOrEqual(domain[0] - 1e-3 * (domain[1] - domain[0]));
      expect(value).toBeLessThanOrEqual(domain[1] + 1e-3 * (domain[1] - domain[0]));
    }
  }
  const labels = new Ruler('linear', [0, 1000], [0, 500]).ticks(5).map((tick) => tick.label);
  expect(labels).toEqual(['0', '200', '400', '600', '800', '1000']);
});

test('log ticks are powers of ten', () => {
  const labels = new Ruler('log', [1e-8, 1], [0, 400]).ticks(4).map((tick) => tick.label);
  expect(labels).toEqual(['10⁻⁸', '10⁻⁶', '10⁻⁴', '10⁻²', '1']);
});

test('a tick of a narrow log axis says where it stands', () => {
  for (const low of [0.02, 0.7, 5, 7, 12, 30]) {
    for (const decades of [0.3, 0.85, 1, 1.4, 2.1]) {
      for (const count of [3, 6, 12]) {
        const domain: [number, number] = [low, low * 10 ** decades];
        for (const { value, label } of new Ruler('log', domain, [0, 400]).ticks(count))
          if (!label.includes('×') && !label.includes('10⁻'))
            expect(Number(label), `${domain}`).toBeCloseTo(value, 6);
      }
    }
  }
});

test('ticks of a part of the ruler are those one sees', () => {
  const ruler = new Ruler('linear', [0, 100], [-1000, 1000]);
  for (const { value } of ruler.ticks(5, [0, 200])) {
    expect(value).toBeGreaterThanOrEqual(49.9);
    expect(value).toBeLessThanOrEqual(60.1);
  }
});

test('the corners of a simplex are its shares, and places read back', () => {
  const box = { left: 10, top: 20, width: 200, height: 100 * Math.sqrt(3) };
  const unit = new Ruler('linear', [0, 1], [0, 1]);
  const plane = new Plane(box, unit, unit, true);
  expect([plane.px(0, 0), plane.py(0, 0)]).toEqual([10, 20 + box.height]);
  expect([plane.px(1, 0), plane.py(1, 0)]).toEqual([210, 20 + box.height]);
  expect(plane.px(0, 1)).toBeCloseTo(110, 12);
  expect(plane.py(0, 1)).toBeCloseTo(20, 9);
  const [x, y] = plane.invert(plane.px(0.2, 0.5), plane.py(0.2, 0.5));
  expect(x).toBeCloseTo(0.2, 12);
  expect(y).toBeCloseTo(0.5, 12);
  // Out of the triangle's left side, and above its top.
  const [px, py] = plane.clamp(-50, 100);
  expect(plane.invert(px, py)[0]).toBeCloseTo(0, 12);
  expect(py).toBeCloseTo(100, 9);
  const top = plane.clamp(110, -500);
  expect(top[0]).toBeCloseTo(plane.px(0, 1), 9);
  expect(top[1]).toBeCloseTo(20, 9);
});
