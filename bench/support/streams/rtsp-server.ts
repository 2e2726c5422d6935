// An RTSP camera: plays a timeline to any number of clients, over TCP or UDP, with or without a password.
import { createHash } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { RtspSession, type Transport } from './rtsp-session.js';
import { describeStream } from './rtp.js';
import type { DatagramPath } from './datagram-path.js';
import { findEnd, type Unit } from './timeline.js';

export interface RtspOptions {
  units: readonly Unit[];
  /** Audio (silence) in the description before or after the video. Default: none. */
  audioFirst?: boolean;
  /** Audio begins this much earlier than the video: the timeline begins later by it. */
  audioAloneMs?: number;
  /** Time of the timeline at which the first client joins. Default: 0. */
  joinAtMs?: number;
  /** Time stamp of the moment 0 in ticks of 1/90,000 s. */
  firstStamp?: number;
  /** Closes all connections at the end of the timeline. Default: they stay open, in silence. */
  endsAtEnd?: boolean;
  /** Waits this long before it answers the first DESCRIBE. */
  slowMs?: number;
  user?: { name: string; password: string; scheme: 'basic' | 'digest' };
  /** Path of the datagrams of a client over UDP. Default: nothing is lost. */
  createPath?: () => DatagramPath;
}

export class RtspServer {
  readonly #options: RtspOptions;
  readonly #server: Server;
  readonly #sessions = new Set<RtspSession>();
  readonly #sockets = new Set<Socket>();
  /** Wall-clock time at which the timeline was at 0; undefined before the first client plays. */
  startedAtMs: number | undefined;
  port = 0;
  #endTimer: NodeJS.Timeout | undefined;
  /** Number of DESCRIBE requests that were refused. */
  refusals = 0;
  /** Number of sessions that were played. */
  plays = 0;

