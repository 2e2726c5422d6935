// LevelDB's errors in the store's own codes.
import { AppError } from '../errors.js';

/** STORE_LOCKED, STORE_CORRUPT or STORE_UNAVAILABLE, with its cause; an AppError stays what it is. */
export function storeError(cause: unknown): AppError {
  if (cause instanceof AppError) return cause;
  switch (levelCode(cause)) {
    case 'LEVEL_LOCKED':
      return new AppError('STORE_LOCKED', 'another process has the data directory open', { cause });
    case 'LEVEL_CORRUPTION':
      return new AppError('STORE_CORRUPT', 'the database is damaged', { cause });
    default:
      return new AppError('STORE_UNAVAILABLE', 'the disk refuses the database', { cause });
  }
}

/** LevelDB's own code lies behind abstract-level's when opening fails. */
function levelCode(error: unknown): unknown {
  if (!(error instanceof Error)) return undefined;
  return levelCode(error.cause) ?? (error as { code?: unknown }).code;
}
