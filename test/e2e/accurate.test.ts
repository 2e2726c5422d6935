// A service with the set `accurate`: embeddings of 512 numbers through enrolment, search, restart and backup.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fetchModel } from '../../src/models/fetch-model.js';
import { getModelSet, listModels, loadManifest } from '../../src/models/manifest.js';
import { isBuiltIn } from '../../src/models/precision.js';
import { loadAddon } from '../../src/native/addon.js';
import { encodePicture } from '../../tools/rendered-people/clip-file.js';
import { GUEST_SEED, renderPortrait, STRANGER_SEED } from '../../tools/rendered-people/demo-clip.js';
import { CLI, startService, toImage } from '../support/service.js';
import { espdlDir, missing, sharedFilesDir } from '../support/shared.js';

const skip = missing('the service with the set accurate', sharedFilesDir, espdlDir);

describe.skipIf(skip)('a service with the set accurate', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lintel-accurate-'));
  const modelsDir = join(folder, 'models');
  const picture = (seed: number, options = {}) => toImage(encodePicture(renderPortrait(seed, options), loadAddon()));

  beforeAll(async () => {
    const set = getModelSet(loadManifest(), 'accurate');
    for (const model of listModels(set).filter((one) => !isBuiltIn(one)))
      await fetchModel(modelsDir, model, { from: sharedFilesDir });
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs `lintel gallery` with the configuration of a device. */
  const gallery = (device: string, ...args: string[]): void => {
    const config = ['--config', join(device, 'lintel.yaml')];
    const passphrase = ['--passphrase-file', join(folder, 'passphrase')];
    const { status, stderr } = spawnSync(process.execPath, [CLI, 'gallery', ...args, ...passphrase, ...config], {
      encoding: 'utf8',
      cwd: folder,
    });
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
  };

  it('finds an enrolled person, also after a restart and from a backup', async () => {
    const [first, second] = [join(folder, 'first'), join(folder, 'second')];
    const probe = picture(GUEST_SEED, { pose: { yaw: -12, pitch: 4 }, background: 5, facePx: 150 });
    let service = await startService({ folder: first, modelsDir, set: 'accurate' });
    const search = async (): Promise<{ externalImageId: string; similarity: number }[]> => {
      const { data } = await service.call('POST', '/groups/door/search?threshold=1', { image: probe });
      expect(data.modelVersion).toBe('accurate-1');
      const found = data.matchFaces as { face: { externalImageId: string }; similarity: number }[];
      return found.map(({ face, similarity }) => ({ externalImageId: face.externalImageId, similarity }));
    };
    await service.call('POST', '/groups', { groupId: 'door' });
    for (const [externalImageId, seed] of [
      ['guest', GUEST_SEED],
      ['stranger', STRANGER_SEED],
    ] as const) {
      const { data } = await service.call('POST', '/groups/door', { image: picture(seed), externalImageId });
      expect(data).toMatchObject({ addedFaceCount: 1, modelVersion: 'accurate-1' });
    }
    const expected = await search();
    expect(expected[0]!.externalImageId).toBe('guest');
    expect(expected[0]!.similarity).toBeGreaterThan(70);
    expect(await service.stop()).toBe(0);

    service = await startService({ folder: first, modelsDir, set: 'accurate' });
    expect(await search()).toEqual(expected);
    expect(await service.stop()).toBe(0);

    writeFileSync(join(folder, 'passphrase'), 'a passphrase for tests\n', { mode: 0o600 });
    gallery(first, 'backup', join(folder, 'door.lintel'));
    mkdirSync(second);
    cpSync(join(first, 'lintel.yaml'), join(second, 'lintel.yaml'));
    cpSync(join(first, 'keys'), join(second, 'keys'), { recursive: true });
    gallery(second, 'restore', join(folder, 'door.lintel'));
    service = await startService({ folder: second, modelsDir, set: 'accurate' });
    expect(await search()).toEqual(expected);
    expect(await service.stop()).toBe(0);
  }, 240_000);
});
