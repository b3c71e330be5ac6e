import subsetFont from 'subset-font';
import type { Plugin } from 'vite';
import { remembered } from './cache.ts';

/** The weights in use; see theme.css. */
const WEIGHTS = { wght: { min: 400, max: 600 } };
/** Kerning, accents, and figures of one width: what the pages' text uses of a face. */
const FEATURES = ['kern', 'mark', 'mkmk', 'ccmp', 'locl', 'tnum'];

/** Leaves of each typeface the letters, weights and features that the pages use: half of its weight. */
export function fonts(): Plugin {
  return {
    name: 'orrery-fonts',
    apply: 'build',
    async generateBundle(_, bundle) {
      for (const [name, file] of Object.entries(bundle)) {
        if (file.type !== 'asset' || !name.endsWith('.woff2')) continue;
        const letters = name.includes('greek') ? range(0x370, 0x3ff) : LATIN;
        const options = { targetFormat: 'woff2', variationAxes: WEIGHTS, keepFeatures: FEATURES } as const;
        const font = Buffer.from(file.source);
        const inputs = [font, letters, JSON.stringify(options)];
        file.source = await remembered(inputs, () => subsetFont(font, letters, options));
      }
    },
  };
}

function range(from: number, to: number): string {
  return Array.from({ length: to - from + 1 }, (_, index) => String.fromCodePoint(from + index)).join('');
}

/** Western European text, with its punctuation. */
const LATIN = `${range(0x20, 0x7e)}${range(0xa0, 0xff)}ıŒœˆ˜–—‘’‚“”„†‡•…‰′″‹›⁄€™↑↓−∕`;
