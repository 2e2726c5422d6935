// The bench of trust: whether similarity 90 and 80 keep their false accept rates in every condition in which a face is accepted.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseCondition, type PictureCondition } from '../tools/conditions/condition.js';
import { hash } from '../tools/rendered-people/random.js';
import { decodeCrop } from '../src/cli/models/decode-crop.js';
import { readLabelledPictures } from '../src/models/calibrate/aligned-pictures.js';
import { chooseHalf, listHeldOutPeople, readPairs } from '../src/models/calibrate/lfw-pairs.js';
import { DEFAULT_MODELS_DIR, getModelSet, loadManifest, type ModelSet } from '../src/models/manifest.js';
import { readPrecision } from '../src/models/precision.js';
import { loadAddon, type Addon } from '../src/native/addon.js';
import { lfwDir, londonDir, masksDir } from '../test/support/shared.js';
import { Comparer, PROMISES, type Comparison, type SeenFace } from './support/comparisons.js';
import { groupByPerson } from './support/lfw.js';
import { result, type Result } from './support/report.js';
import {
  findPlainCosines,
  findWorst,
  formatMatrix,
  inPromises,
  SHORT_CONDITIONS,
  TRUST_CONDITIONS,
  type TrustRow,
} from './support/trust-matrix.js';
import { chooseForms, createScales, Viewer, type KnownFace } from './support/viewer.js';

/** The bound: no condition may have more false accepts than this multiple of the promise. */
const MOST_PROMISES = 3;
const SHORT_SETS = ['standard', 'builtin'];
/** Faces of a short run in each condition, and in the clear gallery. */
const SHORT_FACES = 190;
const SHORT_GALLERY = 1_200;
/** Share of pairs, in %, that clear faces may lose by chance in a short run: about four pairs. */
const SHORT_TOLERANCE = 1;
const LARGE_YAW = [15, 25];

export async function run({ short, set: wanted }: { short: boolean; set?: string | undefined }): Promise<Result[]> {
  if (!lfwDir) throw new Error('the bench needs ../shared/lfw');
  const addon = loadAddon();
  const manifest = loadManifest();
  const names = wanted !== undefined ? [wanted] : short ? SHORT_SETS : Object.keys(manifest.sets);
  const faces = await readBenchFaces(lfwDir, addon);
  const results: Result[] = [];
  for (const name of names) {
    const chosen = chooseForms(getModelSet(manifest, name), DEFAULT_MODELS_DIR);
    if (!chosen) console.warn(`${name} is left out: some of its files are missing`);
    else results.push(...(await measureSet(chosen.set, chosen.modelsDir, faces, addon, short)));
  }
  return results;
}

/** Reads the faces of the people of whom neither the heads nor the calibration saw any: those with several photos first, person by person. */
async function readBenchFaces(folder: string, addon: Addon): Promise<KnownFace[]> {
  const heldOut = listHeldOutPeople(readPairs(join(folder, 'pairs.txt')));
  const faces: KnownFace[] = [];
  let seed = 0;
  for await (const { person, name, bytes } of readLabelledPictures(join(folder, 'lfw_pairs_112.tar'))) {
    seed++;
    if (!heldOut.has(person) || chooseHalf(person) !== 'bench') continue;
    faces.push({ person, photo: name, crop: await decodeCrop(bytes, addon), seed });
  }
  return groupByPerson(faces)
    .sort((a, b) => Number(b.length > 1) - Number(a.length > 1))
    .flat();
}

async function measureSet(
  set: ModelSet,
  modelsDir: string,
  faces: readonly KnownFace[],
  addon: Addon,
  short: boolean,
): Promise<Result[]> {
  const viewer = await Viewer.open(set, modelsDir, addon);
  try {
    const groups = short ? SHORT_CONDITIONS : TRUST_CONDITIONS;
    const [clear] = await viewer.view(short ? sample(faces, SHORT_GALLERY) : faces, [parseCondition('clear')]);
    const conditions = Object.values(groups).flat().map(parseCondition);
    const seen = await viewer.view(short ? sample(faces, SHORT_FACES) : faces, conditions);
    const { file, output } = set.embedder;
    const comparer = new Comparer(createScales(set), output.dimensions, findPlainCosines(file, 1));
    const rows = compareAll(comparer, groups, conditions, clear!, seen, short);
    rows.push(...(await comparePhotos(viewer, comparer, clear!, seen, conditions)));
    const factored = findPlainCosines(file, set.embedder.calibration.groupFactor ?? 1);
    const before = new Comparer(createScales(set), output.dimensions, factored).compareAmong(clear!);
    return writeAnswers(set, rows, before, short);
  } finally {
    await viewer.close();
  }
}

