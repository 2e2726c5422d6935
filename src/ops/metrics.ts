// The metrics of the service for Prometheus. They are read from the parts for each request of /metrics.
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Functions that read the numbers. Counters count since the service started. */
export interface MetricsSources {
  build: { version: string; node: string; opencv: string };
  models: () => { modelVersion: string; models: readonly { task: string; precision: string; provider: string }[] };
  /**
   * `completed`: pictures and frames that were analysed, also without success. `rejected`: those that the full queue refused, or that waited
   * for too long. `overdue`: those that took too long. `cancelled`: those whose client had gone.
   */
  vision: () => {
    workers: number;
    busy: number;
    queued: number;
    completed: number;
    rejected: number;
    overdue: number;
    cancelled: number;
  };
  cameras: () => readonly {
    id: string;
    camera: {
      status: string;
      /** Fault of the picture; absent without a fault. */
      fault?: string | undefined;
      /** Frames read from the source. */
      frames: number;
      /** Frames that newer ones replaced before they were analysed. */
      dropped: number;
      /** Pictures that were skipped because they are damaged, or rest on one that is missing. */
      damaged: number;
      streamChanges: number;
      analysed: number;
      /** Frames analysed per second, recently. */
      fps: number;
      losses: number;
      reopenings: number;
      /** Delay of the frames, in milliseconds. */
      delayMs: number;
    };
    recognition: { tracks: number; embedded: number; lostEvents: number };
    /** Decisions by type and reason. */
    eventCounts: readonly { type: string; reason: string; count: number }[];
  }[];
  /** `published`: events of the history. `dropped`: removed before they were published. `expired`: too late for their live topic. */
  events: () => {
    published: number;
    pending: number;
    dropped: number;
    expired: number;
    stored: number;
    connected: boolean;
    /** Lintel's own broker, where it runs. `ignored`: messages of clients that were not passed on. */
    broker?: {
      clients: number;
      refused: number;
      cutOff: number;
      ignored: number;
      sessionsWaiting: number;
      sessionMessagesDropped: number;
    };
    /** Events that wait until the broker takes them whole. */
    setAside: number;
    /** Counts of what the broker did not take. */
    liveRefused: number;
    liveWithoutSnapshot: number;
    historyRefused: number;
    historyWithoutSnapshot: number;
  };
  gallery: () => { groups: number; faces: number };
  http: () => {
    /** Connections that are open. */
    connections: number;
    /** Idle connections that were closed in favour of new ones. */
    connectionsClosed: number;
    /** Bytes of bodies and large answers that are held. */
    heldBytes: number;
    /** Connections and requests that were refused, by reason. */
    refused: Readonly<Record<string, number>>;
  };
  /** Lines of the log that were dropped for a slow reader. */
  droppedLogLines: () => number;
}

type CameraSource = ReturnType<MetricsSources['cameras']>[number];

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

