// The discovery messages for Home Assistant.
import { describe, expect, it } from 'vitest';
import { makeDiscoveryMessages } from '../../src/events/home-assistant.js';
import { eventually, lacks, Mosquitto, startEvents, Subscriber } from './support.js';

describe('the discovery messages', () => {
  const messages = makeDiscoveryMessages({
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

  it('name the topic and the type of the events, and the topic of the status', () => {
    expect(JSON.parse(String(messages[1]?.payload))).toMatchObject({
      name: 'front unknown person',
      state_topic: 'lintel/gate/front/unknown',
      event_types: ['unknown'],
      value_template: expect.stringContaining("'event_type': value_json.type") as string,
      availability_topic: 'lintel/gate/status',
      availability_template: '{{ value_json.status }}',
      device: { identifiers: ['lintel-gate'], sw_version: '1.2.3' },
    });
  });

  it('have a problem for the stale copies of a door of a fleet, and of no other device', () => {
    const options = { prefix: 'homeassistant', deviceId: 'gate', cameras: [] };
    expect(makeDiscoveryMessages(options)).toEqual([]);
    const [message, ...others] = makeDiscoveryMessages({ ...options, isFleetDoor: true });
    expect([message?.topic, message?.retain, others]).toEqual([
      'homeassistant/binary_sensor/gate/fleet/config',
      true,
      [],
    ]);
    expect(JSON.parse(String(message?.payload))).toMatchObject({
      ...{ state_topic: 'lintel/gate/status', device_class: 'problem', availability_topic: 'lintel/gate/status' },
      value_template: expect.stringContaining("get('staleGroups')") as string,
    });
  });

  it('leave the picture of an event out', () => {
    expect(String(messages[0]?.payload)).not.toContain('snapshot');
  });
});

describe.skipIf(lacks('Home Assistant discovery', 'mosquitto', 'mosquitto_sub'))('Home Assistant discovery', () => {
  it('is published under the configured prefix, and kept by the broker for later subscribers', async () => {
    const broker = await Mosquitto.start();
    const early = await Subscriber.start(broker.port, 'ha/found/#');
    await startEvents({
      url: broker.url,
      homeAssistant: { discoveryPrefix: 'ha/found', birthTopic: 'homeassistant/status' },
    });
    await eventually(() => early.messages.length === 4);
    const late = await Subscriber.start(broker.port, 'ha/found/#');
    await eventually(() => late.messages.length === 4);
    expect(late.messages.every(({ retained }) => retained)).toBe(true);
  });
});
