// The plot of how alike the faces of a group are, and the thresholds in force in it.
import { formatFixed, formatNumber } from '../../format.js';
import { Card } from '../../ui/page.js';
import { BarPlot, type BarSeries } from '../../ui/plots.js';
import { Empty, Facts } from '../../ui/show.js';
import { useWords } from '../../words.js';
import { showShare } from './show-share.js';
import type { Similarities } from './what-if.js';
import { words } from './words.js';

/** Similarity that one bar spans. */
const BAR_WIDTH = 2;
const X_TICKS = [0, 20, 40, 60, 80, 100].map((at) => ({ at, text: String(at) }));

export function Distribution({ found }: { found: Similarities }) {
  const t = useWords(words);
  const { genuine, impostor, cameras, unrecognisable, unnamed } = found;
  const floor = Math.floor(-Math.log10(Math.max(10, genuine.compared, impostor.compared)));
  const draw = (
    name: string,
    kind: NonNullable<BarSeries['kind']>,
    { bins, compared }: Similarities['genuine'],
  ): BarSeries => ({
    name,
    kind,
    bars: sumBars(bins).flatMap((count, i) =>
      count === 0 ? [] : [[i * BAR_WIDTH, (i + 1) * BAR_WIDTH, Math.log10(count / compared) - floor] as const],
    ),
  });
  const decades = Array.from({ length: 1 - floor }, (_, i) => ({ at: i, text: showShare(10 ** (i + floor)) }));
  const thresholds = [...new Set(cameras.map(({ threshold }) => formatFixed(threshold)))];
  const marks = thresholds.map((text) => ({
    at: cameras.find(({ threshold }) => formatFixed(threshold) === text)!.threshold,
    text,
    kind: 'bad' as const,
  }));
  const describe = ({ compared, percentiles }: Similarities['genuine']): string =>
    percentiles
      ? t('range', { n: compared, from: formatFixed(percentiles.p5), to: formatFixed(percentiles.p95) })
      : t('noPairs');
  const showPairs = ({ compared, possible }: Similarities['genuine']): string =>
    t(compared < possible ? 'sample' : 'all', { n: formatNumber(compared), of: formatNumber(possible) });
  return (
    <Card title={t('distribution')}>
      {impostor.compared === 0 ? (
        <Empty>{t('tooSmall')}</Empty>
      ) : (
        <>
          <p class="quiet">{t('distributionHelp')}</p>
          <BarPlot
            label={t('plotLabel', {
              impostor: describe(impostor),
              genuine: describe(genuine),
              thresholds: thresholds.join(', '),
            })}
            x={[0, 100]}
            y={[0, -floor]}
            xTicks={X_TICKS}
            yTicks={decades}
            heightPx={260}
            marks={marks}
            series={[draw(t('impostor'), 'warn', impostor), draw(t('genuine'), 'ok', genuine)]}
          />
        </>
      )}
      <Facts
        items={[
          [t('faces'), t('facesAndPeople', { faces: formatNumber(found.faces), people: formatNumber(found.persons) })],
          [t('impostorPairs'), showPairs(impostor)],
          [t('genuinePairs'), showPairs(genuine)],
          ...(unrecognisable > 0 ? [[t('unrecognisable'), formatNumber(unrecognisable)] as const] : []),
          ...(unnamed > 0 ? [[t('unnamed'), formatNumber(unnamed)] as const] : []),
        ]}
      />
      {found.mostAlike.length > 0 && (
        <>
          <h3>{t('mostAlike')}</h3>
          <Facts
            items={found.mostAlike.map(({ persons, similarity }) => [persons.join(' · '), formatFixed(similarity)])}
          />
          <p class="quiet">{t('mostAlikeHelp')}</p>
        </>
      )}
    </Card>
  );
}

function sumBars(bins: readonly number[]): number[] {
  return Array.from({ length: bins.length / BAR_WIDTH }, (_, bar) =>
    bins.slice(bar * BAR_WIDTH, (bar + 1) * BAR_WIDTH).reduce((sum, count) => sum + count, 0),
  );
}
