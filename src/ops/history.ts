// The history of rates and latency in memory: one hour in fine steps and one day in coarse ones, in a fixed number of bytes.

/** How one line of the history is measured. Counters count since the start of the service. */
export type Measure =
  /** Mean, or highest, of the readings of a step; a reading that is undefined is left out. */
  | { kind: 'mean' | 'max'; read: () => number | undefined }
  /** Increase of a counter per second. */
  | { kind: 'rate'; read: () => number }
  /** Increase of a counter, such as a sum of milliseconds, for each increase of another one by 1. */
  | { kind: 'ratio'; read: () => number; per: () => number };

export const HISTORY_SPANS = ['hour', 'day'] as const;
export type HistorySpan = (typeof HISTORY_SPANS)[number];

/** Time between two readings, which is the fine step. */
export const READING_MS = 10_000;
/** Steps that are kept, and readings in each. */
const STEPS = { hour: { count: 360, readings: 1 }, day: { count: 288, readings: 30 } } as const;

/** Steps of one span, the oldest first. A value is null where nothing was measured. */
export interface HistoryLines {
  stepSeconds: number;
  /** Milliseconds since the last step ended. */
  ageMs: number;
  /** Values by measure, in the order of the measures: as many for each as steps have ended since the start, up to the limit. */
  lines: (number | null)[][];
}

/**
 * Bytes of the values of a history: 648 single-precision numbers for each measure. A service with 4 cameras has 21 measures and takes 54 kB.
 * Beside them, each measure has 7 numbers for each span.
 */
export function countHistoryBytes(measures: number): number {
  return (STEPS.hour.count + STEPS.day.count) * Float32Array.BYTES_PER_ELEMENT * measures;
}

export class History {
  readonly #measures: readonly Measure[];
  readonly #spans: Readonly<Record<HistorySpan, SpanSteps>>;

  constructor(measures: readonly Measure[]) {
    this.#measures = measures;
    this.#spans = {
      hour: new SpanSteps(measures, STEPS.hour),
      day: new SpanSteps(measures, STEPS.day),
    };
  }

  /**
   * Reads every measure once. Call it every READING_MS.
   * @param nowMs monotonic; where readings were left out, their steps have no values
   */
  take(nowMs: number): void {
    const readings = this.#measures.map((measure) => ({
      value: measure.read(),
      per: measure.kind === 'ratio' ? measure.per() : 0,
    }));
    for (const span of HISTORY_SPANS) this.#spans[span].add(readings, nowMs);
  }

  /** @param nowMs monotonic */
  lines(span: HistorySpan, nowMs: number): HistoryLines {
    return this.#spans[span].lines(nowMs);
  }
}

interface Reading {
  value: number | undefined;
  per: number;
}

/** The steps of one span: a ring of values for each measure, and the step under way. */
class SpanSteps {
  readonly #measures: readonly Measure[];
  readonly #steps: { count: number; readings: number };
  /** Ring of each measure, one behind the other. */
  readonly #values: Float32Array;
  /** Sum or highest value, and number, of the readings of the step under way. */
  readonly #sums: Float64Array;
  readonly #counts: Float64Array;
  /** Counters at the beginning of the step under way. */
  readonly #fromValues: Float64Array;
  readonly #fromPers: Float64Array;
  /** Number of steps that have ended, at most all. */
  #ended = 0;
  /** Place of the next step in the rings. */
  #next = 0;
  #stepBeganMs: number | undefined;

  constructor(measures: readonly Measure[], steps: { count: number; readings: number }) {
    this.#measures = measures;
    this.#steps = steps;
    this.#values = new Float32Array(measures.length * steps.count).fill(NaN);
    this.#sums = new Float64Array(measures.length);
    this.#counts = new Float64Array(measures.length);
    this.#fromValues = new Float64Array(measures.length);
    this.#fromPers = new Float64Array(measures.length);
  }

  get #stepMs(): number {
    return this.#steps.readings * READING_MS;
  }

  add(readings: readonly Reading[], nowMs: number): void {
    const beganMs = this.#stepBeganMs;
    if (beganMs === undefined) return this.#begin(readings, nowMs);
    for (const [index, { value }] of readings.entries()) this.#collect(index, value);
    // Half a reading of slack: timers are late, and never exact.
    const elapsedMs = nowMs - beganMs;
    if (elapsedMs < this.#stepMs - READING_MS / 2) return;
    const passed = Math.round(elapsedMs / this.#stepMs);
    // Nobody measured in the steps before this one: the machine or the service stood still.
    for (let left = Math.min(passed - 1, this.#steps.count); left > 0; left--) this.#end(() => NaN);
    this.#end((index) => this.#value(index, readings[index], elapsedMs));
    this.#begin(readings, nowMs);
  }

  lines(nowMs: number): HistoryLines {
    const { count } = this.#steps;
    const lines = this.#measures.map((_, index) => {
      const ring = this.#values.subarray(index * count, (index + 1) * count);
      return Array.from({ length: this.#ended }, (_, step) => {
        const value = ring[(this.#next - this.#ended + step + count) % count];
        return value === undefined || Number.isNaN(value) ? null : value;
      });
    });
    return { stepSeconds: this.#stepMs / 1_000, ageMs: nowMs - (this.#stepBeganMs ?? nowMs), lines };
  }

  #begin(readings: readonly Reading[], nowMs: number): void {
    this.#stepBeganMs = nowMs;
    this.#sums.fill(0);
    this.#counts.fill(0);
    for (const [index, { value, per }] of readings.entries()) {
      this.#fromValues[index] = value ?? 0;
      this.#fromPers[index] = per;
    }
  }

  #collect(index: number, value: number | undefined): void {
    if (value === undefined || !Number.isFinite(value)) return;
    const sum = this.#sums[index] ?? 0;
    const isFirst = this.#counts[index] === 0;
    this.#sums[index] = this.#measures[index]?.kind === 'max' ? (isFirst ? value : Math.max(sum, value)) : sum + value;
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
  }

  /** Returns the value of a measure in the step that ends; NaN where there is none. */
  #value(index: number, reading: Reading | undefined, elapsedMs: number): number {
    const kind = this.#measures[index]?.kind;
    const [sum = 0, count = 0] = [this.#sums[index], this.#counts[index]];
    const increase = (reading?.value ?? NaN) - (this.#fromValues[index] ?? NaN);
    // A counter that went back was reset.
    const isReset = increase < 0;
    switch (kind) {
      case 'max':
        return count === 0 ? NaN : sum;
      case 'rate':
        return isReset ? NaN : (increase * 1_000) / elapsedMs;
      case 'ratio': {
        const per = (reading?.per ?? NaN) - (this.#fromPers[index] ?? NaN);
        return isReset || !(per > 0) ? NaN : increase / per;
      }
      default:
        return count === 0 ? NaN : sum / count;
    }
  }

  #end(value: (index: number) => number): void {
    const { count } = this.#steps;
    for (const index of this.#measures.keys()) this.#values[index * count + this.#next] = value(index);
    this.#next = (this.#next + 1) % count;
    this.#ended = Math.min(this.#ended + 1, count);
  }
}
