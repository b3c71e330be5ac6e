import type { ColorScale } from './colors';
import { cellRows, cellSpot, latticeOf, nearestCell, sameNumbers } from './grid';
import type { MarkKind, Scene } from './mark';
import type { MarkOf } from './types';

interface Image {
  canvas: HTMLCanvasElement;
  scale: ColorScale | undefined;
}

/** The values as an image, one pixel a cell, first row on top; made anew only when a value or the colours change. */
function imageOf(mark: MarkOf<'raster'>, scene: Scene, columns: number, rows: number): HTMLCanvasElement {
  const memory = scene.memory(mark);
  const scale = scene.colorScale(mark.colors);
  let image = memory.get('image') as Image | undefined;
  const same = sameNumbers(memory, 'values', scene.data, mark.values);
  if (!image || image.canvas.width !== columns || image.canvas.height !== rows) {
    image = { canvas: document.createElement('canvas'), scale: undefined };
    image.canvas.width = columns;
    image.canvas.height = rows;
    memory.set('image', image);
  } else if (same && image.scale === scale) {
    return image.canvas;
  }
  const pen = image.canvas.getContext('2d');
  if (pen) {
    const pixels = pen.createImageData(columns, rows);
    const words = new Uint32Array(pixels.data.buffer);
    for (let i = 0; i < words.length; i++) words[i] = scale.packed(scene.data[mark.values.from + i]);
    pen.putImageData(pixels, 0, 0);
    image.scale = scale;
  }
  return image.canvas;
}

/** Coloured cells on a regular grid. A value that is no number leaves the paper bare. */
export const raster: MarkKind<'raster'> = {
  name: 'raster',
  swatch: 'none',
  framed: () => true,

  // In units of its own cells it is a matrix, unless far from square.
  ratio({ values, columns, x, y }) {
    const [width, height] = [Math.abs(x[1] - x[0]), Math.abs(y[1] - y[0])];
    const ratio = height / width;
    return width === columns && height === values.len / columns && ratio > 1 / 3 && ratio < 3
      ? ratio
      : undefined;
  },

  extent({ values, x, y, colors }, data, reach) {
    for (const end of x) reach.x.take(end);
    for (const end of y) reach.y.take(end);
    reach.colors(colors).takeAll(data, values);
  },

  draw(pen, mark, scene) {
    const lattice = latticeOf(mark, scene);
    const { columns, rows } = lattice;
    const { plane } = scene;
    if (rows < 1) return;
    const image = imageOf(mark, scene, columns, rows);
    pen.imageSmoothingEnabled = false;
    const corner = (column: number, row: number): [number, number] => {
      const [x, y] = [lattice.x(column), lattice.y(row)];
      return [plane.px(x, y), plane.py(x, y)];
    };
    const even = plane.simplex || (plane.x.kind === scene.declared.x && plane.y.kind === scene.declared.y);
    if (even) {
      // The grid's three corners say where the image goes, on a slant too.
      const [x0, y0] = corner(0, 0);
      const [x1, y1] = corner(columns, 0);
      const [x2, y2] = corner(0, rows);
      pen.save();
      pen.transform((x1 - x0) / columns, (y1 - y0) / columns, (x2 - x0) / rows, (y2 - y0) / rows, x0, y0);
      pen.drawImage(image, 0, 0);
      pen.restore();
      return;
    }
    // On another scale than the grid's own, cell by cell along each uneven side.
    for (let row = 0; row < rows; row++) {
      const [, top] = corner(0, row);
      const [, foot] = corner(0, row + 1);
      for (let column = 0; column < columns; column++) {
        const [left] = corner(column, row);
        const [right] = corner(column + 1, row);
        if (![left, right, top, foot].every(Number.isFinite)) continue;
        pen.fillStyle = scene
          .colorScale(mark.colors)
          .css(scene.data[mark.values.from + row * columns + column]);
        pen.fillRect(left, top, right - left, foot - top);
      }
    }
  },

  count: ({ values }) => values.len,

  spot: (mark, scene, index) => cellSpot(mark, scene, index, mark.colors.label),

  nearest: nearestCell,

  rows: (mark, data, declared) => cellRows(mark, data, declared),
};
