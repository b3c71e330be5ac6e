import { afterEach, expect, it, vi } from 'vitest';
import { keep, recall } from './memory';

/** A page's storage that holds `kept`. */
function storage(kept: Record<string, string>): Record<string, string> {
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => kept[key] ?? null,
    setItem: (key: string, text: string) => {
      kept[key] = text;
    },
  });
  return kept;
}

afterEach(() => vi.unstubAllGlobals());

it('keeps what was measured of each GPU, the newest', () => {
  const kept = storage({ other: 'left alone' });
  expect(recall()).toEqual({});
  keep('one', '1 2 3');
  keep('another', '4 5 6');
  keep('one', '7 8 9');
  expect(recall()).toEqual({ one: '7 8 9', another: '4 5 6' });
  expect(kept.other).toBe('left alone');
});

it('knows nothing from what it did not write', () => {
  for (const text of ['', 'nonsense', 'null', '[1]', '{"one": 1}']) {
    storage({ 'orrery-gpu': text });
    expect(recall()).toEqual({});
    keep('one', '1');
    expect(recall()).toEqual({ one: '1' });
  }
});

it('does without where storage is closed', () => {
  vi.stubGlobal('localStorage', {
    get getItem() {
      throw new Error('sandboxed');
    },
  });
  expect(recall()).toEqual({});
  expect(() => keep('one', '1')).not.toThrow();
});
