// Removes secrets from texts: collects those that this user can read, and recognises the usual forms of the others.
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { findPasswordFile } from '../../config/camera-schema.js';
import type { Environment } from '../../config/environment.js';
import type { Config } from '../../config/schema.js';

/** Length of the shortest secret that is removed: shorter ones would remove ordinary words. */
const MIN_SECRET_LENGTH = 4;

/** @param secrets values to remove wherever they stand @returns a function that replaces each secret in a text by `***` */
export function createRedactor(secrets: readonly string[]): (text: string) => string {
  const known = [...new Set(secrets.flatMap((secret) => [secret, encodeURIComponent(secret)]))]
    .filter((secret) => secret.length >= MIN_SECRET_LENGTH)
    .sort((a, b) => b.length - a.length);
  return (text) =>
    known
      .reduce((clean, secret) => clean.replaceAll(secret, '***'), text)
      // The user of a URL, the values of its query, and properties such as user-pw of a pipeline.
      .replaceAll(/\/\/[^/\s]*@/g, '//***@')
      .replaceAll(/([?&][^=&\s]*)=[^&\s"']+/g, '$1=***')
      .replaceAll(
        /\b([\w-]*(?:pw|passwd|password|secret|token|credential)[\w-]*)\s*=\s*("[^"]*"|'[^']*'|\S+)/gi,
        '$1=***',
      );
}

/** Collects every secret that this user can read: in the environment, the credentials, the keys, and the files that the configuration names. */
export async function collectSecrets(config: Config | undefined, environment: Environment): Promise<string[]> {
  const { masterKey, mqttPassword, credentialsDir } = environment;
  const files = [
    ...(credentialsDir === undefined ? [] : await listFiles(credentialsDir)),
    ...(config === undefined ? [] : [...(await listFiles(config.keysDir)), ...listSecretFiles(config)]),
  ];
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')));
  return [masterKey ?? '', mqttPassword ?? '', ...texts.flatMap((text) => text.split('\n'))]
    .map((secret) => secret.trim())
    .filter((secret) => !secret.startsWith('-----'));
}

/** @returns the paths of the files with a password or a secret that the configuration names */
export function listSecretFiles({ mqtt, webhook, cameras }: Config): string[] {
  return [
    mqtt.passwordFile,
    ...(mqtt.embedded.users ?? []).map(({ passwordFile }) => passwordFile),
    mqtt.commands?.secretFile,
    webhook?.secretFile,
    ...cameras.map(({ source }) => findPasswordFile(source)),
  ].filter((file) => file !== undefined);
}

async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map(({ name }) => join(folder, name));
}
