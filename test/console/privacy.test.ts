// Privacy in a real browser: every open page goes blank at once, on the server as well, and comes back; and the screen that explains it.
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { checkPage, checkReflow, tabTo } from './checks.js';
import { describeConsole, useConsole } from './harness.js';
import { patience, showsPicture } from './pictures-shown.js';

const BANNER = 'Privacy is on: all cameras are closed';

async function isBlank(page: Page): Promise<boolean> {
  return !(await showsPicture(page)) && (await page.getByText(BANNER).isVisible());
}

describeConsole('privacy', () => {
  const stage = useConsole({ cameras: { entrance: 'demo' } });

  it('blanks two open pages within a second, ends the live view, and is undone after a question', async () => {
    const operator = await stage.openConsole({ role: 'operator', at: '#/doors/entrance' });
    const viewer = await stage.openConsole({ role: 'viewer', phone: true });
    for (const page of [operator, viewer]) await expect.poll(() => showsPicture(page), patience).toBe(true);
    const views = async (): Promise<number> =>
      (await stage.device<{ viewers: number }>('GET', '/cameras/entrance')).viewers;
    expect(await views()).toBe(1);

    // The state of the status stream changes by itself; its interval is two seconds, and the limit is one.
    const sent = operator.waitForRequest((request) => request.method() === 'PUT');
    const blank = Promise.all(
      [operator, viewer].map((page) =>
        page
          .getByText(BANNER)
          .waitFor()
          .then(() => performance.now()),
      ),
    );
    await operator.getByRole('banner').getByRole('switch', { name: 'Privacy' }).click();
    await sent;
    const begunMs = performance.now();
    for (const atMs of await blank) expect(atMs - begunMs).toBeLessThan(1_000);
    for (const page of [operator, viewer]) expect(await isBlank(page)).toBe(true);
    await expect.poll(views, patience).toBe(0);
    await checkPage(operator);

    await operator.getByRole('banner').getByRole('switch', { name: 'Privacy' }).click();
    await operator.getByRole('dialog', { name: 'Switch privacy off?' }).getByText('Cancel').click();
    expect(await isBlank(viewer)).toBe(true);
    await operator.getByRole('banner').getByRole('switch', { name: 'Privacy' }).click();
    await operator.getByRole('dialog').getByRole('button', { name: 'Open the cameras' }).click();
    for (const page of [operator, viewer]) await expect.poll(() => showsPicture(page), patience).toBe(true);
  });

  it('is switched on by the API and blanks a page as well', async () => {
    const page = await stage.openConsole({ role: 'viewer', at: '#/doors/entrance' });
    await expect.poll(() => showsPicture(page), patience).toBe(true);
    await stage.device('PUT', '/privacy', { on: true });
    await expect.poll(() => isBlank(page), patience).toBe(true);
    await stage.device('PUT', '/privacy', { on: false });
    await expect.poll(() => showsPicture(page), patience).toBe(true);
  });

  it('is explained on its screen: since when, by whom, and what is kept; by keyboard alone', async () => {
    const page = await stage.openConsole({ role: 'operator', at: '#/privacy' });
    const main = page.getByRole('main');
    const toggle = main.getByRole('switch', { name: 'Privacy' });
    await tabTo(page, toggle);
    await page.keyboard.press('Enter');
    await main.getByText('test-operator').waitFor();
    await main.getByText('7 days, at most 100,000').waitFor();
    await expect.poll(() => toggle.getAttribute('aria-checked')).toBe('true');
    await checkPage(page);
    await page.keyboard.press('Enter');
    await tabTo(page, page.getByRole('dialog').getByRole('button', { name: 'Open the cameras' }));
    await page.keyboard.press('Enter');
    await expect.poll(() => toggle.getAttribute('aria-checked'), patience).toBe('false');
  });

  it('lets a viewer see the switch, and says why it does nothing', async () => {
    const page = await stage.openConsole({ role: 'viewer', at: '#/privacy' });
    const toggle = page.getByRole('main').getByRole('switch', { name: 'Privacy' });
    await toggle.waitFor();
    expect(await toggle.isDisabled()).toBe(true);
    await page.getByText('Your role does not allow this.').waitFor();
  });

  it.each([
    { phone: false, dark: true, lang: 'en' },
    { phone: true, dark: false, lang: 'ko' },
  ] as const)('has a screen that everybody can use: %o', async (options) => {
    const page = await stage.openConsole({ role: 'operator', at: '#/privacy', ...options });
    await page.getByRole('main').getByRole('switch').waitFor();
    await checkPage(page);
    await checkReflow(page);
  });
});
