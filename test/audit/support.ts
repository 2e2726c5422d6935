// Shared parts of the audit tests: a started log over a started store, and a gallery that records its changes there.
import { onTestFinished } from 'vitest';
import { AuditLog } from '../../src/audit/audit-log.js';
import { readAuditLog, type AuditLine } from '../../src/audit/audit-space.js';
import type { AuditRecord } from '../../src/audit/audit-record.js';
import { silentLog } from '../../src/domain/log.js';
import type { Clock } from '../../src/domain/time.js';
import { LevelGallery, type LevelGalleryOptions } from '../../src/gallery/leveldb-gallery.js';
import type { SealedStore } from '../../src/store/sealed-store.js';
import { collect, forever, openStore } from '../store/support.js';

export interface OpenAudit {
  store: SealedStore;
  audit: AuditLog;
  gallery: LevelGallery;
  stop: () => Promise<void>;
}

export async function openAudit(
  directory: string,
  clock: Clock = Date.now,
  options: Partial<Pick<LevelGalleryOptions, 'limits' | 'findPolicy' | 'findScales'>> = {},
): Promise<OpenAudit> {
  const store = await openStore(directory);
  const audit = new AuditLog({ store, clock, log: silentLog });
  await audit.start();
  const limits = { maxGroups: 100, maxFacesPerGroup: 1_000 };
  const gallery = new LevelGallery({ store, audit, limits, clock, log: silentLog, ...options });
  onTestFinished(() => gallery.stop());
  await gallery.start(forever);
  const stop = async (): Promise<void> => {
    await gallery.stop();
    await audit.stop();
    await store.stop();
  };
  return { store, audit, gallery, stop };
}

/** Reads all entries of the log, in order. */
export async function readRecords(store: SealedStore): Promise<AuditRecord[]> {
  return (await collect(readAuditLog(store))).flatMap((line: AuditLine) => (line.kind === 'entry' ? line.record : []));
}
