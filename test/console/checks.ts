// Checks of a page that everybody must be able to use: axe, reflow, and the keyboard.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Locator, Page } from 'playwright-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** The success criteria of WCAG 2.2, levels A and AA. */
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
/** More presses of Tab than any screen has stops. */
const MOST_STOPS = 150;

interface AxeFinding {
  id: string;
  help: string;
  nodes: { target: string[]; failureSummary?: string }[];
}

/** Runs axe on the whole page. @throws Error that names each finding and its elements */
export async function checkPage(page: Page): Promise<void> {
  const session = await page.context().newCDPSession(page);
  try {
    // A world of its own: the content security policy does not hold there, and the page does not see axe.
    const { frameTree } = await session.send('Page.getFrameTree');
    const frameId = frameTree.frame.id;
    const { executionContextId } = await session.send('Page.createIsolatedWorld', { frameId, worldName: 'axe' });
    const evaluate = async (expression: string): Promise<unknown> => {
      const options = { contextId: executionContextId, awaitPromise: true, returnByValue: true };
      const { result, exceptionDetails } = await session.send('Runtime.evaluate', { expression, ...options });
      if (exceptionDetails) throw new Error(`axe: ${exceptionDetails.exception?.description ?? exceptionDetails.text}`);
      return result.value;
    };
    await evaluate(`${AXE};0`);
    const options = JSON.stringify({ runOnly: TAGS, resultTypes: ['violations'] });
    const findings = (await evaluate(`axe.run(document, ${options}).then((r) => r.violations)`)) as AxeFinding[];
    if (findings.length > 0) throw new Error(`axe at ${page.url()}:\n${findings.map(describeFinding).join('\n')}`);
  } finally {
    await session.detach();
  }
}

function describeFinding({ id, help, nodes }: AxeFinding): string {
  const places = nodes.map(({ target, failureSummary = '' }) => `    ${target.join(' ')}: ${failureSummary}`);
  return [`  ${id}: ${help}`, ...places].join('\n');
}

/** Checks that nothing makes the page scroll sideways. @throws Error that names the widest elements */
export async function checkReflow(page: Page): Promise<void> {
  const wide = await page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return undefined;
    const culprits = [...document.querySelectorAll('body *')]
      .filter((element) => element.getBoundingClientRect().right > width + 0.5)
      .map((element) => `${element.tagName.toLowerCase()}.${element.getAttribute('class') ?? ''}`);
    return `${document.documentElement.scrollWidth} px on ${width} px: ${culprits.slice(-5).join(', ')}`;
  });
  if (wide !== undefined) throw new Error(`the page at ${page.url()} scrolls sideways: ${wide}`);
}

/** Presses Tab until the element has the focus, and checks that each stop on the way shows it. */
export async function tabTo(page: Page, target: Locator): Promise<void> {
  for (let stop = 0; stop < MOST_STOPS; stop++) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press('Tab');
    await checkFocus(page);
  }
  throw new Error(`the keyboard does not reach ${String(target)}`);
}

/** Presses Tab until the focus leaves the page. @returns the names of the stops, in order. @throws Error at a stop that does not show it */
export async function tourByKeyboard(page: Page): Promise<string[]> {
  const stops: string[] = [];
  for (let press = 0; press < MOST_STOPS; press++) {
    await page.keyboard.press('Tab');
    const stop = await checkFocus(page);
    if (stop === undefined) return stops;
    stops.push(stop);
  }
  throw new Error(`the focus does not leave the page after ${MOST_STOPS} stops: ${stops.slice(-8).join(', ')}`);
}

/** Checks that the element with the focus can be seen and shows the focus. @returns its name; undefined without a focus */
async function checkFocus(page: Page): Promise<string | undefined> {
  const focus = await page.evaluate(() => {
    const element = document.activeElement;
    if (!element || element === document.body || element === document.documentElement) return undefined;
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
    const { width, height } = element.getBoundingClientRect();
    const label = element.getAttribute('aria-label') ?? (element.textContent.trim() || element.getAttribute('name'));
    return {
      name: `${element.tagName.toLowerCase()} ${(label ?? '').slice(0, 40)}`,
      isShown: (outlineStyle !== 'none' && parseFloat(outlineWidth) >= 1) || boxShadow !== 'none',
      hasSize: width >= 1 && height >= 1,
    };
  });
  if (focus && !(focus.isShown && focus.hasSize)) throw new Error(`the focus cannot be seen on: ${focus.name}`);
  return focus?.name;
}
