// Parts of a result: the measures as bars, the closest other person with the alarm, and what to do better.
import type { closestOtherAnswer, faceReportAnswer } from '../../../api/device/face-answers.js';
import type { Answer } from '../../api/types.js';
import { formatFixed, formatPercent } from '../../format.js';
import { Notice } from '../../ui/show.js';
import { useWords } from '../../words.js';
import { adviceWords, type AdviceKey } from './advice-words.js';
import type { Wish } from './enrol-api.js';
import { words } from './words.js';

export type FaceMeasures = Answer<typeof faceReportAnswer>;
export type ClosestOther = Answer<typeof closestOtherAnswer>;

/** Measure below which a part is weak, so that something should be done better, and below which it is bad. */
const WEAK = 0.7;
const BAD = 0.4;
/** The same for the recognisability: a face below 0.45 is refused (bounds of the model sets, models/manifest.json). */
const WEAK_RECOGNISABILITY = 0.55;

export function Quality({ face }: { face: FaceMeasures }) {
  const t = useWords(words);
  const { quality, recognisability } = face;
  const parts = [
    ['overall', quality.overall],
    ['size', quality.size],
    ['sharpness', quality.sharpness],
    ['pose', quality.pose],
    ['exposure', quality.exposure],
    ['detection', quality.detection],
    ...(recognisability === undefined ? [] : [['recognisability', recognisability] as const]),
  ] as const;
  return (
    <section aria-label={t('quality')}>
      <h3>{t('quality')}</h3>
      <dl class="measures">
        {parts.map(([key, value]) => (
          <div key={key}>
            <dt>{t(key)}</dt>
            <dd>
              <span class="measure-bar" aria-hidden="true">
                <span
                  class={`measure-fill measure-${grade(value, key === 'recognisability' ? WEAK_RECOGNISABILITY : WEAK)}`}
                  style={{ width: `${value * 100}%` }}
                />
              </span>
              <span class="measure-value">{formatPercent(value)}</span>
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function grade(value: number, weak: number): 'ok' | 'warn' | 'bad' {
  if (value >= weak) return 'ok';
  return value < BAD ? 'bad' : 'warn';
}

export function Closest({ closest, wish }: { closest: ClosestOther | undefined; wish: Wish }) {
  const t = useWords(words);
  if (!closest) return <p class="quiet">{t('closestNone')}</p>;
  const name = closest.externalImageId ?? t('closestUnnamed');
  const values = { name, similarity: formatFixed(closest.similarity), threshold: formatFixed(closest.threshold) };
  return (
    <section aria-label={t('closest')} key={wish.externalImageId}>
      {closest.lookalike ? (
        <Notice kind="warn">
          <div class="lookalike">
            <strong>{t('lookalike', values)}</strong>
            <p>{t('lookalikeText', values)}</p>
            <p>{t('lookalikeDo')}</p>
          </div>
        </Notice>
      ) : (
        <>
          <h3>{t('closest')}</h3>
          <p>{t('closestIs', values)}</p>
        </>
      )}
      <div class="similarity" role="img" aria-label={t('closestIs', values)}>
        <span
          class={closest.lookalike ? 'similarity-fill similarity-near' : 'similarity-fill'}
          style={{ width: `${closest.similarity}%` }}
        />
        <span class="similarity-mark" style={{ left: `${closest.threshold}%` }} />
      </div>
    </section>
  );
}

/** Names what would make the face of an enrolled person better. */
export function Better({ face, isLookalike }: { face: FaceMeasures; isLookalike: boolean }) {
  const t = useWords(words);
  const a = useWords(adviceWords);
  const keys = listAdvice(face);
  if (keys.length === 0) return isLookalike ? null : <p class="quiet">{t('fine')}</p>;
  return (
    <section aria-label={t('better')}>
      <h3>{t('better')}</h3>
      <ul class="advice">
        {keys.map((key) => (
          <li key={key}>{a(key)}</li>
        ))}
      </ul>
    </section>
  );
}

/** Lists the advice for the weak parts of a face, the weakest one first. */
function listAdvice({ quality, recognisability = 1, masked, flaw }: FaceMeasures): AdviceKey[] {
  const parts: readonly (readonly [number, AdviceKey])[] = [
    [masked ? 0 : 1, 'do-masked'],
    [quality.size, 'do-too-small'],
    [quality.sharpness, 'do-blurred'],
    [quality.pose, 'do-turned'],
    [quality.exposure, flaw === 'bright' ? 'do-too-bright' : 'do-too-dark'],
    [Math.min(quality.detection, recognisability < WEAK_RECOGNISABILITY ? recognisability : 1), 'do-not-recognisable'],
  ];
  return parts
    .filter(([value]) => value < WEAK)
    .toSorted(([a], [b]) => a - b)
    .map(([, key]) => key);
}
