// What a viewer is shown of the people before a camera: a track as it is now, with the decision on it and the figures that led to it.
import type { HeadSide } from '../domain/challenge.js';
import type { Box } from '../domain/face.js';

/** `looking`: nothing is decided yet. The others are the types of events. */
export const TRACK_STATES = ['looking', 'match', 'unknown', 'spoof', 'uncertain'] as const;

export type SeenState = (typeof TRACK_STATES)[number];

/** One track in sight. Figures of shots are those of its newest shot. */
export interface SeenTrack {
  trackId: number;
  /** Pixels of the frame. */
  box: Box;
  state: SeenState;
  /** Reason of the decision, as in its event; absent while `looking`. */
  reason?: string;
  /** The matched face; only where the state is `match`. */
  faceId?: string;
  externalImageId?: string;
  /** True when the track may show another person by now; the next shot decides. */
  isDoubtful: boolean;
  /** Similarity to the nearest enrolled person, 0..100, and the threshold of their group; absent before the first shot, and in an empty group. */
  similarity?: number;
  threshold?: number;
  /** Fused over the track; `score` and `threshold` are logit(live) - logit(spoof). Absent where liveness is off. */
  liveness?: { verdict: string; score?: number; threshold?: number; evidence?: readonly string[] };
  masked?: boolean;
  /** How suitable the face is, 0..1. */
  quality?: number;
  /** Whether the embedding describes the person, 0..1. */
  recognisability?: number;
  /** Shots so far, those that agree on one person, and the number of those that a decision needs; only while the track is undecided. */
  progress?: { shots: number; agreeing: number; needed: number };
  /** The challenge that can still be answered; the time is epoch milliseconds. */
  challenge?: { side: HeadSide; expiresAtMs: number };
}

/** The tracks in the newest analysed frame of a camera. */
export interface SeenTracks {
  /** Epoch milliseconds. */
  capturedAtMs: number;
  widthPx: number;
  heightPx: number;
  tracks: readonly SeenTrack[];
}
