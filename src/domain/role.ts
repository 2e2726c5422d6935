// Roles of admin keys: what the holder of a key may do through the device API.

/** All roles, the least one first: each may do all that the roles before it may. */
export const ROLES = ['viewer', 'operator', 'admin'] as const;

/**
 * `viewer` looks: pictures, events, people, health. `operator` also enrols, deletes and moves people, pauses cameras and sets privacy. `admin` may do
 * everything: keys, sessions, the audit log, the configuration, the faces of strangers.
 */
export type Role = (typeof ROLES)[number];

/** Role of an admin key that was made without one, as by versions of Lintel that had no roles. */
export const DEFAULT_ROLE: Role = 'admin';

/** Returns whether a role may do what needs at least the role `least`. Without a role, nothing may be done. */
export function mayAct(role: Role | undefined, least: Role): boolean {
  return role !== undefined && ROLES.indexOf(role) >= ROLES.indexOf(least);
}
