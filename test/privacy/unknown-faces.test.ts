// Faces of unknown persons: kept only where that is configured, limited in number, and destroyed when their time is over.
import { describe, expect, onTestFinished, test } from 'vitest';
import { silentLog } from '../../src/domain/log.js';
import { AppError } from '../../src/errors.js';
import { INFO_KEYS, UNKNOWN_FACES_LABEL, type UnknownFace } from '../../src/privacy/unknown-face-record.js';
import { countUnknownFaces } from '../../src/privacy/face-spans.js';
import { UnknownFaces, type UnknownFacesOptions } from '../../src/privacy/unknown-faces.js';
import type { SealedStore } from '../../src/store/sealed-store.js';
import { ManualTimers, settle } from '../camera/manual-timers.js';
import { randomEmbedding } from '../gallery/faces.js';
import { readContents, forever, openStore, temporaryDirectory, withCode, withRaw } from '../store/support.js';
import { randomNumbers } from '../store/values.js';
import { present } from '../support/present.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

interface Kept {
  store: SealedStore;
  faces: UnknownFaces;
  timers: ManualTimers;
}

async function open(
  options: Partial<UnknownFacesOptions> = {},
  { directory, timers = new ManualTimers() }: { directory?: string; timers?: ManualTimers } = {},
): Promise<Kept> {
  const store = await openStore(directory ?? (await temporaryDirectory()));
  const faces = new UnknownFaces({
    store,
    retentionHours: 24,
    maxFaces: 100,
    clock: timers.clock,
    timers,
    log: silentLog,
    encodeJpeg: (crop) => Buffer.from(`jpeg of ${crop.length}`),
    ...options,
  });
  onTestFinished(() => faces.stop());
  await faces.start(forever);
  return { store, faces, timers };
}

const random = randomNumbers(4);
/** The first byte of the crop tells it. */
function stranger(timers: ManualTimers, overrides: Partial<UnknownFace> = {}): UnknownFace {
  return {
    cameraId: 'gate',
    trackId: 1,
    capturedAtMs: timers.nowMs - 500,
    crop: new Uint8Array(37_632).fill(7),
    embedding: randomEmbedding(random),
    quality: 0.5,
    modelVersion: 'm1',
    ...overrides,
  };
}

async function written(faces: UnknownFaces, count: number): Promise<void> {
  await expect.poll(() => faces.stats().kept + faces.stats().dropped).toBe(count);
  await settle();
}

const listIds = async (faces: UnknownFaces): Promise<string[]> =>
  (await faces.list({ limit: 1_000 })).faces.map(({ id }) => id);

