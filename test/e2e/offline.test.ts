// A service whose configured models are missing, as in a clone without a network: the built-in models run, and the service reports it.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodePicture, renderClip } from '../../tools/rendered-people/clip-file.js';
import type { ClipActor } from '../../tools/rendered-people/clip.js';
import { GUEST_SEED, STRANGER_SEED, renderPortrait } from '../../tools/rendered-people/demo-clip.js';
import { recognitionEventSchema, type RecognitionEvent } from '../../src/events/event.js';
import { loadManifest, getModelSet } from '../../src/models/manifest.js';
import { loadAddon } from '../../src/native/addon.js';
import { Subscriber, lacks } from '../events/support.js';
import { freePort } from '../support/free-port.js';
import { CLI, toImage, startService, type Service } from '../support/service.js';
import { tempDir } from '../support/temp-dir.js';

const addon = loadAddon();
const { modelVersion } = loadManifest().sets.builtin!;
const { detector } = getModelSet(loadManifest(), 'standard');
const SENTENCE =
  /^the built-in models run, because \S+\.onnx of the set standard is missing: run "lintel models fetch"/;

interface Part {
  status: string;
  detail?: string;
  facts?: Record<string, unknown>;
}

/** Makes an actor who stands before the camera for 1.5 s from `fromMs` on. */
function actor(seed: number, fromMs: number): ClipActor {
  const place = { x: 0.5, y: 0.46, sizePx: 120 };
  const keyframes = [
    { atMs: fromMs, ...place },
    { atMs: fromMs + 1_500, ...place, x: 0.54 },
  ];
  return { who: { seed }, sway: { yaw: 4, pitch: 2 }, blinks: false, keyframes };
}

