// The ways in which a broker does not take one message, and the words for them.
import type { BrokerFailure } from './broker-failure.js';

/**
 * `too-large`: the broker says how large a message may be, and this one is larger. `refused`: the broker answers with a reason code, or ends
 * each connection on which the message comes, or never answers to it. `busy`: the broker does not take the message now.
 */
export type RefusalKind = 'too-large' | 'refused' | 'busy';

export interface Refusal {
  kind: RefusalKind;
  /** Reason in words for the operator; holds nothing of the message but its size. */
  detail: string;
}

/** Names of the reason codes of MQTT 5 that a PUBACK, a SUBACK or a DISCONNECT has for one message. */
const CODE_NAMES = new Map([
  [128, 'no reason given'],
  [129, 'the packet is malformed'],
  [130, 'the packet breaks the protocol'],
  [131, 'a reason of this broker alone'],
  [135, 'not authorised'],
  [136, 'the broker is unavailable'],
  [137, 'the broker is busy'],
  [143, 'the topic filter is not valid'],
  [144, 'the topic name is not valid'],
  [145, 'the packet identifier is in use'],
  [147, 'too many messages without an acknowledgement'],
  [149, 'the packet is too large'],
  [150, 'the message rate is too high'],
  [151, 'the quota is exceeded'],
  [152, 'an administrator ended it'],
  [153, 'the payload format is not valid'],
  [154, 'retained messages are not supported'],
  [155, 'this quality of service is not supported'],
]);

/** The broker may take the same message later. */
const BUSY_CODES = new Set([136, 137, 145, 147, 150, 151]);
/** Reason codes of a DISCONNECT that can come from one message. All others concern the connection as a whole. */
const MESSAGE_CODES = new Set([128, 129, 130, 131, 135, 144, 148, 149, 153]);
const TOO_LARGE = 149;

/** Describes a reason code: its name where there is one, otherwise the text, and the number. */
export function describeCode(code: number | undefined, otherwise: string): string {
  return code === undefined ? otherwise : `${CODE_NAMES.get(code) ?? otherwise} (reason code ${code})`;
}

/** Makes the refusal that an answer with a reason code stands for. */
export function toRefusal({ reasonCode, message }: BrokerFailure): Refusal {
  const detail = describeCode(reasonCode, message);
  if (reasonCode !== undefined && BUSY_CODES.has(reasonCode)) return { kind: 'busy', detail };
  return { kind: reasonCode === TOO_LARGE ? 'too-large' : 'refused', detail };
}

/** Makes the refusal of a message that is larger than the broker allows. */
export function refuseSize(bytes: number, maximum: number): Refusal {
  return { kind: 'too-large', detail: `the message has ${bytes} bytes, and the broker takes at most ${maximum}` };
}

/** Makes the refusal of a message at which the connection ended, while another connection stood. */
export function refuseByEnd(failure: BrokerFailure, bytes: number): Refusal {
  if (failure.reasonCode !== undefined) return toRefusal(failure);
  const detail = failure.isSilence
    ? `the broker does not acknowledge this message of ${bytes} bytes`
    : `${failure.message}, at this message of ${bytes} bytes`;
  return { kind: 'refused', detail };
}

/**
 * Returns whether one of the messages without an answer may be the reason why a connection ended: the broker closed it and gave no reason,
 * gave one that concerns a message, or never acknowledged the message.
 */
export function mayComeFromMessage({ isCut, isSilence, reasonCode }: BrokerFailure): boolean {
  return reasonCode === undefined ? isCut || isSilence : MESSAGE_CODES.has(reasonCode);
}
