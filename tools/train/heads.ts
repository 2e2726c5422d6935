// Renders scenes of heads with known boxes and landmarks for the detector's training: raw RGB, and a JSON file of the truth.
// Run it with: npx tsx tools/train/heads.ts FOLDER [SCENES]
import { mkdirSync, openSync, closeSync, writeSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildHead, type FaceTruth } from '../rendered-people/head.js';
import { DISTINCT_SEEDS } from '../rendered-people/distinct-seeds.js';
import { between, pick, seededRandom } from '../rendered-people/random.js';
import { renderScene, type HeadPlacement } from '../rendered-people/render-face.js';

const WIDTH = 320;
const HEIGHT = 256;
const PEOPLE = 60;
// The people of the demonstration and of the tests have lower seeds, so they are not part of the training.
const FIRST_SEED = 10_000;

const [folder = 'var/train/heads', scenes = '1200'] = process.argv.slice(2);
if (DISTINCT_SEEDS.some((seed) => seed >= FIRST_SEED))
  throw new Error('a person of the tests would be part of the training');
mkdirSync(folder, { recursive: true });
const random = seededRandom(7);
const heads = Array.from({ length: PEOPLE }, (_, i) => buildHead(FIRST_SEED + i));

type Place = Pick<HeadPlacement, 'facePx' | 'centreX' | 'centreY'>;

/** Finds a place, in pixels, for a head that does not touch the others. @returns undefined if there is no room */
function findPlace(taken: readonly Place[], largest: number): Place | undefined {
  for (let attempt = 0; attempt < 20; attempt++) {
    const facePx = Math.exp(between(random, Math.log(14), Math.log(largest)));
    const centreX = between(random, 0.3 * facePx, WIDTH - 0.3 * facePx);
    const centreY = between(random, 0.4 * facePx, HEIGHT - 0.4 * facePx);
    const isFar = (other: Place): boolean => Math.abs(other.centreX - centreX) > 0.6 * (other.facePx + facePx);
    if (taken.every(isFar)) return { facePx, centreX, centreY };
  }
  return undefined;
}

function placeHeads(): HeadPlacement[] {
  const wanted = pick(random, [1, 1, 1, 2, 2, 3, 4]);
  const placed: Place[] = [];
  for (let i = 0; i < wanted; i++) {
    const at = findPlace(placed, wanted === 1 ? 190 : 110);
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
const truth: { box: FaceTruth['boxPx']; points: FaceTruth['landmarksPx'] }[][] = [];
for (let i = 0; i < Number(scenes); i++) {
  const { rgb, faces } = renderScene({
    widthPx: WIDTH,
    heightPx: HEIGHT,
    heads: placeHeads(),
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
