// The people before a camera for viewers: as one answer, beside the pictures of a live view, and how privacy and pauses reach a viewer.
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { SEEN, startDevice, type Device } from './harness.js';

let device: Device;
afterEach(() => device.close());

const LISTED = {
  cameraId: 'front',
  capturedAt: '2026-01-02T03:04:05.000Z',
  tracks: [
    {
      trackId: 7,
      box: { x0: 0.1, y0: 0.1, x1: 0.5, y1: 1 },
      state: 'match',
      reason: 'agreed',
      faceId: '6f9619ff-8b86-4d01-b42d-00cf4fc964ff',
      externalImageId: 'anna',
      doubtful: false,
      similarity: 93.1235,
      threshold: 80,
      liveness: { verdict: 'live', score: 3.14, threshold: 1.5 },
      masked: false,
      quality: 0.88,
      recognisability: 0.99,
    },
    {
      trackId: 8,
      box: { x0: 0.625, y0: 0.2083, x1: 0.7813, y1: 0.4167 },
      state: 'looking',
      doubtful: true,
      progress: { shots: 1, agreeing: 0, needed: 3 },
      challenge: { side: 'left', expiresAt: '2026-01-02T03:04:10.000Z' },
    },
  ],
};

describe('the tracks of a camera', () => {
  test('are shown with the decision on each, and the view is in the audit log', async () => {
    device = await startDevice();
    device.cameras.seen.set('front', SEEN);
    const { status, body } = await device.call('GET', '/cameras/front/tracks');
    expect([status, body]).toEqual([200, LISTED]);
    expect((await device.audited()).slice(1)).toEqual([
      ['camera.viewed', 'admin:front-desk', { cameraId: 'front', live: false }],
    ]);
    expect((await device.call('GET', '/cameras/yard/tracks')).body).toEqual({ cameraId: 'yard', tracks: [] });
  });

  test('are refused for an unknown camera, one that is paused, and while privacy is on', async () => {
    device = await startDevice();
    device.cameras.seen.set('front', SEEN);
    expect((await device.call('GET', '/cameras/side/tracks')).body.error.code).toBe('CAMERA_NOT_FOUND');
    await device.call('POST', '/cameras/front/pause');
    expect((await device.call('GET', '/cameras/front/tracks')).body.error.code).toBe('CAMERA_UNAVAILABLE');
    await device.call('PUT', '/privacy', { on: true });
    expect((await device.call('GET', '/cameras/yard/tracks')).body.error.code).toBe('PRIVACY_ON');
  });
});

/** Reads a stream as text until it ends. */
async function follow(path: string) {
  const response = await device.fetch(path);
  const reader = response.body!.getReader();
  onTestFinished(() => reader.cancel().catch(() => undefined));
  const state = { response, text: '', isOver: false };
  const read = async (): Promise<void> => {
    for (;;) {
      const part = await reader.read().catch(() => undefined);
      if (!part || part.done) break;
      state.text += Buffer.from(part.value).toString('latin1');
    }
    state.isOver = true;
  };
  void read();
  return state;
}

describe('a live view with tracks', () => {
  test('sends the tracks as a part of their own before each picture', async () => {
    device = await startDevice();
    device.cameras.show('front', 'frame 1');
    const live = await follow('/cameras/front/live?fps=15&tracks=true');
    expect(live.response.headers.get('content-type')).toBe('multipart/mixed; boundary=lintel-frame');
    const empty = '{"cameraId":"front","tracks":[]}';
    const first =
      `--lintel-frame\r\nContent-Type: application/json\r\nContent-Length: ${empty.length}\r\n\r\n${empty}\r\n` +
      '--lintel-frame\r\nContent-Type: image/jpeg\r\nContent-Length: 7\r\nX-Captured-At: 2026-01-02T03:04:05.000Z\r\n\r\n' +
      'frame 1\r\n--lintel-frame\r\n';
    await expect.poll(() => live.text).toBe(first);
    device.cameras.seen.set('front', SEEN);
    device.cameras.show('front', 'frame 2');
    await expect.poll(() => live.text).toContain('frame 2');
    const [head = '', json = ''] = live.text.slice(first.length).split('\r\n\r\n');
    expect(head).toMatch(/^Content-Type: application\/json\r\nContent-Length: \d+$/);
    expect(JSON.parse(json.split('\r\n')[0] ?? '')).toEqual(LISTED);
  });

  test('asks for no tracks where the viewer wants none', async () => {
    device = await startDevice();
    let asked = 0;
    device.cameras.tracks = () => {
      asked++;
      return SEEN;
    };
    device.cameras.show('front', 'frame 1');
    const live = await follow('/cameras/front/live?fps=15');
    device.cameras.show('front', 'frame 2');
    await expect.poll(() => live.text).toContain('frame 2');
    expect([asked, live.text.includes('anna')]).toEqual([0, false]);
  });

  test('writes each list of tracks once for all viewers', async () => {
    device = await startDevice();
    let written = 0;
    const tracks = SEEN.tracks.map((track) => ({ ...track }));
    const counted = { ...SEEN, get tracks() { written++; return tracks; } }; // prettier-ignore
    device.cameras.seen.set('front', counted);
    device.cameras.show('front', 'frame 1');
    const [a, b] = [await follow('/cameras/front/live?tracks=1'), await follow('/cameras/front/live?tracks=1')];
    await expect.poll(() => [a.text.includes('frame 1'), b.text.includes('frame 1')]).toEqual([true, true]);
    expect(written).toBe(1);
  });

  test('ends when privacy goes on', async () => {
    device = await startDevice();
    device.cameras.show('front', 'frame 1');
    const live = await follow('/cameras/front/live?fps=15&tracks=true');
    await device.call('PUT', '/privacy', { on: true });
    await expect.poll(() => live.isOver).toBe(true);
  });
});

describe('the stream of the status', () => {
  test('tells of privacy and of a pause at once, not at the end of the interval', async () => {
    device = await startDevice();
    const status = await follow('/status/stream?everyMs=60000');
    const messages = () =>
      [...status.text.matchAll(/^data: (.*)$/gm)].map(([, json = '']) => {
        const { privacy, cameras } = JSON.parse(json) as { privacy: boolean; cameras: { state: string }[] };
        return [privacy, ...cameras.map(({ state }) => state)];
      });
    await expect.poll(messages).toEqual([[false, 'running', 'running']]);
    await device.call('POST', '/cameras/front/pause');
    await expect.poll(messages).toHaveLength(2);
    await device.call('PUT', '/privacy', { on: true });
    await expect.poll(() => messages().at(-1)).toEqual([true, 'private', 'private']);
    expect(messages()[1]).toEqual([false, 'paused', 'running']);
    const before = messages().length;
    await device.call('PUT', '/privacy', { on: true });
    expect(messages()).toHaveLength(before);
  });
});
