// What a kind of stream is: a camera with a habit, and what Lintel must make of it.

/**
 * Something that must be noticed. `picture`: a picture of this moment or a later one is delivered, while the camera is trusted. `lost`: the
 * health says that the camera is lost. `fault`: the health is `failed`, whatever the reason.
 */
export interface Notice {
  what: 'picture' | 'lost' | 'fault';
  /** Moment of the timeline at which it can be noticed, and the limit of the time that it takes. */
  fromMs: number;
  withinMs: number;
}

export interface Expected {
  /** Events in alphabetical order, such as `match alice`; without the `uncertain` ones, which grant nothing. */
  events: readonly string[];
  notices?: readonly Notice[];
  /** Greatest age of a delivered picture, from its sending. Pictures that the camera declares as untrusted do not count. Default: 1000 ms. */
  maxAgeMs?: number;
  /** Least share of the pictures that can be analysed (at most `maxFps` a second) that must be delivered. Default: 0.5. */
  minDelivered?: number;
  /** Greatest share of delivered pictures that do not look as they were rendered. Default: 0.02. */
  maxBroken?: number;
  /** Words that the health of the camera must use at some time. */
  healthSays?: RegExp;
  /** Words that it must never use. */
  healthNever?: RegExp;
}

/** A camera that was set up. */
export interface Stage {
  /** The source, as in the configuration. */
  source: Record<string, unknown>;
  password?: string;
  /** Length of the timeline; a stage without a timeline is watched for this time. */
  durationMs: number;
  /** Frames per second of the stream, for the number of pictures that can be delivered; 0: unknown. */
  fps: number;
  /** Wall-clock time at which the timeline was at 0; undefined before. Absent where there is no timeline. */
  startedAtMs?: () => number | undefined;
  /** Wall-clock time at which a moment of the scene was last sent, before `nowMs`. Absent where ages cannot be known. */
  sentAtMs?: (sceneMs: number, nowMs: number) => number | undefined;
  /** Lists what the camera itself noticed and did not expect. */
  problems?: () => string[];
  stop: () => Promise<void>;
}

export interface StreamKind {
  name: string;
  /** One line for the list. */
  about: string;
  /** True: one of the most telling kinds, for --short. */
  isShort?: boolean;
  /** Further keys of the camera's configuration. */
  camera?: Record<string, unknown>;
  /** Sets the camera up. */
  open: () => Promise<Stage>;
  expected: Expected;
}
