// The bench of angles: whether faces are found at every angle in the picture, with the right landmarks and roll, and what that costs.
import { renderFace } from '../tools/rendered-people/render-face.js';
import type { Picture } from '../tools/rendered-people/head.js';
import type { Landmarks, Point } from '../src/domain/face.js';
import { DEFAULT_MODELS_DIR, getModelSet, loadManifest } from '../src/models/manifest.js';
import { openModel } from '../src/models/open-model.js';
import { loadAddon, type Addon } from '../src/native/addon.js';
import { mirrorOutput, swapSides, transformLandmarks } from '../src/vision/affine.js';
import { Detector } from '../src/vision/detect.js';
import type { DetectedFace } from '../src/vision/detections.js';
import { estimatePose } from '../src/vision/pose.js';
import { listLondonPhotos, readPicture, type LondonPhoto } from '../test/support/london.js';
import { londonDir } from '../test/support/shared.js';
import { landmarkError, turnPicture, wrapDegrees } from '../test/support/turned.js';
import { cpuTimed, interleavePairs } from './support/pairs.js';
import { median, pairedRatio, result, type Result } from './support/report.js';
import { chooseForms } from './support/viewer.js';

const SETS = ['standard', 'builtin'];
const MIN_FACE_PX = 60;
/** The pictures are reduced, so that the face stays in the picture at every angle. */
const TURNED = { scale: 0.8, sidePx: 640 };
const MOST_ROLL_DEGREES = 3;
const MOST_LANDMARK_ERROR = 5;
const MOST_LOOKS_RATIO = 1.3;
const TIMED_PHOTOS = 6;
/** Landmark error of upright faces with further looks, of that without them: a mean over 100 people varies by about as much. */
const MOST_UPRIGHT_LOSS = 1.05;
/** Head turned aside, for the agreement of mirrored pictures. */
const YAW_DEGREES = 40;

/** What was found of one face at one angle. */
interface Sight {
  truth: Landmarks;
  /** Undefined where the face was not found. */
  face: DetectedFace | undefined;
}

type FindFace = (picture: Picture, truth: Landmarks, withLooks?: boolean) => Promise<DetectedFace | undefined>;

export async function run({ short, set }: { short: boolean; set?: string | undefined }): Promise<Result[]> {
  if (!londonDir) throw new Error('the bench needs ../shared/london');
  const addon = loadAddon();
  const manifest = loadManifest();
  const photos = listLondonPhotos(londonDir).filter((_, i) => i % (short ? 4 : 1) === 0);
  const step = short ? 60 : 15;
  const angles = Array.from({ length: 360 / step }, (_, i) => i * step);
  const results: Result[] = [];
  for (const name of set === undefined ? SETS : [set]) {
    const chosen = chooseForms(getModelSet(manifest, name), DEFAULT_MODELS_DIR);
    if (!chosen) {
      console.warn(`${name} is left out: some of its files are missing`);
      continue;
    }
    const model = chosen.set.detector;
    const session = await openModel(model, chosen.modelsDir, ['cpu']);
    try {
      const detector = new Detector({ addon, session, model });
      results.push(...(await measureSet(name, detector, addon, photos, angles, short)));
    } finally {
      await session.release();
    }
  }
  return results;
}

async function measureSet(
  id: string,
  detector: Detector,
  addon: Addon,
  photos: readonly LondonPhoto[],
  angles: readonly number[],
  short: boolean,
): Promise<Result[]> {
  const find = createFinder(detector, addon);
  const byAngle = new Map<number, Sight[]>(angles.map((angle) => [angle, []]));
  const before: Sight[] = [];
  const mirrored = { before: [] as number[], after: [] as number[] };
  for (const { path, landmarksPx } of photos) {
    const photo = await readPicture(path);
    const centre = { x: photo.widthPx / 2, y: photo.heightPx / 2 };
    for (const degrees of angles) {
      const turned = turnPicture(addon, photo, { centre, degrees, ...TURNED });
      const truth = transformLandmarks(turned.matrix, landmarksPx);
      byAngle.get(degrees)!.push({ truth, face: await find(turned, truth) });
      if (degrees !== 0) continue;
      before.push({ truth, face: await find(turned, truth, false) });
      await compareMirrored(find, addon, turned, truth, mirrored);
    }
  }
  const aside = { before: [] as number[], after: [] as number[] };
  for (let head = 0; head < (short ? 6 : 30); head++) {
    const yaw = head % 2 === 0 ? YAW_DEGREES : -YAW_DEGREES;
    const { landmarksPx, ...picture } = renderFace(2_000 + head, { pose: { yaw }, samples: 1 });
    await compareMirrored(find, addon, picture, landmarksPx, aside);
  }
  return [
    ...summarise(id, byAngle, before),
    result(`${id}.mirrored.before`, median(mirrored.before), '% of the eye distance'),
    result(`${id}.mirrored`, median(mirrored.after), '% of the eye distance', ['<=', MOST_LANDMARK_ERROR]),
    result(`${id}.mirrored.yaw40.before`, median(aside.before), '% of the eye distance'),
    result(`${id}.mirrored.yaw40`, median(aside.after), '% of the eye distance', ['<=', MOST_LANDMARK_ERROR]),
    ...(await measureCost(id, detector, addon, photos.slice(0, TIMED_PHOTOS), short ? 10 : 30)),
  ];
}

