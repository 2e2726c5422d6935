// The entries of the service itself: its starts, and changes of the configuration.
import { describe, expect, test } from 'vitest';
import { combineDigests, digestConfig, listChangedPaths } from '../../src/audit/config-paths.js';
import { ServiceEntries } from '../../src/audit/service-entries.js';
import { KNOWN_KEY } from '../../src/audit/audit-space.js';
import { configSchema } from '../../src/config/schema.js';
import { silentLog } from '../../src/domain/log.js';
import { temporaryDirectory } from '../store/support.js';
import { openAudit, readRecords, type OpenAudit } from './support.js';

/** Starts and stops the part. @returns the entries that it wrote */
async function serve(
  { audit, store }: OpenAudit,
  { config = {}, version = '1.0.0' }: { config?: object; version?: string } = {},
): Promise<unknown[]> {
  const before = (await readRecords(store)).length;
  const entries = new ServiceEntries({ audit, store, config, version, log: silentLog });
  await entries.start();
  await entries.stop();
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

  test('reads the record of Lintel 0.2, which also held the keys', async () => {
    const open = await openAudit(await temporaryDirectory());
    const known = { config: digestConfig({ a: 1 }), keys: { x: { name: 'x', revoked: false } } };
    await open.store.write([open.audit.space.put(KNOWN_KEY, Buffer.from(JSON.stringify(known)))]);
    expect(await serve(open, { config: { a: 2 } })).toEqual([
      started(),
      { action: 'config.changed', actor: 'service', subject: { paths: 'a', count: 1 } },
    ]);
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
