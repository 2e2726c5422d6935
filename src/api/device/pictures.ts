// What a camera sees: one picture, or a live view. Either is in the audit log before it is shown.
import { z } from 'zod';
import { AppError } from '../../errors.js';
import { requireCamera } from './cameras.js';
import { numberText } from '../core/parameters.js';
import { pictureQuery } from './inputs.js';
import { isPaused } from '../../camera/camera-control.js';
import { newestFrame } from './live-views.js';
import { MJPEG_TYPE } from './mjpeg.js';
import { deviceRoute, type DeviceRoute } from './route.js';

export const pictureRoutes: readonly DeviceRoute[] = [
  deviceRoute({
    name: 'showFrame',
    summary: 'The newest frame of a camera as JPEG, with or without boxes',
    description: 'In the audit log as one view, until a minute passes without another picture for the same admin key.',
    method: 'GET',
    path: '/cameras/:cameraId/frame',
    query: z.strictObject(pictureQuery),
    media: ['image/jpeg'],
    refusals: ['CAMERA_NOT_FOUND', 'CAMERA_UNAVAILABLE', 'PRIVACY_ON', 'SERVER_BUSY', 'STORE_UNAVAILABLE'],
    handle: async ({ cameras, viewAudit }, { params: { cameraId }, query, actor }) => {
      requireCamera({ cameras }, cameraId);
      const { boxes, quality, maxWidth } = query;
      const frame = await newestFrame(cameras, cameraId, { boxes, quality, maxWidthPx: maxWidth, after: 0 });
      await viewAudit.pictureOf(cameraId, actor);
      // The disk took its time: the camera may have been told to look away meanwhile.
      if (cameras.privacy) throw new AppError('PRIVACY_ON', 'privacy is on');
      if (isPaused(cameras, cameraId)) throw new AppError('CAMERA_UNAVAILABLE', 'the camera is paused');
      const headers = { 'x-captured-at': new Date(frame.capturedAtMs).toISOString() };
      return { bytes: frame.jpeg, contentType: 'image/jpeg', headers };
    },
  }),
  deviceRoute({
    name: 'watchLive',
    summary: 'A live view of a camera: JPEG frames, one after the other',
    description:
      'Ends when the camera is paused or shows nothing for 10 s, when privacy goes on, when the admin key is revoked, and when the ' +
      'service stops. A slow viewer misses frames. 4 views of a camera, 8 in all.',
    method: 'GET',
    path: '/cameras/:cameraId/live',
    query: z.strictObject({
      ...pictureQuery,
      fps: numberText(0.1, 15, 5).meta({ description: 'Frames per second, at most.' }),
    }),
    media: [MJPEG_TYPE.split(';')[0]],
    refusals: ['CAMERA_NOT_FOUND', 'CAMERA_UNAVAILABLE', 'PRIVACY_ON', 'SERVER_BUSY', 'STORE_UNAVAILABLE'],
    handle: async ({ cameras, views, audit }, { params: { cameraId }, query, actor, gone, isAllowed }) => {
      requireCamera({ cameras }, cameraId);
      const { fps, boxes, quality, maxWidth } = query;
      const stream = await views.open(cameraId, { fps, boxes, quality, maxWidthPx: maxWidth, isAllowed });
      try {
        await audit.append({ action: 'camera.viewed', actor, subject: { cameraId, live: true } });
      } catch (error) {
        stream.destroy();
        throw error;
      }
      if (gone.aborted) stream.destroy();
      return { stream, contentType: MJPEG_TYPE };
    },
  }),
];
