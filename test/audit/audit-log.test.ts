// The audit log: its chain, its pages, what it shares a batch with, and what a check of it finds.
import { describe, expect, test } from 'vitest';
import { canonicalJson, chained, hashOf, GENESIS, type AuditRecord } from '../../src/audit/audit-record.js';
import { HEAD_KEY, encodeRecord, entryKey } from '../../src/audit/audit-space.js';
import type { AuditEntry } from '../../src/domain/audit.js';
import type { Operation, Space } from '../../src/store/sealed-store.js';
import { newFace, staff } from '../gallery/faces.js';
import { temporaryDirectory, withCode } from '../store/support.js';
import { randomNumbers } from '../store/values.js';
import { openAudit, recordsOf, type OpenAudit } from './support.js';

const viewed = (cameraId: string): AuditEntry => ({
  action: 'camera.viewed',
  actor: 'admin:front',
  subject: { cameraId },
});

async function withEntries(count: number, directory?: string): Promise<OpenAudit> {
  const open = await openAudit(directory ?? (await temporaryDirectory()), () => Date.UTC(2026, 4, 1));
  for (let i = 1; i <= count; i++) await open.audit.append(viewed(`c${i}`));
  return open;
}

describe('the chain', () => {
  test('numbers from 1, each with the hash of the one before, over a restart', async () => {
    const directory = await temporaryDirectory();
    const first = await withEntries(2, directory);
    await first.stop();
    const { store, audit } = await withEntries(1, directory);
    const records = await recordsOf(store);
    expect(records.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    expect(records.map(({ previous }) => previous)).toEqual([GENESIS.hash, records[0].hash, records[1].hash]);
    expect(records.map(hashOf)).toEqual(records.map(({ hash }) => hash));
    expect(records[0]).toMatchObject({ ...viewed('c1'), at: '2026-05-01T00:00:00.000Z' });
    expect(audit.head).toEqual({ sequence: 3, hash: records[2].hash });
    expect(audit.health()).toEqual({ status: 'ok', facts: { entries: 3 } });
    expect(await audit.verify()).toMatchObject({ ok: true, entries: 3, head: audit.head, problems: [] });
  });

  test('the hash is that of the canonical JSON, whatever the order of the fields', () => {
    const record = chained(GENESIS, { ...viewed('é'), subject: { b: 1, a: true } }, '2026-05-01T00:00:00.000Z');
    // Computed apart: printf %s '…' | sha256sum.
    expect(canonicalJson({ ...record, hash: undefined })).toBe(
      `{"action":"camera.viewed","actor":"admin:front","at":"2026-05-01T00:00:00.000Z","previous":"${'0'.repeat(64)}","sequence":1,"subject":{"a":true,"b":1}}`,
    );
    expect(record.hash).toBe('a4f7b07f501a66bfad5adf71a133e5f0b4b36b4c15e7f482af0801f80b4c9e60');
    expect(hashOf({ ...record, subject: { a: true, b: 1 } })).toBe(record.hash);
  });

  test('entries of one moment share batches and keep the order of the calls', async () => {
    const { store, audit } = await openAudit(await temporaryDirectory());
    const before = store.stats().batches;
    await Promise.all(Array.from({ length: 100 }, (_, i) => audit.append(viewed(String(i)))));
    expect(store.stats().batches - before).toBeLessThan(5);
    expect((await recordsOf(store)).map(({ subject }) => subject.cameraId)).toEqual(
      Array.from({ length: 100 }, (_, i) => String(i)),
    );
    expect(audit.stats()).toEqual({ entries: 100, appended: 100 });
  });

  test('is closed before its start and after its stop', async () => {
    const { audit } = await withEntries(1);
    await audit.stop();
    await expect(audit.append(viewed('x'))).rejects.toEqual(withCode('STOPPED'));
    await expect(audit.list({}, { limit: 1 })).rejects.toEqual(withCode('STOPPED'));
    expect(audit.health().status).toBe('failed');
  });
});

describe('a listing', () => {
  test('is newest first, in pages, by action and by actor', async () => {
    const { audit } = await withEntries(5);
    await audit.append({ action: 'privacy.changed', actor: 'cli', subject: { on: true } });
    const all: number[] = [];
    let before: number | undefined;
    do {
      const page = await audit.list({}, { limit: 2, ...(before === undefined ? {} : { before }) });
      all.push(...page.records.map(({ sequence }) => sequence));
      before = page.nextBefore;
    } while (before !== undefined);
    expect(all).toEqual([6, 5, 4, 3, 2, 1]);
    expect((await audit.list({ actor: 'cli' }, { limit: 9 })).records.map(({ sequence }) => sequence)).toEqual([6]);
    const viewings = await audit.list({ action: 'camera.viewed' }, { limit: 2, before: 3 });
    expect(viewings.records.map(({ subject }) => subject.cameraId)).toEqual(['c2', 'c1']);
  });
});

describe('a change of the gallery', () => {
  test('has its entry, with who did it and without any name', async () => {
    const { store, gallery } = await openAudit(await temporaryDirectory());
    const random = randomNumbers(1);
    await gallery.createGroup(staff, 'm1', 'app:door');
    const { imageId, enrolled } = await gallery.enrol(
      staff,
      [newFace(random, { externalImageId: 'ann' }), newFace(random)],
      'app:door',
    );
    await gallery.deleteFace(staff, enrolled[0].faceId, 'admin:front');
    await gallery.enrol(staff, []);
    await gallery.deleteGroup(staff);
    const subject = { owner: staff.owner, groupId: staff.groupId };
    expect((await recordsOf(store)).map(({ action, actor, subject }) => ({ action, actor, subject }))).toEqual([
      { action: 'group.created', actor: 'app:door', subject: { ...subject, modelVersion: 'm1' } },
      { action: 'face.enrolled', actor: 'app:door', subject: { ...subject, faceId: enrolled[0].faceId, imageId } },
      { action: 'face.enrolled', actor: 'app:door', subject: { ...subject, faceId: enrolled[1].faceId, imageId } },
      { action: 'face.deleted', actor: 'admin:front', subject: { ...subject, faceId: enrolled[0].faceId } },
      { action: 'group.deleted', actor: 'service', subject: { ...subject, faces: 1 } },
    ]);
  });

  test('shares its batch with the entry', async () => {
    const { store, gallery } = await openAudit(await temporaryDirectory());
    await gallery.createGroup(staff, 'm1');
    const { batches } = store.stats();
    await gallery.enrol(staff, [newFace(randomNumbers(2))]);
    expect(store.stats().batches).toBe(batches + 1);
  });
});

describe('a check', () => {
  type Damage = (space: Space, records: AuditRecord[]) => Operation[];
  const put = (space: Space, record: AuditRecord): Operation =>
    space.put(entryKey(record.sequence), encodeRecord(record));
  const rehashed = (record: AuditRecord): AuditRecord => ({ ...record, hash: hashOf(record) });
  const altered = (record: AuditRecord): AuditRecord => ({ ...record, actor: 'app:nobody' });
  const cases: [string, Damage, string[]][] = [
    ['nothing', () => [], []],
    ['an altered entry', (s, r) => [put(s, altered(r[2]))], ['entry 3 was altered: it does not have its hash']],
    [
      'an altered entry with a hash of its own',
      (s, r) => [put(s, rehashed(altered(r[2])))],
      ['entry 4 does not follow the one before'],
    ],
    ['an entry that was removed', (s) => [s.delete(entryKey(3))], ['entry 3 is missing']],
    [
      'entries that were removed at the beginning',
      (s) => [s.delete(entryKey(1)), s.delete(entryKey(2))],
      ['the entries 1 to 2 are missing'],
    ],
    [
      'entries that were cut off',
      (s) => [s.delete(entryKey(5)), s.delete(entryKey(6))],
      ['the entries 5 to 6 are missing'],
    ],
    [
      'all entries removed',
      (s, r) => r.map(({ sequence }) => s.delete(entryKey(sequence))),
      ['the entries 1 to 6 are missing'],
    ],
    ['a lost head', (s) => [s.delete(HEAD_KEY)], ['the head is lost, or does not open']],
    [
      'an older head',
      (s, r) => [s.put(HEAD_KEY, encodeRecord({ sequence: 4, hash: r[3].hash }))],
      ['the head stands at entry 4, before the last one'],
    ],
    [
      'the head of another log',
      (s) => [s.put(HEAD_KEY, encodeRecord({ sequence: 6, hash: 'a'.repeat(64) }))],
      ['the head does not have the hash of the last entry'],
    ],
    [
      'an entry in the place of another',
      (s, r) => [s.put(entryKey(2), encodeRecord(r[2]))],
      ['entry 2 does not open, or is no entry'],
    ],
    [
      'a record that does not open',
      (s) => [{ ...s.put(entryKey(4), Buffer.alloc(0)), value: Buffer.alloc(80) }],
      ['entry 4 does not open, or is no entry'],
    ],
    [
      'a last record that does not open',
      (s) => [{ ...s.put(entryKey(6), Buffer.alloc(0)), value: Buffer.alloc(80) }],
      ['entry 6 does not open, or is no entry'],
    ],
  ];
  test.each(cases)('of a log with %s', async (_, damage, problems) => {
    const directory = await temporaryDirectory();
    const { store, audit, stop } = await withEntries(6, directory);
    await store.write(damage(audit.space, await recordsOf(store)));
    expect(await audit.verify()).toMatchObject({ ok: problems.length === 0, problems, problemCount: problems.length });
    // It goes on behind what is known, and the damage stays to be seen.
    await stop();
    const again = await openAudit(directory);
    await again.audit.append(viewed('later'));
    expect((await again.audit.list({}, { limit: 1 })).records[0]).toMatchObject({
      sequence: 7,
      subject: { cameraId: 'later' },
    });
    const later = await again.audit.verify();
    // A head that was lost or wrong is written anew; what is missing stays missing.
    if (!problems.join().includes('head')) expect(later.problems.slice(0, 1)).toEqual(problems);
  });

  test('finds entries that were cut off together with the head only by the head that was noted elsewhere', async () => {
    const { store, audit } = await withEntries(6);
    const [, , third, fourth] = await recordsOf(store);
    const noted = audit.head.hash;
    expect(await audit.verify(noted)).toMatchObject({ ok: true });
    expect(await audit.verify(third.hash)).toMatchObject({ ok: true });
    await store.write([
      audit.space.delete(entryKey(5)),
      audit.space.delete(entryKey(6)),
      audit.space.put(HEAD_KEY, encodeRecord({ sequence: 4, hash: fourth.hash })),
    ]);
    expect(await audit.verify()).toMatchObject({ ok: true, entries: 4 });
    expect((await audit.verify(noted)).problems).toEqual([
      'the expected head is not in it: entries were cut off, or the log is another one',
    ]);
  });

  test('tells the first problems and the number of all', async () => {
    const { store, audit } = await withEntries(60);
    await store.write((await recordsOf(store)).map((record) => put(audit.space, altered(record))));
    const { problems, problemCount } = await audit.verify();
    expect([problems.length, problemCount]).toEqual([20, 60]);
  });

  test('a log of nothing is whole', async () => {
    const { audit } = await withEntries(0);
    expect(await audit.verify()).toMatchObject({ ok: true, entries: 0, head: GENESIS });
  });
});
