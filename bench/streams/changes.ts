// Kinds of stream that change while they play: size, rate, rotation, parameter sets, pixel format, colour range.
import { makeClip, type ClipOrder } from '../support/streams/clips.js';
import type { Notice, StreamKind } from '../support/streams/kind.js';
import { MOMENTS } from '../support/streams/scene.js';
import { openMultipart, openRtsp, openTurnedFile } from '../support/streams/stages.js';
import { splitAnnexB } from '../support/streams/rtp.js';
import { play, type Unit } from '../support/streams/timeline.js';
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

/**
 * NAL unit of H.264 that asks for a turn by 90 degrees anticlockwise: supplemental information 47 with three bytes, which hold until the next
 * one (ITU-T H.264, D.1.27).
 */
const TURN_SEI = Buffer.from([0x06, 0x2f, 0x03, 0x08, 0x00, 0x09, 0x80]);
const START_CODE = Buffer.from([0, 0, 0, 1]);
const IDR_SLICE = 5;

/** Puts the request for a turn before the picture of a key frame. */
function addOrientation(unit: Unit): Unit {
  if (!unit.isKey) return unit;
  const nals = splitAnnexB(unit.data);
  const picture = nals.findIndex((nal) => (nal[0]! & 31) === IDR_SLICE);
  const all = [...nals.slice(0, picture), TURN_SEI, ...nals.slice(picture)];
  return { ...unit, data: Buffer.concat(all.flatMap((nal) => [START_CODE, nal])) };
}

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
  {
    name: 'turns',
    about: 'the display orientation (SEI) turns the picture by 90 degrees from one moment on',
    open: async () => {
      const before = await makeClip({ ...USUAL, ...FIRST });
      const turned = await makeClip({ ...USUAL, ...SECOND, filters: ['transpose=clock'] });
      return openRtsp(play(before, turned).map((unit) => (unit.clip === turned ? addOrientation(unit) : unit)));
    },
    expected: { events: BOTH, notices: [noticed] },
  },
  {
    name: 'turned-file',
    about: 'a file whose display matrix turns the picture',
    open: async () => openTurnedFile(await makeClip({ ...USUAL, filters: ['transpose=clock'] }), 90),
    expected: { events: BOTH },
  },
];