describe('what is kept', () => {
  test('is there as it was given, over a restart', async () => {
    const directory = await temporaryDirectory();
    const first = await open({}, { directory });
    const face = stranger(first.timers, {
      trackId: 9,
      quality: 0.75,
      condition: { recognisability: 0.625, masked: true },
    });
    first.faces.keep(face);
    await written(first.faces, 1);
    await first.faces.stop();
    await first.store.stop();

    const { faces } = await open({}, { directory, timers: first.timers });
    const [listed] = (await faces.list({ limit: 10 })).faces;
    const { crop, embedding, ...info } = face;
    expect(listed).toEqual({
      ...info,
      id: listed?.id,
      expiresAtMs: expect.closeTo(face.capturedAtMs + 23.5 * HOUR, -7) as number,
    });
    expect(listed?.expiresAtMs).toBeLessThanOrEqual(face.capturedAtMs + 24 * HOUR);
    expect(await faces.get(present(listed?.id))).toEqual({ ...info, id: listed?.id, crop, embedding });
    expect(Buffer.from((await faces.picture(present(listed?.id))) ?? []).toString()).toBe('jpeg of 37632');
    expect(faces.stats()).toMatchObject({ faces: 1, oldestAtMs: face.capturedAtMs });
    expect(faces.health()).toEqual({ status: 'ok', facts: { faces: 1, retentionHours: 24 } });
  });

  test('is sealed: neither the crop nor the embedding lies on the disk', async () => {
    const directory = await temporaryDirectory();
    const { store, faces, timers } = await open({}, { directory });
    const face = stranger(timers);
    faces.keep(face);
    await written(faces, 1);
    await faces.stop();
    await store.stop();
    const embedding = Buffer.from(face.embedding.buffer, 0, 64);
    for (const [name, bytes] of await readContents(directory)) {
      expect(bytes.includes(Buffer.alloc(64, 7)), name).toBe(false);
      expect(bytes.includes(embedding), name).toBe(false);
      expect(bytes.includes('gate'), name).toBe(false);
    }
  });

  test('is nothing where no retention is configured', async () => {
    const { store, faces, timers } = await open({ retentionHours: 0 });
    faces.keep(stranger(timers));
    await settle();
    expect(faces.stats()).toEqual({ faces: 0, kept: 0, purged: 0, displaced: 0, dropped: 0 });
    expect(store.spaces(UNKNOWN_FACES_LABEL)).toEqual([]);
  });

  test('is listed newest first, in pages, by camera', async () => {
    const { faces, timers } = await open();
    for (let trackId = 1; trackId <= 5; trackId++) {
      faces.keep(stranger(timers, { trackId, cameraId: trackId % 2 ? 'gate' : 'yard' }));
      await timers.advance(2 * HOUR);
    }
    await written(faces, 5);
    const all: number[] = [];
    let before: string | undefined;
    do {
      const page = await faces.list({ limit: 2, ...(before === undefined ? {} : { before }) });
      all.push(...page.faces.map(({ trackId }) => trackId));
      before = page.before;
    } while (before !== undefined);
    expect(all).toEqual([5, 4, 3, 2, 1]);
    expect((await faces.list({ limit: 9 }, { cameraId: 'yard' })).faces.map(({ trackId }) => trackId)).toEqual([4, 2]);
    await expect(faces.list({ limit: 2, before: 'gone' })).rejects.toEqual(withCode('NOT_FOUND'));
  });

  test('is bounded: the oldest make room, and too many at once are dropped', async () => {
    const { faces, timers } = await open({ maxFaces: 3 });
    for (let trackId = 1; trackId <= 6; trackId++) faces.keep(stranger(timers, { trackId }));
    await expect.poll(() => faces.stats()).toMatchObject({ faces: 3, kept: 6, displaced: 3, dropped: 0 });
    expect((await faces.list({ limit: 9 })).faces.map(({ trackId }) => trackId)).toEqual([6, 5, 4]);
    for (let i = 0; i < 50; i++) faces.keep(stranger(timers));
    await written(faces, 56);
    expect(faces.stats().dropped).toBeGreaterThanOrEqual(17);
  });

  test('is dropped, and said, where the disk refuses; never thrown', async () => {
    const { store, faces, timers } = await open();
    await store.stop();
    faces.keep(stranger(timers));
    await written(faces, 1);
    expect(faces.stats()).toMatchObject({ kept: 0, dropped: 1 });
    expect(faces.health()).toMatchObject({ status: 'degraded', detail: 'unknown faces: the disk refuses them' });
    await faces.stop();
    faces.keep(stranger(timers));
    expect(faces.stats().dropped).toBe(2);
    await expect(faces.get('x')).rejects.toEqual(withCode('STOPPED'));
    expect(faces.health().status).toBe('failed');
  });
});

