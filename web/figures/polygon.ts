import { DASHES, type MarkKind, nearestPoint, number, numbers, pointSpot } from './mark';

const OPACITY = 0.14;

/** A filled polygon with its outline. */
export const polygon: MarkKind<'polygon'> = {
  name: 'polygon',
  swatch: 'area',

  extent({ x, y }, data, reach) {
    reach.x.takeAll(data, x);
    reach.y.takeAll(data, y);
  },

  draw(pen, mark, scene) {
    const { data, plane } = scene;
    const { x, y } = mark;
    pen.strokeStyle = pen.fillStyle = scene.color(mark);
    pen.lineWidth = scene.weight(mark) * 0.8;
    pen.lineJoin = 'round';
    pen.setLineDash(mark.dashed ? DASHES : []);
    pen.beginPath();
    for (let i = 0; i < x.len; i++) {
      const [vx, vy] = [number(data, x, i), number(data, y, i)];
      const [px, py] = [plane.px(vx, vy), plane.py(vx, vy)];
      if (!Number.isFinite(px + py)) continue;
      if (i === 0) pen.moveTo(px, py);
      else pen.lineTo(px, py);
    }
    pen.closePath();
    const alpha = pen.globalAlpha;
    pen.globalAlpha = alpha * OPACITY;
    pen.fill();
    pen.globalAlpha = alpha;
    pen.stroke();
    pen.setLineDash([]);
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
