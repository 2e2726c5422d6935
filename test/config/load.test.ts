// The configuration file: which files are accepted, the messages for the others, and how relative paths are resolved.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig, parseConfig } from '../../src/config/load.js';
import { configSchema } from '../../src/config/schema.js';
import { AppError } from '../../src/errors.js';

/** Part of every wrong value below: no message may contain it. */
const SECRET = 'hunter2';

function readProblem(text: string): string {
  try {
    parseConfig(text, '/etc/lintel/lintel.yaml');
  } catch (error) {
    expect(error).toBeInstanceOf(AppError);
    expect((error as AppError).code).toBe('CONFIG_INVALID');
    expect((error as AppError).detail).toBeUndefined();
    return (error as AppError).message;
  }
  throw new Error('the configuration was accepted');
}

const camera = (extra: string): string => `cameras:\n  - id: door\n    group: staff\n${extra}`;
const source = '    source: { type: device, path: /dev/video0 }\n';

describe('a wrong key or value is refused with the key, the rule and the line, and never the value', () => {
  const cases: [text: string, problem: string][] = [
    ['deviceId: a\nhtpp:\n  port: 1\n', 'htpp: is not a known key (line 2)'],
    ['http:\n  host: 127.0.0.1\n  prot: hunter2\n', 'http.prot: is not a known key (line 3)'],
    ['http:\n  port: hunter2\n', 'http.port: must be a number (line 2)'],
    ['http:\n  port: "8080"\n', 'http.port: must be a number (line 2)'],
    ['http: { port: 65536 }\n', 'http.port: must be at most 65535 (line 1)'],
    ['http: { port: -1 }\n', 'http.port: must be at least 0 (line 1)'],
    ['http: { port: 1.5 }\n', 'http.port: must be a whole number (line 1)'],
    ['vision: { workers: .inf }\n', 'vision.workers: must be a number (line 1)'],
    ['http:\n', 'http: is empty: give it a value or remove the key (line 1)'],
    ['deviceId:\n', 'deviceId: is empty: give it a value or remove the key (line 1)'],
    ['deviceId: hunter2/x\n', 'deviceId: must match [a-zA-Z0-9_-]{1,64} (line 1)'],
    ['deviceId: 17\n', 'deviceId: must be text (in quotes if it looks like a number or a boolean) (line 1)'],
    ['dataDir: ""\n', 'dataDir: must not be empty (line 1)'],
    ['models: { providers: [] }\n', 'models.providers: must have at least 1 entry (line 1)'],
    ['models:\n  providers:\n    - cpu\n    - Hunter2\n', 'models.providers[1]: must match [a-z]+ (line 4)'],
    ['models: { providers: cpu }\n', 'models.providers: must be a list (line 1)'],
    [
      'images: { allowNetworks: [hunter2] }\n',
      'images.allowNetworks[0]: must be a network in CIDR notation, such as 192.168.1.20/32 (line 1)',
    ],
    ['log: { level: hunter2 }\n', 'log.level: must be one of trace, debug, info, warn, error, silent (line 1)'],
    ['mqtt: { url: "http://hunter2" }\n', 'mqtt.url: must be a URL that starts with mqtt:// or mqtts:// (line 1)'],
    ['mqtt: { url: "mqtt://" }\n', 'mqtt.url: must be a URL that starts with mqtt:// or mqtts:// (line 1)'],
    ['mqtt: { url: hunter2 }\n', 'mqtt.url: must be a URL that starts with mqtt:// or mqtts:// (line 1)'],
    [
      'mqtt:\n  url: mqtt://lintel:hunter2@broker\n',
      'mqtt.url: must not contain a user or a password; use username and passwordFile (line 2)',
    ],
    [
      'mqtt:\n  embedded:\n    host: 0.0.0.0\n',
      'mqtt.embedded.host: the network can reach this broker: set mqtt.embedded.users and mqtt.embedded.tls, or ' +
        '127.0.0.1, or mqtt.url for another broker (line 3)',
    ],
    [
      'mqtt: { embedded: { host: "::", users: [{ name: door, passwordFile: hunter2 }] } }\n',
      'mqtt.embedded.host: the network can reach this broker: set mqtt.embedded.tls, or ' +
        '127.0.0.1, or mqtt.url for another broker (line 1)',
    ],
    [
      'mqtt: { embedded: { users: [{ name: a, passwordFile: hunter2 }, { name: a, passwordFile: x }] } }\n',
      'mqtt.embedded.users: two users have the same name (line 1)',
    ],
    [
      'mqtt: { embedded: { users: [{ name: a/hunter2, passwordFile: x }] } }\n',
      'mqtt.embedded.users[0].name: must match [a-zA-Z0-9_.@-]{1,64} (line 1)',
    ],
    ['cameras: { id: door }\n', 'cameras: must be a list (line 1)'],
    ['cameras: [~]\n', 'cameras[0]: is empty: give it a value or remove the key (line 1)'],
    [camera(''), 'cameras[0].source: is required (line 2)'],
    [camera('    source: hunter2\n'), 'cameras[0].source: must be a group of keys (line 4)'],
    [
      camera('    source:\n      type: hunter2\n'),
      'cameras[0].source.type: must be one of device, gstreamer, url, snapshot, file (line 5)',
    ],
    [
      camera('    source: { path: /dev/video0 }\n'),
      'cameras[0].source.type: must be one of device, gstreamer, url, snapshot, file (line 4)',
    ],
    [
      camera('    source: { type: file, path: a.mp4, password: hunter2 }\n'),
      'cameras[0].source.password: is not a known key (line 4)',
    ],
    [
      camera('    source: { type: file, path: a.mp4 }\n    mask: hunter2\n'),
      'cameras[0].mask: must be true, false or refuse (line 5)',
    ],
    [
      camera('    source: { type: file, path: a.mp4, loop: "yes" }\n'),
      'cameras[0].source.loop: must be true or false (line 4)',
    ],
    [
      camera('    source: { type: url, url: "rtsp://lintel:hunter2@camera/1" }\n'),
      'cameras[0].source.url: must not contain a user or a password; use username and passwordFile (line 4)',
    ],
    [
      camera('    source: { type: snapshot, url: "http://lintel:hunter2@camera/1" }\n'),
      'cameras[0].source.url: must not contain a user or a password; use username and passwordFile (line 4)',
    ],
    [
      camera('    source: { type: snapshot, url: "rtsp://camera/1" }\n'),
      'cameras[0].source.url: must be a URL that starts with http:// or https:// (line 4)',
    ],
    [
      camera('    source: { type: snapshot, url: "http://camera/1", everyMs: 10 }\n'),
      'cameras[0].source.everyMs: must be at least 50 (line 4)',
    ],
    [
      camera('    source: { type: snapshot, url: "http://camera/1", everyMs: 90 }\n'),
      'cameras[0].source: everyMs must be at least 100, or maxFps higher: more pictures would be fetched than maxFps allows to analyse (line 4)',
    ],
    [
      camera('    source: { type: snapshot, url: "http://camera/1" }\n    maxFps: 0.3\n'),
      'cameras[0].source: everyMs must be at least 3334, or maxFps higher: more pictures would be fetched than maxFps allows to analyse (line 4)',
    ],
    [
      camera('    source: { type: snapshot, url: "http://camera/1", everyMs: 5000 }\n'),
      'cameras[0].source: everyMs must be less than readTimeoutMs: the camera would count as lost between two pictures (line 4)',
    ],
    [
      camera('    source: { type: snapshot, url: "http://camera/1" }\n    liveness: challenge\n'),
      'cameras[0].source: everyMs must be at most 125 with liveness: challenge, because a turn of the head between two frames is not seen (line 4)',
    ],
    [camera(`${source}    agree: 6\n`), 'cameras[0].agree: must not be greater than outOf (line 5)'],
    [
      camera(`${source}    liveness: challenge\n    maxFps: 7.9\n`),
      'cameras[0].maxFps: must be at least 8 with liveness: challenge, because a turn of the head between two frames is not seen (line 6)',
    ],
    [
      camera('    source: { type: device, path: /dev/video0, fps: 5 }\n    liveness: challenge\n'),
      'cameras[0].source.fps: must be at least 8, or 0, with liveness: challenge, because a turn of the head between two frames is not seen (line 4)',
    ],
    [
      camera('    source: { type: device, path: /dev/video0, fps: 0.2 }\n'),
      'cameras[0].source.fps: must be more than 0.2, or 0: with this readTimeoutMs the camera would count as lost after each frame (line 4)',
    ],
    [
      camera(`${source}  - id: door\n    group: other\n${source}`),
      'cameras[1].id: must be unique among the cameras (line 5)',
    ],
    [camera(`${source}    groups: [{ group: guests }]\n`), 'cameras[0]: must have either group or groups (line 2)'],
    [`cameras:\n  - id: door\n${source}`, 'cameras[0]: must have either group or groups (line 2)'],
    [
      camera(`${source}    threshold: 80\n    targetFalseAcceptPerAttempt: 0.001\n`),
      'cameras[0]: must have threshold or targetFalseAcceptPerAttempt, not both (line 2)',
    ],
    [
      `cameras:\n  - id: door\n    groups:\n      - group: a\n      - { group: b, threshold: 80, targetFalseAcceptPerAttempt: 0.001 }\n${source}`,
      'cameras[0].groups[1]: must have threshold or targetFalseAcceptPerAttempt, not both (line 5)',
    ],
    [
      camera(`${source}    region: { x0: 0.5, y0: 0, x1: 0.5, y1: 1 }\n`),
      'cameras[0].region: must be at least 0.05 wide and high (line 5)',
    ],
    [
      'gallery: { enrolment: strict }\n',
      'gallery.enrolment: must be one of open, one-person-per-id, one-face-per-picture (line 1)',
    ],
    [
      'gallery:\n  groups:\n    - { group: door, enrolment: open }\n    - { group: door, enrolment: one-person-per-id }\n',
      'gallery.groups: must name each group once (line 2)',
    ],
    ['gallery: { groups: [{ group: Door, enrolment: open }] }\n', 'gallery.groups[0].group: must match'],
    ['keysDir: var/data/keys\n', 'keysDir: the keys must not lie inside dataDir'],
    ['dataDir: var/keys\n', 'dataDir: the keys must not lie inside dataDir'],
    ['- hunter2\n', 'the file: must be a group of keys'],
    ['hunter2\n', 'the file: must be a group of keys'],
    ['__proto__: { port: 1 }\n', '__proto__: is not a known key (line 1)'],
    [`"a: ${'k'.repeat(80)}": 1\n`, `"a: ${'k'.repeat(61)}…": is not a known key (line 1)`],
  ];
  it.each(cases)('%j', (text, problem) => {
    const message = readProblem(text);
    expect(message).toContain(`the configuration /etc/lintel/lintel.yaml is not valid:\n  ${problem}`);
    expect(message.toLowerCase()).not.toContain(SECRET);
  });

  it('names every problem at once', () => {
    const message = readProblem('deviceId: "a b"\nhttp: { port: no, extra: 1 }\nlog: { level: loud }\n');
    expect(message.split('\n')).toHaveLength(5);
  });
});