describe('the time of a face', () => {
  test('is never exceeded, and falls short of it by a 24th at most', async () => {
    const { faces, timers } = await open();
    timers.nowMs += 37 * MINUTE;
    const face = stranger(timers);
    faces.keep(face);
    await written(faces, 1);
    await timers.advance(face.capturedAtMs + 23 * HOUR - 1 - timers.nowMs);
    expect(faces.stats().faces).toBe(1);
    await timers.advance(HOUR + 1);
    await expect.poll(() => faces.stats()).toMatchObject({ faces: 0, purged: 1 });
  });

  test('that passed while nothing ran ends at the start', async () => {
    const directory = await temporaryDirectory();
    const first = await open({}, { directory });
    first.faces.keep(stranger(first.timers));
    await written(first.faces, 1);
    await first.faces.stop();
    await first.store.stop();
    first.timers.nowMs += 24 * HOUR;
    const { store, faces } = await open({}, { directory, timers: first.timers });
    expect(faces.stats()).toMatchObject({ faces: 0, purged: 1 });
    expect(store.spaces(UNKNOWN_FACES_LABEL)).toEqual([]);
  });

  test('ends with the next start where the configuration keeps none any more, or keeps them shorter', async () => {
    const directory = await temporaryDirectory();
    const timers = new ManualTimers();
    const left: number[] = [];
    for (const retentionHours of [24, 6, 0, 24]) {
      const { store, faces } = await open({ retentionHours }, { directory, timers });
      if (left.length === 0) {
        for (let i = 0; i < 3; i++) {
          faces.keep(stranger(timers));
          await written(faces, i + 1);
          await timers.advance(4 * HOUR);
        }
      }
      left.push(faces.stats().faces);
      await faces.stop();
      await store.stop();
    }
    expect(left).toEqual([3, 1, 0, 0]);
  });

  test('is not what a wrong capture time says', async () => {
    const { faces, timers } = await open();
    faces.keep(stranger(timers, { capturedAtMs: timers.nowMs + 300 * HOUR }));
    await written(faces, 1);
    expect((await faces.list({ limit: 1 })).faces[0]?.capturedAtMs).toBe(timers.nowMs);
    faces.keep(stranger(timers, { capturedAtMs: timers.nowMs - 25 * HOUR }));
    await settle();
    expect(faces.stats()).toMatchObject({ faces: 1, kept: 1 });
  });

  test('in a future that cannot be ends, once the clock is to be trusted', async () => {
    const directory = await temporaryDirectory();
    const timers = new ManualTimers();
    const left: number[] = [];
    for (const problem of ['unused', 'the clock is wrong', undefined]) {
      const { store, faces } = await open({ trust: { problem: () => problem } }, { directory, timers });
      if (left.length === 0) {
        faces.keep(stranger(timers));
        await written(faces, 1);
        timers.nowMs -= 100 * HOUR;
      }
      left.push(faces.stats().faces);
      await faces.stop();
      await store.stop();
    }
    expect(left).toEqual([1, 1, 0]);
  });

  test('over, the face cannot be read again, not from a copy of the database with the same master key', async () => {
    const directory = await temporaryDirectory();
    const { store, faces, timers } = await open({}, { directory });
    faces.keep(stranger(timers));
    await written(faces, 1);
    const [space] = store.spaces(UNKNOWN_FACES_LABEL);
    const place = Buffer.concat([Buffer.from('d'), Buffer.from(present(space).id, 'hex'), INFO_KEYS.encode(1)]);
    await faces.stop();
    await store.stop();
    // What a file of the database that was kept would still hold: the sealed record, but not its key.
    const sealed = await withRaw(directory, (level) => level.get(place));
    expect(sealed).toBeDefined();
    timers.nowMs += 25 * HOUR;
    const again = await open({}, { directory, timers });
    await again.store.idle();
    await again.faces.stop();
    await again.store.stop();
    await withRaw(directory, async (level) => {
      expect(await level.get(Buffer.concat([Buffer.from('k'), Buffer.from(present(space).id, 'hex')]))).toBeUndefined();
      await level.put(place, sealed as Buffer);
    });
    const last = await open({}, { directory, timers });
    expect(last.faces.stats().faces).toBe(0);
    expect(last.store.spaces(UNKNOWN_FACES_LABEL)).toEqual([]);
  });
});

