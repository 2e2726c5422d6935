// `lintel fleet join`: a door asks to join a fleet, and waits for the approval of the authority.
import type { Command } from 'commander';
import { setTimeout as pause } from 'node:timers/promises';
import { FLEET_PATHS, type JoinAnswer } from '../../fleet/fleet-requests.js';
import type { FleetStatus } from '../../fleet/fleet.types.js';
import { AppError } from '../../errors.js';
import type { CliContext } from '../context.js';
import { listenForStop } from '../enrol/stop-signals.js';
import { SilentFailure } from '../program.js';
import { makePrintable } from '../output.js';
import { openFleetService, requireRole, type FleetService } from './ask-fleet.js';
import { readToken } from './ask-person.js';

const PAUSE_MS = 500;
/** Time for the door to connect to the log, before the command says that it cannot. */
const NOTICE_MS = 5_000;
/** Longest wait for the first copies, after the approval. */
const COPIES_MS = 30_000;
/** Stands for standard input in place of a token. */
const STDIN = '-';

/** @param fleet the command `lintel fleet` */
export function registerJoin(fleet: Command, context: CliContext): void {
  fleet
    .command('join')
    .description('on a door: ask to join a fleet, with a token of "lintel fleet invite"')
    .argument(
      '[token]',
      'the token; default: read it from standard input, which keeps it out of the history of the shell',
    )
    .addHelpText(
      'after',
      `
The door makes its keys, shows its fingerprint, and waits until a person has compared it and
approved the door on the authority. Ctrl-C ends the waiting, and the request stays: run the command
again, without a token, to go on waiting. The exit code is 0 once the door is approved.`,
    )
    .action(async (token: string | undefined, _options: unknown, command: Command) => {
      const service = await openFleetService(command, context);
      const status = await service.status();
      requireRole(status, 'door');
      if (token === undefined && status.joining?.state === 'waiting') showWaiting(status, context);
      else if (token === undefined && status.joining?.state === 'approved') return printMembership(status, context);
      else await ask(service, token, context);
      await awaitApproval(service, context);
    });
}

async function ask(service: FleetService, given: string | undefined, context: CliContext): Promise<void> {
  const token = given === undefined || given === STDIN ? await readToken(context) : given.trim();
  const { door, ...answer } = await service.ask<JoinAnswer>('POST', FLEET_PATHS.join, { token });
  const name = makePrintable(answer.authority);
  context.stderr.write(
    `Authority    ${name}\n` +
      `Fingerprint  ${answer.authorityFingerprint}, as "lintel fleet invite" printed it\n` +
      `This door    ${service.config.deviceId} (${door})\n` +
      `Fingerprint  ${answer.fingerprint}\n`,
  );
  showNext(service.config.deviceId, context);
}

function showWaiting({ name, fingerprint, joining }: FleetStatus, context: CliContext): void {
  context.stderr.write(
    `Authority    ${makePrintable(joining?.authority ?? '')}\n` +
      `Fingerprint  ${joining?.authorityFingerprint ?? ''}\n` +
      `This door    ${name}\n` +
      `Fingerprint  ${fingerprint ?? ''}\n`,
  );
  showNext(name, context);
}

function showNext(name: string, { stderr }: CliContext): void {
  stderr.write(
    `Compare the fingerprints, and run this on the authority: lintel fleet approve ${name}\n` +
      'Waiting for the approval; Ctrl-C ends the waiting, and the request stays.\n',
  );
}

async function awaitApproval(service: FleetService, context: CliContext): Promise<void> {
  const { signal, release } = listenForStop();
  try {
    if (!(await watchRequest(service, context, signal))) {
      context.stderr.write('The request stays. Run "lintel fleet join" to go on waiting.\n');
      throw new SilentFailure('the waiting was ended');
    }
    printMembership(await awaitCopies(service, signal), context);
  } finally {
    release();
  }
}

/** @returns whether the door was approved; false where the person does not want to wait @throws AppError FLEET_NOT_JOINED: refused, or expired */
async function watchRequest(service: FleetService, context: CliContext, signal: AbortSignal): Promise<boolean> {
  const noticeMs = performance.now() + NOTICE_MS;
  let isNoticed = false;
  for (;;) {
    const { joining, log } = await service.status();
    const { state, detail } = joining ?? { state: 'none' as const };
    if (state === 'approved') return true;
    if (state !== 'waiting') {
      const reason = detail ?? (state === 'none' ? 'The request has expired.' : `The door is ${state}.`);
      throw new AppError('FLEET_NOT_JOINED', `this door has not joined the fleet: ${makePrintable(reason)}`);
    }
    if (!log.isConnected && !isNoticed && performance.now() > noticeMs) {
      isNoticed = true;
      const why = log.detail === undefined ? '' : ` ${makePrintable(log.detail)}`;
      context.stderr.write(`The log of the fleet cannot be reached; the request is sent once it can.${why}\n`);
    }
    if (!(await rest(signal))) return false;
  }
}

/** Waits for the first copies, for a while only: a large group takes its time. @returns the state then */
async function awaitCopies(service: FleetService, signal: AbortSignal): Promise<FleetStatus> {
  const endMs = performance.now() + COPIES_MS;
  for (;;) {
    const status = await service.status();
    const isComplete = status.groups.length > 0 && status.groups.every(({ state }) => state !== 'missing');
    if (isComplete || performance.now() > endMs || !(await rest(signal))) return status;
  }
}

/** @returns false where the person has ended the waiting */
async function rest(signal: AbortSignal): Promise<boolean> {
  await pause(PAUSE_MS, undefined, { signal }).catch(() => undefined);
  return !signal.aborted;
}

function printMembership({ name, groups, joining }: FleetStatus, { stdout }: CliContext): void {
  const authority = makePrintable(joining?.authority ?? 'the authority');
  stdout.write(`${name} is a door of the fleet of ${authority}.\n`);
  if (groups.length === 0) stdout.write('It has no groups yet.\n');
  for (const { groupId, records, state, detail } of groups) {
    const what = state === 'missing' ? 'its first copy is on its way' : `${records} faces, ${state}`;
    stdout.write(
      `${groupId}: ${what}${detail === undefined || state === 'missing' ? '' : `. ${makePrintable(detail)}`}\n`,
    );
  }
}
