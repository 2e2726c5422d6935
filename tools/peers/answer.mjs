// Lets a process answer requests: one line of JSON in, one line of JSON out, with the time that the work took.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

/**
 * Answers requests such as {"do": "detect", "file": "a.jpg"} until the input ends.
 * @param {Record<string, (request: any) => unknown>} handlers by the request's `do`
 */
export async function answer(handlers) {
  // Libraries that print must not disturb the answers.
  const write = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
  for (const name of ['log', 'info', 'warn', 'debug']) console[name] = console.error;
  write({ ready: true });
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      const request = JSON.parse(line);
      if (request.do === 'memory') {
        write({ result: readMemoryMb() });
        continue;
      }
      const cpu = process.cpuUsage();
      const start = performance.now();
      const result = await handlers[request.do](request);
      const ms = performance.now() - start;
      const { user, system } = process.cpuUsage(cpu);
      write({ result, ms, cpuMs: (user + system) / 1000 });
    } catch (error) {
      write({ error: String(error?.stack ?? error) });
    }
  }
}

/** Returns a `require` that finds the packages of the peers' folder, which the first argument names. */
export function requireFromPeers() {
  return createRequire(`${process.argv[2]}/package.json`);
}

/** Reads float32 vectors from a file. */
export function readVectors(file) {
  const bytes = readFileSync(file);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

function readMemoryMb() {
  return (Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024) / 1e6;
}
