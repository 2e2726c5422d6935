// The screen of the events in a real browser: live, filtered, paged, one opened, its signature verified, and a connection that is lost.
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { expect, it, onTestFinished } from 'vitest';
import { TcpRelay } from '../support/mosquitto.js';
import { checkPage, checkReflow, tabTo } from './checks.js';
import { describeConsole, useConsole } from './harness.js';

describeConsole('the events', () => {
  const stage = useConsole({ cameras: { entrance: 'demo' } });

  interface Listed {
    events: { sequence: number; type: string; externalImageId?: string; eventId: string }[];
  }

  /** Waits until the service has an event of a type. @returns the newest one */
  async function waitForEvent(type: string): Promise<Listed['events'][number]> {
    const list = () => stage.device<Listed>('GET', `/events?type=${type}&limit=1`);
    await expect.poll(async () => (await list()).events.length, { timeout: 45_000, interval: 300 }).toBe(1);
    return (await list()).events[0]!;
  }

  const listRows = (page: Page): Locator => page.locator('a.event');
  /** Sequence numbers of the rows, from the top. */
  const readRows = (page: Page): Promise<number[]> =>
    listRows(page).evaluateAll((rows) => rows.map((row) => Number(row.getAttribute('data-sequence'))));

  function expectUnbroken(sequences: readonly number[]): void {
    const [top = 0] = sequences;
    expect(sequences).toEqual(sequences.map((_, index) => top - index));
  }

  it('come live on top, each once and none left out, and wait while the list is paused', async () => {
    await waitForEvent('match');
    const page = await stage.openConsole({ role: 'viewer', at: '#/events' });
    await listRows(page).first().waitFor();
    const [before = 0] = await readRows(page);
    await expect.poll(async () => (await readRows(page))[0] ?? 0, { timeout: 30_000 }).toBeGreaterThan(before);
    expectUnbroken(await readRows(page));
    await page.getByRole('switch', { name: 'Hold new events' }).click();
    const [paused = 0] = await readRows(page);
    const held = page.getByRole('button', { name: /^Show \d+ new event/ });
    await held.waitFor({ timeout: 30_000 });
    expect((await readRows(page))[0]).toBe(paused);
    await held.click();
    await expect.poll(async () => (await readRows(page))[0] ?? 0).toBeGreaterThan(paused);
    expectUnbroken(await readRows(page));
  });

  it('go on after a lost connection without a lost or a repeated event', async () => {
    await waitForEvent('match');
    // The session would end with the service; here the network between both is cut.
    const relay = new TcpRelay(Number(new URL(stage.url).port), { isOpen: true });
    await relay.start();
    onTestFinished(() => relay.stop());
    const page = await stage.openConsole();
    await page.goto(`http://${new URL(relay.url).host}/console/#/events`);
    await listRows(page).first().waitFor();
    const [before = 0] = await readRows(page);
    stage.findings.down();
    relay.shut();
    await page.getByText('Connection lost').waitFor();
    const newest = async () => (await stage.device<Listed>('GET', '/events?limit=1')).events[0]?.sequence ?? 0;
    // The page misses two events at least.
    await expect.poll(newest, { timeout: 40_000, interval: 300 }).toBeGreaterThan(before + 1);
    expect((await readRows(page))[0]).toBe(before);
    relay.open();
    await page.getByText('Live', { exact: true }).waitFor();
    stage.findings.up();
    await expect.poll(async () => (await readRows(page))[0] ?? 0, { timeout: 30_000 }).toBeGreaterThan(before + 1);
    expectUnbroken(await readRows(page));
  });

  it('are filtered by type, reason and person, and an opened one says what led to it', async () => {
    const match = await waitForEvent('match');
    await waitForEvent('unknown');
    const page = await stage.openConsole({ at: '#/events' });
    await listRows(page).first().waitFor();
    await page.getByText('Filter', { exact: true }).first().click();
    await page.getByLabel('Type').selectOption('match');
    await expect.poll(() => page.locator('a.event .badge').allTextContents()).not.toContain('Unknown');
    expect(page.url()).toContain('type=match');
    await page.getByLabel('Person').fill('nobody-here');
    await page.getByLabel('Person').press('Enter');
    await page.getByText('No event on this page passes the filter.').waitFor();
    await page.getByLabel('Person').fill('not an id');
    await page.getByText('An id has letters, digits').waitFor();
    await page.getByRole('button', { name: 'Clear the filter' }).click();
    await listRows(page).first().waitFor();
    await page.goto(`${stage.url}#/events/${match.sequence}`);
    await page.getByText(/^Granted: guest, similarity \d/).waitFor();
    await page.getByRole('table', { name: 'Frames that counted' }).waitFor();
    expect(await page.getByText('agreed', { exact: true }).count()).toBeGreaterThanOrEqual(3);
    await page.getByRole('img', { name: /^Similarity of the most similar person/ }).waitFor();
    await page.getByText('The configuration names this threshold.').waitFor();
    await page.getByText('The signature is right').waitFor();
    const { keyId } = await stage.device<{ keyId: string }>('GET', '/signing-key');
    expect(await page.getByText(keyId).count()).toBe(2);
    await page.getByRole('link', { name: 'This enrolled face' }).click();
    await page.getByRole('cell', { name: 'A face was enrolled' }).waitFor();
  });

  it('an event that is not there says so', async () => {
    const page = await stage.openConsole({ at: '#/events/999999' });
    stage.allow('/events/999999', 404);
    await page.getByText('There is no such event').waitFor();
  });

  it('that were altered on the way do not pass, nor do frames that were', async () => {
    const { sequence } = await waitForEvent('match');
    const page = await stage.openConsole();
    const alter = async (member: 'signed' | 'signedGrounds', from: RegExp, to: string): Promise<void> => {
      await page.unrouteAll();
      // What somebody between the device and the browser would do: the answer is real, and one figure in it is not.
      await page.route(`**/device/v1/events/${sequence}`, async (route) => {
        const response = await route.fetch();
        const answer = (await response.json()) as Record<'signed' | 'signedGrounds', string>;
        expect(answer[member]).toMatch(from);
        await route.fulfill({ response, json: { ...answer, [member]: answer[member].replace(from, to) } });
      });
    };
    await alter('signed', /"externalImageId":"guest"/, '"externalImageId":"chief"');
    await page.goto(`${stage.url}#/events/${sequence}`);
    await page.getByText('The signature does not match').waitFor();
    await page.getByRole('alert').getByText('Do not rely on it').waitFor();
    await alter('signedGrounds', /"agree":3/, '"agree":1');
    await page.goto(`${stage.url}#/events`);
    await page.goto(`${stage.url}#/events/${sequence}`);
    await page.getByRole('alert').getByText('what led to it does not match').waitFor();
  });

  it('where the page is in no secure context nothing is claimed', async () => {
    const { sequence } = await waitForEvent('match');
    const page = await stage.openConsole();
    // Only HTTPS and the loopback addresses are secure contexts; this browser is told that the page is in none.
    await page.addInitScript({ content: "Object.defineProperty(window, 'isSecureContext', { value: false })" });
    await page.goto(`${stage.url}#/events/${sequence}`);
    await page.reload();
    await page.getByText('Browsers verify signatures only over HTTPS').waitFor();
    expect(await page.getByText('The signature is right').count()).toBe(0);
  });

  it('of an earlier signing key name it, and are not called right', async () => {
    const { sequence } = await waitForEvent('match');
    const { keyId } = await stage.device<{ keyId: string }>('GET', '/signing-key');
    await stage.stopService();
    const keys = join(stage.folder, 'keys');
    expect(await readdir(keys)).toContain('signing.key');
    await rm(join(keys, 'signing.key'));
    await stage.startService();
    const page = await stage.openConsole({ at: `#/events/${sequence}` });
    await page.getByText('Signed with another key').waitFor();
    await page.getByText(`The key ${keyId} signed it`).waitFor();
    expect(await page.getByText('The signature is right').count()).toBe(0);
  });

  it.each([
    { name: 'desktop, light', look: {} },
    { name: 'desktop, dark', look: { dark: true } },
    { name: 'phone, light, in Korean', look: { phone: true, lang: 'ko' as const } },
    { name: 'phone, dark', look: { phone: true, dark: true } },
  ])('can be used by everybody: $name', async ({ look }) => {
    const { sequence } = await waitForEvent('match');
    const page = await stage.openConsole({ ...look, at: '#/events' });
    await listRows(page).first().waitFor();
    await page.locator('.events-filter summary').click();
    await checkPage(page);
    await checkReflow(page);
    await page.goto(`${stage.url}#/events/${sequence}`);
    await page.locator('.event-verdict').waitFor();
    await page.locator('table').waitFor();
    await checkPage(page);
    await checkReflow(page);
  });

  it('are opened with the keyboard alone', async () => {
    await waitForEvent('match');
    const page = await stage.openConsole({ at: '#/events' });
    await page.getByRole('switch', { name: 'Hold new events' }).click();
    const row = listRows(page).first();
    const sequence = await row.getAttribute('data-sequence');
    await tabTo(page, row);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: `Event ${sequence}` }).waitFor();
  });
});
