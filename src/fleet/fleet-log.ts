// The log of a fleet as its members use it: last values by subject, and streams of messages. It is a cache, and nobody trusts it.

/**
 * Subjects are words of letters, digits, `-` and `_`, joined by dots. They name nobody: ids in them are random.
 * A log may lose, repeat, delay and replay everything; who reads it checks what it gets. It rejects with AppError FLEET_UNREACHABLE while it
 * cannot be reached.
 */
export interface FleetLog {
  /** Whether the log can be reached, as far as it is known now. */
  readonly state: LogState;
  /** Stores the value of a subject in place of the one before. Resolves when the log has it safely. */
  put(subject: string, value: Uint8Array): Promise<void>;
  /** Returns the last value of a subject; undefined where there is none. */
  get(subject: string): Promise<Buffer | undefined>;
  /** Reads the last values of many subjects, several at a time, in any order, each once. */
  getMany(subjects: Iterable<string>): AsyncIterable<FoundValue>;
  /** Removes a subject with all its earlier values. Succeeds where there is none. */
  remove(subject: string): Promise<void>;
  /** Removes all subjects below a prefix. */
  removeAll(prefix: string): Promise<void>;
  /** Lists the subjects below a prefix, such as `group.12ab`, in any order. */
  list(prefix: string): AsyncIterable<string>;
  /** Reads the last values of all subjects below a prefix in bulk, in any order, at the authority alone. One that is put meanwhile may come twice, or with its value of before. */
  readAll(prefix: string): AsyncIterable<SubjectValue>;
  /**
   * Calls the listener with a subject below the prefix that has a new value; after an interruption with an undefined one: any value may be new.
   * @returns the function that ends this
   */
  watch(prefix: string, listener: (subject: string | undefined) => void): Promise<() => Promise<void>>;
  /**
   * Adds a message to a stream. Resolves when the log has it safely.
   * @param id a message that is sent again soon, with the same id, is added once
   * @param after position of the newest message that the stream must have, 0 for an empty stream; where another one is the newest, nothing is
   * added, unless the message itself is there already
   */
  append(stream: string, id: string, message: Uint8Array, after?: number): Promise<Appended>;
  /** Reads the messages of a stream after a position, the oldest first, up to the newest one. */
  read(stream: string, after: number): AsyncIterable<StreamMessage>;
  close(): Promise<void>;
}

/** Value of a subject that was looked for. */
export interface FoundValue {
  subject: string;
  /** Undefined: there is none. */
  value: Buffer | undefined;
}

export interface LogState {
  isConnected: boolean;
  /** Reason where it is not connected, a whole sentence. */
  detail?: string;
}

export interface SubjectValue {
  subject: string;
  value: Buffer;
}

/** Outcome of an append. */
export interface Appended {
  /** `repeat`: the log had the message already. `moved`: another message is the newest one than the caller says, so nothing was added. */
  outcome: 'added' | 'repeat' | 'moved';
  /** Position of the message; with `moved` that of the newest one of the stream, 0 where there is none. */
  position: number;
}

export interface StreamMessage {
  /** Grows from message to message, not always by one. */
  position: number;
  message: Buffer;
}

const SUBJECT = /^[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64}){0,7}$/;

const WORD = /^[A-Za-z0-9_-]{1,64}$/;

/** Returns whether a text is one word of a subject. */
export function isWord(text: string): boolean {
  return WORD.test(text);
}

/** Checks a subject, a prefix or the name of a stream. @throws TypeError */
export function mustBeSubject(subject: string): string {
  if (!SUBJECT.test(subject)) throw new TypeError(`${subject} is no subject of the fleet`);
  return subject;
}
