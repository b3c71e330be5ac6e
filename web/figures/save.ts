import { csvOf } from './csv';
import { drawLegend, type Entry } from './legend';
import type { Pen } from './pen';
import type { Picture } from './picture';
import { SvgPen } from './svgpen';
import { tableHeight } from './table';
import type { Theme } from './theme';
import { widthOf, write } from './words';

/** Pixels of a saved PNG per CSS pixel: sharp in print. */
const PNG_RATIO = 3;
const EDGE = 12;
const TITLE_SIZE = 15;
const CAPTION_SIZE = 12;
const LINE = 17;

function wrapped(pen: Pen, text: string, size: number, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    const longer = line ? `${line} ${word}` : word;
    if (line && widthOf(pen, longer, size) > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return line ? [...lines, line] : lines;
}

/** Draws the whole figure, heading and caption included; returns its height. */
function compose(pen: Pen, picture: Picture, entries: readonly Entry[], width: number, theme: Theme): number {
  const { layout } = picture;
  if (!layout) return 0;
  const shown = entries.filter((entry) => !picture.hidden.has(entry.key));
  let y = EDGE;
  pen.fillStyle = theme.ink;
  for (const line of wrapped(pen, layout.title, TITLE_SIZE, (width - 2 * EDGE) / 1.08)) {
    write(pen, line, EDGE, y + 10, TITLE_SIZE, 'left', 600);
    y += 22;
  }
  y += 4 + drawLegend(pen, shown, width, y + 2, theme.ink);
  const tables = layout.marks.filter((mark) => mark.mark === 'table').map(tableHeight);
  const height = tables.length > 0 ? Math.max(...tables) + 16 : picture.height(pen, width);
  pen.save();
  pen.translate(0, y);
  picture.draw(pen, width, height, theme, performance.now());
  pen.restore();
  y += height + 6;
  pen.fillStyle = theme.muted;
  for (const line of wrapped(pen, layout.caption, CAPTION_SIZE, width - 2 * EDGE)) {
    write(pen, line, EDGE, y + 8, CAPTION_SIZE);
    y += LINE;
  }
  return y + EDGE - 4;
}

function freshPen(): CanvasRenderingContext2D {
  const pen = document.createElement('canvas').getContext('2d');
  if (!pen) throw new Error('this browser draws no canvas');
  return pen;
}

function svgPen(): SvgPen {
  const ruler = freshPen();
  return new SvgPen((text, font) => {
    ruler.font = font;
    return ruler.measureText(text);
  });
}

/** The figure as an SVG file. */
export function svgOf(picture: Picture, entries: readonly Entry[], width: number, theme: Theme): string {
  const height = compose(svgPen(), picture, entries, width, theme);
  const pen = svgPen();
  pen.fillStyle = theme.paper;
  pen.fillRect(0, 0, width, height);
  compose(pen, picture, entries, width, theme);
  return pen.file(width, height);
}

/** The figure as a PNG file. */
export function pngOf(
  picture: Picture,
  entries: readonly Entry[],
  width: number,
  theme: Theme,
): Promise<Blob | null> {
  const height = compose(svgPen(), picture, entries, width, theme);
  const pen = freshPen();
  pen.canvas.width = width * PNG_RATIO;
  pen.canvas.height = height * PNG_RATIO;
  pen.scale(PNG_RATIO, PNG_RATIO);
  pen.fillStyle = theme.paper;
  pen.fillRect(0, 0, width, height);
  compose(pen, picture, entries, width, theme);
  return new Promise((resolve) => pen.canvas.toBlob(resolve, 'image/png'));
}

export type FileKind = 'png' | 'svg' | 'csv';

/** Saves the figure as a file of the visitor's. */
export async function save(
  kind: FileKind,
  picture: Picture,
  entries: readonly Entry[],
  width: number,
  theme: Theme,
): Promise<void> {
  const { layout, data, contenders } = picture;
  if (!layout) return;
  let file: Blob | null;
  if (kind === 'csv') file = new Blob([csvOf(layout, data, contenders)], { type: 'text/csv' });
  else if (kind === 'svg')
    file = new Blob([svgOf(picture, entries, width, theme)], { type: 'image/svg+xml' });
  else file = await pngOf(picture, entries, width, theme);
  if (!file) return;
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = `${layout.id}.${kind}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
