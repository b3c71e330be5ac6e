/**
 * Links: what the visitor has set, as a readable query that holds only what differs from the defaults, with drawn and
 * uploaded data deflated in the fragment. Whoever opens the link has the same settings to the bit.
 */
import { accept } from './accept';
import { changed, exactJson, type Point, type Settings, type Spec, type Value } from './specs';

/** What a link holds. */
export interface Place {
  settings: Settings;
  seed: number;
  /** The step that was shown; a link without one opens on the run itself. */
  step?: number;
}

/** What could be read of a link, and what could not, in words for the visitor. */
export interface Decoded extends Place {
  notices: string[];
}

/** The name of the run's seed or step in a link: `run-step` where an exhibit has a control `step` of its own. */
function nameOf(what: 'seed' | 'step', specs: readonly Spec[]): string {
  return specs.some(({ name }) => name === what) ? `run-${what}` : what;
}

/** So many points stand readably in the query; more go into the fragment. */
const READABLE_POINTS = 12;

/** So many characters of text stand readably in the query; more go into the fragment. */
const READABLE_TEXT = 120;

/** Inflated data beyond this is refused: no control takes as much. */
const LARGEST = 8_000_000;

/** The largest seed: beyond it a number no longer counts by ones. */
export const LARGEST_SEED = Number.MAX_SAFE_INTEGER;

/** A number in its shortest form that reads back to the bit. */
export const shortest = (number: number) => (Object.is(number, -0) ? '-0' : String(number));

/** The number a text holds, or nothing. `Number` would also take '' and '0x10' for numbers. */
export function numberOf(text: string): number | undefined {
  const trimmed = text.trim().replace('−', '-');
  const plain = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(trimmed);
  const number = plain ? Number(trimmed) : Number.NaN;
  return Number.isFinite(number) ? number : undefined;
}

/** A value as text for a query or an attribute; nothing where it belongs into the fragment. */
export function toText(spec: Spec, value: Value): string | undefined {
  switch (spec.kind) {
    case 'number':
    case 'integer':
      return shortest(value as number);
    case 'toggle':
      return value ? '1' : '0';
    case 'set':
      return (value as string[]).join(',');
    case 'points': {
      const points = value as Point[];
      return points.length > READABLE_POINTS
        ? undefined
        : points.map((point) => point.map(shortest).join(',')).join(';');
    }
    case 'choice':
    case 'formula':
      return value as string;
    case 'text':
      return (value as string).length > READABLE_TEXT ? undefined : (value as string);
    case 'curve':
    case 'image':
    case 'table':
      return undefined;
  }
}

/** What a text in a query or an attribute says, before it is validated; nothing where it makes no sense. */
export function fromText(spec: Spec, text: string): unknown {
  switch (spec.kind) {
    case 'number':
    case 'integer':
      return numberOf(text);
    case 'toggle': {
      const word = text.trim().toLowerCase();
      if (['1', 'true', 'on', 'yes'].includes(word)) return true;
      return ['0', 'false', 'off', 'no'].includes(word) ? false : undefined;
    }
    case 'set':
      return text === '' ? [] : text.split(',').map((name) => name.trim());
    case 'points':
      return text === '' ? [] : text.split(';').map((pair) => pair.split(',').map(numberOf));
    case 'choice':
    case 'formula':
    case 'text':
      return text;
    case 'curve':
    case 'image':
    case 'table':
      return parsed(text);
  }
}

/** What JSON says, or nothing. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

/** Percent-encoded, but for the comma and the semicolon, which a query may hold as they are. */
const readable = (text: string) => encodeURIComponent(text).replaceAll('%2C', ',').replaceAll('%3B', ';');

/** The query (with its `?`) and the fragment (with its `#`) for a place; each empty where it would hold nothing. */
export async function encode(specs: readonly Spec[], { settings, seed, step }: Place): Promise<string> {
  const query: string[] = [];
  const fragment: string[] = [];
  for (const [name, raw] of Object.entries(changed(specs, settings))) {
    const spec = specs.find((candidate) => candidate.name === name) as Spec;
    const { value } = accept(spec, raw);
    const text = toText(spec, value);
    if (text === undefined) fragment.push(`${name}=${await deflated(exactJson(value))}`);
    else query.push(`${name}=${readable(text)}`);
  }
  if (seed !== 0) query.push(`${nameOf('seed', specs)}=${seed}`);
  if (step !== undefined) query.push(`${nameOf('step', specs)}=${step}`);
  return (query.length ? `?${query.join('&')}` : '') + (fragment.length ? `#${fragment.join('&')}` : '');
}

/** Reads the `search` and the `hash` of a link. Never throws: what makes no sense is left at its default, with a notice. */
export async function decode(specs: readonly Spec[], search: string, hash: string): Promise<Decoded> {
  const decoded: Decoded = { settings: {}, seed: 0, notices: [] };
  const take = (spec: Spec, raw: unknown) => {
    const { value, notice } = accept(spec, raw);
    decoded.settings[spec.name] = value;
    if (notice) decoded.notices.push(notice);
  };
  const ignore = (name: string) =>
    decoded.notices.push(
      `The link sets “${name.slice(0, 40)}”, which this exhibit does not have; it is ignored.`,
    );

  for (const [name, text] of new URLSearchParams(search)) {
    const spec = specs.find((candidate) => candidate.name === name);
    if (spec) take(spec, fromText(spec, text));
    else if (name === nameOf('seed', specs))
      decoded.seed = count(text, 'seed', LARGEST_SEED, decoded.notices) ?? 0;
    else if (name === nameOf('step', specs))
      decoded.step = count(text, 'step', LARGEST_SEED, decoded.notices);
    // Which parts an embedded page leaves out is no setting.
    else if (name !== 'hide') ignore(name);
  }
  for (const [name, text] of new URLSearchParams(hash.replace(/^#/, ''))) {
    const spec = specs.find((candidate) => candidate.name === name);
    // A fragment without a value is an anchor of the page, such as #essay.
    if (spec) take(spec, parsed((await inflated(text)) ?? ''));
    else if (text !== '') ignore(name);
  }
  decoded.settings = changed(specs, decoded.settings);
  return decoded;
}

/** A whole number from 0 to `most`, or nothing and a notice. */
function count(text: string, name: string, most: number, notices: string[]): number | undefined {
  const number = numberOf(text);
  if (number === undefined || number < 0 || !Number.isInteger(number)) {
    notices.push(`The link's ${name} is no whole number; it is ignored.`);
    return undefined;
  }
  if (number > most) notices.push(`The link's ${name} is larger than ${most}; it is set to that.`);
  return Math.min(number, most);
}

/** Deflated text in the base64 alphabet that needs no encoding in a link. */
async function deflated(text: string): Promise<string> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream('deflate-raw'));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  let binary = '';
  for (let from = 0; from < bytes.length; from += 0x8000) {
    binary += String.fromCharCode(...bytes.subarray(from, from + 0x8000));
  }
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** The text that was deflated, or nothing where it is none or too much. */
async function inflated(code: string): Promise<string | undefined> {
  try {
    const binary = atob(code.replaceAll('-', '+').replaceAll('_', '/'));
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw')).getReader();
    const decoder = new TextDecoder('utf-8', { fatal: true });
    let text = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return text + decoder.decode();
      text += decoder.decode(value, { stream: true });
      if (text.length > LARGEST) {
        await reader.cancel();
        return undefined;
      }
    }
  } catch {
    return undefined;
  }
}
