// The doctor of a running service: one process at a time, its time limit, its end, and what a report without an end says.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.js';
import { silentLog } from '../../src/domain/log.js';
import { DOCTOR_LIMIT_MS, DOCTOR_REST_MS, DoctorProcess } from '../../src/ops/doctor-process.js';
import { ManualTimers, settle } from '../camera/manual-timers.js';
import { tempDir } from '../support/temp-dir.js';

const AT = Date.UTC(2026, 10, 28, 12);

/** Makes a doctor whose process runs this code; `order` is what it was sent, `say` sends a message. */
function makeDoctor(code: string) {
  const path = join(tempDir(), 'child.mjs');
  writeFileSync(
    path,
    `const say = (message) => process.send(message);
     process.once('message', async (order) => { ${code} });`,
  );
  const timers = new ManualTimers();
  const orders: number[] = [];
  const doctor = new DoctorProcess({
    file: pathToFileURL(path),
    order: () => {
      orders.push(orders.length + 1);
      return { config: configSchema.parse({}), port: 8_080 + orders.length, environment: { masterKey: 'secret' } };
    },
    version: '1.2.3',
    clock: () => AT,
    monotonic: timers.clock,
    timers,
    log: silentLog,
  });
  return { doctor, timers, orders };
}

const WHOLE = `
  say({ began: 'node' });
  say({ checked: { title: 'node', findings: [{ level: 'ok', text: 'port ' + order.port }] } });
  say({ checked: { title: 'disk', findings: [{ level: 'warn', text: 'little' }, { level: 'fail', text: 'none' }] } });
  say({ done: true });
  process.disconnect();`;

describe('the doctor of a running service', () => {
  it('gives a report with its time, its version and its counts', async () => {
    const { doctor } = makeDoctor(WHOLE);
    expect(await doctor.report()).toEqual({
      version: '1.2.3',
      at: '2026-11-28T12:00:00.000Z',
      counts: { ok: 1, warn: 1, fail: 1 },
      checks: [
        { title: 'node', findings: [{ level: 'ok', text: 'port 8081' }] },
        {
          title: 'disk',
          findings: [
            { level: 'warn', text: 'little' },
            { level: 'fail', text: 'none' },
          ],
        },
      ],
    });
    await doctor.stop();
  });

  it('gets no environment of the service', async () => {
    const { doctor } = makeDoctor(`
      say({ checked: { title: 'env', findings: [{ level: 'ok', text: Object.keys(process.env).join() }] } });
      say({ done: true }); process.disconnect();`);
    expect((await doctor.report()).checks[0]?.findings[0]?.text).not.toContain('PATH');
    await doctor.stop();
  });

  it('runs once for requests at the same time, and rests after a report', async () => {
    const { doctor, timers, orders } = makeDoctor(WHOLE);
    const reports = await Promise.all([doctor.report(), doctor.report(), doctor.report()]);
    expect(new Set(reports).size).toBe(1);
    await timers.advance(DOCTOR_REST_MS - 1);
    expect(await doctor.report()).toBe(reports[0]);
    expect(orders).toEqual([1]);
    await timers.advance(1);
    expect(await doctor.report()).not.toBe(reports[0]);
    expect(orders).toEqual([1, 2]);
    await doctor.stop();
  });

  it('is ended after its time, and the report names the check that hung', async () => {
    const sent = join(tempDir(), 'sent');
    const { doctor, timers } = makeDoctor(`
      say({ checked: { title: 'node', findings: [{ level: 'ok', text: 'fine' }] } });
      process.send({ began: 'audit' }, () => import('node:fs').then((fs) => fs.writeFileSync(${JSON.stringify(sent)}, '')));
      setInterval(() => {}, 1000);`);
    const report = doctor.report();
    await expect.poll(() => timers.waitingMs).toContain(DOCTOR_LIMIT_MS);
    await expect.poll(() => existsSync(sent)).toBe(true);
    await timers.advance(DOCTOR_LIMIT_MS);
    expect((await report).checks).toEqual([
      { title: 'node', findings: [{ level: 'ok', text: 'fine' }] },
      { title: 'audit', findings: [{ level: 'fail', text: 'no result within 25 s' }] },
    ]);
    await doctor.stop();
  });

  it('that crashes leaves a report that says so', async () => {
    const { doctor } = makeDoctor(`say({ began: 'models' }); process.exit(3);`);
    expect((await doctor.report()).checks.at(-1)?.findings).toEqual([
      { level: 'fail', text: 'the check ended with exit code 3' },
    ]);
    await doctor.stop();
  });

  it('ends with the service', async () => {
    const { doctor, timers } = makeDoctor(`setInterval(() => {}, 1000);`);
    const report = doctor.report();
    const refused = expect(report).rejects.toMatchObject({ code: 'STOPPED' });
    await expect.poll(() => timers.waitingMs).toContain(DOCTOR_LIMIT_MS);
    await doctor.stop();
    await refused;
    await settle();
    await expect(doctor.report()).rejects.toMatchObject({ code: 'STOPPED' });
  });
});
