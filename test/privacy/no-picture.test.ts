// No picture and no readable embedding reaches the disk: runs the whole service with an enrolment and a camera, and searches every file.
import { appendFileSync, closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it, onTestFinished } from 'vitest';
import { dataPaths } from '../../src/config/paths.js';
import { readMasterKey } from '../../src/keys/secrets.js';
import { encodePicture, renderClip } from '../../tools/rendered-people/clip-file.js';
import { GUEST_SEED, STRANGER_SEED, renderPortrait } from '../../tools/rendered-people/demo-clip.js';
import { silentLog } from '../../src/domain/log.js';
import { FACE_KEYS, decodeFace } from '../../src/gallery/face-record.js';
import { loadAddon } from '../../src/native/addon.js';
import { UNKNOWN_FACES_LABEL, decodePicture } from '../../src/privacy/unknown-face-record.js';
import { SealedStore } from '../../src/store/sealed-store.js';
import { Pipeline } from '../../src/vision/pipeline.js';
import { collect, forever } from '../store/support.js';
import { bestModels } from '../support/model-sets.js';
import { toImage, startService, type Service } from '../support/service.js';
import { tempDir } from '../support/temp-dir.js';
import {
  PICTURE_BEGINNINGS,
  Watch,
  filesBelow,
  openFiles,
  splitPieces,
  search,
  swapped,
  traceOpens,
  type Needle,
} from './disk-search.js';
import { present } from '../support/present.js';

const addon = loadAddon();

/** The guest, who is enrolled, then a stranger, each standing still for a moment; and the frames as they went into the file. */
async function makeClip(path: string): Promise<Buffer[]> {
  const frames: Buffer[] = [];
  const stay = (seed: number, fromMs: number, x: number) => ({
    who: { seed },
    sway: { yaw: 4, pitch: 3, roll: 2 },
    keyframes: [
      { atMs: fromMs, x: x - 0.02, y: 0.45, sizePx: 130 },
      { atMs: fromMs + 1_600, x: x + 0.02, y: 0.45, sizePx: 130 },
    ],
  });
  const script = {
    widthPx: 640,
    heightPx: 480,
    fps: 10,
    durationMs: 4_800,
    background: 12,
    light: { azimuth: -30, elevation: 40 },
    actors: [stay(GUEST_SEED, 200, 0.7), stay(STRANGER_SEED, 3_000, 0.3)],
  };
  await renderClip(script, path, { addon, onProgress: ({ jpeg }) => void frames.push(Buffer.from(jpeg)) });
  return frames;
}

const pixels = (jpeg: Buffer): Promise<Buffer> => sharp(jpeg).removeAlpha().raw().toBuffer();

/** Of a picture: its file, and its pixels in both orders. */
async function makeNeedles(what: string, jpeg: Buffer, count: number): Promise<Needle[]> {
  const rgb = await pixels(jpeg);
  return [
    ...splitPieces(`${what}, as JPEG`, jpeg, count),
    ...splitPieces(`${what}, as base64`, Buffer.from(jpeg.toString('base64')), count),
    ...splitPieces(`${what}, as RGB`, rgb, count),
    ...splitPieces(`${what}, as BGR`, swapped(rgb), count),
  ];
}

async function findEmbedding(jpeg: Buffer): Promise<Float32Array> {
  const { models: set, modelsDir } = bestModels;
  const pipeline = await Pipeline.open({ addon, set, modelsDir, providers: ['cpu'] });
  try {
    const { faces } = await pipeline.analyseImage(jpeg, { embed: 1, mask: false, liveness: false });
    return faces[0]?.embedding as Float32Array;
  } finally {
    await pipeline.close();
  }
}

/** Of the processes that this test starts. */
function setEnvironment(variables: Record<string, string | undefined>): void {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  const set = (name: string, value: string | undefined): void => {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  };
  for (const [name, value] of Object.entries(variables)) set(name, value);
  onTestFinished(() => before.forEach(([name, value]) => set(name, value)));
}

