// The list of events: filter, pages, and new events as they come.
import { useRef, useState } from 'preact/hooks';
import type { RecognitionEvent } from '../../../events/event.js';
import { announce } from '../../ui/announce.js';
import { Button, Select, Switch, TextInput } from '../../ui/controls.js';
import { Card, Page } from '../../ui/page.js';
import { Badge, Empty, ErrorNotice, Notice, Pager, Spinner } from '../../ui/show.js';
import { decisionWords } from '../../decision-words.js';
import { formatDateTime, formatFixed } from '../../format.js';
import { makeHash, navigate } from '../../router.js';
import { status } from '../../state.js';
import { useWords, word } from '../../words.js';
import { EVENT_TYPES, REASONS } from './event-names.js';
import { FILTER_KEYS, isPersonId, readFilter, type ListFilter } from './filter.js';
import { useEvents } from './live.js';
import { words } from './words.js';

export const KINDS = { match: 'ok', unknown: 'off', spoof: 'bad', uncertain: 'warn' } as const;
/** Distance from the top, in pixels, from which on new events wait: a person reads further down. */
const READING_PX = 120;

export function EventList({ query }: { query: URLSearchParams }) {
  const t = useWords(words);
  const filter = readFilter(query);
  const key = JSON.stringify(filter);
  // A page of the list is forgotten with its filter.
  const [place, setPlace] = useState<{ key: string; pages: readonly number[] }>({ key, pages: [] });
  const pages = place.key === key ? place.pages : [];
  const [paused, setPaused] = useState(false);
  const list = useRef<HTMLOListElement>(null);
  const mustHold = (): boolean =>
    paused || scrollY > READING_PX || (list.current?.contains(document.activeElement) ?? false);
  const onArrival = (event: RecognitionEvent): void => announce(t('arrived', { what: describe(event) }));
  const events = useEvents(filter, pages.at(-1), mustHold, onArrival);
  const { rows, held, before, gap, loading, error, connected, showHeld, reload } = events;
  const isFiltered = FILTER_KEYS.some((one) => filter[one] !== '');
  const goTo = (next: readonly number[]): void => {
    setPlace({ key, pages: next });
    scrollTo({ top: 0 });
  };
  return (
    <Page title={t('title')} lead={t('lead')}>
      <FilterForm key={key} filter={filter} isFiltered={isFiltered} />
      {pages.length === 0 && (
        <div class="events-live">
          <Badge kind={!connected ? 'warn' : paused ? 'off' : 'ok'}>
            {t(!connected ? 'waiting' : paused ? 'paused' : 'live')}
          </Badge>
          <Switch label={t('pause')} checked={paused} onChange={setPaused} />
          {held.length > 0 && (
            <Button kind="primary" onClick={showHeld}>
              {t('held', { n: held.length })}
            </Button>
          )}
        </div>
      )}
      {gap && (
        <Notice kind="warn">
          <p>{t('gap', { ...gap })}</p>
          <Button onClick={reload}>{t('clearGap')}</Button>
        </Notice>
      )}
      {error && <ErrorNotice error={error} retry={reload} />}
      {loading && rows.length === 0 && <Spinner />}
      {!loading && !error && rows.length === 0 && <Empty>{t(isFiltered ? 'noneFiltered' : 'none')}</Empty>}
      {rows.length > 0 && (
        <Card>
          <ol class="events" ref={list} aria-label={t('list')}>
            {rows.map((event) => (
              <EventRow key={event.sequence} event={event} />
            ))}
          </ol>
        </Card>
      )}
      <Pager
        onNewer={pages.length > 0 ? () => goTo(pages.slice(0, -1)) : undefined}
        onOlder={before === undefined ? undefined : () => goTo([...pages, before])}
      />
    </Page>
  );
}

function EventRow({ event }: { event: RecognitionEvent }) {
  const t = useWords(words);
  const d = useWords(decisionWords);
  const { sequence, type, reason, decidedAt, cameraId, externalImageId, faceId, similarity, threshold } = event;
  return (
    <li>
      <a class="event" href={makeHash(['events', String(sequence)])} data-sequence={sequence}>
        <Badge kind={KINDS[type]}>{d(`type-${type}`)}</Badge>
        <span class="event-what">
          <strong>{externalImageId ?? faceId ?? d(`reason-${reason}`)}</strong>
          <span class="quiet">
            {t('atCamera', { camera: cameraId })} · <time dateTime={decidedAt}>{formatDateTime(decidedAt)}</time>
          </span>
        </span>
        {similarity !== undefined && (
          <span class="event-figures">
            <span class="hidden">{t('similarity')} </span>
            {formatFixed(similarity)} / {formatFixed(threshold)}
          </span>
        )}
      </a>
    </li>
  );
}

function describe({ type, externalImageId, reason, cameraId }: RecognitionEvent): string {
  const what = externalImageId ?? word(decisionWords, `reason-${reason}`);
  return `${word(decisionWords, `type-${type}`)}, ${what}, ${cameraId}`;
}

function FilterForm({ filter, isFiltered }: { filter: ListFilter; isFiltered: boolean }) {
  const t = useWords(words);
  const d = useWords(decisionWords);
  const [draft, setDraft] = useState(filter);
  const isWrong = !isPersonId(draft.person);
  const change = (key: keyof ListFilter) => (value: string) => setDraft((now) => ({ ...now, [key]: value }));
  const apply = (next: ListFilter): void => navigate(makeHash(['events'], next));
  /** A choice applies at once; a text when it is complete. */
  const choose = (key: keyof ListFilter) => (value: string) => apply({ ...draft, [key]: value });
  const cameras = [...new Set([...(status.value?.cameras.map(({ id }) => id) ?? []), draft.camera])].filter(Boolean);
  return (
    <details class="events-filter card" open={isFiltered}>
      <summary>{t('filter')}</summary>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (!isWrong) apply(draft);
        }}
      >
        <Select
          label={t('type')}
          value={draft.type}
          options={[['', t('allTypes')], ...EVENT_TYPES.map((type) => [type, d(`type-${type}`)] as const)]}
          onValue={choose('type')}
        />
        <Select
          label={t('reason')}
          value={draft.reason}
          options={[['', t('allReasons')], ...REASONS.map((reason) => [reason, d(`reason-${reason}`)] as const)]}
          onValue={choose('reason')}
        />
        <Select
          label={t('camera')}
          value={draft.camera}
          options={[['', t('allCameras')], ...cameras.map((id) => [id, id] as const)]}
          onValue={choose('camera')}
        />
        <TextInput
          label={t('person')}
          help={t('personHelp')}
          error={isWrong ? t('personWrong') : undefined}
          type="search"
          maxLength={255}
          value={draft.person}
          onValue={change('person')}
        />
        <TextInput label={t('from')} type="datetime-local" value={draft.from} onValue={change('from')} />
        <TextInput label={t('to')} type="datetime-local" value={draft.to} onValue={change('to')} />
        <div class="row">
          <Button submits kind="primary" disabled={isWrong}>
            {t('filter')}
          </Button>
          {isFiltered && <Button onClick={() => navigate(makeHash(['events']))}>{t('clear')}</Button>}
        </div>
      </form>
    </details>
  );
}
