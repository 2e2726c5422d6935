// The screen "keys": the keys of both kinds, and the open sessions.
import { useState } from 'preact/hooks';
import type { keyAnswer, keyListAnswer } from '../../../api/device/answers.js';
import { get, send } from '../../api/client.js';
import type { Answer } from '../../api/types.js';
import { toApiError, useFetch } from '../../api/use-fetch.js';
import { formatDate } from '../../format.js';
import { announce } from '../../ui/announce.js';
import { Button } from '../../ui/controls.js';
import { ConfirmDialog } from '../../ui/dialog.js';
import { Card, Page } from '../../ui/page.js';
import { Badge, Empty, ErrorNotice, Notice, Spinner, Table } from '../../ui/show.js';
import { useWords } from '../../words.js';
import { AddKey } from './add-key.js';
import { Sessions } from './sessions.js';
import { words } from './words.js';

type Key = Answer<typeof keyAnswer>;

export default function KeysScreen() {
  const t = useWords(words);
  const { data, error, reload } = useFetch((signal) => get<Answer<typeof keyListAnswer>>('keys', {}, signal), []);
  const [adding, setAdding] = useState(false);
  const [revoking, setRevoking] = useState<Key>();
  /** Changes whenever a key was revoked: its sessions have ended. */
  const [round, setRound] = useState(0);
  const actions = (
    <Button kind="primary" onClick={() => setAdding(true)}>
      {t('add')}
    </Button>
  );
  const list = (kind: Key['kind']): Key[] => data?.keys.filter((key) => key.kind === kind) ?? [];
  return (
    <Page title={t('title')} lead={t('lead')} actions={actions}>
      {error && <ErrorNotice error={error} retry={reload} />}
      {!data && !error && <Spinner />}
      {data && (
        <>
          <Card title={t('adminKeys')}>
            <p class="help">{t('adminKeysLead')}</p>
            <KeyTable keys={list('admin')} caption={t('adminKeys')} hasRole onRevoke={setRevoking} />
          </Card>
          <Card title={t('appKeys')}>
            <p class="help">{t('appKeysLead')}</p>
            <KeyTable keys={list('app')} caption={t('appKeys')} onRevoke={setRevoking} />
          </Card>
        </>
      )}
      <Sessions round={round} />
      {adding && <AddKey onClose={() => setAdding(false)} onMade={reload} />}
      {revoking && (
        <RevokeKey
          of={revoking}
          onClose={() => setRevoking(undefined)}
          onRevoked={() => {
            setRevoking(undefined);
            setRound((n) => n + 1);
            reload();
          }}
        />
      )}
    </Page>
  );
}

interface KeyTableProps {
  keys: readonly Key[];
  caption: string;
  hasRole?: boolean;
  onRevoke: (key: Key) => void;
}

function KeyTable({ keys, caption, hasRole = false, onRevoke }: KeyTableProps) {
  const t = useWords(words);
  const valid = keys.filter(({ revokedAt }) => revokedAt === undefined);
  const revoked = keys.filter(({ revokedAt }) => revokedAt !== undefined);
  const facts = ({ role, createdAt, fingerprint }: Key) => [
    ...(hasRole && role ? [t(role)] : []),
    formatDate(createdAt),
    <code key="fingerprint">{fingerprint}</code>,
  ];
  const headers = [t('name'), ...(hasRole ? [t('role')] : []), t('made'), t('fingerprint')];
  return (
    <>
      {valid.length === 0 ? (
        <Empty>{t('noKeys')}</Empty>
      ) : (
        <Table
          caption={caption}
          headers={[...headers, t('action')]}
          rows={valid.map((key) => ({
            key: key.id,
            cells: [
              key.name,
              ...facts(key),
              key.current ? (
                <Badge kind="ok">{t('yours')}</Badge>
              ) : (
                <Button aria-label={t('revokeNamed', { name: key.name })} onClick={() => onRevoke(key)}>
                  {t('revoke')}
                </Button>
              ),
            ],
          }))}
        />
      )}
      {revoked.length > 0 && (
        <details class="revoked-keys">
          <summary>{t('revokedKeys', { n: revoked.length })}</summary>
          <Table
            caption={t('revokedKeys', { n: revoked.length })}
            headers={[...headers, t('revokedAt')]}
            rows={revoked.map((key) => ({
              key: key.id,
              cells: [key.name, ...facts(key), formatDate(key.revokedAt ?? key.createdAt)],
            }))}
          />
        </details>
      )}
    </>
  );
}

/** Asks before a key is revoked, and revokes it. */
function RevokeKey({ of: key, onClose, onRevoked }: { of: Key; onClose: () => void; onRevoked: () => void }) {
  const t = useWords(words);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  const revoke = async (): Promise<void> => {
    setBusy(true);
    try {
      await send('DELETE', `keys/${key.id}`);
      announce(t('revoked', { name: key.name }));
      onRevoked();
    } catch (error) {
      setProblem(toApiError(error).message);
      setBusy(false);
    }
  };
  return (
    <ConfirmDialog
      title={t('revokeTitle', { name: key.name })}
      action={t('revoke')}
      danger
      busy={busy}
      onConfirm={() => void revoke()}
      onCancel={onClose}
    >
      <p>{t(key.kind === 'admin' ? 'revokeAdmin' : 'revokeApp')}</p>
      <p>{t('revokeForever')}</p>
      {problem !== undefined && <Notice kind="bad">{t('failed', { message: problem })}</Notice>}
    </ConfirmDialog>
  );
}
