// The entries that the service itself appends to the audit log: its starts, and changes of its configuration.
import * as z from 'zod';
import type { AuditEntry } from '../domain/audit.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import { AppError } from '../errors.js';
import type { SealedStore } from '../store/sealed-store.js';
import type { AuditLog } from './audit-log.js';
import { KNOWN_KEY } from './audit-space.js';
import { combineDigests, digestConfig, listChangedPaths } from './config-paths.js';

export interface ServiceEntriesOptions {
  /** Starts before this part. */
  audit: Pick<AuditLog, 'note' | 'space'>;
  store: Pick<SealedStore, 'write'>;
  /** The parsed configuration, which holds no secrets. */
  config: object;
  /** Version of Lintel. */
  version: string;
  log: Log;
}

/** Lintel 0.2 also kept the keys here. */
const knownSchema = z.object({ config: z.record(z.string(), z.string()) });
/** State at the last start: digests of the configuration. */
type Known = z.infer<typeof knownSchema>;

/** Number of changed paths that one entry names; its `count` says how many there are. */
const MAX_PATHS = 50;

/** The configuration is read at a start, and compared with the configuration of the start before. */
export class ServiceEntries implements Part {
  readonly name = 'audit-service';
  readonly #options: ServiceEntriesOptions;

  constructor(options: ServiceEntriesOptions) {
    this.#options = options;
  }

  /** @throws AppError STORE_UNAVAILABLE */
  async start(): Promise<void> {
    const { audit, store, config, version } = this.#options;
    const before = await this.#readKnown();
    const digests = digestConfig(config);
    const started: AuditEntry = {
      action: 'service.started',
      actor: 'service',
      subject: { version, config: combineDigests(digests) },
    };
    const known: Known = { config: digests };
    await store.write(
      [audit.space.put(KNOWN_KEY, Buffer.from(JSON.stringify(known)))],
      audit.note([started, ...(before ? compareConfig(before.config, digests) : [])]),
    );
  }

  async stop(): Promise<void> {}

  /** Returns undefined at the first start and when the record is damaged: then nothing is compared. */
  async #readKnown(): Promise<Known | undefined> {
    try {
      const stored = await this.#options.audit.space.get(KNOWN_KEY);
      return stored && knownSchema.parse(JSON.parse(stored.toString()));
    } catch (error) {
      if (error instanceof AppError && error.code !== 'STORE_CORRUPT') throw error;
      this.#options.log.error({}, 'the record of the last configuration cannot be read');
      return undefined;
    }
  }
}

function compareConfig(before: Known['config'], now: Known['config']): AuditEntry[] {
  const changed = listChangedPaths(before, now);
  if (changed.length === 0) return [];
  const paths = changed.slice(0, MAX_PATHS).join(', ');
  return [{ action: 'config.changed', actor: 'service', subject: { paths, count: changed.length } }];
}
