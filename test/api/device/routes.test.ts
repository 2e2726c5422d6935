// The device API over a real socket: cameras, single pictures, events, the audit log, unknown faces, and the device itself.
import type { UnknownShot } from '../../../src/recognition/event-reporter.js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CaptureRates } from '../../../src/api/device/capture-rates.js';
import { ViewAudit, VIEW_GAP_MS } from '../../../src/api/device/view-audit.js';
import { readVersion } from '../../../src/config/paths.js';
import type { AuditEntry } from '../../../src/domain/audit.js';
import { AppError } from '../../../src/errors.js';
import type { RecognitionEvent } from '../../../src/events/event.js';
import { ManualTimers } from '../../camera/manual-timers.js';
import { findEmbedding, gate, seen, startDevice, type Device } from './harness.js';
import { MODEL, recordingLog, scales } from '../harness.js';

const ADMIN = 'admin:front-desk';
const NO_FACE = '00000000-0000-4000-8000-000000000000';

/** Newest first. */
const events = [3, 2, 1].map((sequence) => makeEvent(sequence));
const log = recordingLog();
const timers = new ManualTimers();
let device: Device;
beforeEach(async () => {
  log.lines.length = 0;
  device = await startDevice({ events, log, clock: timers.clock });
});
afterEach(() => device.close());

function makeEvent(sequence: number): RecognitionEvent {
  return {
    version: 2,
    type: 'unknown',
    eventId: NO_FACE,
    sequence,
    deviceId: 'gate',
    cameraId: 'front',
    trackId: 1,
    capturedAt: '2026-01-02T03:04:05.000Z',
    decidedAt: '2026-01-02T03:04:05.100Z',
    expiresAt: '2026-01-02T03:04:10.000Z',
    reason: 'empty-group',
    groupId: 'door',
    threshold: 90,
    bbox: { x0: 0, y0: 0, x1: 1, y1: 1 },
    quality: 0.5,
    modelVersion: MODEL,
  };
}

