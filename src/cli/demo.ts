// `lintel demo` and `lintel pictures`: try Lintel without a camera and without a photograph of a real person.
import { copyFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { connect, type MqttClient } from 'mqtt';
import { Option, type Command } from 'commander';
import { getInstallationFile } from '../config/paths.js';
import { configSchema, type Config } from '../config/schema.js';
import { AppError } from '../errors.js';
import { recognitionEventSchema } from '../events/event.js';
import { createLog } from '../platform/log.js';
import type { CliContext } from './context.js';

const GROUP = 'demo';
const CAMERA = 'clip';
/** Rendered by tools/rendered-people, and part of the installation. */
const PICTURES = ['guest-1.jpg', 'guest-2.jpg', 'stranger.jpg'];

export function registerDemo(demo: Command, context: CliContext): void {
  demo
    .addOption(new Option('--seconds <n>', 'end after n seconds instead of at Ctrl-C').argParser(Number))
    .addHelpText(
      'after',
      `
The clip shows two rendered people: a guest, whom the demonstration enrols through the REST API, and
a stranger. All data is written to a temporary folder, which is deleted at the end.`,
    )
    .action(async ({ seconds }: { seconds?: number }) => {
      if (seconds !== undefined && !(seconds > 0))
        throw new AppError('CONFIG_INVALID', '--seconds must be a number above 0');
      const ended = waitForEnd(seconds);
      const folder = await mkdtemp(join(tmpdir(), 'lintel-demo-'));
      try {
        await demonstrate(context, folder, ended);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });
}

export function registerPictures(pictures: Command, context: CliContext): void {
  pictures
    .argument('<folder>', 'folder to copy the pictures to; it is created if it is missing')
    .action(async (folder: string) => {
      const to = resolve(context.cwd, folder);
      await mkdir(to, { recursive: true });
      for (const name of PICTURES) await copyFile(getInstallationFile('demo', name), join(to, name));
      context.stdout.write(`${PICTURES.join(', ')} are in ${to}\n`);
    });
}

async function demonstrate(context: CliContext, folder: string, ended: Promise<void>): Promise<void> {
  const { stdout } = context;
  const config = await makeDemoConfig(folder);
  const portrait = await readFile(getInstallationFile('demo', 'guest-1.jpg'));
  // Imported late: the other commands must work where a native library does not load.
  const { createService } = await import('../main.js');
  const log = createLog('warn', { write: (line) => void stdout.write(formatLogLine(line)) });
  const service = await createService({ config, environment: context.environment, log });
  let subscriber: MqttClient | undefined;
  await service.start();
  try {
    const appKey = (await readFile(service.firstAppKeyFile, 'utf8')).trim();
    const base = `${service.url}/nhn-face-reco/v1.0/appkeys/${appKey}`;
    await post(`${base}/groups`, { groupId: GROUP });
    const enrolled = await post(`${base}/groups/${GROUP}`, {
      image: { bytes: portrait.toString('base64') },
      externalImageId: 'guest',
      limit: 1,
    });
    const faceId = (enrolled.data as { addedFaces: { faceId: string }[] }).addedFaces[0]?.faceId;
    if (faceId === undefined) throw new AppError('INTERNAL', 'the guest of the clip could not be enrolled');
    stdout.write(`\nREST API   ${base}\n`);
    stdout.write(`MQTT       ${service.brokerUrl}, topics lintel/#\n`);
    stdout.write(`enrolled   guest, faceId ${faceId}, from demo/guest-1.jpg\n`);
    stdout.write('The clip repeats: the guest comes, then a stranger. Ctrl-C ends the demonstration.\n\n');
    subscriber = listen(service.brokerUrl ?? '', (line) => stdout.write(`${line}\n`));
    await ended;
  } finally {
    subscriber?.end(true);
    await service.stop();
    stdout.write('\nThe demonstration has ended; its data is deleted.\n');
  }
}

/** Uses the usual ports, or free ones where another service runs on those. */
async function makeDemoConfig(folder: string): Promise<Config> {
  const path = getInstallationFile('demo', 'clip.avi');
  return configSchema.parse({
    deviceId: 'demo',
    dataDir: join(folder, 'data'),
    keysDir: join(folder, 'keys'),
    http: { port: await findFreePort(8080) },
    mqtt: { embedded: { port: await findFreePort(1883) } },
    cameras: [{ id: CAMERA, group: GROUP, absenceMs: 1_000, source: { type: 'file', path, loop: true } }],
  });
}

/** Returns `wanted` if it is free, otherwise 0, which lets the system choose. */
function findFreePort(wanted: number): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(0));
    server.listen(wanted, '127.0.0.1', () => server.close(() => resolve(wanted)));
  });
}

async function post(url: string, body: unknown): Promise<{ data?: unknown }> {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
  const answer = (await response.json()) as {
    header: { isSuccessful: boolean; resultMessage: string };
    data?: unknown;
  };
  if (!answer.header.isSuccessful)
    throw new AppError('INTERNAL', `the REST API answered ${answer.header.resultMessage}`);
  return answer;
}

/** Formats a JSON log line for a terminal, such as `18:50:00  WARN    the built-in models run {"set":"builtin"}`. */
function formatLogLine(line: string): string {
  const { level, time, msg, ...fields } = JSON.parse(line) as { level: string; time: string; msg: string };
  const more = Object.keys(fields).length === 0 ? '' : ` ${JSON.stringify(fields)}`;
  return `${time.slice(11, 19)}  ${level.toUpperCase().padEnd(7)} ${msg}${more}\n`;
}

function listen(url: string, print: (line: string) => void): MqttClient {
  const client = connect(url);
  client.on('error', (error) => print(`the MQTT subscriber: ${error.message}`));
  client.subscribe('lintel/#', { qos: 1 });
  client.on('message', (topic, payload) => {
    // The history stream repeats the same events.
    if (topic.endsWith('/history')) return;
    const text = payload.toString();
    const content: unknown = JSON.parse(text);
    const event = recognitionEventSchema.safeParse(content);
    if (!event.success) {
      // An early status names parts that are not connected yet, which would only alarm the reader; the next status follows soon.
      if (!isEarlyStatus(content)) print(`${topic} ${text}`);
      return;
    }
    const { type, reason, externalImageId, similarity, capturedAt, decidedAt } = event.data;
    const others = type === 'unknown' ? 'nobody who is enrolled' : reason;
    const who = type === 'match' ? `${externalImageId}, similarity ${similarity?.toFixed(1)}` : others;
    const tookMs = Date.parse(decidedAt) - Date.parse(capturedAt);
    print(
      `${decidedAt.slice(11, 19)}  ${type.toUpperCase().padEnd(7)} ${who}, decided ${tookMs} ms after the best shot`,
    );
    print(`          ${topic} ${text}`);
  });
  return client;
}

/** Tells whether this is a device status from before the broker was connected or the REST API was started. */
function isEarlyStatus(content: unknown): boolean {
  const { health } = content as { health?: { parts?: Record<string, string> } };
  return health?.parts !== undefined && (health.parts.events !== 'ok' || health.parts.api !== 'ok');
}

/** Resolves at Ctrl-C, at SIGTERM, or after the given number of seconds. */
function waitForEnd(seconds: number | undefined): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
    if (seconds !== undefined) setTimeout(resolve, seconds * 1_000).unref();
  });
}
