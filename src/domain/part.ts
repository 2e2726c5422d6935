// What a long-lived part of the service is.

/** Constructors only assign; `start` acquires, `stop` releases. The lifecycle starts parts in order and stops them in reverse. */
export interface Part {
  readonly name: string;
  /** @param signal aborts a start that is still under way. */
  start(signal: AbortSignal): Promise<void>;
  /** Safe to call after a failed start, and more than once. */
  stop(): Promise<void>;
}
