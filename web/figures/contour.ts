import { contours } from 'd3-contour';
import { cellRows, cellSpot, latticeOf, nearestCell, sameNumbers } from './grid';
import { DASHES, type MarkKind, number, numbers, type Scene, strokeOn } from './mark';
import type { Pen } from './pen';
import type { MarkOf } from './types';

const WEIGHT = 1;

/** The closed rings of each level, in cells from the grid's low corner: x, y, x, y, …. */
export interface Level {
  level: number;
  rings: Float64Array[];
}

/** The grid with one more cell on each side, straight on: contours then run to its edge, and close beyond it. */
export function extended(values: ArrayLike<number>, columns: number, rows: number): number[] {
  const wide = columns + 2;
  const all = new Array<number>(wide * (rows + 2)).fill(0);
  for (let row = 0; row < rows; row++) {
    const at = (row + 1) * wide;
    for (let column = 0; column < columns; column++) all[at + column + 1] = values[row * columns + column];
    all[at] = 2 * all[at + 1] - all[at + Math.min(2, columns)];
    all[at + columns + 1] = 2 * all[at + columns] - all[at + Math.max(1, columns - 1)];
  }
  const last = rows * wide;
  const inner = Math.max(1, rows - 1) * wide;
  for (let column = 0; column < wide; column++) {
    all[column] = 2 * all[wide + column] - all[Math.min(2, rows) * wide + column];
    all[last + wide + column] = 2 * all[last + column] - all[inner + column];
  }
  return all;
}

/** The contours of a grid; traced anew only when a value or a level has changed. */
export function levelsOf(
  mark: MarkOf<'contour'>,
  data: ArrayLike<number>,
  memory: Map<string, unknown>,
  columns: number,
  rows: number,
): Level[] {
  const sameValues = sameNumbers(memory, 'values', data, mark.values);
  const sameLevels = sameNumbers(memory, 'levels', data, mark.levels);
  const held = memory.get('rings') as { columns: number; levels: Level[] } | undefined;
  if (held && sameValues && sameLevels && held.columns === columns) return held.levels;
  const values = extended(numbers(data, mark.values), columns, rows);
  const trace = contours().size([columns + 2, rows + 2]);
  const levels = Array.from(numbers(data, mark.levels))
    .filter(Number.isFinite)
    .sort((p, q) => p - q)
    .map((level) => {
      const polygons = trace.contour(values, level).coordinates;
      return {
        level,
        rings: polygons.flatMap((rings) =>
          rings.map((ring) => Float64Array.from(ring.flat(), (at) => at - 1)),
        ),
      };
    });
  memory.set('rings', { columns, levels });
  return levels;
}

type Place = (column: number, row: number) => [number, number];

function traceRings(pen: Pen, rings: readonly Float64Array[], place: Place): void {
  for (const ring of rings) {
    for (let i = 0; i < ring.length; i += 2) {
      const [x, y] = place(ring[i], ring[i + 1]);
      if (i === 0) pen.moveTo(x, y);
      else pen.lineTo(x, y);
    }
    pen.closePath();
  }
}

function placeIn(scene: Scene, mark: MarkOf<'contour'>): { place: Place; columns: number; rows: number } {
  const lattice = latticeOf(mark, scene);
  const { plane } = scene;
  const { columns, rows } = lattice;
  const even = plane.simplex || (plane.x.kind === scene.declared.x && plane.y.kind === scene.declared.y);
  const exact: Place = (column, row) => {
    const [x, y] = [lattice.x(column), lattice.y(row)];
    return [plane.px(x, y), plane.py(x, y)];
  };
  if (!even) return { place: exact, columns, rows };
  // On the grid's own scales places are affine in cells.
  const [x0, y0] = exact(0, 0);
  const [x1, y1] = exact(columns, 0);
  const [x2, y2] = exact(0, rows);
  const [ax, ay, bx, by] = [(x1 - x0) / columns, (y1 - y0) / columns, (x2 - x0) / rows, (y2 - y0) / rows];
  return { place: (c, r) => [x0 + ax * c + bx * r, y0 + ay * c + by * r], columns, rows };
}

/** Lines of equal value, filled between if colours are given. */
export const contour: MarkKind<'contour'> = {
  name: 'contour',
  swatch: 'line',
  framed: ({ colors }) => !!colors,

  extent({ values, levels, x, y, colors }, data, reach) {
    for (const end of x) reach.x.take(end);
    for (const end of y) reach.y.take(end);
    if (colors) {
      reach.colors(colors, true).takeAll(data, levels);
      if (levels.len < 2) reach.colors(colors, true).takeAll(data, values);
    }
  },

  draw(pen, mark, scene) {
    const { place, columns, rows } = placeIn(scene, mark);
    if (rows < 2 || columns < 2) return;
    const levels = levelsOf(mark, scene.data, scene.memory(mark), columns, rows);
    const { colors } = mark;
    pen.beginPath();
    pen.moveTo(...place(0, 0));
    pen.lineTo(...place(columns, 0));
    pen.lineTo(...place(columns, rows));
    pen.lineTo(...place(0, rows));
    pen.closePath();
    pen.clip();
    if (colors) {
      const scale = scene.colorScale(colors, true);
      const first = levels[0]?.level ?? scale.domain[0];
      pen.fillStyle = scale.css(Math.min(first, scale.domain[0]));
      pen.fill();
      levels.forEach(({ level, rings }, i) => {
        // Between two levels the colour is that of the middle.
        const next = levels[i + 1]?.level ?? level;
        const middle = scale.kind === 'log' && level > 0 ? Math.sqrt(level * next) : (level + next) / 2;
        pen.fillStyle = scale.css(middle);
        pen.beginPath();
        traceRings(pen, rings, place);
        pen.fill();
      });
      pen.globalAlpha *= 0.3;
    }
    pen.strokeStyle = scene.color(mark);
    pen.lineWidth = colors ? 0.75 : WEIGHT;
    pen.lineJoin = 'round';
    pen.setLineDash(mark.dashed ? DASHES : []);
    pen.beginPath();
    for (const { rings } of levels) traceRings(pen, rings, place);
    if (colors) pen.stroke();
    else strokeOn(pen, scene);
    pen.setLineDash([]);
  },

  count: ({ values }) => values.len,

  spot: (mark, scene, index) => cellSpot(mark, scene, index, mark.colors?.label ?? mark.label ?? 'value'),

  nearest: nearestCell,

  rows(mark, data, declared) {
    const rows = cellRows(mark, data, declared);
    const levels = Array.from(numbers(data, mark.levels));
    return { ...rows, level: levels.map((_, i) => number(data, mark.levels, i)) };
  },
};
