/** So many cards are laid out in one free moment. */
const AT_ONCE = 16;

/**
 * Learns the height of every card in free moments. The browser leaves out the cards that are far from the window and
 * guesses their heights: whoever jumps to the end would see it move away, and click on something else.
 */
export class Settling {
  private readonly unknown = new Set<HTMLElement>();
  private width = 0;
  private busy = false;

  constructor(private readonly cards: HTMLElement[]) {
    const wings = cards[0]?.closest('.wings');
    // At another width every height is another.
    const resized = new ResizeObserver(([{ contentRect }]) => {
      if (contentRect.width === this.width) return;
      this.width = contentRect.width;
      for (const card of this.cards) this.unknown.add(card);
      this.settle();
    });
    if (wings) resized.observe(wings);
  }

  /** Goes on with the cards that are shown; to be called when others are. */
  settle(): void {
    if (this.busy) return;
    const shown = [...this.unknown].filter((card) => !card.hidden).slice(0, AT_ONCE);
    if (shown.length === 0) return;
    this.busy = true;
    const soon = globalThis.requestIdleCallback ?? ((task: () => void) => setTimeout(task, 16));
    soon(() => {
      for (const card of shown) card.style.contentVisibility = 'visible';
      // A browser keeps the height of a card that was in a frame.
      requestAnimationFrame(() =>
        soon(() => {
          for (const card of shown) {
            card.style.contentVisibility = '';
            if (!card.hidden) this.unknown.delete(card);
          }
          this.busy = false;
          this.settle();
        }),
      );
    });
  }
}
