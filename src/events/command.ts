// Commands over MQTT: their form, their seal, and which of them are refused.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { DEVICE_ID_PATTERN } from '../domain/ids.js';
import type { Clock } from '../domain/time.js';
import { canonicalJson } from '../platform/canonical-json.js';

export const commandSchema = z.strictObject({
  version: z.literal(1),
  id: z.string().min(8).max(64).describe('random; never used again'),
  deviceId: z.string().regex(DEVICE_ID_PATTERN).describe('so that no other device of the same secret obeys'),
  command: z.enum(['pause', 'resume', 'snapshot']),
  cameraId: z.string().regex(DEVICE_ID_PATTERN),
  issuedAt: z.iso.datetime(),
  mac: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .describe('HMAC-SHA256, in hexadecimal, under the command secret over the canonical JSON (RFC 8785) without mac'),
});

export type Command = z.infer<typeof commandSchema>;

/** Why a command was not carried out; CAMERA_NOT_FOUND and the like are those of the device API. */
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
  | 'FAILED';

/** A command is too old after this, and its id is remembered for so long. */
export const COMMAND_LIFE_MS = 30_000;
/** The clocks of two machines are never quite the same. */
const CLOCK_TOLERANCE_MS = 2_000;
const MAX_PAYLOAD_BYTES = 4_096;
/** Of commands with a right seal … */
const COMMANDS_PER_LIFE = 120;
/** … and of answers to others: whoever may publish there must not make Lintel publish without end. */
const REFUSALS_PER_LIFE = 30;

export function commandMac(command: Omit<Command, 'mac'>, secret: string): string {
  return createHmac('sha256', secret).update(canonicalJson(command)).digest('hex');
}

export type CheckedCommand =
  | { command: Command }
  | {
      error: CommandError;
      /** Where it can be told. */ id?: string;
      /** False: one refusal too many. */ answer: boolean;
    };

export interface CommandGateOptions {
  deviceId: string;
  secret: string;
  clock: Clock;
}

/**
 * Lets each command pass once. What was issued before this gate was made is refused, so that nothing needs to be remembered over a
 * restart.
 */
export class CommandGate {
  readonly #options: CommandGateOptions;
  readonly #madeAtMs: number;
  /** Ids that passed, with the time from which on their age refuses them. */
  readonly #seen = new Map<string, number>();
  #refusals: number[] = [];

  constructor(options: CommandGateOptions) {
    this.#options = options;
    this.#madeAtMs = options.clock();
  }

  check(payload: Buffer, retained: boolean): CheckedCommand {
    const checked = this.#check(payload, retained);
    return 'command' in checked ? checked : this.#refusal(checked);
  }

  #check(payload: Buffer, retained: boolean): { command: Command } | { error: CommandError; id?: string } {
    const { deviceId, secret, clock } = this.#options;
    if (payload.length > MAX_PAYLOAD_BYTES) return { error: 'MALFORMED' };
    const parsed = commandSchema.safeParse(parseJson(payload));
    if (!parsed.success) return { error: 'MALFORMED' };
    const { mac, ...command } = parsed.data;
    const { id } = command;
    // Half a surrogate pair has no canonical JSON to seal.
    if (/\p{Surrogate}/u.test(id)) return { error: 'MALFORMED' };
    if (!timingSafeEqual(Buffer.from(mac), Buffer.from(commandMac(command, secret)))) {
      return { error: 'UNAUTHENTICATED', id };
    }
    if (retained) return { error: 'RETAINED', id };
    if (command.deviceId !== deviceId) return { error: 'WRONG_DEVICE', id };
    const nowMs = clock();
    const issuedAtMs = Date.parse(command.issuedAt);
    if (nowMs - issuedAtMs > COMMAND_LIFE_MS || issuedAtMs < this.#madeAtMs) return { error: 'EXPIRED', id };
    if (issuedAtMs - nowMs > CLOCK_TOLERANCE_MS) return { error: 'IN_THE_FUTURE', id };
    for (const [old, untilMs] of this.#seen) if (untilMs < nowMs) this.#seen.delete(old);
    if (this.#seen.has(id)) return { error: 'REPEATED', id };
    if (this.#seen.size >= COMMANDS_PER_LIFE) return { error: 'TOO_MANY', id };
    this.#seen.set(id, issuedAtMs + COMMAND_LIFE_MS);
    return { command: parsed.data };
  }

  #refusal(refused: { error: CommandError; id?: string }): CheckedCommand {
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
