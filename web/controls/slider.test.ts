import { describe, expect, it } from 'vitest';
import { POSITIONS, positionOf, positions, type Track, valueAt } from './slider';

const linear: Track = { min: -4, max: 4, log: false };
const log: Track = { min: 1e-4, max: 0.3, log: true };
const grid: Track = { min: 0, max: 1, log: false, step: 0.05 };

describe('a slider', () => {
  it.each([linear, log, grid])('reaches both ends exactly and finds its way back: %o', (track) => {
    expect(valueAt(0, track)).toBe(track.min);
    expect(valueAt(positions(track), track)).toBe(track.max);
    for (let position = 0; position <= positions(track); position++) {
      const value = valueAt(position, track);
      expect(value).toBeGreaterThanOrEqual(track.min);
      expect(value).toBeLessThanOrEqual(track.max);
      expect(Math.abs(positionOf(value, track) - position)).toBeLessThanOrEqual(1);
    }
  });

  it('gives round numbers, so that links stay short', () => {
    for (const track of [linear, log, grid]) {
      for (let position = 0; position <= positions(track); position++) {
        expect(String(valueAt(position, track)).length).toBeLessThanOrEqual(9);
      }
    }
    expect(valueAt(3, grid)).toBe(0.15);
    expect(valueAt(POSITIONS / 2, linear)).toBe(0);
  });

  it('has a middle where the scale has it', () => {
    expect(valueAt(POSITIONS / 2, { min: 0.01, max: 100, log: true })).toBe(1);
    expect(positionOf(1, { min: 0.01, max: 100, log: true })).toBe(POSITIONS / 2);
  });

  it('of one number stands still', () => {
    const track = { min: 2, max: 2, log: false };
    expect(positionOf(2, track)).toBe(0);
    expect(valueAt(0, track)).toBe(2);
  });
});
