// The bench of peers: other libraries for the same work, each in a process of its own and with one thread, in turns with Lintel.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { normalise } from '../src/domain/embedding.js';
import { DEFAULT_MODELS_DIR, getModelSet, loadManifest } from '../src/models/manifest.js';
import { loadAddon } from '../src/native/addon.js';
import { PeerProcess, pickReason, type PeerFace } from '../tools/peers/peer-process.js';
import { listSearchPeers, listVisionPeers, type MissingPeer, type Peer } from '../tools/peers/peers.js';
import { facesDir, lfwDir, sharedModelsDir } from '../test/support/shared.js';
import { makeUpEmbeddings } from './support/fill-gallery.js';
import { readPairs } from './support/lfw.js';
import { interleavePairs } from './support/pairs.js';
import { measureAccuracy, scoreAllPairs, scoreFilePairs, type Embeddings } from './support/peer-accuracy.js';
import {
  listPortraits,
  writeDoorPictures,
  writePairs,
  type FilePair,
  type LabelledFile,
} from './support/peer-pictures.js';
import { median, pairedRatio, printTable, result, type Result } from './support/report.js';

/** Git ignores it. A second run installs nothing. */
const FOLDER = fileURLToPath(new URL('../var/bench/peers/', import.meta.url));
const DIMENSIONS = 128;
const LIMIT = 10;
/** Least ratio of the peer's time to Lintel's, from the file to the embedding. */
const LEAST: Readonly<Record<string, number>> = { 'faceapi.ssd': 45, 'faceapi.tiny': 15 };

/** A line of the table. */
interface Row {
  title: string;
  cells: Partial<Record<(typeof COLUMNS)[number], string>>;
}

const COLUMNS = ['detect ms', 'recognise ms', 'portraits %', 'LFW pairs %', '1:N ms', 'recall %', 'memory MB'] as const;

interface Pictures {
  doors: readonly string[];
  portraits: readonly LabelledFile[];
  pairs: readonly FilePair[];
}

interface Table {
  rows: Row[];
  results: Result[];
  missing: MissingPeer[];
}

