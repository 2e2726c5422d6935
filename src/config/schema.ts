// The one schema of the configuration file: types, checks, defaults and the documentation of every key.
import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { DEVICE_ID_PATTERN, GROUP_ID_PATTERN } from '../domain/ids.js';

const filePath = z.string().min(1);

/** A URL without a user and a password in it: secrets are never values of the file. */
function plainUrl(protocols: readonly string[]): z.ZodType<string> {
  return z.string().superRefine((value, context) => {
    const url = URL.canParse(value) ? new URL(value) : undefined;
    if (!url || !url.hostname || !protocols.includes(url.protocol)) {
      context.addIssue({
        code: 'custom',
        message: `must be a URL that starts with ${protocols.map((p) => `${p}//`).join(' or ')}`,
      });
    } else if (url.username || url.password) {
      context.addIssue({
        code: 'custom',
        message: 'must not contain a user or a password; use username and passwordFile',
      });
    }
  });
}

const sourceSchema = z
  .discriminatedUnion(
    'type',
    [
      z.strictObject({
        type: z.literal('device').describe('a USB camera (V4L2)'),
        path: filePath.describe('such as /dev/video0'),
        widthPx: z.int().min(0).max(8192).default(640).describe("asked of the camera; 0 takes the camera's own"),
        heightPx: z.int().min(0).max(8192).default(480).describe("asked of the camera; 0 takes the camera's own"),
        fps: z.number().min(0).max(240).default(15).describe("asked of the camera; 0 takes the camera's own"),
      }),
      z.strictObject({
        type: z.literal('gstreamer').describe('a GStreamer pipeline that ends in "appsink"; for CSI cameras'),
        pipeline: z.string().min(1).describe('in the notation of gst-launch-1.0'),
      }),
      z.strictObject({
        type: z.literal('url').describe('a stream: RTSP or HTTP'),
        url: plainUrl(['rtsp:', 'rtsps:', 'http:', 'https:']).describe('without a user and a password in it'),
        username: z.string().min(1).optional().describe('for a camera that asks for one'),
        passwordFile: filePath.optional().describe('holds the password of username'),
      }),
      z.strictObject({
        type: z.literal('file').describe('a video file, for trials and demonstrations'),
        path: filePath.describe('anything that FFmpeg plays'),
        loop: z.boolean().default(false).describe('true: from the start again, for ever'),
        realTime: z.boolean().default(true).describe('false: every frame is analysed, as fast as they can be'),
      }),
    ],
    {
      error: (issue) => (issue.code === 'invalid_union' ? 'must be one of device, gstreamer, url, file' : undefined),
    },
  )
  .describe('where the pictures come from');

const groupId = z.string().regex(GROUP_ID_PATTERN);
const threshold = z.number().min(1).max(100);
const targetFalseAccept = z.number().min(1e-9).max(0.1);

const watchedGroupSchema = z.strictObject({
  group: groupId.describe('the group whose faces are recognised'),
  appKey: z.string().min(1).optional().describe("the name of its appKey; the camera's where it is not given"),
  threshold: threshold.optional().describe("of this group; the camera's where it is not given"),
  targetFalseAcceptPerAttempt: targetFalseAccept.optional().describe('of this group, instead of a threshold'),
});

const fraction = z.number().min(0).max(1);

