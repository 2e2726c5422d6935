// Memory of the measured forms of the models, so that the next start is quick and reports the same similarities.
import { createHash } from 'node:crypto';
import { cpus } from 'node:os';
import * as z from 'zod';
import { readFileAtMost } from '../platform/read-file.js';
import { replaceFile } from '../platform/write-file.js';
import { listModels, type ModelSet } from './manifest.js';
import type { PrecisionDecision } from './precision.js';

/** A file of four decisions has less than 1 kB. */
const MAX_BYTES = 64 * 1024;

/** Method of the measurement. Results of another method are not trusted: by the wall clock, a busy machine took float for the faster form. */
const METHOD = 'processor time, interleaved';

const decisionSchema = z.strictObject({
  precision: z.enum(['float', 'int8']),
  reason: z.string(),
  speedup: z.number().optional(),
  isDoubtful: z.literal(true).optional(),
});
/** `of` holds the hash of the circumstances under which the decisions were made. */
const memorySchema = z.strictObject({ of: z.string(), decisions: z.array(decisionSchema) });

/** Hashes everything that a measurement depends on: its method, model files, processor, providers and version of Lintel. @returns hexadecimal sha256 */
export function hashCircumstances(set: ModelSet, providers: readonly string[], version: string): string {
  const files = listModels(set).map(({ sha256, quantised }) => [sha256, quantised?.sha256 ?? null]);
  const processors = cpus();
  const all = [METHOD, version, process.arch, processors.length, processors[0]?.model, providers, files];
  return createHash('sha256').update(JSON.stringify(all)).digest('hex');
}

/** Reads the decisions of an earlier start. @returns undefined where nothing was measured under these circumstances */
export async function recall(path: string, circumstances: string): Promise<readonly PrecisionDecision[] | undefined> {
  try {
    const { of, decisions } = memorySchema.parse(JSON.parse((await readFileAtMost(path, MAX_BYTES)).toString()));
    if (of !== circumstances) return undefined;
    return decisions.map(({ precision, reason, speedup, isDoubtful }) => ({
      precision,
      reason,
      ...(speedup !== undefined && { speedup }),
      ...(isDoubtful && { isDoubtful }),
    }));
  } catch {
    return undefined;
  }
}

/** Writes the decisions. An error is ignored: then the next start measures again. */
export async function remember(
  path: string,
  circumstances: string,
  decisions: readonly PrecisionDecision[],
): Promise<void> {
  await replaceFile(path, JSON.stringify({ of: circumstances, decisions })).catch(() => undefined);
}
