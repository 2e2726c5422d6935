// A member of a fleet in a process of its own, as its parent sees it: it can be asked, stopped and killed.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { MemberOptions } from './member.js';
import type { MemberAnswer, MemberOperations, MemberRequest } from './member-requests.js';

/** The process ended before it answered: what was asked may have happened or not. */
export class MemberGone extends Error {}

/** An error that the member answered with. */
export class MemberError extends Error {
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

interface Pending {
  operation: string;
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
}

export class MemberProcess {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, Pending>();
  readonly #gone: Promise<unknown>;
  #lastId = 0;
  #isGone = false;

  private constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.#child = child;
    this.#gone = once(child, 'close');
    child.once('close', () => {
      this.#isGone = true;
      for (const { reject } of this.#pending.values()) reject(new MemberGone(`${name} has ended`));
      this.#pending.clear();
    });
    child.on('message', ({ id, value, error, code }: MemberAnswer) => {
      const pending = this.#pending.get(id);
      this.#pending.delete(id);
      if (error === undefined) pending?.resolve(value);
      else pending?.reject(new MemberError(`${name}, ${pending.operation}: ${error}`, code ?? ''));
    });
  }

  /** Starts a member and waits until it runs. @throws MemberGone: it ended during its start */
  static async start(options: Omit<MemberOptions, 'log'>): Promise<MemberProcess> {
    const path = fileURLToPath(new URL('member-child.ts', import.meta.url));
    const child = fork(path, [JSON.stringify(options)], {
      execArgv: ['--import', 'tsx'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const member = new MemberProcess(options.name, child);
    await member.#wait(0, 'start');
    return member;
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  /** Asks for an operation. @throws MemberError; MemberGone */
  async ask<Name extends keyof MemberOperations>(
    operation: Name,
    ...[parameters]: Parameters<MemberOperations[Name]>
  ): Promise<Awaited<ReturnType<MemberOperations[Name]>>> {
    const id = ++this.#lastId;
    const answer = this.#wait(id, operation);
    const request: MemberRequest = { id, operation, parameters: parameters ?? {} };
    if (!this.#isGone) this.#child.send(request, () => undefined);
    return (await answer) as Awaited<ReturnType<MemberOperations[Name]>>;
  }

  /** Ends it in good order. */
  async stop(): Promise<void> {
    if (!this.#isGone) await this.ask('stop').catch(() => undefined);
    await this.kill();
  }

  /** Kills it with SIGKILL. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#gone;
  }

  #wait(id: number, operation: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#isGone) reject(new MemberGone(`${this.name} has ended`));
      else this.#pending.set(id, { operation, resolve, reject });
    });
  }
}
