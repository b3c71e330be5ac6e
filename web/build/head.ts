import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Rollup } from 'vite';
import { type Html, html } from './html.ts';

/** What a page asks for besides what all pages do. */
export interface Needs {
  /** The source of its style sheet. */
  style: string;
  /** The source of its module. */
  module?: string;
  /** Classic scripts, by their path in the site, in the order in which they run. */
  scripts?: string[];
  /** Made for other pages' frames. These may be sandboxed, and then they may load no fonts. */
  framed?: boolean;
}

const FONTS = 'web/app/fonts.css';
const THEME = 'web/app/theme.css';

/** The styles and scripts of a page at the depth of `root`. */
export function headOf(bundle: Rollup.OutputBundle, root: string, needs: Needs): Html {
  const { style, module, scripts = [], framed = false } = needs;
  const faces = `${root}${emitted(bundle, FONTS)}`;
  const sheet = (file: string) => html`<link rel="stylesheet" href="${file}">`;
  const file = module && emitted(bundle, module);
  // The theme's script stops the parser until the styles are there, so what runs later is asked for before it.
  const lines = [
    !framed && firstFaces(bundle).map((font) => preload(`${root}${font}`)),
    scripts.map((script) => html`<script src="${root}${script}" defer></script>\n`),
    file &&
      [...imports(bundle, file)].map((name) => html`<link rel="modulepreload" href="${root}${name}">\n`),
    file && html`<script type="module" src="${root}${file}"></script>\n`,
    !framed && sheet(faces),
    sheet(`${root}${emitted(bundle, THEME)}`),
    sheet(`${root}${emitted(bundle, style)}`),
    html`<script src="${root}theme.js"${framed && html` data-fonts="${faces}"`}></script>`,
  ];
  return html`${lines}`;
}

const preload = (font: string) =>
  html`<link rel="preload" href="${font}" as="font" type="font/woff2" crossorigin>\n`;

/** The file that the source file `entry` became. */
function emitted(bundle: Rollup.OutputBundle, entry: string): string {
  for (const file of Object.values(bundle)) {
    const sources = file.type === 'chunk' ? [file.facadeModuleId ?? ''] : (file.originalFileNames ?? []);
    if (sources.some((source) => resolve(source) === resolve(entry))) {
      if (entry.endsWith('.css') === file.fileName.endsWith('.css')) return file.fileName;
    }
  }
  throw new Error(`${existsSync(entry) ? 'the bundle has nothing of' : 'there is no'} ${entry}`);
}

/** The chunks that a chunk imports, and theirs. */
function imports(bundle: Rollup.OutputBundle, file: string, found = new Set<string>()): Set<string> {
  const chunk = bundle[file];
  for (const needed of chunk?.type === 'chunk' ? chunk.imports : []) {
    if (!found.has(needed)) imports(bundle, needed, found.add(needed));
  }
  return found;
}

/** The two upright faces, which every page shows above the fold. */
function firstFaces(bundle: Rollup.OutputBundle): string[] {
  return Object.keys(bundle).filter((file) => /latin-wght-normal.*\.woff2$/.test(file));
}
