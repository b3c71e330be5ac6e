import { describe, expect, it } from 'vitest';
import { accept } from './accept';
import { decode, encode, fromText, numberOf, shortest } from './link';
import { changed, exactJson, type Point, type Settings, type Spec, same, type Value } from './specs';

/** A small seeded generator, so that a failure can be run again. */
function generator(seed: number) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const below = (n: number) => Math.floor(next() * n);
  return { next, below, pick: <T>(list: readonly T[]) => list[below(list.length)] };
}
type Generator = ReturnType<typeof generator>;

const common = { help: '', live: false };
const options: [string, string][] = ['lion', 'adam-w', 'muon', 'sgd'].map((name) => [
  name,
  name.toUpperCase(),
]);

const specs: Spec[] = [
  { ...common, name: 'lambda', label: 'λ', kind: 'number', min: -1e3, max: 1e3, log: false, default: 1 },
  { ...common, name: 'eta', label: 'η', kind: 'number', min: 1e-300, max: 1e300, log: true, default: 1e-3 },
  { ...common, name: 'steps', label: 'steps', kind: 'integer', min: 0, max: 1e9, log: true, default: 100 },
  { ...common, name: 'clip', label: 'clip', kind: 'toggle', default: true },
  { ...common, name: 'rule', label: 'rule', kind: 'choice', options, default: 'lion' },
  { ...common, name: 'shown', label: 'shown', kind: 'set', options, default: ['lion', 'muon'] },
  {
    ...common,
    name: 'start',
    label: 'start',
    kind: 'points',
    min: 0,
    max: 40,
    domain: [
      [-4, 4],
      [-4, 4],
    ],
    default: [[-3, 3]],
  },
  {
    ...common,
    name: 'curve',
    label: 'curve',
    kind: 'curve',
    samples: 50,
    domain: [0, 1],
    range: [-1, 1],
    default: new Array(50).fill(0),
  },
  { ...common, name: 'f', label: 'f', kind: 'formula', variables: ['x'], examples: [], default: 'x^2' },
  {
    ...common,
    name: 'image',
    label: 'image',
    kind: 'image',
    max_width: 9,
    max_height: 7,
    default: { width: 0, height: 0, pixels: [] },
  },
  {
    ...common,
    name: 'colors',
    label: 'colors',
    kind: 'image',
    max_width: 5,
    max_height: 6,
    color: true,
    default: { width: 0, height: 0, pixels: [] },
  },
  { ...common, name: 'text', label: 'text', kind: 'text', max: 400, default: 'hello' },
  {
    ...common,
    name: 'table',
    label: 'table',
    kind: 'table',
    min_columns: 0,
    max_columns: 3,
    max_rows: 20,
    default: { columns: [], rows: [] },
  },
];

const list = <T>(length: number, make: (index: number) => T) =>
  Array.from({ length }, (_, index) => make(index));

/** Numbers that are easy to lose: both zeros, subnormals, neighbours of round numbers, any bits at all. */
function anyNumber(g: Generator, low: number, high: number): number {
  const awkward = [0, -0, 5e-324, -5e-324, 0.1 + 0.2, 1 / 3, 1e21, 1e-7, 123456789012345680, low, high];
  const view = new DataView(new ArrayBuffer(8));
  view.setUint32(0, g.below(2 ** 32));
  view.setUint32(4, g.below(2 ** 32));
  const bits = view.getFloat64(0);
  const number = g.pick([g.pick(awkward), bits, low + (high - low) * g.next()]);
  return Number.isFinite(number) && number >= low && number <= high ? number : low + (high - low) * g.next();
}

function anyText(g: Generator, most: number): string {
  const alphabet = [
    ...'abcXYZ019 +-*/^&=?#%;,.:()[]"\'<>\\\n\t\u0000λ∑é',
    '😀',
    '\u{1F9EE}',
    '%41',
    '\u2028',
  ];
  return list(g.below(most + 1), () => g.pick(alphabet))
    .join('')
    .slice(0, most)
    .replace(/[\uD800-\uDBFF]$/, '');
}

