// The doctor's report over the device API, and the check of a configuration that changes nothing.
import { describe, expect, onTestFinished, test } from 'vitest';
import { formatReport, type DoctorReport } from '../../../src/domain/doctor.js';
import { expectSentence } from '../details.js';
import { startDevice, type Device, type DeviceOptions } from './harness.js';

const REPORT: DoctorReport = {
  version: '1.2.3',
  at: '2026-11-28T12:00:00.000Z',
  counts: { ok: 1, warn: 0, fail: 1 },
  checks: [
    { title: 'node', findings: [{ level: 'ok', text: '20.19.0' }] },
    { title: 'broker', findings: [{ level: 'fail', text: 'no answer\nwithin 3 s' }] },
  ],
};

async function open(options: DeviceOptions = {}): Promise<Device> {
  const device = await startDevice({ doctor: async () => REPORT, ...options });
  onTestFinished(() => device.close());
  return device;
}

describe('the report', () => {
  test('is JSON, or the text that the command prints, and each is in the audit log', async () => {
    const device = await open();
    expect((await device.call('GET', '/doctor')).body).toEqual(REPORT);
    const text = await device.fetch('/doctor?format=text');
    expect(text.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(await text.text()).toBe(formatReport(REPORT));
    expect(formatReport(REPORT)).toBe(
      'Lintel 1.2.3, 2026-11-28T12:00:00.000Z\n\nok    node    20.19.0\nFAIL  broker  no answer\n              within 3 s\n' +
        '\n1 failed, 0 warnings, 1 ok\n',
    );
    const run = ['doctor.run', 'admin:front-desk', {}];
    expect((await device.audited()).filter(([action]) => action === 'doctor.run')).toEqual([run, run]);
  });

  test('needs a key, and is not given to a key that was revoked while it was made', async () => {
    let device: Device | undefined = undefined;
    const doctor = async (): Promise<DoctorReport> => {
      await device?.adminKeys.revoke('front-desk');
      return REPORT;
    };
    const opened = await open({ doctor });
    device = opened;
    expect((await opened.call('GET', '/doctor', undefined, {})).status).toBe(401);
    const { status, body } = await opened.call('GET', '/doctor');
    expect([status, body.error.code]).toEqual([401, 'UNAUTHORIZED_ADMIN_KEY']);
    expectSentence(body.error.message);
  });
});

describe('the check of a configuration', () => {
  const check = async (text: unknown): Promise<{ status: number; body: unknown }> => {
    const device = await open();
    return device.call('POST', '/configuration/check', { text });
  };

  test.each([
    ['', []],
    ['cameras:\n  - id: front\n    group: staff\n    source: {type: device, path: /dev/video0}\n', []],
    ['{"http":{"port":8081}}', []],
    [
      'http: {port: 70000}\nhtttp: {}\n',
      ['http.port: must be at most 65535 (line 1)', 'htttp: is not a known key (line 2)'],
    ],
    ['- a', ['the file: must be a group of keys']],
    ['a: 1\na: 2', ['a key occurs twice (line 2)']],
    ['a: *b', ['an alias (*name) has no anchor (&name) before it, or expands to too much']],
  ])('of %j', async (text, problems) => {
    expect(await check(text)).toMatchObject({ status: 200, body: { valid: problems.length === 0, problems } });
  });

  test('names every problem with its key, and never a value', async () => {
    const { body } = await check(
      'cameras:\n  - id: front\n    threshold: 98765\n    source: {type: device, path: ""}\n',
    );
    const { valid, problems } = body as { valid: boolean; problems: string[] };
    expect(valid).toBe(false);
    expect(problems).toHaveLength(3);
    expect(problems.join()).toContain('cameras[0].threshold: must be at most 100 (line 3)');
    expect(problems.join()).not.toContain('98765');
  });

  test.each([
    ['nested too deeply', '['.repeat(15_000)],
    [
      'aliases that expand',
      `a: &a [1,2,3,4,5,6,7,8,9]\n${'bcdefgh'.replaceAll(/./g, (n) => `${n}: &${n} [${`*${String.fromCharCode(n.charCodeAt(0) - 1)},`.repeat(9)}]\n`)}`,
    ],
    ['a thousand unknown keys', Array.from({ length: 1_000 }, (_, n) => `k${n}: 1`).join('\n')],
  ])('answers in time to a text with %s', async (_, text) => {
    const beganMs = performance.now();
    const { status, body } = await check(text);
    expect(status).toBe(200);
    expect(body).toMatchObject({ valid: false });
    expect((body as { problems: string[] }).problems.length).toBeLessThan(60);
    expect(performance.now() - beganMs).toBeLessThan(10_000);
  });

  test('refuses a body that is too large, or has no text', async () => {
    expect((await check('a: '.repeat(10_000))).status).toBe(400);
    expect((await check(7)).status).toBe(400);
  });
});
