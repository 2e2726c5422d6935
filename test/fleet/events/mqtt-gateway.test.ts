// Programs that hear the events of all doors on the server that Lintel configures: over NATS, and over its gateway for MQTT.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { connect, credsAuthenticator } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { makeConnectionOptions, type NatsAccess } from '../../../src/fleet/nats/connection-options.js';
import {
  makeAuthorityCredentials,
  makeDoorCredentials,
  type NatsCredentials,
} from '../../../src/fleet/nats/credentials.js';
import { NatsLog } from '../../../src/fleet/nats/nats-log.js';
import { generateServerFiles } from '../../../src/fleet/nats/server-config.js';
import { makeServerKeys } from '../../../src/fleet/nats/server-keys.js';
import { eventually, lacks, Subscriber } from '../../events/support.js';
import { freePort } from '../../support/free-port.js';
import { natsServerPath, NatsServer } from '../nats-server.js';
import { Door } from './support.js';

if (natsServerPath === undefined) console.warn('skipped: nats-server is not installed (apt-get install nats-server)');
const making = { now: Date.now, randomBytes };
const fleet = randomBytes(16).toString('hex');

describe.skipIf(natsServerPath === undefined)('programs that hear the events of all doors', () => {
  const keys = makeServerKeys({ fleet, ...making });
  const files = new Map<string, string>();
  let server: NatsServer;
  let [mqttPort, folderOfServer] = [0, ''];

  beforeAll(async () => {
    mqttPort = await freePort();
    server = await NatsServer.startWith((folder) => {
      folderOfServer = folder;
      const where = { hosts: ['127.0.0.1'], listen: '127.0.0.1', port: -1, folder, store: join(folder, 'store') };
      const made = generateServerFiles(keys, { ...where, ...making }).files;
      for (const { name, content } of made) files.set(name, content);
      return made.map((file) =>
        file.name === 'nats-server.conf' ? { ...file, content: switchGatewayOn(file.content, mqttPort) } : file,
      );
    });
  });
  afterAll(() => server?.end());

  function access(credentials: NatsCredentials): NatsAccess {
    return { servers: [server.url], ca: keys.ca.certificate, credentials };
  }

  async function open(credentials: NatsCredentials): Promise<NatsLog> {
    const log = await NatsLog.connect({ access: access(credentials), fleet });
    onTestFinished(() => log.close());
    return log;
  }

  async function startDoor(name: string): Promise<Door> {
    const door = new Door(name);
    await door.startLog();
    const log = await open(makeDoorCredentials(keys, { door: door.id, ...making }));
    await door.start(log, { seal: undefined });
    return door;
  }

  it.skipIf(lacks('the gateway for MQTT', 'mosquitto_sub'))(
    'get them over MQTT, and can read nothing else',
    async () => {
      const authority = await open(makeAuthorityCredentials(keys, making));
      await authority.createStreams();
      const password = files.get('reader.jwt')!.trim();
      // The second subscription, to the values of the log, is refused.
      const tls = ['--cafile', join(folderOfServer, 'ca.pem')];
      const args = [...tls, '-u', 'reader', '-P', password, '-t', `lintel/${fleet}/v/#`];
      const subscriber = await Subscriber.start(mqttPort, `lintel/${fleet}/s/events/+`, args);
      const [front, back] = [await startDoor('front'), await startDoor('back')];
      await authority.put('head.aa', Buffer.from('not for readers'));
      await front.emit();
      await back.emit();
      const topics = [front, back].map(({ id }) => `lintel/${fleet}/s/events/${id}`);
      await eventually(() => subscriber.messages.length >= 2);
      expect(subscriber.messages.map(({ topic }) => topic).sort()).toEqual([...topics].sort());
      for (const { payload, qos, retained } of subscriber.messages) {
        expect({ qos, retained }).toEqual({ qos: 0, retained: false });
        expect(JSON.parse(payload)).toMatchObject({ stream: 'fleet', sequence: 1, late: false });
      }
    },
  );

  it('get them over NATS with reader.creds', async () => {
    const authority = await open(makeAuthorityCredentials(keys, making));
    await authority.createStreams();
    const authenticator = credsAuthenticator(Buffer.from(files.get('reader.creds')!));
    const options = makeConnectionOptions(access(makeAuthorityCredentials(keys, making)));
    const reader = await connect({ ...options, authenticator });
    onTestFinished(() => reader.close());
    const subjects: string[] = [];
    reader.subscribe(`lintel.${fleet}.s.events.>`, {
      callback: (_, { subject }) => void subjects.push(subject),
    });
    await reader.flush();
    const door = await startDoor('side');
    await door.emit();
    await eventually(() => subjects.includes(`lintel.${fleet}.s.events.${door.id}`));
  });
});

/** Removes the `#` before the block `mqtt`, as the page on the fleet says, and moves it to a free port. */
function switchGatewayOn(config: string, port: number): string {
  const block = /^# mqtt \{\n(?:# .*\n)*?# \}\n/m.exec(config)?.[0];
  if (block === undefined) throw new Error('the configuration has no block for the gateway');
  const bare = block.replace(/^# /gm, '').replace('0.0.0.0:8883', `127.0.0.1:${port}`);
  return config.replace(block, bare);
}
