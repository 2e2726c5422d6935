// The tests in two tiers. `npm test` runs the quick one: it needs no models that are downloaded, and takes less than two minutes.
import { defineConfig } from 'vitest/config';

/** Tests that need the models, play clips, run for long on purpose, or start the whole service. */
const FULL_TIER = [
  'test/{e2e,hostile,conformance,rendered-people,vision,systemd}/**',
  'test/**/kills.test.ts',
  'test/api/device/enrol.test.ts',
  'test/camera/{stream,stream-faults,camera-files}.test.ts',
  'test/cli/{scripts.test.ts,enrol/{enrol,photos}.test.ts,models/*-command*.test.ts}',
  'test/events/broker-faults.test.ts',
  'test/models/{builtin-set,set-precision}.test.ts',
  'test/native/{capture-sources,leak,threads,upright}.test.ts',
  'test/privacy/no-picture.test.ts',
];

export default defineConfig({
  test: {
    pool: 'forks',
    setupFiles: ['test/support/umask.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    projects: [
      { extends: true, test: { name: 'quick', include: ['test/**/*.test.ts'], exclude: FULL_TIER } },
      { extends: true, test: { name: 'full', include: FULL_TIER.map(onlyTestFiles) } },
    ],
    coverage: { include: ['src/**/*.ts'], reporter: ['text-summary', 'json-summary'], reportOnFailure: true },
  },
});

function onlyTestFiles(pattern: string): string {
  return pattern.endsWith('/**') ? `${pattern}/*.test.ts` : pattern;
}
