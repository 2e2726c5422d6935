// The contents of a backup: turns a gallery into a stream of records, and such a stream into a gallery. README.md of src/store has the bytes.
import type { Clock } from '../domain/time.js';
import { AppError } from '../errors.js';
import type { Operation, SealedStore, Space } from '../store/sealed-store.js';
import { checkGroup, checkPayload, checkTotals, KINDS, parseBegin, parseEnd, RecordChecker } from './backup-limits.js';
import type { BackupEnd, BackupRecord, GalleryTotals } from './backup.types.js';
import { FACE_KEY_BYTES, FACE_KEYS, GROUP_KEY, decodeGroup, encodeGroup, type GroupRecord } from './face-record.js';
import { GROUP_LABEL } from './load.js';

const LENGTH_BYTES = 4;
const MAX_BATCH_FACES = 1_000;
const PIECE_BYTES = 64 * 1024;

/**
 * Yields the gallery as it is at the first record, whatever is changed afterwards. Copies of the fleet are left out: a device gets them from
 * the authority again, where they may have changed since.
 * @param readAppKeys returns the registry of appKeys. It is called last: the registry also has the owner of a group that was created
 * meanwhile
 * @throws AppError STORE_UNAVAILABLE, STORE_CORRUPT
 */
export async function* readGallery(
  store: Pick<SealedStore, 'snapshot'>,
  clock: Clock,
  readAppKeys: () => Buffer,
): AsyncGenerator<BackupRecord> {
  const snapshot = await store.snapshot(GROUP_LABEL);
  try {
    const end: BackupEnd = { groups: 0, faces: 0, damaged: snapshot.damagedSpaces };
    const spaces: Space[] = [];
    const totals: GalleryTotals = { groups: 0, faces: 0 };
    for (const space of snapshot.spaces) {
      // A group that does not add up is not served, and not backed up.
      if ((await space.findProblem()) !== undefined) {
        end.damaged++;
        continue;
      }
      if ((await readGroup(space))?.copyOf) continue;
      spaces.push(space);
      totals.groups++;
      totals.faces += await space.count(FACE_KEYS.range);
    }
    checkTotals(totals);
    yield { kind: 'begin', createdAtMs: clock(), totals };
    const onDamaged = (): void => void end.damaged++;
    for (const space of spaces) {
      const group = await readGroup(space);
      if (!group) {
        onDamaged();
        continue;
      }
      end.groups++;
      yield { kind: 'group', group };
      for await (const [key, value] of space.entries(FACE_KEYS.range, onDamaged)) {
        end.faces++;
        yield { kind: 'face', key, value };
      }
    }
    yield { kind: 'appKeys', content: readAppKeys() };
    yield { kind: 'end', end };
  } finally {
    await snapshot.close();
  }
}

/** Like readGallery, as bytes in pieces of any size. */
export async function* exportGallery(
  store: Pick<SealedStore, 'snapshot'>,
  clock: Clock,
  readAppKeys: () => Buffer,
): AsyncGenerator<Buffer> {
  yield* encodeRecords(readGallery(store, clock, readAppKeys));
}

/**
 * Writes the groups and faces into a store that has none.
 * @param onFaces is called from time to time with the number of faces written so far
 * @throws AppError STORE_UNAVAILABLE; what `records` throws. The store may contain a part of the records then.
 */
export async function writeGallery(
  store: Pick<SealedStore, 'createSpace' | 'write'>,
  records: AsyncIterable<BackupRecord>,
  onFaces: (faces: number) => void = () => undefined,
): Promise<{ end: BackupEnd; appKeys?: Buffer }> {
  let space: Space | undefined;
  let waiting: Operation[] = [];
  let written = 0;
  let end: BackupEnd | undefined;
  let appKeys: Buffer | undefined;
  const flush = async (): Promise<void> => {
    await store.write(waiting);
    written += waiting.length;
    waiting = [];
    onFaces(written);
  };
  for await (const record of records) {
    switch (record.kind) {
      case 'begin':
        break;
      case 'group': {
        const { group } = record;
        // A copy without its head could not be brought up to date.
        space = group.copyOf
          ? undefined
          : await store.createSpace(GROUP_LABEL, (made) => [made.put(GROUP_KEY, encodeGroup(group))]);
        break;
      }
      case 'face':
        if (space) waiting.push(space.put(record.key, record.value));
        if (waiting.length >= MAX_BATCH_FACES) await flush();
        break;
      case 'appKeys':
        appKeys = record.content;
        break;
      case 'end':
        end = record.end;
        break;
    }
  }
  await flush();
  if (!end) throw cutOff();
  return { end, ...(appKeys === undefined ? {} : { appKeys }) };
}

