// The privacy switch: while it is on, no camera of this device is open, also after a restart.
import * as z from 'zod';
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
  /** Each change is noted in the audit log, in the same atomic write. */
  audit: NoteMaker;
  log: Log;
}

/** Result of a change. */
export interface PrivacyChange {
  on: boolean;
  /** False when the disk refused the change: a restart would find the switch off. */
  stored: boolean;
}

/** Starts after the store and the audit log, and before the cameras, so that a private device opens no camera. */
export class PrivacySwitch implements Part {
  readonly name = 'privacy';
  readonly #parts: PrivacySwitchParts;
  #space: Space | undefined;
  #on = false;
  #stored = true;
  /** Why the state could not be read at the start. */
  #unread: string | undefined;
  /** Increases with every requested change. */
  #generation = 0;
  /** The last requested change; changes run one after the other. */
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

  /** Reads the stored state. A state that cannot be read counts as on. */
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
    if (!this.#stored)
      return {
        status: 'degraded',
        detail: 'privacy is on, but could not be stored, and a restart would turn it off: see store',
      };
    return { status: 'ok', facts: { on: this.#on } };
  }

  /**
   * Sets the switch. On: closes every source first and stores the change then; it is on even when the disk refuses. Off: stores the change
   * before any source is opened. Each change is noted in the audit log in the same write.
   * @param actor as in AuditEntry
   * @throws AppError STORE_UNAVAILABLE when the change to off could not be stored; the switch stays on
   */
  async set(on: boolean, actor: string): Promise<PrivacyChange> {
    const generation = ++this.#generation;
    // Closing does not wait for earlier changes.
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
    // Privacy was requested again meanwhile; that change is stored next.
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
