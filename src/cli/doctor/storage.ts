// The doctor's check of the data directory, the master key, the registered keys and the audit log.
import { constants } from 'node:fs';
import { access, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { json } from 'node:stream/consumers';
import type { Environment } from '../../config/environment.js';
import { dataPaths } from '../../config/paths.js';
import type { Config } from '../../config/schema.js';
import type { AuditLine } from '../../audit/audit-space.js';
import type { KeyCheck } from '../../audit/key-check.js';
import type { Clock } from '../../domain/time.js';
import type { RegisteredKey } from '../../keys/key-registry.js';
import { hasEntries, readMasterKey } from '../../keys/secrets.js';
import { ADMIN_KEY, APP_KEY } from '../../keys/stored-keys.js';
import { findFolderFaults, findOpenParent } from '../../platform/trusted-folder.js';
import { askService } from '../admin-client.js';
import { withAuditLog } from '../audit.js';
import type { CliContext } from '../context.js';
import { listStoredKeys } from '../own-keys.js';
import { withOwnStore } from '../own-store.js';
import { formatBytes } from '../output.js';
import { fail, ok, warn, type DoctorFinding } from '../../domain/doctor.js';
import { isServiceRunning } from './service.js';

/** 100,000 faces and their events take about 100 MB, and LevelDB needs the same again to compact them. */
const LITTLE_SPACE_BYTES = 500_000_000;
const NO_SPACE_BYTES = 50_000_000;
/** Size of one entry of the audit log on the disk. */
const AUDIT_ENTRY_BYTES = 460;

export async function checkDataDir(dataDir: string): Promise<DoctorFinding[]> {
  const existing = await findExisting(dataDir);
  if (!(await stat(existing)).isDirectory()) return [fail(`${existing} is not a folder`)];
  const findings: DoctorFinding[] = [];
  try {
    await access(existing, constants.R_OK | constants.W_OK | constants.X_OK);
    findings.push(ok(existing === dataDir ? dataDir : `${dataDir}, which the first start will create`));
  } catch {
    findings.push(fail(`this user cannot write to ${existing}`));
  }
  const { mode, uid } = await stat(existing);
  // Root may run the doctor for a service of another user.
  const options = { userId: process.geteuid?.() || uid };
  const faults = [
    ...(await findFolderFaults(dataDir, options)),
    ...(await findFolderFaults(join(dataDir, 'db'), options)),
  ];
  findings.push(...faults.map((text) => fail(text)));
  if (existing === dataDir && faults.length === 0 && (mode & 0o077) !== 0) {
    findings.push(warn(`${dataDir} is open to other users (mode ${(mode & 0o777).toString(8)}): run chmod 700`));
  }
  const openParent = await findOpenParent(dataDir);
  if (openParent !== undefined) {
    findings.push(warn(`anybody can write to ${openParent}, and so replace ${dataDir}: run chmod o-w ${openParent}`));
  }
  const { bavail, bsize } = await statfs(existing);
  findings.push(judgeSpace(bavail * bsize));
  return findings;
}

/** @param freeBytes space that an ordinary user can still write */
export function judgeSpace(freeBytes: number): DoctorFinding {
  const level = freeBytes < NO_SPACE_BYTES ? 'fail' : freeBytes < LITTLE_SPACE_BYTES ? 'warn' : 'ok';
  return { level, text: `${formatBytes(freeBytes)} free` };
}

export async function checkMasterKey(
  config: Pick<Config, 'dataDir' | 'keysDir'>,
  environment: Pick<Environment, 'credentialsDir' | 'masterKey'>,
): Promise<DoctorFinding> {
  const origins = {
    credential: 'comes from a systemd credential',
    environment: 'comes from LINTEL_MASTER_KEY',
    file: `is in ${config.keysDir}`,
  };
  const found = await readMasterKey({ environment, keysDir: config.keysDir });
  if (found) return ok(`the master key ${origins[found.origin]}`);
  if (await hasEntries(dataPaths(config).databaseDir)) {
    return fail(`there is data in ${config.dataDir}, but no master key: put back the key that it was sealed with`);
  }
  return ok('there is no master key yet: the first start creates it');
}

/** Counts the valid keys of each kind, and reports plain registries that are not used. */
export async function checkApiKeys(
  config: Pick<Config, 'dataDir' | 'keysDir'>,
  context: Pick<CliContext, 'environment' | 'clock'>,
): Promise<DoctorFinding[]> {
  const foreign = await describeForeign(config);
  if (foreign !== undefined) return [warn(foreign)];
  const findings: DoctorFinding[] = [];
  for (const kind of [APP_KEY, ADMIN_KEY]) {
    const { keys, ignoredFiles } = await listStoredKeys(config, context, kind);
    const valid = keys.filter(({ revokedAt }) => revokedAt === undefined).length;
    const { noun } = kind;
    findings.push(
      ok(
        keys.length === 0
          ? `there is no ${noun} yet: the first start creates one`
          : `${valid} valid ${noun}${valid === 1 ? '' : 's'}`,
      ),
    );
    if (kind !== APP_KEY) continue;
    findings.push(
      ...ignoredFiles.map((file) => fail(`${file} is not used: the keys are in the sealed store; remove this file`)),
    );
  }
  return findings;
}

/** Verifies the audit log and prints its head, which a person should note, and counts the stored faces of unknown persons. */
export async function checkAudit(
  config: Pick<Config, 'dataDir' | 'keysDir' | 'privacy'>,
  context: Pick<CliContext, 'environment' | 'clock'>,
): Promise<DoctorFinding[]> {
  const { databaseDir, adminSocket } = dataPaths(config);
  if (!(await hasEntries(databaseDir))) return [ok('there is no audit log yet')];
  const foreign = await describeForeign(config);
  if (foreign !== undefined) return [warn(foreign)];
  const answer = await askService(adminSocket, 'GET', '/unknown-faces');
  const { verifyAuditLog } = await import('../../audit/verify.js');
  const { KeyCheck } = await import('../../audit/key-check.js');
  const keyCheck = new KeyCheck();
  const report = await withAuditLog(config, context, (lines) => verifyAuditLog(watchKeys(lines, keyCheck)));
  const keys: RegisteredKey[] = [];
  // One after the other: without a service, each opens the store.
  for (const kind of [APP_KEY, ADMIN_KEY]) keys.push(...(await listStoredKeys(config, context, kind)).keys);
  const { problems, doubts } = keyCheck.compare(keys);
  const { sequence, hash } = report.head;
  const since = report.firstAt === undefined ? '' : ` since ${report.firstAt}`;
  const faces = answer
    ? ((await json(answer)) as UnknownFaces)
    : await withOwnStore(config, context, async (store) => {
        const { countUnknownFaces } = await import('../../privacy/face-spans.js');
        return countUnknownFaces(store);
      });
  return [
    ...report.problems.map((text) => fail(`the audit log: ${text}`)),
    ...problems.map((text) => fail(text)),
    ...doubts.map((text) => warn(text)),
    ok(`${report.entries} entries${since}, about ${formatBytes(report.entries * AUDIT_ENTRY_BYTES)}`),
    ok(`head ${sequence} ${hash}; note it on another machine: it reveals a log that was replaced by an older copy`),
    judgeUnknownFaces(faces, config.privacy.unknownFacesHours, context.clock),
  ];
}

async function* watchKeys(lines: AsyncIterable<AuditLine>, check: KeyCheck): AsyncGenerator<AuditLine> {
  for await (const line of lines) {
    if (line.kind === 'entry') check.add(line.record);
    yield line;
  }
}

/** Returns why the database is not opened: it belongs to another user, and no service is running. */
async function describeForeign(config: Pick<Config, 'dataDir' | 'keysDir'>): Promise<string | undefined> {
  const { databaseDir, adminSocket } = dataPaths(config);
  const found = await stat(databaseDir).catch(() => undefined);
  // LevelDB writes when it opens a database: files of another owner would lock the service out.
  if (!found || process.getuid?.() === found.uid || (await isServiceRunning(adminSocket))) return undefined;
  return describeForeignData(found.uid);
}

/** @param owner user id of the owner of the data @returns why a check was left out */
export function describeForeignData(owner: number): string {
  return `not checked: the data belongs to another user (${owner}), and no service is running`;
}

interface UnknownFaces {
  faces: number;
  oldestAtMs?: number;
}

function judgeUnknownFaces({ faces, oldestAtMs }: UnknownFaces, hours: number, clock: Clock): DoctorFinding {
  const rule = hours > 0 ? `kept for ${hours} h` : 'the configuration keeps none';
  const text = `${faces} stored ${faces === 1 ? 'face' : 'faces'} of unknown persons, ${rule}`;
  if (oldestAtMs === undefined) return ok(text);
  const ageHours = (clock() - oldestAtMs) / 3_600_000;
  return { level: ageHours > hours ? 'warn' : 'ok', text: `${text}, the oldest is ${ageHours.toFixed(1)} h old` };
}

/** @returns the path itself, or its nearest parent that exists */
async function findExisting(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  return found || dirname(path) === path ? path : findExisting(dirname(path));
}
