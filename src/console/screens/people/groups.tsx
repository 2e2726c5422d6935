// The groups of an appKey, and the dialog that makes one.
import { useState } from 'preact/hooks';
import type { appKeyListAnswer, groupCreatedAnswer } from '../../../api/device/people-answers.js';
import { GROUP_ID_PATTERN } from '../../../domain/ids.js';
import { get, send } from '../../api/client.js';
import type { Answer } from '../../api/types.js';
import { useFetch } from '../../api/use-fetch.js';
import { formatDate, formatNumber } from '../../format.js';
import { makeHash, navigate } from '../../router.js';
import { hasRole } from '../../state.js';
import { Button, Select, TextInput } from '../../ui/controls.js';
import { ConfirmDialog } from '../../ui/dialog.js';
import { Page } from '../../ui/page.js';
import { Badge, Empty, ErrorNotice, Facts, Notice, Spinner } from '../../ui/show.js';
import { useWords } from '../../words.js';
import { linkTo, listGroups, wordFailure, type PersonGroup } from './api.js';
import { ProofNotice, type Done } from './proof.js';
import { words } from './words.js';

export function GroupsView({ appKey }: { appKey: string | undefined }) {
  const t = useWords(words);
  const [isCreating, setCreating] = useState(false);
  const [done, setDone] = useState<Done>();
  const keys = useFetch((signal) => get<Answer<typeof appKeyListAnswer>>('app-keys', {}, signal), []);
  // The list of an appKey that is not there would be refused.
  const names = keys.data?.appKeys ?? [];
  const shown = appKey ?? (names.includes('default') ? undefined : names[0]);
  const { data, error, reload } = useFetch(
    async (signal) => (keys.data ? listGroups(shown, signal) : undefined),
    [shown, keys.data],
  );
  return (
    <Page
      title={t('title')}
      lead={t('lead')}
      actions={
        hasRole('operator') && (
          <Button kind="primary" onClick={() => setCreating(true)}>
            {t('newGroup')}
          </Button>
        )
      }
    >
      {(keys.error ?? error) && (
        <ErrorNotice error={(keys.error ?? error)!} retry={keys.error ? keys.reload : reload} />
      )}
      {done && <ProofNotice done={done} />}
      {names.length > 1 && (
        <div class="people-filter">
          <Select
            label={t('appKey')}
            value={shown ?? 'default'}
            options={names.map((name) => [name, name])}
            onValue={(name) => navigate(makeHash(['people'], { appKey: name }))}
          />
        </div>
      )}
      {!data ? (
        !(keys.error ?? error) && <Spinner />
      ) : data.length === 0 ? (
        <Empty>{t('noGroups')}</Empty>
      ) : (
        <ul class="grid group-grid">
          {data.map((group) => (
            <li key={group.groupId} class="card">
              <GroupCard group={group} appKey={shown} />
            </li>
          ))}
        </ul>
      )}
      {isCreating && (
        <NewGroupDialog
          appKey={shown}
          onClose={() => setCreating(false)}
          onDone={(made) => {
            setDone(made);
            setCreating(false);
            reload();
          }}
        />
      )}
    </Page>
  );
}

function GroupCard({ group, appKey }: { group: PersonGroup; appKey: string | undefined }) {
  const t = useWords(words);
  const { groupId, persons, faces, policy, createdAt, modelVersion, modelInstalled, copyOf } = group;
  return (
    <>
      <div class="card-head">
        <h2>
          <a class="group-link" href={linkTo({ groupId, appKey })}>
            {groupId}
          </a>
        </h2>
        <div class="row">
          {copyOf && <Badge kind="off">{t('isCopy', { authority: copyOf.authority })}</Badge>}
          {!modelInstalled && <Badge kind="bad">{t('notInstalled')}</Badge>}
        </div>
      </div>
      <p class="people-count">{t('count', { n: persons, text: formatNumber(persons) })}</p>
      <Facts
        items={[
          [t('faces'), formatNumber(faces)],
          [t('policy'), t(policy === 'open' ? 'open-policy' : policy)],
          [t('models'), modelVersion],
          [t('created'), formatDate(createdAt)],
        ]}
      />
    </>
  );
}

interface DialogProps {
  appKey: string | undefined;
  onClose: () => void;
  onDone: (done: Done) => void;
}

function NewGroupDialog({ appKey, onClose, onDone }: DialogProps) {
  const t = useWords(words);
  const [groupId, setGroupId] = useState('');
  const [failure, setFailure] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const isValid = GROUP_ID_PATTERN.test(groupId);
  const create = async (): Promise<void> => {
    setBusy(true);
    try {
      const body = { groupId, ...(appKey !== undefined && { appKey }) };
      const { audit } = await send<Answer<typeof groupCreatedAnswer>>('POST', 'groups', body);
      onDone({ text: t('groupMade', { id: groupId }), proof: audit });
    } catch (error) {
      setFailure(wordFailure(error, t));
      setBusy(false);
    }
  };
  return (
    <ConfirmDialog
      title={t('newGroup')}
      action={t('create')}
      busy={isBusy}
      disabled={!isValid}
      onConfirm={() => void create()}
      onCancel={onClose}
    >
      <TextInput
        label={t('groupId')}
        help={t('groupIdHelp')}
        error={groupId === '' || isValid ? undefined : t('groupIdWrong')}
        value={groupId}
        maxLength={255}
        onValue={setGroupId}
      />
      {failure !== undefined && <Notice kind="bad">{failure}</Notice>}
    </ConfirmDialog>
  );
}
