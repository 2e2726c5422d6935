// The tests in tiers. `npm test` runs the quick one: it needs no models that are downloaded, and takes some three minutes on two cores.
import { defineConfig } from 'vitest/config';

/** Tests that need the models, play clips, run for long on purpose, or start the whole service. */
const FULL_TIER = [
  'test/{console,e2e,hostile,conformance,rendered-people,vision,systemd}/**',
  'test/**/kills.test.ts',
  'test/api/device/enrol.test.ts',
  'test/camera/{stream,stream-faults,camera-files,habits}.test.ts',
  'test/cli/{scripts.test.ts,enrol/{enrol,photos}.test.ts,models/*-command*.test.ts}',
  'test/events/broker-faults.test.ts',
  'test/fleet/faults.test.ts',
  'test/models/{builtin-set,form-agreement,set-precision}.test.ts',
  'test/native/{capture-sources,leak,threads,upright}.test.ts',
  'test/privacy/no-picture.test.ts',
];

/** Tests of the full tier that follow a stream or a time limit in real time, and wait most of the time: they share the machine with one another alone. */
const PACED = [
  'test/camera/{stream,stream-faults}.test.ts',
  'test/console/privacy.test.ts',
  'test/e2e/{demo,device,fleet-demo,offline,stop}.test.ts',
  'test/events/broker-faults.test.ts',
  'test/hostile/{broker,fleet,slow}.test.ts',
  'test/vision/job-limits.test.ts',
];

/**
 * Tests of the full tier that measure how long a whole service takes while others load it, or need every frame of a camera: they run one after
 * the other, behind all others.
 */
const TIMED = [
  'test/e2e/{camera-to-mqtt,challenge}.test.ts',
  'test/fleet/faults.test.ts',
  'test/hostile/{bodies,bombs,connections,costs,siege}.test.ts',
  'test/vision/job-lanes.test.ts',
];

export default defineConfig({
  test: {
    pool: 'forks',
    setupFiles: ['test/support/umask.ts'],
    // Not more than there are processors: beside two others, a browser and its service are too slow for the limits of their tests.
    maxWorkers: '100%',
    testTimeout: 30_000,
    hookTimeout: 60_000,
    projects: [
      // Files that share a process load the modules once. On two cores, 82 files took 52 s of processor time in place of 76 s (November 2026).
      { extends: true, test: { name: 'quick', include: ['test/**/*.test.ts'], exclude: FULL_TIER, isolate: false } },
      { extends: true, test: { name: 'full', include: FULL_TIER.map(onlyTestFiles), exclude: [...PACED, ...TIMED] } },
      { extends: true, test: { name: 'paced', include: PACED, maxWorkers: 2, sequence: { groupOrder: 1 } } },
      { extends: true, test: { name: 'timed', include: TIMED, maxWorkers: 1, sequence: { groupOrder: 2 } } },
    ],
    // The console runs in browsers, where test/console tries it.
    coverage: {
      include: ['src/**/*.ts'],
      exclude: ['src/console/**'],
      reporter: ['text-summary', 'json-summary'],
      reportOnFailure: true,
    },
  },
});

function onlyTestFiles(pattern: string): string {
  return pattern.endsWith('/**') ? `${pattern}/*.test.ts` : pattern;
}
