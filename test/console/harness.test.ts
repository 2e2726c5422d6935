// The harness of the tests in a browser finds what it is meant to find: each fault is made on purpose on a page of its own.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkPage, checkReflow, tabTo, tourByKeyboard } from './checks.js';
import { startChromium } from './chromium.js';
import { Findings } from './findings.js';
import { describeConsole } from './harness.js';

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'";
const FILES: Record<string, [string, string]> = {
  '/throws.js': ['text/javascript', "addEventListener('load', () => { throw new Error('thrown on purpose'); });"],
  '/warns.js': ['text/javascript', "console.warn('warned on purpose');"],
  '/html.js': ['text/javascript', "try { document.body.innerHTML = '<b>b</b>'; } catch {}"],
  '/wide.css': ['text/css', '.wide { width: 2000px } a { outline: none }'],
};

describeConsole('the harness', () => {
  let browser: Browser;
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://127.0.0.1');
    const [type, text] = FILES[pathname] ?? [
      'text/html',
      `<!doctype html><html lang="en"><title>t</title><main>${searchParams.get('body') ?? ''}</main>`,
    ];
    response.writeHead(pathname === '/none' ? 404 : 200, { 'content-type': type, 'content-security-policy': POLICY });
    response.end(text);
  });

  beforeAll(async () => {
    browser = await startChromium();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterAll(async () => {
    await browser.close();
    server.close();
  });

  /** Opens a page with this body. @returns the page and what was found in it so far */
  async function open(body: string): Promise<{ page: Page; findings: Findings }> {
    const findings = new Findings();
    const context = await browser.newContext();
    await findings.watch(context);
    const page = await context.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/?body=${encodeURIComponent(body)}`);
    return { page, findings };
  }

  it.each([
    [
      'an error that nobody catches',
      '<script src="/throws.js"></script>',
      'error of the page: Error: thrown on purpose',
    ],
    ['a warning', '<script src="/warns.js"></script>', 'console warning: warned on purpose'],
    ['a style in the markup', '<p style="color: red">p</p>', 'CSP: style-src-attr inline'],
    ['a script in the markup', '<script>1</script>', 'CSP: script-src-elem inline'],
    ['HTML from a text', '<script src="/html.js"></script>', 'CSP: require-trusted-types-for trusted-types-sink'],
    [
      'a picture from elsewhere',
      '<img alt="" src="http://127.0.0.1:1/x.png">',
      'CSP: img-src http://127.0.0.1:1/x.png',
    ],
    ['an answer of 404', '<link rel="stylesheet" href="/none">', 'answer: 404 GET http://127.0.0.1'],
  ])('finds %s', async (_what, body, found) => {
    const { findings } = await open(body);
    await expect.poll(() => findings.take().join('\n')).toContain(found);
  });

  it('lets a page without a fault pass, and an answer that is allowed', async () => {
    const { page, findings } = await open('<link rel="stylesheet" href="/wide.css"><button>b</button>');
    await checkPage(page);
    await checkReflow(page);
    expect(await tourByKeyboard(page)).toEqual(['button b']);
    findings.allow({ url: '/none', status: 404 });
    expect(await page.evaluate(async () => (await fetch('/none')).status)).toBe(404);
    expect(findings.take()).toEqual([]);
    await page.evaluate(() => fetch('/none'));
    expect(findings.take()).toEqual([expect.stringMatching(/^answer: 404 GET .*\/none$/)]);
  });

  it('finds what axe finds, a page that scrolls sideways, and a focus that cannot be seen', async () => {
    const { page } = await open(
      '<link rel="stylesheet" href="/wide.css"><p class="wide">p</p><input><a href="/">a</a>',
    );
    await expect(checkPage(page)).rejects.toThrow('label: Form elements must have labels');
    await expect(checkReflow(page)).rejects.toThrow('2008 px on 1280 px: p.wide');
    await expect(tourByKeyboard(page)).rejects.toThrow('the focus cannot be seen on: a a');
    await expect(tabTo(page, page.locator('p'))).rejects.toThrow('the focus cannot be seen on: a a');
  });

  it('forgives requests that fail while the service is down, and no others', async () => {
    const { page, findings } = await open('<script src="/warns.js"></script>');
    findings.take();
    findings.down();
    await page.goto('http://127.0.0.1:1/').catch(() => undefined);
    findings.up();
    expect(findings.take()).toEqual([]);
    await page.goto('http://127.0.0.1:1/').catch(() => undefined);
    expect(findings.take()).toEqual([expect.stringMatching(/^request: net::\w+ GET http:\/\/127\.0\.0\.1:1\/$/)]);
  });
});
