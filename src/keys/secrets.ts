// Reads and makes secrets: the master key and passwords, from systemd credentials, the environment and files. No value is logged.
import { randomBytes as systemRandomBytes } from 'node:crypto';
import { mkdir, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../errors.js';
import type { Environment } from '../config/environment.js';
import { createFile } from '../platform/write-file.js';

/** Length of the master key in bytes. */
export const MASTER_KEY_LENGTH = 32;

export interface MasterKey {
  /** 32 bytes. */
  key: Buffer;
  /** Source of the key: a systemd credential, LINTEL_MASTER_KEY, or the file in keysDir. */
  origin: 'credential' | 'environment' | 'file';
}

export interface MasterKeySources {
  environment: Pick<Environment, 'credentialsDir' | 'masterKey'>;
  keysDir: string;
}

export function masterKeyPath(keysDir: string): string {
  return join(keysDir, 'master.key');
}

/**
 * Reads the master key from the first source that has one: the credential `master-key`, LINTEL_MASTER_KEY, `master.key` in keysDir. Each
 * holds 32 bytes as base64.
 * @returns undefined if no source has one
 * @throws AppError SECRET_INVALID: not 32 bytes of base64, or a file that others may read
 */
export async function readMasterKey({ environment, keysDir }: MasterKeySources): Promise<MasterKey | undefined> {
  if (environment.credentialsDir !== undefined) {
    // systemd protects credentials by an ACL, which shows as group bits in the mode: the mode is not checked here.
    const text = await readSecretFile(join(environment.credentialsDir, 'master-key'), 'the systemd credential', 0);
    if (text !== undefined) return { key: decodeKey(text, 'the systemd credential master-key'), origin: 'credential' };
  }
  if (environment.masterKey !== undefined) {
    return { key: decodeKey(environment.masterKey, 'LINTEL_MASTER_KEY'), origin: 'environment' };
  }
  const key = await readKeyFile(masterKeyPath(keysDir), 'the master key');
  return key && { key, origin: 'file' };
}

/**
 * Makes a new master key in keysDir (0700), readable by its owner alone. An existing key is never overwritten.
 * @throws AppError SECRET_INVALID when there is a key already, or it cannot be written
 */
export async function createMasterKey(
  keysDir: string,
  randomBytes: (size: number) => Buffer = systemRandomBytes,
): Promise<MasterKey> {
  const path = masterKeyPath(keysDir);
  const key = randomBytes(MASTER_KEY_LENGTH);
  try {
    await mkdir(keysDir, { recursive: true, mode: 0o700 });
    await writeNewKey(path, key);
  } catch (cause) {
    const { code, syscall } = cause as NodeJS.ErrnoException;
    const message =
      code === 'EEXIST' && syscall === 'link'
        ? `there is a master key at ${path} already; it was left as it is`
        : `the master key could not be written to ${path} (${code})`;
    throw new AppError('SECRET_INVALID', message, { cause });
  }
  return { key, origin: 'file' };
}

/** Writes a key into a new file. @throws like createFile */
export async function writeNewKey(path: string, key: Buffer): Promise<void> {
  await createFile(path, `${key.toString('base64')}\n`);
}

/**
 * Reads a key from a file that only its owner may read: 32 bytes as base64.
 * @returns undefined if there is no such file @throws AppError SECRET_INVALID
 */
export async function readKeyFile(path: string, what: string): Promise<Buffer | undefined> {
  const text = await readSecretFile(path, what, 0o077);
  return text === undefined ? undefined : decodeKey(text, path);
}

/**
 * Returns the master key for a start of the service: the existing one, or a new one if there is neither a key nor any data.
 * @throws AppError SECRET_MISSING when there is data without a key, SECRET_INVALID; nothing is created or overwritten then
 */
export async function openMasterKey(
  sources: MasterKeySources & { dataDir: string; randomBytes?: (size: number) => Buffer },
): Promise<MasterKey & { created: boolean }> {
  const existing = await readMasterKey(sources);
  if (existing) return { ...existing, created: false };
  if (await hasEntries(sources.dataDir)) {
    throw new AppError(
      'SECRET_MISSING',
      `there is data in ${sources.dataDir}, but no master key: put the key that it was sealed with at ` +
        `${masterKeyPath(sources.keysDir)}, or give it as a systemd credential or in LINTEL_MASTER_KEY`,
    );
  }
  return { ...(await createMasterKey(sources.keysDir, sources.randomBytes)), created: true };
}

/**
 * Reads the password for the broker from `mqtt.passwordFile`, LINTEL_MQTT_PASSWORD, or the systemd credential `mqtt-password`.
 * @returns undefined if no source has one
 * @throws AppError SECRET_MISSING, SECRET_INVALID
 */
export async function readMqttPassword(
  mqtt: { passwordFile?: string | undefined },
  environment: Pick<Environment, 'credentialsDir' | 'mqttPassword'>,
): Promise<string | undefined> {
  if (mqtt.passwordFile !== undefined) return readPasswordFile(mqtt.passwordFile, 'mqtt.passwordFile');
  if (environment.mqttPassword !== undefined) return requirePassword(environment.mqttPassword, 'LINTEL_MQTT_PASSWORD');
  if (environment.credentialsDir === undefined) return undefined;
  const text = await readSecretFile(join(environment.credentialsDir, 'mqtt-password'), 'the systemd credential', 0);
  return text === undefined ? undefined : requirePassword(text, 'the systemd credential mqtt-password');
}

/**
 * Reads a password from a file that only its owner and its group may read, and only its owner may write. A newline at the end is not part of
 * the password.
 * @param key configuration key or option that names the file, for messages
 * @throws AppError SECRET_MISSING when there is no such file, SECRET_INVALID
 */
export async function readPasswordFile(path: string, key: string): Promise<string> {
  const text = await readSecretFile(path, key, 0o027);
  if (text === undefined) throw new AppError('SECRET_MISSING', `${key}: there is no file ${path}`);
  return requirePassword(text, `${key}: ${path}`);
}

const MIN_BROKER_PASSWORD_LENGTH = 12;

/**
 * Reads the passwords of the users of `mqtt.embedded`.
 * @returns them by the name of the user
 * @throws AppError SECRET_MISSING; SECRET_INVALID, also for fewer than 12 characters
 */
export async function readBrokerPasswords(
  users: readonly { name: string; passwordFile: string }[] = [],
): Promise<Map<string, string>> {
  const passwords = new Map<string, string>();
  for (const [index, { name, passwordFile }] of users.entries()) {
    const key = `mqtt.embedded.users[${index}].passwordFile`;
    const password = await readPasswordFile(passwordFile, key);
    if (password.length < MIN_BROKER_PASSWORD_LENGTH) {
      const message = `${key}: ${passwordFile} must hold at least ${MIN_BROKER_PASSWORD_LENGTH} characters`;
      throw new AppError('SECRET_INVALID', message);
    }
    passwords.set(name, password);
  }
  return passwords;
}

const MIN_COMMAND_SECRET_LENGTH = 16;

/**
 * Reads the secret of `mqtt.commands` like a password.
 * @throws AppError SECRET_MISSING; SECRET_INVALID, also for fewer than 16 characters
 */
export async function readCommandSecret(path: string): Promise<string> {
  const secret = await readPasswordFile(path, 'mqtt.commands.secretFile');
  if (secret.length < MIN_COMMAND_SECRET_LENGTH) {
    const message = `mqtt.commands.secretFile: ${path} must hold at least ${MIN_COMMAND_SECRET_LENGTH} characters`;
    throw new AppError('SECRET_INVALID', message);
  }
  return secret;
}

const MAX_SECRET_BYTES = 4096;

/**
 * Reads a small text file that holds a secret.
 * @param forbiddenMode permission bits that the file must not have
 * @returns undefined if there is no such file @throws AppError SECRET_INVALID
 */
export async function readSecretFile(path: string, what: string, forbiddenMode: number): Promise<string | undefined> {
  try {
    const file = await open(path, 'r');
    try {
      const found = await file.stat();
      if (!found.isFile()) throw new AppError('SECRET_INVALID', `${what}: ${path} is not a file`);
      if ((found.mode & forbiddenMode) !== 0) {
        const fix = forbiddenMode === 0o077 ? 'chmod 600' : 'chmod g-w,o-rwx';
        const mode = (found.mode & 0o777).toString(8);
        throw new AppError(
          'SECRET_INVALID',
          `${what}: ${path} is open to other users (mode ${mode}); close it with: ${fix} ${path}`,
        );
      }
      if (found.size > MAX_SECRET_BYTES) {
        throw new AppError('SECRET_INVALID', `${what}: ${path} is longer than ${MAX_SECRET_BYTES} bytes`);
      }
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    const reason = (cause as NodeJS.ErrnoException).code;
    if (reason === 'ENOENT' || reason === 'ENOTDIR') return undefined;
    throw new AppError('SECRET_INVALID', `${what}: ${path} cannot be read (${reason})`, { cause });
  }
}

function decodeKey(text: string, where: string): Buffer {
  const base64 = removeNewline(text);
  const key = Buffer.from(base64, 'base64');
  // Buffer.from ignores characters that are not base64, so the text must equal the encoded key.
  if (key.length !== MASTER_KEY_LENGTH || key.toString('base64') !== base64) {
    throw new AppError('SECRET_INVALID', `${where} does not hold a master key: 32 bytes as base64, 44 characters`);
  }
  return key;
}

function requirePassword(text: string, where: string): string {
  const password = removeNewline(text);
  if (password === '' || password.includes('\n')) {
    throw new AppError('SECRET_INVALID', `${where} must hold a password on one line`);
  }
  return password;
}

function removeNewline(text: string): string {
  return text.replace(/\r?\n$/, '');
}

/** Returns whether a folder exists and contains anything. @throws AppError STORE_UNAVAILABLE */
export async function hasEntries(dir: string): Promise<boolean> {
  try {
    return (await readdir(dir)).length > 0;
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code;
    if (reason === 'ENOENT') return false;
    throw new AppError('STORE_UNAVAILABLE', `the data directory ${dir} cannot be read (${reason})`, { cause });
  }
}
