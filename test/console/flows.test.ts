// The console as a whole: signing in and out, what ends a session, a lost connection, roles, languages, keyboard, reflow, and axe on every screen.
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { ROLES } from '../../src/domain/role.js';
import { createDeferred } from '../../src/platform/waiting.js';
import { SCREENS } from '../../src/console/screens.js';
import { checkPage, checkReflow, tabTo, tourByKeyboard } from './checks.js';
import { describeConsole, useConsole } from './harness.js';

/** Names of the screens in the navigation, in the order of SCREENS. */
const NAMES = {
  en: [
    'Doors',
    'Enrol',
    'People',
    'Events',
    'Trust',
    'Health',
    'Fleet',
    'Strangers',
    'Audit',
    'Keys',
    'Privacy',
    'Set-up',
  ],
  ko: [
    '출입문',
    '등록',
    '사람',
    '이벤트',
    '신뢰도',
    '상태',
    '플릿',
    '낯선 사람',
    '감사 기록',
    '키',
    '사생활 보호',
    '설정',
  ],
};
/** Names of actions that change something. */
const CHANGES = /\b(add|allow|delete|end|enrol|move|pause|release|remove|rename|resume|revoke|save|turn)\b/i;

const keyField = (page: Page) => page.getByLabel('Admin key');
const signInButton = (page: Page) => page.getByRole('button', { name: 'Sign in' });
const screenLinks = (page: Page) => page.locator('nav a[href^="#/"]');

/** The notice above every screen; a screen may say the same of its own request. */
const unreachableNotice = (page: Page) =>
  page.locator('main > [role="alert"]', { hasText: 'The device cannot be reached.' });

async function expectSignedIn(page: Page): Promise<void> {
  await screenLinks(page).first().waitFor();
}

async function expectSignedOut(page: Page, notice: string, timeout = 20_000): Promise<void> {
  await signInButton(page).waitFor({ timeout });
  await page.getByText(notice).first().waitFor();
}

/** Opens a screen and waits for its heading and the end of its loading. */
async function openScreen(page: Page, id: string): Promise<void> {
  await page.evaluate((hash) => (location.hash = hash), `#/${id}`);
  await page
    .locator('nav a[aria-current="page"]', { has: page.locator(`xpath=self::*[@href="#/${id}"]`) })
    .waitFor({ state: 'attached' });
  await page.locator('main h1').waitFor();
  await expect.poll(() => page.locator('main .spinner').count(), { timeout: 20_000 }).toBe(0);
}

describeConsole('signing in', () => {
  const stage = useConsole();

  it('takes a key by keyboard alone, from the address of the device, and keeps it nowhere', async () => {
    const page = await stage.openConsole({ role: 'nobody' });
    await page.goto(new URL('/', stage.url).href);
    expect(page.url()).toMatch(/\/console\/(#\/?)?$/);
    const key = await stage.key('admin');
    await tabTo(page, keyField(page));
    await page.keyboard.type(key);
    await page.keyboard.press('Enter');
    await expectSignedIn(page);
    expect(page.url()).not.toContain(key);
    expect(await page.content()).not.toContain(key);
    const stored = await page.evaluate(() =>
      JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]),
    );
    expect(stored).not.toContain(key);
    const [cookie, ...more] = await page.context().cookies();
    expect(more).toEqual([]);
    expect(cookie).toMatchObject({ name: 'lintel', httpOnly: true, sameSite: 'Strict' });
    expect(cookie?.value).not.toContain(key);
    expect(JSON.stringify(stage.service.log)).not.toContain(key);
  });

  it('signs out, and the page before is not there any more', async () => {
    const page = await stage.openConsole({ at: '#/people' });
    await expectSignedIn(page);
    const deleted = page.waitForResponse((response) => response.request().method() === 'DELETE');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await expectSignedOut(page, 'You are signed out.');
    // The page does not wait for the answer, which removes the cookie.
    await deleted;
    await page.reload();
    await signInButton(page).waitFor();
  });

  it('takes a one-time link once, and removes it from the address', async () => {
    const link = (await stage.lintel('console', 'open', '--role', 'operator')).trim();
    const page = await stage.openConsole({ role: 'nobody' });
    await page.goto(link);
    await expectSignedIn(page);
    expect(page.url()).not.toContain('token');
    await page.getByText('Operator').waitFor();
    const other = await stage.openConsole({ role: 'nobody' });
    stage.allow('/device/v1/session', 401);
    await other.goto(link);
    await expectSignedOut(other, 'This link was used already');
    expect(other.url()).not.toContain('token');
  });

  it('ends with its key, at once', async () => {
    await stage.addKey('reception', 'operator');
    const page = await stage.openConsole({ key: await stage.addKey('lobby', 'operator') });
    await expectSignedIn(page);
    stage.allow('/device/v1/', 401);
    await stage.lintel('keys', 'revoke', 'lobby', '--admin');
    await expectSignedOut(page, 'The session has ended. Sign in again.');
  });

  it('says so when the key is wrong, and in words when there were too many', async () => {
    const page = await stage.openConsole({ role: 'nobody' });
    stage.allow('/device/v1/session', 401);
    stage.allow('/device/v1/session', 429);
    await signInButton(page).click();
    await page.getByText('Enter a key.').first().waitFor();
    const refused = page.getByText('The key is unknown or revoked.').first();
    const slowed = page.getByText('Too many wrong keys came from this address.').first();
    for (let attempt = 0; attempt < 12; attempt++) {
      await keyField(page).fill(`wrong-${attempt}`);
      const answer = page.waitForResponse((response) => response.request().method() === 'POST');
      await signInButton(page).click();
      const status = (await answer).status();
      await (status === 429 ? slowed : refused).waitFor();
      await checkPage(page);
      if (status === 429) return;
    }
    throw new Error('twelve wrong keys in a row were not slowed down');
  });
});

