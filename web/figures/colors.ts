/**
 * Numbers to colours. Every palette is interpolated in OKLab between a few stops, so that equal steps look equal, and is
 * told apart by lightness or by blue against orange, which colour-blind readers see.
 */

import { transformOf } from './ruler';
import type { Theme } from './theme';
import type { ScaleKind, Scheme } from './types';

type Lab = readonly [number, number, number];

const toLinear = (c: number) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
const toGamma = (c: number) => (c <= 0.0031308 ? 12.92 * c : 1.055 * c ** (1 / 2.4) - 0.055);

/** Björn Ottosson's OKLab, from `#rrggbb`. */
export function labOf(hex: string): Lab {
  const n = Number.parseInt(hex.slice(1), 16);
  const [r, g, b] = [toLinear((n >> 16) / 255), toLinear(((n >> 8) & 255) / 255), toLinear((n & 255) / 255)];
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function rgbOf([L, A, B]: Lab): [number, number, number] {
  const l = (L + 0.3963377774 * A + 0.2158037573 * B) ** 3;
  const m = (L - 0.1055613458 * A - 0.0638541728 * B) ** 3;
  const s = (L - 0.0894841775 * A - 1.291485548 * B) ** 3;
  const byte = (c: number) => Math.round(255 * toGamma(Math.min(1, Math.max(0, c))));
  return [
    byte(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    byte(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    byte(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
  ];
}

/** Colours in a table, as `rgb()` words and as the packed bytes of an image. */
export interface Palette {
  css: string[];
  packed: Uint32Array;
}

const SIZE = 256;

function paletteOf(stops: readonly Lab[], even: boolean): Palette {
  // Where each stop lies: at even places, or where the way through OKLab is even.
  const at = [0];
  for (let i = 1; i < stops.length; i++) {
    const [p, q] = [stops[i - 1] as Lab, stops[i] as Lab];
    const way = even ? Math.hypot(q[0] - p[0], q[1] - p[1], q[2] - p[2]) : 1;
    at.push((at[i - 1] as number) + way);
  }
  const length = at[at.length - 1] as number;
  const css: string[] = [];
  const packed = new Uint32Array(SIZE);
  for (let i = 0, j = 0; i < SIZE; i++) {
    const place = (i / (SIZE - 1)) * length;
    while (j < stops.length - 2 && place > (at[j + 1] as number)) j++;
    const [p, q] = [stops[j] as Lab, stops[j + 1] as Lab];
    const t = (place - (at[j] as number)) / ((at[j + 1] as number) - (at[j] as number));
    const mix = [0, 1, 2].map((k) => (p[k] as number) * (1 - t) + (q[k] as number) * t);
    const [r, g, b] = rgbOf(mix as unknown as Lab);
    css.push(`rgb(${r},${g},${b})`);
    packed[i] = ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
  }
  return { css, packed };
}

/** Viridis (van der Walt and Smith), at eleven places. */
const SEQUENTIAL = [
  ...['#440154', '#482475', '#414487', '#355f8d', '#2a788e', '#21918c'],
  ...['#22a884', '#44bf70', '#7ad151', '#bddf26', '#fde725'],
];
/** Blue to orange, with the paper itself between them: zero is blank. */
const DIVERGING_LIGHT = [
  ['#0a3b7c', '#2f74c0', '#9fc3e6'],
  ['#f2b78e', '#cf6427', '#7d2d08'],
];
const DIVERGING_DARK = [
  ['#a8d2ff', '#5aa0ea', '#25517f'],
  ['#7a4020', '#e0813f', '#ffcf9f'],
];

/** An ellipse in OKLab round the middle grey: light, orange, dark, blue, and back, at an even pace. */
function cyclicStops(): Lab[] {
  const stops: Lab[] = [];
  for (let i = 0; i <= 96; i++) {
    const angle = (2 * Math.PI * i) / 96 - Math.PI;
    const side = 0.13 * Math.sin(angle);
    stops.push([0.6 + 0.3 * Math.cos(angle), 0.62 * side, 0.78 * side]);
  }
  return stops;
}

const made = new Map<string, Palette>();

/** How much of the paper is in a soft palette. */
const SOFTNESS = 0.55;

function stopsOf(scheme: Scheme, theme: Theme): Lab[] {
  if (scheme === 'cyclic') return cyclicStops();
  if (scheme === 'sequential' || scheme === 'true') return SEQUENTIAL.map(labOf);
  const [below, above] = theme.dark ? DIVERGING_DARK : DIVERGING_LIGHT;
  return [...below, theme.paper, ...above].map(labOf);
}

/** The palette of a scheme in a theme; a soft one is mixed with paper, to be drawn upon. */
export function palette(scheme: Scheme, theme: Theme, soft = false): Palette {
  const key = `${scheme}|${theme.dark}|${soft}`;
  let found = made.get(key);
  if (!found) {
    const paper = labOf(theme.paper);
    const mix = (lab: Lab) => lab.map((c, k) => c * (1 - SOFTNESS) + paper[k] * SOFTNESS) as unknown as Lab;
    const stops = stopsOf(scheme, theme);
    found = paletteOf(soft ? stops.map(mix) : stops, scheme !== 'diverging');
    made.set(key, found);
  }
  return found;
}

/** One of a family of lines, from 0 to 1: the part of the sequential palette that stands out from the paper. */
export function toneColor(t: number, theme: Theme): string {
  const [low, high] = theme.dark ? [0.3, 1] : [0.04, 0.8];
  const place = low + (high - low) * Math.min(1, Math.max(0, t));
  return palette('sequential', theme).css[Math.round(place * (SIZE - 1))] as string;
}

/** Numbers to colours, on a domain. */
export class ColorScale {
  private readonly from: number;
  private readonly per: number;
  private readonly transform: (v: number) => number;

  constructor(
    readonly palette: Palette,
    readonly kind: ScaleKind,
    readonly domain: readonly [number, number],
  ) {
    this.transform = transformOf(kind, domain).forward;
    const [low, high] = [this.transform(domain[0]), this.transform(domain[1])];
    this.from = low;
    this.per = high === low ? 0 : SIZE / (high - low);
  }

  /** The place of a number in the table, or -1 where it has no colour. */
  index(value: number): number {
    const place = (this.transform(value) - this.from) * this.per;
    return place >= 0 ? (place < SIZE ? Math.floor(place) : SIZE - 1) : place < 0 ? 0 : -1;
  }

  css(value: number): string {
    const index = this.index(value);
    return index < 0 ? 'transparent' : (this.palette.css[index] as string);
  }

  /** The image bytes of a number; 0 is transparent. */
  packed(value: number): number {
    const index = this.index(value);
    return index < 0 ? 0 : (this.palette.packed[index] as number);
  }
}

/** Numbers that are colours themselves: 65536 r + 256 g + b. */
class TrueColors extends ColorScale {
  override css(value: number): string {
    return Number.isFinite(value) ? `#${Math.trunc(value).toString(16).padStart(6, '0')}` : 'transparent';
  }

  override packed(value: number): number {
    if (!Number.isFinite(value)) return 0;
    const color = Math.trunc(value);
    return ((255 << 24) | ((color & 255) << 16) | (color & 0xff00) | (color >> 16)) >>> 0;
  }
}

/** The scale of a scheme, with its palette made. */
export function colorScale(
  scheme: Scheme,
  table: Palette,
  kind: ScaleKind,
  domain: readonly [number, number],
): ColorScale {
  return scheme === 'true' ? new TrueColors(table, kind, domain) : new ColorScale(table, kind, domain);
}

/** The domain of colours without a fixed one: symmetric for diverging, once round for phases. */
export function colorDomain(scheme: Scheme, low: number, high: number): [number, number] {
  if (scheme === 'diverging') {
    const reach = Math.max(Math.abs(low), Math.abs(high));
    return [-reach, reach];
  }
  if (scheme === 'cyclic' && low >= -Math.PI - 1e-9 && high <= Math.PI + 1e-9) return [-Math.PI, Math.PI];
  return [low, high];
}
