import { DASHES, type MarkKind, nearestPoint, number, numbers, pointSpot, strokeOn } from './mark';

/** A line through the points, in their order. A point without a place (not positive on a log scale) breaks it. */
export const line: MarkKind<'line'> = {
  name: 'line',
  swatch: 'line',

  extent({ x, y }, data, reach) {
    reach.x.takeAll(data, x);
    reach.y.takeAll(data, y);
  },

  draw(pen, mark, scene) {
    const { data, plane } = scene;
    const { x, y } = mark;
    pen.strokeStyle = scene.color(mark);
    pen.lineWidth = scene.weight(mark);
    pen.lineJoin = 'round';
    pen.lineCap = mark.dashed ? 'butt' : 'round';
    pen.setLineDash(mark.dashed ? DASHES : []);
    pen.beginPath();
    // Within one pixel's column only the first, the lowest, the highest and the last point are drawn: the same picture
    // with at most four points a pixel, however long the line.
    let column = Number.NaN;
    let [low, high, last] = [0, 0, 0];
    let [lowAt, highAt, lastAt] = [0, 0, 0];
    let open = false;
    let held = false;
    const flush = () => {
      if (!held) return;
      if (low !== high) {
        if (lowAt < highAt) {
          pen.lineTo(lowAt, low);
          pen.lineTo(highAt, high);
        } else {
          pen.lineTo(highAt, high);
          pen.lineTo(lowAt, low);
        }
      }
      pen.lineTo(lastAt, last);
      held = false;
    };
    const { left, width } = plane.box;
    for (let i = 0; i < x.len; i++) {
      const vx = data[x.from + i] as number;
      const vy = data[y.from + i] as number;
      const px = plane.px(vx, vy);
      const py = plane.py(vx, vy);
      if (!(px - px === 0) || !(py - py === 0)) {
        flush();
        open = false;
        continue;
      }
      if (!open) {
        pen.moveTo(px, py);
        open = true;
        column = Math.floor(px);
        continue;
      }
      const here = Math.floor(px);
      if (here !== column || px < left || px > left + width) {
        flush();
        pen.lineTo(px, py);
        column = here;
        continue;
      }
      if (!held) {
        held = true;
        low = high = last = py;
        lowAt = highAt = lastAt = px;
        continue;
      }
      if (py < low) {
        low = py;
        lowAt = px;
      }
      if (py > high) {
        high = py;
        highAt = px;
      }
      last = py;
      lastAt = px;
    }
    flush();
    strokeOn(pen, scene);
    pen.setLineDash([]);
    // A line of one point is still to be seen.
    if (x.len === 1) {
      const [vx, vy] = [number(data, x, 0), number(data, y, 0)];
      pen.fillStyle = scene.color(mark);
      pen.beginPath();
      pen.arc(plane.px(vx, vy), plane.py(vx, vy), scene.weight(mark), 0, 2 * Math.PI);
      pen.fill();
    }
  },

  count: ({ x }) => x.len,

  spot({ x, y }, scene, index) {
    return pointSpot(scene, number(scene.data, x, index), number(scene.data, y, index));
  },

  nearest({ x, y }, scene, px, py) {
    return nearestPoint(scene.data, x, y, scene.plane, px, py);
  },

  rows({ x, y }, data) {
    return { x: numbers(data, x), y: numbers(data, y) };
  },
};
