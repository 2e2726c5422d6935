// What the service tells systemd about itself (sd_notify): ready, alive, status, stopping, and that a start takes longer.
import type { Addon } from '../native/addon.js';
import type { Log } from '../domain/log.js';

export interface SdNotifierParts {
  /** Absent where systemd does not listen: every notice is then a no-op. */
  socketPath: string | undefined;
  addon: Pick<Addon, 'sdNotify'>;
  log: Log;
}

/** A notice that cannot be sent is logged, never thrown: the service works without systemd. RELOADING is not among them: a restart takes 2 s. */
export class SdNotifier {
  readonly #parts: SdNotifierParts;

  constructor(parts: SdNotifierParts) {
    this.#parts = parts;
  }

  /** Whether anybody listens. */
  get listens(): boolean {
    return this.#parts.socketPath !== undefined;
  }

  /** Once, when every part has been started. */
  ready(status: string): void {
    this.#send(['READY=1', statusLine(status)]);
  }

  /** One line for `systemctl status`. */
  status(text: string): void {
    this.#send([statusLine(text)]);
  }

  /** A sign of life for the watchdog, and the status with it. */
  alive(status: string): void {
    this.#send(['WATCHDOG=1', statusLine(status)]);
  }

  /** During the start: it may take so much longer, counted from now. */
  extendStart(byMs: number): void {
    this.#send([`EXTEND_TIMEOUT_USEC=${Math.round(byMs * 1_000)}`]);
  }

  stopping(): void {
    this.#send(['STOPPING=1', statusLine('stopping')]);
  }

  #send(lines: readonly string[]): void {
    const { socketPath, addon, log } = this.#parts;
    if (socketPath === undefined) return;
    try {
      addon.sdNotify(socketPath, lines.join('\n'));
    } catch (error) {
      log.warn({ err: error }, 'systemd could not be notified');
    }
  }
}

/** A line break would begin another assignment. */
function statusLine(text: string): string {
  return `STATUS=${text.replaceAll(/\s+/g, ' ').trim()}`;
}
