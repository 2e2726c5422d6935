// A door that people visit one after the other, each in a condition of their own: composed frames, the real camera, models and recogniser.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Camera } from '../../src/camera/camera.js';
import { createScales } from '../../src/compose/models.js';
import { configSchema } from '../../src/config/schema.js';
import { silentLog } from '../../src/domain/log.js';
import { systemTimers } from '../../src/domain/time.js';
import { alwaysTrusted } from '../../src/domain/trust.js';
import type { EventDraft } from '../../src/events/event.js';
import { LevelGallery } from '../../src/gallery/leveldb-gallery.js';
import type { ModelSet } from '../../src/models/manifest.js';
import { loadAddon, type Addon } from '../../src/native/addon.js';
import { Recogniser } from '../../src/recognition/recogniser.js';
import { SealedStore } from '../../src/store/sealed-store.js';
import { Pipeline } from '../../src/vision/pipeline.js';
import { parseCondition, PictureMaker } from '../conditions/condition.js';
import { renderBackground } from '../rendered-people/background.js';
import { encodePicture } from '../rendered-people/clip-file.js';
import type { Picture } from '../rendered-people/head.js';
import { between, seededRandom } from '../rendered-people/random.js';
import { applyCamera } from '../rendered-people/render-face.js';
import { drawSprite } from '../rendered-people/sprite.js';

const GROUP = { owner: 'owner-1', groupId: 'door' };
const FRAME = { widthPx: 400, heightPx: 300 };
const FRAMES_PER_VISIT = 8;
const FRAME_INTERVAL_MS = 100;
/** Time between two visits, which ends every track. */
const VISIT_INTERVAL_MS = 60_000;
const JPEG_QUALITY = 88;
/** Width of a composed portrait in the frame, whose face is 0.44 of it. */
const PORTRAIT_WIDTH_PX = [200, 280] as const;

/** One person before the door. */
export interface Visit {
  /** Aligned face of 112 x 112 px. */
  crop: Picture;
  /** As parseCondition reads it. */
  condition: string;
  seed: number;
}

export interface VisitResult {
  /** Types and reasons of the events, such as `match agreed`. */
  events: string[];
  /** Name of the person whom a match named. */
  granted: string | undefined;
  /** Number of frames in which a face was found. */
  framesWithFace: number;
}

export class Door {
  readonly #addon: Addon = loadAddon();
  readonly #maker = new PictureMaker(this.#addon);
  readonly #folder = mkdtempSync(join(tmpdir(), 'lintel-visits-'));
  readonly #set: ModelSet;
  readonly #pipeline: Pipeline;
  readonly #store: SealedStore;
  readonly #gallery: LevelGallery;

