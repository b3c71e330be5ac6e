import { defineConfig } from 'vitest/config';

/** The kernels beside their peers, one at a time. */
export default defineConfig({
  test: {
    root: '.',
    include: ['tests/bench/drive.ts'],
    testTimeout: 3_600_000,
    reporters: ['tree'],
  },
});
