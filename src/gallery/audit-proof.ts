// The entry of the audit log that proves a change of the gallery.
import type { Note } from '../store/sealed-store.js';

/** The entry of the audit log that records a change. */
export interface AuditProof {
  sequence: number;
  /** SHA-256 in hexadecimal. */
  hash: string;
}

/** A change of a group or of one face that is on the disk. */
export interface ProvenChange {
  /** Absent in a gallery without an audit log. */
  proof?: AuditProof;
}

/** Returns the number and hash of the last entry of a note. */
export function findProof(note: Note | undefined): ProvenChange {
  const draft = note?.drafts.at(-1);
  const proof = draft && note?.findRecord?.(draft);
  return proof ? { proof: { ...proof } } : {};
}
