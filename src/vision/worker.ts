// A vision worker thread: one pipeline, one job at a time.
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import type { Face } from '../domain/face.js';
import { loadAddon, type Addon } from '../native/addon.js';
import { DecoderProcess } from './decoder-process.js';
import { encodeFrame } from './frame-jpeg.js';
import { JobControl } from './job-control.js';
import type { OtherLoading } from './other-embedders.js';
import { Pipeline } from './pipeline.js';
import {
  toWireError,
  type FromWorker,
  type Job,
  type JobResults,
  type ToWorker,
  type WorkerData,
} from './worker-protocol.js';

if (!parentPort) throw new TypeError('the vision worker runs in a worker thread only');
const port = parentPort;
/** Messages that came before the worker was ready. */
const early: ToWorker[] = [];

// Without an await at the top: the bundle that scripts/build-service.mjs makes cannot have one.
void begin().catch((error: unknown) => {
  post({ type: 'failed', error: toWireError(error) });
  port.close();
});

async function begin(): Promise<void> {
  const addon = loadAddon();
  const { controlMemory, niceness, ...setup } = (workerData as WorkerData | undefined) ?? (await receiveData());
  if (niceness !== undefined) lowerPriority(niceness);
  const decoder = new DecoderProcess();
  const control = new JobControl(controlMemory);
  const onOther = (loading: OtherLoading): void => post({ type: 'other', loading });
  const pipeline = await Pipeline.open({ addon, ...setup, onOther, decoder, control });
  let running: Promise<void> = Promise.resolve();
  const handle = (message: ToWorker): void => {
    if (message.type === 'cancel') return decoder.abandon();
    if (message.type === 'close') {
      void running
        .then(() => pipeline.close())
        .finally(() => {
          decoder.abandon();
          port.close();
        });
      return;
    }
    if (message.type === 'tidy') {
      running = running.then(() => {
        pipeline.dropBuffers();
        // Where V8 has begun to mark, the first time leaves what was made since.
        addon.collectGarbage();
        addon.collectGarbage();
        post({ type: 'tidied' });
      });
      return;
    }
    running = perform(addon, pipeline, message.job).then(
      (result) => post({ type: 'result', result }, listBuffers(result)),
      (error: unknown) => post({ type: 'error', error: toWireError(error) }),
    );
  };
  port.on('message', handle);
  port.off('message', keep);
  early.forEach(handle);
  post({ type: 'ready', providers: pipeline.providers });
}

/** Waits for the data of a worker that was started before they were known. A message that follows them is kept until the worker is ready. */
function receiveData(): Promise<WorkerData> {
  return new Promise((resolve) => {
    port.once('message', (data: WorkerData) => {
      port.on('message', keep);
      resolve(data);
    });
  });
}

function keep(message: ToWorker): void {
  early.push(message);
}

/** Lowers the priority of this thread: on Linux, setpriority with 0 changes the calling thread alone. */
function lowerPriority(niceness: number): void {
  try {
    setPriority(niceness);
  } catch {
    // A filter of system calls may forbid it: then the worker competes like any other thread.
  }
}

async function perform(addon: Addon, pipeline: Pipeline, job: Job): Promise<JobResults[keyof JobResults]> {
  switch (job.kind) {
    case 'image':
      return pipeline.analyseImage(job.bytes, job.options);
    case 'frame':
      return pipeline.analyseFrame(job.captureHandle, job.options, (early) => post({ type: 'aligned', early }));
    case 'jpeg':
      return encodeFrame(addon, job.captureHandle, job.options);
    case 'crops':
      return pipeline.embedCrops(job.crops, job.modelVersion);
  }
}

/** @param transfer buffers that are handed over to the pool instead of being copied */
function post(message: FromWorker, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}

/** Lists the buffers of the crops, embeddings and JPEGs of a result. */
function listBuffers(result: JobResults[keyof JobResults]): ArrayBuffer[] {
  if (result === undefined) return [];
  if (Array.isArray(result)) return result.map(({ embedding }) => embedding.buffer as ArrayBuffer);
  if ('jpeg' in result) return [result.jpeg.buffer as ArrayBuffer];
  return result.faces.flatMap((face: Face) =>
    [face.crop, face.embedding].filter((array) => array !== undefined).map((array) => array.buffer as ArrayBuffer),
  );
}
