// The screen of the people: groups, the people of a group, one person, and every change with its proof.
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { checkPage, checkReflow, tabTo } from './checks.js';
import { describeConsole, useConsole } from './harness.js';

interface Entry {
  sequence: number;
  hash: string;
  action: string;
}

describeConsole('the screen people', () => {
  const stage = useConsole({ cameras: {}, config: { cameras: [] }, enrolled: ['guest', 'stranger'] });

  const newest = async (action: string): Promise<Entry> => {
    const { entries } = await stage.device<{ entries: Entry[] }>('GET', `/audit?limit=1&action=${action}`);
    return entries[0]!;
  };

  /** Checks that the page shows the newest entry of an action, and links to it. */
  const expectProof = async (page: Page, action: string): Promise<void> => {
    const notice = page.getByRole('status').filter({ hasText: 'of the audit log' });
    await expect
      .poll(async () => {
        const { sequence, hash } = await newest(action);
        const text = (await notice.textContent()) ?? '';
        return text.includes(hash) && text.includes(`entry ${sequence} of`);
      })
      .toBe(true);
    const { sequence } = await newest(action);
    expect(await notice.getByRole('link').getAttribute('href')).toBe(`#/audit/${sequence}`);
  };

  const names = (page: Page): Promise<string[]> => page.getByRole('rowheader').allTextContents();

  it('leads from the groups to a person, their faces and the closest other person', async () => {
    const page = await stage.openConsole({ at: '#/people', role: 'viewer' });
    const card = page.getByRole('listitem').filter({ has: page.getByRole('link', { name: 'staff', exact: true }) });
    await card.getByText('2 people').waitFor();
    expect(await card.textContent()).toContain('anybody under any id');
    expect(await page.getByRole('button', { name: 'New group' }).count()).toBe(0);
    await card.getByRole('link').click();
    await page.getByRole('heading', { name: 'staff', level: 1 }).waitFor();
    await page.getByRole('link', { name: 'guest', exact: true }).waitFor();
    expect(await names(page)).toEqual(['guest', 'stranger']);
    await page.getByRole('link', { name: 'guest', exact: true }).click();
    await page.getByText('no portraits, since none are kept').waitFor();
    const closest = page.getByRole('region', { name: 'Closest other person' });
    await closest.getByText(/Similarity \d/).waitFor();
    expect(await closest.textContent()).toMatch(/Clearly different.*stranger.*from 90\.0 on/s);
    const faces = page.getByRole('region', { name: 'Faces' }).getByRole('row');
    expect(await faces.nth(1).textContent()).toMatch(/20\d\d.*\d+%.*\d+%None.*NHN API$/);
    // A viewer looks, and changes nothing.
    expect(await page.getByRole('button', { name: /Delete|Rename|Move/ }).count()).toBe(0);
    await closest.getByRole('link', { name: 'stranger' }).click();
    await page.getByRole('heading', { name: 'stranger', level: 1 }).waitFor();
  });

  it('warns of a lookalike', async () => {
    await stage.enrol('guestAgain', 'twin');
    const page = await stage.openConsole({ at: '#/people/staff/twin' });
    const closest = page.getByRole('region', { name: 'Closest other person' });
    await closest.getByText('A door may take one of the two for the other').waitFor();
    expect(await closest.textContent()).toMatch(/Lookalike.*guest/s);
    await stage.device('DELETE', '/groups/staff/persons?externalImageId=twin');
  });

  it('finds people by any part of their id', async () => {
    const page = await stage.openConsole({ at: '#/people/staff' });
    const search = page.getByRole('searchbox', { name: 'Search by id' });
    await search.fill('RANGE');
    await page.getByRole('link', { name: 'guest', exact: true }).waitFor({ state: 'detached' });
    expect(await names(page)).toEqual(['stranger']);
    expect(page.url()).toContain('search=RANGE');
    await search.fill('nobody-at-all');
    await page.getByText('No id contains “nobody-at-all”.').waitFor();
    await search.fill('a b');
    await page.getByText('An id has letters, digits and _ . : - only.').waitFor();
    await search.fill('');
    await page.getByRole('link', { name: 'guest', exact: true }).waitFor();
  });

  it('shows many people page by page', { timeout: 120_000 }, async () => {
    const ids = Array.from({ length: 50 }, (_, i) => `p-${String(i).padStart(2, '0')}`);
    // Four at a time: the service has room for few pictures that wait.
    const lines = [0, 1, 2, 3].map(async (line) => {
      for (let i = line; i < ids.length; i += 4) await stage.enrol('guestAgain', ids[i]!);
    });
    await Promise.all(lines);
    const page = await stage.openConsole({ at: '#/people/staff' });
    await page.getByText('52 people').waitFor();
    await page.getByRole('link', { name: 'p-48', exact: true }).waitFor();
    expect(await names(page)).toEqual(['guest', ...ids.slice(0, 49)]);
    await page.getByRole('button', { name: 'Next' }).click();
    await page.getByRole('link', { name: 'p-49', exact: true }).waitFor();
    expect(await names(page)).toEqual(['p-49', 'stranger']);
    expect(await page.getByRole('button', { name: 'Next' }).isDisabled()).toBe(true);
    await page.getByRole('button', { name: 'Previous' }).click();
    await page.getByRole('link', { name: 'p-48', exact: true }).waitFor();
    await page.getByRole('searchbox', { name: 'Search by id' }).fill('P-4');
    await expect.poll(() => names(page)).toEqual(ids.slice(40));
    for (const id of ids) await stage.device('DELETE', `/groups/staff/persons?externalImageId=${id}`);
  });

  it('deletes a person after their name was typed, by keyboard alone, and shows the proof', async () => {
    await stage.enrol('guestAgain', 'leaver');
    const page = await stage.openConsole({ at: '#/people/staff/leaver', role: 'operator' });
    const open = page.getByRole('button', { name: 'Delete the person' });
    await open.waitFor();
    await tabTo(page, open);
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog', { name: 'Delete leaver?' });
    const confirm = dialog.getByRole('button', { name: 'Delete the person' });
    // The dialog puts the focus into its field.
    await dialog.locator('input:focus').waitFor();
    await page.keyboard.type('leave');
    expect(await confirm.isDisabled()).toBe(true);
    await page.keyboard.type('r');
    await expect.poll(() => confirm.isEnabled()).toBe(true);
    await page.keyboard.press('Enter');
    await page.getByText('leaver is deleted.').waitFor();
    const { sequence, hash } = await newest('person.deleted');
    const notice = page.getByRole('status').filter({ hasText: hash });
    expect(await notice.textContent()).toContain(`entry ${sequence} of the audit log`);
    // The audit log is for admins: an operator copies the proof.
    expect(await notice.getByRole('link').count()).toBe(0);
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await notice.getByRole('button', { name: 'Copy the proof' }).click();
    await notice.getByRole('button', { name: 'Copied' }).waitFor();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(`${sequence} ${hash}`);
    await page.getByRole('link', { name: 'All people of staff' }).click();
    await page.getByRole('link', { name: 'guest', exact: true }).waitFor();
    expect(await names(page)).not.toContain('leaver');
  });

  it('deletes one face, and the last one with its person', async () => {
    await stage.enrol('guest', 'two');
    await stage.enrol('guestAgain', 'two');
    const page = await stage.openConsole({ at: '#/people/staff/two' });
    const faces = page.getByRole('region', { name: 'Faces' }).getByRole('button', { name: /Delete face of/ });
    await faces.nth(1).waitFor();
    await faces.first().click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click();
    await expectProof(page, 'face.deleted');
    await expect.poll(() => faces.count()).toBe(1);
    await faces.first().click();
    await page.getByRole('dialog').getByText('It is the last face').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click();
    await page.getByRole('region', { name: 'Faces' }).waitFor({ state: 'detached' });
    await expectProof(page, 'face.deleted');
  });

  it('renames and moves a person, and asks before two become one', async () => {
    await stage.device('POST', '/groups', { groupId: 'visitors' });
    await stage.enrol('guestAgain', 'old-name');
    const page = await stage.openConsole({ at: '#/people/staff/old-name' });
    await page.getByRole('button', { name: 'Rename' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('New id').fill('old-name');
    await dialog.getByText('This is the id the person has.').waitFor();
    await dialog.getByLabel('New id').fill('new-name');
    await dialog.getByRole('button', { name: 'Rename' }).click();
    await page.getByRole('heading', { name: 'new-name', level: 1 }).waitFor();
    await expectProof(page, 'person.renamed');
    await page.getByRole('button', { name: 'Rename' }).click();
    await dialog.getByLabel('New id').fill('guest');
    stage.allow('/persons/rename', 409);
    await dialog.getByRole('button', { name: 'Rename' }).click();
    await dialog.getByText('“guest” exists already. Join the two to one person?').waitFor();
    await dialog.getByLabel('New id').fill('third-name');
    await dialog.getByRole('button', { name: 'Rename' }).click();
    await page.getByRole('heading', { name: 'third-name', level: 1 }).waitFor();
    await page.getByRole('button', { name: 'Rename' }).click();
    await dialog.getByLabel('New id').fill('guest');
    await dialog.getByRole('button', { name: 'Rename' }).click();
    await dialog.getByRole('button', { name: 'Join the two' }).click();
    await page.getByText('The two are one person now.').waitFor();
    await page.getByText('2 of 2').waitFor();
    await page.getByRole('button', { name: 'Move' }).click();
    await dialog.getByLabel('Group').selectOption('visitors');
    await dialog.getByRole('button', { name: 'Move' }).click();
    await page.getByText('guest is moved to the group visitors.').waitFor();
    await expectProof(page, 'person.moved');
    expect(page.url()).toContain('#/people/visitors/guest');
    // The page has asked for everything about the person before the person is moved back.
    await page.getByText('There is nobody else to compare with.').waitFor();
    await stage.device('POST', '/groups/visitors/persons/move', { externalImageId: 'guest', group: 'staff' });
    await stage.device('DELETE', '/groups/visitors');
  });

  it('makes a group, and deletes it after its name was typed', async () => {
    const page = await stage.openConsole({ at: '#/people' });
    await page.getByRole('button', { name: 'New group' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name of the group').fill('No');
    await dialog.getByText('Only a to z, 0 to 9 and - may stand in it.').waitFor();
    await dialog.getByLabel('Name of the group').fill('hall');
    await dialog.getByRole('button', { name: 'Create' }).click();
    await expectProof(page, 'group.created');
    await page.getByRole('link', { name: 'hall', exact: true }).click();
    await page.getByText('Nobody is enrolled in this group.').waitFor();
    await page.getByRole('button', { name: 'Delete the group' }).click();
    await dialog.getByLabel('Type hall to confirm').fill('hall');
    await dialog.getByRole('button', { name: 'Delete the group' }).click();
    await page.getByText('The group hall is deleted.').waitFor();
    await expectProof(page, 'group.deleted');
  });

  it.each([
    ['a desktop', {}],
    ['a desktop in the dark', { dark: true }],
    ['a phone', { phone: true, lang: 'ko' as const }],
    ['a phone in the dark', { phone: true, dark: true }],
  ])('fits %s, for everybody', async (_where, options) => {
    const page = await stage.openConsole({ at: '#/people', ...options });
    for (const hash of ['#/people', '#/people/staff', '#/people/staff/guest']) {
      await page.evaluate((to) => location.assign(to), hash);
      await page.locator('main .facts, main table').first().waitFor();
      await page.getByText(/Loading|불러오는/).waitFor({ state: 'detached' });
      await checkPage(page);
      await checkReflow(page);
    }
    await page.getByRole('button', { name: /Delete the person|사람 삭제/ }).click();
    await page.getByRole('dialog').waitFor();
    await checkPage(page);
    await checkReflow(page);
  });
});
