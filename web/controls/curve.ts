import { css, html } from 'lit';
import { customElement, query, state } from 'lit/decorators.js';
import { accept } from '../runtime/accept';
import { shortest } from '../runtime/link';
import type { CurveSpec } from '../runtime/specs';
import { Control } from './control';
import { readTable } from './csv';
import { readSound } from './sound';
import { upload } from './upload';

/** Curves to begin with, over t from 0 to 1, from −1 to 1. */
const SHAPES: [name: string, shape: (t: number) => number][] = [
  ['flat', () => 0],
  ['ramp', (t) => 2 * t - 1],
  ['sine', (t) => Math.sin(4 * Math.PI * t)],
  ['chirp', (t) => Math.sin(2 * Math.PI * (2 * t + 8 * t * t))],
  ['bump', (t) => Math.exp(-((t - 0.5) ** 2) / 0.01)],
  ['steps', (t) => [0.2, -0.6, 0.8, -0.2, 0.5][Math.min(4, Math.floor(5 * t))]],
];

const HEIGHT = 96;

/** Values between drawn ones, along the straight line; as many as asked. */
export function resampled(values: readonly number[], samples: number): number[] {
  return Array.from({ length: samples }, (_, index) => {
    const at = samples === 1 ? 0 : (index * (values.length - 1)) / (samples - 1);
    const left = Math.floor(at);
    const right = Math.min(left + 1, values.length - 1);
    return values[left] + (values[right] - values[left]) * (at - left);
  });
}

/** A curve, drawn by hand. */
@customElement('orrery-curve')
export class CurveControl extends Control<CurveSpec, number[]> {
  @query('canvas') private canvas!: HTMLCanvasElement;
  @state() private cursor = 0;
  private stroke: { index: number; value: number } | undefined;
  private sight = new ResizeObserver(() => this.draw());

  static override styles = [
    Control.styles,
    css`
      canvas {
        width: 100%;
        height: ${HEIGHT}px;
        cursor: crosshair;
        margin-bottom: 6px;
      }
    `,
  ];

  protected override firstUpdated() {
    this.sight.observe(this.canvas);
  }

  override disconnectedCallback() {
    super.disconnectedCallback();
    this.sight.disconnect();
  }

  override connectedCallback() {
    super.connectedCallback();
    if (this.hasUpdated) this.sight.observe(this.canvas);
  }

  protected override updated() {
    this.draw();
  }

  /** Links stay short when a hand's value has no more digits than it means. */
  private round(value: number) {
    const [low, high] = this.spec.range;
    const decimals = Math.max(0, Math.ceil(-Math.log10((high - low) / 2000)));
    return Math.min(high, Math.max(low, Number(value.toFixed(decimals))));
  }

  private draw() {
    const { canvas, spec, value } = this;
    const context = canvas.getContext('2d');
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (!context || width === 0) return;
    const density = devicePixelRatio;
    canvas.width = Math.round(width * density);
    canvas.height = Math.round(height * density);
    context.scale(density, density);
    const style = getComputedStyle(this);
    const [low, high] = spec.range;
    const y = (v: number) => 3 + ((high - v) / (high - low)) * (height - 6);
    const x = (index: number) => 3 + (index / Math.max(1, spec.samples - 1)) * (width - 6);
    context.strokeStyle = style.getPropertyValue('--orrery-rule');
    context.beginPath();
    if (low < 0 && high > 0) {
      context.moveTo(0, y(0));
      context.lineTo(width, y(0));
    }
    if (this.matches(':focus-within')) {
      context.moveTo(x(this.cursor), 0);
      context.lineTo(x(this.cursor), height);
    }
    context.stroke();
    context.strokeStyle = style.getPropertyValue('--orrery-accent');
    context.lineWidth = 1.5;
    context.beginPath();
    value.forEach((v, index) => {
      context.lineTo(x(index), y(v));
    });
    context.stroke();
  }

