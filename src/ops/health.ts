// The health of the service: collects the health of its parts and makes the answers of GET /healthz and GET /readyz.
import type { Health, HealthStatus } from '../domain/health.js';

export interface HealthSource {
  name: string;
  /** Returns the health of the part. Called for every report, so it must be quick. */
  health(): Health;
  /** True for a part without which the service cannot do its work. */
  required: boolean;
}

export interface HealthReport {
  /** `failed`: a required part failed. `degraded`: at least one part is not ok. */
  status: HealthStatus;
  /** True when every part was started and no required one failed. A degraded part still does its work. */
  ready: boolean;
  parts: Record<string, Health & { required: boolean }>;
}

export interface HealthAnswer {
  /** HTTP status: 200 or 503. */
  status: number;
  body: HealthReport;
}

export class HealthRegistry {
  readonly #isStarted: () => boolean;
  readonly #sources = new Map<string, HealthSource>();

  /** @param parts.isStarted tells whether every part of the service was started and none is being stopped */
  constructor(parts: { isStarted: () => boolean }) {
    this.#isStarted = parts.isStarted;
  }

  /** Adds a part. @throws TypeError when there is a part of this name already */
  add(source: HealthSource): void {
    if (this.#sources.has(source.name)) throw new TypeError(`two health sources are called ${source.name}`);
    this.#sources.set(source.name, source);
  }

  /** Reads the health of every part. */
  report(): HealthReport {
    const answers = [...this.#sources.values()].map((source) => ({ source, health: readHealth(source) }));
    const failed = answers.some(({ source, health }) => source.required && health.status === 'failed');
    const allOk = answers.every(({ health }) => health.status === 'ok');
    return {
      status: failed ? 'failed' : allOk ? 'ok' : 'degraded',
      ready: this.#isStarted() && answers.every(({ source, health }) => !source.required || health.status !== 'failed'),
      parts: Object.fromEntries(
        answers.map(({ source, health }) => [source.name, { ...health, required: source.required }]),
      ),
    };
  }

  /** Answers GET /healthz: 503 when a required part failed, so that a supervisor restarts the service. */
  liveness(): HealthAnswer {
    const body = this.report();
    return { status: body.status === 'failed' ? 503 : 200, body };
  }

  /** Answers GET /readyz: 503 until every part is started, and while a required one has failed. Clients then wait or go elsewhere. */
  readiness(): HealthAnswer {
    const body = this.report();
    return { status: body.ready ? 200 : 503, body };
  }
}

function readHealth(source: HealthSource): Health {
  try {
    return source.health();
  } catch {
    return { status: 'failed', detail: 'its state cannot be read' };
  }
}
