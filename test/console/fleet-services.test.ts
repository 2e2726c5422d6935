// The fleet's screens of two real services with one folder as the log: a door is invited, joins, is approved, gets the people and is removed.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { checkPage } from './checks.js';
import { describeConsole } from './harness.js';
import { GROUP, ConsoleStage } from './stage.js';

/** Two services share the processors with other tests. */
const PATIENT = { timeout: 45_000 };

describeConsole('the fleet in the consoles of two services', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lintel-fleet-'));
  const log = join(folder, 'log');
  const rest = { folder: log, renewSeconds: 2 };
  const shared = { cameras: {}, enrolled: [] } as const;
  const authority = new ConsoleStage({
    ...shared,
    config: { cameras: [], deviceId: 'front-desk', fleet: { role: 'authority', ...rest } },
  });
  const door = new ConsoleStage({
    ...shared,
    hasGroup: false,
    config: { cameras: [], deviceId: 'yard', fleet: { role: 'door', ...rest } },
  });

  beforeAll(async () => {
    await Promise.all([authority.start(), door.start()]);
    await authority.enrol('guest', 'anna');
  }, 120_000);
  afterAll(async () => {
    await authority.stop();
    await door.stop();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  const region = (page: Page, name: string) => page.getByRole('region', { name });
  const row = (page: Page, name: string) =>
    page.getByRole('row').filter({ has: page.getByRole('rowheader', { name, exact: true }) });

  it('leads a door from the invitation to its copies, and out again', async () => {
    const desk = await authority.openConsole({ at: '#/fleet' });
    const yard = await door.openConsole({ at: '#/fleet' });
    await desk.getByRole('button', { name: 'Invite a door' }).click();
    await desk.getByRole('button', { name: 'Make a token' }).click();
    const token = await desk.locator('.fleet-token').innerText();
    const ownFingerprint = await desk.getByRole('dialog').locator('.fingerprint').innerText();
    await checkPage(desk);
    await desk.getByRole('button', { name: 'Done' }).click();

    await yard.getByLabel('Token').fill(token);
    await yard.getByRole('button', { name: 'Ask to join' }).click();
    await yard.getByText('Approve this door at “front-desk”.').waitFor(PATIENT);
    const shown = await yard.locator('.fingerprint').allInnerTexts();
    expect(shown).toContain(ownFingerprint);

    const waiting = region(desk, 'A door waits to join');
    await waiting.waitFor(PATIENT);
    const asked = await waiting.locator('.fingerprint').innerText();
    // People compare it on the two screens.
    expect(shown).toContain(asked);
    await waiting.getByRole('button', { name: 'Approve yard' }).click();
    await desk.getByLabel('I have compared it').check();
    await desk.getByRole('dialog').getByRole('button', { name: 'Approve', exact: true }).click();

    await row(yard, GROUP).getByText('Up to date').waitFor(PATIENT);
    await row(desk, 'yard').getByText('Up to date').waitFor(PATIENT);
    await region(desk, 'Proof of deletion').getByText('there is nothing to prove').waitFor(PATIENT);
    await yard.goto(yard.url().replace('fleet', `people/${GROUP}`));
    await yard.getByText('People are changed at the authority, front-desk.').waitFor(PATIENT);
    // The page of the person must have its answers before the person is deleted.
    const closest = yard.waitForResponse(/\/closest\?/, PATIENT);
    await yard.getByRole('link', { name: 'anna' }).click();
    await closest;
    await yard.getByText('no portraits').waitFor(PATIENT);
    expect(await yard.getByRole('button', { name: /Delete|Rename|Move/ }).count()).toBe(0);

    await authority.device('DELETE', `/groups/${GROUP}/persons?externalImageId=anna`);
    await desk.getByText('Proved: the only door holds nobody who was deleted.').waitFor(PATIENT);
    await yard.goto(`${door.url}#/people/${GROUP}`);
    await yard.getByText('Nobody is enrolled in this group.').waitFor(PATIENT);

    const text = await (await fetch(`${door.service.url}/metrics`)).text();
    expect(text).toContain('lintel_fleet_role{role="door"} 1');
    expect(text).toContain(`lintel_fleet_group_state{group="${GROUP}",state="current"} 1`);

    await desk.getByRole('button', { name: 'Remove yard' }).click();
    await desk.getByRole('dialog').getByRole('button', { name: 'Remove', exact: true }).click();
    await yard.goto(door.url + '#/fleet');
    await yard.getByText('Removed').first().waitFor(PATIENT);
    const actors = await authority.device<{ entries: { action: string; actor: string }[] }>('GET', '/audit?limit=50');
    const own = actors.entries.filter(({ action }) => action.startsWith('fleet.'));
    expect(own.some(({ actor }) => actor === 'admin:default')).toBe(true);
    expect([...(await authority.closePages()), ...(await door.closePages())]).toEqual([]);
  }, 180_000);
});
