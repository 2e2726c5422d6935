// Harness of the API tests: a vision that reads its answer from the picture, and a server on a free port of 127.0.0.1.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KeyRegistry } from '../../src/keys/key-registry.js';
import { createRequestLimits } from '../../src/api/core/request-limits.js';
import { ApiServer, type ServicePage } from '../../src/api/core/server.js';
import { createNhnApi, type NhnApiParts } from '../../src/api/nhn/create.js';
import { configSchema, type Config } from '../../src/config/schema.js';
import type { EnrolmentPolicies } from '../../src/domain/enrolment-policy.js';
import type { FaceCondition } from '../../src/domain/condition.js';
import { isEligible, type AnalysedImage, type Face, type FaceFlaw, type Quality } from '../../src/domain/face.js';
import { silentLog, type Log } from '../../src/domain/log.js';
import { SimilarityScales } from '../../src/domain/similarity-scales.js';
import { AppError, type ErrorCode } from '../../src/errors.js';
import type { LevelGallery } from '../../src/gallery/leveldb-gallery.js';
import type { AnalyseOptions } from '../../src/vision/vision.js';
import { openKeys } from '../keys/support.js';
import { openGallery } from './gallery.js';

export const MODEL = 'test-1';
export const DIMENSIONS = 8;

/** A straight scale: cosine c is similarity 100 c, so that tests can say what they expect. */
export const scales = new SimilarityScales({
  points: [
    { cosine: 0.5, similarity: 50, far: 1e-3 },
    { cosine: 0.9, similarity: 90, far: 1e-5 },
  ],
});

/** One face of a scripted picture. */
export interface ScriptedFace {
  /** Pixels: x0, y0, x1, y1. */
  box: [number, number, number, number];
  /** The embedding is (cos, sin, 0 …) of it: two faces have the cosine of the difference. */
  degrees?: number;
  yaw?: number;
  pitch?: number;
  masked?: boolean;
  quality?: Partial<Quality>;
  /** Grey value of the whole crop. */
  grey?: number;
  condition?: FaceCondition;
  flaw?: FaceFlaw;
  liveness?: number;
}

/** A picture of 1000 x 500 px, as the scripted vision reads it. */
export type Script = { faces: ScriptedFace[] } | { error: ErrorCode } | { crash: string };

export function picture(...faces: ScriptedFace[]): { bytes: string } {
  return scripted({ faces });
}

export function scripted(script: Script): { bytes: string } {
  return { bytes: Buffer.from(JSON.stringify(script)).toString('base64') };
}

export function face(degrees: number, rest: Partial<ScriptedFace> = {}): ScriptedFace {
  return { box: [100, 100, 300, 350], degrees, ...rest };
}

/** Answers what the picture says, as the contract of Vision wants it: largest first, embeddings for eligible faces only. */
export class ScriptedVision {
  modelVersion = MODEL;
  hasLiveness = false;
  readonly calls: AnalyseOptions[] = [];
  /** Signals of the calls, in order: aborted when the client has gone. */
  readonly signals: (AbortSignal | undefined)[] = [];
  /** Awaited before every answer. */
  gate: Promise<void> = Promise.resolve();

  async analyseImage(bytes: Uint8Array, options: AnalyseOptions, cancelled?: AbortSignal): Promise<AnalysedImage> {
    this.calls.push(options);
    this.signals.push(cancelled);
    await this.gate;
    cancelled?.throwIfAborted();
    let script: Script;
    try {
      script = JSON.parse(Buffer.from(bytes).toString()) as Script;
    } catch {
      throw new AppError('INVALID_IMAGE_FORMAT', 'neither', { detail: 'The picture is neither JPEG nor PNG.' });
    }
    if ('error' in script) throw new AppError(script.error, `scripted ${script.error}`);
    if ('crash' in script) throw new TypeError(script.crash);
    const faces = script.faces.map((entry) => scriptedFace(entry, options));
    faces.sort((a, b) => area(b) - area(a));
    let left = options.embed;
    for (const one of faces) {
      if (left === 0 || !isEligible(one)) {
        delete one.embedding;
        delete one.condition;
      } else left--;
    }
    return { widthPx: 1000, heightPx: 500, faces };
  }
}

function area({ boxPx }: Face): number {
  return (boxPx.x1 - boxPx.x0) * (boxPx.y1 - boxPx.y0);
}

