import { css, html } from 'lit';
import { customElement } from 'lit/decorators.js';
import { live } from 'lit/directives/live.js';
import type { ToggleSpec } from '../runtime/specs';
import { Control } from './control';

/** A switch. */
@customElement('orrery-toggle')
export class ToggleControl extends Control<ToggleSpec, boolean> {
  static override styles = [
    Control.styles,
    css`
      .switch {
        display: inline-flex;
        align-items: center;
        gap: 8px;
        min-height: 24px;
        cursor: pointer;
      }
      input {
        appearance: none;
        flex: none;
        position: relative;
        width: 34px;
        height: 20px;
        margin: 0;
        border: 1px solid var(--orrery-muted);
        border-radius: 10px;
        cursor: pointer;
      }
      input::before {
        content: '';
        position: absolute;
        inset: 3px auto 3px 3px;
        width: 12px;
        border-radius: 6px;
        background: var(--orrery-muted);
      }
      input:checked {
        background: var(--orrery-accent);
        border-color: var(--orrery-accent);
      }
      input:checked::before {
        inset: 3px 3px 3px auto;
        background: var(--orrery-paper);
      }
      @media (forced-colors: active) {
        input {
          appearance: auto;
        }
      }
      @media (pointer: coarse) {
        .switch {
          min-height: 44px;
        }
      }
    `,
  ];

  protected override input() {
    return html`<label class="switch">
      <input
        id="input"
        type="checkbox"
        role="switch"
        .checked=${live(this.value)}
        aria-label=${this.spec.label}
        aria-describedby=${this.described}
        @input=${(event: Event) => event.stopPropagation()}
        @change=${(event: Event) => this.set((event.target as HTMLInputElement).checked)}
      /><span aria-hidden="true">${this.value ? 'on' : 'off'}</span>
    </label>`;
  }
}
