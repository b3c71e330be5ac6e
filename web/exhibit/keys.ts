/** The keys by which an exhibit is run. */

/** What a key asks an exhibit for. */
export type Keyed = 'play' | 'step' | 'reset';

const KEYS: Record<string, Keyed> = { ' ': 'play', '.': 'step', r: 'reset', R: 'reset' };

/** What `event` asks `exhibit` for: nothing while the visitor types, or where the key means something else. */
export function keyed(event: KeyboardEvent, exhibit: HTMLElement): Keyed | undefined {
  const action = KEYS[event.key];
  if (!action || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return undefined;
  const target = event.composedPath()[0];
  const within = event.composedPath().includes(exhibit);
  const nowhere = target === document.body || target === document.documentElement;
  const alone = document.querySelectorAll('orrery-exhibit').length === 1;
  if (!within && !(nowhere && alone)) return undefined;
  if (!(target instanceof HTMLElement)) return action;
  const range = target instanceof HTMLInputElement && target.type === 'range';
  const typing = target.matches('input, textarea, select, [contenteditable]') && !range;
  const pressing = event.key === ' ' && target.matches('button, summary, a, label');
  return typing || pressing ? undefined : action;
}
