// The screen "keys" in a browser: keys are made, shown once and revoked, sessions are ended, and a link signs in once.
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { checkPage, checkReflow, tabTo } from './checks.js';
import { describeConsole, useConsole } from './harness.js';

describeConsole('the screen of the keys', () => {
  const stage = useConsole({ enrolled: [] });
  const row = (page: Page, name: string) =>
    page.getByRole('row').filter({ has: page.getByRole('rowheader', { name }) });

  it('makes a key with a role, which is shown once and works, and revokes it', async () => {
    const page = await stage.openConsole({ at: '#/keys' });
    await page.getByRole('button', { name: 'Add a key' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Make the key' }).click();
    await dialog.getByText('A name has 1 to 64 letters').waitFor();
    await dialog.getByLabel('Name').fill('reception');
    await dialog.getByLabel('Role').selectOption('operator');
    await checkPage(page);
    await dialog.getByRole('button', { name: 'Make the key' }).click();
    await page.getByRole('dialog', { name: 'The key “reception”' }).waitFor();
    const key = await dialog.locator('code').innerText();
    expect(key).toMatch(/^[\w-]{43}$/);
    await checkPage(page);
    await dialog.getByRole('button', { name: 'Done' }).click();
    expect(await page.content()).not.toContain(key);

    const headers = { authorization: `Bearer ${key}` };
    const ask = async (path: string): Promise<number> =>
      (await fetch(`${stage.service.url}/device/v1${path}`, { headers })).status;
    expect([await ask('/cameras'), await ask('/keys')]).toEqual([200, 403]);
    await row(page, 'reception').getByText('Operator').waitFor();

    await page.getByRole('button', { name: 'Revoke the key reception' }).click();
    await dialog.getByText('signed out at once').waitFor();
    await dialog.getByRole('button', { name: 'Revoke', exact: true }).click();
    await page.locator('summary', { hasText: '1 revoked key' }).click();
    await row(page, 'reception').waitFor();
    expect(await ask('/cameras')).toBe(401);
    const { entries } = await stage.device<{ entries: { action: string; actor: string }[] }>('GET', '/audit?limit=5');
    const ofKeys = entries.filter(({ action, actor }) => action.startsWith('key.') && actor !== 'service');
    expect(ofKeys.map(({ action, actor }) => [action, actor])).toEqual([
      ['key.revoked', 'admin:default'],
      ['key.created', 'admin:default'],
    ]);
  });

  it('names a key that exists, and does not offer to revoke the own one', async () => {
    const page = await stage.openConsole({ at: '#/keys' });
    await row(page, 'default').first().getByText('Yours').waitFor();
    await page.getByRole('button', { name: 'Add a key' }).click();
    stage.allow(/\/keys$/, 409);
    await page.getByRole('dialog').getByLabel('Name').fill('default');
    await page.getByRole('dialog').getByRole('button', { name: 'Make the key' }).click();
    await page.getByText('A valid key has this name already.').waitFor();
  });

  it('signs another page out at once', async () => {
    const viewer = await stage.openConsole({ role: 'viewer' });
    await viewer.getByRole('heading', { level: 1 }).waitFor();
    const page = await stage.openConsole({ at: '#/keys' });
    stage.allow(/\/device\/v1\//, 401);
    await page.getByRole('button', { name: 'Sign out the session of test-viewer' }).click();
    await viewer.getByRole('button', { name: 'Sign in' }).waitFor();
    await viewer.getByText('The session has ended.').waitFor();
  });

  it('is signed in by a link of the command line, once', async () => {
    const link = (await stage.lintel('console', 'open', '--role', 'operator')).trim();
    const page = await stage.openConsole({ role: 'nobody', at: link.replace(stage.url, '') });
    await page.getByText('console@device').first().waitFor();
    expect(page.url()).not.toContain('token');
    stage.allow(/\/session$/, 401);
    const second = await stage.openConsole({ role: 'nobody', at: link.replace(stage.url, '') });
    await second.getByText('This link was used already').waitFor();
  });

  it('works with the keyboard alone', async () => {
    const page = await stage.openConsole({ at: '#/keys' });
    await row(page, 'default').first().waitFor();
    await tabTo(page, page.getByRole('button', { name: 'Add a key' }));
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog');
    await tabTo(page, dialog.getByLabel('Name'));
    await page.keyboard.type('by-keyboard');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'The key “by-keyboard”' }).waitFor();
    await tabTo(page, dialog.getByRole('button', { name: 'Done' }));
    await page.keyboard.press('Enter');
    await row(page, 'by-keyboard').waitFor();
  });

  it.each([
    { device: 'phone', colours: 'light', lang: 'en' },
    { device: 'phone', colours: 'dark', lang: 'ko' },
    { device: 'desktop', colours: 'light', lang: 'ko' },
    { device: 'desktop', colours: 'dark', lang: 'en' },
  ] as const)('fits a $device in $colours colours ($lang)', async ({ device, colours, lang }) => {
    const page = await stage.openConsole({ at: '#/keys', phone: device === 'phone', dark: colours === 'dark', lang });
    await row(page, 'default').first().waitFor();
    await page.getByText('127.0.0.1').first().waitFor();
    await checkPage(page);
    await checkReflow(page);
  });

  it('is not shown to a viewer', async () => {
    const page = await stage.openConsole({ role: 'viewer', at: '#/keys' });
    await page.getByText('This takes the role').waitFor();
    expect(await page.getByRole('button', { name: 'Add a key' }).count()).toBe(0);
  });
});
