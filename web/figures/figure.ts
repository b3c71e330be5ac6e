import { select } from 'd3-selection';
import { type D3ZoomEvent, zoom, zoomIdentity } from 'd3-zoom';
import { html, LitElement, nothing, svg } from 'lit';
import { LABEL_ROW, NAME_ROW } from './axes';
import { Handles } from './handles';
import { type Entry, legendEntries } from './legend';
import { Picture, PLAIN } from './picture';
import { raised, raisedStyle } from './raised';
import { Reader } from './reader';
import { type FileKind, save } from './save';
import { styles } from './styles';
import { cellText, tableLength } from './table';
import { currentTheme, type Theme, watchTheme } from './theme';
import type { Contender, DragDetail, Layout, MarkOf, ScaleKind } from './types';
import { forgetWidths } from './words';

declare global {
  interface HTMLElementTagNameMap {
    'orrery-figure': OrreryFigure;
  }
}

/** The event `drag` of a dragged dot. */
export type FigureDragEvent = CustomEvent<DragDetail>;

const DEEPEST_ZOOM = 400;
/** How far one key press magnifies. */
const KEY_ZOOM = 1.5;

/** `<orrery-figure>`: one figure, drawn anew with every frame it is shown. */
export class OrreryFigure extends LitElement {
  static override styles = [styles, raisedStyle];

  private readonly picture = new Picture();
  private readonly canvas = document.createElement('canvas');
  private readonly over = document.createElement('canvas');
  private readonly stage = document.createElement('div');
  private readonly switches = { x: document.createElement('button'), y: document.createElement('button') };
  private readonly reader: Reader;
  private readonly handles: Handles;
  private readonly zooming = zoom<HTMLCanvasElement, unknown>();
  private theme: Theme = currentTheme();
  private unwatch: (() => void) | undefined;
  private entries: Entry[] = [];
  private said = '';
  private zoomOn = false;
  private awaited = 0;
  private width = 0;
  private tableText = '';
  private near = true;
  private late = false;

  private readonly sight = new IntersectionObserver(
    (entries) => {
      this.near = entries[entries.length - 1].isIntersecting;
      if (this.near && this.late) this.paint();
    },
    { rootMargin: '50%' },
  );

  private readonly sized = new ResizeObserver(() => {
    if (this.clientWidth !== this.width) this.paint();
  });

  /** A typeface has arrived: words have other widths. */
  private readonly lettered = () => {
    forgetWidths();
    this.picture.remeasure();
    this.paint();
  };

  constructor() {
    super();
    this.stage.className = 'stage';
    this.stage.tabIndex = 0;
    this.stage.setAttribute('role', 'group');
    this.canvas.setAttribute('role', 'img');
    this.over.className = 'over';
    this.over.setAttribute('aria-hidden', 'true');
    this.stage.append(this.canvas, this.over, this.switches.x, this.switches.y);
    for (const side of ['x', 'y'] as const) {
      this.switches[side].className = 'switch';
      this.switches[side].hidden = true;
      this.switches[side].addEventListener('click', () => this.switchScale(side));
    }
    this.reader = new Reader(this.stage, this.over, this.picture);
    this.handles = new Handles(this.stage, (detail) => this.drag(detail));
    this.prepareZoom();
    this.stage.addEventListener('keydown', (event) => this.key(event));
  }

  /** The exhibit's contenders, whose colours and names its marks take. */
  set contenders(contenders: readonly Contender[]) {
    // Lit sets an array anew with every rendering.
    if (contenders === this.picture.contenders) return;
    this.picture.contenders = contenders;
    if (this.isConnected) this.paint();
  }

  get contenders(): readonly Contender[] {
    return this.picture.contenders;
  }

  /** Draws a frame at once, or, if it is one of many `passing` and out of sight, once it comes near. */
  show(layout: Layout, data: ArrayLike<number>, passing = false): void {
    if (layout.id !== this.picture.layout?.id) this.unzoom();
    this.picture.show(layout, data);
    this.late = passing && !this.near;
    if (!this.late) this.paint();
  }

  /** Forgets the axes' ranges: the next frame begins another run. */
  reset(): void {
    this.picture.reset();
  }

  /** The ranges that the axes show or are on their way to. */
  get ranges(): Picture['ranges'] {
    return this.picture.ranges;
  }

