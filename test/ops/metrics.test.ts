// The text of GET /metrics.
import { describe, expect, it } from 'vitest';
import type { MetricsSources } from '../../src/ops/metrics-sources.js';
import { createMetrics } from '../../src/ops/metrics.js';

function camera(
  id: string,
  changes: Partial<ReturnType<MetricsSources['cameras']>[number]['camera']>,
  eventCounts: ReturnType<MetricsSources['cameras']>[number]['eventCounts'] = [],
): ReturnType<MetricsSources['cameras']>[number] {
  return {
    id,
    camera: {
      ...{
        status: 'running',
        frames: 1,
        dropped: 0,
        damaged: 0,
        streamChanges: 0,
        analysed: 0,
        analysisMs: 0,
        fps: 0,
        losses: 0,
        reopenings: 0,
        delayMs: 0,
      },
      ...changes,
    },
    recognition: { tracks: 4, embedded: 9, lostEvents: 1, matchMs: 1_800 },
    eventCounts,
  };
}

const REFUSED = { setAside: 5, liveRefused: 1, liveWithoutSnapshot: 2, historyRefused: 3, historyWithoutSnapshot: 4 };

function sources(changes: Partial<MetricsSources> = {}): MetricsSources {
  return {
    build: { version: '0.1.0', node: 'v20.19.0', opencv: '4.6.0' },
    models: () => ({ modelVersion: 'standard-1', models: [{ task: 'detector', precision: 'int8', provider: 'cpu' }] }),
    vision: () => ({ workers: 2, busy: 1, queued: 5, completed: 70, rejected: 3, overdue: 4, cancelled: 6 }),
    cameras: () => [
      camera(
        'front',
        {
          frames: 100,
          dropped: 40,
          damaged: 8,
          streamChanges: 5,
          analysed: 55,
          analysisMs: 2_750,
          fps: 9.5,
          losses: 2,
          reopenings: 1,
          delayMs: 250,
        },
        [
          { type: 'match', reason: 'agreed', count: 6 },
          { type: 'unknown', reason: 'tie', count: 1 },
        ],
      ),
      camera('yard', { status: 'lost', fault: 'covered', frames: 7 }),
    ],
    events: () => ({
      ...{
        published: 11,
        pending: 2,
        fleetPending: 8,
        dropped: 1,
        expired: 4,
        stored: 13,
        connected: true,
        ...REFUSED,
      },
      broker: { clients: 7, refused: 3, cutOff: 4, ignored: 50, sessionsWaiting: 2, sessionMessagesDropped: 6 },
    }),
    gallery: () => ({ groups: 3, faces: 1000 }),
    http: () => ({ connections: 5, connectionsClosed: 6, heldBytes: 700, refused: { host: 8, bytes: 0 } }),
    fleet: () => undefined,
    vitals: () => ({ temperatureCelsius: 51.5 }),
    droppedLogLines: () => 12,
    ...changes,
  };
}

/** The samples of Lintel's own metrics, without the histogram's. */
async function samples(text: string): Promise<string[]> {
  return text.split('\n').filter((line) => line.startsWith('lintel_') && !line.startsWith('lintel_http_request_'));
}

