// The events of a door on their way up: sends its history to its stream in the log of the fleet, one record after the other.
import type { Health } from '../domain/health.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import type { Clock } from '../domain/time.js';
import { describeError } from '../errors.js';
import { computeLifeLeftMs } from '../events/event.js';
import type { EventFeed, HistoryEncoder, HistoryRecord, HistorySource } from '../events/history.js';
import { Backoff } from '../platform/backoff.js';
import { pause, waitAtMost, WakeSignal } from '../platform/waiting.js';
import type { FleetLog } from './fleet-log.js';
import { nameEventStream } from './subjects.js';
import type { UplinkState, UplinkStateStore } from './uplink-state.js';

export interface UplinkTiming {
  backoffFirstMs: number;
  backoffMaxMs: number;
  /** Time that `stop` waits for the answer to the current message. */
  stopTimeoutMs: number;
  /** Limits while a door catches up: a site whose doors all come back must not flood its server or its line. */
  recordsPerSecond: number;
  bytesPerSecond: number;
}

export const DEFAULT_UPLINK_TIMING: UplinkTiming = {
  backoffFirstMs: 1_000,
  backoffMaxMs: 60_000,
  stopTimeoutMs: 1_000,
  recordsPerSecond: 200,
  bytesPerSecond: 2_000_000,
};

export interface EventUplinkOptions {
  fleet: Pick<FleetLog, 'append'>;
  /** Id of the door (or of the authority), in hexadecimal: names the stream. */
  door: string;
  /** The history as the fleet reads it, with the mark up to which the fleet has it. */
  source: HistorySource;
  /** The stored events, for a log that lost them. */
  feed: Pick<EventFeed, 'readAfter' | 'watch'>;
  encodeHistory: HistoryEncoder;
  /** Seals a message for the authority; absent: every subscriber of the server can read the messages. */
  seal?: ((message: Uint8Array) => Uint8Array) | undefined;
  state: UplinkStateStore;
  /** Events that were decided longer ago are not sent a second time to a log that lost them. */
  resendMaxAgeMs: number;
  clock: Clock;
  /** Milliseconds that never go back, as performance.now. */
  monotonic: Clock;
  /** A number from 0 to 1, as Math.random. */
  random: () => number;
  log: Log;
  timing?: Partial<UplinkTiming> | undefined;
}

/** Counts since the start. */
export interface UplinkStats {
  /** Records that the log of the fleet has taken. */
  sent: number;
  /** Those among them that were sent a second time, because the log had lost them. */
  resent: number;
  /** How often the log was found to have lost records: its server was emptied, or put back to an older state. */
  losses: number;
}

const READ_AT_ONCE = 16;
const UPLINK = 'fleet-events';

/**
 * At least once, in order, without gaps: a record counts as sent when the log has it safely. Each record names the position of the one before
 * it, so that a log which lost its newest messages refuses it. The door then sends again what it still stores.
 */
export class EventUplink implements Part {
  readonly name = UPLINK;
  readonly #options: EventUplinkOptions;
  readonly #timing: UplinkTiming;
  readonly #signal = new WakeSignal();
  readonly #stopping = new AbortController();
  readonly #stats: UplinkStats = { sent: 0, resent: 0, losses: 0 };
  #state: UplinkState = { position: 0 };
  #isStateRead = false;
  #isStateStored = true;
  /** Number of the last record that was sent in its turn. */
  #cursor = 0;
  #endWatch: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #problem: string | undefined;

  constructor(options: EventUplinkOptions) {
    this.#options = options;
    this.#timing = { ...DEFAULT_UPLINK_TIMING, ...options.timing };
  }

