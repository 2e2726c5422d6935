// Attacks on the enrolment of a running service: group photos, a second person under an id that is taken, and many requests at once.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { registerAudit } from '../../src/cli/audit.js';
import { registerCheck } from '../../src/cli/gallery/check.js';
import type { GalleryCheck } from '../../src/cli/gallery/check-report.js';
import { People } from '../cli/enrol/pictures.js';
import { lintel } from '../cli/terminal.js';
import { bestModels } from '../support/model-sets.js';
import { startService, toImage, type Answer, type Service } from '../support/service.js';

/** People whose faces are clearly unlike each other. */
const VICTIM = 0;
const MALLORY = 1;

interface Registered {
  header: Answer['header'];
  data: { addedFaceCount: number; notAddedFaceCount: number };
}

describe('a running service', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lintel-enrolment-'));
  const people = new People();
  let service: Service;

  beforeAll(async () => {
    const groups = [
      { group: 'strict', enrolment: 'one-person-per-id' },
      { group: 'strictest', enrolment: 'one-face-per-picture' },
    ];
    service = await startService({ folder, ...bestModels, config: { vision: { workers: 2 }, gallery: { groups } } });
    for (const groupId of ['lax', 'strict', 'strictest']) await service.call('POST', '/groups', { groupId });
  });

  afterAll(async () => {
    expect(await service.stop()).toBe(0);
    rmSync(folder, { recursive: true, force: true });
  });

  /** Registers a picture. @returns the header, and the data whose fields the tests look at */
  async function register(group: string, picture: Uint8Array, externalImageId: string, more = {}): Promise<Registered> {
    const body = { image: toImage(picture), externalImageId, ...more };
    return (await service.call('POST', `/groups/${group}`, body)) as Registered;
  }
  const run = async (...args: string[]): Promise<string> => {
    const commands = { gallery: registerCheck, audit: registerAudit };
    return (await lintel(['--config', join(folder, 'lintel.yaml'), ...args], commands)).stdout;
  };
  async function countFaces(group: string): Promise<number> {
    const { groups } = (await service.call('GET', `/groups/${group}`)).data as { groups: [{ faceCount: number }] };
    return groups[0].faceCount;
  }

  it('lets a group photo in by the contract alone, and then tells it: in the answer, and in the check of the gallery', async () => {
    const { header, data } = await register('lax', people.scene(VICTIM, MALLORY), 'badge-1');
    expect(data).toMatchObject({ addedFaceCount: 2 });
    expect(header.detail).toMatch(/^The picture shows several people/);
    const { groups, isSuspicious } = JSON.parse(
      await run('gallery', 'check', '--group', 'lax', '--json'),
    ) as GalleryCheck;
    expect(isSuspicious).toBe(true);
    expect(groups[0]?.findings?.severalPeople).toMatchObject([{ externalImageId: 'badge-1', people: [[{}], [{}]] }]);
  });

  it.each(['strict', 'strictest'])('lets no second person into an id of the group %s', async (group) => {
    const photo = await register(group, people.scene(VICTIM, MALLORY), 'badge-0');
    expect(photo.data).toMatchObject({ addedFaceCount: group === 'strict' ? 1 : 0 });
    await register(group, people.portrait(VICTIM), 'badge-1');
    for (const more of [{}, { enrolment: 'open' }, { limit: 20 }]) {
      const { header, data } = await register(group, people.portrait(MALLORY), 'badge-1', more);
      expect(header).toMatchObject({ isSuccessful: true, resultCode: 0 });
      expect(header.detail).toMatch(/^1 face was not added: it is unlike/);
      expect(data).toMatchObject({ addedFaceCount: 0, notAddedFaceCount: 1 });
    }
    expect((await register(group, people.again(VICTIM), 'badge-1')).data).toMatchObject({ addedFaceCount: 1 });
    const { severalPeople } = (JSON.parse(await run('gallery', 'check', '--group', group, '--json')) as GalleryCheck)
      .groups[0]!.findings!;
    expect(severalPeople).toEqual([]);
  });

  it('lets one of two people into an id for which they race', async () => {
    const before = await countFaces('strict');
    const pictures = Array.from({ length: 12 }, (_, i) => people.portrait(i % 2 === 0 ? VICTIM : MALLORY));
    const answers = await Promise.all(pictures.map((picture) => register('strict', picture, 'raced')));
    const winners = answers.flatMap(({ data }, i) => (data.addedFaceCount === 1 ? [i % 2] : []));
    expect(new Set(winners).size).toBe(1);
    expect(winners).toHaveLength(6);
    expect(await countFaces('strict')).toBe(before + 6);
  });

  it('has every refused face in its audit log, with the name of the appKey and no name of a person', async () => {
    const lines = (await run('audit', 'list', '--count', '200'))
      .split('\n')
      .filter((line) => /face\.refused/.test(line));
    expect(lines.length).toBeGreaterThanOrEqual(14);
    for (const line of lines) {
      expect(line).toMatch(/app:default/);
      expect(line).not.toMatch(/badge|raced/);
    }
  });
});
