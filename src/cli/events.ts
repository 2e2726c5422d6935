// lintel events: the key that signs them, recorded ones verified, and a command to a device.
import { createPublicKey, randomUUID, type KeyObject } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { Argument, Option, type Command } from 'commander';
import { connectAsync } from 'mqtt';
import { readCommandSecret, readMqttPassword } from '../keys/secrets.js';
import { readSigningKey } from '../keys/signing-key.js';
import type { Config } from '../config/schema.js';
import { AppError, describeError } from '../errors.js';
import { commandMac, type Command as DeviceCommand } from '../events/command.js';
import { signingKeyInfo } from '../events/signing.js';
import { commandResultTopic, commandTopic, snapshotTopic } from '../events/topics.js';
import { MessageVerifier, type LineVerdict } from '../events/verify.js';
import { commandConfig, type CliContext } from './context.js';
import { SilentFailure } from './program.js';

const ANSWER_TIMEOUT_MS = 10_000;

export function registerEvents(program: Command, context: CliContext): void {
  const events = program.command('events').description('the events: their signature, and commands over MQTT');

  events
    .command('key')
    .description('print the public key by which the events of this device are verified (PEM)')
    .action(async (_options: unknown, command: Command) => {
      const { config } = await commandConfig(command, context);
      const key = await readSigningKey({ environment: context.environment, keysDir: config.keysDir });
      if (!key) {
        throw new AppError('SECRET_MISSING', 'there is no signing key yet; the first start of the service makes it');
      }
      const { keyId, publicKeyPem } = signingKeyInfo(key.privateKey);
      context.stdout.write(publicKeyPem);
      context.stderr.write(`This is the key ${keyId} (Ed25519).\n`);
    });

  events
    .command('verify')
    .description('verify recorded events, a JSON object on each line: events, or messages of the history')
    .argument('[file]', 'where they are; "-" or nothing: standard input', '-')
    .addOption(new Option('--public-key <file>', 'the public key of the device (PEM), see "lintel events key"'))
    .addOption(
      new Option('--url <url>', 'ask the device for it: where its REST API is, such as http://door.local:8080'),
    )
    .addHelpText(
      'after',
      `
  mosquitto_sub -t lintel/door/history | lintel events verify --public-key door.pem

Exit code 1 when any line is invalid. A public key that comes over the network is worth as much as the network is: one
that was copied from the device is better.`,
    )
    .action(async (file: string, options: { publicKey?: string; url?: string }) => {
      const publicKey = await publicKeyOf(options, context);
      const input = file === '-' ? process.stdin : createReadStream(resolve(context.cwd, file));
      const invalid = await verifyLines(input, new MessageVerifier(publicKey, context.clock()), context);
      if (invalid > 0) throw new SilentFailure(`${invalid} lines are invalid`);
    });

  events
    .command('command')
    .description('send a command to a device over the broker of its configuration, and wait for the answer')
    .addArgument(new Argument('<command>', 'what to do').choices(['pause', 'resume', 'snapshot']))
    .argument('<camera>', 'the id of the camera')
    .option('--out <file>', 'where to put the picture of a snapshot (JPEG)')
    .action(async (name: DeviceCommand['command'], cameraId: string, options: { out?: string }, command: Command) => {
      const { config } = await commandConfig(command, context);
      const picture = await sendCommand(config, context, name, cameraId);
      if (picture && options.out !== undefined) await writeFile(resolve(context.cwd, options.out), picture);
      context.stderr.write(`${name} of ${cameraId}: done${picture ? `, ${picture.length} bytes` : ''}\n`);
    });
}

async function publicKeyOf(
  { publicKey, url }: { publicKey?: string; url?: string },
  context: CliContext,
): Promise<KeyObject> {
  if ((publicKey === undefined) === (url === undefined)) {
    throw new AppError('CONFIG_INVALID', 'give either --public-key or --url');
  }
  const where = publicKey === undefined ? `${url}/device/v1/signing-key` : resolve(context.cwd, publicKey);
  let key: KeyObject;
  try {
    key = createPublicKey(publicKey === undefined ? await fetchPem(where) : await readFile(where));
  } catch (cause) {
    throw new AppError('SECRET_INVALID', `no public key can be read from ${where}`, { cause });
  }
  if (key.asymmetricKeyType !== 'ed25519') throw new AppError('SECRET_INVALID', `${where} holds no Ed25519 key`);
  return key;
}

