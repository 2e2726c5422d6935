// The privacy switch: whether any camera of this device may look at all, also after a restart.
import { z } from 'zod';
import type { CameraControl } from '../camera/camera-control.js';
import type { Health } from '../domain/health.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import { describeError } from '../errors.js';
import type { NoteMaker, SealedStore, Space } from '../store/sealed-store.js';

const SPACE = 'device';
const KEY = Buffer.from('privacy');
const stateSchema = z.strictObject({ on: z.boolean() });

export interface PrivacySwitchParts {
  store: Pick<SealedStore, 'openSpace' | 'write'>;
  cameras: Pick<CameraControl, 'setPrivacy'>;
  /** Every change is noted there in its own atomic write. */
  audit: NoteMaker;
  log: Log;
}

/** What came of a change. */
export interface PrivacyChange {
  on: boolean;
  /** False: a restart would find it off, because the disk refuses. */
  stored: boolean;
}

/** Started after the store and the audit log and before the cameras, so that a device that was private opens none. */
export class PrivacySwitch implements Part {
  readonly name = 'privacy';
  readonly #parts: PrivacySwitchParts;
  #space: Space | undefined;
  #on = false;
  #stored = true;
  /** Why the state could not be read at the start. */
  #unread: string | undefined;
  /** Grows with every change that is asked for. */
  #generation = 0;
  /** One change after the other. */
  #changing: Promise<unknown> = Promise.resolve();

  constructor(parts: PrivacySwitchParts) {
    this.#parts = parts;
  }

  get on(): boolean {
    return this.#on;
  }

  get stored(): boolean {
    return this.#stored;
  }

  /** A state that cannot be read counts as on. */
  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#on = await this.#read();
    if (!this.#on) return;
    await this.#parts.cameras.setPrivacy(true);
    this.#parts.log.info({}, 'privacy is on: no camera is opened');
  }

  async stop(): Promise<void> {
    await this.#changing.catch(() => undefined);
  }

  health(): Health {
    if (this.#unread !== undefined) {
      return { status: 'degraded', detail: `privacy is on because its state cannot be read: ${this.#unread}` };
    }
    if (!this.#stored) return { status: 'degraded', detail: 'privacy is on, but a restart would not know: see store' };
    return { status: 'ok', facts: { on: this.#on } };
  }

  /**
   * On: closes every source first, and then writes it down; a disk that refuses does not keep it from being on. Off: is written
   * down before any source is opened. The audit log is told in the same write.
   * @param actor as in AuditEntry
   * @throws AppError STORE_UNAVAILABLE: it could not be written down that it goes off, and it stays on
   */
  async set(on: boolean, actor: string): Promise<PrivacyChange> {
    const generation = ++this.#generation;
    // Going on waits for nothing: the sources are closed before any other change comes to its end.
    const closed = on ? this.#parts.cameras.setPrivacy(true) : undefined;
    if (on) this.#on = true;
    closed?.catch(() => undefined);
    const change = this.#changing
      .catch(() => undefined)
      .then(() => (closed ? this.#enter(closed, actor) : this.#lift(generation, actor)));
    this.#changing = change;
    return change;
  }

  async #enter(closed: Promise<void>, actor: string): Promise<PrivacyChange> {
    const { log } = this.#parts;
    try {
      await this.#write(true, actor);
      this.#stored = true;
    } catch (error) {
      this.#stored = false;
      log.error({ reason: describeError(error) }, 'privacy is on, but that could not be stored');
    }
    await closed;
    log.info({ stored: this.#stored }, 'privacy is on: every camera is closed');
    return { on: true, stored: this.#stored };
  }

  async #lift(generation: number, actor: string): Promise<PrivacyChange> {
    await this.#write(false, actor);
    this.#stored = true;
    // Somebody asked for privacy meanwhile; their change is stored next.
    if (generation !== this.#generation && this.#on) return { on: true, stored: false };
    this.#on = false;
    await this.#parts.cameras.setPrivacy(false);
    this.#parts.log.info({}, 'privacy is off: the cameras are opened');
    return { on: false, stored: true };
  }

  async #read(): Promise<boolean> {
    try {
      this.#space = await this.#parts.store.openSpace(SPACE);
      const stored = await this.#space.get(KEY);
      return stored === undefined ? false : stateSchema.parse(JSON.parse(stored.toString())).on;
    } catch (error) {
      this.#unread = describeError(error);
      this.#parts.log.error({ reason: this.#unread }, 'the state of the privacy switch cannot be read');
      return true;
    }
  }

  async #write(on: boolean, actor: string): Promise<void> {
    const { store, audit } = this.#parts;
    this.#space ??= await store.openSpace(SPACE);
    const note = audit.note([{ action: 'privacy.changed', actor, subject: { on } }]);
    await store.write([this.#space.put(KEY, Buffer.from(JSON.stringify({ on })))], note);
    this.#unread = undefined;
  }
}
