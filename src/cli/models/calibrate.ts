// lintel models calibrate: measures an embedder on all pairs of an aligned set, and writes what similarity means into the manifest.
import { resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { CALIBRATED, pairTable, type PairTable } from '../../models/calibrate/calibrate.js';
import { heldOutPeople, readPairs } from '../../models/calibrate/lfw-pairs.js';
import { editModel, type JsonObject } from '../../models/calibrate/manifest-edit.js';
import { loadManifest, modelSet, resolveModelsDir, MANIFEST_PATH, type EmbedderModel } from '../../models/manifest.js';
import { inPrecision, isBuiltIn, readPrecision, type Precision } from '../../models/precision.js';
import { commandConfig, type CliContext } from '../context.js';

interface CalibrateOptions {
  set?: string;
  precision: Precision;
  pictures: string;
  heldOut?: string;
  name?: string;
  write?: true;
}

export function registerCalibrate(models: Command, context: CliContext, manifestPath: string = MANIFEST_PATH): void {
  models
    .command('calibrate')
    .description('measure which cosine stands for similarity 70, 80 and 90, on all pairs of a set of faces')
    .requiredOption('--pictures <tar|folder>', 'aligned faces named Person_Name_0001.jpg')
    .option('--set <name>', 'a set of the manifest; without it the configured one')
    .addOption(new Option('--precision <precision>', 'which form').choices(['float', 'int8']).default('float'))
    .option('--held-out <pairs.txt>', 'only the people of folds 8 to 10: the built-in embedder has seen the others')
    .option('--name <words>', 'what the faces are called in the manifest; without it they are of LFW')
    .option('--write', 'write the points into the manifest')
    .action(async (options: CalibrateOptions, command: Command) => {
      const { config } = await commandConfig(command, context);
      const manifest = loadManifest(manifestPath);
      const set = modelSet(manifest, options.set ?? config.models.set);
      const model = inPrecision(set.embedder, options.precision);
      const modelsDir = resolveModelsDir(config, context.environment);
      // Loaded here only, so that a broken library cannot stop the other commands.
      const { embedAll } = await import('./embed-set.js');
      const people =
        options.heldOut === undefined ? undefined : heldOutPeople(readPairs(resolve(context.cwd, options.heldOut)));
      const faces = await embedAll(model, modelsDir, resolve(context.cwd, options.pictures), context, people);
      const fars = CALIBRATED.map(({ far }) => far);
      const table = pairTable(faces, fars);
      context.stdout.write(tableText(model, faces.length, table));
      if (!options.write) return;
      const key = Object.keys(manifest.models).find((name) => manifest.models[name] === set.embedder) ?? '';
      const calibration = calibrationOf(table, `${count(faces.length)} ${facesInWords(model, options)}`, model);
      await editModel(manifestPath, key, (json) => {
        const quantised = json.quantised as JsonObject;
        if (options.precision === 'int8' && !isBuiltIn(model)) quantised.calibration = calibration;
        else json.calibration = calibration;
        // Its forms are two ways to compute one file.
        if (isBuiltIn(model)) delete quantised.calibration;
      });
      context.stdout.write(`written into ${manifestPath}\n`);
    });
}

function facesInWords(model: EmbedderModel, { name, heldOut }: CalibrateOptions): string {
  if (heldOut === undefined) return name ?? 'LFW faces that pairs.txt names';
  const unseen = isBuiltIn(model) ? ', which the training has not seen' : '';
  return `${name ?? 'LFW faces'} of the people of folds 8 to 10${unseen}`;
}

/** The cosine is rounded up, so that no more pairs pass than the rate allows. */
function calibrationOf(
  { genuinePairs, impostorPairs, points }: PairTable,
  of: string,
  model: EmbedderModel,
): { source: string; points: readonly object[] } {
  const millions = `${(impostorPairs / 1e6).toFixed(1)} million`;
  const form = readPrecision(model) === 'int8' || model.inFloat ? 'int8' : 'fp32';
  return {
    source: `all pairs of the ${of}: ${count(genuinePairs)} genuine, ${millions} impostor, ${form}`,
    points: points.map(({ far, cosine, tar }, i) => ({
      cosine: Math.ceil(cosine * 1e4) / 1e4,
      similarity: CALIBRATED[i].similarity,
      far,
      tar: Math.round(tar * 1e4) / 1e4,
    })),
  };
}

function tableText(model: EmbedderModel, faces: number, { genuinePairs, impostorPairs, points }: PairTable): string {
  const head = `${model.file}: ${count(faces)} faces, ${count(genuinePairs)} genuine and ${count(impostorPairs)} impostor pairs\n`;
  const rows = points.map(
    ({ far, cosine, tar }, i) =>
      `  similarity ${CALIBRATED[i].similarity}: FAR ${far.toExponential(0)} at cosine ${cosine.toFixed(4)}, TAR ${(tar * 100).toFixed(2)} %\n`,
  );
  return head + rows.join('');
}

function count(value: number): string {
  return value.toLocaleString('en');
}
