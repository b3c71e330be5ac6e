import { css, html, nothing } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { numberOf, shortest } from '../runtime/link';
import type { Point, PointsSpec } from '../runtime/specs';
import { Control } from './control';
import { readTable } from './csv';
import { upload } from './upload';

/** Where the `index`th new point goes: evenly spread, the same every time (the plastic number's sequence). */
export function place(index: number, [[left, right], [low, high]]: PointsSpec['domain']): Point {
  const [a, b] = [0.7548776662466927, 0.5698402909980532];
  const [u, v] = [(0.5 + a * index) % 1, (0.5 + b * index) % 1];
  // Not on the very edge, and not with more digits than a hand has.
  const at = (share: number, from: number, to: number) =>
    Number((from + (to - from) * (0.1 + 0.8 * share)).toPrecision(4));
  return [at(u, left, right), at(v, low, high)];
}

/** Points in the plane. They are mostly dragged on the figure; here they are counted, typed and uploaded. */
@customElement('orrery-points')
export class PointsControl extends Control<PointsSpec, Point[]> {
  @state() private chosen = 0;

  static override styles = [
    Control.styles,
    css`
      .count {
        min-width: 5em;
      }
      .coordinates {
        display: grid;
        grid-template-columns: auto 1fr 1fr;
        gap: 4px;
        margin-top: 6px;
      }
      .coordinates input[type='text'] {
        width: 100%;
        min-width: 0;
        text-align: right;
      }
    `,
  ];

  protected override get group() {
    return true;
  }

  private async read(file: File) {
    const { max, label } = this.spec;
    const read = readTable(await file.text(), max);
    if ('complaint' in read) this.complaint = read.complaint;
    else if (read.table.columns.length !== 2) {
      this.complaint = `Takes two columns, x and y, not ${read.table.columns.length}.`;
    } else {
      this.set(read.table.rows as Point[]);
      if (read.unread > 0) {
        this.complaint = `${label}: only the first ${max} of ${max + read.unread} points are used.`;
      }
    }
  }

  private type(event: Event, index: number, axis: 0 | 1) {
    event.stopPropagation();
    const number = numberOf((event.target as HTMLInputElement).value);
    const [low, high] = this.spec.domain[axis];
    if (number === undefined || number < low || number > high) {
      this.complaint = `Takes a number from ${shortest(low)} to ${shortest(high)}.`;
      return;
    }
    this.set(
      this.value.map(
        (point, at): Point => (at !== index ? point : axis === 0 ? [number, point[1]] : [point[0], number]),
      ),
    );
  }

  private which(index: number) {
    return html`<select
      aria-label="Which point to type"
      @input=${(event: Event) => event.stopPropagation()}
      @change=${(event: Event) => {
        event.stopPropagation();
        this.chosen = Number((event.target as HTMLSelectElement).value);
      }}
    >
      ${this.value.slice(0, 200).map((_, at) => html`<option value=${at} .selected=${at === index}>${at + 1}</option>`)}
    </select>`;
  }

  private coordinates(index: number) {
    const point = this.value[index];
    if (!point) return nothing;
    const alone = this.value.length === 1;
    const field = (axis: 0 | 1) => html`<input
      type="text"
      inputmode="decimal"
      aria-label="${axis === 0 ? 'x' : 'y'} of point ${index + 1}"
      .value=${String(Number(point[axis].toPrecision(6)))}
      @input=${(event: Event) => event.stopPropagation()}
      @change=${(event: Event) => this.type(event, index, axis)}
    />`;
    return html`<div class="coordinates">
      ${alone ? html`<span></span>` : this.which(index)}
      ${field(0)}${field(1)}
    </div>`;
  }

  protected override input() {
    const { spec, value } = this;
    const fixed = spec.min === spec.max;
    const index = Math.min(this.chosen, value.length - 1);
    const buttons = html`<button
        type="button"
        aria-label="Add a point"
        ?disabled=${value.length >= spec.max}
        @click=${() => {
          this.chosen = value.length;
          this.set([...value, place(value.length, spec.domain)]);
        }}
      >
        +
      </button>
      <button
        type="button"
        aria-label="Remove point ${index + 1}"
        ?disabled=${value.length <= spec.min || value.length === 0}
        @click=${() => this.set(value.filter((_, at) => at !== index))}
      >
        −
      </button>
      ${upload('CSV…', '.csv,.tsv,.txt,text/csv', (file) => void this.read(file))}`;
    return html`<div class="row">
        <span class="count">${value.length} ${value.length === 1 ? 'point' : 'points'}</span>
        ${fixed ? nothing : buttons}
      </div>
      ${this.coordinates(index)}`;
  }
}
