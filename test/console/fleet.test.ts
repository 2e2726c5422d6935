// The screen of the fleet in a browser, before a server whose fleet the test moves: the authority, a door, and a device that is alone.
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { readConsoleFiles } from '../../src/api/console/console-files.js';
import { createConsole } from '../../src/api/console/create.js';
import { getInstallationFile } from '../../src/config/paths.js';
import { configSchema } from '../../src/config/schema.js';
import type { FleetDoorStatus } from '../../src/fleet/fleet.types.js';
import { startDevice, type Device } from '../api/device/harness.js';
import { aDoor, FINGERPRINT, ScriptedFleet, TOKEN } from '../api/device/scripted-fleet.js';
import { MODEL } from '../api/harness.js';
import { checkPage, checkReflow, tabTo } from './checks.js';
import { startChromium } from './chromium.js';
import { Findings } from './findings.js';
import { describeConsole } from './harness.js';

const WAITING = aDoor(1, { name: 'yard' });
const PROBLEM = 'The models of the group hall are not installed.';
const WELL: Partial<FleetDoorStatus> = { state: 'approved', health: 'ok', lastSeenAt: new Date().toISOString() };
const LATE: Partial<FleetDoorStatus> = {
  ...{ state: 'approved', health: 'degraded', lastSeenAt: '2026-01-01T00:00:00.000Z' },
  ...{ lagVersions: 3, lagSeconds: 7_500, problems: [PROBLEM] },
  groups: [{ groupId: 'staff', version: 4, state: 'stale' }],
};

type Role = 'authority' | 'door' | 'alone';

interface Look {
  phone?: boolean;
  dark?: boolean;
  lang?: 'en' | 'ko';
  /** Role of the key that signs in. */
  as?: 'viewer' | 'admin';
}

