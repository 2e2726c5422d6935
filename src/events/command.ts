// Commands over MQTT: their form, their MAC, and the rules by which they are refused.
import { createHmac, timingSafeEqual } from 'node:crypto';
import * as z from 'zod';
import { DEVICE_ID_PATTERN } from '../domain/ids.js';
import type { Clock } from '../domain/time.js';
import { canonicalJson } from '../platform/canonical-json.js';

export const commandSchema = z.strictObject({
  version: z.literal(1),
  id: z.string().min(8).max(64).describe('random; never used twice'),
  deviceId: z
    .string()
    .regex(DEVICE_ID_PATTERN)
    .describe('device that must carry out the command, in case several devices share the secret'),
  command: z.enum(['pause', 'resume', 'snapshot']),
  cameraId: z.string().regex(DEVICE_ID_PATTERN),
  issuedAt: z.iso.datetime(),
  mac: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .describe(
      'HMAC-SHA256 in hexadecimal, with the command secret as the key, over the canonical JSON (RFC 8785) of the command without mac',
    ),
});

export type Command = z.infer<typeof commandSchema>;

/**
 * Reason why a command was not carried out. CAMERA_NOT_FOUND, CAMERA_UNAVAILABLE and PRIVACY_ON mean the same as in the device API.
 * PICTURE_REFUSED: the broker does not take the picture.
 */
export type CommandError =
  | 'MALFORMED'
  | 'UNAUTHENTICATED'
  | 'RETAINED'
  | 'WRONG_DEVICE'
  | 'EXPIRED'
  | 'IN_THE_FUTURE'
  | 'REPEATED'
  | 'TOO_MANY'
  | 'CAMERA_NOT_FOUND'
  | 'CAMERA_UNAVAILABLE'
  | 'PRIVACY_ON'
  | 'PICTURE_REFUSED'
  | 'FAILED';

/** A command expires after this time, and its id is remembered for the same time. */
export const COMMAND_LIFE_MS = 30_000;
/** Largest difference by which the sender's clock may be ahead. */
const CLOCK_TOLERANCE_MS = 2_000;
const MAX_PAYLOAD_BYTES = 4_096;
/** Number of commands with a correct MAC that are accepted within COMMAND_LIFE_MS. */
const COMMANDS_PER_LIFE = 120;
/** Number of refusals that are answered within COMMAND_LIFE_MS: a stranger must not make Lintel publish without end. */
const REFUSALS_PER_LIFE = 30;

/** Computes the MAC of a command: 64 hexadecimal digits. */
export function computeCommandMac(command: Omit<Command, 'mac'>, secret: string): string {
  return createHmac('sha256', secret).update(canonicalJson(command)).digest('hex');
}

export type CheckedCommand =
  | { command: Command }
  | {
      error: CommandError;
      /** Id of the command; absent when it cannot be read. */
      id?: string;
      /** False when there were too many refusals: this one is not answered. */
      answer: boolean;
    };

export interface CommandGateOptions {
  deviceId: string;
  secret: string;
  clock: Clock;
}

/**
 * Accepts each command once. Commands that were issued before the gate was created are refused, so that no id has to be remembered over a
 * restart.
 */
export class CommandGate {
  readonly #options: CommandGateOptions;
  readonly #createdAtMs: number;
  /** Ids of accepted commands, each with the time from which on the command counts as expired. */
  readonly #seen = new Map<string, number>();
  /** Times of the refusals that were answered. */
  #refusals: number[] = [];

  constructor(options: CommandGateOptions) {
    this.#options = options;
    this.#createdAtMs = options.clock();
  }

  /** Checks one message of the command topic. */
  check(payload: Buffer, retained: boolean): CheckedCommand {
    const checked = this.#check(payload, retained);
    return 'command' in checked ? checked : this.#limitAnswers(checked);
  }

  #check(payload: Buffer, retained: boolean): { command: Command } | { error: CommandError; id?: string } {
    const { deviceId, secret, clock } = this.#options;
    if (payload.length > MAX_PAYLOAD_BYTES) return { error: 'MALFORMED' };
    const parsed = commandSchema.safeParse(parseJson(payload));
    if (!parsed.success) return { error: 'MALFORMED' };
    const { mac, ...command } = parsed.data;
    const { id } = command;
    // A string with a lone surrogate has no canonical JSON, and therefore no MAC.
    if (/\p{Surrogate}/u.test(id)) return { error: 'MALFORMED' };
    if (!timingSafeEqual(Buffer.from(mac), Buffer.from(computeCommandMac(command, secret)))) {
      return { error: 'UNAUTHENTICATED', id };
    }
    if (retained) return { error: 'RETAINED', id };
    if (command.deviceId !== deviceId) return { error: 'WRONG_DEVICE', id };
    const nowMs = clock();
    const issuedAtMs = Date.parse(command.issuedAt);
    if (nowMs - issuedAtMs > COMMAND_LIFE_MS || issuedAtMs < this.#createdAtMs) return { error: 'EXPIRED', id };
    if (issuedAtMs - nowMs > CLOCK_TOLERANCE_MS) return { error: 'IN_THE_FUTURE', id };
    for (const [old, untilMs] of this.#seen) if (untilMs < nowMs) this.#seen.delete(old);
    if (this.#seen.has(id)) return { error: 'REPEATED', id };
    if (this.#seen.size >= COMMANDS_PER_LIFE) return { error: 'TOO_MANY', id };
    this.#seen.set(id, issuedAtMs + COMMAND_LIFE_MS);
    return { command: parsed.data };
  }

  #limitAnswers(refused: { error: CommandError; id?: string }): CheckedCommand {
    const nowMs = this.#options.clock();
    this.#refusals = this.#refusals.filter((atMs) => Math.abs(nowMs - atMs) < COMMAND_LIFE_MS);
    const answer = this.#refusals.length < REFUSALS_PER_LIFE;
    if (answer) this.#refusals.push(nowMs);
    return { ...refused, answer };
  }
}

function parseJson(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString());
  } catch {
    return undefined;
  }
}
