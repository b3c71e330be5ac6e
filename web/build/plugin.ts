import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Plugin, Rollup } from 'vite';
import { Catalogue } from './catalogue.ts';
import { essay } from './essay.ts';
import { embedPage, exhibitPage } from './exhibit-page.ts';
import { galleryPage } from './gallery-page.ts';
import { type Html, html } from './html.ts';
import { missingPage, teachPage } from './plain-pages.ts';
import { poster } from './poster.ts';
import { fillShell, type Page, rootFrom } from './shell.ts';
import { Highlighter } from './source.ts';

/** Writes the site's pages and data beside the bundle that Vite makes. */
export function pages(generated: string): Plugin {
  return {
    name: 'orrery-pages',
    apply: 'build',
    generateBundle: {
      order: 'post',
      async handler(_, bundle) {
        const catalogue = new Catalogue(generated);
        const shell = readFileSync('index.html', 'utf8');
        const highlighter = await Highlighter.load();
        const head = (path: string, entries: string[], data?: string) =>
          headOf(bundle, rootFrom(path), entries, data);
        const emit = (fileName: string, source: string) => this.emitFile({ type: 'asset', fileName, source });
        const write = (page: Page) => emit(page.path, fillShell(shell, page));

        write(galleryPage(catalogue, head('index.html', ['web/app/gallery.css', 'web/app/gallery.ts'])));
        write(teachPage(head('teach/index.html', ['web/app/teach.css', 'embed.js'])));
        write(missingPage(head('404.html', ['web/app/teach.css'])));
        emit('data/manifest.json', JSON.stringify({ wings: catalogue.wings, exhibits: catalogue.cards }));
        for (const { slug } of catalogue.cards) {
          const exhibit = catalogue.exhibit(slug);
          const data = `data/exhibit/${slug}.js`;
          const paths = { own: `e/${slug}/index.html`, framed: `embed/${slug}/index.html` };
          const own = head(paths.own, ['web/app/exhibit.css', 'web/app/exhibit.ts'], data);
          const framed = head(paths.framed, ['web/app/exhibit.css', 'frame.js', 'embed.js'], data);
          try {
            const texts = { essay: essay(exhibit.essay), source: await highlighter.rust(exhibit.source) };
            write(exhibitPage(catalogue, exhibit, texts, own));
            write(embedPage(exhibit, texts, framed));
          } catch (error) {
            this.error(`${slug}: ${error instanceof Error ? error.message : error}`);
          }
          const { essay: _essay, source: _source, ...live } = exhibit;
          const record = `(globalThis.orreryExhibits ??= {})[${JSON.stringify(slug)}] = ${JSON.stringify(live)};\n`;
          emit(data, record);
          emit(
            `data/poster/${slug}.json`,
            JSON.stringify(poster(catalogue.poster(slug), exhibit.contenders)),
          );
        }
      },
    },
  };
}

/** The styles, scripts and data of a page. Names that are no source file are scripts at the root of the site. */
function headOf(bundle: Rollup.OutputBundle, root: string, entries: string[], data?: string): Html {
  const scripts: Html[] = data ? [html`<script src="${root}${data}" defer></script>`] : [];
  const styles = ['web/app/theme.css', ...entries.filter((entry) => entry.endsWith('.css'))];
  for (const entry of entries.filter((entry) => !entry.endsWith('.css'))) {
    if (entry.endsWith('.ts')) {
      const file = emitted(bundle, entry);
      for (const needed of imports(bundle, file))
        scripts.push(html`<link rel="modulepreload" href="${root}${needed}">`);
      scripts.push(html`<script type="module" src="${root}${file}"></script>`);
    } else {
      scripts.push(html`<script src="${root}${entry}" defer></script>`);
    }
  }
  // The theme's script stops the parser until the styles are there, so what runs later is asked for before it.
  const lines = [
    ...fonts(bundle).map(
      (font) => html`<link rel="preload" href="${root}${font}" as="font" type="font/woff2" crossorigin>`,
    ),
    ...scripts,
    ...styles.map((style) => html`<link rel="stylesheet" href="${root}${emitted(bundle, style)}">`),
    html`<script src="${root}theme.js"></script>`,
  ];
  return html`${lines.map((line) => html`${line}\n`)}`;
}

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
function fonts(bundle: Rollup.OutputBundle): string[] {
  return Object.keys(bundle).filter((file) => /latin-wght-normal.*\.woff2$/.test(file));
}
