// `npm run models -- sensitivity`: shows which layers of a model lose most accuracy when they are computed in 8 bits.
import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { AppError } from '../../src/errors.js';
import { loadManifest, resolveModelsDir, MANIFEST_PATH } from '../../src/models/manifest.js';
import { readModel } from '../../src/models/model-files.js';
import { readRanges } from '../../src/models/quantise/ranges.js';
import { measureSensitivities } from '../../src/models/quantise/sensitivity.js';
import { createInputs, readCrops } from './inputs.js';
import { ModelSession, type FloatTensor } from '../../src/models/session.js';
import { loadAddon } from '../../src/native/addon.js';
import { loadCommandConfig, type CliContext } from '../../src/cli/context.js';

const PICTURES = 6;

export function registerSensitivity(models: Command, context: CliContext, manifestPath: string = MANIFEST_PATH): void {
  models
    .command('sensitivity <model>')
    .description('print the loss of each layer when only that layer is quantised, the worst first')
    .requiredOption('--pictures <tar|folder>', 'aligned faces named Person_Name_0001.jpg')
    .action(async (key: string, options: { pictures: string }, command: Command) => {
      const { config } = await loadCommandConfig(command, context);
      const model = loadManifest(manifestPath).models[key];
      if (!model) throw new AppError('MODEL_INVALID', `the manifest has no model "${key}"`);
      if (!model.quantised) throw new AppError('MODEL_INVALID', `the model ${key} has no recorded ranges`);
      const addon = loadAddon();
      const bytes = await readModel(resolveModelsDir(config, context.environment), model);
      const crops = await readCrops(resolve(context.cwd, options.pictures), PICTURES, addon);
      const pictures: FloatTensor[] = [];
      for await (const input of createInputs(model, crops, addon)) pictures.push(input);
      const layers = await measureSensitivities({
        bytes,
        recorded: readRanges(join(dirname(manifestPath), model.quantised.ranges)),
        inputName: model.input.name,
        pictures,
        open: (variant) =>
          ModelSession.create(model.file, variant, {
            providers: ['cpu'],
            warmUp: { [model.input.name]: pictures[0]! },
          }),
      });
      for (const { layer, operator, signalToNoise } of layers) {
        context.stdout.write(`${signalToNoise.toFixed(1).padStart(6)} dB  ${operator.padEnd(4)}  ${layer}\n`);
      }
    });
}
