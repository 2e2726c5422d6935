// The dialog that makes a key, and shows it once.
import { useState } from 'preact/hooks';
import type { newKeyAnswer } from '../../../api/device/answers.js';
import { ROLES, type Role } from '../../../domain/role.js';
import { send } from '../../api/client.js';
import type { Answer } from '../../api/types.js';
import { toApiError } from '../../api/use-fetch.js';
import { Button, CopyButton, Select, TextInput } from '../../ui/controls.js';
import { ConfirmDialog, Dialog } from '../../ui/dialog.js';
import { Notice } from '../../ui/show.js';
import { useWords } from '../../words.js';
import { words } from './words.js';

type NewKey = Answer<typeof newKeyAnswer>;

const NAME = /^[a-zA-Z0-9_.-]{1,64}$/;

export function AddKey({ onClose, onMade }: { onClose: () => void; onMade: () => void }) {
  const t = useWords(words);
  const [kind, setKind] = useState<NewKey['kind']>('admin');
  const [role, setRole] = useState<Role>('viewer');
  const [name, setName] = useState('');
  const [busy, setBusy] = useState(false);
  const [wrongName, setWrongName] = useState<'nameRule' | 'nameTaken'>();
  const [problem, setProblem] = useState<string>();
  const [made, setMade] = useState<NewKey>();

  const make = async (): Promise<void> => {
    const isName = NAME.test(name);
    setWrongName(isName ? undefined : 'nameRule');
    setProblem(undefined);
    if (!isName) return;
    setBusy(true);
    try {
      setMade(await send<NewKey>('POST', 'keys', { kind, name, ...(kind === 'admin' && { role }) }));
      onMade();
    } catch (error) {
      const { code, message } = toApiError(error);
      if (code === 'KEY_CONFLICT') setWrongName('nameTaken');
      else setProblem(message);
    } finally {
      setBusy(false);
    }
  };

  if (made) return <ShowKey of={made} onClose={onClose} />;
  return (
    <ConfirmDialog title={t('add')} action={t('make')} busy={busy} onConfirm={() => void make()} onCancel={onClose}>
      <Select
        label={t('kind')}
        value={kind}
        options={[
          ['admin', t('kindAdmin')],
          ['app', t('kindApp')],
        ]}
        onValue={(value) => setKind(value as NewKey['kind'])}
        help={t(kind === 'admin' ? 'adminKeysLead' : 'appKeysLead')}
      />
      <TextInput
        label={t('name')}
        value={name}
        onValue={setName}
        maxLength={64}
        help={t('nameHelp')}
        error={wrongName && t(wrongName)}
      />
      {kind === 'admin' && (
        <Select
          label={t('role')}
          value={role}
          options={ROLES.map((one) => [one, t(one)] as const)}
          onValue={(value) => setRole(value as Role)}
          help={t(`${role}Help`)}
        />
      )}
      {problem !== undefined && <Notice kind="bad">{t('failed', { message: problem })}</Notice>}
    </ConfirmDialog>
  );
}

/** Shows a key that was just made. It is gone from the page when the dialog closes. */
function ShowKey({ of: { name, key, secretKey }, onClose }: { of: NewKey; onClose: () => void }) {
  const t = useWords(words);
  return (
    <Dialog title={t('madeTitle', { name })} onClose={onClose}>
      <Notice kind="warn">{t('shownOnce')}</Notice>
      <Secret label={t('key')} text={key} copy={t('copyKey')} />
      {secretKey !== undefined && <Secret label={t('secretKey')} text={secretKey} copy={t('copySecretKey')} />}
      <div class="row row-end">
        <Button kind="primary" onClick={onClose}>
          {t('done')}
        </Button>
      </div>
    </Dialog>
  );
}

function Secret({ label, text, copy }: { label: string; text: string; copy: string }) {
  return (
    <div class="new-key">
      <h3>{label}</h3>
      <code>{text}</code>
      <CopyButton text={text} label={copy} />
    </div>
  );
}