function anyValue(g: Generator, spec: Spec): Value {
  switch (spec.kind) {
    case 'number':
      return anyNumber(g, spec.min, spec.max);
    case 'integer':
      return spec.min + g.below(spec.max - spec.min + 1);
    case 'toggle':
      return g.next() < 0.5;
    case 'choice':
      return g.pick(spec.options)[0];
    case 'set':
      return spec.options.map(([name]) => name).filter(() => g.next() < 0.5);
    case 'points':
      return list(
        g.below(spec.max + 1),
        (): Point => [anyNumber(g, ...spec.domain[0]), anyNumber(g, ...spec.domain[1])],
      );
    case 'curve':
      return list(spec.samples, () => anyNumber(g, ...spec.range));
    case 'formula':
      return anyText(g, 200);
    case 'text':
      return anyText(g, spec.max);
    case 'image': {
      const [width, height] = [g.below(spec.max_width + 1), g.below(spec.max_height + 1)];
      return {
        width,
        height,
        pixels: list(width * height * (spec.color ? 3 : 1), () =>
          g.next() < 0.5 ? g.below(256) / 255 : anyNumber(g, 0, 1),
        ),
      };
    }
    case 'table': {
      const columns = list(g.below(spec.max_columns + 1), () => anyText(g, 10));
      return {
        columns,
        rows: list(g.below(spec.max_rows + 1), () => columns.map(() => anyNumber(g, -1e307, 1e307))),
      };
    }
  }
}

/** What the browser makes of a link: it encodes some characters itself. */
async function opened(link: string) {
  const url = new URL(link, 'https://orrery.test/e/some-exhibit/');
  return decode(specs, url.search, url.hash);
}

