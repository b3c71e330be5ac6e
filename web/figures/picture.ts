import { axesMargins, drawAxes, drawFrame, drawGrid, type Margins } from './axes';
import { COLOR_BAR_HEIGHT, drawColorBar } from './colorbar';
import { type ColorScale, colorDomain, colorScale, palette, toneColor } from './colors';
import { Extent } from './extent';
import { formatNumber, withUnit } from './format';
import { GentleDomain, nice } from './gentle';
import { legendKey } from './legend';
import type { Reach, Scene } from './mark';
import { kindOf } from './marks';
import type { Pen } from './pen';
import { type Box, Plane, triangleHeight } from './plane';
import { Ruler, transformOf } from './ruler';
import { contenderColors, inkColor, type Theme } from './theme';
import type { Axis, Colors, Contender, Layout, Mark, ScaleKind } from './types';

/** A magnification of the data area, as d3-zoom has it, in pixels of the canvas. */
export interface Magnification {
  k: number;
  x: number;
  y: number;
}

export const PLAIN: Magnification = { k: 1, x: 0, y: 0 };

type Side = 'x' | 'y';

const TALLEST = 520;
const LOWEST = 220;
/** Room for tick labels that most runs never outgrow. */
const USUAL_GUTTER = 48;
/** How long an axis takes to move to a new range, in milliseconds. */
const MOVE = 240;

/** An axis's range on its way from the old to the new. */
interface Moving {
  gentle: GentleDomain;
  target?: [number, number];
  from?: [number, number];
  since: number;
  kind?: ScaleKind;
}

/** The heading of a family of colours: marks that show the same on the same scale share it. */
function colorsKey(colors: Colors, soft: boolean): string {
  return `${soft}|${colors.label}|${colors.scheme}|${colors.scale}|${colors.domain ?? ''}`;
}

interface ColorFamily {
  colors: Colors;
  soft: boolean;
  extent: Extent;
  gentle: GentleDomain;
  scale?: ColorScale;
  /** Seen in the frame being drawn. */
  live: boolean;
}

/** Height over width of the ranges, where a figure fixes both. */
function fixedRatio(layout: Layout | undefined): number | undefined {
  const [x, y] = [layout?.x?.domain, layout?.y?.domain];
  return x && y && Math.abs((y[1] - y[0]) / (x[1] - x[0]));
}

/** One figure as it is drawn: what it shows, on which ranges, at which size. Knows no mark and no page. */
export class Picture {
  contenders: readonly Contender[] = [];
  layout: Layout | undefined;
  data: ArrayLike<number> = [];
  /** The legend's entries that are switched off. */
  readonly hidden = new Set<string>();
  /** The scales the visitor switched to. */
  readonly switched: { x?: ScaleKind; y?: ScaleKind } = {};
  magnification: Magnification = PLAIN;
  /** Whether axes glide to a new range. */
  glides = true;
  /** The last drawing's scene, for the read-out and for handles. */
  scene: Scene | undefined;

  private readonly axes: Record<Side, Moving> = {
    x: { gentle: new GentleDomain(), since: 0 },
    y: { gentle: new GentleDomain(), since: 0 },
  };
  private readonly families = new Map<string, ColorFamily>();
  private readonly memories: Map<string, unknown>[] = [];
  private shape: { width: number; ratio: number | undefined; height: number } | undefined;
  private gutter = 0;

  constructor(readonly bare = false) {}

  show(layout: Layout, data: ArrayLike<number>): void {
    if (layout.id !== this.layout?.id) {
      this.reset();
      this.remeasure();
    }
    const before = fixedRatio(this.layout);
    this.layout = layout;
    this.data = data;
    // A matrix or a map of another shape takes a box of its own shape.
    const ratio = fixedRatio(layout);
    if (before && ratio && Math.abs(ratio / before - 1) > 0.01 && this.equal) this.shape = undefined;
  }

