import type { Ruler } from './ruler';

const ROOT3_2 = Math.sqrt(3) / 2;

/** A rectangle in CSS pixels. */
export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

/**
 * The data area of a figure: numbers to pixels and back. On a simplex, x and y are the first two of three shares that
 * sum to one: the corners are x = 1 to the lower right, y = 1 on top, and the third share to the lower left.
 */
export class Plane {
  private readonly side: number;

  constructor(
    readonly box: Box,
    readonly x: Ruler,
    readonly y: Ruler,
    readonly simplex = false,
  ) {
    this.side = box.width;
  }

  px(x: number, y: number): number {
    return this.simplex ? this.box.left + this.side * (x + y / 2) : this.x.at(x);
  }

  py(_x: number, y: number): number {
    return this.simplex ? this.box.top + this.box.height - this.side * ROOT3_2 * y : this.y.at(y);
  }

  invert(px: number, py: number): [number, number] {
    if (!this.simplex) return [this.x.invert(px), this.y.invert(py)];
    const y = (this.box.top + this.box.height - py) / (this.side * ROOT3_2);
    return [(px - this.box.left) / this.side - y / 2, y];
  }

  /** A place in pixels brought into the data area. */
  clamp(px: number, py: number): [number, number] {
    const { left, top, width, height } = this.box;
    if (!this.simplex) {
      return [Math.min(left + width, Math.max(left, px)), Math.min(top + height, Math.max(top, py))];
    }
    const [first, second] = this.invert(px, py);
    const y = Math.min(1, Math.max(0, second));
    const x = Math.min(1 - y, Math.max(0, first));
    return [this.px(x, y), this.py(x, y)];
  }

  /** Whether a place in pixels lies in the box, with some room round it. */
  holds(px: number, py: number, room = 1): boolean {
    const { left, top, width, height } = this.box;
    return px >= left - room && px <= left + width + room && py >= top - room && py <= top + height + room;
  }
}

/** The height of a triangle of this width. */
export function triangleHeight(width: number): number {
  return width * ROOT3_2;
}
