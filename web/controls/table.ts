import { css, html, nothing } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import type { Table, TableSpec } from '../runtime/specs';
import { Control } from './control';
import { readTable } from './csv';
import { upload } from './upload';

/** A table of numbers, uploaded or pasted. */
@customElement('orrery-table')
export class TableControl extends Control<TableSpec, Table> {
  @state() private pasting = false;

  static override styles = [
    Control.styles,
    css`
      textarea {
        width: 100%;
        min-height: 72px;
        margin-top: 6px;
        font-family: var(--orrery-mono);
        font-size: 12px;
      }
      .columns {
        margin: 0 0 6px;
        overflow-wrap: anywhere;
      }
    `,
  ];

  protected override get group() {
    return true;
  }

  private read(text: string) {
    const read = readTable(text, this.spec.max_rows);
    if ('complaint' in read) {
      this.complaint = read.complaint;
      return;
    }
    const { columns, rows } = read.table;
    const { min_columns, max_columns, label } = this.spec;
    if (columns.length < min_columns || columns.length > max_columns) {
      this.complaint = `Takes ${min_columns} to ${max_columns} columns, not ${columns.length}.`;
      return;
    }
    this.pasting = false;
    this.set(read.table);
    if (read.unread > 0) {
      this.complaint = `${label}: only the first ${rows.length} of ${rows.length + read.unread} rows are used.`;
    }
  }

  protected override input() {
    const { columns, rows } = this.value;
    const summary = rows.length
      ? `${rows.length} rows × ${columns.length} columns: ${columns.join(', ')}`
      : 'no table yet';
    const paste = html`<textarea
      aria-label="Paste a table for ${this.spec.label}"
      placeholder="x, y&#10;1, 2.5"
      @input=${(event: Event) => event.stopPropagation()}
      @change=${(event: Event) => {
        event.stopPropagation();
        this.read((event.target as HTMLTextAreaElement).value);
      }}
    ></textarea>`;
    return html`<p class="columns unit">${summary}</p>
      <div class="row">
        ${upload('CSV…', '.csv,.tsv,.txt,text/csv', (file) => void file.text().then((text) => this.read(text)))}
        <button
          type="button"
          aria-expanded=${this.pasting ? 'true' : 'false'}
          @click=${() => {
            this.pasting = !this.pasting;
          }}
        >
          Paste…
        </button>
      </div>
      ${this.pasting ? paste : nothing}`;
  }
}
