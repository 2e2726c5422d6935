// Progress of a long task: a bar on a terminal, a line now and then elsewhere.
import type { Clock } from '../domain/time.js';

/** Standard output or error, or what stands for it in a test. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

export interface ProgressOptions {
  output: Output;
  clock: Clock;
  /** What is being done, such as a file's name. */
  label: string;
  /** Bytes or items in all; undefined where it is not known. */
  total: number | undefined;
  unit: 'bytes' | 'count';
}

const REDRAW_MS = 100;
/** Between two lines elsewhere, where each is a tenth more … */
const TENTH_MS = 1_000;
/** … and where the total is not known. */
const SPARSE_MS = 10_000;
const MAX_BAR = 30;

export class Progress {
  readonly #options: ProgressOptions;
  readonly #beganMs: number;
  #done = 0;
  #drawnMs = -Infinity;
  /** Tenths already told, off a terminal. */
  #tenths = 0;
  #ended = false;

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#beganMs = options.clock();
    this.#drawnMs = options.output.isTTY ? -Infinity : this.#beganMs;
  }

  /** @param done bytes or items so far, not since the last call */
  update(done: number): void {
    if (this.#ended) return;
    this.#done = done;
    if (this.#options.output.isTTY) this.#draw();
    else this.#tell();
  }

  /** Everything is done: leaves one line behind. */
  finish(): void {
    this.#end(`${this.#options.label}: ${this.#amount(this.#done)}${this.#rate()}, done`);
  }

  /** The task was given up: leaves one line behind, if anything was done at all. */
  fail(): void {
    const { label, total } = this.#options;
    const inAll = total === undefined ? '' : ` of ${this.#amount(total)}`;
    this.#end(this.#done > 0 ? `${label}: stopped at ${this.#amount(this.#done)}${inAll}` : '');
  }

  #end(line: string): void {
    if (this.#ended) return;
    this.#ended = true;
    const { output } = this.#options;
    if (output.isTTY && this.#drawnMs !== -Infinity) output.write('\r\u001b[K');
    if (line) output.write(`${line}\n`);
  }

  #draw(): void {
    const { output, clock, label, total } = this.#options;
    const nowMs = clock();
    if (nowMs - this.#drawnMs < REDRAW_MS) return;
    this.#drawnMs = nowMs;
    const columns = output.columns ?? 80;
    const figures =
      total === undefined ? this.#amount(this.#done) : `${this.#amount(this.#done)} of ${this.#amount(total)}`;
    const text = `${figures}${this.#rate()}`;
    const room = Math.min(MAX_BAR, columns - label.length - text.length - 10);
    const middle =
      total === undefined || room < 5 ? '' : `${bar(this.#share(total), room)} ${percent(this.#share(total))} `;
    output.write(`\r\u001b[K${`${label} ${middle}${text}`.slice(0, columns - 1)}`);
  }

  #tell(): void {
    const { output, clock, label, total } = this.#options;
    const nowMs = clock();
    if (nowMs - this.#drawnMs < (total === undefined ? SPARSE_MS : TENTH_MS)) return;
    if (total === undefined) {
      output.write(`${label}: ${this.#amount(this.#done)}\n`);
    } else {
      const tenths = Math.floor(this.#share(total) * 10);
      // The last tenth is told by finish().
      if (tenths <= this.#tenths || tenths >= 10) return;
      this.#tenths = tenths;
      output.write(`${label}: ${tenths * 10} % of ${this.#amount(total)}\n`);
    }
    this.#drawnMs = nowMs;
  }

  #share(total: number): number {
    return total > 0 ? Math.min(1, this.#done / total) : 1;
  }

  #amount(value: number): string {
    return this.#options.unit === 'bytes' ? bytesText(value) : value.toLocaleString('en');
  }

  #rate(): string {
    const seconds = (this.#options.clock() - this.#beganMs) / 1000;
    return seconds >= 1 && this.#done > 0 ? `, ${this.#amount(Math.round(this.#done / seconds))}/s` : '';
  }
}

/** Decimal, with one digit after the point from kB on. */
export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

function bar(share: number, width: number): string {
  const filled = Math.round(share * width);
  return `[${'#'.repeat(filled)}${'.'.repeat(width - filled)}]`;
}

function percent(share: number): string {
  return `${String(Math.floor(share * 100)).padStart(3)} %`;
}
