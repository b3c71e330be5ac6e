import { css, html, nothing } from 'lit';
import { customElement, query, state } from 'lit/decorators.js';
import type { Image, ImageSpec } from '../runtime/specs';
import { Control } from './control';
import { upload } from './upload';

/** A new drawing has so many pixels a side, or as many as fit. */
const SIDE = 28;

/** Links stay short when brightness has no more digits than a screen shows. */
const brightness = (value: number) => Math.round(1000 * Math.min(1, Math.max(0, value))) / 1000;

/** The largest size of the same shape that fits. */
export function fitted(
  width: number,
  height: number,
  { max_width, max_height }: ImageSpec,
): [number, number] {
  const scale = Math.min(1, max_width / width, max_height / height);
  return [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
}

/** A small picture, grey or coloured, uploaded or drawn. */
@customElement('orrery-image')
export class ImageControl extends Control<ImageSpec, Image> {
  @query('canvas') private canvas!: HTMLCanvasElement;
  @state() private pen = 1;
  @state() private paintColor = '#e0813f';
  @state() private cursor: [number, number] = [0, 0];
  private last: [number, number] | undefined;

  static override styles = [
    Control.styles,
    css`
      canvas {
        width: 100%;
        max-height: 240px;
        object-fit: contain;
        image-rendering: pixelated;
        background: #000;
        cursor: crosshair;
        margin-bottom: 6px;
      }
    `,
  ];

  protected override get group() {
    return true;
  }

  /** The picture to draw on: an empty one gives an empty sheet. */
  private get sheet(): Image {
    const { value, spec } = this;
    if (value.pixels.length) return value;
    const [width, height] = fitted(SIDE, SIDE, spec);
    return { width, height, pixels: new Array(width * height * this.channels).fill(0) };
  }

  /** Numbers of a pixel. */
  private get channels(): number {
    return this.spec.color ? 3 : 1;
  }

  /** What the pen leaves: ink or a colour, or black where it erases. */
  private get ink(): number[] {
    const { pen, paintColor } = this;
    if (!this.spec.color || pen === 0) return new Array(this.channels).fill(pen);
    return [1, 3, 5].map((at) => brightness(Number.parseInt(paintColor.slice(at, at + 2), 16) / 255));
  }

  protected override updated() {
    const { width, height, pixels } = this.sheet;
    const { canvas } = this;
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext('2d');
    if (!context) return;
    const shown = context.createImageData(width, height);
    const each = this.channels;
    for (let index = 0; index < width * height; index++) {
      const [red, green = red, blue = red] = pixels.slice(each * index, each * (index + 1));
      shown.data.set([255 * red, 255 * green, 255 * blue, 255], 4 * index);
    }
    context.putImageData(shown, 0, 0);
    if (this.matches(':focus-within')) {
      context.fillStyle = getComputedStyle(this).getPropertyValue('--orrery-accent');
      context.fillRect(...this.cursor, 1, 1);
    }
  }

  private paint(cells: [number, number][], done: boolean) {
    const { width, height, pixels } = this.sheet;
    const painted = [...pixels];
    const { ink } = this;
    for (const [x, y] of cells)
      if (x >= 0 && y >= 0 && x < width && y < height)
        painted.splice((y * width + x) * ink.length, ink.length, ...ink);
    this.set({ width, height, pixels: painted }, done);
  }

  private cell(event: PointerEvent): [number, number] {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    const sheet = this.sheet;
    // The picture is centred in its box.
    const scale = Math.min(width / sheet.width, height / sheet.height);
    const x = (event.clientX - left - (width - scale * sheet.width) / 2) / scale;
    const y = (event.clientY - top - (height - scale * sheet.height) / 2) / scale;
    return [Math.floor(x), Math.floor(y)];
  }

  private trace(event: PointerEvent, done: boolean) {
    const to = this.cell(event);
    const from = this.last ?? to;
    const steps = Math.max(1, Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1]));
    const along = (axis: 0 | 1, step: number) =>
      Math.round(from[axis] + ((to[axis] - from[axis]) * step) / steps);
    const cells = Array.from({ length: steps + 1 }, (_, step): [number, number] => [
      along(0, step),
      along(1, step),
    ]);
    this.last = done ? undefined : to;
    this.paint(cells, done);
  }

  private press(event: PointerEvent) {
    if (event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.last = undefined;
    this.trace(event, false);
  }

  private key(event: KeyboardEvent) {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!move && event.key !== ' ') return;
    event.preventDefault();
    event.stopPropagation();
    const { width, height } = this.sheet;
    const [x, y] = this.cursor;
    if (move) this.cursor = [(x + move[0] + width) % width, (y + move[1] + height) % height];
    else this.paint([[x, y]], true);
  }

  private async read(file: File) {
    try {
      const picture = await createImageBitmap(file);
      const [width, height] = fitted(picture.width, picture.height, this.spec);
      const context = new OffscreenCanvas(width, height).getContext('2d');
      if (!context) return;
      context.imageSmoothingQuality = 'high';
      context.drawImage(picture, 0, 0, width, height);
      const { data } = context.getImageData(0, 0, width, height);
      // On a white page where the picture is transparent.
      const onWhite = (value: number, at: number) => {
        const opaque = data[at + 3] / 255;
        return brightness((value / 255) * opaque + 1 - opaque);
      };
      const colors = (at: number) => [0, 1, 2].map((part) => onWhite(data[at + part], at));
      // The luma of Rec. 709.
      const grey = (at: number) =>
        onWhite(0.2126 * data[at] + 0.7152 * data[at + 1] + 0.0722 * data[at + 2], at);
      const places = Array.from({ length: width * height }, (_, index) => 4 * index);
      const pixels = this.spec.color ? places.flatMap(colors) : places.map(grey);
      this.set({ width, height, pixels });
    } catch {
      this.complaint = 'This file is no picture that the browser can read.';
    }
  }

  protected override input() {
    const { width, height } = this.sheet;
    const { value, cursor, pen } = this;
    return html`<canvas
        tabindex="0"
        role="img"
        aria-label="${this.spec.label}, ${width} by ${height} pixels. Arrow keys move the pen (column ${cursor[0] + 1}, row ${cursor[1] + 1}), space paints."
        @keydown=${this.key}
        @focus=${() => this.requestUpdate()}
        @blur=${() => this.requestUpdate()}
        @pointerdown=${this.press}
        @pointermove=${(event: PointerEvent) => event.buttons & 1 && this.canvas.hasPointerCapture(event.pointerId) && this.trace(event, false)}
        @pointerup=${(event: PointerEvent) => this.last && this.trace(event, true)}
      ></canvas>
      <div class="row">
        ${
          this.spec.color
            ? html`<input type="color" aria-label="Colour of the pen for ${this.spec.label}" .value=${this.paintColor} @input=${(
                event: Event,
              ) => {
                event.stopPropagation();
                this.paintColor = (event.target as HTMLInputElement).value;
                this.pen = 1;
              }} @change=${(event: Event) => event.stopPropagation()}>`
            : nothing
        }
        <button type="button" aria-pressed=${pen === 0 ? 'true' : 'false'} @click=${() => {
          this.pen = pen === 0 ? 1 : 0;
        }}>Erase</button>
        ${upload('Picture…', 'image/*', (file) => void this.read(file))}
        ${
          value.pixels.length
            ? html`<button type="button" @click=${() => this.set({ ...value, pixels: value.pixels.map(() => 0) })}>Clear</button>`
            : nothing
        }
      </div>`;
  }
}
