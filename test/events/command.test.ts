// Commands over MQTT: which pass the gate, what they do, and what is answered.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { AuditEntry } from '../../src/domain/audit.js';
import { silentLog } from '../../src/domain/log.js';
import { AppError } from '../../src/errors.js';
import { COMMAND_LIFE_MS, CommandGate, computeCommandMac, type Command } from '../../src/events/command.js';
import { Commander, type CommandTarget } from '../../src/events/commander.js';
import { eventually, lacks, Mosquitto, recordingLog, startEvents, Subscriber } from './support.js';

const SECRET = 'a-secret-of-these-tests';
const NOW = Date.UTC(2026, 2, 1, 12);

type Unsealed = Omit<Command, 'mac'>;

function unsealed(change: Partial<Unsealed> = {}, atMs = NOW): Unsealed {
  const issuedAt = new Date(atMs).toISOString();
  return { version: 1, id: randomUUID(), deviceId: 'gate', command: 'pause', cameraId: 'front', issuedAt, ...change };
}

function sealed(change: Partial<Unsealed> = {}, atMs = NOW, secret = SECRET): Buffer {
  const command = unsealed(change, atMs);
  return Buffer.from(JSON.stringify({ ...command, mac: computeCommandMac(command, secret) }));
}

function gateAt(nowMs = NOW, madeAtMs = NOW - 60_000): CommandGate {
  let now = madeAtMs;
  const gate = new CommandGate({ deviceId: 'gate', secret: SECRET, clock: () => now });
  now = nowMs;
  return gate;
}

describe('the gate of commands', () => {
  it.each(['pause', 'resume', 'snapshot'] as const)('accepts a %s with a correct MAC', (command) => {
    expect(gateAt().check(sealed({ command }), false)).toMatchObject({ command: { command, cameraId: 'front' } });
  });

  it('accepts the MAC whatever the order of the members', () => {
    const reversed = Object.fromEntries(Object.entries(JSON.parse(sealed().toString()) as object).reverse());
    expect(gateAt().check(Buffer.from(JSON.stringify(reversed)), false)).toHaveProperty('command');
  });

  const withMac = (change: object): Buffer =>
    Buffer.from(JSON.stringify({ ...(JSON.parse(sealed().toString()) as object), ...change }));
  it.each<[string, Buffer, string]>([
    ['no JSON', Buffer.from('pause'), 'MALFORMED'],
    ['no object', Buffer.from('[]'), 'MALFORMED'],
    ['too many bytes', Buffer.alloc(5_000, 0x20), 'MALFORMED'],
    ['an unknown member', withMac({ then: 'open' }), 'MALFORMED'],
    ['an unknown command', withMac({ command: 'open' }), 'MALFORMED'],
    ['a camera id with a slash', withMac({ cameraId: 'a/b' }), 'MALFORMED'],
    ['a seal of another form', withMac({ mac: 'ABC' }), 'MALFORMED'],
    ['half a surrogate pair', withMac({ id: '\ud800 and more' }), 'MALFORMED'],
    ['no seal', Buffer.from(JSON.stringify(unsealed())), 'MALFORMED'],
    ['another seal', withMac({ mac: '0'.repeat(64) }), 'UNAUTHENTICATED'],
    ['the seal of another secret', sealed({}, NOW, 'another-secret-of-tests'), 'UNAUTHENTICATED'],
    ['another camera than was sealed', withMac({ cameraId: 'back' }), 'UNAUTHENTICATED'],
    ['another command than was sealed', withMac({ command: 'resume' }), 'UNAUTHENTICATED'],
    ['the name of another device', sealed({ deviceId: 'side' }), 'WRONG_DEVICE'],
    ['an age of more than 30 s', sealed({}, NOW - COMMAND_LIFE_MS - 1), 'EXPIRED'],
    ['a time in the future', sealed({}, NOW + 2_001), 'IN_THE_FUTURE'],
  ])('refuses one with %s', (_, payload, error) => {
    expect(gateAt().check(payload, false)).toMatchObject({ error, answer: true });
  });

  it('refuses a retained command, and one that was issued before Lintel started', () => {
    expect(gateAt().check(sealed(), true)).toMatchObject({ error: 'RETAINED' });
    expect(gateAt(NOW, NOW - 5_000).check(sealed({}, NOW - 5_001), false)).toMatchObject({ error: 'EXPIRED' });
  });

  it('accepts each command once, and remembers it until it has expired', () => {
    let now = NOW - 60_000;
    const gate = new CommandGate({ deviceId: 'gate', secret: SECRET, clock: () => now });
    now = NOW;
    const payload = sealed();
    expect(gate.check(payload, false)).toHaveProperty('command');
    expect(gate.check(payload, false)).toMatchObject({ error: 'REPEATED' });
    now = NOW + COMMAND_LIFE_MS;
    expect(gate.check(payload, false)).toMatchObject({ error: 'REPEATED' });
    now++;
    expect(gate.check(payload, false)).toMatchObject({ error: 'EXPIRED' });
  });

  it('accepts a limited number of commands, and more of them later', () => {
    let now = NOW - 60_000;
    const gate = new CommandGate({ deviceId: 'gate', secret: SECRET, clock: () => now });
    now = NOW;
    for (let i = 0; i < 120; i++) expect(gate.check(sealed(), false)).toHaveProperty('command');
    expect(gate.check(sealed(), false)).toMatchObject({ error: 'TOO_MANY' });
    now += COMMAND_LIFE_MS + 1;
    expect(gate.check(sealed({}, now), false)).toHaveProperty('command');
  });

  it('accepts a correct command among any number of wrong ones, and answers few of those', () => {
    const gate = gateAt();
    const answers = Array.from({ length: 100 }, () => gate.check(Buffer.from('{}'), false));
    expect(answers.filter((checked) => 'answer' in checked && checked.answer)).toHaveLength(30);
    expect(gate.check(sealed(), false)).toHaveProperty('command');
  });
});

