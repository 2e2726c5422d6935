// What the fleet needs of the rest of the service, and what the service gets of it.
import type { HealthStatus } from '../domain/health.js';
import type { Part } from '../domain/part.js';
import type { SimilarityScales } from '../domain/similarity-scales.js';
import type { Events } from '../events/events.js';
import type { FleetAdmin } from '../fleet/fleet.types.js';
import type { FolderLogOptions } from '../fleet/folder-log.js';
import { randomUUID } from 'node:crypto';
import type { GroupRef } from '../gallery/gallery.types.js';
import type { ServiceBase } from './base.js';
import type { Storage } from './storage.js';

/** Interval of the looks at a folder that holds the log. */
const FOLDER_POLL_MS = 1_000;

/** The part of the service that makes it a member of a fleet. */
export interface FleetMember {
  part: Part;
  admin: FleetAdmin;
  /** Tells whether a group is a copy that is too old to grant anybody. */
  isStale(ref: GroupRef): boolean;
}

export interface FleetInputs {
  storage: Pick<Storage, 'store' | 'audit' | 'gallery' | 'keys'>;
  /** Model versions that are installed. */
  modelVersions: readonly string[];
  /** Returns the scales of a model version; undefined where it is not installed. */
  findScales: (modelVersion: string) => SimilarityScales | undefined;
  /** The history that goes to the fleet; undefined where there is none. */
  events: Pick<Events, 'publicKey' | 'fleetHistory' | 'readAfter' | 'watch' | 'uplinkHealth'> | undefined;
  /** State of the device, for its report. Problems are whole sentences. */
  describeHealth: () => { health: HealthStatus; problems: string[] };
}

export type FleetBase = Pick<ServiceBase, 'config' | 'version' | 'clock' | 'monotonic' | 'timers' | 'log'>;

export function makeFolderOptions(folder: string, { timers }: Pick<FleetBase, 'timers'>): FolderLogOptions {
  return { folder, pollMs: FOLDER_POLL_MS, timers, newId: randomUUID };
}
