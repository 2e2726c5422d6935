// The list of events as it lives: one page of the API, and on top of it what the stream brings, each event once.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { RecognitionEvent } from '../../../events/event.js';
import type { eventListAnswer } from '../../../api/device/event-answers.js';
import type { ApiError } from '../../api/client.js';
import { get } from '../../api/client.js';
import { openStream } from '../../api/stream.js';
import type { Answer } from '../../api/types.js';
import { toApiError } from '../../api/use-fetch.js';
import { makeEventsQuery, passesFilter, type ListFilter } from './filter.js';

type EventPage = Answer<typeof eventListAnswer>;

const PAGE = 50;
/** Rows of a list that was open for long; the oldest ones are on the next page. */
const MOST_ROWS = 200;

export interface StreamGap {
  from: number;
  to: number;
}

export interface EventRows {
  rows: readonly RecognitionEvent[];
  /** New events that wait until the reader wants them, the newest first. */
  held: readonly RecognitionEvent[];
  /** Value of `before` for the older page; undefined on the last one. */
  before: number | undefined;
  gap: StreamGap | undefined;
}

const NO_ROWS: EventRows = { rows: [], held: [], before: undefined, gap: undefined };

export interface LiveEvents extends EventRows {
  loading: boolean;
  error: ApiError | undefined;
  connected: boolean;
  showHeld: () => void;
  reload: () => void;
}

/**
 * Loads a page, and follows the stream on the first one.
 * @param before where the page begins; undefined: the first page
 * @param mustHold returns whether new events must wait, so that nothing moves under the reader
 * @param onArrival called with each new event
 */
export function useEvents(
  filter: ListFilter,
  before: number | undefined,
  mustHold: () => boolean,
  onArrival: (event: RecognitionEvent) => void,
): LiveEvents {
  const [state, setState] = useState<EventRows>(NO_ROWS);
  const [loading, setLoading] = useState(true);
  const [error, setError] = useState<ApiError>();
  const [connected, setConnected] = useState(true);
  const [round, setRound] = useState(0);
  const latest = useRef({ mustHold, onArrival });
  latest.current = { mustHold, onArrival };

  useEffect(() => {
    const aborter = new AbortController();
    let close = (): void => undefined;
    const load = async (): Promise<void> => {
      setLoading(true);
      setError(undefined);
      // The stream goes on after the newest event of all, read before the page: what comes in between comes twice, and is left out once.
      const newest = before === undefined ? await get<EventPage>('events', { limit: 1 }, aborter.signal) : undefined;
      const query = { ...makeEventsQuery(filter), limit: PAGE, before };
      const page = await get<EventPage>('events', query, aborter.signal);
      setState({ rows: page.events, held: [], before: page.before, gap: undefined });
      setLoading(false);
      if (!newest) return;
      const seen = new Set(page.events.map(({ sequence }) => sequence));
      close = openStream(
        'events/stream',
        {
          message: (data) => {
            const event = data as RecognitionEvent;
            if (seen.has(event.sequence)) return;
            seen.add(event.sequence);
            if (!passesFilter(event, filter)) return;
            const holds = latest.current.mustHold();
            setState((now) =>
              holds ? { ...now, held: [event, ...now.held].slice(0, MOST_ROWS) } : putOnTop(now, [event]),
            );
            if (!holds) latest.current.onArrival(event);
          },
          gap: (data) => setState((now) => ({ ...now, gap: data as StreamGap })),
        },
        { after: newest.events[0]?.sequence ?? 0, onConnected: setConnected },
      );
    };
    load().catch((reason: unknown) => {
      if (aborter.signal.aborted) return;
      setError(toApiError(reason));
      setLoading(false);
    });
    return () => {
      aborter.abort();
      close();
    };
  }, [JSON.stringify(filter), before, round]);

  return {
    ...state,
    loading,
    error,
    connected,
    showHeld: () => setState((now) => putOnTop({ ...now, held: [] }, now.held)),
    reload: () => setRound((n) => n + 1),
  };
}

function putOnTop(state: EventRows, events: readonly RecognitionEvent[]): EventRows {
  const all = [...events, ...state.rows];
  const rows = all.slice(0, MOST_ROWS);
  return { ...state, rows, before: all.length > rows.length ? rows.at(-1)?.sequence : state.before };
}
