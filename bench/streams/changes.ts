// Kinds of stream that change while they play: size, rate, rotation, parameter sets, pixel format, colour range.
import { makeClip, type ClipOrder } from '../support/streams/clips.js';
import type { Notice, StreamKind } from '../support/streams/kind.js';
import { MOMENTS } from '../support/streams/scene.js';
import { openMultipart, openRtsp, openTurnedFile } from '../support/streams/stages.js';
import { play } from '../support/streams/timeline.js';
import { BOTH, USUAL, USUAL_JPEG } from './codecs.js';

const FIRST = { fromMs: 0, toMs: MOMENTS.between };
const SECOND = { fromMs: MOMENTS.between, toMs: MOMENTS.end };
/** The first picture after the change must be delivered within a second. */
const noticed: Notice = { what: 'picture', fromMs: MOMENTS.between, withinMs: 1_000 };

const change = (
  name: string,
  about: string,
  [before, after]: readonly [Partial<ClipOrder>, Partial<ClipOrder>],
  more: Partial<StreamKind> = {},
): StreamKind => ({
  name,
  about,
  open: async () => {
    const clips = [
      await makeClip({ ...USUAL, ...before, ...FIRST }),
      await makeClip({ ...USUAL, ...after, ...SECOND }),
    ];
    return openRtsp(play(...clips));
  },
  expected: { events: BOTH, notices: [noticed] },
  ...more,
});

const LARGE = { widthPx: 1280, heightPx: 720 };
const SMALL = { widthPx: 640, heightPx: 360 };

export const changes: readonly StreamKind[] = [
  change('size-shrinks', 'from 1280 x 720 to 640 x 360 with new parameter sets', [LARGE, SMALL], { isShort: true }),
  change('size-grows', 'from 640 x 360 to 1280 x 720', [SMALL, LARGE]),
  change('size-h265', 'H.265 from 1280 x 720 to 640 x 360', [
    { ...LARGE, codec: 'h265' },
    { ...SMALL, codec: 'h265' },
  ]),
  {
    name: 'ghost',
    about: 'JPEG parts become smaller two pictures after a person came; nobody is there afterwards',
    isShort: true,
    open: async () => {
      const toMs = MOMENTS.alice + 160;
      const before = await makeClip({ ...USUAL_JPEG, ...LARGE, fromMs: 0, toMs });
      // An empty scene for as long as a stale picture would take to match.
      const after = { ...USUAL_JPEG, ...SMALL, fromMs: MOMENTS.bobLeaves + 80, toMs: MOMENTS.end, slower: 7 };
      return openMultipart(play(before, await makeClip(after)));
    },
    expected: { events: [], notices: [{ what: 'picture', fromMs: MOMENTS.alice + 160, withinMs: 1_000 }] },
  },
  {
    name: 'jpeg-grows',
    about: 'JPEG parts from 640 x 360 to 1280 x 720',
    open: async () => {
      const before = await makeClip({ ...USUAL_JPEG, ...SMALL, ...FIRST });
      return openMultipart(play(before, await makeClip({ ...USUAL_JPEG, ...LARGE, ...SECOND })));
    },
    expected: { events: BOTH, notices: [noticed] },
  },
  change('rate-falls', 'from 25 to 5 frames per second', [{ fps: 25 }, { fps: 5 }]),
  change(
    'new-sps',
    'another profile and other references, in the same size',
    [{ encoder: ['-profile:v', 'baseline'] }, { encoder: ['-profile:v', 'high', '-refs', '4', '-bf', '2'] }],
    { isShort: true },
  ),
  change('pixel-format', 'from 4:2:0 to 4:2:2', [{}, { encoder: ['-pix_fmt', 'yuv422p', '-profile:v', 'high422'] }]),
  change('range-changes', 'from limited to full range', [
    {},
    { filters: ['scale=out_range=full'], encoder: ['-pix_fmt', 'yuvj420p', '-color_range', 'pc'] },
  ]),
  change('turns', 'the display matrix (SEI) turns the picture by 90 degrees from one moment on', [
    {},
    {
      filters: ['transpose=clock'],
      encoder: ['-bsf:v', 'h264_metadata=display_orientation=insert:rotate=90'],
    },
  ]),
  {
    name: 'turned-file',
    about: 'a file whose display matrix turns the picture',
    open: async () => openTurnedFile(await makeClip({ ...USUAL, filters: ['transpose=clock'] }), 90),
    expected: { events: BOTH },
  },
];
