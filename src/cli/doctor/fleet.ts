// The doctor's check of the fleet: the role of the device, its log, its membership, its copies, and its clock against the authority's.
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { json } from 'node:stream/consumers';
import type { FleetConfig } from '../../config/fleet-schema.js';
import { dataPaths } from '../../config/paths.js';
import type { Config } from '../../config/schema.js';
import { fail, ok, warn, type DoctorFinding } from '../../domain/doctor.js';
import type { Clock } from '../../domain/time.js';
import { AppError, describeError } from '../../errors.js';
import { FLEET_PATHS } from '../../fleet/fleet-requests.js';
import type { FleetStatus } from '../../fleet/fleet.types.js';
import { askService } from '../admin-client.js';
import { describeJoining } from '../fleet/status-text.js';
import { formatDuration } from '../fleet/time-words.js';
import { reach, withoutBrackets } from './connections.js';

const NATS_PORT = 4222;
/** A head from further in the future than this shows that the clocks of door and authority differ. */
const CLOCK_TOLERANCE_MS = 60_000;

/** Asks the running service; where none runs, tries the log that the configuration names. */
export async function checkFleet(
  config: Pick<Config, 'dataDir' | 'keysDir' | 'fleet'>,
  clock: Clock,
): Promise<DoctorFinding[]> {
  const { fleet } = config;
  if (!fleet) return [ok('this device is in no fleet')];
  let status: FleetStatus | undefined;
  try {
    const answer = await askService(dataPaths(config).adminSocket, 'GET', FLEET_PATHS.status);
    status = answer && ((await json(answer)) as FleetStatus);
  } catch (error) {
    if (error instanceof AppError) return [warn(`not checked: ${error.message}`)];
    throw error;
  }
  if (status) return judgeFleet(status, clock());
  return [ok(`${fleet.role}; the service does not run, so only the log is checked`), ...(await checkLog(fleet))];
}

/** @param nowMs milliseconds since the epoch */
export function judgeFleet(status: FleetStatus, nowMs: number): DoctorFinding[] {
  const { role, name, log, groups, doors, joining } = status;
  const where = log.kind === 'nats' ? 'the NATS server' : 'the folder of the log';
  const findings = [
    ok(role === 'authority' ? `${name} is the authority of a fleet` : `${name} is a door`),
    log.isConnected
      ? ok(`${where} can be reached`)
      : fail(`${where} cannot be reached${log.detail === undefined ? '' : `: ${log.detail}`}`),
  ];
  if (role === 'authority') return [...findings, judgeDoors(doors), ...judgeCopies(groups)];
  const problem = describeJoining(joining);
  findings.push(problem === undefined ? ok('it has joined the fleet') : warn(problem));
  return [...findings, ...judgeCopies(groups), ...judgeClock(groups, nowMs)];
}

function judgeCopies(groups: FleetStatus['groups']): DoctorFinding[] {
  return groups.map(({ groupId, state, records, version, detail }) => {
    const text = `${groupId}: ${state}, ${records} faces, version ${version}${detail === undefined ? '' : `: ${detail}`}`;
    if (state === 'current' || state === 'behind') return ok(text);
    return state === 'missing' ? warn(text) : fail(text);
  });
}

function judgeDoors(doors: FleetStatus['doors']): DoctorFinding {
  const approved = doors.filter(({ state }) => state === 'approved');
  const waiting = doors.filter(({ state }) => state === 'waiting').length;
  const ill = approved.filter(({ problems }) => problems.length > 0).length;
  const rest = waiting === 0 ? '' : `, ${waiting} wait for your approval`;
  if (ill === 0 && waiting === 0) return ok(`doors: ${approved.length}, without problems`);
  return warn(`doors: ${approved.length}, ${ill} with problems${rest}: run "lintel fleet status"`);
}

/** The authority dates its heads: one from the future of this door shows that a clock is wrong. */
function judgeClock(groups: FleetStatus['groups'], nowMs: number): DoctorFinding[] {
  const times = groups.flatMap(({ issuedAt }) => (issuedAt === undefined ? [] : [Date.parse(issuedAt)]));
  if (times.length === 0) return [];
  const aheadMs = Math.max(...times) - nowMs;
  if (aheadMs <= CLOCK_TOLERANCE_MS) return [ok('the clock is not behind that of the authority')];
  return [fail(`the clock of this door is ${formatDuration(aheadMs)} behind that of the authority: set both by NTP`)];
}

async function checkLog({ folder, servers }: FleetConfig): Promise<DoctorFinding[]> {
  if (folder !== undefined) {
    try {
      await access(folder, constants.R_OK | constants.W_OK);
      return [ok(`${folder} can be used`)];
    } catch (error) {
      return [fail(`${folder} cannot be used: ${describeError(error)}`)];
    }
  }
  return Promise.all(
    (servers ?? []).map(async (url) => {
      const { hostname, port } = new URL(url);
      const host = withoutBrackets(hostname);
      try {
        await reach({ host, port: Number(port) || NATS_PORT });
        return ok(`${url} can be reached`);
      } catch (error) {
        return fail(`${url}: ${describeError(error)}`);
      }
    }),
  );
}
