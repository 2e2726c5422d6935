// The privacy switch: restarts, a disk that refuses writes, and several changes at once.
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { AuditLog } from '../../../src/audit/audit-log.js';
import { silentLog } from '../../../src/domain/log.js';
import { AppError } from '../../../src/errors.js';
import { PrivacySwitch, type PrivacySwitchParts } from '../../../src/privacy/privacy-switch.js';
import { SealedStore } from '../../../src/store/sealed-store.js';
import { tempDir } from '../../support/temp-dir.js';
import { gate, ScriptedCameras, startDevice } from './harness.js';

const { signal } = new AbortController();

interface Opened {
  privacy: PrivacySwitch;
  cameras: ScriptedCameras;
  store: SealedStore;
  audit: AuditLog;
  /** True: writes are refused. */
  disk: { full: boolean };
  /** Writes wait for it. */
  writes: { gate: Promise<void> };
  close(): Promise<void>;
}

async function open(folder: string): Promise<Opened> {
  const store = new SealedStore({ directory: join(folder, 'db'), masterKey: Buffer.alloc(32, 7), log: silentLog });
  const audit = new AuditLog({ store, clock: Date.now, log: silentLog });
  const cameras = new ScriptedCameras();
  const disk = { full: false };
  const writes = { gate: Promise.resolve() };
  const narrow: PrivacySwitchParts['store'] = {
    openSpace: (label) => store.openSpace(label),
    write: async (operations, note) => {
      await writes.gate;
      if (disk.full) throw new AppError('STORE_UNAVAILABLE', 'the disk is full');
      await store.write(operations, note);
    },
  };
  const privacy = new PrivacySwitch({ store: narrow, cameras, audit, log: silentLog });
  const parts = [store, audit, privacy];
  for (const part of parts) await part.start(signal);
  const close = async (): Promise<void> => {
    for (const part of [...parts].reverse()) await part.stop();
  };
  onTestFinished(close);
  return { privacy, cameras, store, audit, disk, writes, close };
}

async function changes({ audit }: Opened): Promise<unknown[]> {
  const { records } = await audit.list({}, { limit: 100 });
  return records.reverse().map(({ action, actor, subject }) => [action, actor, subject]);
}

