// A device whose data directory is tampered with: its history, what its parts serve after a start, and who says that something is wrong.
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AuditLog } from '../../src/audit/audit-log.js';
import { ClockGuard } from '../../src/clock/clock-guard.js';
import { StoredTime } from '../../src/clock/stored-time.js';
import type { Health } from '../../src/domain/health.js';
import { silentLog, type Log } from '../../src/domain/log.js';
import { AppError } from '../../src/errors.js';
import { EventLog, EVENTS_LABEL } from '../../src/events/event-log.js';
import { EventSigner } from '../../src/events/signing.js';
import { LevelGallery } from '../../src/gallery/leveldb-gallery.js';
import { KeyRegistries } from '../../src/keys/key-registries.js';
import { PrivacySwitch } from '../../src/privacy/privacy-switch.js';
import { UnknownFaces } from '../../src/privacy/unknown-faces.js';
import { SealedStore } from '../../src/store/sealed-store.js';
import { StoreCheck } from '../../src/store/store-check.js';
import { ManualTimers } from '../camera/manual-timers.js';
import { aDraft } from '../events/support.js';
import { anything, newFace, randomEmbedding } from '../gallery/faces.js';
import { masterKey as ourKey, randomNumbers } from '../store/values.js';

const signal = new AbortController().signal;
const OWNER = 'the-owner';
const GROUPS = ['staff', 'guests', 'old'];
/** Time of the device: the kept faces of strangers are not over yet. */
const NOW_MS = Date.UTC(2026, 0, 1);

/** Folders of a device. */
export interface Folders {
  /** Data directory. */
  data: string;
  /** Database in it. */
  db: string;
  counterFile: string;
}

export function listFolders(home: string): Folders {
  const data = join(home, 'data');
  return { data, db: join(data, 'db'), counterFile: join(home, 'keys', 'store.counter') };
}

/** What a started device serves. */
export interface Served {
  /** faceId of every listed face, by group. */
  faces: Record<string, string[]>;
  /** Probes that find a person, by the name of the probe. */
  recognised: string[];
  /** Keys that are accepted. */
  keys: string[];
  /** Whether a clock that is behind the last trusted time is trusted. */
  trustsEarlierTime: boolean;
  isPrivate: boolean;
  /** Event ids, newest first. */
  events: string[];
  /** Ids of kept faces of strangers. */
  strangers: string[];
}

export interface Outcome {
  /** Code of the error that ended the start; undefined when the device has started. */
  refused?: string;
  /** What says that something is wrong: health, log lines, the checks of the doctor. */
  told: string[];
  /** What was served, also before a refusal. */
  served?: Served;
}

/** What the history of a device leaves in the hands of its people. */
export interface Secrets {
  masterKey: Buffer;
  keys: Record<string, string>;
  /** Embeddings, also of faces that were deleted. */
  probes: Record<string, Float32Array>;
  signingKey: KeyObject;
}

interface Parts {
  store: SealedStore;
  audit: AuditLog;
  keys: KeyRegistries;
  time: StoredTime;
  /** Guards a clock that is half an hour behind, and so between the earlier and the last trusted time. */
  guard: ClockGuard;
  privacy: PrivacySwitch;
  gallery: LevelGallery;
  strangers: UnknownFaces;
  events: EventLog;
  check: StoreCheck;
  timers: ManualTimers;
}

function createParts(folders: Folders, { masterKey, signingKey }: Secrets, log: Log): Parts {
  const timers = new ManualTimers(NOW_MS);
  const { clock } = timers;
  const store = new SealedStore({ directory: folders.db, counterFile: folders.counterFile, masterKey, log });
  const audit = new AuditLog({ store, clock, log });
  const signer = new EventSigner(signingKey);
  const oldFiles = {
    appKeysFile: join(folders.data, 'app-keys.json'),
    adminKeysFile: join(folders.data, 'admin-keys.json'),
  };
  return {
    timers,
    store,
    audit,
    keys: new KeyRegistries({ store, audit, oldFiles, clock, log }),
    time: new StoredTime(store),
    guard: new ClockGuard({
      clock: () => NOW_MS - 1_800_000,
      monotonic: clock,
      ...{ timers, lastTime: new StoredTime(store), buildMs: 0, log: silentLog },
    }),
    privacy: new PrivacySwitch({ store, audit, cameras: { setPrivacy: async () => undefined }, log }),
    gallery: new LevelGallery({ store, audit, limits: { maxGroups: 10, maxFacesPerGroup: 1_000 }, clock, log }),
    strangers: new UnknownFaces({
      store,
      retentionHours: 24,
      maxFaces: 100,
      clock,
      timers,
      log,
      encodeJpeg: (crop) => crop,
    }),
    events: new EventLog({
      store,
      deviceId: 'device',
      limits: { maxEvents: 100, maxBytes: 1_000_000, maxAgeHours: 1_000_000 },
      consumers: ['mqtt'],
      signer,
      clock,
      timers,
      log,
    }),
    check: new StoreCheck({ store, labels: { audit: 'the audit log', [EVENTS_LABEL]: 'the event log' }, log }),
  };
}

/** The order of the service. The guard of the clock is started apart: it would record its own time in the history of the device. */
async function startParts({ store, audit, keys, privacy, gallery, strangers, events, check }: Parts): Promise<void> {
  await store.start(signal);
  await audit.start();
  await keys.start();
  await gallery.start(signal);
  await strangers.start(signal);
  await check.start();
  await events.start();
  await privacy.start(signal);
}

async function stopParts({ store, audit, keys, privacy, gallery, strangers, events, check }: Parts): Promise<void> {
  for (const part of [privacy, events, check, strangers, gallery, keys, audit, store]) await part.stop();
}

