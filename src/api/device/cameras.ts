// Routes of the cameras: their state and rates, pausing and resuming.
import type { z } from 'zod';
import type { CameraView } from '../../camera/camera-control.js';
import { AppError } from '../../errors.js';
import { cameraAnswer, cameraListAnswer, healthOfPart } from './answers.js';
import { deviceRoute, type DeviceRoute } from './route.js';
import { recordDone, type DeviceServices } from './services.js';

/** @throws AppError CAMERA_NOT_FOUND */
export function requireCamera({ cameras }: Pick<DeviceServices, 'cameras'>, cameraId: string): CameraView {
  const view = cameras.views().find(({ id }) => id === cameraId);
  if (!view) throw new AppError('CAMERA_NOT_FOUND', 'there is no such camera');
  return view;
}

function describeCamera(services: DeviceServices, view: CameraView): z.output<typeof cameraAnswer> {
  const { id, health, stats, recognition, widthPx, heightPx, groups, challenges } = view;
  const {
    status,
    fault,
    analysed,
    refused,
    errors,
    frames,
    dropped,
    damaged,
    streamChanges,
    losses,
    fps,
    lastFrameAtMs,
  } = stats;
  const capturedFps = services.rates.perSecond(id, frames);
  return {
    id,
    state: status,
    health: healthOfPart.parse(health),
    ...(fault !== undefined && { fault }),
    ...(capturedFps !== undefined && { capturedFps: roundToTenths(capturedFps) }),
    analysedFps: roundToTenths(fps),
    frames,
    dropped,
    damaged,
    streamChanges,
    analysed,
    refused,
    errors,
    losses,
    ...(lastFrameAtMs !== undefined && { lastFrameAt: new Date(lastFrameAtMs).toISOString() }),
    ...(widthPx !== undefined && { widthPx }),
    ...(heightPx !== undefined && { heightPx }),
    groups: groups.map(({ appKey, groupId }) => ({ appKey, groupId, ...findOrigin(services, appKey, groupId) })),
    recognition: { ...recognition },
    challenges: challenges.map(({ trackId, side, issuedAtMs, expiresAtMs }) => ({
      trackId,
      side,
      issuedAt: new Date(issuedAtMs).toISOString(),
      expiresAt: new Date(expiresAtMs).toISOString(),
    })),
    viewers: services.views.count(id),
    enrolling: services.enrolments.isRunning(id),
  };
}

function roundToTenths(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Returns where a group is copied from; nothing for a group of this device, and for one that is not there. */
function findOrigin(
  { gallery, findOwner }: Pick<DeviceServices, 'gallery' | 'findOwner'>,
  appKey: string,
  groupId: string,
): { copyOf?: string } {
  const owner = findOwner(appKey);
  if (owner === undefined) return {};
  try {
    const { copyOf } = gallery.group({ owner, groupId });
    return copyOf ? { copyOf: copyOf.authority } : {};
  } catch (error) {
    if (error instanceof AppError && error.code === 'GROUP_NOT_FOUND') return {};
    throw error;
  }
}

export const cameraRoutes: readonly DeviceRoute[] = [
  deviceRoute({
    name: 'listCameras',
    summary: 'List the cameras, with their state and rates',
    method: 'GET',
    path: '/cameras',
    role: 'viewer',
    data: cameraListAnswer,
    handle: async (services) => {
      const cameras = services.cameras.views().map((view) => describeCamera(services, view));
      return { json: { privacy: services.cameras.privacy, cameras } };
    },
  }),
  deviceRoute({
    name: 'showCamera',
    summary: 'Show a camera',
    method: 'GET',
    path: '/cameras/:cameraId',
    role: 'viewer',
    data: cameraAnswer,
    refusals: ['CAMERA_NOT_FOUND'],
    handle: async (services, { params }) => ({
      json: describeCamera(services, requireCamera(services, params.cameraId)),
    }),
  }),
  deviceRoute({
    name: 'pauseCamera',
    summary: 'Close the source of a camera until it is resumed',
    description:
      'The answer comes when the source is closed. Live views and an enrolment at this camera end. Pausing twice is harmless.',
    method: 'POST',
    path: '/cameras/:cameraId/pause',
    role: 'operator',
    data: cameraAnswer,
    refusals: ['CAMERA_NOT_FOUND'],
    handle: async (services, { params: { cameraId }, actor }) => {
      requireCamera(services, cameraId);
      const paused = services.cameras.pause(cameraId);
      services.views.end(cameraId);
      services.enrolments.cancel(new AppError('CAMERA_UNAVAILABLE', 'the camera is paused'), cameraId);
      await paused;
      await recordDone(services, { action: 'camera.paused', actor, subject: { cameraId } });
      return { json: describeCamera(services, requireCamera(services, cameraId)) };
    },
  }),
  deviceRoute({
    name: 'resumeCamera',
    summary: 'Open the source of a paused camera again',
    method: 'POST',
    path: '/cameras/:cameraId/resume',
    role: 'operator',
    data: cameraAnswer,
    refusals: ['CAMERA_NOT_FOUND', 'STORE_UNAVAILABLE'],
    handle: async (services, { params: { cameraId }, actor }) => {
      requireCamera(services, cameraId);
      await services.audit.append({ action: 'camera.resumed', actor, subject: { cameraId } });
      await services.cameras.resume(cameraId);
      return { json: describeCamera(services, requireCamera(services, cameraId)) };
    },
  }),
];
