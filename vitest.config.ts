import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 20_000,
    hookTimeout: 30_000,
    setupFiles: ['test/support/stuck-worker.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // Real processes, brokers and a browser share two cores in CI: one second try, which the summary reports.
    retry: process.env.CI ? 1 : 0,
  },
});
