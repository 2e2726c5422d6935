// Harness of the device API tests: scripted cameras, and a server on real parts except cameras, events and models.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KeyRegistry } from '../../../src/keys/key-registry.js';
import { Sessions } from '../../../src/keys/sessions.js';
import { SignInTokens } from '../../../src/keys/sign-in-tokens.js';
import { createRequestLimits } from '../../../src/api/core/request-limits.js';
import { createDeviceApi } from '../../../src/api/device/create.js';
import type { ErrorBody } from '../../../src/api/device/statuses.js';
import type { DeviceServices } from '../../../src/api/device/services.js';
import { ApiServer, type MountedApi } from '../../../src/api/core/server.js';
import { createNhnApi } from '../../../src/api/nhn/create.js';
import type { AuditReport } from '../../../src/audit/verify.js';
import { AuditLog } from '../../../src/audit/audit-log.js';
import type { CameraControl, CameraView, FrameJpeg, FrameJpegOptions } from '../../../src/camera/camera-control.js';
import type { SeenTracks } from '../../../src/camera/seen-tracks.js';
import { StateWatch } from '../../../src/camera/state-watch.js';
import { listThresholds } from '../../../src/compose/thresholds.js';
import type { CameraConfig } from '../../../src/config/camera-schema.js';
import { configSchema, type Config } from '../../../src/config/schema.js';
import type { HeadChallenge } from '../../../src/domain/challenge.js';
import type { FaceCondition } from '../../../src/domain/condition.js';
import type { EnrolmentPolicy } from '../../../src/domain/enrolment-policy.js';
import type { Face, Quality } from '../../../src/domain/face.js';
import { silentLog, type Log } from '../../../src/domain/log.js';
import type { OtherModels } from '../../../src/domain/other-models.js';
import type { SimilarityScales } from '../../../src/domain/similarity-scales.js';
import { systemTimers, type Clock, type Timers } from '../../../src/domain/time.js';
import { AppError } from '../../../src/errors.js';
import type { EventFilter, EventReader, OpenedEvent, RecognitionEvent } from '../../../src/events/event.js';
import type { DecisionGrounds } from '../../../src/events/grounds.js';
import type { EventFeed } from '../../../src/events/history.js';
import { LevelGallery } from '../../../src/gallery/leveldb-gallery.js';
import type { HealthAnswer } from '../../../src/ops/health.js';
import { PrivacySwitch } from '../../../src/privacy/privacy-switch.js';
import { UnknownFaces } from '../../../src/privacy/unknown-faces.js';
import { SealedStore } from '../../../src/store/sealed-store.js';
import type { AnalysedFrame } from '../../../src/vision/vision.js';
import { openKeys } from '../../keys/support.js';
import { DIMENSIONS, MODEL, scales, ScriptedVision, testConfig } from '../harness.js';

/** Idle and absolute limit of sessions, in the tests. */
export const IDLE_MS = 30 * 60_000;
export const LIFETIME_MS = 12 * 3_600_000;

type Listener = (frame: AnalysedFrame) => void;

interface ScriptedCamera {
  status: CameraView['stats']['status'];
  frame?: Omit<FrameJpeg, 'capturedAtMs'>;
  listeners: Set<Listener>;
}

