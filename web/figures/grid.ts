import { formatNumber } from './format';
import { type Near, number, type Rows, type Scene, type Spot } from './mark';
import { transformOf } from './ruler';
import type { GridGeometry, ScaleKind } from './types';

/** What rasters and contours share: numbers on a grid that is regular on the scales its axes opened with. */
export interface Lattice {
  columns: number;
  rows: number;
  /** A place along the grid, in cells from its low corner, to an axis's number; and back. */
  x(cell: number): number;
  y(cell: number): number;
  column(x: number): number;
  row(y: number): number;
}

function side(kind: ScaleKind, [from, to]: readonly [number, number], cells: number) {
  // A rectangle that a log scale cannot hold is regular in the numbers themselves.
  const law = transformOf(kind === 'log' && !(from > 0 && to > 0) ? 'linear' : kind, [from, to]);
  const [p, q] = [law.forward(from), law.forward(to)];
  return {
    at: (cell: number) => law.back(p + ((q - p) * cell) / cells),
    cell: (value: number) => ((law.forward(value) - p) / (q - p)) * cells,
  };
}

export function latticeOf(mark: GridGeometry, scene: Pick<Scene, 'declared'>): Lattice {
  const columns = Math.max(1, mark.columns);
  const rows = Math.floor(mark.values.len / columns);
  const [x, y] = [side(scene.declared.x, mark.x, columns), side(scene.declared.y, mark.y, rows)];
  return { columns, rows, x: x.at, y: y.at, column: x.cell, row: y.cell };
}

/** The cell at the pointer reads its number. */
export function nearestCell(mark: GridGeometry, scene: Scene, px: number, py: number): Near | undefined {
  const lattice = latticeOf(mark, scene);
  const [x, y] = scene.plane.invert(px, py);
  const [column, row] = [Math.floor(lattice.column(x)), Math.floor(lattice.row(y))];
  if (!(column >= 0 && column < lattice.columns && row >= 0 && row < lattice.rows)) return undefined;
  // A raster lies behind: anything within reach of the hand comes first.
  return { index: row * lattice.columns + column, distance: 14 };
}

export function cellSpot(mark: GridGeometry, scene: Scene, index: number, label: string): Spot | undefined {
  const lattice = latticeOf(mark, scene);
  const [x, y] = [
    lattice.x((index % lattice.columns) + 0.5),
    lattice.y(Math.floor(index / lattice.columns) + 0.5),
  ];
  const [px, py] = [scene.plane.px(x, y), scene.plane.py(x, y)];
  if (!Number.isFinite(px) || !Number.isFinite(py)) return undefined;
  const entries: Spot['entries'] = [
    [scene.names.x, scene.read('x', x)],
    [scene.names.y, scene.read('y', y)],
    [label, formatNumber(number(scene.data, mark.values, index), 4)],
  ];
  return { x: px, y: py, entries };
}

/** Every cell by its centre; `declared` are the scales the axes opened with. */
export function cellRows(mark: GridGeometry, data: ArrayLike<number>, declared: Scene['declared']): Rows {
  const lattice = latticeOf(mark, { declared });
  const cells = lattice.columns * lattice.rows;
  const each = (read: (i: number) => number) => Array.from({ length: cells }, (_, i) => read(i));
  return {
    x: each((i) => lattice.x((i % lattice.columns) + 0.5)),
    y: each((i) => lattice.y(Math.floor(i / lattice.columns) + 0.5)),
    value: each((i) => number(data, mark.values, i)),
  };
}

/** Whether a channel still holds the numbers remembered; if not, remembers them. */
export function sameNumbers(
  memory: Map<string, unknown>,
  key: string,
  data: ArrayLike<number>,
  channel: { from: number; len: number },
): boolean {
  let held = memory.get(key) as Float64Array | undefined;
  if (held?.length === channel.len) {
    let i = 0;
    // Object.is, since NaN stands for a hole.
    while (
      i < held.length &&
      (held[i] === data[channel.from + i] || Object.is(held[i], data[channel.from + i]))
    )
      i++;
    if (i === held.length) return true;
  } else {
    held = new Float64Array(channel.len);
    memory.set(key, held);
  }
  for (let i = 0; i < channel.len; i++) held[i] = data[channel.from + i];
  return false;
}
