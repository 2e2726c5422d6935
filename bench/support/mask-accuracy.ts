// Accuracy of a mask model: verdicts by kind of picture, beside those of the model that the standard set had before.
import { countByKind, sumWrong, type KindCount, type MaskJudge, type MaskMaterial } from './mask-kinds.js';
import { printTable, result, type Result } from './report.js';
import { RfbMask } from './rfb-mask.js';

/**
 * Most errors in percent: masks and scarves that are taken for bare faces, and bare faces with beards, glasses, cups and such that are taken for
 * masked ones. Measured were 6.1 and 1.9 (November 2026, 48 faces of each kind).
 */
const MOST_MISSED = 12;
const MOST_FALSE = 5;

/**
 * Measures a mask model on photos and on faces with drawn things, and prints the verdicts of each kind.
 * @param otherDir folder that may have the file of the former model, which then judges the same faces
 */
export async function measureMasks(
  id: string,
  own: MaskJudge,
  material: MaskMaterial,
  otherDir: string | undefined,
): Promise<Result[]> {
  const other = await RfbMask.open(material.addon, otherDir);
  try {
    const judges = other ? [own, other] : [own];
    const counts = await countByKind(judges, material);
    printTable([
      ['taken for masked', 'right', 'faces', id, ...(other ? ['RFB-640'] : [])],
      ...counts.map(({ kind, verdict, faces, masked }) => [kind, verdict, String(faces), ...masked.map(String)]),
    ]);
    return judges.flatMap((_, judge) => describe(judge === 0 ? `${id}.mask` : `${id}.rfb`, counts, judge));
  } finally {
    await other?.close();
  }
}

/** Returns the results of a judge. A photo without a found face counts as wrong; a drawn picture without one does not count. */
function describe(id: string, counts: readonly KindCount[], judge: number): Result[] {
  const photos = counts.filter(({ kind }) => kind.startsWith('photos'));
  const pictures = photos.reduce((sum, count) => sum + count.pictures, 0);
  const right = photos.reduce((sum, { verdict, faces, masked }) => {
    const found = masked[judge]!;
    return sum + (verdict === 'masked' ? found : faces - found);
  }, 0);
  const isBounded = judge === 0;
  const share = (name: string, verdict: 'masked' | 'bare', most: number): Result => {
    const { wrong, faces } = sumWrong(counts, verdict, judge);
    const bound = isBounded ? (['<=', most] as const) : undefined;
    return result(`${id}.${name}`, (wrong / faces) * 100, `% of ${faces} ${verdict} faces`, bound);
  };
  return [
    result(id, (right / pictures) * 100, `% of ${pictures} photos`, isBounded ? ['>=', 95] : undefined),
    share('missed', 'masked', MOST_MISSED),
    share('false', 'bare', MOST_FALSE),
  ];
}
