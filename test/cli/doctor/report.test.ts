// The report contains no secret, as text and as JSON; the checks of cameras, files with secrets and certificates.
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCameras } from '../../../src/cli/doctor/cameras.js';
import { collectSecrets, createRedactor } from '../../../src/cli/doctor/redact.js';
import { checkCertificates, checkKeyFiles } from '../../../src/cli/doctor/secrets.js';
import { isServiceRunning } from '../../../src/cli/doctor/service.js';
import type { DoctorHooks } from '../../../src/cli/doctor/checks.js';
import { registerDoctor } from '../../../src/cli/doctor/doctor.js';
import { configSchema, type Config } from '../../../src/config/schema.js';
import { loadAddon } from '../../../src/native/addon.js';
import { httpCamera } from '../../native/camera-servers.js';
import { numberedJpeg } from '../../native/clips.js';
import { tempDir } from '../../support/temp-dir.js';
import { closedPort, listen } from '../ports.js';
import { lintel, type Run } from '../terminal.js';

const SECRETS = {
  master: Buffer.alloc(32, 7).toString('base64'),
  credential: 'credential-hunter2',
  environment: 'environment-hunter3',
  broker: 'broker-hunter4',
  camera: 'camera/hunter5',
  pipeline: 'pipeline-hunter6',
  query: 'query-hunter7',
  appKey: 'appKeyOfTheFirstStart8',
  webhook: 'webhook-hunter9-long-enough',
};

describe('redaction', () => {
  it.each([
    ['rtsp://admin:hunter2@10.0.0.9/1 is lost', 'rtsp://***@10.0.0.9/1 is lost'],
    ['http://10.0.0.9/s?user=admin&token=hunter2 is lost', 'http://10.0.0.9/s?user=***&token=*** is lost'],
    ['rtspsrc user-id=a user-pw="hunter 2" ! appsink', 'rtspsrc user-id=a user-pw=*** ! appsink'],
    ['Password = hunter2, and more', 'Password=*** and more'],
    ['the known%20one and the known one', 'the *** and the ***'],
    ['640 x 480 px, mode=rw', '640 x 480 px, mode=rw'],
  ])('of %j', (text, clean) => {
    expect(createRedactor(['known one', 'abc'])(text)).toBe(clean);
  });

  it('removes no words for a secret that is too short', () => {
    expect(createRedactor(['', 'ok', 'abc'])('ok abc')).toBe('ok abc');
  });
});

/** Writes secrets to every place that can hold one, and causes errors in whose messages libraries repeat them. */
async function planted(cwd: string): Promise<{ file: string; environment: Record<string, string> }> {
  for (const folder of ['keys', 'credentials', 'data']) await mkdir(join(cwd, folder), { mode: 0o700 });
  const secretFile = async (name: string, text: string): Promise<string> => {
    await writeFile(join(cwd, name), `${text}\n`, { mode: 0o600 });
    return join(cwd, name);
  };
  await secretFile('keys/master.key', SECRETS.master);
  await secretFile('keys/app-key', SECRETS.appKey);
  await secretFile('credentials/mqtt-password', SECRETS.credential);
  const port = await closedPort();
  const config = {
    dataDir: 'data',
    keysDir: 'keys',
    http: { port: 0 },
    mqtt: {
      url: `mqtt://127.0.0.1:${port}`,
      username: 'u',
      passwordFile: await secretFile('broker', SECRETS.broker),
    },
    webhook: { url: `http://127.0.0.1:${port}/`, secretFile: await secretFile('webhook', SECRETS.webhook) },
    cameras: [
      {
        id: 'pipe',
        group: 'door',
        source: { type: 'gstreamer', pipeline: `nosuchelement user-pw=${SECRETS.pipeline} ! appsink` },
      },
      {
        id: 'net',
        group: 'door',
        openTimeoutMs: 2_000,
        source: {
          type: 'url',
          url: `http://127.0.0.1:${await listen(createServer((socket) => socket.destroy()))}/x?token=${SECRETS.query}`,
          username: 'u',
          passwordFile: await secretFile('camera', SECRETS.camera),
        },
      },
    ],
  };
  const file = join(cwd, 'lintel.yaml');
  await writeFile(file, JSON.stringify(config));
  const environment = { credentialsDir: join(cwd, 'credentials'), mqttPassword: SECRETS.environment };
  return { file, environment };
}

