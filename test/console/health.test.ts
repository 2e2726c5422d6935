// The screen "health" in a real browser: the parts of a real service, its plots, and the doctor's report.
import { expect, it } from 'vitest';
import { checkPage, checkReflow, tabTo } from './checks.js';
import { describeConsole, useConsole } from './harness.js';

describeConsole('the screen "health"', () => {
  const stage = useConsole({ cameras: { entrance: 'demo', yard: '/no/such/clip.avi' }, enrolled: [] });

  it('says in a sentence what needs a look, and shows parts, device and models', async () => {
    const page = await stage.openConsole({ at: '#/health', role: 'viewer' });
    await page.getByText('One part needs a look: Camera yard.').waitFor();
    const parts = page.getByRole('region', { name: 'Parts' });
    for (const name of ['Store', 'Clock', 'Broker and events', 'Camera entrance']) {
      const row = parts.getByRole('row').filter({ has: page.getByRole('rowheader', { name, exact: true }) });
      await row.getByText('Works').waitFor();
    }
    await parts.getByText('Does not work').waitFor();
    await parts.locator('summary').first().click();
    await parts.getByText('pending writes').waitFor();
    const now = page.getByRole('region', { name: 'Now' });
    for (const text of ['Running for', 'Temperature', 'Free disk space', 'Memory of the device']) {
      await now.getByText(text).waitFor();
    }
    await page.getByRole('region', { name: 'Models' }).getByText('Embedder').waitFor();
    // The report names folders and keys of the machine: it is for an admin.
    expect(await page.getByRole('button', { name: 'Run the doctor' }).count()).toBe(0);
  });

  it('follows the service: privacy closes the cameras, and the page says so', async () => {
    const page = await stage.openConsole({ at: '#/health' });
    await page.getByRole('region', { name: 'Parts' }).waitFor();
    await stage.device('PUT', '/privacy', { on: true });
    await page.getByText('Privacy is on: all cameras are closed.').waitFor();
    await stage.device('PUT', '/privacy', { on: false });
    await page.getByText('Privacy is on: all cameras are closed.').waitFor({ state: 'detached' });
  });

  it('draws the last hour with a text for each plot, and says when the last day begins', async () => {
    const page = await stage.openConsole({ at: '#/health' });
    const plots = page.getByRole('region', { name: 'Rates and latency' });
    // The first step ends ten seconds after the start, and the page asks every ten seconds.
    await plots
      .getByRole('img', { name: /^Frames analysed per second, Last hour: entrance last [\d.]+, at most/ })
      .waitFor();
    await plots.getByRole('img', { name: /^Memory of the service, Last hour: Service last \d+ MB/ }).waitFor();
    await plots.getByRole('button', { name: 'Last day' }).click();
    await plots.getByText('Nothing was measured yet.').waitFor();
  });

  it('runs the doctor by the keyboard alone, and copies its report', async () => {
    const page = await stage.openConsole({
      at: '#/health',
      context: { permissions: ['clipboard-read', 'clipboard-write'] },
    });
    const run = page.getByRole('button', { name: 'Run the doctor' });
    await run.waitFor();
    await tabTo(page, run);
    await page.keyboard.press('Enter');
    const copy = page.getByRole('button', { name: 'Copy the report' });
    await copy.waitFor({ timeout: 40_000 });
    await page
      .getByText(/The doctor found .* that do(es)? not work\./)
      .first()
      .waitFor();
    await page
      .getByRole('region', { name: 'The doctor’s report' })
      .getByText('there is no file /no/such/clip.avi')
      .first()
      .waitFor();
    await tabTo(page, copy);
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    const text = await page.evaluate(() => navigator.clipboard.readText());
    expect(text).toMatch(/^Lintel \d.*\n\nok {4}node /);
    expect(text).toContain('FAIL  cameras       yard: there is no file /no/such/clip.avi');
    expect(text).not.toContain((await stage.key('admin')).trim());
    const { entries } = await stage.device<{ entries: { actor: string }[] }>('GET', '/audit?action=doctor.run');
    expect(entries).toHaveLength(1);
  });

  it.each([
    ['a phone', { phone: true, dark: false }],
    ['a phone in the dark', { phone: true, dark: true }],
    ['a desktop', { phone: false, dark: false }],
    ['a desktop in the dark', { phone: false, dark: true }],
  ])('can be used by everybody on %s', async (_, options) => {
    const page = await stage.openConsole({ at: '#/health', ...options });
    await page.getByRole('img').first().waitFor();
    await page.getByRole('button', { name: 'Run the doctor' }).click();
    await page.getByRole('button', { name: 'Copy the report' }).waitFor({ timeout: 40_000 });
    await page.getByText('Whole report').click();
    await page.locator('summary').first().click();
    await checkPage(page);
    await checkReflow(page);
  });

  it('speaks Korean', async () => {
    const page = await stage.openConsole({ at: '#/health', lang: 'ko' });
    await page.getByText('확인이 필요한 부분이 1개 있습니다: 카메라 yard.').waitFor();
    await page.getByRole('button', { name: '진단 실행' }).waitFor();
  });
});
