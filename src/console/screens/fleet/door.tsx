// The fleet as a door shows it: its membership, the copies, and joining and leaving.
import { useState } from 'preact/hooks';
import type { fleetJoinAnswer } from '../../../api/device/fleet-answers.js';
import { send } from '../../api/client.js';
import type { Answer } from '../../api/types.js';
import { toApiError } from '../../api/use-fetch.js';
import { hasRole } from '../../state.js';
import { announce } from '../../ui/announce.js';
import { Button, TextInput } from '../../ui/controls.js';
import { Card, Page } from '../../ui/page.js';
import { Badge, ErrorNotice, Notice, type Kind } from '../../ui/show.js';
import { useWords } from '../../words.js';
import type { ShownFleet } from './api.js';
import type { FleetViewProps } from './authority.js';
import { AboutCard, AskDialog, Fingerprint, GroupsCard } from './parts.js';
import { words } from './words.js';

type JoinState = NonNullable<ShownFleet['joining']>['state'];

const STATES = {
  none: ['off', 'none'],
  waiting: ['warn', 'waiting'],
  approved: ['ok', 'approvedState'],
  refused: ['bad', 'refused'],
  removed: ['bad', 'removed'],
} as const satisfies Record<JoinState, readonly [Kind, keyof typeof words.en]>;

export function DoorView({ fleet, error, reload }: FleetViewProps) {
  const t = useWords(words);
  const [leaving, setLeaving] = useState(false);
  const { state, authority, authorityFingerprint, detail } = fleet.joining ?? { state: 'none' as const };
  const [kind, word] = STATES[state];
  const isIn = state === 'approved' || state === 'waiting';
  const isAdmin = hasRole('admin');
  return (
    <Page
      title={t('title')}
      lead={t('leadDoor')}
      actions={isAdmin && state !== 'none' && <Button onClick={() => setLeaving(true)}>{t('leave')}</Button>}
    >
      {error && <ErrorNotice error={error} retry={reload} />}
      {fleet.problem && <Notice kind="bad">{fleet.problem}</Notice>}
      {state === 'waiting' && <Notice kind="warn">{t('waitsText', { authority: authority ?? '' })}</Notice>}
      {detail && <Notice kind={kind === 'bad' ? 'bad' : 'info'}>{detail}</Notice>}
      {!isIn && isAdmin && <JoinCard onJoined={reload} />}
      {state === 'approved' && <GroupsCard title={t('copies')} groups={fleet.groups} empty={t('noCopies')} />}
      <AboutCard
        fleet={fleet}
        more={[
          [t('membership'), <Badge kind={kind}>{t(word)}</Badge>],
          ...(authority === undefined ? [] : [[t('authority'), authority] as const]),
          ...(authorityFingerprint === undefined
            ? []
            : [[t('authorityFingerprint'), <Fingerprint text={authorityFingerprint} />] as const]),
        ]}
      />
      {leaving && (
        <AskDialog
          title={t('leaveTitle')}
          action={t('leave')}
          danger
          change={() => send('DELETE', 'fleet/membership')}
          onClose={() => setLeaving(false)}
          onDone={() => {
            announce(t('hasLeft'));
            setLeaving(false);
            reload();
          }}
        >
          <p>{t('leaveText')}</p>
        </AskDialog>
      )}
    </Page>
  );
}

function JoinCard({ onJoined }: { onJoined: () => void }) {
  const t = useWords(words);
  const [token, setToken] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  const join = async (): Promise<void> => {
    if (token.trim() === '') {
      setProblem(t('tokenEmpty'));
      return;
    }
    setBusy(true);
    setProblem(undefined);
    try {
      await send<Answer<typeof fleetJoinAnswer>>('POST', 'fleet/join', { token: token.trim() });
      setToken('');
      onJoined();
    } catch (error) {
      setProblem(t('failedText', { message: toApiError(error).message }));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Card title={t('join')}>
      <p>{t('joinText')}</p>
      <form
        class="fleet-join"
        onSubmit={(event) => {
          event.preventDefault();
          if (!busy) void join();
        }}
      >
        <TextInput label={t('token')} value={token} onValue={setToken} error={problem} maxLength={12_000} />
        <Button submits kind="primary" busy={busy}>
          {t('joinAction')}
        </Button>
      </form>
    </Card>
  );
}
