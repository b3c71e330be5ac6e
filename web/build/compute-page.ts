import { SIZES } from '../runtime/machine.ts';
import { type Html, html } from './html.ts';
import { masthead } from './parts.ts';
import type { Page } from './shell.ts';

/** The page that measures the visitor's machine; its script fills in the numbers. */
export function computePage(head: Html): Page {
  const rows = SIZES.map(
    (size) => html`<tr data-size="${size}"><th scope="row">${size}</th><td>–</td><td>–</td><td>–</td></tr>\n`,
  );
  const body = html`${masthead('../', html`<span class="trail">What computes</span>`)}
<main id="main" class="measure">
<div>
<h1>How fast is this machine?</h1>
<p class="text">Much of what exhibits do is products of matrices. The CPU does them in SIMD registers, on one thread, with
the same digits on every machine: it is the reference. A GPU can be many times as fast, but matrices must get there and
back, so that small ones are not worth the way. An exhibit with large products asks the GPU only where that was found to
be faster, and says so beside its claim. Here both are timed on your machine.</p>
<div class="bench"><button type="button" disabled>Measure</button><progress max="1" value="0" aria-label="Measured so far"></progress><output role="status">It takes about half a minute, at most a minute.</output></div>
<div class="found" aria-live="polite"></div>
</div>
<div>
<div class="plot"></div>
<table class="rates"><caption>Billions of operations a second (GFLOP/s), of n × n matrices</caption>
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
