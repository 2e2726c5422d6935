// The process of the attackers: runs the attacks that it is told, and reports what became of the attempts.
import { setMaxListeners } from 'node:events';
import { Tally, type Target } from './attack.js';
import { ATTACKS, type AttackName } from './attacks.js';

/** What the process tells: that its attacks begin, and last what became of the attempts. */
export type AttackerMessage = 'attacking' | Record<string, number>;

export interface AttackOrder {
  names: readonly AttackName[];
  target: Target;
}

if (!process.send) throw new TypeError('the attacker runs as a child of the siege only');
const end = new AbortController();
// Thousands of clients wait for the end.
setMaxListeners(0, end.signal);
process.on('disconnect', () => process.exit(0));

process.on('message', (message: AttackOrder | 'end') => {
  if (message === 'end') end.abort();
  else void run(message);
});

async function run({ names, target }: AttackOrder): Promise<void> {
  const tally = new Tally();
  process.send?.('attacking' satisfies AttackerMessage);
  await Promise.all(names.map((name) => ATTACKS[name]({ target, tally, signal: end.signal })));
  process.send?.(tally.counts satisfies AttackerMessage, () => process.exit(0));
}
