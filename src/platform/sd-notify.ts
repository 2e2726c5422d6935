// Notices to systemd (sd_notify): ready, alive, status, stopping, and a start that takes longer.
import type { Addon } from '../native/addon.js';
import type { Log } from '../domain/log.js';

export interface SdNotifierParts {
  /** Undefined without systemd: then no notice is sent. */
  socketPath: string | undefined;
  addon: Pick<Addon, 'sdNotify'>;
  log: Log;
}

/**
 * Sends notices to systemd. One that cannot be sent is logged, and no error is thrown, because the service works without systemd.
 * RELOADING is not used: a restart takes 2 s.
 */
export class SdNotifier {
  readonly #parts: SdNotifierParts;

  constructor(parts: SdNotifierParts) {
    this.#parts = parts;
  }

  /** True if systemd listens. */
  get listens(): boolean {
    return this.#parts.socketPath !== undefined;
  }

  /** Tells systemd that every part has been started. */
  ready(status: string): void {
    this.#send(['READY=1', formatStatusLine(status)]);
  }

  /** Sets the line that `systemctl status` shows. */
  status(text: string): void {
    this.#send([formatStatusLine(text)]);
  }

  /** Tells the watchdog that the service is alive, and sets the status. */
  alive(status: string): void {
    this.#send(['WATCHDOG=1', formatStatusLine(status)]);
  }

  /** Extends the time limit of the start by this time, counted from now. */
  extendStart(byMs: number): void {
    this.#send([`EXTEND_TIMEOUT_USEC=${Math.round(byMs * 1_000)}`]);
  }

  /** Tells systemd that the stop has begun. */
  stopping(): void {
    this.#send(['STOPPING=1', formatStatusLine('stopping')]);
  }

  #send(lines: readonly string[]): void {
    const { socketPath, addon, log } = this.#parts;
    if (socketPath === undefined) return;
    try {
      addon.sdNotify(socketPath, lines.join('\n'));
    } catch (error) {
      log.warn({ err: error }, 'a notice could not be sent to systemd');
    }
  }
}

/** Formats a status. A line break in it would start another assignment. */
function formatStatusLine(text: string): string {
  return `STATUS=${text.replaceAll(/\s+/g, ' ').trim()}`;
}
