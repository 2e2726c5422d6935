// A process that changes its master key over and over until it is killed, and says how often it did.
import { readNextMasterKey } from '../../src/keys/master-key-rotation.js';
import { readMasterKey } from '../../src/keys/secrets.js';
import { silentLog } from '../../src/domain/log.js';
import { MasterKeyKeeper } from '../../src/keys/master-key-keeper.js';
import { SealedStore } from '../../src/store/sealed-store.js';

const [directory = '', keysDir = ''] = process.argv.slice(2);
const master = await readMasterKey({ environment: {}, keysDir });
const nextMasterKey = await readNextMasterKey(keysDir);
if (!master) throw new Error('no master key');
const store = new SealedStore({
  directory,
  masterKey: master.key,
  ...(nextMasterKey === undefined ? {} : { nextMasterKey }),
  log: silentLog,
});
const keeper = new MasterKeyKeeper({ store, keysDir, origin: 'file', log: silentLog });
await store.start(new AbortController().signal);
await keeper.start();
const spaces = store.spaces('letters');
const read = (await spaces[0]!.get(Buffer.from('a')))?.toString();
console.log(`opened ${read} ${store.stats().damagedSpaces}`);
for (let n = 1; ; n++) {
  const made = store.createSpace('more', (space) => [space.put(Buffer.from('n'), Buffer.from(String(n)))]);
  await keeper.rotate();
  await made;
  console.log(`rotated ${n}`);
}
