// The keys of a first start: one appKey and its secretKey, each in a file of its own that only its owner may read.
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { APP_KEY, KeyRegistry } from '../../src/keys/key-registry.js';
import { configSchema } from '../../src/config/schema.js';
import { silentLog } from '../../src/domain/log.js';
import { createService } from '../../src/main.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lintel-first-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('a first start leaves an appKey and its secretKey that open v2.0, a second start leaves them alone', async () => {
  const folders = { dataDir: join(folder, 'data'), keysDir: join(folder, 'keys') };
  // Nothing to measure: there are no models here.
  const config = configSchema.parse({ ...folders, models: { precision: 'float' } });
  const files = [join(folder, 'keys/app-key'), join(folder, 'keys/secret-key')];
  const read = () => Promise.all(files.map((file) => readFile(file, 'utf8')));

  await createService({ config, environment: {}, log: silentLog });
  const first = await read();
  for (const text of first) expect(text).toMatch(/^[\w-]{43}\n$/);
  for (const file of files) expect((await stat(file)).mode & 0o777).toBe(0o600);
  const appKeys = new KeyRegistry({
    kind: APP_KEY,
    path: join(folder, 'data/app-keys.json'),
    clock: Date.now,
    log: silentLog,
  });
  const [appKey, secretKey] = first.map((text) => text.trim());
  expect(appKeys.authenticateWithSecret(appKey!, secretKey!)).toMatchObject({ name: 'default' });

  await createService({ config, environment: {}, log: silentLog });
  expect(await read()).toEqual(first);
});
