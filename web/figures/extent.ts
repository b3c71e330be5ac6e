import type { Channel, ScaleKind } from './types';

/** How far numbers reach, seen for every kind of scale. */
export class Extent {
  low = Number.POSITIVE_INFINITY;
  high = Number.NEGATIVE_INFINITY;
  /** The least positive number: where a log scale begins. */
  least = Number.POSITIVE_INFINITY;

  take(value: number): void {
    if (!Number.isFinite(value)) return;
    if (value < this.low) this.low = value;
    if (value > this.high) this.high = value;
    if (value > 0 && value < this.least) this.least = value;
  }

  takeAll(data: ArrayLike<number>, channel: Channel | null | undefined): void {
    if (!channel) return;
    for (let i = channel.from, end = channel.from + channel.len; i < end; i++) this.take(data[i] as number);
  }

  /** What is to be shown on a scale, or nothing. */
  on(kind: ScaleKind): [number, number] | undefined {
    const low = kind === 'log' ? this.least : this.low;
    return low <= this.high ? [low, this.high] : undefined;
  }
}
