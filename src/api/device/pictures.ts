// Routes of a camera's pictures: one frame, or a live view. Each view is recorded in the audit log before it is shown.
import * as z from 'zod';
import { isPaused } from '../../camera/camera-control.js';
import { AppError } from '../../errors.js';
import { numberText } from '../core/parameters.js';
import { requireCamera } from './cameras.js';
import { requireFrame } from './live-views.js';
import { DESCRIBED_MEDIUM, DESCRIBED_TYPE, MJPEG_MEDIUM, MJPEG_TYPE } from './mjpeg.js';
import { pictureQuery, textFlag } from './parameters.js';
import { deviceRoute, type DeviceRoute } from './route.js';
import { listTracks, trackListAnswer } from './track-list.js';

export const pictureRoutes: readonly DeviceRoute[] = [
  deviceRoute({
    name: 'showFrame',
    summary: 'The newest frame of a camera as JPEG, with or without boxes',
    description:
      'The audit log records one view for each admin key and camera; after a minute without a picture the next one is a new view.',
    method: 'GET',
    path: '/cameras/:cameraId/frame',
    role: 'viewer',
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
    role: 'viewer',
    query: z.strictObject({
      ...pictureQuery,
      fps: numberText(0.1, 15, 5).meta({ description: 'Frames per second, at most.' }),
      tracks: textFlag.meta({
        description: 'True: the answer is multipart/mixed, and before each picture comes a JSON part, a TrackList.',
      }),
    }),
    media: [MJPEG_MEDIUM, DESCRIBED_MEDIUM],
    refusals: ['CAMERA_NOT_FOUND', 'CAMERA_UNAVAILABLE', 'PRIVACY_ON', 'SERVER_BUSY', 'STORE_UNAVAILABLE'],
    handle: async ({ cameras, views, audit }, { params: { cameraId }, query, actor, gone, isAllowed }) => {
      requireCamera({ cameras }, cameraId);
      const { fps, boxes, tracks, quality, maxWidth: maxWidthPx } = query;
      const stream = await views.open(cameraId, { actor, fps, boxes, tracks, quality, maxWidthPx, isAllowed });
      try {
        await audit.append({ action: 'camera.viewed', actor, subject: { cameraId, live: true } });
      } catch (error) {
        stream.destroy();
        throw error;
      }
      if (gone.aborted) stream.destroy();
      return { stream, contentType: tracks ? DESCRIBED_TYPE : MJPEG_TYPE };
    },
  }),
  deviceRoute({
    name: 'showTracks',
    summary: 'The people before a camera now: their boxes, the decision on each, and the figures that led to it',
    description:
      'It counts as a view in the audit log, like a single frame. A live view with `tracks=true` sends the same beside its pictures.',
    method: 'GET',
    path: '/cameras/:cameraId/tracks',
    role: 'viewer',
    data: trackListAnswer,
    refusals: ['CAMERA_NOT_FOUND', 'CAMERA_UNAVAILABLE', 'PRIVACY_ON', 'STORE_UNAVAILABLE'],
    handle: async ({ cameras, viewAudit }, { params: { cameraId }, actor }) => {
      requireCamera({ cameras }, cameraId);
      await viewAudit.recordPicture(cameraId, actor);
      if (cameras.privacy) throw new AppError('PRIVACY_ON', 'privacy is on');
      if (isPaused(cameras, cameraId)) throw new AppError('CAMERA_UNAVAILABLE', 'the camera is paused');
      return { json: listTracks(cameraId, cameras.tracks(cameraId)) };
    },
  }),
];
