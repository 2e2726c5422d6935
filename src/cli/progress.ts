// The progress of a long task: a bar on a terminal, and a line now and then in a log.
import type { Clock } from '../domain/time.js';
import { formatBytes, type Output } from './output.js';

export interface ProgressOptions {
  output: Output;
  clock: Clock;
  /** Name of the task, such as the name of a file. */
  label: string;
  /** Number of bytes or items of the whole task; undefined where it is not known. */
  total: number | undefined;
  unit: 'bytes' | 'count';
}

/** Shortest time between two drawings on a terminal. */
const REDRAW_MS = 100;
/** Shortest time between two lines in a log, where each line is a tenth of a known total. */
const TENTH_MS = 1_000;
/** Shortest time between two lines in a log, where the total is not known. */
const UNKNOWN_TOTAL_MS = 10_000;
const MAX_BAR_COLUMNS = 30;
/** A bar with less room than this is left out. */
const MIN_BAR_COLUMNS = 5;
const DEFAULT_COLUMNS = 80;
/** Carriage return, then "erase to the end of the line". */
const ERASE_LINE = '\r\u001b[K';

export class ProgressBar {
  readonly #options: ProgressOptions;
  readonly #beganMs: number;
  #done = 0;
  #printedMs = -Infinity;
  /** Number of tenths that a line in the log has reported. */
  #tenths = 0;
  #hasEnded = false;

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#beganMs = options.clock();
    this.#printedMs = options.output.isTTY ? -Infinity : this.#beganMs;
  }

  /** @param done bytes or items since the start of the task */
  update(done: number): void {
    if (this.#hasEnded) return;
    this.#done = done;
    if (this.#options.output.isTTY) this.#draw();
    else this.#logLine();
  }

  /** Ends the progress of a task that is complete, and leaves one line behind. */
  finish(): void {
    this.#end(`${this.#options.label}: ${this.#format(this.#done)}${this.#formatRate()}, done`);
  }

  /** Ends the progress of a task that was given up. Leaves one line behind, unless nothing was done. */
  fail(): void {
    const { label, total } = this.#options;
    const ofTotal = total === undefined ? '' : ` of ${this.#format(total)}`;
    this.#end(this.#done > 0 ? `${label}: stopped at ${this.#format(this.#done)}${ofTotal}` : '');
  }

  #end(line: string): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    const { output } = this.#options;
    if (output.isTTY && this.#printedMs !== -Infinity) output.write(ERASE_LINE);
    if (line) output.write(`${line}\n`);
  }

  #draw(): void {
    const { output, clock, label, total } = this.#options;
    const nowMs = clock();
    if (nowMs - this.#printedMs < REDRAW_MS) return;
    this.#printedMs = nowMs;
    const columns = output.columns ?? DEFAULT_COLUMNS;
    const ofTotal = total === undefined ? '' : ` of ${this.#format(total)}`;
    const figures = `${this.#format(this.#done)}${ofTotal}${this.#formatRate()}`;
    const room = Math.min(MAX_BAR_COLUMNS, columns - label.length - figures.length - 10);
    let bar = '';
    if (total !== undefined && room >= MIN_BAR_COLUMNS) {
      const share = this.#computeShare(total);
      bar = `${formatBar(share, room)} ${formatPercent(share)} `;
    }
    output.write(`${ERASE_LINE}${`${label} ${bar}${figures}`.slice(0, columns - 1)}`);
  }

  #logLine(): void {
    const { output, clock, label, total } = this.#options;
    const nowMs = clock();
    if (nowMs - this.#printedMs < (total === undefined ? UNKNOWN_TOTAL_MS : TENTH_MS)) return;
    if (total === undefined) {
      output.write(`${label}: ${this.#format(this.#done)}\n`);
    } else {
      const tenths = Math.floor(this.#computeShare(total) * 10);
      // finish() reports the last tenth.
      if (tenths <= this.#tenths || tenths >= 10) return;
      this.#tenths = tenths;
      output.write(`${label}: ${tenths * 10} % of ${this.#format(total)}\n`);
    }
    this.#printedMs = nowMs;
  }

  #computeShare(total: number): number {
    return total > 0 ? Math.min(1, this.#done / total) : 1;
  }

  #format(value: number): string {
    return this.#options.unit === 'bytes' ? formatBytes(value) : value.toLocaleString('en');
  }

  #formatRate(): string {
    const seconds = (this.#options.clock() - this.#beganMs) / 1000;
    return seconds >= 1 && this.#done > 0 ? `, ${this.#format(Math.round(this.#done / seconds))}/s` : '';
  }
}

function formatBar(share: number, columns: number): string {
  const filled = Math.round(share * columns);
  return `[${'#'.repeat(filled)}${'.'.repeat(columns - filled)}]`;
}

function formatPercent(share: number): string {
  return `${String(Math.floor(share * 100)).padStart(3)} %`;
}