describe('deletion', () => {
  test('takes one, and says whether there was one', async () => {
    const { store, faces, timers } = await open();
    faces.keep(stranger(timers, { trackId: 1 }));
    faces.keep(stranger(timers, { trackId: 2 }));
    await written(faces, 2);
    const [second, first] = await listIds(faces);
    expect(await faces.delete(present(first))).toBe(true);
    expect(await faces.delete(present(first))).toBe(false);
    expect(await listIds(faces)).toEqual([second]);
    await expect(faces.get(present(first))).rejects.toEqual(withCode('NOT_FOUND'));
    expect(await faces.picture(present(first))).toBeUndefined();
    expect(await countUnknownFaces(store)).toEqual({ faces: 1, oldestAtMs: timers.nowMs - 500 });
    // With the last one of its span goes the key.
    expect(await faces.delete(present(second))).toBe(true);
    expect(store.spaces(UNKNOWN_FACES_LABEL)).toEqual([]);
    faces.keep(stranger(timers));
    await written(faces, 3);
    expect(faces.stats().faces).toBe(1);
  });

  test('takes all, with their keys', async () => {
    const { store, faces, timers } = await open();
    for (let i = 0; i < 3; i++) {
      faces.keep(stranger(timers));
      await written(faces, i + 1);
      await timers.advance(2 * HOUR);
    }
    expect(store.spaces(UNKNOWN_FACES_LABEL)).toHaveLength(3);
    expect(await faces.deleteAll()).toBe(3);
    expect(await faces.deleteAll()).toBe(0);
    expect(store.spaces(UNKNOWN_FACES_LABEL)).toEqual([]);
    expect(await countUnknownFaces(store)).toEqual({ faces: 0 });
  });

  test('that the disk refuses leaves the face, and is tried again when its time is over', async () => {
    const directory = await temporaryDirectory();
    const refusing = { on: false };
    const timers = new ManualTimers();
    const store = await openStore(directory);
    const refuse = (): Promise<never> => Promise.reject(new AppError('STORE_UNAVAILABLE', 'the disk refuses'));
    const faces = new UnknownFaces({
      store: {
        spaces: (label) => store.spaces(label),
        createSpace: (label, contents) => store.createSpace(label, contents),
        write: (operations) => (refusing.on ? refuse() : store.write(operations)),
        destroySpace: (space) => (refusing.on ? refuse() : store.destroySpace(space)),
      },
      retentionHours: 24,
      maxFaces: 10,
      clock: timers.clock,
      timers,
      log: silentLog,
      encodeJpeg: (crop) => crop,
    });
    onTestFinished(() => faces.stop());
    await faces.start(forever);
    faces.keep(stranger(timers));
    await written(faces, 1);
    refusing.on = true;
    const [id] = await listIds(faces);
    await expect(faces.delete(present(id))).rejects.toEqual(withCode('STORE_UNAVAILABLE'));
    expect((await faces.get(present(id))).trackId).toBe(1);
    await timers.advance(25 * HOUR);
    expect(faces.health()).toMatchObject({
      status: 'degraded',
      detail: 'unknown faces: the faces that are due cannot be destroyed',
    });
    refusing.on = false;
    await timers.advance(2 * MINUTE);
    await expect.poll(() => faces.stats().faces).toBe(0);
    expect(faces.health().status).toBe('ok');
  });
});

test('a span that cannot be read is destroyed at the start, not kept longer', async () => {
  const directory = await temporaryDirectory();
  const first = await open({}, { directory });
  first.faces.keep(stranger(first.timers));
  await written(first.faces, 1);
  const [space] = first.store.spaces(UNKNOWN_FACES_LABEL);
  await first.store.write([{ ...present(space).put(Buffer.from('a'), Buffer.alloc(0)), value: Buffer.alloc(90) }]);
  await first.faces.stop();
  await first.store.stop();
  const { store, faces } = await open({}, { directory, timers: first.timers });
  expect(faces.stats().faces).toBe(0);
  expect(store.spaces(UNKNOWN_FACES_LABEL)).toEqual([]);
});
