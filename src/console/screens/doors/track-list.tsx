// The people in the live picture as a list, with every figure that leads to the decision.
import { decisionWords } from '../../decision-words.js';
import { formatFixed, formatPercent } from '../../format.js';
import { liveWords } from '../../live/live-words.js';
import { formatSimilarity, nameTrack, type Track } from '../../live/track-boxes.js';
import { Card } from '../../ui/page.js';
import { Badge, Facts } from '../../ui/show.js';
import { useWords } from '../../words.js';
import { DECISION_KINDS } from './decisions.js';
import { words } from './words.js';

export function TrackCard({ tracks }: { tracks: readonly Track[] }) {
  const t = useWords(words);
  return (
    <Card title={t('inPicture')}>
      {tracks.length === 0 && <p class="quiet">{t('nobody')}</p>}
      {tracks.map((track) => (
        <TrackFacts key={track.trackId} track={track} />
      ))}
    </Card>
  );
}

function TrackFacts({ track }: { track: Track }) {
  const t = useWords(words);
  const l = useWords(liveWords);
  const d = useWords(decisionWords);
  const { trackId, state, reason, doubtful, liveness, masked, quality, recognisability, progress, challenge } = track;
  const facts: (readonly [string, string | undefined])[] = [
    [t('similarity'), formatSimilarity(track, l)],
    [t('progress'), progress && t('progressValue', { ...progress })],
    [t('liveness'), liveness && describeLiveness(liveness, t, d)],
    [t('mask'), masked === undefined ? undefined : t(masked ? 'maskYes' : 'maskNo')],
    [t('quality'), quality === undefined ? undefined : formatPercent(quality)],
    [t('recognisability'), recognisability === undefined ? undefined : formatPercent(recognisability)],
  ];
  const known = facts.filter((fact): fact is readonly [string, string] => fact[1] !== undefined);
  return (
    <div class="track">
      <div class="row row-between">
        <h3>{nameTrack(track, l)}</h3>
        <span class="quiet">
          {l('track', { id: trackId })}
          {doubtful && ` · ${t('doubtful')}`}
        </span>
      </div>
      {challenge && <p class="track-challenge">{l(challenge.side === 'left' ? 'turnLeft' : 'turnRight')}</p>}
      {state !== 'looking' && (
        <p>
          <Badge kind={DECISION_KINDS[state]}>{d(`type-${state}`)}</Badge> {reason && d(`reason-${reason}`)}
        </p>
      )}
      <Similarity track={track} />
      <Facts items={known} />
      {liveness?.evidence?.map((name) => (
        <p key={name} class="quiet">
          {d(`evidence-${name}`)}
        </p>
      ))}
    </div>
  );
}

/** A bar of the similarity with a mark at the threshold; the list of facts has the numbers. */
function Similarity({ track: { similarity, threshold } }: { track: Track }) {
  if (similarity === undefined || threshold === undefined) return null;
  return (
    <div class={similarity >= threshold ? 'gauge gauge-ok' : 'gauge'} aria-hidden="true">
      <div class="gauge-bar" style={{ width: `${similarity}%` }} />
      <div class="gauge-mark" style={{ left: `${threshold}%` }} />
    </div>
  );
}

function describeLiveness(
  { verdict, score, threshold }: NonNullable<Track['liveness']>,
  t: ReturnType<typeof useWords<keyof (typeof words)['en']>>,
  d: ReturnType<typeof useWords<keyof (typeof decisionWords)['en']>>,
): string {
  const name = d(`verdict-${verdict}`);
  if (score === undefined || threshold === undefined) return name;
  return t('livenessValue', { verdict: name, score: formatFixed(score), threshold: formatFixed(threshold) });
}
