// The health that a part of the service reports.

/** `degraded`: the part works, but not fully. `failed`: the part does not work now. */
export type HealthStatus = 'ok' | 'degraded' | 'failed';

export interface Health {
  status: HealthStatus;
  /** Reason why the part is not ok, as text for people; contains no secret and no path of a key. */
  detail?: string;
  /** Facts for display, such as versions, counts, the execution provider. */
  facts?: Record<string, string | number | boolean | readonly string[]>;
}
