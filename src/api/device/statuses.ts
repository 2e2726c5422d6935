// What an error becomes in the device API: one table from error codes to HTTP statuses, and the body that tells it.
import type { z } from 'zod';
import { AppError, type ErrorCode } from '../../errors.js';
import type { errorAnswer } from './answers.js';
import { EnrolmentRefused } from '../../enrolment/enrolment-refused.js';

interface Refusal {
  status: number;
  /** For an error that brings no words of its own for a client. */
  message: string;
}

/** A code that is not here is unforeseen in a request, and answered as INTERNAL. */
export const STATUSES: Readonly<Partial<Record<ErrorCode, Refusal>>> = {
  INVALID_PARAM: { status: 400, message: 'A parameter does not hold.' },
  UNAUTHORIZED_ADMIN_KEY: { status: 401, message: 'An admin key is needed: Authorization: Bearer KEY.' },
  NOT_FOUND: { status: 404, message: 'There is no such thing here.' },
  CAMERA_NOT_FOUND: { status: 404, message: 'There is no such camera.' },
  GROUP_NOT_FOUND: { status: 404, message: 'There is no such group.' },
  METHOD_NOT_ALLOWED: { status: 405, message: 'There is no such operation here.' },
  CAMERA_UNAVAILABLE: { status: 409, message: 'The camera has no picture now.' },
  PRIVACY_ON: { status: 409, message: 'Privacy is on: no camera is looking.' },
  MODEL_VERSION_MISMATCH: { status: 409, message: 'The group was enrolled under another model.' },
  QUOTA_EXCEEDED: { status: 409, message: 'The group is full.' },
  ENROLMENT_REFUSED: { status: 422, message: 'Nobody was enrolled.' },
  TOO_MANY_ATTEMPTS: { status: 429, message: 'Too many wrong keys came from this address; try again later.' },
  SERVER_BUSY: { status: 503, message: 'Too much is asked at once; try again later.' },
  STORE_UNAVAILABLE: { status: 503, message: 'The disk refuses; see the health of the service.' },
  STOPPED: { status: 503, message: 'The service is stopping.' },
};

export type ErrorBody = z.output<typeof errorAnswer>;

/** @returns the status, the body, and whether the table foresees the error */
export function answerTo(error: unknown, requestId: string): { status: number; body: ErrorBody; foreseen: boolean } {
  const refusal = error instanceof AppError ? STATUSES[error.code] : undefined;
  if (!(error instanceof AppError) || refusal === undefined) {
    const message = `The request failed unforeseen; its id in the log is ${requestId}.`;
    return { status: 500, body: { error: { code: 'INTERNAL', message } }, foreseen: false };
  }
  const body: ErrorBody = { error: { code: error.code, message: error.detail ?? refusal.message } };
  if (error instanceof EnrolmentRefused) {
    body.error.reason = error.reason;
    if (error.enrolledAs) body.error.enrolledAs = error.enrolledAs;
  }
  return { status: refusal.status, body, foreseen: true };
}