  /** Forgets the ranges: what comes next is another run. The panel keeps its size. */
  reset(): void {
    for (const side of ['x', 'y'] as const) {
      this.axes[side] = { gentle: new GentleDomain(), since: 0 };
    }
    this.families.clear();
  }

  /** Measures its words anew: another typeface has arrived. */
  remeasure(): void {
    this.gutter = 0;
    this.shape = undefined;
  }

  /** Lets the ranges follow the data anew, as after a mark was switched off. */
  refit(): void {
    this.axes.x.gentle.reset();
    this.axes.y.gentle.reset();
    for (const family of this.families.values()) family.gentle.reset();
  }

  kind(side: Side): ScaleKind {
    return this.switched[side] ?? this.layout?.[side]?.scale ?? 'linear';
  }

  get shown(): Mark[] {
    const marks = this.layout?.marks ?? [];
    if (this.hidden.size === 0) return marks;
    return marks.filter((mark) => {
      const key = legendKey(mark, this.contenders);
      return key === undefined || !this.hidden.has(key);
    });
  }

  /** The height that suits a width. It stays until the width, the figure or the run changes. */
  height(pen: Pen, width: number): number {
    if (this.shape?.width === width) return this.shape.height;
    const ratio = this.ratio();
    const reach = this.reach();
    this.domain('x', reach.x, 0);
    this.domain('y', reach.y, 0);
    const { left, right, top, bottom } = this.margins(pen, width, LOWEST);
    const free = Math.round(Math.min(TALLEST, Math.max(LOWEST, width * (width < 520 ? 0.8 : 0.6))));
    const inner = width - left - right;
    const tall = ratio === undefined ? 0 : Math.ceil(inner * ratio + top + bottom);
    const height = ratio === undefined ? free : Math.min(TALLEST, Math.max(LOWEST, tall));
    this.shape = { width, ratio, height };
    return height;
  }

  /** Height over width of the data area where the figure fixes it. */
  private ratio(): number | undefined {
    const { layout } = this;
    if (!layout) return undefined;
    if (layout.aspect === 'simplex') return triangleHeight(1);
    if (layout.aspect === 'free' && this.squareCells() === undefined) return undefined;
    const reach = this.reach();
    const [x, y] = [this.wanted('x', reach.x), this.wanted('y', reach.y)];
    const ratio = (y[1] - y[0]) / (x[1] - x[0]);
    return Number.isFinite(ratio) ? Math.min(3, Math.max(0.25, ratio)) : 1;
  }

  private get equal(): boolean {
    const { layout } = this;
    return layout?.aspect === 'equal' || (layout?.aspect === 'free' && this.squareCells() !== undefined);
  }

  /** The shape a mark asks for, so that its cells are square. */
  private squareCells(): number | undefined {
    for (const mark of this.layout?.marks ?? []) {
      const ratio = kindOf(mark)?.ratio?.(mark);
      if (ratio !== undefined) return ratio;
    }
    return undefined;
  }

  private reach(): Reach {
    for (const family of this.families.values()) {
      family.extent = new Extent();
      family.live = false;
    }
    const colors = (colors: Colors, soft = false) => {
      const key = colorsKey(colors, soft);
      let family = this.families.get(key);
      if (!family) {
        family = { colors, soft, extent: new Extent(), gentle: new GentleDomain(), live: true };
        this.families.set(key, family);
      }
      family.live = true;
      return family.extent;
    };
    const reach = { x: new Extent(), y: new Extent(), colors };
    for (const mark of this.shown) kindOf(mark)?.extent(mark, this.data, reach);
    return reach;
  }

