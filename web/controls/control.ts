/** What every control has in common: its label, unit, help, error and the way back to its default. */
import { type CSSResultGroup, css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { property, state } from 'lit/decorators.js';
import { accept } from '../runtime/accept';
import { type Fault, type Spec, same, type Value } from '../runtime/specs';

/** What a control says when the visitor sets it; `done` once the hand lets go. */
export interface SettingDetail {
  name: string;
  value: Value;
  done: boolean;
}

/** The base of all controls. Fires `setting` while the visitor moves it. */
export abstract class Control<S extends Spec, V extends Value = S['default']> extends LitElement {
  @property({ attribute: false }) spec!: S;
  @property({ attribute: false }) value!: V;
  /** Why the exhibit does not take the value. */
  @property({ attribute: false }) fault: Fault | undefined;
  /** Why what was typed or uploaded is no value at all. */
  @state() protected complaint = '';
  @state() private helping = false;

  static override styles: CSSResultGroup = css`
    :host {
      display: block;
      font: 400 13px / 1.35 var(--orrery-ui);
      color: var(--orrery-ink);
      min-width: 0;
    }
    .head {
      display: flex;
      align-items: center;
      gap: 4px;
      min-height: 22px;
      margin-bottom: 2px;
    }
    .head label,
    .head .label {
      font-weight: 550;
    }
    .unit {
      color: var(--orrery-muted);
    }
    .space {
      flex: 1;
    }
    button,
    select,
    input,
    textarea {
      font: inherit;
      font-variant-numeric: tabular-nums;
      color: inherit;
      accent-color: var(--orrery-accent);
    }
    button,
    .button,
    select,
    input[type='text'],
    textarea {
      box-sizing: border-box;
      min-height: 28px;
      border: 1px solid var(--orrery-edge);
      border-radius: 4px;
      background: transparent;
      padding: 2px 8px;
    }
    .button {
      display: inline-flex;
      align-items: center;
    }
    select {
      background: var(--orrery-paper);
      max-width: 100%;
    }
    button,
    .button,
    select {
      cursor: pointer;
    }
    button:hover:not(:disabled),
    .button:hover {
      border-color: var(--orrery-ink);
    }
    button:disabled {
      opacity: 0.45;
      cursor: default;
    }
    :focus-visible,
    .button:focus-within {
      outline: 2px solid var(--orrery-accent);
      outline-offset: 1px;
    }
    .head button {
      min-height: 22px;
      min-width: 22px;
      padding: 0 4px;
      border-color: transparent;
      color: var(--orrery-muted);
      line-height: 1;
    }
    .head button:hover {
      color: var(--orrery-ink);
    }
    .row {
      display: flex;
      flex-wrap: wrap;
      align-items: center;
      gap: 6px;
    }
    .help,
    .note {
      margin: 4px 0 0;
      color: var(--orrery-muted);
      font-size: 12px;
    }
    .error {
      margin: 4px 0 0;
      padding-left: 8px;
      border-left: 3px solid var(--orrery-error);
      color: var(--orrery-error);
      overflow-wrap: anywhere;
    }
    .hidden {
      position: absolute;
      width: 1px;
      height: 1px;
      overflow: hidden;
      clip-path: inset(50%);
      white-space: nowrap;
    }
    canvas {
      display: block;
      box-sizing: border-box;
      border: 1px solid var(--orrery-edge);
      border-radius: 4px;
      touch-action: none;
    }
    @media (pointer: coarse) {
      button,
      .button,
      select,
      input[type='text'],
      .head button {
        min-height: 44px;
        min-width: 44px;
      }
      /* Large to the finger, and no larger to the eye. */
      .head button {
        margin-block: -10px;
      }
    }
  `;

  /** The control's own part. The element with the id `input` is what the label names. */
  protected abstract input(): TemplateResult;

  /** Whether the part is several elements, which a label cannot name. */
  protected get group(): boolean {
    return false;
  }

  /** More under the input, such as where a formula is wrong. */
  protected below(): TemplateResult | typeof nothing {
    return nothing;
  }

  /** Ids of what describes the input. */
  protected readonly described = 'help error';

  /** Gives a value to the exhibit. */
  protected set(raw: V, done = true): void {
    const { value, notice } = accept(this.spec, raw);
    this.complaint = notice ?? '';
    this.value = value as V;
    const detail: SettingDetail = { name: this.spec.name, value, done };
    this.dispatchEvent(new CustomEvent('setting', { detail, bubbles: true, composed: true }));
  }

  protected override render() {
    const { spec, group, helping } = this;
    const reset = same(this.value, spec.default)
      ? nothing
      : html`<button type="button" title="Back to the default" @click=${() => this.set(spec.default as V)}>
          <span aria-hidden="true">↺</span><span class="hidden">Reset ${spec.label} to its default</span>
        </button>`;
    const unit = spec.unit ? html` <span class="unit">(${spec.unit})</span>` : nothing;
    const error = this.complaint || this.fault?.message;
    return html`
      <div class="head">
        ${group ? html`<span class="label" id="label">${spec.label}</span>` : html`<label for="input">${spec.label}</label>`}${unit}
        ${
          spec.help
            ? html`<button
                type="button"
                title=${spec.help}
                aria-expanded=${helping ? 'true' : 'false'}
                aria-controls="help"
                @click=${() => {
                  this.helping = !helping;
                }}
              >
                <span aria-hidden="true">?</span><span class="hidden">Help on ${spec.label}</span>
              </button>`
            : nothing
        }
        <span class="space"></span>${reset}
      </div>
      ${
        group
          ? html`<div role="group" aria-labelledby="label" aria-describedby=${this.described}>${this.input()}</div>`
          : this.input()
      }
      <p id="help" class=${helping ? 'help' : 'hidden'}>${spec.help}</p>
      ${this.below()}
      <p id="error" class="error" role="alert" ?hidden=${!error}>${error ?? ''}</p>
    `;
  }
}