function compareAll(
  comparer: Comparer,
  groups: Record<string, readonly string[]>,
  conditions: readonly PictureCondition[],
  clear: readonly SeenFace[],
  seen: readonly (readonly SeenFace[])[],
  short: boolean,
): TrustRow[] {
  const rows: TrustRow[] = [];
  const add = (condition: string, group: string, side: TrustRow['side'], of: readonly SeenFace[], by: Comparison) => {
    rows.push({ condition, group, side, ...countRefused(comparer, of), ...by });
  };
  add('clear', 'clear', 'clear', clear, comparer.compareAmong(clear));
  for (const least of LARGE_YAW) {
    const turned = clear.filter(({ yaw }) => Math.abs(yaw) >= least);
    add(`yaw of ${least}° and more`, 'yaw', 'one', turned, comparer.compareWith(turned, clear));
    add(`yaw of ${least}° and more`, 'yaw', 'both', turned, comparer.compareAmong(turned));
  }
  for (const [group, ids] of Object.entries(groups)) {
    const lists = ids.map((id) => seen[conditions.findIndex((condition) => condition.id === id)]!);
    // A short run has too few pairs of one condition: those of a group are taken together.
    const units = short ? [[ids.join(', '), lists.flat()] as const] : ids.map((id, i) => [id, lists[i]!] as const);
    for (const [condition, list] of units) {
      add(condition, group, 'one', list, comparer.compareWith(list, clear));
      add(condition, group, 'both', list, comparer.compareAmong(list));
    }
  }
  // Each face in one condition, drawn by its number: conditions meet each other.
  const mixed = seen[0]!.map((_, i) => seen[hash(i, 77) % seen.length]![i]!);
  add('any of these', 'mixed', 'both', mixed, comparer.compareAmong(mixed));
  return rows;
}

/**
 * Compares photos of people who are strangers to LFW. The masks of ../shared/masks are one picture of a mask, pasted onto photos of people whose
 * identities are not known: all count as different, and what they share is also that picture. London's portraits are of one studio.
 */
async function comparePhotos(
  viewer: Viewer,
  comparer: Comparer,
  clear: readonly SeenFace[],
  seen: readonly (readonly SeenFace[])[],
  conditions: readonly PictureCondition[],
): Promise<TrustRow[]> {
  const look = async (folder: string): Promise<SeenFace[]> => {
    const faces: SeenFace[] = [];
    for (const file of readdirSync(folder).sort()) {
      const photo = `${folder}/${file}`;
      faces.push({ person: photo, photo, ...(await viewer.look(readFileSync(photo))) });
    }
    return faces;
  };
  const rows: TrustRow[] = [];
  const add = (condition: string, side: TrustRow['side'], of: readonly SeenFace[], by: Comparison) => {
    rows.push({ condition, group: 'photos', side, ...countRefused(comparer, of), ...by });
  };
  if (masksDir) {
    const masked = await look(join(masksDir, 'with_mask'));
    const bare = await look(join(masksDir, 'without_mask'));
    const drawn = seen.filter((_, i) => conditions[i]!.id.startsWith('mask:')).flat();
    add('pasted masks', 'one', masked, comparer.compareWith(masked, clear));
    add('pasted masks with drawn ones', 'both', masked, comparer.compareWith(masked, drawn));
    add('pasted masks', 'both', masked, comparer.compareAmong(masked));
    add('photos beside them, bare', 'one', bare, comparer.compareWith(bare, clear));
  }
  if (londonDir) {
    const portraits = await look(join(londonDir, 'neutral'));
    add('london portraits', 'one', portraits, comparer.compareWith(portraits, clear));
  }
  return rows;
}

function countRefused(
  comparer: Comparer,
  faces: readonly SeenFace[],
): Pick<TrustRow, 'notFound' | 'notEmbedded' | 'unrecognisable'> {
  const share = (test: (face: SeenFace) => boolean): number => faces.filter(test).length / Math.max(1, faces.length);
  return {
    notFound: share(({ found }) => !found),
    notEmbedded: share(({ embedding }) => !embedding),
    unrecognisable: share((face) => comparer.isUnrecognisable(face)),
  };
}

