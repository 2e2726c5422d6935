// The process of one attack: runs it until it is told to end, and reports the outcomes of the attempts.
import { setMaxListeners } from 'node:events';
import { Tally, type Target } from './attack.js';
import { ATTACKS, type AttackName } from './attacks.js';

/** Messages of the process: that the attack begins, and last the number of attempts by their outcome. */
export type AttackerMessage = 'attacking' | Record<string, number>;

export interface AttackOrder {
  name: AttackName;
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

async function run({ name, target }: AttackOrder): Promise<void> {
  const tally = new Tally();
  process.send?.('attacking' satisfies AttackerMessage);
  await ATTACKS[name]({ target, tally, signal: end.signal });
  process.send?.(tally.counts satisfies AttackerMessage, () => process.exit(0));
}
