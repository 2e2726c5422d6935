// The bench of the overhead: the time that Lintel adds to the bare models, as ratios measured in one run.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { silentLog } from '../src/domain/log.js';
import { DEFAULT_MODELS_DIR, loadManifest, getModelSet, type ModelSet } from '../src/models/manifest.js';
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
import { fillGallery } from './support/fill-gallery.js';
import { readPairs, readTar, tenFoldAccuracy } from './support/lfw.js';
import { interleave, median, result, type Result } from './support/report.js';

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
    results.push(...(await memory(folder, modelsDir, jpeg)));
    results.push(await lfwAccuracy(set, modelsDir));
    results.push(...(await secondStart(folder)));
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

async function stages(
  set: ModelSet,
  modelsDir: string,
  pipeline: Pipeline,
  jpeg: Buffer,
  rounds: number,
): Promise<Result[]> {
  const addon = loadAddon();
  const bare = async (
    task: 'detector' | 'embedder',
    widthPx: number,
    heightPx: number,
  ): Promise<() => Promise<unknown>> => {
    const model = set[task];
    const data = Float32Array.from({ length: 3 * widthPx * heightPx }, (_, i) => (i * 7) % 255);
    const feeds: Record<string, FloatTensor> = { [model.input.name]: { data, dims: [1, 3, heightPx, widthPx] } };
    const session = await ModelSession.create(model.file, await readModel(modelsDir, model), {
      providers: ['cpu'],
      warmUp: feeds,
    });
    return () => session.run(feeds);
  };
  const { faces } = await pipeline.analyseImage(jpeg, RECOGNISE);
  if (faces.length !== 1 || !faces[0]!.embedding) throw new Error(`the test picture has ${faces.length} faces`);
  const times = await interleave(rounds, {
    detector: await bare('detector', 640, 480),
    embedder: await bare('embedder', 112, 112),
    decode: async () => (await decodePicture(jpeg, addon)).release(),
    detect: () => pipeline.analyseImage(jpeg, DETECT),
    recognise: () => pipeline.analyseImage(jpeg, RECOGNISE),
  });
  const ms = Object.fromEntries(Object.entries(times).map(([name, values]) => [name, median(values)]));
  const bareMs = ms.detector! + ms.embedder!;
  // Each round has its own ratio, so that a machine that slows down for a while has no effect.
  const ratios = times.recognise.map((value, i) => value / (times.detector[i]! + times.embedder[i]!));
  return [
    result('vision.bare.detector', ms.detector!, 'ms'),
    result('vision.bare.embedder', ms.embedder!, 'ms'),
    result('vision.decode.share', ms.decode! / bareMs, 'of bare'),
    result('vision.detect.ratio', ms.detect! / ms.detector!, 'ratio'),
    result('vision.ratio', median(ratios), 'ratio', ['<=', 1.35]),
  ];
}

/** Compares one job that embeds twenty faces with twenty bare runs of the embedder. */
async function batchRatio(set: ModelSet, modelsDir: string, pipeline: Pipeline, rounds: number): Promise<Result> {
  const model = set.embedder;
  const { name, widthPx, heightPx } = model.input;
  const data = Float32Array.from({ length: 3 * widthPx * heightPx }, (_, i) => (i * 7) % 255);
  const feeds = { [name]: { data, dims: [1, 3, heightPx, widthPx] } };
  const session = await ModelSession.create(model.file, await readModel(modelsDir, model), {
    providers: ['cpu'],
    warmUp: feeds,
  });
  const crops = Array.from({ length: 20 }, (_, face) =>
    Uint8Array.from({ length: 3 * widthPx * heightPx }, (__, i) => (i * (face + 3)) % 251),
  );
  const times = await interleave(rounds, {
    bare: async () => {
      for (let i = 0; i < crops.length; i++) await session.run(feeds);
    },
    batch: () => pipeline.embedCrops(crops),
  });
  await session.release();
  const ratios = times.batch.map((value, i) => value / times.bare[i]!);
  return result('vision.batch20.ratio', median(ratios), 'ratio', ['<=', 1.1]);
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
    const times = await interleave(rounds, {
      rest: detect.run,
      inProcess: () => pool.analyseImage(jpeg, DETECT),
    });
    const ratios = times.rest.map((value, i) => value / times.inProcess[i]!);
    return result('rest.detect.ratio', median(ratios), 'ratio', ['<=', 1.25]);
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
    const ratios: { one: number; free: number }[] = [];
    for (let turn = 0; turn < turns; turn++) {
      const [one, free, two] = [
        await onOneCore(() => throughput(clients[0]!, 1_000)),
        await throughput(clients[1]!, 1_000),
        await throughput(clients[2]!, 1_000),
      ];
      ratios.push({ one: two / one, free: two / free });
    }
    return [
      result('workers.scaling', median(ratios.map((r) => r.one)), 'ratio', ['>=', 1.8]),
      result('workers.scaling.free', median(ratios.map((r) => r.free)), 'ratio'),
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
        await client.run();
        count++;
      }
    }),
  );
  return count / (performance.now() - start);
}

