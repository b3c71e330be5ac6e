// @vitest-environment happy-dom
import { beforeEach, describe, expect, it } from 'vitest';
import { keyed } from './keys';

/** What the exhibit is asked for when `key` is pressed on what `selector` names. */
function press(key: string, selector: string, more: KeyboardEventInit = {}) {
  const exhibit = document.querySelector('orrery-exhibit') as HTMLElement;
  let asked: string | undefined;
  const listen = (event: KeyboardEvent) => {
    asked = keyed(event, exhibit);
  };
  document.addEventListener('keydown', listen);
  const target = document.querySelector(selector) as HTMLElement;
  target.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, composed: true, ...more }));
  document.removeEventListener('keydown', listen);
  return asked;
}

beforeEach(() => {
  document.body.innerHTML = `<a href="#"></a><orrery-exhibit>
    <button></button><input type="text" /><input type="range" /><select></select><p></p>
  </orrery-exhibit>`;
});

describe('keys', () => {
  it('run the exhibit from within, and from nowhere in particular', () => {
    for (const where of ['p', 'body', 'input[type=range]']) {
      expect([press(' ', where), press('.', where), press('r', where)]).toEqual(['play', 'step', 'reset']);
    }
  });

  it('are left to what is being typed or pressed', () => {
    expect([press(' ', 'input[type=text]'), press('r', 'select'), press('.', 'input[type=text]')]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect([press(' ', 'button'), press('.', 'button')]).toEqual([undefined, 'step']);
    expect([press('r', 'body', { ctrlKey: true }), press('x', 'body')]).toEqual([undefined, undefined]);
  });

  it('are nobody’s elsewhere on the page, or where there are two exhibits', () => {
    expect(press('.', 'a')).toBeUndefined();
    document.body.append(document.createElement('orrery-exhibit'));
    expect(press('.', 'body')).toBeUndefined();
    expect(press('.', 'p')).toBe('step');
  });
});
