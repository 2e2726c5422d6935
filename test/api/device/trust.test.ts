// Trust over a real socket: how alike the faces of a group are, what the thresholds in force promise, and the decisions of a real event log.
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { z } from 'zod';
import { decisionListAnswer, similaritiesAnswer } from '../../../src/api/device/trust-answers.js';
import { configSchema } from '../../../src/config/schema.js';
import type { CameraConfig } from '../../../src/config/camera-schema.js';
import type { FaceCondition } from '../../../src/domain/condition.js';
import { farPerComparison } from '../../../src/domain/false-accept.js';
import { silentLog } from '../../../src/domain/log.js';
import type { EventDraft } from '../../../src/events/event.js';
import { EventLog } from '../../../src/events/event-log.js';
import { EventSigner } from '../../../src/events/signing.js';
import type { NewFace } from '../../../src/gallery/gallery.types.js';
import { aDraft, openStore, SIGNING_KEY } from '../../events/support.js';
import { expectSentence } from '../details.js';
import { MODEL, scales } from '../harness.js';
import { findEmbedding, startDevice, type Device } from './harness.js';

const ADMIN = 'admin:front-desk';
const CLEAR: FaceCondition = { recognisability: 0.7, masked: false };

function camera(id: string, rest: object): CameraConfig {
  const source = { type: 'file', path: 'none' };
  return configSchema.parse({ cameras: [{ id, source, ...rest }] }).cameras[0]!;
}

const watching = [
  camera('front', { group: 'door', threshold: 80 }),
  camera('yard', {
    groups: [{ group: 'hall' }, { group: 'door', targetFalseAcceptPerAttempt: 1e-3 }],
    agree: 2,
    outOf: 4,
  }),
  camera('other', { group: 'door', appKey: 'somebody', threshold: 70 }),
];

let device: Device;
let log: EventLog;

beforeEach(async () => {
  const signer = new EventSigner(SIGNING_KEY);
  log = new EventLog({
    deviceId: 'gate',
    consumers: ['mqtt'],
    clock: Date.now,
    log: silentLog,
    store: await openStore(),
    limits: { maxEvents: 10_000, maxBytes: 10_000_000, maxAgeHours: 10_000 },
    signer,
  });
  onTestFinished(() => log.stop());
  await log.start();
  device = await startDevice({ watching, reader: log });
});
afterEach(() => device.close());

const face = (degrees: number, externalImageId?: string, condition = CLEAR): NewFace => ({
  bbox: { x0: 0, y0: 0, x1: 1, y1: 1 },
  detectionScore: 0.9,
  embedding: findEmbedding(degrees),
  condition,
  ...(externalImageId !== undefined && { externalImageId }),
});

function enrol(...faces: NewFace[]): Promise<unknown> {
  return device.gallery.enrol({ owner: device.owner, groupId: 'door' }, faces);
}

async function measure(): Promise<z.output<typeof similaritiesAnswer>> {
  const { status, body } = await device.call('GET', '/groups/door/similarities');
  expect(status).toBe(200);
  return similaritiesAnswer.parse(body);
}

