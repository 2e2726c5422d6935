// Compares the registries of keys with the audit log, which holds an entry for each key that was made, taken over or revoked.
import { DEFAULT_ROLE } from '../domain/role.js';
import type { AuditRecord } from './audit-record.js';

/** A key as its registry lists it. */
export interface ListedKey {
  /** UUID. */
  id: string;
  name: string;
  /** 16 hexadecimal digits over the digests of the key. */
  fingerprint: string;
  /** Absent for an appKey. */
  role?: string | undefined;
  revokedAt?: string | undefined;
}

interface LoggedKey {
  name: string;
  fingerprint: string | undefined;
  role: string | undefined;
  isRevoked: boolean;
  /** Sequence of the entry that took the key over from a plain file of an older version, with no entry about the key before it. */
  importedUnknown?: number;
}

/** Result of a comparison. Each text is one sentence without an end, and names keys by name and id. */
export interface KeyFindings {
  /** Findings that no command of Lintel leads to: somebody has changed the records. */
  problems: string[];
  /** Findings that a person should look at; they may be harmless. */
  doubts: string[];
}

/** Takes the entries of the log in order; then compares the keys with them. */
export class KeyCheck {
  readonly #logged = new Map<string, LoggedKey>();

  /** Takes one entry; entries about other matters are ignored. */
  add({ sequence, action, subject }: Pick<AuditRecord, 'sequence' | 'action' | 'subject'>): void {
    const { id, name } = subject;
    if (typeof id !== 'string' || typeof name !== 'string') return;
    const known = this.#logged.get(id);
    const fingerprint = typeof subject.fingerprint === 'string' ? subject.fingerprint : known?.fingerprint;
    const role = typeof subject.role === 'string' ? subject.role : known?.role;
    if (action === 'key.created') this.#logged.set(id, { name, fingerprint, role, isRevoked: false });
    if (action === 'key.revoked') this.#logged.set(id, { name, fingerprint, role, isRevoked: true });
    if (action === 'key.imported') {
      const isUnknown = known === undefined && subject.from === 'file';
      this.#logged.set(id, {
        name,
        fingerprint,
        role,
        isRevoked: subject.revoked === true,
        ...(isUnknown ? { importedUnknown: sequence } : {}),
      });
    }
  }

  /** Compares. @param keys every key of both registries, revoked ones included */
  compare(keys: readonly ListedKey[]): KeyFindings {
    const problems: string[] = [];
    const doubts: string[] = [];
    const found = new Set<string>();
    for (const { id, name, fingerprint, role, revokedAt } of keys) {
      found.add(id);
      const logged = this.#logged.get(id);
      const key = `the key "${name}" (${id})`;
      if (!logged) problems.push(`${key} is in the registry, but no entry of the audit log shows that it was made`);
      else if (logged.isRevoked && revokedAt === undefined) {
        problems.push(`${key} is valid, but the audit log shows that it was revoked`);
      } else if (logged.fingerprint !== undefined && logged.fingerprint !== fingerprint) {
        problems.push(`${key} has another digest than the one in the audit log`);
      } else if ((logged.role ?? DEFAULT_ROLE) !== (role ?? DEFAULT_ROLE)) {
        problems.push(`${key} has another role than the one in the audit log`);
      } else if (logged.importedUnknown !== undefined && revokedAt === undefined) {
        doubts.push(
          `${key} was in the plain registry that an upgrade took over (entry ${logged.importedUnknown}), and no earlier entry ` +
            'shows that it was made: revoke it unless you know it',
        );
      }
    }
    for (const [id, { name, isRevoked }] of this.#logged) {
      if (!found.has(id) && !isRevoked) {
        problems.push(`the key "${name}" (${id}) is missing: the audit log shows no revocation`);
      }
    }
    return { problems, doubts };
  }
}
