// lintel models quantise: makes the 8-bit forms of a set's models on this device, from the fetched files and the committed ranges.
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { AppError } from '../../errors.js';
import { editModel } from '../../models/calibrate/manifest-edit.js';
import {
  loadManifest,
  modelSet,
  resolveModelsDir,
  listModels,
  MANIFEST_PATH,
  type Model,
} from '../../models/manifest.js';
import { fileState, readModel } from '../../models/model-files.js';
import { inPrecision, isBuiltIn } from '../../models/precision.js';
import { quantiseFile } from '../../models/quantise/quantise.js';
import { readRanges } from '../../models/quantise/ranges.js';
import { replaceFile } from '../../platform/write-file.js';
import { commandConfig, type CliContext } from '../context.js';

export function registerQuantise(models: Command, context: CliContext, manifestPath: string = MANIFEST_PATH): void {
  models
    .command('quantise')
    .description('make the 8-bit forms of the fetched models, which are faster where the processor multiplies bytes')
    .option('--set <name>', 'a set of the manifest; without it the configured one')
    .option(
      '--out <folder>',
      'where to put them; without it beside the fetched files, the built-in ones into their folder',
    )
    .option('--missing', 'only those that are not there yet, or are not as the manifest says')
    .option('--update', 'a developer changed the ranges: write the new sizes and hashes into the manifest')
    .addHelpText(
      'after',
      `
No picture is needed: the ranges of the values were recorded once and are part of the installation. The files come out the same on every
machine, and are checked against the sha256 of models/manifest.json like the fetched ones. The built-in models are part of the
installation in 8 bits; only a developer who has trained them makes them anew.`,
    )
    .action(async (options: { set?: string; out?: string; missing?: true; update?: true }, command: Command) => {
      const { config } = await commandConfig(command, context);
      const modelsDir = resolveModelsDir(config, context.environment);
      const manifest = loadManifest(manifestPath);
      const set = modelSet(manifest, options.set ?? config.models.set);
      const folders = new Set<string>();
      for (const model of listModels(set)) {
        const { quantised } = model;
        if (!quantised) {
          context.stdout.write(`${model.task.padEnd(9)} ${model.file} stays in float\n`);
          continue;
        }
        // Beside the fetched files, one of an earlier training would hide the one of the installation.
        const usual = isBuiltIn(model) ? join(dirname(manifestPath), 'builtin') : modelsDir;
        const out = options.out === undefined ? usual : resolve(context.cwd, options.out);
        if (isBuiltIn(model) && (await fileState(modelsDir, model)) === 'missing') {
          await readModel(modelsDir, inPrecision(model, 'int8'));
          context.stdout.write(
            `${model.task.padEnd(9)} ${quantised.file} is part of the installation; it is made of ${model.file}, which is not in ${modelsDir}\n`,
          );
          continue;
        }
        folders.add(out);
        if (options.missing && (await fileState(out, inPrecision(model, 'int8'))) === 'present') continue;
        const float = await readModel(modelsDir, model);
        const bytes = quantiseFile(float, readRanges(join(dirname(manifestPath), quantised.ranges)));
        const sha256 = createHash('sha256').update(bytes).digest('hex');
        if (options.update) {
          const key = Object.keys(manifest.models).find((name) => manifest.models[name] === model) ?? '';
          await editModel(manifestPath, key, (json) => {
            json.quantised = { ...(json.quantised as object), bytes: bytes.length, sha256 };
          });
        } else if (sha256 !== quantised.sha256) {
          throw new AppError(
            'MODEL_HASH_MISMATCH',
            `${quantised.file} came out with the sha256 ${sha256}, the manifest says ${quantised.sha256}`,
          );
        }
        await mkdir(out, { recursive: true });
        await replaceFile(join(out, quantised.file), bytes, { mode: 0o666 });
        context.stdout.write(`${describe(model, quantised.file, bytes.length)}\n`);
      }
      for (const folder of folders) context.stdout.write(`in ${folder}\n`);
    });
}

function describe(model: Model, file: string, bytes: number): string {
  const megabytes = (count: number): string => `${(count / 1e6).toFixed(2)} MB`;
  return `${model.task.padEnd(9)} ${file}: ${megabytes(bytes)} instead of ${megabytes(model.bytes)}`;
}
