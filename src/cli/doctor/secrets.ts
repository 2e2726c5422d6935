// The doctor's look at the files that hold secrets, who may read them, and at the certificates and how long they are good.
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../../config/schema.js';
import type { Clock } from '../../domain/time.js';
import { secretFiles } from './report.js';
import type { Finding } from './doctor.js';

const SOON_MS = 30 * 86_400_000;
const DAY_MS = 86_400_000;

/** Keys for their owner alone, passwords not for everybody. What is wrong only; one line where nothing is. */
export async function checkKeyFiles(config: Config): Promise<Finding[]> {
  const { keysDir, http } = config;
  const keys = (await readdir(keysDir).catch(() => [])).map((name) => join(keysDir, name));
  const asked: [path: string, forbidden: number][] = [
    [keysDir, 0o077],
    ...keys.map((path): [string, number] => [path, 0o077]),
    ...[...secretFiles(config), ...(http.tls === undefined ? [] : [http.tls.keyFile])].map((path): [string, number] => [
      path,
      0o007,
    ]),
  ];
  const found: Finding[] = [];
  let there = 0;
  for (const [path, forbidden] of asked) {
    const file = await stat(path).catch((error: NodeJS.ErrnoException) => error.code);
    if (file === 'ENOENT' && path === keysDir) continue;
    if (typeof file !== 'object') {
      found.push({ level: 'fail', text: `${path} cannot be looked at (${file})` });
      continue;
    }
    there++;
    if ((file.mode & forbidden) === 0) continue;
    const fix = file.isDirectory() ? 'chmod 700' : 'chmod 600';
    const mode = (file.mode & 0o777).toString(8);
    found.push({ level: 'warn', text: `${path} is open to other users (mode ${mode}): ${fix}` });
  }
  return found.length > 0
    ? found
    : [{ level: 'ok', text: `${there} files and folders with secrets are closed to others` }];
}

/** Of HTTPS, and of the authority of the broker. */
export async function checkCertificates(
  { http, mqtt }: Pick<Config, 'http' | 'mqtt'>,
  clock: Clock,
): Promise<Finding[]> {
  const found: Finding[] = [];
  if (http.tls !== undefined) {
    const { certFile, keyFile } = http.tls;
    found.push(await certificateFinding('HTTPS', certFile, clock));
    if (!(await fitTogether(certFile, keyFile))) {
      found.push({ level: 'fail', text: 'HTTPS: the key does not fit the certificate, or cannot be read' });
    }
  }
  if (mqtt.caFile !== undefined)
    found.push(await certificateFinding('the authority of the broker', mqtt.caFile, clock));
  return found.length > 0 ? found : [{ level: 'ok', text: 'none in use' }];
}

async function certificateFinding(what: string, path: string, clock: Clock): Promise<Finding> {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(await readFile(path));
  } catch (error) {
    return {
      level: 'fail',
      text: `${what}: ${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'no PEM'})`,
    };
  }
  const [from, to] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  const until = new Date(to).toISOString().slice(0, 10);
  const leftMs = to - clock();
  if (leftMs <= 0) return { level: 'fail', text: `${what}: the certificate expired on ${until}` };
  if (clock() < from) return { level: 'fail', text: `${what}: the certificate is not valid yet` };
  const days = Math.floor(leftMs / DAY_MS);
  return { level: leftMs < SOON_MS ? 'warn' : 'ok', text: `${what}: valid until ${until}, ${days} days more` };
}

async function fitTogether(certFile: string, keyFile: string): Promise<boolean> {
  try {
    return new X509Certificate(await readFile(certFile)).checkPrivateKey(createPrivateKey(await readFile(keyFile)));
  } catch {
    return false;
  }
}
