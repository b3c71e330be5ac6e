/** How a run is played in time. */
import type { Speed } from './messages';

/** The whole run takes so long at normal speed, however many steps it has. */
export const PLAY_MS = 6000;

/** More debt than this is forgiven: a run that cannot keep its pace is not hurried afterwards. */
const DEBT_MS = 50;

/** Says which step is due. Anchored where playing began; anchored anew when the run falls behind. */
export class Pace {
  private since = 0;
  private from = 0;

  constructor(private speed: Speed = 1) {}

  /** Starts counting at `step`, now. */
  anchor(now: number, step: number): void {
    this.since = now;
    this.from = step;
  }

  /** Changes the speed without a jump. */
  change(speed: Speed, now: number, step: number): void {
    this.speed = speed;
    this.anchor(now, step);
  }

  private perMs(length: number): number {
    return this.speed === 'max' ? Number.POSITIVE_INFINITY : (length * this.speed) / PLAY_MS;
  }

  /** The step that is due now. */
  due(now: number, length: number): number {
    const perMs = this.perMs(length);
    if (perMs === Number.POSITIVE_INFINITY) return length;
    return Math.min(length, this.from + Math.floor((now - this.since) * perMs));
  }

  /** Milliseconds until the step after `step` is due. */
  wait(now: number, step: number, length: number): number {
    const perMs = this.perMs(length);
    if (perMs === Number.POSITIVE_INFINITY || perMs <= 0) return 0;
    return Math.max(0, this.since + (step + 1 - this.from) / perMs - now);
  }

  /** Forgives what a slow run owes. */
  settle(now: number, step: number, length: number): void {
    const perMs = this.perMs(length);
    if (perMs !== Number.POSITIVE_INFINITY && this.due(now, length) - step > perMs * DEBT_MS)
      this.anchor(now, step);
  }
}