  /** The range an axis is to show. */
  private wanted(side: Side, extent: Extent): [number, number] {
    const axis = this.layout?.[side];
    const kind = this.kind(side);
    if (this.layout?.aspect === 'simplex') return [0, 1];
    if (axis?.categories?.length) return [-0.5, axis.categories.length - 0.5];
    const fixed = axis?.domain;
    if (fixed && (kind !== 'log' || fixed[0] > 0)) return ordered(fixed);
    const range = extent.on(kind);
    if (!range)
      return fixed ? [Math.max(1e-3, fixed[0]), Math.max(1, fixed[1])] : kind === 'log' ? [0.1, 10] : [0, 1];
    // A grid is shown to its edges.
    if (this.shown.some((mark) => kindOf(mark)?.framed?.(mark))) {
      return range[0] === range[1] ? nice(...range, kind) : range;
    }
    if (this.bare && range[0] < range[1]) return padded(range, kind);
    return this.axes[side].gentle.follow(...range, kind);
  }

  /** The range an axis shows now, on its way to the wanted one. */
  private domain(side: Side, extent: Extent, now: number): [number, number] {
    const wanted = this.wanted(side, extent);
    const moving = this.axes[side];
    const kind = this.kind(side);
    if (!moving.target || moving.kind !== kind || !this.glides) {
      this.axes[side] = { gentle: moving.gentle, target: wanted, since: now - MOVE, kind };
      return wanted;
    }
    if (wanted[0] !== moving.target[0] || wanted[1] !== moving.target[1]) {
      moving.from = this.between(moving, kind, now);
      moving.target = wanted;
      moving.since = now;
    }
    return this.between(moving, kind, now);
  }

  private between({ from, target, since }: Moving, kind: ScaleKind, now: number): [number, number] {
    const to = target as [number, number];
    const t = (now - since) / MOVE;
    if (!from || !(t < 1)) return to;
    const ease = 1 - (1 - Math.max(0, t)) ** 3;
    const law = transformOf(kind, to);
    const mix = (p: number, q: number) => law.back(law.forward(p) * (1 - ease) + law.forward(q) * ease);
    return [mix(from[0], to[0]), mix(from[1], to[1])];
  }

  /** The ranges that the axes show or are on their way to. */
  get ranges(): Partial<Record<Side, [number, number]>> {
    return { x: this.axes.x.target, y: this.axes.y.target };
  }

  /** Whether an axis is on its way at this time. */
  moves(side: Side, now: number): boolean {
    const { from, since } = this.axes[side];
    return !!from && now - since < MOVE;
  }

  private margins(pen: Pen, width: number, height: number): Margins {
    const { layout } = this;
    if (this.bare || !layout) return { left: 12, right: 12, top: 12, bottom: 12 };
    const guess = (side: Side) => {
      const moving = this.axes[side];
      return new Ruler(this.kind(side), moving.target ?? [0, 1], [0, side === 'x' ? width : height]);
    };
    // The gutter for tick labels only grows, in steps, so that the data area stays where it is.
    const usual = layout.y && !layout.y.categories?.length && layout.aspect !== 'simplex' ? USUAL_GUTTER : 0;
    const gutter = Math.max(this.gutter, usual);
    const margins = axesMargins(pen, layout, { x: guess('x'), y: guess('y') }, width, height, gutter);
    this.gutter = margins.left;
    margins.top += this.colorBars().length > 0 ? COLOR_BAR_HEIGHT : 0;
    return margins;
  }

  private colorBars(): ColorFamily[] {
    return [...this.families.values()].filter(
      // Colours that show themselves need no key.
      ({ live, colors }) => live && colors.scheme !== 'true',
    );
  }

