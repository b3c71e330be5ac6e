import { dot } from './dot';
import { line } from './line';
import type { MarkKind } from './mark';
import type { Mark, MarkName } from './types';

/** Every kind of mark. Adding one is adding its file and its name here. */
const kinds = [line, dot];

const byName = new Map<string, MarkKind<MarkName>>(
  kinds.map((kind) => [kind.name, kind as unknown as MarkKind<MarkName>]),
);

/** The kind of a mark; nothing for one this page does not know. */
export function kindOf(mark: Mark): MarkKind<MarkName> | undefined {
  return byName.get(mark.mark);
}
