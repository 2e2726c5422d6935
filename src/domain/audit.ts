// Entries of the audit log. src/audit stores them.

export const AUDIT_ACTIONS = [
  'service.started',
  'config.changed',
  'group.created',
  'group.copied',
  'group.deleted',
  'group.measured',
  'face.enrolled',
  'face.refused',
  'picture.checked',
  'face.deleted',
  'person.deleted',
  'person.renamed',
  'person.moved',
  'gallery.exported',
  'gallery.restored',
  'key.created',
  'key.imported',
  'key.revoked',
  'key.rotated',
  'session.opened',
  'session.ended',
  'session.refused',
  'store.adopted',
  'store.accepted',
  'store.replaced',
  'clock.accepted',
  'privacy.changed',
  'camera.paused',
  'camera.resumed',
  'camera.viewed',
  'doctor.run',
  'unknown-face.viewed',
  'unknown-face.deleted',
  'fleet.founded',
  'fleet.invited',
  'fleet.joined',
  'fleet.approved',
  'fleet.refused',
  'fleet.removed',
  'fleet.left',
  'fleet.attacked',
] as const;

export type AuditAction = (typeof AUDIT_ACTIONS)[number];

export interface AuditEntry {
  action: AuditAction;
  /** Author of the change: `app:{name of the appKey}`, `admin:{name of the key}`, `mqtt-command`, `cli`, `service`. */
  actor: string;
  /** Ids and counts, such as groupId, faceId, cameraId; never a picture, an embedding or a secret. */
  subject: Readonly<Record<string, string | number | boolean>>;
}

const TAKING_AWAY: readonly AuditAction[] = [
  'group.copied',
  'group.deleted',
  'face.deleted',
  'person.deleted',
  'person.renamed',
  'person.moved',
  'unknown-face.deleted',
  'key.revoked',
  'key.rotated',
  'fleet.removed',
  'fleet.left',
];

/** Returns whether the entry records that something must not come back. */
export function isTakingAway({ action }: AuditEntry): boolean {
  return TAKING_AWAY.includes(action);
}

/** Returns whether the entry is about the store itself. */
export function isAboutStore({ action }: AuditEntry): boolean {
  return action.startsWith('store.');
}

export interface AuditSink {
  /** Resolves when the entry is on disk. @throws AppError STORE_UNAVAILABLE */
  append(entry: AuditEntry): Promise<void>;
}
