/** How the exhibit looks: the site's tokens where the page has them, the same values where it has not. */
import { css } from 'lit';

export const tokens = css`
  :host {
    --orrery-paper: var(--paper, light-dark(#fcfbf8, #14161a));
    --orrery-ink: var(--ink, light-dark(#1b1d1f, #e8e6e1));
    --orrery-muted: var(--muted, light-dark(#5f6368, #a3a7ab));
    --orrery-rule: var(--rule, light-dark(#dedad2, #2e3238));
    --orrery-accent: var(--accent, light-dark(#8a5600, #e3ad52));
    --orrery-edge: light-dark(#a9a59c, #565c64);
    --orrery-error: light-dark(#a8241c, #ff9d8f);
    --orrery-ui: var(--sans, Inter, system-ui, -apple-system, 'Segoe UI', 'Liberation Sans', sans-serif);
    --orrery-serif: var(--serif, 'Source Serif 4', Charter, Georgia, serif);
    --orrery-mono: var(--mono, ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace);
  }
`;

export const buttons = css`
  button,
  select,
  .field {
    font: inherit;
    color: inherit;
    box-sizing: border-box;
    min-height: 30px;
    padding: 2px 10px;
    border: 1px solid var(--orrery-edge);
    border-radius: 4px;
    background: transparent;
  }
  button,
  select {
    cursor: pointer;
  }
  select {
    padding: 2px 4px;
    background: var(--orrery-paper);
  }
  button:hover {
    border-color: var(--orrery-ink);
  }
  button.strong,
  button[aria-pressed='true'] {
    background: var(--orrery-ink);
    border-color: var(--orrery-ink);
    color: var(--orrery-paper);
  }
  :focus-visible {
    outline: 2px solid var(--orrery-accent);
    outline-offset: 1px;
  }
  @media (pointer: coarse) {
    button,
    select,
    .field {
      min-height: 44px;
      min-width: 44px;
    }
  }
`;

export const layout = css`
  :host {
    display: block;
    container-type: inline-size;
    color: var(--orrery-ink);
    background: var(--orrery-paper);
    font: 400 14px / 1.4 var(--orrery-ui);
  }
  :host([hidden]) {
    display: none;
  }
  .exhibit {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: 10px;
  }
  .main,
  .side {
    display: contents;
  }
  /* On a phone the first figure and the first control come first. */
  .top {
    order: 0;
  }
  .lead {
    order: 1;
  }
  .first {
    order: 2;
  }
  .transport {
    order: 3;
  }
  .scenes {
    order: 4;
  }
  .claim {
    order: 5;
  }
  .rest {
    order: 6;
  }
  .others {
    order: 7;
  }
  .main > *,
  .side > * {
    min-width: 0;
  }
  .controls {
    display: grid;
    gap: 14px 24px;
    align-content: start;
  }
  @container (min-width: 520px) {
    .rest.controls {
      grid-template-columns: repeat(auto-fill, minmax(230px, 1fr));
    }
    .others {
      grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr));
    }
    .others > [wide] {
      grid-column: 1 / -1;
    }
  }
  @container (min-width: 800px) {
    .exhibit {
      grid-template-columns: minmax(0, 1fr) 264px;
      gap: 14px 32px;
    }
    .exhibit.bare {
      grid-template-columns: minmax(0, 1fr);
    }
    .top,
    .scenes {
      grid-column: 1 / -1;
    }
    .scenes,
    .main,
    .side {
      order: 1;
    }
    .main,
    .side {
      display: flex;
      flex-direction: column;
      gap: 14px;
      min-width: 0;
    }
    .rest.controls {
      grid-template-columns: minmax(0, 1fr);
    }
  }
  .top,
  .scenes {
    display: grid;
    gap: 8px;
  }
  .top:empty,
  .scenes:empty {
    display: none;
  }
  .scenarios {
    display: flex;
    gap: 6px;
    overflow-x: auto;
    padding: 2px;
    margin: -2px;
    scrollbar-width: thin;
  }
  .scenarios button {
    flex: none;
  }
  /* All notes lie in one cell, so that the tallest keeps the place of any. */
  .notes {
    display: grid;
    margin: 0;
    max-width: 75ch;
    color: var(--orrery-muted);
  }
  .notes > * {
    grid-area: 1 / 1;
    visibility: hidden;
  }
  .notes > .active {
    visibility: visible;
  }
  .figures {
    transition: opacity 120ms;
  }
  .dim {
    opacity: 0.35;
  }
  .lead .figures:empty,
  .lead .figures:not(:has([drawn])) {
    min-height: min(380px, 80cqw);
  }
  .others {
    display: grid;
    gap: 22px 24px;
    align-items: start;
  }
  .claim {
    font: 400 17px / 1.5 var(--orrery-serif);
    border-block: 1px solid var(--orrery-rule);
    padding: 10px 0;
  }
  .claim p,
  .claim ul {
    margin: 0;
    padding: 0;
  }
  .claim li,
  .verdict {
    display: flex;
    gap: 8px;
    align-items: baseline;
    list-style: none;
    max-width: 72ch;
  }
  .claim b {
    font-weight: 650;
    font-family: var(--orrery-ui);
    font-size: 0.92em;
    font-variant-numeric: tabular-nums;
    white-space: nowrap;
  }
  .by {
    margin: 0.4em 0 0;
    font-size: 0.92em;
    color: var(--orrery-muted);
  }
  .word {
    font-style: italic;
    color: var(--orrery-muted);
  }
  .mark {
    flex: none;
    align-self: flex-start;
    width: 14px;
    height: 1.5em;
    display: flex;
    align-items: center;
  }
  .mark svg {
    width: 14px;
    height: 14px;
    fill: none;
    stroke: currentColor;
    stroke-width: 1.8;
  }
  .mark .full {
    fill: currentColor;
    stroke: none;
  }
  .mark .full + path {
    stroke: var(--orrery-paper);
  }
  .mark.pending {
    color: var(--orrery-muted);
  }
  .seed .row {
    display: flex;
    gap: 6px;
    align-items: center;
  }
  .seed {
    font-size: 13px;
  }
  .seed label {
    font-weight: 550;
    display: block;
    margin-bottom: 4px;
  }
  .seed input {
    width: 0;
    flex: 1;
    min-width: 60px;
    text-align: right;
  }
  .dice svg {
    display: block;
    width: 16px;
    height: 16px;
    fill: none;
    stroke: currentColor;
    stroke-width: 1.4;
  }
  .dice circle {
    fill: currentColor;
    stroke: none;
  }
  .notice,
  .card {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 6px 12px;
    padding: 6px 10px;
    border-left: 3px solid var(--orrery-accent);
    background: color-mix(in srgb, var(--orrery-accent) 8%, transparent);
  }
  .notice span,
  .card p {
    flex: 1 1 260px;
    margin: 0;
    overflow-wrap: anywhere;
  }
  .card {
    border-color: var(--orrery-error);
    background: color-mix(in srgb, var(--orrery-error) 9%, transparent);
  }
  /* A stopped run is told over its picture, which so keeps its place. */
  .lead {
    position: relative;
  }
  .lead .card {
    position: absolute;
    inset: 8px 8px auto;
    z-index: 2;
    background: color-mix(in srgb, var(--orrery-error) 9%, var(--orrery-paper));
  }
  .link {
    flex: 1 1 240px;
    min-width: 0;
  }
  .hidden {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  @media (prefers-reduced-motion: reduce) {
    .figures {
      transition: none;
    }
  }
`;
