// The doctor's check that the records of the store add up, that the counter outside is kept, and that the groups agree with the audit log.
import { stat } from 'node:fs/promises';
import { json } from 'node:stream/consumers';
import type { AuditLine } from '../../audit/audit-space.js';
import { GroupCheck } from '../../audit/group-check.js';
import { dataPaths } from '../../config/paths.js';
import type { Config } from '../../config/schema.js';
import { reportRecords, type RecordsReport } from '../../gallery/stored-groups.js';
import { hasEntries } from '../../keys/secrets.js';
import { readCounter } from '../../store/counter.js';
import { askService } from '../admin-client.js';
import { withAuditLog } from '../audit.js';
import type { CliContext } from '../context.js';
import { withOwnStore } from '../own-store.js';
import { fail, ok, warn, type DoctorFinding } from '../../domain/doctor.js';
import { isServiceRunning } from './service.js';
import { describeForeignData } from './storage.js';

type Folders = Pick<Config, 'dataDir' | 'keysDir'>;

export async function checkRecords(
  config: Folders,
  context: Pick<CliContext, 'environment' | 'clock'>,
): Promise<DoctorFinding[]> {
  const { databaseDir, adminSocket } = dataPaths(config);
  if (!(await hasEntries(databaseDir))) return [ok('there are no records yet')];
  const owner = (await stat(databaseDir)).uid;
  // LevelDB writes when it opens a database: files of another owner would lock the service out.
  if (process.getuid?.() !== owner && !(await isServiceRunning(adminSocket))) return [warn(describeForeignData(owner))];
  const answer = await askService(adminSocket, 'GET', '/records');
  const report = answer
    ? ((await json(answer)) as RecordsReport)
    : await withOwnStore(config, context, reportRecords, { onAltered: 'report' });
  const check = new GroupCheck();
  await withAuditLog(config, context, (lines) => readEntries(lines, check));
  return [...judgeRecords(report, check.compare(report.groups)), await checkCounter(config)];
}

/** @param differences sentences about groups that do not agree with the audit log */
export function judgeRecords(report: RecordsReport, differences: readonly string[]): DoctorFinding[] {
  const groupIds = new Map(report.groups.map(({ spaceId, groupId }) => [spaceId, groupId]));
  const findings = [
    ...report.problems.map((text) => fail(text)),
    ...report.altered.map(({ label, id, problem }) => {
      const groupId = groupIds.get(id);
      const name = groupId === undefined ? `"${label}" (${id})` : `the group "${groupId}"`;
      return fail(`the records of ${name} are not as they were written: ${problem}`);
    }),
    ...differences.map((text) => fail(text)),
  ];
  return findings.length > 0 ? findings : [ok('all records add up, and the groups agree with the audit log')];
}

async function checkCounter(config: Folders): Promise<DoctorFinding> {
  const { counterFile } = dataPaths(config);
  const counter = await readCounter(counterFile).catch(() => undefined);
  if (counter) return ok(`the counter outside of the data directory is at ${counter.version}`);
  return warn(
    `there is no counter at ${counterFile}: an older copy of the whole data directory would pass unnoticed. ` +
      'The service must be able to write to keysDir',
  );
}

async function readEntries(lines: AsyncIterable<AuditLine>, check: Pick<GroupCheck, 'add'>): Promise<void> {
  for await (const line of lines) if (line.kind === 'entry') check.add(line.record);
}
