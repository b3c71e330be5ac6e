import type { ColorScale } from './colors';
import type { Extent } from './extent';
import type { Pen } from './pen';
import type { Plane } from './plane';
import type { Theme } from './theme';
import type { Channel, Colors, Mark, MarkName, MarkOf, ScaleKind } from './types';

/** What the marks of a figure reach: on each axis, and in each family of colours. */
export interface Reach {
  x: Extent;
  y: Extent;
  colors(colors: Colors, soft?: boolean): Extent;
}

/** What a mark needs to draw itself. */
export interface Scene {
  readonly data: ArrayLike<number>;
  readonly plane: Plane;
  readonly theme: Theme;
  /** A poster: no words, lighter strokes. */
  readonly bare: boolean;
  /** Whether there is a coloured ground: what is drawn upon it is edged with paper, to stand out. */
  readonly ground: boolean;
  /** The names of the axes, for the read-out. */
  readonly names: { x: string; y: string };
  /** The scales the axes opened with: grids are regular on these. */
  readonly declared: { x: ScaleKind; y: ScaleKind };
  /** A number on an axis in words: a category's name, or its digits. */
  read(axis: 'x' | 'y', value: number): string;
  color(mark: Mark): string;
  /** The weight of the mark's strokes in CSS pixels. */
  weight(mark: Mark): number;
  /** The scale of a family of colours; a soft one is a ground to draw upon. */
  colorScale(colors: Colors, soft?: boolean): ColorScale;
  /** What the mark in this place of the figure remembers from frame to frame. */
  memory(mark: Mark): Map<string, unknown>;
}

/** A place of a mark that can be read: where it is, and what it says. */
export interface Spot {
  x: number;
  y: number;
  entries: [name: string, value: string][];
}

/** The spot of a mark closest to the pointer, and how far it is in CSS pixels. */
export interface Near {
  index: number;
  distance: number;
}

/** Numbers or words by column, for CSV. */
export type Rows = Record<string, ArrayLike<number | string>>;

/** One kind of mark. Nothing else knows it. */
export interface MarkKind<K extends MarkName> {
  readonly name: K;
  /** How its entry in the legend looks. */
  readonly swatch: 'line' | 'dot' | 'area' | 'none';
  /** Whether its edges are the figure's: axes of data show it to the edge, unrounded. */
  framed?(mark: MarkOf<K>): boolean;
  /** Height over width of the data area where the mark asks for square cells. */
  ratio?(mark: MarkOf<K>): number | undefined;
  /** What it adds to the axes' and colours' ranges. */
  extent(mark: MarkOf<K>, data: ArrayLike<number>, reach: Reach): void;
  draw(pen: Pen, mark: MarkOf<K>, scene: Scene): void;
  /** How many spots can be read. */
  count(mark: MarkOf<K>): number;
  spot(mark: MarkOf<K>, scene: Scene, index: number): Spot | undefined;
  nearest(mark: MarkOf<K>, scene: Scene, px: number, py: number): Near | undefined;
  /** Its numbers in full, for CSV. */
  rows(mark: MarkOf<K>, data: ArrayLike<number>, declared: Scene['declared']): Rows;
}

/** Number `i` of a channel. */
export function number(data: ArrayLike<number>, channel: Channel, i: number): number {
  return data[channel.from + i] as number;
}

/** All numbers of a channel, without copying where the array allows. */
export function numbers(data: ArrayLike<number>, channel: Channel): ArrayLike<number> {
  const { from, len } = channel;
  if (data instanceof Float64Array || data instanceof Float32Array) return data.subarray(from, from + len);
  return Array.from({ length: len }, (_, i) => data[from + i] as number);
}

/** The closest of many points. */
export function nearestPoint(
  data: ArrayLike<number>,
  x: Channel,
  y: Channel,
  plane: Plane,
  px: number,
  py: number,
): Near | undefined {
  let near: Near | undefined;
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < x.len; i++) {
    const vx = data[x.from + i] as number;
    const vy = data[y.from + i] as number;
    const [qx, qy] = [plane.px(vx, vy), plane.py(vx, vy)];
    const distance = (qx - px) ** 2 + (qy - py) ** 2;
    if (distance < best && plane.holds(qx, qy)) {
      best = distance;
      near = { index: i, distance };
    }
  }
  if (near) near.distance = Math.sqrt(near.distance);
  return near;
}

/** The spot of a point, said by the names of the axes. */
export function pointSpot(scene: Scene, x: number, y: number): Spot | undefined {
  const [px, py] = [scene.plane.px(x, y), scene.plane.py(x, y)];
  if (!Number.isFinite(px) || !Number.isFinite(py)) return undefined;
  const entries: Spot['entries'] = [
    [scene.names.x, scene.read('x', x)],
    [scene.names.y, scene.read('y', y)],
  ];
  return { x: px, y: py, entries };
}

/** Strokes the path; on a coloured ground with an edge of paper. */
export function strokeOn(pen: Pen, scene: Scene): void {
  if (scene.ground) {
    const { strokeStyle, lineWidth, globalAlpha } = pen;
    pen.strokeStyle = scene.theme.paper;
    pen.lineWidth = lineWidth + 2;
    pen.globalAlpha = globalAlpha * 0.6;
    pen.stroke();
    pen.strokeStyle = strokeStyle;
    pen.lineWidth = lineWidth;
    pen.globalAlpha = globalAlpha;
  }
  pen.stroke();
}

/** Dashes of a dashed stroke, in CSS pixels. */
export const DASHES = [6, 4];
