// Cameras over HTTP that are made for tests: they send what a test gives them, byte for byte.
import { createHash } from 'node:crypto';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { listen } from './clips.js';
import { makeBody, type MjpegStyle } from './mjpeg-styles.js';

const INTERVAL_MS = 15;

/** Starts a server that answers each request with `answer`, until the end of the test. @returns its URL, with a slash at the end */
export async function httpCamera(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
  const server = createHttpServer(answer);
  const port = await listen(server);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${port}/`;
}

/** Starts a server that answers each connection after its request with `answer`: for answers that are no correct HTTP. @returns its URL */
export async function rawCamera(answer: (socket: Socket, request: string) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    let request = '';
    socket.on('data', (bytes) => {
      request += bytes.toString('latin1');
      if (!request.includes('\r\n\r\n')) return;
      answer(socket, request);
      request = '';
    });
  });
  const port = await listen(server);
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `http://127.0.0.1:${port}/`;
}

/** Calls `send` with 0, 1, 2 and so on, every 15 ms, until it returns false or the response is closed. */
export function play(response: ServerResponse | Socket, send: (number: number) => boolean): void {
  let number = 0;
  const timer = setInterval(() => {
    if (!send(number++)) clearInterval(timer);
  }, INTERVAL_MS);
  response.on('close', () => clearInterval(timer));
}

/** Answers with an endless stream of a style. @param jpeg makes the picture of a number */
export function playStyle(response: ServerResponse, style: MjpegStyle, jpeg: (number: number) => Buffer): void {
  response.writeHead(200, style.type === '' ? {} : { 'content-type': style.type });
  play(response, (number) => {
    // The bytes before the first part come with it.
    if (number === 0) response.write(makeBody({ ...style, epilogue: '' }, [jpeg(0)]));
    else response.write(style.part(jpeg(number), number));
    return true;
  });
}

export const USER = 'admin';
/** A password of the characters that URLs treat in a special way. */
export const PASSWORD = 'p@ss:w/rd#1%2 ü';

/** URL with the user and the password. */
export function withUser(url: string, password = PASSWORD): string {
  const made = new URL(url);
  made.username = encodeURIComponent(USER);
  made.password = encodeURIComponent(password);
  return made.href;
}

/** Returns whether a request has the right user and password by Basic authentication; otherwise it was answered with 401. */
export function checkBasic(request: IncomingMessage, response: ServerResponse): boolean {
  const expected = `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString('base64')}`;
  if (request.headers.authorization === expected) return true;
  response.writeHead(401, { 'www-authenticate': 'Basic realm="camera"' }).end('<html>401</html>');
  return false;
}

/** Like checkBasic, by Digest authentication. */
export function checkDigest(request: IncomingMessage, response: ServerResponse, qop = 'qop="auth", '): boolean {
  const { authorization = '', method = '' } = request.headers as { authorization?: string; method?: string };
  const read = (name: string): string => new RegExp(`[ ,]${name}="?([^",]*)`).exec(authorization)?.[1] ?? '';
  const hash = (text: string): string => createHash('md5').update(text).digest('hex');
  const secret = hash(`${USER}:camera:${PASSWORD}`);
  const target = hash(`${request.method ?? method}:${read('uri')}`);
  const middle = qop === '' ? read('nonce') : [read('nonce'), read('nc'), read('cnonce'), read('qop')].join(':');
  const isRight = authorization.startsWith('Digest') && read('response') === hash(`${secret}:${middle}:${target}`);
  if (isRight && read('uri') === request.url) return true;
  const challenge = `Digest realm="camera", nonce="abcdef0123456789", ${qop}algorithm=MD5`;
  response.writeHead(401, { 'www-authenticate': challenge }).end('<html>401</html>');
  return false;
}
