// The screen "enrol" in a browser: from the camera, from files, refused with the reason, cancelled, cut off, by keyboard alone.
import { readFile } from 'node:fs/promises';
import type { Locator, Page } from 'playwright-core';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { People } from '../cli/enrol/pictures.js';
import { checkPage, checkReflow, tabTo } from './checks.js';
import { describeConsole, useConsole } from './harness.js';
import { setHidden } from './pictures-shown.js';
import { PORTRAITS } from './scenes.js';
import { GROUP } from './stage.js';

/** People of the tests. Numbers 0 and 1 are the stranger and the guest of the clips. */
const [BEN, CARL, DORA, EMIL, FAY] = [3, 2, 4, 5, 6] as const;

/** An enrolment from a camera takes up to 15 s, or 30 s for three poses. */
const SLOW_MS = 60_000;

interface Persons {
  persons: { externalImageId: string; faces: number }[];
}

interface Upload {
  name: string;
  mimeType: string;
  buffer: Buffer;
}

const jpeg = (name: string, buffer: Buffer): Upload => ({ name, mimeType: 'image/jpeg', buffer });

describeConsole('the screen to enrol', () => {
  const stage = useConsole({
    cameras: { entrance: 'guest', hall: 'both', store: 'nobody' },
    // Near enough to every similarity of two people that a look-alike is found.
    camera: { threshold: 5 },
    enrolled: ['stranger'],
  });
  const people = new People();

  const open = (at: string, options = {}): Promise<Page> => stage.openConsole({ role: 'operator', at, ...options });
  const result = (page: Page): Locator => page.getByRole('region', { name: 'Result', exact: true });
  const rows = (page: Page): Locator => page.locator('.uploads > li');

  async function countFaces(id: string): Promise<number> {
    const { persons } = await stage.device<Persons>('GET', `/groups/${GROUP}/persons?prefix=${id}`);
    return persons.find(({ externalImageId }) => externalImageId === id)?.faces ?? 0;
  }
  const isEnrolling = async (camera: string): Promise<boolean> =>
    (await stage.device<{ enrolling: boolean }>('GET', `/cameras/${camera}`)).enrolling;

  async function chooseFiles(page: Page, files: readonly Upload[]): Promise<void> {
    await page.getByRole('radio', { name: 'From pictures' }).check();
    const chooser = page.waitForEvent('filechooser');
    await page.getByRole('button', { name: 'Choose pictures' }).click();
    await (await chooser).setFiles(files);
  }

  /** Drops files as the browser does when somebody drags them onto the page, as soon as the screen takes them. */
  async function dropFiles(page: Page, files: readonly Upload[]): Promise<void> {
    // Before it knows the groups, it takes none, and says so.
    await page.getByRole('button', { name: /^(Choose pictures|사진 고르기)$/, disabled: false }).waitFor();
    const data = await page.evaluateHandle(
      (given) => {
        const transfer = new DataTransfer();
        for (const { name, mimeType, base64 } of given) {
          const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
          transfer.items.add(new File([bytes], name, { type: mimeType }));
        }
        return transfer;
      },
      files.map(({ buffer, ...rest }) => ({ ...rest, base64: buffer.toString('base64') })),
    );
    const place = page.locator('.drop');
    await place.dispatchEvent('dragover', { dataTransfer: data });
    await place.dispatchEvent('drop', { dataTransfer: data });
  }

  it('enrols the person in front of a camera, and shows how good the face is', { timeout: SLOW_MS }, async () => {
    const page = await open('#/enrol?camera=entrance');
    await page.getByLabel('Id of the person').fill('anna');
    await page.getByText('Nobody in the group has this id yet.').waitFor();
    await page.getByRole('switch', { name: 'Three poses' }).click();
    await page.getByRole('button', { name: 'Start' }).click();
    await page.getByRole('button', { name: 'Cancel' }).waitFor();
    await page.getByText(/^\d+ of 10 good pictures$/).waitFor();
    await checkPage(page);
    await result(page).getByText('anna is enrolled.').waitFor({ timeout: SLOW_MS });
    expect(await result(page).locator('.measures dt').allTextContents()).toContain('Sharpness');
    await page.getByText('This person has 1 face in the group').waitFor();
    expect(await countFaces('anna')).toBe(1);
    await checkPage(page);
    // The threshold of the cameras is so low that everybody else looks alike.
    await result(page).getByText('Look-alike: stranger').waitFor();
    expect(await result(page).getByRole('link', { name: 'Open the person' }).getAttribute('href')).toBe(
      `#/people/${GROUP}/anna`,
    );
  });

  it('says why nobody is enrolled, and what to do', { timeout: SLOW_MS }, async () => {
    const page = await open('#/enrol?camera=hall&id=two');
    await page.getByRole('switch', { name: 'Three poses' }).click();
    await page.getByRole('button', { name: 'Start' }).click();
    await page.locator('.enrol-hint', { hasText: 'Only one person, please' }).waitFor();
    // The hint is read out as well.
    await page.locator('[aria-live=polite]', { hasText: 'Only one person, please' }).waitFor({ state: 'attached' });
    await result(page).getByText('There is more than one face.').waitFor({ timeout: SLOW_MS });
    await result(page).getByText('Let one person stand alone').waitFor();
    await checkPage(page);
    await page.getByRole('button', { name: 'Enrol again' }).click();
    expect(await result(page).count()).toBe(0);
    expect(await countFaces('two')).toBe(0);
  });

  it('ends on the device when it is cancelled, and when the screen is left', { timeout: SLOW_MS }, async () => {
    const page = await open('#/enrol?camera=store&id=nobody');
    for (const leave of ['cancel', 'leave']) {
      await page.getByRole('button', { name: 'Start' }).click();
      await expect.poll(() => isEnrolling('store')).toBe(true);
      await page.locator('.enrol-hint', { hasText: 'Step in front of the camera' }).waitFor();
      if (leave === 'cancel') {
        await page.getByRole('button', { name: 'Cancel' }).click();
        await page.getByText('The enrolment was cancelled.').first().waitFor();
      } else {
        await page.goto(`${stage.url}#/health`);
      }
      await expect.poll(() => isEnrolling('store')).toBe(false);
    }
  });

  it('enrols from files, by the button and by drag and drop, and takes several at once', async () => {
    const page = await open('#/enrol?id=ben');
    await chooseFiles(page, [jpeg('ben.jpg', people.portrait(BEN))]);
    await rows(page).getByText('ben is enrolled.').first().waitFor();
    await page.getByText('1 of 1 picture enrolled').waitFor();
    await checkPage(page);
    await dropFiles(page, [
      jpeg('again.jpg', people.again(BEN)),
      { name: 'again.png', mimeType: 'image/png', buffer: await sharp(people.again(BEN)).png().toBuffer() },
    ]);
    await page.getByText('3 of 3 pictures enrolled').waitFor();
    expect(await countFaces('ben')).toBe(3);
    await page.getByRole('button', { name: 'Enrol somebody else' }).click();
    expect([await rows(page).count(), await page.getByLabel('Id of the person').inputValue()]).toEqual([0, '']);
  });

  it('refuses files with the reason, each by itself', async () => {
    const portrait = people.portrait(CARL);
    const page = await open('#/enrol?id=carl');
    const heic = Buffer.concat([Buffer.from([0, 0, 0, 24]), Buffer.from('ftypheic\0\0\0\0mif1heic'), Buffer.alloc(64)]);
    await chooseFiles(page, [
      jpeg('nobody.jpg', people.scene()),
      jpeg('two.jpg', people.scene(BEN, CARL)),
      jpeg('blurred.jpg', await sharp(portrait).blur(5).jpeg().toBuffer()),
      jpeg('stranger.jpg', await readFile(PORTRAITS.stranger)),
      { name: 'phone.heic', mimeType: 'image/heic', buffer: heic },
      { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('These are notes.') },
      jpeg('cut.jpg', portrait.subarray(0, portrait.length / 2)),
      jpeg('long.jpg', Buffer.concat([portrait, Buffer.alloc(4_000_000)])),
    ]);
    stage.allow(/\/groups\/staff\/enrol/);
    await page.getByText('0 of 8 pictures enrolled').waitFor();
    const texts = [
      'There is no face',
      'There is more than one face.',
      'The face is blurred.',
      'This person is enrolled under another id.',
      'This file is no JPEG and no PNG.',
      'This file is no JPEG and no PNG.',
      'The picture is damaged',
      'The picture is too large.',
    ];
    await expect.poll(async () => (await rows(page).allTextContents()).length).toBe(texts.length);
    for (const [i, text] of texts.entries()) await rows(page).nth(i).getByText(text).first().waitFor();
    await rows(page).nth(3).locator('summary').click();
    await rows(page).nth(3).getByRole('link', { name: 'Open stranger' }).waitFor();
    await rows(page).nth(2).locator('summary').click();
    await rows(page).nth(2).getByText('Hold still, wipe the lens').waitFor();
    await checkPage(page);
    expect(await countFaces('carl')).toBe(0);
  });

  it.each([
    { phone: true, dark: true, lang: 'ko' as const },
    { phone: true, dark: false, lang: 'en' as const },
    { phone: false, dark: true, lang: 'en' as const },
  ])('is fit for everybody: %j', async (options) => {
    const page = await open('#/enrol?id=dora', options);
    await page.locator('.pose-ring').waitFor();
    await checkPage(page);
    await checkReflow(page);
    await page.locator('.segments label').last().click();
    await page.locator('.drop').waitFor();
    await dropFiles(page, [jpeg('a-file-with-a-long-name-that-does-not-fit-into-a-row.jpg', people.portrait(DORA))]);
    await page.locator('.measures').waitFor();
    await checkPage(page);
    await checkReflow(page);
  });

  it('works by the keyboard alone', { timeout: SLOW_MS }, async () => {
    const page = await open('#/enrol?camera=entrance');
    await tabTo(page, page.getByLabel('Id of the person'));
    await page.keyboard.type('emil');
    await tabTo(page, page.getByRole('radio', { name: 'From a camera' }));
    await page.keyboard.press('ArrowRight');
    await tabTo(page, page.getByRole('button', { name: 'Choose pictures' }));
    // On a busy machine Chromium once opened no chooser for the first press; the button keeps the focus.
    const chooser = page.waitForEvent('filechooser');
    const again = setInterval(() => void page.keyboard.press('Enter').catch(() => undefined), 6_000);
    await page.keyboard.press('Enter');
    const opened = await chooser.finally(() => clearInterval(again));
    await opened.setFiles([jpeg('emil.jpg', people.portrait(EMIL))]);
    await rows(page).getByText('emil is enrolled.').first().waitFor();
    await tabTo(page, rows(page).first().locator('summary'));
    await page.keyboard.press('Enter');
    await expect.poll(() => rows(page).first().locator('details').getAttribute('open')).toBe(null);
  });

  it('is for operators: a viewer does not see it', async () => {
    const page = await stage.openConsole({ role: 'viewer', at: '#/enrol' });
    await page.getByText('This takes the role').waitFor();
    expect(await page.getByLabel('Id of the person').count()).toBe(0);
  });

  it('says that the connection was lost, and goes on when it is back', { timeout: 2 * SLOW_MS }, async () => {
    const page = await open('#/enrol?camera=store&id=fay');
    await page.getByRole('button', { name: 'Start' }).click();
    await page.locator('.enrol-hint', { hasText: 'Step in front of the camera' }).waitFor();
    await stage.stopService();
    await result(page)
      .getByText(/The connection to the device was lost|The service is stopping/)
      .waitFor();
    await page.getByRole('radio', { name: 'From pictures' }).check();
    await dropFiles(page, [jpeg('fay.jpg', people.portrait(FAY))]);
    await rows(page).first().getByText('The connection to the device was lost.').first().waitFor();
    stage.allow('/device/v1/', 401);
    await stage.startService();
    // Sessions end with the service: the page finds out when somebody looks at it again, who signs in and is back at the screen.
    for (const isHidden of [true, false]) await setHidden(page, isHidden);
    await page.getByLabel('Admin key').fill(await stage.key('operator'));
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('radio', { name: 'From pictures' }).check();
    await dropFiles(page, [jpeg('fay.jpg', people.portrait(FAY))]);
    await rows(page).getByText('fay is enrolled.').first().waitFor();
    expect(await countFaces('fay')).toBe(1);
  });
});
