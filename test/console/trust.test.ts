// The screen on trust: the distributions of a group, the threshold in force, and what another one would have decided on the stored events.
import type { Page } from 'playwright-core';
import { beforeAll, expect, it, vi } from 'vitest';
import type { z } from 'zod';
import type { decisionListAnswer, similaritiesAnswer } from '../../src/api/device/trust-answers.js';
import { loadAddon } from '../../src/native/addon.js';
import { encodePicture } from '../../tools/rendered-people/clip-file.js';
import { renderPortrait } from '../../tools/rendered-people/demo-clip.js';
import { DISTINCT_SEEDS } from '../../tools/rendered-people/distinct-seeds.js';
import { checkPage, checkReflow, tabTo } from './checks.js';
import { describeConsole, useConsole } from './harness.js';
import { GROUP } from './stage.js';

const SLIDER = 'Threshold to try at entrance';

describeConsole('the screen on trust', () => {
  const stage = useConsole({ enrolled: ['guest'] });

  const readDecisions = (): Promise<z.output<typeof decisionListAnswer>> => stage.device('GET', '/decisions');
  const readGroup = (): Promise<z.output<typeof similaritiesAnswer>> =>
    stage.device('GET', `/groups/${GROUP}/similarities`);

  beforeAll(async () => {
    await stage.enrol('guestAgain', 'guest');
    for (const seed of DISTINCT_SEEDS.slice(0, 4)) {
      await stage.enrol(encodePicture(renderPortrait(seed), loadAddon()), `person-${seed}`);
    }
    // The clip shows the guest, and then a stranger.
    await vi.waitFor(
      async () => {
        const types = (await readDecisions()).decisions.map(({ type }) => type);
        expect(types).toEqual(expect.arrayContaining(['match', 'unknown']));
      },
      { timeout: 60_000, interval: 500 },
    );
  }, 90_000);

  const card = (page: Page, name: string) => page.getByRole('region', { name });

  it('shows the pairs of the group and the threshold in force, to a viewer', async () => {
    const page = await stage.openConsole({ role: 'viewer', at: '#/trust' });
    const group = await readGroup();
    const plot = card(page, 'How alike the faces are').getByRole('img');
    await plot.waitFor();
    const label = (await plot.textContent()) ?? '';
    expect(label).toContain(`Two people: ${group.impostor.compared} pairs`);
    expect(label).toContain('One person: 1 pair,');
    expect(label).toContain('Threshold in force: 90.0');
    const threshold = card(page, 'Threshold in force at entrance');
    const text = await threshold.innerText();
    expect(text).toContain('whatever the size of the group. 3 of 5 frames');
    expect(text).toMatch(/At most one stranger in [\d,]+ attempts/);
    // Fourteen pairs say nothing about one in 100,000.
    expect(text).toMatch(/0 of 14; the true share lies between 0% and \d+%.*too|too few to say/s);
    expect(text).toContain('this says nothing about the promise');
  });

  it('counts the refusals by reason', async () => {
    const page = await stage.openConsole({ role: 'viewer', at: `#/trust/${GROUP}` });
    const refusals = card(page, 'Refusals by reason');
    await refusals.getByText('No enrolled face is similar enough.').waitFor();
    const { decisions } = await readDecisions();
    expect(decisions.length).toBeGreaterThan(1);
    expect(await refusals.innerText()).toMatch(/\d+ of \d+ decisions were no match; \d+ were\./);
  });

  it('tries thresholds with the keyboard, lists what they change, and changes nothing', async () => {
    const page = await stage.openConsole({ role: 'viewer', at: '#/trust' });
    const trial = card(page, 'Try another threshold at entrance');
    await trial.getByText('This changes nothing').waitFor();
    const slider = trial.getByRole('slider', { name: SLIDER });
    await tabTo(page, slider);
    await page.keyboard.press('End');
    expect(await slider.getAttribute('aria-valuetext')).toBe('100');
    const refused = trial.getByRole('table', { name: 'Matches that would have been refused' });
    await refused.waitFor();
    expect(await refused.innerText()).toContain('guest');
    await page.keyboard.press('Home');
    const granted = trial.getByRole('table', { name: 'Unknown people who would have been granted' });
    await granted.waitFor();
    expect(await refused.count()).toBe(0);
    const link = granted.getByRole('link').first();
    const sequence = Number(/\d+$/.exec((await link.getAttribute('href')) ?? '')?.[0]);
    const { decisions } = await readDecisions();
    expect(decisions.find((one) => one.sequence === sequence)).toMatchObject({ reason: 'below-threshold' });
    expect(await trial.locator('pre').innerText()).toContain('threshold: 1\n');
    await trial.getByRole('spinbutton').fill('100');
    await trial.getByText(/About [\d,.]+ false accepts a year/).waitFor();
    expect((await readGroup()).cameras[0]!.threshold).toBe(90);
    await link.click();
    await page.waitForURL(new RegExp(`#/events/${sequence}$`));
  });

  it.each([
    ['a desktop in light', {}],
    ['a desktop in dark', { dark: true }],
    ['a phone in light, in Korean', { phone: true, lang: 'ko' }],
    ['a phone in dark', { phone: true, dark: true }],
  ] as const)('is for everybody: %s', async (_, options) => {
    const page = await stage.openConsole({ at: '#/trust', ...options });
    await page.getByRole('slider').waitFor();
    await checkPage(page);
    await checkReflow(page);
  });
});
