// The doctor's report: runs the checks, takes the secrets out of what they say, and writes it as text or as JSON.
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Environment } from '../../config/environment.js';
import type { Config } from '../../config/schema.js';
import { describeError } from '../../errors.js';
import type { Finding, FindingLevel } from './doctor.js';
import type { Output } from '../progress.js';

export interface Check {
  title: string;
  run: () => Finding[] | Promise<Finding[]>;
}

export type Counts = Record<FindingLevel, number>;

export interface ReportOptions {
  stdout: Output;
  version: string;
  /** ISO 8601, UTC. */
  at: string;
  checks: readonly Check[];
  /** Takes out what must not be told: findings repeat the words of libraries and of a running service. */
  redact: (text: string) => string;
}

/** Prints each finding as it comes, so that a check that hangs can be told by the last line. */
export async function writeText({ stdout, version, at, checks, redact }: ReportOptions): Promise<Counts> {
  const marks: Record<FindingLevel, string> = { ok: 'ok  ', warn: 'look', fail: 'FAIL' };
  const width = Math.max(...checks.map(({ title }) => title.length));
  const counts: Counts = { ok: 0, warn: 0, fail: 0 };
  stdout.write(`Lintel ${version}, ${at}\n\n`);
  for (const { title, run } of checks) {
    for (const { level, text } of await findings(run, redact)) {
      counts[level]++;
      const indent = ' '.repeat(width + 8);
      stdout.write(`${marks[level]}  ${title.padEnd(width)}  ${text.replaceAll('\n', `\n${indent}`)}\n`);
    }
  }
  stdout.write(`\n${counts.fail} failed, ${counts.warn} to look at, ${counts.ok} ok\n`);
  return counts;
}

/** One JSON document: `{version, at, counts, checks: [{title, findings: [{level, text}]}]}`. */
export async function writeJson({ stdout, version, at, checks, redact }: ReportOptions): Promise<Counts> {
  const done: { title: string; findings: Finding[] }[] = [];
  for (const { title, run } of checks) done.push({ title, findings: await findings(run, redact) });
  const counts: Counts = { ok: 0, warn: 0, fail: 0 };
  for (const { level } of done.flatMap((check) => check.findings)) counts[level]++;
  stdout.write(`${JSON.stringify({ version, at, counts, checks: done }, null, 2)}\n`);
  return counts;
}

async function findings(run: Check['run'], redact: (text: string) => string): Promise<Finding[]> {
  let found: Finding[];
  try {
    found = await run();
  } catch (error) {
    found = [{ level: 'fail', text: describeError(error) }];
  }
  return found.map(({ level, text }) => ({ level, text: redact(text) }));
}

/** A shorter one would take ordinary words out of the report. */
const SHORTEST_SECRET = 4;

/** @param secrets values that must not be told, whatever stands around them */
export function redactor(secrets: readonly string[]): (text: string) => string {
  const known = [...new Set(secrets.flatMap((secret) => [secret, encodeURIComponent(secret)]))]
    .filter((secret) => secret.length >= SHORTEST_SECRET)
    .sort((a, b) => b.length - a.length);
  return (text) =>
    known
      .reduce((clean, secret) => clean.replaceAll(secret, '***'), text)
      // The user of a URL, values of its query, and properties such as a pipeline's user-pw.
      .replaceAll(/\/\/[^/\s]*@/g, '//***@')
      .replaceAll(/([?&][^=&\s]*)=[^&\s"']+/g, '$1=***')
      .replaceAll(
        /\b([\w-]*(?:pw|passwd|password|secret|token|credential)[\w-]*)\s*=\s*("[^"]*"|'[^']*'|\S+)/gi,
        '$1=***',
      );
}

/** Every secret that this user can read: of the environment, the credentials, the keys, and the files that the configuration names. */
export async function knownSecrets(config: Config | undefined, environment: Environment): Promise<string[]> {
  const { masterKey, mqttPassword, credentialsDir } = environment;
  const files = [
    ...(credentialsDir === undefined ? [] : await filesIn(credentialsDir)),
    ...(config === undefined ? [] : [...(await filesIn(config.keysDir)), ...secretFiles(config)]),
  ];
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')));
  return [masterKey ?? '', mqttPassword ?? '', ...texts.flatMap((text) => text.split('\n'))]
    .map((secret) => secret.trim())
    .filter((secret) => !secret.startsWith('-----'));
}

/** The files with a password or a secret that the configuration names. */
export function secretFiles({ mqtt, webhook, cameras }: Config): string[] {
  return [
    mqtt.passwordFile,
    mqtt.commands?.secretFile,
    webhook?.secretFile,
    ...cameras.map(({ source }) => (source.type === 'url' ? source.passwordFile : undefined)),
  ].filter((file) => file !== undefined);
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map(({ name }) => join(folder, name));
}
