// The error class of Lintel: a stable code for programs, a message for people, and a detail that may be sent to a client.

/** All codes of an AppError. A message may change, a code may not. The first block is mapped to result codes in api/nhn/envelope.ts. */
export const ERROR_CODES = [
  'INVALID_PARAM',
  'UNSUPPORTED_ENCODING',
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
  'SESSION_ENDED',
  'ROLE_TOO_LOW',
  'INSECURE_SIGN_IN',
  'FOREIGN_ORIGIN',
  'KEY_CONFLICT',
  'NOT_FOUND',
  'CAMERA_NOT_FOUND',
  'CAMERA_UNAVAILABLE',
  'PERSON_EXISTS',
  'GROUP_READ_ONLY',
  'GROUP_STALE',
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
  'STORE_ALTERED',
  'STORE_ROLLED_BACK',
  'STORE_UNAVAILABLE',
  'FLEET_ROLE',
  'FLEET_NOT_JOINED',
  'FLEET_CONFLICT',
  'DOOR_NOT_FOUND',
  'TOKEN_INVALID',
  'FLEET_FORGED',
  'FLEET_UNREACHABLE',
  'CAMERA_FAILED',
  'BROKER_FAILED',
  'WORKER_FAILED',
  'SERVICE_UNREACHABLE',
  'STOPPED',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

export interface AppErrorOptions {
  /** One English sentence for the client. It names the parameter or the limit, and never a path, a key or the value of a secret. */
  detail?: string;
  cause?: unknown;
}

/** An error that Lintel expects. Programming mistakes are TypeErrors instead. */
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

/** Makes an error whose message is also its detail. */
export function clientError(code: ErrorCode, detail: string, cause?: unknown): AppError {
  return new AppError(code, detail, { detail, cause });
}

/** Returns the message of a thrown value, for a log line. */
export function describeError(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
