// The client of the admin socket: asks the service that is running on a data directory.
import { request, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { AppError, ERROR_CODES, type ErrorCode } from '../errors.js';
import { MAX_SOCKET_PATH_BYTES, type AdminFailure } from '../platform/admin-socket.js';

/** The codes of the system when no service listens on the socket. */
const NO_SERVICE = new Set(['ENOENT', 'ENOTDIR', 'ECONNREFUSED']);

/**
 * Sends one request to the service.
 * @param socketPath path of the admin socket
 * @returns the body of the answer as it arrives; undefined where no service is running
 * @throws AppError that the service answers with; STOPPED when the service ends the connection before the answer is complete
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
    if (code !== undefined && NO_SERVICE.has(code)) return undefined;
    throw new AppError('STOPPED', 'the running service did not answer', { cause });
  }
  const body = readBody(answer);
  if (answer.statusCode === 200) return body;
  throw parseFailure(await text(body));
}

async function* readBody(answer: IncomingMessage): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of answer) yield piece as Buffer;
  } catch (cause) {
    throw new AppError('STOPPED', 'the service stopped, or failed, before its answer was complete', { cause });
  }
}

function parseFailure(body: string): AppError {
  let failure: Partial<AdminFailure> = {};
  try {
    failure = JSON.parse(body) as AdminFailure;
  } catch {
    // A service of another version may answer in another form.
  }
  const { code, message = 'the service refused the request' } = failure;
  const isKnown = (ERROR_CODES as readonly (string | undefined)[]).includes(code);
  return new AppError(isKnown ? (code as ErrorCode) : 'INTERNAL', message);
}
