// Scenes of rendered heads with known boxes and landmarks, for the detector's training: raw RGB beside a JSON of the truth.
// node tools/train/heads.mjs FOLDER [SCENES] (after `npm run build`)
import { mkdirSync, openSync, closeSync, writeSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildHead } from '../../dist/demo/head.js';
import { DISTINCT_SEEDS } from '../../dist/demo/distinct-seeds.js';
import { between, pick, seededRandom } from '../../dist/demo/random.js';
import { renderScene } from '../../dist/demo/render-face.js';

const WIDTH = 320;
const HEIGHT = 256;
const PEOPLE = 60;
// the people of the demonstration and of the tests stay out
const FIRST_SEED = 10_000;

const [folder = 'var/train/heads', scenes = '1200'] = process.argv.slice(2);
if (DISTINCT_SEEDS.some((seed) => seed >= FIRST_SEED)) throw new Error('the seeds of the tests are in the training');
mkdirSync(folder, { recursive: true });
const random = seededRandom(7);
const heads = Array.from({ length: PEOPLE }, (_, i) => buildHead(FIRST_SEED + i));

/** The middle and size of a head that is free of the others. */
function place(taken, largest) {
  for (let attempt = 0; attempt < 20; attempt++) {
    const facePx = Math.exp(between(random, Math.log(14), Math.log(largest)));
    const centreX = between(random, 0.3 * facePx, WIDTH - 0.3 * facePx);
    const centreY = between(random, 0.4 * facePx, HEIGHT - 0.4 * facePx);
    const far = (other) => Math.abs(other.centreX - centreX) > 0.6 * (other.facePx + facePx);
    if (taken.every(far)) return { facePx, centreX, centreY };
  }
  return undefined;
}

function actors() {
  const wanted = pick(random, [1, 1, 1, 2, 2, 3, 4]);
  const placed = [];
  for (let i = 0; i < wanted; i++) {
    const at = place(placed, wanted === 1 ? 190 : 110);
    if (at !== undefined) placed.push(at);
  }
  return placed.map((at) => ({
    ...at,
    head: pick(random, heads),
    pose: { yaw: between(random, -40, 40), pitch: between(random, -20, 20), roll: between(random, -25, 25) },
    expression: { smile: random(), mouthOpen: random() < 0.2 ? random() : 0, blink: random() < 0.1 ? 1 : 0 },
  }));
}

const pixels = openSync(join(folder, 'scenes.rgb'), 'w');
const truth = [];
for (let i = 0; i < Number(scenes); i++) {
  const { rgb, faces } = renderScene({
    widthPx: WIDTH,
    heightPx: HEIGHT,
    heads: actors(),
    background: 1_000 + i,
    light: {
      azimuth: between(random, -70, 70),
      elevation: between(random, 0, 60),
      strength: between(random, 0.5, 1.4),
      ambient: between(random, 0.4, 1.4),
      warmth: between(random, -0.8, 0.8),
    },
    camera: { noise: between(random, 0, 5), blurPx: between(random, 0, 1), noiseSeed: i },
  });
  writeSync(pixels, rgb);
  truth.push(faces.map(({ boxPx, landmarksPx }) => ({ box: boxPx, points: landmarksPx })));
}
closeSync(pixels);
writeFileSync(join(folder, 'truth.json'), JSON.stringify({ width: WIDTH, height: HEIGHT, scenes: truth }));
console.log(`${scenes} scenes in ${folder}`);
