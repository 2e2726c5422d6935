// The bench of fairness: false matches and false non-matches by gender and ethnic group, on the portraits of ../shared/london.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'csv-parse/sync';
import type { EmbeddedFace } from '../src/domain/embedding.js';
import { compareTemplates } from '../src/domain/reported-similarity.js';
import type { SimilarityScales } from '../src/domain/similarity-scales.js';
import { DEFAULT_MODELS_DIR, getModelSet, loadManifest, type ModelSet } from '../src/models/manifest.js';
import { readPrecision } from '../src/models/precision.js';
import { loadAddon, type Addon } from '../src/native/addon.js';
import { londonDir } from '../test/support/shared.js';
import type { SeenFace } from './support/comparisons.js';
import {
  compareGroups,
  measureFalseMatches,
  measureFalseNonMatches,
  type ComparedPerson,
  type RateWithInterval,
} from './support/groups-of-people.js';
import { result, type Result } from './support/report.js';
import { chooseForms, createScales, Viewer } from './support/viewer.js';

/** The groups, by the words of people.csv. A person who names two ethnic groups is in neither. */
const GROUPS = {
  all: 'all strangers',
  female: 'women',
  male: 'men',
  white: 'White',
  black: 'Black',
  east_asian: 'East Asian',
  west_asian: 'West Asian',
} as const;
type Group = keyof typeof GROUPS;
/** Similarities that are judged, with the rates that they promise. 70 is the only one at which so few people have matches to count. */
const PROMISED = [
  { similarity: 70, far: 1e-3 },
  { similarity: 80, far: 1e-4 },
  { similarity: 90, far: 1e-5 },
] as const;
/** Least number of people of a group from which a safety factor may follow. */
const LEAST_PEOPLE = 30;
/** Both portraits of each person, in this order. */
const PORTRAITS = ['neutral', 'smiling'] as const;

interface ListedPerson {
  face_id: string;
  face_gender: string;
  face_eth: string;
}

export async function run({ set: wanted }: { set?: string | undefined }): Promise<Result[]> {
  if (!londonDir) throw new Error('the bench needs ../shared/london');
  const listed: ListedPerson[] = parse(readFileSync(join(londonDir, 'people.csv')), { columns: true });
  const addon = loadAddon();
  const manifest = loadManifest();
  const results: Result[] = [];
  for (const name of wanted === undefined ? Object.keys(manifest.sets) : [wanted]) {
    const chosen = chooseForms(getModelSet(manifest, name), DEFAULT_MODELS_DIR);
    if (!chosen) {
      console.warn(`${name} is left out: some of its files are missing`);
      continue;
    }
    const people = await comparePeople(chosen.set, chosen.modelsDir, londonDir, listed, addon);
    results.push(...writeAnswers(chosen.set, people));
  }
  return results;
}

/** Compares both portraits of each person with all others, through the service's vision workers and scales. */
async function comparePeople(
  set: ModelSet,
  modelsDir: string,
  folder: string,
  listed: readonly ListedPerson[],
  addon: Addon,
): Promise<ComparedPerson[]> {
  const viewer = await Viewer.open(set, modelsDir, addon);
  try {
    const seen: SeenFace[][] = [];
    for (const { face_id: person } of listed) {
      const look = async (kind: string): Promise<SeenFace> => {
        const photo = join(folder, kind, `${person}.jpg`);
        return { person, photo, ...(await viewer.look(readFileSync(photo))) };
      };
      seen.push(await Promise.all(PORTRAITS.map(look)));
    }
    const scales = createScales(set);
    return listed.map(({ face_gender: gender, face_eth: ethnicGroup }, i) => ({
      groups: new Set(['all', gender, ethnicGroup]),
      similarities: seen.map((photos) =>
        seen[i]!.flatMap((one) => photos.map((other) => findSimilarity(scales, one, other))),
      ),
      own: findSimilarity(scales, seen[i]![0]!, seen[i]![1]!),
    }));
  } finally {
    await viewer.close();
  }
}

/** Returns the similarity that the service reports; 0 where it compares nothing. */
function findSimilarity(scales: SimilarityScales, one: SeenFace, other: SeenFace): number {
  const template = ({ embedding, condition }: SeenFace): EmbeddedFace | undefined =>
    embedding && { embedding, ...(condition && { condition }) };
  const [first, second] = [template(one), template(other)];
  return first && second ? compareTemplates(first, second, scales) : 0;
}

function writeAnswers(set: ModelSet, people: readonly ComparedPerson[]): Result[] {
  const prefix = set.name === 'standard' ? '' : `${set.name}.`;
  const results: Result[] = [];
  const lines = [
    `# Fairness: set ${set.name}, embedder in ${readPrecision(set.embedder)}`,
    '',
    'Portraits of the Face Research Lab London Set. False matches: pairs of different people of one group; false non-matches: the two',
    'portraits of one person. 95 % intervals.',
    '',
    '| group | people | false matches at 70 | at 80 | at 90 | false non-matches at 80 | at 90 |',
    '| --- | --- | --- | --- | --- | --- | --- |',
  ];
  for (const group of Object.keys(GROUPS) as Group[]) {
    const matches = PROMISED.map(({ similarity }) => measureFalseMatches(people, group, similarity));
    const misses = [80, 90].map((similarity) => measureFalseNonMatches(people, group, similarity));
    const cells = [GROUPS[group], String(misses[0]!.trials), ...[...matches, ...misses].map(formatRate)];
    lines.push(`| ${cells.join(' | ')} |`);
    PROMISED.forEach(({ similarity }, i) => {
      if (similarity === 70) return;
      results.push(toResult(`${prefix}fairness.fmr${similarity}.${group}`, matches[i]!));
    });
    [80, 90].forEach((similarity, i) =>
      results.push(toResult(`${prefix}fairness.fnmr${similarity}.${group}`, misses[i]!)),
    );
  }
  const { group, ratio, low, high } = findFactor(people);
  results.push(
    result(
      `${prefix}fairness.factor`,
      ratio,
      `times all strangers at 70, ${GROUPS[group]} (${low.toFixed(1)} to ${high.toFixed(1)})`,
    ),
  );
  const folder = fileURLToPath(new URL('./results/', import.meta.url));
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `fairness-${set.name}.md`), `${lines.join('\n')}\n`);
  return results;
}

/** Finds the group with the most false matches among those that are large enough, against all strangers of the same photos. */
function findFactor(people: readonly ComparedPerson[]): { group: Group; ratio: number; low: number; high: number } {
  const large = (Object.keys(GROUPS) as Group[]).filter(
    (group) => people.filter(({ groups }) => groups.has(group)).length >= LEAST_PEOPLE,
  );
  const compared = large.map((group) => ({ group, ...compareGroups(people, group, 'all', PROMISED[0].similarity) }));
  return compared.reduce((worst, one) => (one.ratio > worst.ratio ? one : worst));
}

function toResult(id: string, { rate, hits, trials, low, high }: RateWithInterval): Result {
  return result(id, rate * 100, `% (${hits} of ${trials}; ${percent(low)} to ${percent(high)})`);
}

function formatRate({ hits, trials, low, high }: RateWithInterval): string {
  return `${hits} of ${trials} (${percent(low).replace(' %', '')} to ${percent(high)})`;
}

function percent(rate: number): string {
  if (rate === 0) return '0';
  return `${rate >= 0.1 ? (rate * 100).toFixed(0) : (rate * 100).toPrecision(2)} %`;
}
