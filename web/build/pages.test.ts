import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Catalogue, type Exhibit } from './catalogue.ts';
import { computePage } from './compute-page.ts';
import { essay } from './essay.ts';
import { embedPage, exhibitPage, type Texts } from './exhibit-page.ts';
import { galleryPage } from './gallery-page.ts';
import { type Html, html } from './html.ts';
import { missingPage, teachPage } from './plain-pages.ts';
import { fillShell, type Page, rootFrom } from './shell.ts';
import { Highlighter } from './source.ts';

const shell = readFileSync('index.html', 'utf8');
const head = html``;

function exhibit(slug: string, wing: string): Exhibit {
  return {
    slug,
    wing,
    title: `The <${slug}> & its claim`,
    year: 2024,
    lists: [0, 4],
    claim: 'It stays within 1/λ',
    algorithms: ['sign descent'],
    contenders: [{ id: 'a', label: 'A', baseline: false }],
    verdict: 'holds',
    specs: [],
    scenarios: [],
    essay: '<h1>Says</h1><p>Under <span class="math math-inline">\\|x\\| &lt; 1</span>, it stays.</p>',
    source: '//! Prose with \'quotes\' & <angles>.\nfn main() { let x = "s"; }\n',
    frame: { step: 0, length: 0, done: true, layout: [], claim: { clauses: [], verdict: 'holds' }, data: '' },
  };
}

describe('the pages', () => {
  let folder: string;
  let catalogue: Catalogue;
  let source: Html;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'orrery-pages-'));
    mkdirSync(join(folder, 'exhibit'));
    const exhibits = [exhibit('first', 'one'), exhibit('second', 'one')];
    const wings = [
      { slug: 'one', title: 'Wing one' },
      { slug: 'closed', title: 'Not yet open' },
    ];
    writeFileSync(join(folder, 'manifest.json'), JSON.stringify({ wings, exhibits }));
    for (const each of exhibits)
      writeFileSync(join(folder, 'exhibit', `${each.slug}.json`), JSON.stringify(each));
    catalogue = new Catalogue(folder);
    source = await (await Highlighter.load()).rust(exhibits[0].source);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const textsOf = (slug: string): Texts => {
    const { essay: markup } = catalogue.exhibit(slug);
    return { essay: essay(markup), source };
  };

  const all = (): Page[] => [
    galleryPage(catalogue, head),
    exhibitPage(catalogue, catalogue.exhibit('first'), textsOf('first'), head),
    embedPage(catalogue.exhibit('first'), textsOf('first'), head),
    teachPage(head),
    computePage(head),
    missingPage(() => head),
  ];

  it('say the security policy and keep to it: no inline style, no inline script', () => {
    for (const page of all()) {
      const markup = fillShell(shell, page);
      expect(markup).toContain("default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self';");
      expect(markup).not.toMatch(/<[^>]+ style=/);
      expect(markup).not.toMatch(/<style/);
      expect(markup).not.toMatch(/<script(?![^>]* src=)/);
      expect(markup).not.toMatch(/ on[a-z]+="/);
      expect(markup).not.toMatch(/\{\{/);
    }
  });

  it('link within the site by paths that resolve from any folder', () => {
    const files = new Set([
      '',
      'teach/',
      'compute/',
      'favicon.svg',
      'e/first/',
      'e/second/',
      'embed/first/',
      'embed.js',
    ]);
    for (const page of all()) {
      const site = 'https://example.org/any/folder/';
      const markup = fillShell(shell, page);
      const links = [...markup.matchAll(/ (?:href|src)="([^"]+)"/g)].map((match) => match[1]);
      const own = links.filter((link) => !link.startsWith('#') && !link.startsWith('https://arxiv.org/'));
      expect(own.length).toBeGreaterThan(0);
      for (const link of own) {
        const address = new URL(link, site + page.path);
        expect(address.href.startsWith(site), `${page.path} links to ${link}`).toBe(true);
        expect(files, `${page.path} links to ${link}`).toContain(
          address.href.slice(site.length).replace(/\?.*/, ''),
        );
      }
    }
  });

  it('show open wings only, with the text that the search reads', () => {
    const markup = galleryPage(catalogue, head).body.text;
    expect(markup).toContain('Wing one');
    expect(markup).not.toContain('Not yet open');
    expect(markup).toContain('The &lt;first&gt; &amp; its claim');
    expect(markup).toContain('data-words="sign descent"');
    expect(markup).toContain('data-lists="1 5"');
    expect(markup).toContain('It stays within 1/λ. <em class="holds">It holds here.</em>');
  });

  it('hold the essay with MathML, its headings below the title, and the highlighted source', () => {
    const markup = exhibitPage(catalogue, catalogue.exhibit('first'), textsOf('first'), head).body.text;
    expect(markup).toMatch(/<p>Under <math [^>]*>.*<mo>&lt;<\/mo>.*<\/math>, it stays\.<\/p>/);
    expect(markup).not.toContain('math-inline');
    expect(markup).toContain('<h2>Says</h2>');
    expect(markup).toContain('<span class="k">fn');
    expect(markup).toContain('Prose with &#39;quotes&#39; &amp; &lt;angles&gt;.');
    expect(markup).toContain('query=The%20%3Cfirst%3E%20%26%20its%20claim');
  });

  it('say of an arena that it is a workbench, and look for no paper', () => {
    const { year: _, ...card } = catalogue.exhibit('first');
    const arena = { ...card, lists: [] };
    const page = exhibitPage(catalogue, arena, textsOf('first'), head).body.text;
    expect(page).toContain('A workbench');
    for (const markup of [page, embedPage(arena, textsOf('first'), head).body.text])
      expect(markup).not.toMatch(/arxiv|undefined|Read in/);
  });

  it('lead on to the neighbours in the wing', () => {
    const first = exhibitPage(catalogue, catalogue.exhibit('first'), textsOf('first'), head).body.text;
    expect(first).toContain('rel="next" href="../second/"');
    expect(first).not.toContain('rel="prev"');
  });
});

it('the way to the root follows from the depth', () => {
  expect(rootFrom('index.html')).toBe('./');
  expect(rootFrom('teach/index.html')).toBe('../');
  expect(rootFrom('e/lion-lyapunov/index.html')).toBe('../../');
});
