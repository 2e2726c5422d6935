// `npm run notice`: writes the file NOTICE from package-lock.json, models/manifest.json and the licences of the bundled packages.
import { readFileSync, writeFileSync } from 'node:fs';
import { lockSchema, manifestSchema, readLicences, writeNotice } from './notice.js';

const root = new URL('../../', import.meta.url);
const read = (path: string): unknown => JSON.parse(readFileSync(new URL(path, root), 'utf8'));

const text = writeNotice({
  lock: lockSchema.parse(read('package-lock.json')),
  manifest: manifestSchema.parse(read('models/manifest.json')),
  licences: readLicences(),
});
writeFileSync(new URL('NOTICE', root), text);
