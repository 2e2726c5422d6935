// The metrics of the service for Prometheus: read from the parts when they are asked for, never pushed by them.
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Where the numbers come from. Counters count since the service started. */
export interface MetricsSources {
  build: { version: string; node: string; opencv: string };
  models: () => { modelVersion: string; models: readonly { task: string; provider: string }[] };
  /** `completed` are the pictures and frames that were worked on, failures among them; `rejected` those that the full queue refused. */
  vision: () => { workers: number; busy: number; queued: number; completed: number; rejected: number };
  cameras: () => readonly {
    id: string;
    status: string;
    /** Read from the source. */
    frames: number;
    /** Overwritten by newer ones before anyone took them. */
    dropped: number;
    analysedFps: number;
  }[];
  /** `dropped` did not fit into the outbox; `expired` were too late to be published. */
  events: () => { published: number; pending: number; dropped: number; expired: number; connected: boolean };
  gallery: () => { groups: number; faces: number };
}

export interface Metrics {
  /** @param route the route's pattern, never a path @param resultCode of the envelope: 0, or the code of the error */
  observeRequest(route: string, resultCode: number, seconds: number): void;
  /** The exposition format of Prometheus. */
  text(): Promise<string>;
  /** Of that text. */
  readonly contentType: string;
}

/** From a search over loopback to a picture fetched from a slow URL. */
const REQUEST_BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function createMetrics(sources: MetricsSources): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  addBuild(registry, sources);
  addVision(registry, sources.vision);
  addCameras(registry, sources.cameras);
  addEvents(registry, sources.events);
  addGallery(registry, sources.gallery);
  const requests = new Histogram({
    name: 'lintel_http_request_duration_seconds',
    help: 'Time from a request to its answer, by route and result code of the envelope',
    labelNames: ['route', 'result_code'],
    buckets: REQUEST_BUCKETS_S,
    registers: [registry],
  });
  return {
    observeRequest: (route, resultCode, seconds) =>
      requests.observe({ route, result_code: String(resultCode) }, seconds),
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
    help: 'Always 1; the labels say which models are loaded and the execution provider each runs on',
    labelNames: ['model_version', 'task', 'provider'],
    registers: [registry],
    collect() {
      this.reset();
      const loaded = models();
      for (const { task, provider } of loaded.models) {
        this.set({ model_version: loaded.modelVersion, task, provider }, 1);
      }
    },
  });
}

function addVision(registry: Registry, vision: MetricsSources['vision']): void {
  gauge(registry, 'lintel_vision_workers', 'Worker threads that are alive', () => vision().workers);
  gauge(registry, 'lintel_vision_workers_busy', 'Worker threads that work on a picture', () => vision().busy);
  gauge(registry, 'lintel_vision_queue_length', 'Pictures that wait for a worker', () => vision().queued);
  counter(registry, 'lintel_vision_completed_total', 'Pictures and frames worked on', () => vision().completed);
  counter(registry, 'lintel_vision_rejected_total', 'Pictures that the full queue refused', () => vision().rejected);
}

function addCameras(registry: Registry, cameras: MetricsSources['cameras']): void {
  new Gauge({
    name: 'lintel_camera_status',
    help: '1 for the status that each camera is in',
    labelNames: ['camera', 'status'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { id, status } of cameras()) this.set({ camera: id, status }, 1);
    },
  });
  new Gauge({
    name: 'lintel_camera_analysed_fps',
    help: 'Frames analysed per second, lately',
    labelNames: ['camera'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { id, analysedFps } of cameras()) this.set({ camera: id }, analysedFps);
    },
  });
  const counted = [
    ['lintel_camera_frames_total', 'Frames read from the source', 'frames'],
    ['lintel_camera_dropped_frames_total', 'Frames overwritten by newer ones before they were taken', 'dropped'],
  ] as const;
  for (const [name, help, key] of counted) {
    new Counter({
      name,
      help,
      labelNames: ['camera'],
      registers: [registry],
      collect() {
        this.reset();
        for (const camera of cameras()) this.inc({ camera: camera.id }, camera[key]);
      },
    });
  }
}

function addEvents(registry: Registry, events: MetricsSources['events']): void {
  counter(registry, 'lintel_events_published_total', 'Events that the broker took', () => events().published);
  counter(registry, 'lintel_events_dropped_total', 'Events lost to a full outbox', () => events().dropped);
  counter(registry, 'lintel_events_expired_total', 'Events too late to be published', () => events().expired);
  gauge(registry, 'lintel_events_pending', 'Events in the outbox', () => events().pending);
  gauge(registry, 'lintel_broker_connected', '1 while the MQTT broker is connected', () => Number(events().connected));
}

function addGallery(registry: Registry, gallery: MetricsSources['gallery']): void {
  gauge(registry, 'lintel_gallery_groups', 'Groups', () => gallery().groups);
  gauge(registry, 'lintel_gallery_faces', 'Enrolled faces', () => gallery().faces);
}

function gauge(registry: Registry, name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(read());
    },
  });
}

/** The parts count themselves; the counter shows their number. */
function counter(registry: Registry, name: string, help: string, read: () => number): void {
  new Counter({
    name,
    help,
    registers: [registry],
    collect() {
      this.reset();
      this.inc(read());
    },
  });
}