describe('the similarities of a group', () => {
  test('are those of its pairs, on the scale of the door', async () => {
    // cos 20° is 93.97 on the straight scale, cos 60° is 50, and cos 40° is 76.60.
    await enrol(face(0, 'ann'), face(20, 'ann'), face(60, 'bob'));
    const found = await measure();
    expect(found).toMatchObject({ groupId: 'door', modelVersion: MODEL, faces: 3, persons: 2 });
    expect([found.unrecognisable, found.unnamed]).toEqual([0, 0]);
    const filled = ({ bins }: { bins: number[] }): [number, number][] => [...bins.entries()].filter(([, n]) => n > 0);
    expect(filled(found.genuine)).toEqual([[93, 1]]);
    expect(filled(found.impostor)).toEqual([
      [50, 1],
      [76, 1],
    ]);
    expect(found.impostor).toMatchObject({ compared: 2, possible: 2, percentiles: { p50: 50, p99: 76.6 } });
    expect(found.nearest.compared).toBe(3);
    expect(found.mostAlike).toEqual([{ persons: ['ann', 'bob'], similarity: 76.6044 }]);
    expect(found.falseAcceptRates).toHaveLength(101);
    expect(found.falseAcceptRates[50]).toBeCloseTo(1e-3, 9);
    expect(found.falseAcceptRates[90]).toBeCloseTo(1e-5, 9);
  });

  test('come with the threshold of each camera of the group, as recognition computes it', async () => {
    await enrol(face(0, 'ann'), face(20, 'ann'), face(60, 'bob'), face(80, 'bob'));
    const { cameras } = await measure();
    expect(cameras.map(({ cameraId }) => cameraId)).toEqual(['front', 'yard']);
    const [front, yard] = cameras;
    expect(front).toMatchObject({ threshold: 80, agree: 3, outOf: 5 });
    expect(front).not.toHaveProperty('targetFalseAcceptPerAttempt');
    const far = 10 ** -4.5;
    expect(front!.impostors.expected).toBeCloseTo(far, 9);
    expect(front!.falseAcceptsPerAttempt).toBeCloseTo((far * 4 * 5) / 3, 6);
    expect(yard).toMatchObject({ targetFalseAcceptPerAttempt: 1e-3, agree: 2, outOf: 4 });
    const demanded = farPerComparison(1e-3, { agree: 2, outOf: 4, enrolledFaces: 4 });
    expect(yard!.threshold).toBeCloseTo(scales.scale.fromCosine(scales.falseAccepts.cosineAt(demanded)), 3);
    expect(yard!.falseAcceptsPerAttempt).toBeCloseTo(1e-3, 6);
    await device.gallery.deleteFace(
      { owner: device.owner, groupId: 'door' },
      (await device.gallery.listFaces({ owner: device.owner, groupId: 'door' }, { limit: 1 })).items[0]!.faceId,
    );
    expect((await measure()).cameras[1]!.threshold).toBeLessThan(yard!.threshold);
  });

  test('say what was measured at the threshold, how sure that is, and when it says nothing', async () => {
    await enrol(face(0, 'ann'), face(5, 'bob'), face(120, 'eve'));
    const [front] = (await measure()).cameras;
    // One of three pairs is above 80: far more than 3e-5.
    expect(front!.impostors).toMatchObject({ count: 1, of: 3, verdict: 'higher' });
    expect(front!.impostors.low).toBeGreaterThan(0.008);
    expect(front!.lookalikes).toMatchObject({ count: 2, of: 3, verdict: 'higher' });
    expect(front!.missed).toEqual({ count: 0, of: 0, low: 0, high: 1 });
    await device.gallery.people.delete({ owner: device.owner, groupId: 'door' }, 'bob', 'cli');
    const [after] = (await measure()).cameras;
    expect(after!.impostors).toMatchObject({ count: 0, of: 1, low: 0, verdict: 'too-few' });
  });

  test('leave out faces without an id, and are empty for an empty group', async () => {
    const empty = await measure();
    expect(empty).toMatchObject({ faces: 0, persons: 0, mostAlike: [], impostor: { compared: 0, possible: 0 } });
    expect(empty.impostor).not.toHaveProperty('percentiles');
    expect(empty.cameras[0]!.falseAcceptsPerAttempt).toBe(0);
    await enrol(face(0, 'ann'), face(1));
    expect(await measure()).toMatchObject({ faces: 2, persons: 1, unnamed: 1, impostor: { compared: 0 } });
  });

  test('are recorded in the audit log, quick repetitions as one look', async () => {
    await measure();
    await measure();
    const subject = { owner: device.owner, groupId: 'door' };
    const looks = (await device.audited()).filter(([action]) => action === 'group.measured');
    expect(looks).toEqual([['group.measured', ADMIN, subject]]);
  });

  test.each([
    ['/groups/none/similarities', 404, 'GROUP_NOT_FOUND'],
    ['/groups/door/similarities?appKey=none', 404, 'NOT_FOUND'],
    ['/groups/door/similarities?limit=5', 400, 'INVALID_PARAM'],
    ['/groups/old/similarities', 409, 'MODEL_VERSION_MISMATCH'],
    ['/decisions?limit=0', 400, 'INVALID_PARAM'],
    ['/decisions?limit=1001', 400, 'INVALID_PARAM'],
    ['/decisions?from=yesterday', 400, 'INVALID_PARAM'],
    ['/decisions?group=A', 400, 'INVALID_PARAM'],
    ['/decisions?camera=%00', 400, 'INVALID_PARAM'],
    ['/decisions?before=0', 400, 'INVALID_PARAM'],
  ])('GET %s is refused with %i', async (path, status, code) => {
    await device.gallery.createGroup({ owner: device.owner, groupId: 'old' }, 'gone-1');
    const answer = await device.call('GET', path);
    expect([answer.status, answer.body.error.code]).toEqual([status, code]);
    expectSentence(answer.body.error.message);
  });
});

