// lintel models: fetches the model files of a set, lists what the manifest has, and leads to the commands of quantisation.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Environment } from '../../config/environment.js';
import type { Config } from '../../config/schema.js';
import { describeError } from '../../errors.js';
import { loadAddon } from '../../native/addon.js';
import { setInUse } from '../../models/fallback.js';
import { loadManifest, modelSet, resolveModelsDir, listModels } from '../../models/manifest.js';
import { fetchModel, fileState, readModel } from '../../models/model-files.js';
import { inPrecision, isBuiltIn } from '../../models/precision.js';
import { chooseSetPrecision, describePrecision } from '../../models/set-precision.js';
import { inspectSet } from '../../models/inspect.js';
import { commandConfig, type CliContext } from '../context.js';
import { registerCalibrate } from './calibrate.js';
import { registerQuantise } from './quantise.js';
import { Progress } from '../progress.js';

export function registerModels(program: Command, context: CliContext): void {
  const models = program.command('models').description('fetch, list, quantise and calibrate the models');

  models
    .command('fetch')
    .description('fetch what is missing of a model set, and verify it')
    .option('--set <name>', 'a set of the manifest; without it the configured one')
    .option(
      '--from <folder|url>',
      'a folder or a URL that holds the files; without it LINTEL_MODELS_FROM, then their origin',
    )
    .addHelpText(
      'after',
      `
Every file is written under a temporary name, checked against the sha256 of models/manifest.json, and only then put in its place.`,
    )
    .action(async (options: { set?: string; from?: string }, command: Command) => {
      const { config } = await commandConfig(command, context);
      const modelsDir = resolveModelsDir(config, context.environment);
      const named = options.from ?? context.environment.modelsFrom;
      const from = named === undefined || /^https?:\/\//.test(named) ? named : resolve(context.cwd, named);
      const set = modelSet(loadManifest(), options.set ?? config.models.set);
      let fetched = 0;
      for (const model of listModels(set)) {
        if (isBuiltIn(model)) {
          await readModel(modelsDir, inPrecision(model, 'int8'));
          continue;
        }
        const progress = new Progress({
          output: context.stderr,
          clock: context.clock,
          label: model.file,
          total: model.bytes,
          unit: 'bytes',
        });
        try {
          const isNew = await fetchModel(modelsDir, model, {
            ...(from === undefined ? {} : { from }),
            onProgress: ({ receivedBytes }) => progress.update(receivedBytes),
          });
          if (isNew) {
            progress.finish();
            fetched++;
          }
        } catch (error) {
          progress.fail();
          throw error;
        }
      }
      const what = fetched === 0 ? 'all files were there' : `${fetched} files fetched and verified`;
      const isPart = listModels(set).every(isBuiltIn);
      const sentence = isPart ? 'part of the installation, there is nothing to fetch' : `${what}, in ${modelsDir}`;
      context.stdout.write(`model set ${set.name}: ${sentence}\n`);
    });

  models
    .command('list')
    .description('list the model sets of the manifest, and the state of each file')
    .action(async (_options: unknown, command: Command) => {
      const { config } = await commandConfig(command, context);
      const modelsDir = resolveModelsDir(config, context.environment);
      const manifest = loadManifest();
      for (const name of Object.keys(manifest.sets)) {
        const set = modelSet(manifest, name);
        const inUse = name === config.models.set ? ', configured' : '';
        context.stdout.write(`${name} (version ${set.modelVersion}${inUse}): ${manifest.sets[name].description}\n`);
        const floats = new Map(listModels(set).map((model) => [model.file, model]));
        for (const model of await inspectSet(modelsDir, set)) {
          context.stdout.write(
            `  ${model.task.padEnd(9)} ${listed(model)}\n            ${model.licence}, ${model.origin}\n`,
          );
          // Of a built-in model the file of 8 bits was listed: there is no other.
          const float = floats.get(model.file);
          if (!float?.quantised) continue;
          const int8 = inPrecision(float, 'int8');
          context.stdout.write(`  in 8 bits ${listed({ ...int8, state: await fileState(modelsDir, int8) })}\n`);
        }
      }
      context.stdout.write(`files are looked for in ${modelsDir}\n`);
      for (const line of await formsInUse(config, modelsDir)) context.stdout.write(`${line}\n`);
    });

  registerQuantise(models, context);
  registerCalibrate(models, context);
}

/** In which form each model of the configured set would run here. */
async function formsInUse(config: Config, modelsDir: string): Promise<string[]> {
  const { precision: choice, providers } = config.models;
  try {
    const { set, fallback } = await setInUse(loadManifest(), config.models, modelsDir);
    const { precisions } = await chooseSetPrecision({ set, modelsDir, providers, choice });
    return [
      ...(fallback ? [fallback] : []),
      `the service would run, with precision ${choice}:`,
      ...precisions.map((one) => `  ${describePrecision(one)}`),
    ];
  } catch (error) {
    return [`the service would not start: ${describeError(error)}`];
  }
}

function listed({ state, bytes, file }: { state: string; bytes: number; file: string }): string {
  return `${state.padEnd(8)} ${(bytes / 1e6).toFixed(2).padStart(6)} MB  ${file}`;
}

/** For the doctor: the state of each file and, where all are there, the provider that each model really runs on. */
export async function inspectModels(
  config: Config,
  environment: Environment,
): Promise<{ lines: string[]; level: 'ok' | 'warn' | 'fail' }> {
  const modelsDir = resolveModelsDir(config, environment);
  const { set, fallback } = await setInUse(loadManifest(), config.models, modelsDir);
  const files = await inspectSet(modelsDir, set);
  const lines = [`set ${set.name}, version ${set.modelVersion}, in ${modelsDir}`, ...(fallback ? [fallback] : [])];
  lines.push(...files.map(({ task, file, state }) => `${task}: ${file} is ${state}`));
  if (files.some(({ state }) => state !== 'present')) return { lines, level: 'fail' };
  const { providers, precision: choice } = config.models;
  try {
    const chosen = await chooseSetPrecision({ set, modelsDir, providers, choice });
    lines.push(...chosen.precisions.map(describePrecision));
    // Loaded here only, so that a broken library cannot stop the doctor from saying so.
    const { tryModels } = await import('../../vision/pipeline.js');
    const reports = await tryModels({ addon: loadAddon(), set: chosen.set, modelsDir, providers });
    for (const { task, provider, failures } of reports) {
      lines.push(`${task}: runs on ${provider}${failures.map((f) => `; ${f.provider} failed: ${f.reason}`).join('')}`);
    }
    return { lines, level: fallback || reports.some(({ failures }) => failures.length > 0) ? 'warn' : 'ok' };
  } catch (error) {
    return { lines: [...lines, describeError(error)], level: 'fail' };
  }
}
