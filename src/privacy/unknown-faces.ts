// Keeps the faces of unknown persons, where a retention is configured: sealed, limited in number, and destroyed when their time is over.
import { randomUUID } from 'node:crypto';
import type { Health } from '../domain/health.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import type { Clock, Timers } from '../domain/time.js';
import type { TrustGuard } from '../domain/trust.js';
import { AppError, clientError, describeError } from '../errors.js';
import { FaceSpans, type FaceStore } from './face-spans.js';
import type { UnknownFace, UnknownFaceInfo } from './unknown-face-record.js';

export interface UnknownFacesOptions {
  store: FaceStore;
  /** 0: no face is kept, and faces that an earlier configuration kept are destroyed at the start. */
  retentionHours: number;
  /** Limit of the number of faces; the oldest are removed first. */
  maxFaces: number;
  clock: Clock;
  timers: Timers;
  log: Log;
  /** Encodes an aligned crop as JPEG. */
  encodeJpeg: (crop: Uint8Array) => Uint8Array | Promise<Uint8Array>;
  /** While the clock cannot be trusted, no span is destroyed for lying in the future. */
  trust?: TrustGuard;
  newId?: () => string;
}

export interface ListedUnknownFace extends UnknownFaceInfo {
  /** Time at which the face is destroyed at the latest; epoch, ms. */
  expiresAtMs: number;
}

export interface UnknownFacesPage {
  /** Newest first, by the order in which they were kept. */
  faces: ListedUnknownFace[];
  /** Token of the next page; absent on the last one. */
  before?: string;
}

export interface UnknownFacesStats {
  faces: number;
  /** Capture time of the oldest face; epoch, ms. */
  oldestAtMs?: number;
  kept: number;
  /** Faces that were destroyed because their time was over. */
  purged: number;
  /** Faces that were removed for newer ones. */
  displaced: number;
  /** Faces that were not kept: too many waited for the disk, or it refused them. */
  dropped: number;
}

const HOUR_MS = 3_600_000;
/** Number of spans in a retention: a face is destroyed when its time is over, or up to one span earlier. */
const SPANS = 24;
/** Limit of faces that wait for the disk; a crop has 38 kB. */
const MAX_WAITING = 32;
/** Limit of one timer; Node's own is 24.8 days. */
const MAX_DELAY_MS = 6 * HOUR_MS;
/** Delay before another attempt after the disk refused. */
const RETRY_MS = HOUR_MS / 60;

/**
 * Each span of time is a space with a data key of its own, and is destroyed as a whole: purged faces cannot be read again, not even from
 * older files of the database. A single face that is deleted or displaced leaves those files within seconds.
 */
export class UnknownFaces implements Part {
  readonly name = 'unknown-faces';
  readonly #options: UnknownFacesOptions;
  readonly #retentionMs: number;
  readonly #spanMs: number;
  readonly #spans: FaceSpans;
  #waiting: UnknownFace[] = [];
  /** The changes under way, one after the other. */
  #work: Promise<void> | undefined;
  #timer: unknown;
  #isRunning = false;
  #failure: string | undefined;
  #kept = 0;
  #purged = 0;
  #displaced = 0;
  #dropped = 0;

  constructor(options: UnknownFacesOptions) {
    this.#options = options;
    this.#retentionMs = options.retentionHours * HOUR_MS;
    this.#spanMs = Math.max(1, Math.ceil(this.#retentionMs / SPANS));
    this.#spans = new FaceSpans(options.store);
  }

