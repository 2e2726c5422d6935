// The bench of the gallery: registering, searching against the bare exactSearch of usearch, recall, start-up, memory; the index alone.
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exactSearch, MetricKind } from 'usearch';
import { createScales } from '../src/compose/models.js';
import { normalise } from '../src/domain/embedding.js';
import type { Gallery, GroupRef } from '../src/gallery/gallery.types.js';
import { DEFAULT_MODELS_DIR, getModelSet, loadManifest } from '../src/models/manifest.js';
import { sharedModelsDir } from '../test/support/shared.js';
import { startService } from '../test/support/service.js';
import { fillGallery, makeUpEmbeddings, makeUpFace, openGallery } from './support/fill-gallery.js';
import { measureIndex, type IndexMeasurement } from './support/index-search.js';
import { cpuTimed, interleavePairs } from './support/pairs.js';
import { interleave, median, pairedRatio, result, type Bound, type Result } from './support/report.js';

const SIZES = [1_000, 10_000, 100_000] as const;
const BOUNDED = 100_000;
const LIMITS = [1, 10, 4096] as const;
/** Bounds of the ratios at 100,000 faces. */
const RATIO_BOUNDS: Partial<Record<number, Bound>> = { 10: ['<=', 0.45], 4096: ['<=', 1.1] };
const GROUP = 'measured';
/** What is measured of the index alone. The short form has no graph: building one takes minutes. */
const SHORT_INDEXES: readonly Omit<IndexMeasurement, 'rounds' | 'hasGraph'>[] = [
  { size: 1_000_000, dimensions: 128, limits: [10], bounds: { 10: ['<=', 0.45] } },
];
const INDEXES: typeof SHORT_INDEXES = [10_000, 100_000, 1_000_000].flatMap((size) =>
  [128, 512].map((dimensions) => ({
    size,
    dimensions,
    limits: [1, 10, 4096],
    ...(size === 1_000_000 && { bounds: { 10: ['<=', 0.45] as const } }),
  })),
);
/** Threads of one search, as the gallery asks for. More are slower, since usearch starts them for each call. */
const THREADS = 1;
/** Finds every face. */
const EVERY = { threshold: 0, scales: createScales(getModelSet(loadManifest(), 'standard').embedder).scales };

