// Boxes over a live picture: one for each track, with who it is and the figures of the decision.
import type { TrackList } from '../../api/device/track-list.js';
import { formatFixed } from '../format.js';
import { useWords, type Translate } from '../words.js';
import { decisionWords } from '../decision-words.js';
import { liveWords } from './live-words.js';

export type Track = TrackList['tracks'][number];
type LiveKey = keyof (typeof liveWords)['en'];

/** Who a track shows, in a word or two: only a match has a name. */
export function nameTrack({ state, externalImageId }: Track, t: Translate<LiveKey>): string {
  if (state === 'match') return externalImageId ?? t('unnamed');
  return state === 'looking' ? t('looking') : t('unknown');
}

/** A similarity with its threshold, rounded down: a similarity below the threshold must not look as if it reached it. */
export function formatSimilarity(
  { similarity, threshold }: Pick<Track, 'similarity'> & { threshold?: number | undefined },
  t: Translate<LiveKey>,
): string | undefined {
  if (similarity === undefined || threshold === undefined) return undefined;
  return t('ofThreshold', {
    similarity: formatFixed(Math.floor(similarity * 10) / 10),
    threshold: formatFixed(threshold),
  });
}

/** The boxes are hidden from screen readers: the list of tracks beside the picture says the same. */
export function TrackBoxes({ tracks }: { tracks: readonly Track[] }) {
  return (
    <div class="boxes" aria-hidden="true">
      {tracks.map((track) => (
        <TrackBox key={track.trackId} track={track} />
      ))}
    </div>
  );
}

function TrackBox({ track }: { track: Track }) {
  const t = useWords(liveWords);
  const d = useWords(decisionWords);
  const { trackId, box, state, doubtful, liveness, masked, challenge } = track;
  const place = {
    left: percent(box.x0),
    top: percent(box.y0),
    width: percent(box.x1 - box.x0),
    height: percent(box.y1 - box.y0),
  };
  const details = [
    formatSimilarity(track, t),
    liveness && liveness.verdict !== 'unavailable' ? d(`verdict-${liveness.verdict}`) : undefined,
    masked ? t('masked') : undefined,
  ].filter((text) => text !== undefined);
  // A label below a face near the upper edge, and to the left of one near the right edge, stays within the picture.
  const sides = `${box.y0 < 0.2 ? 'box-low' : ''} ${box.x0 > 0.6 ? 'box-left' : ''}`;
  return (
    <div class={`box box-${state} ${doubtful ? 'box-doubtful' : ''} ${sides}`} style={place}>
      <div class="box-label">
        <span>
          <strong>{nameTrack(track, t)}</strong>
          <span class="box-track">{t('track', { id: trackId })}</span>
        </span>
        {details.length > 0 && <span class="box-details">{details.join(' · ')}</span>}
        {challenge && <span class="box-challenge">{t(challenge.side === 'left' ? 'turnLeft' : 'turnRight')}</span>}
      </div>
    </div>
  );
}

function percent(fraction: number): string {
  return `${fraction * 100}%`;
}
