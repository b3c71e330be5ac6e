import { type Html, html } from './html.ts';
import { masthead } from './parts.ts';
import type { Page } from './shell.ts';

/** A page as a lecturer would write it: text, and exhibits where they help. */
export function teachPage(head: Html): Page {
  const body = html`${masthead('../', html`<span class="trail">A page that teaches with it</span>`)}
<main id="main" class="lecture">
<h1>Weight decay is a wall</h1>
<p class="lead">A sample lecture. Its three exhibits run where they stand, and the text around them is plain HTML: the
page is written the way you would write it on your own site.</p>

<p>Take a learner that moves every weight by the <em>sign</em> of its momentum and pulls it back by weight decay λ. The
push is the same whatever the gradient is; the pull grows with the weight. At 1/λ they balance, and beyond that no
weight can stay. So decay does not shrink the solution a little: it bounds every weight, hard. Start outside the box, and
watch how you come in. Then drag the start.</p>

<orrery-exhibit name="lion-lyapunov"></orrery-exhibit>

<h2>The same learner, in a hurry</h2>
<p>Now move the walls out until the optimum lies inside, and take steps of 0.3. A sign has no small values: where the
gradient fades, the step does not. It is the same exhibit with two settings changed.</p>

<orrery-exhibit name="lion-lyapunov" lambda="0.2" step="0.3"></orrery-exhibit>

<p><strong>For the exercise.</strong> The claim has four clauses. Which of them survive this setting, and why those? Find
a step at which the others hold again.</p>

<h2>When the second derivative is nearly empty</h2>
<p>Sign descent never looks at curvature. At the other end stands Newton’s method, which is too dear for most problems,
unless almost all of the curvature can be left out. An optimal transport plan moves the mass of each source to very few
targets, and so is its second derivative: sparse. Count the iterations on both sides.</p>

<orrery-exhibit name="sinkhorn-newton-sparse"></orrery-exhibit>

<h2>How this page is made</h2>
<p>One script, and one element a picture. Settings are attributes; what you leave out is at its default.</p>
<pre tabindex="0" aria-label="Markup of this page"><code>${'<script src="../embed.js"></script>\n\n<orrery-exhibit name="lion-lyapunov" lambda="0.2" step="0.3"></orrery-exhibit>'}</code></pre>
<p>Where scripts are not allowed, a frame does: <code>${'<iframe src="../embed/lion-lyapunov/?lambda=0.2&step=0.3">'}</code>. On each
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

/** Where the site's root may lie, seen from an address of which nothing is known: pages stand two folders deep at most. */
const ROOTS = ['./', '../', '../../', '../../../'];

/**
 * What a host shows for an address that is not there, however deep. Styles and scripts are asked for from each place
 * where the root may lie, and the script that is found turns the links towards it.
 */
export function missingPage(headFrom: (root: string) => Html): Page {
  const head = html`${ROOTS.map(headFrom)}`;
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