/** The cameras `front` and `yard`, as a test moves them. */
export class ScriptedCameras implements CameraControl {
  privacy = false;
  /** Options of every frame that was requested. */
  readonly asked: (FrameJpegOptions & { cameraId: string })[] = [];
  /** Awaited before a frame is given, and before a source counts as closed. */
  frameGate: Promise<void> = Promise.resolve();
  closeGate: Promise<void> = Promise.resolve();
  readonly #cameras = new Map<string, ScriptedCamera>(
    ['front', 'yard'].map((id) => [id, { status: 'running', listeners: new Set() }]),
  );

  /** A new picture, and what was seen in it. */
  show(cameraId: string, text: string, ...faces: Face[]): void {
    const camera = this.#of(cameraId);
    const frameNumber = (camera.frame?.frameNumber ?? 0) + 1;
    camera.frame = { jpeg: Buffer.from(text), widthPx: 640, heightPx: 480, frameNumber };
    const frame = { widthPx: 640, heightPx: 480, frameNumber, capturedAtMs: CAPTURED_AT_MS, streamChanges: 0, faces };
    for (const listener of [...camera.listeners]) listener(frame);
  }

  watchers(cameraId: string): number {
    return this.#of(cameraId).listeners.size;
  }

  /** Tracks of each camera, for viewers. */
  readonly seen = new Map<string, SeenTracks>();
  readonly #states = new StateWatch();

  tracks(cameraId: string): SeenTracks | undefined {
    this.#of(cameraId);
    return this.privacy ? undefined : this.seen.get(cameraId);
  }

  watchStates(listener: () => void): () => void {
    return this.#states.watch(listener);
  }

  /** Challenges that can still be answered. */
  challenges: HeadChallenge[] = [];

  views(): CameraView[] {
    return [...this.#cameras].map(([id, { status, frame }]) => ({
      id,
      health: status === 'running' ? { status: 'ok' } : { status: 'degraded', detail: status },
      stats: {
        status: this.privacy ? 'private' : status,
        frames: frame?.frameNumber ?? 0,
        dropped: 1,
        damaged: 3,
        streamChanges: 1,
        losses: 0,
        reopenings: 0,
        delayMs: 0,
        analysed: 2,
        analysisMs: 80,
        fps: 9.96,
        refused: 0,
        errors: 0,
        ...(id === 'yard' ? { fault: 'covered' as const, lastFrameAtMs: CAPTURED_AT_MS } : {}),
      },
      recognition: { tracks: 3 },
      ...(frame ? { widthPx: frame.widthPx, heightPx: frame.heightPx } : {}),
      groups: [{ appKey: 'default', groupId: 'door' }],
      challenges: this.challenges.filter(({ cameraId }) => cameraId === id),
    }));
  }

  async frame(cameraId: string, options: FrameJpegOptions): Promise<FrameJpeg | undefined> {
    this.asked.push({ cameraId, ...options });
    await this.frameGate;
    const { frame, status } = this.#of(cameraId);
    if (this.privacy || status !== 'running' || !frame || frame.frameNumber <= options.after) return undefined;
    return { ...frame, capturedAtMs: CAPTURED_AT_MS };
  }

  watch(cameraId: string, listener: Listener): () => void {
    const { listeners } = this.#of(cameraId);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  async pause(cameraId: string): Promise<void> {
    this.#of(cameraId).status = 'paused';
    this.#states.changed();
    await this.closeGate;
  }

  async resume(cameraId: string): Promise<void> {
    this.#of(cameraId).status = 'running';
    this.#states.changed();
  }

  async setPrivacy(on: boolean): Promise<void> {
    this.privacy = on;
    this.#states.changed();
    await this.closeGate;
  }

  #of(cameraId: string): ScriptedCamera {
    const camera = this.#cameras.get(cameraId);
    if (!camera) throw new AppError('CAMERA_NOT_FOUND', 'no such camera');
    return camera;
  }
}

export const CAPTURED_AT_MS = Date.UTC(2026, 0, 2, 3, 4, 5);
const CROP_BYTES = 112 * 112 * 3;
const GOOD: Quality = { size: 1, sharpness: 1, pose: 1, exposure: 1, detection: 1, overall: 0.9 };

/** Somebody who is matched, and somebody who must turn their head. */
export const SEEN: SeenTracks = {
  capturedAtMs: CAPTURED_AT_MS,
  widthPx: 640,
  heightPx: 480,
  tracks: [
    {
      trackId: 7,
      box: { x0: 64, y0: 48, x1: 320, y1: 500 },
      state: 'match',
      reason: 'agreed',
      faceId: '6f9619ff-8b86-4d01-b42d-00cf4fc964ff',
      externalImageId: 'anna',
      isDoubtful: false,
      similarity: 93.123456,
      threshold: 80,
      liveness: { verdict: 'live', score: 3.14159, threshold: 1.5 },
      masked: false,
      quality: 0.876,
      recognisability: 0.991,
    },
    {
      trackId: 8,
      box: { x0: 400, y0: 100, x1: 500, y1: 200 },
      state: 'looking',
      isDoubtful: true,
      progress: { shots: 1, agreeing: 0, needed: 3 },
      challenge: { side: 'left', expiresAtMs: CAPTURED_AT_MS + 5_000 },
    },
  ],
};

export interface SeenFace extends Partial<Omit<Face, 'quality'>> {
  /** Shorter side of the box. */
  sidePx?: number;
  yaw?: number;
  roll?: number;
  quality?: Partial<Quality>;
  /** Grey value of the whole crop, except its first bytes. */
  grey?: number;
}

