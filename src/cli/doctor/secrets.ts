// The doctor's check of the files that hold secrets (who may read them) and of the certificates (how long they are valid).
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../../config/schema.js';
import type { Clock } from '../../domain/time.js';
import { findFolderFaults } from '../../platform/trusted-folder.js';
import { fail, ok, warn, type DoctorFinding } from '../../domain/doctor.js';
import { listSecretFiles } from './redact.js';

const DAY_MS = 86_400_000;
/** Remaining time below which a certificate gets a warning. */
const EXPIRES_SOON_MS = 30 * DAY_MS;

/** Keys must be closed to everybody but their owner; files with passwords may be read by their group. */
const KEY_MODE = 0o077;
const PASSWORD_MODE = 0o027;

/** @returns a finding for each file that is missing or open to others; a single one where there is none */
export async function checkKeyFiles(config: Config): Promise<DoctorFinding[]> {
  const { keysDir, http, mqtt } = config;
  const keys = (await readdir(keysDir).catch(() => [])).map((name) => join(keysDir, name));
  const tlsKeys = [http.tls, mqtt.embedded.tls].flatMap((tls) => (tls === undefined ? [] : [tls.keyFile]));
  const passwords = [...listSecretFiles(config), ...tlsKeys];
  const files = [
    ...[keysDir, ...keys].map((path) => ({ path, forbiddenMode: KEY_MODE })),
    ...passwords.map((path) => ({ path, forbiddenMode: PASSWORD_MODE })),
  ];
  const owner = (await stat(keysDir).catch(() => undefined))?.uid ?? 0;
  const faults = await findFolderFaults(keysDir, { userId: process.geteuid?.() || owner });
  const findings = faults.map((text) => fail(text));
  let checked = 0;
  for (const { path, forbiddenMode } of files) {
    const file = await stat(path).catch((error: NodeJS.ErrnoException) => error.code);
    // The first start creates the folder of the keys.
    if (file === 'ENOENT' && path === keysDir) continue;
    if (typeof file !== 'object') {
      findings.push(fail(`${path} cannot be checked (${file})`));
      continue;
    }
    checked++;
    if ((file.mode & forbiddenMode) === 0) continue;
    const fix = file.isDirectory() ? 'chmod 700' : 'chmod 600';
    findings.push(warn(`${path} is open to other users (mode ${(file.mode & 0o777).toString(8)}): run ${fix}`));
  }
  if (findings.length > 0) return findings;
  return [
    ok(
      checked === 0
        ? 'there are no files with secrets yet'
        : `${checked} files and folders with secrets are closed to other users`,
    ),
  ];
}

/** Checks the certificates of HTTPS and of Lintel's own broker, and the one of the authority that signed the broker's. */
export async function checkCertificates(
  { http, mqtt }: Pick<Config, 'http' | 'mqtt'>,
  clock: Clock,
): Promise<DoctorFinding[]> {
  const findings: DoctorFinding[] = [];
  const served = [
    { name: 'HTTPS', tls: http.tls },
    { name: "Lintel's own broker", tls: mqtt.embedded.tls },
  ];
  for (const { name, tls } of served) {
    if (tls === undefined) continue;
    findings.push(await checkCertificate(name, tls.certFile, clock));
    if (!(await isPair(tls.certFile, tls.keyFile))) {
      findings.push(fail(`${name}: the key does not fit the certificate, or cannot be read`));
    }
  }
  if (mqtt.caFile !== undefined) {
    findings.push(await checkCertificate('the authority of the broker', mqtt.caFile, clock));
  }
  return findings.length > 0 ? findings : [ok('the configuration names no certificate')];
}

async function checkCertificate(name: string, path: string, clock: Clock): Promise<DoctorFinding> {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(await readFile(path));
  } catch (error) {
    return fail(`${name}: ${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'no PEM'})`);
  }
  const [fromMs, toMs] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  const lastDay = new Date(toMs).toISOString().slice(0, 10);
  const leftMs = toMs - clock();
  if (leftMs <= 0) return fail(`${name}: the certificate expired on ${lastDay}`);
  if (clock() < fromMs) return fail(`${name}: the certificate is not valid yet`);
  const text = `${name}: the certificate is valid until ${lastDay}, for ${Math.floor(leftMs / DAY_MS)} more days`;
  return leftMs < EXPIRES_SOON_MS ? warn(text) : ok(text);
}

async function isPair(certFile: string, keyFile: string): Promise<boolean> {
  try {
    return new X509Certificate(await readFile(certFile)).checkPrivateKey(createPrivateKey(await readFile(keyFile)));
  } catch {
    return false;
  }
}
