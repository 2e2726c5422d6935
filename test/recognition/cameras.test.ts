// All cameras as one part: real files through the real addon, a real gallery, scripted models.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { silentLog } from '../../src/domain/log.js';
import { systemTimers } from '../../src/domain/time.js';
import { loadAddon } from '../../src/native/addon.js';
import { Cameras, type CamerasParts } from '../../src/recognition/cameras.js';
import type { FrameOptions } from '../../src/vision/vision.js';
import { clip } from '../camera/clips.js';
import { FakeCaptures } from '../camera/fake-capture.js';
import { settle } from '../camera/manual-timers.js';
import { ScriptedVision } from '../camera/scripted-vision.js';
import { cameraConfig } from '../camera/test-camera.js';
import { tempDir } from '../support/temp-dir.js';
import { CropReader, face, openGallery, RecordedEvents, scale, staff } from './door.js';

const live = new AbortController().signal;
const patience = { timeout: 15_000, interval: 5 };

function visionOf(addon: CamerasParts['addon']) {
  const frames = new ScriptedVision(addon);
  const crops = new CropReader();
  const vision = {
    modelVersion: crops.modelVersion,
    analyseFrame: (handle: number, options: FrameOptions) => frames.analyseFrame(handle, options),
    embedCrops: (list: readonly Uint8Array[]) => crops.embedCrops(list),
  };
  return { vision, frames };
}

async function setUp(cameras: CamerasParts['cameras'], parts: Partial<CamerasParts> = {}) {
  const addon = parts.addon ?? loadAddon();
  const gallery = await openGallery();
  await gallery.createGroup(staff, 'model-1');
  const events = new RecordedEvents();
  const { vision, frames } = visionOf(addon);
  const all = new Cameras({
    cameras,
    passwords: new Map(),
    ownerOf: (name) => (name === 'default' ? staff.owner : undefined),
    addon,
    vision,
    gallery,
    events,
    scale,
    clock: Date.now,
    timers: systemTimers,
    log: silentLog,
    ...parts,
  });
  onTestFinished(() => all.stop());
  return { all, gallery, events, frames, addon };
}

test('a clip is played and the person in it announced, while another camera is not there', async () => {
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
  frames.facesOf = () => [face({ person: 3, x: 80, y: 60 })];
  expect(all.health()).toMatchObject({ status: 'failed', facts: { front: 'failed', back: 'failed' } });

  await all.start(live);
  await vi.waitFor(() => expect(all.reports().map(({ camera }) => camera.status)).toEqual(['ended', 'lost']), patience);
  await vi.waitFor(() => expect(events.all).toHaveLength(1), patience);
  expect(events.all[0]).toMatchObject({ type: 'match', cameraId: 'front', faceId: enrolled[0].faceId });
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

test('no cameras are well', async () => {
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
    { type: 'url', url: 'rtsp://lintel@127.0.0.1/door' },
    { type: 'url', url: 'rtsp://lintel:secret@127.0.0.1/door' },
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
