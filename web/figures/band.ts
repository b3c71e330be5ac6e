import { area } from 'd3-shape';
import { type MarkKind, number, numbers } from './mark';

const OPACITY = 0.2;

/** The area between two lines. */
export const band: MarkKind<'band'> = {
  name: 'band',
  swatch: 'area',

  extent({ x, low, high }, data, reach) {
    reach.x.takeAll(data, x);
    reach.y.takeAll(data, low);
    reach.y.takeAll(data, high);
  },

  draw(pen, mark, scene) {
    const { data, plane } = scene;
    const { x, low, high } = mark;
    // Below everything that a log scale can show.
    const floor = plane.box.top + plane.box.height + 10;
    const top = (i: number) => plane.py(number(data, x, i), number(data, high, i));
    const foot = (i: number) => {
      const at = plane.py(number(data, x, i), number(data, low, i));
      return Number.isFinite(at) ? at : floor;
    };
    const left = (i: number) => plane.px(number(data, x, i), number(data, low, i));
    pen.fillStyle = scene.color(mark);
    pen.globalAlpha *= OPACITY;
    pen.beginPath();
    area<number>()
      .defined((i) => Number.isFinite(left(i)) && Number.isFinite(top(i)))
      .x(left)
      .y0(foot)
      .y1(top)
      .context(pen as unknown as CanvasRenderingContext2D)(Array.from({ length: x.len }, (_, i) => i));
    pen.fill();
  },

  count: ({ x }) => x.len,

  spot({ x, low, high }, scene, index) {
    const { data, plane, names } = scene;
    const [vx, bottom, top] = [x, low, high].map((channel) => number(data, channel, index));
    const [px, py] = [plane.px(vx, top), plane.py(vx, top)];
    if (!Number.isFinite(px) || !Number.isFinite(py)) return undefined;
    const between = `${scene.read('y', bottom)} to ${scene.read('y', top)}`;
    return {
      x: px,
      y: py,
      entries: [
        [names.x, scene.read('x', vx)],
        [names.y, between],
      ],
    };
  },

  nearest({ x, low, high }, scene, px, py) {
    const { data, plane } = scene;
    let best: { index: number; distance: number } | undefined;
    let across = Number.POSITIVE_INFINITY;
    for (let i = 0; i < x.len; i++) {
      const dx = Math.abs(plane.px(number(data, x, i), 0) - px);
      if (!(dx < across)) continue;
      const ends = [number(data, low, i), number(data, high, i)].map((v) => plane.py(0, v));
      const [top, foot] = ends.sort((p, q) => p - q);
      // Anything drawn on top of the band comes first.
      const distance = Math.hypot(dx, Math.max(0, top - py, py - foot)) + 12;
      across = dx;
      best = Number.isFinite(distance) ? { index: i, distance } : best;
    }
    return best;
  },

  rows({ x, low, high }, data) {
    return { x: numbers(data, x), low: numbers(data, low), high: numbers(data, high) };
  },
};