/** Encodes records, and joins small ones to larger pieces. */
export async function* encodeRecords(records: AsyncIterable<BackupRecord>): AsyncGenerator<Buffer> {
  let waiting: Buffer[] = [];
  let length = 0;
  for await (const record of records) {
    const encoded = encodeRecord(record);
    waiting.push(encoded);
    length += encoded.length;
    if (length < PIECE_BYTES) continue;
    yield Buffer.concat(waiting);
    waiting = [];
    length = 0;
  }
  yield Buffer.concat(waiting);
}

function encodeRecord(record: BackupRecord): Buffer {
  const payload = encodePayload(record);
  const header = Buffer.alloc(LENGTH_BYTES + 1, KINDS[record.kind]);
  header.writeUInt32BE(payload.length);
  return Buffer.concat([header, payload]);
}

/**
 * Decodes records from pieces of any size, and checks each record and their order.
 * @throws AppError STORE_CORRUPT
 */
export async function* decodeRecords(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<BackupRecord> {
  const checker = new RecordChecker();
  for await (const [kind, payload] of splitFrames(bytes)) {
    const record = decodeRecord(kind, payload);
    checker.add(record);
    yield record;
  }
  checker.end();
}

async function readGroup(space: Space): Promise<GroupRecord | undefined> {
  try {
    const record = await space.get(GROUP_KEY);
    return record && decodeGroup(record);
  } catch (error) {
    if (error instanceof AppError && error.code === 'STORE_CORRUPT') return undefined;
    throw error;
  }
}

function encodePayload(record: BackupRecord): Buffer {
  switch (record.kind) {
    case 'begin':
      return encodeJson({ createdAtMs: record.createdAtMs, totals: record.totals });
    case 'group':
      return encodeGroup(record.group);
    case 'face':
      return Buffer.concat([record.key, record.value]);
    case 'appKeys':
      return record.content;
    case 'end':
      return encodeJson(record.end);
  }
}

function decodeRecord(kind: string, payload: Buffer): BackupRecord {
  switch (kind) {
    case KINDS.begin:
      return { kind: 'begin', ...parseBegin(payload) };
    case KINDS.group: {
      const group = decodeGroup(payload);
      checkGroup(group);
      return { kind: 'group', group };
    }
    case KINDS.face:
      return { kind: 'face', key: payload.subarray(0, FACE_KEY_BYTES), value: payload.subarray(FACE_KEY_BYTES) };
    case KINDS.appKeys:
      return { kind: 'appKeys', content: payload };
    case KINDS.end:
      return { kind: 'end', end: parseEnd(payload) };
    default:
      throw unknownFormat();
  }
}

async function* splitFrames(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<[kind: string, payload: Buffer]> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const piece of bytes) {
    rest = rest.length === 0 ? Buffer.from(piece.buffer, piece.byteOffset, piece.length) : Buffer.concat([rest, piece]);
    let at = 0;
    while (rest.length - at > LENGTH_BYTES) {
      const length = rest.readUInt32BE(at);
      const payloadAt = at + LENGTH_BYTES + 1;
      const kind = rest.toString('latin1', payloadAt - 1, payloadAt);
      checkPayload(kind, length);
      if (rest.length < payloadAt + length) break;
      yield [kind, rest.subarray(payloadAt, payloadAt + length)];
      at = payloadAt + length;
    }
    rest = rest.subarray(at);
  }
  if (rest.length > 0) throw cutOff();
}

function encodeJson(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function cutOff(): AppError {
  return new AppError('STORE_CORRUPT', 'the backup is incomplete: its last record is missing');
}

function unknownFormat(cause?: unknown): AppError {
  return new AppError('STORE_CORRUPT', 'the backup contains a record of an unknown format', { cause });
}
