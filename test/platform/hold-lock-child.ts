// A process that takes the lock of a file and keeps it until it is killed.
import { withProcessLock } from '../../src/platform/process-lock.js';

const [path = ''] = process.argv.slice(2);
await withProcessLock(path, () => {
  console.log('locked');
  return new Promise<void>(() => setInterval(() => undefined, 1_000));
});
