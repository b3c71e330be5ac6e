import { css, html } from 'lit';
import { customElement } from 'lit/decorators.js';
import { live } from 'lit/directives/live.js';
import type { ChoiceSpec } from '../runtime/specs';
import { Control } from './control';

/** Up to so many options, of so many letters in all, stand side by side. */
const MOST = 4;
const LETTERS = 30;

/** One of several. */
@customElement('orrery-choice')
export class ChoiceControl extends Control<ChoiceSpec, string> {
  static override styles = [
    Control.styles,
    css`
      .segments {
        display: flex;
        border: 1px solid var(--orrery-edge);
        border-radius: 4px;
      }
      .segments label {
        flex: 1 1 auto;
        display: flex;
        align-items: center;
        justify-content: center;
        position: relative;
        min-height: 28px;
        padding: 0 6px;
        cursor: pointer;
        text-align: center;
      }
      .segments label + label {
        border-left: 1px solid var(--orrery-edge);
      }
      .segments label:has(:checked) {
        background: var(--orrery-ink);
        color: var(--orrery-paper);
      }
      .segments label:has(:focus-visible) {
        outline: 2px solid var(--orrery-accent);
        outline-offset: 1px;
        z-index: 1;
      }
      .segments input {
        position: absolute;
        inset: 0;
        opacity: 0;
        margin: 0;
        cursor: pointer;
      }
      select {
        width: 100%;
      }
      @media (pointer: coarse) {
        .segments label {
          min-height: 44px;
        }
      }
    `,
  ];

  private get segmented() {
    const { options } = this.spec;
    return (
      options.length <= MOST &&
      options.reduce((letters, [, label]) => letters + label.length + 2, 0) <= LETTERS
    );
  }

  protected override get group() {
    return this.segmented;
  }

  private choose(event: Event) {
    event.stopPropagation();
    this.set((event.target as HTMLInputElement | HTMLSelectElement).value);
  }

  protected override input() {
    const { spec, value } = this;
    if (!this.segmented) {
      return html`<select id="input" aria-describedby=${this.described} @input=${(event: Event) => event.stopPropagation()} @change=${this.choose}>
        ${spec.options.map(([name, label]) => html`<option value=${name} .selected=${name === value}>${label}</option>`)}
      </select>`;
    }
    return html`<div class="segments">
      ${spec.options.map(
        ([name, label]) => html`<label>
          <input
            type="radio"
            name="choice"
            value=${name}
            .checked=${live(name === value)}
            @input=${(event: Event) => event.stopPropagation()}
            @change=${this.choose}
          />${label}
        </label>`,
      )}
    </div>`;
  }
}
