// Kinds of stream by their coding and their way over the network.
import { makeClip, type ClipOrder } from '../support/streams/clips.js';
import type { Expected, StreamKind } from '../support/streams/kind.js';
import { openHls, openMultipart, openRtsp, openTransportStream } from '../support/streams/stages.js';
import { play } from '../support/streams/timeline.js';

export const BOTH = ['match alice', 'match bob'] as const;
/** Most cameras at a door: 720p, 15 frames per second. */
export const USUAL: ClipOrder = { codec: 'h264', widthPx: 1280, heightPx: 720, fps: 15 };
export const USUAL_JPEG: ClipOrder = { codec: 'jpeg', widthPx: 640, heightPx: 360, fps: 12.5 };

/** Detection in a picture of 4K takes so long that fewer can be analysed. */
const LARGE: Expected = { events: BOTH, maxAgeMs: 1_500, minDelivered: 0.25 };

const overRtsp = (
  name: string,
  about: string,
  order: Partial<ClipOrder>,
  more: Partial<StreamKind> = {},
): StreamKind => ({
  name,
  about,
  open: async () => openRtsp(play(await makeClip({ ...USUAL, ...order }))),
  expected: { events: BOTH },
  ...more,
});

export const codecs: readonly StreamKind[] = [
  overRtsp('h264', 'H.264, 720p, 15 frames per second, RTSP over TCP', {}, { isShort: true }),
  overRtsp('h265', 'H.265, the same', { codec: 'h265' }, { isShort: true }),
  overRtsp('rtp-jpeg', 'JPEG over RTP', USUAL_JPEG),
  {
    name: 'mjpeg-http',
    about: 'JPEG as the parts of an HTTP answer',
    isShort: true,
    open: async () => openMultipart(play(await makeClip(USUAL_JPEG))),
    expected: { events: BOTH },
  },
  {
    name: 'mjpeg-untyped',
    about: 'parts of an HTTP answer without a type',
    open: async () => openMultipart(play(await makeClip(USUAL_JPEG)), (jpeg) => `Content-Length: ${jpeg.length}\r\n`),
    expected: { events: BOTH },
  },
  {
    name: 'mpegts-http',
    about: 'H.264 in a transport stream over HTTP',
    open: async () => openTransportStream(await makeClip(USUAL)),
    expected: { events: BOTH, maxAgeMs: 2_000 },
  },
  {
    name: 'hls',
    about: 'H.264 over HLS, segments of one second',
    open: async () => {
      const stage = await openHls(await makeClip(USUAL));
      // The player stays some segments behind.
      return { ...stage, durationMs: stage.durationMs + 4_000 };
    },
    expected: { events: BOTH, maxAgeMs: 8_000, minDelivered: 0.25 },
  },
  overRtsp('b-frames', 'H.264 with three B-frames', { encoder: ['-bf', '3', '-profile:v', 'main'] }),
  overRtsp('interlaced', 'H.264, 25 pictures of two fields', {
    fps: 50,
    filters: ['tinterlace=interleave_top'],
    encoder: ['-flags', '+ildct+ilme', '-x264-params', 'tff=1'],
  }),
  overRtsp('full-range', 'H.264 in full range', {
    filters: ['scale=out_range=full'],
    encoder: ['-pix_fmt', 'yuvj420p', '-color_range', 'pc'],
  }),
  overRtsp('ten-bit', 'H.265 with 10 bits', { codec: 'h265', encoder: ['-pix_fmt', 'yuv420p10le'] }),
  overRtsp('ten-bit-h264', 'H.264 with 10 bits', { encoder: ['-pix_fmt', 'yuv420p10le', '-profile:v', 'high10'] }),
  overRtsp('small', '320 x 240, 10 frames per second', { widthPx: 320, heightPx: 240, fps: 10 }),
  overRtsp('hd', '1920 x 1080, 25 frames per second', { widthPx: 1920, heightPx: 1080, fps: 25 }),
  overRtsp('uhd', '3840 x 2160, 15 frames per second', { widthPx: 3840, heightPx: 2160 }, { expected: LARGE }),
  overRtsp(
    'uhd-h265',
    '3840 x 2160 in H.265, 12.5 frames per second',
    {
      codec: 'h265',
      widthPx: 3840,
      heightPx: 2160,
      fps: 12.5,
    },
    { expected: LARGE },
  ),
];
