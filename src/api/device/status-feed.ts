// The state of the service as a source of server-sent events: health, cameras and figures, at every interval.
import type { z } from 'zod';
import { rounded } from '../../domain/face.js';
import { healthAnswer, type statusMessage } from './answers.js';
import type { DeviceServices } from './services.js';
import { encodeMessage, type SseSource } from './sse.js';

type StatusServices = Pick<DeviceServices, 'health' | 'cameras' | 'figures' | 'clock'>;

/** Creates the source. It sends one message at once, and one after each interval. */
export function createStatusSource(services: StatusServices): SseSource {
  let isFirst = true;
  const encode = (): string => encodeMessage(describeStatus(services));
  return {
    async read() {
      if (!isFirst) return '';
      isFirst = false;
      return encode();
    },
    idle: encode,
    watch: () => () => undefined,
  };
}

function describeStatus({ health, cameras, figures, clock }: StatusServices): z.output<typeof statusMessage> {
  return {
    at: new Date(clock()).toISOString(),
    privacy: cameras.privacy,
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
