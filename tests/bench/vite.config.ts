import { defineConfig } from 'vite';

/** The page in which the kernels and their peers take turns. */
export default defineConfig({
  root: 'tests/bench/page',
  base: './',
  publicDir: false,
  logLevel: 'warn',
  build: {
    target: 'es2022',
    // A library's WebAssembly stays a file of its own, as its users have it.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 10_000,
    emptyOutDir: true,
    rollupOptions: { input: ['index', 'gpu'].map((name) => `tests/bench/page/${name}.html`) },
  },
});
