// Whether the device may grant anything at all now.

/** What makes every grant of this device doubtful: a clock that is wrong. A disk that refuses needs no guard: what is not stored is not published. */
export interface TrustGuard {
  /** Why no grant may be issued, for a person; undefined when all is well. */
  problem(): string | undefined;
}

/** For tests, and where nothing is to be guarded. */
export const alwaysTrusted: TrustGuard = { problem: () => undefined };
