// Secrets: where they may come from, who may read their files, and when a key is made.
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readEnvironment } from '../../src/config/environment.js';
import {
  createMasterKey,
  masterKeyPath,
  openMasterKey,
  readMasterKey,
  readMqttPassword,
  readPasswordFile,
} from '../../src/keys/secrets.js';
import { AppError } from '../../src/errors.js';

let dir: string;
let keysDir: string;
let dataDir: string;
let credentialsDir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'lintel-secrets-'));
  keysDir = join(dir, 'keys');
  dataDir = join(dir, 'data');
  credentialsDir = join(dir, 'credentials');
  await mkdir(credentialsDir);
});
afterEach(() => rm(dir, { recursive: true }));

const key = Buffer.alloc(32, 7);
const otherKey = Buffer.alloc(32, 9);
const base64 = key.toString('base64');

async function put(path: string, text: string, mode = 0o600): Promise<string> {
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, text);
  await chmod(path, mode);
  return path;
}

async function failure(promise: Promise<unknown>): Promise<AppError> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(AppError);
  return error as AppError;
}

describe('the environment', () => {
  it('is read by name; what is empty is not set', () => {
    expect(
      readEnvironment({
        LINTEL_CONFIG: 'a.yaml',
        LINTEL_MASTER_KEY: '',
        LINTEL_MQTT_PASSWORD: 'p',
        LINTEL_MODELS_FROM: '/from',
        LINTEL_MODELS_DIR: '/dir',
        CREDENTIALS_DIRECTORY: '/run/credentials',
        NOTIFY_SOCKET: '/run/notify',
        HOME: '/root',
      }),
    ).toEqual({
      configFile: 'a.yaml',
      mqttPassword: 'p',
      modelsFrom: '/from',
      modelsDir: '/dir',
      credentialsDir: '/run/credentials',
      notifySocket: '/run/notify',
    });
  });

  it.each([
    [{ WATCHDOG_USEC: '30000000' }, 30_000_000],
    [{ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '42' }, 30_000_000],
    [{ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '43' }, undefined],
    [{ WATCHDOG_USEC: '0' }, undefined],
    [{ WATCHDOG_USEC: 'soon' }, undefined],
    [{}, undefined],
  ])('takes the watchdog of %j as %s', (variables, expected) => {
    expect(readEnvironment(variables, 42).watchdogUsec).toBe(expected);
  });
});

describe('the master key', () => {
  it('is absent where no source has one', async () => {
    expect(await readMasterKey({ environment: {}, keysDir })).toBeUndefined();
    expect(await readMasterKey({ environment: { credentialsDir }, keysDir })).toBeUndefined();
  });

  it('comes from the credential, then the environment, then the file', async () => {
    await put(masterKeyPath(keysDir), `${base64}\n`);
    expect(await readMasterKey({ environment: {}, keysDir })).toEqual({ key, origin: 'file' });
    const environment = { masterKey: otherKey.toString('base64'), credentialsDir };
    expect(await readMasterKey({ environment, keysDir })).toEqual({ key: otherKey, origin: 'environment' });
    await put(join(credentialsDir, 'master-key'), base64, 0o440);
    expect(await readMasterKey({ environment, keysDir })).toEqual({ key, origin: 'credential' });
  });

  it.each(['640', '604', '660', '622'])(
    'in a file of mode %s is refused, and the message says how to close it',
    async (mode) => {
      const path = await put(masterKeyPath(keysDir), base64, parseInt(mode, 8));
      const error = await failure(readMasterKey({ environment: {}, keysDir }));
      expect(error.code).toBe('SECRET_INVALID');
      expect(error.message).toBe(
        `the master key: ${path} is open to other users (mode ${mode}); close it with: chmod 600 ${path}`,
      );
    },
  );

  it.each([
    ['empty', ''],
    ['16 bytes', Buffer.alloc(16, 7).toString('base64')],
    ['33 bytes', Buffer.alloc(33, 7).toString('base64')],
    ['no padding', base64.slice(0, -1)],
    ['hexadecimal', key.toString('hex')],
    ['base64 with blanks', ` ${base64}`],
    ['two lines', `${base64}\n${base64}\n`],
    ['raw bytes', key.toString('latin1')],
  ])('is refused in another form: %s', async (_, text) => {
    await put(masterKeyPath(keysDir), text);
    for (const [environment, where] of [
      [{}, masterKeyPath(keysDir)],
      [{ masterKey: text }, 'LINTEL_MASTER_KEY'],
    ] as const) {
      const error = await failure(readMasterKey({ environment, keysDir }));
      expect(error.code).toBe('SECRET_INVALID');
      expect(error.message).toBe(`${where} does not hold a master key: 32 bytes as base64, 44 characters`);
    }
  });

  it('is refused where a folder or an endless file stands in its place', async () => {
    await mkdir(masterKeyPath(keysDir), { recursive: true });
    expect((await failure(readMasterKey({ environment: {}, keysDir }))).message).toContain('is not a file');
    await rm(masterKeyPath(keysDir), { recursive: true });
    await put(masterKeyPath(keysDir), 'A'.repeat(5000));
    expect((await failure(readMasterKey({ environment: {}, keysDir }))).message).toContain('longer than 4096 bytes');
  });
});