describe('the metrics', () => {
  it('show the numbers of the parts', async () => {
    expect((await samples(await createMetrics(sources()).text())).toSorted()).toEqual(
      [
        'lintel_build_info{version="0.1.0",node="v20.19.0",opencv="4.6.0"} 1',
        'lintel_model_info{model_version="standard-1",task="detector",precision="int8",provider="cpu"} 1',
        'lintel_vision_workers 2',
        'lintel_log_lines_dropped_total 12',
        'lintel_vision_workers_busy 1',
        'lintel_vision_queue_length 5',
        'lintel_vision_completed_total 70',
        'lintel_vision_rejected_total 3',
        'lintel_vision_overdue_total 4',
        'lintel_vision_cancelled_total 6',
        'lintel_camera_status{camera="front",status="running"} 1',
        'lintel_camera_status{camera="yard",status="lost"} 1',
        'lintel_camera_analysed_fps{camera="front"} 9.5',
        'lintel_camera_analysed_fps{camera="yard"} 0',
        'lintel_camera_frames_total{camera="front"} 100',
        'lintel_camera_frames_total{camera="yard"} 7',
        'lintel_camera_dropped_frames_total{camera="front"} 40',
        'lintel_camera_dropped_frames_total{camera="yard"} 0',
        'lintel_camera_damaged_frames_total{camera="front"} 8',
        'lintel_camera_damaged_frames_total{camera="yard"} 0',
        'lintel_camera_stream_changes_total{camera="front"} 5',
        'lintel_camera_stream_changes_total{camera="yard"} 0',
        'lintel_camera_fault{camera="yard",fault="covered"} 1',
        'lintel_camera_delay_seconds{camera="front"} 0.25',
        'lintel_camera_delay_seconds{camera="yard"} 0',
        'lintel_camera_analysed_frames_total{camera="front"} 55',
        'lintel_camera_analysed_frames_total{camera="yard"} 0',
        'lintel_camera_analysis_seconds_total{camera="front"} 2.75',
        'lintel_camera_analysis_seconds_total{camera="yard"} 0',
        'lintel_camera_match_seconds_total{camera="front"} 1.8',
        'lintel_camera_match_seconds_total{camera="yard"} 1.8',
        'lintel_temperature_celsius 51.5',
        'lintel_camera_losses_total{camera="front"} 2',
        'lintel_camera_losses_total{camera="yard"} 0',
        'lintel_camera_reopenings_total{camera="front"} 1',
        'lintel_camera_reopenings_total{camera="yard"} 0',
        ...['front', 'yard'].flatMap((id) => [
          `lintel_tracks_total{camera="${id}"} 4`,
          `lintel_embedded_shots_total{camera="${id}"} 9`,
          `lintel_lost_events_total{camera="${id}"} 1`,
        ]),
        'lintel_decisions_total{camera="front",type="match",reason="agreed"} 6',
        'lintel_decisions_total{camera="front",type="unknown",reason="tie"} 1',
        'lintel_events_stored 13',
        'lintel_events_published_total 11',
        'lintel_events_pending 2',
        'lintel_events_fleet_pending 8',
        'lintel_events_dropped_total 1',
        'lintel_events_expired_total 4',
        'lintel_events_set_aside 5',
        'lintel_events_refused_total{topic="live",part="event"} 1',
        'lintel_events_refused_total{topic="live",part="snapshot"} 2',
        'lintel_events_refused_total{topic="history",part="event"} 3',
        'lintel_events_refused_total{topic="history",part="snapshot"} 4',
        'lintel_broker_connected 1',
        'lintel_broker_clients 7',
        'lintel_broker_sessions_waiting 2',
        'lintel_broker_refused_total 3',
        'lintel_broker_cut_off_total 4',
        'lintel_broker_ignored_total 50',
        'lintel_broker_undelivered_total 6',
        'lintel_gallery_groups 3',
        'lintel_gallery_faces 1000',
        'lintel_http_connections 5',
        'lintel_http_connections_closed_total 6',
        'lintel_http_held_bytes 700',
        'lintel_http_refused_total{reason="host"} 8',
        'lintel_http_refused_total{reason="bytes"} 0',
      ].toSorted(),
    );
  });

  it('are read again for each text, and old labels disappear', async () => {
    let status = 'opening';
    let completed = 1;
    const metrics = createMetrics(
      sources({
        vision: () => ({ workers: 1, busy: 0, queued: 0, completed, rejected: 0, overdue: 0, cancelled: 0 }),
        cameras: () => [camera('front', { status })],
        events: () => ({ published: 0, pending: 0, dropped: 0, expired: 0, stored: 0, connected: false, ...REFUSED }),
      }),
    );
    await metrics.text();
    status = 'running';
    completed = 5;
    const text = await metrics.text();
    expect(text).toContain('lintel_camera_status{camera="front",status="running"} 1');
    expect(text).not.toContain('status="opening"');
    expect(text).toContain('lintel_vision_completed_total 5\n');
    expect(text).toContain('lintel_broker_connected 0\n');
    expect(text).toContain('lintel_broker_ignored_total 0\n');
  });

  it('time the requests by route and HTTP status', async () => {
    const metrics = createMetrics(sources());
    metrics.observeRequest({ route: 'POST /detect', status: 200, resultCode: 0, seconds: 0.02 });
    metrics.observeRequest({ route: 'POST /detect', status: 200, resultCode: -45040, seconds: 3 });
    metrics.observeRequest({ route: 'GET /cameras', status: 401, resultCode: undefined, seconds: 0.001 });
    const text = await metrics.text();
    const name = 'lintel_http_request_duration_seconds';
    expect(text).toContain(`${name}_count{route="POST /detect",status="200"} 2\n`);
    expect(text).toContain(`${name}_bucket{le="0.025",route="POST /detect",status="200"} 1\n`);
    expect(text).toContain(`${name}_count{route="GET /cameras",status="401"} 1\n`);
  });

  it('count result codes for the API that has them, and never a status among them', async () => {
    const metrics = createMetrics(sources());
    metrics.observeRequest({ route: 'POST /detect', status: 200, resultCode: 0, seconds: 0.02 });
    metrics.observeRequest({ route: 'POST /detect', status: 200, resultCode: 0, seconds: 0.02 });
    metrics.observeRequest({ route: 'POST /detect', status: 200, resultCode: -45040, seconds: 0.02 });
    metrics.observeRequest({ route: 'GET /cameras', status: 404, resultCode: undefined, seconds: 0.02 });
    const lines = (await metrics.text()).split('\n').filter((line) => line.includes('result_code='));
    expect(lines).toEqual([
      'lintel_api_requests_total{route="POST /detect",result_code="0"} 2',
      'lintel_api_requests_total{route="POST /detect",result_code="-45040"} 1',
    ]);
  });

  it('are in the format of Prometheus, with help and type, and those of the process', async () => {
    const metrics = createMetrics(sources());
    const text = await metrics.text();
    expect(metrics.contentType).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(text).toContain('# TYPE lintel_vision_completed_total counter\n');
    expect(text).toContain('# TYPE lintel_gallery_faces gauge\n');
    expect(text).toMatch(/^process_resident_memory_bytes \d+$/m);
    expect(text).toMatch(/^nodejs_eventloop_lag_seconds [\d.e-]+$/m);
  });

  it('of two services in one process do not meet', async () => {
    const one = createMetrics(sources());
    const two = createMetrics(sources());
    one.observeRequest({ route: 'GET /groups', status: 200, resultCode: 0, seconds: 0.01 });
    expect(await one.text()).toContain('route="GET /groups"');
    expect(await two.text()).not.toContain('route="GET /groups"');
  });

  describe('of the fleet', () => {
    const read = async (fleet: MetricsSources['fleet']): Promise<string[]> =>
      (await samples(await createMetrics(sources({ fleet })).text())).filter((line) =>
        line.startsWith('lintel_fleet_'),
      );
    const atMs = Date.parse('2026-01-01T00:01:30Z');
    const group = { groupId: 'staff', version: 7, records: 120, issuedAt: '2026-01-01T00:00:00Z', state: 'stale' };

    it('are absent where the device is in none', async () => {
      expect(await read(() => undefined)).toEqual([]);
    });

    it('show the copies of a door, and the heads that it has refused', async () => {
      const counts = { refusedHeads: { 'rolled-back': 2, forged: 1 } };
      const log = { kind: 'nats', isConnected: false };
      expect(await read(() => ({ role: 'door', log, atMs, groups: [group], doors: [], counts }))).toEqual([
        'lintel_fleet_role{role="door"} 1',
        'lintel_fleet_connected{log="nats"} 0',
        'lintel_fleet_group_version{group="staff"} 7',
        'lintel_fleet_group_records{group="staff"} 120',
        'lintel_fleet_group_lag_seconds{group="staff"} 90',
        'lintel_fleet_group_state{group="staff",state="stale"} 1',
        'lintel_fleet_refused_heads_total{reason="rolled-back"} 2',
        'lintel_fleet_refused_heads_total{reason="forged"} 1',
      ]);
    });

    it('count the doors of the authority by state, and read its state once for each request', async () => {
      let reads = 0;
      const doors = [
        { state: 'waiting', problems: [] },
        { state: 'approved', lagVersions: 2, problems: ['The models are missing.'] },
        { state: 'approved', lagVersions: 0, problems: [] },
      ];
      const lines = await read(() => {
        reads += 1;
        const log = { kind: 'folder', isConnected: true };
        return { role: 'authority', log, atMs, groups: [], doors, counts: { publications: 9 } };
      });
      expect(lines).toEqual([
        'lintel_fleet_role{role="authority"} 1',
        'lintel_fleet_connected{log="folder"} 1',
        'lintel_fleet_doors{state="waiting"} 1',
        'lintel_fleet_doors{state="approved"} 2',
        'lintel_fleet_doors{state="refused"} 0',
        'lintel_fleet_doors{state="removed"} 0',
        'lintel_fleet_doors_behind{role="authority"} 1',
        'lintel_fleet_doors_with_problems{role="authority"} 1',
        'lintel_fleet_publications_total{role="authority"} 9',
      ]);
      expect(reads).toBe(1);
    });
  });
});
