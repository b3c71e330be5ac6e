import { expect, test } from 'vitest';
import { Tracer } from './tracer';

type Point = [number, number];

function trace(points: Point[]): Point[][] {
  const lines: Point[][] = [];
  const pen = {
    moveTo: (x: number, y: number) => void lines.push([[x, y]]),
    lineTo: (x: number, y: number) => void lines[lines.length - 1].push([x, y]),
  };
  const tracer = new Tracer(pen);
  for (const [x, y] of points) tracer.point(x, y);
  tracer.end();
  return lines;
}

function distance([x, y]: Point, [[ax, ay], [bx, by]]: [Point, Point]): number {
  const [dx, dy] = [bx - ax, by - ay];
  const length = dx * dx + dy * dy;
  const t = length === 0 ? 0 : Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / length));
  return Math.hypot(ax + t * dx - x, ay + t * dy - y);
}

function farthest(points: Point[], line: Point[]): number {
  return Math.max(...points.map((p) => Math.min(...line.slice(1).map((q, i) => distance(p, [line[i], q])))));
}

test('no point is farther than a quarter of a pixel from the line drawn', () => {
  const curves: Point[][] = [
    Array.from({ length: 2048 }, (_, i) => [i / 3, 100 + 90 * Math.sin(i / 40) * Math.exp(-i / 900)]),
    Array.from({ length: 2048 }, (_, i) => [
      200 + (i / 20) * Math.cos(i / 30),
      200 + (i / 20) * Math.sin(i / 30),
    ]),
    Array.from({ length: 2048 }, (_, i) => [i / 3, 100 + 50 * Math.sin(i * i)]),
    Array.from({ length: 200 }, (_, i) => [i % 2 ? 10 : 90, 50]),
  ];
  for (const points of curves) {
    const [line] = trace(points);
    expect(farthest(points, line)).toBeLessThan(0.25);
    expect(line[0]).toEqual(points[0]);
    expect(line[line.length - 1]).toEqual(points[points.length - 1]);
  }
});

test('a smooth line of thousands of points takes few strokes', () => {
  const points = Array.from({ length: 2048 }, (_, i): Point => [i / 3, 100 + 90 * Math.sin(i / 100)]);
  expect(trace(points)[0].length).toBeLessThan(250);
  const straight = Array.from({ length: 2048 }, (_, i): Point => [i, 2 * i]);
  expect(trace(straight)[0]).toEqual([
    [0, 0],
    [2047, 4094],
  ]);
});
