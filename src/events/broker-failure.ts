// Why a broker cannot be used, in words for the operator.
import { describeError } from '../errors.js';

/** CONNACK: 1 in MQTT 3.1.1, 132 in MQTT 5. */
const VERSION_REFUSED = new Set([1, 132]);
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

/** Errors of mqtt.js that have no code. */
const CLIENT_DETAILS = new Map([
  ['connack timeout', 'no answer to the attempt to connect'],
  ['Keepalive timeout', 'no answer any more'],
]);

const TLS_CODE = /^(ERR_TLS|ERR_SSL|ERR_OSSL|EPROTO|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/;

/** A broker refused or failed, with the reason code of its CONNACK, PUBACK or DISCONNECT where it gave one. */
export class BrokerFailure extends Error {
  override readonly name = 'BrokerFailure';
  readonly reasonCode: number | undefined;

  constructor(message: string, options: { cause?: unknown; reasonCode?: number } = {}) {
    super(message, { cause: options.cause });
    this.reasonCode = options.reasonCode;
  }

  /** The broker does not speak this version of MQTT. */
  get versionRefused(): boolean {
    return this.reasonCode !== undefined && VERSION_REFUSED.has(this.reasonCode);
  }
}

/** Anything that a socket, TLS or mqtt.js reports, as one sentence part: no user, no password, no payload. */
export function brokerFailureOf(error: unknown): BrokerFailure {
  if (error instanceof BrokerFailure) return error;
  const code = (error as { code?: unknown } | undefined)?.code;
  if (typeof code === 'number') {
    return new BrokerFailure(reasonDetail(code) ?? describeError(error), { cause: error, reasonCode: code });
  }
  if (typeof code === 'string') {
    const detail =
      NETWORK_DETAILS.get(code) ??
      (TLS_CODE.test(code) ? `TLS: ${describeError(error)} (${code})` : describeError(error));
    return new BrokerFailure(detail, { cause: error });
  }
  const message = describeError(error);
  return new BrokerFailure(CLIENT_DETAILS.get(message) ?? `not as MQTT has it: ${message}`, { cause: error });
}

function reasonDetail(code: number): string | undefined {
  if (VERSION_REFUSED.has(code)) return 'the broker does not speak this version of MQTT';
  if (CREDENTIALS_REFUSED.has(code))
    return `the broker refuses the user, the password or the right to publish (${code})`;
  if (code === SESSION_TAKEN_OVER) {
    return 'another client took over the session: every device of one broker needs a deviceId of its own';
  }
  return undefined;
}
