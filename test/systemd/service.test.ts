// A whole service as systemd starts it: its notifications and its log.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fstatSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isAlive, notifySocket } from '../platform/notify-socket.js';
import { bestModels } from '../support/model-sets.js';
import { CLI } from '../support/service.js';
import { tempDir } from '../support/temp-dir.js';

describe('the service', () => {
  it('sends READY after the first attempt of its cameras, then WATCHDOG, and stops at SIGTERM', async () => {
    const folder = tempDir();
    const systemd = await notifySocket(join(folder, 'notify'));
    const camera = { id: 'front', group: 'door', source: { type: 'file', path: join(folder, 'none.avi') } };
    const config = {
      dataDir: 'data',
      keysDir: 'keys',
      http: { port: 0 },
      mqtt: { embedded: { port: 0 } },
      models: { dir: bestModels.modelsDir, set: bestModels.set },
      vision: { workers: 1 },
      cameras: [camera],
    };
    writeFileSync(join(folder, 'lintel.yaml'), JSON.stringify(config));
    const output = openSync(join(folder, 'journal'), 'w');
    const { dev, ino } = fstatSync(output);
    const service = spawn(process.execPath, [CLI, 'serve', '--config', join(folder, 'lintel.yaml')], {
      stdio: ['ignore', output, 'inherit'],
      env: {
        ...process.env,
        NOTIFY_SOCKET: join(folder, 'notify'),
        WATCHDOG_USEC: '900000',
        JOURNAL_STREAM: `${dev}:${ino}`,
      },
    });
    onTestFinished(() => void service.kill('SIGKILL'));
    const ready = await systemd.next((text) => text.startsWith('READY=1'));
    expect(ready.notice.text).toContain('STATUS=0 of 1 cameras running, 0 recognitions; degraded: ');
    const before = systemd.notices.slice(0, ready.index).map(({ text }) => text);
    expect(before).toContain('STATUS=starting vision');
    expect(before).toContain('EXTEND_TIMEOUT_USEC=30000000');
    expect(before.filter(isAlive)).toEqual([]);

    const first = await systemd.next(isAlive, ready.index);
    await systemd.next(isAlive, first.index + 1);

    service.kill('SIGTERM');
    expect(await once(service, 'exit')).toEqual([0, null]);
    await systemd.next((text) => text.startsWith('STOPPING=1'));
    const lines = readFileSync(join(folder, 'journal'), 'utf8').trim().split('\n');
    for (const line of lines) expect(line).toMatch(/^<[3467]>\{"level":/);
  });
});
