// `lintel fleet invite`, `approve`, `refuse` and `remove` on an authority.
import { describe, expect, it } from 'vitest';
import {
  AUTHORITY,
  AUTHORITY_PRINT,
  createFleetDevice,
  DOOR,
  DOOR_PRINT,
  newDoor,
  TOKEN,
  typeText,
  waitingDoor,
  type FleetDevice,
} from './fake-fleet.js';

const BY = { actor: 'cli' };
const YARD = 'b'.repeat(32);
const createAuthority = (config: object = {}): Promise<FleetDevice> =>
  createFleetDevice({ ...AUTHORITY, doors: [newDoor('front-gate', 'a'), waitingDoor('yard', 'b')] }, config);

describe('lintel fleet invite', () => {
  it('prints the token alone on standard output, and what to do with it beside it', async () => {
    const { run, fleet } = await createAuthority();
    expect(await run('invite')).toEqual({
      code: 0,
      stdout: `${TOKEN}\n`,
      stderr:
        'The token holds for one door, for 15 min: until 2030-01-31 12:15:00 UTC.\n' +
        `Fingerprint of this authority: ${AUTHORITY_PRINT}\n` +
        'Run this at the door, and give it the token: lintel fleet join\n',
    });
    expect(fleet.calls).toEqual([['invite', BY]]);
  });
});

describe('lintel fleet approve', () => {
  it('shows the door with its fingerprint, asks, and approves it', async () => {
    const { runWith, fleet } = await createAuthority();
    expect(await runWith({ stdin: typeText('y\n') }, 'approve', 'yard')).toEqual({
      code: 0,
      stdout: '',
      stderr:
        `Door         yard (${YARD})\n` +
        `Fingerprint  ${DOOR_PRINT}\n` +
        'Groups       all groups of the fleet\n' +
        'Does the door show the same fingerprint? Approve it? [y/N] ' +
        'yard is approved. It gets staff.\n',
    });
    expect(fleet.calls).toEqual([['approve', YARD, { ...BY, groups: undefined }]]);
  });

  it.each(['n\n', '\n', 'yesterday\n', ''])('changes nothing when the answer is %j', async (answer) => {
    const { runWith, fleet } = await createAuthority();
    const { code, stderr } = await runWith({ stdin: typeText(answer) }, 'approve', 'yard');
    expect([code, fleet.calls]).toEqual([1, []]);
    expect(stderr).toContain('Nothing was changed.\n');
  });

  it.each([[['--yes']], [['--fingerprint', DOOR_PRINT]], [['--fingerprint', DOOR_PRINT.replaceAll(' ', '')]]])(
    'asks nothing with %j, and gives it the groups that are named',
    async (options) => {
      const { run, fleet } = await createAuthority();
      const { code, stderr } = await run('approve', 'bbbb', ...options, '--group', 'staff', '--group', 'guests');
      expect([code, stderr]).toEqual([0, 'yard is approved. It gets staff, guests.\n']);
      expect(fleet.calls).toEqual([['approve', YARD, { ...BY, groups: ['staff', 'guests'] }]]);
    },
  );

  it.each([
    [['yard'], 'there is no terminal to ask on: confirm with --fingerprint FINGERPRINT or --yes'],
    [['yard', '--fingerprint', AUTHORITY_PRINT], `yard was not approved: its fingerprint is ${DOOR_PRINT}, which is`],
    [['front-gate', '--yes'], 'front-gate does not wait for an approval: it is approved'],
    [['cellar', '--yes'], 'the fleet has no door cellar: "lintel fleet status" lists its doors'],
    [['bbb', '--yes'], 'the fleet has no door bbb'],
  ])('refuses %j', async (args, sentence) => {
    const { run, fleet } = await createAuthority();
    const { code, stdout, stderr } = await run('approve', ...args);
    expect([code, stdout, fleet.calls]).toEqual([1, '', []]);
    expect(stderr).toContain(`lintel: ${sentence}`);
  });

  it('does not approve another machine that takes the place of the door while the person compares', async () => {
    const { runWith, fleet } = await createAuthority();
    const stdin = typeText('y\n');
    const read = stdin.read.bind(stdin);
    stdin.read = (size) => {
      fleet.now = { ...fleet.now, doors: [{ ...waitingDoor('yard', 'b'), fingerprint: AUTHORITY_PRINT }] };
      return read(size);
    };
    const { code, stderr } = await runWith({ stdin }, 'approve', 'yard');
    expect([code, fleet.calls]).toEqual([1, []]);
    expect(stderr).toContain(`yard was not approved: its fingerprint is ${AUTHORITY_PRINT}`);
  });

  it('asks for the id where several doors wait under one name, and takes the waiting one before others', async () => {
    const { run, fleet } = await createFleetDevice({
      ...AUTHORITY,
      doors: [waitingDoor('yard', 'b'), waitingDoor('yard', 'c'), newDoor('gate', 'd'), waitingDoor('gate', 'e')],
    });
    const { code, stderr } = await run('approve', 'yard', '--yes');
    expect(code).toBe(1);
    expect(stderr).toContain(`yard names several doors: give the id of one of them: ${YARD} (waiting), ccc`);
    expect((await run('approve', 'gate', '--yes')).code).toBe(0);
    expect(fleet.calls).toEqual([['approve', 'e'.repeat(32), { ...BY, groups: undefined }]]);
  });
});