function addCameras(registry: Registry, cameras: MetricsSources['cameras']): void {
  new Gauge({
    name: 'lintel_camera_status',
    help: '1 for the status that each camera is in',
    labelNames: ['camera', 'status'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { id, camera } of cameras()) this.set({ camera: id, status: camera.status }, 1);
    },
  });
  new Gauge({
    name: 'lintel_camera_fault',
    help: '1 for the fault that the picture of each camera has',
    labelNames: ['camera', 'fault'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { id, camera } of cameras()) {
        if (camera.fault !== undefined) this.set({ camera: id, fault: camera.fault }, 1);
      }
    },
  });
  const measured = [
    ['lintel_camera_analysed_fps', 'Frames analysed per second, recently', (one: CameraSource) => one.camera.fps],
    ['lintel_camera_delay_seconds', 'Delay of the frames', (one: CameraSource) => one.camera.delayMs / 1_000],
  ] as const;
  for (const [name, help, read] of measured) {
    new Gauge({
      name,
      help,
      labelNames: ['camera'],
      registers: [registry],
      collect() {
        this.reset();
        for (const one of cameras()) this.set({ camera: one.id }, read(one));
      },
    });
  }
  const counted = [
    ['lintel_camera_frames_total', 'Frames read from the source', (one: CameraSource) => one.camera.frames],
    [
      'lintel_camera_dropped_frames_total',
      'Frames that newer ones replaced before they were analysed',
      (one: CameraSource) => one.camera.dropped,
    ],
    [
      'lintel_camera_damaged_frames_total',
      'Pictures that were skipped because they are damaged, or rest on one that is missing',
      (one: CameraSource) => one.camera.damaged,
    ],
    [
      'lintel_camera_stream_changes_total',
      'Number of times that the stream changed its size, codec, pixel format, range or rotation',
      (one: CameraSource) => one.camera.streamChanges,
    ],
    ['lintel_camera_analysed_frames_total', 'Frames analysed', (one: CameraSource) => one.camera.analysed],
    [
      'lintel_camera_losses_total',
      'Number of times that the source was lost or could not be opened',
      (one: CameraSource) => one.camera.losses,
    ],
    [
      'lintel_camera_reopenings_total',
      'Number of times that the source was opened again because of a frozen picture or a drifting clock',
      (one: CameraSource) => one.camera.reopenings,
    ],
    ['lintel_tracks_total', 'Faces followed', (one: CameraSource) => one.recognition.tracks],
    ['lintel_embedded_shots_total', 'Shots that were embedded', (one: CameraSource) => one.recognition.embedded],
    ['lintel_lost_events_total', 'Events that could not be stored', (one: CameraSource) => one.recognition.lostEvents],
  ] as const;
  for (const [name, help, read] of counted) {
    new Counter({
      name,
      help,
      labelNames: ['camera'],
      registers: [registry],
      collect() {
        this.reset();
        for (const one of cameras()) this.inc({ camera: one.id }, read(one));
      },
    });
  }
  new Counter({
    name: 'lintel_decisions_total',
    help: 'Decisions that were announced',
    labelNames: ['camera', 'type', 'reason'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { id, eventCounts } of cameras()) {
        for (const { type, reason, count } of eventCounts) this.inc({ camera: id, type, reason }, count);
      }
    },
  });
}

function addEvents(registry: Registry, events: MetricsSources['events']): void {
  counter(
    registry,
    'lintel_events_published_total',
    'Events of the history that the broker acknowledged',
    () => events().published,
  );
  counter(registry, 'lintel_events_dropped_total', 'Events removed before they were published', () => events().dropped);
  counter(registry, 'lintel_events_expired_total', 'Events too late for their live topic', () => events().expired);
  new Counter({
    name: 'lintel_events_refused_total',
    help: 'Events that the broker did not take, by topic (live, history) and part (event, snapshot)',
    labelNames: ['topic', 'part'],
    registers: [registry],
    collect() {
      this.reset();
      const { liveRefused, liveWithoutSnapshot, historyRefused, historyWithoutSnapshot } = events();
      this.inc({ topic: 'live', part: 'event' }, liveRefused);
      this.inc({ topic: 'live', part: 'snapshot' }, liveWithoutSnapshot);
      this.inc({ topic: 'history', part: 'event' }, historyRefused);
      this.inc({ topic: 'history', part: 'snapshot' }, historyWithoutSnapshot);
    },
  });
  gauge(registry, 'lintel_events_set_aside', 'Events that the broker did not take whole', () => events().setAside);
  gauge(registry, 'lintel_events_pending', 'Events that wait for the broker', () => events().pending);
  gauge(registry, 'lintel_events_stored', 'Events kept on this device', () => events().stored);
  gauge(registry, 'lintel_broker_connected', '1 while the MQTT broker is connected', () => Number(events().connected));
  addBroker(registry, () => events().broker);
}

/** All are 0 where Lintel runs no broker of its own. */
function addBroker(registry: Registry, broker: () => ReturnType<MetricsSources['events']>['broker']): void {
  gauge(registry, 'lintel_broker_clients', "Clients of Lintel's own broker", () => broker()?.clients ?? 0);
  gauge(
    registry,
    'lintel_broker_sessions_waiting',
    "Sessions of absent clients of Lintel's own broker",
    () => broker()?.sessionsWaiting ?? 0,
  );
  const counts = [
    ['lintel_broker_refused_total', "Clients that Lintel's own broker refused", 'refused'],
    ['lintel_broker_cut_off_total', "Clients that Lintel's own broker cut off", 'cutOff'],
    ['lintel_broker_ignored_total', "Messages of clients that Lintel's own broker did not pass on", 'ignored'],
    ['lintel_broker_undelivered_total', 'Messages that did not reach an absent client', 'sessionMessagesDropped'],
  ] as const;
  for (const [name, help, key] of counts) counter(registry, name, help, () => broker()?.[key] ?? 0);
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

/** Adds a counter whose value a part counts itself. */
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
