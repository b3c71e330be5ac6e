import { defineConfig } from 'vitest/config';
import { classic } from './web/build/classic.ts';
import { fonts } from './web/build/fonts.ts';
import { pages } from './web/build/plugin.ts';

/** Modules, styles and fonts for our own pages; the pages themselves; and the scripts that run anywhere. */
export default defineConfig({
  base: './',
  publicDir: 'web/public',
  worker: { format: 'iife' },
  build: {
    outDir: 'dist',
    target: 'es2022',
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rolldownOptions: {
      checks: { pluginTimings: false },
      input: [
        'web/app/fonts.css',
        'web/app/theme.css',
        'web/app/gallery.css',
        'web/app/exhibit.css',
        'web/app/teach.css',
        'web/app/compute.css',
        'web/app/gallery.ts',
        'web/app/exhibit.ts',
        'web/app/compute.ts',
        'web/app/missing.ts',
      ],
    },
  },
  plugins: [
    fonts(),
    pages('web/generated'),
    classic({
      'embed.js': 'web/exhibit/embed.ts',
      'theme.js': 'web/app/theme.ts',
      'frame.js': 'web/app/frame.ts',
    }),
  ],
  test: { include: ['web/**/*.test.ts'], passWithNoTests: true },
});