  /** Lets the axes' ranges fit the next frame, without room for more. */
  refit(): void {
    this.picture.refit();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    const changed = () => {
      this.theme = currentTheme();
      this.paint();
    };
    this.unwatch = watchTheme(changed);
    changed();
    this.sized.observe(this);
    this.sight.observe(this);
    document.fonts?.addEventListener('loadingdone', this.lettered);
    document.fonts?.ready.then(this.lettered);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.unwatch?.();
    this.sized.disconnect();
    this.sight.disconnect();
    this.near = true;
    document.fonts?.removeEventListener('loadingdone', this.lettered);
    cancelAnimationFrame(this.awaited);
    this.awaited = 0;
  }

  private get drawn(): boolean {
    const marks = this.picture.layout?.marks ?? [];
    return marks.length === 0 || marks.some((mark) => mark.mark !== 'table');
  }

  /** Draws what there is. */
  private paint(): void {
    const { picture, theme } = this;
    const { layout } = picture;
    const width = this.clientWidth;
    const pen = this.canvas.getContext('2d');
    if (!layout || !pen) return;
    this.late = false;
    if (this.drawn && width > 0) {
      if (width !== this.width) this.unzoom();
      this.width = width;
      picture.glides = !matchMedia('(prefers-reduced-motion: reduce)').matches;
      const height = picture.height(pen, width);
      const ratio = devicePixelRatio;
      const [columns, rows] = [Math.round(width * ratio), Math.round(height * ratio)];
      if (this.canvas.width !== columns || this.canvas.height !== rows) {
        for (const canvas of [this.canvas, this.over]) {
          canvas.width = columns;
          canvas.height = rows;
        }
        this.stage.style.height = `${height}px`;
      }
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      pen.clearRect(0, 0, width, height);
      const moving = picture.draw(pen, width, height, theme, performance.now());
      if (moving && this.awaited === 0) {
        this.awaited = requestAnimationFrame(() => {
          this.awaited = 0;
          this.paint();
        });
      }
      this.placeSwitches(width, height);
      this.handles.place(picture.scene, picture.shown);
      this.reader.refresh();
    }
    this.tell(layout);
  }

  /** Asks for new words around the canvas only where they changed. */
  private tell(layout: Layout): void {
    const { picture, theme } = this;
    const color = picture.colorOf(theme);
    this.entries = legendEntries(layout.marks, picture.contenders, color);
    const tables = layout.marks.filter((mark) => mark.mark === 'table');
    this.tableText = tables.map((mark) => JSON.stringify(this.cells(mark))).join('|');
    const hidden = [...picture.hidden].join('|');
    const zoomed = picture.magnification !== PLAIN;
    const said = JSON.stringify([
      ...[layout.title, layout.caption, layout.aspect, this.entries, hidden, zoomed, this.zoomOn, this.drawn],
      ...[theme.dark, this.tableText],
    ]);
    if (said === this.said) return;
    this.said = said;
    this.canvas.setAttribute('aria-label', layout.caption || layout.title);
    this.stage.setAttribute('aria-label', `${layout.title}: values by arrow keys, zoom by plus and minus`);
    for (const name of ['ink', 'muted', 'rule', 'accent', 'paper'] as const) {
      this.style.setProperty(`--figure-${name}`, theme[name]);
    }
    this.stage.classList.toggle('held', this.zoomOn || zoomed);
    this.requestUpdate();
  }

  private cells(mark: MarkOf<'table'>): string[][] {
    const rows = Array.from({ length: tableLength(mark) }, (_, row) => row);
    return rows.map((row) => mark.columns.map((column) => cellText(column, this.picture.data, row)));
  }

  private placeSwitches(width: number, height: number): void {
    const { layout, scene } = this.picture;
    const box = scene?.plane.box;
    for (const side of ['x', 'y'] as const) {
      const button = this.switches[side];
      const axis = layout?.[side];
      const usable = !!axis?.or && !axis.categories?.length && layout?.aspect !== 'simplex' && !!box;
      if (button.hidden === usable) button.hidden = !usable;
      if (!usable || !axis || !box) continue;
      const now = this.picture.kind(side);
      const key = `${axis.scale}|${axis.or}|${now}`;
      if (button.dataset.key !== key) {
        button.dataset.key = key;
        const words = [axis.scale, axis.or as ScaleKind].map((kind) => {
          const word = document.createElement(kind === now ? 'b' : 'span');
          word.textContent = kind;
          return word;
        });
        const bar = document.createElement('i');
        bar.textContent = '|';
        const spoken = document.createElement('span');
        spoken.className = 'spoken';
        spoken.textContent = `${side === 'x' ? 'Horizontal' : 'Vertical'} axis is ${now}; switch between `;
        button.replaceChildren(spoken, words[0], bar, words[1]);
      }
      button.style.right = `${Math.round(width - box.left - box.width)}px`;
      button.style.top = `${Math.round(side === 'y' ? box.top - NAME_ROW - 2 : height - LABEL_ROW)}px`;
    }
  }

