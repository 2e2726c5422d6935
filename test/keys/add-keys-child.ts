// A process that waits for a file to appear, then adds keys to a registry and prints each.
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLog } from '../../src/domain/log.js';
import { APP_KEY, KeyRegistry } from '../../src/keys/key-registry.js';

const [path = '', startFile = '', prefix = '', count = ''] = process.argv.slice(2);
const registry = new KeyRegistry({ kind: APP_KEY, path, clock: Date.now, log: silentLog });
registry.load();
console.log('ready');
while (!existsSync(startFile)) await sleep(2);
for (let n = 0; n < Number(count); n++) {
  const { key } = await registry.create(`${prefix}-${n}`);
  console.log(`key ${key}`);
}
