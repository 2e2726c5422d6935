// Makes sure that work has its entry in the audit log: an export of the gallery, and a rotation of the master key.
import type { AuditEntry, AuditSink } from '../domain/audit.js';
import type { NoteMaker, SealedStore } from '../store/sealed-store.js';

/** Writes the entry, then yields the items. Yields nothing when the entry cannot be written. @throws AppError STORE_UNAVAILABLE */
export async function* auditFirst<T>(
  audit: AuditSink,
  entry: AuditEntry,
  items: () => AsyncIterable<T>,
): AsyncGenerator<T> {
  await audit.append(entry);
  yield* items();
}

/** Wraps the store for the keeper of the master key: a rotation and its entry are one atomic batch. */
export function auditRotation(
  store: Pick<SealedStore, 'masterKey' | 'rotateMasterKey'>,
  audit: NoteMaker,
): Pick<SealedStore, 'masterKey' | 'rotateMasterKey'> {
  const entry: AuditEntry = { action: 'key.rotated', actor: 'cli', subject: { key: 'master' } };
  return {
    get masterKey() {
      return store.masterKey;
    },
    rotateMasterKey: (masterKey) => store.rotateMasterKey(masterKey, audit.note([entry])),
  };
}
