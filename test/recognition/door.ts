// A door for tests: a recogniser with a real gallery; camera and models are scripted, and time is moved by hand.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { ChallengeSink, HeadChallenge } from '../../src/domain/challenge.js';
import type { FaceCondition } from '../../src/domain/condition.js';
import type { EmbeddedFace } from '../../src/domain/embedding.js';
import { normalise } from '../../src/domain/embedding.js';
import type { Box, Face, Landmarks, PresentationTraces } from '../../src/domain/face.js';
import { silentLog } from '../../src/domain/log.js';
import { SimilarityScales } from '../../src/domain/similarity-scales.js';
import { alwaysTrusted } from '../../src/domain/trust.js';
import {
  recognitionEventSchema,
  type EventDraft,
  type EventSink,
  type RecognitionEvent,
} from '../../src/events/event.js';
import { groundsDraftSchema, type GroundsDraft } from '../../src/events/grounds.js';
import type { GroupRef } from '../../src/gallery/gallery.types.js';
import { LevelGallery } from '../../src/gallery/leveldb-gallery.js';
import { Recogniser, type RecogniserParts } from '../../src/recognition/recogniser.js';
import { SealedStore } from '../../src/store/sealed-store.js';
import type { Vision } from '../../src/vision/vision.js';
import { ManualTimers } from '../camera/manual-timers.js';
import { cameraConfig, RecordedLog } from '../camera/test-camera.js';
import { tempDir } from '../support/temp-dir.js';

export const scales = new SimilarityScales({
  points: [
    { cosine: 0.333, similarity: 70, far: 1e-3 },
    { cosine: 0.403, similarity: 80, far: 1e-4 },
    { cosine: 0.464, similarity: 90, far: 1e-5 },
  ],
});
export const staff: GroupRef = { owner: 'owner-1', groupId: 'staff' };
const DIMENSIONS = 128;
const bbox = { x0: 0, y0: 0, x1: 1, y1: 1 };

/** Creates an embedding. Each person is an axis, so that two persons have cosine 0. @param likeness cosine with the person's axis */
export function createEmbedding(person: number, likeness: number): Float32Array {
  const vector = new Float32Array(DIMENSIONS);
  vector[person] = likeness;
  vector[person + DIMENSIONS / 2] = Math.sqrt(1 - likeness ** 2);
  return normalise(vector);
}

/** Creates a crop whose bytes name the person in it, and the condition of the picture. */
function createCrop(shown: Pick<SceneFace, 'person' | 'likeness' | 'condition'>): Uint8Array {
  return Uint8Array.from(Buffer.from(JSON.stringify(shown)));
}

/** One face of a scripted frame. */
export interface SceneFace {
  person: number;
  /** Cosine with the enrolled face of the person; 0.9 by default. */
  likeness?: number | undefined;
  x: number;
  y?: number;
  sizePx?: number;
  yaw?: number;
  /** Place of the nose, as FaceShape.across; without it all landmarks are in one place. */
  across?: number | undefined;
  quality?: number | undefined;
  /** Verdict of the mask model; false by default. */
  masked?: boolean | undefined;
  /** Condition as the embedder measures it; absent by default. */
  condition?: FaceCondition | undefined;
  /** Liveness score; absent by default. */
  liveness?: number | undefined;
  /** Traces of a print or a screen; absent by default. */
  presentation?: PresentationTraces | undefined;
}

function createLandmarks({ x, y = 240, across }: SceneFace): Landmarks {
  const at = (dx: number, dy: number) => ({ x: x + dx, y: y + dy });
  if (across === undefined) return [at(0, 0), at(0, 0), at(0, 0), at(0, 0), at(0, 0)];
  return [at(-20, -20), at(20, -20), at(20 * across, 0), at(-20, 20), at(20, 20)];
}

export function face(shown: SceneFace): Face {
  const { person, likeness = 0.9, x, y = 240, sizePx = 100, yaw = 0, quality = 0.8 } = shown;
  const masked = 'masked' in shown ? shown.masked : false;
  const boxPx: Box = { x0: x - sizePx / 2, y0: y - sizePx / 2, x1: x + sizePx / 2, y1: y + sizePx / 2 };
  return {
    boxPx,
    landmarksPx: createLandmarks(shown),
    detectionScore: 0.9,
    pose: { yaw, pitch: 0, roll: 0 },
    quality: { size: 1, sharpness: 1, pose: 1, exposure: 1, detection: 1, overall: quality },
    ...(masked !== undefined && { masked }),
    ...(shown.liveness !== undefined && { livenessScore: shown.liveness }),
    ...(shown.presentation && { presentation: shown.presentation }),
    crop: createCrop({ person, likeness, condition: shown.condition }),
  };
}

/** Completes events as the outbox does, checks them against their schema, and records them. */
export class RecordedEvents implements EventSink {
  readonly all: RecognitionEvent[] = [];
  /** Grounds of each event, in order. */
  readonly grounds: GroundsDraft[] = [];
  refusal: Error | undefined;

  async emit(draft: EventDraft, grounds?: GroundsDraft): Promise<RecognitionEvent> {
    if (this.refusal) throw this.refusal;
    this.grounds.push(groundsDraftSchema.parse(grounds));
    const sequence = this.all.length + 1;
    const eventId = `00000000-0000-4000-8000-${String(sequence).padStart(12, '0')}`;
    const event = recognitionEventSchema.parse({ version: 2, eventId, sequence, deviceId: 'lintel', ...draft });
    this.all.push(event);
    return event;
  }

