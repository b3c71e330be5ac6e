import { css, html, LitElement, nothing } from 'lit';
import { Picture } from './picture';
import { currentTheme, type Theme, watchTheme } from './theme';
import type { Contender, DragDetail, Layout } from './types';

declare global {
  interface HTMLElementTagNameMap {
    'orrery-figure': OrreryFigure;
  }
  interface HTMLElementEventMap {
    drag: DragEvent;
  }
}

/** The event of a dragged dot. */
export type FigureDragEvent = CustomEvent<DragDetail>;

/** `<orrery-figure>`: one figure, drawn anew with every frame it is shown. */
export class OrreryFigure extends LitElement {
  static override styles = css`
    :host { display: block; }
    .stage { position: relative; }
    canvas { display: block; width: 100%; }
  `;

  private readonly picture = new Picture();
  private readonly canvas = document.createElement('canvas');
  private theme: Theme = currentTheme();
  private unwatch: (() => void) | undefined;
  private readonly sized = new ResizeObserver(() => this.paint());

  /** The exhibit's contenders, whose colours and names its marks take. */
  set contenders(contenders: readonly Contender[]) {
    this.picture.contenders = contenders;
    this.requestUpdate();
  }

  get contenders(): readonly Contender[] {
    return this.picture.contenders;
  }

  /** Draws a frame at once; returns the milliseconds it took. */
  show(layout: Layout, data: ArrayLike<number>): number {
    const old = this.picture.layout;
    this.picture.show(layout, data);
    if (old?.title !== layout.title || old.caption !== layout.caption) this.requestUpdate();
    return this.paint();
  }

  /** Forgets the axes' ranges: the next frame begins another run. */
  reset(): void {
    this.picture.reset();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.unwatch = watchTheme(() => {
      this.theme = currentTheme();
      this.paint();
    });
    this.sized.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.unwatch?.();
    this.sized.disconnect();
  }

  private paint(): number {
    const width = this.clientWidth;
    const pen = this.canvas.getContext('2d');
    if (width === 0 || !pen || !this.picture.layout) return 0;
    const start = performance.now();
    const height = this.picture.height(pen, width);
    const ratio = devicePixelRatio;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.canvas.style.height = `${height}px`;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (this.picture.draw(pen, width, height, this.theme, start)) requestAnimationFrame(() => this.paint());
    return performance.now() - start;
  }

  protected override render() {
    const layout = this.picture.layout;
    if (!layout) return nothing;
    return html`<figure aria-labelledby="title">
      <h3 id="title">${layout.title}</h3>
      <div class="stage">${this.canvas}</div>
      <figcaption>${layout.caption}</figcaption>
    </figure>`;
  }
}

if (!customElements.get('orrery-figure')) customElements.define('orrery-figure', OrreryFigure);