interface Seen {
  calls: string[];
  audited: AuditEntry[];
  commander: Commander;
}

function newCommander(target: Partial<CommandTarget> = {}, auditFails = false): Seen {
  const calls: string[] = [];
  const audited: AuditEntry[] = [];
  const commander = new Commander({
    deviceId: 'gate',
    secret: SECRET,
    target: {
      pause: async (id) => void calls.push(`pause ${id}`),
      resume: async (id) => void calls.push(`resume ${id}`),
      snapshot: async (id) => {
        calls.push(`snapshot ${id}`);
        return Buffer.from('a picture');
      },
      ...target,
    },
    audit: {
      append: async (entry) => {
        if (auditFails) throw new AppError('STORE_UNAVAILABLE', 'no room');
        calls.push('audit');
        audited.push(entry);
      },
    },
    clock: () => NOW,
    log: silentLog,
  });
  return { calls, audited, commander };
}

const handle = (commander: Commander, change: Partial<Unsealed>, payload = sealed(change)) =>
  commander.handle({ topic: 'lintel/gate/command', payload, retained: false });
const parseResult = (payload: string | Buffer | undefined): unknown => JSON.parse(String(payload));

describe('a command', () => {
  it.each([
    ['pause', ['pause front', 'audit'], 'camera.paused'],
    ['resume', ['audit', 'resume front'], 'camera.resumed'],
  ] as const)('%s is carried out, audited and answered', async (command, expected, action) => {
    const { commander, calls, audited } = newCommander();
    const id = randomUUID();
    const [result, ...more] = await handle(commander, { id, command });
    expect(more).toEqual([]);
    expect(result).toMatchObject({ topic: 'lintel/gate/command/result', retain: false });
    expect(parseResult(result?.payload)).toEqual({ version: 1, id, ok: true });
    expect(calls).toEqual(expected);
    expect(audited).toEqual([{ action, actor: 'mqtt-command', subject: { cameraId: 'front', commandId: id } }]);
    expect(commander.stats()).toEqual({ obeyed: 1, refused: 0 });
  });

  it('snapshot is answered with the picture, after its audit entry is written', async () => {
    const { commander, calls, audited } = newCommander();
    const answers = await handle(commander, { command: 'snapshot' });
    expect(answers[0]).toMatchObject({
      topic: 'lintel/gate/front/snapshot',
      payload: Buffer.from('a picture'),
      retain: false,
    });
    expect(parseResult(answers[1]?.payload)).toMatchObject({ ok: true });
    expect(calls).toEqual(['snapshot front', 'audit', 'snapshot front']);
    expect(audited).toMatchObject([{ action: 'camera.viewed' }]);
  });

  it('snapshot sends no picture when the camera was closed while the audit entry was written', async () => {
    const pictures = [Buffer.from('a picture')];
    const { commander, audited } = newCommander({ snapshot: async () => pictures.shift() });
    const answers = await handle(commander, { command: 'snapshot' });
    expect(audited).toHaveLength(1);
    expect(answers.map(({ payload }) => parseResult(payload))).toEqual([
      expect.objectContaining({ error: 'CAMERA_UNAVAILABLE' }),
    ]);
  });

  it.each([
    ['no frame', async (): Promise<undefined> => undefined, 'CAMERA_UNAVAILABLE'],
    ['too large a frame', async (): Promise<Buffer> => Buffer.alloc(8_000_001), 'CAMERA_UNAVAILABLE'],
    ['an unknown camera', () => Promise.reject(new AppError('CAMERA_NOT_FOUND', 'no')), 'CAMERA_NOT_FOUND'],
    ['the privacy switch', () => Promise.reject(new AppError('PRIVACY_ON', 'no')), 'PRIVACY_ON'],
    ['something unforeseen', () => Promise.reject(new Error('secret path')), 'FAILED'],
    ['an inner error', () => Promise.reject(new AppError('STORE_CORRUPT', 'secret path')), 'FAILED'],
  ])('that fails for %s is answered, without a picture', async (_, snapshot, error) => {
    const { commander } = newCommander({ snapshot });
    const answers = await handle(commander, { command: 'snapshot' });
    expect(answers).toHaveLength(1);
    expect(parseResult(answers[0]?.payload)).toMatchObject({ ok: false, error });
    expect(String(answers[0]?.payload)).not.toContain('secret');
    expect(commander.stats()).toEqual({ obeyed: 0, refused: 1 });
  });

  it('is not carried out when its audit entry cannot be written', async () => {
    const { commander, calls } = newCommander({}, true);
    for (const command of ['snapshot', 'resume'] as const) {
      const answers = await handle(commander, { command });
      expect(answers.map(({ payload }) => parseResult(payload))).toEqual([
        expect.objectContaining({ error: 'FAILED' }),
      ]);
    }
    expect(calls).toEqual(['snapshot front']);
  });

  it('does nothing when it is refused, and the answer does not contain the secret', async () => {
    const { commander, calls } = newCommander();
    const answers = await handle(commander, {}, sealed({ id: 'the-command' }, NOW, 'another-secret-of-tests'));
    expect(answers.map(({ payload }) => parseResult(payload))).toEqual([
      { version: 1, id: 'the-command', ok: false, error: 'UNAUTHENTICATED' },
    ]);
    expect(calls).toEqual([]);
    for (let i = 0; i < 50; i++) await handle(commander, {}, Buffer.from('{}'));
    expect(await handle(commander, {}, Buffer.from('{}'))).toEqual([]);
    expect(commander.stats()).toEqual({ obeyed: 0, refused: 52 });
  });

  it('is refused when too many others are being carried out', async () => {
    const { commander } = newCommander({ pause: () => new Promise(() => undefined) });
    for (let i = 0; i < 4; i++) void handle(commander, {});
    const [result] = await handle(commander, {});
    expect(parseResult(result?.payload)).toMatchObject({ ok: false, error: 'TOO_MANY' });
  });
});

