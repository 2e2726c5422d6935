// The privacy switch: large in a screen, small in the head, and the banner of every screen while it is on.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { privacyAnswer } from '../api/device/answers.js';
import { send } from './api/client.js';
import type { Answer } from './api/types.js';
import { toApiError } from './api/use-fetch.js';
import { privacyWords } from './privacy-words.js';
import { shellWords } from './shell-words.js';
import { hasRole, privacy } from './state.js';
import { announce } from './ui/announce.js';
import { Switch } from './ui/controls.js';
import { ConfirmDialog } from './ui/dialog.js';
import { Notice } from './ui/show.js';
import { useWords } from './words.js';

/** Privacy goes on at once; to open the cameras again asks first. @param small true: without the help below the switch */
export function PrivacySwitch({ small = false }: { small?: boolean }) {
  const t = useWords(privacyWords);
  const s = useWords(shellWords);
  const [asks, setAsks] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  const allowed = hasRole('operator');
  const change = async (on: boolean): Promise<void> => {
    // The switch stays enabled meanwhile: a disabled button would lose the focus.
    if (busy) return;
    setBusy(true);
    setProblem(undefined);
    try {
      const { stored } = await send<Answer<typeof privacyAnswer>>('PUT', 'privacy', { on });
      if (!stored) setProblem(t('notStored'));
    } catch (error) {
      setProblem(t('failed', { message: toApiError(error).message }));
    }
    setBusy(false);
    setAsks(false);
  };
  const help = allowed ? t('help') : s('tooLow');
  return (
    <>
      <Switch
        large={!small}
        kind="bad"
        label={t('label')}
        checked={privacy.value === true}
        disabled={!allowed || privacy.value === undefined}
        help={small ? undefined : help}
        onChange={(on) => (on ? void change(true) : setAsks(true))}
      />
      {problem !== undefined && <Notice kind="bad">{problem}</Notice>}
      {asks && (
        <ConfirmDialog
          title={t('offTitle')}
          action={t('offAction')}
          busy={busy}
          onConfirm={() => void change(false)}
          onCancel={() => setAsks(false)}
        >
          <p>{t('offText')}</p>
        </ConfirmDialog>
      )}
    </>
  );
}

/** Says on every screen that privacy is on, and has a change read out. */
export function PrivacyBanner() {
  const t = useWords(privacyWords);
  const on = privacy.value;
  const before = useRef<boolean | undefined>(undefined);
  useEffect(() => {
    if (before.current !== undefined && on !== undefined && on !== before.current) {
      announce(t(on ? 'announceOn' : 'announceOff'));
    }
    before.current = on ?? before.current;
    // Pictures are not drawn while privacy is on. This class hides any that a screen would leave.
    document.documentElement.classList.toggle('privacy-on', on === true);
  }, [on]);
  return on ? <div class="notice notice-bad privacy-banner">{t('banner')}</div> : null;
}
