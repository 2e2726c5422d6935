// What the product sees in pictures: each one goes through a pool of vision workers, as an uploaded picture does.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Picture } from '../../tools/rendered-people/head.js';
import type { PictureCondition } from '../../tools/conditions/condition.js';
import { PictureMaker } from '../../tools/conditions/condition.js';
import { silentLog } from '../../src/domain/log.js';
import { SimilarityScales } from '../../src/domain/similarity-scales.js';
import { AppError } from '../../src/errors.js';
import { loadConditionHead } from '../../src/models/condition-head.js';
import { BUILTIN_MODELS_DIR, listModels, type ModelSet } from '../../src/models/manifest.js';
import { isBuiltIn, multipliesBytes, readProcessorFlags, setInForms } from '../../src/models/precision.js';
import type { Addon } from '../../src/native/addon.js';
import { WorkerPool } from '../../src/vision/worker-pool.js';
import { WORKER_FILE } from '../../test/support/service.js';
import type { SeenFace } from './comparisons.js';

const WORKERS = 2;
/** Pictures that are made ahead of the workers. */
const AHEAD = 2;

/** An aligned face of a known person. */
export interface KnownFace {
  person: string;
  photo: string;
  crop: Picture;
  /** Number of the face in its archive: places, colours and noise of its pictures follow from it. */
  seed: number;
}

/** A model set as this machine would run it, and the folder of its files; undefined where files are missing. */
export function chooseForms(set: ModelSet, modelsDir: string): { set: ModelSet; modelsDir: string } | undefined {
  const folder = listModels(set).every(isBuiltIn) ? BUILTIN_MODELS_DIR : modelsDir;
  const has = (file: string): boolean => existsSync(join(folder, file)) || existsSync(join(BUILTIN_MODELS_DIR, file));
  const isFast = multipliesBytes(process.arch, readProcessorFlags());
  const chosen = setInForms(set, ({ quantised }) => (isFast && quantised && has(quantised.file) ? 'int8' : 'float'));
  return listModels(chosen).every(({ file }) => has(file)) ? { set: chosen, modelsDir: folder } : undefined;
}

/** Creates the scales of an embedder, as the service does. */
export function createScales({ embedder }: ModelSet): SimilarityScales {
  const { points, bounds, groupFactor } = embedder.calibration;
  return new SimilarityScales({ points, bounds: loadConditionHead(embedder) && bounds, groupFactor });
}

/** The vision workers of one model set. */
export class Viewer {
  readonly #pool: WorkerPool;
  readonly #maker: PictureMaker;

  private constructor(pool: WorkerPool, maker: PictureMaker) {
    this.#pool = pool;
    this.#maker = maker;
  }

  static async open(set: ModelSet, modelsDir: string, addon: Addon): Promise<Viewer> {
    if (!existsSync(WORKER_FILE)) throw new AppError('INVALID_PARAM', 'the bench needs dist: run npm run build:ts');
    const setup = { set, modelsDir, providers: ['cpu'] };
    const pool = new WorkerPool({
      ...setup,
      workers: WORKERS,
      queueLength: 64,
      log: silentLog,
      workerFile: WORKER_FILE,
    });
    await pool.start(new AbortController().signal);
    return new Viewer(pool, new PictureMaker(addon));
  }

  async close(): Promise<void> {
    await this.#pool.stop();
  }

  /** Looks at every face in every condition. @returns for each condition the faces in the order of `faces` */
  async view(faces: readonly KnownFace[], conditions: readonly PictureCondition[]): Promise<SeenFace[][]> {
    const seen = conditions.map(() => new Array<SeenFace>(faces.length));
    const jobs = faces.flatMap((_, face) => conditions.map((_, condition) => ({ face, condition })));
    let next = 0;
    const work = async (): Promise<void> => {
      for (let job = jobs[next++]; job; job = jobs[next++]) {
        const { person, photo, crop, seed } = faces[job.face]!;
        const bytes = await this.#maker.make(crop, conditions[job.condition]!, seed);
        seen[job.condition]![job.face] = { person, photo, ...(await this.look(bytes)) };
      }
    };
    await Promise.all(Array.from({ length: WORKERS + AHEAD }, work));
    return seen;
  }

  /** Looks at the largest face of a picture, a PNG or a JPEG. */
  async look(bytes: Uint8Array): Promise<Omit<SeenFace, 'person' | 'photo'>> {
    const { faces } = await this.#pool.analyseImage(bytes, { embed: 1, mask: false, liveness: false });
    // The largest face that is large enough is embedded; the first one tells why none was.
    const face = faces.find(({ embedding }) => embedding) ?? faces[0];
    if (!face) return { found: false, yaw: 0 };
    return { found: true, embedding: face.embedding, condition: face.condition, yaw: face.pose.yaw };
  }
}
