import { type MarkKind, nearestPoint, number, numbers, pointSpot } from './mark';
import { widthOf, write } from './words';

const SIZE = 12;
const WEIGHT = 500;
/** How far the words stand from their point. */
const GAP = 15;

/** Words at points: above theirs, or wherever beside it there is room. */
export const text: MarkKind<'text'> = {
  name: 'text',
  swatch: 'none',

  extent({ x, y }, data, reach) {
    reach.x.takeAll(data, x);
    reach.y.takeAll(data, y);
  },

  draw(pen, mark, scene) {
    if (scene.bare) return;
    const { plane, theme, data } = scene;
    const { box } = plane;
    const taken: [left: number, right: number, middle: number][] = [];
    pen.setLineDash([]);
    for (let i = 0; i < Math.min(mark.x.len, mark.words.length); i++) {
      const [vx, vy] = [number(data, mark.x, i), number(data, mark.y, i)];
      const [px, py] = [plane.px(vx, vy), plane.py(vx, vy)];
      if (!plane.holds(px, py)) continue;
      const words = mark.words[i];
      const width = widthOf(pen, words, SIZE, WEIGHT);
      const half = width / 2;
      const places: [number, number][] = [
        [px, py - GAP],
        [px, py + GAP],
        [px + half + GAP - 2, py],
        [px - half - GAP + 2, py],
      ];
      const inside = ([x, y]: [number, number]) =>
        x - half >= box.left &&
        x + half <= box.left + box.width &&
        y - 7 >= box.top &&
        y + 7 <= box.top + box.height;
      const free = ([x, y]: [number, number]) =>
        taken.every(
          ([left, right, middle]) => x + half < left || x - half > right || Math.abs(y - middle) > SIZE + 2,
        );
      const [x, y] = places.find((p) => inside(p) && free(p)) ?? places.find(inside) ?? places[0];
      taken.push([x - half, x + half, y]);
      pen.fillStyle = scene.color(mark);
      write(pen, words, x, y, SIZE, 'center', WEIGHT, theme.paper);
    }
  },

  count: ({ x }) => x.len,

  spot({ x, y, words }, scene, index) {
    const spot = pointSpot(scene, number(scene.data, x, index), number(scene.data, y, index));
    spot?.entries.unshift(['', words[index] ?? '']);
    return spot;
  },

  nearest({ x, y }, scene, px, py) {
    const near = nearestPoint(scene.data, x, y, scene.plane, px, py);
    // What the words name comes first.
    return near && { ...near, distance: near.distance + 2 };
  },

  rows({ x, y, words }, data) {
    return { x: numbers(data, x), y: numbers(data, y), words };
  },
};
