// Counters of the recognition at one camera.

/** Counters since the service started. A type instead of an interface, so that it can be assigned to a record of numbers. */
export type RecogniserStats = {
  openTracks: number;
  tracks: number;
  /** Number of times that another face was found where one was expected. */
  switches: number;
  embedded: number;
  matches: number;
  unknowns: number;
  spoofs: number;
  uncertains: number;
  /** Decisions about a person who had an event before their track broke. */
  repeats: number;
  /** Decisions about a person whose last event is too recent. */
  silenced: number;
  /** Tracks that ended with too few good shots for a decision. */
  undecided: number;
  /** Shots that the full queue refused. */
  refused: number;
  /** Shots that could not be embedded or searched for another reason. */
  errors: number;
  /** Shots that were not recognisable. */
  unrecognisable: number;
  /** Challenges that were issued, passed and failed. */
  challenges: number;
  challengesPassed: number;
  challengesFailed: number;
  /** Events that could not be stored. */
  lostEvents: number;
  /** Time from the capture of the newest shot of each match to its decision, summed over all matches, in milliseconds. */
  matchMs: number;
};
