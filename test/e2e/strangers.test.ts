// Strangers before a door in random conditions: the short form of `npm run strangers`, and its conditions.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseCondition } from '../../tools/conditions/condition.js';
import { seededRandom } from '../../tools/rendered-people/random.js';
import { drawCondition, nameKinds } from '../../tools/strangers/conditions.js';
import { runStrangers } from '../../tools/strangers/strangers.js';
import { standardModels } from '../support/model-sets.js';
import { lfwDir, missing } from '../support/shared.js';

const skip = missing('strangers before a door', lfwDir, standardModels?.modelsDir);

describe.skipIf(skip)('a door', () => {
  const options = () => ({
    set: standardModels!.models,
    modelsDir: standardModels!.modelsDir,
    archive: join(lfwDir!, 'lfw_pairs_112.tar'),
    pairs: join(lfwDir!, 'pairs.txt'),
    seed: 7,
  });

  it('grants no stranger in any condition, but enrolled people', { timeout: 240_000 }, async () => {
    const tally = await runStrangers({ ...options(), strangers: 12, enrolled: 6 });
    expect(tally.granted).toEqual([]);
    expect(tally.strangers).toBe(12);
    expect(tally.accepted).toBeGreaterThanOrEqual(4);
    expect(tally.known).toMatchObject({ shown: 6, grantedAsOther: 0 });
    expect(tally.known.granted).toBeGreaterThanOrEqual(3);
  });

  it('cannot be simulated with more people than there are', async () => {
    await expect(runStrangers({ ...options(), strangers: 9_999, enrolled: 2 })).rejects.toThrow(RangeError);
  });
});

it('conditions are drawn from all kinds, the same for the same seed, and each can be composed', () => {
  const draw = (seed: number): string[] => {
    const random = seededRandom(seed, 1);
    return Array.from({ length: 300 }, () => drawCondition(random));
  };
  expect(draw(1)).toEqual(draw(1));
  expect(draw(1)).not.toEqual(draw(2));
  draw(1).forEach(parseCondition);
  const kinds = draw(1).map(nameKinds);
  const single = [
    'blur',
    'dark',
    'glare',
    'glasses',
    'jpeg',
    'lower',
    'mask',
    'mirror',
    'noise',
    'small',
    'turn',
    'upper',
  ];
  expect([...new Set(kinds.filter((kind) => !kind.includes('+')))].sort()).toEqual(single);
  expect(kinds.filter((kind) => kind.includes('+')).length).toBeGreaterThan(50);
});
