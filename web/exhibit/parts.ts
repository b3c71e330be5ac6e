/** The smaller parts of an exhibit's page. */
import { html, nothing } from 'lit';
import { numberOf } from '../runtime/link';
import { type Settings, same } from '../runtime/specs';
import type { Scenario } from './description';

/** What the visitor should know, until dismissed. */
export function notices(texts: readonly string[], dismiss: (text: string) => void) {
  return texts.map(
    (text) => html`<div class="notice" role="status">
      <span>${text}</span>
      <button type="button" @click=${() => dismiss(text)}>Dismiss</button>
    </div>`,
  );
}

/** The named settings as buttons, and what to see in the one that is set. */
export function scenarioButtons(
  scenarios: readonly Scenario[],
  settings: Settings,
  enact: (chosen: Scenario) => void,
) {
  if (scenarios.length === 0) return nothing;
  const active = scenarios.find((scenario) => same(scenario.settings, settings));
  const button = (scenario: Scenario) =>
    html`<button type="button" aria-pressed=${scenario === active ? 'true' : 'false'} @click=${() => enact(scenario)}>
      ${scenario.label}
    </button>`;
  const note = (scenario: Scenario) =>
    html`<span class=${scenario === active ? 'active' : ''}>${scenario.note}</span>`;
  return html`<div class="scenarios" role="group" aria-label="Scenarios">${scenarios.map(button)}</div>
    <div class="notes" aria-live="polite">${scenarios.map(note)}
      <span class=${active ? '' : 'active'}>Settings of your own.</span>
    </div>`;
}

/** A run that has stopped for good, and the ways on. */
export function crashCard(message: string, restart: (defaults: boolean) => void) {
  if (!message) return nothing;
  return html`<div class="card" role="alert">
    <p><strong>The run has stopped:</strong> ${message}. The page is unharmed.</p>
    <button type="button" class="strong" @click=${() => restart(false)}>Restart</button>
    <button type="button" @click=${() => restart(true)}>Restart at the defaults</button>
  </div>`;
}

/** The link itself, where the page may not write to the clipboard. */
export function linkField(link: string, close: () => void) {
  if (!link) return nothing;
  return html`<div class="notice">
    <input class="field link" readonly aria-label="Link to what is shown" .value=${link} />
    <button type="button" @click=${close}>Close</button>
  </div>`;
}

/** Says so where a GPU computed: its last digits are not those of every machine. */
export function computedBy(name: string) {
  if (name === 'CPU') return nothing;
  return html`<p class="by">Computed on ${name}: on another machine the last digits may differ.</p>`;
}

const DICE = html`<svg viewBox="0 0 16 16" aria-hidden="true">
  <rect x="1.5" y="1.5" width="13" height="13" rx="2.5" />
  <circle cx="5" cy="5" r="1.3" /><circle cx="11" cy="5" r="1.3" />
  <circle cx="5" cy="11" r="1.3" /><circle cx="11" cy="11" r="1.3" />
  <circle cx="8" cy="8" r="1.3" />
</svg>`;

/** The seed, typed or thrown. */
export function seedField(seed: number, set: (seed: number) => void) {
  const type = (event: Event) => {
    event.stopPropagation();
    const field = event.target as HTMLInputElement;
    const typed = numberOf(field.value);
    if (typed !== undefined && Number.isInteger(typed) && typed >= 0) set(typed);
    else field.value = String(seed);
  };
  return html`<div class="seed">
    <label for="seed">seed</label>
    <div class="row">
      <input
        class="field"
        id="seed"
        inputmode="numeric"
        autocomplete="off"
        .value=${String(seed)}
        @input=${(event: Event) => event.stopPropagation()}
        @change=${type}
      />
      <button
        type="button"
        class="dice"
        aria-label="Another seed"
        title="Another seed"
        @click=${() => set(Math.floor(1000 * Math.random()))}
      >
        ${DICE}
      </button>
    </div>
  </div>`;
}
