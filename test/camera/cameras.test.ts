// All cameras as one part: real files through the real addon, a real gallery, scripted models.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { silentLog } from '../../src/domain/log.js';
import { alwaysTrusted } from '../../src/domain/trust.js';
import { systemTimers } from '../../src/domain/time.js';
import { loadAddon } from '../../src/native/addon.js';
import { Cameras, type CamerasParts } from '../../src/camera/cameras.js';
import type { RecogniserStats } from '../../src/recognition/recogniser-stats.js';
import { Recogniser } from '../../src/recognition/recogniser.js';
import type { AnalysedFrame, EncodeOptions, FrameOptions } from '../../src/vision/vision.js';
import { clip } from './clips.js';
import { FakeCaptures } from './fake-capture.js';
import { ManualTimers, settle } from './manual-timers.js';
import { ScriptedVision } from './scripted-vision.js';
import { cameraConfig } from './test-camera.js';
import { tempDir } from '../support/temp-dir.js';
import { CropReader, face, openGallery, RecordedEvents, scales, staff } from '../recognition/door.js';

const live = new AbortController().signal;
const patience = { timeout: 15_000, interval: 5 };

function makeVision(addon: CamerasParts['addon']) {
  const frames = new ScriptedVision(addon);
  const crops = new CropReader();
  const vision = {
    modelVersion: crops.modelVersion,
    hasLiveness: false,
    encodeFrame: (handle: number, options: EncodeOptions) => frames.encodeFrame(handle, options),
    analyseFrame: (handle: number, options: FrameOptions) => frames.analyseFrame(handle, options),
    embedCrops: (list: readonly Uint8Array[]) => crops.embedCrops(list),
  };
  return { vision, frames };
}

async function setUp(cameras: CamerasParts['cameras'], parts: Partial<CamerasParts<RecogniserStats>> = {}) {
  const { addon = loadAddon(), timers = systemTimers, clock = Date.now } = parts;
  const gallery = await openGallery();
  await gallery.createGroup(staff, 'model-1');
  const events = new RecordedEvents();
  const { vision, frames } = makeVision(addon);
  const all = new Cameras({
    cameras,
    passwords: new Map(),
    addon,
    vision,
    createConsumer: (config, cameraProblem) =>
      new Recogniser({
        config,
        cameraProblem,
        findOwner: (name) => (name === 'default' ? staff.owner : undefined),
        vision,
        gallery,
        events,
        challenges: { publishChallenge: () => undefined },
        chooseSide: () => 'left',
        scales,
        trust: alwaysTrusted,
        clock,
        monotonic: clock,
        timers,
        log: silentLog,
      }),
    clock,
    timers,
    log: silentLog,
    ...parts,
  });
  onTestFinished(() => all.stop());
  return { all, gallery, events, frames, addon };
}

test('a clip is played and gives an event, while another camera is missing', async () => {
  const folder = tempDir();
  const path = join(folder, 'clip.mjpeg');
  writeFileSync(path, clip(loadAddon(), 12));
  const missing = join(folder, 'none.mjpeg');
  const { all, gallery, events, frames } = await setUp([
    cameraConfig({ id: 'front', source: { type: 'file', path, realTime: false } }),
    cameraConfig({ id: 'back', source: { type: 'file', path: missing } }),
  ]);
  const embedding = new Float32Array(128);
  embedding[3] = 1;
  const bbox = { x0: 0, y0: 0, x1: 1, y1: 1 };
  const { enrolled } = await gallery.enrol(staff, [{ externalImageId: 'anna', bbox, detectionScore: 1, embedding }]);
  frames.makeFaces = () => [face({ person: 3, x: 80, y: 60 })];
  expect(all.health()).toMatchObject({ status: 'failed', facts: { front: 'failed', back: 'failed' } });

  await all.start(live);
  await vi.waitFor(() => expect(all.reports().map(({ camera }) => camera.status)).toEqual(['ended', 'lost']), patience);
  await vi.waitFor(() => expect(events.all).toHaveLength(1), patience);
  expect(events.all[0]).toMatchObject({ type: 'match', cameraId: 'front', faceId: enrolled[0]?.faceId });
  const [front, back] = all.reports();
  expect(front).toMatchObject({
    id: 'front',
    health: { status: 'degraded', facts: { state: 'ended' } },
    camera: { analysed: 12 },
    recognition: { matches: 1, embedded: 3 },
  });
  expect(back).toMatchObject({
    id: 'back',
    health: { status: 'failed', facts: { state: 'lost', analysedFps: 0 } },
    camera: { analysed: 0 },
  });
  expect(all.health()).toMatchObject({ status: 'degraded', facts: { front: 'degraded', back: 'failed' } });
  expect(all.health().detail).toBe(
    'front: the file was played to its end; back: the camera is lost: the file does not exist',
  );

  await all.stop();
  expect(all.reports().map(({ camera }) => camera.status)).toEqual(['stopped', 'stopped']);
});