describe('the switch', () => {
  test('is off at first, and opens nothing by itself', async () => {
    const { privacy, cameras } = await open(tempDir());
    expect([privacy.on, privacy.stored, cameras.privacy]).toEqual([false, true, false]);
    expect(privacy.health()).toEqual({ status: 'ok', facts: { on: false } });
  });

  test('closes all sources, is recorded in the audit log, and stays on over restarts', async () => {
    const folder = tempDir();
    const first = await open(folder);
    expect(await first.privacy.set(true, 'admin:a')).toEqual({ on: true, stored: true });
    expect([first.privacy.on, first.cameras.privacy]).toEqual([true, true]);
    expect(await changes(first)).toEqual([['privacy.changed', 'admin:a', { on: true }]]);
    await first.close();

    const second = await open(folder);
    expect([second.privacy.on, second.cameras.privacy]).toEqual([true, true]);
    expect(await second.privacy.set(false, 'admin:b')).toEqual({ on: false, stored: true });
    expect([second.privacy.on, second.cameras.privacy]).toEqual([false, false]);
    await second.close();

    const third = await open(folder);
    expect(third.cameras.privacy).toBe(false);
    expect(await changes(third)).toHaveLength(2);
  });

  test('answers when the sources are closed, not before', async () => {
    const opened = await open(tempDir());
    const { privacy, cameras } = opened;
    const closing = gate();
    cameras.closeGate = closing.promise;
    let answered = false;
    const change = privacy.set(true, 'cli').then(() => (answered = true));
    expect([privacy.on, cameras.privacy]).toEqual([true, true]);
    await expect.poll(() => changes(opened)).toHaveLength(1);
    expect(answered).toBe(false);
    closing.open();
    await change;
  });

  test('goes on even when the disk refuses, and reports that a restart would not know', async () => {
    const opened = await open(tempDir());
    const { privacy, cameras, disk } = opened;
    disk.full = true;
    expect(await privacy.set(true, 'cli')).toEqual({ on: true, stored: false });
    expect([privacy.on, privacy.stored, cameras.privacy]).toEqual([true, false, true]);
    expect(privacy.health().status).toBe('degraded');
    disk.full = false;
    expect(await privacy.set(true, 'cli')).toEqual({ on: true, stored: true });
    expect(privacy.health().status).toBe('ok');
    expect(await changes(opened)).toHaveLength(1);
  });

  test('does not go off when the disk refuses', async () => {
    const opened = await open(tempDir());
    const { privacy, cameras, disk } = opened;
    await privacy.set(true, 'cli');
    disk.full = true;
    await expect(privacy.set(false, 'cli')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect([privacy.on, cameras.privacy]).toEqual([true, true]);
    expect(await changes(opened)).toHaveLength(1);
    disk.full = false;
    expect(await privacy.set(false, 'cli')).toEqual({ on: false, stored: true });
  });

  test('that goes on while it is being turned off stays on, and opens no source in between', async () => {
    const folder = tempDir();
    const opened = await open(folder);
    const { privacy, cameras, writes } = opened;
    await privacy.set(true, 'cli');
    const lifted: boolean[] = [];
    const setPrivacy = cameras.setPrivacy.bind(cameras);
    cameras.setPrivacy = async (on) => {
      lifted.push(on);
      await setPrivacy(on);
    };
    const disk = gate();
    writes.gate = disk.promise;
    const off = privacy.set(false, 'a');
    const on = privacy.set(true, 'b');
    disk.open();
    expect(await off).toMatchObject({ on: true });
    expect(await on).toEqual({ on: true, stored: true });
    expect([privacy.on, lifted]).toEqual([true, [true]]);
    await opened.close();
    expect((await open(folder)).privacy.on).toBe(true);
  });

  test('keeps the last of several changes', async () => {
    const { privacy, cameras } = await open(tempDir());
    await Promise.all([true, false, true, false].map((on) => privacy.set(on, 'cli')));
    expect([privacy.on, privacy.stored, cameras.privacy]).toEqual([false, true, false]);
  });

  test('is on when its state cannot be read, until somebody changes it', async () => {
    const folder = tempDir();
    const first = await open(folder);
    const space = await first.store.openSpace('device');
    await first.store.write([space.put(Buffer.from('privacy'), Buffer.from('{"on":"perhaps"}'))]);
    await first.close();
    const second = await open(folder);
    expect([second.privacy.on, second.cameras.privacy]).toEqual([true, true]);
    expect(second.privacy.health()).toMatchObject({ status: 'degraded' });
    await second.privacy.set(false, 'cli');
    expect(second.privacy.health().status).toBe('ok');
    expect(second.cameras.privacy).toBe(false);
  });
});

describe('over the device API', () => {
  test('is shown while the audit log cannot be read', async () => {
    const device = await startDevice();
    onTestFinished(() => device.close());
    device.audit.list = () => Promise.reject(new AppError('STORE_UNAVAILABLE', 'the disk is broken'));
    const { status, body } = await device.call('GET', '/privacy');
    expect([status, body]).toMatchObject([200, { on: false, stored: true }]);
    expect(body).not.toHaveProperty('changedBy');
  });

  test('is shown and changed', async () => {
    const device = await startDevice();
    onTestFinished(() => device.close());
    const retention = { unknownFacesHours: 24, unknownFacesMax: 10, eventsHours: 168, eventsMax: 1_000 };
    expect((await device.call('GET', '/privacy')).body).toEqual({ on: false, stored: true, retention });
    const on = await device.call('PUT', '/privacy', { on: true });
    expect([on.status, on.body]).toEqual([200, { on: true, stored: true }]);
    const state = (await device.call('GET', '/privacy')).body;
    const changedAt = expect.stringMatching(/^\d{4}-.*Z$/) as string;
    expect(state).toEqual({ on: true, stored: true, changedAt, changedBy: 'admin:front-desk', retention });
    expect((await device.call('GET', '/cameras')).body).toMatchObject({
      privacy: true,
      cameras: [{ state: 'private' }, {}],
    });
    expect((await device.call('PUT', '/privacy', { on: false })).body).toEqual({ on: false, stored: true });
    expect((await device.audited()).slice(1)).toEqual([
      ['privacy.changed', 'admin:front-desk', { on: true }],
      ['privacy.changed', 'admin:front-desk', { on: false }],
    ]);
  });

  test('answers 503 when it cannot be turned off, and stays on', async () => {
    const device = await startDevice();
    onTestFinished(() => device.close());
    await device.call('PUT', '/privacy', { on: true });
    device.store.write = async () => {
      throw new AppError('STORE_UNAVAILABLE', 'the disk is full');
    };
    const { status, body } = await device.call('PUT', '/privacy', { on: false });
    expect([status, body.error.code]).toEqual([503, 'STORE_UNAVAILABLE']);
    expect((await device.call('GET', '/privacy')).body).toMatchObject({ on: true, stored: true });
  });
});
