// The last decisions of a camera, with their reasons in words, as they come.
import type { eventListAnswer } from '../../../api/device/event-answers.js';
import type { RecognitionEvent } from '../../../events/event.js';
import { get } from '../../api/client.js';
import type { Answer } from '../../api/types.js';
import { useFetch, type Fetched } from '../../api/use-fetch.js';
import { decisionWords } from '../../decision-words.js';
import { formatAgo, formatTime } from '../../format.js';
import { formatSimilarity } from '../../live/track-boxes.js';
import { liveWords } from '../../live/live-words.js';
import { makeHash } from '../../router.js';
import { status } from '../../state.js';
import { ButtonLink } from '../../ui/controls.js';
import { Card } from '../../ui/page.js';
import { Badge, Empty, ErrorNotice, type Kind } from '../../ui/show.js';
import { useWords } from '../../words.js';
import { words } from './words.js';

/** Colour of each type of event. */
export const DECISION_KINDS: Readonly<Record<RecognitionEvent['type'], Kind>> = {
  match: 'ok',
  unknown: 'off',
  spoof: 'bad',
  uncertain: 'warn',
};

/** Loads the newest events of a camera, again when the service has stored one. */
export function useDecisions(camera: string, limit: number): Fetched<readonly RecognitionEvent[]> {
  return useFetch(
    async (signal) => (await get<Answer<typeof eventListAnswer>>('events', { camera, limit }, signal)).events,
    [camera, limit, status.value?.lastEvent],
  );
}

/** One line: what was decided, about whom, and when. */
export function DecisionLine({ event }: { event: RecognitionEvent }) {
  const d = useWords(decisionWords);
  return (
    <>
      <Badge kind={DECISION_KINDS[event.type]}>{d(`type-${event.type}`)}</Badge>{' '}
      {event.externalImageId !== undefined && <strong>{event.externalImageId} </strong>}
      <time class="quiet" dateTime={event.decidedAt}>
        {formatAgo(event.decidedAt)}
      </time>
    </>
  );
}

export function Decisions({ camera }: { camera: string }) {
  const t = useWords(words);
  const d = useWords(decisionWords);
  const l = useWords(liveWords);
  const { data, error, reload } = useDecisions(camera, 12);
  return (
    <Card
      title={t('decisions')}
      actions={<ButtonLink href={makeHash(['events'], { camera })}>{t('allDecisions')}</ButtonLink>}
    >
      {error && <ErrorNotice error={error} retry={reload} />}
      {data?.length === 0 && <Empty>{t('noDecisions')}</Empty>}
      <div role="log" aria-label={t('decisions')}>
        <ol class="decisions">
          {data?.map((event) => (
            <li key={event.sequence}>
              <a class="decision" href={makeHash(['events', String(event.sequence)])}>
                <span class="row">
                  <Badge kind={DECISION_KINDS[event.type]}>{d(`type-${event.type}`)}</Badge>
                  {event.externalImageId !== undefined && <strong>{event.externalImageId}</strong>}
                  {event.similarity !== undefined && <span class="quiet">{formatSimilarity(event, l)}</span>}
                </span>
                <time class="quiet" dateTime={event.decidedAt}>
                  {formatTime(event.decidedAt)}
                </time>
                <span class="decision-reason">{d(`reason-${event.reason}`)}</span>
              </a>
            </li>
          ))}
        </ol>
      </div>
    </Card>
  );
}
