import { arrow } from './arrow';
import { band } from './band';
import { bar } from './bar';
import { contour } from './contour';
import { dot } from './dot';
import { line } from './line';
import { link } from './link';
import type { MarkKind } from './mark';
import { polygon } from './polygon';
import { raster } from './raster';
import { rule } from './rule';
import { table } from './table';
import { text } from './text';
import type { Mark, MarkName } from './types';

/** Every kind of mark. Adding one is adding its file and its name here. */
const kinds = [line, dot, bar, band, rule, raster, contour, arrow, link, polygon, text, table];

const byName = new Map<string, MarkKind<MarkName>>(
  kinds.map((kind) => [kind.name, kind as unknown as MarkKind<MarkName>]),
);

/** The kind of a mark; nothing for one this page does not know. */
export function kindOf(mark: Mark): MarkKind<MarkName> | undefined {
  return byName.get(mark.mark);
}
