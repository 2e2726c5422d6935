// The table of tamperings: what somebody who can write to the data directory does to its records and its files while the device is stopped.
import { appendFile, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AUDIT_LABEL } from '../../src/audit/audit-space.js';
import { CLOCK_LABEL } from '../../src/clock/stored-time.js';
import { EVENTS_LABEL } from '../../src/events/event-log.js';
import { decodeGroup, GROUP_KEY } from '../../src/gallery/face-record.js';
import { GROUP_LABEL } from '../../src/gallery/load.js';
import { KEYS_LABEL } from '../../src/keys/key-registry.js';
import { silentLog } from '../../src/domain/log.js';
import { UNKNOWN_FACES_LABEL } from '../../src/privacy/unknown-face-record.js';
import { SealedStore } from '../../src/store/sealed-store.js';
import { withRaw } from '../store/support.js';

type Level = Parameters<Parameters<typeof withRaw>[1]>[0];
type Record = [place: Buffer, value: Buffer];

/** All records of a stopped database, and which space is which. */
export interface Copy {
  records: Record[];
  /** Uid by the label of the space, `group:{groupId}` for a group. */
  uids: Map<string, Buffer>;
}

const bytes = (text: string): Buffer => Buffer.from(text);

export async function readCopy(db: string, masterKey: Buffer): Promise<Copy> {
  const store = new SealedStore({ directory: db, masterKey, onAltered: 'report', log: silentLog });
  await store.start(new AbortController().signal);
  const uids = new Map<string, Buffer>();
  for (const label of [
    AUDIT_LABEL,
    KEYS_LABEL,
    CLOCK_LABEL,
    'device',
    EVENTS_LABEL,
    UNKNOWN_FACES_LABEL,
    GROUP_LABEL,
  ]) {
    for (const space of store.spaces(label)) {
      const record = label === GROUP_LABEL ? await space.get(GROUP_KEY) : undefined;
      uids.set(record ? `group:${decodeGroup(record).groupId}` : label, Buffer.from(space.id, 'hex'));
    }
  }
  await store.stop();
  return { records: await withRaw(db, (level) => level.iterator().all()), uids };
}

const SPACES = ['group:staff', AUDIT_LABEL, KEYS_LABEL, CLOCK_LABEL, 'device', EVENTS_LABEL, UNKNOWN_FACES_LABEL];

/** The kinds of records, each with the way to its records: a prefix, and the spaces that have it. */
const KINDS: readonly [name: string, prefix: string, space: string | undefined, key: string][] = [
  ['the check record', 'c', undefined, ''],
  ['the top root', 'r', undefined, ''],
  ...SPACES.map((space): [string, string, string, string] => [`the key record of ${space}`, 'k', space, '']),
  ...SPACES.map((space): [string, string, string, string] => [`the root of ${space}`, 'r', space, '']),
  ['the record of a group', 'd', 'group:staff', 'a'],
  ['a face', 'd', 'group:staff', 'f'],
  ['an entry of the audit log', 'd', AUDIT_LABEL, 'e'],
  ['the head of the audit log', 'd', AUDIT_LABEL, 'head'],
  ['the registry of appKeys', 'd', KEYS_LABEL, 'app'],
  ['the registry of admin keys', 'd', KEYS_LABEL, 'admin'],
  ['the last time', 'd', CLOCK_LABEL, 't'],
  ['the privacy switch', 'd', 'device', 'privacy'],
  ['an event', 'd', EVENTS_LABEL, 'event/'],
  ['the state of the event log', 'd', EVENTS_LABEL, 'state'],
  ['the start of a span of strangers', 'd', UNKNOWN_FACES_LABEL, ''],
];
export const RECORD_KINDS = KINDS.map(([name]) => name);

/** Returns the records of a kind. */
export function findRecords({ records, uids }: Copy, kind: string): Record[] {
  const [, prefix, space, key] = KINDS.find(([name]) => name === kind)!;
  const uid = space === undefined ? Buffer.alloc(0) : uids.get(space)!;
  const start = Buffer.concat([bytes(prefix), uid, bytes(key)]);
  const isWhole = prefix !== 'd';
  return records.filter(([place]) => (isWhole ? place.equals(start) : place.subarray(0, start.length).equals(start)));
}

export interface RecordTarget {
  place: Buffer;
  value: Buffer;
  /** Value at this place earlier, if it was another one. */
  earlier: Buffer | undefined;
  /** Another record of this kind. */
  other: Record | undefined;
  /** The same record of another device under the same master key, and under another one. */
  twin: Buffer | undefined;
  foreign: Buffer | undefined;
}

