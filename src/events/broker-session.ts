// One session with the broker, from the attempt to connect to the end: it publishes the status, then the events and the side messages.
import type { Log } from '../domain/log.js';
import { waitAtMost } from '../platform/waiting.js';
import { BirthListener } from './birth-listener.js';
import { BrokerFailure, toBrokerFailure } from './broker-failure.js';
import type { BrokerLimits } from './broker-limits.js';
import type { Commander } from './commander.js';
import type { Delivery } from './delivery.js';
import type { DeviceHealth, HistoryHead } from './device-status.js';
import { EventDelivery, type DeliveryCounts } from './event-delivery.js';
import type { HistoryEncoder, HistorySource } from './history.js';
import { HistoryDrain, type HistoryOutcome } from './history-drain.js';
import { LiveDrain } from './live-drain.js';
import type { LiveLane } from './live-lane.js';
import { openConnection, type Connection, type ConnectionOptions, type ConnectionTiming } from './mqtt-connection.js';
import type { RefusedTopics } from './refused-topics.js';
import { toRefusal } from './refusal.js';
import { resendSetAside } from './resend.js';
import { SendWindow } from './send-window.js';
import { Sender, type SenderOptions } from './sender.js';
import type { SetAsideStore } from './set-aside.js';
import { SideMessages } from './side-messages.js';
import type { EventSigner } from './signing.js';
import { StatusPublisher } from './status-publisher.js';
import { makeCommandTopic } from './topics.js';
import { Trial } from './trial.js';

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
  sign: EventSigner['sign'];
  /** Known limits of the broker. */
  limits: BrokerLimits;
  /** Place for the events that the broker does not take. */
  setAside?: SetAsideStore | undefined;
  counts: DeliveryCounts;
  log: Log;
  /** Called when the broker has accepted the connection. @returns false to give it up at once */
  onAccepted: () => boolean;
  /** Called when the broker has taken or refused the status as well. */
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
  #live: LiveDrain | undefined;
  #sideMessages: SideMessages | undefined;
  #births: BirthListener | undefined;
  #status: StatusPublisher | undefined;
  #sender: Sender | undefined;
  #trials: readonly Trial[] = [];
  #tryAlone: SenderOptions['tryAlone'];
  #resending: Promise<number> | undefined;
  #hasConnected = false;

  constructor(options: BrokerSessionOptions) {
    this.#options = options;
  }

  /** True when the broker has accepted the connection. */
  get hasConnected(): boolean {
    return this.#hasConnected;
  }

  /** Resolves with the reason when the session has ended. Never rejects. */
  async run(): Promise<BrokerFailure> {
    const { limits } = this.#options;
    try {
      const connection = await openConnection(this.#options);
      if (!this.#options.onAccepted()) {
        await connection.end();
        return new BrokerFailure('the connection is opened in another way');
      }
      this.#connection = connection;
      this.#hasConnected = true;
      limits.connected(connection.limits);
      await this.#publish(connection);
      return new BrokerFailure('stopped');
    } catch (error) {
      return toBrokerFailure(error);
    } finally {
      this.#births?.stop();
      this.#status?.stop();
      this.#drains = [];
      this.#live = undefined;
      // Before the end: a trial is not worth more than the connection.
      await Promise.all(this.#trials.map((trial) => trial.end()));
      if (this.#connection) await this.#leave(this.#connection);
      this.#connection = undefined;
    }
  }

  /** Tells the session that there may be new events. */
  wake(): void {
    for (const drain of this.#drains) drain.wake();
  }

  /** Tells the session that an event is being stored. */
  expect(): void {
    this.#live?.prove();
  }

  /** Publishes a message beside the events; drops it while there is no connection. */
  publishAside(delivery: Delivery): void {
    this.#sideMessages?.publish([delivery]);
  }

  /**
   * Sends again what was set aside.
   * @param isAll false for those only that were larger than a limit which the broker has raised since
   * @returns the number of events that the broker took
   */
  resend(isAll: boolean): Promise<number> {
    const before = this.#resending ?? Promise.resolve(0);
    const next = before.then(() => this.#resend(isAll));
    this.#resending = next;
    return next;
  }

  /** Lets the session end when everything is published. */
  finish(): void {
    for (const drain of this.#drains) drain.finish();
  }

  /** Ends the session at once. */
  abandon(failure: BrokerFailure): void {
    this.#connection?.abandon(failure);
  }

  /** Publishes everything until the end of the session. @throws BrokerFailure, or the error of the event log */
  async #publish(connection: Connection): Promise<void> {
    const { limits, clock, signal, onConnected, deviceId, refusedTopics, timing } = this.#options;
    const { deviceHealth, historyHead } = this.#options;
    // Two of them: a live event does not wait for the trial of another message.
    this.#trials = ['-trial', '-trial-2'].flatMap((suffix) => this.#createTrial(connection, suffix) ?? []);
    const [liveTrial, trial] = this.#trials;
    const tryAlone =
      liveTrial && trial
        ? (delivery: Delivery, bytes: number) => (delivery.lane === 'live' ? liveTrial : trial).try(delivery, bytes)
        : undefined;
    this.#tryAlone = tryAlone;
    const sender = new Sender({ connection, limits, clock, tryAlone });
    this.#sender = sender;
    const intervalMs = timing.statusIntervalMs;
    this.#status = new StatusPublisher({
      sender,
      deviceId,
      refusedTopics,
      clock,
      intervalMs,
      deviceHealth,
      historyHead,
    });
    // Nothing waits for the status: a broker may never acknowledge it.
    const isStarted = this.#status.start().then(() => {
      if (!signal.aborted) onConnected();
    });
    this.#startSideMessages(connection, sender);
    const arePublished = this.#publishEvents(connection, sender);
    void this.resend(false);
    try {
      await Promise.all([isStarted, arePublished]);
    } finally {
      await Promise.allSettled([isStarted, arePublished]);
    }
  }

  /** @returns undefined where the broker is part of the process, or does not take a second connection */
  #createTrial(main: Connection, suffix: string): Trial | undefined {
    const { target, limits, clientId, ...options } = this.#options;
    if (target.open || !limits.trialsWork) return undefined;
    const { version, deviceId, timing, clock, monotonic, signal } = options;
    return new Trial({
      target,
      version,
      deviceId,
      clientId: `${clientId}${suffix}`,
      timing,
      clock,
      monotonic,
      signal,
      main,
      onOpen: (isOpen) => limits.noteTrial(isOpen),
    });
  }

  /** Announces the cameras and listens to commands. Events do not wait for any of it. */
  #startSideMessages(connection: Connection, sender: Sender): void {
    const { announcements, commander, deviceId, refusedTopics, clock, log } = this.#options;
    const sideMessages = new SideMessages({ sender, isOpen: () => connection.open, refusedTopics, clock, log });
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
        if (refusal) refusedTopics.refuse(topic, toRefusal(refusal));
        else refusedTopics.accept(topic);
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
  async #publishEvents(connection: Connection, sender: Sender): Promise<void> {
    const { live, history } = this.#createDrains(connection, sender);
    this.#drains = [live, history];
    this.#live = live;
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

  #createDrains(connection: Connection, sender: Sender): { live: LiveDrain; history: HistoryDrain } {
    const { source, lane, monotonic, window: places, onSettled, limits } = this.#options;
    const { heardAtMs, probe } = connection;
    const window = new SendWindow(Math.min(places, connection.limits.receiveMaximum - OTHER_PLACES));
    const delivery = new EventDelivery({ ...this.#options, sender, measure: connection.measure });
    const live = new LiveDrain({
      lane,
      window,
      publish: (event) => delivery.publishLive(event),
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
      publish: (record, late) => delivery.publishHistory(record, late),
      isSuspect: (sequence) => limits.isSuspect(`history/${sequence}`),
      onSettled,
      onAcknowledged: () => live.wake(),
    });
    return { live, history };
  }

  async #resend(isAll: boolean): Promise<number> {
    const { setAside, limits, log } = this.#options;
    if (!setAside || !this.#sender || !this.#connection) return 0;
    const { measure } = this.#connection;
    const isStopped = (): boolean => this.#options.signal.aborted || this.#connection?.open !== true;
    const { deviceId, encodeHistory, version } = this.#options;
    return resendSetAside({
      ...{ setAside, limits, log, deviceId, encodeHistory, version, isAll, isStopped, measure },
      sender: this.#sender,
      tryAlone: this.#tryAlone,
    });
  }

  async #leave(connection: Connection): Promise<void> {
    const { signal, timing } = this.#options;
    if (!signal.aborted) {
      // The broker then publishes the will, which says that the connection was lost.
      connection.abandon(new BrokerFailure('given up'));
      return;
    }
    if (connection.open) {
      // `end` sends a DISCONNECT only when no message waits for its PUBACK.
      const left = Promise.allSettled([this.#status?.publishOffline(), this.#sideMessages?.stop()]);
      await waitAtMost(timing.endTimeoutMs, left);
    }
    await connection.end();
  }
}
