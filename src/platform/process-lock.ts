// A lock between the processes of one machine that the kernel releases when its holder dies.
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { basename, dirname } from 'node:path';
import { AppError } from '../errors.js';

const TIMEOUT_MS = 10_000;

export interface ProcessLockOptions {
  /** How long to wait for other holders. */
  timeoutMs?: number;
}

/**
 * Runs `work` while no other process, and no other caller in this process, runs work under the lock of the same file.
 * The lock is an abstract Unix socket, which leaves no file behind and goes away with its process, also after kill -9. Its name is derived
 * from the folder's inode, so that all paths to one file share a lock. Processes in other network namespaces do not see it.
 * @param path the file that the lock protects; its folder must exist, the file need not
 * @throws AppError STORE_UNAVAILABLE when others hold the lock for too long; errors of the file system; what `work` throws
 */
export async function withProcessLock<T>(
  path: string,
  work: () => Promise<T>,
  { timeoutMs = TIMEOUT_MS }: ProcessLockOptions = {},
): Promise<T> {
  const { dev, ino } = await stat(dirname(path), { bigint: true });
  const id = createHash('sha256')
    .update(`${dev} ${ino} ${basename(path)}`)
    .digest('hex');
  const release = await acquire(`\0lintel-lock-${id}`, path, performance.now() + timeoutMs);
  try {
    return await work();
  } finally {
    await release();
  }
}

/** @returns the function that releases the lock */
async function acquire(address: string, path: string, deadlineMs: number): Promise<() => Promise<void>> {
  for (;;) {
    const release = await tryListen(address);
    if (release) return release;
    const remainingMs = deadlineMs - performance.now();
    if (remainingMs <= 0) {
      throw new AppError(
        'STORE_UNAVAILABLE',
        `another process has been changing ${path} for too long; try again later`,
      );
    }
    await waitForRelease(address, remainingMs);
  }
}

/** @returns undefined when another holder has the address */
function tryListen(address: string): Promise<(() => Promise<void>) | undefined> {
  return new Promise((resolve, reject) => {
    const waiting = new Set<Socket>();
    const server = createServer((socket) => {
      waiting.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => waiting.delete(socket));
    });
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen(address, () => resolve(() => close(server, waiting)));
  });
}

/** Releases the lock. Closing the connections wakes the processes that wait. */
function close(server: Server, waiting: ReadonlySet<Socket>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    for (const socket of waiting) socket.destroy();
  });
}

/** Resolves when the holder releases the lock or dies, or after the time. */
function waitForRelease(address: string, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(address);
    const timer = setTimeout(() => socket.destroy(), timeoutMs);
    // Refused: the holder has gone in the meantime.
    socket.on('error', () => undefined);
    // Without reading, the end of the connection would not be noticed.
    socket.resume();
    socket.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
