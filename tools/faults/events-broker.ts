// The broker, the subscriber and the relay between device and broker, for the runs that kill the broker.
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../test/support/free-port.js';
import { MosquittoProcess, MosquittoSub, TcpRelay } from '../../test/support/mosquitto.js';

/** Programs that these runs need. */
export const BROKER_PROGRAMS = ['mosquitto', 'mosquitto_sub', 'stdbuf'];

/** A message as it arrived at the subscriber. */
export interface Arrival {
  topic: string;
  payload: string;
  /** Time of arrival by the clock of the subscriber, epoch milliseconds. */
  atMs: number;
}

/** Waits for a condition, which is checked every 5 ms. @throws Error after a minute */
export async function waitUntil(what: string, check: () => boolean): Promise<void> {
  const endMs = performance.now() + 60_000;
  while (!check()) {
    if (performance.now() > endMs) throw new Error(`timed out while waiting for ${what}`);
    await sleep(5);
  }
}

/** Starts mosquitto on a free port. @param folder folder for its configuration */
export async function startBroker(folder: string): Promise<MosquittoProcess> {
  // Without limits a message is in the socket of a connected subscriber before its publisher has the PUBACK. Therefore a message that is
  // lost when the broker is killed has no PUBACK, and must come again.
  const lines = ['allow_anonymous true', 'max_inflight_messages 0', 'max_queued_messages 0', 'persistence false'];
  const broker = new MosquittoProcess(await freePort(), folder, lines);
  await broker.restart();
  return broker;
}

/**
 * Subscribes to everything of Lintel. QoS 0: the subscriber has nothing to answer, so that the system does not discard what lies in its
 * socket when the broker dies.
 */
export function startListener(port: number, onArrival: (arrival: Arrival) => void): MosquittoSub {
  return new MosquittoSub(port, 'lintel/#', ['-q', '0', '-F', 'MESSAGE %U %t %p'], (line) => {
    const [, atSeconds, topic = '', payload = ''] = /^MESSAGE (\S+) (\S+) (.*)$/.exec(line) ?? [];
    if (atSeconds !== undefined) onArrival({ topic, payload, atMs: Number(atSeconds) * 1_000 });
  });
}

/**
 * Starts a relay, which accepts no connections at first.
 * @param onSent called for each match that the device sends, if it comes in one piece
 */
export async function startRelay(target: number, onSent: (expiresAt: string, atMs: number) => void): Promise<TcpRelay> {
  const relay = new TcpRelay(target, {
    isOpen: false,
    onData: (chunk) => {
      const atMs = Date.now();
      // Only the packet of a live match names the topic of matches; the history has another topic.
      for (const [, expiresAt = ''] of chunk.toString('latin1').matchAll(/\/match.{0,600}?"expiresAt":"([^"]+)"/gs)) {
        onSent(expiresAt, atMs);
      }
    },
  });
  await relay.start();
  return relay;
}
