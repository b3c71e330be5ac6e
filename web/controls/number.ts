import { css, html } from 'lit';
import { customElement } from 'lit/decorators.js';
import { live } from 'lit/directives/live.js';
import { numberOf, shortest } from '../runtime/link';
import type { IntegerSpec, NumberSpec } from '../runtime/specs';
import { Control } from './control';
import { positionOf, positions, type Track, valueAt } from './slider';

/** A number on a slider, which may also be typed. */
export abstract class Slid<S extends NumberSpec | IntegerSpec> extends Control<S, number> {
  static override styles = [
    Control.styles,
    css`
      .row {
        flex-wrap: nowrap;
      }
      input[type='range'] {
        flex: 1;
        min-width: 0;
        margin: 0;
        height: 24px;
        cursor: grab;
      }
      input[type='text'] {
        width: 84px;
        flex: none;
        text-align: right;
        padding: 2px 6px;
      }
      @media (pointer: coarse) {
        input[type='range'] {
          height: 44px;
        }
      }
    `,
  ];

  protected abstract track(): Track;

  /** Makes the number of a slider's position one that the control takes. */
  protected at(position: number): number {
    return valueAt(position, this.track());
  }

  private slide(event: Event, done: boolean) {
    event.stopPropagation();
    const slider = event.target as HTMLInputElement;
    const value = this.at(slider.valueAsNumber);
    // Letting go must not move a typed number to the slider's nearest position.
    const still = slider.valueAsNumber === positionOf(this.value, this.track());
    this.set(still ? this.value : value, done);
  }

  private type(event: Event) {
    event.stopPropagation();
    const field = event.target as HTMLInputElement;
    const number = numberOf(field.value);
    const { min, max, kind } = this.spec;
    const fits =
      number !== undefined &&
      number >= min &&
      number <= max &&
      (kind === 'number' || Number.isInteger(number));
    if (fits) this.set(number);
    else
      this.complaint = `Takes a ${kind === 'integer' ? 'whole ' : ''}number from ${shortest(min)} to ${shortest(max)}.`;
  }

  protected override input() {
    const { spec, value } = this;
    const track = this.track();
    return html`<div class="row">
      <input
        id="input"
        type="range"
        min="0"
        max=${positions(track)}
        step="1"
        .value=${live(String(positionOf(value, track)))}
        aria-valuetext=${shortest(value) + (spec.unit ? ` ${spec.unit}` : '')}
        aria-describedby=${this.described}
        @input=${(event: Event) => this.slide(event, false)}
        @change=${(event: Event) => this.slide(event, true)}
      />
      <input
        type="text"
        inputmode="decimal"
        autocomplete="off"
        spellcheck="false"
        aria-label="${spec.label}, typed"
        aria-describedby=${this.described}
        aria-invalid=${this.complaint || this.fault ? 'true' : 'false'}
        .value=${shortest(value)}
        @input=${(event: Event) => event.stopPropagation()}
        @change=${this.type}
      />
    </div>`;
  }
}

/** A number. */
@customElement('orrery-number')
export class NumberControl extends Slid<NumberSpec> {
  protected override track() {
    return this.spec;
  }
}
