// The sending of what was set aside, when the broker may take it now.
import type { Log } from '../domain/log.js';
import { describeError } from '../errors.js';
import type { BrokerLimits } from './broker-limits.js';
import { makeHistoryDelivery, type Delivery } from './delivery.js';
import type { HistoryEncoder } from './history.js';
import type { Connection, ProtocolVersion } from './mqtt-connection.js';
import type { Sender } from './sender.js';
import type { SetAsideEntry, SetAsideStore } from './set-aside.js';
import type { Verdict } from './trial.js';

export interface ResendOptions {
  setAside: SetAsideStore;
  deviceId: string;
  encodeHistory: HistoryEncoder;
  sender: Pick<Sender, 'sendOne'>;
  measure: Connection['measure'];
  limits: BrokerLimits;
  /** Sends a message on a connection of its own; absent where there is none. */
  tryAlone?: ((delivery: Delivery, bytes: number) => Promise<Verdict>) | undefined;
  /** Ends the sending between two messages. */
  isStopped: () => boolean;
  /** False for those only that were larger than a limit which the broker has raised since. */
  isAll: boolean;
  version: ProtocolVersion;
  log: Log;
}

/**
 * Sends the events whole, each one marked `again`, and removes from the store what the broker takes. Never rejects.
 * @returns the number of events that the broker took
 */
export async function resendSetAside(options: ResendOptions): Promise<number> {
  const { setAside, isStopped, isAll, limits, log, version } = options;
  const { maximumPacketBytes } = limits.announced;
  // MQTT 3.1.1 announces nothing, so that no limit does not mean that there is none.
  const isRaised = ({ limitBytes }: SetAsideEntry): boolean =>
    version === 5 && limitBytes !== undefined && limitBytes < maximumPacketBytes;
  const entries = setAside.list().filter((entry) => entry.bytes <= maximumPacketBytes && (isAll || isRaised(entry)));
  let count = 0;
  try {
    for (const entry of entries) {
      if (isStopped()) break;
      const result = await resendOne(entry, options);
      if (result === 'stop') break;
      if (result === 'taken') count++;
    }
  } catch (error) {
    log.warn({ reason: describeError(error) }, 'what was set aside could not be sent again');
  }
  if (count > 0) log.info({ events: count }, 'events that were set aside are published now');
  return count;
}

async function resendOne(
  entry: SetAsideEntry,
  { setAside, deviceId, encodeHistory, sender, measure, limits, tryAlone }: ResendOptions,
): Promise<'taken' | 'refused' | 'stop'> {
  const { sequence } = entry;
  const event = await setAside.read(sequence);
  if (!event) {
    setAside.remove(sequence);
    return 'refused';
  }
  // Nothing tells any more whether its live message arrived.
  const delivery: Delivery = {
    ...makeHistoryDelivery(deviceId, sequence, encodeHistory({ sequence, event, again: true }, true)),
    id: `again/${sequence}`,
  };
  const bytes = measure(delivery);
  if (bytes > limits.announced.maximumPacketBytes) return 'refused';
  const verdict = tryAlone ? await tryAlone(delivery, bytes) : await sender.sendOne(delivery);
  if (verdict.state === 'accepted') {
    setAside.remove(sequence);
    return 'taken';
  }
  if (verdict.state !== 'refused' && verdict.state !== 'ended') return 'stop';
  setAside.add({ ...entry, bytes, detail: verdict.refusal.detail });
  return 'refused';
}
