// `lintel events`: prints the key that signs events, verifies recorded events, and sends a command to a device.
import { createPublicKey, randomUUID, type KeyObject } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Argument, type Command } from 'commander';
import type { Config } from '../config/schema.js';
import { AppError } from '../errors.js';
import { computeCommandMac, type Command as DeviceCommand } from '../events/command.js';
import { describeSigningKey } from '../events/signing.js';
import { makeCommandResultTopic, makeCommandTopic, makeSnapshotTopic } from '../events/topics.js';
import type { DeclaredRange, HistoryReport, NumberRange } from '../events/history-check.js';
import { MessageVerifier, type LineVerdict } from '../events/verify.js';
import { readCommandSecret } from '../keys/secrets.js';
import { readSigningKey } from '../keys/signing-key.js';
import { readFileAtMost } from '../platform/read-file.js';
import { connectToBroker } from './broker-client.js';
import { loadCommandConfig, type CliContext } from './context.js';
import { EXIT, SilentFailure } from './program.js';
import { readLines } from './read-lines.js';

const ANSWER_TIMEOUT_MS = 10_000;
const MAX_KEY_BYTES = 64 * 1024;
/** Exit codes of `lintel events verify`, beside those of every command. */
const VERIFY_EXIT = { missing: 3, declared: 4, unsigned: 5 } as const;

export function registerEvents(events: Command, context: CliContext): void {
  events
    .command('key')
    .description('print the public key that verifies the events of this device (PEM)')
    .action(async (_options: unknown, command: Command) => {
      const { config } = await loadCommandConfig(command, context);
      const key = await readSigningKey({ environment: context.environment, keysDir: config.keysDir });
      if (!key) {
        throw new AppError('SECRET_MISSING', 'there is no signing key yet: the first start of the service creates it');
      }
      const { keyId, publicKeyPem } = describeSigningKey(key.privateKey);
      context.stdout.write(publicKeyPem);
      context.stderr.write(`This is the key ${keyId} (Ed25519).\n`);
    });

  events
    .command('verify')
    .description('verify the signatures of recorded events, and that no event of the history is missing')
    .addArgument(
      new Argument('[file]', 'file with one JSON object on each line; "-" for standard input').default(
        '-',
        'standard input',
      ),
    )
    .option('--public-key <file>', 'file with the public key of the device (PEM): see "lintel events key"')
    .option('--url <url>', 'URL of the device, such as http://door.local:8080, which is asked for the public key')
    .addHelpText(
      'after',
      `
A line is an event, or a message of the topics lintel/{deviceId}/history and
lintel/{deviceId}/status. To verify as they arrive:

  mosquitto_sub -t lintel/door/history -t lintel/door/status \\
    | lintel events verify --public-key door.pem

The exit code is
  0  every line is valid, and the history is complete from its first to its last line
  1  a line is invalid: forged, changed, or not of this device
  3  messages of the history are missing or out of order, and the device does not say why
  4  events are missing, and the device says so: it removed them, or the broker did not take them
  5  the history is not signed, as that of Lintel 0.2 and before: it may be forged

Where several apply, the code is the first of 1, 3, 5 and 4. Only the status shows that the end is
missing.

Prefer a public key that you copied from the device: one
that comes over the network can be trusted only as far as the network.`,
    )
    .action(async (file: string, options: { publicKey?: string; url?: string }) => {
      const publicKey = await readPublicKey(options, context);
      const input = file === '-' ? context.stdin : createReadStream(resolve(context.cwd, file));
      const verifier = new MessageVerifier(publicKey, context.clock());
      const invalid = await verifyLines(input, verifier, context);
      const reports = verifier.reports();
      for (const report of reports) context.stderr.write(`${describeHistory(report)}\n`);
      const code = invalid > 0 ? EXIT.failed : chooseExitCode(reports, verifier.strayGaps);
      if (code !== EXIT.ok) throw new SilentFailure('the events are not complete and valid', code);
    });

  events
    .command('command')
    .description('send a command to a device over MQTT, and wait for its answer')
    .addArgument(new Argument('<command>', 'command to send').choices(['pause', 'resume', 'snapshot']))
    .argument('<camera>', 'id of the camera')
    .option('--out <file>', 'file for the picture of a snapshot (JPEG)')
    .addHelpText(
      'after',
      `
The broker, the device and the secret of the commands come from the configuration (mqtt).`,
    )
    .action(async (name: DeviceCommand['command'], cameraId: string, options: { out?: string }, command: Command) => {
      const { config } = await loadCommandConfig(command, context);
      const picture = await sendCommand(config, context, name, cameraId);
      if (picture && options.out !== undefined) await writeFile(resolve(context.cwd, options.out), picture);
      context.stderr.write(`${name} of ${cameraId}: done${picture ? `, ${picture.length} bytes` : ''}\n`);
    });
}

/** Reads the key from the file or from the device. @throws AppError CONFIG_INVALID, SECRET_INVALID */
async function readPublicKey(
  { publicKey, url }: { publicKey?: string; url?: string },
  context: CliContext,
): Promise<KeyObject> {
  if ((publicKey === undefined) === (url === undefined)) {
    throw new AppError('CONFIG_INVALID', 'give either --public-key or --url');
  }
  const source = publicKey === undefined ? `${url}/device/v1/signing-key` : resolve(context.cwd, publicKey);
  let key: KeyObject;
  try {
    key = createPublicKey(
      publicKey === undefined ? await fetchPem(source) : await readFileAtMost(source, MAX_KEY_BYTES),
    );
  } catch (cause) {
    throw new AppError('SECRET_INVALID', `no public key can be read from ${source}`, { cause });
  }
  if (key.asymmetricKeyType !== 'ed25519') throw new AppError('SECRET_INVALID', `${source} has no Ed25519 key`);
  return key;
}