describe('cameras', () => {
  test('are listed with state, rates and faults', async () => {
    device.cameras.show('front', 'picture');
    await device.call('GET', '/cameras');
    for (let i = 0; i < 20; i++) device.cameras.show('front', 'picture');
    timers.nowMs += 2_000;
    const { status, headers, body } = await device.call('GET', '/cameras');
    expect(status).toBe(200);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(body.privacy).toBe(false);
    expect(body.cameras[0]).toEqual({
      id: 'front',
      state: 'running',
      health: { status: 'ok' },
      capturedFps: 10,
      analysedFps: 10,
      frames: 21,
      dropped: 1,
      damaged: 3,
      streamChanges: 1,
      analysed: 2,
      refused: 0,
      errors: 0,
      losses: 0,
      widthPx: 640,
      heightPx: 480,
      groups: [{ appKey: 'default', groupId: 'door' }],
      recognition: { tracks: 3 },
      challenges: [],
      viewers: 0,
      enrolling: false,
    });
    expect(body.cameras[1]).toMatchObject({ id: 'yard', fault: 'covered', lastFrameAt: '2026-01-02T03:04:05.000Z' });
  });

  test('are shown one by one', async () => {
    expect((await device.call('GET', '/cameras/yard')).body).toMatchObject({ id: 'yard', fault: 'covered' });
    expect((await device.call('GET', '/cameras/cellar')).body.error.code).toBe('CAMERA_NOT_FOUND');
  });

  test('show the challenges that can still be answered', async () => {
    const issuedAtMs = Date.UTC(2026, 0, 2, 3, 4, 5);
    const open = { cameraId: 'yard', trackId: 7, side: 'right', state: 'open', issuedAtMs } as const;
    device.cameras.challenges = [{ ...open, expiresAtMs: issuedAtMs + 3_000 }];
    expect((await device.call('GET', '/cameras/yard')).body.challenges).toEqual([
      { trackId: 7, side: 'right', issuedAt: '2026-01-02T03:04:05.000Z', expiresAt: '2026-01-02T03:04:08.000Z' },
    ]);
    expect((await device.call('GET', '/cameras/front')).body.challenges).toEqual([]);
  });

  test('are paused and resumed, and the audit log records it', async () => {
    const paused = await device.call('POST', '/cameras/front/pause');
    expect([paused.status, paused.body.state]).toEqual([200, 'paused']);
    expect((await device.call('POST', '/cameras/front/pause', {})).status).toBe(200);
    expect((await device.call('POST', '/cameras/front/resume')).body.state).toBe('running');
    expect((await device.audited()).slice(1)).toEqual([
      ['camera.paused', ADMIN, { cameraId: 'front' }],
      ['camera.paused', ADMIN, { cameraId: 'front' }],
      ['camera.resumed', ADMIN, { cameraId: 'front' }],
    ]);
  });

  test.each(['pause', 'resume'])('that are not there are 404 to %s', async (action) => {
    const { status, body } = await device.call('POST', `/cameras/cellar/${action}`);
    expect([status, body.error.code]).toEqual([404, 'CAMERA_NOT_FOUND']);
  });

  test('are paused even when the audit log cannot be written, but not resumed', async () => {
    device.audit.append = async () => {
      throw new AppError('STORE_UNAVAILABLE', 'full');
    };
    expect((await device.call('POST', '/cameras/front/pause')).body.state).toBe('paused');
    expect(log.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
    expect((await device.call('POST', '/cameras/front/resume')).status).toBe(503);
    expect((await device.call('GET', '/cameras/front')).body.state).toBe('paused');
  });

  test('have no rate at the first request, nor after their counter started over', () => {
    const rates = new CaptureRates(timers.clock);
    expect(rates.perSecond('front', 100)).toBeUndefined();
    timers.nowMs += 500;
    expect(rates.perSecond('front', 110)).toBeUndefined();
    timers.nowMs += 500;
    expect(rates.perSecond('front', 125)).toBe(25);
    timers.nowMs += 10;
    expect(rates.perSecond('front', 126)).toBe(25);
    expect(rates.perSecond('front', 3)).toBeUndefined();
    expect(rates.perSecond('yard', 3)).toBeUndefined();
  });
});

describe('a picture', () => {
  test('is the newest frame as JPEG, as it is asked for', async () => {
    device.cameras.show('front', 'newest');
    const response = await device.fetch('/cameras/front/frame?boxes=true&maxWidth=320&quality=55');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('image/jpeg');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('x-captured-at')).toBe('2026-01-02T03:04:05.000Z');
    expect(await response.text()).toBe('newest');
    await device.call('GET', '/cameras/front/frame');
    expect(device.cameras.asked).toEqual([
      { cameraId: 'front', boxes: true, maxWidthPx: 320, quality: 55, after: 0 },
      { cameraId: 'front', boxes: false, maxWidthPx: 0, quality: 80, after: 0 },
    ]);
  });

  test.each([
    ['True', true],
    ['1', true],
    ['FALSE', false],
    ['0', false],
  ])('takes the flag %s', async (text, boxes) => {
    device.cameras.show('front', 'newest');
    await (await device.fetch(`/cameras/front/frame?boxes=${text}`)).arrayBuffer();
    expect(device.cameras.asked).toMatchObject([{ boxes }]);
  });

  test('is refused where there is none', async () => {
    const refusal = async (path: string): Promise<unknown> => {
      const { status, body } = await device.call('GET', path);
      return [status, body.error.code];
    };
    expect(await refusal('/cameras/front/frame')).toEqual([409, 'CAMERA_UNAVAILABLE']);
    device.cameras.show('front', 'x');
    await device.cameras.pause('front');
    expect(await refusal('/cameras/front/frame')).toEqual([409, 'CAMERA_UNAVAILABLE']);
    expect(await refusal('/cameras/cellar/frame')).toEqual([404, 'CAMERA_NOT_FOUND']);
    await device.cameras.resume('front');
    await device.cameras.setPrivacy(true);
    expect(await refusal('/cameras/front/frame')).toEqual([409, 'PRIVACY_ON']);
    expect(await device.audited()).toHaveLength(1);
  });

  test('that was made while privacy was switched on is not shown', async () => {
    device.cameras.show('front', 'x');
    const closing = gate();
    device.cameras.frame = async () => {
      await closing.promise;
      return { jpeg: Buffer.from('secret'), widthPx: 1, heightPx: 1, frameNumber: 1, capturedAtMs: 1 };
    };
    const answer = device.call('GET', '/cameras/front/frame');
    await device.cameras.setPrivacy(true);
    closing.open();
    expect((await answer).body).toEqual({ error: { code: 'PRIVACY_ON', message: expect.any(String) as string } });
  });

  test.each([
    ['privacy came on', 'PRIVACY_ON', () => device.cameras.setPrivacy(true)],
    ['the camera was paused', 'CAMERA_UNAVAILABLE', () => device.cameras.pause('front')],
  ])('is not shown when %s while the audit log was told', async (_name, code, close) => {
    device.cameras.show('front', 'secret');
    device.audit.append = async () => close();
    const { status, body } = await device.call('GET', '/cameras/front/frame');
    expect([status, body.error.code]).toEqual([409, code]);
  });

  test('is not shown when the audit log cannot be written', async () => {
    device.cameras.show('front', 'secret');
    device.audit.append = async () => {
      throw new AppError('STORE_UNAVAILABLE', 'full');
    };
    const { status, body } = await device.call('GET', '/cameras/front/frame');
    expect([status, body.error.code]).toEqual([503, 'STORE_UNAVAILABLE']);
  });

  test('of a camera that the vision queue has no room for is 503, to be tried again', async () => {
    device.cameras.frame = async () => {
      throw new AppError('SERVER_BUSY', 'full');
    };
    const { status, headers } = await device.call('GET', '/cameras/front/frame');
    expect([status, headers.get('retry-after')]).toEqual([503, '1']);
  });

  test('is one view in the audit log, until a minute passes without another', async () => {
    let nowMs = 0;
    const entries: AuditEntry[] = [];
    const audit = { append: async (entry: AuditEntry) => void entries.push(entry) };
    const views = new ViewAudit({ audit, clock: () => nowMs });
    for (let i = 0; i < 100; i++) {
      await views.recordPicture('front', 'admin:a');
      nowMs += 1_000;
    }
    expect(entries).toEqual([
      { action: 'camera.viewed', actor: 'admin:a', subject: { cameraId: 'front', live: false } },
    ]);
    await views.recordPicture('front', 'admin:b');
    await views.recordPicture('yard', 'admin:a');
    expect(entries).toHaveLength(3);
    nowMs += VIEW_GAP_MS;
    await views.recordPicture('front', 'admin:a');
    expect(entries).toHaveLength(4);
    // Set back by an hour: a view too many in the log is better than one too few.
    nowMs -= 3_600_000;
    await views.recordPicture('front', 'admin:a');
    expect(entries).toHaveLength(5);
  });
});

