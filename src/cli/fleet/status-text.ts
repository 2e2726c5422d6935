// The text of `lintel fleet status`: tables of the groups and doors, and the problems in words below them.
import type { FleetDoorStatus, FleetGroupStatus, FleetStatus } from '../../fleet/fleet.types.js';
import { formatTable, makePrintable } from '../output.js';
import { formatAgo, formatDuration } from './time-words.js';

/** Digits of a root hash that the table shows. `--json` has all of them. */
const ROOT_DIGITS = 8;
/** Longest text of a cell whose length is not bounded by its meaning, in characters. */
const MAX_CELL = 24;

/** @param nowMs time to which `last seen` refers, milliseconds since the epoch */
export function formatFleetStatus(status: FleetStatus, nowMs: number): string {
  const parts = [
    formatHead(status),
    status.groups.length === 0 ? '' : formatGroups(status, nowMs),
    status.role === 'authority' ? formatDoors(status, nowMs) : '',
    listProblems(status)
      .map((line) => `${line}\n`)
      .join(''),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

/** Lists what needs a person: problems of the log, of the groups and of the doors, each a whole sentence after a name. */
export function listProblems({ role, log, groups, doors, joining }: FleetStatus): string[] {
  const ofLog = log.isConnected ? [] : [`log: ${log.detail ?? 'The log of the fleet cannot be reached.'}`];
  const ofGroups = groups.flatMap(({ groupId, detail }) => (detail === undefined ? [] : [`${groupId}: ${detail}`]));
  const ofDoors = doors.flatMap(({ name, state, problems }) => [
    ...(state === 'waiting'
      ? [`${name}: It waits. Run "lintel fleet approve ${name}" or "lintel fleet refuse ${name}".`]
      : []),
    ...problems.map((text) => `${name}: ${text}`),
  ]);
  const membership = role === 'door' ? describeJoining(joining) : undefined;
  const ofJoining = membership === undefined ? [] : [`door: ${membership}`];
  // A door writes its own problems: they must not move the cursor of the reader.
  return [...ofLog, ...ofJoining, ...ofGroups, ...ofDoors].map(makePrintable);
}

function formatHead({ role, name, fleet, fingerprint, log, joining }: FleetStatus): string {
  const state = log.isConnected ? 'connected' : 'NOT CONNECTED';
  const rows = [
    [role === 'authority' ? 'authority' : 'door', name],
    ...(fleet === undefined ? [] : [['fleet', fleet]]),
    ...(fingerprint === undefined ? [] : [['fingerprint', fingerprint]]),
    ...(joining?.authorityFingerprint === undefined
      ? []
      : [['authority', [joining.authority, joining.authorityFingerprint].filter(Boolean).join(', ')]]),
    ['log', `${log.kind === 'nats' ? 'NATS server' : 'folder'}, ${state}`],
  ];
  return formatTable(rows);
}

/** Returns what is wrong with the membership of a door, a whole sentence or several; undefined where nothing is. */
export function describeJoining(joining: FleetStatus['joining']): string | undefined {
  const detail = joining?.detail === undefined ? '' : ` ${joining.detail}`;
  switch (joining?.state) {
    case 'approved':
      return joining.detail;
    case 'waiting':
      return `It waits for the approval of the authority.${detail}`;
    case 'refused':
      return `The authority has refused it.${detail}`;
    case 'removed':
      return `The authority has removed it from the fleet.${detail}`;
    default:
      return `It has not joined a fleet. Run "lintel fleet join" with a token of the authority.${detail}`;
  }
}

function formatGroups({ groups, role }: FleetStatus, nowMs: number): string {
  const rows = groups.map((group) => [
    shorten(group.groupId),
    String(group.records),
    String(group.version),
    String(group.epoch),
    shorten(group.modelVersion),
    group.root === '' ? '-' : group.root.slice(0, ROOT_DIGITS),
    group.issuedAt === undefined ? '-' : formatAgo(group.issuedAt, nowMs),
    markState(group),
  ]);
  const signed = role === 'authority' ? 'SIGNED' : 'HEARD';
  return formatTable([['GROUP', 'FACES', 'VERSION', 'EPOCH', 'MODELS', 'ROOT', signed, 'STATE'], ...rows], [1, 2, 3]);
}

function markState({ state }: Pick<FleetGroupStatus, 'state'>): string {
  return state === 'current' || state === 'behind' ? state : state.toUpperCase();
}

function formatDoors({ doors }: FleetStatus, nowMs: number): string {
  if (doors.length === 0) return 'The fleet has no doors. "lintel fleet invite" invites the first one.\n';
  const rows = doors.map((door) => [
    shorten(door.name),
    door.state === 'approved' ? door.state : door.state.toUpperCase(),
    describeGroups(door),
    describeLag(door),
    door.models.length === 0 ? '-' : shorten(door.models.join(',')),
    describeHealth(door),
    formatAgo(door.lastSeenAt, nowMs),
  ]);
  return formatTable([['DOOR', 'STATE', 'GROUPS', 'LAG', 'MODELS', 'HEALTH', 'LAST SEEN'], ...rows]);
}

/** @returns such as `2 current`, or `1 of 2 STALE` with the worst state */
function describeGroups({ groups }: Pick<FleetDoorStatus, 'groups'>): string {
  const total = groups.length;
  if (total === 0) return '-';
  const worst = (['missing', 'unusable', 'stale', 'behind'] as const).find((state) =>
    groups.some((group) => group.state === state),
  );
  if (!worst) return `${total} current`;
  const count = groups.filter(({ state }) => state === worst).length;
  return `${count} of ${total} ${markState({ state: worst })}`;
}

/** @returns such as `none`, or `3 versions, 12 s` */
function describeLag({ lagVersions, lagSeconds }: Pick<FleetDoorStatus, 'lagVersions' | 'lagSeconds'>): string {
  if (lagVersions === undefined) return '-';
  if (lagVersions === 0) return 'none';
  const versions = `${lagVersions} ${lagVersions === 1 ? 'version' : 'versions'}`;
  return lagSeconds === undefined ? versions : `${versions}, ${formatDuration(lagSeconds * 1_000)}`;
}

function describeHealth({ health }: Pick<FleetDoorStatus, 'health'>): string {
  if (health === undefined) return '-';
  return health === 'ok' ? health : health.toUpperCase();
}

function shorten(given: string): string {
  const text = makePrintable(given);
  return text.length <= MAX_CELL ? text : `${text.slice(0, MAX_CELL - 1)}…`;
}
