// Watches the events of one door of the demonstration over MQTT.
import { connect } from 'mqtt';
import { recognitionEventSchema, type RecognitionEvent } from '../../../events/event.js';
import { waitUntil } from './processes.js';

/** The events of one camera, as they come. */
export class DoorWatch {
  readonly #client: ReturnType<typeof connect>;
  readonly #signal: AbortSignal;
  #events: RecognitionEvent[] = [];

  /** @param url of the broker of the door */
  constructor(url: string, signal: AbortSignal) {
    this.#signal = signal;
    this.#client = connect(url);
    this.#client.on('error', () => undefined);
    this.#client.subscribe('lintel/#', { qos: 1 });
    this.#client.on('message', (topic, payload) => {
      // The history repeats the same events.
      if (topic.endsWith('/history')) return;
      const event = recognitionEventSchema.safeParse(JSON.parse(payload.toString()));
      if (event.success) this.#events.push(event.data);
    });
  }

  /** Forgets the events that have come. */
  forget(): void {
    this.#events = [];
  }

  /** Waits until this many events of a type have come since `forget`. @returns the last one of them */
  async waitFor(type: RecognitionEvent['type'], count = 1): Promise<RecognitionEvent> {
    return waitUntil(
      `an event of the type ${type}`,
      () => this.#events.filter((event) => event.type === type)[count - 1],
      this.#signal,
    );
  }

  /** Returns the events of a type that have come since `forget`. */
  list(type: RecognitionEvent['type']): RecognitionEvent[] {
    return this.#events.filter((event) => event.type === type);
  }

  end(): void {
    this.#client.end(true);
  }
}