function scriptedFace(entry: ScriptedFace, options: AnalyseOptions): Face {
  const [x0, y0, x1, y1] = entry.box;
  const radians = ((entry.degrees ?? 0) * Math.PI) / 180;
  const embedding = new Float32Array(DIMENSIONS);
  embedding.set([Math.cos(radians), Math.sin(radians)]);
  const point = { x: (x0 + x1) / 2, y: (y0 + y1) / 2 };
  return {
    boxPx: { x0, y0, x1, y1 },
    landmarksPx: [point, point, point, point, point],
    detectionScore: 0.98765,
    pose: { yaw: entry.yaw ?? 1.5, pitch: entry.pitch ?? -2.25, roll: 3 },
    quality: { size: 1, sharpness: 1, pose: 1, exposure: 1, detection: 1, overall: 1, ...entry.quality },
    ...(options.crops && { crop: new Uint8Array(112 * 112 * 3).fill(entry.grey ?? 128) }),
    embedding,
    ...(entry.condition && { condition: entry.condition }),
    ...(entry.flaw && { flaw: entry.flaw }),
    ...(options.mask ? { masked: entry.masked ?? false } : {}),
    ...(options.liveness ? { livenessScore: entry.liveness } : {}),
  };
}

export interface LogLine {
  level: string;
  message: string;
  fields: Record<string, unknown>;
}

export function recordingLog(): Log & { lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at = (level: string) => (fields: object, message: string) => {
    lines.push({ level, message, fields: { ...fields } });
  };
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

export interface Answer {
  header: { isSuccessful: boolean; resultCode: number; resultMessage: string; detail?: string };
  data?: Record<string, unknown>;
}

export interface Harness {
  vision: ScriptedVision;
  gallery: LevelGallery;
  appKeys: KeyRegistry;
  server: ApiServer;
  /** `http://127.0.0.1:port` */
  origin: string;
  /** The base path with a valid appKey in it. */
  base: string;
  appKey: string;
  secretKey: string;
  /** The id of that appKey. */
  owner: string;
  call(method: string, path: string, body?: unknown): Promise<Answer>;
  /** Calls dialect v2.0: with its base path and the secretKey. */
  callV2(method: string, path: string, body?: unknown): Promise<Answer>;
  close(): Promise<void>;
}

export interface HarnessOptions extends Partial<Omit<NhnApiParts, 'config'>> {
  http?: Partial<Config['http']>;
  images?: Partial<Config['images']>;
  limits?: { maxGroups?: number; maxFacesPerGroup?: number };
  policies?: EnrolmentPolicies;
  pages?: readonly ServicePage[];
  tlsCheckIntervalMs?: number;
  stopTimeoutMs?: number;
}

export function testConfig(options: Pick<HarnessOptions, 'http' | 'images'> = {}): Pick<Config, 'http' | 'images'> {
  const config = configSchema.parse({});
  return { http: { ...config.http, port: 0, ...options.http }, images: { ...config.images, ...options.images } };
}

/** Starts a server of its own on real parts, except for the vision. */
export async function startHarness(options: HarnessOptions = {}): Promise<Harness> {
  const { http, images, limits, policies, pages, tlsCheckIntervalMs, stopTimeoutMs, ...rest } = options;
  const folder = await mkdtemp(join(tmpdir(), 'lintel-api-'));
  const vision = new ScriptedVision();
  const opened = await openGallery(folder, limits, policies);
  const { appKeys } = await openKeys(opened.store);
  const { key, secretKey = '', entry: appKey } = await appKeys.create('default');
  const config = testConfig({ ...(http && { http }), ...(images && { images }) });
  const requestLimits = createRequestLimits(config);
  const parts = { config, vision, gallery: opened.gallery, appKeys, scales, requestLimits, log: silentLog, ...rest };
  const server = new ApiServer({
    config,
    apis: [createNhnApi(parts)],
    limits: parts.requestLimits,
    log: parts.log,
    ...(pages && { pages }),
    ...(tlsCheckIntervalMs !== undefined && { tlsCheckIntervalMs }),
    ...(stopTimeoutMs !== undefined && { stopTimeoutMs }),
  });
  await server.start(new AbortController().signal);
  const origin = `http://127.0.0.1:${server.address.port}`;
  const base = `/nhn-face-reco/v1.0/appkeys/${key}`;
  return {
    vision,
    gallery: opened.gallery,
    appKeys,
    server,
    origin,
    base,
    appKey: key,
    secretKey,
    owner: appKey.id,
    call: (method, path, body) => callJson(method, `${origin}${base}${path}`, body),
    callV2: (method, path, body) =>
      callJson(method, `${origin}/v2.0/appkeys/${key}${path}`, body, { authorization: secretKey }),
    close: async () => {
      await server.stop();
      await opened.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** @param body sent as it is when a string or a form, as JSON otherwise @throws when the answer is not 200 and JSON */
export async function callJson(
  method: string,
  url: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(url, {
    method,
    headers,
    ...(body !== undefined && {
      body: typeof body === 'string' || body instanceof FormData ? body : JSON.stringify(body),
    }),
  });
  if (response.status !== 200) throw new Error(`${method} answered ${response.status}`);
  return (await response.json()) as Answer;
}
