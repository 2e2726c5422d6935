// The notices to systemd, as they reach the addon's function.
import { describe, expect, it } from 'vitest';
import { silentLog } from '../../src/domain/log.js';
import { SdNotifier } from '../../src/platform/sd-notify.js';

function notifier(socketPath: string | undefined): { notifier: SdNotifier; sent: [string, string][] } {
  const sent: [string, string][] = [];
  const addon = { sdNotify: (socket: string, message: string) => void sent.push([socket, message]) };
  return { notifier: new SdNotifier({ socketPath, addon, log: silentLog }), sent };
}

describe('systemd', () => {
  it('gets the status, READY, WATCHDOG and STOPPING', () => {
    const { notifier: systemd, sent } = notifier('/run/systemd/notify');
    systemd.status('starting vision');
    systemd.ready('serving on http://127.0.0.1:8080');
    systemd.alive('2 of 2 cameras running');
    systemd.stopping();
    expect(sent).toEqual([
      ['/run/systemd/notify', 'STATUS=starting vision'],
      ['/run/systemd/notify', 'READY=1\nSTATUS=serving on http://127.0.0.1:8080'],
      ['/run/systemd/notify', 'WATCHDOG=1\nSTATUS=2 of 2 cameras running'],
      ['/run/systemd/notify', 'STOPPING=1\nSTATUS=stopping'],
    ]);
  });

  it('is asked for more time in microseconds', () => {
    const { notifier: systemd, sent } = notifier('@lintel');
    systemd.extendStart(30_000.4);
    expect(sent).toEqual([['@lintel', 'EXTEND_TIMEOUT_USEC=30000400']]);
  });

  it('gets one line, whatever the status says', () => {
    const { notifier: systemd, sent } = notifier('@lintel');
    systemd.status('lost\nREADY=1\r\n');
    expect(sent).toEqual([['@lintel', 'STATUS=lost READY=1']]);
  });

  it('gets nothing where it does not listen', () => {
    const { notifier: systemd, sent } = notifier(undefined);
    systemd.ready('up');
    systemd.status('up');
    systemd.alive('up');
    systemd.extendStart(1);
    systemd.stopping();
    expect(sent).toEqual([]);
    expect(systemd.listens).toBe(false);
  });

  it('may be out of reach: this is logged, and nothing is thrown', () => {
    const warnings: string[] = [];
    const addon = {
      sdNotify: () => {
        throw new Error('ECONNREFUSED');
      },
    };
    const log = { ...silentLog, warn: (_: object, message: string) => void warnings.push(message) };
    const systemd = new SdNotifier({ socketPath: '/gone', addon, log });
    expect(() => systemd.ready('up')).not.toThrow();
    expect(warnings).toEqual(['a notice could not be sent to systemd']);
  });
});