  constructor(options: RtspOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  /** @param port default: any */
  async start(port = 0): Promise<number> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as AddressInfo).port;
    return this.port;
  }

  /** Cuts all connections and stops listening. */
  async stop(): Promise<void> {
    clearTimeout(this.#endTimer);
    for (const session of this.#sessions) session.stop();
    for (const socket of this.#sockets) socket.destroy();
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    await closed;
  }

  #serve(socket: Socket): void {
    const session = new RtspSession(socket, this.#options);
    this.#sessions.add(session);
    this.#sockets.add(socket);
    let buffered = Buffer.alloc(0);
    socket.setNoDelay(true);
    socket.on('data', (chunk) => {
      buffered = Buffer.concat([buffered, chunk]);
      for (;;) {
        // Reports of the client come between the requests, in packets with a length.
        if (buffered[0] === 0x24) {
          if (buffered.length < 4 || buffered.length < 4 + buffered.readUInt16BE(2)) return;
          buffered = buffered.subarray(4 + buffered.readUInt16BE(2));
          continue;
        }
        const end = buffered.indexOf('\r\n\r\n');
        if (end < 0) return;
        const request = buffered.subarray(0, end).toString();
        buffered = buffered.subarray(end + 4);
        void this.#answer(request, socket, session);
      }
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      session.stop();
      this.#sessions.delete(session);
      this.#sockets.delete(socket);
    });
  }

  async #answer(request: string, socket: Socket, session: RtspSession): Promise<void> {
    const [method = '', url = ''] = request.split(' ');
    const sequence = readHeader(request, 'CSeq') ?? '0';
    const reply = (status: string, headers: readonly string[] = [], body = ''): void => {
      const length = body === '' ? [] : [`Content-Length: ${Buffer.byteLength(body)}`];
      const head = [`RTSP/1.0 ${status}`, `CSeq: ${sequence}`, ...headers, ...length].join('\r\n');
      if (!socket.destroyed) socket.write(`${head}\r\n\r\n${body}`);
    };
    if (method !== 'OPTIONS' && !this.#isAllowed(method, request)) {
      this.refusals++;
      return reply('401 Unauthorized', [this.#challenge()]);
    }
    switch (method) {
      case 'OPTIONS':
        return reply('200 OK', ['Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER']);
      case 'DESCRIBE': {
        const { audioFirst, slowMs = 0 } = this.#options;
        if (slowMs > 0) await new Promise((resolve) => setTimeout(resolve, slowMs));
        const headers = ['Content-Type: application/sdp', `Content-Base: ${url.replace(/\/*$/, '/')}`];
        return reply('200 OK', headers, describeStream(this.#findCurrentKey(), { audioFirst }));
      }
      case 'SETUP': {
        const media = url.endsWith('audio') ? 'audio' : 'video';
        const transport = await session.setUp(media, readTransport(readHeader(request, 'Transport') ?? ''));
        return reply('200 OK', [`Transport: ${transport}`, 'Session: 4c696e74;timeout=60']);
      }
      case 'PLAY':
        reply('200 OK', ['Session: 4c696e74;timeout=60', 'Range: npt=0.000-']);
        return this.#play(session);
      case 'GET_PARAMETER':
        return reply('200 OK', ['Session: 4c696e74;timeout=60']);
      case 'TEARDOWN':
        reply('200 OK');
        return void socket.end();
      default:
        return reply('405 Method Not Allowed');
    }
  }

  #play(session: RtspSession): void {
    const { units, joinAtMs = 0, audioAloneMs = 0, endsAtEnd } = this.#options;
    this.plays++;
    if (this.startedAtMs === undefined) {
      this.startedAtMs = Date.now() - joinAtMs + audioAloneMs;
      if (endsAtEnd) {
        const restMs = findEnd(units) - joinAtMs + audioAloneMs;
        this.#endTimer = setTimeout(() => {
          for (const socket of this.#sockets) socket.end();
        }, restMs);
      }
    }
    session.play(this.startedAtMs);
  }

  #findCurrentKey(): Unit {
    const { units, joinAtMs = 0 } = this.#options;
    const atMs = this.startedAtMs === undefined ? joinAtMs : Date.now() - this.startedAtMs;
    const keys = units.filter(({ isKey }) => isKey);
    const current = keys.findLast((unit) => unit.atMs <= atMs) ?? keys[0];
    if (!current) throw new Error('a timeline without a key frame');
    return current;
  }

  #challenge(): string {
    return this.#options.user?.scheme === 'basic'
      ? 'WWW-Authenticate: Basic realm="door"'
      : 'WWW-Authenticate: Digest realm="door", nonce="0123456789abcdef"';
  }

  #isAllowed(method: string, request: string): boolean {
    const { user } = this.#options;
    if (!user) return true;
    const given = readHeader(request, 'Authorization') ?? '';
    if (user.scheme === 'basic') {
      return given === `Basic ${Buffer.from(`${user.name}:${user.password}`).toString('base64')}`;
    }
    const uri = /uri="([^"]*)"/.exec(given)?.[1] ?? '';
    const inner = [hash(`${user.name}:door:${user.password}`), '0123456789abcdef', hash(`${method}:${uri}`)];
    return given.includes(`response="${hash(inner.join(':'))}"`);
  }
}

function hash(text: string): string {
  return createHash('md5').update(text).digest('hex');
}

function readHeader(request: string, name: string): string | undefined {
  return new RegExp(`^${name}: *(.*?)\\r?$`, 'im').exec(request)?.[1];
}

/** Reads what the client asks for: channels of the connection, or ports. */
function readTransport(header: string): Transport {
  const channels = /interleaved=(\d+)-(\d+)/.exec(header);
  const ports = /client_port=(\d+)-(\d+)/.exec(header);
  if (ports) return { kind: 'udp', rtpPort: Number(ports[1]), rtcpPort: Number(ports[2]) };
  return { kind: 'tcp', rtpChannel: Number(channels?.[1] ?? 0), rtcpChannel: Number(channels?.[2] ?? 1) };
}
