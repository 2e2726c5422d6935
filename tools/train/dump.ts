// Writes what the product sees of known faces in known conditions: embeddings, their lengths before normalisation, and the aligned crops.
// Run it with: npx tsx tools/train/dump.ts --out FOLDER --people train --count 1000 --conditions clear,blur:3,turn:0..180 --crops
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { decodeCrop } from '../../src/cli/models/decode-crop.js';
import { isEligible } from '../../src/domain/face.js';
import { readLabelledPictures, type LabelledPicture } from '../../src/models/calibrate/aligned-pictures.js';
import { chooseHalf, listHeldOutPeople, readPairs } from '../../src/models/calibrate/lfw-pairs.js';
import {
  BUILTIN_MODELS_DIR,
  DEFAULT_MODELS_DIR,
  getModelSet,
  loadManifest,
  type ModelSet,
} from '../../src/models/manifest.js';
import { openModel } from '../../src/models/open-model.js';
import { isBuiltIn, setInForms, type Precision } from '../../src/models/precision.js';
import { pickOutput, type FloatTensor } from '../../src/models/session.js';
import { loadAddon, type Addon } from '../../src/native/addon.js';
import { MaskClassifier } from '../../src/vision/attributes.js';
import { decodePicture } from '../../src/vision/decode.js';
import { Detector } from '../../src/vision/detect.js';
import { Embedder } from '../../src/vision/embed.js';
import { estimatePose } from '../../src/vision/pose.js';
import { parseCondition, PictureMaker } from '../conditions/condition.js';

/** The pipeline's smallest face in an uploaded picture. */
const MIN_FACE_PX = 60;

const { values: options } = parseArgs({
  options: {
    out: { type: 'string', default: 'var/train/conditions' },
    shared: { type: 'string', default: '../shared' },
    people: { type: 'string', default: 'train' },
    count: { type: 'string', default: '1000' },
    conditions: { type: 'string', default: 'clear' },
    set: { type: 'string', default: 'standard' },
    precision: { type: 'string', default: 'float' },
    part: { type: 'string', default: '1/1' },
    crops: { type: 'boolean', default: false },
  },
});

/** One face in one condition. Row i of embeddings.f32 and of crops.u8 belongs to row i of faces.json. */
interface Row {
  name: string;
  person: string;
  condition: string;
  /** False where the detector found no face of 60 px; the row's embedding and crop are zeros then. */
  found: boolean;
  /** True where the pipeline would embed the face. */
  eligible: boolean;
  detectionScore: number;
  /** Length of the embedding before normalisation. */
  norm: number;
  masked: boolean;
  /** Degrees, as the pipeline estimates them. */
  yaw: number;
  pitch: number;
  roll: number;
}

const NOT_FOUND = {
  found: false,
  eligible: false,
  detectionScore: 0,
  norm: 0,
  masked: false,
  yaw: 0,
  pitch: 0,
  roll: 0,
};

/** The models of a set, put together as the pipeline does, with the length of the last embedding kept. */
class Examiner {
  private constructor(
    private readonly addon: Addon,
    private readonly detector: Detector,
    private readonly embedder: Embedder,
    private readonly mask: MaskClassifier | undefined,
    private readonly last: { norm: number },
  ) {}

  static async open(set: ModelSet, addon: Addon): Promise<Examiner> {
    const open = (model: ModelSet['detector' | 'embedder'] | NonNullable<ModelSet['mask']>) =>
      openModel(model, isBuiltIn(model) ? BUILTIN_MODELS_DIR : DEFAULT_MODELS_DIR, ['cpu']);
    const last = { norm: 0 };
    const { template, output } = set.embedder;
    const session = await open(set.embedder);
    const measured = {
      async run(feeds: Record<string, FloatTensor>): Promise<Record<string, Float32Array>> {
        const outputs = await session.run(feeds);
        last.norm = Math.hypot(...pickOutput(outputs, output.name).subarray(0, output.dimensions));
        return outputs;
      },
    };
    return new Examiner(
      addon,
      new Detector({ addon, session: await open(set.detector), model: set.detector }),
      new Embedder({ addon, session: measured, model: set.embedder }),
      set.mask && new MaskClassifier({ addon, session: await open(set.mask), model: set.mask, template }),
      last,
    );
  }

