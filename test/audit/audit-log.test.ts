// The audit log: its chain, its pages, its batches, and the problems that a check finds.
import { describe, expect, test } from 'vitest';
import { AuditLog } from '../../src/audit/audit-log.js';
import { chainEntry, hashRecord, GENESIS, type AuditRecord } from '../../src/audit/audit-record.js';
import { ENTRY_KEYS, HEAD_KEY, encodeRecord, type AuditLine } from '../../src/audit/audit-space.js';
import { verifyAuditLog } from '../../src/audit/verify.js';
import type { AuditEntry } from '../../src/domain/audit.js';
import { silentLog } from '../../src/domain/log.js';
import { canonicalJson } from '../../src/platform/canonical-json.js';
import type { Operation, Space } from '../../src/store/sealed-store.js';
import { newFace, staff } from '../gallery/faces.js';
import { temporaryDirectory, withCode } from '../store/support.js';
import { randomNumbers } from '../store/values.js';
import { openAudit, readRecords, type OpenAudit } from './support.js';

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

/** Sequence numbers of all pages, in the order in which they come. */
async function listAll(audit: AuditLog, limit: number): Promise<number[]> {
  const all: number[] = [];
  let before: number | undefined;
  do {
    const page = await audit.list({}, { limit, before });
    all.push(...page.records.map(({ sequence }) => sequence));
    before = page.nextBefore;
  } while (before !== undefined);
  return all;
}

