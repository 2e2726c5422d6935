// The threshold that one camera has in force: why, what it promises, and what was measured at it.
import { formatFixed, formatNumber } from '../../format.js';
import { Card } from '../../ui/page.js';
import { Badge, type Kind } from '../../ui/show.js';
import { useWords } from '../../words.js';
import { showOneIn, showShare } from './show-share.js';
import type { CameraThreshold, Similarities } from './what-if.js';
import { words } from './words.js';

const VERDICT_KINDS: Readonly<Record<CameraThreshold['impostors']['verdict'], Kind>> = {
  higher: 'bad',
  lower: 'ok',
  'as-expected': 'ok',
  'too-few': 'off',
};

export function Threshold({ camera, found }: { camera: CameraThreshold; found: Similarities }) {
  const t = useWords(words);
  const { cameraId, threshold, targetFalseAcceptPerAttempt: target, agree, outOf } = camera;
  const values = { threshold: formatFixed(threshold), faces: formatNumber(found.faces), agree, outOf };
  const oneIn = showOneIn(camera.falseAcceptsPerAttempt);
  return (
    <Card title={t('thresholdOf', { camera: cameraId })}>
      <p class="trust-figure">{formatFixed(threshold)}</p>
      <p>{target === undefined ? t('fixed', values) : t('fromTarget', { ...values, n: showOneIn(target) ?? '' })}</p>
      <p>
        <strong>{oneIn === undefined ? t('promiseNone') : t('promise', { n: oneIn })}</strong>{' '}
        {t('promiseHelp', values)}
      </p>
      <h3>{t('measured')}</h3>
      <Measured title={t('impostors')} share={camera.impostors} />
      <Measured title={t('lookalikes')} share={camera.lookalikes} />
      <div class="trust-measured">
        <p>{t('missed')}</p>
        <p class="quiet">{describeShare(camera.missed, t)}</p>
      </div>
    </Card>
  );
}

function Measured({ title, share }: { title: string; share: CameraThreshold['impostors'] }) {
  const t = useWords(words);
  return (
    <div class="trust-measured">
      <p>
        {title} <Badge kind={VERDICT_KINDS[share.verdict]}>{t(`verdict-${share.verdict}`)}</Badge>
      </p>
      <p class="quiet">
        {describeShare(share, t)} {t('expected', { share: showShare(share.expected) })}
        {share.verdict === 'too-few' && ` ${t('tooFew')}`}
      </p>
    </div>
  );
}

function describeShare(
  { count, of, low, high }: CameraThreshold['missed'],
  t: ReturnType<typeof useWords<keyof typeof words.en>>,
): string {
  if (of === 0) return t('nothingMeasured');
  return t('counted', { n: formatNumber(count), of: formatNumber(of), low: showShare(low), high: showShare(high) });
}
