// The doctor's check of the installed service: its unit, its drop-in files, its restarts, and the installed versions.
import { readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { formatBytes } from '../output.js';
import { ok, warn, type DoctorFinding, type FindingLevel } from '../../domain/doctor.js';
import { runCommand, type RunCommand } from './system.js';

/** The properties of the unit that are asked for. Its environment is not among them: it may hold secrets. */
const PROPERTIES = [
  'LoadState',
  'ActiveState',
  'SubState',
  'Result',
  'UnitFileState',
  'NRestarts',
  'NeedDaemonReload',
  'StatusText',
  'DropInPaths',
  'ActiveEnterTimestamp',
  'MemoryCurrent',
] as const;

type Properties = Partial<Record<(typeof PROPERTIES)[number], string>>;

export async function checkUnit(run: RunCommand = runCommand): Promise<DoctorFinding[]> {
  const output = await run('systemctl', ['show', 'lintel.service', `--property=${PROPERTIES.join(',')}`]);
  if (output === undefined) return [ok('systemd does not run this machine, or does not answer')];
  return judgeUnit(output);
}

const ACTIVE_LEVELS: Readonly<Record<string, FindingLevel>> = { active: 'ok', failed: 'fail' };

/** @param output lines of the form `Property=value` */
export function judgeUnit(output: string): DoctorFinding[] {
  const unit = parseProperties(output);
  if (unit.LoadState !== 'loaded') {
    return [ok('Lintel is not installed as a service; scripts/install installs it as one')];
  }
  const state = unit.ActiveState ?? 'unknown';
  const since = state === 'active' && unit.ActiveEnterTimestamp ? ` since ${unit.ActiveEnterTimestamp}` : '';
  const result = unit.Result && unit.Result !== 'success' ? `, last result ${unit.Result}` : '';
  const memory = /^\d+$/.test(unit.MemoryCurrent ?? '') ? `, ${formatBytes(Number(unit.MemoryCurrent))} of memory` : '';
  const status = unit.StatusText ? `: ${unit.StatusText}` : '';
  const restarts = Number(unit.NRestarts ?? 0);
  const findings: DoctorFinding[] = [
    {
      level: ACTIVE_LEVELS[state] ?? 'warn',
      text: `lintel.service is ${state} (${unit.SubState ?? '?'})${since}${result}${memory}${status}`,
    },
  ];
  if (restarts > 0) {
    findings.push(warn(`systemd has restarted the service ${restarts} times: run journalctl -u lintel to see why`));
  }
  if (unit.UnitFileState !== 'enabled') {
    findings.push(warn('the service does not start with the machine: run systemctl enable lintel'));
  }
  if (unit.NeedDaemonReload === 'yes') {
    findings.push(warn('the unit file was changed and not loaded again: run systemctl daemon-reload'));
  }
  const dropIns = unit.DropInPaths?.split(' ').filter(Boolean) ?? [];
  if (dropIns.length > 0) findings.push(ok(`drop-in files change the unit: ${dropIns.join(', ')}`));
  return findings;
}

function parseProperties(output: string): Properties {
  const pairs = output.split('\n').flatMap((line) => {
    const [, name, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
    return name === undefined ? [] : [[name, value]];
  });
  return Object.fromEntries(pairs) as Properties;
}

/** Checks the versions that scripts/install keeps, so that an update can be undone. */
export async function checkVersions(folder = '/opt/lintel'): Promise<DoctorFinding[]> {
  const kept = await readdir(join(folder, 'versions')).catch(() => []);
  if (kept.length === 0) return [];
  const link = await readlink(join(folder, 'current')).catch(() => 'none');
  const current = link.replace(/^versions\//, '');
  const names = kept.filter((name) => !name.startsWith('.')).sort();
  const level = names.includes(current) ? 'ok' : 'fail';
  return [{ level, text: `version in use: ${current}; kept versions: ${names.join(', ')}` }];
}
