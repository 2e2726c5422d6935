// What Home Assistant is told of the cameras.
import { describe, expect, it } from 'vitest';
import { discoveryMessages } from '../../src/events/home-assistant.js';
import { eventually, lacks, Mosquitto, startEvents, Subscriber } from './support.js';

describe('the discovery messages', () => {
  const messages = discoveryMessages({
    prefix: 'homeassistant',
    deviceId: 'gate',
    cameras: ['front', 'back'],
    softwareVersion: '1.2.3',
  });

  it('are retained, one for each camera and type of event', () => {
    expect(messages.map(({ topic }) => topic)).toEqual(
      ['front', 'back'].flatMap((camera) =>
        ['match', 'unknown', 'spoof', 'uncertain'].map((type) => `homeassistant/event/gate/${camera}-${type}/config`),
      ),
    );
    expect(messages.every(({ retain }) => retain)).toBe(true);
    const ids = messages.map(({ payload }) => (JSON.parse(String(payload)) as { unique_id: string }).unique_id);
    expect(new Set(ids).size).toBe(8);
  });

  it('say where the events come, of which type they are, and whether the device is there', () => {
    expect(JSON.parse(String(messages[1].payload))).toMatchObject({
      name: 'front unknown person',
      state_topic: 'lintel/gate/front/unknown',
      event_types: ['unknown'],
      value_template: expect.stringContaining("'event_type': value_json.type") as string,
      availability_topic: 'lintel/gate/status',
      availability_template: '{{ value_json.status }}',
      device: { identifiers: ['lintel-gate'], sw_version: '1.2.3' },
    });
  });

  it('ask for no picture', () => {
    expect(String(messages[0].payload)).not.toContain('snapshot');
  });
});

describe.skipIf(lacks('Home Assistant discovery', 'mosquitto', 'mosquitto_sub'))('Home Assistant discovery', () => {
  it('is there, under the configured prefix, for those who come later', async () => {
    const broker = await Mosquitto.start();
    const events = await startEvents({ url: broker.url, homeAssistant: { discoveryPrefix: 'ha/found' } });
    await eventually(() => events.stats().connected);
    const subscriber = await Subscriber.start(broker.port, 'ha/found/#');
    await eventually(() => subscriber.messages.length === 4);
    expect(subscriber.messages.every(({ retained }) => retained)).toBe(true);
  });
});
