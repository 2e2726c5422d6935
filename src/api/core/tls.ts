// The certificate that the API serves HTTPS with: read from its files, read again when they change, and how it is.
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Server } from 'node:https';
import type { Socket } from 'node:net';
import { createSecureContext } from 'node:tls';
import type { Health } from '../../domain/health.js';
import type { Log } from '../../domain/log.js';
import { contractTime, systemTimers, type Clock, type Timers } from '../../domain/time.js';
import { AppError, describeError } from '../../errors.js';
import { readFileStamp } from '../../platform/file-stamp.js';

export interface TlsFiles {
  /** PEM: the certificate and those between it and its authority. */
  certFile: string;
  /** PEM, without a passphrase. */
  keyFile: string;
}

export interface TlsIdentityOptions extends TlsFiles {
  log: Log;
  clock?: Clock;
  timers?: Timers;
  /** The files are looked at so often: a watch would miss what is renamed over them or mounted anew. */
  checkIntervalMs?: number;
}

interface Loaded {
  cert: Buffer;
  key: Buffer;
  certificate: X509Certificate;
}

const CHECK_INTERVAL_MS = 5_000;

/** What a client may take for its handshake; Node allows two minutes. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;

/** A new pair of files is taken when both fit together; until then the old one serves, and `health` says so. */
export class TlsIdentity {
  readonly #options: TlsIdentityOptions;
  /** Of the files as they were last looked at. */
  #stamp = '';
  #validTo = 0;
  #problem: string | undefined;
  #server: Server | undefined;
  #timer: unknown;
  /** Sockets in the middle of their handshake, by the port of the client: the HTTP server does not know them yet. */
  readonly #shaking = new Map<string, Socket>();

  constructor(options: TlsIdentityOptions) {
    this.#options = options;
  }

  /** For `createServer`. @throws AppError CONFIG_INVALID: a file cannot be read, or the two do not fit together */
  async load(): Promise<{ cert: Buffer; key: Buffer }> {
    this.#stamp = await this.#stampOf();
    try {
      const { cert, key, certificate } = await this.#read();
      this.#validTo = Date.parse(certificate.validTo);
      return { cert, key };
    } catch (cause) {
      throw new AppError('CONFIG_INVALID', `http.tls cannot be used: ${describeError(cause)}`, { cause });
    }
  }

  /** Watches the files for the server that `load` was for. */
  serve(server: Server): void {
    this.#server = server;
    server.on('connection', (socket: Socket) => {
      const id = peerOf(socket);
      this.#shaking.set(id, socket);
      socket.once('close', () => this.#shaking.delete(id));
    });
    server.on('secureConnection', (socket) => this.#shaking.delete(peerOf(socket)));
    this.#checkLater();
  }

  /** The server's own closing would wait for clients that have not finished their handshake. */
  stop(): void {
    this.#server = undefined;
    (this.#options.timers ?? systemTimers).clearTimeout(this.#timer);
    for (const socket of this.#shaking.values()) socket.destroy();
  }

  health(): Health {
    const facts = { certificateValidTo: contractTime(this.#validTo) };
    if (this.#problem !== undefined) {
      return { status: 'degraded', detail: `the new certificate is not used: ${this.#problem}`, facts };
    }
    if (this.#validTo <= (this.#options.clock ?? Date.now)()) {
      return { status: 'degraded', detail: 'the certificate of http.tls has expired', facts };
    }
    return { status: 'ok', facts };
  }

  #checkLater(): void {
    const { timers = systemTimers, checkIntervalMs = CHECK_INTERVAL_MS } = this.#options;
    this.#timer = timers.setTimeout(() => {
      void this.#check().then(() => {
        if (this.#server) this.#checkLater();
      });
    }, checkIntervalMs);
  }

  /** Never rejects. */
  async #check(): Promise<void> {
    // Before they are read: what changes in between is read again next time.
    const stamp = await this.#stampOf();
    if (stamp === this.#stamp) return;
    this.#stamp = stamp;
    const { log } = this.#options;
    try {
      const { cert, key, certificate } = await this.#read();
      this.#server?.setSecureContext({ cert, key });
      this.#validTo = Date.parse(certificate.validTo);
      this.#problem = undefined;
      log.info({ validTo: certificate.validTo }, 'a new certificate is served');
    } catch (error) {
      this.#problem = describeError(error);
      log.error({ reason: this.#problem }, 'a new certificate cannot be used; the old one is served');
    }
  }

  /** Differs whenever a file was written, replaced or removed. */
  async #stampOf(): Promise<string> {
    const { certFile, keyFile } = this.#options;
    const stamps = await Promise.all([certFile, keyFile].map(readFileStamp));
    return stamps.join(', ');
  }

  /** @throws Error whose message names the key of the configuration, and nothing of the files */
  async #read(): Promise<Loaded> {
    const { certFile, keyFile } = this.#options;
    const cert = await readNamed(certFile, 'certFile');
    const key = await readNamed(keyFile, 'keyFile');
    let certificate: X509Certificate;
    try {
      certificate = new X509Certificate(cert);
      createSecureContext({ cert });
    } catch (cause) {
      throw new Error('certFile holds no PEM certificate', { cause });
    }
    try {
      createSecureContext({ key });
    } catch (cause) {
      throw new Error('keyFile holds no PEM key, or one with a passphrase', { cause });
    }
    try {
      createSecureContext({ cert, key });
    } catch (cause) {
      throw new Error('keyFile does not belong to certFile', { cause });
    }
    return { cert, key, certificate };
  }
}

async function readNamed(file: string, name: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? describeError(cause);
    throw new Error(`${name} cannot be read (${reason})`, { cause });
  }
}

function peerOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}
