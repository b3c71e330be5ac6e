/** What an element's attributes and properties ask for, made to fit the exhibit's controls. */
import { accept } from '../runtime/accept';
import { fromText, LARGEST_SEED } from '../runtime/link';
import type { Settings, Spec } from '../runtime/specs';

/** Attributes that are never settings. */
const OWN = new Set(
  ['name', 'seed', 'base', 'page', 'embed', 'hide', 'class', 'id', 'style', 'slot', 'part'].concat([
    'title',
    'hidden',
    'lang',
    'dir',
    'role',
    'tabindex',
  ]),
);

/** Valid settings, and what had to be said about them. */
export interface Asked {
  settings: Settings;
  notices: string[];
}

function taken(
  specs: readonly Spec[],
  asked: Iterable<[string, (spec: Spec) => unknown]>,
  unknown: boolean,
): Asked {
  const settings: Settings = {};
  const notices: string[] = [];
  for (const [name, raw] of asked) {
    const spec = specs.find((candidate) => candidate.name === name);
    if (!spec) {
      if (unknown) notices.push(`There is no control “${name}”; it is ignored.`);
      continue;
    }
    const { value, notice } = accept(spec, raw(spec));
    settings[name] = value;
    if (notice) notices.push(notice);
  }
  return { settings, notices };
}

/** Settings given as values by name. */
export function fromValues(specs: readonly Spec[], values: Record<string, unknown>): Asked {
  return taken(
    specs,
    Object.entries(values).map(([name, value]) => [name, () => value]),
    true,
  );
}

/** Settings given as attributes. Attributes that are no control's are the page's own business. */
export function fromAttributes(specs: readonly Spec[], attributes: Iterable<Attr>): Asked {
  const asked = [...attributes].filter(({ name }) => !OWN.has(name));
  // A toggle that is merely there is on.
  const text = (spec: Spec, value: string) => (spec.kind === 'toggle' && value === '' ? '1' : value);
  return taken(
    specs,
    asked.map(({ name, value }) => [name, (spec) => fromText(spec, text(spec, value))]),
    false,
  );
}

/** The seed that `seed` comes to. */
export function seedOf(seed: unknown): number {
  const whole = typeof seed === 'number' && Number.isInteger(seed) && seed >= 0;
  return whole ? Math.min(seed, LARGEST_SEED) : 0;
}
