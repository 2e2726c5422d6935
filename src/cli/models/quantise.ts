// `lintel models quantise`: makes the 8-bit forms of a set's models on this device, from the fetched files and the committed ranges.
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { AppError } from '../../errors.js';
import { editModel } from '../../models/calibrate/manifest-edit.js';
import {
  loadManifest,
  getModelSet,
  resolveModelsDir,
  listModels,
  MANIFEST_PATH,
  type Model,
} from '../../models/manifest.js';
import { checkFile, readModel } from '../../models/model-files.js';
import { inPrecision, isBuiltIn } from '../../models/precision.js';
import { quantiseFile } from '../../models/quantise/quantise.js';
import { readRanges } from '../../models/quantise/ranges.js';
import { replaceFile } from '../../platform/write-file.js';
import { loadCommandConfig, type CliContext } from '../context.js';

export function registerQuantise(models: Command, context: CliContext, manifestPath: string = MANIFEST_PATH): void {
  models
    .command('quantise')
    .description('make the 8-bit forms of the fetched models, which are faster on many processors')
    .option('--set <name>', 'model set of the manifest (default: the configured one)')
    .option('--out <folder>', 'folder to write to (default: the folder of the fetched files)')
    .option('--missing', 'make only the files that are missing, or that do not match the manifest')
    .option('--update', 'write the new sizes and hashes into the manifest (for developers who changed the ranges)')
    .addHelpText(
      'after',
      `
No picture is needed: the ranges of the values were recorded before, and are part of the
installation. The resulting files are the same on every machine, and are compared with their SHA-256
in models/manifest.json, like the fetched ones. The built-in models come with the installation in
8 bits; only a developer who has trained them makes them again.`,
    )
    .action(async (options: { set?: string; out?: string; missing?: true; update?: true }, command: Command) => {
      const { config } = await loadCommandConfig(command, context);
      const modelsDir = resolveModelsDir(config, context.environment);
      const manifest = loadManifest(manifestPath);
      const set = getModelSet(manifest, options.set ?? config.models.set);
      const folders = new Set<string>();
      for (const model of listModels(set)) {
        const { quantised } = model;
        if (!quantised) {
          context.stdout.write(`${model.task.padEnd(9)} ${model.file} has no 8-bit form and stays in float\n`);
          continue;
        }
        if (isBuiltIn(model) && (await checkFile(modelsDir, model)) === 'missing') {
          await readModel(modelsDir, inPrecision(model, 'int8'));
          context.stdout.write(
            `${model.task.padEnd(9)} ${quantised.file} is part of the installation; ${model.file}, which it is made from, is not in ${modelsDir}\n`,
          );
          continue;
        }
        // A built-in file of an earlier training in the folder of the fetched files would hide the file of the installation.
        const defaultFolder = isBuiltIn(model) ? join(dirname(manifestPath), 'builtin') : modelsDir;
        const folder = options.out === undefined ? defaultFolder : resolve(context.cwd, options.out);
        folders.add(folder);
        if (options.missing && (await checkFile(folder, inPrecision(model, 'int8'))) === 'present') continue;
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
            `${quantised.file} has the SHA-256 ${sha256} after quantisation, but the manifest has ${quantised.sha256}`,
          );
        }
        await mkdir(folder, { recursive: true });
        await replaceFile(join(folder, quantised.file), bytes, { mode: 0o666 });
        context.stdout.write(`${describeSizes(model, quantised.file, bytes.length)}\n`);
      }
      for (const folder of folders) context.stdout.write(`The 8-bit files are in ${folder}.\n`);
    });
}

function describeSizes(model: Model, file: string, bytes: number): string {
  const formatMegabytes = (size: number): string => `${(size / 1e6).toFixed(2)} MB`;
  return `${model.task.padEnd(9)} ${file}: ${formatMegabytes(bytes)} instead of ${formatMegabytes(model.bytes)}`;
}
