// Entries of the audit log in words: the action, who did it, and the subject.
import type { AuditAction } from '../../../domain/audit.js';
import { word } from '../../words.js';
import { actionWords, subjectWords, words } from './words.js';

/** Words an action; one that this page does not know stays as it is. */
export function describeAction(action: string): string {
  return action in actionWords.en ? word(actionWords, action as AuditAction) : action;
}

/** Words an actor, such as `admin:front` or `cli`. */
export function describeActor(actor: string): string {
  const [kind = '', ...rest] = actor.split(':');
  const name = rest.join(':');
  if (kind === 'admin') return word(words, 'adminKey', { name });
  if (kind === 'app') return word(words, 'appKey', { name });
  if (kind === 'cli') return word(words, 'cli');
  if (kind === 'mqtt-command') return word(words, 'mqtt');
  return kind === 'service' ? word(words, 'service') : actor;
}

type Subject = Readonly<Record<string, string | number | boolean>>;

const UUID = /^[0-9a-f]{8}-[0-9a-f-]{27}$/;
/** Fields that are left out of a line: the page of the entry has them. */
const LONG: readonly string[] = ['owner', 'id', 'imageId'];

/** Lists the fields of a subject with their words. */
export function listSubject(subject: Subject): (readonly [string, string])[] {
  return Object.entries(subject).map(([name, value]) => [describeField(name), describeValue(value)] as const);
}

/** Writes a subject in one line, with short ids. */
export function describeSubject(subject: Subject): string {
  return Object.entries(subject)
    .filter(([name]) => !LONG.includes(name))
    .map(
      ([name, value]) => `${describeField(name)} ${describeValue(value).replace(UUID, (id) => `${id.slice(0, 8)}…`)}`,
    )
    .join(' · ');
}

function describeField(name: string): string {
  return name in subjectWords.en ? word(subjectWords, name as keyof typeof subjectWords.en) : name;
}

function describeValue(value: string | number | boolean): string {
  return typeof value === 'boolean' ? word(words, value ? 'yes' : 'no') : String(value);
}
