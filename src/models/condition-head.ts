// Condition heads on the disk: the file that the manifest names for an embedder.
import { dirname, join } from 'node:path';
import * as z from 'zod';
import { ConditionHead } from '../domain/condition-head.js';
import { AppError, describeError } from '../errors.js';
import { readFileAtMostSync } from '../platform/read-file.js';
import { MANIFEST_PATH, type EmbedderModel } from './manifest.js';

/** The largest head has 0.3 MB. */
const MAX_HEAD_BYTES = 16_000_000;

const row = z.array(z.number()).max(4096);
const headFile = z.strictObject({
  /** The training, in words: script, faces, date. */
  source: z.string(),
  hidden: z.array(row).min(1).max(256),
  hiddenBias: row,
  output: z.array(row),
  outputBias: row,
});

/**
 * Loads the head of an embedder.
 * @param folder folder of the manifest
 * @returns undefined for an embedder without a head
 * @throws AppError MODEL_INVALID where the file cannot be read, or does not fit the embedder
 */
export function loadConditionHead(
  { file, conditionHead, output }: Pick<EmbedderModel, 'file' | 'conditionHead' | 'output'>,
  folder: string = dirname(MANIFEST_PATH),
): ConditionHead | undefined {
  if (conditionHead === undefined) return undefined;
  const path = join(folder, conditionHead);
  let head: ConditionHead;
  try {
    head = new ConditionHead(headFile.parse(JSON.parse(readFileAtMostSync(path, MAX_HEAD_BYTES).toString())));
  } catch (cause) {
    throw new AppError('MODEL_INVALID', `the condition head ${path} is not valid: ${describeError(cause)}`, { cause });
  }
  if (head.dimensions === output.dimensions) return head;
  const problem = `has ${head.dimensions} dimensions, but the embedder ${file} has ${output.dimensions}`;
  throw new AppError('MODEL_INVALID', `the condition head ${path} ${problem}`);
}
