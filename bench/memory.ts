// The bench of memory: what the service holds with all its processes, at a door and after large stills; --soak: whether it grows.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { renderClip } from '../tools/rendered-people/clip-file.js';
import { DEFAULT_MODELS_DIR } from '../src/models/manifest.js';
import { loadAddon } from '../src/native/addon.js';
import { sharedModelsDir } from '../test/support/shared.js';
import { startService, toImage, type Service } from '../test/support/service.js';
import { CLIP_MS, describeCamera, makeClip, SEEN_MS } from './support/door-stage.js';
import { fillGallery } from './support/fill-gallery.js';
import { makeLargeStills } from './support/large-stills.js';
import { MAPPINGS, readMemory, readPeak, type ProcessMemory } from './support/process-memory.js';
import { printTable, result, type Result } from './support/report.js';

const GROUP = 'door';
const FACES = 10_000;
const SHAPES = 60;
const STILLS = 300;
const CLIENTS = 4;
/** The queue was full, or the picture has waited for too long: the machine is busy with something else. A decoder is too slow then as well. */
const SERVER_BUSY = -50300;
/** Time after the start, and after the last still, in which the service may return what it has freed. */
const SETTLE_MS = 10_000;
/** Rounds of the soak run. The first two bring each buffer to its size. */
const SOAK_ROUNDS = 8;
const WARM_ROUNDS = 2;

/** A reading of the memory with its name in the table. */
type Reading = readonly [name: string, memory: ProcessMemory];

export async function run({ short, soak }: { short: boolean; soak: boolean }): Promise<Result[]> {
  const folder = mkdtempSync(join(tmpdir(), 'lintel-bench-'));
  const home = join(folder, 'home');
  // The precision is chosen as for a user: the choice takes memory too.
  const options = { folder: home, modelsDir: sharedModelsDir ?? DEFAULT_MODELS_DIR, precision: 'auto' } as const;
  try {
    const none = await startService({ ...options, config: { vision: { workers: 1 } } });
    await delay(SETTLE_MS);
    const readings: Reading[] = [['none', readMemory(none.pid)]];
    await none.stop();
    await fillGallery(home, GROUP, FACES);
    const clip = join(folder, 'clip.avi');
    const scene = { name: 'door', widthPx: 640, heightPx: 480, faces: 1 } as const;
    await renderClip(makeClip(scene, CLIP_MS, SEEN_MS), clip, { addon: loadAddon() });
    const cameras = [describeCamera('bench', clip, {})];
    const service = await startService({ ...options, config: { vision: { workers: 2 }, cameras } });
    try {
      return soak
        ? await soaked(service, short ? SOAK_ROUNDS / 2 : SOAK_ROUNDS)
        : await measured(service, readings, short);
    } finally {
      await service.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measured(service: Service, readings: Reading[], short: boolean): Promise<Result[]> {
  const stills = await makeLargeStills(SHAPES);
  await useEveryModel(service);
  await delay(SETTLE_MS);
  readings.push(['door', readMemory(service.pid)]);
  // A short run has each shape once.
  await sendStills(service, stills, short ? SHAPES : STILLS);
  await delay(SETTLE_MS);
  readings.push(['mixed', readMemory(service.pid)]);
  printComposition(readings);
  const [none, door, mixed] = readings.map(([, memory]) => memory);
  return [
    result('memory.none', toMb(none?.rss), 'MB, one worker, nobody enrolled'),
    result('memory.rss', toMb(door?.rss), 'MB, two workers, 10,000 faces, a camera', ['<=', 220]),
    result('memory.private', toMb(door?.private), 'MB of it that no other process shares'),
    result('memory.mixed.mb', toMb(mixed?.rss), 'MB, 10 s after large stills of 60 shapes', ['<=', 300]),
    result('memory.mixed.private', toMb(mixed?.private), 'MB of it that no other process shares'),
    result('memory.peak', toMb(readPeak(service.pid)), 'MB, without the decoder processes'),
  ];
}

/** Runs the same mixed load again and again, and compares the memory after the last round with that after the warm-up. */
async function soaked(service: Service, rounds: number): Promise<Result[]> {
  const stills = await makeLargeStills(SHAPES);
  await useEveryModel(service);
  const readings: Reading[] = [];
  for (let round = 1; round <= rounds; round++) {
    await sendStills(service, stills, SHAPES);
    await delay(SETTLE_MS);
    readings.push([`round ${round}`, readMemory(service.pid)]);
  }
  printComposition(readings);
  const early = readings[WARM_ROUNDS - 1]?.[1].private ?? Number.NaN;
  const late = readings.at(-1)?.[1].private ?? Number.NaN;
  return [
    result('memory.soak.early.mb', toMb(early), 'private MB after the second round'),
    result('memory.soak.late.mb', toMb(late), 'private MB after the last round'),
    result('memory.soak', late / early, 'late of early', ['<=', 1.1]),
  ];
}

/** Has both workers run all models, with small stills. */
async function useEveryModel(service: Service): Promise<void> {
  const [still] = await makeLargeStills(1);
  const body = { image: toImage(still!) };
  for (let i = 0; i < 20; i++) {
    await Promise.all([send(service, `/groups/${GROUP}/search`, body), send(service, '/detect', body)]);
  }
}

/** Sends stills in turn, from several clients at once: every third one is searched, the others are analysed. */
async function sendStills(service: Service, stills: readonly Buffer[], count: number): Promise<void> {
  const bodies = stills.map((still) => ({ image: toImage(still) }));
  let next = 0;
  const client = async (): Promise<void> => {
    for (let i = next++; i < count; i = next++) {
      await send(service, i % 3 === 0 ? `/groups/${GROUP}/search` : '/detect', bodies[i % bodies.length]!);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
}

/** @throws Error where the service does not do the work: the memory of refused pictures says nothing */
async function send(service: Service, path: string, body: unknown): Promise<void> {
  const { header } = await service.call('POST', path, body);
  if (header.resultCode === SERVER_BUSY || header.detail?.includes('cannot be decoded within')) {
    await delay(1_000);
    return send(service, path, body);
  }
  if (!header.isSuccessful) throw new Error(`${path} was answered with ${header.resultCode}: ${header.detail ?? ''}`);
}

function printComposition(readings: readonly Reading[]): void {
  const format = (bytes: number): string => toMb(bytes).toFixed(0);
  printTable([
    ['MB', 'rss', 'pss', 'private', ...MAPPINGS, 'processes'],
    ...readings.map(([name, memory]) => [
      name,
      ...[memory.rss, memory.pss, memory.private].map(format),
      ...MAPPINGS.map((mapping) => format(memory.byMapping[mapping].rss)),
      String(memory.processes),
    ]),
  ]);
  console.log();
}

function toMb(bytes = Number.NaN): number {
  return bytes / 1e6;
}