describe('the report', () => {
  /** An addon and a check of the models that put secrets into their findings. */
  const leaking = (file: string): DoctorHooks => ({
    inspectModels: async () => ({ lines: Object.values(SECRETS).map((secret) => `the model says ${secret}`) }),
    loadAddon: () => ({
      ...loadAddon(),
      info: () => ({ opencv: `4.6 rtsp://a:${SECRETS.query}@b ${file}`, ffmpeg: '5.1.9', backends: [] }),
    }),
  });
  const doctor = (cwd: string, args: string[], environment: Record<string, string>): Promise<Run> =>
    lintel(
      ['doctor', ...args],
      { doctor: (command, context) => registerDoctor(command, context, leaking(cwd)) },
      {
        cwd,
        clock: Date.now,
        environment,
      },
    );

  it('holds no secret, as text and as JSON', async () => {
    const cwd = tempDir();
    const { file, environment } = await planted(cwd);
    const text = await doctor(cwd, ['--config', file], environment);
    const json = await doctor(cwd, ['--config', file, '--json'], environment);
    for (const { code, stdout, stderr } of [text, json]) {
      expect(code).toBe(1);
      expect(stderr).toBe('');
      // The secrets of the query and of the pipeline stand in no file of their own: only their form is recognised.
      for (const [name, secret] of Object.entries(SECRETS)) {
        const told =
          name === 'query' || name === 'pipeline' ? stdout.replaceAll(`the model says ${secret}`, '') : stdout;
        expect(told, name).not.toContain(secret);
        expect(told, name).not.toContain(encodeURIComponent(secret));
      }
      expect(stdout).toContain('the model says ***');
    }
    expect(text.stdout).toMatch(/^FAIL {2}cameras +pipe: no picture: /m);
    expect(text.stdout).toMatch(/^FAIL {2}cameras +net: no picture: /m);
    const report = JSON.parse(json.stdout) as {
      counts: { fail: number };
      checks: { title: string }[];
      version: string;
    };
    expect(report.version).toBe('1.2.3');
    expect(report.counts.fail).toBeGreaterThan(2);
    expect(report.checks.map(({ title }) => title)).toContain('certificates');
  });

  it('includes the secrets of the environment where the configuration is not valid', async () => {
    expect(await collectSecrets(undefined, { masterKey: SECRETS.master, mqttPassword: 'p4ss' })).toEqual([
      SECRETS.master,
      'p4ss',
    ]);
  });
});

describe('the cameras', () => {
  const cameras = (...sources: Record<string, unknown>[]): Config['cameras'] =>
    configSchema.parse({
      cameras: sources.map((source, i) => ({ id: `cam${i}`, group: 'door', openTimeoutMs: 3_000, source })),
    }).cameras;

  it('are opened for a first picture', async () => {
    const clip = join(tempDir(), 'clip.mjpeg');
    const picture = ['-loglevel', 'error', '-f', 'lavfi', '-i', 'testsrc=size=320x240:rate=5:duration=1'];
    execFileSync('ffmpeg', [...picture, '-c:v', 'mjpeg', '-f', 'mjpeg', clip]);
    await writeFile(`${clip}.none`, 'no video');
    const findings = await openCameras(
      cameras({ type: 'file', path: clip }, { type: 'file', path: `${clip}.none` }),
      loadAddon(),
    );
    expect(findings[0]?.text).toMatch(/^cam0: first picture after \d+ ms, 320 x 240 px$/);
    expect(findings.map(({ level }) => level)).toEqual(['ok', 'fail']);
    expect(findings[1]?.text).toMatch(/^cam1: no picture: .+/);
  });

  it('over HTTP are opened with their password, and a URL of the wrong kind is named with what helps', async () => {
    const passwordFile = join(tempDir(), 'camera');
    await writeFile(passwordFile, 'camera-secret-1\n', { mode: 0o600 });
    const url = await httpCamera((request, response) => {
      const isAllowed = request.headers.authorization === `Basic ${btoa('u:camera-secret-1')}`;
      if (request.url === '/page') response.writeHead(200, { 'content-type': 'text/html' }).end('<html>');
      else if (!isAllowed) response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
      else response.writeHead(200, { 'content-type': 'image/jpeg' }).end(numberedJpeg(3));
    });
    const findings = await openCameras(
      cameras(
        { type: 'snapshot', url, username: 'u', passwordFile },
        { type: 'snapshot', url },
        { type: 'url', url, username: 'u', passwordFile },
        { type: 'url', url: `${url}page` },
      ),
      loadAddon(),
    );
    expect(findings[0]?.text).toMatch(/^cam0: first picture after \d+ ms, 160 x 120 px$/);
    expect(findings[1]?.text).toMatch(/^cam1: no picture: .*asks for a user and a password \(status 401\)/);
    expect(findings[2]?.text).toMatch(/^cam2: no picture: the URL gives a single picture, .*`type: snapshot`/);
    expect(findings[3]?.text).toMatch(/^cam3: no picture: the URL gives a web page, not a stream/);
    expect(findings.map(({ level }) => level)).toEqual(['ok', 'fail', 'fail', 'fail']);
  });

  it('are not opened without their password', async () => {
    const source = { type: 'url', url: 'rtsp://127.0.0.1/1', username: 'u', passwordFile: '/no/such/password' };
    expect(await openCameras(cameras(source), loadAddon())).toEqual([
      { level: 'fail', text: 'cam0: source.passwordFile: there is no file /no/such/password' },
    ]);
  });

  it('are not opened while a service is running', async () => {
    const socket = join(tempDir(), 'admin.sock');
    expect(await isServiceRunning(socket)).toBe(false);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    expect(await isServiceRunning(socket)).toBe(true);
    await new Promise((resolve) => server.close(resolve));
    await writeFile(socket, '');
    expect(await isServiceRunning(socket)).toBe(false);
  });
});

