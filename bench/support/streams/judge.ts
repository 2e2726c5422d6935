// Compares what a watcher saw of a stream with what is expected.
import type { Expected, Notice, Stage } from './kind.js';
import { SCENE_FRAME_MS } from './scene.js';
import type { SeenPicture, WatchReport } from './watcher.js';

/** The result for one kind of stream. */
export interface StreamResult {
  kind: string;
  expected: readonly string[];
  events: readonly string[];
  /** Time that each notice took; undefined where it was not noticed at all. */
  notices: { what: Notice['what']; withinMs: number; tookMs: number | undefined }[];
  delivered: number;
  /** Most pictures that could be delivered; 0: unknown. */
  deliverable: number;
  broken: number;
  /** Age of the delivered pictures; absent where it cannot be known. */
  medianAgeMs?: number | undefined;
  worstAgeMs?: number | undefined;
  /** Processor time for a second of the stream, of the reading threads and of the whole process. */
  readingMs: number;
  cpuMs: number;
  memoryMb: number;
  losses: number;
  /** What was not as expected; empty where all was. */
  missed: string[];
}

/** Difference above which a delivered picture is not the one that was rendered, in grey levels. */
const BROKEN_DIFFERENCE = 8;
const DEFAULT_MAX_AGE_MS = 1_000;
const DEFAULT_MIN_DELIVERED = 0.5;
const DEFAULT_MAX_BROKEN = 0.02;

export interface Judged {
  expected: Expected;
  stage: Stage;
  report: WatchReport;
  /** Most frames that are analysed per second. */
  maxFps: number;
  /** Factor by which times may be longer and deliveries fewer, on a machine with other work. */
  patience: number;
}

export function judge(kind: string, { expected, stage, report, maxFps, patience }: Judged): StreamResult {
  const { pictures } = report;
  const missed: string[] = [...(stage.problems?.() ?? [])];
  const events = report.events.map(({ text }) => text).toSorted();
  // An uncertain event grants nothing.
  const telling = events.filter((text) => !text.startsWith('uncertain'));
  if (telling.join() !== expected.events.join()) {
    missed.push(`events: ${telling.join(', ') || 'none'}; expected: ${expected.events.join(', ') || 'none'}`);
  }

  const notices = (expected.notices ?? []).map((notice) => {
    const { what, fromMs, withinMs } = notice;
    const tookMs = measureNotice(notice, stage, report);
    if (tookMs === undefined) missed.push(`${what} from ${fromMs} ms was not noticed`);
    else if (tookMs > withinMs * patience)
      missed.push(`${what} from ${fromMs} ms took ${tookMs} ms; at most ${withinMs}`);
    return { what, withinMs, tookMs };
  });

  const deliverable = Math.floor((stage.durationMs / 1_000) * Math.min(maxFps, stage.fps || maxFps));
  const least = ((expected.minDelivered ?? DEFAULT_MIN_DELIVERED) * deliverable) / patience;
  if (pictures.length < least) missed.push(`${pictures.length} of ${deliverable} pictures were delivered`);

  const broken = pictures.filter((picture) => picture.isTrusted && isBroken(picture)).length;
  if (broken > Math.max(1, (expected.maxBroken ?? DEFAULT_MAX_BROKEN) * pictures.length)) {
    missed.push(`${broken} of ${pictures.length} pictures are broken`);
  }

  const aged = pictures.map((picture) => ({ picture, ageMs: measureAge(picture, stage) }));
  const ages = aged.flatMap(({ ageMs, picture }) => (ageMs === undefined || !picture.isTrusted ? [] : [ageMs]));
  const maxAgeMs = (expected.maxAgeMs ?? DEFAULT_MAX_AGE_MS) * patience;
  const worstAgeMs = ages.length === 0 ? undefined : Math.max(...ages);
  if (worstAgeMs !== undefined && worstAgeMs > maxAgeMs) {
    missed.push(`a picture was ${worstAgeMs} ms old; at most ${maxAgeMs}`);
  }
  for (const { text, capturedAtMs } of report.events.filter((event) => event.text.startsWith('match'))) {
    const ageMs = aged.find(({ picture }) => picture.capturedAtMs === capturedAtMs)?.ageMs;
    if (ageMs !== undefined && ageMs > maxAgeMs) missed.push(`${text} rests on a picture that was ${ageMs} ms old`);
  }

  const { healthSays, healthNever } = expected;
  if (healthSays && !report.health.some(({ detail }) => healthSays.test(detail))) {
    const said = [...new Set(report.health.map(({ status, detail }) => detail || status))].join(' | ');
    missed.push(`the health never said ${healthSays.source}, but: ${said}`);
  }
  const unwanted = healthNever && report.health.find(({ detail }) => healthNever.test(detail));
  if (unwanted) missed.push(`the health said: ${unwanted.detail}`);
  const perSecond = (value: number): number => (report.seconds > 0 ? value / report.seconds : 0);
  return {
    kind,
    expected: expected.events,
    events,
    notices,
    delivered: pictures.length,
    deliverable,
    broken,
    medianAgeMs: ages.toSorted((a, b) => a - b)[ages.length >> 1],
    worstAgeMs,
    readingMs: perSecond(report.readingMs),
    cpuMs: perSecond(report.cpuMs),
    memoryMb: report.memoryMb,
    losses: report.losses + report.reopenings,
    missed,
  };
}

/** Describes a kind that could not be watched at all. */
export function createFailure(kind: string, expected: Expected, problem: string): StreamResult {
  const notices = (expected.notices ?? []).map(({ what, withinMs }) => ({ what, withinMs, tookMs: undefined }));
  const nothing = { delivered: 0, deliverable: 0, broken: 0, readingMs: 0, cpuMs: 0, memoryMb: 0, losses: 0 };
  return { kind, expected: expected.events, events: [], notices, ...nothing, missed: [problem] };
}

function measureNotice({ what, fromMs }: Notice, stage: Stage, report: WatchReport): number | undefined {
  const startedAtMs = stage.startedAtMs?.() ?? report.health[0]?.atMs;
  if (startedAtMs === undefined) return undefined;
  const sinceMs = startedAtMs + fromMs;
  const seenMs =
    what === 'picture'
      ? report.pictures.find((picture) => {
          if (!picture.isTrusted || isBroken(picture) || picture.atMs < sinceMs) return false;
          const sentMs = picture.atMs - (measureAge(picture, stage) ?? 0);
          return sentMs >= sinceMs - SCENE_FRAME_MS;
        })?.atMs
      : report.health.find(
          ({ atMs, status, detail }) =>
            atMs >= sinceMs && (what === 'lost' ? detail.includes('is lost') : status === 'failed'),
        )?.atMs;
  return seenMs === undefined ? undefined : Math.max(0, Math.round(seenMs - sinceMs));
}

/** Returns the time from the sending of a picture to its delivery; undefined where it cannot be known. */
function measureAge(picture: SeenPicture, stage: Stage): number | undefined {
  if (picture.number === undefined || isBroken(picture)) return undefined;
  const sentMs = stage.sentAtMs?.(picture.number * SCENE_FRAME_MS, picture.atMs);
  return sentMs === undefined ? undefined : Math.max(0, Math.round(picture.atMs - sentMs));
}

function isBroken({ difference }: SeenPicture): boolean {
  return difference === undefined || difference > BROKEN_DIFFERENCE;
}
