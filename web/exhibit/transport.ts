import { css, html, LitElement, nothing } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { live } from 'lit/directives/live.js';
import { formatNumber } from '../figures/format';
import type { Speed } from '../runtime/messages';
import { buttons } from './look';

/** What the transport bar asks for. */
export type Transported =
  | { action: 'play' | 'pause' | 'step' | 'reset' | 'copy' }
  | { action: 'seek'; step: number }
  | { action: 'speed'; speed: Speed };

const SPEEDS: [Speed, string][] = [
  [0.25, '¼×'],
  [1, '1×'],
  [4, '4×'],
  ['max', 'max'],
];

/** Milliseconds, or microseconds where they are few, a step. */
function paceText(milliseconds: number): string {
  if (milliseconds <= 0) return '';
  const few = milliseconds < 0.1;
  return `${formatNumber(few ? 1000 * milliseconds : milliseconds, 2, true)} ${few ? 'µs' : 'ms'}/step`;
}

const icon = (path: string) => html`<svg viewBox="0 0 20 20" aria-hidden="true"><path d=${path} /></svg>`;

const ICONS = {
  play: icon('M5 3l12 7-12 7z'),
  pause: icon('M5 3h3.5v14H5zM11.5 3H15v14h-3.5z'),
  step: icon('M4 3l8.5 7L4 17zM13.5 3H16v14h-2.5z'),
  reset: icon('M4 3h2.5v14H4zM16 3v14L7.5 10z'),
};

/** Play, pause, one step, reset, speed, and a scrubber over the run. */
@customElement('orrery-transport')
export class Transport extends LitElement {
  @property({ type: Number }) step = 0;
  @property({ type: Number }) length = 0;
  @property({ type: Number }) reached = 0;
  @property({ type: Boolean }) playing = false;
  /** The milliseconds that computing a step takes on average; 0 before the first. */
  @property({ type: Number }) pace = 0;
  @property({ attribute: false }) speed: Speed = 1;
  /** How far a long way to a step has come, from 0 to 1. */
  @property({ attribute: false }) progress: number | undefined;
  /** The link was just copied. */
  @property({ type: Boolean }) copied = false;

  /** Where the visitor's hand holds the scrubber. */
  @state() private held: number | undefined;

  static override styles = [
    buttons,
    css`
      :host {
        display: block;
        font: 400 13px / 1.3 var(--orrery-ui);
        color: var(--orrery-ink);
        font-variant-numeric: tabular-nums;
      }
      .bar {
        display: flex;
        align-items: center;
        gap: 4px 10px;
        flex-wrap: wrap;
      }
      .keys {
        display: flex;
        gap: 2px;
      }
      .keys button {
        width: 34px;
        padding: 0;
      }
      svg {
        width: 14px;
        height: 14px;
        fill: currentColor;
        display: block;
        margin: auto;
      }
      .scrubber {
        flex: 1 1 160px;
        min-width: 120px;
      }
      input {
        display: block;
        width: 100%;
        height: 28px;
        margin: 0;
        appearance: none;
        background: linear-gradient(
            to right,
            var(--orrery-muted) 0 var(--reached, 0%),
            var(--orrery-rule) var(--reached, 0%) 100%
          )
          center / 100% 3px no-repeat;
        cursor: pointer;
      }
      input::-webkit-slider-thumb {
        appearance: none;
        width: 14px;
        height: 14px;
        border-radius: 50%;
        background: var(--orrery-accent);
      }
      input::-moz-range-thumb {
        width: 14px;
        height: 14px;
        border: 0;
        border-radius: 50%;
        background: var(--orrery-accent);
      }
      .count {
        min-width: var(--digits);
        text-align: right;
        white-space: nowrap;
        color: var(--orrery-muted);
      }
      .count b {
        font-weight: 550;
        color: var(--orrery-ink);
      }
      .pace {
        min-width: 11ch;
        text-align: right;
        white-space: nowrap;
        color: var(--orrery-muted);
      }
      .copy {
        min-width: 86px;
      }
      .hidden {
        position: absolute;
        width: 1px;
        height: 1px;
        overflow: hidden;
        clip-path: inset(50%);
      }
      .way {
        height: 2px;
        margin-top: 2px;
        transform: scaleX(var(--come, 0));
        transform-origin: left;
        background: var(--orrery-accent);
      }
      @media (pointer: coarse) {
        .keys button {
          width: 44px;
        }
        input {
          height: 44px;
        }
        input::-webkit-slider-thumb {
          width: 22px;
          height: 22px;
        }
      }
    `,
  ];

  private ask(detail: Transported) {
    this.dispatchEvent(new CustomEvent('transport', { detail }));
  }

  /** Through the object model, as the content security policy allows no style in the markup. */
  protected override updated() {
    const { length, reached, progress, style } = this;
    style.setProperty('--reached', `${length ? (100 * reached) / length : 0}%`);
    style.setProperty('--come', String(progress ?? 0));
    style.setProperty('--digits', `${2 * String(length).length + 3}ch`);
  }

  protected override render() {
    const { playing, step, length, progress, speed } = this;
    return html`<div class="bar">
        <div class="keys" role="group" aria-label="Run">
          <button
            type="button"
            class="strong"
            aria-label=${playing ? 'Pause' : 'Play'}
            title=${playing ? 'Pause (space)' : 'Play (space)'}
            @click=${() => this.ask({ action: playing ? 'pause' : 'play' })}
          >
            ${playing ? ICONS.pause : ICONS.play}
          </button>
          <button type="button" aria-label="One step" title="One step (.)" @click=${() => this.ask({ action: 'step' })}>
            ${ICONS.step}
          </button>
          <button type="button" aria-label="Back to the start" title="Back to the start (r)" @click=${() => this.ask({ action: 'reset' })}>
            ${ICONS.reset}
          </button>
        </div>
        <div class="scrubber">
          <input
            type="range"
            aria-label="Step"
            aria-valuetext="step ${step} of ${length}"
            min="0"
            max=${length}
            step="1"
            .value=${live(String(this.held ?? step))}
            @input=${(event: Event) => {
              event.stopPropagation();
              this.held = (event.target as HTMLInputElement).valueAsNumber;
              this.ask({ action: 'seek', step: this.held });
            }}
            @change=${(event: Event) => {
              event.stopPropagation();
              this.held = undefined;
            }}
          />
        </div>
        <span class="count"><b>${step}</b> / ${length}</span>
        <span class="pace" title="What computing a step takes in this browser, on average">
          ${paceText(this.pace)}
        </span>
        <select
          aria-label="Speed"
          @input=${(event: Event) => event.stopPropagation()}
          @change=${(event: Event) => {
            event.stopPropagation();
            this.ask({
              action: 'speed',
              speed: SPEEDS[(event.target as HTMLSelectElement).selectedIndex][0],
            });
          }}
        >
          ${SPEEDS.map(([value, label]) => html`<option .selected=${value === speed}>${label}</option>`)}
        </select>
        <button
          type="button"
          class="copy"
          title="A link to these settings at this step"
          @click=${() => this.ask({ action: 'copy' })}
        >
          ${this.copied ? 'Copied' : 'Copy link'}
        </button>
        <span class="hidden" role="status">${this.copied ? 'Link copied' : ''}</span>
      </div>
      <div
        class="way"
        role=${progress === undefined ? 'none' : 'progressbar'}
        aria-label=${progress === undefined ? nothing : 'On the way to the step'}
        aria-valuenow=${progress === undefined ? nothing : Math.round(100 * progress)}
      ></div>`;
  }
}