describe('the chain', () => {
  test('numbers its entries from 1, each with the hash of the entry before, also over a restart', async () => {
    const directory = await temporaryDirectory();
    const first = await withEntries(2, directory);
    await first.stop();
    const { store, audit } = await withEntries(1, directory);
    const records = await readRecords(store);
    expect(records.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    expect(records.map(({ previous }) => previous)).toEqual([GENESIS.hash, records[0]?.hash, records[1]?.hash]);
    expect(records.map((record) => hashRecord(record))).toEqual(records.map(({ hash }) => hash));
    expect(records[0]).toMatchObject({ ...viewed('c1'), at: '2026-05-01T00:00:00.000Z' });
    expect(audit.head).toEqual({ sequence: 3, hash: records[2]?.hash });
    expect(audit.health()).toEqual({ status: 'ok', facts: { entries: 3 } });
    expect(await audit.verify()).toMatchObject({ ok: true, entries: 3, head: audit.head, problems: [] });
  });

  test('hashes the canonical JSON of an entry, whatever the order of its members', () => {
    const record = chainEntry(GENESIS, { ...viewed('é'), subject: { b: 1, a: true } }, '2026-05-01T00:00:00.000Z');
    // Computed apart: printf %s '…' | sha256sum.
    expect(canonicalJson({ ...record, hash: undefined })).toBe(
      `{"action":"camera.viewed","actor":"admin:front","at":"2026-05-01T00:00:00.000Z","previous":"${'0'.repeat(64)}","sequence":1,"subject":{"a":true,"b":1}}`,
    );
    expect(record.hash).toBe('a4f7b07f501a66bfad5adf71a133e5f0b4b36b4c15e7f482af0801f80b4c9e60');
    expect(hashRecord({ ...record, subject: { a: true, b: 1 } })).toBe(record.hash);
  });

  test('writes entries of one moment in few batches, in the order of the calls', async () => {
    const { store, audit } = await openAudit(await temporaryDirectory());
    const before = store.stats().batches;
    await Promise.all(Array.from({ length: 100 }, (_, i) => audit.append(viewed(String(i)))));
    expect(store.stats().batches - before).toBeLessThan(5);
    expect((await readRecords(store)).map(({ subject }) => subject.cameraId)).toEqual(
      Array.from({ length: 100 }, (_, i) => String(i)),
    );
    expect(audit.stats()).toEqual({ entries: 100, appended: 100 });
  });

  test('refuses an entry that has no canonical JSON, and uses no number for it', async () => {
    const { audit } = await withEntries(1);
    const entry: AuditEntry = { action: 'gallery.restored', actor: 'cli', subject: { faces: NaN } };
    await expect(audit.append(entry)).rejects.toEqual(withCode('STORE_UNAVAILABLE'));
    await audit.append(viewed('c2'));
    expect(await audit.verify()).toMatchObject({ ok: true, entries: 2 });
  });

  test('is still valid as version 0.1.0 wrote it', async () => {
    const at = '2026-05-01T00:00:00.000Z';
    const entries: AuditEntry[] = [
      { action: 'service.started', actor: 'service', subject: { version: '0.1.0', config: '0123456789abcdef' } },
      { action: 'privacy.changed', actor: 'admin:front', subject: { on: true } },
      {
        action: 'gallery.restored',
        actor: 'cli',
        subject: { groups: 2, faces: 1_000, damaged: 0.5, note: 'Zoë "\\" \u2028 😀\n' },
      },
    ];
    const hashes = [
      '5cf089ee5e24d6ff52a1a9fcc441b35307d3ff28468d42ed9a8ac229253f3b57',
      '45e8dc379f634aafaaf42654db75a3a429c39ec1b9919a40834aafe4cd7743ca',
      'c4def1c87ce45664ba52b2ecdd8e71420c5cdc53a16f86df788c2a3033642e84',
    ];
    const recorded = entries.map((entry, i): AuditLine => {
      const chain = { sequence: i + 1, previous: hashes[i - 1] ?? GENESIS.hash, hash: hashes[i] ?? '' };
      return { kind: 'entry', record: { ...entry, at, ...chain } };
    });
    async function* lines(): AsyncGenerator<AuditLine> {
      yield* recorded;
      yield { kind: 'head', head: { sequence: 3, hash: hashes[2] ?? '' } };
    }
    expect(await verifyAuditLog(lines())).toMatchObject({ ok: true, entries: 3, problems: [] });
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
    expect(await listAll(audit, 2)).toEqual([6, 5, 4, 3, 2, 1]);
    expect((await audit.list({ actor: 'cli' }, { limit: 9 })).records.map(({ sequence }) => sequence)).toEqual([6]);
    const viewings = await audit.list({ action: 'camera.viewed' }, { limit: 2, before: 3 });
    expect(viewings.records.map(({ subject }) => subject.cameraId)).toEqual(['c2', 'c1']);
  });

  test.each([
    ['the last place that a page examines', [4]],
    ['the first place that a page examines', [6]],
    ['every place that a page examines', [6, 5, 4]],
    ['the first entry', [1]],
    ['every place', [6, 5, 4, 3, 2, 1]],
  ])('goes on after a page in which %s is damaged', async (_, damaged) => {
    const { store, audit } = await withEntries(6);
    await store.write(
      damaged.map((sequence) => ({
        ...audit.space.put(ENTRY_KEYS.encode(sequence), Buffer.alloc(0)),
        value: Buffer.alloc(80),
      })),
    );
    const paging = new AuditLog({ store, clock: Date.now, log: silentLog, maxExamined: 3 });
    await paging.start();
    expect(await listAll(paging, 10)).toEqual([6, 5, 4, 3, 2, 1].filter((sequence) => !damaged.includes(sequence)));
  });
});

describe('a change of the gallery', () => {
  test('has an entry that names the actor, and no enrolled person', async () => {
    const { store, gallery } = await openAudit(await temporaryDirectory());
    const random = randomNumbers(1);
    await gallery.createGroup(staff, 'm1', 'app:door');
    const {
      imageId,
      enrolled: [first, second],
    } = await gallery.enrol(staff, [newFace(random, { externalImageId: 'ann' }), newFace(random)], 'app:door');
    await gallery.deleteFace(staff, first?.faceId ?? '', 'admin:front');
    await gallery.enrol(staff, []);
    await gallery.deleteGroup(staff);
    const subject = { owner: staff.owner, groupId: staff.groupId };
    expect((await readRecords(store)).map(({ action, actor, subject }) => ({ action, actor, subject }))).toEqual([
      { action: 'group.created', actor: 'app:door', subject: { ...subject, modelVersion: 'm1' } },
      { action: 'face.enrolled', actor: 'app:door', subject: { ...subject, faceId: first?.faceId, imageId } },
      { action: 'face.enrolled', actor: 'app:door', subject: { ...subject, faceId: second?.faceId, imageId } },
      { action: 'face.deleted', actor: 'admin:front', subject: { ...subject, faceId: first?.faceId } },
      { action: 'group.deleted', actor: 'service', subject: { ...subject, faces: 1 } },
    ]);
  });

  test('is in one batch with its entry', async () => {
    const { store, gallery } = await openAudit(await temporaryDirectory());
    await gallery.createGroup(staff, 'm1');
    const { batches } = store.stats();
    await gallery.enrol(staff, [newFace(randomNumbers(2))]);
    expect(store.stats().batches).toBe(batches + 1);
  });
});

describe('a check', () => {
  type Damage = (space: Space, records: [AuditRecord, AuditRecord, AuditRecord, AuditRecord]) => Operation[];
  const put = (space: Space, record: AuditRecord): Operation =>
    space.put(ENTRY_KEYS.encode(record.sequence), encodeRecord(record));
  const rehashed = (record: AuditRecord): AuditRecord => ({ ...record, hash: hashRecord(record) });
  const altered = (record: AuditRecord): AuditRecord => ({ ...record, actor: 'app:nobody' });
  const cases: [string, Damage, string[]][] = [
    ['nothing', () => [], []],
    [
      'an altered entry',
      (s, r) => [put(s, altered(r[2]))],
      ['entry 3 was altered: its hash does not match its contents'],
    ],
    [
      'an altered entry with a hash of its own',
      (s, r) => [put(s, rehashed(altered(r[2])))],
      ['entry 4 does not follow the entry before it'],
    ],
    ['an entry that was removed', (s) => [s.delete(ENTRY_KEYS.encode(3))], ['entry 3 is missing']],
    [
      'entries that were removed at the beginning',
      (s) => [s.delete(ENTRY_KEYS.encode(1)), s.delete(ENTRY_KEYS.encode(2))],
      ['entries 1 to 2 are missing'],
    ],
    [
      'entries that were cut off',
      (s) => [s.delete(ENTRY_KEYS.encode(5)), s.delete(ENTRY_KEYS.encode(6))],
      ['entries 5 to 6 are missing'],
    ],
    [
      'all entries removed',
      (s, r) => r.map(({ sequence }) => s.delete(ENTRY_KEYS.encode(sequence))),
      ['entries 1 to 6 are missing'],
    ],
    ['a lost head', (s) => [s.delete(HEAD_KEY)], ['the head is lost or damaged']],
    [
      'an older head',
      (s, r) => [s.put(HEAD_KEY, encodeRecord({ sequence: 4, hash: r[3].hash }))],
      ['the head names entry 4, which is not the last one'],
    ],
    [
      'the head of another log',
      (s) => [s.put(HEAD_KEY, encodeRecord({ sequence: 6, hash: 'a'.repeat(64) }))],
      ['the head does not have the hash of the last entry'],
    ],
    [
      'an entry in the place of another',
      (s, r) => [s.put(ENTRY_KEYS.encode(2), encodeRecord(r[2]))],
      ['entry 2 is damaged: it cannot be opened, or is not an entry'],
    ],
    [
      'a record that does not open',
      (s) => [{ ...s.put(ENTRY_KEYS.encode(4), Buffer.alloc(0)), value: Buffer.alloc(80) }],
      ['entry 4 is damaged: it cannot be opened, or is not an entry'],
    ],
    [
      'a last record that does not open',
      (s) => [{ ...s.put(ENTRY_KEYS.encode(6), Buffer.alloc(0)), value: Buffer.alloc(80) }],
      ['entry 6 is damaged: it cannot be opened, or is not an entry'],
    ],
  ];
  test.each(cases)('finds, in a log with %s, the expected problems', async (_, damage, problems) => {
    const directory = await temporaryDirectory();
    const { store, audit, stop } = await withEntries(6, directory);
    await store.write(damage(audit.space, (await readRecords(store)) as Parameters<Damage>[1]));
    expect(await audit.verify()).toMatchObject({ ok: problems.length === 0, problems, problemCount: problems.length });
    // The log continues after the highest known number, and the damage stays visible.
    await stop();
    const again = await openAudit(directory);
    await again.audit.append(viewed('later'));
    expect((await again.audit.list({}, { limit: 1 })).records[0]).toMatchObject({
      sequence: 7,
      subject: { cameraId: 'later' },
    });
    const later = await again.audit.verify();
    // A lost or wrong head is replaced by the next entry; missing entries stay missing.
    if (!problems.join().includes('head')) expect(later.problems.slice(0, 1)).toEqual(problems);
  });

  test('finds entries that were cut off together with the head only with a head that was noted elsewhere', async () => {
    const { store, audit } = await withEntries(6);
    const records = await readRecords(store);
    const noted = audit.head.hash;
    expect(await audit.verify(noted)).toMatchObject({ ok: true });
    expect(await audit.verify(records[2]?.hash)).toMatchObject({ ok: true });
    await store.write([
      audit.space.delete(ENTRY_KEYS.encode(5)),
      audit.space.delete(ENTRY_KEYS.encode(6)),
      audit.space.put(HEAD_KEY, encodeRecord({ sequence: 4, hash: records[3]?.hash ?? '' })),
    ]);
    expect(await audit.verify()).toMatchObject({ ok: true, entries: 4 });
    expect((await audit.verify(noted)).problems).toEqual([
      'no entry has the expected head: entries were cut off, or this is another log',
    ]);
  });

  test('lists the first problems and counts all of them', async () => {
    const { store, audit } = await withEntries(60);
    await store.write((await readRecords(store)).map((record) => put(audit.space, altered(record))));
    const { problems, problemCount } = await audit.verify();
    expect([problems.length, problemCount]).toEqual([20, 60]);
  });

  test('finds no problem in an empty log', async () => {
    const { audit } = await withEntries(0);
    expect(await audit.verify()).toMatchObject({ ok: true, entries: 0, head: GENESIS });
  });
});
