// The device API of a whole service: a person is enrolled before a rendered camera and recognised, and the cameras are closed.
import { createPublicKey } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { renderClip } from '../../tools/rendered-people/clip-file.js';
import type { ClipActor } from '../../tools/rendered-people/clip.js';
import { GUEST_SEED, STRANGER_SEED } from '../../tools/rendered-people/demo-clip.js';
import { isSignedBy } from '../../src/events/signing.js';
import { loadAddon } from '../../src/native/addon.js';
import { bestModels } from '../support/model-sets.js';
import { startService, type Service } from '../support/service.js';
import { tempDir } from '../support/temp-dir.js';

/** The clip is played in a loop: a person comes, stands there, and is away for a while. */
const IN_SIGHT_MS = 2_800;
const LENGTH_MS = 4_000;

function person(seed: number, x: number): ClipActor {
  const place = { x, y: 0.46, sizePx: 120 };
  return {
    who: { seed },
    sway: { yaw: 4, pitch: 2 },
    blinks: false,
    keyframes: [
      { atMs: 0, ...place },
      { atMs: IN_SIGHT_MS, ...place, x: x + 0.05 },
    ],
  };
}

async function clip(path: string, actors: ClipActor[]): Promise<{ type: 'file'; path: string; loop: boolean }> {
  const script = { widthPx: 480, heightPx: 360, fps: 8, durationMs: LENGTH_MS, background: 12, samples: 1, actors };
  await renderClip(script, path, { addon: loadAddon() });
  return { type: 'file', path, loop: true };
}

/** Opens the device API of a service with its first admin key. */
function openDevice(service: Service, folder: string) {
  const authorization = `Bearer ${readFileSync(join(folder, 'keys/admin-key'), 'utf8').trim()}`;
  const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`${service.url}/device/v1${path}`, { ...init, headers: { authorization } });
  return {
    ask,
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the test looks into it freely
    async json(method: string, path: string, body?: unknown): Promise<{ status: number; body: any }> {
      const init = { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
      const response = await ask(path, init);
      return { status: response.status, body: await response.json() };
    },
  };
}

/** Reads pictures of a live view. @param count number of pictures */
async function watched(response: Response, count: number): Promise<string> {
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk as Uint8Array).toString('latin1');
    if (text.split('Content-Type: image/jpeg').length > count + 1) return text;
  }
  return text;
}

describe('the device API', () => {
  it('enrols, shows, recognises, and keeps the cameras closed over a restart', { timeout: 90_000 }, async () => {
    const home = tempDir();
    const guest = person(GUEST_SEED, 0.45);
    const common = { group: 'door', absenceMs: 500, minSharpness: 0, freezeMs: 0 };
    const cameras = [
      { id: 'front', ...common, source: await clip(join(home, 'one.avi'), [guest]) },
      {
        id: 'yard',
        ...common,
        source: await clip(join(home, 'two.avi'), [person(STRANGER_SEED, 0.25), person(GUEST_SEED, 0.7)]),
      },
    ];
    const folder = join(home, 'lintel');
    const options = { folder, ...bestModels, config: { cameras } };
    let service = await startService(options);
    try {
      for (const file of ['keys/admin-key', 'data/admin.sock', 'data/db/CURRENT']) {
        expect([file, statSync(join(folder, file)).mode & 0o777]).toEqual([file, 0o600]);
      }
      let device = openDevice(service, folder);
      await service.call('POST', '/groups', { groupId: 'door' });
      const state = async (id: string): Promise<string> =>
        String((await device.json('GET', `/cameras/${id}`)).body.state);
      await expect.poll(() => state('front'), { timeout: 20_000 }).toBe('running');

      const picture = await device.ask('/cameras/front/frame?boxes=true&maxWidth=160');
      expect(picture.headers.get('content-type')).toBe('image/jpeg');
      const { width, height } = await sharp(Buffer.from(await picture.arrayBuffer())).metadata();
      expect([width, height]).toEqual([160, 120]);
      const live = await device.ask('/cameras/front/live?fps=15&maxWidth=160');
      expect(await watched(live, 3)).toContain('--lintel-frame');

      // A second enrolment at the other camera is refused while the first one runs.
      const wish = { group: 'door', frames: 5, timeoutMs: 12_000 };
      const crowd = device.json('POST', '/cameras/yard/enrol', {
        ...wish,
        timeoutMs: 4_000,
        externalImageId: 'crowd',
      });
      const response = await device.ask('/cameras/front/enrol?progress=true', {
        method: 'POST',
        body: JSON.stringify({ ...wish, externalImageId: 'guest' }),
      });
      const lines = (await response.text()).trim().split('\n');
      const last = JSON.parse(lines.at(-1) ?? '');
      expect(last).toMatchObject({ type: 'result', result: { externalImageId: 'guest', framesUsed: 5 } });
      expect(lines.length).toBeGreaterThanOrEqual(6);
      const { faceId } = last.result as { faceId: string };
      expect((await crowd).body.error).toMatchObject({ code: 'ENROLMENT_REFUSED', reason: 'several-faces' });
      const twice = await device.json('POST', '/cameras/front/enrol', { ...wish, externalImageId: 'other' });
      expect(twice.status).toBe(422);
      expect(twice.body.error).toMatchObject({
        reason: 'already-enrolled-as-somebody-else',
        enrolledAs: { faceId, externalImageId: 'guest' },
      });

      // The guest comes again and is now recognised.
      const matches = () => device.json('GET', '/events?type=match&camera=front&externalImageId=guest&limit=1');
      await expect.poll(async () => Number((await matches()).body.events.length), { timeout: 20_000 }).toBe(1);
      const [event] = (await matches()).body.events;
      expect(event).toMatchObject({ type: 'match', faceId, groupId: 'door' });
      const key = (await (await fetch(`${service.url}/device/v1/signing-key`)).json()) as Record<string, string>;
      expect(event.keyId).toBe(key.keyId);
      expect(isSignedBy(createPublicKey(key.publicKeyPem!), event)).toBe(true);

      const seen = await device.ask('/cameras/front/live');
      expect((await device.json('PUT', '/privacy', { on: true })).body).toEqual({ on: true, stored: true });
      await seen.text();
      expect(await state('yard')).toBe('private');
      expect((await device.ask('/cameras/front/frame')).status).toBe(409);

      expect(await service.stop()).toBe(0);
      service = await startService(options);
      device = openDevice(service, folder);
      expect((await device.json('GET', '/cameras')).body).toMatchObject({
        privacy: true,
        cameras: [
          { state: 'private', frames: 0 },
          { state: 'private', frames: 0 },
        ],
      });
      expect((await device.json('PUT', '/privacy', { on: false })).body.on).toBe(false);
      await expect.poll(() => state('front'), { timeout: 20_000 }).toBe('running');
      expect((await device.json('POST', '/cameras/front/pause')).body.state).toBe('paused');

      const { entries } = (await device.json('GET', '/audit?limit=1000&actor=admin:default')).body;
      const actions = (entries as { action: string }[]).map(({ action }) => action).reverse();
      expect(actions).toEqual([
        'camera.viewed',
        'camera.viewed',
        'face.enrolled',
        'camera.viewed',
        'privacy.changed',
        'privacy.changed',
        'camera.paused',
      ]);

      // A live view does not hold up the stop.
      await expect.poll(() => state('yard'), { timeout: 20_000 }).toBe('running');
      const open = await device.ask('/cameras/yard/live');
      const begun = performance.now();
      expect(await service.stop()).toBe(0);
      expect(performance.now() - begun).toBeLessThan(5_000);
      await open.text();
    } finally {
      await service.stop();
    }
  });
});
