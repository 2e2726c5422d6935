// A group stays usable when the form of the models changes between two starts: enrolled in float, searched in 8 bits, and the other way round.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodePicture } from '../../tools/rendered-people/clip-file.js';
import { renderPortrait } from '../../tools/rendered-people/demo-clip.js';
import { DISTINCT_SEEDS } from '../../tools/rendered-people/distinct-seeds.js';
import { multipliesBytes, readProcessorFlags } from '../../src/models/precision.js';
import { loadAddon } from '../../src/native/addon.js';
import { builtinModels } from '../support/model-sets.js';
import { startService, toImage, type Service } from '../support/service.js';
import { tempDir } from '../support/temp-dir.js';

interface Match {
  face: { externalImageId: string };
  similarity: number;
}

const addon = loadAddon();
const SEEDS = DISTINCT_SEEDS.slice(0, 4);
const picture = (seed: number) => toImage(encodePicture(renderPortrait(seed), addon));

async function search(service: Service, seed: number): Promise<Match[]> {
  const answer = await service.call('POST', '/groups/staff/search', { image: picture(seed), threshold: 80, limit: 10 });
  return (answer.data as { matchFaces: Match[] }).matchFaces;
}

// On a processor without a dot product of bytes, the 8-bit form is not right, and no choice takes it.
describe.skipIf(!multipliesBytes(process.arch, readProcessorFlags()))(
  'a group that was enrolled in another form',
  () => {
    it.each([
      { before: 'float', after: 'int8' },
      { before: 'int8', after: 'float' },
    ] as const)(
      'finds the same people with the same similarity: $before, then $after',
      { timeout: 120_000 },
      async (forms) => {
        const home = { folder: join(tempDir(), 'home'), modelsDir: builtinModels.modelsDir, set: 'builtin' };
        const config = { vision: { workers: 1 } };
        const first = await startService({ ...home, precision: forms.before, config });
        const before: Match[][] = [];
        try {
          await first.call('POST', '/groups', { groupId: 'staff' });
          for (const seed of SEEDS) {
            await first.call('POST', '/groups/staff', { image: picture(seed), externalImageId: `p${seed}`, limit: 1 });
          }
          for (const seed of SEEDS) before.push(await search(first, seed));
        } finally {
          await first.stop();
        }
        const second = await startService({ ...home, precision: forms.after, config });
        try {
          for (const [i, seed] of SEEDS.entries()) {
            const after = await search(second, seed);
            expect(after.map(({ face }) => face.externalImageId)).toEqual(
              before[i]!.map(({ face }) => face.externalImageId),
            );
            expect(after[0]!.face.externalImageId).toBe(`p${seed}`);
            expect(Math.abs(after[0]!.similarity - before[i]![0]!.similarity)).toBeLessThan(1);
          }
        } finally {
          await second.stop();
        }
      },
    );
  },
);