/** Finds the face around the true tip of the nose. */
function createFinder(detector: Detector, addon: Addon): FindFace {
  return async ({ rgb, widthPx, heightPx }, truth, withLooks = true) => {
    const image = addon.wrapRgb(rgb, widthPx, heightPx);
    try {
      const faces = await detector.detect(image, { minFacePx: MIN_FACE_PX, isWanted: () => withLooks });
      const { x, y } = truth[2];
      return faces.find(({ boxPx: { x0, x1, y0, y1 } }) => x0 < x && x < x1 && y0 < y && y < y1);
    } finally {
      image.release();
    }
  };
}

function summarise(id: string, byAngle: ReadonlyMap<number, readonly Sight[]>, before: readonly Sight[]): Result[] {
  const upright = byAngle.get(0)!;
  const offset = meanOffset(upright);
  const worst = { roll: 0, error: 0, raw: 0, agreement: 0, found: 1, unsure: 0, wrong: 0 };
  let uprightError = 0;
  for (const [angle, sights] of byAngle) {
    const seen = sights.flatMap(({ truth, face }) => (face ? [{ truth, face }] : []));
    const roll = seen.map(({ truth, face }) =>
      Math.abs(wrapDegrees(estimatePose(face.landmarksPx).roll - estimatePose(truth).roll)),
    );
    const error = median(seen.map(({ truth, face }) => landmarkError(shift(truth, offset), face.landmarksPx)));
    const agreement = sights.flatMap(({ truth, face }, i) => {
      const first = upright[i]!;
      return face && first.face
        ? [landmarkError(carry(first.face.landmarksPx, first.truth, truth), face.landmarksPx)]
        : [];
    });
    if (angle === 0) uprightError = error;
    worst.roll = Math.max(worst.roll, percentile(roll, 0.95));
    worst.error = Math.max(worst.error, error);
    worst.raw = Math.max(worst.raw, median(seen.map(({ truth, face }) => landmarkError(truth, face.landmarksPx))));
    worst.agreement = Math.max(worst.agreement, median(agreement));
    worst.found = Math.min(worst.found, seen.length / sights.length);
    worst.unsure = Math.max(
      worst.unsure,
      seen.filter(({ face }) => face.isAlignmentSure === false).length / seen.length,
    );
    worst.wrong += roll.filter((degrees) => degrees > 30).length;
  }
  const ownOffset = meanOffset(before);
  const errorBefore = median(
    before.flatMap(({ truth, face }) => (face ? [landmarkError(shift(truth, ownOffset), face.landmarksPx)] : [])),
  );
  const unit = '% of the eye distance';
  return [
    result(`${id}.roll.error.deg`, worst.roll, 'degrees, 95 of 100 people, worst angle', ['<=', MOST_ROLL_DEGREES]),
    result(`${id}.roll.wrong`, worst.wrong, 'faces of all angles that are off by more than 30 degrees', ['<=', 0]),
    result(`${id}.landmarks.error`, worst.error, `${unit}, median, worst angle`, ['<=', MOST_LANDMARK_ERROR]),
    result(`${id}.landmarks.error.raw`, worst.raw, `${unit}, with the offsets of the definitions`),
    result(`${id}.landmarks.agreement`, worst.agreement, `${unit}, from the upright picture's`),
    result(`${id}.upright.landmarks.error.before`, errorBefore, unit),
    result(`${id}.upright.landmarks.error`, uprightError, unit, ['<=', errorBefore * MOST_UPRIGHT_LOSS]),
    result(`${id}.found.share`, worst.found * 100, '%, worst angle', ['>=', 99]),
    result(`${id}.unsure.share`, worst.unsure * 100, '% of the found faces, worst angle', ['<=', 5]),
  ];
}

