// Certificate of a TLS server: read from its files, replaced when the files change, with its health.
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { createSecureContext, type Server } from 'node:tls';
import type { Health } from '../domain/health.js';
import type { Log } from '../domain/log.js';
import { formatContractTime, systemTimers, type Clock, type Timers } from '../domain/time.js';
import { AppError, describeError } from '../errors.js';
import { readFileStamp } from './file-stamp.js';
import { identifyPeer } from './network.js';

export interface TlsFiles {
  /** Path of a PEM file: the certificate, and the certificates between it and its authority. */
  certFile: string;
  /** Path of a PEM file with the key, without a passphrase. */
  keyFile: string;
}

export interface TlsIdentityOptions extends TlsFiles {
  /** Key of the configuration that names the files, such as `http.tls`, for messages. */
  key: string;
  log: Log;
  clock?: Clock;
  timers?: Timers;
  /** Interval between two checks of the files. A file watch would miss files that are renamed over them or mounted. */
  checkIntervalMs?: number | undefined;
}

interface LoadedFiles {
  cert: Buffer;
  key: Buffer;
  certificate: X509Certificate;
}

const CHECK_INTERVAL_MS = 5_000;

/** Time limit for the TLS handshake of a client; Node allows two minutes. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;

/**
 * The certificate and the key of a TLS server. A new pair of files is used as soon as both belong together; until then the old certificate is
 * served, and `health` reports the problem.
 */
export class TlsIdentity {
  readonly #options: TlsIdentityOptions;
  /** Stamps of the two files at the last check. */
  #stamp = '';
  #validToMs = 0;
  #problem: string | undefined;
  #server: Server | undefined;
  #timer: unknown;
  /** Sockets whose handshake is not complete, by address and port of the client: the server does not know them yet. */
  readonly #handshaking = new Map<string, Socket>();

  constructor(options: TlsIdentityOptions) {
    this.#options = options;
  }

  /**
   * Reads the files for `createServer`.
   * @throws AppError CONFIG_INVALID: a file cannot be read, or the two do not belong together
   */
  async load(): Promise<{ cert: Buffer; key: Buffer }> {
    this.#stamp = await this.#readStamp();
    try {
      const { cert, key, certificate } = await this.#readFiles();
      this.#validToMs = Date.parse(certificate.validTo);
      return { cert, key };
    } catch (cause) {
      throw new AppError('CONFIG_INVALID', `${this.#options.key} cannot be used: ${describeError(cause)}`, { cause });
    }
  }

  /** Starts to check the files for changes, on behalf of the server that was created with them. */
  serve(server: Server): void {
    this.#server = server;
    server.on('connection', (socket: Socket) => {
      const id = identifyPeer(socket);
      this.#handshaking.set(id, socket);
      socket.once('close', () => this.#handshaking.delete(id));
    });
    server.on('secureConnection', (socket) => this.#handshaking.delete(identifyPeer(socket)));
    this.#scheduleCheck();
  }

  /** Ends the checks, and closes connections in their handshake: the server would wait for these when it closes. */
  stop(): void {
    this.#server = undefined;
    (this.#options.timers ?? systemTimers).clearTimeout(this.#timer);
    for (const socket of this.#handshaking.values()) socket.destroy();
  }

  health(): Health {
    const facts = { certificateValidTo: formatContractTime(this.#validToMs) };
    if (this.#problem !== undefined) {
      return { status: 'degraded', detail: `the new certificate is not used: ${this.#problem}`, facts };
    }
    if (this.#validToMs <= (this.#options.clock ?? Date.now)()) {
      return { status: 'degraded', detail: `the certificate of ${this.#options.key} has expired`, facts };
    }
    return { status: 'ok', facts };
  }

  #scheduleCheck(): void {
    const { timers = systemTimers, checkIntervalMs = CHECK_INTERVAL_MS } = this.#options;
    this.#timer = timers.setTimeout(() => {
      void this.#check().then(() => {
        if (this.#server) this.#scheduleCheck();
      });
    }, checkIntervalMs);
  }

  /** Loads the files again if they have changed. Never rejects. */
  async #check(): Promise<void> {
    // The stamp is read before the files: a change in between is noticed at the next check.
    const stamp = await this.#readStamp();
    if (stamp === this.#stamp) return;
    this.#stamp = stamp;
    const { log } = this.#options;
    try {
      const { cert, key, certificate } = await this.#readFiles();
      this.#server?.setSecureContext({ cert, key });
      this.#validToMs = Date.parse(certificate.validTo);
      this.#problem = undefined;
      log.info({ validTo: certificate.validTo }, 'a new certificate is served');
    } catch (error) {
      this.#problem = describeError(error);
      log.error({ reason: this.#problem }, 'a new certificate cannot be used; the old one is served');
    }
  }

  /** Returns a text that changes whenever one of the files is written, replaced or removed. */
  async #readStamp(): Promise<string> {
    const { certFile, keyFile } = this.#options;
    const stamps = await Promise.all([certFile, keyFile].map(readFileStamp));
    return stamps.join(', ');
  }

  /** @throws Error whose message names the key of the configuration, never the content of a file */
  async #readFiles(): Promise<LoadedFiles> {
    const { certFile, keyFile } = this.#options;
    const cert = await readNamedFile(certFile, 'certFile');
    const key = await readNamedFile(keyFile, 'keyFile');
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

/** @param name key of the configuration, for the message */
async function readNamedFile(path: string, name: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? describeError(cause);
    throw new Error(`${name} cannot be read (${reason})`, { cause });
  }
}
