// The metrics of the events: what was published, what waits, and how the brokers are.
import { Counter, type Registry } from 'prom-client';
import { counter, gauge } from './metric-kinds.js';
import type { MetricsSources } from './metrics-sources.js';

export function addEvents(registry: Registry, events: MetricsSources['events']): void {
  counter(
    registry,
    'lintel_events_published_total',
    'Events of the history that the broker acknowledged',
    () => events().published,
  );
  counter(registry, 'lintel_events_dropped_total', 'Events removed before they were published', () => events().dropped);
  counter(registry, 'lintel_events_expired_total', 'Events too late for their live topic', () => events().expired);
  new Counter({
    name: 'lintel_events_refused_total',
    help: 'Events that the broker did not take, by topic (live, history) and part (event, snapshot)',
    labelNames: ['topic', 'part'],
    registers: [registry],
    collect() {
      this.reset();
      const { liveRefused, liveWithoutSnapshot, historyRefused, historyWithoutSnapshot } = events();
      this.inc({ topic: 'live', part: 'event' }, liveRefused);
      this.inc({ topic: 'live', part: 'snapshot' }, liveWithoutSnapshot);
      this.inc({ topic: 'history', part: 'event' }, historyRefused);
      this.inc({ topic: 'history', part: 'snapshot' }, historyWithoutSnapshot);
    },
  });
  gauge(registry, 'lintel_events_set_aside', 'Events that the broker did not take whole', () => events().setAside);
  gauge(registry, 'lintel_events_pending', 'Events that wait for the broker', () => events().pending);
  gauge(
    registry,
    'lintel_events_fleet_pending',
    'Events that wait for the log of the fleet',
    () => events().fleetPending ?? 0,
  );
  gauge(registry, 'lintel_events_stored', 'Events kept on this device', () => events().stored);
  gauge(registry, 'lintel_broker_connected', '1 while the MQTT broker is connected', () => Number(events().connected));
  addBroker(registry, () => events().broker);
}

/** All are 0 where Lintel runs no broker of its own. */
function addBroker(registry: Registry, broker: () => ReturnType<MetricsSources['events']>['broker']): void {
  gauge(registry, 'lintel_broker_clients', "Clients of Lintel's own broker", () => broker()?.clients ?? 0);
  gauge(
    registry,
    'lintel_broker_sessions_waiting',
    "Sessions of absent clients of Lintel's own broker",
    () => broker()?.sessionsWaiting ?? 0,
  );
  const counts = [
    ['lintel_broker_refused_total', "Clients that Lintel's own broker refused", 'refused'],
    ['lintel_broker_cut_off_total', "Clients that Lintel's own broker cut off", 'cutOff'],
    ['lintel_broker_ignored_total', "Messages of clients that Lintel's own broker did not pass on", 'ignored'],
    ['lintel_broker_undelivered_total', 'Messages that did not reach an absent client', 'sessionMessagesDropped'],
  ] as const;
  for (const [name, help, key] of counts) counter(registry, name, help, () => broker()?.[key] ?? 0);
}
