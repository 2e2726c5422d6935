// The switch that pauses a camera and resumes it.
import { useState } from 'preact/hooks';
import type { CameraStatus } from '../../../camera/camera-state.js';
import { send } from '../../api/client.js';
import { toApiError } from '../../api/use-fetch.js';
import { shellWords } from '../../shell-words.js';
import { hasRole } from '../../state.js';
import { Switch } from '../../ui/controls.js';
import { ConfirmDialog } from '../../ui/dialog.js';
import { Notice } from '../../ui/show.js';
import { useWords } from '../../words.js';
import { words } from './words.js';

/** A pause stops the recognition at a door, so it asks first; a resumption does not. */
export function PauseSwitch({ camera, state }: { camera: string; state: CameraStatus }) {
  const t = useWords(words);
  const s = useWords(shellWords);
  const [asks, setAsks] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  const allowed = hasRole('operator');
  const isPrivate = state === 'private';
  const change = async (action: 'pause' | 'resume'): Promise<void> => {
    // The switch stays enabled meanwhile: a disabled button would lose the focus.
    if (busy) return;
    setBusy(true);
    setProblem(undefined);
    try {
      await send('POST', `cameras/${encodeURIComponent(camera)}/${action}`);
    } catch (error) {
      setProblem(t('pauseFailed', { message: toApiError(error).message }));
    }
    setBusy(false);
    setAsks(false);
  };
  return (
    <>
      <Switch
        large
        label={t('pause')}
        checked={state === 'paused'}
        disabled={!allowed || isPrivate}
        help={!allowed ? s('tooLow') : isPrivate ? t('pausePrivate') : t('pauseHelp')}
        onChange={(paused) => (paused ? setAsks(true) : void change('resume'))}
      />
      {problem !== undefined && <Notice kind="bad">{problem}</Notice>}
      {asks && (
        <ConfirmDialog
          title={t('pauseTitle', { camera })}
          action={t('pauseAction')}
          busy={busy}
          onConfirm={() => void change('pause')}
          onCancel={() => setAsks(false)}
        >
          <p>{t('pauseText')}</p>
        </ConfirmDialog>
      )}
    </>
  );
}
