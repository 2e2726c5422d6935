// The report of an enrolment: counts the results, and keeps those with reasons for the terminal and for a file.
import { open, type FileHandle } from 'node:fs/promises';
import { formatResult, type PictureResult } from './picture-result.js';

export class EnrolmentReport {
  readonly counts: Record<PictureResult['outcome'], number> = {
    enrolled: 0,
    doubtful: 0,
    already: 0,
    refused: 0,
    'not-enrolled': 0,
  };
  readonly #file: FileHandle | undefined;
  /** Lines for the terminal, printed at the end: until then the terminal shows the progress bar. */
  readonly #lines: string[] = [];

  private constructor(file: FileHandle | undefined) {
    this.#file = file;
  }

  /** @param path file for the results with reasons, as JSON lines; replaced where it exists */
  static async open(path: string | undefined): Promise<EnrolmentReport> {
    return new EnrolmentReport(path === undefined ? undefined : await open(path, 'w', 0o600));
  }

  /** One line for each picture that was refused or is doubtful, and for each person without an enrolled face. */
  get lines(): string {
    return this.#lines.join('');
  }

  async add(result: PictureResult): Promise<void> {
    this.counts[result.outcome]++;
    if (result.reasons.length === 0) return;
    this.#lines.push(formatResult(result));
    await this.#file?.write(`${JSON.stringify(result)}\n`);
  }

  /**
   * @param left numbers of the pictures that an interruption left, of the videos, and of the other files that are no pictures
   * @returns one line with the number of pictures of each outcome
   */
  summarise(left: { notProcessed: number; ignoredVideos: number; ignoredFiles: number }): string {
    const { notProcessed, ignoredVideos, ignoredFiles } = left;
    const { enrolled, doubtful, already, refused, 'not-enrolled': people } = this.counts;
    const parts = [
      `${enrolled + doubtful} enrolled${doubtful > 0 ? ` (${doubtful} of them doubtful)` : ''}`,
      `${already} enrolled before`,
      `${refused} refused`,
      ...(people > 0 ? [`${people} ${people === 1 ? 'person' : 'people'} without an enrolled face`] : []),
      ...(notProcessed > 0 ? [`${notProcessed} not processed`] : []),
      ...(ignoredVideos > 0 ? [`${ignoredVideos} videos ignored`] : []),
      ...(ignoredFiles > 0 ? [`${ignoredFiles} other files ignored`] : []),
    ];
    return `${parts.join(', ')}\n`;
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }
}
