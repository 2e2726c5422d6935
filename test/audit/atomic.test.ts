// A change of the gallery and its entry in the audit log: both are on the disk or neither is, after a kill and with a disk that refuses.
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { staff } from '../gallery/faces.js';
import { canLimitFiles } from '../store/disk-limit.js';
import { startChild, temporaryDirectory } from '../store/support.js';
import { openAudit, readRecords, type OpenAudit } from './support.js';

const childPath = fileURLToPath(new URL('change-child.ts', import.meta.url));

/** Collects the faces of each group twice: from the gallery, and from the entries of the log. */
async function bothSides({ store, gallery }: OpenAudit): Promise<[unknown, unknown]> {
  const stored = new Map<string, string[]>();
  for (const { groupId } of (await gallery.listGroups(staff.owner, { limit: 200 })).items) {
    const { items } = await gallery.listFaces({ ...staff, groupId }, { limit: 100_000 });
    stored.set(groupId, items.map(({ faceId }) => faceId).sort());
  }
  const noted = new Map<string, Set<string>>();
  for (const { action, subject } of await readRecords(store)) {
    const groupId = String(subject.groupId);
    const faceId = String(subject.faceId);
    if (action === 'group.created') noted.set(groupId, new Set());
    if (action === 'face.enrolled') noted.get(groupId)?.add(faceId);
    if (action === 'face.deleted') noted.get(groupId)?.delete(faceId);
    if (action === 'group.deleted') {
      expect(subject.faces).toBe(noted.get(groupId)?.size);
      noted.delete(groupId);
    }
  }
  const sorted = [...noted].map(([groupId, faces]): [string, string[]] => [groupId, [...faces].sort()]);
  return [Object.fromEntries(stored), Object.fromEntries(sorted)];
}

test('after a kill at any moment, among concurrent clients', async () => {
  const directory = await temporaryDirectory();
  let entries = 0;
  for (let round = 1; round <= 4; round++) {
    const child = startChild(childPath, directory, String(round), 'kill');
    await child.line(() => child.lines.length >= 10 + 17 * round);
    child.kill();
    await child.ended;
    const open = await openAudit(directory);
    const [stored, noted] = await bothSides(open);
    expect(stored).toEqual(noted);
    const report = await open.audit.verify();
    expect(report.problems).toEqual([]);
    expect(report.entries).toBeGreaterThan(entries + 2 * (10 + 17 * round));
    entries = report.entries;
    await open.stop();
  }
}, 30_000);

test.skipIf(!canLimitFiles)(
  'a write that the disk refuses leaves no entry, and uses no number',
  async () => {
    const directory = await temporaryDirectory();
    const child = startChild(childPath, directory, '1', 'full-disk');
    expect(await child.line((line) => line.includes(' '))).toBe('done refused refused refused done');
    await child.ended;
    const open = await openAudit(directory);
    const [stored, noted] = await bothSides(open);
    expect(stored).toEqual(noted);
    expect(await open.audit.verify()).toMatchObject({ ok: true, entries: 3 });
  },
  20_000,
);
