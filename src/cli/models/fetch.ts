// `lintel models fetch`: fetches the missing files of a model set and verifies them.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { loadManifest, getModelSet, resolveModelsDir, listModels, type Model } from '../../models/manifest.js';
import { fetchModel } from '../../models/fetch-model.js';
import { readModel } from '../../models/model-files.js';
import { inPrecision, isBuiltIn } from '../../models/precision.js';
import { loadCommandConfig, type CliContext } from '../context.js';
import { ProgressBar } from '../progress.js';

export function registerFetch(models: Command, context: CliContext): void {
  models
    .command('fetch')
    .description('fetch the missing files of a model set, and verify every file')
    .option('--set <name>', 'model set of the manifest (default: the configured one)')
    .option(
      '--from <folder|url>',
      'folder or URL that has the files (default: LINTEL_MODELS_FROM, or where each file is published)',
    )
    .addHelpText(
      'after',
      `
Each file is written under a temporary name and compared with its SHA-256 in models/manifest.json.
Only a file that matches gets its real name.`,
    )
    .action(async (options: { set?: string; from?: string }, command: Command) => {
      const { config } = await loadCommandConfig(command, context);
      const modelsDir = resolveModelsDir(config, context.environment);
      const named = options.from ?? context.environment.modelsFrom;
      const from = named === undefined || /^https?:\/\//.test(named) ? named : resolve(context.cwd, named);
      const set = getModelSet(loadManifest(), options.set ?? config.models.set);
      const models = listModels(set);
      let fetched = 0;
      for (const model of models) {
        if (isBuiltIn(model)) await readModel(modelsDir, inPrecision(model, 'int8'));
        else if (await fetchOne(model, modelsDir, from, context)) fetched++;
      }
      const result = fetched === 0 ? 'every file is present' : `${fetched} files fetched and verified`;
      const sentence = models.every(isBuiltIn)
        ? 'it is part of the installation, so there is nothing to fetch'
        : `${result}, in ${modelsDir}`;
      context.stdout.write(`model set ${set.name}: ${sentence}\n`);
    });
}

/** Fetches one file under a progress bar. @returns false where the file was present @throws AppError like fetchModel */
async function fetchOne(
  model: Model,
  modelsDir: string,
  from: string | undefined,
  { stderr, clock }: CliContext,
): Promise<boolean> {
  let progress: ProgressBar | undefined;
  try {
    const isNew = await fetchModel(modelsDir, model, {
      ...(from === undefined ? {} : { from }),
      onProgress: ({ file, receivedBytes, totalBytes }) => {
        progress ??= new ProgressBar({ output: stderr, clock, label: file, total: totalBytes, unit: 'bytes' });
        progress.update(receivedBytes);
      },
    });
    progress?.finish();
    return isNew;
  } catch (error) {
    progress?.fail();
    throw error;
  }
}
