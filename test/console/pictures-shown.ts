// Whether a page shows pictures of a camera, and which ones it asks for.
import type { Page } from 'playwright-core';

/** Pictures come within seconds, also on a machine that is busy with other tests. */
export const patience = { timeout: 30_000 };

/** Tells whether a canvas that can be seen shows more than one colour. */
export async function showsPicture(page: Page): Promise<boolean> {
  return page.evaluate(() => {
    const canvas = document.querySelector('canvas');
    if (!canvas || getComputedStyle(canvas).visibility === 'hidden') return false;
    // A copy is read, because a canvas that is read often is drawn without the graphics processor.
    const copy = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    copy?.drawImage(canvas, 0, 0, 300, 150);
    return new Set(copy?.getImageData(0, 0, 300, 150).data).size > 20;
  });
}

/** Notes the requests of a page for pictures from now on, such as `entrance/frame`, in order. */
export function notePictures(page: Page): string[] {
  const noted: string[] = [];
  page.on('request', (request) => {
    const { pathname } = new URL(request.url());
    if (/\/(frame|live)$/.test(pathname)) noted.push(pathname.replace('/device/v1/cameras/', ''));
  });
  return noted;
}

/** Tells a page that it is in the background, or again in the foreground: a browser without windows has no other way. */
export async function setHidden(page: Page, isHidden: boolean): Promise<void> {
  await page.evaluate((hidden) => {
    const state = hidden ? 'hidden' : 'visible';
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
    Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => state });
    document.dispatchEvent(new Event('visibilitychange'));
  }, isHidden);
}
