// `lintel models list`: the model sets of the manifest, the state of each file, and the form that the service would run.
import type { Command } from 'commander';
import type { Config } from '../../config/schema.js';
import { describeError } from '../../errors.js';
import { pickUsableSet } from '../../models/fallback.js';
import { inspectSet } from '../../models/inspect.js';
import { loadManifest, getModelSet, resolveModelsDir, listModels, type ModelSet } from '../../models/manifest.js';
import { checkFile } from '../../models/model-files.js';
import { inPrecision } from '../../models/precision.js';
import { chooseSetPrecision, describePrecision } from '../../models/set-precision.js';
import { loadCommandConfig, type CliContext } from '../context.js';
import { formatTable } from '../output.js';

export function registerList(models: Command, context: CliContext): void {
  models
    .command('list')
    .description('list the model sets of the manifest, and the state of each file')
    .action(async (_options: unknown, command: Command) => {
      const { config } = await loadCommandConfig(command, context);
      const modelsDir = resolveModelsDir(config, context.environment);
      const manifest = loadManifest();
      for (const [name, { description }] of Object.entries(manifest.sets)) {
        const set = getModelSet(manifest, name);
        const configured = name === config.models.set ? ', configured' : '';
        context.stdout.write(`${name} (version ${set.modelVersion}${configured}): ${description}\n`);
        const table = formatTable(await listFiles(modelsDir, set), [3]);
        context.stdout.write(`${table.replaceAll(/^/gm, '  ').trimEnd()}\n`);
        for (const { file, provenance } of listModels(set)) {
          if (provenance !== undefined) context.stdout.write(`  ${file}: ${provenance}\n`);
        }
        context.stdout.write('\n');
      }
      context.stdout.write(`The files are looked for in ${modelsDir}.\n`);
      for (const line of await describeFormsInUse(config, modelsDir)) context.stdout.write(`${line}\n`);
    });
}

/** @returns one row for each file of a set, below a header */
async function listFiles(modelsDir: string, set: ModelSet): Promise<string[][]> {
  const rows = [['TASK', 'FORM', 'STATE', 'SIZE', 'FILE', 'LICENCE AND ORIGIN']];
  const byFile = new Map(listModels(set).map((model) => [model.file, model]));
  for (const { task, state, bytes, file, licence, origin } of await inspectSet(modelsDir, set)) {
    const named = byFile.get(file);
    // A built-in model is listed by its 8-bit file, which is its only one: the manifest names it by another file.
    const form = named ? 'float' : '8 bits';
    rows.push([task, form, state, formatMegabytes(bytes), file, `${licence}, ${origin}`]);
    if (!named?.quantised) continue;
    const int8 = inPrecision(named, 'int8');
    rows.push([task, '8 bits', await checkFile(modelsDir, int8), formatMegabytes(int8.bytes), int8.file]);
  }
  return rows;
}

/** @returns lines that say in which form each model of the configured set would run here */
async function describeFormsInUse(config: Config, modelsDir: string): Promise<string[]> {
  const { precision: choice, providers } = config.models;
  try {
    const { set, fallback } = await pickUsableSet(loadManifest(), config.models, modelsDir);
    const { precisions } = await chooseSetPrecision({ set, modelsDir, providers, choice });
    return [
      ...(fallback ? [fallback] : []),
      `With the precision ${choice}, the service would run:`,
      ...precisions.map((one) => `  ${describePrecision(one)}`),
    ];
  } catch (error) {
    return [`The service would not start: ${describeError(error)}`];
  }
}

function formatMegabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(2)} MB`;
}
