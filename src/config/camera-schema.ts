// The part of the configuration schema that describes cameras: their sources, groups and rules.
import * as z from 'zod';
import { DEVICE_ID_PATTERN, GROUP_ID_PATTERN } from '../domain/ids.js';
import { filePath, plainUrl } from './fields.js';

const sourceSchema = z
  .discriminatedUnion(
    'type',
    [
      z.strictObject({
        type: z.literal('device').describe('a USB camera (V4L2)'),
        path: filePath.describe('a device file, such as /dev/video0'),
        widthPx: z.int().min(0).max(8192).default(640).describe("requested from the camera; 0 takes the camera's own"),
        heightPx: z.int().min(0).max(8192).default(480).describe("requested from the camera; 0 takes the camera's own"),
        fps: z.number().min(0).max(240).default(15).describe("requested from the camera; 0 takes the camera's own"),
      }),
      z.strictObject({
        type: z.literal('gstreamer').describe('a GStreamer pipeline that ends in "appsink"; for CSI cameras'),
        pipeline: z.string().min(1).describe('in the notation of gst-launch-1.0'),
      }),
      z.strictObject({
        type: z.literal('url').describe('a stream: RTSP or HTTP'),
        url: plainUrl(['rtsp:', 'rtsps:', 'http:', 'https:']).describe(
          'URL of the stream, without a user and a password',
        ),
        username: z.string().min(1).optional().describe('user, for a camera that asks for one'),
        passwordFile: filePath.optional().describe('file that holds the password of username'),
        transport: z
          .enum(['tcp', 'udp', 'auto'])
          .default('tcp')
          .describe('of RTSP. tcp loses nothing; udp for a camera that knows no other; auto begins with tcp'),
      }),
      z.strictObject({
        type: z.literal('snapshot').describe('a camera that gives one picture for each request over HTTP'),
        url: plainUrl(['http:', 'https:']).describe('URL of the picture, without a user and a password'),
        username: z.string().min(1).optional().describe('user, for a camera that asks for one'),
        passwordFile: filePath.optional().describe('file that holds the password of username'),
        everyMs: z.int().min(50).max(60_000).default(500).describe('a picture is fetched every so many milliseconds'),
      }),
      z.strictObject({
        type: z.literal('file').describe('a video file, for trials'),
        path: filePath.describe('video file in any format that FFmpeg plays'),
        loop: z.boolean().default(false).describe('true: plays the file again and again'),
        realTime: z.boolean().default(true).describe('false: analyses every frame, as fast as possible'),
      }),
    ],
    {
      error: (issue) =>
        issue.code === 'invalid_union' ? 'must be one of device, gstreamer, url, snapshot, file' : undefined,
    },
  )
  .describe('source of the frames');

const groupId = z.string().regex(GROUP_ID_PATTERN);
const threshold = z.number().min(1).max(100);
const targetFalseAccept = z.number().min(1e-9).max(0.1);

const watchedGroupSchema = z.strictObject({
  group: groupId.describe('group whose faces are recognised'),
  appKey: z.string().min(1).optional().describe("name of the appKey that owns the group; default: the camera's"),
  threshold: threshold.optional().describe("threshold of this group; default: the camera's"),
  targetFalseAcceptPerAttempt: targetFalseAccept.optional().describe('target of this group, in place of a threshold'),
});

const fraction = z.number().min(0).max(1);

