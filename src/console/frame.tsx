// The frame around every screen: head, navigation, and what holds for the whole page.
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Icon } from './icons.js';
import { PrivacyBanner, PrivacySwitch } from './privacy-switch.js';
import { place } from './router.js';
import { SCREENS, type ScreenId } from './screens.js';
import { signOut } from './session.js';
import { shellWords } from './shell-words.js';
import { hasRole, online, session } from './state.js';
import { Button } from './ui/controls.js';
import { LANGUAGE_NAMES, LANGUAGES, language, setLanguage, useWords, type Language } from './words.js';

export function Frame({ current, children }: { current: ScreenId | undefined; children: ComponentChildren }) {
  const t = useWords(shellWords);
  const [menuOpen, setMenuOpen] = useState(false);
  const where = place.value;
  useEffect(() => setMenuOpen(false), [where]);
  return (
    <div class="frame">
      <a class="skip" href="#content" onClick={focusContent}>
        {t('skip')}
      </a>
      <header class="head">
        <button
          type="button"
          class="menu-button"
          aria-expanded={menuOpen}
          aria-controls="navigation"
          onClick={() => setMenuOpen(!menuOpen)}
        >
          <Icon name={menuOpen ? 'close' : 'menu'} />
          <span class="hidden">{menuOpen ? t('closeMenu') : t('menu')}</span>
        </button>
        <Brand />
        <div class="head-end">
          <PrivacySwitch small />
        </div>
      </header>
      <div class={menuOpen ? 'side side-open' : 'side'} id="navigation">
        <Brand />
        <nav aria-label={t('navigation')}>
          <ul>
            {SCREENS.filter(({ role }) => hasRole(role)).map(({ id }) => (
              <li key={id}>
                <a href={`#/${id}`} aria-current={id === current ? 'page' : undefined}>
                  <Icon name={id} />
                  {t(id)}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <Account />
      </div>
      <main class="content" id="content" tabIndex={-1}>
        {!online.value && (
          <div class="notice notice-warn" role="alert">
            {t('unreachable')}
          </div>
        )}
        <PrivacyBanner />
        {children}
      </main>
    </div>
  );
}

/** The mark and the name. It stands in the head on a phone, and beside the screen on a desktop. */
function Brand() {
  return (
    <a class="brand" href="#/doors">
      <span class="brand-mark" aria-hidden="true" />
      Lintel
    </a>
  );
}

/** Who is signed in, the language, and the way out. */
function Account() {
  const t = useWords(shellWords);
  const { name = '', role = 'viewer' } = session.value ?? {};
  return (
    <div class="account">
      <LanguageChoice />
      <p>
        <strong>{name}</strong>
        <br />
        {t(role)}
      </p>
      <Button kind="quiet" onClick={() => void signOut()}>
        {t('signOut')}
      </Button>
    </div>
  );
}

export function LanguageChoice() {
  const t = useWords(shellWords);
  return (
    <label class="language">
      <span class="hidden">{t('language')}</span>
      <select
        class="input"
        value={language.value}
        onChange={(event) => void setLanguage(event.currentTarget.value as Language).catch(() => undefined)}
      >
        {LANGUAGES.map((one) => (
          <option key={one} value={one} lang={one}>
            {LANGUAGE_NAMES[one]}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Moves the focus into the content; the address stays, because its hash names the screen. */
function focusContent(event: MouseEvent): void {
  event.preventDefault();
  document.getElementById('content')?.focus();
}
