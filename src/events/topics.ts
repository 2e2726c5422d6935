// The names of the MQTT topics.
import type { RecognitionEvent } from './event.js';

/** `lintel/{deviceId}/{cameraId}/match` and the other types; never retained. */
export function eventTopic(event: Pick<RecognitionEvent, 'deviceId' | 'cameraId' | 'type'>): string {
  return `lintel/${event.deviceId}/${event.cameraId}/${event.type}`;
}

/** `lintel/{deviceId}/history`; never retained. */
export function historyTopic(deviceId: string): string {
  return `lintel/${deviceId}/history`;
}

/** `lintel/{deviceId}/status`, retained. */
export function statusTopic(deviceId: string): string {
  return `lintel/${deviceId}/status`;
}

/** `lintel/{deviceId}/command`: where Lintel listens, with a command secret only. */
export function commandTopic(deviceId: string): string {
  return `lintel/${deviceId}/command`;
}

/** `lintel/{deviceId}/command/result`; never retained. */
export function commandResultTopic(deviceId: string): string {
  return `lintel/${deviceId}/command/result`;
}

/** `lintel/{deviceId}/{cameraId}/snapshot`: a JPEG, on command; never retained. */
export function snapshotTopic(deviceId: string, cameraId: string): string {
  return `lintel/${deviceId}/${cameraId}/snapshot`;
}

/** One per device: a connection that the network forgot is replaced by the next one, and its late will cannot follow an `online`. */
export function mqttClientId(deviceId: string): string {
  return `lintel-${deviceId}`;
}