  /** The first event. */
  get first(): RecognitionEvent {
    const [event] = this.all;
    if (!event) throw new Error('no event was published');
    return event;
  }

  /** Type and name of each event, such as `match anna` or `unknown`, in order. */
  get published(): string[] {
    return this.all.map(({ type, externalImageId, faceId }) => `${type} ${externalImageId ?? faceId ?? ''}`.trim());
  }

  /** Type and reason of each event, such as `match agreed` or `uncertain clock-wrong`, in order. */
  get reasons(): string[] {
    return this.all.map(({ type, reason }) => `${type} ${reason}`);
  }
}

export class RecordedChallenges implements ChallengeSink {
  readonly all: HeadChallenge[] = [];

  publishChallenge(challenge: HeadChallenge): void {
    this.all.push(challenge);
  }

  /** State and side of each message, such as `open left`, in order. */
  get published(): string[] {
    return this.all.map(({ state, side }) => `${state} ${side}`);
  }
}

/** Embeds the person that a crop names. */
export class CropReader implements Pick<Vision, 'modelVersion' | 'hasLiveness' | 'embedCrops'> {
  modelVersion = 'model-1';
  hasLiveness = true;
  readonly batches: number[] = [];
  script: () => void = () => undefined;
  /** Awaited before crops are embedded. */
  gate: Promise<void> | undefined;

  async embedCrops(crops: readonly Uint8Array[]): Promise<EmbeddedFace[]> {
    this.script();
    if (this.gate) await this.gate;
    this.batches.push(crops.length);
    return crops.map((crop) => {
      const { person, likeness, condition } = JSON.parse(Buffer.from(crop).toString()) as Required<SceneFace>;
      return { embedding: createEmbedding(person, likeness ?? 0.9), ...(condition && { condition }) };
    });
  }

  get embedded(): number {
    return this.batches.reduce((sum, size) => sum + size, 0);
  }
}

export async function openGallery(): Promise<LevelGallery> {
  const store = new SealedStore({ directory: join(tempDir(), 'data'), masterKey: randomBytes(32), log: silentLog });
  const limits = { maxGroups: 10, maxFacesPerGroup: 100 };
  const gallery = new LevelGallery({ store, limits, clock: Date.now, log: silentLog });
  const signal = new AbortController().signal;
  await store.start(signal);
  onTestFinished(() => store.stop());
  await gallery.start(signal);
  onTestFinished(() => gallery.stop());
  return gallery;
}

/** Opens a door. @param keys keys of the camera's configuration; by default 3 of 5 shots agree, absence is 2 s, the threshold 90 */
export async function openDoor({
  keys = {},
  modelVersion = 'model-1',
  withGroup = true,
  parts = {},
  shared,
}: {
  keys?: object;
  modelVersion?: string;
  withGroup?: boolean;
  parts?: Partial<RecogniserParts>;
  /** A gallery with its group, which other doors use as well. */
  shared?: LevelGallery;
} = {}) {
  const gallery = shared ?? (await openGallery());
  if (withGroup && !shared) await gallery.createGroup(staff, 'model-1');
  const timers = new ManualTimers();
  const events = new RecordedEvents();
  const challenges = new RecordedChallenges();
  const vision = new CropReader();
  vision.modelVersion = modelVersion;
  const log = new RecordedLog();
  const owners = new Map([['default', staff.owner]]);
  const recogniser = new Recogniser({
    config: cameraConfig(keys),
    vision,
    gallery,
    findOwner: (name) => owners.get(name),
    events,
    challenges,
    chooseSide: () => 'left',
    scales,
    trust: alwaysTrusted,
    clock: timers.clock,
    monotonic: timers.clock,
    timers,
    log,
    ...parts,
  });
  onTestFinished(() => recogniser.stop());
  let frameNumber = 0;
  const startMs = timers.nowMs;

  const enrol = async (person: number, externalImageId?: string, likeness = 1, group = staff) => {
    const embedding = createEmbedding(person, likeness);
    const enrolment = await gallery.enrol(group, [
      { ...(externalImageId !== undefined && { externalImageId }), bbox, detectionScore: 0.9, embedding },
    ]);
    const [enrolledFace] = enrolment.enrolled;
    if (!enrolledFace) throw new Error('no face was enrolled');
    return enrolledFace.faceId;
  };
  const show = (shown: readonly SceneFace[], capturedAtMs = timers.nowMs) => {
    const faces = shown.map(face);
    const stream = { widthPx: 640, heightPx: 480, streamChanges: 0 };
    return recogniser.onFrame({ frameNumber: ++frameNumber, capturedAtMs, ...stream, faces });
  };
  /** Plays frames every 100 ms, the first one now. @param scene faces by the number of the frame and the time since the first one */
  const play = async (durationMs: number, scene: (n: number, atMs: number) => readonly SceneFace[]) => {
    for (let n = 0; n * 100 < durationMs; n++) {
      await show(scene(n, n * 100));
      await timers.advance(100);
    }
  };
  const sinceStart = (iso: string) => Date.parse(iso) - startMs;
  return { gallery, timers, events, challenges, vision, log, owners, recogniser, enrol, show, play, sinceStart };
}