describe('the decisions', () => {
  const below: Partial<EventDraft> = { type: 'unknown', reason: 'below-threshold', similarity: 71.5 };
  const live: Partial<EventDraft> = { liveness: { mode: 'required', verdict: 'live', score: 2, threshold: 0 } };

  async function emit(...changes: Partial<EventDraft>[]): Promise<void> {
    for (const change of changes) {
      const { faceId, imageId, externalImageId, ...draft } = aDraft(60_000, change);
      await log.emit(draft.type === 'match' ? { ...draft, faceId, imageId, externalImageId } : draft);
    }
  }

  async function list(query: string): Promise<z.output<typeof decisionListAnswer>> {
    const { status, body } = await device.call('GET', `/decisions${query}`);
    expect(status).toBe(200);
    return decisionListAnswer.parse(body);
  }

  test('are counted by camera, group, type and reason, and listed without pictures', async () => {
    const snapshot = Buffer.from('a picture').toString('base64');
    await emit(
      { snapshot },
      below,
      { ...live, similarity: 99 },
      { ...below, cameraId: 'yard', groupId: 'hall' },
      below,
    );
    const found = await list('');
    expect(found.counts).toEqual([
      { cameraId: 'front', groupId: 'door', type: 'unknown', reason: 'below-threshold', count: 2 },
      { cameraId: 'front', groupId: 'door', type: 'match', reason: 'agreed', count: 2 },
      { cameraId: 'yard', groupId: 'hall', type: 'unknown', reason: 'below-threshold', count: 1 },
    ]);
    expect(found.decisions.map(({ sequence }) => sequence)).toEqual([5, 4, 3, 2, 1]);
    expect(found.decisions[2]).toMatchObject({
      externalImageId: 'guest-1',
      similarity: 99,
      threshold: 90,
      liveness: { mode: 'required', verdict: 'live' },
    });
    expect(JSON.stringify(found)).not.toContain('snapshot');
    expect(found.next).toBeUndefined();
  });

  test('are filtered by camera, group and time', async () => {
    const at = (hour: number): Partial<EventDraft> => ({ decidedAt: `2026-01-02T0${hour}:00:00.000Z` });
    await emit({ ...below, ...at(1) }, { ...at(2), groupId: 'hall' }, { ...at(3), cameraId: 'yard' });
    const sequences = async (query: string): Promise<number[]> =>
      (await list(query)).decisions.map(({ sequence }) => sequence);
    expect(await sequences('?group=door')).toEqual([3, 1]);
    expect(await sequences('?camera=yard')).toEqual([3]);
    expect(await sequences('?from=2026-01-02T02:00:00Z')).toEqual([3, 2]);
    expect(await sequences('?from=2026-01-02T01:30:00Z&to=2026-01-02T03:00:00Z&camera=front')).toEqual([2]);
  });

  test('are read in pages that together have each of them once', async () => {
    await emit(...Array.from({ length: 250 }, (_, i) => (i % 2 === 0 ? below : {})));
    const seen: number[] = [];
    let path: string | undefined = '?limit=120&group=door';
    let pages = 0;
    while (path !== undefined) {
      const page: z.output<typeof decisionListAnswer> = await list(path);
      expect(page.decisions.length).toBeLessThanOrEqual(120);
      seen.push(...page.decisions.map(({ sequence }) => sequence));
      path = page.next?.replace('/device/v1/decisions', '');
      pages++;
    }
    expect(seen).toEqual(Array.from({ length: 250 }, (_, i) => 250 - i));
    expect(pages).toBe(3);
    // No reading holds more than 100 events with their pictures.
    for (const { limit } of device.filters) expect(limit).toBeLessThanOrEqual(100);
  });
});
