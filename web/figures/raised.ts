import { css, html, type TemplateResult } from 'lit';
import { runsOf } from './words';

/**
 * Words for a page, with their superscripts in the page's own typeface: few fonts hold them all, and few at one height.
 * Copied or read aloud, an exponent would lose its height and 10⁻⁸ become 10−8: a caret that nobody sees stands for it.
 */
export function raised(text: string): (string | TemplateResult)[] {
  return runsOf(text).map((run) => (run.raised ? html`<sup><span>^</span>${run.text}</sup>` : run.text));
}

/** How raised letters stand: as on a canvas, without moving the lines apart. */
export const raisedStyle = css`
  sup { position: relative; top: -0.36em; font-size: 0.76em; line-height: 0; vertical-align: baseline; }
  sup span { font-size: 0; }
`;