/** What is done to one record. Returns false where it cannot be done. */
export type RecordTampering = (level: Level, target: RecordTarget) => Promise<boolean>;

function changeValue(change: (value: Buffer) => Buffer): RecordTampering {
  return async (level, { place, value }) => {
    await level.put(place, change(Buffer.from(value)));
    return true;
  };
}

/** Turns a bit over. @param at from the start, or from the end where it is negative */
function flip(at: number): RecordTampering {
  return changeValue((value) => {
    const index = at < 0 ? value.length + at : at;
    value[index]! ^= 4;
    return value;
  });
}

function put(pick: (target: RecordTarget) => Buffer | undefined): RecordTampering {
  return async (level, target) => {
    const value = pick(target);
    if (value) await level.put(target.place, value);
    return value !== undefined;
  };
}

export const RECORD_TAMPERINGS: readonly [name: string, tamper: RecordTampering][] = [
  ['deleted', async (level, { place }) => (await level.del(place), true)],
  ['with another version', flip(0)],
  ['with another key id', flip(3)],
  ['with another nonce', flip(12)],
  ['with other contents', flip(21)],
  ['with another tag', flip(-1)],
  ['emptied', changeValue(() => Buffer.alloc(0))],
  ['cut off', changeValue((value) => value.subarray(0, 10))],
  ['one byte shorter', changeValue((value) => value.subarray(0, -1))],
  ['one byte longer', changeValue((value) => Buffer.concat([value, Buffer.of(1)]))],
  ['as it was earlier', put(({ earlier }) => earlier)],
  ['from another device with the same master key', put(({ twin }) => twin)],
  ['from another device', put(({ foreign }) => foreign)],
  [
    'swapped with another one',
    async (level, { place, value, other }) => {
      if (other) await level.batch().put(place, other[1]).put(other[0], value).write();
      return other !== undefined;
    },
  ],
  [
    'copied to another place',
    async (level, { place, value }) => {
      const copy = Buffer.from(place);
      copy[copy.length - 1]! += 1;
      // Neither the check record nor the top root may be hidden under the prefix of another kind.
      await level.put(place.length === 1 ? Buffer.concat([place, bytes('x')]) : copy, value);
      return true;
    },
  ],
];

export interface Copies {
  ours: Copy;
  earlier: Copy;
}

/** What is put back together: the records of a space, its root, the top root, and everything else. */
export const PUT_BACK_DEPTHS = ['the records', 'and the root', 'and the top root', 'and all key records'] as const;

/** Puts a space back as it was earlier. */
export async function putSpaceBack(
  level: Level,
  { ours, earlier }: Copies,
  space: string,
  depth: number,
): Promise<void> {
  const uid = earlier.uids.get(space)!;
  const belongs = ([place]: Record): boolean =>
    (place[0] === 0x64 && place.subarray(1, 9).equals(uid)) ||
    (depth >= 1 && place.equals(Buffer.concat([bytes('r'), uid]))) ||
    (depth >= 1 && space === 'group:old' && place.equals(Buffer.concat([bytes('k'), uid]))) ||
    (depth >= 2 && place.equals(bytes('r'))) ||
    (depth >= 3 && (place[0] === 0x6b || place[0] === 0x63));
  for (const record of ours.records.filter(belongs)) await level.del(record[0]);
  for (const record of earlier.records.filter(belongs)) await level.put(...record);
}

export const PUT_BACK_SPACES = [...SPACES, 'group:old'];

