// The check of the audit log while the service runs: in slices, one at a time, and ended with the service.
import { expect, test } from 'vitest';
import { AuditCheck, type AuditCheckParts } from '../../src/audit/audit-check.js';
import { chainEntry, GENESIS, type AuditHead } from '../../src/audit/audit-record.js';
import type { AuditLine } from '../../src/audit/audit-space.js';
import { systemTimers } from '../../src/domain/time.js';
import { AppError } from '../../src/errors.js';
import { ManualTimers, settle } from '../camera/manual-timers.js';
import { temporaryDirectory } from '../store/support.js';
import { openAudit } from './support.js';

const AT = '2026-05-01T00:00:00.000Z';

/** Makes the lines of a log. */
function makeLines(count: number): AuditLine[] {
  let head: AuditHead = GENESIS;
  const lines: AuditLine[] = Array.from({ length: count }, (_, i) => {
    const record = chainEntry(head, { action: 'camera.viewed', actor: 'admin:a', subject: { cameraId: `c${i}` } }, AT);
    head = record;
    return { kind: 'entry', record };
  });
  return [...lines, { kind: 'head', head: { sequence: head.sequence, hash: head.hash } }, { kind: 'root' }];
}

async function* give(lines: readonly AuditLine[]): AsyncGenerator<AuditLine> {
  yield* lines;
}

function openCheck(parts: Partial<AuditCheckParts>): AuditCheck {
  const rest = { count: () => 0, clock: () => 1_000, monotonic: () => 0, timers: systemTimers };
  return new AuditCheck({ read: () => give([]), ...rest, ...parts });
}

async function waitUntilOver(check: AuditCheck): Promise<void> {
  await expect.poll(() => check.state.state, { timeout: 20_000, interval: 10 }).not.toBe('running');
}

test('a log that is whole is declared so, with its head', async () => {
  const { audit, stop } = await openAudit(await temporaryDirectory());
  for (let i = 0; i < 20; i++)
    await audit.append({ action: 'camera.viewed', actor: 'cli', subject: { cameraId: 'c' } });
  expect(audit.check.state).toEqual({ state: 'none' });
  audit.check.begin();
  expect(audit.check.state).toMatchObject({ state: 'running', entries: 20 });
  await waitUntilOver(audit.check);
  expect(audit.check.state).toMatchObject({ state: 'done', report: { ok: true, entries: 20, head: audit.head } });
  expect(audit.health().status).toBe('ok');
  await stop();
});

test('a log with an altered entry is declared damaged, also by the health', async () => {
  const { audit, store, stop } = await openAudit(await temporaryDirectory());
  for (const cameraId of ['a', 'b', 'c']) {
    await audit.append({ action: 'camera.viewed', actor: 'cli', subject: { cameraId } });
  }
  const record = await audit.find(2);
  const key = Buffer.from([0x65, 0, 0, 0, 0, 0, 0, 0, 2]);
  const altered = { ...record, subject: { cameraId: 'other' } };
  await store.write([audit.space.put(key, Buffer.from(JSON.stringify(altered)))]);
  audit.check.begin();
  await waitUntilOver(audit.check);
  const { state } = audit.check;
  expect(state).toMatchObject({
    state: 'done',
    report: { ok: false, problemCount: 1, problems: ['entry 2 was altered: its hash does not match its contents'] },
  });
  expect(audit.health()).toMatchObject({ status: 'degraded' });
  await stop();
});

test('the check rests three times as long as it worked, and says how far it is', async () => {
  const timers = new ManualTimers();
  let monotonicMs = 0;
  const lines = makeLines(10);
  // Each entry takes 2.5 ms: a slice of 5 ms has two of them.
  const monotonic = () => (monotonicMs += 2.5);
  const check = openCheck({ read: () => give(lines), count: () => 10, monotonic, timers });
  check.begin();
  await settle();
  expect(check.state).toMatchObject({ state: 'running', examined: 2, entries: 10 });
  await timers.advance(14);
  expect(check.state).toMatchObject({ examined: 2 });
  await timers.advance(1);
  await settle();
  expect(check.state).toMatchObject({ examined: 4 });
  await timers.advance(100);
  await settle();
  expect(check.state).toMatchObject({ state: 'done', report: { ok: true, entries: 10 } });
});

test('while a check is under way no other one begins', async () => {
  let reads = 0;
  const timers = new ManualTimers();
  let monotonicMs = 0;
  const read = (): AsyncIterable<AuditLine> => {
    reads++;
    return give(makeLines(4));
  };
  const check = openCheck({ read, timers, monotonic: () => (monotonicMs += 10) });
  check.begin();
  check.begin();
  await settle();
  check.begin();
  expect(reads).toBe(1);
  await timers.advance(1_000);
  await settle();
  expect(check.state.state).toBe('done');
  check.begin();
  expect(reads).toBe(2);
});

test('a stop ends the check at once, and closes what it reads', async () => {
  let isClosed = false;
  async function* endless(): AsyncGenerator<AuditLine> {
    try {
      for (;;) yield* makeLines(1).slice(0, 1);
    } finally {
      isClosed = true;
    }
  }
  let monotonicMs = 0;
  const check = openCheck({ read: endless, timers: new ManualTimers(), monotonic: () => (monotonicMs += 10) });
  check.begin();
  await settle();
  expect(check.state.state).toBe('running');
  await check.stop();
  expect(isClosed).toBe(true);
  expect(check.state).toMatchObject({ state: 'failed', detail: expect.stringContaining('stops') as string });
});

test('a log that cannot be read makes the check fail, with the reason', async () => {
  const check = openCheck({
    read: async function* () {
      throw new AppError('STORE_UNAVAILABLE', 'the disk is gone');
    },
  });
  check.begin();
  await waitUntilOver(check);
  expect(check.state).toMatchObject({ state: 'failed', detail: expect.stringContaining('the disk is gone') as string });
});

test('one entry is found by its number, and entries by what they are about', async () => {
  const { audit, stop } = await openAudit(await temporaryDirectory());
  for (const cameraId of ['a', 'b', 'a']) {
    await audit.append({ action: 'camera.viewed', actor: 'cli', subject: { cameraId, live: true } });
  }
  expect(await audit.find(2)).toMatchObject({
    sequence: 2,
    subject: { cameraId: 'b' },
    previous: (await audit.find(1))?.hash,
  });
  expect(await audit.find(4)).toBeUndefined();
  const list = async (about: string) =>
    (await audit.list({ about }, { limit: 10 })).records.map(({ sequence }) => sequence);
  expect(await list('a')).toEqual([3, 1]);
  expect(await list('true')).toEqual([3, 2, 1]);
  expect(await list('cameraId')).toEqual([]);
  await stop();
});
