// The dialogs that approve, refuse and remove a door.
import { useState } from 'preact/hooks';
import { send } from '../../api/client.js';
import { Checkbox, Select } from '../../ui/controls.js';
import { useWords } from '../../words.js';
import type { ShownDoor, ShownGroup } from './api.js';
import { AskDialog, Fingerprint } from './parts.js';
import { words } from './words.js';

interface DoorDialogProps {
  door: ShownDoor;
  onClose: () => void;
  onDone: () => void;
}

function makePath({ id }: ShownDoor): string {
  return `fleet/doors/${encodeURIComponent(id)}`;
}

/** Approves a door with the fingerprint that somebody compared: the service refuses it where the door has another one by then. */
export function ApproveDialog({ door, groups, ...rest }: DoorDialogProps & { groups: readonly ShownGroup[] }) {
  const t = useWords(words);
  const [compared, setCompared] = useState(false);
  const [which, setWhich] = useState('all');
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const choose = (groupId: string, isChosen: boolean): void =>
    setChosen(isChosen ? [...chosen, groupId] : chosen.filter((one) => one !== groupId));
  return (
    <AskDialog
      {...rest}
      title={t('approveTitle', { name: door.name })}
      action={t('approve')}
      disabled={!compared || (which === 'some' && chosen.length === 0)}
      change={() =>
        send('POST', `${makePath(door)}/approve`, {
          fingerprint: door.fingerprint,
          ...(which === 'some' && { groups: chosen }),
        })
      }
    >
      <p>{t('approveText')}</p>
      <Fingerprint text={door.fingerprint} />
      <Checkbox label={t('compared')} checked={compared} onChange={setCompared} />
      {groups.length > 0 && (
        <Select
          label={t('whichGroups')}
          value={which}
          options={[
            ['all', t('allGroups')],
            ['some', t('someGroups')],
          ]}
          onValue={setWhich}
        />
      )}
      {which === 'some' && (
        <fieldset class="fleet-groups">
          <legend class="hidden">{t('whichGroups')}</legend>
          {groups.map(({ groupId }) => (
            <Checkbox
              key={groupId}
              label={groupId}
              checked={chosen.includes(groupId)}
              onChange={(isChosen) => choose(groupId, isChosen)}
            />
          ))}
        </fieldset>
      )}
    </AskDialog>
  );
}

export function RefuseDialog({ door, ...rest }: DoorDialogProps) {
  const t = useWords(words);
  return (
    <AskDialog
      {...rest}
      title={t('refuseTitle', { name: door.name })}
      action={t('refuse')}
      danger
      change={() => send('POST', `${makePath(door)}/refuse`)}
    >
      <p>{t('refuseText')}</p>
    </AskDialog>
  );
}

export function RemoveDialog({ door, ...rest }: DoorDialogProps) {
  const t = useWords(words);
  return (
    <AskDialog
      {...rest}
      title={t('removeTitle', { name: door.name })}
      action={t('remove')}
      danger
      change={() => send('DELETE', makePath(door))}
    >
      <p>{t('removeText')}</p>
      <p>{t('removeSilent')}</p>
      <p>{t('removeAgain')}</p>
    </AskDialog>
  );
}