  /** Draws on to the pointer: every sample between its last place and this one. */
  private trace(event: PointerEvent, done: boolean) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    const { samples, range } = this.spec;
    const [low, high] = range;
    const share = Math.min(1, Math.max(0, (event.clientX - left - 3) / (width - 6)));
    const index = Math.round(share * (samples - 1));
    const value = this.round(high - ((event.clientY - top - 3) / (height - 6)) * (high - low));
    const last = this.stroke ?? { index, value };
    const drawn = [...this.value];
    const steps = Math.abs(index - last.index);
    for (let step = 0; step <= steps; step++) {
      const t = steps === 0 ? 1 : step / steps;
      drawn[Math.round(last.index + (index - last.index) * t)] = this.round(
        last.value + (value - last.value) * t,
      );
    }
    this.stroke = done ? undefined : { index, value };
    this.set(drawn, done);
  }

  private press(event: PointerEvent) {
    if (event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.stroke = undefined;
    this.trace(event, false);
  }

  private key(event: KeyboardEvent) {
    const { samples, range } = this.spec;
    const [low, high] = range;
    const across = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const up = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (across === undefined && up === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const stride = Math.max(1, Math.round(samples / 50));
    if (across !== undefined) {
      this.cursor = Math.min(samples - 1, Math.max(0, this.cursor + across * stride));
      return;
    }
    // A soft brush: the neighbours follow.
    const lift = ((up ?? 0) * (high - low)) / 20;
    const soft = (index: number) => Math.exp(-(((index - this.cursor) / (1.5 * stride)) ** 2));
    this.set(this.value.map((v, index) => (soft(index) < 0.02 ? v : this.round(v + lift * soft(index)))));
  }

  private async read(file: File) {
    const read = readTable(await file.text());
    if ('complaint' in read) {
      this.complaint = read.complaint;
      return;
    }
    const { rows, columns } = read.table;
    // The last column holds the values; one before it would hold the times.
    const values =
      columns.length === 1 && rows.length === 1 ? rows[0] : rows.map((row) => row[row.length - 1]);
    const whole = resampled(values, this.spec.samples);
    this.set(whole);
    this.complaint = accept(this.spec, whole).notice ?? '';
  }

  private async hear(file: File) {
    const read = await readSound(file, this.spec.samples, this.spec.range);
    if ('complaint' in read) this.complaint = read.complaint;
    else this.set(read.values.map((value) => this.round(value)));
  }

  private shape(event: Event) {
    event.stopPropagation();
    const menu = event.target as HTMLSelectElement;
    const found = SHAPES.find(([name]) => name === menu.value);
    menu.value = '';
    if (!found) return;
    const { samples, range } = this.spec;
    const [low, high] = range;
    const at = (index: number) => (samples === 1 ? 0 : index / (samples - 1));
    this.set(
      Array.from({ length: samples }, (_, index) =>
        this.round((low + high) / 2 + (0.9 * found[1](at(index)) * (high - low)) / 2),
      ),
    );
  }

  protected override get group() {
    return true;
  }

  protected override input() {
    const { cursor, value, spec } = this;
    return html`<canvas
        tabindex="0"
        role="slider"
        aria-label="${spec.label}: left and right choose a place, up and down change it"
        aria-valuemin=${spec.range[0]}
        aria-valuemax=${spec.range[1]}
        aria-valuenow=${value[cursor] ?? 0}
        aria-valuetext="${shortest(value[cursor] ?? 0)} at sample ${cursor + 1} of ${spec.samples}"
        @keydown=${this.key}
        @focus=${this.draw}
        @blur=${this.draw}
        @pointerdown=${this.press}
        @pointermove=${(event: PointerEvent) => event.buttons & 1 && this.canvas.hasPointerCapture(event.pointerId) && this.trace(event, false)}
        @pointerup=${(event: PointerEvent) => this.stroke && this.trace(event, true)}
      ></canvas>
      <div class="row">
        <select aria-label="Shapes for ${spec.label}" @input=${(event: Event) => event.stopPropagation()} @change=${this.shape}>
          <option value="">shapes…</option>
          ${SHAPES.map(([name]) => html`<option value=${name}>${name}</option>`)}
        </select>
        ${upload('CSV…', '.csv,.tsv,.txt,text/csv', (file) => void this.read(file))}
        ${upload('Sound…', '.wav,audio/*', (file) => void this.hear(file))}
      </div>`;
  }
}
