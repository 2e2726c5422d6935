// A decision on one track, with everything that it rests on.
import type { EventDraft } from '../events/event.js';
import type { Decision } from './decision.js';
import type { Candidate, CandidateGroup } from './identity.js';
import type { LivenessSample } from './liveness.js';
import type { SearchedShot } from './shot.js';

/** A decision on one track, with the shots that it rests on. */
export interface TrackDecision {
  decision: Decision;
  trackId: number;
  firstSeenMs: number;
  lastSeenMs: number;
  /** Key of the person that shots agreed on, whatever the decision. */
  person?: string | undefined;
  /** The shots that chose the person, each with its candidate, or all shots; in the order of capture, at least one. */
  grounds: readonly { shot: SearchedShot; candidate?: Candidate | undefined }[];
  /** All shots of the track. */
  shots: readonly SearchedShot[];
  firstGroup: CandidateGroup;
  liveness: EventDraft['liveness'];
  /** Liveness of all shots of the track, those included that are not kept any more; times by the clock of the track. */
  livenessSamples: readonly (LivenessSample & { atMs: number })[];
  /** Time of the decision by the clock of the track. */
  decidedAtMs: number;
}
