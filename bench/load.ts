// The bench of search by image under load: throughput, latency, errors and wrong answers by number of clients; --soak: memory over 10 min.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { encodePicture } from '../tools/rendered-people/clip-file.js';
import { renderPortrait } from '../tools/rendered-people/demo-clip.js';
import { DISTINCT_SEEDS } from '../tools/rendered-people/distinct-seeds.js';
import { DEFAULT_MODELS_DIR } from '../src/models/manifest.js';
import { loadAddon } from '../src/native/addon.js';
import { sharedModelsDir } from '../test/support/shared.js';
import { toImage, startService, type Service } from '../test/support/service.js';
import { BareClient, encodePostRequest } from './support/http-client.js';
import { median, pairedRatio, result, type Result } from './support/report.js';

const CLIENTS = [1, 8, 32, 128] as const;
/** Number of clients at which every worker always has a picture waiting. */
const SATURATED = 8;
const GROUP = 'door';
const TURNS = 6;
const SOAK_CLIENTS = 8;

/** A picture to search with, and the expected answer. */
interface Probe {
  request: Buffer;
  /** Text that every right answer contains; for a stranger it says that there are no matches. */
  expected: string;
}

interface Tally {
  right: number;
  wrong: number;
  /** -50300: the queue was full. */
  busy: number;
  /** Any other error, and connections that broke. */
  errors: number;
  latenciesMs: number[];
  /** Time from the first request to the last answer. */
  seconds: number;
}

