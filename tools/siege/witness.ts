// The process of the witness: plays a camera whose person comes and goes, subscribes to the events, and watches the service from outside.
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, Agent, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';

export interface WitnessSetup {
  /** Folder of the JPEGs of one cycle, in order of their names. */
  framesDir: string;
  fps: number;
}

/** What the witness is told once the service runs. */
export interface WatchOrder {
  brokerPort: number;
  apiPort: number;
  pid: number;
}

/** One appearance of the person; times in ms of the witness's clock. */
export interface Appearance {
  kind: 'appearance';
  startedMs: number;
  /** Time from the first frame with the person to the match; absent where none came before the next appearance. */
  latencyMs?: number;
}

export interface Sample {
  kind: 'sample';
  atMs: number;
  memoryMb: number;
  /** Longest and 99th-percentile delay of the main loop since the last sample; absent where /metrics did not answer. */
  lagMs?: number;
  lagP99Ms?: number;
}

export type WitnessMessage = { kind: 'camera'; port: number } | { kind: 'watching' } | Appearance | Sample;

const BOUNDARY = 'frame';
const SAMPLE_MS = 1_000;
/** Resolution of the monitor behind the service's metric: it is part of what the monitor measures. */
const MONITOR_MS = 10;

const { framesDir, fps } = JSON.parse(process.argv[2] ?? '') as WitnessSetup;
const frames = readdirSync(framesDir)
  .sort()
  .map((file) => readFileSync(join(framesDir, file)));
const viewers = new Set<ServerResponse>();
let frameNumber = 0;
let current: Appearance | undefined;

process.on('disconnect', () => process.exit(0));
process.on('message', (order: WatchOrder) => void watch(order));

const camera = createServer((_, response) => {
  response.writeHead(200, { 'content-type': `multipart/x-mixed-replace; boundary=${BOUNDARY}` });
  viewers.add(response);
  response.on('close', () => viewers.delete(response));
});
camera.listen(0, '127.0.0.1', () => {
  tell({ kind: 'camera', port: (camera.address() as AddressInfo).port });
  setInterval(showFrame, 1_000 / fps);
});

function showFrame(): void {
  const at = frameNumber++ % frames.length;
  if (at === 0) {
    if (current) tell(current);
    current = viewers.size > 0 ? { kind: 'appearance', startedMs: Date.now() } : undefined;
  }
  const jpeg = frames[at]!;
  const head = `--${BOUNDARY}\r\ncontent-type: image/jpeg\r\ncontent-length: ${jpeg.length}\r\n\r\n`;
  for (const viewer of viewers) {
    viewer.cork();
    viewer.write(head);
    viewer.write(jpeg);
    viewer.write('\r\n');
    viewer.uncork();
  }
}

async function watch({ brokerPort, apiPort, pid }: WatchOrder): Promise<void> {
  const client = await connectAsync(`mqtt://127.0.0.1:${brokerPort}`, {
    clientId: 'siege-witness',
    reconnectPeriod: 100,
    protocolVersion: 4,
  });
  client.on('message', () => {
    if (current && current.latencyMs === undefined) current.latencyMs = Date.now() - current.startedMs;
  });
  client.on('error', () => undefined);
  await client.subscribeAsync('lintel/+/+/match');
  tell({ kind: 'watching' });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  setInterval(() => void takeSample(agent, apiPort, pid), SAMPLE_MS);
}

let isSampling = false;

async function takeSample(agent: Agent, apiPort: number, pid: number): Promise<void> {
  const memoryMb = readMemory(pid);
  if (memoryMb === undefined || isSampling) return;
  isSampling = true;
  const metrics = await readMetrics(agent, apiPort);
  isSampling = false;
  const lagMs = readLag(metrics, 'max');
  const lagP99Ms = readLag(metrics, 'p99');
  tell({
    kind: 'sample',
    atMs: Date.now(),
    memoryMb,
    ...(lagMs === undefined ? {} : { lagMs }),
    ...(lagP99Ms === undefined ? {} : { lagP99Ms }),
  });
}

/**
 * Returns the memory in MB; undefined where the process has ended: what is resident of the service, and what its decoder processes have for
 * themselves, without the files that all of them share.
 */
function readMemory(pid: number): number | undefined {
  try {
    const children = readdirSync(`/proc/${pid}/task`)
      .flatMap((thread) => readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' '))
      .filter((child) => child !== '');
    const kib = readKib(pid, 'VmRSS') + children.reduce((sum, child) => sum + readKib(child, 'RssAnon'), 0);
    return (kib * 1_024) / 1e6;
  } catch {
    return undefined;
  }
}

/** Reads a field of a process's status. @returns 0 for a process that is ending @throws Error where there is none */
function readKib(pid: number | string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
}

function readMetrics(agent: Agent, port: number): Promise<string> {
  return new Promise((resolve) => {
    const asked = request({ host: '127.0.0.1', port, path: '/metrics', agent, timeout: 5_000 }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('close', () => resolve(text));
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve(''));
    asked.end();
  });
}

function readLag(metrics: string, what: 'max' | 'p99'): number | undefined {
  const seconds = new RegExp(`^nodejs_eventloop_lag_${what}_seconds (\\S+)`, 'm').exec(metrics)?.[1];
  return seconds === undefined ? undefined : Math.max(0, Number(seconds) * 1_000 - MONITOR_MS);
}

function tell(message: WitnessMessage): void {
  process.send?.(message);
}
