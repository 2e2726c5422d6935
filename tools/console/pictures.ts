// Takes pictures of every screen of the console: phone and desktop, light and dark, English and Korean.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { GROUP, type ConsoleStage } from '../../test/console/stage.js';

const SIZES = {
  phone: { width: 390, height: 844 },
  desktop: { width: 1280, height: 800 },
} as const;
/** Time for the first live picture, plots and numbers after a screen is open. */
const SETTLE_MS = 1_500;

export interface PictureOptions {
  /** Screens to take, such as `doors`; default: all. */
  screens?: readonly string[];
  lang: 'en' | 'ko';
  /** The whole length of each screen, in place of what is seen without scrolling. */
  full: boolean;
}

/** A screen or a part of one. */
interface View {
  name: string;
  at: string;
}

/** Takes the pictures. @returns the paths, and the errors of the pages */
export async function takePictures(
  stage: ConsoleStage,
  folder: string,
  { screens, lang, full }: PictureOptions,
  say: (line: string) => void,
): Promise<{ paths: string[]; problems: string[] }> {
  await mkdir(folder, { recursive: true });
  const paths: string[] = [];
  const problems: string[] = [];
  const wanted = (name: string): boolean => screens === undefined || screens.includes(name.split('-')[0] ?? '');
  for (const [size, viewport] of Object.entries(SIZES)) {
    for (const scheme of ['light', 'dark'] as const) {
      const look = { dark: scheme === 'dark', lang, context: { viewport, isMobile: false, hasTouch: false } };
      const take = async (page: Page, name: string): Promise<void> => {
        await page.waitForTimeout(SETTLE_MS);
        const path = join(folder, `${name}-${size}-${scheme}.png`);
        await page.screenshot({ path, fullPage: full });
        paths.push(path);
        say(path);
      };
      if (wanted('signin')) await take(await stage.openConsole({ ...look, role: 'nobody' }), 'signin');
      const page = await stage.openConsole({ ...look, at: '#/doors' });
      for (const { name, at } of (await listViews(stage, page)).filter((view) => wanted(view.name))) {
        await page.goto(stage.url + at);
        await take(page, name);
      }
      problems.push(...(await stage.closePages()));
    }
  }
  return { paths, problems };
}

/** Lists the screens of the navigation, and one thing that each of some screens opens. */
async function listViews(stage: ConsoleStage, page: Page): Promise<View[]> {
  const links = page.locator('nav a[href^="#/"]');
  await links.first().waitFor({ state: 'attached' });
  const screens: View[] = [];
  for (const link of await links.all()) {
    const at = (await link.getAttribute('href')) ?? '';
    screens.push({ name: at.replace('#/', ''), at });
  }
  const { events } = await stage.device<{ events: { sequence: number }[] }>('GET', '/events?type=match&limit=1');
  const details = [
    { name: 'doors-one', at: '#/doors/entrance' },
    ...events.map(({ sequence }) => ({ name: 'events-one', at: `#/events/${sequence}` })),
    { name: 'people-group', at: `#/people/${GROUP}` },
    { name: 'people-person', at: `#/people/${GROUP}/chloe-martin` },
  ];
  return [...screens, ...details];
}
