import { readFileSync } from 'node:fs';
import type { Plugin } from 'vite';
import { Catalogue } from './catalogue.ts';
import { computePage } from './compute-page.ts';
import { essay } from './essay.ts';
import { embedPage, exhibitPage } from './exhibit-page.ts';
import { galleryPage } from './gallery-page.ts';
import { headOf, type Needs } from './head.ts';
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
        const head = (path: string, needs: Needs) => headOf(bundle, rootFrom(path), needs);
        const emit = (fileName: string, source: string) => this.emitFile({ type: 'asset', fileName, source });
        const write = (page: Page) => emit(page.path, fillShell(shell, page));

        const gallery: Needs = { style: 'web/app/gallery.css', module: 'web/app/gallery.ts' };
        write(galleryPage(catalogue, head('index.html', gallery)));
        write(teachPage(head('teach/index.html', { style: 'web/app/teach.css', scripts: ['embed.js'] })));
        write(
          computePage(
            head('compute/index.html', { style: 'web/app/compute.css', module: 'web/app/compute.ts' }),
          ),
        );
        const missing: Needs = { style: 'web/app/teach.css', module: 'web/app/missing.ts' };
        write(missingPage((root) => headOf(bundle, root, missing)));
        emit('data/manifest.json', JSON.stringify({ wings: catalogue.wings, exhibits: catalogue.cards }));
        for (const { slug } of catalogue.cards) {
          const exhibit = catalogue.exhibit(slug);
          const data = `data/exhibit/${slug}.js`;
          const style = 'web/app/exhibit.css';
          const own = head(`e/${slug}/index.html`, { style, module: 'web/app/exhibit.ts', scripts: [data] });
          const framed = head(`embed/${slug}/index.html`, {
            style,
            scripts: [data, 'frame.js', 'embed.js'],
            framed: true,
          });
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
