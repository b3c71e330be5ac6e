import { expect, test } from 'vitest';
import { levelsOf } from './contour';
import { csvOf } from './csv';
import { rounded } from './handles';
import { legendEntries, legendKey } from './legend';
import type { Scene } from './mark';
import { kindOf } from './marks';
import { Plane } from './plane';
import { Ruler } from './ruler';
import { light } from './theme';
import type { Contender, Layout, Mark, MarkOf, ScaleKind } from './types';

const contenders: Contender[] = [
  { id: 'lion', label: 'Lion', baseline: false },
  { id: 'adamw', label: 'AdamW', baseline: true },
];

/** A scene of 100 by 100 pixels over 0 to 10, unless on other scales. */
function sceneOf(
  data: ArrayLike<number>,
  kinds: { x: ScaleKind; y: ScaleKind } = { x: 'linear', y: 'linear' },
) {
  const range = (kind: ScaleKind): [number, number] => (kind === 'log' ? [0.01, 100] : [0, 10]);
  const x = new Ruler(kinds.x, range(kinds.x), [0, 100]);
  const y = new Ruler(kinds.y, range(kinds.y), [100, 0]);
  return {
    data,
    plane: new Plane({ left: 0, top: 0, width: 100, height: 100 }, x, y),
    theme: light,
    names: { x: 'x', y: 'y' },
    declared: kinds,
    read: (_: 'x' | 'y', value: number) => String(value),
  } as unknown as Scene;
}

function layoutOf(marks: Mark[]): Layout {
  return { id: 'f', title: '', caption: '', aspect: 'free', marks };
}

const points = { x: { from: 0, len: 3 }, y: { from: 3, len: 3 } };

test('every mark of the grammar has its kind', () => {
  const names = [
    'line',
    'dot',
    'bar',
    'band',
    'rule',
    'raster',
    'contour',
    'arrow',
    'link',
    'polygon',
    'text',
    'table',
  ];
  expect(names.map((mark) => kindOf({ mark } as unknown as Mark)?.name)).toEqual(names);
  expect(kindOf({ mark: 'sculpture' } as unknown as Mark)).toBeUndefined();
});

test('the nearest point is read, and what a log scale cannot show never is', () => {
  const mark: Mark = { mark: 'line', ...points, ink: 'strong' };
  const kind = kindOf(mark);
  const scene = sceneOf([1, 5, 9, 1, 8, 2]);
  expect(kind?.nearest(mark, scene, 52, 25)?.index).toBe(1);
  expect(kind?.nearest(mark, scene, 52, 25)?.distance).toBeCloseTo(Math.hypot(2, 5), 9);
  expect(kind?.spot(mark, scene, 1)?.entries).toEqual([
    ['x', '5'],
    ['y', '8'],
  ]);
  const logged = sceneOf([1, 5, 9, 1, 0, -2], { x: 'linear', y: 'log' });
  expect(kind?.nearest(mark, logged, 90, 90)?.index).toBe(0);
  expect(kind?.spot(mark, logged, 1)).toBeUndefined();
});

test('a raster is read by cell, on the scale its axis opened with', () => {
  const mark: Mark = {
    mark: 'raster',
    values: { from: 0, len: 8 },
    columns: 4,
    x: [0.01, 100],
    y: [0, 10],
    colors: { label: 'v', scheme: 'sequential', scale: 'linear' },
    ink: 'strong',
  };
  const scene = sceneOf([0, 1, 2, 3, 4, 5, 6, 7], { x: 'log', y: 'linear' });
  // Four decades, four columns: the third holds 1 to 10. The first row is the low one.
  const near = kindOf(mark)?.nearest(mark, scene, 60, 80);
  expect(near?.index).toBe(2);
  expect(kindOf(mark)?.spot(mark, scene, 2)?.entries[2]).toEqual(['v', '2']);
  expect(kindOf(mark)?.nearest(mark, scene, 60, 20)?.index).toBe(6);
  expect(kindOf(mark)?.nearest(mark, scene, 160, 20)).toBeUndefined();
});

test('bars and links are read by what they cover', () => {
  const bar: Mark = { mark: 'bar', ...points, ink: 'strong' };
  const scene = sceneOf([2, 5, 8, 3, 9, 1]);
  expect(kindOf(bar)?.nearest(bar, scene, 50, 60)).toEqual({ index: 1, distance: 0 });
  const at = (from: number) => ({ from, len: 2 });
  const link: Mark = {
    mark: 'link',
    x1: at(0),
    y1: at(2),
    x2: at(4),
    y2: at(6),
    weight: at(8),
    ink: 'strong',
  };
  const linked = sceneOf([0, 0, 1, 9, 10, 10, 1, 9, 1, 0.001]);
  expect(kindOf(link)?.nearest(link, linked, 50, 88)?.index).toBe(0);
  // The upper link weighs next to nothing: it is not drawn, so it is not read.
  expect(kindOf(link)?.nearest(link, linked, 50, 12)?.index).toBe(0);
});

