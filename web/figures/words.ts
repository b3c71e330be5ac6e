import type { Pen } from './pen';
import { font } from './theme';

/** Words on a canvas: superscripts raised by hand (few fonts hold them all), widths remembered. */

const RAISED = '⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺';
const LOWERED = '0123456789−+';

/** A part of a word: on the line, or raised. */
export interface Run {
  text: string;
  raised: boolean;
}

/** The parts of words: on the line, and raised. */
export function runsOf(text: string): Run[] {
  const runs: Run[] = [];
  for (const letter of text) {
    const place = RAISED.indexOf(letter);
    const raised = place >= 0;
    const plain = raised ? (LOWERED[place] as string) : letter;
    const last = runs[runs.length - 1];
    if (last && last.raised === raised) last.text += plain;
    else runs.push({ text: plain, raised });
  }
  return runs;
}

const widths = new Map<string, number>();

/** Forgets all widths: a typeface has arrived. */
export function forgetWidths(): void {
  widths.clear();
}

/** The size of raised letters, and how far they are raised, as parts of the size. */
export const RAISED_SIZE = 0.76;
export const RAISED_BY = 0.36;

/** How wide words are at a size. */
export function widthOf(pen: Pen, text: string, size: number, weight = 400): number {
  const key = `${size}|${weight}|${text}`;
  let width = widths.get(key);
  if (width === undefined) {
    width = 0;
    for (const run of runsOf(text)) {
      pen.font = font(run.raised ? size * RAISED_SIZE : size, weight);
      width += pen.measureText(run.text).width;
    }
    if (widths.size > 4000) widths.clear();
    widths.set(key, width);
  }
  return width;
}

/** How far the line of writing lies below the middle of the letters. */
const MIDDLE = 0.36;

export type Align = 'left' | 'center' | 'right';

/** Writes words with their middle at `y`; `halo` lays paper behind them. */
export function write(
  pen: Pen,
  text: string,
  x: number,
  y: number,
  size: number,
  align: Align = 'left',
  weight = 400,
  halo?: string,
): void {
  if (pen.label) {
    pen.label(runsOf(text), x, y + MIDDLE * size, size, align, weight, halo);
    return;
  }
  const width = widthOf(pen, text, size, weight);
  let at = align === 'left' ? x : align === 'center' ? x - width / 2 : x - width;
  pen.textAlign = 'left';
  pen.textBaseline = 'alphabetic';
  for (const run of runsOf(text)) {
    const height = run.raised ? size * RAISED_SIZE : size;
    const base = y + MIDDLE * size - (run.raised ? RAISED_BY * size : 0);
    pen.font = font(height, weight);
    if (halo) {
      pen.strokeStyle = halo;
      pen.lineWidth = 3;
      pen.lineJoin = 'round';
      pen.strokeText(run.text, at, base);
    }
    pen.fillText(run.text, at, base);
    at += pen.measureText(run.text).width;
  }
}

/** Words cut to a width, with an ellipsis. */
export function fitted(pen: Pen, text: string, size: number, width: number, weight = 400): string {
  if (widthOf(pen, text, size, weight) <= width) return text;
  let cut = text;
  while (cut.length > 1 && widthOf(pen, `${cut}…`, size, weight) > width) cut = cut.slice(0, -1).trimEnd();
  return `${cut}…`;
}
