// The tests in two tiers. `npm test` runs the quick one: it needs no models that are downloaded, and takes less than two minutes. Tests of the
// full tier that measure times run one after the other, behind the others.
import { defineConfig } from 'vitest/config';

/** Tests that need the models, play clips, run for long on purpose, or start the whole service. */
const FULL_TIER = [
  'test/{e2e,hostile,conformance,rendered-people,vision,systemd}/**',
  'test/**/kills.test.ts',
  'test/api/device/enrol.test.ts',
  'test/camera/{stream,stream-faults,camera-files,habits}.test.ts',
  'test/cli/{scripts.test.ts,enrol/{enrol,photos}.test.ts,models/*-command*.test.ts}',
  'test/events/broker-faults.test.ts',
  'test/models/{builtin-set,set-precision}.test.ts',
  'test/native/{capture-sources,leak,threads,upright}.test.ts',
  'test/privacy/no-picture.test.ts',
];

/** Tests of the full tier that measure how long a whole service takes while others load it, or follow a stream in real time. */
const TIMED = [
  'test/camera/{stream,stream-faults}.test.ts',
  'test/e2e/{camera-to-mqtt,demo,device,offline,stop}.test.ts',
  'test/events/broker-faults.test.ts',
  'test/hostile/{bodies,bombs,broker,connections,costs,siege,slow}.test.ts',
  'test/vision/{job-lanes,job-limits}.test.ts',
];

export default defineConfig({
  test: {
    pool: 'forks',
    setupFiles: ['test/support/umask.ts'],
    maxWorkers: '100%',
    testTimeout: 30_000,
    hookTimeout: 60_000,
    projects: [
      { extends: true, test: { name: 'quick', include: ['test/**/*.test.ts'], exclude: FULL_TIER } },
      { extends: true, test: { name: 'full', include: FULL_TIER.map(onlyTestFiles), exclude: TIMED } },
      { extends: true, test: { name: 'timed', include: TIMED, maxWorkers: 1, sequence: { groupOrder: 1 } } },
    ],
    coverage: { include: ['src/**/*.ts'], reporter: ['text-summary', 'json-summary'], reportOnFailure: true },
  },
});

function onlyTestFiles(pattern: string): string {
  return pattern.endsWith('/**') ? `${pattern}/*.test.ts` : pattern;
}
