import { scaleLinear } from 'd3-scale';
import { formatNumber, powerOfTen } from './format';
import type { ScaleKind } from './types';

/** A scale's law: forward to where distances are even, and back. */
export interface Transform {
  forward(value: number): number;
  back(place: number): number;
}

const LINEAR: Transform = { forward: (v) => v, back: (v) => v };
const LOG: Transform = { forward: (v) => (v > 0 ? Math.log10(v) : Number.NaN), back: (v) => 10 ** v };

/** Where a symlog scale turns from linear to logarithmic: three decades below the largest number. */
export function symlogConstant([low, high]: readonly [number, number]): number {
  const reach = Math.max(Math.abs(low), Math.abs(high));
  return reach > 0 ? 10 ** (Math.ceil(Math.log10(reach) - 1e-9) - 3) : 1;
}

/** The law of a kind of scale on a domain. */
export function transformOf(kind: ScaleKind, domain: readonly [number, number]): Transform {
  if (kind === 'linear') return LINEAR;
  if (kind === 'log') return LOG;
  const c = symlogConstant(domain);
  return {
    forward: (v) => Math.sign(v) * Math.log1p(Math.abs(v) / c),
    back: (v) => Math.sign(v) * Math.expm1(Math.abs(v)) * c,
  };
}

export interface Tick {
  value: number;
  label: string;
}

/** One axis laid along pixels: `at` places a number, `invert` reads one. NaN where the scale has no place. */
export class Ruler {
  readonly transform: Transform;
  private readonly a: number;
  private readonly b: number;

  constructor(
    readonly kind: ScaleKind,
    readonly domain: readonly [number, number],
    readonly range: readonly [number, number],
  ) {
    this.transform = transformOf(kind, domain);
    const low = this.transform.forward(domain[0]);
    const high = this.transform.forward(domain[1]);
    this.b = high === low ? 0 : (range[1] - range[0]) / (high - low);
    this.a = range[0] - this.b * low;
  }

  at(value: number): number {
    if (this.kind === 'linear') return this.a + this.b * value;
    return this.a + this.b * this.transform.forward(value);
  }

  invert(pixel: number): number {
    return this.transform.back((pixel - this.a) / this.b);
  }

  /** A few well-chosen ticks, about `count`, within the pixels given. */
  ticks(count: number, range: readonly [number, number] = this.range): Tick[] {
    // Half a pixel wider, so that a tick on the very edge is not lost to rounding.
    const air = range[1] > range[0] ? 0.5 : -0.5;
    const reach = [this.invert(range[0] - air), this.invert(range[1] + air)];
    const ends = reach.sort((p, q) => p - q) as [number, number];
    if (!Number.isFinite(ends[0]) || !Number.isFinite(ends[1]) || ends[0] === ends[1]) return [];
    if (this.kind === 'log') return logTicks(ends, count);
    if (this.kind === 'symlog') return symlogTicks(ends, count, symlogConstant(this.domain));
    return linearTicks(ends, count);
  }
}

function linearTicks(ends: [number, number], count: number): Tick[] {
  const values = scaleLinear().domain(ends).ticks(Math.max(2, count));
  const step = values.length > 1 ? (values[1] as number) - (values[0] as number) : 1;
  const size = Math.max(...values.map(Math.abs));
  const near = (v: number) => (Math.abs(v) < step * 1e-9 ? 0 : v);
  if (size >= 1e5 || (size > 0 && size < 1e-3)) {
    // All in one power of ten, so that they compare at a glance.
    const power = Math.floor(Math.log10(size) + 1e-9);
    const digits = Math.max(0, power - Math.floor(Math.log10(step) + 1e-9));
    const label = (v: number) => {
      const mantissa = (v / 10 ** power).toFixed(digits).replace('-', '−');
      return v === 0 ? '0' : mantissa === '1' ? powerOfTen(power) : `${mantissa}×${powerOfTen(power)}`;
    };
    return values.map(near).map((value) => ({ value, label: label(value) }));
  }
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return values.map(near).map((value) => ({ value, label: value.toFixed(decimals).replace('-', '−') }));
}

const plainPower = (power: number) => (power < 0 ? `0.${'0'.repeat(-power - 1)}1` : `1${'0'.repeat(power)}`);

function logTicks([low, high]: [number, number], count: number): Tick[] {
  const [from, to] = [Math.ceil(Math.log10(low) - 1e-9), Math.floor(Math.log10(high) + 1e-9)];
  const decades = Math.log10(high / low);
  if (decades < 0.8) {
    const linear = linearTicks([low, high], count);
    return linear.filter((tick) => tick.value > 0);
  }
  const plain = from >= -2 && to <= 3;
  const name = (power: number) => (plain ? plainPower(power) : powerOfTen(power));
  if (decades < 2.2) {
    const wanted = decades * 3 <= count + 1 ? [1, 2, 5] : [1, 3];
    const ticks: Tick[] = [];
    for (let power = from - 1; power <= to; power++) {
      for (const lead of wanted) {
        const value = lead * 10 ** power;
        if (value < low * (1 - 1e-9) || value > high * (1 + 1e-9)) continue;
        const label = lead === 1 ? name(power) : plain ? formatNumber(value) : `${lead}×${powerOfTen(power)}`;
        ticks.push({ value, label });
      }
    }
    if (ticks.length > 1) return ticks;
  }
  const step = [1, 2, 3, 4, 5, 10, 20, 50, 100].find((s) => (to - from) / s <= Math.max(2, count)) ?? 200;
  const ticks: Tick[] = [];
  for (let power = Math.ceil(from / step) * step; power <= to; power += step) {
    ticks.push({ value: 10 ** power, label: name(power) });
  }
  return ticks;
}

function symlogTicks([low, high]: [number, number], count: number, c: number): Tick[] {
  const ticks: Tick[] = low <= 0 && high >= 0 ? [{ value: 0, label: '0' }] : [];
  const first = Math.round(Math.log10(c)) + 1;
  const top = Math.floor(Math.log10(Math.max(Math.abs(low), Math.abs(high))) + 1e-9);
  const sides = (low < 0 ? 1 : 0) + (high > 0 ? 1 : 0);
  const step = Math.max(1, Math.ceil(((top - first + 1) * sides) / Math.max(2, count)));
  for (let power = top; power >= first; power -= step) {
    const label = power >= -2 && top <= 3 ? plainPower(power) : powerOfTen(power);
    const value = 10 ** power;
    if (value <= high && value >= low) ticks.push({ value, label });
    if (-value >= low && -value <= high) ticks.push({ value: -value, label: `−${label}` });
  }
  return ticks.sort((p, q) => p.value - q.value);
}
