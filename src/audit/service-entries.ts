// What the service itself notes in the audit log: its starts, what changed in its configuration, and changes of the appKeys.
import { z } from 'zod';
import type { AuditEntry } from '../domain/audit.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import type { Timers } from '../domain/time.js';
import { AppError, describeError } from '../errors.js';
import type { SealedStore } from '../store/sealed-store.js';
import type { AuditLog } from './audit-log.js';
import { KNOWN_KEY } from './audit-space.js';
import { changedPaths, configDigests, digestOf } from './config-paths.js';

/** A key as its registry tells of it. */
export interface ListedKey {
  /** UUID. */
  id: string;
  name: string;
  /** Such as `admin`; an appKey where it is not given. */
  kind?: string;
  revokedAt?: string | undefined;
}

export interface ServiceEntriesOptions {
  /** Started before. */
  audit: Pick<AuditLog, 'note' | 'space'>;
  store: Pick<SealedStore, 'write'>;
  /** As it was parsed; it holds no secrets. */
  config: object;
  version: string;
  /** The registries as they are now, the revoked keys included. */
  keys: () => readonly ListedKey[];
  timers: Timers;
  log: Log;
}

const knownSchema = z.object({
  config: z.record(z.string(), z.string()),
  keys: z.record(z.string(), z.object({ name: z.string(), kind: z.string().optional(), revoked: z.boolean() })),
});
type Known = z.infer<typeof knownSchema>;

const POLL_MS = 10_000;
/** Of the changed paths in one entry; the count says how many there are. */
const MAX_PATHS = 50;

/**
 * The registries of the keys are files that the command line changes: their changes are noted within 10 s, or at the next start. The
 * configuration is read at a start, and compared with that of the start before.
 */
export class ServiceEntries implements Part {
  readonly name = 'audit-service';
  readonly #options: ServiceEntriesOptions;
  #known: Known = { config: {}, keys: {} };
  #timer: unknown;
  #polling: Promise<void> | undefined;
  #running = false;

  constructor(options: ServiceEntriesOptions) {
    this.#options = options;
  }

  /** @throws AppError STORE_UNAVAILABLE */
  async start(): Promise<void> {
    const { config, version } = this.#options;
    const before = await this.#readKnown();
    const digests = configDigests(config);
    const { entries, keys } = this.#keyChanges(before?.keys ?? {}, before ? 'cli' : 'service');
    const started: AuditEntry = {
      action: 'service.started',
      actor: 'service',
      subject: { version, config: digestOf(digests) },
    };
    await this.#write([started, ...(before ? configChanges(before.config, digests) : []), ...entries], {
      config: digests,
      keys,
    });
    this.#running = true;
    this.#pollLater();
  }

  async stop(): Promise<void> {
    this.#running = false;
    this.#options.timers.clearTimeout(this.#timer);
    await this.#polling;
  }

  #pollLater(): void {
    if (!this.#running) return;
    this.#timer = this.#options.timers.setTimeout(() => {
      this.#polling = this.#poll().finally(() => this.#pollLater());
    }, POLL_MS);
  }

  async #poll(): Promise<void> {
    try {
      const { entries, keys } = this.#keyChanges(this.#known.keys, 'cli');
      if (entries.length > 0) await this.#write(entries, { config: this.#known.config, keys });
    } catch (error) {
      // Compared again at the next turn: nothing is lost.
      this.#options.log.warn({ error: describeError(error) }, 'a change of the appKeys could not be noted yet');
    }
  }

  #keyChanges(before: Known['keys'], actor: string): { entries: AuditEntry[]; keys: Known['keys'] } {
    const entries: AuditEntry[] = [];
    const keys: Known['keys'] = {};
    for (const { id, name, kind, revokedAt } of this.#options.keys()) {
      const subject = subjectOf(id, { name, kind });
      const known = Object.hasOwn(before, id) ? before[id] : undefined;
      const revoked = revokedAt !== undefined;
      keys[id] = { name, ...(kind === undefined ? {} : { kind }), revoked };
      if (!known) entries.push({ action: 'key.created', actor, subject });
      if (revoked && !known?.revoked) entries.push({ action: 'key.revoked', actor, subject });
    }
    for (const [id, key] of Object.entries(before)) {
      const subject = { ...subjectOf(id, key), removedFromFile: true };
      if (!Object.hasOwn(keys, id)) entries.push({ action: 'key.revoked', actor, subject });
    }
    return { entries, keys };
  }

  async #write(entries: readonly AuditEntry[], known: Known): Promise<void> {
    const { audit, store } = this.#options;
    const operation = audit.space.put(KNOWN_KEY, Buffer.from(JSON.stringify(known)));
    await store.write([operation], audit.note(entries));
    this.#known = known;
  }

  /** Undefined at the first start, and where the record is damaged: everything is noted anew then. */
  async #readKnown(): Promise<Known | undefined> {
    try {
      const stored = await this.#options.audit.space.get(KNOWN_KEY);
      return stored && knownSchema.parse(JSON.parse(stored.toString()));
    } catch (error) {
      if (error instanceof AppError && error.code !== 'STORE_CORRUPT') throw error;
      this.#options.log.error({}, 'what was known of the configuration at the last start cannot be read');
      return undefined;
    }
  }
}

function subjectOf(
  id: string,
  { name, kind }: Pick<ListedKey, 'name'> & { kind?: string | undefined },
): AuditEntry['subject'] {
  return kind === undefined ? { id, name } : { id, name, kind };
}

function configChanges(before: Known['config'], now: Known['config']): AuditEntry[] {
  const changed = changedPaths(before, now);
  if (changed.length === 0) return [];
  const paths = changed.slice(0, MAX_PATHS).join(', ');
  return [{ action: 'config.changed', actor: 'service', subject: { paths, count: changed.length } }];
}