async function fetchPem(url: string): Promise<string> {
  const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
  if (!response.ok) throw new Error(`it was answered with HTTP ${response.status}`);
  const answer = (await response.json()) as { publicKeyPem?: string; data?: { publicKeyPem?: string } };
  return answer.publicKeyPem ?? answer.data?.publicKeyPem ?? '';
}

/** @returns how many lines are invalid */
async function verifyLines(
  input: NodeJS.ReadableStream,
  verifier: MessageVerifier,
  { stdout, stderr }: CliContext,
): Promise<number> {
  const counts: Record<LineVerdict['verdict'], number> = { valid: 0, invalid: 0, other: 0 };
  let number = 0;
  try {
    for await (const line of createInterface({ input, crlfDelay: Infinity })) {
      number++;
      if (line.trim() === '') continue;
      const { verdict, notes, title } = verifier.check(line);
      counts[verdict]++;
      if (verdict === 'other') continue;
      stdout.write(
        `${number}: ${verdict}${title === undefined ? '' : ` ${title}`}${notes.length > 0 ? ` (${notes.join(', ')})` : ''}\n`,
      );
    }
  } catch (cause) {
    throw new AppError('CONFIG_INVALID', 'the events cannot be read', { cause });
  }
  const others = counts.other > 0 ? `, ${counts.other} other messages` : '';
  stderr.write(`${counts.valid} valid, ${counts.invalid} invalid${others}\n`);
  return counts.invalid;
}

/** @returns the picture of a snapshot @throws AppError BROKER_FAILED, SERVICE_UNREACHABLE: no answer, or not obeyed */
async function sendCommand(
  config: Config,
  { environment, clock }: CliContext,
  name: DeviceCommand['command'],
  cameraId: string,
): Promise<Buffer | undefined> {
  const { deviceId, mqtt } = config;
  if (!mqtt.commands) throw new AppError('CONFIG_INVALID', 'mqtt.commands is not configured: no command is taken');
  const secret = await readCommandSecret(mqtt.commands.secretFile);
  const password = await readMqttPassword(mqtt, environment);
  const { host, port } = mqtt.embedded;
  const url = mqtt.url ?? `mqtt://${host === '0.0.0.0' ? '127.0.0.1' : host}:${port}`;
  const ca = mqtt.caFile === undefined ? {} : { ca: await readFile(mqtt.caFile) };
  const credentials = mqtt.username === undefined ? {} : { username: mqtt.username, password };
  const issuedAt = new Date(clock()).toISOString();
  const command = { version: 1, id: randomUUID(), deviceId, command: name, cameraId, issuedAt } as const;
  const client = await connectAsync(url, {
    ...ca,
    ...credentials,
    protocolVersion: 4,
    reconnectPeriod: 0,
    connectTimeout: ANSWER_TIMEOUT_MS,
  }).catch((cause: unknown) => {
    throw new AppError('BROKER_FAILED', `the broker ${url} cannot be used: ${describeError(cause)}`, { cause });
  });
  try {
    let picture: Buffer | undefined;
    const answered = new Promise<{ ok: boolean; error?: string }>((resolve, reject) => {
      const late = new AppError('SERVICE_UNREACHABLE', `no answer within ${ANSWER_TIMEOUT_MS / 1_000} s`);
      setTimeout(() => reject(late), ANSWER_TIMEOUT_MS).unref();
      client.on('message', (topic, payload) => {
        if (topic === snapshotTopic(deviceId, cameraId)) picture = payload;
        if (topic !== commandResultTopic(deviceId)) return;
        const result = JSON.parse(payload.toString()) as { id?: string; ok: boolean; error?: string };
        if (result.id === command.id) resolve(result);
      });
    });
    answered.catch(() => undefined);
    await client.subscribeAsync([commandResultTopic(deviceId), snapshotTopic(deviceId, cameraId)], { qos: 1 });
    const payload = JSON.stringify({ ...command, mac: commandMac(command, secret) });
    await client.publishAsync(commandTopic(deviceId), payload, { qos: 1 });
    const { ok, error } = await answered;
    if (!ok) throw new AppError('SERVICE_UNREACHABLE', `the device refused the command: ${error ?? 'no reason given'}`);
    return name === 'snapshot' ? picture : undefined;
  } finally {
    await client.endAsync(true);
  }
}