/** @returns the exit code of a mosquitto_pub: 0 when the broker took it */
async function publish(port: number, topic: string, payload: Buffer, args: string[] = []): Promise<unknown> {
  const options = ['-h', '127.0.0.1', '-p', String(port), '-V', '311', '-q', '1', '-t', topic, '-s', ...args];
  const child = spawn('mosquitto_pub', options, { stdio: ['pipe', 'ignore', 'ignore'] });
  child.stdin.end(payload);
  return (await once(child, 'exit'))[0];
}

const skip = lacks('commands over brokers', 'mosquitto', 'mosquitto_sub', 'mosquitto_pub');
const brokers: [string, () => Promise<string | undefined>][] = [
  ['the embedded broker', async () => undefined],
  ['mosquitto', async () => (await Mosquitto.start()).url],
];

describe.skipIf(skip).each(brokers)('commands through %s', (_, start) => {
  const target: CommandTarget = {
    pause: async () => undefined,
    resume: async () => undefined,
    snapshot: async () => Buffer.from(`JPEG ${'x'.repeat(200_000)}`),
  };

  const send = (port: number, payload: Buffer): Promise<unknown> => publish(port, 'lintel/gate/command', payload);

  it('are carried out and answered, with pictures larger than other clients may send', async () => {
    const log = recordingLog();
    const events = await startEvents({ url: await start() }, { commandSecret: SECRET, commands: target, log });
    const port = Number(new URL(events.brokerUrl ?? '').port);
    await eventually(() => events.stats().connected);
    const subscriber = await Subscriber.start(port, 'lintel/gate/#');
    expect(await send(port, sealed({ id: 'the-command', command: 'snapshot' }, Date.now()))).toBe(0);
    await eventually(() => subscriber.messages.some(({ topic }) => topic.endsWith('/result')));
    const [picture, result] = subscriber.messages.filter(({ topic }) => /\/(snapshot|result)$/.test(topic));
    expect(picture).toMatchObject({ topic: 'lintel/gate/front/snapshot', retained: false });
    expect(picture?.payload).toHaveLength(200_005);
    expect(JSON.parse(result?.payload ?? '')).toEqual({ version: 1, id: 'the-command', ok: true });
    expect(events.stats().commands).toEqual({ obeyed: 1, refused: 0 });
    expect(JSON.stringify(log.lines)).not.toContain(SECRET);
  });

  it('are not subscribed to without a secret', async () => {
    const events = await startEvents({ url: await start() }, { commands: target });
    const port = Number(new URL(events.brokerUrl ?? '').port);
    await eventually(() => events.stats().connected);
    const subscriber = await Subscriber.start(port, 'lintel/gate/command/result');
    await send(port, sealed({}, Date.now()));
    await events.stop();
    expect(subscriber.messages).toEqual([]);
    expect(events.stats().commands).toBeUndefined();
  });
});

