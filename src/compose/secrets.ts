// The secrets of the service. A first start creates the master key and the signing key.
import type { KeyObject } from 'node:crypto';
import { findPasswordFile } from '../config/camera-schema.js';
import type { Config } from '../config/schema.js';
import { readNextMasterKey } from '../keys/master-key-rotation.js';
import {
  openMasterKey,
  readCommandSecret,
  readBrokerPasswords,
  readMqttPassword,
  readPasswordFile,
  type MasterKey,
} from '../keys/secrets.js';
import { openSigningKey } from '../keys/signing-key.js';
import type { ServiceBase } from './base.js';

export interface Secrets {
  master: MasterKey;
  /** New master key of a rotation that was interrupted. */
  nextMasterKey?: Buffer;
  /** Ed25519 private key that signs the events. */
  signingKey: KeyObject;
  /** Secrets of the connections that take the events; absent where they are not configured. */
  events: {
    password?: string;
    brokerPasswords?: ReadonlyMap<string, string>;
    webhookSecret?: string;
    commandSecret?: string;
  };
  /** Passwords of the cameras' users, by camera id. */
  cameraPasswords: ReadonlyMap<string, string>;
}

/** Reads every secret. A first start creates the master key and the signing key. @throws AppError SECRET_INVALID */
export async function readSecrets(base: ServiceBase): Promise<Secrets> {
  const { config, environment, paths, log } = base;
  const { keysDir } = config;
  const master = await openMasterKey({ environment, keysDir, dataDir: paths.databaseDir });
  if (master.created) log.info({ keysDir }, 'first start: a master key was created; keep a copy of it in a safe place');
  const signing = await openSigningKey({ environment, keysDir });
  if (signing.created) log.info({ keysDir }, 'first start: the key that signs the events was created');
  const nextMasterKey = master.origin === 'file' ? await readNextMasterKey(keysDir) : undefined;
  return {
    master,
    ...(nextMasterKey === undefined ? {} : { nextMasterKey }),
    signingKey: signing.privateKey,
    events: await readEventSecrets(base),
    cameraPasswords: await readCameraPasswords(config),
  };
}

async function readEventSecrets({ config, environment }: ServiceBase): Promise<Secrets['events']> {
  const { mqtt, webhook } = config;
  const password = await readMqttPassword(mqtt, environment);
  const webhookFile = webhook?.secretFile;
  return {
    ...(password === undefined ? {} : { password }),
    ...(mqtt.url === undefined ? { brokerPasswords: await readBrokerPasswords(mqtt.embedded.users) } : {}),
    ...(webhookFile === undefined ? {} : { webhookSecret: await readPasswordFile(webhookFile, 'webhook.secretFile') }),
    ...(mqtt.commands === undefined ? {} : { commandSecret: await readCommandSecret(mqtt.commands.secretFile) }),
  };
}

async function readCameraPasswords({ cameras }: Config): Promise<Map<string, string>> {
  const passwords = new Map<string, string>();
  for (const [index, { id, source }] of cameras.entries()) {
    const file = findPasswordFile(source);
    if (file === undefined) continue;
    passwords.set(id, await readPasswordFile(file, `cameras[${index}].source.passwordFile`));
  }
  return passwords;
}