const cameraSchema = z.strictObject({
  id: z.string().regex(DEVICE_ID_PATTERN).describe('a level of the MQTT topics: letters, digits, - and _'),
  source: sourceSchema,
  rotate: z.literal([0, 90, 180, 270]).default(0).describe('clockwise, degrees, for a camera that hangs askew'),
  flip: z.enum(['none', 'horizontal', 'vertical']).default('none').describe('mirrors the picture, after the rotation'),
  region: z
    .strictObject({
      x0: fraction.describe('its left edge'),
      y0: fraction.describe('its upper edge'),
      x1: fraction.describe('its right edge'),
      y1: fraction.describe('its lower edge'),
    })
    .refine(({ x0, y0, x1, y1 }) => x1 - x0 >= 0.05 && y1 - y0 >= 0.05, 'must be at least 0.05 wide and high')
    .optional()
    .describe('the part of the turned picture that is looked at, in fractions of it; all of it where it is not given'),
  appKey: z.string().min(1).default('default').describe('the name of the appKey whose group it is'),
  group: groupId.optional().describe('the group whose faces are recognised here'),
  groups: z.array(watchedGroupSchema).min(1).max(16).optional().describe('several groups, in place of group'),
  threshold: threshold
    .optional()
    .describe('similarity from which a frame agrees on a person; 90 where no target is given'),
  targetFalseAcceptPerAttempt: targetFalseAccept
    .optional()
    .describe(
      'in place of a threshold: how often a stranger may be taken for anyone; the threshold follows, and rises with the group',
    ),
  margin: z
    .number()
    .min(0)
    .max(50)
    .default(2)
    .describe('the person must be so much more similar than the next one; closer than that is a tie, and unknown'),
  agree: z.int().min(1).max(20).default(3).describe('k: this many frames must agree on a person …'),
  outOf: z.int().min(1).max(20).default(5).describe('n: … out of so many embedded frames of a track'),
  absenceMs: z.int().min(100).max(3_600_000).default(2_000).describe('out of sight for so long, a person appears anew'),
  coolDownMs: z
    .int()
    .min(0)
    .max(86_400_000)
    .default(0)
    .describe('nobody is announced again within this time of their last event; 0: the absence alone decides'),
  eventTtlMs: z.int().min(100).max(600_000).default(5_000).describe('an event expires so long after its capture'),
  maxFps: z.number().min(0.1).max(240).default(10).describe('frames analysed per second, at most'),
  minFacePx: z.int().min(20).max(2048).default(60).describe('smaller faces, further away, are not looked at'),
  mask: z.boolean().default(true).describe('says in the event whether the person wears a mask'),
  liveness: z
    .enum(['required', 'observe', 'off'])
    .default('observe')
    .describe('required: no match without it; observe: told in the event, and decides nothing'),
  livenessThreshold: z
    .number()
    .min(-20)
    .max(20)
    .optional()
    .describe(
      "logit(live) - logit(spoof) from which a person is alive; the model set's balanced one where it is not given",
    ),
  snapshots: z.boolean().default(false).describe('puts the face, as a small JPEG, into the event'),
  freezeMs: z
    .int()
    .min(0)
    .max(600_000)
    .default(5_000)
    .describe('the very same picture for so long is a frozen stream; 0 never; files are exempt'),
  expectWidthPx: z
    .int()
    .min(0)
    .max(16_384)
    .default(0)
    .describe('another width of the frames is a fault; 0: any is right'),
  expectHeightPx: z.int().min(0).max(16_384).default(0).describe('as expectWidthPx'),
  minSharpness: z
    .number()
    .min(0)
    .max(100)
    .default(2)
    .describe('the picture counts as blurred below it (deviation of its Laplacian, in grey levels); 0 never'),
  openTimeoutMs: z.int().min(100).max(120_000).default(10_000).describe('to open the source'),
  readTimeoutMs: z.int().min(100).max(120_000).default(5_000).describe('without a frame, the source counts as lost'),
});

