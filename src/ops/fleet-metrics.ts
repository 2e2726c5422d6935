// The metrics of the fleet. A device that is in no fleet has none of their lines.
import { Counter, Gauge, type Registry } from 'prom-client';
import type { FleetSource, MetricsSources } from './metrics-sources.js';

type Labels = Readonly<Record<string, string>>;
/** One line of a metric: its labels and its value. */
type Line = readonly [Labels, number];

interface FleetMetric {
  name: string;
  help: string;
  labels: readonly string[];
  isCounter?: boolean;
  list: (fleet: FleetSource) => readonly Line[];
}

const METRICS: readonly FleetMetric[] = [
  {
    name: 'lintel_fleet_role',
    help: '1 for the role that this device has in the fleet',
    labels: ['role'],
    list: ({ role }) => [[{ role }, 1]],
  },
  {
    name: 'lintel_fleet_connected',
    help: '1 while the log of the fleet can be reached',
    labels: ['log'],
    list: ({ log }) => [[{ log: log.kind }, Number(log.isConnected)]],
  },
  {
    name: 'lintel_fleet_group_version',
    help: 'Version of each group that was published or applied last',
    labels: ['group'],
    list: ({ groups }) => groups.map(({ groupId, version }) => [{ group: groupId }, version]),
  },
  {
    name: 'lintel_fleet_group_records',
    help: 'Faces of each group in that version',
    labels: ['group'],
    list: ({ groups }) => groups.map(({ groupId, records }) => [{ group: groupId }, records]),
  },
  {
    name: 'lintel_fleet_group_lag_seconds',
    help: 'Age of the newest head of each group',
    labels: ['group'],
    list: ({ groups, atMs }) =>
      groups.flatMap(({ groupId, issuedAt }): Line[] =>
        issuedAt === undefined ? [] : [[{ group: groupId }, Math.max(0, (atMs - Date.parse(issuedAt)) / 1_000)]],
      ),
  },
  {
    name: 'lintel_fleet_group_state',
    help: '1 for the state that each group is in: current, behind, stale, unusable or missing',
    labels: ['group', 'state'],
    list: ({ groups }) => groups.map(({ groupId, state }) => [{ group: groupId, state }, 1]),
  },
  {
    name: 'lintel_fleet_doors',
    help: 'Doors by their state; at the authority',
    labels: ['state'],
    list: ({ role, doors }) => {
      if (role !== 'authority') return [];
      const states = ['waiting', 'approved', 'refused', 'removed'];
      return states.map((state) => [{ state }, doors.filter((door) => door.state === state).length]);
    },
  },
  {
    name: 'lintel_fleet_doors_behind',
    help: 'Doors that have not applied the newest versions; at the authority',
    labels: ['role'],
    list: ({ role, doors }) => {
      if (role !== 'authority') return [];
      return [[{ role }, doors.filter((door) => door.state === 'approved' && (door.lagVersions ?? 0) > 0).length]];
    },
  },
  {
    name: 'lintel_fleet_doors_with_problems',
    help: 'Doors with a problem, such as missing models or a stale copy; at the authority',
    labels: ['role'],
    list: ({ role, doors }) => {
      if (role !== 'authority') return [];
      return [[{ role }, doors.filter((door) => door.state === 'approved' && door.problems.length > 0).length]];
    },
  },
  {
    name: 'lintel_fleet_publications_total',
    help: 'Heads of groups that the log has taken; at the authority',
    labels: ['role'],
    isCounter: true,
    list: ({ role, counts }) =>
      counts?.publications === undefined || role !== 'authority' ? [] : [[{ role }, counts.publications]],
  },
  {
    name: 'lintel_fleet_refused_heads_total',
    help: 'Heads that this device has refused, by reason; at a door',
    labels: ['reason'],
    isCounter: true,
    list: ({ counts }) => Object.entries(counts?.refusedHeads ?? {}).map(([reason, count]) => [{ reason }, count]),
  },
];

/** Adds the metrics of the fleet. Its state is read once for each request of /metrics, because that of many doors takes some milliseconds. */
export function addFleet(registry: Registry, fleet: MetricsSources['fleet']): void {
  const fills: ((state: FleetSource | undefined) => void)[] = [];
  METRICS.forEach(({ name, help, labels, isCounter, list }, index) => {
    // The registry collects the metrics in the order in which they were added: the first one fills all of them.
    const collect = index === 0 ? { collect: () => fillAll() } : {};
    const options = { name, help, labelNames: [...labels], registers: [registry], ...collect };
    if (isCounter) {
      const metric = new Counter(options);
      fills.push((state) => {
        metric.reset();
        if (state) for (const [line, value] of list(state)) metric.inc({ ...line }, value);
      });
    } else {
      const metric = new Gauge(options);
      fills.push((state) => {
        metric.reset();
        if (state) for (const [line, value] of list(state)) metric.set({ ...line }, value);
      });
    }
  });
  const fillAll = (): void => {
    const state = fleet();
    for (const fill of fills) fill(state);
  };
}
