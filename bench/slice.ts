// The bench of the overhead: the time that Lintel adds to the bare models, as ratios measured in one run.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import sharp from 'sharp';
import { silentLog } from '../src/domain/log.js';
import { DEFAULT_MODELS_DIR, loadManifest, getModelSet, type Model, type ModelSet } from '../src/models/manifest.js';
import { readModel } from '../src/models/model-files.js';
import { ModelSession, type FloatTensor } from '../src/models/session.js';
import { loadAddon } from '../src/native/addon.js';
import { decodePicture } from '../src/vision/decode.js';
import { Embedder } from '../src/vision/embed.js';
import { Pipeline } from '../src/vision/pipeline.js';
import { WorkerPool } from '../src/vision/worker-pool.js';
import { facesDir, lfwDir, sharedModelsDir } from '../test/support/shared.js';
import { WORKER_FILE, toImage, startService, type Service } from '../test/support/service.js';
import { BareClient, encodePostRequest } from './support/http-client.js';
import { readPairs, readTar, tenFoldAccuracy } from './support/lfw.js';
import { cpuTimed, interleavePairs, timed, type Measure } from './support/pairs.js';
import { median, pairedRatio, result, type Result } from './support/report.js';

const DETECT = { embed: 0, mask: false, liveness: false };
const RECOGNISE = { embed: 1, mask: false, liveness: false };

