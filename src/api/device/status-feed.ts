// The state of the service as a source of server-sent events: health, cameras and figures, at every interval and after every change.
import type { z } from 'zod';
import { rounded } from '../../domain/face.js';
import { healthAnswer, type statusMessage } from './answers.js';
import type { DeviceServices } from './services.js';
import { encodeMessage, type SseSource } from './sse.js';

type StatusServices = Pick<DeviceServices, 'health' | 'cameras' | 'events' | 'figures' | 'clock' | 'feeds'>;

/**
 * Creates the source. It sends one message at once, one after each interval, and one as soon as privacy, the state or the fault of a camera
 * changes or an event is stored.
 */
export function createStatusSource(services: StatusServices): SseSource {
  const { cameras, events, feeds } = services;
  let sent: string | undefined;
  const encode = (): string => {
    sent = describeChanges(services);
    // All viewers who are told of the same change get the same text.
    return feeds.share(`status ${sent}`, () => encodeMessage(describeStatus(services)));
  };
  return {
    read: async () => (describeChanges(services) === sent ? '' : encode()),
    idle: encode,
    watch: (listener) => {
      const ends = [cameras.watchStates(listener), events.watch(listener)];
      return () => ends.forEach((end) => end());
    },
  };
}

/** Returns a text that differs where a message must not wait for the end of the interval. */
function describeChanges({ cameras, events }: StatusServices): string {
  const states = cameras.views().map(({ stats }) => `${stats.status} ${stats.fault ?? ''}`);
  return [cameras.privacy, events.last, ...states].join();
}

function describeStatus({ health, cameras, events, figures, clock }: StatusServices): z.output<typeof statusMessage> {
  return {
    at: new Date(clock()).toISOString(),
    privacy: cameras.privacy,
    lastEvent: events.last,
    health: healthAnswer.parse(health().body),
    cameras: cameras.views().map(({ id, stats }) => ({
      id,
      state: stats.status,
      analysedFps: rounded(stats.fps, 10),
      analysed: stats.analysed,
      ...(stats.fault !== undefined && { fault: stats.fault }),
    })),
    figures: figures(),
  };
}
