// The doctor's check of the cameras: opens each source for a first picture, unless a running service holds it.
import { makeCaptureOptions, withoutSecrets } from '../../camera/capture-source.js';
import { dataPaths } from '../../config/paths.js';
import { findPasswordFile, type CameraConfig } from '../../config/camera-schema.js';
import type { Config } from '../../config/schema.js';
import { systemTimers, type Timers } from '../../domain/time.js';
import { describeError } from '../../errors.js';
import { readPasswordFile } from '../../keys/secrets.js';
import type { Addon, CaptureState } from '../../native/addon.js';
import { checkSources } from './connections.js';
import { fail, ok, type DoctorFinding } from '../../domain/doctor.js';
import { isServiceRunning } from './service.js';

export type DoctorAddon = Pick<Addon, 'openCapture' | 'captureState' | 'closeCapture'>;

/** Time that a capture gets beyond its own time limits. */
const GRACE_MS = 2_000;

/**
 * Checks each source, and opens those that passed unless a service is running: only one program at a time can read a camera device.
 * @param load loads the native addon; cameras are opened where it has the functions of a capture
 */
export async function checkCameras(config: Config, load: () => Partial<DoctorAddon>): Promise<DoctorFinding[]> {
  const { cameras } = config;
  const sources = await checkSources(cameras);
  if (cameras.length === 0) return sources;
  if (await isServiceRunning(dataPaths(config).adminSocket)) {
    return [...sources, ok('not opened: the running service uses the cameras, and reports on them below')];
  }
  const { openCapture, captureState, closeCapture } = load();
  if (!openCapture || !captureState || !closeCapture) return sources;
  const reachable = cameras.filter((_, index) => sources[index]?.level !== 'fail');
  return [...sources, ...(await openCameras(reachable, { openCapture, captureState, closeCapture }))];
}

/** Opens each camera for a first picture. @returns one finding for each */
export async function openCameras(
  cameras: readonly CameraConfig[],
  addon: DoctorAddon,
  timers: Timers = systemTimers,
): Promise<DoctorFinding[]> {
  return Promise.all(
    cameras.map(async (config) => {
      const { level, text } = await openCamera(config, addon, timers);
      return { level, text: `${config.id}: ${text}` };
    }),
  );
}

async function openCamera(config: CameraConfig, addon: DoctorAddon, timers: Timers): Promise<DoctorFinding> {
  let password: string | undefined;
  try {
    const file = findPasswordFile(config.source);
    if (file !== undefined) password = await readPasswordFile(file, 'source.passwordFile');
    const beganMs = performance.now();
    const state = await waitForFrame(config, password, addon, timers);
    if (state.frameNumber === 0) {
      const reason = withoutSecrets(state.error, password);
      return fail(`no picture: ${reason || `none came (${state.status})`}`);
    }
    const tookMs = Math.round(performance.now() - beganMs);
    return ok(`first picture after ${tookMs} ms, ${state.widthPx} x ${state.heightPx} px`);
  } catch (error) {
    return fail(withoutSecrets(describeError(error), password));
  }
}

/** @returns the state of the capture when a frame has come, the capture has failed, or its time is over */
async function waitForFrame(
  config: CameraConfig,
  password: string | undefined,
  addon: DoctorAddon,
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
    handle = addon.openCapture(makeCaptureOptions(config, password), () => changed());
    changed();
    await decided;
    return addon.captureState(handle);
  } finally {
    timers.clearTimeout(timer);
    if (handle !== undefined) await addon.closeCapture(handle);
  }
}
