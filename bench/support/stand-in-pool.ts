// A worker pool whose workers are stand-ins: threads that answer each job after a given time, and use no processor meanwhile.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { silentLog } from '../../src/domain/log.js';
import { getModelSet, loadManifest } from '../../src/models/manifest.js';
import { WorkerPool } from '../../src/vision/worker-pool.js';

/**
 * A frame takes the number of its capture in milliseconds, and a picture its number of bytes. The time is a timer's, so that more workers than
 * cores wait side by side, as they would compute side by side on more cores.
 */
const STAND_IN = `
import { parentPort } from 'node:worker_threads';
const face = { boxPx: { x0: 0, y0: 0, x1: 1, y1: 1 }, crop: undefined };
parentPort.on('message', ({ type, job }) => {
  if (type === 'close') return parentPort.close();
  if (type !== 'job') return;
  const tookMs = job.kind === 'frame' ? job.captureHandle : job.kind === 'image' ? job.bytes.length : job.crops.length;
  setTimeout(() => {
    const crop = new Uint8Array(37632);
    const result = { widthPx: 640, heightPx: 480, frameNumber: 1, capturedAtMs: 0, streamChanges: 0, faces: [{ ...face, crop }] };
    parentPort.postMessage({ type: 'result', result }, [crop.buffer]);
  }, tookMs).unref();
});
parentPort.postMessage({ type: 'ready', providers: [] });
`;

export interface StandInPool {
  pool: WorkerPool;
  stop: () => Promise<void>;
}

export async function startStandIns(options: {
  workers: number;
  cameras: number;
  queueLength?: number;
}): Promise<StandInPool> {
  const folder = mkdtempSync(join(tmpdir(), 'lintel-stand-ins-'));
  const file = join(folder, 'worker.mjs');
  writeFileSync(file, STAND_IN);
  const set = getModelSet(loadManifest(), 'standard');
  const fixed = { set, modelsDir: '', providers: ['cpu'], log: silentLog, workerFile: pathToFileURL(file) };
  const pool = new WorkerPool({ queueLength: 64, ...options, ...fixed });
  await pool.start(new AbortController().signal);
  return {
    pool,
    async stop() {
      await pool.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