describeConsole('a session', () => {
  const stage = useConsole({ config: { console: { idleMinutes: 0.1 } } });

  it('ends after the configured time without an act, although the page shows live pictures', async () => {
    const page = await stage.openConsole({ at: '#/doors' });
    await expectSignedIn(page);
    stage.allow('/device/v1/', 401);
    await expectSignedOut(page, 'The session has ended. Sign in again.');
  });
});

describeConsole('the console', () => {
  const stage = useConsole();

  it('says that the device cannot be reached, and goes on when it is back', async () => {
    const page = await stage.openConsole({ at: '#/health' });
    await expectSignedIn(page);
    const unreachable = unreachableNotice(page);
    await stage.stopService();
    await unreachable.waitFor();
    await checkPage(page);
    stage.allow('/device/v1/', 401);
    await stage.startService();
    // Sessions end with the service: the page finds out by itself, and a new session leads to the same screen. Its attempts to connect are
    // up to 30 s apart where the service was away for long.
    await expectSignedOut(page, 'The session has ended. Sign in again.', 40_000);
    await keyField(page).fill(await stage.key('admin'));
    await signInButton(page).click();
    await expectSignedIn(page);
    expect(page.url()).toContain('#/health');
    await unreachable.waitFor({ state: 'detached' });
  });

  it('notices a device that is silent, and goes on with the same session when it speaks again', async () => {
    const page = await stage.openConsole({ at: '#/health' });
    await expectSignedIn(page);
    const unreachable = unreachableNotice(page);
    process.kill(stage.service.pid, 'SIGSTOP');
    try {
      await unreachable.waitFor();
    } finally {
      process.kill(stage.service.pid, 'SIGCONT');
    }
    await unreachable.waitFor({ state: 'detached' });
    expect(await screenLinks(page).count()).toBe(SCREENS.length);
  });

  it('shows a viewer no action that changes something, and the service refuses each of them', async () => {
    const page = await stage.openConsole({ role: 'viewer' });
    await expectSignedIn(page);
    const allowed = SCREENS.filter(({ role }) => role === 'viewer').map(({ id }) => id);
    expect(await screenLinks(page).count()).toBe(allowed.length);
    for (const id of allowed) {
      await openScreen(page, id);
      const buttons = page.locator('main').getByRole('button', { name: CHANGES, disabled: false });
      expect(await buttons.allTextContents(), id).toEqual([]);
      expect(
        await page
          .locator('main')
          .getByRole('switch', { name: /privacy|camera/i, disabled: false })
          .count(),
        id,
      ).toBe(0);
    }
    for (const id of ['enrol', 'keys']) {
      await page.evaluate((hash) => (location.hash = hash), `#/${id}`);
      await page.getByText(/^This takes the role/).waitFor();
    }
    stage.allow('/device/v1/', 403);
    const refused = await page.evaluate(async () => {
      const call = async (method: string, path: string): Promise<number> =>
        (await fetch(`../device/v1/${path}`, { method, ...(method === 'PUT' && { body: '{"on":true}' }) })).status;
      return [await call('PUT', 'privacy'), await call('POST', 'cameras/entrance/pause'), await call('GET', 'audit')];
    });
    expect(refused).toEqual([403, 403, 403]);
  });

  it.each(ROLES.map((role) => [role]))('has the screens of the role %s', async (role) => {
    const page = await stage.openConsole({ role });
    await expectSignedIn(page);
    const allowed = ROLES.slice(0, ROLES.indexOf(role) + 1);
    const wanted = SCREENS.filter((screen) => allowed.includes(screen.role)).map(({ id }) => `#/${id}`);
    const links = await screenLinks(page).evaluateAll((all) => all.map((link) => link.getAttribute('href')));
    expect(links).toEqual(wanted);
  });

  it('changes its language, and remembers it', async () => {
    const page = await stage.openConsole();
    await expectSignedIn(page);
    const names = async (): Promise<string[]> => (await screenLinks(page).allTextContents()).map((text) => text.trim());
    expect(await names()).toEqual(NAMES.en);
    await page.getByRole('combobox', { name: 'Language' }).selectOption('ko');
    await expect.poll(names).toEqual(NAMES.ko);
    expect(await page.getAttribute('html', 'lang')).toBe('ko');
    await page.reload();
    await page.getByRole('button', { name: '로그아웃' }).waitFor();
    const korean = await stage.openConsole({ lang: 'ko' });
    await korean.getByRole('button', { name: '로그아웃' }).waitFor();
  });

  it('is used by keyboard alone: every stop can be seen, and a link of the navigation opens its screen', async () => {
    const page = await stage.openConsole({ at: '#/privacy' });
    // The focus begins at the heading: the first tour goes to the end of the page, the second one from its start.
    await page.locator('h1:focus').waitFor();
    const stops = [...(await tourByKeyboard(page)), ...(await tourByKeyboard(page))];
    for (const name of NAMES.en) expect(stops).toContain(`a ${name}`);
    await page.reload();
    await tabTo(page, page.getByRole('link', { name: 'Skip to the content' }));
    await page.keyboard.press('Enter');
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('content');
    await page.reload();
    await tabTo(page, screenLinks(page).filter({ hasText: 'Health' }));
    await page.keyboard.press('Enter');
    await page.locator('h1:focus', { hasText: 'Health' }).waitFor();
  });

  it('leaves the focus where a person moved it while a screen was loaded', async () => {
    const page = await stage.openConsole({ at: '#/doors' });
    await page.locator('h1:focus').waitFor();
    const hold = createDeferred();
    await page.route('**/console/files/*.js', async (route) => {
      await hold.promise;
      await route.continue();
    });
    await screenLinks(page).filter({ hasText: 'People' }).focus();
    const asked = page.waitForRequest('**/console/files/*.js');
    await page.keyboard.press('Enter');
    await asked;
    await page.keyboard.press('Tab');
    hold.resolve();
    await page.getByRole('heading', { level: 1, name: 'People' }).waitFor();
    await screenLinks(page).filter({ hasText: 'Events' }).and(page.locator(':focus')).waitFor();
  });

  it.each([
    ['320 px wide', { width: 320, height: 640 }],
    ['1280 px wide at a zoom of 200 %', { width: 640, height: 400 }],
  ])('does not scroll sideways %s', async (_what, viewport) => {
    const page = await stage.openConsole({ context: { viewport } });
    await screenLinks(page).first().waitFor({ state: 'attached' });
    for (const { id } of SCREENS) {
      await openScreen(page, id);
      await checkReflow(page);
    }
    const outside = await stage.openConsole({ role: 'nobody', context: { viewport } });
    await signInButton(outside).waitFor();
    await checkReflow(outside);
  });

  it('moves nothing where the system asks for less motion', async () => {
    const page = await stage.openConsole();
    await expectSignedIn(page);
    for (const { id } of SCREENS) {
      await openScreen(page, id);
      const moving = await page.evaluate(() =>
        document
          .getAnimations()
          .filter(
            ({ playState, effect }) => playState === 'running' && Number(effect?.getComputedTiming().duration) > 10,
          )
          .map((animation) => (animation.effect as KeyframeEffect).target?.className),
      );
      expect(moving, id).toEqual([]);
    }
  });

  // The test of each screen has all four looks.
  const looks = [
    { phone: false, dark: false },
    { phone: true, dark: true },
  ];
  it.each(looks)('has no finding of axe on any screen: %j', async (look) => {
    const outside = await stage.openConsole({ ...look, role: 'nobody', lang: look.dark ? 'ko' : 'en' });
    await outside.locator('main form').waitFor();
    await checkPage(outside);
    const page = await stage.openConsole({ ...look, lang: look.dark ? 'ko' : 'en' });
    await screenLinks(page).first().waitFor({ state: 'attached' });
    for (const { id } of SCREENS) {
      await openScreen(page, id);
      await checkPage(page);
    }
  });
});
