import { expect, test } from 'vitest';
import { ColorScale, colorDomain, colorScale, labOf, palette, toneColor } from './colors';
import { contenderColors, dark, light, type Theme } from './theme';

function lab(css: string): readonly [number, number, number] {
  const [r, g, b] = (css.match(/\d+/g) as string[]).map(Number);
  return labOf(`#${((r << 16) | (g << 8) | b).toString(16).padStart(6, '0')}`);
}

/** The contrast of WCAG 2 between two colours. */
function contrast(p: string, q: string): number {
  const luminance = (hex: string) => {
    const n = Number.parseInt(hex.slice(1), 16);
    const [r, g, b] = [n >> 16, (n >> 8) & 255, n & 255].map((c) => {
      const v = c / 255;
      return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [a, b] = [luminance(p), luminance(q)].sort((x, y) => y - x);
  return (a + 0.05) / (b + 0.05);
}

test('sequential colours grow lighter from end to end', () => {
  const lightness = palette('sequential', light).css.map((css) => lab(css)[0]);
  for (let i = 8; i < 256; i++) expect(lightness[i]).toBeGreaterThan(lightness[i - 8]);
});

test('diverging colours are the paper in the middle, blue below and orange above', () => {
  for (const theme of [light, dark]) {
    const { css } = palette('diverging', theme);
    const paper = labOf(theme.paper);
    expect(Math.abs(lab(css[127])[0] - paper[0])).toBeLessThan(0.02);
    expect(lab(css[40])[2]).toBeLessThan(-0.05);
    expect(lab(css[215])[2]).toBeGreaterThan(0.05);
  }
});

test('true colours are themselves, on the page and in an image', () => {
  const scale = colorScale('true', palette('true', light), 'linear', [0, 0xffffff]);
  expect(scale.css(0x0a80ff)).toBe('#0a80ff');
  const packed = new Uint32Array([scale.packed(0x0a80ff)]);
  expect([...new Uint8Array(packed.buffer)]).toEqual([0x0a, 0x80, 0xff, 255]);
  expect(scale.css(Number.NaN)).toBe('transparent');
});

test('cyclic colours close, and go round at an even pace', () => {
  const colors = palette('cyclic', light).css.map(lab);
  const way = (p: readonly number[], q: readonly number[]) => Math.hypot(...p.map((c, k) => c - q[k]));
  expect(way(colors[0], colors[255])).toBeLessThan(0.01);
  const steps = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => way(colors[i * 32], colors[Math.min(255, i * 32 + 32)]));
  expect(Math.max(...steps) / Math.min(...steps)).toBeLessThan(1.6);
});

test('what stands for lines and words stands out from the paper', () => {
  const readable = (theme: Theme) => {
    for (const words of [theme.ink, theme.muted, theme.accent]) {
      expect(contrast(words, theme.paper)).toBeGreaterThan(4.5);
    }
    for (const line of [...theme.strong, ...theme.baselines]) {
      expect(contrast(line, theme.paper)).toBeGreaterThan(3);
    }
    for (let t = 0; t <= 1; t += 0.05) {
      const gap = Math.abs(lab(toneColor(t, theme))[0] - labOf(theme.paper)[0]);
      expect(gap).toBeGreaterThan(0.2);
    }
  };
  readable(light);
  readable(dark);
});

test('numbers take the colour of their place; what has none takes none', () => {
  const table = palette('sequential', light);
  const scale = new ColorScale(table, 'log', [1e-4, 1]);
  expect(scale.index(1e-4)).toBe(0);
  expect(scale.index(1)).toBe(255);
  expect(scale.index(1e-2)).toBe(128);
  expect(scale.index(1e-9)).toBe(0);
  expect(scale.index(50)).toBe(255);
  expect(scale.packed(0)).toBe(0);
  expect(scale.packed(Number.NaN)).toBe(0);
  expect(new ColorScale(table, 'linear', [3, 3]).index(3)).toBeGreaterThanOrEqual(-1);
});

test('ranges of colours: symmetric about zero, or once round', () => {
  expect(colorDomain('diverging', -1, 4)).toEqual([-4, 4]);
  expect(colorDomain('cyclic', -3, 3)).toEqual([-Math.PI, Math.PI]);
  expect(colorDomain('sequential', 2, 5)).toEqual([2, 5]);
});

test('each contender keeps its colour, papers strong and baselines muted', () => {
  const contenders = [
    { id: 'a', label: 'A', baseline: false },
    { id: 'b', label: 'B', baseline: true },
    { id: 'c', label: 'C', baseline: false },
  ];
  const colors = contenderColors(contenders, light);
  expect([colors.get('a'), colors.get('b'), colors.get('c')]).toEqual([
    light.strong[0],
    light.baselines[0],
    light.strong[1],
  ]);
});

test('no two of nine contenders share a colour', () => {
  for (let papers = 0; papers <= 9; papers++) {
    const contenders = Array.from({ length: 9 }, (_, i) => ({
      id: `${i}`,
      label: `${i}`,
      baseline: i >= papers,
    }));
    for (const theme of [light, dark])
      expect(new Set(contenderColors(contenders, theme).values()).size).toBe(9);
  }
});
