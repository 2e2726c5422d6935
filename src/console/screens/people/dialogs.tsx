// The dialogs that change people: delete after the name was typed, rename and move with a question before two people are joined.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { personChangedAnswer } from '../../../api/device/people-answers.js';
import { EXTERNAL_IMAGE_ID_PATTERN } from '../../../domain/ids.js';
import { ApiError, send } from '../../api/client.js';
import type { Answer } from '../../api/types.js';
import { useFetch } from '../../api/use-fetch.js';
import { Select, TextInput } from '../../ui/controls.js';
import { ConfirmDialog } from '../../ui/dialog.js';
import { Notice, Spinner } from '../../ui/show.js';
import { useWords } from '../../words.js';
import { groupPath, listGroups, wordFailure, type GroupName } from './api.js';
import type { Done } from './proof.js';
import { words } from './words.js';

interface ChangeState {
  isBusy: boolean;
  failure: string | undefined;
  run: (change: () => Promise<void>) => void;
}

/** Runs a change: keeps the dialog busy meanwhile, and words a failure. */
function useChange(): ChangeState {
  const t = useWords(words);
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string>();
  const run = (change: () => Promise<void>): void => {
    setBusy(true);
    setFailure(undefined);
    change()
      .catch((error: unknown) => setFailure(wordFailure(error, t)))
      .finally(() => setBusy(false));
  };
  return { isBusy, failure, run };
}

export interface DeleteDialogProps {
  title: string;
  text: ComponentChildren;
  /** Words of the button. */
  action: string;
  /** What must be typed before; undefined where nothing must. */
  typed?: string;
  remove: () => Promise<Done>;
  onClose: () => void;
  onDone: (done: Done) => void;
}

export function DeleteDialog({ title, text, action, typed, remove, onClose, onDone }: DeleteDialogProps) {
  const t = useWords(words);
  const [value, setValue] = useState('');
  const { isBusy, failure, run } = useChange();
  return (
    <ConfirmDialog
      title={title}
      action={action}
      danger
      busy={isBusy}
      disabled={typed !== undefined && value.trim() !== typed}
      onConfirm={() => run(async () => onDone(await remove()))}
      onCancel={onClose}
    >
      <p>{text}</p>
      {typed !== undefined && <TextInput label={t('typeId', { id: typed })} value={value} onValue={setValue} />}
      {failure !== undefined && <Notice kind="bad">{failure}</Notice>}
    </ConfirmDialog>
  );
}

export interface PersonDialogProps {
  group: GroupName;
  externalImageId: string;
  onClose: () => void;
  /** @param where group and id under which the person is found now */
  onDone: (done: Done, where: { group: GroupName; externalImageId: string }) => void;
}

export function RenameDialog({ group, externalImageId, onClose, onDone }: PersonDialogProps) {
  const t = useWords(words);
  const [to, setTo] = useState('');
  const isValid = EXTERNAL_IMAGE_ID_PATTERN.test(to) && to !== externalImageId;
  const problem = to === externalImageId ? t('idSame') : t('idWrong');
  return (
    <JoiningDialog
      title={t('renameTitle', { id: externalImageId })}
      action={t('rename')}
      target={isValid ? to : undefined}
      existing={to}
      change={(merge) => change(group, 'rename', { externalImageId, to, merge })}
      onClose={onClose}
      onDone={({ audit, merged }) => {
        const text = [t('renamed', { id: externalImageId, to }), merged && t('joined')].filter(Boolean).join(' ');
        onDone({ text, proof: audit }, { group, externalImageId: to });
      }}
    >
      <TextInput
        label={t('newId')}
        value={to}
        maxLength={255}
        error={to === '' || isValid ? undefined : problem}
        onValue={setTo}
      />
    </JoiningDialog>
  );
}

export function MoveDialog({ group, externalImageId, onClose, onDone }: PersonDialogProps) {
  const t = useWords(words);
  const { data, error } = useFetch((signal) => listGroups(group.appKey, signal), []);
  const [chosen, setChosen] = useState<string>();
  const own = data?.find(({ groupId }) => groupId === group.groupId);
  const others = data?.filter(
    ({ groupId, modelVersion, copyOf }) =>
      groupId !== group.groupId && modelVersion === own?.modelVersion && copyOf === undefined,
  );
  const to = chosen ?? others?.[0]?.groupId;
  return (
    <JoiningDialog
      title={t('moveTitle', { id: externalImageId })}
      action={t('move')}
      target={to}
      existing={externalImageId}
      change={(merge) => change(group, 'move', { externalImageId, group: to, merge })}
      onClose={onClose}
      onDone={({ audit, merged }) => {
        if (to === undefined) return;
        const text = [t('moved', { id: externalImageId, to }), merged && t('joined')].filter(Boolean).join(' ');
        onDone({ text, proof: audit }, { group: { ...group, groupId: to }, externalImageId });
      }}
    >
      {error && <Notice kind="bad">{wordFailure(error, t)}</Notice>}
      {!others ? (
        !error && <Spinner />
      ) : to === undefined ? (
        <p>{t('noOtherGroup')}</p>
      ) : (
        <Select
          label={t('toGroup')}
          value={to}
          options={others.map(({ groupId }) => [groupId, groupId])}
          onValue={setChosen}
        />
      )}
    </JoiningDialog>
  );
}

type Changed = Answer<typeof personChangedAnswer>;

async function change(group: GroupName, what: 'rename' | 'move', body: object): Promise<Changed> {
  const { appKey } = group;
  return send<Changed>('POST', `${groupPath(group)}/persons/${what}`, {
    ...body,
    ...(appKey !== undefined && { appKey }),
  });
}

interface JoiningDialogProps {
  title: string;
  action: string;
  /** Where the person goes; undefined while that is not known. */
  target: string | undefined;
  /** Id that may be there already. */
  existing: string;
  change: (merge: boolean) => Promise<Changed>;
  onClose: () => void;
  onDone: (changed: Changed) => void;
  children: ComponentChildren;
}

/** Asks before it joins the person with one who is there already. */
function JoiningDialog({ title, action, target, existing, change, onClose, onDone, children }: JoiningDialogProps) {
  const t = useWords(words);
  const { isBusy, failure, run } = useChange();
  /** The target where somebody is there already: it takes a second confirmation, for this target alone. */
  const [taken, setTaken] = useState<string>();
  const isJoining = target !== undefined && taken === target;
  const confirm = async (): Promise<void> => {
    try {
      onDone(await change(isJoining));
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 'PERSON_EXISTS') throw error;
      setTaken(target);
    }
  };
  return (
    <ConfirmDialog
      title={title}
      action={isJoining ? t('merge') : action}
      busy={isBusy}
      disabled={target === undefined}
      onConfirm={() => run(confirm)}
      onCancel={onClose}
    >
      {children}
      {isJoining && failure === undefined && <Notice kind="warn">{t('mergeText', { id: existing })}</Notice>}
      {failure !== undefined && <Notice kind="bad">{failure}</Notice>}
    </ConfirmDialog>
  );
}
