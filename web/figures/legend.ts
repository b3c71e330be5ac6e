import { isOpen, tracePoint } from './dot';
import { DASHES } from './mark';
import { kindOf } from './marks';
import type { Pen } from './pen';
import type { Contender, Mark, SymbolShape } from './types';
import { widthOf, write } from './words';

/** What a legend entry shows beside its name. */
export interface Entry {
  key: string;
  color: string;
  swatch: 'line' | 'dot' | 'area' | 'none';
  symbol: SymbolShape;
  dashed: boolean;
  faint: boolean;
}

/** The name under which a mark is listed: its own, or its contender's; nothing for one that has neither. */
export function legendKey(mark: Mark, contenders: readonly Contender[]): string | undefined {
  if (mark.label) return mark.label;
  if (mark.of === undefined) return undefined;
  return contenders.find((contender) => contender.id === mark.of)?.label ?? mark.of;
}

/** The legend's entries, in the order of the marks, each name once. */
export function legendEntries(
  marks: readonly Mark[],
  contenders: readonly Contender[],
  color: (mark: Mark) => string,
): Entry[] {
  const entries = new Map<string, Entry>();
  for (const mark of marks) {
    const key = legendKey(mark, contenders);
    const swatch = kindOf(mark)?.swatch ?? 'none';
    if (key === undefined) continue;
    const had = entries.get(key);
    // A line tells more than the band or the dots that go with it.
    if (had && (had.swatch === 'line' || swatch !== 'line')) continue;
    const symbol = mark.mark === 'dot' ? mark.symbol : 'disc';
    entries.set(key, { key, color: color(mark), swatch, symbol, dashed: !!mark.dashed, faint: !!mark.faint });
  }
  return [...entries.values()];
}

const SIZE = 12;
const ROW = 20;

/** Draws the legend for a saved picture; returns how high it was. */
export function drawLegend(
  pen: Pen,
  entries: readonly Entry[],
  width: number,
  top: number,
  ink: string,
): number {
  let [x, y] = [12, top];
  for (const { key, color, swatch, symbol, dashed, faint } of entries) {
    const wide = 24 + widthOf(pen, key, SIZE);
    if (x > 12 && x + wide > width - 12) {
      x = 12;
      y += ROW;
    }
    const middle = y + ROW / 2;
    pen.save();
    pen.globalAlpha = faint ? 0.5 : 1;
    pen.strokeStyle = pen.fillStyle = color;
    pen.lineWidth = 2;
    pen.beginPath();
    if (swatch === 'dot') {
      tracePoint(pen, symbol, x + 8, middle, 4);
      if (isOpen(symbol)) pen.stroke();
      else pen.fill();
    } else if (swatch === 'area') {
      pen.globalAlpha *= 0.5;
      pen.fillRect(x, middle - 5, 16, 10);
    } else if (swatch === 'line') {
      pen.setLineDash(dashed ? DASHES : []);
      pen.moveTo(x, middle);
      pen.lineTo(x + 16, middle);
      pen.stroke();
    }
    pen.restore();
    pen.fillStyle = ink;
    write(pen, key, x + 22, middle, SIZE);
    x += wide + 16;
  }
  return entries.length > 0 ? y + ROW - top : 0;
}