export async function run({ short }: { short: boolean }): Promise<Result[]> {
  if (facesDir === undefined || lfwDir === undefined)
    throw new Error('the bench needs ../shared/faces and ../shared/lfw');
  mkdirSync(FOLDER, { recursive: true });
  const folder = mkdtempSync(join(tmpdir(), 'lintel-bench-'));
  const table: Table = { rows: [], results: [], missing: [] };
  try {
    const portraits = listPortraits(facesDir);
    const pictures: Pictures = {
      portraits: short ? portraits.filter((_, i) => i % 5 < 3) : portraits,
      doors: await writeDoorPictures(portraits, folder),
      pairs: await writePairs(
        join(lfwDir, 'lfw_pairs_112.tar'),
        readPairs(join(lfwDir, 'pairs.txt')),
        short ? 40 : 300,
        join(folder, 'lfw'),
        loadAddon(),
      ),
    };
    await compareVision(pictures, short ? 8 : 24, table);
    await compareSearch(folder, short ? 10_000 : 100_000, short ? 40 : 200, table);
    printRows(table);
    return table.results;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Starts Lintel with the models of the standard set. */
function startLintel(precision: 'float' | 'int8'): Promise<PeerProcess> {
  const script = fileURLToPath(new URL('../tools/peers/lintel.ts', import.meta.url));
  const modelsDir = sharedModelsDir ?? DEFAULT_MODELS_DIR;
  return PeerProcess.start({ file: process.execPath, args: ['--import', 'tsx', script, modelsDir, precision] });
}

async function compareVision(pictures: Pictures, rounds: number, table: Table): Promise<void> {
  const { detector, embedder } = getModelSet(loadManifest(), 'standard');
  const modelsDir = sharedModelsDir ?? DEFAULT_MODELS_DIR;
  const peers = await listVisionPeers(FOLDER, {
    detector: join(modelsDir, detector.file),
    embedder: join(modelsDir, embedder.file),
    input: { template: embedder.template, mean: embedder.input.mean, std: embedder.input.std },
  });
  const lintel = await startLintel('int8');
  try {
    table.rows.push({ title: 'Lintel, 8 bits', cells: await describeVision('lintel', lintel, pictures, table) });
    const own = table.rows[0]!;
    for (const peer of peers) {
      await withPeer(peer, table, async (process, { id, title }) => {
        const cells = await describeVision(id, process, pictures, table);
        for (const task of ['detect', 'recognise'] as const) {
          const measure = countTime(task, pictures.doors);
          const pairs = await interleavePairs(rounds, measure(process), measure(lintel));
          const least = task === 'recognise' ? LEAST[id] : undefined;
          const bound = least === undefined ? undefined : (['>=', least] as const);
          table.results.push(
            pairedRatio(`peers.${id}.${task}`, pairs, 'times the CPU time of Lintel in 8 bits', bound),
          );
          cells[`${task} ms`] = median(pairs.map(({ a }) => a)).toFixed(1);
          own.cells[`${task} ms`] = median(pairs.map(({ b }) => b)).toFixed(1);
        }
        table.rows.push({ title, cells });
      });
    }
  } finally {
    lintel.stop();
  }
}

/**
 * Makes a measurement of the processor time for a picture: the mean of all pictures, one after the other. The time of the process that does the
 * work counts. With one picture in a turn, the caches of the processor held the other process: that made 5.5 ms of Lintel 7 (x64, November 2026).
 */
function countTime(task: 'detect' | 'recognise', files: readonly string[]) {
  return (process: PeerProcess) => async (): Promise<number> => {
    let sum = 0;
    for (const file of files) sum += (await process.ask({ do: task, file })).cpuMs;
    return sum / files.length;
  };
}

/** Measures accuracy and memory. The work also warms the process up. */
async function describeVision(
  id: string,
  process: PeerProcess,
  { portraits, pairs }: Pictures,
  { results }: Table,
): Promise<Row['cells']> {
  const files = [...portraits.map(({ file }) => file), ...pairs.flatMap(({ first, second }) => [first, second])];
  const embeddings = new Map<string, number[] | undefined>();
  for (const file of new Set(files)) {
    const { result: faces } = await process.ask<PeerFace[]>({ do: 'recognise', file });
    const size = ({ box: [x0, y0, x1, y1] }: PeerFace): number => (x1! - x0!) * (y1! - y0!);
    embeddings.set(file, faces.toSorted((a, b) => size(b) - size(a))[0]?.embedding);
  }
  const people = measureAccuracy(scoreAllPairs(portraits, embeddings)) * 100;
  const lfw = measureAccuracy(scoreFilePairs(pairs, embeddings)) * 100;
  const { result: memory } = await process.ask<number>({ do: 'memory' });
  results.push(
    result(
      `peers.${id}.portraits`,
      people,
      `% right, pairs of ${portraits.length} portraits, ${countFound(portraits, embeddings)} found`,
    ),
    result(`peers.${id}.lfw`, lfw, `% right, ${pairs.length} pairs of LFW`),
    result(`peers.${id}.memory`, memory, 'MB resident'),
  );
  return { 'portraits %': people.toFixed(1), 'LFW pairs %': lfw.toFixed(1), 'memory MB': memory.toFixed(0) };
}

function countFound(portraits: readonly LabelledFile[], embeddings: Embeddings): number {
  return portraits.filter(({ file }) => embeddings.get(file) !== undefined).length;
}

async function compareSearch(folder: string, size: number, rounds: number, table: Table): Promise<void> {
  const [file, probes] = [join(folder, 'vectors.f32'), join(folder, 'probes.f32')];
  const truth = writeVectors(file, probes, size, 64);
  const fill = { do: 'fill', file, probes, dimensions: DIMENSIONS };
  const lintel = await startLintel('int8');
  const ask = (process: PeerProcess, probe: number) =>
    process.ask<number[]>({ do: 'search', probe: probe % truth.length, limit: LIMIT });
  const describe = async (id: string, process: PeerProcess): Promise<Row['cells']> => {
    let hits = 0;
    for (const [probe, wanted] of truth.entries()) {
      const { result: rows } = await ask(process, probe);
      hits += rows.filter((row) => wanted.has(row)).length;
    }
    const recall = (hits / (truth.length * LIMIT)) * 100;
    const { result: memory } = await process.ask<number>({ do: 'memory' });
    table.results.push(result(`peers.${id}.recall`, recall, `% of the nearest ${LIMIT} of ${size}`));
    return { 'recall %': recall.toFixed(1), 'memory MB': memory.toFixed(0) };
  };
  try {
    await lintel.ask(fill);
    const own: Row = { title: 'Lintel, search', cells: await describe('lintel', lintel) };
    table.rows.push(own);
    for (const peer of await listSearchPeers(FOLDER)) {
      await withPeer(peer, table, async (process, { id, title }) => {
        await process.ask(fill);
        const cells = await describe(id, process);
        const measure = (one: PeerProcess) => {
          let probe = 0;
          return async (): Promise<number> => (await ask(one, probe++)).ms;
        };
        const pairs = await interleavePairs(rounds, measure(process), measure(lintel));
        table.results.push(pairedRatio(`peers.${id}.search`, pairs, `times the time of Lintel, ${size} vectors`));
        cells['1:N ms'] = median(pairs.map(({ a }) => a)).toFixed(2);
        own.cells['1:N ms'] = median(pairs.map(({ b }) => b)).toFixed(2);
        table.rows.push({ title, cells });
      });
    }
  } finally {
    lintel.stop();
  }
}

/**
 * Writes unit vectors, five of each person, and probes of enrolled people.
 * @returns for each probe the rows of its nearest vectors, by a scan in float64
 */
function writeVectors(file: string, probesFile: string, size: number, probes: number): Set<number>[] {
  const next = makeUpEmbeddings(3, DIMENSIONS);
  const alike = (person: Float32Array): Float32Array => {
    const noise = next();
    return normalise(person.map((value, i) => value + 0.75 * noise[i]!));
  };
  const vectors = new Float32Array(size * DIMENSIONS);
  const queries = new Float32Array(probes * DIMENSIONS);
  for (let row = 0, person = next(); row < size; row++) {
    if (row % 5 === 0) person = next();
    vectors.set(alike(person), row * DIMENSIONS);
    if (row % 5 === 0 && row / 5 < probes) queries.set(alike(person), (row / 5) * DIMENSIONS);
  }
  writeFileSync(file, vectors);
  writeFileSync(probesFile, queries);
  return Array.from({ length: probes }, (_, probe) => {
    const scores = Array.from({ length: size }, (__, row) => {
      let sum = 0;
      for (let i = 0; i < DIMENSIONS; i++) sum += vectors[row * DIMENSIONS + i]! * queries[probe * DIMENSIONS + i]!;
      return sum;
    });
    const least = scores.toSorted((a, b) => b - a)[LIMIT - 1]!;
    return new Set(scores.flatMap((score, row) => (score >= least ? [row] : [])));
  });
}

/** Starts a peer for some work. A peer that is missing, or fails, is named with the reason, and the bench goes on. */
async function withPeer(
  peer: Peer | MissingPeer,
  { missing }: Table,
  work: (process: PeerProcess, peer: Peer) => Promise<void>,
): Promise<void> {
  if ('reason' in peer) {
    missing.push(peer);
    return;
  }
  let process: PeerProcess | undefined;
  try {
    process = await PeerProcess.start(peer.command);
    await work(process, peer);
  } catch (error) {
    missing.push({ id: peer.id, title: peer.title, reason: pickReason((error as Error).message) });
  } finally {
    process?.stop();
  }
}

function printRows({ rows, missing }: Table): void {
  printTable([
    ['library', ...COLUMNS],
    ...rows.map(({ title, cells }) => [title, ...COLUMNS.map((column) => cells[column] ?? '-')]),
  ]);
  for (const { title, reason } of missing) console.log(`missing: ${title}: ${reason}`);
  console.log('one thread each; detect and recognise: CPU time with the decoding of the picture; 1:N: wall clock\n');
}
