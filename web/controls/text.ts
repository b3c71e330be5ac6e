import { css, html } from 'lit';
import { customElement } from 'lit/decorators.js';
import { characters } from '../runtime/accept';
import type { TextSpec } from '../runtime/specs';
import { Control } from './control';
import { upload } from './upload';

/** A passage of text. */
@customElement('orrery-text')
export class TextControl extends Control<TextSpec, string> {
  static override styles = [
    Control.styles,
    css`
      textarea {
        width: 100%;
        min-height: 72px;
        resize: vertical;
      }
    `,
  ];

  private type(event: Event, done: boolean) {
    event.stopPropagation();
    this.set((event.target as HTMLTextAreaElement).value, done);
  }

  protected override input() {
    const { spec, value } = this;
    return html`<textarea
        id="input"
        rows="3"
        .value=${value}
        aria-describedby=${this.described}
        @input=${(event: Event) => this.type(event, false)}
        @change=${(event: Event) => this.type(event, true)}
      ></textarea>
      <div class="row">
        <span class="unit">${characters(value)} of ${spec.max} characters</span>
        ${upload('File…', '.txt,text/plain', (file) => void file.text().then((text) => this.set(text)))}
      </div>`;
  }
}