export const configSchema = z.strictObject({
  deviceId: z
    .string()
    .regex(DEVICE_ID_PATTERN)
    .default('lintel')
    .describe('names this device in MQTT topics and events'),
  dataDir: filePath
    .default('var/data')
    .describe('the gallery, the events and the audit log; sealed. Relative to the configuration file'),
  keysDir: filePath
    .default('var/keys')
    .describe('the keys, outside dataDir; a systemd credential or LINTEL_MASTER_KEY (base64) takes precedence'),
  http: z
    .strictObject({
      host: z.string().min(1).default('127.0.0.1').describe('0.0.0.0 serves the whole network'),
      port: z.int().min(0).max(65_535).default(8080).describe('0 takes any free port'),
      maxImageBytes: z
        .int()
        .min(10_000)
        .max(50_000_000)
        .default(3_000_000)
        .describe('of one picture; the alpha guide allowed 5000000'),
      keepAliveTimeoutMs: z
        .int()
        .min(1_000)
        .max(600_000)
        .default(65_000)
        .describe('an idle connection is kept so long'),
      requestTimeoutMs: z.int().min(1_000).max(600_000).default(30_000).describe('to receive one whole request'),
      tls: z
        .strictObject({
          certFile: filePath.describe('PEM: the certificate and those between it and its authority'),
          keyFile: filePath.describe('PEM: its key, without a passphrase'),
        })
        .optional()
        .describe('HTTPS instead of HTTP; files that change are taken up while it serves'),
    })
    .prefault({}),
  images: z
    .strictObject({
      allowNetworks: z
        .array(
          z.union([z.cidrv4(), z.cidrv6()], { error: 'must be a network in CIDR notation, such as 192.168.1.20/32' }),
        )
        .default([])
        .describe('private networks (CIDR) that image.url may fetch from, such as 192.168.1.20/32 for a recorder'),
      timeoutMs: z.int().min(100).max(60_000).default(5_000).describe('to connect to and read one image.url'),
    })
    .prefault({}),
  models: z
    .strictObject({
      dir: filePath
        .optional()
        .describe('where the model files are; models/files of the installation where it is not given'),
      set: z.string().min(1).default('standard').describe('a set of models/manifest.json'),
      fallback: z
        .boolean()
        .default(true)
        .describe(
          'whether the built-in models run where files of the set are missing; said in the log and in the health',
        ),
      precision: z
        .enum(['float', 'int8', 'auto'])
        .default('auto')
        .describe('float, int8: 8 bits, where a model has that form; auto: 8 bits where they are measurably faster'),
      providers: z
        .array(z.string().regex(/^[a-z]+$/))
        .min(1)
        .default(['cpu'])
        .describe(
          'execution providers in order of preference: cpu, cuda, tensorrt, webgpu, …; the first that works is used',
        ),
    })
    .prefault({}),
  vision: z
    .strictObject({
      workers: z
        .int()
        .min(1)
        .max(64)
        .default(Math.min(64, availableParallelism()))
        .describe('worker threads; as many as cores where it is not given'),
      queueLength: z
        .int()
        .min(1)
        .max(10_000)
        .default(64)
        .describe('pictures that wait; beyond it the answer is ServerBusy'),
    })
    .prefault({}),
  gallery: z
    .strictObject({
      maxGroups: z.int().min(1).max(1_000_000).default(1_000).describe('of one appKey'),
      maxFacesPerGroup: z.int().min(1).max(1_000_000).default(100_000).describe('beyond it nobody is enrolled'),
    })
    .prefault({}),
  mqtt: z
    .strictObject({
      url: plainUrl(['mqtt:', 'mqtts:']).optional().describe('of your broker; without it Lintel runs one of its own'),
      username: z.string().min(1).optional().describe('for a broker that asks for one'),
      passwordFile: filePath
        .optional()
        .describe('holds the password; without it: LINTEL_MQTT_PASSWORD, or the systemd credential mqtt-password'),
      caFile: filePath.optional().describe('PEM, for an mqtts broker with a certificate of your own authority'),
      embedded: z
        .strictObject({
          host: z.string().min(1).default('127.0.0.1').describe('0.0.0.0 lets the whole network read the events'),
          port: z.int().min(0).max(65_535).default(1883).describe('0 takes any free port'),
        })
        .prefault({})
        .describe(
          "Lintel's own broker, where url is not given; MQTT 3.1.1, without authentication: leave it on 127.0.0.1",
        ),
      homeAssistant: z
        .strictObject({
          discoveryPrefix: z
            .string()
            .regex(/^[a-zA-Z0-9_/-]{1,64}$/)
            .default('homeassistant')
            .describe('as Home Assistant is configured'),
        })
        .optional()
        .describe('announces the cameras to Home Assistant; {} takes the defaults'),
      commands: z
        .strictObject({
          secretFile: filePath.describe(
            'holds the command secret, 16 characters at least; every command carries its HMAC',
          ),
        })
        .optional()
        .describe('takes commands (pause, resume, snapshot) over MQTT; without it none is listened to'),
    })
    .prefault({}),
  webhook: z
    .strictObject({
      url: plainUrl(['http:', 'https:']).describe('gets every event of the history by POST, in order'),
      secretFile: filePath
        .optional()
        .describe('holds a secret; the header X-Lintel-Signature then carries the HMAC of the body'),
      timeoutMs: z.int().min(100).max(60_000).default(5_000).describe('for one answer'),
    })
    .optional()
    .describe('events over HTTP beside MQTT'),
  events: z
    .strictObject({
      maxEvents: z.int().min(10).max(10_000_000).default(100_000).describe('kept on this device; the oldest go first'),
      maxBytes: z.int().min(100_000).max(100_000_000_000).default(200_000_000).describe('of them together'),
      maxAgeHours: z
        .number()
        .min(0.001)
        .max(87_600)
        .default(168)
        .describe('older ones are removed, published or not; also the time that the device API can look back'),
    })
    .prefault({})
    .describe('events on disk, sealed: those that wait for a broker, and those that the device API shows'),
  privacy: z
    .strictObject({
      unknownFacesHours: z
        .number()
        .min(0)
        .max(8_760)
        .default(0)
        .describe('keeps faces of strangers, sealed, for so long; 0: none is ever kept'),
      unknownFacesMax: z.int().min(1).max(100_000).default(1_000).describe('of them at most; the oldest go first'),
    })
    .prefault({}),
  cameras: z
    .array(cameraSchema)
    .default([])
    .describe('the doors; none: the REST API alone')
    .superRefine((cameras, context) => {
      cameras.forEach((camera, index) => {
        if (cameras.findIndex((other) => other.id === camera.id) !== index) {
          context.addIssue({ code: 'custom', message: 'must be unique among the cameras', path: [index, 'id'] });
        }
        if (camera.agree > camera.outOf) {
          context.addIssue({ code: 'custom', message: 'must not be greater than outOf', path: [index, 'agree'] });
        }
        if ((camera.group === undefined) === (camera.groups === undefined)) {
          context.addIssue({ code: 'custom', message: 'needs either group or groups', path: [index] });
        }
        [camera, ...(camera.groups ?? [])].forEach((one, at) => {
          if (one.threshold === undefined || one.targetFalseAcceptPerAttempt === undefined) return;
          const path = at === 0 ? [index] : [index, 'groups', at - 1];
          context.addIssue({
            code: 'custom',
            message: 'takes threshold or targetFalseAcceptPerAttempt, not both',
            path,
          });
        });
      });
    }),
  log: z
    .strictObject({
      level: z
        .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
        .default('info')
        .describe('this and graver; JSON lines on standard output'),
    })
    .prefault({}),
});

export type Config = z.infer<typeof configSchema>;
export type CameraConfig = Config['cameras'][number];
export type SourceConfig = CameraConfig['source'];
export type WatchedGroupConfig = Required<Pick<z.infer<typeof watchedGroupSchema>, 'group' | 'appKey'>> &
  ({ threshold: number } | { targetFalseAcceptPerAttempt: number });

const DEFAULT_THRESHOLD = 90;

/** The groups of a camera, each with its appKey and its own rule; a group's rule takes precedence over the camera's. */
export function watchedGroupsOf(camera: CameraConfig): WatchedGroupConfig[] {
  const groups = camera.groups ?? (camera.group === undefined ? [] : [{ group: camera.group }]);
  return groups.map((one: z.infer<typeof watchedGroupSchema>) => {
    const isOwnRule = one.threshold !== undefined || one.targetFalseAcceptPerAttempt !== undefined;
    const { threshold = DEFAULT_THRESHOLD, targetFalseAcceptPerAttempt } = isOwnRule ? one : camera;
    const rule = targetFalseAcceptPerAttempt === undefined ? { threshold } : { targetFalseAcceptPerAttempt };
    return { group: one.group, appKey: one.appKey ?? camera.appKey, ...rule };
  });
}
