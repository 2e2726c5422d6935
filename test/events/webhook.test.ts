// The webhook against a real HTTP server: order, signature, refusals, time-outs, restarts, and what it never does.
import { spawnSync } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { NO_HASH } from '../../src/events/event-chain.js';
import { createHistoryEncoder, type HistoryRecord, type HistorySource } from '../../src/events/history.js';
import { EventSigner, isSignedBy } from '../../src/events/signing.js';
import { Webhook, computeWebhookSignature, type WebhookOptions } from '../../src/events/webhook.js';
import { silentLog } from '../../src/domain/log.js';
import { tempDir } from '../support/temp-dir.js';
import {
  aDraft,
  anEvent,
  eventsConfig,
  eventually,
  lacks,
  range,
  recordingLog,
  started,
  startEvents,
  SIGNING_KEY,
} from './support.js';
import type { HistoryMessage } from './support.js';

interface Request {
  path: string | undefined;
  headers: IncomingMessage['headers'];
  body: string;
  message: HistoryMessage;
}

type Answerer = (response: ServerResponse, nth: number) => void;

const ok: Answerer = (response) => response.writeHead(204).end();
const status =
  (code: number, headers: Record<string, string> = {}): Answerer =>
  (response) =>
    response.writeHead(code, headers).end();

class Receiver {
  readonly requests: Request[] = [];
  answer: Answerer = ok;
  url = '';

  static async start(server: Server = createHttpServer()): Promise<Receiver> {
    const receiver = new Receiver();
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = Buffer.concat(chunks).toString();
        const { url: path, headers } = request;
        receiver.requests.push({ path, headers, body, message: JSON.parse(body) as HistoryMessage });
        receiver.answer(response, receiver.requests.length);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const scheme = 'setSecureContext' in server ? 'https' : 'http';
    receiver.url = `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}/events`;
    return receiver;
  }

  get sequences(): (number | undefined)[] {
    return this.requests.map(({ message }) => message.sequence);
  }
}

/** Records in memory. */
class Source implements HistorySource {
  readonly records: HistoryRecord[] = [];
  settled = 0;
  failure: Error | undefined;

  add(...ttlsMs: number[]): this {
    for (const ttlMs of ttlsMs) {
      const sequence = (this.records.at(-1)?.sequence ?? 0) + 1;
      this.records.push({ sequence, event: anEvent({ ...aDraft(ttlMs), sequence }) });
    }
    return this;
  }

  async read(after: number, limit: number): Promise<HistoryRecord[]> {
    if (this.failure) throw this.failure;
    return this.records.filter(({ sequence }) => sequence > Math.max(after, this.settled)).slice(0, limit);
  }

  settle(through: number): void {
    this.settled = through;
  }
}

const EAGER = { backoffFirstMs: 5, backoffMaxMs: 10, refusedAttempts: 3, refusedMs: 0, stopTimeoutMs: 100 };

function newWebhook(url: string, source: Source, options: Partial<WebhookOptions> = {}): Promise<Webhook> {
  const encodeHistory = createHistoryEncoder('gate', 'webhook', new EventSigner(SIGNING_KEY).signObject);
  const common = { encodeHistory, timeoutMs: 2_000, clock: Date.now, random: () => 0, log: silentLog, timing: EAGER };
  return started(new Webhook({ url, source, ...common, ...options }));
}

