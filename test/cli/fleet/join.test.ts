// `lintel fleet join` and `lintel fleet leave` on a door.
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { FleetStatus } from '../../../src/fleet/fleet.types.js';
import { Written } from '../terminal.js';
import {
  AUTHORITY,
  AUTHORITY_PRINT,
  createFleetDevice,
  DOOR,
  DOOR_PRINT,
  STAFF,
  TOKEN,
  typeText,
  type FleetDevice,
} from './fake-fleet.js';

const ASKED =
  'Authority    hq\n' +
  `Fingerprint  ${AUTHORITY_PRINT}, as "lintel fleet invite" printed it\n` +
  `This door    yard (${'d'.repeat(32)})\n` +
  `Fingerprint  ${DOOR_PRINT}\n` +
  'Compare the fingerprints, and run this on the authority: lintel fleet approve yard\n' +
  'Waiting for the approval; Ctrl-C ends the waiting, and the request stays.\n';
const MEMBER = 'yard is a door of the fleet of hq.\nstaff: 2000 faces, current\n';
const WAITING: FleetStatus = {
  ...DOOR,
  fingerprint: DOOR_PRINT,
  joining: { state: 'waiting', authority: 'hq', authorityFingerprint: AUTHORITY_PRINT },
};

/** An output that calls `onWaiting` once the command waits. */
class WatchedOutput extends Written {
  readonly #onWaiting: () => void;

  constructor(onWaiting: () => void) {
    super();
    this.#onWaiting = onWaiting;
  }

