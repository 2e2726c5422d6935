// One session with the broker, from the attempt to connect to the end: it publishes the status, then the events and the side messages.
import type { Log } from '../domain/log.js';
import { waitAtMost } from '../platform/waiting.js';
import { BirthListener } from './birth-listener.js';
import { BrokerFailure, toBrokerFailure } from './broker-failure.js';
import type { Commander } from './commander.js';
import { makeHistoryDelivery, type Delivery } from './delivery.js';
import { encodeOfflineStatus, encodeOnlineStatus, type DeviceHealth, type HistoryHead } from './device-status.js';
import type { HistoryEncoder, HistorySource } from './history.js';
import { HistoryDrain, type HistoryOutcome } from './history-drain.js';
import { LiveDrain } from './live-drain.js';
import type { LiveLane } from './live-lane.js';
import { openConnection, type Connection, type ConnectionOptions, type ConnectionTiming } from './mqtt-connection.js';
import type { RefusedTopics } from './refused-topics.js';
import { SendWindow } from './send-window.js';
import { SideMessages } from './side-messages.js';
import { makeCommandTopic, makeStatusTopic } from './topics.js';

export interface SessionTiming extends ConnectionTiming {
  /** Interval at which the status is built again. It is published only when it has changed. */
  statusIntervalMs: number;
}

export interface BrokerSessionOptions extends ConnectionOptions {
  timing: SessionTiming;
  source: HistorySource;
  lane: LiveLane;
  /** Number of messages that may wait for their PUBACK at the same time. */
  window: number;
  refusedTopics: RefusedTopics;
  /** Retained messages by which other programs discover the cameras. */
  announcements: readonly Delivery[];
  /** Topic of the birth message of Home Assistant, after which they are published again. */
  birthTopic?: string | undefined;
  /** Without a commander the session does not subscribe to commands. */
  commander?: Commander | undefined;
  /** Health that the status shows. */
  deviceHealth?: (() => DeviceHealth) | undefined;
  /** Newest event, which the status names. */
  historyHead?: (() => HistoryHead) | undefined;
  encodeHistory: HistoryEncoder;
  log: Log;
  /** Called when the broker has accepted the connection and the status. */
  onConnected: () => void;
  /** Called when records of the history are settled. */
  onSettled: (outcome: HistoryOutcome, count: number) => void;
}

/** Places of the send window that events do not use: one for the status, one for the side messages. */
const OTHER_PLACES = 2;

/** Runs once. `signal` stops it: it then publishes what is left and leaves the broker. */
export class BrokerSession {
  readonly #options: BrokerSessionOptions;
  #connection: Connection | undefined;
  #drains: readonly (LiveDrain | HistoryDrain)[] = [];
  #sideMessages: SideMessages | undefined;
  #births: BirthListener | undefined;
  #statusTimer: ReturnType<typeof setInterval> | undefined;

  constructor(options: BrokerSessionOptions) {
    this.#options = options;
  }

