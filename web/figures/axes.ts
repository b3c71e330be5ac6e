import { withUnit } from './format';
import type { Scene } from './mark';
import type { Pen } from './pen';
import type { Ruler, Tick } from './ruler';
import type { Theme } from './theme';
import type { Axis, Layout } from './types';
import { fitted, widthOf, write } from './words';

/** The size of tick labels and of axis labels, in CSS pixels. */
export const TICK_SIZE = 11;
export const LABEL_SIZE = 12;
/** The row above the data area that holds the vertical axis's name and switch. */
export const NAME_ROW = 24;
/** The row below the ticks that holds the horizontal axis's name and switch. */
export const LABEL_ROW = 24;
const TICK_ROW = 18;
/** The slant of category names that are too wide for their place. */
const SLANT = (-35 * Math.PI) / 180;

export interface Margins {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

function ticksOf(axis: Axis, ruler: Ruler, pixels: number, each: number, within?: [number, number]): Tick[] {
  const names = axis.categories;
  if (names?.length) {
    const [from, to] = within ?? ruler.range;
    const inside = (at: number) => at >= Math.min(from, to) && at <= Math.max(from, to);
    return names.map((label, value) => ({ value, label })).filter(({ value }) => inside(ruler.at(value)));
  }
  return ruler.ticks(Math.max(3, Math.floor(pixels / each)), within);
}

function slotOf(axis: Axis, pixels: number): number {
  return pixels / Math.max(1, axis.categories?.length ?? 1);
}

/** Whether the names of categories along the bottom have to be slanted. */
function slanted(pen: Pen, axis: Axis, pixels: number): boolean {
  const slot = slotOf(axis, pixels);
  return (axis.categories ?? []).some((name) => widthOf(pen, name, TICK_SIZE) > slot - 6);
}

const LONGEST_NAME = 110;

/** The room that ticks and labels take around the data area, with a gutter of at least `gutter` on the left. */
export function axesMargins(
  pen: Pen,
  layout: Layout,
  rulers: { x: Ruler; y: Ruler },
  width: number,
  height: number,
  gutter: number,
): Margins {
  const { x, y, aspect } = layout;
  if (aspect === 'simplex') return { left: Math.max(gutter, 32), right: 28, top: 24, bottom: 40 };
  const margins = { left: 12, right: 14, top: 8, bottom: 8 };
  if (y) {
    const ticks = ticksOf(y, rulers.y, height, 48);
    const widest = Math.max(0, ...ticks.map((tick) => widthOf(pen, tick.label, TICK_SIZE)));
    margins.left = 14 + Math.min(widest, width * 0.32);
    margins.top = NAME_ROW + 4;
  }
  margins.left = Math.max(gutter, Math.ceil(margins.left / 8) * 8);
  if (x) {
    margins.bottom = TICK_ROW + LABEL_ROW;
    const inner = width - margins.left - margins.right;
    if (x.categories?.length && slanted(pen, x, inner)) {
      const widest = Math.max(
        ...x.categories.map((name) => Math.min(LONGEST_NAME, widthOf(pen, name, TICK_SIZE))),
      );
      margins.bottom += widest * Math.sin(-SLANT);
    }
  }
  return margins;
}

/** The fine rules behind the data, at the ticks. */
export function drawGrid(pen: Pen, scene: Scene, layout: Layout): void {
  const { plane, theme } = scene;
  const { left, top, width, height } = plane.box;
  pen.strokeStyle = theme.rule;
  pen.lineWidth = 1;
  pen.setLineDash([]);
  pen.beginPath();
  if (plane.simplex) {
    for (const share of [0.25, 0.5, 0.75]) {
      const rest = 1 - share;
      for (const [p, q] of [
        [
          [share, 0],
          [share, rest],
        ],
        [
          [0, share],
          [rest, share],
        ],
        [
          [rest, 0],
          [0, rest],
        ],
      ] as [number, number][][]) {
        const [a, b] = [p as [number, number], q as [number, number]];
        pen.moveTo(plane.px(...a), plane.py(...a));
        pen.lineTo(plane.px(...b), plane.py(...b));
      }
    }
  } else {
    if (layout.x && !layout.x.categories?.length) {
      for (const tick of ticksOf(layout.x, plane.x, width, 105, [left, left + width])) {
        const at = crisp(plane.x.at(tick.value));
        pen.moveTo(at, top);
        pen.lineTo(at, top + height);
      }
    }
    if (layout.y && !layout.y.categories?.length) {
      for (const tick of ticksOf(layout.y, plane.y, height, 52, [top, top + height])) {
        const at = crisp(plane.y.at(tick.value));
        pen.moveTo(left, at);
        pen.lineTo(left + width, at);
      }
    }
  }
  pen.stroke();
}

/** A poster's axes: where the paper begins. */
export function drawFrame(pen: Pen, scene: Scene, layout: Layout): void {
  const { plane, theme } = scene;
  const { left, top, width, height } = plane.box;
  pen.strokeStyle = theme.rule;
  pen.lineWidth = 1;
  pen.beginPath();
  if (plane.simplex) {
    pen.moveTo(left, top + height);
    pen.lineTo(left + width, top + height);
    pen.lineTo(left + width / 2, top);
    pen.closePath();
  } else {
    pen.moveTo(crisp(left), top);
    if (layout.y) pen.lineTo(crisp(left), crisp(top + height));
    pen.moveTo(crisp(left), crisp(top + height));
    if (layout.x) pen.lineTo(left + width, crisp(top + height));
  }
  pen.stroke();
}

/** Half a pixel off, so that a stroke of one pixel is sharp. */
function crisp(pixel: number): number {
  return Math.round(pixel - 0.5) + 0.5;
}

/** Axis lines, ticks and labels. An axis on its way to another range says so by the accent colour. */
export function drawAxes(
  pen: Pen,
  scene: Scene,
  layout: Layout,
  moving: { x: boolean; y: boolean },
  height: number,
  gutter: number,
): void {
  if (scene.plane.simplex) drawTriangle(pen, scene, layout);
  else {
    if (layout.x) drawX(pen, scene, layout.x, moving.x, height);
    if (layout.y) drawY(pen, scene, layout.y, moving.y, gutter);
  }
}

function axisColor(theme: Theme, moving: boolean): string {
  return moving ? theme.accent : theme.muted;
}

function drawX(pen: Pen, scene: Scene, axis: Axis, moving: boolean, height: number): void {
  const { plane, theme } = scene;
  const { left, top, width } = plane.box;
  const bottom = top + plane.box.height;
  pen.strokeStyle = axisColor(theme, moving);
  pen.lineWidth = 1;
  pen.beginPath();
  pen.moveTo(left, crisp(bottom));
  pen.lineTo(left + width, crisp(bottom));
  const ticks = ticksOf(axis, plane.x, width, 105, [left, left + width]);
  for (const tick of ticks) {
    const at = crisp(plane.x.at(tick.value));
    pen.moveTo(at, bottom);
    pen.lineTo(at, bottom + 4);
  }
  pen.stroke();
  pen.fillStyle = axisColor(theme, moving);
  const slant = slanted(pen, axis, width);
  let end = Number.NEGATIVE_INFINITY;
  for (const tick of [...ticks].sort((p, q) => plane.x.at(p.value) - plane.x.at(q.value))) {
    const at = plane.x.at(tick.value);
    if (slant) {
      if (at < end + TICK_SIZE + 2) continue;
      end = at;
      pen.save();
      pen.translate(at + 3, bottom + 9);
      pen.rotate(SLANT);
      const room = Math.min(LONGEST_NAME, at / Math.cos(SLANT));
      write(pen, fitted(pen, tick.label, TICK_SIZE, room), 0, 0, TICK_SIZE, 'right');
      pen.restore();
      continue;
    }
    const half = widthOf(pen, tick.label, TICK_SIZE) / 2;
    const place = Math.min(at, left + width + 12 - half);
    if (place - half < end + 6) continue;
    end = place + half;
    write(pen, tick.label, place, bottom + 12, TICK_SIZE, 'center');
  }
  pen.fillStyle = theme.ink;
  const room = width - (axis.or ? 96 : 0);
  const label = fitted(pen, withUnit(axis.label, axis.unit), LABEL_SIZE, Math.max(60, room));
  const half = widthOf(pen, label, LABEL_SIZE) / 2;
  const middle = Math.min(left + width / 2, left + room - half);
  write(pen, label, Math.max(half + 4, middle), height - LABEL_ROW / 2, LABEL_SIZE, 'center');
}

function drawY(pen: Pen, scene: Scene, axis: Axis, moving: boolean, gutter: number): void {
  const { plane, theme } = scene;
  const { left, top, width, height } = plane.box;
  pen.strokeStyle = axisColor(theme, moving);
  pen.lineWidth = 1;
  pen.beginPath();
  pen.moveTo(crisp(left), top);
  pen.lineTo(crisp(left), top + height);
  const ticks = ticksOf(axis, plane.y, height, 52, [top, top + height]);
  for (const tick of ticks) {
    const at = crisp(plane.y.at(tick.value));
    pen.moveTo(left - 4, at);
    pen.lineTo(left, at);
  }
  pen.stroke();
  pen.fillStyle = axisColor(theme, moving);
  let end = Number.POSITIVE_INFINITY;
  for (const tick of [...ticks].sort((p, q) => plane.y.at(q.value) - plane.y.at(p.value))) {
    const at = plane.y.at(tick.value);
    if (at > end - TICK_SIZE - 3) continue;
    end = at;
    write(pen, fitted(pen, tick.label, TICK_SIZE, gutter - 10), left - 7, at, TICK_SIZE, 'right');
  }
  pen.fillStyle = theme.ink;
  const from = Math.max(4, left - gutter + 4);
  const label = fitted(
    pen,
    withUnit(axis.label, axis.unit),
    LABEL_SIZE,
    left + width - from - (axis.or ? 100 : 0),
  );
  write(pen, label, from, top - NAME_ROW / 2 - 2, LABEL_SIZE);
}

function drawTriangle(pen: Pen, scene: Scene, layout: Layout): void {
  const { plane, theme } = scene;
  const { left, top, width, height } = plane.box;
  pen.strokeStyle = theme.muted;
  pen.lineWidth = 1;
  pen.beginPath();
  pen.moveTo(left, top + height);
  pen.lineTo(left + width, top + height);
  pen.lineTo(left + width / 2, top);
  pen.closePath();
  pen.stroke();
  pen.fillStyle = theme.ink;
  const name = (axis: Axis | undefined) => (axis ? withUnit(axis.label, axis.unit) : '');
  write(pen, name(layout.y), left + width / 2, top - 12, LABEL_SIZE, 'center');
  const first = fitted(pen, name(layout.x), LABEL_SIZE, width / 2);
  write(pen, first, left + width + 20, top + height + 28, LABEL_SIZE, 'right');
  pen.fillStyle = theme.muted;
  write(pen, 'the rest', left - 20, top + height + 28, LABEL_SIZE, 'left');
  for (const share of [0.25, 0.5, 0.75]) {
    const label = String(share);
    write(pen, label, plane.px(share, 0), top + height + 12, TICK_SIZE, 'center');
    write(pen, label, plane.px(0, share) - 6, plane.py(0, share) - 2, TICK_SIZE, 'right');
  }
}
