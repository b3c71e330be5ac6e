import type { Pen } from './pen';
import { FONT } from './theme';
import { type Align, RAISED_BY, RAISED_SIZE, type Run } from './words';

type Style = string | CanvasGradient | CanvasPattern;

interface State {
  matrix: [number, number, number, number, number, number];
  fillStyle: Style;
  strokeStyle: Style;
  lineWidth: number;
  lineJoin: CanvasLineJoin;
  lineCap: CanvasLineCap;
  globalAlpha: number;
  font: string;
  textAlign: CanvasTextAlign;
  textBaseline: CanvasTextBaseline;
  imageSmoothingEnabled: boolean;
  dashes: number[];
  /** Groups opened by clipping since the last save. */
  groups: number;
}

const escapes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Text as it may stand in XML. */
export function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (letter) => escapes[letter]);
}

const short = (value: number) => String(Math.round(value * 100) / 100);

/** A pen that writes SVG: the drawing code of the page, saved as it is. `measure` gives the widths of words. */
export class SvgPen implements Pen {
  matrix: State['matrix'] = [1, 0, 0, 1, 0, 0];
  fillStyle: Style = '#000';
  strokeStyle: Style = '#000';
  lineWidth = 1;
  lineJoin: CanvasLineJoin = 'miter';
  lineCap: CanvasLineCap = 'butt';
  globalAlpha = 1;
  font = '10px sans-serif';
  textAlign: CanvasTextAlign = 'left';
  textBaseline: CanvasTextBaseline = 'alphabetic';
  imageSmoothingEnabled = true;
  private dashes: number[] = [];
  private groups = 0;
  private readonly stack: State[] = [];
  private readonly parts: string[] = [];
  private path: string[] = [];
  private clips = 0;

  constructor(private readonly measure: (text: string, font: string) => TextMetrics) {}

  save(): void {
    const { matrix, fillStyle, strokeStyle, lineWidth, lineJoin, lineCap, globalAlpha } = this;
    const { font, textAlign, textBaseline, imageSmoothingEnabled, dashes, groups } = this;
    this.stack.push({
      ...{ matrix, fillStyle, strokeStyle, lineWidth, lineJoin, lineCap, globalAlpha },
      ...{ font, textAlign, textBaseline, imageSmoothingEnabled, dashes, groups },
    });
    this.groups = 0;
  }

  restore(): void {
    const state = this.stack.pop();
    if (!state) return;
    this.parts.push('</g>'.repeat(this.groups));
    Object.assign(this, state);
  }

  translate(x: number, y: number): void {
    this.transform(1, 0, 0, 1, x, y);
  }

  rotate(angle: number): void {
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    this.transform(c, s, -s, c, 0, 0);
  }

  transform(a: number, b: number, c: number, d: number, e: number, f: number): void {
    const [A, B, C, D, E, F] = this.matrix;
    this.matrix = [
      A * a + C * b,
      B * a + D * b,
      A * c + C * d,
      B * c + D * d,
      A * e + C * f + E,
      B * e + D * f + F,
    ];
  }

  beginPath(): void {
    this.path = [];
  }

  moveTo(x: number, y: number): void {
    this.path.push(`M${this.point(x, y)}`);
  }

  lineTo(x: number, y: number): void {
    this.path.push(`${this.path.length === 0 ? 'M' : 'L'}${this.point(x, y)}`);
  }

  bezierCurveTo(x1: number, y1: number, x2: number, y2: number, x: number, y: number): void {
    this.path.push(`C${this.point(x1, y1)} ${this.point(x2, y2)} ${this.point(x, y)}`);
  }

  closePath(): void {
    if (this.path.length > 0) this.path.push('Z');
  }

  rect(x: number, y: number, width: number, height: number): void {
    const corners = [
      [x, y],
      [x + width, y],
      [x + width, y + height],
      [x, y + height],
    ];
    this.path.push(`M${corners.map(([px, py]) => this.point(px, py)).join('L')}Z`);
  }

  /** Arcs are drawn clockwise; radii are not skewed. */
  arc(x: number, y: number, radius: number, from: number, to: number): void {
    const at = (angle: number) => this.point(x + radius * Math.cos(angle), y + radius * Math.sin(angle));
    const r = short(
      radius * Math.sqrt(Math.abs(this.matrix[0] * this.matrix[3] - this.matrix[1] * this.matrix[2])),
    );
    const turn = Math.min(to - from, 2 * Math.PI);
    const steps = turn > Math.PI ? 2 : 1;
    this.path.push(`${this.path.length === 0 ? 'M' : 'L'}${at(from)}`);
    for (let i = 1; i <= steps; i++) this.path.push(`A${r} ${r} 0 0 1 ${at(from + (turn * i) / steps)}`);
  }

