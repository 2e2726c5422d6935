// Whether the device may grant anything at all now.

/** What makes every grant of this device doubtful: a clock that jumped, a disk that cannot be written. */
export interface TrustGuard {
  /** Why no grant may be issued, for a person; undefined when all is well. */
  problem(): string | undefined;
}

/** For tests, and where nothing is to be guarded. */
export const alwaysTrusted: TrustGuard = { problem: () => undefined };
