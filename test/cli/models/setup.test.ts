// The function of scripts/setup that checks whether the models are present.
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadManifest, MANIFEST_PATH, getModelSet, listModels } from '../../../src/models/manifest.js';
import { isBuiltIn } from '../../../src/models/precision.js';
import { tempDir } from '../../support/temp-dir.js';

const setup = readFileSync(fileURLToPath(new URL('../../../scripts/setup', import.meta.url)), 'utf8');

/** Creates a checkout. @param files names of the files in its folder models/files */
function checkoutWith(files: readonly string[]): string {
  const checkout = tempDir();
  mkdirSync(join(checkout, 'models/files'), { recursive: true });
  copyFileSync(MANIFEST_PATH, join(checkout, 'models/manifest.json'));
  for (const file of files) writeFileSync(join(checkout, 'models/files', file), '');
  return checkout;
}

/** @returns the exit code */
function modelsAreThere(checkout: string, modelsDir?: string): Promise<number> {
  const body = /^models_are_there\(\) \{[^]*?^\}$/m.exec(setup)?.[0] ?? 'false';
  const env = { PATH: process.env.PATH, ...(modelsDir !== undefined && { LINTEL_MODELS_DIR: modelsDir }) };
  return new Promise((resolve) => {
    execFile('bash', ['-euo', 'pipefail', '-c', `${body}\nmodels_are_there`], { cwd: checkout, env }, (error) =>
      resolve(error ? Number(error.code) : 0),
    );
  });
}

describe('models_are_there of scripts/setup', () => {
  const fetched = listModels(getModelSet(loadManifest(), 'standard'))
    .filter((model) => !isBuiltIn(model))
    .map(({ file }) => file);

  it('succeeds with the fetched files, without 8-bit forms and files of a training', async () => {
    expect(await modelsAreThere(checkoutWith(fetched))).toBe(0);
    const checkout = checkoutWith([]);
    expect(await modelsAreThere(checkout, join(checkoutWith(fetched), 'models/files'))).toBe(0);
  });

  it.each(fetched)('fails without %s', async (file) => {
    const checkout = checkoutWith(fetched);
    rmSync(join(checkout, 'models/files', file));
    expect(await modelsAreThere(checkout)).toBe(1);
  });

  it('fails in a new checkout, which has the built-in models only', async () => {
    const checkout = checkoutWith([]);
    mkdirSync(join(checkout, 'models/builtin'));
    for (const { quantised } of listModels(getModelSet(loadManifest(), 'builtin'))) {
      writeFileSync(join(checkout, 'models/builtin', quantised?.file ?? ''), '');
    }
    expect(await modelsAreThere(checkout)).toBe(1);
  });
});
