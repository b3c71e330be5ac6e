import { css } from 'lit';

/** How a figure looks around its canvas. The colours are set from the theme, so that an embedded figure has them too. */
export const styles = css`
  :host {
    display: block;
    min-width: 0;
    color: var(--figure-ink);
    font: 400 14px/1.45 'Inter Variable', Inter, system-ui, -apple-system, 'Segoe UI', 'Liberation Sans', sans-serif;
  }
  figure { margin: 0; }
  header { display: flex; align-items: flex-start; gap: 8px; min-height: 30px; }
  h3 {
    flex: 1; min-width: 0; margin: 0; padding-top: 3px;
    font: 600 17px/1.35 'Source Serif 4 Variable', 'Source Serif 4', Georgia, 'Liberation Serif', serif;
  }
  button, summary {
    font: inherit; color: inherit; background: none; border: 0; padding: 0; margin: 0; cursor: pointer; border-radius: 4px;
  }
  :focus-visible { outline: 2px solid var(--figure-accent); outline-offset: 1px; }
  .tools { display: flex; gap: 2px; flex: none; color: var(--figure-muted); }
  .tools > button, summary {
    display: inline-flex; align-items: center; justify-content: center; width: 28px; height: 28px; list-style: none;
  }
  summary::-webkit-details-marker { display: none; }
  .tools > button:hover, summary:hover { color: var(--figure-ink); background: var(--figure-rule); }
  .tools > button[aria-pressed='true'] { color: var(--figure-accent); }
  .tools svg { width: 16px; height: 16px; fill: none; stroke: currentColor; stroke-width: 1.5; stroke-linecap: round; }
  details { position: relative; }
  details > div {
    position: absolute; right: 0; top: 30px; z-index: 5; display: flex; background: var(--figure-paper);
    border: 1px solid var(--figure-rule); border-radius: 6px; padding: 2px;
  }
  details > div button { padding: 5px 10px; color: var(--figure-ink); font-size: 13px; }
  details > div button:hover { background: var(--figure-rule); }
  .legend { display: flex; flex-wrap: wrap; gap: 0 6px; margin: 0 0 2px -4px; font-size: 13px; line-height: 1.3; }
  .legend button { display: inline-flex; align-items: center; gap: 6px; min-height: 26px; padding: 1px 5px; text-align: left; }
  .legend button:hover { background: color-mix(in srgb, var(--figure-rule) 55%, transparent); }
  .legend button[aria-pressed='false'] span { color: var(--figure-muted); text-decoration: line-through; }
  .legend button[aria-pressed='false'] svg { opacity: 0.35; }
  .legend svg { flex: none; width: 18px; height: 12px; overflow: visible; }
  .stage { position: relative; border-radius: 4px; outline-offset: 2px; }
  .stage canvas { position: absolute; left: 0; top: 0; display: block; width: 100%; height: 100%; touch-action: pan-y; }
  .stage.held canvas { touch-action: none; cursor: grab; }
  .stage.held canvas:active { cursor: grabbing; }
  .stage .over { pointer-events: none; }
  .handle {
    position: absolute; left: -12px; top: -12px; width: 24px; height: 24px; border-radius: 50%; z-index: 1;
    cursor: grab; touch-action: none; will-change: transform;
  }
  .handle::before {
    content: ''; position: absolute; inset: 4px; border-radius: 50%; border: 1.5px solid var(--figure-ink); opacity: 0.75;
  }
  .handle:hover::before, .handle:focus-visible::before { inset: 2px; border-width: 2px; opacity: 1; border-color: var(--figure-accent); }
  .handle:active { cursor: grabbing; }
  @media (pointer: coarse) {
    .handle { left: -22px; top: -22px; width: 44px; height: 44px; }
    .handle::before { inset: 13px; }
    .handle:hover::before, .handle:focus-visible::before { inset: 11px; }
    .legend button { min-height: 32px; }
  }
  .switch {
    position: absolute; height: 24px; padding: 0 4px; font-size: 12px; color: var(--figure-muted); white-space: nowrap;
  }
  .switch b { font-weight: 600; color: var(--figure-ink); }
  .switch:hover { color: var(--figure-ink); }
  .switch i { font-style: normal; padding: 0 3px; }
  .readout {
    position: absolute; left: 0; top: 0; z-index: 3; max-width: min(260px, 80%); padding: 4px 8px; pointer-events: none;
    font-size: 12px; line-height: 1.4; border-radius: 4px; color: var(--figure-ink); font-variant-numeric: tabular-nums;
    background: color-mix(in srgb, var(--figure-paper) 93%, transparent); border: 1px solid var(--figure-rule);
  }
  .readout[hidden] { display: none; }
  .readout strong { display: block; font-weight: 600; }
  .readout div { display: flex; gap: 10px; justify-content: space-between; }
  .readout div span:first-child { color: var(--figure-muted); overflow-wrap: anywhere; }
  .readout div span:last-child { white-space: nowrap; }
  .spoken { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .scroll { max-height: 420px; overflow: auto; margin: 4px 0; }
  table { font-variant-numeric: tabular-nums; border-collapse: collapse; min-width: min(100%, 34em); font-size: 13px; }
  th, td { padding: 4px 7px; text-align: left; vertical-align: bottom; border-bottom: 1px solid var(--figure-rule); white-space: nowrap; }
  th { position: sticky; top: 0; white-space: normal; background: var(--figure-paper); font-weight: 600; color: var(--figure-muted); }
  th.number, td.number { text-align: right; }
  tbody tr:last-child td { border-bottom: 0; }
  figcaption { margin: 4px 0 0; color: var(--figure-muted); font-size: 13px; line-height: 1.45; max-width: 75ch; }
`;
