// Plays scripted clips to a door with the real camera, models and gallery, collects the events, and counts time by the clip.
import { randomBytes } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { onTestFinished, vi } from 'vitest';
import { Camera } from '../../src/camera/camera.js';
import { createScales } from '../../src/compose/models.js';
import { configSchema } from '../../src/config/schema.js';
import type { ClipActor, ClipScript, Keyframe } from '../../tools/rendered-people/clip.js';
import { encodePicture, renderClip } from '../../tools/rendered-people/clip-file.js';
import { renderPortrait } from '../../tools/rendered-people/demo-clip.js';
import { DISTINCT_SEEDS } from '../../tools/rendered-people/distinct-seeds.js';
import type { Picture } from '../../tools/rendered-people/head.js';
import type { HeadChallenge, HeadSide } from '../../src/domain/challenge.js';
import type { Box } from '../../src/domain/face.js';
import type { Health } from '../../src/domain/health.js';
import { silentLog } from '../../src/domain/log.js';
import { systemTimers } from '../../src/domain/time.js';
import { alwaysTrusted } from '../../src/domain/trust.js';
import { recognitionEventSchema, type EventDraft, type RecognitionEvent } from '../../src/events/event.js';
import { LevelGallery } from '../../src/gallery/leveldb-gallery.js';
import type { ModelSet } from '../../src/models/manifest.js';
import { loadAddon } from '../../src/native/addon.js';
import type { RecogniserStats } from '../../src/recognition/recogniser-stats.js';
import { Recogniser } from '../../src/recognition/recogniser.js';
import { SealedStore } from '../../src/store/sealed-store.js';
import { Pipeline } from '../../src/vision/pipeline.js';
import type { AnalysedFrame, Vision } from '../../src/vision/vision.js';
import { ManualTimers } from '../camera/manual-timers.js';
import type { ModelsAtHand } from '../support/model-sets.js';
import { facesDir } from '../support/shared.js';
import { tempDir } from '../support/temp-dir.js';

export const addon = loadAddon();
const group = { owner: 'owner-1', groupId: 'staff' };
const FPS = 10;

/** Positions of a face over time; `sizePx` is the width of its box. */
export type Path = readonly Keyframe[];

/** Eight people, identified by their number. */
export interface Cast {
  name: string;
  /** Returns pictures to enrol, the best first. None of them appears in a clip. @param count 1..3 */
  portraits(person: number, count: number): Promise<Buffer[]>;
  actor(person: number, path: Path): Promise<ClipActor>;
  /** Returns an actor that is a sheet of paper with a picture of the person. */
  print(person: number, path: Path): Promise<ClipActor>;
}

/** Rendered portraits. Each is rendered once, because that takes a quarter of a second. */
const portraits = new Map<string, Buffer>();

function drawPortrait(person: number, yaw: number): Buffer {
  const key = `${person} ${yaw}`;
  const portrait =
    portraits.get(key) ?? encodePicture(renderPortrait(DISTINCT_SEEDS[person]!, { pose: { yaw } }), addon);
  portraits.set(key, portrait);
  return portrait;
}

export const renderedCast: Cast = {
  name: 'rendered faces',
  portraits: async (person, count) => [0, 12, -12].slice(0, count).map((yaw) => drawPortrait(person, yaw)),
  actor: async (person, path) => ({
    who: { seed: DISTINCT_SEEDS[person]! },
    keyframes: path,
    sway: { yaw: 3, pitch: 2 },
  }),
  print: async (person, path) => sheet(drawPortrait(person, 0), path, 2.6),
};

/** People as photographed portraits, which are pasted in. The face is about half as wide as the portrait. */
export const photographedCast: Cast = {
  name: 'photographs',
  portraits: async (person, count) =>
    readPhotos(person)
      .filter((_, i) => i !== SHOWN_PHOTO)
      .slice(0, count),
  actor: async (person, path) => ({
    who: { picture: tint(await decode(readPhotos(person)[SHOWN_PHOTO]!)), edge: 'soft' },
    keyframes: path.map((place) => ({ ...place, sizePx: place.sizePx * 1.9 })),
  }),
  print: async (person, path) => sheet(readPhotos(person)[SHOWN_PHOTO]!, path, 2.4),
};
const SHOWN_PHOTO = 1;

/** Gives a grey photo the colour of skin: a grey face in a coloured room is evidence of a print. */
function tint(picture: Picture): Picture {
  const factors = [1.08, 0.98, 0.84];
  return { ...picture, rgb: picture.rgb.map((level, i) => Math.min(255, Math.round(level * factors[i % 3]!))) };
}

