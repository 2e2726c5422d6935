// The doctor's findings about cameras, the broker and a running service, on real sockets.
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { checkBroker, checkSources } from '../../../src/cli/doctor/connections.js';
import { checkService } from '../../../src/cli/doctor/service.js';
import { configSchema, type Config } from '../../../src/config/schema.js';
import { tempDir } from '../../support/temp-dir.js';
import { closedPort, listen } from '../ports.js';

const mqtt = (values: Record<string, unknown>): Config['mqtt'] => configSchema.parse({ mqtt: values }).mqtt;
const cameras = (...sources: Record<string, unknown>[]): Config['cameras'] =>
  configSchema.parse({ cameras: sources.map((source, i) => ({ id: `cam${i}`, group: 'staff', source })) }).cameras;

describe('the cameras', () => {
  it('may be missing', async () => {
    expect(await checkSources([])).toMatchObject([{ level: 'ok' }]);
  });

  it('are checked without being opened', async () => {
    const dir = tempDir();
    await writeFile(join(dir, 'clip.mp4'), '');
    const findings = await checkSources(
      cameras(
        { type: 'device', path: '/dev/null' },
        { type: 'device', path: '/dev/no-such-video' },
        { type: 'device', path: join(dir, 'clip.mp4') },
        { type: 'file', path: join(dir, 'clip.mp4') },
        { type: 'file', path: join(dir, 'none.mp4') },
        { type: 'gstreamer', pipeline: 'rtspsrc user-pw=hunter2 ! appsink' },
      ),
    );
    expect(findings).toEqual([
      { level: 'ok', text: 'cam0: device /dev/null' },
      { level: 'fail', text: 'cam1: there is no device /dev/no-such-video' },
      { level: 'fail', text: `cam2: ${dir}/clip.mp4 is not a device` },
      { level: 'ok', text: `cam3: file ${dir}/clip.mp4` },
      { level: 'fail', text: `cam4: there is no file ${dir}/none.mp4` },
      { level: 'ok', text: 'cam5: a GStreamer pipeline, which can only be checked by opening it' },
    ]);
  });

  it('that are streams are connected to, and named without the secrets of their URLs', async () => {
    const open = await listen(createServer());
    const closed = await closedPort();
    const dir = tempDir();
    const findings = await checkSources(
      cameras(
        { type: 'url', url: `rtsp://127.0.0.1:${open}/stream?token=hunter2` },
        { type: 'url', url: `http://127.0.0.1:${closed}/hunter2` },
        { type: 'url', url: `rtsp://127.0.0.1:${open}/1`, username: 'u', passwordFile: join(dir, 'none') },
        { type: 'snapshot', url: `http://127.0.0.1:${open}/hunter2` },
        { type: 'snapshot', url: `http://127.0.0.1:${open}/`, username: 'u', passwordFile: join(dir, 'none') },
      ),
    );
    expect(findings).toEqual([
      { level: 'ok', text: 'cam0: rtsp://127.0.0.1 can be reached' },
      { level: 'fail', text: `cam1: http://127.0.0.1: connect ECONNREFUSED 127.0.0.1:${closed}` },
      {
        level: 'fail',
        text: `cam2: rtsp://127.0.0.1: cameras[2].source.passwordFile: there is no file ${dir}/none`,
      },
      { level: 'ok', text: 'cam3: http://127.0.0.1 can be reached' },
      {
        level: 'fail',
        text: `cam4: http://127.0.0.1: cameras[4].source.passwordFile: there is no file ${dir}/none`,
      },
    ]);
  });
});

