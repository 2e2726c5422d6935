// The operations of both dialects as tables, for cases that apply to many operations.
import { randomUUID } from 'node:crypto';
import type { Ask, DialectName } from './client.js';
import { makeShapes, type Shapes } from './shapes.js';
import type { World } from './world.js';
import { toImageBytes } from './world.js';

export interface Place {
  groupId: string;
  faceId: string;
}

export type OperationName =
  | 'create group'
  | 'list groups'
  | 'group details'
  | 'delete group'
  | 'detect'
  | 'spoofing'
  | 'register'
  | 'list faces'
  | 'delete face'
  | 'search by face'
  | 'search by image'
  | 'compare'
  | 'verify';

export interface Operation {
  name: OperationName;
  method: 'GET' | 'POST' | 'DELETE';
  path: (place: Place) => string;
  /** Fields of the body that hold pictures; absent for an operation without pictures. */
  images?: readonly string[];
  /** Fields of a body without pictures. */
  body?: () => object;
  /** Set when the path names a group, or a face of a group. */
  within?: 'group' | 'face';
}

/** One version of the API: its operations, shapes and codes. */
export interface Dialect {
  name: DialectName;
  operations: readonly Operation[];
  shapes: Shapes;
  /** Result code for a wrong appKey. */
  unauthorised: number;
}

const group = ({ groupId }: Place): string => `/groups/${groupId}`;
const face = ({ groupId, faceId }: Place): string => `/groups/${groupId}/faces/${faceId}`;
const newGroup = (): object => ({ groupId: `conformance-${randomUUID()}` });

export const V1: Dialect = {
  name: 'v1.0',
  unauthorised: -41000,
  shapes: makeShapes(true),
  operations: [
    { name: 'create group', method: 'POST', path: () => '/groups', body: newGroup },
    { name: 'list groups', method: 'GET', path: () => '/groups' },
    { name: 'group details', method: 'GET', path: group, within: 'group' },
    { name: 'delete group', method: 'DELETE', path: group, within: 'group' },
    { name: 'detect', method: 'POST', path: () => '/detect', images: ['image'] },
    { name: 'spoofing', method: 'POST', path: () => '/spoofing', images: ['image'] },
    { name: 'register', method: 'POST', path: group, images: ['image'], within: 'group' },
    { name: 'list faces', method: 'GET', path: (place) => `${group(place)}/faces`, within: 'group' },
    { name: 'delete face', method: 'DELETE', path: face, within: 'face' },
    { name: 'search by face', method: 'GET', path: face, within: 'face' },
    {
      name: 'search by image',
      method: 'POST',
      path: (place) => `${group(place)}/search`,
      images: ['image'],
      within: 'group',
    },
    { name: 'compare', method: 'POST', path: () => '/compare', images: ['sourceImage', 'targetImage'] },
    {
      name: 'verify',
      method: 'POST',
      path: (place) => `/verify${face(place)}`,
      images: ['compareImage'],
      within: 'face',
    },
  ],
};

export const V2: Dialect = {
  name: 'v2.0',
  unauthorised: -41005,
  shapes: makeShapes(false),
  operations: [
    { name: 'create group', method: 'POST', path: () => '/groups', body: newGroup },
    { name: 'list groups', method: 'GET', path: () => '/groups' },
    { name: 'group details', method: 'GET', path: group, within: 'group' },
    { name: 'delete group', method: 'DELETE', path: group, within: 'group' },
    { name: 'detect', method: 'POST', path: () => '/faces/detect', images: ['image'] },
    { name: 'register', method: 'POST', path: (place) => `${group(place)}/faces`, images: ['image'], within: 'group' },
    { name: 'list faces', method: 'GET', path: (place) => `${group(place)}/faces`, within: 'group' },
    { name: 'delete face', method: 'DELETE', path: face, within: 'face' },
    { name: 'search by face', method: 'GET', path: (place) => `${face(place)}/search`, within: 'face' },
    {
      name: 'search by image',
      method: 'POST',
      path: (place) => `${group(place)}/faces/search`,
      images: ['image'],
      within: 'group',
    },
    { name: 'compare', method: 'POST', path: () => '/faces/compare', images: ['sourceImage', 'targetImage'] },
    {
      name: 'verify',
      method: 'POST',
      path: (place) => `${face(place)}/verify`,
      images: ['compareImage'],
      within: 'face',
    },
  ],
};

export function operation(dialect: Dialect, name: OperationName): Operation {
  const found = dialect.operations.find((one) => one.name === name);
  if (!found) throw new TypeError(`${dialect.name} has no operation ${name}`);
  return found;
}

export interface AskFor {
  /** Group or face that the operation works on; by default those of the enrolled people. */
  place?: Place;
  /** Fields that replace those of a valid body. */
  body?: object;
  query?: string;
  more?: Partial<Ask>;
}

/** Makes a valid request for the operation, changed by the options. */
export function askFor(dialect: Dialect, one: Operation, world: World, options: AskFor = {}): Ask {
  const { place = world.place, body, query, more } = options;
  const good = one.images
    ? Object.fromEntries(one.images.map((field) => [field, toImageBytes(world.pictures.ann)]))
    : one.body?.();
  return {
    method: one.method,
    path: one.path(place) + (query === undefined ? '' : `?${query}`),
    dialect: dialect.name,
    ...(good === undefined ? {} : { body: { ...good, ...body } }),
    ...more,
  };
}
