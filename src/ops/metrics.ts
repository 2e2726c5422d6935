// The metrics of the service for Prometheus. They are read from the parts for each request of /metrics.
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { addCameras } from './camera-metrics.js';
import { addEvents } from './event-metrics.js';
import { addFleet } from './fleet-metrics.js';
import { counter, gauge } from './metric-kinds.js';
import type { MetricsSources } from './metrics-sources.js';

/** An answered request of one of the two APIs. */
export interface AnsweredRequest {
  /** Method and path pattern; never a path, because it may hold a key. */
  route: string;
  /** HTTP status. */
  status: number;
  /** Result code in the header of the answer: 0, or the code of the error. Undefined in the device API, which has none. */
  resultCode: number | undefined;
  seconds: number;
}

export interface Metrics {
  observeRequest(request: AnsweredRequest): void;
  /** Returns the metrics in the exposition format of Prometheus. */
  text(): Promise<string>;
  /** Content type of that text. */
  readonly contentType: string;
}

/** Upper bounds of the duration buckets, in seconds: from a search over loopback to a picture that is fetched from a slow URL. */
const REQUEST_BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function createMetrics(sources: MetricsSources): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  addBuild(registry, sources);
  addVision(registry, sources.vision);
  addCameras(registry, sources.cameras);
  addEvents(registry, sources.events);
  addGallery(registry, sources.gallery);
  addHttp(registry, sources.http);
  addVitals(registry, sources.vitals);
  addFleet(registry, sources.fleet);
  const { droppedLogLines } = sources;
  counter(registry, 'lintel_log_lines_dropped_total', 'Log lines dropped for a slow reader', droppedLogLines);
  const durations = new Histogram({
    name: 'lintel_http_request_duration_seconds',
    help: 'Time from a request to its answer, by route and HTTP status',
    labelNames: ['route', 'status'],
    buckets: REQUEST_BUCKETS_S,
    registers: [registry],
  });
  const results = new Counter({
    name: 'lintel_api_requests_total',
    help: 'Requests of the REST API that were answered, by route and result code: 0, or the code of the error',
    labelNames: ['route', 'result_code'],
    registers: [registry],
  });
  return {
    observeRequest: ({ route, status, resultCode, seconds }) => {
      durations.observe({ route, status: String(status) }, seconds);
      if (resultCode !== undefined) results.inc({ route, result_code: String(resultCode) });
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

function addBuild(registry: Registry, { build, models }: MetricsSources): void {
  const info = new Gauge({
    name: 'lintel_build_info',
    help: 'Always 1; the labels say what is running',
    labelNames: ['version', 'node', 'opencv'],
    registers: [registry],
  });
  info.set(build, 1);
  new Gauge({
    name: 'lintel_model_info',
    help: 'Always 1; the labels say which models are loaded, in which form, and the execution provider each runs on',
    labelNames: ['model_version', 'task', 'precision', 'provider'],
    registers: [registry],
    collect() {
      this.reset();
      const loaded = models();
      for (const { task, precision, provider } of loaded.models) {
        this.set({ model_version: loaded.modelVersion, task, precision, provider }, 1);
      }
    },
  });
}

function addVision(registry: Registry, vision: MetricsSources['vision']): void {
  gauge(registry, 'lintel_vision_workers', 'Worker threads that are alive', () => vision().workers);
  gauge(registry, 'lintel_vision_workers_busy', 'Worker threads that analyse a picture', () => vision().busy);
  gauge(registry, 'lintel_vision_queue_length', 'Pictures that wait for a worker', () => vision().queued);
  counter(registry, 'lintel_vision_completed_total', 'Pictures and frames analysed', () => vision().completed);
  const refused = 'Pictures that the full queue refused, or that waited in it for too long';
  counter(registry, 'lintel_vision_rejected_total', refused, () => vision().rejected);
  const overdue = 'Pictures and frames whose analysis was ended because it took too long';
  counter(registry, 'lintel_vision_overdue_total', overdue, () => vision().overdue);
  const cancelled = 'Pictures whose analysis was ended, or not begun, because the client had gone';
  counter(registry, 'lintel_vision_cancelled_total', cancelled, () => vision().cancelled);
}

function addGallery(registry: Registry, gallery: MetricsSources['gallery']): void {
  gauge(registry, 'lintel_gallery_groups', 'Groups', () => gallery().groups);
  gauge(registry, 'lintel_gallery_faces', 'Enrolled faces', () => gallery().faces);
}

function addHttp(registry: Registry, http: MetricsSources['http']): void {
  gauge(registry, 'lintel_http_connections', 'Open connections of the REST API', () => http().connections);
  gauge(registry, 'lintel_http_held_bytes', 'Bytes of requests and large answers in memory', () => http().heldBytes);
  counter(
    registry,
    'lintel_http_connections_closed_total',
    'Idle connections closed in favour of new ones',
    () => http().connectionsClosed,
  );
  new Counter({
    name: 'lintel_http_refused_total',
    help: 'Connections and requests refused before they were handled, by reason',
    labelNames: ['reason'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [reason, count] of Object.entries(http().refused)) this.inc({ reason }, count);
    },
  });
}

/** A device that cannot measure one of them has no line for it. */
function addVitals(registry: Registry, vitals: MetricsSources['vitals']): void {
  const measured = [
    ['lintel_temperature_celsius', 'Temperature of the hottest sensor of the device', 'temperatureCelsius'],
    ['lintel_disk_free_bytes', 'Space of the file system of the data that can still be written', 'diskFreeBytes'],
  ] as const;
  for (const [name, help, key] of measured) {
    new Gauge({
      name,
      help,
      // A label keeps the gauge without a line until it has a value.
      labelNames: ['device'],
      registers: [registry],
      collect() {
        this.reset();
        const value = vitals()[key];
        if (value !== undefined) this.set(value);
      },
    });
  }
}