  /** Draws everything at a size in CSS pixels. Returns whether it is still moving. */
  draw(pen: Pen, width: number, height: number, theme: Theme, now: number): boolean {
    const { layout } = this;
    if (!layout) return false;
    const reach = this.reach();
    const domains = { x: this.domain('x', reach.x, now), y: this.domain('y', reach.y, now) };
    this.settleColors(theme);
    const margins = this.margins(pen, width, height);
    const plane = this.plane(domains, margins, width, height);
    const scene = this.makeScene(plane, theme);
    this.scene = scene;

    if (this.bare) drawFrame(pen, scene, layout);
    else drawGrid(pen, scene, layout);
    pen.save();
    const { left, top, width: w, height: h } = plane.box;
    pen.beginPath();
    if (plane.simplex) {
      pen.moveTo(left - 3, top + h + 2);
      pen.lineTo(left + w / 2, top - 4);
      pen.lineTo(left + w + 3, top + h + 2);
      pen.closePath();
    } else {
      // A dot on the very edge is whole, unless the edge is one of magnification.
      const reach = Math.max(4, ...this.shown.map((mark) => ('radius' in mark ? mark.radius + 1 : 0)));
      const room = this.magnification.k > 1 ? 0 : reach;
      pen.rect(left - room, top - room, w + 2 * room, h + 2 * room);
    }
    pen.clip();
    for (const mark of this.shown) {
      pen.save();
      pen.globalAlpha = mark.faint ? 0.38 : 1;
      const kind = kindOf(mark);
      // Grids end where the axes do; only dots may reach beyond.
      if (kind?.framed && !plane.simplex) {
        pen.beginPath();
        pen.rect(left, top, w, h);
        pen.clip();
      }
      kind?.draw(pen, mark, scene);
      pen.restore();
    }
    pen.restore();
    if (!this.bare) {
      const moving = { x: this.moves('x', now), y: this.moves('y', now) };
      drawAxes(pen, scene, layout, moving, height, this.gutter);
      this.drawColorBars(pen, scene, width);
    }
    return this.moves('x', now) || this.moves('y', now);
  }

  private drawColorBars(pen: Pen, scene: Scene, width: number): void {
    const bars = this.colorBars();
    const { box } = scene.plane;
    const from = this.layout?.aspect === 'simplex' ? 8 : Math.max(4, box.left - this.gutter + 4);
    const each = (width - from - 12) / Math.max(1, bars.length);
    bars.forEach((family, i) => {
      if (!family.scale) return;
      drawColorBar(
        pen,
        family.colors,
        family.scale,
        { left: from + i * each, top: 0, width: each - 12 },
        scene.theme,
      );
    });
  }

  private settleColors(theme: Theme): void {
    for (const [key, family] of this.families) {
      if (!family.live) {
        this.families.delete(key);
        continue;
      }
      const { colors, soft, extent, gentle } = family;
      const range = extent.on(colors.scale) ?? (colors.scale === 'log' ? [0.1, 1] : [0, 1]);
      let domain: readonly [number, number];
      if (colors.domain) domain = colors.domain;
      else {
        const [low, high] = colorDomain(colors.scheme, range[0], range[1]);
        const phases = colors.scheme === 'cyclic' && high === Math.PI;
        domain = phases ? [low, high] : gentle.follow(low, high, colors.scale);
      }
      const table = palette(colors.scheme, theme, soft);
      const old = family.scale;
      const same = old && old.palette === table && old.domain[0] === domain[0] && old.domain[1] === domain[1];
      if (!same) family.scale = colorScale(colors.scheme, table, colors.scale, domain);
    }
  }

  private plane(
    domains: Record<Side, [number, number]>,
    margins: Margins,
    width: number,
    height: number,
  ): Plane {
    const { layout, magnification: zoom } = this;
    const box: Box = {
      left: margins.left,
      top: margins.top,
      width: Math.max(20, width - margins.left - margins.right),
      height: Math.max(20, height - margins.top - margins.bottom),
    };
    const simplex = layout?.aspect === 'simplex';
    if (simplex) {
      const side = Math.min(box.width, box.height / triangleHeight(1));
      box.left += (box.width - side) / 2;
      box.width = side;
      box.top += (box.height - triangleHeight(side)) / 2;
      box.height = triangleHeight(side);
    } else if (this.equal) {
      this.makeEqual(box, domains);
    }
    const along = (side: Side): [number, number] => {
      const { left, top } = box;
      const range: [number, number] = side === 'x' ? [left, left + box.width] : [top + box.height, top];
      if (layout?.[side]?.reversed) range.reverse();
      const shift = side === 'x' ? zoom.x : zoom.y;
      return range.map((pixel) => pixel * zoom.k + shift) as [number, number];
    };
    const x = new Ruler(this.kind('x'), domains.x, along('x'));
    const y = new Ruler(this.kind('y'), domains.y, along('y'));
    return new Plane(box, x, y, simplex);
  }

