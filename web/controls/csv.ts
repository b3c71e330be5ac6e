/** Reads tables that people have: commas, semicolons, tabs or blanks between the cells, perhaps a line of names. */
import type { Table } from '../runtime/specs';

/** A table and how many rows were left unread, or why there is none. */
export type Read = { table: Table; unread: number } | { complaint: string };

/** A line that says something, and its number. */
interface Line {
  line: string;
  number: number;
}

/** The first `most` lines that say something, and how many more there are: of a million only the first are copied. */
function filledLines(text: string, most: number): { filled: Line[]; more: number } {
  const end = text.includes('\n') ? '\n' : '\r';
  const filled: Line[] = [];
  let more = 0;
  for (let at = 0, number = 1; at < text.length; number++) {
    const next = text.indexOf(end, at);
    const stop = next < 0 ? text.length : next;
    const first = text.charCodeAt(at);
    // A sign or a digit at once: no need to look further.
    if (filled.length === most && first > 0x23 && first < 0x7f) more++;
    else {
      const line = text.slice(at, stop).trim();
      const says = line !== '' && !line.startsWith('#');
      if (says && filled.length < most) filled.push({ line, number });
      else if (says) more++;
    }
    at = stop + 1;
  }
  return { filled, more };
}

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

/** Reads a table of numbers, at most `most` rows of it. */
export function readTable(text: string, most = Number.POSITIVE_INFINITY): Read {
  // One more, which may be the names of the columns.
  const { filled, more } = filledLines(text.replace(/^\uFEFF/, ''), most + 1);
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
  const body = named ? rows.slice(1) : rows.slice(0, most);
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
  const numbers = body.map(({ cells }) => cells.map((cell) => numberIn(cell, commas)));
  return { table: { columns, rows: numbers }, unread: more + rows.length - body.length - (named ? 1 : 0) };
}
