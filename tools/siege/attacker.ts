// The process of the attackers: runs the attacks that it is told, at the lowest priority, and reports what became of the attempts.
import { setMaxListeners } from 'node:events';
import { setPriority } from 'node:os';
import { Tally, type Target } from './attack.js';
import { ATTACKS, type AttackName } from './attacks.js';

export interface AttackOrder {
  names: readonly AttackName[];
  target: Target;
}

if (!process.send) throw new TypeError('the attacker runs as a child of the siege only');
// A real attacker does not use the processors of the door. Here they are shared: the service comes first.
setPriority(19);
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
  await Promise.all(names.map((name) => ATTACKS[name]({ target, tally, signal: end.signal })));
  process.send?.(tally.counts, () => process.exit(0));
}
