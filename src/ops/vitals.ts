// The vital signs of the device, read by one timer: temperature, memory, disk, the lag of the event loop, and the history of the service.
import { statfs } from 'node:fs/promises';
import { freemem, totalmem } from 'node:os';
import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';
import type { Part } from '../domain/part.js';
import type { Clock, Timers } from '../domain/time.js';
import { History, READING_MS, type HistoryLines, type HistorySpan, type Measure } from './history.js';
import { readTemperature } from './temperature.js';

/** The newest readings; at most READING_MS old. */
export interface VitalSigns {
  /** Hottest sensor; absent where the device has none. */
  temperatureCelsius?: number;
  /** Longest delay of the event loop since the reading before. */
  loopLagMs: number;
  /** Memory of the whole machine, and what programs can still get of it. */
  machineMemoryBytes: number;
  machineMemoryFreeBytes: number;
  /** Space of the file system of the data that can still be written; absent where it cannot be asked for. */
  diskFreeBytes?: number;
}

/**
 * Interval of the timer that measures the event loop. It takes 0.26 % of a core at 20 ms, and 0.09 % at 50 ms; one reading of everything
 * takes 0.14 ms (x64 with two shared cores, November 2026). A shorter lag than the interval may be missed.
 */
const LAG_RESOLUTION_MS = 50;

export interface VitalsParts {
  dataDir: string;
  requests: Readonly<Record<RequestLine, Measure>>;
  cameras: readonly { id: string; measures: Readonly<Record<CameraLine, Measure>> }[];
  /** Folder where sysfs is mounted; default: /sys. */
  sys?: string;
  /** Monotonic, in milliseconds. */
  clock: Clock;
  timers: Timers;
}

/** Lines of the history of the whole service, and of each camera. */
const REQUEST_LINES = ['requestsPerSecond', 'requestMs'] as const;
export const SERVICE_LINES = [...REQUEST_LINES, 'memoryBytes', 'temperatureCelsius', 'loopLagMs'] as const;
export const CAMERA_LINES = ['analysedFps', 'delayMs', 'analysisMs', 'matchMs'] as const;
export type RequestLine = (typeof REQUEST_LINES)[number];
export type ServiceLine = (typeof SERVICE_LINES)[number];
export type CameraLine = (typeof CAMERA_LINES)[number];

/** Values of one line, the oldest first; null where nothing was measured. */
type LineValues = (number | null)[];

/** One span of the history, with its lines by name. */
export interface VitalHistory extends Omit<HistoryLines, 'lines'> {
  service: Record<ServiceLine, LineValues>;
  cameras: { id: string; lines: Record<CameraLine, LineValues> }[];
}

export class Vitals implements Part {
  readonly name = 'vitals';
  readonly #parts: VitalsParts;
  readonly #history: History;
  #lag: IntervalHistogram | undefined;
  #signs: VitalSigns;
  #timer: unknown;
  #reading: Promise<void> | undefined;
  #running = false;

  constructor(parts: VitalsParts) {
    this.#parts = parts;
    this.#signs = { loopLagMs: 0, machineMemoryBytes: totalmem(), machineMemoryFreeBytes: freemem() };
    const service: Record<ServiceLine, Measure> = {
      ...parts.requests,
      memoryBytes: { kind: 'mean', read: () => process.memoryUsage.rss() },
      temperatureCelsius: { kind: 'max', read: () => this.#signs.temperatureCelsius },
      loopLagMs: { kind: 'max', read: () => this.#signs.loopLagMs },
    };
    this.#history = new History([
      ...SERVICE_LINES.map((line) => service[line]),
      ...parts.cameras.flatMap(({ measures }) => CAMERA_LINES.map((line) => measures[line])),
    ]);
  }

  async start(): Promise<void> {
    this.#running = true;
    this.#lag = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS });
    this.#lag.enable();
    await this.#read();
    this.#readLater();
  }

  async stop(): Promise<void> {
    this.#running = false;
    this.#parts.timers.clearTimeout(this.#timer);
    this.#lag?.disable();
    await this.#reading;
  }

  /** Returns the newest readings. */
  signs(): VitalSigns {
    return { ...this.#signs };
  }

  history(span: HistorySpan): VitalHistory {
    const { clock, cameras } = this.#parts;
    const { lines, ...rest } = this.#history.lines(span, clock());
    const takeLines = <Name extends string>(names: readonly Name[]): Record<Name, LineValues> => {
      const taken = lines.splice(0, names.length);
      return Object.fromEntries(names.map((name, index) => [name, taken[index] ?? []])) as Record<Name, LineValues>;
    };
    const service = takeLines(SERVICE_LINES);
    return { ...rest, service, cameras: cameras.map(({ id }) => ({ id, lines: takeLines(CAMERA_LINES) })) };
  }

  #readLater(): void {
    if (!this.#running) return;
    this.#timer = this.#parts.timers.setTimeout(() => {
      this.#reading = this.#read().then(() => this.#readLater());
    }, READING_MS);
  }

  /** Never rejects. */
  async #read(): Promise<void> {
    const { dataDir, sys, clock } = this.#parts;
    const [temperature, disk] = await Promise.all([
      readTemperature(sys).catch(() => undefined),
      statfs(dataDir).catch(() => undefined),
    ]);
    this.#signs = {
      ...(temperature && { temperatureCelsius: temperature.celsius }),
      loopLagMs: this.#readLag(),
      machineMemoryBytes: totalmem(),
      machineMemoryFreeBytes: freemem(),
      ...(disk && { diskFreeBytes: disk.bavail * disk.bsize }),
    };
    this.#history.take(clock());
  }

  /** Returns the longest lag since the last call. The histogram measures the time between two ticks, which has the interval in it. */
  #readLag(): number {
    if (!this.#lag) return 0;
    const longestMs = this.#lag.max / 1e6;
    this.#lag.reset();
    return Math.max(0, longestMs - LAG_RESOLUTION_MS);
  }
}
