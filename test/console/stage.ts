// The stage of the console's tests, bench and pictures: a real service with rendered people before its cameras, and a real browser.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import type { Role } from '../../src/domain/role.js';
import { freePort } from '../support/free-port.js';
import { builtinModels } from '../support/model-sets.js';
import { CLI, startService, toImage, type Service } from '../support/service.js';
import { startChromium } from './chromium.js';
import { Findings, type AllowedAnswer } from './findings.js';
import { makeClip, PORTRAITS, type Scene } from './scenes.js';

/** Absolute path of a clip. */
export type ClipPath = `/${string}`;

/** Group of the cameras, which exists from the start. */
export const GROUP = 'staff';

const PHONE = { width: 360, height: 740 };
const DESKTOP = { width: 1280, height: 800 };
/** Other tests share the processors of this machine. */
const PAGE_TIMEOUT_MS = 20_000;

export interface StageOptions {
  /** Scenes, or paths of clips, by the id of their camera. Default: `{ entrance: 'demo' }`. */
  cameras?: Record<string, Scene | ClipPath>;
  /** Keys of each camera, such as `{ liveness: 'required' }`. */
  camera?: Record<string, unknown>;
  /** Other top-level keys of the configuration. */
  config?: Record<string, unknown>;
  /** False: the group of the cameras is not made. */
  hasGroup?: boolean;
  /** People who are enrolled in the group before the first test, by their portrait; the name is their externalImageId. Default: `['guest']`. */
  enrolled?: readonly (keyof typeof PORTRAITS)[];
}

export interface OpenOptions {
  /** Role of the key that signs in; `nobody` stays signed out. Default: `admin`. */
  role?: Role | 'nobody';
  /** Admin key that signs in, in place of one of the role. */
  key?: string;
  /** Screen, such as `#/doors/entrance`. Default: none, which leads to the first screen. */
  at?: string;
  /** 360 x 740 px with touch, in place of 1280 x 800 px. */
  phone?: boolean;
  dark?: boolean;
  lang?: 'en' | 'ko';
  /** Animations are off by default, so that nothing moves while a test looks. */
  motion?: boolean;
  /** Other settings of the browser's context, such as a viewport. */
  context?: BrowserContextOptions;
}

export class ConsoleStage {
  readonly findings = new Findings();
  readonly #options: StageOptions;
  readonly #contexts = new Set<BrowserContext>();
  readonly #keys = new Map<Role, string>();
  #browser: Browser | undefined;
  #service: Service | undefined;
  #folder = '';
  #port = 0;

  constructor(options: StageOptions = {}) {
    this.#options = options;
  }

