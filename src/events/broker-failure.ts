// The reasons why a broker cannot be used, in words for the operator.
import { describeError } from '../errors.js';

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

/** A broker refused or failed. */
export class BrokerFailure extends Error {
  override readonly name = 'BrokerFailure';
  /** Reason code of the CONNACK, PUBACK, SUBACK or DISCONNECT; undefined when the broker gave none. */
  readonly reasonCode: number | undefined;

  constructor(message: string, options: { cause?: unknown; reasonCode?: number | undefined } = {}) {
    super(message, { cause: options.cause });
    this.reasonCode = options.reasonCode;
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
    return new BrokerFailure(detail, { cause: error });
  }
  const message = describeError(error);
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
