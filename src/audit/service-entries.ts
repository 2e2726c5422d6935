// The entries that the service itself appends to the audit log: its starts, changes of its configuration, and changes of its keys.
import { z } from 'zod';
import type { AuditEntry } from '../domain/audit.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import type { Timers } from '../domain/time.js';
import { AppError, describeError } from '../errors.js';
import type { SealedStore } from '../store/sealed-store.js';
import type { AuditLog } from './audit-log.js';
import { KNOWN_KEY } from './audit-space.js';
import { combineDigests, digestConfig, listChangedPaths } from './config-paths.js';

/** A key as its registry lists it. */
export interface ListedKey {
  /** UUID. */
  id: string;
  name: string;
  /** Kind of the key, such as `admin`; absent for an appKey. */
  kind?: string;
  revokedAt?: string | undefined;
}

export interface ServiceEntriesOptions {
  /** Starts before this part. */
  audit: Pick<AuditLog, 'note' | 'space'>;
  store: Pick<SealedStore, 'write'>;
  /** The parsed configuration, which holds no secrets. */
  config: object;
  /** Version of Lintel. */
  version: string;
  /** Reads the registries as they are now, revoked keys included. */
  keys: () => readonly ListedKey[];
  timers: Timers;
  log: Log;
}

const knownSchema = z.object({
  config: z.record(z.string(), z.string()),
  keys: z.record(z.string(), z.object({ name: z.string(), kind: z.string().optional(), revoked: z.boolean() })),
});
/** State at the last entries: digests of the configuration, and the keys by their ids. */
type Known = z.infer<typeof knownSchema>;

const POLL_MS = 10_000;
/** Number of changed paths that one entry names; its `count` says how many there are. */
const MAX_PATHS = 50;

/**
 * The key registries are files that the command line changes: their changes are recorded within 10 s, or at the next start. The
 * configuration is read at a start, and compared with the configuration of the start before.
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
    const digests = digestConfig(config);
    const { entries, keys } = this.#compareKeys(before?.keys ?? {}, before ? 'cli' : 'service');
    const started: AuditEntry = {
      action: 'service.started',
      actor: 'service',
      subject: { version, config: combineDigests(digests) },
    };
    await this.#write([started, ...(before ? compareConfig(before.config, digests) : []), ...entries], {
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

  /** Never rejects. */
  async #poll(): Promise<void> {
    try {
      const { entries, keys } = this.#compareKeys(this.#known.keys, 'cli');
      if (entries.length > 0) await this.#write(entries, { config: this.#known.config, keys });
    } catch (error) {
      // The next poll compares again, so that no change is lost.
      const reason = describeError(error);
      this.#options.log.warn({ error: reason }, 'a change of the keys could not be recorded in the audit log yet');
    }
  }

  #compareKeys(before: Known['keys'], actor: string): { entries: AuditEntry[]; keys: Known['keys'] } {
    const entries: AuditEntry[] = [];
    const keys: Known['keys'] = {};
    for (const { id, name, kind, revokedAt } of this.#options.keys()) {
      const subject = describeKey(id, { name, kind });
      const known = Object.hasOwn(before, id) ? before[id] : undefined;
      const revoked = revokedAt !== undefined;
      keys[id] = { name, ...(kind === undefined ? {} : { kind }), revoked };
      if (!known) entries.push({ action: 'key.created', actor, subject });
      if (revoked && !known?.revoked) entries.push({ action: 'key.revoked', actor, subject });
    }
    for (const [id, key] of Object.entries(before)) {
      const subject = { ...describeKey(id, key), removedFromFile: true };
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

  /** Returns undefined at the first start and when the record is damaged: then every key is recorded again. */
  async #readKnown(): Promise<Known | undefined> {
    try {
      const stored = await this.#options.audit.space.get(KNOWN_KEY);
      return stored && knownSchema.parse(JSON.parse(stored.toString()));
    } catch (error) {
      if (error instanceof AppError && error.code !== 'STORE_CORRUPT') throw error;
      this.#options.log.error({}, 'the record of the last configuration and keys cannot be read');
      return undefined;
    }
  }
}

function describeKey(
  id: string,
  { name, kind }: Pick<ListedKey, 'name'> & { kind?: string | undefined },
): AuditEntry['subject'] {
  return kind === undefined ? { id, name } : { id, name, kind };
}

function compareConfig(before: Known['config'], now: Known['config']): AuditEntry[] {
  const changed = listChangedPaths(before, now);
  if (changed.length === 0) return [];
  const paths = changed.slice(0, MAX_PATHS).join(', ');
  return [{ action: 'config.changed', actor: 'service', subject: { paths, count: changed.length } }];
}
