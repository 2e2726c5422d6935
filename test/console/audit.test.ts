// The screen of the audit log in a real browser: entries in words, filter, pages, one entry, and the check of the chain.
import type { Page } from 'playwright-core';
import { beforeAll, expect, it } from 'vitest';
import { checkPage, checkReflow, tabTo } from './checks.js';
import { describeConsole, useConsole } from './harness.js';

describeConsole('the audit log', () => {
  const stage = useConsole({ cameras: { entrance: 'nobody' } });

  beforeAll(async () => {
    // More entries than one page of the list has.
    for (let i = 0; i < 30; i++) {
      await stage.device('POST', '/cameras/entrance/pause');
      await stage.device('POST', '/cameras/entrance/resume');
    }
  }, 60_000);

  const readNumbers = (page: Page): Promise<number[]> =>
    page.locator('tbody th a').evaluateAll((links) => links.map((link) => Number(link.textContent)));

  it('is in words, in pages, and filtered by action and by what an entry is about', async () => {
    const page = await stage.openConsole({ at: '#/audit' });
    await page.getByRole('cell', { name: 'A camera was resumed' }).first().waitFor();
    await page.getByRole('cell', { name: 'Admin key default' }).first().waitFor();
    const first = await readNumbers(page);
    expect(first).toHaveLength(50);
    await page.getByRole('button', { name: 'Older' }).click();
    await expect.poll(() => readNumbers(page)).not.toEqual(first);
    const second = await readNumbers(page);
    expect(second[0]).toBe(first.at(-1)! - 1);
    await page.getByRole('button', { name: 'Newer' }).click();
    await expect.poll(() => readNumbers(page)).toEqual(first);
    await page.getByText('Filter', { exact: true }).first().click();
    await page.getByLabel('Action').selectOption('face.enrolled');
    await expect.poll(async () => (await readNumbers(page)).length).toBe(1);
    await page.getByRole('cell', { name: 'A face was enrolled' }).waitFor();
    await page.getByRole('button', { name: 'Clear the filter' }).click();
    await page.getByText('Filter', { exact: true }).first().click();
    await page.getByLabel('About').fill('no-such-camera');
    await page.getByLabel('About').press('Enter');
    await page.getByText('There is no entry here.').waitFor();
  });

  it('shows one entry with its hash and the hash of the one before', async () => {
    const entry = await stage.device<{ hash: string; previous: string }>('GET', '/audit/5');
    const page = await stage.openConsole({ at: '#/audit/5' });
    await page.getByText(entry.hash).waitFor();
    await page.getByText(entry.previous).waitFor();
    await page.getByRole('link', { name: 'Entry before' }).click();
    await page.getByRole('heading', { name: 'Entry 4' }).waitFor();
    await page.getByText(entry.previous).first().waitFor();
  });

  it('has its chain checked, and names the head to be noted', async () => {
    const page = await stage.openConsole({ at: '#/audit' });
    await page.getByRole('button', { name: 'Check the chain' }).click();
    await page.getByText('The chain is whole').first().waitFor();
    const { report } = await stage.device<{ report: { head: { sequence: number; hash: string } } }>(
      'GET',
      '/audit/check',
    );
    await page.getByText(report.head.hash).waitFor();
    await page.getByRole('link', { name: `Entry ${report.head.sequence}` }).waitFor();
  });

  it('is not shown to a viewer', async () => {
    const page = await stage.openConsole({ role: 'viewer', at: '#/audit' });
    await page.getByText('This takes the role').waitFor();
  });

  it.each([
    { name: 'desktop, light', look: {} },
    { name: 'desktop, dark', look: { dark: true } },
    { name: 'phone, light, in Korean', look: { phone: true, lang: 'ko' as const } },
    { name: 'phone, dark', look: { phone: true, dark: true } },
  ])('can be used by everybody: $name', async ({ look }) => {
    const page = await stage.openConsole({ ...look, at: '#/audit' });
    await page.locator('tbody th a').first().waitFor();
    await page.locator('.events-filter summary').click();
    await page.locator('section').first().getByRole('button').first().click();
    await page.locator('section .badge').first().waitFor();
    await checkPage(page);
    await checkReflow(page);
    await page.goto(`${stage.url}#/audit/3`);
    await page.locator('dl').first().waitFor();
    await checkPage(page);
    await checkReflow(page);
  });

  it('is checked with the keyboard alone', async () => {
    const page = await stage.openConsole({ at: '#/audit' });
    await page.locator('tbody th a').first().waitFor();
    await tabTo(page, page.getByRole('button', { name: 'Check the chain' }));
    await page.keyboard.press('Enter');
    await page.getByText('The chain is whole').first().waitFor();
  });
});
