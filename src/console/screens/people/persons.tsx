// The people of one group: a table in pages, with a search by id.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { groupDeletedAnswer, personListAnswer } from '../../../api/device/people-answers.js';
import { EXTERNAL_IMAGE_ID_PATTERN } from '../../../domain/ids.js';
import { get, send } from '../../api/client.js';
import type { Answer } from '../../api/types.js';
import { useFetch } from '../../api/use-fetch.js';
import { formatDate, formatNumber, formatPercent } from '../../format.js';
import { makeHash, navigate } from '../../router.js';
import { hasRole } from '../../state.js';
import { Button, TextInput } from '../../ui/controls.js';
import { Page } from '../../ui/page.js';
import { Badge, Empty, ErrorNotice, Notice, Spinner, Table } from '../../ui/show.js';
import { useWords } from '../../words.js';
import { groupPath, linkTo, type GroupName, type PersonGroup, type Person } from './api.js';
import { DeleteDialog } from './dialogs.js';
import { ProofNotice, type Done } from './proof.js';
import { words } from './words.js';

const PAGE_PERSONS = 50;
/** Time after the last letter before a search is sent. */
const PAUSE_MS = 250;

export interface PersonsViewProps {
  group: GroupName;
  search: string;
  /** Id after which the page begins. */
  after: string | undefined;
}

export function PersonsView({ group, search, after }: PersonsViewProps) {
  const t = useWords(words);
  const { groupId, appKey } = group;
  const [text, setText] = useState(search);
  const [isDeleting, setDeleting] = useState(false);
  const [done, setDone] = useState<Done>();
  /** Beginnings of the pages before this one. */
  const before = useRef<(string | undefined)[]>([]);
  const about = useFetch((signal) => get<PersonGroup>(groupPath(group), { appKey }, signal), [groupId, appKey]);
  const { data, error, loading, reload } = useFetch(
    (signal) =>
      get<Answer<typeof personListAnswer>>(
        `${groupPath(group)}/persons`,
        { appKey, limit: PAGE_PERSONS, search: search || undefined, after },
        signal,
      ),
    [groupId, appKey, search, after],
  );
  const isValid = text === '' || EXTERNAL_IMAGE_ID_PATTERN.test(text);
  useEffect(() => {
    if (text === search || !isValid) return;
    const timer = setTimeout(() => {
      before.current = [];
      navigate(makeHash(['people', groupId], { appKey, search: text }), true);
    }, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text, search, isValid]);
  const goTo = (to: string | undefined): void => navigate(makeHash(['people', groupId], { appKey, search, after: to }));

  if (done) {
    return (
      <Page title={groupId}>
        <ProofNotice done={done} />
        <BackToGroups appKey={appKey} />
      </Page>
    );
  }
  return (
    <Page
      title={groupId}
      lead={about.data && t('count', { n: about.data.persons, text: formatNumber(about.data.persons) })}
      actions={
        hasRole('admin') &&
        about.data &&
        !about.data.copyOf && <Button onClick={() => setDeleting(true)}>{t('removeGroup')}</Button>
      }
    >
      <BackToGroups appKey={appKey} />
      {about.data && <CopyNotice group={about.data} />}
      {about.data?.modelInstalled === false && <Notice kind="warn">{t('notInstalledHelp')}</Notice>}
      <div class="people-filter">
        <TextInput
          type="search"
          label={t('search')}
          value={text}
          maxLength={255}
          error={isValid ? undefined : t('searchWrong')}
          onValue={setText}
        />
      </div>
      {error && <ErrorNotice error={error} retry={reload} />}
      {!data ? (
        !error && <Spinner />
      ) : data.persons.length === 0 ? (
        <Empty>{search === '' ? t('nobody') : t('noMatch', { search })}</Empty>
      ) : (
        <div class="card" aria-busy={loading}>
          <PersonsTable group={group} persons={data.persons} />
        </div>
      )}
      {(after !== undefined || data?.after !== undefined) && (
        <div class="pager">
          <Button disabled={after === undefined} onClick={() => goTo(before.current.pop())}>
            ← {before.current.length > 0 ? t('previous') : t('firstPage')}
          </Button>
          <Button
            disabled={data?.after === undefined}
            onClick={() => {
              before.current.push(after);
              goTo(data?.after);
            }}
          >
            {t('next')} →
          </Button>
        </div>
      )}
      {isDeleting && about.data && (
        <DeleteDialog
          title={t('removeGroupTitle', { id: groupId })}
          text={t('removeGroupText', { n: about.data.faces, text: formatNumber(about.data.faces) })}
          action={t('removeGroup')}
          typed={groupId}
          remove={async () => {
            const answer = await send<Answer<typeof groupDeletedAnswer>>('DELETE', groupPath(group), undefined, {
              appKey,
            });
            return { text: t('groupRemoved', { id: groupId }), proof: answer.audit };
          }}
          onClose={() => setDeleting(false)}
          onDone={setDone}
        />
      )}
    </Page>
  );
}

/** Says that a group is a copy of the fleet, and where it is changed. */
export function CopyNotice({ group: { copyOf } }: { group: PersonGroup }) {
  const t = useWords(words);
  if (!copyOf) return null;
  const { authority, takesProposals } = copyOf;
  return <Notice kind="info">{t(takesProposals ? 'isCopyProposals' : 'isCopyHelp', { authority })}</Notice>;
}

function BackToGroups({ appKey }: { appKey: string | undefined }) {
  const t = useWords(words);
  return (
    <p>
      <a href={makeHash(['people'], { appKey })}>← {t('back')}</a>
    </p>
  );
}

function PersonsTable({ group, persons }: { group: GroupName; persons: readonly Person[] }) {
  const t = useWords(words);
  return (
    <Table
      caption={t('persons')}
      headers={[t('person'), t('state'), t('faces'), t('quality'), t('first'), t('last')]}
      rows={persons.map((person) => ({
        key: person.externalImageId,
        cells: [
          <a href={linkTo(group, person.externalImageId)}>{person.externalImageId}</a>,
          <PersonState person={person} />,
          formatNumber(person.faces),
          person.quality ? formatPercent(person.quality.best) : <span class="quiet">{t('notMeasured')}</span>,
          <EnrolmentDate at={person.firstEnrolledAt} />,
          <EnrolmentDate at={person.lastEnrolledAt} />,
        ],
      }))}
    />
  );
}

export function PersonState({ person: { problem } }: { person: Person }) {
  const t = useWords(words);
  return <Badge kind={problem ? 'bad' : 'ok'}>{t(problem ?? 'recognised')}</Badge>;
}

function EnrolmentDate({ at }: { at: string | undefined }) {
  const t = useWords(words);
  if (at === undefined) return <span class="quiet">{t('notRecorded')}</span>;
  return <time dateTime={at}>{formatDate(at)}</time>;
}
