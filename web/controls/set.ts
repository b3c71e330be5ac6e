import { css, html } from 'lit';
import { customElement } from 'lit/decorators.js';
import { live } from 'lit/directives/live.js';
import type { SetSpec } from '../runtime/specs';
import { Control } from './control';

/** Any of several. */
@customElement('orrery-set')
export class SetControl extends Control<SetSpec, string[]> {
  static override styles = [
    Control.styles,
    css`
      .chips {
        display: flex;
        flex-wrap: wrap;
        gap: 4px;
      }
      label {
        display: inline-flex;
        align-items: center;
        gap: 5px;
        min-height: 26px;
        padding: 0 8px 0 6px;
        border: 1px solid var(--orrery-edge);
        border-radius: 13px;
        cursor: pointer;
      }
      label:has(:checked) {
        border-color: var(--orrery-ink);
      }
      input {
        margin: 0;
      }
      @media (pointer: coarse) {
        label {
          min-height: 44px;
          border-radius: 22px;
          padding: 0 12px;
        }
      }
    `,
  ];

  protected override get group() {
    return true;
  }

  private turn(event: Event, name: string) {
    event.stopPropagation();
    const { checked } = event.target as HTMLInputElement;
    this.set(
      this.spec.options
        .map(([option]) => option)
        .filter((o) => (o === name ? checked : this.value.includes(o))),
    );
  }

  protected override input() {
    return html`<div class="chips">
      ${this.spec.options.map(
        ([name, label]) => html`<label>
          <input
            type="checkbox"
            .checked=${live(this.value.includes(name))}
            @input=${(event: Event) => event.stopPropagation()}
            @change=${(event: Event) => this.turn(event, name)}
          />${label}
        </label>`,
      )}
    </div>`;
  }
}
