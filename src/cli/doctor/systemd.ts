// The doctor's look at the installed service: its unit, its drop-ins, how often it was restarted, and the versions that are kept.
import { readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Finding, FindingLevel } from './doctor.js';
import { askSystem, type Ask } from './device.js';
import { bytesText } from '../progress.js';

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

/** Nothing of the unit's environment is asked for: it may hold secrets. */
export async function checkUnit(ask: Ask = askSystem): Promise<Finding[]> {
  const output = await ask('systemctl', ['show', 'lintel.service', `--property=${PROPERTIES.join(',')}`]);
  if (output === undefined) return [{ level: 'ok', text: 'systemd does not run this machine, or cannot be asked' }];
  return unitFindings(output);
}

const ACTIVE_LEVELS: Readonly<Record<string, FindingLevel>> = { active: 'ok', failed: 'fail' };

/** @param shown `Property=value`, one a line */
export function unitFindings(shown: string): Finding[] {
  const lines = shown.split('\n').map((line) => /^(\w+)=(.*)$/.exec(line));
  const unit = Object.fromEntries(lines.flatMap((match) => (match ? [[match[1], match[2]]] : []))) as Properties;
  if (unit.LoadState !== 'loaded')
    return [{ level: 'ok', text: 'not installed as a service (scripts/install does that)' }];
  const state = unit.ActiveState ?? 'unknown';
  const result = unit.Result && unit.Result !== 'success' ? `, last result ${unit.Result}` : '';
  const since = unit.ActiveEnterTimestamp ? ` since ${unit.ActiveEnterTimestamp}` : '';
  const memory = /^\d+$/.test(unit.MemoryCurrent ?? '') ? `, ${bytesText(Number(unit.MemoryCurrent))} of memory` : '';
  const said = unit.StatusText ? `: ${unit.StatusText}` : '';
  const restarts = Number(unit.NRestarts ?? 0);
  const found: Finding[] = [
    {
      level: ACTIVE_LEVELS[state] ?? 'warn',
      text: `lintel.service is ${state} (${unit.SubState ?? '?'})${state === 'active' ? since : ''}${result}${memory}${said}`,
    },
  ];
  if (restarts > 0) found.push({ level: 'warn', text: `restarted by systemd ${restarts} times: journalctl -u lintel` });
  if (unit.UnitFileState !== 'enabled') {
    found.push({ level: 'warn', text: 'it does not start with the machine: systemctl enable lintel' });
  }
  if (unit.NeedDaemonReload === 'yes') {
    found.push({ level: 'warn', text: 'its unit was changed and not read again: systemctl daemon-reload' });
  }
  const dropIns = unit.DropInPaths?.split(' ').filter(Boolean) ?? [];
  if (dropIns.length > 0) found.push({ level: 'ok', text: `changed by ${dropIns.join(', ')}` });
  return found;
}

/** Those that scripts/install keeps, for a way back. */
export async function checkVersions(folder = '/opt/lintel'): Promise<Finding[]> {
  const kept = await readdir(join(folder, 'versions')).catch(() => []);
  if (kept.length === 0) return [];
  const current = (await readlink(join(folder, 'current')).catch(() => 'none')).replace(/^versions\//, '');
  const names = kept.filter((name) => !name.startsWith('.')).sort();
  return [
    { level: names.includes(current) ? 'ok' : 'fail', text: `${current} is in place; kept: ${names.join(', ')}` },
  ];
}
