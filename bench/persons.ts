// The bench of persons: what three enrolments of a person, as one template, give over a single one, on the aligned faces of LFW.
import { join } from 'node:path';
import { embedAll } from '../src/cli/models/embed-set.js';
import { joinBias, joinNegatedBias } from '../src/domain/bias.js';
import { averageFaces, weighFace, type Template } from '../src/domain/template.js';
import { chooseHalf, listHeldOutPeople, readPairs } from '../src/models/calibrate/lfw-pairs.js';
import { loadConditionHead } from '../src/models/condition-head.js';
import { DEFAULT_MODELS_DIR, getModelSet, listModels, loadManifest, type ModelSet } from '../src/models/manifest.js';
import { isBuiltIn } from '../src/models/precision.js';
import { lfwDir } from '../test/support/shared.js';
import { PROMISES } from './support/comparisons.js';
import { groupByPerson } from './support/lfw.js';
import { result, type Result } from './support/report.js';
import { chooseForms, createScales } from './support/viewer.js';

/** Photos of a person that are enrolled; the further ones are probes. */
const ENROLLED = 3;
const FAR = 1e-5;
/** Bounds of the true accepts at FAR with three enrolments, in %. */
const LEAST: Readonly<Record<string, number>> = { standard: 98, 'accurate-large': 99.5 };

/** A template with the name of the person. */
type Named = Template & { person: string };

interface Compared {
  genuine: number[];
  /** The highest cosines of strangers, falling, and the number of all pairs of strangers. */
  impostor: Float32Array;
  impostorPairs: number;
}

export async function run({ short, set: wanted }: { short: boolean; set?: string | undefined }): Promise<Result[]> {
  if (!lfwDir) throw new Error('the bench needs ../shared/lfw');
  const manifest = loadManifest();
  const results: Result[] = [];
  for (const name of wanted === undefined ? Object.keys(manifest.sets) : [wanted]) {
    const chosen = chooseForms(getModelSet(manifest, name), DEFAULT_MODELS_DIR);
    if (!chosen) console.warn(`${name} is left out: some of its files are missing`);
    else results.push(...(await measureSet(chosen.set, chosen.modelsDir, lfwDir, short)));
  }
  return results;
}

async function measureSet(set: ModelSet, modelsDir: string, folder: string, short: boolean): Promise<Result[]> {
  const people = choosePeople(set, folder, short);
  const head = loadConditionHead(set.embedder);
  const scales = createScales(set);
  const context = { stderr: process.stderr, clock: Date.now };
  const embedded = await embedAll(set.embedder, modelsDir, join(folder, 'lfw_pairs_112.tar'), context, people);
  const faces = embedded.map(({ person, embedding }): Named => {
    const condition = head?.measure(embedding);
    return { person, embedding, ...(condition && { condition }) };
  });
  const isRecognisable = ({ condition }: Named): boolean => scales.isRecognisable(condition);
  const byPerson = groupByPerson(faces);
  const several = byPerson.filter(({ length }) => length > ENROLLED);
  // People with fewer photos are strangers to all templates.
  const strangers = byPerson.filter(({ length }) => length <= ENROLLED).flat();
  const probes = [...several.flatMap((own) => own.slice(ENROLLED)), ...strangers];
  const enrol = (count: number): Named[] =>
    several.flatMap((own) => {
      const fit = own.slice(0, count).filter(isRecognisable);
      const weighted = fit.map((face) => ({ ...face, weight: weighFace(face.condition, 1) }));
      return fit.length === 0 ? [] : [{ person: fit[0]!.person, ...averageFaces(weighted) }];
    });
  const prefix = set.name === 'standard' ? '' : `${set.name}.`;
  const results: Result[] = [];
  for (const [id, count] of [
    ['persons', ENROLLED],
    ['persons.single', 1],
  ] as const) {
    const compared = compare(probes, enrol(count), isRecognisable);
    const threshold = compared.impostor[Math.floor(FAR * compared.impostorPairs)]!;
    const accepted = (least: number): number => compared.genuine.filter((cosine) => cosine >= least).length;
    const share = (least: number): number => (accepted(least) / compared.genuine.length) * 100;
    const unit = `% of ${compared.genuine.length} probes, ${count} enrolled; ${compared.impostorPairs} pairs of strangers`;
    const least = people === undefined && count === ENROLLED ? LEAST[set.name] : undefined;
    const at90 = scales.scale.toCosine(PROMISES[0].similarity);
    const far90 = compared.impostor.findIndex((cosine) => cosine < at90) / compared.impostorPairs / PROMISES[0].far;
    results.push(
      result(`${prefix}${id}.tar.1e-5`, share(threshold), unit, least === undefined ? undefined : ['>=', least]),
      result(`${prefix}${id}.tar90`, share(at90), '% of the probes at similarity 90'),
      result(`${prefix}${id}.far90`, far90, 'times the promise', short ? undefined : ['<=', 3]),
    );
  }
  return results;
}

/** Returns the people whose faces are used: all of LFW, or for a built-in set and in a short run those whom no training has seen. */
function choosePeople(set: ModelSet, folder: string, short: boolean): Set<string> | undefined {
  if (!short && !listModels(set).every(isBuiltIn)) return undefined;
  const heldOut = listHeldOutPeople(readPairs(join(folder, 'pairs.txt')));
  return short ? new Set([...heldOut].filter((person) => chooseHalf(person) === 'bench')) : heldOut;
}

/** Compares every probe with every template. A probe that is refused matches nobody. */
function compare(
  probes: readonly Named[],
  templates: readonly Named[],
  isRecognisable: (face: Named) => boolean,
): Compared {
  const genuine: number[] = [];
  const impostor: number[] = [];
  let impostorPairs = 0;
  const rows = templates.map((template) => ({ person: template.person, row: joinBias(template) }));
  for (const probe of probes) {
    const negated = joinNegatedBias(probe);
    const isRefused = !isRecognisable(probe);
    for (const { person, row } of rows) {
      const isSame = probe.person === person;
      if (!isSame) impostorPairs++;
      const cosine = isRefused ? -1 : dot(negated, row);
      if (isSame) genuine.push(cosine);
      // Far below every threshold: only the tail of the distribution is needed.
      else if (cosine > 0.15) impostor.push(cosine);
    }
  }
  return { genuine, impostor: Float32Array.from(impostor).sort().reverse(), impostorPairs };
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