test('no cameras are healthy', async () => {
  const { all } = await setUp([]);
  await all.start(live);
  expect(all.health()).toEqual({ status: 'ok', facts: {} });
  expect(all.reports()).toEqual([]);
});

test('each camera gets its own password, and start does not wait for a picture', async () => {
  const addon = new FakeCaptures();
  const source = { type: 'url', url: 'rtsp://127.0.0.1/door', username: 'lintel' };
  const { all } = await setUp([cameraConfig({ id: 'front', source }), cameraConfig({ id: 'back', source })], {
    addon,
    passwords: new Map([['back', 'secret']]),
  });
  await all.start(live);
  expect(addon.captures.map(({ options }) => options.source)).toEqual([
    { type: 'url', url: 'rtsp://lintel@127.0.0.1/door', transport: 'tcp' },
    { type: 'url', url: 'rtsp://lintel:secret@127.0.0.1/door', transport: 'tcp' },
  ]);
  expect(all.health().status).toBe('degraded');
});

test('a camera that works and whose group is missing is degraded by that', async () => {
  const addon = new FakeCaptures();
  const { all } = await setUp([cameraConfig({ group: 'visitors' })], { addon });
  await all.start(live);
  addon.last.frame(Date.now());
  await settle();
  expect(all.health()).toMatchObject({ status: 'degraded', detail: 'front: group visitors does not exist' });
});

test('an aborted start opens nothing, and stopping after it is safe', async () => {
  const addon = new FakeCaptures();
  const { all } = await setUp([cameraConfig({})], { addon });
  await expect(all.start(AbortSignal.abort())).rejects.toThrow();
  await all.stop();
  expect(addon.captures).toEqual([]);
});

