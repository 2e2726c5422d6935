// `lintel models calibrate`: measures an embedder on all pairs of a set of faces, and writes the similarity points into the manifest.
import { resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { AppError } from '../../errors.js';
import { loadConditionHead } from '../../models/condition-head.js';
import { CALIBRATED, tabulatePairs, type PairTable } from '../../models/calibrate/calibrate.js';
import { listHeldOutPeople, readPairs } from '../../models/calibrate/lfw-pairs.js';
import { editModel, type JsonObject } from '../../models/calibrate/manifest-edit.js';
import {
  loadManifest,
  getModelSet,
  resolveModelsDir,
  MANIFEST_PATH,
  type EmbedderModel,
} from '../../models/manifest.js';
import { inPrecision, isBuiltIn, readPrecision, type Precision } from '../../models/precision.js';
import { loadCommandConfig, type CliContext } from '../context.js';

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
    .description('measure which cosine stands for the similarities 70, 80 and 90 (for developers)')
    .requiredOption(
      '--pictures <tar|folder>',
      'aligned faces, named Person_Name_0001.jpg; all pairs of them are compared',
    )
    .option('--set <name>', 'model set of the manifest (default: the configured one)')
    .addOption(new Option('--precision <precision>', 'form of the model').choices(['float', 'int8']).default('float'))
    .option(
      '--held-out <pairs.txt>',
      'use only the people of folds 8 to 10 of this LFW file: the built-in embedder was trained on the others',
    )
    .option('--name <words>', 'name of the faces in the manifest (default: faces of LFW)')
    .option('--write', 'write the result into the manifest')
    .action(async (options: CalibrateOptions, command: Command) => {
      const { config } = await loadCommandConfig(command, context);
      const manifest = loadManifest(manifestPath);
      const set = getModelSet(manifest, options.set ?? config.models.set);
      const model = inPrecision(set.embedder, options.precision);
      const modelsDir = resolveModelsDir(config, context.environment);
      // Loaded here, so that the other commands work where a library cannot be loaded.
      const { embedAll } = await import('./embed-set.js');
      const people =
        options.heldOut === undefined ? undefined : listHeldOutPeople(readPairs(resolve(context.cwd, options.heldOut)));
      const embedded = await embedAll(model, modelsDir, resolve(context.cwd, options.pictures), context, people);
      const head = loadConditionHead(set.embedder);
      const faces = embedded.map((face) => ({ ...face, condition: head?.measure(face.embedding) }));
      const fars = CALIBRATED.map(({ far }) => far);
      const table = tabulatePairs(faces, fars);
      context.stdout.write(formatResult(model, faces.length, table));
      if (!options.write) return;
      const key = Object.keys(manifest.models).find((name) => manifest.models[name] === set.embedder) ?? '';
      const calibration = describeCalibration(
        table,
        `${formatCount(faces.length)} ${describeFaces(model, options)}`,
        model,
      );
      await editModel(manifestPath, key, (json) => {
        const quantised = json.quantised as JsonObject;
        const form = options.precision === 'int8' && !isBuiltIn(model) ? quantised : json;
        // The bounds and the safety factor are chosen, not measured here.
        form.calibration = { ...(form.calibration as JsonObject | undefined), ...calibration };
        // The two forms of a built-in model are two ways to compute the same file, so it has one calibration.
        if (isBuiltIn(model)) delete quantised.calibration;
      });
      context.stdout.write(`written to ${manifestPath}\n`);
    });
}

function describeFaces(model: EmbedderModel, { name, heldOut }: CalibrateOptions): string {
  if (heldOut === undefined) return name ?? 'LFW faces that pairs.txt names';
  const unseen = isBuiltIn(model) ? ', which the training has not seen' : '';
  return `${name ?? 'LFW faces'} of the people of folds 8 to 10${unseen}`;
}

/** @returns the calibration in the form of the manifest. Cosines are rounded up, so that no more pairs pass than the rate allows. */
function describeCalibration(
  { genuinePairs, impostorPairs, points }: PairTable,
  faces: string,
  model: EmbedderModel,
): { source: string; points: readonly object[] } {
  const millions = `${(impostorPairs / 1e6).toFixed(1)} million`;
  const form = readPrecision(model) === 'int8' || model.inFloat ? 'int8' : 'fp32';
  return {
    source: `all pairs of the ${faces}: ${formatCount(genuinePairs)} genuine, ${millions} impostor, ${form}${model.conditionHead ? ', corrected for conditions' : ''}`,
    points: points.map(({ far, cosine, tar }, index) => ({
      cosine: Math.ceil(cosine * 1e4) / 1e4,
      similarity: getSimilarity(index),
      far,
      tar: Math.round(tar * 1e4) / 1e4,
    })),
  };
}

function formatResult(model: EmbedderModel, faces: number, { genuinePairs, impostorPairs, points }: PairTable): string {
  const pairs = `${formatCount(genuinePairs)} genuine and ${formatCount(impostorPairs)} impostor pairs`;
  const rows = points.map(({ far, cosine, tar }, index) => {
    const rates = `FAR ${far.toExponential(0)} at cosine ${cosine.toFixed(4)}, TAR ${(tar * 100).toFixed(2)} %`;
    return `  similarity ${getSimilarity(index)}: ${rates}\n`;
  });
  return `${model.file}: ${formatCount(faces)} faces, ${pairs}\n${rows.join('')}`;
}

/** @param index position of a point in the table, which has one for each calibrated rate */
function getSimilarity(index: number): number {
  const calibrated = CALIBRATED[index];
  if (!calibrated) throw new AppError('INTERNAL', `the table has a point ${index} that is not calibrated`);
  return calibrated.similarity;
}

function formatCount(value: number): string {
  return value.toLocaleString('en');
}