const cameraSchema = z.strictObject({
  id: z.string().regex(DEVICE_ID_PATTERN).describe('name of the camera in MQTT topics: letters, digits, - and _'),
  source: sourceSchema,
  rotate: z.literal([0, 90, 180, 270]).default(0).describe('turns the picture clockwise, in degrees'),
  flip: z.enum(['none', 'horizontal', 'vertical']).default('none').describe('mirrors the picture after the rotation'),
  region: z
    .strictObject({
      x0: fraction.describe('left edge'),
      y0: fraction.describe('upper edge'),
      x1: fraction.describe('right edge'),
      y1: fraction.describe('lower edge'),
    })
    .refine(({ x0, y0, x1, y1 }) => x1 - x0 >= 0.05 && y1 - y0 >= 0.05, 'must be at least 0.05 wide and high')
    .optional()
    .describe('part of the turned picture in which faces are searched, in fractions; default: the whole picture'),
  appKey: z.string().min(1).default('default').describe('name of the appKey that owns the group'),
  group: groupId.optional().describe('group whose faces are recognised here'),
  groups: z.array(watchedGroupSchema).min(1).max(16).optional().describe('several groups, in place of group'),
  threshold: threshold
    .optional()
    .describe('similarity from which a shot agrees on a person; default: 90, unless there is a target'),
  targetFalseAcceptPerAttempt: targetFalseAccept
    .optional()
    .describe(
      'in place of a threshold: how often a stranger may be taken for an enrolled person; the threshold rises with the group',
    ),
  margin: z
    .number()
    .min(0)
    .max(50)
    .default(2)
    .describe(
      'how much more similar the first candidate must be than the next one; a smaller lead is a tie, and the person is unknown',
    ),
  agree: z.int().min(1).max(20).default(3).describe('number of shots that must agree on a person …'),
  outOf: z.int().min(1).max(20).default(5).describe('… out of this many embedded shots of a track'),
  absenceMs: z
    .int()
    .min(100)
    .max(3_600_000)
    .default(2_000)
    .describe('after this time out of sight, and after three frames, a person who returns appears again'),
  coolDownMs: z
    .int()
    .min(0)
    .max(86_400_000)
    .default(0)
    .describe('no second event about a person within this time; 0: absenceMs alone decides'),
  eventTtlMs: z.int().min(100).max(600_000).default(5_000).describe('an event expires this long after its capture'),
  maxFps: z
    .number()
    .min(0.1)
    .max(240)
    .default(10)
    .describe('most frames that are analysed per second; liveness: challenge needs at least 8'),
  minFacePx: z.int().min(20).max(2048).default(60).describe('smaller faces, which are further away, are ignored'),
  mask: z
    .union([z.boolean(), z.literal('refuse')], { error: 'must be true, false or refuse' })
    .default(true)
    .describe(
      'true: the event says whether the person wears a mask; refuse: a person in a mask is not granted either; false: no check',
    ),
  liveness: z
    .enum(['challenge', 'required', 'observe', 'off'])
    .default('observe')
    .describe(
      'required: no match without it; challenge: as required, and the person must turn the head when asked to; observe: the event contains the result, which decides nothing; off: no check',
    ),
  livenessThreshold: z
    .number()
    .min(-20)
    .max(20)
    .optional()
    .describe(
      "logit(live) - logit(spoof) from which a person counts as alive; default: the model set's strict one for required and challenge, its balanced one otherwise",
    ),
  snapshots: z.boolean().default(false).describe('the event contains the face as a small JPEG'),
  freezeMs: z
    .int()
    .min(0)
    .max(600_000)
    .default(5_000)
    .describe(
      'a picture that does not change for this long is a frozen stream; 0: no check; files, and streams whose time stamps go on, are not checked',
    ),
  expectWidthPx: z
    .int()
    .min(0)
    .max(16_384)
    .default(0)
    .describe('frames of another width are a fault; 0: every width is accepted'),
  expectHeightPx: z
    .int()
    .min(0)
    .max(16_384)
    .default(0)
    .describe('frames of another height are a fault; 0: every height is accepted'),
  minSharpness: z
    .number()
    .min(0)
    .max(100)
    .default(2)
    .describe(
      'a picture with a lower sharpness counts as blurred (deviation of its Laplacian, in grey levels); 0: no check',
    ),
  openTimeoutMs: z.int().min(100).max(120_000).default(10_000).describe('time to open the source'),
  readTimeoutMs: z
    .int()
    .min(100)
    .max(120_000)
    .default(5_000)
    .describe('a source that gives no frame for this long counts as lost'),
});

/** Least number of analysed frames per second that a turn of the head is followed at: a turn between two frames is not seen. */
export const CHALLENGE_FPS = 8;

/** Finds the keys whose values forbid what another key of the camera asks for, because frames come too slowly for it. */
function findSlowKeys({
  source,
  maxFps,
  liveness,
  readTimeoutMs,
}: CameraConfig): { path: string[]; message: string }[] {
  const requestedFps = source.type === 'device' && source.fps > 0 ? source.fps : Infinity;
  const isChallenging = liveness === 'challenge';
  const reason = `with liveness: challenge, because a turn of the head between two frames is not seen`;
  return [
    isChallenging && source.type !== 'snapshot' && findShortestIntervalMs({ maxFps, source }) > 1_000 / CHALLENGE_FPS
      ? { path: ['maxFps'], message: `must be at least ${CHALLENGE_FPS} ${reason}` }
      : undefined,
    isChallenging && requestedFps < CHALLENGE_FPS
      ? { path: ['source', 'fps'], message: `must be at least ${CHALLENGE_FPS}, or 0, ${reason}` }
      : undefined,
    1_000 / requestedFps >= readTimeoutMs
      ? {
          path: ['source', 'fps'],
          message: `must be more than ${Math.ceil(100_000 / readTimeoutMs) / 100}, or 0: with this readTimeoutMs the camera would count as lost after each frame`,
        }
      : undefined,
  ].filter((one) => one !== undefined);
}

