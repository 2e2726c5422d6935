// The two streams of a fleet on JetStream: last values, and messages with their limits of age and size.
import type { JetStreamManager, StreamConfig } from '@nats-io/jetstream';
import { namePrefixes, nameStreams } from './permissions.js';

const NANOSECONDS = 1_000_000;
/** Time for which the server knows the ids of messages, so that one that is sent again is added once. */
const DUPLICATE_WINDOW_MS = 600_000;
/** JetStream's code where a stream exists with another configuration. */
const NAME_IN_USE = 10058;

/** Limits of the messages; the oldest ones are removed first. Absent: no limit. */
export interface StreamRetention {
  maxAgeMs?: number;
  /** Limits of the messages of all doors. */
  maxBytes?: number;
}

type Wanted = Partial<StreamConfig> & { name: string };

/** Makes the streams where they are missing, and changes those that have other limits. */
export async function createStreams(
  { streams }: JetStreamManager,
  fleet: string,
  { maxAgeMs, maxBytes }: StreamRetention,
): Promise<void> {
  const names = nameStreams(fleet);
  const prefixes = namePrefixes(fleet);
  // A new value takes the place of the one before.
  const common = { storage: 'file', retention: 'limits', discard: 'old', allow_direct: true } as const;
  const wanted: Wanted[] = [
    { ...common, name: names.values, subjects: [`${prefixes.values}.>`], max_msgs_per_subject: 1 },
    {
      ...common,
      name: names.messages,
      subjects: [`${prefixes.messages}.>`],
      max_age: Math.round((maxAgeMs ?? 0) * NANOSECONDS),
      max_bytes: maxBytes ?? -1,
      // It may not be longer than the age.
      duplicate_window: Math.round(Math.min(DUPLICATE_WINDOW_MS, maxAgeMs ?? Infinity) * NANOSECONDS),
    },
  ];
  for (const { name, ...config } of wanted) {
    try {
      await streams.add({ name, ...config });
    } catch (error) {
      if ((error as { code?: unknown }).code !== NAME_IN_USE) throw error;
      await streams.update(name, config);
    }
  }
}