/**
 * Makes a device with a history. `between` is called in the middle of it, while the device is stopped: what came before is what an attacker
 * may have copied, and what comes after it must not be undone.
 */
export async function makeDevice(
  home: string,
  between: () => Promise<void>,
  masterKey: Buffer = ourKey,
): Promise<Secrets> {
  const folders = listFolders(home);
  await mkdir(join(home, 'keys'), { recursive: true, mode: 0o700 });
  const secrets: Secrets = { masterKey, keys: {}, probes: {}, signingKey: generateKeyPairSync('ed25519').privateKey };
  const silent: Log = makeLog([]);
  const random = randomNumbers(61);
  const first = createParts(folders, secrets, silent);
  await startParts(first);
  const ids: Record<string, string> = {};
  for (const groupId of GROUPS) {
    await first.gallery.createGroup({ owner: OWNER, groupId }, 'm1');
    for (let i = 0; i < 4; i++) {
      const face = newFace(random);
      const { enrolled } = await first.gallery.enrol({ owner: OWNER, groupId }, [face]);
      secrets.probes[`${groupId}-${i}`] = face.embedding;
      ids[`${groupId}-${i}`] = enrolled[0]!.faceId;
    }
  }
  for (const name of ['door', 'gone']) secrets.keys[name] = (await first.keys.appKeys.create(name)).key;
  secrets.keys.admin = (await first.keys.adminKeys.create('boss')).key;
  await first.time.write(NOW_MS - 3_600_000);
  await first.privacy.set(true, 'cli');
  await first.privacy.set(false, 'cli');
  for (let i = 0; i < 3; i++) await first.events.emit(aDraft());
  const keep = async (parts: Parts, trackId: number): Promise<void> => {
    const { kept } = parts.strangers.stats();
    parts.strangers.keep({
      ...{ cameraId: 'gate', trackId, capturedAtMs: NOW_MS - 500, quality: 0.5, modelVersion: 'm1' },
      ...{ crop: new Uint8Array(3_000).fill(trackId), embedding: randomEmbedding(random) },
    });
    while (parts.strangers.stats().kept === kept) await new Promise((resolve) => setImmediate(resolve));
  };
  for (const trackId of [1, 2, 3]) await keep(first, trackId);
  await stopParts(first);
  await between();

  const second = createParts(folders, secrets, silent);
  await startParts(second);
  await second.gallery.deleteFace({ owner: OWNER, groupId: 'staff' }, ids['staff-1']!);
  await second.gallery.deleteGroup({ owner: OWNER, groupId: 'old' });
  const late = newFace(random);
  await second.gallery.enrol({ owner: OWNER, groupId: 'staff' }, [late]);
  secrets.probes['staff-late'] = late.embedding;
  await second.keys.appKeys.revoke('gone');
  await second.time.write(NOW_MS - 60_000);
  await second.privacy.set(true, 'cli');
  for (let i = 0; i < 2; i++) await second.events.emit(aDraft());
  const [stranger] = (await second.strangers.list({ limit: 1 })).faces;
  await second.strangers.delete(stranger!.id);
  await keep(second, 4);
  await second.store.idle();
  await stopParts(second);
  return secrets;
}

/** Starts a device, and notes what it serves and what is told. Nothing is left running. */
export async function judge(home: string, secrets: Secrets): Promise<Outcome> {
  const told: string[] = [];
  const parts = createParts(listFolders(home), secrets, makeLog(told));
  try {
    try {
      await startParts(parts);
      await parts.guard.start();
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      return { refused: error.code, told };
    }
    const served = await readServed(parts, secrets);
    await parts.check.idle();
    const { store, audit, keys, privacy, gallery, strangers, events, check } = parts;
    for (const part of [store, audit, keys, privacy, gallery, strangers, check]) tell(told, part.name, part.health());
    told.push(...(await audit.verify()).problems);
    told.push(...(await store.findAltered()).map(({ label, problem }) => `${label}: ${problem}`));
    await events.stop();
    return { told, served };
  } finally {
    await parts.guard.stop();
    await stopParts(parts);
  }
}

function tell(told: string[], name: string, health: Health): void {
  if (health.status !== 'ok') told.push(`${name}: ${health.detail ?? health.status}`);
}

async function readServed(parts: Parts, { keys, probes }: Secrets): Promise<Served> {
  const { gallery, privacy, strangers, events } = parts;
  const faces: Record<string, string[]> = {};
  const recognised: string[] = [];
  for (const { groupId } of (await gallery.listGroups(OWNER, { limit: 100 })).items) {
    const ref = { owner: OWNER, groupId };
    faces[groupId] = (await gallery.listFaces(ref, { limit: 100 })).items.map(({ faceId }) => faceId);
    for (const [name, embedding] of Object.entries(probes)) {
      const matches = gallery.searchByEmbedding(ref, { embedding }, { ...anything, threshold: 90 });
      if (matches.length > 0) recognised.push(`${name} in ${groupId}`);
    }
  }
  const accepted = Object.entries(keys).filter(
    ([, key]) => parts.keys.appKeys.authenticate(key) ?? parts.keys.adminKeys.authenticate(key),
  );
  return {
    faces,
    recognised,
    keys: accepted.map(([name]) => name),
    trustsEarlierTime: parts.guard.problem() === undefined,
    isPrivate: privacy.on,
    events: (await events.recent({ limit: 100 })).events.map(({ eventId }) => eventId),
    strangers: (await strangers.list({ limit: 100 })).faces.map(({ id }) => id),
  };
}

/** Notes warnings and errors. */
function makeLog(told: string[]): Log {
  const note = (_: object, text: string): void => void told.push(text);
  return { debug: () => undefined, info: () => undefined, warn: note, error: note };
}

export async function copyHome(from: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  await cp(from, to, { recursive: true });
}
