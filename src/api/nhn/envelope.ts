// The envelope of the contract: one table from error codes to results, and the encoder that writes every answer as 200 with a header.
import { AppError, type ErrorCode } from '../../errors.js';
import type { AnswerEncoder } from '../core/http-api.js';

interface Result {
  code: number;
  name: string;
}

const INVALID_PARAM: Result = { code: -40000, name: 'InvalidParam' };

/** Result of each AppError on the wire. A code that is absent here is unforeseen in a request, and is answered as INTERNAL. */
export const RESULTS: Readonly<Partial<Record<ErrorCode, Result>>> = {
  INVALID_PARAM,
  UNSUPPORTED_ENCODING: INVALID_PARAM,
  // The contract has no code for a group that cannot be changed; the detail says where it can.
  GROUP_READ_ONLY: INVALID_PARAM,
  INVALID_GROUP_ID: { code: -40010, name: 'InvalidGroupID' },
  DUPLICATED_GROUP: { code: -40020, name: 'DuplicatedGroupID' },
  GROUP_NOT_FOUND: { code: -40030, name: 'NotFoundGroupError' },
  INVALID_TOKEN: { code: -40040, name: 'InvalidTokenError' },
  FACE_NOT_FOUND: { code: -40050, name: 'NotFoundFaceIDError' },
  QUOTA_EXCEEDED: { code: -40070, name: 'ServiceQuotaExceededException' },
  MODEL_VERSION_MISMATCH: { code: -40080, name: 'ModelVersionMismatch' },
  UNAUTHORIZED_APP_KEY: { code: -41000, name: 'UnauthorizedAppKey' },
  UNAUTHORIZED_APP_KEY_OR_SECRET_KEY: { code: -41005, name: 'UnauthorizedAppKeyOrSecretKey' },
  IMAGE_TOO_LARGE: { code: -45020, name: 'ImageTooLargeException' },
  INVALID_IMAGE_BYTES: { code: -45030, name: 'InvalidImageBytesException' },
  INVALID_IMAGE_FORMAT: { code: -45040, name: 'InvalidImageFormatException' },
  INVALID_IMAGE_URL: { code: -45050, name: 'InvalidImageURLException' },
  IMAGE_TIMEOUT: { code: -45060, name: 'ImageTimeoutError' },
  INVALID_IMAGE_FILE: { code: -45080, name: 'InvalidImageFileException' },
  SERVER_BUSY: { code: -50300, name: 'ServerBusy' },
  GROUP_STALE: { code: -50310, name: 'GroupStale' },
};
const SUCCESS: Result = { code: 0, name: 'Success' };
const PARTIAL_SUCCESS: Result = { code: 40070, name: 'ServiceQuotaExceededPartialSuccessException' };
const INTERNAL: Result = { code: -50000, name: 'InternalServerError' };

/** All results, for the OpenAPI document. */
export const SUCCESS_RESULTS: readonly Result[] = [SUCCESS, PARTIAL_SUCCESS];
export const ERROR_RESULTS: readonly Result[] = [...new Set([...Object.values(RESULTS), INTERNAL])];

const RETRY_AFTER_SECONDS = '1';

interface EnvelopeHeader {
  isSuccessful: boolean;
  resultCode: number;
  resultMessage: string;
  /** English sentences for a person: what was refused, and why. For an unforeseen error it holds the request id and nothing else. */
  detail?: string;
}

/** Answer of a successful route. */
export interface Reply<Data extends object = object> {
  data?: Data;
  /** Sentences for a person about faces of the request that cannot be recognised. */
  detail?: string | undefined;
  /** True when some faces were registered and the others exceed the group's quota. */
  partial?: boolean;
}

/** An error in one of compare's two images. The name of a result in the -45000 range then ends with the side, such as `:Source`. */
export class ImageSideError extends AppError {
  readonly side: 'Source' | 'Target';

  constructor(side: 'Source' | 'Target', error: AppError) {
    super(error.code, error.message, { ...(error.detail !== undefined && { detail: error.detail }), cause: error });
    this.side = side;
  }
}

/** Writes answers as the contract requires them: status 200, and the outcome in `header`. */
export const envelopeEncoder: AnswerEncoder<Reply> = {
  writeReply(ctx, { data, partial, detail }) {
    const { code, name } = partial ? PARTIAL_SUCCESS : SUCCESS;
    const header: EnvelopeHeader = {
      isSuccessful: true,
      resultCode: code,
      resultMessage: name,
      ...(detail !== undefined && { detail }),
    };
    ctx.status = 200;
    ctx.body = data === undefined ? { header } : { header, data };
    return code;
  },
  writeError(ctx, error, requestId) {
    const { header, isForeseen } = describeFailure(error, requestId);
    ctx.status = 200;
    ctx.body = { header };
    if (header.resultCode === RESULTS.SERVER_BUSY?.code) ctx.set('retry-after', RETRY_AFTER_SECONDS);
    return { resultCode: header.resultCode, isForeseen };
  },
};

function describeFailure(error: unknown, requestId: string): { header: EnvelopeHeader; isForeseen: boolean } {
  const result = error instanceof AppError ? RESULTS[error.code] : undefined;
  if (!(error instanceof AppError) || result === undefined) {
    // The contract has no code for a disk that refuses writes: the detail says so, and the error is logged.
    const isStore = error instanceof AppError && error.code === 'STORE_UNAVAILABLE';
    const detail = isStore
      ? `The disk refuses to write; nothing was changed (request id ${requestId}).`
      : `Request id ${requestId}.`;
    const header = { isSuccessful: false, resultCode: INTERNAL.code, resultMessage: INTERNAL.name, detail };
    return { header, isForeseen: false };
  }
  const isImageResult = result.code <= -45000 && result.code > -46000;
  const side = isImageResult && error instanceof ImageSideError ? `:${error.side}` : '';
  const header: EnvelopeHeader = {
    isSuccessful: false,
    resultCode: result.code,
    resultMessage: result.name + side,
    ...(error.detail !== undefined && { detail: error.detail }),
  };
  return { header, isForeseen: true };
}
