// @vitest-environment happy-dom
import { describe, expect, it } from 'vitest';
import type { Spec } from '../runtime/specs';
import { fromAttributes, fromValues, seedOf } from './asked';

const common = { help: '', live: false };
const specs: Spec[] = [
  { ...common, name: 'beta1', label: 'β₁', kind: 'number', min: 0, max: 1, log: false, default: 0.9 },
  { ...common, name: 'step', label: 'ε', kind: 'number', min: 0, max: 1, log: false, default: 0.1 },
  { ...common, name: 'clip', label: 'clip', kind: 'toggle', default: false },
  { ...common, name: 'title', label: 'title', kind: 'text', max: 9, default: '' },
];

const element = (markup: string) => {
  document.body.innerHTML = markup;
  return (document.body.firstElementChild as Element).attributes;
};

describe('attributes', () => {
  it('are settings where a control has their name, and the page’s own business elsewhere', () => {
    const attributes = element(
      '<p name="lion" beta1="0.5" step="0.3" clip title="Hello" class="wide" data-x="1" seed="7"></p>',
    );
    expect(fromAttributes(specs, attributes)).toEqual({
      settings: { beta1: 0.5, step: 0.3, clip: true },
      notices: [],
    });
  });

  it('are made to fit, with a notice', () => {
    const { settings, notices } = fromAttributes(specs, element('<p beta1="7" step="often" clip="0"></p>'));
    expect(settings).toEqual({ beta1: 1, step: 0.1, clip: false });
    expect(notices).toHaveLength(2);
  });
});

describe('the property settings', () => {
  it('says what it does not know', () => {
    const { settings, notices } = fromValues(specs, { beta1: 0.5, beta: 1, clip: 'yes' });
    expect(settings).toEqual({ beta1: 0.5, clip: false });
    expect(notices).toHaveLength(2);
  });
});

describe('a seed', () => {
  it.each([
    [7, 7],
    [2 ** 60, Number.MAX_SAFE_INTEGER],
    [-1, 0],
    [1.5, 0],
    ['7', 0],
    [Number.NaN, 0],
  ])('of %s is %s', (asked, seed) => {
    expect(seedOf(asked)).toBe(seed);
  });
});
