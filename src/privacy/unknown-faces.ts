// Faces of strangers, where a retention is configured: sealed, bounded, and gone for good when their time is over.
import { randomUUID } from 'node:crypto';
import type { Health } from '../domain/health.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import type { Clock, Timers } from '../domain/time.js';
import type { TrustGuard } from '../domain/trust.js';
import { AppError, clientError, describeError } from '../errors.js';
import type { Operation, SealedStore, Space } from '../store/sealed-store.js';
import {
  INFO_KEYS,
  PICTURE_KEYS,
  SPAN_KEY,
  UNKNOWN_FACES_LABEL,
  decodeInfo,
  decodePicture,
  encodeInfo,
  encodePicture,
  type UnknownFace,
  type UnknownFaceInfo,
} from './unknown-face-record.js';

export type { UnknownFace, UnknownFaceInfo } from './unknown-face-record.js';

export interface UnknownFacesOptions {
  store: Pick<SealedStore, 'spaces' | 'createSpace' | 'destroySpace' | 'write'>;
  /** 0: none is kept, and what an earlier configuration kept is destroyed at the start. */
  retentionHours: number;
  /** The oldest go first. */
  maxFaces: number;
  clock: Clock;
  timers: Timers;
  log: Log;
  /** Of a crop, as keep() takes it. */
  encodeJpeg: (crop: Uint8Array) => Uint8Array | Promise<Uint8Array>;
  /** While the clock is not to be trusted, nothing is destroyed for lying in the future. */
  trust?: TrustGuard;
  newId?: () => string;
}

/** As it is listed. */
export interface ListedUnknownFace extends UnknownFaceInfo {
  /** Epoch, ms: it is gone by then. */
  expiresAtMs: number;
}

export interface UnknownFacesPage {
  /** Newest first, by the order in which they were kept. */
  faces: ListedUnknownFace[];
  /** Of the next page; absent on the last one. */
  before?: string;
}

export interface UnknownFacesStats {
  faces: number;
  /** Epoch, ms; of the capture. */
  oldestAtMs?: number;
  kept: number;
  /** Their time was over. */
  purged: number;
  /** Made room for newer ones. */
  displaced: number;
  /** Not kept: too many waited for the disk, or it refused them. */
  dropped: number;
}

/** A span of time and the space of the faces that were captured in it. */
interface Span {
  readonly startMs: number;
  readonly space: Space;
  nextSequence: number;
  readonly ids: Set<string>;
}

interface Kept {
  info: UnknownFaceInfo;
  span: Span;
  sequence: number;
}

const HOUR_MS = 3_600_000;
/** A retention is so many spans: a face goes at the latest when its time is over, and at most one span before. */
const SPANS = 24;
/** A crop has 38 kB: memory is for few of them. */
const MAX_WAITING = 32;
/** A timer of Node ends at 24.8 days. */
const MAX_DELAY_MS = 6 * HOUR_MS;

/**
 * Each span of time has a space with a data key of its own, and is destroyed with it as a whole: what was purged cannot be read again, not
 * from older files of the database either. A single face that is deleted or displaced is deleted as a record; its last traces on the disk
 * become unreadable with its span.
 */
export class UnknownFaces implements Part {
  readonly name = 'unknown-faces';
  readonly #options: UnknownFacesOptions;
  readonly #retentionMs: number;
  readonly #spanMs: number;
  #spans = new Map<number, Span>();
  /** In the order in which they were kept. */
  #faces = new Map<string, Kept>();
  #waiting: UnknownFace[] = [];
  #work: Promise<void> | undefined;
  #timer: unknown;
  #running = false;
  #failure: string | undefined;
  #kept = 0;
  #purged = 0;
  #displaced = 0;
  #dropped = 0;

  constructor(options: UnknownFacesOptions) {
    this.#options = options;
    this.#retentionMs = options.retentionHours * HOUR_MS;
    this.#spanMs = Math.max(1, Math.ceil(this.#retentionMs / SPANS));
  }

