// The log of a fleet on NATS JetStream: one stream of last values, and one of messages. The server is a cache that nobody trusts.
import { createHmac } from 'node:crypto';
import {
  jetstream,
  JetStreamApiError,
  jetstreamManager,
  type JetStreamClient,
  type JetStreamManager,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { AppError } from '../../errors.js';
import {
  mustBeSubject,
  type Appended,
  type FoundValue,
  type FleetLog,
  type LogState,
  type StreamMessage,
  type SubjectValue,
} from '../fleet-log.js';
import { readBulk } from './bulk-read.js';
import { NATS_TIMEOUT_MS } from './connection-options.js';
import { getManyDirect } from './direct-get.js';
import { NatsLink, type NatsLinkOptions } from './nats-link.js';
import { namePrefixes, nameStreams } from './permissions.js';
import { createStreams, type StreamRetention } from './streams.js';

/** JetStream's answer where there is no message. */
const NOT_FOUND = 404;
/** JetStream's code where another message is the newest one of a subject than the sender says. */
const WRONG_LAST_SEQUENCE = 10071;

export interface NatsLogOptions extends NatsLinkOptions {
  /** Id of the fleet, in hexadecimal: the first word of its subjects behind `lintel`. */
  fleet: string;
}

interface Clients {
  connection: NatsConnection;
  client: JetStreamClient;
  manager: JetStreamManager;
}

interface Watch {
  /** Full subject. */
  subject: string;
  listener: (subject: string | undefined) => void;
}

/** Requests without a connection reject at once; watches go on when there is one again. */
export class NatsLog implements FleetLog {
  readonly #fleet: string;
  readonly #secret: string | undefined;
  readonly #inbox: string | undefined;
  readonly #link: NatsLink;
  readonly #watches = new Map<Watch, () => void>();
  #clients: Clients | undefined;

  private constructor({ fleet, ...options }: NatsLogOptions) {
    this.#fleet = mustBeSubject(fleet);
    this.#secret = options.access.credentials?.seed;
    this.#inbox = options.access.credentials?.inbox;
    this.#link = new NatsLink(options);
    this.#link.onConnection(async (connection) => {
      const manager = await jetstreamManager(connection, { checkAPI: false, timeout: NATS_TIMEOUT_MS });
      const client = jetstream(connection, { timeout: NATS_TIMEOUT_MS });
      this.#clients = { connection, client, manager };
      for (const watch of this.#watches.keys()) this.#subscribe(connection, watch);
      await connection.flush();
      // Values that were put while there was no connection were not announced.
      for (const { listener } of [...this.#watches.keys()]) listener(undefined);
    });
  }

  /** Opens the log. The connection is made in the background; the streams must exist: see `createStreams`. */
  static open(options: NatsLogOptions): NatsLog {
    const log = new NatsLog(options);
    log.#link.start();
    return log;
  }

  /** Opens the log and waits for the first connection. @throws AppError FLEET_UNREACHABLE: the first attempt failed; the log is closed then */
  static async connect(options: NatsLogOptions): Promise<NatsLog> {
    const log = NatsLog.open(options);
    await log.#link.settle();
    const { isConnected, detail } = log.state;
    if (isConnected) return log;
    await log.close();
    throw new AppError('FLEET_UNREACHABLE', detail ?? '');
  }

  get state(): LogState {
    return this.#link.state;
  }

  /** Makes the streams of the fleet, or changes their limits; the authority does so. @throws AppError FLEET_UNREACHABLE */
  async createStreams(retention: StreamRetention = {}): Promise<void> {
    await this.#reach(({ manager }) => createStreams(manager, this.#fleet, retention));
  }

  async put(subject: string, value: Uint8Array): Promise<void> {
    const full = this.#nameValue(subject);
    await this.#reach(({ client }) => client.publish(full, value));
  }

  async get(subject: string): Promise<Buffer | undefined> {
    const full = this.#nameValue(subject);
    const found = await this.#reach(({ manager }) => findLast(manager, this.#values, full));
    return found && Buffer.from(found.data);
  }

  async *getMany(subjects: Iterable<string>): AsyncGenerator<FoundValue> {
    const { connection } = this.#use();
    const { values: prefix } = namePrefixes(this.#fleet);
    const place = `$JS.API.DIRECT.GET.${this.#values}.${prefix}`;
    try {
      yield* getManyDirect(connection, { place, inbox: this.#inbox }, subjects);
    } catch (cause) {
      throw explain(cause);
    }
  }

  /** The server overwrites the bytes of the value on its disk. */
  async remove(subject: string): Promise<void> {
    const full = this.#nameValue(subject);
    await this.#reach(async ({ manager }) => {
      let last = 0;
      for (;;) {
        const found = await findLast(manager, this.#values, full);
        if (!found) return;
        if (found.seq === last) throw new Error('a message cannot be deleted');
        last = found.seq;
        // A value that was put meanwhile has taken its place: the next look shows it.
        await manager.streams.deleteMessage(this.#values, found.seq, true).catch(ignoreAnswer);
      }
    });
  }

  async removeAll(prefix: string): Promise<void> {
    const full = this.#nameValue(prefix);
    await this.#reach(({ manager }) => manager.streams.purge(this.#values, { filter: `${full}.>` }));
  }

  async *readAll(prefix: string): AsyncGenerator<SubjectValue> {
    yield* this.#readBelow(prefix, false);
  }

  async *list(prefix: string): AsyncGenerator<string> {
    for await (const { subject } of this.#readBelow(prefix, true)) yield subject;
  }

  async watch(prefix: string, listener: (subject: string | undefined) => void): Promise<() => Promise<void>> {
    const watch = { subject: this.#nameValue(prefix), listener };
    await this.#reach(async ({ connection }) => {
      this.#subscribe(connection, watch);
      // The server knows of the subscription when this has resolved.
      await connection.flush();
    }).catch((error: unknown) => {
      this.#watches.delete(watch);
      throw error;
    });
    return async () => {
      const end = this.#watches.get(watch);
      this.#watches.delete(watch);
      end?.();
    };
  }

  async append(stream: string, id: string, message: Uint8Array, after?: number): Promise<Appended> {
    const full = this.#nameStream(stream);
    const msgID = this.#nameMessage(stream, id);
    const expect = after === undefined ? {} : { expect: { lastSubjectSequence: after } };
    return this.#reach(async ({ client }) => {
      try {
        const { seq, duplicate } = await client.publish(full, message, { msgID, ...expect });
        return { outcome: duplicate ? 'repeat' : 'added', position: seq };
      } catch (error) {
        if ((error as { code?: unknown }).code !== WRONG_LAST_SEQUENCE) throw error;
        // A door may not read the stream: the position of the newest message is in the words of the refusal.
        const newest = /: (\d+)$/.exec((error as Error).message)?.[1];
        if (newest === undefined) throw error;
        return { outcome: 'moved', position: Number(newest) };
      }
    });
  }

  async *read(stream: string, after: number): AsyncGenerator<StreamMessage> {
    const full = this.#nameStream(stream);
    const clients = this.#use();
    const place = { stream: nameStreams(this.#fleet).messages, filter: full, after };
    try {
      for await (const { position, data } of readBulk(clients, place)) yield { position, message: data };
    } catch (cause) {
      throw explain(cause);
    }
  }

  async close(): Promise<void> {
    await this.#link.close();
  }

  async *#readBelow(prefix: string, isBare: boolean): AsyncGenerator<SubjectValue> {
    const filter = `${this.#nameValue(prefix)}.>`;
    const clients = this.#use();
    try {
      for await (const { subject, data } of readBulk(clients, { stream: this.#values, filter, isBare }))
        yield { subject: this.#shorten(subject), value: data };
    } catch (cause) {
      throw explain(cause);
    }
  }

  get #values(): string {
    return nameStreams(this.#fleet).values;
  }

  #nameValue(subject: string): string {
    return `${namePrefixes(this.#fleet).values}.${mustBeSubject(subject)}`;
  }

  #nameStream(stream: string): string {
    return `${namePrefixes(this.#fleet).messages}.${mustBeSubject(stream)}`;
  }

  #shorten(full: string): string {
    return full.slice(namePrefixes(this.#fleet).values.length + 1);
  }

  /**
   * Ids are known in the whole stream, also those of other doors: with a secret in it nobody else can use up the id of a message that a door is
   * about to send.
   */
  #nameMessage(stream: string, id: string): string {
    const text = `${stream} ${id}`;
    return this.#secret === undefined ? text : createHmac('sha256', this.#secret).update(text).digest('base64url');
  }

  #subscribe(connection: NatsConnection, watch: Watch): void {
    // The subject itself and the ones below it.
    const subscriptions = [watch.subject, `${watch.subject}.>`].map((subject) =>
      connection.subscribe(subject, {
        callback: (error, message) => {
          if (error === null) watch.listener(this.#shorten(message.subject));
        },
      }),
    );
    this.#watches.set(watch, () => {
      for (const subscription of subscriptions) subscription.unsubscribe();
    });
  }

  #use(): Clients {
    const { connection } = this.#link;
    if (this.#clients?.connection !== connection)
      throw new AppError('FLEET_UNREACHABLE', 'The log of the fleet is closed.');
    return this.#clients;
  }

  async #reach<T>(work: (clients: Clients) => Promise<T>): Promise<T> {
    const clients = this.#use();
    try {
      return await work(clients);
    } catch (cause) {
      throw explain(cause);
    }
  }
}

/** @returns the newest message of a subject; undefined where there is none */
async function findLast(
  manager: JetStreamManager,
  stream: string,
  subject: string,
): Promise<{ data: Uint8Array; seq: number } | undefined> {
  try {
    return (await manager.direct.getMessage(stream, { last_by_subj: subject })) ?? undefined;
  } catch (error) {
    // The client's errors have the code of the API, or the status of a direct answer.
    const { code, status } = error as { code?: unknown; status?: unknown };
    if (code === NOT_FOUND || status === NOT_FOUND) return undefined;
    throw error;
  }
}

/** Ignores that the server refuses a request; throws what shows that it cannot be reached. */
function ignoreAnswer(error: unknown): void {
  if (!(error instanceof JetStreamApiError)) throw error;
}

function explain(cause: unknown): unknown {
  if (cause instanceof TypeError || cause instanceof AppError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new AppError('FLEET_UNREACHABLE', `the NATS server of the fleet cannot be used: ${reason}`, { cause });
}
