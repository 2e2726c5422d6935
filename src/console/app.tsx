// The whole page: the sign-in page, or the frame with the screen that the address names.
import type { ComponentChildren, FunctionComponent } from 'preact';
import { Component } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Frame } from './frame.js';
import { place } from './router.js';
import { SCREENS, type Screen, type ScreenProps } from './screens.js';
import { shellWords } from './shell-words.js';
import { SignIn } from './sign-in.js';
import { hasRole, session } from './state.js';
import { announcement } from './ui/announce.js';
import { Button } from './ui/controls.js';
import { Page } from './ui/page.js';
import { Notice, Spinner } from './ui/show.js';
import { useWords } from './words.js';

export function App() {
  return (
    <>
      {session.value ? <SignedIn /> : session.value === null ? <SignIn /> : <Spinner />}
      <div class="hidden" aria-live="polite">
        {announcement}
      </div>
    </>
  );
}

function SignedIn() {
  const { screen, path, query } = place.value;
  const shown = screen === '' ? SCREENS[0] : SCREENS.find(({ id }) => id === screen);
  return (
    <Frame current={shown?.id}>
      <ScreenBoundary key={screen}>
        {shown ? <ScreenLoader key={shown.id} screen={shown} path={path} query={query} /> : <NotFound />}
      </ScreenBoundary>
    </Frame>
  );
}

function ScreenLoader({ screen, ...props }: ScreenProps & { screen: Screen }) {
  const t = useWords(shellWords);
  const [Content, setContent] = useState<FunctionComponent<ScreenProps>>();
  const [failed, setFailed] = useState(false);
  const allowed = hasRole(screen.role);
  useEffect(() => {
    if (!allowed) return;
    screen.load().then(
      ({ default: content }) => setContent(() => content),
      () => setFailed(true),
    );
  }, [screen, allowed]);
  if (!allowed) return <NoRole screen={screen} />;
  // The file of the screen is missing where the service was upgraded since the page was loaded.
  if (failed) return <ScreenFailed />;
  return Content ? <Content {...props} /> : <Spinner key={t('loading')} />;
}

function NoRole({ screen }: { screen: Screen }) {
  const t = useWords(shellWords);
  const own = session.value?.role ?? 'viewer';
  return (
    <Page title={t(screen.id)}>
      <Notice kind="info">{t('noRole', { role: t(screen.role), own: t(own) })}</Notice>
    </Page>
  );
}

function NotFound() {
  const t = useWords(shellWords);
  return <Page title={t('notFound')} />;
}

function ScreenFailed() {
  const t = useWords(shellWords);
  return (
    <Notice kind="bad">
      <p>{t('screenFailed')}</p>
      <Button onClick={() => location.reload()}>{t('reload')}</Button>
    </Notice>
  );
}

/** Keeps the navigation usable when a screen throws while it is drawn. */
class ScreenBoundary extends Component<{ children: ComponentChildren }, { failed: boolean }> {
  override state = { failed: false };

  static override getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override componentDidCatch(error: unknown): void {
    console.error(error);
  }

  override render() {
    return this.state.failed ? <ScreenFailed /> : this.props.children;
  }
}
