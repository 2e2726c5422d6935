// The first step: the group and the id of the person.
import { useEffect } from 'preact/hooks';
import type { groupListAnswer, personListAnswer } from '../../../api/device/people-answers.js';
import { EXTERNAL_IMAGE_ID_PATTERN } from '../../../domain/ids.js';
import { get } from '../../api/client.js';
import type { Answer } from '../../api/types.js';
import { useFetch } from '../../api/use-fetch.js';
import { Select, TextInput } from '../../ui/controls.js';
import { Card } from '../../ui/page.js';
import { Empty, ErrorNotice, Spinner } from '../../ui/show.js';
import { useWords } from '../../words.js';
import { takesEnrolments } from '../people/api.js';
import type { Wish } from './enrol-api.js';
import { words } from './words.js';

type Groups = Answer<typeof groupListAnswer>;
type Persons = Answer<typeof personListAnswer>;

export interface WhomProps {
  wish: Wish;
  onWish: (wish: Wish) => void;
  disabled: boolean;
  /** Changes when somebody was enrolled: the number of faces is read again. */
  round: number;
}

/** Tells whether a wish names a group and a possible id. */
export function isComplete({ group, externalImageId }: Wish): boolean {
  return group !== '' && EXTERNAL_IMAGE_ID_PATTERN.test(externalImageId);
}

export function Whom({ wish, onWish, disabled, round }: WhomProps) {
  const t = useWords(words);
  const { appKey, group, externalImageId } = wish;
  const groups = useFetch((signal) => get<Groups>('groups', { appKey, limit: 200 }, signal), [appKey]);
  const listed = groups.data?.groups.filter(takesEnrolments) ?? [];
  const copies = groups.data?.groups.length ?? 0;
  useEffect(() => {
    const [first] = listed;
    if (first && !listed.some(({ groupId }) => groupId === group)) onWish({ ...wish, group: first.groupId });
  }, [groups.data]);
  const isWrong = externalImageId !== '' && !EXTERNAL_IMAGE_ID_PATTERN.test(externalImageId);
  return (
    <Card title={t('who')}>
      {groups.loading && !groups.data && <Spinner />}
      {groups.error && <ErrorNotice error={groups.error} retry={groups.reload} />}
      {groups.data && listed.length === 0 && <Empty>{t(copies > 0 ? 'copiesOnly' : 'noGroups')}</Empty>}
      {listed.length > 0 && (
        <div class="enrol-whom">
          <Select
            label={t('group')}
            value={group}
            disabled={disabled}
            options={listed.map(({ groupId }) => [groupId, groupId] as const)}
            onValue={(value) => onWish({ ...wish, group: value })}
          />
          <TextInput
            label={t('id')}
            help={isWrong ? undefined : t('idHelp')}
            error={isWrong ? t('idHelp') : undefined}
            value={externalImageId}
            disabled={disabled}
            maxLength={255}
            attributes={{ autocapitalize: 'off' }}
            onValue={(value) => onWish({ ...wish, externalImageId: value })}
          />
          <KnownPerson wish={wish} round={round} />
        </div>
      )}
      <details>
        <summary>{t('more')}</summary>
        <TextInput
          label={t('appKey')}
          value={appKey}
          disabled={disabled}
          maxLength={64}
          onValue={(value) => onWish({ ...wish, appKey: value })}
        />
      </details>
    </Card>
  );
}

/** Says whether the id is known in the group, and with how many faces. */
function KnownPerson({ wish, round }: { wish: Wish; round: number }) {
  const t = useWords(words);
  const { appKey, group, externalImageId } = wish;
  const found = useFetch(
    async (signal) => {
      if (!isComplete(wish)) return undefined;
      await wait(PAUSE_MS, signal);
      const path = `groups/${encodeURIComponent(group)}/persons`;
      // The person with this id alone comes before those whose id only begins with it.
      const { persons } = await get<Persons>(path, { appKey, prefix: externalImageId, limit: 1 }, signal);
      const person = persons.find((one) => one.externalImageId === externalImageId);
      return { id: externalImageId, faces: person?.faces ?? 0 };
    },
    [appKey, group, externalImageId, round],
  );
  const { data } = found;
  const isShown = data?.id === externalImageId;
  return (
    <p class="quiet" role="status">
      {isShown && data && (data.faces > 0 ? t('idKnown', { n: data.faces }) : t('idNew'))}
    </p>
  );
}

/** Time without a change of the id before the device is asked about it. */
const PAUSE_MS = 300;

/** @throws the reason of the signal when it is aborted */
function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(new DOMException('', 'AbortError'));
    });
  });
}
