// The sealed store and everything that lives in it: audit log, registries of keys, gallery, faces of strangers, the last trusted time, key rotation.
import { statSync } from 'node:fs';
import { AuditLog } from '../audit/audit-log.js';
import { AUDIT_LABEL } from '../audit/audit-space.js';
import { auditRotation } from '../audit/audited.js';
import { ServiceEntries } from '../audit/service-entries.js';
import { ClockGuard } from '../clock/clock-guard.js';
import { StoredTime } from '../clock/stored-time.js';
import { getPackageFile } from '../config/paths.js';
import { findPolicy } from '../domain/enrolment-policy.js';
import { LevelGallery } from '../gallery/leveldb-gallery.js';
import { KeyRegistries } from '../keys/key-registries.js';
import { MasterKeyKeeper } from '../keys/master-key-keeper.js';
import { UnknownFaces } from '../privacy/unknown-faces.js';
import { EVENTS_LABEL } from '../events/event-log.js';
import { SealedStore } from '../store/sealed-store.js';
import { StoreCheck } from '../store/store-check.js';
import { createCropEncoder } from '../vision/crop-jpeg.js';
import type { ServiceBase } from './base.js';
import { findModel, type ServiceModels } from './models.js';
import type { Secrets } from './secrets.js';

export interface Storage {
  store: SealedStore;
  audit: AuditLog;
  masterKey: MasterKeyKeeper;
  /** Writes starts, and changes of the configuration, to the audit log. */
  serviceEntries: ServiceEntries;
  keys: KeyRegistries;
  /** Adds up the audit log and the event log. */
  check: StoreCheck;
  clockGuard: ClockGuard;
  gallery: LevelGallery;
  unknownFaces: UnknownFaces;
}

export interface StorageInputs {
  secrets: Secrets;
  models: ServiceModels;
}

export function createStorage(base: ServiceBase, { secrets, models }: StorageInputs): Storage {
  const { config, paths, version, addon, clock, monotonic, timers, log } = base;
  const { keysDir, privacy } = config;
  const { master, nextMasterKey } = secrets;
  const store = new SealedStore({
    directory: paths.databaseDir,
    counterFile: paths.counterFile,
    masterKey: master.key,
    ...(nextMasterKey === undefined ? {} : { nextMasterKey }),
    log,
  });
  const audit = new AuditLog({ store, clock, log });
  const buildMs = statSync(getPackageFile()).mtimeMs;
  const clockGuard = new ClockGuard({ clock, monotonic, timers, lastTime: new StoredTime(store), buildMs, log });
  return {
    store,
    audit,
    masterKey: new MasterKeyKeeper({ store: auditRotation(store, audit), keysDir, origin: master.origin, log }),
    serviceEntries: new ServiceEntries({ audit, store, config, version, log }),
    keys: new KeyRegistries({ store, audit, oldFiles: paths, firstKeys: paths, clock, log }),
    check: new StoreCheck({ store, labels: { [AUDIT_LABEL]: 'the audit log', [EVENTS_LABEL]: 'the event log' }, log }),
    clockGuard,
    gallery: new LevelGallery({
      store,
      audit,
      limits: config.gallery,
      findPolicy: (groupId) => findPolicy(config.gallery, groupId),
      estimateCondition: (modelVersion, embedding) => findModel(models, modelVersion)?.estimateCondition?.(embedding),
      findScales: (modelVersion) => findModel(models, modelVersion)?.scales,
      successors: config.gallery.successors && {
        groups: config.gallery.successors,
        modelVersion: models.set.modelVersion,
      },
      clock,
      log,
    }),
    unknownFaces: new UnknownFaces({
      store,
      retentionHours: privacy.unknownFacesHours,
      maxFaces: privacy.unknownFacesMax,
      encodeJpeg: createCropEncoder(addon),
      trust: clockGuard,
      clock,
      timers,
      log,
    }),
  };
}
