/** Where numbers lie on a slider, and which number a position means. */

/** Positions of a slider: fine for the eye, few enough for the arrow keys. */
export const POSITIONS = 400;

/** The ends and the scale of a slider. */
export interface Track {
  min: number;
  max: number;
  log: boolean;
  /** The grid of its numbers. */
  step?: number;
}

const isLog = ({ log, min }: Track) => log && min > 0;

/** How many positions a track has besides its first. */
export function positions(track: Track): number {
  if (!track.step || isLog(track)) return POSITIONS;
  return Math.max(1, Math.min(POSITIONS * 25, Math.round((track.max - track.min) / track.step)));
}

/** The position nearest to a number. */
export function positionOf(value: number, track: Track): number {
  const { min, max } = track;
  if (max <= min) return 0;
  const share = isLog(track) ? Math.log(value / min) / Math.log(max / min) : (value - min) / (max - min);
  return Math.round(share * positions(track));
}

/** The number at a position: a round one, so that links stay readable, and exactly the ends at the ends. */
export function valueAt(position: number, track: Track): number {
  const { min, max, step } = track;
  const count = positions(track);
  if (position <= 0) return min;
  if (position >= count) return max;
  const share = position / count;
  if (isLog(track)) return clamp(Number((min * (max / min) ** share).toPrecision(3)), track);
  if (step) return clamp(round(min + position * step, step / 1000), track);
  return clamp(round(min + (max - min) * share, (max - min) / count), track);
}

/** `value` with no more decimals than a grid of `grain` needs. */
function round(value: number, grain: number): number {
  const decimals = Math.min(100, Math.max(0, Math.ceil(-Math.log10(grain))));
  return Number(value.toFixed(decimals));
}

const clamp = (value: number, { min, max }: Track) => Math.min(Math.max(value, min), max);
