// The entries of the service itself: its starts, and changes of the configuration and of the keys, while it runs and while it does not.
import { describe, expect, test } from 'vitest';
import { combineDigests, digestConfig, listChangedPaths } from '../../src/audit/config-paths.js';
import { ServiceEntries, type ListedKey } from '../../src/audit/service-entries.js';
import { KNOWN_KEY } from '../../src/audit/audit-space.js';
import { configSchema } from '../../src/config/schema.js';
import { silentLog } from '../../src/domain/log.js';
import { ManualTimers } from '../camera/manual-timers.js';
import { temporaryDirectory } from '../store/support.js';
import { openAudit, readRecords, type OpenAudit } from './support.js';

interface Start {
  config?: object;
  version?: string;
  keys?: readonly ListedKey[];
}

/** The service's start and stop, with what it noted in between; `during` may move the time. */
async function serve(
  { audit, store }: OpenAudit,
  { config = {}, version = '1.0.0', keys = [] }: Start,
  during: (timers: ManualTimers, setKeys: (keys: readonly ListedKey[]) => void) => Promise<void> = async () =>
    undefined,
): Promise<unknown[]> {
  const timers = new ManualTimers();
  let listed = keys;
  const before = (await readRecords(store)).length;
  const entries = new ServiceEntries({ audit, store, config, version, keys: () => listed, timers, log: silentLog });
  await entries.start();
  await during(timers, (now) => (listed = now));
  await entries.stop();
  expect(timers.waitingMs).toEqual([]);
  return (await readRecords(store)).slice(before).map(({ action, actor, subject }) => ({ action, actor, subject }));
}

const started = (version = '1.0.0'): unknown => ({
  action: 'service.started',
  actor: 'service',
  subject: { version, config: expect.stringMatching(/^[0-9a-f]{16}$/) as string },
});

describe('a start', () => {
  test('is recorded with the version; the first start compares nothing', async () => {
    const open = await openAudit(await temporaryDirectory());
    const config = { http: { port: 1 } };
    expect(await serve(open, { config })).toEqual([started()]);
    expect(await serve(open, { config, version: '1.1.0' })).toEqual([started('1.1.0')]);
  });

  test('records which settings changed, and no value', async () => {
    const open = await openAudit(await temporaryDirectory());
    const camera = { id: 'gate', threshold: 90, group: 'staff' };
    await serve(open, { config: { http: { port: 1, host: 'secret-host' }, cameras: [camera] } });
    const changed = {
      http: { port: 2, host: 'secret-host' },
      cameras: [{ ...camera, threshold: 50 }],
      webhook: { url: 'u' },
    };
    expect(await serve(open, { config: changed })).toEqual([
      started(),
      {
        action: 'config.changed',
        actor: 'service',
        subject: { paths: 'cameras[gate].threshold, http.port, webhook.url', count: 3 },
      },
    ]);
    expect(JSON.stringify(await readRecords(open.store))).not.toContain('secret-host');
  });

  test('limits the list of changes, and counts all of them', async () => {
    const open = await openAudit(await temporaryDirectory());
    await serve(open, {});
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`k${String(i).padStart(3, '0')}`, i]));
    const [, entry] = await serve(open, { config: many });
    const { subject } = entry as { subject: { paths: string; count: number } };
    expect(subject.count).toBe(200);
    expect(subject.paths.split(', ')).toHaveLength(50);
  });

  test('continues when the record of the last start cannot be read', async () => {
    const open = await openAudit(await temporaryDirectory());
    await serve(open, { config: { a: 1 } });
    await open.store.write([open.audit.space.put(KNOWN_KEY, Buffer.from('{'))]);
    expect(await serve(open, { config: { a: 2 } })).toEqual([started()]);
    expect(await serve(open, { config: { a: 3 } })).toHaveLength(2);
  });
});