function readPhotos(person: number): Buffer[] {
  const people = join(facesDir ?? '', 'people');
  const folder = join(people, readdirSync(people).sort()[person]!);
  return readdirSync(folder)
    .sort()
    .map((file) => readFileSync(join(folder, file)));
}

/** Decodes an encoded picture to RGB. */
export async function decode(picture: Buffer): Promise<Picture> {
  const { data, info } = await sharp(picture).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return { widthPx: info.width, heightPx: info.height, rgb: new Uint8Array(data) };
}

async function sheet(picture: Buffer, path: Path, widthPerFace: number): Promise<ClipActor> {
  const { width = 0 } = await sharp(picture).metadata();
  const border = Math.round(width / 8);
  const paper = { top: border, bottom: border, left: border, right: border, background: '#f4f2ee' };
  const onPaper = await sharp(picture).removeAlpha().extend(paper).png().toBuffer();
  return {
    who: { picture: await decode(onPaper), edge: 'plain' },
    keyframes: path.map((place) => ({ ...place, sizePx: place.sizePx * widthPerFace })),
  };
}

/** Makes the path of a person who stands at a place and moves slightly to and fro. */
export function standing(x: number, fromMs: number, toMs: number, { y = 0.5, sizePx = 90 } = {}): Path {
  const keyframes: Keyframe[] = [];
  for (let atMs = fromMs, n = 0; atMs <= toMs; atMs += 500, n++) {
    keyframes.push({ atMs, x: x + (n % 2) * 0.01, y, sizePx: sizePx + (n % 3) * 2 });
  }
  return keyframes;
}

export interface Played {
  /** File of the clip. */
  path: string;
  events: RecognitionEvent[];
  /** Challenges, when they began and when they ended. */
  challenges: HeadChallenge[];
  stats: RecogniserStats;
  /** Health of the recogniser at the end. */
  health: Health;
  /** Scores of the liveness model. */
  scores: number[];
  fullyAnalysed: number;
  /** What was searched and found in each frame. */
  frames: { frameNumber: number; searched: AnalysedFrame['searched']; boxes: Box[] }[];
}

/** Plays clips. One pipeline serves all clips; each clip has its own gallery. */
export class ClipDoor {
  readonly #pipeline: Pipeline;
  readonly #set: ModelSet;

  private constructor(pipeline: Pipeline, set: ModelSet) {
    this.#pipeline = pipeline;
    this.#set = set;
  }

  static async open({ models: set, modelsDir }: ModelsAtHand): Promise<ClipDoor> {
    return new ClipDoor(await Pipeline.open({ addon, set, modelsDir, providers: ['cpu'] }), set);
  }

  close(): Promise<void> {
    return this.#pipeline.close();
  }