  /** Loads the kept faces, and purges those that are due. @throws AppError STORE_UNAVAILABLE, also when a due one cannot be destroyed */
  async start(signal: AbortSignal): Promise<void> {
    if (this.#isRunning) throw new TypeError('the unknown faces are started already');
    const { log } = this.#options;
    const onDamaged = ({ id }: { id: string }): void =>
      log.warn({ space: id }, 'kept faces cannot be read, or do not add up; they will be destroyed with their span');
    await this.#spans.load(this.#isKeeping, onDamaged, signal);
    await this.#purge();
    await this.#displace();
    this.#isRunning = true;
    this.#schedulePurge();
  }

  /** Resolves when everything that was taken is written. */
  async stop(): Promise<void> {
    if (!this.#isRunning) return;
    this.#isRunning = false;
    this.#options.timers.clearTimeout(this.#timer);
    while (this.#work) await this.#work;
  }

  /** Keeps a face, and takes over its arrays. Never throws: a face that cannot be kept is counted as dropped. */
  keep(face: UnknownFace): void {
    if (!this.#isKeeping) return;
    if (!this.#isRunning || this.#waiting.length >= MAX_WAITING) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(face);
    void this.#inTurn(() => this.#writeWaiting());
  }

  /**
   * Lists kept faces, newest first.
   * @param page.before token of the page before
   * @throws AppError NOT_FOUND when the face that the token names is gone
   */
  async list(page: { limit: number; before?: string }, filter: { cameraId?: string } = {}): Promise<UnknownFacesPage> {
    this.#requireRunning();
    const all = this.#spans.all().reverse();
    const from = page.before === undefined ? 0 : all.findIndex(({ info }) => info.id === page.before) + 1;
    if (page.before !== undefined && from === 0) throw notFound();
    const found = all
      .slice(from)
      .filter(({ info }) => filter.cameraId === undefined || info.cameraId === filter.cameraId);
    const faces = found.slice(0, page.limit).map(({ info, span }) => {
      return { ...info, expiresAtMs: span.startMs + this.#retentionMs };
    });
    const last = faces.at(-1);
    return last && found.length > faces.length ? { faces, before: last.id } : { faces };
  }

  /** Reads a kept face. @throws AppError NOT_FOUND, STORE_UNAVAILABLE, STORE_CORRUPT */
  async get(id: string): Promise<UnknownFace & { id: string }> {
    this.#requireRunning();
    const face = this.#spans.find(id);
    const picture = face && (await this.#spans.readPicture(face));
    if (!picture) throw notFound();
    return { ...face.info, ...picture };
  }

  /** Returns the crop as JPEG; undefined when there is no such face. @throws AppError STORE_UNAVAILABLE, STORE_CORRUPT */
  async picture(id: string): Promise<Uint8Array | undefined> {
    this.#requireRunning();
    if (!this.#spans.find(id)) return undefined;
    return this.#options.encodeJpeg((await this.get(id)).crop);
  }

  /** Deletes a kept face. @returns whether there was one with this id @throws AppError STORE_UNAVAILABLE */
  async delete(id: string): Promise<boolean> {
    this.#requireRunning();
    let isFound = false;
    await this.#inTurn(async () => {
      const span = this.#spans.find(id)?.span;
      if (!span) return;
      isFound = true;
      // With the last face of a span the whole span is destroyed, so that nothing of it can be read.
      if (span.ids.size === 1) await this.#spans.destroy(span);
      else await this.#spans.remove([id]);
    });
    return isFound;
  }

  /** Destroys all faces. @returns the number of them @throws AppError STORE_UNAVAILABLE */
  async deleteAll(): Promise<number> {
    this.#requireRunning();
    let deleted = 0;
    await this.#inTurn(async () => {
      for (const span of this.#spans.spans()) deleted += await this.#spans.destroy(span);
    });
    return deleted;
  }

  stats(): UnknownFacesStats {
    const [oldest] = this.#spans.all();
    return {
      faces: this.#spans.size,
      ...(oldest === undefined ? {} : { oldestAtMs: oldest.info.capturedAtMs }),
      kept: this.#kept,
      purged: this.#purged,
      displaced: this.#displaced,
      dropped: this.#dropped,
    };
  }

  health(): Health {
    const facts = { faces: this.#spans.size, retentionHours: this.#options.retentionHours };
    if (!this.#isRunning) return { status: 'failed', detail: 'the unknown faces are not open' };
    return this.#failure === undefined
      ? { status: 'ok', facts }
      : { status: 'degraded', detail: `unknown faces: ${this.#failure}`, facts };
  }

  get #isKeeping(): boolean {
    return this.#retentionMs > 0;
  }

  /** Runs a change after all earlier ones. */
  #inTurn(change: () => Promise<void>): Promise<void> {
    const before = this.#work ?? Promise.resolve();
    const result = before.then(change);
    const settled = result
      .catch(() => undefined)
      .then(() => {
        if (this.#work === settled) this.#work = undefined;
      });
    this.#work = settled;
    return result;
  }

  /** Never rejects. */
  async #writeWaiting(): Promise<void> {
    for (let face = this.#waiting.shift(); face; face = this.#waiting.shift()) {
      try {
        await this.#write(face);
        await this.#displace();
        this.#failure = undefined;
      } catch (error) {
        this.#dropped++;
        if (this.#failure === undefined) {
          this.#options.log.warn({ error: describeError(error) }, 'the face of an unknown person could not be stored');
        }
        this.#failure = 'the disk refuses them';
      }
    }
  }

  async #write({ crop, embedding, ...rest }: UnknownFace): Promise<void> {
    const { clock, newId = randomUUID } = this.#options;
    // A capture time in the future would keep the face for too long.
    const capturedAtMs = Math.min(rest.capturedAtMs, clock());
    if (capturedAtMs + this.#retentionMs <= clock()) return;
    const { cameraId, trackId, quality, modelVersion } = rest;
    // The bias is not stored: it follows from the embedding.
    const condition = rest.condition && {
      recognisability: rest.condition.recognisability,
      masked: rest.condition.masked,
    };
    const info: UnknownFaceInfo = { id: newId(), cameraId, trackId, capturedAtMs, quality, condition, modelVersion };
    const startMs = Math.floor(capturedAtMs / this.#spanMs) * this.#spanMs;
    const isNewSpan = await this.#spans.add(startMs, info, { crop, embedding });
    if (isNewSpan && this.#isRunning) this.#schedulePurge();
    this.#kept++;
  }

  /** Removes the oldest faces beyond the limit. */
  async #displace(): Promise<void> {
    const surplus = this.#spans.size - this.#options.maxFaces;
    if (surplus <= 0) return;
    const oldest = this.#spans.all().slice(0, surplus);
    await this.#spans.remove(oldest.map(({ info }) => info.id));
    this.#displaced += surplus;
  }

  /** Destroys every span that started as long ago as the retention, and spans that start further in the future than is possible. */
  async #purge(): Promise<void> {
    const { clock, log, trust } = this.#options;
    const nowMs = clock();
    for (const span of this.#spans.spans()) {
      const isOver = span.startMs + this.#retentionMs <= nowMs;
      const isImpossible = span.startMs > nowMs + HOUR_MS && trust?.problem() === undefined;
      if (!isOver && !isImpossible) continue;
      const faces = await this.#spans.destroy(span);
      this.#purged += faces;
      log.info({ faces }, 'faces of unknown persons were destroyed because their time was over');
    }
  }

  #schedulePurge(): void {
    const { timers, clock, log } = this.#options;
    timers.clearTimeout(this.#timer);
    const dueMs = Math.min(...this.#spans.spans().map(({ startMs }) => startMs + this.#retentionMs - clock()));
    // The timer also runs when nothing is due, because the clock may be set forward.
    const delayMs = Math.max(this.#failure === undefined ? 1 : RETRY_MS, Math.min(dueMs, MAX_DELAY_MS, this.#spanMs));
    this.#timer = timers.setTimeout(() => {
      void this.#inTurn(() => this.#purge())
        .then(
          () => (this.#failure = undefined),
          (error: unknown) => {
            this.#failure = 'the faces that are due cannot be destroyed';
            const fields = { error: describeError(error) };
            log.error(fields, 'faces of unknown persons could not be destroyed; the next attempt follows');
          },
        )
        .finally(() => {
          if (this.#isRunning) this.#schedulePurge();
        });
    }, delayMs);
  }

  #requireRunning(): void {
    if (!this.#isRunning) throw new AppError('STOPPED', 'the unknown faces are not open');
  }
}

function notFound(): AppError {
  return clientError('NOT_FOUND', 'There is no such face.');
}
