// The open sessions of all keys, each with a button that signs it out.
import { useState } from 'preact/hooks';
import type { sessionListAnswer } from '../../../api/device/answers.js';
import { get, send } from '../../api/client.js';
import type { Answer } from '../../api/types.js';
import { toApiError, useFetch } from '../../api/use-fetch.js';
import { formatAgo } from '../../format.js';
import { announce } from '../../ui/announce.js';
import { Button } from '../../ui/controls.js';
import { Card } from '../../ui/page.js';
import { Badge, Empty, ErrorNotice, Notice, Spinner, Table } from '../../ui/show.js';
import { useWords } from '../../words.js';
import { words } from './words.js';

type SessionList = Answer<typeof sessionListAnswer>;
type Session = SessionList['sessions'][number];

/** The session of this page comes first, then the newest one. */
function compare(a: Session, b: Session): number {
  return Number(b.current) - Number(a.current) || b.openedAt.localeCompare(a.openedAt);
}

/** @param round the list is loaded again when it changes */
export function Sessions({ round }: { round: number }) {
  const t = useWords(words);
  const { data, error, reload } = useFetch((signal) => get<SessionList>('sessions', {}, signal), [round]);
  const [problem, setProblem] = useState<string>();
  const end = async ({ id, name }: Session): Promise<void> => {
    setProblem(undefined);
    try {
      await send('DELETE', `sessions/${id}`);
      announce(t('ended', { name }));
    } catch (failure) {
      setProblem(toApiError(failure).message);
    }
    reload();
  };
  const describe = (session: Session) => {
    const { id, name, role, address, openedAt, activeAt, expiresAt, current } = session;
    return {
      key: id,
      cells: [
        name,
        t(role),
        address,
        formatAgo(openedAt),
        formatAgo(activeAt),
        formatAgo(expiresAt),
        current ? (
          <Badge kind="ok">{t('thisOne')}</Badge>
        ) : (
          <Button aria-label={t('endNamed', { name, address })} onClick={() => void end(session)}>
            {t('end')}
          </Button>
        ),
      ],
    };
  };
  const headers = [t('name'), t('role'), t('address'), t('signedIn'), t('active'), t('ends'), t('action')];
  return (
    <Card title={t('sessions')}>
      <p class="help">{t('sessionsLead')}</p>
      {error && <ErrorNotice error={error} retry={reload} />}
      {problem !== undefined && <Notice kind="bad">{t('failed', { message: problem })}</Notice>}
      {!data && !error && <Spinner />}
      {data?.sessions.length === 0 && <Empty>{t('noSessions')}</Empty>}
      {data && data.sessions.length > 0 && (
        <Table caption={t('sessions')} headers={headers} rows={[...data.sessions].sort(compare).map(describe)} />
      )}
    </Card>
  );
}