async function fetchPem(url: string): Promise<string> {
  const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
  if (!response.ok) throw new Error(`the device answered with HTTP ${response.status}`);
  const answer = (await response.json()) as { publicKeyPem?: string; data?: { publicKeyPem?: string } };
  return answer.publicKeyPem ?? answer.data?.publicKeyPem ?? '';
}

/** Prints a verdict for each event. @returns the number of invalid lines */
async function verifyLines(
  input: AsyncIterable<Buffer | string>,
  verifier: MessageVerifier,
  { stdout, stderr }: CliContext,
): Promise<number> {
  const counts: Record<LineVerdict['verdict'], number> = { valid: 0, invalid: 0, other: 0 };
  let lineNumber = 0;
  try {
    for await (const line of readLines(input)) {
      lineNumber++;
      if (line.trim() === '') continue;
      const { verdict, notes, title } = verifier.check(line);
      counts[verdict]++;
      if (verdict === 'other') continue;
      const name = title === undefined ? '' : ` ${title}`;
      stdout.write(`${lineNumber}: ${verdict}${name}${notes.length > 0 ? ` (${notes.join(', ')})` : ''}\n`);
    }
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError('CONFIG_INVALID', 'the events cannot be read', { cause });
  }
  const others = counts.other > 0 ? `, ${counts.other} other messages` : '';
  stderr.write(`${counts.valid} valid, ${counts.invalid} invalid${others}\n`);
  return counts.invalid;
}

function describeHistory({ deviceId, covered, missing, declared, misplaced, unsigned }: HistoryReport): string {
  const list = (ranges: readonly NumberRange[]): string =>
    ranges.map(({ from, to }) => (from === to ? String(from) : `${from} to ${to}`)).join(', ');
  const isRemoved = ({ reason }: DeclaredRange): boolean => reason === 'removed' || reason === 'unreadable';
  const removed = declared.filter(isRemoved);
  const refused = declared.filter((range) => !isRemoved(range));
  const remarks = [
    ...(missing.length > 0 ? [`missing: ${list(missing)}`] : []),
    ...(misplaced > 0 ? [`out of order: ${misplaced}`] : []),
    ...(removed.length > 0 ? [`removed by the device: ${list(removed)}`] : []),
    ...(refused.length > 0 ? [`not taken by the broker: ${list(refused)}`] : []),
    ...(unsigned > 0 ? [`not signed: ${unsigned}`] : []),
  ];
  const text = remarks.length > 0 ? remarks.join('; ') : 'complete';
  return `history of ${deviceId}, ${covered.from} to ${covered.to}: ${text}`;
}

function chooseExitCode(reports: readonly HistoryReport[], strayGaps: number): number {
  if (reports.some(({ missing, misplaced }) => missing.length + misplaced > 0)) return VERIFY_EXIT.missing;
  if (strayGaps > 0 || reports.some(({ unsigned }) => unsigned > 0)) return VERIFY_EXIT.unsigned;
  return reports.some(({ declared }) => declared.length > 0) ? VERIFY_EXIT.declared : EXIT.ok;
}

/** @returns the picture of a snapshot @throws AppError BROKER_FAILED; SERVICE_UNREACHABLE when the device does not answer or refuses */
async function sendCommand(
  config: Config,
  { environment, clock }: CliContext,
  name: DeviceCommand['command'],
  cameraId: string,
): Promise<Buffer | undefined> {
  const { deviceId, mqtt } = config;
  if (!mqtt.commands) {
    throw new AppError('CONFIG_INVALID', 'mqtt.commands is not configured, so the device accepts no commands');
  }
  const secret = await readCommandSecret(mqtt.commands.secretFile);
  const issuedAt = new Date(clock()).toISOString();
  const command = { version: 1, id: randomUUID(), deviceId, command: name, cameraId, issuedAt } as const;
  const client = await connectToBroker(mqtt, environment, ANSWER_TIMEOUT_MS);
  try {
    let picture: Buffer | undefined;
    const answered = new Promise<{ ok: boolean; error?: string }>((resolve, reject) => {
      const late = new AppError(
        'SERVICE_UNREACHABLE',
        `the device did not answer within ${ANSWER_TIMEOUT_MS / 1_000} s`,
      );
      setTimeout(() => reject(late), ANSWER_TIMEOUT_MS).unref();
      client.on('message', (topic, payload) => {
        if (topic === makeSnapshotTopic(deviceId, cameraId)) picture = payload;
        if (topic !== makeCommandResultTopic(deviceId)) return;
        const result = JSON.parse(payload.toString()) as { id?: string; ok: boolean; error?: string };
        if (result.id === command.id) resolve(result);
      });
    });
    answered.catch(() => undefined);
    await client.subscribeAsync([makeCommandResultTopic(deviceId), makeSnapshotTopic(deviceId, cameraId)], { qos: 1 });
    const payload = JSON.stringify({ ...command, mac: computeCommandMac(command, secret) });
    await client.publishAsync(makeCommandTopic(deviceId), payload, { qos: 1 });
    const { ok, error } = await answered;
    if (!ok) throw new AppError('SERVICE_UNREACHABLE', `the device refused the command: ${error ?? 'no reason given'}`);
    return name === 'snapshot' ? picture : undefined;
  } finally {
    await client.endAsync(true);
  }
}