describe('a new master key', () => {
  it('is made at the first start, for its owner alone, and is the same at the second', async () => {
    const first = await openMasterKey({ environment: {}, keysDir, dataDir, randomBytes: () => key });
    expect(first).toEqual({ key, origin: 'file', created: true });
    expect((await stat(keysDir)).mode & 0o777).toBe(0o700);
    expect((await stat(masterKeyPath(keysDir))).mode & 0o777).toBe(0o600);
    expect(await readFile(masterKeyPath(keysDir), 'utf8')).toBe(`${base64}\n`);
    expect(await readdir(keysDir)).toEqual(['master.key']);
    await put(join(dataDir, 'CURRENT'), '');
    expect(await openMasterKey({ environment: {}, keysDir, dataDir })).toEqual({ key, origin: 'file', created: false });
  });

  it('is 32 random bytes', async () => {
    const { key: one } = await createMasterKey(join(dir, 'one'));
    const { key: two } = await createMasterKey(join(dir, 'two'));
    expect(one).toHaveLength(32);
    expect(one.equals(two)).toBe(false);
  });

  it('is made where the data directory is there and empty', async () => {
    await mkdir(dataDir);
    expect((await openMasterKey({ environment: {}, keysDir, dataDir })).created).toBe(true);
  });

  it('is not made where there is data: that needs the key it was sealed with', async () => {
    await put(join(dataDir, 'CURRENT'), '');
    const error = await failure(openMasterKey({ environment: {}, keysDir, dataDir }));
    expect(error.code).toBe('SECRET_MISSING');
    expect(error.message).toContain(masterKeyPath(keysDir));
    await expect(stat(keysDir)).rejects.toThrow('ENOENT');
    expect(await readdir(dataDir)).toEqual(['CURRENT']);
  });

  it('is not made beside one that is wrong', async () => {
    const path = await put(masterKeyPath(keysDir), 'not a key');
    expect((await failure(openMasterKey({ environment: {}, keysDir, dataDir }))).code).toBe('SECRET_INVALID');
    expect(await readFile(path, 'utf8')).toBe('not a key');
  });

  it('never takes the place of another', async () => {
    const path = await put(masterKeyPath(keysDir), base64);
    const error = await failure(createMasterKey(keysDir));
    expect(error.code).toBe('SECRET_INVALID');
    expect(error.message).toContain('already');
    expect(await readFile(path, 'utf8')).toBe(base64);
    expect(await readdir(keysDir)).toEqual(['master.key']);
  });

  it('that cannot be written is an error that says why', async () => {
    await writeFile(keysDir, '');
    const error = await failure(openMasterKey({ environment: {}, keysDir, dataDir }));
    expect(error.code).toBe('SECRET_INVALID');
    expect(error.message).toMatch(/could not be written to .*master\.key \(EEXIST\)/);
  });
});

describe('a password', () => {
  const password = randomBytes(6).toString('hex');

  it.each([
    ['with a newline', '\n'],
    ['with a newline of Windows', '\r\n'],
    ['without one', ''],
  ])('is read from its file %s at the end', async (_, end) => {
    const path = await put(join(dir, 'password'), `${password}${end}`, 0o640);
    expect(await readPasswordFile(path, 'mqtt.passwordFile')).toBe(password);
  });

  it('keeps its blanks', async () => {
    expect(await readPasswordFile(await put(join(dir, 'password'), ' a b \n'), 'key')).toBe(' a b ');
  });

  it.each([
    ['SECRET_MISSING', undefined, '600', 'mqtt.passwordFile: there is no file'],
    ['SECRET_INVALID', 'x\n', '644', 'is open to other users (mode 644); close it with: chmod g-w,o-rwx'],
    ['SECRET_INVALID', 'x\n', '660', 'is open to other users (mode 660); close it with: chmod g-w,o-rwx'],
    ['SECRET_INVALID', '', '600', 'must hold a password on one line'],
    ['SECRET_INVALID', 'a\nb\n', '600', 'must hold a password on one line'],
  ])('is refused with %s for %j of mode %s', async (code, text, mode, message) => {
    const path = join(dir, 'password');
    if (text !== undefined) await put(path, text, parseInt(mode, 8));
    const error = await failure(readPasswordFile(path, 'mqtt.passwordFile'));
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
  });

  it('for the broker comes from the configured file, then the environment, then the credential', async () => {
    const passwordFile = await put(join(dir, 'password'), 'from-file\n');
    await put(join(credentialsDir, 'mqtt-password'), 'from-credential\n', 0o440);
    const environment = { mqttPassword: 'from-environment', credentialsDir };
    expect(await readMqttPassword({ passwordFile }, environment)).toBe('from-file');
    expect(await readMqttPassword({}, environment)).toBe('from-environment');
    expect(await readMqttPassword({}, { credentialsDir })).toBe('from-credential');
    expect(await readMqttPassword({}, { credentialsDir: dir })).toBeUndefined();
    expect(await readMqttPassword({}, {})).toBeUndefined();
  });

  it('that is configured and missing is not silently taken from elsewhere', async () => {
    const promise = readMqttPassword({ passwordFile: join(dir, 'none') }, { mqttPassword: 'x' });
    expect((await failure(promise)).code).toBe('SECRET_MISSING');
  });
});
