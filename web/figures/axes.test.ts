import { expect, test } from 'vitest';
import type { Pen } from './pen';
import { Picture } from './picture';
import { light } from './theme';
import type { Layout } from './types';

/** The words that leave a picture, drawn by a pen whose letters are all half as wide as high. */
function outside(layout: Layout, width: number): string[] {
  const corners: { text: string; x: number; y: number }[] = [];
  const places = [{ x: 0, y: 0, turn: 0 }];
  const here = () => places[places.length - 1];
  const state: Record<string, unknown> = { font: '10px' };
  const size = () => Number(/([\d.]+)px/.exec(String(state.font))?.[1]);
  const acts: Record<string, (...numbers: number[]) => unknown> = {
    save: () => places.push({ ...here() }),
    restore: () => places.pop(),
    translate: (x, y) => {
      const { turn } = here();
      here().x += x * Math.cos(turn) - y * Math.sin(turn);
      here().y += x * Math.sin(turn) + y * Math.cos(turn);
    },
    rotate: (angle) => {
      here().turn += angle;
    },
  };
  const pen = new Proxy(state, {
    get: (_, name: string) => {
      if (name === 'label') return undefined;
      if (name === 'measureText') return (text: string) => ({ width: 0.5 * size() * text.length });
      if (name === 'fillText')
        return (text: string, x: number, y: number) => {
          const { turn, ...at } = here();
          const across = 0.5 * size() * text.length;
          for (const [dx, dy] of [
            [x, y],
            [x + across, y],
            [x, y - 0.7 * size()],
            [x + across, y - 0.7 * size()],
          ])
            corners.push({
              text,
              x: at.x + dx * Math.cos(turn) - dy * Math.sin(turn),
              y: at.y + dx * Math.sin(turn) + dy * Math.cos(turn),
            });
        };
      return name in state && !(name in acts) ? state[name] : (acts[name] ?? (() => undefined));
    },
  }) as unknown as Pen;
  const picture = new Picture();
  picture.show(layout, []);
  const height = picture.height(pen, width);
  picture.draw(pen, width, height, light, 1e9);
  const off = (at: number, most: number) => at < -1 || at > most + 1;
  expect(corners.length).toBeGreaterThan(0);
  return corners.filter(({ x, y }) => off(x, width) || off(y, height)).map(({ text }) => text);
}

test('the names of categories stay in the picture at every width', () => {
  const names = ['means move', 'noise grows', 'both', 'a mixture of all of them'];
  const layout: Layout = {
    id: 'f',
    title: '',
    caption: '',
    aspect: 'free',
    marks: [],
    x: { label: 'future', scale: 'linear', categories: names },
    y: { label: 'share that rejects', scale: 'linear', domain: [0, 1] },
  };
  for (let width = 180; width < 900; width += 4) expect(outside(layout, width), `${width} wide`).toEqual([]);
});
