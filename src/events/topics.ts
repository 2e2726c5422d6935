// The MQTT topics, and the client id of the device.
import type { RecognitionEvent } from './event.js';

/** Returns the live topic of an event, such as `lintel/{deviceId}/{cameraId}/match`. Its messages are never retained. */
export function makeEventTopic(event: Pick<RecognitionEvent, 'deviceId' | 'cameraId' | 'type'>): string {
  return `lintel/${event.deviceId}/${event.cameraId}/${event.type}`;
}

/** Returns the history topic, `lintel/{deviceId}/history`. Its messages are never retained. */
export function makeHistoryTopic(deviceId: string): string {
  return `lintel/${deviceId}/history`;
}

/** Returns the status topic, `lintel/{deviceId}/status`. Its message is retained. */
export function makeStatusTopic(deviceId: string): string {
  return `lintel/${deviceId}/status`;
}

/** Returns the command topic, `lintel/{deviceId}/command`. Lintel subscribes to it only with a command secret. */
export function makeCommandTopic(deviceId: string): string {
  return `lintel/${deviceId}/command`;
}

/** Returns the topic of answers to commands, `lintel/{deviceId}/command/result`. Its messages are never retained. */
export function makeCommandResultTopic(deviceId: string): string {
  return `lintel/${deviceId}/command/result`;
}

/** Returns the topic of the challenges of a camera, `lintel/{deviceId}/{cameraId}/challenge`. Its messages are never retained. */
export function makeChallengeTopic(deviceId: string, cameraId: string): string {
  return `lintel/${deviceId}/${cameraId}/challenge`;
}

/** Returns the topic for the JPEG that answers a command, `lintel/{deviceId}/{cameraId}/snapshot`. It is never retained. */
export function makeSnapshotTopic(deviceId: string, cameraId: string): string {
  return `lintel/${deviceId}/${cameraId}/snapshot`;
}

/**
 * Returns the client id `lintel-{deviceId}`. It is always the same, so that a new connection replaces one that the network has lost: the
 * will of the old connection then cannot follow the new `online`.
 */
export function makeMqttClientId(deviceId: string): string {
  return `lintel-${deviceId}`;
}
