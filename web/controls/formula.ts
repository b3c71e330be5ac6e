import { css, html, nothing } from 'lit';
import { customElement } from 'lit/decorators.js';
import type { FormulaSpec } from '../runtime/specs';
import { Control } from './control';

/** A formula, typed. */
@customElement('orrery-formula')
export class FormulaControl extends Control<FormulaSpec, string> {
  static override styles = [
    Control.styles,
    css`
      input[type='text'],
      .where {
        width: 100%;
        font-family: var(--orrery-mono);
        font-size: 12.5px;
      }
      select {
        margin-top: 4px;
        width: 100%;
      }
      .where {
        margin: 6px 0 0;
        white-space: pre-wrap;
        overflow-wrap: anywhere;
      }
      .where mark {
        background: none;
        color: var(--orrery-error);
        font-weight: 700;
        text-decoration: underline wavy;
        text-underline-offset: 3px;
      }
    `,
  ];

  private type(event: Event, done: boolean) {
    event.stopPropagation();
    this.set((event.target as HTMLInputElement).value, done);
  }

  private pick(event: Event) {
    event.stopPropagation();
    const menu = event.target as HTMLSelectElement;
    const example = this.spec.examples[Number(menu.value)];
    menu.value = '';
    if (example) this.set(example[1]);
  }

  /** The formula with the place marked where it goes wrong. */
  protected override below() {
    const at = this.fault?.at;
    if (at === undefined) return nothing;
    const letters = Array.from(this.value);
    const [before, wrong, after] = [letters.slice(0, at), letters[at] ?? '␣', letters.slice(at + 1)];
    return html`<p class="where" aria-hidden="true">${before.join('')}<mark>${wrong}</mark>${after.join('')}</p>`;
  }

  protected override input() {
    const { spec, value } = this;
    return html`<input
        id="input"
        type="text"
        autocomplete="off"
        autocapitalize="off"
        spellcheck="false"
        .value=${value}
        aria-describedby=${this.described}
        aria-invalid=${this.fault ? 'true' : 'false'}
        @input=${(event: Event) => this.type(event, false)}
        @change=${(event: Event) => this.type(event, true)}
      />
      ${
        spec.examples.length
          ? html`<select aria-label="Examples for ${spec.label}" @input=${(event: Event) => event.stopPropagation()} @change=${this.pick}>
              <option value="">examples…</option>
              ${spec.examples.map(([name], index) => html`<option value=${index}>${name}</option>`)}
            </select>`
          : nothing
      }
      ${spec.variables.length ? html`<p class="note">in ${spec.variables.join(', ')}</p>` : nothing}`;
  }
}