export async function run({ short }: { short: boolean }): Promise<Result[]> {
  const modelsDir = sharedModelsDir ?? DEFAULT_MODELS_DIR;
  const set = getModelSet(loadManifest(), 'standard');
  const addon = loadAddon();
  const pipeline = await Pipeline.open({ addon, set, modelsDir, providers: ['cpu'] });
  const folder = mkdtempSync(join(tmpdir(), 'lintel-bench-'));
  try {
    const jpeg = await testPicture();
    const results = await stages(set, modelsDir, pipeline, jpeg, short ? 40 : 300);
    results.push(await batchRatio(set, modelsDir, pipeline, short ? 5 : 30));
    results.push(await restRatio(folder, modelsDir, set, jpeg, short ? 60 : 400));
    results.push(...(await workersScaling(folder, modelsDir, jpeg, short ? 5 : 15)));
    results.push(await lfwAccuracy(set, modelsDir));
    return results;
  } finally {
    await pipeline.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Makes a JPEG of a person before a door: 640 x 480, with one face of about a third of the height. */
async function testPicture(): Promise<Buffer> {
  if (facesDir === undefined) throw new Error('the bench needs ../shared/faces');
  const [person] = readdirSync(join(facesDir, 'people'));
  const [photo] = readdirSync(join(facesDir, 'people', person!));
  const face = await sharp(join(facesDir, 'people', person!, photo!))
    .resize(240, 240)
    .toBuffer();
  return sharp({
    create: {
      width: 640,
      height: 480,
      channels: 3,
      background: '#000',
      noise: { type: 'gaussian', mean: 120, sigma: 60 },
    },
  })
    .blur(6)
    .composite([{ input: face, left: 200, top: 120 }])
    .jpeg({ quality: 85 })
    .toBuffer();
}

/** Makes a run of a bare model at this size. */
async function openBare(model: Model, modelsDir: string, widthPx: number, heightPx: number): Promise<ModelSession> {
  return ModelSession.create(model.file, await readModel(modelsDir, model), {
    providers: ['cpu'],
    warmUp: makeFeeds(model, widthPx, heightPx),
  });
}

function makeFeeds(model: Model, widthPx: number, heightPx: number): Record<string, FloatTensor> {
  const data = Float32Array.from({ length: 3 * widthPx * heightPx }, (_, i) => (i * 7) % 255);
  return { [model.input.name]: { data, dims: [1, 3, heightPx, widthPx] } };
}

/**
 * Compares recognising one face in a picture with bare runs of the detector at 640 x 480 and of the embedder. By processor time: other programs
 * on the machine do not count.
 */
async function stages(
  set: ModelSet,
  modelsDir: string,
  pipeline: Pipeline,
  jpeg: Buffer,
  rounds: number,
): Promise<Result[]> {
  const addon = loadAddon();
  const { faces } = await pipeline.analyseImage(jpeg, RECOGNISE);
  if (faces.length !== 1 || !faces[0]!.embedding) throw new Error(`the test picture has ${faces.length} faces`);
  const sessions: ModelSession[] = [];
  const bare = async (model: Model, widthPx: number, heightPx: number): Promise<Measure> => {
    const session = await openBare(model, modelsDir, widthPx, heightPx);
    sessions.push(session);
    const feeds = makeFeeds(model, widthPx, heightPx);
    return cpuTimed(() => session.run(feeds));
  };
  const detector = await bare(set.detector, 640, 480);
  const embedder = await bare(set.embedder, 112, 112);
  const decode = cpuTimed(async () => (await decodePicture(jpeg, addon)).release());
  const detect = cpuTimed(() => pipeline.analyseImage(jpeg, DETECT));
  const recognise = cpuTimed(() => pipeline.analyseImage(jpeg, RECOGNISE));
  const both = async (): Promise<number> => (await detector()) + (await embedder());
  const few = Math.ceil(rounds / 4);
  const recognised = await interleavePairs(rounds, recognise, both);
  const decoded = await interleavePairs(few, decode, both);
  const detected = await interleavePairs(few, detect, detector);
  const embedded = await interleavePairs(few, embedder, detector);
  for (const session of sessions) await session.release();
  return [
    result('vision.bare.detector', median(embedded.map(({ b }) => b)), 'ms'),
    result('vision.bare.embedder', median(embedded.map(({ a }) => a)), 'ms'),
    pairedRatio('vision.decode.share', decoded, 'of bare detector and embedder'),
    pairedRatio('vision.detect.ratio', detected, 'of the bare detector'),
    pairedRatio('vision.ratio', recognised, 'of bare detector and embedder', ['<=', 1]),
  ];
}

/** Compares one job that embeds twenty faces with twenty bare runs of the embedder, by processor time. */
async function batchRatio(set: ModelSet, modelsDir: string, pipeline: Pipeline, rounds: number): Promise<Result> {
  const { widthPx, heightPx } = set.embedder.input;
  const feeds = makeFeeds(set.embedder, widthPx, heightPx);
  const session = await openBare(set.embedder, modelsDir, widthPx, heightPx);
  const crops = Array.from({ length: 20 }, (_, face) =>
    Uint8Array.from({ length: 3 * widthPx * heightPx }, (__, i) => (i * (face + 3)) % 251),
  );
  const pairs = await interleavePairs(
    rounds,
    cpuTimed(() => pipeline.embedCrops(crops)),
    cpuTimed(async () => {
      for (let i = 0; i < crops.length; i++) await session.run(feeds);
    }),
  );
  await session.release();
  return pairedRatio('vision.batch20.ratio', pairs, 'of bare', ['<=', 1.1]);
}

/**
 * Compares the latency of REST requests, one at a time, with the same work of a worker pool in this process. Both processes are warm before
 * the measurement.
 */
async function restRatio(
  folder: string,
  modelsDir: string,
  set: ModelSet,
  jpeg: Buffer,
  rounds: number,
): Promise<Result> {
  const pool = new WorkerPool({
    set,
    modelsDir,
    providers: ['cpu'],
    workers: 1,
    queueLength: 1,
    log: silentLog,
    workerFile: WORKER_FILE,
  });
  await pool.start(new AbortController().signal);
  const service = await startService({ folder: join(folder, 'rest'), modelsDir, config: { vision: { workers: 1 } } });
  const detect = await detectClient(service, jpeg);
  try {
    for (let i = 0; i < 300; i++) await detect.run();
    const inProcess = timed(() => pool.analyseImage(jpeg, DETECT));
    const pairs = await interleavePairs(rounds, timed(detect.run), inProcess);
    return pairedRatio('rest.detect.ratio', pairs, 'of the same work in process', ['<=', 1.25]);
  } finally {
    detect.close();
    await service.stop();
    await pool.stop();
  }
}

/**
 * Compares the requests per second of two workers on two cores with those of one worker on one core, in short turns. The clients run on the
 * same cores. In `workers.scaling.free` the one worker has two cores as well, and the main thread and the clients use the second one: two
 * workers then gain less.
 */
async function workersScaling(folder: string, modelsDir: string, jpeg: Buffer, turns: number): Promise<Result[]> {
  const start = (name: string, workers: number, cpus?: string): Promise<Service> =>
    startService({
      folder: join(folder, name),
      modelsDir,
      config: { vision: { workers } },
      ...(cpus === undefined ? {} : { cpus }),
    });
  const services = [await start('one', 1, '0'), await start('free', 1), await start('two', 2, '0,1')];
  const clients = await Promise.all(
    services.map((service) => Promise.all(Array.from({ length: 4 }, () => detectClient(service, jpeg)))),
  );
  try {
    for (const client of clients) await throughput(client, 2_000);
    const [one, free, two] = clients.map((some) => () => throughput(some, 1_000));
    // Both ratios have their own pairs, so that the two sides of each pair come directly after each other.
    const scaling = await interleavePairs(turns, two!, () => onOneCore(one!));
    const scalingFree = await interleavePairs(turns, two!, free!);
    return [
      pairedRatio('workers.scaling', scaling, 'requests per second, two workers of one', ['>=', 1.8]),
      pairedRatio('workers.scaling.free', scalingFree, 'the same, one worker with two cores'),
    ];
  } finally {
    for (const client of clients.flat()) client.close();
    for (const service of services) await service.stop();
  }
}

/** Measures while this process, which holds the clients, runs on the core of the service. */
async function onOneCore<T>(measure: () => Promise<T>): Promise<T> {
  const pin = (cpus: string): void => {
    execFileSync('taskset', ['-a', '-p', '-c', cpus, String(process.pid)], { stdio: 'ignore' });
  };
  pin('0');
  try {
    return await measure();
  } finally {
    pin('0,1');
  }
}

async function throughput(clients: readonly DetectClient[], ms: number): Promise<number> {
  let count = 0;
  const start = performance.now();
  const until = start + ms;
  await Promise.all(
    clients.map(async (client) => {
      while (performance.now() < until) {
        if (await client.run()) count++;
      }
    }),
  );
  return count / (performance.now() - start);
}

interface DetectClient {
  /** @returns false where the service was too busy, because other programs had the machine */
  run: () => Promise<boolean>;
  close: () => void;
}

async function detectClient(service: Service, jpeg: Buffer): Promise<DetectClient> {
  const client = await BareClient.connect(service.url);
  const request = encodePostRequest(`${service.base}/detect`, detectBody(jpeg));
  return {
    async run() {
      const answer = await client.send(request);
      if (answer.includes('"isSuccessful":true')) return true;
      if (answer.includes('"resultCode":-50300,')) return false;
      throw new Error(answer.slice(0, 300));
    },
    close: () => client.close(),
  };
}

function detectBody(jpeg: Buffer): Buffer {
  return Buffer.from(JSON.stringify({ image: toImage(jpeg), orientation: false, mask: false }));
}

/** Computes the 10-fold accuracy over the aligned LFW crops, with Lintel's own code for decoding, tensors and sessions. */
async function lfwAccuracy(set: ModelSet, modelsDir: string): Promise<Result> {
  if (lfwDir === undefined) throw new Error('the bench needs ../shared/lfw');
  const model = set.embedder;
  const { widthPx, heightPx, name } = model.input;
  const session = await ModelSession.create(model.file, await readModel(modelsDir, model), {
    providers: ['cpu'],
    warmUp: { [name]: { data: new Float32Array(3 * widthPx * heightPx), dims: [1, 3, heightPx, widthPx] } },
  });
  const addon = loadAddon();
  const embedder = new Embedder({ addon, session, model });
  const embeddings = new Map<string, Float32Array>();
  for (const [path, bytes] of readTar(join(lfwDir, 'lfw_pairs_112.tar'))) {
    const image = await decodePicture(bytes, addon);
    const crop = new Uint8Array(widthPx * heightPx * 3);
    addon.warp(image, crop, { widthPx, heightPx, matrix: [1, 0, 0, 0, 1, 0], border: 'constant' });
    image.release();
    embeddings.set(basename(path).replace(/\.\w+$/, ''), (await embedder.embed(crop)).embedding);
  }
  await session.release();
  const accuracy = tenFoldAccuracy(readPairs(join(lfwDir, 'pairs.txt')), embeddings);
  return result('lfw.accuracy', accuracy * 100, '%', ['>=', 99.3]);
}
