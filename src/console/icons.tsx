// The icons of the navigation: lines on a grid of 24 by 24.
import type { ScreenId } from './screens.js';

const PATHS: Readonly<Record<ScreenId | 'menu' | 'close', string>> = {
  doors: 'M6 21V4.5L15 3v18M4 21h16M15 5h3v16M12 12v1',
  enrol:
    'M10 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM3.5 20c.5-4 3-6 6.500-6 1.500 0 2.800.4 3.800 1.100M18 14v6M15 17h6',
  people:
    'M9 11a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7ZM2.500 20c.4-4 2.900-6 6.500-6s6.100 2 6.500 6M15.500 4.300a3.500 3.500 0 0 1 0 6.400M18 14.500c2 .8 3.200 2.600 3.500 5.500',
  events: 'M8 6h13M8 12h13M8 18h13M3.500 6h.01M3.500 12h.01M3.500 18h.01',
  trust: 'M3 20h18M4 17c3 0 3.500-11 6-11s2.500 11 5.500 11M12 17c2.500 0 2.500-7 4.500-7s2 7 4 7',
  health: 'M3 12h4l2.500-6 4 12 2.500-6h5',
  fleet: 'M9 3h6v6H9ZM3 15h6v6H3ZM15 15h6v6h-6ZM12 9v3M6 15v-3h12v3',
  strangers:
    'M12 11a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7ZM5 20c.5-4 3.200-6 7-6M16.500 15.500a2 2 0 1 1 2.600 1.900c-.7.3-.8.8-.8 1.300M18.300 21h.01',
  audit: 'M6 3h9l4 4v14H6ZM14 3v5h5M9 13l2 2 4-4M9 18h6',
  keys: 'M8 15a4 4 0 1 1 3.700-5.500H21v3h-2v2.500h-3V12.500h-4.300A4 4 0 0 1 8 15ZM8 11h.01',
  privacy: 'M3 12c2.500-4 5.500-6 9-6s6.500 2 9 6c-2.500 4-5.500 6-9 6s-6.500-2-9-6ZM4 20 20 4',
  setup:
    'M4 7h10M18 7h2M4 17h2M10 17h10M16 9.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5ZM8 19.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5Z',
  menu: 'M4 6h16M4 12h16M4 18h16',
  close: 'M5 5l14 14M19 5 5 19',
};

/** One icon, hidden from screen readers: a text beside it, or the label of its button, has its meaning. */
export function Icon({ name }: { name: keyof typeof PATHS }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
