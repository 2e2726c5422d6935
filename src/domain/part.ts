// The interface of a long-lived part of the service.

/** Constructors only assign; `start` acquires resources, `stop` releases them. The lifecycle starts parts in order and stops them in reverse. */
export interface Part {
  readonly name: string;
  /** Begins work for which `start` waits, such as loading in another thread. Called before the first part starts; it does not throw. */
  prepare?(): void;
  /** @param signal aborts a start that is under way */
  start(signal: AbortSignal): Promise<void>;
  /** May be called after a failed start, and more than once. */
  stop(): Promise<void>;
}
