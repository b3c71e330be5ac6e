import { expect, test } from 'vitest';
import { decodeFrame } from './types';

test('stored numbers are little-endian f32 in base64', () => {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  [1.5, -2, 1e-7].forEach((value, i) => {
    view.setFloat32(4 * i, value, true);
  });
  const data = btoa(String.fromCharCode(...bytes));
  const claim = { clauses: [], verdict: 'pending' } as const;
  const frame = decodeFrame({
    step: 3,
    length: 9,
    done: false,
    layout: [],
    claim: { ...claim, clauses: [] },
    data,
  });
  expect(Array.from(frame.data)).toEqual([1.5, -2, Math.fround(1e-7)]);
  expect(frame.step).toBe(3);
});