  /** Purges what is due. @throws AppError STORE_UNAVAILABLE: also where what must go cannot be destroyed */
  async start(signal: AbortSignal): Promise<void> {
    if (this.#running) throw new TypeError('the unknown faces are started already');
    this.#spans = new Map();
    this.#faces = new Map();
    for (const space of this.#options.store.spaces(UNKNOWN_FACES_LABEL)) {
      signal.throwIfAborted();
      const startMs = await startOf(space);
      // What cannot be told its age, or is there twice, is not kept longer.
      if (startMs === undefined || this.#spans.has(startMs) || !this.#isKeeping) {
        await this.#options.store.destroySpace(space);
      } else await this.#load({ startMs, space, nextSequence: 1, ids: new Set() });
    }
    const inOrder = [...this.#faces].sort(([, a], [, b]) => a.info.capturedAtMs - b.info.capturedAtMs);
    this.#faces = new Map(inOrder);
    await this.#purge();
    await this.#displace();
    this.#running = true;
    this.#purgeLater();
  }

  /** Waits for what is being written. */
  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    this.#options.timers.clearTimeout(this.#timer);
    while (this.#work) await this.#work;
  }

  /** Never throws: a face that cannot be kept is counted as dropped. The arrays are the callee's from then on. */
  keep(face: UnknownFace): void {
    if (!this.#isKeeping) return;
    if (!this.#running || this.#waiting.length >= MAX_WAITING) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(face);
    void this.#inTurn(() => this.#writeWaiting());
  }

  /** @param page.before of the page before @throws AppError NOT_FOUND: the face that it names is gone */
  async list(page: { limit: number; before?: string }, filter: { cameraId?: string } = {}): Promise<UnknownFacesPage> {
    this.#mustRun();
    const all = [...this.#faces.values()].reverse();
    const from = page.before === undefined ? 0 : all.findIndex(({ info }) => info.id === page.before) + 1;
    if (page.before !== undefined && from === 0) throw notFound();
    const found = all
      .slice(from)
      .filter(({ info }) => filter.cameraId === undefined || info.cameraId === filter.cameraId);
    const faces = found.slice(0, page.limit).map(({ info, span }) => {
      return { ...info, expiresAtMs: span.startMs + this.#retentionMs };
    });
    return found.length > faces.length ? { faces, before: faces[faces.length - 1].id } : { faces };
  }

  /** @throws AppError NOT_FOUND, STORE_UNAVAILABLE, STORE_CORRUPT */
  async get(id: string): Promise<UnknownFace & { id: string }> {
    this.#mustRun();
    const kept = this.#faces.get(id);
    if (!kept) throw notFound();
    const { info, span, sequence } = kept;
    const value = await span.space.get(PICTURE_KEYS.encode(sequence)).catch((error: unknown) => {
      if (this.#faces.has(id)) throw error;
    });
    // Purged or deleted meanwhile, and its key with it.
    if (!value || !this.#faces.has(id)) throw notFound();
    return { ...info, ...decodePicture(value) };
  }

  /** The crop as JPEG; undefined where there is no such face. @throws AppError STORE_UNAVAILABLE, STORE_CORRUPT */
  async picture(id: string): Promise<Uint8Array | undefined> {
    this.#mustRun();
    if (!this.#faces.has(id)) return undefined;
    return this.#options.encodeJpeg((await this.get(id)).crop);
  }

  /** @returns whether there was such a face @throws AppError STORE_UNAVAILABLE */
  async delete(id: string): Promise<boolean> {
    this.#mustRun();
    let found = false;
    await this.#inTurn(async () => {
      const span = this.#faces.get(id)?.span;
      if (!span) return;
      found = true;
      // The last one of a span leaves nothing that could be read.
      if (span.ids.size === 1) await this.#destroy(span);
      else await this.#remove([id]);
    });
    return found;
  }

  /** Destroys all of them, for good. @returns how many @throws AppError STORE_UNAVAILABLE */
  async deleteAll(): Promise<number> {
    this.#mustRun();
    let deleted = 0;
    await this.#inTurn(async () => {
      for (const span of [...this.#spans.values()]) {
        const faces = span.ids.size;
        await this.#destroy(span);
        deleted += faces;
      }
    });
    return deleted;
  }

  stats(): UnknownFacesStats {
    const oldest = this.#faces.values().next().value?.info.capturedAtMs;
    return {
      faces: this.#faces.size,
      ...(oldest === undefined ? {} : { oldestAtMs: oldest }),
      kept: this.#kept,
      purged: this.#purged,
      displaced: this.#displaced,
      dropped: this.#dropped,
    };
  }

  health(): Health {
    const facts = { faces: this.#faces.size, retentionHours: this.#options.retentionHours };
    if (!this.#running) return { status: 'failed', detail: 'the unknown faces are not open' };
    return this.#failure === undefined
      ? { status: 'ok', facts }
      : { status: 'degraded', detail: `unknown faces: ${this.#failure}`, facts };
  }

  get #isKeeping(): boolean {
    return this.#retentionMs > 0;
  }

  /** Changes go one after the other. */
  #inTurn(task: () => Promise<void>): Promise<void> {
    const before = this.#work ?? Promise.resolve();
    const result = before.then(task);
    const settled = result
      .catch(() => undefined)
      .then(() => {
        if (this.#work === settled) this.#work = undefined;
      });
    this.#work = settled;
    return result;
  }

  async #load(span: Span): Promise<void> {
    const { log } = this.#options;
    const onDamaged = (key: Buffer): void => {
      span.nextSequence = INFO_KEYS.decode(key) + 1;
      log.warn({ space: span.space.id }, 'a kept face does not open; it goes with its span');
    };
    for await (const [key, value] of span.space.entries(INFO_KEYS.range, onDamaged)) {
      const sequence = INFO_KEYS.decode(key);
      span.nextSequence = sequence + 1;
      const info = decodeInfo(value);
      if (!info) onDamaged(key);
      else this.#add({ info, span, sequence });
    }
    this.#spans.set(span.startMs, span);
  }

  #add(kept: Kept): void {
    this.#faces.set(kept.info.id, kept);
    kept.span.ids.add(kept.info.id);
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
          this.#options.log.warn({ error: describeError(error) }, 'a face of a stranger could not be kept');
        }
        this.#failure = 'the disk refuses them';
      }
    }
  }

  async #write({ crop, embedding, ...rest }: UnknownFace): Promise<void> {
    const { store, clock, newId = randomUUID } = this.#options;
    // A capture time in the future would be kept for too long.
    const capturedAtMs = Math.min(rest.capturedAtMs, clock());
    if (capturedAtMs + this.#retentionMs <= clock()) return;
    const { cameraId, trackId, quality, modelVersion } = rest;
    const info: UnknownFaceInfo = { id: newId(), cameraId, trackId, capturedAtMs, quality, modelVersion };
    const startMs = Math.floor(capturedAtMs / this.#spanMs) * this.#spanMs;
    const operations = (space: Space, sequence: number): Operation[] => [
      space.put(INFO_KEYS.encode(sequence), encodeInfo(info)),
      space.put(PICTURE_KEYS.encode(sequence), encodePicture({ crop, embedding })),
    ];
    let span = this.#spans.get(startMs);
    const sequence = span?.nextSequence ?? 1;
    if (span) await store.write(operations(span.space, sequence));
    else {
      const space = await store.createSpace(UNKNOWN_FACES_LABEL, (made) => [
        made.put(SPAN_KEY, Buffer.from(String(startMs))),
        ...operations(made, sequence),
      ]);
      span = { startMs, space, nextSequence: 1, ids: new Set() };
      this.#spans.set(startMs, span);
      if (this.#running) this.#purgeLater();
    }
    span.nextSequence = sequence + 1;
    this.#add({ info, span, sequence });
    this.#kept++;
  }

  /** The oldest beyond the bound. */
  async #displace(): Promise<void> {
    const surplus = this.#faces.size - this.#options.maxFaces;
    if (surplus <= 0) return;
    await this.#remove([...this.#faces.keys()].slice(0, surplus));
    this.#displaced += surplus;
  }

  async #remove(ids: readonly string[]): Promise<void> {
    const all = ids.flatMap((id) => this.#faces.get(id) ?? []);
    const operations = all.flatMap(({ span: { space }, sequence }) => [
      space.delete(INFO_KEYS.encode(sequence)),
      space.delete(PICTURE_KEYS.encode(sequence)),
    ]);
    await this.#options.store.write(operations);
    for (const { info, span } of all) this.#forget(info.id, span);
  }

  #forget(id: string, span: Span): void {
    this.#faces.delete(id);
    span.ids.delete(id);
  }

  async #destroy(span: Span): Promise<void> {
    await this.#options.store.destroySpace(span.space);
    this.#spans.delete(span.startMs);
    for (const id of [...span.ids]) this.#forget(id, span);
  }

  /** Every span whose first moment is as old as the retention; and those of a future that cannot be. */
  async #purge(): Promise<void> {
    const { clock, log, trust } = this.#options;
    const nowMs = clock();
    for (const span of [...this.#spans.values()]) {
      const isOver = span.startMs + this.#retentionMs <= nowMs;
      const isImpossible = span.startMs > nowMs + HOUR_MS && trust?.problem() === undefined;
      if (!isOver && !isImpossible) continue;
      const faces = span.ids.size;
      await this.#destroy(span);
      this.#purged += faces;
      log.info({ faces }, 'faces of strangers were purged: their time was over');
    }
  }

  #purgeLater(): void {
    const { timers, clock, log } = this.#options;
    timers.clearTimeout(this.#timer);
    const next = Math.min(...[...this.#spans.keys()].map((startMs) => startMs + this.#retentionMs - clock()));
    // Also without anything due: the clock may be set forward. A disk that refused is tried again.
    const delayMs = Math.max(
      this.#failure === undefined ? 1 : HOUR_MS / 60,
      Math.min(next, MAX_DELAY_MS, this.#spanMs),
    );
    this.#timer = timers.setTimeout(() => {
      void this.#inTurn(() => this.#purge())
        .then(
          () => (this.#failure = undefined),
          (error: unknown) => {
            this.#failure = 'what is due cannot be destroyed';
            log.error({ error: describeError(error) }, 'faces of strangers could not be purged; it is tried again');
          },
        )
        .finally(() => {
          if (this.#running) this.#purgeLater();
        });
    }, delayMs);
  }

  #mustRun(): void {
    if (!this.#running) throw new AppError('STOPPED', 'the unknown faces are not open');
  }
}

/** Without serving them: for a look at a store that no service runs on. @throws AppError STORE_UNAVAILABLE */
export async function countUnknownFaces(
  store: Pick<SealedStore, 'spaces'>,
): Promise<Pick<UnknownFacesStats, 'faces' | 'oldestAtMs'>> {
  let faces = 0;
  let oldestAtMs = Infinity;
  for (const space of store.spaces(UNKNOWN_FACES_LABEL)) {
    for await (const [, value] of space.entries(INFO_KEYS.range, () => undefined)) {
      faces++;
      oldestAtMs = Math.min(oldestAtMs, decodeInfo(value)?.capturedAtMs ?? Infinity);
    }
  }
  return Number.isFinite(oldestAtMs) ? { faces, oldestAtMs } : { faces };
}

/** @returns undefined where it cannot be read */
async function startOf(space: Space): Promise<number | undefined> {
  try {
    const startMs = Number((await space.get(SPAN_KEY))?.toString());
    return Number.isFinite(startMs) ? startMs : undefined;
  } catch (error) {
    if (error instanceof AppError && error.code === 'STORE_CORRUPT') return undefined;
    throw error;
  }
}

function notFound(): AppError {
  return clientError('NOT_FOUND', 'There is no such face.');
}
