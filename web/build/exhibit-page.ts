import type { Card, Catalogue, Exhibit } from './catalogue.ts';
import { Html, html } from './html.ts';
import { listName, masthead, sentence } from './parts.ts';
import { type Page, rootFrom } from './shell.ts';

/** The address of an arXiv search for a title. */
export function arxivSearch(title: string): string {
  return `https://arxiv.org/search/?query=${encodeURIComponent(title)}&searchtype=title`;
}

/** The long texts of an exhibit, made ready once for both of its pages. */
export interface Texts {
  essay: Html;
  source: Html;
}

/** A paper's page: the exhibit, then the essay, the source, and how to embed it. */
export function exhibitPage(catalogue: Catalogue, exhibit: Exhibit, texts: Texts, head: Html): Page {
  const path = `e/${exhibit.slug}/index.html`;
  const root = rootFrom(path);
  const wing = catalogue.wingTitle(exhibit.wing);
  const trail = html`<a class="trail" href="${root}?wing=${exhibit.wing}">${wing}</a>`;
  const body = html`${masthead(root, trail)}
<main id="main">
${titleLine(exhibit)}
<h2 class="unseen">The exhibit</h2>
<orrery-exhibit name="${exhibit.slug}" page></orrery-exhibit>
<div class="reading">
<article class="essay" data-part="essay">${texts.essay}</article>
<aside aria-label="About this exhibit">
${facts(exhibit, wing)}
${embedding(exhibit)}
</aside>
</div>
${sourceOf(exhibit, texts.source)}
${neighbours(catalogue, exhibit)}
</main>`;
  return { path, kind: 'exhibit', ...described(exhibit), head, body };
}

/** The same exhibit alone, to stand in another page's frame. */
export function embedPage(exhibit: Exhibit, texts: Texts, head: Html): Page {
  const path = `embed/${exhibit.slug}/index.html`;
  const body = html`<main id="main">
<h1><a href="${rootFrom(path)}e/${exhibit.slug}/" target="_blank" rel="noopener">${exhibit.title}</a> <small>${exhibit.year ?? ARENA}</small></h1>
<h2 class="unseen">The exhibit</h2>
<orrery-exhibit name="${exhibit.slug}" embed></orrery-exhibit>
<article class="essay" data-part="essay">${texts.essay}</article>
${sourceOf(exhibit, texts.source)}
</main>`;
  return { path, kind: 'embed', ...described(exhibit), head, body };
}

function described(exhibit: Exhibit): Pick<Page, 'title' | 'description'> {
  return {
    title: `${exhibit.title} · Orrery`,
    description: `${sentence(exhibit.claim)} Run it, move it, measure it.`,
  };
}

function titleLine(exhibit: Exhibit): Html {
  return html`<div class="title"><h1>${exhibit.title}</h1><p>${paper(exhibit)}</p></div>`;
}

/** What stands where a paper's year does. */
const ARENA = 'A workbench';

function paper(exhibit: Exhibit): Html {
  if (exhibit.year === undefined) return html`${ARENA}, of this wing's methods side by side`;
  return html`${exhibit.year} · <a href="${arxivSearch(exhibit.title)}" rel="noopener">Find it on arXiv</a>`;
}

function facts(exhibit: Exhibit, wing: string): Html {
  const row = (term: string, detail: Html | string) => html`<dt>${term}</dt><dd>${detail}</dd>`;
  return html`<dl class="facts">${[
    exhibit.year === undefined ? row('What it is', paper(exhibit)) : row('The paper', paper(exhibit)),
    row('The claim', sentence(exhibit.claim)),
    row('What runs', exhibit.contenders.map((contender) => contender.label).join('; ')),
    row('Wing', wing),
    exhibit.lists.length > 0 && row('Read in', exhibit.lists.map(listName).join(', ')),
  ]}</dl>`;
}

function sourceOf(exhibit: Exhibit, source: Html): Html {
  const lines = exhibit.source.trimEnd().split('\n').length;
  return html`<details class="how" data-part="source"><summary>How it is computed <small>Rust, ${lines} lines: the whole exhibit</small></summary>
${source}</details>`;
}

function embedding(exhibit: Exhibit): Html {
  const frame = `<iframe src="embed/${exhibit.slug}/" title="${exhibit.title}"></iframe>`;
  const element = `<orrery-exhibit name="${exhibit.slug}"></orrery-exhibit>`;
  const snippet = (id: string, label: string, code: string) =>
    html`<p id="${id}-label">${label} <button type="button" data-copies="${id}">Copy</button></p><pre tabindex="0" aria-labelledby="${id}-label"><code id="${id}">${code}</code></pre>`;
  return html`<details class="embedding" data-slug="${exhibit.slug}"><summary>Put it into your own page</summary>
<p>Both open as the exhibit stands now, settings included. The frame tells the page around it how high it is, by the message <code>{ orrery, height }</code>.</p>
${snippet('as-frame', 'As a frame', frame)}
${snippet('as-element', 'As an element', element)}
</details>`;
}

function neighbours(catalogue: Catalogue, exhibit: Exhibit): Html {
  const wing = catalogue.cards.filter((card) => card.wing === exhibit.wing);
  const index = wing.findIndex((card) => card.slug === exhibit.slug);
  const link = (card: Card | undefined, rel: string, label: string) =>
    card
      ? html`<a rel="${rel}" href="../${card.slug}/"><small>${label}</small>${card.title}</a>`
      : html`<span></span>`;
  if (wing.length < 2) return new Html('');
  return html`<nav class="neighbours" aria-label="In this wing">${link(wing[index - 1], 'prev', 'Before')}${link(wing[index + 1], 'next', 'Next')}</nav>`;
}
