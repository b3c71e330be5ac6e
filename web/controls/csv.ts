/** Reads tables that people have: commas, semicolons, tabs or blanks between the cells, perhaps a line of names. */
import type { Table } from '../runtime/specs';

/** A table, or why there is none. */
export type Read = { table: Table } | { complaint: string };

/** The cells of one line; a quoted cell may hold the separator. */
function cells(line: string, separator: string): string[] {
  const found: string[] = [];
  let cell = '';
  let quoted = false;
  for (let at = 0; at < line.length; at++) {
    const character = line[at];
    if (quoted && character === '"' && line[at + 1] === '"') {
      cell += '"';
      at++;
    } else if (character === '"') quoted = !quoted;
    else if (character === separator && !quoted) {
      found.push(cell.trim());
      cell = '';
    } else cell += character;
  }
  return [...found, cell.trim()];
}

/** A number as it stands in a file; with semicolons or tabs between cells the decimal comma is one too. */
function numberIn(cell: string, commas: boolean): number {
  const text = commas ? cell.replace(',', '.') : cell;
  return text === '' ? Number.NaN : Number(text.replace('−', '-'));
}

/** Reads a table of numbers. */
export function readTable(text: string): Read {
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/);
  const filled = lines
    .map((line, index) => ({ line: line.trim(), number: index + 1 }))
    .filter(({ line }) => line !== '' && !line.startsWith('#'));
  if (filled.length === 0) return { complaint: 'There is nothing in it.' };
  const first = filled[0].line;
  const separator = ['\t', ';', ','].find((candidate) => first.includes(candidate)) ?? ' ';
  const commas = separator === ';' || separator === '\t';
  const rows = filled.map(({ line, number }) => ({
    cells: separator === ' ' ? line.split(/\s+/) : cells(line, separator),
    number,
  }));
  const isNumber = (cell: string) => Number.isFinite(numberIn(cell, commas));
  const named = rows[0].cells.every((cell) => !isNumber(cell));
  const columns = named ? rows[0].cells : rows[0].cells.map((_, index) => `column ${index + 1}`);
  const body = named ? rows.slice(1) : rows;
  if (body.length === 0) return { complaint: 'It holds names of columns, but no numbers.' };
  for (const { cells, number } of body) {
    if (cells.length !== columns.length) {
      return { complaint: `Line ${number} has ${cells.length} cells where the first has ${columns.length}.` };
    }
    const bad = cells.findIndex((cell) => !isNumber(cell));
    if (bad >= 0) {
      const what = cells[bad] === '' ? 'is empty' : `is “${cells[bad].slice(0, 20)}”`;
      return { complaint: `Line ${number}, ${columns[bad]}: the cell ${what}, where a number is needed.` };
    }
  }
  return { table: { columns, rows: body.map(({ cells }) => cells.map((cell) => numberIn(cell, commas))) } };
}