describe('the appKeys', () => {
  const key = (id: string, revokedAt?: string): ListedKey => ({ id, name: `name-${id}`, revokedAt });
  const entry = (action: string, id: string, actor = 'cli', more = {}): unknown => ({
    action,
    actor,
    subject: { id, name: `name-${id}`, ...more },
  });

  test("made at the first start are the service's, later ones of the command line", async () => {
    const open = await openAudit(await temporaryDirectory());
    expect(await serve(open, { keys: [key('a')] })).toEqual([started(), entry('key.created', 'a', 'service')]);
    const later = [key('a', 'today'), key('b'), key('c', 'today')];
    expect(await serve(open, { keys: later })).toEqual([
      started(),
      entry('key.revoked', 'a'),
      entry('key.created', 'b'),
      entry('key.created', 'c'),
      entry('key.revoked', 'c'),
    ]);
    expect(await serve(open, { keys: later })).toEqual([started()]);
  });

  test('are followed while the service runs, each change recorded once', async () => {
    const open = await openAudit(await temporaryDirectory());
    const noted = await serve(open, { keys: [key('a')] }, async (timers, setKeys) => {
      await timers.advance(30_000);
      setKeys([key('a'), key('b')]);
      await timers.advance(10_000);
      await open.store.idle();
      await timers.advance(20_000);
    });
    expect(noted).toEqual([started(), entry('key.created', 'a', 'service'), entry('key.created', 'b')]);
  });

  test('are recorded as revoked when they disappear from the file', async () => {
    const open = await openAudit(await temporaryDirectory());
    await serve(open, { keys: [key('a'), key('b')] });
    expect(await serve(open, { keys: [key('b')] })).toEqual([
      started(),
      entry('key.revoked', 'a', 'cli', { removedFromFile: true }),
    ]);
  });

  test('are recorded with their kind, also when they are removed', async () => {
    const open = await openAudit(await temporaryDirectory());
    const keys = [{ ...key('a'), kind: 'admin' }];
    expect(await serve(open, { keys })).toEqual([started(), entry('key.created', 'a', 'service', { kind: 'admin' })]);
    expect(await serve(open, {})).toEqual([
      started(),
      entry('key.revoked', 'a', 'cli', { kind: 'admin', removedFromFile: true }),
    ]);
  });

  test('are compared again after the registry could not be read for a while', async () => {
    const open = await openAudit(await temporaryDirectory());
    let listed: (() => ListedKey[]) | undefined = () => [];
    const timers = new ManualTimers();
    const keys = (): ListedKey[] => {
      if (!listed) throw new Error('unreadable');
      return listed();
    };
    const part = new ServiceEntries({
      audit: open.audit,
      store: open.store,
      config: {},
      version: '1',
      keys,
      timers,
      log: silentLog,
    });
    await part.start();
    listed = undefined;
    await timers.advance(10_000);
    expect(await readRecords(open.store)).toHaveLength(1);
    listed = () => [key('a')];
    await timers.advance(10_000);
    await part.stop();
    expect((await readRecords(open.store)).map(({ action }) => action)).toEqual(['service.started', 'key.created']);
  });
});

describe('paths of a configuration', () => {
  test.each([
    [{ a: 1 }, { a: 1 }, []],
    [{ a: { b: [1, 2] } }, { a: { b: [1, 3] } }, ['a.b[1]']],
    [{ a: [] }, { a: [{ id: 'x', v: 1 }] }, ['a[x].id', 'a[x].v']],
    [
      { a: [{ id: 'x', v: 1 }] },
      {
        a: [
          { id: 'new', v: 1 },
          { id: 'x', v: 1 },
        ],
      },
      ['a[new].id', 'a[new].v'],
    ],
    [{ a: null }, { a: false }, ['a']],
    [{ a: '1' }, { a: 1 }, ['a']],
    [{ a: undefined }, {}, []],
  ])('from %j to %j', (before, now, paths) => {
    expect(listChangedPaths(digestConfig(before), digestConfig(now))).toEqual(paths);
  });

  test('have the digests that version 0.1.0 stored', () => {
    const digests = digestConfig({
      http: { port: 8080, host: '::' },
      cameras: [{ id: 'gate', threshold: 90.5 }],
      list: [true, null, 'é'],
    });
    expect(digests).toEqual({
      'http.port': '6c237681e7092160',
      'http.host': '5e0f6b19ad88ce1a',
      'cameras[gate].id': '4f83d3c80ad2f21a',
      'cameras[gate].threshold': '0e12e32bfa98b7f1',
      'list[0]': 'b5bea41b6c623f7c',
      'list[1]': '74234e98afe7498f',
      'list[2]': 'f2886017e9c7abac',
    });
    expect(combineDigests(digests)).toBe('4f74c331e2b7940b');
  });

  test('the whole configuration can be compared', () => {
    const config = configSchema.parse({});
    expect(listChangedPaths(digestConfig(config), digestConfig({ ...config, deviceId: 'other' }))).toEqual([
      'deviceId',
    ]);
  });
});
