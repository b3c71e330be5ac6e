/**
 * Makes a value fit its control. What arrives from a link, an attribute, a property or a file is garbage until it has
 * passed here.
 */
import type { Point, Spec, Value } from './specs';

/** A value that its control takes, and what had to be done to it, in words for the visitor. */
export interface Accepted {
  value: Value;
  notice?: string;
}

/** The longest formula, as the Rust side has it. */
export const LONGEST_FORMULA = 500;

const finite = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

/** The nearest number of the range. `Math.max` would make 0 of −0. */
function clamp(value: number, low: number, high: number): number {
  if (value < low) return low;
  if (value > high) return high;
  return value;
}

/** The first `most` characters, counted as Rust counts them. */
const cut = (text: string, most: number) => Array.from(text).slice(0, most).join('');

/** How many characters a text has, counted as Rust counts them. */
export const characters = (text: string) => Array.from(text).length;

/** A text without lone surrogates, which no other program would take. */
const wellFormed = (text: string) =>
  text.replace(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g, '\uFFFD');

/** The nearest value `spec` takes. Never throws; a value of the wrong kind gives the default and a notice. */
export function accept(spec: Spec, raw: unknown): Accepted {
  const refused = (why: string): Accepted => ({
    value: spec.default,
    notice: `${spec.label}: ${why}; it is at its default.`,
  });
  switch (spec.kind) {
    case 'number':
    case 'integer': {
      if (!finite(raw)) return refused('not a number');
      const whole = spec.kind === 'integer' ? Math.round(raw) : raw;
      const value = clamp(whole, spec.min, spec.max);
      if (value !== whole) {
        return {
          value,
          notice: `${spec.label}: ${raw} is outside ${spec.min} to ${spec.max}; it is set to ${value}.`,
        };
      }
      return whole === raw
        ? { value }
        : { value, notice: `${spec.label}: ${raw} is not whole; it is set to ${value}.` };
    }
    case 'toggle':
      return typeof raw === 'boolean' ? { value: raw } : refused('neither on nor off');
    case 'choice':
      return spec.options.some(([name]) => name === raw)
        ? { value: raw as string }
        : refused(`there is no option “${cut(String(raw), 40)}”`);
    case 'set': {
      if (!Array.isArray(raw)) return refused('not a list of names');
      const value = spec.options.map(([name]) => name).filter((name) => raw.includes(name));
      const unknown = raw.filter((name) => !value.includes(name));
      if (unknown.length === 0) return { value };
      // A list of which nothing is left is no choice of nothing.
      if (value.length === 0) return refused(`there is no option “${cut(String(unknown[0]), 40)}”`);
      return {
        value,
        notice: `${spec.label}: there is no option “${cut(String(unknown[0]), 40)}”; it is ignored.`,
      };
    }
    case 'points': {
      const isPoint = (p: unknown) => Array.isArray(p) && p.length === 2 && finite(p[0]) && finite(p[1]);
      if (!Array.isArray(raw) || !raw.every(isPoint)) return refused('not a list of points');
      if (raw.length < spec.min) return refused(`takes at least ${spec.min} points, not ${raw.length}`);
      const [[left, right], [low, high]] = spec.domain;
      const kept = (raw as Point[]).slice(0, spec.max);
      const value = kept.map(([x, y]): Point => [clamp(x, left, right), clamp(y, low, high)]);
      if (raw.length > spec.max) {
        return {
          value,
          notice: `${spec.label}: only the first ${spec.max} of ${raw.length} points are used.`,
        };
      }
      const moved = value.some(([x, y], index) => x !== kept[index][0] || y !== kept[index][1]);
      return moved
        ? { value, notice: `${spec.label}: points outside their range were moved to its edge.` }
        : { value };
    }
    case 'curve': {
      if (!Array.isArray(raw) || !raw.every(finite)) return refused('not a list of numbers');
      if (raw.length !== spec.samples) return refused(`takes ${spec.samples} numbers, not ${raw.length}`);
      const [low, high] = spec.range;
      const value = (raw as number[]).map((number) => clamp(number, low, high));
      const moved = value.some((number, index) => number !== raw[index]);
      return moved
        ? { value, notice: `${spec.label}: values outside ${low} to ${high} were moved to the edge.` }
        : { value };
    }
    case 'formula': {
      if (typeof raw !== 'string') return refused('not a formula');
      if (characters(raw) > LONGEST_FORMULA) return refused(`longer than ${LONGEST_FORMULA} characters`);
      return { value: wellFormed(raw) };
    }
    case 'text': {
      if (typeof raw !== 'string') return refused('not a text');
      const text = wellFormed(raw);
      if (characters(text) <= spec.max) return { value: text };
      return {
        value: cut(text, spec.max),
        notice: `${spec.label}: only the first ${spec.max} characters are used.`,
      };
    }
    case 'image': {
      const { width, height, pixels } = (raw ?? {}) as {
        width?: unknown;
        height?: unknown;
        pixels?: unknown;
      };
      const side = (length: unknown, most: number) =>
        Number.isInteger(length) && (length as number) >= 0 && (length as number) <= most;
      if (!side(width, spec.max_width) || !side(height, spec.max_height)) {
        return refused(`takes a picture of at most ${spec.max_width} × ${spec.max_height} pixels`);
      }
      const numbers = (width as number) * (height as number) * (spec.color ? 3 : 1);
      if (!Array.isArray(pixels) || pixels.length !== numbers || !pixels.every(finite)) {
        return refused(`such a picture of ${width} × ${height} is ${numbers} numbers`);
      }
      const value = pixels.map((pixel) => clamp(pixel, 0, 1));
      const image = { width: width as number, height: height as number, pixels: value };
      const moved = value.some((pixel, index) => pixel !== pixels[index]);
      return moved
        ? { value: image, notice: `${spec.label}: brightness was limited to 0 to 1.` }
        : { value: image };
    }
    case 'table': {
      const { columns, rows } = (raw ?? {}) as { columns?: unknown; rows?: unknown };
      if (!Array.isArray(columns) || !columns.every((name) => typeof name === 'string'))
        return refused('not a table');
      if (columns.length < spec.min_columns || columns.length > spec.max_columns) {
        return refused(`takes ${spec.min_columns} to ${spec.max_columns} columns, not ${columns.length}`);
      }
      const fits = (row: unknown) => Array.isArray(row) && row.length === columns.length && row.every(finite);
      if (!Array.isArray(rows) || !rows.every(fits))
        return refused(`a row does not have ${columns.length} numbers`);
      const table = { columns: columns.map(wellFormed), rows: (rows as number[][]).slice(0, spec.max_rows) };
      if (rows.length <= spec.max_rows) return { value: table };
      return {
        value: table,
        notice: `${spec.label}: only the first ${spec.max_rows} of ${rows.length} rows are used.`,
      };
    }
  }
}
