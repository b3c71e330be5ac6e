import { createHighlighterCore, type HighlighterCore } from 'shiki/core';
import { createOnigurumaEngine } from 'shiki/engine/oniguruma';
import { remembered } from './cache.ts';
import { escapeText, Html } from './html.ts';

/**
 * The kinds of token the page tells apart. The security policy allows no inline styles, so the theme's colours are
 * only keys: each stands for one class.
 */
const KINDS = {
  c: ['comment', 'punctuation.definition.comment'],
  k: ['keyword', 'storage', 'variable.language', 'keyword.operator.new'],
  s: ['string', 'constant.character', 'punctuation.definition.string'],
  n: ['constant.numeric', 'constant.language'],
  t: ['entity.name.type', 'support.type', 'entity.name.class', 'entity.name.struct', 'storage.type.numeric'],
  f: ['entity.name.function', 'support.function', 'support.macro', 'meta.attribute'],
  '': ['punctuation', 'keyword.operator'],
} as const;

const color = (index: number) => `#0000${(index + 1).toString(16).padStart(2, '0')}`;
const classes = new Map(Object.keys(KINDS).map((name, index) => [color(index), name]));

const theme = {
  name: 'kinds',
  fg: '#000000',
  bg: '#ffffff',
  settings: Object.values(KINDS).map((scope, index) => ({
    scope: [...scope],
    settings: { foreground: color(index) },
  })),
};

/** Highlights Rust. One instance serves all pages. */
export class Highlighter {
  private constructor(private readonly shiki: HighlighterCore) {}

  static async load(): Promise<Highlighter> {
    const langs = [import('shiki/langs/rust.mjs')];
    const engine = createOnigurumaEngine(import('shiki/wasm'));
    return new Highlighter(await createHighlighterCore({ themes: [theme], langs, engine }));
  }

  /** `source` as spans with classes. */
  async rust(source: string): Promise<Html> {
    const markup = await remembered([JSON.stringify(KINDS), String(this.spans), source], () =>
      Buffer.from(this.spans(source)),
    );
    return new Html(markup.toString());
  }

  private spans(source: string): string {
    const lines = this.shiki.codeToTokensBase(source.trimEnd(), { lang: 'rust', theme: 'kinds' });
    const markup = lines.map((tokens) => {
      let line = '';
      let open = '';
      for (const token of tokens) {
        const kind = /\S/.test(token.content) ? (classes.get((token.color ?? '').toLowerCase()) ?? '') : open;
        if (kind !== open) {
          line += (open && '</span>') + (kind && `<span class="${kind}">`);
          open = kind;
        }
        line += escapeText(token.content);
      }
      return line + (open && '</span>');
    });
    return `<pre class="source" tabindex="0" aria-label="Source"><code>${markup.join('\n')}\n</code></pre>`;
  }
}
