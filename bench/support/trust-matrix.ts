// The conditions of the bench of trust, in groups, and the table of its answers.
import { FalseAcceptCurve } from '../../src/domain/false-accept.js';
import type { Accepts, Comparison } from './comparisons.js';
import { PROMISES } from './comparisons.js';

/** Conditions by group. Each one is tried on one side, against clear faces, and on both sides. */
export const TRUST_CONDITIONS: Record<string, readonly string[]> = {
  turn: Array.from({ length: 12 }, (_, i) => `turn:${15 * (i + 1)}`),
  blur: ['blur:1', 'blur:2', 'blur:3', 'blur:5'],
  small: ['small:60', 'small:48', 'small:36', 'small:28', 'small:20', 'small:16'],
  jpeg: ['jpeg:30', 'jpeg:20', 'jpeg:10', 'jpeg:5'],
  light: ['dark:0.25', 'dark:0.1', 'dark:0.05', 'glare:0.3', 'glare:0.5'],
  noise: ['noise:10', 'noise:25', 'noise:50'],
  cover: ['lower:flat', 'lower:textured', 'upper:flat', 'upper:textured'],
  glasses: ['glasses:clear', 'glasses:dark'],
  mask: ['mask:surgical', 'mask:cloth', 'mask:ffp'],
  mirror: ['mirror'],
  several: ['turn:-180..180+blur:1..3', 'small:24..48+jpeg:8..30', 'dark:0.08..0.3+blur:1..2', 'mask:any+blur:1..2'],
};

/** The conditions of a short run, in fewer groups, so that each group has enough pairs. */
export const SHORT_CONDITIONS: Record<string, readonly string[]> = {
  turn: ['turn:45', 'turn:90', 'turn:180'],
  focus: ['blur:1..2', 'blur:3..5', 'small:30..60', 'small:16..24'],
  sensor: ['jpeg:5..20', 'dark:0.05..0.25', 'glare:0.3..0.5', 'noise:10..50'],
  cover: ['lower:any', 'upper:any'],
  worn: ['glasses:any', 'mask:any'],
  several: ['turn:-180..180+blur:1..3', 'small:24..48+jpeg:8..30', 'mirror'],
};

/**
 * Cosines of 70, 80 and 90 before the scales took conditions into account, by model file: on all pairs of aligned faces (November 2026; LFW, for
 * the built-in embedder its people of folds 8 to 10). What clear faces gain or lose is measured against them.
 */
const PLAIN_COSINES: Record<string, readonly [at70: number, at80: number, at90: number]> = {
  'MobileFaceNet.onnx': [0.333, 0.403, 0.464],
  'MobileFaceNet.int8.onnx': [0.3342, 0.4037, 0.4641],
  'builtin-embedder.int8.onnx': [0.3648, 0.4381, 0.4973],
  'espressif-mfn.onnx': [0.3188, 0.3826, 0.4404],
  'espressif-mbf.onnx': [0.2221, 0.2744, 0.3234],
};

/**
 * Returns the cosines of 90 and 80 on one scale for all faces, as it was before.
 * @param groupFactor safety factor, as in SimilarityScales; 1 as it was before
 * @returns undefined for an embedder that had no such scale
 */
export function findPlainCosines(file: string, groupFactor: number): readonly [at90: number, at80: number] | undefined {
  const cosines = PLAIN_COSINES[file];
  if (!cosines) return undefined;
  const curve = new FalseAcceptCurve(cosines.map((cosine, i) => ({ cosine, far: 10 ** (-3 - i) })));
  return [curve.cosineAt(PROMISES[0].far / groupFactor), curve.cosineAt(PROMISES[1].far / groupFactor)];
}

/** One line of the table. */
export interface TrustRow extends Comparison {
  condition: string;
  group: string;
  side: 'one' | 'both' | 'clear';
  /** Shares of the pictures of this condition, 0..1. */
  notFound: number;
  /** No embedding: no face was found, or one that is too small or too much in profile. */
  notEmbedded: number;
  /** Refused for the condition. */
  unrecognisable: number;
}

/** Returns a rate as a multiple of its promise. @param level 0 at similarity 90, 1 at 80 */
export function inPromises({ far }: Pick<Accepts, 'far'>, level: 0 | 1): number {
  return far / PROMISES[level].far;
}

/** Finds the row with the highest rate of false accepts. */
export function findWorst(rows: readonly TrustRow[], level: 0 | 1): TrustRow {
  return rows.reduce((worst, row) => (row.judged[level].far > worst.judged[level].far ? row : worst));
}

/** Writes the matrix as a table in Markdown. @param title what was measured, for the heading */
export function formatMatrix(title: string, notes: readonly string[], rows: readonly TrustRow[]): string {
  const head = [
    [
      'condition',
      'side',
      'no face',
      'not embedded',
      'refused',
      'TAR 90',
      'TAR 80',
      'false at 90',
      'up to',
      'false at 80',
      'up to',
    ],
    ['pairs', 'false at 90, plain', 'false at 80, plain'],
  ].flat();
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const body = rows.map((row) => {
    const { judged, plain, genuinePairs, impostorPairs } = row;
    const tar = ({ genuine }: Accepts): string => (genuinePairs > 0 ? percent(genuine / genuinePairs) : '');
    return line([
      row.condition,
      row.side,
      percent(row.notFound),
      percent(row.notEmbedded - row.notFound),
      percent(row.unrecognisable),
      tar(judged[0]),
      tar(judged[1]),
      multiple(judged[0].far / PROMISES[0].far),
      multiple(judged[0].farBound / PROMISES[0].far),
      multiple(judged[1].far / PROMISES[1].far),
      multiple(judged[1].farBound / PROMISES[1].far),
      impostorPairs >= 1e6 ? `${(impostorPairs / 1e6).toFixed(1)} M` : `${Math.round(impostorPairs / 1e3)} k`,
      multiple(plain[0].far / PROMISES[0].far),
      multiple(plain[1].far / PROMISES[1].far),
    ]);
  });
  return [`# ${title}`, '', ...notes, '', line(head), line(head.map(() => '---')), ...body, ''].join('\n');
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function multiple(value: number): string {
  if (value === 0) return '0';
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
