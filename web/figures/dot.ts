import { formatNumber } from './format';
import { DASHES, type MarkKind, nearestPoint, number, numbers, pointSpot, strokeOn } from './mark';
import type { Pen } from './pen';
import type { SymbolShape } from './types';

/** The weight of a ring's or a cross's stroke. */
const STROKE = 1.5;

/** Half the side of a square, and half the reach of a cross, that look as large as a disc of radius 1. */
const SQUARE = Math.sqrt(Math.PI) / 2;
const CROSS = 1.25;

/** Adds one symbol to the path; crosses and rings are to be stroked. */
export function tracePoint(pen: Pen, shape: SymbolShape, x: number, y: number, radius: number): void {
  if (shape === 'square') {
    const half = SQUARE * radius;
    pen.rect(x - half, y - half, 2 * half, 2 * half);
  } else if (shape === 'cross') {
    const half = CROSS * radius;
    pen.moveTo(x - half, y - half);
    pen.lineTo(x + half, y + half);
    pen.moveTo(x - half, y + half);
    pen.lineTo(x + half, y - half);
  } else {
    pen.moveTo(x + radius, y);
    pen.arc(x, y, radius, 0, 2 * Math.PI);
  }
}

/** Whether a shape is stroked rather than filled. */
export function isOpen(shape: SymbolShape): boolean {
  return shape === 'ring' || shape === 'cross';
}

/** A dot at each point, of one colour or coloured by a number. */
export const dot: MarkKind<'dot'> = {
  name: 'dot',
  swatch: 'dot',

  extent({ x, y, value, colors }, data, reach) {
    reach.x.takeAll(data, x);
    reach.y.takeAll(data, y);
    if (value && colors) reach.colors(colors).takeAll(data, value);
  },

  draw(pen, mark, scene) {
    const { x, y, value, colors, symbol: shape } = mark;
    const { data, plane } = scene;
    const radius = scene.bare ? Math.max(1.2, mark.radius * 0.7) : mark.radius;
    const open = isOpen(shape);
    const scale = value && colors ? scene.colorScale(colors) : undefined;
    pen.lineWidth = scene.bare ? 1 : STROKE;
    pen.setLineDash(mark.dashed ? DASHES : []);
    const place = (i: number): [number, number] | undefined => {
      const [vx, vy] = [number(data, x, i), number(data, y, i)];
      const [px, py] = [plane.px(vx, vy), plane.py(vx, vy)];
      return plane.holds(px, py, 1) ? [px, py] : undefined;
    };
    if (scale && value) {
      // Filled dots by colour, with a fine edge of ink so that pale ones stand out from the paper.
      for (let i = 0; i < x.len; i++) {
        const at = place(i);
        const color = scale.css(number(data, value, i));
        if (!at || color === 'transparent') continue;
        pen.beginPath();
        tracePoint(pen, shape, at[0], at[1], radius);
        if (open) {
          pen.strokeStyle = color;
          pen.stroke();
        } else {
          pen.fillStyle = color;
          pen.fill();
          pen.strokeStyle = scene.theme.muted;
          pen.lineWidth = 0.5;
          pen.stroke();
        }
      }
    } else {
      pen.fillStyle = pen.strokeStyle = scene.color(mark);
      pen.beginPath();
      for (let i = 0; i < x.len; i++) {
        const at = place(i);
        if (at) tracePoint(pen, shape, at[0], at[1], radius);
      }
      if (open) strokeOn(pen, scene);
      else {
        if (scene.ground) {
          pen.strokeStyle = scene.theme.paper;
          pen.stroke();
        }
        pen.fill();
      }
    }
    pen.setLineDash([]);
  },

  count: ({ x }) => x.len,

  spot({ x, y, value, colors }, scene, index) {
    const spot = pointSpot(scene, number(scene.data, x, index), number(scene.data, y, index));
    if (spot && value && colors)
      spot.entries.push([colors.label, formatNumber(number(scene.data, value, index))]);
    return spot;
  },

  nearest({ x, y }, scene, px, py) {
    return nearestPoint(scene.data, x, y, scene.plane, px, py);
  },

  rows({ x, y, value }, data) {
    return { x: numbers(data, x), y: numbers(data, y), ...(value && { value: numbers(data, value) }) };
  },
};