  private constructor(set: ModelSet, pipeline: Pipeline) {
    this.#set = set;
    this.#pipeline = pipeline;
    this.#store = new SealedStore({
      directory: join(this.#folder, 'data'),
      masterKey: randomBytes(32),
      log: silentLog,
    });
    const limits = { maxGroups: 1, maxFacesPerGroup: 10_000 };
    this.#gallery = new LevelGallery({ store: this.#store, limits, clock: Date.now, log: silentLog });
  }

  /** Opens a door with an empty gallery. @throws AppError as Pipeline.open */
  static async open({ set, modelsDir }: { set: ModelSet; modelsDir: string }): Promise<Door> {
    const pipeline = await Pipeline.open({ addon: loadAddon(), set, modelsDir, providers: ['cpu'] });
    const door = new Door(set, pipeline);
    const { signal } = new AbortController();
    await door.#store.start(signal);
    await door.#gallery.start(signal);
    await door.#gallery.createGroup(GROUP, set.modelVersion);
    return door;
  }

  async close(): Promise<void> {
    await this.#gallery.stop();
    await this.#store.stop();
    await this.#pipeline.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Enrols a person from one picture, as register does. @returns false where the face is not found or cannot be recognised */
  async enrol(name: string, { crop, condition, seed }: Visit): Promise<boolean> {
    const bytes = await this.#maker.make(crop, parseCondition(condition), seed);
    const { faces } = await this.#pipeline.analyseImage(bytes, { embed: 1, mask: true, liveness: false });
    const face = faces.find(({ embedding }) => embedding !== undefined);
    if (!face?.embedding) return false;
    const { embedding, condition: measured, detectionScore } = face;
    if (!createScales(this.#set.embedder).scales.isRecognisable(measured)) return false;
    const bbox = { x0: 0, y0: 0, x1: 1, y1: 1 };
    const newFace = {
      externalImageId: name,
      bbox,
      detectionScore,
      embedding,
      ...(measured && { condition: measured }),
    };
    await this.#gallery.enrol(GROUP, [newFace]);
    return true;
  }

  /** Shows people to the camera one after the other. @param keys keys of the camera's configuration */
  async receive(visits: readonly Visit[], keys: object = {}): Promise<VisitResult[]> {
    const path = join(this.#folder, 'visits.mjpeg');
    writeFileSync(path, Buffer.concat(await this.#compose(visits)));
    const results = visits.map((): VisitResult => ({ events: [], granted: undefined, framesWithFace: 0 }));
    const startMs = Date.UTC(2026, 0, 1);
    let nowMs = startMs;
    let current: VisitResult | undefined;
    const camera = { id: 'door', group: GROUP.groupId, source: { type: 'file', path, realTime: false }, ...keys };
    const config = configSchema.parse({ cameras: [{ liveness: 'off', ...camera }] }).cameras[0]!;
    const { scales } = createScales(this.#set.embedder);
    const pipeline = this.#pipeline;
    const vision = {
      modelVersion: this.#set.modelVersion,
      hasLiveness: false,
      analyseFrame: pipeline.analyseFrame.bind(pipeline),
      embedCrops: (crops: readonly Uint8Array[]) => pipeline.embedCrops(crops),
      encodeFrame: async () => undefined,
    };
    const recogniser = new Recogniser({
      config,
      vision,
      gallery: this.#gallery,
      findOwner: () => GROUP.owner,
      events: {
        emit: async (draft: EventDraft) => {
          current?.events.push(`${draft.type} ${draft.reason}`);
          if (draft.type === 'match' && current) current.granted = draft.externalImageId ?? 'nobody';
          return { version: 2, eventId: '', sequence: 1, deviceId: 'door', ...draft };
        },
      },
      challenges: { publishChallenge: () => undefined },
      chooseSide: () => 'left',
      scales,
      trust: alwaysTrusted,
      clock: () => nowMs,
      monotonic: () => nowMs,
      // Tracks end by the frames of the next visit; the last visit is followed by an empty frame.
      timers: { setTimeout: () => undefined, clearTimeout: () => undefined },
      log: silentLog,
    });
    const source = new Camera({
      config,
      addon: this.#addon,
      vision,
      onFrame: async (frame) => {
        const visit = Math.floor((frame.frameNumber - 1) / (FRAMES_PER_VISIT + 1));
        const step = (frame.frameNumber - 1) % (FRAMES_PER_VISIT + 1);
        // The last frame of a visit is empty, and comes after all tracks have ended.
        nowMs =
          startMs + visit * VISIT_INTERVAL_MS + step * FRAME_INTERVAL_MS + (step === FRAMES_PER_VISIT ? 5_000 : 0);
        current = results[visit];
        if (current && frame.faces.length > 0) current.framesWithFace++;
        await recogniser.onFrame({ ...frame, capturedAtMs: nowMs });
      },
      clock: Date.now,
      timers: systemTimers,
      log: silentLog,
    });
    await source.start(new AbortController().signal);
    while (source.status !== 'ended') await sleep(20);
    await source.stop();
    await recogniser.stop();
    return results;
  }

  /** Composes the frames: the portrait of each visitor moves slightly before a still room, and an empty frame follows. */
  async #compose(visits: readonly Visit[]): Promise<Buffer[]> {
    const rooms = [0, 1, 2, 3].map((seed) => renderBackground(500 + seed, FRAME.widthPx, FRAME.heightPx));
    const frames: Buffer[] = [];
    for (const { crop, condition, seed } of visits) {
      const parsed = parseCondition(condition);
      const portrait = await this.#maker.draw(crop, parsed, seed);
      const random = seededRandom(seed, 77);
      const widthPx = between(random, ...PORTRAIT_WIDTH_PX);
      const room = rooms[seed % rooms.length]!;
      const quality = Math.round(parsed.numbers.jpeg?.[0] ?? JPEG_QUALITY);
      for (let n = 0; n <= FRAMES_PER_VISIT; n++) {
        const picture: Picture = { ...FRAME, rgb: room.slice() };
        if (n < FRAMES_PER_VISIT) {
          const centreX = FRAME.widthPx / 2 + 3 * Math.sin(n) + between(random, -1, 1);
          const centreY = FRAME.heightPx / 2 + 2 * Math.cos(n) + between(random, -1, 1);
          const stance = { centreX, centreY, widthPx: widthPx + n, roll: 1.5 * Math.sin(n / 2), edge: 'soft' as const };
          drawSprite(picture, portrait, stance);
        }
        applyCamera(picture, { noise: 2, noiseSeed: seed * 31 + n });
        frames.push(encodePicture(picture, this.#addon, n < FRAMES_PER_VISIT ? quality : JPEG_QUALITY));
      }
    }
    return frames;
  }
}