  /** Resolves with the reason when the session has ended. Never rejects. */
  async run(): Promise<BrokerFailure> {
    const { signal, refusedTopics, onConnected } = this.#options;
    try {
      const connection = await openConnection(this.#options);
      this.#connection = connection;
      refusedTopics.clear();
      await this.#publishStatus(connection);
      if (!signal.aborted) onConnected();
      this.#startSideMessages(connection);
      await this.#publishEvents(connection);
      return new BrokerFailure('stopped');
    } catch (error) {
      return toBrokerFailure(error);
    } finally {
      clearInterval(this.#statusTimer);
      this.#births?.stop();
      this.#drains = [];
      if (this.#connection) await this.#leave(this.#connection);
      this.#connection = undefined;
    }
  }

  /** Tells the session that there may be new events. */
  wake(): void {
    for (const drain of this.#drains) drain.wake();
  }

  /** Publishes a message beside the events; drops it while there is no connection. */
  publishAside(delivery: Delivery): void {
    this.#sideMessages?.publish([delivery]);
  }

  /** Lets the session end when everything is published. */
  finish(): void {
    for (const drain of this.#drains) drain.finish();
  }

  /** Ends the session at once. */
  abandon(failure: BrokerFailure): void {
    this.#connection?.abandon(failure);
  }

  /** Publishes the status and waits for its PUBACK; from then on publishes it when it changes. */
  async #publishStatus(connection: Connection): Promise<void> {
    const { deviceId, clock, deviceHealth, historyHead, signal, timing } = this.#options;
    const topic = makeStatusTopic(deviceId);
    const sinceMs = clock();
    const encode = (): string =>
      encodeOnlineStatus(deviceId, sinceMs, { health: deviceHealth?.(), history: historyHead?.() });
    let published = encode();
    await connection.publish({ topic, payload: published, retain: true });
    if (!deviceHealth && !historyHead) return;
    this.#statusTimer = setInterval(() => {
      const status = encode();
      if (status === published || !connection.open || signal.aborted) return;
      published = status;
      // A failure ends the connection, and the next session starts with the status.
      connection.publish({ topic, payload: status, retain: true }).catch(() => undefined);
    }, timing.statusIntervalMs);
  }

  /** Announces the cameras and listens to commands. Events do not wait for any of it. */
  #startSideMessages(connection: Connection): void {
    const { announcements, commander, deviceId, refusedTopics, clock, log } = this.#options;
    const sideMessages = new SideMessages({ connection, refusedTopics, clock, log });
    this.#sideMessages = sideMessages;
    sideMessages.publish(announcements);
    this.#listenToBirths(connection, () => sideMessages.publish(announcements));
    if (!commander) return;
    const topic = makeCommandTopic(deviceId);
    const subscribed = connection.subscribe(topic, (message) => {
      void commander.handle(message).then((answers) => sideMessages.publish(answers));
    });
    subscribed.then(
      (refusal) => {
        refusedTopics.record(topic, refusal);
        refusedTopics.logNew();
      },
      // The connection has ended, and the session with it.
      () => undefined,
    );
  }

  /** A broker that refuses this subscription is no fault: the retained announcements are on it. */
  #listenToBirths(connection: Connection, announce: () => void): void {
    const { birthTopic: topic, log } = this.#options;
    if (topic === undefined) return;
    const births = new BirthListener({ announce });
    this.#births = births;
    connection
      .subscribe(topic, (message) => births.hear(message))
      .then(
        (refusal) => {
          if (refusal) log.info({ topic, reason: refusal.message }, 'the MQTT broker refuses the birth messages');
        },
        // The connection has ended, and the session with it.
        () => undefined,
      );
  }

  /** Resolves after `finish` when everything is published. @throws BrokerFailure, or the error of the event log */
  async #publishEvents(connection: Connection): Promise<void> {
    const { live, history } = this.#createDrains(connection);
    this.#drains = [live, history];
    const failBoth = (error: unknown): void => {
      live.fail(error);
      history.fail(error);
    };
    void connection.closed.then(failBoth);
    if (this.#options.signal.aborted) this.finish();
    const runs = [live.run(), history.run()];
    try {
      await Promise.all(runs);
    } catch (error) {
      failBoth(error);
      throw error;
    } finally {
      // Neither drain may publish anything after the end of the session.
      await Promise.allSettled(runs);
    }
  }

  #createDrains(connection: Connection): { live: LiveDrain; history: HistoryDrain } {
    const { deviceId, source, lane, monotonic, window: places, encodeHistory, onSettled } = this.#options;
    const { publish, heardAtMs, probe } = connection;
    const window = new SendWindow(Math.min(places, connection.receiveMaximum - OTHER_PLACES));
    const live = new LiveDrain({
      lane,
      window,
      publish,
      heardAtMs,
      probe,
      monotonic,
      onAcknowledged: () => history.wake(),
    });
    const history = new HistoryDrain({
      source: {
        read: (after, limit) => source.read(after, limit),
        settle: (through) => {
          source.settle(through);
          lane.settle(through);
        },
      },
      window,
      readFate: (sequence) => lane.readFate(sequence),
      publish: (record, late) => {
        const delivery = makeHistoryDelivery(deviceId, encodeHistory(record, late));
        return { bytes: delivery.payload.length, acknowledged: publish(delivery) };
      },
      onSettled,
      onAcknowledged: () => live.wake(),
    });
    return { live, history };
  }

  async #leave(connection: Connection): Promise<void> {
    const { deviceId, signal, timing, historyHead } = this.#options;
    if (!signal.aborted) {
      // The broker then publishes the will, which says that the connection was lost.
      connection.abandon(new BrokerFailure('given up'));
      return;
    }
    if (connection.open) {
      const payload = encodeOfflineStatus(deviceId, 'stopped', historyHead?.());
      const published = connection.publish({ topic: makeStatusTopic(deviceId), payload, retain: true });
      // `end` sends a DISCONNECT only when no message waits for its PUBACK.
      const left = Promise.allSettled([published, this.#sideMessages?.stop()]);
      await waitAtMost(timing.endTimeoutMs, left);
    }
    await connection.end();
  }
}
