// lintel demo and lintel pictures: Lintel tried without a camera and without anybody's photograph.
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { connect, type MqttClient } from 'mqtt';
import { Option, type Command } from 'commander';
import { configSchema, type Config } from '../config/schema.js';
import { encodePicture } from '../demo/clip-file.js';
import {
  ENROLMENT_MS,
  GUEST_SEED,
  STRANGER_SEED,
  demoScript,
  renderDemoClip,
  renderPortrait,
} from '../demo/demo-clip.js';
import { AppError } from '../errors.js';
import { recognitionEventSchema } from '../events/event.js';
import { loadAddon, type Addon } from '../native/addon.js';
import { createLog } from '../platform/log.js';
import type { CliContext } from './context.js';
import { Progress } from './progress.js';

const GROUP = 'demo';
const CAMERA = 'clip';

export function registerDemo(program: Command, context: CliContext): void {
  program
    .command('demo')
    .description('a trial: a rendered clip as camera, one person of it enrolled over REST, and the MQTT events')
    .addOption(new Option('--seconds <n>', 'end by itself after so long, instead of at Ctrl-C').argParser(Number))
    .addHelpText('after', '\nEverything it writes lies in a temporary folder, which is removed at the end.')
    .action(async ({ seconds }: { seconds?: number }) => {
      if (seconds !== undefined && !(seconds > 0))
        throw new AppError('CONFIG_INVALID', '--seconds must be a number above 0');
      const ended = endOf(seconds);
      const folder = await mkdtemp(join(tmpdir(), 'lintel-demo-'));
      try {
        await demonstrate(context, folder, ended);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });

  program
    .command('pictures')
    .argument('<folder>', 'where to put them')
    .description('render pictures of two made-up people, to try the REST API with')
    .action(async (folder: string) => {
      const addon = loadAddon();
      const to = resolve(context.cwd, folder);
      await mkdir(to, { recursive: true });
      const pictures = {
        'guest-1.jpg': renderPortrait(GUEST_SEED),
        'guest-2.jpg': renderPortrait(GUEST_SEED, { pose: { yaw: -12, pitch: 4 }, background: 5, facePx: 150 }),
        'stranger.jpg': renderPortrait(STRANGER_SEED),
      };
      for (const [name, picture] of Object.entries(pictures)) {
        await writeFile(join(to, name), encodePicture(picture, addon));
      }
      context.stdout.write(`${Object.keys(pictures).join(', ')} are in ${to}\n`);
    });
}

async function demonstrate(context: CliContext, folder: string, ended: Promise<void>): Promise<void> {
  const { stdout } = context;
  const addon = loadAddon();
  const clip = join(folder, 'clip.avi');
  const portrait = await makeClip(context, addon, clip);
  const config = await demoConfig(folder, clip);
  // Loaded here only: the other commands must work where a library does not.
  const { createService } = await import('../main.js');
  const log = createLog('warn', { write: (line) => void stdout.write(spoken(line)) });
  const service = await createService({ config, environment: context.environment, log });
  let subscriber: MqttClient | undefined;
  await service.start();
  try {
    const appKey = readFileSync(service.firstAppKeyFile, 'utf8').trim();
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
    stdout.write(`enrolled   guest, faceId ${faceId}, from one frame of the clip\n`);
    stdout.write('The clip is played over and over: the guest comes, then a stranger. Ctrl-C ends the trial.\n\n');
    subscriber = listen(service.brokerUrl ?? '', (line) => stdout.write(`${line}\n`));
    await ended;
  } finally {
    subscriber?.end(true);
    await service.stop();
    stdout.write('\nThe trial is over; its data is thrown away.\n');
  }
}

/** @returns a frame of the clip in which the guest looks into the camera, as JPEG */
async function makeClip(context: CliContext, addon: Addon, path: string): Promise<Buffer> {
  const { fps } = demoScript();
  const wanted = Math.round((ENROLMENT_MS / 1_000) * fps);
  const progress = new Progress({
    output: context.stderr,
    clock: context.clock,
    label: 'rendering the clip',
    total: undefined,
    unit: 'count',
  });
  let portrait: Buffer | undefined;
  await renderDemoClip(path, {
    addon,
    onProgress: ({ frame, jpeg }) => {
      progress.update(frame);
      if (frame === wanted) portrait = jpeg;
    },
  });
  progress.finish();
  if (!portrait) throw new TypeError('the clip ends before the frame to enrol from');
  return portrait;
}

/** The usual ports, or free ones where those are taken: the trial is no reason to stop a service that runs. */
async function demoConfig(folder: string, clip: string): Promise<Config> {
  return configSchema.parse({
    deviceId: 'demo',
    dataDir: join(folder, 'data'),
    keysDir: join(folder, 'keys'),
    http: { port: await freePort(8080) },
    mqtt: { embedded: { port: await freePort(1883) } },
    cameras: [{ id: CAMERA, group: GROUP, absenceMs: 1_000, source: { type: 'file', path: clip, loop: true } }],
  });
}

function freePort(wanted: number): Promise<number> {
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

/** A line of the log for a person who watches, such as `18:50:00  WARN    the built-in models run {"set":"builtin"}`. */
function spoken(line: string): string {
  const { level, time, msg, ...fields } = JSON.parse(line) as { level: string; time: string; msg: string };
  const more = Object.keys(fields).length === 0 ? '' : ` ${JSON.stringify(fields)}`;
  return `${time.slice(11, 19)}  ${level.toUpperCase().padEnd(7)} ${msg}${more}\n`;
}

function listen(url: string, print: (line: string) => void): MqttClient {
  const client = connect(url);
  client.on('error', (error) => print(`the MQTT subscriber: ${error.message}`));
  client.subscribe('lintel/#', { qos: 1 });
  client.on('message', (topic, payload) => {
    // The same events once more, for those who keep a record.
    if (topic.endsWith('/history')) return;
    const text = payload.toString();
    const content: unknown = JSON.parse(text);
    const event = recognitionEventSchema.safeParse(content);
    if (!event.success) {
      // That alarms without need: the next one comes soon.
      if (!isOfTheStart(content)) print(`${topic} ${text}`);
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

/** Whether this is a status of the device from before it was connected to the broker, or the REST API was started. */
function isOfTheStart(content: unknown): boolean {
  const { health } = content as { health?: { parts?: Record<string, string> } };
  return health?.parts !== undefined && (health.parts.events !== 'ok' || health.parts.api !== 'ok');
}

/** At Ctrl-C, at SIGTERM, or after so many seconds. */
function endOf(seconds: number | undefined): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
    if (seconds !== undefined) setTimeout(resolve, seconds * 1_000).unref();
  });
}
