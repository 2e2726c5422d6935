// The REST API of a running service with the real models and real photographs.
import { readFileSync, readdirSync, rmSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelSetsAtHand } from '../support/model-sets.js';
import { facesDir, missing } from '../support/shared.js';
import { toImage, startService, type Service } from '../support/service.js';

interface FaceDetail {
  bbox: { x0: number; y0: number; x1: number; y1: number };
  landmarks: { type: string; x: number; y: number }[];
  orientation?: { x: number; y: number; z: number };
  mask?: boolean;
  confidence: number;
}

const skip = missing('the service with photographs', facesDir);

describe.skipIf(skip).each(modelSetsAtHand)('with real photographs and the set $set', (models) => {
  const folder = mkdtempSync(join(tmpdir(), 'lintel-e2e-'));
  const people = join(facesDir ?? '', 'people');
  const names = facesDir === undefined ? [] : readdirSync(people);
  const readPhotos = (name: string): Buffer[] =>
    readdirSync(join(people, name))
      .sort()
      .map((file) => readFileSync(join(people, name, file)));
  let service: Service;

  beforeAll(async () => {
    service = await startService({ folder, ...models });
    await service.call('POST', '/groups', { groupId: 'people' });
    for (const name of names) {
      const answer = await service.call('POST', '/groups/people', {
        image: toImage(readPhotos(name)[0]!),
        externalImageId: name,
      });
      expect(answer.header).toMatchObject({ resultCode: 0 });
      expect(answer.data.addedFaceCount).toBe(1);
    }
  });

  afterAll(async () => {
    expect(await service.stop()).toBe(0);
    rmSync(folder, { recursive: true, force: true });
  });

  it('finds the right person first for the other 32 photographs', async () => {
    const wrong: string[] = [];
    let searched = 0;
    for (const name of names) {
      for (const [index, photo] of readPhotos(name).entries()) {
        if (index === 0) continue;
        searched++;
        const { data } = await service.call('POST', '/groups/people/search?threshold=1&limit=8', {
          image: toImage(photo),
        });
        const best = data.matchFaces[0]?.face.externalImageId as string | undefined;
        if (best !== name) wrong.push(`${name} ${index} was taken for ${best}`);
      }
    }
    expect(searched).toBe(32);
    // The built-in models are less exact.
    expect(wrong.length, wrong.join('; ')).toBeLessThanOrEqual(models.set === 'builtin' ? 8 : 0);
  });

  it('finds the faces of a scene, largest first', async () => {
    const image = toImage(readFileSync(join(facesDir ?? '', 'groups', 'bbt4.jpg')));
    const { data } = await service.call('POST', '/detect', { image });
    const faces = data.faceDetails as FaceDetail[];
    expect(faces.length).toBeGreaterThanOrEqual(3);
    expect(data.faceDetailCount).toBe(faces.length);
    const areas = faces.map(({ bbox }) => (bbox.x1 - bbox.x0) * (bbox.y1 - bbox.y0));
    expect(areas).toEqual(areas.toSorted((a, b) => b - a));
    for (const { bbox, landmarks, orientation, mask, confidence } of faces) {
      expect(landmarks.map(({ type }) => type)).toEqual(['leftEye', 'rightEye', 'nose', 'leftLip', 'rightLip']);
      for (const { x, y } of landmarks.slice(0, 3)) {
        expect(x).toBeGreaterThan(bbox.x0);
        expect(x).toBeLessThan(bbox.x1);
        expect(y).toBeGreaterThan(bbox.y0);
        expect(y).toBeLessThan(bbox.y1);
      }
      expect(orientation).toBeDefined();
      expect(mask).toBe(false);
      expect(confidence).toBeGreaterThan(60);
      expect(confidence).toBeLessThanOrEqual(100);
    }
  });

  it('gives the same similarity in compare, verify and search', async () => {
    const [source, other] = readPhotos(names[3]!);
    const search = await service.call('POST', '/groups/people/search?threshold=1&limit=8', { image: toImage(other!) });
    const match = (
      search.data.matchFaces as { face: { faceId: string; externalImageId: string }; similarity: number }[]
    ).find(({ face }) => face.externalImageId === names[3]);
    expect(match).toBeDefined();
    const compared = await service.call('POST', '/compare?threshold=1', {
      sourceImage: toImage(source!),
      targetImage: toImage(other!),
    });
    const verified = await service.call('POST', `/verify/groups/people/faces/${match?.face.faceId}`, {
      compareImage: toImage(other!),
    });
    expect(compared.data.matchedFaceDetails[0].similarity).toBeCloseTo(match?.similarity ?? Number.NaN, 2);
    expect(verified.data.similarity).toBeCloseTo(match?.similarity ?? Number.NaN, 2);
    expect(verified.data.face.externalImageId).toBe(names[3]);
  });

  it('leaves out orientation and mask when they are not requested', async () => {
    const image = toImage(readPhotos(names[0]!)[0]!);
    const { data } = await service.call('POST', '/detect', { image, orientation: false, mask: false });
    expect(data.faceDetails[0]).not.toHaveProperty('orientation');
    expect(data.faceDetails[0]).not.toHaveProperty('mask');
  });
});
