// A process that opens a store and keeps it until it is killed.
import { silentLog } from '../../src/domain/log.js';
import { SealedStore } from '../../src/store/sealed-store.js';

const [directory = '', masterKey = ''] = process.argv.slice(2);
const store = new SealedStore({ directory, masterKey: Buffer.from(masterKey, 'hex'), log: silentLog });
await store.start(new AbortController().signal);
console.log('open');
setInterval(() => undefined, 1_000);
