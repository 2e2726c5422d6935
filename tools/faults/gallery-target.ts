// Runs the gallery without models in a process of its own, so that many kills take little time.
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Unanswered, type Target, type Victim } from './kill-rounds.js';
import type { FoundGroup } from './ledger.js';

export const FACES_PER_PICTURE = 3;

export interface Request {
  id: number;
  operation: 'createGroup' | 'deleteGroup' | 'register' | 'deleteFace' | 'groupIds' | 'inspect' | 'listProblems';
  groupId: string;
  /** Name of a picture, or a faceId. */
  text: string;
}

/** Answer of the process; the id 0 says that the gallery has started. */
export interface Answer {
  id: number;
  value?: unknown;
  error?: string;
}

/** Creates a target that runs the gallery alone. @param directory folder of the database */
export function createGalleryTarget(directory: string): Target {
  return {
    facesPerPicture: FACES_PER_PICTURE,
    answers: { min: 1, max: 60 },
    delayMs: 3,
    start: () => GalleryProcess.start(directory),
  };
}

interface Pending {
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
}

class GalleryProcess implements Victim {
  readonly #child: ChildProcess;
  readonly #gone: Promise<void>;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  #dead = false;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#gone = new Promise((resolve) =>
      child.once('close', () => {
        this.#dead = true;
        for (const { reject } of this.#pending.values()) reject(new Unanswered('the process has ended'));
        resolve();
      }),
    );
    child.on('message', ({ id, value, error }: Answer) => {
      const pending = this.#pending.get(id);
      this.#pending.delete(id);
      if (error === undefined) pending?.resolve(value);
      else pending?.reject(new Error(error));
    });
  }

  static async start(directory: string): Promise<GalleryProcess> {
    const path = fileURLToPath(new URL('gallery-child.ts', import.meta.url));
    const child = fork(path, [directory], {
      execArgv: ['--import', 'tsx'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const process = new GalleryProcess(child);
    await process.#answer(0);
    return process;
  }

  async createGroup(groupId: string): Promise<void> {
    await this.#ask('createGroup', groupId);
  }

  async deleteGroup(groupId: string): Promise<void> {
    await this.#ask('deleteGroup', groupId);
  }

  async register(groupId: string, picture: string): Promise<string[]> {
    return (await this.#ask('register', groupId, picture)) as string[];
  }

  async deleteFace(groupId: string, faceId: string): Promise<void> {
    await this.#ask('deleteFace', groupId, faceId);
  }

  async groupIds(): Promise<string[]> {
    return (await this.#ask('groupIds')) as string[];
  }

  async inspect(groupId: string): Promise<FoundGroup> {
    return (await this.#ask('inspect', groupId)) as FoundGroup;
  }

  async listProblems(): Promise<string[]> {
    return (await this.#ask('listProblems')) as string[];
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#gone;
  }

  #ask(operation: Request['operation'], groupId = '', text = ''): Promise<unknown> {
    const id = ++this.#lastId;
    const answer = this.#answer(id);
    this.#child.send({ id, operation, groupId, text } satisfies Request, () => undefined);
    return answer;
  }

  #answer(id: number): Promise<unknown> {
    if (this.#dead) return Promise.reject(new Unanswered('the process has ended'));
    return new Promise((resolve, reject) => this.#pending.set(id, { resolve, reject }));
  }
}
