import {
  type Channel,
  type Contender,
  decodeFrame,
  type Layout,
  type Mark,
  type StoredFrame,
} from '../figures/types.ts';

/** A picture for the gallery's wall: the first figure, at the detail that a small picture shows. */
export interface Poster {
  contenders: Contender[];
  layout: Layout;
  data: number[];
}

/** The most samples of a line, and the most cells on a side of a picture and of a surface under contours. */
const SAMPLES = 320;
const CELLS = { raster: 64, contour: 48 };

/** The poster of a stored frame: long lines and fine grids are thinned, and digits that no eye sees are dropped. */
export function poster(frame: StoredFrame, contenders: Contender[]): Poster {
  const { layout, data } = decodeFrame(frame);
  const numbers: number[] = [];
  const read = (channel: Channel) => Array.from({ length: channel.len }, (_, i) => data[channel.from + i]);
  const write = (values: number[], digits: number): Channel => {
    const from = numbers.length;
    numbers.push(...rounded(values, digits));
    return { from, len: values.length };
  };
  const small = (mark: Mark): Mark => {
    if (mark.mark === 'raster' || mark.mark === 'contour') {
      const [values, columns] = coarser(read(mark.values), mark.columns, CELLS[mark.mark]);
      const grid = { ...mark, values: write(values, mark.mark === 'raster' ? 100 : 1000), columns };
      return grid.mark === 'contour' ? { ...grid, levels: write(read(grid.levels), 10000) } : grid;
    }
    if (mark.mark === 'line' && mark.x.len > SAMPLES) {
      const [x, y] = thinner(read(mark.x), read(mark.y));
      return { ...mark, x: write(x, 2000), y: write(y, 2000) };
    }
    const kept = Object.entries(mark).map(([name, value]) => [
      name,
      isChannel(value) ? write(read(value), 2000) : value,
    ]);
    return Object.fromEntries(kept) as Mark;
  };
  const [lead] = layout;
  return {
    contenders,
    layout: { ...lead, marks: lead.marks.filter((mark) => mark.mark !== 'table').map(small) },
    data: numbers,
  };
}

function isChannel(value: unknown): value is Channel {
  return typeof value === 'object' && value !== null && 'from' in value && 'len' in value;
}

/**
 * Each number to the fewest digits that leave it within one part in `parts` of itself and of the range. Of itself for
 * logarithmic scales; of the range for a small change on a large number.
 */
function rounded(values: number[], parts: number): number[] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const range = high - low;
  return values.map((value) => {
    const close = Math.min(range || Math.abs(value), Math.abs(value)) / parts;
    if (!(close > 0) || !Number.isFinite(value)) return value;
    const digits = Math.ceil(Math.log10(Math.abs(value) / close));
    return Number(value.toPrecision(Math.min(9, Math.max(1, digits))));
  });
}

/** A line's first and last sample, and of each stretch between them the lowest and the highest. */
function thinner(x: number[], y: number[]): [number[], number[]] {
  const last = x.length - 1;
  const chosen = [0];
  const stretches = SAMPLES / 2;
  for (let stretch = 0; stretch < stretches; stretch++) {
    const from = 1 + Math.floor((stretch * (last - 1)) / stretches);
    const to = 1 + Math.floor(((stretch + 1) * (last - 1)) / stretches);
    let [low, high] = [from, from];
    for (let i = from; i < to; i++) {
      if (y[i] < y[low]) low = i;
      if (y[i] > y[high]) high = i;
    }
    chosen.push(...(low === high ? [low] : [Math.min(low, high), Math.max(low, high)]));
  }
  chosen.push(last);
  return [chosen.map((i) => x[i]), chosen.map((i) => y[i])];
}

/** A grid with at most `most` cells on a side: each is the mean of what it covers, by area. */
function coarser(values: number[], columns: number, most: number): [number[], number] {
  const rows = values.length / columns;
  const across = covers(columns, most);
  const down = covers(rows, most);
  const mean = (parts: Part[], at: (index: number) => number) =>
    parts.reduce((sum, { index, share }) => sum + share * at(index), 0);
  const narrow = Array.from({ length: rows }, (_, row) =>
    across.map((parts) => mean(parts, (column) => values[row * columns + column])),
  );
  return [
    down.flatMap((parts) => across.map((_, column) => mean(parts, (row) => narrow[row][column]))),
    across.length,
  ];
}

/** A fine cell, and its share of a coarse one. */
interface Part {
  index: number;
  share: number;
}

/** The fine cells that each coarse cell covers, of `count` fine ones in a row. */
function covers(count: number, most: number): Part[][] {
  const cells = Math.min(count, most);
  const width = count / cells;
  return Array.from({ length: cells }, (_, cell) => {
    const [from, to] = [cell * width, (cell + 1) * width];
    const parts: Part[] = [];
    for (let index = Math.floor(from); index < Math.min(count, to - 1e-9); index++) {
      parts.push({ index, share: (Math.min(to, index + 1) - Math.max(from, index)) / width });
    }
    return parts;
  });
}
