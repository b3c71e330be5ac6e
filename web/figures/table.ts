import { formatNumber } from './format';
import { type MarkKind, number, numbers, type Rows } from './mark';
import type { Column, MarkOf } from './types';
import { fitted, write } from './words';

const SIZE = 12;
const ROW = 22;
const DIGITS = 3;

function lengthOf(column: Column): number {
  return 'numbers' in column ? column.numbers.len : column.words.length;
}

/** How many rows a table has. */
export function tableLength(mark: MarkOf<'table'>): number {
  return Math.max(0, ...mark.columns.map(lengthOf));
}

/** What a cell shows. */
export function cellText(column: Column, data: ArrayLike<number>, row: number): string {
  if ('words' in column) return column.words[row] ?? '';
  return row < column.numbers.len ? formatNumber(number(data, column.numbers, row), DIGITS) : '';
}

/** The height a table takes when it is drawn. */
export function tableHeight(mark: MarkOf<'table'>): number {
  return ROW * (tableLength(mark) + 1) + 12;
}

/** A table. On the page it is a real one; it is drawn only on posters and in saved pictures. */
export const table: MarkKind<'table'> = {
  name: 'table',
  swatch: 'none',

  extent() {},

  draw(pen, mark, scene) {
    const { data, theme, plane } = scene;
    const { left, top, width, height } = plane.box;
    const each = width / Math.max(1, mark.columns.length);
    const size = scene.bare ? 10 : SIZE;
    const row = scene.bare ? 17 : ROW;
    const lines = Math.min(tableLength(mark), Math.floor(height / row) - 1);
    mark.columns.forEach((column, k) => {
      const right = 'numbers' in column;
      const [x, align] = right
        ? ([left + (k + 1) * each - 8, 'right'] as const)
        : ([left + k * each + 8, 'left'] as const);
      pen.fillStyle = theme.muted;
      write(
        pen,
        fitted(pen, mark.headers[k] ?? '', size, each - 12, 500),
        x,
        top + row / 2,
        size,
        align,
        500,
      );
      pen.fillStyle = theme.ink;
      for (let i = 0; i < lines; i++) {
        const words = fitted(pen, cellText(column, data, i), size, each - 12);
        write(pen, words, x, top + (i + 1.5) * row, size, align);
      }
    });
    pen.strokeStyle = theme.rule;
    pen.lineWidth = 1;
    pen.beginPath();
    for (let i = 1; i <= lines; i++) {
      pen.moveTo(left, top + i * row);
      pen.lineTo(left + width, top + i * row);
    }
    pen.stroke();
  },

  count: () => 0,
  spot: () => undefined,
  nearest: () => undefined,

  rows({ headers, columns }, data) {
    const rows: Rows = {};
    columns.forEach((column, k) => {
      rows[headers[k] || `column ${k + 1}`] =
        'numbers' in column ? numbers(data, column.numbers) : column.words;
    });
    return rows;
  },
};
