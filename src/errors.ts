// The one error class of Lintel: a stable code for programs, a message for people, a detail that is safe to send to a client.

/** Every code an AppError can carry. A message may change, a code may not. The REST table in api/envelope.ts maps the first block. */
export const ERROR_CODES = [
  'INVALID_PARAM',
  'INVALID_GROUP_ID',
  'DUPLICATED_GROUP',
  'GROUP_NOT_FOUND',
  'INVALID_TOKEN',
  'FACE_NOT_FOUND',
  'QUOTA_EXCEEDED',
  'MODEL_VERSION_MISMATCH',
  'UNAUTHORIZED_APP_KEY',
  'UNAUTHORIZED_APP_KEY_OR_SECRET_KEY',
  'IMAGE_TOO_LARGE',
  'INVALID_IMAGE_BYTES',
  'INVALID_IMAGE_FORMAT',
  'INVALID_IMAGE_URL',
  'IMAGE_TIMEOUT',
  'INVALID_IMAGE_FILE',
  'SERVER_BUSY',
  'INTERNAL',
  // The device API.
  'UNAUTHORIZED_ADMIN_KEY',
  'NOT_FOUND',
  'CAMERA_NOT_FOUND',
  'CAMERA_UNAVAILABLE',
  'PRIVACY_ON',
  'ENROLMENT_REFUSED',
  'METHOD_NOT_ALLOWED',
  'TOO_MANY_ATTEMPTS',
  // Start-up, operation and the command line.
  'CONFIG_INVALID',
  'SECRET_MISSING',
  'SECRET_INVALID',
  'MODEL_MISSING',
  'MODEL_HASH_MISMATCH',
  'MODEL_INVALID',
  'DOWNLOAD_FAILED',
  'PROVIDER_UNAVAILABLE',
  'ADDON_MISSING',
  'STORE_LOCKED',
  'STORE_KEY_WRONG',
  'STORE_CORRUPT',
  'STORE_UNAVAILABLE',
  'CAMERA_FAILED',
  'BROKER_FAILED',
  'WORKER_FAILED',
  'SERVICE_UNREACHABLE',
  'STOPPED',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

export interface AppErrorOptions {
  /** One English sentence for the client: names the parameter or the limit, never a path, a key or a secret's value. */
  detail?: string;
  cause?: unknown;
}

/** An error that Lintel foresees. Programmers' mistakes stay TypeError and the like. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly detail: string | undefined;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.detail = options.detail;
  }
}

/** Shorthand for the common case in which the message is itself safe to send to a client. */
export function clientError(code: ErrorCode, detail: string, cause?: unknown): AppError {
  return new AppError(code, detail, { detail, cause });
}

/** Returns the message of anything thrown, for a log line. */
export function describeError(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
