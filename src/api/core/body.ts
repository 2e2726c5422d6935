// Request bodies: read within a limit and the budget of bytes, or discarded within a limit.
import type { IncomingMessage } from 'node:http';
import { clientError } from '../../errors.js';
import type { ByteBudget, Reservation } from './byte-budget.js';
import { GrowingBuffer, PieceCount, type AppendProblem } from './growing-buffer.js';

/** Base64 needs 4/3 of the bytes; some JSON writers also escape each of its slashes. */
const BASE64_FACTOR = 1.4;
/** Part of an unwanted body that is still read, so that the client receives its answer; after it the connection is closed. */
export const MAX_DISCARDED_BYTES = 64_000_000;

/** Time without a byte of an unwanted body after which the client gets its answer: it may be waiting for it. */
const STALLED_MS = 1_000;

/** Thrown when the client closes the connection before its request is complete. No answer is sent then. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone';
}

export interface BodyRules {
  maxBytes: number;
  budget: ByteBudget;
  /** Holds the bytes of the body. It is not released here, except when the client sends slowly and the budget is full. */
  reservation: Reservation;
}

/**
 * @returns the whole body, or undefined when it is longer than maxBytes: the rest of it must then be read or discarded
 * @throws ClientGone
 * @throws AppError SERVER_BUSY: the budget is full; INVALID_PARAM: the body comes in too many chunks
 */
export async function readBody(
  request: IncomingMessage,
  { maxBytes, budget, reservation }: BodyRules,
): Promise<Buffer | undefined> {
  const header = request.headers['content-length'];
  const announcedBytes = header === undefined ? undefined : Number(header);
  if (announcedBytes !== undefined && announcedBytes > maxBytes) return undefined;
  const body = new GrowingBuffer({ maxBytes, announcedBytes, reservation });
  const cutOff = new AbortController();
  reservation.beginTransfer(budget.nowMs(), () => {
    cutOff.abort(clientError('SERVER_BUSY', 'The body came too slowly while the service was busy; try again later.'));
  });
  let problem: AppendProblem | undefined;
  const take = (chunk: Buffer): boolean => {
    reservation.noteProgress(budget.nowMs());
    problem = body.append(chunk);
    return problem === undefined;
  };
  const ended = await consume(request, take, cutOff.signal);
  reservation.endTransfer();
  if (problem === 'too-many-pieces') {
    throw clientError('INVALID_PARAM', 'The body comes in too many small chunks; send larger ones.');
  }
  return ended ? body.take() : undefined;
}

/** Returns the longest body with a number of pictures. */
export function countBodyBytes(
  pictures: number,
  { maxFieldsBytes, maxImageBytes }: { maxFieldsBytes: number; maxImageBytes: number },
): number {
  return maxFieldsBytes + Math.ceil(pictures * BASE64_FACTOR * maxImageBytes);
}

/** Reads the rest of a body and discards it. @returns whether it ended within maxBytes, before the client stalled or closed the connection */
export async function discardBody(request: IncomingMessage, maxBytes = MAX_DISCARDED_BYTES): Promise<boolean> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return request.readableEnded;
  const pieces = new PieceCount();
  const stalled = new AbortController();
  const timer = setTimeout(() => stalled.abort(new Error('the client sends nothing')), STALLED_MS);
  let left = maxBytes;
  const take = (chunk: Buffer): boolean => {
    timer.refresh();
    return (left -= chunk.length) >= 0 && pieces.add(chunk.length);
  };
  try {
    return await consume(request, take, stalled.signal);
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Calls `take` with each chunk until the end (true) or until it returns false; the stream is then paused.
 * @throws ClientGone, what `take` throws, and the reason of `cutOff`
 */
async function consume(
  request: IncomingMessage,
  take: (chunk: Buffer) => boolean,
  cutOff?: AbortSignal,
): Promise<boolean> {
  if (request.readableEnded) return true;
  if (request.destroyed) throw new ClientGone('the connection was closed');
  return new Promise<boolean>((resolve, reject) => {
    const stop = (error?: unknown) => {
      settle();
      request.pause();
      if (error === undefined) resolve(false);
      else reject(error instanceof Error ? error : new Error('the body was not taken', { cause: error }));
    };
    const onData = (chunk: Buffer) => {
      try {
        if (!take(chunk)) stop();
      } catch (error) {
        stop(error);
      }
    };
    const onCutOff = () => stop(cutOff?.reason);
    const onEnd = () => {
      settle();
      resolve(true);
    };
    const onGone = () => {
      settle();
      reject(new ClientGone('the connection was closed'));
    };
    const settle = () => {
      request.off('data', onData).off('end', onEnd).off('close', onGone);
      cutOff?.removeEventListener('abort', onCutOff);
    };
    cutOff?.addEventListener('abort', onCutOff);
    // The error listener stays: an abort after this point must not become an uncaught exception.
    request.on('data', onData).on('end', onEnd).on('close', onGone).on('error', onGone);
    request.resume();
  });
}