  clip(): void {
    const id = `clip${++this.clips}`;
    this.parts.push(
      `<clipPath id="${id}"><path d="${this.path.join('')}"/></clipPath><g clip-path="url(#${id})">`,
    );
    this.groups++;
  }

  fill(): void {
    if (this.path.length === 0) return;
    this.parts.push(`<path d="${this.path.join('')}" fill="${this.fillStyle}"${this.opacity()}/>`);
  }

  stroke(): void {
    if (this.path.length === 0) return;
    this.parts.push(`<path d="${this.path.join('')}" fill="none"${this.strokes()}${this.opacity()}/>`);
  }

  fillRect(x: number, y: number, width: number, height: number): void {
    const kept = this.path;
    this.path = [];
    this.rect(x, y, width, height);
    this.fill();
    this.path = kept;
  }

  strokeRect(x: number, y: number, width: number, height: number): void {
    const kept = this.path;
    this.path = [];
    this.rect(x, y, width, height);
    this.stroke();
    this.path = kept;
  }

  /** All words are labels. */
  fillText(): void {}

  strokeText(): void {}

  label(
    runs: readonly Run[],
    x: number,
    y: number,
    size: number,
    align: Align,
    weight: number,
    halo?: string,
  ): void {
    const anchor = { left: 'start', center: 'middle', right: 'end' }[align];
    const face = `font-family="${escaped(FONT)}" font-size="${size}" font-weight="${weight}"`;
    const place = `transform="matrix(${this.matrix.map(short).join(' ')})" x="${short(x)}" y="${short(y)}"`;
    const edge = halo
      ? ` stroke="${halo}" stroke-width="3" stroke-linejoin="round" paint-order="stroke"`
      : '';
    let raised = false;
    const spans = runs.map((run) => {
      const shift = run.raised === raised ? 0 : (run.raised ? -1 : 1) * RAISED_BY * size;
      raised = run.raised;
      const height = run.raised ? ` font-size="${short(size * RAISED_SIZE)}"` : '';
      return `<tspan dy="${short(shift)}"${height}>${escaped(run.text)}</tspan>`;
    });
    const looks = `text-anchor="${anchor}" fill="${this.fillStyle}"${edge}${this.opacity()}`;
    this.parts.push(`<text ${place} ${face} ${looks}>${spans.join('')}</text>`);
  }

  measureText(text: string): TextMetrics {
    return this.measure(text, this.font);
  }

  setLineDash(dashes: Iterable<number>): void {
    this.dashes = [...dashes];
  }

  drawImage(image: CanvasImageSource, x: number, y: number): void {
    if (!(image instanceof HTMLCanvasElement)) return;
    const smooth = this.imageSmoothingEnabled ? '' : ' image-rendering="pixelated"';
    const size = `width="${image.width}" height="${image.height}" preserveAspectRatio="none"`;
    const place = `x="${x}" y="${y}" transform="matrix(${this.matrix.join(' ')})"`;
    this.parts.push(`<image ${place} ${size}${smooth}${this.opacity()} href="${image.toDataURL()}"/>`);
  }

  /** Everything drawn so far, as a file. */
  file(width: number, height: number): string {
    const size = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
    return `<svg xmlns="http://www.w3.org/2000/svg" ${size}>${this.parts.join('\n')}</svg>\n`;
  }

  private point(x: number, y: number): string {
    const [a, b, c, d, e, f] = this.matrix;
    return `${short(a * x + c * y + e)},${short(b * x + d * y + f)}`;
  }

  private opacity(): string {
    return this.globalAlpha < 1 ? ` opacity="${short(this.globalAlpha)}"` : '';
  }

  private strokes(): string {
    const dashes = this.dashes.length > 0 ? ` stroke-dasharray="${this.dashes.join(' ')}"` : '';
    const ends = ` stroke-linejoin="${this.lineJoin}" stroke-linecap="${this.lineCap}"`;
    return ` stroke="${this.strokeStyle}" stroke-width="${short(this.lineWidth)}"${ends}${dashes}`;
  }
}