describe('the operations on the cameras', () => {
  /** Two cameras that run in manual time. */
  async function running(parts: Partial<CamerasParts<RecogniserStats>> = {}) {
    const addon = new FakeCaptures();
    const timers = new ManualTimers(Date.now());
    const cameras = [cameraConfig({ id: 'front' }), cameraConfig({ id: 'back', group: 'staff' })];
    const rest = await setUp(cameras, { addon, timers, clock: timers.clock, ...parts });
    await rest.all.start(live);
    const shoot = async (): Promise<void> => {
      for (const capture of addon.captures) if (!capture.isClosed) capture.frame(timers.nowMs);
      await settle();
      await timers.advance(100);
    };
    return { ...rest, addon, timers, shoot };
  }

  const states = ({ all }: { all: Cameras<RecogniserStats> }): string[] =>
    all.reports().map(({ camera }) => camera.status);
  const LOOK = { boxes: true, quality: 80, maxWidthPx: 0, after: 0 };

  test('one is paused and resumed while the other goes on', async () => {
    const those = await running();
    await those.shoot();
    await those.all.pause('front');
    expect(states(those)).toEqual(['paused', 'running']);
    expect(those.all.health()).toMatchObject({ status: 'degraded', detail: 'front: paused' });
    await those.all.resume('front');
    await those.shoot();
    expect(states(those)).toEqual(['running', 'running']);
  });

  test('the privacy switch closes all at once, also those that wait for their next attempt or were paused', async () => {
    const those = await running();
    const { all, addon, timers } = those;
    await those.shoot();
    addon.find(1).fail('gone');
    await settle();
    await all.pause('front');
    await all.setPrivacy(true);
    expect([all.privacy, addon.openCount, states(those)]).toEqual([true, 0, ['private', 'private']]);
    await timers.advance(60_000);
    expect(addon.captures).toHaveLength(2);
    await all.setPrivacy(false);
    expect([all.privacy, addon.openCount, states(those)]).toEqual([false, 1, ['paused', 'opening']]);
  });

  test.each([
    ['the privacy switch', (all: Cameras<RecogniserStats>) => all.setPrivacy(true)],
    ['a pause', (all: Cameras<RecogniserStats>) => all.pause('front')],
  ])('after %s the people in sight have no event', async (_name, close) => {
    const those = await running();
    const { all, frames, events, timers } = those;
    frames.makeFaces = () => [face({ person: 3, x: 80, y: 60 })];
    for (let n = 0; n < 4; n++) await those.shoot();
    expect(all.reports()[0]?.recognition).toMatchObject({ openTracks: 1, embedded: 3 });
    await close(all);
    await timers.advance(5_000);
    expect(events.all.filter(({ cameraId }) => cameraId === 'front')).toEqual([]);
    expect(all.reports()[0]?.recognition).toMatchObject({ openTracks: 0 });
  });

  test('where the privacy switch is on from the beginning nothing is opened, and nothing is waited for', async () => {
    const those = await running({ privacy: true });
    expect([those.all.privacy, those.addon.captures.length, states(those)]).toEqual([true, 0, ['private', 'private']]);
    await those.all.firstAttempts(60_000);
    await those.all.setPrivacy(false);
    expect(those.addon.openCount).toBe(2);
  });

  test('the first attempts are waited for, and no longer than the limit', async () => {
    const { all, addon, timers } = await running();
    let over = false;
    const attempts = (): Promise<void> => all.firstAttempts(3_000).then(() => void (over = true));
    const first = attempts();
    addon.find(0).fail('gone');
    await settle();
    expect(over).toBe(false);
    await timers.advance(3_000);
    await first;
    over = false;
    const second = attempts();
    addon.find(1).frame(timers.nowMs);
    await second;
    expect(over).toBe(true);
  });

  test('every watcher gets every analysed frame in full, until it stops', async () => {
    const { all, frames, shoot } = await running();
    frames.makeFaces = () => [face({ person: 3, x: 80, y: 60 })];
    const seen: AnalysedFrame[] = [];
    const stop = all.watch('front', (frame) => seen.push(frame));
    all.watch('front', () => {
      throw new Error('a watcher that fails');
    });
    await shoot();
    await shoot();
    expect(seen.map(({ frameNumber }) => frameNumber)).toEqual([1, 2]);
    expect(seen[0]?.faces[0]?.crop).toBeDefined();
    expect(all.reports()[0]?.camera.errors).toBe(0);
    for (const { handle, settled } of frames.asked) expect(settled === undefined).toBe(handle === 0);
    // A watcher collects the faces of everybody: no search is limited for it.
    expect(frames.asked.some(({ handle, search }) => handle === 0 && search)).toBe(false);
    stop();
    stop();
    await shoot();
    expect(seen).toHaveLength(2);
  });

  test('the newest frame has a box for each face of the newest analysis, while that is recent', async () => {
    const { all, frames, shoot, timers, addon } = await running();
    expect(await all.frame('front', LOOK)).toBeUndefined();
    const someone = face({ person: 3, x: 80, y: 60 });
    frames.makeFaces = () => [someone];
    await shoot();
    const frame = await all.frame('front', LOOK);
    expect(frame).toMatchObject({ frameNumber: 1, widthPx: 640 });
    expect(Buffer.isBuffer(frame?.jpeg)).toBe(true);
    expect(frames.encoded.at(-1)?.boxes).toEqual([{ box: someone.boxPx, colour: 'red' }]);
    await all.frame('front', { ...LOOK, boxes: false });
    expect(frames.encoded.at(-1)?.boxes).toEqual([]);
    await timers.advance(1_001);
    await all.frame('front', LOOK);
    expect(frames.encoded.at(-1)?.boxes).toEqual([]);
    addon.find(0).fail('gone');
    await settle();
    expect(await all.frame('front', LOOK)).toBeUndefined();
  });

  test('a crowd of viewers costs one encoding of a frame, and one description of its tracks', async () => {
    const { all, frames, shoot } = await running();
    frames.makeFaces = () => [face({ person: 3, x: 80, y: 60 })];
    await shoot();
    const look = { ...LOOK, boxes: false };
    const pictures = await Promise.all(Array.from({ length: 200 }, () => all.frame('front', look)));
    expect(new Set(pictures.map((picture) => picture?.frameNumber))).toEqual(new Set([1]));
    expect(frames.encoded).toHaveLength(1);
    const seen = all.tracks('front');
    expect(seen).toMatchObject({ widthPx: 640, tracks: [{ trackId: 1, state: 'looking' }] });
    expect(all.tracks('front')).toBe(seen);
    await shoot();
    expect(all.tracks('front')).not.toBe(seen);
  });

  test('no track and no shared picture outlives a pause, privacy, or the loss of the camera', async () => {
    const { all, frames, shoot, addon, timers } = await running();
    const look = { ...LOOK, boxes: false };
    frames.makeFaces = () => [face({ person: 3, x: 80, y: 60 })];
    await shoot();
    await all.frame('front', look);
    await all.pause('front');
    expect([await all.frame('front', look), all.tracks('front')]).toEqual([undefined, undefined]);
    await all.resume('front');
    await shoot();
    expect(await all.frame('front', look)).toBeDefined();
    await all.setPrivacy(true);
    expect([await all.frame('front', look), all.tracks('front')]).toEqual([undefined, undefined]);
    await all.setPrivacy(false);
    await shoot();
    expect(await all.frame('front', look)).toBeDefined();
    for (const capture of addon.captures) if (!capture.isClosed) capture.fail('gone');
    await settle();
    expect(await all.frame('front', look)).toBeUndefined();
    await timers.advance(1_001);
    expect(all.tracks('front')).toBeUndefined();
  });

  test('a listener learns of every change of a state at once, until it stops', async () => {
    const { all, addon, shoot } = await running();
    await shoot();
    const seen: string[] = [];
    const stop = all.watchStates(() =>
      seen.push(
        `${all.privacy} ${all
          .views()
          .map(({ stats }) => stats.status)
          .join()}`,
      ),
    );
    const paused = all.pause('front');
    await paused;
    expect(seen).toEqual(['false paused,running']);
    await all.setPrivacy(true);
    expect(seen[1]).toBe('true paused,running');
    expect(seen.at(-1)).toBe('true private,private');
    await all.setPrivacy(false);
    const before = seen.length;
    addon.last.fail('gone');
    await settle();
    expect(seen.length).toBeGreaterThan(before);
    stop();
    const after = seen.length;
    await all.setPrivacy(true);
    expect(seen).toHaveLength(after);
  });

  test('the view of each has its state, counters, picture size and groups', async () => {
    const groups = [{ group: 'staff' }, { group: 'guests', appKey: 'hotel' }];
    const { all, shoot } = await running({ cameras: [cameraConfig({ group: undefined, groups, appKey: 'office' })] });
    expect(all.views()).toMatchObject([{ id: 'front', stats: { status: 'opening' } }]);
    expect(all.views()[0]?.widthPx).toBeUndefined();
    await shoot();
    expect(all.views()).toMatchObject([
      {
        id: 'front',
        stats: { status: 'running', frames: 1 },
        recognition: { matches: 0 },
        widthPx: 640,
        heightPx: 480,
        groups: [
          { appKey: 'office', groupId: 'staff' },
          { appKey: 'hotel', groupId: 'guests' },
        ],
      },
    ]);
    await all.pause('front');
    expect(all.views()[0]?.widthPx).toBeUndefined();
  });

  test('a camera that is not configured is not found', async () => {
    const { all } = await running();
    const missing = expect.objectContaining({ code: 'CAMERA_NOT_FOUND' }) as Error;
    expect(() => all.watch('side', () => undefined)).toThrow(missing);
    await expect(all.pause('side')).rejects.toThrow(missing);
    await expect(all.resume('side')).rejects.toThrow(missing);
    await expect(all.frame('side', LOOK)).rejects.toThrow(missing);
  });
});