export async function run({ short, soak }: { short: boolean; soak: boolean }): Promise<Result[]> {
  const folder = mkdtempSync(join(tmpdir(), 'lintel-bench-'));
  const service = await startService({ folder, modelsDir: sharedModelsDir ?? DEFAULT_MODELS_DIR });
  try {
    const probes = await enrolPeople(service);
    await load(service, SATURATED, probes, 2_000);
    if (soak) return await soaked(service, probes, short ? 60 : 600);
    return await levels(service, probes, (short ? 5_000 : 30_000) / TURNS);
  } finally {
    await service.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Enrols all made-up people but the last one. @returns probes: other pictures of all of them */
async function enrolPeople(service: Service): Promise<Probe[]> {
  const addon = loadAddon();
  const portrait = (seed: number, other = false): Buffer =>
    encodePicture(
      other ? renderPortrait(seed, { pose: { yaw: -12, pitch: 4 }, background: 5, facePx: 150 }) : renderPortrait(seed),
      addon,
    );
  const search = `${service.base}/groups/${GROUP}/search?limit=1&threshold=90`;
  await service.call('POST', '/groups', { groupId: GROUP });
  const probes: Probe[] = [];
  for (const seed of DISTINCT_SEEDS) {
    const body = Buffer.from(JSON.stringify({ image: toImage(portrait(seed, true)) }));
    let expected = '"matchFaceCount":0';
    if (seed !== DISTINCT_SEEDS.at(-1)) {
      const answer = await service.call('POST', `/groups/${GROUP}`, { image: toImage(portrait(seed)), limit: 1 });
      const { addedFaces } = answer.data as { addedFaces: { faceId: string }[] };
      if (addedFaces.length !== 1) throw new Error(`person ${seed} could not be enrolled`);
      expected = `"faceId":"${addedFaces[0]!.faceId}"`;
    }
    probes.push({ request: encodePostRequest(search, body), expected });
  }
  const client = await BareClient.connect(service.url);
  for (const { request, expected } of probes) {
    const answer = await client.send(request);
    if (!answer.includes(expected)) throw new Error(`a search gives a wrong answer even without load: ${answer}`);
  }
  client.close();
  return probes;
}

/** Measures all numbers of clients in turns, so that they see the same state of the machine. */
async function levels(service: Service, probes: readonly Probe[], turnMs: number): Promise<Result[]> {
  const tallies = new Map<number, Tally[]>(CLIENTS.map((count) => [count, []]));
  for (let turn = 0; turn < TURNS; turn++) {
    const order = turn % 2 === 0 ? CLIENTS : CLIENTS.toReversed();
    for (const count of order) tallies.get(count)?.push(await load(service, count, probes, turnMs));
  }
  const results: Result[] = [];
  const sums = { wrong: 0, errors: 0, busy: 0 };
  for (const [count, turns] of tallies) {
    const throughput = median(turns.map(({ right, seconds }) => right / seconds));
    const latencies = turns.flatMap(({ latenciesMs }) => latenciesMs).toSorted((a, b) => a - b);
    const total = (field: 'busy' | 'errors' | 'wrong'): number => turns.reduce((sum, tally) => sum + tally[field], 0);
    for (const field of ['busy', 'errors', 'wrong'] as const) sums[field] += total(field);
    results.push(
      result(`load.${count}.throughput`, throughput, 'right answers/s'),
      result(`load.${count}.p50.ms`, quantile(latencies, 0.5), 'ms'),
      result(`load.${count}.p99.ms`, quantile(latencies, 0.99), 'ms'),
      result(`load.${count}.busy`, total('busy'), 'answers -50300'),
    );
    if (count === SATURATED) results.push(result('load.p99.ms', quantile(latencies, 0.99), `ms, ${count} clients`));
  }
  const rate = ({ right, seconds }: Tally): number => right / seconds;
  const fewest = tallies.get(SATURATED)!;
  const flat = CLIENTS.filter((count) => count > SATURATED)
    .map((count) => tallies.get(count)!.map((tally, turn) => ({ a: rate(tally), b: rate(fewest[turn]!) })))
    .map((pairs) =>
      pairedRatio('load.flat', pairs, `throughput of that with ${SATURATED} clients, the worst`, ['>=', 0.9]),
    );
  results.push(
    flat.reduce((worst, one) => (one.value < worst.value ? one : worst)),
    result('load.wrong', sums.wrong, 'answers', ['<=', 0]),
    result('load.errors', sums.errors, 'answers other than -50300', ['<=', 0]),
    result('load.busy', sums.busy, 'answers -50300'),
  );
  return results;
}

/** Runs the clients. Each one sends its next picture as soon as it has an answer; after a ServerBusy it waits for Retry-After first. */
async function load(service: Service, count: number, probes: readonly Probe[], ms: number): Promise<Tally> {
  const tally: Tally = { right: 0, wrong: 0, busy: 0, errors: 0, latenciesMs: [], seconds: 0 };
  // New connections: the service closes a connection that sends nothing in its first ten seconds.
  const clients = await Promise.all(Array.from({ length: count }, () => BareClient.connect(service.url)));
  const started = performance.now();
  await Promise.all(
    clients.map(async (client, index) => {
      for (let i = index; performance.now() - started < ms; i++) {
        const { request, expected } = probes[i % probes.length]!;
        const sent = performance.now();
        const answer = await client.send(request).catch(() => '');
        if (answer.includes('"resultCode":0,')) {
          tally.latenciesMs.push(performance.now() - sent);
          if (answer.includes(expected)) tally.right++;
          else tally.wrong++;
        } else if (answer.includes('"resultCode":-50300,')) {
          tally.busy++;
          await delay(Math.min(RETRY_AFTER_MS, Math.max(0, ms - (performance.now() - started))));
        } else {
          tally.errors++;
          // The connection is broken: further requests would only count as errors, as fast as possible.
          if (answer === '') return;
        }
      }
    }),
  );
  tally.seconds = (performance.now() - started) / 1000;
  for (const client of clients) client.close();
  return tally;
}

/** Value of Retry-After in every answer -50300; test/api checks it. */
const RETRY_AFTER_MS = 1_000;

async function soaked(service: Service, probes: readonly Probe[], seconds: number): Promise<Result[]> {
  const parts = 20;
  const rssMb: number[] = [];
  const sums = { right: 0, wrong: 0, errors: 0 };
  for (let part = 0; part < parts; part++) {
    const tally = await load(service, SOAK_CLIENTS, probes, (seconds * 1000) / parts);
    for (const field of ['right', 'wrong', 'errors'] as const) sums[field] += tally[field];
    const status = readFileSync(`/proc/${service.pid}/status`, 'utf8');
    rssMb.push((Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN) * 1024) / 1e6);
  }
  // The first fifth is the warm-up of heaps and compilers.
  const [early, late] = [median(rssMb.slice(4, 8)), median(rssMb.slice(-4))];
  return [
    result('soak.answers', sums.right, 'right answers'),
    result('soak.memory.early.mb', early, 'MB, second fifth'),
    result('soak.memory.late.mb', late, 'MB, last fifth'),
    result('soak.memory', late / early, 'late of early', ['<=', 1.05]),
    result('load.wrong', sums.wrong, 'answers', ['<=', 0]),
    result('load.errors', sums.errors, 'answers', ['<=', 0]),
  ];
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted.length === 0 ? Number.NaN : sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!;
}