  /** Creates a gallery with these people, each under their own name. Call it inside a test. */
  async gallery(people: readonly { name: string; pictures: readonly Buffer[] }[]): Promise<LevelGallery> {
    const store = new SealedStore({ directory: join(tempDir(), 'data'), masterKey: randomBytes(32), log: silentLog });
    const limits = { maxGroups: 10, maxFacesPerGroup: 100 };
    const gallery = new LevelGallery({ store, limits, clock: Date.now, log: silentLog });
    const { signal } = new AbortController();
    await store.start(signal);
    onTestFinished(() => store.stop());
    await gallery.start(signal);
    onTestFinished(() => gallery.stop());
    await gallery.createGroup(group, this.#set.modelVersion);
    for (const { name, pictures } of people) {
      for (const picture of pictures) {
        const { faces } = await this.#pipeline.analyseImage(picture, { embed: 1, mask: false, liveness: false });
        const [face] = faces;
        if (!face?.embedding) throw new Error('a portrait without an eligible face');
        const bbox = { x0: 0, y0: 0, x1: 1, y1: 1 };
        const { embedding, detectionScore } = face;
        await gallery.enrol(group, [{ externalImageId: name, bbox, detectionScore, embedding }]);
      }
    }
    return gallery;
  }

  /**
   * Plays a clip to its end. There are ten frames per second in the clip's own time, however fast they are analysed.
   * @param side side of the challenges
   * @param again what came of the same clip before, so that it is not rendered once more
   * @param around true: between whole searches, frames are searched around the faces in sight, as at a door
   * @param liveness scores that replace the model's; a set without a liveness model then counts as having one
   */
  async play(
    script: Pick<ClipScript, 'actors' | 'durationMs'> & Partial<ClipScript>,
    gallery: LevelGallery,
    {
      keys = {},
      liveness,
      side = 'left',
      around = false,
      again,
    }: {
      keys?: object | undefined;
      liveness?: number | undefined;
      side?: HeadSide;
      around?: boolean;
      again?: Played;
    } = {},
  ): Promise<Played> {
    const path = again?.path ?? join(tempDir(), 'clip.mjpeg');
    const whole = { widthPx: 640, heightPx: 480, fps: FPS, background: 3, samples: 1, ...script };
    if (!again) await renderClip(whole, path, { addon });
    const timers = new ManualTimers();
    const startMs = timers.nowMs;
    const events: RecognitionEvent[] = [];
    const challenges: HeadChallenge[] = [];
    const scores: number[] = [];
    const frames: Played['frames'] = [];
    /** Time of the newest frame that was analysed; the recogniser may still be at the one before. */
    let newestMs = startMs;
    let fullyAnalysed = 0;
    const camera = { id: 'front', group: group.groupId, source: { type: 'file', path, realTime: false }, ...keys };
    const config = configSchema.parse({ cameras: [camera] }).cameras[0]!;
    const pipeline = this.#pipeline;
    const set = this.#set;
    const { scales } = createScales(set.embedder);
    const vision: Pick<Vision, 'modelVersion' | 'hasLiveness' | 'analyseFrame' | 'encodeFrame' | 'embedCrops'> = {
      modelVersion: set.modelVersion,
      hasLiveness: set.liveness !== undefined || liveness !== undefined,
      async analyseFrame(handle, options) {
        const frame = await pipeline.analyseFrame(handle, options);
        for (const face of frame?.faces ?? []) {
          if (face.crop) fullyAnalysed++;
          if (face.livenessScore !== undefined) scores.push(face.livenessScore);
          const isScored = set.liveness ? face.livenessScore !== undefined : face.crop !== undefined;
          if (isScored && liveness !== undefined) face.livenessScore = liveness;
        }
        if (!frame) return undefined;
        const { frameNumber, searched, faces } = frame;
        frames.push({ frameNumber, searched, boxes: faces.map(({ boxPx }) => boxPx) });
        newestMs = startMs + (frameNumber * 1_000) / FPS;
        return { ...frame, capturedAtMs: newestMs };
      },
      embedCrops: (crops) => pipeline.embedCrops(crops),
      encodeFrame: async () => undefined,
    };
    const recogniser = new Recogniser({
      config,
      vision,
      gallery,
      findOwner: () => group.owner,
      events: {
        async emit(draft: EventDraft) {
          const sequence = events.length + 1;
          const eventId = `00000000-0000-4000-8000-${String(sequence).padStart(12, '0')}`;
          const whole = { version: 2, eventId, sequence, deviceId: 'lintel', ...draft };
          const event = recognitionEventSchema.parse(whole);
          events.push(event);
          return event;
        },
      },
      challenges: { publishChallenge: (challenge) => void challenges.push(challenge) },
      chooseSide: () => side,
      scales,
      livenessThresholds: set.liveness?.thresholds,
      trust: alwaysTrusted,
      encodeCrop: (crop) => encodePicture({ rgb: crop, widthPx: 112, heightPx: 112 }, addon),
      clock: timers.clock,
      monotonic: timers.clock,
      timers,
      log: silentLog,
    });
    const atTimeOfClip = async (frame: AnalysedFrame) => {
      await timers.advance(frame.capturedAtMs - timers.nowMs);
      await recogniser.onFrame(frame);
    };
    const source = new Camera({
      config,
      addon,
      vision,
      settledBoxes: () => recogniser.settledBoxes(),
      knownBoxes: () => (around ? recogniser.knownBoxes() : undefined),
      onFrame: atTimeOfClip,
      clock: () => newestMs,
      timers: systemTimers,
      log: silentLog,
    });
    onTestFinished(() => source.stop());
    await source.start(new AbortController().signal);
    await vi.waitFor(() => {
      if (source.status !== 'ended') throw new Error(`the clip is not over: ${source.status}`);
    }, 200_000);
    await source.stop();
    // People who are still there at the end of the clip leave soon afterwards.
    await timers.advance(1_100);
    const [stats, health] = [recogniser.stats(), recogniser.health()];
    await recogniser.stop();
    return { path, events, challenges, stats, health, scores, fullyAnalysed, frames };
  }
}

/** Describes events as `match anna agreed` or `unknown below-threshold`, in alphabetical order. */
export function describeEvents(events: readonly RecognitionEvent[]): string[] {
  return events
    .map(({ type, externalImageId, reason }) => [type, externalImageId, reason].filter(Boolean).join(' '))
    .toSorted();
}
