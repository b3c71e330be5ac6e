import { DASHES, type MarkKind, nearestPoint, number, numbers, pointSpot, strokeOn } from './mark';
import { Tracer } from './tracer';

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
    pen.lineCap = 'butt';
    pen.setLineDash(mark.dashed ? DASHES : []);
    pen.beginPath();
    const tracer = new Tracer(pen);
    for (let i = 0; i < x.len; i++) {
      const vx = data[x.from + i];
      const vy = data[y.from + i];
      const px = plane.px(vx, vy);
      const py = plane.py(vx, vy);
      if (Number.isFinite(px) && Number.isFinite(py)) tracer.point(px, py);
      else tracer.end();
    }
    tracer.end();
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
