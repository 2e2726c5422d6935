// Groups of two model sets in one service. The second set has the files of the first one, another version, and its own scale.
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { registerGroups } from '../../src/cli/gallery/groups.js';
import { configSchema } from '../../src/config/schema.js';
import { encodePicture } from '../../tools/rendered-people/clip-file.js';
import { GUEST_SEED, renderPortrait } from '../../tools/rendered-people/demo-clip.js';
import { silentLog } from '../../src/domain/log.js';
import type * as Main from '../../src/main.js';
import { loadManifest, type Manifest } from '../../src/models/manifest.js';
import { loadAddon } from '../../src/native/addon.js';
import { lintel } from '../cli/terminal.js';
import { bestModels, standardModels } from '../support/model-sets.js';
import { toImage, type Answer } from '../support/service.js';
import { missing } from '../support/shared.js';

const { set: FIRST_SET, modelsDir: installed } = bestModels;
const FIRST = loadManifest().sets[FIRST_SET]!.modelVersion;
const BUILTIN = loadManifest().sets.builtin!.modelVersion;
const SECOND = 'second-1';
/** Calibration of the second set. It is far from the first set's, so that a similarity shows which scale was used. */
const POINTS = [
  { cosine: 0.5, similarity: 5, far: 1e-3, tar: 0.99 },
  { cosine: 0.999, similarity: 10, far: 1e-5, tar: 0.9 },
];

interface Found {
  modelVersion: string;
  matchFaces: { similarity: number; face: { faceId: string } }[];
}

/** Makes a manifest of these sets. @param file file of the second set's embedder; default: the first set's */
function makeManifest(sets: readonly string[], file?: string): Manifest {
  const manifest = structuredClone(loadManifest());
  const model = structuredClone(manifest.models[manifest.sets[FIRST_SET]!.embedder]);
  if (model!.task !== 'embedder' || !model!.quantised) throw new Error('the first set has another embedder now');
  model!.calibration = { source: 'a test', points: POINTS };
  model!.quantised.calibration = model!.calibration;
  if (file !== undefined) {
    model!.file = file;
    model!.quantised.file = file;
  }
  manifest.models.second = model!;
  const all: Manifest['sets'] = {
    ...manifest.sets,
    second: { ...manifest.sets[FIRST_SET]!, modelVersion: SECOND, embedder: 'second' },
  };
  return { ...manifest, sets: Object.fromEntries(sets.map((name) => [name, all[name]!])) };
}

/** Two pictures of the same person. */
const photos = [{}, { pose: { yaw: -12, pitch: 4 }, background: 5, facePx: 150 }].map((options) =>
  encodePicture(renderPortrait(GUEST_SEED, options), loadAddon()),
);

