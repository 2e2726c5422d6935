// `lintel events`: the public key, the verification of recorded messages line by line, and a command to a running device.
import { createPublicKey, sign } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { registerEvents } from '../../src/cli/events.js';
import { openSigningKey } from '../../src/keys/signing-key.js';
import { canonicalJson } from '../../src/platform/canonical-json.js';
import type { CommandTarget } from '../../src/events/commander.js';
import { NO_HASH } from '../../src/events/event-chain.js';
import { createHistoryEncoder } from '../../src/events/history.js';
import { describeSigningKey, EventSigner } from '../../src/events/signing.js';
import { freePort } from '../support/free-port.js';
import { anEvent, eventually, SIGNING_KEY, startEvents } from '../events/support.js';
import { hasOpenssl, makeCertificate } from '../support/certificate.js';
import { tempDir } from '../support/temp-dir.js';
import { lintel, type Run } from './terminal.js';

const NOW = Date.UTC(2030, 0, 31, 12);
const { publicKeyPem } = describeSigningKey(SIGNING_KEY);

const event = (sequence: number, change: object = {}) =>
  anEvent({
    sequence,
    eventId: `9c0f4f0e-7a3c-4a0e-8d4e-${String(sequence).padStart(12, '0')}`,
    expiresAt: new Date(NOW + 5_000).toISOString(),
    ...change,
  });
const encode = createHistoryEncoder('gate', 'mqtt', new EventSigner(SIGNING_KEY).signObject);
const history = (sequence: number, change: object = {}, late = false): object =>
  JSON.parse(encode({ sequence, event: event(sequence, change) }, late)) as object;
const gap = (from: number, to: number): object =>
  JSON.parse(encode({ sequence: to, gap: { from, to, reason: 'removed', previous: NO_HASH } }, true)) as object;
/** A message of Lintel 0.2. */
const unsignedHistory = (sequence: number): object => ({ version: 1, sequence, late: false, event: event(sequence) });

describe('lintel events key', () => {
  it('prints the public key of the device, and never the private one', async () => {
    const folder = tempDir();
    writeFileSync(join(folder, 'lintel.yaml'), 'keysDir: keys\n');
    const run = (): Promise<Run> =>
      lintel(['events', 'key', '--config', join(folder, 'lintel.yaml')], { events: registerEvents });
    const before = await run();
    expect(before).toMatchObject({ code: 1, stdout: '' });
    expect(before.stderr).toContain('there is no signing key yet');
    const { privateKey } = await openSigningKey({ environment: {}, keysDir: join(folder, 'keys') });
    const { code, stdout, stderr } = await run();
    expect(code).toBe(0);
    expect(createPublicKey(stdout).equals(createPublicKey(privateKey))).toBe(true);
    expect(stderr).toContain(describeSigningKey(privateKey).keyId);
    expect(stdout + stderr).not.toContain('PRIVATE');
  });
});

