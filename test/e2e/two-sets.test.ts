// Groups of two model sets in one service. The second set has the first one's files under another version and on a scale of its own.
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { galleryCommand } from '../../src/cli/gallery-command.js';
import { registerGroups } from '../../src/cli/gallery-groups.js';
import { configSchema } from '../../src/config/schema.js';
import { silentLog } from '../../src/domain/log.js';
import type * as Main from '../../src/main.js';
import { loadManifest, type Manifest } from '../../src/models/manifest.js';
import { lintel } from '../cli/terminal.js';
import { imageOf, type Answer } from '../support/service.js';
import { facesDir, missing, sharedModelsDir } from '../support/shared.js';

const FIRST = loadManifest().sets.standard.modelVersion;
const SECOND = 'second-1';
/** Far off the first one's: the similarity tells whose scale was used. */
const POINTS = [
  { cosine: 0.2, similarity: 5, far: 1e-3, tar: 0.99 },
  { cosine: 0.9, similarity: 10, far: 1e-5, tar: 0.9 },
];

interface Found {
  modelVersion: string;
  matchFaces: { similarity: number; face: { faceId: string } }[];
}

function manifestOf(...sets: ('standard' | 'second')[]): Manifest {
  const manifest = structuredClone(loadManifest());
  const { embedder } = manifest.sets.standard;
  const model = structuredClone(manifest.models[embedder]);
  if (model.task !== 'embedder') throw new Error('the standard set has lost its embedder');
  model.calibration = { source: 'a test', points: POINTS };
  manifest.models.second = model;
  const all = {
    standard: manifest.sets.standard,
    second: { ...manifest.sets.standard, modelVersion: SECOND, embedder: 'second' },
  };
  return { ...manifest, sets: Object.fromEntries(sets.map((name) => [name, all[name]])) };
}

describe.skipIf(missing('two model sets', sharedModelsDir, facesDir))('two model sets', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lintel-sets-'));
  const people = join(facesDir ?? '', 'people');
  let photos: Buffer[];

  beforeAll(() => {
    const [name] = readdirSync(people).sort();
    const files = readdirSync(join(people, name)).sort();
    photos = files.slice(0, 2).map((file) => readFileSync(join(people, name, file)));
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const models = (set: string) => ({ dir: sharedModelsDir ?? '', set, precision: 'float' as const });

  async function withService(
    set: string,
    manifest: Manifest,
    work: (call: (method: string, path: string, body?: object) => Promise<Answer>, url: string) => Promise<void>,
  ): Promise<void> {
    const built = new URL('../../dist/main.js', import.meta.url).href;
    const { createService } = (await import(built)) as typeof Main;
    const config = configSchema.parse({
      dataDir: join(folder, 'data'),
      keysDir: join(folder, 'keys'),
      http: { port: 0 },
      mqtt: { embedded: { port: 0 } },
      models: models(set),
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

  /** `lintel gallery groups` where the manifest has only these sets. */
  async function groupsListed(set: string, ...sets: ('standard' | 'second')[]) {
    const cwd = join(folder, 'cwd');
    mkdirSync(cwd, { recursive: true });
    const path = join(cwd, 'manifest.json');
    writeFileSync(path, JSON.stringify(manifestOf(...sets)));
    const config = { dataDir: join(folder, 'data'), keysDir: join(folder, 'keys'), models: models(set) };
    writeFileSync(join(cwd, 'lintel.yaml'), JSON.stringify(config));
    return lintel(
      ['--config', 'lintel.yaml', 'gallery', 'groups'],
      [(program, context) => registerGroups(galleryCommand(program), context, path)],
      { cwd, clock: Date.now },
    );
  }

  it('work side by side, each group under the version that it was made under', async () => {
    const [first, second] = photos.map(imageOf);
    await withService('standard', manifestOf('standard', 'second'), async (call) => {
      await call('POST', '/groups', { groupId: 'old' });
      const { data } = await call('POST', '/groups/old', { image: first });
      expect(data).toMatchObject({ modelVersion: FIRST, addedFaceCount: 1 });
    });
    await withService('second', manifestOf('standard', 'second'), async (call, url) => {
      await call('POST', '/groups', { groupId: 'new' });
      const added = await call('POST', '/groups/new', { image: first });
      expect(added.data).toMatchObject({ modelVersion: SECOND, addedFaceCount: 1 });
      const search = async (group: string): Promise<Found> => {
        return (await call('POST', `/groups/${group}/search?threshold=1`, { image: second })).data as Found;
      };
      const [ofOld, ofNew] = [await search('old'), await search('new')];
      expect(ofOld).toMatchObject({ modelVersion: FIRST, matchFaceCount: 1 });
      expect(ofNew).toMatchObject({ modelVersion: SECOND, matchFaceCount: 1 });
      // The same files give the same cosine; what it means is told by the scale of each version.
      expect(ofOld.matchFaces[0].similarity).toBeGreaterThan(70);
      expect(ofNew.matchFaces[0].similarity).toBeLessThan(11);
      expect((await call('POST', '/groups/old', { image: second })).data).toMatchObject({ addedFaceCount: 1 });
      const { faceId } = ofOld.matchFaces[0].face;
      const verified = await call('POST', `/verify/groups/old/faces/${faceId}`, { compareImage: second });
      expect(verified.data.similarity).toBeCloseTo(ofOld.matchFaces[0].similarity, 3);
      const compared = await call('POST', '/compare', { sourceImage: first, targetImage: second });
      expect(compared.data.modelVersion).toBe(SECOND);
      const health = (await (await fetch(`${url}/healthz`)).json()) as { parts: { vision: { facts: object } } };
      expect(health.parts.vision.facts).toMatchObject({ modelVersion: SECOND, otherModelVersions: [FIRST] });
      // From the running service.
      const { code, stdout } = await groupsListed('second', 'standard', 'second');
      expect(code).toBe(0);
      expect(stdout).toMatch(/^new .* 1 faces, second-1: in use$/m);
      expect(stdout).toMatch(/^old .* 2 faces, .*: installed, of the set standard$/m);
    });
  });

  it('where one is not installed, its groups are refused and listed, and the others go on', async () => {
    const image = imageOf(photos[1]);
    await withService('second', manifestOf('second'), async (call) => {
      const refused = await call('POST', '/groups/old/search', { image });
      expect(refused.header).toMatchObject({ isSuccessful: false, resultCode: -40080 });
      expect((await call('POST', '/groups/new/search?threshold=1', { image })).data.matchFaceCount).toBe(1);
    });
    // From the data directory.
    const { stdout, stderr } = await groupsListed('second', 'second');
    expect(stdout).toMatch(/^old .* 2 faces, .*: not installed$/m);
    expect(stderr).toContain('1 of 2 groups cannot be used');
  });
});
