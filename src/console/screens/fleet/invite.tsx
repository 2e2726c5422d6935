// The dialog that invites a door: it makes a token, shows it once, and counts its time down.
import { useEffect, useState } from 'preact/hooks';
import type { fleetInvitationAnswer } from '../../../api/device/fleet-answers.js';
import { send } from '../../api/client.js';
import type { Answer } from '../../api/types.js';
import { formatDuration } from '../../format.js';
import { status } from '../../state.js';
import { Button, CopyButton } from '../../ui/controls.js';
import { Dialog } from '../../ui/dialog.js';
import { Notice } from '../../ui/show.js';
import { useWords } from '../../words.js';
import { AskDialog, Fingerprint } from './parts.js';
import { words } from './words.js';

type Invitation = Answer<typeof fleetInvitationAnswer> & {
  /** Time of performance.now() at which the token expires. */
  endsMs: number;
};

const COMMAND = 'lintel fleet join';

export function InviteDialog({ onClose }: { onClose: () => void }) {
  const t = useWords(words);
  const [made, setMade] = useState<Invitation>();
  if (made) return <ShowToken of={made} onClose={onClose} />;
  return (
    <AskDialog
      title={t('inviteTitle')}
      action={t('makeToken')}
      change={async () => {
        const answer = await send<Answer<typeof fleetInvitationAnswer>>('POST', 'fleet/invites');
        setMade({ ...answer, endsMs: performance.now() + Date.parse(answer.expiresAt) - readDeviceMs() });
      }}
      onClose={onClose}
      onDone={() => undefined}
    >
      <p>{t('inviteText')}</p>
    </AskDialog>
  );
}

/** Reads the time of the device, by which its tokens expire: the clock of this browser may be another one. */
function readDeviceMs(): number {
  const at = status.peek()?.at;
  return at === undefined ? Date.now() : Date.parse(at);
}

/** Shows a token that was just made. It is gone from the page when the dialog closes. */
function ShowToken({ of: { token, fingerprint, endsMs }, onClose }: { of: Invitation; onClose: () => void }) {
  const t = useWords(words);
  const [leftS, setLeftS] = useState(Math.ceil((endsMs - performance.now()) / 1_000));
  useEffect(() => {
    const timer = setInterval(() => setLeftS(Math.ceil((endsMs - performance.now()) / 1_000)), 1_000);
    return () => clearInterval(timer);
  }, [endsMs]);
  const isValid = leftS > 0;
  return (
    <Dialog title={t('inviteTitle')} onClose={onClose}>
      {isValid ? (
        <>
          <Notice kind="warn">
            <p>{t('shownOnce')}</p>
            <p role="timer">{t('left', { time: formatDuration(leftS) })}</p>
          </Notice>
          <div class="new-key">
            <h3>{t('token')}</h3>
            {/* A long token scrolls, also by the keyboard. */}
            <code class="fleet-token" tabIndex={0}>
              {token}
            </code>
            <CopyButton text={token} label={t('copyToken')} />
          </div>
          <div class="new-key">
            <h3>{t('command')}</h3>
            <code>{COMMAND}</code>
            <CopyButton text={COMMAND} label={t('copyCommand')} />
            <p class="help">{t('orScreen')}</p>
          </div>
          <div class="new-key">
            <h3>{t('ownFingerprint')}</h3>
            <Fingerprint text={fingerprint} />
          </div>
        </>
      ) : (
        <Notice kind="bad">{t('expired')}</Notice>
      )}
      <div class="row row-end">
        <Button kind="primary" onClick={onClose}>
          {t('done')}
        </Button>
      </div>
    </Dialog>
  );
}
