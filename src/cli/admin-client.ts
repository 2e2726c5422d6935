// The command line's side of the admin socket: asks the service that runs on a data directory.
import { request, type IncomingMessage } from 'node:http';
import { AppError, ERROR_CODES, type ErrorCode } from '../errors.js';
import { MAX_SOCKET_PATH_BYTES, type AdminFailure } from '../platform/admin-socket.js';

/** The system's words for: nobody listens there. */
const NOBODY = new Set(['ENOENT', 'ENOTDIR', 'ECONNREFUSED']);

/**
 * @param socketPath of the admin socket
 * @returns the body as it comes; undefined where no service runs
 * @throws AppError as the service says it; STOPPED when it ends the connection before
 */
export async function askService(
  socketPath: string,
  method: 'GET' | 'POST',
  path: string,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  if (Buffer.byteLength(socketPath) > MAX_SOCKET_PATH_BYTES) return undefined;
  let answer: IncomingMessage;
  try {
    answer = await new Promise<IncomingMessage>((resolve, reject) => {
      request({ socketPath, method, path }, resolve).once('error', reject).end();
    });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code !== undefined && NOBODY.has(code)) return undefined;
    throw new AppError('STOPPED', 'the running service did not answer', { cause });
  }
  const body = piecesOf(answer);
  if (answer.statusCode === 200) return body;
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  throw errorOf(Buffer.concat(pieces).toString());
}

async function* piecesOf(answer: IncomingMessage): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of answer) yield piece as Buffer;
  } catch (cause) {
    throw new AppError('STOPPED', 'the service stopped, or failed, before the answer was complete', { cause });
  }
}

function errorOf(text: string): AppError {
  let failure: Partial<AdminFailure> = {};
  try {
    failure = JSON.parse(text) as AdminFailure;
  } catch {
    // Not from a service of this version.
  }
  const { code, message = 'the service refused' } = failure;
  const known = (ERROR_CODES as readonly (string | undefined)[]).includes(code);
  return new AppError(known ? (code as ErrorCode) : 'INTERNAL', message);
}
