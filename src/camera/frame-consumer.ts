// The interface through which a camera hands its analysed frames to recognition, without knowing what recognition does.
import type { HeadChallenge } from '../domain/challenge.js';
import type { Box } from '../domain/face.js';
import type { Health } from '../domain/health.js';
import type { AnalysedFrame } from '../vision/vision.js';
import type { SeenTrack } from './seen-tracks.js';

/** Counters since the service started, by name. */
export type Counters = Readonly<Record<string, number>>;

/** Number of events of one type and reason since the service started. */
export interface EventCount {
  type: string;
  reason: string;
  count: number;
}

/** Consumer of the frames of one camera. Boxes are in pixels of the frame. */
export interface FrameConsumer<Stats extends Counters = Counters> {
  /** Takes frames in the order of capture, one call after the other. Resolves when everything that follows from the frame is stored. */
  onFrame(frame: AnalysedFrame): Promise<void>;
  /** Returns where the next frame will show faces that need no embedding, mask or liveness. */
  settledBoxes(): readonly Box[];
  /** Returns where the next frame will show faces that will not be embedded, whether or not they are settled. */
  restingBoxes(): readonly Box[];
  /** Returns where the next frame will show all faces in sight, where it needs no search elsewhere for now; none where nobody is in sight; else undefined. */
  knownBoxes(): readonly Box[] | undefined;
  /** Returns where the matched persons are now. */
  matchedBoxes(): readonly Box[];
  /** Describes the tracks in the newest frame. Looking changes nothing: no decision depends on it. */
  seenTracks(): readonly SeenTrack[];
  /** Returns the challenges that can still be answered, the oldest first. */
  openChallenges(): readonly HeadChallenge[];
  /** Drops all faces in sight without an event: the camera is paused or private, or its stream changed. */
  forgetAll(): void;
  /** Takes no more frames. Resolves when everything that was decided is stored. */
  stop(): Promise<void>;
  stats(): Stats;
  eventCounts(): readonly EventCount[];
  health(): Health;
}
