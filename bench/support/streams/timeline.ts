// Timelines: which pictures a camera sends at which time, and with which time stamps. All habits of time are changes of such a list.
import type { Clip, Packet, VideoCodec } from './clips.js';

/** Interval of the pictures of a frozen encoder. */
const FROZEN_EVERY_MS = 100;

/** One picture that a camera sends. */
export interface Unit {
  /** Time of sending, in milliseconds from the start of the timeline. */
  atMs: number;
  /** Presentation time, in milliseconds of the camera's clock. */
  stampMs: number;
  codec: VideoCodec;
  data: Buffer;
  isKey: boolean;
  sceneMs: number;
  /** The clip that it is of, for the description of the stream. */
  clip: Clip;
}

/** Plays clips one after the other. */
export function play(...clips: readonly Clip[]): Unit[] {
  const units: Unit[] = [];
  let startMs = 0;
  for (const clip of clips) {
    units.push(...clip.packets.map((packet) => createUnit(packet, clip, startMs)));
    startMs += clip.durationMs;
  }
  return units;
}

function createUnit({ data, isKey, sentMs, stampMs, sceneMs }: Packet, clip: Clip, startMs: number): Unit {
  return { atMs: startMs + sentMs, stampMs: startMs + stampMs, codec: clip.order.codec, data, isKey, sceneMs, clip };
}

/** Inserts a pause: all units from `fromMs` on are sent later, and their time stamps as well. */
export function pauseAt(units: readonly Unit[], fromMs: number, durationMs: number): Unit[] {
  return units.map((unit) =>
    unit.atMs < fromMs ? unit : { ...unit, atMs: unit.atMs + durationMs, stampMs: unit.stampMs + durationMs },
  );
}

/** Holds the units of a time back, and sends them all at once at its end. */
export function holdBack(units: readonly Unit[], fromMs: number, toMs: number): Unit[] {
  return units.map((unit) => (unit.atMs >= fromMs && unit.atMs < toMs ? { ...unit, atMs: toMs } : unit));
}

/** Changes the time stamps from a moment on. */
export function restamp(units: readonly Unit[], fromMs: number, change: (stampMs: number) => number): Unit[] {
  return units.map((unit) => (unit.atMs < fromMs ? unit : { ...unit, stampMs: change(unit.stampMs) }));
}

/**
 * Sends the last key frame before a moment again and again, as a frozen encoder does, and then goes on.
 * @param stampsMove false: all of them have the time stamp of the key frame
 */
export function freezeAt(units: readonly Unit[], fromMs: number, durationMs: number, stampsMove = true): Unit[] {
  const index = units.findLastIndex(({ atMs, isKey }) => isKey && atMs <= fromMs);
  const key = units[index];
  if (!key) throw new RangeError('a frozen stream needs a key frame');
  const frozen = Array.from({ length: Math.floor(durationMs / FROZEN_EVERY_MS) }, (_, n) => {
    const sinceMs = (n + 1) * FROZEN_EVERY_MS;
    return { ...key, atMs: key.atMs + sinceMs, stampMs: key.stampMs + (stampsMove ? sinceMs : 0) };
  });
  return [...units.slice(0, index + 1), ...frozen, ...pauseAt(units.slice(index + 1), 0, durationMs)];
}

export function findEnd(units: readonly Unit[]): number {
  return Math.max(0, ...units.map(({ atMs }) => atMs)) + 40;
}
