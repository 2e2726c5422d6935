// The reasons why a broker cannot be used, in words for the operator.
import { describeError } from '../errors.js';
import type { Delivery } from './delivery.js';

/** Reason codes of a CONNACK: 1 in MQTT 3.1.1, 132 in MQTT 5. */
const VERSION_REFUSED = new Set([1, 132]);
/** Reason codes of a CONNACK (4, 5 in MQTT 3.1.1), a CONNACK, PUBACK or SUBACK (134, 135 in MQTT 5). */
const CREDENTIALS_REFUSED = new Set([4, 5, 134, 135]);
const SESSION_TAKEN_OVER = 142;

const NETWORK_DETAILS = new Map([
  ['ECONNREFUSED', 'connection refused: nothing listens there'],
  ['ECONNRESET', 'the connection was reset'],
  ['ENOTFOUND', 'the host name is not known'],
  ['EAI_AGAIN', 'the host name cannot be resolved now'],
  ['ETIMEDOUT', 'the connection timed out'],
  ['EHOSTUNREACH', 'the host cannot be reached'],
  ['ENETUNREACH', 'the network cannot be reached'],
]);

/** Details for the errors of mqtt.js that have no code, by their messages. */
const CLIENT_DETAILS = new Map([
  ['connack timeout', 'no answer to the attempt to connect'],
  ['Keepalive timeout', 'the broker does not answer any more'],
]);

const TLS_CODE = /^(ERR_TLS|ERR_SSL|ERR_OSSL|EPROTO|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/;

/** Codes of a socket that the other side closed. */
const CUT_CODES = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED']);

/** Error of mqtt.js at a reason code that MQTT 5 does not know in this packet. Mosquitto 2.0 sends 149, "packet too large", in a PUBACK. */
const FOREIGN_CODE = /^Invalid \w+ reason code/;

/**
 * Kind of the failure, beside the reason in words. `cut`: the connection was closed without a reason that counts. `silence`: the broker did not acknowledge a
 * message in time.
 */
export type FailureKind = 'cut' | 'silence' | 'other';

export interface BrokerFailureOptions {
  cause?: unknown;
  reasonCode?: number | undefined;
  kind?: FailureKind;
}

/** A broker refused or failed. */
export class BrokerFailure extends Error {
  override readonly name = 'BrokerFailure';
  /** Reason code of the CONNACK, PUBACK, SUBACK or DISCONNECT; undefined when the broker gave none. */
  readonly reasonCode: number | undefined;
  readonly #kind: FailureKind;
  /** Messages that had no answer when the connection ended; for a silence, the message that was not acknowledged. */
  unanswered: readonly Delivery[] = [];

  constructor(message: string, { cause, reasonCode, kind = 'other' }: BrokerFailureOptions = {}) {
    super(message, { cause });
    this.reasonCode = reasonCode;
    this.#kind = kind;
  }

  /** True when the other side closed the connection and gave no reason, or one that MQTT does not allow. */
  get isCut(): boolean {
    return this.#kind === 'cut';
  }

  /** True when the broker did not acknowledge a message in time. */
  get isSilence(): boolean {
    return this.#kind === 'silence';
  }

  /** True when another client of the same id took over the session. */
  get isTakenOver(): boolean {
    return this.reasonCode === SESSION_TAKEN_OVER;
  }

  /** True when the broker does not speak this version of MQTT. */
  get versionRefused(): boolean {
    return this.reasonCode !== undefined && VERSION_REFUSED.has(this.reasonCode);
  }
}

/** Turns an error of a socket, of TLS or of mqtt.js into a failure. Its message holds no user, no password and no payload. */
export function toBrokerFailure(error: unknown): BrokerFailure {
  if (error instanceof BrokerFailure) return error;
  const code = readCode(error);
  if (typeof code === 'number') {
    return new BrokerFailure(describeReasonCode(code) ?? describeError(error), { cause: error, reasonCode: code });
  }
  if (typeof code === 'string') {
    const detail =
      NETWORK_DETAILS.get(code) ??
      (TLS_CODE.test(code) ? `TLS: ${describeError(error)} (${code})` : describeError(error));
    return new BrokerFailure(detail, { cause: error, kind: CUT_CODES.has(code) ? 'cut' : 'other' });
  }
  const message = describeError(error);
  if (FOREIGN_CODE.test(message)) {
    const detail = 'the broker refuses a message with a reason code that MQTT does not allow there';
    return new BrokerFailure(detail, { cause: error, kind: 'cut' });
  }
  return new BrokerFailure(CLIENT_DETAILS.get(message) ?? `the broker does not follow MQTT: ${message}`, {
    cause: error,
  });
}

function readCode(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

function describeReasonCode(code: number): string | undefined {
  if (VERSION_REFUSED.has(code)) return 'the broker does not speak this version of MQTT';
  if (CREDENTIALS_REFUSED.has(code)) {
    return `the broker refuses the user, the password or the right to publish (reason code ${code})`;
  }
  if (code === SESSION_TAKEN_OVER) {
    return 'another client took over the session: every device of one broker needs a deviceId of its own';
  }
  return undefined;
}
