import { type MarkKind, number, numbers, pointSpot, type Scene } from './mark';
import type { Channel, MarkOf } from './types';

/** The part of the space between two bars that a bar takes. */
const FILL = 0.8;
const WIDEST = 60;
/** Areas of muted ink weigh more than lines of it. */
const MUTED = 0.5;

/** The smallest distance between neighbours; 1 for a single bar. */
export function closest(data: ArrayLike<number>, x: Channel): number {
  const places = Array.from({ length: x.len }, (_, i) => number(data, x, i)).sort((p, q) => p - q);
  let gap = Number.POSITIVE_INFINITY;
  for (let i = 1; i < places.length; i++) {
    const step = places[i] - places[i - 1];
    if (step > 0 && step < gap) gap = step;
  }
  return Number.isFinite(gap) ? gap : 1;
}

/** Left and right end, top and foot of a bar in pixels. */
function boxOf(
  { x, y }: MarkOf<'bar'>,
  scene: Scene,
  half: number,
  i: number,
): [number, number, number, number] {
  const { data, plane } = scene;
  const [vx, vy] = [number(data, x, i), number(data, y, i)];
  let [left, right] = [plane.px(vx - half, vy), plane.px(vx + half, vy)].sort((p, q) => p - q);
  const middle = plane.px(vx, vy);
  if (!(right - left <= WIDEST)) [left, right] = [middle - WIDEST / 2, middle + WIDEST / 2];
  if (right - left < 1) [left, right] = [middle - 0.5, middle + 0.5];
  // On a log scale zero lies below everything. No bar stands in the axis.
  const bottom = plane.box.top + plane.box.height;
  const zero = plane.py(vx, 0);
  const foot = Number.isFinite(zero) ? Math.min(zero, bottom) : bottom;
  return [left, right, Math.min(plane.py(vx, vy), bottom), foot];
}

/** Upright bars from zero, as wide as the closest two allow. */
export const bar: MarkKind<'bar'> = {
  name: 'bar',
  swatch: 'area',

  extent({ x, y }, data, reach) {
    const half = x.len > 0 ? (FILL / 2) * closest(data, x) : 0;
    for (let i = 0; i < x.len; i++) {
      reach.x.take(number(data, x, i) - half);
      reach.x.take(number(data, x, i) + half);
    }
    reach.y.take(0);
    reach.y.takeAll(data, y);
  },

  draw(pen, mark, scene) {
    const half = (FILL / 2) * closest(scene.data, mark.x);
    pen.fillStyle = scene.color(mark);
    if (mark.of === undefined && mark.ink === 'muted') pen.globalAlpha *= MUTED;
    pen.beginPath();
    for (let i = 0; i < mark.x.len; i++) {
      const [left, right, top, foot] = boxOf(mark, scene, half, i);
      if (Number.isFinite(left) && Number.isFinite(top)) pen.rect(left, top, right - left, foot - top);
    }
    pen.fill();
  },

  count: ({ x }) => x.len,

  spot({ x, y }, scene, index) {
    return pointSpot(scene, number(scene.data, x, index), number(scene.data, y, index));
  },

  nearest(mark, scene, px, py) {
    const half = (FILL / 2) * closest(scene.data, mark.x);
    let best: { index: number; distance: number } | undefined;
    for (let i = 0; i < mark.x.len; i++) {
      const [left, right, top, foot] = boxOf(mark, scene, half, i);
      const dx = Math.max(0, left - px, px - right);
      const dy = Math.max(0, Math.min(top, foot) - py, py - Math.max(top, foot));
      const distance = Math.hypot(dx, dy);
      if (Number.isFinite(distance) && distance < (best?.distance ?? Number.POSITIVE_INFINITY)) {
        best = { index: i, distance };
      }
    }
    return best;
  },

  rows({ x, y }, data) {
    return { x: numbers(data, x), y: numbers(data, y) };
  },
};
