import { scaleLinear } from 'd3-scale';
import { transformOf } from './ruler';
import type { ScaleKind } from './types';

/** Room left beyond the data when an end has to move, as a part of what is shown: fewer moves while a run fills it. */
const ROOM = 0.35;
/** Below this part of the axis in use, it shrinks. */
const USED = 0.6;

/**
 * An axis's range that follows its data without trembling: it grows in jumps, with room to spare, and shrinks only when
 * the data use little of it.
 */
export class GentleDomain {
  private held: { kind: ScaleKind; domain: [number, number] } | undefined;

  reset(): void {
    this.held = undefined;
  }

  /** The range to show for data from `low` to `high`. */
  follow(low: number, high: number, kind: ScaleKind): [number, number] {
    if (!this.held || this.held.kind !== kind) {
      this.held = { kind, domain: nice(low, high, kind) };
      return this.held.domain;
    }
    const [a, b] = this.held.domain;
    if (low < a || high > b) this.held.domain = grown(this.held.domain, low, high, kind);
    const [p, q] = this.held.domain;
    const { forward } = transformOf(kind, [p, q]);
    const span = (from: number, to: number) => forward(to) - forward(from);
    if (span(low, high) < USED * span(p, q)) {
      const tight = nice(low, high, kind);
      if (span(tight[0], tight[1]) < 0.8 * span(p, q)) this.held.domain = tight;
    }
    return this.held.domain;
  }
}

function grown([a, b]: [number, number], low: number, high: number, kind: ScaleKind): [number, number] {
  const all: [number, number] = [Math.min(a, low), Math.max(b, high)];
  const { forward, back } = transformOf(kind, all);
  const room = ROOM * (forward(all[1]) - forward(all[0]));
  let from = low < a ? back(forward(low) - room) : a;
  let to = high > b ? back(forward(high) + room) : b;
  // Room never crosses zero: an axis of amounts stays one.
  if (low >= 0 && from < 0) from = 0;
  if (high <= 0 && to > 0) to = 0;
  const round = nice(from, to, kind);
  return [low < a ? round[0] : a, high > b ? round[1] : b];
}

/** Round ends that hold `low` and `high`. */
export function nice(low: number, high: number, kind: ScaleKind): [number, number] {
  if (kind === 'log') return niceLog(low, high);
  if (kind === 'symlog') {
    const reach = Math.max(Math.abs(low), Math.abs(high));
    if (reach === 0) return [-1, 1];
    return [low < 0 ? -ceilStep(-low) : 0, high > 0 ? ceilStep(high) : 0];
  }
  if (low === high || high - low < 1e-12 * Math.max(Math.abs(low), Math.abs(high))) {
    const pad = low === 0 ? 1 : Math.abs(low) / 2;
    return low === 0 ? [0, 1] : nice(low - pad, high + pad, kind);
  }
  return scaleLinear().domain([low, high]).nice(10).domain() as [number, number];
}

function niceLog(low: number, high: number): [number, number] {
  const decades = Math.log10(high / low);
  if (decades < 1e-9) return [floorStep(low / 2), ceilStep(high * 2)];
  if (decades < 3) return [floorStep(low), ceilStep(high)];
  const [from, to] = [floorPower(low), floorPower(high)];
  return [powerTen(from), powerTen(powerTen(to) >= high ? to : to + 1)];
}

/** A power of ten to the last bit, which `10 ** n` is not. */
function powerTen(exponent: number): number {
  return Number(`1e${exponent}`);
}

/** The exponent of the power of ten at or below. */
function floorPower(value: number): number {
  const guess = Math.floor(Math.log10(value));
  if (powerTen(guess) > value) return guess - 1;
  return powerTen(guess + 1) <= value ? guess + 1 : guess;
}

/** The nearest of 1, 2, 5, 10, … above. */
function ceilStep(value: number): number {
  const power = powerTen(floorPower(value));
  return [1, 2, 5, 10].map((lead) => lead * power).find((step) => step >= value) ?? value;
}

/** The nearest of 1, 2, 5, 10, … below. */
function floorStep(value: number): number {
  const power = powerTen(floorPower(value));
  return [5, 2, 1].map((lead) => lead * power).find((step) => step <= value) ?? value;
}
