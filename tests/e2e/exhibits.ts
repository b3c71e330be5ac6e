/** The exhibits to test, and what the native run says of them. */
import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import type { Settings, Spec } from '../../web/runtime/specs.ts';

/** An exhibit as the gallery lists it. */
export interface Listed {
  slug: string;
  wing: string;
  title: string;
  lists: number[];
  algorithms: string[];
  verdict: 'holds' | 'fails' | 'pending';
}

/** A frame that the native run gave. */
export interface Hashed {
  scenario: string;
  settings: Settings;
  step: number;
  hash: string;
}

/** An exhibit as its page has it. */
export interface Live {
  specs: Spec[];
  scenarios: { id: string; settings: Settings; expect: string }[];
  frame: { step: number; length: number; claim: { verdict: string } };
}

const json = (file: string) => JSON.parse(readFileSync(file, 'utf8'));

const manifest: { wings: { slug: string; title: string }[]; exhibits: Listed[] } =
  json('dist/data/manifest.json');
const hashes: Record<string, Hashed[]> = json(process.env.ORRERY_HASHES ?? 'target/xtask/hashes.json');
const only = process.env.ORRERY_ONLY;

export const all = manifest.exhibits;
export const wings = manifest.wings;

/** All exhibits, or those that the test run was asked for. */
export const chosen = all.filter(({ slug, wing }) => !only || slug === only || wing === only);

/**
 * Whether an exhibit is tried in every way: all when everything is tested in full or few were asked for, else one of
 * each wing, since what they try is the page, which all exhibits share.
 */
export const thoroughly = ({ slug, wing }: Listed) =>
  !!process.env.ORRERY_FULL || !!only || slug === all.find((listed) => listed.wing === wing)?.slug;

/** The frames of the native run, the default scenario's first. */
export function native(slug: string): Hashed[] {
  const known = hashes[slug];
  if (!known?.length) throw new Error(`the native run gave no frame of ${slug}`);
  return known;
}

/** The exhibit's own script, read as its page reads it. */
export function live(slug: string): Live {
  const scope: { orreryExhibits?: Record<string, Live> } = {};
  runInNewContext(readFileSync(`dist/data/exhibit/${slug}.js`, 'utf8'), scope);
  const record = scope.orreryExhibits?.[slug];
  if (!record) throw new Error(`data/exhibit/${slug}.js says nothing of ${slug}`);
  return record;
}
