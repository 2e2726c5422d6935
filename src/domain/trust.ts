// The guard that decides whether the device may grant anything at the moment.

/** Reports a problem that makes every grant doubtful, such as a wrong clock. A full disk needs no guard: an event that is not stored is not published. */
export interface TrustGuard {
  /** Returns why no grant may be issued, as text for people; undefined if there is no problem. */
  problem(): string | undefined;
}

/** Never reports a problem; for tests. */
export const alwaysTrusted: TrustGuard = { problem: () => undefined };