/** A face before a camera, as vision gives it. @param degrees two faces have the cosine of their difference */
export function seen(
  degrees: number,
  { sidePx = 120, yaw = 0, roll = 0, quality, grey = 128, ...rest }: SeenFace = {},
): Face {
  const crop = new Uint8Array(CROP_BYTES).fill(grey);
  crop.set([degrees % 256, Math.floor(degrees / 256)]);
  const point = { x: 150, y: 150 };
  return {
    boxPx: { x0: 100, y0: 100, x1: 100 + sidePx, y1: 120 + sidePx },
    landmarksPx: [point, point, point, point, point],
    detectionScore: 0.95,
    pose: { yaw, pitch: 0, roll },
    quality: { ...GOOD, ...quality },
    masked: false,
    crop,
    ...rest,
  };
}

export function findEmbedding(degrees: number): Float32Array {
  const embedding = new Float32Array(DIMENSIONS);
  const radians = (degrees * Math.PI) / 180;
  embedding.set([Math.cos(radians), Math.sin(radians)]);
  return embedding;
}

const EMPTY_LINES = {
  service: { requestsPerSecond: [], requestMs: [], memoryBytes: [], temperatureCelsius: [], loopLagMs: [] },
  cameras: [],
};

const OK_PARTS = { store: { status: 'ok' as const, required: true } };

export interface DeviceOptions {
  /** Liveness mode of the camera `yard`; `required` by default. */
  yardLiveness?: 'required' | 'challenge';
  /** Threshold of both cameras. */
  threshold?: number;
  /** Values of the section `console`. */
  console?: Partial<Config['console']>;
  /** Values of the section `http`. */
  http?: Partial<Config['http']>;
  clock?: Clock;
  timers?: Timers;
  log?: Log;
  events?: RecognitionEvent[];
  /** Reads the stored events, in place of `events`. */
  reader?: EventReader;
  /** Events that can be opened, by their number, beside those of the feed. */
  opened?: ReadonlyMap<number, OpenedEvent>;
  /** Events of the streams; none by default. */
  feed?: EventFeed & Partial<Pick<EventReader, 'open'>>;
  configuration?: object;
  health?: () => HealthAnswer;
  history?: DeviceServices['history'];
  doctor?: DeviceServices['doctor'];
  livenessThreshold?: number;
  /** Their embeddings are turned by a right angle. */
  otherModels?: OtherModels;
  /** Scales of the models in use; by default a straight one. */
  scales?: SimilarityScales;
  /** Conditions of the faces that are embedded, in this order; the others have none. */
  conditions?: (FaceCondition | undefined)[];
  stopTimeoutMs?: number;
  /** Cameras whose thresholds are listed; by default `front` and `yard`. */
  watching?: readonly CameraConfig[];
  /** Enrolment policy of each group; by default `open`. */
  findPolicy?: (groupId: string) => EnrolmentPolicy;
  /** The fleet; by default the device is in none. */
  fleet?: DeviceServices['fleet'];
  /** Value of `fleet.proposals`. */
  proposals?: boolean;
  /** APIs and pages beside those of the device, such as the console. */
  apis?: readonly MountedApi[];
  observed?: [string, number][];
}

export interface Device {
  cameras: ScriptedCameras;
  services: DeviceServices;
  gallery: LevelGallery;
  unknownFaces: UnknownFaces;
  privacy: PrivacySwitch;
  audit: AuditLog;
  store: SealedStore;
  server: ApiServer;
  /** The vision of uploaded pictures. */
  pictures: ScriptedVision;
  /** Awaited before crops are embedded. */
  embedGate: { promise: Promise<void> };
  origin: string;
  appKey: string;
  adminKey: string;
  adminKeys: KeyRegistry;
  signInTokens: SignInTokens;
  /** The id of the appKey. */
  owner: string;
  /** Event filters of all requests. */
  filters: EventFilter[];
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Called>;
  /** Fetches with the admin key and returns the plain response. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Actions and actors of the audit log, the oldest first. */
  audited(): Promise<[string, string, object][]>;
  close(): Promise<void>;
}

export interface Called {
  status: number;
  headers: Headers;
  /** A text where it is not JSON. */
  body: Body;
}