describe('a file that is not plain YAML is refused without quoting it', () => {
  const cases: [text: string, problem: string][] = [
    ['deviceId: a\nlog: {}\ndeviceId: hunter2\n', 'a key occurs twice (line 3)'],
    ['http:\n  port: 1\n  port: 2\n', 'a key occurs twice (line 3)'],
    ['deviceId: !secret hunter2\n', 'tags (!name) are not allowed (line 1)'],
    ['deviceId: !!binary aHVudGVyMg==\n', 'tags (!name) are not allowed (line 1)'],
    ['deviceId: a\n---\ndeviceId: hunter2\n', 'the file must contain only one document (line 2)'],
    ['http:\n\tport: 1\n', 'lines must be indented with spaces, not with tabs (line 2)'],
    ['? [hunter2]\n: 1\n', 'a key must be text (line 1)'],
    ['deviceId: "hunter2\\q"\n', 'this is not valid YAML: bad dq escape (line 1)'],
    ['deviceId: hunter2: b\n', 'this is not valid YAML: block as implicit key (line 1)'],
    ['deviceId: *hunter2\n', 'an alias (*name) has no anchor (&name) before it, or expands to too much'],
    ['#'.repeat(250_001), 'the file is longer than 250,000 bytes'],
  ];
  it.each(cases)('%.60j', (text, problem) => {
    const message = readProblem(text);
    expect(message).toContain(problem);
    expect(message).not.toContain(SECRET);
  });

  it('refuses aliases that multiply', () => {
    const bomb = Array.from({ length: 12 }, (_, i) => `k${i}: &a${i} [${`*a${i - 1}, `.repeat(i ? 9 : 0)}1]`).join(
      '\n',
    );
    expect(readProblem(bomb)).toContain('expands to too much');
  });
});