describe('a link', () => {
  it('gives back random settings of every kind, to the bit', async () => {
    const g = generator(1);
    for (let round = 0; round < 400; round++) {
      const chosen = specs.filter(() => g.next() < 0.4);
      const settings: Settings = Object.fromEntries(chosen.map((spec) => [spec.name, anyValue(g, spec)]));
      const seed = g.pick([0, 7, g.below(2 ** 32), Number.MAX_SAFE_INTEGER]);
      const step = g.pick([undefined, 0, 300, g.below(1e6)]);
      const read = await opened(await encode(specs, { settings, seed, step }));
      expect(read.notices).toEqual([]);
      expect(same(read.settings, changed(specs, settings)), exactJson(settings)).toBe(true);
      expect([read.seed, read.step]).toEqual([seed, step]);
    }
  });

  it('is readable and holds only what differs from the defaults', async () => {
    const settings: Settings = {
      lambda: 0.5,
      steps: 100,
      clip: false,
      rule: 'muon',
      shown: [],
      start: [
        [1, -2.5],
        [0.1, 3],
      ],
      f: 'x + 1',
    };
    const link = await encode(specs, { settings, seed: 7, step: 300 });
    expect(link).toBe('?lambda=0.5&clip=0&rule=muon&shown=&start=1,-2.5;0.1,3&f=x%20%2B%201&seed=7&step=300');
    expect(await encode(specs, { settings: {}, seed: 0 })).toBe('');
    expect((await opened('?shown=')).settings).toEqual({ shown: [] });
    // Of a list without a known name nothing is left, which is not what its sender chose: the default stands in.
    const unknown = await opened('?shown=nobody');
    expect(unknown.settings).toEqual({});
    expect(unknown.notices).toHaveLength(1);
    expect((await opened('?shown=nobody,lion')).settings).toEqual({ shown: ['lion'] });
  });

  it('tells a control called step from the step that was shown', async () => {
    const step: Spec = {
      ...common,
      name: 'step',
      label: 'ε',
      kind: 'number',
      min: 0,
      max: 1,
      log: false,
      default: 0.1,
    };
    const place = { settings: { step: 0.3 }, seed: 0, step: 20 };
    expect(await encode([step], place)).toBe('?step=0.3&run-step=20');
    expect(await decode([step], '?step=0.3&run-step=20', '')).toEqual({ ...place, notices: [] });
  });

  it('keeps a drawn curve short', async () => {
    const curve = list(50, (index) => Math.round(1000 * Math.sin(index / 5)) / 1000);
    const link = await encode(specs, { settings: { curve }, seed: 0 });
    expect(link).toMatch(/^#curve=[\w-]+$/);
    expect(link.length).toBeLessThan(400);
  });

  it('leaves out what it does not know, with a notice', async () => {
    const read = await opened('?lambada=1&seed=2&hide=essay#section');
    expect(read.settings).toEqual({});
    expect(read.seed).toBe(2);
    expect(read.notices).toHaveLength(1);
    expect(read.notices[0]).toContain('lambada');
  });

  it('moves what is out of range to the edge, with a notice', async () => {
    const read = await opened('?lambda=5000&steps=2.6&start=9,0&step=-3');
    expect(read.settings).toEqual({ lambda: 1000, steps: 3, start: [[4, 0]] });
    expect(read.step).toBeUndefined();
    expect(read.notices).toHaveLength(4);
  });

  it.each([
    'lambda=',
    'lambda=NaN',
    'lambda=1e999',
    'lambda=0x10',
    'lambda=Infinity',
    'steps=many',
    'clip=perhaps',
    'rule=euler',
    'start=1',
    'start=1,2,3',
    'start=a,b',
    'curve=%5B1%2C2%5D',
    'curve=zzz',
    `f=${'x'.repeat(501)}`,
    'image={}',
    'image=[]',
    'table=7',
    'seed=-1',
    'seed=1.5',
    'step=x',
  ])('takes the default for %s, with a notice', async (query) => {
    const read = await opened(`?${query}`);
    expect(read.settings).toEqual({});
    expect(read.seed).toBe(0);
    expect(read.notices).toHaveLength(1);
  });

  it('never throws, and gives only what its controls take, on garbage', async () => {
    const g = generator(2);
    const names = [
      ...specs.map((spec) => spec.name),
      'seed',
      'step',
      'nonsense',
      '__proto__',
      'constructor',
      '',
    ];
    const snippets = [
      '',
      '%',
      '%zz',
      '-',
      '1e5',
      ',',
      ';',
      '1,2;3',
      'null',
      '[[[',
      '{}',
      'AAAA',
      '7VhtT9s',
      'eJw',
      '\u{1F4A5}',
      '&',
      '=',
    ];
    for (let round = 0; round < 500; round++) {
      const part = () =>
        list(
          1 + g.below(5),
          () => `${g.pick(names)}=${list(g.below(4), () => g.pick(snippets)).join('')}${anyText(g, 12)}`,
        ).join('&');
      const read = await decode(specs, `?${part()}`, `#${part()}`);
      for (const [name, value] of Object.entries(read.settings)) {
        const spec = specs.find((candidate) => candidate.name === name) as Spec;
        expect(accept(spec, value).notice).toBeUndefined();
      }
      expect(Number.isSafeInteger(read.seed) && read.seed >= 0).toBe(true);
    }
  });

  it('survives a damaged fragment', async () => {
    const g = generator(3);
    const link = await encode(specs, { settings: { curve: list(50, () => g.next()) }, seed: 0 });
    for (let round = 0; round < 100; round++) {
      const at = 7 + g.below(link.length - 7);
      const damaged =
        g.next() < 0.5 ? link.slice(0, at) : link.slice(0, at) + g.pick([...'AZaz09-_']) + link.slice(at + 1);
      const { settings } = await decode(specs, '', damaged);
      if (settings.curve) expect(accept(specs[7], settings.curve).notice).toBeUndefined();
    }
  });

  it('refuses what inflates beyond any control', async () => {
    const bomb = new Blob(['['.repeat(30_000_000)])
      .stream()
      .pipeThrough(new CompressionStream('deflate-raw'));
    const code = Buffer.from(await new Response(bomb).arrayBuffer()).toString('base64url');
    const read = await decode(specs, '', `#curve=${code}`);
    expect(read.settings).toEqual({});
    expect(read.notices).toHaveLength(1);
  });
});

describe('numbers as text', () => {
  it('read back to the bit', () => {
    const g = generator(4);
    for (let round = 0; round < 2000; round++) {
      const number = anyNumber(g, -1e307, 1e307);
      expect(Object.is(numberOf(shortest(number)), number)).toBe(true);
      expect(Object.is(JSON.parse(exactJson(number)), number)).toBe(true);
    }
  });

  it('are nothing where the text is none', () => {
    for (const text of ['', ' ', '0x1f', 'Infinity', '1,5', '1e', '--1', '1 2'])
      expect(numberOf(text)).toBeUndefined();
    expect(numberOf(' −2.5 ')).toBe(-2.5);
  });

  it('as attributes take JSON for data', () => {
    expect(fromText(specs[7], '[1, 2]')).toEqual([1, 2]);
    expect(fromText(specs[3], 'true')).toBe(true);
  });
});
