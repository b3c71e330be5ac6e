import { DASHES, type MarkKind, number, numbers, type Scene } from './mark';
import type { MarkOf } from './types';

const WEIGHT = 1.25;

function placeOf(
  { x, y }: MarkOf<'rule'>,
  { data, plane }: Scene,
  i: number,
): { side: 'x' | 'y'; at: number } {
  if (x && i < x.len) return { side: 'x', at: plane.px(number(data, x, i), 0) };
  const level = y ? number(data, y, i - (x?.len ?? 0)) : Number.NaN;
  return { side: 'y', at: plane.py(0, level) };
}

/** Upright and level rules across the figure. */
export const rule: MarkKind<'rule'> = {
  name: 'rule',
  swatch: 'line',

  extent({ x, y }, data, reach) {
    reach.x.takeAll(data, x);
    reach.y.takeAll(data, y);
  },

  draw(pen, mark, scene) {
    const { left, top, width, height } = scene.plane.box;
    pen.strokeStyle = scene.color(mark);
    pen.lineWidth = WEIGHT;
    pen.setLineDash(mark.dashed ? DASHES : []);
    pen.beginPath();
    for (let i = 0; i < rule.count(mark); i++) {
      const { side, at } = placeOf(mark, scene, i);
      if (!Number.isFinite(at)) continue;
      if (side === 'x') {
        pen.moveTo(at, top);
        pen.lineTo(at, top + height);
      } else {
        pen.moveTo(left, at);
        pen.lineTo(left + width, at);
      }
    }
    pen.stroke();
    pen.setLineDash([]);
  },

  count: ({ x, y }) => (x?.len ?? 0) + (y?.len ?? 0),

  spot(mark, scene, index) {
    const { side, at } = placeOf(mark, scene, index);
    if (!Number.isFinite(at)) return undefined;
    const { left, top, width, height } = scene.plane.box;
    const channel = side === 'x' ? mark.x : mark.y;
    if (!channel) return undefined;
    const value = number(scene.data, channel, side === 'x' ? index : index - (mark.x?.len ?? 0));
    const [x, y] = side === 'x' ? [at, top + height / 2] : [left + width / 2, at];
    return { x, y, entries: [[scene.names[side], scene.read(side, value)]] };
  },

  nearest(mark, scene, px, py) {
    let best: { index: number; distance: number } | undefined;
    for (let i = 0; i < rule.count(mark); i++) {
      const { side, at } = placeOf(mark, scene, i);
      // A rule runs everywhere: points come first.
      const distance = Math.abs((side === 'x' ? px : py) - at) + 8;
      if (distance < (best?.distance ?? Number.POSITIVE_INFINITY)) best = { index: i, distance };
    }
    return best;
  },

  rows({ x, y }, data) {
    return { ...(x && { x: numbers(data, x) }), ...(y && { y: numbers(data, y) }) };
  },
};