  override write(text: string): void {
    super.write(text);
    if (text.includes('Waiting for the approval')) setImmediate(this.#onWaiting);
  }
}

/** Runs the command, and decides on the request once it waits. */
async function joinAnd(
  { fleet, runWith }: FleetDevice,
  decide: () => void,
  args: readonly string[],
  stdin = Readable.from([]),
): Promise<{ code: number; stdout: string; stderr: string; calls: unknown[] }> {
  const stderr = new WatchedOutput(decide);
  const { code, stdout } = await runWith({ stdin, stderr }, 'join', ...args);
  return { code, stdout, stderr: stderr.text, calls: fleet.calls };
}

describe('lintel fleet join', () => {
  it.each([
    ['an argument', [TOKEN], ''],
    ['standard input', [], `${TOKEN}\n`],
    ['standard input, for "-"', ['-'], `  ${TOKEN}`],
  ])('takes the token from %s, waits for the approval, and says what it got', async (_name, args, input) => {
    const device = await createFleetDevice(DOOR);
    const decide = (): void => device.fleet.decide('approved');
    expect(await joinAnd(device, decide, args, Readable.from([input]))).toEqual({
      code: 0,
      stdout: MEMBER,
      stderr: ASKED,
      calls: [['join', TOKEN, { actor: 'cli' }]],
    });
  });

  it('asks for the token on a terminal', async () => {
    const device = await createFleetDevice(DOOR);
    const stdin = typeText(`${TOKEN}\n`) as Readable;
    const { code, stderr } = await joinAnd(device, () => device.fleet.decide('approved'), [], stdin);
    expect([code, stderr]).toEqual([0, `Token of the invitation: ${ASKED}`]);
  });

  it('says that the log cannot be reached, once, and waits for the first copy', async () => {
    const device = await createFleetDevice({
      ...WAITING,
      log: { kind: 'nats', isConnected: false, detail: 'No server answers.' },
    });
    const stderr = new Written();
    const running = device.runWith({ stderr }, 'join');
    await expect.poll(() => stderr.text, { timeout: 20_000 }).toContain('is sent once it can. No server answers.\n');
    device.fleet.decide('approved');
    device.fleet.now = { ...device.fleet.now, groups: [{ ...STAFF, state: 'missing' }] };
    const { reads } = device.fleet;
    await expect.poll(() => device.fleet.reads).toBeGreaterThan(reads + 1);
    device.fleet.decide('approved');
    expect(await running).toMatchObject({ code: 0, stdout: MEMBER });
    expect(stderr.text.match(/cannot be reached/g)).toHaveLength(1);
  });

  it('goes on waiting when it is run again without a token, and reads none', async () => {
    const device = await createFleetDevice(WAITING);
    const run = await joinAnd(device, () => device.fleet.decide('approved'), [], Readable.from(['other\n']));
    expect([run.code, run.stdout, run.calls]).toEqual([0, MEMBER, []]);
    expect(run.stderr).toContain(`This door    yard\nFingerprint  ${DOOR_PRINT}\n`);
  });

  it('only says what it has when it is a member already', async () => {
    const { run, fleet } = await createFleetDevice(WAITING);
    fleet.decide('approved');
    expect(await run('join')).toEqual({ code: 0, stdout: MEMBER, stderr: '' });
  });

  it.each<['refused' | 'none', string | undefined, string]>([
    ['refused', undefined, 'this door has not joined the fleet: The door is refused.'],
    ['refused', 'The authority has refused this door.', 'The authority has refused this door.'],
    ['none', undefined, 'this door has not joined the fleet: The request has expired.'],
  ])('ends with exit code 1 when the request is %s', async (state, detail, sentence) => {
    const device = await createFleetDevice(DOOR);
    const { code, stdout, stderr } = await joinAnd(device, () => device.fleet.decide(state, detail), [TOKEN]);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr.slice(ASKED.length)).toContain(sentence);
  });

  it('ends at Ctrl-C, and the request stays', async () => {
    const device = await createFleetDevice(DOOR);
    const { code, stderr } = await joinAnd(device, () => void process.emit('SIGINT'), [TOKEN]);
    expect(code).toBe(1);
    expect(stderr).toBe(`${ASKED}The request stays. Run "lintel fleet join" to go on waiting.\n`);
    expect(device.fleet.now.joining?.state).toBe('waiting');
  });

  it.each([
    [[], '', 'no token was given: "lintel fleet invite" on the authority prints one'],
    [[], '\n', 'no token was given'],
    [['used'], '', 'the token was used already: ask for another one'],
    [[], `${'x'.repeat(20_000)}\n`, 'line 1 is longer than 16384 characters'],
  ])('refuses %j with the input %j', async (args, input, sentence) => {
    const { runWith, fleet } = await createFleetDevice(DOOR);
    const { code, stdout, stderr } = await runWith({ stdin: Readable.from([input]) }, 'join', ...args);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(`lintel: ${sentence}`);
    expect(fleet.now.joining?.state).toBe('none');
  });
});

describe('lintel fleet leave', () => {
  it('names the copies that it deletes, and asks', async () => {
    const { runWith, fleet } = await createFleetDevice({ ...WAITING, groups: [STAFF] });
    expect(await runWith({ stdin: typeText('y\n') }, 'leave')).toEqual({
      code: 0,
      stdout: '',
      stderr:
        'This door has copies of these groups: staff. They are deleted.\n' +
        'Leave the fleet? [y/N] ' +
        'yard has left the fleet, and its copies are deleted: staff.\n' +
        'Run this on the authority: lintel fleet remove yard\n',
    });
    expect(fleet.calls).toEqual([['leave', { actor: 'cli' }]]);
  });

  it('does nothing where nobody can be asked, or the answer is no', async () => {
    const { run, runWith, fleet } = await createFleetDevice(WAITING);
    expect((await run('leave')).stderr).toContain('there is no terminal to ask on: confirm with --yes');
    expect((await runWith({ stdin: typeText('no\n') }, 'leave')).stderr).toContain('Nothing was changed.');
    expect(fleet.calls).toEqual([]);
  });
});

it.each([
  ['join', TOKEN],
  ['leave', '--yes'],
])('on the authority, lintel fleet %s says that it is for a door', async (...args) => {
  const { run } = await createFleetDevice(AUTHORITY);
  const { code, stderr } = await run(...args);
  expect([code, stderr]).toEqual([1, 'lintel: this command is for a door, and this device (hq) is the authority\n']);
});