describe('files with secrets', () => {
  it('that other users may read are named with a solution', async () => {
    const dir = tempDir();
    const keysDir = join(dir, 'keys');
    const config = configSchema.parse({ keysDir, mqtt: { url: 'mqtt://b', passwordFile: join(dir, 'password') } });
    expect(await checkKeyFiles(config)).toEqual([
      { level: 'fail', text: `${dir}/password cannot be checked (ENOENT)` },
    ]);
    await mkdir(keysDir, { mode: 0o700 });
    await writeFile(join(keysDir, 'master.key'), '', { mode: 0o600 });
    await writeFile(join(dir, 'password'), '', { mode: 0o640 });
    const closed = [{ level: 'ok', text: '3 files and folders with secrets are closed to other users' }];
    expect(await checkKeyFiles(config)).toEqual(closed);
    await chmod(keysDir, 0o755);
    await chmod(join(keysDir, 'master.key'), 0o640);
    await chmod(join(dir, 'password'), 0o644);
    expect(await checkKeyFiles(config)).toEqual([
      { level: 'warn', text: `${keysDir} is open to other users (mode 755): run chmod 700` },
      { level: 'warn', text: `${keysDir}/master.key is open to other users (mode 640): run chmod 600` },
      { level: 'warn', text: `${dir}/password is open to other users (mode 644): run chmod 600` },
    ]);
  });

  it('certificates: how long they are valid, and whether the key fits', async () => {
    const dir = tempDir();
    const pem = (name: string): string => join(dir, name);
    for (const name of ['one', 'two']) {
      const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', pem(`${name}.key`)];
      const args = ['req', '-x509', ...key, '-out', pem(`${name}.crt`), '-days', '100', '-subj', '/CN=lintel'];
      execFileSync('openssl', args, { stdio: 'ignore' });
    }
    const check = (values: object, days = 0) =>
      checkCertificates(configSchema.parse(values), () => Date.now() + days * 86_400_000);
    const https = (key: string) => ({ http: { tls: { certFile: pem('one.crt'), keyFile: pem(key) } } });
    expect(await check({})).toEqual([{ level: 'ok', text: 'the configuration names no certificate' }]);
    expect(await check(https('one.key'))).toMatchObject([
      { level: 'ok', text: /^HTTPS: the certificate is valid until .*, for 99 more days$/ },
    ]);
    expect(await check(https('one.key'), 80)).toMatchObject([{ level: 'warn', text: /for 19 more days$/ }]);
    expect(await check(https('one.key'), 101)).toMatchObject([{ level: 'fail', text: /expired on/ }]);
    expect(await check(https('one.key'), -2)).toMatchObject([{ level: 'fail', text: /not valid yet/ }]);
    expect((await check(https('two.key')))[1]).toMatchObject({ level: 'fail', text: /the key does not fit/ });
    expect(await check({ mqtt: { url: 'mqtts://b', caFile: pem('none.crt') } })).toEqual([
      { level: 'fail', text: `the authority of the broker: ${dir}/none.crt cannot be read (ENOENT)` },
    ]);
  });
});

describe('doctor --ready', () => {
  const ready = (cwd: string, config: object, seconds: string): Promise<Run> =>
    writeFile(join(cwd, 'lintel.yaml'), JSON.stringify({ dataDir: 'data', keysDir: 'keys', ...config })).then(() =>
      lintel(['doctor', '--config', 'lintel.yaml', '--ready', seconds], { doctor: registerDoctor }, { cwd }),
    );

  it('waits until /readyz answers 200', async () => {
    let asked = 0;
    const server = createHttpServer((request, response) => {
      response.statusCode = request.url === '/readyz' && ++asked > 2 ? 200 : 503;
      response.end('{}');
    });
    const port = await listen(server);
    expect(await ready(tempDir(), { http: { port } }, '10')).toEqual({
      code: 0,
      stdout: 'Lintel is ready.\n',
      stderr: '',
    });
    expect(asked).toBe(3);
  });

  it('gives up after its time', async () => {
    const ran = await ready(tempDir(), { http: { port: await closedPort() } }, '1');
    expect(ran).toEqual({ code: 1, stdout: '', stderr: 'lintel: the service did not become ready within 1 s\n' });
  });

  it('uses the admin socket where the port is not known', async () => {
    const cwd = tempDir();
    expect((await ready(cwd, { http: { port: 0 } }, '1')).code).toBe(1);
    await mkdir(join(cwd, 'data'));
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(cwd, 'data/admin.sock'), resolve));
    expect((await ready(cwd, { http: { port: 0 } }, '1')).code).toBe(0);
    await new Promise((resolve) => server.close(resolve));
  });

  it.each(['0', '-1', 'soon', '1.5', '100000'])('refuses %j seconds', async (seconds) => {
    expect((await ready(tempDir(), {}, seconds)).code).toBe(2);
  });
});
