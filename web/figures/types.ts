/**
 * What an exhibit hands the page: the TypeScript mirror of `crate/core/src/figure.rs` and `claim.rs` as serde writes
 * them. Numbers lie in one array per frame; a channel says where.
 */

/** A run of numbers in the frame's array. */
export interface Channel {
  from: number;
  len: number;
}

/** How numbers become positions (or colours). */
export type ScaleKind = 'linear' | 'log' | 'symlog';

export interface Axis {
  label: string;
  unit?: string;
  /** The scale it opens with. */
  scale: ScaleKind;
  /** Another scale the visitor may switch to. */
  or?: ScaleKind;
  /** The range shown; without it, the range of the data. */
  domain?: [number, number];
  /** Names of the positions 0, 1, 2, …. */
  categories?: string[];
  /** Runs from top to bottom, or from right to left. */
  reversed?: boolean;
}

export type Scheme = 'sequential' | 'diverging' | 'cyclic' | 'true';

/** How numbers become colours. */
export interface Colors {
  label: string;
  scheme: Scheme;
  scale: ScaleKind;
  domain?: [number, number];
}

/** A colour that is no contender's. */
export type Ink = 'strong' | 'muted' | 'accent' | { tone: number };

export type SymbolShape = 'disc' | 'ring' | 'cross' | 'square';

export type Column = { numbers: Channel } | { words: string[] };

export interface Line {
  mark: 'line';
  x: Channel;
  y: Channel;
}
export interface Dot {
  mark: 'dot';
  x: Channel;
  y: Channel;
  value?: Channel | null;
  colors?: Colors | null;
  symbol: SymbolShape;
  radius: number;
}
export interface Bar {
  mark: 'bar';
  x: Channel;
  y: Channel;
}
export interface Band {
  mark: 'band';
  x: Channel;
  low: Channel;
  high: Channel;
}
export interface Rule {
  mark: 'rule';
  x?: Channel | null;
  y?: Channel | null;
}
/** Numbers on a regular grid over the rectangle `x` by `y`, by rows, the first row at the low end of y. */
export interface GridGeometry {
  values: Channel;
  columns: number;
  x: [number, number];
  y: [number, number];
}
export interface Raster extends GridGeometry {
  mark: 'raster';
  colors: Colors;
}
export interface Contour extends GridGeometry {
  mark: 'contour';
  levels: Channel;
  colors?: Colors | null;
}
export interface Arrow {
  mark: 'arrow';
  x: Channel;
  y: Channel;
  dx: Channel;
  dy: Channel;
}
export interface Link {
  mark: 'link';
  x1: Channel;
  y1: Channel;
  x2: Channel;
  y2: Channel;
  weight?: Channel | null;
}
export interface Polygon {
  mark: 'polygon';
  x: Channel;
  y: Channel;
}
export interface TextWords {
  mark: 'text';
  x: Channel;
  y: Channel;
  words: string[];
}
export interface Table {
  mark: 'table';
  headers: string[];
  columns: Column[];
}

export type Geometry =
  | Line
  | Dot
  | Bar
  | Band
  | Rule
  | Raster
  | Contour
  | Arrow
  | Link
  | Polygon
  | TextWords
  | Table;

/** How a geometry looks. */
export interface Looks {
  /** The contender whose colour and name it takes. */
  of?: string;
  ink: Ink;
  /** Its name in the legend and the read-out; without one, the contender's, or none. */
  label?: string;
  dashed?: boolean;
  faint?: boolean;
  /** The points control that these dots move; dot `i` is its point `i`. */
  drags?: string;
}

export type Mark = Geometry & Looks;
export type MarkName = Geometry['mark'];
export type MarkOf<K extends MarkName> = Extract<Geometry, { mark: K }> & Looks;

export type Aspect = 'free' | 'equal' | 'simplex';

/** One figure. */
export interface Layout {
  id: string;
  title: string;
  caption: string;
  x?: Axis;
  y?: Axis;
  aspect: Aspect;
  /** From back to front. */
  marks: Mark[];
}

/** An algorithm that runs in an exhibit. */
export interface Contender {
  id: string;
  label: string;
  baseline: boolean;
}

export type Verdict = 'pending' | 'holds' | 'fails';

export interface Clause {
  /** A sentence with `{value}`, and perhaps `{low}` and `{high}`. */
  text: string;
  /** Null while nothing was measured, and where what was measured is no number. */
  value: number | null;
  low: number | null;
  high: number | null;
  verdict: Verdict;
}

export interface Claim {
  clauses: Clause[];
  verdict: Verdict;
}

/** A frame as it lies in the site's data files: `data` is base64 of little-endian f32. */
export interface StoredFrame {
  step: number;
  length: number;
  done: boolean;
  layout: Layout[];
  claim: Claim;
  data: string;
}

/** A frame ready to draw. */
export interface Frame {
  step: number;
  length: number;
  done: boolean;
  layout: Layout[];
  claim: Claim;
  data: ArrayLike<number>;
}

/** What a dragged dot says: the control, which point, where to, and whether the hand let go. */
export interface DragDetail {
  control: string;
  index: number;
  x: number;
  y: number;
  done: boolean;
}

/** The frame of a data file, with its numbers decoded. */
export function decodeFrame(stored: StoredFrame): Frame {
  const bytes = Uint8Array.from(atob(stored.data), (letter) => letter.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const data = new Float64Array(bytes.length >> 2);
  for (let i = 0; i < data.length; i++) data[i] = view.getFloat32(4 * i, true);
  return { ...stored, data };
}
