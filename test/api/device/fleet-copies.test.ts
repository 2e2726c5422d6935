// Groups that are copies of the fleet, in the device API: every change is refused, and the refusal names the authority.
import { createHash, randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { encodeFace } from '../../../src/gallery/face-record.js';
import { MODEL } from '../harness.js';
import { findEmbedding, seen, startDevice, type Device } from './harness.js';

const PICTURE = Buffer.from(JSON.stringify({ faces: [{ box: [100, 50, 500, 450] }] }));
const WISH = { group: 'staff', externalImageId: 'bert' };
const faceId = randomUUID();
let device: Device;

beforeEach(async () => {
  device = await startDevice();
  const { gallery, owner } = device;
  const ref = { owner, groupId: 'staff' };
  await gallery.createCopy(ref, MODEL, { fleet: 'f'.repeat(32), group: 'a'.repeat(32), authority: 'head-office' });
  const face = { faceId, imageId: randomUUID(), externalImageId: 'anna', bbox: { x0: 0, y0: 0, x1: 1, y1: 1 } };
  const record = encodeFace({ ...face, detectionScore: 1 }, findEmbedding(0));
  const digest = createHash('sha256').update(record).digest();
  await gallery.copies.apply(ref, {
    head: '{}',
    puts: [{ id: 'b'.repeat(32), digest, sequence: 1, record }],
    deletes: [],
  });
  await gallery.enrol({ owner, groupId: 'door' }, [
    { externalImageId: 'carla', bbox: face.bbox, detectionScore: 1, embedding: findEmbedding(90) },
  ]);
});
afterEach(() => device.close());

const post = (path: string, body: unknown) => device.call('POST', path, body);
const remove = (path: string) => device.call('DELETE', path);

/** Keeps the face of a stranger, and enrols it. */
async function enrolStranger(): Promise<unknown> {
  const { crop = new Uint8Array() } = seen(10);
  const kept = { cameraId: 'front', trackId: 1, quality: 0.5, modelVersion: MODEL, capturedAtMs: Date.now() };
  device.unknownFaces.keep({ ...kept, crop, embedding: findEmbedding(10) });
  await expect.poll(() => device.unknownFaces.stats().kept).toBe(1);
  const { body } = await device.call('GET', '/unknown-faces');
  return post(`/unknown-faces/${body.faces[0]!.id}/enrol`, WISH);
}

test.each<[string, () => Promise<unknown>]>([
  ['enrolment before a camera', () => post('/cameras/front/enrol', WISH)],
  ['enrolment of a picture', () => sendPicture()],
  ['enrolment of a stranger', enrolStranger],
  ['delete face', () => remove(`/groups/staff/faces/${faceId}`)],
  ['delete person', () => remove('/groups/staff/persons?externalImageId=anna')],
  ['rename person', () => post('/groups/staff/persons/rename', { externalImageId: 'anna', to: 'bert' })],
  ['move person out', () => post('/groups/staff/persons/move', { externalImageId: 'anna', group: 'door' })],
  ['move person in', () => post('/groups/door/persons/move', { externalImageId: 'carla', group: 'staff' })],
  ['delete group', () => remove('/groups/staff')],
])('%s is refused', async (_, change) => {
  const { status, body } = (await change()) as { status: number; body: object };
  expect(body).toMatchObject({
    error: { code: 'GROUP_READ_ONLY', message: expect.stringMatching(/^The group staff .* head-office\.$/) as string },
  });
  expect(status).toBe(409);
  expect(device.gallery.group({ owner: device.owner, groupId: 'staff' }).faceCount).toBe(1);
  expect(device.gallery.group({ owner: device.owner, groupId: 'door' }).faceCount).toBe(1);
});

async function sendPicture(): Promise<{ status: number; body: unknown }> {
  const response = await device.fetch('/groups/staff/enrol?externalImageId=bert', {
    method: 'POST',
    body: PICTURE,
    headers: { 'content-type': 'image/jpeg' },
  });
  return { status: response.status, body: await response.json() };
}
