// What the service tells systemd about itself (sd_notify): ready, status, stopping.
import type { Addon } from '../native/addon.js';
import type { Log } from '../domain/log.js';

export interface SdNotifierParts {
  /** Absent where systemd does not listen: every notice is then a no-op. */
  socketPath: string | undefined;
  addon: Pick<Addon, 'sdNotify'>;
  log: Log;
}

/** A notice that cannot be sent is logged, never thrown: the service works without systemd. */
export class SdNotifier {
  readonly #parts: SdNotifierParts;

  constructor(parts: SdNotifierParts) {
    this.#parts = parts;
  }

  /** Once, when every part has been started. */
  ready(status: string): void {
    this.#send(['READY=1', statusLine(status)]);
  }

  /** One line for `systemctl status`. */
  status(text: string): void {
    this.#send([statusLine(text)]);
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
