import { css, html, type TemplateResult } from 'lit';
import { runsOf } from './words';

/** Words for a page, with their superscripts in the page's own typeface: few fonts hold them all, and few at one height. */
export function raised(text: string): (string | TemplateResult)[] {
  return runsOf(text).map((run) => (run.raised ? html`<sup>${run.text}</sup>` : run.text));
}

/** How raised letters stand: as on a canvas, without moving the lines apart. */
export const raisedStyle = css`
  sup { position: relative; top: -0.36em; font-size: 0.76em; line-height: 0; vertical-align: baseline; }
`;
