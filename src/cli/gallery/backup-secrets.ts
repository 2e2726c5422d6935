// The secrets that lock and open a backup file: a passphrase, or keys of the age tool.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { AppError } from '../../errors.js';
import { readPasswordFile, readSecretFile } from '../../keys/secrets.js';
import type { BackupKey, BackupLock } from '../../store/backup-file.js';
import type { CliContext } from '../context.js';

const MIN_PASSPHRASE_LENGTH = 12;

export interface LockOptions {
  passphraseFile?: string;
  recipient?: readonly string[];
}

export interface KeyOptions {
  passphraseFile?: string;
  identity?: string;
}

/** Adds the options of a command that writes a backup. */
export function addLockOptions(command: Command): Command {
  return command
    .option('-p, --passphrase-file <file>', `file with the passphrase, at least ${MIN_PASSPHRASE_LENGTH} characters`)
    .option(
      '-r, --recipient <age1…>',
      'instead of a passphrase, a public key of "age-keygen": only its private key opens the backup; repeatable, up to 20 times',
      (value: string, all: readonly string[] = []) => [...all, value],
    );
}

/** Adds the options of a command that reads a backup. */
export function addKeyOptions(command: Command): Command {
  return command
    .option('-p, --passphrase-file <file>', 'file with the passphrase of the backup')
    .option(
      '-i, --identity <file>',
      'file of "age-keygen" with up to 10 private keys, for a backup made with --recipient',
    );
}

/** @throws AppError SECRET_MISSING, SECRET_INVALID; CommanderError when not exactly one kind of secret is given */
export async function readLock(options: LockOptions, command: Command, { cwd }: CliContext): Promise<BackupLock> {
  const { passphraseFile, recipient: recipients = [] } = options;
  if (passphraseFile === undefined && recipients.length > 0) return { recipients };
  if (passphraseFile === undefined || recipients.length > 0) {
    command.error('error: a backup needs either --passphrase-file or --recipient');
  }
  const passphrase = await readPassphrase(passphraseFile, cwd);
  if (passphrase.length < MIN_PASSPHRASE_LENGTH) {
    throw new AppError('SECRET_INVALID', `the passphrase has fewer than ${MIN_PASSPHRASE_LENGTH} characters`);
  }
  return { passphrase };
}

/** @throws AppError SECRET_MISSING: no secret is given or its file does not exist; SECRET_INVALID */
export async function readKey({ passphraseFile, identity }: KeyOptions, { cwd }: CliContext): Promise<BackupKey> {
  if ((passphraseFile === undefined) === (identity === undefined)) {
    throw new AppError('SECRET_MISSING', 'a backup needs --passphrase-file or --identity, and not both');
  }
  if (passphraseFile !== undefined) return { passphrase: await readPassphrase(passphraseFile, cwd) };
  return { identities: await readIdentities(resolve(cwd, identity ?? '')) };
}

function readPassphrase(file: string, cwd: string): Promise<string> {
  return readPasswordFile(resolve(cwd, file), '--passphrase-file');
}

/** Reads the private keys from a file of age-keygen: one per line; lines that begin with # are comments. */
async function readIdentities(path: string): Promise<string[]> {
  const text = await readSecretFile(path, '--identity', 0o077);
  if (text === undefined) throw new AppError('SECRET_MISSING', `--identity: there is no file ${path}`);
  const lines = text.split('\n').map((line) => line.trim());
  const identities = lines.filter((line) => line !== '' && !line.startsWith('#'));
  if (identities.length === 0) throw new AppError('SECRET_INVALID', `--identity: ${path} holds no private key`);
  return identities;
}
