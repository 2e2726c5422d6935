// What the broker did not take: it survives a crash, goes with its event, and is listed, sent and forgotten on the command line.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createPublicKey } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { registerSetAside } from '../../src/cli/set-aside.js';
import { silentLog } from '../../src/domain/log.js';
import { EventLog } from '../../src/events/event-log.js';
import type { Events } from '../../src/events/events.js';
import { createHistoryEncoder } from '../../src/events/history.js';
import { createSetAsideRoutes } from '../../src/events/set-aside-requests.js';
import type { SetAsideEntry } from '../../src/events/set-aside.js';
import { EventSigner } from '../../src/events/signing.js';
import { MessageVerifier } from '../../src/events/verify.js';
import { leaveOutSnapshot } from '../../src/events/without-snapshot.js';
import { AdminSocket } from '../../src/platform/admin-socket.js';
import type { SealedStore } from '../../src/store/sealed-store.js';
import { lintel } from '../cli/terminal.js';
import { tempDir } from '../support/temp-dir.js';
import { ScriptedBroker } from './scripted-broker.js';
import { aDraft, eventually, openStore, range, SIGNING_KEY, started, startEvents } from './support.js';

const signer = new EventSigner(SIGNING_KEY);

function entry(sequence: number): SetAsideEntry {
  const topic = 'lintel/gate/history';
  return { sequence, what: 'event', reason: 'refused', detail: 'no', topic, bytes: 900, atMs: 1_000 };
}

async function openLog(store: SealedStore, maxEvents = 100): Promise<EventLog> {
  const limits = { maxEvents, maxBytes: 1_000_000, maxAgeHours: 1 };
  const base = { deviceId: 'gate', consumers: ['mqtt'], clock: Date.now, log: silentLog };
  return started(new EventLog({ ...base, limits, store, signer }));
}

describe('what was set aside', () => {
  it('is on disk without a stop, and goes with its event', async () => {
    const store = await openStore();
    const log = await openLog(store);
    for (let i = 0; i < 4; i++) await log.emit(aDraft());
    log.setAside.add(entry(3));
    log.setAside.add(entry(1));
    log.setAside.add(entry(4));
    log.setAside.remove(4);
    // A write comes after those.
    await log.emit(aDraft());
    const again = await openLog(store);
    expect(again.setAside.list()).toEqual([entry(1), entry(3)]);
    expect((await again.setAside.read(3))?.sequence).toBe(3);
    await again.stop();
    await log.stop();
    const small = await openLog(store, 3);
    await eventually(() => small.stats().stored === 3);
    await eventually(() => small.setAside.list().length === 1);
    expect(small.setAside.list()).toEqual([entry(3)]);
    await small.stop();
    expect((await openLog(store)).setAside.list()).toEqual([entry(3)]);
  });

  it('is at most 10,000 entries: the oldest ones go', async () => {
    const log = await openLog(await openStore());
    for (const sequence of range(1, 10_005)) log.setAside.add(entry(sequence));
    expect(log.setAside.list()).toHaveLength(10_000);
    expect(log.setAside.list()[0]?.sequence).toBe(6);
  });
});

/** Serves the requests of the command line for these events. @returns a function that runs a command */
async function serve(events: Events): Promise<(...args: string[]) => ReturnType<typeof lintel>> {
  const cwd = tempDir();
  const dataDir = join(cwd, 'data');
  mkdirSync(dataDir, { mode: 0o700 });
  writeFileSync(join(cwd, 'lintel.yaml'), JSON.stringify({ dataDir, keysDir: join(cwd, 'keys') }));
  const admin = new AdminSocket({
    path: join(dataDir, 'admin.sock'),
    routes: createSetAsideRoutes(events),
    log: silentLog,
  });
  await admin.start();
  onTestFinished(() => admin.stop());
  return (...args) => lintel(['events', ...args, '--config', join(cwd, 'lintel.yaml')], { events: registerSetAside });
}

