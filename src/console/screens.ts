// The screens of the console in the order of the navigation. The doors are loaded alone, because they are what most people open.
import type { FunctionComponent } from 'preact';
import type { Role } from '../domain/role.js';

/** The parts of the address behind the id of the screen. */
export interface ScreenProps {
  path: readonly string[];
  query: URLSearchParams;
}

export const SCREEN_IDS = [
  'doors',
  'enrol',
  'people',
  'events',
  'trust',
  'health',
  'fleet',
  'strangers',
  'audit',
  'keys',
  'privacy',
  'setup',
] as const;
export type ScreenId = (typeof SCREEN_IDS)[number];

export interface Screen {
  /** First part of the address, and key of its name in the words of the shell. */
  id: ScreenId;
  /** Least role that sees it. */
  role: Role;
  load: () => Promise<{ default: FunctionComponent<ScreenProps> }>;
}

export const SCREENS: readonly Screen[] = [
  { id: 'doors', role: 'viewer', load: () => import('./screens/doors/screen.js') },
  { id: 'enrol', role: 'operator', load: () => loadMore('enrol') },
  { id: 'people', role: 'viewer', load: () => loadMore('people') },
  { id: 'events', role: 'viewer', load: () => loadMore('events') },
  { id: 'trust', role: 'viewer', load: () => loadMore('trust') },
  { id: 'health', role: 'viewer', load: () => loadMore('health') },
  { id: 'fleet', role: 'viewer', load: () => loadMore('fleet') },
  { id: 'strangers', role: 'admin', load: () => loadMore('strangers') },
  { id: 'audit', role: 'admin', load: () => loadMore('audit') },
  { id: 'keys', role: 'admin', load: () => loadMore('keys') },
  { id: 'privacy', role: 'viewer', load: () => loadMore('privacy') },
  { id: 'setup', role: 'admin', load: () => loadMore('setup') },
];

function loadMore(id: Exclude<ScreenId, 'doors'>): ReturnType<Screen['load']> {
  return import('./screens/more.js').then((screens) => ({ default: screens[id] }));
}