  get service(): Service {
    if (!this.#service) throw new Error('the service of the tests is not running');
    return this.#service;
  }

  get browser(): Browser {
    if (!this.#browser) throw new Error('the browser of the tests is not running');
    return this.#browser;
  }

  /** Temporary folder of the service's data, keys and configuration, and of the clips. */
  get folder(): string {
    return this.#folder;
  }

  /** URL of the console, with the slash at its end. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}/console/`;
  }

  async start(): Promise<void> {
    this.#folder = await mkdtemp(join(tmpdir(), 'lintel-console-'));
    this.#port = await freePort();
    await this.startService();
    if (this.#options.hasGroup !== false) await this.service.call('POST', '/groups', { groupId: GROUP });
    for (const name of this.#options.enrolled ?? ['guest']) await this.enrol(name, name);
    this.#browser = await startChromium();
  }

  async stop(): Promise<void> {
    await this.#browser?.close();
    await this.#service?.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Ends a test: closes its pages. @throws Error with everything that must not have happened in them */
  async endTest(): Promise<void> {
    const found = await this.closePages();
    if (!this.#service) await this.startService();
    if (found.length > 0) throw new Error(`in the pages of this test:\n${found.join('\n')}`);
  }

  /** Closes all pages. @returns everything that must not have happened in them */
  async closePages(): Promise<string[]> {
    for (const context of this.#contexts) {
      // An answer of the page comes after everything that happened in it before.
      await Promise.allSettled(context.pages().map((page) => page.evaluate('0')));
      await context.close();
    }
    this.#contexts.clear();
    return this.findings.take();
  }

  /** Opens the console in a browser of its own, with a real session of a key of the role. */
  async openConsole(options: OpenOptions = {}): Promise<Page> {
    const {
      role = 'admin',
      key,
      at = '',
      phone = false,
      dark = false,
      lang = 'en',
      motion = false,
      context = {},
    } = options;
    const own = await this.browser.newContext({
      viewport: phone ? PHONE : DESKTOP,
      isMobile: phone,
      hasTouch: phone,
      colorScheme: dark ? 'dark' : 'light',
      locale: lang === 'ko' ? 'ko-KR' : 'en-GB',
      timezoneId: 'UTC',
      reducedMotion: motion ? 'no-preference' : 'reduce',
      ...context,
    });
    this.#contexts.add(own);
    own.setDefaultTimeout(PAGE_TIMEOUT_MS);
    await this.findings.watch(own);
    if (role !== 'nobody') await this.#signIn(own, key ?? (await this.key(role)));
    const page = await own.newPage();
    await page.goto(this.url + at);
    return page;
  }

  /** Allows an answer of 400 and above, or a request without an answer, for the rest of the test. */
  allow(url: AllowedAnswer['url'], status?: AllowedAnswer['status']): void {
    this.findings.allow({ url, ...(status === undefined ? {} : { status }) });
  }

  /** Returns a key of the role. The same key is returned each time. */
  async key(role: Role): Promise<string> {
    const known = this.#keys.get(role);
    if (known !== undefined) return known;
    const key = role === 'admin' ? await this.#readAdminKey() : await this.addKey(`test-${role}`, role);
    this.#keys.set(role, key);
    return key;
  }

  /** Makes an admin key with a role. @returns the key */
  async addKey(name: string, role: Role): Promise<string> {
    const printed = await this.lintel('keys', 'add', name, '--admin', '--role', role);
    return printed.trim();
  }

  /** Runs the command line with the configuration of the service. @returns its standard output. @throws Error when it fails */
  async lintel(...args: readonly string[]): Promise<string> {
    const command = [CLI, ...args, '--config', join(this.#folder, 'lintel.yaml')];
    const { stdout } = await promisify(execFile)(process.execPath, command);
    return stdout;
  }

  /** Calls the device API with the admin key. @returns the JSON of the answer */
  async device<T>(method: string, path: string, body?: unknown): Promise<T> {
    const headers = { authorization: `Bearer ${await this.key('admin')}` };
    const init = body === undefined ? {} : { body: JSON.stringify(body) };
    const response = await fetch(`${this.service.url}/device/v1${path}`, { method, headers, ...init });
    if (!response.ok) throw new Error(`${method} ${path} was answered with HTTP ${response.status}`);
    return (await response.json()) as T;
  }

  /** Enrols a face. @param picture JPEG or PNG, or the portrait of a person of the clips */
  async enrol(picture: keyof typeof PORTRAITS | Uint8Array, externalImageId: string): Promise<void> {
    const image = toImage(typeof picture === 'string' ? await readFile(PORTRAITS[picture]) : picture);
    const answer = await this.service.call('POST', `/groups/${GROUP}`, { image, externalImageId, limit: 1 });
    if (!answer.header.isSuccessful)
      throw new Error(`${externalImageId} could not be enrolled: ${answer.header.resultMessage}`);
  }

  /** Starts the service; after stopService on the same port, with the same data. */
  async startService(): Promise<void> {
    const { cameras = { entrance: 'demo' }, camera = {}, config = {} } = this.#options;
    const wanted = Object.entries(cameras).map(async ([id, scene]) => {
      const path = isPath(scene) ? scene : await makeClip(scene, this.#folder);
      const source = { type: 'file', path, loop: true };
      return { id, group: GROUP, absenceMs: 500, minSharpness: 0, source, ...camera };
    });
    const { modelsDir, set } = builtinModels;
    const { http, ...rest } = config;
    this.#service = await startService({
      folder: this.#folder,
      modelsDir,
      set,
      config: { http: { port: this.#port, ...(http as object) }, cameras: await Promise.all(wanted), ...rest },
    });
    this.findings.up();
  }

  /** Stops the service, as at a restart of the machine: connections break, and new ones are refused. */
  async stopService(): Promise<void> {
    this.findings.down();
    await this.service.stop();
    this.#service = undefined;
  }

  async #signIn(context: BrowserContext, key: string): Promise<void> {
    const { origin } = new URL(this.url);
    const data = { key };
    const answer = await context.request.post(`${origin}/device/v1/session`, { data, headers: { origin } });
    if (!answer.ok()) throw new Error(`the session was refused with HTTP ${answer.status()}: ${await answer.text()}`);
  }

  async #readAdminKey(): Promise<string> {
    return (await readFile(join(this.#folder, 'keys', 'admin-key'), 'utf8')).trim();
  }
}

function isPath(scene: Scene | ClipPath): scene is ClipPath {
  return scene.startsWith('/');
}
