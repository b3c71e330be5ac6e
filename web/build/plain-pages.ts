import { type Html, html } from './html.ts';
import { masthead } from './parts.ts';
import type { Page } from './shell.ts';

/**
 * A page as a lecturer would write it: text, and exhibits where they help. The exhibits of other wings than the first
 * keep to slugs that the playground is known to have; where one is missing, its element says so.
 */
export function teachPage(head: Html): Page {
  const body = html`${masthead('../', html`<span class="trail">A page that teaches with it</span>`)}
<main id="main" class="lecture">
<h1>Weight decay is a wall</h1>
<p class="lead">A sample lecture. Its three exhibits run where they stand; the text around them is plain HTML. Everything
on this page is written the way you would write it on yours.</p>

<p>Take a learner that moves every weight by the <em>sign</em> of its momentum and pulls it back by weight decay. The
push has the same strength whatever the gradient is; the pull grows with the weight. Somewhere they balance, and beyond
that place no weight can stay. So decay does not shrink the solution a little: it bounds every weight by the inverse of
the decay, hard. Start far outside and watch how you come in.</p>

<orrery-exhibit name="lion-lyapunov" hide="essay source"></orrery-exhibit>

<h2>The same, with a hasty step</h2>
<p>A sign has no small values. Where the gradient fades, the step does not, and the iterate rattles around the corner
that it found. Same algorithm, same start, one setting changed:</p>

<orrery-exhibit name="lion-lyapunov" step="0.3" hide="essay source"></orrery-exhibit>

<p>Which of the two statements above survives this setting? Find the largest step for which the energy still falls.</p>

<h2>Bounds of another kind</h2>
<p>Transport has its walls too: mass leaves each source and reaches each target in full, never less, never more. Near
the optimum, Newton's method sees those constraints almost exactly, and the plan is nearly empty.</p>

<orrery-exhibit name="sinkhorn-newton-sparse" hide="essay source"></orrery-exhibit>

<h2>How this page is made</h2>
<p>One script, and one element a picture. Settings are attributes; what you leave out is at its default.</p>
<pre tabindex="0" aria-label="Markup of this page"><code>${'<script src="../embed.js"></script>\n\n<orrery-exhibit name="lion-lyapunov" step="0.3"></orrery-exhibit>'}</code></pre>
<p>Where scripts are not allowed, a frame does: <code>${'<iframe src="../embed/lion-lyapunov/?step=0.3">'}</code>. On each
exhibit's page, “Put it into your own page” writes both out for the settings you see.</p>
</main>`;
  return {
    path: 'teach/index.html',
    kind: 'teach',
    title: 'Teaching with Orrery',
    description:
      'A sample lecture with three live exhibits, two of them the same paper at different settings.',
    head,
    body,
  };
}

/** What a host shows for an address that is not there. */
export function missingPage(head: Html): Page {
  const body = html`${masthead('./')}
<main id="main" class="lecture"><h1>Nothing hangs here</h1>
<p>There is no exhibit at this address. <a href="./">The gallery</a> shows all there are.</p></main>`;
  return {
    path: '404.html',
    kind: 'missing',
    title: 'Not found · Orrery',
    description: 'No exhibit at this address.',
    head,
    body,
  };
}
