/**
 * What a worker measured of this machine's GPU, by the GPU's name: kept for the next visit where the page may keep
 * anything. A sandboxed frame may not, and measures each time.
 */
const KEY = 'orrery-gpu';

/** All that is kept. */
export function recall(): Record<string, string> {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? '{}');
    const entries = Object.entries(kept as object).filter(([, text]) => typeof text === 'string');
    return Object.fromEntries(entries);
  } catch {
    return {};
  }
}

/** Keeps a text, in place of what stood under the same name. */
export function keep(name: string, text: string): void {
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...recall(), [name]: text }));
  } catch {
    // Closed or full: it is measured again next time.
  }
}
