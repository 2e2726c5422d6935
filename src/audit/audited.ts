// Work that goes on only with its entry in the audit log: an export, a change of the master key.
import type { AuditEntry, AuditSink } from '../domain/audit.js';
import type { NoteMaker, SealedStore } from '../store/sealed-store.js';

/** The items, behind the entry: where that cannot be written, nothing comes. @throws AppError STORE_UNAVAILABLE */
export async function* audited<T>(
  audit: AuditSink,
  entry: AuditEntry,
  items: () => AsyncIterable<T>,
): AsyncGenerator<T> {
  await audit.append(entry);
  yield* items();
}

/** The store as the keeper of the master key sees it: a rotation and its entry are one batch. */
export function auditedRotation(
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
