// The screen of the strangers: none kept, or the kept faces with looking, enrolling and deleting.
import type { Locator, Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { loadAddon } from '../../src/native/addon.js';
import { encodePicture } from '../../tools/rendered-people/clip-file.js';
import { renderPortrait } from '../../tools/rendered-people/demo-clip.js';
import { DISTINCT_SEEDS } from '../../tools/rendered-people/distinct-seeds.js';
import { checkPage, checkReflow, tabTo } from './checks.js';
import { describeConsole, useConsole } from './harness.js';

const LOOKS = [
  ['a desktop', {}],
  ['a desktop in the dark', { dark: true }],
  ['a phone', { phone: true, lang: 'ko' as const }],
  ['a phone in the dark', { phone: true, dark: true }],
] as const;

interface Kept {
  faces: { id: string }[];
}

describeConsole('the screen strangers, where none are kept', () => {
  const stage = useConsole({ cameras: {}, config: { cameras: [] }, enrolled: [] });

  it('says so, and how to change that', async () => {
    const page = await stage.openConsole({ at: '#/strangers' });
    const card = page.getByRole('region', { name: 'No faces of strangers are kept.' });
    await card.getByText('unknownFacesHours: 24').waitFor();
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await card.getByRole('button', { name: 'Copy as YAML' }).click();
    await card.getByRole('button', { name: 'Copied' }).waitFor();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('privacy:\n  unknownFacesHours: 24\n');
  });

  it('is for admins', async () => {
    const page = await stage.openConsole({ at: '#/strangers', role: 'operator' });
    await page.getByText('This takes the role Admin.').waitFor();
  });

  it.each(LOOKS)('fits %s, for everybody', async (_where, options) => {
    const page = await stage.openConsole({ at: '#/strangers', ...options });
    await page.locator('pre').waitFor();
    await checkPage(page);
    await checkReflow(page);
  });
});

describeConsole('the screen strangers, where they are kept', () => {
  const stage = useConsole({
    cameras: { entrance: 'stranger' },
    config: { privacy: { unknownFacesHours: 24 } },
    enrolled: ['guest'],
  });

  const countKept = async (): Promise<number> => (await stage.device<Kept>('GET', '/unknown-faces')).faces.length;

  const countViews = async (): Promise<number> => {
    const { entries } = await stage.device<{ entries: object[] }>(
      'GET',
      '/audit?limit=1000&action=unknown-face.viewed',
    );
    return entries.length;
  };

  /** Waits until the camera has seen a stranger, and stops it, so that the list stays as it is. */
  const waitForStrangers = async (least: number): Promise<void> => {
    await stage.device('POST', '/cameras/entrance/resume');
    await expect.poll(countKept, { timeout: 40_000 }).toBeGreaterThanOrEqual(least);
    await stage.device('POST', '/cameras/entrance/pause');
  };

  const open = async (options = {}): Promise<Page> => {
    const page = await stage.openConsole({ at: '#/strangers', ...options });
    await page.locator('.strangers li').first().waitFor();
    return page;
  };

  /** Tells whether a picture has arrived and been decoded. */
  const isDrawn = (picture: Locator): Promise<boolean> =>
    picture.evaluate((element) => (element as HTMLImageElement).naturalWidth === 112);

  it('shows a picture when asked, and the look is in the audit log', async () => {
    await waitForStrangers(1);
    const before = await countViews();
    const page = await open();
    expect(await page.getByRole('img', { name: /^Stranger before/ }).count()).toBe(0);
    const show = page.getByRole('button', { name: /Show the picture of/ }).first();
    await tabTo(page, show);
    expect(await countViews()).toBe(before);
    await page.keyboard.press('Enter');
    const picture = page.getByRole('img', { name: /^Stranger before the camera entrance, / });
    await picture.waitFor();
    await expect.poll(() => isDrawn(picture)).toBe(true);
    expect(await countViews()).toBe(before + 1);
    await checkPage(page);
  });

  it('blanks the pictures at once when privacy goes on', async () => {
    await waitForStrangers(1);
    const page = await open();
    await page.getByRole('button', { name: 'Show the pictures of this page' }).click();
    const pictures = page.getByRole('img', { name: /^Stranger before/ });
    await pictures.first().waitFor();
    await stage.device('PUT', '/privacy', { on: true });
    await page.getByText('Privacy is on: no picture is shown.').waitFor();
    expect(await pictures.count()).toBe(0);
    await stage.device('PUT', '/privacy', { on: false });
    await page.getByText('Privacy is on: no picture is shown.').waitFor({ state: 'detached' });
    expect(await pictures.count()).toBe(0);
  });

  it('enrols a stranger under an id, and leads to the person', async () => {
    await waitForStrangers(1);
    const kept = await countKept();
    const page = await open();
    await page
      .getByRole('button', { name: /Enrol the stranger of/ })
      .first()
      .click();
    const dialog = page.getByRole('dialog', { name: 'Enrol this person' });
    await dialog.getByLabel('Id of the person').fill('late arrival');
    await dialog.getByText('Up to 255 letters').waitFor();
    await dialog.getByLabel('Id of the person').fill('late');
    await dialog.getByLabel('Group').selectOption({ label: 'staff' });
    await dialog.getByRole('button', { name: 'Enrol' }).click();
    await page.getByText('Enrolled as late in staff.').waitFor();
    expect(await countKept()).toBe(kept - 1);
    await page.getByRole('link', { name: 'Open the person' }).click();
    await page.getByRole('heading', { name: 'late', level: 1 }).waitFor();
    await page.getByText('Kept stranger').waitFor();
    await stage.device('DELETE', '/groups/staff/persons?externalImageId=late');
  });

  it('says why a stranger is refused', async () => {
    // Of the rendered people this one is least like the stranger: cosine 0.07, and 0.14 is the bound (built-in models, November 2026).
    const portrait = renderPortrait(DISTINCT_SEEDS[1]);
    await stage.enrol(encodePicture(portrait, loadAddon()), 'dora');
    await waitForStrangers(1);
    const page = await open();
    await page
      .getByRole('button', { name: /Enrol the stranger of/ })
      .first()
      .click();
    const dialog = page.getByRole('dialog', { name: 'Enrol this person' });
    await dialog.getByLabel('Id of the person').fill('dora');
    await dialog.getByLabel('Group').selectOption({ label: 'staff' });
    stage.allow(/\/unknown-faces\/.*\/enrol/, 422);
    await dialog.getByRole('button', { name: 'Enrol' }).click();
    await dialog.getByText('Another person is enrolled under this id.').waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
  });

  it.each(LOOKS)('fits %s, for everybody', async (_where, options) => {
    await waitForStrangers(1);
    const page = await open(options);
    await checkPage(page);
    await checkReflow(page);
    await page
      .getByRole('button', { name: /Show the pictures|사진 보기/ })
      .first()
      .click();
    await page.getByRole('img').first().waitFor();
    await checkPage(page);
    await checkReflow(page);
  });

  it('deletes one, and all', async () => {
    await waitForStrangers(1);
    const kept = await countKept();
    const page = await open();
    await page
      .getByRole('button', { name: /Delete the stranger of/ })
      .first()
      .click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click();
    await page.getByText('The face is deleted.').waitFor();
    expect(await countKept()).toBe(kept - 1);
    await waitForStrangers(1);
    await page.reload();
    await page.getByRole('button', { name: 'Delete all' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete all' }).click();
    await page.getByText('No stranger has been seen since then.').waitFor();
    expect(await countKept()).toBe(0);
  });
});
