// One group of the authority on its way to the log: takes the changes of the gallery, publishes them, confirms the group, and heals the log.
import type { Log } from '../domain/log.js';
import type { Timers } from '../domain/time.js';
import { describeError } from '../errors.js';
import type { FacesChange } from '../gallery/gallery-changes.js';
import { WorkLoop } from '../platform/work-loop.js';
import type { FaceChange, GroupPublisher } from './group-publisher.js';
import type { Head } from './head.js';

const RETRY = { firstMs: 250, maxMs: 15_000 };
/** Interval of the checks whether the log still has everything. */
const CHECK_MS = 300_000;

export interface GroupLineOptions {
  groupId: string;
  publisher: GroupPublisher;
  /** Interval at which the head is signed again. */
  renewMs: number;
  onPublished: (head: Head) => Promise<void>;
  /** Deletions are in the log. @param version of the group that does not have these faces any more */
  onDeleted: (version: number, faces: number) => Promise<void>;
  /** The log shows a head of an epoch whose key is lost. */
  onEpochLost: () => void;
  /** Everything of a deleted group has left the log. */
  onRemoved: () => void;
  random: () => number;
  timers: Timers;
  logger: Log;
}

export class GroupLine {
  readonly #options: GroupLineOptions;
  readonly #publishing: WorkLoop;
  readonly #checking: WorkLoop;
  /** Changes that are not published, by faceId: the last one of a face counts. */
  #waiting = new Map<string, FaceChange>();
  /** False until the gallery was compared with what was published before this start. */
  #isReconciled = false;
  #isDeepCheck = false;
  /** Deletions that were published and are not noted yet. */
  #deleted = 0;
  /** Faces of a group at its removal. */
  #faces = 0;
  #isRemoved = false;
  #failure: string | undefined;

  constructor(options: GroupLineOptions) {
    this.#options = options;
    const { random, timers, logger, groupId, renewMs } = options;
    const common = { retry: RETRY, random, timers };
    this.#publishing = new WorkLoop({
      ...common,
      work: () => this.#publish(),
      intervalMs: () => renewMs,
      onFailure: (error, isFirst) => {
        this.#failure = describeError(error);
        if (isFirst) logger.warn({ groupId, error: this.#failure }, 'a group of the fleet cannot be published now');
      },
    });
    this.#checking = new WorkLoop({
      ...common,
      work: () => this.#check(),
      intervalMs: () => CHECK_MS,
      onFailure: (error) =>
        logger.debug({ groupId, error: describeError(error) }, 'the log of the fleet was not checked'),
    });
  }

  get groupId(): string {
    return this.#options.groupId;
  }

  get publisher(): GroupPublisher {
    return this.#options.publisher;
  }

  /** Why the last publication failed; undefined where it did not. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Faces that a removed group had. */
  get faces(): number {
    return this.#faces;
  }

  get isRemoved(): boolean {
    return this.#isRemoved;
  }

  start(): void {
    this.#publishing.start();
    this.#checking.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#publishing.stop(), this.#checking.stop()]);
  }

  /** Takes a change of the gallery. */
  note({ puts, deletes }: FacesChange): void {
    for (const { faceId, ...face } of puts) this.#waiting.set(faceId, { faceId, face });
    for (const faceId of deletes) this.#waiting.set(faceId, { faceId });
    this.#publishing.wake();
  }

  /** Goes on at once: the log can be reached again, and may have lost anything. */
  reach(): void {
    this.#publishing.retry();
    this.#checking.retry();
  }

  /** Checks soon that the log has every record. */
  checkDeeply(): void {
    this.#isDeepCheck = true;
    this.#checking.wake();
  }

  /** Removes the group from the fleet: it was deleted, or is shared no longer. */
  remove(): void {
    if (!this.#isRemoved) this.#faces = this.publisher.records;
    this.#isRemoved = true;
    this.#waiting.clear();
    this.#publishing.retry();
  }

  async #publish(): Promise<void> {
    const { publisher, onPublished, onDeleted, onRemoved } = this.#options;
    if (this.#isRemoved) {
      await publisher.remove();
      onRemoved();
      return;
    }
    if (!this.#isReconciled) {
      this.#deleted += (await publisher.reconcile()).deleted;
      this.#isReconciled = true;
      this.#checking.wake();
    }
    const head = await this.#publishWaiting();
    this.#failure = undefined;
    await onPublished(head);
    if (this.#deleted > 0) await onDeleted(head.version, this.#deleted);
    this.#deleted = 0;
  }

  async #publishWaiting(): Promise<Head> {
    const changes = this.#waiting;
    this.#waiting = new Map();
    try {
      const head = await this.publisher.publish([...changes.values()]);
      this.#deleted += [...changes.values()].filter(({ face }) => !face).length;
      return head;
    } catch (error) {
      // Publishing a change a second time changes nothing; a change that came meanwhile is newer.
      this.#waiting = new Map([...changes, ...this.#waiting]);
      throw error;
    }
  }

  async #check(): Promise<void> {
    const { publisher, onEpochLost, groupId, logger } = this.#options;
    if (this.#isRemoved || !this.#isReconciled) return;
    const isDeep = this.#isDeepCheck;
    this.#isDeepCheck = false;
    const found = await publisher.check({ isDeep });
    if (found.state === 'healed')
      logger.warn({ groupId, ...found }, 'the log of the fleet had lost something; it is filled again');
    if (found.lostEpoch !== undefined) onEpochLost();
    this.#publishing.wake();
  }
}
