import { defineConfig } from 'vitest/config';

/** Times and sizes, one page at a time. */
export default defineConfig({
  test: {
    root: '.',
    include: ['tests/e2e/measure.ts'],
    globalSetup: 'tests/e2e/host.ts',
    testTimeout: 3_600_000,
    reporters: ['tree'],
    silent: false,
  },
});
