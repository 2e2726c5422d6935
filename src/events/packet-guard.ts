// The limits on how much one MQTT client sends: a client that publishes much is slowed down, and one that floods is cut off.
import type { Clock } from '../domain/time.js';
import { TokenBucket } from '../platform/token-bucket.js';
import { PACKET } from './mqtt-decoder.js';
import type { RawPacket } from './packet-reader.js';

/** Packets that a client may send at once, and in each second after that: some programs send a SUBSCRIBE for each of their subscriptions. */
const PACKETS_AT_ONCE = 600;
const PACKETS_PER_SECOND = 10;
/** A larger packet counts as several: its topic filters cost time. */
const BYTES_PER_PACKET = 1_024;
/** Messages that are passed on to others, in the same way: commands and births. */
const ACCEPTED_AT_ONCE = 100;
/** All messages in the same way, also those that are ignored: a program that describes hundreds of devices publishes them all at its start. */
const MESSAGES_AT_ONCE = 1_000;
const MESSAGES_PER_SECOND = 50;
/** A larger message counts as several. */
const BYTES_PER_MESSAGE = 8 * 1024;
/** Time for which a client may be slowed down in all, in milliseconds, and the time that comes back in each second. */
const SLOWED_AT_ONCE_MS = 10_000;
const SLOWED_PER_SECOND_MS = 100;
/** Limit of the acknowledgements that a client may save up. */
const MAX_EXPECTED = 100_000;
const ACKNOWLEDGEMENTS: readonly number[] = [PACKET.puback, PACKET.pubrec, PACKET.pubcomp];

export class PacketGuard {
  readonly #packets: TokenBucket;
  readonly #accepted: TokenBucket;
  readonly #messages: TokenBucket;
  readonly #patience: TokenBucket;
  /** Acknowledgements that the client owes: these packets do not count. */
  #expected = 0;

  /** @param monotonic milliseconds that never go back, as performance.now */
  constructor(monotonic: Clock) {
    this.#packets = new TokenBucket({ perSecond: PACKETS_PER_SECOND, burst: PACKETS_AT_ONCE, monotonic });
    this.#accepted = new TokenBucket({ perSecond: PACKETS_PER_SECOND, burst: ACCEPTED_AT_ONCE, monotonic });
    this.#messages = new TokenBucket({ perSecond: MESSAGES_PER_SECOND, burst: MESSAGES_AT_ONCE, monotonic });
    this.#patience = new TokenBucket({ perSecond: SLOWED_PER_SECOND_MS, burst: SLOWED_AT_ONCE_MS, monotonic });
  }

  /** A message is being sent to the client, which will acknowledge it with this number of packets. */
  expectAcknowledgements(count: number): void {
    this.#expected = Math.min(MAX_EXPECTED, this.#expected + count);
  }

  /**
   * Counts a packet of the client.
   * @returns milliseconds for which its next bytes must not be read; 0 where it need not be slowed down
   * @throws Error for too many packets, and for a client that was slowed down for too long
   */
  count({ type, length }: Pick<RawPacket, 'type' | 'length'>): number {
    if (type === PACKET.publish || type === PACKET.pubrel) {
      const waitMs = this.#messages.spend(1 + Math.floor(length / BYTES_PER_MESSAGE));
      if (waitMs > 0 && !this.#patience.take(waitMs)) {
        throw new Error(`more than ${MESSAGES_PER_SECOND} MQTT messages a second`);
      }
      return waitMs;
    }
    if (ACKNOWLEDGEMENTS.includes(type) && this.#expected > 0) this.#expected--;
    else take(this.#packets, 1 + Math.floor(length / BYTES_PER_PACKET));
    return 0;
  }

  /** Counts a message that is passed on to others. @throws Error for too many */
  countAccepted(): void {
    take(this.#accepted);
  }
}

function take(bucket: TokenBucket, amount = 1): void {
  if (!bucket.take(amount)) throw new Error(`more than ${PACKETS_PER_SECOND} MQTT packets a second`);
}