  private switchScale(side: 'x' | 'y'): void {
    const axis = this.picture.layout?.[side];
    if (!axis?.or) return;
    this.picture.switched[side] = this.picture.kind(side) === axis.scale ? axis.or : axis.scale;
    this.unzoom();
    this.paint();
  }

  private prepareZoom(): void {
    const mayZoom = () => this.picture.layout?.aspect !== 'simplex';
    const held = () => this.zoomOn || this.picture.magnification !== PLAIN;
    this.zooming
      .scaleExtent([1, DEEPEST_ZOOM])
      .extent(() => {
        const box = this.picture.scene?.plane.box ?? { left: 0, top: 0, width: 1, height: 1 };
        return [
          [box.left, box.top],
          [box.left + box.width, box.top + box.height],
        ];
      })
      .filter((event: Event) => {
        if (!mayZoom()) return false;
        // The plain wheel and one finger scroll the page, unless the figure holds them.
        if (event instanceof WheelEvent) return event.ctrlKey || event.metaKey || this.zoomOn;
        if (event instanceof MouseEvent) return event.button === 0 && held();
        return held() || (event as TouchEvent).touches?.length > 1;
      })
      .on('zoom', (event: D3ZoomEvent<HTMLCanvasElement, unknown>) => {
        const { k, x, y } = event.transform;
        this.picture.magnification = k === 1 && x === 0 && y === 0 ? PLAIN : { k, x, y };
        this.paint();
      });
    const canvas = select(this.canvas);
    canvas.call(this.zooming).on('dblclick.zoom', () => this.unzoom());
    this.zooming.translateExtent([
      [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
      [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
    ]);
    this.zooming.constrain((transform, extent) => {
      // What is shown stays within what the axes hold.
      const dx = Math.min(
        Math.max(transform.x, extent[1][0] * (1 - transform.k)),
        extent[0][0] * (1 - transform.k),
      );
      const dy = Math.min(
        Math.max(transform.y, extent[1][1] * (1 - transform.k)),
        extent[0][1] * (1 - transform.k),
      );
      return transform.k === 1 ? zoomIdentity : zoomIdentity.translate(dx, dy).scale(transform.k);
    });
  }

  private unzoom(): void {
    if (this.picture.magnification === PLAIN) return;
    select(this.canvas).call(this.zooming.transform, zoomIdentity);
  }

  private key(event: KeyboardEvent): void {
    if (event.target !== this.stage || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === '+' || event.key === '=') select(this.canvas).call(this.zooming.scaleBy, KEY_ZOOM);
    else if (event.key === '-') select(this.canvas).call(this.zooming.scaleBy, 1 / KEY_ZOOM);
    else if (event.key === '0') this.unzoom();
    else if (!this.reader.key(event)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  private drag(detail: DragDetail): void {
    this.reader.hide();
    this.dispatchEvent(new CustomEvent<DragDetail>('drag', { detail, bubbles: true, composed: true }));
  }

  private toggle(key: string): void {
    const { hidden } = this.picture;
    if (!hidden.delete(key)) hidden.add(key);
    this.picture.refit();
    this.paint();
  }

  private async saveAs(kind: FileKind): Promise<void> {
    const menu = this.renderRoot.querySelector('details');
    if (menu) menu.open = false;
    await save(kind, this.picture, this.entries, Math.max(300, this.clientWidth), this.theme);
    this.paint();
  }

  private closeMenu(event: FocusEvent): void {
    const menu = event.currentTarget as HTMLDetailsElement;
    if (!menu.contains(event.relatedTarget as Node | null)) menu.open = false;
  }

  /** A table that does not fit beside another figure asks for a row of its own, and keeps it. */
  protected override updated(): void {
    if (this.hasAttribute('wide')) return;
    const scroll = this.renderRoot.querySelector('.scroll');
    if (scroll && scroll.scrollWidth > scroll.clientWidth) this.setAttribute('wide', '');
  }

  protected override render() {
    const { layout } = this.picture;
    if (!layout) return nothing;
    return html`<figure aria-labelledby="title">
      <header>
        <h3 id="title">${raised(layout.title)}</h3>
        <div class="tools">${this.zoomTools(layout)}${this.saveMenu()}</div>
      </header>
      ${this.legend()} ${this.drawn ? this.stage : nothing}
      ${layout.marks.map((mark) => (mark.mark === 'table' ? this.table(mark) : nothing))}
      <figcaption>${raised(layout.caption)}</figcaption>
    </figure>`;
  }

  private zoomTools(layout: Layout) {
    if (!this.drawn || layout.aspect === 'simplex') return nothing;
    const toggle = () => {
      this.zoomOn = !this.zoomOn;
      this.paint();
    };
    const zoomed = this.picture.magnification !== PLAIN;
    const reset = html`<button aria-label="Show all again" title="Show all again" @click=${() => this.unzoom()}>
      <svg viewBox="0 0 16 16" aria-hidden="true"><path d="M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10" /></svg>
    </button>`;
    return html`${zoomed ? reset : nothing}<button
        aria-pressed=${this.zoomOn ? 'true' : 'false'}
        aria-label="Zoom and pan"
        title="Zoom and pan with the wheel and by dragging"
        @click=${toggle}
      >
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <circle cx="6.8" cy="6.8" r="4.6" />
          <path d="M10.2 10.2 14 14M4.8 6.8h4M6.8 4.8v4" />
        </svg>
      </button>`;
  }

  private saveMenu() {
    const kinds: FileKind[] = ['png', 'svg', 'csv'];
    return html`<details @focusout=${this.closeMenu} @keydown=${this.escape}>
      <summary aria-label="Save this figure" title="Save this figure">
        <svg viewBox="0 0 16 16" aria-hidden="true"><path d="M8 2.5v7.5M4.8 7 8 10.2 11.2 7M2.5 13.5h11" /></svg>
      </summary>
      <div>
        ${kinds.map(
          (kind) =>
            html`<button aria-label="Save as ${kind.toUpperCase()}" @click=${() => this.saveAs(kind)}>
              ${kind.toUpperCase()}
            </button>`,
        )}
      </div>
    </details>`;
  }

  private escape(event: KeyboardEvent): void {
    const menu = event.currentTarget as HTMLDetailsElement;
    if (event.key !== 'Escape' || !menu.open) return;
    menu.open = false;
    menu.querySelector('summary')?.focus();
    event.stopPropagation();
  }

  private legend() {
    if (this.entries.length === 0) return nothing;
    const { hidden } = this.picture;
    return html`<div class="legend" role="group" aria-label="Legend: show or hide">
      ${this.entries.map(
        (entry) =>
          html`<button aria-pressed=${hidden.has(entry.key) ? 'false' : 'true'} @click=${() => this.toggle(entry.key)}>
            ${swatch(entry)}<span>${raised(entry.key)}</span>
          </button>`,
      )}
    </div>`;
  }

  private table(mark: MarkOf<'table'>) {
    const align = mark.columns.map((column) => ('numbers' in column ? 'number' : ''));
    return html`<div class="scroll" tabindex="0" role="region" aria-labelledby="title">
      <table>
        <thead>
          <tr>
            ${mark.headers.map((header, k) => html`<th scope="col" class=${align[k]}>${raised(header)}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${this.cells(mark).map(
            (row) => html`<tr>${row.map((cell, k) => html`<td class=${align[k]}>${raised(cell)}</td>`)}</tr>`,
          )}
        </tbody>
      </table>
    </div>`;
  }
}

function swatch({ color, swatch, symbol, dashed, faint }: Entry) {
  const opacity = faint ? 0.5 : 1;
  if (swatch === 'none') return nothing;
  if (swatch === 'area') {
    return html`<svg viewBox="0 0 18 12" aria-hidden="true"><rect width="18" height="12" rx="2" fill=${color} opacity=${0.6 * opacity} /></svg>`;
  }
  if (swatch === 'line') {
    const dashes = dashed ? '5 3' : 'none';
    return html`<svg viewBox="0 0 18 12" aria-hidden="true"><path d="M0 6h18" stroke=${color} stroke-width="2.5" stroke-dasharray=${dashes} opacity=${opacity} /></svg>`;
  }
  const shapes = {
    disc: svg`<circle cx="9" cy="6" r="4" fill=${color} />`,
    ring: svg`<circle cx="9" cy="6" r="3.5" fill="none" stroke=${color} stroke-width="1.6" />`,
    cross: svg`<path d="M5.5 2.5l7 7m0-7l-7 7" stroke=${color} stroke-width="1.6" />`,
    square: svg`<rect x="5.5" y="2.5" width="7" height="7" fill=${color} />`,
  };
  return html`<svg viewBox="0 0 18 12" aria-hidden="true" opacity=${opacity}>${shapes[symbol]}</svg>`;
}

if (!customElements.get('orrery-figure')) customElements.define('orrery-figure', OrreryFigure);