describe('events', () => {
  test('come newest first, in pages', async () => {
    const first = await device.call('GET', '/events?limit=2');
    expect(first.body).toEqual({
      events: events.slice(0, 2),
      before: 2,
      next: '/device/v1/events?limit=2&before=2',
    });
    const response = await fetch(device.origin + first.body.next, {
      headers: { authorization: `Bearer ${device.adminKey}` },
    });
    expect(await response.json()).toEqual({ events: events.slice(2) });
  });

  test('are asked for as the parameters say, on the next page as well', async () => {
    const query =
      '?limit=1&before=3&type=match,unknown&camera=front&externalImageId=a.b' +
      '&from=2026-01-01T00:00:00%2B01:00&to=2026-01-02T00:00:00Z';
    const { body } = await device.call('GET', `/events${query}`);
    const filter = {
      limit: 1,
      before: 3,
      types: ['match', 'unknown'],
      cameraId: 'front',
      externalImageId: 'a.b',
      fromMs: Date.UTC(2025, 11, 31, 23),
      toMs: Date.UTC(2026, 0, 2),
    };
    expect(device.filters).toEqual([filter]);
    await fetch(device.origin + body.next, { headers: { authorization: `Bearer ${device.adminKey}` } });
    expect(device.filters[1]).toEqual({ ...filter, before: 2 });
    await device.call('GET', '/events');
    expect(device.filters[2]).toEqual({ limit: 100 });
  });
});

test('the audit log is read newest first, in pages, by action and actor', async () => {
  for (const action of ['pause', 'resume', 'pause']) await device.call('POST', `/cameras/yard/${action}`);
  const { body } = await device.call('GET', '/audit?limit=2');
  expect(body.entries).toEqual([
    {
      sequence: 4,
      at: new Date(timers.nowMs).toISOString(),
      action: 'camera.paused',
      actor: ADMIN,
      subject: { cameraId: 'yard' },
      hash: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    },
    expect.objectContaining({ sequence: 3, action: 'camera.resumed' }),
  ]);
  const second = await device.call('GET', body.next.replace('/device/v1', ''));
  expect(second.body.entries.map((entry: { sequence: number }) => entry.sequence)).toEqual([2, 1]);
  expect(second.body).not.toHaveProperty('next');
  const resumed = await device.call('GET', `/audit?action=camera.resumed&actor=${ADMIN}`);
  expect(resumed.body.entries).toHaveLength(1);
  expect((await device.call('GET', '/audit?actor=cli')).body.entries).toEqual([]);
});

