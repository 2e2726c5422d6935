// The names of the MQTT topics.
import type { RecognitionEvent } from './event.js';

/** `lintel/{deviceId}/{cameraId}/match` or `…/unknown`; never retained. */
export function eventTopic(event: Pick<RecognitionEvent, 'deviceId' | 'cameraId' | 'type'>): string {
  return `lintel/${event.deviceId}/${event.cameraId}/${event.type}`;
}

/** `lintel/{deviceId}/status`, retained. */
export function statusTopic(deviceId: string): string {
  return `lintel/${deviceId}/status`;
}

/** One per device: a connection that the network forgot is replaced by the next one, and its late will cannot follow an `online`. */
export function clientIdOf(deviceId: string): string {
  return `lintel-${deviceId}`;
}
