// The values of a camera that the form changes: where each stands in the configuration, and how it is typed in.
import type { YamlValue } from '../../yaml.js';
import type { words } from './words.js';

export type Draft = { readonly [key: string]: YamlValue };
type WordKey = keyof typeof words.en;

export interface CameraField {
  /** Place in the camera, such as `source.url`. */
  key: string;
  label: WordKey;
  kind: 'text' | 'number' | 'flag' | 'choice';
  /** Values of a choice, as the configuration has them. */
  choices?: readonly YamlValue[];
  help?: WordKey;
}

const text = (key: string, label: WordKey): CameraField => ({ key, label, kind: 'text' });
const number = (key: string, label: WordKey, help?: WordKey): CameraField => ({
  key,
  label,
  kind: 'number',
  ...(help && { help }),
});

const SIZE = [number('source.widthPx', 'widthPx'), number('source.heightPx', 'heightPx'), number('source.fps', 'fps')];
const LOGIN = [text('source.username', 'username'), text('source.passwordFile', 'passwordFile')];

/** Kinds of source, with the fields that each has. */
export const SOURCE_FIELDS: Readonly<Record<string, readonly CameraField[]>> = {
  device: [text('source.path', 'path'), ...SIZE],
  url: [
    text('source.url', 'sourceUrl'),
    ...LOGIN,
    { key: 'source.transport', label: 'transport', kind: 'choice', choices: ['tcp', 'udp', 'auto'] },
  ],
  snapshot: [text('source.url', 'sourceUrl'), ...LOGIN, number('source.everyMs', 'everyMs')],
  gstreamer: [text('source.pipeline', 'pipeline')],
  file: [text('source.path', 'path'), { key: 'source.loop', label: 'loop', kind: 'flag' }],
};

export const CAMERA_FIELDS: readonly CameraField[] = [
  number('threshold', 'threshold'),
  number('targetFalseAcceptPerAttempt', 'target', 'targetHelp'),
  { key: 'liveness', label: 'liveness', kind: 'choice', choices: ['off', 'observe', 'required', 'challenge'] },
  { key: 'mask', label: 'mask', kind: 'choice', choices: [true, false, 'refuse'] },
  number('agree', 'agree'),
  number('outOf', 'outOf'),
  number('margin', 'margin'),
  number('minFacePx', 'minFacePx'),
  number('maxFps', 'maxFps'),
  { key: 'rotate', label: 'rotate', kind: 'choice', choices: [0, 90, 180, 270] },
  { key: 'flip', label: 'flip', kind: 'choice', choices: ['none', 'horizontal', 'vertical'] },
  number('absenceMs', 'absenceMs'),
  number('coolDownMs', 'coolDownMs'),
  { key: 'snapshots', label: 'snapshots', kind: 'flag' },
];

/** A camera of which nothing is known yet; what it leaves out has its default. */
export const NEW_CAMERA: Draft = { id: 'entrance', source: { type: 'device', path: '/dev/video0' }, group: 'staff' };

/** Reads the value at a place; undefined where there is none. */
export function readValue(draft: Draft, key: string): YamlValue | undefined {
  const [first = '', rest] = key.split(/\.(.*)/s);
  const value = draft[first];
  return rest === undefined ? value : isGroup(value) ? readValue(value, rest) : undefined;
}

/** Returns a draft with another value at a place. @param value undefined removes it */
export function writeValue(draft: Draft, key: string, value: YamlValue | undefined): Draft {
  const [first = '', rest] = key.split(/\.(.*)/s);
  const inner = draft[first];
  const changed = rest === undefined ? value : writeValue(isGroup(inner) ? inner : {}, rest, value);
  if (changed !== undefined) return { ...draft, [first]: changed };
  return Object.fromEntries(Object.entries(draft).filter(([name]) => name !== first));
}

/** Reads what was typed in. A text that is no number stays as it is, so that the check can name it. @returns undefined for an empty text */
export function parseTyped({ kind }: CameraField, typed: string): YamlValue | undefined {
  const trimmed = typed.trim();
  if (trimmed === '') return undefined;
  return kind === 'number' && Number.isFinite(Number(trimmed)) ? Number(trimmed) : trimmed;
}

/** Lists the places at which two values differ, such as `source.url`. */
export function listChanges(before: YamlValue | undefined, after: YamlValue | undefined, at = ''): string[] {
  if (isGroup(before) && isGroup(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return keys.flatMap((key) => listChanges(before[key], after[key], at === '' ? key : `${at}.${key}`));
  }
  return JSON.stringify(before) === JSON.stringify(after) ? [] : [at];
}

/** Lists the values of a section with their places, such as `tls.certFile`; lists of plain values stand on one line. */
export function listValues(value: YamlValue, at = ''): [string, YamlValue][] {
  if (isGroup(value) && Object.keys(value).length > 0) {
    return Object.entries(value).flatMap(([key, inner]) => listValues(inner, at === '' ? key : `${at}.${key}`));
  }
  if (Array.isArray(value) && value.some((item) => typeof item === 'object')) {
    return (value as readonly YamlValue[]).flatMap((item, index) => listValues(item, `${at}[${index}]`));
  }
  return [[at, value]];
}

export function isGroup(value: YamlValue | undefined): value is Draft {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Writes a value on one line; a text as it is. */
export function showValue(value: YamlValue | undefined): string {
  if (value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