  /** Waits for nothing: neither for the log of the fleet nor for the disk. */
  async start(): Promise<void> {
    if (this.#running) return;
    this.#endWatch = this.#options.feed.watch(() => this.#signal.wake());
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#stopping.abort();
    this.#endWatch?.();
    this.#signal.wake();
    await waitAtMost(this.#timing.stopTimeoutMs, this.#running);
  }

  stats(): UplinkStats {
    return { ...this.#stats };
  }

  health(): Health {
    const facts = { fleetEventsSent: this.#stats.sent, fleetEventsLosses: this.#stats.losses };
    return this.#problem === undefined || this.#isStopping
      ? { status: 'ok', facts }
      : { status: 'degraded', detail: `events for the fleet: ${this.#problem}`, facts };
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #run(): Promise<void> {
    const backoff = this.#newBackoff();
    while (!this.#isStopping) {
      try {
        const beganMs = this.#options.monotonic();
        await this.#readState();
        const { count, bytes } = this.#state.again ? await this.#sendAgain(this.#state.again) : await this.#sendNext();
        backoff.reset();
        if (count === 0 && !this.#state.again) {
          await this.#storeState();
          await this.#signal.wait();
        } else {
          const { recordsPerSecond, bytesPerSecond } = this.#timing;
          const leastMs = Math.max(count / recordsPerSecond, bytes / bytesPerSecond) * 1_000;
          await this.#pause(beganMs + leastMs - this.#options.monotonic());
        }
      } catch (error) {
        // The store refuses to be read or written; the log of the fleet is dealt with below.
        this.#declare(describeError(error));
        await this.#pause(backoff.next());
      }
    }
    await this.#storeState();
  }

  async #readState(): Promise<void> {
    if (this.#isStateRead) return;
    const { state, door } = this.#options;
    this.#state = (await state.read(door)) ?? { position: 0 };
    this.#isStateRead = true;
  }

  /** Sends the next records in their turn. */
  async #sendNext(): Promise<{ count: number; bytes: number }> {
    const { source } = this.#options;
    const records = await source.read(this.#cursor, READ_AT_ONCE);
    let [count, bytes] = [0, 0];
    for (const record of records) {
      const sent = await this.#deliver(record, () => firstNumber(record) - 1);
      if (sent === undefined) break;
      bytes += sent;
      count++;
      this.#cursor = record.sequence;
    }
    if (count > 0) source.settle(this.#cursor);
    return { count, bytes };
  }

  /** Sends the next ones of the records that the log had lost. */
  async #sendAgain({ after, through }: NonNullable<UplinkState['again']>): Promise<{ count: number; bytes: number }> {
    const { feed, clock, resendMaxAgeMs } = this.#options;
    const oldestMs = clock() - resendMaxAgeMs;
    const records = (await feed.readAfter(after, READ_AT_ONCE)).filter((record) => firstNumber(record) <= through);
    let [count, bytes, done] = [0, 0, after];
    for (const record of records) {
      // What was removed before the first record is not missing in a log that begins with it.
      const isLeftOut =
        'gap' in record ? after === 0 && record === records[0] : Date.parse(record.event.decidedAt) < oldestMs;
      const sent = isLeftOut ? 0 : await this.#deliver(record, () => through);
      if (sent === undefined) return { count, bytes };
      if (!isLeftOut) {
        this.#stats.resent++;
        count++;
      }
      bytes += sent;
      done = record.sequence;
    }
    const { position } = this.#state;
    const isDone = records.length === 0 || done >= through;
    this.#change(isDone ? { position } : { position, again: { after: done, through } });
    await this.#storeState();
    return { count, bytes };
  }

  /**
   * Sends a record until the log has it.
   * @param sentThrough number of the last record that the log had before this one
   * @returns bytes of the message; undefined when the uplink was stopped before, or the log has lost records
   */
  async #deliver(record: HistoryRecord, sentThrough: () => number): Promise<number | undefined> {
    const { fleet, door, log } = this.#options;
    const backoff = this.#newBackoff();
    while (!this.#isStopping) {
      const message = this.#encode(record);
      try {
        const { outcome, position } = await fleet.append(
          nameEventStream(door),
          nameMessage(record),
          message,
          this.#state.position,
        );
        if (outcome === 'moved' && position < this.#state.position) {
          log.warn({ door }, 'the log of the fleet has lost events of this door: those that are stored are sent again');
          this.#stats.losses++;
          this.#change({ position, again: { after: 0, through: sentThrough() } });
          await this.#storeState();
          return undefined;
        }
        this.#change({ ...this.#state, position: Math.max(position, this.#state.position) });
        // A message whose answer was lost is in the log already: its repetition may come behind it.
        if (outcome === 'moved') continue;
        this.#problem = undefined;
        this.#stats.sent++;
        return message.length;
      } catch (error) {
        this.#declare(describeError(error));
        await this.#pause(backoff.next());
      }
    }
    return undefined;
  }

  #encode(record: HistoryRecord): Uint8Array {
    const { encodeHistory, seal, clock } = this.#options;
    // Negated, so that a time that cannot be parsed counts as late.
    const isLate = !('event' in record && computeLifeLeftMs(record.event, clock()) > 0);
    const message = Buffer.from(encodeHistory(record, isLate));
    return seal ? seal(message) : message;
  }

  #change(state: UplinkState): void {
    this.#state = state;
    this.#isStateStored = false;
  }

  /** An older state on the disk does no harm: the log then says that it has more than expected. */
  async #storeState(): Promise<void> {
    if (this.#isStateStored) return;
    const { state, door } = this.#options;
    this.#isStateStored = true;
    try {
      await state.write(door, this.#state);
    } catch (error) {
      this.#isStateStored = false;
      this.#declare(describeError(error));
    }
  }

  /** Logs each new reason once, not each attempt. */
  #declare(problem: string): void {
    if (this.#isStopping) return;
    if (problem !== this.#problem) {
      this.#options.log.warn({ reason: problem }, 'events cannot be sent to the fleet: they wait in the event log');
    }
    this.#problem = problem;
  }

  #newBackoff(): Backoff {
    const { backoffFirstMs: firstMs, backoffMaxMs: maxMs } = this.#timing;
    return new Backoff({ firstMs, maxMs, random: this.#options.random });
  }

  async #pause(delayMs: number): Promise<void> {
    if (delayMs > 0) await pause(delayMs, this.#stopping.signal);
  }
}

function firstNumber(record: HistoryRecord): number {
  return 'gap' in record ? record.gap.from : record.sequence;
}

/** Id of a message in its stream: the same one whenever the record is sent. */
function nameMessage(record: HistoryRecord): string {
  return 'gap' in record ? `gap ${record.gap.from} ${record.gap.to}` : String(record.sequence);
}
