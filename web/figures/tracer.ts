import type { Pen } from './pen';

/** How far the drawn line may be from the true one, in CSS pixels. */
const TOLERANCE = 0.2;

/**
 * Draws a polyline through fewer points, none of those left out farther than `TOLERANCE` from the line drawn: the
 * sleeve of Zhao and Saalfeld, one pass, nothing stored. A smooth line of thousands of points costs a few dozen strokes.
 */
export class Tracer {
  private open = false;
  /** Where the present stroke begins, and the last point it may end in. */
  private fromX = 0;
  private fromY = 0;
  private lastX = 0;
  private lastY = 0;
  private reach = 0;
  /** The directions, from low to high, in which a stroke passes by all points so far. */
  private sleeve = false;
  private lowX = 0;
  private lowY = 0;
  private highX = 0;
  private highY = 0;

  constructor(private readonly pen: Pick<Pen, 'moveTo' | 'lineTo'>) {}

  /** The next point. */
  point(x: number, y: number): void {
    if (!this.open) {
      this.pen.moveTo(x, y);
      this.open = true;
      this.anchor(x, y);
      return;
    }
    if (!this.passes(x, y)) {
      this.pen.lineTo(this.lastX, this.lastY);
      this.anchor(this.lastX, this.lastY);
      this.passes(x, y);
    }
    this.lastX = x;
    this.lastY = y;
  }

  /** Ends the line; the next point begins another. */
  end(): void {
    if (this.open && (this.lastX !== this.fromX || this.lastY !== this.fromY)) {
      this.pen.lineTo(this.lastX, this.lastY);
    }
    this.open = false;
  }

  private anchor(x: number, y: number): void {
    this.fromX = this.lastX = x;
    this.fromY = this.lastY = y;
    this.reach = 0;
    this.sleeve = false;
  }

  /** Whether one stroke can go on to this point; if so, the sleeve narrows to it. */
  private passes(x: number, y: number): boolean {
    const dx = x - this.fromX;
    const dy = y - this.fromY;
    const distance = Math.sqrt(dx * dx + dy * dy);
    if (distance <= TOLERANCE) return !this.sleeve;
    const nx = (-dy / distance) * TOLERANCE;
    const ny = (dx / distance) * TOLERANCE;
    if (!this.sleeve) {
      this.sleeve = true;
      this.lowX = dx - nx;
      this.lowY = dy - ny;
      this.highX = dx + nx;
      this.highY = dy + ny;
      this.reach = distance;
      return true;
    }
    // A turn back is a corner, however sharp.
    if (distance < this.reach) return false;
    if (this.lowX * dy - this.lowY * dx < 0 || dx * this.highY - dy * this.highX < 0) return false;
    this.reach = distance;
    const lowX = dx - nx;
    const lowY = dy - ny;
    const highX = dx + nx;
    const highY = dy + ny;
    if (this.lowX * lowY - this.lowY * lowX > 0) {
      this.lowX = lowX;
      this.lowY = lowY;
    }
    if (highX * this.highY - highY * this.highX > 0) {
      this.highX = highX;
      this.highY = highY;
    }
    return true;
  }
}
