// The dialog that enrols the kept face of a stranger.
import { useState } from 'preact/hooks';
import type { unknownFaceEnrolmentAnswer } from '../../../api/device/answers.js';
import type { appKeyListAnswer } from '../../../api/device/people-answers.js';
import { EXTERNAL_IMAGE_ID_PATTERN } from '../../../domain/ids.js';
import { get, send } from '../../api/client.js';
import type { Answer } from '../../api/types.js';
import { useFetch } from '../../api/use-fetch.js';
import { Select, TextInput } from '../../ui/controls.js';
import { ConfirmDialog } from '../../ui/dialog.js';
import { Notice, Spinner } from '../../ui/show.js';
import { useWords } from '../../words.js';
import { listGroups, takesEnrolments, type GroupName } from '../people/api.js';
import { wordFailure } from './failure.js';
import type { Stranger } from './screen.js';
import { words } from './words.js';

/** A stranger who is enrolled now. */
export interface Enrolled {
  group: GroupName;
  externalImageId: string;
}

export interface EnrolDialogProps {
  face: Stranger;
  onClose: () => void;
  onDone: (enrolled: Enrolled) => void;
}

export function EnrolDialog({ face, onClose, onDone }: EnrolDialogProps) {
  const t = useWords(words);
  const { data, error } = useFetch(listAllGroups, []);
  const [chosen, setChosen] = useState('0');
  const [externalImageId, setId] = useState('');
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string>();
  const group = data?.[Number(chosen)];
  const isValid = EXTERNAL_IMAGE_ID_PATTERN.test(externalImageId);
  const enrol = async ({ groupId, appKey }: GroupName): Promise<void> => {
    setBusy(true);
    try {
      const body = { group: groupId, ...(appKey !== undefined && { appKey }), externalImageId };
      await send<Answer<typeof unknownFaceEnrolmentAnswer>>('POST', `unknown-faces/${face.id}/enrol`, body);
      onDone({ group: { groupId, appKey }, externalImageId });
    } catch (problem) {
      setFailure(wordFailure(problem, t));
      setBusy(false);
    }
  };
  return (
    <ConfirmDialog
      title={t('enrolTitle')}
      action={t('enrol')}
      busy={isBusy}
      disabled={!isValid || !group}
      onConfirm={() => void (group && enrol(group))}
      onCancel={onClose}
    >
      <p>{t('enrolText')}</p>
      <TextInput
        label={t('id')}
        value={externalImageId}
        maxLength={255}
        error={externalImageId === '' || isValid ? undefined : t('idWrong')}
        onValue={setId}
      />
      {error && <Notice kind="bad">{wordFailure(error, t)}</Notice>}
      {!data ? (
        !error && <Spinner />
      ) : data.length === 0 ? (
        <p>{t('noGroup')}</p>
      ) : (
        <Select
          label={t('group')}
          value={chosen}
          options={data.map(({ groupId, appKey }, i) => [
            String(i),
            appKey === undefined ? groupId : `${groupId} (${appKey})`,
          ])}
          onValue={setChosen}
        />
      )}
      {failure !== undefined && <Notice kind="bad">{failure}</Notice>}
    </ConfirmDialog>
  );
}

/** Reads the groups of all appKeys whose models are installed, and which take enrolments. */
async function listAllGroups(signal: AbortSignal): Promise<GroupName[]> {
  const { appKeys } = await get<Answer<typeof appKeyListAnswer>>('app-keys', {}, signal);
  const lists = await Promise.all(
    appKeys.map(async (name) => {
      const appKey = name === 'default' ? undefined : name;
      const groups = await listGroups(appKey, signal);
      return groups
        .filter((group) => group.modelInstalled && takesEnrolments(group))
        .map(({ groupId }) => ({ groupId, appKey }));
    }),
  );
  return lists.flat();
}
