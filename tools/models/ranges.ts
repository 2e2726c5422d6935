// `npm run models -- ranges`: records the ranges of a float model's tensors on aligned faces and composed scenes.
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { AppError } from '../../src/errors.js';
import { loadManifest, resolveModelsDir, MANIFEST_PATH } from '../../src/models/manifest.js';
import { editModel } from '../../src/models/calibrate/manifest-edit.js';
import { readModel, readTrained } from '../../src/models/model-files.js';
import { isBuiltIn } from '../../src/models/precision.js';
import { formatRanges, readRanges } from '../../src/models/quantise/ranges.js';
import { recordRanges, type RangeMethod } from '../../src/models/quantise/record-ranges.js';
import { loadAddon } from '../../src/native/addon.js';
import { describeInputs, createInputs, readCrops } from './inputs.js';
import { ModelSession } from '../../src/models/session.js';
import { loadCommandConfig, type CliContext } from '../../src/cli/context.js';

interface RangesOptions {
  pictures: string;
  count: string;
  method: RangeMethod;
  outputs?: string[];
  float?: string[];
}

export function registerRanges(models: Command, context: CliContext, manifestPath: string = MANIFEST_PATH): void {
  models
    .command('ranges <model>')
    .description("record the ranges of a model's values, which lintel models quantise needs")
    .requiredOption('--pictures <tar|folder>', 'aligned faces named Person_Name_0001.jpg')
    .option('--count <number>', 'number of pictures that are used', '200')
    .addOption(
      new Option('--method <method>', 'method of finding a range').choices(['minmax', 'mse']).default('minmax'),
    )
    .option('--outputs <names...>', 'outputs to keep; default: those of the file that is replaced, else all')
    .option('--float <tensors...>', 'layers that stay in float; default: those of the file that is replaced, else none')
    .addHelpText(
      'after',
      `
For a built-in model, the command takes the float file that tools/train made and writes its size and sha256 into models/manifest.json.
Run these next: "lintel models quantise --update" and, for an embedder, "lintel models calibrate --write".`,
    )
    .action(async (key: string, options: RangesOptions, command: Command) => {
      const { config } = await loadCommandConfig(command, context);
      const model = loadManifest(manifestPath).models[key];
      if (!model) throw new AppError('MODEL_INVALID', `the manifest has no model "${key}"`);
      const count = Number(options.count);
      if (!Number.isInteger(count) || count < 1) throw new AppError('INVALID_PARAM', '--count must be a whole number');
      const path = join(dirname(manifestPath), model.quantised?.ranges ?? `ranges/${key}.json`);
      const before = existsSync(path) ? readRanges(path) : undefined;
      const outputs = options.outputs ?? before?.outputs;
      const addon = loadAddon();
      const read = isBuiltIn(model) ? readTrained : readModel;
      const bytes = await read(resolveModelsDir(config, context.environment), model);
      const crops = await readCrops(resolve(context.cwd, options.pictures), count, addon);
      const recorded = await recordRanges({
        file: model.file,
        bytes,
        inputName: model.input.name,
        ...(outputs ? { outputs } : {}),
        floatLayers: options.float ?? before?.floatLayers ?? [],
        ...(before?.bands ? { bands: before.bands } : {}),
        recordedOn: `${crops.length} ${describeInputs(model)}`,
        method: options.method,
        pictures: () => createInputs(model, crops, addon),
        open: async (observed) => {
          for await (const input of createInputs(model, crops, addon)) {
            const warmUp = { [model.input.name]: input };
            return ModelSession.create(model.file, observed, { providers: ['cpu'], warmUp });
          }
          throw new TypeError('there are no pictures');
        },
      });
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, formatRanges(recorded));
      if (isBuiltIn(model) && recorded.sha256 !== model.sha256) {
        await editModel(manifestPath, key, (json) => {
          Object.assign(json, { bytes: bytes.length, sha256: recorded.sha256 });
        });
        context.stdout.write(`${model.file} was trained again: its new size and sha256 are in ${manifestPath}\n`);
      }
      const tensors = Object.keys(recorded.ranges).length;
      context.stdout.write(
        `the ranges of ${tensors} tensors of ${model.file}, on ${crops.length} pictures, in ${path}\n`,
      );
    });
}
