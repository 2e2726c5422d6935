// What doors, invited devices and subscribers may do on the NATS server, and what the authority's account exports for that.
import type { FleetRole } from './server-keys.js';

/**
 * Template of the user's name in the subjects of a role. The server puts the name in from the signed credentials (from nats-server 2.9).
 */
const NAME = '{{name()}}';

/** Names of the two streams of a fleet. They are parts of subjects of JetStream's API. @param fleet id, hexadecimal */
export function nameStreams(fleet: string): { values: string; messages: string } {
  return { values: `LINTEL-${fleet}-VALUES`, messages: `LINTEL-${fleet}-MESSAGES` };
}

/** Beginnings of the subjects of the two streams. */
export function namePrefixes(fleet: string): { values: string; messages: string } {
  return { values: `lintel.${fleet}.v`, messages: `lintel.${fleet}.s` };
}

/** Beginning of the subjects on which a user gets answers. Nobody else of the account may subscribe to them. */
export function nameInbox(user: string): string {
  return `_INBOX.${user}`;
}

/** Subjects of the log without the prefix of their stream, as `subjects.ts` names them. `*` stands for the name of the user. */
interface RoleSubjects {
  /** Values that the user writes. */
  writes: readonly string[];
  /** Streams to which the user adds messages. */
  appends: readonly string[];
  /** Values that the user reads. */
  reads: readonly string[];
  /** Values whose changes the user hears: these subjects and the ones below them, as `FleetLog.watch` takes them. */
  hears: readonly string[];
}

const NONE: RoleSubjects = { writes: [], appends: [], reads: [], hears: [] };

/** One `*` for the name of the user, `+` for any one word, `>` for one or more words. */
const ROLES: Record<FleetRole, RoleSubjects> = {
  door: {
    writes: ['report.*', 'proposal.*.+'],
    appends: ['events.*'],
    reads: ['head.+', 'group.>', 'member.*', 'answer.*.+'],
    hears: ['head', 'member.*', 'answer.*'],
  },
  invite: { ...NONE, writes: ['join.*'], reads: ['welcome.*'], hears: ['welcome.*'] },
  subscriber: NONE,
};
/** Streams that a subscriber hears while it is connected; older messages are read by the authority. */
const SUBSCRIBED = ['events.>'];

export interface SubjectPermissions {
  pub: { allow: string[] } | { deny: string[] };
  sub: { allow: string[] } | { deny: string[] };
}

/** Permissions of a role as a NATS server reads them. */
export function listPermissions(fleet: string, role: FleetRole): SubjectPermissions {
  const { services, streams } = listSubjects(fleet, role, NAME);
  return {
    pub: services.length > 0 ? { allow: services } : { deny: ['>'] },
    sub: { allow: [`${nameInbox(NAME)}.>`, ...streams] },
  };
}

/**
 * Exports of the authority's account to the account of the doors. A door could otherwise make the server write its answer to any
 * subject, with that subject as the reply subject of a request (tried on nats-server 2.9.10, November 2026): across accounts the answer stays in
 * the account of the doors, where nothing is stored.
 * @returns `services` take requests and answer them; `streams` are heard
 */
export function listExports(fleet: string): { services: string[]; streams: string[] } {
  const all = (['door', 'invite', 'subscriber'] as const).map((role) => listSubjects(fleet, role, '*'));
  return {
    services: [...new Set(all.flatMap(({ services }) => services))],
    streams: [...new Set(all.flatMap(({ streams }) => streams))],
  };
}

function listSubjects(fleet: string, role: FleetRole, user: string): { services: string[]; streams: string[] } {
  const { values, messages } = namePrefixes(fleet);
  const place = (prefix: string, subjects: readonly string[]): string[] =>
    subjects.map((subject) => `${prefix}.${subject.replace('*', user).replace('+', '*')}`);
  const { writes, appends, reads, hears } = ROLES[role];
  return {
    services: [
      ...place(values, writes),
      ...place(messages, appends),
      ...place(`$JS.API.DIRECT.GET.${nameStreams(fleet).values}.${values}`, reads),
    ],
    streams: [
      ...place(
        values,
        hears.flatMap((subject) => [subject, `${subject}.>`]),
      ),
      ...(role === 'subscriber' ? place(messages, SUBSCRIBED) : []),
    ],
  };
}
