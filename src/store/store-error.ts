// Translates errors of LevelDB into the codes of Lintel.
import { AppError } from '../errors.js';

/** Returns an AppError STORE_LOCKED, STORE_CORRUPT or STORE_UNAVAILABLE with its cause. An AppError is returned unchanged. */
export function toStoreError(cause: unknown): AppError {
  if (cause instanceof AppError) return cause;
  switch (findLevelCode(cause)) {
    case 'LEVEL_LOCKED':
      return new AppError('STORE_LOCKED', 'another process has the data directory open', { cause });
    case 'LEVEL_CORRUPTION':
      return new AppError('STORE_CORRUPT', 'the database is damaged', { cause });
    default:
      return new AppError('STORE_UNAVAILABLE', 'the disk refuses the database', { cause });
  }
}

/** Returns the code of LevelDB, which is in the cause when opening fails. */
function findLevelCode(error: unknown): unknown {
  if (!(error instanceof Error)) return undefined;
  return findLevelCode(error.cause) ?? (error as { code?: unknown }).code;
}