describe('lintel events verify', () => {
  function verify(lines: readonly (object | string)[], options: readonly string[] = []): Promise<Run> {
    const folder = tempDir();
    const [file, key] = [join(folder, 'events.jsonl'), join(folder, 'key.pem')];
    writeFileSync(file, lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join(''));
    writeFileSync(key, publicKeyPem);
    const chosen = options.length > 0 ? options : ['--public-key', key];
    return lintel(['events', 'verify', file, ...chosen], { events: registerEvents });
  }

  it('accepts events, messages of the history and the output of mosquitto_sub -v, and skips other messages', async () => {
    const { code, stdout, stderr } = await verify([
      event(1),
      history(1),
      `lintel/gate/history ${JSON.stringify(history(2))}`,
      '',
      { version: 1, deviceId: 'gate', status: 'online', since: '2030-01-31T12:00:00.000Z' },
    ]);
    expect(stdout).toBe('1: valid gate 1 front match\n2: valid gate 1 front match\n3: valid gate 2 front match\n');
    expect(stderr).toBe('3 valid, 0 invalid, 1 other messages\nhistory of gate, 1 to 2: complete\n');
    expect(code).toBe(0);
  });

  it('marks events that are expired, late, duplicate, out of order or missing', async () => {
    const old = { expiresAt: '2030-01-31T11:59:00.000Z' };
    const { code, stdout, stderr } = await verify([
      history(1, old, true),
      history(2),
      history(2),
      history(5),
      history(3),
      gap(6, 8),
      history(9),
      event(20),
    ]);
    expect(stdout.split('\n').slice(0, -1)).toEqual([
      '1: valid gate 1 front match (expired, late)',
      '2: valid gate 2 front match',
      '3: valid gate 2 front match (duplicate)',
      '4: valid gate 5 front match (3 to 4 are missing)',
      '5: valid gate 3 front match (out of order)',
      '6: valid gate (gap declared: 6 to 8, removed)',
      '7: valid gate 9 front match',
      '8: valid gate 20 front match',
    ]);
    const summary = 'history of gate, 1 to 9: missing: 4; out of order: 1; removed by the device: 6 to 8';
    expect(stderr).toBe(`8 valid, 0 invalid\n${summary}\n`);
    expect(code).toBe(3);
  });

  it.each<[string, (object | string)[], number]>([
    ['a complete history', [history(1), history(2)], 0],
    ['live events alone', [event(1), event(5)], 0],
    ['a line that is invalid', [history(1), history(3), { ...history(4), late: true }], 1],
    ['a missing event', [history(1), history(3)], 3],
    ['a missing event beside a gap and unsigned messages', [unsignedHistory(1), gap(2, 3), history(5)], 3],
    ['events that the device removed', [history(1), gap(2, 3), history(4)], 4],
    ['a history without signatures', [unsignedHistory(1), unsignedHistory(2)], 5],
    ['a gap without a signature', [{ version: 1, gap: { from: 1, to: 2, reason: 'removed' } }, history(3)], 5],
  ])('has an exit code for %s', async (_, lines, code) => {
    expect((await verify(lines)).code).toBe(code);
  });

  it('finds in the status that the end is missing', async () => {
    const head = new EventSigner(SIGNING_KEY).signObject({
      version: 1,
      deviceId: 'gate',
      head: { sequence: 4, hash: NO_HASH },
    });
    const { code, stderr } = await verify([
      history(1),
      history(2),
      { version: 1, deviceId: 'gate', status: 'online', history: head },
    ]);
    expect(stderr).toContain('history of gate, 1 to 2: missing: 3 to 4');
    expect(code).toBe(3);
  });

  const unsigned = { ...event(1), signature: undefined };
  /** Signs an event with the right key, but names another key in it. */
  const signedAs = (keyId: string): object => {
    const named = { ...event(1), keyId, signature: undefined };
    return { ...named, signature: sign(null, Buffer.from(canonicalJson(named)), SIGNING_KEY).toString('base64url') };
  };
  it.each<[string, object | string, string]>([
    ['was changed', { ...event(1), externalImageId: 'another' }, 'the signature is wrong'],
    ['is not signed', unsigned, 'not signed'],
    ['is not of version 2', { ...event(1), version: 1 }, 'not an event of version 2'],
    [
      'has another sequence number than its envelope',
      { ...unsignedHistory(1), sequence: 2 },
      'its envelope has another sequence number',
    ],
    ['is no JSON', 'lintel/gate/history {', 'not JSON'],
    ['is no object', '17', 'not an object'],
    ['is no gap', { version: 1, gap: 'all' }, 'not a gap'],
    ['is a gap that ends before it begins', { version: 1, gap: { from: 2, to: 1, reason: 'removed' } }, 'not a gap'],
    ['hides an event in a gap', { ...history(1), gap: { from: 1, to: 2, reason: 'removed' } }, 'not a gap'],
    ['has more than an envelope', { ...history(1), grant: true }, 'not a history message'],
    ['is an event that poses as an answer', { ...event(1), ok: true }, 'not an event of version 2'],
    ['is a history message with the member of a status', { ...history(1), status: 'online' }, 'not a history .*'],
    ['names another key', signedAs('0123456789abcdef'), 'it names another signing key'],
    ['has a member twice', JSON.stringify(event(1)).replace('{', '{"type":"unknown",'), 'a member appears twice'],
    [
      'says it twice inside',
      JSON.stringify(history(1)).replace('"event":{', '"event":{"t\\u0079pe":"match",'),
      'a .* twice',
    ],
  ])('reports a line as invalid that %s', async (_name, line, reason) => {
    const { code, stdout, stderr } = await verify([history(1), line]);
    expect(stdout).toMatch(new RegExp(`^2: invalid .*\\(${reason}\\)$`, 'm'));
    expect(stderr).toContain('1 valid, 1 invalid');
    expect(code).toBe(1);
  });

  it('reports a second event with the same sequence as invalid', async () => {
    const { code, stdout } = await verify([
      history(1),
      history(1, { eventId: '9c0f4f0e-7a3c-4a0e-8d4e-3f1f5f5b2c33' }),
    ]);
    expect(stdout).toContain('2: invalid gate 1 front match (another event has the same sequence number)');
    expect(code).toBe(1);
  });

  it('fetches the key from the device', async () => {
    const server = createServer((request, response) => {
      const answer = JSON.stringify(describeSigningKey(SIGNING_KEY));
      response.writeHead(request.url === '/device/v1/signing-key' ? 200 : 404).end(answer);
    }).listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect(await verify([history(1)], ['--url', url])).toMatchObject({ code: 0 });
    const wrong = await verify([history(1)], ['--url', `${url}/elsewhere`]);
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toContain('HTTP 404');
  });

  it.each([
    ['no key', ['--url', 'http://127.0.0.1:1', '--public-key', 'x'], 'either --public-key or --url'],
    ['a key file that is not there', ['--public-key', '/nowhere/key.pem'], 'no public key can be read'],
  ])('refuses %s', async (_name, options, message) => {
    const { code, stderr } = await verify([history(1)], options);
    expect(stderr).toContain(message);
    expect(code).toBe(1);
  });

  it('fails when there is no such file', async () => {
    const key = join(tempDir(), 'key.pem');
    writeFileSync(key, publicKeyPem);
    const run = await lintel(['events', 'verify', '/nowhere/events', '--public-key', key], { events: registerEvents });
    expect(run.code).toBe(1);
    expect(run.stderr).toContain('ENOENT');
  });
});

