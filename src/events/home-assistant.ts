// Messages by which Home Assistant discovers the device: one event entity for each camera and type of event, and of a door of a fleet a problem.
import type { Delivery } from './delivery.js';
import { EVENT_TYPES, type RecognitionEvent } from './event.js';
import { makeEventTopic, makeStatusTopic } from './topics.js';

export interface DiscoveryOptions {
  /** Discovery prefix as configured in Home Assistant; its default is `homeassistant`. */
  prefix: string;
  deviceId: string;
  cameras: readonly string[];
  /** Version of Lintel. */
  softwareVersion?: string | undefined;
  /** True for a door of a fleet. */
  isFleetDoor?: boolean;
}

const NAMES: Record<RecognitionEvent['type'], string> = {
  match: 'match',
  unknown: 'unknown person',
  spoof: 'spoof',
  uncertain: 'uncertain',
};

/** Members of an event that automations can use. The picture is left out: Home Assistant stores attributes in its database. */
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

/** Members of every message: when the device is there, and which device it is. */
function describeDevice({ deviceId, softwareVersion }: DiscoveryOptions): object {
  const version = softwareVersion === undefined ? {} : { sw_version: softwareVersion };
  return {
    availability_topic: makeStatusTopic(deviceId),
    availability_template: '{{ value_json.status }}',
    payload_available: 'online',
    payload_not_available: 'offline',
    device: { identifiers: [`lintel-${deviceId}`], name: `Lintel ${deviceId}`, manufacturer: 'Lintel', ...version },
    origin: { name: 'Lintel', ...version },
  };
}

/** Makes the message for the copies of the fleet: a problem while one of them grants nobody, because nothing fresh was heard of it. */
function makeFleetMessage(options: DiscoveryOptions): Delivery {
  const { prefix, deviceId } = options;
  return {
    topic: `${prefix}/binary_sensor/${deviceId}/fleet/config`,
    payload: JSON.stringify({
      name: 'fleet copies',
      unique_id: `lintel-${deviceId}-fleet`,
      state_topic: makeStatusTopic(deviceId),
      device_class: 'problem',
      value_template: "{{ 'ON' if (value_json.get('health') or {}).get('staleGroups') else 'OFF' }}",
      qos: 1,
      ...describeDevice(options),
    }),
    retain: true,
  };
}

/**
 * Makes the retained messages on `{prefix}/event/{deviceId}/{cameraId}-{type}/config`. An event entity listens to one topic, so that each
 * type of event needs its own. The messages stay with the broker: to remove a camera from Home Assistant, an operator publishes an empty
 * retained message on its topics.
 */
export function makeDiscoveryMessages(options: DiscoveryOptions): Delivery[] {
  const { prefix, deviceId, cameras, isFleetDoor = false } = options;
  const attributes = ATTRIBUTES.map((name) => `'${name}': value_json.get('${name}')`).join(', ');
  const events = cameras.flatMap((cameraId) =>
    EVENT_TYPES.map((type) => ({
      topic: `${prefix}/event/${deviceId}/${cameraId}-${type}/config`,
      payload: JSON.stringify({
        name: `${cameraId} ${NAMES[type]}`,
        unique_id: `lintel-${deviceId}-${cameraId}-${type}`,
        state_topic: makeEventTopic({ deviceId, cameraId, type }),
        event_types: [type],
        value_template: `{{ {'event_type': value_json.type, ${attributes}} | to_json }}`,
        qos: 1,
        ...describeDevice(options),
      }),
      retain: true,
    })),
  );
  return isFleetDoor ? [...events, makeFleetMessage(options)] : events;
}