describe("strangers' faces", () => {
  async function keep(...degrees: number[]): Promise<string[]> {
    return keepAs({}, ...degrees);
  }

  async function keepAs(as: Partial<UnknownShot>, ...degrees: number[]): Promise<string[]> {
    const before = device.unknownFaces.stats().kept;
    for (const [i, one] of degrees.entries()) {
      const { crop = new Uint8Array(0) } = seen(one);
      const rest = { cameraId: i === 0 ? 'yard' : 'front', trackId: i + 1, quality: 0.5, modelVersion: MODEL, ...as };
      device.unknownFaces.keep({ ...rest, capturedAtMs: timers.nowMs - 60_000, crop, embedding: findEmbedding(one) });
    }
    await expect.poll(() => device.unknownFaces.stats().kept).toBe(before + degrees.length);
    return (await device.call('GET', '/unknown-faces')).body.faces.map(({ id }: { id: string }) => id);
  }

  test('are listed, in pages and by camera', async () => {
    const ids = await keep(1, 2, 3);
    const first = await device.call('GET', '/unknown-faces?limit=2');
    expect(first.body.faces[0]).toEqual({
      id: ids[0],
      cameraId: 'front',
      trackId: 3,
      capturedAt: new Date(timers.nowMs - 60_000).toISOString(),
      expiresAt: expect.stringMatching(/Z$/) as string,
      quality: 0.5,
    });
    const second = await device.call('GET', first.body.next.replace('/device/v1', ''));
    expect(second.body.faces).toHaveLength(1);
    expect(second.body).not.toHaveProperty('next');
    expect((await device.call('GET', '/unknown-faces?camera=yard')).body.faces).toHaveLength(1);
  });

  test('have their recognisability, where it was measured', async () => {
    await keepAs({ condition: { recognisability: 0.87654, masked: false } }, 1);
    const { faces } = (await device.call('GET', '/unknown-faces')).body;
    expect(faces).toMatchObject([{ quality: 0.5, recognisability: 0.8765 }]);
  });

  test('are shown as JPEG, and the audit log records it', async () => {
    const [id] = await keep(7);
    const response = await device.fetch(`/unknown-faces/${id}`);
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'image/jpeg']);
    expect(await response.text()).toBe('jpeg of 7');
    expect((await device.audited()).slice(1)).toEqual([['unknown-face.viewed', ADMIN, { unknownFaceId: id }]]);
  });

  test('are deleted one by one or all together, and the audit log records it', async () => {
    const [id] = await keep(1, 2, 3);
    expect((await device.call('DELETE', `/unknown-faces/${id}`)).body).toEqual({ deleted: 1 });
    expect((await device.call('DELETE', '/unknown-faces')).body).toEqual({ deleted: 2 });
    expect((await device.call('GET', '/unknown-faces')).body.faces).toEqual([]);
    expect((await device.audited()).slice(1)).toEqual([
      ['unknown-face.deleted', ADMIN, { unknownFaceId: id }],
      ['unknown-face.deleted', ADMIN, { faces: 2 }],
    ]);
  });

  test('are enrolled, and no longer kept as unknown', async () => {
    const [id] = await keep(1, 40);
    const wish = { group: 'door', externalImageId: 'alice' };
    const { status, body } = await device.call('POST', `/unknown-faces/${id}/enrol`, wish);
    const ref = { owner: device.owner, groupId: 'door' };
    const { faceId, imageId } = (await device.gallery.listFaces(ref, { limit: 10 })).items[0]!;
    expect([status, body]).toEqual([200, { groupId: 'door', faceId, imageId, externalImageId: 'alice' }]);
    expect(device.gallery.compareWithFace(ref, faceId, { embedding: findEmbedding(40) }, scales)).toBeCloseTo(100, 3);
    expect((await device.audited()).slice(1)).toEqual([
      ['face.enrolled', ADMIN, { ...ref, faceId, imageId }],
      ['unknown-face.deleted', ADMIN, { unknownFaceId: id }],
    ]);
    expect((await device.call('POST', `/unknown-faces/${id}/enrol`, wish)).status).toBe(404);
  });

  test.each<[string, object, number, string]>([
    ['front', { group: 'none' }, 404, 'GROUP_NOT_FOUND'],
    ['front', { appKey: 'none' }, 404, 'NOT_FOUND'],
    ['front', { group: 'old' }, 409, 'MODEL_VERSION_MISMATCH'],
    ['front', {}, 422, 'already-enrolled-as-somebody-else'],
    ['front', { externalImageId: 'carol', duplicateThreshold: 100 }, 422, 'id-of-somebody-else'],
    ['yard', { externalImageId: 'bob' }, 422, 'liveness-missing'],
    ['front', { more: 1 }, 400, 'INVALID_PARAM'],
  ])('of %s are not enrolled with %j: %i %s', async (camera, wish, expected, code) => {
    const ids = await keep(1, 40);
    const id = ids[camera === 'front' ? 0 : 1];
    await device.gallery.createGroup({ owner: device.owner, groupId: 'old' }, 'another-model');
    const bob = { bbox: { x0: 0, y0: 0, x1: 1, y1: 1 }, detectionScore: 1, embedding: findEmbedding(35) };
    const carol = { ...bob, embedding: findEmbedding(150) };
    await device.gallery.enrol({ owner: device.owner, groupId: 'door' }, [
      { ...bob, externalImageId: 'bob' },
      { ...carol, externalImageId: 'carol' },
    ]);
    const body = { group: 'door', externalImageId: 'alice', ...wish };
    const answer = await device.call('POST', `/unknown-faces/${id}/enrol`, body);
    expect([answer.status, answer.body.error.reason ?? answer.body.error.code]).toEqual([expected, code]);
    expect(device.unknownFaces.stats().faces).toBe(2);
  });

  test.each([
    [{ cameraId: 'cellar' }, 404, 'CAMERA_NOT_FOUND'],
    [{ modelVersion: 'another-model' }, 409, 'MODEL_VERSION_MISMATCH'],
  ])('that were kept as %j are not enrolled: %i %s', async (as, expected, code) => {
    const [id] = await keepAs({ cameraId: 'front', ...as }, 40);
    const { status, body } = await device.call('POST', `/unknown-faces/${id}/enrol`, {
      group: 'door',
      externalImageId: 'alice',
    });
    expect([status, body.error.code]).toEqual([expected, code]);
  });

  test.each(['GET', 'DELETE'])('that are not there are 404 to %s', async (method) => {
    const { status, body } = await device.call(method, `/unknown-faces/${NO_FACE}`);
    expect([status, body.error.code]).toEqual([404, 'NOT_FOUND']);
    expect(await device.audited()).toHaveLength(1);
  });
});

