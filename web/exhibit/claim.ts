/** The claim: sentences with their measured numbers in them. */
import { html, type TemplateResult } from 'lit';
import { formatNumber } from '../figures/format';
import { raised } from '../figures/raised';
import type { Claim, Clause, Verdict } from '../figures/types';

const WORDS: Record<Verdict, string> = {
  pending: 'is still pending',
  holds: 'holds',
  fails: 'fails',
};

/** A mark that is told apart by its shape. */
export function mark(verdict: Verdict): TemplateResult {
  const inside = {
    pending: html`<svg viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="6.2" stroke-dasharray="2.6 2.27" /></svg>`,
    holds: html`<svg viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="7.2" class="full" /><path d="M4.6 8.3l2.4 2.4 4.4-5" /></svg>`,
    fails: html`<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M3.5 3.5l9 9m0-9l-9 9" /></svg>`,
  };
  return html`<span class="mark ${verdict}">${inside[verdict]}</span>`;
}

function sentence({ text, value, low, high, verdict }: Clause): TemplateResult {
  const measured =
    value === null ? (verdict === 'pending' ? '…' : 'no number') : formatNumber(value, 3, true);
  const bounds: Record<string, number | null> = { '{low}': low, '{high}': high };
  const parts = text.split(/(\{value\}|\{low\}|\{high\})/).map((part) => {
    if (part === '{value}') return html`<b>${raised(measured)}</b>`;
    const bound = bounds[part];
    return raised(bound === undefined || bound === null ? part : formatNumber(bound, 3));
  });
  return html`<li>${mark(verdict)}<span>${parts} <span class="word">${verdict}</span></span></li>`;
}

/** The claim as it stands. */
export function claimed(claim: Claim): TemplateResult {
  return html`<p class="verdict">${mark(claim.verdict)}<span>The claim <strong>${WORDS[claim.verdict]}</strong>.</span></p>
    <ul>
      ${claim.clauses.map(sentence)}
    </ul>`;
}
