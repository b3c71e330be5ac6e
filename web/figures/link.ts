import { formatNumber } from './format';
import { DASHES, type MarkKind, number, numbers, type Scene } from './mark';
import type { MarkOf } from './types';

/** Links lighter than this are not drawn. */
const FAINTEST = 0.004;
/** Weights are drawn in so many strengths: links of one strength are one path. */
const STRENGTHS = 12;

function endsOf({ x1, y1, x2, y2 }: MarkOf<'link'>, { data, plane }: Scene, i: number): number[] {
  const [vx, vy, wx, wy] = [x1, y1, x2, y2].map((channel) => number(data, channel, i));
  return [plane.px(vx, vy), plane.py(vx, vy), plane.px(wx, wy), plane.py(wx, wy)];
}

/** How far a point is from a segment. */
function distanceTo([x1, y1, x2, y2]: number[], px: number, py: number): number {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const length = dx * dx + dy * dy;
  const t = length === 0 ? 0 : Math.min(1, Math.max(0, ((px - x1) * dx + (py - y1) * dy) / length));
  return Math.hypot(x1 + t * dx - px, y1 + t * dy - py);
}

/** Straight links between pairs of points, each as strong as its weight. */
export const link: MarkKind<'link'> = {
  name: 'link',
  swatch: 'line',

  extent({ x1, y1, x2, y2 }, data, reach) {
    reach.x.takeAll(data, x1);
    reach.x.takeAll(data, x2);
    reach.y.takeAll(data, y1);
    reach.y.takeAll(data, y2);
  },

  draw(pen, mark, scene) {
    const { weight } = mark;
    const classes: number[][] = Array.from({ length: STRENGTHS }, () => []);
    for (let i = 0; i < mark.x1.len; i++) {
      const strength = weight ? Math.min(1, number(scene.data, weight, i)) : 1;
      if (!(strength >= FAINTEST)) continue;
      classes[Math.min(STRENGTHS - 1, Math.floor(strength * STRENGTHS))].push(i);
    }
    pen.strokeStyle = scene.color(mark);
    pen.lineCap = 'round';
    pen.setLineDash(mark.dashed ? DASHES : []);
    const alpha = pen.globalAlpha;
    const full = scene.weight(mark);
    classes.forEach((members, k) => {
      if (members.length === 0) return;
      const strength = weight ? (k + 0.5) / STRENGTHS : 1;
      pen.globalAlpha = alpha * (weight ? 0.15 + 0.85 * strength : 0.8);
      pen.lineWidth = weight ? full * (0.35 + strength) : full * 0.7;
      pen.beginPath();
      for (const i of members) {
        const [px, py, qx, qy] = endsOf(mark, scene, i);
        if (!Number.isFinite(px + py + qx + qy)) continue;
        pen.moveTo(px, py);
        pen.lineTo(qx, qy);
      }
      pen.stroke();
    });
    pen.globalAlpha = alpha;
    pen.setLineDash([]);
  },

  count: ({ x1 }) => x1.len,

  spot(mark, scene, index) {
    const { data } = scene;
    const [px, py, qx, qy] = endsOf(mark, scene, index);
    if (!Number.isFinite(px + py + qx + qy)) return undefined;
    const point = (x: number, y: number) => `(${scene.read('x', x)}, ${scene.read('y', y)})`;
    const [x1, y1, x2, y2] = [mark.x1, mark.y1, mark.x2, mark.y2].map((channel) =>
      number(data, channel, index),
    );
    const entries: [string, string][] = [
      ['from', point(x1, y1)],
      ['to', point(x2, y2)],
    ];
    if (mark.weight) entries.push(['weight', formatNumber(number(data, mark.weight, index))]);
    return { x: (px + qx) / 2, y: (py + qy) / 2, entries };
  },

  nearest(mark, scene, px, py) {
    let best: { index: number; distance: number } | undefined;
    for (let i = 0; i < mark.x1.len; i++) {
      if (mark.weight && !(number(scene.data, mark.weight, i) >= 0.05)) continue;
      // The points at its ends come first.
      const distance = distanceTo(endsOf(mark, scene, i), px, py) + 6;
      if (distance < (best?.distance ?? Number.POSITIVE_INFINITY)) best = { index: i, distance };
    }
    return best;
  },

  rows({ x1, y1, x2, y2, weight }, data) {
    const [a, b, c, d] = [x1, y1, x2, y2].map((channel) => numbers(data, channel));
    return { x1: a, y1: b, x2: c, y2: d, ...(weight && { weight: numbers(data, weight) }) };
  },
};
