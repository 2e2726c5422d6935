// What led to a decision: the frames that counted, similarity and liveness over time, and why the threshold was in force.
import type { DecisionGrounds, GroundShot } from '../../../events/grounds.js';
import type { RecognitionEvent } from '../../../events/event.js';
import { formatFixed, formatNumber, formatPercent, formatUnit } from '../../format.js';
import { Card } from '../../ui/page.js';
import { chooseTicks, LinePlot, type Line, type Tick } from '../../ui/plots.js';
import { Badge, Facts, Table } from '../../ui/show.js';
import { useWords } from '../../words.js';
import { words } from './words.js';

interface GroundsProps {
  grounds: DecisionGrounds;
}

const RESULT_WORDS = { agrees: 'agrees', tie: 'tie', below: 'below', nobody: 'nobodyEnrolled' } as const;

export function FramesCard({ grounds: { shots, omittedShots } }: GroundsProps) {
  const t = useWords(words);
  const name = (person: GroundShot['first']): string =>
    person ? `${person.externalImageId ?? person.faceId ?? ''} · ${formatFixed(person.similarity)}` : '–';
  const headers = [t('since'), t('result'), t('first'), t('second'), t('quality'), t('liveness'), t('mask')];
  const rows = shots.map((shot, index) => ({
    key: String(index),
    cells: [
      formatUnit(shot.atMs / 1_000, 'second', 2),
      shot.agreed ? (
        <Badge kind="ok">{t('agreed')}</Badge>
      ) : (
        t(shot.result === undefined ? 'earlier' : RESULT_WORDS[shot.result])
      ),
      name(shot.first),
      name(shot.second),
      formatFixed(shot.quality, 2),
      shot.liveness === undefined ? '–' : formatFixed(shot.liveness, 2),
      shot.masked === undefined ? '–' : t(shot.masked ? 'masked' : 'bare'),
    ],
  }));
  const agreed = shots.filter((shot) => shot.agreed).length;
  return (
    <Card title={t('frames')}>
      {agreed > 0 && <p>{t('framesAgreed', { n: agreed, all: shots.length })}</p>}
      <Table caption={t('frames')} headers={headers} rows={rows} />
      {omittedShots !== undefined && <p class="help">{t('omitted', { n: omittedShots })}</p>}
    </Card>
  );
}

export function SimilarityCard({ grounds: { shots, threshold } }: GroundsProps) {
  const t = useWords(words);
  const firsts = shots.flatMap(({ first }) => (first ? [first.similarity] : []));
  if (firsts.length === 0) return null;
  const text = t('threshold', { threshold: formatFixed(threshold.value) });
  const lines: Line[] = [
    { name: t('first'), marked: true, points: shots.map(({ atMs, first }) => [atMs, first?.similarity] as const) },
    {
      name: t('second'),
      kind: 'soft',
      marked: true,
      points: shots.map(({ atMs, second }) => [atMs, second?.similarity] as const),
    },
  ];
  return (
    <Card title={t('similarityPlot')}>
      <LinePlot
        label={t('similarityAlt', {
          from: formatFixed(Math.min(...firsts)),
          to: formatFixed(Math.max(...firsts)),
          threshold: formatFixed(threshold.value),
        })}
        {...spanTime(shots)}
        y={[0, 100]}
        yTicks={[0, 25, 50, 75, 100].map((at) => ({ at, text: formatNumber(at) }))}
        lines={lines.filter(({ points }) => points.some(([, y]) => y !== undefined))}
        levels={[{ at: threshold.value, text }]}
      />
    </Card>
  );
}

export function LivenessCard({ grounds: { shots, liveness } }: GroundsProps) {
  const t = useWords(words);
  const scored = shots.flatMap(({ atMs, liveness: score }) => (score === undefined ? [] : [[atMs, score] as const]));
  if (scored.length === 0) return null;
  const scores = scored.map(([, score]) => score);
  const { threshold } = liveness ?? {};
  const [low, high] = [Math.min(...scores, threshold ?? Infinity), Math.max(...scores, threshold ?? -Infinity)];
  const y = [Math.floor(low - 0.5), Math.ceil(high + 0.5)] as const;
  return (
    <Card title={t('livenessPlot')}>
      <LinePlot
        label={t('livenessAlt', { from: formatFixed(Math.min(...scores), 2), to: formatFixed(Math.max(...scores), 2) })}
        {...spanTime(shots)}
        y={y}
        yTicks={chooseTicks(...y).map((at) => ({ at, text: formatNumber(at, 1) }))}
        lines={[{ name: t('liveness'), points: scored, marked: true }]}
        levels={
          threshold === undefined
            ? []
            : [{ at: threshold, text: t('threshold', { threshold: formatFixed(threshold) }) }]
        }
      />
    </Card>
  );
}

/** The axis of the time: from the first to the last frame, in seconds since the face was first seen. */
function spanTime(shots: DecisionGrounds['shots']): { x: readonly [number, number]; xTicks: Tick[] } {
  const times = shots.map(({ atMs }) => atMs);
  const [from, to] = [Math.min(...times), Math.max(...times)];
  const x = from === to ? ([from - 500, to + 500] as const) : ([from, to] as const);
  const xTicks = chooseTicks(...x).map((at) => ({ at, text: formatUnit(at / 1_000, 'second', 2) }));
  return { x, xTicks };
}

const MASK_WORDS = { true: 'whyMaskAny', false: 'whyMaskOff', refuse: 'whyMaskRefuse' } as const;

export function ThresholdCard({ event, grounds }: GroundsProps & { event: RecognitionEvent }) {
  const t = useWords(words);
  const { threshold, agree, outOf, margin, mask, liveness, shots } = grounds;
  const { basis } = threshold;
  const corrections = shots.flatMap(({ correction }) => correction ?? []);
  const reasons = [
    basis?.source === 'configured' && t('whyConfigured'),
    basis?.source === 'target' &&
      t('whyTarget', {
        target: formatPercent(basis.targetFalseAcceptPerAttempt, 4),
        faces: formatNumber(basis.enrolledFaces),
        rate: formatPercent(basis.falseAcceptPerComparison, 7),
      }),
    basis?.source === 'target' && basis.bound && t(basis.bound === 'lowest' ? 'whyLowest' : 'whyHighest'),
    t('whyRule', { agree, outOf, margin: formatNumber(margin, 1) }),
    t(MASK_WORDS[`${mask}`]),
    corrections.length > 0 && t('whyCorrection', { correction: formatFixed(Math.max(...corrections), 3) }),
    liveness?.threshold !== undefined && t('whyLiveness', { threshold: formatFixed(liveness.threshold, 2) }),
    t('whyScale', { scale: threshold.scale }),
  ];
  return (
    <Card title={t('why')}>
      <Facts
        items={[
          [t('threshold', { threshold: '' }).trim(), formatFixed(threshold.value)],
          [t('similarity'), event.similarity === undefined ? '–' : formatFixed(event.similarity)],
        ]}
      />
      <ul class="event-reasons">
        {reasons
          .filter((reason) => typeof reason === 'string')
          .map((reason) => (
            <li key={reason}>{reason}</li>
          ))}
      </ul>
    </Card>
  );
}