describe('lintel events refused and resend', () => {
  it('list what was set aside, send it again, and forget it', async () => {
    const broker = await ScriptedBroker.start({
      answer: ({ payload }) =>
        /"sequence":[23],/.test(payload) && payload.includes('"stream"') ? { puback: 153 } : 'accept',
    });
    const events = await startEvents({ url: broker.url });
    for (let i = 0; i < 4; i++) await events.emit(aDraft());
    await eventually(() => events.stats().pending === 0);
    const run = await serve(events);
    const listed = await run('refused');
    expect(listed).toMatchObject({ code: 0, stderr: '2 set aside.\n' });
    expect(listed.stdout).toMatch(
      /^2: event, \d+ bytes for lintel\/gate\/history, set aside \S+Z: the payload format is not valid \(reason code 153\)\n3: /,
    );
    expect(await run('resend')).toMatchObject({ code: 1, stderr: '0 sent, 2 still set aside.\n' });
    broker.script = { answer: ({ payload }) => (payload.includes('"sequence":3,') ? { puback: 153 } : 'accept') };
    expect(await run('resend')).toMatchObject({ code: 1, stderr: '1 sent, 1 still set aside.\n' });
    expect(broker.history.at(-1)).toMatchObject({ sequence: 2, again: true });
    expect(await run('refused', '--forget')).toMatchObject({ code: 0, stdout: '', stderr: '1 forgotten.\n' });
    expect(await run('refused')).toMatchObject({ code: 0, stdout: '', stderr: '0 set aside.\n' });
    expect(events.health().status).toBe('ok');
  });

  it('say that there is no connection, and no service', async () => {
    const run = await serve(await startEvents({ url: 'mqtt://127.0.0.1:1' }));
    const refused = await run('resend');
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringContaining('the service is not connected to its broker'),
    ]);
    const folder = tempDir();
    writeFileSync(join(folder, 'lintel.yaml'), 'dataDir: data\nkeysDir: keys\n');
    const alone = await lintel(['events', 'refused', '--config', join(folder, 'lintel.yaml')], {
      events: registerSetAside,
    });
    expect(alone.code).toBe(1);
    expect(alone.stderr).toContain('no service is running on the data directory');
  });
});

describe('a history without a snapshot', () => {
  const encode = createHistoryEncoder('gate', 'mqtt', signer.signObject);
  const refusal = { kind: 'too-large', detail: 'too large' } as const;

  async function makeHistory(): Promise<{ lines: string[]; again: string; forged: string }> {
    const log = await openLog(await openStore());
    const events = [];
    for (let i = 0; i < 3; i++)
      events.push(await log.emit(aDraft(5_000, { snapshot: Buffer.alloc(900).toString('base64') })));
    const [first, second, third] = events;
    if (!first || !second || !third) throw new Error('no events');
    const without = leaveOutSnapshot(second, refusal, (event) => signer.sign(event));
    const other = leaveOutSnapshot(first, refusal, (event) => signer.sign(event));
    const { signature, ...unsigned } = without;
    expect(signature).toBeDefined();
    const forged = signer.sign({ ...unsigned, snapshotOmitted: other.snapshotOmitted });
    return {
      lines: [first, without, third].map((event) => encode({ sequence: event.sequence, event }, false)),
      again: encode({ sequence: 2, event: second, again: true }, true),
      forged: encode({ sequence: 2, event: forged }, false),
    };
  }

  function verify(lines: readonly string[]) {
    const verifier = new MessageVerifier(createPublicKey(SIGNING_KEY), 0);
    const verdicts = lines.map((line) => verifier.check(line));
    return { verdicts: verdicts.map(({ verdict, notes }) => [verdict, ...notes]), report: verifier.reports()[0] };
  }

  it('is complete, and names what was left out and what was sent again', async () => {
    const { lines, again } = await makeHistory();
    const { verdicts, report } = verify([...lines, again]);
    expect(verdicts).toEqual([
      ['valid'],
      ['valid', 'snapshot left out: too-large'],
      ['valid'],
      ['valid', 'late', 'sent again', 'duplicate'],
    ]);
    expect(report).toMatchObject({ missing: [], misplaced: 0, declared: [] });
  });

  it('does not follow where the hash is that of another event', async () => {
    const { lines, forged } = await makeHistory();
    const [first = '', , third = ''] = lines;
    expect(verify([first, forged, third]).verdicts[2]).toEqual([
      'invalid',
      'it does not follow the event before it: one of them is forged',
    ]);
  });

  it('is out of order only where nobody declared a gap for the event', async () => {
    const { lines, again } = await makeHistory();
    const [first = '', , third = ''] = lines;
    expect(verify([first, third, again]).report).toMatchObject({ missing: [], misplaced: 1 });
    const gap = { from: 2, to: 2, reason: 'refused' as const, detail: 'no', previous: 'A'.repeat(43) };
    const declared = encode({ sequence: 2, gap }, true);
    expect(verify([first, declared, third]).report?.declared).toEqual([{ from: 2, to: 2, reason: 'refused' }]);
    expect(verify([first, declared, third, again]).report).toMatchObject({ missing: [], misplaced: 0, declared: [] });
    // The broker refused it after it had taken the next one.
    expect(verify([first, third, declared]).report).toMatchObject({ missing: [], misplaced: 0 });
    const removed = encode({ sequence: 2, gap: { from: 2, to: 2, reason: 'removed', previous: 'A'.repeat(43) } }, true);
    expect(verify([first, third, removed]).report).toMatchObject({ misplaced: 1 });
    expect(verify([first, removed, third, again]).report).toMatchObject({ misplaced: 1 });
  });
});
