// How a part of the service says how it is.

/** `degraded`: works in part, and says so; `failed`: does not do its work now. */
export type HealthStatus = 'ok' | 'degraded' | 'failed';

export interface Health {
  status: HealthStatus;
  /** Why it is not ok, for a person; no secret, no path of a key. */
  detail?: string;
  /** Facts worth showing: versions, counts, the provider in use. */
  facts?: Record<string, string | number | boolean | readonly string[]>;
}