/** Returns what is wrong with the interval of a source of single pictures, in words; undefined where nothing is. */
function findIntervalProblem({ source, maxFps, liveness, readTimeoutMs }: CameraConfig): string | undefined {
  if (source.type !== 'snapshot') return undefined;
  const mostMs = 1_000 / CHALLENGE_FPS;
  if (liveness === 'challenge' && source.everyMs > mostMs) {
    return `everyMs must be at most ${mostMs} with liveness: challenge, because a turn of the head between two frames is not seen`;
  }
  const leastMs = Math.ceil(1_000 / maxFps);
  if (source.everyMs < leastMs) {
    return `everyMs must be at least ${leastMs}, or maxFps higher: more pictures would be fetched than maxFps allows to analyse`;
  }
  if (source.everyMs < readTimeoutMs) return undefined;
  return 'everyMs must be less than readTimeoutMs: the camera would count as lost between two pictures';
}

export const camerasSchema = z
  .array(cameraSchema)
  .default([])
  .describe('cameras, one for each door; none: only the REST API')
  .superRefine((cameras, context) => {
    cameras.forEach((camera, index) => {
      if (cameras.findIndex((other) => other.id === camera.id) !== index) {
        context.addIssue({ code: 'custom', message: 'must be unique among the cameras', path: [index, 'id'] });
      }
      if (camera.agree > camera.outOf) {
        context.addIssue({ code: 'custom', message: 'must not be greater than outOf', path: [index, 'agree'] });
      }
      for (const { path, message } of findSlowKeys(camera)) {
        context.addIssue({ code: 'custom', message, path: [index, ...path] });
      }
      if ((camera.group === undefined) === (camera.groups === undefined)) {
        context.addIssue({ code: 'custom', message: 'must have either group or groups', path: [index] });
      }
      const problem = findIntervalProblem(camera);
      if (problem !== undefined) {
        context.addIssue({ code: 'custom', message: problem, path: [index, 'source'] });
      }
      [camera, ...(camera.groups ?? [])].forEach((one, at) => {
        if (one.threshold === undefined || one.targetFalseAcceptPerAttempt === undefined) return;
        const path = at === 0 ? [index] : [index, 'groups', at - 1];
        context.addIssue({
          code: 'custom',
          message: 'must have threshold or targetFalseAcceptPerAttempt, not both',
          path,
        });
      });
    });
  });

export type CameraConfig = z.infer<typeof cameraSchema>;
export type SourceConfig = CameraConfig['source'];

/** Returns the file that holds the password of a source's user; undefined where it has none. */
export function findPasswordFile(source: SourceConfig): string | undefined {
  return 'passwordFile' in source ? source.passwordFile : undefined;
}

export type WatchedGroupConfig = { group: string; appKey: string } & (
  { threshold: number } | { targetFalseAcceptPerAttempt: number }
);

/** Similarity from which a shot agrees on a person, unless the configuration says another one. */
export const DEFAULT_THRESHOLD = 90;

/**
 * Returns the shortest time between two analysed frames that the configuration allows; 0 where every frame of a file is analysed. Single
 * pictures come no faster than they are fetched.
 */
export function findShortestIntervalMs({ maxFps, source }: Pick<CameraConfig, 'maxFps' | 'source'>): number {
  if (source.type === 'snapshot') return Math.max(source.everyMs, 1_000 / maxFps);
  return source.type === 'file' && !source.realTime ? 0 : 1_000 / maxFps;
}

/** Lists the groups of a camera, each with its appKey and its rule. The rule of a group takes precedence over the camera's. */
export function listWatchedGroups(
  camera: Pick<CameraConfig, 'appKey' | 'group' | 'groups' | 'threshold' | 'targetFalseAcceptPerAttempt'>,
): WatchedGroupConfig[] {
  const groups = camera.groups ?? (camera.group === undefined ? [] : [{ group: camera.group }]);
  return groups.map((one: z.infer<typeof watchedGroupSchema>) => {
    const isOwnRule = one.threshold !== undefined || one.targetFalseAcceptPerAttempt !== undefined;
    const { threshold = DEFAULT_THRESHOLD, targetFalseAcceptPerAttempt } = isOwnRule ? one : camera;
    const rule = targetFalseAcceptPerAttempt === undefined ? { threshold } : { targetFalseAcceptPerAttempt };
    return { group: one.group, appKey: one.appKey ?? camera.appKey, ...rule };
  });
}
