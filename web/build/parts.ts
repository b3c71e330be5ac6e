import type { Card } from './catalogue.ts';
import { type Html, html } from './html.ts';

/** The bar above every page. On the gallery the name is the page's heading. */
export function masthead(root: string, trail: Html | false = false): Html {
  return html`<a class="skip" href="#main">Skip to the content</a>
<header class="masthead">
<nav aria-label="Where you are"><a class="wordmark" href="${root}">${MARK}Orrery</a>${trail}</nav>
<a class="teach-link" href="${root}teach/">Teach with it</a>
<button class="theme" type="button" aria-label="Switch between light and dark">${MOON}</button>
</header>`;
}

const MARK = html`<svg viewBox="0 0 32 32" width="22" height="22" aria-hidden="true"><g fill="none" stroke="currentColor" stroke-width="1.8"><circle cx="16" cy="16" r="7"/><circle cx="16" cy="16" r="13.5"/></g><g fill="currentColor"><circle cx="16" cy="16" r="3"/><circle cx="10.6" cy="11.5" r="2.2"/><circle cx="27.2" cy="8.4" r="3"/></g></svg>`;

const MOON = html`<svg viewBox="0 0 24 24" width="18" height="18" aria-hidden="true"><circle cx="12" cy="12" r="8.5" fill="none" stroke="currentColor" stroke-width="1.6"/><path d="M12 3.5a8.5 8.5 0 0 1 0 17z" fill="currentColor"/></svg>`;

/** What was found when the default scenario ran, to stand behind the claim. */
export function verdictWords(verdict: Card['verdict']): string {
  return { holds: 'It holds here.', fails: 'It fails here.', pending: 'Undecided here.' }[verdict];
}

/** A claim as a sentence that ends. */
export function sentence(text: string): string {
  return /[.!?]$/.test(text.trim()) ? text.trim() : `${text.trim()}.`;
}

/** The reading list of an index from 0. */
export const listName = (list: number) => `List ${list + 1}`;
