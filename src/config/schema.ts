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

const cameraSchema = z.strictObject({
  id: z.string().regex(DEVICE_ID_PATTERN).describe('a level of the MQTT topics: letters, digits, - and _'),
  source: sourceSchema,
  appKey: z.string().min(1).default('default').describe('the name of the appKey whose group it is'),
  group: z.string().regex(GROUP_ID_PATTERN).describe('the group whose faces are recognised here'),
  threshold: z.number().min(1).max(100).default(90).describe('similarity from which a frame agrees on a person'),
  agree: z.int().min(1).max(20).default(3).describe('k: this many frames must agree on a person …'),
  outOf: z.int().min(1).max(20).default(5).describe('n: … out of so many embedded frames of a track'),
  absenceMs: z.int().min(100).max(3_600_000).default(2_000).describe('out of sight for so long, a person appears anew'),
  eventTtlMs: z.int().min(100).max(600_000).default(5_000).describe('an event expires so long after its capture'),
  maxFps: z.number().min(0.1).max(240).default(10).describe('frames analysed per second, at most'),
  minFacePx: z.int().min(20).max(2048).default(60).describe('smaller faces, further away, are not looked at'),
  mask: z.boolean().default(true).describe('says in the event whether the person wears a mask'),
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
    .describe('the gallery and the outbox; sealed. Relative to the configuration file'),
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
      outboxMaxEvents: z
        .int()
        .min(10)
        .max(10_000_000)
        .default(100_000)
        .describe('events kept for a broker that is away'),
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