/**
 * Returns the mean offset of the found landmarks from the true ones, in the frame of the eyes (x along the line between them, in eye
 * distances). People and detectors define the points a little differently: a detector's corners of the mouth lie further out.
 */
function meanOffset(sights: readonly Sight[]): Point[] {
  const offsets = sights.flatMap(({ truth, face }) =>
    face
      ? [face.landmarksPx.map((point, i) => toFrame(truth, { x: point.x - truth[i]!.x, y: point.y - truth[i]!.y }))]
      : [],
  );
  return [0, 1, 2, 3, 4].map((i) => ({
    x: offsets.reduce((sum, one) => sum + one[i]!.x, 0) / offsets.length,
    y: offsets.reduce((sum, one) => sum + one[i]!.y, 0) / offsets.length,
  }));
}

/** Moves landmarks by an offset in the frame of their eyes. */
function shift(truth: Landmarks, offset: readonly Point[]): Landmarks {
  const moved = truth.map((point, i) => {
    const { x, y } = fromFrame(truth, offset[i]!);
    return { x: point.x + x, y: point.y + y };
  });
  return moved as unknown as Landmarks;
}

/** Carries landmarks of one picture to another one in which the same true landmarks lie elsewhere. */
function carry(landmarks: Landmarks, from: Landmarks, to: Landmarks): Landmarks {
  const carried = landmarks.map((point) => {
    const { x, y } = fromFrame(to, toFrame(from, { x: point.x - from[0].x, y: point.y - from[0].y }));
    return { x: to[0].x + x, y: to[0].y + y };
  });
  return carried as unknown as Landmarks;
}

function toFrame([left, right]: Landmarks, { x, y }: Point): Point {
  const [dx, dy] = [right.x - left.x, right.y - left.y];
  const squared = dx * dx + dy * dy;
  return { x: (x * dx + y * dy) / squared, y: (y * dx - x * dy) / squared };
}

function fromFrame([left, right]: Landmarks, { x, y }: Point): Point {
  const [dx, dy] = [right.x - left.x, right.y - left.y];
  return { x: x * dx - y * dy, y: x * dy + y * dx };
}

/** Adds how far the landmarks in a mirrored picture are from the mirrored landmarks, without and with further looks. */
async function compareMirrored(
  find: FindFace,
  addon: Addon,
  picture: Picture,
  truth: Landmarks,
  into: { before: number[]; after: number[] },
): Promise<void> {
  const { widthPx, heightPx } = picture;
  const matrix = mirrorOutput([1, 0, 0, 0, 1, 0], widthPx);
  const mirror = { widthPx, heightPx, rgb: new Uint8Array(picture.rgb.length) };
  const image = addon.wrapRgb(picture.rgb, widthPx, heightPx);
  addon.warp(image, mirror.rgb, { widthPx, heightPx, matrix, border: 'constant' });
  image.release();
  const mirrored = (landmarks: Landmarks): Landmarks => swapSides(transformLandmarks(matrix, landmarks));
  for (const kind of ['before', 'after'] as const) {
    const face = await find(picture, truth, kind === 'after');
    const other = await find(mirror, mirrored(truth), kind === 'after');
    if (face && other) into[kind].push(landmarkError(mirrored(face.landmarksPx), other.landmarksPx));
  }
}

/** Compares the time of detection with and without further looks, in turns, on upright photos with one face. */
async function measureCost(
  id: string,
  detector: Detector,
  addon: Addon,
  photos: readonly LondonPhoto[],
  rounds: number,
): Promise<Result[]> {
  const pictures = await Promise.all(photos.map(({ path }) => readPicture(path)));
  const images = pictures.map(({ rgb, widthPx, heightPx }) => addon.wrapRgb(rgb, widthPx, heightPx));
  try {
    const detect = (withLooks: boolean) => async (): Promise<void> => {
      for (const image of images) await detector.detect(image, { minFacePx: MIN_FACE_PX, isWanted: () => withLooks });
    };
    const pairs = await interleavePairs(rounds, cpuTimed(detect(true)), cpuTimed(detect(false)));
    const difference = median(pairs.map(({ a, b }) => a - b));
    return [
      pairedRatio(`${id}.looks.ratio`, pairs, 'of the processor time without looks, 640 x 640 px', [
        '<=',
        MOST_LOOKS_RATIO,
      ]),
      result(`${id}.looks.ms`, difference / images.length, 'ms for one upright face'),
    ];
  } finally {
    for (const image of images) image.release();
  }
}

/** @param share 0..1 */
function percentile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(values.length * share) - 1)] ?? Infinity;
}
