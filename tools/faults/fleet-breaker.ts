// Breaks a running fleet in one way at a time, and mends it: kills, cut and slow lines, a server whose store is lost or old.
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { MemberProcess } from '../fleet/member-process.js';
import { Proxy } from '../fleet/proxy.js';
import type { FleetStage } from '../fleet/stage.js';

export const FAULTS = [
  'kill-door',
  'kill-authority',
  'kill-server',
  'wipe-server',
  'put-back-server',
  'cut-line',
  'slow-line',
  'repeat-line',
] as const;
export type Fault = (typeof FAULTS)[number];

/** Longest time that something stays broken, and that a piece of data is delayed. */
const MAX_BROKEN_MS = 1_200;
const MAX_DELAY_MS = 150;
/** Limit for the start of a member. On a busy machine it takes seconds, and was seen to take 65 s (2026-11-28, load of 20 on two processors). */
const START_MS = 180_000;

interface Door {
  member: MemberProcess;
  readonly line: Proxy;
}

export class FleetBreaker {
  readonly stage: FleetStage;
  readonly counts: Partial<Record<Fault, number>> = {};
  readonly #random: () => number;
  readonly #doors = new Map<string, Door>();
  /** Faults at present, each with its repair. */
  readonly #broken = new Map<string, Promise<void>>();
  #authority: Promise<MemberProcess>;
  #stores = 0;

  constructor(stage: FleetStage, random: () => number) {
    this.stage = stage;
    this.#random = random;
    this.#authority = Promise.resolve(stage.authority);
  }

  /** Waits until the authority runs. */
  findAuthority = (): Promise<MemberProcess> => this.#authority;

  get doors(): readonly MemberProcess[] {
    return [...this.#doors.values()].map(({ member }) => member);
  }

  get kills(): number {
    return FAULTS.slice(0, 5).reduce((sum, fault) => sum + (this.counts[fault] ?? 0), 0);
  }

  /** Starts a door behind a line of its own, and lets it join. */
  async addDoor(name: string): Promise<void> {
    const line = await Proxy.start(this.stage.port);
    const member = await this.stage.startDoor(name, { port: line.port });
    this.#doors.set(name, { member, line });
    await this.stage.join(member);
  }

  /** Keeps the present store of the server, to which `put-back-server` goes back. */
  async keepStore(): Promise<void> {
    await this.stage.killServer();
    this.#copyStore();
    await this.stage.startServer();
  }

  /** Breaks something of this kind, which is mended by itself. Waits while everything of the kind is broken. */
  async break(fault: Fault): Promise<void> {
    for (;;) {
      const free = this.#listTargets(fault).filter((target) => !this.#broken.has(target));
      const target = free[Math.floor(this.#random() * free.length)];
      if (target === undefined) {
        await Promise.race(this.#broken.values());
        continue;
      }
      const brokenMs = Math.floor(this.#random() * MAX_BROKEN_MS);
      const repair = this.#breakOne(fault, target, brokenMs).finally(() => this.#broken.delete(target));
      repair.catch(() => undefined);
      this.#broken.set(target, repair);
      this.counts[fault] = (this.counts[fault] ?? 0) + 1;
      return;
    }
  }

  /** Waits until everything is mended. @throws Error: something does not start again */
  async mend(): Promise<void> {
    await Promise.all(this.#broken.values());
  }

  async end(): Promise<void> {
    await Promise.allSettled([...this.#broken.values()]);
    for (const { member, line } of this.#doors.values()) {
      await member.kill();
      await line.end();
    }
    await this.stage.authority.kill();
    await this.stage.killServer();
  }

  #listTargets(fault: Fault): readonly string[] {
    if (fault === 'kill-authority') return ['authority'];
    if (fault.endsWith('-server')) return ['server'];
    return [...this.#doors.keys()].map((name) => (fault === 'kill-door' ? name : `line of ${name}`));
  }

  async #breakOne(fault: Fault, target: string, brokenMs: number): Promise<void> {
    if (fault === 'kill-door') return this.#killDoor(target, brokenMs);
    if (fault === 'kill-authority') return this.#killAuthority(brokenMs);
    if (fault.endsWith('-server')) return this.#killServer(fault, brokenMs);
    const { line } = this.#doors.get(target.slice('line of '.length))!;
    if (fault === 'repeat-line') return line.repeat();
    if (fault === 'cut-line') line.cut();
    else line.slow(Math.floor(this.#random() * MAX_DELAY_MS));
    await delay(brokenMs * 2);
    line.mend();
    line.slow(0);
  }

  async #killDoor(name: string, brokenMs: number): Promise<void> {
    const door = this.#doors.get(name)!;
    await door.member.kill();
    await delay(brokenMs);
    door.member = await limit(this.stage.startDoor(name, { port: door.line.port }), `${name} starts again`);
  }

  async #killAuthority(brokenMs: number): Promise<void> {
    const restart = async (): Promise<MemberProcess> => {
      await this.stage.authority.kill();
      await delay(brokenMs);
      return limit(this.stage.startAuthority(), 'the authority starts again');
    };
    this.#authority = restart();
    await this.#authority;
  }

  async #killServer(fault: Fault, brokenMs: number): Promise<void> {
    const { stage } = this;
    await stage.killServer();
    if (fault === 'kill-server' && this.#random() < 0.3) this.#copyStore();
    if (fault !== 'kill-server') rmSync(stage.serverStore, { recursive: true, force: true });
    if (fault === 'put-back-server') {
      const number = 1 + Math.floor(this.#random() * this.#stores);
      cpSync(this.#nameStore(number), stage.serverStore, { recursive: true });
    }
    await delay(brokenMs);
    await stage.startServer();
  }

  #copyStore(): void {
    cpSync(this.stage.serverStore, this.#nameStore(++this.#stores), { recursive: true });
  }

  #nameStore(number: number): string {
    return join(this.stage.folder, `server-store-${number}`);
  }
}

async function limit<T>(work: Promise<T>, what: string): Promise<T> {
  const watch = new AbortController();
  const late = delay(START_MS, undefined, { signal: watch.signal }).then(() => {
    throw new Error(`not within ${START_MS} ms: ${what}`);
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    watch.abort();
  }
}
