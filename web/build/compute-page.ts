import { SIZES } from '../runtime/machine.ts';
import { type Html, html } from './html.ts';
import { masthead } from './parts.ts';
import type { Page } from './shell.ts';

/** The page that measures the visitor's machine; its script fills in the numbers. */
export function computePage(head: Html): Page {
  const rows = SIZES.map(
    (size) => html`<tr data-size="${size}"><th scope="row">${size}</th><td>–</td><td>–</td><td>–</td></tr>\n`,
  );
  const body = html`${masthead('../', html`<span class="trail">Compute</span>`)}
<main id="main" class="measure">
<div>
<h1>How fast is this machine?</h1>
<p class="text">The CPU multiplies matrices with the same digits on every machine: it is the reference. A GPU can be
many times as fast, but what it computes must get there and back. So only large products go to it, where it was found to
be faster, and an exhibit that used it says so beside its claim. Here both are timed on your machine.</p>
<div class="bench"><button type="button" disabled>Measure</button><progress max="1" value="0" aria-label="Measured so far"></progress><output role="status">It takes about half a minute, on a slow machine a whole one.</output></div>
<div class="found" aria-live="polite"></div>
</div>
<div>
<div class="plot"></div>
<table class="rates"><caption>The same in numbers, GFLOP/s</caption>
<thead><tr><th scope="col">n</th><th scope="col">CPU</th><th scope="col">GPU, there and back</th><th scope="col">GPU, within a chain</th></tr></thead>
<tbody>
${rows}</tbody></table>
</div>
</main>`;
  return {
    path: 'compute/index.html',
    kind: 'compute',
    title: 'How fast is this machine? · Orrery',
    description: 'Measures products of matrices on this machine, on the CPU and on the GPU.',
    head,
    body,
  };
}