/** @param factored the clear faces; its `plain` has the cosines of one scale for all faces, with the safety factor of today */
function writeAnswers(set: ModelSet, rows: readonly TrustRow[], factored: Comparison, short: boolean): Result[] {
  const prefix = set.name === 'standard' ? '' : `${set.name}.`;
  const folder = fileURLToPath(new URL('./results/', import.meta.url));
  mkdirSync(folder, { recursive: true });
  const title = `Trust: set ${set.name}, embedder in ${readPrecision(set.embedder)}${short ? ', short run' : ''}`;
  writeFileSync(join(folder, `trust-${set.name}.md`), formatMatrix(title, NOTES, rows));
  const results: Result[] = [];
  const clear = rows.find(({ side }) => side === 'clear')!;
  // Photos of unknown people are too few for a bound of their own.
  const judged = rows.filter(({ group }) => group !== 'photos');
  const bound: ['<=', number] = ['<=', MOST_PROMISES];
  const add = (id: string, level: 0 | 1, among: readonly TrustRow[]): void => {
    const worst = findWorst(among, level);
    const upTo = worst.judged[level].farBound / PROMISES[level].far;
    const unit = `times the promise (${worst.condition}, ${worst.side}; up to ${upTo.toFixed(1)})`;
    results.push(result(id, inPromises(worst.judged[level], level), unit, bound));
  };
  add(`${prefix}trust.far90.worst`, 0, judged);
  add(`${prefix}trust.far80.worst`, 1, judged);
  for (const group of new Set(rows.map((row) => row.group))) {
    const among = rows.filter((row) => row.group === group);
    if (group === 'photos') {
      const worst = findWorst(among, 0);
      const count = `${worst.judged[0].impostor} of ${worst.impostorPairs} pairs`;
      results.push(result(`${prefix}trust.far90.photos`, inPromises(worst.judged[0], 0), `times (${count})`));
    } else add(`${prefix}trust.far90.${group}`, 0, among);
  }
  const tar = (accepts: Comparison['judged'][0]): number => (accepts.genuine / clear.genuinePairs) * 100;
  const least = tar(factored.plain[0]) - (short ? SHORT_TOLERANCE : 0);
  const unit = `% of ${clear.genuinePairs} pairs; ${tar(clear.plain[0]).toFixed(2)} % before the safety factor`;
  results.push(result(`${prefix}trust.tar90.clear`, tar(clear.judged[0]), unit, ['>=', Number(least.toFixed(2))]));
  const embedded = clear.notEmbedded < 1 ? clear.unrecognisable / (1 - clear.notEmbedded) : 1;
  results.push(result(`${prefix}trust.refused.clear`, embedded * 100, '% of the faces embedded', ['<', 0.5]));
  return results;
}

const NOTES = [
  'Faces of LFW people of whom neither the heads nor the calibration saw any, composed into portraits. `one`: against clear faces;',
  '`both`: both faces in this condition. A refused face counts as a comparison that did not match. `false at 90` and `false at 80` are',
  'multiples of the promise (1e-5 and 1e-4); `up to` is the upper 95 % bound of a bootstrap over people, since pairs that share a face are not',
  'independent. `not embedded`: too small or too much in profile. `refused`: not recognisable. `plain`: one scale for every face, and no face',
  'refused for its condition.',
];

/** Samples faces: two thirds of them show people with several photos, up to three photos of each. */
function sample(faces: readonly KnownFace[], count: number): KnownFace[] {
  const people = groupByPerson(faces);
  const several = people.filter(({ length }) => length > 1).map((photos) => photos.slice(0, 3));
  const chosen = spread(several, Math.floor((count * 2) / 9)).flat();
  return [...chosen, ...spread(people.filter(({ length }) => length === 1).flat(), count - chosen.length)];
}

/** Picks `count` items, evenly spread, in their order. */
function spread<T>(items: readonly T[], count: number): T[] {
  const step = Math.max(1, items.length / count);
  return Array.from({ length: Math.min(count, items.length) }, (_, i) => items[Math.floor(i * step)]!);
}
