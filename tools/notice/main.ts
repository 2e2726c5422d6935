// `npm run notice`: writes the file NOTICE from package-lock.json and models/manifest.json.
import { readFileSync, writeFileSync } from 'node:fs';
import { lockSchema, manifestSchema, writeNotice } from './notice.js';

const root = new URL('../../', import.meta.url);
const read = (path: string): unknown => JSON.parse(readFileSync(new URL(path, root), 'utf8'));

const text = writeNotice({
  lock: lockSchema.parse(read('package-lock.json')),
  manifest: manifestSchema.parse(read('models/manifest.json')),
});
writeFileSync(new URL('NOTICE', root), text);