/** What is done with several records. */
export const MIXED: readonly [name: string, tamper: (level: Level, copies: Copies) => Promise<void>][] = [
  [
    'a deleted face is put back',
    async (level, copies) => {
      for (const record of findDeletedFaces(copies)) await level.put(...record);
    },
  ],
  [
    'a deleted face is put back, and another one removed for it',
    async (level, copies) => {
      for (const record of findDeletedFaces(copies)) await level.put(...record);
      await level.del(findRecords(copies.ours, 'a face').at(-1)![0]);
    },
  ],
  [
    'a deleted face is put back in the place of another one',
    async (level, copies) => {
      await level.put(findRecords(copies.ours, 'a face')[0]![0], findDeletedFaces(copies)[0]![1]);
    },
  ],
  [
    'a deleted face is put back, another one removed, and a third one damaged',
    async (level, copies) => {
      const [first, second] = findRecords(copies.ours, 'a face');
      for (const record of findDeletedFaces(copies)) await level.put(...record);
      await level.del(first![0]);
      const damaged = Buffer.from(second![1]);
      damaged[30]! ^= 1;
      await level.put(second![0], damaged);
    },
  ],
  ['the key record of a deleted group is put back', (level, copies) => putOld(level, copies, 'k')],
  ['the root of a deleted group is put back', (level, copies) => putOld(level, copies, 'r')],
  ['the records of a deleted group are put back', (level, copies) => putOld(level, copies, 'd')],
  [
    'a group is removed, with all that belongs to it',
    async (level, { ours }) => {
      const uid = ours.uids.get('group:guests')!;
      for (const [place] of ours.records) if (place.subarray(1, 9).equals(uid)) await level.del(place);
    },
  ],
  [
    'two groups change their records',
    async (level, { ours }) => {
      const [staff, guests] = [ours.uids.get('group:staff')!, ours.uids.get('group:guests')!];
      for (const [place, value] of ours.records) {
        const target = place.subarray(1, 9).equals(staff)
          ? guests
          : place.subarray(1, 9).equals(guests)
            ? staff
            : undefined;
        if (target && place[0] === 0x64) {
          await level.put(Buffer.concat([place.subarray(0, 1), target, place.subarray(9)]), value);
        }
      }
    },
  ],
  [
    'all roots are removed',
    async (level, { ours }) => {
      for (const [place] of ours.records) if (place[0] === 0x72) await level.del(place);
    },
  ],
  [
    'everything is removed but the check record',
    async (level, { ours }) => {
      for (const [place] of ours.records) if (place[0] !== 0x63) await level.del(place);
    },
  ],
  ['everything is put back but the top root', (level, copies) => putEverythingBack(level, copies, bytes('r'))],
  ['everything is put back', (level, copies) => putEverythingBack(level, copies, undefined)],
  [
    'the newest entry of the audit log is removed, and the head put back',
    async (level, copies) => {
      const entries = findRecords(copies.earlier, 'an entry of the audit log').length;
      for (const [place] of findRecords(copies.ours, 'an entry of the audit log').slice(entries))
        await level.del(place);
      await level.put(...findRecords(copies.earlier, 'the head of the audit log')[0]!);
    },
  ],
];

function findDeletedFaces({ ours, earlier }: Copies): Record[] {
  const present = new Set(ours.records.map(([place]) => place.toString('hex')));
  return findRecords(earlier, 'a face').filter(([place]) => !present.has(place.toString('hex')));
}

async function putOld(level: Level, { earlier }: Copies, prefix: string): Promise<void> {
  const uid = earlier.uids.get('group:old')!;
  for (const record of earlier.records) {
    if (record[0].subarray(0, 9).equals(Buffer.concat([bytes(prefix), uid]))) await level.put(...record);
  }
}

async function putEverythingBack(level: Level, { ours, earlier }: Copies, except: Buffer | undefined): Promise<void> {
  for (const [place] of ours.records) if (!except || !place.equals(except)) await level.del(place);
  for (const record of earlier.records) if (!except || !record[0].equals(except)) await level.put(...record);
}

/** What is done to one file. Returns false where it cannot be done. */
export const FILE_TAMPERINGS: readonly [
  name: string,
  tamper: (path: string, earlierPath: string, twinPath: string) => Promise<boolean>,
][] = [
  ['deleted', async (path) => (await rm(path), true)],
  ['emptied', async (path) => (await truncate(path, 0), true)],
  ['cut in half', async (path) => (await truncate(path, Math.floor((await stat(path)).size / 2)), true)],
  ['longer', async (path) => (await appendFile(path, Buffer.alloc(100, 7)), true)],
  [
    'changed in the middle',
    async (path) => {
      const content = await readFile(path);
      if (content.length === 0) return false;
      content[content.length >> 1]! ^= 4;
      await writeFile(path, content);
      return true;
    },
  ],
  ['as it was earlier', (path, earlierPath) => replace(path, earlierPath)],
  ['from another device with the same master key', (path, _, twinPath) => replace(path, twinPath)],
];

async function replace(path: string, from: string): Promise<boolean> {
  const content = await readFile(from).catch(() => undefined);
  if (content) await writeFile(path, content);
  return content !== undefined;
}

/** Names of the files of a database, without the log of LevelDB itself, in which nothing is stored. */
export async function listFiles(db: string): Promise<string[]> {
  return (await readdir(db)).filter((name) => !name.startsWith('LOG')).map((name) => join(db, name));
}
