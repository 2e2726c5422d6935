// The topics on which the broker refuses messages although the connection stands: each is logged once, and the health names them.
import type { Log } from '../domain/log.js';
import type { Refusal } from './refusal.js';

interface RefusedTopic {
  /** The topic, or what is refused on it. */
  label: string;
  refusal: Refusal;
}

/** Outlives the connections: what was refused counts until the broker takes it. */
export class RefusedTopics {
  readonly #log: Log;
  readonly #current = new Map<string, RefusedTopic>();
  /** Kind of the last refusal that was logged for each label, until the broker accepts it. */
  readonly #logged = new Map<string, string>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Records that the broker took a message. @param part what it took, if that is not the whole message, such as `snapshots` */
  accept(topic: string, part?: string): void {
    const label = makeLabel(topic, part);
    this.#current.delete(label);
    this.#logged.delete(label);
  }

  /** Records that the broker refused a message. @param part what it refused, if that is not the whole message, such as `snapshots` */
  refuse(topic: string, refusal: Refusal, part?: string): void {
    const label = makeLabel(topic, part);
    // The first message stands for all: another number of bytes must not change the health.
    if (this.#current.get(label)?.refusal.kind === refusal.kind) return;
    this.#current.set(label, { label, refusal });
  }

  /** Logs the refusals that were not logged before, in one line. */
  logNew(): void {
    const refused = [...this.#current.values()].filter(
      ({ label, refusal }) => this.#logged.get(label) !== refusal.kind,
    );
    const [first] = refused;
    if (!first) return;
    for (const { label, refusal } of refused) this.#logged.set(label, refusal.kind);
    const fields = { topic: first.label, reason: first.refusal.detail, topics: refused.length };
    this.#log.warn(fields, 'the MQTT broker refuses messages; everything else is published');
  }

  /** Names the first refused topic, the number of the others, and the reason. @returns undefined when no topic is refused */
  describe(): string | undefined {
    const [first] = this.#current.values();
    if (!first) return undefined;
    const others = this.#current.size - 1;
    const more = others === 0 ? '' : others === 1 ? ' and one more topic' : ` and ${others} more topics`;
    return `it refuses ${first.label}${more}: ${first.refusal.detail}`;
  }
}

function makeLabel(topic: string, part: string | undefined): string {
  return part === undefined ? topic : `${part} on ${topic}`;
}
