// The bench of accuracy and speed: every model set in every precision on LFW, detection and masks, with int8 against float in one run.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Picture } from '../tools/rendered-people/head.js';
import { embedAll } from '../src/cli/models/embed-set.js';
import { readCrops } from '../tools/models/inputs.js';
import type { ComposedScene } from '../tools/models/scenes.js';
import { CALIBRATED, tabulatePairs } from '../src/models/calibrate/calibrate.js';
import {
  BUILTIN_MODELS_DIR,
  DEFAULT_MODELS_DIR,
  loadManifest,
  MANIFEST_PATH,
  getModelSet,
  listModels,
  type Model,
  type ModelSet,
} from '../src/models/manifest.js';
import { fetchModel } from '../src/models/fetch-model.js';
import { checkFile, readModel } from '../src/models/model-files.js';
import { isBuiltIn, setInForms, type Precision } from '../src/models/precision.js';
import { quantiseFile } from '../src/models/quantise/quantise.js';
import { readRanges } from '../src/models/quantise/ranges.js';
import { ModelSession, type FloatTensor } from '../src/models/session.js';
import { loadAddon, type Addon } from '../src/native/addon.js';
import { MaskClassifier } from '../src/vision/attributes.js';
import { Detector } from '../src/vision/detect.js';
import type { DetectedFace } from '../src/vision/detections.js';
import { listLondonPhotos, type LondonPhoto } from '../test/support/london.js';
import {
  espdlDir,
  facesDir,
  lfwDir,
  londonDir,
  masksDir,
  sharedFilesDir,
  sharedModelsDir,
} from '../test/support/shared.js';
import {
  composeScenes,
  countAgainst,
  detectInFile,
  detectInMirror,
  listPhotoFiles,
  measureFrameRecall,
  measureHumanErrors,
  measureSceneRecall,
  averageLandmarks,
} from './support/detection.js';
import {
  accuracyOnFolds,
  HELD_OUT_FOLDS,
  listHeldOutPeople,
  readPairs,
  tenFoldAccuracy,
  type PhotoPair,
} from './support/lfw.js';
import { measureMasks } from './support/mask-accuracy.js';
import { readHeldOutCrops } from './support/mask-kinds.js';
import { cpuTimed, interleavePairs } from './support/pairs.js';
import { median, pairedRatio, result, type Result } from './support/report.js';

const SPEEDUP = ['>=', 1.5] as const;

/** Least shares of true accepts in percent, in float and over all pairs of LFW. */
const LEAST_TAR: Readonly<Record<string, number>> = { 'accurate.tar.1e-5': 95.5, 'accurate-large.tar.1e-5': 98 };

/** Most points of recall that a camera may lose by its coarse scale, and the landmark error of a frame as a multiple of that of a still. */
const MOST_FRAME_LOSS = 1;
const MOST_FRAME_ERROR = 1.03;

/** Faces of one photo: as detected once, and with the mean landmarks of the detections in the photo and in its mirror image. */
interface Looks {
  once: DetectedFace[];
  steady: DetectedFace[];
}

interface Material {
  addon: Addon;
  archive: string;
  pairs: readonly PhotoPair[];
  photos: readonly string[];
  masks: string;
  /** Aligned faces of people whom no training has seen, for drawn masks. */
  heldOut: readonly Picture[];
  scenes: readonly ComposedScene[];
  /** Photos with the landmarks that people set; none where ../shared/london is missing. */
  people: readonly LondonPhoto[];
  /** Faces that the standard detector finds in the photos, in float. The other sets are compared with them. */
  seen: Map<string, Looks>;
}

/** A model set in one precision, with the folder of its files. */
interface Form {
  id: string;
  set: ModelSet;
  modelsDir: string;
}

