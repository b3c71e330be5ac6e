import { defineConfig } from 'vitest/config';

/** The built site in a real Chromium. Two pages at a time, which is what two cores take. */
export default defineConfig({
  test: {
    root: '.',
    include: ['tests/e2e/**/*.test.ts'],
    globalSetup: 'tests/e2e/host.ts',
    fileParallelism: false,
    maxConcurrency: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
