// The MQTT message about a challenge: what a terminal shows to the person before the camera.
import type { HeadChallenge } from '../domain/challenge.js';
import type { Delivery } from './delivery.js';
import { makeChallengeTopic } from './topics.js';

/** Time after its end in which a terminal still profits from the news that a challenge has ended. */
const END_MESSAGE_MS = 3_000;

/** Makes the message. It is worthless after the challenge, so that it expires and is never retained. @param nowMs epoch */
export function makeChallengeDelivery(deviceId: string, challenge: HeadChallenge, nowMs: number): Delivery {
  const { cameraId, trackId, side, state, issuedAtMs, expiresAtMs } = challenge;
  const message = {
    version: 1,
    deviceId,
    cameraId,
    trackId,
    state,
    side,
    issuedAt: new Date(issuedAtMs).toISOString(),
    expiresAt: new Date(expiresAtMs).toISOString(),
  };
  return {
    topic: makeChallengeTopic(deviceId, cameraId),
    payload: JSON.stringify(message),
    retain: false,
    expiresAtMs: state === 'open' ? expiresAtMs : nowMs + END_MESSAGE_MS,
  };
}
