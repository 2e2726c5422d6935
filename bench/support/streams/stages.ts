// Sets cameras up for the recipes: over RTSP, over HTTP in its forms, and as files.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import type { Clip } from './clips.js';
import { HlsCamera, MultipartCamera, SnapshotCamera, TransportStreamCamera, type HttpCamera } from './http-server.js';
import type { Stage } from './kind.js';
import { RtspServer, type RtspOptions } from './rtsp-server.js';
import { SCENE_FRAME_MS } from './scene.js';
import { findEnd, play, type Unit } from './timeline.js';

const run = promisify(execFile);

export interface RtspStageOptions extends Omit<RtspOptions, 'units'> {
  /** Further keys of the source. */
  source?: Record<string, unknown>;
  password?: string;
  /** Called when the camera listens; it may act on the camera at times of its own. */
  onStart?: (server: RtspServer) => void;
  /** Lists what the server noticed and did not expect. */
  problems?: (server: RtspServer) => string[];
}

/** Sets up a camera that plays a timeline over RTSP. */
export async function openRtsp(units: readonly Unit[], options: RtspStageOptions = {}): Promise<Stage> {
  const { source, password, onStart, problems, ...serverOptions } = options;
  const server = new RtspServer({ units, ...serverOptions });
  const port = await server.start();
  onStart?.(server);
  return {
    source: { type: 'url', url: `rtsp://127.0.0.1:${port}/door`, ...source },
    ...(password === undefined ? {} : { password }),
    durationMs: findEnd(units),
    fps: findRate(units),
    startedAtMs: () => server.startedAtMs,
    sentAtMs: (sceneMs, nowMs) => findSending(units, server.startedAtMs, sceneMs, nowMs),
    ...(problems && { problems: () => problems(server) }),
    stop: () => server.stop(),
  };
}

/** Sets up a camera that sends the JPEGs of a timeline as the parts of an answer. @param partHeaders see MultipartCamera */
export function openMultipart(units: readonly Unit[], partHeaders?: (jpeg: Buffer) => string): Promise<Stage> {
  return openHttp(new MultipartCamera(units, partHeaders), 'door', { units });
}

/** Sets up a camera that answers each request with the JPEG of the moment. */
export async function openSnapshot(units: readonly Unit[], source: Record<string, unknown>): Promise<Stage> {
  const stage = await openHttp(new SnapshotCamera(units), 'door.jpg', { units });
  return { ...stage, source: { ...stage.source, ...source }, fps: 0 };
}

export function openTransportStream(clip: Clip): Promise<Stage> {
  return openHttp(new TransportStreamCamera(clip), 'door.ts', { units: play(clip) });
}

export function openHls(clip: Clip): Promise<Stage> {
  return openHttp(new HlsCamera(clip), 'live.m3u8', { units: play(clip) });
}

async function openHttp(camera: HttpCamera, path: string, { units }: { units: readonly Unit[] }): Promise<Stage> {
  const port = await camera.start();
  return {
    source: { type: 'url', url: `http://127.0.0.1:${port}/${path}` },
    durationMs: findEnd(units),
    fps: findRate(units),
    startedAtMs: () => camera.startedAtMs,
    sentAtMs: (sceneMs, nowMs) => findSending(units, camera.startedAtMs, sceneMs, nowMs),
    stop: () => camera.stop(),
  };
}

/** Writes a clip as an MP4 whose display matrix turns it, and plays it as a file. @param degrees as ffmpeg's `rotate` tag */
export async function openTurnedFile(clip: Clip, degrees: number): Promise<Stage> {
  const path = clip.transportStream.replace(/clip\.ts$/, `turned-${degrees}.mp4`);
  if (!existsSync(path)) {
    const turn = ['-c', 'copy', '-metadata:s:v:0', `rotate=${degrees}`];
    await run('ffmpeg', ['-v', 'error', '-y', '-i', clip.transportStream, ...turn, path]);
  }
  return {
    source: { type: 'file', path },
    durationMs: clip.durationMs,
    fps: clip.order.fps,
    stop: async () => undefined,
  };
}

/** Counts the pictures of a second, over the whole timeline. */
function findRate(units: readonly Unit[]): number {
  return (units.length * 1_000) / findEnd(units);
}

/** Finds when a moment of the scene was sent last, by the nearest picture. */
function findSending(
  units: readonly Unit[],
  startedAtMs: number | undefined,
  sceneMs: number,
  nowMs: number,
): number | undefined {
  if (startedAtMs === undefined) return undefined;
  let found: Unit | undefined;
  let nearestMs = Infinity;
  for (const unit of units) {
    if (startedAtMs + unit.atMs > nowMs) continue;
    const distanceMs = Math.abs(unit.sceneMs - sceneMs);
    if (distanceMs < nearestMs - SCENE_FRAME_MS / 2 || (found && distanceMs <= nearestMs && unit.atMs >= found.atMs)) {
      found = unit;
      nearestMs = Math.min(nearestMs, distanceMs);
    }
  }
  return found && startedAtMs + found.atMs;
}
