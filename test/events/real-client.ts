// A client of mqtt.js for tests of the embedded broker: what it has heard, and how often it has connected and lost its connection.
import { connect, type IClientOptions, type MqttClient } from 'mqtt';
import { onTestFinished } from 'vitest';
import type { Events } from '../../src/events/events.js';
import { eventually } from './support.js';

/** Configuration of Home Assistant with its defaults. */
export const HOME_ASSISTANT = { discoveryPrefix: 'homeassistant', birthTopic: 'homeassistant/status' };

export interface Heard {
  topic: string;
  payload: string;
  qos: number;
  retain: boolean;
}

/** It ends with the test. */
export class RealClient {
  readonly heard: Heard[] = [];
  connects = 0;
  closes = 0;
  pings = 0;
  isSessionPresent = false;

  private constructor(readonly client: MqttClient) {
    client.on('message', (topic, payload, { qos, retain }) => {
      this.heard.push({ topic, payload: payload.toString(), qos, retain });
    });
    client.on('connect', ({ sessionPresent }) => {
      this.connects++;
      this.isSessionPresent = sessionPresent;
    });
    client.on('close', () => this.closes++);
    client.on('error', () => undefined);
    client.on('packetreceive', ({ cmd }) => {
      if (cmd === 'pingresp') this.pings++;
    });
  }

  static async connect(port: number, options: IClientOptions): Promise<RealClient> {
    const base = { protocolVersion: 4, reconnectPeriod: 50, ...options } as const;
    // The messages of a session may come with the CONNACK: the listeners are there before it.
    const client = new RealClient(connect(`mqtt://127.0.0.1:${port}`, base));
    onTestFinished(() => void client.client.end(true));
    await eventually(() => client.connects === 1);
    return client;
  }

  get topics(): string[] {
    return this.heard.map(({ topic }) => topic);
  }

  count(pattern: RegExp): number {
    return this.topics.filter((topic) => pattern.test(topic)).length;
  }

  /** Loses the connection without a DISCONNECT. */
  lose(): void {
    this.client.stream.destroy();
  }
}

/** Port of the embedded broker. */
export function findPort(events: Events): number {
  return Number(new URL(events.brokerUrl ?? '').port);
}
