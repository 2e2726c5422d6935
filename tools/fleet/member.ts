// Puts a member of a fleet together from the service's own parts, without pictures: store, audit log, keys, gallery and fleet.
import { mkdir } from 'node:fs/promises';
import { AuditLog } from '../../src/audit/audit-log.js';
import { createFleet } from '../../src/compose/fleet.js';
import type { FleetMember } from '../../src/compose/fleet-member.js';
import { dataPaths } from '../../src/config/paths.js';
import { configSchema, type Config } from '../../src/config/schema.js';
import type { Log } from '../../src/domain/log.js';
import { silentLog } from '../../src/domain/log.js';
import type { SimilarityScales } from '../../src/domain/similarity-scales.js';
import type { Part } from '../../src/domain/part.js';
import { systemTimers } from '../../src/domain/time.js';
import { LevelGallery } from '../../src/gallery/leveldb-gallery.js';
import type { GroupRef } from '../../src/gallery/gallery.types.js';
import { KeyRegistries } from '../../src/keys/key-registries.js';
import { openMasterKey } from '../../src/keys/secrets.js';
import { SealedStore } from '../../src/store/sealed-store.js';

export interface MemberOptions {
  /** Folder of its data and its keys; absolute. */
  folder: string;
  name: string;
  /** The section `fleet` of its configuration. */
  fleet: NonNullable<ReturnType<typeof configSchema.parse>['fleet']> | Record<string, unknown>;
  /** Model versions that count as installed. */
  modelVersions: readonly string[];
  /** Scales of the model versions; without them a member accepts no proposals. */
  findScales?: (modelVersion: string) => SimilarityScales | undefined;
  log?: Log;
}

export interface Member {
  config: Config;
  store: SealedStore;
  audit: AuditLog;
  gallery: LevelGallery;
  fleet: FleetMember;
  /** Returns the reference of a group of the fleet's appKey. */
  makeRef(groupId: string): GroupRef;
  stop(): Promise<void>;
}

/** Starts a member. Its data is kept in its folder from one start to the next. */
export async function startMember({
  folder,
  name,
  fleet: section,
  modelVersions,
  findScales = () => undefined,
  log = silentLog,
}: MemberOptions): Promise<Member> {
  const config = configSchema.parse({
    deviceId: name,
    dataDir: `${folder}/data`,
    keysDir: `${folder}/keys`,
    fleet: section,
  });
  const paths = dataPaths(config);
  const master = await openMasterKey({ environment: {}, keysDir: config.keysDir, dataDir: paths.databaseDir });
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  const store = new SealedStore({
    directory: paths.databaseDir,
    counterFile: paths.counterFile,
    masterKey: master.key,
    log,
  });
  const clock = Date.now;
  const audit = new AuditLog({ store, clock, log });
  const keys = new KeyRegistries({ store, audit, oldFiles: paths, firstKeys: paths, clock, log });
  const limits = { maxGroups: 1_000, maxFacesPerGroup: 1_000_000 };
  const gallery = new LevelGallery({ store, audit, limits, clock, log });
  const fleet = createFleet(
    { config, version: 'test', clock, monotonic: () => performance.now(), timers: systemTimers, log },
    {
      storage: { store, audit, gallery, keys },
      modelVersions,
      findScales,
      events: undefined,
      describeHealth: () => ({ health: 'ok', problems: [] }),
    },
  );
  if (!fleet) throw new TypeError('the member has no section fleet');
  const parts: Part[] = [store, audit, keys, gallery, fleet.part];
  const signal = new AbortController().signal;
  for (const part of parts) await part.start(signal);
  const appKey = config.fleet?.appKey ?? '';
  return {
    config,
    store,
    audit,
    gallery,
    fleet,
    makeRef(groupId) {
      const owner = keys.appKeys.findId(appKey);
      if (owner === undefined) throw new TypeError(`there is no appKey ${appKey}`);
      return { owner, groupId };
    },
    async stop() {
      for (const part of parts.toReversed()) await part.stop();
    },
  };
}
