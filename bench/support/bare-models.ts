// The bare models of a door: what a frame costs without Lintel, each model at its full size, one run after the other.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Model, ModelSet } from '../../src/models/manifest.js';
import { readModel } from '../../src/models/model-files.js';
import type { Precision } from '../../src/models/precision.js';
import { ModelSession, type FloatTensor } from '../../src/models/session.js';
import { sharedFilesDir } from '../../test/support/shared.js';
import { median } from './report.js';

/**
 * The mask model that the standard set had when the door's bars were set. The bars compare with it whatever model a set names today, so that a
 * cheaper mask model shows as what it is: less work. It is not part of an installation: the bench finds it in ../shared/models.
 */
const FULL_SIZE_MASK = {
  file: { float: 'RFB-640-masked_face-v2.onnx', int8: 'RFB-640-masked_face-v2.int8.onnx' },
  input: 'input',
  widthPx: 640,
  heightPx: 480,
} as const;

/** Time of the bare models for one frame, in ms. */
export interface BareTime {
  /** Detector, mask model, liveness and embedder; NaN where the mask model is missing. */
  allMs: number;
  /** The same without the mask model. */
  withoutMaskMs: number;
}

type Run = () => Promise<unknown>;

/** Sessions of the models, on the CPU with one thread. */
export class BareModels {
  readonly #sessions: ModelSession[] = [];
  #detector!: (widthPx: number, heightPx: number) => Promise<unknown>;
  #mask: Run | undefined;
  #liveness!: Run;
  #embedder!: Run;

  static async open(set: ModelSet, modelsDir: string, precision: Precision): Promise<BareModels> {
    const bare = new BareModels();
    const { detector, embedder, liveness } = set;
    if (!liveness) throw new Error('the bench needs a set with a liveness model');
    bare.#detector = await bare.#open(detector, modelsDir, { widthPx: 640, heightPx: 480 });
    bare.#embedder = await bare.#open(embedder, modelsDir, embedder.input);
    bare.#liveness = await bare.#open(liveness, modelsDir, liveness.input);
    bare.#mask = await bare.#openMask(modelsDir, precision);
    return bare;
  }

  /** Tells whether the full-size mask model is there. */
  get hasMask(): boolean {
    return this.#mask !== undefined;
  }

  /** Measures one frame: the median of several runs. A frame of 1280 x 720 is scaled to half for the detector. */
  async measureFrame({ widthPx, faces }: { widthPx: number; faces: number }): Promise<BareTime> {
    const [width, height] = widthPx === 640 ? [640, 480] : [640, 384];
    const times: BareTime[] = [];
    for (let i = -2; i < (faces === 1 ? 30 : 8); i++) {
      let maskMs = 0;
      const start = performance.now();
      await this.#detector(width, height);
      for (let face = 0; face < faces; face++) {
        const maskStart = performance.now();
        await this.#mask?.();
        maskMs += performance.now() - maskStart;
        await this.#liveness();
        await this.#embedder();
      }
      const allMs = performance.now() - start;
      if (i >= 0) times.push({ allMs, withoutMaskMs: allMs - maskMs });
    }
    return {
      allMs: this.#mask ? median(times.map(({ allMs }) => allMs)) : NaN,
      withoutMaskMs: median(times.map(({ withoutMaskMs }) => withoutMaskMs)),
    };
  }

  async close(): Promise<void> {
    for (const session of this.#sessions) await session.release();
  }

  /** Opens a model. @returns a run at this size, or at another one */
  async #open(
    model: Model,
    modelsDir: string,
    { widthPx, heightPx }: { widthPx: number; heightPx: number },
  ): Promise<(widthPx?: number, heightPx?: number) => Promise<unknown>> {
    const makeFeeds = createInputs(model.input.name);
    const options = { providers: ['cpu'], warmUp: makeFeeds(widthPx, heightPx), inFloat: model.inFloat };
    const session = await ModelSession.create(model.file, await readModel(modelsDir, model), options);
    this.#sessions.push(session);
    return (width = widthPx, height = heightPx) => session.run(makeFeeds(width, height));
  }

  async #openMask(modelsDir: string, precision: Precision): Promise<Run | undefined> {
    const file = FULL_SIZE_MASK.file[precision];
    const path = [modelsDir, sharedFilesDir ?? modelsDir].map((dir) => join(dir, file)).find((one) => existsSync(one));
    if (path === undefined) return undefined;
    const feeds = createInputs(FULL_SIZE_MASK.input)(FULL_SIZE_MASK.widthPx, FULL_SIZE_MASK.heightPx);
    const session = await ModelSession.create(file, readFileSync(path), { providers: ['cpu'], warmUp: feeds });
    this.#sessions.push(session);
    return () => session.run(feeds);
  }
}

/** Makes inputs of made-up pixels, one for each size. */
function createInputs(name: string): (widthPx: number, heightPx: number) => Record<string, FloatTensor> {
  const made = new Map<string, Record<string, FloatTensor>>();
  return (widthPx, heightPx) => {
    const key = `${widthPx}x${heightPx}`;
    const data = (): Float32Array => Float32Array.from({ length: 3 * widthPx * heightPx }, (_, i) => (i * 7) % 255);
    const feeds = made.get(key) ?? { [name]: { data: data(), dims: [1, 3, heightPx, widthPx] } };
    made.set(key, feeds);
    return feeds;
  };
}
