// The screen of the doors in a real browser: pictures with boxes, decisions as they come, pauses, and everything that ends a picture.
import { expect, it, onTestFinished } from 'vitest';
import { checkPage, checkReflow, tabTo } from './checks.js';
import { describeConsole, useConsole } from './harness.js';
import { openWire } from './wire.js';
import { notePictures, patience, setHidden, showsPicture } from './pictures-shown.js';

describeConsole('the screen of the doors', () => {
  const stage = useConsole({ cameras: { entrance: 'demo', yard: 'nobody' } });
  const longer = { timeout: 60_000 };

  it('shows a match on the live picture, with its name, its figures and its reason', async () => {
    const page = await stage.openConsole({ role: 'viewer', at: '#/doors/entrance' });
    const box = page.locator('.box-match');
    // The guest of the clip comes every 12 seconds, and a machine that is busy sees too few frames now and then.
    await box.getByText('guest').waitFor(longer);
    await expect.poll(() => box.locator('.box-details').textContent(), patience).toMatch(/^\d+\.\d \(needs \d+\.\d\)/);
    expect(await showsPicture(page)).toBe(true);
    const inPicture = page.getByRole('region', { name: 'In the picture now' });
    await inPicture.getByText('Enough frames agree on one person.').waitFor();
    await inPicture.getByText(/^Track \d+$/).waitFor();
    const { x = 0, y = 0, width = 0, height = 0 } = (await box.boundingBox()) ?? {};
    const picture = (await page.locator('canvas').first().boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
    expect(width).toBeGreaterThan(20);
    expect([x >= picture.x, y >= picture.y, x + width <= picture.x + picture.width + 1]).toEqual([true, true, true]);
    expect(y + height).toBeLessThanOrEqual(picture.y + picture.height + 1);
    const decisions = page.getByRole('log');
    await decisions.getByText('guest').first().waitFor();
    // The stranger of the clip follows.
    await page.locator('.box-unknown').waitFor(longer);
    await decisions.getByText('No enrolled face is similar enough.').first().waitFor(longer);
  }, 200_000);

  it('has one live view for the opened camera, and single pictures of the others while they can be seen', async () => {
    const page = await stage.openConsole({ role: 'viewer' });
    const noted = notePictures(page);
    await expect.poll(() => new Set(noted), patience).toEqual(new Set(['entrance/frame', 'yard/frame']));
    await expect.poll(() => showsPicture(page), patience).toBe(true);
    await page.getByRole('link', { name: 'Open entrance' }).click();
    await page.getByRole('img', { name: 'Live picture of entrance' }).waitFor();
    await expect.poll(() => noted.filter((path) => path.endsWith('live')), patience).toEqual(['entrance/live']);
    await page.setViewportSize({ width: 400, height: 400 });
    noted.length = 0;
    await page.getByRole('link', { name: 'Open yard' }).scrollIntoViewIfNeeded();
    await expect.poll(() => noted, patience).toContain('yard/frame');
    expect(noted).not.toContain('entrance/frame');
  });

  it('fetches nothing in the background, and goes on when it comes back', async () => {
    const page = await stage.openConsole({ role: 'viewer', at: '#/doors/entrance' });
    const views = async (): Promise<number> =>
      (await stage.device<{ viewers: number }>('GET', '/cameras/entrance')).viewers;
    await expect.poll(() => showsPicture(page), patience).toBe(true);
    expect(await views()).toBe(1);
    await setHidden(page, true);
    await expect.poll(views, patience).toBe(0);
    expect(await showsPicture(page)).toBe(false);
    // A tile would ask for its next picture within this time.
    await expect(page.waitForRequest(() => true, { timeout: 3_000 })).rejects.toThrow('Timeout');
    await setHidden(page, false);
    await expect.poll(() => showsPicture(page), patience).toBe(true);
    expect(await views()).toBe(1);
  });

  it('says that the connection is lost, shows no old picture, and recovers by itself', async () => {
    const wire = await openWire(stage.service.url);
    onTestFinished(() => wire.cut());
    const page = await stage.openConsole({ role: 'viewer' });
    await page.goto(`${wire.url}/console/#/doors/entrance`);
    await expect.poll(() => showsPicture(page), patience).toBe(true);
    stage.findings.down();
    await wire.cut();
    await page.getByText('The connection to the picture is lost. It is tried again.').waitFor();
    expect(await showsPicture(page)).toBe(false);
    await page.getByText('The device cannot be reached.').first().waitFor();
    await wire.mend();
    stage.findings.up();
    await expect.poll(() => showsPicture(page), patience).toBe(true);
    await expect.poll(() => page.getByText('The device cannot be reached.').count(), patience).toBe(0);
  });

  it('says that there are too many live views, and shows single pictures instead', async () => {
    stage.allow('/cameras/entrance/live', 503);
    const key = await stage.addKey('wall', 'viewer');
    const headers = { authorization: `Bearer ${key}` };
    const closing = new AbortController();
    const watch = () =>
      fetch(`${stage.service.url}/device/v1/cameras/entrance/live`, { headers, signal: closing.signal });
    for (let n = 0; n < 4; n++) expect((await watch()).status).toBe(200);
    const page = await stage.openConsole({ role: 'viewer', at: '#/doors/entrance' });
    await page.getByText('There are too many live views.').waitFor();
    await expect.poll(() => showsPicture(page), patience).toBe(true);
    closing.abort();
    await page.getByRole('img', { name: 'Live picture of entrance' }).waitFor();
  });

  it('pauses a camera after a question, by keyboard alone, and resumes it', async () => {
    const page = await stage.openConsole({ role: 'operator', at: '#/doors/entrance' });
    const pause = page.getByRole('switch', { name: 'Pause this camera' });
    await expect.poll(() => showsPicture(page), patience).toBe(true);
    await tabTo(page, pause);
    await page.keyboard.press('Space');
    await page.getByRole('dialog', { name: 'Pause entrance?' }).waitFor();
    await checkPage(page);
    await tabTo(page, page.getByRole('dialog').getByRole('button', { name: 'Pause' }));
    await page.keyboard.press('Enter');
    await page.getByText('The camera is paused: nobody is recognised here.').waitFor();
    expect(await page.getByRole('img', { name: 'Live picture of entrance' }).count()).toBe(0);
    expect(await page.getByText('Nobody is before the camera.').count()).toBe(0);
    expect(await pause.getAttribute('aria-checked')).toBe('true');
    await expect.poll(() => pause.evaluate((element) => element === document.activeElement)).toBe(true);
    expect((await stage.device<{ state: string }>('GET', '/cameras/entrance')).state).toBe('paused');
    await page.keyboard.press('Space');
    await expect.poll(() => showsPicture(page), patience).toBe(true);
  });

  it('lets a viewer see the switches, and says why they do nothing', async () => {
    const page = await stage.openConsole({ role: 'viewer', at: '#/doors/entrance' });
    const pause = page.getByRole('switch', { name: 'Pause this camera' });
    await pause.waitFor();
    expect(await pause.isDisabled()).toBe(true);
    await page.getByText('Your role does not allow this.').first().waitFor();
  });

  it('says that a camera does not exist', async () => {
    const page = await stage.openConsole({ role: 'viewer', at: '#/doors/cellar' });
    await page.getByText('There is no camera “cellar”.').waitFor();
  });

  it.each([
    { phone: false, dark: false, lang: 'en' },
    { phone: false, dark: true, lang: 'ko' },
    { phone: true, dark: false, lang: 'ko' },
    { phone: true, dark: true, lang: 'en' },
  ] as const)('can be used by everybody: %o', async (options) => {
    const page = await stage.openConsole({ role: 'operator', ...options });
    await expect.poll(() => showsPicture(page), patience).toBe(true);
    await checkPage(page);
    await checkReflow(page);
    await page
      .getByRole('link', { name: /entrance/ })
      .first()
      .click();
    await page.locator('.box').first().waitFor(longer);
    await checkPage(page);
    await checkReflow(page);
  });
});
