import { defineConfig } from 'vitest/config';

/**
 * Two outputs from one config. The plain build makes the pages' modules, styles and fonts and prerenders the
 * pages; `--mode embed` makes `embed.js`, the same exhibit element as one classic script for foreign pages.
 */
export default defineConfig(({ mode }) => {
  const embed = mode === 'embed';
  return {
    base: './',
    publicDir: embed ? false : 'web/public',
    worker: { format: 'iife' },
    build: {
      outDir: 'dist',
      emptyOutDir: !embed,
      target: 'es2022',
      modulePreload: { polyfill: false },
      rolldownOptions: embed
        ? { input: 'web/exhibit/embed.ts', output: { format: 'iife', entryFileNames: 'embed.js' } }
        : { input: { gallery: 'web/app/gallery.ts', exhibit: 'web/app/exhibit.ts' } },
    },
    test: { include: ['web/**/*.test.ts'], passWithNoTests: true },
  };
});