  async examine(bytes: Uint8Array): Promise<{ row: typeof NOT_FOUND; embedding?: Float32Array; crop?: Uint8Array }> {
    const image = await decodePicture(bytes, this.addon);
    try {
      const [face] = await this.detector.detect(image, { minFacePx: MIN_FACE_PX });
      if (!face) return { row: NOT_FOUND };
      const pose = estimatePose(face.landmarksPx);
      const crop = this.embedder.align(image, face.landmarksPx);
      const { embedding } = await this.embedder.embed(crop);
      const masked = (await this.mask?.isMasked(image, face)) ?? false;
      const { detectionScore } = face;
      const eligible = isEligible({ ...face, pose });
      return { row: { found: true, eligible, detectionScore, norm: this.last.norm, masked, ...pose }, embedding, crop };
    } finally {
      image.release();
    }
  }
}

/** Lists `count` pictures of the wanted people, evenly spread over the archive, with their numbers in it. */
async function listPictures(shared: string, people: string, count: number): Promise<[number, LabelledPicture][]> {
  const heldOut = listHeldOutPeople(readPairs(join(shared, 'lfw/pairs.txt')));
  const isWanted = (person: string): boolean =>
    people === 'train' ? !heldOut.has(person) : heldOut.has(person) && chooseHalf(person) === people;
  const all: [number, LabelledPicture][] = [];
  let number = 0;
  for await (const picture of readLabelledPictures(join(shared, 'lfw/lfw_pairs_112.tar'))) {
    if (isWanted(picture.person)) all.push([number, picture]);
    number++;
  }
  if (all.length === 0) throw new RangeError('--people must be train, calibration or bench');
  const step = Math.max(1, all.length / count);
  return Array.from({ length: Math.min(count, all.length) }, (_, i) => all[Math.floor(i * step)]!);
}

const addon = loadAddon();
const set = getModelSet(loadManifest(), options.set);
const inForm = setInForms(set, ({ quantised }): Precision =>
  options.precision === 'int8' && quantised ? 'int8' : 'float',
);
const examiner = await Examiner.open(inForm, addon);
const maker = new PictureMaker(addon);
const conditions = options.conditions.split(',').map(parseCondition);
const [part = 1, parts = 1] = options.part.split('/').map(Number);
const pictures = (await listPictures(options.shared, options.people, Number(options.count))).filter(
  (_, i) => i % parts === part - 1,
);
mkdirSync(options.out, { recursive: true });
const embeddings = openSync(join(options.out, 'embeddings.f32'), 'w');
const crops = options.crops ? openSync(join(options.out, 'crops.u8'), 'w') : undefined;
const { dimensions } = set.embedder.output;
const { widthPx, heightPx } = set.embedder.input;
const none = { embedding: new Float32Array(dimensions), crop: new Uint8Array(3 * widthPx * heightPx) };
const rows: Row[] = [];
const start = Date.now();
for (const [i, [number, { name, person, bytes }]] of pictures.entries()) {
  const source = await decodeCrop(bytes, addon);
  for (const condition of conditions) {
    const {
      row,
      embedding = none.embedding,
      crop = none.crop,
    } = await examiner.examine(await maker.make(source, condition, number));
    rows.push({ name, person, condition: condition.id, ...row });
    writeSync(embeddings, new Uint8Array(embedding.buffer, embedding.byteOffset, embedding.byteLength));
    if (crops !== undefined) writeSync(crops, crop);
  }
  if ((i + 1) % 50 === 0) {
    console.log(
      `${i + 1} of ${pictures.length} faces, ${((Date.now() - start) / rows.length).toFixed(1)} ms a picture`,
    );
  }
}
closeSync(embeddings);
if (crops !== undefined) closeSync(crops);
writeFileSync(join(options.out, 'faces.json'), JSON.stringify({ dimensions, widthPx, heightPx, rows }));
console.log(
  `${rows.length} pictures, of which ${rows.filter(({ found }) => found).length} show a face, in ${options.out}`,
);