export async function run({ short }: { short: boolean }): Promise<Result[]> {
  if (!lfwDir || !facesDir || !masksDir)
    throw new Error('the bench needs ../shared/lfw, ../shared/faces, ../shared/masks');
  const addon = loadAddon();
  const archive = join(lfwDir, 'lfw_pairs_112.tar');
  const crops: Picture[] = await readCrops(archive, 97, addon);
  const pairs = readPairs(join(lfwDir, 'pairs.txt'));
  const material: Material = {
    addon,
    archive,
    pairs,
    heldOut: await readHeldOutCrops(archive, pairs, short ? 8 : 48, addon),
    photos: listPhotoFiles(facesDir),
    masks: masksDir,
    scenes: composeScenes(short ? 20 : 80, crops),
    people: londonDir === undefined ? [] : listLondonPhotos(londonDir),
    seen: new Map(),
  };
  const manifest = loadManifest();
  const folder = mkdtempSync(join(tmpdir(), 'lintel-bench-'));
  try {
    const results: Result[] = [];
    const names = Object.keys(manifest.sets).sort((a, b) => Number(b === 'standard') - Number(a === 'standard'));
    const rounds = short ? 30 : 200;
    let standard: Form | undefined;
    for (const name of names) {
      const set = getModelSet(manifest, name);
      // A set that differs from the standard one in its embedder alone is measured in that alone.
      const isEmbedderOnly = standard !== undefined && set.detector === standard.set.detector;
      const forms = await listForms(set, folder, isEmbedderOnly);
      for (const form of forms) {
        if (isEmbedderOnly) results.push(...(await recognition(form, material)));
        else results.push(...(await measureForm(form, material)));
      }
      if (forms.length > 1) results.push(...(await speedups(forms[0]!, forms[1]!, rounds, isEmbedderOnly)));
      if (name === 'standard') standard = forms[0];
      else if (standard) results.push(...(await againstStandard(standard, forms, rounds, isEmbedderOnly)));
    }
    results.push(...comparisons(results));
    return results;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Lists a set in float and in int8, where models without an 8-bit form stay in float. Writes the int8 files to the folder.
 * @param isEmbedderOnly true: only the files of the embedder are needed. They are converted where they are missing and a mirror is at hand.
 * @returns an empty list where the embedder is neither here nor in the mirror
 */
async function listForms(set: ModelSet, folder: string, isEmbedderOnly: boolean): Promise<Form[]> {
  const installed = sharedModelsDir ?? DEFAULT_MODELS_DIR;
  const isMissing = isEmbedderOnly && (await checkFile(installed, set.embedder)) !== 'present';
  if (isMissing && espdlDir === undefined) {
    process.stderr.write(`skipped: the set ${set.name}, because ${set.embedder.file} is not here\n`);
    return [];
  }
  if (isMissing) await fetchModel(folder, set.embedder, { from: sharedFilesDir });
  const modelsDir = isMissing ? folder : installed;
  if (isOwn(set)) {
    // The built-in set has one file for each model: it is computed in float here, and in int8 as it is meant to be used.
    const float = setInForms(set, () => 'float');
    return [
      { id: `${set.name}.float`, set: float, modelsDir: BUILTIN_MODELS_DIR },
      { id: set.name, set: setInForms(set, () => 'int8'), modelsDir: BUILTIN_MODELS_DIR },
    ];
  }
  // A built-in model of the set, such as the mask model, has one file: it is computed in float for the first form.
  const forms: Form[] = [{ id: set.name, set: setInForms(set, () => 'float'), modelsDir }];
  if (!(isEmbedderOnly ? set.embedder.quantised : listModels(set).some(({ quantised }) => quantised))) return forms;
  for (const model of isEmbedderOnly ? [set.embedder] : listModels(set).filter((one) => !isBuiltIn(one))) {
    const bytes = await readModel(modelsDir, model);
    const { quantised } = model;
    const made = quantised && quantiseFile(bytes, readRanges(join(dirname(MANIFEST_PATH), quantised.ranges)));
    writeFileSync(join(folder, quantised?.file ?? model.file), made ?? bytes);
  }
  const best = ({ quantised }: Model): Precision => (quantised ? 'int8' : 'float');
  forms.push({ id: `${set.name}.int8`, set: setInForms(set, best), modelsDir: folder });
  return forms;
}

function isOwn(set: ModelSet): boolean {
  return listModels(set).every(isBuiltIn);
}

/** Returns the bound of a result; only the built-in set has bounds. */
function chooseBound(set: ModelSet, relation: '<=' | '>=', value: number): ['<=' | '>=', number] | undefined {
  return isOwn(set) ? [relation, value] : undefined;
}

async function measureForm(form: Form, material: Material): Promise<Result[]> {
  const { id, set } = form;
  const kilobytes = listModels(set).reduce((sum, { bytes }) => sum + bytes, 0) / 1e3;
  const results = [result(`${id}.bytes`, kilobytes, 'kB', chooseBound(set, '<=', 4_000))];
  if (isOwn(set)) results.push(result(`${id}.embedder.bytes`, set.embedder.bytes / 1e3, 'kB', ['<=', 700]));
  results.push(...(await recognition(form, material)));
  results.push(...(await detection(form, material)));
  return results;
}

async function recognition({ id, set, modelsDir }: Form, { archive, pairs }: Material): Promise<Result[]> {
  const faces = await embedAll(set.embedder, modelsDir, archive, { stderr: process.stderr, clock: Date.now });
  const embeddings = new Map(faces.map(({ name, embedding }) => [name, embedding]));
  const results: Result[] = [];
  if (isOwn(set)) {
    const heldOut = listHeldOutPeople(pairs, HELD_OUT_FOLDS);
    const strangers = faces.filter(({ person }) => heldOut.has(person));
    const { points } = tabulatePairs(strangers, [1e-3]);
    const accuracy = accuracyOnFolds(pairs, embeddings, HELD_OUT_FOLDS) * 100;
    results.push(result(`${id}.lfw.heldout`, accuracy, '%', ['>=', 96.5]));
    results.push(result(`${id}.tar.1e-3`, points[0]!.tar * 100, '% of the people held out'));
    return results;
  }
  results.push(result(`${id}.lfw`, tenFoldAccuracy(pairs, embeddings) * 100, '%'));
  const { points } = tabulatePairs(
    faces,
    CALIBRATED.map(({ far }) => far),
  );
  for (const { far, tar, cosine } of points) {
    const key = `${id}.tar.${far.toExponential(0)}`;
    const least = LEAST_TAR[key];
    const bound: ['>=', number] | undefined = least === undefined ? undefined : ['>=', least];
    results.push(result(key, tar * 100, `% from cosine ${cosine.toFixed(4)}`, bound));
  }
  return results;
}

async function detection({ id, set, modelsDir }: Form, material: Material): Promise<Result[]> {
  const { addon, photos, scenes, seen, masks, heldOut } = material;
  const session = await openModel(set.detector, modelsDir, warmUp(set.detector));
  const detector = new Detector({ addon, session, model: set.detector });
  const isReference = seen.size === 0;
  const totals = { wanted: 0, found: 0, falseOnes: 0 };
  const errors = { once: [] as number[], steady: [] as number[] };
  const results: Result[] = [];
  try {
    for (const file of photos) {
      const faces = await detectInFile(detector, file, addon);
      const mirrored = isReference ? await detectInMirror(detector, file, addon) : [];
      if (isReference) seen.set(file, { once: faces, steady: averageLandmarks(faces, mirrored) });
      const { once, steady } = seen.get(file) as Looks;
      const counts = countAgainst(once, faces);
      totals.wanted += counts.wanted;
      totals.found += counts.found;
      totals.falseOnes += counts.falseOnes;
      errors.once.push(...countAgainst(once, isReference ? mirrored : faces).landmarkErrors);
      errors.steady.push(...countAgainst(steady, faces).landmarkErrors);
    }
    const unit = `% of ${totals.wanted} faces of the standard detector`;
    results.push(
      result(`${id}.detector.recall`, (totals.found / totals.wanted) * 100, unit, chooseBound(set, '>=', 100)),
    );
    results.push(result(`${id}.detector.false`, totals.falseOnes, 'faces', ['<=', 2]));
    const error = median(errors.once) * 100;
    if (isReference) {
      results.push(
        result(`${id}.detector.landmarks.mirror`, error, '% of the eye distance from those in the mirror image'),
      );
    } else {
      const steady = median(errors.steady) * 100;
      results.push(result(`${id}.detector.landmarks`, error, '% of the eye distance', chooseBound(set, '<=', 4)));
      results.push(result(`${id}.detector.landmarks.steady`, steady, '% from the mean of photo and mirror image'));
    }
    results.push(
      result(`${id}.detector.scenes`, (await measureSceneRecall(detector, scenes, addon)) * 100, '% of known faces'),
    );
    for (const { fromPx, toPx, wanted, coarse, full } of await measureFrameRecall(detector, scenes, addon)) {
      const sizes = toPx === Infinity ? `from ${fromPx} px` : `of ${fromPx} to ${toPx} px`;
      const own = `${((full / wanted) * 100).toFixed(1)} at the frame's own size`;
      results.push(
        result(`${id}.detector.frames.${fromPx}`, (coarse / wanted) * 100, `% of ${wanted} faces ${sizes}, ${own}`, [
          '>=',
          (full / wanted) * 100 - MOST_FRAME_LOSS,
        ]),
      );
    }
    if (material.people.length > 0) {
      const { still, frame, missed } = await measureHumanErrors(detector, material.people, addon);
      const from = `% of the eye distance from the points of ${material.people.length} people`;
      results.push(result(`${id}.detector.landmarks.human`, still, from));
      results.push(result(`${id}.detector.landmarks.human.frames`, frame, from, ['<=', still * MOST_FRAME_ERROR]));
      results.push(result(`${id}.detector.people.missed`, missed, 'people', ['<=', 0]));
    }
    if (set.mask) {
      const session = await openModel(set.mask, modelsDir, warmUp(set.mask));
      const classifier = new MaskClassifier({ addon, session, model: set.mask, template: set.embedder.template });
      const photos = { addon, detector, masksDir: masks, londonDir, crops: heldOut };
      results.push(...(await measureMasks(id, classifier, photos, sharedFilesDir)));
      await session.release();
    }
  } finally {
    await session.release();
  }
  return results;
}

/** Compares the speed of each model in both precisions, in turns, with one thread. */
async function speedups(float: Form, int8: Form, rounds: number, isEmbedderOnly: boolean): Promise<Result[]> {
  const results: Result[] = [];
  const sums = Array.from({ length: rounds }, () => ({ a: 0, b: 0 }));
  for (const task of listTasks(isEmbedderOnly)) {
    const [plain, quantised] = [float.set[task], int8.set[task]];
    if (!plain || !quantised || !plain.quantised) continue;
    const feeds = warmUp(plain, true);
    const first = await openModel(plain, float.modelsDir, feeds);
    const second = await openModel(quantised, int8.modelsDir, feeds);
    const pairs = await interleavePairs(
      rounds,
      cpuTimed(() => first.run(feeds)),
      cpuTimed(() => second.run(feeds)),
    );
    await first.release();
    await second.release();
    const bound = task === 'mask' ? undefined : SPEEDUP;
    results.push(result(`${float.id}.${task}.ms`, median(pairs.map(({ a }) => a)), 'ms'));
    results.push(result(`${int8.id}.${task}.ms`, median(pairs.map(({ b }) => b)), 'ms'));
    results.push(pairedRatio(`${int8.id}.speedup.${task}`, pairs, 'times float', bound));
    if (task === 'mask') continue;
    for (const [i, { a, b }] of pairs.entries()) {
      sums[i]!.a += a;
      sums[i]!.b += b;
    }
  }
  if (isEmbedderOnly) return results;
  results.push(pairedRatio(`${int8.id}.speedup`, sums, 'times float, detector and embedder', SPEEDUP));
  return results;
}

function listTasks(isEmbedderOnly: boolean): readonly ('embedder' | 'detector' | 'mask')[] {
  return isEmbedderOnly ? ['embedder'] : ['embedder', 'detector', 'mask'];
}

/** Compares the speed of each task of a set, in its last form, with the standard set in float, in turns, with one thread. */
async function againstStandard(
  standard: Form,
  forms: readonly Form[],
  rounds: number,
  isEmbedderOnly: boolean,
): Promise<Result[]> {
  const results: Result[] = [];
  const form = forms.at(-1);
  if (!form) return [];
  for (const task of listTasks(isEmbedderOnly)) {
    const [theirs, ours] = [standard.set[task], form.set[task]];
    if (!theirs || !ours) continue;
    const feeds = { theirs: warmUp(theirs, true), ours: warmUp(ours, true) };
    const first = await openModel(theirs, standard.modelsDir, feeds.theirs);
    const second = await openModel(ours, form.modelsDir, feeds.ours);
    const pairs = await interleavePairs(
      rounds,
      cpuTimed(() => first.run(feeds.theirs)),
      cpuTimed(() => second.run(feeds.ours)),
    );
    await first.release();
    await second.release();
    const bar = task === 'embedder' && isOwn(form.set) ? (['>=', 3] as const) : undefined;
    results.push(pairedRatio(`${form.id}.faster.${task}`, pairs, 'times the standard one in float', bar));
  }
  return results;
}

/** Computes what the 8-bit forms lose against float, with the bounds for it. */
function comparisons(results: readonly Result[]): Result[] {
  const value = (id: string): number | undefined => results.find((one) => one.id === id)?.value;
  const lost = (id: string, int8: string, most: number): Result[] => {
    const [before, after] = [value(id), value(int8)];
    if (before === undefined || after === undefined) return [];
    return [result(`${int8}.lost`, before - after, 'points', ['<=', most])];
  };
  return [...lost('standard.lfw', 'standard.int8.lfw', 0.2), ...lost('standard.tar.1e-4', 'standard.int8.tar.1e-4', 1)];
}

async function openModel(model: Model, modelsDir: string, feeds: Record<string, FloatTensor>): Promise<ModelSession> {
  return ModelSession.create(model.file, await readModel(modelsDir, model), {
    providers: ['cpu'],
    warmUp: feeds,
    inFloat: model.inFloat,
  });
}

/** Makes inputs for a model. @param isBusy true: the values vary as in pictures, for timing; false: they are 0 */
function warmUp(model: Model, isBusy = false): Record<string, FloatTensor> {
  const [heightPx, widthPx] = model.task === 'detector' ? [480, 640] : [model.input.heightPx, model.input.widthPx];
  const { mean, std, name } = model.input;
  const data = new Float32Array(3 * heightPx * widthPx);
  if (isBusy) for (let i = 0; i < data.length; i++) data[i] = (((i * 7919) % 255) - mean[0]) / std[0];
  return { [name]: { data, dims: [1, 3, heightPx, widthPx] } };
}