describe.skipIf(skip)('the embedded broker, with commands', () => {
  it('passes on only commands of other clients, and no retained command', async () => {
    const target = { pause: async () => undefined, resume: async () => undefined, snapshot: async () => undefined };
    const events = await startEvents({}, { commandSecret: SECRET, commands: target });
    const port = Number(new URL(events.brokerUrl ?? '').port);
    const to = (topic: string, ...args: string[]): Promise<unknown> =>
      publish(port, `lintel/gate/${topic}`, Buffer.from('{}'), args);
    await eventually(() => events.stats().connected);
    expect(await to('command')).toBe(0);
    await eventually(() => events.stats().commands?.refused === 1);
    const subscriber = await Subscriber.start(port, '#');
    await eventually(() => subscriber.messages.length > 0);
    expect(await to('command', '-r')).toBe(0);
    for (const topic of ['command/result', 'front/match', 'front/snapshot', 'history', 'status']) {
      expect(await to(topic)).toBe(0);
    }
    expect(events.health().facts).toMatchObject({ clientMessagesIgnored: 6, clientsCutOff: 0 });
    expect(subscriber.messages.map(({ topic, retained }) => [topic, retained])).toEqual([['lintel/gate/status', true]]);
    expect(events.stats().commands).toEqual({ obeyed: 0, refused: 1 });
  });
});
