// The sign-in page: an admin key is exchanged for a session.
import { useEffect, useRef, useState } from 'preact/hooks';
import { LanguageChoice } from './frame.js';
import { signIn } from './session.js';
import { shellWords } from './shell-words.js';
import { signOutReason } from './state.js';
import { toApiError } from './api/use-fetch.js';
import { Button, TextInput } from './ui/controls.js';
import { Notice } from './ui/show.js';
import { useWords } from './words.js';

type Problem = 'keyEmpty' | 'keyWrong' | 'tooMany' | 'insecure' | 'unreachable' | { message: string };

export function SignIn() {
  const t = useWords(shellWords);
  const [key, setKey] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    document.title = `${t('signIn')} · Lintel`;
  });
  useEffect(() => form.current?.querySelector('input')?.focus(), []);
  const submit = async (): Promise<void> => {
    if (key.trim() === '') return setProblem('keyEmpty');
    setBusy(true);
    setProblem(undefined);
    try {
      await signIn(key.trim());
    } catch (error) {
      setProblem(describeProblem(toApiError(error)));
    } finally {
      setKey('');
      setBusy(false);
    }
  };
  const reason = signOutReason.value;
  return (
    <main class="sign-in">
      <form
        class="card"
        ref={form}
        onSubmit={(event) => {
          event.preventDefault();
          if (!busy) void submit();
        }}
      >
        <p class="brand">
          <span class="brand-mark" aria-hidden="true" />
          Lintel
        </p>
        <h1>{t('signIn')}</h1>
        <p>{t('signInLead')}</p>
        {reason && !problem && (
          <Notice kind={reason === 'insecure' ? 'warn' : 'info'}>
            {t(reason === 'signed-out' ? 'signedOut' : reason)}
          </Notice>
        )}
        <TextInput
          label={t('key')}
          type="password"
          value={key}
          onValue={setKey}
          help={t('keyHelp')}
          error={
            problem === undefined ? undefined : typeof problem === 'string' ? t(problem) : t('signInFailed', problem)
          }
        />
        <div class="row row-between">
          <LanguageChoice />
          <Button kind="primary" submits busy={busy}>
            {t('signIn')}
          </Button>
        </div>
        {problem !== undefined && (
          <p class="hidden" role="alert">
            {typeof problem === 'string' ? t(problem) : t('signInFailed', problem)}
          </p>
        )}
      </form>
    </main>
  );
}

function describeProblem({ status, code, message }: { status: number; code: string; message: string }): Problem {
  if (status === 0) return 'unreachable';
  if (status === 429) return 'tooMany';
  if (status === 401) return 'keyWrong';
  return code === 'INSECURE_SIGN_IN' ? 'insecure' : { message };
}
