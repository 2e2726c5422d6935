// The list of the entries: filter and pages.
import { useState } from 'preact/hooks';
import type { AuditAction } from '../../../domain/audit.js';
import type { auditListAnswer } from '../../../api/device/audit-answers.js';
import { get } from '../../api/client.js';
import type { Answer } from '../../api/types.js';
import { useFetch } from '../../api/use-fetch.js';
import { formatDateTime } from '../../format.js';
import { makeHash, navigate } from '../../router.js';
import { Button, Select, TextInput } from '../../ui/controls.js';
import { Card, Page } from '../../ui/page.js';
import { Empty, ErrorNotice, Pager, Spinner, Table } from '../../ui/show.js';
import { useWords } from '../../words.js';
import { ChainCard } from './chain.js';
import { describeAction, describeActor, describeSubject } from './describe.js';
import { actionWords, words } from './words.js';

type EntryPage = Answer<typeof auditListAnswer>;

const PAGE = 50;
const FILTER_KEYS = ['action', 'actor', 'about'] as const;
type AuditFilter = Readonly<Record<(typeof FILTER_KEYS)[number], string>>;

export function AuditList({ query }: { query: URLSearchParams }) {
  const t = useWords(words);
  const filter = Object.fromEntries(FILTER_KEYS.map((key) => [key, query.get(key) ?? ''])) as AuditFilter;
  const key = JSON.stringify(filter);
  // A page of the list is forgotten with its filter.
  const [place, setPlace] = useState<{ key: string; pages: readonly number[] }>({ key, pages: [] });
  const pages = place.key === key ? place.pages : [];
  const before = pages.at(-1);
  const { data, error, loading, reload } = useFetch(
    (signal) => {
      const given = Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== ''));
      return get<EntryPage>('audit', { ...given, limit: PAGE, before }, signal);
    },
    [key, before],
  );
  const goTo = (next: readonly number[]): void => {
    setPlace({ key, pages: next });
    scrollTo({ top: 0 });
  };
  const older = data?.before;
  const rows = (data?.entries ?? []).map(({ sequence, at, action, actor, subject }) => ({
    key: String(sequence),
    cells: [
      <a key="entry" href={makeHash(['audit', String(sequence)])}>
        {sequence}
      </a>,
      <time key="at" dateTime={at}>
        {formatDateTime(at)}
      </time>,
      describeAction(action),
      describeActor(actor),
      <span key="subject" class="audit-subject">
        {describeSubject(subject)}
      </span>,
    ],
  }));
  return (
    <Page title={t('title')} lead={t('lead')}>
      <ChainCard />
      <FilterForm key={key} filter={filter} />
      {error && <ErrorNotice error={error} retry={reload} />}
      {loading && !data && <Spinner />}
      {data && rows.length === 0 && <Empty>{t('none')}</Empty>}
      {rows.length > 0 && (
        <Card>
          <Table
            caption={t('list')}
            headers={[t('number'), t('when'), t('action'), t('actor'), t('subject')]}
            rows={rows}
          />
        </Card>
      )}
      <Pager
        onNewer={pages.length > 0 ? () => goTo(pages.slice(0, -1)) : undefined}
        onOlder={older === undefined ? undefined : () => goTo([...pages, older])}
      />
    </Page>
  );
}

function FilterForm({ filter }: { filter: AuditFilter }) {
  const t = useWords(words);
  const a = useWords(actionWords);
  const [draft, setDraft] = useState(filter);
  const apply = (next: AuditFilter): void => navigate(makeHash(['audit'], next));
  const isFiltered = FILTER_KEYS.some((key) => filter[key] !== '');
  const actions = Object.keys(actionWords.en) as AuditAction[];
  return (
    <details class="events-filter card" open={isFiltered}>
      <summary>{t('filter')}</summary>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          apply(draft);
        }}
      >
        <Select
          label={t('action')}
          value={draft.action}
          options={[['', t('allActions')], ...actions.map((action) => [action, a(action)] as const)]}
          onValue={(action) => apply({ ...draft, action })}
        />
        <TextInput
          label={t('actor')}
          help={t('actorHelp')}
          maxLength={128}
          value={draft.actor}
          onValue={(actor) => setDraft({ ...draft, actor })}
        />
        <TextInput
          label={t('about')}
          help={t('aboutHelp')}
          maxLength={255}
          value={draft.about}
          onValue={(about) => setDraft({ ...draft, about })}
        />
        <div class="row">
          <Button submits kind="primary">
            {t('filter')}
          </Button>
          {isFiltered && <Button onClick={() => navigate(makeHash(['audit']))}>{t('clear')}</Button>}
        </div>
      </form>
    </details>
  );
}