describe('two model sets', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lintel-sets-'));
  const nowhere = join(folder, 'none');

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const models = (set: string, dir = installed) => ({ dir, set, precision: 'float' as const });

  async function withService(
    set: string,
    manifest: Manifest,
    work: (call: (method: string, path: string, body?: object) => Promise<Answer>, url: string) => Promise<void>,
    modelsDir?: string,
  ): Promise<void> {
    const built = new URL('../../dist/main.js', import.meta.url).href;
    const { createService } = (await import(built)) as typeof Main;
    const config = configSchema.parse({
      dataDir: join(folder, 'data'),
      keysDir: join(folder, 'keys'),
      http: { port: 0 },
      mqtt: { embedded: { port: 0 } },
      models: models(set, modelsDir),
      vision: { workers: 1 },
    });
    const service = await createService({ config, environment: {}, log: silentLog, manifest });
    await service.start();
    try {
      const base = `${service.url}/nhn-face-reco/v1.0/appkeys/${readFileSync(service.firstAppKeyFile, 'utf8').trim()}`;
      await work(async (method, path, body) => {
        const init = body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
        return (await (await fetch(base + path, { method, ...init })).json()) as Answer;
      }, service.url);
    } finally {
      await service.stop();
    }
  }

  /** Runs `lintel gallery groups` with a manifest that has only these sets. */
  async function groupsListed(set: string, sets: readonly string[], modelsDir?: string) {
    const cwd = join(folder, 'cwd');
    mkdirSync(cwd, { recursive: true });
    const path = join(cwd, 'manifest.json');
    writeFileSync(path, JSON.stringify(makeManifest(sets)));
    const config = { dataDir: join(folder, 'data'), keysDir: join(folder, 'keys'), models: models(set, modelsDir) };
    writeFileSync(join(cwd, 'lintel.yaml'), JSON.stringify(config));
    return lintel(
      ['--config', 'lintel.yaml', 'gallery', 'groups'],
      { gallery: (command, context) => registerGroups(command, context, path) },
      { cwd, clock: Date.now },
    );
  }

  it('work at the same time, each group under the version under which it was made', async () => {
    const [first, second] = photos.map(toImage);
    await withService(FIRST_SET, makeManifest([FIRST_SET, 'second']), async (call) => {
      await call('POST', '/groups', { groupId: 'old' });
      const { data } = await call('POST', '/groups/old', { image: first });
      expect(data).toMatchObject({ modelVersion: FIRST, addedFaceCount: 1 });
    });
    await withService('second', makeManifest([FIRST_SET, 'second']), async (call, url) => {
      await call('POST', '/groups', { groupId: 'new' });
      const added = await call('POST', '/groups/new', { image: first });
      expect(added.data).toMatchObject({ modelVersion: SECOND, addedFaceCount: 1 });
      const search = async (group: string): Promise<Found> => {
        return (await call('POST', `/groups/${group}/search?threshold=1`, { image: second })).data as Found;
      };
      const [ofOld, ofNew] = [await search('old'), await search('new')];
      expect(ofOld).toMatchObject({ modelVersion: FIRST, matchFaceCount: 1 });
      expect(ofNew).toMatchObject({ modelVersion: SECOND, matchFaceCount: 1 });
      // The same files give the same cosine. The scale of each version turns it into a similarity.
      expect(ofOld.matchFaces[0]!.similarity).toBeGreaterThan(70);
      expect(ofNew.matchFaces[0]!.similarity).toBeLessThan(11);
      expect((await call('POST', '/groups/old', { image: second })).data).toMatchObject({ addedFaceCount: 1 });
      const { faceId } = ofOld.matchFaces[0]!.face;
      const verified = await call('POST', `/verify/groups/old/faces/${faceId}`, { compareImage: second });
      expect(verified.data.similarity).toBeCloseTo(ofOld.matchFaces[0]!.similarity, 3);
      const compared = await call('POST', '/compare', { sourceImage: first, targetImage: second });
      expect(compared.data.modelVersion).toBe(SECOND);
      const health = (await (await fetch(`${url}/healthz`)).json()) as { parts: { vision: { facts: object } } };
      expect(health.parts.vision.facts).toMatchObject({ modelVersion: SECOND, otherModelVersions: [FIRST] });
      // The command asks the running service.
      const { code, stdout } = await groupsListed('second', [FIRST_SET, 'second']);
      expect(code).toBe(0);
      expect(stdout).toMatch(/^new +\S+ +1 +second-1 +in use$/m);
      expect(stdout).toMatch(new RegExp(`^old +\\S+ +2 +\\S+ +installed, of the set ${FIRST_SET}$`, 'm'));
    });
  });

  it('leave one set usable when the other is not installed: the groups of the missing set are refused and listed', async () => {
    const image = toImage(photos[1]!);
    await withService('second', makeManifest(['second']), async (call) => {
      const refused = await call('POST', '/groups/old/search', { image });
      expect(refused.header).toMatchObject({ isSuccessful: false, resultCode: -40080 });
      expect((await call('POST', '/groups/new/search?threshold=1', { image })).data.matchFaceCount).toBe(1);
    });
    // The command reads the data directory.
    const { stdout, stderr } = await groupsListed('second', ['second']);
    expect(stdout).toMatch(/^old +\S+ +2 +\S+ +not installed$/m);
    expect(stderr).toContain('1 of 2 groups cannot be used');
  });

  it('leave one set usable when the embedder of the other is removed while the service runs, and the service reports it', async () => {
    const dir = join(folder, 'models');
    cpSync(installed, dir, { recursive: true });
    const own = 'second.onnx';
    copyFileSync(join(dir, bestModels.models.embedder.file), join(dir, own));
    const manifest = makeManifest([FIRST_SET, 'second'], own);
    const image = toImage(photos[1]!);
    await withService(
      FIRST_SET,
      manifest,
      async (call, url) => {
        const search = (group: string) => call('POST', `/groups/${group}/search?threshold=1`, { image });
        const visionHealth = async () => {
          const { parts } = (await (await fetch(`${url}/healthz`)).json()) as { parts: { vision: object } };
          return parts.vision;
        };
        rmSync(join(dir, own));
        // No request has needed this embedder yet.
        expect(await visionHealth()).toMatchObject({ status: 'ok', facts: { otherModelVersions: [SECOND] } });
        for (let i = 0; i < 2; i++) {
          expect((await search('new')).header).toMatchObject({
            resultCode: -40080,
            detail: 'The models of second-1 cannot be loaded.',
          });
          expect((await search('old')).data).toMatchObject({ modelVersion: FIRST, matchFaceCount: 2 });
        }
        expect(await visionHealth()).toMatchObject({
          status: 'degraded',
          detail: expect.stringMatching(
            /^the models of second-1 cannot be loaded: the model second\.onnx is missing/,
          ) as string,
        });
      },
      dir,
    );
  });

  describe.skipIf(missing('the standard set beside the built-in one', standardModels?.modelsDir))(
    'groups of two sets, of which the standard one is missing for a while',
    () => {
      const image = toImage(photos[1]!);
      const both = ['standard', 'builtin'];

      it('are refused and listed as unusable where they belong to the missing set; new groups are made under the built-in set', async () => {
        await withService(
          'standard',
          makeManifest(both),
          async (call) => {
            expect((await call('POST', '/groups/old/search', { image })).header).toMatchObject({
              resultCode: -40080,
              resultMessage: 'ModelVersionMismatch',
              detail: `The group was enrolled under the model ${FIRST}, which is not installed.`,
            });
            expect((await call('POST', '/groups/old', { image })).header).toMatchObject({ resultCode: -40080 });
            await call('POST', '/groups', { groupId: 'offline' });
            const added = await call('POST', '/groups/offline', { image: toImage(photos[0]!) });
            expect(added.data).toMatchObject({ modelVersion: BUILTIN, addedFaceCount: 1 });
          },
          nowhere,
        );
        const { stdout, stderr } = await groupsListed('standard', both, nowhere);
        expect(stdout).toMatch(/^offline +\S+ +1 +builtin-\S+ +in use$/m);
        expect(stdout).toMatch(new RegExp(`^old +\\S+ +2 +${FIRST} +not installed$`, 'm'));
        expect(stderr).toContain('2 of 3 groups cannot be used, because their models are not installed.');
      });

      it('work again when the set is back; groups made meanwhile stay under the built-in set', async () => {
        await withService('standard', makeManifest(both), async (call) => {
          const search = async (group: string): Promise<Found> =>
            (await call('POST', `/groups/${group}/search?threshold=70`, { image })).data as Found;
          expect(await search('old')).toMatchObject({ modelVersion: FIRST, matchFaceCount: 2 });
          expect(await search('offline')).toMatchObject({ modelVersion: BUILTIN, matchFaceCount: 1 });
          const { stdout } = await groupsListed('standard', both);
          expect(stdout).toMatch(/^offline .* installed, of the set builtin$/m);
          expect(stdout).toMatch(/^old .* in use$/m);
        });
      });
    },
  );
});