const toImageBytes = (floats: Float32Array): Buffer => Buffer.from(floats.buffer, floats.byteOffset, floats.byteLength);

/** What lies sealed in the store of the stopped service, opened with its key. */
async function openedStore(folder: string): Promise<{ embeddings: Float32Array[]; crops: Uint8Array[] }> {
  const config = { dataDir: join(folder, 'data'), keysDir: join(folder, 'keys') };
  const master = await readMasterKey({ environment: {}, keysDir: config.keysDir });
  const directory = dataPaths(config).databaseDir;
  const store = new SealedStore({ directory, masterKey: master?.key as Buffer, log: silentLog });
  await store.start(forever);
  try {
    const embeddings: Float32Array[] = [];
    const crops: Uint8Array[] = [];
    for (const space of store.spaces('group')) {
      for (const [, value] of await collect(space.entries(FACE_KEYS.range)))
        embeddings.push(decodeFace(value).embedding);
    }
    for (const space of store.spaces(UNKNOWN_FACES_LABEL)) {
      const pictures = { gte: Buffer.from('p'), lt: Buffer.from('q') };
      for (const [, value] of await collect(space.entries(pictures))) {
        const { crop, embedding } = decodePicture(value);
        crops.push(crop);
        embeddings.push(embedding);
      }
    }
    return { embeddings, crops };
  } finally {
    await store.stop();
  }
}

describe('the search', () => {
  it('finds what it looks for', async () => {
    const folder = tempDir();
    const jpeg = encodePicture(renderPortrait(GUEST_SEED), addon);
    const needles = await makeNeedles('the portrait', jpeg, 5);
    expect(needles.length).toBeGreaterThan(12);
    const rgb = await pixels(jpeg);
    for (const [name, content] of [
      ['jpeg', jpeg],
      ['png', await sharp(jpeg).png().toBuffer()],
      ['rgb', rgb],
      ['bgr', swapped(rgb)],
      ['text', jpeg.toString('base64')],
    ] as const) {
      const file = join(folder, name);
      writeFileSync(file, 'before');
      appendFileSync(file, content);
      expect(search([file], [...needles, ...PICTURE_BEGINNINGS]), name).not.toEqual([]);
    }
    expect(search([join(folder, 'png')], needles)).toEqual([]);
    expect(filesBelow(folder)).toHaveLength(5);
    const file = openSync(join(folder, 'rgb'), 'a');
    expect(openFiles(process.pid)).toContainEqual(
      expect.objectContaining({ target: join(folder, 'rgb'), isForWriting: true }),
    );
    closeSync(file);
  });
});