describe('a service whose configured models are missing', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lintel-offline-'));
  const picture = (...of: Parameters<typeof renderPortrait>) => toImage(encodePicture(renderPortrait(...of), addon));
  let service: Service;
  let mqttPort: number;

  beforeAll(async () => {
    const clip = join(folder, 'clip.avi');
    const actors = [actor(GUEST_SEED, 300), actor(STRANGER_SEED, 2_500)];
    const script = { widthPx: 480, heightPx: 360, fps: 8, durationMs: 4_800, background: 12, samples: 1, actors };
    await renderClip(script, clip, { addon });
    const modelsDir = join(folder, 'models');
    mkdirSync(modelsDir);
    mqttPort = await freePort();
    const door = { group: 'door', absenceMs: 500, minSharpness: 0, source: { type: 'file', path: clip, loop: true } };
    service = await startService({
      folder: join(folder, 'home'),
      modelsDir,
      config: {
        mqtt: { embedded: { port: mqttPort } },
        cameras: [
          { id: 'front', ...door },
          { id: 'strict', ...door, liveness: 'required' },
        ],
      },
    });
  });

  afterAll(async () => {
    expect(await service.stop()).toBe(0);
    rmSync(folder, { recursive: true, force: true });
  });

  async function health(): Promise<{ http: number; status: string; parts: Record<string, Part> }> {
    const response = await fetch(`${service.url}/healthz`);
    return { http: response.status, ...((await response.json()) as { status: string; parts: Record<string, Part> }) };
  }

  it('is ready, logs a warning at its start, and reports the same sentence as degraded health', async () => {
    const warned = service.log.filter(({ level, set }) => level === 'warn' && set === 'builtin');
    expect(warned).toEqual([expect.objectContaining({ msg: expect.stringMatching(SENTENCE) as string })]);
    const { http, status, parts } = await health();
    expect([http, status]).toEqual([200, 'degraded']);
    expect(parts.vision).toMatchObject({ status: 'degraded', detail: warned[0]!.msg, facts: { modelVersion } });
    expect((await fetch(`${service.url}/readyz`)).status).toBe(200);
    expect(readdirSync(join(folder, 'models'))).toEqual([]);
  });

  it('finds the guest in another picture, and does not find a stranger', async () => {
    await service.call('POST', '/groups', { groupId: 'staff' });
    const registered = await service.call('POST', '/groups/staff', {
      image: picture(GUEST_SEED),
      externalImageId: 'guest',
    });
    expect(registered.data).toMatchObject({ modelVersion, addedFaceCount: 1 });
    const search = async (image: object) =>
      (await service.call('POST', '/groups/staff/search?threshold=90', { image })).data as object;
    const other = { pose: { yaw: -12, pitch: 4 }, background: 5, facePx: 150 };
    expect(await search(picture(GUEST_SEED, other))).toMatchObject({
      matchFaceCount: 1,
      matchFaces: [{ face: { externalImageId: 'guest' } }],
    });
    expect(await search(picture(STRANGER_SEED))).toMatchObject({ matchFaceCount: 0 });
  });

  it('refuses requests for a spoofing check, and gives the reason', async () => {
    const image = picture(GUEST_SEED);
    const refusal = {
      isSuccessful: false,
      resultCode: -40000,
      detail: 'The answer cannot tell spoofing: no liveness model is loaded.',
    };
    for (const [path, body] of [
      ['/detect', { image, spoofing: true }],
      ['/spoofing', { image }],
      ['/compare', { sourceImage: image, targetImage: image, spoofing: true }],
    ] as const) {
      expect((await service.call('POST', path, body)).header).toMatchObject(refusal);
    }
    const { data } = await service.call('POST', '/detect', { image, spoofing: false });
    expect(data).toMatchObject({ faceDetailCount: 1 });
    expect(data.faceDetails[0]).not.toHaveProperty('spoofing');
  });

  it('ends a liveness trial at once with the reason, so that nobody waits in vain', () => {
    const args = [CLI, 'doctor', '--config', join(folder, 'home', 'lintel.yaml'), '--liveness', 'strict'];
    const { status, stderr } = spawnSync(process.execPath, args, { input: '\n', encoding: 'utf8', timeout: 20_000 });
    expect(status).toBe(1);
    expect(stderr).toMatch(/lintel: the model set builtin has no liveness model\n$/);
  });

  it.skipIf(lacks('events of the built-in models', 'mosquitto_sub', 'stdbuf'))(
    'announces the guest over MQTT, and grants nothing where liveness is required',
    async () => {
      const { messages } = await Subscriber.start(mqttPort, 'lintel/#', ['-q', '1']);
      const told = (camera: string, type: string): RecognitionEvent[] =>
        messages
          .filter(({ topic }) => topic.endsWith(`/${camera}/${type}`))
          .map(({ payload }) => recognitionEventSchema.parse(JSON.parse(payload)));
      await service.call('POST', '/groups', { groupId: 'door' });
      await service.call('POST', '/groups/door', { image: picture(GUEST_SEED), externalImageId: 'guest' });
      const doubts = () => told('strict', 'uncertain').filter(({ reason }) => reason === 'liveness-missing');
      await expect.poll(() => told('front', 'match').length, { timeout: 20_000 }).toBeGreaterThan(0);
      await expect.poll(() => doubts().length, { timeout: 20_000 }).toBeGreaterThan(0);
      expect(told('front', 'match')[0]).toMatchObject({ externalImageId: 'guest', groupId: 'door', modelVersion });
      expect(doubts()[0]).toMatchObject({ liveness: { mode: 'required', verdict: 'unavailable' } });
      expect(doubts()[0]).not.toHaveProperty('externalImageId');
      expect(told('strict', 'match')).toEqual([]);
      expect((await health()).parts['camera:strict']).toMatchObject({
        status: 'degraded',
        detail: 'liveness is required, and the model set has no model for it: nobody is matched',
      });
    },
    60_000,
  );
});

describe('a service that may not run the built-in models', () => {
  it('does not start without the configured models, and names the missing file and the command that fetches it', async () => {
    const folder = tempDir();
    const dir = join(folder, 'models');
    const config = { models: { dir, fallback: false } };
    const start = startService({ folder: join(folder, 'home'), modelsDir: dir, config });
    const failure = await start.then(
      () => '',
      (error: Error) => error.message,
    );
    const [first] = failure.split('\n').slice(1);
    const missing = `lintel: the model ${detector.file} is missing; it was looked for in ${dir}. Run "lintel models fetch"`;
    expect(first!.slice(0, missing.length)).toBe(missing);
    expect(failure).not.toMatch(/^\s+at /m);
  }, 20_000);
});