/** Fields of all answers together: a test reads those of its request. */
export interface Body {
  error: ErrorBody['error'];
  privacy: boolean;
  cameras: object[];
  challenges: object[];
  state: string;
  enrolling: boolean;
  viewers: number;
  faces: { id: string; quality: number }[];
  entries: { sequence: number }[];
  id: string;
  sessions: { id: string }[];
  parts: Record<string, object>;
  next: string;
  hash: string;
  previous: string;
  event: RecognitionEvent;
  signed: string;
  grounds: DecisionGrounds;
  signedGrounds: string;
  startedAt: string;
  endedAt: string;
  report: AuditReport;
}

/** The group `door` of the appKey `default` is there, and empty. */
export async function startDevice(options: DeviceOptions = {}): Promise<Device> {
  const { clock = Date.now, timers = systemTimers, log = silentLog, events = [], yardLiveness = 'required' } = options;
  const folder = await mkdtemp(join(tmpdir(), 'lintel-device-'));
  const { signal } = new AbortController();
  const store = new SealedStore({ directory: join(folder, 'db'), masterKey: Buffer.alloc(32, 7), log: silentLog });
  const audit = new AuditLog({ store, clock, log: silentLog });
  const limits = { maxGroups: 10, maxFacesPerGroup: 5 };
  const gallery = new LevelGallery({
    store,
    audit,
    limits,
    clock: Date.now,
    log: silentLog,
    findPolicy: options.findPolicy,
  });
  const cameras = new ScriptedCameras();
  const privacy = new PrivacySwitch({ store, cameras, audit, log });
  const unknownFaces = new UnknownFaces({
    store,
    retentionHours: 1_000_000,
    maxFaces: 10,
    clock,
    timers: { setTimeout: () => undefined, clearTimeout: () => undefined },
    log: silentLog,
    encodeJpeg: (crop) => Buffer.from(`jpeg of ${crop[0]}`),
  });
  const parts = [store, audit, gallery, privacy, unknownFaces];
  for (const part of parts) await part.start(signal);

  const { appKeys, adminKeys } = await openKeys(store, { clock });
  const { key: appKey, entry: owner } = await appKeys.create('default');
  const { key: adminKey } = await adminKeys.create('front-desk');
  await gallery.createGroup({ owner: owner.id, groupId: 'door' }, MODEL);

  const signInTokens = new SignInTokens(clock);
  const embedGate = { promise: Promise.resolve() };
  const filters: EventFilter[] = [];
  const { livenessThreshold } = options;
  const { observed, otherModels, threshold } = options;
  const thresholds = threshold === undefined ? {} : { threshold };
  const config = testConfig({ ...(options.http && { http: options.http }) });
  const deviceCameras = [
    cameraConfig('front', thresholds),
    cameraConfig('yard', { liveness: yardLiveness, ...thresholds }),
  ];
  const requestLimits = createRequestLimits(config);
  const pictures = new ScriptedVision();
  const device = createDeviceApi({
    requestLimits,
    config: {
      ...config,
      deviceId: 'gate',
      cameras: deviceCameras,
      console: { ...configSchema.parse({}).console, ...options.console },
      ...(options.proposals && { fleet: configSchema.parse({ fleet: { role: 'door', proposals: true } }).fleet }),
    },
    keys: { app: appKeys, admin: adminKeys },
    sessions: new Sessions({ adminKeys, idleMs: IDLE_MS, lifetimeMs: LIFETIME_MS, clock, monotonic: clock, timers }),
    signInTokens,
    cameras,
    vision: {
      modelVersion: MODEL,
      analyseImage: (bytes, options, cancelled) => pictures.analyseImage(bytes, options, cancelled),
      embedCrops: async (crops, modelVersion = MODEL) => {
        await embedGate.promise;
        const turned = modelVersion === MODEL ? 0 : 90;
        return crops.map((crop) => {
          const condition = options.conditions?.shift();
          const embedding = findEmbedding(crop[0]! + 256 * crop[1]! + turned);
          return { embedding, ...(condition && { condition }) };
        });
      },
    },
    gallery,
    findOwner: (name) => appKeys.findId(name),
    findPolicy: options.findPolicy ?? (() => 'open'),
    listThresholds: (group) => listThresholds(options.watching ?? deviceCameras, group),
    scales: options.scales ?? scales,
    ...(livenessThreshold === undefined
      ? {}
      : { livenessThresholds: { balanced: livenessThreshold, strict: livenessThreshold } }),
    ...(otherModels && { otherModels }),
    events: {
      recent: async (filter) => {
        filters.push(filter);
        if (options.reader) return options.reader.recent(filter);
        const found = events.filter(({ sequence }) => sequence < (filter.before ?? Infinity)).slice(0, filter.limit);
        const last = found.at(-1)?.sequence ?? 0;
        return last > 1 ? { events: found, before: last } : { events: found };
      },
      open: async (sequence) => options.opened?.get(sequence) ?? options.feed?.open?.(sequence),
      get last() {
        return options.feed?.last ?? 0;
      },
      readAfter: async (sequence, limit) => (await options.feed?.readAfter(sequence, limit)) ?? [],
      watch: (listener) => options.feed?.watch(listener) ?? (() => undefined),
    },
    figures: () => ({
      uptimeSeconds: 1,
      memoryBytes: 2,
      gallery: { groups: 1, faces: 0 },
      events: { stored: 0, pending: 0, published: 0, dropped: 0 },
      vision: { workers: 1, busy: 0, queued: 0, completed: 0 },
      models: [{ task: 'detector', precision: 'int8', provider: 'cpu' }],
      loopLagMs: 1.5,
      machineMemoryBytes: 4,
      machineMemoryFreeBytes: 3,
      temperatureCelsius: 41.5,
    }),
    doctor:
      options.doctor ??
      (async () => ({ version: '1', at: '2026-01-01T00:00:00.000Z', counts: { ok: 0, warn: 0, fail: 0 }, checks: [] })),
    history: options.history ?? (() => ({ stepSeconds: 10, ageMs: 0, ...EMPTY_LINES })),
    configuration: () => options.configuration ?? config,
    retention: () => ({ unknownFacesHours: 24, unknownFacesMax: 10, eventsHours: 168, eventsMax: 1_000 }),
    privacy,
    unknownFaces,
    audit,
    auditLog: audit,
    signingKey: () => ({
      keyId: '0123456789abcdef',
      algorithm: 'Ed25519',
      publicKeyPem: '-----BEGIN PUBLIC KEY-----\n',
      publicKeyJwk: { kty: 'OKP', crv: 'Ed25519', x: 'x', kid: '0123456789abcdef', use: 'sig', alg: 'EdDSA' },
    }),
    health: options.health ?? (() => ({ status: 200, body: { status: 'ok', ready: true, parts: OK_PARTS } })),
    fleet: options.fleet,
    clock,
    timers,
    log,
    ...(observed && { observer: { observeRequest: ({ route, status }) => observed.push([route, status]) } }),
  });
  const { services } = device;
  const nhn = createNhnApi({ config, vision: new ScriptedVision(), gallery, appKeys, scales, requestLimits, log });
  const server = new ApiServer({
    config,
    apis: [...(options.apis ?? []), device, nhn],
    limits: requestLimits,
    log,
    ...(options.stopTimeoutMs === undefined ? {} : { stopTimeoutMs: options.stopTimeoutMs }),
  });
  await server.start(signal);
  const origin = `http://127.0.0.1:${server.address.port}`;
  const authorization = `Bearer ${adminKey}`;
  return {
    cameras,
    services,
    gallery,
    unknownFaces,
    privacy,
    audit,
    store,
    server,
    pictures,
    embedGate,
    origin,
    appKey,
    adminKey,
    adminKeys,
    signInTokens,
    owner: owner.id,
    filters,
    async call(method, path, body, headers = { authorization }) {
      const response = await fetch(`${origin}/device/v1${path}`, {
        method,
        headers,
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, headers: response.headers, body: parsed(text) as Body };
    },
    fetch: (path, init = {}) =>
      fetch(`${origin}/device/v1${path}`, { ...init, headers: { authorization, ...init.headers } }),
    async audited() {
      const { records } = await audit.list({}, { limit: 1_000 });
      return records.reverse().map(({ action, actor, subject }) => [action, actor, subject]);
    },
    async close() {
      await server.stop();
      for (const part of [...parts].reverse()) await part.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A promise to be resolved by hand. */
export function gate(): { promise: Promise<void>; open: () => void } {
  let open: () => void = () => undefined;
  const promise = new Promise<void>((resolve) => (open = resolve));
  return { promise, open };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function cameraConfig(id: string, rest: Partial<CameraConfig> = {}): CameraConfig {
  const camera = { id, group: 'door', source: { type: 'file', path: 'none' }, ...rest };
  return configSchema.parse({ cameras: [camera] }).cameras[0]!;
}
