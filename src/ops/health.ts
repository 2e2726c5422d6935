// The health of the service: asks the parts how they are and answers GET /healthz and GET /readyz.
import type { Health, HealthStatus } from '../domain/health.js';

export interface HealthSource {
  name: string;
  /** Asked for every report, so it must be quick. */
  health(): Health;
  /** Without a required part the service does not do its work. */
  required: boolean;
}

export interface HealthReport {
  /** `failed`: a required part failed. `degraded`: any part is not ok. */
  status: HealthStatus;
  /** Every part was started and no required one failed; a part that is degraded does its work. */
  ready: boolean;
  parts: Record<string, Health & { required: boolean }>;
}

export interface HealthAnswer {
  /** Of HTTP: 200 or 503. */
  status: number;
  body: HealthReport;
}

export class HealthRegistry {
  readonly #isStarted: () => boolean;
  readonly #sources = new Map<string, HealthSource>();

  /** @param parts.isStarted whether every part of the service was started and none is being stopped */
  constructor(parts: { isStarted: () => boolean }) {
    this.#isStarted = parts.isStarted;
  }

  /** @throws TypeError when the name is taken */
  add(source: HealthSource): void {
    if (this.#sources.has(source.name)) throw new TypeError(`two health sources are called ${source.name}`);
    this.#sources.set(source.name, source);
  }

  report(): HealthReport {
    const asked = [...this.#sources.values()].map((source) => ({ source, health: ask(source) }));
    const failed = asked.some(({ source, health }) => source.required && health.status === 'failed');
    const allOk = asked.every(({ health }) => health.status === 'ok');
    return {
      status: failed ? 'failed' : allOk ? 'ok' : 'degraded',
      ready: this.#isStarted() && asked.every(({ source, health }) => !source.required || health.status !== 'failed'),
      parts: Object.fromEntries(
        asked.map(({ source, health }) => [source.name, { ...health, required: source.required }]),
      ),
    };
  }

  /** GET /healthz: 503 when a required part failed; a watcher restarts the service then. */
  liveness(): HealthAnswer {
    const body = this.report();
    return { status: body.status === 'failed' ? 503 : 200, body };
  }

  /** GET /readyz: 503 until every part was started, and while a required one failed; clients wait or go elsewhere. */
  readiness(): HealthAnswer {
    const body = this.report();
    return { status: body.ready ? 200 : 503, body };
  }
}

function ask(source: HealthSource): Health {
  try {
    return source.health();
  } catch {
    return { status: 'failed', detail: 'could not say how it is' };
  }
}
