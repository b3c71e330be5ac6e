import { Picture } from './picture';
import { currentTheme, type Theme } from './theme';
import type { Contender, Layout } from './types';

/**
 * Draws a figure as a small picture without words, at the size the canvas has on the page (280 by 180 if it has none).
 * Cheap, and free of any framework: the gallery draws hundreds.
 */
export function drawPoster(
  canvas: HTMLCanvasElement,
  layout: Layout,
  data: ArrayLike<number>,
  contenders: readonly Contender[],
  theme: Theme = currentTheme(),
): void {
  const pen = canvas.getContext('2d');
  if (!pen) return;
  const width = canvas.clientWidth || 280;
  const height = canvas.clientHeight || 180;
  const ratio = devicePixelRatio;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  const picture = new Picture(true);
  picture.contenders = contenders;
  picture.show(layout, data);
  picture.draw(pen, width, height, theme, 0);
}