export async function run({ short }: { short: boolean }): Promise<Result[]> {
  const folder = mkdtempSync(join(tmpdir(), 'lintel-bench-'));
  try {
    const empty = join(folder, 'none');
    const starts = short ? 1 : 3;
    // The first start creates the keys. The folders with faces begin as copies of this one.
    await startAndMeasure(empty, 1);
    const none = await startAndMeasure(empty, starts);
    const results = [result('ready.none.s', none.readyS, 's'), result('memory.none.mb', none.rssMb, 'MB')];
    for (const size of SIZES) {
      const home = join(folder, String(size));
      cpSync(empty, home, { recursive: true });
      await fillGallery(home, GROUP, size);
      const filled = await startAndMeasure(home, starts);
      const bounded = size === BOUNDED;
      const name = formatSize(size);
      results.push(
        result(`ready.${name}.s`, filled.readyS, 's', bounded ? ['<', 5] : undefined),
        result(`memory.${name}.mb`, filled.rssMb - none.rssMb, 'MB more than none', bounded ? ['<=', 135] : undefined),
        ...(await measureGallery(home, size, short ? 40 : 200)),
      );
    }
    for (const measurement of short ? SHORT_INDEXES : INDEXES) {
      results.push(...(await measureIndex({ ...measurement, rounds: short ? 20 : 60, hasGraph: !short })));
    }
    return results;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function formatSize(size: number): string {
  return `${size / 1_000}k`;
}

/** Measures several starts, and returns the medians: the time until ready, and the resident memory after a search of all faces. */
async function startAndMeasure(home: string, starts: number): Promise<{ readyS: number; rssMb: number }> {
  const readyS: number[] = [];
  const rssMb: number[] = [];
  for (let i = 0; i < starts; i++) {
    const service = await startService({
      folder: home,
      modelsDir: sharedModelsDir ?? DEFAULT_MODELS_DIR,
      config: { vision: { workers: 1 } },
    });
    try {
      readyS.push(service.startMs / 1000);
      const list = await service.call('GET', `/groups/${GROUP}/faces?limit=1`);
      const faces = (list.data as { faces: { faceId: string }[] } | undefined)?.faces ?? [];
      for (const { faceId } of faces)
        await service.call('GET', `/groups/${GROUP}/faces/${faceId}?limit=10&threshold=1`);
      const status = readFileSync(`/proc/${service.pid}/status`, 'utf8');
      rssMb.push((Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN) * 1024) / 1e6);
    } finally {
      await service.stop();
    }
  }
  return { readyS: median(readyS), rssMb: median(rssMb) };
}

async function measureGallery(home: string, size: number, rounds: number): Promise<Result[]> {
  const { gallery, owner, dimensions, close } = await openGallery(home);
  try {
    const ref: GroupRef = { owner, groupId: GROUP };
    const { faceCount } = gallery.group(ref);
    if (faceCount !== size) throw new Error(`the gallery has ${faceCount} faces`);
    const dataset = new Float32Array(size * dimensions);
    const enrolled = makeUpEmbeddings(1, dimensions);
    for (let i = 0; i < size; i++) dataset.set(enrolled(), i * dimensions);
    const bounded = size === BOUNDED;
    return [
      ...(await searchRatios(gallery, ref, dataset, dimensions, rounds)),
      ...recall(gallery, ref, dataset, dimensions, Math.min(rounds, 100), bounded),
      await register(gallery, ref, dimensions, size, rounds),
    ];
  } finally {
    await close();
  }
}

/** Compares searches with the bare exactSearch, by processor time. */
async function searchRatios(
  gallery: Gallery,
  ref: GroupRef,
  dataset: Float32Array,
  dimensions: number,
  rounds: number,
): Promise<Result[]> {
  const size = dataset.length / dimensions;
  const name = formatSize(size);
  const next = makeUpEmbeddings(7, dimensions);
  const probes = Array.from({ length: 16 }, next);
  const results: Result[] = [];
  for (const limit of LIMITS) {
    let round = 0;
    const count = Math.min(limit, size);
    const pick = (): Float32Array => probes[round++ % probes.length]!;
    const pairs = await interleavePairs(
      rounds,
      cpuTimed(async () => gallery.searchByEmbedding(ref, { embedding: pick() }, { ...EVERY, limit })),
      cpuTimed(async () => exactSearch(dataset, pick(), dimensions, count, MetricKind.IP, THREADS)),
    );
    const bound = size === BOUNDED ? RATIO_BOUNDS[limit] : undefined;
    results.push(
      result(`search.bare.${name}.k${limit}`, median(pairs.map(({ b }) => b)), 'ms of processor time'),
      result(`search.${name}.k${limit}`, median(pairs.map(({ a }) => a)), 'ms of processor time'),
      pairedRatio(`search.ratio.${name}.k${limit}`, pairs, 'ratio', bound),
    );
  }
  return results;
}

/** Measures the recall of searches. Half of the probes resemble an enrolled face, as at a door; the other half resemble none. */
function recall(
  gallery: Gallery,
  ref: GroupRef,
  dataset: Float32Array,
  dimensions: number,
  probes: number,
  bounded: boolean,
): Result[] {
  const size = dataset.length / dimensions;
  const next = makeUpEmbeddings(11, dimensions);
  const found = { 1: 0, 10: 0 };
  for (let i = 0; i < probes; i++) {
    const probe = next();
    if (i % 2 === 0) {
      const row = (i * 7919) % size;
      normalise(probe.map((value, j) => value + dataset[row * dimensions + j]!)).forEach((v, j) => (probe[j] = v));
    }
    const truth = scan(dataset, dimensions, probe, 10);
    const matches = gallery.searchByEmbedding(ref, { embedding: probe }, { ...EVERY, limit: 10 });
    const answered = matches.map(({ face }) => Number(face.externalImageId?.slice('person-'.length)));
    if (answered[0] === truth[0]) found[1]++;
    found[10] += truth.filter((row) => answered.includes(row)).length / truth.length;
  }
  const suffix = bounded ? '' : `.${formatSize(size)}`;
  const bound: ['>=', number] | undefined = bounded ? ['>=', 1] : undefined;
  return [
    result(`recall.1${suffix}`, found[1] / probes, 'of a float64 scan', bound),
    result(`recall.10${suffix}`, found[10] / probes, 'of a float64 scan', bound),
  ];
}

/** Returns the rows with the greatest inner products, computed in float64, best first. */
function scan(dataset: Float32Array, dimensions: number, probe: Float32Array, count: number): number[] {
  const best: { row: number; score: number }[] = [];
  for (let row = 0, at = 0; at < dataset.length; row++, at += dimensions) {
    let score = 0;
    for (let i = 0; i < dimensions; i++) score += dataset[at + i]! * probe[i]!;
    if (best.length === count && score <= best[count - 1]!.score) continue;
    best.push({ row, score });
    best.sort((a, b) => b.score - a.score);
    if (best.length > count) best.pop();
  }
  return best.map(({ row }) => row);
}

/** Measures registrations, one face at a time: from the call until the face is synced to the disk and searchable. */
async function register(
  gallery: Gallery,
  ref: GroupRef,
  dimensions: number,
  size: number,
  rounds: number,
): Promise<Result> {
  const next = makeUpEmbeddings(13, dimensions);
  let number = size;
  const { enrol } = await interleave(rounds, {
    enrol: () => gallery.enrol(ref, [makeUpFace(number++, next())]),
  });
  const id = size === BOUNDED ? 'register.ms' : `register.${formatSize(size)}.ms`;
  return result(id, median(enrol), 'ms, synced');
}
