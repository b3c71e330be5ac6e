/** The page's address, which holds what the visitor has set. */
import { encode, type Place } from '../runtime/link';
import type { Spec } from '../runtime/specs';

/** The address follows the controls at most so often: browsers refuse more. */
const FOLLOW_MS = 300;

export class Address {
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** Lets the address follow, without filling the history. `place` is asked when it is time. */
  follow(specs: readonly Spec[], place: () => Place): void {
    this.timer ??= setTimeout(async () => {
      this.timer = undefined;
      write(new URL(await encode(specs, place()), location.href.replace(/[?#].*$/, '')));
    }, FOLLOW_MS);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}

function write(address: URL) {
  const hide = new URLSearchParams(location.search).get('hide');
  const kept = hide === null ? '' : `${address.search ? '&' : '?'}hide=${encodeURIComponent(hide)}`;
  // An anchor of the page, such as #essay, stays where no data needs its place.
  const anchor = location.hash.includes('=') ? '' : location.hash;
  try {
    history.replaceState(
      history.state,
      '',
      location.pathname + address.search + kept + (address.hash || anchor),
    );
  } catch {
    // A sandboxed frame may not change its address.
  }
}
