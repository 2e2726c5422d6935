// The MQTT topics, and the client id of the device.
import type { RecognitionEvent } from './event.js';

/** `lintel/{deviceId}/{cameraId}/match` and the other types; never retained. */
export function eventTopic(event: Pick<RecognitionEvent, 'deviceId' | 'cameraId' | 'type'>): string {
  return `lintel/${event.deviceId}/${event.cameraId}/${event.type}`;
}

/** `lintel/{deviceId}/history`; never retained. */
export function historyTopic(deviceId: string): string {
  return `lintel/${deviceId}/history`;
}

/** `lintel/{deviceId}/status`; retained. */
export function statusTopic(deviceId: string): string {
  return `lintel/${deviceId}/status`;
}

/** `lintel/{deviceId}/command`. Lintel subscribes to it only with a command secret. */
export function commandTopic(deviceId: string): string {
  return `lintel/${deviceId}/command`;
}

/** `lintel/{deviceId}/command/result`; never retained. */
export function commandResultTopic(deviceId: string): string {
  return `lintel/${deviceId}/command/result`;
}

/** `lintel/{deviceId}/{cameraId}/snapshot`: a JPEG in answer to a command; never retained. */
export function snapshotTopic(deviceId: string, cameraId: string): string {
  return `lintel/${deviceId}/${cameraId}/snapshot`;
}

/**
 * `lintel-{deviceId}`. The id is always the same, so that a new connection replaces one that the network has lost: the will of the old
 * connection then cannot follow the new `online`.
 */
export function mqttClientId(deviceId: string): string {
  return `lintel-${deviceId}`;
}