describe('a service that has seen faces', () => {
  it('has left none of them on the disk, and opened no file for it', async () => {
    const folder = tempDir();
    const home = join(folder, 'home');
    const temporary = join(folder, 'tmp');
    mkdirSync(temporary);
    const clip = join(folder, 'clip.avi');
    const frames = await makeClip(clip);
    const portrait = encodePicture(renderPortrait(GUEST_SEED), addon);
    const embedding = await findEmbedding(portrait);

    const cache = join(folder, 'cache');
    mkdirSync(cache);
    // What libraries would leave there; and without what keeps them from it in this process.
    setEnvironment({ TMPDIR: temporary, HOME: cache, XDG_CACHE_HOME: cache, ORT_DISABLE_TELEMETRY: undefined });
    const watches: Watch[] = [];
    const traces: { opened: () => string[] }[] = [];
    const start = async (config: Record<string, unknown>): Promise<Service> => {
      const service = await startService({ folder: home, ...bestModels, config });
      onTestFinished(() => service.kill());
      watches.push(new Watch(service.pid));
      const trace = await traceOpens(service.pid, join(folder, `trace-${traces.length}`));
      if (trace) traces.push(trace);
      return service;
    };

    const first = await start({});
    await first.call('POST', '/groups', { groupId: 'door' });
    const answer = await first.call('POST', '/groups/door', { image: toImage(portrait) });
    expect(answer).toMatchObject({ data: { addedFaceCount: 1 } });
    await first.call('POST', '/groups/door/search', { image: toImage(present(frames[10])) });
    const asMultipart = new FormData();
    asMultipart.set('imageFile', new Blob([Uint8Array.from(present(frames[38]))]));
    const secret = readFileSync(join(home, 'keys', 'secret-key'), 'utf8').trim();
    const detected = await fetch(`${first.url}/v2.0/appkeys/${first.appKey}/faces/detect`, {
      method: 'POST',
      headers: { authorization: secret },
      body: asMultipart,
    });
    expect(await detected.json()).toMatchObject({ data: { faceDetailCount: 1 } });
    expect(await first.stop()).toBe(0);

    const second = await start({
      privacy: { unknownFacesHours: 1 },
      cameras: [
        {
          id: 'front',
          group: 'door',
          snapshots: true,
          agree: 2,
          source: { type: 'file', path: clip, realTime: true },
        },
      ],
    });
    const parts = async (): Promise<Record<string, { detail?: string; facts?: Record<string, unknown> }>> =>
      ((await (await fetch(`${second.url}/healthz`)).json()) as { parts: never }).parts;
    await expect
      .poll(async () => (await parts())['camera:front']?.detail, { timeout: 20_000, interval: 200 })
      .toContain('played to its end');
    await expect
      .poll(async () => (await parts())['unknown-faces']?.facts?.faces, { timeout: 10_000 })
      .toBeGreaterThan(0);
    const some = frames.filter((_, i) => i % 4 === 0);
    const needles = [
      ...(await makeNeedles('the portrait', portrait, 9)),
      ...(await Promise.all(some.map((frame, i) => makeNeedles(`frame ${4 * i}`, frame, 4)))).flat(),
      ...splitPieces('the embedding', toImageBytes(embedding), 6),
      ...PICTURE_BEGINNINGS,
    ];
    // While it runs: files without a name, too.
    expect(
      search(
        openFiles(second.pid)
          .filter((file) => file.isForWriting)
          .map(({ link }) => link),
        needles,
      ),
    ).toEqual([]);
    // A kill leaves what a stop would have tidied away.
    await second.kill();
    for (const watch of watches) watch.stop();

    const sealed = await openedStore(home);
    // So it is the right embedding that is looked for …
    expect(sealed.embeddings.some((stored) => toImageBytes(stored).equals(toImageBytes(embedding)))).toBe(true);
    // … and the stranger's face lies there, sealed.
    expect(sealed.crops.length).toBeGreaterThan(0);
    needles.push(
      ...sealed.crops.flatMap((crop) => [
        ...splitPieces('a crop', crop, 9),
        ...splitPieces('a crop, as BGR', swapped(crop), 9),
      ]),
      ...sealed.embeddings.flatMap((stored) => splitPieces('an embedding', toImageBytes(stored), 6)),
    );
    const files = filesBelow(home, temporary, cache);
    expect(files.length).toBeGreaterThan(5);
    expect(search(files, needles)).toEqual([]);
    expect(filesBelow(temporary, cache)).toEqual([]);

    const own = [join(home, 'data'), join(home, 'keys')];
    const isOwn = (path: string): boolean =>
      path === '/dev/null' || path.startsWith('/proc/self/') || own.some((place) => path.startsWith(`${place}/`));
    for (const watch of watches) {
      expect(watch.looks).toBeGreaterThan(10);
      expect([...watch.written].filter((path) => !isOwn(path))).toEqual([]);
    }
    expect(watches[0]?.written.size).toBeGreaterThan(0);
    for (const { opened } of traces) expect(opened().filter((path) => !isOwn(path))).toEqual([]);
  }, 60_000);
});
