// `lintel models fetch` and `lintel models list`, on the built-in set and without a network.
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { registerModels } from '../../../src/cli/models/models.js';
import { loadManifest, getModelSet, listModels } from '../../../src/models/manifest.js';
import { lintel, type Run } from '../terminal.js';
import { tempDir } from '../../support/temp-dir.js';

const builtin = getModelSet(loadManifest(), 'builtin');

function models(args: string[], modelsDir: string, config?: string): Promise<Run> {
  const cwd = tempDir();
  if (config !== undefined) writeFileSync(join(cwd, 'lintel.yaml'), config);
  const given = config === undefined ? [] : ['--config', 'lintel.yaml'];
  return lintel(['models', ...args, ...given], { models: registerModels }, { environment: { modelsDir }, cwd });
}

describe('lintel models fetch', () => {
  const SENTENCE = 'model set builtin: it is part of the installation, so there is nothing to fetch\n';

  it.each<[string, string[], string | undefined]>([
    ['that is asked for', ['--set', 'builtin'], undefined],
    ['that is configured', [], 'models: { set: builtin }'],
    ['from a folder that has nothing', ['--set', 'builtin', '--from', '.'], undefined],
  ])('has nothing to do for the built-in set %s, and says so', async (_words, args, config) => {
    const modelsDir = join(tempDir(), 'files');
    const { code, stdout, stderr } = await models(['fetch', ...args], modelsDir, config);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: SENTENCE, stderr: '' });
    expect(existsSync(modelsDir)).toBe(false);
  });

  it('fails where a built-in file does not match the manifest', async () => {
    const modelsDir = tempDir();
    writeFileSync(join(modelsDir, builtin.embedder.quantised?.file ?? ''), 'another');
    const { code, stdout, stderr } = await models(['fetch', '--set', 'builtin'], modelsDir);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/builtin-embedder\.int8\.onnx from .* was refused/);
  });

  it('fetches the set of --set, also where another is configured', async () => {
    const modelsDir = tempDir();
    const args = ['fetch', '--set', 'standard', '--from', '.'];
    const { code, stderr } = await models(args, modelsDir, 'models: { set: builtin }');
    expect(code).toBe(1);
    expect(stderr).toContain(`${getModelSet(loadManifest(), 'standard').detector.file} is not in`);
    expect(readdirSync(modelsDir)).toEqual([]);
  });

  it('refuses a set that the manifest does not have', async () => {
    const { code, stderr } = await models(['fetch', '--set', 'nonesuch'], tempDir());
    expect(code).toBe(1);
    expect(stderr).toContain('no model set "nonesuch"');
  });
});

describe('lintel models list', () => {
  it('lists each built-in file in 8 bits, with the script that trained it and the form that would run', async () => {
    const { code, stdout } = await models(['list'], tempDir(), 'models: { set: builtin, precision: float }');
    expect(code).toBe(0);
    for (const { task, quantised, origin } of listModels(builtin)) {
      const { file = '' } = quantised ?? {};
      const trainedBy = 'trainedBy' in origin ? origin.trainedBy : '';
      const row = `^  ${task} +8 bits +present +\\d\\.\\d\\d MB  ${file} +Apache-2\\.0, trained by ${trainedBy}$`;
      // The mask model is part of every set.
      const times = task === 'mask' ? Object.keys(loadManifest().sets).length : 1;
      expect(stdout.match(new RegExp(row, 'gm'))).toHaveLength(times);
      expect(stdout.split(file)).toHaveLength(times + 1);
      expect(stdout).toContain(`  ${task}: float, configured\n`);
    }
    expect(stdout).toMatch(/^builtin \(version builtin-\d+, configured\): /m);
    expect(stdout).toMatch(/^ {2}embedder +8 bits +missing .* MobileFaceNet\.int8\.onnx$/m);
  });

  it('reports that the built-in set runs where the standard set is missing', async () => {
    const { stdout } = await models(['list'], tempDir(), 'models: { precision: float }');
    expect(stdout).toContain('the built-in models run, because');
    expect(stdout).not.toContain('liveness: float');
  });
});