describe('lintel events command', () => {
  it('reaches the device of the configuration, and writes the picture of a snapshot', async () => {
    const folder = tempDir();
    const [port, file, secret] = [await freePort(), join(folder, 'lintel.yaml'), join(folder, 'secret')];
    writeFileSync(secret, 'a-secret-of-these-tests\n', { mode: 0o600 });
    const mqtt = `mqtt: { embedded: { port: ${port} }, commands: { secretFile: secret } }`;
    writeFileSync(file, `deviceId: gate\n${mqtt}\n`);
    const paused: string[] = [];
    const commands: CommandTarget = {
      pause: async (id) => void paused.push(id),
      resume: () => Promise.reject(new Error('no')),
      snapshot: async () => Buffer.from('a picture'),
    };
    const embedded = { host: '127.0.0.1', port };
    const events = await startEvents({ embedded }, { commands, commandSecret: 'a-secret-of-these-tests' });
    await eventually(() => events.stats().connected);
    const run = (...args: string[]): Promise<Run> =>
      lintel(
        ['events', 'command', ...args, '--config', file],
        { events: registerEvents },
        { clock: Date.now, cwd: folder },
      );
    expect(await run('pause', 'front')).toMatchObject({ code: 0, stderr: 'pause of front: done\n' });
    expect(paused).toEqual(['front']);
    expect(await run('snapshot', 'front', '--out', 'front.jpg')).toMatchObject({ code: 0 });
    expect(readFileSync(join(folder, 'front.jpg'), 'utf8')).toBe('a picture');
    const refused = await run('resume', 'front');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('refused the command: FAILED');
    expect(await run('open', 'front')).toMatchObject({ code: 2 });
  });

  it.skipIf(!hasOpenssl)(
    'reaches a broker with users and TLS as its first user, and no other broker in its place',
    async () => {
      const folder = tempDir();
      const [port, file] = [await freePort(), join(folder, 'lintel.yaml')];
      writeFileSync(join(folder, 'secret'), 'a-secret-of-these-tests\n', { mode: 0o600 });
      writeFileSync(join(folder, 'door'), 'a password of the door\n', { mode: 0o600 });
      const { certFile, keyFile } = makeCertificate(folder, 'served');
      const embedded = `{ port: ${port}, users: [{ name: door, passwordFile: door }], tls: { certFile: CERT, keyFile: k } }`;
      const configure = (cert: string): void =>
        writeFileSync(
          file,
          `deviceId: gate\nmqtt: { embedded: ${embedded.replace('CERT', cert)}, commands: { secretFile: secret } }\n`,
        );
      const commands: CommandTarget = {
        pause: async () => undefined,
        resume: async () => undefined,
        snapshot: async () => undefined,
      };
      const served = {
        embedded: { host: '127.0.0.1', port, users: [{ name: 'door', passwordFile: 'x' }], tls: { certFile, keyFile } },
      };
      const events = await startEvents(served, {
        commands,
        commandSecret: 'a-secret-of-these-tests',
        brokerPasswords: new Map([['door', 'a password of the door']]),
      });
      await eventually(() => events.stats().connected);
      const run = (): Promise<Run> =>
        lintel(
          ['events', 'command', 'pause', 'front', '--config', file],
          { events: registerEvents },
          { clock: Date.now },
        );
      configure(certFile);
      expect(await run()).toMatchObject({ code: 0, stderr: 'pause of front: done\n' });
      configure(makeCertificate(folder, 'another').certFile);
      const other = await run();
      expect(other.code).toBe(1);
      expect(other.stderr).toContain('another certificate is served than that of mqtt.embedded.tls.certFile');
    },
  );

  it('reports that the device accepts no commands, and that the broker cannot be reached', async () => {
    const folder = tempDir();
    const file = join(folder, 'lintel.yaml');
    writeFileSync(join(folder, 'secret'), 'a-secret-of-these-tests\n', { mode: 0o600 });
    const run = (): Promise<Run> =>
      lintel(['events', 'command', 'pause', 'front', '--config', file], { events: registerEvents });
    writeFileSync(file, 'deviceId: gate\n');
    expect((await run()).stderr).toContain('mqtt.commands is not configured');
    writeFileSync(file, "mqtt: { url: 'mqtt://127.0.0.1:1', commands: { secretFile: secret } }\n");
    expect(await run()).toMatchObject({ code: 1, stderr: expect.stringContaining('cannot be used') as string });
  });
});
