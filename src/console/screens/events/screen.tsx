// The screen "events": the list, or one event opened.
import type { ScreenProps } from '../../screens.js';
import { EventList } from './list.js';
import { OpenedEventPage } from './opened.js';

export default function EventsScreen({ path, query }: ScreenProps) {
  const [sequence] = path;
  return sequence === undefined ? <EventList query={query} /> : <OpenedEventPage key={sequence} sequence={sequence} />;
}
