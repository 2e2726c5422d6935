// Errors of the device API: one table from error codes to HTTP statuses, and the body that describes an error.
import type { z } from 'zod';
import { EnrolmentRefused } from '../../enrolment/enrolment-refused.js';
import { AppError, type ErrorCode } from '../../errors.js';
import type { errorAnswer } from './answers.js';
import { describeReport } from './face-answers.js';

interface Refusal {
  status: number;
  /** Message for an error that has no detail of its own for a client. */
  message: string;
}

/** Status of each error code. A code that is absent here is unforeseen in a request, and is answered as INTERNAL. */
export const STATUSES: Readonly<Partial<Record<ErrorCode, Refusal>>> = {
  INVALID_PARAM: { status: 400, message: 'A parameter is invalid.' },
  UNAUTHORIZED_ADMIN_KEY: { status: 401, message: 'An admin key is needed: Authorization: Bearer KEY.' },
  SESSION_ENDED: { status: 401, message: 'The session has ended: sign in again.' },
  ROLE_TOO_LOW: { status: 403, message: 'The role of this admin key does not allow this.' },
  INSECURE_SIGN_IN: { status: 403, message: 'This connection is not encrypted: no key is taken here.' },
  FOREIGN_ORIGIN: { status: 403, message: 'The request does not come from a page of this service.' },
  NOT_FOUND: { status: 404, message: 'There is nothing at this path.' },
  CAMERA_NOT_FOUND: { status: 404, message: 'There is no such camera.' },
  GROUP_NOT_FOUND: { status: 404, message: 'There is no such group.' },
  FACE_NOT_FOUND: { status: 404, message: 'There is no such face.' },
  DOOR_NOT_FOUND: { status: 404, message: 'There is no such door.' },
  METHOD_NOT_ALLOWED: { status: 405, message: 'This path does not support this method.' },
  CAMERA_UNAVAILABLE: { status: 409, message: 'The camera has no picture now.' },
  DUPLICATED_GROUP: { status: 409, message: 'There is a group with this id already.' },
  PERSON_EXISTS: { status: 409, message: 'There is a person with this externalImageId already.' },
  KEY_CONFLICT: { status: 409, message: 'The key cannot be made or revoked.' },
  GROUP_READ_ONLY: { status: 409, message: 'The group is a copy of the fleet and cannot be changed here.' },
  FLEET_ROLE: { status: 409, message: 'This device has another role in the fleet, or none.' },
  FLEET_NOT_JOINED: { status: 409, message: 'This door has not joined a fleet.' },
  FLEET_CONFLICT: { status: 409, message: 'The state of the fleet does not allow this.' },
  PRIVACY_ON: { status: 409, message: 'Privacy is on: all cameras are closed.' },
  MODEL_VERSION_MISMATCH: { status: 409, message: 'The group was enrolled under another model.' },
  QUOTA_EXCEEDED: { status: 409, message: 'The group is full.' },
  TOKEN_INVALID: { status: 422, message: 'The token of the invitation is not valid.' },
  IMAGE_TOO_LARGE: { status: 413, message: 'The picture is too large.' },
  INVALID_IMAGE_FORMAT: { status: 415, message: 'The file is neither JPEG nor PNG.' },
  UNSUPPORTED_ENCODING: { status: 415, message: 'The Content-Encoding of the body is not read here.' },
  INVALID_IMAGE_FILE: { status: 422, message: 'The picture cannot be decoded.' },
  ENROLMENT_REFUSED: { status: 422, message: 'Nobody was enrolled.' },
  TOO_MANY_ATTEMPTS: { status: 429, message: 'Too many wrong keys came from this address; try again later.' },
  SERVER_BUSY: { status: 503, message: 'The service is busy; try again later.' },
  STORE_UNAVAILABLE: { status: 503, message: 'The disk refuses to write; see the health of the service.' },
  GROUP_STALE: { status: 503, message: 'The copy of the group is too old to be relied on.' },
  FLEET_UNREACHABLE: { status: 503, message: 'The log of the fleet cannot be reached.' },
  STOPPED: { status: 503, message: 'The service is stopping.' },
};

export type ErrorBody = z.output<typeof errorAnswer>;

export interface ErrorReply {
  status: number;
  body: ErrorBody;
  /** False when the table has no entry for the error. */
  isForeseen: boolean;
}

/** @param requestId id under which an unforeseen error is found in the log */
export function describeRefusal(error: unknown, requestId: string): ErrorReply {
  const refusal = error instanceof AppError ? STATUSES[error.code] : undefined;
  if (!(error instanceof AppError) || refusal === undefined) {
    const message = `The request failed for an unforeseen reason; its id in the log is ${requestId}.`;
    return { status: 500, body: { error: { code: 'INTERNAL', message } }, isForeseen: false };
  }
  const body: ErrorBody = { error: { code: error.code, message: error.detail ?? refusal.message } };
  if (error instanceof EnrolmentRefused) {
    const { enrolledAs, report } = error.details;
    body.error.reason = error.reason;
    if (enrolledAs) body.error.enrolledAs = enrolledAs;
    if (report) body.error.face = describeReport(report);
  }
  return { status: refusal.status, body, isForeseen: true };
}
