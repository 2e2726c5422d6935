// The one schema of the configuration file: types, checks, defaults and the documentation of every key.
import * as z from 'zod';
import { ENROLMENT_POLICIES } from '../domain/enrolment-policy.js';
import { DEVICE_ID_PATTERN, GROUP_ID_PATTERN } from '../domain/ids.js';
import { camerasSchema } from './camera-schema.js';
import { consoleSchema } from './console-schema.js';
import { findDefaultWorkers, MOST_WORKERS } from './default-workers.js';
import { filePath, isOrigin, plainUrl } from './fields.js';
import { fleetSchema } from './fleet-schema.js';
import { mqttSchema } from './mqtt-schema.js';

/** Name of a host, `*.` and a name, or `*`. */
const HOST_PATTERN = /^(\*|(\*\.)?[a-zA-Z0-9]([a-zA-Z0-9._-]{0,252}))$/;

export const configSchema = z.strictObject({
  deviceId: z
    .string()
    .regex(DEVICE_ID_PATTERN)
    .default('lintel')
    .describe('name of this device in MQTT topics and events'),
  dataDir: filePath
    .default('var/data')
    .describe('folder of the gallery, the events and the audit log, encrypted; relative to the configuration file'),
  keysDir: filePath
    .default('var/keys')
    .describe(
      'folder of the keys, outside dataDir; a systemd credential or LINTEL_MASTER_KEY (base64) takes precedence',
    ),
  http: z
    .strictObject({
      host: z.string().min(1).default('127.0.0.1').describe('address to listen on; 0.0.0.0 serves the whole network'),
      port: z.int().min(0).max(65_535).default(8080).describe('TCP port; 0 takes any free port'),
      maxImageBytes: z
        .int()
        .min(10_000)
        .max(50_000_000)
        .default(3_000_000)
        .describe('largest picture; the alpha guide allowed 5000000'),
      maxBytesInFlight: z
        .int()
        .min(1_000_000)
        .max(10_000_000_000)
        .default(64_000_000)
        .describe('bytes of all requests and large answers together; beyond it requests get the answer ServerBusy'),
      keepAliveTimeoutMs: z
        .int()
        .min(1_000)
        .max(600_000)
        .default(65_000)
        .describe('an idle connection stays open this long'),
      maxConnections: z
        .int()
        .min(16)
        .max(100_000)
        .default(512)
        .describe(
          'most connections; fewer where the limit of open files would not leave enough for the store and cameras',
        ),
      maxConnectionsPerAddress: z
        .int()
        .min(4)
        .max(100_000)
        .default(128)
        .describe('most connections of one address; raise it for a reverse proxy on another machine'),
      allowedHosts: z
        .array(z.string().regex(HOST_PATTERN, 'must be a host name, without a port, such as lintel.example.org'))
        .default([])
        .describe('host names of this service for its clients, such as lintel.example.org or *.example.org'),
      allowOrigins: z
        .array(
          z
            .string()
            .refine(
              isOrigin,
              'must be an origin as browsers send it, such as https://console.example.org: scheme, host and port, in lower case and without a path',
            ),
        )
        .default([])
        .describe('web origins whose pages may use the APIs (CORS), such as https://console.example.org'),
      requestTimeoutMs: z
        .int()
        .min(1_000)
        .max(600_000)
        .default(30_000)
        .describe('time to receive one whole request; also without progress of its answer'),
      tls: z
        .strictObject({
          certFile: filePath.describe('PEM: the certificate, followed by the intermediate certificates'),
          keyFile: filePath.describe('PEM: the private key of the certificate, without a passphrase'),
        })
        .optional()
        .describe('HTTPS in place of HTTP; changed files are loaded while the service runs'),
    })
    .prefault({}),
  console: consoleSchema,
  images: z
    .strictObject({
      allowNetworks: z
        .array(
          z.union([z.cidrv4(), z.cidrv6()], { error: 'must be a network in CIDR notation, such as 192.168.1.20/32' }),
        )
        .default([])
        .describe('private networks (CIDR) from which image.url may fetch, such as 192.168.1.20/32 for a recorder'),
      timeoutMs: z.int().min(100).max(60_000).default(5_000).describe('time to connect to and read one image.url'),
    })
    .prefault({}),
  models: z
    .strictObject({
      dir: filePath.optional().describe('folder of the model files; default: models/files of the installation'),
      set: z.string().min(1).default('standard').describe('name of a model set in models/manifest.json'),
      fallback: z
        .boolean()
        .default(true)
        .describe('the built-in models run where files of the set are missing; the log and the health say so'),
      precision: z
        .enum(['float', 'int8', 'auto'])
        .default('auto')
        .describe(
          'float; int8: 8 bits, for models that have such a form; auto: 8 bits for models that run faster with it',
        ),
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
        .max(MOST_WORKERS)
        .default(findDefaultWorkers())
        .describe(
          'worker threads; default: the number of CPU cores, as far as the memory suffices; with cameras at least 2, some for the cameras alone',
        ),
      queueLength: z
        .int()
        .min(1)
        .max(10_000)
        .default(64)
        .describe(
          'pictures that may wait for a worker, of the requests and of each camera; further requests get the answer ServerBusy',
        ),
      pictureTimeoutMs: z
        .int()
        .min(1_000)
        .max(50_000)
        .default(10_000)
        .describe("time that a request's picture may wait for a worker, and time that a worker may work on it"),
    })
    .prefault({}),
  gallery: z
    .strictObject({
      maxGroups: z.int().min(1).max(1_000_000).default(1_000).describe('most groups of one appKey'),
      maxFacesPerGroup: z.int().min(1).max(1_000_000).default(100_000).describe('most faces of one group'),
      enrolment: z
        .enum(ENROLMENT_POLICIES)
        .default('open')
        .describe(
          'which faces a registration may add: open: all, as the NHN contract has it; one-person-per-id: those of one person per externalImageId; one-face-per-picture: also, pictures of one face only',
        ),
      groups: z
        .array(
          z.strictObject({
            group: z.string().regex(GROUP_ID_PATTERN).describe('id of a group, under every appKey'),
            enrolment: z.enum(ENROLMENT_POLICIES).describe('policy of this group, in place of gallery.enrolment'),
          }),
        )
        .max(1_000)
        .refine(
          (groups) => new Set(groups.map(({ group }) => group)).size === groups.length,
          'must name each group once',
        )
        .optional()
        .describe('groups with a policy of their own'),
      successors: z
        .array(z.string().regex(GROUP_ID_PATTERN))
        .max(1_000)
        .optional()
        .describe(
          'groups of other models that are enrolled under those in use as well, each in the group of its id and --next; cameras change to that one when it has everybody',
        ),
    })
    .prefault({}),
  mqtt: mqttSchema,
  webhook: z
    .strictObject({
      url: plainUrl(['http:', 'https:']).describe('receives every event of the history by POST, in order'),
      secretFile: filePath
        .optional()
        .describe('file that holds a secret; the header X-Lintel-Signature then carries the HMAC of the body'),
      timeoutMs: z.int().min(100).max(60_000).default(5_000).describe('time to wait for one answer'),
    })
    .optional()
    .describe('events over HTTP, in addition to MQTT'),
  events: z
    .strictObject({
      maxEvents: z
        .int()
        .min(10)
        .max(10_000_000)
        .default(100_000)
        .describe('most events on this device; the oldest are removed first'),
      maxBytes: z
        .int()
        .min(100_000)
        .max(100_000_000_000)
        .default(200_000_000)
        .describe('total size of the events, with what led to them'),
      maxAgeHours: z
        .number()
        .min(0.001)
        .max(87_600)
        .default(168)
        .describe('older events are removed, published or not; the device API shows no older ones'),
    })
    .prefault({})
    .describe('events on disk, encrypted: those that wait for a broker, and those that the device API shows'),
  privacy: z
    .strictObject({
      unknownFacesHours: z
        .number()
        .min(0)
        .max(8_760)
        .default(0)
        .describe('keeps faces of strangers, encrypted, for this long; 0: keeps none'),
      unknownFacesMax: z
        .int()
        .min(1)
        .max(100_000)
        .default(1_000)
        .describe('most faces of strangers; the oldest are removed first'),
    })
    .prefault({}),
  fleet: fleetSchema,
  cameras: camerasSchema,
  log: z
    .strictObject({
      level: z
        .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
        .default('info')
        .describe('entries of this level and above; JSON lines on standard output'),
    })
    .prefault({}),
});

export type Config = z.infer<typeof configSchema>;