interface DetectClient {
  run: () => Promise<void>;
  close: () => void;
}

async function detectClient(service: Service, jpeg: Buffer): Promise<DetectClient> {
  const client = await BareClient.connect(service.url);
  const request = encodePostRequest(`${service.base}/detect`, detectBody(jpeg));
  return {
    async run() {
      const answer = await client.send(request);
      if (!answer.includes('"isSuccessful":true')) throw new Error(answer.slice(0, 300));
    },
    close: () => client.close(),
  };
}

function detectBody(jpeg: Buffer): Buffer {
  return Buffer.from(JSON.stringify({ image: toImage(jpeg), orientation: false, mask: false }));
}

async function memory(folder: string, modelsDir: string, jpeg: Buffer): Promise<Result[]> {
  const home = join(folder, 'memory');
  const config = { vision: { workers: 2 } };
  // The first start creates the keys, and the appKey that owns the faces.
  // The precision is chosen as for a user: the choice costs time and memory too.
  const options = { folder: home, modelsDir, precision: 'auto', config } as const;
  await (await startService(options)).stop();
  await fillGallery(home, 'ten-thousand', 10_000);
  const service = await startService(options);
  try {
    const picture = { image: toImage(jpeg) };
    // The mask and liveness models run on both workers as well before the memory is read.
    for (let i = 0; i < 50; i++) {
      await Promise.all([
        service.call('POST', '/groups/ten-thousand/search', picture),
        service.call('POST', '/detect', { ...picture }),
      ]);
    }
    const details = await service.call('GET', '/groups/ten-thousand');
    const faces = (details.data as { groups: { faceCount: number }[] }).groups[0]!.faceCount;
    if (faces !== 10_000) throw new Error(`the gallery has ${faces} faces`);
    const status = readFileSync(`/proc/${service.pid}/status`, 'utf8');
    const megabytes = (field: string): number =>
      (Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1] ?? Number.NaN) * 1024) / 1e6;
    return [
      result('memory.rss', megabytes('VmRSS'), 'MB', ['<', 450]),
      result('memory.peak', megabytes('VmHWM'), 'MB'),
      result('start.10k', service.startMs, 'ms to ready with 10,000 faces'),
    ];
  } finally {
    await service.stop();
  }
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

/** Measures the second ./scripts/start of a checkout: from the command until /readyz answers. */
async function secondStart(folder: string): Promise<Result[]> {
  const root = fileURLToPath(new URL('../', import.meta.url));
  const home = join(folder, 'start');
  const modelsDir = sharedModelsDir ?? DEFAULT_MODELS_DIR;
  await (await startService({ folder: home, modelsDir, precision: 'auto' })).stop();
  // The set-up (packages, build, models) is already done, as for a second start.
  const modelsFrom = sharedModelsDir ?? '';
  execFileSync(join(root, 'scripts/setup'), {
    stdio: 'inherit',
    env: { LINTEL_MODELS_FROM: modelsFrom, ...process.env },
  });
  const times: number[] = [];
  for (let i = 0; i < 3; i++) {
    const start = performance.now();
    const child = spawn(join(root, 'scripts/start'), ['--config', join(home, 'lintel.yaml')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise<void>((resolve, reject) => {
      let seen = '';
      child.stdout.on('data', (chunk: Buffer) => {
        seen += chunk.toString();
        if (seen.includes('"msg":"ready"')) resolve();
      });
      child.once('exit', () => reject(new Error(`scripts/start ended before it was ready:\n${seen}`)));
    });
    times.push((performance.now() - start) / 1000);
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await exited;
  }
  return [result('start.second', median(times), 's', ['<', 2])];
}