test('contours are traced again only when a value or a level changes', () => {
  const size = 16;
  const values = Array.from({ length: size * size }, (_, i) =>
    Math.hypot((i % size) - 7.5, Math.floor(i / size) - 7.5),
  );
  const data = Float64Array.from([...values, 3, 5]);
  const mark: MarkOf<'contour'> = {
    mark: 'contour',
    values: { from: 0, len: size * size },
    columns: size,
    x: [0, 1],
    y: [0, 1],
    levels: { from: size * size, len: 2 },
    ink: 'muted',
  };
  const memory = new Map<string, unknown>();
  const first = levelsOf(mark, data, memory, size, size);
  expect(levelsOf({ ...mark }, data.slice(), memory, size, size)).toBe(first);
  const moved = data.slice();
  moved[40] += 0.5;
  const second = levelsOf(mark, moved, memory, size, size);
  expect(second).not.toBe(first);
  moved[size * size] = 4;
  expect(levelsOf(mark, moved, memory, size, size)).not.toBe(second);
});

test('a contour of the distance from the middle is a circle of that radius, in cells', () => {
  const size = 32;
  const values = Array.from({ length: size * size }, (_, i) =>
    Math.hypot((i % size) + 0.5 - size / 2, Math.floor(i / size) + 0.5 - size / 2),
  );
  const mark = {
    values: { from: 0, len: size * size },
    levels: { from: size * size, len: 1 },
  } as MarkOf<'contour'>;
  const [{ rings }] = levelsOf(mark, [...values, 9], new Map(), size, size);
  const ring = rings.reduce((a, b) => (Math.abs(a[0] - size / 2) < Math.abs(b[0] - size / 2) ? a : b));
  for (let i = 0; i < ring.length; i += 2) {
    const radius = Math.hypot(ring[i] - size / 2, ring[i + 1] - size / 2);
    if (radius < 14) expect(Math.abs(radius - 9)).toBeLessThan(0.05);
  }
  expect(rings.some((r) => Math.abs(Math.hypot(r[0] - size / 2, r[1] - size / 2) - 9) < 0.05)).toBe(true);
});

test('CSV holds every number in full, by mark and channel', () => {
  const data = [0.1, 1 / 3, 2, 1e-17, Number.NaN, -5, 7];
  const marks: Mark[] = [
    { mark: 'line', ...points, of: 'lion', ink: 'strong' },
    { mark: 'text', x: { from: 0, len: 1 }, y: { from: 3, len: 1 }, words: ['a, "b"'], ink: 'strong' },
    {
      mark: 'table',
      headers: ['n', 'w'],
      columns: [{ numbers: { from: 6, len: 1 } }, { words: ['x', 'y'] }],
      ink: 'strong',
    },
  ];
  const lines = csvOf(layoutOf(marks), data, contenders).split('\r\n');
  expect(lines[0]).toBe('number,mark,name,x,y,words,n,w');
  expect(lines[1]).toBe('0,line,Lion,0.1,1e-17,,,');
  expect(lines[2]).toBe('0,line,Lion,0.3333333333333333,NaN,,,');
  expect(lines[4]).toBe('1,text,,0.1,1e-17,"a, ""b""",,');
  expect(lines[5]).toBe('2,table,,,,,7,x');
  expect(lines[6]).toBe('2,table,,,,,,y');
  expect(Number(lines[2].split(',')[3])).toBe(1 / 3);
});

test('the legend names each mark once, by its label or its contender', () => {
  const marks: Mark[] = [
    { mark: 'band', x: points.x, low: points.y, high: points.y, of: 'lion', ink: 'muted' },
    { mark: 'line', ...points, of: 'lion', ink: 'strong' },
    { mark: 'line', ...points, of: 'adamw', ink: 'strong', dashed: true },
    { mark: 'rule', x: points.x, ink: 'accent', label: 'hand-over' },
    { mark: 'line', ...points, ink: 'muted' },
  ];
  expect(marks.map((mark) => legendKey(mark, contenders))).toEqual([
    'Lion',
    'Lion',
    'AdamW',
    'hand-over',
    undefined,
  ]);
  const entries = legendEntries(marks, contenders, () => '#000');
  expect(entries.map(({ key, swatch }) => [key, swatch])).toEqual([
    ['Lion', 'line'],
    ['AdamW', 'line'],
    ['hand-over', 'line'],
  ]);
  expect(entries[1].dashed).toBe(true);
});

test('a dragged place has the digits a pixel can tell apart', () => {
  expect(rounded(1.23456789, 0.01)).toBe(1.23);
  expect(rounded(1.23456789, -0.004)).toBe(1.235);
  expect(rounded(1234.56, 3)).toBe(1235);
  expect(rounded(5, 0)).toBe(5);
});
