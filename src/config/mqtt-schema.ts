// The part of the configuration about MQTT: your broker, or Lintel's own.
import * as z from 'zod';
import { isLoopback } from '../platform/network.js';
import { filePath, plainUrl } from './fields.js';

const MAX_BROKER_USERS = 25;

const embeddedBrokerSchema = z.strictObject({
  host: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe('address to listen on; any but the loopback address needs users and tls'),
  port: z.int().min(0).max(65_535).default(1883).describe('TCP port; 0 takes any free port'),
  users: z
    .array(
      z.strictObject({
        name: z
          .string()
          .regex(/^[a-zA-Z0-9_.@-]{1,64}$/)
          .describe('name with which a client connects'),
        passwordFile: filePath.describe('file that holds the password, of at least 12 characters'),
      }),
    )
    .min(1)
    .max(MAX_BROKER_USERS)
    .refine((users) => new Set(users.map(({ name }) => name)).size === users.length, 'two users have the same name')
    .optional()
    .describe('users who may read the events; without any, every program of this machine may'),
  tls: z
    .strictObject({
      certFile: filePath.describe('PEM: the certificate, followed by the intermediate certificates'),
      keyFile: filePath.describe('PEM: the private key of the certificate, without a passphrase'),
    })
    .optional()
    .describe('MQTT over TLS in place of plain MQTT; changed files are loaded while the service runs'),
});

export const mqttSchema = z
  .strictObject({
    url: plainUrl(['mqtt:', 'mqtts:']).optional().describe('URL of your broker; without it Lintel runs its own'),
    username: z.string().min(1).optional().describe('user, for a broker that asks for one'),
    passwordFile: filePath
      .optional()
      .describe(
        'file that holds the password; without it: LINTEL_MQTT_PASSWORD, or the systemd credential mqtt-password',
      ),
    caFile: filePath.optional().describe('PEM: your own certificate authority, for mqtts'),
    embedded: embeddedBrokerSchema.prefault({}).describe("Lintel's own broker, in use without url; MQTT 3.1.1"),
    homeAssistant: z
      .strictObject({
        discoveryPrefix: z
          .string()
          .regex(/^[a-zA-Z0-9_/-]{1,64}$/)
          .default('homeassistant')
          .describe('discovery prefix of Home Assistant'),
        birthTopic: z
          .string()
          .regex(/^(?!lintel\/)[a-zA-Z0-9_/-]{1,128}$/, 'must be a topic outside lintel/, without wildcards')
          .default('homeassistant/status')
          .describe('topic of the birth message of Home Assistant, after which the cameras are announced again'),
      })
      .optional()
      .describe('announces the cameras to Home Assistant; {} takes the defaults'),
    commands: z
      .strictObject({
        secretFile: filePath.describe(
          'file that holds a secret of at least 16 characters; every command carries an HMAC made with it',
        ),
      })
      .optional()
      .describe('accepts commands (pause, resume, snapshot) over MQTT; without it none is accepted'),
  })

  .superRefine(({ url, embedded }, context) => {
    const { host, users, tls } = embedded;
    if (url !== undefined || isLoopback(host) || (users && tls)) return;
    const missing = [...(users ? [] : ['mqtt.embedded.users']), ...(tls ? [] : ['mqtt.embedded.tls'])];
    context.addIssue({
      code: 'custom',
      path: ['embedded', 'host'],
      message: `the network can reach this broker: set ${missing.join(' and ')}, or 127.0.0.1, or mqtt.url for another broker`,
    });
  })
  .prefault({});
