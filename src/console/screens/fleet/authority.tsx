// The fleet as its authority shows it: doors that wait, doors with their lag and health, groups, and the proof of deletion.
import { useState } from 'preact/hooks';
import type { ApiError } from '../../api/client.js';
import { formatAgo } from '../../format.js';
import { hasRole } from '../../state.js';
import { announce } from '../../ui/announce.js';
import { Button } from '../../ui/controls.js';
import { Card, Page } from '../../ui/page.js';
import { ErrorNotice, Notice } from '../../ui/show.js';
import { useWords } from '../../words.js';
import type { ShownFleet, ShownDoor } from './api.js';
import { ApproveDialog, RefuseDialog, RemoveDialog } from './dialogs.js';
import { DoorsCard } from './doors.js';
import { InviteDialog } from './invite.js';
import { AboutCard, Fingerprint, GroupsCard } from './parts.js';
import { ProofCard } from './proof.js';
import { words } from './words.js';

export interface FleetViewProps {
  fleet: ShownFleet;
  error: ApiError | undefined;
  reload: () => void;
}

type Asked = { what: 'approve' | 'refuse' | 'remove'; door: ShownDoor };

export function AuthorityView({ fleet, error, reload }: FleetViewProps) {
  const t = useWords(words);
  const { groups, doors } = fleet;
  const [inviting, setInviting] = useState(false);
  const [asked, setAsked] = useState<Asked>();
  const close = (): void => setAsked(undefined);
  const finish = (text: string) => (): void => {
    announce(text);
    close();
    reload();
  };
  const isAdmin = hasRole('admin');
  return (
    <Page
      title={t('title')}
      lead={t('leadAuthority')}
      actions={
        isAdmin && (
          <Button kind="primary" onClick={() => setInviting(true)}>
            {t('invite')}
          </Button>
        )
      }
    >
      {error && <ErrorNotice error={error} retry={reload} />}
      {fleet.problem && <Notice kind="bad">{fleet.problem}</Notice>}
      <WaitingCard
        doors={doors.filter(({ state }) => state === 'waiting')}
        onAsk={isAdmin ? (what, door) => setAsked({ what, door }) : undefined}
      />
      <DoorsCard doors={doors} onRemove={isAdmin ? (door) => setAsked({ what: 'remove', door }) : undefined} />
      <ProofCard groups={groups} />
      <GroupsCard title={t('groups')} groups={groups} empty={t('noGroups')} />
      <AboutCard fleet={fleet} />
      {inviting && <InviteDialog onClose={() => setInviting(false)} />}
      {asked?.what === 'approve' && (
        <ApproveDialog
          door={asked.door}
          groups={groups}
          onClose={close}
          onDone={finish(t('approved', { name: asked.door.name }))}
        />
      )}
      {asked?.what === 'refuse' && (
        <RefuseDialog door={asked.door} onClose={close} onDone={finish(t('doorRefused', { name: asked.door.name }))} />
      )}
      {asked?.what === 'remove' && (
        <RemoveDialog door={asked.door} onClose={close} onDone={finish(t('doorRemoved', { name: asked.door.name }))} />
      )}
    </Page>
  );
}

interface WaitingCardProps {
  doors: readonly ShownDoor[];
  /** Undefined for somebody who may only look. */
  onAsk: ((what: 'approve' | 'refuse', door: ShownDoor) => void) | undefined;
}

/** The doors that ask to join, above everything else. */
function WaitingCard({ doors, onAsk }: WaitingCardProps) {
  const t = useWords(words);
  if (doors.length === 0) return null;
  return (
    <Card kind="warn" title={t('waitingTitle', { n: doors.length })}>
      <p class="help">{t('waitingLead')}</p>
      <ul class="fleet-waiting">
        {doors.map((door) => (
          <li key={door.id}>
            <div class="fleet-who">
              <h3>{door.name}</h3>
              <Fingerprint text={door.fingerprint} />
              {door.joinedAt !== undefined && <p class="help">{t('asked', { ago: formatAgo(door.joinedAt) })}</p>}
            </div>
            {onAsk && (
              <div class="row">
                <Button aria-label={t('refuseNamed', { name: door.name })} onClick={() => onAsk('refuse', door)}>
                  {t('refuse')}
                </Button>
                <Button
                  kind="primary"
                  aria-label={t('approveNamed', { name: door.name })}
                  onClick={() => onAsk('approve', door)}
                >
                  {t('approve')}
                </Button>
              </div>
            )}
          </li>
        ))}
      </ul>
    </Card>
  );
}