describe('the broker', () => {
  it("of Lintel's own tells who can read the events", async () => {
    expect(await checkBroker(mqtt({}))).toEqual([
      {
        level: 'ok',
        text: "Lintel's own broker, on 127.0.0.1:1883: every program of this machine can read the events",
      },
    ]);
    const passwordFile = join(tempDir(), 'password');
    const tls = { certFile: 'unused', keyFile: 'unused' };
    const closed = mqtt({ embedded: { host: '0.0.0.0', users: [{ name: 'door', passwordFile }], tls } });
    expect(await checkBroker(closed)).toMatchObject([
      {
        level: 'fail',
        text: expect.stringContaining('mqtt.embedded.users[0].passwordFile: there is no file') as string,
      },
    ]);
    await writeFile(passwordFile, 'too short\n', { mode: 0o600 });
    expect(await checkBroker(closed)).toMatchObject([
      { level: 'fail', text: expect.stringContaining('must hold at least 12 characters') as string },
    ]);
    await writeFile(passwordFile, 'a password of the door\n');
    expect(await checkBroker(closed)).toEqual([
      {
        level: 'ok',
        text: "Lintel's own broker, on 0.0.0.0:1883 with TLS: users with a password (1) can read the events",
      },
    ]);
  });

  it('is reported as reachable or not, by address and by name', async () => {
    const open = await listen(createServer());
    const closed = await closedPort();
    expect(await checkBroker(mqtt({ url: `mqtt://127.0.0.1:${open}` }))).toEqual([
      { level: 'ok', text: `mqtt://127.0.0.1:${open} can be reached` },
    ]);
    for (const host of ['127.0.0.1', 'localhost']) {
      const [finding] = await checkBroker(mqtt({ url: `mqtt://${host}:${closed}` }));
      expect(finding?.level).toBe('fail');
      expect(finding?.text).toContain('ECONNREFUSED');
    }
  });

  it('that never completes the handshake is given up', async () => {
    const silent = await listen(createServer());
    expect(await checkBroker(mqtt({ url: `mqtts://127.0.0.1:${silent}` }), 50)).toEqual([
      { level: 'fail', text: `mqtts://127.0.0.1:${silent}: no answer within 50 ms` },
    ]);
  });

  it('with a certificate of a private authority needs the certificate of that authority', async () => {
    const dir = tempDir();
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'],
        ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
        ...['-keyout', join(dir, 'key.pem'), '-out', join(dir, 'ca.pem')],
      ],
      { stdio: 'ignore' },
    );
    const [key, cert] = await Promise.all([readFile(join(dir, 'key.pem')), readFile(join(dir, 'ca.pem'))]);
    const port = await listen(createTlsServer({ key, cert }).on('tlsClientError', () => undefined));
    for (const host of ['127.0.0.1', 'localhost']) {
      const url = `mqtts://${host}:${port}`;
      expect(await checkBroker(mqtt({ url, caFile: join(dir, 'ca.pem') }))).toEqual([
        { level: 'ok', text: `${url} can be reached, and its certificate is valid` },
      ]);
      const [stranger] = await checkBroker(mqtt({ url }));
      // Later versions of Node.js add advice to the message.
      expect(stranger).toMatchObject({ level: 'fail' });
      expect(stranger?.text).toMatch(new RegExp(`^${url}: self-signed certificate`));
    }
  });

  it('is not contacted where its password or the certificate of its authority cannot be read', async () => {
    const dir = tempDir();
    const missing = join(dir, 'none');
    for (const values of [{ passwordFile: missing }, { caFile: missing }]) {
      const [finding] = await checkBroker(mqtt({ url: 'mqtts://127.0.0.1:1', ...values }));
      expect(finding?.level).toBe('fail');
      expect(finding?.text).toContain(missing);
    }
  });
});

describe('a running service', () => {
  const answering = async (status: number, body: string): Promise<number> =>
    listen(createHttpServer((_, response) => void response.writeHead(status, { connection: 'close' }).end(body)));
  const ask = (port: number) => checkService({ host: '127.0.0.1', port });

  it('is asked for the health of its parts', async () => {
    const health = {
      status: 'degraded',
      ready: true,
      parts: {
        vision: { status: 'ok', required: true, facts: { providers: ['cpu'], workers: 2 } },
        'camera:front': { status: 'failed', detail: 'lost', required: false },
      },
    };
    const port = await answering(200, JSON.stringify(health));
    expect(await ask(port)).toEqual([
      { level: 'warn', text: `running on http://127.0.0.1:${port}, degraded` },
      { level: 'ok', text: 'vision: ok, providers cpu, workers 2' },
      { level: 'fail', text: 'camera:front: failed, lost' },
    ]);
  });

  it('is asked over HTTPS where HTTPS is configured', async () => {
    const folder = tempDir();
    const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    const pair = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-subj',
      '/CN=door',
    ];
    execFileSync('openssl', [...pair, '-keyout', keyFile, '-out', certFile], { stdio: 'ignore' });
    const body = JSON.stringify({ status: 'ok', parts: {} });
    const secure = { cert: await readFile(certFile), key: await readFile(keyFile) };
    const port = await listen(createHttpsServer(secure, (_, response) => void response.end(body)));
    const http = { host: '127.0.0.1', tls: { certFile, keyFile } };
    expect(await checkService({ ...http, port })).toEqual([
      { level: 'ok', text: `running on https://127.0.0.1:${port}, ok` },
    ]);
    const closed = await closedPort();
    expect(await checkService({ ...http, port: closed })).toEqual([
      { level: 'ok', text: `not running on https://127.0.0.1:${closed}` },
    ]);
  });

  it('that has failed and answers 503 is reported as failed', async () => {
    const port = await answering(503, JSON.stringify({ status: 'failed', parts: {} }));
    expect(await ask(port)).toMatchObject([{ level: 'fail' }]);
  });

  it('may be stopped', async () => {
    const port = await closedPort();
    expect(await ask(port)).toEqual([{ level: 'ok', text: `not running on http://127.0.0.1:${port}` }]);
    expect(await ask(0)).toMatchObject([{ level: 'ok' }]);
  });

  it.each(['<html>', '{}', '{"status":"splendid","parts":{}}'])('is not recognised by the answer %s', async (body) => {
    const port = await answering(200, body);
    expect(await ask(port)).toMatchObject([
      { level: 'warn', text: `another program than Lintel answers on http://127.0.0.1:${port}` },
    ]);
  });

  it('that does not answer is given up after the time limit', async () => {
    const silent = await listen(createServer());
    expect(await checkService({ host: '127.0.0.1', port: silent }, 50)).toMatchObject([{ level: 'warn' }]);
  });
});