describeConsole('the screen fleet', () => {
  const findings = new Findings();
  const contexts = new Set<BrowserContext>();
  const fleets = { authority: new ScriptedFleet('authority'), door: new ScriptedFleet('door') };
  const devices = new Map<Role, Device>();
  const keys = new Map<string, string>();
  let browser: Browser;

  beforeAll(async () => {
    browser = await startChromium();
    const files = await readConsoleFiles(getInstallationFile('dist', 'console'));
    for (const role of ['authority', 'door', 'alone'] as const) {
      const apis = [createConsole({ config: configSchema.parse({}), files })];
      devices.set(role, await startDevice({ apis, ...(role !== 'alone' && { fleet: fleets[role] }) }));
    }
  }, 60_000);
  afterAll(async () => {
    await browser.close();
    for (const device of devices.values()) await device.close();
  });
  afterEach(async () => {
    for (const context of contexts) await context.close();
    contexts.clear();
    for (const fleet of Object.values(fleets)) fleet.done.length = 0;
    expect(findings.take()).toEqual([]);
  });

  async function openScreen(role: Role, look: Look = {}): Promise<Page> {
    const { phone = false, dark = false, lang = 'en', as = 'admin' } = look;
    const { origin, adminKeys } = devices.get(role)!;
    const key = keys.get(`${role} ${as}`) ?? (await adminKeys.create(as, { role: as })).key;
    keys.set(`${role} ${as}`, key);
    const context = await browser.newContext({
      viewport: phone ? { width: 360, height: 740 } : { width: 1280, height: 800 },
      ...{ isMobile: phone, hasTouch: phone, colorScheme: dark ? 'dark' : 'light', reducedMotion: 'reduce' },
      locale: lang === 'ko' ? 'ko-KR' : 'en-GB',
      timezoneId: 'UTC',
    });
    contexts.add(context);
    context.setDefaultTimeout(20_000);
    await findings.watch(context);
    await context.request.post(`${origin}/device/v1/session`, { data: { key }, headers: { origin } });
    const page = await context.newPage();
    await page.goto(`${origin}/console/#/fleet`);
    return page;
  }

  /** The row of a door in the table of doors: that of the proof of deletion, which follows, may name it as well. */
  const row = (page: Page, name: string) =>
    page
      .getByRole('row')
      .filter({ has: page.getByRole('rowheader', { name, exact: true }) })
      .first();
  const region = (page: Page, name: string | RegExp) => page.getByRole('region', { name });

  it('has a waiting door on top, which is approved after its fingerprint was compared', async () => {
    const fleet = fleets.authority;
    fleet.doors = [WAITING, aDoor(2, WELL), aDoor(3, LATE)];
    const page = await openScreen('authority');
    const waiting = region(page, 'A door waits to join');
    await waiting.getByText(WAITING.fingerprint).waitFor();
    await waiting.getByRole('button', { name: 'Approve yard' }).click();
    const dialog = page.getByRole('dialog', { name: 'Approve “yard”?' });
    expect(await dialog.locator('code').innerText()).toBe(WAITING.fingerprint);
    const approve = dialog.getByRole('button', { name: 'Approve', exact: true });
    expect(await approve.isDisabled()).toBe(true);
    await dialog.getByLabel('I have compared it').check();
    await dialog.getByLabel('Groups that the door gets').selectOption('some');
    expect(await approve.isDisabled()).toBe(true);
    await dialog.getByLabel('staff').check();
    await checkPage(page);
    await approve.click();
    await row(page, 'yard').getByText('Not heard yet').waitFor();
    await waiting.waitFor({ state: 'detached' });
    expect(fleet.done).toEqual([['approve', 'admin:admin', ['staff']]]);
  });

  it('shows the lag, health and problems of each door, and follows them by itself', async () => {
    const fleet = fleets.authority;
    fleet.doors = [aDoor(2, WELL), aDoor(3, LATE)];
    const page = await openScreen('authority');
    const late = await row(page, 'gate-3').innerText();
    for (const text of ['Stale', '3 versions behind, 2 hr', 'Needs a look', PROBLEM]) expect(late).toContain(text);
    expect(await row(page, 'gate-2').innerText()).toMatch(/Up to date.*Works/s);
    const groups = await region(page, 'Groups').innerText();
    for (const text of ['staff', '120', 'm-1']) expect(groups).toContain(text);
    fleet.doors[1] = aDoor(3, WELL);
    await row(page, 'gate-3').getByText('Up to date').waitFor();
  });

  it('does not approve a door whose keys have changed meanwhile', async () => {
    const fleet = fleets.authority;
    fleet.doors = [WAITING];
    const page = await openScreen('authority');
    await page.getByRole('button', { name: 'Approve yard' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('I have compared it').check();
    fleet.doors[0] = { ...WAITING, fingerprint: aDoor(9).fingerprint };
    findings.allow({ url: '/approve', status: 409 });
    await dialog.getByRole('button', { name: 'Approve', exact: true }).click();
    await dialog.getByText('is not the one that you compared').waitFor();
    expect(fleet.done).toEqual([]);
  });

  it('invites a door with a token that is shown once, with its time', async () => {
    const fleet = fleets.authority;
    fleet.doors = [];
    fleet.validMs = 15 * 60_000;
    const page = await openScreen('authority');
    await page.getByText('No door has joined yet').waitFor();
    await page.getByRole('button', { name: 'Invite a door' }).click();
    const dialog = page.getByRole('dialog', { name: 'Invitation of a door' });
    await dialog.getByRole('button', { name: 'Make a token' }).click();
    await dialog.getByText(TOKEN, { exact: true }).waitFor();
    for (const text of ['lintel fleet join', FINGERPRINT]) await dialog.getByText(text, { exact: true }).waitFor();
    expect(await dialog.getByRole('timer').innerText()).toMatch(/^Valid for 1[45] min/);
    await checkPage(page);
    await dialog.getByRole('button', { name: 'Done' }).click();
    expect(await page.content()).not.toContain(TOKEN);

    fleet.validMs = 1_500;
    await page.getByRole('button', { name: 'Invite a door' }).click();
    await dialog.getByRole('button', { name: 'Make a token' }).click();
    await dialog.getByText('The token has expired.').waitFor();
  });

  it('refuses and removes doors after a question that says what follows', async () => {
    const fleet = fleets.authority;
    fleet.doors = [WAITING, aDoor(2, WELL)];
    const page = await openScreen('authority');
    const dialog = page.getByRole('dialog');
    await page.getByRole('button', { name: 'Refuse yard' }).click();
    await dialog.getByRole('button', { name: 'Refuse', exact: true }).click();
    await page.locator('summary').click();
    await row(page, 'yard').getByText('Refused').waitFor();
    await page.getByRole('button', { name: 'Remove gate-2' }).click();
    await dialog.getByText('Its credentials are revoked').waitFor();
    await checkPage(page);
    await dialog.getByRole('button', { name: 'Remove', exact: true }).click();
    await row(page, 'gate-2').getByText('Removed').waitFor();
    expect(fleet.done.map(([what]) => what)).toEqual(['refuse', 'remove']);
  });

  it('says which doors have proved their deletions, and from when the others refuse', async () => {
    const doors = [2, 3].map((number) => aDoor(number, WELL));
    const fleet = fleets.authority;
    fleet.doors = [...doors];
    const page = await openScreen('authority', { as: 'viewer' });
    const proof = region(page, 'Proof of deletion');
    await proof.getByText('1 of 2 proved. One door has not yet proved it:').waitFor();
    expect(await proof.getByRole('row', { name: 'gate-3' }).innerText()).toMatch(/Jan 2, 2026.*since Jan 3, 2026/s);
    fleet.doors = doors.slice(0, 1);
    await proof.getByText('Proved: the only door holds nobody who was deleted.').waitFor();
  });

  it('joins with the keyboard alone, and leaves', async () => {
    const fleet = fleets.door;
    const page = await openScreen('door');
    await page.getByText('In no fleet').waitFor();
    await tabTo(page, page.getByLabel('Token'));
    findings.allow({ url: '/fleet/join', status: 422 });
    await page.keyboard.type('none');
    await page.keyboard.press('Enter');
    await page.getByText('The token is not one of an authority.').waitFor();
    await checkPage(page);
    await page.getByLabel('Token').fill(TOKEN);
    await page.keyboard.press('Enter');
    await page.getByText('Approve this door at “front-desk”.').waitFor();
    fleet.joining = { ...fleet.joining, state: 'approved' };
    const copies = await region(page, 'Copied groups').innerText();
    for (const text of ['staff', 'Stale: refuses everybody', 'Nothing fresh was heard']) expect(copies).toContain(text);
    await checkPage(page);
    await page.getByRole('button', { name: 'Leave the fleet' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('All copies, the keys and the membership are deleted').waitFor();
    await dialog.getByRole('button', { name: 'Leave the fleet' }).click();
    await page.getByText('In no fleet').waitFor();
    expect(fleet.done.map(([what]) => what)).toEqual(['join', 'leave']);
  });

  it.each<Role>(['authority', 'door'])('offers a viewer of the %s no change', async (role) => {
    fleets.authority.doors = [WAITING, aDoor(2, WELL)];
    const page = await openScreen(role, { as: 'viewer' });
    await region(page, 'About').waitFor();
    expect(await page.locator('main').getByRole('button').allTextContents()).toEqual([]);
    expect(await page.getByLabel('Token').count()).toBe(0);
  });

  it('offers no change of a group that is a copy', async () => {
    const { gallery, owner } = devices.get('door')!;
    const origin = { fleet: 'f'.repeat(32), group: '1'.repeat(32), authority: 'head-office' };
    await gallery.createCopy({ owner, groupId: 'staff' }, MODEL, origin);
    const page = await openScreen('door');
    await page.goto(page.url().replace('fleet', 'people'));
    // The enrolment asks for pictures, and this camera has none.
    findings.allow({ url: '/cameras/front/' });
    await page.getByText('Copy of head-office').waitFor();
    await page.getByRole('link', { name: 'staff', exact: true }).click();
    await page.getByText('People are changed at the authority, head-office.').waitFor();
    expect(await page.getByRole('button', { name: 'Delete' }).count()).toBe(0);
    await page.goto(page.url().replace('people/staff', 'enrol'));
    const groups = page.getByLabel('Group', { exact: true }).getByRole('option');
    await expect.poll(() => groups.allTextContents()).toEqual(['door']);
  });

  it('finds doors in a large fleet', async () => {
    const doors = Array.from({ length: 300 }, (_, index) => aDoor(index + 1, index === 200 ? LATE : WELL));
    fleets.authority.doors = doors;
    const page = await openScreen('authority');
    const names = (): Promise<string[]> => region(page, 'Doors').getByRole('rowheader').allTextContents();
    await row(page, 'gate-1').waitFor();
    expect(await names()).toHaveLength(50);
    await page.getByLabel('Show').selectOption('troubled');
    await expect.poll(names).toEqual(['gate-201']);
    await page.getByLabel('Show').selectOption('all');
    await page.getByLabel('Search by name').fill('GATE-29');
    await expect.poll(async () => (await names()).length).toBe(11);
  });

  it.each<[Role, Look]>([
    ['authority', { phone: true, dark: true }],
    ['authority', { dark: true, lang: 'ko' }],
    ['door', { phone: true, lang: 'ko' }],
    ['alone', { phone: true }],
  ])('fits the %s: %j', async (role, look) => {
    fleets.authority.doors = [WAITING, aDoor(2, WELL), aDoor(3, LATE)];
    const page = await openScreen(role, look);
    if (role === 'alone') await page.getByText('This device stands alone.').waitFor();
    else await region(page, look.lang === 'ko' ? '정보' : 'About').waitFor();
    if (role === 'authority') await row(page, 'gate-3').waitFor();
    await checkPage(page);
    await checkReflow(page);
  });
});