describe('lintel fleet refuse', () => {
  it('turns a waiting door away, and no other', async () => {
    const { run, fleet } = await createAuthority();
    expect(await run('refuse', 'yard')).toEqual({
      code: 0,
      stdout: '',
      stderr: 'yard is refused. Its token does not work again.\n',
    });
    expect(fleet.calls).toEqual([['refuse', YARD, BY]]);
    const { code, stderr } = await run('refuse', 'front-gate');
    expect([code, stderr]).toEqual([1, 'lintel: front-gate does not wait for an approval: it is approved\n']);
  });
});

describe('lintel fleet remove', () => {
  it('says what follows, with the time from which the door refuses, and asks', async () => {
    const { runWith, fleet } = await createAuthority({ maxStaleHours: 12 });
    const { code, stderr } = await runWith({ stdin: typeText('yes\n') }, 'remove', 'front-gate');
    expect(code).toBe(0);
    expect(stderr).toBe(
      `Door         front-gate (${'a'.repeat(32)})\n` +
        `Fingerprint  ${DOOR_PRINT}\n` +
        'Its credentials are revoked, and its groups begin a new epoch. It deletes its copies when it hears of it.\n' +
        'If it does not hear of it, it refuses everybody of them from 2030-02-01 00:00:00 UTC at the latest.\n' +
        'Remove it? [y/N] ' +
        'front-gate is removed: its credentials are revoked, and its groups have a new epoch.\n' +
        'If it does not hear of it, it refuses everybody of its copies from 2030-02-01 00:00:00 UTC at the latest.\n' +
        'Run "lintel fleet status" to see whether it has deleted them.\n',
    );
    expect(fleet.calls).toEqual([['remove', 'a'.repeat(32), BY]]);
  });

  it('asks nothing with --yes', async () => {
    const { run, fleet } = await createAuthority();
    const { code, stderr } = await run('remove', 'aaaa', '--yes');
    expect([code, stderr.includes('?')]).toEqual([0, false]);
    expect(fleet.now.doors[0]?.state).toBe('removed');
  });

  it.each([
    [['front-gate'], 'there is no terminal to ask on: confirm with --yes'],
    [['yard', '--yes'], 'yard waits: turn it away with "lintel fleet refuse"'],
    [['cellar', '--yes'], 'the fleet has no door cellar'],
  ])('refuses %j', async (args, sentence) => {
    const { run, fleet } = await createAuthority();
    const { code, stderr } = await run('remove', ...args);
    expect([code, fleet.calls]).toEqual([1, []]);
    expect(stderr).toContain(`lintel: ${sentence}`);
  });
});

it.each([
  ['approve', 'yard', '--yes'],
  ['refuse', 'yard'],
  ['remove', 'yard', '--yes'],
  ['invite'],
  ['proof'],
  ['events'],
])('on a door, lintel fleet %s says that it is for the authority', async (...args) => {
  const { run } = await createFleetDevice(DOOR);
  const { code, stdout, stderr } = await run(...args);
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(/^lintel: this command is for the authority/);
});
