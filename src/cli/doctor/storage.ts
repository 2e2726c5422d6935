// The doctor's look at the data directory and the keys.
import { constants } from 'node:fs';
import { access, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { APP_KEY, KeyRegistry } from '../../keys/key-registry.js';
import type { Environment } from '../../config/environment.js';
import { dataPaths } from '../../config/paths.js';
import type { Config } from '../../config/schema.js';
import { hasEntries, readMasterKey } from '../../keys/secrets.js';
import { silentLog } from '../../domain/log.js';
import type { Clock } from '../../domain/time.js';
import { describeError } from '../../errors.js';
import { askService } from '../admin-client.js';
import { withAuditLog } from '../audit.js';
import type { CliContext } from '../context.js';
import type { Finding } from './doctor.js';
import { withOwnStore } from '../own-store.js';
import { bytesText } from '../progress.js';

/** 100,000 faces with their outbox are some 100 MB, and LevelDB needs as much again to compact. */
const LITTLE_SPACE = 500_000_000;
const NO_SPACE = 50_000_000;
/** Of an entry of the audit log, on the disk. */
const ENTRY_BYTES = 460;

export async function checkDataDir(dataDir: string): Promise<Finding[]> {
  const there = await nearest(dataDir);
  if (!(await stat(there)).isDirectory()) return [{ level: 'fail', text: `${there} is not a folder` }];
  const findings: Finding[] = [];
  try {
    await access(there, constants.R_OK | constants.W_OK | constants.X_OK);
    findings.push({ level: 'ok', text: there === dataDir ? dataDir : `${dataDir}, to be made at the first start` });
  } catch {
    findings.push({ level: 'fail', text: `${there} is not writable for this user` });
  }
  const mode = (await stat(there)).mode & 0o777;
  if (there === dataDir && (mode & 0o077) !== 0) {
    findings.push({ level: 'warn', text: `${dataDir} is open to other users (mode ${mode.toString(8)}): chmod 700` });
  }
  const { bavail, bsize } = await statfs(there);
  findings.push(spaceFinding(bavail * bsize));
  return findings;
}

/** @param free bytes that an ordinary user may still write */
export function spaceFinding(free: number): Finding {
  const level = free < NO_SPACE ? 'fail' : free < LITTLE_SPACE ? 'warn' : 'ok';
  return { level, text: `${bytesText(free)} free` };
}

export async function checkMasterKey(
  config: Pick<Config, 'dataDir' | 'keysDir'>,
  environment: Pick<Environment, 'credentialsDir' | 'masterKey'>,
): Promise<Finding> {
  const origins = {
    credential: 'from a systemd credential',
    environment: 'from LINTEL_MASTER_KEY',
    file: `in ${config.keysDir}`,
  };
  const found = await readMasterKey({ environment, keysDir: config.keysDir });
  if (found) return { level: 'ok', text: `a master key ${origins[found.origin]}` };
  if (await hasEntries(dataPaths(config).databaseDir)) {
    return { level: 'fail', text: `there is data in ${config.dataDir}, but no master key` };
  }
  return { level: 'ok', text: 'no master key yet, to be made at the first start' };
}

export function checkAppKeys(config: Pick<Config, 'dataDir' | 'keysDir'>, clock: Clock): Finding {
  try {
    const appKeys = new KeyRegistry({ kind: APP_KEY, path: dataPaths(config).appKeysFile, clock, log: silentLog });
    appKeys.load();
    const valid = appKeys.list().filter(({ revokedAt }) => revokedAt === undefined);
    if (valid.length === 0) return { level: 'ok', text: 'no appKey yet, to be made at the first start' };
    return { level: 'ok', text: `${valid.length} valid ${valid.length === 1 ? 'appKey' : 'appKeys'}` };
  } catch (error) {
    return { level: 'fail', text: describeError(error) };
  }
}

/** The audit log, whole or not, with its head, which is worth noting; and the faces of strangers that are kept. */
export async function checkAudit(
  config: Pick<Config, 'dataDir' | 'keysDir' | 'privacy'>,
  context: Pick<CliContext, 'environment' | 'clock'>,
): Promise<Finding[]> {
  const { databaseDir, adminSocket } = dataPaths(config);
  if (!(await hasEntries(databaseDir))) return [{ level: 'ok', text: 'no audit log yet' }];
  const owner = (await stat(databaseDir)).uid;
  // The database writes while it is opened: files of another owner would lock the service out.
  const isMine = process.getuid?.() === owner;
  const answer = await askService(adminSocket, 'GET', '/unknown-faces');
  if (!answer && !isMine) {
    return [{ level: 'warn', text: `not looked at: the data belongs to another user (${owner}), and no service runs` }];
  }
  const { verifyAuditLog } = await import('../../audit/verify.js');
  const report = await withAuditLog(config, context, (lines) => verifyAuditLog(lines));
  const { sequence, hash } = report.head;
  const since = report.firstAt === undefined ? '' : ` since ${report.firstAt}`;
  const faces = answer
    ? (JSON.parse(await textOf(answer)) as KeptFaces)
    : await withOwnStore(config, context, async (store) => {
        const { countUnknownFaces } = await import('../../privacy/unknown-faces.js');
        return countUnknownFaces(store);
      });
  return [
    ...report.problems.map((text): Finding => ({ level: 'fail', text: `the audit log: ${text}` })),
    { level: 'ok', text: `${report.entries} entries${since}, some ${bytesText(report.entries * ENTRY_BYTES)}` },
    { level: 'ok', text: `head ${sequence} ${hash}; noted elsewhere, it shows a log that was put back` },
    keptFacesFinding(faces, config.privacy.unknownFacesHours, context.clock),
  ];
}

interface KeptFaces {
  faces: number;
  oldestAtMs?: number;
}

function keptFacesFinding({ faces, oldestAtMs }: KeptFaces, hours: number, clock: Clock): Finding {
  const kept = hours > 0 ? `kept for ${hours} h` : 'none are to be kept';
  if (oldestAtMs === undefined) return { level: 'ok', text: `${faces} faces of strangers, ${kept}` };
  const ageHours = (clock() - oldestAtMs) / 3_600_000;
  const level = ageHours > hours ? 'warn' : 'ok';
  return { level, text: `${faces} faces of strangers, ${kept}, the oldest ${ageHours.toFixed(1)} h old` };
}

async function textOf(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all).toString();
}

/** The path itself or the first above it that exists. */
async function nearest(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  return found || dirname(path) === path ? path : nearest(dirname(path));
}
