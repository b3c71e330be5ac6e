import type { ColorScale } from './colors';
import type { Pen } from './pen';
import { Ruler } from './ruler';
import type { Theme } from './theme';
import type { Colors } from './types';
import { fitted, widthOf, write } from './words';

/** The height of the row that holds the colour bars, above the data area. */
export const COLOR_BAR_HEIGHT = 36;

const SIZE = 11;
const BAR = 10;

/** A colour bar with its label before it and ticks below. */
export function drawColorBar(
  pen: Pen,
  colors: Colors,
  scale: ColorScale,
  box: { left: number; top: number; width: number },
  theme: Theme,
): void {
  const label = fitted(pen, colors.label, SIZE, box.width * 0.55, 500);
  const named = widthOf(pen, label, SIZE, 500) + 12;
  const length = Math.max(50, Math.min(180, box.width - named - 12));
  const [left, top] = [box.left + named, box.top + 6];
  pen.fillStyle = theme.muted;
  write(pen, label, box.left, top + BAR / 2, SIZE, 'left', 500);
  const pieces = Math.min(64, Math.round(length / 2));
  for (let i = 0; i < pieces; i++) {
    pen.fillStyle = scale.palette.css[Math.round(((i + 0.5) / pieces) * 255)] as string;
    // Each piece reaches under the next: no seams at odd pixel ratios.
    pen.fillRect(
      left + (i * length) / pieces,
      top,
      i < pieces - 1 ? length / pieces + 1 : length / pieces,
      BAR,
    );
  }
  pen.strokeStyle = theme.rule;
  pen.lineWidth = 1;
  pen.strokeRect(left, top, length, BAR);

  const ruler = new Ruler(scale.kind, scale.domain, [left, left + length]);
  const [low, high] = scale.domain;
  const phases = colors.scheme === 'cyclic' && high === Math.PI && low === -Math.PI;
  const ticks = phases
    ? [
        { value: -Math.PI, label: '−π' },
        { value: 0, label: '0' },
        { value: Math.PI, label: 'π' },
      ]
    : ruler.ticks(Math.max(2, Math.floor(length / 50)));
  let end = Number.NEGATIVE_INFINITY;
  for (const tick of ticks) {
    const at = ruler.at(tick.value);
    const half = widthOf(pen, tick.label, SIZE) / 2;
    if (at - half < end + 6) continue;
    end = at + half;
    pen.strokeStyle = theme.muted;
    pen.beginPath();
    pen.moveTo(at, top + BAR);
    pen.lineTo(at, top + BAR + 3);
    pen.stroke();
    pen.fillStyle = theme.muted;
    write(pen, tick.label, at, top + BAR + 10, SIZE, 'center');
  }
}
