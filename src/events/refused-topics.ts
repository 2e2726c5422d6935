// The topics that the broker refuses although the connection stands: each is logged once, and the health names them.
import type { Log } from '../domain/log.js';
import type { BrokerFailure } from './broker-failure.js';

/** Reason code of MQTT 5. */
const NOT_AUTHORISED = 135;

export class RefusedTopics {
  readonly #log: Log;
  /** Reason for each topic that was refused on the current connection. */
  readonly #current = new Map<string, string>();
  /** Last reason that was logged for each topic, until the broker accepts it. */
  readonly #logged = new Map<string, string>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** A new connection begins: its broker may refuse other topics. */
  clear(): void {
    this.#current.clear();
  }

  /** Records the answer of the broker for a topic: a refusal, or undefined when it accepted. */
  record(topic: string, refusal: BrokerFailure | undefined): void {
    if (refusal) this.#current.set(topic, describeRefusal(refusal));
    else {
      this.#current.delete(topic);
      this.#logged.delete(topic);
    }
  }

  /** Logs the refusals that were not logged before, in one line. */
  logNew(): void {
    const refused = [...this.#current].filter(([topic, reason]) => this.#logged.get(topic) !== reason);
    const [first] = refused;
    if (!first) return;
    for (const [topic, reason] of refused) this.#logged.set(topic, reason);
    const [topic, reason] = first;
    const fields = { topic, reason, topics: refused.length };
    this.#log.warn(fields, 'the MQTT broker refuses topics; events are still published');
  }

  /** Names the first refused topic, the number of the others, and the reason. @returns undefined when no topic is refused */
  describe(): string | undefined {
    const [first] = this.#current;
    if (!first) return undefined;
    const [topic, reason] = first;
    const others = this.#current.size - 1;
    const more = others === 0 ? '' : others === 1 ? ' and one more topic' : ` and ${others} more topics`;
    return `it refuses ${topic}${more}: ${reason}`;
  }
}

function describeRefusal({ reasonCode, message }: BrokerFailure): string {
  return `${reasonCode === NOT_AUTHORISED ? 'not authorised' : message} (reason code ${reasonCode ?? 'unknown'})`;
}
