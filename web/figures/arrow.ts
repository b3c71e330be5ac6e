import { formatNumber } from './format';
import { DASHES, type MarkKind, nearestPoint, number, numbers, pointSpot } from './mark';

/** The length of an arrow's head, in CSS pixels, and half its angle. */
const HEAD = 7;
const ANGLE = Math.PI / 7;

/** Arrows from each point by a step in the units of the axes. */
export const arrow: MarkKind<'arrow'> = {
  name: 'arrow',
  swatch: 'line',

  extent({ x, y, dx, dy }, data, reach) {
    for (let i = 0; i < x.len; i++) {
      const [vx, vy] = [number(data, x, i), number(data, y, i)];
      reach.x.take(vx);
      reach.x.take(vx + number(data, dx, i));
      reach.y.take(vy);
      reach.y.take(vy + number(data, dy, i));
    }
  },

  draw(pen, mark, scene) {
    const { x, y, dx, dy } = mark;
    const { data, plane } = scene;
    pen.strokeStyle = pen.fillStyle = scene.color(mark);
    pen.lineWidth = scene.weight(mark) * 0.8;
    pen.lineJoin = 'round';
    const heads: number[] = [];
    pen.setLineDash(mark.dashed ? DASHES : []);
    pen.beginPath();
    for (let i = 0; i < x.len; i++) {
      const [vx, vy] = [number(data, x, i), number(data, y, i)];
      const [wx, wy] = [vx + number(data, dx, i), vy + number(data, dy, i)];
      const [px, py, qx, qy] = [plane.px(vx, vy), plane.py(vx, vy), plane.px(wx, wy), plane.py(wx, wy)];
      const length = Math.hypot(qx - px, qy - py);
      if (!(length > 0.5)) continue;
      const head = Math.min(scene.bare ? 4 : HEAD, length * 0.6);
      const angle = Math.atan2(qy - py, qx - px);
      const back = head * Math.cos(ANGLE) * 0.9;
      pen.moveTo(px, py);
      pen.lineTo(qx - back * Math.cos(angle), qy - back * Math.sin(angle));
      heads.push(qx, qy, angle, head);
    }
    pen.stroke();
    pen.setLineDash([]);
    pen.beginPath();
    for (let i = 0; i < heads.length; i += 4) {
      const [qx, qy, angle, head] = heads.slice(i, i + 4);
      pen.moveTo(qx, qy);
      pen.lineTo(qx - head * Math.cos(angle - ANGLE), qy - head * Math.sin(angle - ANGLE));
      pen.lineTo(qx - head * Math.cos(angle + ANGLE), qy - head * Math.sin(angle + ANGLE));
      pen.closePath();
    }
    pen.fill();
  },

  count: ({ x }) => x.len,

  spot({ x, y, dx, dy }, scene, index) {
    const { data } = scene;
    const spot = pointSpot(scene, number(data, x, index), number(data, y, index));
    const step = `(${formatNumber(number(data, dx, index))}, ${formatNumber(number(data, dy, index))})`;
    spot?.entries.push(['arrow', step]);
    return spot;
  },

  nearest({ x, y }, scene, px, py) {
    return nearestPoint(scene.data, x, y, scene.plane, px, py);
  },

  rows({ x, y, dx, dy }, data) {
    return { x: numbers(data, x), y: numbers(data, y), dx: numbers(data, dx), dy: numbers(data, dy) };
  },
};
