// Writes records, deletes one, prints the sealed bytes of it and of one that stays, and waits to be killed.
import { randomBytes } from 'node:crypto';
import { silentLog } from '../../src/domain/log.js';
import { SealedStore } from '../../src/store/sealed-store.js';
import { masterKey } from './values.js';

const [directory = ''] = process.argv.slice(2);
const store = new SealedStore({ directory, masterKey, log: silentLog });
await store.start(new AbortController().signal);
const space = await store.createSpace('letters', () => []);
const records = Array.from({ length: 40 }, (_, i) => space.put(Buffer.from(`k${i}`), randomBytes(2_000)));
await store.write(records);
await store.write([space.erase(Buffer.from('k7'))]);
const [deleted, kept] = [records[7]!.value!, records[8]!.value!];
console.log(JSON.stringify({ deleted: deleted.toString('hex'), kept: kept.toString('hex') }));
setInterval(() => undefined, 60_000);
