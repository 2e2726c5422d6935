// Recorded ranges of a model's tensors: a data file under models/ranges, from which a device quantises the model without any picture.
import * as z from 'zod';
import { AppError } from '../../errors.js';
import { readFileAtMostSync } from '../../platform/read-file.js';
import { layOut } from '../../platform/json-layout.js';

/** The largest file of the repository has 43 kB. */
const MAX_RANGES_BYTES = 4_000_000;

const rangesSchema = z.strictObject({
  /** The float file that the ranges belong to. */
  file: z.string(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** The pictures on which the ranges were recorded, in words. */
  recordedOn: z.string(),
  method: z.string(),
  /** Names of the outputs that are kept; default: all. */
  outputs: z.array(z.string()).min(1).optional(),
  /** Names of the tensors whose layers stay in float, chosen by measurement. */
  floatLayers: z.array(z.string()),
  /** The first layers in float are computed in this many bands of rows, up to this tensor. */
  bands: z.strictObject({ until: z.string(), count: z.int().min(2).max(8) }).optional(),
  /** Divisors of the channels' values, which are applied before the range is taken. */
  factors: z.record(z.string(), z.array(z.number().positive())),
  /** Least and greatest value of each tensor, by its name. */
  ranges: z.record(z.string(), z.tuple([z.number(), z.number()])),
});

/** Contents of a file under models/ranges. */
export type RecordedRanges = z.infer<typeof rangesSchema>;

/** @throws AppError MODEL_INVALID where the file cannot be read or is not valid */
export function readRanges(path: string): RecordedRanges {
  let json: unknown;
  try {
    json = JSON.parse(readFileAtMostSync(path, MAX_RANGES_BYTES).toString());
  } catch (cause) {
    throw new AppError('MODEL_INVALID', `the ranges ${path} cannot be read as JSON`, { cause });
  }
  const parsed = rangesSchema.safeParse(json);
  if (!parsed.success) {
    throw new AppError('MODEL_INVALID', `the ranges ${path} are not valid: ${z.prettifyError(parsed.error)}`);
  }
  return parsed.data;
}

/** Formats ranges as the text of a file, laid out as the repository's formatter does. */
export function formatRanges(recorded: RecordedRanges): string {
  return `${layOut(recorded)}\n`;
}
