// The trial of a message that may have ended a connection: it is sent alone, on a second connection, while the first one stands.
import { BrokerFailure, toBrokerFailure } from './broker-failure.js';
import type { Delivery } from './delivery.js';
import { openConnection, type Connection, type ConnectionOptions } from './mqtt-connection.js';
import { refuseByEnd, toRefusal, type Refusal } from './refusal.js';

/** `unavailable`: the trial proves nothing, because there was no second connection, or the first one ended as well. */
export type Verdict =
  { state: 'accepted' } | { state: 'unavailable' } | { state: 'refused' | 'ended'; refusal: Refusal };

export interface SuspectTrialOptions extends Omit<ConnectionOptions, 'will'> {
  /** The connection of everything else. That it stands proves that the message, and not the broker, is the reason. */
  main: Pick<Connection, 'open' | 'probe' | 'closed'>;
  /** Called with true when a second connection stands, and with false when it is over. */
  onOpen?: (isOpen: boolean) => void;
}

/** Number of connections that must end at a message, one after the other, before the message counts as the reason. */
const ENDS = 2;

/** Time without a trial after which the second connection is closed. */
const IDLE_MS = 5_000;

/** Tries one message after the other, on one second connection as long as it stands. */
export class Trial {
  readonly #options: SuspectTrialOptions;
  #connection: Connection | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #isEnded = false;
  #idleTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: SuspectTrialOptions) {
    this.#options = options;
  }

  /** Sends a message alone. Never rejects. `ended`: connections ended at it, or it was never acknowledged. */
  try(delivery: Delivery, bytes: number): Promise<Verdict> {
    const verdict = this.#queue.then(async () => {
      clearTimeout(this.#idleTimer);
      const result = await this.#try(delivery, bytes);
      if (!this.#isEnded) this.#idleTimer = setTimeout(() => void this.#closeIdle(), IDLE_MS);
      return result;
    });
    this.#queue = verdict;
    return verdict;
  }

  async end(): Promise<void> {
    this.#isEnded = true;
    clearTimeout(this.#idleTimer);
    const connection = this.#connection;
    this.#connection = undefined;
    // When the first connection is lost, the next one must not wait.
    if (this.#options.main.open) await connection?.end();
    else connection?.abandon(new BrokerFailure('stopped'));
  }

  async #closeIdle(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.end();
  }

  async #try(delivery: Delivery, bytes: number): Promise<Verdict> {
    let last: BrokerFailure | undefined;
    for (let ends = 0; ends < ENDS; ends++) {
      const connection = await this.#open();
      if (!connection) return { state: 'unavailable' };
      try {
        const refusal = await connection.offer(delivery);
        return refusal ? { state: 'refused', refusal: toRefusal(refusal) } : { state: 'accepted' };
      } catch (error) {
        last = toBrokerFailure(error);
        this.#connection = undefined;
        if (!(await this.#isMainAlive())) return { state: 'unavailable' };
        // One silence is as long as the limit for a PUBACK: a second one would prove little more. A reason code is plain enough.
        if (last.isSilence || last.reasonCode !== undefined) break;
      }
    }
    return last ? { state: 'ended', refusal: refuseByEnd(last, bytes) } : { state: 'unavailable' };
  }

  async #open(): Promise<Connection | undefined> {
    const { main, onOpen, ...options } = this.#options;
    if (this.#isEnded || !main.open) return undefined;
    if (this.#connection?.open) return this.#connection;
    try {
      const connection = await openConnection(options);
      onOpen?.(true);
      void connection.closed.then(() => onOpen?.(false));
      // A broker that gives both connections one name ends the first one now.
      await connection.probe();
      if (this.#isEnded || !(await this.#isMainAlive())) {
        await connection.end();
        return undefined;
      }
      this.#connection = connection;
      return connection;
    } catch {
      return undefined;
    }
  }

  async #isMainAlive(): Promise<boolean> {
    const { main } = this.#options;
    if (this.#isEnded || !main.open) return false;
    try {
      await main.probe();
      return main.open;
    } catch {
      return false;
    }
  }
}
