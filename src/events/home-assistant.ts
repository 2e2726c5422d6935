// What Home Assistant has to be told to find the cameras: MQTT discovery, one event entity for each camera and type of event.
import type { Delivery } from './delivery.js';
import { EVENT_TYPES, type RecognitionEvent } from './event.js';
import { eventTopic, statusTopic } from './topics.js';

export interface DiscoveryOptions {
  /** As Home Assistant is configured, `homeassistant` by default. */
  prefix: string;
  deviceId: string;
  cameras: readonly string[];
  /** Of Lintel. */
  softwareVersion?: string;
}

const NAMES: Record<RecognitionEvent['type'], string> = {
  match: 'match',
  unknown: 'unknown person',
  spoof: 'spoof',
  uncertain: 'uncertain',
};

/** What an automation can use, and no picture: attributes end up in Home Assistant's database. */
const ATTRIBUTES = [
  'eventId',
  'sequence',
  'cameraId',
  'groupId',
  'faceId',
  'externalImageId',
  'similarity',
  'reason',
  'masked',
  'capturedAt',
  'expiresAt',
];

/**
 * Retained messages to `{prefix}/event/{deviceId}/{cameraId}-{type}/config`; an event entity listens to one topic, so each type has its
 * own. They stay with the broker: Home Assistant forgets a camera when an empty retained message is published there by hand.
 */
export function discoveryMessages({ prefix, deviceId, cameras, softwareVersion }: DiscoveryOptions): Delivery[] {
  const attributes = ATTRIBUTES.map((name) => `'${name}': value_json.get('${name}')`).join(', ');
  return cameras.flatMap((cameraId) =>
    EVENT_TYPES.map((type) => ({
      topic: `${prefix}/event/${deviceId}/${cameraId}-${type}/config`,
      payload: JSON.stringify({
        name: `${cameraId} ${NAMES[type]}`,
        unique_id: `lintel-${deviceId}-${cameraId}-${type}`,
        state_topic: eventTopic({ deviceId, cameraId, type }),
        event_types: [type],
        value_template: `{{ {'event_type': value_json.type, ${attributes}} | to_json }}`,
        qos: 1,
        availability_topic: statusTopic(deviceId),
        availability_template: '{{ value_json.status }}',
        payload_available: 'online',
        payload_not_available: 'offline',
        device: {
          identifiers: [`lintel-${deviceId}`],
          name: `Lintel ${deviceId}`,
          manufacturer: 'Lintel',
          ...(softwareVersion === undefined ? {} : { sw_version: softwareVersion }),
        },
        origin: { name: 'Lintel', ...(softwareVersion === undefined ? {} : { sw_version: softwareVersion }) },
      }),
      retain: true,
    })),
  );
}
