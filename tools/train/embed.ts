// Embeds a file of aligned crops by one model set, for the training of a condition head.
// Run it with: npx tsx tools/train/embed.ts --crops FILE.u8 --out FILE.f32 --set standard --precision float
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { BUILTIN_MODELS_DIR, DEFAULT_MODELS_DIR, getModelSet, loadManifest } from '../../src/models/manifest.js';
import { openModel } from '../../src/models/open-model.js';
import { inPrecision, isBuiltIn, type Precision } from '../../src/models/precision.js';
import { loadAddon } from '../../src/native/addon.js';
import { Embedder } from '../../src/vision/embed.js';

const { values: options } = parseArgs({
  options: {
    crops: { type: 'string', default: 'var/train/conditions/crops.u8' },
    out: { type: 'string', default: 'var/train/conditions/embeddings.f32' },
    set: { type: 'string', default: 'standard' },
    precision: { type: 'string', default: 'float' },
  },
});

const { embedder: model } = getModelSet(loadManifest(), options.set);
const form = inPrecision(model, options.precision as Precision);
const session = await openModel(form, isBuiltIn(model) ? BUILTIN_MODELS_DIR : DEFAULT_MODELS_DIR, ['cpu']);
const embedder = new Embedder({ addon: loadAddon(), session, model: form });
const crops = openSync(options.crops, 'r');
const { size } = fstatSync(crops);
const crop = new Uint8Array(3 * form.input.widthPx * form.input.heightPx);
if (size === 0 || size % crop.length !== 0) {
  throw new RangeError(`${options.crops} is no file of crops of ${form.input.widthPx} x ${form.input.heightPx} px`);
}
const count = size / crop.length;
const out = openSync(options.out, 'w');
for (let i = 0; i < count; i++) {
  readSync(crops, crop);
  const { embedding } = await embedder.embed(crop);
  writeSync(out, new Uint8Array(embedding.buffer, embedding.byteOffset, embedding.byteLength));
  if ((i + 1) % 5_000 === 0) console.log(`${i + 1} of ${count} crops`);
}
closeSync(out);
closeSync(crops);
await session.release();
console.log(`${count} embeddings of ${model.output.dimensions} floats in ${options.out}`);