  /** One unit of x as long as one of y: the box takes the shape it was given at first, then the ranges give way. */
  private makeEqual(box: Box, domains: Record<Side, [number, number]>): void {
    const ratio = this.shape?.ratio ?? this.ratio() ?? 1;
    const width = Math.min(box.width, box.height / ratio);
    // Posters fill their card, but a grid shown beyond its edges would be a picture of nothing.
    if (!this.bare || this.shown.some((mark) => kindOf(mark)?.framed?.(mark))) {
      box.left += (box.width - width) / 2;
      box.width = width;
      const tall = width * ratio;
      box.top += Math.max(0, box.height - tall) / (this.bare ? 2 : 1);
      box.height = Math.min(box.height, tall);
    }
    const [x, y] = [domains.x, domains.y];
    const per = { x: (x[1] - x[0]) / box.width, y: (y[1] - y[0]) / box.height };
    const unit = Math.max(per.x, per.y);
    const spread = (range: [number, number], pixels: number): [number, number] => {
      const middle = (range[0] + range[1]) / 2;
      return [middle - (unit * pixels) / 2, middle + (unit * pixels) / 2];
    };
    if (per.x < unit * (1 - 1e-9)) domains.x = spread(x, box.width);
    if (per.y < unit * (1 - 1e-9)) domains.y = spread(y, box.height);
  }

  /** A mark's colour in a theme. */
  colorOf(theme: Theme): (mark: Mark) => string {
    const colors = contenderColors(this.contenders, theme);
    return (mark) => {
      const own = mark.of === undefined ? undefined : colors.get(mark.of);
      return own ?? inkColor(mark.ink, theme, (t) => toneColor(t, theme));
    };
  }

  private makeScene(plane: Plane, theme: Theme): Scene {
    const layout = this.layout as Layout;
    const baselines = new Set(this.contenders.filter((c) => c.baseline).map((c) => c.id));
    const place = new Map(layout.marks.map((mark, i) => [mark, i]));
    const name = (axis: Axis | undefined, side: Side) => withUnit(axis?.label ?? side, axis?.unit);
    return {
      data: this.data,
      plane,
      theme,
      bare: this.bare,
      ground: this.shown.some((mark) => kindOf(mark)?.framed?.(mark)),
      names: { x: name(layout.x, 'x'), y: name(layout.y, 'y') },
      declared: { x: layout.x?.scale ?? 'linear', y: layout.y?.scale ?? 'linear' },
      read: (side, value) => layout[side]?.categories?.[value] ?? formatNumber(value, 4),
      color: this.colorOf(theme),
      weight: (mark) => {
        const strong = mark.of === undefined ? mark.ink !== 'muted' : !baselines.has(mark.of);
        const tone = mark.of === undefined && typeof mark.ink === 'object';
        return (tone ? 1.3 : strong ? 1.9 : 1.4) * (this.bare ? 0.8 : 1);
      },
      colorScale: (colors, soft = false) =>
        this.families.get(colorsKey(colors, soft))?.scale ??
        colorScale(colors.scheme, palette(colors.scheme, theme, soft), colors.scale, [0, 1]),
      memory: (mark) => {
        const i = place.get(mark) ?? 0;
        let memory = this.memories[i];
        if (!memory) {
          memory = new Map();
          this.memories[i] = memory;
        }
        return memory;
      },
    };
  }
}

/** A poster's range: the data's own, with a little air. */
function padded(range: [number, number], kind: ScaleKind): [number, number] {
  const { forward, back } = transformOf(kind, range);
  const [low, high] = range.map(forward);
  const air = 0.03 * (high - low);
  return [range[0] === 0 ? 0 : back(low - air), back(high + air)];
}

function ordered([p, q]: readonly [number, number]): [number, number] {
  return p <= q ? [p, q] : [q, p];
}
