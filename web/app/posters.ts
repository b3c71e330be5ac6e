import type { Poster } from '../build/poster.ts';
import { drawPoster } from '../figures/poster.ts';

/** Where a picture is asked for: this far outside of the window. */
const NEAR = '400px';

/**
 * Hangs a picture into every card near the window, one a free moment, and takes down those far from it: hundreds of
 * canvases at once are more memory than a phone has.
 */
export class Wall {
  private readonly posters = new Map<string, Promise<Poster>>();
  private readonly near = new Set<HTMLElement>();
  private readonly waiting = new Set<HTMLElement>();
  private idle = false;

  constructor(cards: HTMLElement[]) {
    const seen = new IntersectionObserver((entries) => this.move(entries), { rootMargin: NEAR });
    for (const card of cards) seen.observe(card);
    const redraw = () => this.redraw();
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
    new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ['data-theme'] });
    new ResizeObserver(redraw).observe(cards[0]?.parentElement ?? document.body);
  }

  private move(entries: IntersectionObserverEntry[]): void {
    for (const { target, isIntersecting } of entries) {
      const card = target as HTMLElement;
      if (isIntersecting) {
        this.near.add(card);
        this.queue(card);
      } else if (this.near.delete(card)) {
        this.waiting.delete(card);
        frameOf(card).replaceChildren();
      }
    }
  }

  private redraw(): void {
    for (const card of this.near) this.queue(card);
  }

  private async queue(card: HTMLElement): Promise<void> {
    await this.poster(card.dataset.slug ?? '').catch(() => null);
    if (!this.near.has(card)) return;
    this.waiting.add(card);
    this.drawWhenIdle();
  }

  private drawWhenIdle(): void {
    if (this.idle || this.waiting.size === 0) return;
    this.idle = true;
    const soon = globalThis.requestIdleCallback ?? ((task: () => void) => setTimeout(task, 16));
    soon(async () => {
      const [card] = this.waiting;
      this.waiting.delete(card);
      await this.draw(card);
      this.idle = false;
      this.drawWhenIdle();
    });
  }

  private async draw(card: HTMLElement): Promise<void> {
    try {
      const { layout, data, contenders } = await this.poster(card.dataset.slug ?? '');
      const frame = frameOf(card);
      const canvas = frame.querySelector('canvas') ?? document.createElement('canvas');
      canvas.setAttribute('aria-hidden', 'true');
      if (!canvas.parentElement) frame.append(canvas);
      drawPoster(canvas, layout, data, contenders);
    } catch {
      // A card without its picture is still a card: its text says all there is.
    }
  }

  private poster(slug: string): Promise<Poster> {
    const known = this.posters.get(slug);
    if (known) return known;
    const asked = fetch(`data/poster/${slug}.json`).then((answer) => answer.json() as Promise<Poster>);
    asked.catch(() => this.posters.delete(slug));
    this.posters.set(slug, asked);
    return asked;
  }
}

const frameOf = (card: HTMLElement) => card.querySelector('.poster') as HTMLElement;
