// Routes of a camera's pictures: one frame, or a live view. Each view is recorded in the audit log before it is shown.
import { z } from 'zod';
import { isPaused } from '../../camera/camera-control.js';
import { AppError } from '../../errors.js';
import { numberText } from '../core/parameters.js';
import { requireCamera } from './cameras.js';
import { requireFrame } from './live-views.js';
import { MJPEG_MEDIUM, MJPEG_TYPE } from './mjpeg.js';
import { pictureQuery } from './parameters.js';
import { deviceRoute, type DeviceRoute } from './route.js';

export const pictureRoutes: readonly DeviceRoute[] = [
  deviceRoute({
    name: 'showFrame',
    summary: 'The newest frame of a camera as JPEG, with or without boxes',
    description:
      'The audit log records one view for each admin key and camera; after a minute without a picture the next one is a new view.',
    method: 'GET',
    path: '/cameras/:cameraId/frame',
    query: z.strictObject(pictureQuery),
    media: ['image/jpeg'],
    refusals: ['CAMERA_NOT_FOUND', 'CAMERA_UNAVAILABLE', 'PRIVACY_ON', 'SERVER_BUSY', 'STORE_UNAVAILABLE'],
    handle: async ({ cameras, viewAudit }, { params: { cameraId }, query, actor }) => {
      requireCamera({ cameras }, cameraId);
      const { boxes, quality, maxWidth } = query;
      const frame = await requireFrame(cameras, cameraId, { boxes, quality, maxWidthPx: maxWidth, after: 0 });
      await viewAudit.recordPicture(cameraId, actor);
      // Checked again: the camera may have been paused, or privacy switched on, while the entry was written.
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
      'It ends when the camera is paused or has no new frame for 10 s, when privacy is switched on, when the admin key is revoked, and ' +
      'when the service stops. A slow viewer misses frames. There may be 4 views of one camera, 6 with one admin key, and 8 in all.',
    method: 'GET',
    path: '/cameras/:cameraId/live',
    query: z.strictObject({
      ...pictureQuery,
      fps: numberText(0.1, 15, 5).meta({ description: 'Frames per second, at most.' }),
    }),
    media: [MJPEG_MEDIUM],
    refusals: ['CAMERA_NOT_FOUND', 'CAMERA_UNAVAILABLE', 'PRIVACY_ON', 'SERVER_BUSY', 'STORE_UNAVAILABLE'],
    handle: async ({ cameras, views, audit }, { params: { cameraId }, query, actor, gone, isAllowed }) => {
      requireCamera({ cameras }, cameraId);
      const { fps, boxes, quality, maxWidth } = query;
      const stream = await views.open(cameraId, { actor, fps, boxes, quality, maxWidthPx: maxWidth, isAllowed });
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