describe('the webhook', () => {
  it('marks an event late when the clock shows a time before its decision, because it was set back', async () => {
    const receiver = await Receiver.start();
    const source = new Source().add(60_000);
    await newWebhook(receiver.url, source, { clock: () => Date.now() - 3_600_000 });
    await eventually(() => source.settled === 1);
    expect(receiver.requests[0]?.message.late).toBe(true);
  });

  it('posts the history in order, one record after the other, and settles accepted records', async () => {
    const receiver = await Receiver.start();
    let underWay = 0;
    receiver.answer = (response) => {
      expect(++underWay).toBe(1);
      setImmediate(() => {
        underWay--;
        ok(response, 0);
      });
    };
    const source = new Source().add(60_000, 60_000, 0);
    const webhook = await newWebhook(receiver.url, source);
    await eventually(() => source.settled === 3);
    source.add(...range(1, 40).map(() => 60_000));
    webhook.wake();
    await eventually(() => source.settled === 43);
    expect(receiver.sequences).toEqual(range(1, 43));
    expect(receiver.requests[0]).toMatchObject({
      path: '/events',
      headers: { 'content-type': 'application/json', 'x-lintel-sequence': '1' },
    });
    expect(receiver.requests[0]?.headers).not.toHaveProperty('x-lintel-signature');
    expect(receiver.requests.slice(0, 3).map(({ message }) => message.late)).toEqual([false, false, true]);
    expect(receiver.requests[0]?.message.event).toEqual((source.records[0] as { event: unknown }).event);
    expect(webhook.stats()).toEqual({ posted: 43, refused: 0 });
    expect(webhook.health()).toMatchObject({ status: 'ok' });
  });

  it('posts a gap in its place', async () => {
    const receiver = await Receiver.start();
    const source = new Source();
    const gap = { from: 1, to: 4, reason: 'removed', previous: NO_HASH } as const;
    source.records.push({ sequence: 4, gap });
    await newWebhook(receiver.url, source.add(60_000));
    await eventually(() => source.settled === 5);
    const message = receiver.requests[0]?.message;
    expect(message).toMatchObject({ version: 1, deviceId: 'gate', stream: 'webhook', gap });
    expect(isSignedBy(createPublicKey(SIGNING_KEY), message)).toBe(true);
    expect(receiver.requests[0]?.headers['x-lintel-sequence']).toBe('4');
  });

  it('signs the body with its secret, and the secret is in no log', async () => {
    const receiver = await Receiver.start();
    receiver.answer = (response, nth) => (nth === 1 ? status(401)(response, nth) : ok(response, nth));
    const log = recordingLog();
    const source = new Source().add(60_000);
    const webhook = await newWebhook(receiver.url, source, { secret: 'the-secret', log });
    await eventually(() => source.settled === 1);
    for (const { headers, body } of receiver.requests) {
      expect(headers['x-lintel-signature']).toBe(computeWebhookSignature(Buffer.from(body), 'the-secret'));
    }
    expect(computeWebhookSignature(Buffer.from('what do ya want for nothing?'), 'Jefe')).toBe(
      // RFC 4231, test case 2.
      'sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    );
    expect(JSON.stringify([log.lines, webhook.health()])).not.toContain('the-secret');
  });

  it.each([500, 503, 408, 429])('repeats a record as long as the answer is %s', async (code) => {
    const receiver = await Receiver.start();
    receiver.answer = (response, nth) => (nth <= 6 ? status(code)(response, nth) : ok(response, nth));
    const log = recordingLog();
    const source = new Source().add(60_000, 60_000);
    const webhook = await newWebhook(receiver.url, source, { log });
    await eventually(() => source.settled === 2);
    expect(receiver.sequences).toEqual([1, 1, 1, 1, 1, 1, 1, 2]);
    expect(webhook.stats()).toEqual({ posted: 2, refused: 0 });
    expect(log.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
    expect(log.lines[0]?.fields).toMatchObject({ reason: `answered with HTTP ${code}` });
  });

  it.each([400, 404, 413, 302])(
    'skips a record that is refused with %s for long enough, counts it, and declares a gap',
    async (code) => {
      const receiver = await Receiver.start();
      const elsewhere = await Receiver.start();
      receiver.answer = (response, nth) =>
        nth <= 3 ? status(code, { location: elsewhere.url })(response, nth) : ok(response, nth);
      const source = new Source().add(60_000, 60_000);
      const webhook = await newWebhook(receiver.url, source);
      await eventually(() => source.settled === 2);
      // The fourth one declares the gap.
      expect(receiver.requests.map(({ message }) => message.gap?.reason ?? message.sequence)).toEqual([
        ...[1, 1, 1],
        'refused',
        2,
      ]);
      expect(receiver.requests[3]?.message.gap).toMatchObject({ from: 1, to: 1, detail: `answered with HTTP ${code}` });
      expect(webhook.stats()).toEqual({ posted: 1, refused: 1 });
      expect(elsewhere.requests).toEqual([]);
    },
  );

  it('does not skip a record before its time', async () => {
    const receiver = await Receiver.start();
    receiver.answer = status(400);
    const source = new Source().add(60_000);
    const webhook = await newWebhook(receiver.url, source, { timing: { ...EAGER, refusedMs: 3_600_000 } });
    await eventually(() => receiver.requests.length > 6);
    expect(source.settled).toBe(0);
    expect(webhook.health()).toMatchObject({ status: 'degraded', detail: 'webhook: answered with HTTP 400' });
  });

  it('gives up a request without an answer, and reports it', async () => {
    const receiver = await Receiver.start();
    receiver.answer = (response, nth) => {
      if (nth > 1) ok(response, nth);
    };
    const source = new Source().add(60_000);
    const webhook = await newWebhook(receiver.url, source, {
      timeoutMs: 50,
      timing: { ...EAGER, backoffFirstMs: 100 },
    });
    await expect.poll(() => webhook.health().detail, { interval: 5 }).toBe('webhook: no answer within 50 ms');
    await eventually(() => source.settled === 1);
    expect(webhook.health().status).toBe('ok');
  });

  it('reports an absent server', async () => {
    const webhook = await newWebhook('http://127.0.0.1:1/', new Source().add(60_000));
    await expect.poll(() => webhook.health().detail).toBe('webhook: ECONNREFUSED');
  });

  it('reports an event log that cannot be read, and continues when it can', async () => {
    const receiver = await Receiver.start();
    const source = new Source().add(60_000);
    source.failure = new Error('no disk');
    const webhook = await newWebhook(receiver.url, source);
    await expect.poll(() => webhook.health().detail).toBe('webhook: no disk');
    source.failure = undefined;
    await eventually(() => source.settled === 1);
  });

  it('can be stopped during a request and during a pause', async () => {
    const receiver = await Receiver.start();
    receiver.answer = () => undefined;
    const frozen = await newWebhook(receiver.url, new Source().add(60_000), { timeoutMs: 60_000 });
    await eventually(() => receiver.requests.length === 1);
    const absent = await newWebhook('http://127.0.0.1:1/', new Source().add(60_000), {
      timing: { ...EAGER, backoffFirstMs: 60_000, backoffMaxMs: 60_000 },
    });
    await expect.poll(() => absent.health().status).toBe('degraded');
    const idle = await newWebhook(receiver.url, new Source());
    const beganMs = performance.now();
    await Promise.all([frozen.stop(), absent.stop(), idle.stop()]);
    await frozen.stop();
    expect(performance.now() - beganMs).toBeLessThan(2_000);
  });
});

/** Signed by itself, for 127.0.0.1. */
function certificate(): { cert: string; key: string } {
  const folder = tempDir();
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const names = ['-subj', '/CN=receiver', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const made = spawnSync('openssl', ['req', '-x509', '-days', '2', ...curve, '-keyout', key, '-out', cert, ...names]);
  expect(made.status).toBe(0);
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
}

describe.skipIf(lacks('the webhook over HTTPS', 'openssl'))('the webhook over HTTPS', () => {
  it('accepts a certificate of a known authority, and no other', async () => {
    const { cert, key } = certificate();
    const receiver = await Receiver.start(createHttpsServer({ cert, key }));
    const known = new Source().add(60_000);
    await newWebhook(receiver.url, known, { ca: [cert] });
    await eventually(() => known.settled === 1);
    const webhook = await newWebhook(receiver.url, new Source().add(60_000));
    await expect.poll(() => webhook.health().detail).toMatch(/^webhook: .*SELF_SIGNED/);
    expect(receiver.requests).toHaveLength(1);
  });
});

describe('the webhook beside MQTT', () => {
  it('gets every event, with a broker or without, and continues after a restart', async () => {
    const receiver = await Receiver.start();
    const webhook = { url: receiver.url, timeoutMs: 1_000 };
    const config = eventsConfig({ url: 'mqtt://127.0.0.1:1' }, { webhook });
    const events = await startEvents({}, { config, webhookTiming: EAGER, webhookSecret: 'the-secret' });
    const sent = [await events.emit(aDraft()), await events.emit(aDraft())];
    await eventually(() => events.stats().webhook?.pending === 0);
    expect(receiver.requests.map(({ message }) => message.event)).toEqual(sent);
    expect(receiver.requests[0]?.headers['x-lintel-signature']).toMatch(/^sha256=[0-9a-f]{64}$/);
    expect(events.stats()).toMatchObject({ pending: 2, webhook: { posted: 2, refused: 0 } });
    expect(events.health().facts).toMatchObject({ webhook: new URL(receiver.url).host, webhookPending: 0 });
  });
});
