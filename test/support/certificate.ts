// Certificates for tests of TLS, made by openssl.
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** False where openssl is not installed; the reason for skipped tests is then printed. */
export const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
if (!hasOpenssl) console.warn('skipped: tests with TLS: openssl is not installed');

/** Makes a certificate that signs itself, and its key. @param name its common name, and the name of the files in `folder` */
export function makeCertificate(folder: string, name: string): { certFile: string; keyFile: string } {
  const [certFile, keyFile] = [join(folder, `${name}.cert`), join(folder, `${name}.key`)];
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
      ...['-subj', `/CN=${name}`, '-keyout', keyFile, '-out', certFile],
    ],
    { stdio: 'ignore' },
  );
  return { certFile, keyFile };
}