describe('a file', () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'lintel-config-'));
  });
  afterAll(() => rm(dir, { recursive: true }));

  const write = async (name: string, text: string | Buffer): Promise<string> => {
    await writeFile(join(dir, name), text);
    return join(dir, name);
  };

  it('is not needed: the defaults are relative to the working directory', async () => {
    const { config, file } = await loadConfig({ cwd: '/srv/lintel', environment: {} });
    expect(file).toBeUndefined();
    expect(config).toEqual({
      ...configSchema.parse({}),
      dataDir: '/srv/lintel/var/data',
      keysDir: '/srv/lintel/var/keys',
    });
  });

  it.each(['', '# nothing but a comment\n', '{}\n'])('without a key, %j, is the defaults', async (text) => {
    const { config } = await loadConfig({ file: await write('empty.yaml', text), cwd: '/', environment: {} });
    expect(config.http.port).toBe(8080);
    expect(config.dataDir).toBe(join(dir, 'var/data'));
  });

  it('makes its relative paths relative to its own folder, and leaves absolute ones, devices and pipelines alone', async () => {
    const text = `
dataDir: data
keysDir: /keys
models: { dir: ../models }
mqtt: { url: mqtts://broker, passwordFile: secrets/mqtt, caFile: ca.pem, commands: { secretFile: secrets/commands } }
webhook: { url: https://receiver/, secretFile: secrets/webhook }
cameras:
  - { id: a, group: g, source: { type: file, path: clip.mp4 } }
  - { id: b, group: g, source: { type: url, url: rtsp://camera/1, username: u, passwordFile: secrets/b } }
  - { id: c, group: g, source: { type: device, path: /dev/video0 } }
  - { id: e, group: g, source: { type: snapshot, url: http://camera/1, username: u, passwordFile: secrets/e } }
  - { id: d, group: g, source: { type: gstreamer, pipeline: filesrc location=a ! appsink } }
`;
    const { config, file } = await loadConfig({ file: await write('a.yaml', text), cwd: '/', environment: {} });
    expect(file).toBe(join(dir, 'a.yaml'));
    expect(config.dataDir).toBe(join(dir, 'data'));
    expect(config.keysDir).toBe('/keys');
    expect(config.models.dir).toBe(join(dir, '../models'));
    expect(config.mqtt).toMatchObject({ passwordFile: join(dir, 'secrets/mqtt'), caFile: join(dir, 'ca.pem') });
    expect(config.mqtt.commands?.secretFile).toBe(join(dir, 'secrets/commands'));
    expect(config.webhook?.secretFile).toBe(join(dir, 'secrets/webhook'));
    expect(config.cameras.map(({ source }) => source)).toEqual([
      { type: 'file', path: join(dir, 'clip.mp4'), loop: false, realTime: true },
      { type: 'url', url: 'rtsp://camera/1', username: 'u', passwordFile: join(dir, 'secrets/b'), transport: 'tcp' },
      { type: 'device', path: '/dev/video0', widthPx: 640, heightPx: 480, fps: 15 },
      {
        type: 'snapshot',
        url: 'http://camera/1',
        username: 'u',
        passwordFile: join(dir, 'secrets/e'),
        everyMs: 500,
      },
      { type: 'gstreamer', pipeline: 'filesrc location=a ! appsink' },
    ]);
  });

  it('makes the paths of the embedded broker absolute as well', async () => {
    const users = 'users: [{ name: door, passwordFile: secrets/door }]';
    const text = `mqtt: { embedded: { host: 0.0.0.0, ${users}, tls: { certFile: a.pem, keyFile: b.pem } } }\n`;
    const { config } = await loadConfig({ file: await write('broker.yaml', text), cwd: '/', environment: {} });
    expect(config.mqtt.embedded).toMatchObject({
      users: [{ name: 'door', passwordFile: join(dir, 'secrets/door') }],
      tls: { certFile: join(dir, 'a.pem'), keyFile: join(dir, 'b.pem') },
    });
  });

  it('may let the embedded broker name any address while another broker is used', async () => {
    const text = 'mqtt: { url: mqtt://broker, embedded: { host: 0.0.0.0 } }\n';
    const { config } = await loadConfig({ file: await write('url.yaml', text), cwd: '/', environment: {} });
    expect(config.mqtt.embedded.host).toBe('0.0.0.0');
  });

  it('may use anchors and aliases', async () => {
    const text = 'http: { keepAliveTimeoutMs: &long 60000, requestTimeoutMs: *long }\n';
    const { config } = await loadConfig({ file: await write('alias.yaml', text), cwd: '/', environment: {} });
    expect(config.http.requestTimeoutMs).toBe(60_000);
  });

  it('is named by the command line, or else by LINTEL_CONFIG, relative to the working directory', async () => {
    await write('one.yaml', 'deviceId: one\n');
    await write('two.yaml', 'deviceId: two\n');
    const environment = { configFile: 'one.yaml' };
    expect((await loadConfig({ cwd: dir, environment })).config.deviceId).toBe('one');
    expect((await loadConfig({ file: 'two.yaml', cwd: dir, environment })).config.deviceId).toBe('two');
  });

  it.each([
    ['missing.yaml', 'ENOENT'],
    ['.', 'EISDIR'],
  ])('that cannot be read, %s, is named with the reason', async (name, reason) => {
    await expect(loadConfig({ file: name, cwd: dir, environment: {} })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: `the configuration file ${join(dir, name, '.').replace(/\/$/, '')} cannot be read (${reason})`,
    });
  });

  it('that is not text is refused', async () => {
    const file = await write('latin1.yaml', Buffer.from([0x61, 0x3a, 0x20, 0xe9]));
    await expect(loadConfig({ file, cwd: '/', environment: {} })).rejects.toThrow(/cannot be read \(.*ENCODING.*\)/);
  });
});
