// The whole service: a face that is enrolled over REST is recognised in a video, and announced through a broker to another process.
import { createPublicKey } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { encodePicture } from '../../tools/rendered-people/clip-file.js';
import { GUEST_SEED, renderPortrait } from '../../tools/rendered-people/demo-clip.js';
import { recognitionEventSchema } from '../../src/events/event.js';
import { isSignedBy } from '../../src/events/signing.js';
import { loadAddon } from '../../src/native/addon.js';
import { DEMO_CLIP } from '../console/scenes.js';
import { Mosquitto, Subscriber, lacks, type HistoryMessage } from '../events/support.js';
import { bestModels, standardModels } from '../support/model-sets.js';
import { facesDir, missing } from '../support/shared.js';
import { toImage, startService } from '../support/service.js';
import { tempDir } from '../support/temp-dir.js';

interface Clip {
  path: string;
  /** A picture of the person to enrol that is not a frame of the clip. */
  portrait: Uint8Array;
}

/** Makes a clip: the enrolled person before the camera, then nobody, then a stranger, then nobody. */
async function photoClip(folder: string): Promise<Clip> {
  const people = join(facesDir ?? '', 'people');
  const [guest, stranger] = ['penny', 'howard'].map((name) =>
    readdirSync(join(people, name))
      .sort()
      .map((file) => readFileSync(join(people, name, file))),
  );
  const background = await sharp({ create: { width: 640, height: 480, channels: 3, background: '#6f7f8f' } })
    .png()
    .toBuffer();
  const empty = await sharp(background).jpeg().toBuffer();
  const frame = async (photo: Buffer, left: number): Promise<Buffer> =>
    sharp(background)
      .composite([{ input: await sharp(photo).resize(260, 260).toBuffer(), left, top: 100 }])
      .jpeg({ quality: 90 })
      .toBuffer();
  const frames: Buffer[] = [];
  for (let i = 0; i < 24; i++) frames.push(await frame(guest![1 + (Math.floor(i / 6) % 4)]!, 100 + 2 * i));
  for (let i = 0; i < 40; i++) frames.push(empty);
  for (let i = 0; i < 24; i++) frames.push(await frame(stranger![1 + (Math.floor(i / 6) % 4)]!, 300 - 2 * i));
  for (let i = 0; i < 40; i++) frames.push(empty);
  const path = join(folder, 'clip.mjpeg');
  writeFileSync(path, Buffer.concat(frames));
  return { path, portrait: guest![0]! };
}

/** Returns the clip of the demonstration: the guest, then a stranger, as rendered heads. */
async function renderedClip(): Promise<Clip> {
  return { path: DEMO_CLIP, portrait: encodePicture(renderPortrait(GUEST_SEED), loadAddon()) };
}

const LONG = { timeout: 90_000 };
const sources = [
  { name: 'photographs', models: facesDir === undefined ? undefined : standardModels, threshold: 80, make: photoClip },
  { name: 'rendered faces', models: bestModels, threshold: 90, make: renderedClip },
];

describe.each(sources)('a clip of $name', ({ name, models, threshold, make }) => {
  const what = `the clip of ${name}`;
  const skip = missing(what, models?.modelsDir) || lacks(what, 'mosquitto', 'mosquitto_sub', 'stdbuf');

  // Two starts of the service, and a clip of 12 s in real time.
  it.skipIf(skip)('causes exactly one match for the enrolled person, and none for the stranger', LONG, async () => {
    const folder = tempDir();
    const clip = await make(folder);
    const broker = await Mosquitto.start();
    const { messages } = await Subscriber.start(broker.port, 'lintel/#', ['-q', '1']);
    const ofType = (type: string): typeof messages => messages.filter((m) => m.topic === `lintel/gate/front/${type}`);

    // The person is enrolled before the camera exists: the service is started first without a camera, then with it.
    const mqtt = { url: broker.url };
    const common = { folder: join(folder, 'home'), ...(models ?? bestModels) };
    const first = await startService({ ...common, config: { deviceId: 'gate', mqtt } });
    await first.call('POST', '/groups', { groupId: 'door' });
    const registered = await first.call('POST', '/groups/door', {
      image: toImage(clip.portrait),
      externalImageId: 'guest',
    });
    const { faceId, imageId } = registered.data.addedFaces[0] as { faceId: string; imageId: string };
    await first.stop();

    const second = await startService({
      ...common,
      config: {
        deviceId: 'gate',
        mqtt,
        cameras: [{ id: 'front', group: 'door', threshold, source: { type: 'file', path: clip.path, realTime: true } }],
      },
    });
    try {
      // The stranger comes after the guest: when the stranger is announced as unknown, all matches have been announced.
      await expect.poll(() => ofType('unknown').length, { timeout: 30_000 }).toBe(1);
      await expect
        .poll(async () => (await fetch(`${second.url}/healthz`)).text(), { timeout: 30_000 })
        .toMatch(/"ended"/);
    } finally {
      await second.stop();
    }
    expect(ofType('match')).toHaveLength(1);
    expect(ofType('unknown')).toHaveLength(1);
    const history = messages
      .filter((m) => m.topic === 'lintel/gate/history')
      .map((m) => JSON.parse(m.payload) as HistoryMessage);
    expect(history.map((message) => [message.sequence, message.late])).toEqual([
      [1, false],
      [2, false],
    ]);
    const event = recognitionEventSchema.parse(JSON.parse(ofType('match')[0]!.payload));
    const signingKey = createPublicKey(readFileSync(join(folder, 'home', 'keys', 'signing.key')));
    expect([history[0]!.event, history[1]!.event].map((one) => isSignedBy(signingKey, one))).toEqual([true, true]);
    expect(event).toEqual(history[0]!.event);
    expect(event).toMatchObject({ faceId, imageId, externalImageId: 'guest', groupId: 'door', deviceId: 'gate' });
    expect(event.similarity).toBeGreaterThanOrEqual(event.threshold);
    expect(Date.parse(event.expiresAt)).toBeGreaterThan(Date.parse(event.decidedAt));
    expect(ofType('match')[0]!.retained).toBe(false);
    const stranger = recognitionEventSchema.parse(JSON.parse(ofType('unknown')[0]!.payload));
    expect(stranger).not.toHaveProperty('faceId');
    expect(messages.filter((m) => m.topic === 'lintel/gate/status').map((m) => m.payload)).toEqual(
      expect.arrayContaining([expect.stringContaining('online'), expect.stringContaining('offline')]),
    );
  });
});
