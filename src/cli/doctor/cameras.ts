// The doctor's trial of the cameras: each source is opened for a first frame, where no service holds it.
import { connect } from 'node:net';
import { captureOptions, withoutSecrets } from '../../camera/capture-source.js';
import type { CameraConfig } from '../../config/schema.js';
import { readPasswordFile } from '../../keys/secrets.js';
import { systemTimers, type Timers } from '../../domain/time.js';
import { describeError } from '../../errors.js';
import type { Addon, CaptureState } from '../../native/addon.js';
import type { Finding } from './doctor.js';

export type TrialAddon = Pick<Addon, 'openCapture' | 'captureState' | 'closeCapture'>;

/** What a capture may take beyond its own time-out. */
const GRACE_MS = 2_000;

/** Whether a service runs on the data directory: a device gives its pictures to one alone. */
export function serviceRuns(adminSocket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(adminSocket);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    // Somebody listens who does not talk to this user.
    socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code === 'EACCES'));
  });
}

export async function tryCameras(
  cameras: readonly CameraConfig[],
  addon: TrialAddon,
  timers: Timers = systemTimers,
): Promise<Finding[]> {
  return Promise.all(
    cameras.map(async (config) => {
      const { level, text } = await tryCamera(config, addon, timers);
      return { level, text: `${config.id}: ${text}` };
    }),
  );
}

async function tryCamera(config: CameraConfig, addon: TrialAddon, timers: Timers): Promise<Finding> {
  const { source } = config;
  let password: string | undefined;
  try {
    if (source.type === 'url' && source.passwordFile !== undefined) {
      password = await readPasswordFile(source.passwordFile, 'source.passwordFile');
    }
    const beganMs = performance.now();
    const state = await firstFrame(config, password, addon, timers);
    if (state.frameNumber === 0) {
      const why = withoutSecrets(state.error, password);
      return { level: 'fail', text: `gives no picture: ${why || `none came (${state.status})`}` };
    }
    const tookMs = Math.round(performance.now() - beganMs);
    return { level: 'ok', text: `a first picture after ${tookMs} ms, ${state.widthPx} x ${state.heightPx} px` };
  } catch (error) {
    return { level: 'fail', text: withoutSecrets(describeError(error), password) };
  }
}

/** @returns how the capture is when a frame has come, it has failed, or its time is over */
async function firstFrame(
  config: CameraConfig,
  password: string | undefined,
  addon: TrialAddon,
  timers: Timers,
): Promise<CaptureState> {
  let changed: () => void = () => undefined;
  let timer: unknown;
  let handle: number | undefined;
  const decided = new Promise<void>((resolve) => {
    timer = timers.setTimeout(resolve, config.openTimeoutMs + config.readTimeoutMs + GRACE_MS);
    changed = () => {
      if (handle === undefined) return;
      const { frameNumber, status } = addon.captureState(handle);
      if (frameNumber > 0 || ['failed', 'ended', 'closed'].includes(status)) resolve();
    };
  });
  try {
    handle = addon.openCapture(captureOptions(config, password), () => changed());
    changed();
    await decided;
    return addon.captureState(handle);
  } finally {
    timers.clearTimeout(timer);
    if (handle !== undefined) await addon.closeCapture(handle);
  }
}