describe('the device', () => {
  test('shows its signing key to everybody', async () => {
    const { status, body } = await device.call('GET', '/signing-key', undefined, {});
    expect(status).toBe(200);
    expect(body).toEqual(device.services.signingKey());
  });

  test('shows the health of each of its parts', async () => {
    const { status, body } = await device.call('GET', '/health');
    expect(status).toBe(200);
    expect(body).toEqual({ status: 'ok', ready: true, parts: { store: { status: 'ok', required: true } } });
  });

  test('answers 503 when a required part has failed', async () => {
    await device.close();
    const failed = { status: 'failed' as const, detail: 'full', required: true };
    device = await startDevice({
      health: () => ({ status: 503, body: { status: 'failed', ready: false, parts: { store: failed } } }),
    });
    const { status, body } = await device.call('GET', '/health');
    expect(status).toBe(503);
    expect(body.parts.store).toEqual(failed);
  });

  test('shows its version', async () => {
    expect((await device.call('GET', '/version')).body).toEqual({
      version: readVersion(),
      deviceId: 'gate',
      modelVersion: MODEL,
    });
  });

  test('shows nothing of an unforeseen error but an id that is in the log', async () => {
    device.services.info = () => {
      throw new TypeError('secret detail');
    };
    const { status, headers, body } = await device.call('GET', '/version');
    expect([status, body.error.code]).toEqual([500, 'INTERNAL']);
    expect(JSON.stringify(body)).not.toContain('secret');
    expect(body.error.message).toContain(headers.get('x-request-id'));
    expect(log.lines.find(({ level }) => level === 'error')?.fields.requestId).toBe(headers.get('x-request-id'));
  });
});
