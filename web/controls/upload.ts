/** A button that reads a file. */
import { html } from 'lit';

/** A button labelled `label` that gives the chosen file to `take`. */
export function upload(label: string, accepts: string, take: (file: File) => void) {
  const chosen = (event: Event) => {
    event.stopPropagation();
    const field = event.target as HTMLInputElement;
    const file = field.files?.[0];
    // The same file may be chosen again after it was mended.
    field.value = '';
    if (file) take(file);
  };
  return html`<label class="button"
    >${label}<input
      class="hidden"
      type="file"
      accept=${accepts}
      @input=${(event: Event) => event.stopPropagation()}
      @change=${chosen}
  /></label>`;
}
