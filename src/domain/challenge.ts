// The liveness challenge: the request to a person before a camera to turn their head to one side.

export const HEAD_SIDES = ['left', 'right'] as const;

/** A side as the person before the camera sees it. */
export type HeadSide = (typeof HEAD_SIDES)[number];

/** `withdrawn`: it ended for another reason than the person's answer, such as a pause of the camera. */
export const CHALLENGE_STATES = ['open', 'passed', 'failed', 'withdrawn'] as const;

export type ChallengeState = (typeof CHALLENGE_STATES)[number];

/** A challenge as terminals and clients see it. Times are milliseconds since the epoch. */
export interface HeadChallenge {
  cameraId: string;
  trackId: number;
  side: HeadSide;
  state: ChallengeState;
  issuedAtMs: number;
  /** The person must have turned their head before this time. */
  expiresAtMs: number;
}

/** Publishes a challenge when it begins and when it ends. Never throws, and waits for nobody. */
export interface ChallengeSink {
  publishChallenge(challenge: HeadChallenge): void;
}
