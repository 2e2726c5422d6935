// The attackers of one phase: a process for each attack, at the lowest priority.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setPriority } from 'node:os';
import type { Target } from './attack.js';
import type { AttackerMessage, AttackOrder } from './attacker.js';
import type { AttackName } from './attacks.js';
import { forkScript } from './fork-script.js';

/** A real attacker does not use the processors of the door. Here they are shared: the service comes first. */
const LOWEST_PRIORITY = 19;
const END_TIMEOUT_MS = 10_000;

interface Attacker {
  name: AttackName;
  child: ChildProcess;
  /** Outcomes of the attempts; absent until the attack has ended. */
  counts?: Readonly<Record<string, number>>;
}

export class Attackers {
  readonly #attackers: readonly Attacker[];

  private constructor(attackers: readonly Attacker[]) {
    this.#attackers = attackers;
  }

  /** Resolves when every attack has begun. @throws Error where an attack ends before it begins */
  static async start(names: readonly AttackName[], target: Target): Promise<Attackers> {
    const attackers = new Attackers(names.map((name) => ({ name, child: forkScript('attacker.ts', []) })));
    try {
      await Promise.all(attackers.#attackers.map((attacker) => begin(attacker, target)));
      return attackers;
    } catch (error) {
      attackers.kill();
      throw error;
    }
  }

  /**
   * Ends the attacks.
   * @returns outcomes of the attempts, summed over all attacks
   * @throws Error where an attack has ended by itself, or has tried nothing
   */
  async end(): Promise<Record<string, number>> {
    await Promise.all(this.#attackers.map(endAttack));
    const sum: Record<string, number> = {};
    for (const { counts } of this.#attackers) {
      for (const [what, count] of Object.entries(counts ?? {})) sum[what] = (sum[what] ?? 0) + count;
    }
    return sum;
  }

  /** Kills the processes that are left. */
  kill(): void {
    for (const { child } of this.#attackers) child.kill('SIGKILL');
  }
}

async function begin(attacker: Attacker, target: Target): Promise<void> {
  const { name, child } = attacker;
  if (child.pid !== undefined) setPriority(child.pid, LOWEST_PRIORITY);
  const hasBegun = new Promise<void>((resolve) => {
    child.on('message', (message: AttackerMessage) => {
      if (message === 'attacking') resolve();
      else attacker.counts = message;
    });
  });
  const hasEnded = once(child, 'exit').then(() => Promise.reject(new Error(`the attack ${name} ended at its start`)));
  child.send({ name, target } satisfies AttackOrder);
  await Promise.race([hasBegun, hasEnded]);
  hasEnded.catch(() => undefined);
}

async function endAttack(attacker: Attacker): Promise<void> {
  const { name, child } = attacker;
  if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the attack ${name} ended by itself`);
  const exited = once(child, 'exit');
  child.send('end');
  let isKilled = false;
  const timer = setTimeout(() => {
    isKilled = true;
    child.kill('SIGKILL');
  }, END_TIMEOUT_MS);
  await exited;
  clearTimeout(timer);
  // Where all processors are busy, an attacker may not come to its end in time.
  if (!isKilled && Object.keys(attacker.counts ?? {}).length === 0)
    throw new Error(`the attack ${name} has tried nothing`);
}
