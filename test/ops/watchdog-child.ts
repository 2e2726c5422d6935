// A process with a watchdog, whose event loop hangs for a while on request: node watchdog-child.ts SOCKET BLOCK_MS.
import { silentLog } from '../../src/domain/log.js';
import { systemTimers } from '../../src/domain/time.js';
import { loadAddon } from '../../src/native/addon.js';
import { SdNotifier } from '../../src/platform/sd-notify.js';
import { Watchdog } from '../../src/ops/watchdog.js';

const [socketPath, blockMs] = process.argv.slice(2);
const notifier = new SdNotifier({ socketPath, addon: loadAddon(), log: silentLog });
const watchdog = new Watchdog({
  notifier,
  watchdogUsec: 150_000,
  heartbeats: [],
  status: () => 'as it should be',
  clock: () => performance.now(),
  timers: systemTimers,
  log: silentLog,
});
process.stdin.once('data', () => {
  notifier.status('blocked');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(blockMs));
  notifier.status('free');
});
process.stdin.once('end', () => watchdog.stop());
notifier.ready('up');
watchdog.running();
